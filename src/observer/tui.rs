//! A view of the program in a terminal, as `top` has one of the machine.
//!
//! [`run`] shows a table of all processes, anew every two seconds, and the supervision tree; what a
//! process is made of and the [status](crate::sys) that it tells; and it kills, suspends and
//! resumes processes. It is for the program that it runs in: a program offers it by a command of
//! its own, or when it is started with an argument. The example `top` does so, with a load to look
//! at: `cargo run --features observer-tui --example top`.
//!
//! ```no_run
//! use procession::observer::tui;
//!
//! tui::run(tui::Options::new())?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! It needs standard input and standard output to be one terminal, of 80 columns and 24 lines or
//! any other size. It does with few and plain control sequences, and writes only what changes: so
//! it works in any terminal of these days, and over a slow connection.
//!
//! # The table
//!
//! | column | what it is |
//! |---|---|
//! | `PID` | the process |
//! | `QUEUE` | how many messages wait in its mailbox |
//! | `CPU%` | how much of one core its thread has used since the last look |
//! | `MSG/S` | how many messages it has received in a second, since the last look |
//! | `STACK` | how much [memory](super::ProcessInfo::stack) of its stack is in use |
//! | `WAITS FOR` | what it [waits for](crate::process::Info::waits_for) |
//! | `NAME` | its name, its label, and what it was started as |
//!
//! The last column is cut where the line ends.
//!
//! # Keys
//!
//! | key | what it does |
//! |---|---|
//! | arrows, page up and down, home, end | choose a process |
//! | `1` to `5` | sort by queue, processor time, messages, stack, pid |
//! | `/` | show only what contains a text, in any case; an empty one shows all |
//! | `t` | the supervision trees, and back to the table |
//! | enter | what the process is made of, and its status |
//! | `a` | there: ask for its status once more |
//! | escape | back; in a list that is filtered, show all |
//! | `k`, `s`, `r` | kill, suspend, resume the process, after a `y` |
//! | space | look at once |
//! | `?` | the keys |
//! | control and L | draw the screen anew |
//! | `q`, control and C | end the view |
//!
//! # What it does to the program
//!
//! What it shows is a [snapshot](super::snapshot_with), for which nobody is asked. A status is told
//! by the process itself, by a system message: it is asked for by a process of its own, which waits
//! for two seconds at most, so the view goes on if no answer comes. A process that is [no
//! behaviour](crate::process::Info::behaviour) is asked only by `a`: if it does not handle system
//! messages, the request stays in its mailbox. So it is not suspended or resumed. Nor are threads
//! of the program's own killed, one of which may be that of `main`.
//!
//! The terminal is restored when the view ends: by a key, by a signal, by a panic, or as the
//! process that has called [`run`] is killed. Who ends the whole program meanwhile, by
//! [`std::process::exit`] or at the end of `main`, takes the view along before it can do that.
//!
//! Whatever is written to the terminal beside the view disturbs it: the program's log is best
//! written to a file.

mod key;
mod text;
mod terminal;
mod rows;
mod forest;
mod ask;
mod details;
mod view;
mod draw;
mod serve;

use std::io::{self, IsTerminal};
use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::process;
use crate::process::Builder;

/// How often the view looks, unless the program says otherwise.
const INTERVAL: Duration = Duration::from_secs(2);

/// No program is looked at more often than that.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// The name of the process of the view: there is one terminal.
const NAME: &str = "procession::observer::tui";

/// How a [view](run) is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "options do nothing by themselves"]
pub struct Options {
    interval: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { interval: INTERVAL }
    }
}

impl Options {
    /// Returns the defaults.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets how often the view looks. Default: 2 s; at least 100 ms. With [`Duration::MAX`] it
    /// looks once, and then when it is told to.
    pub fn interval(self, interval: Duration) -> Options {
        Options { interval: interval.max(SHORTEST_INTERVAL) }
    }
}

/// What a view has come to.
#[derive(Debug)]
struct Outcome {
    view: Pid,
    result: io::Result<()>,
}

/// Shows the program in its terminal until the user ends the view, or standard input ends.
///
/// The view is a linked process of the caller's, which waits for it here. Any process may call
/// this, and any thread of the program's own.
///
/// # Errors
///
/// - If standard input or output is not a terminal, or cannot be read or written.
/// - If there is a view already.
/// - With the kind [`Interrupted`](io::ErrorKind::Interrupted), if the program gets `SIGINT` or
///   `SIGTERM`: the terminal is restored, and the caller is to end the program. It need not if the
///   program is [run](crate::application::run) as applications, which are stopped by the same
///   signal. The next signal ends the program at once with the exit code 1, as any does after the
///   view has ended, unless somebody else listens.
pub fn run(options: Options) -> io::Result<()> {
    let streams = [(io::stdin().is_terminal(), "input"), (io::stdout().is_terminal(), "output")];
    if let Some((_, name)) = streams.iter().find(|(is_terminal, _)| !is_terminal) {
        return Err(io::Error::other(format!("the standard {name} is not a terminal")));
    }
    let caller = process::self_pid();
    let body = move || {
        let result = serve::serve(options);
        process::unlink(caller);
        process::send(caller, Outcome { view: process::self_pid(), result });
    };
    let spawned = Builder::new().name(NAME).link().spawn_monitor(body);
    let (view, monitor) = spawned.map_err(|error| match process::whereis(NAME) {
        Some(view) => io::Error::other(format!("there is a view already, {view}")),
        None => io::Error::other(error),
    })?;
    let reason = process::wait(monitor, Duration::MAX).unwrap_or(ExitReason::Normal);
    // It was sent before the end was told.
    let outcome = process::receive_match_timeout(Duration::ZERO, |message| {
        message.downcast_ref::<Outcome>().is_some_and(|it| it.view == view)
    });
    match outcome.map(|message| message.downcast::<Outcome>()) {
        Some(Ok(outcome)) => outcome.result,
        Some(Err(_)) | None => Err(io::Error::other(format!("the view has ended: {reason}"))),
    }
}
