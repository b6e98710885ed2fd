//! Waits of the crate's own outside of the runtime: for descriptors.

use std::sync::Arc;

use crate::exit::ExitReason;
pub(crate) use crate::runtime::interrupt::Wake;

use super::blocking::Interruptible;
use super::current::{CallerState, current};

/// Returns a function that makes a wait return without blocking, for [`wait_outside`].
pub(crate) fn prompt(wake: impl Fn() + Send + Sync + 'static) -> Wake {
    Arc::new(move |_in_progress| wake())
}

/// What has become of a wait outside of the runtime.
#[derive(Debug)]
pub(crate) enum Outside<T> {
    /// It is over. Perhaps it was called back for no reason, so the caller looks again.
    Waited(T),
    /// The process traps exits, and an exit signal that would else have ended it is in its mailbox:
    /// its reason.
    Interrupted(ExitReason),
    /// The process must not wait: it unwinds already, or is gone.
    Ending,
}

/// Runs `wait`, which waits outside of the runtime and returns soon after a call of `wake`. As any
/// receive point it unwinds a process that is to end.
pub(crate) fn wait_outside<T>(wake: &Wake, wait: impl FnOnce() -> T) -> Outside<T> {
    let process = current();
    let (interruptible, caller) = Interruptible::begin(process, wake);
    match caller {
        CallerState::Live => {
            if let Some(reason) = process.trapped_exit() {
                return Outside::Interrupted(reason);
            }
        }
        CallerState::Unwinding | CallerState::Gone => return Outside::Ending,
    }
    let waited = wait();
    drop(interruptible);
    process.sort();
    match process.state_or_unwind() {
        CallerState::Live => match process.trapped_exit() {
            None => Outside::Waited(waited),
            Some(reason) => Outside::Interrupted(reason),
        },
        CallerState::Unwinding | CallerState::Gone => Outside::Ending,
    }
}
