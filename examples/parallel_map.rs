//! Files are counted, and primes, by several tasks at once.
//!
//! What to look for: the results come in the order of the files, whichever task is the first. A
//! file that cannot be read ends its task, and no other: its result says why. So does a task that
//! takes too long, as `/dev/zero` has no end: it is killed at its next look at the runtime, which
//! `checkpoint` is. (What is known to be endless has a stream of its own: the time of a stream is
//! that of each of its tasks, and files that have an end are not to be late when the machine is
//! busy.) The numbers are counted by one thread, and then by a task for each range of them, as many
//! at once as there are cores.
//!
//! Run it with `cargo run --release --example parallel_map`, or with the files to count:
//! `cargo run --release --example parallel_map -- README.md no/such/file`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::env;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::task::{self, OnStreamTimeout};

/// What is counted if nothing else is asked for.
const FILES: [&str; 5] = ["Cargo.toml", "LICENSE-MIT", "no/such/file", "README.md", "src/lib.rs"];

/// A file without an end.
const ENDLESS: &str = "/dev/zero";

/// How long counting a file may take, and one without an end.
const TIMEOUT: Duration = Duration::from_secs(60);
const SHORT_TIMEOUT: Duration = Duration::from_millis(500);

/// Up to where primes are counted, and in ranges of which size.
const NUMBERS: u32 = 60_000;
const RANGE: u32 = 1_000;

fn main() -> Result<(), ExitReason> {
    env_logger::init();
    let mut files: Vec<String> = env::args().skip(1).collect();
    if files.is_empty() {
        files = FILES.map(str::to_owned).into();
    }
    count_files(files, TIMEOUT);
    count_files(vec![ENDLESS.to_owned()], SHORT_TIMEOUT);
    count_primes()
}

fn count_files(files: Vec<String>, timeout: Duration) {
    let counts = task::async_stream(files.clone(), |file| count(&file))
        .max_concurrency(4)
        .timeout(timeout)
        .on_timeout(OnStreamTimeout::KillTask);
    for (file, counts) in files.iter().zip(counts) {
        match counts {
            Ok(counts) => println!("{file}: {counts}"),
            Err(reason) => println!("{file}: {reason}"),
        }
    }
}

/// The lines and the words of a file.
#[derive(Default)]
struct Counts {
    lines: usize,
    words: usize,
    is_in_word: bool,
}

impl Counts {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let is_in_word = !byte.is_ascii_whitespace();
            self.words += usize::from(is_in_word && !self.is_in_word);
            self.lines += usize::from(*byte == b'\n');
            self.is_in_word = is_in_word;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines, {} words", self.lines, self.words)
    }
}

/// Counts a file of this package, or ends the task.
fn count(file: &str) -> Counts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut counts = Counts::default();
    let mut file = File::open(path).unwrap_or_else(|error| process::exit_self(error));
    let mut bytes = [0; 64 * 1024];
    loop {
        process::checkpoint();
        match file.read(&mut bytes) {
            Ok(0) => return counts,
            Ok(length) => counts.add(&bytes[..length]),
            Err(error) => process::exit_self(error),
        }
    }
}

fn count_primes() -> Result<(), ExitReason> {
    let (one, time) = timed(|| ranges().map(primes).sum::<usize>());
    println!("primes below {NUMBERS}: {one}, by one thread in {} ms", time.as_millis());

    let by_tasks = || task::async_stream(ranges(), primes).into_iter().sum::<Result<usize, _>>();
    let (many, time) = timed(by_tasks);
    println!("primes below {NUMBERS}: {}, by tasks in {} ms", many?, time.as_millis());
    Ok(())
}

fn timed<T>(body: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (body(), start.elapsed())
}

fn ranges() -> impl Iterator<Item = Range<u32>> {
    (0..NUMBERS).step_by(RANGE as usize).map(|start| start..start + RANGE)
}

/// Counts the primes in a range, and does not try to be clever.
fn primes(range: Range<u32>) -> usize {
    let is_prime = |n: u32| n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    range.filter(|n| is_prime(*n)).count()
}
