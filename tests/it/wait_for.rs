//! Waiting for a name.

use std::time::Duration;

use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::support::processes::{FOREVER, idle, idle_body, in_process, reason};
use crate::support::wait::{
    assert_no_message, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

/// To the starter of a waiter: what it was told.
#[derive(Debug, PartialEq)]
struct Found(Option<Pid>);

/// A process that waits for `name`, and has begun to.
fn waiter(name: &'static str) -> Pid {
    let me = process::self_pid();
    let pid = process::spawn(move || {
        process::send(me, Found(process::wait_for(name, test_timeout())));
    })
    .unwrap();
    wait_until(|| process::info(pid).unwrap().status == Status::Waiting);
    pid
}

#[test]
fn a_name_that_a_process_has_is_found_at_once() {
    const NAME: &str = "wait_for::at_once";
    let pid = Builder::new().name(NAME).spawn(idle_body).unwrap();
    assert_eq!(process::wait_for(NAME, Duration::ZERO), Some(pid));
}

#[test]
fn every_waiter_is_told_when_a_process_is_registered() {
    const NAME: &str = "wait_for::registered";
    in_process(|| {
        let _waiters = [waiter(NAME), waiter(NAME), waiter(NAME)];
        let pid = idle();
        process::register(NAME, pid).unwrap();
        for _ in 0..3 {
            assert_eq!(expect::<Found>(), Found(Some(pid)));
        }
    });
}

#[test]
fn a_waiter_is_told_when_a_process_is_spawned_with_the_name() {
    const NAME: &str = "wait_for::spawned";
    in_process(|| {
        waiter(NAME);
        let pid = Builder::new().name(NAME).spawn(idle_body).unwrap();
        assert_eq!(expect::<Found>(), Found(Some(pid)));
    });
}

#[test]
fn a_waiter_is_told_of_a_server_before_its_init_has_returned() {
    const NAME: &str = "wait_for::server";

    #[derive(Debug)]
    struct Slow;

    impl GenServer for Slow {
        type Args = Pid;

        fn init(observer: Pid) -> InitResult<Slow> {
            process::send(observer, "in init");
            receive! { "go on" => ready(Slow) }
        }
    }

    in_process(|| {
        waiter(NAME);
        let me = process::self_pid();
        process::spawn(move || {
            Slow::start_with(me, StartOptions::new().name(NAME)).unwrap().stop().unwrap();
            process::send(me, "stopped");
        })
        .unwrap();
        receive! { "in init" => {} }
        let Found(server) = expect();
        process::send(server.unwrap(), "go on");
        receive! { "stopped" => {} }
    });
}

#[test]
fn a_name_that_was_taken_from_a_process_is_waited_for_anew() {
    const NAME: &str = "wait_for::anew";
    in_process(|| {
        let first = Builder::new().name(NAME).spawn(idle_body).unwrap();
        exit_and_wait(first, ExitReason::Kill);
        waiter(NAME);
        let second = Builder::new().name(NAME).spawn(idle_body).unwrap();
        assert_eq!(expect::<Found>(), Found(Some(second)));

        process::unregister(NAME).unwrap();
        waiter(NAME);
        process::register(NAME, second).unwrap();
        assert_eq!(expect::<Found>(), Found(Some(second)));
    });
}

#[test]
fn another_name_is_of_no_interest() {
    in_process(|| {
        waiter("wait_for::this");
        process::register("wait_for::that", idle()).unwrap();
        let pid = idle();
        process::register("wait_for::this", pid).unwrap();
        assert_eq!(expect::<Found>(), Found(Some(pid)));
    });
}

#[test]
fn the_wait_ends_when_its_time_is_over() {
    let found = process::wait_for("wait_for::nobody", Duration::from_millis(1));
    assert_eq!(found, None);
}

#[test]
fn the_empty_name_is_not_waited_for() {
    assert_eq!(process::wait_for("", FOREVER), None);
}

#[test]
fn messages_that_arrive_meanwhile_stay() {
    const NAME: &str = "wait_for::messages";
    in_process(|| {
        let me = process::self_pid();
        process::send(me, 1_u8);
        process::spawn(move || {
            process::send(me, 2_u8);
            process::register(NAME, process::self_pid()).unwrap();
            idle_body();
        })
        .unwrap();
        assert!(process::wait_for(NAME, test_timeout()).is_some());
        assert_eq!((expect::<u8>(), expect::<u8>()), (1, 2));
        assert_no_message();
    });
}

#[test]
fn an_exit_signal_ends_a_waiter() {
    in_process(|| {
        let pid = waiter("wait_for::signal");
        process::exit(pid, reason());
        assert!([reason(), ExitReason::NoProc].contains(&wait_for_exit(pid)));
        assert_no_message();
    });
}
