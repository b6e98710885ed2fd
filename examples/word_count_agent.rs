//! The words of files, counted by a task for each file into one agent.
//!
//! What to look for: the agent is a map, without a line of a server. Who counts sends it a closure
//! with the counts of a whole file: reading and cutting happen in several tasks at the same time,
//! and only the adding happens in the agent, one closure after the other, so nothing gets lost. A
//! file that cannot be read does not keep the others from being counted. A closure that panics ends
//! the agent, and its supervisor starts it again, empty. The map is in an `Opaque`, as the report
//! of that prints the state of the agent, and this one is long.
//!
//! `cargo run --example word_count_agent` counts the words of texts of this repository, and
//! `cargo run --example word_count_agent -- FILE…` those of yours.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use procession::prelude::*;
use procession::task;

/// How often each word was seen.
type Counts = HashMap<String, usize>;

/// The counts of all files, which the tasks share.
mod totals {
    use procession::prelude::*;

    use super::Counts;

    pub(super) const NAME: &str = "totals";

    type Totals = Opaque<Counts>;

    pub(super) fn child_spec() -> ChildSpec<AgentRef<Totals>> {
        Agent::named_child_spec(NAME, || Opaque::new(Counts::new()))
    }

    fn totals() -> AgentRef<Totals, Name> {
        AgentRef::named(NAME)
    }

    /// Adds the counts of a file, which move into the closure, and with it to the agent.
    pub(super) fn add(counts: Counts) -> Result<(), CallError> {
        totals().update(move |totals| {
            for (word, count) in counts {
                assert!(!word.is_empty(), "a word has letters");
                *totals.entry(word).or_default() += count;
            }
        })
    }

    /// Returns how many words there are, and how many different ones.
    pub(super) fn size() -> Result<(usize, usize), CallError> {
        totals().get(|totals| (totals.values().sum(), totals.len()))
    }

    /// Returns the `limit` words that were seen most often. Only these leave the agent.
    pub(super) fn most_frequent(limit: usize) -> Result<Vec<(String, usize)>, CallError> {
        totals().get(move |totals| {
            let mut words: Vec<_> = totals.iter().collect();
            words.sort_by(|(one, n), (other, m)| m.cmp(n).then(one.cmp(other)));
            words.truncate(limit);
            words.into_iter().map(|(word, count)| (word.clone(), *count)).collect()
        })
    }

    /// Returns how often `word` was seen, and forgets it.
    pub(super) fn take(word: &'static str) -> Result<Option<usize>, CallError> {
        totals().get_and_update(|totals| totals.remove(word))
    }
}

/// Counts the words of a text.
fn count(text: &str) -> Counts {
    let mut counts = Counts::new();
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    for word in words {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    counts
}

/// What the task of a file does. Either error is its result.
fn count_file(path: &Path) -> Result<(), ExitReason> {
    let text = fs::read_to_string(path)?;
    totals::add(count(&text))?;
    Ok(())
}

/// Counts all files, and tells of each, in their order.
fn count_files(files: &[PathBuf]) {
    let counted = task::async_stream(files.to_vec(), |path| count_file(&path));
    for (path, outcome) in files.iter().zip(counted.timeout(Duration::MAX)) {
        let file = path.file_name().unwrap_or_default().display();
        match outcome.and_then(|result| result) {
            Ok(()) => println!("{file} is counted"),
            Err(reason) => println!("{file} is not counted: {reason}"),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let mut files: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        let names = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "NOTICE", "ARCHITECTURE.md"];
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        files = names.map(|name| repository.join(name)).to_vec();
    }
    let supervisor = Supervisor::one_for_one().child(totals::child_spec()).start_link()?;
    count_files(&files);

    let (all, different) = totals::size()?;
    println!("{all} words, {different} different ones");
    for (word, count) in totals::most_frequent(5)? {
        println!("{count:>6} {word}");
    }
    for _ in 0..2 {
        println!("taking \"the\" out: {:?}", totals::take("the")?);
    }

    println!("adding what is no word");
    if let Err(error) = totals::add(Counts::from([(String::new(), 1)])) {
        println!("nothing added: {error}");
    }
    process::wait_for(totals::NAME, Duration::MAX);
    println!("a new agent, with {} words", totals::size()?.0);
    Ok(supervisor.stop()?)
}
