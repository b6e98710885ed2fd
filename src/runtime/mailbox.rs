//! The mailbox: what is in transit, and what has arrived and waits to be received.
//!
//! Everything that is sent to a process comes through the one channel, so what one sender sends
//! arrives in the order sent. A process *sorts* what it takes out of the channel: it acts on the
//! signals, and queues the messages. It sorts all that has arrived if there is an exit signal among
//! it, which must not wait behind messages; else a process that takes the oldest message, as
//! servers do, leaves the others in the channel. Only the process itself sorts and receives; the
//! queue has a lock because the queue of an abandoned process is emptied by another thread.
//!
//! The queue is *checked out* while patterns and guards of the user run on it, so that no lock is
//! held then. Messages that arrive in the meantime (when such code receives itself) come after it.
//! A message that comes out of the channel is *held* before it goes into the queue: it may be the
//! one that is looked for.
//!
//! The counts are written by the owner alone, so a load and a store do for a change, and its own
//! reads are exact. Others read them only to show them. So all of them are `Relaxed`. (The length
//! of the queue changes under the lock of the queue, as senders to a mailbox that drops its oldest
//! message take that out of it.)
//!
//! A mailbox may have a [`bound`](super::bound). One that has none has to know that, and nothing
//! else: who sends and who receives reads one byte that does not change while the owner lives,
//! beside the channel.

mod bounded;

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use crossbeam_utils::CachePadded;
use once_cell::sync::OnceCell;
use parking_lot::{Mutex, MutexGuard};

use crate::exit::ExitReason;
use crate::id::{LinkId, Pid};
use crate::message::{Down, Message};
use crate::user_code::{drop_caught, drop_each_caught};

use super::bound::Room;
use super::tuning::WaterMarks;

pub(crate) use bounded::Pushed;
use bounded::{Bounded, Kind};

/// What goes through a channel: a signal, and the generation that it is addressed to.
#[derive(Debug)]
#[repr(C)] // The signal lies at its start, so that it can be moved in large pieces.
pub(crate) struct Envelope {
    pub(crate) signal: Signal,
    /// With [`COUNTED`] set if its message has a place.
    address: NonZeroU64,
}

/// No generation is that large.
const COUNTED: u64 = 1 << 63;

impl Envelope {
    #[inline(always)]
    pub(crate) fn new(generation: NonZeroU64, signal: Signal) -> Envelope {
        Envelope { signal, address: generation }
    }

    fn counted(generation: NonZeroU64, message: Message) -> Envelope {
        Envelope { signal: Signal::Message(message), address: generation | COUNTED }
    }

    pub(crate) fn is_counted(&self) -> bool {
        self.address.get() & COUNTED != 0
    }

    /// Returns whether it is addressed to `generation`.
    pub(crate) fn is_for(&self, generation: NonZeroU64) -> bool {
        self.address.get() & !COUNTED == generation.get()
    }

    /// Returns the message in it, if it is a plain one for `generation` that has no place.
    #[inline(always)]
    pub(crate) fn message_for(&mut self, generation: NonZeroU64) -> Option<&mut Message> {
        match &mut self.signal {
            Signal::Message(message) if self.address == generation => Some(message),
            Signal::Message(_) | Signal::Special(_) => None,
        }
    }
}

/// Everything that one process can send another.
///
/// It is no larger than a message, which most signals are, and is laid out as one: a value is moved
/// fastest in the pieces in which it was written.
#[derive(Debug)]
pub(crate) enum Signal {
    Message(Message),
    Special(Box<Special>),
}

/// Every signal but a plain message.
#[derive(Debug)]
pub(crate) enum Special {
    /// A message to the alias with this number.
    Aliased(NonZeroU64, Message),
    Exit(ExitSignal),
    Down(Down),
}

impl From<Special> for Signal {
    fn from(special: Special) -> Signal {
        Signal::Special(Box::new(special))
    }
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
    /// A process called [`exit`](crate::process::exit()).
    Request,
    /// A timer has expired. If the target has started it itself, the signal is judged as one from
    /// another process.
    Timer,
}

/// A place in the order of arrival: before every message that arrives after it was taken.
///
/// If it is taken before a request is sent, the wait for the answer skips all messages that were
/// there before, however many these are.
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
    /// The place before every message.
    #[doc(hidden)]
    pub const START: Mark = Mark(0);
}

