//! The errors of requests to event managers.

use std::fmt;

use crate::call_error::CallError;
use crate::error_text::errors;
use crate::exit::ExitReason;

use super::HandlerId;

/// Error returned from the requests to an event manager.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum HandlerError {
    /// The manager has no such handler. OTP: `{error, bad_module}`, `{error, module_not_found}`.
    NotInstalled(HandlerId),
    /// A callback of the handler has failed: the handler is gone, or was not added. OTP:
    /// `{error, {'EXIT', Reason}}`, `{'EXIT', Reason}`.
    Failed {
        /// The handler.
        handler: HandlerId,
        /// The error that the callback has returned, or why it was left.
        reason: ExitReason,
    },
    /// The manager has not answered.
    Call(CallError),
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled(handler) => write!(f, "the handler {handler} is not installed"),
            Self::Failed { handler, reason } => write!(f, "the handler {handler} failed: {reason}"),
            Self::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

errors!(HandlerError);

impl From<CallError> for HandlerError {
    fn from(error: CallError) -> HandlerError {
        HandlerError::Call(error)
    }
}
