//! Child specs: how a supervisor starts a child, when it restarts it, how it stops it.

use std::any::Any;
use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::gen_server::{GenServer, ServerRef, StartError, StartOptions};
use crate::id::Pid;
use crate::process;
use crate::user_code::{Guarded, drop_caught};

/// The default time that a worker has to shut down before it is killed, as in OTP.
const WORKER_SHUTDOWN: Duration = Duration::from_secs(5);

/// Says when a child that has exited is restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// It is always restarted.
    #[default]
    Permanent,
    /// It is restarted if it has exited abnormally: with a reason that is not
    /// [orderly](crate::ExitReason::is_orderly).
    Transient,
    /// It is never restarted. The supervisor forgets it when it has exited.
    Temporary,
}

/// Says how a supervisor stops a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// The child is killed at once.
    BrutalKill,
    /// The child is told to [shut down](crate::ExitReason::Shutdown), and killed if it has not
    /// exited after this time.
    Timeout(Duration),
    /// The child is told to shut down, and the supervisor waits without limit: for a child that is
    /// a supervisor.
    Infinity,
}

/// Says whether a child is a worker or a supervisor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChildType {
    /// The child does work.
    #[default]
    Worker,
    /// The child is a supervisor and has children of its own.
    Supervisor,
}

/// The result of a start function: it tells the supervisor which process, linked to it, it has
/// started, and is returned to the client that asked for the child.
pub trait Child: Send + 'static {
    /// Returns the process.
    fn child_pid(&self) -> Pid;
}

impl Child for Pid {
    fn child_pid(&self) -> Pid {
        *self
    }
}

impl<S: GenServer> Child for ServerRef<S> {
    fn child_pid(&self) -> Pid {
        self.pid()
    }
}

/// A process with additional information: OTP's `{ok, Pid, Info}`.
impl<C: Child, I: Send + 'static> Child for (C, I) {
    fn child_pid(&self) -> Pid {
        self.0.child_pid()
    }
}

/// Describes how a supervisor starts, restarts and stops one child.
///
/// [`Supervised::child_spec`] makes the spec of a server, which can be adjusted;
/// [`new`](Self::new) makes one for any other process.
///
/// OTP: [child specifications](https://www.erlang.org/doc/system/sup_princ.html#child-specification).
///
/// ```
/// use procession::prelude::*;
/// use procession::proc_lib;
/// use procession::supervisor::Shutdown;
/// use std::time::Duration;
///
/// let spec = ChildSpec::new("printer", || {
///     let pid = proc_lib::start_link(|starter| {
///         starter.ack(process::self_pid());
///         // ... print ...
///     })?;
///     Ok(pid)
/// })
/// .restart(Restart::Transient)
/// .shutdown(Shutdown::Timeout(Duration::from_secs(30)));
/// assert_eq!(spec.policy().id, "printer");
/// ```
///
/// A spec for any number of children, each started with its own arguments of type `A`, is a
/// [template](Self::template).
#[must_use = "a child spec does nothing until a supervisor gets it"]
pub struct ChildSpec<C = Pid, A = ()> {
    policy: Policy,
    /// `None` until it is set: the default depends on the type of the child.
    shutdown: Option<Shutdown>,
    start: StartFunction<C, A>,
}

pub(crate) type StartFunction<C, A> = Arc<dyn Fn(A) -> Result<C, StartError> + Send + Sync>;

/// All parts of a [`ChildSpec`] but the start function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Identifies the child among its siblings.
    pub id: String,
    /// When the child is restarted. Default: [`Restart::Permanent`].
    pub restart: Restart,
    /// How the child is stopped. Default: a timeout of five seconds; for a supervisor, no limit.
    pub shutdown: Shutdown,
    /// Whether the child is a worker or a supervisor. Default: [`ChildType::Worker`].
    pub child_type: ChildType,
    /// Whether the exit of the child counts for [`AutoShutdown`](super::AutoShutdown). Default: it
    /// does not.
    pub significant: bool,
}

