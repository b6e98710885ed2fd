//! The children that a process takes with it when it ends.
//!
//! In OTP an exit signal ends a process whatever it is doing, so when a process ends, all processes
//! that it has started with a link are gone. Here a process ends when its thread next calls into
//! the runtime, which may be much later; until then it keeps its name, its sockets, its thread. A
//! process that hears of an end must be able to start the same again. So an end is told only when
//! the linked children have ended, too. A child that ends by the exit signal is waited for until
//! its kill grace is over, when it is abandoned. A child that traps exits is expected to end by
//! itself if it is a process of `proc_lib`: it is waited for as long, and goes on if that is not
//! enough.
//!
//! The reader of a socket is given to another parent when the socket is given to another owner. So
//! a process that is ending, and waits for its children, may get another one. It ends when it has
//! waited for that, too.
//!
//! Only a parent waits for a child, and a child that is to end waits for nobody; but a child that
//! traps exits may wait for a process that waits for its parent, until its grace is over.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::exit::ExitReason;
use crate::id::{LinkId, Pid};
use crate::user_code::drop_caught;

use super::address::{signal_of_link, try_deliver, try_deliver_exit};
use super::links;
use super::mailbox::{Orphans, Special};
use super::table::Process;

/// The number of ancestors that a process remembers.
const ANCESTORS: usize = 16;

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
    /// Sends exit signals to the children among the processes that `parent` is linked to, but not
    /// by the links in `seen`, to which it adds the others.
    ///
    /// The orphans of signals to children that have ended meanwhile go to `leftovers`.
    pub(crate) fn signal(
        parent: Process,
        reason: &ExitReason,
        seen: &mut BTreeSet<LinkId>,
        leftovers: &mut Vec<Orphans>,
    ) -> Children {
        let links = parent.slot.links.lock().peers.clone();
        let mut children = Vec::new();
        for (pid, link) in links.into_iter().filter(|(_, link)| seen.insert(*link)) {
            let process = Process::of(pid);
            if !goes_with(parent.pid, reason, process) {
                continue;
            }
            let told = watch(process);
            // Looked at again: if it has parted from its parent before it was watched, nobody says
            // so.
            let stays = process.must_end()
                || goes_with(parent.pid, reason, process)
                    && parent.slot.links.lock().has_link(pid, link);
            if let Some(told) = told.filter(|_| stays) {
                let signal = signal_of_link(parent.pid, link, reason.clone());
                leftovers.extend(try_deliver_exit(pid, signal).err());
                let (parent, reason) = (parent.pid, reason.clone());
                children.push(Child { orphan: Orphan { process, parent, reason, link }, told });
            }
        }
        Children { since: Instant::now(), children }
    }

    /// Returns the links by which they have got their signals.
    pub(crate) fn links(&self) -> BTreeSet<LinkId> {
        self.children.iter().map(|child| child.orphan.link).collect()
    }

    /// Waits until they are gone. Abandons, by `abandon`, those that take longer than their grace.
    pub(crate) fn wait(self, abandon: impl Fn(Orphan)) {
        let Children { since, mut children } = self;
        children.sort_by_key(|child| child.orphan.process.slot.kill_grace());
        let mut left = Vec::new();
        for child in children {
            if !child.is_told_by(since) && child.orphan.is_ending() {
                // If it is ending just now, its own thread runs its exit.
                abandon(child.orphan);
                left.push(child.told);
            }
        }
        left.into_iter().for_each(|told| _ = told.recv());
    }

    /// Returns the children, which nobody waits for then.
    pub(crate) fn into_orphans(self) -> impl Iterator<Item = Orphan> {
        self.children.into_iter().map(|child| child.orphan)
    }
}

