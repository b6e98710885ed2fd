//! Acceptors: the processes that accept connections and hand them to the supervisor that starts a
//! process for each.

use std::io;
use std::sync::Arc;

use rustix::io::Errno;

use crate::exit::ExitReason;
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::process;
use crate::supervisor::SupervisorError;

use super::gate::Permit;
use super::shared::{Pending, Shared};
use super::socket::Socket;

/// Accepts connections until the process is ended, or the socket fails.
pub(super) fn accept_all(shared: &Arc<Shared>) -> Result<(), ExitReason> {
    // If one of them is gone, this process is just being ended, too.
    let (Some(socket), Some(connections)) = (shared.socket(), shared.connections()) else {
        wait_for_end()
    };
    loop {
        if let Some((connection, permit)) = accept(shared, &*socket)? {
            start(shared, connections, connection, permit);
        }
    }
}

/// Starts the process of a connection that another one has accepted, but not started.
pub(super) fn start_returned(
    shared: &Arc<Shared>,
    connections: Pid,
    connection: Pending,
    permit: Permit,
) {
    let permit = match shared.settings.refusal {
        None => Some(permit.activate()),
        Some(_) => permit.activate_if_room(),
    };
    match permit {
        Some(permit) => start(shared, connections, connection, permit),
        None => connection.refuse(),
    }
}

/// Waits for the next connection that there is room for.
fn accept(
    shared: &Arc<Shared>,
    socket: &dyn Socket,
) -> Result<Option<(Pending, Permit)>, ExitReason> {
    if shared.settings.refusal.is_none() {
        let permit = shared.gate.acquire();
        let connection = accept_any(shared, socket)?;
        return Ok(connection.map(|connection| (connection, permit.activate())));
    }
    let Some(connection) = accept_any(shared, socket)? else { return Ok(None) };
    match shared.gate.permit_anyway().activate_if_room() {
        Some(permit) => Ok(Some((connection, permit))),
        None => {
            connection.refuse();
            Ok(None)
        }
    }
}

/// Waits for the next connection. Returns `None` if another attempt may get one.
fn accept_any(shared: &Arc<Shared>, socket: &dyn Socket) -> Result<Option<Pending>, ExitReason> {
    match shared.accept(socket) {
        Ok(connection) => Ok(Some(connection)),
        Err(error) => match Trouble::of(&error) {
            Trouble::Connection => Ok(None),
            Trouble::Shortage => {
                shared.pause(&error);
                Ok(None)
            }
            Trouble::Socket => Err(error.into()),
        },
    }
}

fn start(shared: &Shared, connections: Pid, connection: Pending, permit: Permit) {
    let outcome = shared.start(connections, &connection, permit);
    drop(connection); // Returned, if the supervisor has ended before it could start it.
    match outcome {
        Ok(_) | Err(SupervisorError::Ignored) => {}
        // All that use the supervisor are stopped, and started again when there is a new one.
        Err(SupervisorError::Call(_)) => wait_for_end(),
        Err(error) if is_short_of_threads(&error) => shared.pause(&error),
        Err(error) => shared.report_failed_start(&error),
    }
}

fn wait_for_end() -> ! {
    loop {
        process::receive_match(|_| false);
    }
}

fn is_short_of_threads(error: &SupervisorError) -> bool {
    let SupervisorError::Failed(failed) = error else { return false };
    matches!(failed.reason.downcast_ref(), Some(StartError::Spawn(_)))
}

/// What an error of `accept` is about.
enum Trouble {
    /// The connection that was to be accepted, which is gone.
    Connection,
    /// The system, or the program, has nothing left of what a connection takes.
    Shortage,
    /// The listening socket.
    Socket,
}

impl Trouble {
    fn of(error: &io::Error) -> Trouble {
        use io::ErrorKind::*;

        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                return Trouble::Shortage;
            }
            // Linux passes on what has happened to the connection in the network.
            Some(
                Errno::PROTO | Errno::NOPROTOOPT | Errno::NONET | Errno::HOSTDOWN | Errno::PERM,
            ) => {
                return Trouble::Connection;
            }
            Some(_) | None => {}
        }
        let is_of_connection = matches!(
            error.kind(),
            ConnectionAborted
                | ConnectionReset
                | TimedOut
                | WouldBlock
                | Interrupted
                | NetworkDown
                | NetworkUnreachable
                | HostUnreachable
        );
        if is_of_connection { Trouble::Connection } else { Trouble::Socket }
    }
}
