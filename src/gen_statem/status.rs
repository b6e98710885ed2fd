//! The parts of a machine's status, as its `format_status` prints them.

use std::fmt;

use crate::exit::ExitReason;

/// What [`GenStatem::format_status`](super::GenStatem::format_status) is to print, and in which
/// situation. `E` is the type of the machine's events.
#[derive(Debug)]
#[non_exhaustive]
pub enum StatusPart<'a, E> {
    /// The state of a machine that goes on, for [`Sys::get_status`](crate::sys::Sys::get_status)
    /// and for traces.
    State,
    /// The data of a machine that goes on, for [`Sys::get_status`](crate::sys::Sys::get_status).
    Data,
    /// The state of a machine that ends abnormally, for its report.
    FinalState,
    /// The data of a machine that ends abnormally, for its report.
    FinalData,
    /// An event: the last one, one that waits or is postponed, or that of a timeout.
    Event(&'a E),
    /// The reason with which the machine ends, for its report.
    Reason(&'a ExitReason),
}

impl<E: fmt::Debug> StatusPart<'_, E> {
    /// Prints this part of the status of a machine with this `state` and these `data`, as machines
    /// do by default.
    ///
    /// # Errors
    ///
    /// Returns the errors of the formatter.
    pub fn print(
        &self,
        state: &impl fmt::Debug,
        data: &impl fmt::Debug,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        match self {
            StatusPart::State | StatusPart::FinalState => fmt::Debug::fmt(state, f),
            StatusPart::Data | StatusPart::FinalData => fmt::Debug::fmt(data, f),
            StatusPart::Event(event) => fmt::Debug::fmt(event, f),
            StatusPart::Reason(reason) => fmt::Display::fmt(reason, f),
        }
    }
}
