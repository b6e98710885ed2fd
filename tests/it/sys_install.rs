//! Debug functions that are installed in a server.

use std::ops::ControlFlow;

use procession::prelude::*;
use procession::sys::{Event, Kind};

use crate::sys::*;

use crate::support::calls::CallKind;
use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, idle_body};
use crate::support::wait::{assert_no_message, down_reason, exit_and_wait, expect, test_timeout};
use crate::sys_debug::{Add, Counter, Get, counter, described, get, lines_of_add};

mod install {
    use super::*;

    /// What a function has seen.
    #[derive(Debug, PartialEq)]
    struct Seen(&'static str, String);

    /// Sends each event to the caller.
    fn tell(name: &'static str) -> impl FnMut(&Event<'_>, &Counter) -> ControlFlow<()> + Send {
        let me = process::self_pid();
        move |event, _| {
            process::send(me, Seen(name, event.to_string()));
            ControlFlow::Continue(())
        }
    }

    #[track_caller]
    fn expect_add(names: &[&'static str], state: u64) {
        for line in lines_of_add(state) {
            for name in names {
                assert_eq!(expect::<Seen>(), Seen(name, line.clone()));
            }
        }
    }

    // OTP: sys_SUITE:install
    #[test]
    fn makes_the_server_call_a_function_with_each_event_until_it_is_removed() {
        let server = counter();
        let sys = sys_of(&server);
        sys.install("tell", tell("one")).unwrap();
        server.cast(Add(1));
        expect_add(&["one"], 1);
        sys.remove("tell").unwrap();
        server.cast(Add(1));
        assert_eq!(get(&server), 2);
        assert_no_message();
        sys.remove("tell").unwrap();
    }

    // OTP: sys_SUITE:install
    #[test]
    fn keeps_the_function_that_has_the_name_and_runs_those_of_other_names_beside_it() {
        let server = counter();
        let sys = sys_of(&server);
        sys.install("first", tell("the first")).unwrap();
        sys.install("first", tell("not installed")).unwrap();
        sys.install("second", tell("the second")).unwrap();
        assert_eq!(described(&server), ["function \"first\"", "function \"second\""]);
        server.cast(Add(1));
        expect_add(&["the first", "the second"], 1);
        sys.remove("first").unwrap();
        server.cast(Add(1));
        expect_add(&["the second"], 2);
        assert_eq!(get(&server), 2);
        expect::<Seen>();
        expect::<Seen>();
        assert_no_message();
    }

    #[test]
    fn gives_the_function_the_message_and_the_state_and_lets_it_keep_its_own() {
        /// How a message came, whether it is a `Get`, who waits; what the function has summed up,
        /// and the state.
        #[derive(Debug, PartialEq)]
        struct Row(Kind, bool, Option<Pid>, u64, u64);

        let server = counter();
        let me = process::self_pid();
        let mut sum = 0;
        let add = move |event: &Event<'_>, Counter(state): &Counter| {
            if let Event::In { kind, message, from } = event {
                if let Some(Add(n)) = message.downcast_ref() {
                    sum += n;
                }
                let is_get = message.downcast_ref::<Get>().is_some();
                process::send(me, Row(*kind, is_get, *from, sum, *state));
            }
            ControlFlow::Continue(())
        };
        sys_of(&server).install("sum", add).unwrap();
        server.cast(Add(3));
        server.send(Add(4));
        get(&server);
        assert_eq!(expect::<Row>(), Row(Kind::Cast, false, None, 3, 0));
        assert_eq!(expect::<Row>(), Row(Kind::Info, false, None, 7, 3));
        assert_eq!(expect::<Row>(), Row(Kind::Call, true, Some(me), 7, 7));
    }

    // OTP: `done`, the documentation of sys:install/2
    #[test]
    fn is_over_when_the_function_breaks() {
        let server = counter();
        let me = process::self_pid();
        let mut left = 3;
        let count_down = move |_: &Event<'_>, _: &Counter| {
            left -= 1;
            process::send(me, left);
            if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        sys_of(&server).install("count_down", count_down).unwrap();
        (0..3).for_each(|_| server.cast(Add(1)));
        assert_eq!(get(&server), 3);
        assert_eq!([expect::<i32>(), expect(), expect()], [2, 1, 0]);
        assert_no_message();
        assert!(described(&server).is_empty());
    }

    // OTP: the documentation of sys:install/2
    #[test]
    fn is_over_when_the_function_panics_or_exits_and_the_server_goes_on() {
        let server = counter();
        let sys = sys_of(&server);
        sys.install("panics", |_: &Event<'_>, _: &Counter| panic!("in a function")).unwrap();
        sys.install("exits", |_: &Event<'_>, _: &Counter| process::exit_self(ExitReason::Kill))
            .unwrap();
        sys.install("tells", tell("one")).unwrap();
        server.cast(Add(1));
        expect_add(&["one"], 1);
        assert_eq!(get(&server), 1);
        assert_eq!(described(&server), ["function \"tells\""]);
    }

    #[test]
    fn does_not_call_a_function_for_another_state() {
        let server = counter();
        let me = process::self_pid();
        let other = move |_: &Event<'_>, _: &String| {
            process::send(me, "called");
            ControlFlow::Continue(())
        };
        sys_of(&server).install("other", other).unwrap();
        assert_eq!(get(&server), 0);
        assert_no_message();
        assert_eq!(described(&server), ["function \"other\""]);
    }

    #[test]
    fn lets_the_function_call_other_servers_and_not_the_own() {
        type Outcomes = (
            Result<u64, CallError>,
            Result<u64, CallErrorKind>,
            Result<Vec<String>, CallErrorKind>,
        );

        let (server, other) = (counter(), counter());
        other.cast(Add(9));
        let (me, own, others) = (process::self_pid(), server, other);
        let call = move |_: &Event<'_>, _: &Counter| {
            let outcomes = (others.call(Get), own.call(Get).kind(), sys_of(&own).log().kind());
            process::send(me, Got(outcomes));
            ControlFlow::Break(())
        };
        sys_of(&server).install("calls", call).unwrap();
        server.cast(Add(1));
        let this = CallErrorKind::CallingSelf(server.pid());
        let Got(outcomes) = expect::<Got<Outcomes>>();
        assert_eq!(outcomes, (Ok(9), Err(this.clone()), Err(this)));
        assert_eq!(get(&server), 1);
    }

    #[test]
    fn lets_the_function_be_ended_with_the_server() {
        let server = counter();
        let me = process::self_pid();
        let on_drop = OnDrop(move || process::send(me, "dropped"));
        let wait = move |_: &Event<'_>, _: &Counter| {
            let _on_drop = &on_drop;
            process::send(me, Begun);
            idle_body();
            ControlFlow::Continue(())
        };
        sys_of(&server).install("waits", wait).unwrap();
        server.cast(Add(1));
        expect::<Begun>();
        let killed = exit_and_wait(server.pid(), ExitReason::Kill);
        assert_eq!(killed, ExitReason::Killed);
        assert_eq!(expect::<&str>(), "dropped");
    }
}

