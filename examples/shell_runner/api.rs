//! What those call who want a command run. News of it come to the caller as [`Line`]s, and an
//! [`Ended`] after the last of them.

use std::time::Duration;

use procession::prelude::*;

use super::core::{JobId, Outcome};
use super::server::{Cancel, Count, Ended, Follow, Line, Run, Runner};

const NAME: &str = "runner";

fn runner() -> ServerRef<Runner, Name> {
    ServerRef::named(NAME)
}

/// How a supervisor starts a runner of so many commands at once.
pub(crate) fn child_spec(at_once: usize) -> ChildSpec<ServerRef<Runner>> {
    Runner::named_child_spec(NAME, at_once)
}

/// Has a command run by the shell, when its turn comes, and killed if it takes longer than
/// `timeout`.
pub(crate) fn run(command: &str, timeout: Duration) -> Result<JobId, CallError> {
    runner().call(Run { command: command.to_owned(), timeout })
}

/// Has the caller told of a command, too, that somebody else has asked to run. Returns whether it
/// had not ended yet.
pub(crate) fn follow(job: JobId) -> Result<bool, CallError> {
    runner().call(Follow(job))
}

/// Ends a command, or has it not begin. Returns whether it had not ended yet.
pub(crate) fn cancel(job: JobId) -> Result<bool, CallError> {
    runner().call(Cancel(job))
}

/// Returns how many commands run, and how many wait.
pub(crate) fn count() -> Result<(usize, usize), CallError> {
    runner().call(Count)
}

/// Waits for the next line of a command; returns how it has ended if there is none.
pub(crate) fn next_line(job: JobId) -> Result<Line, Outcome> {
    receive! {
        line: Line if line.job == job => Ok(line),
        ended: Ended if ended.job == job => Err(ended.outcome),
    }
}

/// Kills the runner, and waits until it has ended, and its supervisor has started another. Returns
/// why it has ended.
pub(crate) fn kill_the_runner() -> Option<ExitReason> {
    let monitor = process::monitor(runner());
    process::exit(process::whereis(NAME)?, ExitReason::Kill);
    let reason = process::wait(monitor, Duration::from_secs(5))?;
    process::wait_for(NAME, Duration::from_secs(5))?;
    Some(reason)
}
