//! Bytes as somebody might send them who wants no good: changed at random, from a corpus that grows
//! by what leads to something new.
//!
//! - `FUZZ_SECONDS` is how long a test runs, in place of a number of rounds.
//! - `FUZZ_SEED`, a number, is the first seed; a failure prints its own, and the bytes.

use std::collections::HashSet;
use std::env;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::dice::Dice;

/// How many inputs are changed at most.
const MAX_CORPUS: usize = 2000;

/// How long an input may become.
const MAX_LENGTH: usize = 4096;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().and_then(|number| number.parse().ok())
}

/// Gives `check` bytes that were changed, `rounds` times or as long as was asked for. It returns in
/// words what has become of them, which is kept if it is new; the words should not have too much
/// of the bytes in them. `tokens` are bytes that are more likely than others.
pub(crate) fn fuzz(
    mut corpus: Vec<Vec<u8>>,
    tokens: &[u8],
    rounds: usize,
    check: impl Fn(&[u8]) -> String,
) {
    let end = number("FUZZ_SECONDS").map(|time| Instant::now() + Duration::from_secs(time));
    let first = number("FUZZ_SEED").unwrap_or(0);
    let mut seen = HashSet::new();
    for input in &corpus {
        let _explained = Explained { seed: None, bytes: input };
        seen.insert(check(input));
    }
    for seed in first.. {
        let is_over = match end {
            Some(end) => seed % 256 == 0 && Instant::now() >= end,
            None => seed - first >= rounds as u64,
        };
        if is_over {
            return;
        }
        let bytes = changed(&mut Dice::new(seed), &corpus, tokens);
        let outcome = {
            let _explained = Explained { seed: Some(seed), bytes: &bytes };
            check(&bytes)
        };
        if corpus.len() < MAX_CORPUS && seen.insert(outcome) {
            corpus.push(bytes);
        }
    }
}

/// Prints what was checked, if that fails.
struct Explained<'a> {
    seed: Option<u64>,
    bytes: &'a [u8],
}

impl Drop for Explained<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let Explained { seed, bytes } = self;
            // Which bytes a seed leads to depends on the corpus.
            _ = writeln!(io::stderr(), "seed {seed:?}: {bytes:?}");
        }
    }
}

/// Returns one of the corpus after some changes.
fn changed(dice: &mut Dice, corpus: &[Vec<u8>], tokens: &[u8]) -> Vec<u8> {
    let mut bytes = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(4) {
        let place = dice.below(bytes.len() + 1);
        let end = (place + dice.below(16)).min(bytes.len());
        match dice.below(10) {
            // Changes of a byte.
            0 if place < bytes.len() => bytes[place] ^= 1 << dice.below(8),
            1 if place < bytes.len() => bytes[place] = tokens[dice.below(tokens.len())],
            2 if place < bytes.len() => {
                bytes[place] = dice.index(&[0, 1, 2, 127, 128, 254, 255]) as u8;
            }
            3 if place < bytes.len() => {
                bytes[place] = bytes[place].wrapping_add(dice.index(&[1, 255]) as u8);
            }
            // Of a length.
            4 if place + 4 <= bytes.len() => {
                let length = dice.index(&[0, 1, 255, 256, 65_535, 65_536, 1 << 24, 1 << 31]) as u32;
                let length = length.wrapping_sub(dice.below(2) as u32);
                bytes[place..place + 4].copy_from_slice(&length.to_be_bytes());
            }
            // Of what is there.
            5 => _ = bytes.drain(place..end),
            6 => {
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
            7 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len() + 1);
                let to = (from + dice.below(32)).min(other.len());
                bytes.splice(place..end, other[from..to].iter().copied());
            }
            8 => bytes.truncate(place),
            _ => bytes.insert(place, tokens[dice.below(tokens.len())]),
        }
    }
    bytes.truncate(MAX_LENGTH);
    bytes
}
