//! Links, monitors and aliases of a process.
//!
//! Each process has one table. The two tables of a link change together, with their locks taken in
//! pid order; a monitor is entered in its owner's table and then in its target's. Nothing else is
//! done under these locks.
//!
//! A link or monitor has an id of its own, which its signal carries. The receiver drops a signal
//! whose id is not in its table (any more). So a signal that was already on its way has no effect
//! after an `unlink` or a `demonitor`, nor on a link made since.

use std::collections::BTreeMap;
#[cfg(feature = "dist")]
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::num::NonZeroU64;

use crossbeam_channel::Sender;
use parking_lot::{Mutex, MutexGuard};

use crate::exit::ExitReason;
#[cfg(feature = "dist")]
use crate::id::Node;
use crate::id::{LinkId, Pid};
use crate::message::{Destination, Down, Message};

use super::mailbox::{ExitCause, ExitSignal, Orphans};

/// How a monitored process's alias ends, for
/// [`MonitorOptions::alias`](super::monitors::MonitorOptions::alias) and
/// [`alias_with`](crate::process::alias_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AliasMode {
    /// The alias ends only by [`unalias`](crate::process::unalias).
    ExplicitUnalias,
    /// It also ends when the monitor is removed or its DOWN is delivered. Without a monitor it is
    /// as `ExplicitUnalias`.
    Demonitor,
    /// It also ends by the first message that comes through it, which removes the monitor as well.
    Reply,
}

/// Makes the message that is delivered for a DOWN.
pub(crate) type MakeDown = Box<dyn FnOnce(Down) -> Message + Send>;

/// A monitor that a process has set.
pub(crate) struct Monitor {
    /// `None` if the process is known only by its name, as the object says, on another node; or if
    /// there was none: then the DOWN is already in the mailbox.
    pub(crate) target: Option<Pid>,
    pub(crate) object: Destination,
    /// Makes the tagged message; `None` for a plain [`Down`].
    pub(crate) tag: Option<MakeDown>,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("object", &self.object).finish_non_exhaustive()
    }
}

/// A process that has set a monitor on another one.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) pid: Pid,
    pub(crate) object: Destination,
}

/// The links, monitors and aliases of one process.
#[derive(Debug)]
pub(crate) struct Links {
    /// The process whose table it is; `None` once it is closed.
    owner: Option<Pid>,
    /// The processes it is linked to.
    pub(crate) peers: BTreeMap<Pid, LinkId>,
    /// The monitors that the process has set on others.
    pub(crate) monitors: BTreeMap<NonZeroU64, Monitor>,
    /// The monitors that others have set on the process.
    pub(crate) watchers: BTreeMap<NonZeroU64, Watcher>,
    pub(crate) aliases: BTreeMap<NonZeroU64, AliasMode>,
    #[cfg(feature = "dist")]
    pub(crate) nodes: NodeMonitors,
}

/// What a process may have asked to be told of other nodes.
#[cfg(feature = "dist")]
#[derive(Debug, Default)]
pub(crate) struct NodeMonitors {
    /// The nodes that it monitors, or has monitored.
    pub(crate) nodes: BTreeSet<Node>,
    /// Whether it monitors all nodes, or has done so.
    pub(crate) all: bool,
}

/// The table cannot be changed any more, as its process has ended.
#[derive(Debug)]
pub(crate) struct Closed;

/// What became of an attempt to link.
#[derive(Debug)]
pub(crate) enum Linked {
    New,
    Existing,
    /// The other process has ended, or cannot be reached, as the reason says. The link is in the
    /// caller's table, for the exit signal of this reason.
    Failed(LinkId, ExitReason),
}

impl Links {
    pub(crate) fn open(owner: Pid) -> Links {
        Links { owner: Some(owner), ..Links::closed() }
    }

    pub(crate) fn closed() -> Links {
        Links {
            owner: None,
            peers: BTreeMap::new(),
            monitors: BTreeMap::new(),
            watchers: BTreeMap::new(),
            aliases: BTreeMap::new(),
            #[cfg(feature = "dist")]
            nodes: NodeMonitors::default(),
        }
    }

    /// Closes the table and returns what was in it.
    pub(crate) fn close(&mut self) -> Links {
        mem::replace(self, Links::closed())
    }

    pub(crate) fn is_of(&self, pid: Pid) -> bool {
        self.owner == Some(pid)
    }

    /// Makes an alias of `owner` active. If the table is not that of `owner` any more, nothing
    /// comes through the alias.
    pub(crate) fn add_alias(&mut self, owner: Pid, alias: NonZeroU64, mode: AliasMode) {
        if self.is_of(owner) {
            self.aliases.insert(alias, mode);
        }
    }

