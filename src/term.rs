//! Terms: the values of Erlang, as they travel, and as values here.
//!
//! [`to_vec`] writes a value of Rust in Erlang's external term format, which is what
//! `term_to_binary/1` returns there; [`from_slice`] reads it straight into a type of Rust, or into
//! a [`Term`], which can be any term. How types of Rust are spelt in Erlang is said by
//! [serde](https://serde.rs), and by the table below. This module needs the feature `dist`.
//!
//! ```
//! use procession::term::{self, Term, atom};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request {
//!     Deposit { account: String, amount: u64 },
//!     Balance(String),
//!     Close,
//! }
//!
//! let request = Request::Deposit { account: "ann".to_owned(), amount: 50 };
//! let bytes = term::to_vec(&request)?;
//! assert_eq!(term::from_slice::<Request>(&bytes)?, request);
//!
//! // What Erlang sees, and what it could send as well.
//! let term: Term = term::from_slice(&bytes)?;
//! assert_eq!(term.to_string(), r#"{deposit,<<"ann">>,50}"#);
//! assert_eq!(term, term::to_term(&(atom("deposit"), "ann", 50))?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How types are spelt
//!
//! What has a tag is a record: the tag, then the fields in order. What has none is a map if its
//! fields have names, else a tuple.
//!
//! | Rust | Erlang | also read from |
//! |---|---|---|
//! | `bool` | `true`, `false` | |
//! | `i8` to `i128`, `u8` to `u128` | integer | |
//! | `f32`, `f64` | float; NaN and infinite ones are no term | an integer below 2^127, if exact |
//! | `char` | integer: its code point | |
//! | `&str`, `String` | binary of UTF-8 | a list of code points |
//! | bytes, as of `serde_bytes` | binary | a list of bytes |
//! | `Vec<T>`, sets; **`Vec<u8>` and `&[u8]` too** | list | for `Vec<u8>`, a binary |
//! | tuples, arrays | tuple | |
//! | `HashMap`, `BTreeMap` | map | |
//! | `()` | `ok` | |
//! | `Option<T>` | the value, or `undefined` | `nil` |
//! | `Result<T, E>` | `{ok,T}`, `{error,E}`; of `()` only `ok`, `error` | `{'Ok',T}`, `{'Err',E}` |
//! | `struct S { x: X }` | map with atoms as keys: `#{x => X}` | binaries as keys |
//! | `struct S(X, Y)` | tuple: `{X,Y}` | |
//! | `struct S(X)` | its inner value: `X` | |
//! | `struct S` | atom: `'S'` | |
//! | variant `A` | atom: `'A'` | |
//! | variants `B(X)`, `C(X, Y)`, `D { x: X }` | tuples: `{'B',X}`, `{'C',X,Y}`, `{'D',X}` | |
//! | what has a text for people, as `IpAddr` | binary: `<<"127.0.0.1">>` | |
//! | [`Atom`], [`Term`], [`Pid`](crate::Pid) | themselves | |
//! | [`Alias`](crate::Alias), [`MonitorRef`](crate::MonitorRef) | references of this node | |
//! | [`ExternalPid`], [`ExternalRef`], [`ExternalPort`], [`ExternalFun`], [`Fun`] | themselves | |
//!
//! **Bytes that are to be a binary need the crate `serde_bytes`**, as for serde a `Vec<u8>` is a
//! list like any other.
//!
//! `#[serde(rename_all = "snake_case")]` gives the atoms that Erlang is used to. Keys of a map that
//! a struct does not have are ignored, whatever terms they are, unless the struct says
//! `deny_unknown_fields`. Of a key that a map has twice, a `HashMap` takes the last value, a
//! [`Term`] is an error; no such map is written. With [`to_vec_tagged`] and [`from_slice_tagged`] a
//! struct is spelt as if it were the variant of an enum.
//!
//! The fields of a record have no names, so what
//! [attributes](https://serde.rs/field-attrs.html) leave out matters:
//!
//! - One with `skip_serializing_if` that is skipped is `undefined`, and those after it stay in
//!   their places: it must be an `Option`. A `default` does not help.
//! - One with `skip` is not there, on either side. One with only `skip_serializing` must be the
//!   last, and have a `default`.
//! - The last fields may be missing in what is read, if they have a `default`.
//!
//! An enum with `#[serde(tag)]` is spelt as a map, in which the name of the variant is a binary; so
//! is a struct with it. These cannot be requests that have a tag already, as of [`to_vec_tagged`];
//! nor can those with `untagged`.
//!
//! An integer that does not fit is an error, as is anything else that is not in the table: an atom
//! is no `String`, and a tuple no `Vec`. What is in an `Option` must not itself be spelt
//! `undefined` or `nil`.
//!
//! Types that serde reads without a plan (`untagged`, `flatten`, and `tag` in an enum) get atoms
//! and binaries alike as strings, and records as lists. They cannot have in them:
//!
//! - a pid, a reference, a port, a fun or a bit string, nor a [`Term`];
//! - a record, `()`, a unit struct, a `char`, or an integer of more than 64 bits;
//! - an [`Atom`] that is `true`, `false`, `undefined` or `nil`;
//! - a `String` that comes as a list.
//!
//! The fields of a struct with `flatten` are written as binaries, as such a struct tells serde
//! nothing of its fields. What is one of several things is better read as one after the other:
//!
//! ```
//! use procession::term::{self, DecodeError, Term};
//! use serde::Deserialize;
//!
//! #[derive(Debug, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request {
//!     Balance(String),
//! }
//!
//! enum Message {
//!     Request(Request),
//!     Other(Term),
//! }
//!
//! fn read(bytes: &[u8]) -> Result<Message, DecodeError> {
//!     match term::from_slice(bytes) {
//!         Ok(request) => Ok(Message::Request(request)),
//!         Err(_) => term::from_slice(bytes).map(Message::Other),
//!     }
//! }
//!
//! let bytes = term::to_vec(&(term::atom("balance"), "ann"))?;
//! assert!(matches!(read(&bytes)?, Message::Request(Request::Balance(name)) if name == "ann"));
//! assert!(matches!(read(&term::to_vec(&7)?)?, Message::Other(Term::Integer(7))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//!
//! Bytes may come from anywhere: what is wrong with them is an error that says at which byte. They
//! are checked as a whole before anything is built. Then room for at most 4,096 elements is
//! reserved ahead of what has been read, and later for as many as there are already.
//!
//! A term may be made of 16,777,216 terms. Each takes up to 32 bytes, and what has an allocation of
//! its own counts as several: atoms, binaries and large integers as two, pids, ports and funs as
//! four, references and funs that are named as five. What a binary or a large integer takes beyond
//! that is in the bytes. Nothing else grows: an [`Atom`] is a string, and freed when it is dropped.
//!
//! A term may be 512 containers deep, and in a process only as deep as its
//! [stack](crate::process::Builder::stack_size) has room for, with two KiB for each. That is what
//! reading, copying, comparing, printing and dropping a [`Term`] takes at most. A type of the
//! program that contains itself is read with what the compiler makes of it: in a release build less
//! than that, else it can be twice as much, and then 512 levels just fit into the usual two MiB.
//!
//! A value that would exceed these limits is not written, either. A [`Term`] that is built by hand
//! can be deeper, or be sent to a process with a smaller stack; then it is up to the program.
//!
//! # Erlang's words
//!
//! | Erlang | here |
//! |---|---|
//! | `term_to_binary` | [`to_vec`] |
//! | `binary_to_term` | [`from_slice`] |
//! | `io_lib:format("~0tp")` | `Display` of [`Term`] |
//! | `list_to_atom`, `binary_to_atom` | [`Atom::new`]; in constants [`atom`] |
//!
//! # Differences from OTP
//!
//! - Compressed terms, the old forms of pids, references and ports (tags 101 to 103, and 114), and
//!   floats as text (99) are not read. Atoms in Latin-1 are.
//! - Bytes behind a term are an error; `binary_to_term/1` ignores them.
//! - `0.0` and `-0.0` are different terms, as they are from OTP 27 on. Before that they are not,
//!   and a node ends the connection over which a map comes that has both as keys: so such a map is
//!   not written.
//! - Integers of a thousand bytes or more print to the base 16.
//! - Pids, references and ports print the name of their node, where Erlang has a number.
//!
//! OTP: [External term format](https://www.erlang.org/doc/apps/erts/erl_ext_dist.html).

