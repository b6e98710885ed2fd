//! The timers that are pending, in the order in which they expire.
//!
//! It is a value: it owns no clock and no thread. Timers are kept in numbered places; a heap orders
//! their deadlines. A timer that is cancelled leaves its entry in the heap, to be skipped later;
//! when over half of the entries are of that kind, the heap is rebuilt. The timers with targets in
//! one slot of the process table form a list through the places, so that the exit of a process
//! finds its own timers without looking at the others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::num::NonZeroU64;
use std::time::Instant;

use crate::id::{Pid, TimerRef, unique};

/// Heaps smaller than this are not worth rebuilding.
const SMALL_HEAP: usize = 64;

#[derive(Debug)]
pub(crate) struct TimerQueue<T> {
    places: Vec<Option<Timer>>,
    /// What the timers are for, in the same places. Apart, as they are large and seldom looked at.
    items: Vec<Option<T>>,
    free: Vec<u32>,
    heap: BinaryHeap<Reverse<Key>>,
    /// How many entries of the heap stand for a pending timer.
    pending: usize,
    /// The first timer of each slot's list.
    heads: Vec<Option<u32>>,
}

/// The order of timers: by deadline; of two at the same instant the older comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    deadline: Instant,
    serial: NonZeroU64,
    index: u32,
}

#[derive(Debug)]
struct Timer {
    serial: NonZeroU64,
    /// `None` while the timer has expired and was not armed again.
    deadline: Option<Instant>,
    target: Option<Pid>,
    previous: Option<u32>,
    next: Option<u32>,
}

impl<T> TimerQueue<T> {
    pub(crate) fn new() -> TimerQueue<T> {
        TimerQueue {
            places: Vec::new(),
            items: Vec::new(),
            free: Vec::new(),
            heap: BinaryHeap::new(),
            pending: 0,
            heads: Vec::new(),
        }
    }

