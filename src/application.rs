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
//! A program that is nothing but its applications passes them to [`run`], which starts them, waits
//! for `SIGINT` or `SIGTERM`, and stops them in order.
//!
//! Each running application has a process of its own, its master, to which the top of its tree is
//! linked. When the top ends by itself, so does the application; its [`RestartType`] says what that
//! means for the others. The processes that its processes have spawned, linked or not, end with it
//! when [`Callback::stop`] has returned; so do those that `stop` itself has spawned. An application
//! that has ended by itself can be started again, by [`start`] and [`ensure_started`], and by
//! [`ensure_all_started`] also if another application depends on it.
//!
//! A process that has seen the end of the top, or of the master, can rely on it: from then on the
//! application does not run. A request to start, stop or unload it then waits until its end is
//! complete, which includes [`Callback::stop`]. A process that belongs to the application cannot
//! wait for that: it gets the error that the application is
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
//! | Elixir | here |
//! |---|---|
//! | `use Application`, `start/2` | [`Application::start`] |
//! | `fetch_env`, `get_env`, `put_env`, `delete_env` | [`get_env`], [`set_env`], [`unset_env`] |
//! | `ensure_loaded`, `spec` | [`load`], [`info`] |
//! | `start(app, type)`, `stop` | [`start`], [`stop`] |
//! | `started_applications` | [`which_applications`] |
//! | `System.stop` | [`terminate`] |
//!
//! # Differences from OTP
//!
//! - An application is a value of the program, not a file: one that is not loaded is not known, and
//!   its start fails with [`ApplicationError::NotLoaded`].
//! - When a permanent application ends, all are stopped, in order, but the program goes on: [`run`]
//!   returns, and says why.
//! - Applications that depend on one another are an error at once, where OTP waits forever.
//! - An application counts as ended from the end of its top on, even if the controller has not been
//!   told yet. In OTP it may still be listed as running then; and if it is permanent, and is
//!   stopped before the controller is told, the other applications go on there.
//! - A start phase has no arguments, an application no `maxT`, and nothing is distributed: there is
//!   no `permit`, `takeover`, or start type.
//! - A phase is handled only by the callback of its own application, not by those of applications
//!   that include it.
//! - There is no group leader: a process belongs to an application if the application's master is
//!   among its [ancestors](crate::process::Info::ancestors), of which there are sixteen at most.
//! - The environment is typed where it is read, and set value by value. It can be set and read at
//!   all times, also while the applications are being stopped; any other change then fails with
//!   [`ApplicationError::Terminating`].
//! - If a master is killed, [`Callback::prep_stop`] and [`Callback::stop`] run while its thread
//!   unwinds: they cannot wait, and the tree may still be there. As in OTP, the tree then ends by
//!   its link to the master. The end of the master is announced when the tree is gone, or after its
//!   [kill grace](crate::process::Builder::kill_grace): only then can the application be started
//!   again. Processes that were spawned without a link are left behind, and belong to no
//!   application; but if the master is killed because [its time is over](Runner::shutdown_timeout),
//!   all processes that are found below it are killed, too.
//!
//! OTP: [`application`](https://www.erlang.org/doc/apps/kernel/application.html).

mod error;
mod env;
pub(crate) mod shown;
mod master;
mod killed;
mod controller;
mod ensure;
mod config_change;
#[cfg(all(unix, feature = "signals"))]
pub(crate) mod signals;
mod run;

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::{Detail, ExitReason};
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::supervisor::Child;
use crate::user_code::{drop_caught, drop_each_caught};

pub use config_change::config_change;
pub use ensure::{Mode, ensure_all_started, ensure_all_started_as};
pub use env::{
    EnvChange, EnvSnapshot, env_snapshot, get_all_env, get_env, set_env, set_persistent_env,
    unset_env,
};
pub use error::ApplicationError;
pub use killed::Killed;
pub use run::{RunError, Runner, run};

use controller::{ask, controller};
use master::Hooks;

/// Describes an application to be loaded: what it starts, what it depends on, its environment.
#[derive(Clone)]
#[must_use = "an application is not known until it is loaded"]
pub struct Application {
    info: ApplicationInfo,
    env: Vec<(String, Detail)>,
    includes: Vec<Application>,
    /// `None` if there is nothing to be started.
    boot: Option<Boot>,
    has_callback: bool,
}

/// Starts the tree, and returns its top and the callback that is called later, if there is one.
type Boot = Arc<dyn Fn() -> Result<(Pid, Option<Box<dyn Hooks>>), StartError> + Send + Sync>;

