//! What is shown of the nodes that this one is connected with.

use std::time::Instant;

use crate::id::Node;
use crate::message::NodeType;

use super::{DistEntry, ENTRIES, Status};

/// What has gone by a connection so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) bytes_received: u64,
    pub(crate) messages_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) messages_sent: u64,
}

/// A connection, at one moment.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) node: Node,
    pub(crate) node_type: NodeType,
    pub(crate) up_since: Instant,
    pub(crate) traffic: Traffic,
    /// How many bytes wait for the writer.
    pub(crate) queued: usize,
    /// How many senders wait until that is less.
    pub(crate) senders: usize,
}

/// Looks at all nodes that this one is connected with, in the order of their names.
pub(crate) fn look_at_connected() -> Vec<Look> {
    let entries: Vec<&DistEntry> = ENTRIES.read().values().copied().collect();
    let mut looks: Vec<Look> = entries.into_iter().filter_map(DistEntry::look).collect();
    looks.sort_by(|one, other| one.node.name().cmp(other.node.name()));
    looks
}

impl DistEntry {
    fn look(&self) -> Option<Look> {
        let state = self.state.lock();
        let Status::Up { controller, since, .. } = &state.status else { return None };
        Some(Look {
            node: self.node,
            node_type: controller.node_type(),
            up_since: *since,
            traffic: controller.traffic(),
            queued: state.room.bytes(),
            senders: state.room.senders(),
        })
    }
}
