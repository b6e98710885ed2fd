//! References to supervisors, and the requests of their clients.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::time::Duration;

use crate::exit::{ExitReason, Reason};
use crate::gen_server::{
    GenServer, HandleCall, ServerRef, StartError, StartOptions, StopError, reference_traits,
};
use crate::id::Pid;
use crate::message::{Destination, Name};
use crate::process::{Address, ToProcess};

use super::serve::{
    CallbackModule, CountChildren, DeleteChild, GetChildSpec, RestartChild, StartChild,
    Supervising, SupervisorArgs, SupervisorPlan, TerminateChild, WhichChildren,
};
use super::{Child, ChildInfo, ChildSpec, Counts, Policy, Supervisor, SupervisorError};

/// A reference to a supervisor whose children have ids and an order.
pub type SupervisorRef<T = Pid> = AnySupervisorRef<Supervisor, T>;

/// A reference to a supervisor: to its process, or to whichever process has its name at each use,
/// as a [`ServerRef`] is.
///
/// `K` is its kind: the type from which it was started, a [`Supervisor`], a
/// [`SimpleOneForOne`](super::SimpleOneForOne) or a
/// [`DynamicSupervisor`](crate::dynamic_supervisor::DynamicSupervisor).
pub struct AnySupervisorRef<K, T = Pid> {
    server: ServerRef<Supervising, T>,
    marker: PhantomData<fn() -> K>,
}

reference_traits!(AnySupervisorRef, server);

impl<K: 'static> Child for AnySupervisorRef<K> {
    fn child_pid(&self) -> Pid {
        self.pid()
    }

    fn child_module() -> Option<&'static str> {
        Some(type_name::<K>())
    }
}

/// Makes references.
impl<K> AnySupervisorRef<K> {
    /// Starts a supervisor as `init` describes it. `module` is the name of the type that has
    /// `init`.
    pub(crate) fn start(
        module: &'static str,
        init: impl FnOnce() -> Result<Option<SupervisorPlan>, ExitReason> + Send + 'static,
        options: StartOptions,
    ) -> Result<AnySupervisorRef<K>, StartError> {
        let start = SupervisorArgs { module, init: Box::new(init) };
        let options = options.initial_call(module);
        Supervising::start_link_with(start, options).map(AnySupervisorRef::new)
    }

    /// Returns a reference to the supervisor whose process is `pid`.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// let same = SupervisorRef::from_pid(supervisor.pid());
    /// assert_eq!(same.count_children()?.active, 1);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_pid(pid: Pid) -> AnySupervisorRef<K> {
        AnySupervisorRef::new(ServerRef::from_pid(pid))
    }

    /// Returns a reference to the supervisor that is registered as `name` at the time of each use.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let top = SupervisorRef::named("named::top");
    /// assert!(top.count_children().is_err()); // Not yet.
    /// let options = StartOptions::new().name("named::top");
    /// let supervisor = Supervisor::one_for_one().start_link_with(options)?;
    /// assert_eq!(top.count_children()?.active, 0);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named(name: impl Into<Name>) -> AnySupervisorRef<K, Name> {
        AnySupervisorRef::new(ServerRef::named(name))
    }

    /// Returns a reference to the supervisor at any destination.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let supervisor = Supervisor::one_for_one().start_link()?;
    /// let destination = Destination::from(supervisor.pid());
    /// assert_eq!(SupervisorRef::at(destination).count_children()?.active, 0);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(destination: impl Into<Destination>) -> AnySupervisorRef<K, Destination> {
        AnySupervisorRef::new(ServerRef::at(destination))
    }

    /// Returns the process.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let supervisor = Supervisor::one_for_one().start_link()?;
    /// assert!(process::is_alive(supervisor.pid()));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pid(&self) -> Pid {
        self.server.pid()
    }
}

/// Requests that supervisors of every kind answer. They have no timeout, as a child may be slow to
/// start or to exit.
impl<K, T: Address> AnySupervisorRef<K, T> {
    fn new(server: ServerRef<Supervising, T>) -> AnySupervisorRef<K, T> {
        AnySupervisorRef { server, marker: PhantomData }
    }

