//! What has gone by a connection, counted by who reads and who writes.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::runtime::dist_entry::Traffic;

/// The counters of one connection. Whoever else reads them shows them, or takes an earlier value as
/// if it had come a moment earlier. So all accesses are `Relaxed`.
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

    /// Returns how many bytes have been written.
    pub(super) fn sent(&self) -> u64 {
        self.sent.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> Traffic {
        Traffic {
            bytes_received: self.heard(),
            messages_received: self.received.signals.load(Ordering::Relaxed),
            bytes_sent: self.sent(),
            messages_sent: self.sent.signals.load(Ordering::Relaxed),
        }
    }
}
