//! Why an observer does not start.

use std::fmt;
use std::net::IpAddr;

use crate::error_text::errors;

/// The shortest token.
pub(super) const MIN_TOKEN: usize = 16;

/// Why an observer does not start: what was set does not go together.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebError {
    /// It is to listen on an address of the network, and has no token.
    NoToken(IpAddr),
    /// The token is shorter than sixteen characters.
    ShortToken,
    /// The token has a character that is neither a letter of ASCII nor a digit nor one of `-._~`,
    /// and would have to be escaped in an address.
    TokenCharacter(char),
    /// It is to listen on all addresses, and nobody has said by which names it is reached.
    NoHost(IpAddr),
    /// This is no name of a host, nor one with a port.
    Host(String),
    /// The interval is zero.
    NoInterval,
}

impl fmt::Display for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken(address) => {
                write!(f, "an observer on {address} needs a token, as others reach that address")
            }
            Self::ShortToken => {
                write!(f, "the token of an observer has at least {MIN_TOKEN} characters")
            }
            Self::TokenCharacter(character) => {
                write!(
                    f,
                    "the token of an observer has letters, digits and -._~, not {character:?}"
                )
            }
            Self::NoHost(address) => {
                write!(f, "an observer on {address} needs to know by which hosts it is reached")
            }
            Self::Host(host) => write!(f, "{host:?} is no name of a host"),
            Self::NoInterval => f.write_str("the interval of an observer is longer than zero"),
        }
    }
}

errors!(WebError);
