//! Servers of a node of Erlang, as this one uses them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use procession::Node;
use procession::gen_server::RemoteServer;
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term::{self, Term, atom};

use super::support::beam::Beam;
use super::support::counter::{Add, Counter, Private, Reset};
use super::support::rust::{Rust, register, there};
use super::support::wait::{assert_no_message, down_reason, expect};

/// Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(20);

/// A server of Erlang, whose state is a number.
const ACCOUNT: &str = "\
    -module(account). -compile(export_all). \
    init(N) -> {ok, N}. \
    handle_call({deposit, N}, _, S) -> {reply, S + N, S + N};\
    handle_call({add, N}, _, S) -> {reply, S + N, S + N};\
    handle_call(balance, _, S) -> {reply, S, S};\
    handle_call({echo, T}, _, S) -> {reply, T, S};\
    handle_call(silence, _, S) -> {noreply, S};\
    handle_call(later, From, S) -> {noreply, [From | S]};\
    handle_call(crash, _, _) -> exit(crashed);\
    handle_call({stop, R}, _, S) -> {stop, R, S};\
    handle_call(stop, _, S) -> {stop, normal, S, S}. \
    handle_cast(reset, _) -> {noreply, 0};\
    handle_cast(release, [From | S]) -> gen_server:reply(From, S), {noreply, S}. \
    handle_info({tick, N}, S) -> {noreply, S + N}.";

/// The node of Erlang has that server, by the name `account`.
struct Setting {
    beam: Beam,
    account: RemoteServer,
    _rust: Rust,
}

impl Setting {
    fn start() -> Option<Setting> {
        let rust = Rust::start_with(NetKernel::serve::<Counter>)?;
        let beam = rust.beam();
        let compile = format!(
            "{{ok, Tokens, _}} = erl_scan:string({ACCOUNT:?}), \
             Split = fun F([], [], Done) -> lists:reverse(Done); \
                 F([{{dot, _}} = Dot | Rest], Form, Done) -> \
                     {{ok, Parsed}} = erl_parse:parse_form(lists:reverse([Dot | Form])), \
                     F(Rest, [], [Parsed | Done]); \
                 F([Token | Rest], Form, Done) -> F(Rest, [Token | Form], Done) end, \
             {{ok, account, Binary}} = compile:forms(Split(Tokens, [], [])), \
             {{module, account}} = code:load_binary(account, \"account\", Binary), \
             {{ok, _}} = gen_server:start({{local, account}}, account, 0, []), ok"
        );
        assert_eq!(beam.eval(&compile), "ok");
        let account = RemoteServer::on(there(&beam), "account");
        Some(Setting { beam, account, _rust: rust })
    }

    /// The process of the server.
    fn pid(&self) -> Pid {
        register("test");
        self.beam.eval("{test, 'rust@127.0.0.1'} ! whereis(account)");
        term::from_term(&expect::<Term>()).unwrap()
    }

    fn call(&self, request: &impl Serialize) -> Result<i64, CallErrorKind> {
        self.account.call(request).map_err(CallError::into_kind)
    }

    /// Nothing was left over by calls.
    fn assert_clean(&self) {
        assert_no_message();
        let monitors = process::info(process::self_pid()).unwrap().monitors;
        assert!(monitors.is_empty(), "{monitors:?}");
    }
}

mod a_call {
    use super::*;

