//! Streams of tasks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use procession::prelude::*;
use procession::process::Builder;
use procession::task::{self, AsyncStream, OnStreamTimeout, TaskOptions};

use crate::support::drops::{OnDrop, PanicsOnDrop};
use crate::support::processes::{FOREVER, idle_body, in_process, reason};
use crate::support::wait::{
    down_reason, expect, scan_mailbox, test_timeout, wait_for_exit, wait_until,
};
use crate::task::{assert_nothing_left, end_of, in_trapping_process};

/// The limit of tasks that hang.
const SHORT: Duration = Duration::from_millis(300);

/// Each group of tests is of fewer tasks at once than items, as many, and more.
const CONCURRENCY: [usize; 3] = [2, 4, 8];

/// What the tasks of some tests are to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Do {
    Return(u32),
    Exit(u32),
    Hang,
}

fn work(what: Do) -> u32 {
    match what {
        Do::Return(value) => value,
        Do::Exit(code) => process::exit_self(ExitReason::new(code)),
        Do::Hang => receive! { value: u32 => value },
    }
}

type Stream<const N: usize> = AsyncStream<std::array::IntoIter<Do, N>, u32>;

fn stream<const N: usize>(items: [Do; N]) -> Stream<N> {
    task::async_stream(items, work)
}

fn exit(code: u32) -> ExitReason {
    ExitReason::new(code)
}

fn is_timeout(reason: &ExitReason) -> bool {
    reason.downcast_ref::<CallError>().is_some_and(|it| it.kind() == &CallErrorKind::Timeout)
}

/// A stream that takes an item when the task of the one before has ended, unless that hangs: only
/// what hangs can be late. The last one must hang.
fn one_by_one<const N: usize>(items: [Do; N]) -> AsyncStream<impl Iterator<Item = Do>, u32> {
    let me = process::self_pid();
    let mut before = None;
    let items = items.into_iter().inspect(move |what| {
        if before.replace(*what).is_some_and(|before| before != Do::Hang) {
            wait_for_exit(expect());
        }
    });
    task::async_stream(items, move |what| {
        if what != Do::Hang {
            process::send(me, process::self_pid());
        }
        work(what)
    })
}

/// Results in short: a timeout is 0.
fn brief<I>(results: impl IntoIterator<Item = Result<u32, I>>) -> Vec<Result<u32, u32>>
where
    I: Into<ExitReason>,
{
    let code = |reason: ExitReason| match reason.downcast_ref::<u32>() {
        Some(code) => *code,
        None if is_timeout(&reason) => 0,
        None => panic!("{reason}"),
    };
    results.into_iter().map(|it| it.map_err(|reason| code(reason.into()))).collect()
}

/// Lets tasks begin to wait, in an order, for what ends them.
struct Gate {
    entered: mpsc::Receiver<(u32, mpsc::Sender<()>)>,
}

impl Gate {
    /// Returns it, and what a task calls to wait at it.
    fn new() -> (Gate, impl Fn(u32) -> u32 + Send + Sync + Clone + 'static) {
        let (enter, entered) = mpsc::channel();
        let wait = move |number| {
            let (go, may_go) = mpsc::channel();
            enter.send((number, go)).unwrap();
            may_go.recv().unwrap();
            number
        };
        (Gate { entered }, wait)
    }

    /// Waits for so many tasks, and returns them in the order of their numbers.
    fn await_tasks(&self, count: usize) -> Vec<(u32, mpsc::Sender<()>)> {
        let next = || self.entered.recv_timeout(test_timeout()).unwrap();
        let mut tasks: Vec<_> = (0..count).map(|_| next()).collect();
        tasks.sort_by_key(|(number, _)| *number);
        tasks
    }
}

mod results {
    use super::*;

    // Elixir: task_test "async_stream with max_concurrency ... tasks" "streams an enumerable with
    // fun", "streams an enumerable without leaking tasks"
    #[test]
    fn come_in_the_order_of_the_items_and_leave_nothing() {
        for concurrency in CONCURRENCY {
            in_process(move || {
                let squares = task::async_stream(1..=4, |n| n * n).max_concurrency(concurrency);
                let squares: Result<Vec<u32>, ExitReason> = squares.into_iter().collect();
                assert_eq!(squares, Ok(vec![1, 4, 9, 16]));
                assert_nothing_left();
            });
        }
    }