impl Child {
    /// Waits until its end has been told, for as long as its grace is. Returns whether that was
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
    /// Returns whether the signal of its parent ends it: it has not judged the signal yet, or has
    /// and unwinds.
    pub(crate) fn is_ending(&self) -> bool {
        let Process { slot, pid } = self.process;
        let is_linked = || slot.links.lock().peers.values().any(|link| *link == self.link);
        !slot.is_running(pid.generation())
            // Relaxed: one that has just been doomed is still linked, which is asked next.
            || slot.doomed.load(Ordering::Relaxed)
            || !self.process.traps_exits() && is_linked()
    }
}

/// Returns whether a linked process is a child of `parent` that ends when the parent does.
fn goes_with(parent: Pid, reason: &ExitReason, child: Process) -> bool {
    let profile = child.slot.profile.lock();
    let is_child = profile.ancestors.first() == Some(&parent);
    let is_of_otp = profile.initial_call.is_some();
    drop(profile);
    is_child && if child.traps_exits() { is_of_otp } else { *reason != ExitReason::Normal }
}

/// Makes `child` a child of `parent`, to which it is linked, as if that had started it. Returns
/// whether both are alive.
///
/// The child stays linked to the parent that it had. If its new parent ends meanwhile, it gets the
/// signal.
#[cfg(all(feature = "io", target_os = "linux"))]
pub(crate) fn adopt(child: Process, parent: Process) -> bool {
    let ancestors = ancestors_below(parent);
    let previous = {
        let mut profile = child.slot.profile.lock();
        // Seen under the lock: the slot's next process sets its own.
        if !child.is_running() {
            return false;
        }
        std::mem::replace(&mut profile.ancestors, ancestors)
    };
    // First the ancestor, then the link: a parent looks at its links, and then at who is a child.
    match links::link(child.link_end(), parent.link_end()) {
        Ok(links::Linked::New | links::Linked::Existing) => true,
        Ok(links::Linked::Failed(..)) => {
            links::unlink(child.link_end(), parent.link_end());
            let mut profile = child.slot.profile.lock();
            if child.is_running() {
                profile.ancestors = previous;
            }
            false
        }
        Err(links::Closed) => false,
    }
}

/// Returns the ancestors of a child of `parent`, the nearest first.
pub(crate) fn ancestors_below(parent: Process) -> Arc<[Pid]> {
    let older = Arc::clone(&parent.slot.profile.lock().ancestors);
    std::iter::once(parent.pid).chain(older.iter().copied()).take(ANCESTORS).collect()
}

/// Removes the link between `process`, the caller, and `other`, which may have begun to wait for
/// it.
pub(crate) fn unlink(process: Process, other: Process) {
    links::unlink(process.link_end(), other.link_end());
    let profile = process.slot.profile.lock();
    let is_parent = profile.ancestors.first() == Some(&other.pid);
    drop(profile);
    if is_parent {
        release_parent(process);
    }
}

/// Sets whether `process`, the caller, traps exits. Its parent may have begun to wait for it.
///
/// The process stores its wish, then takes what its parent waits for; the parent leaves that, then
/// looks whether the process traps exits. So at least one of them sees what the other did.
pub(crate) fn set_trap_exit(process: Process, trap_exit: bool) {
    // Relaxed: the lock of `pending_exit` orders it, which both take between these two steps.
    process.slot.trap_exit.store(trap_exit, Ordering::Relaxed);
    let is_of_otp = process.slot.profile.lock().initial_call.is_some();
    if trap_exit && !is_of_otp {
        release_parent(process);
    }
}

/// Releases the parent of `process`, which does not end with it, from its wait. The caller has made
/// sure before that the parent does not begin to wait now.
fn release_parent(process: Process) {
    if process.must_end() {
        return; // It ends, linked or not.
    }
    let parent = process.slot.pending_exit.lock().take_parent(process.pid);
    drop(parent);
}

/// Returns a channel that is disconnected when the end of `child` is told; `None` if it has been.
fn watch(child: Process) -> Option<Receiver<Infallible>> {
    let (sender, receiver) = bounded(0);
    let is_pending = child.slot.pending_exit.lock().set_parent(child.pid, sender);
    is_pending.then_some(receiver)
}

