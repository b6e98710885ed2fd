//! The crate's own services: each is started by the process that needs it first, and has no parent.

use crate::exit::ExitReason;
use crate::gen_server::{GenServer, StartError, StartOptions};
use crate::id::Pid;
use crate::process;
use crate::process::Builder;

/// Returns the service that is registered as `name`, which is started if there is none.
///
/// The service is not linked to the caller, which is not among its ancestors either. So it does not
/// end with the caller or its application; and if the caller ends meanwhile, the start goes on.
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