mod bounded;
mod error;
mod atom;
mod integer;
mod binary;
mod external;
mod map;
mod convert;
mod order;
mod tag;
mod output;
mod reader;
mod print;
pub(crate) mod stack;
mod scan;
mod decode;
mod keys;
mod encode;
mod ser;
mod access;
mod variant;
mod de;
mod tagged;
mod serde_impls;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod excerpt;
#[cfg(target_os = "linux")]
mod wire;

use serde::de::{Deserialize, DeserializeOwned};
use serde::ser::Serialize;

pub use atom::{Atom, AtomTooLong, atom};
pub use binary::Binary;
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use external::{ExternalFun, ExternalPid, ExternalPort, ExternalRef, Fun};
pub use integer::BigInteger;
pub use map::{Map, Pairs};
#[cfg(target_os = "linux")]
pub(crate) use output::Output;
#[cfg(target_os = "linux")]
#[allow(unused_imports, reason = "for servers that declare their requests")]
pub(crate) use probe::{Unspellable, check_tagged, variants};
#[cfg(target_os = "linux")]
#[allow(
    unused_imports,
    reason = "for requests of servers, which are read where they are served"
)]
pub(crate) use wire::{WirePid, WirePlace, WireRef, WireTerm, WireTuple, WireWriter};

use encode::Depth;
use error::located;
use integer::Integer;
#[cfg(not(target_os = "linux"))]
use output::Output;

