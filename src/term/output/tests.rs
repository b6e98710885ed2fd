//! What is written is the same, wherever the content of a large binary is.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeTuple, Serializer};

use crate::net_kernel::support::dice::Dice;
use crate::term::scan::MAX_TERMS;
use crate::term::{EncodeError, ImproperList, Map, Term, WireWriter, atom, to_vec, to_vec_tagged};

use super::*;

/// What stands in the place of the content of a large binary where that is not to be large.
const SMALL: &[u8] = b"<<>>";

/// The content of a large binary.
fn large() -> Vec<u8> {
    SMALL.repeat(64 * 1024 / SMALL.len())
}

/// Returns a random term, in which `binary` stands here and there.
fn term(dice: &mut Dice, size: usize, binary: &Term) -> Term {
    let inside = |dice: &mut Dice| -> Vec<Term> {
        let count = dice.below(size.min(4)) + 1;
        (0..count).map(|_| term(dice, (size - 1) / count, binary)).collect()
    };
    match dice.below(if size > 1 { 8 } else { 4 }) {
        0 | 1 => binary.clone(),
        2 => Term::Integer(dice.below(300) as i64),
        3 => [atom("a").into(), Term::List(vec![]), Term::Float(-0.0)][dice.below(3)].clone(),
        4 => Term::List(inside(dice)),
        5 => ImproperList::new(inside(dice), binary.clone()),
        6 => {
            let keys = inside(dice);
            let values: Vec<Term> = keys.iter().map(|_| term(dice, 2, binary)).collect();
            Term::Map(Map::from_iter(keys.into_iter().zip(values)))
        }
        _ => Term::Tuple(inside(dice)),
    }
}

/// A term whose outer containers are none of ours: serde is told of them.
struct Told<'a>(&'a Term);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Told(term) = self;
        if let Term::List(items) = term {
            let mut seq = serializer.serialize_seq(None)?;
            items.iter().try_for_each(|item| seq.serialize_element(&Told(item)))?;
            seq.end()
        } else if let Term::Map(pairs) = term {
            let mut map = serializer.serialize_map(None)?;
            pairs.iter().try_for_each(|(key, value)| map.serialize_entry(key, &Told(value)))?;
            map.end()
        } else if let Term::Tuple(items) = term
            && items.len() != 2
        {
            let mut tuple = serializer.serialize_tuple(items.len())?;
            items.iter().try_for_each(|item| tuple.serialize_element(&Told(item)))?;
            tuple.end()
        } else {
            term.serialize(serializer)
        }
    }
}

/// Writes a value, and returns the two parts.
fn parts(value: &impl Serialize) -> Result<(Vec<u8>, Binary), EncodeError> {
    let mut out = Output::from(vec![tag::VERSION]);
    WireWriter::new(&mut out).value(value)?;
    Ok(out.into_parts())
}

/// Returns what has been written, with the content of large binaries in the place of small ones.
fn enlarged(bytes: &[u8], content: &[u8]) -> Vec<u8> {
    let binary = |content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag::BINARY], &length[..], content].concat()
    };
    let (small, large) = (binary(SMALL), binary(content));
    let (mut enlarged, mut left) = (Vec::new(), bytes);
    while let Some((first, rest)) = left.split_first() {
        match left.strip_prefix(&small[..]) {
            Some(behind) => {
                enlarged.extend_from_slice(&large);
                left = behind;
            }
            None => {
                enlarged.push(*first);
                left = rest;
            }
        }
    }
    enlarged
}

#[test]
fn the_bytes_are_the_same_wherever_a_large_binary_stands_and_only_the_last_is_not_copied() {
    let content = large();
    let binary = Binary::from(content.clone());
    let (mut with_tail, mut without) = (0, 0);
    for seed in 0..300 {
        let [large, small] = [binary.clone(), SMALL.into()]
            .map(|it| term(&mut Dice::new(seed), 12, &Term::Binary(it)));
        let (Ok(expected), other) = (to_vec(&small), to_vec(&large)) else {
            assert!(to_vec(&large).is_err(), "{small}");
            continue;
        };
        let expected = enlarged(&expected, &content);
        assert!(other.unwrap() == expected && to_vec(&Told(&large)).unwrap() == expected);
        for (head, tail) in [parts(&large).unwrap(), parts(&Told(&large)).unwrap()] {
            assert!([&head[..], &tail].concat() == expected, "{small}");
            assert_eq!(tail.is_empty(), !expected.ends_with(SMALL), "{small}");
            assert!(tail.is_empty() || tail.as_ptr() == binary.as_ptr(), "{small}");
            *if tail.is_empty() { &mut without } else { &mut with_tail } += 1;
        }
    }
    assert!(with_tail > 50 && without > 50, "{with_tail} and {without}");
}