/// The channel and the queue of one slot.
#[derive(Debug)]
pub(crate) struct Mailbox {
    sender: Sender<Envelope>,
    receiver: Receiver<Envelope>,
    /// A [`Kind`]. *Fixed*: see [`slot`](super::slot).
    kind: AtomicU8,
    /// Made for the first owner that has one.
    bound: OnceCell<Box<Bounded>>,
    /// At how many messages there is a warning; `usize::MAX` after it.
    long: AtomicUsize,
    /// On a cache line of its own, as it changes with every message, and senders read the other
    /// fields.
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
    /// At how many messages there is a warning, as long as there was none.
    high: AtomicUsize,
    /// Below how many messages it may be warned again; 0 if never.
    low: AtomicUsize,
}

/// A message that has arrived.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place in the order of arrival.
    pub(crate) place: Mark,
    pub(crate) origin: Origin,
    pub(crate) message: Message,
}

/// What a message in the queue was, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(u64);

impl Origin {
    pub(crate) const PLAIN: Origin = Origin(0);

    /// A message that has a place of its own, to be given back.
    pub(crate) const COUNTED: Origin = Origin(u64::MAX);

    /// The DOWN of a monitor.
    pub(crate) fn down(monitor: NonZeroU64) -> Origin {
        Origin(monitor.get())
    }
}

impl Mark {
    /// Returns whether a receiver that takes each message in turn looks at the length of its
    /// mailbox here.
    #[inline]
    pub(crate) fn is_milestone(self) -> bool {
        self.0 % 1024 == 1023
    }
}

impl Mailbox {
    pub(crate) fn new() -> Mailbox {
        let (sender, receiver) = unbounded();
        Mailbox {
            sender,
            receiver,
            kind: AtomicU8::new(Kind::Unbounded as u8),
            bound: OnceCell::new(),
            long: AtomicUsize::new(usize::MAX),
            arrived: CachePadded::default(),
        }
    }