/// Any term.
///
/// It prints as Erlang prints it. [`to_term`] makes one of any value, `From` of simple ones; what
/// serde knows can be made of it by [`from_term`].
///
/// ```
/// use procession::term::{self, Term, atom};
///
/// let term = term::to_term(&(atom("deposit"), "x", [(1, 2.5)]))?;
/// assert_eq!(term.to_string(), r#"{deposit,<<"x">>,{{1,2.5}}}"#);
///
/// let Term::Tuple(fields) = &term else { unreachable!() };
/// assert_eq!(fields[0], atom("deposit").into());
/// assert_eq!(term::from_term::<String>(&fields[1])?, "x");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub enum Term {
    /// An integer that is an `i64`.
    Integer(i64),
    /// Any other integer.
    BigInteger(BigInteger),
    /// A float, which must be finite to be written.
    Float(f64),
    /// An atom; `true` and `false` are two of them.
    Atom(Atom),
    /// A binary, which is also what a string of Rust is.
    Binary(Binary),
    /// A bit string that is no binary.
    BitString(BitString),
    /// A list; what is a string in Erlang is one of integers.
    List(Vec<Term>),
    /// A list whose end is not a list: `[a|b]`.
    ImproperList(Box<ImproperList>),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A map.
    Map(Map),
    /// A pid.
    Pid(Box<ExternalPid>),
    /// A reference.
    Reference(Box<ExternalRef>),
    /// A port.
    Port(Box<ExternalPort>),
    /// A fun that only its node can call.
    Fun(Box<Fun>),
    /// A fun that is named: `fun lists:map/2`.
    ExternalFun(Box<ExternalFun>),
}

// What a term is made of is counted by this.
const _: () = assert!(size_of::<Term>() <= 32);

impl Term {
    /// Returns the integer of this sign and absolute value, whose bytes are given from the least
    /// significant one on.
    ///
    /// ```
    /// use procession::term::Term;
    ///
    /// assert_eq!(Term::integer(true, &[1, 1]), Term::Integer(-257));
    /// assert_eq!(Term::integer(false, &[0, 0, 0, 0, 0, 0, 0, 128]), Term::from(1_u64 << 63));
    /// ```
    pub fn integer(is_negative: bool, magnitude: &[u8]) -> Term {
        match Integer::new(is_negative, magnitude) {
            Integer::Small(number) => Term::Integer(number),
            Integer::Big(number) => Term::BigInteger(number),
        }
    }
}

