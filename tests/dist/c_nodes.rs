//! Nodes in C.

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::node::{self, NodeDown, Nodes};
use procession::prelude::*;
use procession::term::{self, Atom, Term, atom};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::support::c_node::Program;
use super::support::counter::{self, Counter};
use super::support::rust::{Rust, expect_term, register};
use super::support::wait::{assert_no_message, expect};

fn offering(node: NetKernel) -> NetKernel {
    node.serve::<Counter>().offer("math", "add", |a: i64, b: i64| a + b).offer(
        "math",
        "divide",
        |a: i64, b: i64| a / b,
    )
}

/// What the node in C says when it has connected: where it is.
fn expect_hello() -> Pid {
    let (word, pid): (Atom, Pid) = expect_term();
    assert_eq!(word.as_str(), "hello");
    pid
}

/// What the node in C answers to a command.
fn ask<T: DeserializeOwned>(pid: Pid, command: &'static str, argument: &impl Serialize) -> T {
    process::send(pid, term::to_term(&(atom(command), argument)).unwrap());
    let (answered, result): (Atom, T) = expect_term();
    assert_eq!(answered.as_str(), command);
    result
}

fn rpc(pid: Pid, function: &'static str, arguments: &[i64]) -> Term {
    ask(pid, "rpc", &(atom("math"), atom(function), arguments))
}

#[test]
fn are_served_hidden() {
    let Some(program) = Program::compile("served") else { return };
    let Some(rust) = Rust::start_with(|node| offering(node).hidden(false)) else { return };
    register("test");
    let counter = counter::start();
    let c_node = program.dial("c", &rust.cluster);
    let there = expect_hello();
    assert_eq!(there.node(), Node::named("c@127.0.0.1"));
    assert_eq!(node::nodes(Nodes::Hidden), [there.node()]);
    assert_eq!(Node::list(), []);
    // A call of a server.
    assert_eq!(ask::<i64>(there, "call", &(atom("add"), 3)), 3);
    assert_eq!(ask::<i64>(there, "call", &(atom("get_times"), 2)), 6);
    assert_eq!(ask::<i64>(there, "call", &atom("by_other")), 3);
    // `ei_rpc`.
    assert_eq!(rpc(there, "add", &[2, 3]), Term::from(5));
    assert_eq!(
        rpc(there, "sub", &[2]).to_string(),
        "{badrpc,{'EXIT',{undef,[{math,sub,[2],[]}]}}}"
    );
    let panicked = rpc(there, "divide", &[1, 0]).to_string();
    assert!(panicked.starts_with(r#"{badrpc,{'EXIT',{{panic,<<"attempt"#), "{panicked}");
    // Messages each way.
    let me = process::self_pid();
    assert_eq!(ask::<(Pid, Pid)>(there, "echo", &(me, there)), (me, there));
    let terms = (1.5, -1, u128::MAX, "text", [1, 1000], Vec::<i64>::new(), Some(atom("größe")));
    let terms = term::to_term(&terms).unwrap();
    assert_eq!(ask::<Term>(there, "echo", &terms), terms);

    node::monitor_node(there.node(), true).unwrap();
    process::send(there, term::to_term(&(atom("stop"), 0)).unwrap());
    c_node.expect_end();
    assert_eq!(expect::<NodeDown>(), NodeDown(there.node()));
    assert_no_message();
    counter.stop().unwrap();
}

#[test]
fn are_connected_with() {
    let Some(program) = Program::compile("connected") else { return };
    let Some(rust) = Rust::start_with(offering) else { return };
    register("test");
    let c_node = program.accept("c", &rust.cluster);
    node::connect(Node::named("c@127.0.0.1")).unwrap();
    let there = expect_hello();
    assert_eq!(node::nodes(Nodes::Connected), [there.node()]);
    assert_eq!(ask::<i64>(there, "echo", &7), 7);
    assert_eq!(rpc(there, "add", &[2, 3]), Term::from(5));
    // A name there: all goes to the one process that there is.
    process::send(("any", there.node()), term::to_term(&(atom("echo"), 8)).unwrap());
    assert_eq!(expect_term::<(Atom, i64)>(), (atom("echo"), 8));
    assert_eq!(node::disconnect(there.node()), Ok(true));
    drop(c_node);
    assert_no_message();
}
