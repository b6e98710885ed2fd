//! What comes from another node, and what becomes of the ties when the connection is lost.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::{Incarnation, LinkId, MonitorRef, Node, Pid, unique};
use crate::message::{Destination, Down, Message, NodeDown, NodeDownReason, NodeType};
use crate::term::Term;
use crate::user_code::drop_caught;

use super::address::{signal_of_link, try_deliver, try_deliver_exit};
use super::dist_entry::{AlreadyUp, Controller, Dial, DistEntry, Frame, Outgoing, Taken, Turn};
use super::exit::signal_exit_detached;
use super::links::Watcher;
use super::mailbox::{ExitSignal, Orphans, Signal, Special};
use super::monitors::{add_watcher, remove_watcher, tell_unwatched};
use super::node_monitors::{tell_down, tell_up};
use super::overload::give_up;
use super::passed_on;
use super::remote::RemotePid;
use super::remote_calls::CallId;
use super::remote_ties::{Cut, RemoteRef, RemoteTies};
use super::table::Process;
use super::timers::run_detached_soon;

/// A connection with another node, as the one who reads from it has it.
///
/// Its methods are told what has come, in the order in which it came. When it is dropped the
/// connection is lost: when that is done, all have been told whom it concerns, links before
/// monitors, with those of calls. A signal is from a process of the incarnation that is up, and to
/// one of this node, which exists or has existed: otherwise it is [none](Strangers) that the other
/// node can send, and nothing happens.
pub(crate) struct Connection {
    entry: &'static DistEntry,
    incarnation: Incarnation,
    node_type: NodeType,
    number: u64,
}

/// The frames that leave by a connection, as the one who writes to it has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    entry: &'static DistEntry,
    connection: u64,
}

impl Frames {
    /// Says why the connection is about to be lost, unless that is known.
    pub(crate) fn explain_loss(self, reason: NodeDownReason) {
        self.entry.explain_loss_of(self.connection, reason);
    }

    /// Has nothing more queued.
    pub(crate) fn finish(self) {
        self.entry.finish(self.connection);
    }

    /// Takes all frames that have been queued, the oldest first; `None` if the connection is lost.
    pub(crate) fn take(self) -> Option<Taken> {
        self.entry.take_frames(self.connection)
    }

    /// As [`take`](Self::take), when no sender writes any more: that takes only a moment.
    #[cfg(test)]
    pub(crate) fn all(self) -> Option<Vec<Vec<u8>>> {
        loop {
            let Taken { frames, is_all } = self.take()?;
            if is_all {
                return Some(frames.into_iter().map(Frame::into_vec).collect());
            }
            std::thread::yield_now();
        }
    }

    /// Sends what is no signal of the kernel's. Any thread may do so.
    pub(crate) fn queue(self, frame: Frame) {
        self.entry.queue(self.connection, frame);
    }
}

/// A signal is from a process that is not one of the other node, or to one that is not of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strangers;

impl Dial {
    /// It has failed: what has waited for it is dropped, and those are told whom that concerns.
    /// Nothing happens if there is a connection all the same, or another dial by now.
    pub(crate) fn failed(self) {
        if let Some(cut) = self.give_up() {
            cut.tell(self.node(), &ExitReason::NoConnection);
            self.told().run();
        }
    }
}

impl Connection {
    /// There is a connection with `incarnation`. What has waited for it is queued. When all that
    /// was queued has been taken, and there is more, `controller` is woken by who is sending. Ties
    /// to earlier incarnations end.
    ///
    /// # Errors
    ///
    /// See [`AlreadyUp`].
    pub(crate) fn up(
        incarnation: Incarnation,
        controller: Arc<dyn Controller>,
    ) -> Result<Connection, AlreadyUp> {
        let entry = DistEntry::of(incarnation.node());
        let node_type = controller.node_type();
        let (number, cut) = entry.up(incarnation, controller)?;
        let connection = Connection { entry, incarnation, node_type, number };
        cut.tell(incarnation.node(), &ExitReason::NoProc);
        tell_up(incarnation.node(), node_type).into_iter().for_each(drop_orphans);
        Ok(connection)
    }

    /// Returns which life of the other node it is with.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Returns the frames that leave by it.
    pub(crate) fn frames(&self) -> Frames {
        Frames { entry: self.entry, connection: self.number }
    }

