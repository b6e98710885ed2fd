//! Supervisors: processes that start others, and start them again when they fail.
//!
//! ```
//! use procession::prelude::*;
//! use procession::supervisor::{Supervised, Supervisor};
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
//! | `which_children` | [`SupervisorRef::which_children`] |
//! | `count_children` | [`SupervisorRef::count_children`] |
//! | `get_childspec` | [`SupervisorRef::get_child_spec`] |
//! | `check_childspecs` | [`Supervisor::check`] |
//! | `get_callback_module` | [`SupervisorRef::callback_module`] |
//!
//! # Differences from OTP
//!
//! - A start function is a closure, which keeps what the child is to be started with.
//! - What is wrong with a child spec is mostly ruled out by types. The rest is a [`SpecError`].
//! - A child that is killed has a [grace](crate::process::Builder::kill_grace) to leave its code,
//!   as every process here: a supervisor waits for it that much longer at most.
//! - A child that chooses not to start is [`SupervisorError::Ignored`], where OTP says
//!   `{ok, undefined}`.
//!
//! OTP: [`supervisor`](https://www.erlang.org/doc/apps/stdlib/supervisor.html).

mod child_spec;
mod children;
pub(crate) mod failures;
pub(crate) mod intensity;
mod serve;
pub(crate) mod shutdown;

use std::any::type_name;
use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::CallError;
use crate::exit::ExitReason;
use crate::gen_server::{GenServer, HandleCall, ServerRef, StartError, StartOptions, StopError};
use crate::id::Pid;
use crate::message::Object;
use crate::process::Destination;

pub use child_spec::{
    Child, ChildSpec, ChildType, Policy, Restart, Shutdown, SpecError, Supervised,
};
pub use children::ChildState;

pub(crate) use child_spec::{Spec, Started};
use intensity::Intensity;
use serve::{
    CallbackModule, CountChildren, DeleteChild, GetChildSpec, RestartChild, Start, StartChild,
    Supervising, TerminateChild, WhichChildren,
};

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
            intensity: Intensity { max: 1, period: Duration::from_secs(5) },
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
        if self.intensity.period.is_zero() {
            return Err(SpecError::ZeroPeriod);
        }
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
        start(type_name::<Supervisor>(), move || Ok(Some(self)), options)
    }

    /// The spec by which another supervisor starts it: with all the time that it takes to end.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }
}

impl Policy {
    fn check(&self, auto_shutdown: AutoShutdown) -> Result<(), SpecError> {
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

fn start(
    module: &'static str,
    init: impl FnOnce() -> SupervisorInit + Send + 'static,
    options: StartOptions,
) -> Result<SupervisorRef, StartError> {
    let start = Start { module, init: Box::new(init) };
    Supervising::start_link_with(start, options).map(SupervisorRef)
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
        start(type_name::<Self>(), move || Self::init(args), options)
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

/// A supervisor, by pid or name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SupervisorRef(ServerRef<Supervising>);

impl Child for SupervisorRef {
    fn child_pid(&self) -> Pid {
        self.0.child_pid()
    }
}

impl From<SupervisorRef> for Destination {
    fn from(supervisor: SupervisorRef) -> Destination {
        supervisor.0.into()
    }
}

impl From<&SupervisorRef> for Destination {
    fn from(supervisor: &SupervisorRef) -> Destination {
        (&supervisor.0).into()
    }
}

impl From<&SupervisorRef> for Object {
    fn from(supervisor: &SupervisorRef) -> Object {
        (&supervisor.0).into()
    }
}

/// A child, as [`SupervisorRef::which_children`] shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Which it is.
    pub id: String,
    /// What has become of it.
    pub state: ChildState,
    /// What it is.
    pub child_type: ChildType,
    /// How often it was started again after it had failed.
    pub restarts: u64,
}

impl ChildInfo {
    pub(crate) fn new(policy: &Policy, state: ChildState, restarts: u64) -> ChildInfo {
        let Policy { id, child_type, .. } = policy.clone();
        ChildInfo { id, state, child_type, restarts }
    }
}

/// How many children there are, as [`SupervisorRef::count_children`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Children, whether they run or not.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are supervisors, whether they run or not.
    pub supervisors: usize,
    /// Those that are workers, whether they run or not.
    pub workers: usize,
}

impl Counts {
    pub(crate) fn of(children: &[ChildInfo]) -> Counts {
        let count = |is_it: &dyn Fn(&ChildInfo) -> bool| {
            children.iter().filter(|child| is_it(child)).count()
        };
        Counts {
            specs: children.len(),
            active: count(&|child| child.state.pid().is_some()),
            supervisors: count(&|child| child.child_type == ChildType::Supervisor),
            workers: count(&|child| child.child_type == ChildType::Worker),
        }
    }
}

/// Error returned from what a supervisor is asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SupervisorError {
    /// There is a child with this id, which runs.
    AlreadyStarted(Pid),
    /// There is a child with this id, which does not run.
    AlreadyPresent,
    /// The child spec is wrong.
    Spec(SpecError),
    /// The child failed to start, for this reason.
    Failed(ExitReason),
    /// The child has chosen not to start. Unless it is temporary, the supervisor keeps it.
    Ignored,
    /// There are as many children as there may be.
    MaxChildren,
    /// There is no such child.
    NotFound,
    /// The child runs.
    Running,
    /// The child is about to be started again.
    Restarting,
    /// There was no answer.
    Call(CallError),
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyStarted(pid) => write!(f, "already started as {pid}"),
            Self::AlreadyPresent => f.write_str("the child is there already, and does not run"),
            Self::Spec(error) => write!(f, "the child spec is wrong: {error}"),
            Self::Failed(reason) => write!(f, "the child failed to start: {reason}"),
            Self::Ignored => f.write_str("the child chose not to start"),
            Self::MaxChildren => f.write_str("there are as many children as there may be"),
            Self::NotFound => f.write_str("no such child"),
            Self::Running => f.write_str("the child runs"),
            Self::Restarting => f.write_str("the child is being restarted"),
            Self::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for SupervisorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Spec(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::AlreadyStarted(_)
            | Self::AlreadyPresent
            | Self::Failed(_)
            | Self::Ignored
            | Self::MaxChildren
            | Self::NotFound
            | Self::Running
            | Self::Restarting => None,
        }
    }
}

