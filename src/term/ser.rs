//! From Rust's types to terms.

use std::cell::Cell;
use std::mem;

use serde::ser::{self, Serialize};

use super::encode::{self, Depth};
use super::error::EncodeError;
use super::keys;
use super::output::Output;
use super::reader::Reader;
use super::scan::{MAX_DEPTH, MAX_TERMS, scan, too_deep};
use super::tag;

/// The name of newtypes that are an atom, for this codec only: inside is its name.
pub(super) const ATOM: &str = "$procession::term::Atom";

/// The name of newtypes that are a term, for this codec only: inside are its bytes.
pub(super) const TERM: &str = "$procession::term::Term";

/// As [`TERM`], where only terms are read that have no others inside.
pub(super) const LEAF: &str = "$procession::term::Leaf";

/// Types that ask are spelt as for people: addresses of the internet are texts. What serde keeps to
/// read it later, for `untagged` and its like, is read so in any case.
pub(super) const IS_HUMAN_READABLE: bool = true;

thread_local! {
    /// What the term is appended to that is serialized next.
    static LENT: Cell<Option<Output>> = const { Cell::new(None) };
}

/// Appends a term to what is being written, by `write`; `None` if it is not this codec that is
/// writing. Other formats know nothing of [`TERM`].
pub(super) fn append_term<R>(write: impl FnOnce(&mut Output) -> R) -> Option<R> {
    let mut out = LENT.take()?;
    let result = write(&mut out);
    LENT.set(Some(out));
    Some(result)
}

