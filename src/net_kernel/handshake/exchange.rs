//! Handshakes over a stream.

use std::io::{Read, Write};
use std::mem;

use crate::net_kernel::bytes::Bytes;
use crate::net_kernel::name::NodeName;
use crate::net_kernel::random::random;

use super::acceptor::{Acceptor, Admission};
use super::dialler::Dialler;
use super::error::HandshakeError;
use super::message::MAX_LENGTH;
use super::{Identity, Next, Peer};

/// How many bytes the length of a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    Two,
    /// Over TLS.
    #[cfg_attr(not(feature = "dist-tls"), allow(dead_code, reason = "there is no TLS"))]
    Four,
}

impl Lengths {
    /// Returns messages that have lengths of two bytes with lengths of these.
    fn of(self, messages: Vec<u8>) -> Vec<u8> {
        if self == Lengths::Two {
            return messages;
        }
        let (mut bytes, mut long) = (Bytes(&messages), Vec::new());
        while let Some(length) = bytes.u16() {
            long.extend(u32::from(length).to_be_bytes());
            long.extend(bytes.take(length.into()).unwrap_or_default());
        }
        long
    }
}

/// Has the handshake with `peer`, which was dialled.
///
/// Not more is read than belongs to it.
pub(crate) fn dial(
    stream: &mut (impl Read + Write),
    lengths: Lengths,
    us: &Identity,
    peer: &NodeName,
) -> Result<Peer, HandshakeError> {
    let mut out = Vec::new();
    let mut dialler = Dialler::new(us, peer, random()?, &mut out);
    loop {
        stream.write_all(&lengths.of(mem::take(&mut out)))?;
        let mut room = [0; MAX_LENGTH];
        let message = match read_message(stream, lengths, &mut room) {
            Err(HandshakeError::Closed) => return Err(dialler.closed()),
            message => message?,
        };
        match dialler.step(message, &mut out)? {
            Next::Message(next) => dialler = next,
            Next::Through(peer) => return Ok(peer),
        }
    }
}

/// Has the handshake with a node that has dialled.
///
/// Also returns what is to be sent before anything else: it tells that node that it is connected,
/// so an earlier connection must be gone by then. `admit` is asked whether the connection goes on.
pub(crate) fn accept(
    stream: &mut (impl Read + Write),
    lengths: Lengths,
    us: &Identity,
    admit: impl Fn(&Peer) -> Admission,
) -> Result<(Peer, Vec<u8>), HandshakeError> {
    let mut acceptor = Acceptor::new(us, random()?);
    loop {
        let mut room = [0; MAX_LENGTH];
        let message = read_message(stream, lengths, &mut room)?;
        let mut out = Vec::new();
        match acceptor.step(message, &mut out, &admit) {
            Ok(Next::Message(next)) => {
                stream.write_all(&lengths.of(out))?;
                acceptor = next;
            }
            Ok(Next::Through(peer)) => return Ok((peer, lengths.of(out))),
            Err(error) => {
                // Why it has failed matters more than that this cannot be said.
                _ = stream.write_all(&lengths.of(out));
                return Err(error);
            }
        }
    }
}

/// Reads a message, without its length.
fn read_message<'r>(
    stream: &mut impl Read,
    lengths: Lengths,
    room: &'r mut [u8; MAX_LENGTH],
) -> Result<&'r [u8], HandshakeError> {
    let mut length = [0; 4];
    let short = if lengths == Lengths::Two { 2 } else { 0 };
    stream.read_exact(&mut length[short..])?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let message = room.get_mut(..length).ok_or(HandshakeError::TooLong(length))?;
    stream.read_exact(message)?;
    Ok(message)
}
