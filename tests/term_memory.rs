//! How much memory reading a term takes: a binary of its own, as it counts what all of it
//! allocates.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use procession::term::{self, DecodeErrorKind, Term, atom};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod dice;
    pub(crate) mod terms;
}

use support::dice::Dice;
use support::terms::Kinds;

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    /// How many bytes are allocated.
    static NOW: Cell<usize> = const { Cell::new(0) };
    /// How many there have been at most.
    static PEAK: Cell<usize> = const { Cell::new(0) };
    /// How often something was allocated.
    static TIMES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is left to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // What another thread has allocated may have been freed by this one.
        let now = NOW.get().wrapping_add(layout.size());
        NOW.set(now);
        PEAK.set(PEAK.get().max(now));
        TIMES.set(TIMES.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.set(NOW.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns how much was allocated at most while `work` ran.
fn peak_of<T>(work: impl FnOnce() -> T) -> usize {
    NOW.set(0);
    PEAK.set(0);
    drop(work());
    PEAK.get()
}

/// Returns how often something was allocated while `work` ran.
fn allocations_of<T>(work: impl FnOnce() -> T) -> usize {
    let before = TIMES.get();
    drop(work());
    TIMES.get() - before
}

/// How much memory a byte of a term may take: a term is 32 bytes, and while a `Vec` grows it is
/// there twice.
const PER_BYTE: usize = 70;

/// For an error, and the first allocation of each kind.
const MORE: usize = 1000;

#[track_caller]
fn check(bytes: &[u8], what: &str) {
    let limit = PER_BYTE * bytes.len() + MORE;
    let term = peak_of(|| term::from_slice::<Term>(bytes));
    assert!(term <= limit, "{what}: {term} for {} bytes", bytes.len());
    let list = peak_of(|| term::from_slice::<Vec<Vec<u64>>>(bytes));
    assert!(list <= limit, "{what}: {list} for {} bytes", bytes.len());
    let map = peak_of(|| term::from_slice::<HashMap<u64, Vec<u8>>>(bytes));
    assert!(map <= limit, "{what}: {map} for {} bytes", bytes.len());
    let text = peak_of(|| term::from_slice::<String>(bytes));
    assert!(text <= limit, "{what}: {text} for {} bytes", bytes.len());
}

#[test]
fn takes_no_more_than_the_bytes_allow() {
    // Counts that lie, alone and in one another.
    for tag in [105, 108, 109, 111, 112, 116, 77] {
        for count in [u32::MAX, 1 << 31, 1 << 24, 1 << 16, 4096, 100] {
            let head = [&[tag][..], &count.to_be_bytes()].concat();
            check(&[&[131], &head[..]].concat(), "a count without anything");
            check(&[&[131], &head[..], &[106; 200]].concat(), "a count with some elements");
            check(&[&[131], &head.repeat(500)[..]].concat(), "counts in one another");
        }
    }
    check(&[&[131], &[104, 255].repeat(100_000)[..]].concat(), "tuples in one another");
    check(&[&[131], &[104, 1].repeat(100_000)[..], &[106]].concat(), "too deep");

    // As much as there can be in few bytes.
    let many = [&[131, 108, 0, 15, 66, 64][..], &[106; 1_000_001]].concat();
    check(&many, "a million lists");
    let string = [&[131, 107, 255, 255][..], &[7; 65_535]].concat();
    check(&string, "a list of bytes");
    let pairs: Vec<u8> =
        (0..50_000_u32).flat_map(|key| [&[98][..], &key.to_be_bytes(), &[106]].concat()).collect();
    check(&[&[131, 116, 0, 0, 195, 80][..], &pairs].concat(), "a map");
    check(&[&[131, 104, 255][..], &[119, 1, 97].repeat(255)].concat(), "atoms");

    for seed in 0..5_000 {
        let mut dice = Dice::new(seed);
        let term = support::terms::term(&mut dice, Kinds::WithFuns, 60);
        let mut bytes = term::to_vec(&term).unwrap();
        let place = 1 + dice.below(bytes.len() - 1);
        bytes[place] = dice.below(256) as u8;
        check(&bytes, &format!("seed {seed}"));
    }
}

/// A kind of term, and as how many terms it counts.
type Kind = (&'static str, Vec<u8>, usize);

fn kinds() -> Vec<Kind> {
    let fun = [
        &[112, 0, 0, 0, 50, 1][..],
        &[0; 16],
        &[0, 0, 0, 1, 0, 0, 0, 0],
        b"w\0a\0a\0Xw\0",
        &[0; 12],
    ];
    vec![
        ("an empty list", vec![106], 1),
        ("a tuple of one", vec![104, 1, 106], 2),
        ("a list of one", vec![108, 0, 0, 0, 1, 106, 106], 3),
        ("a map of one", vec![116, 0, 0, 0, 1, 97, 1, 106], 3),
        ("a string of one", vec![107, 0, 1, 97], 2),
        ("a string of ten", [&[107, 0, 10][..], &[97; 10]].concat(), 11),
        ("a float", [&[70][..], &[0; 8]].concat(), 1),
        ("a binary", vec![109, 0, 0, 0, 1, 97], 2),
        ("bits", vec![77, 0, 0, 0, 1, 3, 97], 2),
        ("a large integer", [&[110, 9, 0][..], &[1; 9]].concat(), 2),
        ("an atom", vec![119, 0], 2),
        ("a pid", [&[88, 119, 0][..], &[0; 12]].concat(), 4),
        ("a port", [&[89, 119, 0][..], &[0; 8]].concat(), 4),
        ("a reference", [&[90, 0, 1, 119, 0][..], &[0; 8]].concat(), 5),
        ("a named fun", vec![113, 119, 0, 119, 0, 97, 0], 5),
        ("a fun", fun.concat(), 4),
        ("an improper list", vec![108, 0, 0, 0, 1, 106, 97, 1], 3),
    ]
}

/// The list of so many of a kind.
fn list_of(term: &[u8], count: u32) -> Vec<u8> {
    [&[131, 108][..], &count.to_be_bytes(), &term.repeat(count as usize), &[106]].concat()
}

#[test]
fn is_32_bytes_for_each_that_a_term_counts_as() {
    const COUNT: usize = 100_000;
    for (name, bytes, weight) in kinds() {
        let bytes = list_of(&bytes, COUNT as u32);
        let peak = peak_of(|| term::from_slice::<Term>(&bytes).unwrap());
        // The list, while it grows, is there twice.
        let most = COUNT * (weight + 1) * 32 + MORE;
        assert!(peak <= most, "{name}: {} each", peak / COUNT);
    }
}

#[test]
fn is_bounded_by_what_terms_count_as() {
    const MAX: usize = 16_777_216;
    // Of others it takes too many.
    for (name, bytes, weight) in kinds().into_iter().filter(|(.., weight)| *weight >= 4) {
        let count = (MAX / weight + 1) as u32;
        let bytes = list_of(&bytes, count);
        let mut kind = None;
        let peak = peak_of(|| kind = term::from_slice::<Term>(&bytes).err().map(|it| it.kind()));
        assert_eq!(kind, Some(DecodeErrorKind::TooLarge), "{name}");
        assert!(peak < MORE, "{name}: {peak}");
    }
}

/// Nothing is reserved for what has not been read, beyond some.
#[test]
fn is_not_reserved_by_what_is_announced() {
    struct Hint(Option<usize>);

    impl<'de> Deserialize<'de> for Hint {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hint, D::Error> {
            struct Any;

            impl<'de> Visitor<'de> for Any {
                type Value = Hint;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a container")
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Hint, A::Error> {
                    let hint = seq.size_hint();
                    while seq.next_element::<IgnoredAny>()?.is_some() {}
                    Ok(Hint(hint))
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hint, A::Error> {
                    let hint = map.size_hint();
                    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    Ok(Hint(hint))
                }
            }

            deserializer.deserialize_any(Any)
        }
    }

    let count = 10_000_u32;
    let hint = |bytes: &[u8]| term::from_slice::<Hint>(bytes).unwrap().0;
    assert_eq!(hint(&list_of(&[106], count)), Some(4096));
    assert_eq!(hint(&list_of(&[106], 3)), Some(3));
    let many = |tag, each| [&[131, tag][..], &count.to_be_bytes(), &vec![106; each]].concat();
    assert_eq!(hint(&many(105, 10_000)), Some(4096));
    assert_eq!(hint(&many(116, 20_000)), Some(4096));
    assert_eq!(hint(&[&[131, 107, 255, 255][..], &[1; 65_535]].concat()), Some(4096));

    // Characters and bytes are collected here, not by a type of the program.
    let text = list_of(&[106], 1_000_000);
    assert!(peak_of(|| term::from_slice::<String>(&text)) < 4 * 4096 + MORE);
}

#[test]
fn is_the_users_own_if_a_small_request_is_read() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Request<'a> {
        Deposit { account: &'a str, amount: i64 },
        Audit,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "reset")]
    struct Reset;

    let deposit = term::to_vec(&(atom("deposit"), "ann", 50)).unwrap();
    assert_eq!(allocations_of(|| term::from_slice::<Request<'_>>(&deposit)), 0);
    let audit = term::to_vec(&atom("audit")).unwrap();
    assert_eq!(allocations_of(|| term::from_slice::<Request<'_>>(&audit)), 0);
    assert_eq!(allocations_of(|| term::from_slice_tagged::<Reset>("audit", &audit)), 0);
    let reset = term::to_vec(&atom("reset")).unwrap();
    assert_eq!(allocations_of(|| assert_eq!(term::from_slice(&reset), Ok(Reset))), 0);
}
