//! What time of day it is. It asks no clock: it is told.

use std::fmt;
use std::time::Duration;

/// A time of day, of Greenwich.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeOfDay {
    hours: u64,
    minutes: u64,
    seconds: u64,
    millis: u32,
}

impl TimeOfDay {
    /// The time of day so long after a midnight.
    pub(crate) fn after_midnight(time: Duration) -> TimeOfDay {
        let seconds = time.as_secs();
        TimeOfDay {
            hours: seconds / 3600 % 24,
            minutes: seconds / 60 % 60,
            seconds: seconds % 60,
            millis: time.subsec_millis(),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TimeOfDay { hours, minutes, seconds, millis } = self;
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::TimeOfDay;

    fn printed(time: Duration) -> String {
        TimeOfDay::after_midnight(time).to_string()
    }

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(printed(Duration::ZERO), "00:00:00.000");
    }

    #[test]
    fn hours_minutes_and_seconds_are_told_apart() {
        assert_eq!(printed(Duration::from_millis(45_296_007)), "12:34:56.007");
    }

    #[test]
    fn the_days_before_do_not_count() {
        let days = Duration::from_secs(20_000 * 24 * 3600);
        assert_eq!(printed(days + Duration::from_secs(24 * 3600 - 1)), "23:59:59.000");
    }
}
