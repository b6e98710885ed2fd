//! Who writes what is queued: the writer of the connection, or a sender itself.
//!
//! There is one at a time, and what it takes is the oldest, so what leaves is in the order in which
//! it was queued. A sender that is about to wait for an answer has nothing better to do than to
//! write its request, with all that is queued before it, if nobody writes: that saves the time that
//! the writer takes to run. It writes once, without a lock, and does not wait: what the connection
//! does not take of that, or what is queued meanwhile, it leaves to the writer. So others wait for
//! no more than one system call of a sender, whose thread may be out of its turn. An answer is
//! written so, too, as it is waited for. Where several clients call in turn, or a client makes
//! several requests at once, all is left to the writer, which writes for all of them at once.
//!
//! ```text
//!            something is queued                    there was nothing left
//!   Nobody -------------------------> Writer -----------------------------> Nobody
//!   Nobody ---- a request is queued --> Sender ---- all of it has left ----> Nobody
//!                                       Sender ---- something is left -----> Writer
//! ```

use std::mem;
use std::sync::Arc;

use super::room::{let_go, size};
use super::{Controller, DistEntry, Frame, State};

/// Who writes what is queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Writing {
    /// Whoever queues something sees that it is written. What is to leave later may be queued.
    Nobody,
    /// The writer of the connection, which looks into the queue again before it waits.
    #[default]
    Writer,
    Sender {
        /// Whether the writer has looked meanwhile, and is to be woken in any case.
        is_awaited: bool,
    },
}

/// What the writer has taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) frames: Vec<Frame>,
    /// Whether no sender is writing; otherwise the writer is woken when it has.
    pub(crate) is_all: bool,
}

/// What a sender is to write itself, where no lock is held.
#[must_use]
pub(crate) struct Direct {
    entry: &'static DistEntry,
    connection: u64,
    controller: Arc<dyn Controller>,
    frames: Vec<Frame>,
}

impl Direct {
    /// Takes what is queued; nobody is writing.
    pub(super) fn begin(
        entry: &'static DistEntry,
        state: &mut State,
        controller: Arc<dyn Controller>,
    ) -> Direct {
        state.writing = Writing::Sender { is_awaited: false };
        let (connection, frames) = (state.connections, mem::take(&mut state.queue));
        Direct { entry, connection, controller, frames }
    }

    pub(super) fn run(self) {
        let Direct { entry, connection, controller, mut frames } = self;
        let written = controller.write(&frames);
        let room = take_out(&mut frames, written);
        let mut state = entry.state.lock();
        if !state.is_up(connection) {
            drop(state);
            return; // What is left is dropped with the others of that connection.
        }
        let senders = state.room.give_back_size(room);
        let is_left = state.leave_to_writer(frames);
        drop(state);
        let_go(senders);
        if is_left {
            controller.wake();
        }
    }
}

impl State {
    /// A sender has written, but for these frames. Returns whether the writer is to be woken.
    fn leave_to_writer(&mut self, mut left: Vec<Frame>) -> bool {
        left.append(&mut self.queue);
        self.queue = left;
        let is_awaited = self.writing == Writing::Sender { is_awaited: true };
        let is_left = is_awaited || !self.queue.is_empty();
        self.writing = if is_left { Writing::Writer } else { Writing::Nobody };
        is_left
    }
}

/// Returns how many of the frames are among the first `written` bytes as a whole.
pub(crate) fn count_whole(frames: &[Frame], mut written: usize) -> usize {
    let is_whole = |frame: &&Frame| {
        let is_whole = frame.len() <= written;
        written -= if is_whole { frame.len() } else { 0 };
        is_whole
    };
    frames.iter().take_while(is_whole).count()
}

/// Takes what was written out of the frames. Returns how much room that had taken.
fn take_out(frames: &mut Vec<Frame>, written: usize) -> usize {
    let room = |frames: &[Frame]| frames.iter().map(size).sum::<usize>();
    let before = room(frames);
    let whole = count_whole(frames, written);
    let whole_bytes: usize = frames.drain(..whole).map(|frame| frame.len()).sum();
    if let Some(first) = frames.first_mut() {
        first.advance(written - whole_bytes);
    }
    before - room(frames)
}

#[cfg(test)]
mod tests;
