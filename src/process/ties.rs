//! What ties a process to others: links, monitors and aliases.
//!
//! Each process has one table. The two tables of a link change together, their locks taken in pid
//! order; a monitor is in its owner's table and in its target's, one after the other. Nothing else
//! is done under these locks.
//!
//! A link or monitor has an id of its own, which its signal carries. The receiver drops a signal
//! whose id is not in its table (any more), so an `unlink` or `demonitor` cannot be confused by a
//! signal that was already on its way, nor can a link made since.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::num::NonZeroU64;

use crossbeam_channel::Sender;
use parking_lot::{Mutex, MutexGuard};

use crate::exit::ExitReason;
use crate::id::{LinkId, Pid};
use crate::message::{Down, Message, Object};

use super::mailbox::{ExitCause, ExitSignal};

/// How a monitored process's alias ends, for
/// [`MonitorOptions::alias`](super::MonitorOptions::alias) and [`alias_with`](super::alias_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasMode {
    /// Only by [`unalias`](super::unalias).
    ExplicitUnalias,
    /// Also when the monitor is removed or its DOWN is delivered. Without a monitor, as
    /// `ExplicitUnalias`.
    Demonitor,
    /// Also by the first message that comes through it, which removes the monitor as well.
    Reply,
}

/// Makes the message that is delivered for a DOWN.
pub(crate) type MakeDown = Box<dyn FnOnce(Down) -> Message + Send>;

/// A monitor that a process has set.
pub(crate) struct Monitor {
    /// `None` if nobody was there to monitor; then the DOWN is already in the mailbox.
    pub(crate) target: Option<Pid>,
    pub(crate) object: Object,
    /// `None` for a plain [`Down`].
    pub(crate) tag: Option<MakeDown>,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("object", &self.object).finish_non_exhaustive()
    }
}

/// One who has set a monitor on a process.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) pid: Pid,
    pub(crate) object: Object,
}

/// The links, monitors and aliases of one process.
#[derive(Debug)]
pub(crate) struct Ties {
    /// Whose they are; `None` once they are closed.
    owner: Option<Pid>,
    pub(crate) links: BTreeMap<Pid, LinkId>,
    /// By the process, on others.
    pub(crate) monitors: BTreeMap<NonZeroU64, Monitor>,
    /// By others, on the process.
    pub(crate) watchers: BTreeMap<NonZeroU64, Watcher>,
    pub(crate) aliases: BTreeMap<NonZeroU64, AliasMode>,
}

/// The table of an address cannot be changed any more, as its process has ended.
#[derive(Debug)]
pub(crate) struct Closed;

/// What became of an attempt to link.
#[derive(Debug)]
pub(crate) enum Tied {
    Yes,
    Already,
    /// The other has ended. The link is in the caller's table, for the signal that says so.
    NoProc(LinkId),
}

impl Ties {
    pub(crate) fn open(owner: Pid) -> Ties {
        Ties { owner: Some(owner), ..Ties::closed() }
    }

