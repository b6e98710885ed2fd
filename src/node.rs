//! The other nodes: which there are, connections with them, and monitors on them.
//!
//! A connection with another node is made when something is to be sent there, and stays. So
//! [`connect`] is needed only by who wants to know whether there can be one. This module needs the
//! feature `dist`, and Linux; [`net_kernel`] makes a program a node.
//!
//! ```
//! use procession::net_kernel::NetKernel;
//! use procession::node::{self, NodeDown};
//! use procession::prelude::*;
//! use procession::Node;
//!
//! let nobody = Node::named("nobody@127.0.0.1");
//! assert_eq!(node::monitor_node(nobody, true), Err(node::NotAlive));
//!
//! NetKernel::named("alice@127.0.0.1").cookie("secret").without_epmd().start_link()?;
//! node::monitor_node(nobody, true)?;
//! receive! { NodeDown(node) => assert_eq!(node, nobody) }
//! assert!(node::connect(nobody).is_err());
//! assert_eq!(Node::list(), []);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Erlang | Elixir | here |
//! |---|---|---|
//! | `node()` | `node()` | [`Node::local`] |
//! | `nodes()` | `Node.list()` | [`Node::list`] |
//! | `nodes(hidden)` | `Node.list(:hidden)` | [`nodes`]`(`[`Nodes::Hidden`]`)` |
//! | `net_kernel:connect_node(Node)` | `Node.connect(node)` | [`connect`] |
//! | `erlang:disconnect_node(Node)` | `Node.disconnect(node)` | [`disconnect`] |
//! | `erlang:monitor_node(Node, true)` | `Node.monitor(node, true)` | [`monitor_node`] |
//! | `net_kernel:monitor_nodes(true, Options)` | | [`monitor_nodes`], [`monitor_nodes_with`] |
//! | `{nodeup, Node}`, `{nodedown, Node}` | the same | [`NodeUp`], [`NodeDown`] |
//! | `{nodedown, Node, InfoList}` | the same | [`NodeUpInfo`], [`NodeDownInfo`] |
//! | `ignored` | `:ignored` | [`ConnectError::NotAlive`], [`NotAlive`] |
//! | `notalive` | `ArgumentError` | [`NotAlive`] |
//!
//! # How a connection ends
//!
//! When a connection is lost, those who had ties over it are told in this order: links, monitors
//! of processes, with those of calls that wait, monitors of the node, and whoever monitors all
//! nodes. By then the node is not in [`nodes`]. Only after that can there be another connection
//! with it, so a process that has heard [`NodeDown`] has seen all that came by the one before.
//!
//! # Differences from OTP
//!
//! - **Monitors of a node fire after those of processes**; in OTP they may come before.
//! - **[`disconnect`] waits** until those have been told whom it concerns, and the node is not in
//!   [`nodes`] any more. OTP's returns at once.
//! - **[`NodeDownInfo`] and [`NodeUpInfo`]** always say all that they can say.
//! - **[`NodeDownReason`]** has fewer reasons, as this side closes a connection for fewer.
//! - **`allow_passive_connect`** is not here: [`monitor_node`] connects.
//!
//! OTP: [`net_kernel`](https://www.erlang.org/doc/apps/kernel/net_kernel.html),
//! [`erlang`](https://www.erlang.org/doc/apps/erts/erlang.html).

use std::fmt;

use crate::error_text::errors;
use crate::id::Node;
use crate::net_kernel;
use crate::process::current::current;
use crate::runtime::dist_entry;
use crate::runtime::node_monitors;

pub use crate::message::{NodeDown, NodeDownInfo, NodeDownReason, NodeType, NodeUp, NodeUpInfo};
pub use crate::net_kernel::ConnectError;
pub use crate::runtime::node_monitors::MonitorNodesOptions;

/// Error returned where this program is no node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotAlive;

impl fmt::Display for NotAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this program is no node")
    }
}

errors!(NotAlive);

/// Which nodes [`nodes`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Nodes {
    /// Those that this one is connected with, both being visible.
    Visible,
    /// The others that this one is connected with.
    Hidden,
    /// All that this one is connected with.
    Connected,
    /// This one.
    This,
    /// All that this program has heard of, itself included.
    Known,
}

