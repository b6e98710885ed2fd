//! Writing control messages.

use crate::term::{EncodeError, Output, WirePid, WireWriter};

use super::op::{self, Shape};
use super::{Carried, Control, Object, SpawnRequest, Spawned};

impl<T: Carried> Control<'_, T> {
    /// Writes the message with what it carries.
    pub(in crate::net_kernel) fn write(&self, out: &mut Output) -> Result<(), EncodeError> {
        let mut writer = WireWriter::new(out);
        writer.version();
        let payload = self.write_tuple(&mut writer)?;
        if let Some(payload) = payload {
            writer.version();
            payload.write(&mut writer)?;
        }
        Ok(())
    }

    /// Writes the tuple, and returns what follows it.
    fn write_tuple(&self, out: &mut WireWriter<'_>) -> Result<Option<&T>, EncodeError> {
        let op = self.op();
        out.tuple(Shape::of(op).map_or(0, |shape| shape.elements))?;
        out.integer(op)?;
        match self {
            Control::Link { from, to } => pids(out, [from, to])?,
            Control::Send { to, message } => {
                out.atom("")?;
                out.pid(to)?;
                return Ok(Some(message));
            }
            Control::SendToName { from, name, message } => {
                out.pid(from)?;
                out.atom("")?;
                out.atom(name)?;
                return Ok(Some(message));
            }
            Control::SendToAlias { from, alias, message } => {
                out.pid(from)?;
                out.reference(alias)?;
                return Ok(Some(message));
            }
            Control::Exit { from, to, reason } | Control::ExitRequest { from, to, reason } => {
                pids(out, [from, to])?;
                reason.write(out)?;
            }
            Control::Monitor { from, object, reference }
            | Control::Demonitor { from, object, reference } => {
                out.pid(from)?;
                object.write(out)?;
                out.reference(reference)?;
            }
            Control::Down { object, to, reference, reason } => {
                object.write(out)?;
                out.pid(to)?;
                out.reference(reference)?;
                reason.write(out)?;
            }
            Control::SpawnRequest(request) => {
                let SpawnRequest { request, from, leader, function, options, arguments } =
                    &**request;
                out.reference(request)?;
                pids(out, [from, leader])?;
                out.tuple(3)?;
                out.atom(&function.module)?;
                out.atom(&function.name)?;
                out.integer(function.arity)?;
                options.write(out)?;
                return Ok(Some(arguments));
            }
            Control::SpawnReply { request, to, flags, spawned } => {
                out.reference(request)?;
                out.pid(to)?;
                out.integer(*flags)?;
                match spawned {
                    Spawned::Pid(pid) => out.pid(pid)?,
                    Spawned::Error(error) => out.atom(error)?,
                }
            }
            Control::Unlink { number, from, to } | Control::UnlinkAck { number, from, to } => {
                out.integer(number.get())?;
                pids(out, [from, to])?;
            }
            Control::Nothing => {}
        }
        Ok(None)
    }

    /// Returns the op that it is written with.
    pub(super) fn op(&self) -> u64 {
        match self {
            Control::Link { .. } => op::LINK,
            Control::Send { .. } => op::SEND,
            Control::SendToName { .. } => op::REG_SEND,
            Control::SendToAlias { .. } => op::ALIAS_SEND,
            Control::Exit { .. } => op::EXIT,
            Control::ExitRequest { .. } => op::EXIT2,
            Control::Monitor { .. } => op::MONITOR_P,
            Control::Demonitor { .. } => op::DEMONITOR_P,
            Control::Down { .. } => op::MONITOR_P_EXIT,
            Control::SpawnRequest(_) => op::SPAWN_REQUEST,
            Control::SpawnReply { .. } => op::SPAWN_REPLY,
            Control::Unlink { .. } => op::UNLINK_ID,
            Control::UnlinkAck { .. } => op::UNLINK_ID_ACK,
            Control::Nothing => op::NODE_LINK,
        }
    }
}

fn pids(out: &mut WireWriter<'_>, pids: [&WirePid<'_>; 2]) -> Result<(), EncodeError> {
    pids.into_iter().try_for_each(|pid| out.pid(pid))
}

impl Object<'_> {
    fn write(&self, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
        match self {
            Object::Pid(pid) => out.pid(pid),
            Object::Name(name) => out.atom(name),
        }
    }
}
