//! What the runtime has to say about processes, for the log.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::Pid;

/// What is known of a server that ended abnormally.
#[derive(Debug)]
pub(crate) struct ServerReport<'a> {
    pub(crate) pid: Pid,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) label: Option<Arc<str>>,
    /// What it handled when it ended, printed.
    pub(crate) last_message: Option<&'a str>,
    /// Who waits for the answer to that.
    pub(crate) client: Option<Pid>,
    /// The state, printed.
    pub(crate) state: &'a str,
    /// Why it ended, printed.
    pub(crate) reason: &'a str,
}

impl fmt::Display for ServerReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "server {name} ({}) is terminating", self.pid)?,
            None => write!(f, "server {} is terminating", self.pid)?,
        }
        if let Some(label) = &self.label {
            write!(f, "\n    label: {label}")?;
        }
        if let Some(message) = self.last_message {
            write!(f, "\n    last message: {message}")?;
        }
        write!(f, "\n    state: {}", self.state)?;
        write!(f, "\n    reason: {}", self.reason)?;
        match self.client {
            Some(client) => write!(f, "\n    client: {client}"),
            None => Ok(()),
        }
    }
}

/// What is known of a process that crashed.
#[derive(Debug)]
pub(crate) struct CrashReport<'a> {
    pub(crate) pid: Pid,
    pub(crate) name: Option<&'a str>,
    pub(crate) label: Option<&'a str>,
    pub(crate) reason: &'a ExitReason,
    pub(crate) ancestors: &'a [Pid],
    pub(crate) links: &'a [Pid],
    pub(crate) message_queue_len: usize,
}

impl fmt::Display for CrashReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash report of process {}", self.pid)?;
        if let Some(name) = self.name {
            write!(f, "\n    registered name: {name}")?;
        }
        if let Some(label) = self.label {
            write!(f, "\n    label: {label}")?;
        }
        write!(f, "\n    reason: {}", self.reason)?;
        write!(f, "\n    ancestors: {:?}", self.ancestors)?;
        write!(f, "\n    links: {:?}", self.links)?;
        write!(f, "\n    message queue length: {}", self.message_queue_len)?;
        match self.reason.as_panic().and_then(|panic| panic.backtrace.as_ref()) {
            Some(backtrace) => write!(f, "\n{backtrace}"),
            None => Ok(()),
        }
    }
}
