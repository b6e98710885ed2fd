//! Supervision bridges: subsystems that are not OTP processes, under a supervisor.
//!
//! A bridge represents a subsystem that is started and stopped in its own way: to the supervisor
//! the bridge looks like any child. It is linked to one process of the subsystem, and exits when
//! that process does.
//!
//! ```
//! use procession::prelude::*;
//! use procession::supervisor_bridge::{BridgeInit, SupervisorBridge};
//!
//! /// A subsystem that knows nothing of supervisors.
//! struct Printer {
//!     device: Pid,
//! }
//!
//! impl SupervisorBridge for Printer {
//!     type Args = ();
//!
//!     fn init((): ()) -> BridgeInit<Printer> {
//!         let device = process::spawn(|| receive! { () => {} })?;
//!         Ok(Some((device, Printer { device })))
//!     }
//!
//!     fn terminate(&mut self, _: &ExitReason) {
//!         process::send(self.device, ());
//!     }
//! }
//!
//! let supervisor = Supervisor::one_for_one().child(Printer::child_spec(())).start_link()?;
//! assert_eq!(supervisor.count_children()?.active, 1);
//! supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | OTP | here |
//! |---|---|
//! | `start_link/2`, `/3` | [`SupervisorBridge::start_link`], [`start_link_with`] |
//! | `init/1` | [`SupervisorBridge::init`] |
//! | `terminate/2` | [`SupervisorBridge::terminate`] |
//!
//! [`start_link_with`]: SupervisorBridge::start_link_with
//!
//! OTP: [`supervisor_bridge`](https://www.erlang.org/doc/apps/stdlib/supervisor_bridge.html).

use std::any::type_name;
use std::fmt;

use crate::exit::ExitReason;
use crate::gen_server::{
    CastResult, GenServer, InitResult, StartError, StartOptions, ignore, noreply, ready,
};
use crate::id::Pid;
use crate::message::{Exit, Message};
use crate::process;
use crate::supervisor::ChildSpec;
use crate::user_code::drop_caught;

/// The result of [`SupervisorBridge::init`]: the process to link to, and the bridge; or `None` if
/// no bridge is to be started.
pub type BridgeInit<B> = Result<Option<(Pid, B)>, ExitReason>;

/// A subsystem under a supervisor.
pub trait SupervisorBridge: Sized + 'static {
    /// The arguments of [`init`](Self::init).
    type Args: Send + 'static;

    /// Starts the subsystem, and returns the process of it to which the bridge links itself.
    ///
    /// # Errors
    ///
    /// The reason for which the subsystem cannot be started.
    fn init(args: Self::Args) -> BridgeInit<Self>;

    /// Stops the subsystem: for this reason the bridge was told to exit, or the process that it is
    /// linked to has exited.
    fn terminate(&mut self, reason: &ExitReason);

    /// Starts the bridge, linked to the caller.
    ///
    /// OTP: [`supervisor_bridge:start_link/2`](https://www.erlang.org/doc/apps/stdlib/supervisor_bridge.html#start_link/2).
    ///
    /// # Errors
    ///
    /// As for any server: [`StartError::Ignored`] if [`init`](Self::init) returns `None`,
    /// [`StartError::Failed`] with the error of `init`.
    fn start_link(args: Self::Args) -> Result<Pid, StartError> {
        Self::start_link_with(args, StartOptions::new())
    }

    /// Starts the bridge as [`start_link`](Self::start_link) does, with the options of a server: a
    /// name, for instance.
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    fn start_link_with(args: Self::Args, options: StartOptions) -> Result<Pid, StartError> {
        let bridge = Bridge::<Self>::start_link_with(args, options)?;
        Ok(bridge.pid())
    }

    /// Returns a child spec by which a supervisor starts the bridge, with the name of its type as
    /// the id.
    fn child_spec(args: Self::Args) -> ChildSpec<Pid>
    where
        Self::Args: Clone + Sync,
    {
        ChildSpec::new(type_name::<Self>(), move || Self::start_link(args.clone()))
            .module(type_name::<Self>())
    }
}

/// The process that a supervisor sees.
struct Bridge<B> {
    subsystem: Pid,
    bridge: B,
}

impl<B> fmt::Debug for Bridge<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(type_name::<B>()).field("subsystem", &self.subsystem).finish_non_exhaustive()
    }
}

impl<B: SupervisorBridge> GenServer for Bridge<B> {
    type Args = B::Args;

    fn init(args: B::Args) -> InitResult<Bridge<B>> {
        process::set_trap_exit(true);
        let Some((subsystem, bridge)) = B::init(args)? else { return ignore() };
        process::link(subsystem);
        ready(Bridge { subsystem, bridge })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Bridge<B>> {
        match message.downcast::<Exit>() {
            Ok(exit) if exit.from == self.subsystem => Err(exit.reason),
            Ok(_) => noreply(),
            Err(message) => {
                drop_caught(message);
                noreply()
            }
        }
    }

    fn terminate(&mut self, reason: &ExitReason) {
        self.bridge.terminate(reason);
    }
}
