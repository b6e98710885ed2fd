//! Sending the owner of a socket what has been read.

use std::io;

use crate::process::send::send_regardless;

use super::connection::Held;
use super::{Closed, Data, Errored, OwnedSocket, Passive};

/// Sends the owner what it is still to be told, and what has been read already, as far as the
/// socket is active, and has the reader read more.
pub(super) fn go_on(socket: &OwnedSocket) {
    while let Some(telling) = socket.connection.claim_passive() {
        send_regardless(telling.owner, Passive { socket: socket.clone() });
    }
    while let Some(mut held) = socket.connection.hold_active() {
        match deliver(socket, &mut held) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => deliver_end(socket, held, error),
        }
    }
}

/// Sends the owner the next packet, unless the socket is passive by now. Returns whether there was
/// one.
///
/// # Errors
///
/// If the packet is too long.
pub(super) fn deliver(socket: &OwnedSocket, held: &mut Held<'_>) -> io::Result<bool> {
    let Some(frame) = held.decoder.look()? else { return Ok(false) };
    if let Some(delivery) = held.claim() {
        let bytes = held.decoder.take(frame);
        send_regardless(delivery.owner, Data { socket: socket.clone(), bytes });
        if delivery.tells_passive {
            send_regardless(delivery.owner, Passive { socket: socket.clone() });
        }
    }
    Ok(true)
}

/// Tells the owner that nothing more comes, unless the socket is passive by now.
pub(super) fn deliver_end(socket: &OwnedSocket, mut held: Held<'_>, error: io::Error) {
    let connection = &socket.connection;
    let Some(delivery) = held.claim_end() else { return };
    let error = connection.shown(error);
    if error.is_some() || connection.options.exit_on_close {
        held.descriptor = None;
        connection.close();
    }
    if let Some(error) = error {
        send_regardless(delivery.owner, Errored { socket: socket.clone(), error });
    }
    send_regardless(delivery.owner, Closed { socket: socket.clone() });
}
