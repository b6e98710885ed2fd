//! Sending messages.

use std::any::{Any, TypeId};
use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use crate::id::{Alias, Node, Pid, unique};
use crate::message::{Destination, Message, Name};
use crate::runtime::address::{Undone, deliver, holder_on};
use crate::runtime::backoff::{self, Parked, WaitFor};
use crate::runtime::bound::{Bound, Decision, Overflow};
use crate::runtime::mailbox::{Orphans, Signal};
use crate::runtime::overload::{give_up, note_refused};
use crate::runtime::parked::ParkedFor;
use crate::runtime::remote::{self, Next, Remote};
use crate::runtime::table::Process;
#[cfg(feature = "dist")]
use crate::term::ExternalRef;
use crate::user_code::{Guarded, drop_caught};

use super::current::{Ended, current, ending, has_told_end};
use super::receive::{deadline_after, is_past};

/// A destination that always leads to the same process: a [`Pid`], an [`Alias`], or the reference
/// of a server that was started. Or a name on a node, `("logger", node)`, or with the feature
/// `dist` an alias of another node, `ExternalRef`.
///
/// If that process has ended, or if there is none on that node, sending to it is no error: the
/// sender cannot know in time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not always lead to one process",
    label = "this is not a `Pid`, an `Alias`, or the reference of a server that was started",
    note = "to a name, or to any destination, a message is sent by `process::send_to`, or \
            `try_send_to`, which return an error if no process has the name"
)]
pub trait ToProcess: Into<Destination> {}

impl ToProcess for Pid {}

impl ToProcess for Alias {}

impl<N: Into<Arc<str>>> ToProcess for (N, Node) {}

#[cfg(feature = "dist")]
impl ToProcess for ExternalRef {}

/// The address that the reference of a server holds: a [`Pid`], a [`Name`] or any [`Destination`].
pub trait Address: Clone + Eq + Hash + fmt::Debug + Into<Destination> + sealed::Sealed {
    /// Returns the process that this leads to now, if that is known here.
    #[doc(hidden)]
    fn find(&self) -> Option<Pid>;

    /// Returns whether that is looked up on another node.
    #[doc(hidden)]
    fn is_elsewhere(&self) -> bool {
        false
    }

    /// Sends a message from the caller, which is dropped if there is no such process.
    #[doc(hidden)]
    fn post(&self, message: Message);
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed {}

    impl Sealed for crate::id::Pid {}
    impl Sealed for crate::message::Name {}
    impl Sealed for crate::message::Destination {}
}

impl Address for Pid {
    #[inline]
    fn find(&self) -> Option<Pid> {
        Some(*self)
    }

    #[inline]
    fn post(&self, message: Message) {
        Destination::Pid(*self).send(message);
    }
}

impl Address for Name {
    fn find(&self) -> Option<Pid> {
        if has_told_end() { None } else { self.resolve() }
    }

    fn post(&self, message: Message) {
        match self.send_as_caller(message) {
            Ok(sent) => sent.unwrap_or_else(follow_policy),
            Err(message) => drop_caught(message),
        }
    }
}

impl Address for Destination {
    fn find(&self) -> Option<Pid> {
        match self {
            Destination::Pid(pid) => Some(*pid),
            Destination::Alias(alias) => {
                let links = Process::of(alias.owner).slot.links.lock();
                links.has_alias(alias.id).then_some(alias.owner)
            }
            Destination::Name(name) => name.find(),
            Destination::OnNode(name, node) => holder_on(name, *node),
            #[cfg(feature = "dist")]
            Destination::Reference(_) => None,
        }
    }

    fn is_elsewhere(&self) -> bool {
        matches!(self, Destination::OnNode(_, node) if !node.is_here())
    }

    fn post(&self, message: Message) {
        self.send(message);
    }
}

