//! Connections that are cut or held on their way.

use std::time::Duration;

use procession::net_kernel::NetKernel;
use procession::node;
use procession::prelude::*;
use procession::term::Term;

use super::support::relay::Way;
use super::support::rust::{Rust, process_there, there};
use super::support::wait::{assert_no_message, down_reason, expect_exit, wait_until};

#[test]
fn a_frame_that_is_cut_in_the_middle_ends_the_connection() {
    for way in [Way::There, Way::Back] {
        let Some((_rust, beam, relay)) = Rust::start_behind_a_relay(|node| node) else { return };
        node::connect(there(&beam)).unwrap();
        let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
        process::link(echo);
        let monitor = process::monitor(echo);
        // Both have it: what is sent next is cut.
        beam.eval("nodes()");
        relay.cut_after(way, 1000);
        process::send(echo, Term::Binary(vec![0; 2000].into()));
        assert_eq!(expect_exit(echo), ExitReason::NoConnection);
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        wait_until(|| beam.eval("nodes(hidden)") == "[]");
        assert_no_message();
        relay.release();
        wait_until(|| node::connect(there(&beam)).is_ok());
    }
}

#[test]
fn a_way_that_is_held_ends_the_connection_by_its_ticks() {
    for way in [Way::There, Way::Back] {
        let ticks = |node: NetKernel| node.tick_time(Duration::from_secs(1));
        let Some((_rust, beam, relay)) = Rust::start_behind_a_relay(ticks) else { return };
        beam.eval("net_kernel:set_net_ticktime(1, 0)");
        node::connect(there(&beam)).unwrap();
        let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
        let monitor = process::monitor(echo);
        relay.hold(way);
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        wait_until(|| beam.eval("nodes(hidden)") == "[]");
        relay.release();
        wait_until(|| node::connect(there(&beam)).is_ok());
    }
}