    #[test]
    fn is_answered() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call(&(atom("deposit"), 50)), Ok(50));
        assert_eq!(it.call(&atom("balance")), Ok(50));
        let by_pid = RemoteServer::from_pid(it.pid());
        assert_eq!(by_pid.call::<i64>(&(atom("deposit"), 2)), Ok(52));
        it.assert_clean();
    }

    /// Not only with what is sent next, or with the next tick, of which there are four in a minute.
    #[test]
    fn that_is_over_leaves_no_monitor_at_the_server() {
        let Some(it) = Setting::start() else { return };
        for round in 1..=3 {
            assert_eq!(it.call(&(atom("deposit"), 1)), Ok(round));
            let seen = it.beam.eval(
                "Look = fun F(0) -> late; \
                     F(N) -> case process_info(whereis(account), monitored_by) of \
                         {monitored_by, []} -> none; _ -> timer:sleep(10), F(N - 1) end end, \
                 Look(500)",
            );
            assert_eq!(seen, "none");
        }
    }

    #[test]
    fn carries_values_of_the_program_both_ways() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Person {
            name: String,
            age: Option<u8>,
        }

        let Some(it) = Setting::start() else { return };
        let person = Person { name: "Ann".to_owned(), age: None };
        let answer = it.account.call::<Person>(&(atom("echo"), &person));
        assert_eq!(answer, Ok(person));
    }

    #[test]
    fn whose_reply_is_of_another_type_says_so() {
        let Some(it) = Setting::start() else { return };
        let error = it.account.call::<String>(&atom("balance")).unwrap_err();
        let CallErrorKind::BadReply(why) = error.kind() else { panic!("{error}") };
        assert!(why.contains("invalid type"), "{why}");
        let text = error.to_string();
        assert!(
            text.contains("was not understood: ") && text.ends_with("(call of Atom)"),
            "{text}"
        );
        it.assert_clean();
    }

    #[test]
    fn of_what_is_no_term_says_so() {
        let Some(it) = Setting::start() else { return };
        let error = it.call(&(atom("deposit"), f64::NAN)).unwrap_err();
        assert!(matches!(error, CallErrorKind::NoExternalForm(_)), "{error:?}");
        it.assert_clean();
    }

    #[test]
    fn that_has_timed_out_leaves_nothing() {
        let Some(it) = Setting::start() else { return };
        it.beam.eval("sys:replace_state(account, fun(_) -> [] end)");
        let error = it.account.call_timeout::<_, i64>(&atom("later"), Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), &CallErrorKind::Timeout);
        it.account.cast(&atom("release")).unwrap();
        // The late answer has come by then, if it comes at all.
        assert_eq!(it.account.call::<Vec<i64>>(&(atom("echo"), [1_i64; 0].to_vec())), Ok(vec![]));
        it.assert_clean();
    }

    #[test]
    fn of_a_server_that_ends_has_its_reason() {
        let Some(it) = Setting::start() else { return };
        let term = |reason| Err(CallErrorKind::Down(ExitReason::new(Term::from(atom(reason)))));
        assert_eq!(it.call(&(atom("stop"), atom("boom"))), term("boom"));
        assert_eq!(it.call(&atom("balance")), Err(CallErrorKind::NoProc));
        it.assert_clean();
    }

    #[test]
    fn of_nobody_finds_no_process() {
        let Some(it) = Setting::start() else { return };
        let nobody = RemoteServer::on(there(&it.beam), "nobody");
        let error = nobody.call::<i64>(&atom("balance")).unwrap_err();
        assert_eq!(error.kind(), &CallErrorKind::NoProc);
        let text = error.to_string();
        assert!(text.starts_with("no process is registered as "), "{text}");
        it.assert_clean();
    }

    #[test]
    fn of_a_node_that_is_down_says_so() {
        let Some(it) = Setting::start() else { return };
        let node = Node::named("nowhere@127.0.0.1");
        let error = RemoteServer::on(node, "account").call::<i64>(&atom("balance")).unwrap_err();
        assert_eq!(error.kind(), &CallErrorKind::NodeDown(node));
        it.assert_clean();
    }

    #[test]
    fn ends_when_the_node_does() {
        let Some(mut it) = Setting::start() else { return };
        let node = there(&it.beam);
        let request = it.account.send_request::<i64>(&atom("silence")).unwrap();
        assert_eq!(it.call(&atom("balance")), Ok(0));
        it.beam.kill();
        let error = request.receive_response(LONG).unwrap_err();
        assert_eq!(error.kind(), &CallErrorKind::NodeDown(node));
        it.assert_clean();
    }

    #[test]
    fn by_send_request_is_answered() {
        let Some(it) = Setting::start() else { return };
        let request = it.account.send_request::<i64>(&(atom("deposit"), 5)).unwrap();
        assert_eq!(request.receive_response(LONG), Ok(5));
        it.assert_clean();
    }
}