    // Elixir: task_test "streams an enumerable with slowest first"
    #[test]
    fn come_in_order_though_the_first_is_there_last() {
        let (gate, wait) = Gate::new();
        let (tell, told) = mpsc::channel();
        let reader = process::spawn(move || {
            let stream = task::async_stream(1..=3, wait).max_concurrency(3);
            stream.into_iter().for_each(|result| tell.send(result).unwrap());
        });
        for (_, go) in gate.await_tasks(3).into_iter().rev() {
            go.send(()).unwrap();
        }
        let results: Vec<_> = told.iter().collect();
        assert_eq!(brief(results), [Ok(1), Ok(2), Ok(3)]);
        wait_for_exit(reader.unwrap());
    }

    // Elixir: task_test "streams an enumerable with ordered: false"
    #[test]
    fn come_as_they_are_there_if_they_need_not_be_in_order() {
        let (gate, wait) = Gate::new();
        let (tell, told) = mpsc::channel();
        process::spawn(move || {
            let stream = task::async_stream(1..=3, wait).max_concurrency(3).ordered(false);
            stream.into_iter().for_each(|result| tell.send(result).unwrap());
        })
        .unwrap();
        for (number, go) in gate.await_tasks(3).into_iter().rev() {
            go.send(()).unwrap();
            assert_eq!(told.recv_timeout(test_timeout()), Ok(Ok(number)));
        }
    }

    #[test]
    fn of_no_items_are_none() {
        assert_eq!(stream([]).into_iter().next(), None);
    }

    #[test]
    fn stay_over_when_they_are_over() {
        let mut results = stream([Do::Return(1)]).into_iter();
        assert_eq!(results.next(), Some(Ok(1)));
        assert_eq!((results.next(), results.next()), (None, None));
    }

    // Elixir: task_test "streams an enumerable with exits", and that no EXIT is left.
    #[test]
    fn of_a_trapping_process_hold_why_tasks_have_ended_and_leave_no_exit_message() {
        for concurrency in CONCURRENCY {
            in_trapping_process(move || {
                let items = [Do::Exit(1), Do::Return(2), Do::Exit(3), Do::Exit(4)];
                let results = brief(stream(items).max_concurrency(concurrency));
                assert_eq!(results, [Err(1), Ok(2), Err(3), Err(4)]);
                assert_nothing_left();
            });
        }
    }

    // Elixir, probed: a process that does not trap exits ends with the first task that fails.
    #[test]
    fn end_a_process_that_does_not_trap_exits_with_a_task_that_fails() {
        let end = end_of(|| _ = brief(stream([Do::Hang, Do::Exit(7)]).max_concurrency(2)));
        assert_eq!(end, exit(7));
    }

    // Elixir: task_test "with timeout and :zip_input_on_exit set to true", "with outer halt on
    // failure and :zip_input_on_exit"
    #[test]
    fn hold_the_item_of_a_task_that_has_failed_if_they_are_to() {
        in_trapping_process(|| {
            let stream = one_by_one([Do::Return(1), Do::Exit(3), Do::Hang]);
            let stream = stream.timeout(SHORT).on_timeout(OnStreamTimeout::KillTask);
            let results: Vec<_> = stream.zip_input_on_exit().into_iter().collect();
            let [Ok(1), Err((Do::Exit(3), failed)), Err((Do::Hang, late))] = &results[..] else {
                panic!("{results:?}");
            };
            assert!(is_timeout(late), "{late}");
            assert_eq!(*failed, exit(3));
            assert_nothing_left();
        });
    }

    // Elixir: task_test "is zippable on success", "is zippable on failure"
    #[test]
    fn of_two_streams_can_be_zipped() {
        in_trapping_process(|| {
            let items = [Do::Return(1), Do::Exit(2), Do::Return(3)];
            let pairs = stream(items).into_iter().zip(stream(items));
            let pairs: Vec<_> = pairs.collect();
            assert!(pairs.iter().all(|(one, other)| one == other));
            assert_eq!(brief(pairs.into_iter().map(|(one, _)| one)), [Ok(1), Err(2), Ok(3)]);
            assert_nothing_left();
        });
    }

