//! From terms to Rust's types.

use std::borrow::Cow;

use serde::de::{self, Error, Expected, Unexpected, Visitor};

use super::access::{Bytes, Cells, Elements};
use super::decode::{self, MAX_RESERVED};
use super::error::{DecodeError, located};
use super::print::AtomText;
use super::reader::{Head, Number, Reader};
use super::scan::skip;
use super::ser::{ATOM, IS_HUMAN_READABLE, LEAF, TERM};
use super::tag;
use super::variant::{Variant, VariantText};

/// What each method returns.
type Read<T> = Result<T, DecodeError>;

impl<'de> Reader<'de> {
    /// The error for the term that comes next, which is not what `expected` says.
    #[cold]
    pub(super) fn mismatch(&self, expected: &dyn Expected) -> DecodeError {
        let found = describe(&mut self.clone());
        DecodeError::invalid_type(Unexpected::Other(&found), expected).or_at(self.position())
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        let tag = self.u8()?;
        let Some(number) = self.integer(tag)? else { return Err(start.mismatch(&visitor)) };
        located(start.position(), visit_number(&number, visitor))
    }

    /// An integer stands for a float if it is exactly that.
    fn any_float(&mut self, expected: &dyn Expected) -> Read<f64> {
        let start = self.clone();
        let tag = self.u8()?;
        if tag == tag::FLOAT {
            return self.float();
        }
        let Some(number) = self.integer(tag)? else { return Err(start.mismatch(expected)) };
        let exact = number.to_i128().filter(|&whole| {
            let float = whole as f64;
            // The largest numbers are rounded up, to one that is no `i128`.
            float < i128::MAX as f64 && float as i128 == whole
        });
        exact.map(|whole| whole as f64).ok_or_else(|| {
            let unexpected = Unexpected::Other("an integer that is no float");
            DecodeError::invalid_value(unexpected, expected).or_at(start.position())
        })
    }

    /// Reads the atom `name`; nothing else is one.
    fn expect_atom<E: Expected>(&mut self, name: &str, expected: &E) -> Read<()> {
        let start = self.clone();
        match self.next_atom()? {
            Some(found) if found == name => Ok(()),
            Some(_) | None => Err(start.mismatch(expected)),
        }
    }

