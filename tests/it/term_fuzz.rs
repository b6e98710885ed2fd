//! Bytes that somebody has made to do harm: what is read of them can be written, and is read again.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use procession::term::{self, Atom, DecodeErrorKind, ExternalPid, ExternalRef, Term, atom};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::support::dice::Dice;
use crate::support::fuzz::{TERM_TOKENS, fuzz};
use crate::support::rounds::rounds;
use crate::support::terms::{self, Kinds};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Deposit {
        #[serde(alias = "name")]
        account: String,
        amount: i64,
    },
    Draw(#[serde(default)] u8, #[serde(default)] Option<u16>),
    Tree(Box<Request>, Vec<Request>),
    Reset,
    #[serde(other)]
    Other,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Fields {
    a: Option<u8>,
    #[serde(default, alias = "c")]
    b: Vec<u8>,
    #[serde(default)]
    time: Duration,
    address: Option<IpAddr>,
    #[serde(default)]
    inside: BTreeMap<Atom, Fields>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    Unit,
    Named { x: u8, y: Option<String> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    Pair(u8, String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(f64),
    Text(String),
    Many(Vec<Untagged>),
    Map(BTreeMap<String, Untagged>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Themselves {
    pid: ExternalPid,
    reference: ExternalRef,
    term: Term,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point(i32, #[serde(default)] i32);

/// What is written of a value must be read as it.
#[track_caller]
fn written_again<T: PartialEq + Debug>(
    value: T,
    write: impl Fn(&T) -> Result<Vec<u8>, term::EncodeError>,
    read: impl Fn(&[u8]) -> Result<T, term::DecodeError>,
) {
    match write(&value) {
        Ok(bytes) => assert_eq!(read(&bytes), Ok(value)),
        // They can only be read.
        Err(error) => assert!(error.to_string().contains("0.0 and -0.0"), "{value:?}: {error}"),
    }
}

fn read<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let value = term::from_slice::<T>(bytes);
    let is_one = value.is_ok();
    if let Ok(value) = value {
        written_again(value, |value| term::to_vec(value), |bytes| term::from_slice(bytes));
    }
    is_one
}

fn read_tagged<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    tag: &str,
    bytes: &[u8],
) -> bool {
    let value = term::from_slice_tagged::<T>(tag, bytes);
    let is_one = value.is_ok();
    if let Ok(value) = value {
        let write = |value: &T| term::to_vec_tagged(tag, value);
        written_again(value, write, |bytes| term::from_slice_tagged(tag, bytes));
    }
    is_one
}

/// An error without its numbers.
fn in_words(error: &term::DecodeError) -> String {
    error.to_string().chars().filter(|it| !it.is_ascii_digit()).take(60).collect()
}

fn check(bytes: &[u8]) -> String {
    let whole = term::from_slice::<IgnoredAny>(bytes);
    let term = term::from_slice::<Term>(bytes);
    // What has been looked at can be built.
    match (&whole, &term) {
        (Ok(_), Ok(term)) => _ = term.to_string(),
        (Ok(_), Err(error)) => assert!(error.to_string().contains("one key twice"), "{error}"),
        (Err(one), other) => assert_eq!(Some(one), other.as_ref().err()),
    }
    if let Err(error) = &whole
        && error.kind() == DecodeErrorKind::Malformed
    {
        return in_words(error);
    }
    let found = [
        read::<Term>(bytes),
        read::<Request>(bytes),
        read::<Vec<Request>>(bytes),
        read::<Fields>(bytes),
        read::<Flat>(bytes),
        read::<Internal>(bytes),
        read::<Adjacent>(bytes),
        read::<Untagged>(bytes),
        read::<Themselves>(bytes),
        read::<HashMap<Option<u128>, Result<(), String>>>(bytes),
        read::<Result<Vec<(Atom, f32)>, Cow<'_, str>>>(bytes),
        read_tagged::<Request>("deposit", bytes),
        read_tagged::<Point>("draw", bytes),
        read_tagged::<()>("reset", bytes),
        read_tagged::<(u8, String)>("ok", bytes),
    ];
    let errors = [
        term::from_slice::<Request>(bytes).err(),
        term::from_slice::<Fields>(bytes).err(),
        term::from_slice_tagged::<Point>("draw", bytes).err(),
    ];
    let errors: Vec<String> = errors.iter().flatten().map(in_words).collect();
    format!("{found:?} {errors:?}")
}

/// Terms of all kinds, and some that are of the types above.
fn corpus() -> Vec<Vec<u8>> {
    let random = (0..200).map(|seed| {
        let mut dice = Dice::new(seed);
        let size = dice.index(&[1, 3, 10, 60]);
        term::to_vec(&terms::term(&mut dice, Kinds::WithFuns, size)).unwrap()
    });
    let fields = |inside| Fields {
        a: Some(1),
        b: vec![1, 2],
        time: Duration::from_millis(1500),
        address: Some([127, 0, 0, 1].into()),
        inside,
    };
    let fields = fields(BTreeMap::from([(atom("x"), fields(BTreeMap::new()))]));
    let deposit = Request::Deposit { account: "ann".to_owned(), amount: 50 };
    let tree = Request::Tree(Box::new(Request::Reset), vec![deposit, Request::Draw(1, Some(2))]);
    let untagged = Untagged::Map(BTreeMap::from([("x".to_owned(), Untagged::Number(1.5))]));
    let node = atom("n@h");
    let themselves = Themselves {
        pid: ExternalPid { node: node.clone(), id: 1, serial: 2, creation: 3 },
        reference: ExternalRef::new(node, 3, &[1, 2, 3]),
        term: "x".into(),
    };
    let mut corpus: Vec<Vec<u8>> = random.collect();
    corpus.extend([
        spelt(fields),
        spelt(tree),
        spelt(untagged),
        spelt(themselves),
        spelt(Flat { a: 1, rest: BTreeMap::from([("b".to_owned(), 2)]) }),
        spelt(Internal::Named { x: 1, y: None }),
        spelt(Adjacent::Pair(1, "x".to_owned())),
        spelt(HashMap::from([(Some(u128::MAX), Ok::<(), String>(()))])),
        spelt(Ok::<_, String>(vec![(atom("a"), 1.5_f32)])),
        term::to_vec_tagged("draw", &Point(1, 2)).unwrap(),
    ]);
    corpus
}

/// Returns the bytes of a value, which is read of them.
fn spelt<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) -> Vec<u8> {
    let bytes = term::to_vec(&value).unwrap();
    assert_eq!(term::from_slice(&bytes), Ok(value));
    bytes
}

#[test]
fn does_no_harm() {
    fuzz("term", corpus(), TERM_TOKENS, rounds(100_000), check);
}
