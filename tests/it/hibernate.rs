//! Processes that give back what they do not need while they wait.

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::support::processes::{Begun, FOREVER, begun, idle, idle_body, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::scripted::{
    InfoReceived, Scripted, ScriptedServer, Terminated, call_message, cast_message, info_message,
    init_with, observed_init, pid_of, scripted,
};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

fn is_hibernating(pid: Pid) -> bool {
    process::info(pid).is_some_and(|info| info.status == Status::Hibernating)
}

// OTP: proc_lib_SUITE:hibernate
#[test]
fn a_process_wakes_by_a_message_which_is_there_then() {
    let me = process::self_pid();
    let (pid, monitor) = process::spawn_monitor(move || {
        process::hibernate();
        assert_eq!(expect::<u8>(), 7);
        process::send(me, "awake");
    })
    .unwrap();
    wait_until(|| is_hibernating(pid));
    process::send(pid, 7_u8);
    assert_eq!(expect::<&str>(), "awake");
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn a_process_with_a_message_does_not_sleep() {
    in_process(|| {
        process::send(process::self_pid(), "message");
        process::hibernate();
        assert_eq!(expect::<&str>(), "message");
    });
}

#[test]
fn a_process_can_be_ended_while_it_sleeps() {
    for reason in [ExitReason::Shutdown, ExitReason::Kill] {
        let pid = process::spawn(process::hibernate).unwrap();
        wait_until(|| is_hibernating(pid));
        let end = exit_and_wait(pid, reason.clone());
        assert_eq!(end, if reason == ExitReason::Kill { ExitReason::Killed } else { reason });
    }
}

#[test]
fn no_wake_up_is_lost() {
    let me = process::self_pid();
    let rounds = rounds(5_000);
    let (pid, monitor) = process::spawn_monitor(move || {
        for _ in 0..rounds {
            process::hibernate();
            process::send(me, expect::<usize>());
        }
    })
    .unwrap();
    for n in 0..rounds {
        delay_by(n);
        process::send(pid, n);
        assert_eq!(expect::<usize>(), n);
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn a_process_wakes_by_whatever_becomes_a_message() {
    let me = process::self_pid();
    let sleeper = |prepare: fn(Pid)| {
        let other = idle();
        let pid = process::spawn(move || {
            process::set_trap_exit(true);
            prepare(other);
            process::hibernate();
            process::send(me, format!("{:?}", process::receive()));
        })
        .unwrap();
        wait_until(|| is_hibernating(pid));
        exit_and_wait(other, ExitReason::Shutdown);
        expect::<String>()
    };
    assert!(sleeper(process::link).starts_with("Exit"));
    assert!(sleeper(|other| _ = process::monitor(other)).starts_with("Down"));

    process::spawn(move || {
        procession::timer::send_after(Duration::from_millis(2), process::self_pid(), "time");
        process::hibernate();
        process::send(me, expect::<&str>());
    })
    .unwrap();
    assert_eq!(expect::<&str>(), "time");
}

#[test]
fn a_process_sleeps_on_when_what_comes_is_no_message() {
    let me = process::self_pid();
    let (pid, monitor) = process::spawn_monitor(move || {
        let alias = process::alias();
        process::send(me, alias);
        process::unalias(alias);
        process::hibernate();
        assert_eq!(process::receive().downcast::<&str>().unwrap(), "awake");
        assert_no_message();
    })
    .unwrap();
    let alias = expect::<Alias>();
    wait_until(|| is_hibernating(pid));
    for _ in 0..100 {
        // A signal that is ignored, a message to an alias that is none.
        process::exit(pid, ExitReason::Normal);
        process::send(alias, "nothing");
    }
    process::send(pid, "awake");
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a thread of the program's own")]
fn a_thread_of_the_programs_own_can_hibernate() {
    let me = process::self_pid();
    let sleeper = || {
        let thread = std::thread::spawn(move || {
            process::send(me, process::self_pid());
            process::hibernate();
            process::send(me, expect::<&str>());
        });
        let pid = expect::<Pid>();
        wait_until(|| is_hibernating(pid));
        (thread, pid)
    };
    let (thread, pid) = sleeper();
    process::send(pid, "awake");
    assert_eq!(expect::<&str>(), "awake");
    thread.join().unwrap();

    let (thread, pid) = sleeper();
    process::exit(pid, ExitReason::Kill);
    thread.join().unwrap_err();
}

#[test]
fn a_process_is_ended_at_any_moment_of_its_sleep() {
    for round in 0..rounds(2_000) {
        let (pid, monitor) = begun(Builder::new(), process::hibernate);
        delay_by(round);
        let (sent, end) = match round % 2 {
            0 => (ExitReason::Kill, ExitReason::Killed),
            _ => (ExitReason::Shutdown, ExitReason::Shutdown),
        };
        process::exit(pid, sent);
        assert_eq!(down_reason(monitor), end);
    }
}

#[test]
fn a_message_that_was_left_keeps_a_process_awake() {
    in_process(|| {
        let me = process::self_pid();
        process::send(me, "left");
        assert!(process::receive_match_timeout(Duration::ZERO, |it| it.is::<u8>()).is_none());
        process::hibernate();
        assert_eq!(expect::<&str>(), "left");
    });
}

// OTP: gen_server_SUITE:hibernate
#[test]
fn a_server_hibernates_when_a_callback_says_so_and_keeps_its_state() {
    let me = process::self_pid();
    let server =
        Scripted::start(init_with(move || ready(Scripted::observed_by(me)).hibernate())).unwrap();
    let pid = pid_of(&server);
    wait_until(|| is_hibernating(pid));

    server.cast(cast_message(|it| {
        it.note("by a cast");
        noreply().hibernate()
    }));
    wait_until(|| is_hibernating(pid));
    let notes = server.call_timeout(
        call_message(|it, _| {
            let notes = it.notes.clone();
            it.note("by a call");
            reply(notes).hibernate()
        }),
        test_timeout(),
    );
    assert_eq!(notes.unwrap(), ["by a cast"]);
    wait_until(|| is_hibernating(pid));
    server.send(info_message(|_| noreply().hibernate()));
    wait_until(|| is_hibernating(pid));

    // Without being told again, it only waits.
    server.cast(cast_message(|_| noreply()));
    assert_eq!(server.call_timeout(call_message(|_, _| reply(())), test_timeout()), Ok(()));
    wait_until(|| process::info(pid).unwrap().status == Status::Waiting);
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(expect::<Terminated>().notes, ["by a cast", "by a call"]);
}

// OTP: gen_server_SUITE:auto_hibernate
#[test]
fn a_server_hibernates_when_it_has_been_idle_for_long_enough() {
    let idle_time = Duration::from_millis(5);
    let options = StartOptions::new().hibernate_after(idle_time);
    let server = Scripted::start_with(observed_init(), options).unwrap();
    let pid = pid_of(&server);
    for _ in 0..3 {
        let before = Instant::now();
        assert_eq!(server.call_timeout(call_message(|_, _| reply(())), test_timeout()), Ok(()));
        wait_until(|| is_hibernating(pid));
        assert!(before.elapsed() >= idle_time);
    }
    assert_eq!(server.stop(), Ok(()));
    // It is no time-out of a callback.
    expect::<Terminated>();
    assert_no_message();
}

// OTP: gen_server_SUITE:auto_hibernate
#[test]
fn a_time_out_of_a_callback_goes_first() {
    let options = StartOptions::new().hibernate_after(Duration::ZERO);
    let server = Scripted::start_with(observed_init(), options).unwrap();
    wait_until(|| is_hibernating(pid_of(&server)));
    server.cast(cast_message(|_| noreply().timeout(Duration::from_millis(2))));
    assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
    wait_until(|| is_hibernating(pid_of(&server)));
    assert_eq!(server.stop(), Ok(()));
}

#[test]
fn a_server_that_hibernates_takes_what_is_there_already() {
    let server = scripted();
    let let_go = server.hold(|_| noreply().hibernate());
    for _ in 0..100 {
        server.cast_with(|it| {
            it.note("in its turn");
            noreply().hibernate()
        });
    }
    drop(let_go);
    assert_eq!(server.notes().len(), 100);
    assert_eq!(server.stop(), Ok(()));
}

// OTP: gen_server_SUITE:hibernate
#[test]
fn a_server_that_hibernates_is_stopped_and_ends_with_its_parent() {
    let me = process::self_pid();
    let start = move || {
        let options = StartOptions::new().spawn_options(Builder::new().link().trap_exit(true));
        let init = init_with(move || ready(Scripted::observed_by(me)).hibernate());
        let server = Scripted::start_with(init, options).unwrap();
        wait_until(|| is_hibernating(pid_of(&server)));
        server
    };
    process::set_trap_exit(true);
    let server = start();
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(expect::<Terminated>().reason, ExitReason::Normal);
    assert_eq!(expect::<Exit>().reason, ExitReason::Normal);

    let parent = process::spawn(move || {
        start();
        process::send(me, Begun);
        idle_body();
    })
    .unwrap();
    expect::<Begun>();
    exit_and_wait(parent, ExitReason::Shutdown);
    assert_eq!(expect::<Terminated>().reason, ExitReason::Shutdown);
}

// OTP: gen_server_SUITE:auto_hibernate
#[test]
fn a_server_does_not_hibernate_before_it_was_idle_for_long_enough() {
    let options = StartOptions::new().hibernate_after(FOREVER);
    let server = Scripted::start_with(observed_init(), options).unwrap();
    let waits = || process::info(pid_of(&server)).unwrap().status == Status::Waiting;
    wait_until(waits);
    server.assert_answers();
    wait_until(waits);
    assert!(!is_hibernating(pid_of(&server)));
    assert_eq!(server.stop(), Ok(()));
    let never = StartOptions::new().hibernate_after(Duration::MAX);
    let server = Scripted::start_with(observed_init(), never).unwrap();
    server.assert_answers();
    assert_eq!(server.stop(), Ok(()));
}

// OTP: gen_server_SUITE:auto_hibernate
#[test]
fn no_message_is_lost_to_a_server_that_is_about_to_hibernate() {
    let options = StartOptions::new().hibernate_after(Duration::from_micros(20));
    let server = Scripted::start_with(observed_init(), options).unwrap();
    for round in 0..rounds(3_000) {
        delay_by(round);
        server.cast_with(|it| {
            it.note("come");
            noreply()
        });
        if round % 3 == 0 {
            server.assert_answers();
        }
    }
    assert_eq!(server.notes().len(), rounds(3_000));
    assert_eq!(server.stop(), Ok(()));
    expect::<Terminated>();
    assert_no_message();
}
