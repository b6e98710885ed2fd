//! Functions that nodes have each other run.

use std::io::{self, Write};
use std::process::Command;
use std::time::Duration;

use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::rpc::{self, RpcError};
use procession::term::{Term, atom};
use procession::{CallErrorKind, Node};

use super::support::beam::{Beam, cookie};
use super::support::rust::{Rust, ping, there};
use super::support::wait::{assert_no_message, test_timeout, wait_until};

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
    // It lives on: what is cast by a node that is killed may never have left.
    let beam = rust.beam();
    assert_eq!(beam.eval("erpc:cast('rust@127.0.0.1', math, stay, [])"), "ok");
    wait_until(|| process::whereis("rpc_stays").is_some());
    process::exit(process::whereis("rpc_stays").unwrap(), ExitReason::Shutdown);
    wait_until(|| process::whereis("rpc_stays").is_none());
    assert_eq!(beam.eval("rpc:cast('rust@127.0.0.1', math, stay, [])"), "true");
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

/// What a request to the server `rex` of this node is answered.
fn asked_of_rex(rust: &Rust, function: &str, arguments: &str) -> String {
    let request = format!("{{call, math, {function}, {arguments}, user}}");
    caught(rust, &format!("gen_server:call({{rex, Node}}, {request})"))
}

// OTP 25, run: the same of nodes of Erlang
#[test]
fn the_server_rex_runs_what_is_offered() {
    let Some(rust) = Rust::start_with(offering) else { return };
    assert_eq!(asked_of_rex(&rust, "add", "[2, 3]"), "5");
    assert_eq!(
        asked_of_rex(&rust, "sub", "[2, 3]"),
        "{badrpc,{'EXIT',{undef,[{math,sub,[2,3],[]}]}}}"
    );
    assert_eq!(asked_of_rex(&rust, "leave", "[bored]"), "{badrpc,{'EXIT',bored}}");
    let text = r#"{badrpc,{'EXIT',{{panic,<<"attempt to divide by zero">>},[]}}}"#;
    assert_eq!(asked_of_rex(&rust, "divide", "[1, 0]"), text);
}

#[test]
fn the_server_rex_answers_for_a_process_that_is_ended() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let beam = rust.beam();
    let request = "{call, math, stay, [], user}";
    let call = beam.begin(&format!("gen_server:call({{rex, 'rust@127.0.0.1'}}, {request})"));
    wait_until(|| process::whereis("rpc_stays").is_some());
    // Others are answered meanwhile.
    assert_eq!(asked_of_rex_by(&beam, "add", "[1, 2]"), "3");
    process::exit(process::whereis("rpc_stays").unwrap(), ExitReason::Kill);
    assert_eq!(beam.value(call), "{badrpc,{'EXIT',killed}}");
}

/// What a plain message to the server `rex` of this node is answered.
fn asked_of_rex_by(beam: &Beam, function: &str, arguments: &str) -> String {
    beam.eval(&format!(
        "Node = 'rust@127.0.0.1', {{rex, Node}} ! {{self(), features_request}}, \
         {{rex, Node}} ! {{self(), {{call, math, {function}, {arguments}, user}}}}, \
         receive {{rex, Value}} -> Value end"
    ))
}

// OTP: `ei_rpc` of programs in C
#[test]
fn the_server_rex_answers_plain_messages() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let beam = rust.beam();
    assert_eq!(asked_of_rex_by(&beam, "add", "[2, 3]"), "5");
    assert_eq!(
        asked_of_rex_by(&beam, "add", "[2]"),
        "{badrpc,{'EXIT',{undef,[{math,add,[2],[]}]}}}"
    );
}

// OTP 25, run: `erl_call` prints the same of nodes of Erlang
#[test]
fn erl_call_calls_what_is_offered() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let mut number = 0;
    let mut called = |what: &str| {
        // Each is a node with a name of its own: the one before may seem to be connected yet.
        number += 1;
        let output = Command::new("erl_call")
            .args(["-h", &format!("call{number}")])
            .args(["-c", cookie(), "-name", "rust@127.0.0.1", "-a", what])
            .env("ERL_EPMD_PORT", rust.cluster.epmd_port().to_string())
            .output()
            .ok()?;
        let error = String::from_utf8_lossy(&output.stderr);
        Some(format!("{}{error}", String::from_utf8_lossy(&output.stdout).trim()))
    };
    let Some(sum) = called("math add [2,3]") else {
        // Also shown if the test passes.
        _ = writeln!(io::stderr(), "skipped: there is no `erl_call` in PATH");
        return;
    };
    assert_eq!(sum, "5");
    assert_eq!(called("math nothing").unwrap(), "ok");
    let undefined = called("math sub [2000,3000]").unwrap().replace(' ', "");
    assert_eq!(undefined, "{badrpc,{'EXIT',{undef,[{math,sub,[2000,3000],[]}]}}}");
    let panicked = called("math divide [1,0]").unwrap().replace(' ', "");
    assert!(panicked.starts_with("{badrpc,{'EXIT',{{panic,#Bin<97,116,116,"), "{panicked}");
}

