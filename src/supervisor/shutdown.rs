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
    let mut first = first_deadline(&ending);
    let mut ended = BTreeMap::new();
    let mut unclear = BTreeSet::new();
    while !ending.is_empty() {
        let message = process::receive_match_since(since, receive::time_left(first), |message| {
            message.downcast_ref::<Down>().is_some_and(|it| ending.contains_key(&it.monitor))
        });
        match message.map(|message| message.downcast::<Down>()) {
            Some(Ok(Down { monitor, reason, .. })) => {
                let Some(Ending { pid, .. }) = ending.remove(&monitor) else { continue };
                if reason == ExitReason::NoProc {
                    unclear.insert(pid);
                }
                ended.insert(pid, reason);
            }
            Some(Err(_)) => unreachable!("only a DOWN was asked for"),
            None => {
                kill_late(&mut ending);
                first = first_deadline(&ending);
            }
        }
    }
    ended.extend(own_reasons(unclear));
    // The links stand until now: if the caller is killed before, its children are to hear of it.
    for pid in ended.keys() {
        process::unlink(*pid);
    }
    while exit_of(Duration::ZERO, |pid| ended.contains_key(&pid)).is_some() {}
    ended
}

/// Why children have ended that had done so before they were watched.
fn own_reasons(mut unclear: BTreeSet<Pid>) -> BTreeMap<Pid, ExitReason> {
    let mut reasons = BTreeMap::new();
    for pid in &unclear {
        // Its exit, which says why, is there or on its way. If it had removed the link there is
        // none; then this brings one.
        process::link(*pid);
    }
    while !unclear.is_empty() {
        let Some(exit) = exit_of(Duration::MAX, |pid| unclear.contains(&pid)) else { break };
        unclear.remove(&exit.from);
        reasons.insert(exit.from, exit.reason);
    }
    reasons
}

/// Takes the first exit of one of these out of the mailbox.
fn exit_of(timeout: Duration, is_one: impl Fn(Pid) -> bool) -> Option<Exit> {
    let message = process::receive_match_timeout(timeout, |message| {
        message.downcast_ref::<Exit>().is_some_and(|exit| is_one(exit.from))
    })?;
    message.downcast().ok()
}

/// As [`stop_all`], for one.
pub(crate) fn stop_one(pid: Pid, shutdown: Shutdown) -> ExitReason {
    stop_all([(pid, shutdown)]).remove(&pid).expect("it was told to end")
}

fn tell_to_end(pid: Pid, shutdown: Shutdown) -> (MonitorRef, Ending) {
    // A child may have removed the link, and would not be heard of.
    let monitor = process::monitor(pid);
    let (reason, deadline) = match shutdown {
        Shutdown::BrutalKill => (ExitReason::Kill, None),
        Shutdown::Timeout(time) => (ExitReason::Shutdown, receive::deadline_after(time)),
        Shutdown::Infinity => (ExitReason::Shutdown, None),
    };
    process::exit(pid, reason);
    (monitor, Ending { pid, deadline })
}

/// The first instant at which somebody is killed.
fn first_deadline(ending: &BTreeMap<MonitorRef, Ending>) -> Option<Instant> {
    ending.values().filter_map(|it| it.deadline).min()
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
        (Shutdown::BrutalKill, ExitReason::Killed)
        | (Shutdown::Timeout(_) | Shutdown::Infinity, ExitReason::Shutdown) => true,
        (_, reason) => reason.is_orderly() && policy.restart != Restart::Permanent,
    }
}
