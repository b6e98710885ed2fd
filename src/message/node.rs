//! Messages about other nodes.

use std::fmt;

use crate::id::Node;

/// This node is connected with another one now.
///
/// It is sent to whoever has asked by [`monitor_nodes`](crate::node::monitor_nodes), before
/// anything that the node sends.
///
/// OTP: `{nodeup, Node}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeUp(pub Node);

/// This node is not connected with another one, or not any more.
///
/// It is sent to whoever has asked by [`monitor_node`](crate::node::monitor_node), or by
/// [`monitor_nodes`](crate::node::monitor_nodes), when all that the node has sent has arrived, and
/// links and monitors have told that the connection is lost.
///
/// OTP: `{nodedown, Node}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeDown(pub Node);

/// As [`NodeUp`], for who has asked for more.
///
/// OTP: `{nodeup, Node, Info}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NodeUpInfo {
    /// The other node.
    pub node: Node,
    /// How it is connected.
    pub node_type: NodeType,
}

/// As [`NodeDown`], for who has asked for more.
///
/// OTP: `{nodedown, Node, Info}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NodeDownInfo {
    /// The other node.
    pub node: Node,
    /// How it was connected.
    pub node_type: NodeType,
    /// Why the connection was lost.
    pub nodedown_reason: NodeDownReason,
}

/// How another node is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeType {
    /// Both nodes are visible: they are in each other's [`Node::list`].
    Visible,
    /// One of the two is hidden.
    Hidden,
}

/// Why the connection with a node was lost, in OTP's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NodeDownReason {
    /// The other node has closed it, or is gone, or has sent what is not understood.
    ConnectionClosed,
    /// It was [disconnected](crate::node::disconnect).
    Disconnect,
    /// The node was not heard of for the tick time.
    NetTickTimeout,
    /// It was ended here: as this program is no node any more, or as a newer connection has taken
    /// its place.
    Shutdown,
}

impl fmt::Display for NodeDownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NodeDownReason::ConnectionClosed => "connection_closed",
            NodeDownReason::Disconnect => "disconnect",
            NodeDownReason::NetTickTimeout => "net_tick_timeout",
            NodeDownReason::Shutdown => "shutdown",
        })
    }
}
