//! The error of a call: beside exit reasons, as each can be the cause of the other.

use std::error::Error;
use std::fmt;

use crate::id::Pid;

use super::ExitReason;

/// Error returned from calls to servers.
///
/// Where OTP exits the caller, here `?` or `unwrap` does. After [`Timeout`](Self::Timeout) and
/// [`Down`](Self::Down) the caller cannot know whether the server has handled the request.
///
/// As an [`ExitReason`], by `?`, it keeps its class: a server that went down in an orderly shutdown
/// ends its caller by the same shutdown. All others become a reason that holds this error, even if
/// the server ended with `Normal`, since for the caller it is not normal to get no answer.
///
/// ```
/// use procession::{CallError, ExitReason};
///
/// let reason = ExitReason::from(CallError::Down(ExitReason::Shutdown));
/// assert_eq!(reason, ExitReason::Shutdown);
///
/// let reason = ExitReason::from(CallError::Down(ExitReason::Normal));
/// assert_eq!(reason.downcast_ref(), Some(&CallError::Down(ExitReason::Normal)));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// No process answers to that pid or name.
    NoProc,
    /// No answer came in time. The server may still handle the request; its late answer never
    /// reaches the caller's mailbox.
    Timeout,
    /// The server ended, for this reason, before it answered.
    Down(ExitReason),
    /// The process called itself, which could only ever time out.
    CallingSelf(Pid),
    /// The call was refused at once, as these processes would all wait for each other: the caller,
    /// which would wait for the second, and so on to the last, which waits for the caller.
    Deadlock(Vec<Pid>),
    /// The server has handled the request and will not answer it.
    NoReply,
    /// The server is of another type, and has refused the request.
    WrongServer {
        /// The type that the request was for.
        expected: &'static str,
        /// The type of the server.
        found: &'static str,
    },
    /// The caller cannot wait: it is being ended by an exit signal, or it is a thread of the
    /// program's own that was killed or is in its last destructors.
    CallerEnded,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("no such process"),
            Self::Timeout => f.write_str("timed out waiting for the answer"),
            Self::Down(reason) => write!(f, "the server ended before it answered: {reason}"),
            Self::CallingSelf(pid) => write!(f, "process {pid} attempted to call itself"),
            Self::Deadlock(cycle) => write!(f, "the call would wait forever: {cycle:?}"),
            Self::NoReply => f.write_str("the server does not answer this request"),
            Self::WrongServer { expected, found } => {
                write!(f, "the request is for a {expected}, but the server is a {found}")
            }
            Self::CallerEnded => f.write_str("the caller has ended and cannot wait"),
        }
    }
}

impl Error for CallError {}
