//! The settings of the runtime: see [`process::tuning`](crate::process::tuning).
//!
//! All are `Relaxed`: each is a number by itself, and no other memory hangs on it.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

static SPIN_BUDGET: AtomicU32 = AtomicU32::new(2);

static MAX_CACHED_THREADS: AtomicUsize = AtomicUsize::new(256);

static LONG_MESSAGE_QUEUE: AtomicUsize = AtomicUsize::new(100_000);

/// One more than the low mark; 0 if there is none.
static SHORT_MESSAGE_QUEUE: AtomicUsize = AtomicUsize::new(0);

/// Sets for how many wake-ups a process that waits spins and yields before it parks. Default: 2.
///
/// A wake-up is the time that it takes a parked thread to run again, as each thread has measured
/// it. With 0 a process parks at once, which takes the least processor time and makes for the
/// longest waits. With 1 two processes that have both parked may keep each other parking. With more
/// than 2 a process finds messages that come later without parking, and uses up to as many wake-ups
/// of processor time when nothing comes, ten milliseconds at most. Timeouts, exit signals and kills
/// end that as they end a park. The setting takes effect with the next wait of each process.
pub fn set_spin_budget(wake_ups: u32) {
    SPIN_BUDGET.store(wake_ups, Ordering::Relaxed);
}

pub(crate) fn spin_budget() -> u32 {
    SPIN_BUDGET.load(Ordering::Relaxed)
}

/// Sets how many threads whose process has ended wait for the next process, at most. Default: 256.
///
/// A thread waits for ten seconds, and takes some 14 KiB. More of them make bursts of spawns
/// cheaper. Threads that wait already when a smaller number is set wait on until their time is
/// over.
pub fn set_max_cached_threads(threads: usize) {
    MAX_CACHED_THREADS.store(threads, Ordering::Relaxed);
}

pub(crate) fn max_cached_threads() -> usize {
    MAX_CACHED_THREADS.load(Ordering::Relaxed)
}

/// How many messages in a mailbox are many, and how many are few again: OTP's `{Disable, Enable}`.
///
/// A number alone, as in `long_message_queue(1_000)`, is a high mark; `(100, 1_000)` are a low and
/// a high one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaterMarks {
    /// With so many messages or fewer a mailbox that was long, or full, is not any more. Without
    /// this mark, a mailbox is reported once in the life of its process.
    pub low: Option<usize>,
    /// With more messages than this a mailbox is long. [`usize::MAX`] turns both marks off.
    pub high: usize,
}

impl From<usize> for WaterMarks {
    fn from(high: usize) -> WaterMarks {
        WaterMarks { low: None, high }
    }
}

impl From<(usize, usize)> for WaterMarks {
    fn from((low, high): (usize, usize)) -> WaterMarks {
        WaterMarks { low: Some(low), high }
    }
}

impl WaterMarks {
    /// Returns below how many messages a mailbox is not long any more, 0 if never; and above how
    /// many it is.
    pub(crate) fn below_and_above(self) -> (usize, usize) {
        let below = self.low.map_or(0, |low| low.saturating_add(1));
        if self.high == usize::MAX { (0, usize::MAX) } else { (below, self.high) }
    }
}

/// Sets how many messages may wait in a mailbox before it is reported, for processes that are
/// started from now on. Default: more than 100,000 are reported. [`usize::MAX`] turns that off.
///
/// A mailbox that has grown so long holds messages that nobody receives, as they are of another
/// type than the process expects, or more than it can handle. The
/// [report](crate::report::MailboxReport) is logged at level `warn` with the target
/// `procession::mailbox`, and names the types of the oldest messages. It comes once in the life of
/// a process; with a [low mark](WaterMarks::low) a second report, at level `info`, says when the
/// mailbox has become that short, and from then on it may be reported again.
/// [`Builder::long_message_queue`] sets the marks for one process.
///
/// The process itself looks at its mailbox, when it receives: one that never does so is not
/// reported. A process that selects among its messages looks each time that more have arrived; one
/// that takes each in turn, as servers do, at every thousandth message. One whose mailbox has a
/// [capacity](crate::process#bounded-mailboxes) looks at each message that it receives, and is
/// reported by its senders, too, when they find no room.
///
/// OTP: `long_message_queue` of
/// [`erlang:system_monitor/2`](https://www.erlang.org/doc/apps/erts/erlang.html#system_monitor/2).
///
/// [`Builder::long_message_queue`]: crate::process::Builder::long_message_queue
pub fn set_long_message_queue(marks: impl Into<WaterMarks>) {
    let WaterMarks { low, high } = marks.into();
    LONG_MESSAGE_QUEUE.store(high, Ordering::Relaxed);
    SHORT_MESSAGE_QUEUE.store(low.map_or(0, |low| low.saturating_add(1)), Ordering::Relaxed);
}

pub(crate) fn long_message_queue() -> WaterMarks {
    let low = SHORT_MESSAGE_QUEUE.load(Ordering::Relaxed).checked_sub(1);
    WaterMarks { low, high: LONG_MESSAGE_QUEUE.load(Ordering::Relaxed) }
}
