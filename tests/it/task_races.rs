//! What happens to a task, and what its owner does, at the same moment.

use std::time::Duration;

use procession::prelude::*;
use procession::task::{self, OnStreamTimeout, OnYieldTimeout, YieldOptions};

use crate::support::processes::{in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{test_timeout, wait_for_exit};
use crate::task::{assert_nothing_left, failure, in_trapping_process};

const ROUNDS: usize = 10_000;

/// A task that has its value, or fails, a little later in each round.
fn task_of(round: usize) -> Task<usize> {
    Task::spawn(move || {
        delay_by(round / 64);
        if round.is_multiple_of(3) { process::exit_self(reason()) } else { round }
    })
    .unwrap()
}

fn value_of(round: usize) -> Result<usize, ExitReason> {
    if round.is_multiple_of(3) { Err(reason()) } else { Ok(round) }
}

/// Asserts that nothing comes of a task when it has ended, but its exit message if it has failed
/// before it was unlinked.
fn assert_over(pid: Pid) {
    wait_for_exit(pid);
    process::unlink(pid); // Its exit signal may still be on its way.
    while let Some(message) = process::receive_timeout(Duration::ZERO) {
        let exit = message.downcast::<Exit>().expect("an exit message");
        assert_eq!((exit.from, exit.reason), (pid, reason()));
    }
    assert_nothing_left();
}

#[test]
fn a_timeout_and_a_reply_at_once_give_one_outcome_and_leave_nothing() {
    in_trapping_process(|| {
        for round in 0..rounds(ROUNDS) {
            let task = task_of(round);
            let pid = task.pid().unwrap();
            let timeout = Duration::from_nanos((round % 64 * 100).try_into().unwrap());
            match task.await_timeout(timeout) {
                Ok(value) => assert_eq!(Ok(value), value_of(round)),
                Err(error) if error.kind() == &CallErrorKind::Timeout => {}
                Err(error) => assert_eq!(Err(failure(error)), value_of(round)),
            }
            assert_over(pid);
        }
    });
}

#[test]
fn looking_for_a_reply_again_and_again_gives_it_once() {
    in_trapping_process(|| {
        for round in 0..rounds(ROUNDS) {
            let mut task = task_of(round);
            let outcome = loop {
                if let Some(outcome) = task.yield_reply(Duration::ZERO) {
                    break outcome;
                }
                std::thread::yield_now();
            };
            assert_eq!(outcome, value_of(round));
            assert_eq!(task.yield_reply(Duration::ZERO), None);
            assert_over(task.pid().unwrap());
        }
    });
}

#[test]
fn an_ignored_task_that_ends_just_then_gives_its_outcome_or_nothing() {
    in_trapping_process(|| {
        for round in 0..rounds(ROUNDS) {
            let task = task_of(round);
            let pid = task.pid().unwrap();
            delay_by(round);
            if let Some(outcome) = task.ignore() {
                assert_eq!(outcome, value_of(round));
            }
            assert_over(pid);
        }
    });
}

#[test]
fn a_task_that_is_shut_down_as_it_ends_gives_its_outcome_or_nothing() {
    in_trapping_process(|| {
        let soon = Shutdown::Timeout(test_timeout());
        for round in 0..rounds(ROUNDS) {
            let task = task_of(round);
            let pid = task.pid().unwrap();
            delay_by(round);
            let how = if round.is_multiple_of(2) { soon } else { Shutdown::BrutalKill };
            if let Some(outcome) = task.shutdown(how) {
                assert_eq!(outcome, value_of(round));
            }
            assert!(!process::is_alive(pid));
            assert_over(pid);
        }
    });
}

#[test]
fn several_tasks_that_are_given_up_as_they_end_leave_nothing() {
    in_trapping_process(|| {
        let options = YieldOptions::new();
        for round in 0..rounds(ROUNDS / 5) {
            let mut tasks = [task_of(3 * round + 1), task_of(3 * round + 2)];
            let late = match round % 2 {
                0 => OnYieldTimeout::Ignore,
                _ => OnYieldTimeout::KillTask,
            };
            let timeout = Duration::from_nanos((round % 64 * 200).try_into().unwrap());
            let options = options.timeout(timeout).on_timeout(late);
            let outcomes = task::yield_many_with(&mut tasks, options);
            for (outcome, place) in outcomes.into_iter().zip(1..) {
                assert!(outcome.is_none_or(|it| it == value_of(3 * round + place)));
            }
            tasks.iter().for_each(|task| assert_over(task.pid().unwrap()));
        }
    });
}

/// The owner ends for any reason while its task ends: it is never held up, and the task is gone
/// when its end is told.
#[test]
fn an_owner_that_fails_as_its_task_ends_takes_it_along() {
    for round in 0..rounds(ROUNDS) {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            let task = Task::spawn(move || delay_by(round)).unwrap();
            process::send(me, task.pid().unwrap());
            delay_by(round / 64);
            process::exit_self(ExitReason::Shutdown);
        })
        .unwrap();
        let task = crate::support::wait::expect::<Pid>();
        assert_eq!(process::wait(monitor, test_timeout()), Some(ExitReason::Shutdown));
        process::join(task, test_timeout()).expect("the task ends");
    }
}

#[test]
fn a_stream_whose_tasks_end_as_their_time_is_over_gives_each_item_one_result() {
    in_process(|| {
        for round in 0..rounds(ROUNDS / 100) {
            let stream = task::async_stream(0..40_usize, |n| {
                delay_by(n);
                n
            });
            let timeout = Duration::from_micros((round % 100).try_into().unwrap());
            let stream = stream.max_concurrency(4).timeout(timeout);
            let stream = stream.on_timeout(OnStreamTimeout::KillTask);
            let results: Vec<_> = stream.into_iter().collect();
            assert_eq!(results.len(), 40);
            for (n, result) in results.into_iter().enumerate() {
                assert!(result.is_err() || result == Ok(n));
            }
            assert_nothing_left();
        }
    });
}

#[test]
fn a_stream_that_is_dropped_as_its_tasks_end_leaves_nothing() {
    in_process(|| {
        for round in 0..rounds(ROUNDS / 20) {
            let stream = task::async_stream(0..20_usize, move |n| {
                delay_by(round + n);
                n
            });
            let mut results = stream.max_concurrency(3).ordered(false).into_iter();
            assert!(results.nth(round % 5).is_some());
            let tasks = process::info(process::self_pid()).unwrap().links;
            drop(results);
            assert!(tasks.into_iter().all(|pid| !process::is_alive(pid)));
            assert_nothing_left();
        }
    });
}
