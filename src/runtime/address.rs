//! Destinations, and the delivery of what is sent there.

use crate::exit::ExitReason;
use crate::id::{LinkId, Pid};
use crate::message::{Destination, Message, Name};

use super::mailbox::{ExitCause, ExitSignal, Orphans, Signal, Special};
use super::names;
use super::table::Process;

impl Name {
    /// Returns the process that has this name.
    pub(crate) fn resolve(&self) -> Option<Pid> {
        match self {
            Name::Local(name) => names::holder(name),
            Name::Via(via) => via.whereis(),
        }
    }
}

impl Destination {
    /// Returns the process that would get a message sent now.
    pub(crate) fn resolve(&self) -> Option<Pid> {
        match self {
            Destination::Pid(pid) => Some(*pid),
            Destination::Alias(alias) => Some(alias.owner),
            Destination::Name(name) => name.resolve(),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// The orphans, which the caller is to drop, if no process is there to get it.
    #[inline]
    pub(crate) fn try_send(&self, message: Message) -> Result<(), Orphans> {
        match self {
            Destination::Pid(pid) => try_deliver(*pid, Signal::Message(message)),
            Destination::Alias(alias) => {
                try_deliver(alias.owner, Special::Aliased(alias.id, message).into())
            }
            Destination::Name(name) => match name.send(message) {
                Ok(sent) => sent,
                Err(message) => Err(Orphans::from(Signal::Message(message))),
            },
        }
    }
}

impl Name {
    /// Sends a message to the process that has this name. If that has just ended, returns the
    /// orphans, which the caller is to drop.
    ///
    /// # Errors
    ///
    /// The message, if no process has the name.
    pub(crate) fn send(&self, message: Message) -> Result<Result<(), Orphans>, Message> {
        match self {
            Name::Local(name) => match names::holder(name) {
                Some(pid) => Ok(try_deliver(pid, Signal::Message(message))),
                None => Err(message),
            },
            Name::Via(via) => via.send(message).map(Ok),
        }
    }
}

/// Sends a signal, or drops it if the process has ended.
#[inline]
pub(crate) fn deliver(pid: Pid, signal: Signal) {
    if let Err(orphans) = try_deliver(pid, signal) {
        orphans.drop_caught();
    }
}

/// Sends a signal.
///
/// # Errors
///
/// The orphans, which the caller is to drop, if the process has ended.
#[inline]
pub(crate) fn try_deliver(pid: Pid, signal: Signal) -> Result<(), Orphans> {
    Process::of(pid).slot.deliver(pid.generation(), signal)
}

/// Sends an exit signal, or drops it if the process has ended.
pub(crate) fn deliver_exit(pid: Pid, signal: ExitSignal) {
    if let Err(orphans) = try_deliver_exit(pid, signal) {
        orphans.drop_caught();
    }
}

/// Sends an exit signal. One that would end a process that does not trap exits, or by which a
/// process of `proc_lib` ends with its parent, calls the process back from a wait outside of the
/// runtime.
///
/// # Errors
///
/// As [`try_deliver`].
pub(crate) fn try_deliver_exit(pid: Pid, signal: ExitSignal) -> Result<(), Orphans> {
    let ExitSignal { from, cause, .. } = signal;
    let is_normal = matches!(signal.reason, ExitReason::Normal);
    try_deliver(pid, Special::Exit(signal).into())?;
    let process @ Process { slot, .. } = Process::of(pid);
    if !slot.interrupt.is_armed() || is_normal && !process.ends_with(from) {
        return Ok(());
    }
    let is_active = match cause {
        ExitCause::Link(id) => slot.links.lock().has_link(from, id),
        ExitCause::Request | ExitCause::Timer => true,
    };
    if is_active {
        slot.interrupt.call(pid);
    }
    Ok(())
}

/// Returns the exit signal of a link.
pub(crate) fn signal_of_link(from: Pid, id: LinkId, reason: ExitReason) -> ExitSignal {
    ExitSignal { from, reason, cause: ExitCause::Link(id) }
}
