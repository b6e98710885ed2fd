//! The messages of a handshake.

use crate::net_kernel::bytes::{Bytes, from_latin1, length};
use crate::net_kernel::cookie::Digest;
use crate::net_kernel::name::NodeName;

use super::error::HandshakeError;
use super::flags::Flags;
use super::{Identity, Peer};

/// The most bytes that a message may have before the other side is known.
pub(super) const MAX_LENGTH: usize = 1024;

/// What the acceptor says about the dialler's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    OkSimultaneous,
    Nok,
    NotAllowed,
    Alive,
}

impl Status {
    const ALL: [(Status, &str); 5] = [
        (Status::Ok, "ok"),
        (Status::OkSimultaneous, "ok_simultaneous"),
        (Status::Nok, "nok"),
        (Status::NotAllowed, "not_allowed"),
        (Status::Alive, "alive"),
    ];

    fn text(self) -> &'static str {
        let known = Status::ALL.iter().find(|(status, _)| *status == self);
        known.expect("all are there").1
    }
}

/// What a node says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Introduction {
    flags: Flags,
    creation: u32,
    name: String,
}

impl Introduction {
    /// Returns who it is, if it can be talked to.
    pub(super) fn peer(self, ours: &Identity) -> Result<Peer, HandshakeError> {
        let Introduction { flags, creation, name } = self;
        let name = NodeName::new(name.as_str()).ok_or(HandshakeError::NoName(name))?;
        if name == ours.name {
            return Err(HandshakeError::OurName);
        }
        let flags = flags.in_force(ours.flags).map_err(HandshakeError::Lacks)?;
        Ok(Peer { name, creation, flags })
    }
}

/// Writes a message that is made of these parts.
fn write(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&length(body));
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

pub(super) fn write_name(out: &mut Vec<u8>, us: &Identity) {
    let name = us.name.to_wire();
    let (flags, creation) = (us.flags.0.to_be_bytes(), us.creation.to_be_bytes());
    write(out, &[b"N", &flags, &creation, &length(name.len()), &name]);
}

pub(super) fn write_challenge(out: &mut Vec<u8>, us: &Identity, challenge: u32) {
    let name = us.name.to_wire();
    let (flags, creation) = (us.flags.0.to_be_bytes(), us.creation.to_be_bytes());
    write(out, &[b"N", &flags, &challenge.to_be_bytes(), &creation, &length(name.len()), &name]);
}

pub(super) fn write_status(out: &mut Vec<u8>, status: Status) {
    write(out, &[b"s", status.text().as_bytes()]);
}

/// The answer to [`Status::Alive`]: whether the dialler goes on.
pub(super) fn write_goes_on(out: &mut Vec<u8>, goes_on: bool) {
    write(out, &[b"s", if goes_on { b"true" } else { b"false" }]);
}

pub(super) fn write_reply(out: &mut Vec<u8>, challenge: u32, digest: &Digest) {
    write(out, &[b"r", &challenge.to_be_bytes(), digest]);
}

pub(super) fn write_ack(out: &mut Vec<u8>, digest: &Digest) {
    write(out, &[b"a", digest]);
}

/// Takes the tag of a message apart by `read`, or says what was expected.
fn read<'a, T>(
    message: &'a [u8],
    (tag, expected): (u8, &'static str),
    read: impl FnOnce(&mut Bytes<'a>) -> Option<T>,
) -> Result<T, HandshakeError> {
    let mut bytes = Bytes(message);
    let is_it = bytes.u8() == Some(tag);
    let content = is_it.then(|| read(&mut bytes)).flatten();
    content.ok_or(HandshakeError::Unexpected(expected))
}

fn text(bytes: &mut Bytes<'_>) -> Option<String> {
    let length = bytes.u16()?;
    bytes.take(length.into()).map(from_latin1)
}

pub(super) fn read_name(message: &[u8]) -> Result<Introduction, HandshakeError> {
    read(message, (b'N', "its name"), |bytes| {
        let (flags, creation) = (Flags(bytes.u64()?), bytes.u32()?);
        Some(Introduction { flags, creation, name: text(bytes)? })
    })
}

/// Also returns the challenge.
pub(super) fn read_challenge(message: &[u8]) -> Result<(Introduction, u32), HandshakeError> {
    read(message, (b'N', "its name and a challenge"), |bytes| {
        let (flags, challenge) = (Flags(bytes.u64()?), bytes.u32()?);
        let creation = bytes.u32()?;
        Some((Introduction { flags, creation, name: text(bytes)? }, challenge))
    })
}

pub(super) fn read_status(message: &[u8]) -> Result<Status, HandshakeError> {
    read(message, (b's', "a status"), |bytes| {
        let known = Status::ALL.iter().find(|(_, text)| text.as_bytes() == bytes.0);
        known.map(|(status, _)| *status)
    })
}

pub(super) fn read_goes_on(message: &[u8]) -> Result<bool, HandshakeError> {
    read(message, (b's', "whether it goes on"), |bytes| match bytes.0 {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    })
}

pub(super) fn read_reply(message: &[u8]) -> Result<(u32, Digest), HandshakeError> {
    read(message, (b'r', "the reply to a challenge"), |bytes| Some((bytes.u32()?, bytes.array()?)))
}

pub(super) fn read_ack(message: &[u8]) -> Result<Digest, HandshakeError> {
    read(message, (b'a', "the acknowledgement of a challenge"), Bytes::array)
}