/// How a variant with one field is spelt: as it is called, but for those of `Result`.
pub(super) fn spelt_newtype(name: &str, variant: &'static str) -> &'static str {
    match (name, variant) {
        ("Result", "Ok") => "ok",
        ("Result", "Err") => "error",
        _ => variant,
    }
}

/// Appends what `write` writes to `out`, which is to stand inside of so many containers; if it
/// fails, nothing.
pub(super) fn append(
    out: &mut Output,
    outside: usize,
    write: impl FnOnce(&mut Serializer<'_>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.bytes().len();
    let mut serializer = Serializer::new(out);
    serializer.depth = Depth::of(outside);
    let result = write(&mut serializer);
    let is_deep = serializer.is_deep;
    let result = result.and_then(|()| check_limits(&out.head()[start..], outside, is_deep));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Fails if the term would not be read again. No byte counts as more than one term.
fn check_limits(bytes: &[u8], outside: usize, is_deep: bool) -> Result<(), EncodeError> {
    if !is_deep && bytes.len() <= MAX_TERMS {
        return Ok(());
    }
    let scan = scan(&mut Reader::new(bytes, 0)).map_err(ser::Error::custom)?;
    scan.check_limits(0).map_err(|error| EncodeError::too_large(error.text().to_owned()))?;
    // What it stands in counts, too: its receiver looks at the whole.
    if outside + scan.depth() > MAX_DEPTH {
        Err(EncodeError::too_large(too_deep()))
    } else {
        Ok(())
    }
}

/// Writes values as terms behind what is in `out`.
#[derive(Debug)]
pub(super) struct Serializer<'a> {
    out: &'a mut Output,
    depth: Depth,
    /// What the text or the bytes are that come next.
    next: Content,
    /// Where the last `()` has begun.
    unit: Option<usize>,
    /// Whether a container was begun that is too deep, unless it has no terms inside.
    is_deep: bool,
    /// Where the keys begin and end of the maps that are open.
    keys: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// What they are for Rust.
    Plain,
    /// The name of an atom.
    AtomName,
    /// A term, which is [appended](append_term) to what was lent.
    Term,
}

impl<'a> Serializer<'a> {
    fn new(out: &'a mut Output) -> Serializer<'a> {
        Serializer {
            out,
            depth: Depth::ROOT,
            next: Content::Plain,
            unit: None,
            is_deep: false,
            keys: Vec::new(),
        }
    }

    pub(super) fn atom(&mut self, name: &str) -> Result<(), EncodeError> {
        encode::atom(self.out.bytes(), name)
    }

    /// Serializes the name of an atom.
    fn atom_name<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), EncodeError> {
        self.next = Content::AtomName;
        let result = name.serialize(&mut *self);
        self.next = Content::Plain;
        result
    }

    /// Has a term append itself, and looks at it.
    fn term<T: Serialize + ?Sized>(&mut self, term: &T) -> Result<(), EncodeError> {
        let start = self.out.bytes().len();
        self.next = Content::Term;
        let outer = LENT.replace(Some(mem::take(self.out)));
        let result = term.serialize(&mut *self);
        let whole = LENT.replace(outer).unwrap_or_default();
        self.next = Content::Plain;
        // What was written here meanwhile, by a type that is none of ours, is gone.
        *self.out = whole;
        result?;
        let written = &self.out.head()[start..];
        let scan = scan(&mut Reader::new(written, 0)).map_err(ser::Error::custom)?;
        self.is_deep |= self.depth.inside(scan.depth()).is_err();
        Ok(())
    }

    /// Begins a container, whose size is known when it ends.
    fn open(&mut self, kind: Kind) -> Result<Container<'_, 'a>, EncodeError> {
        let outside = self.depth;
        self.depth = self.deeper()?;
        let out = self.out.bytes();
        let start = out.len();
        match kind {
            Kind::List => out.extend_from_slice(&[tag::LIST, 0, 0, 0, 0]),
            Kind::Tuple | Kind::Record => out.extend_from_slice(&[tag::SMALL_TUPLE, 0]),
            Kind::Map => out.extend_from_slice(&[tag::MAP, 0, 0, 0, 0]),
        }
        let first_key = self.keys.len();
        Ok(Container { serializer: self, outside, kind, start, count: 0, first_key })
    }

    /// Returns the depth inside of a container, which may turn out to have no terms inside.
    fn deeper(&mut self) -> Result<Depth, EncodeError> {
        let depth = self.depth.deeper()?;
        self.is_deep |= depth.is_too_deep();
        Ok(depth)
    }

    /// Begins a tuple whose first element is the atom `name`.
    pub(super) fn record(&mut self, name: &str) -> Result<Container<'_, 'a>, EncodeError> {
        let mut record = self.open(Kind::Record)?;
        record.serializer.atom(name)?;
        record.count = 1;
        Ok(record)
    }

    /// Writes what stands before the only value that is still to come: it is one of a pair, of
    /// which the other is an atom.
    pub(super) fn begin_pair(&mut self, name: &str) -> Result<(), EncodeError> {
        self.depth = self.deeper()?;
        encode::tuple(self.out.bytes(), 2)?;
        self.atom(name)
    }

    /// A tuple of the atom `name` and `value`.
    fn pair<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), EncodeError> {
        let mut pair = self.record(name)?;
        pair.element(value)?;
        pair.close()
    }

    /// As [`pair`](Self::pair), but if the value is `()` only the atom.
    fn result<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), EncodeError> {
        let start = self.out.bytes().len();
        let mut pair = self.record(name)?;
        let inside = pair.serializer.out.bytes().len();
        pair.element(value)?;
        pair.close()?;
        if self.unit.take() == Some(inside) {
            self.out.truncate(start);
            self.atom(name)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Tuple,
    /// A tuple that begins with an atom, which is its name.
    Record,
    Map,
}

/// A container of which elements are still to come.
#[derive(Debug)]
pub(super) struct Container<'s, 'a> {
    serializer: &'s mut Serializer<'a>,
    /// The depth that it is in.
    outside: Depth,
    kind: Kind,
    /// Where it begins.
    start: usize,
    count: usize,
    /// How many keys there are of the maps that it is in.
    first_key: usize,
}

impl Container<'_, '_> {
    /// Adds a key of a map.
    fn key(
        &mut self,
        write: impl FnOnce(&mut Serializer<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = self.serializer.out.bytes().len();
        self.count += 1;
        write(self.serializer)?;
        self.serializer.keys.push((start, self.serializer.out.bytes().len()));
        Ok(())
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.count += 1;
        value.serialize(&mut *self.serializer)
    }

    fn close(self) -> Result<(), EncodeError> {
        let Container { serializer, outside, kind, start, count, first_key } = self;
        serializer.depth = outside;
        let Serializer { out, keys, .. } = serializer;
        match kind {
            // Without fields it is the atom alone.
            Kind::Record if count == 1 => _ = out.head().drain(start..start + 2),
            Kind::Tuple | Kind::Record => match u8::try_from(count) {
                Ok(arity) => out.head()[start + 1] = arity,
                Err(_) => {
                    let mut head = Vec::new();
                    encode::tuple(&mut head, count)?;
                    out.head().splice(start..start + 2, head);
                }
            },
            Kind::List if count == 0 => {
                out.truncate(start);
                out.bytes().push(tag::NIL);
            }
            Kind::List => close_list(out.bytes(), start, count)?,
            Kind::Map => {
                keys::check(out.head(), &mut keys[first_key..])?;
                keys.truncate(first_key);
                set_length(out.head(), start, count, "keys of a map")?;
            }
        }
        Ok(())
    }
}

/// Sets the length of a container, which follows its tag.
fn set_length(
    out: &mut [u8],
    start: usize,
    count: usize,
    what: &'static str,
) -> Result<(), EncodeError> {
    out[start + 1..start + 5].copy_from_slice(&encode::length_bytes(count, what)?);
    Ok(())
}

/// A list whose elements are all bytes has a form of its own, in which it is half as long.
fn close_list(out: &mut Vec<u8>, start: usize, count: usize) -> Result<(), EncodeError> {
    let elements = start + 5;
    let are_small = count <= usize::from(u16::MAX) && out.len() - elements == 2 * count;
    // An element of two bytes begins where the one before it ends.
    if are_small && out[elements..].chunks(2).all(|pair| pair[0] == tag::SMALL_INTEGER) {
        let [.., high, low] = count.to_be_bytes();
        out[start..start + 3].copy_from_slice(&[tag::STRING, high, low]);
        for index in 0..count {
            out[start + 3 + index] = out[elements + 2 * index + 1];
        }
        out.truncate(start + 3 + count);
        return Ok(());
    }
    set_length(out, start, count, "elements of a list")?;
    out.push(tag::NIL);
    Ok(())
}

/// The methods for integers that an `i64` can hold.
macro_rules! small_integers {
    ($($method:ident: $type:ty),+) => {
        $(
            fn $method(self, value: $type) -> Result<(), EncodeError> {
                encode::signed(self.out.bytes(), value.into());
                Ok(())
            }
        )+
    };
}

impl<'s, 'a> ser::Serializer for &'s mut Serializer<'a> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Container<'s, 'a>;
    type SerializeTuple = Container<'s, 'a>;
    type SerializeTupleStruct = Container<'s, 'a>;
    type SerializeTupleVariant = Container<'s, 'a>;
    type SerializeMap = Container<'s, 'a>;
    type SerializeStruct = Container<'s, 'a>;
    type SerializeStructVariant = Container<'s, 'a>;

    small_integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32
    }

    fn serialize_u64(self, value: u64) -> Result<(), EncodeError> {
        self.serialize_u128(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<(), EncodeError> {
        match i64::try_from(value) {
            Ok(value) => encode::signed(self.out.bytes(), value),
            Err(_) => {
                let magnitude = value.unsigned_abs().to_le_bytes();
                encode::small_big(self.out.bytes(), value < 0, &magnitude);
            }
        }
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        match i64::try_from(value) {
            Ok(value) => encode::signed(self.out.bytes(), value),
            Err(_) => encode::small_big(self.out.bytes(), false, &value.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.atom(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        encode::float(self.out.bytes(), value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        encode::float(self.out.bytes(), value)
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_u32(value.into())
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        match self.next {
            Content::AtomName => self.atom(value),
            Content::Plain | Content::Term => encode::binary(self.out.bytes(), value.as_bytes()),
        }
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        match self.next {
            Content::Term => Ok(()), // It is where it belongs.
            Content::Plain | Content::AtomName => encode::binary(self.out.bytes(), value),
        }
    }

    fn is_human_readable(&self) -> bool {
        IS_HUMAN_READABLE
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.atom("undefined")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.unit = Some(self.out.bytes().len());
        self.atom("ok")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), EncodeError> {
        self.atom(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        match name {
            ATOM => self.atom_name(value),
            TERM => self.term(value),
            _ => value.serialize(self),
        }
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.atom(variant)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        match spelt_newtype(name, variant) {
            spelt if spelt == variant => self.pair(variant, value),
            spelt => self.result(spelt, value),
        }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Container<'s, 'a>, EncodeError> {
        self.open(Kind::List)
    }

    fn serialize_tuple(self, _: usize) -> Result<Container<'s, 'a>, EncodeError> {
        self.open(Kind::Tuple)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Container<'s, 'a>, EncodeError> {
        self.open(Kind::Tuple)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'s, 'a>, EncodeError> {
        self.record(variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Container<'s, 'a>, EncodeError> {
        self.open(Kind::Map)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Container<'s, 'a>, EncodeError> {
        self.open(Kind::Map)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'s, 'a>, EncodeError> {
        self.record(variant)
    }
}

/// The traits of containers whose elements have no names.
macro_rules! plain_elements {
    ($($trait:ident::$method:ident),+) => {
        $(
            impl ser::$trait for Container<'_, '_> {
                type Ok = ();
                type Error = EncodeError;

                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                    self.element(value)
                }

                fn end(self) -> Result<(), EncodeError> {
                    self.close()
                }
            }
        )+
    };
}

plain_elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
}

impl ser::SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.key(|serializer| key.serialize(serializer))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(&mut *self.serializer)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}

/// A struct is a map with atoms as keys; of a request that has a tag, a record.
impl ser::SerializeStruct for Container<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        match self.kind {
            Kind::Map => {
                self.key(|serializer| serializer.atom(key))?;
                value.serialize(&mut *self.serializer)
            }
            Kind::Record | Kind::Tuple | Kind::List => self.element(value),
        }
    }

    fn skip_field(&mut self, _: &'static str) -> Result<(), EncodeError> {
        match self.kind {
            Kind::Map => Ok(()),
            // Those that follow stay in their places.
            Kind::Record | Kind::Tuple | Kind::List => self.element(&None::<()>),
        }
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}

impl ser::SerializeStructVariant for Container<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        ser::SerializeStruct::serialize_field(self, key, value)
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), EncodeError> {
        ser::SerializeStruct::skip_field(self, key)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}
