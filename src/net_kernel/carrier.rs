//! What leaves for other nodes, as frames.

use std::sync::Arc;

use crate::exit::ExitReason;
use crate::external::{reason_to_term, reason_to_text, wire_pid};
use crate::id::{Incarnation, Pid};
use crate::message::{Destination, Message, Name};
use crate::process::whereis;
use crate::runtime::address::deliver;
use crate::runtime::dist_entry::{Carrier, Dial, Frame, Outgoing, Target, Unsent};
use crate::runtime::mailbox::Signal;
use crate::runtime::remote_ties::RemoteRef;
use crate::term::{EncodeError, Term, WireRef, WireTerm};
use crate::user_code::drop_caught;

use super::control::{Control, Object};
use super::frame;
use super::local::Local;
use super::payload::{Answered, Sent};
use super::serve::NAME;

/// Writes what leaves as the frames of Erlang's protocol.
pub(super) struct Wire {
    local: Arc<Local>,
}

impl Wire {
    pub(super) fn new(local: Arc<Local>) -> Wire {
        Wire { local }
    }
}

impl Carrier for Wire {
    fn frame(&self, outgoing: Outgoing) -> Result<Frame, Unsent> {
        let frame = self.write(&outgoing);
        drop_caught(outgoing);
        frame.map_err(Unsent::new)
    }

    fn dial(&self, dial: Dial) {
        match whereis(NAME) {
            Some(kernel) => deliver(kernel, Signal::Message(Message::new(dial))),
            None => dial.failed(),
        }
    }
}

impl Wire {
    fn write(&self, outgoing: &Outgoing) -> Result<Frame, EncodeError> {
        let pid = |pid: &Pid| wire_pid(*pid);
        let control: Control<'_, Term> = match outgoing {
            Outgoing::Send { from, to, message } => {
                return self.write_sent(*from, to, message);
            }
            Outgoing::Answer { to, tag, message } => {
                let tag = WireTerm::open(tag).map_err(serde::ser::Error::custom)?;
                let (alias, message) = (tag.alias(), Answered(tag, message));
                return frame::write(&match alias {
                    Some(alias) => {
                        let from = self.local.nobody();
                        Control::SendToAlias { from, alias, message }
                    }
                    None => Control::Send { to: pid(to), message },
                });
            }
            Outgoing::ExitRequest { from, to, reason } => {
                let (from, to) = (pid(from), pid(to));
                return write_end(reason, |reason| Control::ExitRequest {
                    from: from.clone(),
                    to: to.clone(),
                    reason,
                });
            }
            Outgoing::Link { from, to } => Control::Link { from: pid(from), to: pid(to) },
            Outgoing::Unlink { from, to, number } => {
                Control::Unlink { number: *number, from: pid(from), to: pid(to) }
            }
            Outgoing::UnlinkAck { from, to, number } => {
                Control::UnlinkAck { number: *number, from: pid(from), to: pid(to) }
            }
            Outgoing::Exit { from, to, reason } => {
                let (from, to) = (pid(from), pid(to));
                return write_end(reason, |reason| Control::Exit {
                    from: from.clone(),
                    to: to.clone(),
                    reason,
                });
            }
            Outgoing::Monitor { monitor, to } => Control::Monitor {
                from: pid(&monitor.owner),
                object: wire_target(to)?,
                reference: self.local.wire_ref(*monitor),
            },
            Outgoing::Demonitor { monitor, to } => Control::Demonitor {
                from: pid(&monitor.owner),
                object: wire_target(to)?,
                reference: self.local.wire_ref(*monitor),
            },
            Outgoing::Down { object, to, reference, reason } => {
                let (object, reference) =
                    (wire_object(object), their_ref(to.incarnation(), *reference)?);
                return write_end(reason, |reason| Control::Down {
                    object: object.clone(),
                    to: pid(to),
                    reference: reference.clone(),
                    reason,
                });
            }
        };
        frame::write(&control)
    }

    fn write_sent(
        &self,
        from: Option<Pid>,
        to: &Target,
        message: &Message,
    ) -> Result<Frame, EncodeError> {
        let message = Sent(message);
        let from = || match from {
            Some(from) => wire_pid(from),
            None => self.local.nobody(),
        };
        frame::write(&match to {
            Target::Pid(to) => Control::Send { to: wire_pid(*to), message },
            Target::Name(name, _) => {
                Control::SendToName { from: from(), name: (&**name).into(), message }
            }
            Target::Alias(incarnation, alias) => {
                let alias = their_ref(Some(*incarnation), *alias)?;
                Control::SendToAlias { from: from(), alias, message }
            }
        })
    }
}

/// Writes what tells of the end of a process, for `reason`; or for its text, if it is too deep or
/// too long: whoever is linked to a process, or monitors it, hears of its end in any case.
fn write_end<'a>(
    reason: &ExitReason,
    control: impl Fn(Term) -> Control<'a, Term>,
) -> Result<Frame, EncodeError> {
    frame::write(&control(reason_to_term(reason)))
        .or_else(|_| frame::write(&control(reason_to_text(reason))))
}

/// A process of another node, as that knows it.
fn wire_target(target: &Target) -> Result<Object<'_>, EncodeError> {
    match target {
        Target::Pid(pid) => Ok(Object::Pid(wire_pid(*pid))),
        Target::Name(name, _) => Ok(Object::Name((&**name).into())),
        Target::Alias(..) => Err(serde::ser::Error::custom("an alias is not monitored")),
    }
}

/// What another node has monitored, as it has said.
fn wire_object(object: &Destination) -> Object<'_> {
    match object {
        Destination::Pid(pid) => Object::Pid(wire_pid(*pid)),
        Destination::Alias(alias) => Object::Pid(wire_pid(alias.owner)),
        Destination::Name(Name::Local(name)) | Destination::OnNode(name, _) => {
            Object::Name((&**name).into())
        }
        Destination::Name(Name::Via(via)) => Object::Name(via.to_string().into()),
        // Others monitor no references.
        Destination::Reference(reference) => Object::Name(reference.to_string().into()),
    }
}

/// Returns a reference that another node has made.
fn their_ref(
    node: Option<Incarnation>,
    reference: RemoteRef,
) -> Result<WireRef<'static>, EncodeError> {
    let made = node.and_then(|incarnation| {
        let name = incarnation.node().name();
        WireRef::new(name.into(), incarnation.creation(), reference.words())
    });
    made.ok_or_else(|| serde::ser::Error::custom("a reference of no other node"))
}