impl From<CallError> for SupervisorError {
    fn from(error: CallError) -> SupervisorError {
        SupervisorError::Call(error)
    }
}

/// What a supervisor can be asked takes as long as it takes: a child may be slow to start, or to
/// end.
impl SupervisorRef {
    /// The supervisor whose process is `pid`.
    pub fn from_pid(pid: Pid) -> SupervisorRef {
        SupervisorRef(ServerRef::from_pid(pid))
    }

    /// The supervisor that is registered as `name` at the time of each use.
    pub fn named(name: impl Into<Arc<str>>) -> SupervisorRef {
        SupervisorRef(ServerRef::named(name))
    }

    /// The process: as it was given, or whoever has the name now.
    pub fn pid(&self) -> Option<Pid> {
        self.0.pid()
    }

    /// Adds a child after the others, and starts it.
    ///
    /// OTP: [`supervisor:start_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#start_child/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::AlreadyStarted`], [`SupervisorError::AlreadyPresent`] if there is a
    ///   child with this id.
    /// - [`SupervisorError::Spec`] if it is significant where that makes no sense.
    /// - [`SupervisorError::Failed`] if it does not start: then it was not added.
    /// - [`SupervisorError::Ignored`] if it has chosen not to start.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn start_child<C: Child>(&self, spec: ChildSpec<C>) -> Result<C, SupervisorError> {
        let child = self.ask(StartChild(spec.into()))??;
        Ok(*child.downcast().expect("it is what the start function returned"))
    }

    /// Stops a child as its [`Shutdown`] says, and returns when it is gone. It stays known, to be
    /// [restarted](Self::restart_child) or [deleted](Self::delete_child), unless it is temporary.
    ///
    /// One that does not run any more is no error.
    ///
    /// OTP: [`supervisor:terminate_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#terminate_child/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], [`SupervisorError::Call`].
    pub fn terminate_child(&self, id: impl Into<String>) -> Result<(), SupervisorError> {
        self.ask(TerminateChild(id.into()))?
    }

    /// Starts a child that does not run, and returns its process.
    ///
    /// OTP: [`supervisor:restart_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#restart_child/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Running`], [`SupervisorError::Restarting`],
    ///   [`SupervisorError::NotFound`].
    /// - [`SupervisorError::Failed`], [`SupervisorError::Ignored`] if it does not start; it stays
    ///   known.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn restart_child(&self, id: impl Into<String>) -> Result<Pid, SupervisorError> {
        self.ask(RestartChild(id.into()))?
    }

    /// Forgets a child that does not run.
    ///
    /// OTP: [`supervisor:delete_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#delete_child/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Running`], [`SupervisorError::Restarting`],
    /// [`SupervisorError::NotFound`], [`SupervisorError::Call`].
    pub fn delete_child(&self, id: impl Into<String>) -> Result<(), SupervisorError> {
        self.ask(DeleteChild(id.into()))?
    }

    /// All children, the one that was added last first.
    ///
    /// OTP: [`supervisor:which_children/1`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#which_children/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        self.ask(WhichChildren)
    }

    /// How many children there are.
    ///
    /// OTP: [`supervisor:count_children/1`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#count_children/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn count_children(&self) -> Result<Counts, SupervisorError> {
        self.ask(CountChildren)
    }

    /// What the supervisor was told of a child, with all defaults.
    ///
    /// OTP: [`supervisor:get_childspec/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#get_childspec/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], [`SupervisorError::Call`].
    pub fn get_child_spec(&self, id: impl Into<String>) -> Result<Policy, SupervisorError> {
        self.ask(GetChildSpec(id.into()))?
    }

    /// Whose [`init`](Supervise::init) describes the supervisor, by the name of its type.
    ///
    /// OTP: [`supervisor:get_callback_module/1`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#get_callback_module/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn callback_module(&self) -> Result<&'static str, SupervisorError> {
        self.ask(CallbackModule)
    }

    /// Stops the supervisor with [`ExitReason::Normal`], and waits until it is gone, and its
    /// children before it.
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop`].
    pub fn stop(&self) -> Result<(), StopError> {
        self.0.stop()
    }

    /// As [`stop`](Self::stop), with any reason, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop_with`].
    pub fn stop_with(
        &self,
        reason: impl Into<ExitReason>,
        timeout: Duration,
    ) -> Result<(), StopError> {
        self.0.stop_with(reason, timeout)
    }

    fn ask<M>(&self, request: M) -> Result<<Supervising as HandleCall<M>>::Reply, SupervisorError>
    where
        Supervising: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        Ok(self.0.call_timeout(request, Duration::MAX)?)
    }
}
