//! What the user asks for.

use std::time::Duration;

use crate::peers::{self, Entry, OURS};
use crate::subject::Subject;

/// What to measure, and how.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// Ours is always among them: the others are compared with it.
    pub(crate) peers: Vec<Entry>,
    pub(crate) subjects: Vec<Subject>,
    /// How many runs there are of each.
    pub(crate) rounds: usize,
    /// How long a run should take, warming up aside.
    pub(crate) budget: Duration,
    pub(crate) markdown: bool,
}

impl Arguments {
    /// Reads them; an error is what to tell the user.
    pub(crate) fn parse(words: &[String]) -> Result<Arguments, String> {
        let mut arguments = Arguments {
            peers: Vec::new(),
            subjects: Vec::new(),
            rounds: 7,
            budget: Duration::from_millis(200),
            markdown: false,
        };
        for word in words {
            match word.as_str() {
                "--quick" => {
                    arguments.rounds = 3;
                    arguments.budget = Duration::from_millis(60);
                }
                "--markdown" => arguments.markdown = true,
                name => match (peers::named(name), Subject::named(name)) {
                    (Some(peer), _) => arguments.peers.push(peer),
                    (None, Some(subject)) => arguments.subjects.push(subject),
                    (None, None) => return Err(usage()),
                },
            }
        }
        if arguments.peers.is_empty() {
            arguments.peers = peers::ALL.to_vec();
        }
        if arguments.subjects.is_empty() {
            arguments.subjects = Subject::ALL.to_vec();
        }
        if arguments.peers.iter().all(|peer| peer.name != OURS.name) {
            arguments.peers.insert(0, OURS);
        }
        Ok(arguments)
    }
}

fn usage() -> String {
    let peers = peers::ALL.map(|peer| peer.name).join(" ");
    let subjects =
        Subject::ALL.map(|subject| format!("  {:8} {}", subject.name(), subject.explanation()));
    format!(
        "usage: peers [--quick] [--markdown] [PEER or SUBJECT ...]\n\n\
         peers: {peers}\n\nsubjects:\n{}",
        subjects.join("\n")
    )
}
