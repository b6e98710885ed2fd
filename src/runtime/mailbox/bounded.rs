//! Mailboxes with a bound: see [`bound`](super::super::bound).

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

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
            let mut rescued = bounded.rescued.lock();
            bounded.bound.reset(generation, room);
            // A sender to the last owner may have rescued something since its slot was swept. The
            // next owner, which may have no bound, finds it in the channel, and bounces it.
            let stale = mem::take(&mut *rescued).envelopes;
            stale.into_iter().for_each(|(_, envelope)| self.push(envelope));
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
                let oldest = self
                    .take_oldest(&mut queue)
                    .or_else(|| self.rescue_up_to_oldest(&mut rescued, generation));
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
        let counted = self.arrived.taken.load(Ordering::Relaxed);
        self.arrived.taken.store(counted + dropped, Ordering::Relaxed);
        taken
    }

    /// Returns how many envelopes the owner has not taken, where senders take envelopes, too.
    ///
    /// Under their lock: what a sender has in its hands just now, on the way from the channel to
    /// what is rescued, is counted. It may be an exit signal, of which its own sender knows no more
    /// than that it was pushed.
    #[cold]
    pub(super) fn in_transit_or_rescued(&self) -> usize {
        let Some(bounded) = self.dropping_oldest() else { return self.receiver.len() };
        let rescued = bounded.rescued.lock();
        rescued.envelopes.len() + self.receiver.len()
    }

    /// Returns how many places in the order of arrival are between what the owner has taken and the
    /// next envelope to be pushed.
    pub(super) fn places_in_transit(&self) -> u64 {
        let Some(bounded) = self.dropping_oldest() else { return self.receiver.len() as u64 };
        let rescued = bounded.rescued.lock();
        rescued.places() + self.receiver.len() as u64
    }

    /// Takes what is rescued.
    pub(super) fn drain_rescued(&self) -> impl Iterator<Item = Envelope> + use<> {
        let rescued = self.dropping_oldest().map(|bounded| mem::take(&mut *bounded.rescued.lock()));
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use crate::exit::ExitReason;
    use crate::id::Pid;

    use super::super::super::tuning::WaterMarks;
    use super::super::{ExitCause, ExitSignal, Special};
    use super::*;

    const FIRST: NonZeroU64 = NonZeroU64::MIN;
    const SECOND: NonZeroU64 = NonZeroU64::new(2).unwrap();

    fn dropping_oldest() -> Mailbox {
        let mailbox = Mailbox::new();
        let room = Room { capacity: 1, overflow: Overflow::DropOldest };
        mailbox.reset(FIRST, Some(room), WaterMarks::from(usize::MAX));
        mailbox
    }

    fn push_exit(mailbox: &Mailbox) {
        let (from, reason, cause) =
            (Pid::local(1, FIRST), ExitReason::Shutdown, ExitCause::Request);
        let signal = Special::Exit(ExitSignal { from, reason, cause });
        mailbox.push(Envelope::new(FIRST, signal.into()));
    }

    #[test]
    fn what_a_sender_has_in_its_hands_is_in_transit() {
        for look in [|it: &Mailbox| it.in_transit() > 0, Mailbox::has_arrivals] {
            let mailbox = dropping_oldest();
            push_exit(&mailbox);
            let bounded = mailbox.dropping_oldest().unwrap();
            let (about_to_look, begun) = mpsc::channel();
            thread::scope(|scope| {
                let mut rescued = bounded.rescued.lock();
                let exit = mailbox.receiver.try_recv().unwrap();
                let owner = scope.spawn(|| {
                    about_to_look.send(()).unwrap();
                    look(&mailbox)
                });
                begun.recv().unwrap();
                (0..100).for_each(|_| thread::yield_now());
                rescued.envelopes.push_back((0, exit));
                drop(rescued);
                assert!(owner.join().unwrap());
            });
        }
    }

    #[test]
    fn what_was_rescued_for_an_owner_is_in_the_channel_of_the_next_one() {
        for room in [None, Some(Room { capacity: 1, overflow: Overflow::DropOldest })] {
            let mailbox = dropping_oldest();
            push_exit(&mailbox);
            assert!(matches!(mailbox.offer(FIRST, Message::new(1)), Pushed::In));
            assert!(matches!(mailbox.offer(FIRST, Message::new(2)), Pushed::InFor(_)));
            mailbox.reset(SECOND, room, WaterMarks::from(usize::MAX));
            let stale = [mailbox.take().unwrap(), mailbox.take().unwrap()];
            assert!(stale.iter().all(|envelope| envelope.is_for(FIRST)));
            assert!(stale.iter().any(|envelope| envelope.signal.is_urgent()));
            assert_eq!((mailbox.in_transit(), mailbox.sorted().0), (0, 0));
        }
    }
}
