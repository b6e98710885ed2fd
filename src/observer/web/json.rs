//! What serde serializes as JSON. There is no crate for it: with the one that everybody takes, its
//! comparisons of numbers and texts with JSON come into every crate that uses this one, where
//! `assert_eq!(numbers, [])` then has no type any more.

use std::fmt;
use std::fmt::{Display, Write};

use serde::ser::{
    self, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use crate::error_text::errors;

/// Why a value is not written. That may be an error of its own.
pub(super) struct Unwritable(String);

impl Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

errors!(Unwritable);

impl ser::Error for Unwritable {
    fn custom<T: Display>(error: T) -> Unwritable {
        Unwritable(error.to_string())
    }
}

/// Returns a value as JSON, in one line.
pub(super) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String, Unwritable> {
    let mut text = String::new();
    value.serialize(Writer { text: &mut text, is_key: false })?;
    Ok(text)
}

/// Writes a value to the end of a text.
struct Writer<'a> {
    text: &'a mut String,
    /// Whether the value is the key of an object, which is a text.
    is_key: bool,
}

impl<'a> Writer<'a> {
    /// Writes what is neither a text nor made of parts.
    fn plain(self, value: impl Display) -> Result<(), Unwritable> {
        if self.is_key {
            return Err(Unwritable(format!("the key of an object is no text: {value}")));
        }
        write!(self.text, "{value}").map_err(ser::Error::custom)
    }

    fn string(self, value: &str) {
        self.text.push('"');
        let mut rest = value;
        while let Some((place, character)) = rest.char_indices().find(|(_, it)| is_special(*it)) {
            self.text.push_str(&rest[..place]);
            match character {
                '"' | '\\' => self.text.extend(['\\', character]),
                _ => self.text.push_str(&format!("\\u{:04x}", u32::from(character))),
            }
            rest = &rest[place + character.len_utf8()..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    /// Begins a value that is made of parts, in brackets of this kind.
    fn parts(self, open: &str, close: &'static str) -> Result<Parts<'a>, Unwritable> {
        if self.is_key {
            return Err(Unwritable("the key of an object is no text".to_owned()));
        }
        self.text.push_str(open);
        Ok(Parts { text: self.text, close, is_empty: true })
    }

    /// Begins an object with one member of this name, which is made of parts.
    fn variant(self, name: &str, open: char, close: &'static str) -> Result<Parts<'a>, Unwritable> {
        let mut head = String::from("{");
        Writer { text: &mut head, is_key: false }.string(name);
        head.push(':');
        head.push(open);
        self.parts(&head, close)
    }
}

/// Whether a character is escaped. Separators of lines are none in JSON, but may be some elsewhere.
fn is_special(character: char) -> bool {
    matches!(character, '"' | '\\' | '\0'..' ' | '\u{7f}' | '\u{2028}' | '\u{2029}')
}

/// A value whose parts are being written.
struct Parts<'a> {
    text: &'a mut String,
    /// What stands behind the last one.
    close: &'static str,
    is_empty: bool,
}

impl Parts<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.separate();
        self.value(value)
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        self.separate();
        key.serialize(Writer { text: self.text, is_key: true })?;
        self.text.push(':');
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Unwritable> {
        self.key(name)?;
        self.value(value)
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(Writer { text: self.text, is_key: false })
    }

    fn separate(&mut self) {
        if !self.is_empty {
            self.text.push(',');
        }
        self.is_empty = false;
    }

    fn close(self) {
        self.text.push_str(self.close);
    }
}

macro_rules! plain {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, value: $type) -> Result<(), Unwritable> {
            self.plain(value)
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    plain! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        if value.is_finite() { self.plain(value) } else { self.plain("null") }
    }

    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.string(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        self.string(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.plain("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.plain("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.plain("null")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unwritable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        let mut parts = self.parts("{", "}")?;
        parts.member(variant, value)?;
        parts.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Unwritable> {
        self.parts("[", "]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Unwritable> {
        self.parts("[", "]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Unwritable> {
        self.parts("[", "]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Unwritable> {
        self.variant(variant, '[', "]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Unwritable> {
        self.parts("{", "}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Unwritable> {
        self.parts("{", "}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Unwritable> {
        self.variant(variant, '{', "}}")
    }
}

/// The kinds of values that are made of parts: each writes these in the same way.
macro_rules! made_of {
    (elements: $($trait:ident::$function:ident),*) => {
        $(impl $trait for Parts<'_> {
            type Ok = ();
            type Error = Unwritable;

            fn $function<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
                self.element(value)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.close();
                Ok(())
            }
        })*
    };
    (members: $($trait:ident),*) => {
        $(impl $trait for Parts<'_> {
            type Ok = ();
            type Error = Unwritable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Unwritable> {
                self.member(name, value)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.close();
                Ok(())
            }
        })*
    };
}

made_of!(elements: SerializeSeq::serialize_element, SerializeTuple::serialize_element);
made_of!(elements: SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field);
made_of!(members: SerializeStruct, SerializeStructVariant);

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.value(value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.close();
        Ok(())
    }
}

/// A value that is put together by hand.
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_none(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(value) => serializer.serialize_u64(*value),
            Json::Text(value) => serializer.serialize_str(value),
            Json::List(values) => serializer.collect_seq(values),
            Json::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl Json {
    pub(super) fn text(value: impl Display) -> Json {
        Json::Text(value.to_string())
    }

    pub(super) fn text_if_any(value: Option<impl Display>) -> Json {
        value.map_or(Json::Null, Json::text)
    }

    pub(super) fn texts(values: impl IntoIterator<Item = String>) -> Json {
        Json::List(values.into_iter().map(Json::Text).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(value: &(impl Serialize + ?Sized), expected: &str) {
        assert_eq!(to_json(value).unwrap(), expected);
    }

    #[test]
    fn values_are_written_as_serde_json_writes_them() {
        check(&(1_u8, -2_i64, 1.5_f64, f64::NAN, true, ()), "[1,-2,1.5,null,true,null]");
        check(&[Some('c'), None], "[\"c\",null]");
        check(&Vec::<u8>::new(), "[]");
        check(&Duration::new(1, 2), "{\"secs\":1,\"nanos\":2}");
        check(&Ok::<(u8, &str), ()>((7, "x")), "{\"Ok\":[7,\"x\"]}");
        check(&BTreeMap::from([("a", 1), ("b", 2)]), "{\"a\":1,\"b\":2}");
        check(&BTreeMap::<&str, u8>::new(), "{}");
        let object =
            Json::Object(vec![("a", Json::Null), ("b", Json::List(vec![Json::Bool(true)]))]);
        check(&object, "{\"a\":null,\"b\":[true]}");
        assert!(to_json(&BTreeMap::from([(1, 2)])).is_err());
        assert!(to_json(&BTreeMap::from([((1, 2), 2)])).is_err());
    }

    #[test]
    fn texts_have_no_character_that_would_end_them_or_a_line() {
        let text = "\"\\\u{0}\n\r\t\u{7f}\u{2028}</script>ü🦀";
        let expected = "\"\\\"\\\\\\u0000\\u000a\\u000d\\u0009\\u007f\\u2028</script>ü🦀\"";
        check(text, expected);
    }
}
