//! The error of a wait that was interrupted.

use std::fmt;
use std::io;

use crate::error_text::errors;

/// Error in the [`io::Error`](std::io::Error) of a call that an exit signal has interrupted.
///
/// A process that does not trap exits does not see it, as it ends. In one that does, calls fail
/// with it as long as the [`Exit`](crate::Exit) message, with a reason other than `Normal`, is in
/// the mailbox: reads, even if there is something to read, and writes that would have to wait. So
/// the process comes back to where it receives the message, and is not kept from it by the next
/// call. When the message is received, calls succeed again.
/// (The kind of the error is `Other`, as functions such as
/// [`read_exact`](std::io::Read::read_exact) try again after `Interrupted`.)
///
/// A call in a destructor of a process that is ending gets it, too, if it would have to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exit signal has interrupted the wait")
    }
}

errors!(Interrupted);

impl From<Interrupted> for io::Error {
    fn from(interrupted: Interrupted) -> io::Error {
        io::Error::other(interrupted)
    }
}

/// Returns whether a call has failed because an exit signal has [interrupted](Interrupted) it.
pub fn is_interrupted(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Interrupted>())
}
