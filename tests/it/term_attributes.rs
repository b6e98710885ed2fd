//! What serde's attributes, and types of the standard library, make of the spelling.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use procession::term::{self, Atom, DecodeErrorKind, Map, Term, atom};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The value is spelt so, and is read from what is spelt so.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, spelt: &str) {
    let bytes = term::to_vec(&value).unwrap();
    assert_eq!(term::from_slice::<Term>(&bytes).unwrap().to_string(), spelt);
    assert_eq!(term::from_slice::<T>(&bytes).unwrap(), value);
}

/// The value is spelt so as the request `tag`, and read from that.
#[track_caller]
fn check_tagged<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    tag: &str,
    value: T,
    spelt: &str,
) {
    let bytes = term::to_vec_tagged(tag, &value).unwrap();
    assert_eq!(term::from_slice::<Term>(&bytes).unwrap().to_string(), spelt);
    assert_eq!(term::from_slice_tagged::<T>(tag, &bytes).unwrap(), value);
}

/// The value is read from this, too.
#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + Debug>(from: impl Serialize, value: T) {
    let bytes = term::to_vec(&from).unwrap();
    assert_eq!(term::from_slice::<T>(&bytes).unwrap(), value);
}

/// A value of this type is not read from this.
#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(from: impl Serialize, text: &str) {
    let bytes = term::to_vec(&from).unwrap();
    let error = term::from_slice::<T>(&bytes).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), (text, DecodeErrorKind::Mismatch));
}

#[track_caller]
fn is_not_written(value: impl Serialize, text: &str) {
    assert_eq!(term::to_vec(&value).unwrap_err().to_string(), text);
}

mod fields {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Deposit {
        #[serde(alias = "name")]
        account: String,
        #[serde(alias = "amt", alias = "sum")]
        amount: i64,
        #[serde(skip)]
        seen: bool,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Request {
        Deposit {
            #[serde(alias = "name")]
            account: String,
            #[serde(alias = "amt", alias = "sum")]
            amount: i64,
            #[serde(skip)]
            seen: bool,
        },
        Find(u8, #[serde(default)] Option<u8>, #[serde(default)] u8),
    }

    fn deposit() -> Deposit {
        Deposit { account: "ann".to_owned(), amount: 5, seen: false }
    }

    #[test]
    fn with_other_names_are_the_same_fields_of_a_record() {
        let request = Request::Deposit { account: "ann".to_owned(), amount: 5, seen: false };
        check(request, r#"{deposit,<<"ann">>,5}"#);
        check_tagged("deposit", deposit(), r#"{deposit,<<"ann">>,5}"#);
    }

    #[test]
    fn with_other_names_are_read_from_a_map_by_each_of_them() {
        check(deposit(), r#"#{account => <<"ann">>,amount => 5}"#);
        let map = Map::from_iter([(atom("sum"), Term::from(5)), (atom("name"), "ann".into())]);
        reads(Term::Map(map), deposit());
    }

    #[test]
    fn of_a_record_are_as_many_as_it_has() {
        let text = "invalid length 1, expected struct variant Request::Deposit with 2 elements, \
                    at byte 12";
        refuses::<Request>((atom("deposit"), "ann"), text);
        refuses::<Request>((atom("deposit"), "ann", 5, 6), "1 elements too many, at byte 12");
        refuses::<Request>(
            (atom("find"), 1, 2, 3, 4),
            "invalid type: `find` with 4 fields, expected `find` with 3 fields, at byte 3",
        );
        let error = |from: Term| {
            let bytes = term::to_vec(&from).unwrap();
            term::from_slice_tagged::<Deposit>("deposit", &bytes).unwrap_err().to_string()
        };
        let text = "invalid length 0, expected struct Deposit with 2 elements, at byte 10";
        assert_eq!(error(atom("deposit").into()), text);
        let text = "invalid type: atom `deposits`, expected record `deposit`, at byte 1";
        assert_eq!(error(atom("deposits").into()), text);
    }

    #[test]
    fn at_the_end_of_a_record_may_be_missing_if_they_have_a_default() {
        check(Request::Find(1, Some(2), 3), "{find,1,2,3}");
        reads((atom("find"), 1), Request::Find(1, None, 0));
        reads((atom("find"), 1, 2), Request::Find(1, Some(2), 0));

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Find(u8, #[serde(default)] u8);

        let bytes = term::to_vec(&(atom("find"), 1)).unwrap();
        assert_eq!(term::from_slice_tagged::<Find>("find", &bytes), Ok(Find(1, 0)));
    }

    /// They have no names, so only an option can be left out between others.
    #[test]
    fn of_a_record_that_are_skipped_are_read_if_they_are_options() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Record {
            Option {
                #[serde(skip_serializing_if = "Option::is_none")]
                a: Option<u8>,
                b: u8,
            },
            Vec {
                #[serde(default, skip_serializing_if = "Vec::is_empty")]
                a: Vec<u8>,
            },
        }

        check(Record::Option { a: None, b: 1 }, "{'Option',undefined,1}");
        let bytes = term::to_vec(&Record::Vec { a: vec![] }).unwrap();
        let error = term::from_slice::<Record>(&bytes).unwrap_err();
        let text = "invalid type: atom `undefined`, expected a sequence, at byte 8";
        assert_eq!(error.to_string(), text);
    }

    /// A key need not be a name.
    #[test]
    fn that_a_struct_does_not_have_are_ignored_whatever_their_keys_are() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Point {
            x: i32,
            ab: i32,
        }

        let mut map: Map = [(atom("x"), 1), (atom("ab"), 2)].into_iter().collect();
        let others = [
            Term::from(7),
            Term::Tuple(vec![atom("x").into(), atom("ab").into()]),
            Term::Binary(vec![255, b'x'].into()),
            Term::List(vec![97.into(), 98.into()]),
            Term::Float(1.0),
            Term::Map(Map::from_iter([(1, 2)])),
        ];
        for key in others {
            map.insert(key, "anything".into());
        }
        reads(Term::Map(map), Point { x: 1, ab: 2 });
    }

    #[test]
    fn that_a_struct_does_not_have_are_refused_if_it_says_so() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}

        let text = "unknown field `x`, there are no fields, at byte 6";
        refuses::<Nothing>(HashMap::from([(atom("x"), 1)]), text);
        let text = "unknown field `\u{fffd}`, there are no fields, at byte 6";
        refuses::<Nothing>(HashMap::from([(7, 1)]), text);
    }
}

mod enums {
    use super::*;

