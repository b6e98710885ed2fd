//! Servers of this node, as a node of Erlang uses them.

use procession::gen_server::GenServer;
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::beam::Beam;
use super::support::counter::{self, Counter, Query};
use super::support::rust::{Rust, register, there};
use super::support::wait::{down_reason, expect, wait_until};

const COUNTER: &str = "{counter, 'rust@127.0.0.1'}";

/// A counter, and a node of Erlang.
struct Setting {
    beam: Beam,
    counter: ServerRef<Counter>,
    rust: Rust,
}

impl Setting {
    fn start() -> Option<Setting> {
        let rust = Rust::start_with(NetKernel::serve::<Counter>)?;
        let beam = rust.beam();
        Some(Setting { beam, counter: counter::start(), rust })
    }

    #[track_caller]
    fn call(&self, request: &str) -> String {
        self.beam.eval(&format!("gen_server:call({COUNTER}, {request})"))
    }

    /// The reason with which a call ends its caller, and what is left in the mailbox of that.
    #[track_caller]
    fn failure(&self, call: &str) -> String {
        self.beam.eval(&format!(
            "Failure = try {call} catch exit:{{Reason, {{gen_server, call, _}}}} -> Reason end, \
             {{messages, []}} = process_info(self(), messages), Failure"
        ))
    }

    #[track_caller]
    fn call_failure(&self, request: &str) -> String {
        self.failure(&format!("gen_server:call({COUNTER}, {request})"))
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        _ = self.counter.stop();
    }
}

mod a_call {
    use super::*;

