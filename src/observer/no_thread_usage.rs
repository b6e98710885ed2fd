//! What threads use, where that is not known.

use std::ops::Range;
use std::time::Duration;

pub(super) fn cpu_time(_: u32) -> Option<Duration> {
    None
}

#[derive(Debug)]
pub(super) struct PageMap;

impl PageMap {
    pub(super) fn open() -> Option<PageMap> {
        None
    }

    pub(super) fn touched(&self, _: Range<usize>) -> Option<usize> {
        None
    }
}
