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
    let pids: BTreeSet<Pid> = ending.pids.values().copied().collect();
    let mut ended = BTreeMap::new();
    while !ending.pids.is_empty() {
        let message = process::receive_match_since(since, ending.time_left(), |message| {
            message.downcast_ref::<Down>().is_some_and(|it| ending.pids.contains_key(&it.monitor))
        });
        match message.map(|message| message.downcast::<Down>()) {
            Some(Ok(down)) => {
                let pid = ending.remove(down.monitor);
                ended.extend(pid.map(|pid| (pid, down.reason)));
            }
            Some(Err(_)) => unreachable!("only a DOWN was asked for"),
            None => ending.kill_late(Instant::now()),
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

impl Ending {
    fn tell(&mut self, pid: Pid, shutdown: Shutdown) {
        // A child may have removed the link, and would not be heard of.
        let monitor = process::monitor(pid);
        process::unlink(pid);
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
        (Shutdown::BrutalKill, ExitReason::Killed) | (_, ExitReason::Shutdown) => true,
        (_, reason) => reason.is_orderly() && policy.restart != Restart::Permanent,
    }
}