    #[test]
    fn called_result_are_results() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Result {
            Ok(u8),
            Err(Option<u8>),
            Retry,
        }

        check(Result::Ok(1), "{ok,1}");
        check(Result::Err(None), "{error,undefined}");
        check(Result::Retry, "'Retry'");
    }

    #[test]
    fn called_result_are_no_results_if_they_spell_their_variants_so() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Result {
            #[serde(rename = "ok")]
            Ok(()),
            #[serde(rename = "error")]
            Err(u8),
        }

        check(Result::Ok(()), "{ok,ok}");
        check(Result::Err(1), "{error,1}");
    }

    #[test]
    fn have_a_variant_for_all_others() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum State {
            Up,
            #[serde(other)]
            Unknown,
        }

        reads(atom("up"), State::Up);
        reads(atom("sideways"), State::Unknown);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Internal {
        Unit,
        Named { x: u8 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "value")]
    enum Adjacent {
        Unit,
        Value(u8),
    }

    /// The name of the variant is a value, not a tag.
    #[test]
    fn with_a_tag_of_their_own_are_maps() {
        check(Internal::Unit, r#"#{type => <<"Unit">>}"#);
        check(Internal::Named { x: 1 }, r#"#{type => <<"Named">>,x => 1}"#);
        check(Adjacent::Unit, "#{type => 'Unit'}");
        check(Adjacent::Value(1), "#{type => 'Value',value => 1}");
    }
}

mod maps {
    use super::*;

    #[derive(Serialize)]
    struct Typed {
        r#type: u8,
        x: u8,
    }

    #[derive(Serialize)]
    #[serde(tag = "type")]
    enum Event {
        Typed(Typed),
    }

    #[test]
    fn of_fields_have_no_name_twice() {
        is_not_written(Event::Typed(Typed { r#type: 1, x: 2 }), "a map has one key twice");
        is_not_written(vec![Event::Typed(Typed { r#type: 1, x: 2 })], "a map has one key twice");
    }

    /// OTP before 27 ends the connection over which one comes.
    #[test]
    fn have_no_keys_that_differ_in_the_sign_of_zero() {
        struct Pairs(Vec<((f64, u8), u8)>);

        impl Serialize for Pairs {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().copied())
            }
        }

        let text = "a map has keys that differ only in 0.0 and -0.0";
        is_not_written(Pairs(vec![((0.0, 1), 0), ((0.0, 2), 0), ((-0.0, 1), 0)]), text);
        assert!(term::to_vec(&Pairs(vec![((0.0, 1), 0), ((-0.0, 2), 0)])).is_ok());

        let key = |zero: f64, number: i32| Term::Tuple(vec![zero.into(), number.into()]);
        let map = |keys: &[Term]| Term::Map(keys.iter().map(|key| (key.clone(), 0)).collect());
        is_not_written(map(&[key(0.0, 1), key(-0.0, 1), key(-0.0, 2)]), text);
        is_not_written(map(&[0.0.into(), (-0.0).into()]), text);
        assert!(term::to_vec(&map(&[key(0.0, 1), key(-0.0, 2)])).is_ok());
        // Bytes that look like it are none.
        let binary = |sign: u8| Term::Binary(vec![70, sign, 0, 0, 0, 0, 0, 0, 0].into());
        assert!(term::to_vec(&map(&[binary(0), binary(0x80)])).is_ok());
    }
}

mod limits {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Deep(Vec<Deep>);

    fn deep(levels: usize) -> Deep {
        (0..levels).fold(Deep(vec![]), |inside, _| Deep(vec![inside]))
    }

    /// A container without terms inside does not count, here or there.
    #[test]
    fn of_depth_are_the_same_for_what_is_written_and_read() {
        let bytes = term::to_vec(&deep(MAX_DEPTH)).unwrap();
        assert_eq!(term::from_slice(&bytes), Ok(deep(MAX_DEPTH)));
        is_not_written(deep(MAX_DEPTH + 1), &too_deep());
        is_not_written(deep(MAX_DEPTH + 100), &too_deep());

        let bytes = (0..MAX_DEPTH)
            .fold(Term::List(vec![1.into(), 2.into()]), |inside, _| Term::Tuple(vec![inside]));
        assert_eq!(term::from_term::<Term>(&bytes), Ok(bytes.clone()));
        let deeper = Term::Tuple(vec![bytes]);
        is_not_written(&deeper, &too_deep());
        let error = term::from_term::<Term>(&deeper).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::TooLarge);
    }

    const MAX_DEPTH: usize = 512;

    fn too_deep() -> String {
        format!("a term deeper than {MAX_DEPTH}")
    }

    #[test]
    fn of_size_hold_for_what_is_written() {
        struct Many(u64);

        impl Serialize for Many {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq((0..self.0).map(|_| 0_u8))
            }
        }

        let most = 16_777_216;
        // The list and its end are two.
        assert!(term::to_vec(&Many(most - 2)).is_ok());
        is_not_written(Many(most - 1), "16777217 terms, where 16777216 are allowed");
    }
}

mod types_of_the_standard_library {
    use super::*;

    /// Erlang has `{127,0,0,1}`; what serde keeps for later can only be a text.
    #[test]
    fn that_have_a_text_are_it() {
        check(IpAddr::from([127, 0, 0, 1]), r#"<<"127.0.0.1">>"#);
        check(Ipv4Addr::LOCALHOST, r#"<<"127.0.0.1">>"#);
        check(SocketAddr::from(([127, 0, 0, 1], 80)), r#"<<"127.0.0.1:80">>"#);
        check_tagged("from", Ipv4Addr::LOCALHOST, r#"{from,<<"127.0.0.1">>}"#);
    }

    #[test]
    fn that_have_fields_are_maps() {
        check(Duration::from_millis(1500), "#{nanos => 500000000,secs => 1}");
    }

    #[test]
    fn borrow_from_the_term_if_they_are_told_to() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Text<'a> {
            #[serde(borrow)]
            text: Cow<'a, str>,
        }

        let bytes = term::to_vec(&Text { text: "x".into() }).unwrap();
        let text: Text<'_> = term::from_slice(&bytes).unwrap();
        assert!(matches!(text.text, Cow::Borrowed("x")));
    }

    #[test]
    fn may_be_written_by_functions() {
        mod hex {
            use serde::{Deserialize, Deserializer, Serializer};

            pub(super) fn serialize<S: Serializer>(n: &u32, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(&format_args!("{n:x}"))
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
                let text = <&str>::deserialize(from)?;
                u32::from_str_radix(text, 16).map_err(serde::de::Error::custom)
            }
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Hex(#[serde(with = "hex")] u32);

        check(Hex(255), r#"<<"ff">>"#);
        refuses::<Hex>("x", "invalid digit found in string, at byte 1");
    }
}

mod binaries {
    use super::*;

    #[derive(Debug)]
    struct First;

    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<First, D::Error> {
            struct Visitor;

            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = First;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a list")
                }

                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut list: A,
                ) -> Result<First, A::Error> {
                    list.next_element::<u8>().map(|_| First)
                }
            }

            deserializer.deserialize_seq(Visitor)
        }
    }

    #[test]
    fn that_are_read_as_lists_are_read_to_their_end() {
        refuses::<First>(vec![1, 2], "a list that is too long, at byte 1");
        refuses::<First>(Term::Binary(vec![1, 2, 3].into()), "2 bytes too many, at byte 1");
    }

    #[test]
    fn have_elements_that_can_be_ignored() {
        let bytes = term::to_vec(&Term::Binary(vec![1, 2].into())).unwrap();
        assert_eq!(term::from_slice::<Vec<serde::de::IgnoredAny>>(&bytes).unwrap().len(), 2);
    }
}

mod other_formats {
    use std::fmt::{Display, Error};

    use procession::term::ExternalPid;
    use serde::Serializer;
    use serde::ser::Impossible;

    use super::*;

    /// A format that has bytes and texts, and takes a newtype for what is inside.
    struct Bytes;

    /// The methods for what it does not have.
    macro_rules! refuse {
        ($($method:ident($($type:ty),*) -> $result:ty;)+) => {
            $(
                fn $method(self, $(_: $type),*) -> Result<$result, Error> {
                    Err(Error)
                }
            )+
        };
    }

    type No = Impossible<Vec<u8>, Error>;
    type Text = &'static str;

    impl Serializer for Bytes {
        type Ok = Vec<u8>;
        type Error = Error;
        type SerializeSeq = No;
        type SerializeTuple = No;
        type SerializeTupleStruct = No;
        type SerializeTupleVariant = No;
        type SerializeMap = No;
        type SerializeStruct = No;
        type SerializeStructVariant = No;

        fn serialize_bytes(self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
            Ok(bytes.to_vec())
        }

        fn serialize_str(self, text: &str) -> Result<Vec<u8>, Error> {
            Ok(text.into())
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: Text,
            value: &T,
        ) -> Result<Vec<u8>, Error> {
            value.serialize(self)
        }

        fn serialize_some<T: ?Sized>(self, _: &T) -> Result<Vec<u8>, Error> {
            Err(Error)
        }

        fn serialize_newtype_variant<T: ?Sized>(
            self,
            _: Text,
            _: u32,
            _: Text,
            _: &T,
        ) -> Result<Vec<u8>, Error> {
            Err(Error)
        }

        fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<Vec<u8>, Error> {
            Err(Error)
        }

        refuse! {
            serialize_bool(bool) -> Vec<u8>;
            serialize_i8(i8) -> Vec<u8>;
            serialize_i16(i16) -> Vec<u8>;
            serialize_i32(i32) -> Vec<u8>;
            serialize_i64(i64) -> Vec<u8>;
            serialize_u8(u8) -> Vec<u8>;
            serialize_u16(u16) -> Vec<u8>;
            serialize_u32(u32) -> Vec<u8>;
            serialize_u64(u64) -> Vec<u8>;
            serialize_f32(f32) -> Vec<u8>;
            serialize_f64(f64) -> Vec<u8>;
            serialize_char(char) -> Vec<u8>;
            serialize_none() -> Vec<u8>;
            serialize_unit() -> Vec<u8>;
            serialize_unit_struct(Text) -> Vec<u8>;
            serialize_unit_variant(Text, u32, Text) -> Vec<u8>;
            serialize_seq(Option<usize>) -> No;
            serialize_tuple(usize) -> No;
            serialize_tuple_struct(Text, usize) -> No;
            serialize_tuple_variant(Text, u32, Text, usize) -> No;
            serialize_map(Option<usize>) -> No;
            serialize_struct(Text, usize) -> No;
            serialize_struct_variant(Text, u32, Text, usize) -> No;
        }
    }

    /// They could not be read again.
    #[test]
    fn do_not_get_the_bytes_of_a_term() {
        assert_eq!(Term::from(1).serialize(Bytes), Err(Error));
        let pid = ExternalPid { node: atom("a"), id: 1, serial: 2, creation: 3 };
        assert_eq!(pid.serialize(Bytes), Err(Error));
    }

    #[test]
    fn get_atoms_as_texts() {
        use serde::de::IntoDeserializer;

        assert_eq!(atom("x").serialize(Bytes), Ok(b"x".to_vec()));
        let name: Result<Atom, serde::de::value::Error> =
            Atom::deserialize("x".into_deserializer());
        assert_eq!(name, Ok(atom("x")));
    }
}
