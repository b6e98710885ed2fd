//! Terms that are read without being built: what nodes say to each other about messages, and
//! messages that stay bytes.

use std::borrow::Cow;
use std::num::NonZeroU64;

use serde::de::Deserialize;
use serde::ser::{self, Serialize};

use super::encode;
use super::error::{DecodeError, EncodeError, located};
use super::external::{ExternalRef, Words};
use super::reader::Reader;
use super::scan::{Scan, scan, skip};
use super::ser::{Serializer, TERM};
use super::serde_impls::Encoded;
use super::tag;

/// The pid of a process on a node, as it stands in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WirePid<'a> {
    pub(crate) node: Cow<'a, str>,
    pub(crate) id: u32,
    pub(crate) serial: u32,
    pub(crate) creation: u32,
}

/// A reference that was made on a node, as it stands in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireRef<'a> {
    pub(crate) node: Cow<'a, str>,
    pub(crate) creation: u32,
    words: Words,
}

impl<'a> WireRef<'a> {
    /// Returns the reference of these words, the least significant one first; `None` if no
    /// reference has so many.
    pub(crate) fn new(node: Cow<'a, str>, creation: u32, words: &[u32]) -> Option<WireRef<'a>> {
        Some(WireRef { node, creation, words: Words::new(words)? })
    }

    pub(crate) fn words(&self) -> &[u32] {
        self.words.as_slice()
    }
}

/// A term that stays as it came. All of it is well-formed, but it may be larger than a receiver may
/// be made to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireTerm<'a> {
    /// Without the version.
    bytes: &'a [u8],
    scan: Scan,
}

impl<'a> WireTerm<'a> {
    /// Returns the term, with a version, that these bytes are.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<WireTerm<'a>, DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        version(&mut reader)?;
        let term = WireTerm::next(&mut reader)?;
        match reader.left() {
            0 => Ok(term),
            left => {
                let text = format!("{left} bytes follow the term");
                Err(DecodeError::malformed(reader.position(), text))
            }
        }
    }

    fn next(reader: &mut Reader<'a>) -> Result<WireTerm<'a>, DecodeError> {
        let start = reader.position();
        let scan = scan(reader)?;
        Ok(WireTerm { bytes: reader.since(start), scan })
    }

    /// Reads it into a type of Rust.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Result<T, DecodeError> {
        self.scan.check_limits(0)?;
        located(0, T::deserialize(&mut Reader::new(self.bytes, 0)))
    }
}

/// Only for this codec.
impl Serialize for WireTerm<'_> {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TERM, &Encoded(self.bytes))
    }
}

fn version(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let start = reader.position();
    match reader.u8()? {
        tag::VERSION => Ok(()),
        other => {
            let text = format!("a term begins with {}, not with {other}", tag::VERSION);
            Err(DecodeError::malformed(start, text))
        }
    }
}

