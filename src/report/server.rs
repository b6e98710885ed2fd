//! Reports about servers and state machines.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Name;
use crate::user_code::displayed;

use super::{Kind, Tail, line, lines};

/// A server or a state machine ends abnormally: OTP's error report of a `gen_server` or a
/// `gen_statem`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerReport {
    /// The server.
    pub pid: Pid,
    /// Its name: the registered one, or the one that it was started under as a server and that a
    /// [registrar](crate::Registrar) keeps.
    pub name: Option<Name>,
    /// The label that it has set.
    pub label: Option<Arc<str>>,
    /// The message that it handled when it ended, printed; for a state machine the event, with its
    /// type.
    pub last_message: Option<String>,
    /// The state, as `format_status` shows it; for a state machine its state and data, in
    /// parentheses.
    pub state: String,
    /// What a [state machine](crate::gen_statem) has beside its state and data; `None` for a
    /// server.
    pub machine: Option<MachineStatus>,
    /// The reason for which it ends.
    pub reason: ExitReason,
    /// The reason as text, printed in advance, as its `Display` may panic.
    pub(crate) shown_reason: String,
    /// The client that waits for the reply to the last message.
    pub client: Option<Client>,
    /// The last events, if [`sys`](crate::sys) keeps a log of them.
    pub log: Vec<String>,
}

/// The events that a state machine knows and has not handled, printed with their types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MachineStatus {
    /// Those that are handled before any message, first to last.
    pub queue: Vec<String>,
    /// Those that are postponed, the oldest first.
    pub postponed: Vec<String>,
    /// Those of the timeouts that are active.
    pub timeouts: Vec<String>,
}

/// The client of the message at which a server has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The process.
    pub pid: Pid,
    /// Its name: the registered one, or the one that it was started under as a server and that a
    /// [registrar](crate::Registrar) keeps.
    pub name: Option<Name>,
    /// Whether it was still alive.
    pub is_alive: bool,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({})", displayed(name), self.pid)?,
            None => write!(f, "{}", self.pid)?,
        }
        if self.is_alive { Ok(()) } else { f.write_str(" (dead)") }
    }
}

impl ServerReport {
    pub(super) fn kind(&self) -> Kind {
        if self.machine.is_some() { Kind::Statem } else { Kind::Server }
    }

    pub(super) fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.machine.is_some() { "state machine" } else { "server" };
        match &self.name {
            Some(name) => write!(f, "{what} {} ({}) is terminating", displayed(name), self.pid)?,
            None => write!(f, "{what} {} is terminating", self.pid)?,
        }
        line(f, "label", self.label.as_ref())?;
        let message = if self.machine.is_some() { "last event" } else { "last message" };
        line(f, message, self.last_message.as_ref())?;
        line(f, "state", Some(&self.state))?;
        if let Some(MachineStatus { queue, postponed, timeouts }) = &self.machine {
            lines(f, "queue", queue)?;
            lines(f, "postponed", postponed)?;
            lines(f, "timeouts", timeouts)?;
        }
        line(f, "reason", Some(&self.shown_reason))?;
        line(f, "client", self.client.as_ref())?;
        lines(f, "log", &self.log)
    }

    pub(super) fn tail(&self) -> Tail<'_> {
        Tail::of(self.pid, &self.reason)
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        fmt::Display::fmt(&self.tail(), f)
    }
}