#[test]
fn what_is_written_behind_a_large_binary_follows_it() {
    let content = large();
    let binary = Term::Binary(content.clone().into());
    let mut out = Output::default();
    let mut writer = WireWriter::new(&mut out);
    writer.version();
    writer.value(&binary).unwrap();
    writer.version();
    writer.tagged("tag", &binary).unwrap();
    assert!(writer.value(&(1, f64::NAN)).is_err());
    assert!(writer.value(&(&binary, f64::NAN)).is_err());
    writer.atom("end").unwrap();
    let expected = [to_vec(&binary).unwrap(), to_vec_tagged("tag", &binary).unwrap()].concat();
    assert!(out.into_bytes() == [&expected, &b"w\x03end"[..]].concat());
}

#[test]
fn a_record_or_a_map_that_ends_with_a_large_binary_gets_its_size() {
    #[derive(serde::Serialize)]
    struct Fields(u8, Term);
    #[derive(serde::Serialize)]
    struct Named {
        content: Term,
    }

    let [large, small] = [Term::Binary(large().into()), Term::Binary(SMALL.into())];
    let many = |last: &Term| {
        let mut items = vec![Term::Integer(7); 300];
        items.push(last.clone());
        Term::Tuple(items)
    };
    let value = |binary: &Term| {
        let result: Result<(), _> = Err(many(binary));
        (Some(Fields(1, binary.clone())), Named { content: binary.clone() }, result)
    };
    let (head, tail) = parts(&value(&large)).unwrap();
    let expected = enlarged(&to_vec(&value(&small)).unwrap(), &self::large());
    assert!(!tail.is_empty() && [&head[..], &tail].concat() == expected);
    let (head, tail) = parts(&Told(&many(&large))).unwrap();
    let expected = enlarged(&to_vec(&many(&small)).unwrap(), &self::large());
    assert!(!tail.is_empty() && [&head[..], &tail].concat() == expected);
}

/// A map of these keys.
struct Keys<'a>([&'a Term; 2]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.iter().try_for_each(|key| map.serialize_entry(key, &()))?;
        map.end()
    }
}

#[test]
fn keys_that_are_large_binaries_are_told_apart() {
    let [one, other] = [b"<<>>", b"<<<>"].map(|it| Term::Binary(it.repeat(1 << 15).into()));
    let map = Term::Map(Map::from_iter([(other.clone(), atom("ok")), (one.clone(), atom("ok"))]));
    assert!(to_vec(&Keys([&other, &one])) == to_vec(&map));
    let error = to_vec(&Keys([&one, &one])).unwrap_err();
    assert_eq!(error.to_string(), "a map has one key twice");
}

#[test]
fn what_is_too_deep_is_refused_with_a_large_binary_at_its_end() {
    let nested = |depth| {
        let binary = Term::Binary(large().into());
        (0..depth).fold(binary, |inner, _| Term::Tuple(vec![Term::Integer(1), inner]))
    };
    for depth in [511, 512] {
        assert!(!parts(&nested(depth)).unwrap().1.is_empty());
        assert_eq!(parts(&(1, nested(depth))).is_ok(), depth < 512);
        let mut out = Output::default();
        let written = WireWriter::new(&mut out).inside().value(&nested(depth));
        assert_eq!(written.is_ok(), depth < 512);
        assert_eq!(out.into_bytes().is_empty(), depth == 512, "it is taken back");
    }
    assert!(parts(&nested(513)).is_err());
}

/// A tuple of so many empty ones, and a term.
struct Many(usize, Term);

impl Serialize for Many {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0 + 1)?;
        (0..self.0).try_for_each(|_| tuple.serialize_element(&[0_u8; 0]))?;
        tuple.serialize_element(&self.1)?;
        tuple.end()
    }
}

#[test]
fn too_many_terms_are_refused_with_a_large_binary_at_their_end() {
    let binary = Term::Binary(large().into());
    // The tuple is one, and the binary two.
    let most = parts(&Many(MAX_TERMS - 3, binary.clone())).unwrap();
    assert!(!most.1.is_empty());
    let error = parts(&Many(MAX_TERMS - 2, binary)).unwrap_err().to_string();
    assert!(error.contains("16777217 terms, where 16777216 are allowed"), "{error}");
}