    /// Resets the counts of the last owner, for the next one, which is `generation`.
    pub(crate) fn reset(&self, generation: NonZeroU64, room: Option<Room>, marks: WaterMarks) {
        self.reset_bound(generation, room);
        let (low, high) = marks.below_and_above();
        // Relaxed: the slot is given to the next owner after this.
        self.long.store(high, Ordering::Relaxed);
        self.arrived.high.store(high, Ordering::Relaxed);
        self.arrived.low.store(low, Ordering::Relaxed);
        self.arrived.queued.store(0, Ordering::Relaxed);
        self.arrived.taken.store(0, Ordering::Relaxed);
        self.arrived.received.store(0, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn push(&self, envelope: Envelope) {
        self.sender.send(envelope).expect("the receiver is in the same slot");
    }

    /// Takes the oldest envelope out of the channel. For the owner, which must then
    /// [count](Mailbox::count_taken) it.
    #[inline(always)]
    pub(crate) fn take(&self) -> Result<Envelope, TryRecvError> {
        if self.is(Kind::DropsOldest) { self.take_rescued() } else { self.receiver.try_recv() }
    }

    /// Counts an envelope that was taken, and returns its place.
    #[inline(always)]
    pub(crate) fn count_taken(&self) -> Mark {
        let place = self.arrived.taken.load(Ordering::Relaxed);
        self.arrived.taken.store(place + 1, Ordering::Relaxed);
        Mark(place)
    }

    /// Takes everything out of the channel and the queue, of a slot that is not running.
    ///
    /// It begins with a fence, to be the second half of the rule in [`slot`](super::slot).
    pub(crate) fn drain(&self, current: NonZeroU64) -> Orphans {
        fence(Ordering::SeqCst);
        let queue = mem::take(&mut *self.arrived.queue.lock());
        let mut orphans = Orphans { queue, ..Orphans::default() };
        for envelope in self.drain_rescued().chain(self.receiver.try_iter()) {
            let is_own = envelope.is_for(current);
            let kept = if is_own { &mut orphans.signals } else { &mut orphans.stale };
            kept.push(envelope.signal);
        }
        if let Some(bound) = self.bound() {
            bound.close();
        }
        orphans
    }

    /// Returns how many envelopes the owner has not taken.
    #[inline]
    pub(crate) fn in_transit(&self) -> usize {
        if self.is(Kind::DropsOldest) { self.in_transit_or_rescued() } else { self.receiver.len() }
    }

    #[inline]
    pub(crate) fn has_arrivals(&self) -> bool {
        if self.is(Kind::DropsOldest) {
            self.in_transit_or_rescued() > 0
        } else {
            !self.receiver.is_empty()
        }
    }

    /// Returns how many messages have arrived or are in transit.
    pub(crate) fn len(&self) -> usize {
        self.queued() + self.in_transit()
    }

    /// Returns how many messages are in the queue.
    pub(crate) fn queued(&self) -> usize {
        self.arrived.queued.load(Ordering::Relaxed)
    }

    /// Returns whether that many messages are more than the owner is to have without a warning.
    #[inline]
    pub(crate) fn is_long(&self, messages: usize) -> bool {
        messages > self.long.load(Ordering::Relaxed)
    }

    /// Says that there was a warning, or is about to be. Returns whether the caller is the one to
    /// warn: the owner, or a sender that finds no room.
    pub(crate) fn begin_warning(&self) -> bool {
        // Looked at first, so that senders that find no room leave the cache line in peace.
        self.long.load(Ordering::Relaxed) != usize::MAX
            && self.long.swap(usize::MAX, Ordering::Relaxed) != usize::MAX
    }

    /// Returns whether there was a warning, and that many messages are so few that there may be
    /// another one from now on.
    pub(crate) fn end_warning(&self, messages: usize) -> bool {
        let is_over = messages < self.arrived.low.load(Ordering::Relaxed)
            && self.long.load(Ordering::Relaxed) == usize::MAX;
        if is_over {
            self.long.store(self.arrived.high.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        is_over
    }

    /// Returns the place of the next envelope to be pushed.
    pub(crate) fn mark(&self) -> Mark {
        let taken = self.arrived.taken.load(Ordering::Relaxed);
        Mark(taken + self.places_in_transit())
    }

    /// Returns the place of the first envelope that is not sorted yet.
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

    /// Returns whether no message is queued or checked out.
    #[inline]
    pub(crate) fn is_queue_empty(&self) -> bool {
        self.queued() == 0
    }

    /// Opens the queue for its owner, to add messages that have arrived.
    pub(crate) fn open(&self) -> Open<'_> {
        Open { entries: self.arrived.queue.lock(), mailbox: self }
    }

    /// Puts the DOWN of `monitor`, which the owner has taken out, back into the queue.
    pub(crate) fn requeue_down(&self, monitor: NonZeroU64, message: Message) {
        let place = Mark(self.sorted().0 - 1); // That of the last one sorted, perhaps its own.
        self.open().push(Entry { place, origin: Origin::down(monitor), message });
    }

    /// Takes the oldest message out of the queue.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<Message> {
        if self.is_queue_empty() { None } else { self.pop_queued() }
    }

    fn pop_queued(&self) -> Option<Message> {
        let mut queue = self.arrived.queue.lock();
        let entry = queue.pop_front()?;
        self.count_queued(|queued| queued - 1);
        drop(queue);
        self.note_left(entry.origin);
        Some(entry.message)
    }

    /// Frees the memory that the queue does not need.
    pub(crate) fn shrink(&self) {
        self.arrived.queue.lock().shrink_to_fit();
    }

    /// Lends the queue to its owner.
    pub(crate) fn check_out(&self) -> CheckedOut<'_> {
        let entries = mem::take(&mut *self.arrived.queue.lock());
        CheckedOut { entries, removed: 0, mailbox: self }
    }

    /// Queues a message that was not selected. If the selection has received itself, the message
    /// goes before those that have arrived since.
    fn put_back(&self, place: Mark, message: &mut Message) {
        if message.is_lent() {
            return; // A guard of `receive!` has taken it, and panicked.
        }
        let message = message.take();
        let mut queue = self.arrived.queue.lock();
        let index = queue.partition_point(|other| other.place < place);
        queue.insert(index, Entry { place, origin: Origin::PLAIN, message });
        self.count_queued(|queued| queued + 1);
    }

    /// Changes the count of messages in the queue, which is locked.
    fn count_queued(&self, change: impl FnOnce(usize) -> usize) {
        let queued = self.queued();
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

/// A message that was just taken out of the channel and has not been moved; unless it is selected,
/// it goes to its place in the queue.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    /// `None` once it is selected.
    message: Option<&'a mut Message>,
    place: Mark,
    mailbox: &'a Mailbox,
}

impl<'a> Held<'a> {
    #[inline(always)]
    pub(crate) fn new(message: &'a mut Message, place: Mark, mailbox: &'a Mailbox) -> Held<'a> {
        Held { message: Some(message), place, mailbox }
    }

    /// Moves the message to `place` if it is at or after `since` and `select` chooses it.
    #[inline(always)]
    pub(crate) fn select<R>(
        mut self,
        since: Mark,
        place: &mut Option<Message>,
        select: impl FnOnce(&mut Message) -> Option<R>,
    ) -> Option<R> {
        if self.place < since {
            return None;
        }
        let choice = select(self.message.as_mut()?)?;
        *place = self.message.take().map(Message::take);
        Some(choice)
    }
}

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.mailbox.put_back(self.place, message);
        }
    }
}

