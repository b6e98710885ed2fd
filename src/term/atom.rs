//! Atoms: names that are values.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::error_text::errors;

/// The most characters that an atom can have.
pub(super) const MAX_CHARACTERS: usize = 255;

/// A name that is a value of its own, of at most 255 characters.
///
/// Here an atom is a string that its clones share. There is no table of atoms, so a peer cannot
/// fill one, and an atom that nobody has takes no memory. It prints as in Erlang, in quotes if it
/// must.
///
/// OTP: [Atoms](https://www.erlang.org/doc/system/data_types.html#atom).
///
/// ```
/// use procession::term::{Atom, atom};
///
/// const DEPOSIT: Atom = atom("deposit");
///
/// assert_eq!(Atom::new("deposit"), Ok(DEPOSIT));
/// assert_eq!(DEPOSIT, "deposit");
/// assert_eq!(atom("Hello, world").to_string(), "'Hello, world'");
/// assert_eq!("deposit".parse(), Ok(DEPOSIT));
/// assert_eq!(format!("{DEPOSIT:>9}"), "  deposit");
/// assert!(Atom::new(&"long".repeat(64)).is_err());
/// ```
#[derive(Clone)]
pub struct Atom(Name);

#[derive(Clone)]
enum Name {
    /// One in the program.
    Static(&'static str),
    Shared(Arc<str>),
}

/// Returns the atom of this name.
///
/// # Panics
///
/// If it is longer than 255 characters; in a constant, the program does not compile.
pub const fn atom(name: &'static str) -> Atom {
    assert!(count_characters(name) <= MAX_CHARACTERS, "an atom has at most 255 characters");
    Atom(Name::Static(name))
}

/// As `str::chars().count()`, which is not for constants.
const fn count_characters(text: &str) -> usize {
    let (bytes, mut at, mut count) = (text.as_bytes(), 0, 0);
    while at < bytes.len() {
        // All bytes of a character but the first begin with the bits 10.
        count += (bytes[at] & 0xc0 != 0x80) as usize;
        at += 1;
    }
    count
}

/// Whether an atom can have this name.
pub(super) fn check_length(name: &str) -> Result<(), AtomTooLong> {
    // No character is shorter than a byte.
    if name.len() <= MAX_CHARACTERS {
        return Ok(());
    }
    match count_characters(name) {
        0..=MAX_CHARACTERS => Ok(()),
        characters => Err(AtomTooLong { characters }),
    }
}

impl Atom {
    /// Returns the atom of this name.
    ///
    /// # Errors
    ///
    /// If it is longer than 255 characters.
    pub fn new(name: &str) -> Result<Atom, AtomTooLong> {
        check_length(name)?;
        Ok(Atom(Name::Shared(name.into())))
    }

    /// Returns its name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Static(name) => name,
            Name::Shared(name) => name,
        }
    }
}

/// As [`Atom::new`].
impl FromStr for Atom {
    type Err = AtomTooLong;

    fn from_str(name: &str) -> Result<Atom, AtomTooLong> {
        Atom::new(name)
    }
}

/// As [`Atom::new`].
impl TryFrom<String> for Atom {
    type Error = AtomTooLong;

    fn try_from(name: String) -> Result<Atom, AtomTooLong> {
        check_length(&name)?;
        Ok(Atom(Name::Shared(name.into())))
    }
}

/// A name is longer than an atom can be: OTP's `system_limit`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtomTooLong {
    /// How many characters it has.
    pub characters: usize,
}

impl fmt::Display for AtomTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an atom of {} characters, where 255 are allowed", self.characters)
    }
}

errors!(AtomTooLong);

impl PartialEq for Atom {
    fn eq(&self, other: &Atom) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Atom {}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Atom) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By their characters, as in Erlang.
impl Ord for Atom {
    fn cmp(&self, other: &Atom) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// So an atom in a map is found by its name.
impl Borrow<str> for Atom {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}