    /// Adds a timer; `make` gets its reference, as the item may contain it.
    pub(crate) fn insert(
        &mut self,
        deadline: Instant,
        target: Option<Pid>,
        make: impl FnOnce(TimerRef) -> T,
    ) -> TimerRef {
        let serial = unique();
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.items.push(None);
            u32::try_from(self.places.len() - 1).expect("fewer than 2^32 timers fit into memory")
        });
        let timer = TimerRef { serial, index };
        let next = target.and_then(|target| self.head(target).replace(index));
        if let Some(next) = next {
            self.place(next).previous = Some(index);
        }
        self.places[index as usize] =
            Some(Timer { serial, deadline: Some(deadline), target, previous: None, next });
        self.items[index as usize] = Some(make(timer));
        self.push(timer, deadline);
        timer
    }

    /// Sets when a timer that has expired expires again. It has no effect on a timer that is gone
    /// or pending.
    pub(crate) fn arm(&mut self, timer: TimerRef, deadline: Instant) {
        let Some(entry) = self.get_mut(timer) else { return };
        if entry.deadline.is_none() {
            entry.deadline = Some(deadline);
            self.push(timer, deadline);
        }
    }

    /// Returns a timer that is due at `now`, and is no longer armed then.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<TimerRef> {
        self.next_deadline().filter(|deadline| *deadline <= now)?;
        let Reverse(Key { serial, index, .. }) = self.heap.pop()?;
        self.pending -= 1;
        self.place(index).deadline = None;
        Some(TimerRef { serial, index })
    }

    /// Returns when the next timer is due.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(Reverse(key)) = self.heap.peek() {
            if self.is_armed(key) {
                return Some(key.deadline);
            }
            self.heap.pop();
        }
        None
    }

    /// Returns the item of a timer that is not gone.
    pub(crate) fn item(&mut self, timer: TimerRef) -> Option<&mut T> {
        self.get_mut(timer)?;
        self.items[timer.index as usize].as_mut()
    }

    /// Returns when a pending timer is due.
    pub(crate) fn deadline(&self, timer: TimerRef) -> Option<Instant> {
        let entry = self.places.get(timer.index as usize)?.as_ref()?;
        entry.deadline.filter(|_| entry.serial == timer.serial)
    }

    /// Removes a timer.
    pub(crate) fn remove(&mut self, timer: TimerRef) -> Option<T> {
        self.get_mut(timer)?;
        self.remove_at(timer.index)
    }

    /// Removes all timers of `target`.
    pub(crate) fn remove_target(&mut self, target: Pid) -> Vec<T> {
        let mut removed = Vec::new();
        let mut next = *self.head(target);
        while let Some(index) = next {
            let timer = self.place(index);
            next = timer.next;
            // One that was just started for an earlier process of the slot stays.
            if timer.target == Some(target) {
                removed.extend(self.remove_at(index));
            }
        }
        removed
    }

    /// Returns how many timers there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn push(&mut self, TimerRef { serial, index }: TimerRef, deadline: Instant) {
        self.pending += 1;
        self.heap.push(Reverse(Key { deadline, serial, index }));
    }

    fn remove_at(&mut self, index: u32) -> Option<T> {
        let timer = self.places[index as usize].take()?;
        self.free.push(index);
        self.unlist(&timer);
        if timer.deadline.is_some() {
            self.pending -= 1;
            self.rebuild_if_mostly_dead();
        }
        self.items[index as usize].take()
    }

    /// Takes a timer out of its list.
    fn unlist(&mut self, timer: &Timer) {
        if let Some(next) = timer.next {
            self.place(next).previous = timer.previous;
        }
        match (timer.previous, timer.target) {
            (Some(previous), _) => self.place(previous).next = timer.next,
            (None, Some(target)) => *self.head(target) = timer.next,
            (None, None) => {}
        }
    }

    /// Returns the head of the list with the timers of `target`.
    fn head(&mut self, target: Pid) -> &mut Option<u32> {
        let slot = target.index() as usize;
        if self.heads.len() <= slot {
            self.heads.resize(slot + 1, None);
        }
        &mut self.heads[slot]
    }

    fn rebuild_if_mostly_dead(&mut self) {
        if self.heap.len() > SMALL_HEAP && self.heap.len() > 2 * self.pending {
            let mut keys = mem::take(&mut self.heap).into_vec();
            keys.retain(|Reverse(key)| self.is_armed(key));
            self.heap = BinaryHeap::from(keys);
        }
    }

    fn is_armed(&self, key: &Key) -> bool {
        let timer = TimerRef { serial: key.serial, index: key.index };
        self.deadline(timer) == Some(key.deadline)
    }

    fn get_mut(&mut self, timer: TimerRef) -> Option<&mut Timer> {
        let entry = self.places.get_mut(timer.index as usize)?.as_mut()?;
        (entry.serial == timer.serial).then_some(entry)
    }

    fn place(&mut self, index: u32) -> &mut Timer {
        self.places[index as usize].as_mut().expect("an index in use")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pid(index: u32) -> Pid {
        Pid::local(index, NonZeroU64::MIN)
    }

    fn expire_all(queue: &mut TimerQueue<u32>, now: Instant) -> Vec<u32> {
        let mut items = Vec::new();
        while let Some(timer) = queue.expire(now) {
            items.push(queue.remove(timer).unwrap());
        }
        items
    }

    #[test]
    fn timers_expire_in_the_order_of_their_deadlines() {
        let start = Instant::now();
        let mut queue = TimerQueue::new();
        for ms in [0, 200, 100, 500, 300, 400] {
            queue.insert(start + Duration::from_millis(ms.into()), None, |_| ms);
        }

        assert_eq!(expire_all(&mut queue, start + Duration::from_millis(299)), [0, 100, 200]);
        assert_eq!(queue.next_deadline(), Some(start + Duration::from_millis(300)));
        assert_eq!(expire_all(&mut queue, start + Duration::from_secs(1)), [300, 400, 500]);
        assert_eq!((queue.len(), queue.next_deadline()), (0, None));
    }

    #[test]
    fn a_removed_timer_does_not_expire_and_its_reference_is_not_used_again() {
        let start = Instant::now();
        let mut queue = TimerQueue::new();
        let removed = queue.insert(start, None, |_| 1);
        assert_eq!(queue.remove(removed), Some(1));
        queue.insert(start, None, |_| 2);

        assert_eq!(queue.remove(removed), None);
        assert_eq!(queue.deadline(removed), None);
        assert_eq!(expire_all(&mut queue, start), [2]);
    }

    #[test]
    fn removing_a_target_removes_its_timers_and_no_others() {
        let start = Instant::now();
        let mut queue = TimerQueue::new();
        let timers: Vec<_> = (0..9).map(|n| queue.insert(start, Some(pid(n % 3)), |_| n)).collect();
        queue.remove(timers[4]); // one from the middle of a list,
        queue.remove(timers[7]); // its head,
        queue.remove(timers[0]); // and the tail of another.

        let mut removed = queue.remove_target(pid(1));
        removed.extend(queue.remove_target(pid(0)));
        removed.sort_unstable();

        assert_eq!(removed, [1, 3, 6]);
        assert_eq!(expire_all(&mut queue, start), [2, 5, 8]);
        assert!(queue.heads.iter().all(Option::is_none));
    }

    #[test]
    fn processes_that_have_had_one_slot_keep_their_timers_apart() {
        let start = Instant::now();
        let mut queue = TimerQueue::new();
        let [earlier, later] = [1, 2].map(|it| Pid::local(0, NonZeroU64::new(it).unwrap()));
        for (target, n) in [(earlier, 1), (later, 2), (earlier, 3), (later, 4)] {
            queue.insert(start, Some(target), |_| n);
        }

        assert_eq!(queue.remove_target(earlier), [3, 1]);
        assert_eq!(queue.remove_target(earlier), []);
        assert_eq!(expire_all(&mut queue, start), [2, 4]);
    }

    #[test]
    fn a_timer_armed_again_expires_again() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut queue = TimerQueue::new();
        let timer = queue.insert(start, None, |_| 7);

        assert_eq!(queue.expire(start), Some(timer));
        assert_eq!(queue.expire(later), None);
        queue.arm(timer, later);
        assert_eq!(queue.expire(later), Some(timer));
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn the_heap_does_not_grow_with_cancelled_timers() {
        let far = Instant::now() + Duration::from_secs(3600);
        let mut queue = TimerQueue::new();
        for n in 0..100_000 {
            let timer = queue.insert(far, Some(pid(n % 10)), |_| n);
            queue.remove(timer);
        }
        assert!(queue.heap.len() <= SMALL_HEAP + 1, "{}", queue.heap.len());
        assert_eq!(queue.places.len(), 1);
    }
}