/// Sends `message` to a process, and does not wait, unless the receiver wants that.
///
/// A receiver whose mailbox is [bounded](super#bounded-mailboxes) decides by its policy what
/// happens when there is no room: the message is dropped, or this waits for room. If the receiver
/// is a process of another node, this waits while more than 1 MiB waits to be sent to that node.
///
/// Messages from one process to another arrive in the order in which they were sent, whether by
/// pid, alias or name; between messages of different senders there is no order. A message to a
/// process that has ended, or to an alias that is not active, is dropped. So is one to a name on a
/// node, `("logger", node)`, that no process has there.
///
/// OTP: [`erlang:send/2`](https://www.erlang.org/doc/apps/erts/erlang.html#send/2).
///
/// ```
/// use procession::process;
///
/// process::send(process::self_pid(), 1_u8);
/// assert!(process::receive().is::<u8>());
/// ```
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn send<M: Any + Send + fmt::Debug>(to: impl ToProcess, message: M) {
    to.into().send(Message::new(message));
}

/// Sends `message` to a process, whatever room there is in its mailbox. The caller does not wait,
/// and does not end here even if it was killed, as others rely on this message.
pub(crate) fn send_regardless<M: Any + Send + fmt::Debug>(to: Pid, message: M) {
    deliver(to, Signal::Message(Message::new(message)));
}

/// Sends `message` to any destination, and does not wait: as [`send`], but with an error if no
/// process has the name.
///
/// OTP: [`erlang:send/2`](https://www.erlang.org/doc/apps/erts/erlang.html#send/2).
///
/// ```
/// use procession::process;
///
/// let refused = process::send_to("send_to::nobody", 2_u8).unwrap_err();
/// assert_eq!(refused.message, 2);
/// assert_eq!(refused.to_string(), "no process is registered as \"send_to::nobody\"");
/// ```
///
/// # Errors
///
/// Returns a [`SendError`], which holds the message, if `to` is a name and no process has it. For a
/// name of a [registrar](crate::Registrar), the registrar decides whether there is an error.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn send_to<M: Any + Send + fmt::Debug>(
    to: impl Into<Destination>,
    message: M,
) -> Result<(), SendError<M>> {
    let to = to.into();
    let Destination::Name(name) = to else {
        to.send(Message::new(message));
        return Ok(());
    };
    match name.send_as_caller(Message::new(message)) {
        Ok(sent) => {
            sent.unwrap_or_else(follow_policy);
            Ok(())
        }
        Err(mut message) if message.is::<M>() || TypeId::of::<M>() == TypeId::of::<Message>() => {
            Err(SendError { name, message: message.open() })
        }
        Err(message) => {
            drop_caught(message); // A registrar has returned another message.
            Ok(())
        }
    }
}

/// Sends `message` to a process if there is room for it, and does not wait.
///
/// If the mailbox of the process is [bounded](super#bounded-mailboxes) and full, the error hands
/// the message back, unless the policy of the mailbox is to drop a message; it does so, too, if
/// more than 1 MiB waits to be sent to the node of the process. Otherwise this is as [`send`]: a
/// message to a process that has ended is dropped, which is no error.
///
/// ```
/// use procession::prelude::*;
/// use procession::process::{Builder, Overflow, TrySendError};
///
/// let builder = Builder::new().mailbox_capacity(1, Overflow::Refuse);
/// let printer = builder.spawn(|| receive! { () => {} })?; // It is out of paper.
/// assert_eq!(process::try_send(printer, "page 1"), Ok(()));
/// let refused = process::try_send(printer, "page 2");
/// assert_eq!(refused, Err(TrySendError::Full { process: printer, message: "page 2" }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`TrySendError::Full`] if there is no room, [`TrySendError::Busy`] if there is none on
/// the connection with another node.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn try_send<M: Any + Send + fmt::Debug>(
    to: impl ToProcess,
    message: M,
) -> Result<(), TrySendError<M>> {
    try_send_to(to, message)
}

