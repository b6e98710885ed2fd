//! The traits that all typed references implement.

/// Implements the traits of `$name<K, T>`, a reference to something of type `K` that holds a `T`.
macro_rules! reference_traits {
    ($name:ident, $field:ident) => {
        impl<K, T: Clone> Clone for $name<K, T> {
            fn clone(&self) -> Self {
                $name { $field: self.$field.clone(), marker: PhantomData }
            }
        }

        impl<K, T: Copy> Copy for $name<K, T> {}

        impl<K, T: PartialEq> PartialEq for $name<K, T> {
            fn eq(&self, other: &Self) -> bool {
                self.$field == other.$field
            }
        }

        impl<K, T: Eq> Eq for $name<K, T> {}

        impl<K, T: Hash> Hash for $name<K, T> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.$field.hash(state);
            }
        }

        impl<K, T: fmt::Debug> fmt::Debug for $name<K, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.$field).finish()
            }
        }

        impl<K, T: Address> From<$name<K, T>> for Destination {
            fn from(reference: $name<K, T>) -> Destination {
                reference.$field.into()
            }
        }

        impl<K, T: Address> From<&$name<K, T>> for Destination {
            fn from(reference: &$name<K, T>) -> Destination {
                reference.clone().into()
            }
        }

        impl<K> From<$name<K>> for Pid {
            fn from(reference: $name<K>) -> Pid {
                reference.$field.into()
            }
        }

        impl<K> From<&$name<K>> for Pid {
            fn from(reference: &$name<K>) -> Pid {
                (*reference).into()
            }
        }

        impl<K> From<$name<K>> for $name<K, Destination> {
            fn from(reference: $name<K>) -> $name<K, Destination> {
                $name { $field: reference.$field.into(), marker: PhantomData }
            }
        }

        impl<K> From<$name<K, Name>> for $name<K, Destination> {
            fn from(reference: $name<K, Name>) -> $name<K, Destination> {
                $name { $field: reference.$field.into(), marker: PhantomData }
            }
        }

        impl<K> ToProcess for $name<K> {}

        impl<K> ToProcess for &$name<K> {}
    };
}

pub(crate) use reference_traits;
