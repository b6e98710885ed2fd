//! What processes cost, and what can be set.
//!
//! # What a process costs
//!
//! A process is a thread of the operating system. Its price is that of a thread, less what is saved
//! by using threads again, plus a little bookkeeping. On a small virtual machine with two cores, in
//! round figures (`cargo bench --bench ratios` gives those of yours, each beside its floor):
//!
//! | | |
//! |---|---|
//! | spawn a process on a cached thread | 1 µs for its parent, 3 µs to its `Down` |
//! | spawn a process on a new thread | 10 to 70 µs |
//! | start and stop a server | 5 µs |
//! | call a server that runs on another core | 0.9 µs |
//! | call a server on the same core | 1.8 µs: two switches of threads |
//! | call a server that was long idle | 10 to 80 µs: its thread has to wake |
//! | cast | 0.2 µs until it is handled, in a stream of them |
//! | memory of an idle process | 14 KiB, and about as much again in the kernel |
//! | processor time of an idle process | none |
//!
//! # How waiting works
//!
//! To wake a parked thread costs microseconds, or tens of them if its core sleeps. So a process
//! that waits looks out for a moment first: it spins for less than a microsecond, which finds what
//! a thread on another core sends, and then yields its core a few times, which lets a thread on the
//! same core send it. Both have to pay: a process for which they were in vain twice in a row parks
//! at once, and only tries again now and then. If somebody else wants the core, which shows when a
//! yield takes long, the process does not yield for a while and spins a little longer instead, as
//! it would give away milliseconds each time. So the price of being quick is some microseconds of
//! processor time after the last message; a process that is idle uses none.
//!
//! # How many processes fit
//!
//! A thread takes four memory maps, and a stock Linux allows a program 65,530 of them: that makes
//! about 16,000 processes. Limits on threads, on pids and on memory may come first. A spawn that
//! finds no room returns [`SpawnError::Limit`](super::SpawnError::Limit), which names the limit and
//! how to raise it; with `vm.max_map_count` at 262,144 there is room for 30,000 and more. Memory is
//! 14 KiB for each that is idle, whatever the size of its stack, of which only what is touched
//! counts.
//!
//! # When to choose threads
//!
//! For servers that do blocking work (files, sockets, databases, C libraries), that hold what is
//! not `Send`, or that are called from plain threads: a call costs a fraction of what it costs to
//! get into an async runtime and back out of it. For hundreds or some thousands of processes. For
//! fault tolerance: what one process does can delay nobody but its clients.
//!
//! When not: a message that hops through hundreds of mostly idle processes pays a switch of threads
//! and a cold stack for each, several microseconds where an async task pays half of one. Calls that
//! are nested deeply pay for each level. And tens of thousands of idle processes take memory that
//! tasks, or Erlang's processes, do not. For these an async runtime or the BEAM is the better tool.
//!
//! # What can be set
//!
//! | | default | effect |
//! |---|---|---|
//! | [`Builder::stack_size`] | 2 MiB | how deep it may recurse; another takes a thread of its own |
//! | [`Builder::kill_grace`] | 1 s | how long a killed process may take to leave user code |
//! | [`set_spin_budget`] | 28 | how often a process looks before it yields or parks |
//! | [`set_max_cached_threads`] | 256 | how many threads wait for their next process |
//!
//! [`Builder::stack_size`]: super::Builder::stack_size
//! [`Builder::kill_grace`]: super::Builder::kill_grace
//!
//! # Differences from OTP
//!
//! The BEAM's schedulers, and their flags, have no counterpart: threads are scheduled by the
//! system.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

static SPIN_BUDGET: AtomicU32 = AtomicU32::new(28);

static MAX_CACHED_THREADS: AtomicUsize = AtomicUsize::new(256);

/// Sets how often a process that waits looks for what it waits for, some dozen nanoseconds apart,
/// before it yields or parks. Default: 28.
///
/// With 0 it neither spins nor yields, but parks at once: the least processor time, and the longest
/// waits. More than a few dozen help two threads on two idle cores, and harm as soon as there are
/// more threads than cores. It takes effect with the next wait of each process.
pub fn set_spin_budget(looks: u32) {
    SPIN_BUDGET.store(looks, Ordering::Relaxed);
}

pub(crate) fn spin_budget() -> u32 {
    SPIN_BUDGET.load(Ordering::Relaxed)
}

/// Sets how many threads whose process has ended wait for the next one, at most. Default: 256.
///
/// A thread waits for ten seconds, and takes some 14 KiB. More of them make bursts of spawns
/// cheaper. Threads that wait already stay for their time.
pub fn set_max_cached_threads(threads: usize) {
    MAX_CACHED_THREADS.store(threads, Ordering::Relaxed);
}

pub(crate) fn max_cached_threads() -> usize {
    MAX_CACHED_THREADS.load(Ordering::Relaxed)
}
