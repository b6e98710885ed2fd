//! How much memory reading a term takes: a binary of its own, as it counts what all of it
//! allocates.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;

use procession::term::{self, Term, atom};
use serde::Deserialize;

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

/// How much memory a byte of a term may take: a term is 32 bytes, and a `Vec` that grows is there
/// twice for a moment, the second time twice as large.
const PER_BYTE: usize = 100;

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
        let term = support::terms::term(&mut dice, Kinds::All, 60);
        let mut bytes = term::to_vec(&term).unwrap();
        let place = 1 + dice.below(bytes.len() - 1);
        bytes[place] = dice.below(256) as u8;
        check(&bytes, &format!("seed {seed}"));
    }
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
