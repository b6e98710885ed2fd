//! Programs that are nothing but their applications.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::process;

use super::controller::{
    AwaitEnd, Begun, Cause, End, Load, RunSettings, WhichApplications, Work, ask, controller,
};
use super::killed::Killed;
#[cfg(all(unix, feature = "signals"))]
use super::{
    Application, ApplicationError, Mode, RestartType, ensure_all_started_as, signals, unload,
};

/// Starts applications, waits until they are to stop, and stops them.
///
/// It returns when all are stopped, the last that was started first: when the program gets `SIGINT`
/// or `SIGTERM`, when [`terminate`](super::terminate) is called, or when one of them has ended. One
/// that is still being started then has two seconds for that, until it is killed. A second signal,
/// while they are being stopped, ends the program at once with the exit code 1, as any signal does
/// that comes after `run` has returned. Signals are listened to on Unix, if the crate has its
/// feature `signals`, as it has by default.
///
/// If the process that runs them ends before that, all are stopped, too.
///
/// All are started as [`RestartType::Permanent`]; a [`Runner`] says otherwise.
///
/// ```no_run
/// use procession::application::{self, Application, RunError};
///
/// # fn shop() -> Application { Application::new("shop") }
/// fn main() -> Result<(), RunError> {
///     application::run([shop()]) // The exit code is 0 or 1.
/// }
/// ```
///
/// # Errors
///
/// - [`RunError::Start`] if one could not be loaded or started: then those before it were stopped.
/// - [`RunError::Ended`] if one has ended by itself.
/// - [`RunError::Killed`] if something did not stop in its time.
/// - [`RunError::Controller`] if nobody knows of the applications any more.
pub fn run(applications: impl IntoIterator<Item = Application>) -> Result<(), RunError> {
    Runner::new(applications).run()
}

/// How applications are [run](fn@run).
#[must_use = "it does nothing until it runs"]
pub struct Runner {
    applications: Vec<Application>,
    restart: RestartType,
    mode: Mode,
    settings: RunSettings,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("applications", &self.applications).finish_non_exhaustive()
    }
}

impl Runner {
    /// Of these applications. They are started in this order, but for what depends on others.
    pub fn new(applications: impl IntoIterator<Item = Application>) -> Runner {
        Runner {
            applications: applications.into_iter().collect(),
            restart: RestartType::Permanent,
            mode: Mode::Serial,
            settings: RunSettings::default(),
        }
    }

    /// Sets what the end of one means for the others. Default: [`RestartType::Permanent`].
    pub fn restart_type(mut self, restart: RestartType) -> Runner {
        self.restart = restart;
        self
    }

    /// Sets in which way they are started. Default: one after another.
    pub fn mode(mut self, mode: Mode) -> Runner {
        self.mode = mode;
        self
    }

    /// Sets how long each application may take to stop, until what is left of it is killed; and
    /// what is done [before that](Self::before_stop). Default: as long as it takes.
    ///
    /// OTP: [`shutdown_timeout`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#shutdown_timeout).
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Runner {
        self.settings.shutdown_timeout = Some(timeout);
        self
    }

    /// Has `work` done, in a process of its own, before the first one is stopped.
    ///
    /// OTP: [`shutdown_func`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#shutdown_func).
    pub fn before_stop(mut self, work: impl FnOnce() + Send + 'static) -> Runner {
        self.settings.before_stop = Some(Work::new(work));
        self
    }

    /// Runs them.
    ///
    /// # Errors
    ///
    /// As [`run`](fn@run).
    pub fn run(self) -> Result<(), RunError> {
        let Runner { applications, restart, mode, settings } = self;
        let controller = controller().map_err(RunError::Controller)?;
        let request = AwaitEnd { settings, is_starting: true };
        let mut end = controller.send_request(request);
        // It answers at once if it cannot be waited for.
        _ = controller.call(WhichApplications);
        if let Ok(Err(error)) = end.wait_response(Duration::ZERO) {
            return Err(RunError::Start(error));
        }
        #[cfg(all(unix, feature = "signals"))]
        let _until_the_end = signals::listen();
        let mut loaded = Vec::new();
        let started = start(applications, &mut loaded, restart, mode);
        let process = process::self_pid();
        controller.cast(Begun { process, has_failed: started.is_err() });
        let end = end.receive_response(Duration::MAX);
        for name in loaded {
            _ = unload(&name); // It may have been unloaded before.
        }
        let end = end.unwrap_or_else(|error| Err(error.into()));
        verdict(started, end.map_err(RunError::Controller)?)
    }
}

/// How a run was, by how its start and its end were.
fn verdict(started: Result<(), ApplicationError>, end: End) -> Result<(), RunError> {
    match (started, end.cause) {
        (Err(error @ ApplicationError::Start { .. }), _) => Err(RunError::Start(error)),
        (_, Cause::Ended { application, reason }) => Err(RunError::Ended { application, reason }),
        // It may have been told to stop before it had begun.
        (Ok(()) | Err(ApplicationError::Terminating), Cause::Told) if end.killed.is_empty() => {
            Ok(())
        }
        (Ok(()) | Err(ApplicationError::Terminating), Cause::Told) => {
            Err(RunError::Killed(end.killed))
        }
        (Err(error), Cause::Told) => Err(RunError::Start(error)),
    }
}

/// Loads and starts applications; `loaded` gets the names of those that were loaded, included ones
/// too.
fn start(
    applications: Vec<Application>,
    loaded: &mut Vec<String>,
    restart: RestartType,
    mode: Mode,
) -> Result<(), ApplicationError> {
    let names: Vec<_> = applications.iter().map(|it| it.info().name.clone()).collect();
    for application in applications {
        loaded.extend(ask(Load(Box::new(application)))??);
    }
    ensure_all_started_as(names, restart, mode).map(drop)
}

/// Error returned from [`run`](fn@run). A `main` that returns it ends with the exit code 1.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunError {
    /// An application could not be loaded or started.
    Start(ApplicationError),
    /// An application has ended by itself.
    Ended {
        /// Which one.
        application: String,
        /// Why.
        reason: ExitReason,
    },
    /// All were stopped, but these did not end in their time, and were killed.
    Killed(Vec<Killed>),
    /// The application controller could not be started, or has ended.
    Controller(ApplicationError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) | Self::Controller(error) => fmt::Display::fmt(error, f),
            Self::Ended { application, reason } => {
                write!(f, "application {application} has ended: {reason}")
            }
            Self::Killed(killed) => {
                let killed: Vec<_> = killed.iter().map(ToString::to_string).collect();
                write!(f, "killed, as they did not end in time: {}", killed.join(", "))
            }
        }
    }
}

impl Error for RunError {}
