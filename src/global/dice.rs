//! Numbers that are good enough to keep two nodes from doing the same at the same time.

use std::time::Duration;

/// The next number follows from this one.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Returns a number (by SplitMix64).
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.roll() % bound).unwrap_or(0)
    }

    /// Returns how long to wait before something is tried again that has failed so many times: up
    /// to an eighth of a second at first, up to eight seconds in the end.
    ///
    /// OTP: `random_sleep` in `global`.
    pub(super) fn pause(&mut self, failures: u32) -> Duration {
        let most = if failures > 5 { 8000 } else { 125 << failures };
        Duration::from_millis(1 + self.roll() % most)
    }
}
