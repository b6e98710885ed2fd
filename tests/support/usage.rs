//! What a program has open and runs.

use std::fs;
use std::thread;
use std::time::Instant;

use super::wait::test_timeout;

/// What this program has open and runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    /// In kibibytes.
    pub(crate) memory: usize,
}

impl Usage {
    pub(crate) fn now() -> Usage {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let descriptors = fs::read_dir("/proc/self/fd").unwrap().count();
        Usage { threads: number("Threads:"), descriptors, memory: number("VmRSS:") }
    }

    /// There is not more of anything than before, but for threads that wait to be used again, with
    /// what they have open, and for what the allocator keeps.
    pub(crate) fn is_as(self, before: Usage) -> bool {
        self.threads <= before.threads + 8
            && self.descriptors <= before.descriptors + 16
            && self.memory <= before.memory + 16 * 1024
    }
}

/// Waits until there is not more of anything than there was.
#[track_caller]
pub(crate) fn wait_until_as(before: Usage) {
    let start = Instant::now();
    while !Usage::now().is_as(before) {
        let now = Usage::now();
        assert!(start.elapsed() < test_timeout(), "{before:?}, then {now:?}");
        thread::yield_now();
    }
}
