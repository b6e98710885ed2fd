//! How one speaks of a supervisor, and to it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::gen_server::{GenServer, HandleCall, ServerRef, StartError, StartOptions, StopError};
use crate::id::Pid;
use crate::message::Object;
use crate::process::Destination;

use super::serve::{
    CallbackModule, CountChildren, DeleteChild, GetChildSpec, RestartChild, StartChild,
    Supervising, SupervisorArgs, SupervisorPlan, TerminateChild, WhichChildren,
};
use super::{Child, ChildInfo, ChildSpec, Counts, Policy, Supervisor, SupervisorError};

/// A supervisor whose children have an order, by pid or name.
pub type SupervisorRef = SupervisorOf<Supervisor>;

/// A supervisor, by pid or name.
///
/// `K` says of which kind: what it was started from, a [`Supervisor`], a
/// [`SimpleOneForOne`](super::SimpleOneForOne) or a
/// [`DynamicSupervisor`](crate::dynamic_supervisor::DynamicSupervisor).
pub struct SupervisorOf<K> {
    server: ServerRef<Supervising>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for SupervisorOf<K> {
    fn clone(&self) -> SupervisorOf<K> {
        SupervisorOf::new(self.server.clone())
    }
}

impl<K> PartialEq for SupervisorOf<K> {
    fn eq(&self, other: &SupervisorOf<K>) -> bool {
        self.server == other.server
    }
}

impl<K> Eq for SupervisorOf<K> {}

impl<K> Hash for SupervisorOf<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.server.hash(state);
    }
}

impl<K> fmt::Debug for SupervisorOf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SupervisorRef").field(self.server.destination()).finish()
    }
}

impl<K: 'static> Child for SupervisorOf<K> {
    fn child_pid(&self) -> Pid {
        self.server.child_pid()
    }
}

impl<K> From<SupervisorOf<K>> for Destination {
    fn from(supervisor: SupervisorOf<K>) -> Destination {
        supervisor.server.into()
    }
}

impl<K> From<&SupervisorOf<K>> for Destination {
    fn from(supervisor: &SupervisorOf<K>) -> Destination {
        (&supervisor.server).into()
    }
}

impl<K> From<&SupervisorOf<K>> for Object {
    fn from(supervisor: &SupervisorOf<K>) -> Object {
        (&supervisor.server).into()
    }
}

/// What a supervisor of any kind can be asked takes as long as it takes: a child may be slow to
/// start, or to end.
impl<K> SupervisorOf<K> {
    fn new(server: ServerRef<Supervising>) -> SupervisorOf<K> {
        SupervisorOf { server, kind: PhantomData }
    }

    /// Starts a supervisor as `init` plans it; `module` is who is behind that.
    pub(crate) fn start(
        module: &'static str,
        init: impl FnOnce() -> Result<Option<SupervisorPlan>, ExitReason> + Send + 'static,
        options: StartOptions,
    ) -> Result<SupervisorOf<K>, StartError> {
        let start = SupervisorArgs { module, init: Box::new(init) };
        Supervising::start_link_with(start, options).map(SupervisorOf::new)
    }

    /// The supervisor whose process is `pid`.
    pub fn from_pid(pid: Pid) -> SupervisorOf<K> {
        SupervisorOf::new(ServerRef::from_pid(pid))
    }

    /// The supervisor that is registered as `name` at the time of each use.
    pub fn named(name: impl Into<Arc<str>>) -> SupervisorOf<K> {
        SupervisorOf::new(ServerRef::named(name))
    }

    /// The supervisor at an address of any kind: a name that a [registrar](crate::Registrar) keeps,
    /// for instance, looked up at the time of each use.
    pub fn at(address: impl Into<Destination>) -> SupervisorOf<K> {
        SupervisorOf::new(ServerRef::at(address))
    }

    /// The process: as it was given, or whoever has the name now.
    pub fn pid(&self) -> Option<Pid> {
        self.server.pid()
    }

    /// All children: the one that was added last first, if they have an order.
    ///
    /// OTP: [`supervisor:which_children/1`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#which_children/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        self.ask(WhichChildren)
    }

    /// As [`which_children`](Self::which_children), for at most five seconds.
    pub(super) fn which_children_soon(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        Ok(self.server.call(WhichChildren)?)
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

    /// Whose [`init`](super::Supervise::init) describes the supervisor, by the name of its type.
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
    /// children before it. A caller that is linked to it and traps exits finds its
    /// [`Exit`](crate::Exit) in the mailbox.
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop`].
    pub fn stop(&self) -> Result<(), StopError> {
        self.server.stop()
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
impl SupervisorOf<Supervisor> {
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

    /// Stops a child as its [`Shutdown`](super::Shutdown) says, and returns when it is gone. It
    /// stays known, to be [restarted](Self::restart_child) or [deleted](Self::delete_child), unless
    /// it is temporary.
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

    /// Starts a child that does not run, and returns its process: for a reference to the server,
    /// there is [`ServerRef::from_pid`].
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
}
