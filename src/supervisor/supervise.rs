//! Supervisors that are described by a type.

use std::any::type_name;

use crate::child_policy::Restart;
use crate::exit::ExitReason;
use crate::gen_server::{StartError, StartOptions};

use super::serve::SupervisorPlan;
use super::{ChildSpec, ChildType, Supervisor, SupervisorRef};

/// The result of [`Supervise::init`]: a supervisor, or `None` if none is to be started.
pub type SupervisorInit = Result<Option<Supervisor>, ExitReason>;

/// Describes a supervisor anew each time it is started.
pub trait Supervise: Sized + 'static {
    /// The arguments from which [`init`](Self::init) makes the description.
    type Args: Send + 'static;

    /// When its own supervisor restarts this one, unless its [spec](ChildSpec::restart) says
    /// otherwise.
    ///
    /// Elixir: `use Supervisor, restart: :temporary`.
    const RESTART: Restart = Restart::Permanent;

    /// Describes the supervisor, in its own process, each time it is started.
    ///
    /// `Ok(None)` is OTP's `ignore`: no supervisor is started, and that is not an error.
    ///
    /// # Errors
    ///
    /// The reason for which the supervisor cannot be started.
    fn init(args: Self::Args) -> SupervisorInit;

    /// Starts the supervisor, linked to the caller, and waits until its children have started.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # struct Counters;
    /// # impl Supervise for Counters {
    /// #     type Args = u64;
    /// #     fn init(_: u64) -> SupervisorInit { Ok(Some(Supervisor::one_for_one())) }
    /// # }
    /// let counters = Counters::start_link(3)?;
    /// assert_eq!(counters.count_children()?.active, 0);
    /// # counters.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`], and [`StartError::Ignored`].
    fn start_link(args: Self::Args) -> Result<SupervisorRef, StartError> {
        Self::start_link_with(args, StartOptions::new())
    }

    /// Starts the supervisor as [`start_link`](Self::start_link) does, with the options of a
    /// server: a name, for instance.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # struct Counters;
    /// # impl Supervise for Counters {
    /// #     type Args = u64;
    /// #     fn init(_: u64) -> SupervisorInit { Ok(Some(Supervisor::one_for_one())) }
    /// # }
    /// Counters::start_link_with(3, StartOptions::new().name("supervise::counters"))?;
    /// let counters = SupervisorRef::named("supervise::counters");
    /// assert_eq!(counters.count_children()?.active, 0);
    /// # counters.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    fn start_link_with(
        args: Self::Args,
        options: StartOptions,
    ) -> Result<SupervisorRef, StartError> {
        let init = || Ok(Self::init(args)?.map(SupervisorPlan::Ordered));
        SupervisorRef::start(type_name::<Self>(), init, options)
    }

    /// Returns a child spec by which another supervisor starts this one, with the name of its type
    /// as the id. It sets no limit on the time that this supervisor takes to shut down.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # struct Counters;
    /// # impl Supervise for Counters {
    /// #     type Args = u64;
    /// #     fn init(_: u64) -> SupervisorInit { Ok(Some(Supervisor::one_for_one())) }
    /// # }
    /// let top = Supervisor::one_for_one().child(Counters::child_spec(3)).start_link()?;
    /// assert_eq!(top.count_children()?.supervisors, 1);
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn child_spec(args: Self::Args) -> ChildSpec<SupervisorRef>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::new(type_name::<Self>(), move || Self::start_link(args.clone()))
            .module(type_name::<Self>())
            .restart(Self::RESTART)
            .child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # struct Counters;
    /// # impl Supervise for Counters {
    /// #     type Args = u64;
    /// #     fn init(_: u64) -> SupervisorInit { Ok(Some(Supervisor::one_for_one())) }
    /// # }
    /// let counters = Counters::named_child_spec("supervise::named_counters", 3);
    /// let top = Supervisor::one_for_one().child(counters).start_link()?;
    /// assert!(SupervisorRef::named("supervise::named_counters").whereis().is_some());
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<SupervisorRef>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::named(name, move |options| Self::start_link_with(args.clone(), options))
            .module(type_name::<Self>())
            .restart(Self::RESTART)
            .child_type(ChildType::Supervisor)
    }
}
