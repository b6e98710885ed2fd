//! Terms that are read without being built: what nodes say to each other about messages, and
//! messages that stay bytes.

use std::borrow::Cow;
use std::num::NonZeroU64;

use serde::de::Deserialize;
use serde::ser::{self, Serialize};

use super::binary::{self, Binary};
use super::decode;
use super::encode;
use super::error::{DecodeError, EncodeError, located};
use super::excerpt::excerpt;
use super::external::{ExternalRef, Words};
use super::output::Output;
use super::reader::Reader;
use super::scan::{Scan, scan, skip};
use super::ser::append;
use super::serde_impls::serialize_encoded;
use super::tag;
use super::tagged::{append_tagged, read_tagged};

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
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireTerm<'a> {
    /// Without the version.
    bytes: &'a [u8],
    /// What is known of it, or of a term that it is inside of.
    scan: Scan,
    /// The message that it is a part of, if its large binaries are to share that.
    message: Option<&'a Binary>,
}

impl PartialEq for WireTerm<'_> {
    fn eq(&self, other: &WireTerm<'_>) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for WireTerm<'_> {}

/// Where a term stands in the bytes that it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WirePlace {
    start: usize,
    length: usize,
    scan: Scan,
}

impl<'a> WireTerm<'a> {
    /// Returns the term, with a version, that these bytes are.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<WireTerm<'a>, DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        decode::version(&mut reader)?;
        let term = WireTerm::next(&mut reader)?;
        decode::end(&reader)?;
        Ok(term)
    }

    fn next(reader: &mut Reader<'a>) -> Result<WireTerm<'a>, DecodeError> {
        let start = reader.position();
        let scan = scan(reader)?;
        Ok(WireTerm { bytes: reader.since(start), scan, message: None })
    }

    /// Reads it into a type of Rust. Offsets in errors count from its first byte.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Result<T, DecodeError> {
        let mut reader = self.reader()?;
        binary::within(self.message, || located(0, T::deserialize(&mut reader)))
    }

    /// Returns whether a receiver may be made to build it.
    pub(crate) fn check(self) -> Result<(), DecodeError> {
        self.reader().map(|_| ())
    }

    fn reader(self) -> Result<Reader<'a>, DecodeError> {
        let reader = Reader::new(self.bytes, 0);
        // What it is inside of may be too large for what it is not.
        if self.scan.check(0).is_err() {
            scan(&mut reader.clone())?.check(0)?;
        }
        Ok(reader)
    }
}

impl<'a> WireTerm<'a> {
    /// Returns where it stands in `whole`, which it was found in, so that it can be found there
    /// again when `whole` has moved to another thread.
    ///
    /// # Panics
    ///
    /// If it is not in there.
    pub(crate) fn place_in(self, whole: &[u8]) -> WirePlace {
        let start = self.bytes.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        let place = WirePlace { start, length: self.bytes.len(), scan: self.scan };
        assert_eq!(place.term(whole).bytes.as_ptr(), self.bytes.as_ptr());
        place
    }

    /// Reads it as the variant of that tag, as [`from_slice_tagged`](super::from_slice_tagged)
    /// does.
    pub(crate) fn read_tagged<T: Deserialize<'a>>(self, tag: &str) -> Result<T, DecodeError> {
        let mut reader = self.reader()?;
        binary::within(self.message, || read_tagged(&mut reader, tag))
    }

    /// Returns the tag that it has as the variant of an enum, and how many fields follow that, if
    /// it is an atom, or a tuple that begins with one and has more.
    pub(crate) fn variant(self) -> Option<(Cow<'a, str>, usize)> {
        let head = Reader::new(self.bytes, 0).next_variant().ok()?;
        head.map(|head| (head.tag, head.fields))
    }

    /// Returns the reference in `[alias|Ref]`, or in `[[alias|Ref]|_]`: in what stands before the
    /// reply to a request, if that is to be sent to an alias.
    pub(crate) fn alias(self) -> Option<WireRef<'a>> {
        let mut reader = Reader::new(self.bytes, 0);
        let first = |reader: &mut Reader<'a>| {
            (reader.u8() == Ok(tag::LIST)).then(|| reader.length().ok()).flatten()
        };
        let mut length = first(&mut reader)?;
        if length >= 1 && reader.peek() == Some(tag::LIST) {
            length = first(&mut reader)?;
        }
        let is_alias = length == 1 && reader.next_atom().ok()?.as_deref() == Some("alias");
        is_alias.then(|| any_reference(&mut reader).ok()).flatten()?
    }

    /// Returns its elements, if it is a tuple.
    pub(crate) fn tuple(self) -> Result<WireTuple<'a>, DecodeError> {
        let mut reader = Reader::new(self.bytes, 0);
        let tuple = WireTuple::next(&mut reader, self.scan)?;
        Ok(WireTuple { message: self.message, ..tuple })
    }

    /// Returns the first `max` characters of what it prints; three points follow if that is not
    /// all.
    pub(crate) fn excerpt(self, max: usize) -> String {
        excerpt(&mut Reader::new(self.bytes, 0), max)
    }
}

