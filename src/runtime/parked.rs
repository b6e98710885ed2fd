//! What a thread is parked for. It is only shown.

/// What a thread waits for while it is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ParkedFor {
    /// A message.
    Message = 1,
    /// A message, with as little memory as possible.
    Hibernation,
    /// The reply to a call.
    Reply,
    /// A time.
    Time,
    /// A name that a process is given.
    Name,
    /// Room in a mailbox.
    Room,
    /// Room on the way to another node.
    Connection,
    /// A thread that is about to be free.
    Thread,
    /// Its next process.
    Job,
}

impl ParkedFor {
    /// What is stored while a thread is not parked.
    pub(crate) const NOTHING: u8 = 0;

    /// Returns what was stored as a number.
    pub(crate) fn of(stored: u8) -> Option<ParkedFor> {
        use ParkedFor::{Connection, Hibernation, Job, Message, Name, Reply, Room, Thread, Time};
        [Message, Hibernation, Reply, Time, Name, Room, Connection, Thread, Job]
            .into_iter()
            .find(|it| *it as u8 == stored)
    }
}