/// Returns some of the nodes, in no order.
///
/// OTP: [`nodes/1`](https://www.erlang.org/doc/apps/erts/erlang.html#nodes/1).
///
/// ```
/// use procession::Node;
/// use procession::node::{Nodes, nodes};
///
/// assert_eq!(nodes(Nodes::Connected), []);
/// assert_eq!(nodes(Nodes::This), [Node::local()]);
/// ```
pub fn nodes(which: Nodes) -> Vec<Node> {
    let connected = |node_type: Option<NodeType>| {
        let connected = dist_entry::connected().into_iter();
        let chosen = connected.filter(|(_, it)| node_type.is_none_or(|node_type| *it == node_type));
        chosen.map(|(node, _)| node).collect()
    };
    match which {
        Nodes::Visible => connected(Some(NodeType::Visible)),
        Nodes::Hidden => connected(Some(NodeType::Hidden)),
        Nodes::Connected => connected(None),
        Nodes::This => vec![Node::local()],
        Nodes::Known => Node::all(),
    }
}

impl Node {
    /// Returns the visible nodes that this one is connected with, in no order. This one is not
    /// among them.
    ///
    /// OTP: [`nodes/0`](https://www.erlang.org/doc/apps/erts/erlang.html#nodes/0); Elixir:
    /// [`Node.list/0`](https://hexdocs.pm/elixir/Node.html#list/0).
    pub fn list() -> Vec<Node> {
        nodes(Nodes::Visible)
    }
}

/// Connects with a node, if this one is not connected with it already.
///
/// # Errors
///
/// See [`ConnectError`].
///
/// OTP: [`net_kernel:connect_node/1`](https://www.erlang.org/doc/apps/kernel/net_kernel.html#connect_node/1).
pub fn connect(node: Node) -> Result<(), ConnectError> {
    net_kernel::connect(node)
}

/// Ends the connection with a node. Returns, when it is gone and all have been told of that,
/// whether there was one.
///
/// What is sent there later makes another one.
///
/// # Errors
///
/// [`NotAlive`] if this program is no node.
///
/// OTP: [`erlang:disconnect_node/1`](https://www.erlang.org/doc/apps/erts/erlang.html#disconnect_node/1).
pub fn disconnect(node: Node) -> Result<bool, NotAlive> {
    net_kernel::disconnect(node).ok_or(NotAlive)
}

/// Asks for one [`NodeDown`] message when the connection with a node is lost; or, if `flag` is
/// `false`, takes back one such request, if there is one.
///
/// If there is no connection, there is to be one; if that cannot be made, the message comes. If
/// this is called several times, as many messages come. A message that has come already stays in
/// the mailbox. This node itself never goes down.
///
/// # Errors
///
/// [`NotAlive`] if this program is no node, unless the node is this one.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
///
/// OTP: [`erlang:monitor_node/2`](https://www.erlang.org/doc/apps/erts/erlang.html#monitor_node/2).
pub fn monitor_node(node: Node, flag: bool) -> Result<(), NotAlive> {
    let process = current();
    process.unwind_if_doomed();
    let set = if flag { node_monitors::monitor_node } else { node_monitors::demonitor_node };
    set(process, node).map_err(|node_monitors::NotAlive| NotAlive)
}

/// Asks for a [`NodeUp`] or [`NodeDown`] message whenever this node is connected with a visible
/// one, or that is lost; or, if `flag` is `false`, takes back all such requests of the caller's.
///
/// [`NodeUp`] comes before anything that the node sends, [`NodeDown`] after it. By then the node is
/// in [`nodes`], or not any more. If this is called several times, as many messages come.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
///
/// OTP: [`net_kernel:monitor_nodes/1`](https://www.erlang.org/doc/apps/kernel/net_kernel.html#monitor_nodes/1).
pub fn monitor_nodes(flag: bool) {
    monitor_nodes_with(flag, MonitorNodesOptions::new());
}

/// As [`monitor_nodes`], for other nodes, too, or with more in the messages: if any option is given
/// they are [`NodeUpInfo`] and [`NodeDownInfo`]. Requests with other options are not taken back.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
///
/// OTP: [`net_kernel:monitor_nodes/2`](https://www.erlang.org/doc/apps/kernel/net_kernel.html#monitor_nodes/2).
pub fn monitor_nodes_with(flag: bool, options: MonitorNodesOptions) {
    let process = current();
    process.unwind_if_doomed();
    let set = if flag { node_monitors::monitor_nodes } else { node_monitors::demonitor_nodes };
    set(process, options);
}
