//! The settings of the runtime: see [`process::tuning`](crate::process::tuning).
//!
//! All are `Relaxed`: each is a number by itself, and no other memory hangs on it.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

static SPIN_BUDGET: AtomicU32 = AtomicU32::new(2);

static MAX_CACHED_THREADS: AtomicUsize = AtomicUsize::new(256);

static LONG_MESSAGE_QUEUE: AtomicUsize = AtomicUsize::new(100_000);

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

/// Sets how many messages may wait in a mailbox before a warning is logged, for processes that are
/// started from now on. Default: 100,000. With `usize::MAX` there is no warning.
///
/// A mailbox that has grown so long holds messages that nobody receives, as they are of another
/// type than the process expects, or more than it can handle. The warning comes once in the life of
/// a process, through [`log`] at level `warn` with the target `procession::mailbox`, and names the
/// types of the oldest messages. [`Builder::long_message_queue`] sets the mark for one process.
///
/// The process itself looks at its mailbox, when it receives: one that never does so is not warned
/// of. A process that selects among its messages looks each time that more have arrived; one that
/// takes each in turn, as servers do, at every thousandth message.
///
/// OTP: `long_message_queue` of
/// [`trace:system/3`](https://www.erlang.org/doc/apps/kernel/trace.html#system/3).
///
/// [`Builder::long_message_queue`]: crate::process::Builder::long_message_queue
pub fn set_long_message_queue(messages: usize) {
    LONG_MESSAGE_QUEUE.store(messages, Ordering::Relaxed);
}

pub(crate) fn long_message_queue() -> usize {
    LONG_MESSAGE_QUEUE.load(Ordering::Relaxed)
}