    /// A message has come. It is dropped if there is no room for it, as nobody may wait here.
    pub(crate) fn message(&mut self, to: &Destination, message: Message) {
        if let Err(undone) = to.try_send(message) {
            drop_orphans(give_up(undone));
        }
    }

    /// A request to `server` has come, of a process of that or of any other node, as processes
    /// there may pass on what they were sent. Its answer goes to `tag`, which is the client's
    /// business. Returns false if there have been too many, or if the tag is too long.
    pub(crate) fn request(&mut self, id: CallId, server: Pid, tag: Arc<[u8]>) -> bool {
        if id.client.incarnation() == Some(self.incarnation) {
            self.entry.with_ties(|ties| ties.call(id, server, tag))
        } else {
            passed_on::add(self.incarnation.node(), id, tag)
        }
    }

    /// A request to `server` is not kept, and gets no answer. If its client has a monitor on that,
    /// this tells it so, as if the server had ended.
    pub(crate) fn refuse(&mut self, client: Pid, server: Pid, reason: ExitReason) {
        match RemotePid::of(client) {
            Some(client) => client.refuse_as(server, reason),
            None => drop_caught(reason),
        }
    }

    /// Whether a signal can be from this process, and to that.
    fn check(&self, from: Pid, to: impl Into<Option<Pid>>) -> Result<(), Strangers> {
        let is_theirs = from.incarnation() == Some(self.incarnation);
        let is_ours = !to.into().is_some_and(Pid::is_remote);
        if is_theirs && is_ours { Ok(()) } else { Err(Strangers) }
    }

    /// As [`check`](Self::check), for a signal that holds a value.
    fn check_holding<T>(&self, from: Pid, to: Pid, value: T) -> Result<T, Strangers> {
        match self.check(from, to) {
            Ok(()) => Ok(value),
            Err(strangers) => {
                drop_caught(value);
                Err(strangers)
            }
        }
    }

    /// A process asks another one to exit.
    pub(crate) fn exit_request(
        &mut self,
        from: Pid,
        to: Pid,
        reason: ExitReason,
    ) -> Result<(), Strangers> {
        let reason = self.check_holding(from, to, reason)?;
        signal_exit_detached(from, to, reason).unwrap_or_else(drop_orphans);
        Ok(())
    }

    /// A process links itself to one of this node.
    ///
    /// The table of that process and the ties change together, as said in
    /// [`dist_entry`](super::dist_entry).
    pub(crate) fn link(&mut self, from: Pid, to: Pid) -> Result<(), Strangers> {
        self.check(from, to)?;
        let (pair, new) = ((to, from), LinkId::new());
        let is_too_late = {
            let mut links = Process::of(to).slot.links.lock();
            if links.is_of(to) {
                // One that is in the table alone was cut, and the process has not heard of that
                // yet. It keeps its id, by which the process hears.
                let id = links.peers.get(&from).copied().unwrap_or(new);
                if self.entry.with_ties(|ties| ties.link_came(pair, id)) {
                    links.peers.insert(from, id);
                }
                false
            } else {
                self.entry.with_ties(|ties| ties.link_came_too_late(pair))
            }
        };
        if is_too_late {
            let exit = Outgoing::Exit { from: to, to: from, reason: ExitReason::NoProc };
            self.answer(exit, |_| {});
        }
        Ok(())
    }

    /// A process unlinks itself from one of this node.
    pub(crate) fn unlink(
        &mut self,
        from: Pid,
        to: Pid,
        number: NonZeroU64,
    ) -> Result<(), Strangers> {
        self.check(from, to)?;
        let mut removed = None;
        // With the change: a LINK that is sent after it must not come before.
        self.answer(Outgoing::UnlinkAck { from: to, to: from, number }, |ties| {
            removed = ties.unlink_came((to, from));
        });
        if let Some(id) = removed {
            let mut links = Process::of(to).slot.links.lock();
            if links.is_of(to) && links.has_link(from, id) {
                links.peers.remove(&from);
            }
        }
        Ok(())
    }

    /// The unlink of a process of this node is acknowledged.
    pub(crate) fn unlink_ack(
        &mut self,
        from: Pid,
        to: Pid,
        number: NonZeroU64,
    ) -> Result<(), Strangers> {
        self.check(from, to)?;
        self.entry.with_ties(|ties| ties.ack_came((to, from), number));
        Ok(())
    }

