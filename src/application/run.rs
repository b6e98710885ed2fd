//! Programs that are nothing but their applications.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::message::Object;
use crate::report::{self, ApplicationEvent, Context, HandlerId, Report};

use super::controller::{AwaitEnd, BeforeStop, Cause, controller};
use super::{
    Application, ApplicationError, Mode, RestartType, ensure_all_started_as, load, terminate,
    unload,
};

/// Starts applications, waits until they are to stop, and stops them.
///
/// It returns when all are stopped, the last that was started first: when the program gets `SIGINT`
/// or `SIGTERM`, when [`terminate`] is called, or when one of them has ended. A second signal,
/// while they are being stopped, ends the program at once. Signals are listened to on Unix, if the
/// crate has its feature `signals`, as it has by default.
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
pub fn run(applications: impl IntoIterator<Item = Application>) -> Result<(), RunError> {
    Runner::new(applications).run()
}

/// How applications are [run](fn@run).
#[must_use = "it does nothing until it runs"]
pub struct Runner {
    applications: Vec<Application>,
    restart: RestartType,
    mode: Mode,
    shutdown_timeout: Option<Duration>,
    before_stop: Option<BeforeStop>,
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
            shutdown_timeout: None,
            before_stop: None,
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

    /// Sets how long all together may take to stop, until what is left is killed. Default: as long
    /// as it takes.
    ///
    /// OTP: [`shutdown_timeout`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#shutdown_timeout).
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Runner {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Has `work` done, in a process of its own, before the first one is stopped.
    ///
    /// OTP: [`shutdown_func`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#shutdown_func).
    pub fn before_stop(mut self, work: impl FnOnce() + Send + 'static) -> Runner {
        self.before_stop = Some(BeforeStop(Box::new(work)));
        self
    }

    /// Runs them.
    ///
    /// # Errors
    ///
    /// As [`run`](fn@run).
    pub fn run(self) -> Result<(), RunError> {
        let Runner { applications, restart, mode, shutdown_timeout, before_stop } = self;
        let killed = Witness::new();
        let controller = controller().map_err(RunError::Start)?;
        let end = controller.send_request(AwaitEnd { shutdown_timeout, before_stop });
        let _until_the_end = signals::listen();
        let mut loaded = Vec::new();
        let started = start(applications, &mut loaded, restart, mode);
        if started.is_err() {
            terminate().map_err(RunError::Start)?;
        }
        let cause = end.receive_response(Duration::MAX);
        for name in loaded {
            _ = unload(&name); // It may have been unloaded before.
        }
        let cause = cause.expect("it waits for ever").map_err(ApplicationError::from);
        match (cause.map_err(RunError::Start)?, started) {
            // It was told to stop before it had begun.
            (Cause::Told, Err(ApplicationError::Terminating)) | (Cause::Told, Ok(())) => {}
            (Cause::Told, Err(error)) => return Err(RunError::Start(error)),
            (Cause::Ended { .. }, Err(error @ ApplicationError::Start { .. })) => {
                return Err(RunError::Start(error));
            }
            (Cause::Ended { application, reason }, _) => {
                return Err(RunError::Ended { application, reason });
            }
        }
        killed.verdict()
    }
}

/// Loads and starts applications; `loaded` gets the names of those that it has loaded.
fn start(
    applications: Vec<Application>,
    loaded: &mut Vec<String>,
    restart: RestartType,
    mode: Mode,
) -> Result<(), ApplicationError> {
    for application in applications {
        let name = application.info().name.clone();
        load(application)?;
        loaded.push(name);
    }
    ensure_all_started_as(loaded.iter(), restart, mode).map(drop)
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
}

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
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Killed::Child { supervisor, id } => write!(f, "child {id:?} of {supervisor}"),
            Killed::Application(name) => write!(f, "application {name}"),
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => fmt::Display::fmt(error, f),
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

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::Ended { .. } | Self::Killed(_) => None,
        }
    }
}

/// Sees what has to be killed.
struct Witness {
    killed: Arc<Mutex<Vec<Killed>>>,
    handler: HandlerId,
}

impl Witness {
    fn new() -> Witness {
        let killed = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&killed);
        let handler = report::add_handler(move |report| seen.lock().extend(killed_in(report)));
        Witness { killed, handler }
    }

    fn verdict(&self) -> Result<(), RunError> {
        let killed = self.killed.lock().clone();
        if killed.is_empty() { Ok(()) } else { Err(RunError::Killed(killed)) }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        report::remove_handler(self.handler);
    }
}

fn killed_in(report: &Report) -> Option<Killed> {
    match report {
        Report::Supervisor(report)
            if report.context == Context::ShutdownError && report.reason == ExitReason::Killed =>
        {
            let supervisor = report.supervisor.clone();
            Some(Killed::Child { supervisor, id: report.child.id.clone() })
        }
        Report::Application(report)
            if report.event == ApplicationEvent::Exited(ExitReason::Killed) =>
        {
            Some(Killed::Application(report.application.clone()))
        }
        Report::Supervisor(_)
        | Report::Application(_)
        | Report::Server(_)
        | Report::Crash(_)
        | Report::Progress(_) => None,
    }
}

/// The signals that ask a program to end.
#[cfg(all(unix, feature = "signals"))]
mod signals {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use once_cell::sync::OnceCell;
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    use signal_hook::iterator::{Handle, Signals};

    use super::terminate;
    use crate::exit::ExitReason;
    use crate::process;

    /// Whether the next signal ends the program at once: while it stops, and when nobody listens
    /// any more.
    static IS_LAST: OnceCell<Arc<AtomicBool>> = OnceCell::new();

    /// Has the program ended by a signal if [`IS_LAST`] says so, and that say so after a signal.
    fn is_last() -> io::Result<&'static AtomicBool> {
        let flag = IS_LAST.get_or_try_init(|| {
            let is_last = Arc::new(AtomicBool::new(false));
            for signal in [SIGINT, SIGTERM] {
                flag::register_conditional_shutdown(signal, 1, Arc::clone(&is_last))?;
                flag::register(signal, Arc::clone(&is_last))?;
            }
            Ok::<_, io::Error>(is_last)
        });
        Ok(&**flag?)
    }

    /// What is listened to, until this is dropped.
    pub(super) struct Listener {
        handle: Handle,
        is_last: &'static AtomicBool,
    }

    /// Has the applications stopped at the first signal.
    pub(super) fn listen() -> Option<Listener> {
        match try_to_listen() {
            Ok(listener) => Some(listener),
            Err(reason) => {
                log::warn!("signals are not listened to: {reason}");
                None
            }
        }
    }

    fn try_to_listen() -> Result<Listener, ExitReason> {
        let is_last = is_last()?;
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let handle = signals.handle();
        process::spawn(move || {
            for _ in signals.forever() {
                _ = terminate(); // Nothing runs if there is no controller.
            }
        })?;
        is_last.store(false, Ordering::SeqCst);
        Ok(Listener { handle, is_last })
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            self.handle.close();
            self.is_last.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(not(all(unix, feature = "signals")))]
mod signals {
    /// Nothing is listened to.
    pub(super) fn listen() {}
}