    pub(crate) fn closed() -> Ties {
        Ties {
            owner: None,
            links: BTreeMap::new(),
            monitors: BTreeMap::new(),
            watchers: BTreeMap::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// Closes the table and returns what was in it.
    pub(crate) fn close(&mut self) -> Ties {
        mem::replace(self, Ties::closed())
    }

    pub(crate) fn is_of(&self, pid: Pid) -> bool {
        self.owner == Some(pid)
    }

    /// Whether the link stands that an exit signal came over.
    pub(crate) fn has_link(&self, peer: Pid, id: LinkId) -> bool {
        self.links.get(&peer) == Some(&id)
    }

    /// Removes the monitor whose DOWN has come, and the alias that goes with it.
    pub(crate) fn remove_fired(&mut self, monitor: NonZeroU64) -> Option<Monitor> {
        let fired = self.monitors.remove(&monitor)?;
        self.end_alias_of(monitor);
        Some(fired)
    }

    /// Ends the alias of a monitor that is gone, unless it is to stay.
    pub(crate) fn end_alias_of(&mut self, monitor: NonZeroU64) {
        if self.aliases.get(&monitor).is_some_and(|mode| *mode != AliasMode::ExplicitUnalias) {
            self.aliases.remove(&monitor);
        }
    }

    /// Whether a message sent to the alias would be let in.
    pub(crate) fn has_alias(&self, alias: NonZeroU64) -> bool {
        self.aliases.contains_key(&alias)
    }

    /// Judges a message sent to an alias: whether it is let in, and which monitor it ends.
    pub(crate) fn admit_aliased(&mut self, alias: NonZeroU64) -> (bool, Option<Monitor>) {
        match self.aliases.get(&alias) {
            None => (false, None),
            Some(AliasMode::ExplicitUnalias | AliasMode::Demonitor) => (true, None),
            Some(AliasMode::Reply) => {
                self.aliases.remove(&alias);
                (true, self.monitors.remove(&alias))
            }
        }
    }
}

/// One end of a link: a process and the table of its slot, which may hold another one by now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End<'a> {
    pub(crate) pid: Pid,
    pub(crate) ties: &'a Mutex<Ties>,
}

/// Links `a` and `b`.
///
/// # Errors
///
/// [`Closed`] if the table of `a` is.
pub(crate) fn link(a: End<'_>, b: End<'_>) -> Result<Tied, Closed> {
    let id = LinkId::new();
    let (mut ties_a, ties_b) = lock_both(a, b);
    if !ties_a.is_of(a.pid) {
        return Err(Closed);
    }
    if ties_a.links.contains_key(&b.pid) {
        return Ok(Tied::Already);
    }
    ties_a.links.insert(b.pid, id);
    match ties_b {
        Some(mut ties_b) if ties_b.is_of(b.pid) => {
            ties_b.links.insert(a.pid, id);
            Ok(Tied::Yes)
        }
        _ => Ok(Tied::NoProc(id)),
    }
}

/// Removes the link between `a` and `b`, if there is one.
pub(crate) fn unlink(a: End<'_>, b: End<'_>) {
    let (mut ties_a, ties_b) = lock_both(a, b);
    if ties_a.is_of(a.pid) {
        ties_a.links.remove(&b.pid);
    }
    if let Some(mut ties_b) = ties_b
        && ties_b.is_of(b.pid)
    {
        ties_b.links.remove(&a.pid);
    }
}

type Locked<'a> = MutexGuard<'a, Ties>;

/// Locks two tables in the order of the slots. If both are the same, only the first is returned:
/// of two pids of one slot at least one is of the past.
fn lock_both<'a>(a: End<'a>, b: End<'a>) -> (Locked<'a>, Option<Locked<'a>>) {
    if std::ptr::eq(a.ties, b.ties) {
        (a.ties.lock(), None)
    } else if a.pid < b.pid {
        let ties_a = a.ties.lock();
        (ties_a, Some(b.ties.lock()))
    } else {
        let ties_b = b.ties.lock();
        (a.ties.lock(), Some(ties_b))
    }
}

/// Kept by a process until its end has been told.
#[derive(Default)]
pub(crate) struct Untold {
    /// Whose end it is; `None` once that has been told.
    pid: Option<Pid>,
    /// Dropped then, for the parent, which waits for that.
    parent: Option<Sender<Infallible>>,
    /// Sends the last reply, before the exit signals.
    farewell: Option<Farewell>,
}

/// Sends the last reply of a process.
pub(crate) type Farewell = Box<dyn FnOnce() + Send>;

impl fmt::Debug for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untold").field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Untold {
    pub(crate) fn of(pid: Pid) -> Untold {
        Untold { pid: Some(pid), ..Untold::default() }
    }

    pub(crate) fn is_of(&self, pid: Pid) -> bool {
        self.pid == Some(pid)
    }

    /// Keeps the last reply of `pid`.
    ///
    /// # Errors
    ///
    /// Its end is told already: the reply comes back.
    pub(crate) fn set_farewell(&mut self, pid: Pid, farewell: Farewell) -> Result<(), Farewell> {
        if !self.is_of(pid) {
            return Err(farewell);
        }
        self.farewell = Some(farewell);
        Ok(())
    }

    pub(crate) fn take_farewell(&mut self) -> Option<Farewell> {
        self.farewell.take()
    }

    /// Says what is to be dropped when the end of `pid` has been told. False if it has.
    pub(crate) fn set_parent(&mut self, pid: Pid, parent: Sender<Infallible>) -> bool {
        let is_untold = self.is_of(pid);
        if is_untold {
            self.parent = Some(parent);
        }
        is_untold
    }
}

/// Whether a process traps exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrapExit {
    No,
    /// It is a thread of the program's own, which cannot be ended, and has not asked for the
    /// signals: it gets those that would end another process.
    Unasked,
    Yes,
}

/// What an exit signal does to the process that receives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Drop,
    Deliver,
    Die(ExitReason),
}

