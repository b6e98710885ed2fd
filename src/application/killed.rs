//! What had to be killed while all applications were stopped.

use std::fmt;

use crate::message::Destination;
use crate::supervisor::killed::KilledChild;

/// Something that did not end in time and was killed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Killed {
    /// A child of a supervisor.
    Child {
        /// The supervisor, by its name if it has one.
        supervisor: Destination,
        /// The id of the child.
        id: String,
    },
    /// A whole application, by its name.
    Application(String),
    /// An application that was still being started, by its name.
    Start(String),
    /// The work [before the stop](super::Runner::before_stop).
    BeforeStop,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Killed::Child { supervisor, id } => write!(f, "child {id:?} of {supervisor}"),
            Killed::Application(name) => write!(f, "application {name}"),
            Killed::Start(name) => write!(f, "application {name}, which was being started"),
            Killed::BeforeStop => f.write_str("the work before the stop"),
        }
    }
}

impl From<KilledChild> for Killed {
    fn from(KilledChild { supervisor, id }: KilledChild) -> Killed {
        Killed::Child { supervisor, id }
    }
}
