//! System messages between this node and one of Erlang.

use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::sys;
use procession::term::{Atom, atom};

use super::support::beam::Beam;
use super::support::counter::{self, Counter};
use super::support::rust::{Rust, there};
use super::support::wait::down_reason;

const COUNTER: &str = "{counter, 'rust@127.0.0.1'}";

/// A counter, and a node of Erlang.
struct Setting {
    beam: Beam,
    counter: ServerRef<Counter>,
    _rust: Rust,
}

impl Setting {
    fn start() -> Option<Setting> {
        let rust = Rust::start_with(NetKernel::serve::<Counter>)?;
        let beam = rust.beam();
        Some(Setting { beam, counter: counter::start(), _rust: rust })
    }

    #[track_caller]
    fn sys(&self, function: &str) -> String {
        self.beam.eval(&format!("sys:{function}({COUNTER})"))
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        _ = self.counter.stop();
    }
}

/// Asserts that `sys:get_state` there shows this state: from OTP 27 on as it is, before that as the
/// answer is, which is `{ok, State}`.
#[track_caller]
fn assert_shown(shown: &str, state: &str) {
    assert!(shown == state || shown == format!("{{ok,{state}}}"), "{shown}");
}

mod get_state {
    use super::*;

    #[test]
    fn is_the_term_of_a_state_that_travels() {
        let Some(it) = Setting::start() else { return };
        assert_shown(&it.sys("get_state"), "#{count => 0}");
    }

    #[test]
    fn is_the_text_of_any_other() {
        #[derive(Debug)]
        struct Hidden(#[expect(dead_code, reason = "it is printed")] u8);

        impl GenServer for Hidden {
            type Args = ();

            fn init((): ()) -> InitResult<Hidden> {
                ready(Hidden(7))
            }
        }

        let Some(it) = Setting::start() else { return };
        let hidden = Hidden::start_with((), StartOptions::new().name("hidden")).unwrap();
        let shown = it.beam.eval("sys:get_state({hidden, 'rust@127.0.0.1'})");
        assert_shown(&shown, "<<\"Hidden(7)\">>");
        hidden.stop().unwrap();
    }
}

mod get_status {
    use super::*;

    // OTP 25, run: {status, Pid, {module, Mod}, [PDict, SysState, Parent, Dbg, Misc]}.
    #[test]
    fn has_the_shape_of_otp() {
        let Some(it) = Setting::start() else { return };
        let source = format!(
            "{{status, Pid, {{module, Module}}, [PDict, State, Parent, Debug, Misc]}} = \
                 sys:get_status({COUNTER}), \
             [{{header, Header}}, {{data, _}}, {{data, [{{\"State\", Shown}}]}}] = Misc, \
             {{node(Pid), is_atom(Module), is_list(PDict), State, is_pid(Parent), Debug, Header, \
               Shown}}"
        );
        let status = it.beam.eval(&source);
        let expected = "{'rust@127.0.0.1',true,true,running,true,[],\
             \"Status for generic server counter\",<<\"Counter { count: 0, waiting: [] }\">>}";
        assert_eq!(status, expected);
    }
}

mod suspend {
    use super::*;

    #[test]
    fn lasts_until_the_server_is_resumed() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.sys("suspend"), "ok");
        let call = it.beam.begin(&format!("gen_server:call({COUNTER}, {{add, 3}})"));
        assert!(it.sys("get_status").contains("suspended"));
        assert_shown(&it.sys("get_state"), "#{count => 0}");
        assert_eq!(it.sys("resume"), "ok");
        assert_eq!(it.beam.value(call), "3");
    }

    #[test]
    fn of_a_server_there_lasts_until_it_is_resumed() {
        let Some(it) = Setting::start() else { return };
        let there = there(&it.beam);
        let sys = sys::of(("rex", there));
        sys.suspend().unwrap();
        assert!(it.beam.eval("element(4, sys:get_status(rex))").contains("suspended"));
        sys.resume().unwrap();
        assert!(it.beam.eval("element(4, sys:get_status(rex))").contains("running"));
    }
}

mod of_a_process_there {
    use super::*;

    /// A server of Erlang, named `keeper`, whose state is `{kept, 7}`.
    fn keeper(beam: &Beam) -> sys::Sys {
        beam.eval(
            "register(keeper, proc_lib:spawn(fun() -> \
                 gen_server:enter_loop(sys_keeper, [], {kept, 7}) end))",
        );
        sys::of(("keeper", there(beam)))
    }

    // OTP: sys_SUITE:get_status, suspend
    #[test]
    fn the_state_and_the_status_are_seen() {
        let Some(it) = Setting::start() else { return };
        let keeper = keeper(&it.beam);
        assert_eq!(keeper.get_state_as::<(Atom, u32)>().unwrap(), (atom("kept"), 7));
        let status = keeper.get_status_term().unwrap().to_string();
        assert!(status.starts_with("{status,") && status.contains("running"), "{status}");
        keeper.suspend().unwrap();
        let status = keeper.get_status_term().unwrap().to_string();
        assert!(status.contains("suspended") && status.contains("{kept,7}"), "{status}");
        let error = keeper.get_state_as::<u32>().unwrap_err();
        assert!(error.to_string().contains("was not understood"), "{error}");
    }

