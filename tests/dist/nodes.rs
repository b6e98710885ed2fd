//! Other nodes: which there are, and who is told of them.

use std::time::Duration;

use procession::net_kernel::NetKernel;
use procession::node::{
    self, ConnectError, MonitorNodesOptions, NodeDown, NodeDownInfo, NodeDownReason, NodeType,
    NodeUp, NodeUpInfo, Nodes, NotAlive,
};
use procession::prelude::*;
use procession::{Node, term::Term};

use super::support::rust::{NAME, Rust, ping, process_there, register, there};
use super::support::wait::{assert_no_message, expect, wait_until};

// OTP 25, run: `ignored`, and `notalive`.
#[test]
fn without_a_node_there_are_no_others() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    rust.stop();
    process::flush();
    assert_eq!(node::connect(there(&beam)), Err(ConnectError::NotAlive));
    assert_eq!(node::disconnect(there(&beam)), Err(NotAlive));
    assert_eq!(node::monitor_node(there(&beam), true), Err(NotAlive));
    assert_eq!(node::nodes(Nodes::Connected), []);
    assert_no_message();
}

#[test]
fn that_are_hidden_are_in_other_lists_than_those_that_are_visible() {
    let Some(rust) = Rust::start_with(|node| node.hidden(false)) else { return };
    let (beam, shy) = (rust.beam(), rust.cluster.beam_with("shy", &["-hidden"]));
    assert_eq!(ping(&beam), "pong");
    assert_eq!(ping(&shy), "pong");
    assert_eq!(Node::list(), [there(&beam)]);
    assert_eq!(node::nodes(Nodes::Hidden), [there(&shy)]);
    assert_eq!(node::nodes(Nodes::Connected).len(), 2);
    assert_eq!(node::nodes(Nodes::This), [Node::named(NAME)]);
    let known = node::nodes(Nodes::Known);
    assert!([there(&beam), there(&shy), Node::local()].iter().all(|node| known.contains(node)));
}

#[test]
fn are_all_hidden_from_a_hidden_one() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    assert_eq!(Node::list(), []);
    assert_eq!(node::nodes(Nodes::Hidden), [there(&beam)]);
}

#[test]
fn are_disconnected_when_that_returns() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(node::disconnect(there(&beam)), Ok(false));
    let pid = process_there(&beam, "ok");
    for _ in 0..100 {
        let monitor = process::monitor(pid);
        node::connect(there(&beam)).unwrap();
        assert_eq!(node::disconnect(there(&beam)), Ok(true));
        assert_eq!(node::nodes(Nodes::Connected), []);
        assert_eq!(process::wait(monitor, Duration::ZERO), Some(ExitReason::NoConnection));
    }
}

#[test]
fn go_down_once_and_last() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let options = MonitorNodesOptions::new().all_node_types();
    node::monitor_nodes_with(true, options);
    let pid = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
    let (node, node_type) = (there(&beam), NodeType::Hidden);
    receive! { up: NodeUpInfo => assert_eq!((up.node, up.node_type), (node, node_type)) }
    node::monitor_node(node, true).unwrap();
    process::link(pid);
    let monitor = process::monitor(pid);
    process::send(pid, 1);
    assert_eq!(expect::<Term>(), Term::Integer(1));
    beam.eval("erlang:disconnect_node('rust@127.0.0.1')");
    // In this order.
    let next = || process::receive_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(next().downcast::<Exit>().unwrap().reason, ExitReason::NoConnection);
    assert_eq!(next().downcast::<Down>().unwrap().monitor, monitor);
    assert_eq!(next().downcast::<NodeDown>().unwrap(), NodeDown(node));
    let down = next().downcast::<NodeDownInfo>().unwrap();
    let closed = NodeDownReason::ConnectionClosed;
    assert_eq!((down.node, down.node_type, down.nodedown_reason), (node, node_type, closed));

    node::connect(node).unwrap();
    expect::<NodeUpInfo>();
    node::disconnect(node).unwrap();
    assert_eq!(expect::<NodeDownInfo>().nodedown_reason, NodeDownReason::Disconnect);
    node::monitor_nodes_with(false, options);
    node::connect(node).unwrap();
    node::disconnect(node).unwrap();
    assert_no_message();
}

#[test]
fn that_are_silent_go_down_for_the_tick_time() {
    let tick = |node: NetKernel| node.tick_time(Duration::from_millis(400)).hidden(false);
    let Some(rust) = Rust::start_with(tick) else { return };
    let beam = rust.beam();
    node::monitor_nodes(true);
    node::monitor_nodes_with(true, MonitorNodesOptions::new().nodedown_reason());
    node::connect(there(&beam)).unwrap();
    assert_eq!(expect::<NodeUp>(), NodeUp(there(&beam)));
    beam.signal("STOP");
    assert_eq!(expect::<NodeDown>(), NodeDown(there(&beam)));
    assert_eq!(expect::<NodeDownInfo>().nodedown_reason, NodeDownReason::NetTickTimeout);
    beam.signal("CONT");
    wait_until(|| node::connect(there(&beam)).is_ok());
    node::monitor_nodes(false);
    node::monitor_nodes_with(false, MonitorNodesOptions::new().nodedown_reason());
}

#[test]
fn that_do_not_exist_go_down_when_they_are_monitored() {
    let Some(_rust) = Rust::start() else { return };
    let nobody = Node::named("nobody@127.0.0.1");
    for _ in 0..3 {
        node::monitor_node(nobody, true).unwrap();
        assert_eq!(expect::<NodeDown>(), NodeDown(nobody));
    }
    assert_eq!(node::monitor_node(Node::local(), true), Ok(()));
    assert_no_message();
}

#[test]
fn of_erlang_are_told_of_this_one() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    register("test");
    let told = beam.begin(
        "net_kernel:monitor_nodes(true, [{node_type, all}]), \
         {test, 'rust@127.0.0.1'} ! ready, \
         erlang:monitor_node('rust@127.0.0.1', true), \
         R = erlang:monitor(process, {test, 'rust@127.0.0.1'}), \
         L = fun L(0) -> []; L(N) -> receive {'DOWN', R, _, _, Why} -> [Why | L(N - 1)]; \
             M -> [element(1, M) | L(N - 1)] end end, \
         lists:sort(L(4))",
    );
    expect::<Term>();
    wait_until(|| process::info(process::self_pid()).unwrap().monitored_by.len() == 1);
    assert_eq!(node::disconnect(there(&beam)), Ok(true));
    assert_eq!(beam.value(told), "[noconnection,nodedown,nodedown,nodeup]");
    // A process that is traced by `seq_trace` sends with a token, which is left out.
    let traced = "seq_trace:set_token(label, 17), seq_trace:set_token(send, true), \
                  {test, 'rust@127.0.0.1'} ! traced";
    beam.eval(traced);
    assert_eq!(expect::<Term>().to_string(), "traced");
}
