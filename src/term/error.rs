//! Why bytes are not the term that was expected, and why a value is none.

use std::borrow::Cow;
use std::fmt;

use crate::error_text::errors;

use super::bounded::bounded;

/// Error returned from [`from_slice`](super::from_slice) and its like: [why](Self::kind) the bytes
/// are not what was expected, and [where](Self::offset).
///
/// ```
/// use procession::term::{self, DecodeErrorKind};
///
/// // {add, "x"}
/// let bytes = [131, 104, 2, 119, 3, b'a', b'd', b'd', 107, 0, 1, b'x'];
///
/// let error = term::from_slice::<(term::Atom, i64)>(&bytes).unwrap_err();
/// assert_eq!(error.to_string(), "invalid type: a list, expected i64, at byte 8");
/// assert_eq!(error.kind(), DecodeErrorKind::Mismatch);
///
/// let error = term::from_slice::<term::Term>(&bytes[..10]).unwrap_err();
/// assert_eq!(error.to_string(), "the term is cut short, at byte 10");
/// assert_eq!(error.kind(), DecodeErrorKind::Malformed);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Failure>); // A result with it is hardly larger than the value.

#[derive(Clone, PartialEq, Eq)]
struct Failure {
    kind: DecodeErrorKind,
    text: Cow<'static, str>,
    /// Not known yet of what user code says; whoever called that code adds it.
    offset: Option<usize>,
}

/// How many characters of what serde or a visitor says are kept.
const MAX_TEXT: usize = 256;

/// Why bytes are not what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes are no term.
    Malformed,
    /// They are a term, or look like one, that is deeper or larger than the [limits](super#limits).
    TooLarge,
    /// They are a term, which is not of the type that was asked for.
    Mismatch,
}

impl DecodeError {
    #[cold]
    pub(super) fn malformed(offset: usize, text: impl Into<Cow<'static, str>>) -> DecodeError {
        DecodeError::at(offset, DecodeErrorKind::Malformed, text.into())
    }

    #[cold]
    pub(super) fn too_large(offset: usize, text: impl Into<Cow<'static, str>>) -> DecodeError {
        DecodeError::at(offset, DecodeErrorKind::TooLarge, text.into())
    }

    #[cold]
    pub(super) fn mismatch(offset: usize, text: impl Into<Cow<'static, str>>) -> DecodeError {
        DecodeError::at(offset, DecodeErrorKind::Mismatch, text.into())
    }

    fn at(offset: usize, kind: DecodeErrorKind, text: Cow<'static, str>) -> DecodeError {
        DecodeError(Box::new(Failure { kind, text, offset: Some(offset) }))
    }

    /// Adds where it was, unless that is known: what is inside knows better.
    #[cold]
    pub(super) fn or_at(mut self, offset: usize) -> DecodeError {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Returns what is wrong, without where: what whoever has sent the term can make use of.
    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns why the bytes are not what was expected.
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// Returns the offset in bytes at which the term begins that is not as expected, or at which
    /// the bytes go wrong.
    pub fn offset(&self) -> usize {
        self.0.offset.unwrap_or(0)
    }
}

/// Adds to an error at which byte it was, unless that is known.
pub(super) fn located<T>(offset: usize, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
    result.map_err(|error| error.or_at(offset))
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.0.text, self.offset())
    }
}

impl serde::de::Error for DecodeError {
    /// What serde and visitors say may have in it what a peer has sent, of any length.
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> DecodeError {
        let text = Cow::Owned(bounded(text, MAX_TEXT));
        DecodeError(Box::new(Failure { kind: DecodeErrorKind::Mismatch, text, offset: None }))
    }
}

/// Error returned from [`to_vec`](super::to_vec) and its like: says why the value is no term.
///
/// ```
/// use procession::term;
///
/// let error = term::to_vec(&f64::NAN).unwrap_err();
/// assert_eq!(error.to_string(), "the float NaN is no term");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EncodeError(Box<Refusal>); // A result with it is hardly larger than the value.

#[derive(Clone, PartialEq, Eq)]
struct Refusal {
    text: String,
    /// Whether it is a term, but one that is larger than the limits.
    is_too_large: bool,
}

impl EncodeError {
    #[cold]
    pub(super) fn new(text: String) -> EncodeError {
        EncodeError(Box::new(Refusal { text, is_too_large: false }))
    }

    #[cold]
    pub(super) fn too_large(text: String) -> EncodeError {
        EncodeError(Box::new(Refusal { text, is_too_large: true }))
    }

    /// Returns the error for whoever wanted to read the value by the way of its bytes.
    #[cold]
    pub(super) fn on_reading(self) -> DecodeError {
        let Refusal { text, is_too_large } = *self.0;
        let error = if is_too_large { DecodeError::too_large } else { DecodeError::mismatch };
        error(0, text)
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl serde::ser::Error for EncodeError {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> EncodeError {
        EncodeError::new(text.to_string())
    }
}

errors!(DecodeError, EncodeError);
