//! Restart intensity: how many restarts a supervisor makes before it gives up.
//!
//! A sliding window. It has no clock: the caller passes the time.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::SpecError;

/// Allows at most `max` restarts within any `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intensity {
    pub(crate) max: usize,
    pub(crate) period: Duration,
}

impl Intensity {
    /// The default of OTP's supervisors.
    pub(crate) const OTP: Intensity = Intensity { max: 1, period: Duration::from_secs(5) };

    /// The default of Elixir's supervisors.
    pub(crate) const ELIXIR: Intensity = Intensity { max: 3, period: Duration::from_secs(5) };

    /// Returns the intensity, unless its period is zero.
    pub(crate) fn checked(self) -> Result<Intensity, SpecError> {
        if self.period.is_zero() { Err(SpecError::ZeroPeriod) } else { Ok(self) }
    }
}

/// What is too much.
impl fmt::Display for Intensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Intensity { max, period } = self;
        let restarts = if *max == 1 { "restart" } else { "restarts" };
        write!(f, "more than {max} {restarts} in {period:?}")
    }
}

/// The restarts of the last period, the oldest first.
#[derive(Debug)]
pub(crate) struct RestartWindow {
    intensity: Intensity,
    restarts: VecDeque<Instant>,
}

/// Whether another restart is within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    Left,
    Exhausted,
}

impl RestartWindow {
    pub(crate) fn new(intensity: Intensity) -> RestartWindow {
        RestartWindow { intensity, restarts: VecDeque::new() }
    }

    pub(crate) fn intensity(&self) -> Intensity {
        self.intensity
    }

    /// Counts a restart at `now`, if it is within the limit.
    pub(crate) fn record(&mut self, now: Instant) -> Budget {
        let Intensity { max, period } = self.intensity;
        while self.restarts.front().is_some_and(|then| now.duration_since(*then) > period) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= max {
            return Budget::Exhausted;
        }
        self.restarts.push_back(now);
        Budget::Left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(max: usize, restarts: &[(u64, Budget)]) {
        let start = Instant::now();
        let period = Duration::from_secs(5);
        let mut window = RestartWindow::new(Intensity { max, period });
        for (ms, expected) in restarts {
            let budget = window.record(start + Duration::from_millis(*ms));
            assert_eq!(budget, *expected, "after {ms} ms");
        }
    }

    #[test]
    fn so_many_restarts_are_within_the_limit_and_no_more() {
        use Budget::{Exhausted, Left};
        check(0, &[(0, Exhausted)]);
        check(1, &[(0, Left), (1, Exhausted)]);
        check(2, &[(0, Left), (0, Left), (0, Exhausted)]);
    }

    // OTP: supervisor_SUITE:multiple_restarts
    #[test]
    fn the_window_slides_and_its_ends_belong_to_it() {
        use Budget::{Exhausted, Left};
        check(1, &[(0, Left), (5_001, Left), (10_002, Left)]);
        check(1, &[(0, Left), (5_000, Exhausted)]);
        check(2, &[(0, Left), (3_000, Left), (5_001, Left), (8_000, Exhausted)]);
    }
}