    // Elixir: task_test "consuming from another process"
    #[test]
    fn belong_to_the_process_that_iterates() {
        let stream = task::async_stream(1..=3, |n| (n, task::callers()));
        let me = process::self_pid();
        let reader = process::spawn(move || {
            process::send(me, stream.into_iter().map(Result::unwrap).collect::<Vec<_>>());
        });
        let reader = reader.unwrap();
        let results = expect::<Vec<(i32, Vec<Pid>)>>();
        assert_eq!(results, [1, 2, 3].map(|n| (n, vec![reader])));
    }

    // Elixir: task_test "streams with fake down messages on the inbox"
    #[test]
    fn are_not_confused_by_the_downs_of_others() {
        in_process(|| {
            let (_, monitor) = process::spawn_monitor(|| {}).unwrap();
            let down: Down = expect();
            let me = process::self_pid();
            let stream = task::async_stream(1..=4, move |n| {
                process::send(me, down.clone());
                n
            });
            assert_eq!(brief::<ExitReason>(stream), [Ok(1), Ok(2), Ok(3), Ok(4)]);
            assert!((0..4).all(|_| expect::<Down>().monitor == monitor));
            assert_nothing_left();
        });
    }

    // Elixir: task_test "with $callers"
    #[test]
    fn of_nested_streams_know_their_callers() {
        let me = process::self_pid();
        let outer = task::async_stream([()], |()| {
            let inner = task::async_stream([()], |()| task::callers());
            (process::self_pid(), inner.into_iter().next().unwrap().unwrap())
        });
        let (pid, callers) = outer.into_iter().next().unwrap().unwrap();
        assert_eq!(callers, [pid, me]);
    }
}

mod concurrency {
    use super::*;

    #[test]
    fn of_a_thousand_tasks_is_never_above_the_limit() {
        in_process(|| {
            let me = process::self_pid();
            let most = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&most);
            let stream = task::async_stream(0..1_000_u32, move |n| {
                // The linked processes of the reader are the tasks that are alive; those that have
                // sent their values, but not ended, are seen by their callers.
                let alive = process::processes().into_iter().filter(|pid| {
                    process::info(*pid).is_some_and(|info| info.ancestors.first() == Some(&me))
                });
                seen.fetch_max(alive.count(), Ordering::Relaxed);
                n
            });
            let results = brief::<ExitReason>(stream.max_concurrency(8));
            assert!(results.into_iter().eq((0..1_000).map(Ok)));
            let most = most.load(Ordering::Relaxed);
            assert!((1..=8).contains(&most), "{most}");
            assert_nothing_left();
        });
    }

    /// A task that has sent its value is alive until the last destructor has run.
    #[test]
    fn counts_tasks_that_have_not_ended() {
        in_process(|| {
            let ending = Arc::new(AtomicUsize::new(0));
            let stream = task::async_stream(0..20_u32, move |n| {
                let others = ending.fetch_add(1, Ordering::SeqCst);
                let ending = Arc::clone(&ending);
                let end = OnDrop(move || {
                    (0..200).for_each(|_| thread::yield_now());
                    ending.fetch_sub(1, Ordering::SeqCst);
                });
                process::dictionary::put("end", Opaque::new(end)); // Dropped with the process.
                assert_eq!(others, 0, "task {n}");
                n
            });
            assert_eq!(stream.max_concurrency(1).into_iter().filter(Result::is_ok).count(), 20);
        });
    }

    // Elixir: the default of :max_concurrency is System.schedulers_online().
    #[test]
    fn is_that_of_the_cores_by_default() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let stream = format!("{:?}", stream([]));
        assert!(stream.contains(&format!("max_concurrency: {cores},")), "{stream}");
    }

    #[test]
    fn is_as_high_as_the_limit() {
        let (gate, wait) = Gate::new();
        process::spawn(move || {
            task::async_stream(1..=9, wait).max_concurrency(3).into_iter().for_each(drop);
        })
        .unwrap();
        for round in 0..3_u32 {
            let tasks = gate.await_tasks(3);
            let numbers: Vec<u32> = tasks.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, [1, 2, 3].map(|n| round * 3 + n));
            for (_, go) in tasks {
                go.send(()).unwrap();
            }
        }
    }

    /// Beside one that hangs, others go on: their results wait for their turn.
    #[test]
    fn is_kept_up_beside_a_slow_task() {
        in_process(|| {
            let me = process::self_pid();
            let stream = task::async_stream(0..100_u32, move |n| match n {
                0 => receive! { n: u32 => n },
                99 => {
                    process::send(task_of_the_first(me), 7_u32);
                    n
                }
                n => n,
            });
            let results = brief::<ExitReason>(stream.max_concurrency(2).timeout(FOREVER));
            assert!(results.into_iter().eq(std::iter::once(7).chain(1..100).map(Ok)));
        });
    }

    /// The older of the two tasks that are alive.
    fn task_of_the_first(owner: Pid) -> Pid {
        let links = process::info(owner).unwrap().links;
        links.into_iter().find(|pid| *pid != process::self_pid()).unwrap()
    }

    // Elixir: Task.async_stream is lazy.
    #[test]
    fn takes_items_only_when_a_task_can_start_for_them() {
        in_process(|| {
            let pulled = std::cell::Cell::new(0);
            let items = (1..=10_u32).inspect(|n| pulled.set(*n));
            let stream = task::async_stream(items, |n| n).max_concurrency(1);
            let mut results = stream.into_iter();
            assert_eq!(pulled.get(), 0);
            for returned in 1..=10 {
                assert_eq!(results.next(), Some(Ok(returned)));
                assert_eq!(pulled.get(), returned);
            }
        });
    }

    // Elixir: task_test "does not allow streaming with max_concurrency = 0"; that the other options
    // have values that make no sense is refused by the compiler.
    #[test]
    #[should_panic = "no task could ever run: max_concurrency is 0"]
    fn of_none_is_refused_before_it_runs() {
        _ = stream([]).max_concurrency(0);
    }
}

