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
//! the program's code. Who finds that nobody is [`writing`] what is queued wakes the writer, or
//! writes that itself, when the lock is free again.
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
//! connection is given up. What those send who have waited does not count for that.

mod frame;
mod room;
mod writing;
mod dial;
mod shown;

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

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
pub(crate) use frame::Frame;

use room::{Haste, Room, let_go};
pub(crate) use room::{Manner, Turn};
pub(crate) use shown::{Look, Traffic, look_at_connected};
use writing::{Direct, Writing};
pub(crate) use writing::{Taken, count_whole};

/// What carries the frames of one connection. It is told what to do where no lock is held, and does
/// not wait.
///
/// OTP: the distribution controller.
pub(crate) trait Controller: Send + Sync {
    fn node_type(&self) -> NodeType;

    /// There are frames to be taken, or the connection is lost.
    fn wake(&self);

    /// There are frames to be taken in a moment.
    fn wake_later(&self) {
        self.wake();
    }

    /// Returns whether senders [write](Self::write) themselves; otherwise only the writer can.
    fn writes(&self) -> bool {
        false
    }

    /// Writes what does not have to wait, in order, and returns how many bytes that are: none if it
    /// fails, as the writer is to find out why.
    fn write(&self, frames: &[Frame]) -> usize {
        unreachable!("{} frames are the writer's to write", frames.len())
    }

    /// More waits to be written than is kept for a node: the connection is to be lost.
    fn give_up(&self);

    /// Returns what has gone by the connection so far.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
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
    /// What waits to be written.
    queue: Vec<Frame>,
    /// What both of these take.
    room: Room,
    writing: Writing,
    /// Whose request was queued last, or an answer to whom.
    last_client: Option<Pid>,
    /// Whether the writer has been told that something is to leave later, and has not looked since.
    is_writer_told: bool,
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
        since: Instant,
        /// Nothing more is queued: the controller has been told to give up, or what is queued is
        /// the last that leaves.
        is_closed: bool,
    },
    /// Those are being told that the connection is lost, or the dial has failed, whom that
    /// concerns.
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
        (frame, manner): (Frame, impl Into<Manner>),
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
        let after = self.act(&mut state, to, (frame, manner), change);
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
        (frame, manner): (Frame, impl Into<Manner>),
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> After {
        if !change(&mut state.ties) {
            return After::Nothing;
        }
        if matches!(state.status, Status::Up { is_closed: true, .. }) {
            return After::Nothing;
        }
        let Manner { turn, haste } = manner.into();
        let is_too_much = !state.room.take(&frame, turn);
        match &mut state.status {
            Status::Up { controller, is_closed, .. } if is_too_much => {
                *is_closed = true;
                After::GiveUp(Arc::clone(controller))
            }
            Status::Up { controller, .. } => {
                state.queue.push(frame);
                let controller = Arc::clone(controller);
                self.have_written(state, haste, controller)
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

    /// Sees that what was queued is written, by the sender if it is to leave at once. That is left
    /// to the writer, too, if it is more than there is room for, which takes a while; and if the
    /// request or answer before was another client's: with several of them under way the writer
    /// takes more than one at a time.
    fn have_written(
        &'static self,
        state: &mut State,
        haste: Haste,
        controller: Arc<dyn Controller>,
    ) -> After {
        let is_alone = match haste {
            Haste::Now(client) => state.last_client.replace(client) == Some(client),
            Haste::Soon | Haste::Later => false,
        };
        if state.writing != Writing::Nobody {
            return After::Nothing;
        }
        match if state.room.is_busy() { Haste::Soon } else { haste } {
            Haste::Now(_) if is_alone && controller.writes() => {
                After::Write(Direct::begin(self, state, controller))
            }
            Haste::Now(_) | Haste::Soon => {
                state.writing = Writing::Writer;
                After::Wake(controller)
            }
            Haste::Later if state.is_writer_told => After::Nothing,
            Haste::Later => {
                state.is_writer_told = true;
                After::WakeLater(controller)
            }
        }
    }

    /// As [`reach`](Self::reach), but if there is no connection nothing happens: then there is no
    /// tie either.
    pub(crate) fn tell(
        &'static self,
        to: Option<Incarnation>,
        (frame, manner): (Frame, impl Into<Manner>),
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) {
        let mut state = self.state.lock();
        if !matches!(state.status, Status::Down) && !state.is_with_another(to) {
            let after = self.act(&mut state, to, (frame, manner), change);
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
        (outgoing, manner): (Outgoing, impl Into<Manner>),
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<(), Unsent> {
        match carrier() {
            Some(carrier) => self.tell(to, (carrier.frame(outgoing)?, manner), change),
            None => drop_caught(outgoing),
        }
        Ok(())
    }

    /// Queues what is no signal for the writer of a connection, unless that is lost.
    pub(crate) fn queue(&'static self, connection: u64, frame: Frame) {
        let mut state = self.state.lock();
        if state.is_up(connection) {
            let after = self.act(&mut state, None, (frame, Turn::Regardless), |_| true);
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
        state.status =
            Status::Up { incarnation, controller, since: Instant::now(), is_closed: false };
        state.connections += 1;
        // It writes first what tells the other node that it is connected.
        (state.writing, state.is_writer_told) = (Writing::Writer, false);
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
    pub(crate) fn take_frames(&self, connection: u64) -> Option<Taken> {
        let mut state = self.state.lock();
        if !state.is_up(connection) {
            return None;
        }
        state.is_writer_told = false;
        if let Writing::Sender { is_awaited } = &mut state.writing {
            *is_awaited = true;
            return Some(Taken { frames: Vec::new(), is_all: false });
        }
        let frames = mem::take(&mut state.queue);
        state.writing = if frames.is_empty() { Writing::Nobody } else { Writing::Writer };
        let senders = state.room.clear(Decision::Served);
        drop(state);
        let_go(senders);
        Some(Taken { frames, is_all: true })
    }

    /// Has nothing more queued for a connection: what is queued is the last that leaves by it. So
    /// senders that go on cannot keep its writer from its end.
    pub(crate) fn finish(&self, connection: u64) {
        let mut state = self.state.lock();
        if state.connections == connection
            && let Status::Up { is_closed, .. } = &mut state.status
        {
            *is_closed = true;
        }
    }

    /// Says why the connection that is up is about to be lost, unless that is known.
    pub(crate) fn explain_loss(&self, reason: NodeDownReason) {
        self.state.lock().explain_loss(reason);
    }

    /// The same, of the connection with this number.
    pub(crate) fn explain_loss_of(&self, connection: u64, reason: NodeDownReason) {
        let mut state = self.state.lock();
        if state.is_up(connection) {
            state.explain_loss(reason);
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

    /// Says why the connection that is up, if there is one, is about to be lost, unless that is
    /// known.
    fn explain_loss(&mut self, reason: NodeDownReason) {
        if matches!(self.status, Status::Up { .. }) {
            self.reason.get_or_insert(reason);
        }
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
mod tests;
