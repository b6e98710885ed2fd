//! What has to be killed while all applications are stopped.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::message::Object;
use crate::process;
use crate::report::{self, ApplicationEvent, Context, HandlerId, Report};

use super::master::application_of;

/// What had to be killed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Killed {
    /// A child of a supervisor.
    Child {
        /// The supervisor, by its name if it has one.
        supervisor: Object,
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

/// Sees what is killed, as long as it is there.
#[derive(Debug)]
pub(super) struct Witness {
    killed: Arc<Mutex<Vec<Killed>>>,
    handler: HandlerId,
}

impl Witness {
    pub(super) fn new() -> Witness {
        let killed = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&killed);
        let handler = report::add_handler(move |report| {
            let killed = killed_in(report);
            seen.lock().extend(killed);
        });
        Witness { killed, handler }
    }

    pub(super) fn add(&self, killed: Killed) {
        self.killed.lock().push(killed);
    }

    pub(super) fn killed(&self) -> Vec<Killed> {
        self.killed.lock().clone()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        report::remove_handler(self.handler);
    }
}

/// What a report, which is by the calling process, says of something that was killed.
fn killed_in(report: &Report) -> Option<Killed> {
    match report {
        Report::Supervisor(report) => {
            let is_killed = report.context == Context::ShutdownError
                && report.reason == ExitReason::Killed
                && application_of(process::self_pid()).is_some();
            let (supervisor, id) = (report.supervisor.clone(), report.child.id.clone());
            is_killed.then_some(Killed::Child { supervisor, id })
        }
        Report::Application(report) => {
            let is_killed = report.event == ApplicationEvent::Exited(ExitReason::Killed);
            is_killed.then(|| Killed::Application(report.application.clone()))
        }
        Report::Server(_) | Report::Crash(_) | Report::Progress(_) => None,
    }
}
