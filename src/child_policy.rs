//! When a supervisor restarts a child, and how it stops it: what a type of server can say of itself
//! before any supervisor knows it.

use std::time::Duration;

/// Says when a child that has exited is restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// It is always restarted.
    #[default]
    Permanent,
    /// It is restarted if it has exited abnormally: with a reason that is not
    /// [orderly](crate::ExitReason::is_orderly).
    Transient,
    /// It is never restarted. The supervisor forgets it when it has exited.
    Temporary,
}

/// Says how a supervisor stops a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// The child is killed at once.
    BrutalKill,
    /// The child is told to [shut down](crate::ExitReason::Shutdown), and killed if it has not
    /// exited after this time.
    ///
    /// A child that does not trap exits ends by that at its next receive point. One that is to
    /// clean up, as a server does in its [`terminate`](crate::gen_server::GenServer::terminate),
    /// must trap exits: by
    /// [`StartOptions::trap_exit`](crate::gen_server::StartOptions::trap_exit), or by
    /// [`set_trap_exit`](crate::process::set_trap_exit) in its `init`.
    Timeout(Duration),
    /// The child is told to shut down, and the supervisor waits without limit: for a child that is
    /// a supervisor.
    Infinity,
}

impl Shutdown {
    /// The default of a worker, as in OTP.
    pub(crate) const WORKER: Shutdown = Shutdown::Timeout(Duration::from_secs(5));
}
