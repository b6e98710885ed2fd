//! Several tasks that are waited for at once.

use std::sync::mpsc;
use std::time::Duration;

use procession::prelude::*;
use procession::process::Builder;
use procession::task::{self, OnYieldTimeout, YieldOptions};

use crate::support::drops::OnDrop;
use crate::support::processes::{
    Begun, FOREVER, idle_body, in_process, linked_body, reason, trapping_peer,
};
use crate::support::rounds::rounds;
use crate::support::wait::{expect, test_timeout, wait_for_exit};
use crate::task::{assert_nothing_left, end_of, failure, held, in_trapping_process, release};

const SHORT: Duration = Duration::from_millis(5);

/// Tasks that have their values when they are sent them.
fn all_held<const N: usize>() -> [Task<u32>; N] {
    std::array::from_fn(|_| held())
}

fn pids<const N: usize>(tasks: &[Task<u32>; N]) -> [Pid; N] {
    std::array::from_fn(|index| tasks[index].pid().unwrap())
}

/// Kills tasks that are not waited for any more.
fn kill(pids: impl IntoIterator<Item = Pid>) {
    for pid in pids {
        process::unlink(pid);
        process::exit(pid, ExitReason::Kill);
    }
}

mod await_many {
    use super::*;

    // Elixir: task_test "await_many/2" "returns list of replies", "returns replies in input order
    // ignoring response order"
    #[test]
    fn returns_the_values_in_the_order_of_the_tasks() {
        in_process(|| {
            let tasks = all_held::<3>();
            for (task, value) in tasks.iter().zip([1, 2, 3]).rev() {
                release(task, value);
                wait_for_exit(task.pid().unwrap());
            }
            assert_eq!(task::await_many(tasks), Ok(vec![1, 2, 3]));
            assert_nothing_left();
        });
    }

    // Elixir: task_test "await_many/2" "returns an empty list immediately"
    #[test]
    fn returns_nothing_of_no_tasks_at_once() {
        assert_eq!(task::await_many_timeout(Vec::<Task<()>>::new(), FOREVER), Ok(vec![]));
    }

    // Elixir: task_test "await_many/2" "ignores messages from other processes", "ignores additional
    // messages after reply"
    #[test]
    fn leaves_the_messages_of_others() {
        in_process(|| {
            let me = process::self_pid();
            process::send(me, 'a');
            let tell = move |letter| {
                move || {
                    process::send(me, letter);
                    letter
                }
            };
            let tasks = [Task::spawn(tell('b')).unwrap(), Task::spawn(tell('b')).unwrap()];
            assert_eq!(task::await_many(tasks), Ok(vec!['b', 'b']));
            assert_eq!([expect::<char>(), expect(), expect()], ['a', 'b', 'b']);
            assert_nothing_left();
        });
    }

    // Elixir: task_test "await_many/2" "exits on timeout"
    #[test]
    fn has_one_time_for_all_and_nothing_of_them_comes_later() {
        in_process(|| {
            let tasks = all_held::<2>();
            let [first, second] = pids(&tasks);
            process::send(first, 1_u32);
            wait_for_exit(first);
            let error = task::await_many_timeout(tasks, SHORT).unwrap_err();
            assert_eq!(error.kind(), &CallErrorKind::Timeout);
            assert_eq!(*error.destination(), Destination::from(second));
            process::send(second, 2_u32);
            process::join(second, test_timeout());
            assert_nothing_left();
        });
    }

    // Elixir: task_test "await_many/2" "exits with same reason when task exits", "exits immediately
    // when any task exits"
    #[test]
    fn fails_at_once_with_the_first_task_that_fails() {
        in_trapping_process(|| {
            let waiting = held();
            let pid = waiting.pid().unwrap();
            let failing = Task::spawn(|| process::exit_self(reason())).unwrap();
            let error = task::await_many_timeout([waiting, failing], FOREVER).unwrap_err();
            assert_eq!(failure(error), reason());
            assert!(process::is_alive(pid));
            kill([pid]);
        });
    }

