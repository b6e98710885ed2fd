//! Reading control messages.

use crate::term::{DecodeError, WirePid, WireTerm, WireTuple};

use super::op::{self, Shape, untraced};
use super::{Control, ControlError, Function, Object, SpawnRequest, Spawned};

/// A control message that is being read.
struct Reading<'a> {
    /// What has not been taken yet.
    tuple: WireTuple<'a>,
    payload: Option<WireTerm<'a>>,
    /// Whether the next element but the last is a token, and not the last one.
    has_token_before_reason: bool,
}

impl<'a> Control<'a> {
    /// Reads a message with what it carries, which is the rest of the bytes.
    ///
    /// All of it is well-formed. Only what it carries may be larger than a receiver may be made to
    /// build, which is seen when that is [read](WireTerm::read).
    pub(in crate::net_kernel) fn read(bytes: &'a [u8]) -> Result<Control<'a>, ControlError> {
        let (mut tuple, rest) = WireTuple::open(bytes).map_err(ControlError::Tuple)?;
        let elements = tuple.left();
        let op = tuple.integer().map_err(ControlError::Tuple)?;
        let plain = untraced(op);
        let (plain, is_traced) = (plain.unwrap_or(op), plain.is_some());
        let shape = Shape::of(plain).ok_or(ControlError::Op(op))?;
        let expected = shape.elements + usize::from(is_traced);
        if elements != expected {
            return Err(ControlError::Elements { op, elements, expected });
        }
        let payload = match (shape.has_payload, rest.len()) {
            (true, _) => {
                Some(WireTerm::open(rest).map_err(|error| ControlError::Payload(op, error))?)
            }
            (false, 0) => None,
            (false, length) => return Err(ControlError::TooMuch { op, length }),
        };
        let has_token_before_reason = is_traced && matches!(plain, op::EXIT | op::EXIT2);
        let reading = Reading { tuple, payload, has_token_before_reason };
        reading.message(plain).map_err(|error| ControlError::Element(op, error))
    }
}

impl<'a> Reading<'a> {
    fn message(mut self, op: u64) -> Result<Control<'a>, DecodeError> {
        Ok(match op {
            op::LINK => Control::Link { from: self.pid()?, to: self.pid()? },
            op::SEND | op::SEND_SENDER => {
                // Of the second, the sender.
                self.skip()?;
                Control::Send { to: self.pid()?, message: self.carried()? }
            }
            op::REG_SEND => {
                let from = self.pid()?;
                self.skip()?;
                Control::SendToName { from, name: self.tuple.atom()?, message: self.carried()? }
            }
            op::ALIAS_SEND => {
                let (from, alias) = (self.pid()?, self.tuple.reference()?);
                Control::SendToAlias { from, alias, message: self.carried()? }
            }
            op::EXIT | op::PAYLOAD_EXIT => {
                Control::Exit { from: self.pid()?, to: self.pid()?, reason: self.carried()? }
            }
            op::EXIT2 | op::PAYLOAD_EXIT2 => {
                Control::ExitRequest { from: self.pid()?, to: self.pid()?, reason: self.carried()? }
            }
            op::MONITOR_P => {
                let (from, object) = (self.pid()?, self.object()?);
                Control::Monitor { from, object, reference: self.tuple.reference()? }
            }
            op::DEMONITOR_P => {
                let (from, object) = (self.pid()?, self.object()?);
                Control::Demonitor { from, object, reference: self.tuple.reference()? }
            }
            op::MONITOR_P_EXIT | op::PAYLOAD_MONITOR_P_EXIT => {
                let (object, to) = (self.object()?, self.pid()?);
                let reference = self.tuple.reference()?;
                Control::Down { object, to, reference, reason: self.carried()? }
            }
            op::SPAWN_REQUEST => Control::SpawnRequest(Box::new(self.spawn_request()?)),
            op::SPAWN_REPLY => {
                let (request, to) = (self.tuple.reference()?, self.pid()?);
                let flags = self.tuple.integer()?;
                let spawned = match self.tuple.pid_or_atom()? {
                    Ok(pid) => Spawned::Pid(pid),
                    Err(error) => Spawned::Error(error),
                };
                Control::SpawnReply { request, to, flags, spawned }
            }
            op::UNLINK_ID => {
                let number = self.tuple.positive()?;
                Control::Unlink { number, from: self.pid()?, to: self.pid()? }
            }
            op::UNLINK_ID_ACK => {
                let number = self.tuple.positive()?;
                Control::UnlinkAck { number, from: self.pid()?, to: self.pid()? }
            }
            _ => Control::Nothing,
        })
    }

    fn spawn_request(&mut self) -> Result<SpawnRequest<'a, WireTerm<'a>>, DecodeError> {
        let request = self.tuple.reference()?;
        let (from, leader) = (self.pid()?, self.pid()?);
        let mut function = self.tuple.tuple()?;
        let (module, name) = (function.atom()?, function.atom()?);
        let function = Function { module, name, arity: function.integer()? };
        let options = self.tuple.term()?;
        Ok(SpawnRequest { request, from, leader, function, options, arguments: self.carried()? })
    }

    fn pid(&mut self) -> Result<WirePid<'a>, DecodeError> {
        self.tuple.pid()
    }

    fn object(&mut self) -> Result<Object<'a>, DecodeError> {
        Ok(match self.tuple.pid_or_atom()? {
            Ok(pid) => Object::Pid(pid),
            Err(name) => Object::Name(name),
        })
    }

    fn skip(&mut self) -> Result<(), DecodeError> {
        self.tuple.term().map(|_| ())
    }

    /// Returns what the message carries: what follows the tuple, or its next element.
    fn carried(&mut self) -> Result<WireTerm<'a>, DecodeError> {
        if let Some(payload) = self.payload {
            return Ok(payload);
        }
        if self.has_token_before_reason {
            self.skip()?;
        }
        self.tuple.term()
    }
}