/// A list whose end is not a list: `[a|b]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ImproperList {
    /// There is one at least.
    items: Vec<Term>,
    /// Not a list.
    tail: Term,
}

impl ImproperList {
    /// Returns the list of `items` with `tail` as its end: a [`Term::ImproperList`], if it has to
    /// be one.
    ///
    /// ```
    /// use procession::term::{ImproperList, Term, atom};
    ///
    /// let improper = ImproperList::new(vec![atom("a").into()], atom("b").into());
    /// assert_eq!(improper.to_string(), "[a|b]");
    /// assert_eq!(ImproperList::new(vec![1.into()], improper).to_string(), "[1,a|b]");
    /// assert_eq!(ImproperList::new(vec![], atom("b").into()), atom("b").into());
    /// ```
    #[expect(clippy::new_ret_no_self, reason = "it may be a list, which is another term")]
    pub fn new(mut items: Vec<Term>, tail: Term) -> Term {
        if let Term::List(more) = tail {
            items.extend(more);
            Term::List(items)
        } else if let Term::ImproperList(list) = tail {
            items.extend(list.items);
            Term::ImproperList(Box::new(ImproperList { items, tail: list.tail }))
        } else if items.is_empty() {
            tail
        } else {
            Term::ImproperList(Box::new(ImproperList { items, tail }))
        }
    }

    /// Returns its elements, of which there is one at least.
    pub fn items(&self) -> &[Term] {
        &self.items
    }

    /// Returns its end, which is not a list.
    pub fn tail(&self) -> &Term {
        &self.tail
    }
}

/// A bit string whose bits do not fill its last byte: `<<5:3>>`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BitString {
    /// The bits that do not count are 0; there is one byte at least.
    bytes: Box<[u8]>,
    /// From 1 to 7.
    last_bits: u8,
}

impl BitString {
    /// Returns the bits of `bytes`, of whose last one only the first `last_bits` count: a
    /// [`Term::BitString`], if it has to be one.
    ///
    /// ```
    /// use procession::term::{BitString, Term};
    ///
    /// assert_eq!(BitString::new(&[1, 0b1010_0000], 3).to_string(), "<<1,5:3>>");
    /// assert_eq!(BitString::new(b"x", 8), "x".into());
    /// ```
    ///
    /// # Panics
    ///
    /// If `last_bits` is 0 or more than 8.
    #[expect(clippy::new_ret_no_self, reason = "it may be a binary, which is another term")]
    pub fn new(bytes: &[u8], last_bits: u8) -> Term {
        assert!((1..=8).contains(&last_bits), "a byte with {last_bits} bits");
        let mut bytes = bytes.to_vec();
        match bytes.last_mut() {
            Some(last) if last_bits < 8 => {
                *last &= 0xff << (8 - last_bits);
                Term::BitString(BitString { bytes: bytes.into(), last_bits })
            }
            Some(_) | None => Term::Binary(bytes.into()),
        }
    }

    /// Returns its bytes; the bits of the last one that do not count are 0.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns how many bits of the last byte count, the most significant ones: 1 to 7.
    pub fn last_bits(&self) -> u8 {
        self.last_bits
    }
}

/// Where a term begins, behind the version.
const BODY: usize = 1;

/// Writes `value` as a term.
///
/// OTP: [`term_to_binary/1`](https://www.erlang.org/doc/apps/erts/erlang.html#term_to_binary/1).
///
/// ```
/// use procession::term;
///
/// assert_eq!(term::to_vec(&(1, true))?, b"\x83h\x02a\x01w\x04true");
/// # Ok::<(), term::EncodeError>(())
/// ```
///
/// # Errors
///
/// If the value is no term: a float that is not finite, an atom of more than 255 characters, a map
/// with one key twice; and if it exceeds the [limits](self#limits).
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Output::from(vec![tag::VERSION]);
    ser::append(&mut out, 0, |serializer| value.serialize(serializer))?;
    Ok(out.into_bytes())
}

