//! Stopping children.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::{Down, Exit, Message};
use crate::process;
use crate::process::current::current;
use crate::process::receive;
use crate::report::Context;
use crate::runtime::wait_graph::{Cause, Waiting};

use super::failures::report_failure;
use super::killed;
use super::{Policy, Restart, Shutdown};

/// How a child that was stopped has ended.
pub(crate) struct Stopped {
    reason: ExitReason,
    /// Its time was over.
    had_to_be_killed: bool,
}

/// A child that was told to exit.
struct Ending {
    pid: Pid,
    /// When it is killed, unless it has exited.
    deadline: Option<Instant>,
    /// Its time is over.
    is_late: bool,
}

/// Stops children of the caller, all at once, each as its `Shutdown` says, and waits until all have
/// ended. Returns the exit reason of each. Leaves none of their messages in the mailbox.
pub(crate) fn stop_all(
    children: impl IntoIterator<Item = (Pid, Shutdown)>,
) -> BTreeMap<Pid, Stopped> {
    let (since, now) = (process::mark(), Instant::now());
    // A child may have removed the link, and then its exit would go unnoticed.
    let watch = |(pid, shutdown)| (process::monitor(pid), pid, shutdown);
    let watched: Vec<_> = children.into_iter().map(watch).collect();
    // Before any of them is told: if one then calls the caller, that call finds the cycle.
    let waiting = wait_for_ends(&watched);
    let mut ending: BTreeMap<MonitorRef, Ending> =
        watched.into_iter().map(|child| tell_to_end(child, now)).collect();
    let pids: BTreeSet<Pid> = ending.values().map(|it| it.pid).collect();
    let mut first = first_deadline(&ending);
    let (mut downs, mut exits, mut late) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    while !ending.is_empty() {
        let message = process::receive_match_since(since, receive::time_left(first), |message| {
            let down = message.downcast_ref::<Down>();
            down.is_some_and(|it| ending.contains_key(&it.monitor)) || is_exit_of(&pids, message)
        });
        let Some(message) = message else {
            kill_late(&mut ending);
            first = first_deadline(&ending);
            continue;
        };
        match message.downcast::<Down>() {
            Ok(down) => {
                let Some(Ending { pid, is_late, .. }) = ending.remove(&down.monitor) else {
                    continue;
                };
                downs.insert(pid, down.reason);
                late.extend(is_late.then_some(pid));
            }
            Err(message) => _ = note_exit(message, &mut exits),
        }
    }
    drop(waiting);
    // A child that had ended before it was monitored: its `Exit` has the reason.
    let is_unclear = |pid: &Pid| downs[pid] == ExitReason::NoProc && !exits.contains_key(pid);
    let unclear = pids.iter().copied().filter(is_unclear).collect();
    own_reasons(unclear, &mut exits);
    // The links stay until now: if the caller is killed before, its children must learn of it.
    pids.iter().for_each(|pid| process::unlink(*pid));
    while process::receive_match_timeout(Duration::ZERO, |it| is_exit_of(&pids, it)).is_some() {}
    downs.extend(exits);
    let stopped = |(pid, reason)| {
        let had_to_be_killed = reason == ExitReason::Killed && late.contains(&pid);
        (pid, Stopped { reason, had_to_be_killed })
    };
    downs.into_iter().map(stopped).collect()
}

/// Waits for the `Exit`s of children that have ended, and adds their reasons to `exits`.
fn own_reasons(mut unclear: BTreeSet<Pid>, exits: &mut BTreeMap<Pid, ExitReason>) {
    for pid in &unclear {
        // The `Exit` is there or on its way, unless the child had removed the link; then this link
        // brings one.
        process::link(*pid);
    }
    while !unclear.is_empty() {
        let message = process::receive_match(|message| is_exit_of(&unclear, message));
        note_exit(message, exits).map(|pid| unclear.remove(&pid));
    }
}

fn is_exit_of(pids: &BTreeSet<Pid>, message: &Message) -> bool {
    message.downcast_ref::<Exit>().is_some_and(|exit| pids.contains(&exit.from))
}

/// Adds the reason of the first `Exit` of each process to `exits`. Returns the process.
fn note_exit(message: Message, exits: &mut BTreeMap<Pid, ExitReason>) -> Option<Pid> {
    let exit = message.downcast::<Exit>().ok()?;
    exits.entry(exit.from).or_insert(exit.reason);
    Some(exit.from)
}

/// Stops one child as [`stop_all`] does.
pub(crate) fn stop_one(pid: Pid, shutdown: Shutdown) -> Stopped {
    stop_all([(pid, shutdown)]).remove(&pid).expect("it was told to end")
}

/// Enters into the wait graph that the caller waits for the children that are not killed at once.
fn wait_for_ends(watched: &[(MonitorRef, Pid, Shutdown)]) -> Option<Waiting> {
    let are_waited_for = watched.iter().filter(|(.., shutdown)| *shutdown != Shutdown::BrutalKill);
    let ends = are_waited_for.map(|(monitor, pid, _)| (*pid, monitor.id)).collect();
    current().wait_for_ends(ends, Cause::Signal)
}

fn tell_to_end(
    (monitor, pid, shutdown): (MonitorRef, Pid, Shutdown),
    now: Instant,
) -> (MonitorRef, Ending) {
    let (reason, deadline) = match shutdown {
        Shutdown::BrutalKill => (ExitReason::Kill, None),
        Shutdown::Timeout(time) => (ExitReason::Shutdown, now.checked_add(time)),
        Shutdown::Infinity => (ExitReason::Shutdown, None),
    };
    process::exit(pid, reason);
    (monitor, Ending { pid, deadline, is_late: false })
}

/// Returns the first instant at which a child is killed.
fn first_deadline(ending: &BTreeMap<MonitorRef, Ending>) -> Option<Instant> {
    ending.values().filter_map(|it| it.deadline).min()
}

/// Kills the children whose time is up.
fn kill_late(ending: &mut BTreeMap<MonitorRef, Ending>) {
    let now = Instant::now();
    for Ending { pid, deadline, is_late } in ending.values_mut() {
        if deadline.is_some_and(|deadline| deadline <= now) {
            process::exit(*pid, ExitReason::Kill);
            (*deadline, *is_late) = (None, true);
        }
    }
}

/// Reports how a child that was stopped has ended, unless it has exited as its policy expects.
pub(crate) fn report_stop(policy: &Policy, pid: Pid, stopped: &Stopped) {
    if is_expected(policy, &stopped.reason) {
        return;
    }
    report_failure(Context::ShutdownError, &stopped.reason, policy, Some(pid));
    if stopped.had_to_be_killed {
        killed::tell_of(&policy.id);
    }
}

/// Whether a child that was stopped has exited as its policy expects.
fn is_expected(policy: &Policy, reason: &ExitReason) -> bool {
    match (policy.shutdown, reason) {
        (Shutdown::BrutalKill, ExitReason::Killed)
        | (Shutdown::Timeout(_) | Shutdown::Infinity, ExitReason::Shutdown) => true,
        (_, reason) => reason.is_orderly() && policy.restart != Restart::Permanent,
    }
}