    // Elixir: task_test "await_many/2" "exits immediately when any task crashes": the caller.
    #[test]
    fn ends_a_caller_that_does_not_trap_exits_with_a_task_that_fails() {
        let end = end_of(|| {
            let tasks = [held(), Task::spawn(|| process::exit_self(reason())).unwrap()];
            _ = task::await_many_timeout(tasks, FOREVER);
        });
        assert_eq!(end, reason());
    }

    #[test]
    fn fails_at_once_if_a_value_was_taken() {
        let mut taken = Task::completed(1);
        assert_eq!(taken.yield_reply(Duration::ZERO), Some(Ok(1)));
        let error = task::await_many_timeout([Task::completed(1), taken], FOREVER).unwrap_err();
        assert_eq!(error.kind(), &CallErrorKind::Timeout);
    }
}

mod yield_many {
    use super::*;

    // Elixir: task_test "yield_many/2" "returns {:ok, result} when reply and :DOWN in message
    // queue", "returns results from multiple tasks", "return exit on normal exit"
    #[test]
    fn returns_what_has_become_of_each_in_the_order_of_the_tasks() {
        in_trapping_process(|| {
            let done = held();
            release(&done, 1);
            wait_for_exit(done.pid().unwrap());
            let normal = Task::spawn(|| process::exit_self(ExitReason::Normal)).unwrap();
            let failing = Task::spawn(|| process::exit_self(reason())).unwrap();
            wait_for_exit(normal.pid().unwrap());
            wait_for_exit(failing.pid().unwrap());
            let mut tasks = [failing, held(), normal, done, Task::completed(2)];
            let (failed, normal) = (Some(Err(reason())), Some(Err(ExitReason::Normal)));
            let expected = [failed, None, normal, Some(Ok(1)), Some(Ok(2))];
            assert_eq!(task::yield_many(&mut tasks, Duration::ZERO), expected);
            // Only one is left.
            release(&tasks[1], 3);
            let expected = [None, Some(Ok(3)), None, None, None];
            assert_eq!(task::yield_many(&mut tasks, FOREVER), expected);
        });
    }

    // Elixir: task_test "yield_many/2" "returns nil on timeout by default"
    #[test]
    fn leaves_tasks_that_go_on_alone_by_default() {
        in_process(|| {
            let mut tasks = all_held::<2>();
            assert_eq!(task::yield_many(&mut tasks, SHORT), [None, None]);
            tasks.iter().for_each(|task| release(task, 1));
            assert_eq!(task::await_many(tasks), Ok(vec![1, 1]));
            assert_nothing_left();
        });
    }

    // Elixir: task_test "yield_many/2" "shuts down on timeout when configured"
    #[test]
    fn kills_tasks_that_go_on_if_it_is_told_to() {
        in_process(|| {
            let mut tasks = all_held::<2>();
            let [first, second] = pids(&tasks);
            process::send(first, 1_u32);
            wait_for_exit(first);
            let options = YieldOptions::new().timeout(SHORT).on_timeout(OnYieldTimeout::KillTask);
            assert_eq!(task::yield_many_with(&mut tasks, options), [Some(Ok(1)), None]);
            assert!(!process::is_alive(second));
            assert_nothing_left();
        });
    }

    /// One is stuck in code until the other has ended.
    #[test]
    fn kills_all_tasks_before_it_waits_for_one() {
        in_process(|| {
            let me = process::self_pid();
            let (tell, ended) = mpsc::channel();
            let (let_know, known) = mpsc::channel();
            let stuck = Task::spawn_with(Builder::new().kill_grace(FOREVER), move || {
                process::send(me, ());
                let other = ended.recv_timeout(test_timeout());
                _ = let_know.send(other);
            });
            let other = Task::spawn(move || {
                let _tell = OnDrop(move || _ = tell.send(()));
                process::send(me, ());
                idle_body();
            });
            let mut tasks = [stuck.unwrap(), other.unwrap()];
            assert_eq!([expect::<()>(), expect()], [(), ()]);
            let options = YieldOptions::new().timeout(SHORT).on_timeout(OnYieldTimeout::KillTask);
            assert_eq!(task::yield_many_with(&mut tasks, options)[1], None);
            assert_eq!(known.recv(), Ok(Ok(())));
            assert_nothing_left();
        });
    }