/// Reads a term into a type of Rust.
///
/// OTP: [`binary_to_term/1`](https://www.erlang.org/doc/apps/erts/erlang.html#binary_to_term/1).
///
/// ```
/// use procession::term;
///
/// assert_eq!(term::from_slice::<(u8, bool)>(b"\x83h\x02a\x01w\x04true")?, (1, true));
/// // Strings and bytes can be borrowed from the term.
/// assert_eq!(term::from_slice::<&str>(b"\x83m\0\0\0\x02hi")?, "hi");
/// # Ok::<(), term::DecodeError>(())
/// ```
///
/// # Errors
///
/// If the bytes are not one term, if it exceeds the [limits](self#limits), or is not of this type.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    located(BODY, T::deserialize(&mut decode::open(bytes)?))
}

/// Writes `value` as a term, as if it were the variant `tag` of an enum: a unit struct is the atom,
/// other structs are the tag with their fields, and all that is no struct is the one field.
///
/// So the tag of a request need not be the name of its type, and its type need not be part of an
/// enum.
///
/// ```
/// use procession::term::{self, Term};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Reset;
/// #[derive(Serialize)]
/// struct Add(i64);
/// #[derive(Serialize)]
/// struct Transfer { from: &'static str, to: &'static str, amount: i64 }
///
/// let spelt = |bytes: Vec<u8>| term::from_slice::<Term>(&bytes).map(|term| term.to_string());
/// assert_eq!(spelt(term::to_vec_tagged("reset", &Reset)?)?, "reset");
/// assert_eq!(spelt(term::to_vec_tagged("add", &Add(3))?)?, "{add,3}");
///
/// let transfer = Transfer { from: "ann", to: "bob", amount: 5 };
/// let bytes = term::to_vec_tagged("transfer", &transfer)?;
/// assert_eq!(spelt(bytes)?, r#"{transfer,<<"ann">>,<<"bob">>,5}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`to_vec`]; and if the tag is longer than an atom can be.
pub fn to_vec_tagged<T: Serialize + ?Sized>(tag: &str, value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Output::from(vec![tag::VERSION]);
    tagged::append_tagged(&mut out, 0, tag, value)?;
    Ok(out.into_bytes())
}

/// Reads a term that [`to_vec_tagged`] could have written.
///
/// ```
/// use procession::term::{self, atom};
/// use serde::Deserialize;
///
/// #[derive(Debug, PartialEq, Deserialize)]
/// struct Add(i64);
///
/// let bytes = term::to_vec(&(atom("add"), 3))?;
/// assert_eq!(term::from_slice_tagged::<Add>("add", &bytes)?, Add(3));
///
/// let error = term::from_slice_tagged::<Add>("sub", &bytes).unwrap_err();
/// let text = "invalid type: `add` with a field, expected `sub` with a field, at byte 1";
/// assert_eq!(error.to_string(), text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`from_slice`]; and if the term has another tag, or another number of fields.
pub fn from_slice_tagged<'de, T: Deserialize<'de>>(
    tag: &str,
    bytes: &'de [u8],
) -> Result<T, DecodeError> {
    tagged::read_tagged(&mut decode::open(bytes)?, tag)
}

/// Returns `value` as a term.
///
/// # Errors
///
/// As [`to_vec`].
pub fn to_term<T: Serialize + ?Sized>(value: &T) -> Result<Term, EncodeError> {
    let bytes = to_vec(value)?;
    from_slice(&bytes).map_err(serde::ser::Error::custom)
}

/// Reads a term into a type of Rust. The offset of an error is where it would be in the bytes of
/// the term.
///
/// # Errors
///
/// If the term is not of this type, or is not one that could be [written](to_vec).
pub fn from_term<T: DeserializeOwned>(term: &Term) -> Result<T, DecodeError> {
    let mut out = Output::from(vec![tag::VERSION]);
    encode::term(&mut out, term, Depth::ROOT).map_err(EncodeError::on_reading)?;
    from_slice(out.bytes())
}
