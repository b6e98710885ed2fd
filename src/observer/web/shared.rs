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
    streams: AtomicUsize,
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

/// The place of a stream among those that there may be.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Shared);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn new(access: Access, settings: Settings) -> Arc<Shared> {
        let (feed, streams) = (Mutex::default(), AtomicUsize::default());
        Arc::new(Shared { access, settings, feed, streams })
    }

    pub(super) fn set_feed(&self, feed: Pid) {
        *self.feed.lock() = Some(feed);
    }

    /// Returns the process that takes the snapshots.
    pub(super) fn feed(&self) -> Result<Pid, Refusal> {
        let feed = *self.feed.lock();
        feed.filter(|feed| process::is_alive(*feed)).ok_or(Refusal::Restarting)
    }

    /// Takes a place among the streams.
    pub(super) fn take_place(&self) -> Result<Place<'_>, Refusal> {
        let max = self.settings.max_streams;
        let take = |streams| (streams < max).then_some(streams + 1);
        match self.streams.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(Place(self)),
            Err(_) => Err(Refusal::Full),
        }
    }
}
