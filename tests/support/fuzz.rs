//! Bytes as somebody might send them who wants no good: changed at random, from a corpus that grows
//! by what leads to something new.
//!
//! - `FUZZ_SECONDS` is how long a test runs, in place of a number of rounds.
//! - `FUZZ_SEED`, a number, is the first seed; a failure prints its own, and the bytes.
//! - `FUZZ_KEEP=1` keeps what has been found in `tests/corpus`, of which a test begins.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::dice::Dice;

/// How many inputs are changed at most.
const MAX_CORPUS: usize = 2000;

/// How long an input may become.
const MAX_LENGTH: usize = 4096;

/// How many inputs of a test are kept in `tests/corpus`, and how long they may be.
const MAX_KEPT: usize = 300;
const MAX_KEPT_LENGTH: usize = 200;

/// What is more likely than other bytes in a term: the tags, a few lengths, what atoms are made of.
pub(crate) const TERM_TOKENS: &[u8] = &[
    70, 77, 80, 82, 88, 89, 90, 97, 98, 100, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 115,
    116, 118, 119, 120, 131, 0, 1, 2, b'o', b'k',
];

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().and_then(|number| number.parse().ok())
}

/// Calls `body` with one seed after the other, `rounds` times or as long as was asked for.
pub(crate) fn seeds(rounds: usize, mut body: impl FnMut(u64)) {
    let end = number("FUZZ_SECONDS").map(|time| Instant::now() + Duration::from_secs(time));
    let first = number("FUZZ_SEED").unwrap_or(0);
    let goes_on = |seed| match end {
        Some(end) => Instant::now() < end,
        None => seed - first < rounds as u64,
    };
    for seed in (first..).take_while(|&seed| goes_on(seed)) {
        let _explained = Explained { seed: Some(seed), bytes: &[] };
        body(seed);
    }
}

/// Gives `check` bytes that were changed, `rounds` times or as long as was asked for. It returns in
/// words what has become of them, which is kept if it is new; the words should not have too much
/// of the bytes in them. `tokens` are bytes that are more likely than others; the corpus is what
/// the file `name` has, too. Returns all that has become of them.
pub(crate) fn fuzz(
    name: &str,
    mut corpus: Vec<Vec<u8>>,
    tokens: &[u8],
    rounds: usize,
    mut check: impl FnMut(&[u8]) -> String,
) -> HashSet<String> {
    let mut seen = HashSet::new();
    let mut is_new = |seed, bytes: &[u8]| {
        let _explained = Explained { seed, bytes };
        seen.insert(check(bytes))
    };
    corpus.iter().for_each(|bytes| _ = is_new(None, bytes));
    let begin = corpus.len();
    let mut found = kept(name);
    found.retain(|bytes| is_new(None, bytes));
    corpus.append(&mut found);
    seeds(rounds, |seed| {
        let bytes = changed(&mut Dice::new(seed), &corpus, tokens);
        if is_new(Some(seed), &bytes) && corpus.len() < MAX_CORPUS {
            corpus.push(bytes);
        }
    });
    if env::var_os("FUZZ_KEEP").is_some() {
        keep(name, corpus.split_off(begin));
    }
    seen
}

fn file(name: &str) -> String {
    format!("{}/tests/corpus/{name}.txt", env!("CARGO_MANIFEST_DIR"))
}

/// Returns what has been found before: a line for each input, in hexadecimal digits.
fn kept(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(file(name)).unwrap_or_default();
    let byte = |line: &str, at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    let input = |line: &str| (0..line.len()).step_by(2).map(|at| byte(line, at)).collect();
    text.lines().map(input).collect()
}

fn keep(name: &str, mut found: Vec<Vec<u8>>) {
    found.retain(|bytes| bytes.len() <= MAX_KEPT_LENGTH);
    found.truncate(MAX_KEPT);
    let digits = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = found.iter().map(digits).collect();
    fs::write(file(name), lines.join("\n") + "\n").unwrap();
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
pub(crate) fn changed(dice: &mut Dice, corpus: &[Vec<u8>], tokens: &[u8]) -> Vec<u8> {
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
