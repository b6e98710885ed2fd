//! What has to be killed while all applications are stopped.

use std::fmt;

use crate::message::Destination;
use crate::supervisor::killed::KilledChild;

/// What had to be killed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Killed {
    /// A child of a supervisor.
    Child {
        /// The supervisor, by its name if it has one.
        supervisor: Destination,
        /// What it calls the child.
        id: String,
    },
    /// A whole application.
    Application(String),
    /// What was to be done [before the stop](super::Runner::before_stop).
    BeforeStop,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Killed::Child { supervisor, id } => write!(f, "child {id:?} of {supervisor}"),
            Killed::Application(name) => write!(f, "application {name}"),
            Killed::BeforeStop => f.write_str("what was to be done before the stop"),
        }
    }
}

impl From<KilledChild> for Killed {
    fn from(KilledChild { supervisor, id }: KilledChild) -> Killed {
        Killed::Child { supervisor, id }
    }
}
