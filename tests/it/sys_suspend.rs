//! Servers that are suspended and resumed.

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::sys::{Mode, SysError};
use procession::timer;

use crate::support::calls::CallKind;
use crate::support::processes::reason;
use crate::support::scripted::{
    CallOutcome, InfoReceived, Scripted, ScriptedServer, Terminated, call_message, init_with,
    observed_init, pid_of, scripted, spawn_client,
};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};
use crate::sys::{Got, elsewhere, has_waiting, notes_of, sys_of};

mod suspend {
    use super::*;

    /// What an `on_timeout` of [`time_out`] sends.
    #[derive(Debug)]
    struct Fired(Instant);

    const WAIT: Duration = Duration::from_millis(60);

    /// Has `server` wait for [`WAIT`] and then tell the caller when that was over; `meanwhile` the
    /// server has not begun to wait.
    fn time_out(server: &ServerRef<Scripted>, meanwhile: impl FnOnce()) {
        let me = process::self_pid();
        let let_go = server.hold(move |it| {
            it.on_timeout = Some(Box::new(move |it| {
                it.note("fired");
                process::send(me, Fired(Instant::now()));
                noreply()
            }));
            noreply().timeout(WAIT)
        });
        meanwhile();
        drop(let_go);
    }

    // OTP: sys_SUITE:suspend
    #[test]
    fn and_resume_do_not_count() {
        let server = scripted();
        let sys = sys_of(&server);
        sys.resume().unwrap();
        server.assert_answers();
        sys.suspend().unwrap();
        sys.suspend().unwrap();
        assert_eq!(sys.get_status().unwrap().mode, Mode::Suspended);
        sys.resume().unwrap();
        server.assert_answers();
        sys.resume().unwrap();
        server.assert_answers();
        assert_no_message();
    }

    // OTP: the documentation of sys:suspend/1
    #[test]
    fn keeps_all_else_for_after_the_resume_in_its_order() {
        let server = scripted();
        let sys = sys_of(&server);
        sys.suspend().unwrap();
        let note = |note| {
            move |it: &mut Scripted| {
                it.note(note);
                noreply()
            }
        };
        server.cast_with(note("a cast"));
        server.info_with(note("a message"));
        spawn_client(&server, |it, _| {
            it.note("a call");
            reply(())
        });
        has_waiting(&server, 3);
        server.cast_with(note("another cast"));
        process::send(pid_of(&server), "for the observer");
        assert!(notes_of(&server).is_empty());
        assert_eq!(process::info(pid_of(&server)).unwrap().message_queue_len, 5);
        assert_no_message();

        sys.resume().unwrap();
        assert_eq!(server.notes(), ["a cast", "a message", "a call", "another cast"]);
        expect::<CallOutcome<()>>();
        assert!(expect::<InfoReceived>().0.is::<&str>());
        assert_no_message();
    }

    #[test]
    fn lets_a_call_wait_or_time_out() {
        let server = scripted();
        let sys = sys_of(&server);
        sys.suspend().unwrap();
        spawn_client(&server, |_, _| reply("an answer"));
        has_waiting(&server, 1);
        let late = call_message(|it: &mut Scripted, _: &Caller<()>| {
            it.note("too late");
            reply(())
        });
        assert_eq!(
            server.call_timeout(late, Duration::from_millis(2)).kind(),
            Err(CallErrorKind::Timeout)
        );
        assert!(sys.get_state(|it: &Scripted| it.notes.is_empty()).unwrap());
        sys.resume().unwrap();
        assert_eq!(expect::<CallOutcome<&str>>(), CallOutcome(Ok("an answer")));
        assert_eq!(server.notes(), ["too late"]);
        assert_no_message();
    }

