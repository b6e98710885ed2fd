//! How much memory reading a term takes: a binary of its own, as it counts what all of it
//! allocates.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use procession::term::{self, Term};

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod dice;
    pub(crate) mod terms;
}

use support::dice::Dice;
use support::terms::Kinds;

/// Counts what is allocated, and what was at most.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns how much was allocated at most while `work` ran.
fn peak_of<T>(work: impl FnOnce() -> T) -> usize {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    drop(work());
    PEAK.load(Ordering::Relaxed) - before
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

/// One test, as others would be counted with it.
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
