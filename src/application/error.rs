//! The error of the functions on applications.

use std::fmt;

use crate::call_error::CallError;
use crate::error_text::errors;
use crate::exit::{ExitReason, OfStart};

/// The error of the functions on applications.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ApplicationError {
    /// An application has no name.
    NoName,
    /// This application has phases, but no [`Callback`](super::Callback) to go through them.
    NoCallback(String),
    /// This application is loaded.
    AlreadyLoaded(String),
    /// This application is not loaded.
    NotLoaded(String),
    /// This application runs, and cannot be unloaded.
    Running(String),
    /// This application runs.
    AlreadyStarted(String),
    /// This application, which is to be stopped or is depended on, was not started, or was stopped.
    NotStarted(String),
    /// This application, which is depended on, was started, but has ended by itself.
    NotRunning(String),
    /// These applications depend on one another.
    Circular(Vec<String>),
    /// An application failed to start.
    Start {
        /// The name of the application.
        application: String,
        /// The reason.
        reason: ExitReason,
    },
    /// The [`config_change`](super::Callback::config_change) of an application has panicked.
    ConfigChange {
        /// The name of the application.
        application: String,
        /// The panic.
        reason: ExitReason,
    },
    /// All applications are being stopped.
    Terminating,
    /// The process that knows of the applications could not be started.
    NoController(ExitReason),
    /// There was no answer.
    Call(CallError),
}

impl fmt::Display for ApplicationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("an application needs a name"),
            Self::NoCallback(name) => {
                write!(f, "application {name} has phases, but no callback to go through them")
            }
            Self::AlreadyLoaded(name) => write!(f, "application {name} is already loaded"),
            Self::NotLoaded(name) => write!(f, "application {name} is not loaded"),
            Self::Running(name) => write!(f, "application {name} is running"),
            Self::AlreadyStarted(name) => write!(f, "application {name} is already started"),
            Self::NotStarted(name) => write!(f, "application {name} is not started"),
            Self::NotRunning(name) => write!(f, "application {name} was started, but has ended"),
            Self::Circular(names) => {
                write!(f, "applications depend on one another: {}", names.join(", "))
            }
            Self::Start { application, reason } => {
                write!(f, "application {application} failed to start: {}", OfStart(reason))
            }
            Self::ConfigChange { application, reason } => {
                write!(f, "application {application} has failed to change: {reason}")
            }
            Self::Terminating => f.write_str("all applications are being stopped"),
            Self::NoController(reason) => {
                write!(f, "the application controller could not be started: {reason}")
            }
            Self::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

errors!(ApplicationError);

impl From<CallError> for ApplicationError {
    fn from(error: CallError) -> ApplicationError {
        ApplicationError::Call(error)
    }
}
