//! Global locks: who holds one, who waits for it, and transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use procession::global::{self, GlobalError, LockId};
use procession::prelude::*;
use procession::process::Builder;

use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, FOREVER, idle, idle_body, in_process};
use crate::support::rounds::{delay_by, killed_meanwhile, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

/// Locks `resource` in a process of its own, which holds it until it ends.
fn lock_elsewhere(id: &LockId) -> Pid {
    let (me, id) = (process::self_pid(), id.clone());
    let pid = process::spawn(move || {
        global::set_lock(&id).unwrap();
        process::send(me, Locked);
        idle_body();
    });
    expect::<Locked>();
    pid.unwrap()
}

#[derive(Debug)]
pub(crate) struct Locked;

/// Two requesters of the same.
pub(crate) fn rivals(resource: &str) -> (LockId, LockId) {
    let resource = format!("global::{resource}");
    (LockId::new(&*resource, "one"), LockId::new(resource, process::self_pid()))
}

#[track_caller]
fn assert_free(id: &LockId) {
    assert_eq!(global::set_lock_timeout(id, Duration::ZERO), Ok(()));
    assert_eq!(global::del_lock(id), Ok(()));
}

#[track_caller]
fn assert_locked(id: &LockId) {
    let refused = global::set_lock_timeout(id, Duration::ZERO);
    assert_eq!(refused, Err(GlobalError::Locked(id.clone())));
}

// OTP: global_SUITE:locks
#[test]
fn a_lock_keeps_out_other_requesters() {
    let (one, other) = rivals("locks");
    assert_eq!(global::set_lock(&one), Ok(()));
    assert_locked(&other);
    assert_eq!(global::del_lock(&other), Ok(()), "it is locked for another");
    assert_locked(&other);
    assert_free(&rivals("unlocked").1);
    assert_eq!(global::del_lock(&one), Ok(()));
    assert_free(&other);
}

// OTP: global_SUITE:locks
#[test]
fn a_process_cannot_release_a_lock_that_it_does_not_hold() {
    let (one, other) = rivals("del");
    let holder = lock_elsewhere(&one);
    assert_eq!(global::del_lock(&other), Ok(()), "for another requester");
    assert_eq!(global::del_lock(&one), Ok(()), "in another process");
    assert_eq!(global::del_lock(&LockId::new("global::nothing", "me")), Ok(()));
    assert_locked(&other);
    process::exit(holder, ExitReason::Shutdown);
    assert_eq!(global::set_lock(&other), Ok(()));
    global::del_lock(&other).unwrap();
}

#[test]
fn several_processes_hold_a_lock_for_one_requester() {
    let (one, other) = rivals("shared");
    let second = lock_elsewhere(&one);
    assert_eq!(global::set_lock(&one), Ok(()));
    assert_eq!(global::set_lock(&one), Ok(()), "again");
    assert_eq!(times_monitored(process::self_pid()), 1);
    global::del_lock(&one).unwrap();
    assert_eq!(times_monitored(process::self_pid()), 0);
    assert_locked(&other);
    process::exit(second, ExitReason::Shutdown);
    assert_eq!(global::set_lock(&other), Ok(()), "it was given up once for both times");
    global::del_lock(&other).unwrap();
}

#[test]
fn a_requester_does_not_wait_for_its_own_lock() {
    let (one, other) = rivals("own");
    global::set_lock(&one).unwrap();
    assert_eq!(global::set_lock(&other), Err(GlobalError::Locked(other.clone())));
    global::del_lock(&one).unwrap();
    assert_free(&other);
}

/// How often the server monitors a process.
pub(crate) fn times_monitored(pid: Pid) -> usize {
    let server = process::whereis("global_name_server").unwrap();
    let monitors = process::info(server).unwrap().monitors;
    monitors.into_iter().filter(|object| *object == pid).count()
}

/// Starts a process that waits for a lock, and waits until it does.
fn wait_elsewhere(id: &LockId, timeout: Duration) -> Pid {
    let (me, id) = (process::self_pid(), id.clone());
    let pid = process::spawn(move || {
        process::send(me, global::set_lock_timeout(&id, timeout).map(|()| process::self_pid()));
        idle_body();
    })
    .unwrap();
    wait_until(|| times_monitored(pid) == 1);
    pid
}

type Outcome = Result<Pid, GlobalError>;

// OTP: global_SUITE:locks
#[test]
fn requesters_get_the_lock_in_the_order_in_which_they_have_asked() {
    in_process(|| {
        let (one, other) = rivals("queue");
        let third = LockId::new(Arc::clone(&one.resource), "third");
        global::set_lock(&one).unwrap();
        let first = wait_elsewhere(&other, Duration::MAX);
        let second = wait_elsewhere(&third, FOREVER);
        let with_first = wait_elsewhere(&other, FOREVER);
        let last = wait_elsewhere(&LockId::new(&*one.resource, "last"), Duration::MAX);
        assert_no_message();
        global::del_lock(&one).unwrap();
        let both = [expect::<Outcome>().unwrap(), expect::<Outcome>().unwrap()];
        assert!(both.contains(&first) && both.contains(&with_first), "for one requester");
        assert_locked(&third);
        assert_no_message();
        exit_and_wait(first, ExitReason::Shutdown);
        wait_until(|| times_monitored(first) == 0);
        assert_locked(&one);
        assert_no_message();
        process::exit(with_first, ExitReason::Shutdown);
        assert_eq!(expect::<Outcome>(), Ok(second), "both had to end");
        process::exit(second, ExitReason::Shutdown);
        assert_eq!(expect::<Outcome>(), Ok(last));
        process::exit(last, ExitReason::Shutdown);
        assert_eq!(global::set_lock(&one), Ok(()));
        global::del_lock(&one).unwrap();
    });
}

#[test]
fn a_requester_waits_behind_an_earlier_one_though_it_holds_the_lock() {
    in_process(|| {
        let (one, other) = rivals("turns");
        let first = lock_elsewhere(&one);
        assert_free(&one);
        let waits = wait_elsewhere(&other, FOREVER);
        assert_locked(&one);
        let behind = wait_elsewhere(&one, FOREVER);
        let with_it = wait_elsewhere(&other, FOREVER);
        let behind_too = wait_elsewhere(&one, FOREVER);
        assert_no_message();
        process::exit(first, ExitReason::Shutdown);
        let both = [expect::<Outcome>().unwrap(), expect::<Outcome>().unwrap()];
        assert!(both.contains(&waits) && both.contains(&with_it), "all of one requester");
        assert_no_message();
        process::exit(waits, ExitReason::Shutdown);
        process::exit(with_it, ExitReason::Shutdown);
        let both = [expect::<Outcome>().unwrap(), expect::<Outcome>().unwrap()];
        assert!(both.contains(&behind) && both.contains(&behind_too));
        assert_free(&one);
        process::exit(behind, ExitReason::Shutdown);
        process::exit(behind_too, ExitReason::Shutdown);
        assert_eq!(global::set_lock(&other), Ok(()));
        global::del_lock(&other).unwrap();
    });
}

#[test]
fn a_holder_can_set_its_lock_again_though_another_requester_waits() {
    in_process(|| {
        let (one, other) = rivals("again");
        let waits = global::trans(&one, || {
            let waits = wait_elsewhere(&other, FOREVER);
            assert_eq!(global::set_lock(&one), Ok(()));
            assert_eq!(global::set_lock_timeout(&one, Duration::ZERO), Ok(()));
            assert_no_message();
            waits
        });
        assert_eq!(expect::<Outcome>(), waits);
        process::exit(waits.unwrap(), ExitReason::Shutdown);
        assert_eq!(global::set_lock(&one), Ok(()));
        global::del_lock(&one).unwrap();
    });
}

#[test]
fn a_requester_gets_the_lock_when_the_one_before_it_gives_up_waiting() {
    in_process(|| {
        for gives_up in [true, false] {
            let (one, other) = rivals("waits_no_more");
            let holder = lock_elsewhere(&one);
            let (id, me) = (other.clone(), process::self_pid());
            let between = process::spawn(move || {
                process::send(me, "begun");
                let timeout = if gives_up { Duration::from_millis(500) } else { FOREVER };
                let refused = global::set_lock_timeout(&id, timeout);
                assert_eq!(refused, Err(GlobalError::Locked(id)));
                idle_body();
            });
            let between = between.unwrap();
            expect::<&str>();
            wait_until(|| times_monitored(between) == 1);
            let behind = wait_elsewhere(&one, FOREVER);
            if !gives_up {
                process::exit(between, ExitReason::Shutdown);
            }
            assert_eq!(expect::<Outcome>(), Ok(behind), "both hold it");
            assert_locked(&other);
            for pid in [between, holder, behind] {
                process::exit(pid, ExitReason::Shutdown);
            }
            assert_eq!(global::set_lock(&other), Ok(()));
            global::del_lock(&other).unwrap();
        }
    });
}

/// A server that locks something while it is called, itself or by calling another one.
#[derive(Debug)]
struct Locker(Option<ServerRef<Locker>>);

impl GenServer for Locker {
    type Args = Option<ServerRef<Locker>>;

    fn init(next: Self::Args) -> InitResult<Locker> {
        ready(Locker(next))
    }
}

impl HandleCall<LockId> for Locker {
    type Reply = Result<(), GlobalError>;

    fn handle_call(&mut self, id: LockId, _: &Caller<Self::Reply>) -> CallResult<Self, LockId> {
        match &self.0 {
            Some(next) => reply(next.call(id).unwrap_or_else(|error| Err(error.into()))),
            None => reply(global::trans(&id, || ())),
        }
    }
}

// What it waits for cannot come before it has given the lock up.
#[test]
fn a_process_called_by_a_holder_gets_the_lock_for_the_same_requester_though_another_waits() {
    in_process(|| {
        let (one, other) = rivals("called");
        let last = Locker::start_link(None).unwrap();
        let first = Locker::start_link(Some(last)).unwrap();
        let waits = global::trans(&one, || {
            let waits = wait_elsewhere(&other, FOREVER);
            assert_eq!(last.call(one.clone()), Ok(Ok(())));
            assert_eq!(first.call(one.clone()), Ok(Ok(())));
            assert_no_message();
            waits
        });
        assert_eq!(expect::<Outcome>(), waits);
        process::exit(waits.unwrap(), ExitReason::Shutdown);
        first.stop().unwrap();
        last.stop().unwrap();
    });
}

#[test]
fn a_stream_of_holders_for_one_requester_does_not_keep_out_another() {
    in_process(|| {
        let (one, other) = rivals("stream");
        let is_over = Arc::new(AtomicBool::new(false));
        let spawn = |_| {
            let (one, is_over) = (one.clone(), Arc::clone(&is_over));
            let body = move || {
                while !is_over.load(Ordering::SeqCst) {
                    let hold = || (0..20).for_each(|_| std::thread::yield_now());
                    global::trans(&one, hold).unwrap();
                }
            };
            process::spawn_monitor(body).unwrap().1
        };
        let stream: Vec<MonitorRef> = (0..8).map(spawn).collect();
        for _ in 0..rounds(200) {
            assert_eq!(global::set_lock_timeout(&other, test_timeout()), Ok(()));
            global::del_lock(&other).unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
        stream.into_iter().for_each(|it| assert_eq!(down_reason(it), ExitReason::Normal));
    });
}

// OTP: global_SUITE:lock_die
#[test]
fn the_next_requester_gets_the_lock_when_its_holder_dies() {
    let (one, other) = rivals("lock_die");
    let holder = lock_elsewhere(&one);
    let dies_first = wait_elsewhere(&other, Duration::MAX);
    let waiter = wait_elsewhere(&LockId::new(Arc::clone(&one.resource), "third"), Duration::MAX);
    exit_and_wait(dies_first, ExitReason::Shutdown);
    process::exit(holder, ExitReason::Kill);
    assert_eq!(expect::<Outcome>(), Ok(waiter));
    process::exit(waiter, ExitReason::Shutdown);
    assert_eq!(global::set_lock(&other), Ok(()));
    global::del_lock(&other).unwrap();
}

#[test]
fn a_process_that_has_given_up_waiting_does_not_get_the_lock_later() {
    let (one, other) = rivals("time_out");
    let me = process::self_pid();
    global::set_lock(&one).unwrap();
    let waiter = process::spawn(move || {
        let id = LockId::new("global::time_out", "waiter");
        let outcome = global::set_lock_timeout(&id, Duration::from_millis(1));
        process::send(me, outcome.map(|()| process::self_pid()));
        idle_body();
    });
    let waiter = waiter.unwrap();
    assert!(matches!(expect::<Outcome>(), Err(GlobalError::Locked(_))));
    assert_eq!(times_monitored(waiter), 0);
    global::del_lock(&one).unwrap();
    assert_free(&other);
    process::exit(waiter, ExitReason::Shutdown);
}

#[test]
fn a_process_that_has_given_up_waiting_leaves_the_others_waiting() {
    in_process(|| {
        let (one, other) = rivals("one_of_them");
        let third = LockId::new(Arc::clone(&one.resource), "third");
        global::set_lock(&one).unwrap();
        let stays = wait_elsewhere(&other, FOREVER);
        let refused = global::set_lock_timeout(&other, Duration::ZERO);
        assert_eq!(refused, Err(GlobalError::Locked(other.clone())));
        let me = process::self_pid();
        let gives_up = process::spawn(move || {
            process::send(me, global::set_lock_timeout(&third, Duration::from_millis(1)).is_err());
        });
        assert!(expect::<bool>(), "{gives_up:?}");
        assert_no_message();
        global::del_lock(&one).unwrap();
        assert_eq!(expect::<Outcome>(), Ok(stays));
        process::exit(stays, ExitReason::Shutdown);
    });
}

#[test]
fn a_lock_that_comes_just_in_time_is_held_and_one_that_does_not_is_not() {
    let (one, other) = rivals("just_in_time");
    let third = LockId::new(Arc::clone(&one.resource), "third");
    let is_over = Arc::new(AtomicBool::new(false));
    let (rival, monitor) = {
        let (one, is_over) = (one.clone(), Arc::clone(&is_over));
        process::spawn_monitor(move || {
            for round in 0.. {
                global::set_lock(&one).unwrap();
                delay_by(round);
                global::del_lock(&one).unwrap();
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
            }
        })
        .unwrap()
    };
    for round in 0..rounds(1_000) {
        let timeout = Duration::from_micros(round as u64 % 64);
        match global::set_lock_timeout(&other, timeout) {
            Ok(()) => {
                assert_locked(&third);
                assert_eq!(global::del_lock(&other), Ok(()));
            }
            Err(error) => assert_eq!(error, GlobalError::Locked(other.clone())),
        }
    }
    is_over.store(true, Ordering::SeqCst);
    assert_eq!(down_reason(monitor), ExitReason::Normal, "{rival}");
    assert_free(&third);
}

#[test]
fn a_killed_process_holds_its_lock_until_it_has_left_its_code() {
    let (one, other) = rivals("killed");
    let id = one.clone();
    let me = process::self_pid();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let pid = Builder::new()
        .kill_grace(FOREVER)
        .spawn(move || {
            global::set_lock(&id).unwrap();
            process::send(me, Locked);
            _ = held.recv();
        })
        .unwrap();
    expect::<Locked>();
    process::exit(pid, ExitReason::Kill);
    assert!(!process::is_alive(pid));
    assert_locked(&other);
    drop(let_go);
    assert_eq!(global::set_lock(&other), Ok(()));
    global::del_lock(&other).unwrap();
}

// OTP: global_SUITE:locks
#[test]
fn a_transaction_holds_the_lock_while_it_runs() {
    let (one, other) = rivals("trans");
    let value = global::trans(&one, || {
        assert_locked(&other);
        let aborted = global::trans_timeout(&other, Duration::ZERO, || panic!("it runs"));
        assert_eq!(aborted, Err(GlobalError::Locked(other.clone())));
        42
    });
    assert_eq!(value, Ok(42));
    assert_free(&other);
    assert_eq!(global::trans_timeout(&other, Duration::ZERO, || "mine"), Ok("mine"));
    assert_free(&one);
}

#[test]
fn a_transaction_waits_for_its_lock_no_longer_than_it_may() {
    let (one, other) = rivals("trans_timeout");
    let holder = lock_elsewhere(&one);
    let (me, id) = (process::self_pid(), other.clone());
    process::spawn(move || {
        let aborted = global::trans_timeout(&id, Duration::from_millis(1), || panic!("it runs"));
        process::send(me, Err::<(), GlobalError>(aborted.unwrap_err()));
    })
    .unwrap();
    assert_eq!(expect::<Result<(), GlobalError>>(), Err(GlobalError::Locked(other)));
    process::exit(holder, ExitReason::Shutdown);
}

// OTP: global_SUITE:locks
#[test]
fn a_transaction_that_panics_or_exits_releases_the_lock() {
    in_process(|| {
        let (one, other) = rivals("failing");
        let failed = process::catch(|| global::trans(&one, || panic!("in the middle")));
        assert_eq!(failed.unwrap_err().as_panic().unwrap().message, "in the middle");
        assert_free(&other);

        let left = process::catch(|| {
            global::trans(&one, || process::exit_self(ExitReason::new("enough")))
        });
        assert_eq!(left.unwrap_err(), ExitReason::new("enough"));
        assert_free(&other);

        let doomed = process::spawn(move || {
            _ = global::trans(&one, || process::exit_self(ExitReason::new("enough")));
        });
        wait_for_exit(doomed.unwrap());
        assert_eq!(global::set_lock(&other), Ok(()));
    });
}

#[test]
fn a_transaction_whose_process_is_killed_drops_its_value() {
    in_process(|| {
        let (one, other) = rivals("killed");
        let (me, (let_go, held)) = (process::self_pid(), mpsc::channel::<()>());
        let (dropped, drops) = mpsc::channel();
        let body = move || {
            process::send(me, Begun);
            _ = held.recv();
            OnDrop(move || dropped.send(()).unwrap())
        };
        let (pid, monitor) = process::spawn_monitor(move || {
            drop(global::trans(&one, body));
        })
        .unwrap();
        expect::<Begun>();
        process::exit(pid, ExitReason::Kill);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_eq!(drops.try_recv(), Ok(()));
        assert_eq!(global::set_lock(&other), Ok(()));
    });
}

#[test]
fn a_transaction_within_another_of_the_same_id_unlocks_for_both() {
    let (one, other) = rivals("nested");
    let outcome = global::trans(&one, || {
        global::trans(&one, || assert_locked(&other)).unwrap();
        assert_free(&other);
    });
    assert_eq!(outcome, Ok(()));
}

// OTP: global_SUITE:names_and_locks
#[test]
fn names_and_locks_have_nothing_to_do_with_each_other() {
    let (one, other) = rivals("both");
    let pid = idle();
    global::register_name("global::both", pid).unwrap();
    assert_eq!(global::set_lock(&one), Ok(()));
    global::unregister_name("global::both").unwrap();
    assert_locked(&other);
    global::register_name("global::both", pid).unwrap();
    global::del_lock(&one).unwrap();
    assert_eq!(global::whereis_name("global::both"), Some(pid));
    process::exit(pid, ExitReason::Shutdown);
}

#[test]
fn of_many_processes_one_at_a_time_has_the_lock() {
    const PROCESSES: u64 = 8;
    let count = Arc::new(AtomicU64::new(0));
    let each = rounds(250) as u64;
    let spawn = |_| {
        let count = Arc::clone(&count);
        let body = move || {
            let id = LockId::new("global::counter", process::self_pid());
            for _ in 0..each {
                // Two steps, between which nobody else may come.
                let step = || count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
                global::trans(&id, step).unwrap();
            }
        };
        process::spawn_monitor(body).unwrap().1
    };
    let monitors: Vec<MonitorRef> = (0..PROCESSES).map(spawn).collect();
    monitors.into_iter().for_each(|it| assert_eq!(down_reason(it), ExitReason::Normal));
    assert_eq!(count.load(Ordering::SeqCst), PROCESSES * each);
}

#[test]
fn a_killed_thread_is_told_that_there_is_no_answer() {
    for round in 0..rounds(500) {
        let id = LockId::new("global::killed_thread", "it");
        let outcome = killed_meanwhile(round, move || {
            global::register_name("global::killed_thread", process::self_pid())?;
            global::trans(&id, || ())?;
            global::unregister_name("global::killed_thread")?;
            global::del_lock(&id)
        });
        let is_told = matches!(
            outcome,
            Ok(())
                | Err(GlobalError::Call(_) | GlobalError::NotAlive(_) | GlobalError::NoServer(_))
        );
        assert!(is_told, "round {round}: {outcome:?}");
    }
    // The last one may have been given the lock when it had ended: the server hears of that next.
    let another = LockId::new("global::killed_thread", "another");
    assert_eq!(global::set_lock_timeout(&another, test_timeout()), Ok(()));
    assert_eq!(global::del_lock(&another), Ok(()));
}
