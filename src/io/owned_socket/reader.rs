//! The process that reads a socket while it is active.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::message::{Exit, Message};
use crate::process;

use super::super::wait;
use super::OwnedSocket;
use super::connection::{Connection, Held, Nudge, Step};
use super::delivery::{deliver, deliver_end};

/// Reads the socket until it is closed, or its owner ends.
///
/// The process is a child of the owner's, to which it is linked; it traps exits, so it ends with
/// its owner even if that ends as `Normal`, and the end of the owner waits for it.
pub(super) fn run(connection: Arc<Connection>) {
    let closing = Closing(connection);
    let socket = OwnedSocket { connection: Arc::clone(&closing.0) };
    socket.connection.set_reader(process::self_pid());
    let exit = loop {
        match socket.connection.next_step() {
            Step::End => break None,
            Step::Wait => {
                if let Some(exit) = wait_for_nudge() {
                    break Some(exit);
                }
            }
            Step::Read(held) => {
                if let Some(exit) = read(&socket, held) {
                    break Some(exit);
                }
            }
        }
    };
    let owner = socket.connection.owner();
    drop(closing);
    match exit {
        Some(exit) if process::is_alive(owner) => process::exit_self(exit.reason),
        // An owner that traps exits gets no message of this end: it has been told what it needs.
        None if process::is_alive(owner) => process::unlink(owner),
        Some(_) | None => {} // It stays linked, so that the end of the owner waits for it.
    }
}

/// Closes the socket, however the reader ends.
struct Closing(Arc<Connection>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits for the word that there is something to do, or to end.
fn wait_for_nudge() -> Option<Exit> {
    loop {
        let message = process::receive();
        if message.is::<Nudge>() {
            return None;
        }
        if let Ok(exit) = message.downcast() {
            return Some(exit);
        }
    }
}

/// Sends the owner the next packet if it has come, and waits for more if it has not. Returns the
/// word to end.
fn read(socket: &OwnedSocket, mut held: Held<'_>) -> Option<Exit> {
    match deliver_or_fill(socket, &mut held) {
        Ok(()) => return None,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => {
            deliver_end(socket, held, error);
            return None;
        }
    }
    let descriptor = held.descriptor.take().expect("it is open");
    drop(held); // Somebody else may read meanwhile.
    let error = wait::again(&descriptor, PollFlags::IN, None).err()?;
    drop(descriptor);
    let exit = process::receive_match_timeout(Duration::ZERO, |message| message.is::<Exit>());
    if let Some(Ok(exit)) = exit.map(Message::downcast) {
        return Some(exit);
    }
    if let Step::Read(held) = socket.connection.next_step() {
        deliver_end(socket, held, error);
    }
    None
}

/// Sends the owner the next packet, or takes what has come of it.
///
/// # Errors
///
/// `WouldBlock` if nothing has come; otherwise nothing more will.
fn deliver_or_fill(socket: &OwnedSocket, held: &mut Held<'_>) -> io::Result<()> {
    if deliver(socket, held)? { Ok(()) } else { held.fill() }
}
