//! How the errors of the crate print themselves.

/// Makes types that are displayed errors, whose `Debug` is the text of their `Display`: that is
/// what a `main` prints that returns one, and `unwrap`.
macro_rules! errors {
    ($($name:ty),+ $(,)?) => {
        $(
            impl ::std::error::Error for $name {}

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