/// The reason of a function that has failed.
#[track_caller]
fn bad_rpc(result: Result<Term, RpcError>) -> String {
    match result {
        Err(RpcError::BadRpc(reason)) => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Why there is no answer.
#[track_caller]
fn failure(result: Result<Term, RpcError>) -> CallErrorKind {
    match result {
        Err(RpcError::Call(error)) => error.into_kind(),
        other => panic!("{other:?}"),
    }
}

// OTP: rpc_SUITE:call
#[test]
fn functions_of_erlang_are_called() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = there(&beam);
    let reversed = rpc::call::<Vec<String>>(there, "lists", "reverse", &(vec!["a", "b"],));
    assert_eq!(reversed.unwrap(), ["b", "a"]);
    assert_eq!(rpc::call(there, "erlang", "max", &[3, 7][..]), Ok(7));
    assert_eq!(rpc::call(there, "erlang", "node", &()), Ok(atom("beam@127.0.0.1")));
    assert_no_message();
}

// OTP: rpc_SUITE:call
#[test]
fn a_function_of_erlang_that_fails_is_an_error() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = there(&beam);
    let reason = bad_rpc(rpc::call(there, "erlang", "error", &(atom("oops"),)));
    assert!(reason.starts_with("{'EXIT',{oops,["), "{reason}");
    assert_eq!(bad_rpc(rpc::call(there, "erlang", "exit", &(atom("oops"),))), "{'EXIT',oops}");
    let reason = bad_rpc(rpc::call(there, "nowhere", "nothing", &(1, "b")));
    assert!(reason.starts_with("{'EXIT',{undef,[{nowhere,nothing,[1,<<\"b\">>],[]}"), "{reason}");
    // What is thrown is a value, in Erlang too.
    assert_eq!(rpc::call(there, "erlang", "throw", &(7,)), Ok(7));
    assert_no_message();
}

#[test]
fn a_value_of_another_type_is_an_error() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = there(&beam);
    let answer = rpc::call::<u32>(there, "erlang", "self", &()).unwrap_err();
    let RpcError::Call(error) = answer else { panic!("{answer}") };
    assert!(matches!(error.kind(), CallErrorKind::BadReply(_)), "{error}");
    let kind = failure(rpc::call(there, &"m".repeat(256), "f", &()));
    assert!(matches!(kind, CallErrorKind::NoExternalForm(_)), "{kind:?}");
    let kind = failure(rpc::call(there, "erlang", "abs", &(f64::NAN,)));
    assert!(matches!(kind, CallErrorKind::NoExternalForm(_)), "{kind:?}");
}

// OTP: rpc_SUITE:call
#[test]
fn a_function_that_takes_too_long_is_given_up() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let (ever, timeout) = ((atom("infinity"),), Duration::from_millis(1));
    let result = rpc::call_timeout(there(&beam), "timer", "sleep", &ever, timeout);
    assert_eq!(failure(result), CallErrorKind::Timeout);
    let nobody = Node::named("nobody@127.0.0.1");
    let kind = failure(rpc::call(nobody, "erlang", "node", &()));
    assert_eq!(kind, CallErrorKind::NodeDown(nobody));
    assert_no_message();
}

// OTP: rpc_SUITE:cast
#[test]
fn a_function_of_erlang_is_cast() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let me = process::self_pid();
    rpc::cast(there(&beam), "erlang", "send", &(me, atom("hello"))).unwrap();
    receive! {
        it: Term => assert_eq!(it, atom("hello").into()),
        after test_timeout() => panic!("nothing has come"),
    }
}

// OTP: erpc_SUITE:multicall
#[test]
fn functions_of_many_nodes_are_called_at_once() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let beam = rust.beam();
    let nobody = Node::named("nobody@127.0.0.1");
    let nodes = [Node::local(), nobody, there(&beam)];
    let long = Duration::from_secs(20);
    let mut results = rpc::multicall::<Term>(&nodes, "erlang", "abs", &(-3,), long);
    assert_eq!(results.pop(), Some(Ok(3.into())));
    assert_eq!(failure(results.pop().unwrap()), CallErrorKind::NodeDown(nobody));
    let reason = bad_rpc(results.pop().unwrap());
    assert_eq!(reason, "{'EXIT',{undef,[{erlang,abs,[-3],[]}]}}");
    assert_no_message();
}

#[test]
fn programs_call_what_others_offer() {
    let twin = Rust::start_both_with(offering, |parent| {
        parent.tell(&true);
        parent.told::<bool>();
    });
    let Some((_rust, mut twin)) = twin else { return };
    twin.told::<bool>();
    let there = twin.node();
    assert_eq!(rpc::call(there, "math", "add", &(2, 3)), Ok(5));
    assert_eq!(rpc::call(there, "math", "nothing", &()), Ok(()));
    let pid: Pid = rpc::call(there, "math", "who", &()).unwrap();
    assert_eq!(pid.node(), there);
    assert_eq!(
        bad_rpc(rpc::call(there, "math", "add", &(2, "x"))),
        r#"{'EXIT',{function_clause,[{math,add,[2,<<"x">>],[]}]}}"#
    );
    assert_eq!(
        bad_rpc(rpc::call(there, "math", "divide", &(1, 0))),
        r#"{'EXIT',{{panic,<<"attempt to divide by zero">>},[]}}"#
    );
    let timeout = Duration::from_millis(1);
    let result = rpc::call_timeout(there, "math", "stay", &(), timeout);
    assert_eq!(failure(result), CallErrorKind::Timeout);
    // This node is one like others.
    assert_eq!(rpc::call(Node::local(), "math", "add", &(2, 3)), Ok(5));
    twin.kill();
    let kind = failure(rpc::call(there, "math", "stay", &()));
    assert_eq!(kind, CallErrorKind::NodeDown(there));
    assert_no_message();
}
