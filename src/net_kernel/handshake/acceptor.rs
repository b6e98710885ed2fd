//! The side that the connection was made to.

use crate::net_kernel::name::NodeName;

use super::error::HandshakeError;
use super::message::{
    Status, read_goes_on, read_name, read_reply, write_ack, write_challenge, write_status,
};
use super::{Identity, Next, Peer};

/// What there is already between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Nothing,
    /// This side is dialling the other one.
    Dialling,
    /// They are connected.
    Up,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Yes,
    /// It does, and the dial of this side is given up.
    InsteadOfOurs,
    /// It does not, as the dial of this side does.
    No,
    /// It takes the place of another one, which its node may know to be lost.
    InPlaceOfAnother,
}

impl Admission {
    /// Of two dials that meet one goes on, for both sides the same.
    pub(crate) fn of(theirs: &NodeName, ours: &NodeName, standing: Standing) -> Admission {
        match standing {
            Standing::Nothing => Admission::Yes,
            Standing::Dialling if ours > theirs => Admission::No,
            Standing::Dialling => Admission::InsteadOfOurs,
            Standing::Up => Admission::InPlaceOfAnother,
        }
    }
}

/// The machine of the acceptor.
#[derive(Debug)]
pub(super) struct Acceptor<'a> {
    us: &'a Identity,
    challenge: u32,
    waits_for: State,
}

#[derive(Debug)]
enum State {
    Name,
    GoesOn(Peer),
    Reply(Peer),
}

impl<'a> Acceptor<'a> {
    /// Waits for the name of a node, which will have to answer `challenge`.
    pub(super) fn new(us: &'a Identity, challenge: u32) -> Acceptor<'a> {
        Acceptor { us, challenge, waits_for: State::Name }
    }

    /// Takes a message, without its length; `out` gets what is to be sent in any case. When the
    /// name of the other side is known, `admit` is asked whether the connection goes on.
    ///
    /// What it says last tells the other side that the connection is up: before that is sent, the
    /// one that it takes the place of must be gone.
    pub(super) fn step(
        self,
        message: &[u8],
        out: &mut Vec<u8>,
        admit: impl FnOnce(&Peer) -> Admission,
    ) -> Result<Next<Acceptor<'a>>, HandshakeError> {
        let Acceptor { us, challenge, .. } = self;
        match self.waits_for {
            State::Name => {
                let refuse = |_: &HandshakeError| write_status(out, Status::NotAllowed);
                let peer = read_name(message)?.peer(us).inspect_err(refuse)?;
                let status = match admit(&peer) {
                    Admission::Yes => Status::Ok,
                    Admission::InsteadOfOurs => Status::OkSimultaneous,
                    Admission::No => Status::Nok,
                    Admission::InPlaceOfAnother => Status::Alive,
                };
                write_status(out, status);
                match status {
                    Status::Ok | Status::OkSimultaneous => Ok(self.challenge(peer, out)),
                    Status::Alive => {
                        Ok(Next::Message(Acceptor { waits_for: State::GoesOn(peer), ..self }))
                    }
                    Status::Nok | Status::NotAllowed => Err(HandshakeError::Simultaneous),
                }
            }
            State::GoesOn(ref peer) => {
                if !read_goes_on(message)? {
                    return Err(HandshakeError::GivenUp);
                }
                let peer = peer.clone();
                Ok(self.challenge(peer, out))
            }
            State::Reply(peer) => {
                let (theirs, digest) = read_reply(message)?;
                if !us.cookie.is_proved_by(&digest, challenge) {
                    return Err(HandshakeError::WrongCookie);
                }
                write_ack(out, &us.cookie.digest(theirs));
                Ok(Next::Through(peer))
            }
        }
    }

    fn challenge(self, peer: Peer, out: &mut Vec<u8>) -> Next<Acceptor<'a>> {
        write_challenge(out, self.us, self.challenge);
        Next::Message(Acceptor { waits_for: State::Reply(peer), ..self })
    }
}
