//! Who is told of nodes that come and go.
//!
//! A monitor of one node is one of the ties of a connection with it: it is set as they are, and
//! told after them. Who monitors all nodes is in a table of its own, and is told when a connection
//! is up, before anything comes over it, and when it is lost, after everybody else.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::id::{Node, Pid};
use crate::message::{
    Message, NodeDown, NodeDownInfo, NodeDownReason, NodeType, NodeUp, NodeUpInfo,
};

use super::address::try_deliver;
use super::dist_entry::{DistEntry, carrier};
use super::links::NodeMonitors;
use super::mailbox::{Orphans, Signal};
use super::table::Process;

/// The options of [`monitor_nodes_with`](crate::node::monitor_nodes_with).
///
/// OTP: the options of
/// [`net_kernel:monitor_nodes/2`](https://www.erlang.org/doc/apps/kernel/net_kernel.html#monitor_nodes/2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use = "options do nothing until `monitor_nodes_with` gets them"]
pub struct MonitorNodesOptions {
    /// Which nodes, if that was said.
    only: Option<Only>,
    nodedown_reason: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Only {
    Type(NodeType),
    All,
}

impl MonitorNodesOptions {
    /// Returns options that ask for no more than [`monitor_nodes`](crate::node::monitor_nodes)
    /// does: visible nodes are monitored.
    pub fn new() -> MonitorNodesOptions {
        MonitorNodesOptions::default()
    }

    /// Monitors nodes of this type, with messages that say it.
    pub fn node_type(mut self, node_type: NodeType) -> MonitorNodesOptions {
        self.only = Some(Only::Type(node_type));
        self
    }

    /// Monitors nodes of all types, with messages that say which.
    pub fn all_node_types(mut self) -> MonitorNodesOptions {
        self.only = Some(Only::All);
        self
    }

    /// Makes the messages say why a connection was lost.
    pub fn nodedown_reason(mut self) -> MonitorNodesOptions {
        self.nodedown_reason = true;
        self
    }

    fn includes(self, node_type: NodeType) -> bool {
        match self.only {
            None => node_type == NodeType::Visible,
            Some(Only::Type(only)) => only == node_type,
            Some(Only::All) => true,
        }
    }

