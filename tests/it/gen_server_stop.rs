//! How servers are stopped, and how they end with their parents.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::fmt;
use std::sync::mpsc;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::support::calls::CallKind;
use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, FOREVER, begun, idle, idle_body, in_process, reason};
use crate::support::rounds::{killed_meanwhile, rounds};
use crate::support::scripted::{
    CallOutcome, InfoReceived, Replied, Scripted, ScriptedServer, Terminated, call_message,
    init_with, observed_init, pid_of, scripted, spawn_client,
};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

pub(crate) const SHORT: Duration = Duration::from_millis(5);

pub(crate) fn other_reason() -> ExitReason {
    ExitReason::new("gen_server_stop::other_reason")
}

/// Starts a scripted server as `name`, with the caller as its observer.
#[track_caller]
pub(crate) fn scripted_named(name: &str) -> ServerRef<Scripted> {
    Scripted::start_with(observed_init(), StartOptions::new().name(name)).unwrap()
}

/// Starts a scripted server that traps exits and has the caller as its observer.
#[track_caller]
pub(crate) fn trapping_scripted() -> ServerRef<Scripted> {
    Scripted::start_with(observed_init(), StartOptions::new().trap_exit(true)).unwrap()
}

/// Asserts that `terminate` runs, or has run, with `reason`.
#[track_caller]
pub(crate) fn expect_terminated(reason: ExitReason) {
    assert_eq!(expect::<Terminated>().reason, reason);
}

mod stop {
    use super::*;

    // OTP: gen_server_SUITE:stop1
    #[test]
    fn returns_when_the_server_is_gone() {
        in_process(|| {
            let name = "gen_server_stop::stop::gone";
            let server = scripted_named(name);
            let pid = pid_of(&server);
            assert_eq!(server.stop(), Ok(()));

            assert!(!process::is_alive(pid));
            assert_eq!(process::whereis(name), None);
            let terminated = process::receive_timeout(Duration::ZERO).unwrap();
            let terminated = terminated.downcast::<Terminated>().unwrap();
            assert_eq!(terminated.reason, ExitReason::Normal);
            assert_no_message();
        });
    }

    // OTP: gen_server_SUITE:stop2
    #[test]
    fn ends_the_server_with_the_reason_that_is_asked_for() {
        for reason in [reason(), ExitReason::Shutdown, ExitReason::Kill, ExitReason::NoProc] {
            let server = scripted();
            let monitor = process::monitor(pid_of(&server));
            assert_eq!(server.stop_with(reason.clone(), test_timeout()), Ok(()));
            expect_terminated(reason.clone());
            assert_eq!(down_reason(monitor), reason);
        }
    }

    // OTP: gen_server_SUITE:stop4
    #[test]
    fn by_name_stops_the_server_that_has_the_name() {
        let name = "gen_server_stop::stop::by_name";
        let pid = pid_of(&scripted_named(name));
        let named = ServerRef::<Scripted>::named(name);
        assert_eq!(named.stop(), Ok(()));
        assert!(!process::is_alive(pid));
        assert_eq!(named.stop(), Err(StopError::NoProc));
    }

    // OTP: gen_server_SUITE:stop1
    #[test]
    fn of_a_process_that_does_not_exist_fails() {
        let server = scripted();
        assert_eq!(server.stop(), Ok(()));
        assert_eq!(server.stop(), Err(StopError::NoProc));
        for reason in [reason(), ExitReason::NoProc] {
            assert_eq!(server.stop_with(reason, SHORT), Err(StopError::NoProc));
        }
    }

    #[test]
    fn of_a_server_that_ends_with_noproc_fails_with_that_reason() {
        let server = scripted();
        server.cast_with(|it| {
            it.on_terminate = Some(Box::new(|_| process::exit_self(ExitReason::NoProc)));
            noreply()
        });
        assert_eq!(server.stop(), Err(StopError::Down(ExitReason::NoProc)));
    }

