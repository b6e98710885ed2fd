//! Life beside EPMD.

use super::support::rust::{Rust, ping};
use super::support::wait::wait_until;

#[test]
fn may_go_away_and_come_back() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    rust.cluster.stop_epmd();
    assert_eq!(ping(&beam), "pong");
    rust.cluster.start_epmd();
    let find = "erl_epmd:port_please(\"rust\", {127, 0, 0, 1})";
    wait_until(|| beam.eval(find).starts_with("{port,"));
    assert_eq!(beam.eval("erlang:disconnect_node('rust@127.0.0.1')"), "true");
    assert_eq!(ping(&beam), "pong");
}
