//! Mailboxes with a bound: see [`bound`](super::super::bound).

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::TryRecvError;
use parking_lot::Mutex;

use crate::message::Message;

use super::super::bound::{Admission, Bound, Overflow, Room};
use super::{COUNTED, Entry, Envelope, Mailbox, Origin, Signal};

/// How a mailbox is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Unbounded,
    /// Messages have places.
    Bounded,
    /// They have, and the oldest one makes room for the newest.
    DropsOldest,
}

/// The bound of a mailbox, and what is left of its channel when the oldest messages are dropped.
#[derive(Debug, Default)]
pub(super) struct Bounded {
    bound: Bound,
    rescued: Mutex<Rescued>,
    /// How many envelopes are rescued. Who adds one pushes another later, and then wakes the owner.
    rescued_len: AtomicUsize,
}

/// What was taken out of the channel by others than the owner.
#[derive(Debug, Default)]
struct Rescued {
    /// Each with the number of envelopes dropped between it and the one before.
    envelopes: VecDeque<(u64, Envelope)>,
    /// How many were dropped after the last of them.
    dropped: u64,
}

impl Rescued {
    /// Returns how many places in the order of arrival they take.
    fn places(&self) -> u64 {
        let places = self.envelopes.iter().map(|(dropped, _)| dropped + 1);
        places.sum::<u64>() + self.dropped
    }
}

/// What becomes of a message that was to get a place.
#[derive(Debug)]
pub(crate) enum Pushed {
    /// It was pushed.
    In,
    /// It was pushed, and this one dropped for it.
    InFor(Message),
    /// It was not pushed, as there is no room.
    Full(Message),
    /// It was not pushed, as the process has ended.
    Gone(Message),
}

