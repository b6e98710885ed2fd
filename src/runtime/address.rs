//! Destinations, and the delivery of what is sent there.

use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::{Alias, LinkId, Pid};
use crate::message::{Message, Object, Via};

use super::mailbox::{ExitCause, ExitSignal, Orphans, Signal, Special};
use super::names;
use super::table::Process;

/// An address that is kept: a pid, an alias or a name, which is looked up when it is used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Destination {
    /// A process.
    Pid(Pid),
    /// An alias of one.
    Alias(Alias),
    /// Whoever has this name at the time.
    Name(Arc<str>),
    /// Whoever has this name at the time, which a registrar keeps.
    Via(Via),
}

impl Destination {
    /// The process that would get a message sent now.
    pub(crate) fn resolve(&self) -> Option<Pid> {
        match self {
            Destination::Pid(pid) => Some(*pid),
            Destination::Alias(alias) => Some(alias.owner),
            Destination::Name(name) => names::holder(name),
            Destination::Via(via) => via.pid(),
        }
    }

    /// The process that this can ever lead to, if there is only one.
    pub(crate) fn fixed_pid(&self) -> Option<Pid> {
        match self {
            Destination::Pid(pid) => Some(*pid),
            Destination::Alias(alias) => Some(alias.owner),
            Destination::Name(_) | Destination::Via(_) => None,
        }
    }

    /// Sends a message that is lost if nobody is there: then it is among what is returned, to be
    /// dropped.
    pub(crate) fn try_send(&self, message: Message) -> Result<(), Orphans> {
        let signal = match self {
            Destination::Alias(alias) => Special::Aliased(alias.id, message).into(),
            Destination::Pid(_) | Destination::Name(_) => Signal::Message(message),
            Destination::Via(via) => {
                return via.send(message).map_err(|it| Orphans::from(Signal::Message(it)));
            }
        };
        match self.resolve() {
            Some(pid) => try_deliver(pid, signal),
            None => Err(Orphans::from(signal)),
        }
    }
}

impl From<Pid> for Destination {
    fn from(pid: Pid) -> Destination {
        Destination::Pid(pid)
    }
}

impl From<Alias> for Destination {
    fn from(alias: Alias) -> Destination {
        Destination::Alias(alias)
    }
}

impl From<&str> for Destination {
    fn from(name: &str) -> Destination {
        Destination::Name(Arc::from(name))
    }
}

impl From<Arc<str>> for Destination {
    fn from(name: Arc<str>) -> Destination {
        Destination::Name(name)
    }
}

impl From<Via> for Destination {
    fn from(via: Via) -> Destination {
        Destination::Via(via)
    }
}

impl Destination {
    /// What a monitor of the process at this address is set on.
    pub(crate) fn object(&self) -> Object {
        match self {
            Destination::Pid(pid) => Object::Pid(*pid),
            Destination::Alias(alias) => Object::Pid(alias.owner),
            Destination::Name(name) => Object::Name(Arc::clone(name)),
            Destination::Via(via) => Object::Via(via.clone()),
        }
    }
}

/// The process that `object` stands for now.
pub(crate) fn resolve(object: &Object) -> Option<Pid> {
    match object {
        Object::Pid(pid) => Some(*pid),
        Object::Name(name) => names::holder(name),
        Object::Via(via) => via.pid(),
    }
}

/// Sends a signal; one to a process that has ended is dropped.
#[inline]
pub(crate) fn deliver(pid: Pid, signal: Signal) {
    if let Err(orphans) = try_deliver(pid, signal) {
        orphans.drop_caught();
    }
}

/// Sends a signal; if the process has ended, returns what is to be dropped.
#[inline]
pub(crate) fn try_deliver(pid: Pid, signal: Signal) -> Result<(), Orphans> {
    Process::of(pid).slot.deliver(pid.generation(), signal)
}

/// The exit signal of a link.
pub(crate) fn signal_of_link(from: Pid, id: LinkId, reason: ExitReason) -> Signal {
    Special::Exit(ExitSignal { from, reason, cause: ExitCause::Link(id) }).into()
}