/// As [`try_send`], to any destination.
///
/// A name of a [registrar](crate::Registrar) is looked up, and the message is sent to the process
/// that has it, not through the registrar.
///
/// # Errors
///
/// As [`try_send`]; and [`TrySendError::NoName`] if `to` is a name and no process has it.
///
/// # Panics
///
/// As [`try_send`].
pub fn try_send_to<M: Any + Send + fmt::Debug>(
    to: impl Into<Destination>,
    message: M,
) -> Result<(), TrySendError<M>> {
    send_timeout(to, message, Duration::ZERO)
}

/// As [`try_send_to`], but waits for room if there is none, for at most `timeout`; it does so
/// whether the policy of the mailbox is to refuse messages or to block their senders.
///
/// The wait is as any of this module: exit signals and kill reach the caller, and those that wait
/// are served in turn. [`Duration::MAX`] means for as long as the receiver lives. If it would wait
/// for itself, for a process that waits for it, or is ending, it does not wait.
///
/// ```
/// use procession::prelude::*;
/// use procession::process::{Builder, Overflow};
/// use std::time::Duration;
///
/// let builder = Builder::new().mailbox_capacity(1, Overflow::Refuse);
/// let adder = builder.spawn(|| {
///     let mut total = 0;
///     loop {
///         receive! {
///             n: u32 => total += n,
///             reply_to: Pid => process::send(reply_to, total),
///         }
///     }
/// })?;
/// for n in 1..=100_u32 {
///     process::send_timeout(adder, n, Duration::from_secs(5))?;
/// }
/// process::send_timeout(adder, process::self_pid(), Duration::from_secs(5))?;
/// receive! { total: u32 => assert_eq!(total, 5050) }
/// # process::exit(adder, ExitReason::Shutdown);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`try_send_to`].
///
/// # Panics
///
/// As [`try_send`].
pub fn send_timeout<M: Any + Send + fmt::Debug>(
    to: impl Into<Destination>,
    message: M,
    timeout: Duration,
) -> Result<(), TrySendError<M>> {
    let sent = to.into().send_within(Message::new(message), timeout);
    sent.map_err(|unsent| unsent.open(|mut message| message.open()))
}

/// Error returned from sending a message that must not be lost. It holds the message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// There is no room in the mailbox of this process.
    Full {
        /// The process.
        process: Pid,
        /// The message, which was not sent.
        message: M,
    },
    /// The connection with this node has no room: too much waits to be sent there. Without the
    /// feature `dist` there are no such nodes.
    Busy {
        /// The node.
        node: Node,
        /// The message, which was not sent.
        message: M,
    },
    /// No process has this name.
    NoName {
        /// The name.
        name: Name,
        /// The message, which was not sent.
        message: M,
    },
}

impl<M> TrySendError<M> {
    /// Returns the message, which was not sent.
    pub fn into_message(self) -> M {
        match self {
            Self::Full { message, .. }
            | Self::Busy { message, .. }
            | Self::NoName { message, .. } => message,
        }
    }

    /// Returns whether there was no room for the message.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Busy { .. })
    }
}

impl<M> fmt::Debug for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { process, .. } => {
                f.debug_struct("Full").field("process", process).finish_non_exhaustive()
            }
            Self::Busy { node, .. } => {
                f.debug_struct("Busy").field("node", node).finish_non_exhaustive()
            }
            Self::NoName { name, .. } => {
                f.debug_struct("NoName").field("name", name).finish_non_exhaustive()
            }
        }
    }
}

impl<M> fmt::Display for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { process, .. } => write!(f, "the mailbox of {process} is full"),
            Self::Busy { node, .. } => write!(f, "the connection with {node} is busy"),
            Self::NoName { name, .. } => fmt_no_name(name, f),
        }
    }
}

impl<M> Error for TrySendError<M> {}

