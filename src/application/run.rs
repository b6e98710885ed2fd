//! Programs that are nothing but their applications.

use std::fmt;
use std::time::Duration;

#[cfg(all(unix, feature = "signals"))]
use log::Level;

use crate::error_text::errors;
use crate::exit::ExitReason;
use crate::process;
#[cfg(all(unix, feature = "signals"))]
use crate::user_code::log_caught;

use super::controller::{
    AwaitEnd, Begun, Cause, End, Load, RunSettings, WhichApplications, Work, ask, controller,
};
use super::killed::Killed;
use super::{Application, ApplicationError, Mode, RestartType, ensure_all_started_as, unload};
#[cfg(all(unix, feature = "signals"))]
use super::{signals, terminate};

/// Starts applications, waits until they are to stop, and stops them.
///
/// It returns when all are stopped, the last that was started first: when the program gets `SIGINT`
/// or `SIGTERM`, when [`terminate`](super::terminate) is called, or when one of them has ended. An
/// application that is still being started then has two seconds to get ready, and is killed after
/// that. A second signal, while they are being stopped, ends the program at once with the exit code
/// 1, as any signal does that comes after `run` has returned. Signals are handled on Unix, if the
/// crate's feature `signals` is on, as it is by default. Others do what they do to any program:
/// `SIGHUP`, which comes when a terminal is closed, ends it at once, unless it was started with
/// `nohup`.
///
/// If the calling process ends before that, all are stopped, too.
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
/// - [`RunError::Killed`] if a child or an application did not stop in its time, or was still being
///   started when that was over.
/// - [`RunError::Controller`] if the application controller could not be started, or has ended.
pub fn run(applications: impl IntoIterator<Item = Application>) -> Result<(), RunError> {
    Runner::new(applications).run()
}

