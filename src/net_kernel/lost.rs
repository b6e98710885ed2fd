//! Why a connection is lost.

use std::fmt;
use std::io;

use log::Level;

use crate::exit::ExitReason;
use crate::id::Node;
use crate::io::is_interrupted;
use crate::user_code::log_caught;

use super::control::ControlError;
use super::frame::FrameError;

/// The target of what is logged.
pub(super) const LOG: &str = "procession::net_kernel";

/// Why a connection is lost.
pub(super) enum Lost {
    Closed,
    Silent,
    /// It takes less than is sent to it.
    Overloaded,
    Io(io::Error),
    Frame(FrameError),
    Control(ControlError),
    /// A signal is from a process of a third node, or to one.
    Strangers,
    /// The process of the connection is to end for this reason.
    Told(ExitReason),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Closed => f.write_str("the node has closed the connection"),
            Lost::Silent => f.write_str("the node has not been heard of for the tick time"),
            Lost::Overloaded => f.write_str("too much waits to be sent to the node"),
            Lost::Io(error) => fmt::Display::fmt(error, f),
            Lost::Frame(error) => fmt::Display::fmt(error, f),
            Lost::Control(error) => fmt::Display::fmt(error, f),
            Lost::Strangers => f.write_str("a signal is from a third node, or to one"),
            Lost::Told(reason) => fmt::Display::fmt(reason, f),
        }
    }
}

impl Lost {
    /// Logs that the connection with `node` is lost, if that is as something is wrong with it.
    pub(super) fn log(&self, node: Node) {
        match self {
            Lost::Closed | Lost::Silent | Lost::Io(_) | Lost::Told(_) => {}
            Lost::Overloaded | Lost::Frame(_) | Lost::Control(_) | Lost::Strangers => {
                let text = format_args!("the connection with {node} is closed: {self}");
                log_caught(Level::Warn, LOG, text);
            }
        }
    }
}

/// That a connection is lost is no failure of its processes.
impl From<Lost> for ExitReason {
    fn from(lost: Lost) -> ExitReason {
        match lost {
            Lost::Told(reason) => reason,
            Lost::Io(error) if is_interrupted(&error) => error.into(),
            Lost::Closed
            | Lost::Silent
            | Lost::Io(_)
            | Lost::Overloaded
            | Lost::Frame(_)
            | Lost::Control(_)
            | Lost::Strangers => ExitReason::shutdown_with(lost.to_string()),
        }
    }
}
