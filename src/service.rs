//! Services that the crate itself has: each is started by whoever needs it first, and belongs to
//! nobody.

use crate::exit::ExitReason;
use crate::gen_server::{GenServer, StartError, StartOptions};
use crate::id::Pid;
use crate::process;
use crate::process::Builder;

/// The service that is registered as `name`, which is started if there is none.
///
/// It is neither linked to the caller nor below it, so it ends neither with it nor with its
/// application; and if the caller ends meanwhile, the start goes on without it.
pub(crate) fn ensure<S: GenServer<Args = ()>>(name: &'static str) -> Result<Pid, ExitReason> {
    if let Some(pid) = process::whereis(name) {
        return Ok(pid);
    }
    let options = StartOptions::new().name(name).spawn_options(Builder::new().without_ancestors());
    match S::start_with((), options) {
        Ok(server) => Ok(server.pid()),
        Err(StartError::AlreadyStarted(pid)) => Ok(pid),
        Err(error) => Err(error.into()),
    }
}
