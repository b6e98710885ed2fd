//! Permits: how many handshakes there may be at once that other nodes have begun.

use std::time::Duration;

use crate::id::Pid;
use crate::message::Message;
use crate::process;
use crate::runtime::address::deliver;
use crate::runtime::mailbox::Signal;

/// How many there may be. More connections wait and are not closed, as many of these may have come
/// to nothing already: two nodes that dial each other again and again leave such ones.
const MAX: usize = 64;

/// The right to a handshake. It comes back to the process that has given it when it is dropped.
pub(super) struct Permit {
    giver: Pid,
}

/// A [`Permit`] has come back.
#[derive(Debug)]
struct Returned;

impl Drop for Permit {
    fn drop(&mut self) {
        deliver(self.giver, Signal::Message(Message::new(Returned)));
    }
}

/// The permits that a process gives.
#[derive(Default)]
pub(super) struct Permits {
    given: usize,
}

impl Permits {
    /// Returns a permit of the caller's, as soon as there is one.
    pub(super) fn acquire(&mut self) -> Permit {
        let is_returned = |message: &Message| message.is::<Returned>();
        if self.given == MAX {
            process::receive_match(is_returned);
            self.given -= 1;
        }
        while process::receive_match_timeout(Duration::ZERO, is_returned).is_some() {
            self.given -= 1;
        }
        self.given += 1;
        Permit { giver: process::self_pid() }
    }
}
