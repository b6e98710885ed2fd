//! Functions that nodes have each other run.

use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term::Term;

use super::support::rust::{Rust, ping};
use super::support::wait::wait_until;

/// A node that offers what the tests call.
fn offering(node: NetKernel) -> NetKernel {
    node.offer("math", "add", |a: i64, b: i64| a + b)
        .offer("math", "divide", |a: i64, b: i64| a / b)
        .offer("math", "nothing", || ())
        .offer("math", "who", process::self_pid)
        .offer("math", "leave", |reason: Term| -> Term {
            process::exit_self(ExitReason::new(reason));
        })
        .offer("math", "stay", || -> Term {
            process::register("rpc_stays", process::self_pid()).unwrap();
            loop {
                process::receive();
            }
        })
}

/// What a function of Erlang makes of a call to this node, with its exceptions as values.
fn caught(rust: &Rust, expression: &str) -> String {
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    let source = format!(
        "Node = 'rust@127.0.0.1', \
         try {expression} catch Class:Reason -> {{Class, Reason}} end"
    );
    beam.eval(&source)
}

// OTP: erpc_SUITE:call
#[test]
fn a_call_from_erlang_returns_what_the_function_does() {
    let Some(rust) = Rust::start_with(offering) else { return };
    assert_eq!(caught(&rust, "erpc:call(Node, math, add, [2, 3])"), "5");
    assert_eq!(caught(&rust, "rpc:call(Node, math, add, [2, 3])"), "5");
    assert_eq!(caught(&rust, "rpc:call(Node, math, nothing, [])"), "ok");
}

#[test]
fn each_call_has_a_process_of_its_own() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let two = "[erpc:call(Node, math, who, []) || _ <- [1, 2]]";
    let source = format!("case {two} of [A, A] -> same; [A, B] -> {{node(A), node(B)}} end");
    assert_eq!(caught(&rust, &source), "{'rust@127.0.0.1','rust@127.0.0.1'}");
}

// OTP 25, run: the same of nodes of Erlang
#[test]
fn a_function_that_is_not_offered_is_undefined() {
    let Some(rust) = Rust::start_with(offering) else { return };
    assert_eq!(
        caught(&rust, "erpc:call(Node, math, sub, [2, 3])"),
        "{error,{exception,undef,[{math,sub,[2,3],[]}]}}"
    );
    assert_eq!(
        caught(&rust, "rpc:call(Node, math, sub, [2, 3])"),
        "{badrpc,{'EXIT',{undef,[{math,sub,[2,3],[]}]}}}"
    );
}

#[test]
fn arguments_of_other_types_match_no_clause() {
    let Some(rust) = Rust::start_with(offering) else { return };
    assert_eq!(
        caught(&rust, "erpc:call(Node, math, add, [2, x])"),
        "{error,{exception,function_clause,[{math,add,[2,x],[]}]}}"
    );
}

#[test]
fn a_panic_is_an_error_of_the_caller() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let text = r#"{panic,<<"attempt to divide by zero">>}"#;
    assert_eq!(
        caught(&rust, "erpc:call(Node, math, divide, [1, 0])"),
        format!("{{error,{{exception,{text},[]}}}}")
    );
    assert_eq!(
        caught(&rust, "rpc:call(Node, math, divide, [1, 0])"),
        format!("{{badrpc,{{'EXIT',{{{text},[]}}}}}}")
    );
}

// OTP: erpc_SUITE:call
#[test]
fn a_process_that_ends_itself_is_an_exit_of_the_caller() {
    let Some(rust) = Rust::start_with(offering) else { return };
    assert_eq!(caught(&rust, "erpc:call(Node, math, leave, [bored])"), "{exit,{exception,bored}}");
    assert_eq!(caught(&rust, "rpc:call(Node, math, leave, [bored])"), "{badrpc,{'EXIT',bored}}");
}

// OTP: erpc_SUITE:call
#[test]
fn a_process_that_is_ended_is_a_signal_to_the_caller() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let beam = rust.beam();
    let call = "catch erpc:call('rust@127.0.0.1', math, stay, [])";
    let call = beam.begin(call);
    wait_until(|| process::whereis("rpc_stays").is_some());
    process::exit(process::whereis("rpc_stays").unwrap(), ExitReason::Kill);
    assert_eq!(beam.value(call), "{'EXIT',{signal,killed}}");
}

// OTP: erpc_SUITE:cast
#[test]
fn a_cast_runs_the_function() {
    let Some(rust) = Rust::start_with(offering) else { return };
    assert_eq!(caught(&rust, "erpc:cast(Node, math, stay, [])"), "ok");
    wait_until(|| process::whereis("rpc_stays").is_some());
    process::exit(process::whereis("rpc_stays").unwrap(), ExitReason::Shutdown);
    wait_until(|| process::whereis("rpc_stays").is_none());
    assert_eq!(caught(&rust, "rpc:cast(Node, math, stay, [])"), "true");
    wait_until(|| process::whereis("rpc_stays").is_some());
    process::exit(process::whereis("rpc_stays").unwrap(), ExitReason::Shutdown);
}

// OTP: erpc_SUITE:multicall
#[test]
fn many_nodes_are_called_at_once() {
    let Some(rust) = Rust::start_with(offering) else { return };
    assert_eq!(
        caught(&rust, "erpc:multicall([Node, 'none@127.0.0.1'], math, add, [1, 2])"),
        "[{ok,3},{error,{erpc,noconnection}}]"
    );
    assert_eq!(
        caught(&rust, "rpc:multicall([Node, 'none@127.0.0.1'], math, add, [1, 2])"),
        "{[3],['none@127.0.0.1']}"
    );
}

#[test]
fn a_process_of_another_function_is_refused() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let source = "R = spawn_request(Node, math, add, [1, 2], [monitor]), \
                  receive {spawn_reply, R, Result, Why} -> {Result, Why} end";
    assert_eq!(caught(&rust, source), "{error,notsup}");
}