    /// A process has ended that may be linked to one of this node.
    pub(crate) fn exit(&mut self, from: Pid, to: Pid, reason: ExitReason) -> Result<(), Strangers> {
        let reason = self.check_holding(from, to, reason)?;
        match self.entry.with_ties(|ties| ties.end_link((to, from))) {
            Some(id) => end_link(to, signal_of_link(from, id, reason)),
            None => drop_caught(reason),
        }
        Ok(())
    }

    /// A process monitors the one at `object`, if there is one.
    pub(crate) fn monitor(
        &mut self,
        from: Pid,
        object: Destination,
        reference: RemoteRef,
    ) -> Result<(), Strangers> {
        let (number, target) = (unique(), object.resolve());
        self.check(from, target)?;
        if let Some(target) = target {
            let watch = (from, target);
            if !self.entry.with_ties(|ties| ties.watch(reference, number, watch)) {
                return Ok(()); // The other node has used a reference twice.
            }
            if !add_watcher(target, number, Watcher { pid: from, object: object.clone() }) {
                let monitor = MonitorRef { id: number, owner: from };
                tell_unwatched(Some(target), Down { monitor, object, reason: ExitReason::NoProc });
            }
        } else {
            let down = Outgoing::Down { object, to: from, reference, reason: ExitReason::NoProc };
            self.answer(down, |_| {});
        }
        Ok(())
    }

    /// A process does not monitor one of this node any more.
    pub(crate) fn demonitor(&mut self, reference: RemoteRef) {
        if let Some((target, number)) = self.entry.with_ties(|ties| ties.unwatch(reference)) {
            remove_watcher(target, number);
        }
    }

    /// A process has ended that one of this node watches by `monitor`.
    pub(crate) fn down(&mut self, monitor: MonitorRef, reason: ExitReason) {
        match self.entry.with_ties(|ties| ties.end_monitor(monitor)) {
            Some(object) => fire(Down { monitor, object, reason }),
            None => drop_caught(reason),
        }
    }

    /// Changes the ties, and sends what says so.
    fn answer(&self, outgoing: Outgoing, change: impl FnOnce(&mut RemoteTies)) {
        let incarnation = Some(self.incarnation);
        // All that says something of ties is written.
        _ = self.entry.write_and_tell(incarnation, (outgoing, Turn::Regardless), |ties| {
            change(ties);
            true
        });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let node = self.incarnation.node();
        let (cut, reason) = self.entry.lose();
        cut.tell(node, &ExitReason::NoConnection);
        passed_on::forget(node);
        tell_down(node, self.node_type, reason).into_iter().for_each(drop_orphans);
        self.entry.told().run();
    }
}

impl Cut {
    /// Tells those whose ties with `node` they are.
    fn tell(self, node: Node, reason: &ExitReason) {
        for ((local, remote), id) in self.links {
            end_link(local, signal_of_link(remote, id, reason.clone()));
        }
        for (monitor, object) in self.monitors {
            fire(Down { monitor, object, reason: reason.clone() });
        }
        for (target, number) in self.watchers {
            remove_watcher(target, number);
        }
        for (owner, count) in self.node_monitors {
            for _ in 0..count {
                let down = Signal::Message(Message::new(NodeDown(node)));
                try_deliver(owner, down).unwrap_or_else(drop_orphans);
            }
        }
    }
}

fn end_link(local: Pid, signal: ExitSignal) {
    try_deliver_exit(local, signal).unwrap_or_else(drop_orphans);
}

fn fire(down: Down) {
    try_deliver(down.monitor.owner, Special::Down(down).into()).unwrap_or_else(drop_orphans);
}

/// Drops what nobody gets; elsewhere, if it may be of the program's, whose destructors may take
/// their time.
fn drop_orphans(orphans: Orphans) {
    let is_harmless = |message: &Message| {
        message.as_external().is_some() || message.is::<Term>() || message.is::<NodeDown>()
    };
    if orphans.are_messages(is_harmless) {
        orphans.drop_caught();
    } else {
        run_detached_soon(|| orphans.drop_caught());
    }
}

#[cfg(test)]
mod tests;
