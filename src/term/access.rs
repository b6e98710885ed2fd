//! What visitors get of a container, one element after the other.

use std::fmt;
use std::slice;

use serde::de::{self, DeserializeSeed, Error, Expected, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::decode::MAX_RESERVED;
use super::error::{DecodeError, located};
use super::reader::Reader;
use super::tag;

/// What each method returns.
type Read<T> = Result<T, DecodeError>;

/// The terms of a tuple, or the keys and values of a map.
pub(super) struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// How many terms or keys there still are.
    left: usize,
}

impl<'a, 'de> Elements<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>, left: usize) -> Elements<'a, 'de> {
        Elements { reader, left }
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    fn next_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        located(self.reader.position(), seed.deserialize(&mut *self.reader)).map(Some)
    }
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        self.next_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(MAX_RESERVED))
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        self.next_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        located(self.reader.position(), seed.deserialize(&mut *self.reader))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(MAX_RESERVED))
    }
}

/// The bytes of a binary that is read as a list.
pub(super) struct Bytes<'de> {
    bytes: slice::Iter<'de, u8>,
    /// Where the binary begins.
    at: usize,
}

impl<'de> Bytes<'de> {
    pub(super) fn new(bytes: &'de [u8], at: usize) -> Bytes<'de> {
        Bytes { bytes: bytes.iter(), at }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }
}

impl<'de> de::SeqAccess<'de> for Bytes<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        let Some(&byte) = self.bytes.next() else { return Ok(None) };
        seed.deserialize(Byte { byte, at: self.at }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len().min(MAX_RESERVED))
    }
}

/// A byte of a binary, which is nothing but a byte.
struct Byte {
    byte: u8,
    /// Where the binary begins.
    at: usize,
}

impl<'de> de::Deserializer<'de> for Byte {
    type Error = DecodeError;

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u8(self.byte)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        struct ListOf<'a>(&'a dyn Expected);

        impl Expected for ListOf<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ")?;
                self.0.fmt(f)
            }
        }

        let unexpected = Unexpected::Other("a binary");
        Err(DecodeError::invalid_type(unexpected, &ListOf(&visitor)).or_at(self.at))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Each byte as a term, for the elements of a list of bytes.
static BYTES: [[u8; 2]; 256] = {
    let (mut terms, mut byte) = ([[tag::SMALL_INTEGER, 0]; 256], 0);
    while byte < 256 {
        terms[byte][1] = byte as u8;
        byte += 1;
    }
    terms
};

/// The elements of a list, which may be in several pieces: the tail of each but the last is the
/// next one.
pub(super) struct Cells<'a, 'de> {
    reader: &'a mut Reader<'de>,
    piece: Piece<'de>,
}

enum Piece<'de> {
    /// So many terms, then a tail.
    Terms(usize),
    /// The last piece.
    Bytes(slice::Iter<'de, u8>),
    End,
}

impl<'a, 'de> Cells<'a, 'de> {
    /// Reads the start of a list, if one comes next.
    pub(super) fn open(reader: &'a mut Reader<'de>) -> Read<Option<Cells<'a, 'de>>> {
        let piece = Piece::open(reader)?;
        Ok(piece.map(|piece| Cells { reader, piece }))
    }

    /// How many elements come, as far as is known.
    pub(super) fn announced(&self) -> usize {
        match &self.piece {
            Piece::Terms(left) => *left,
            Piece::Bytes(bytes) => bytes.len(),
            Piece::End => 0,
        }
    }

    /// Returns a reader before the next element, unless that was the last one.
    pub(super) fn next(&mut self) -> Read<Option<Reader<'de>>> {
        loop {
            match &mut self.piece {
                Piece::Terms(0) => {
                    let position = self.reader.position();
                    self.piece = Piece::open(self.reader)?.ok_or_else(|| {
                        DecodeError::mismatch(position, "a list whose end is not a list")
                    })?;
                }
                Piece::Terms(_) => return Ok(Some(self.reader.clone())),
                Piece::Bytes(bytes) => {
                    let byte = bytes.as_slice().first().copied();
                    let position = self.reader.position() - bytes.len();
                    return Ok(byte.map(|byte| Reader::new(&BYTES[usize::from(byte)], position)));
                }
                Piece::End => return Ok(None),
            }
        }
    }

    /// Goes on behind the element, to which `reader` has come.
    pub(super) fn advance(&mut self, reader: Reader<'de>) {
        match &mut self.piece {
            Piece::Terms(left) => {
                *left -= 1;
                *self.reader = reader;
            }
            Piece::Bytes(bytes) => _ = bytes.next(),
            Piece::End => {}
        }
    }
}

impl<'de> Piece<'de> {
    fn open(reader: &mut Reader<'de>) -> Read<Option<Piece<'de>>> {
        let piece = match reader.peek() {
            Some(tag::NIL) => {
                reader.take(1)?;
                Piece::End
            }
            Some(tag::STRING) => {
                reader.take(1)?;
                let length = reader.u16()?;
                Piece::Bytes(reader.take(length.into())?.iter())
            }
            Some(tag::LIST) => {
                reader.take(1)?;
                Piece::Terms(reader.length()?)
            }
            Some(_) | None => return Ok(None),
        };
        Ok(Some(piece))
    }
}

impl<'de> de::SeqAccess<'de> for Cells<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        let Some(mut cell) = self.next()? else { return Ok(None) };
        let value = located(cell.position(), seed.deserialize(&mut cell))?;
        self.advance(cell);
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.announced().min(MAX_RESERVED))
    }
}
