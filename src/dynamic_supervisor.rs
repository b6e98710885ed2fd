//! Supervisors of children that come and go.
//!
//! ```
//! use procession::dynamic_supervisor::DynamicSupervisor;
//! use procession::prelude::*;
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
//! - There are no extra arguments for all children: a function that makes a [`ChildSpec`] of what a
//!   child is to have, and keeps what all are to have, does the same. So does the template of
//!   [`Supervisor::simple_one_for_one`](crate::supervisor::Supervisor::simple_one_for_one).
//! - `which_children` says what the spec of each child is called.
//! - `start_child` of a child that chooses not to start is [`SupervisorError::Ignored`].
//!
//! Elixir: [`DynamicSupervisor`](https://hexdocs.pm/elixir/DynamicSupervisor.html).

use std::any::type_name;
use std::time::Duration;

use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;
use crate::supervisor::dynamic::DynamicOptions;
use crate::supervisor::intensity::Intensity;
use crate::supervisor::serve::{StartChild, SupervisorPlan, TerminatePid};
use crate::supervisor::{AutoShutdown, Child, ChildSpec, ChildType, SupervisorError, SupervisorOf};

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
        DynamicSupervisor { intensity: Intensity::ELIXIR, max_children: usize::MAX }
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
    /// [`StartError::Failed`] with
    /// [`SpecError::ZeroPeriod`](crate::supervisor::SpecError::ZeroPeriod) if the period of the
    /// intensity is zero. Else as a server.
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
        let DynamicSupervisor { intensity, max_children } = self;
        let auto_shutdown = AutoShutdown::Never;
        let children = DynamicOptions { intensity, max_children, auto_shutdown, template: None };
        SupervisorOf::start(
            type_name::<Self>(),
            || Ok(Some(SupervisorPlan::Dynamic(children))),
            options,
        )
    }

    /// The spec by which another supervisor starts it: with all the time that it takes to end.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<DynamicSupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// As [`child_spec`](Self::child_spec), registered as `name`, which is its id, too.
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<DynamicSupervisorRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }
}

/// A dynamic supervisor, by pid or name.
pub type DynamicSupervisorRef = SupervisorOf<DynamicSupervisor>;

/// What only a dynamic supervisor can be asked.
impl SupervisorOf<DynamicSupervisor> {
    /// Starts a child.
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Spec`] if the child is significant, as such a supervisor never shuts
    ///   down by itself. Then it was not asked.
    /// - [`SupervisorError::MaxChildren`] if there is no room for it.
    /// - [`SupervisorError::Failed`], [`SupervisorError::AlreadyStarted`],
    ///   [`SupervisorError::Ignored`] if it does not start. Nothing is kept of it.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn start_child<C: Child>(&self, spec: ChildSpec<C>) -> Result<C, SupervisorError> {
        spec.policy().check(AutoShutdown::Never).map_err(SupervisorError::Spec)?;
        let child = self.ask(StartChild(spec.into()))??;
        Ok(*child.downcast().expect("it is what the start function returned"))
    }

    /// Stops the child whose process is `pid`, or was until it failed and could not be restarted
    /// yet, and forgets it. Returns when it is gone.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], also of a child that has ended for good;
    /// [`SupervisorError::Call`].
    pub fn terminate_child(&self, pid: Pid) -> Result<(), SupervisorError> {
        self.ask(TerminatePid(pid))?
    }
}
