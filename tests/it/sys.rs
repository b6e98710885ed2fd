//! System messages: to look into a process, to suspend it, to end it.

use std::time::Duration;

use procession::prelude::*;
use procession::sys::{self, Mode, Sys, SysError};

use crate::support::calls::{CallKind, kind_of};
use crate::support::drops::{OnDrop, message_on_drop};
use crate::support::processes::{Begun, idle, idle_body, reason};
use crate::support::scripted::{
    Scripted, ScriptedServer, Terminated, observed_init, pid_of, scripted,
};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_until};

/// What sends system messages to `server`, with a time-out that is not expected to be hit.
pub(crate) fn sys_of<S: GenServer>(server: &ServerRef<S>) -> Sys {
    sys::of(server).timeout(test_timeout())
}

/// What another process has got.
#[derive(Debug, PartialEq)]
pub(crate) struct Got<R>(pub(crate) R);

/// Lets another process do `act` with the system messages of `server`, and send the caller what it
/// returns.
#[track_caller]
pub(crate) fn elsewhere<S: GenServer, R: Send + std::fmt::Debug + 'static>(
    server: &ServerRef<S>,
    act: impl FnOnce(Sys) -> R + Send + 'static,
) -> Pid {
    let (me, sys) = (process::self_pid(), sys_of(server));
    process::spawn(move || {
        let outcome = act(sys);
        process::send(me, Got(outcome));
    })
    .unwrap()
}

/// Waits until so many messages wait in the mailbox of `server`.
#[track_caller]
pub(crate) fn has_waiting<S: GenServer>(server: &ServerRef<S>, messages: usize) {
    let pid = pid_of(server);
    wait_until(|| process::info(pid).unwrap().message_queue_len == messages);
}

pub(crate) fn notes_of(server: &ServerRef<Scripted>) -> Vec<&'static str> {
    sys_of(server).get_state(|it: &Scripted| it.notes.clone()).unwrap()
}

#[track_caller]
fn assert_panicked(error: &SysError, message: &str) {
    let SysError::CallbackFailed(reason) = error else { panic!("{error:?}") };
    assert_eq!(reason.as_panic().expect("a panic").message, message);
}

mod of {
    use super::*;

    #[test]
    fn takes_a_pid_a_name_and_a_server() {
        let options = StartOptions::new().name("sys::of");
        let server = Scripted::start_with(observed_init(), options).unwrap();
        let named = ServerRef::<Scripted>::named("sys::of");
        for sys in [sys::of(pid_of(&server)), sys::of("sys::of"), sys::of(&named), sys::of(server)]
        {
            assert_eq!(sys.timeout(test_timeout()).get_status().unwrap().pid, pid_of(&server));
        }
        server.stop().unwrap();
        assert_eq!(sys::of("sys::of").suspend().kind(), Err(CallErrorKind::NoProc));
    }

    // OTP: the documentation of sys
    #[test]
    fn waits_for_five_seconds_unless_told_otherwise() {
        let me = process::self_pid();
        assert!(format!("{:?}", sys::of(me)).contains("timeout: 5s"));
        let told = sys::of(me).timeout(Duration::from_secs(7));
        assert!(format!("{told:?}").contains("timeout: 7s"));
    }
}

mod get_state {
    use super::*;

    // OTP: gen_server_SUITE:get_state
    #[test]
    fn returns_what_the_closure_makes_of_the_state_of_a_running_or_suspended_server() {
        let server = scripted();
        server.cast_with(|it| {
            it.note("a note");
            noreply()
        });
        assert_eq!(notes_of(&server), ["a note"]);
        sys_of(&server).suspend().unwrap();
        assert_eq!(notes_of(&server), ["a note"]);
        sys_of(&server).resume().unwrap();
        assert_eq!(server.notes(), ["a note"]);
    }

    #[test]
    fn sees_what_came_before_it_and_not_what_came_after() {
        let server = scripted();
        let let_go = server.hold(|_| noreply());
        server.cast_with(|it| {
            it.note("before");
            noreply()
        });
        elsewhere(&server, |sys| sys.get_state(|it: &Scripted| it.notes.clone()).unwrap());
        has_waiting(&server, 2);
        server.cast_with(|it| {
            it.note("after");
            noreply()
        });
        drop(let_go);
        assert_eq!(expect::<Got<Vec<&str>>>(), Got(vec!["before"]));
        assert_eq!(server.notes(), ["before", "after"]);
    }