/// Error returned from sending to a name that no process has. It holds the message.
#[derive(Clone, PartialEq, Eq)]
pub struct SendError<M> {
    /// The name.
    pub name: Name,
    /// The message, which was not sent.
    pub message: M,
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_no_name(&self.name, f)
    }
}

fn fmt_no_name(name: &Name, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match name {
        Name::Local(name) => write!(f, "no process is registered as {name:?}"),
        Name::Via(name) => write!(f, "no process is registered as {name}"),
    }
}

impl<M> Error for SendError<M> {}

impl Name {
    /// Sends a message from the caller. Returns what is left to do.
    ///
    /// # Errors
    ///
    /// Returns the message if no process has the name, or if the end of the caller has been told.
    fn send_as_caller(&self, message: Message) -> Result<Result<(), Undone>, Message> {
        match ending() {
            None => self.send(message),
            Some(process) => match process.may_act_holding_or_unwind(message) {
                Ok(message) if !process.has_told_end() => self.send(message),
                Ok(message) | Err(message) => Err(message),
            },
        }
    }
}

impl Destination {
    /// Sends a message from the caller, which is dropped if there is no such process.
    #[inline]
    pub(crate) fn send(&self, message: Message) {
        let sent = match (self, ending()) {
            (Destination::Name(name), Some(_)) => return name.post(message),
            (_, None) => self.try_send(message),
            (_, Some(process)) => match process.may_act_holding_or_unwind(message) {
                Ok(message) => self.try_send(message),
                Err(message) => Err(Undone::Orphans(Orphans::from(Signal::Message(message)))),
            },
        };
        if let Err(undone) = sent {
            follow_policy(undone);
        }
    }

    /// Sends a message from the caller, which waits for room at most for `timeout`. It is dropped
    /// if the process has ended.
    ///
    /// # Errors
    ///
    /// The message, if no process has the name, or if there is no room.
    pub(crate) fn send_within(&self, message: Message, timeout: Duration) -> Result<(), Unsent> {
        let sent = self.attempt(message, timeout);
        if let Err(Unsent::Full(pid, _)) = &sent {
            note_refused(*pid);
        }
        sent
    }

    /// As [`send_within`](Self::send_within), but nobody is told that there is no room.
    fn attempt(&self, message: Message, timeout: Duration) -> Result<(), Unsent> {
        let message = match ending() {
            None => message,
            Some(process) => match process.may_act_holding_or_unwind(message) {
                Ok(message) => message,
                Err(message) => {
                    drop_caught(message);
                    return Ok(());
                }
            },
        };
        let sent = match self {
            Destination::Pid(_) | Destination::Alias(_) | Destination::OnNode(..) => {
                self.try_send(message)
            }
            #[cfg(feature = "dist")]
            Destination::Reference(_) => self.try_send(message),
            Destination::Name(name) => {
                let message = Guarded::new(message); // A registrar is code of the program's.
                let found = name.find();
                let message = message.into_inner();
                match found {
                    Some(pid) => Destination::Pid(pid).try_send(message),
                    None => return Err(Unsent::NoName(name.clone(), message)),
                }
            }
        };
        match sent.or_else(|undone| undone.wait(timeout)) {
            Ok(()) => Ok(()),
            Err(Undone::Full(pid, message)) => Err(Unsent::Full(pid, message)),
            Err(Undone::Busy(to, message)) => Err(Unsent::Busy(to, message)),
            Err(undone @ (Undone::Orphans(_) | Undone::Dropped(..))) => {
                give_up(undone).drop_caught();
                Ok(())
            }
        }
    }

    /// As [`send`](Self::send), for a process that others wait for: if there is no room in the
    /// mailbox, the message is dropped at once.
    pub(crate) fn notify(&self, message: Message) {
        match self.attempt(message, Duration::ZERO) {
            Ok(()) => {}
            Err(Unsent::NoName(_, message)) => drop_caught(message),
            Err(Unsent::Full(pid, message)) => {
                give_up(Undone::Full(pid, message)).drop_caught();
            }
            Err(Unsent::Busy(to, message)) => to.send(message),
        }
    }

