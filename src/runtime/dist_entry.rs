//! What the kernel knows of another node: whether there is a connection with it, what ties there
//! are over that, and what waits to leave by it.
//!
//! The kernel knows no protocol: a [`Carrier`] writes what leaves as frames, and what has come is
//! told by a [`Connection`](super::incoming::Connection).
//!
//! # The lock
//!
//! Each node has one lock, for the state of the connection, its ties, and its queue. A change of
//! the ties and the frame that tells the other node of it happen together, so the frames are in the
//! order of the changes. Frames are written before, on the thread of the sender, as that may run
//! the program's code. Who finds the queue empty wakes the writer, when the lock is free again.
//!
//! A process's own table changes before or after, with no lock held in between. Only where a link
//! is made, by either side, do both change together, as the tables of two processes of this node
//! do, and where a link goes by an exit signal both are looked at: the lock of the process is taken
//! first. Otherwise a link could be made by one side and removed by the other between the two
//! changes, and the second would be of a link that is no more. That cannot befall a link that is
//! removed: each has its own id, and what is removed is the one that was found.
//!
//! # The life of a connection
//!
//! ```text
//!   Down -- something is to be sent: a dial --> Pending -- it is up --> Up
//!    ^                                           |   ^                  |
//!    |                                the dial fails |               is lost
//!    |                                           |   |                  |
//!    |                                           +---|----------------->|
//!    |                                     and something waits          v
//!    +--- that has been told, -----------------------+--------------- Losing
//!         and nothing waits
//! ```
//!
//! What is to be sent while it is not up waits, and so do the ties. It does so, too, while a loss
//! is being told: nobody gets anything of the next connection before that.
//!
//! # Room
//!
//! What waits to leave is bounded. If there is no [`room`] senders wait, in
//! [`send`](crate::process::send), as they do for room in a mailbox; when the writer takes what
//! there is, all of them go on. Who must not wait sends regardless: exits, destructors, and the
//! runtime's own processes. There is more room for what they send; when that is used up, too, the
//! connection is given up.

mod room;
mod dial;

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

use log::Level;
use once_cell::sync::Lazy;
use parking_lot::{Mutex, RwLock};

use crate::exit::ExitReason;
use crate::id::{Incarnation, MonitorRef, Node, Pid};
use crate::message::{Destination, Message, NodeDownReason, NodeType};
use crate::user_code::{drop_caught, log_caught};

use super::bound::Decision;
use super::remote_ties::{Cut, RemoteRef, RemoteTies};

pub(crate) use dial::{After, Dial, fail_dials};

use room::{Room, let_go};

/// The bytes that are written for one signal.
pub(crate) type Frame = Vec<u8>;

/// What carries the frames of one connection. It is told what to do where no lock is held, and does
/// not wait.
///
/// OTP: the distribution controller.
pub(crate) trait Controller: Send + Sync {
    fn node_type(&self) -> NodeType;

    /// There are frames to be taken, or the connection is lost.
    fn wake(&self);

    /// More waits to be written than is kept for a node: the connection is to be lost.
    fn give_up(&self);
}

/// A process of another node: by its pid, by the name that it has there, or by an alias that it has
/// made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Pid(Pid),
    Name(Arc<str>, Node),
    Alias(Incarnation, RemoteRef),
}

/// What leaves for a process of another node: `to`, or one end of the tie that it is about.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Send {
        /// The process that sends it, if it is one that does.
        from: Option<Pid>,
        to: Target,
        message: Message,
    },
    /// The answer to a request of `to`, whose tag came with the request.
    Answer {
        to: Pid,
        tag: Arc<[u8]>,
        message: Message,
    },
    /// An exit signal that a process asked for.
    ExitRequest {
        from: Pid,
        to: Pid,
        reason: ExitReason,
    },
    Link {
        from: Pid,
        to: Pid,
    },
    Unlink {
        from: Pid,
        to: Pid,
        number: NonZeroU64,
    },
    UnlinkAck {
        from: Pid,
        to: Pid,
        number: NonZeroU64,
    },
    /// A linked process has ended.
    Exit {
        from: Pid,
        to: Pid,
        reason: ExitReason,
    },
    Monitor {
        monitor: MonitorRef,
        to: Target,
    },
    Demonitor {
        monitor: MonitorRef,
        to: Target,
    },
    /// The process that `to` monitors has ended.
    Down {
        object: Destination,
        to: Pid,
        reference: RemoteRef,
        reason: ExitReason,
    },
}