mod a_typed_reference {
    use super::*;

    #[test]
    fn spells_requests_as_they_are_declared() {
        let Some(it) = Setting::start() else { return };
        let account = ServerRef::<Counter>::on(there(&it.beam), "account");
        assert_eq!(account.call(Add(3)), Ok(3));
        account.cast(Reset);
        assert_eq!(account.call(Add(4)), Ok(4));
        assert_eq!(account.send_request(Add(1)).receive_response(LONG), Ok(5));
        it.assert_clean();
    }

    #[test]
    fn does_not_spell_what_is_not_declared() {
        let Some(it) = Setting::start() else { return };
        let account = ServerRef::<Counter>::on(there(&it.beam), "account");
        let error = account.call(Private).unwrap_err();
        let CallErrorKind::NoExternalForm(why) = error.kind() else { panic!("{error}") };
        assert!(why.contains("are not spelt in Erlang"), "{why}");
        it.assert_clean();
    }
}

mod a_cast {
    use super::*;

    #[test]
    fn is_handled() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call(&(atom("deposit"), 50)), Ok(50));
        it.account.cast(&atom("reset")).unwrap();
        assert_eq!(it.call(&atom("balance")), Ok(0));
        it.account.send(&(atom("tick"), 2)).unwrap();
        assert_eq!(it.call(&atom("balance")), Ok(2));
    }
}

mod a_multi_call {
    use super::*;

    #[test]
    fn has_replies_and_bad_nodes() {
        let Some(it) = Setting::start() else { return };
        let nodes = [there(&it.beam), Node::named("nowhere@127.0.0.1")];
        let request = (atom("deposit"), 5);
        let (replies, bad) =
            RemoteServer::multi_call::<_, i64>(&nodes, "account", &request, LONG).unwrap();
        assert_eq!((replies, bad), (vec![(nodes[0], 5)], vec![nodes[1]]));
        RemoteServer::abcast(&nodes, "account", &atom("reset")).unwrap();
        assert_eq!(it.call(&atom("balance")), Ok(0));
        it.assert_clean();
    }

    #[test]
    fn of_a_typed_reference_has_replies_and_bad_nodes() {
        let Some(it) = Setting::start() else { return };
        let nodes = [there(&it.beam), Node::local(), Node::named("nowhere@127.0.0.1")];
        let accounts = ServerRef::<Counter>::named("account");
        let (replies, bad) = accounts.multi_call_timeout(&nodes, Add(5), LONG);
        assert_eq!((replies, bad), (vec![(nodes[0], 5)], nodes[1..].to_vec()));
        accounts.abcast_on(&nodes, Reset);
        assert_eq!(it.call(&atom("balance")), Ok(0));
        it.assert_clean();
    }
}

mod stop {
    use super::*;

    #[test]
    fn ends_the_server() {
        let Some(it) = Setting::start() else { return };
        let monitor = process::monitor(("account", there(&it.beam)));
        assert_eq!(it.account.stop(), Ok(()));
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(it.account.stop(), Err(StopError::NoProc));
        it.assert_clean();
    }

    #[test]
    fn ends_the_server_with_the_reason_that_was_asked_for() {
        let Some(it) = Setting::start() else { return };
        let reason = ExitReason::shutdown_with("bye".to_owned());
        assert_eq!(it.account.stop_with(reason, LONG), Ok(()));
        assert_eq!(it.call(&atom("balance")), Err(CallErrorKind::NoProc));
    }

    #[test]
    fn of_a_node_that_is_down_says_so() {
        let Some(_it) = Setting::start() else { return };
        let node = Node::named("nowhere@127.0.0.1");
        assert_eq!(RemoteServer::on(node, "account").stop(), Err(StopError::NodeDown(node)));
    }
}
