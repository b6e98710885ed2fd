//! Calls that tell by which exception a function has failed.

use std::time::Duration;

use procession::erpc::{self, ErpcError};
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term::{Term, atom};
use procession::{CallErrorKind, Node};

use super::support::rust::{Rust, expect_term, there};
use super::support::wait::{assert_no_message, test_timeout};

fn offering(node: NetKernel) -> NetKernel {
    node.offer("math", "add", |a: i64, b: i64| a + b)
        .offer("math", "divide", |a: i64, b: i64| a / b)
        .offer("math", "leave", |reason: Term| -> Term {
            process::exit_self(ExitReason::new(reason));
        })
        .offer("math", "stay", || -> Term { process::receive().downcast().unwrap() })
        .offer("math", "end", || -> Term {
            let me = process::self_pid();
            process::spawn(move || process::exit(me, ExitReason::Kill)).unwrap();
            process::receive().downcast().unwrap()
        })
}

fn term(name: &'static str) -> Term {
    atom(name).into()
}

/// Why there is no answer.
#[track_caller]
fn failure(result: Result<Term, ErpcError>) -> CallErrorKind {
    match result {
        Err(ErpcError::Erpc(error)) => error.into_kind(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn error(result: Result<Term, ErpcError>) -> (String, String) {
    match result {
        Err(ErpcError::Error { reason, stack }) => (reason.to_string(), stack.to_string()),
        other => panic!("{other:?}"),
    }
}

// OTP: erpc_SUITE:call
#[test]
fn functions_of_erlang_return_their_values_and_exceptions() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = there(&beam);
    let call =
        |function, arguments: &[Term]| erpc::call::<Term>(there, "erlang", function, arguments);
    assert_eq!(erpc::call(there, "lists", "reverse", &(vec![1, 2, 3],)), Ok(vec![3, 2, 1]));
    assert_eq!(call("throw", &[term("x")]), Err(ErpcError::Throw(term("x"))));
    assert_eq!(call("exit", &[term("x")]), Err(ErpcError::Exit(term("x"))));
    let (reason, stack) = error(call("error", &[term("x")]));
    assert_eq!((&*reason, &*stack), ("x", "[{erlang,error,[x],[]}]"));
    let (reason, stack) = error(erpc::call(there, "nowhere", "f", &(1,)));
    assert_eq!((&*reason, &*stack), ("undef", "[{nowhere,f,[1],[]}]"));
    assert_eq!(
        erpc::call::<Term>(there, "lists", "foreach", &(term("x"), ())).unwrap_err().to_string(),
        "the function has failed: function_clause"
    );
    // What a value looks like does not matter.
    let looks = Term::Tuple(vec![term("badrpc"), term("x")]);
    assert_eq!(call("hd", &[Term::List(vec![looks.clone()])]), Ok(looks));
    assert_no_message();
}

// OTP: erpc_SUITE:call, a process that is killed
#[test]
fn a_process_that_is_ended_there_is_a_signal() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = there(&beam);
    let request = erpc::send_request::<Term>(there, "timer", "sleep", &(term("infinity"),));
    beam.eval(
        "(fun Kill() -> case [P || P <- processes(), \
             {current_function, {timer, sleep, 1}} =:= process_info(P, current_function)] of \
             [P] -> exit(P, kill); _ -> Kill() end end)()",
    );
    let ended = request.unwrap().receive_response(test_timeout());
    assert_eq!(ended, Err(ErpcError::Signal(term("killed"))));
}

// OTP: erpc_SUITE:call, timeouts and nodes that are gone
#[test]
fn what_is_no_answer_is_an_error_of_the_call() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = there(&beam);
    let (ever, short) = ((term("infinity"),), Duration::from_millis(1));
    let late = erpc::call_timeout(there, "timer", "sleep", &ever, short);
    assert_eq!(failure(late), CallErrorKind::Timeout);
    let nobody = Node::named("nobody@127.0.0.1");
    let gone = erpc::call(nobody, "erlang", "node", &());
    assert_eq!(failure(gone), CallErrorKind::NodeDown(nobody));
    let unspelt = failure(erpc::call(there, "erlang", "abs", &(f64::NAN,)));
    assert!(matches!(unspelt, CallErrorKind::NoExternalForm(_)), "{unspelt:?}");
    let other = erpc::call::<u32>(there, "erlang", "node", &()).unwrap_err();
    let ErpcError::Erpc(other) = other else { panic!("{other}") };
    assert!(matches!(other.kind(), CallErrorKind::BadReply(_)), "{other}");
    assert_no_message();
}

// OTP: erpc_SUITE:send_request
#[test]
fn a_request_is_waited_for_again() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    beam.eval(
        "register(gate, spawn(fun() -> \
             receive {'$gen_call', From, wait} -> receive go -> gen_server:reply(From, 7) end end \
         end))",
    );
    let arguments = (term("gate"), term("wait"), term("infinity"));
    let mut request =
        erpc::send_request::<u32>(there(&beam), "gen_server", "call", &arguments).unwrap();
    assert!(request.wait_response(Duration::ZERO).is_err());
    beam.eval("gate ! go");
    assert_eq!(request.wait_response(test_timeout()), Ok(7));
}

// OTP: erpc_SUITE:multicall, cast, multicast
#[test]
fn functions_of_many_nodes_are_called_at_once() {
    let Some(rust) = Rust::start_with(offering) else { return };
    let beam = rust.beam();
    let there = there(&beam);
    let nobody = Node::named("nobody@127.0.0.1");
    let nodes = [Node::local(), nobody, there];
    let results = erpc::multicall::<Term>(&nodes, "erlang", "abs", &(-3,), test_timeout());
    let [here, down, value] = <[_; 3]>::try_from(results).unwrap();
    assert_eq!(error(here), ("undef".to_owned(), "[{erlang,abs,[-3],[]}]".to_owned()));
    assert_eq!(failure(down), CallErrorKind::NodeDown(nobody));
    assert_eq!(value, Ok(3.into()));
    assert_no_message();
    let me = process::self_pid();
    erpc::multicast(&[there, nobody], "erlang", "send", &(me, term("hello"))).unwrap();
    assert_eq!(expect_term::<Term>(), term("hello"));
}

#[test]
fn programs_tell_each_other_how_functions_have_failed() {
    let twin = Rust::start_both_with(offering, |parent| {
        parent.tell(&true);
        parent.told::<bool>();
    });
    let Some((_rust, mut twin)) = twin else { return };
    twin.told::<bool>();
    for node in [twin.node(), Node::local()] {
        let call =
            |function, arguments: &[Term]| erpc::call::<Term>(node, "math", function, arguments);
        assert_eq!(call("add", &[2.into(), 3.into()]), Ok(5.into()));
        let (reason, stack) = error(call("divide", &[1.into(), 0.into()]));
        assert_eq!(reason, r#"{panic,<<"attempt to divide by zero">>}"#);
        assert_eq!(stack, "[]");
        assert_eq!(call("leave", &[term("x")]), Err(ErpcError::Exit(term("x"))));
        assert_eq!(call("end", &[]), Err(ErpcError::Signal(term("killed"))));
        assert_eq!(error(call("sub", &[1.into()])).0, "undef");
        let late = erpc::call_timeout(node, "math", "stay", &(), Duration::from_millis(1));
        assert_eq!(failure(late), CallErrorKind::Timeout);
    }
    twin.tell(&true);
}
