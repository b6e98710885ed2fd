//! A place in bytes, and what stands there.

use std::borrow::Cow;

use super::atom;
use super::error::DecodeError;
use super::integer;
use super::tag;

/// Reads what terms are made of. It trusts nothing, allocates only what is there, and an error
/// says at which byte it is.
#[derive(Clone)]
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    /// The offset of the first byte, for errors.
    origin: usize,
}

/// An integer in bytes.
pub(super) enum Number<'de> {
    Small(i32),
    /// The magnitude, the least significant byte first, may have zeros at its end.
    Big {
        negative: bool,
        magnitude: &'de [u8],
    },
}

/// What a variant is but for its fields.
pub(super) struct Head<'de> {
    pub(super) tag: Cow<'de, str>,
    /// Where the tag begins.
    pub(super) tag_at: usize,
    pub(super) fields: usize,
}

impl<'de> Reader<'de> {
    #[inline]
    pub(super) fn new(bytes: &'de [u8], origin: usize) -> Reader<'de> {
        Reader { bytes, at: 0, origin }
    }

    /// The offset of the next byte.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.origin + self.at
    }

    /// How many bytes there still are.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Returns what has been read since `start`, which was a position then.
    #[inline]
    pub(super) fn since(&self, start: usize) -> &'de [u8] {
        &self.bytes[start - self.origin..self.at]
    }

    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'de [u8], DecodeError> {
        match self.bytes[self.at..].get(..count) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => {
                let end = self.origin + self.bytes.len();
                Err(DecodeError::malformed(end, "the term is cut short"))
            }
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("so many were taken"))
    }

    /// Returns the next byte, which stays the next.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Returns a length of four bytes.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, DecodeError> {
        // What does not fit is longer than the bytes.
        self.u32().map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Returns the integer whose tag was read, or nothing if it is the tag of something else.
    pub(super) fn integer(&mut self, tag: u8) -> Result<Option<Number<'de>>, DecodeError> {
        let length = match tag {
            tag::SMALL_INTEGER => return Ok(Some(Number::Small(self.u8()?.into()))),
            tag::INTEGER => return Ok(Some(Number::Small(self.i32()?))),
            tag::SMALL_BIG => self.u8()?.into(),
            tag::LARGE_BIG => self.length()?,
            _ => return Ok(None),
        };
        let negative = self.u8()? != 0;
        Ok(Some(Number::Big { negative, magnitude: self.take(length)? }))
    }

    pub(super) fn float(&mut self) -> Result<f64, DecodeError> {
        let start = self.position();
        let float = self.array().map(f64::from_be_bytes)?;
        if !float.is_finite() {
            return Err(DecodeError::malformed(start, "a float that is not finite"));
        }
        Ok(float)
    }

    /// Returns the atom whose tag was read, or nothing if it is the tag of something else.
    pub(super) fn atom(&mut self, tag: u8) -> Result<Option<Cow<'de, str>>, DecodeError> {
        let start = self.position();
        let length = match tag {
            tag::SMALL_ATOM | tag::SMALL_LATIN1_ATOM => self.u8()?.into(),
            tag::ATOM | tag::LATIN1_ATOM => self.u16()?.into(),
            _ => return Ok(None),
        };
        let name = self.take(length)?;
        let name = match std::str::from_utf8(name) {
            // ASCII is the same in both.
            Ok(name) if matches!(tag, tag::SMALL_ATOM | tag::ATOM) || name.is_ascii() => {
                Cow::Borrowed(name)
            }
            Err(_) if matches!(tag, tag::SMALL_ATOM | tag::ATOM) => {
                return Err(DecodeError::malformed(start, "an atom that is not UTF-8"));
            }
            Ok(_) | Err(_) => Cow::Owned(name.iter().map(|&byte| char::from(byte)).collect()),
        };
        match atom::check_length(&name) {
            Ok(()) => Ok(Some(name)),
            Err(error) => Err(DecodeError::malformed(start, error.to_string())),
        }
    }

    /// Reads an atom, if one comes next.
    pub(super) fn next_atom(&mut self) -> Result<Option<Cow<'de, str>>, DecodeError> {
        let start = self.clone();
        let tag = self.u8()?;
        let atom = self.atom(tag)?;
        if atom.is_none() {
            *self = start;
        }
        Ok(atom)
    }

    /// Reads a tuple's arity, if a tuple comes next.
    pub(super) fn next_tuple(&mut self) -> Result<Option<usize>, DecodeError> {
        match self.peek() {
            Some(tag::SMALL_TUPLE) => {
                self.take(1)?;
                Ok(Some(self.u8()?.into()))
            }
            Some(tag::LARGE_TUPLE) => {
                self.take(1)?;
                self.length().map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Reads an atom, or the start of a tuple that begins with one and has more: a variant without
    /// its fields. If something else comes next, the reader is somewhere inside of it then.
    pub(super) fn next_variant(&mut self) -> Result<Option<Head<'de>>, DecodeError> {
        let fields = match self.next_tuple()? {
            None => 0,
            // A tuple without a field is no variant: the atom is.
            Some(0 | 1) => return Ok(None),
            Some(arity) => arity - 1,
        };
        let tag_at = self.position();
        Ok(self.next_atom()?.map(|tag| Head { tag, tag_at, fields }))
    }

    /// Reads a binary, if one comes next.
    pub(super) fn next_binary(&mut self) -> Result<Option<&'de [u8]>, DecodeError> {
        if self.peek() != Some(tag::BINARY) {
            return Ok(None);
        }
        self.take(1)?;
        let length = self.length()?;
        self.take(length).map(Some)
    }

    /// Returns the atom that must come next, as it is part of something.
    pub(super) fn inner_atom(&mut self) -> Result<Cow<'de, str>, DecodeError> {
        let start = self.position();
        let tag = self.u8()?;
        let atom = self.atom(tag)?;
        atom.ok_or_else(|| DecodeError::malformed(start, "an atom must stand here"))
    }

    /// Returns the small integer that must come next, as it is part of something.
    pub(super) fn inner_byte(&mut self) -> Result<u8, DecodeError> {
        let start = self.position();
        match self.u8()? {
            tag::SMALL_INTEGER => self.u8(),
            _ => Err(DecodeError::malformed(start, "a small integer must stand here")),
        }
    }

    /// Returns how many words the reference has whose tag was read.
    pub(super) fn word_count(&mut self) -> Result<usize, DecodeError> {
        let start = self.position();
        match self.u16()?.into() {
            count @ 1..=super::ExternalRef::MAX_WORDS => Ok(count),
            count => {
                let text = format!("a reference of {count} words, where 1 to 5 are allowed");
                Err(DecodeError::malformed(start, text))
            }
        }
    }

    /// Returns the bytes of the bit string whose tag was read, and how many bits of the last one
    /// count: 8 if they all do.
    pub(super) fn bits(&mut self) -> Result<(&'de [u8], u8), DecodeError> {
        let start = self.position();
        let length = self.length()?;
        match (length, self.u8()?) {
            (0, 0) => Ok((&[], 8)),
            (1.., bits @ 1..=8) => Ok((self.take(length)?, bits)),
            (length, bits) => {
                let text = format!("a bit string of {length} bytes, with {bits} bits in the last");
                Err(DecodeError::malformed(start, text))
            }
        }
    }

    /// Returns the fun whose tag was read, without its size.
    pub(super) fn fun(&mut self) -> Result<&'de [u8], DecodeError> {
        let start = self.position();
        match self.length()?.checked_sub(size_of::<u32>()) {
            Some(length) => self.take(length),
            None => Err(DecodeError::malformed(start, "a fun that is shorter than its size")),
        }
    }
}

impl Number<'_> {
    /// Returns the number, if it is an `i128`.
    pub(super) fn to_i128(&self) -> Option<i128> {
        match *self {
            Number::Small(number) => Some(number.into()),
            Number::Big { negative, .. } => integer::signed(negative, self.absolute()?),
        }
    }

    /// Returns the number, if it is a `u128`.
    pub(super) fn to_u128(&self) -> Option<u128> {
        match *self {
            Number::Small(number) => number.try_into().ok(),
            Number::Big { negative, .. } => {
                self.absolute().filter(|absolute| !negative || *absolute == 0)
            }
        }
    }

    fn absolute(&self) -> Option<u128> {
        match *self {
            Number::Small(number) => Some(number.unsigned_abs().into()),
            Number::Big { magnitude, .. } => integer::absolute(integer::trim(magnitude)),
        }
    }
}