/// The description of an application, as its [`Application`] gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplicationInfo {
    /// The name, which identifies the application.
    pub name: String,
    /// What the application is, in words.
    pub description: String,
    /// Its version.
    pub version: String,
    /// The names that its processes register. They are not checked.
    pub registered: Vec<String>,
    /// The applications that must run before this one is started.
    pub dependencies: Vec<String>,
    /// The applications that are started before this one if they are loaded.
    pub optional_dependencies: Vec<String>,
    /// The applications that are loaded with this one, and started by it.
    pub includes: Vec<String>,
    /// The phases of its start.
    pub phases: Vec<String>,
}

impl Application {
    /// Creates an application that has only a name. Unless it is told [what to start](Self::start),
    /// it has no processes: it provides its environment, and others can depend on it.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// application::load(Application::new("settings").env("colour", "red"))?;
    /// application::start("settings")?; // There is nothing to be started.
    /// assert_eq!(application::get_env("settings", "colour"), Some("red"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(name: impl Into<String>) -> Application {
        let info = ApplicationInfo { name: name.into(), ..ApplicationInfo::default() };
        let (env, includes) = (Vec::new(), Vec::new());
        Application { info, env, includes, boot: None, has_callback: false }
    }

    /// Sets the description.
    ///
    /// ```
    /// # use procession::application::Application;
    /// let shop = Application::new("shop").description("sells books");
    /// assert_eq!(shop.info().description, "sells books");
    /// ```
    pub fn description(mut self, description: impl Into<String>) -> Application {
        self.info.description = description.into();
        self
    }

    /// Sets the version.
    ///
    /// ```
    /// # use procession::application::Application;
    /// let shop = Application::new("shop").version(env!("CARGO_PKG_VERSION"));
    /// assert_eq!(shop.info().version, env!("CARGO_PKG_VERSION"));
    /// ```
    pub fn version(mut self, version: impl Into<String>) -> Application {
        self.info.version = version.into();
        self
    }

    /// Adds `name` to the names that its processes register.
    ///
    /// ```
    /// # use procession::application::Application;
    /// let shop = Application::new("shop").registers("till").registers("door");
    /// assert_eq!(shop.info().registered, ["till", "door"]);
    /// ```
    pub fn registers(mut self, name: impl Into<String>) -> Application {
        self.info.registered.push(name.into());
        self
    }

    /// Adds the application `name` to those that must run before this one is started.
    ///
    /// ```
    /// # use procession::application::{self, Application, ApplicationError};
    /// application::load(Application::new("storage"))?;
    /// application::load(Application::new("shop").depends_on("storage"))?;
    /// let too_early = application::start("shop");
    /// assert_eq!(too_early, Err(ApplicationError::NotStarted("storage".to_owned())));
    /// application::start("storage")?;
    /// application::start("shop")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn depends_on(mut self, name: impl Into<String>) -> Application {
        self.info.dependencies.push(name.into());
        self
    }

    /// Has [`ensure_all_started`] start the application `name` first, if it is loaded.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// application::load(Application::new("shop").optionally_depends_on("music"))?;
    /// assert_eq!(application::ensure_all_started(["shop"])?, ["shop"]); // There is no music.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn optionally_depends_on(mut self, name: impl Into<String>) -> Application {
        self.info.optional_dependencies.push(name.into());
        self
    }

    /// Adds an application that is loaded with this one, which starts the tree of the other within
    /// its own.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// let bakery = Application::new("bakery").env("ovens", 2_u32);
    /// application::load(Application::new("shop").includes(bakery))?;
    /// assert_eq!(application::get_env("bakery", "ovens"), Some(2_u32));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn includes(mut self, application: Application) -> Application {
        self.info.includes.push(application.info.name.clone());
        self.includes.push(application);
        self
    }

    /// Adds a value to its environment. The value is set when the application is loaded, unless a
    /// [persistent](set_persistent_env) one was set before.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// application::load(Application::new("shop").env("first_order", 7_u64))?;
    /// assert_eq!(application::get_env("shop", "first_order"), Some(7_u64));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn env<T>(mut self, key: impl Into<String>, value: T) -> Application
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.env.push((key.into(), Detail::new(value)));
        self
    }

    /// Adds a phase to its start, for which [`Callback::start_phase`] is called after those that
    /// were added before. The phases of included applications are not started.
    ///
    /// ```
    /// # use procession::application::{self, Application, Callback};
    /// # use procession::prelude::*;
    /// struct Shop;
    ///
    /// impl Callback for Shop {
    ///     type Args = ();
    ///
    ///     fn start((): ()) -> Result<(Pid, Self), StartError> {
    ///         Ok((Supervisor::one_for_one().start_link()?.pid(), Shop))
    ///     }
    ///
    ///     fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason> {
    ///         _ = process::send_to("customer", format!("it begins to {phase}"));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// process::register("customer", process::self_pid())?;
    /// application::load(Application::new("shop").callback::<Shop>(()).phase("open"))?;
    /// application::start("shop")?;
    /// receive! { text: String => assert_eq!(text, "it begins to open") }
    /// # application::stop("shop")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn phase(mut self, name: impl Into<String>) -> Application {
        self.info.phases.push(name.into());
        self
    }

    /// Sets the function that starts its tree, linked to the calling process, as `start_link`
    /// functions do.
    ///
    /// ```
    /// # use procession::application::{self, Application};
    /// # use procession::prelude::*;
    /// let shop = Application::new("shop").start(|| Supervisor::one_for_one().start_link());
    /// application::load(shop)?;
    /// application::start("shop")?;
    /// assert!(application::get_supervisor("shop")?.is_some());
    /// # application::stop("shop")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start<C: Child>(
        mut self,
        start: impl Fn() -> Result<C, StartError> + Send + Sync + 'static,
    ) -> Application {
        self.boot = Some(Arc::new(move || Ok((start()?.child_pid(), None))));
        self
    }

    /// Sets the callback: `C` starts its tree with `args`, and is called when it is stopped.
    ///
    /// ```
    /// # use procession::application::{self, Application, Callback};
    /// # use procession::prelude::*;
    /// struct Shop {
    ///     owner: Pid,
    /// }
    ///
    /// impl Callback for Shop {
    ///     type Args = Pid;
    ///
    ///     fn start(owner: Pid) -> Result<(Pid, Self), StartError> {
    ///         Ok((Supervisor::one_for_one().start_link()?.pid(), Shop { owner }))
    ///     }
    ///
    ///     fn stop(&mut self) {
    ///         process::send(self.owner, "closed");
    ///     }
    /// }
    ///
    /// application::load(Application::new("shop").callback::<Shop>(process::self_pid()))?;
    /// application::start("shop")?;
    /// application::stop("shop")?;
    /// receive! { text: &str => assert_eq!(text, "closed") }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn callback<C: Callback>(mut self, args: C::Args) -> Application {
        self.has_callback = true;
        self.boot = Some(Arc::new(move || {
            let (pid, callback) = C::start(args.clone())?;
            Ok((pid, Some(Box::new(callback) as Box<dyn Hooks>)))
        }));
        self
    }

    /// Returns the description.
    ///
    /// ```
    /// # use procession::application::Application;
    /// let shop = Application::new("shop").depends_on("storage");
    /// assert_eq!(shop.info().dependencies, ["storage"]);
    /// ```
    pub fn info(&self) -> &ApplicationInfo {
        &self.info
    }
}

