//! Connecting.

use procession::Node;
use procession::net_kernel;

use super::support::rust::{NAME, Rust, ping, there};
use super::support::wait::wait_until;

#[test]
fn connects() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(net_kernel::connect_node(there(&beam)), Ok(()));
    assert_eq!(net_kernel::connect_node(there(&beam)), Ok(()));
    assert_eq!(net_kernel::nodes(), [there(&beam)]);
    wait_until(|| beam.eval("nodes(hidden)") == format!("['{NAME}']"));
    assert_eq!(ping(&beam), "pong");
}

#[test]
fn says_why_there_is_no_connection() {
    let Some(mut rust) = Rust::start() else { return };
    let nobody = Node::named("nobody@127.0.0.1");
    let error = net_kernel::connect_node(nobody).unwrap_err();
    assert_eq!(error.to_string(), "epmd knows of no node nobody@127.0.0.1");
    rust.cluster.stop_epmd();
    let nowhere = Node::named("nowhere@127.0.0.1");
    let error = net_kernel::connect_node(nowhere).unwrap_err().to_string();
    assert!(error.starts_with("no epmd could be reached at 127.0.0.1"), "{error}");
}

#[test]
fn connects_again_with_a_node_that_was_restarted() {
    let Some(rust) = Rust::start() else { return };
    let mut beam = rust.beam();
    net_kernel::connect_node(there(&beam)).unwrap();
    beam.kill();
    wait_until(|| net_kernel::nodes().is_empty());
    let beam = rust.beam();
    // The dial that has failed, perhaps, is remembered for a moment.
    wait_until(|| net_kernel::connect_node(there(&beam)).is_ok());
    assert_eq!(ping(&beam), "pong");
}

#[test]
fn and_a_ping_at_the_same_time_lead_to_one_connection() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    for round in 0..200 {
        let ping = beam.begin("net_adm:ping('rust@127.0.0.1')");
        let connected = net_kernel::connect_node(there(&beam));
        assert_eq!(connected, Ok(()), "round {round}");
        assert_eq!(beam.value(ping), "pong", "round {round}");
        assert_eq!(net_kernel::nodes(), [there(&beam)]);
        let disconnected = beam.eval("erlang:disconnect_node('rust@127.0.0.1')");
        assert_eq!(disconnected, "true");
        wait_until(|| net_kernel::nodes().is_empty());
    }
}
