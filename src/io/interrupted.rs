//! The error of a wait that was interrupted.

use std::error::Error;
use std::fmt;
use std::io;

use crate::error_text::errors;
use crate::exit::ExitReason;
use crate::exit_error::ExitError;

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
/// As an exit reason, by `?` or [`or_exit`](crate::OrExit::or_exit), the `io::Error` becomes the
/// [reason](Self::reason) of the exit signal: so a process that ends by it ends as one that does
/// not trap exits, and an ordinary shutdown writes no crash report.
///
/// A call in a destructor of a process that is ending gets this error, too, if it would have to
/// wait.
#[derive(Clone, PartialEq)]
pub struct Interrupted {
    /// The exit that waits in the mailbox; `None` if the process is ending.
    exit: Option<ExitError>,
}

impl Interrupted {
    pub(crate) fn by(reason: ExitReason) -> Interrupted {
        Interrupted { exit: Some(ExitError(reason)) }
    }

    pub(crate) fn at_end() -> Interrupted {
        Interrupted { exit: None }
    }

    /// Its source is an [`ExitError`] with the reason.
    fn trapped(&self) -> Option<&(dyn Error + 'static)> {
        self.exit.as_ref().map(|exit| exit as _)
    }

    /// Returns the reason of the exit signal, whose message is in the mailbox. `None` if the
    /// process is ending already.
    pub fn reason(&self) -> Option<&ExitReason> {
        self.exit.as_ref().map(|exit| &exit.0)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exit signal has interrupted the wait")
    }
}

errors!(Interrupted => Interrupted::trapped);

impl From<Interrupted> for io::Error {
    fn from(interrupted: Interrupted) -> io::Error {
        io::Error::other(interrupted)
    }
}

/// Returns whether a call has failed because an exit signal has [interrupted](Interrupted) it.
pub fn is_interrupted(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Interrupted>())
}