/// Says that the exit of `process` has been told, and releases its parent. Orphans go to
/// `leftovers`.
pub(crate) fn exit_told(process: Process, leftovers: &mut Vec<Orphans>) {
    loop {
        let ended = process.slot.pending_exit.lock().end();
        match ended {
            // Where no lock is held: it may have a reply that came too late.
            Ok(pending) => return drop_caught(pending),
            Err(late_downs) => leftovers.extend(late_downs.into_iter().filter_map(|down| {
                try_deliver(down.monitor.owner, Special::Down(down).into()).err()
            })),
        }
    }
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

    fn signal(parent: Process) -> Children {
        let (mut seen, mut leftovers) = (BTreeSet::new(), Vec::new());
        Children::signal(parent, &ExitReason::Shutdown, &mut seen, &mut leftovers)
    }

    /// The signal of its parent comes when the child has just looked at what has arrived, and the
    /// child goes on all the same, as `part` has parted it from its parent.
    #[track_caller]
    fn parts(part: fn(Process, Process)) {
        let parent = current();
        let (go_on, held) = mpsc::channel();
        let (tell, has_parted) = mpsc::channel();
        let child = Builder::new().link().kill_grace(GRACE).spawn(move || {
            held.recv().unwrap();
            part(current(), parent);
            tell.send(()).unwrap();
            _ = held.recv();
        });
        let child = Process::of(child.unwrap());
        let children = signal(parent);
        assert_eq!(children.children.len(), 1);
        go_on.send(()).unwrap();
        let start = Instant::now();
        children.wait(|_| panic!("it is not to end"));
        assert!(start.elapsed() < GRACE, "it was waited for");
        has_parted.recv().unwrap();
        links::unlink(parent.link_end(), child.link_end());
    }

    #[test]
    fn a_child_that_unlinks_as_the_signal_comes_is_not_waited_for() {
        parts(unlink);
    }

    #[test]
    fn a_child_that_begins_to_trap_exits_as_the_signal_comes_is_not_waited_for() {
        parts(|child, _| set_trap_exit(child, true));
    }

    #[cfg(all(feature = "io", target_os = "linux"))]
    mod adoption {
        use std::thread;

        use crate::message::{Down, Message};
        use crate::process;

        use super::*;

        /// A process that is held until a message is sent to it from outside of the runtime.
        fn held(builder: Builder) -> (Process, mpsc::Sender<()>) {
            let (let_go, held) = mpsc::channel();
            let pid = builder.kill_grace(GRACE).spawn(move || _ = held.recv()).unwrap();
            (Process::of(pid), let_go)
        }

        fn await_signal(process: Process) {
            let deadline = Instant::now() + GRACE;
            while process.slot.mailbox.in_transit() == 0 {
                assert!(Instant::now() < deadline, "it has got no signal");
                thread::yield_now();
            }
        }

        #[test]
        fn a_child_that_is_given_to_a_parent_that_is_ending_is_waited_for() {
            let (tell, told) = mpsc::channel();
            let (parent, monitor) = Builder::new()
                .spawn_monitor(move || {
                    tell.send(held(Builder::new().link())).unwrap();
                    process::exit_self(ExitReason::Shutdown);
                })
                .unwrap();
            let (first, let_first_go) = told.recv().unwrap();
            await_signal(first);
            let (second, let_second_go) = held(Builder::new());
            assert!(adopt(second, Process::of(parent)));
            drop(let_first_go);
            await_signal(second);
            (0..1_000).for_each(|_| thread::yield_now());
            let is_down = |message: &Message| message.is::<Down>();
            assert!(process::receive_match_timeout(Duration::ZERO, is_down).is_none());
            drop(let_second_go);
            let down: Down = process::receive_match(is_down).downcast().unwrap();
            assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Shutdown));
            assert!(!second.is_running());
        }
    }
}