/// Messages and signals that no process will receive.
#[derive(Debug, Default)]
#[must_use = "dropped here, a destructor that panics would unwind the runtime: use `drop_caught`"]
pub(crate) struct Orphans {
    queue: VecDeque<Entry>,
    signals: Vec<Signal>,
    /// Signals to earlier generations of the slot.
    stale: Vec<Signal>,
}

impl From<Signal> for Orphans {
    fn from(signal: Signal) -> Orphans {
        Orphans { signals: vec![signal], ..Orphans::default() }
    }
}

impl Signal {
    /// Returns whether it must not wait behind the messages in the queue.
    #[inline]
    pub(crate) fn is_urgent(&self) -> bool {
        matches!(self, Signal::Special(special) if matches!(**special, Special::Exit(_)))
    }

    /// Bounces it, if it is a request: tells its client that no process has got it.
    pub(crate) fn bounce(&mut self) {
        if let Signal::Message(message) = self {
            message.bounce();
        }
    }
}

impl Orphans {
    /// Adds `signal`.
    pub(crate) fn and(mut self, signal: Signal) -> Orphans {
        self.signals.push(signal);
        self
    }

    /// Returns whether they are messages to a process that has just ended, and nothing else, of
    /// which all `are_so`.
    #[cfg(feature = "dist")]
    pub(crate) fn are_messages(&self, are_so: impl Fn(&Message) -> bool) -> bool {
        let Orphans { queue, signals, stale } = self;
        let is_so = |signal: &Signal| matches!(signal, Signal::Message(message) if are_so(message));
        queue.is_empty() && stale.is_empty() && signals.iter().all(is_so)
    }

    /// Bounces the requests among them that were addressed to the slot's last process.
    pub(crate) fn bounce(&mut self) {
        self.signals.iter_mut().for_each(Signal::bounce);
    }

    /// Drops them one by one, the oldest first, and bounces those of earlier generations.
    pub(crate) fn drop_caught(mut self) {
        self.stale.iter_mut().for_each(Signal::bounce);
        drop_each_caught(self.stale);
        drop_each_caught(self.queue);
        drop_each_caught(self.signals);
    }
}

/// The queue, checked out by its owner; it goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct CheckedOut<'a> {
    entries: VecDeque<Entry>,
    /// How many were removed.
    removed: usize,
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

    /// Returns the messages, the oldest first.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().map(|entry| &entry.message)
    }

    /// Removes the DOWN of `monitor`.
    pub(crate) fn remove_down(&mut self, monitor: NonZeroU64) -> Option<Message> {
        let origin = Origin::down(monitor);
        let index = self.entries.iter().position(|entry| entry.origin == origin)?;
        Some(self.remove(index).message)
    }

    fn remove(&mut self, index: usize) -> Entry {
        let entry = self.entries.remove(index).expect("the index was found in this queue");
        self.removed += 1;
        self.mailbox.note_left(entry.origin);
        entry
    }
}

impl Drop for CheckedOut<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // A guard of `receive!` that panicked has taken the message that it was looking at.
            let is_lost = |entry: &Entry| entry.message.is_lent();
            while let Some(index) = self.entries.iter().position(is_lost) {
                _ = self.remove(index); // What is left of it is empty.
            }
        }
        let mut queue = self.mailbox.arrived.queue.lock();
        self.entries.append(&mut queue);
        mem::swap(&mut *queue, &mut self.entries);
        self.mailbox.count_queued(|queued| queued - self.removed);
        let useless = self.mailbox.trim(&mut queue);
        drop(queue);
        drop_caught(useless);
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn an_envelope_is_a_message_and_a_word() {
        assert_eq!(size_of::<Signal>(), size_of::<Message>());
        assert_eq!(size_of::<Result<Envelope, TryRecvError>>(), size_of::<Message>() + 8);
        assert_eq!(offset_of!(Envelope, signal), 0);
    }
}
