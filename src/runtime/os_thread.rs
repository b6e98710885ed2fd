//! The thread of a slot, as the operating system knows it. It is only shown.
//!
//! Each thread says what it is when it starts, at the cost of one system call; nothing is done when
//! a process starts or ends on it.

use std::hint;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// What is known of the thread of one slot. *Shown*: see [`slot`](super::slot).
#[derive(Debug, Default)]
pub(crate) struct OsThread {
    /// 0 if it is not known.
    id: AtomicU32,
    /// An address near the start of its stack, which is the upper end.
    stack_top: AtomicUsize,
    /// The size of its stack; 0 if it is not known.
    stack_size: AtomicUsize,
}

impl OsThread {
    /// Says that the calling thread is the slot's, and how large its stack is, if that is known.
    pub(crate) fn begins(&self, stack_size: Option<usize>) {
        let near_top = hint::black_box(0_u8);
        // Relaxed: only shown; the three need not fit together while the thread starts.
        self.id.store(own_id(), Ordering::Relaxed);
        self.stack_top.store(&raw const near_top as usize, Ordering::Relaxed);
        self.stack_size.store(stack_size.unwrap_or(0), Ordering::Relaxed);
    }

    /// Returns the number of the thread, if it is known.
    pub(crate) fn id(&self) -> Option<u32> {
        Some(self.id.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    /// Returns the addresses of its stack, without the first few hundred bytes, if they are known.
    pub(crate) fn stack(&self) -> Option<Range<usize>> {
        let top = self.stack_top.load(Ordering::Relaxed);
        let size = self.stack_size.load(Ordering::Relaxed);
        (size > 0).then(|| top.saturating_sub(size)..top)
    }
}

#[cfg(all(feature = "io", target_os = "linux"))]
fn own_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}

#[cfg(not(all(feature = "io", target_os = "linux")))]
fn own_id() -> u32 {
    0
}