    #[test]
    fn is_answered() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call("{add, 3}"), "3");
        assert_eq!(it.call("{add, 4}"), "7");
        assert_eq!(it.call("get"), "7");
        assert_eq!(it.call("{get_times, 2}"), "14");
        assert_eq!(it.counter.call(Query::Get), Ok(7));
    }

    #[test]
    fn is_found_by_its_tag_and_the_number_of_its_fields() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call("{add, 3, 4}"), "7");
        assert_eq!(it.call("{add, 1}"), "8");
    }

    #[test]
    fn reaches_a_pid() {
        let Some(it) = Setting::start() else { return };
        register("test");
        let call = it.beam.begin(
            "register(owner, self()), {test, 'rust@127.0.0.1'} ! ready, \
             receive Server -> gen_server:call(Server, {add, 3}) end",
        );
        assert_eq!(expect::<Term>(), atom("ready").into());
        process::send(("owner", there(&it.beam)), it.counter.pid());
        assert_eq!(it.beam.value(call), "3");
    }

    #[test]
    fn is_answered_later_and_by_another_process() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call("by_other"), "0");
        let later = it.beam.begin(&format!("gen_server:call({COUNTER}, later)"));
        // It is there before the next one.
        assert_eq!(it.call("{add, 5}"), "5");
        wait_until(|| {
            it.beam.eval(&format!("gen_server:cast({COUNTER}, release)"));
            it.call("get") == "5"
        });
        assert_eq!(it.beam.value(later), "5");
    }

    #[test]
    fn of_what_is_not_declared_ends_its_caller_alone() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call_failure("{sub, 3}"), r#"{bad_request,<<"Counter takes no {sub,3}">>}"#);
        assert_eq!(it.call_failure("17"), r#"{bad_request,<<"Counter takes no 17">>}"#);
        assert_eq!(it.call("{add, 3}"), "3");
    }

    #[test]
    fn that_is_not_of_the_type_declared_is_told_why() {
        let Some(it) = Setting::start() else { return };
        for request in ["{add,three}", "{add,1,2,3}", "{get_times,<<\"x\">>}"] {
            let failure = it.call_failure(request);
            let expected = format!("{{bad_request,<<\"Counter takes no {request}: ");
            let (failure, expected) = (failure.replace('\\', ""), expected.replace('\\', ""));
            assert!(failure.starts_with(&expected), "{failure}");
        }
        assert_eq!(it.call("get"), "0");
    }

    #[test]
    fn of_a_server_that_declares_nothing_is_refused() {
        #[derive(Debug)]
        struct Silent;

        impl GenServer for Silent {
            type Args = ();

            fn init((): ()) -> InitResult<Silent> {
                ready(Silent)
            }
        }

        let Some(it) = Setting::start() else { return };
        let silent = Silent::start_with((), StartOptions::new().name("silent")).unwrap();
        let failure = it.failure("gen_server:call({silent, 'rust@127.0.0.1'}, get)");
        assert_eq!(failure, r#"{bad_request,<<"Silent takes no get">>}"#);
        it.beam.eval("gen_server:cast({silent, 'rust@127.0.0.1'}, get)");
        let failure = it.failure("gen_server:call({silent, 'rust@127.0.0.1'}, get)");
        assert_eq!(failure, r#"{bad_request,<<"Silent takes no get">>}"#);
        silent.stop().unwrap();
    }

    #[test]
    fn that_gets_no_reply_is_told_so() {
        let Some(it) = Setting::start() else { return };
        let failure = it.call_failure("no_reply");
        assert_eq!(failure, r#"{no_reply,<<"the server does not answer this request">>}"#);
        assert_eq!(it.call("get"), "0");
    }

    #[test]
    fn that_has_timed_out_leaves_nothing() {
        let Some(it) = Setting::start() else { return };
        let failure = it.failure(&format!("gen_server:call({COUNTER}, later, 1)"));
        assert_eq!(failure, "timeout");
        // Its late answer goes nowhere.
        let caller = it.beam.begin(&format!(
            "catch gen_server:call({COUNTER}, later, 1), \
             gen_server:cast({COUNTER}, release), \
             gen_server:call({COUNTER}, get), \
             process_info(self(), messages)"
        ));
        assert_eq!(it.beam.value(caller), "{messages,[]}");
    }

    #[test]
    fn of_a_server_that_ends_tells_the_reason() {
        let Some(it) = Setting::start() else { return };
        let failure = it.call_failure("{stop, <<\"bye\">>}");
        assert_eq!(failure, "{shutdown,<<\"bye\">>}");
        assert_eq!(it.call_failure("get"), "noproc");
    }

    #[test]
    fn of_a_server_that_panics_tells_message_and_place() {
        let Some(it) = Setting::start() else { return };
        let failure = it.call_failure("panic");
        let expected = "{{panic,<<\"as asked\">>},[{rust,panic,0,[{file,\"tests/";
        assert!(failure.starts_with(expected), "{failure}");
        assert!(failure.contains("support/counter.rs\"},{line,"), "{failure}");
    }

    #[test]
    fn of_a_server_that_is_killed_tells_so() {
        let Some(it) = Setting::start() else { return };
        let call = it.beam.begin(&format!(
            "try gen_server:call({COUNTER}, later) catch exit:{{Reason, _}} -> Reason end"
        ));
        wait_until(|| !process::info(it.counter.pid()).unwrap().monitored_by.is_empty());
        process::exit(it.counter, ExitReason::Kill);
        assert_eq!(it.beam.value(call), "killed");
    }

    #[test]
    fn of_a_server_that_stops_with_a_reply_gets_the_reply() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call("stop_with_reply"), "0");
        assert_eq!(it.call_failure("get"), "noproc");
    }

    #[test]
    fn under_way_when_the_node_is_stopped_ends_with_it() {
        let Some(mut it) = Setting::start() else { return };
        register("test");
        let ends = it.beam.begin(&format!(
            "erlang:monitor_node('rust@127.0.0.1', true), \
             Requests = [gen_server:send_request({COUNTER}, later) || _ <- lists:seq(1, 20)], \
             0 = gen_server:call({COUNTER}, get), {{test, 'rust@127.0.0.1'}} ! ready, \
             Call = try gen_server:call({COUNTER}, later) catch exit:{{R, _}} -> R end, \
             Ends = [gen_server:receive_response(Id, infinity) || Id <- Requests], \
             receive {{nodedown, Node}} -> ok end, \
             {{messages, []}} = process_info(self(), messages), \
             {{Call, lists:usort(Ends), Node}}"
        ));
        assert_eq!(expect::<Term>(), atom("ready").into());
        it.rust.stop();
        let ends = it.beam.value(ends);
        let down = "{{nodedown,'rust@127.0.0.1'},\
                    [{error,{noconnection,{counter,'rust@127.0.0.1'}}}],'rust@127.0.0.1'}";
        assert_eq!(ends, down);
        assert_eq!(it.beam.log(), "");
    }

    #[test]
    fn of_a_name_that_nobody_has_finds_no_process() {
        let Some(it) = Setting::start() else { return };
        let failure = it.failure("gen_server:call({nobody, 'rust@127.0.0.1'}, get)");
        assert_eq!(failure, "noproc");
    }

    #[test]
    fn comes_as_a_term_to_a_process_that_is_no_server() {
        let Some(it) = Setting::start() else { return };
        register("test");
        let call = it.beam.begin("gen_server:call({test, 'rust@127.0.0.1'}, {what, 1})");
        let Term::Tuple(message) = expect::<Term>() else { panic!() };
        assert_eq!(message[0], atom("$gen_call").into());
        assert_eq!(message[2].to_string(), "{what,1}");
        let Term::Tuple(from) = &message[1] else { panic!() };
        let client: Pid = procession::term::from_term(&from[0]).unwrap();
        process::send(client, Term::Tuple(vec![from[1].clone(), 7.into()]));
        assert_eq!(it.beam.value(call), "7");
    }

    #[test]
    fn by_send_request_is_answered() {
        let Some(it) = Setting::start() else { return };
        let source = format!(
            "Id = gen_server:send_request({COUNTER}, {{add, 3}}), \
             gen_server:receive_response(Id, 5000)"
        );
        assert_eq!(it.beam.eval(&source), "{reply,3}");
    }
}