    /// Returns whether the link that an exit signal came over still stands.
    pub(crate) fn has_link(&self, peer: Pid, id: LinkId) -> bool {
        self.peers.get(&peer) == Some(&id)
    }

    /// Removes a monitor whose DOWN has come, and the alias that ends with it.
    pub(crate) fn remove_fired(&mut self, monitor: NonZeroU64) -> Option<Monitor> {
        let fired = self.monitors.remove(&monitor)?;
        self.end_alias_of(monitor);
        Some(fired)
    }

    /// Ends the alias of a monitor that is gone, unless only an `unalias` ends it.
    pub(crate) fn end_alias_of(&mut self, monitor: NonZeroU64) {
        if self.aliases.get(&monitor).is_some_and(|mode| *mode != AliasMode::ExplicitUnalias) {
            self.aliases.remove(&monitor);
        }
    }

    /// Returns whether a message sent to the alias would be let in.
    pub(crate) fn has_alias(&self, alias: NonZeroU64) -> bool {
        self.aliases.contains_key(&alias)
    }

    /// Judges a message sent to an alias. Returns whether it is let in, and the monitor that it
    /// ends.
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

/// One end of a link: a process and the table of its slot, which may be another process's by now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End<'a> {
    pub(crate) pid: Pid,
    pub(crate) links: &'a Mutex<Links>,
}

/// Links `a` and `b`.
///
/// # Errors
///
/// [`Closed`] if the table of `a` is closed.
pub(crate) fn link(a: End<'_>, b: End<'_>) -> Result<Linked, Closed> {
    let id = LinkId::new();
    let (mut links_a, links_b) = lock_both(a, b);
    if !links_a.is_of(a.pid) {
        return Err(Closed);
    }
    if links_a.peers.contains_key(&b.pid) {
        return Ok(Linked::Existing);
    }
    links_a.peers.insert(b.pid, id);
    match links_b {
        Some(mut links_b) if links_b.is_of(b.pid) => {
            links_b.peers.insert(a.pid, id);
            Ok(Linked::New)
        }
        _ => Ok(Linked::Failed(id, ExitReason::NoProc)),
    }
}

/// Removes the link between `a` and `b`, if there is one.
pub(crate) fn unlink(a: End<'_>, b: End<'_>) {
    let (mut links_a, links_b) = lock_both(a, b);
    if links_a.is_of(a.pid) {
        links_a.peers.remove(&b.pid);
    }
    if let Some(mut links_b) = links_b
        && links_b.is_of(b.pid)
    {
        links_b.peers.remove(&a.pid);
    }
}

type Locked<'a> = MutexGuard<'a, Links>;

/// Locks two tables in the order of the slots. If both are the same, returns only the first: of two
/// pids of one slot, at least one is of a process that has ended.
fn lock_both<'a>(a: End<'a>, b: End<'a>) -> (Locked<'a>, Option<Locked<'a>>) {
    if std::ptr::eq(a.links, b.links) {
        (a.links.lock(), None)
    } else if a.pid < b.pid {
        let links_a = a.links.lock();
        (links_a, Some(b.links.lock()))
    } else {
        let links_b = b.links.lock();
        (a.links.lock(), Some(links_b))
    }
}

/// What is to be done when the exit of a process is told.
#[derive(Default)]
pub(crate) struct PendingExit {
    /// The process; `None` once its exit has been told.
    pid: Option<Pid>,
    /// Dropped when the exit has been told, for the parent, which waits for that.
    parent: Option<Sender<Infallible>>,
    /// Sent before the exit signals: the last reply of each server that the process has been.
    last_replies: Vec<LastReply>,
    /// Sent after all others: to monitors that were set when the table was closed.
    late_downs: Vec<Down>,
}

/// Sends the last reply of a server, which its client gets when the server has ended.
///
/// # Errors
///
/// The orphans, which the caller is to drop, if the client does not wait any more.
pub(crate) type LastReply = Box<dyn FnOnce() -> Result<(), Orphans> + Send>;

