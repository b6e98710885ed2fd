//! Ticks.

use std::time::Duration;

use procession::net_kernel::NetKernel;
use procession::prelude::*;

use super::support::rust::{Rust, ping, process_there};
use super::support::wait::down_reason;

#[test]
fn keep_a_connection_that_carries_nothing_else() {
    let tick = |node: NetKernel| node.tick_time(Duration::from_millis(400));
    let Some(rust) = Rust::start_with(tick) else { return };
    let beam = rust.cluster.beam_with("beam", &["-kernel", "net_ticktime", "4"]);
    assert_eq!(ping(&beam), "pong");
    drop(beam);
    drop(rust);
}

#[test]
fn that_do_not_come_end_a_connection() {
    let tick = |node: NetKernel| node.tick_time(Duration::from_millis(400));
    let Some(rust) = Rust::start_with(tick) else { return };
    let beam = rust.beam();
    let there = process_there(&beam, "ok");
    let monitor = process::monitor(there);
    beam.signal("STOP");
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    beam.signal("CONT");
}