    #[test]
    fn can_be_undone_by_the_resume_of_another_process() {
        let server = scripted();
        elsewhere(&server, |sys| sys.suspend());
        assert_eq!(expect::<Got<Result<(), SysError>>>(), Got(Ok(())));
        assert_eq!(sys_of(&server).get_status().unwrap().mode, Mode::Suspended);
        elsewhere(&server, |sys| sys.resume());
        assert_eq!(expect::<Got<Result<(), SysError>>>(), Got(Ok(())));
        server.assert_answers();
    }

    // OTP: system_continue of gen_server
    #[test]
    fn holds_up_a_time_out_which_starts_anew() {
        let server = scripted();
        time_out(&server, || {
            elsewhere(&server, |sys| sys.suspend());
            has_waiting(&server, 1);
        });
        expect::<Got<Result<(), SysError>>>();
        timer::send_after(WAIT * 2, process::self_pid(), "later");
        expect::<&str>();
        assert!(notes_of(&server).is_empty());

        let resumed = Instant::now();
        sys_of(&server).resume().unwrap();
        let Fired(at) = expect();
        assert!(at >= resumed + WAIT, "{:?}", at - resumed);
        assert_eq!(server.notes(), ["fired"]);
        assert_no_message();
    }

    // OTP: system_continue of gen_server
    #[test]
    fn is_not_needed_for_a_time_out_to_start_anew_at_every_system_message() {
        let server = scripted();
        let (start, mut last) = (Instant::now(), Instant::now());
        time_out(&server, || {});
        while start.elapsed() < WAIT * 2 {
            let asked = Instant::now();
            if !notes_of(&server).is_empty() {
                break; // On a busy machine: it was not asked for too long.
            }
            last = asked;
        }
        let Fired(at) = expect();
        assert!(at >= last + WAIT, "{:?}", at - last);
        assert_eq!(server.notes(), ["fired"]);
        assert_no_message();
    }

    #[test]
    fn before_a_time_out_of_zero_comes_first() {
        let server = scripted();
        let me = process::self_pid();
        let let_go = server.hold(move |it| {
            it.on_timeout = Some(Box::new(move |_| {
                process::send(me, "timed out");
                noreply()
            }));
            noreply().timeout(Duration::ZERO)
        });
        elsewhere(&server, |sys| sys.suspend());
        has_waiting(&server, 1);
        drop(let_go);
        expect::<Got<Result<(), SysError>>>();
        sys_of(&server).get_status().unwrap();
        assert_no_message();
        sys_of(&server).resume().unwrap();
        assert_eq!(expect::<&str>(), "timed out");
    }

    /// A process that starts a server with a link, which traps exits or not and has the caller as
    /// its observer, and then ends with the reason that it is sent.
    fn suspended_child(trap_exit: bool) -> (Pid, ServerRef<Scripted>) {
        let me = process::self_pid();
        let parent = process::spawn(move || {
            let init = init_with(move || {
                process::set_trap_exit(trap_exit);
                ready(Scripted::observed_by(me))
            });
            process::send(me, Scripted::start_link(init).unwrap());
            process::exit_self(expect::<ExitReason>());
        })
        .unwrap();
        let server: ServerRef<Scripted> = expect();
        sys_of(&server).suspend().unwrap();
        server.cast_with(|_| unreachable!("it is suspended"));
        (parent, server)
    }

    // OTP: suspend_loop of sys
    #[test]
    fn does_not_keep_the_end_of_the_parent_from_a_server_that_traps_exits() {
        for end in [reason(), ExitReason::Shutdown, ExitReason::Normal] {
            let (parent, server) = suspended_child(true);
            let monitor = process::monitor(pid_of(&server));
            process::send(parent, end.clone());
            assert_eq!(expect::<Terminated>(), Terminated { reason: end.clone(), notes: vec![] });
            assert_eq!(down_reason(monitor), end);
            assert_no_message();
        }
    }

