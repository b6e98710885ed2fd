//! The errors of supervisors: of their requests, and of a start.

use std::fmt;

use crate::call_error::CallError;
use crate::error_text::errors;
use crate::exit::{ExitReason, OfStart};
use crate::id::Pid;

use super::SpecError;

/// Error returned from the requests to a supervisor.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SupervisorError {
    /// A child with this id already runs, as this process.
    AlreadyStarted(Pid),
    /// A child with this id exists already, and does not run.
    AlreadyPresent,
    /// The child spec has a mistake.
    Spec(SpecError),
    /// The child failed to start.
    Failed(FailedToStart),
    /// The child has chosen not to start. The supervisor keeps its spec, unless the child is
    /// temporary or has no id that identifies it.
    Ignored,
    /// The supervisor has as many children as it may have.
    MaxChildren,
    /// The supervisor has no such child.
    NotFound,
    /// The child runs.
    Running,
    /// The child is about to be restarted.
    Restarting,
    /// The supervisor has not answered.
    Call(CallError),
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyStarted(pid) => write!(f, "already started as {pid}"),
            Self::AlreadyPresent => f.write_str("the child is there already, and does not run"),
            Self::Spec(error) => write!(f, "the child spec is wrong: {error}"),
            Self::Failed(failed) => fmt::Display::fmt(failed, f),
            Self::Ignored => f.write_str("the child chose not to start"),
            Self::MaxChildren => f.write_str("there are as many children as there may be"),
            Self::NotFound => f.write_str("no such child"),
            Self::Running => f.write_str("the child runs"),
            Self::Restarting => f.write_str("the child is being restarted"),
            Self::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

errors!(SupervisorError);

impl From<CallError> for SupervisorError {
    fn from(error: CallError) -> SupervisorError {
        SupervisorError::Call(error)
    }
}

/// A child that did not start: the error of a request, or the reason for which its supervisor did
/// not start either.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct FailedToStart {
    /// The id of the child.
    pub id: String,
    /// The reason for which the child did not start.
    pub reason: ExitReason,
}

impl fmt::Display for FailedToStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child {:?} failed to start: {}", self.id, OfStart(&self.reason))
    }
}

errors!(FailedToStart);
