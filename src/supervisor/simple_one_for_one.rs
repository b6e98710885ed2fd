//! Supervisors whose children are all alike.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;

use super::dynamic::{DynamicOptions, SupervisorKind, Template};
use super::intensity::Intensity;
use super::serve::{GetTemplate, StartChildWith, SupervisorPlan, TerminatePid};
use super::{
    AutoShutdown, Child, ChildSpec, ChildType, Policy, Spec, Supervisor, SupervisorError,
    SupervisorOf,
};

/// A supervisor to be started whose children are all made by one template, each with arguments of
/// its own, of type `A`: OTP's `simple_one_for_one`.
///
/// Its children have no order: one that fails is restarted by itself, with the same arguments, and
/// all are stopped at once. They are known by their pids.
///
/// One that chooses not to start when it is restarted is forgotten; as in OTP it is not asked then
/// whether a [significant](ChildSpec::significant) one was the last. OTP 25 keeps it as a child
/// without a process; later ones forget it, too.
///
/// It restarts at most once in any five seconds, as OTP's, unless it is
/// [told otherwise](Self::intensity).
///
/// ```
/// use procession::prelude::*;
///
/// # #[derive(Debug)]
/// # struct Session(u32);
/// # impl GenServer for Session {
/// #     type Args = u32;
/// #     fn init(n: u32) -> InitResult<Self> { ready(Session(n)) }
/// # }
/// # impl HandleCall<()> for Session {
/// #     type Reply = u32;
/// #     fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, u32> {
/// #         reply(self.0)
/// #     }
/// # }
/// let template = Session::child_template().restart(Restart::Temporary);
/// let sessions = Supervisor::simple_one_for_one(template).start_link()?;
///
/// let (seven, eight) = (sessions.start_child(7)?, sessions.start_child(8)?);
/// assert_eq!(seven.call(())? + eight.call(())?, 15);
///
/// sessions.terminate_child(seven.pid().unwrap())?;
/// assert_eq!(sessions.count_children()?.active, 1);
/// sessions.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it is to be started"]
pub struct SimpleOneForOne<C, A> {
    template: ChildSpec<C, A>,
    intensity: Intensity,
    auto_shutdown: AutoShutdown,
}

impl<C, A> Clone for SimpleOneForOne<C, A> {
    fn clone(&self) -> SimpleOneForOne<C, A> {
        let (template, auto_shutdown) = (self.template.clone(), self.auto_shutdown);
        SimpleOneForOne { template, intensity: self.intensity, auto_shutdown }
    }
}

impl<C, A> fmt::Debug for SimpleOneForOne<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimpleOneForOne")
            .field("template", &self.template)
            .field("intensity", &self.intensity)
            .field("auto_shutdown", &self.auto_shutdown)
            .finish()
    }
}

/// A supervisor whose children are all alike, by pid or name.
pub type SimpleRef<C, A> = SupervisorOf<SimpleOneForOne<C, A>>;

impl Supervisor {
    /// Has children that are all made by `template`.
    ///
    /// What all are to have, its function keeps; what each is to have is given to
    /// [`start_child`](SupervisorOf::start_child).
    pub fn simple_one_for_one<C, A>(template: ChildSpec<C, A>) -> SimpleOneForOne<C, A>
    where
        C: Child,
        A: Clone + Send + Sync + 'static,
    {
        let (intensity, auto_shutdown) = (Intensity::OTP, AutoShutdown::Never);
        SimpleOneForOne { template, intensity, auto_shutdown }
    }
}

impl<C: Child, A: Clone + Send + Sync + 'static> SimpleOneForOne<C, A> {
    /// Allows at most `restarts` restarts in any `period`. With the next one the supervisor gives
    /// up. Default: 1 in 5 s.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> SimpleOneForOne<C, A> {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets whether it ends when [significant](ChildSpec::significant) children have: either all
    /// are, or none is. Default: it does not.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> SimpleOneForOne<C, A> {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Starts it, linked to the caller.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`SpecError`](super::SpecError) if the period of the intensity
    /// is zero, or its children are significant, but without an
    /// [auto-shutdown](Self::auto_shutdown), or permanent. Else as a server.
    pub fn start_link(self) -> Result<SimpleRef<C, A>, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with the options of a server: a name, for instance.
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(self, options: StartOptions) -> Result<SimpleRef<C, A>, StartError> {
        let children = DynamicOptions {
            intensity: self.intensity,
            max_children: usize::MAX,
            auto_shutdown: self.auto_shutdown,
            template: Some(self.template.into()),
        };
        SupervisorOf::start(
            type_name::<Self>(),
            || Ok(Some(SupervisorPlan::Dynamic(children))),
            options,
        )
    }

    /// The spec by which another supervisor starts it: with all the time that it takes to end.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<SimpleRef<C, A>> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// As [`child_spec`](Self::child_spec), registered as `name`, which is its id, too.
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<SimpleRef<C, A>> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }
}

impl<C: Child, A: Clone + Send + Sync + 'static> From<ChildSpec<C, A>> for Template {
    fn from(spec: ChildSpec<C, A>) -> Template {
        let policy = spec.policy();
        let make = {
            let (policy, start) = (policy.clone(), spec.start_function());
            move |args: Box<dyn Any + Send>| {
                let args = args.downcast::<A>().expect("the kind says of which type they are");
                Spec::new(policy.clone(), Arc::clone(&start), *args)
            }
        };
        Template {
            policy,
            kind: SupervisorKind::of::<SimpleOneForOne<C, A>>(),
            make: Arc::new(make),
        }
    }
}

/// What only a supervisor can be asked whose children are all alike.
impl<C: Child, A: Clone + Send + Sync + 'static> SupervisorOf<SimpleOneForOne<C, A>> {
    /// Starts a child with `args`.
    ///
    /// OTP: [`supervisor:start_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#start_child/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Failed`], [`SupervisorError::AlreadyStarted`],
    ///   [`SupervisorError::Ignored`] if it does not start. Nothing is kept of it.
    /// - [`SupervisorError::Call`] if there is no answer, or the supervisor is of another kind.
    pub fn start_child(&self, args: A) -> Result<C, SupervisorError> {
        let kind = SupervisorKind::of::<SimpleOneForOne<C, A>>();
        let child = self.ask(StartChildWith { kind, args: Box::new(args) })??;
        Ok(*child.downcast().expect("it is what the start function returned"))
    }

    /// Stops the child whose process is `pid`, or was until it failed and could not be restarted
    /// yet, and forgets it. Returns when it is gone; at once if `pid` has ended, whoever that was.
    ///
    /// OTP: [`supervisor:terminate_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#terminate_child/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`] if `pid` is alive and no child, [`SupervisorError::Call`].
    pub fn terminate_child(&self, pid: Pid) -> Result<(), SupervisorError> {
        self.ask(TerminatePid(pid))?
    }

    /// What the template says, if `pid` is that of a child, or has ended.
    ///
    /// OTP: [`supervisor:get_childspec/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#get_childspec/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], [`SupervisorError::Call`].
    pub fn get_child_spec(&self, pid: Pid) -> Result<Policy, SupervisorError> {
        self.ask(GetTemplate(pid))?
    }
}
