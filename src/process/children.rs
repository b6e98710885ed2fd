//! The children that a process takes with it when it ends.
//!
//! In OTP an exit signal ends a process whatever that is doing, so with a process all that it has
//! started with a link is gone. A thread ends when it next calls into the runtime, which may be
//! much later; until then it has its name, its port, its thread. So that whoever hears of an end
//! can start the like of it again, the end is told when the linked children have ended, too: those
//! that end by its signal at the latest after their kill grace, when they are abandoned. OTP's
//! processes that trap exits end by themselves when their parent has: they are given as long, and
//! go on if that is not enough.
//!
//! Only a parent waits for a child, so nobody waits in a circle.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::mem;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::exit::ExitReason;
use crate::id::{LinkId, Pid};

use super::current::Process;
use super::lifecycle;

/// A child whose end is waited for.
struct Child {
    process: Process,
    link: LinkId,
    /// Disconnected when its end has been told.
    told: Receiver<Infallible>,
}

/// The children that a process which is ending takes with it.
pub(crate) struct Children {
    parent: Pid,
    reason: ExitReason,
    /// When they got their exit signals.
    since: Instant,
    children: Vec<Child>,
}

impl Children {
    /// Sends their exit signals to those at the other end of `links` that are such children of
    /// `parent`, and takes them out of `links`.
    pub(crate) fn signal(
        parent: Pid,
        reason: &ExitReason,
        links: &mut BTreeMap<Pid, LinkId>,
    ) -> Children {
        let mut children = Vec::new();
        links.retain(|&pid, &mut link| {
            let process = Process::of(pid);
            let told = goes_with(parent, reason, process).then(|| watch(process)).flatten();
            let is_taken = told.is_some();
            children.extend(told.map(|told| Child { process, link, told }));
            !is_taken
        });
        for child in &children {
            lifecycle::signal_link(parent, child.process.pid, child.link, reason.clone());
        }
        Children { parent, reason: reason.clone(), since: Instant::now(), children }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Waits until they are gone, and abandons those that take longer than they may.
    pub(crate) fn wait(self) {
        self.children.iter().for_each(|child| self.wait_for(child));
    }

    fn wait_for(&self, child: &Child) {
        let grace = child.process.slot.kill_grace();
        let told = match self.since.checked_add(grace) {
            Some(deadline) => child.told.recv_deadline(deadline),
            None => child.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        if told == Err(RecvTimeoutError::Timeout) && child.is_ending() {
            // If it was killed meanwhile, or is just ending, somebody else tells its end.
            lifecycle::abandon_orphan(child.process, self.parent, &self.reason);
            _ = child.told.recv();
        }
    }
}

impl Child {
    /// Whether the signal of its parent ends it: it has not come to judge that, or has and unwinds.
    fn is_ending(&self) -> bool {
        let Process { slot, pid } = self.process;
        let is_linked = || slot.ties.lock().links.values().any(|link| *link == self.link);
        !slot.is_running(pid.generation())
            || slot.doomed.load(Ordering::Relaxed)
            || !self.process.traps_exits() && is_linked()
    }
}

/// Whether a linked process is a child of `parent` that ends when this does.
fn goes_with(parent: Pid, reason: &ExitReason, child: Process) -> bool {
    let profile = child.slot.profile.lock();
    let is_child = profile.ancestors.first() == Some(&parent);
    let is_of_otp = profile.initial_call.is_some();
    drop(profile);
    is_child && if child.traps_exits() { is_of_otp } else { *reason != ExitReason::Normal }
}

/// Asks for the news that the end of `child` has been told. `None` if it has.
fn watch(child: Process) -> Option<Receiver<Infallible>> {
    let (sender, receiver) = bounded(0);
    let is_untold = child.slot.untold.lock().set_parent(child.pid, sender);
    is_untold.then_some(receiver)
}

/// Says that the end of `process` has been told.
pub(crate) fn told(process: Process) {
    drop(mem::take(&mut *process.slot.untold.lock()));
}
