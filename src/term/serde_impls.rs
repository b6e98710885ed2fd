//! How terms themselves pass through serde: by names that only this codec knows.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::id::{Alias, MonitorRef, Pid};

use super::Term;
use super::atom::Atom;
use super::decode;
use super::encode::{self, Depth};
use super::error::{DecodeError, EncodeError};
use super::external::{ExternalFun, ExternalPid, ExternalPort, ExternalRef, Fun};
use super::output::Output;
use super::reader::Reader;
use super::ser::{ATOM, LEAF, TERM, append_term};
use super::tag;

/// Is serialized as a string; in the formats of other crates it is one.
impl Serialize for Atom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ATOM, self.as_str())
    }
}

impl<'de> Deserialize<'de> for Atom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Atom, D::Error> {
        struct Name;

        impl<'de> Visitor<'de> for Name {
            type Value = Atom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an atom")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Atom, E> {
                Atom::new(name).map_err(E::custom)
            }

            /// Another format, or serde's own, which has kept it as a string.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, name: D) -> Result<Atom, D::Error> {
                name.deserialize_str(self)
            }
        }

        deserializer.deserialize_newtype_struct(ATOM, Name)
    }
}

/// What appends a term, which only this codec lets it do.
struct Appended<W>(W);

impl<W: Fn(&mut Output) -> Result<(), EncodeError>> Serialize for Appended<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let foreign = "a term of Erlang can only be written in Erlang's format";
        let appended = append_term(&self.0).ok_or_else(|| S::Error::custom(foreign))?;
        appended.map_err(S::Error::custom)?;
        serializer.serialize_bytes(&[])
    }
}

/// Serializes a term that `encode` appends.
pub(super) fn serialize_encoded<S: Serializer>(
    serializer: S,
    encode: impl Fn(&mut Output) -> Result<(), EncodeError>,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(TERM, &Appended(encode))
}

/// Only for the functions of [this module](super).
impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_encoded(serializer, |out| encode::term(out, self, Depth::ROOT))
    }
}

/// Only for the functions of [this module](super).
impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Term, D::Error> {
        struct AnyTerm;

        impl Visitor<'_> for AnyTerm {
            type Value = Term;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a term in Erlang's format, where nothing else has read it before")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Term, E> {
                decode::term(&mut Reader::new(bytes, 0)).map_err(E::custom)
            }
        }

        deserializer.deserialize_newtype_struct(TERM, AnyTerm)
    }
}

/// Only for the functions of [this module](super).
impl Serialize for Pid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_encoded(serializer, |out| {
            encode::pid_of(out.bytes(), self.node().name(), self.numbers())
        })
    }
}

/// Only for the functions of [this module](super).
impl<'de> Deserialize<'de> for Pid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pid, D::Error> {
        let ExternalPid { node, id, serial, creation } = ExternalPid::deserialize(deserializer)?;
        let pid = Pid::of_numbers(node.as_str(), [id, serial, creation]);
        pid.ok_or_else(|| D::Error::custom("a pid of a node that there cannot be"))
    }
}

/// Reads one kind of terms.
struct Kind<T> {
    /// What it is called in errors.
    name: &'static str,
    tags: &'static [u8],
    /// Reads what follows the tag.
    read: fn(&mut Reader<'_>, u8) -> Result<T, DecodeError>,
}

impl<T> Visitor<'_> for Kind<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        let mut reader = Reader::new(bytes, 0);
        let read = match reader.peek().filter(|tag| self.tags.contains(tag)) {
            Some(tag) => reader.u8().and_then(|_| (self.read)(&mut reader, tag)),
            None => Err(reader.mismatch(&self)),
        };
        read.map_err(|error| E::custom(error.text()))
    }
}

/// Only for the functions of [this module](super).
impl Serialize for Alias {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [_, _, creation] = self.owner.numbers();
        serialize_encoded(serializer, |out| {
            encode::reference_of(out.bytes(), self.owner.node().name(), creation, &self.words())
        })
    }
}

/// Only for the functions of [this module](super). Aliases of other nodes are
/// [references](ExternalRef).
impl<'de> Deserialize<'de> for Alias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Alias, D::Error> {
        let reference = ExternalRef::deserialize(deserializer)?;
        let (node, creation) = (reference.node.as_str(), reference.creation);
        let alias = Alias::of_words(node, creation, reference.words());
        alias.ok_or_else(|| D::Error::custom("a reference of this node was expected"))
    }
}

/// Only for the functions of [this module](super).
impl Serialize for MonitorRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Alias::from(*self).serialize(serializer)
    }
}

/// Only for the functions of [this module](super). Monitors of other nodes are
/// [references](ExternalRef).
impl<'de> Deserialize<'de> for MonitorRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MonitorRef, D::Error> {
        let Alias { id, owner } = Alias::deserialize(deserializer)?;
        Ok(MonitorRef { id, owner })
    }
}

/// Types that are one kind of term each.
macro_rules! kinds {
    ($($type:ident, $variant:ident, $name:literal, $encode:path, $decode:path, $tags:expr;)+) => {
        $(
            /// Only for the functions of [this module](super).
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serialize_encoded(serializer, |out| $encode(out.bytes(), self))
                }
            }

            /// Only for the functions of [this module](super).
            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                    let kind = Kind { name: $name, tags: &$tags, read: $decode };
                    deserializer.deserialize_newtype_struct(LEAF, kind)
                }
            }

            impl From<$type> for Term {
                fn from(it: $type) -> Term {
                    Term::$variant(Box::new(it))
                }
            }
        )+
    };
}

kinds! {
    ExternalPid, Pid, "a pid", encode::pid, decode::pid, [tag::PID];
    ExternalRef, Reference, "a reference", encode::reference, decode::reference, [tag::REFERENCE];
    ExternalPort, Port, "a port", encode::port, decode::port, [tag::PORT, tag::LARGE_PORT];
    ExternalFun, ExternalFun, "a named fun", encode::external_fun, decode::external_fun,
        [tag::EXPORT];
    Fun, Fun, "a fun of a node's own", encode::fun, decode::fun, [tag::FUN];
}
