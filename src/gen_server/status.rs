//! The parts of a server's status, as its `format_status` prints them.

use std::fmt;

use crate::exit::ExitReason;
use crate::sys::Incoming;

/// What [`GenServer::format_status`](super::GenServer::format_status) is to print, and in which
/// situation.
#[derive(Debug)]
#[non_exhaustive]
pub enum StatusPart<'a> {
    /// The state of a server that goes on, for [`Sys::get_status`](crate::sys::Sys::get_status) and
    /// for traces.
    State,
    /// The state of a server that ends abnormally, for its report.
    FinalState,
    /// The message that is handled next, for the report if the server then ends abnormally.
    LastMessage(Incoming<'a>),
    /// The reason with which the server ends, for its report.
    Reason(&'a ExitReason),
}

impl StatusPart<'_> {
    /// Prints this part of the status of a server with this `state`, as servers do by default.
    ///
    /// # Errors
    ///
    /// Returns the errors of the formatter.
    pub fn print(&self, state: &impl fmt::Debug, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatusPart::State | StatusPart::FinalState => fmt::Debug::fmt(state, f),
            StatusPart::LastMessage(message) => fmt::Debug::fmt(message, f),
            StatusPart::Reason(reason) => fmt::Display::fmt(reason, f),
        }
    }
}
