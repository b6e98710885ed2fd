//! Supervisors: processes that start others, and start them again when they fail.
//!
//! ```
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
//! #     fn handle_call(&mut self, (): (), _: &Caller<u64>) -> CallResult<Self, u64> {
//! #         reply(self.0)
//! #     }
//! # }
//! let supervisor = Supervisor::one_for_one()
//!     .child(Counter::child_spec(1).id("one"))
//!     .child(Counter::child_spec(2).id("two"))
//!     .start_link()?;
//!
//! let three = supervisor.start_child(Counter::child_spec(3).id("three"))?;
//! assert_eq!(three.call(())?, 3);
//!
//! // It crashes, and another one takes its place.
//! let pid = three.pid().unwrap();
//! let monitor = process::monitor(pid);
//! process::exit(pid, ExitReason::Kill);
//! receive! { down: Down if down.monitor == monitor => {} }
//! let child = &supervisor.which_children()?[0];
//! assert_eq!(child.id, "three");
//! assert_ne!(child.state.pid(), Some(pid));
//!
//! supervisor.stop()?; // The children end first, the last one started before the others.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A supervisor is a server, linked to its children, that traps exits. It starts its children in
//! order, each when the one before is ready, and stops them in reverse. When one ends, its
//! [`Restart`] says whether it is started again; the supervisor's [`Strategy`] says whether others
//! are restarted with it. If restarts become too frequent, more than the
//! [intensity](Supervisor::intensity) allows, restarting is no cure: the supervisor stops all its
//! children and ends itself, with [`ExitReason::Shutdown`], and its own supervisor is to do
//! something about it.
//!
//! Processes that are linked to a child hear of its end before those that monitor it. So when a
//! monitor has told of a crash, the supervisor knows, and answers what it is asked next when the
//! new child is there; a call to the child's name in between finds nobody. Who watches from
//! elsewhere may hear of the new child before it hears of the old one's end.
//!
//! [`Supervisor`] describes one in place. To have it described anew whenever it is started, also
//! when it is restarted by its own supervisor, implement [`Supervise`].
//!
//! | OTP | here |
//! |---|---|
//! | `supervisor:start_link` | [`Supervisor::start_link`], [`Supervise::start_link`] |
//! | `init/1` | [`Supervise::init`] |
//! | flags | [`Supervisor::intensity`], [`Supervisor::auto_shutdown`], [`Strategy`] |
//! | child specs | [`ChildSpec`], [`Supervised::child_spec`] |
//! | `start_child` | [`SupervisorRef::start_child`] |
//! | `terminate_child` | [`SupervisorRef::terminate_child`] |
//! | `restart_child` | [`SupervisorRef::restart_child`] |
//! | `delete_child` | [`SupervisorRef::delete_child`] |
//! | `which_children` | [`SupervisorOf::which_children`] |
//! | `count_children` | [`SupervisorOf::count_children`] |
//! | `get_childspec` | [`SupervisorRef::get_child_spec`] |
//! | `check_childspecs` | [`Supervisor::check`] |
//! | `get_callback_module` | [`SupervisorOf::callback_module`] |
//! | `simple_one_for_one` | [`Supervisor::simple_one_for_one`], [`SimpleRef`] |
//!
//! [`tree`] draws what is below a supervisor.
//!
//! # Differences from OTP
//!
//! - A start function is a closure, which keeps what the child is to be started with.
//! - What is wrong with a child spec is mostly ruled out by types. The rest is a [`SpecError`].
//! - A child that is killed has a [grace](crate::process::Builder::kill_grace) to leave its code,
//!   as every process here: a supervisor waits for it that much longer at most.
//! - A child that calls its supervisor while that waits for it to end, directly or through others,
//!   gets [`CallError::Deadlock`](crate::CallError::Deadlock) at once, where OTP lets both wait
//!   until the child is killed, or for ever.
//! - A child of a `simple_one_for_one` supervisor is started with one value, not with a list of
//!   arguments behind those of the spec. What is asked by id in other supervisors does not exist
//!   there, and `which_children` says what the template is called, where OTP says `undefined`.
//! - `restart_child` returns the process, and not the word that may come with it.
//! - A child that chooses not to start is [`SupervisorError::Ignored`], where OTP says
//!   `{ok, undefined}`.
//!
//! OTP: [`supervisor`](https://www.erlang.org/doc/apps/stdlib/supervisor.html).

mod child_spec;
mod child_info;
mod error;
mod child_list;
pub(crate) mod intensity;
pub(crate) mod failures;
pub(crate) mod killed;
pub(crate) mod shutdown;
mod restart;
mod ordered;
pub(crate) mod dynamic;
pub(crate) mod serve;
mod supervisor_ref;
mod simple_one_for_one;
mod tree;

use std::any::type_name;
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::gen_server::{StartError, StartOptions};

pub use child_info::{ChildInfo, ChildState, Counts};
pub use child_spec::{
    Child, ChildSpec, ChildType, Policy, Restart, Shutdown, SpecError, Supervised,
};
pub use error::SupervisorError;
pub use simple_one_for_one::{SimpleOneForOne, SimpleRef};
pub use supervisor_ref::{SupervisorOf, SupervisorRef};
pub use tree::{Tree, tree};

use child_spec::{Spec, StartedChild};
use intensity::Intensity;
use serve::SupervisorPlan;

/// Which children are restarted when one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// That one.
    OneForOne,
    /// All: the others are stopped first.
    OneForAll,
    /// That one, and those that were started after it, which are stopped first.
    RestForOne,
}

