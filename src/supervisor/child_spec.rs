//! Child specs: how a supervisor starts a child, when it restarts it, how it stops it.

use std::any::{Any, type_name, type_name_of_val};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use parking_lot::Mutex;

use crate::child_policy::{Restart, Shutdown};
use crate::gen_server::{GenServer, ServerRef, StartError, StartOptions};
use crate::id::Pid;
use crate::process;
use crate::report::Kind;
use crate::user_code::{Guarded, drop_caught, log_caught};

use super::backoff::Backoff;
use super::spec_error::StartedBefore;

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

    /// Returns the name of the type whose callbacks the process runs, if the type of the result
    /// says which that is. [`ChildInfo::module`](super::ChildInfo::module) shows it.
    fn child_module() -> Option<&'static str>
    where
        Self: Sized,
    {
        None
    }
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

    fn child_module() -> Option<&'static str> {
        Some(type_name::<S>())
    }
}

/// A process with additional information: OTP's `{ok, Pid, Info}`.
impl<C: Child, I: Send + 'static> Child for (C, I) {
    fn child_pid(&self) -> Pid {
        self.0.child_pid()
    }

    fn child_module() -> Option<&'static str> {
        C::child_module()
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
/// [template](Self::template). What can be started one time only is a spec made by
/// [`once`](Self::once).
#[must_use = "a child spec does nothing until a supervisor gets it"]
pub struct ChildSpec<C = Pid, A = ()> {
    policy: Policy,
    /// `None` until it is set: the default depends on the type of the child.
    shutdown: Option<Shutdown>,
    /// How the child is stopped if that is not set, and it is a worker.
    worker_shutdown: Shutdown,
    start: StartFunction<C, A>,
    /// What the supervisor holds as long as it has the child.
    held: Held,
}

/// A value of the crate's own that goes when nobody needs it any more.
type Held = Option<Arc<dyn Any + Send + Sync>>;

pub(crate) type StartFunction<C, A> = Arc<dyn Fn(A) -> Result<C, StartError> + Send + Sync>;

/// All parts of a [`ChildSpec`] but the start function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Identifies the child among its siblings.
    pub id: String,
    /// When the child is restarted. Default: [`Restart::Permanent`], unless the type of the server
    /// has [another one](GenServer::RESTART).
    pub restart: Restart,
    /// The pause before each restart. Default: none, the child is restarted at once.
    pub backoff: Option<Backoff>,
    /// How the child is stopped. Default: a timeout of five seconds, unless the type of the server
    /// has [another one](GenServer::SHUTDOWN); for a supervisor, no limit.
    pub shutdown: Shutdown,
    /// Whether the child is a worker or a supervisor. Default: [`ChildType::Worker`].
    pub child_type: ChildType,
    /// Whether the exit of the child counts for [`AutoShutdown`](super::AutoShutdown). Default: it
    /// does not.
    pub significant: bool,
    /// The name of the type whose callbacks the process runs: of the server, for instance. For a
    /// process of which that is not known it is the name of the start function.
    ///
    /// OTP: `Modules`.
    pub module: &'static str,
    /// Whether the start function can run one time only: see [`ChildSpec::once`].
    pub starts_once: bool,
}