    fn wants_more(self) -> bool {
        self != MonitorNodesOptions::new()
    }
}

/// Who monitors all nodes, with which options, and how often.
static SUBSCRIPTIONS: Mutex<BTreeMap<(Pid, MonitorNodesOptions), usize>> =
    Mutex::new(BTreeMap::new());

/// This program is no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAlive;

/// Has `owner`, the caller, monitor a node, once more. If there is no connection, there is to be
/// one.
pub(crate) fn monitor_node(owner: Process, node: Node) -> Result<(), NotAlive> {
    if node.is_here() {
        return Ok(()); // OTP 25, run: it never goes down.
    }
    if carrier().is_none() {
        return Err(NotAlive);
    }
    if !note(owner, |monitors| _ = monitors.nodes.insert(node)) {
        return Ok(());
    }
    let entry = DistEntry::of(node);
    entry.monitor_node(owner.pid).run();
    if !owner.is_running() {
        // Others may have run its exit meanwhile, and found nothing to remove.
        entry.with_ties(|ties| ties.forget_node_monitors(owner.pid));
    }
    Ok(())
}

/// Ends one monitor of `owner`, if there is any.
pub(crate) fn demonitor_node(owner: Process, node: Node) -> Result<(), NotAlive> {
    if node.is_here() {
        return Ok(());
    }
    if carrier().is_none() {
        return Err(NotAlive);
    }
    DistEntry::of(node).with_ties(|ties| ties.demonitor_node(owner.pid));
    Ok(())
}

/// Has `owner`, the caller, monitor all nodes, once more.
pub(crate) fn monitor_nodes(owner: Process, options: MonitorNodesOptions) {
    if !note(owner, |monitors| monitors.all = true) {
        return;
    }
    *SUBSCRIPTIONS.lock().entry((owner.pid, options)).or_default() += 1;
    if !owner.is_running() {
        unsubscribe(owner.pid);
    }
}

/// Ends all that `owner` has asked for with these options.
pub(crate) fn demonitor_nodes(owner: Process, options: MonitorNodesOptions) {
    SUBSCRIPTIONS.lock().remove(&(owner.pid, options));
}

/// Notes in the table of `owner` what is to be forgotten when it ends. Returns false if it has.
fn note(owner: Process, change: impl FnOnce(&mut NodeMonitors)) -> bool {
    let mut links = owner.slot.links.lock();
    let is_open = links.is_of(owner.pid);
    if is_open {
        change(&mut links.nodes);
    }
    is_open
}

/// A process has ended.
pub(crate) fn forget(owner: Pid, monitors: NodeMonitors) {
    let NodeMonitors { nodes, all } = monitors;
    for node in nodes {
        DistEntry::of(node).with_ties(|ties| ties.forget_node_monitors(owner));
    }
    if all {
        unsubscribe(owner);
    }
}

fn unsubscribe(owner: Pid) {
    SUBSCRIPTIONS.lock().retain(|(pid, _), _| *pid != owner);
}

/// Returns who monitors nodes of this type, and how: as often as each has asked for it.
fn subscribers(node_type: NodeType) -> Vec<(Pid, MonitorNodesOptions)> {
    let subscriptions = SUBSCRIPTIONS.lock();
    let included = subscriptions.iter().filter(|((_, options), _)| options.includes(node_type));
    included.flat_map(|(subscriber, count)| std::iter::repeat_n(*subscriber, *count)).collect()
}

/// There is a connection with `node`. Returns what is left to be dropped.
pub(crate) fn tell_up(node: Node, node_type: NodeType) -> Vec<Orphans> {
    tell(node_type, |options| match options.wants_more() {
        true => Message::new(NodeUpInfo { node, node_type }),
        false => Message::new(NodeUp(node)),
    })
}

/// The connection with `node` is lost, and everybody else has been told. Returns what is left to be
/// dropped.
pub(crate) fn tell_down(
    node: Node,
    node_type: NodeType,
    nodedown_reason: NodeDownReason,
) -> Vec<Orphans> {
    tell(node_type, |options| match options.wants_more() {
        true => Message::new(NodeDownInfo { node, node_type, nodedown_reason }),
        false => Message::new(NodeDown(node)),
    })
}

fn tell(node_type: NodeType, message: impl Fn(MonitorNodesOptions) -> Message) -> Vec<Orphans> {
    let tell = |(pid, options)| try_deliver(pid, Signal::Message(message(options))).err();
    subscribers(node_type).into_iter().filter_map(tell).collect()
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    use crate::exit::ExitReason;
    use crate::message::{Down, Exit};
    use crate::node;
    use crate::process;
    use crate::process::current::current;

    use super::super::dist_entry::Controller;
    use super::super::incoming::Connection;
    use super::super::loopback::{Peer, alone};
    use super::*;

    /// Only a failing test waits so long.
    const LONG: Duration = Duration::from_secs(20);

    /// Takes the message that has come first.
    #[track_caller]
    fn next<T: Any>() -> T {
        process::receive_timeout(LONG).expect("nothing has come").downcast().unwrap()
    }

    /// Which node a message is about.
    fn node_of(message: &Message) -> Option<Node> {
        let up = message.downcast_ref().map(|NodeUp(node)| *node);
        let down = message.downcast_ref().map(|NodeDown(node)| *node);
        let up_info = message.downcast_ref::<NodeUpInfo>().map(|it| it.node);
        let down_info = message.downcast_ref::<NodeDownInfo>().map(|it| it.node);
        up.or(down).or(up_info).or(down_info)
    }

    /// Takes the first message that is not about the nodes of other tests.
    #[track_caller]
    fn next_of<T: Any>(node: Node) -> T {
        let is_here = |message: &Message| node_of(message).is_none_or(|it| it == node);
        let message = process::receive_match_timeout(LONG, is_here);
        let message = message.expect("nothing has come");
        message.downcast().unwrap_or_else(|message| panic!("{message:?}"))
    }

    #[track_caller]
    fn assert_nothing_of(node: Node) {
        let left = process::flush();
        assert!(left.iter().all(|it| node_of(it).is_some_and(|it| it != node)), "{left:?}");
    }

    fn assert_no_ties(peer: &Peer) {
        DistEntry::of(peer.node).with_ties(|ties| assert!(ties.is_empty(), "{ties:?}"));
    }

    // OTP 25, run: as many messages as calls, less those that are taken back.
    #[test]
    fn a_node_goes_down_once_for_each_call_and_last() {
        let peer = Peer::new("goes_down");
        let (connection, there) = (peer.connect(), peer.process(1));
        for flag in [true, true, false, true] {
            node::monitor_node(peer.node, flag).unwrap();
        }
        let monitor = process::monitor(there);
        process::link(there);
        drop(connection);
        assert_eq!(next::<Exit>().from, there);
        assert_eq!(next::<Down>().monitor, monitor);
        assert_eq!([(); 2].map(|()| next::<NodeDown>()), [NodeDown(peer.node); 2]);
        assert_eq!(process::flush().len(), 0);
        assert_no_ties(&peer);
    }

    #[test]
    fn a_node_that_is_not_up_is_dialled() {
        let peer = Peer::new("not_up");
        peer.hold_dials();
        node::monitor_node(peer.node, true).unwrap();
        let dial = peer.last_dial();
        node::monitor_node(peer.node, true).unwrap();
        node::monitor_node(peer.node, false).unwrap();
        dial.failed();
        assert_eq!(next::<NodeDown>(), NodeDown(peer.node));

        node::monitor_node(peer.node, true).unwrap();
        let connection = Connection::up(peer.incarnation(2), Arc::new(|| {})).unwrap();
        assert_eq!(process::flush().len(), 0);
        drop(connection);
        assert_eq!(next::<NodeDown>(), NodeDown(peer.node));
        assert_no_ties(&peer);
    }

    #[test]
    fn a_node_that_is_monitored_while_a_loss_is_told_is_dialled_after_that() {
        let peer = Peer::new("while_told");
        peer.hold_dials();
        let connection = peer.connect();
        let entry = DistEntry::of(peer.node);
        let (cut, _) = entry.lose();
        node::monitor_node(peer.node, true).unwrap();
        assert_eq!(peer.dials().len(), 0);
        drop(cut);
        entry.told().run();
        std::mem::forget(connection);
        peer.last_dial().failed();
        assert_eq!(next::<NodeDown>(), NodeDown(peer.node));
        assert_no_ties(&peer);
    }

    // OTP 25, run.
    #[test]
    fn where_there_are_no_other_nodes_only_this_one_can_be_monitored() {
        let there = Peer::new("no_others").node;
        let _alone = alone();
        for flag in [true, false] {
            assert_eq!(node::monitor_node(there, flag), Err(node::NotAlive));
            assert_eq!(node::monitor_node(Node::local(), flag), Ok(()));
        }
        assert_eq!(process::flush().len(), 0);
    }

    struct VisibleNode;

    impl Controller for VisibleNode {
        fn node_type(&self) -> NodeType {
            NodeType::Visible
        }

        fn wake(&self) {}

        fn give_up(&self) {}
    }

    fn visible(peer: &Peer) -> Connection {
        Connection::up(peer.incarnation(1), Arc::new(VisibleNode)).unwrap()
    }

    #[test]
    fn all_nodes_are_told_of_before_all_else_and_after_it() {
        let peer = Peer::new("of_all");
        let (node, there) = (peer.node, peer.process(1));
        for flag in [true, false, true, true] {
            node::monitor_nodes(flag);
        }
        let mut connection = visible(&peer);
        assert!(Node::list().contains(&node));
        connection.message(&process::self_pid().into(), Message::new("hello"));
        assert_eq!([(); 2].map(|()| next_of::<NodeUp>(node)), [NodeUp(node); 2]);
        assert_eq!(next_of::<&str>(node), "hello");
        process::link(there);
        node::monitor_node(node, true).unwrap();
        let monitor = process::monitor(there);
        drop(connection);
        assert_eq!(next_of::<Exit>(node).from, there);
        assert_eq!(next_of::<Down>(node).monitor, monitor);
        assert_eq!([(); 3].map(|()| next_of::<NodeDown>(node)), [NodeDown(node); 3]);
        assert!(!Node::list().contains(&node));

        node::monitor_nodes(false);
        drop(visible(&peer));
        assert_nothing_of(node);
    }

    #[test]
    fn messages_of_nodes_say_as_much_as_was_asked_for() {
        let peer = Peer::new("asked_for");
        let node = peer.node;
        let options = MonitorNodesOptions::new();
        node::monitor_nodes(true);
        node::monitor_nodes_with(true, options.node_type(NodeType::Hidden));
        node::monitor_nodes_with(true, options.nodedown_reason());
        let connection = visible(&peer);
        assert_eq!(next_of::<NodeUp>(node), NodeUp(node));
        assert_eq!(next_of::<NodeUpInfo>(node), NodeUpInfo { node, node_type: NodeType::Visible });
        connection.frames().explain_loss(NodeDownReason::NetTickTimeout);
        connection.frames().explain_loss(NodeDownReason::Disconnect);
        drop(connection);
        let down = |node_type, nodedown_reason| NodeDownInfo { node, node_type, nodedown_reason };
        assert_eq!(next_of::<NodeDown>(node), NodeDown(node));
        let why = NodeDownReason::NetTickTimeout;
        assert_eq!(next_of::<NodeDownInfo>(node), down(NodeType::Visible, why));

        // There is no connection that could be lost for this.
        DistEntry::of(node).explain_loss(NodeDownReason::Disconnect);
        let connection = peer.connect();
        assert!(node::nodes(node::Nodes::Hidden).contains(&node));
        assert!(!node::nodes(node::Nodes::Visible).contains(&node));
        assert_eq!(next_of::<NodeUpInfo>(node), NodeUpInfo { node, node_type: NodeType::Hidden });
        node::monitor_nodes_with(true, options.all_node_types());
        drop(connection);
        let why = NodeDownReason::ConnectionClosed;
        assert_eq!(
            [(); 2].map(|()| next_of::<NodeDownInfo>(node)),
            [down(NodeType::Hidden, why); 2]
        );
        assert_nothing_of(node);
    }

    #[test]
    fn a_process_that_ends_is_told_nothing() {
        let peer = Peer::new("ends");
        let _connection = peer.connect();
        let node = peer.node;
        for round in 0..2_000 {
            let (tell, told) = mpsc::channel();
            let (pid, monitor) = process::spawn_monitor(move || {
                tell.send(()).unwrap();
                for _ in 0..10 {
                    node::monitor_node(node, true).unwrap();
                    node::monitor_nodes(true);
                }
                process::sleep(Duration::MAX);
            })
            .unwrap();
            told.recv().unwrap();
            (0..round % 100).for_each(|_| std::hint::spin_loop());
            process::exit(pid, ExitReason::Kill);
            assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Killed));
            assert_no_ties(&peer);
            assert!(SUBSCRIPTIONS.lock().keys().all(|(subscriber, _)| *subscriber != pid));
        }
    }

    /// The exit of a thread of the program's own is run by who kills it, at once, so also between
    /// two steps of what the thread does.
    #[test]
    fn a_thread_that_is_killed_meanwhile_leaves_nothing() {
        let peer = Peer::new("killed_meanwhile");
        let _connection = peer.connect();
        let node = peer.node;
        for round in 0..5_000 {
            let (tell, told) = mpsc::channel();
            let pid = thread::scope(|scope| {
                scope.spawn(move || {
                    let owner = current();
                    tell.send(owner.pid).unwrap();
                    for _ in 0..10 {
                        monitor_node(owner, node).unwrap();
                        monitor_nodes(owner, MonitorNodesOptions::new());
                    }
                });
                let pid = told.recv().unwrap();
                (0..round % 200).for_each(|_| std::hint::spin_loop());
                let monitor = process::monitor(pid);
                process::exit(pid, ExitReason::Kill);
                assert!(process::wait(monitor, LONG).is_some());
                pid
            });
            assert_no_ties(&peer);
            assert!(SUBSCRIPTIONS.lock().keys().all(|(subscriber, _)| *subscriber != pid));
        }
    }
}