    /// As [`notify`](Self::notify), but a process of a node that this one is not connected with
    /// gets nothing.
    ///
    /// OTP: the option `noconnect` of `erlang:send/3`.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn notify_connected(&self, message: Message) {
        match Remote::of(self.resolve(), self) {
            None => self.notify(message),
            Some(remote) => {
                if let Err(unsent) = remote.request(message, Next::GoOn) {
                    unsent.log();
                }
            }
        }
    }
}

/// A message that was not sent.
pub(crate) enum Unsent {
    NoName(Name, Message),
    Full(Pid, Message),
    Busy(Remote, Message),
}

impl Unsent {
    /// Returns the error, with the message as `open` takes it out.
    pub(crate) fn open<M>(self, open: impl FnOnce(Message) -> M) -> TrySendError<M> {
        match self {
            Unsent::NoName(name, message) => TrySendError::NoName { name, message: open(message) },
            Unsent::Full(process, message) => {
                TrySendError::Full { process, message: open(message) }
            }
            Unsent::Busy(to, message) => {
                TrySendError::Busy { node: to.node(), message: open(message) }
            }
        }
    }
}

/// Sends a message from the caller that its receiver waits for: it needs no room.
pub(crate) fn answer(to: Pid, message: Message) {
    let message = match ending() {
        None => message,
        Some(process) => match process.may_act_holding_or_unwind(message) {
            Ok(message) => message,
            Err(message) => return drop_caught(message),
        },
    };
    deliver(to, Signal::Message(message));
}

/// Does what is left to do for a message of the caller's, as the policy of the mailbox says.
#[cold]
fn follow_policy(undone: Undone) {
    let timeout = match undone {
        Undone::Full(pid, _) => match Process::of(pid).slot.mailbox.bound().map(Bound::overflow) {
            Some(Overflow::Block(timeout)) => timeout,
            Some(Overflow::Refuse | Overflow::DropOldest | Overflow::DropNewest) | None => {
                Duration::ZERO
            }
        },
        Undone::Busy(..) => Duration::MAX,
        Undone::Orphans(_) | Undone::Dropped(..) => Duration::ZERO,
    };
    if let Err(undone) = undone.wait(timeout) {
        give_up(undone).drop_caught();
    }
}

impl Undone {
    /// Waits until there is room for the message, for at most `timeout`, and sends it.
    ///
    /// # Errors
    ///
    /// What is left to do then.
    #[cold]
    fn wait(self, timeout: Duration) -> Result<(), Undone> {
        match self {
            Undone::Full(to, message) if !timeout.is_zero() => {
                current().send_in_turn(Process::of(to), message, timeout)
            }
            Undone::Busy(to, message) if !timeout.is_zero() => {
                current().send_when_there_is_room(to, message, timeout)
            }
            Undone::Full(..) | Undone::Busy(..) | Undone::Orphans(_) | Undone::Dropped(..) => {
                Err(self)
            }
        }
    }
}

impl Process {
    /// Waits for room, for at most `timeout`, and sends a message: for the caller, which is this
    /// process. It does not wait if it would do so in vain.
    fn send_in_turn(self, to: Process, message: Message, timeout: Duration) -> Result<(), Undone> {
        let message = Guarded::new(message); // A signal may end the caller meanwhile.
        let full = |message: Guarded<_>| Err(Undone::Full(to.pid, message.into_inner()));
        let generation = to.pid.generation();
        // One that waits makes no room.
        if self.pid == to.pid || self.may_block().is_err() {
            return full(message);
        }
        let wait = unique();
        let (Some(bound), Ok(_waiting)) = (to.slot.mailbox.bound(), self.wait_for(to.pid, wait))
        else {
            return full(message);
        };
        let queued = bound.queue_up(generation, self.slot, wait, || to.is_running());
        _ = self.await_decision(ParkedFor::Room, || queued.decision(), timeout);
        match queued.leave() {
            Decision::Served => {
                let sent = to.slot.deliver_admitted(generation, message.into_inner());
                sent.map_err(Undone::Orphans)
            }
            Decision::SentAway => {
                let orphan = Signal::Message(message.into_inner());
                Err(Undone::Orphans(Orphans::from(orphan)))
            }
            Decision::None => full(message),
            Decision::Over => unreachable!("it has not left before"),
        }
    }

