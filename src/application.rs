//! Applications: supervision trees with a name, an environment and an order.
//!
//! ```
//! use procession::application::{self, Application};
//! use procession::prelude::*;
//!
//! # #[derive(Debug)]
//! # struct Counter(u64);
//! # impl GenServer for Counter {
//! #     type Args = u64;
//! #     fn init(n: u64) -> InitResult<Self> { ready(Counter(n)) }
//! # }
//! # impl HandleCall<()> for Counter {
//! #     type Reply = u64;
//! #     fn handle_call(&mut self, (): (), _: &Caller<u64>) -> CallResult<Self, ()> {
//! #         reply(self.0)
//! #     }
//! # }
//! let storage = Application::new("storage")
//!     .start(|| Supervisor::one_for_one().child(Counter::child_spec(1)).start_link());
//! let shop = Application::new("shop")
//!     .depends_on("storage")
//!     .env("first_order", 7_u64)
//!     .start(|| {
//!         let first = application::get_env("shop", "first_order").unwrap_or(1);
//!         Supervisor::one_for_one().child(Counter::child_spec(first)).start_link()
//!     });
//!
//! application::load(storage)?;
//! application::load(shop)?;
//! assert_eq!(application::ensure_all_started(["shop"])?, ["storage", "shop"]);
//! assert_eq!(application::which_applications()?[0].name, "shop");
//!
//! application::stop("shop")?;
//! application::stop("storage")?;
//! # Ok::<(), application::ApplicationError>(())
//! ```
//!
//! An application is described by an [`Application`], made known by [`load`], and started by
//! [`start`], when what it depends on runs, or by [`ensure_all_started`], which starts that first.
//! A program that is nothing but its applications hands them to [`run`], which starts them, waits
//! for `SIGINT` or `SIGTERM`, and stops them in order.
//!
//! Each running application has a process of its own, its master, to which the top of its tree is
//! linked. When the top ends by itself, so does the application; its [`RestartType`] says what that
//! means for the others. What its processes have spawned ends with it, linked or not, when
//! [`Callback::stop`] has returned; so does what that has spawned. An application that has ended by
//! itself can be started again, by [`start`] and [`ensure_started`], and by [`ensure_all_started`]
//! also as one that is depended on.
//!
//! Whoever has seen the end of the top, or of the master, may go by that: from then on the
//! application does not run. To start, stop or unload it then is done when its end is complete,
//! with [`Callback::stop`] and all. What belongs to it cannot wait for that, and is told that it is
//! [started](ApplicationError::AlreadyStarted) already, or [runs](ApplicationError::Running).
//!
//! | OTP | here |
//! |---|---|
//! | the `.app` file | [`Application`] |
//! | `Mod:start/2` | [`Application::start`], [`Callback::start`] |
//! | `Mod:start_phase/3`, `prep_stop/1`, `stop/1`, `config_change/3` | [`Callback`] |
//! | `load`, `unload` | [`load`], [`unload`] |
//! | `start`, `ensure_started`, `ensure_all_started`, `stop` | the same; `_as` with a type |
//! | `which_applications`, `loaded_applications` | the same |
//! | `get_key`, `get_all_key` | [`info`] |
//! | `get_supervisor`, `get_application` | the same |
//! | `get_env`, `set_env`, `unset_env`, `get_all_env` | the same, with the application's name |
//! | `application_controller:config_change` | [`config_change`] |
//! | `init:stop` | [`terminate`] |
//! | booting a release | [`run`], [`Runner`] |
//!
//! # Differences from OTP
//!
//! - An application is a value of the program, not a file: what is not loaded is not known, and a
//!   start of it is [`ApplicationError::NotLoaded`].
//! - When a permanent application ends, all are stopped, in order, but the program goes on: [`run`]
//!   returns, and says why.
//! - Applications that depend on one another are an error at once, where OTP waits for ever.
//! - The end of an application counts from the end of its top, though the controller may not have
//!   heard of it. In OTP it may still be said to run then; and if it is permanent, and a stop comes
//!   before the controller has heard, it is no end of all there.
//! - A start phase has no arguments, an application no `maxT`, and nothing is distributed: there is
//!   no `permit`, `takeover`, or start type.
//! - A phase is only gone through by the callback of its own application, not by those that include
//!   it.
//! - There is no group leader: a process belongs to an application if that's master is among its
//!   [ancestors](crate::process::Info::ancestors), of which there are sixteen at most.
//! - The environment is typed where it is read, and set value by value. It can be set and read at
//!   all times, also while the applications are being stopped; what else is to change something
//!   then is [`ApplicationError::Terminating`].
//! - If a master is killed, [`Callback::prep_stop`] and [`Callback::stop`] run while its thread
//!   unwinds: they cannot wait, and the tree may still be there. As in OTP, the tree then ends by
//!   its link to the master. The end of the master is told when that is gone, or after its
//!   [kill grace](crate::process::Builder::kill_grace): only then can the application be started
//!   again.
//!   What its processes have spawned without a link is left behind, and belongs to no application.
//!   Only with a master that is killed because [its time is over](Runner::shutdown_timeout) all
//!   that is found below it is killed, too.
//!
//! OTP: [`application`](https://www.erlang.org/doc/apps/kernel/application.html).

