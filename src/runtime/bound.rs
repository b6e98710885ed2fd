//! The bound of a mailbox: how many messages it has room for, and who waits for room.
//!
//! # Places
//!
//! A mailbox with a capacity has as many *places*. Who sends it a message that counts takes a place
//! before pushing the message, and its owner gives the place back when it receives the message: so
//! there are never more messages than places, however many send at once. Only plain messages and
//! casts count. An envelope that holds one is marked, and so is its entry in the queue, so the
//! owner knows what to give a place back for; a mailbox without a bound has no marks to look at.
//!
//! One word holds the number of places that are taken; the low half of the generation that they are
//! of, so that a sender that is held up never takes a place of the slot's next process (unless it
//! is held up for 2^32 processes of the one slot); and whether anybody waits.
//!
//! # Waiting for room
//!
//! A sender that finds no room may wait, in a list, under its lock. As long as there is anybody in
//! it the word says so, and then no sender takes a place by itself: the owner, which sees it in the
//! same word when it gives a place back, hands the place to the first in the list. So the first to
//! come is the first to be served, and no wake-up can be lost: what both sides look at is one word.
//! When the owner ends, it empties the list; a sender looks whether the owner is alive under the
//! lock, before it joins.
//!
//! # Dropping the oldest
//!
//! In a mailbox that drops its oldest message for a new one, a sender takes that out of the queue,
//! or else out of the channel, under their locks, and pushes its own message under them. What it
//! meets in the channel on its way and must not drop is *rescued*: it is older than all that is
//! left there, and the owner takes it first. The places in the order of arrival stay what they
//! were: what was dropped is counted as if the owner had taken it, when the owner comes to it.
//!
//! The owner takes from such a channel, and looks whether anything is there, under the lock of what
//! is rescued. It locks that alone or after the queue, as senders do.
//!
//! While the owner looks at messages by a selective receive, nobody else has them. If they are all
//! that count, a new message takes one place too many, and the owner drops its oldest message as
//! soon as it has looked.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

/// What becomes of a message that is sent to a mailbox which is full: see
/// [Bounded mailboxes](crate::process#bounded-mailboxes).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused: a `try_` function hands it back, any other drops it.
    Refuse,
    /// Its sender waits until there is room, for at most this long; then it is refused. With
    /// [`Duration::MAX`] it waits for as long as the receiver lives.
    Block(Duration),
    /// It is accepted, and the oldest message in the mailbox dropped.
    DropOldest,
    /// It is dropped, and its sender is not told.
    DropNewest,
}

impl fmt::Debug for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Overflow::Refuse => f.write_str("Refuse"),
            Overflow::Block(Duration::MAX) => f.write_str("Block(forever)"),
            Overflow::Block(timeout) => f.debug_tuple("Block").field(timeout).finish(),
            Overflow::DropOldest => f.write_str("DropOldest"),
            Overflow::DropNewest => f.write_str("DropNewest"),
        }
    }
}

/// The room that the mailbox of a process has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
}

const WAITED_FOR: u64 = 1 << 63;
const PLACE: u64 = 1 << 32;
const TAG: u64 = PLACE - 1;

/// The largest number of places, less one for the message that may be one too many.
const MAX_CAPACITY: u64 = (WAITED_FOR / PLACE) - 2;

fn tag(generation: NonZeroU64) -> u64 {
    generation.get() & TAG
}

fn taken(places: u64) -> u64 {
    (places & !WAITED_FOR) / PLACE
}

/// The bound of one slot's mailbox.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    /// The places, whose they are, and whether they are waited for.
    places: CachePadded<AtomicU64>,
    /// *Fixed*, as the next: see [`slot`](super::slot).
    capacity: AtomicU64,
    overflow: AtomicU64,
    /// How many messages were dropped, as there was no room.
    dropped: AtomicU64,
    /// How many messages were handed back, as there was no room.
    refused: AtomicU64,
    waiters: Mutex<VecDeque<Arc<Waiter>>>,
}

/// What a sender gets that asks for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A place.
    Place,
    /// None, as all are taken.
    Full,
    /// None, as the process has ended.
    Gone,
}

impl Bound {
    /// Begins the bound of a new owner of the mailbox, which may have none: senders to the last
    /// owner get no place any more. Under the lock of what is rescued.
    pub(crate) fn reset(&self, generation: NonZeroU64, room: Option<Room>) {
        let room = room.unwrap_or(Room { capacity: 0, overflow: Overflow::Refuse });
        let capacity = u64::try_from(room.capacity).unwrap_or(MAX_CAPACITY).min(MAX_CAPACITY);
        self.capacity.store(capacity, Ordering::Relaxed);
        self.overflow.store(encode(room.overflow), Ordering::Relaxed);
        self.dropped.store(0, Ordering::Relaxed);
        self.refused.store(0, Ordering::Relaxed);
        // Release: who finds this tag finds that capacity, or one of a later process, of which it
        // then takes no place.
        self.places.store(tag(generation), Ordering::Release);
    }

    fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    pub(crate) fn overflow(&self) -> Overflow {
        decode(self.overflow.load(Ordering::Relaxed))
    }

    pub(crate) fn room(&self) -> Room {
        let capacity = usize::try_from(self.capacity()).unwrap_or(usize::MAX);
        Room { capacity, overflow: self.overflow() }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed); // Only shown.
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed); // Only shown.
    }

    /// Returns how many places are taken.
    pub(crate) fn taken(&self) -> usize {
        // Relaxed: only shown, or the owner's, of whose changes it is a number by itself.
        usize::try_from(taken(self.places.load(Ordering::Relaxed))).unwrap_or(usize::MAX)
    }

    /// Takes a place for a message to `generation`.
    pub(crate) fn enter(&self, generation: NonZeroU64) -> Admission {
        // Acquire: see `reset`. The rest is one word, on which no other memory hangs.
        let mut places = self.places.load(Ordering::Acquire);
        loop {
            if places & TAG != tag(generation) {
                return Admission::Gone;
            }
            if places & WAITED_FOR != 0 || taken(places) >= self.capacity() {
                return Admission::Full;
            }
            let (more, relaxed) = (places + PLACE, Ordering::Relaxed);
            match self.places.compare_exchange_weak(places, more, relaxed, Ordering::Acquire) {
                Ok(_) => return Admission::Place,
                Err(now) => places = now,
            }
        }
    }

    /// Takes one place too many, for who has just been told that all are taken, and has the lock
    /// that a [reset](Self::reset) takes.
    pub(crate) fn squeeze_in(&self) {
        self.places.fetch_add(PLACE, Ordering::Relaxed);
    }

    /// Returns whether more places are taken than there are.
    pub(crate) fn is_overfull(&self) -> bool {
        taken(self.places.load(Ordering::Relaxed)) > self.capacity()
    }

    /// Gives a place back. For the owner.
    #[cold]
    pub(crate) fn leave(&self) {
        if self.places.fetch_sub(PLACE, Ordering::Relaxed) & WAITED_FOR != 0 {
            self.serve();
        }
    }

    /// Gives a place of `generation` back that was taken for a message which is not sent.
    fn give_back(&self, generation: NonZeroU64) {
        let is_own = |places: u64| places & TAG == tag(generation);
        let less = |places| is_own(places).then(|| places - PLACE);
        // Relaxed: see `enter`.
        let left = self.places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if left.is_ok_and(|places| places & WAITED_FOR != 0) {
            self.serve();
        }
    }

    /// Hands what places there are to those that wait.
    #[cold]
    fn serve(&self) {
        while let Some(waiter) = self.serve_first() {
            waiter.let_go();
        }
    }

    fn serve_first(&self) -> Option<Arc<Waiter>> {
        let mut waiters = self.waiters.lock();
        if taken(self.places.load(Ordering::Relaxed)) >= self.capacity() {
            return None;
        }
        let first = waiters.pop_front();
        if let Some(first) = &first {
            self.places.fetch_add(PLACE, Ordering::Relaxed);
            first.decide(Decision::Served);
        }
        self.note_waiters(&waiters);
        first
    }

    /// Says that nobody waits any more, if so. For who has the lock.
    fn note_waiters(&self, waiters: &VecDeque<Arc<Waiter>>) {
        if waiters.is_empty() {
            self.places.fetch_and(!WAITED_FOR, Ordering::Relaxed);
        }
    }

    /// Sends those away that wait, as the owner of the mailbox has ended.
    pub(crate) fn close(&self) {
        let mut waiters = self.waiters.lock();
        let sent_away: Vec<_> = waiters.drain(..).collect();
        self.note_waiters(&waiters);
        sent_away.iter().for_each(|waiter| waiter.decide(Decision::SentAway));
        drop(waiters);
        sent_away.iter().for_each(|waiter| waiter.let_go());
    }

    /// Lets `sender` wait for a place of `generation`, unless that is not alive.
    pub(crate) fn queue_up(
        &self,
        generation: NonZeroU64,
        sender: &'static dyn Sender,
        wait: NonZeroU64,
        is_alive: impl FnOnce() -> bool,
    ) -> Queued<'_> {
        let waiter = Arc::new(Waiter::new(sender, wait));
        let mut waiters = self.waiters.lock();
        if is_alive() {
            // From here on nobody else takes a place, and who gives one back waits for the lock.
            let places = self.places.fetch_or(WAITED_FOR, Ordering::Relaxed);
            if waiters.is_empty() && taken(places) < self.capacity() {
                self.places.fetch_add(PLACE, Ordering::Relaxed);
                waiter.decide(Decision::Served);
                self.note_waiters(&waiters);
            } else {
                waiters.push_back(Arc::clone(&waiter));
            }
        } else {
            waiter.decide(Decision::SentAway);
        }
        drop(waiters);
        Queued { bound: self, generation, waiter }
    }
}

