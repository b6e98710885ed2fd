//! What visitors get of an enum.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Expected, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{DecodeError, located};
use super::print::AtomText;
use super::reader::Reader;

/// What each method returns.
type Read<T> = Result<T, DecodeError>;

/// A variant of an enum: an atom, or a tuple that begins with one.
pub(super) struct Variant<'a, 'de> {
    /// Before the fields.
    pub(super) reader: &'a mut Reader<'de>,
    /// The name of the variant.
    pub(super) tag: Cow<'de, str>,
    /// Where the name begins.
    pub(super) tag_at: usize,
    pub(super) fields: usize,
    /// Whether it is a result that is an atom: its value is `()`.
    pub(super) is_unit: bool,
}

/// What a variant is called in errors.
pub(super) struct VariantText<'a> {
    pub(super) tag: &'a str,
    /// Nothing if that is not known.
    pub(super) fields: Option<usize>,
}

impl Display for VariantText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VariantText { tag, fields } = *self;
        let tag = AtomText(tag);
        match fields {
            None => write!(f, "record `{tag}`"),
            Some(0) => write!(f, "atom `{tag}`"),
            Some(1) => write!(f, "`{tag}` with a field"),
            Some(fields) => write!(f, "`{tag}` with {fields} fields"),
        }
    }
}

impl Expected for VariantText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Variant<'_, '_> {
    /// Fails if there are more or fewer fields.
    fn expect_fields(&self, expected: usize) -> Read<()> {
        if self.fields == expected { Ok(()) } else { Err(self.mismatch(expected)) }
    }

    #[cold]
    fn mismatch(&self, expected: usize) -> DecodeError {
        let text = |fields| VariantText { tag: &self.tag, fields: Some(fields) };
        let (found, expected) = (text(self.fields), text(expected));
        DecodeError::mismatch(self.tag_at, format!("invalid type: {found}, expected {expected}"))
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Read<(V::Value, Self)> {
        let value = match &self.tag {
            Cow::Borrowed(tag) => seed.deserialize(BorrowedStrDeserializer::new(tag)),
            Cow::Owned(tag) => seed.deserialize(tag.as_str().into_deserializer()),
        };
        located(self.tag_at, value).map(|value| (value, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Read<()> {
        self.expect_fields(0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<T::Value> {
        if self.is_unit {
            return seed.deserialize(Unit { at: self.tag_at });
        }
        self.expect_fields(1)?;
        seed.deserialize(self.reader)
    }

    /// The last fields may be missing, if they have a default: the visitor knows.
    fn tuple_variant<V: Visitor<'de>>(self, fields: usize, visitor: V) -> Read<V::Value> {
        if self.fields > fields {
            return Err(self.mismatch(fields));
        }
        self.reader.elements(self.fields, visitor)
    }

    /// How many fields there are is known by the visitor only: the names have aliases among them.
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.reader.elements(self.fields, visitor)
    }
}

/// The `()` of a result that is an atom.
struct Unit {
    /// Where the atom begins.
    at: usize,
}

impl<'de> de::Deserializer<'de> for Unit {
    type Error = DecodeError;

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(DecodeError::mismatch(self.at, "an atom, where a tuple with a value was expected"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
