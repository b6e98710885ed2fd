//! Connecting.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use procession::Node;
use procession::node::{self, Nodes};
use procession::prelude::*;

use super::support::rust::{NAME, Rust, ping, there};
use super::support::wait::wait_until;

#[test]
fn connects() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(node::connect(there(&beam)), Ok(()));
    assert_eq!(node::connect(there(&beam)), Ok(()));
    assert_eq!(node::nodes(Nodes::Connected), [there(&beam)]);
    wait_until(|| beam.eval("nodes(hidden)") == format!("['{NAME}']"));
    assert_eq!(ping(&beam), "pong");
}

#[test]
fn says_why_there_is_no_connection() {
    let Some(mut rust) = Rust::start() else { return };
    let nobody = Node::named("nobody@127.0.0.1");
    let error = node::connect(nobody).unwrap_err();
    assert_eq!(error.to_string(), "epmd knows of no node nobody@127.0.0.1");
    rust.cluster.stop_epmd();
    let nowhere = Node::named("nowhere@127.0.0.1");
    let error = node::connect(nowhere).unwrap_err().to_string();
    assert!(error.starts_with("no epmd could be reached at 127.0.0.1"), "{error}");
}

// OTP: each `net_kernel:connect_node/1` tries it.
#[test]
fn tries_it_each_time_that_it_is_asked_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let Some(_rust) = Rust::start_with(|node| node.peer("closes@127.0.0.1", address)) else {
        return;
    };
    let attempts = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&attempts);
    let close = move || {
        for stream in listener.incoming().take(3) {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    };
    process::spawn(close).unwrap();
    let closes = Node::named("closes@127.0.0.1");
    for attempt in 1..=3 {
        assert!(node::connect(closes).is_err());
        assert_eq!(attempts.load(Ordering::SeqCst), attempt);
    }
}

#[test]
fn connects_again_with_a_node_that_was_restarted() {
    let Some(rust) = Rust::start() else { return };
    let mut beam = rust.beam();
    node::connect(there(&beam)).unwrap();
    beam.kill();
    wait_until(|| node::nodes(Nodes::Connected).is_empty());
    let beam = rust.beam();
    assert_eq!(node::connect(there(&beam)), Ok(()));
    assert_eq!(ping(&beam), "pong");
}

#[test]
fn and_a_ping_at_the_same_time_lead_to_one_connection() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    for round in 0..200 {
        let ping = beam.begin("net_adm:ping('rust@127.0.0.1')");
        let connected = node::connect(there(&beam));
        assert_eq!(connected, Ok(()), "round {round}");
        assert_eq!(beam.value(ping), "pong", "round {round}");
        assert_eq!(node::nodes(Nodes::Connected), [there(&beam)]);
        let disconnected = beam.eval("erlang:disconnect_node('rust@127.0.0.1')");
        assert_eq!(disconnected, "true");
        wait_until(|| node::nodes(Nodes::Connected).is_empty());
        // It takes the connection for one until its own `net_kernel` has heard of its end.
        let left = "ets:lookup(sys_dist, 'rust@127.0.0.1')";
        wait_until(|| beam.eval(left) == "[]");
    }
}
