//! What a server does last, and what becomes of what it owns.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use procession::gen_server::OwnedServer;
use procession::prelude::*;
use procession::process::Builder;

use crate::gen_server_stop::{
    SHORT, expect_terminated, other_reason, scripted_named, trapping_scripted,
};
use crate::support::calls::CallKind;
use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, Busy, FOREVER, begun, busy, idle_body, in_process, reason};
use crate::support::rounds::{killed_meanwhile, rounds};
use crate::support::scripted::{
    CallOutcome, Scripted, ScriptedServer, Terminated, call_message, continue_with, init_with,
    observed_init, pid_of, scripted, spawn_client,
};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

mod trap_exit {
    use super::*;

    fn is_trapping(options: StartOptions) -> bool {
        let server = Scripted::start_with(observed_init(), options).unwrap();
        let traps_exits = process::info(pid_of(&server)).unwrap().trap_exit;
        assert_eq!(server.stop(), Ok(()));
        traps_exits
    }

    #[test]
    fn is_set_whether_it_comes_before_or_after_the_spawn_options() {
        assert!(!is_trapping(StartOptions::new()));
        assert!(!is_trapping(StartOptions::new().trap_exit(false)));
        assert!(is_trapping(StartOptions::new().trap_exit(true)));
        assert!(is_trapping(StartOptions::new().trap_exit(true).spawn_options(Builder::new())));
        let builder = Builder::new().trap_exit(true);
        assert!(is_trapping(StartOptions::new().spawn_options(builder)));
    }

    #[test]
    fn lets_terminate_run_when_a_supervisor_shuts_the_server_down() {
        let start = |options: StartOptions| {
            let supervisor = Supervisor::one_for_one()
                .child(ChildSpec::new("server", {
                    let (me, options) = (process::self_pid(), Mutex::new(Some(options)));
                    move || {
                        let options = options.lock().take().expect("it starts once");
                        let init = init_with(move || ready(Scripted::observed_by(me)));
                        Scripted::start_link_with(init, options)
                    }
                }))
                .start_link()
                .unwrap();
            assert_eq!(supervisor.stop(), Ok(()));
        };
        start(StartOptions::new().trap_exit(true));
        expect_terminated(ExitReason::Shutdown);
        start(StartOptions::new());
        assert_no_message();
    }
}

mod terminate {
    use super::*;

