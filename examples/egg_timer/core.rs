//! What an egg timer keeps: alarms by their names. It knows of no process and asks no clock.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Pending alarms, each with something of type `T`: the timer that will ring, for instance.
#[derive(Debug)]
pub(crate) struct Alarms<T> {
    by_name: BTreeMap<String, T>,
}

impl<T> Default for Alarms<T> {
    fn default() -> Alarms<T> {
        Alarms { by_name: BTreeMap::new() }
    }
}

impl<T> Alarms<T> {
    /// Adds an alarm. Returns the one that had this name before.
    pub(crate) fn schedule(&mut self, name: String, alarm: T) -> Option<T> {
        self.by_name.insert(name, alarm)
    }

    /// Takes an alarm out.
    pub(crate) fn cancel(&mut self, name: &str) -> Option<T> {
        self.by_name.remove(name)
    }

    /// Takes an alarm out if it is the one that is meant: a later one may have the name.
    pub(crate) fn ring(&mut self, name: &str, is_meant: impl Fn(&T) -> bool) -> Option<T> {
        self.by_name.get(name).filter(|alarm| is_meant(alarm))?;
        self.by_name.remove(name)
    }

    /// All that are pending, ordered by name.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (&str, &T)> {
        self.by_name.iter().map(|(name, alarm)| (&**name, alarm))
    }
}

/// A time that is left, as a cook reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeLeft(pub(crate) Duration);

impl fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(f, "{} h {} min {} s", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Alarms, TimeLeft};

    fn alarms() -> Alarms<u32> {
        let mut alarms = Alarms::default();
        assert_eq!(alarms.schedule("quail".to_owned(), 3), None);
        assert_eq!(alarms.schedule("goose".to_owned(), 13), None);
        alarms
    }

    #[test]
    fn what_is_scheduled_is_pending_ordered_by_name() {
        let alarms = alarms();
        assert_eq!(alarms.pending().collect::<Vec<_>>(), [("goose", &13), ("quail", &3)]);
    }

    #[test]
    fn an_alarm_takes_the_place_of_one_with_its_name() {
        let mut alarms = alarms();
        assert_eq!(alarms.schedule("quail".to_owned(), 4), Some(3));
        assert_eq!(alarms.pending().collect::<Vec<_>>(), [("goose", &13), ("quail", &4)]);
    }

    #[test]
    fn what_is_cancelled_is_not_pending() {
        let mut alarms = alarms();
        assert_eq!(alarms.cancel("goose"), Some(13));
        assert_eq!(alarms.cancel("goose"), None);
        assert_eq!(alarms.pending().collect::<Vec<_>>(), [("quail", &3)]);
    }

    #[test]
    fn only_the_alarm_that_is_meant_rings() {
        let mut alarms = alarms();
        assert_eq!(alarms.ring("quail", |alarm| *alarm == 4), None);
        assert_eq!(alarms.ring("quail", |alarm| *alarm == 3), Some(3));
        assert_eq!(alarms.ring("quail", |_| true), None);
    }

    #[test]
    fn a_time_is_printed_in_hours_minutes_and_seconds() {
        assert_eq!(TimeLeft(Duration::from_millis(7_384_900)).to_string(), "2 h 3 min 4 s");
        assert_eq!(TimeLeft(Duration::ZERO).to_string(), "0 h 0 min 0 s");
    }
}