mod env;
mod master;
mod killed;
mod controller;
mod ensure;
#[cfg(all(unix, feature = "signals"))]
mod signals;
mod run;

use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::{CallError, Detail, ExitReason};
use crate::gen_server::{ServerRef, StartError};
use crate::id::Pid;
use crate::supervisor::Child;
use crate::user_code::{drop_caught, drop_each_caught};

pub use ensure::{Mode, ensure_all_started, ensure_all_started_as};
pub use env::{
    EnvChange, EnvSnapshot, env_snapshot, get_all_env, get_env, set_env, set_persistent_env,
    unset_env,
};
pub use killed::Killed;
pub use run::{RunError, Runner, run};

use controller::{ask, controller};
use master::{ConfigChange, Hooks, Master};

/// An application to be loaded.
#[derive(Clone)]
#[must_use = "it is to be loaded"]
pub struct Application {
    info: ApplicationInfo,
    env: Vec<(String, Detail)>,
    includes: Vec<Application>,
    /// `None` if there is nothing to be started.
    boot: Option<Boot>,
    has_callback: bool,
}

/// Starts the tree, and returns its top and what is to be called later, if there is something.
type Boot = Arc<dyn Fn() -> Result<(Pid, Option<Box<dyn Hooks>>), StartError> + Send + Sync>;

/// What is known of an application: what its [`Application`] says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplicationInfo {
    /// By which it is known.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Its version, for people.
    pub version: String,
    /// The names that its processes register, for people.
    pub registered: Vec<String>,
    /// The applications that must run before it is started.
    pub dependencies: Vec<String>,
    /// The applications that are started before it if they are loaded.
    pub optional_dependencies: Vec<String>,
    /// The applications that are loaded with it, and started by it.
    pub includes: Vec<String>,
    /// The phases of its start.
    pub phases: Vec<String>,
}

impl Application {
    /// Of which nothing is known but its name. Unless it is told [what to start](Self::start), it
    /// has no processes: it is there for its environment, and to be depended on.
    pub fn new(name: impl Into<String>) -> Application {
        let info = ApplicationInfo { name: name.into(), ..ApplicationInfo::default() };
        let (env, includes) = (Vec::new(), Vec::new());
        Application { info, env, includes, boot: None, has_callback: false }
    }

    /// Says what it is.
    pub fn description(mut self, description: impl Into<String>) -> Application {
        self.info.description = description.into();
        self
    }

    /// Says which version it is.
    pub fn version(mut self, version: impl Into<String>) -> Application {
        self.info.version = version.into();
        self
    }

    /// Says that its processes register `name`.
    pub fn registers(mut self, name: impl Into<String>) -> Application {
        self.info.registered.push(name.into());
        self
    }

    /// It is only started when the application `name` runs.
    pub fn depends_on(mut self, name: impl Into<String>) -> Application {
        self.info.dependencies.push(name.into());
        self
    }

    /// [`ensure_all_started`] starts the application `name` first, if that is loaded.
    pub fn optionally_depends_on(mut self, name: impl Into<String>) -> Application {
        self.info.optional_dependencies.push(name.into());
        self
    }

    /// Another application that is loaded with this one, whose tree this one starts within its own.
    pub fn includes(mut self, application: Application) -> Application {
        self.info.includes.push(application.info.name.clone());
        self.includes.push(application);
        self
    }