impl Mailbox {
    /// Begins the bound of the next owner, which may have none.
    pub(super) fn reset_bound(&self, generation: NonZeroU64, room: Option<Room>) {
        let kind = match room {
            None => Kind::Unbounded,
            Some(Room { overflow: Overflow::DropOldest, .. }) => Kind::DropsOldest,
            Some(_) => Kind::Bounded,
        };
        if room.is_some() {
            self.bound.get_or_init(Box::default);
        }
        if let Some(bounded) = self.bound.get() {
            let _rescued = bounded.rescued.lock();
            bounded.bound.reset(generation, room);
        }
        self.kind.store(kind as u8, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.kind.load(Ordering::Relaxed) == kind as u8
    }

    /// Returns whether plain messages and casts need a place, which [`offer`](Self::offer) takes.
    #[inline(always)]
    pub(crate) fn is_bounded(&self) -> bool {
        !self.is(Kind::Unbounded)
    }

    /// Returns the bound of the mailbox, if it has one.
    pub(crate) fn bound(&self) -> Option<&Bound> {
        self.bounded().map(|bounded| &bounded.bound)
    }

    fn bounded(&self) -> Option<&Bounded> {
        if self.is_bounded() { self.bound.get().map(|bounded| &**bounded) } else { None }
    }

    /// Returns what is rescued, if the oldest messages are dropped.
    fn dropping_oldest(&self) -> Option<&Bounded> {
        if self.is(Kind::DropsOldest) { self.bounded() } else { None }
    }

    /// Pushes a message to `generation` if it gets a place.
    pub(crate) fn offer(&self, generation: NonZeroU64, message: Message) -> Pushed {
        if let Some(bounded) = self.dropping_oldest() {
            return self.offer_for_oldest(bounded, generation, message);
        }
        // If the slot is another process's by now, and has no bound.
        let Some(bound) = self.bound() else { return Pushed::Gone(message) };
        match bound.enter(generation) {
            Admission::Place => {
                self.push_admitted(generation, message);
                Pushed::In
            }
            Admission::Full => Pushed::Full(message),
            Admission::Gone => Pushed::Gone(message),
        }
    }

    /// Pushes a message that has a place.
    pub(crate) fn push_admitted(&self, generation: NonZeroU64, message: Message) {
        self.push(Envelope::counted(generation, message));
    }

    /// As [`offer`](Self::offer), where the oldest message makes room.
    fn offer_for_oldest(
        &self,
        bounded: &Bounded,
        generation: NonZeroU64,
        message: Message,
    ) -> Pushed {
        let Bounded { bound, .. } = bounded;
        let mut queue = self.arrived.queue.lock();
        let mut rescued = bounded.rescued.lock();
        let oldest = match bound.enter(generation) {
            Admission::Place => None,
            Admission::Full => {
                let oldest = self.take_oldest(&mut queue).or_else(|| {
                    let oldest = self.rescue_up_to_oldest(&mut rescued, generation);
                    bounded.rescued_len.store(rescued.envelopes.len(), Ordering::Relaxed);
                    oldest
                });
                if oldest.is_none() {
                    bound.squeeze_in(); // The owner looks at all others.
                }
                oldest
            }
            Admission::Gone => return Pushed::Gone(message),
        };
        // Under the locks: so who finds no room finds the messages that have taken it.
        self.push_admitted(generation, message);
        oldest.map_or(Pushed::In, Pushed::InFor)
    }

    /// Takes the oldest message that has a place out of the queue.
    fn take_oldest(&self, queue: &mut VecDeque<Entry>) -> Option<Message> {
        let index = queue.iter().position(|entry| entry.origin == Origin::COUNTED)?;
        let entry = queue.remove(index)?;
        self.count_queued(|queued| queued - 1);
        Some(entry.message)
    }

    /// Takes the oldest message that has a place out of the channel, and rescues what is older.
    fn rescue_up_to_oldest(
        &self,
        rescued: &mut Rescued,
        generation: NonZeroU64,
    ) -> Option<Message> {
        loop {
            let envelope = self.receiver.try_recv().ok()?;
            match envelope {
                Envelope { signal: Signal::Message(message), address }
                    if address == generation | COUNTED =>
                {
                    rescued.dropped += 1;
                    return Some(message);
                }
                envelope => {
                    let dropped = mem::take(&mut rescued.dropped);
                    rescued.envelopes.push_back((dropped, envelope));
                }
            }
        }
    }

    /// Takes out of the queue, which is locked, what has no room. The caller is to drop it.
    pub(super) fn trim(&self, queue: &mut VecDeque<Entry>) -> Option<Message> {
        let bound = &self.dropping_oldest().filter(|it| it.bound.is_overfull())?.bound;
        let oldest = self.take_oldest(queue)?;
        bound.leave();
        bound.count_dropped();
        Some(oldest)
    }

    /// As [`take`](Self::take), where senders take envelopes, too.
    #[cold]
    pub(super) fn take_rescued(&self) -> Result<Envelope, TryRecvError> {
        let Some(bounded) = self.dropping_oldest() else { return self.receiver.try_recv() };
        let mut rescued = bounded.rescued.lock();
        let (dropped, taken) = match rescued.envelopes.pop_front() {
            Some((dropped, envelope)) => (dropped, Ok(envelope)),
            None => (mem::take(&mut rescued.dropped), self.receiver.try_recv()),
        };
        bounded.rescued_len.store(rescued.envelopes.len(), Ordering::Relaxed);
        let counted = self.arrived.taken.load(Ordering::Relaxed);
        self.arrived.taken.store(counted + dropped, Ordering::Relaxed);
        taken
    }

    /// Returns how many envelopes were rescued.
    #[inline]
    pub(super) fn rescued_len(&self) -> usize {
        // Relaxed: who makes it grow wakes the owner later, for its own message.
        let len = |bounded: &Bounded| bounded.rescued_len.load(Ordering::Relaxed);
        if self.is(Kind::DropsOldest) { self.dropping_oldest().map_or(0, len) } else { 0 }
    }

    /// Returns how many places in the order of arrival are between what the owner has taken and the
    /// next envelope to be pushed.
    pub(super) fn places_in_transit(&self) -> u64 {
        let Some(bounded) = self.dropping_oldest() else { return self.receiver.len() as u64 };
        let rescued = bounded.rescued.lock();
        rescued.places() + self.receiver.len() as u64
    }

    /// Takes what is rescued; also if the owner has no bound, as a sender to an earlier one may
    /// have rescued it.
    pub(super) fn drain_rescued(&self) -> impl Iterator<Item = Envelope> + use<> {
        let rescued = self.bound.get().map(|bounded| {
            bounded.rescued_len.store(0, Ordering::Relaxed);
            mem::take(&mut *bounded.rescued.lock())
        });
        rescued.into_iter().flat_map(|it| it.envelopes.into_iter().map(|(_, envelope)| envelope))
    }

    /// Returns how many messages there are to look at the marks for: if only some take places,
    /// those.
    pub(crate) fn load(&self) -> usize {
        self.bound().map_or_else(|| self.len(), Bound::taken)
    }

    /// Gives the place of a message back that leaves the mailbox, if it has one.
    #[inline]
    pub(super) fn note_left(&self, origin: Origin) {
        if origin == Origin::COUNTED
            && let Some(bound) = self.bound()
        {
            bound.leave();
        }
    }
}