/// What does not leave, as there is no term for it; says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsent(String);

impl Unsent {
    pub(crate) fn new(why: impl fmt::Display) -> Unsent {
        Unsent(why.to_string())
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// Logs that a message was dropped: its sender does not wait for anything.
    pub(crate) fn log(&self) {
        let text = format_args!("a message to another node is dropped: {}", self.0);
        log_caught(Level::Error, "procession::process", text);
    }
}

/// Carries signals to other nodes: what the kernel needs of the protocol that nodes speak.
pub(crate) trait Carrier: Send + Sync {
    /// Writes what leaves.
    ///
    /// It is called without a lock, on the thread of the sender, and drops what it was given with
    /// care. It does not unwind.
    ///
    /// # Errors
    ///
    /// If the message, or the name of the process, is no term. Whatever tells of the end of a tie
    /// leaves in any case.
    fn frame(&self, outgoing: Outgoing) -> Result<Frame, Unsent>;

    /// Begins to connect with a node, and does not wait. The kernel is told how that ends:
    /// [`Connection::up`](super::incoming::Connection::up), or [`Dial::failed`], even before this
    /// returns. A carrier that cannot tell any more, as it is replaced, or has lost what it knew,
    /// has all dials [fail](fail_dials).
    fn dial(&self, dial: Dial);
}

static CARRIER: RwLock<Option<Arc<dyn Carrier>>> = RwLock::new(None);

/// Sets what carries signals to other nodes. Without one there is no connection with any. The dials
/// of the one before have failed.
pub(crate) fn set_carrier(carrier: Option<Arc<dyn Carrier>>) {
    let replaced = mem::replace(&mut *CARRIER.write(), carrier);
    drop(replaced); // Where no lock is held.
    fail_dials();
}

pub(crate) fn carrier() -> Option<Arc<dyn Carrier>> {
    CARRIER.read().clone()
}

/// Returns the nodes that this one is connected with.
pub(crate) fn connected() -> Vec<(Node, NodeType)> {
    let entries: Vec<_> = ENTRIES.read().values().copied().collect();
    let up = |entry: &DistEntry| entry.node_type().map(|node_type| (entry.node, node_type));
    entries.into_iter().filter_map(up).collect()
}

static ENTRIES: Lazy<RwLock<HashMap<Node, &'static DistEntry>>> = Lazy::new(RwLock::default);

/// What the kernel knows of one other node. It is never freed, as the node is not.
pub(crate) struct DistEntry {
    node: Node,
    state: Mutex<State>,
}

impl fmt::Debug for DistEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.node, f)
    }
}

#[derive(Default)]
struct State {
    status: Status,
    ties: RemoteTies,
    /// What waits for a connection, and for which incarnation if not for any.
    waiting: Vec<(Option<Incarnation>, Frame)>,
    /// What waits for the writer.
    queue: Vec<Frame>,
    /// What both of these take.
    room: Room,
    /// How many connections there have been, with the one that is up.
    connections: u64,
    /// How many dials there have been, with the one that is under way.
    dials: u64,
    /// Why the connection that is up is about to be lost, if that is known.
    reason: Option<NodeDownReason>,
}

#[derive(Default)]
enum Status {
    #[default]
    Down,
    /// There is a dial under way.
    Pending,
    Up {
        incarnation: Incarnation,
        controller: Arc<dyn Controller>,
        /// Nothing more is sent, as the controller has been told to give up.
        is_given_up: bool,
    },
    /// Those are being told that the connection is lost, or the dial has failed, whom that concerns.
    Losing,
}

/// There is a connection already, or an earlier one is not told to be lost yet.
#[derive(Debug)]
pub(crate) struct AlreadyUp;

