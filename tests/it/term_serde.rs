//! How types of Rust are spelt in Erlang.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use procession::term::{
    self, Atom, DecodeErrorKind, ExternalFun, ExternalPid, ExternalPort, ExternalRef, Term, atom,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The value is spelt so, and is read from what is spelt so.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, spelt: &str) {
    let bytes = term::to_vec(&value).unwrap();
    assert_eq!(term::from_slice::<Term>(&bytes).unwrap().to_string(), spelt);
    assert_eq!(term::from_slice::<T>(&bytes).unwrap(), value);
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

/// Bytes, as of `serde_bytes`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }

        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Metres(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Empty {}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(f64),
    Line(Point, Point),
    Box {
        width: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        height: Option<u32>,
        depth: u32,
    },
    Void {},
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Query {
    HowMany,
    Nth(usize),
}

mod scalars {
    use super::*;

    #[test]
    fn are_spelt_as_in_erlang() {
        check(true, "true");
        check(false, "false");
        check(-1_i8, "-1");
        check('a', "97");
        check(2.5_f32, "2.5");
        check(0.1_f64, "0.1");
        check("grüße".to_owned(), r#"<<"grüße"/utf8>>"#);
        check((), "ok");
        check(Some(3), "3");
        check(None::<u8>, "undefined");
    }

    #[test]
    fn keep_integers_of_any_width() {
        check(u64::MAX, "18446744073709551615");
        check(i64::MIN, "-9223372036854775808");
        check(i128::MIN, &i128::MIN.to_string());
        check(i128::MAX, &i128::MAX.to_string());
        check(u128::MAX, &u128::MAX.to_string());
        for shift in 0..128 {
            check(1_u128 << shift, &(1_u128 << shift).to_string());
            check(-1_i128 << shift, &(-1_i128 << shift).to_string());
            check(!(-1_i128 << shift), &(!(-1_i128 << shift)).to_string());
        }
    }

    #[test]
    fn refuse_integers_that_do_not_fit() {
        refuses::<u8>(256, "invalid value: integer `256`, expected u8, at byte 1");
        refuses::<u64>(-1, "invalid value: integer `-1`, expected u64, at byte 1");
        refuses::<u64>(
            1_u128 << 64,
            "invalid type: integer `18446744073709551616` as i128, expected u64, at byte 1",
        );
        let text = "invalid value: an integer of more than 128 bits, expected i128, at byte 1";
        refuses::<i128>(Term::integer(false, &[1; 17]), text);
        refuses::<i64>(1.0, "invalid type: a float, expected i64, at byte 1");
        refuses::<char>(0xd800, "invalid type: integer `55296`, expected a character, at byte 1");
    }

    #[test]
    fn read_a_float_from_an_integer_that_is_exactly_that() {
        reads(3, 3.0_f64);
        reads(-(1_i64 << 60), -(2_f64.powi(60)));
        reads(1_u128 << 100, 2_f64.powi(100));
        let text = "invalid value: an integer that is no float, expected f64, at byte 1";
        refuses::<f64>((1_i64 << 53) + 1, text);
        refuses::<f64>(i128::MAX, text);
        refuses::<f64>(Term::integer(false, &[1; 17]), text);
    }

    #[test]
    fn round_to_an_f32_but_do_not_become_infinite() {
        reads(0.1_f64, 0.1_f32);
        let text = "invalid value: a float that is too large, expected f32, at byte 1";
        refuses::<f32>(1e300, text);
    }

    #[test]
    fn refuse_what_is_not_finite() {
        let error = term::to_vec(&[1.0, f64::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "the float inf is no term");
        assert!(term::to_vec(&f32::NAN).is_err());
    }

    #[test]
    fn read_nothing_from_nil() {
        reads(atom("nil"), None::<u8>);
        reads((1, atom("nil")), (Some(1), None::<String>));
    }

    #[test]
    fn refuse_an_atom_as_a_string_and_a_string_as_an_atom() {
        refuses::<String>(atom("x"), "invalid type: atom `x`, expected a string, at byte 1");
        refuses::<Atom>("x", "invalid type: a binary, expected an atom, at byte 1");
        refuses::<bool>(atom("x"), "invalid type: atom `x`, expected a boolean, at byte 1");
    }
}

mod strings_and_lists {
    use super::*;

    #[test]
    fn are_read_from_each_other() {
        reads(['a', 'ж'].to_vec(), "aж".to_owned());
        reads(b"ab".to_vec(), "ab".to_owned());
        reads(Vec::<u8>::new(), String::new());
        reads(vec![1_u8, 255], Bytes(vec![1, 255]));
        reads(Bytes(vec![1, 255]), vec![1_u8, 255]);
        check(Bytes(vec![1, 2]), "<<1,2>>");
        check(vec![1_u8, 2], "[1,2]");
    }

    #[test]
    fn refuse_what_is_no_character_or_byte() {
        refuses::<String>(vec![1, 0xd800], "invalid type: a list, expected a string, at byte 1");
        refuses::<Bytes>(vec![1, 256], "invalid type: a list, expected bytes, at byte 1");
        let text = "invalid value: byte array, expected a string, at byte 3";
        refuses::<(String,)>((Bytes(vec![255]),), text);
    }

    /// A list of small numbers travels as bytes; it is a list of numbers nevertheless.
    #[test]
    fn of_small_numbers_are_read_as_any_numbers() {
        reads(vec![-1], vec![-1_i64]);
        reads(vec![1, 2, 255], vec![1_i64, 2, 255]);
        reads(vec![1, 2], vec![1.0, 2.0]);
        reads(vec![1, 2], vec![Some(1_u32), Some(2)]);
        reads(vec![1, 2], vec![Term::Integer(1), Term::Integer(2)]);
        check(vec![vec![1_u8, 2], vec![3]], "[[1,2],[3]]");
        refuses::<Vec<i64>>(
            Bytes(vec![1]),
            "invalid type: a binary, expected a list of i64, at byte 1",
        );
        refuses::<Vec<String>>(
            vec![1, 2],
            "invalid type: integer `1`, expected a string, at byte 4",
        );
        refuses::<Vec<String>>(
            (vec!["a"], 1),
            "invalid type: a tuple of 2 elements, expected a sequence, at byte 1",
        );
    }

    #[test]
    fn borrow_from_the_term() {
        let bytes = term::to_vec(&("text", Bytes(vec![1, 2]))).unwrap();
        let (text, raw): (&str, &[u8]) = term::from_slice(&bytes).unwrap();
        assert_eq!((text, raw), ("text", &[1, 2][..]));
    }

    #[test]
    fn of_an_improper_list_are_not_read() {
        let list = term::ImproperList::new(vec![1.into()], 2.into());
        refuses::<Vec<u8>>(list, "a list whose end is not a list, at byte 8");
    }

    #[test]
    fn are_tuples_if_their_length_is_in_their_type() {
        check([1, 2, 3], "{1,2,3}");
        check((1, "x".to_owned()), r#"{1,<<"x">>}"#);
        check((7,), "{7}");
        refuses::<(u8, u8)>((1, 2, 3), "a tuple of 3 elements, where 2 were expected, at byte 1");
        check(vec![(); 300], &format!("[{}]", ["ok"; 300].join(",")));
        let many: Term = term::to_term(&Term::Tuple(vec![1.into(); 300])).unwrap();
        assert_eq!(term::from_term::<Term>(&many).unwrap(), many);
    }
}

mod maps {
    use super::*;

    #[test]
    fn have_keys_of_any_type() {
        check(BTreeMap::from([("a".to_owned(), 1)]), r#"#{<<"a">> => 1}"#);
        check(HashMap::from([(atom("a"), vec![1.5])]), "#{a => [1.5]}");
        check(HashMap::from([(Some((1, 2)), ())]), "#{{1,2} => ok}");
        check(HashMap::<u8, u8>::new(), "#{}");
    }

    #[test]
    fn have_each_key_once() {
        struct Twice;

        impl Serialize for Twice {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([(1_u8, 1), (2, 2), (1, 3)])
            }
        }

        let error = term::to_vec(&Twice).unwrap_err();
        assert_eq!(error.to_string(), "a map has one key twice");
    }
}

mod structs {
    use super::*;

    #[test]
    fn are_maps_tuples_values_and_atoms() {
        check(Point { x: 1, y: 2 }, "#{x => 1,y => 2}");
        check(Pair(1, "x".to_owned()), r#"{1,<<"x">>}"#);
        check(Metres(1.5), "1.5");
        check(Marker, "'Marker'");
        check(Empty {}, "#{}");
    }

    #[test]
    fn are_read_from_maps_with_more_keys_and_with_binaries_as_keys() {
        reads(HashMap::from([("x", 1), ("y", 2), ("z", 3)]), Point { x: 1, y: 2 });
        reads(HashMap::from([(atom("y"), 2), (atom("x"), 1)]), Point { x: 1, y: 2 });
        let text = "missing field `y`, at byte 1";
        refuses::<Point>(HashMap::from([(atom("x"), 1)]), text);
        let text = "invalid type: a tuple of 2 elements, expected struct Point, at byte 1";
        refuses::<Point>((1, 2), text);
    }

    #[test]
    fn leave_out_of_a_map_what_is_skipped() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Options {
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<String>,
            size: u8,
        }

        check(Options { name: None, size: 1 }, "#{size => 1}");
    }

    #[test]
    fn pass_through_serde_without_a_plan() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Flat {
            a: u8,
            #[serde(flatten)]
            rest: BTreeMap<Atom, i64>,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i64),
            Text(String),
            Many(Vec<Option<u8>>),
        }

        let rest = BTreeMap::from([(atom("b"), 2)]);
        let flat = Flat { a: 1, rest };
        reads(HashMap::from([(atom("a"), 1), (atom("b"), 2)]), flat);
        check(Either::Number(-3), "-3");
        check(Either::Text("x".to_owned()), r#"<<"x">>"#);
        check(Either::Many(vec![Some(1), None]), "[1,undefined]");
        refuses::<Either>(
            ExternalPid { node: atom("a"), id: 1, serial: 1, creation: 1 },
            "invalid type: a pid, expected any value, at byte 1",
        );
    }
}

mod variants {
    use super::*;

    #[test]
    fn are_atoms_and_records() {
        check(Shape::Nothing, "'Nothing'");
        check(Shape::Circle(1.5), "{'Circle',1.5}");
        let line = Shape::Line(Point { x: 1, y: 2 }, Point { x: 3, y: 4 });
        check(line, "{'Line',#{x => 1,y => 2},#{x => 3,y => 4}}");
        let cube = Shape::Box { width: 1, height: Some(2), depth: 3 };
        check(cube, "{'Box',1,2,3}");
        check(Shape::Void {}, "'Void'");
        check(Query::HowMany, "how_many");
        check(Query::Nth(3), "{nth,3}");
    }

    #[test]
    fn keep_the_place_of_a_field_that_is_skipped() {
        check(Shape::Box { width: 1, height: None, depth: 3 }, "{'Box',1,undefined,3}");
    }

    #[test]
    fn that_are_not_there_or_have_other_fields_are_refused() {
        refuses::<Query>(
            atom("nth"),
            "invalid type: atom `nth`, expected `nth` with a field, at byte 1",
        );
        refuses::<Query>(
            (atom("how_many"), 1),
            "invalid type: `how_many` with a field, expected atom `how_many`, at byte 3",
        );
        refuses::<Query>(
            (atom("other"), 1),
            "unknown variant `other`, expected `how_many` or `nth`, at byte 3",
        );
        refuses::<Query>((atom("nth"), "x"), "invalid type: a binary, expected usize, at byte 8");
        refuses::<Query>(
            (1, 2),
            "invalid type: a tuple of 2 elements, expected enum Query, at byte 1",
        );
        refuses::<Query>(
            (atom("how_many"),),
            "invalid type: a tuple of one element, expected enum Query, at byte 1",
        );
    }
}

mod results {
    use super::*;

    type Outcome<T, E = Atom> = Result<T, E>;

    #[test]
    fn are_tuples_or_the_atom_alone() {
        check(Outcome::<i32>::Ok(3), "{ok,3}");
        check(Outcome::<u8>::Err(atom("enoent")), "{error,enoent}");
        check(Outcome::<()>::Ok(()), "ok");
        check(Outcome::<u8, ()>::Err(()), "error");
        check(Outcome::<Vec<Outcome<()>>>::Ok(vec![Ok(()), Ok(())]), "{ok,[ok,ok]}");
        check(Outcome::<((), u8)>::Ok(((), 1)), "{ok,{ok,1}}");
        check(Outcome::<Atom>::Ok(atom("ok")), "{ok,ok}");
        check(Outcome::<Option<()>>::Ok(Some(())), "ok");
        check(Outcome::<Option<u8>>::Ok(None), "{ok,undefined}");
    }

    #[test]
    fn of_the_programs_own_are_variants_as_others() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Result {
            Ok(u8),
            Err(u8),
            Retry,
        }

        check(Result::Ok(1), "{ok,1}");
        check(Result::Err(1), "{err,1}");
        check(Result::Retry, "retry");
    }

    #[test]
    fn that_are_an_atom_have_no_value() {
        refuses::<Outcome<u8>>(
            atom("ok"),
            "an atom, where a tuple with a value was expected, at byte 1",
        );
        refuses::<Outcome<u8>>(
            atom("badarg"),
            "unknown variant `badarg`, expected `Ok` or `Err`, at byte 1",
        );
    }
}

mod terms_of_their_own {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Event {
        from: ExternalPid,
        about: ExternalRef,
        port: Option<ExternalPort>,
        name: Atom,
        then: ExternalFun,
        detail: Term,
    }

    #[test]
    fn are_themselves_inside_of_others() {
        let node = atom("a@b");
        let detail = term::to_term(&vec![(1, "x"), (2, "y")]).unwrap();
        let event = Event {
            from: ExternalPid { node: node.clone(), id: 1, serial: 2, creation: 3 },
            about: ExternalRef::new(node.clone(), 3, &[1, 2, 3, 4, 5]),
            port: Some(ExternalPort { node, id: 1 << 40, creation: 3 }),
            name: atom("x y"),
            then: ExternalFun { module: atom("lists"), function: atom("map"), arity: 2 },
            detail,
        };
        check(
            event,
            "#{about => #Ref<a@b.5.4.3.2.1>,detail => [{1,<<\"x\">>},{2,<<\"y\">>}],\
             from => <a@b.1.2>,name => 'x y',port => #Port<a@b.1099511627776>,\
             then => fun lists:map/2}",
        );
    }

    #[test]
    fn are_not_each_other() {
        let pid = ExternalPid { node: atom("a"), id: 1, serial: 2, creation: 3 };
        refuses::<(u8, ExternalRef)>(
            (1, pid),
            "invalid type: a pid, expected a reference, at byte 5",
        );
    }

    /// A term inside counts from where it is.
    #[test]
    fn cannot_be_too_deep_together() {
        let mut deep = Term::List(vec![]);
        for _ in 0..511 {
            deep = Term::Tuple(vec![deep]);
        }
        assert!(term::to_vec(&(&deep,)).is_ok());
        let error = term::to_vec(&((&deep,),)).unwrap_err();
        assert_eq!(error.to_string(), "a term deeper than 512");
    }
}

mod tagged {
    use super::*;

    /// The value is spelt so as the request `tag`, and read from that.
    #[track_caller]
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        tag: &str,
        value: T,
        spelt: &str,
    ) {
        let bytes = term::to_vec_tagged(tag, &value).unwrap();
        assert_eq!(term::from_slice::<Term>(&bytes).unwrap().to_string(), spelt);
        assert_eq!(term::from_slice_tagged::<T>(tag, &bytes).unwrap(), value);
    }

    #[test]
    fn structs_are_records() {
        check("reset", Marker, "reset");
        check("reset", Empty {}, "reset");
        check("move", Point { x: 1, y: 2 }, "{move,1,2}");
        check("put", Pair(1, "x".to_owned()), r#"{put,1,<<"x">>}"#);
        check("add", Metres(2.5), "{add,2.5}");
    }

    #[test]
    fn other_values_are_the_field() {
        check("get", (), "get");
        check("add", 3_i64, "{add,3}");
        check("say", "x".to_owned(), r#"{say,<<"x">>}"#);
        check("put", (1, 2), "{put,{1,2}}");
        check("put", vec![1, 2], "{put,[1,2]}");
        check("put", HashMap::from([(1, 2)]), "{put,#{1 => 2}}");
        check("put", Some(1), "{put,1}");
        check("put", None::<u8>, "{put,undefined}");
        check("ask", Query::Nth(3), "{ask,{nth,3}}");
        check("ask", Query::HowMany, "{ask,how_many}");
        check(
            "draw",
            Shape::Box { width: 1, height: None, depth: 2 },
            "{draw,{'Box',1,undefined,2}}",
        );
        check("done", Ok::<(), ()>(()), "{done,ok}");
        check("is", atom("x"), "{is,x}");
        check("is", Term::Tuple(vec![]), "{is,{}}");
    }

    #[track_caller]
    fn refuses<T: DeserializeOwned + Debug>(tag: &str, from: impl Serialize, text: &str) {
        let bytes = term::to_vec(&from).unwrap();
        let error = term::from_slice_tagged::<T>(tag, &bytes).unwrap_err();
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn other_tags_and_other_fields_are_refused() {
        refuses::<i64>(
            "add",
            (atom("sub"), 3),
            "invalid type: `sub` with a field, expected `add` with a field, at byte 1",
        );
        refuses::<Point>(
            "move",
            (atom("move"), 3),
            "invalid length 1, expected struct Point with 2 elements, at byte 9",
        );
        refuses::<Marker>(
            "reset",
            (atom("reset"), 3),
            "invalid type: `reset` with a field, expected atom `reset`, at byte 1",
        );
        refuses::<Marker>(
            "reset",
            3,
            "invalid type: integer `3`, expected atom `reset`, at byte 1",
        );
        refuses::<Point>(
            "move",
            (atom("move"), 3, "x"),
            "invalid type: a binary, expected i32, at byte 11",
        );
    }
}

mod errors {
    use super::*;

    /// What a peer sends must neither end a line in a log nor make the line long.
    #[test]
    fn atoms_stand_in_quotes_as_in_erlang() {
        let atom = Atom::new("x\n\u{1b}[2J").unwrap();
        refuses::<u8>(&atom, r"invalid type: atom `'x\n\e[2J'`, expected u8, at byte 1");
        refuses::<u8>(
            (&atom, 1),
            r"invalid type: `'x\n\e[2J'` with a field, expected u8, at byte 1",
        );
    }

    #[test]
    fn what_serde_says_of_the_bytes_is_escaped_and_cut() {
        #[derive(Debug, Deserialize)]
        enum One {
            #[serde(rename = "one")]
            One,
        }

        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}

        refuses::<One>(
            atom("x\n\u{1b}\u{202e}"),
            r"unknown variant `x\n\u{1b}\u{202e}`, expected `one`, at byte 1",
        );
        let long = "x".repeat(1_000_000);
        let text = format!("unknown field `{}..., at byte 6", &long[..256 - 15]);
        refuses::<Nothing>(HashMap::from([(&long, 1)]), &text);
    }
}
