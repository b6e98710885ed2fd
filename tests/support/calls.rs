//! Why calls fail, without the destination and the request.

use procession::application::ApplicationError;
use procession::gen_event::HandlerError;
use procession::global::GlobalError;
use procession::pg::LeaveError;
use procession::supervisor::SupervisorError;
use procession::sys::SysError;
use procession::{CallError, CallErrorKind};

/// The outcome of what makes a call.
pub(crate) trait CallKind<R> {
    /// Returns the outcome with only the kind of its error; fails if it is another error than that
    /// of a call.
    fn kind(self) -> Result<R, CallErrorKind>;
}

impl<R, E: Failure> CallKind<R> for Result<R, E> {
    #[track_caller]
    fn kind(self) -> Result<R, CallErrorKind> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(kind_of(error)),
        }
    }
}

/// Returns the kind of an error; fails if it is another error than that of a call.
#[track_caller]
pub(crate) fn kind_of(error: impl Failure) -> CallErrorKind {
    match error.into_call_error() {
        Ok(error) => error.into_kind(),
        Err(other) => panic!("no error of a call: {other}"),
    }
}

/// An error that may be that of a call.
pub(crate) trait Failure {
    /// Returns the error of the call, or the text of the other error.
    fn into_call_error(self) -> Result<CallError, String>;
}

impl Failure for CallError {
    fn into_call_error(self) -> Result<CallError, String> {
        Ok(self)
    }
}

/// Implements [`Failure`] for errors with a variant `Call`.
macro_rules! failures {
    ($($error:ident),*) => {
        $(impl Failure for $error {
            fn into_call_error(self) -> Result<CallError, String> {
                if let $error::Call(error) = self { Ok(error) } else { Err(self.to_string()) }
            }
        })*
    };
}

failures!(SupervisorError, SysError, GlobalError, ApplicationError, LeaveError, HandlerError);
