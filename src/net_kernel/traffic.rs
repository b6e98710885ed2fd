//! What has gone by a connection, counted by its two processes, each its own part.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::runtime::dist_entry::Traffic;

/// The counters of one connection. Only their own processes write them; the others show them, or
/// take an earlier value as if they had come a moment earlier. So all accesses are `Relaxed`.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: CachePadded<OneWay>,
    sent: CachePadded<OneWay>,
}

#[derive(Debug, Default)]
struct OneWay {
    bytes: AtomicU64,
    signals: AtomicU64,
}

impl Counters {
    pub(super) fn received_bytes(&self, count: usize) {
        self.received.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn received_signal(&self) {
        self.received.signals.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent_bytes(&self, count: usize) {
        self.sent.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn sent_signals(&self, count: usize) {
        self.sent.signals.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Returns how many bytes have been read.
    pub(super) fn heard(&self) -> u64 {
        self.received.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> Traffic {
        Traffic {
            bytes_received: self.heard(),
            messages_received: self.received.signals.load(Ordering::Relaxed),
            bytes_sent: self.sent.bytes.load(Ordering::Relaxed),
            messages_sent: self.sent.signals.load(Ordering::Relaxed),
        }
    }
}