    /// Each has many to tell its end to before its owner, so that it is waited for meanwhile.
    #[test]
    fn leaves_nothing_of_a_task_that_it_kills_as_the_end_of_that_is_told() {
        in_trapping_process(|| {
            let peers: Vec<_> = (0..50).map(|_| trapping_peer()).collect();
            for _ in 0..rounds(300) {
                let task = || Task::spawn(linked_body(peers.clone())).unwrap();
                let mut tasks = [task(), task()];
                (0..2).for_each(|_| _ = expect::<Begun>());
                let options = YieldOptions::new().timeout(Duration::ZERO);
                let options = options.on_timeout(OnYieldTimeout::KillTask);
                assert_eq!(task::yield_many_with(&mut tasks, options), [None, None]);
                assert_nothing_left();
            }
            kill(peers);
        });
    }

    // Elixir: task_test "yield_many/2" "ignores on timeout when configured"
    #[test]
    fn ignores_tasks_that_go_on_if_it_is_told_to() {
        in_process(|| {
            let mut tasks = all_held::<2>();
            let pids = pids(&tasks);
            let options = YieldOptions::new().timeout(SHORT).on_timeout(OnYieldTimeout::Ignore);
            assert_eq!(task::yield_many_with(&mut tasks, options), [None, None]);
            assert!(pids.iter().all(|pid| process::is_alive(*pid)));
            assert!(process::info(process::self_pid()).unwrap().links.is_empty());
            pids.iter().for_each(|pid| process::send(*pid, 1_u32));
            pids.iter().for_each(|pid| _ = process::join(*pid, test_timeout()));
            assert_eq!(task::yield_many(&mut tasks, FOREVER), [None, None]);
            assert_nothing_left();
        });
    }

    // Elixir: task_test "yield_many/2" "returns results from multiple tasks with limit", "... with
    // limit and on timeout"
    #[test]
    fn returns_when_as_many_have_ended_as_it_is_told_and_leaves_the_others_alone() {
        in_process(|| {
            let mut tasks = all_held::<3>();
            release(&tasks[2], 3);
            let options =
                YieldOptions::new().timeout(FOREVER).limit(1).on_timeout(OnYieldTimeout::KillTask);
            assert_eq!(task::yield_many_with(&mut tasks, options), [None, None, Some(Ok(3))]);
            let [first, second, _] = tasks;
            [&first, &second].into_iter().for_each(|task| release(task, 1));
            assert_eq!(task::await_many([first, second]), Ok(vec![1, 1]));
        });
    }

    // Elixir: task_test "yield_many/2" "returns once all tasks have replied below limit"
    #[test]
    fn returns_when_all_have_ended_though_that_is_below_the_limit() {
        let mut tasks = [Task::spawn(|| 1).unwrap(), Task::spawn(|| 2).unwrap()];
        let options = YieldOptions::new().timeout(FOREVER).limit(10);
        assert_eq!(task::yield_many_with(&mut tasks, options), [Some(Ok(1)), Some(Ok(2))]);
    }

    // Elixir: task_test "yield_many/2" "returns results on infinity timeout"
    #[test]
    fn waits_without_a_limit_if_it_is_told_to() {
        let mut tasks = [Task::spawn(|| 1).unwrap()];
        assert_eq!(task::yield_many(&mut tasks, Duration::MAX), [Some(Ok(1))]);
    }
}
