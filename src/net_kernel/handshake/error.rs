//! Why a handshake has failed.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::error_text::errors;
use crate::net_kernel::name::NodeName;

use super::flags::Flags;

/// Why two nodes are not connected.
pub(crate) enum HandshakeError {
    /// The connection was cut, or the other side was silent for too long.
    Io(io::Error),
    /// The other side has closed the connection.
    Closed,
    /// A message of so many bytes was announced, which no message has.
    TooLong(usize),
    /// Something else has come than this.
    Unexpected(&'static str),
    /// The other side says that it has this name, which no node can have.
    NoName(String),
    /// The other side has the name of this node.
    OurName,
    /// Another node than the one that was dialled.
    AnotherNode(NodeName),
    /// The other side cannot do what it must.
    Lacks(Flags),
    /// The other side has refused to talk to this node.
    NotAllowed,
    /// Both sides have dialled, and the other connection is the one that goes on.
    Simultaneous,
    /// The other side has given up, as it was told that there is a connection already.
    GivenUp,
    WrongCookie,
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> HandshakeError {
        let closed = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        if closed.contains(&error.kind()) {
            HandshakeError::Closed
        } else {
            HandshakeError::Io(error)
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Io(error) if error.kind() == ErrorKind::TimedOut => {
                f.write_str("the handshake was not through in time")
            }
            HandshakeError::Io(error) => write!(f, "the handshake was broken off: {error}"),
            HandshakeError::Closed => f.write_str("the node has closed the connection"),
            HandshakeError::TooLong(length) => {
                write!(f, "a message of {length} bytes in the handshake")
            }
            HandshakeError::Unexpected(expected) => {
                write!(f, "the node has sent something else than {expected}")
            }
            HandshakeError::NoName(name) => write!(f, "{name:?} cannot be the name of a node"),
            HandshakeError::OurName => f.write_str("the node has the name of this one"),
            HandshakeError::AnotherNode(name) => write!(f, "the node is {name}"),
            HandshakeError::Lacks(flags) => write!(f, "the node lacks {flags}"),
            HandshakeError::NotAllowed => f.write_str("the node does not allow the connection"),
            HandshakeError::Simultaneous => f.write_str("the node has dialled at the same time"),
            HandshakeError::GivenUp => f.write_str("the node has given up the connection"),
            HandshakeError::WrongCookie => f.write_str("the node has another cookie"),
        }
    }
}

errors!(HandshakeError);
