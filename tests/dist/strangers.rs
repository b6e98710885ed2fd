//! Those who connect, and are no nodes as they should be.

use std::time::{Duration, Instant};

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::node::{self, Nodes};
use procession::prelude::*;

use super::support::rust::{NAME, Rust, ping, process_there, there};
use super::support::stranger::{FLAGS, Stranger};
use super::support::wait::{assert_no_message, down_reason, wait_until};

#[test]
fn who_lacks_what_is_mandatory_is_not_allowed() {
    let Some(rust) = Rust::start() else { return };
    let address = rust.cluster.address_of("rust");
    for flag in [0x4, 0x400, 0x2_0000, 0x100_0000, 0x200_0000, 1 << 34] {
        let mut stranger = Stranger::connect(address).unwrap();
        let flags = FLAGS & !0x400_0000 & !flag;
        stranger.introduce(flags, "stranger@127.0.0.1", 7).unwrap();
        assert_eq!(stranger.receive().unwrap(), b"snot_allowed");
        stranger.expect_closed();
    }
}

#[test]
fn who_has_the_name_of_the_node_is_not_allowed() {
    let Some(rust) = Rust::start() else { return };
    let mut stranger = Stranger::connect(rust.cluster.address_of("rust")).unwrap();
    stranger.introduce(FLAGS, NAME, 7).unwrap();
    assert_eq!(stranger.receive().unwrap(), b"snot_allowed");
    stranger.expect_closed();
}

#[test]
fn who_says_nothing_is_left_after_the_set_up_time() {
    let time = Duration::from_millis(200);
    let Some(rust) = Rust::start_with(|node| node.set_up_time(time)) else { return };
    let begin = Instant::now();
    let mut stranger = Stranger::connect(rust.cluster.address_of("rust")).unwrap();
    stranger.expect_closed();
    assert!(begin.elapsed() >= time);
    // Who says little is, too.
    let mut stranger = Stranger::connect(rust.cluster.address_of("rust")).unwrap();
    stranger.introduce(FLAGS, "stranger@127.0.0.1", 7).unwrap();
    stranger.expect_closed();
}

#[test]
fn of_two_connections_of_one_name_the_newer_stays() {
    let Some(rust) = Rust::start() else { return };
    let address = rust.cluster.address_of("rust");
    let mut first = Stranger::node(address, "stranger@127.0.0.1", 7).unwrap();
    let _second = Stranger::node(address, "stranger@127.0.0.1", 8).unwrap();
    first.expect_closed();
    assert_eq!(node::nodes(Nodes::Connected), [Node::named("stranger@127.0.0.1")]);
}

#[test]
fn a_frame_above_the_limit_ends_its_connection() {
    let limit = |node: NetKernel| node.max_frame(100_000);
    let Some(rust) = Rust::start_with(limit) else { return };
    let beam = rust.beam();
    let pid = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
    let monitor = process::monitor(pid);
    beam.eval("{test, 'rust@127.0.0.1'} ! <<0:800000>>");
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    // It is back at the next use.
    wait_until(|| ping(&beam) == "pong");
    assert_eq!(node::nodes(Nodes::Connected), [there(&beam)]);
    assert_no_message();
}