/// Describes how applications are [run](fn@run).
#[must_use = "a runner starts nothing until `run` is called"]
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
    /// Creates a runner of these applications. They are started in this order, each after those
    /// that it depends on.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// # use procession::prelude::*;
    /// # let shop = Application::new("shop").start(|| {
    /// #     Ok(process::spawn_link(|| {
    /// #         _ = application::terminate();
    /// #         receive! { () => {} }
    /// #     })?)
    /// # });
    /// # use procession::application::Runner;
    /// assert_eq!(Runner::new([shop]).run(), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(applications: impl IntoIterator<Item = Application>) -> Runner {
        Runner {
            applications: applications.into_iter().collect(),
            restart: RestartType::Permanent,
            mode: Mode::Serial,
            settings: RunSettings::default(),
        }
    }

    /// Sets what the end of one application means for the others. Default:
    /// [`RestartType::Permanent`].
    ///
    /// ```
    /// # use procession::application::{Application, RestartType, Runner};
    /// # use procession::prelude::*;
    /// // Its only process ends at once.
    /// let shop = Application::new("shop").start(|| Ok(process::spawn_link(|| ())?));
    /// assert!(Runner::new([shop]).restart_type(RestartType::Permanent).run().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restart_type(mut self, restart: RestartType) -> Runner {
        self.restart = restart;
        self
    }

    /// Sets in which way they are started. Default: one after another.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// # use procession::prelude::*;
    /// # let shop = Application::new("shop").start(|| {
    /// #     Ok(process::spawn_link(|| {
    /// #         _ = application::terminate();
    /// #         receive! { () => {} }
    /// #     })?)
    /// # });
    /// # use procession::application::{Mode, Runner};
    /// assert_eq!(Runner::new([shop]).mode(Mode::Concurrent).run(), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mode(mut self, mode: Mode) -> Runner {
        self.mode = mode;
        self
    }

    /// Sets how long each application may take to stop before what is left of it is killed, and how
    /// long the work [before the stop](Self::before_stop) may take. Default: no limit.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// # use procession::prelude::*;
    /// # let shop = Application::new("shop").start(|| {
    /// #     Ok(process::spawn_link(|| {
    /// #         _ = application::terminate();
    /// #         receive! { () => {} }
    /// #     })?)
    /// # });
    /// # use procession::application::Runner;
    /// # use std::time::Duration;
    /// assert_eq!(Runner::new([shop]).shutdown_timeout(Duration::from_secs(60)).run(), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP:
    /// [`shutdown_timeout`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#shutdown_timeout).
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Runner {
        self.settings.shutdown_timeout = Some(timeout);
        self
    }

    /// Sets work that is done, in a process of its own, before the first application is stopped.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// # use procession::prelude::*;
    /// # let shop = Application::new("shop").start(|| {
    /// #     Ok(process::spawn_link(|| {
    /// #         _ = application::terminate();
    /// #         receive! { () => {} }
    /// #     })?)
    /// # });
    /// # use procession::application::Runner;
    /// let me = process::self_pid();
    /// Runner::new([shop]).before_stop(move || process::send(me, "last orders")).run()?;
    /// assert!(process::receive().is::<&str>());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP:
    /// [`shutdown_func`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#shutdown_func).
    pub fn before_stop(mut self, work: impl FnOnce() + Send + 'static) -> Runner {
        self.settings.before_stop = Some(Work::new(work));
        self
    }

    /// Starts the applications, waits until they are to stop, and stops them, as [`run`](fn@run)
    /// does.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// # use procession::prelude::*;
    /// # let shop = Application::new("shop").start(|| {
    /// #     Ok(process::spawn_link(|| {
    /// #         _ = application::terminate();
    /// #         receive! { () => {} }
    /// #     })?)
    /// # });
    /// # use procession::application::Runner;
    /// assert_eq!(Runner::new([shop]).run(), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](fn@run).
    pub fn run(self) -> Result<(), RunError> {
        let Runner { applications, restart, mode, settings } = self;
        let controller = controller().map_err(RunError::Controller)?;
        let request = AwaitEnd { settings, is_starting: true };
        let mut end = controller.send_request(request);
        // If the end cannot be waited for, the controller has answered by now.
        _ = controller.call(WhichApplications);
        if let Ok(Err(error)) = end.wait_response(Duration::ZERO) {
            return Err(RunError::Start(error));
        }
        #[cfg(all(unix, feature = "signals"))]
        let _until_the_end = listen_to_signals();
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

/// Has the first signal stop the applications, until what is returned is dropped.
#[cfg(all(unix, feature = "signals"))]
fn listen_to_signals() -> Option<signals::Listener> {
    // If there is no controller, nothing runs.
    match signals::listen(|_| _ = terminate()) {
        Ok(listener) => Some(listener),
        Err(reason) => {
            let text = format_args!("signals are not handled: {reason}");
            log_caught(Level::Warn, "procession::application", text);
            None
        }
    }
}

/// Returns the result of a run from those of its start and its end.
fn verdict(started: Result<(), ApplicationError>, end: End) -> Result<(), RunError> {
    match (started, end.cause) {
        // It did not fail, but took too long when all were told to stop.
        (Err(ApplicationError::Start { application, .. }), Cause::Told)
            if end.killed.contains(&Killed::Start(application.clone())) =>
        {
            Err(RunError::Killed(end.killed))
        }
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

/// Loads and starts applications, and adds the names of those that were loaded to `loaded`, with
/// the included ones.
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

/// The error of [`run`](fn@run). A `main` that returns it ends with the exit code 1.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum RunError {
    /// An application could not be loaded or started.
    Start(ApplicationError),
    /// An application has ended by itself: with [`ExitReason::Shutdown`] if its supervisor has
    /// given up, whose [report](crate::report::SupervisorReport) says why.
    Ended {
        /// The name of the application.
        application: String,
        /// The reason.
        reason: ExitReason,
    },
    /// All were stopped, but these did not end in their time, or did not get ready in it, and were
    /// killed.
    Killed(Vec<Killed>),
    /// The application controller could not be started, or has ended.
    Controller(ApplicationError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) | Self::Controller(error) => fmt::Display::fmt(error, f),
            Self::Ended { application, reason } => {
                write!(f, "application {application} has ended: {reason}")?;
                if *reason == ExitReason::Shutdown {
                    f.write_str(" (its supervisor has given up, or has shut down)")?;
                }
                Ok(())
            }
            Self::Killed(killed) => {
                let killed: Vec<_> = killed.iter().map(ToString::to_string).collect();
                write!(f, "killed, as they did not end in time: {}", killed.join(", "))
            }
        }
    }
}

errors!(RunError);
