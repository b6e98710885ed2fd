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
//! Only a parent waits for a child, and a child that is to end waits for nobody; but one that traps
//! exits may wait for who waits for its parent, until its grace is over.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::mem;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::exit::ExitReason;
use crate::id::{LinkId, Pid};
use crate::user_code::drop_caught;

use super::address::{signal_of_link, try_deliver};
use super::links;
use super::mailbox::Orphans;
use super::table::Process;

/// A process that is to end with its parent.
pub(crate) struct Orphan {
    pub(crate) process: Process,
    pub(crate) parent: Pid,
    /// Why the parent has ended.
    pub(crate) reason: ExitReason,
    link: LinkId,
}

/// A child whose end is waited for.
struct Child {
    orphan: Orphan,
    /// Disconnected when its end has been told.
    told: Receiver<Infallible>,
}

/// The children that a process which is ending takes with it.
pub(crate) struct Children {
    /// When they got their exit signals.
    since: Instant,
    children: Vec<Child>,
}

impl Children {
    /// Sends their exit signals to the children among those that `parent` is linked to.
    ///
    /// What is left of those that have ended meanwhile goes to `leftovers`.
    pub(crate) fn signal(
        parent: Process,
        reason: &ExitReason,
        leftovers: &mut Vec<Orphans>,
    ) -> Children {
        let links = parent.slot.links.lock().peers.clone();
        let mut children = Vec::new();
        for (pid, link) in links {
            let process = Process::of(pid);
            if !goes_with(parent.pid, reason, process) {
                continue;
            }
            let told = watch(process);
            // Looked at again: if it has left since, before it was watched, nobody says so.
            let stays = process.must_end()
                || goes_with(parent.pid, reason, process)
                    && parent.slot.links.lock().has_link(pid, link);
            if let Some(told) = told.filter(|_| stays) {
                let signal = signal_of_link(parent.pid, link, reason.clone());
                leftovers.extend(try_deliver(pid, signal).err());
                let (parent, reason) = (parent.pid, reason.clone());
                children.push(Child { orphan: Orphan { process, parent, reason, link }, told });
            }
        }
        Children { since: Instant::now(), children }
    }

    /// The links by which they have got their signals.
    pub(crate) fn links(&self) -> BTreeSet<LinkId> {
        self.children.iter().map(|child| child.orphan.link).collect()
    }

    /// Waits until they are gone, and abandons those that take longer than they may, by `abandon`.
    pub(crate) fn wait(self, abandon: impl Fn(Orphan)) {
        let Children { since, mut children } = self;
        children.sort_by_key(|child| child.orphan.process.slot.kill_grace());
        let mut left = Vec::new();
        for child in children {
            if !child.is_told_by(since) && child.orphan.is_ending() {
                // If it is just ending, its own thread tells its end.
                abandon(child.orphan);
                left.push(child.told);
            }
        }
        left.into_iter().for_each(|told| _ = told.recv());
    }

    /// The children, not to be waited for.
    pub(crate) fn into_orphans(self) -> impl Iterator<Item = Orphan> {
        self.children.into_iter().map(|child| child.orphan)
    }
}

impl Child {
    /// Waits until its end has been told, for as long as its grace is. False if that was not
    /// enough.
    fn is_told_by(&self, since: Instant) -> bool {
        let told = match since.checked_add(self.orphan.process.slot.kill_grace()) {
            Some(deadline) => self.told.recv_deadline(deadline),
            None => self.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        told != Err(RecvTimeoutError::Timeout)
    }
}

impl Orphan {
    /// Whether the signal of its parent ends it: it has not come to judge that, or has and unwinds.
    pub(crate) fn is_ending(&self) -> bool {
        let Process { slot, pid } = self.process;
        let is_linked = || slot.links.lock().peers.values().any(|link| *link == self.link);
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

/// Removes the link between `process`, the caller, and `other`, which may have begun to wait for
/// it.
pub(crate) fn unlink(process: Process, other: Process) {
    links::unlink(process.link_end(), other.link_end());
    let profile = process.slot.profile.lock();
    let is_parent = profile.ancestors.first() == Some(&other.pid);
    drop(profile);
    if is_parent {
        leave_parent(process);
    }
}

/// Sets whether `process`, the caller, traps exits. Its parent may have begun to wait for it.
pub(crate) fn set_trap_exit(process: Process, trap_exit: bool) {
    process.slot.trap_exit.store(trap_exit, Ordering::Relaxed);
    let is_of_otp = process.slot.profile.lock().initial_call.is_some();
    if trap_exit && !is_of_otp {
        leave_parent(process);
    }
}

/// Says that `process` does not end with its parent, which may have begun to wait for it. It has
/// seen to it before that the parent does not begin now.
fn leave_parent(process: Process) {
    if process.must_end() {
        return; // It ends, linked or not.
    }
    let parent = process.slot.untold.lock().take_parent(process.pid);
    drop(parent);
}

/// Asks for the news that the end of `child` has been told. `None` if it has.
fn watch(child: Process) -> Option<Receiver<Infallible>> {
    let (sender, receiver) = bounded(0);
    let is_untold = child.slot.untold.lock().set_parent(child.pid, sender);
    is_untold.then_some(receiver)
}

/// Says that the end of `process` has been told.
pub(crate) fn told(process: Process) {
    let untold = mem::take(&mut *process.slot.untold.lock());
    drop_caught(untold); // Where no lock is held: it may have a reply that came too late.
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use crate::process::Builder;
    use crate::process::current::current;

    use super::*;

    /// Only a failing test waits so long.
    const GRACE: Duration = Duration::from_secs(20);

    /// The signal of its parent comes when the child has just looked at what has arrived, and goes
    /// on all the same, as it does `leave`.
    #[track_caller]
    fn leaves(leave: fn(Process, Process)) {
        let parent = current();
        let (go_on, held) = mpsc::channel();
        let (tell, has_left) = mpsc::channel();
        let child = Builder::new().link().kill_grace(GRACE).spawn(move || {
            held.recv().unwrap();
            leave(current(), parent);
            tell.send(()).unwrap();
            _ = held.recv();
        });
        let child = Process::of(child.unwrap());
        let children = Children::signal(parent, &ExitReason::Shutdown, &mut Vec::new());
        assert_eq!(children.children.len(), 1);
        go_on.send(()).unwrap();
        let start = Instant::now();
        children.wait(|_| panic!("it is not to end"));
        assert!(start.elapsed() < GRACE, "it was waited for");
        has_left.recv().unwrap();
        links::unlink(parent.link_end(), child.link_end());
    }

    #[test]
    fn a_child_that_unlinks_as_the_signal_comes_is_not_waited_for() {
        leaves(unlink);
    }

    #[test]
    fn a_child_that_begins_to_trap_exits_as_the_signal_comes_is_not_waited_for() {
        leaves(|child, _| set_trap_exit(child, true));
    }
}