impl<C, A> Clone for ChildSpec<C, A> {
    fn clone(&self) -> ChildSpec<C, A> {
        ChildSpec {
            policy: self.policy.clone(),
            shutdown: self.shutdown,
            worker_shutdown: self.worker_shutdown,
            start: Arc::clone(&self.start),
            held: self.held.clone(),
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
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let idle = ChildSpec::new("idle", || Ok(process::spawn_link(|| receive! { () => {} })?));
    /// let supervisor = Supervisor::one_for_one().child(idle).start_link()?;
    /// assert_eq!(supervisor.count_children()?.active, 1);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        id: impl Into<String>,
        start: impl Fn() -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C> {
        let module = module_of::<C>(&start);
        ChildSpec::template(id, move |()| start()).module(module)
    }

    /// Creates the spec of a [temporary](Restart::Temporary) worker with the id `id` that `start`
    /// starts, which may own what it cannot give away twice: a socket, the receiving half of a
    /// channel.
    ///
    /// As `start` can run one time only, the child cannot be restarted. If
    /// [`restart`](Self::restart) sets another value than `Temporary`, supervisors refuse the spec
    /// with [`SpecError::StartsOnce`](super::SpecError::StartsOnce). A copy of the spec can start
    /// the child only if no other copy has: otherwise the start fails with [`StartedBefore`]. So
    /// does that of a [`Supervisor`](super::Supervisor) with such a child when its own supervisor
    /// starts it again.
    ///
    /// If the child is never started, what `start` owns is dropped with the last copy of the spec.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::sync::mpsc;
    ///
    /// let (orders, incoming) = mpsc::channel::<&str>();
    /// let (done, results) = mpsc::channel();
    ///
    /// let kitchens = DynamicSupervisor::new().start_link()?;
    /// kitchens.start_child(ChildSpec::once("kitchen", move || {
    ///     Ok(process::spawn_link(move || {
    ///         incoming.iter().for_each(|dish| _ = done.send(format!("hot {dish}")));
    ///     })?)
    /// }))?;
    /// orders.send("soup")?;
    /// assert_eq!(results.recv()?, "hot soup");
    /// # drop(orders);
    /// # kitchens.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn once(
        id: impl Into<String>,
        start: impl FnOnce() -> Result<C, StartError> + Send + 'static,
    ) -> ChildSpec<C> {
        let (id, module) = (id.into(), module_of::<C>(&start));
        let (unused, name) = (Mutex::new(Some(start)), id.clone());
        let start = move |()| {
            let start = unused.lock().take();
            let before = || StartError::Failed(StartedBefore { id: name.clone() }.into());
            start.ok_or_else(before).and_then(|start| start())
        };
        let mut spec = ChildSpec::template(id, start).module(module).restart(Restart::Temporary);
        spec.policy.starts_once = true;
        spec
    }

    /// Creates the spec of a child whose registered name is its id.
    pub(crate) fn named(
        name: impl Into<String>,
        start: impl Fn(StartOptions) -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C> {
        let name = name.into();
        ChildSpec::new(name.clone(), move || start(StartOptions::new().name(&*name)))
    }
}

/// Returns the name of the type whose callbacks a child runs, or else of its start function.
fn module_of<C: Child>(start: &impl Sized) -> &'static str {
    C::child_module().unwrap_or_else(|| type_name_of_val(start))
}

impl<C: Child, A> ChildSpec<C, A> {
    /// Creates a template for children that `start` starts, each with its own arguments: for
    /// [`Supervisor::simple_one_for_one`](super::Supervisor::simple_one_for_one).
    ///
    /// Otherwise as [`new`](ChildSpec::new).
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let template = ChildSpec::template("greeter", |name: &'static str| {
    ///     Ok(process::spawn_link(move || receive! { pid: Pid => process::send(pid, name) })?)
    /// });
    /// let greeters = Supervisor::simple_one_for_one(template).start_link()?;
    /// let joe = greeters.start_child("Joe")?;
    /// process::send(joe, process::self_pid());
    /// receive! { name: &'static str => assert_eq!(name, "Joe") }
    /// # greeters.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn template(
        id: impl Into<String>,
        start: impl Fn(A) -> Result<C, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<C, A> {
        let policy = Policy {
            id: id.into(),
            restart: Restart::default(),
            backoff: None,
            shutdown: Shutdown::Infinity,
            child_type: ChildType::default(),
            significant: false,
            module: module_of::<C>(&start),
            starts_once: false,
        };
        let worker_shutdown = Shutdown::WORKER;
        ChildSpec { policy, shutdown: None, worker_shutdown, start: Arc::new(start), held: None }
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
        let (shutdown, worker_shutdown) = (self.shutdown, self.worker_shutdown);
        let held = self.held.clone();
        ChildSpec { policy, shutdown, worker_shutdown, start: Arc::new(start), held }
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

    /// Sets a pause before each restart: `first`, then twice as long each time, up to `max`. It is
    /// for a child that fails until something outside of the program is back. Default: the child is
    /// restarted at once.
    ///
    /// When the child has run for `max` or longer, the next pause is `first` again. During the
    /// pause the child is [`Restarting`](super::ChildState::Restarting), and its supervisor answers
    /// requests. The restarts of this child do not count towards the
    /// [intensity](super::Supervisor::intensity): see [the chapter](super#restart-with-back-off).
    ///
    /// A supervisor refuses a spec whose `first` is zero, or longer than `max`, with
    /// [`SpecError::Backoff`](super::SpecError::Backoff).
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::time::Duration;
    ///
    /// // Fails as long as the other side does not answer.
    /// # fn poll() { receive! { () => {} } }
    /// let poller = ChildSpec::new("poller", || Ok(process::spawn_link(poll)?));
    /// let poller = poller.backoff(Duration::from_millis(100), Duration::from_secs(30));
    /// # let supervisor = Supervisor::one_for_one().child(poller).start_link()?;
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backoff(mut self, first: Duration, max: Duration) -> ChildSpec<C, A> {
        self.policy.backoff = Some(Backoff { first, max });
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

    /// Sets the name of the type whose callbacks the process runs.
    pub(crate) fn module(mut self, module: &'static str) -> ChildSpec<C, A> {
        self.policy.module = module;
        self
    }

    /// Has the supervisor hold `value`, which is dropped when it forgets the child: a temporary
    /// one, when it has ended or has failed to start.
    #[cfg(all(feature = "io", target_os = "linux"))]
    pub(crate) fn holding(mut self, value: impl Any + Send + Sync) -> ChildSpec<C, A> {
        self.held = Some(Arc::new(value));
        self
    }

    pub(crate) fn start_function(&self) -> StartFunction<C, A> {
        Arc::clone(&self.start)
    }

    /// Returns all parts but the start function, with the defaults filled in.
    pub fn policy(&self) -> Policy {
        let default = match self.policy.child_type {
            ChildType::Worker => self.worker_shutdown,
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
    /// Dropped with the rest.
    held: Held,
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
        let mut untyped = Spec::new(spec.policy(), spec.start, ());
        untyped.held = spec.held;
        untyped
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
        Spec { policy, start: Some(Arc::new(start)), held: None }
    }

    /// Starts the child. A panic of the start function is a failure like any other.
    pub(crate) fn start(&self) -> Result<StartedChild, StartError> {
        let start = self.start.as_ref().expect("forgotten only if never used again");
        let outcome = process::catch(|| start());
        let outcome = outcome.unwrap_or_else(|reason| Err(StartError::Failed(reason)));
        if let Ok(child) = &outcome {
            self.warn_if_not_linked(child.pid);
        }
        outcome
    }

    /// Warns of a child whose end the supervisor would not hear of.
    fn warn_if_not_linked(&self, pid: Pid) {
        // Asked in this order: the link of a child that has ended is gone.
        if !process::is_linked(pid) && process::is_alive(pid) {
            let id = &self.policy.id;
            let text = format_args!(
                "child {id:?}, {pid}, is not linked to its supervisor {}, which will not hear of \
                 its end: its start function must start it with a link, as `spawn_link` does",
                process::self_pid()
            );
            log_caught(Level::Warn, Kind::Supervisor.target(), text);
        }
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

impl<S: GenServer, A> ChildSpec<ServerRef<S>, A> {
    /// Sets what the type of the server says of its children.
    fn of_server(self) -> ChildSpec<ServerRef<S>, A> {
        self.of_type(S::RESTART, S::SHUTDOWN)
    }
}

impl<C, A> ChildSpec<C, A> {
    /// Sets what the type of a server or a state machine says of its children.
    pub(crate) fn of_type(mut self, restart: Restart, shutdown: Shutdown) -> ChildSpec<C, A> {
        self.worker_shutdown = shutdown;
        self.restart(restart)
    }
}

/// Makes child specs of servers. Every server has it.
///
/// The type of the server can say when its children are restarted, by
/// [`RESTART`](GenServer::RESTART), and how they are stopped, by [`SHUTDOWN`](GenServer::SHUTDOWN).
/// Whatever else its specs have in common is set by a function of its own with the name
/// `child_spec`, which hides the one of this trait, as in Elixir.
///
/// ```
/// use procession::prelude::*;
///
/// #[derive(Debug)]
/// struct Session(u32);
///
/// impl GenServer for Session {
///     type Args = u32;
///     const RESTART: Restart = Restart::Temporary;
///
///     fn init(number: u32) -> InitResult<Self> {
///         ready(Session(number))
///     }
/// }
///
/// impl Session {
///     /// The spec of the session with this number.
///     fn child_spec(number: u32) -> ChildSpec<ServerRef<Session>> {
///         <Session as Supervised>::child_spec(number).id(format!("session {number}"))
///     }
/// }
///
/// let policy = Session::child_spec(7).policy();
/// assert_eq!((&*policy.id, policy.restart), ("session 7", Restart::Temporary));
/// ```
pub trait Supervised: GenServer {
    /// Returns the spec of a worker that is started with `args` each time. Its id is the name of
    /// the server's type.
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
        ChildSpec::new(type_name::<Self>(), move || Self::start_link(args())).of_server()
    }

    /// Returns the spec of a temporary worker that is started with `args`, which cannot be cloned:
    /// they own a socket, for instance. See [`ChildSpec::once`].
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// #[derive(Debug)]
    /// struct Connection(TcpStream);
    ///
    /// impl GenServer for Connection {
    ///     type Args = TcpStream;
    ///     fn init(stream: TcpStream) -> InitResult<Self> {
    ///         ready(Connection(stream))
    ///     }
    /// }
    ///
    /// let connections = DynamicSupervisor::new().start_link()?;
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    ///
    /// let (stream, _) = listener.accept()?;
    /// connections.start_child(Connection::child_spec_once(stream))?;
    /// assert_eq!(connections.count_children()?.active, 1);
    /// # drop(client);
    /// # connections.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn child_spec_once(args: Self::Args) -> ChildSpec<ServerRef<Self>> {
        let spec = ChildSpec::once(type_name::<Self>(), move || Self::start_link(args));
        spec.of_server().restart(Restart::Temporary)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the server is registered as `name`,
    /// which is also its id.
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<ServerRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::named(name, move |options| Self::start_link_with(args.clone(), options))
            .of_server()
    }

    /// Returns a template for servers that are each started with their own arguments: for
    /// [`Supervisor::simple_one_for_one`](super::Supervisor::simple_one_for_one).
    fn child_template() -> ChildSpec<ServerRef<Self>, Self::Args> {
        ChildSpec::template(type_name::<Self>(), Self::start_link).of_server()
    }
}

impl<S: GenServer> Supervised for S {}
