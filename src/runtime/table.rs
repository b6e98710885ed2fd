//! The process table: slots in chunks that only ever grow, and the processes in them.
//!
//! A chunk is never moved or freed, so looking a slot up takes no lock. The table is as large as
//! the largest number of processes that were alive at once.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use once_cell::sync::{Lazy, OnceCell};
use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::{Node, Pid};
use crate::user_code::drop_caught;

use super::links::{End, TrapExit};
use super::slot::Slot;

/// The first chunk has 64 slots, each later one as many as all before it together.
const FIRST_CHUNK_BITS: u32 = 6;
const CHUNKS: usize = (u32::BITS - FIRST_CHUNK_BITS) as usize + 1;

static TABLE: Lazy<Table> = Lazy::new(Table::default);

struct Table {
    chunks: [OnceCell<Box<[Slot]>>; CHUNKS],
    /// How many slots have ever been handed out, from the start of the table.
    used: Mutex<u32>,
}

impl Default for Table {
    fn default() -> Table {
        Table { chunks: [const { OnceCell::new() }; CHUNKS], used: Mutex::new(0) }
    }
}

/// Returns where slot `index` is: the chunk, the chunk's first index, and the chunk's size.
#[inline]
fn locate(index: u32) -> (usize, u32, u32) {
    let first = 1 << FIRST_CHUNK_BITS;
    if index < first {
        return (0, 0, first);
    }
    let top = index.ilog2();
    ((top - FIRST_CHUNK_BITS + 1) as usize, 1 << top, 1 << top)
}

/// The slot of the processes of other nodes: nobody ever lives here. So a part of the runtime that
/// does not know of them sees a process that has ended.
static NOBODYS: Lazy<Slot> = Lazy::new(|| Slot::new(u32::MAX));

/// Returns the slot that `pid` lives or lived in.
#[inline]
fn slot_of(pid: Pid) -> &'static Slot {
    if pid.is_remote() {
        return &NOBODYS;
    }
    slot(pid.index()).expect("a pid is only made for a slot that exists")
}

#[inline]
fn slot(index: u32) -> Option<&'static Slot> {
    let (chunk, start, _) = locate(index);
    TABLE.chunks[chunk].get()?.get((index - start) as usize)
}

/// Returns the process of this node that others know by `id` and `serial`: of those of that slot
/// that have the serial, the newest.
#[cfg(feature = "dist")]
pub(crate) fn known_as(id: u32, serial: u32) -> Option<Pid> {
    slot(id)?.newest(serial)
}

/// Returns a slot that nobody has had before.
///
/// # Panics
///
/// If 2^32 - 1 processes are alive at once.
pub(crate) fn grow() -> &'static Slot {
    let mut used = TABLE.used.lock();
    let index = *used;
    *used = index.checked_add(1).expect("the process table is full");
    let (chunk, start, size) = locate(index);
    let chunk = TABLE.chunks[chunk].get_or_init(|| (start..start + size).map(Slot::new).collect());
    drop(used);
    &chunk[(index - start) as usize]
}

/// A process in one word, for values of which there are many.
///
/// Of its generation it has the low half. So a process that has ended is taken for a later one when
/// its slot has had 2^32 processes more, which takes hours in which nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortPid {
    index: u32,
    generation: u32,
}

impl ShortPid {
    #[inline]
    pub(crate) fn of(pid: Pid) -> ShortPid {
        debug_assert_eq!(pid.node(), Node::local());
        ShortPid { index: pid.index(), generation: low_half(pid.generation()) }
    }

    /// Keeps two numbers, by which somebody else knows a process.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn of_halves(index: u32, generation: u32) -> ShortPid {
        ShortPid { index, generation }
    }

    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn halves(self) -> (u32, u32) {
        (self.index, self.generation)
    }

    /// Returns the slot that the process lives or lived in.
    #[inline]
    pub(crate) fn slot(self) -> &'static Slot {
        slot(self.index).expect("a pid is only made for a slot that exists")
    }

    #[inline]
    pub(crate) fn pid(self) -> Pid {
        Pid::local(self.index, newest(self.generation, self.slot().generation()))
    }
}

#[inline]
fn low_half(generation: NonZeroU64) -> u32 {
    generation.get() as u32
}

/// Returns the newest generation up to the `present` one that has this low half. There is one.
#[inline]
fn newest(low: u32, present: NonZeroU64) -> NonZeroU64 {
    let earlier = low_half(present).wrapping_sub(low);
    NonZeroU64::new(present.get() - u64::from(earlier)).expect("generations start at one")
}