impl<C, A> Clone for ChildSpec<C, A> {
    fn clone(&self) -> ChildSpec<C, A> {
        ChildSpec {
            policy: self.policy.clone(),
            shutdown: self.shutdown,
            start: Arc::clone(&self.start),
        }
    }
}

impl<C, A> fmt::Debug for ChildSpec<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildSpec").field(&self.policy()).finish()
    }
}

impl<C: Child> ChildSpec<C> {
    /// Creates the spec of a permanent worker with the id `id` that `start` starts.
    ///
    /// `start` runs in the supervisor's process, and must link the process that it starts to it, as
    /// `start_link` functions do.
    pub fn new(
        id: impl Into<String>,
        start: impl Fn() -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C> {
        ChildSpec::template(id, move |()| start())
    }
}

impl<C: Child> ChildSpec<C> {
    /// Creates the spec of a child whose registered name is its id.
    pub(crate) fn named(
        name: impl Into<String>,
        start: impl Fn(StartOptions) -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C> {
        let name = name.into();
        ChildSpec::new(name.clone(), move || start(StartOptions::new().name(&*name)))
    }
}

impl<C: Child, A> ChildSpec<C, A> {
    /// Creates a template for children that `start` starts, each with its own arguments: for
    /// [`Supervisor::simple_one_for_one`](super::Supervisor::simple_one_for_one).
    ///
    /// Otherwise as [`new`](ChildSpec::new).
    pub fn template(
        id: impl Into<String>,
        start: impl Fn(A) -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C, A> {
        let policy = Policy {
            id: id.into(),
            restart: Restart::default(),
            shutdown: Shutdown::Infinity,
            child_type: ChildType::default(),
            significant: false,
        };
        ChildSpec { policy, shutdown: None, start: Arc::new(start) }
    }
}

impl<C: Child, A: Clone + Send + Sync + 'static> ChildSpec<C, A> {
    /// Creates the spec of the child that this template makes from `args`. `note` is called with
    /// each process that is started.
    pub(crate) fn instance(
        &self,
        id: String,
        args: A,
        note: impl Fn(Pid) + Send + Sync + 'static,
    ) -> ChildSpec<C> {
        let start = Arc::clone(&self.start);
        let start = move |()| {
            let child = start(args.clone())?;
            note(child.child_pid());
            Ok(child)
        };
        let policy = Policy { id, ..self.policy.clone() };
        ChildSpec { policy, shutdown: self.shutdown, start: Arc::new(start) }
    }
}

impl<C, A> ChildSpec<C, A> {
    /// Sets the id, which identifies the child among its siblings.
    pub fn id(mut self, id: impl Into<String>) -> ChildSpec<C, A> {
        self.policy.id = id.into();
        self
    }

    /// Sets when the child is restarted.
    pub fn restart(mut self, restart: Restart) -> ChildSpec<C, A> {
        self.policy.restart = restart;
        self
    }

    /// Sets how the child is stopped.
    pub fn shutdown(mut self, shutdown: Shutdown) -> ChildSpec<C, A> {
        self.shutdown = Some(shutdown);
        self
    }

    /// Sets whether the child is a worker or a supervisor.
    pub fn child_type(mut self, child_type: ChildType) -> ChildSpec<C, A> {
        self.policy.child_type = child_type;
        self
    }

    /// Sets whether the exit of the child counts for [`AutoShutdown`](super::AutoShutdown).
    pub fn significant(mut self, significant: bool) -> ChildSpec<C, A> {
        self.policy.significant = significant;
        self
    }

    pub(crate) fn start_function(&self) -> StartFunction<C, A> {
        Arc::clone(&self.start)
    }

