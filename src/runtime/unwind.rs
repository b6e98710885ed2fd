//! Unwinding a process to its end, with its exit reason.

use std::any::Any;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::user_code::{self, Caught, catch};

/// How the body of a process has ended.
pub(crate) enum Outcome {
    /// It returned an orderly reason, or it was unwound by [`unwind`].
    Exited(ExitReason),
    /// It panicked, or returned another reason.
    Crashed(ExitReason),
}

/// Unwinds the thread to the end of its process.
pub(crate) fn unwind(reason: ExitReason) -> ! {
    user_code::unwind(reason)
}

/// Runs the body of a process.
pub(crate) fn run(body: impl FnOnce() -> ExitReason) -> Outcome {
    match catch(body).map_err(Caught::of) {
        Ok(reason) if reason.is_orderly() => Outcome::Exited(reason),
        Ok(reason) => Outcome::Crashed(reason),
        Err(caught @ Caught::Unwound(_)) => Outcome::Exited(reason_of(caught)),
        Err(caught @ Caught::Panicked(_)) => Outcome::Crashed(reason_of(caught)),
    }
}

/// Returns the exit reason that a panic's payload stands for.
pub(crate) fn exit_reason(payload: Box<dyn Any + Send>) -> ExitReason {
    reason_of(Caught::of(payload))
}

fn reason_of(caught: Caught) -> ExitReason {
    match caught {
        Caught::Unwound(reason) => {
            let reason: Box<dyn Any> = reason;
            *reason.downcast().expect("a process only unwinds with an exit reason")
        }
        Caught::Panicked(panic) => ExitReason::Panic(Arc::new(panic)),
    }
}