impl WirePlace {
    /// Returns the term that stands there.
    ///
    /// # Panics
    ///
    /// If `whole` is too short.
    pub(crate) fn term(self, whole: &[u8]) -> WireTerm<'_> {
        let WirePlace { start, length, scan } = self;
        WireTerm { bytes: &whole[start..][..length], scan, message: None }
    }

    /// Returns the term that stands there in a message, whose large binaries share that.
    ///
    /// # Panics
    ///
    /// If the message is too short.
    pub(crate) fn term_of(self, message: &Binary) -> WireTerm<'_> {
        WireTerm { message: Some(message), ..self.term(message) }
    }
}

/// Only for this codec.
impl Serialize for WireTerm<'_> {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_encoded(serializer, |out| {
            out.bytes().extend_from_slice(self.bytes);
            Ok(())
        })
    }
}

/// The elements of a tuple, of which the first are taken one after the other.
#[derive(Clone)]
pub(crate) struct WireTuple<'a> {
    reader: Reader<'a>,
    left: usize,
    /// What is known of the tuple, or of a term that it is inside of.
    scan: Scan,
    /// See [`WireTerm`].
    message: Option<&'a Binary>,
}

impl<'a> WireTuple<'a> {
    /// Returns the tuple, with a version, that these bytes begin with, and what follows it. It is
    /// well-formed, and so are its elements.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<(WireTuple<'a>, &'a [u8]), DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        decode::version(&mut reader)?;
        let mut inside = reader.clone();
        let scan = scan(&mut reader)?;
        let tuple = WireTuple::next(&mut inside, scan)?;
        Ok((tuple, &bytes[reader.position()..]))
    }

    /// Begins with the tuple that comes next, and leaves the reader before its elements.
    fn next(reader: &mut Reader<'a>, scan: Scan) -> Result<WireTuple<'a>, DecodeError> {
        let start = reader.clone();
        match reader.next_tuple()? {
            Some(left) => Ok(WireTuple { reader: reader.clone(), left, scan, message: None }),
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
        let (scan, message) = (self.scan, self.message);
        self.element("a tuple", |reader| {
            let mut inside = reader.clone();
            skip(reader)?;
            let tuple = WireTuple::next(&mut inside, scan)?;
            Ok(Some(WireTuple { message, ..tuple }))
        })
    }

    /// Takes a term, which has been scanned with the tuple.
    pub(crate) fn term(&mut self) -> Result<WireTerm<'a>, DecodeError> {
        let (scan, message) = (self.scan, self.message);
        self.element("a term", |reader| {
            let start = reader.position();
            skip(reader)?;
            Ok(Some(WireTerm { bytes: reader.since(start), scan, message }))
        })
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
pub(crate) struct WireWriter<'a> {
    out: &'a mut Output,
    /// How many containers stand around what is written.
    outside: usize,
}

impl<'a> WireWriter<'a> {
    pub(crate) fn new(out: &'a mut Output) -> WireWriter<'a> {
        WireWriter { out, outside: 0 }
    }
}

impl WireWriter<'_> {
    /// Returns what writes the parts of a container that has been begun: a term is not deeper with
    /// it than it may be.
    pub(crate) fn inside(&mut self) -> WireWriter<'_> {
        WireWriter { out: self.out, outside: self.outside + 1 }
    }

    /// Writes what stands before a term that is by itself.
    pub(crate) fn version(&mut self) {
        self.out.bytes().push(tag::VERSION);
    }

    /// Writes what stands before so many elements of a tuple.
    pub(crate) fn tuple(&mut self, arity: usize) -> Result<(), EncodeError> {
        encode::tuple(self.out.bytes(), arity)
    }

    pub(crate) fn integer(&mut self, number: u64) -> Result<(), EncodeError> {
        match i64::try_from(number) {
            Ok(number) => encode::signed(self.out.bytes(), number),
            Err(_) => encode::small_big(self.out.bytes(), false, &number.to_le_bytes()),
        }
        Ok(())
    }

    pub(crate) fn atom(&mut self, name: &str) -> Result<(), EncodeError> {
        encode::atom(self.out.bytes(), name)
    }

    pub(crate) fn pid(&mut self, pid: &WirePid<'_>) -> Result<(), EncodeError> {
        let WirePid { ref node, id, serial, creation } = *pid;
        encode::pid_of(self.out.bytes(), node, [id, serial, creation])
    }

    pub(crate) fn reference(&mut self, reference: &WireRef<'_>) -> Result<(), EncodeError> {
        encode::reference_of(
            self.out.bytes(),
            &reference.node,
            reference.creation,
            reference.words(),
        )
    }

    /// Writes a value; if that fails, nothing.
    pub(crate) fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        append(self.out, self.outside, |serializer| value.serialize(serializer))
    }
}

