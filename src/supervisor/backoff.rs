//! The pauses before restarts: how long each of them is.
//!
//! A value without a clock: the caller passes the time.

use std::time::{Duration, Instant};

/// The pause before each restart of a child: see [`ChildSpec::backoff`](super::ChildSpec::backoff).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first pause. Each further one is twice as long.
    pub first: Duration,
    /// The limit of the pauses, and how long the child must have run for the next pause to be the
    /// first again.
    pub max: Duration,
}

impl Backoff {
    pub(crate) fn is_valid(self) -> bool {
        !self.first.is_zero() && self.first <= self.max
    }
}

/// The pauses that a child has had.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pauses {
    last: Option<Duration>,
    /// When the child has started, if it has since the last pause.
    started: Option<Instant>,
}

impl Pauses {
    /// Notes that the child has started.
    pub(crate) fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// Returns the pause before the next restart, now that the child has failed, or its start has.
    pub(crate) fn next(&mut self, backoff: Backoff, now: Instant) -> Duration {
        let Backoff { first, max } = backoff;
        let started = self.started.take();
        let has_lived = started.is_some_and(|then| now.saturating_duration_since(then) >= max);
        let last = self.last.filter(|_| !has_lived);
        let next = last.map_or(first, |last| last.saturating_mul(2)).min(max);
        self.last = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_secs(1), max: Duration::from_secs(10) };

    /// Lets a child fail after it has run for these many seconds each time; `None` is a start that
    /// fails.
    #[track_caller]
    fn check(lives: &[Option<u64>], expected: &[u64]) {
        let (mut pauses, mut now) = (Pauses::default(), Instant::now());
        let mut next = |life: &Option<u64>| {
            if let Some(seconds) = life {
                pauses.started(now);
                now += Duration::from_secs(*seconds);
            }
            let pause = pauses.next(BACKOFF, now);
            now += pause;
            pause.as_secs()
        };
        assert_eq!(lives.iter().map(&mut next).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_pause_is_twice_as_long_as_the_last_up_to_the_limit() {
        check(&[Some(0); 6], &[1, 2, 4, 8, 10, 10]);
        check(&[None; 6], &[1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn the_first_pause_follows_a_life_that_was_as_long_as_the_limit() {
        check(&[Some(0), None, Some(9), Some(10), None], &[1, 2, 4, 1, 2]);
    }

    #[test]
    fn a_back_off_begins_with_more_than_zero_and_at_most_its_limit() {
        let valid = |first, max| {
            Backoff { first: Duration::from_secs(first), max: Duration::from_secs(max) }.is_valid()
        };
        assert!(valid(1, 1) && valid(1, 2));
        assert!(!valid(0, 1) && !valid(0, 0) && !valid(2, 1));
    }
}