mod timeout {
    use super::*;

    // Elixir: task_test "async_stream/2" "timeout": the caller exits.
    #[test]
    fn ends_the_stream_with_an_error_and_all_tasks_by_default() {
        in_process(|| {
            let stream = one_by_one([Do::Return(1), Do::Hang, Do::Hang]);
            let mut results = stream.max_concurrency(3).timeout(SHORT).into_iter();
            assert_eq!(results.next(), Some(Ok(1)));
            let tasks = process::info(process::self_pid()).unwrap().links;
            assert_eq!(tasks.len(), 2);
            let late = results.next().unwrap().unwrap_err();
            assert!(is_timeout(&late), "{late}");
            assert!(tasks.iter().all(|pid| !process::is_alive(*pid)));
            assert_eq!(results.next(), None);
            assert_nothing_left();
        });
    }

    // Elixir: task_test "with :on_timeout set to :kill_task", "streams an enumerable with ordered:
    // false, on_timeout: :kill_task"
    #[test]
    fn kills_only_the_task_if_it_is_told_to() {
        for concurrency in CONCURRENCY {
            for ordered in [true, false] {
                in_process(move || {
                    let stream = one_by_one([Do::Return(1), Do::Return(2), Do::Hang, Do::Hang]);
                    let stream = stream.max_concurrency(concurrency).ordered(ordered);
                    let stream = stream.timeout(SHORT).on_timeout(OnStreamTimeout::KillTask);
                    assert_eq!(brief(stream), [Ok(1), Ok(2), Err(0), Err(0)]);
                    assert_nothing_left();
                });
            }
        }
    }

    #[test]
    fn of_one_task_lets_the_stream_go_on() {
        in_process(|| {
            let stream = stream([Do::Hang; 3]).max_concurrency(1).timeout(SHORT);
            let mut results = stream.on_timeout(OnStreamTimeout::KillTask).into_iter();
            for _ in 0..3 {
                assert_eq!(brief(results.next()), [Err(0)]);
            }
            assert_eq!(results.next(), None);
            assert_nothing_left();
        });
    }