impl DistEntry {
    pub(crate) fn of(node: Node) -> &'static DistEntry {
        let known = ENTRIES.read().get(&node).copied();
        known.unwrap_or_else(|| {
            let make = || &*Box::leak(Box::new(DistEntry { node, state: Mutex::default() }));
            ENTRIES.write().entry(node).or_insert_with(make)
        })
    }

    /// Queues `frame` for processes of an incarnation, or of any, if `change`, which may change the
    /// ties, says so. If there is no connection, there is to be one.
    ///
    /// # Errors
    ///
    /// [`ExitReason::NoProc`] if another incarnation is up, or if the node is this one: then none
    /// of these processes lives.
    pub(crate) fn reach(
        &'static self,
        to: Option<Incarnation>,
        frame: Frame,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<After, ExitReason> {
        if self.node.is_here() {
            return Err(ExitReason::NoProc);
        }
        let mut state = self.state.lock();
        if state.is_with_another(to) {
            return Err(ExitReason::NoProc); // What was given is dropped after the lock.
        }
        let is_down = matches!(state.status, Status::Down);
        let dial = is_down.then(|| self.begin_dial(&mut state));
        let after = self.act(&mut state, to, frame, change);
        Ok(dial.map_or(after, After::Begin))
    }

    /// Monitors the node for `owner`. If there is no connection, there is to be one.
    pub(crate) fn monitor_node(&'static self, owner: Pid) -> After {
        let mut state = self.state.lock();
        state.ties.monitor_node(owner);
        let is_down = matches!(state.status, Status::Down);
        if is_down { After::Begin(self.begin_dial(&mut state)) } else { After::Nothing }
    }

    /// Returns how the node is connected, if it is.
    fn node_type(&self) -> Option<NodeType> {
        match &self.state.lock().status {
            Status::Up { controller, .. } => Some(controller.node_type()),
            Status::Down | Status::Pending | Status::Losing => None,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.node_type().is_some()
    }

    /// Changes the ties, and queues the frame if that is to be sent.
    fn act(
        &'static self,
        state: &mut State,
        to: Option<Incarnation>,
        frame: Frame,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> After {
        if !change(&mut state.ties) {
            return After::Nothing;
        }
        let is_too_much = !state.room.take(&frame);
        match &mut state.status {
            Status::Up { is_given_up: true, .. } => After::Nothing,
            Status::Up { controller, is_given_up, .. } if is_too_much => {
                *is_given_up = true;
                After::GiveUp(Arc::clone(controller))
            }
            Status::Up { controller, .. } => {
                let is_first = state.queue.is_empty();
                state.queue.push(frame);
                if is_first { After::Wake(Arc::clone(controller)) } else { After::Nothing }
            }
            Status::Pending if is_too_much => After::Fail(self.last_dial(state)),
            // What comes after the most is missing: so the next connection must not be had.
            Status::Losing if is_too_much => After::Nothing,
            Status::Down | Status::Pending | Status::Losing => {
                state.waiting.push((to, frame));
                After::Nothing
            }
        }
    }

    /// As [`reach`](Self::reach), but if there is no connection nothing happens: then there is no
    /// tie either.
    pub(crate) fn tell(
        &'static self,
        to: Option<Incarnation>,
        frame: Frame,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) {
        let mut state = self.state.lock();
        if !matches!(state.status, Status::Down) && !state.is_with_another(to) {
            let after = self.act(&mut state, to, frame, change);
            drop(state);
            after.run();
        }
    }

    /// As [`tell`](Self::tell), for what is not written yet. Nothing happens either if there are no
    /// other nodes any more: then all ties are being cut.
    ///
    /// # Errors
    ///
    /// If it does not travel. Then nothing has changed.
    pub(crate) fn write_and_tell(
        &'static self,
        to: Option<Incarnation>,
        outgoing: Outgoing,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<(), Unsent> {
        match carrier() {
            Some(carrier) => self.tell(to, carrier.frame(outgoing)?, change),
            None => drop_caught(outgoing),
        }
        Ok(())
    }

    /// Queues what is no signal for the writer of a connection, unless that is lost.
    pub(crate) fn queue(&'static self, connection: u64, frame: Frame) {
        let mut state = self.state.lock();
        if state.is_up(connection) {
            let after = self.act(&mut state, None, frame, |_| true);
            drop(state);
            after.run();
        }
    }

    /// Returns whether nobody holds the lock for longer than a moment.
    #[cfg(test)]
    pub(crate) fn is_unlocked(&self) -> bool {
        self.state.try_lock_for(std::time::Duration::from_secs(20)).is_some()
    }

    /// Reads or changes the ties, where no frame tells the other node of that.
    pub(crate) fn with_ties<R>(&self, use_ties: impl FnOnce(&mut RemoteTies) -> R) -> R {
        use_ties(&mut self.state.lock().ties)
    }

    /// There is a connection, with this incarnation, whose frames are taken when `controller` has
    /// been woken. Returns its number, and the ties to earlier incarnations, which end now.
    ///
    /// # Errors
    ///
    /// See [`AlreadyUp`].
    pub(crate) fn up(
        &self,
        incarnation: Incarnation,
        controller: Arc<dyn Controller>,
    ) -> Result<(u64, Cut), AlreadyUp> {
        let mut state = self.state.lock();
        match state.status {
            Status::Down | Status::Pending => {}
            Status::Up { .. } | Status::Losing => return Err(AlreadyUp),
        }
        state.status = Status::Up { incarnation, controller, is_given_up: false };
        state.connections += 1;
        let waiting = mem::take(&mut state.waiting);
        let (to_it, stale): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(to, _)| to.is_none_or(|to| to == incarnation));
        state.queue = to_it.into_iter().map(|(_, frame)| frame).collect();
        let senders = state.room.give_back(stale.iter().map(|(_, frame)| frame));
        let up = (state.connections, state.ties.cut_others(incarnation));
        drop(state);
        drop(stale);
        let_go(senders);
        Ok(up)
    }

    /// Takes the frames that wait for the writer of a connection; `None` if that is lost.
    pub(crate) fn take_frames(&self, connection: u64) -> Option<Vec<Frame>> {
        let mut state = self.state.lock();
        if !state.is_up(connection) {
            return None;
        }
        let frames = mem::take(&mut state.queue);
        let senders = state.room.clear(Decision::Served);
        drop(state);
        let_go(senders);
        Some(frames)
    }

    /// Says why the connection that is up is about to be lost, unless that is known.
    pub(crate) fn explain_loss(&self, reason: NodeDownReason) {
        let mut state = self.state.lock();
        if matches!(state.status, Status::Up { .. }) {
            state.reason.get_or_insert(reason);
        }
    }

    /// The connection is lost. Returns the ties that it had, for the caller to tell, and why it is
    /// lost. Then the caller calls [`told`](Self::told).
    pub(crate) fn lose(&self) -> (Cut, NodeDownReason) {
        let mut state = self.state.lock();
        let status = mem::replace(&mut state.status, Status::Losing);
        let (cut, frames) = (state.ties.cut(), state.take_frames());
        let senders = state.room.clear(Decision::SentAway);
        let reason = state.reason.take().unwrap_or(NodeDownReason::ConnectionClosed);
        drop(state);
        drop(frames);
        let_go(senders);
        if let Status::Up { controller, .. } = status {
            controller.wake(); // There is nothing more to be written.
        }
        (cut, reason)
    }

    /// All whom it concerns have been told that there is no connection. Returns what is left to do:
    /// there is to be another one, if something waits for that by now.
    pub(crate) fn told(&'static self) -> After {
        let mut state = self.state.lock();
        state.status = Status::Down;
        if state.waiting.is_empty() && !state.ties.has_node_monitors() {
            return After::Nothing;
        }
        let dial = self.begin_dial(&mut state);
        if state.room.is_over() { After::Fail(dial) } else { After::Begin(dial) }
    }
}

impl State {
    /// Returns whether the connection that is up has this number.
    fn is_up(&self, connection: u64) -> bool {
        matches!(self.status, Status::Up { .. }) && self.connections == connection
    }

    /// Returns whether the node is up as another incarnation.
    fn is_with_another(&self, to: Option<Incarnation>) -> bool {
        let is_another = |up| to.is_some_and(|to| to != up);
        matches!(self.status, Status::Up { incarnation, .. } if is_another(incarnation))
    }

    /// Takes all that waits, and is not to leave. The caller drops it where no lock is held.
    fn take_frames(&mut self) -> impl Sized + use<> {
        (mem::take(&mut self.waiting), mem::take(&mut self.queue))
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use crate::call::call_with_message;
    use crate::call_error::CallErrorKind;
    use crate::message::{Down, Exit};
    use crate::process;

    use super::super::incoming::Connection;
    use super::super::loopback::{Peer, alone, left};
    use super::*;

    /// Only a failing test waits so long.
    const LONG: Duration = Duration::from_secs(20);

    /// Takes the message that has come first.
    #[track_caller]
    fn next<T: Any>() -> T {
        process::receive_timeout(LONG).expect("nothing has come").downcast().unwrap()
    }

    #[track_caller]
    fn assert_no_message() {
        assert_eq!(process::flush().len(), 0);
    }

    #[test]
    fn what_is_sent_while_a_node_is_dialled_leaves_in_order_when_it_is_up() {
        let peer = Peer::new("a_dial");
        peer.hold_dials();
        let there = peer.process(1);
        process::link(there);
        let monitor = process::monitor(there);
        process::send(there, 1);
        process::unlink(there);
        assert_eq!(peer.dials().len(), 1);
        let left = left(&peer.connect());
        let [
            Outgoing::Link { .. },
            Outgoing::Monitor { .. },
            Outgoing::Send { .. },
            Outgoing::Unlink { .. },
        ] = left[..]
        else {
            panic!("{left:?}")
        };
        let down = next::<Down>(); // The connection was dropped above.
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
        assert_eq!(peer.dials().len(), 0);
    }

    #[test]
    fn a_dial_that_fails_tells_those_who_have_waited_for_it() {
        let peer = Peer::new("a_failed_dial");
        peer.hold_dials();
        let there = peer.process(1);
        process::send(there, 1);
        process::link(there);
        let monitor = process::monitor(there);
        peer.last_dial().failed();
        assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
        let down = next::<Down>();
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
        DistEntry::of(peer.node).with_ties(|ties| assert!(ties.is_empty(), "{ties:?}"));
        assert_eq!(left(&peer.connect()).len(), 0);
    }

    /// What comes by the next connection must not come before the news of this one.
    #[test]
    fn a_node_is_not_dialled_again_before_it_is_told_that_a_dial_has_failed() {
        let peer = Peer::new("told_first");
        peer.hold_dials();
        let there = peer.process(1);
        let monitor = process::monitor(there);
        let dial = peer.last_dial();
        let cut = dial.give_up().unwrap();
        process::send(there, 1);
        assert_eq!(peer.dials().len(), 0);
        assert!(DistEntry::of(peer.node).up(peer.incarnation(1), Arc::new(|| {})).is_err());
        assert!(dial.give_up().is_none());
        drop(cut);
        dial.told().run();
        assert_eq!(peer.dials().len(), 1);
        assert_eq!(left(&peer.connect()).len(), 1);
        _ = process::demonitor(monitor);
    }

    #[test]
    fn a_dial_that_fails_is_nothing_to_a_connection() {
        let peer = Peer::new("dialled_from_there");
        peer.hold_dials();
        let there = peer.process(1);
        process::link(there);
        let connection = peer.connect();
        peer.last_dial().failed();
        assert_no_message();
        drop(connection);
        assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
    }

    #[test]
    fn a_dial_that_fails_late_is_nothing_to_the_next_one() {
        let peer = Peer::new("a_late_failure");
        peer.hold_dials();
        let there = peer.process(1);
        let first = process::monitor(there);
        let dial = peer.last_dial();
        drop(peer.connect());
        assert_eq!(next::<Down>().monitor, first);
        let second = process::monitor(there);
        assert!(!dial.is_under_way());
        dial.failed();
        assert_no_message();
        peer.last_dial().failed();
        assert_eq!(next::<Down>().monitor, second);
    }

    /// What has become of the dials of a carrier when that is gone nobody would tell.
    #[test]
    fn a_carrier_that_goes_gives_up_its_dials() {
        let peer = Peer::new("a_carrier");
        peer.hold_dials();
        let there = peer.process(1);
        process::link(there);
        let monitor = process::monitor(there);
        drop(peer);
        let alone = alone();
        assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
        let down = next::<Down>();
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
        drop(alone);
        assert_eq!(left(&Peer::new("a_carrier").connect()).len(), 0);
    }

    #[test]
    fn a_dial_for_which_the_carrier_goes_in_between_fails() {
        let peer = Peer::new("in_between_carriers");
        let (entry, to) = (DistEntry::of(peer.node), Some(peer.incarnation(1)));
        drop(peer);
        let begin = |unheard: bool| {
            let alone = unheard.then(alone);
            let monitor = MonitorRef::new(process::self_pid());
            let after = entry.reach(to, Vec::new(), |ties| {
                ties.monitor(monitor, to, Destination::Pid(monitor.owner));
                true
            });
            let alone = alone.or_else(|| Some(self::alone()));
            after.unwrap().run();
            entry.with_ties(|ties| assert!(ties.is_empty(), "{ties:?}"));
            drop(alone);
        };
        begin(true); // The last look for dials was before this one.
        begin(false);
    }

    #[test]
    fn a_node_that_comes_up_anew_has_none_of_its_old_processes() {
        let peer = Peer::new("restarted");
        peer.hold_dials();
        let [old, new] = [1, 2].map(|creation| Pid::remote(peer.incarnation(creation), 1, 0));
        process::link(old);
        process::link(new);
        let monitor = process::monitor(old);
        process::send(old, 1);
        process::send(new, 2);
        let connection = Connection::up(peer.incarnation(2), Arc::new(|| {})).unwrap();
        assert_eq!(next::<Exit>(), Exit { from: old, reason: ExitReason::NoProc });
        let down = next::<Down>();
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoProc));
        let gone = left(&connection);
        let [Outgoing::Link { .. }, Outgoing::Send { to, .. }] = &gone[..] else {
            panic!("{gone:?}")
        };
        assert_eq!(*to, Target::Pid(new));

        process::link(old);
        process::send(old, 1);
        process::exit(old, ExitReason::new("bored"));
        assert_eq!(next::<Exit>(), Exit { from: old, reason: ExitReason::NoProc });
        assert_eq!(process::join(old, LONG), Some(ExitReason::NoProc));
        let call = call_with_message::<()>(&old, LONG, |_| Message::new("a request"));
        assert_eq!(call, Err(CallErrorKind::NoProc));
        assert_eq!(left(&connection).len(), 0);
        assert_eq!(peer.dials().len(), 1);
    }

    #[test]
    fn what_waits_for_a_name_is_for_whichever_life_of_the_node_comes_up() {
        let peer = Peer::new("named");
        peer.hold_dials();
        let name = ("logger", peer.node);
        let monitor = process::monitor(name);
        process::send(name, 1);
        let old = process::monitor(peer.process(1));
        let connection = Connection::up(peer.incarnation(2), Arc::new(|| {})).unwrap();
        let down = next::<Down>();
        assert_eq!((down.monitor, down.reason), (old, ExitReason::NoProc));
        let gone = left(&connection);
        let [Outgoing::Monitor { .. }, Outgoing::Send { .. }] = gone[..] else {
            panic!("{gone:?}")
        };
        assert_no_message();
        drop(connection);
        let down = next::<Down>();
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
        assert_eq!(down.object, Destination::from(name));
    }

    // OTP 25, run: a monitor of a pid of ours from before the node was restarted is a `noproc`.
    #[test]
    fn processes_of_an_earlier_life_of_this_node_are_not_there() {
        let peer = Peer::new("earlier");
        let earlier = Pid::remote(Incarnation::of(Node::local(), 7).unwrap(), 1, 0);
        assert_eq!(earlier.node(), Node::local());
        process::send(earlier, 1);
        process::exit(earlier, ExitReason::Kill);
        process::link(earlier);
        assert_eq!(next::<Exit>(), Exit { from: earlier, reason: ExitReason::NoProc });
        process::unlink(earlier);
        assert_eq!(process::join(earlier, LONG), Some(ExitReason::NoProc));
        assert_no_message();
        assert_eq!(peer.dials().len(), 0);
    }

    #[test]
    fn there_is_one_connection_at_a_time() {
        let peer = Peer::new("one_at_a_time");
        let connection = peer.connect();
        assert!(Connection::up(peer.incarnation(2), Arc::new(|| {})).is_err());
        let frames = connection.frames();
        drop(connection);
        assert!(frames.take().is_none());
        let next = peer.connect();
        process::send(peer.process(1), 1);
        assert!(frames.take().is_none(), "it is another connection's");
        assert_eq!(left(&next).len(), 1);
    }

    #[test]
    fn the_writer_is_woken_for_the_first_frame() {
        let peer = Peer::new("woken");
        let woken = Arc::new(AtomicUsize::new(0));
        let wake = Arc::clone(&woken);
        let wake = Arc::new(move || _ = wake.fetch_add(1, Ordering::Relaxed));
        let connection = Connection::up(peer.incarnation(1), wake).unwrap();
        for round in 1..=3 {
            process::send(peer.process(1), 1);
            process::send(peer.process(1), 2);
            assert_eq!(woken.load(Ordering::Relaxed), round);
            assert_eq!(left(&connection).len(), 2);
        }
    }

    #[test]
    fn the_writer_is_woken_when_the_connection_is_lost() {
        let peer = Peer::new("woken_at_a_loss");
        let woken = Arc::new(AtomicUsize::new(0));
        let wake = Arc::clone(&woken);
        let wake = Arc::new(move || _ = wake.fetch_add(1, Ordering::Relaxed));
        let connection = Connection::up(peer.incarnation(1), wake).unwrap();
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        drop(connection);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(Arc::strong_count(&woken), 1, "it is kept");
    }

    /// Asserts that the lock of its node is free when it is dropped.
    struct Unlocked(&'static DistEntry);

    impl Drop for Unlocked {
        fn drop(&mut self) {
            assert!(self.0.is_unlocked());
        }
    }

    #[test]
    fn what_is_not_used_is_dropped_without_a_lock() {
        let peer = Peer::new("not_used");
        let entry = DistEntry::of(peer.node);
        let unlocked = Unlocked(entry);
        let wake = Arc::new(move || _ = &unlocked);
        let connection = Connection::up(peer.incarnation(2), wake).unwrap();
        let reach = |to| {
            let unlocked = Unlocked(entry);
            let change = move |_: &mut RemoteTies| {
                mem::forget(unlocked);
                false
            };
            entry.reach(Some(peer.incarnation(to)), Vec::new(), change).is_ok()
        };
        assert!(reach(2));
        assert!(!reach(1));
        let unlocked = Unlocked(entry);
        entry.tell(Some(peer.incarnation(1)), Vec::new(), move |_| {
            mem::forget(unlocked);
            false
        });
        drop(connection);
    }

    // OTP 25, run: `noconnection` from a node that is not alive.
    #[test]
    fn without_other_nodes_there_is_no_connection() {
        let there = Peer::new("alone").process(1);
        let _alone = alone();
        process::send(there, "into the void");
        process::exit(there, ExitReason::new("bored"));
        process::unlink(there);
        process::link(there);
        let reason = ExitReason::NoConnection;
        assert_eq!(next::<Exit>(), Exit { from: there, reason: reason.clone() });
        assert_eq!(process::join(there, LONG), Some(reason.clone()));
        let call = call_with_message::<()>(&there, LONG, |_| Message::new("a request"));
        assert_eq!(call, Err(CallErrorKind::NodeDown(there.node())));
        assert_no_message();
    }
}
