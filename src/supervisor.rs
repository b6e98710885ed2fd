//! Supervisors: processes that start other processes and restart them when they fail.
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
//! #     fn handle_call(&mut self, (): (), _: &Caller<u64>) -> CallResult<Self, ()> {
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
//! let pid = three.pid();
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
//! order, each one when the one before is ready, and stops them in reverse order. When a child
//! exits, its [`Restart`] says whether it is restarted; the supervisor's [`Strategy`] says whether
//! other children are restarted with it. If restarts become more frequent than the
//! [intensity](Supervisor::intensity) allows, restarting does not help: the supervisor stops all
//! its children and exits with [`ExitReason::Shutdown`], and its own supervisor decides what to do.
//!
//! Processes that are linked to a child receive its exit signal before those that monitor it. So
//! when a process has received the `Down` of a child, the supervisor knows of the crash, and
//! answers the next request when the new child has started; a call to the child's name in between
//! finds no process. A process that learns of the new child by other means may do so before it
//! receives the `Down` of the old one.
//!
//! A [`Supervisor`] value describes a supervisor once. To have the description made anew whenever
//! the supervisor is started, also when its own supervisor restarts it, implement [`Supervise`].
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
//! | `which_children` | [`AnySupervisorRef::which_children`] |
//! | `count_children` | [`AnySupervisorRef::count_children`] |
//! | `get_childspec` | [`SupervisorRef::get_child_spec`] |
//! | `check_childspecs` | [`Supervisor::check`] |
//! | `get_callback_module` | [`AnySupervisorRef::callback_module`] |
//! | `simple_one_for_one` | [`Supervisor::simple_one_for_one`], [`SimpleOneForOneRef`] |
//!
//! [`tree`] returns the processes below a supervisor, to be printed or drawn.
//!
//! # Differences from OTP
//!
//! - A start function is a closure, which captures the start arguments of the child.
//! - Types rule out most of the mistakes in a child spec. The others are a [`SpecError`].
//! - A child that is killed has a [grace](crate::process::Builder::kill_grace) to leave its code,
//!   as every process here: a supervisor waits for at most that much longer.
//! - A child that calls its supervisor while the supervisor waits for the child to end, directly or
//!   through other processes, gets [`CallError::Deadlock`](crate::CallError::Deadlock) at once,
//!   where OTP lets both wait until the child is killed, or forever.
//! - A child of a `simple_one_for_one` supervisor is started with one value, not with a list of
//!   arguments that is appended to that of the spec. The requests that take an id do not exist
//!   there, and `which_children` returns the id of the template, where OTP returns `undefined`.
//! - `restart_child` returns the process, and not the `Info` that the start function may return.
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
pub use simple_one_for_one::{SimpleOneForOne, SimpleOneForOneRef};
pub use supervisor_ref::{AnySupervisorRef, SupervisorRef};
pub use tree::{Tree, tree};

use child_spec::{Spec, StartedChild};
use intensity::Intensity;
use serve::SupervisorPlan;

/// Says which children are restarted when one of them has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Only the failed child.
    OneForOne,
    /// All children; the others are stopped first.
    OneForAll,
    /// The failed child and the children that were started after it, which are stopped first.
    RestForOne,
}

/// Says whether a supervisor shuts down, with [`ExitReason::Shutdown`], when
/// [significant](ChildSpec::significant) children have exited by themselves and are not restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// It never does.
    #[default]
    Never,
    /// It does when any significant child has exited.
    AnySignificant,
    /// It does when the last significant child has exited.
    AllSignificant,
}

/// The result of [`Supervise::init`]: a supervisor, or `None` if none is to be started.
pub type SupervisorInit = Result<Option<Supervisor>, ExitReason>;