    #[test]
    fn runs_the_closure_in_the_server() {
        let server = scripted();
        let runs_in = sys_of(&server).get_state(|_: &Scripted| process::self_pid());
        assert_eq!(runs_in, Ok(pid_of(&server)));
    }

    #[test]
    fn fails_when_the_closure_panics_or_exits_and_the_server_goes_on() {
        let server = scripted();
        for suspended in [false, true] {
            if suspended {
                sys_of(&server).suspend().unwrap();
            }
            let look = |_: &Scripted| -> u8 { panic!("not to be looked at") };
            assert_panicked(&sys_of(&server).get_state(look).unwrap_err(), "not to be looked at");

            let look = |_: &Scripted| -> u8 { process::exit_self(reason()) };
            let error = sys_of(&server).get_state(look).unwrap_err();
            assert_eq!(error, SysError::CallbackFailed(reason()));
        }
        sys_of(&server).resume().unwrap();
        server.assert_answers();
        assert_no_message();
    }

    #[test]
    fn fails_when_the_state_is_of_another_type_and_names_both() {
        let server = scripted();
        let (me, dropped) = (process::self_pid(), "the closure was dropped");
        let guard = message_on_drop(move || process::send(me, dropped));
        let outcome = sys_of(&server).get_state(move |_: &String| {
            let _guard = &guard;
            unreachable!("there is no such state")
        });
        let (expected, found) =
            (std::any::type_name::<String>(), std::any::type_name::<Scripted>());
        let wrong = CallErrorKind::WrongServer { expected, found };
        assert_eq!(outcome.kind(), Err::<(), _>(wrong));
        assert_eq!(expect::<&str>(), dropped);
        server.assert_answers();
    }
}

mod replace_state {
    use super::*;

    // OTP: gen_server_SUITE:replace_state
    #[test]
    fn changes_the_state_of_a_running_or_suspended_server() {
        let server = scripted();
        let add = |note| {
            move |it: &mut Scripted| {
                it.note(note);
                it.notes.len()
            }
        };
        assert_eq!(sys_of(&server).replace_state(add("running")), Ok(1));
        sys_of(&server).suspend().unwrap();
        assert_eq!(sys_of(&server).replace_state(add("suspended")), Ok(2));
        sys_of(&server).resume().unwrap();
        assert_eq!(server.notes(), ["running", "suspended"]);
    }

    #[test]
    fn drops_the_state_that_is_replaced() {
        let server = scripted();
        let me = process::self_pid();
        server.cast_with(move |it| {
            it.on_drop = Some(OnDrop(Box::new(move || process::send(me, "dropped"))));
            noreply()
        });
        let anew = move |it: &mut Scripted| *it = Scripted::observed_by(me);
        sys_of(&server).replace_state(anew).unwrap();
        assert_eq!(expect::<&str>(), "dropped");
        server.assert_answers();
    }

    // OTP keeps the old state (gen_server_SUITE:replace_state); here the closure has changed it.
    #[test]
    fn leaves_what_a_closure_that_panics_has_done() {
        let server = scripted();
        let change = |it: &mut Scripted| {
            it.note("done");
            panic!("halfway");
        };
        let outcome = sys_of(&server).replace_state(change);
        assert_panicked(&outcome.unwrap_err(), "halfway");
        assert_eq!(server.notes(), ["done"]);
    }

    #[test]
    fn can_call_other_servers_and_not_the_own() {
        let (server, other) = (scripted(), scripted());
        let (own, others) = (server, other);
        let outcomes = sys_of(&server).replace_state(move |_: &mut Scripted| {
            let look = |it: &Scripted| it.notes.len();
            (
                others.call_with(|_, _| reply("an answer")),
                sys::of(others).get_state(look),
                own.call_with(|_, _| reply("never")).kind(),
                sys::of(own).get_state(look).kind(),
            )
        });
        let this = CallErrorKind::CallingSelf(pid_of(&server));
        let expected = (Ok("an answer"), Ok(0), Err(this.clone()), Err(this));
        assert_eq!(outcomes, Ok(expected));
        server.assert_answers();
    }

    #[test]
    fn cannot_call_a_process_that_waits_for_it() {
        let (server, other) = (scripted(), scripted());
        let (first, second) = (server, other);
        let outcome = server
            .call_with(move |_, _| {
                let suspend = move |_: &mut Scripted| sys_of(&first).suspend();
                reply(sys_of(&second).replace_state(suspend))
            })
            .unwrap();
        let cycle = vec![pid_of(&other), pid_of(&server)];
        assert_eq!(outcome.map(CallKind::kind), Ok(Err(CallErrorKind::Deadlock(cycle))));
        server.assert_answers();
        other.assert_answers();
    }