    /// Returns the process that this leads to now: as it was given, or the one that has the name.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let supervisor = Supervisor::one_for_one()
    ///     .start_link_with(StartOptions::new().name("whereis::top"))?;
    /// assert_eq!(SupervisorRef::named("whereis::top").whereis(), Some(supervisor.pid()));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn whereis(&self) -> Option<Pid> {
        self.server.whereis()
    }

    /// Returns all children. If they have an order, the child that was added last comes first.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor =
    ///     Supervisor::one_for_one().child(worker("a")).child(worker("b")).start_link()?;
    /// let children = supervisor.which_children()?;
    /// assert_eq!((&*children[0].id, &*children[1].id), ("b", "a"));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:which_children/1`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#which_children/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        self.ask(WhichChildren)
    }

    /// Returns [`which_children`](Self::which_children), with a timeout of five seconds.
    pub(super) fn which_children_soon(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        Ok(self.server.call(WhichChildren)?)
    }

    /// Returns the numbers of children.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor =
    ///     Supervisor::one_for_one().child(worker("a")).child(worker("b")).start_link()?;
    /// supervisor.terminate_child("a")?;
    /// let counts = supervisor.count_children()?;
    /// assert_eq!((counts.specs, counts.active), (2, 1));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:count_children/1`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#count_children/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn count_children(&self) -> Result<Counts, SupervisorError> {
        self.ask(CountChildren)
    }

    /// Returns the name of the type whose [`init`](super::Supervise::init) describes the
    /// supervisor.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// /// A subtree.
    /// struct Counters;
    ///
    /// impl Supervise for Counters {
    ///     type Args = ();
    ///
    ///     fn init((): ()) -> SupervisorInit {
    ///         Ok(Some(Supervisor::one_for_one()))
    ///     }
    /// }
    ///
    /// let counters = Counters::start_link(())?;
    /// assert!(counters.get_callback_module()?.ends_with("Counters"));
    /// # counters.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:get_callback_module/1`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#get_callback_module/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn get_callback_module(&self) -> Result<&'static str, SupervisorError> {
        self.ask(CallbackModule)
    }

    /// Stops the supervisor with [`ExitReason::Normal`] and waits until it has ended, after its
    /// children. A caller that is linked to it and traps exits finds its [`Exit`](crate::Exit) in
    /// the mailbox.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// supervisor.stop()?;
    /// assert!(supervisor.count_children().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop`].
    pub fn stop(&self) -> Result<(), StopError> {
        self.server.stop()
    }

    /// Stops the supervisor as [`stop`](Self::stop) does, with any reason, and waits for at most
    /// `timeout`.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use std::time::Duration;
    /// let supervisor = Supervisor::one_for_one().start_link()?;
    /// supervisor.stop_with(ExitReason::Shutdown, Duration::from_secs(5))?;
    /// assert!(!process::is_alive(supervisor.pid()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop_with`].
    pub fn stop_with(&self, reason: impl Reason, timeout: Duration) -> Result<(), StopError> {
        self.server.stop_with(reason, timeout)
    }

    pub(crate) fn ask<M>(
        &self,
        request: M,
    ) -> Result<<Supervising as HandleCall<M>>::Reply, SupervisorError>
    where
        Supervising: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        Ok(self.server.call_timeout(request, Duration::MAX)?)
    }
}

/// What only a supervisor can be asked whose children have an order.
impl<T: Address> SupervisorRef<T> {
    /// Adds a child after the others, and starts it.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::supervisor::SupervisorError;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().start_link()?;
    /// let pid = supervisor.start_child(worker("a"))?;
    /// let again = supervisor.start_child(worker("a"));
    /// assert_eq!(again, Err(SupervisorError::AlreadyStarted(pid)));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:start_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#start_child/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::AlreadyStarted`], [`SupervisorError::AlreadyPresent`] if there is a
    ///   child with this id.
    /// - [`SupervisorError::Spec`] if the child is significant, but permanent or its supervisor has
    ///   no auto-shutdown.
    /// - [`SupervisorError::Failed`] if the child does not start: it is not added then.
    /// - [`SupervisorError::Ignored`] if the child has chosen not to start.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn start_child<C: Child>(&self, spec: ChildSpec<C>) -> Result<C, SupervisorError> {
        let child = self.ask(StartChild(spec.into()))??;
        Ok(*child.downcast().expect("the reply is what the start function returned"))
    }

    /// Stops a child as its [`Shutdown`](super::Shutdown) says, and returns when it has ended. The
    /// supervisor keeps its spec, to be [restarted](Self::restart_child) or
    /// [deleted](Self::delete_child), unless the child is temporary.
    ///
    /// It is not an error if the child does not run any more.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::supervisor::ChildState;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// supervisor.terminate_child("a")?;
    /// assert_eq!(supervisor.which_children()?[0].state, ChildState::Stopped);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:terminate_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#terminate_child/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], [`SupervisorError::Call`].
    pub fn terminate_child(&self, id: impl Into<String>) -> Result<(), SupervisorError> {
        self.ask(TerminateChild(id.into()))?
    }

    /// Starts a child that does not run, and returns its process. [`ServerRef::from_pid`] makes a
    /// reference to a server of it.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::supervisor::ChildState;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// supervisor.terminate_child("a")?;
    /// let pid = supervisor.restart_child("a")?;
    /// assert_eq!(supervisor.which_children()?[0].state, ChildState::Running(pid));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:restart_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#restart_child/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Running`], [`SupervisorError::Restarting`],
    ///   [`SupervisorError::NotFound`].
    /// - [`SupervisorError::Failed`], [`SupervisorError::Ignored`] if the child does not start; the
    ///   supervisor keeps its spec.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn restart_child(&self, id: impl Into<String>) -> Result<Pid, SupervisorError> {
        self.ask(RestartChild(id.into()))?
    }

    /// Deletes the spec of a child that does not run.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::supervisor::SupervisorError;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// assert_eq!(supervisor.delete_child("a"), Err(SupervisorError::Running));
    /// supervisor.terminate_child("a")?;
    /// supervisor.delete_child("a")?;
    /// assert_eq!(supervisor.which_children()?, []);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Returns the policy of a child, with the defaults filled in.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// assert_eq!(supervisor.get_child_spec("a")?.restart, Restart::Permanent);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:get_childspec/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#get_childspec/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], [`SupervisorError::Call`].
    pub fn get_child_spec(&self, id: impl Into<String>) -> Result<Policy, SupervisorError> {
        self.ask(GetChildSpec(id.into()))?
    }
}