impl Application {
    /// Checks this application and those that it includes.
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
        // A panic while values of the program are dropped must not end the controller.
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

/// The callbacks of an application, which its master calls when it starts and stops. The value is
/// OTP's state of the application: `start` returns it, and `stop` is called on it.
pub trait Callback: Sized + 'static {
    /// The arguments of [`start`](Self::start).
    type Args: Clone + Send + Sync + 'static;

    /// Starts the tree, linked to the calling process, and returns its top.
    ///
    /// OTP: [`Module:start/2`](https://www.erlang.org/doc/apps/kernel/application.html#c:start/2).
    ///
    /// # Errors
    ///
    /// The reason for which the application could not be started.
    fn start(args: Self::Args) -> Result<(Pid, Self), StartError>;

    /// Does the work of a [phase](Application::phase) of the start, after the tree was started. The
    /// application runs when all phases have returned.
    ///
    /// # Errors
    ///
    /// The reason for which the application cannot be started. The tree is stopped then.
    fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason> {
        let _ = phase;
        Ok(())
    }

    /// Prepares the stop. It is called before the tree is stopped, or when the tree has ended by
    /// itself; in any case before [`stop`](Self::stop).
    fn prep_stop(&mut self) {}

    /// Cleans up. It is called when the tree is gone. The processes that were spawned outside of
    /// the tree are still there and can be called: they are killed when this has returned, and so
    /// are those that this has spawned.
    fn stop(&mut self) {}

    /// Handles a change of the environment, if [`config_change`](fn@config_change) finds one.
    fn config_change(&mut self, change: &EnvChange) {
        let _ = change;
    }
}