    #[test]
    fn comes_after_what_was_sent_before() {
        let server = scripted();
        for note in ["first", "second"] {
            server.cast_with(move |it| {
                it.note(note);
                noreply()
            });
        }
        assert_eq!(server.stop(), Ok(()));
        assert_eq!(expect::<Terminated>().notes, ["first", "second"]);
    }

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn that_times_out_still_takes_place() {
        in_process(|| {
            let server = scripted();
            let monitor = process::monitor(pid_of(&server));
            let let_go = server.hold(|_| noreply());
            let since = Instant::now();
            assert_eq!(server.stop_with(reason(), SHORT), Err(StopError::Timeout));
            assert!(since.elapsed() >= SHORT);

            drop(let_go);
            expect_terminated(reason());
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    #[test]
    fn of_a_process_that_is_not_a_server_times_out() {
        let server = ServerRef::<Scripted>::from_pid(idle());
        assert_eq!(server.stop_with(reason(), SHORT), Err(StopError::Timeout));
    }

    #[test]
    fn tells_if_the_server_ends_for_another_reason() {
        type End = fn(&mut Scripted) -> CastResult<Scripted>;

        let ends: [(End, ExitReason); 3] = [
            (|_| stop(other_reason()), other_reason()),
            (|_| process::exit_self(other_reason()), other_reason()),
            (
                |_| {
                    process::exit(process::self_pid(), ExitReason::Kill);
                    noreply()
                },
                ExitReason::Killed,
            ),
        ];
        for (end, expected) in ends {
            let server = scripted();
            let let_go = server.hold(end);
            let watched = pid_of(&server);
            thread::scope(|scope| {
                scope.spawn(move || {
                    // The stop is on its way.
                    let queued = || process::info(watched).map_or(0, |it| it.message_queue_len);
                    wait_until(|| queued() == 1);
                    drop(let_go);
                });
                assert_eq!(server.stop_with(reason(), FOREVER), Err(StopError::Down(expected)));
            });
        }
    }

    #[test]
    fn of_a_server_by_itself_fails_at_once() {
        let server = scripted();
        let pid = pid_of(&server);
        let itself = server;
        assert_eq!(
            server.call_with(move |_, _| reply(itself.stop())),
            Ok(Err(StopError::CallingSelf(pid)))
        );
        server.assert_answers();
    }

    #[test]
    fn is_a_receive_point_for_the_stopper() {
        let server = ServerRef::<Scripted>::from_pid(idle());
        let watched = pid_of(&server);
        let stopper = process::spawn(move || _ = server.stop()).unwrap();
        wait_until(|| process::info(watched).unwrap().message_queue_len == 1);
        assert_eq!(exit_and_wait(stopper, reason()), reason());
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_meanwhile() {
        let server = ServerRef::<Scripted>::from_pid(idle());
        let me = process::self_pid();
        thread::scope(|scope| {
            let stopper = scope.spawn(|| {
                process::send(me, process::self_pid());
                server.stop()
            });
            let stopper_pid = expect::<Pid>();
            wait_until(|| process::info(pid_of(&server)).unwrap().message_queue_len == 1);
            process::exit(stopper_pid, ExitReason::Kill);
            assert_eq!(stopper.join().unwrap(), Err(StopError::CallerEnded));
        });
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_at_any_moment() {
        let silent = ServerRef::<Scripted>::from_pid(idle());
        for round in 0..rounds(2_000) {
            let stop_some = || loop {
                // If it is not stopped, it ends with the thread.
                let server = Scripted::start_link(init_with(|| ready(Scripted::default()))).ok()?;
                if let Err(error) = server.stop() {
                    return Some(error);
                }
            };
            let stop_in_vain = || loop {
                match silent.stop_with(reason(), Duration::ZERO) {
                    Err(StopError::Timeout) => {}
                    outcome => return outcome.err(),
                }
            };
            let error = if round % 2 == 0 {
                killed_meanwhile(round, stop_some).unwrap_or(StopError::CallerEnded)
            } else {
                killed_meanwhile(round, stop_in_vain).expect("it has stopped no server")
            };
            assert_eq!(error, StopError::CallerEnded, "round {round}");
        }
    }

    #[test]
    fn of_a_server_that_was_killed_waits_until_it_has_left_its_code() {
        let options = StartOptions::new().spawn_options(Builder::new().kill_grace(FOREVER));
        let server = Scripted::start_with(observed_init(), options).unwrap();
        let (pid, me) = (pid_of(&server), process::self_pid());
        let (dropped, drops) = mpsc::channel();
        server.cast_with(move |it| {
            it.on_drop = Some(OnDrop(Box::new(move || dropped.send(()).unwrap())));
            noreply()
        });
        let let_go = server.hold(|_| noreply());
        process::exit(pid, ExitReason::Kill);
        let stopper = process::spawn(move || process::send(me, server.stop())).unwrap();
        wait_until(|| process::info(stopper).is_none_or(|it| it.status == Status::Waiting));
        assert_no_message();
        drop(let_go);
        let outcome = expect::<Result<(), StopError>>();
        assert_eq!(outcome, Err(StopError::Down(ExitReason::Killed)));
        assert_eq!(drops.try_recv(), Ok(()));
    }

    #[test]
    fn fails_in_a_process_that_is_being_ended() {
        let (outcomes, seen) = mpsc::channel();
        let server = scripted();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _guard = OnDrop(move || outcomes.send(server.stop()).unwrap());
            idle_body();
        });
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(seen.recv().unwrap(), Err(StopError::CallerEnded));
    }
}

mod stop_with_reply {
    use super::*;

    #[test]
    fn answers_when_terminate_has_run() {
        in_process(|| {
            let server = scripted();
            let monitor = process::monitor(pid_of(&server));
            let reply = server.call_with(|it, _| {
                it.note("the new state");
                stop_with_reply(reason(), "farewell")
            });
            assert_eq!(reply, Ok("farewell"));
            let Terminated { reason: end, notes } =
                process::receive_timeout(Duration::ZERO).unwrap().downcast().unwrap();
            assert_eq!((end, notes), (reason(), vec!["the new state"]));
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn answers_also_when_terminate_fails() {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let reply = server.call_with(|it, _| {
            it.on_terminate = Some(Box::new(|_| panic!("in terminate")));
            stop_with_reply(reason(), "farewell")
        });
        assert_eq!(reply, Ok("farewell"));
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "in terminate");
    }

    #[test]
    fn with_an_answer_given_before_gives_no_second_one() {
        in_process(|| {
            let server = scripted();
            let answer = server.call_with(|_, caller| {
                caller.defer().reply("the first");
                stop_with_reply(ExitReason::Normal, "the second")
            });
            assert_eq!(answer, Ok("the first"));
            expect_terminated(ExitReason::Normal);
            wait_for_exit(pid_of(&server));
            assert_no_message();
        });
    }

    /// How a client waits for its reply.
    #[derive(Clone, Copy, Debug)]
    enum Route {
        Call,
        Request,
    }

    const ROUTES: [Route; 2] = [Route::Call, Route::Request];

    /// Starts a process that asks `server` to do `body`, and sends the caller the [`CallOutcome`].
    fn asks<R: Send + fmt::Debug + 'static>(
        route: Route,
        server: &ServerRef<Scripted>,
        body: impl FnOnce(&mut Scripted, &Caller<R>) -> Replied<Scripted, R> + Send + 'static,
    ) -> Pid {
        match route {
            Route::Call => spawn_client(server, body),
            Route::Request => {
                let (me, server) = (process::self_pid(), *server);
                process::spawn(move || {
                    let request = server.send_request(call_message(body));
                    process::send(me, CallOutcome(request.receive_response(test_timeout())));
                })
                .unwrap()
            }
        }
    }

    /// Starts a server with this grace that a client asks to end with `value`. It does `last` in
    /// `terminate`, which has begun, and says by the receiver that its state is being dropped.
    #[track_caller]
    fn ends_with<R: Send + fmt::Debug + 'static>(
        (route, grace): (Route, Duration),
        value: R,
        last: impl FnOnce() + Send + 'static,
    ) -> (Pid, mpsc::Receiver<()>) {
        let options = StartOptions::new().spawn_options(Builder::new().kill_grace(grace));
        let server =
            Scripted::start_with(init_with(|| ready(Scripted::default())), options).unwrap();
        let me = process::self_pid();
        let (dropped, is_dropped) = mpsc::channel();
        asks(route, &server, move |it, _| {
            it.on_drop = Some(OnDrop(Box::new(move || _ = dropped.send(()))));
            it.on_terminate = Some(Box::new(move |_| {
                process::send(me, Begun);
                last();
            }));
            stop_with_reply(reason(), value)
        });
        expect::<Begun>();
        (pid_of(&server), is_dropped)
    }

    /// Asserts that the client has got no reply, as the server has ended with `reason`, nor gets
    /// one yet.
    #[track_caller]
    fn expect_no_reply<R: Send + PartialEq + fmt::Debug + 'static>(reason: ExitReason) {
        assert_eq!(expect::<CallOutcome<R>>().0.kind(), Err(CallErrorKind::Down(reason)));
        assert_no_message();
    }

    /// A value, and what tells whether it was dropped.
    fn watched() -> (Arc<()>, Weak<()>) {
        let value = Arc::new(());
        let watch = Arc::downgrade(&value);
        (value, watch)
    }

    // OTP 25, run.
    #[test]
    fn does_not_answer_when_terminate_is_cut_short_by_a_signal() {
        in_process(|| {
            for (route, sent) in ROUTES.into_iter().zip([ExitReason::Kill, other_reason()]) {
                let (value, watch) = watched();
                let (pid, _) = ends_with((route, FOREVER), value, || process::sleep(FOREVER));
                let killed = sent == ExitReason::Kill;
                let end = if killed { ExitReason::Killed } else { sent.clone() };
                assert_eq!(exit_and_wait(pid, sent), end);
                expect_no_reply::<Arc<()>>(end);
                assert_eq!(watch.strong_count(), 0);
            }
        });
    }

    // OTP 25, run.
    #[test]
    fn does_not_answer_when_the_server_is_killed_in_terminate_though_that_returns() {
        in_process(|| {
            for route in ROUTES {
                let (value, watch) = watched();
                let (let_go, held) = mpsc::channel::<()>();
                let (pid, _) = ends_with((route, FOREVER), value, move || _ = held.recv());
                let monitor = process::monitor(pid);
                process::exit(pid, ExitReason::Kill);
                drop(let_go);
                assert_eq!(down_reason(monitor), ExitReason::Killed);
                expect_no_reply::<Arc<()>>(ExitReason::Killed);
                assert_eq!(watch.strong_count(), 0);
            }
        });
    }

    #[test]
    fn does_not_answer_when_the_server_was_left_behind_in_terminate() {
        in_process(|| {
            for route in ROUTES {
                let (value, watch) = watched();
                let (let_go, held) = mpsc::channel::<()>();
                let at = (route, Duration::ZERO);
                let (pid, is_dropped) = ends_with(at, value, move || _ = held.recv());
                assert_eq!(exit_and_wait(pid, ExitReason::Kill), ExitReason::Killed);
                // The client does not wait for the thread, either.
                expect_no_reply::<Arc<()>>(ExitReason::Killed);
                drop(let_go);
                assert_eq!(is_dropped.recv(), Ok(()));
                wait_until(|| watch.strong_count() == 0);
                assert_no_message();
            }
        });
    }

    #[test]
    fn does_not_answer_when_somebody_else_is_just_telling_the_end_of_the_server() {
        in_process(|| {
            for route in ROUTES {
                let (value, watch) = watched();
                let (let_go, held) = mpsc::channel::<()>();
                let (let_child_go, child_held) = mpsc::channel::<()>();
                let me = process::self_pid();
                let last = move || {
                    let child = |body: Box<dyn FnOnce() + Send>| {
                        Builder::new().link().kill_grace(FOREVER).spawn(body).unwrap()
                    };
                    child(Box::new(move || _ = child_held.recv()));
                    process::send(me, child(Box::new(idle_body)));
                    _ = held.recv();
                };
                let (pid, is_dropped) = ends_with((route, Duration::ZERO), value, last);
                let monitors = [expect(), pid].map(process::monitor);
                process::exit(pid, ExitReason::Kill);
                // Who tells the end waits for the other child by now.
                assert_eq!(down_reason(monitors[0]), ExitReason::Killed);
                drop(let_go);
                assert_eq!(is_dropped.recv(), Ok(()));
                assert_no_message();
                drop(let_child_go);
                assert_eq!(down_reason(monitors[1]), ExitReason::Killed);
                expect_no_reply::<Arc<()>>(ExitReason::Killed);
                wait_until(|| watch.strong_count() == 0);
            }
        });
    }
}

mod the_parent {
    use super::*;

    /// A process that starts a server, linked or not, which traps exits or not and has the caller
    /// as its observer, and then ends with the reason that it is sent.
    fn parent(linked: bool, trap_exit: bool) -> (Pid, ServerRef<Scripted>) {
        let me = process::self_pid();
        let parent = process::spawn(move || {
            let init = init_with(move || {
                process::set_trap_exit(trap_exit);
                ready(Scripted::observed_by(me))
            });
            let start = if linked { Scripted::start_link } else { Scripted::start };
            process::send(me, start(init).unwrap());
            process::exit_self(expect::<ExitReason>());
        })
        .unwrap();
        (parent, expect())
    }

    /// Lets `server` link to `peer`.
    fn links_to(server: &ServerRef<Scripted>, peer: Pid) {
        server.cast_with(move |_| {
            process::link(peer);
            noreply()
        });
        server.assert_answers();
    }

    #[test]
    fn ends_a_server_that_traps_exits_which_cleans_up() {
        for end in [reason(), ExitReason::Shutdown, ExitReason::Normal] {
            let (parent, server) = parent(true, true);
            let monitor = process::monitor(pid_of(&server));
            process::send(parent, end.clone());
            expect_terminated(end.clone());
            assert_eq!(down_reason(monitor), end);
            // It was not for `handle_info`, else that had been first.
            assert_no_message();
        }
    }

    #[test]
    fn ends_a_server_that_does_not_trap_exits_without_terminate() {
        in_process(|| {
            let (parent, server) = parent(true, false);
            let monitor = process::monitor(pid_of(&server));
            process::send(parent, reason());
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    #[test]
    fn that_ends_normally_leaves_a_server_that_does_not_trap_exits_alone() {
        let (parent, server) = parent(true, false);
        let monitor = process::monitor(parent);
        process::send(parent, ExitReason::Normal);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        server.assert_answers();
    }

    #[test]
    fn can_send_an_exit_signal_that_is_taken_for_its_end() {
        let me = process::self_pid();
        let options = StartOptions::new().spawn_options(Builder::new().trap_exit(true));
        let init = init_with(move || ready(Scripted::observed_by(me)));
        let server = Scripted::start_link_with(init, options).unwrap();
        process::exit(pid_of(&server), reason());
        expect_terminated(reason());
        assert_eq!(expect::<Exit>(), Exit { from: pid_of(&server), reason: reason() });
    }

    #[test]
    fn can_be_claimed_to_have_ended_by_a_message() {
        for trap_exit in [true, false] {
            let (parent, server) = parent(true, trap_exit);
            let monitor = process::monitor(pid_of(&server));
            process::send(pid_of(&server), Exit { from: parent, reason: reason() });
            expect_terminated(reason());
            assert_eq!(down_reason(monitor), reason());
        }
    }

    // OTP 25, run.
    #[test]
    fn is_also_a_starter_that_only_monitors_the_server() {
        in_process(|| {
            let me = process::self_pid();
            let options = StartOptions::new().spawn_options(Builder::new().trap_exit(true));
            let init = init_with(move || ready(Scripted::observed_by(me)));
            let (server, monitor) = Scripted::start_monitor_with(init, options).unwrap();
            process::exit(pid_of(&server), reason());
            expect_terminated(reason());
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    #[test]
    fn does_not_exist_for_a_server_without_link_and_monitor() {
        let (starter, server) = parent(false, true);
        links_to(&server, starter);
        process::send(starter, reason());
        let exit = expect::<InfoReceived>().0.downcast::<Exit>().unwrap();
        assert_eq!(exit, Exit { from: starter, reason: reason() });
        server.assert_answers();
    }

    #[test]
    fn is_not_every_process_that_is_linked() {
        let (parent, server) = parent(true, true);
        let linked = idle();
        links_to(&server, linked);
        process::exit(linked, reason());
        let exit = expect::<InfoReceived>().0.downcast::<Exit>().unwrap();
        assert_eq!(exit, Exit { from: linked, reason: reason() });
        server.assert_answers();
        process::exit(parent, ExitReason::Kill);
        expect_terminated(ExitReason::Killed);
    }
}
