//! The report of a handler of an event manager.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Name;
use crate::user_code::displayed;

use super::{Tail, line};

/// A handler of an event manager has failed, and was removed: OTP's error report of a `gen_event`
/// handler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandlerReport {
    /// The handler: its type, and its id if it has one.
    pub handler: String,
    /// The manager that had it.
    pub manager: Pid,
    /// The name of the manager: the registered one, or the one that it was started under and that
    /// a [registrar](crate::Registrar) keeps.
    pub name: Option<Name>,
    /// The label that the manager has set.
    pub label: Option<Arc<str>>,
    /// The event, request or message that it was handling, printed. `None` if there was none: it
    /// has failed as it was to end, or as it was to take the place of another handler.
    pub last_event: Option<String>,
    /// The state, as `format_status` shows it. `None` if the handler has not started.
    pub state: Option<String>,
    /// The reason for which it has failed.
    pub reason: ExitReason,
    /// The reason as text, printed in advance, as its `Display` may panic.
    pub(crate) shown_reason: String,
}

impl HandlerReport {
    pub(super) fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handler {} has failed", self.handler)?;
        match &self.name {
            Some(name) => write!(f, "\n    manager: {} ({})", displayed(name), self.manager)?,
            None => write!(f, "\n    manager: {}", self.manager)?,
        }
        line(f, "label", self.label.as_ref())?;
        line(f, "last event", self.last_event.as_ref())?;
        line(f, "state", self.state.as_ref())?;
        line(f, "reason", Some(&self.shown_reason))
    }

    pub(super) fn tail(&self) -> Tail<'_> {
        Tail::of(self.manager, &self.reason)
    }
}

impl fmt::Display for HandlerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        fmt::Display::fmt(&self.tail(), f)
    }
}
