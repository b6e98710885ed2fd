//! What threads use, as the operating system tells it.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// How much of a stack is looked at at once, in pages.
const PAGES: usize = 64;

/// The size of an entry of the page map.
const ENTRY: usize = 8;

/// The bits of an entry that say that the page is in memory, or swapped.
const TOUCHED: u64 = 0b11 << 62;

/// Returns the processor time that a thread of this program has taken.
pub(super) fn cpu_time(thread: u32) -> Option<Duration> {
    // Its first number is the time in nanoseconds: it is cheaper than `stat`, and more exact.
    let mut file = File::open(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    let mut text = [0; 64];
    let length = file.read(&mut text).ok()?;
    let text = std::str::from_utf8(&text[..length]).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The page map of the program, which says which pages are in memory.
pub(super) struct PageMap {
    file: File,
    page_size: usize,
}

impl PageMap {
    pub(super) fn open() -> Option<PageMap> {
        let file = File::open("/proc/self/pagemap").ok()?;
        Some(PageMap { file, page_size: rustix::param::page_size() })
    }

    /// Returns how many bytes of a stack were touched.
    pub(super) fn touched(&self, stack: Range<usize>) -> Option<usize> {
        let (first, mut end) = (stack.start / self.page_size, stack.end / self.page_size + 1);
        let mut touched = 0;
        let mut entries = [0; PAGES * ENTRY];
        // From its upper end, where it starts. Code of Rust touches each page on its way down.
        while end > first {
            let start = end.saturating_sub(PAGES).max(first);
            let entries = &mut entries[..(end - start) * ENTRY];
            let offset = u64::try_from(start * ENTRY).ok()?;
            self.file.read_exact_at(entries, offset).ok()?;
            let entries = entries.chunks_exact(ENTRY).filter_map(|it| it.try_into().ok());
            let found = entries.filter(|it| u64::from_ne_bytes(*it) & TOUCHED != 0).count();
            if found == 0 {
                break;
            }
            touched += found;
            end = start;
        }
        Some(touched * self.page_size)
    }
}