    /// Results of two tasks, both late when the stream looks: one hangs, and the other, which is
    /// the item `true`, has sent its value and hangs in its last destructor.
    fn of_late_tasks(items: [bool; 2], ordered: bool) -> Vec<Result<u32, u32>> {
        let me = process::self_pid();
        let (_let_go, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        // When a third item is asked for, the value is there, and the time of both is over.
        let items = items.map(Some).into_iter().chain([None]).map_while(|item| {
            if item.is_none() {
                assert_eq!(expect::<&str>(), "the value was sent");
                assert!(process::receive_match_timeout(SHORT, |_| false).is_none());
            }
            item
        });
        let stream = task::async_stream(items, move |has_value| {
            if !has_value {
                return work(Do::Hang);
            }
            let held = Arc::clone(&held);
            let hang = OnDrop(move || {
                process::send(me, "the value was sent");
                _ = held.lock().recv_timeout(test_timeout());
            });
            process::dictionary::put("hang", Opaque::new(hang));
            1
        });
        let at_once = TaskOptions::new().spawn_options(Builder::new().kill_grace(Duration::ZERO));
        let stream = stream.max_concurrency(3).ordered(ordered).timeout(SHORT);
        let results = brief(stream.task_options(at_once));
        assert_nothing_left();
        results
    }

    // Elixir, read: what has replied is delivered as its value, late or not; then the caller exits.
    #[test]
    fn ends_the_stream_after_the_values_that_are_there() {
        in_process(|| {
            assert_eq!(of_late_tasks([true, false], true), [Ok(1), Err(0)]);
            assert_eq!(of_late_tasks([true, false], false), [Ok(1), Err(0)]);
            assert_eq!(of_late_tasks([false, true], false), [Ok(1), Err(0)]);
        });
    }

    #[test]
    fn ends_the_stream_before_values_that_would_come_later_in_the_order() {
        in_process(|| assert_eq!(of_late_tasks([false, true], true), [Err(0)]));
    }

    /// It hangs in the last destructor: the value is there, and the task is late.
    #[test]
    fn is_that_of_a_task_that_has_sent_its_value_and_does_not_end() {
        for on_timeout in [OnStreamTimeout::Exit, OnStreamTimeout::KillTask] {
            in_process(move || {
                let (let_go, held) = mpsc::channel::<()>();
                let held = Arc::new(Mutex::new(held));
                let was_ended = Arc::new(AtomicBool::new(true));
                let ended = Arc::clone(&was_ended);
                let stream = task::async_stream([1_u32], move |n| {
                    let (held, ended) = (Arc::clone(&held), Arc::clone(&ended));
                    let hang = OnDrop(move || {
                        let end = held.lock().recv_timeout(test_timeout());
                        ended.store(end != Err(RecvTimeoutError::Timeout), Ordering::SeqCst);
                    });
                    process::dictionary::put("hang", Opaque::new(hang));
                    n
                });
                let mut results = stream.timeout(SHORT).on_timeout(on_timeout).into_iter();
                assert_eq!(results.next(), Some(Ok(1)));
                assert!(was_ended.load(Ordering::SeqCst), "it has hung to its end");
                assert_eq!(results.next(), None);
                assert_nothing_left();
                drop(let_go);
            });
        }
    }

    /// A reason that is not printed before all that it waits for is dropped.
    struct Held(Mutex<Option<mpsc::Receiver<()>>>);

    impl fmt::Display for Held {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.lock().take().map(|holds| holds.recv());
            f.write_str("in time")
        }
    }

    /// The report of its end, which may have a backtrace, takes longer than the time that is left.
    #[test]
    fn is_not_that_of_a_task_that_has_failed_before_it_is_over() {
        in_trapping_process(|| {
            let (report, holds) = mpsc::channel();
            let (mut report, holds) = (Some(report), Mutex::new(Some(holds)));
            // The third item is asked for when the second task, which began later than the first,
            // was killed: then so was the first.
            let items = (1..=3).inspect(move |item| {
                if *item == 3 {
                    drop(report.take())
                }
            });
            let stream = task::async_stream(items, move |item| match item {
                1 => {
                    let held = Held(Mutex::new(holds.lock().take()));
                    process::exit_self(ExitReason::from_display(held))
                }
                2 => receive! { value: u32 => value },
                other => other,
            });
            let stream = stream.max_concurrency(2).timeout(SHORT);
            let mut results = stream.on_timeout(OnStreamTimeout::KillTask).into_iter();
            assert_eq!(results.next().unwrap().unwrap_err().to_string(), "in time");
            assert!(is_timeout(&results.next().unwrap().unwrap_err()));
            assert_eq!(results.collect::<Vec<_>>(), [Ok(3)]);
        });
    }

