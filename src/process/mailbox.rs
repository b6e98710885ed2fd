//! The mailbox: what is in transit, and what has arrived and waits to be received.
//!
//! Everything a process learns comes through the one channel, so what one sender sends arrives in
//! the order sent. A process *sorts* what it takes out of the channel: it acts on the signals, and
//! queues the messages. It sorts all that has arrived if there is an exit signal among it, which is
//! not to wait behind messages; else a process that takes the oldest message, as servers do, leaves
//! the others in the channel. Only the
//! process itself sorts and receives; the queue has a lock because an abandoned process's queue is
//! emptied by others.
//!
//! The queue is *checked out* while patterns and guards of the user run on it, so that no lock is
//! held then. What arrives in the meantime (when such code is a receive point itself) comes after
//! it. A message that comes out of the channel is *held* before it goes into the queue: it may be
//! the one that is looked for.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossbeam_utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};

use crate::exit::ExitReason;
use crate::id::{LinkId, Pid};
use crate::message::{Down, Message};

use super::unwind::drop_each_caught;

/// What goes through a channel: a signal, and to which of the slot's processes it is addressed.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) generation: NonZeroU64,
    pub(crate) signal: Signal,
}

/// Everything that one process can send another.
#[derive(Debug)]
pub(crate) enum Signal {
    Message(Message),
    /// A message to the alias with this number.
    Aliased(NonZeroU64, Message),
    Exit(Box<ExitSignal>),
    Down(Box<Down>),
}

#[derive(Clone, Debug)]
pub(crate) struct ExitSignal {
    pub(crate) from: Pid,
    pub(crate) reason: ExitReason,
    pub(crate) cause: ExitCause,
}

/// Where an exit signal came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCause {
    /// The other end of this link ended.
    Link(LinkId),
    /// Somebody called [`exit`](super::exit).
    Request,
}

/// A place in the order of arrival: before everything that arrives after it was taken.
///
/// Taken before a request is sent, it lets the wait for the answer skip all that was there before,
/// however much that is.
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// process::send(process::self_pid(), "unrelated");
/// let mark = process::mark();
/// process::send(process::self_pid(), "answer");
///
/// let message = process::receive_match_since(mark, Duration::ZERO, |_| true).unwrap();
/// assert_eq!(message.downcast::<&str>().unwrap(), "answer");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub(crate) u64);

impl Mark {
    /// Before everything.
    #[doc(hidden)]
    pub const START: Mark = Mark(0);
}

/// The channel and the queue of one slot.
#[derive(Debug)]
pub(crate) struct Mailbox {
    sender: Sender<Envelope>,
    receiver: Receiver<Envelope>,
    /// On a cache line of its own, as it changes with every message, and senders read the others.
    arrived: CachePadded<Arrived>,
}

/// What has come out of the channel.
#[derive(Debug, Default)]
struct Arrived {
    queue: Mutex<VecDeque<Entry>>,
    /// The length of the queue, also while it is checked out.
    queued: AtomicUsize,
    /// How many envelopes the owner has taken out of the channel.
    taken: AtomicU64,
    /// How many messages the owner has received.
    received: AtomicU64,
}

/// A message that has arrived.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place in the order of arrival.
    pub(crate) place: Mark,
    /// The monitor whose DOWN it is.
    pub(crate) monitor: Option<NonZeroU64>,
    pub(crate) message: Message,
}

impl Mailbox {
    pub(crate) fn new() -> Mailbox {
        let (sender, receiver) = unbounded();
        Mailbox { sender, receiver, arrived: CachePadded::default() }
    }

