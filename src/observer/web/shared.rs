//! What the processes of an observer share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::id::Pid;
use crate::process;

use super::access::Access;
use super::refusal::Refusal;

/// What the processes of an observer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) access: Access,
    pub(super) settings: Settings,
    /// The process that takes the snapshots.
    feed: Mutex<Option<Pid>>,
    pub(super) streams: Places,
    /// Those that are taken for one client each. They have places of their own, so that they are
    /// there however many streams are open.
    pub(super) snapshots: Places,
}

/// What the processes of an observer go by.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) control: bool,
    pub(super) interval: Duration,
    pub(super) max_streams: usize,
    pub(super) max_connections: usize,
    pub(super) request_timeout: Duration,
    pub(super) status_timeout: Duration,
}

/// How many there may be at the same time of something, and are.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    taken: AtomicUsize,
}

/// A place among those that there may be.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Places);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    fn new(max: usize) -> Places {
        Places { max, taken: AtomicUsize::default() }
    }

    /// Takes a place.
    pub(super) fn take_place(&self) -> Result<Place<'_>, Refusal> {
        let take = |taken| (taken < self.max).then_some(taken + 1);
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(Place(self)),
            Err(_) => Err(Refusal::Full),
        }
    }
}

impl Shared {
    pub(super) fn new(access: Access, settings: Settings) -> Arc<Shared> {
        let places = || Places::new(settings.max_streams);
        let (streams, snapshots) = (places(), places());
        Arc::new(Shared { access, settings, feed: Mutex::default(), streams, snapshots })
    }

    pub(super) fn set_feed(&self, feed: Pid) {
        *self.feed.lock() = Some(feed);
    }

    /// Returns the process that takes the snapshots.
    pub(super) fn feed(&self) -> Result<Pid, Refusal> {
        let feed = *self.feed.lock();
        feed.filter(|feed| process::is_alive(*feed)).ok_or(Refusal::Restarting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_places_than_there_may_be_and_each_is_given_back() {
        let places = Places::new(2);
        let (one, _other) = (places.take_place().unwrap(), places.take_place().unwrap());
        assert_eq!(places.take_place().unwrap_err(), Refusal::Full);
        drop(one);
        let _again = places.take_place().unwrap();
        assert_eq!(places.take_place().unwrap_err(), Refusal::Full);
    }
}