    // OTP: sys_SUITE:stats
    #[test]
    fn messages_are_counted() {
        let Some(it) = Setting::start() else { return };
        let rex = sys::of(("rex", there(&it.beam)));
        rex.statistics_on().unwrap();
        it.beam.eval("gen_server:cast(rex, nothing)");
        let counted = rex.statistics().unwrap().unwrap();
        assert_eq!((counted.messages_in, counted.messages_out), (1, 0));
        assert!(counted.start_time <= counted.current_time);
        rex.statistics_off().unwrap();
        assert!(rex.statistics().unwrap().is_none());
    }

    #[derive(serde::Deserialize)]
    struct Count {
        count: u32,
    }

    #[test]
    fn is_as_of_one_here() {
        let Some(it) = Setting::start() else { return };
        let counter = sys::of("counter");
        let Count { count } = counter.get_state_as().unwrap();
        assert_eq!(count, 0);
        let status = counter.get_status_term().unwrap().to_string();
        assert!(status.starts_with("{status,") && status.contains("running"), "{status}");
        assert_eq!(it.counter.call(counter::Add(0)).unwrap(), 0);
    }
}

mod statistics {
    use super::*;

    #[test]
    fn count_messages_and_replies() {
        let Some(it) = Setting::start() else { return };
        assert_eq!(it.beam.eval(&format!("sys:statistics({COUNTER}, true)")), "ok");
        it.beam.eval(&format!("gen_server:call({COUNTER}, {{add, 3}})"));
        let source = format!(
            "{{ok, List}} = sys:statistics({COUNTER}, get), \
             {{{{_, _, _}}, {{_, _, _}}}} = proplists:get_value(start_time, List), \
             [proplists:get_value(Key, List) || Key <- [messages_in, messages_out]]"
        );
        assert_eq!(it.beam.eval(&source), "[1,1]");
        assert_eq!(it.beam.eval(&format!("sys:statistics({COUNTER}, false)")), "ok");
        let none = it.beam.eval(&format!("sys:statistics({COUNTER}, get)"));
        assert_eq!(none, "{ok,no_statistics}");
    }
}

mod stop {
    use super::*;

    #[test]
    fn ends_the_server() {
        let Some(it) = Setting::start() else { return };
        let monitor = process::monitor(it.counter);
        assert_eq!(it.beam.eval(&format!("gen_server:stop({COUNTER})")), "ok");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        let again = it.beam.begin(&format!("gen_server:stop({COUNTER})"));
        let failed = it.beam.result(again).unwrap_err();
        assert!(failed.contains("noproc"), "{failed}");
    }

    #[test]
    fn ends_the_server_with_the_reason_that_was_asked_for() {
        let Some(it) = Setting::start() else { return };
        let stop = format!("gen_server:stop({COUNTER}, {{shutdown, bye}}, 5000)");
        assert_eq!(it.beam.eval(&stop), "ok");
    }
}

mod a_supervisor {
    use super::*;

    fn supervisor() -> SupervisorRef {
        let child = Counter::named_child_spec("supervised", ());
        let options = StartOptions::new().name("counters");
        Supervisor::one_for_one().child(child).start_link_with(options).unwrap()
    }

    #[test]
    fn says_which_children_it_has() {
        let Some(it) = Setting::start() else { return };
        let supervisor = supervisor();
        let sup = "{counters, 'rust@127.0.0.1'}";
        let children = it.beam.eval(&format!(
            "[{{Id, Child, worker, [Module]}}] = supervisor:which_children({sup}), \
             {{Id, node(Child), is_atom(Module)}}"
        ));
        assert!(children.ends_with(",'rust@127.0.0.1',true}"), "{children}");
        let counts = it.beam.eval(&format!("supervisor:count_children({sup})"));
        assert_eq!(counts, "[{specs,1},{active,1},{supervisors,0},{workers,1}]");
        supervisor.stop().unwrap();
    }

    #[test]
    fn terminates_and_restarts_children() {
        let Some(it) = Setting::start() else { return };
        let supervisor = supervisor();
        let sup = "{counters, 'rust@127.0.0.1'}";
        let id = supervisor.which_children().unwrap().remove(0).id;
        let eval = |source: String| it.beam.eval(&source);
        let id = format!("<<\"{id}\">>");
        assert_eq!(eval(format!("supervisor:restart_child({sup}, {id})")), "{error,running}");
        assert_eq!(eval(format!("supervisor:terminate_child({sup}, {id})")), "ok");
        assert_eq!(eval(format!("supervisor:terminate_child({sup}, nobody)")), "{error,not_found}");
        let source = format!("{{ok, Pid}} = supervisor:restart_child({sup}, {id}), is_pid(Pid)");
        assert_eq!(eval(source), "true");
        assert_eq!(eval(format!("supervisor:delete_child({sup}, {id})")), "{error,running}");
        supervisor.stop().unwrap();
    }
}