    /// Puts a value into its environment: there when it is loaded, unless a
    /// [persistent](set_persistent_env) one was set before.
    pub fn env<T>(mut self, key: impl Into<String>, value: T) -> Application
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.env.push((key.into(), Detail::new(value)));
        self
    }

    /// Adds a phase to its start, to be gone through after those that were added before, by
    /// [`Callback::start_phase`]. Those of included applications are not gone through.
    pub fn phase(mut self, name: impl Into<String>) -> Application {
        self.info.phases.push(name.into());
        self
    }

    /// Has `start` start its tree, linked to the process that calls it, as `start_link` functions
    /// do.
    pub fn start<C: Child>(
        mut self,
        start: impl Fn() -> Result<C, StartError> + Send + Sync + 'static,
    ) -> Application {
        self.boot = Some(Arc::new(move || Ok((start()?.child_pid(), None))));
        self
    }

    /// Has `C` start its tree with `args`, and do what there is to do when it is stopped.
    pub fn callback<C: Callback>(mut self, args: C::Args) -> Application {
        self.has_callback = true;
        self.boot = Some(Arc::new(move || {
            let (pid, callback) = C::start(args.clone())?;
            Ok((pid, Some(Box::new(callback) as Box<dyn Hooks>)))
        }));
        self
    }

    /// What it says.
    pub fn info(&self) -> &ApplicationInfo {
        &self.info
    }
}

impl Application {
    /// Says what is wrong with it, or with one that it includes.
    fn check(&self) -> Result<(), ApplicationError> {
        if self.info.name.is_empty() {
            return Err(ApplicationError::NoName);
        }
        if !self.info.phases.is_empty() && !self.has_callback {
            return Err(ApplicationError::NoCallback(self.info.name.clone()));
        }
        self.includes.iter().try_for_each(Application::check)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // What it keeps of the program's is no reason for the controller to fail.
        drop_caught(self.boot.take());
        drop_each_caught(mem::take(&mut self.env));
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("info", &self.info)
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

/// What an application does when it starts and stops, called by its master. The value is OTP's
/// state of the application: `stop` has what `start` made.
pub trait Callback: Sized + 'static {
    /// What it is started with.
    type Args: Clone + Send + Sync + 'static;

    /// Starts the tree, linked to the calling process, and returns its top.
    ///
    /// OTP: [`Module:start/2`](https://www.erlang.org/doc/apps/kernel/application.html#c:start/2).
    ///
    /// # Errors
    ///
    /// Why it could not be started.
    fn start(args: Self::Args) -> Result<(Pid, Self), StartError>;

    /// Goes through a [phase](Application::phase) of the start, when the tree is started. The
    /// application runs when all phases are through.
    ///
    /// # Errors
    ///
    /// Why it cannot be started: the tree is stopped.
    fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason> {
        let _ = phase;
        Ok(())
    }

    /// Called before the tree is stopped, or when it has ended by itself; in any case before
    /// [`stop`](Self::stop).
    fn prep_stop(&mut self) {}

    /// Called when the tree is gone. What its processes have spawned outside of it is still there,
    /// and can be talked to: it is killed after that, with what this has spawned.
    fn stop(&mut self) {}

    /// Called by [`config_change`](fn@config_change) if something has changed.
    fn config_change(&mut self, change: &EnvChange) {
        let _ = change;
    }
}

/// What the end of an application means for the others. That it was [stopped](fn@stop) means
/// nothing.
///
/// OTP: [`application:start/2`](https://www.erlang.org/doc/apps/kernel/application.html#start/2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartType {
    /// All others are stopped, too.
    Permanent,
    /// All others are stopped, too, unless it has ended with [`ExitReason::Normal`].
    Transient,
    /// Nothing: it is reported.
    #[default]
    Temporary,
}

impl RestartType {
    /// In OTP's words.
    fn name(self) -> &'static str {
        match self {
            RestartType::Permanent => "permanent",
            RestartType::Transient => "transient",
            RestartType::Temporary => "temporary",
        }
    }

    /// Whether such an end ends everything.
    fn is_grave(self, reason: &ExitReason) -> bool {
        match self {
            RestartType::Permanent => true,
            RestartType::Transient => *reason != ExitReason::Normal,
            RestartType::Temporary => false,
        }
    }
}