    /// Forgets the figures of the last owner.
    pub(crate) fn reset(&self) {
        self.arrived.queued.store(0, Ordering::Relaxed);
        self.arrived.taken.store(0, Ordering::Relaxed);
        self.arrived.received.store(0, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn push(&self, envelope: Envelope) {
        self.sender.send(envelope).expect("the receiver is in the same slot");
    }

    /// Takes the oldest envelope out of the channel. For the owner, who counts them.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<(Mark, Envelope)> {
        let envelope = self.receiver.try_recv().ok()?;
        let place = self.arrived.taken.load(Ordering::Relaxed);
        self.arrived.taken.store(place + 1, Ordering::Relaxed);
        Some((Mark(place), envelope))
    }

    /// Takes everything out of the channel and the queue. For a slot that is not running.
    ///
    /// It begins with a fence, to be the second half of the rule in [`slot`](super::slot).
    pub(crate) fn drain(&self, current: NonZeroU64) -> Orphans {
        fence(Ordering::SeqCst);
        let queue = mem::take(&mut *self.arrived.queue.lock());
        let mut orphans = Orphans { queue, ..Orphans::default() };
        for Envelope { generation, signal } in self.receiver.try_iter() {
            let is_own = generation == current;
            if is_own { &mut orphans.signals } else { &mut orphans.stale }.push(signal);
        }
        orphans
    }

    /// How many envelopes are in the channel.
    pub(crate) fn in_transit(&self) -> usize {
        self.receiver.len()
    }

    #[inline]
    pub(crate) fn has_arrivals(&self) -> bool {
        !self.receiver.is_empty()
    }

    /// How many messages have arrived or are in transit.
    pub(crate) fn len(&self) -> usize {
        self.arrived.queued.load(Ordering::Relaxed) + self.in_transit()
    }

    /// The place of the next envelope to be pushed.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.arrived.taken.load(Ordering::Relaxed) + self.in_transit() as u64)
    }

    /// The place of the first envelope that is not sorted yet.
    #[inline]
    pub(crate) fn sorted(&self) -> Mark {
        Mark(self.arrived.taken.load(Ordering::Relaxed))
    }

    pub(crate) fn received(&self) -> u64 {
        self.arrived.received.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn count_received(&self) {
        let received = self.arrived.received.load(Ordering::Relaxed);
        self.arrived.received.store(received + 1, Ordering::Relaxed);
    }

    /// Whether nothing is queued, nor checked out.
    #[inline]
    pub(crate) fn is_queue_empty(&self) -> bool {
        self.arrived.queued.load(Ordering::Relaxed) == 0
    }

    /// Opens the queue for its owner, to add what has arrived.
    pub(crate) fn open(&self) -> Open<'_> {
        Open { entries: self.arrived.queue.lock(), mailbox: self }
    }

    /// Takes the oldest message out of the queue.
    pub(crate) fn pop(&self) -> Option<Message> {
        let entry = self.arrived.queue.lock().pop_front()?;
        self.count_queued(|queued| queued - 1);
        Some(entry.message)
    }

    /// Gives back the memory that the queue does not need.
    pub(crate) fn shrink(&self) {
        self.arrived.queue.lock().shrink_to_fit();
    }

    /// Lends the queue to its owner.
    pub(crate) fn check_out(&self) -> CheckedOut<'_> {
        CheckedOut { entries: mem::take(&mut *self.arrived.queue.lock()), mailbox: self }
    }

    /// Lends a message to its owner that has just come out of the channel.
    #[inline(always)]
    pub(crate) fn hold(&self, entry: Entry) -> Held<'_> {
        Held { entry: Some(entry), mailbox: self }
    }

    /// Only the owner writes it, so it takes no more than this.
    fn count_queued(&self, change: impl FnOnce(usize) -> usize) {
        let queued = self.arrived.queued.load(Ordering::Relaxed);
        self.arrived.queued.store(change(queued), Ordering::Relaxed);
    }
}

/// The queue, locked. Nothing of the user's runs under the lock.
#[derive(Debug)]
pub(crate) struct Open<'a> {
    entries: MutexGuard<'a, VecDeque<Entry>>,
    mailbox: &'a Mailbox,
}

impl Open<'_> {
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        self.mailbox.count_queued(|queued| queued + 1);
    }
}

/// A message in its owner's hands; unless it is taken, it goes to its place in the queue.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    entry: Option<Entry>,
    mailbox: &'a Mailbox,
}

