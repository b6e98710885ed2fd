//! Processes that give back what they do not need while they wait.

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Status;

use crate::puppet::*;
use crate::staging::*;
use crate::support::*;

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
        dither(n);
        process::send(pid, n);
        assert_eq!(expect::<usize>(), n);
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

// OTP: gen_server_SUITE:hibernate
#[test]
fn a_server_hibernates_when_a_callback_says_so_and_keeps_its_state() {
    let me = process::self_pid();
    let server =
        Puppet::start(script(move || ready(Puppet::with_witness(me)).hibernate())).unwrap();
    let pid = pid_of(&server);
    wait_until(|| is_hibernating(pid));

    server.cast(tell(|it| {
        it.note("by a cast");
        noreply().hibernate()
    }));
    wait_until(|| is_hibernating(pid));
    let notes = server.call_timeout(
        ask(|it, _| {
            let notes = it.notes.clone();
            it.note("by a call");
            reply(notes).hibernate()
        }),
        patience(),
    );
    assert_eq!(notes.unwrap(), ["by a cast"]);
    wait_until(|| is_hibernating(pid));
    server.send(poke(|_| noreply().hibernate()));
    wait_until(|| is_hibernating(pid));

    // Without being told again, it only waits.
    server.cast(tell(|_| noreply()));
    assert_eq!(server.call_timeout(ask(|_, _| reply(())), patience()), Ok(()));
    wait_until(|| process::info(pid).unwrap().status == Status::Waiting);
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(expect::<Terminated>().notes, ["by a cast", "by a call"]);
}

// OTP: gen_server_SUITE:auto_hibernate
#[test]
fn a_server_hibernates_when_it_has_been_idle_for_long_enough() {
    let idle_time = Duration::from_millis(5);
    let options = StartOptions::new().hibernate_after(idle_time);
    let server = Puppet::start_with(plain(), options).unwrap();
    let pid = pid_of(&server);
    for _ in 0..3 {
        let before = Instant::now();
        assert_eq!(server.call_timeout(ask(|_, _| reply(())), patience()), Ok(()));
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
    let server = Puppet::start_with(plain(), options).unwrap();
    wait_until(|| is_hibernating(pid_of(&server)));
    server.cast(tell(|_| noreply().timeout(Duration::from_millis(2))));
    assert!(expect::<Heard>().0.is::<TimedOut>());
    wait_until(|| is_hibernating(pid_of(&server)));
    assert_eq!(server.stop(), Ok(()));
}
