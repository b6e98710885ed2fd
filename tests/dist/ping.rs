//! What `net_adm:ping/1` says.

use procession::Node;
use procession::node::{self, ConnectError, Nodes};

use super::support::rust::{NAME, Rust, ping, there};

#[test]
fn is_answered_by_a_pong() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    assert_eq!(beam.eval("nodes()"), "[]");
    assert_eq!(beam.eval("nodes(hidden)"), format!("['{NAME}']"));
    assert_eq!(node::nodes(Nodes::Connected), [there(&beam)]);
    assert_eq!(Node::local().name(), NAME);
}

#[test]
fn is_answered_by_a_visible_node() {
    let Some(rust) = Rust::start_with(|node| node.hidden(false)) else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    assert_eq!(beam.eval("nodes()"), format!("['{NAME}']"));
}

#[test]
fn is_not_answered_where_the_cookies_differ() {
    let Some(rust) = Rust::start_with(|node| node.cookie("wrong")) else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pang");
    assert_eq!(node::connect(there(&beam)), Err(ConnectError::WrongCookie));
    assert_eq!(node::nodes(Nodes::Connected), []);
}
