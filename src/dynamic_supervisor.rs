//! Dynamic supervisors: supervisors of children that come and go.
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
//! #     fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, ()> {
//! #         reply(self.0)
//! #     }
//! # }
//! let sessions = DynamicSupervisor::new().max_children(100).start_link()?;
//! let session = sessions.start_child(Session::child_spec(7).restart(Restart::Temporary))?;
//! assert_eq!(session.call(())?, 7);
//!
//! sessions.terminate_child(session)?;
//! assert_eq!(sessions.count_children()?.active, 0);
//! sessions.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A dynamic supervisor starts without children. They are added one by one and identified by their
//! pids: their ids play no role, and one spec can be started any number of times. The children have
//! no order: a child that fails is restarted alone, and all children are stopped at once.
//!
//! A [temporary](crate::supervisor::Restart::Temporary) child costs no more than its process and an
//! entry in a table: its start arguments are not kept.
//!
//! # Differences from OTP
//!
//! - There are no `extra_arguments` for all children: a function that makes the [`ChildSpec`] of a
//!   child from its arguments, and captures those of all, does the same. So does the template of
//!   [`Supervisor::simple_one_for_one`](crate::supervisor::Supervisor::simple_one_for_one).
//! - `which_children` returns the id of each child's spec, where Elixir returns `:undefined`.
//! - `start_child` returns [`SupervisorError::Ignored`] if the child chooses not to start.
//!
//! Elixir: [`DynamicSupervisor`](https://hexdocs.pm/elixir/DynamicSupervisor.html).

use std::any::type_name;
use std::time::Duration;

use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;
use crate::process::Address;
use crate::supervisor::dynamic::DynamicOptions;
use crate::supervisor::intensity::Intensity;
use crate::supervisor::serve::{StartChild, SupervisorPlan, TerminatePid};
use crate::supervisor::{
    AnySupervisorRef, AutoShutdown, Child, ChildSpec, ChildType, SupervisorError,
};

/// Describes a dynamic supervisor to be started: its flags.
///
/// As in Elixir, it restarts children at most three times in any five seconds, unless
/// [`intensity`](Self::intensity) sets another limit.
#[derive(Clone, Debug)]
#[must_use = "a supervisor does nothing until it is started"]
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
    /// Creates a supervisor of any number of children.
    pub fn new() -> DynamicSupervisor {
        DynamicSupervisor::default()
    }

    /// Allows at most `restarts` restarts in any `period`. When one more is due, the supervisor
    /// gives up. Default: 3 in 5 s.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> DynamicSupervisor {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets how many children the supervisor may have. Default: any number.
    pub fn max_children(mut self, max_children: usize) -> DynamicSupervisor {
        self.max_children = max_children;
        self
    }

    /// Starts the supervisor, linked to the caller.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with
    /// [`SpecError::ZeroPeriod`](crate::supervisor::SpecError::ZeroPeriod) if the period of the
    /// intensity is zero. Otherwise as for any server.
    pub fn start_link(self) -> Result<DynamicSupervisorRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
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
        AnySupervisorRef::start(
            type_name::<Self>(),
            || Ok(Some(SupervisorPlan::Dynamic(children))),
            options,
        )
    }

    /// Returns a child spec by which another supervisor starts this one. It sets no limit on the
    /// time that this supervisor takes to shut down.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<DynamicSupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<DynamicSupervisorRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }
}

/// A reference to a dynamic supervisor.
pub type DynamicSupervisorRef<T = Pid> = AnySupervisorRef<DynamicSupervisor, T>;

/// Requests that only a dynamic supervisor answers.
impl<T: Address> DynamicSupervisorRef<T> {
    /// Starts a child.
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Spec`] if the child is significant, as such a supervisor never shuts
    ///   down by itself. No request is made then.
    /// - [`SupervisorError::MaxChildren`] if the supervisor has as many children as it may have.
    /// - [`SupervisorError::Failed`], [`SupervisorError::AlreadyStarted`],
    ///   [`SupervisorError::Ignored`] if the child does not start; the supervisor forgets it.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn start_child<C: Child>(&self, spec: ChildSpec<C>) -> Result<C, SupervisorError> {
        spec.policy().check(AutoShutdown::Never).map_err(SupervisorError::Spec)?;
        let child = self.ask(StartChild(spec.into()))??;
        Ok(*child.downcast().expect("the reply is what the start function returned"))
    }

    /// Stops the child with the process `pid`, or the one that had it and waits to be restarted,
    /// and forgets the child. Returns when it has ended.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], also for a child that has ended for good;
    /// [`SupervisorError::Call`].
    pub fn terminate_child(&self, child: impl Into<Pid>) -> Result<(), SupervisorError> {
        self.ask(TerminatePid(child.into()))?
    }
}
