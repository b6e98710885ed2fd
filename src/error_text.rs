//! How the errors of the crate print themselves.

/// Makes types that are displayed errors, whose `Debug` is the text of their `Display`: that is
/// what a `main` prints that returns one, and `unwrap`.
///
/// `Type => function` is an error with a source, which the function returns.
macro_rules! errors {
    ($($name:ty $(=> $source:path)?),+ $(,)?) => {
        $(
            impl ::std::error::Error for $name {
                $(
                    fn source(&self) -> Option<&(dyn ::std::error::Error + 'static)> {
                        $source(self)
                    }
                )?
            }

            /// The same text as `Display`, which is what a `main` prints that returns the error.
            impl ::std::fmt::Debug for $name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    ::std::fmt::Display::fmt(self, f)
                }
            }
        )+
    };
}

pub(crate) use errors;
