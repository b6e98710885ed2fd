//! Sending.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::id::{Alias, Pid};
use crate::message::{Message, Object, Via};
use crate::runtime::address::{self, Destination, deliver};
use crate::runtime::mailbox::{Orphans, Signal, Special};
use crate::runtime::names::NameError;
use crate::runtime::table::Process;
use crate::user_code::drop_caught;

use super::current::{ending, has_told_end};
use super::register::whereis;

/// What a message can be sent to: a [`Pid`], an [`Alias`], or the name of a process, be it one that
/// a registrar keeps, a [`Via`].
///
/// Sending to a pid or an alias returns nothing, as it is no error that the process has ended.
/// Sending to a name returns whether anybody has it.
pub trait Address: sealed::Sealed {
    /// What [`send`] returns.
    type Sent<M>;

    /// Does what [`send`] says.
    #[doc(hidden)]
    fn send<M: Any + Send + Debug>(self, message: M) -> Self::Sent<M>;

    /// What [`send`] does if the end of the caller has been told.
    #[doc(hidden)]
    fn refuse<M: Any + Send + Debug>(self, message: M) -> Self::Sent<M>;
}

/// Everything goes through [`send`], which asks first whether the caller may go on.
mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed {}

    impl Sealed for crate::id::Pid {}
    impl Sealed for crate::id::Alias {}
    impl Sealed for &str {}
    impl Sealed for &std::sync::Arc<str> {}
    impl Sealed for &crate::message::Via {}
}

/// Error returned from sending to a name that nobody has. It gives the message back.
#[derive(Clone, PartialEq, Eq)]
pub struct SendError<M> {
    /// The name.
    pub name: Arc<str>,
    /// What was not sent.
    pub message: M,
}

impl<M> Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&NameError { name: Arc::clone(&self.name) }, f)
    }
}

impl<M> Error for SendError<M> {}

/// Sends `message` to a process, and does not wait.
///
/// What one process sends to another arrives in the order it was sent, whether by pid, alias or
/// name; between messages of different senders there is no order. A process that has ended, or an
/// alias that is not active, takes no message: it is dropped.
///
/// To a name this returns a `Result`; see [`Address`].
///
/// OTP: [`erlang:send/2`](https://www.erlang.org/doc/apps/erts/erlang.html#send/2).
///
/// ```
/// use procession::process;
///
/// process::send(process::self_pid(), 1_u8);
/// assert!(process::receive().is::<u8>());
///
/// let back = process::send("send::nobody", 2_u8).unwrap_err();
/// assert_eq!(back.message, 2);
/// ```
///
/// # Errors
///
/// Only for a name: [`SendError`] if nobody has it; for a [`Via`] the [`Message`], given back.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn send<A: Address, M: Any + Send + Debug>(to: A, message: M) -> A::Sent<M> {
    // Not a receive point, except that a process that is to end sends no more.
    match ending() {
        None => to.send(message),
        Some(process) => match process.act_with(message) {
            Ok(message) => to.send(message),
            Err(message) => to.refuse(message),
        },
    }
}

impl Address for Pid {
    type Sent<M> = ();

    fn send<M: Any + Send + Debug>(self, message: M) {
        deliver(self, Signal::Message(Message::new(message)));
    }

    fn refuse<M: Any + Send + Debug>(self, message: M) {
        drop_caught(message);
    }
}

impl Address for Alias {
    type Sent<M> = ();

    fn send<M: Any + Send + Debug>(self, message: M) {
        deliver(self.owner, Special::Aliased(self.id, Message::new(message)).into());
    }

    fn refuse<M: Any + Send + Debug>(self, message: M) {
        drop_caught(message);
    }
}

impl Address for &str {
    type Sent<M> = Result<(), SendError<M>>;

    fn send<M: Any + Send + Debug>(self, message: M) -> Result<(), SendError<M>> {
        match whereis(self) {
            Some(pid) => {
                pid.send(message);
                Ok(())
            }
            None => self.refuse(message),
        }
    }

    fn refuse<M: Any + Send + Debug>(self, message: M) -> Result<(), SendError<M>> {
        Err(SendError { name: Arc::from(self), message })
    }
}

impl Address for &Arc<str> {
    type Sent<M> = Result<(), SendError<M>>;

    fn send<M: Any + Send + Debug>(self, message: M) -> Result<(), SendError<M>> {
        (**self).send(message)
    }

    fn refuse<M: Any + Send + Debug>(self, message: M) -> Result<(), SendError<M>> {
        (**self).refuse(message)
    }
}

impl Address for &Via {
    type Sent<M> = Result<(), Message>;

    fn send<M: Any + Send + Debug>(self, message: M) -> Result<(), Message> {
        Via::send(self, Message::new(message))
    }

    fn refuse<M: Any + Send + Debug>(self, message: M) -> Result<(), Message> {
        Err(Message::new(message))
    }
}

impl Destination {
    /// The process that would get a message which the caller sends now.
    pub(crate) fn pid(&self) -> Option<Pid> {
        if let Destination::Alias(alias) = self
            && !Process::of(alias.owner).slot.links.lock().has_alias(alias.id)
        {
            return None;
        }
        let is_found = self.fixed_pid().is_some() || !has_told_end();
        if is_found { self.resolve() } else { None }
    }

    /// Whether `process`, which is to end, still finds who is here: by name only before its end has
    /// been told.
    fn is_reached_by(&self, process: Process) -> bool {
        self.fixed_pid().is_some() || !process.has_told_end()
    }

    /// Sends a message that is dropped if nobody is there.
    pub(crate) fn send(&self, message: Message) {
        let sent = match ending() {
            None => self.try_send(message),
            Some(process) => match process.act_with(message) {
                Ok(message) if self.is_reached_by(process) => self.try_send(message),
                Ok(message) | Err(message) => Err(Orphans::from(Signal::Message(message))),
            },
        };
        if let Err(orphans) = sent {
            orphans.drop_caught();
        }
    }
}

/// The process that `object` stands for now, to the caller.
pub(crate) fn pid_of(object: &Object) -> Option<Pid> {
    match object {
        Object::Pid(pid) => Some(*pid),
        Object::Name(_) | Object::Via(_) if has_told_end() => None,
        Object::Name(_) | Object::Via(_) => address::resolve(object),
    }
}
