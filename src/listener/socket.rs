//! A listening socket and its connections, without their types.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::error_text::errors;
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::user_code::Guarded;

use super::protocol::Template;
use super::{Accept, LocalAddr};

/// A listening socket, and what its connections are for. It is closed with the last reference.
pub(super) trait Socket: Send + Sync {
    /// Waits for the next connection.
    fn accept(&self) -> io::Result<Box<dyn Connection>>;
}

/// A connection that was accepted, and belongs to no process yet.
pub(super) trait Connection: Send {
    /// Starts its process, linked to the caller.
    fn start(self: Box<Self>) -> Result<Pid, StartError>;

    /// Sends a message that refuses it, and closes it.
    fn refuse(self: Box<Self>, message: &[u8]);
}

type StartConnection<S> = Arc<dyn Fn(S) -> Result<Pid, StartError> + Send + Sync>;

pub(super) struct Listening<L: Accept> {
    listener: Guarded<L>,
    start: StartConnection<L::Stream>,
}

impl<L: Accept> Listening<L> {
    pub(super) fn new(listener: L, template: &Template<L::Stream>) -> Listening<L> {
        Listening { listener: Guarded::new(listener), start: Arc::clone(&template.start) }
    }

    pub(super) fn local_addr(&self) -> io::Result<LocalAddr> {
        self.listener.get().local_addr()
    }
}

impl<L: Accept> Socket for Listening<L> {
    fn accept(&self) -> io::Result<Box<dyn Connection>> {
        let stream = Guarded::new(self.listener.get().accept()?);
        Ok(Box::new(Accepted { stream, start: Arc::clone(&self.start) }))
    }
}

struct Accepted<S> {
    stream: Guarded<S>,
    start: StartConnection<S>,
}

impl<S: io::Write + Send> Connection for Accepted<S> {
    fn start(self: Box<Self>) -> Result<Pid, StartError> {
        let Accepted { stream, start } = *self;
        start(stream.into_inner())
    }

    fn refuse(self: Box<Self>, message: &[u8]) {
        let mut stream = self.stream;
        // A client that is gone needs no message.
        _ = stream.get_mut().write_all(message);
    }
}

/// Why a listener cannot listen: the exit reason of its start.
#[non_exhaustive]
pub struct ListenError {
    /// Where it was to listen.
    pub address: String,
    /// What the system says.
    pub error: io::Error,
}

impl ListenError {
    pub(super) fn new(address: impl Into<String>, error: io::Error) -> ListenError {
        ListenError { address: address.into(), error }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.error)
    }
}

errors!(ListenError);
