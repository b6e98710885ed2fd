//! Requests: values whose tag somebody else decides, as if they were a variant of an enum.

use serde::de::{self, Deserialize, Visitor};
use serde::ser::{self, Serialize};

use super::error::{DecodeError, EncodeError, located};
use super::output::Output;
use super::reader::Reader;
use super::ser::{Container, IS_HUMAN_READABLE, Serializer, append};
use super::variant::VariantText;

/// Appends `value` as the variant of that tag, inside of so many containers; if it fails, nothing.
pub(super) fn append_tagged<T: Serialize + ?Sized>(
    out: &mut Output,
    outside: usize,
    tag: &str,
    value: &T,
) -> Result<(), EncodeError> {
    append(out, outside, |inner| value.serialize(TaggedSerializer { inner, tag }))
}

/// Reads a value that is the variant of that tag.
pub(super) fn read_tagged<'de, T: Deserialize<'de>>(
    reader: &mut Reader<'de>,
    tag: &str,
) -> Result<T, DecodeError> {
    located(reader.position(), T::deserialize(TaggedDeserializer { reader, tag }))
}

/// Writes a value as the variant of that tag.
struct TaggedSerializer<'s, 'a> {
    inner: &'s mut Serializer<'a>,
    tag: &'s str,
}

impl<'s, 'a> TaggedSerializer<'s, 'a> {
    /// Begins a pair of the tag and what is written then.
    fn field(self) -> Result<&'s mut Serializer<'a>, EncodeError> {
        self.inner.begin_pair(self.tag)?;
        Ok(self.inner)
    }
}

/// The methods for values that have no fields of their own: they are the field.
macro_rules! write_field {
    ($($method:ident: $type:ty),+) => {
        $(
            fn $method(self, value: $type) -> Result<(), EncodeError> {
                self.field()?.$method(value)
            }
        )+
    };
}

impl<'s, 'a> ser::Serializer for TaggedSerializer<'s, 'a> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Container<'s, 'a>;
    type SerializeTuple = Container<'s, 'a>;
    type SerializeTupleStruct = Container<'s, 'a>;
    type SerializeTupleVariant = Container<'s, 'a>;
    type SerializeMap = Container<'s, 'a>;
    type SerializeStruct = Container<'s, 'a>;
    type SerializeStructVariant = Container<'s, 'a>;

    write_field! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_i128: i128, serialize_u128: u128, serialize_f32: f32, serialize_f64: f64
    }

    fn is_human_readable(&self) -> bool {
        IS_HUMAN_READABLE
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.inner.atom(self.tag)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        self.inner.atom(self.tag)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Container<'s, 'a>, EncodeError> {
        self.inner.record(self.tag)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Container<'s, 'a>, EncodeError> {
        self.inner.record(self.tag)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.field()?.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.field()?.serialize_some(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.field()?.serialize_newtype_struct(name, value)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.field()?.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.field()?.serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'s, 'a>, EncodeError> {
        self.field()?.serialize_seq(length)
    }

    fn serialize_tuple(self, arity: usize) -> Result<Container<'s, 'a>, EncodeError> {
        self.field()?.serialize_tuple(arity)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        fields: usize,
    ) -> Result<Container<'s, 'a>, EncodeError> {
        self.field()?.serialize_tuple_variant(name, index, variant, fields)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Container<'s, 'a>, EncodeError> {
        self.field()?.serialize_map(length)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        fields: usize,
    ) -> Result<Container<'s, 'a>, EncodeError> {
        self.field()?.serialize_struct_variant(name, index, variant, fields)
    }
}

/// Reads a value that is the variant of that tag.
struct TaggedDeserializer<'t, 'de> {
    reader: &'t mut Reader<'de>,
    tag: &'t str,
}

impl<'t, 'de> TaggedDeserializer<'t, 'de> {
    /// Reads what stands before the fields, and returns how many there are, if `is_it` says so.
    fn open(
        self,
        expected: Option<usize>,
        is_it: impl FnOnce(usize) -> bool,
    ) -> Result<(&'t mut Reader<'de>, usize), DecodeError> {
        let TaggedDeserializer { reader, tag } = self;
        let start = reader.clone();
        match reader.next_variant()? {
            Some(found) if found.tag == tag && is_it(found.fields) => Ok((reader, found.fields)),
            Some(_) | None => Err(start.mismatch(&VariantText { tag, fields: expected })),
        }
    }

    /// Comes before the fields, of which there must be so many.
    fn fields(self, expected: usize) -> Result<&'t mut Reader<'de>, DecodeError> {
        let (reader, _) = self.open(Some(expected), |found| found == expected)?;
        Ok(reader)
    }
}

/// The methods for values that have no fields of their own: they are the field.
macro_rules! read_field {
    ($($method:ident($($name:ident: $type:ty),*)),+) => {
        $(
            fn $method<V: Visitor<'de>>(
                self,
                $($name: $type,)*
                visitor: V,
            ) -> Result<V::Value, DecodeError> {
                self.fields(1)?.$method($($name,)* visitor)
            }
        )+
    };
}

impl<'de> de::Deserializer<'de> for TaggedDeserializer<'_, 'de> {
    type Error = DecodeError;

    read_field! {
        deserialize_any(), deserialize_bool(), deserialize_char(), deserialize_str(),
        deserialize_string(), deserialize_bytes(), deserialize_byte_buf(), deserialize_option(),
        deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(),
        deserialize_u8(), deserialize_u16(), deserialize_u32(), deserialize_u64(),
        deserialize_i128(), deserialize_u128(), deserialize_f32(), deserialize_f64(),
        deserialize_seq(), deserialize_map(), deserialize_identifier(), deserialize_ignored_any(),
        deserialize_newtype_struct(name: &'static str), deserialize_tuple(arity: usize),
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.fields(0)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_unit(visitor)
    }

    /// The last fields may be missing, if they have a default: the visitor knows.
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let (reader, found) = self.open(Some(fields), |found| found <= fields)?;
        reader.elements(found, visitor)
    }

    /// How many fields there are is known by the visitor only: the names have aliases among them.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let (reader, found) = self.open(None, |_| true)?;
        reader.elements(found, visitor)
    }

    fn is_human_readable(&self) -> bool {
        IS_HUMAN_READABLE
    }
}