    /// Returns all parts but the start function, with the defaults filled in.
    pub fn policy(&self) -> Policy {
        let default = match self.policy.child_type {
            ChildType::Worker => Shutdown::Timeout(WORKER_SHUTDOWN),
            ChildType::Supervisor => Shutdown::Infinity,
        };
        Policy { shutdown: self.shutdown.unwrap_or(default), ..self.policy.clone() }
    }
}

/// A child spec without its types, as a supervisor keeps it.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) policy: Policy,
    /// `None` once it is not needed any more: the captured arguments may be large.
    start: Option<Arc<dyn Fn() -> Result<StartedChild, StartError> + Send + Sync>>,
}

/// A started child, and the value that `start_child` returns.
pub(crate) struct StartedChild {
    pub(crate) pid: Pid,
    pub(crate) child: Guarded<Box<dyn Any + Send>>,
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.policy, f)
    }
}

impl<C: Child> From<ChildSpec<C>> for Spec {
    fn from(spec: ChildSpec<C>) -> Spec {
        Spec::new(spec.policy(), spec.start, ())
    }
}

impl Spec {
    /// Creates the spec of a child that `start` starts with `args`, each time anew.
    pub(crate) fn new<C: Child, A: Clone + Send + Sync + 'static>(
        policy: Policy,
        start: StartFunction<C, A>,
        args: A,
    ) -> Spec {
        let start = move || {
            let child = start(args.clone())?;
            Ok(StartedChild { pid: child.child_pid(), child: Guarded::new(Box::new(child)) })
        };
        Spec { policy, start: Some(Arc::new(start)) }
    }

    /// Starts the child. A panic of the start function is a failure like any other.
    pub(crate) fn start(&self) -> Result<StartedChild, StartError> {
        let start = self.start.as_ref().expect("forgotten only if never used again");
        let outcome = process::catch(|| start());
        outcome.unwrap_or_else(|reason| Err(StartError::Failed(reason)))
    }

    /// Drops the start function of a child that is never restarted.
    pub(crate) fn forget_start_if_temporary(&mut self) {
        if self.policy.restart == Restart::Temporary {
            drop_caught(self.start.take());
        }
    }
}

impl Drop for Spec {
    fn drop(&mut self) {
        // A panic while the captured values are dropped must not end the supervisor.
        drop_caught(self.start.take());
    }
}

/// Makes child specs of servers. Every server has it.
pub trait Supervised: GenServer {
    /// Returns the spec of a permanent worker that is started with `args` each time. Its id is the
    /// name of the server's type.
    fn child_spec(args: Self::Args) -> ChildSpec<ServerRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        Self::child_spec_with(move || args.clone())
    }

    /// Returns a [`child_spec`](Self::child_spec) whose arguments are made anew each time.
    fn child_spec_with(
        args: impl Fn() -> Self::Args + Send + Sync + 'static,
    ) -> ChildSpec<ServerRef<Self>> {
        ChildSpec::new(type_name::<Self>(), move || Self::start_link(args()))
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the server is registered as `name`,
    /// which is also its id.
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<ServerRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::named(name, move |options| Self::start_link_with(args.clone(), options))
    }

    /// Returns a template for servers that are each started with their own arguments: for
    /// [`Supervisor::simple_one_for_one`](super::Supervisor::simple_one_for_one).
    fn child_template() -> ChildSpec<ServerRef<Self>, Self::Args> {
        ChildSpec::template(type_name::<Self>(), Self::start_link)
    }
}

impl<S: GenServer> Supervised for S {}

/// A mistake in a child spec or in the flags of a supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecError {
    /// Two children have this id.
    DuplicateId(String),
    /// The child with this id is significant, but its supervisor never shuts down by itself.
    SignificantWithoutAutoShutdown(String),
    /// The child with this id is significant and permanent, so it never ends for good.
    SignificantAndPermanent(String),
    /// The period of the intensity is zero.
    ZeroPeriod,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateId(id) => write!(f, "two children have the id {id:?}"),
            Self::SignificantWithoutAutoShutdown(id) => {
                write!(f, "child {id:?} is significant, but there is no auto-shutdown")
            }
            Self::SignificantAndPermanent(id) => {
                write!(f, "child {id:?} is significant and permanent: it never ends for good")
            }
            Self::ZeroPeriod => f.write_str("the period of the restart intensity is zero"),
        }
    }
}

impl Error for SpecError {}
