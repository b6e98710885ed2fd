//! Sending messages.

use std::any::{Any, TypeId};
use std::error::Error;
use std::fmt;
use std::hash::Hash;

use crate::id::{Alias, Pid};
use crate::message::{Destination, Message, Name};
use crate::runtime::address::deliver;
use crate::runtime::mailbox::{Orphans, Signal};
use crate::runtime::table::Process;
use crate::user_code::drop_caught;

use super::current::{ending, has_told_end};

/// A destination that always leads to the same process: a [`Pid`], an [`Alias`], or the reference
/// of a server that was started.
///
/// If that process has ended, sending to it is no error: the sender cannot know in time.
pub trait ToProcess: Into<Destination> {}

impl ToProcess for Pid {}

impl ToProcess for Alias {}

/// The address that the reference of a server holds: a [`Pid`], a [`Name`] or any [`Destination`].
pub trait Address: Clone + Eq + Hash + fmt::Debug + Into<Destination> + sealed::Sealed {
    /// Returns the process that this leads to now.
    #[doc(hidden)]
    fn find(&self) -> Option<Pid>;

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
            Ok(sent) => sent.unwrap_or_else(Orphans::drop_caught),
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
        }
    }

    fn post(&self, message: Message) {
        self.send(message);
    }
}

/// Sends `message` to a process, and does not wait.
///
/// Messages from one process to another arrive in the order in which they were sent, whether by
/// pid, alias or name; between messages of different senders there is no order. A message to a
/// process that has ended, or to an alias that is not active, is dropped.
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
    let name = match to.into() {
        Destination::Name(name) => name,
        to @ (Destination::Pid(_) | Destination::Alias(_)) => {
            to.send(Message::new(message));
            return Ok(());
        }
    };
    match name.send_as_caller(Message::new(message)) {
        Ok(sent) => {
            sent.unwrap_or_else(Orphans::drop_caught);
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
        match &self.name {
            Name::Local(name) => write!(f, "no process is registered as {name:?}"),
            Name::Via(name) => write!(f, "no process is registered as {name}"),
        }
    }
}

impl<M> Error for SendError<M> {}

impl Name {
    /// Sends a message from the caller. If the process that has the name is just ending, returns
    /// what must be dropped.
    ///
    /// # Errors
    ///
    /// Returns the message if no process has the name, or if the end of the caller has been told.
    fn send_as_caller(&self, message: Message) -> Result<Result<(), Orphans>, Message> {
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
                Err(message) => Err(Orphans::from(Signal::Message(message))),
            },
        };
        if let Err(orphans) = sent {
            orphans.drop_caught();
        }
    }
}
