//! Runs each measurement in a process of its own, so that none disturbs another: this program
//! again, with other arguments.

use std::collections::HashMap;
use std::env;
use std::io::{self, IsTerminal, Read};
use std::process::{Child, Command, ExitCode, Stdio, exit};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::meter::Meter;
use crate::peers::{self, Entry};
use crate::subject::Subject;

/// The first word of a child's arguments; then peer, subject, and milliseconds to spend.
const CHILD: &str = "--child";

/// After so long a child is taken to hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Memory hardly varies, and takes long.
const MEMORY_ROUNDS: usize = 3;

/// What was measured of each peer that is there.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) peers: Vec<Entry>,
    values: HashMap<(&'static str, &'static str), Vec<f64>>,
}

impl Figures {
    /// The values of all runs, in ascending order.
    pub(crate) fn of(&self, peer: Entry, subject: Subject) -> Option<&[f64]> {
        self.values.get(&(peer.name, subject.name())).map(Vec::as_slice)
    }

    fn add(&mut self, peer: Entry, subject: Subject, value: f64) {
        let values = self.values.entry((peer.name, subject.name())).or_default();
        let place = values.partition_point(|other| *other < value);
        values.insert(place, value);
    }
}

/// Measures all that is asked for.
///
/// In each round, for each subject, the peers take turns.
pub(crate) fn measure(arguments: &Arguments) -> Figures {
    let peers = available(arguments);
    let mut figures = Figures { peers: peers.clone(), values: HashMap::new() };
    for round in 1..=arguments.rounds {
        let is_skipped = |subject: Subject| !subject.is_time() && round > MEMORY_ROUNDS;
        for subject in arguments.subjects.iter().copied().filter(|it| !is_skipped(*it)) {
            show_progress(&format!("{round}/{} {}", arguments.rounds, subject.title()));
            for &peer in &peers {
                match run_child(peer, subject, arguments.budget) {
                    Ok(Some(value)) => figures.add(peer, subject, value),
                    Ok(None) => {}
                    Err(error) => eprintln!("{}, {}: {error}", peer.title, subject.title()),
                }
            }
        }
    }
    show_progress("");
    figures
}

/// The peers that are there. Says which are not.
fn available(arguments: &Arguments) -> Vec<Entry> {
    let mut peers = arguments.peers.clone();
    peers.retain(|peer| match (peer.version)() {
        Ok(_) => true,
        Err(error) => {
            eprintln!("{} is left out: {error}", peer.title);
            false
        }
    });
    peers
}

/// Says how far it has got, if somebody looks on.
fn show_progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}

fn run_child(peer: Entry, subject: Subject, budget: Duration) -> Result<Option<f64>, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let budget = budget.as_millis().to_string();
    let mut child = Command::new(program)
        .args([CHILD, peer.name, subject.name(), &budget])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let printed = read(&mut child);
    // It has ended, unless it hangs.
    _ = child.kill();
    _ = child.wait();
    match printed?.trim() {
        "none" => Ok(None),
        value => value.parse().map(Some).map_err(|_| format!("printed {value:?}")),
    }
}

/// All that it prints before it ends.
fn read(child: &mut Child) -> Result<String, String> {
    let mut output = child.stdout.take().expect("it is a pipe");
    let (sender, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        sender.send(output.read_to_string(&mut text).map(|_| text))
    });
    match printed.recv_timeout(PATIENCE) {
        Ok(text) => text.map_err(|error| error.to_string()),
        Err(_) => Err(format!("has not ended after {PATIENCE:?}")),
    }
}

/// Measures once and prints the value, if these are the arguments of a child.
pub(crate) fn serve_as_child(words: &[String]) -> Option<ExitCode> {
    let [first, peer, subject, budget] = words else { return None };
    if first != CHILD {
        return None;
    }
    let peer = peers::named(peer)?;
    let subject = Subject::named(subject)?;
    let budget = Duration::from_millis(budget.parse().ok()?);
    match (peer.measure)(subject, Meter { budget }) {
        Some(value) => println!("{value}"),
        None => println!("none"),
    }
    // With all its threads, some of which would wait for ever.
    exit(0)
}
