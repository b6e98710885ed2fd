//! How handlers end: what they are told, what they leave, and what their owners hear.

use std::fmt;

use crate::error_text::errors;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Message;

use super::HandlerId;

/// Why a handler ends, as its [`terminate`](super::EventHandler::terminate) is told.
///
/// OTP: the first argument of
/// [`terminate/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:terminate/2).
#[derive(Debug)]
#[non_exhaustive]
pub enum Terminate {
    /// The handler is deleted, or swapped for another, with these arguments.
    Args(Message),
    /// A callback has returned [`remove_handler`](super::remove_handler). OTP: `remove_handler`.
    RemoveHandler,
    /// A callback has failed: it has returned this error, or panicked. OTP: `{error, Reason}`.
    Failed(ExitReason),
    /// The process that the handler was supervised by has ended for this reason. OTP:
    /// `{stop, Reason}`.
    OwnerEnded(ExitReason),
    /// The manager ends. OTP: `stop`.
    ManagerEnds,
}

/// What a handler has left to the one that takes its place.
pub type Left<T> = Result<T, NothingLeft>;

/// Why there is nothing that a handler could have left to the one that takes its place.
#[derive(Clone, PartialEq)]
pub enum NothingLeft {
    /// It was not installed. OTP: `error`.
    NotInstalled,
    /// Its [`terminate`](super::EventHandler::terminate) has failed, for this reason. OTP:
    /// `{'EXIT', Reason}`.
    Failed(ExitReason),
}

impl fmt::Display for NothingLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("there was no such handler"),
            Self::Failed(reason) => write!(f, "the handler failed as it terminated: {reason}"),
        }
    }
}

errors!(NothingLeft);

/// The message that the owner of a [supervised](super::EventManagerRef::add_sup_handler) handler
/// gets when that has ended; even if there is no room in its [bounded
/// mailbox](crate::process#bounded-mailboxes), as the manager does not wait for it.
///
/// OTP: `{gen_event_EXIT, Handler, Reason}`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HandlerExit {
    /// The manager that had the handler.
    pub manager: Pid,
    /// The handler.
    pub handler: HandlerId,
    /// Why it has ended.
    pub reason: HandlerExitReason,
}

/// Why a handler has ended, as its owner hears it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HandlerExitReason {
    /// It was deleted, or has removed itself. OTP: `normal`.
    Normal,
    /// The manager has ended; or the owner itself has sent the manager an exit signal. OTP:
    /// `shutdown`.
    Shutdown,
    /// It was swapped for another one. OTP: `{swapped, NewHandler, Pid}`.
    Swapped {
        /// The handler that takes its place.
        new: HandlerId,
        /// The owner of that, if it is supervised.
        owner: Option<Pid>,
    },
    /// It has failed: a callback has returned this error, or panicked. OTP: `{'EXIT', Reason}`.
    Failed(ExitReason),
}