mod a_function_whose_destructor_panics {
    use super::*;

    /// Panics when it is dropped.
    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("the destructor of a function");
        }
    }

    fn bomb(
        outcome: ControlFlow<()>,
    ) -> impl FnMut(&Event<'_>, &Counter) -> ControlFlow<()> + Send {
        let bomb = PanicsOnDrop;
        move |_, _| {
            let _bomb = &bomb;
            outcome
        }
    }

    const ON: ControlFlow<()> = ControlFlow::Continue(());

    #[track_caller]
    fn check(name: &str, act: impl FnOnce(&ServerRef<Counter>)) {
        let server = counter();
        let monitor = process::monitor(server.pid());
        act(&server);
        let answer = server.call_timeout(Get, test_timeout());
        assert!(answer.is_ok(), "{name}: {answer:?}, {:?}", down_reason(monitor));
    }

    #[test]
    fn does_not_disturb_the_server_when_it_is_removed() {
        check("remove", |server| {
            sys_of(server).install("bomb", bomb(ON)).unwrap();
            _ = sys_of(server).remove("bomb");
        });
    }

    #[test]
    fn does_not_disturb_the_server_when_all_is_turned_off() {
        check("no_debug", |server| {
            sys_of(server).install("bomb", bomb(ON)).unwrap();
            _ = sys_of(server).no_debug();
        });
    }

    #[test]
    fn does_not_disturb_the_server_when_the_name_is_taken() {
        check("install", |server| {
            let quiet = |_: &Event<'_>, _: &Counter| ON;
            sys_of(server).install("bomb", quiet).unwrap();
            _ = sys_of(server).install("bomb", bomb(ON));
        });
    }

    #[test]
    fn does_not_disturb_the_server_when_it_breaks() {
        check("break", |server| {
            sys_of(server).install("bomb", bomb(ControlFlow::Break(()))).unwrap();
            server.cast(Add(1));
        });
    }

    #[test]
    fn does_not_change_how_the_server_ends() {
        let server = counter();
        sys_of(&server).install("bomb", bomb(ON)).unwrap();
        server.stop().unwrap();
    }
}