    #[test]
    fn does_not_keep_an_exit_signal_from_a_server_that_does_not_trap_it() {
        let (parent, server) = suspended_child(false);
        let monitor = process::monitor(pid_of(&server));
        process::send(parent, reason());
        assert_eq!(down_reason(monitor), reason());

        let (_, server) = suspended_child(false);
        assert_eq!(exit_and_wait(pid_of(&server), reason()), reason());
        assert_no_message(); // `terminate` was not called.
    }

    #[test]
    fn does_not_keep_anybody_from_killing_the_server() {
        let (_, server) = suspended_child(true);
        assert_eq!(exit_and_wait(pid_of(&server), ExitReason::Kill), ExitReason::Killed);
        assert_no_message();
    }

    #[test]
    fn keeps_the_exit_of_another_process_for_after_the_resume() {
        let server = Scripted::start_link(observed_init()).unwrap();
        server.cast_with(|_| {
            process::set_trap_exit(true);
            noreply()
        });
        sys_of(&server).suspend().unwrap();
        let pid = pid_of(&server);
        let (peer, monitor) = process::spawn_monitor(move || {
            process::link(pid);
            process::exit_self(reason());
        })
        .unwrap();
        down_reason(monitor);
        assert_eq!(sys_of(&server).get_status().unwrap().mode, Mode::Suspended);
        assert_no_message();
        sys_of(&server).resume().unwrap();
        let exit = expect::<InfoReceived>().0.downcast::<Exit>().unwrap();
        assert_eq!(exit, Exit { from: peer, reason: reason() });
        server.stop().unwrap();
    }

    // OTP: sys_SUITE:special_process
    #[test]
    fn does_not_keep_the_server_from_being_stopped() {
        for end in [ExitReason::Normal, reason()] {
            let server = scripted();
            sys_of(&server).suspend().unwrap();
            server.cast_with(|_| unreachable!("it is suspended"));
            spawn_client(&server, |_, _| reply(()));
            has_waiting(&server, 2);
            server.stop_with(end.clone(), test_timeout()).unwrap();
            assert_eq!(expect::<Terminated>(), Terminated { reason: end.clone(), notes: vec![] });
            assert_eq!(expect::<CallOutcome<()>>().0.kind(), Err(CallErrorKind::Down(end)));
            assert_no_message();
        }
    }

    // OTP: gen_server_SUITE:hibernate
    #[test]
    fn and_other_system_messages_leave_a_hibernating_server_hibernating() {
        use process::Status::{Hibernating, Waiting};

        let server = scripted();
        let (sys, pid) = (sys_of(&server), pid_of(&server));
        let comes_to = |status| wait_until(|| process::info(pid).unwrap().status == status);
        server.cast_with(|_| noreply().hibernate());
        comes_to(Hibernating);
        assert!(notes_of(&server).is_empty());
        comes_to(Hibernating);
        sys.suspend().unwrap();
        comes_to(Waiting);
        sys.resume().unwrap();
        comes_to(Hibernating);
        server.cast_with(|it| {
            it.note("awake");
            noreply()
        });
        assert_eq!(notes_of(&server), ["awake"]);
        comes_to(Waiting);
    }

    // OTP: gen_server_SUITE:auto_hibernate
    #[test]
    fn and_other_system_messages_let_an_idle_server_hibernate_again() {
        use process::Status::{Hibernating, Waiting};

        let options = StartOptions::new().hibernate_after(Duration::from_millis(1));
        let server = Scripted::start_with(observed_init(), options).unwrap();
        let (sys, pid) = (sys_of(&server), pid_of(&server));
        let comes_to = |status| wait_until(|| process::info(pid).unwrap().status == status);
        comes_to(Hibernating);
        assert!(notes_of(&server).is_empty());
        comes_to(Hibernating);
        sys.suspend().unwrap();
        comes_to(Waiting);
        sys.resume().unwrap();
        comes_to(Hibernating);
        server.assert_answers();
        assert_no_message(); // It is not the time-out of a callback.
    }
}
