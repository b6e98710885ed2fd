//! Supervisors of children that come and go.
//!
//! ```
//! use procession::dynamic_supervisor::DynamicSupervisor;
//! use procession::prelude::*;
//! use procession::supervisor::{Restart, Supervised};
//!
//! # #[derive(Debug)]
//! # struct Session(u32);
//! # impl GenServer for Session {
//! #     type Args = u32;
//! #     fn init(n: u32) -> InitResult<Self> { ready(Session(n)) }
//! # }
//! # impl HandleCall<()> for Session {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, u32> {
//! #         reply(self.0)
//! #     }
//! # }
//! let sessions = DynamicSupervisor::new().max_children(100).start_link()?;
//! let session = sessions.start_child(Session::child_spec(7).restart(Restart::Temporary))?;
//! assert_eq!(session.call(())?, 7);
//!
//! sessions.terminate_child(session.pid().unwrap())?;
//! assert_eq!(sessions.count_children()?.active, 0);
//! sessions.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It starts without children. They are added one by one, and known by their pids: their ids play
//! no role, and one spec can be started any number of times. There is no order among them: a child
//! that fails is restarted by itself, and all are stopped at once.
//!
//! A child that is [temporary](crate::supervisor::Restart::Temporary) costs no more than its
//! process and a line in a table: what it was started with is not kept.
//!
//! # Differences from OTP
//!
//! - This is Elixir's `DynamicSupervisor`. OTP's `simple_one_for_one` has one spec, to which each
//!   child adds arguments; a function that makes a [`ChildSpec`] of these arguments does the same.
//! - There are no extra arguments: a start function is a closure.
//! - `start_child` of a child that chooses not to start is [`SupervisorError::Ignored`].
//!
//! Elixir: [`DynamicSupervisor`](https://hexdocs.pm/elixir/DynamicSupervisor.html).

mod serve;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::gen_server::{GenServer, HandleCall, ServerRef, StartError, StartOptions, StopError};
use crate::id::Pid;
use crate::message::Object;
use crate::process::Destination;
use crate::supervisor::intensity::Intensity;
use crate::supervisor::{
    Child, ChildInfo, ChildSpec, ChildType, Counts, SpecError, SupervisorError,
};

use serve::{CountChildren, Dynamic, StartChild, TerminateChild, WhichChildren};

/// A dynamic supervisor to be started: its flags.
///
/// It restarts at most three times in any five seconds, as Elixir's, unless it is
/// [told otherwise](Self::intensity).
#[derive(Clone, Debug)]
#[must_use = "it is to be started"]
pub struct DynamicSupervisor {
    intensity: Intensity,
    max_children: usize,
}

impl Default for DynamicSupervisor {
    fn default() -> DynamicSupervisor {
        let intensity = Intensity { max: 3, period: Duration::from_secs(5) };
        DynamicSupervisor { intensity, max_children: usize::MAX }
    }
}

impl DynamicSupervisor {
    /// For any number of children.
    pub fn new() -> DynamicSupervisor {
        DynamicSupervisor::default()
    }

    /// Allows at most `restarts` restarts in any `period`. With the next one the supervisor gives
    /// up. Default: 3 in 5 s.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> DynamicSupervisor {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets how many children there may be. Default: any number.
    pub fn max_children(mut self, max_children: usize) -> DynamicSupervisor {
        self.max_children = max_children;
        self
    }

    /// Starts it, linked to the caller.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with [`SpecError::ZeroPeriod`] if the period of the intensity is
    /// zero. Else as a server.
    pub fn start_link(self) -> Result<DynamicSupervisorRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with the options of a server: a name, for instance.
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(
        self,
        options: StartOptions,
    ) -> Result<DynamicSupervisorRef, StartError> {
        if self.intensity.period.is_zero() {
            return Err(StartError::Failed(SpecError::ZeroPeriod.into()));
        }
        Dynamic::start_link_with(self, options).map(DynamicSupervisorRef)
    }

    /// The spec by which another supervisor starts it: with all the time that it takes to end.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<DynamicSupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }
}

/// A dynamic supervisor, by pid or name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DynamicSupervisorRef(ServerRef<Dynamic>);

impl Child for DynamicSupervisorRef {
    fn child_pid(&self) -> Pid {
        self.0.child_pid()
    }
}

impl From<DynamicSupervisorRef> for Destination {
    fn from(supervisor: DynamicSupervisorRef) -> Destination {
        supervisor.0.into()
    }
}

impl From<&DynamicSupervisorRef> for Destination {
    fn from(supervisor: &DynamicSupervisorRef) -> Destination {
        (&supervisor.0).into()
    }
}

impl From<&DynamicSupervisorRef> for Object {
    fn from(supervisor: &DynamicSupervisorRef) -> Object {
        (&supervisor.0).into()
    }
}

/// What a supervisor can be asked takes as long as it takes: a child may be slow to start, or to
/// end.
impl DynamicSupervisorRef {
    /// The supervisor whose process is `pid`.
    pub fn from_pid(pid: Pid) -> DynamicSupervisorRef {
        DynamicSupervisorRef(ServerRef::from_pid(pid))
    }

    /// The supervisor that is registered as `name` at the time of each use.
    pub fn named(name: impl Into<Arc<str>>) -> DynamicSupervisorRef {
        DynamicSupervisorRef(ServerRef::named(name))
    }

    /// The process: as it was given, or whoever has the name now.
    pub fn pid(&self) -> Option<Pid> {
        self.0.pid()
    }

    /// Starts a child.
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::MaxChildren`] if there is no room for it.
    /// - [`SupervisorError::Failed`], [`SupervisorError::AlreadyStarted`],
    ///   [`SupervisorError::Ignored`] if it does not start. Nothing is kept of it.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn start_child<C: Child>(&self, spec: ChildSpec<C>) -> Result<C, SupervisorError> {
        let child = self.ask(StartChild(spec.into()))??;
        Ok(*child.downcast().expect("it is what the start function returned"))
    }

    /// Stops the child whose process is `pid`, or was until it failed and could not be restarted
    /// yet, and forgets it. Returns when it is gone.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], [`SupervisorError::Call`].
    pub fn terminate_child(&self, pid: Pid) -> Result<(), SupervisorError> {
        self.ask(TerminateChild(pid))?
    }

    /// All children, in no particular order.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        self.ask(WhichChildren)
    }

    /// How many children there are.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn count_children(&self) -> Result<Counts, SupervisorError> {
        self.ask(CountChildren)
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

    fn ask<M>(&self, request: M) -> Result<<Dynamic as HandleCall<M>>::Reply, SupervisorError>
    where
        Dynamic: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        Ok(self.0.call_timeout(request, Duration::MAX)?)
    }
}
