//! Destinations, and the delivery of what is sent there.

use crate::exit::ExitReason;
use crate::id::{Alias, LinkId, Node, Pid};
use crate::message::{Destination, Message, Name};

use super::bound::{Bound, Overflow};
use super::mailbox::{ExitCause, ExitSignal, Orphans, Signal, Special};
use super::names;
use super::remote::{Remote, RemotePid};
use super::slot::Offered;
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

/// Returns the process that has this name on `node`, if that is this one.
pub(crate) fn holder_on(name: &str, node: Node) -> Option<Pid> {
    node.is_here().then(|| names::holder(name)).flatten()
}

impl Destination {
    /// Returns the process that would get a message sent now, if that is known here.
    pub(crate) fn resolve(&self) -> Option<Pid> {
        match self {
            Destination::Pid(pid) => Some(*pid),
            Destination::Alias(alias) => Some(alias.owner),
            Destination::Name(name) => name.resolve(),
            Destination::OnNode(name, node) => holder_on(name, *node),
            #[cfg(feature = "dist")]
            Destination::Reference(_) => None,
        }
    }

    /// Sends a message, for which there must be room.
    ///
    /// # Errors
    ///
    /// What is left to do.
    #[inline]
    pub(crate) fn try_send(&self, message: Message) -> Result<(), Undone> {
        match self {
            Destination::Pid(pid) => offer(*pid, message),
            // An answer, mostly: its receiver has asked for it.
            Destination::Alias(alias) => {
                try_deliver_to_alias(*alias, message).map_err(Undone::Orphans)
            }
            Destination::Name(name) => match name.send(message) {
                Ok(sent) => sent,
                Err(message) => Err(Undone::Orphans(Orphans::from(Signal::Message(message)))),
            },
            Destination::OnNode(name, node) => match Remote::named(name, *node) {
                Some(remote) => {
                    remote.offer(message).map_err(|(to, message)| Undone::Busy(to, message))
                }
                None => match names::holder(name) {
                    Some(pid) => offer(pid, message),
                    None => Err(Undone::Orphans(Orphans::from(Signal::Message(message)))),
                },
            },
            #[cfg(feature = "dist")]
            Destination::Reference(reference) => match Remote::aliased(reference) {
                Some(remote) => {
                    remote.offer(message).map_err(|(to, message)| Undone::Busy(to, message))
                }
                None => Err(Undone::Orphans(Orphans::from(Signal::Message(message)))),
            },
        }
    }
}

impl Name {
    /// Sends a message to the process that has this name. Returns what is left to do.
    ///
    /// # Errors
    ///
    /// The message, if no process has the name.
    pub(crate) fn send(&self, message: Message) -> Result<Result<(), Undone>, Message> {
        match self {
            Name::Local(name) => match names::holder(name) {
                Some(pid) => Ok(offer(pid, message)),
                None => Err(message),
            },
            Name::Via(via) => via.send(message).map(Ok),
        }
    }
}

/// What is left to do for a message that was sent.
#[derive(Debug)]
pub(crate) enum Undone {
    /// No process is there to get it: the caller is to drop the orphans.
    Orphans(Orphans),
    /// This process had no room for it, or for an older one: the caller is to report that, and to
    /// drop the orphans.
    Dropped(Pid, Orphans),
    /// This process, by its policy, lets the sender decide what to do next.
    Full(Pid, Message),
    /// Too much waits to be sent to the node of this process: the sender is to wait, or to say why
    /// it does not.
    Busy(Remote, Message),
}

/// Sends a message that needs a place if the mailbox is bounded.
///
/// # Errors
///
/// As [`Destination::try_send`].
#[inline(always)]
pub(crate) fn offer(pid: Pid, message: Message) -> Result<(), Undone> {
    if let Some(remote) = RemotePid::of(pid) {
        return remote.offer(message).map_err(|(to, message)| Undone::Busy(to, message));
    }
    let Process { slot, .. } = Process::of(pid);
    // An answer that is out of date does no harm: the process has ended then.
    if slot.mailbox.is_bounded() {
        return offer_bounded(pid, message);
    }
    slot.deliver(pid.generation(), Signal::Message(message)).map_err(Undone::Orphans)
}

#[cold]
fn offer_bounded(pid: Pid, message: Message) -> Result<(), Undone> {
    let slot = Process::of(pid).slot;
    match slot.offer(pid.generation(), message) {
        Offered::Done(sent) => sent.map_err(Undone::Orphans),
        Offered::Dropped(orphans) => {
            slot.mailbox.bound().into_iter().for_each(Bound::count_dropped);
            Err(Undone::Dropped(pid, orphans))
        }
        Offered::Full(message) => match slot.mailbox.bound().map(Bound::overflow) {
            Some(Overflow::DropNewest) => Err(drop_refused(pid, message)),
            Some(Overflow::Refuse | Overflow::Block(_) | Overflow::DropOldest) | None => {
                Err(Undone::Full(pid, message))
            }
        },
    }
}

/// Counts a message that there is no room for as dropped.
#[cold]
pub(crate) fn drop_refused(pid: Pid, message: Message) -> Undone {
    let Process { slot, .. } = Process::of(pid);
    slot.mailbox.bound().into_iter().for_each(Bound::count_dropped);
    Undone::Dropped(pid, Orphans::from(Signal::Message(message)))
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
    if let Some(remote) = RemotePid::of(pid) {
        remote.deliver(signal);
        return Ok(());
    }
    Process::of(pid).slot.deliver(pid.generation(), signal)
}

/// Sends a message to an alias, for which no room is needed.
///
/// # Errors
///
/// As [`try_deliver`].
#[inline]
pub(crate) fn try_deliver_to_alias(alias: Alias, message: Message) -> Result<(), Orphans> {
    try_deliver(alias.owner, Special::Aliased(alias.id, message).into())
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
    let process @ Process { slot, .. } = Process::of(pid);
    let ExitSignal { from, cause, .. } = signal;
    let is_normal = matches!(signal.reason, ExitReason::Normal);
    // Before it is pushed: who judges it takes the link away.
    let is_active = match cause {
        ExitCause::Link(id) => slot.links.lock().has_link(from, id),
        ExitCause::Request | ExitCause::Timer => true,
    };
    try_deliver(pid, Special::Exit(signal).into())?;
    let is_armed = is_active && slot.interrupt.is_armed();
    if is_armed && (!is_normal || process.ends_with(from)) {
        slot.interrupt.call(pid);
    }
    Ok(())
}

/// Returns the exit signal of a link.
pub(crate) fn signal_of_link(from: Pid, id: LinkId, reason: ExitReason) -> ExitSignal {
    ExitSignal { from, reason, cause: ExitCause::Link(id) }
}