    /// Visits the `count` terms that come next.
    pub(super) fn elements<V: Visitor<'de>>(&mut self, count: usize, visitor: V) -> Read<V::Value> {
        let start = self.position();
        let mut elements = Elements::new(self, count);
        let value = located(start, visitor.visit_seq(&mut elements))?;
        match elements.left() {
            0 => Ok(value),
            left => Err(DecodeError::mismatch(start, format!("{left} elements too many"))),
        }
    }

    fn tuple<V: Visitor<'de>>(&mut self, arity: usize, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        match self.next_tuple()? {
            Some(found) if found == arity => self.elements(arity, visitor),
            Some(found) => {
                let text = format!("a tuple of {found} elements, where {arity} were expected");
                Err(DecodeError::mismatch(start.position(), text))
            }
            None => Err(start.mismatch(&visitor)),
        }
    }

    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        if self.u8()? != tag::MAP {
            return Err(start.mismatch(&visitor));
        }
        let count = self.length()?;
        let mut entries = Elements::new(self, count);
        let value = visitor.visit_map(&mut entries);
        let value = located(start.position(), value)?;
        match entries.left() {
            0 => Ok(value),
            left => {
                let text = format!("{left} keys too many");
                Err(DecodeError::mismatch(start.position(), text))
            }
        }
    }

    /// A list; or a binary, whose elements are only bytes.
    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        if self.peek() == Some(tag::BINARY) {
            let bytes = self.next_binary()?.unwrap_or_default();
            let mut elements = Bytes::new(bytes, start.position());
            let value = visitor.visit_seq(&mut elements);
            let value = located(start.position(), value)?;
            return match elements.left() {
                0 => Ok(value),
                left => {
                    let text = format!("{left} bytes too many");
                    Err(DecodeError::mismatch(start.position(), text))
                }
            };
        }
        let Some(mut cells) = Cells::open(self)? else {
            return Err(start.mismatch(&visitor));
        };
        let value = visitor.visit_seq(&mut cells);
        let value = located(start.position(), value)?;
        if cells.next()?.is_some() {
            return Err(DecodeError::mismatch(start.position(), "a list that is too long"));
        }
        Ok(value)
    }

    /// Reads a list of integers that `element` takes all of.
    fn list_of<T>(
        &mut self,
        expected: &dyn Expected,
        element: impl Fn(i128) -> Option<T>,
    ) -> Read<Vec<T>> {
        let start = self.clone();
        let Some(mut cells) = Cells::open(self)? else {
            return Err(start.mismatch(expected));
        };
        let mut elements = Vec::with_capacity(cells.announced().min(MAX_RESERVED));
        while let Some(mut cell) = cells.next()? {
            let tag = cell.u8()?;
            let number = cell.integer(tag)?.and_then(|number| number.to_i128());
            match number.and_then(&element) {
                Some(element) => elements.push(element),
                None => return Err(start.mismatch(expected)),
            }
            cells.advance(cell);
        }
        Ok(elements)
    }

    fn text<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let start = self.position();
        let value = match self.next_binary()? {
            Some(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => Err(DecodeError::invalid_value(Unexpected::Bytes(bytes), &visitor)),
            },
            None => {
                let character = |point: i128| u32::try_from(point).ok().and_then(char::from_u32);
                let characters = self.list_of(&visitor, character)?;
                visitor.visit_string(characters.into_iter().collect())
            }
        };
        located(start, value)
    }

    fn any_bytes<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let start = self.position();
        let value = match self.next_binary()? {
            Some(bytes) => visitor.visit_borrowed_bytes(bytes),
            None => {
                let bytes = self.list_of(&visitor, |number| u8::try_from(number).ok())?;
                visitor.visit_byte_buf(bytes)
            }
        };
        located(start, value)
    }

    /// Returns the bytes of the term that comes next.
    pub(super) fn encoded(&mut self) -> Read<&'de [u8]> {
        let start = self.position();
        skip(self)?;
        Ok(self.since(start))
    }

    fn any<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        let Some(tag) = self.peek() else { return Err(start.mismatch(&visitor)) };
        match tag {
            tag::FLOAT => de::Deserializer::deserialize_f64(self, visitor),
            tag::NIL | tag::STRING | tag::LIST => self.list(visitor),
            tag::MAP => self.map(visitor),
            tag::SMALL_TUPLE | tag::LARGE_TUPLE => {
                let arity = self.next_tuple()?.unwrap_or(0);
                self.elements(arity, visitor)
            }
            tag::BINARY => {
                let bytes = self.next_binary()?.unwrap_or_default();
                let value = match std::str::from_utf8(bytes) {
                    Ok(text) => visitor.visit_borrowed_str(text),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                };
                located(start.position(), value)
            }
            _ => match self.next_atom()? {
                Some(name) => {
                    let value = match &*name {
                        "true" => visitor.visit_bool(true),
                        "false" => visitor.visit_bool(false),
                        "undefined" | "nil" => visitor.visit_none(),
                        _ => visit_text(name, visitor),
                    };
                    located(start.position(), value)
                }
                None => self.number(visitor),
            },
        }
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: &Number<'_>, visitor: V) -> Read<V::Value> {
    if let &Number::Small(number) = number {
        return visitor.visit_i64(number.into());
    }
    match (number.to_i128(), number.to_u128()) {
        (Some(number), absolute) => match (i64::try_from(number), absolute.map(u64::try_from)) {
            (Ok(number), _) => visitor.visit_i64(number),
            (_, Some(Ok(number))) => visitor.visit_u64(number),
            _ => visitor.visit_i128(number),
        },
        (None, Some(number)) => visitor.visit_u128(number),
        (None, None) => {
            let unexpected = Unexpected::Other("an integer of more than 128 bits");
            Err(DecodeError::invalid_value(unexpected, &visitor))
        }
    }
}

/// Returns the variant of an enum called `Result` that is spelt `tag`, if that is not what it is
/// called.
fn result_variant(tag: &str, variants: &[&str]) -> Option<&'static str> {
    let variant = match tag {
        "ok" => "Ok",
        "error" => "Err",
        _ => return None,
    };
    (variants.contains(&variant) && !variants.contains(&tag)).then_some(variant)
}