/// Judges an exit signal that has reached `owner`; `active` says whether its link still stands.
///
/// An arm for each clause of [Receiving exit signals], in order of precedence. (`Kill` by request
/// never comes as a signal: see [`lifecycle::kill`](super::lifecycle::kill).)
///
/// [Receiving exit signals]: https://www.erlang.org/doc/system/ref_man_processes.html#receiving-exit-signals
pub(crate) fn judge(owner: Pid, trap_exit: TrapExit, active: bool, signal: &ExitSignal) -> Verdict {
    match (signal.cause, &signal.reason, trap_exit) {
        (ExitCause::Link(_), _, _) if !active => Verdict::Drop,
        (_, _, TrapExit::Yes) => Verdict::Deliver,
        (ExitCause::Link(_) | ExitCause::Timer, ExitReason::Normal, _) => Verdict::Drop,
        (ExitCause::Request, ExitReason::Normal, _) if signal.from != owner => Verdict::Drop,
        (_, _, TrapExit::Unasked) => Verdict::Deliver,
        (_, reason, TrapExit::No) => Verdict::Die(reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(index: u32) -> Pid {
        Pid::local(index, NonZeroU64::MIN)
    }

    #[track_caller]
    fn check(trap_exit: TrapExit, link: Option<bool>, reason: ExitReason, expected: Verdict) {
        let cause = link.map_or(ExitCause::Request, |_| ExitCause::Link(LinkId::new()));
        let signal = ExitSignal { from: pid(2), reason, cause };
        assert_eq!(judge(pid(1), trap_exit, link.unwrap_or(false), &signal), expected);
    }

    #[test]
    fn exit_signal_truth_table() {
        use ExitReason::{Kill, Killed, Normal, Shutdown};
        use TrapExit::{No, Unasked, Yes};
        let (broken, standing, request) = (Some(false), Some(true), None);

        check(No, standing, Normal, Verdict::Drop);
        check(No, standing, Shutdown, Verdict::Die(Shutdown));
        check(No, standing, Kill, Verdict::Die(Kill)); // A link does not make it `Killed`...
        check(Yes, standing, Kill, Verdict::Deliver); // ...and it can be trapped.
        check(Yes, standing, Normal, Verdict::Deliver);
        check(Unasked, standing, Kill, Verdict::Deliver);
        check(Unasked, standing, Normal, Verdict::Drop);
        check(No, request, Normal, Verdict::Drop);
        check(No, request, Killed, Verdict::Die(Killed));
        check(Yes, request, Normal, Verdict::Deliver);
        check(Yes, request, Killed, Verdict::Deliver);
        check(Unasked, request, Normal, Verdict::Drop);
        check(Unasked, request, Killed, Verdict::Deliver);
        for trap_exit in [No, Unasked, Yes] {
            check(trap_exit, broken, Shutdown, Verdict::Drop);
        }
    }

    #[test]
    fn an_exit_request_to_oneself_counts_even_if_normal() {
        let signal =
            ExitSignal { from: pid(1), reason: ExitReason::Normal, cause: ExitCause::Request };
        assert_eq!(judge(pid(1), TrapExit::No, false, &signal), Verdict::Die(ExitReason::Normal));
        let late = ExitSignal { cause: ExitCause::Timer, ..signal };
        assert_eq!(judge(pid(1), TrapExit::No, false, &late), Verdict::Drop);
        assert_eq!(judge(pid(1), TrapExit::Unasked, false, &late), Verdict::Drop);
        assert_eq!(judge(pid(1), TrapExit::Yes, false, &late), Verdict::Deliver);
    }

    #[test]
    fn two_links_between_the_same_processes_differ() {
        let (a, b) = (Mutex::new(Ties::open(pid(1))), Mutex::new(Ties::open(pid(2))));
        let (end_a, end_b) = (End { pid: pid(1), ties: &a }, End { pid: pid(2), ties: &b });

        assert!(matches!(link(end_a, end_b), Ok(Tied::Yes)));
        let first = a.lock().links[&pid(2)];
        unlink(end_b, end_a);
        assert!(matches!(link(end_b, end_a), Ok(Tied::Yes)));

        assert!(!a.lock().has_link(pid(2), first));
        assert_eq!(a.lock().links.len(), 1);
    }

    #[test]
    fn a_link_to_an_earlier_process_of_ones_own_slot_is_to_nobody() {
        let own = Pid::local(1, NonZeroU64::MIN.saturating_add(1));
        let ties = Mutex::new(Ties::open(own));
        let (me, past) = (End { pid: own, ties: &ties }, End { pid: pid(1), ties: &ties });

        assert!(matches!(link(me, past), Ok(Tied::NoProc(_))));
        unlink(me, past);
        assert!(ties.lock().links.is_empty());
    }
}