/// What can wait for room.
pub(crate) trait Sender: fmt::Debug + Sync {
    /// Its wait, which has this number, is over: it is woken.
    fn let_go(&self, wait: NonZeroU64);
}

/// A sender that waits for room.
#[derive(Debug)]
pub(crate) struct Waiter {
    sender: &'static dyn Sender,
    /// The number of its wait in the graph of waits.
    wait: NonZeroU64,
    decision: AtomicU8,
}

/// What has been decided of a sender that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Decision {
    /// Nothing yet.
    None,
    /// There is room for it.
    Served,
    /// The receiver has ended, or the connection with its node.
    SentAway,
    /// It has left the list, or has used its place.
    Over,
}

impl Waiter {
    /// `wait` is the number of its wait in the graph of waits.
    pub(crate) fn new(sender: &'static dyn Sender, wait: NonZeroU64) -> Waiter {
        Waiter { sender, wait, decision: AtomicU8::default() }
    }

    /// Lets it go when something has been decided, where no lock is held.
    pub(crate) fn let_go(&self) {
        self.sender.let_go(self.wait);
    }

    pub(crate) fn decide(&self, decision: Decision) {
        // Relaxed: it is a value by itself. That the sender does not park on an old one is due to
        // the fences of `Slot::wake` and `Slot::park_unless`.
        self.decision.store(decision as u8, Ordering::Relaxed);
    }

    pub(crate) fn decision(&self) -> Decision {
        let decisions = [Decision::None, Decision::Served, Decision::SentAway, Decision::Over];
        decisions[usize::from(self.decision.load(Ordering::Relaxed))]
    }
}

/// A sender in the list. If this is dropped it leaves the list, or gives its place back.
#[derive(Debug)]
pub(crate) struct Queued<'a> {
    bound: &'a Bound,
    generation: NonZeroU64,
    waiter: Arc<Waiter>,
}

impl Queued<'_> {
    pub(crate) fn decision(&self) -> Decision {
        self.waiter.decision()
    }

    /// Leaves the list, and returns what had been decided by then. A place is the caller's to use.
    pub(crate) fn leave(self) -> Decision {
        self.finish()
    }

    fn finish(&self) -> Decision {
        let mut waiters = self.bound.waiters.lock();
        waiters.retain(|waiter| !Arc::ptr_eq(waiter, &self.waiter));
        let decision = self.decision();
        if decision == Decision::None {
            self.bound.note_waiters(&waiters);
        }
        self.waiter.decide(Decision::Over);
        decision
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if self.decision() != Decision::Over && self.finish() == Decision::Served {
            self.bound.give_back(self.generation);
        }
    }
}

const REFUSE: u64 = 0;
const DROP_OLDEST: u64 = 1;
const DROP_NEWEST: u64 = 2;
const BLOCK: u64 = 3;

/// Returns a policy as a number, of which any from [`BLOCK`] on is a time in nanoseconds.
fn encode(overflow: Overflow) -> u64 {
    match overflow {
        Overflow::Refuse => REFUSE,
        Overflow::DropOldest => DROP_OLDEST,
        Overflow::DropNewest => DROP_NEWEST,
        Overflow::Block(timeout) => {
            u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).saturating_add(BLOCK)
        }
    }
}

fn decode(number: u64) -> Overflow {
    match number {
        REFUSE => Overflow::Refuse,
        DROP_OLDEST => Overflow::DropOldest,
        DROP_NEWEST => Overflow::DropNewest,
        u64::MAX => Overflow::Block(Duration::MAX),
        nanos => Overflow::Block(Duration::from_nanos(nanos - BLOCK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_survives_as_a_number() {
        let block = |time| Overflow::Block(time);
        for overflow in [
            Overflow::Refuse,
            Overflow::DropOldest,
            Overflow::DropNewest,
            block(Duration::ZERO),
            block(Duration::from_nanos(1)),
            block(Duration::from_secs(3600)),
            block(Duration::MAX),
        ] {
            assert_eq!(decode(encode(overflow)), overflow);
        }
    }

    #[test]
    fn a_time_without_end_is_shown_as_such() {
        assert_eq!(format!("{:?}", Overflow::Block(Duration::MAX)), "Block(forever)");
        assert_eq!(format!("{:?}", Overflow::Block(Duration::from_secs(2))), "Block(2s)");
    }

    #[test]
    fn a_place_of_an_earlier_process_is_neither_taken_nor_given_back() {
        let generations = [1, 2].map(|number| NonZeroU64::new(number).unwrap());
        let bound = Bound::default();
        let room = Room { capacity: 1, overflow: Overflow::Refuse };
        bound.reset(generations[1], Some(room));
        assert_eq!(bound.enter(generations[0]), Admission::Gone);
        assert_eq!(bound.enter(generations[1]), Admission::Place);
        assert_eq!(bound.enter(generations[1]), Admission::Full);
        bound.give_back(generations[0]);
        assert_eq!(bound.taken(), 1);
        bound.give_back(generations[1]);
        assert_eq!(bound.taken(), 0);
    }
}
