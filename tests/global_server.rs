//! The end of the process that keeps global names and locks: a binary of its own, as there is one.

use std::time::Duration;

use parking_lot::Mutex;
use procession::global::{self, GlobalError, LockId};
use procession::prelude::*;
use procession::sys;

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod calls;
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::calls::{CallKind, kind_of};
use crate::support::processes::{FOREVER, idle};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{down_reason, exit_and_wait, expect, wait_until};

const SERVER: &str = "global_name_server";

/// For one test at a time; there is no server at the beginning and at the end of each.
static ONLY: Mutex<()> = Mutex::new(());

fn kill_server() {
    exit_and_wait(process::whereis(SERVER).unwrap(), ExitReason::Kill);
}

/// `held` is locked by the caller, and given up here.
fn no_timer_is_left_of_who_waited(held: &LockId, wanted: &LockId) {
    let timers = || process::system_info().timers;
    let wait = || {
        let wanted = wanted.clone();
        let body = move || global::set_lock_timeout(&wanted, FOREVER).unwrap();
        process::spawn_monitor(body).unwrap()
    };
    assert_eq!(timers(), 0);
    let ((ends, _), (_, gets_it)) = (wait(), wait());
    wait_until(|| timers() == 2);
    exit_and_wait(ends, ExitReason::Shutdown);
    wait_until(|| timers() == 1);
    global::del_lock(held).unwrap();
    assert_eq!(down_reason(gets_it), ExitReason::Normal);
    assert_eq!(timers(), 0);
}

#[test]
fn the_server_starts_when_it_is_needed_and_all_is_gone_when_it_ends() {
    let _only = ONLY.lock();
    // A request that changes nothing does not start it.
    assert_eq!(global::whereis_name("a"), None);
    assert_eq!(global::registered_names(), []);
    assert_eq!(global::unregister_name("a"), Ok(()));
    let (one, other) = (LockId::new("it", "one"), LockId::new("it", "other"));
    assert_eq!(global::del_lock(&one), Ok(()));
    assert_eq!(process::whereis(SERVER), None);

    let pid = idle();
    assert_eq!(global::register_name("a", pid), Ok(()));
    assert_eq!(global::registered_names(), ["a".into()]);
    assert_eq!(global::set_lock(&one), Ok(()));
    no_timer_is_left_of_who_waited(&one, &other);
    assert_eq!(global::set_lock(&one), Ok(()));
    let (_, waiter) = process::spawn_monitor({
        let other = other.clone();
        move || {
            let unanswered = Err(CallErrorKind::Down(ExitReason::Killed));
            assert_eq!(global::set_lock(&other).kind(), unanswered);
        }
    })
    .unwrap();
    let server = process::whereis(SERVER).unwrap();
    wait_until(|| process::info(server).unwrap().monitors.len() == 3);
    kill_server();
    assert_eq!(down_reason(waiter), ExitReason::Normal);
    assert_eq!(global::whereis_name("a"), None);
    assert_eq!(global::registered_names(), []);
    assert_eq!(process::whereis(SERVER), None);

    assert_eq!(global::set_lock_timeout(&other, Duration::ZERO), Ok(()));
    assert_eq!(global::register_name("a", pid), Ok(()));

    // The former holder of a lock does not notice, and releases nothing of the next holder's.
    global::del_lock(&other).unwrap();
    let value = global::trans(&one, || {
        kill_server();
        global::set_lock(&other).unwrap();
        7
    });
    assert_eq!(value, Ok(7));
    let refused = global::set_lock_timeout(&one, Duration::ZERO);
    assert_eq!(refused, Err(GlobalError::Locked(one.clone())));

    // Several need it at the same moment.
    for round in 0..rounds(500) {
        kill_server();
        let racers = (0..3).map(|racer| {
            let racer = move || {
                delay_by(round * racer);
                global::register_name(format!("racer {racer}"), process::self_pid()).unwrap();
            };
            process::spawn_monitor(racer).unwrap().1
        });
        let racers: Vec<MonitorRef> = racers.collect();
        racers.into_iter().for_each(|it| assert_eq!(down_reason(it), ExitReason::Normal));
    }
    kill_server();
}

#[derive(Debug)]
struct Nobody;

impl GenServer for Nobody {
    type Args = ();

    fn init((): ()) -> InitResult<Nobody> {
        unreachable!("init runs without the name")
    }
}

// Another try would start the server anew.
#[test]
fn a_start_by_a_name_that_gets_no_answer_is_not_tried_again() {
    let _only = ONLY.lock();
    for _ in 0..rounds(50) {
        global::register_name("needs it", process::self_pid()).unwrap();
        sys::of(SERVER).suspend().unwrap();
        let server = process::whereis(SERVER).unwrap();
        let me = process::self_pid();
        let start = move || {
            let options = StartOptions::new().name(global::name("unanswered"));
            process::send(me, Nobody::start_with((), options).unwrap_err());
        };
        let (_, starter) = process::spawn_monitor(start).unwrap();
        wait_until(|| process::info(server).unwrap().message_queue_len == 1);
        kill_server();
        assert_eq!(down_reason(starter), ExitReason::Normal);
        let StartError::Failed(reason) = expect() else { panic!("it has not failed") };
        let error = reason.downcast_ref::<GlobalError>().expect("it is the error of the registrar");
        assert_eq!(kind_of(error.clone()), CallErrorKind::Down(ExitReason::Killed));
        assert_eq!(process::whereis(SERVER), None);
    }
}
