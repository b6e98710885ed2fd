//! The process that accepts the connections of other nodes.

use std::sync::Arc;
use std::time::Duration;

use log::Level;

use crate::dynamic_supervisor::DynamicSupervisorRef;
use crate::exit::ExitReason;
use crate::io::{TcpListener, is_interrupted};
use crate::process;
use crate::supervisor::{ChildSpec, SupervisorError};
use crate::user_code::log_caught;

use super::connection;
use super::local::Local;
use super::lost::LOG;
use super::permit::Permits;
use super::serve::CONNECTIONS;

/// How long it waits where the program has nothing left of what a connection takes.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections, and has a process started for each, until it is ended.
pub(super) fn accept_all(local: &Arc<Local>, listener: &TcpListener) -> Result<(), ExitReason> {
    let mut permits = Permits::default();
    loop {
        let permit = permits.acquire();
        match listener.accept() {
            Ok((stream, _)) => {
                let local = Arc::clone(local);
                let spec = ChildSpec::once("a guest", move || {
                    let body = move || connection::accept(&local, stream, permit);
                    Ok(process::spawn_link(body)?)
                });
                match DynamicSupervisorRef::named(CONNECTIONS).start_child(spec) {
                    Ok(_) => {}
                    // All of this is just being ended.
                    Err(SupervisorError::Call(error)) => return Err(error.into()),
                    Err(error) => pause(&error),
                }
            }
            Err(error) if is_interrupted(&error) => return Err(error.into()),
            Err(error) => pause(&error),
        }
    }
}

fn pause(error: &dyn std::fmt::Display) {
    log_caught(Level::Warn, LOG, format_args!("a node cannot be accepted: {error}"));
    process::receive_match_timeout(PAUSE, |_| false);
}