    // Elixir: task_test "streams an enumerable with infinite timeout"
    #[test]
    fn without_an_end_is_none() {
        let stream = stream([Do::Return(1)]).timeout(Duration::MAX);
        assert_eq!(brief(stream), [Ok(1)]);
    }

    /// Each has all of its time, though it starts when that of the one before is over.
    #[test]
    fn is_of_each_task_and_not_of_all() {
        in_process(|| {
            let start = Instant::now();
            let stream = stream([Do::Hang; 3]).max_concurrency(1).timeout(SHORT);
            let stream = stream.on_timeout(OnStreamTimeout::KillTask);
            assert_eq!(brief(stream), [Err(0), Err(0), Err(0)]);
            assert!(start.elapsed() >= 3 * SHORT);
        });
    }
}

mod drop_of_the_results {
    use super::*;

    // Elixir: task_test "shuts down unused tasks", "shuts down unused tasks without leaking
    // messages"
    #[test]
    fn ends_tasks_that_are_not_needed_and_leaves_nothing() {
        for concurrency in CONCURRENCY {
            in_process(move || {
                let items = [Do::Return(0), Do::Hang, Do::Hang, Do::Hang];
                let mut results = stream(items).max_concurrency(concurrency).into_iter();
                assert_eq!(results.next(), Some(Ok(0)));
                let tasks = process::info(process::self_pid()).unwrap().links;
                drop(results);
                assert!(tasks.iter().all(|pid| !process::is_alive(*pid)));
                assert_nothing_left();
            });
        }
    }

    #[test]
    fn ends_tasks_of_a_reader_that_is_killed() {
        let tasks = TaskSupervisor::new().start_link().unwrap();
        let me = process::self_pid();
        let stream = tasks.async_stream_nolink([()], move |()| {
            process::send(me, process::self_pid());
            idle_body();
        });
        let stream = stream.timeout(FOREVER);
        let reader = process::spawn(move || _ = stream.into_iter().next()).unwrap();
        let task = process::monitor(expect::<Pid>());
        process::exit(reader, ExitReason::Kill);
        assert_eq!(down_reason(task), ExitReason::Killed);
        tasks.stop().unwrap();
    }

    /// Both results that nobody has taken, and the input.
    #[test]
    fn drops_what_nobody_has_taken_with_care_once_all_tasks_have_ended() {
        in_process(|| {
            let me = process::self_pid();
            let input = PanicsOnDrop;
            // The last item is taken when the second and the third task have ended.
            let items = (0..5_u32).inspect(move |n| {
                _ = &input;
                if *n == 4 {
                    process::send(expect::<Pid>(), ());
                }
            });
            let stream = task::async_stream(items, move |n| {
                if n == 0 {
                    process::send(me, process::self_pid());
                }
                match n {
                    1 | 2 => Some(PanicsOnDrop),
                    _ => receive! { () => None },
                }
            });
            let mut results = stream.max_concurrency(3).timeout(FOREVER).into_iter();
            assert_eq!(results.next(), Some(Ok(None)));
            let tasks = process::info(me).unwrap().links;
            assert_eq!(tasks.len(), 2);
            drop(results);
            assert!(tasks.iter().all(|pid| !process::is_alive(*pid)));
            assert_nothing_left();
        });
    }