    #[test]
    fn of_a_server_that_ends_meanwhile_returns_its_reason() {
        let server = scripted();
        let me = process::self_pid();
        let client = elsewhere(&server, move |sys| {
            sys.replace_state(move |_: &mut Scripted| {
                process::send(me, Begun);
                idle_body();
            })
        });
        let monitor = process::monitor(client);
        expect::<Begun>();
        process::exit(pid_of(&server), reason());
        let outcome = expect::<Got<Result<(), SysError>>>();
        assert_eq!(outcome.0.kind(), Err(CallErrorKind::Down(reason())));
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_no_message(); // `terminate` was not called.
    }
}

mod get_status {
    use super::*;
    use procession::process::dictionary;
    use procession::sys::DebugOptions;

    // OTP: gen_server_SUITE:call_format_status, sys_SUITE:suspend
    #[test]
    fn shows_the_server() {
        let options =
            StartOptions::new().name("sys::get_status").debug(DebugOptions::new().with_log(3));
        let server = Scripted::start_link_with(observed_init(), options).unwrap();
        server.cast_with(|it| {
            it.note("a note");
            dictionary::put("colour", "green");
            noreply()
        });
        let status = sys_of(&server).get_status().unwrap();
        assert_eq!(status.pid, pid_of(&server));
        assert_eq!(status.name.as_deref(), Some("sys::get_status"));
        assert_eq!(status.module, std::any::type_name::<Scripted>());
        assert_eq!(status.mode, Mode::Running);
        assert_eq!(status.parent, Some(process::self_pid()));
        let colour = ("colour".to_owned(), "\"green\"".to_owned());
        assert!(status.dictionary.contains(&colour), "{:?}", status.dictionary);
        assert_eq!(status.debug, ["log of 3 events"]);
        assert_eq!(status.state, "Scripted { notes: [\"a note\"], .. }");

        sys_of(&server).suspend().unwrap();
        assert_eq!(sys_of(&server).get_status().unwrap().mode, Mode::Suspended);
        sys_of(&server).resume().unwrap();
        assert_eq!(sys_of(&server).get_status().unwrap().mode, Mode::Running);
        server.stop().unwrap();
    }

    #[test]
    fn shows_no_name_and_no_parent_where_there_is_none() {
        let status = sys_of(&scripted()).get_status().unwrap();
        assert_eq!((status.name, status.parent), (None, None));
        assert!(status.debug.is_empty());
    }

    #[test]
    fn shows_that_a_value_of_the_dictionary_cannot_be_printed() {
        #[derive(Clone)]
        struct Secret;

        impl std::fmt::Debug for Secret {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                panic!("not to be printed")
            }
        }

        let server = scripted();
        server.cast_with(|_| {
            dictionary::put("secret", Secret);
            noreply()
        });
        let status = sys_of(&server).get_status().unwrap();
        let (_, text) = status.dictionary.iter().find(|(key, _)| key == "secret").unwrap();
        assert!(text.contains("not to be printed"), "{text}");
        server.assert_answers();
    }
}

mod terminate {
    use super::*;

    // OTP: sys_SUITE:special_process
    #[test]
    fn ends_a_running_or_suspended_server_which_cleans_up() {
        for suspended in [false, true] {
            for end in [ExitReason::Normal, ExitReason::Shutdown, reason()] {
                let server = scripted();
                server.cast_with(|it| {
                    it.note("handled");
                    noreply()
                });
                if suspended {
                    sys_of(&server).suspend().unwrap();
                }
                let monitor = process::monitor(pid_of(&server));
                assert_eq!(sys_of(&server).terminate(end.clone()), Ok(()));
                let expected = Terminated { reason: end.clone(), notes: vec!["handled"] };
                assert_eq!(expect::<Terminated>(), expected);
                assert_eq!(down_reason(monitor), end);
                assert_no_message();
            }
        }
    }

    #[test]
    fn does_not_wait_for_the_end() {
        let server = scripted();
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        server.cast_with(move |it| {
            it.on_terminate = Some(Box::new(move |_| _ = held.recv()));
            noreply()
        });
        let monitor = process::monitor(pid_of(&server));
        sys_of(&server).terminate(reason()).unwrap();
        expect::<Terminated>();
        assert!(process::is_alive(pid_of(&server)));
        drop(let_go);
        assert_eq!(down_reason(monitor), reason());
    }
}

mod each_method {
    use super::*;

    use std::ops::ControlFlow;

