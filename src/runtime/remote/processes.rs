//! The processes of other nodes, as the ends of signals and ties.

use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::{Incarnation, LinkId, MonitorRef, Node, Pid, unique};
use crate::message::{Destination, Down, Message};
use crate::term::ExternalRef;
use crate::user_code::drop_caught;

use super::super::bound::{Decision, Sender};
use super::super::caller::caller;
use super::super::dist_entry::{DistEntry, Manner, Outgoing, Target, Turn, carrier};
use super::super::links::{Closed, Linked, Watcher};
use super::super::mailbox::{ExitCause, ExitSignal, Signal, Special};
use super::super::passed_on;
use super::super::remote_calls::CallId;
use super::super::remote_ties::{RemoteRef, RemoteTies, Watch};
use super::super::table::Process;
use super::Next;

pub(crate) use super::super::dist_entry::Unsent;

/// A process of another node, by its pid, or by the name that it has there.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Target);

/// A process of another node, by its pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemotePid {
    pid: Pid,
    incarnation: Incarnation,
}

impl Remote {
    /// Returns the process at `destination`, whose pid is `found`, if it is one of another node.
    #[inline]
    pub(crate) fn of(found: Option<Pid>, destination: &Destination) -> Option<Remote> {
        match (found, destination) {
            (Some(pid), _) => RemotePid::of(pid).map(RemotePid::target),
            (None, Destination::OnNode(name, node)) => Remote::named(name, *node),
            (None, Destination::Pid(_) | Destination::Alias(_) | Destination::Name(_)) => None,
            (None, Destination::Reference(_)) => None, // It cannot be monitored.
        }
    }

    /// Returns the process that has this name on `node`, if that is another one.
    pub(crate) fn named(name: &Arc<str>, node: Node) -> Option<Remote> {
        (!node.is_here()).then(|| Remote(Target::Name(Arc::clone(name), node)))
    }

    /// Returns the process of another node that has made this reference, if there can be one.
    pub(crate) fn aliased(reference: &ExternalRef) -> Option<Remote> {
        let node = Node::find(reference.node.as_str())?;
        let incarnation = Incarnation::of(node, reference.creation)?;
        let alias = RemoteRef::new(reference.words())?;
        Some(Remote(Target::Alias(incarnation, alias)))
    }

    /// Sends a message if there is room for it.
    ///
    /// # Errors
    ///
    /// The message, and to whom it is, if there is none.
    #[cold]
    pub(crate) fn offer(self, message: Message) -> Result<(), (Remote, Message)> {
        if self.is_busy() {
            return Err((self, message));
        }
        self.send_by(Turn::Awaited, message);
        Ok(())
    }

    /// Returns whether so much waits to leave for its node that senders are to wait.
    pub(crate) fn is_busy(&self) -> bool {
        self.entry().is_busy()
    }

    /// Lets `sender` wait for room until that is decided, or has been awaited for long enough: by
    /// `await_decision`. Returns what has been decided: `SentAway` if the connection was lost, with
    /// which what is to be sent goes, too.
    pub(crate) fn await_room(
        &self,
        sender: &'static dyn Sender,
        await_decision: impl FnOnce(&dyn Fn() -> Decision),
    ) -> Decision {
        let queued = self.entry().queue_up(sender);
        await_decision(&|| queued.decision());
        queued.leave()
    }

    /// Sends a message, whatever room there is, or drops it if there is no connection or no such
    /// process.
    #[cold]
    pub(crate) fn send(self, message: Message) {
        self.send_by(Turn::Regardless, message);
    }

    /// Sends a message when there is room, or was a moment ago.
    pub(crate) fn send_in_turn(self, message: Message) {
        self.send_by(Turn::Awaited, message);
    }

    fn send_by(self, turn: Turn, message: Message) {
        self.reach_or_log(self.sending(message), turn);
    }