fn visit_text<'de, V: Visitor<'de>>(text: Cow<'de, str>, visitor: V) -> Read<V::Value> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

/// What stands there, for an error: numbers and atoms with their value, tuples with their tag.
fn describe(reader: &mut Reader<'_>) -> String {
    if let Ok(Some(arity)) = reader.next_tuple() {
        let tag = if arity > 1 { reader.next_atom() } else { Ok(None) };
        return match tag {
            Ok(Some(tag)) => VariantText { tag: &tag, fields: Some(arity - 1) }.to_string(),
            Ok(None) | Err(_) if arity == 1 => "a tuple of one element".to_owned(),
            Ok(None) | Err(_) => format!("a tuple of {arity} elements"),
        };
    }
    let Ok(tag) = reader.u8() else { return "nothing".to_owned() };
    match tag {
        tag::FLOAT => "a float",
        tag::NIL | tag::STRING | tag::LIST => "a list",
        tag::MAP => "a map",
        tag::BINARY => "a binary",
        tag::BIT_STRING => "a bit string",
        tag::PID => "a pid",
        tag::REFERENCE => "a reference",
        tag::PORT | tag::LARGE_PORT => "a port",
        tag::FUN | tag::EXPORT => "a fun",
        tag => {
            if let Ok(Some(name)) = reader.clone().atom(tag) {
                return format!("atom `{}`", AtomText(&name));
            }
            let number = reader.integer(tag).ok().flatten();
            return match number.and_then(|number| number.to_i128()) {
                Some(number) => format!("integer `{number}`"),
                None => "an integer".to_owned(),
            };
        }
    }
    .to_owned()
}

/// The methods for integers.
macro_rules! numbers {
    ($($method:ident),+) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
                self.number(visitor)
            }
        )+
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = DecodeError;

    numbers! {
        deserialize_i8, deserialize_i16, deserialize_i32, deserialize_i64, deserialize_i128,
        deserialize_u8, deserialize_u16, deserialize_u32, deserialize_u64, deserialize_u128
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        let value = match self.next_atom()?.as_deref() {
            Some("true") => visitor.visit_bool(true),
            Some("false") => visitor.visit_bool(false),
            Some(_) | None => return Err(start.mismatch(&visitor)),
        };
        located(start.position(), value)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let start = self.position();
        let float = self.any_float(&visitor)?;
        if (float as f32).is_infinite() {
            let unexpected = Unexpected::Other("a float that is too large");
            return Err(DecodeError::invalid_value(unexpected, &visitor).or_at(start));
        }
        located(start, visitor.visit_f64(float))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let start = self.position();
        let float = self.any_float(&visitor)?;
        located(start, visitor.visit_f64(float))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        let tag = self.u8()?;
        let number = self.integer(tag)?.and_then(|number| number.to_i128());
        let character = number.and_then(|point| u32::try_from(point).ok().and_then(char::from_u32));
        match character {
            Some(character) => visitor.visit_char(character),
            None => Err(start.mismatch(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.any_bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.any_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        match self.next_atom()?.as_deref() {
            Some("undefined" | "nil") => visitor.visit_none(),
            Some(_) | None => {
                *self = start;
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.expect_atom("ok", &"atom `ok`")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        self.expect_atom(name, &VariantText { tag: name, fields: Some(0) })?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        let start = self.clone();
        let value = match name {
            ATOM => match self.next_atom()? {
                Some(name) => visit_text(name, visitor),
                None => return Err(start.mismatch(&visitor)),
            },
            LEAF => visitor.visit_borrowed_bytes(self.encoded()?),
            TERM => visitor.visit_borrowed_bytes(self.encoded()?).map_err(|error| {
                // What has failed knows more than what has come through serde.
                decode::term(&mut start.clone()).err().unwrap_or(error)
            }),
            _ => return visitor.visit_newtype_struct(self),
        };
        located(start.position(), value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, arity: usize, visitor: V) -> Read<V::Value> {
        self.tuple(arity, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        arity: usize,
        visitor: V,
    ) -> Read<V::Value> {
        self.tuple(arity, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.map(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let start = self.clone();
        let head = self.next_variant()?;
        let Some(Head { tag, tag_at, fields }) = head else { return Err(start.mismatch(&visitor)) };
        let result = if name == "Result" { result_variant(&tag, variants) } else { None };
        let is_unit = fields == 0 && result.is_some();
        let tag = result.map_or(tag, Cow::Borrowed);
        let variant = Variant { reader: self, tag, tag_at, fields, is_unit };
        located(start.position(), visitor.visit_enum(variant))
    }

    /// The name of a field: in a map it is an atom, or a binary. Any other key is one that a struct
    /// does not have.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let start = self.clone();
        let value = if let Some(name) = self.next_atom()? {
            visit_text(name, visitor)
        } else if let Some(Ok(name)) = self.next_binary()?.map(std::str::from_utf8) {
            visitor.visit_borrowed_str(name)
        } else {
            *self = start.clone();
            skip(self)?;
            // It is no UTF-8, so it is no name.
            visitor.visit_bytes(b"\xff")
        };
        located(start.position(), value)
    }

    fn is_human_readable(&self) -> bool {
        IS_HUMAN_READABLE
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        skip(self)?;
        visitor.visit_unit()
    }
}