    /// What each method of `sys` returns.
    fn each(sys: &Sys) -> Vec<Result<(), SysError>> {
        let nothing = |_: &sys::Event<'_>, _: &Scripted| ControlFlow::Continue(());
        vec![
            sys.suspend(),
            sys.resume(),
            sys.get_state(|_: &Scripted| ()),
            sys.replace_state(|_: &mut Scripted| ()),
            sys.get_status().map(|_| ()),
            sys.statistics_on(),
            sys.statistics().map(|_| ()),
            sys.statistics_off(),
            sys.log_on(1),
            sys.log().map(|_| ()),
            sys.print_log(),
            sys.log_off(),
            sys.log_to_file(std::env::temp_dir()), // No file; nobody comes so far as to open it.
            sys.log_to_file_off(),
            sys.trace_on(),
            sys.trace_off(),
            sys.install("each", nothing),
            sys.remove("each"),
            sys.no_debug(),
            sys.change_code("1", ()),
            sys.terminate(reason()),
        ]
    }

    #[track_caller]
    fn assert_each(outcomes: Vec<Result<(), SysError>>, expected: &CallErrorKind) {
        for (index, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome.kind(), Err(expected.clone()), "the method {index}");
        }
    }

    // OTP: sys_SUITE:suspend
    #[test]
    fn fails_when_there_is_no_such_process() {
        let server = scripted();
        server.stop().unwrap();
        assert_each(each(&sys_of(&server)), &CallErrorKind::NoProc);
        assert_each(each(&sys::of("sys::each_method::nobody")), &CallErrorKind::NoProc);
    }

    #[test]
    fn fails_in_the_process_itself() {
        let server = scripted();
        let outcomes = server.call_with(|_, _| reply(each(&sys::of(process::self_pid())))).unwrap();
        assert_each(outcomes, &CallErrorKind::CallingSelf(pid_of(&server)));
        server.assert_answers();
    }

    // OTP: the documentation of sys
    #[test]
    fn fails_when_there_is_no_answer_in_time_and_leaves_no_message() {
        // Neither is one that does not know system messages, nor one that is busy.
        let server = scripted();
        let let_go = server.hold(|_| noreply());
        for pid in [idle(), pid_of(&server)] {
            for timeout in [Duration::ZERO, Duration::from_millis(1)] {
                assert_each(each(&sys::of(pid).timeout(timeout)), &CallErrorKind::Timeout);
            }
        }
        let monitor = process::monitor(pid_of(&server));
        drop(let_go);
        // What was asked for is done all the same; no answer of it comes.
        expect::<Terminated>();
        assert_eq!(down_reason(monitor), reason());
        assert_no_message();
    }

    #[test]
    fn waits_forever_if_told_to() {
        let server = scripted();
        let sys = sys::of(server).timeout(Duration::MAX);
        assert_eq!(sys.get_state(|it: &Scripted| it.notes.len()), Ok(0));
    }

    #[test]
    fn fails_when_the_server_ends_before_it_comes_to_it() {
        let server = scripted();
        let let_go = server.hold(|_| stop(reason()));
        elsewhere(&server, |sys| sys.suspend());
        has_waiting(&server, 1);
        drop(let_go);
        let outcome = expect::<Got<Result<(), SysError>>>();
        assert_eq!(outcome.0.kind(), Err(CallErrorKind::Down(reason())));
        assert!(expect::<Terminated>().reason == reason());
    }

    #[test]
    fn is_done_late_after_a_time_out_with_an_answer_that_nobody_gets() {
        let server = scripted();
        let let_go = server.hold(|_| noreply());
        let change = |it: &mut Scripted| {
            it.note("late");
            "nobody"
        };
        let outcome = sys::of(server).timeout(Duration::ZERO).replace_state(change);
        assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
        drop(let_go);
        assert_eq!(server.notes(), ["late"]);
        assert_no_message();
    }

    #[test]
    fn survives_an_answer_whose_destructor_panics_when_nobody_gets_it() {
        struct PanicsOnDrop;

        impl Drop for PanicsOnDrop {
            fn drop(&mut self) {
                panic!("the destructor of the answer");
            }
        }

        let server = scripted();
        let let_go = server.hold(|_| noreply());
        let outcome =
            sys::of(server).timeout(Duration::ZERO).get_state(|_: &Scripted| PanicsOnDrop);
        assert_eq!(outcome.err().map(kind_of), Some(CallErrorKind::Timeout));
        drop(let_go);
        server.assert_answers();
    }
}
