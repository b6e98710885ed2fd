//! The types of events and of timeouts.

use std::borrow::Cow;
use std::fmt;

use crate::id::Pid;
use crate::sys::Kind;

/// How an event has come to a state machine.
///
/// OTP: [`event_type()`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:event_type/0).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// A client waits for the reply: this process. The event has its
    /// [`ReplyTo`](crate::gen_server::ReplyTo).
    Call(Pid),
    /// It was cast.
    Cast,
    /// It was an ordinary message, which [`info`](super::GenStatem::info) has made an event.
    Info,
    /// The machine has [inserted](super::Actions::next_event) it.
    Internal,
    /// It is that of the event timeout.
    EventTimeout,
    /// It is that of the state timeout.
    StateTimeout,
    /// It is that of the generic timeout with this name. OTP: `{timeout, Name}`.
    GenericTimeout(Cow<'static, str>),
}

/// A timeout of a state machine: there is one of each type at most.
///
/// OTP: [`timeout_event_type()`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:timeout_event_type/0).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TimeoutType {
    /// The event timeout, which every event ends. OTP: `timeout`.
    Event,
    /// The state timeout, which a change of the state ends. OTP: `state_timeout`.
    State,
    /// The generic timeout with this name, which only its own event ends. OTP: `{timeout, Name}`.
    Generic(Cow<'static, str>),
}

impl EventType {
    /// Returns the client, if the event is a call.
    pub(super) fn client(&self) -> Option<Pid> {
        match self {
            EventType::Call(client) => Some(*client),
            EventType::Cast
            | EventType::Info
            | EventType::Internal
            | EventType::EventTimeout
            | EventType::StateTimeout
            | EventType::GenericTimeout(_) => None,
        }
    }
}

impl From<TimeoutType> for EventType {
    fn from(timeout: TimeoutType) -> EventType {
        match timeout {
            TimeoutType::Event => EventType::EventTimeout,
            TimeoutType::State => EventType::StateTimeout,
            TimeoutType::Generic(name) => EventType::GenericTimeout(name),
        }
    }
}

/// The timeout with this name.
impl From<&'static str> for TimeoutType {
    fn from(name: &'static str) -> TimeoutType {
        TimeoutType::Generic(name.into())
    }
}

/// The timeout with this name.
impl From<String> for TimeoutType {
    fn from(name: String) -> TimeoutType {
        TimeoutType::Generic(name.into())
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventType::Call(_) => f.write_str("call"),
            EventType::Cast => f.write_str("cast"),
            EventType::Info => f.write_str("info"),
            EventType::Internal => f.write_str("internal"),
            EventType::EventTimeout => f.write_str("timeout"),
            EventType::StateTimeout => f.write_str("state timeout"),
            EventType::GenericTimeout(name) => write!(f, "timeout {name:?}"),
        }
    }
}

impl fmt::Display for TimeoutType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeoutType::Event => f.write_str("timeout"),
            TimeoutType::State => f.write_str("state timeout"),
            TimeoutType::Generic(name) => write!(f, "timeout {name:?}"),
        }
    }
}

impl From<&EventType> for Kind {
    fn from(kind: &EventType) -> Kind {
        match kind {
            EventType::Call(_) => Kind::Call,
            EventType::Cast => Kind::Cast,
            EventType::Info => Kind::Info,
            EventType::Internal => Kind::Internal,
            EventType::EventTimeout => Kind::EventTimeout,
            EventType::StateTimeout => Kind::StateTimeout,
            EventType::GenericTimeout(_) => Kind::GenericTimeout,
        }
    }
}