/// The elements of a tuple, of which the first are taken one after the other.
#[derive(Clone)]
pub(crate) struct WireTuple<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> WireTuple<'a> {
    /// Returns the tuple, with a version, that these bytes begin with, and what follows it. It is
    /// well-formed, and so are its elements.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<(WireTuple<'a>, &'a [u8]), DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        version(&mut reader)?;
        let mut behind = reader.clone();
        scan(&mut behind)?;
        let tuple = WireTuple::next(&mut reader)?;
        let rest = behind.left();
        Ok((tuple, &bytes[bytes.len() - rest..]))
    }

    /// Begins with the tuple that comes next, and leaves the reader before its elements.
    fn next(reader: &mut Reader<'a>) -> Result<WireTuple<'a>, DecodeError> {
        let start = reader.clone();
        match reader.next_tuple()? {
            Some(left) => Ok(WireTuple { reader: reader.clone(), left }),
            None => Err(start.mismatch(&"a tuple")),
        }
    }

    /// Returns how many elements are left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Takes an element by `read`, which returns nothing if it is something else than expected.
    fn element<T>(
        &mut self,
        expected: &str,
        read: impl FnOnce(&mut Reader<'a>) -> Result<Option<T>, DecodeError>,
    ) -> Result<T, DecodeError> {
        let start = self.reader.clone();
        let Some(left) = self.left.checked_sub(1) else {
            return Err(DecodeError::mismatch(start.position(), "a tuple with too few elements"));
        };
        self.left = left;
        let element = read(&mut self.reader)?;
        element.ok_or_else(|| start.mismatch(&expected))
    }

    pub(crate) fn integer(&mut self) -> Result<u64, DecodeError> {
        self.element("an integer of 64 bits", any_u64)
    }

    pub(crate) fn positive(&mut self) -> Result<NonZeroU64, DecodeError> {
        self.element("a positive integer of 64 bits", |reader| {
            Ok(any_u64(reader)?.and_then(NonZeroU64::new))
        })
    }

    pub(crate) fn atom(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        self.element("an atom", Reader::next_atom)
    }

    pub(crate) fn pid(&mut self) -> Result<WirePid<'a>, DecodeError> {
        self.element("a pid", any_pid)
    }

    /// Takes a pid, or else an atom.
    pub(crate) fn pid_or_atom(&mut self) -> Result<Result<WirePid<'a>, Cow<'a, str>>, DecodeError> {
        self.element("a pid or an atom", |reader| match any_pid(reader)? {
            Some(pid) => Ok(Some(Ok(pid))),
            None => Ok(reader.next_atom()?.map(Err)),
        })
    }

    pub(crate) fn reference(&mut self) -> Result<WireRef<'a>, DecodeError> {
        self.element("a reference", any_reference)
    }

    pub(crate) fn tuple(&mut self) -> Result<WireTuple<'a>, DecodeError> {
        self.element("a tuple", |reader| {
            let mut inside = reader.clone();
            skip(reader)?;
            WireTuple::next(&mut inside).map(Some)
        })
    }

    pub(crate) fn term(&mut self) -> Result<WireTerm<'a>, DecodeError> {
        self.element("a term", |reader| WireTerm::next(reader).map(Some))
    }
}

fn any_u64(reader: &mut Reader<'_>) -> Result<Option<u64>, DecodeError> {
    let tag = reader.u8()?;
    let number = reader.integer(tag)?.and_then(|number| number.to_u128());
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}

fn any_pid<'a>(reader: &mut Reader<'a>) -> Result<Option<WirePid<'a>>, DecodeError> {
    if reader.peek() != Some(tag::PID) {
        return Ok(None);
    }
    reader.take(1)?;
    let node = reader.inner_atom()?;
    let (id, serial, creation) = (reader.u32()?, reader.u32()?, reader.u32()?);
    Ok(Some(WirePid { node, id, serial, creation }))
}

fn any_reference<'a>(reader: &mut Reader<'a>) -> Result<Option<WireRef<'a>>, DecodeError> {
    if reader.peek() != Some(tag::REFERENCE) {
        return Ok(None);
    }
    reader.take(1)?;
    let count = reader.word_count()?;
    let (node, creation) = (reader.inner_atom()?, reader.u32()?);
    let mut words = [0; ExternalRef::MAX_WORDS];
    for word in &mut words[..count] {
        *word = reader.u32()?;
    }
    Ok(WireRef::new(node, creation, &words[..count]))
}

/// Writes terms one after the other.
#[derive(Debug)]
pub(crate) struct WireWriter<'a>(pub(crate) &'a mut Vec<u8>);

impl WireWriter<'_> {
    /// Writes what stands before a term that is by itself.
    pub(crate) fn version(&mut self) {
        self.0.push(tag::VERSION);
    }

    /// Writes what stands before so many elements of a tuple.
    pub(crate) fn tuple(&mut self, arity: usize) -> Result<(), EncodeError> {
        encode::tuple(self.0, arity)
    }

    pub(crate) fn integer(&mut self, number: u64) -> Result<(), EncodeError> {
        match i64::try_from(number) {
            Ok(number) => encode::signed(self.0, number),
            Err(_) => encode::small_big(self.0, false, &number.to_le_bytes()),
        }
        Ok(())
    }

    pub(crate) fn atom(&mut self, name: &str) -> Result<(), EncodeError> {
        encode::atom(self.0, name)
    }

    pub(crate) fn pid(&mut self, pid: &WirePid<'_>) -> Result<(), EncodeError> {
        let WirePid { ref node, id, serial, creation } = *pid;
        encode::pid_of(self.0, node, [id, serial, creation])
    }

    pub(crate) fn reference(&mut self, reference: &WireRef<'_>) -> Result<(), EncodeError> {
        encode::reference_of(self.0, &reference.node, reference.creation, reference.words())
    }

    pub(crate) fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        value.serialize(&mut Serializer::new(self.0))
    }
}