impl Held<'_> {
    /// Takes the message if it is at or after `since` and `select` chooses it.
    #[inline(always)]
    pub(crate) fn select<R>(
        mut self,
        since: Mark,
        select: impl FnOnce(&mut Message) -> Option<R>,
    ) -> Option<(R, Message)> {
        let entry = self.entry.as_mut().filter(|entry| entry.place >= since)?;
        let choice = select(&mut entry.message)?;
        self.entry.take().map(|entry| (choice, entry.message))
    }

    #[inline(always)]
    pub(crate) fn into_message(mut self) -> Message {
        self.entry.take().expect("it is only taken when this is gone").message
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // A guard of `receive!` that panicked took the message it was looking at with it.
        if let Some(entry) = self.entry.take()
            && !entry.message.is_lent()
        {
            let mut queue = self.mailbox.arrived.queue.lock();
            // Before what has arrived later, if `select` was a receive point itself.
            let index = queue.partition_point(|other| other.place < entry.place);
            queue.insert(index, entry);
            drop(queue);
            self.mailbox.count_queued(|queued| queued + 1);
        }
    }
}

/// Messages and signals that nobody will receive.
#[derive(Debug, Default)]
#[must_use = "their destructors are user code, which must be caught"]
pub(crate) struct Orphans {
    queue: VecDeque<Entry>,
    signals: Vec<Signal>,
    /// What was for those who have lived in the slot before.
    stale: Vec<Signal>,
}

impl From<Signal> for Orphans {
    fn from(signal: Signal) -> Orphans {
        Orphans { signals: vec![signal], ..Orphans::default() }
    }
}

impl Signal {
    /// Tells the client, if this is a request of one, that no process has got it.
    pub(crate) fn bounce(&mut self) {
        if let Signal::Message(message) = self {
            message.bounce();
        }
    }
}

impl Orphans {
    /// Tells the clients whose requests are among them that no process has got these.
    pub(crate) fn bounce(&mut self) {
        self.signals.iter_mut().for_each(Signal::bounce);
    }

    /// Drops them one by one, the oldest first.
    pub(crate) fn drop_caught(mut self) {
        self.stale.iter_mut().for_each(Signal::bounce);
        drop_each_caught(self.stale);
        drop_each_caught(self.queue);
        drop_each_caught(self.signals);
    }
}

/// The queue in its owner's hands; it goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct CheckedOut<'a> {
    entries: VecDeque<Entry>,
    mailbox: &'a Mailbox,
}

impl CheckedOut<'_> {
    /// Removes the first entry at or after `since` that `select` chooses.
    pub(crate) fn select<R>(
        &mut self,
        since: Mark,
        mut select: impl FnMut(&mut Message) -> Option<R>,
    ) -> Option<(R, Message)> {
        let first = self.entries.partition_point(|entry| entry.place < since);
        for index in first..self.entries.len() {
            if let Some(choice) = select(&mut self.entries[index].message) {
                let entry = self.remove(index);
                return Some((choice, entry.message));
            }
        }
        None
    }

    /// The messages, the oldest first.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().map(|entry| &entry.message)
    }

    /// Removes the DOWN of `monitor`.
    pub(crate) fn remove_down(&mut self, monitor: NonZeroU64) -> Option<Message> {
        let index = self.entries.iter().position(|entry| entry.monitor == Some(monitor))?;
        Some(self.remove(index).message)
    }

    fn remove(&mut self, index: usize) -> Entry {
        let entry = self.entries.remove(index).expect("the index was found in this queue");
        self.mailbox.count_queued(|queued| queued - 1);
        entry
    }
}

impl Drop for CheckedOut<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // A guard of `receive!` that panicked took the message it was looking at with it.
            let before = self.entries.len();
            self.entries.retain(|entry| !entry.message.is_lent());
            let lost = before - self.entries.len();
            self.mailbox.count_queued(|queued| queued - lost);
        }
        let mut queue = self.mailbox.arrived.queue.lock();
        self.entries.append(&mut queue);
        mem::swap(&mut *queue, &mut self.entries);
    }
}
