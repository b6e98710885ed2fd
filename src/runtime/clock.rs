//! Monotonic time as a plain number, which fits an atomic.

use std::time::Instant;

use once_cell::sync::Lazy;

/// Nanoseconds since the first reading of the clock.
pub(crate) type Nanos = u64;

static EPOCH: Lazy<Instant> = Lazy::new(Instant::now);

/// Returns the present time, which is never 0.
pub(crate) fn now() -> Nanos {
    at(Instant::now())
}

/// Returns `instant` as a number; one before the first reading of the clock is 1.
pub(crate) fn at(instant: Instant) -> Nanos {
    let elapsed = instant.saturating_duration_since(*EPOCH).as_nanos();
    Nanos::try_from(elapsed).unwrap_or(Nanos::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_keep_their_order_and_are_never_zero() {
        let first = now();
        assert!(first > 0 && now() >= first);
        let instant = Instant::now();
        assert_eq!(at(instant + Duration::from_nanos(7)) - at(instant), 7);
        assert_eq!(at(*EPOCH - Duration::from_nanos(7)), 1);
    }
}
