//! Terms of simple values, and back.

use super::Term;
use super::atom::{Atom, atom};
use super::integer::BigInteger;
use super::map::Map;

/// Each returns nothing if the term is of another kind.
///
/// ```
/// use procession::term::{self, Term, atom};
///
/// let term = term::to_term(&(atom("deposit"), "ann", 50))?;
/// let [tag, account, amount] = term.as_tuple().unwrap() else { unreachable!() };
/// assert_eq!(tag.as_atom(), Some(&atom("deposit")));
/// assert_eq!((account.as_str(), amount.as_i64()), (Some("ann"), Some(50)));
/// assert_eq!(amount.as_list(), None);
/// # Ok::<(), term::EncodeError>(())
/// ```
impl Term {
    /// Returns the integer that it is, if that is an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        if let Term::Integer(number) = self { Some(*number) } else { None }
    }

    /// Returns the float that it is.
    pub fn as_f64(&self) -> Option<f64> {
        if let Term::Float(number) = self { Some(*number) } else { None }
    }

    /// Returns the atom that it is.
    pub fn as_atom(&self) -> Option<&Atom> {
        if let Term::Atom(atom) = self { Some(atom) } else { None }
    }

    /// Returns the text that it is: a binary of UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Returns the bytes of the binary that it is.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Term::Binary(bytes) = self { Some(bytes) } else { None }
    }

    /// Returns the elements of the list that it is.
    pub fn as_list(&self) -> Option<&[Term]> {
        if let Term::List(items) = self { Some(items) } else { None }
    }

    /// Returns the elements of the tuple that it is.
    pub fn as_tuple(&self) -> Option<&[Term]> {
        if let Term::Tuple(items) = self { Some(items) } else { None }
    }

    /// Returns the map that it is.
    pub fn as_map(&self) -> Option<&Map> {
        if let Term::Map(map) = self { Some(map) } else { None }
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Term {
        Term::Atom(if value { atom("true") } else { atom("false") })
    }
}

impl From<f64> for Term {
    fn from(value: f64) -> Term {
        Term::Float(value)
    }
}

impl From<Atom> for Term {
    fn from(atom: Atom) -> Term {
        Term::Atom(atom)
    }
}

impl From<f32> for Term {
    fn from(value: f32) -> Term {
        Term::Float(value.into())
    }
}

impl From<BigInteger> for Term {
    fn from(number: BigInteger) -> Term {
        Term::BigInteger(number)
    }
}

impl From<Map> for Term {
    fn from(map: Map) -> Term {
        Term::Map(map)
    }
}

/// A list.
impl From<Vec<Term>> for Term {
    fn from(items: Vec<Term>) -> Term {
        Term::List(items)
    }
}

/// A binary, as for serde.
impl From<&str> for Term {
    fn from(text: &str) -> Term {
        Term::Binary(text.as_bytes().into())
    }
}

/// A binary, as for serde.
impl From<String> for Term {
    fn from(text: String) -> Term {
        Term::Binary(text.into_bytes().into())
    }
}

/// Integers of Rust as terms.
macro_rules! from_integers {
    ($($type:ty),+) => {
        $(
            impl From<$type> for Term {
                #[allow(unused_comparisons, reason = "of those without a sign")]
                fn from(number: $type) -> Term {
                    match i64::try_from(number) {
                        Ok(number) => Term::Integer(number),
                        Err(_) => {
                            let absolute = if number < 0 { number.wrapping_neg() } else { number };
                            Term::integer(number < 0, &absolute.to_le_bytes())
                        }
                    }
                }
            }
        )+
    };
}

from_integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