    /// Sends a request whose sender has set a monitor on the process already, or what is of use
    /// only to a node that this one is connected with. So if there is no connection it is dropped.
    ///
    /// OTP: the option `noconnect` of `erlang:send/3`, as in `gen:call/4`.
    ///
    /// # Errors
    ///
    /// If it does not travel.
    #[cold]
    pub(crate) fn request(self, message: Message, next: Next) -> Result<(), Unsent> {
        self.request_by(Turn::Regardless, message, next)
    }

    /// As [`request`](Self::request), when there is room, or was a moment ago.
    #[cold]
    pub(crate) fn request_in_turn(self, message: Message, next: Next) -> Result<(), Unsent> {
        self.request_by(Turn::Awaited, message, next)
    }

    fn request_by(self, turn: Turn, message: Message, next: Next) -> Result<(), Unsent> {
        let manner = match (next, caller()) {
            (Next::Wait, Some(client)) => turn.now(client.pid),
            (Next::Wait | Next::GoOn, _) => turn.into(),
        };
        self.tell_by(manner, self.sending(message), |_| true)
    }

    fn sending(&self, message: Message) -> Outgoing {
        let from = caller().map(|process| process.pid);
        Outgoing::Send { from, to: self.0.clone(), message }
    }

    /// Enters a monitor on the process, which was set on `object`. If it is that of a request, this
    /// follows at once.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn watch(
        self,
        monitor: MonitorRef,
        object: Destination,
        is_of_request: bool,
    ) -> Result<(), ExitReason> {
        let incarnation = self.incarnation();
        let turn = Turn::Regardless;
        let manner = if is_of_request { turn.later() } else { turn.into() };
        let outgoing = Outgoing::Monitor { monitor, to: self.0.clone() };
        let reached = self.reach_by(manner, outgoing, |ties| {
            ties.monitor(monitor, incarnation, object);
            true
        });
        reached.map_err(|unreached| match unreached {
            Unreached::Gone(reason) => reason,
            // There can be no process of such a name.
            Unreached::Unsent(_) => ExitReason::NoProc,
        })
    }

    /// Removes a monitor on the process.
    pub(crate) fn forget(self, monitor: MonitorRef) {
        let mut removed = None;
        let demonitor = Outgoing::Demonitor { monitor, to: self.0.clone() };
        _ = self.tell_by(Turn::Regardless.later(), demonitor, |ties| {
            removed = ties.end_monitor(monitor);
            removed.is_some()
        });
        drop_caught(removed); // Where no lock is held: it may be the last of a `Via`.
    }

    pub(crate) fn node(&self) -> Node {
        match &self.0 {
            Target::Pid(pid) => pid.node(),
            Target::Name(_, node) => *node,
            Target::Alias(incarnation, _) => incarnation.node(),
        }
    }

    /// Returns the life of the node that it lives in; `None` if it is in any that the name is used
    /// in.
    fn incarnation(&self) -> Option<Incarnation> {
        match &self.0 {
            Target::Pid(pid) => pid.incarnation(),
            Target::Name(..) => None,
            Target::Alias(incarnation, _) => Some(*incarnation),
        }
    }

    fn entry(&self) -> &'static DistEntry {
        DistEntry::of(self.node())
    }

    /// Changes the ties, and sends something if `change` says so.
    ///
    /// # Errors
    ///
    /// See [`Unreached`].
    fn reach_by(
        &self,
        manner: impl Into<Manner>,
        outgoing: Outgoing,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<(), Unreached> {
        let Some(carrier) = carrier() else {
            drop_caught(outgoing);
            return Err(Unreached::Gone(ExitReason::NoConnection));
        };
        let frame = carrier.frame(outgoing).map_err(Unreached::Unsent)?;
        let reached = self.entry().reach(self.incarnation(), (frame, manner), change);
        reached.map_err(Unreached::Gone)?.run();
        Ok(())
    }

    /// Sends what nobody waits for.
    fn reach_or_log(&self, outgoing: Outgoing, turn: Turn) {
        if let Err(Unreached::Unsent(unsent)) = self.reach_by(turn, outgoing, |_| true) {
            unsent.log();
        }
    }

    /// As [`reach`](Self::reach), for what concerns nobody if there is no connection.
    ///
    /// # Errors
    ///
    /// If it does not travel. Then nothing has changed.
    fn tell(
        &self,
        outgoing: Outgoing,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<(), Unsent> {
        self.tell_by(Turn::Regardless, outgoing, change)
    }

    fn tell_by(
        &self,
        manner: impl Into<Manner>,
        outgoing: Outgoing,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<(), Unsent> {
        self.entry().write_and_tell(self.incarnation(), (outgoing, manner), change)
    }
}

/// Why something has not reached a process.
enum Unreached {
    /// [`NoConnection`](ExitReason::NoConnection) if there are no other nodes;
    /// [`NoProc`](ExitReason::NoProc) if the process is of an earlier incarnation.
    Gone(ExitReason),
    Unsent(Unsent),
}

impl RemotePid {
    /// Returns the process with this pid, if it is one of another node.
    #[inline(always)]
    pub(crate) fn of(pid: Pid) -> Option<RemotePid> {
        pid.incarnation().map(|incarnation| RemotePid { pid, incarnation })
    }

    /// As [`Remote::offer`].
    #[cold]
    pub(crate) fn offer(self, message: Message) -> Result<(), (Remote, Message)> {
        self.target().offer(message)
    }

    /// Sends a signal, or drops it if there is no connection or no such process.
    #[cold]
    pub(crate) fn deliver(self, signal: Signal) {
        match signal {
            Signal::Message(message) => self.target().send(message),
            Signal::Special(special) => match *special {
                // No alias is made by processes of other nodes.
                Special::Aliased(_, message) => drop_caught(message),
                Special::Exit(signal) => self.exit(signal),
                Special::Down(down) => self.down(down),
            },
        }
    }

    /// Answers its request of this number, if it may wait for that. It is the first answer.
    ///
    /// # Errors
    ///
    /// If the answer does not travel. Then the request waits as before.
    #[cold]
    pub(crate) fn answer(self, number: u64, message: Message) -> Result<(), Unsent> {
        let id = CallId { client: self.pid, number };
        let (own, is_only) = self.entry().with_ties(|ties| (ties.tag(id), ties.is_only_call(id)));
        let Some(tag) = own.or_else(|| passed_on::tag(id)) else {
            drop_caught(message);
            return Ok(());
        };
        let answer = Outgoing::Answer { to: self.pid, tag, message };
        // A client with several requests may soon have several answers.
        let turn = Turn::Regardless;
        let manner = if is_only { turn.now(self.pid) } else { turn.into() };
        let reached = self
            .target()
            .reach_by(manner, answer, |ties| ties.answered(id) || passed_on::remove(id));
        match reached {
            Ok(()) => Ok(()),
            Err(Unreached::Gone(_)) => {
                passed_on::remove(id);
                Ok(())
            }
            Err(Unreached::Unsent(unsent)) => Err(unsent),
        }
    }

    /// Tells it that its request of this number gets no answer: as if the server had ended for
    /// `reason`. That is told by the monitor that it has set on the server; who has set none hears
    /// nothing.
    #[cold]
    pub(crate) fn refuse(self, number: u64, reason: ExitReason) {
        let id = CallId { client: self.pid, number };
        let Some(watch) = self.entry().with_ties(|ties| ties.monitor_of(id)) else {
            let was_own = self.entry().with_ties(|ties| ties.answered(id));
            _ = was_own || passed_on::remove(id);
            return drop_caught(reason);
        };
        self.fire(watch, reason);
    }

    /// As [`refuse`](Self::refuse), for its last request to `server`, which is not known.
    #[cold]
    pub(crate) fn refuse_as(self, server: Pid, reason: ExitReason) {
        match self.entry().with_ties(|ties| ties.monitor_on(server, self.pid)) {
            Some(watch) => self.fire(watch, reason),
            None => drop_caught(reason),
        }
    }

    /// Tells it by its monitor on `target`, which calls that `watch`, that this has ended.
    fn fire(self, (reference, target, watch): Watch, reason: ExitReason) {
        let watcher = {
            let mut links = Process::of(target).slot.links.lock();
            links.is_of(target).then(|| links.watchers.remove(&watch)).flatten()
        };
        // Otherwise the server is telling its end.
        if let Some(Watcher { object, .. }) = watcher {
            let down = Outgoing::Down { object, to: self.pid, reference, reason };
            _ = self.tell(down, |ties| ties.unwatch(reference).is_some());
        }
    }

    fn exit(self, signal: ExitSignal) {
        let ExitSignal { from, reason, cause } = signal;
        match cause {
            ExitCause::Link(_) => self.end_link(from, reason),
            ExitCause::Request | ExitCause::Timer => {
                let request = Outgoing::ExitRequest { from, to: self.pid, reason };
                self.target().reach_or_log(request, Turn::Regardless);
            }
        }
    }

    /// Tells the process that `local`, to which it may be linked, has ended.
    fn end_link(self, local: Pid, reason: ExitReason) {
        let exit = Outgoing::Exit { from: local, to: self.pid, reason };
        _ = self.tell(exit, |ties| ties.end_link((local, self.pid)).is_some());
    }

    /// Tells the process that one that it monitors has ended.
    fn down(self, down: Down) {
        let Down { monitor, object, reason } = down;
        match self.entry().with_ties(|ties| ties.reference(monitor.id)) {
            Some(reference) => {
                let down = Outgoing::Down { object, to: self.pid, reference, reason };
                // If it has been told to forget it meanwhile, that was the other node's wish.
                _ = self.tell(down, |ties| ties.unwatch(reference).is_some());
            }
            None => drop_caught((object, reason)),
        }
    }

    /// Links the process and `process`, as [`links::link`](super::super::links::link) does.
    pub(crate) fn link(self, process: Process) -> Result<Linked, Closed> {
        let (pair, id) = ((process.pid, self.pid), LinkId::new());
        let carrier = carrier();
        let link = Outgoing::Link { from: process.pid, to: self.pid };
        let frame = carrier.as_ref().and_then(|carrier| carrier.frame(link).ok());
        let reached = {
            let mut links = process.slot.links.lock();
            if !links.is_of(process.pid) {
                return Err(Closed);
            }
            if links.peers.contains_key(&self.pid) {
                return Ok(Linked::Existing);
            }
            links.peers.insert(self.pid, id);
            let frame = frame.ok_or(ExitReason::NoConnection);
            // With the lock: see the head of `dist_entry`.
            frame.and_then(|frame| {
                self.entry().reach(Some(self.incarnation), (frame, Turn::Regardless), |ties| {
                    ties.link(pair, id)
                })
            })
        };
        match reached {
            Ok(after) => {
                after.run();
                Ok(Linked::New)
            }
            Err(reason) => Ok(Linked::Failed(id, reason)),
        }
    }

    /// Removes the link between the process and `process`, if there is one.
    pub(crate) fn unlink(self, process: Process) {
        let removed = {
            let mut links = process.slot.links.lock();
            links.is_of(process.pid).then(|| links.peers.remove(&self.pid)).flatten()
        };
        if let Some(id) = removed {
            let (pair, number) = ((process.pid, self.pid), unique());
            let unlink = Outgoing::Unlink { from: process.pid, to: self.pid, number };
            _ = self.tell(unlink, |ties| ties.unlink(pair, id, number));
        }
    }

    /// Returns whether its link to `local` stands, though an exit signal of that link has come: the
    /// connection was lost, and before `local` heard of it there was another one, over which the
    /// process linked itself again.
    ///
    /// The caller has locked the table of `local`, and takes the link out of it otherwise: so that
    /// it is not made anew in between.
    pub(crate) fn keeps_link(self, local: Pid, id: LinkId) -> bool {
        self.entry().with_ties(|ties| ties.has_link((local, self.pid), id))
    }

    fn target(self) -> Remote {
        Remote(Target::Pid(self.pid))
    }

    fn entry(self) -> &'static DistEntry {
        DistEntry::of(self.incarnation.node())
    }

    fn tell(
        self,
        outgoing: Outgoing,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<(), Unsent> {
        self.target().tell(outgoing, change)
    }
}
