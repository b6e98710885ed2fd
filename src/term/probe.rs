//! What a type is to be read as, found out before there is anything to read.

use std::fmt::{self, Display};

use serde::de::{self, Deserialize, Expected, Visitor};

use super::ser::spelt_newtype;

/// Why a type cannot be what it is declared to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unspellable {
    /// It has no variants.
    NoEnum,
    /// It is read by whatever comes, as enums with `#[serde(tag)]` or `#[serde(untagged)]` are.
    Unplanned,
}

impl Display for Unspellable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unspellable::NoEnum => "it is no enum whose variants are tags",
            Unspellable::Unplanned => {
                "it is read by what comes, as of #[serde(tag)] and #[serde(untagged)]"
            }
        })
    }
}

/// Returns how the variants of an enum can be spelt, their aliases included, sorted.
pub(crate) fn variants<'de, T: Deserialize<'de>>() -> Result<Vec<&'static str>, Unspellable> {
    match look_at::<T>() {
        Found::Enum { name, variants } => {
            let spelt = variants.iter().map(|variant| spelt_newtype(name, variant));
            let mut all: Vec<&'static str> = variants.iter().copied().chain(spelt).collect();
            all.sort_unstable();
            all.dedup();
            Ok(all)
        }
        Found::Unplanned => Err(Unspellable::Unplanned),
        Found::Other => Err(Unspellable::NoEnum),
    }
}

/// Whether what [`to_vec_tagged`](super::to_vec_tagged) writes of the type is read again.
pub(crate) fn check_tagged<'de, T: Deserialize<'de>>() -> Result<(), Unspellable> {
    match look_at::<T>() {
        Found::Enum { .. } | Found::Other => Ok(()),
        Found::Unplanned => Err(Unspellable::Unplanned),
    }
}

fn look_at<'de, T: Deserialize<'de>>() -> Found {
    // What needs nothing to be read is no enum.
    T::deserialize(Probe).err().unwrap_or(Found::Other)
}

/// Gives nothing to whatever is read, but tells how it would be.
struct Probe;

/// How a type is read. It is an error, since reading ends there.
#[derive(Debug)]
enum Found {
    Enum { name: &'static str, variants: &'static [&'static str] },
    Unplanned,
    Other,
}

impl Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is nothing to read")
    }
}

impl std::error::Error for Found {}

impl de::Error for Found {
    fn custom<T: Display>(_: T) -> Found {
        Found::Other
    }
}

/// The methods for what is neither an enum nor unplanned.
macro_rules! others {
    ($($method:ident($($type:ty),*)),+) => {
        $(
            fn $method<V: Visitor<'de>>(self, $(_: $type,)* _: V) -> Result<V::Value, Found> {
                Err(Found::Other)
            }
        )+
    };
}

impl<'de> de::Deserializer<'de> for Probe {
    type Error = Found;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found::Enum { name, variants })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found::Unplanned)
    }

    /// It is what is inside.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Found> {
        visitor.visit_newtype_struct(self)
    }

    /// Only its name tells an enum with `#[serde(tag, content)]` from a struct with two fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Found> {
        let expected: &dyn Expected = &visitor;
        let is_adjacent = expected.to_string().starts_with("adjacently tagged enum");
        Err(if is_adjacent { Found::Unplanned } else { Found::Other })
    }

    others! {
        deserialize_bool(), deserialize_char(), deserialize_str(), deserialize_string(),
        deserialize_bytes(), deserialize_byte_buf(), deserialize_option(), deserialize_unit(),
        deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(),
        deserialize_u8(), deserialize_u16(), deserialize_u32(), deserialize_u64(),
        deserialize_i128(), deserialize_u128(), deserialize_f32(), deserialize_f64(),
        deserialize_seq(), deserialize_map(), deserialize_identifier(), deserialize_ignored_any(),
        deserialize_unit_struct(&'static str), deserialize_tuple(usize),
        deserialize_tuple_struct(&'static str, usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use crate::id::Pid;
    use crate::term::{Atom, Term};

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "only how they are read matters")]
    enum Query {
        Nth(u64),
        #[serde(alias = "count")]
        HowMany,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only how they are read matters")]
    struct Inside(Query);

    #[derive(Deserialize)]
    #[serde(tag = "type")]
    #[allow(dead_code, reason = "only how they are read matters")]
    enum Internal {
        A { x: i64 },
    }

    #[derive(Deserialize)]
    #[serde(tag = "type", content = "value")]
    #[allow(dead_code, reason = "only how they are read matters")]
    enum Adjacent {
        A,
        B(i64),
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "only how they are read matters")]
    enum Untagged {
        A(i64),
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only how they are read matters")]
    struct Fields {
        x: i64,
        y: i64,
    }

    #[test]
    fn the_variants_of_an_enum_are_known_with_their_aliases() {
        assert_eq!(variants::<Query>(), Ok(vec!["count", "how_many", "nth"]));
        assert_eq!(variants::<Inside>(), Ok(vec!["count", "how_many", "nth"]));
        assert_eq!(variants::<Result<(), ()>>(), Ok(vec!["Err", "Ok", "error", "ok"]));
    }

    #[test]
    fn what_has_no_variants_as_tags_is_no_enum() {
        assert_eq!(variants::<Fields>(), Err(Unspellable::NoEnum));
        assert_eq!(variants::<u8>(), Err(Unspellable::NoEnum));
        assert_eq!(variants::<Option<Query>>(), Err(Unspellable::NoEnum));
        assert_eq!(variants::<Term>(), Err(Unspellable::NoEnum));
        assert_eq!(variants::<Internal>(), Err(Unspellable::Unplanned));
        assert_eq!(variants::<Adjacent>(), Err(Unspellable::Unplanned));
        assert_eq!(variants::<Untagged>(), Err(Unspellable::Unplanned));
    }

    #[test]
    fn what_is_read_by_what_comes_has_no_tag_given() {
        assert_eq!(check_tagged::<Fields>(), Ok(()));
        assert_eq!(check_tagged::<Query>(), Ok(()));
        assert_eq!(check_tagged::<()>(), Ok(()));
        assert_eq!(check_tagged::<Term>(), Ok(()));
        assert_eq!(check_tagged::<(Atom, Pid)>(), Ok(()));
        assert_eq!(check_tagged::<HashMap<String, u8>>(), Ok(()));
        assert_eq!(check_tagged::<Internal>(), Err(Unspellable::Unplanned));
        assert_eq!(check_tagged::<Adjacent>(), Err(Unspellable::Unplanned));
        assert_eq!(check_tagged::<Untagged>(), Err(Unspellable::Unplanned));
    }
}