/// Whether a supervisor ends, with [`ExitReason::Shutdown`], when
/// [significant](ChildSpec::significant) children have ended by themselves and are not restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoShutdown {
    /// It does not.
    #[default]
    Never,
    /// When one has.
    AnySignificant,
    /// When the last of them has.
    AllSignificant,
}

/// What [`Supervise::init`] returns: a supervisor, or `None` if there is to be none.
pub type SupervisorInit = Result<Option<Supervisor>, ExitReason>;

/// A supervisor to be started: its strategy, its flags, its children.
///
/// It restarts at most once in any five seconds, as OTP's, unless it is
/// [told otherwise](Self::intensity).
#[derive(Clone, Debug)]
#[must_use = "it is to be started"]
pub struct Supervisor {
    strategy: Strategy,
    intensity: Intensity,
    auto_shutdown: AutoShutdown,
    children: Vec<Spec>,
}

impl Supervisor {
    /// Without children.
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor {
            strategy,
            intensity: Intensity::OTP,
            auto_shutdown: AutoShutdown::Never,
            children: Vec::new(),
        }
    }

    /// Restarts the child that has failed.
    pub fn one_for_one() -> Supervisor {
        Supervisor::new(Strategy::OneForOne)
    }

    /// Restarts all when one has failed.
    pub fn one_for_all() -> Supervisor {
        Supervisor::new(Strategy::OneForAll)
    }

    /// Restarts the child that has failed, and those that were started after it.
    pub fn rest_for_one() -> Supervisor {
        Supervisor::new(Strategy::RestForOne)
    }

    /// Allows at most `restarts` restarts in any `period`. With the next one the supervisor gives
    /// up. Default: 1 in 5 s.
    ///
    /// To restart several children by one strategy counts as one.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Supervisor {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets whether it ends when significant children have. Default: it does not.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Supervisor {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child, to be started after those that were added before.
    pub fn child<C: Child>(mut self, spec: ChildSpec<C>) -> Supervisor {
        self.children.push(spec.into());
        self
    }

    /// Says whether it could be started: also what is checked then. Starts nothing.
    ///
    /// OTP: [`supervisor:check_childspecs/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#check_childspecs/2).
    ///
    /// # Errors
    ///
    /// What is wrong first.
    pub fn check(&self) -> Result<(), SpecError> {
        self.intensity.checked()?;
        let mut ids = HashSet::new();
        for Spec { policy, .. } in &self.children {
            policy.check(self.auto_shutdown)?;
            if !ids.insert(&policy.id) {
                return Err(SpecError::DuplicateId(policy.id.clone()));
            }
        }
        Ok(())
    }

    /// Starts it, linked to the caller, and waits until its children are started.
    ///
    /// OTP: [`supervisor:start_link/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#start_link/2).
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`SpecError`] if [`check`](Self::check) fails; with a
    /// [`FailedToStart`], as a shutdown, if a child does not start: then those before it were
    /// stopped again. Else as a server.
    pub fn start_link(self) -> Result<SupervisorRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with the options of a server: a name, for instance.
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(self, options: StartOptions) -> Result<SupervisorRef, StartError> {
        SupervisorRef::start(
            type_name::<Self>(),
            || Ok(Some(SupervisorPlan::Ordered(self))),
            options,
        )
    }

    /// The spec by which another supervisor starts it: with all the time that it takes to end.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// As [`child_spec`](Self::child_spec), registered as `name`, which is its id, too.
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<SupervisorRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }
}

impl Policy {
    pub(crate) fn check(&self, auto_shutdown: AutoShutdown) -> Result<(), SpecError> {
        match (self.significant, auto_shutdown, self.restart) {
            (false, ..) => Ok(()),
            (true, AutoShutdown::Never, _) => {
                Err(SpecError::SignificantWithoutAutoShutdown(self.id.clone()))
            }
            (true, _, Restart::Permanent) => {
                Err(SpecError::SignificantAndPermanent(self.id.clone()))
            }
            (true, ..) => Ok(()),
        }
    }
}

/// A supervisor that is described when it is started.
pub trait Supervise: Sized + 'static {
    /// What it is started with.
    type Args: Send + 'static;

    /// Describes the supervisor, in its own process, each time it is started.
    ///
    /// `Ok(None)` is OTP's `ignore`: there is to be no supervisor, and that is no error.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    fn init(args: Self::Args) -> SupervisorInit;

    /// Starts it, linked to the caller, and waits until its children are started.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`], and [`StartError::Ignored`].
    fn start_link(args: Self::Args) -> Result<SupervisorRef, StartError> {
        Self::start_link_with(args, StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with the options of a server: a name, for instance.
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    fn start_link_with(
        args: Self::Args,
        options: StartOptions,
    ) -> Result<SupervisorRef, StartError> {
        let init = || Ok(Self::init(args)?.map(SupervisorPlan::Ordered));
        SupervisorRef::start(type_name::<Self>(), init, options)
    }

    /// The spec by which another supervisor starts it, called by the name of its type: with all the
    /// time that it takes to end.
    fn child_spec(args: Self::Args) -> ChildSpec<SupervisorRef>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::new(type_name::<Self>(), move || Self::start_link(args.clone()))
            .child_type(ChildType::Supervisor)
    }

    /// As [`child_spec`](Self::child_spec), registered as `name`, which is its id, too.
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<SupervisorRef>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::named(name, move |options| Self::start_link_with(args.clone(), options))
            .child_type(ChildType::Supervisor)
    }
}

/// Why a supervisor did not start: a child did not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FailedToStart {
    /// The child.
    pub id: String,
    /// Why it did not start.
    pub reason: ExitReason,
}

impl fmt::Display for FailedToStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child {:?} failed to start: {}", self.id, self.reason)
    }
}