/// Describes a supervisor to be started: its strategy, its flags, its children.
///
/// As in OTP, it restarts children at most once in any five seconds, unless
/// [`intensity`](Self::intensity) sets another limit.
#[derive(Clone, Debug)]
#[must_use = "a supervisor does nothing until it is started"]
pub struct Supervisor {
    strategy: Strategy,
    intensity: Intensity,
    auto_shutdown: AutoShutdown,
    children: Vec<Spec>,
}

impl Supervisor {
    /// Creates a supervisor without children.
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor {
            strategy,
            intensity: Intensity::OTP,
            auto_shutdown: AutoShutdown::Never,
            children: Vec::new(),
        }
    }

    /// Creates a supervisor that restarts only the child that has failed.
    pub fn one_for_one() -> Supervisor {
        Supervisor::new(Strategy::OneForOne)
    }

    /// Creates a supervisor that restarts all children when one has failed.
    pub fn one_for_all() -> Supervisor {
        Supervisor::new(Strategy::OneForAll)
    }

    /// Creates a supervisor that restarts the child that has failed and those that were started
    /// after it.
    pub fn rest_for_one() -> Supervisor {
        Supervisor::new(Strategy::RestForOne)
    }

    /// Allows at most `restarts` restarts in any `period`. When one more is due, the supervisor
    /// gives up. Default: 1 in 5 s.
    ///
    /// The children that the strategy restarts together count as one restart.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Supervisor {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets whether the supervisor shuts down when significant children have exited. Default: it
    /// does not.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Supervisor {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child, which is started after those that were added before.
    pub fn child<C: Child>(mut self, spec: ChildSpec<C>) -> Supervisor {
        self.children.push(spec.into());
        self
    }

    /// Checks the child specs and the flags as [`start_link`](Self::start_link) does, and starts
    /// nothing.
    ///
    /// OTP: [`supervisor:check_childspecs/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#check_childspecs/2).
    ///
    /// # Errors
    ///
    /// Returns the first mistake that is found.
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

    /// Starts the supervisor, linked to the caller, and waits until its children have started.
    ///
    /// OTP: [`supervisor:start_link/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#start_link/2).
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`SpecError`] if [`check`](Self::check) fails, or with a
    /// [`FailedToStart`], as a shutdown, if a child does not start; the children before it have
    /// been stopped then. Otherwise as for any server.
    pub fn start_link(self) -> Result<SupervisorRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
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

    /// Returns a child spec by which another supervisor starts this one. It sets no limit on the
    /// time that this supervisor takes to shut down.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
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

/// Describes a supervisor anew each time it is started.
pub trait Supervise: Sized + 'static {
    /// The arguments from which [`init`](Self::init) makes the description.
    type Args: Send + 'static;

    /// Describes the supervisor, in its own process, each time it is started.
    ///
    /// `Ok(None)` is OTP's `ignore`: no supervisor is started, and that is not an error.
    ///
    /// # Errors
    ///
    /// The reason for which the supervisor cannot be started.
    fn init(args: Self::Args) -> SupervisorInit;

    /// Starts the supervisor, linked to the caller, and waits until its children have started.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`], and [`StartError::Ignored`].
    fn start_link(args: Self::Args) -> Result<SupervisorRef, StartError> {
        Self::start_link_with(args, StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
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

    /// Returns a child spec by which another supervisor starts this one, with the name of its type
    /// as the id. It sets no limit on the time that this supervisor takes to shut down.
    fn child_spec(args: Self::Args) -> ChildSpec<SupervisorRef>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::new(type_name::<Self>(), move || Self::start_link(args.clone()))
            .child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<SupervisorRef>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::named(name, move |options| Self::start_link_with(args.clone(), options))
            .child_type(ChildType::Supervisor)
    }
}

/// The reason for which a supervisor did not start: one of its children did not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FailedToStart {
    /// The id of the child.
    pub id: String,
    /// The reason for which the child did not start.
    pub reason: ExitReason,
}

impl fmt::Display for FailedToStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child {:?} failed to start: {}", self.id, self.reason)
    }
}
