//! Dials whose ends nobody would tell.

use std::time::Duration;

use procession::net_kernel::NetKernel;
use procession::node;
use procession::prelude::*;

use super::support::rust::{Rust, process_there, there};
use super::support::wait::{down_reason, wait_until};

#[test]
fn are_given_up_when_net_kernel_is_killed() {
    let tick = |node: NetKernel| node.tick_time(Duration::from_millis(400));
    let Some(rust) = Rust::start_with(tick) else { return };
    let beam = rust.beam();
    let pid = process_there(&beam, "ok");
    let lost = process::monitor(pid);
    beam.signal("STOP");
    assert_eq!(down_reason(lost), ExitReason::NoConnection);
    // Its host takes the connection, but nobody answers, for the set-up time.
    let dialled = process::monitor(pid);
    let kernel = process::whereis("net_kernel").unwrap();
    process::exit(kernel, ExitReason::Kill);
    assert_eq!(down_reason(dialled), ExitReason::NoConnection);
    beam.signal("CONT");
    wait_until(|| node::connect(there(&beam)).is_ok());
}