/// Returns all slots that were ever handed out.
pub(crate) fn slots() -> impl Iterator<Item = &'static Slot> {
    let used = *TABLE.used.lock();
    (0..used).filter_map(slot)
}

/// A process, found in its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) slot: &'static Slot,
    pub(crate) pid: Pid,
}

impl Process {
    /// Returns the process with this pid, alive or not.
    #[inline]
    pub(crate) fn of(pid: Pid) -> Process {
        Process { slot: slot_of(pid), pid }
    }

    /// Returns this process as one end of a link.
    pub(crate) fn link_end(self) -> End<'static> {
        End { pid: self.pid, links: &self.slot.links }
    }

    #[inline]
    pub(crate) fn is_running(self) -> bool {
        self.slot.is_running(self.pid.generation())
    }

    pub(crate) fn is_foreign(self) -> bool {
        self.slot.foreign.load(Ordering::Relaxed) // It does not change while the process lives.
    }

    pub(crate) fn trap_exit(self) -> TrapExit {
        // Relaxed: its own thread's. Another one takes an earlier answer as if it had asked before;
        // `children::set_trap_exit` says how it does not miss one that it needs.
        if self.slot.trap_exit.load(Ordering::Relaxed) {
            TrapExit::Yes
        } else if self.is_foreign() {
            TrapExit::Unasked
        } else {
            TrapExit::No
        }
    }

    pub(crate) fn traps_exits(self) -> bool {
        self.trap_exit() != TrapExit::No
    }

    /// Returns whether an exit signal of `parent` is an order to end, whatever its reason: a
    /// process of `proc_lib` that traps exits ends with its parent.
    pub(crate) fn ends_with(self, parent: Pid) -> bool {
        let profile = self.slot.profile.lock();
        let is_child = profile.ancestors.first() == Some(&parent);
        is_child && profile.initial_call.is_some() && self.traps_exits()
    }

    /// Returns whether this process is to end: it is doomed, or not alive any more.
    #[inline]
    pub(crate) fn must_end(self) -> bool {
        // Relaxed: its own thread's. Another one may find it doomed a moment later.
        !self.is_running() || self.slot.doomed.load(Ordering::Relaxed)
    }

    /// Returns whether the thread of this process is left behind: another thread runs, or has run,
    /// its exit. The thread of a foreign process goes on without it, and may still send.
    #[inline]
    pub(crate) fn is_left_behind(self) -> bool {
        self.slot.is_left_behind(self.pid.generation()) && !self.is_foreign()
    }

    /// Returns whether others know by now that this process, which is in its last destructors, has
    /// ended.
    pub(crate) fn has_told_end(self) -> bool {
        let Process { slot, pid } = self;
        let is_claimed = !slot.is_running(pid.generation()) && !slot.is_exiting(pid.generation());
        is_claimed && !self.is_foreign() && !slot.pending_exit.lock().is_of(pid)
    }

    /// Settles why the process ends, unless that is settled already, and returns the reason.
    pub(crate) fn settle(self, reason: ExitReason) -> ExitReason {
        let settled = self.slot.exit_reason.lock().get_or_insert_with(|| reason.clone()).clone();
        drop_caught(reason);
        settled
    }

    /// Dooms this process, the caller: from now on every call that may unwind ends it.
    pub(crate) fn doom(self, reason: ExitReason) {
        self.settle(reason);
        self.slot.doomed.store(true, Ordering::Relaxed); // Its own thread's: see `must_end`.
    }
}

#[cfg(test)]
mod tests {
    use super::{locate, newest};
    use std::num::NonZeroU64;

    #[test]
    fn a_generation_is_found_by_its_low_half() {
        let present = |generation| NonZeroU64::new(generation).unwrap();
        assert_eq!(newest(5, present(5)).get(), 5);
        assert_eq!(newest(5, present(8)).get(), 5);
        assert_eq!(newest(3, present((1 << 32) + 3)).get(), (1 << 32) + 3);
        assert_eq!(newest(u32::MAX, present((1 << 32) + 3)).get(), (1 << 32) - 1);
    }

    #[test]
    fn chunks_follow_each_other_without_gap_or_overlap() {
        let mut next = 0;
        for chunk in 0..20 {
            let (found, start, size) = locate(next);
            assert_eq!((found, start), (chunk, next));
            assert_eq!(locate(start + size - 1), (chunk, start, size));
            next = start + size;
        }
    }

    #[test]
    fn the_last_index_has_a_chunk() {
        assert!(locate(u32::MAX).0 < super::CHUNKS);
    }
}