    /// As [`send_in_turn`](Self::send_in_turn), where the connection with the node of a process
    /// has no room.
    fn send_when_there_is_room(
        self,
        to: Remote,
        message: Message,
        timeout: Duration,
    ) -> Result<(), Undone> {
        let message = Guarded::new(message); // A signal may end the caller meanwhile.
        let decision = self.await_room(&to, timeout);
        let message = message.into_inner();
        match decision {
            Some(Decision::Served) => {
                to.send_in_turn(message);
                Ok(())
            }
            // The connection was lost.
            Some(Decision::SentAway) => {
                Err(Undone::Orphans(Orphans::from(Signal::Message(message))))
            }
            Some(Decision::None | Decision::Over) | None => Err(Undone::Busy(to, message)),
        }
    }

    /// Waits until the connection with the node of a process has room, for at most `timeout`: for
    /// the caller, which is this process. Returns what has been decided; `None` if the caller must
    /// not wait.
    fn await_room(self, to: &Remote, timeout: Duration) -> Option<Decision> {
        // A destructor is not to be held up by another node.
        if std::thread::panicking() || self.may_block().is_err() {
            return None;
        }
        let wait = |decision: &dyn Fn() -> Decision| {
            _ = self.await_decision(ParkedFor::Connection, decision, timeout);
        };
        Some(to.await_room(self.slot, wait))
    }

    /// Sends a request to a process of another node when there is room for it, for at most
    /// `timeout`: for the caller, which is this process and monitors the other one. It is dropped
    /// if the time is over, and if there is no connection, of which the monitor tells.
    ///
    /// # Errors
    ///
    /// If it does not travel.
    #[cold]
    pub(crate) fn request_when_there_is_room(
        self,
        to: Remote,
        request: Message,
        timeout: Duration,
        next: Next,
    ) -> Result<(), remote::Unsent> {
        let request = Guarded::new(request); // A signal may end the caller meanwhile.
        let is_busy = to.is_busy();
        let decision = if is_busy { self.await_room(&to, timeout) } else { Some(Decision::Served) };
        match decision {
            Some(Decision::Served) => to.request_in_turn(request.into_inner(), next),
            None => to.request(request.into_inner(), next),
            Some(Decision::SentAway | Decision::None | Decision::Over) => Ok(()),
        }
    }

    /// Waits until it is decided whether there is room for the caller, which is this process, for
    /// at most `timeout`.
    fn await_decision(
        self,
        wanted: ParkedFor,
        decision: impl Fn() -> Decision,
        timeout: Duration,
    ) -> Result<(), Ended> {
        let slot = self.slot;
        let is_decided = || decision() != Decision::None;
        let ready = || is_decided() || slot.is_called_off(self.pid.generation());
        let deadline = deadline_after(timeout);
        loop {
            slot.is_urgent(); // Resets the flag: everything that has arrived is sorted next.
            self.sort();
            self.may_block()?;
            if is_decided() || is_past(deadline) {
                return Ok(());
            }
            backoff::wait(
                WaitFor::Reply,
                || deadline,
                ready,
                |deadline| {
                    let has_arrivals = || slot.mailbox.has_arrivals();
                    let parked = slot.park_unless(wanted, deadline, || ready() || has_arrivals());
                    if is_decided() { parked } else { Parked::Otherwise }
                },
            );
        }
    }
}
