//! What a supervisor knows of a child: how to start it, when to restart it, how to stop it.

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

/// How long a worker has to end before it is killed, unless it is told otherwise, as in OTP.
const WORKER_SHUTDOWN: Duration = Duration::from_secs(5);

/// When a child that has ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// If it has ended abnormally: with a reason that is not
    /// [orderly](crate::ExitReason::is_orderly).
    Transient,
    /// Never. The supervisor forgets it when it has ended.
    Temporary,
}

/// How a supervisor stops a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It is killed at once.
    BrutalKill,
    /// It is told to [shut down](crate::ExitReason::Shutdown), and killed if it has not ended after
    /// this time.
    Timeout(Duration),
    /// It is told to shut down, and has all the time that it takes: for a supervisor.
    Infinity,
}

/// What a child is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChildType {
    /// It does the work.
    #[default]
    Worker,
    /// It has children of its own.
    Supervisor,
}

/// What a start function gives its supervisor: a process that is linked to it, and what else the
/// one who asks for the child is to get.
pub trait Child: Send + 'static {
    /// The process.
    fn child_pid(&self) -> Pid;
}

impl Child for Pid {
    fn child_pid(&self) -> Pid {
        *self
    }
}

impl<S: GenServer> Child for ServerRef<S> {
    fn child_pid(&self) -> Pid {
        self.pid().expect("a server that was just started is known by its pid")
    }
}

/// A process and a word about it: OTP's `{ok, Pid, Info}`.
impl<C: Child, I: Send + 'static> Child for (C, I) {
    fn child_pid(&self) -> Pid {
        self.0.child_pid()
    }
}

/// How a supervisor starts, restarts and stops one child.
///
/// A server gives its own, by [`Supervised::child_spec`], which can be adjusted; any other process
/// gets one by [`new`](Self::new).
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
/// One for children that are all started with something of their own, of type `A`, is a
/// [template](Self::template).
#[must_use = "a supervisor is to have it"]
pub struct ChildSpec<C = Pid, A = ()> {
    policy: Policy,
    /// `None` until it is said: what it is by default depends on the type.
    shutdown: Option<Shutdown>,
    start: StartFunction<C, A>,
}

pub(crate) type StartFunction<C, A> = Arc<dyn Fn(A) -> Result<C, StartError> + Send + Sync>;

/// What a [`ChildSpec`] says, but for how the child is started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Tells the child from its siblings.
    pub id: String,
    /// When it is started again. Default: [`Restart::Permanent`].
    pub restart: Restart,
    /// How it is stopped. Default: it has five seconds; a supervisor has all the time it takes.
    pub shutdown: Shutdown,
    /// What it is. Default: [`ChildType::Worker`].
    pub child_type: ChildType,
    /// Whether its end counts for [`AutoShutdown`](super::AutoShutdown). Default: it does not.
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
    /// A permanent worker that `start` starts, called `id`.
    ///
    /// `start` runs in the supervisor's process, and must link what it starts to that, as
    /// `start_link` functions do.
    pub fn new(
        id: impl Into<String>,
        start: impl Fn() -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C> {
        ChildSpec::template(id, move |()| start())
    }
}

impl<C: Child> ChildSpec<C> {
    /// A child that is registered as what it is called.
    pub(crate) fn named(
        name: impl Into<String>,
        start: impl Fn(StartOptions) -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C> {
        let name = name.into();
        ChildSpec::new(name.clone(), move || start(StartOptions::new().name(&*name)))
    }
}

impl<C: Child, A> ChildSpec<C, A> {
    /// What children are made of that `start` starts, each with what it is given: for
    /// [`Supervisor::simple_one_for_one`](super::Supervisor::simple_one_for_one).
    ///
    /// Else as [`new`](ChildSpec::new).
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
    /// The spec of a child that is made of this, started with `args`; `note` is told of each
    /// process.
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
    /// Sets what tells it from its siblings.
    pub fn id(mut self, id: impl Into<String>) -> ChildSpec<C, A> {
        self.policy.id = id.into();
        self
    }

    /// Sets when it is started again.
    pub fn restart(mut self, restart: Restart) -> ChildSpec<C, A> {
        self.policy.restart = restart;
        self
    }

    /// Sets how it is stopped.
    pub fn shutdown(mut self, shutdown: Shutdown) -> ChildSpec<C, A> {
        self.shutdown = Some(shutdown);
        self
    }

    /// Sets what it is.
    pub fn child_type(mut self, child_type: ChildType) -> ChildSpec<C, A> {
        self.policy.child_type = child_type;
        self
    }

    /// Sets whether its end counts for [`AutoShutdown`](super::AutoShutdown).
    pub fn significant(mut self, significant: bool) -> ChildSpec<C, A> {
        self.policy.significant = significant;
        self
    }

    pub(crate) fn start_function(&self) -> StartFunction<C, A> {
        Arc::clone(&self.start)
    }

    /// What it says, with all defaults.
    pub fn policy(&self) -> Policy {
        let default = match self.policy.child_type {
            ChildType::Worker => Shutdown::Timeout(WORKER_SHUTDOWN),
            ChildType::Supervisor => Shutdown::Infinity,
        };
        Policy { shutdown: self.shutdown.unwrap_or(default), ..self.policy.clone() }
    }
}

/// A child spec for a supervisor, to which all children are the same.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) policy: Policy,
    /// `None` once it is not needed any more: what it keeps may be large.
    start: Option<Arc<dyn Fn() -> Result<StartedChild, StartError> + Send + Sync>>,
}

/// A child that was just started, and what is for who has asked for it.
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
    /// Of a child that `start` starts with `args`, time and again.
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

    /// Starts the child. A panic there is a failure as any other.
    pub(crate) fn start(&self) -> Result<StartedChild, StartError> {
        let start = self.start.as_ref().expect("it was not dropped, as it may be needed");
        let outcome = process::catch(|| start());
        outcome.unwrap_or_else(|reason| Err(StartError::Failed(reason)))
    }

    /// Drops what a child is started with that is never started again.
    pub(crate) fn forget_start_if_temporary(&mut self) {
        if self.policy.restart == Restart::Temporary {
            drop_caught(self.start.take());
        }
    }
}

impl Drop for Spec {
    fn drop(&mut self) {
        // What the function keeps is no reason for a supervisor to fail.
        drop_caught(self.start.take());
    }
}

/// A server that a supervisor can start: every one.
pub trait Supervised: GenServer {
    /// A permanent worker, started with `args` each time, whose id is the name of the server's
    /// type.
    fn child_spec(args: Self::Args) -> ChildSpec<ServerRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        Self::child_spec_with(move || args.clone())
    }

    /// As [`child_spec`](Self::child_spec), for arguments that are made anew each time.
    fn child_spec_with(
        args: impl Fn() -> Self::Args + Send + Sync + 'static,
    ) -> ChildSpec<ServerRef<Self>> {
        ChildSpec::new(type_name::<Self>(), move || Self::start_link(args()))
    }

    /// As [`child_spec`](Self::child_spec), for a server that is registered as `name`, which is its
    /// id, too.
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<ServerRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::named(name, move |options| Self::start_link_with(args.clone(), options))
    }

    /// What servers are made of that are all started with arguments of their own: for
    /// [`Supervisor::simple_one_for_one`](super::Supervisor::simple_one_for_one).
    fn child_template() -> ChildSpec<ServerRef<Self>, Self::Args> {
        ChildSpec::template(type_name::<Self>(), Self::start_link)
    }
}

impl<S: GenServer> Supervised for S {}

/// What is wrong with a child spec, or with what a supervisor was told.
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