/// Error returned from what concerns applications.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ApplicationError {
    /// An application has no name.
    NoName,
    /// This application has phases, but no [`Callback`] to go through them.
    NoCallback(String),
    /// This application is loaded.
    AlreadyLoaded(String),
    /// This application is not loaded.
    NotLoaded(String),
    /// This application runs, and cannot be unloaded.
    Running(String),
    /// This application runs.
    AlreadyStarted(String),
    /// This application was not started, or was stopped: the one that is to be stopped, or one that
    /// is depended on.
    NotStarted(String),
    /// This application, which is depended on, was started, but has ended by itself.
    NotRunning(String),
    /// These applications depend on one another.
    Circular(Vec<String>),
    /// An application failed to start.
    Start {
        /// Which one.
        application: String,
        /// Why.
        reason: ExitReason,
    },
    /// The [`config_change`](Callback::config_change) of an application has panicked.
    ConfigChange {
        /// Which one.
        application: String,
        /// How.
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
                write!(f, "application {application} failed to start: {reason}")
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

impl Error for ApplicationError {}

impl From<CallError> for ApplicationError {
    fn from(error: CallError) -> ApplicationError {
        ApplicationError::Call(error)
    }
}

/// Makes an application known, with its environment, and those that it includes.
///
/// OTP: [`application:load/1`](https://www.erlang.org/doc/apps/kernel/application.html#load/1).
///
/// # Errors
///
/// [`ApplicationError::AlreadyLoaded`], [`ApplicationError::NoName`],
/// [`ApplicationError::NoCallback`]. Then nothing was loaded.
pub fn load(application: Application) -> Result<(), ApplicationError> {
    ask(controller::Load(Box::new(application)))?.map(drop)
}

/// Forgets an application that does not run, and its environment. One that is ending by itself is
/// waited for.
///
/// OTP: [`application:unload/1`](https://www.erlang.org/doc/apps/kernel/application.html#unload/1).
///
/// # Errors
///
/// [`ApplicationError::NotLoaded`], [`ApplicationError::Running`].
pub fn unload(name: &str) -> Result<(), ApplicationError> {
    ask(controller::Unload(name.to_owned()))?
}

/// Starts an application that is loaded, as [`RestartType::Temporary`], and waits until it runs.
/// One that is being started already is waited for; one that is being stopped is started after
/// that; one that has ended by itself is started again.
///
/// OTP: [`application:start/1`](https://www.erlang.org/doc/apps/kernel/application.html#start/1).
///
/// # Errors
///
/// - [`ApplicationError::NotLoaded`], [`ApplicationError::AlreadyStarted`].
/// - [`ApplicationError::NotStarted`], [`ApplicationError::NotRunning`] if one that it depends on
///   does not run.
/// - [`ApplicationError::Start`] if it fails to start.
pub fn start(name: &str) -> Result<(), ApplicationError> {
    start_as(name, RestartType::Temporary)
}

/// As [`start`](fn@start), with a type.
///
/// # Errors
///
/// As [`start`](fn@start).
pub fn start_as(name: &str, restart: RestartType) -> Result<(), ApplicationError> {
    ask(controller::Start(name.to_owned(), restart))?.map(drop)
}

/// As [`start`](fn@start), but one that runs is no error.
///
/// OTP: [`application:ensure_started/1`](https://www.erlang.org/doc/apps/kernel/application.html#ensure_started/1).
///
/// # Errors
///
/// As [`start`](fn@start).
pub fn ensure_started(name: &str) -> Result<(), ApplicationError> {
    ensure_started_as(name, RestartType::Temporary)
}

/// As [`ensure_started`], with a type.
///
/// # Errors
///
/// As [`start`](fn@start).
pub fn ensure_started_as(name: &str, restart: RestartType) -> Result<(), ApplicationError> {
    match start_as(name, restart) {
        Err(ApplicationError::AlreadyStarted(_)) => Ok(()),
        outcome => outcome,
    }
}

/// Stops an application, and waits until it is stopped. Those that depend on it go on.
///
/// Of one that has ended by itself, which is waited for, nothing is left to be stopped: it counts
/// as stopped after that, and no longer as [ended](ApplicationError::NotRunning).
///
/// OTP: [`application:stop/1`](https://www.erlang.org/doc/apps/kernel/application.html#stop/1).
///
/// # Errors
///
/// [`ApplicationError::NotStarted`], also while it is being started.
pub fn stop(name: &str) -> Result<(), ApplicationError> {
    ask(controller::Stop(name.to_owned()))?
}

/// Stops all applications, the last that was started first, and waits until they are stopped.
/// Returns what had to be killed.
///
/// # Errors
///
/// [`ApplicationError::NoController`], [`ApplicationError::Call`] if there is no answer.
pub fn stop_all() -> Result<Vec<Killed>, ApplicationError> {
    let controller = controller()?;
    let settings = controller::RunSettings::default();
    let end = controller.send_request(controller::AwaitEnd { settings, is_starting: false });
    controller.cast(controller::Terminate);
    Ok(end.receive_response(Duration::MAX)??.killed)
}

/// Has all applications stopped, as [`stop_all`], and does not wait for it. [`run`] returns when
/// they are.
///
/// OTP: [`init:stop/0`](https://www.erlang.org/doc/apps/erts/init.html#stop/0).
///
/// # Errors
///
/// [`ApplicationError::NoController`].
pub fn terminate() -> Result<(), ApplicationError> {
    controller()?.cast(controller::Terminate);
    Ok(())
}

/// The applications that run, the last that was started first.
///
/// OTP: [`application:which_applications/0`](https://www.erlang.org/doc/apps/kernel/application.html#which_applications/0).
///
/// # Errors
///
/// [`ApplicationError::NoController`], [`ApplicationError::Call`] if there is no answer.
pub fn which_applications() -> Result<Vec<ApplicationInfo>, ApplicationError> {
    ask(controller::WhichApplications)
}

/// The applications that are loaded, by their names.
///
/// OTP: [`application:loaded_applications/0`](https://www.erlang.org/doc/apps/kernel/application.html#loaded_applications/0).
///
/// # Errors
///
/// As [`which_applications`].
pub fn loaded_applications() -> Result<Vec<ApplicationInfo>, ApplicationError> {
    ask(controller::LoadedApplications)
}

/// What is known of an application; `None` if it is not loaded.
///
/// OTP: [`application:get_all_key/1`](https://www.erlang.org/doc/apps/kernel/application.html#get_all_key/1).
///
/// # Errors
///
/// As [`which_applications`].
pub fn info(name: &str) -> Result<Option<ApplicationInfo>, ApplicationError> {
    ask(controller::GetInfo(name.to_owned()))
}

/// The top of an application's tree; `None` if it does not run, or has none.
///
/// OTP: [`application:get_supervisor/1`](https://www.erlang.org/doc/apps/kernel/application.html#get_supervisor/1).
///
/// # Errors
///
/// As [`which_applications`].
pub fn get_supervisor(name: &str) -> Result<Option<Pid>, ApplicationError> {
    ask(controller::GetSupervisor(name.to_owned()))
}

/// The application that a process belongs to: the one whose master is among its ancestors.
///
/// OTP: [`application:get_application/1`](https://www.erlang.org/doc/apps/kernel/application.html#get_application/1).
pub fn get_application(pid: Pid) -> Option<String> {
    master::application_of(pid)
}

/// Tells all running applications what has changed in their environments since `before`, by
/// [`Callback::config_change`], and waits until all were told.
///
/// # Errors
///
/// The first of [`ApplicationError::ConfigChange`], if a callback has panicked, and
/// [`ApplicationError::Call`], if an application has ended. The others were told all the same.
pub fn config_change(before: &EnvSnapshot) -> Result<(), ApplicationError> {
    let mut outcome = Ok(());
    for (name, master) in ask(controller::Masters)? {
        let change = before.change_of(&name);
        if change.is_empty() {
            continue;
        }
        let master = ServerRef::<Master>::from_pid(master);
        let told = match master.call_timeout(ConfigChange(change), Duration::MAX) {
            Ok(told) => {
                told.map_err(|reason| ApplicationError::ConfigChange { application: name, reason })
            }
            Err(error) => Err(error.into()),
        };
        outcome = outcome.and(told);
    }
    outcome
}