mod a_cast {
    use super::*;

    #[test]
    fn is_handled() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call("{add, 3}"), "3");
        it.beam.eval(&format!("gen_server:cast({COUNTER}, reset)"));
        wait_until(|| it.call("get") == "0");
    }

    #[test]
    fn that_is_not_declared_is_dropped() {
        let Some(it) = Setting::start() else { return };
        let monitor = process::monitor(it.counter);
        it.beam.eval(&format!("gen_server:cast({COUNTER}, {{reset, 1}})"));
        it.beam.eval(&format!("gen_server:cast({COUNTER}, unknown)"));
        assert_eq!(it.call("{add, 3}"), "3");
        it.counter.stop().unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn to_all_reaches_the_servers_of_all_nodes() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.call("{add, 3}"), "3");
        it.beam.eval("gen_server:abcast(['rust@127.0.0.1', 'nowhere@127.0.0.1'], counter, reset)");
        wait_until(|| it.call("get") == "0");
    }
}

mod an_ordinary_message {
    use super::*;

    #[test]
    fn that_is_declared_comes_as_a_value() {
        let Some(it) = Setting::start() else { return };
        it.beam.eval(&format!("{COUNTER} ! {{tick, 2}}"));
        wait_until(|| it.call("get") == "2");
        it.beam.eval(&format!("{COUNTER} ! {{tick, two}}, {COUNTER} ! what"));
        assert_eq!(it.call("{add, 1}"), "3");
    }
}

mod a_multi_call {
    use super::*;

    #[test]
    fn has_replies_and_bad_nodes() {
        let Some(it) = Setting::start() else { return };
        let source = "gen_server:multi_call(\
            ['rust@127.0.0.1', 'nowhere@127.0.0.1'], counter, {add, 3})";
        assert_eq!(it.beam.eval(source), "{[{'rust@127.0.0.1',3}],['nowhere@127.0.0.1']}");
        let source = "gen_server:multi_call(['rust@127.0.0.1'], counter, {sub, 3})";
        assert_eq!(it.beam.eval(source), "{[],['rust@127.0.0.1']}");
    }
}