impl fmt::Debug for PendingExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingExit").field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl PendingExit {
    pub(crate) fn of(pid: Pid) -> PendingExit {
        PendingExit { pid: Some(pid), ..PendingExit::default() }
    }

    pub(crate) fn is_of(&self, pid: Pid) -> bool {
        self.pid == Some(pid)
    }

    /// Keeps a last reply of `pid`.
    ///
    /// # Errors
    ///
    /// The reply, if the exit has been told already.
    pub(crate) fn add_last_reply(
        &mut self,
        pid: Pid,
        last_reply: LastReply,
    ) -> Result<(), LastReply> {
        if !self.is_of(pid) {
            return Err(last_reply);
        }
        self.last_replies.push(last_reply);
        Ok(())
    }

    pub(crate) fn take_last_replies(&mut self) -> Vec<LastReply> {
        mem::take(&mut self.last_replies)
    }

    /// Keeps a DOWN for when all others have been told of the exit of `pid`.
    ///
    /// # Errors
    ///
    /// The DOWN, if they have been.
    pub(crate) fn add_late_down(&mut self, pid: Pid, down: Down) -> Result<(), Down> {
        if !self.is_of(pid) {
            return Err(down);
        }
        self.late_downs.push(down);
        Ok(())
    }

    /// Returns the DOWNs that are to be sent before the exit has been told. If there are none, it
    /// has been: then returns what is to be dropped.
    pub(crate) fn end(&mut self) -> Result<PendingExit, Vec<Down>> {
        if self.late_downs.is_empty() {
            Ok(mem::take(self))
        } else {
            Err(mem::take(&mut self.late_downs))
        }
    }

    /// Leaves what is to be dropped when the exit of `pid` has been told. Returns false, and drops
    /// it now, if it has been.
    pub(crate) fn set_parent(&mut self, pid: Pid, parent: Sender<Infallible>) -> bool {
        let is_pending = self.is_of(pid);
        if is_pending {
            self.parent = Some(parent);
        }
        is_pending
    }

    /// Takes what the parent of `pid` waits for. The caller is to drop it.
    pub(crate) fn take_parent(&mut self, pid: Pid) -> Option<Sender<Infallible>> {
        if self.is_of(pid) { self.parent.take() } else { None }
    }
}

/// Whether a process traps exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrapExit {
    No,
    /// It is a foreign process, which cannot be ended, and has not asked for the signals: it gets
    /// those that would end another process.
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
/// There is an arm for each clause of [Receiving exit signals], in order of precedence. (`Kill` by
/// request never comes as a signal: see [`exit`](super::exit#kill).)
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
        let (a, b) = (Mutex::new(Links::open(pid(1))), Mutex::new(Links::open(pid(2))));
        let (end_a, end_b) = (End { pid: pid(1), links: &a }, End { pid: pid(2), links: &b });

        assert!(matches!(link(end_a, end_b), Ok(Linked::New)));
        let first = a.lock().peers[&pid(2)];
        unlink(end_b, end_a);
        assert!(matches!(link(end_b, end_a), Ok(Linked::New)));

        assert!(!a.lock().has_link(pid(2), first));
        assert_eq!(a.lock().peers.len(), 1);
    }

    #[test]
    fn a_link_to_an_earlier_process_of_ones_own_slot_is_to_nobody() {
        let own = Pid::local(1, NonZeroU64::MIN.saturating_add(1));
        let links = Mutex::new(Links::open(own));
        let (me, past) = (End { pid: own, links: &links }, End { pid: pid(1), links: &links });

        assert!(matches!(link(me, past), Ok(Linked::Failed(..))));
        unlink(me, past);
        assert!(links.lock().peers.is_empty());
    }

    #[test]
    fn an_alias_is_in_no_table_but_its_owners() {
        let (mut open, mut closed) = (Links::open(pid(1)), Links::open(pid(1)));
        closed.close();
        for links in [&mut open, &mut closed] {
            links.add_alias(pid(2), NonZeroU64::MIN, AliasMode::Reply);
            assert!(!links.has_alias(NonZeroU64::MIN));
            links.add_alias(pid(1), NonZeroU64::MIN, AliasMode::Reply);
        }
        assert!(open.has_alias(NonZeroU64::MIN));
        assert!(!closed.has_alias(NonZeroU64::MIN));
    }

    #[test]
    fn a_last_reply_that_comes_when_the_end_has_been_told_comes_back() {
        let mut pending = PendingExit::of(pid(1));
        assert!(pending.add_last_reply(pid(1), Box::new(|| Ok(()))).is_ok());
        assert!(pending.add_last_reply(pid(2), Box::new(|| Ok(()))).is_err());
        assert_eq!(pending.take_last_replies().len(), 1);
        let mut told = PendingExit::default();
        assert!(told.add_last_reply(pid(1), Box::new(|| Ok(()))).is_err());
        assert!(told.take_last_replies().is_empty());
    }
}
