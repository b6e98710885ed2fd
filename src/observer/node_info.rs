//! A connected node in a snapshot.

use std::time::Duration;

use crate::id::Node;

/// Another node in a [snapshot](super::Snapshot), which this one is connected with.
///
/// What has gone by the connection is counted since it was made, without the handshake; bytes are
/// those of frames, with ticks, and before they are encrypted. Messages are all signals: links,
/// monitors and exits, too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeInfo {
    /// The node.
    pub node: Node,
    /// Whether one of the two is hidden.
    pub hidden: bool,
    /// How long ago the connection was made.
    pub connected_for: Duration,
    /// How many bytes have come.
    pub bytes_received: u64,
    /// How many messages have come.
    pub messages_received: u64,
    /// How many bytes have been written.
    pub bytes_sent: u64,
    /// How many messages have been written.
    pub messages_sent: u64,
    /// How many bytes wait for the process that writes: a few more than those of the messages. What
    /// that process is just writing is not among them.
    pub queued_bytes: usize,
    /// How many processes wait until these are fewer, as they send more than the other node takes.
    pub waiting_senders: usize,
}
