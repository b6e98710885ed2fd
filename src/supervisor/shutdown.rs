//! Stopping children.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::{Down, Exit};
use crate::process;
use crate::process::receive;

use super::{Policy, Restart, Shutdown};

/// A child that was told to end.
struct Ending {
    pid: Pid,
    /// When it is killed.
    deadline: Option<Instant>,
}

/// Stops children of the caller, all at once, each as is said, and waits until all are gone.
/// Returns how each has ended. Nothing of them is left in the mailbox.
pub(crate) fn stop_all(
    children: impl IntoIterator<Item = (Pid, Shutdown)>,
) -> BTreeMap<Pid, ExitReason> {
    let since = process::mark();
    let mut ending: BTreeMap<MonitorRef, Ending> =
        children.into_iter().map(|(pid, shutdown)| tell_to_end(pid, shutdown)).collect();
    let pids: BTreeSet<Pid> = ending.values().map(|it| it.pid).collect();
    let mut ended = BTreeMap::new();
    while !ending.is_empty() {
        let message = process::receive_match_since(since, to_first(&ending), |message| {
            message.downcast_ref::<Down>().is_some_and(|it| ending.contains_key(&it.monitor))
        });
        match message.map(|message| message.downcast::<Down>()) {
            Some(Ok(down)) => {
                let pid = ending.remove(&down.monitor).map(|it| it.pid);
                ended.extend(pid.map(|pid| (pid, down.reason)));
            }
            Some(Err(_)) => unreachable!("only a DOWN was asked for"),
            None => kill_late(&mut ending),
        }
    }
    // One that had ended before it was told to has left its exit, which says why.
    let is_theirs = |exit: &Exit| pids.contains(&exit.from);
    while let Some(message) = process::receive_match_timeout(Duration::ZERO, |message| {
        message.downcast_ref().is_some_and(is_theirs)
    }) {
        if let Ok(exit) = message.downcast::<Exit>() {
            ended.insert(exit.from, exit.reason);
        }
    }
    ended
}

/// As [`stop_all`], for one.
pub(crate) fn stop_one(pid: Pid, shutdown: Shutdown) -> ExitReason {
    stop_all([(pid, shutdown)]).remove(&pid).expect("it was told to end")
}

fn tell_to_end(pid: Pid, shutdown: Shutdown) -> (MonitorRef, Ending) {
    // A child may have removed the link, and would not be heard of.
    let monitor = process::monitor(pid);
    process::unlink(pid);
    let (reason, deadline) = match shutdown {
        Shutdown::BrutalKill => (ExitReason::Kill, None),
        Shutdown::Timeout(time) => (ExitReason::Shutdown, receive::deadline_after(time)),
        Shutdown::Infinity => (ExitReason::Shutdown, None),
    };
    process::exit(pid, reason);
    (monitor, Ending { pid, deadline })
}

/// How long it is to the first deadline.
fn to_first(ending: &BTreeMap<MonitorRef, Ending>) -> Duration {
    receive::time_left(ending.values().filter_map(|it| it.deadline).min())
}

/// Kills those that have had their time.
fn kill_late(ending: &mut BTreeMap<MonitorRef, Ending>) {
    let now = Instant::now();
    for Ending { pid, deadline } in ending.values_mut() {
        if deadline.is_some_and(|deadline| deadline <= now) {
            process::exit(*pid, ExitReason::Kill);
            *deadline = None;
        }
    }
}

/// Whether a child that was stopped has ended as it was to.
pub(crate) fn is_expected(policy: &Policy, reason: &ExitReason) -> bool {
    match (policy.shutdown, reason) {
        (Shutdown::BrutalKill, ExitReason::Killed) | (_, ExitReason::Shutdown) => true,
        (_, reason) => reason.is_orderly() && policy.restart != Restart::Permanent,
    }
}
