//! How servers end, and what they do before.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::fmt;
use std::sync::mpsc;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use procession::gen_server::OwnedServer;
use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::puppet::*;
use crate::staging::*;
use crate::support::*;

const SHORT: Duration = Duration::from_millis(5);

fn reason() -> ExitReason {
    ExitReason::new("gen_server_stop::reason")
}

fn other_reason() -> ExitReason {
    ExitReason::new("gen_server_stop::other_reason")
}

/// Starts a puppet as `name`, with the caller as its witness.
#[track_caller]
fn puppet_named(name: &str) -> ServerRef<Puppet> {
    Puppet::start_with(plain(), StartOptions::new().name(name)).unwrap()
}

/// Starts a puppet that traps exits and has the caller as its witness.
#[track_caller]
fn trapping_puppet() -> ServerRef<Puppet> {
    let options = StartOptions::new().spawn_options(Builder::new().trap_exit(true));
    Puppet::start_with(plain(), options).unwrap()
}

/// Asserts that `terminate` runs, or has run, with `reason`.
#[track_caller]
fn expect_terminated(reason: ExitReason) {
    assert_eq!(expect::<Terminated>().reason, reason);
}

mod stop {
    use super::*;

    // OTP: gen_server_SUITE:stop1
    #[test]
    fn returns_when_the_server_is_gone() {
        in_process(|| {
            let name = "gen_server_stop::stop::gone";
            let server = puppet_named(name);
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
            let server = puppet();
            let monitor = process::monitor(pid_of(&server));
            assert_eq!(server.stop_with(reason.clone(), patience()), Ok(()));
            expect_terminated(reason.clone());
            assert_eq!(down_reason(monitor), reason);
        }
    }

    // OTP: gen_server_SUITE:stop4
    #[test]
    fn by_name_stops_who_has_it() {
        let name = "gen_server_stop::stop::by_name";
        let pid = pid_of(&puppet_named(name));
        let named = ServerRef::<Puppet>::named(name);
        assert_eq!(named.stop(), Ok(()));
        assert!(!process::is_alive(pid));
        assert_eq!(named.stop(), Err(StopError::NoProc));
    }

    // OTP: gen_server_SUITE:stop1
    #[test]
    fn of_nobody_fails() {
        let server = puppet();
        assert_eq!(server.stop(), Ok(()));
        assert_eq!(server.stop(), Err(StopError::NoProc));
        for reason in [reason(), ExitReason::NoProc] {
            assert_eq!(server.stop_with(reason, SHORT), Err(StopError::NoProc));
        }
    }

    #[test]
    fn of_one_that_ends_as_if_it_were_nobody_fails_with_that_reason() {
        let server = puppet();
        server.tell(|it| {
            it.on_terminate = Some(Box::new(|_| process::exit_self(ExitReason::NoProc)));
            noreply()
        });
        assert_eq!(server.stop(), Err(StopError::Down(ExitReason::NoProc)));
    }

    #[test]
    fn comes_after_what_was_sent_before() {
        let server = puppet();
        for note in ["first", "second"] {
            server.tell(move |it| {
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
            let server = puppet();
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
    fn of_a_process_that_is_no_server_times_out() {
        let server = ServerRef::<Puppet>::from_pid(idle());
        assert_eq!(server.stop_with(reason(), SHORT), Err(StopError::Timeout));
    }

    #[test]
    fn tells_if_the_server_ends_for_another_reason() {
        type End = fn(&mut Puppet) -> CastResult<Puppet>;

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
            let server = puppet();
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
        let server = puppet();
        let pid = pid_of(&server);
        let itself = server.clone();
        assert_eq!(
            server.ask(move |_, _| reply(itself.stop())),
            Ok(Err(StopError::CallingSelf(pid)))
        );
        server.answers();
    }

    #[test]
    fn is_a_receive_point_for_the_stopper() {
        let server = ServerRef::<Puppet>::from_pid(idle());
        let watched = pid_of(&server);
        let stopper = process::spawn(move || _ = server.stop()).unwrap();
        wait_until(|| process::info(watched).unwrap().message_queue_len == 1);
        assert_eq!(exit_and_wait(stopper, reason()), reason());
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_meanwhile() {
        let server = ServerRef::<Puppet>::from_pid(idle());
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
        let silent = ServerRef::<Puppet>::from_pid(idle());
        for round in 0..rounds(2_000) {
            let stop_some = || loop {
                // If it is not stopped, it ends with the thread.
                let server = Puppet::start_link(script(|| ready(Puppet::default()))).ok()?;
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
        let server = Puppet::start_with(plain(), options).unwrap();
        let (pid, me) = (pid_of(&server), process::self_pid());
        let (dropped, drops) = mpsc::channel();
        server.tell(move |it| {
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
        let server = puppet();
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
            let server = puppet();
            let monitor = process::monitor(pid_of(&server));
            let reply = server.ask(|it, _| {
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
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let reply = server.ask(|it, _| {
            it.on_terminate = Some(Box::new(|_| panic!("in terminate")));
            stop_with_reply(reason(), "farewell")
        });
        assert_eq!(reply, Ok("farewell"));
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "in terminate");
    }

    #[test]
    fn with_an_answer_given_before_gives_no_second_one() {
        in_process(|| {
            let server = puppet();
            let answer = server.ask(|_, caller| {
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

    /// Starts a process that asks `server` to do `body`, and sends the caller the [`Outcome`].
    fn asks<R: Send + fmt::Debug + 'static>(
        route: Route,
        server: &ServerRef<Puppet>,
        body: impl FnOnce(&mut Puppet, &Caller<R>) -> CallResult<Puppet, R> + Send + 'static,
    ) -> Pid {
        match route {
            Route::Call => client(server, body),
            Route::Request => {
                let (me, server) = (process::self_pid(), server.clone());
                process::spawn(move || {
                    let request = server.send_request(ask(body));
                    process::send(me, Outcome(request.receive_response(patience()).unwrap()));
                })
                .unwrap()
            }
        }
    }

    /// Starts a puppet with this grace that a client asks to end with `value`. It does `last` in
    /// `terminate`, which has begun, and says by the receiver that its state is being dropped.
    #[track_caller]
    fn ends_with<R: Send + fmt::Debug + 'static>(
        (route, grace): (Route, Duration),
        value: R,
        last: impl FnOnce() + Send + 'static,
    ) -> (Pid, mpsc::Receiver<()>) {
        let options = StartOptions::new().spawn_options(Builder::new().kill_grace(grace));
        let server = Puppet::start_with(script(|| ready(Puppet::default())), options).unwrap();
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
        assert_eq!(expect::<Outcome<R>>(), Outcome(Err(CallError::Down(reason))));
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

    /// A process that starts a puppet, linked or not, which traps exits or not and has the caller
    /// as its witness, and then ends with the reason that it is sent.
    fn parent(linked: bool, trap_exit: bool) -> (Pid, ServerRef<Puppet>) {
        let me = process::self_pid();
        let parent = process::spawn(move || {
            let init = script(move || {
                process::set_trap_exit(trap_exit);
                ready(Puppet::with_witness(me))
            });
            let start = if linked { Puppet::start_link } else { Puppet::start };
            process::send(me, start(init).unwrap());
            process::exit_self(expect::<ExitReason>());
        })
        .unwrap();
        (parent, expect())
    }

    /// Lets `server` link to `peer`.
    fn links_to(server: &ServerRef<Puppet>, peer: Pid) {
        server.tell(move |_| {
            process::link(peer);
            noreply()
        });
        server.answers();
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
    fn ends_a_server_that_does_not_trap_exits_without_more_ado() {
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
        server.answers();
    }

    #[test]
    fn can_send_an_exit_signal_that_is_taken_for_its_end() {
        let me = process::self_pid();
        let options = StartOptions::new().spawn_options(Builder::new().trap_exit(true));
        let init = script(move || ready(Puppet::with_witness(me)));
        let server = Puppet::start_link_with(init, options).unwrap();
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
    fn is_the_starter_too_that_only_monitors_the_server() {
        in_process(|| {
            let me = process::self_pid();
            let options = StartOptions::new().spawn_options(Builder::new().trap_exit(true));
            let init = script(move || ready(Puppet::with_witness(me)));
            let (server, monitor) = Puppet::start_monitor_with(init, options).unwrap();
            process::exit(pid_of(&server), reason());
            expect_terminated(reason());
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    #[test]
    fn is_nobody_for_a_server_without_link_and_monitor() {
        let (starter, server) = parent(false, true);
        links_to(&server, starter);
        process::send(starter, reason());
        let exit = expect::<Heard>().0.downcast::<Exit>().unwrap();
        assert_eq!(exit, Exit { from: starter, reason: reason() });
        server.answers();
    }

    #[test]
    fn is_not_every_process_that_is_linked() {
        let (parent, server) = parent(true, true);
        let linked = idle();
        links_to(&server, linked);
        process::exit(linked, reason());
        let exit = expect::<Heard>().0.downcast::<Exit>().unwrap();
        assert_eq!(exit, Exit { from: linked, reason: reason() });
        server.answers();
        process::exit(parent, ExitReason::Kill);
        expect_terminated(ExitReason::Killed);
    }
}

mod terminate {
    use super::*;

    /// Ends `server` by `end`, a message or signal. Sees that its links, monitors and callers learn
    /// of the same reason, which is returned, and that `terminate` ran with it or did not.
    #[track_caller]
    fn check(
        server: ServerRef<Puppet>,
        end: impl FnOnce(&ServerRef<Puppet>),
        runs: bool,
    ) -> ExitReason {
        let pid = pid_of(&server);
        process::link(pid);
        let monitor = process::monitor(pid);
        let let_go = server.hold(|_| noreply());
        let queued = |length| {
            wait_until(|| process::info(pid).is_none_or(|it| it.message_queue_len == length));
        };
        end(&server);
        queued(1);
        client::<()>(&server, |_, _| unreachable!("the server has ended"));
        queued(2);
        drop(let_go);

        let reason = down_reason(monitor);
        assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason.clone() });
        let outcome = expect::<Outcome<()>>().0;
        // One that was killed may be gone before the client calls.
        let gone = reason == ExitReason::Killed && outcome == Err(CallError::NoProc);
        assert!(gone || outcome == Err(CallError::Down(reason.clone())), "{outcome:?}");
        let terminated =
            process::receive_match_timeout(Duration::ZERO, |message| message.is::<Terminated>());
        let terminated = terminated.map(|it| it.downcast::<Terminated>().unwrap().reason);
        assert_eq!(terminated, runs.then(|| reason.clone()));
        reason
    }

    // OTP: gen_server_SUITE:stop1, crash
    #[test]
    fn runs_when_a_callback_or_somebody_stops_the_server_or_it_crashes() {
        let ends: [fn(&ServerRef<Puppet>); 5] = [
            |server| server.tell(|_| stop(reason())),
            |server| server.poke(|_| stop(reason())),
            |server| server.tell(|_| noreply().then(go_on(|_| stop(reason())))),
            |server| server.tell(|_| process::exit_self(reason())),
            |server| {
                let server = server.clone();
                process::spawn(move || _ = server.stop_with(reason(), patience())).unwrap();
            },
        ];
        for end in ends {
            assert_eq!(check(puppet(), end, true), reason());
        }
        for callback in ["a cast", "a message", "a continuation"] {
            let end = |server: &ServerRef<Puppet>| match callback {
                "a cast" => server.tell(move |_| panic!("in {callback}")),
                "a message" => server.poke(move |_| panic!("in {callback}")),
                _ => server.tell(move |_| noreply().then(go_on(move |_| panic!("in {callback}")))),
            };
            let reason = check(puppet(), end, true);
            assert_eq!(reason.as_panic().unwrap().message, format!("in {callback}"));
        }
    }

    // OTP: gen_server_SUITE:crash
    #[test]
    fn does_not_run_when_the_server_is_killed_or_told_to_end_by_a_signal() {
        let killed = |server: &ServerRef<Puppet>| process::exit(pid_of(server), ExitReason::Kill);
        assert_eq!(check(puppet(), killed, false), ExitReason::Killed);
        assert_eq!(check(trapping_puppet(), killed, false), ExitReason::Killed);
        let told = |server: &ServerRef<Puppet>| process::exit(pid_of(server), reason());
        assert_eq!(check(puppet(), told, false), reason());
    }

    #[test]
    fn does_not_run_when_init_has_failed() {
        in_process(|| {
            let me = process::self_pid();
            let inits: [fn() -> InitResult<Puppet>; 3] =
                [ignore, || stop(reason()), || init_error(reason())];
            for init in inits {
                let watched = script(move || {
                    let state = Puppet::with_witness(me);
                    let result = init();
                    drop(state);
                    result
                });
                Puppet::start(watched).unwrap_err();
            }
            assert_no_message();
        });
    }

    // OTP: gen_server_SUITE:terminate_crash_format
    #[test]
    fn can_panic_or_exit_which_becomes_the_reason() {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let outcome = server.ask::<()>(|it, _| {
            it.on_terminate = Some(Box::new(|_| panic!("in terminate")));
            stop(reason())
        });
        let end = down_reason(monitor);
        assert_eq!(end.as_panic().unwrap().message, "in terminate");
        assert_eq!(outcome, Err(CallError::Down(end)));
        expect_terminated(reason());

        let server = puppet();
        server.tell(|it| {
            it.on_terminate = Some(Box::new(|_| process::exit_self(other_reason())));
            noreply()
        });
        let outcome = server.stop_with(reason(), patience());
        assert_eq!(outcome, Err(StopError::Down(other_reason())));
    }

    #[test]
    fn is_cut_short_by_a_signal() {
        let me = process::self_pid();
        let last = move |_: &mut Puppet| {
            process::send(me, Begun);
            process::sleep(FOREVER);
            unreachable!("it has slept for ever")
        };
        for sent in [ExitReason::Kill, other_reason()] {
            let server = puppet();
            server.tell(move |it| {
                it.on_terminate = Some(Box::new(last));
                stop(reason())
            });
            expect::<Begun>();
            let killed = sent == ExitReason::Kill;
            let expected = if killed { ExitReason::Killed } else { sent.clone() };
            assert_eq!(exit_and_wait(pid_of(&server), sent), expected);
        }
    }

    // OTP: gen_server_SUITE:undef_terminate1, undef_terminate2
    #[test]
    fn need_not_be_there() {
        #[derive(Debug)]
        struct Bare;

        impl GenServer for Bare {
            type Args = ();

            fn init((): ()) -> InitResult<Bare> {
                ready(Bare)
            }

            fn handle_info(&mut self, _: Message) -> CastResult<Bare> {
                stop(reason())
            }
        }

        assert_eq!(Bare::start(()).unwrap().stop(), Ok(()));
        let (server, monitor) = Bare::start_monitor(()).unwrap();
        process::send(pid_of(&server), "stop");
        assert_eq!(down_reason(monitor), reason());
    }

    // OTP: gen_server_SUITE:stop4
    #[test]
    fn runs_while_the_server_has_its_name() {
        let name = "gen_server_stop::terminate::name";
        let server = puppet_named(name);
        let me = process::self_pid();
        server.tell(move |it| {
            it.on_terminate = Some(Box::new(move |_| {
                let holds = process::whereis(name) == Some(process::self_pid());
                process::send(me, holds);
            }));
            noreply()
        });
        assert_eq!(server.stop(), Ok(()));
        assert!(expect::<bool>());
        assert_eq!(process::whereis(name), None);
    }

    #[test]
    fn can_still_talk_to_others() {
        let (server, other, me) = (puppet(), puppet(), process::self_pid());
        server.tell(move |it| {
            it.on_terminate =
                Some(Box::new(move |_| process::send(me, other.ask(|_, _| reply(7)))));
            noreply()
        });
        assert_eq!(server.stop(), Ok(()));
        assert_eq!(expect::<Result<i32, CallError>>(), Ok(7));
    }
}

/// Destructors that panic, of what a server has.
mod a_destructor_that_panics {
    use super::*;

    #[derive(Debug)]
    struct Grenade;

    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }

    #[test]
    fn of_a_message_ends_the_server_that_handles_it() {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let grenade = Grenade;
        let outcome = server.ask(move |_, _| {
            drop(grenade);
            reply(())
        });
        let end = down_reason(monitor);
        assert_eq!(end.as_panic().unwrap().message, "in a destructor");
        assert_eq!(outcome, Err(CallError::Down(end.clone())));
        expect_terminated(end);
    }

    #[test]
    fn of_messages_that_are_not_handled_disturbs_nobody() {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let let_go = server.hold(|_| stop(reason()));
        let watched = pid_of(&server);
        let queue = |length| {
            wait_until(|| process::info(watched).unwrap().message_queue_len == length);
        };
        for length in [1, 4] {
            client::<()>(&server, |_, _| unreachable!("the server has ended"));
            queue(length);
            let (call, cast) = (Grenade, Grenade);
            server.tell(move |_| {
                drop(cast);
                noreply()
            });
            drop(server.send_request(ask(move |_, _| {
                drop(call);
                reply(())
            })));
            queue(length + 2);
        }
        drop(let_go);
        for _ in 0..2 {
            assert_eq!(expect::<Outcome<()>>(), Outcome(Err(CallError::Down(reason()))));
        }
        expect_terminated(reason());
        assert_eq!(down_reason(monitor), reason());
    }

    /// Ends a puppet whose state cannot be dropped, and returns why it has ended.
    fn end_by(end: impl FnOnce(&ServerRef<Puppet>)) -> ExitReason {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        server.tell(|it| {
            it.on_drop = Some(OnDrop(Box::new(|| panic!("in the destructor of a state"))));
            noreply()
        });
        end(&server);
        down_reason(monitor)
    }

    #[test]
    fn of_the_state_does_not_change_the_reason() {
        let end = end_by(|server| assert_eq!(server.stop(), Ok(())));
        assert_eq!(end, ExitReason::Normal);
        assert_eq!(end_by(|server| server.tell(|_| stop(reason()))), reason());
        let end = end_by(|server| server.tell(|_| panic!("in a callback")));
        assert_eq!(end.as_panic().unwrap().message, "in a callback");
        let end = end_by(|server| {
            let reply = server.ask(|_, _| stop_with_reply(reason(), "farewell"));
            assert_eq!(reply, Ok("farewell"));
        });
        assert_eq!(end, reason());
    }

    #[test]
    fn of_a_reply_that_is_lost_with_the_server_disturbs_nobody() {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let request =
            server.send_request(ask(|_, _| stop_with_reply(reason(), Opaque::new(Grenade))));
        drop(request);
        assert_eq!(down_reason(monitor), reason());
    }

    /// Lets a puppet end with a reply that cannot be dropped, whose client is gone by then, and do
    /// `last` in `terminate`. Returns why it has ended.
    fn end_with_lost_reply(last: fn(&mut Puppet)) -> ExitReason {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let client = client(&server, move |it, _| {
            it.on_terminate = Some(Box::new(last));
            process::send(me, Begun);
            _ = held.recv();
            stop_with_reply(reason(), Opaque::new(Grenade))
        });
        expect::<Begun>();
        assert_eq!(exit_and_wait(client, ExitReason::Kill), ExitReason::Killed);
        drop(let_go);
        expect_terminated(reason());
        down_reason(monitor)
    }

    #[test]
    fn of_a_reply_whose_client_is_gone_does_not_change_the_reason() {
        assert_eq!(end_with_lost_reply(|_| {}), reason());
        let end = end_with_lost_reply(|_| panic!("in terminate"));
        assert_eq!(end.as_panic().unwrap().message, "in terminate");
        assert_eq!(end_with_lost_reply(|_| process::exit_self(other_reason())), other_reason());
    }

    #[test]
    fn of_a_reply_that_comes_too_late_for_its_client_does_not_change_the_reason() {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let let_go = server.hold(|_| noreply());
        let request = ask(|_, _| stop_with_reply(reason(), Opaque::new(Grenade)));
        let outcome = server.call_timeout(request, SHORT);
        assert!(matches!(outcome, Err(CallError::Timeout)), "{outcome:?}");
        drop(let_go);
        expect_terminated(reason());
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn of_a_last_reply_does_no_harm_when_terminate_is_cut_short() {
        for (sent, end) in
            [(ExitReason::Kill, ExitReason::Killed), (other_reason(), other_reason())]
        {
            let server = puppet();
            let me = process::self_pid();
            client(&server, move |it, _| {
                it.on_terminate = Some(Box::new(move |_| {
                    process::send(me, Begun);
                    process::sleep(FOREVER);
                }));
                stop_with_reply(reason(), Opaque::new(Grenade))
            });
            expect::<Begun>();
            assert_eq!(exit_and_wait(pid_of(&server), sent), end);
            let Outcome(outcome) = expect::<Outcome<Opaque<Grenade>>>();
            assert!(matches!(outcome, Err(CallError::Down(reason)) if reason == end));
        }
    }

    #[test]
    fn of_a_last_reply_does_no_harm_when_the_server_was_left_behind() {
        let options = StartOptions::new().spawn_options(Builder::new().kill_grace(Duration::ZERO));
        let server = Puppet::start_with(plain(), options).unwrap();
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let (dropped, is_dropped) = mpsc::channel();
        client(&server, move |it, _| {
            it.on_drop = Some(OnDrop(Box::new(move || dropped.send(()).unwrap())));
            it.on_terminate = Some(Box::new(move |_| {
                process::send(me, Begun);
                _ = held.recv();
            }));
            stop_with_reply(reason(), Opaque::new(Grenade))
        });
        expect::<Begun>();
        assert_eq!(exit_and_wait(pid_of(&server), ExitReason::Kill), ExitReason::Killed);
        let Outcome(outcome) = expect::<Outcome<Opaque<Grenade>>>();
        assert!(matches!(outcome, Err(CallError::Down(ExitReason::Killed))));
        drop(let_go);
        assert_eq!(is_dropped.recv(), Ok(()));
    }

    #[test]
    fn of_what_was_to_be_done_next_does_no_harm_beside_one_of_the_state() {
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        client(&server, move |it, _| {
            it.on_drop = Some(OnDrop(Box::new(|| panic!("in the destructor of a state"))));
            process::send(me, Begun);
            _ = held.recv();
            let grenade = Grenade;
            reply(()).then(go_on(move |_| {
                drop(grenade);
                noreply()
            }))
        });
        expect::<Begun>();
        process::exit(pid_of(&server), ExitReason::Kill);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }
}

mod owned {
    use super::*;

    #[test]
    fn stops_the_server_when_it_is_dropped() {
        in_process(|| {
            let server = puppet().owned();
            let pid = pid_of(&server);
            server.answers();
            drop(server);
            assert!(!process::is_alive(pid));
            expect_terminated(ExitReason::Normal);
            assert_no_message();
        });
    }

    #[test]
    fn stops_who_has_the_name_when_it_is_dropped() {
        let name = "gen_server_stop::owned::name";
        let owned = ServerRef::<Puppet>::named(name).owned();
        let pid = pid_of(&puppet_named(name));
        drop(owned);
        assert!(!process::is_alive(pid));
    }

    #[test]
    fn does_nothing_for_a_server_that_has_ended() {
        in_process(|| {
            let server = puppet();
            let owned = server.clone().owned();
            assert_eq!(server.stop(), Ok(()));
            expect_terminated(ExitReason::Normal);
            drop(owned);
            drop(ServerRef::<Puppet>::named("gen_server_stop::owned::nobody").owned());
            assert_no_message();
        });
    }

    /// A process that owns a puppet, with the caller as the witness of that, and does `body`.
    fn owner(body: fn(OwnedServer<Puppet>)) -> (ServerRef<Puppet>, Pid) {
        let me = process::self_pid();
        let owner = process::spawn(move || {
            let server = Puppet::start(script(move || ready(Puppet::with_witness(me)))).unwrap();
            process::send(me, server.clone());
            let owned = server.owned();
            assert_eq!(expect::<&str>(), "go on");
            body(owned);
        })
        .unwrap();
        (expect(), owner)
    }

    #[test]
    fn stops_the_server_when_its_owner_panics() {
        let (server, owner) = owner(|_owned| panic!("the owner"));
        let ends = [process::monitor(pid_of(&server)), process::monitor(owner)];
        process::send(owner, "go on");
        expect_terminated(ExitReason::Normal);
        assert_eq!(down_reason(ends[0]), ExitReason::Normal);
        assert_eq!(down_reason(ends[1]).as_panic().unwrap().message, "the owner");
    }

    #[test]
    fn stops_the_server_when_its_owner_is_ended() {
        for sent in [ExitReason::Kill, reason()] {
            let (server, owner) = owner(|_owned| idle_body());
            let monitor = process::monitor(pid_of(&server));
            process::send(owner, "go on");
            process::exit(owner, sent);
            expect_terminated(ExitReason::Normal);
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
    }

    #[test]
    fn stops_the_server_when_its_owner_was_killed_while_it_was_busy() {
        let owned = puppet().owned();
        let server = process::monitor(pid_of(&owned));
        // The drop is the first that the owner asks of the runtime after that.
        let Busy { pid, monitor, let_go } = busy(Builder::new(), move || drop(owned));
        process::exit(pid, ExitReason::Kill);
        drop(let_go);
        expect_terminated(ExitReason::Normal);
        assert_eq!(down_reason(server), ExitReason::Normal);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn stops_the_server_of_a_thread_of_the_programs_own_that_was_killed() {
        let owned = puppet().owned();
        let (server, me) = (process::monitor(pid_of(&owned)), process::self_pid());
        let (let_go, held) = mpsc::channel::<()>();
        let owner = thread::spawn(move || {
            process::send(me, process::self_pid());
            _ = held.recv();
            drop(owned);
        });
        process::exit(expect::<Pid>(), ExitReason::Kill);
        drop(let_go);
        owner.join().expect("the drop has panicked");
        expect_terminated(ExitReason::Normal);
        assert_eq!(down_reason(server), ExitReason::Normal);
    }

    #[test]
    fn stops_the_server_of_a_thread_of_the_programs_own_that_is_killed_at_any_moment() {
        for round in 0..rounds(1_000) {
            let init = script(|| ready(Puppet::default()));
            let owned = Puppet::start(init).unwrap().owned();
            let monitor = process::monitor(pid_of(&owned));
            killed_meanwhile(round, || drop(owned));
            assert_eq!(down_reason(monitor), ExitReason::Normal, "round {round}");
        }
    }

    #[test]
    fn stops_a_server_that_traps_exits_and_is_not_linked() {
        let server = trapping_puppet();
        let monitor = process::monitor(pid_of(&server));
        drop(server.owned());
        expect_terminated(ExitReason::Normal);
        assert_eq!(down_reason(monitor), ExitReason::Normal);

        for sent in [ExitReason::Kill, ExitReason::Shutdown, reason()] {
            let owned = trapping_puppet().owned();
            let monitor = process::monitor(pid_of(&owned));
            let (owner, _) = begun(Builder::new(), move || {
                let _owned = owned;
                idle_body();
            });
            process::exit(owner, sent.clone());
            // It was nothing for `handle_info`, else that had been first.
            assert_eq!(down_reason(monitor), ExitReason::Normal, "{sent}");
            let first = process::receive_match(|message| !message.is::<Down>());
            let terminated = first.downcast::<Terminated>().unwrap();
            assert_eq!(terminated.reason, ExitReason::Normal, "{sent}");
        }
    }

    #[test]
    fn keeps_the_server_until_it_is_dropped() {
        let (server, owner) = owner(|owned| {
            assert_eq!(expect::<&str>(), "go on");
            drop(owned);
        });
        let monitor = process::monitor(pid_of(&server));
        process::send(owner, "go on");
        server.answers();
        process::send(owner, "go on");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}
