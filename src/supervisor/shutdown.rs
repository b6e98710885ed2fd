//! Stopping children.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::{Down, Exit};
use crate::process;
use crate::process::receive;

use super::{Policy, Restart, Shutdown};

/// Children that were told to end, by the monitors that will tell.
#[derive(Default)]
struct Ending {
    pids: BTreeMap<MonitorRef, Pid>,
    /// When they are killed, those that are.
    deadlines: BTreeSet<(Instant, MonitorRef)>,
    deadline_of: BTreeMap<MonitorRef, Instant>,
}

/// Stops children of the caller, all at once, each as is said, and waits until all are gone.
/// Returns how each has ended. Nothing of them is left in the mailbox.
pub(crate) fn stop_all(
    children: impl IntoIterator<Item = (Pid, Shutdown)>,
) -> BTreeMap<Pid, ExitReason> {
    let since = process::mark();
    let mut ending = Ending::default();
    for (pid, shutdown) in children {
        ending.tell(pid, shutdown);
    }
    let mut ended = BTreeMap::new();
    let mut unclear = BTreeSet::new();
    while !ending.pids.is_empty() {
        let message = process::receive_match_since(since, ending.time_left(), |message| {
            message.downcast_ref::<Down>().is_some_and(|it| ending.pids.contains_key(&it.monitor))
        });
        match message.map(|message| message.downcast::<Down>()) {
            Some(Ok(down)) => {
                let Some(pid) = ending.remove(down.monitor) else { continue };
                if down.reason == ExitReason::NoProc {
                    unclear.insert(pid);
                }
                ended.insert(pid, down.reason);
            }
            Some(Err(_)) => unreachable!("only a DOWN was asked for"),
            None => ending.kill_late(Instant::now()),
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

impl Ending {
    fn tell(&mut self, pid: Pid, shutdown: Shutdown) {
        // A child may have removed the link, and would not be heard of.
        let monitor = process::monitor(pid);
        let (reason, deadline) = match shutdown {
            Shutdown::BrutalKill => (ExitReason::Kill, None),
            Shutdown::Timeout(time) => (ExitReason::Shutdown, receive::deadline_after(time)),
            Shutdown::Infinity => (ExitReason::Shutdown, None),
        };
        process::exit(pid, reason);
        self.pids.insert(monitor, pid);
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, monitor));
            self.deadline_of.insert(monitor, deadline);
        }
    }

    fn remove(&mut self, monitor: MonitorRef) -> Option<Pid> {
        if let Some(deadline) = self.deadline_of.remove(&monitor) {
            self.deadlines.remove(&(deadline, monitor));
        }
        self.pids.remove(&monitor)
    }

    /// How long it is to the first deadline.
    fn time_left(&self) -> Duration {
        receive::time_left(self.deadlines.first().map(|(deadline, _)| *deadline))
    }

    /// Kills those that have had their time.
    fn kill_late(&mut self, now: Instant) {
        while let Some((deadline, monitor)) = self.deadlines.first().copied() {
            if deadline > now {
                return;
            }
            self.deadlines.pop_first();
            if let Some(pid) = self.pids.get(&monitor) {
                process::exit(*pid, ExitReason::Kill);
            }
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
