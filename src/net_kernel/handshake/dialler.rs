//! The side that has made the connection.

use crate::net_kernel::name::NodeName;

use super::error::HandshakeError;
use super::message::{
    Status, read_ack, read_challenge, read_status, write_goes_on, write_name, write_reply,
};
use super::{Identity, Next, Peer};

/// The machine of the dialler.
#[derive(Debug)]
pub(super) struct Dialler<'a> {
    us: &'a Identity,
    peer: &'a NodeName,
    challenge: u32,
    waits_for: State,
}

#[derive(Debug)]
enum State {
    Status,
    Challenge,
    Ack(Peer),
}

impl<'a> Dialler<'a> {
    /// Begins a handshake with `peer`, which will have to answer `challenge`.
    pub(super) fn new(
        us: &'a Identity,
        peer: &'a NodeName,
        challenge: u32,
        out: &mut Vec<u8>,
    ) -> Dialler<'a> {
        write_name(out, us);
        Dialler { us, peer, challenge, waits_for: State::Status }
    }

    /// Takes a message, without its length; `out` gets what is to be sent in any case.
    pub(super) fn step(
        self,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Next<Dialler<'a>>, HandshakeError> {
        let Dialler { us, challenge, .. } = self;
        match self.waits_for {
            State::Status => {
                match read_status(message)? {
                    Status::Ok | Status::OkSimultaneous => {}
                    Status::Alive => write_goes_on(out, true),
                    Status::Nok => return Err(HandshakeError::Simultaneous),
                    Status::NotAllowed => return Err(HandshakeError::NotAllowed),
                }
                Ok(Next::Message(Dialler { waits_for: State::Challenge, ..self }))
            }
            State::Challenge => {
                let (introduction, theirs) = read_challenge(message)?;
                let peer = introduction.peer(us)?;
                if peer.name != *self.peer {
                    return Err(HandshakeError::AnotherNode(peer.name));
                }
                write_reply(out, challenge, &us.cookie.digest(theirs));
                Ok(Next::Message(Dialler { waits_for: State::Ack(peer), ..self }))
            }
            State::Ack(peer) => {
                let digest = read_ack(message)?;
                let is_proved = us.cookie.is_proved_by(&digest, challenge);
                if is_proved { Ok(Next::Through(peer)) } else { Err(HandshakeError::WrongCookie) }
            }
        }
    }

    /// Returns what it means that the connection is closed now. A node that has another cookie
    /// finds that out first, and says nothing.
    pub(super) fn closed(&self) -> HandshakeError {
        match self.waits_for {
            State::Status | State::Challenge => HandshakeError::Closed,
            State::Ack(_) => HandshakeError::WrongCookie,
        }
    }
}