/// Says what the end of an application means for the others. If it was [stopped](fn@stop), they go
/// on in any case.
///
/// OTP: [`application:start/2`](https://www.erlang.org/doc/apps/kernel/application.html#start/2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartType {
    /// All others are stopped, too.
    Permanent,
    /// All others are stopped, too, unless it has ended with [`ExitReason::Normal`].
    Transient,
    /// The others go on; the end is reported.
    #[default]
    Temporary,
}

impl RestartType {
    /// Returns OTP's name of the type.
    fn name(self) -> &'static str {
        match self {
            RestartType::Permanent => "permanent",
            RestartType::Transient => "transient",
            RestartType::Temporary => "temporary",
        }
    }

    /// Returns whether such an end stops all applications.
    fn is_grave(self, reason: &ExitReason) -> bool {
        match self {
            RestartType::Permanent => true,
            RestartType::Transient => *reason != ExitReason::Normal,
            RestartType::Temporary => false,
        }
    }
}

/// Loads an application and those that it includes: they are known from then on, and their
/// environments are set.
///
/// ```
/// # use procession::application::{self, Application, ApplicationError};
/// application::load(Application::new("shop"))?;
/// let again = application::load(Application::new("shop"));
/// assert_eq!(again, Err(ApplicationError::AlreadyLoaded("shop".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`application:load/1`](https://www.erlang.org/doc/apps/kernel/application.html#load/1).
///
/// # Errors
///
/// [`ApplicationError::AlreadyLoaded`], [`ApplicationError::NoName`],
/// [`ApplicationError::NoCallback`]. Nothing was loaded then.
pub fn load(application: Application) -> Result<(), ApplicationError> {
    ask(controller::Load(Box::new(application)))?.map(drop)
}

/// Unloads an application that does not run, with its environment. If it is ending by itself, this
/// waits for the end.
///
/// ```
/// # use procession::application::{self, Application};
/// application::load(Application::new("shop").env("colour", "red"))?;
/// application::unload("shop")?;
/// assert_eq!(application::get_env::<&str>("shop", "colour"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
/// If it is being started already, this waits for that; if it is being stopped, it is started when
/// it has stopped; if it has ended by itself, it is started again.
///
/// ```
/// # use procession::application::{self, Application, ApplicationError};
/// application::load(Application::new("shop"))?;
/// application::start("shop")?;
/// let again = application::start("shop");
/// assert_eq!(again, Err(ApplicationError::AlreadyStarted("shop".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// Starts an application as [`start`](fn@start) does, with a restart type.
///
/// ```
/// # use procession::application::{self, Application, RestartType};
/// application::load(Application::new("shop"))?;
/// application::start_as("shop", RestartType::Permanent)?;
/// assert_eq!(application::which_applications()?[0].name, "shop");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`start`](fn@start).
pub fn start_as(name: &str, restart: RestartType) -> Result<(), ApplicationError> {
    ask(controller::Start(name.to_owned(), restart))?.map(drop)
}

/// Starts an application as [`start`](fn@start) does; it is not an error if it runs already.
///
/// ```
/// # use procession::application::{self, Application};
/// application::load(Application::new("shop"))?;
/// application::ensure_started("shop")?;
/// application::ensure_started("shop")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:ensure_started/1`](https://www.erlang.org/doc/apps/kernel/application.html#ensure_started/1).
///
/// # Errors
///
/// As [`start`](fn@start).
pub fn ensure_started(name: &str) -> Result<(), ApplicationError> {
    ensure_started_as(name, RestartType::Temporary)
}

/// Starts an application as [`ensure_started`] does, with a restart type.
///
/// ```
/// # use procession::application::{self, Application, RestartType};
/// application::load(Application::new("shop"))?;
/// application::ensure_started_as("shop", RestartType::Transient)?;
/// application::ensure_started_as("shop", RestartType::Transient)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
/// If it is ending by itself, this waits for the end. It then counts as stopped, and no longer as
/// [ended](ApplicationError::NotRunning).
///
/// ```
/// # use procession::application::{self, Application, ApplicationError};
/// application::load(Application::new("shop"))?;
/// application::start("shop")?;
/// application::stop("shop")?;
/// let again = application::stop("shop");
/// assert_eq!(again, Err(ApplicationError::NotStarted("shop".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`application:stop/1`](https://www.erlang.org/doc/apps/kernel/application.html#stop/1).
///
/// # Errors
///
/// [`ApplicationError::NotStarted`], also while it is being started.
pub fn stop(name: &str) -> Result<(), ApplicationError> {
    ask(controller::Stop(name.to_owned()))?
}