impl WireWriter<'_> {
    /// Writes what stands before so many elements of a list, and its end.
    pub(crate) fn list(&mut self, length: usize) -> Result<(), EncodeError> {
        encode::list_head(self.out.bytes(), length)
    }

    /// Writes a term that [`to_vec`](super::to_vec) has written.
    pub(crate) fn written(&mut self, term: &[u8]) {
        self.out.bytes().extend_from_slice(&term[super::BODY..]);
    }

    /// Writes a value as [`to_vec_tagged`](super::to_vec_tagged) does; if that fails, nothing.
    pub(crate) fn tagged(
        &mut self,
        tag: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), EncodeError> {
        append_tagged(self.out, self.outside, tag, value)
    }
}

#[cfg(test)]
mod tests {
    use crate::term::{DecodeErrorKind, Term, atom, to_vec, to_vec_tagged};

    use super::*;

    /// `{'$gen_call',{from,1},{add,3}}`
    fn call() -> Vec<u8> {
        to_vec(&(atom("$gen_call"), (atom("from"), 1), (atom("add"), 3))).unwrap()
    }

    fn request(bytes: &[u8]) -> WireTerm<'_> {
        let mut call = WireTerm::open(bytes).unwrap().tuple().unwrap();
        assert_eq!(call.atom().unwrap(), "$gen_call");
        call.term().unwrap();
        call.term().unwrap()
    }

    #[test]
    fn a_request_inside_of_a_message_is_read_by_its_tag() {
        let bytes = call();
        let request = request(&bytes);
        assert_eq!(request.variant(), Some(("add".into(), 1)));
        assert_eq!(request.read_tagged::<i64>("add"), Ok(3));
        assert_eq!(request.read::<(Term, u8)>(), Ok((atom("add").into(), 3)));
        let error = request.read_tagged::<i64>("sub").unwrap_err();
        assert_eq!(error.text(), "invalid type: `add` with a field, expected `sub` with a field");
        assert_eq!(request.excerpt(80), "{add,3}");
    }

    #[test]
    fn a_request_is_found_again_in_bytes_that_have_moved() {
        let bytes = call();
        let place = request(&bytes).place_in(&bytes);
        let moved = bytes.clone();
        assert_eq!(place.term(&moved), request(&bytes));
    }

    #[test]
    fn only_atoms_and_tuples_that_begin_with_one_have_a_tag() {
        let variant = |term: Term| {
            let bytes = to_vec(&term).unwrap();
            let variant = WireTerm::open(&bytes).unwrap().variant();
            variant.map(|(tag, fields)| (tag.into_owned(), fields))
        };
        let tuple = |terms: &[Term]| Term::Tuple(terms.to_vec());
        assert_eq!(variant(atom("a").into()), Some(("a".to_owned(), 0)));
        assert_eq!(variant(tuple(&[atom("a").into(), 1.into(), 2.into()])), Some(("a".into(), 2)));
        assert_eq!(variant(tuple(&[atom("a").into()])), None);
        assert_eq!(variant(tuple(&[])), None);
        assert_eq!(variant(tuple(&[1.into(), atom("a").into()])), None);
        assert_eq!(variant("a".into()), None);
    }

    /// What is around a term that is as deep as may be makes the whole too deep.
    #[test]
    fn a_term_within_the_limits_is_read_though_it_is_inside_of_one_that_is_not() {
        let list =
            |depth: usize| [[108, 0, 0, 0, 1].repeat(depth), [106].repeat(depth + 1)].concat();
        let whole = [&[131, 104, 2][..], &list(512), &list(511)].concat();
        let whole = WireTerm::open(&whole).unwrap();
        let kind = |term: WireTerm<'_>| term.read::<Term>().map_err(|error| error.kind());
        assert_eq!(kind(whole), Err(DecodeErrorKind::TooLarge));

        let mut elements = whole.tuple().unwrap();
        assert!(kind(elements.term().unwrap()).is_ok());
        assert!(kind(elements.term().unwrap()).is_ok());
    }

    #[test]
    fn values_are_appended_or_leave_nothing() {
        let mut out = Output::from(vec![1]);
        let mut writer = WireWriter::new(&mut out);
        writer.tuple(2).unwrap();
        writer.list(1).unwrap();
        writer.value(&"head").unwrap();
        writer.atom("tail").unwrap();
        assert!(writer.tagged("nan", &(1, f64::NAN)).is_err());
        assert!(writer.value(&(1, f64::NAN)).is_err());
        writer.tagged("add", &3).unwrap();
        let out = out.into_bytes();
        let term = [&[131][..], &out[1..]].concat();
        let term: Term = WireTerm::open(&term).unwrap().read().unwrap();
        assert_eq!(term.to_string(), r#"{[<<"head">>|tail],{add,3}}"#);
        assert_eq!(to_vec_tagged("add", &3).unwrap()[1..], out[out.len() - 9..]);
    }
}