    /// Ends `server` by `end`, a message or signal. Sees that its links, monitors and callers learn
    /// of the same reason, which is returned, and that `terminate` ran with it or did not.
    #[track_caller]
    fn check(
        server: ServerRef<Scripted>,
        end: impl FnOnce(&ServerRef<Scripted>),
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
        spawn_client::<()>(&server, |_, _| unreachable!("the server has ended"));
        queued(2);
        drop(let_go);

        let reason = down_reason(monitor);
        assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason.clone() });
        let outcome = expect::<CallOutcome<()>>().0.kind();
        // One that was killed may be gone before the client calls.
        let gone = reason == ExitReason::Killed && outcome == Err(CallErrorKind::NoProc);
        assert!(gone || outcome == Err(CallErrorKind::Down(reason.clone())), "{outcome:?}");
        let terminated =
            process::receive_match_timeout(Duration::ZERO, |message| message.is::<Terminated>());
        let terminated = terminated.map(|it| it.downcast::<Terminated>().unwrap().reason);
        assert_eq!(terminated, runs.then(|| reason.clone()));
        reason
    }

    // OTP: gen_server_SUITE:stop1, crash
    #[test]
    fn runs_when_the_server_is_stopped_or_crashes() {
        let ends: [fn(&ServerRef<Scripted>); 5] = [
            |server| server.cast_with(|_| stop(reason())),
            |server| server.info_with(|_| stop(reason())),
            |server| server.cast_with(|_| noreply().then(continue_with(|_| stop(reason())))),
            |server| server.cast_with(|_| process::exit_self(reason())),
            |server| {
                let server = *server;
                process::spawn(move || _ = server.stop_with(reason(), test_timeout())).unwrap();
            },
        ];
        for end in ends {
            assert_eq!(check(scripted(), end, true), reason());
        }
        for callback in ["a cast", "a message", "a continuation"] {
            let end = |server: &ServerRef<Scripted>| match callback {
                "a cast" => server.cast_with(move |_| panic!("in {callback}")),
                "a message" => server.info_with(move |_| panic!("in {callback}")),
                _ => server.cast_with(move |_| {
                    noreply().then(continue_with(move |_| panic!("in {callback}")))
                }),
            };
            let reason = check(scripted(), end, true);
            assert_eq!(reason.as_panic().unwrap().message, format!("in {callback}"));
        }
    }

    // OTP: gen_server_SUITE:crash
    #[test]
    fn does_not_run_when_the_server_is_killed_or_told_to_end_by_a_signal() {
        let killed = |server: &ServerRef<Scripted>| process::exit(pid_of(server), ExitReason::Kill);
        assert_eq!(check(scripted(), killed, false), ExitReason::Killed);
        assert_eq!(check(trapping_scripted(), killed, false), ExitReason::Killed);
        let told = |server: &ServerRef<Scripted>| process::exit(pid_of(server), reason());
        assert_eq!(check(scripted(), told, false), reason());
    }

    #[test]
    fn does_not_run_when_init_has_failed() {
        in_process(|| {
            let me = process::self_pid();
            let inits: [fn() -> InitResult<Scripted>; 3] =
                [ignore, || stop(reason()), || init_error(reason())];
            for init in inits {
                let watched = init_with(move || {
                    let state = Scripted::observed_by(me);
                    let result = init();
                    drop(state);
                    result
                });
                Scripted::start(watched).unwrap_err();
            }
            assert_no_message();
        });
    }

    // OTP: gen_server_SUITE:terminate_crash_format
    #[test]
    fn can_panic_or_exit_which_becomes_the_reason() {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let outcome = server.call_with::<()>(|it, _| {
            it.on_terminate = Some(Box::new(|_| panic!("in terminate")));
            stop(reason())
        });
        let end = down_reason(monitor);
        assert_eq!(end.as_panic().unwrap().message, "in terminate");
        assert_eq!(outcome.kind(), Err(CallErrorKind::Down(end)));
        expect_terminated(reason());

        let server = scripted();
        server.cast_with(|it| {
            it.on_terminate = Some(Box::new(|_| process::exit_self(other_reason())));
            noreply()
        });
        let outcome = server.stop_with(reason(), test_timeout());
        assert_eq!(outcome, Err(StopError::Down(other_reason())));
    }

    #[test]
    fn is_cut_short_by_a_signal() {
        let me = process::self_pid();
        let last = move |_: &mut Scripted| {
            process::send(me, Begun);
            process::sleep(FOREVER);
            unreachable!("it has slept for ever")
        };
        for sent in [ExitReason::Kill, other_reason()] {
            let server = scripted();
            server.cast_with(move |it| {
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
    fn does_not_have_to_be_implemented() {
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
        let server = scripted_named(name);
        let me = process::self_pid();
        server.cast_with(move |it| {
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
        let (server, other, me) = (scripted(), scripted(), process::self_pid());
        server.cast_with(move |it| {
            it.on_terminate =
                Some(Box::new(move |_| process::send(me, other.call_with(|_, _| reply(7)))));
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
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let grenade = Grenade;
        let outcome = server.call_with(move |_, _| {
            drop(grenade);
            reply(())
        });
        let end = down_reason(monitor);
        assert_eq!(end.as_panic().unwrap().message, "in a destructor");
        assert_eq!(outcome.kind(), Err(CallErrorKind::Down(end.clone())));
        expect_terminated(end);
    }

    #[test]
    fn of_messages_that_are_not_handled_disturbs_nobody() {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let let_go = server.hold(|_| stop(reason()));
        let watched = pid_of(&server);
        let queue = |length| {
            wait_until(|| process::info(watched).unwrap().message_queue_len == length);
        };
        for length in [1, 4] {
            spawn_client::<()>(&server, |_, _| unreachable!("the server has ended"));
            queue(length);
            let (call, cast) = (Grenade, Grenade);
            server.cast_with(move |_| {
                drop(cast);
                noreply()
            });
            drop(server.send_request(call_message(move |_, _| {
                drop(call);
                reply(())
            })));
            queue(length + 2);
        }
        drop(let_go);
        for _ in 0..2 {
            assert_eq!(expect::<CallOutcome<()>>().0.kind(), Err(CallErrorKind::Down(reason())));
        }
        expect_terminated(reason());
        assert_eq!(down_reason(monitor), reason());
    }

    /// Ends a scripted server whose state cannot be dropped, and returns why it has ended.
    fn end_by(end: impl FnOnce(&ServerRef<Scripted>)) -> ExitReason {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        server.cast_with(|it| {
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
        assert_eq!(end_by(|server| server.cast_with(|_| stop(reason()))), reason());
        let end = end_by(|server| server.cast_with(|_| panic!("in a callback")));
        assert_eq!(end.as_panic().unwrap().message, "in a callback");
        let end = end_by(|server| {
            let reply = server.call_with(|_, _| stop_with_reply(reason(), "farewell"));
            assert_eq!(reply, Ok("farewell"));
        });
        assert_eq!(end, reason());
    }

    #[test]
    fn of_a_reply_that_is_lost_with_the_server_disturbs_nobody() {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let request = server
            .send_request(call_message(|_, _| stop_with_reply(reason(), Opaque::new(Grenade))));
        drop(request);
        assert_eq!(down_reason(monitor), reason());
    }

    /// Lets a server end with a reply that cannot be dropped, whose client is gone by then, and do
    /// `last` in `terminate`. Returns why it has ended.
    fn end_with_lost_reply(last: fn(&mut Scripted)) -> ExitReason {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let client = spawn_client(&server, move |it, _| {
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
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let let_go = server.hold(|_| noreply());
        let request = call_message(|_, _| stop_with_reply(reason(), Opaque::new(Grenade)));
        let outcome = server.call_timeout(request, SHORT).kind();
        assert!(matches!(outcome, Err(CallErrorKind::Timeout)), "{outcome:?}");
        drop(let_go);
        expect_terminated(reason());
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn of_a_last_reply_does_no_harm_when_terminate_is_cut_short() {
        for (sent, end) in
            [(ExitReason::Kill, ExitReason::Killed), (other_reason(), other_reason())]
        {
            let server = scripted();
            let me = process::self_pid();
            spawn_client(&server, move |it, _| {
                it.on_terminate = Some(Box::new(move |_| {
                    process::send(me, Begun);
                    process::sleep(FOREVER);
                }));
                stop_with_reply(reason(), Opaque::new(Grenade))
            });
            expect::<Begun>();
            assert_eq!(exit_and_wait(pid_of(&server), sent), end);
            let CallOutcome(outcome) = expect::<CallOutcome<Opaque<Grenade>>>();
            assert!(matches!(outcome.kind(), Err(CallErrorKind::Down(reason)) if reason == end));
        }
    }

    #[test]
    fn of_a_last_reply_does_no_harm_when_the_server_was_left_behind() {
        let options = StartOptions::new().spawn_options(Builder::new().kill_grace(Duration::ZERO));
        let server = Scripted::start_with(observed_init(), options).unwrap();
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let (dropped, is_dropped) = mpsc::channel();
        spawn_client(&server, move |it, _| {
            it.on_drop = Some(OnDrop(Box::new(move || dropped.send(()).unwrap())));
            it.on_terminate = Some(Box::new(move |_| {
                process::send(me, Begun);
                _ = held.recv();
            }));
            stop_with_reply(reason(), Opaque::new(Grenade))
        });
        expect::<Begun>();
        assert_eq!(exit_and_wait(pid_of(&server), ExitReason::Kill), ExitReason::Killed);
        let CallOutcome(outcome) = expect::<CallOutcome<Opaque<Grenade>>>();
        assert!(matches!(outcome.kind(), Err(CallErrorKind::Down(ExitReason::Killed))));
        drop(let_go);
        assert_eq!(is_dropped.recv(), Ok(()));
    }

    #[test]
    fn of_what_was_to_be_done_next_does_no_harm_beside_one_of_the_state() {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        spawn_client(&server, move |it, _| {
            it.on_drop = Some(OnDrop(Box::new(|| panic!("in the destructor of a state"))));
            process::send(me, Begun);
            _ = held.recv();
            let grenade = Grenade;
            reply(()).then(continue_with(move |_| {
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
            let server = scripted().owned();
            let pid = pid_of(&server);
            server.assert_answers();
            drop(server);
            assert!(!process::is_alive(pid));
            expect_terminated(ExitReason::Normal);
            assert_no_message();
        });
    }

    #[test]
    fn stops_the_server_that_has_the_name_when_it_is_dropped() {
        let name = "gen_server_stop::owned::name";
        let owned = ServerRef::<Scripted>::named(name).owned();
        let pid = pid_of(&scripted_named(name));
        drop(owned);
        assert!(!process::is_alive(pid));
    }

    #[test]
    fn does_nothing_for_a_server_that_has_ended() {
        in_process(|| {
            let server = scripted();
            let owned = server.owned();
            assert_eq!(server.stop(), Ok(()));
            expect_terminated(ExitReason::Normal);
            drop(owned);
            drop(ServerRef::<Scripted>::named("gen_server_stop::owned::nobody").owned());
            assert_no_message();
        });
    }

    /// A process that owns a server, with the caller as the observer of that, and does `body`.
    fn owner(body: fn(OwnedServer<Scripted>)) -> (ServerRef<Scripted>, Pid) {
        let me = process::self_pid();
        let owner = process::spawn(move || {
            let server =
                Scripted::start(init_with(move || ready(Scripted::observed_by(me)))).unwrap();
            process::send(me, server);
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
        let owned = scripted().owned();
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
        let owned = scripted().owned();
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
            let init = init_with(|| ready(Scripted::default()));
            let owned = Scripted::start(init).unwrap().owned();
            let monitor = process::monitor(pid_of(&owned));
            killed_meanwhile(round, || drop(owned));
            assert_eq!(down_reason(monitor), ExitReason::Normal, "round {round}");
        }
    }

    #[test]
    fn stops_a_server_that_traps_exits_and_is_not_linked() {
        let server = trapping_scripted();
        let monitor = process::monitor(pid_of(&server));
        drop(server.owned());
        expect_terminated(ExitReason::Normal);
        assert_eq!(down_reason(monitor), ExitReason::Normal);

        for sent in [ExitReason::Kill, ExitReason::Shutdown, reason()] {
            let owned = trapping_scripted().owned();
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
        server.assert_answers();
        process::send(owner, "go on");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}