/// Stops all applications, the one that was started last first, and waits until they are stopped.
/// Returns the children and applications that had to be killed.
///
/// ```
/// # use procession::application::{self, Application};
/// application::load(Application::new("storage"))?;
/// application::load(Application::new("shop").depends_on("storage"))?;
/// application::ensure_all_started(["shop"])?;
/// assert_eq!(application::stop_all()?, []); // Nothing had to be killed.
/// assert_eq!(application::which_applications()?, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// Begins to stop all applications, as [`stop_all`] does, and does not wait. [`run`] returns when
/// they have stopped.
///
/// ```
/// # use procession::application::{self, Application};
/// # use procession::prelude::*;
/// // As a process that has nothing more to do.
/// let shop = Application::new("shop").start(|| {
///     Ok(process::spawn_link(|| {
///         _ = application::terminate();
///         receive! { () => {} }
///     })?)
/// });
/// assert_eq!(application::run([shop]), Ok(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// Returns the applications that run, the one that was started last first.
///
/// ```
/// # use procession::application::{self, Application};
/// application::load(Application::new("storage"))?;
/// application::load(Application::new("shop").depends_on("storage"))?;
/// application::ensure_all_started(["shop"])?;
/// let running = application::which_applications()?;
/// assert_eq!(running.iter().map(|it| &it.name).collect::<Vec<_>>(), ["shop", "storage"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:which_applications/0`](https://www.erlang.org/doc/apps/kernel/application.html#which_applications/0).
///
/// # Errors
///
/// [`ApplicationError::NoController`], [`ApplicationError::Call`] if there is no answer.
pub fn which_applications() -> Result<Vec<ApplicationInfo>, ApplicationError> {
    ask(controller::WhichApplications)
}

/// Returns the applications that are loaded, ordered by name.
///
/// ```
/// # use procession::application::{self, Application};
/// application::load(Application::new("shop"))?;
/// assert_eq!(application::loaded_applications()?[0].name, "shop");
/// assert_eq!(application::which_applications()?, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:loaded_applications/0`](https://www.erlang.org/doc/apps/kernel/application.html#loaded_applications/0).
///
/// # Errors
///
/// As [`which_applications`].
pub fn loaded_applications() -> Result<Vec<ApplicationInfo>, ApplicationError> {
    ask(controller::LoadedApplications)
}

/// Returns the description of an application; `None` if it is not loaded.
///
/// ```
/// # use procession::application::{self, Application};
/// application::load(Application::new("shop").description("sells books"))?;
/// assert_eq!(application::info("shop")?.unwrap().description, "sells books");
/// assert_eq!(application::info("bakery")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:get_all_key/1`](https://www.erlang.org/doc/apps/kernel/application.html#get_all_key/1).
///
/// # Errors
///
/// As [`which_applications`].
pub fn info(name: &str) -> Result<Option<ApplicationInfo>, ApplicationError> {
    ask(controller::GetInfo(name.to_owned()))
}

/// Returns the top of an application's tree; `None` if the application does not run, or has no
/// tree.
///
/// ```
/// # use procession::application::{self, Application};
/// # use procession::prelude::*;
/// application::load(Application::new("shop").start(|| Supervisor::one_for_one().start_link()))?;
/// assert_eq!(application::get_supervisor("shop")?, None);
/// application::start("shop")?;
/// let top = SupervisorRef::from_pid(application::get_supervisor("shop")?.unwrap());
/// assert_eq!(top.count_children()?.specs, 0);
/// # application::stop("shop")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:get_supervisor/1`](https://www.erlang.org/doc/apps/kernel/application.html#get_supervisor/1).
///
/// # Errors
///
/// As [`which_applications`].
pub fn get_supervisor(name: &str) -> Result<Option<Pid>, ApplicationError> {
    ask(controller::GetSupervisor(name.to_owned()))
}

/// Returns the application that a process belongs to: the one whose master is among the process's
/// ancestors.
///
/// ```
/// # use procession::application::{self, Application};
/// # use procession::prelude::*;
/// application::load(Application::new("shop").start(|| Supervisor::one_for_one().start_link()))?;
/// application::start("shop")?;
/// let top = application::get_supervisor("shop")?.unwrap();
/// assert_eq!(application::get_application(top).as_deref(), Some("shop"));
/// assert_eq!(application::get_application(process::self_pid()), None);
/// # application::stop("shop")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:get_application/1`](https://www.erlang.org/doc/apps/kernel/application.html#get_application/1).
pub fn get_application(pid: Pid) -> Option<String> {
    master::application_of(pid)
}