    /// The item and the value of one task, each by itself: one panic must not meet another.
    #[test]
    fn drops_values_after_the_error_that_ends_the_stream_with_their_items() {
        #[derive(Clone)]
        struct Item(u32, #[expect(dead_code, reason = "it is dropped")] Option<PanicsOnDrop>);

        in_process(|| {
            let items = [Item(1, None), Item(2, Some(PanicsOnDrop))];
            let stream = task::async_stream(items, |item| match item.0 {
                1 => receive! { () => None },
                _ => {
                    std::mem::forget(item);
                    Some(PanicsOnDrop)
                }
            });
            let stream = stream.max_concurrency(2).timeout(SHORT).zip_input_on_exit();
            let mut results = stream.into_iter();
            let (item, reason) = results.next().unwrap().unwrap_err();
            assert_eq!((item.0, is_timeout(&reason)), (1, true));
            assert!(results.next().is_none());
            assert_nothing_left();
        });
    }

    /// Reads to the end, when it is dropped.
    struct ReadsOn<R: Iterator<Item = Result<u32, ExitReason>>>(R, mpsc::Sender<Vec<R::Item>>);

    impl<R: Iterator<Item = Result<u32, ExitReason>>> Drop for ReadsOn<R> {
        fn drop(&mut self) {
            self.1.send(self.0.by_ref().collect()).unwrap();
        }
    }

    #[test]
    fn may_come_after_they_are_read_in_a_destructor_of_a_process_that_ends() {
        let (tell, told) = mpsc::channel();
        let (reader, monitor) = process::spawn_monitor(move || {
            let results = stream([Do::Hang; 3]).max_concurrency(2).timeout(FOREVER).into_iter();
            let mut results = ReadsOn(results, tell);
            results.0.next();
        })
        .unwrap();
        wait_until(|| process::info(reader).is_some_and(|info| info.links.len() == 2));
        let tasks = process::info(reader).unwrap().links;
        process::exit(reader, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        let kinds = told.recv().unwrap().into_iter().map(|result| {
            result.unwrap_err().downcast_ref::<CallError>().map(|error| error.kind().clone())
        });
        assert_eq!(kinds.collect::<Vec<_>>(), [Some(CallErrorKind::CallerEnded)]);
        assert!(tasks.iter().all(|pid| !process::is_alive(*pid)));
    }

    #[test]
    fn leaves_no_exit_message_of_a_task_that_had_failed_before() {
        in_trapping_process(|| {
            let items = [Do::Return(1), Do::Exit(2), Do::Exit(3)];
            let mut results = stream(items).max_concurrency(3).into_iter();
            assert_eq!(results.next(), Some(Ok(1)));
            let tasks = process::info(process::self_pid()).unwrap().links;
            tasks.into_iter().for_each(|pid| _ = wait_for_exit(pid));
            scan_mailbox();
            drop(results);
            assert_nothing_left();
        });
    }

    // Elixir: task_test "terminates outer effect"
    #[test]
    fn drops_the_input() {
        let (tell, told) = mpsc::channel();
        let guard = OnDrop(move || tell.send(()).unwrap());
        let items = (1..=10_u32).inspect(move |_| _ = &guard);
        let mut results = task::async_stream(items, |n| n).into_iter();
        assert_eq!(results.next(), Some(Ok(1)));
        drop(results);
        told.try_recv().unwrap();
    }

    // Elixir: task_test "with inner halt on success", "with outer halt on success"
    #[test]
    fn may_come_before_all_items_are_taken() {
        for concurrency in CONCURRENCY {
            in_process(move || {
                let inner = task::async_stream((1..=8_u32).take(4), |n| n);
                let inner = brief::<ExitReason>(inner.max_concurrency(concurrency));
                assert_eq!(inner, [Ok(1), Ok(2), Ok(3), Ok(4)]);
                let outer = task::async_stream(1..=8_u32, |n| n).max_concurrency(concurrency);
                let outer = brief(outer.into_iter().take(4));
                assert_eq!(outer, inner);
                assert_nothing_left();
            });
        }
    }
}

mod input {
    use super::*;

    #[test]
    fn that_panics_ends_the_tasks_with_the_stream() {
        in_process(|| {
            let me = process::self_pid();
            let items = (1..=3_u32).inspect(|n| assert!(*n < 3, "no third item"));
            let stream = task::async_stream(items, move |_| {
                process::send(me, process::self_pid());
                receive! { n: u32 => n }
            });
            let stream = stream.max_concurrency(3);
            let reason = process::catch(|| stream.into_iter().next()).unwrap_err();
            assert_eq!(reason.as_panic().unwrap().message, "no third item");
            let pids = process::flush();
            wait_until(|| process::info(me).is_some_and(|info| info.links.is_empty()));
            let is_alive =
                |pid: &Message| pid.downcast_ref().is_some_and(|it| process::is_alive(*it));
            assert!(!pids.iter().any(is_alive));
        });
    }

    #[test]
    fn may_be_worked_on_by_tasks_that_have_reasons_of_their_own() {
        in_trapping_process(|| {
            let stream = task::async_stream([1_u32], |_| -> u32 { process::exit_self(reason()) });
            assert_eq!(stream.into_iter().next(), Some(Err(reason())));
        });
    }
}
