//! Supervisors whose children are all made by one template: `simple_one_for_one`.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;
use crate::process::Address;

use super::dynamic::{DynamicOptions, SupervisorKind, Template};
use super::intensity::Intensity;
use super::serve::{GetTemplate, StartChildWith, SupervisorPlan, TerminatePid};
use super::{
    AnySupervisorRef, AutoShutdown, Child, ChildSpec, ChildType, Policy, Spec, Supervisor,
    SupervisorError,
};

/// Describes a supervisor whose children are all made by one template, each with its own arguments
/// of type `A`: OTP's `simple_one_for_one`.
///
/// The children have no order: a child that fails is restarted alone, with the same arguments, and
/// all children are stopped at once. They are identified by their pids.
///
/// A child that chooses not to start when it is restarted is forgotten. As in OTP, the supervisor
/// does not check then whether it was the last [significant](ChildSpec::significant) one. OTP 25
/// keeps it as a child without a process; later versions forget it, too.
///
/// As in OTP, the supervisor restarts children at most once in any five seconds, unless
/// [`intensity`](Self::intensity) sets another limit.
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
/// #     fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, ()> {
/// #         reply(self.0)
/// #     }
/// # }
/// let template = Session::child_template().restart(Restart::Temporary);
/// let sessions = Supervisor::simple_one_for_one(template).start_link()?;
///
/// let (seven, eight) = (sessions.start_child(7)?, sessions.start_child(8)?);
/// assert_eq!(seven.call(())? + eight.call(())?, 15);
///
/// sessions.terminate_child(seven)?;
/// assert_eq!(sessions.count_children()?.active, 1);
/// sessions.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a supervisor does nothing until it is started"]
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

/// A reference to a supervisor whose children are made by one template.
pub type SimpleOneForOneRef<C, A, T = Pid> = AnySupervisorRef<SimpleOneForOne<C, A>, T>;

impl Supervisor {
    /// Creates a supervisor whose children are all made by `template`.
    ///
    /// The start function of the template captures what all children have in common; the arguments
    /// of each are given to [`start_child`](AnySupervisorRef::start_child).
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let sessions = Supervisor::simple_one_for_one(template()).start_link()?;
    /// sessions.start_child(7)?;
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// Allows at most `restarts` restarts in any `period`. When one more is due, the supervisor
    /// gives up. Default: 1 in 5 s.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// # use std::time::Duration;
    /// let supervisor = Supervisor::simple_one_for_one(template());
    /// let sessions = supervisor.intensity(100, Duration::from_secs(60)).start_link()?;
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn intensity(mut self, restarts: usize, period: Duration) -> SimpleOneForOne<C, A> {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets whether the supervisor shuts down when [significant](ChildSpec::significant) children
    /// have exited: either all children are significant, or none is. Default: it does not.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// # use std::time::Duration;
    /// let template = template().restart(Restart::Temporary).significant(true);
    /// let sessions = Supervisor::simple_one_for_one(template)
    ///     .auto_shutdown(AutoShutdown::AllSignificant)
    ///     .start_link()?;
    /// let monitor = process::monitor(sessions.pid());
    /// process::send(sessions.start_child(7)?, ()); // The only child ends.
    /// let reason = process::wait(monitor, Duration::from_secs(5));
    /// assert_eq!(reason, Some(ExitReason::Shutdown));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> SimpleOneForOne<C, A> {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Starts the supervisor, linked to the caller.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let sessions = Supervisor::simple_one_for_one(template()).start_link()?;
    /// assert_eq!(sessions.which_children()?, []);
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`SpecError`](super::SpecError) if the period of the intensity
    /// is zero, or if the children are significant but permanent or without an
    /// [auto-shutdown](Self::auto_shutdown). Otherwise as for any server.
    pub fn start_link(self) -> Result<SimpleOneForOneRef<C, A>, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// # use procession::supervisor::SimpleOneForOneRef;
    /// let options = StartOptions::new().name("simple::sessions");
    /// Supervisor::simple_one_for_one(template()).start_link_with(options)?;
    ///
    /// // Anywhere in the program. The types are those of the template.
    /// let sessions = SimpleOneForOneRef::<Pid, u32>::named("simple::sessions");
    /// sessions.start_child(7)?;
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(
        self,
        options: StartOptions,
    ) -> Result<SimpleOneForOneRef<C, A>, StartError> {
        let children = DynamicOptions {
            intensity: self.intensity,
            max_children: usize::MAX,
            auto_shutdown: self.auto_shutdown,
            template: Some(self.template.into()),
        };
        AnySupervisorRef::start(
            type_name::<Self>(),
            || Ok(Some(SupervisorPlan::Dynamic(children))),
            options,
        )
    }

    /// Returns a child spec by which another supervisor starts this one. It sets no limit on the
    /// time that this supervisor takes to shut down.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let top = Supervisor::one_for_one().start_link()?;
    /// let sessions = Supervisor::simple_one_for_one(template()).child_spec("sessions");
    /// top.start_child(sessions)?.start_child(7)?;
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<SimpleOneForOneRef<C, A>> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// # use procession::supervisor::SimpleOneForOneRef;
    /// let sessions = Supervisor::simple_one_for_one(template());
    /// let top = Supervisor::one_for_one()
    ///     .child(sessions.named_child_spec("simple::named_sessions"))
    ///     .start_link()?;
    /// let sessions = SimpleOneForOneRef::<Pid, u32>::named("simple::named_sessions");
    /// sessions.start_child(7)?;
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<SimpleOneForOneRef<C, A>> {
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

/// Requests that only a supervisor of this kind answers.
impl<C: Child, A: Clone + Send + Sync + 'static, T: Address> SimpleOneForOneRef<C, A, T> {
    /// Starts a child with `args`.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let sessions = Supervisor::simple_one_for_one(template()).start_link()?;
    /// let (seven, eight) = (sessions.start_child(7)?, sessions.start_child(8)?);
    /// assert_ne!(seven, eight);
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:start_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#start_child/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Failed`], [`SupervisorError::AlreadyStarted`],
    ///   [`SupervisorError::Ignored`] if the child does not start; the supervisor forgets it.
    /// - [`SupervisorError::Call`] if there is no answer, or the supervisor is of another kind.
    pub fn start_child(&self, args: A) -> Result<C, SupervisorError> {
        let kind = SupervisorKind::of::<SimpleOneForOne<C, A>>();
        let child = self.ask(StartChildWith { kind, args: Box::new(args) })??;
        Ok(*child.downcast().expect("the reply is what the start function returned"))
    }

    /// Stops the child with the process `pid`, or the one that had it and waits to be restarted,
    /// and forgets the child. Returns when it has ended; at once if `pid` is any process that has
    /// ended.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let sessions = Supervisor::simple_one_for_one(template()).start_link()?;
    /// let pid = sessions.start_child(7)?;
    /// sessions.terminate_child(pid)?;
    /// assert!(!process::is_alive(pid));
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`supervisor:terminate_child/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#terminate_child/2).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`] if `child` is alive and no child; [`SupervisorError::Call`].
    pub fn terminate_child(&self, child: impl Into<Pid>) -> Result<(), SupervisorError> {
        self.ask(TerminatePid(child.into()))?
    }

    /// Returns the policy of the template, if `pid` is a child, or any process that has ended.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn template() -> ChildSpec<Pid, u32> {
    /// #     ChildSpec::template("session", |_| Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let sessions = Supervisor::simple_one_for_one(template()).start_link()?;
    /// let pid = sessions.start_child(7)?;
    /// assert_eq!(sessions.get_child_spec(pid)?.restart, Restart::Permanent);
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
