//! Why this program is not a node, or not connected with one.

use std::fmt;

use crate::error_text::errors;

/// Why there is no connection with a node.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// This program is no node.
    NotAlive,
    /// The node has another cookie.
    WrongCookie,
    /// There is no such node, it cannot be reached, or it refuses to talk to this one: with the
    /// text that says why.
    Failed(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::NotAlive => f.write_str("this program is no node"),
            ConnectError::WrongCookie => f.write_str("the node has another cookie"),
            ConnectError::Failed(why) => f.write_str(why),
        }
    }
}

errors!(ConnectError);
