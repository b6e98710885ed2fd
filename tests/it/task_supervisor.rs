//! Task supervisors.

use std::time::Duration;

use procession::prelude::*;
use procession::process::Builder;
use procession::task::{AsyncStream, TaskOptions};
use procession::{proc_lib, sys, task};

use crate::support::processes::{FOREVER, idle_body, in_process, reason};
use crate::support::wait::{
    down_reason, expect, expect_exit, scan_mailbox, test_timeout, wait_for_exit, wait_until,
};
use crate::task::{assert_nothing_left, end_of, failure, in_trapping_process, release};

/// A supervisor that is linked to nobody.
fn supervisor(tasks: TaskSupervisor) -> TaskSupervisorRef {
    let tasks = tasks.start_link().unwrap();
    process::unlink(tasks.pid());
    tasks
}

fn tasks() -> TaskSupervisorRef {
    supervisor(TaskSupervisor::new())
}

fn held(tasks: &TaskSupervisorRef) -> Task<u32> {
    tasks.spawn(|| receive! { n: u32 => n }).unwrap()
}

fn links() -> Vec<Pid> {
    process::info(process::self_pid()).unwrap().links
}

mod start_link {
    use super::*;

    // Elixir: supervisor_test "can be supervised directly", "multiple supervisors can be supervised
    // and identified with simple child spec"
    #[test]
    fn is_of_a_child_spec_under_another_supervisor() {
        let top = Supervisor::one_for_one()
            .child(TaskSupervisor::new().named_child_spec("task_supervisor::one"))
            .child(TaskSupervisor::new().child_spec("other"))
            .start_link()
            .unwrap();
        let one = TaskSupervisorRef::named("task_supervisor::one");
        assert_eq!(one.spawn(|| 1).unwrap().await_reply(), Ok(1));
        assert!(one.get_callback_module().unwrap().ends_with("TaskSupervisor"));
        assert_eq!(top.count_children().unwrap().supervisors, 2);
        top.stop().unwrap();
    }

    #[test]
    fn gives_up_when_its_intensity_is_exceeded() {
        let tasks = supervisor(TaskSupervisor::new().intensity(1, FOREVER));
        let monitor = process::monitor(tasks.pid());
        let options = TaskOptions::new();
        tasks.start_child_with_restart(Restart::Permanent, options, || {}).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }
}

mod spawn {
    use super::*;

    // Elixir: supervisor_test "async/1" "spawns tasks under the supervisor"
    #[test]
    fn starts_a_child_that_is_linked_to_and_monitored_by_the_caller() {
        in_process(|| {
            let tasks = tasks();
            let task = held(&tasks);
            let pid = task.pid().unwrap();
            assert_eq!(tasks.children().unwrap(), [pid]);
            let info = process::info(process::self_pid()).unwrap();
            assert_eq!((&info.links[..], info.monitors.len()), (&[pid][..], 1));
            release(&task, 1);
            assert_eq!(task.await_reply(), Ok(1));
            process::join(pid, test_timeout());
            assert_nothing_left();
            tasks.stop().unwrap();
        });
    }

    #[test]
    fn ends_a_caller_that_does_not_trap_exits_if_the_task_fails() {
        let end = end_of(|| {
            let tasks = tasks();
            let task: Task<()> = tasks.spawn(|| process::exit_self(reason())).unwrap();
            _ = task.await_timeout(FOREVER);
        });
        assert_eq!(end, reason());
    }

    // Elixir: supervisor_test "await/1" "exits on task error", "exits on task exit"
    #[test]
    fn leaves_a_trapping_caller_the_reason_and_the_exit_message() {
        in_trapping_process(|| {
            let tasks = tasks();
            let task = tasks
                .spawn(|| {
                    if true {
                        panic!("no value")
                    }
                })
                .unwrap();
            let pid = task.pid().unwrap();
            let reason = failure(task.await_reply().unwrap_err());
            assert_eq!(reason.as_panic().unwrap().message, "no value");
            assert_eq!(expect_exit(pid), reason);
            assert_nothing_left();
        });
    }

    // Elixir: supervisor_test "await/1" "demonitors and unalias on timeout"
    #[test]
    fn lets_nothing_of_a_late_task_come() {
        in_process(|| {
            let task = held(&tasks());
            let pid = task.pid().unwrap();
            let monitor = process::monitor(pid);
            let error = task.await_timeout(Duration::from_millis(5)).unwrap_err();
            assert_eq!(error.kind(), &CallErrorKind::Timeout);
            process::send(pid, 1_u32);
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_nothing_left();
        });
    }

    // Elixir: supervisor_test "async/1" "raises when :max_children is reached"
    #[test]
    fn is_refused_if_there_are_as_many_as_there_may_be() {
        in_process(|| {
            let tasks = supervisor(TaskSupervisor::new().max_children(1));
            let task = held(&tasks);
            assert_eq!(tasks.spawn(|| 2).unwrap_err(), SupervisorError::MaxChildren);
            assert_eq!(tasks.spawn_nolink(|| 2).unwrap_err(), SupervisorError::MaxChildren);
            assert_eq!(tasks.start_child(|| {}), Err(SupervisorError::MaxChildren));
            release(&task, 1);
            assert_eq!(task.await_reply(), Ok(1));
        });
    }

    #[test]
    fn is_an_error_if_there_is_no_supervisor() {
        in_process(|| {
            let nobody = TaskSupervisorRef::named("task_supervisor::nobody");
            assert!(matches!(nobody.spawn(|| 1), Err(SupervisorError::Call(_))));
            assert_nothing_left();
        });
    }

    // Elixir: supervisor_test "async/1" "with $callers"; its ancestors are the supervisor's.
    #[test]
    fn has_the_supervisor_for_its_ancestor_and_its_callers_for_callers() {
        let tasks = tasks();
        let me = process::self_pid();
        let look = move || {
            let ancestors = process::info(process::self_pid()).unwrap().ancestors;
            (task::callers(), ancestors[0])
        };
        let outer = tasks.spawn(move || {
            let inner = [tasks.spawn(look), tasks.spawn_nolink(look)];
            (process::self_pid(), inner.map(|task| task.unwrap().await_reply().unwrap()))
        });
        let (outer, inner) = outer.unwrap().await_reply().unwrap();
        let expected = (vec![outer, me], tasks.pid());
        assert_eq!(inner, [expected.clone(), expected]);
        tasks.stop().unwrap();
    }

    #[test]
    fn says_what_it_was_started_as() {
        let task = held(&tasks());
        let call = proc_lib::initial_call(task.pid().unwrap()).unwrap();
        assert!(call.contains("task_supervisor::held::{{closure}}"), "{call}");
        release(&task, 1);
        assert_eq!(task.await_reply(), Ok(1));
    }

    #[test]
    fn ends_the_task_with_an_owner_that_fails() {
        let tasks = tasks();
        let end = end_of(move || {
            let _task = held(&tasks);
            process::exit_self(reason());
        });
        assert_eq!(end, reason());
        tasks
            .children()
            .unwrap()
            .into_iter()
            .for_each(|pid| _ = process::join(pid, test_timeout()));
        assert_eq!(tasks.children().unwrap(), []);
    }
}

mod spawn_nolink {
    use super::*;

    // Elixir: supervisor_test "async_nolink/1" "spawns a task under the supervisor without linking
    // to the caller"
    #[test]
    fn starts_a_child_that_is_only_monitored() {
        in_process(|| {
            let tasks = tasks();
            let task = tasks.spawn_nolink(|| receive! { n: u32 => n }).unwrap();
            assert_eq!(tasks.children().unwrap(), [task.pid().unwrap()]);
            assert!(links().is_empty());
            release(&task, 1);
            assert_eq!(task.await_reply(), Ok(1));
            assert_nothing_left();
        });
    }

    // Elixir, probed: its crash gives {:exit, reason} on yield, and the owner lives.
    #[test]
    fn leaves_the_caller_alone_if_the_task_fails() {
        in_process(|| {
            let tasks = tasks();
            let mut task: Task<()> = tasks.spawn_nolink(|| process::exit_self(reason())).unwrap();
            assert_eq!(task.yield_reply(test_timeout()), Some(Err(reason())));
            scan_mailbox();
            assert_nothing_left();
        });
    }

    /// The owner is killed while it waits for the supervisor, which starts the task all the same.
    #[test]
    fn ends_the_task_if_its_owner_has_ended_before_it_has_begun() {
        let tasks = tasks();
        sys::of(tasks).suspend().unwrap();
        let owner = process::spawn(move || _ = tasks.spawn_nolink(|| ())).unwrap();
        wait_until(|| process::info(tasks.pid()).is_some_and(|info| info.message_queue_len > 0));
        process::exit(owner, ExitReason::Kill);
        wait_for_exit(owner);
        sys::of(tasks).resume().unwrap();
        wait_until(|| tasks.children().unwrap().is_empty());
        assert_eq!(tasks.count_children().unwrap().active, 0);
    }

    #[test]
    fn lets_the_task_go_on_when_its_owner_has_ended() {
        let tasks = tasks();
        let me = process::self_pid();
        end_of(move || {
            let task = tasks.spawn_nolink(move || {
                process::send(me, process::self_pid());
                receive! { () => {} }
            });
            drop(task);
            process::exit_self(reason());
        });
        let task: Pid = expect();
        assert_eq!(tasks.children().unwrap(), [task]);
        process::send(task, ());
        wait_for_exit(task);
    }
}

mod options {
    use super::*;

    fn killed() -> TaskOptions {
        TaskOptions::new().shutdown(Shutdown::BrutalKill)
    }

    /// Why a task that traps exits ends when its supervisor stops.
    fn end_when_stopped(start: impl FnOnce(&TaskSupervisorRef, Pid)) -> ExitReason {
        let tasks = tasks();
        start(&tasks, process::self_pid());
        let task: Pid = expect();
        let monitor = process::monitor(task);
        tasks.stop().unwrap();
        down_reason(monitor)
    }

    fn go_on(me: Pid) {
        process::set_trap_exit(true);
        process::send(me, process::self_pid());
        receive! { exit: Exit => process::exit_self(exit.reason) }
    }

    // Elixir: supervisor_test "async/1" "with custom shutdown", "async_nolink/1" "with custom
    // shutdown", "start_child/1 with custom shutdown"
    #[test]
    fn say_how_the_supervisor_stops_a_task() {
        in_trapping_process(|| {
            let starts: [fn(&TaskSupervisorRef, Pid); 4] = [
                |tasks, me| drop(tasks.spawn_with(killed(), move || go_on(me))),
                |tasks, me| drop(tasks.spawn_nolink_with(killed(), move || go_on(me))),
                |tasks, me| _ = tasks.start_child_with(killed(), move || go_on(me)).unwrap(),
                |tasks, me| {
                    let restart = Restart::Transient;
                    tasks.start_child_with_restart(restart, killed(), move || go_on(me)).unwrap();
                },
            ];
            for start in starts {
                assert_eq!(end_when_stopped(start), ExitReason::Killed);
            }
        });
    }

    // Elixir: shutdown is 5000 by default.
    #[test]
    fn have_it_told_to_shut_down_by_default() {
        in_trapping_process(|| {
            let starts: [fn(&TaskSupervisorRef, Pid); 4] = [
                |tasks, me| drop(tasks.spawn(move || go_on(me))),
                |tasks, me| drop(tasks.spawn_nolink(move || go_on(me))),
                |tasks, me| _ = tasks.start_child(move || go_on(me)).unwrap(),
                |tasks, me| {
                    let (restart, options) = (Restart::Transient, TaskOptions::new());
                    tasks.start_child_with_restart(restart, options, move || go_on(me)).unwrap();
                },
            ];
            for start in starts {
                assert_eq!(end_when_stopped(start), ExitReason::Shutdown);
            }
        });
    }

    fn on_thread(name: &str) -> TaskOptions {
        TaskOptions::new().spawn_options(Builder::new().thread_name(name))
    }

    fn thread_name() -> Option<String> {
        std::thread::current().name().map(str::to_owned)
    }

    #[test]
    fn say_how_a_process_is_spawned() {
        in_process(|| {
            let tasks = tasks();
            let me = process::self_pid();
            let tell = move || process::send(me, thread_name());
            let linked = tasks.spawn_with(on_thread("linked"), thread_name).unwrap();
            assert_eq!(linked.await_reply(), Ok(Some("linked".into())));
            let unlinked = tasks.spawn_nolink_with(on_thread("unlinked"), thread_name).unwrap();
            assert_eq!(unlinked.await_reply(), Ok(Some("unlinked".into())));
            tasks.start_child_with(on_thread("child"), tell).unwrap();
            assert_eq!(expect::<Option<String>>(), Some("child".into()));
            let streams: [AsyncStream<_, _>; 3] = [
                tasks.async_stream(0..2, |_| thread_name()),
                tasks.async_stream_nolink(0..2, |_| thread_name()),
                task::async_stream(0..2, |_| thread_name()),
            ];
            for stream in streams {
                let names = stream.task_options(on_thread("streamed")).into_iter();
                let names: Vec<_> = names.collect();
                assert_eq!(names, [Ok(Some("streamed".into())), Ok(Some("streamed".into()))]);
            }
        });
    }

    #[test]
    fn hold_for_a_task_that_was_restarted_too() {
        in_process(|| {
            let tasks = tasks();
            let me = process::self_pid();
            let run = move || {
                process::send(me, (process::self_pid(), thread_name()));
                receive! { () => {} }
            };
            let (restart, options) = (Restart::Permanent, on_thread("again"));
            tasks.start_child_with_restart(restart, options, run).unwrap();
            for _ in 0..2 {
                let (pid, name) = expect::<(Pid, Option<String>)>();
                assert_eq!(name, Some("again".into()));
                process::send(pid, ());
            }
        });
    }

    // Elixir has no such thing: its sockets have owners, and its closures run any number of times.
    #[test]
    fn are_given_to_a_child_that_owns_what_there_is_once() {
        in_process(|| {
            let (orders, incoming) = std::sync::mpsc::channel::<Pid>();
            tasks()
                .start_child_with(killed(), move || {
                    incoming.into_iter().for_each(|client| process::send(client, "served"));
                })
                .unwrap();
            orders.send(process::self_pid()).unwrap();
            assert_eq!(expect::<&str>(), "served");
        });
    }
}

mod start_child {
    use super::*;

    // Elixir: supervisor_test "start_child/1"
    #[test]
    fn starts_a_child_that_is_not_linked_to_the_caller() {
        in_process(|| {
            let tasks = tasks();
            let pid = tasks.start_child(|| receive! { () => {} }).unwrap();
            assert_eq!(tasks.children().unwrap(), [pid]);
            assert!(links().is_empty());
            process::send(pid, ());
            wait_for_exit(pid);
            assert_nothing_left();
        });
    }

    // Elixir: start_child is temporary by default.
    #[test]
    fn is_not_restarted() {
        in_process(|| {
            let tasks = tasks();
            let pid = tasks.start_child(|| process::exit_self(reason())).unwrap();
            process::join(pid, test_timeout());
            assert_eq!(tasks.children().unwrap(), []);
        });
    }

    // Elixir: supervisor_test "start_child/1 with custom restart"
    #[test]
    fn is_restarted_if_it_is_told_to() {
        in_process(|| {
            let tasks = tasks();
            let me = process::self_pid();
            let run = move || {
                process::send(me, (process::self_pid(), task::callers()));
                receive! { reason: ExitReason => Err(reason) }
            };
            let start = |restart| tasks.start_child_with_restart(restart, TaskOptions::new(), run);
            let first = start(Restart::Permanent).unwrap();
            assert_eq!(expect::<(Pid, Vec<Pid>)>(), (first, vec![me]));
            process::send(first, ExitReason::Normal);
            let (second, callers) = expect::<(Pid, Vec<Pid>)>();
            assert_eq!((second != first, callers), (true, vec![me]));
            assert_eq!(tasks.children().unwrap(), [second]);
            tasks.terminate_child(second).unwrap();

            let first = start(Restart::Transient).unwrap();
            process::send(expect::<(Pid, Vec<Pid>)>().0, reason());
            let (second, _) = expect::<(Pid, Vec<Pid>)>();
            assert_ne!(second, first);
            process::send(second, ExitReason::Normal);
            wait_for_exit(second);
            assert_eq!(tasks.children().unwrap(), []);
        });
    }

    // Elixir: supervisor_test "start_child/1 with $callers"
    #[test]
    fn knows_its_callers() {
        let tasks = tasks();
        let me = process::self_pid();
        tasks.start_child(move || process::send(me, task::callers())).unwrap();
        assert_eq!(expect::<Vec<Pid>>(), [me]);
    }
}

mod children {
    use super::*;

    // Elixir: supervisor_test "counts and returns children"
    #[test]
    fn are_those_that_run() {
        let tasks = tasks();
        assert_eq!(tasks.children(), Ok(vec![]));
        let mut pids = [(); 3].map(|()| tasks.start_child(idle_body).unwrap());
        let mut children = tasks.children().unwrap();
        pids.sort();
        children.sort();
        assert_eq!(children, pids);
        assert_eq!(tasks.count_children().unwrap().active, 3);
        tasks.stop().unwrap();
    }

    // Elixir: supervisor_test "terminate_child/2"
    #[test]
    fn are_ended_one_by_one() {
        let tasks = tasks();
        let pid = tasks.start_child(idle_body).unwrap();
        assert_eq!(tasks.terminate_child(pid), Ok(()));
        assert!(!process::is_alive(pid));
        assert_eq!(tasks.children(), Ok(vec![]));
        assert_eq!(tasks.terminate_child(pid), Err(SupervisorError::NotFound));
    }
}

mod async_stream {
    use super::*;

    fn fails_at_three(n: u32) -> u32 {
        if n == 3 { process::exit_self(reason()) } else { n }
    }

    // Elixir: supervisor_test "async_stream" "streams an enumerable with fun", "... without leaking
    // tasks"; "async_stream_nolink", too
    #[test]
    fn returns_the_values_in_order_and_leaves_nothing() {
        in_process(|| {
            let tasks = tasks();
            let linked = tasks.async_stream(1..=4_u32, |n| n).max_concurrency(2);
            let all = |stream: AsyncStream<_, u32>| stream.into_iter().collect::<Vec<_>>();
            let expected = [Ok(1), Ok(2), Ok(3), Ok(4)];
            assert_eq!(all(linked), expected);
            let unlinked = tasks.async_stream_nolink(1..=4_u32, |n| n).max_concurrency(2);
            assert_eq!(all(unlinked), expected);
            assert_nothing_left();
            assert_eq!(tasks.children().unwrap(), []);
        });
    }

    // Elixir: supervisor_test "async_stream" "streams an enumerable with exits"
    #[test]
    fn holds_why_tasks_have_ended_for_a_trapping_process() {
        in_trapping_process(|| {
            let results: Vec<_> =
                tasks().async_stream(2..=4_u32, fails_at_three).into_iter().collect();
            assert_eq!(results, [Ok(2), Err(reason()), Ok(4)]);
            assert_nothing_left();
        });
    }

    #[test]
    fn ends_a_process_that_does_not_trap_exits_with_a_task_that_fails() {
        let end = end_of(|| tasks().async_stream(3..=4, fails_at_three).into_iter().for_each(drop));
        assert_eq!(end, reason());
    }

    // Elixir: supervisor_test "async_stream_nolink" "streams an enumerable with exits"
    #[test]
    fn without_links_leaves_a_process_alone_that_does_not_trap_exits() {
        in_process(|| {
            let results: Vec<_> =
                tasks().async_stream_nolink(2..=4_u32, fails_at_three).into_iter().collect();
            assert_eq!(results, [Ok(2), Err(reason()), Ok(4)]);
            scan_mailbox();
            assert_nothing_left();
        });
    }

    // Elixir: supervisor_test "async_stream" "shuts down unused tasks", "async_stream_nolink" too
    #[test]
    fn ends_tasks_that_are_not_needed() {
        in_process(|| {
            let hang = |n: u32| {
                if n == 0 {
                    n
                } else {
                    receive! { n: u32 => n }
                }
            };
            let tasks = tasks();
            let mut linked = tasks.async_stream(0..4_u32, hang).max_concurrency(3).into_iter();
            assert_eq!(linked.next(), Some(Ok(0)));
            drop(linked);
            let unlinked = tasks.async_stream_nolink(0..4_u32, hang).max_concurrency(3);
            let mut unlinked = unlinked.into_iter();
            assert_eq!(unlinked.next(), Some(Ok(0)));
            drop(unlinked);
            assert_eq!(tasks.children().unwrap(), []);
            assert_nothing_left();
        });
    }

    // Elixir: supervisor_test "async_stream" "raises an error if :max_children is reached with
    // clean stream shutdown", "async_stream_nolink" too
    #[test]
    fn ends_with_an_error_in_its_place_if_there_are_as_many_as_there_may_be() {
        in_process(|| {
            let tasks = supervisor(TaskSupervisor::new().max_children(2));
            // It is asked for the third item when two tasks wait, and lets them go on, too late.
            let items = || {
                (1..=5_u32).inspect(move |n| {
                    if *n == 3 {
                        let children = tasks.children().unwrap();
                        sys::of(tasks).suspend().unwrap();
                        process::spawn(move || release_when_asked(&tasks, children)).unwrap();
                    }
                })
            };
            let wait = |n: u32| receive! { () => n };
            let linked: Vec<_> =
                tasks.async_stream(items(), wait).max_concurrency(3).into_iter().collect();
            let unlinked: Vec<_> =
                tasks.async_stream_nolink(items(), wait).max_concurrency(3).into_iter().collect();
            for results in [linked, unlinked] {
                let [Ok(1), Ok(2), Err(reason)] = &results[..] else { panic!("{results:?}") };
                assert_eq!(reason.downcast_ref(), Some(&SupervisorError::MaxChildren));
            }
            assert_eq!(tasks.children().unwrap(), []);
            assert_nothing_left();
        });
    }

    /// Lets a suspended supervisor refuse a start, and tasks go on after that.
    fn release_when_asked(tasks: &TaskSupervisorRef, children: Vec<Pid>) {
        wait_until(|| process::info(tasks.pid()).is_some_and(|info| info.message_queue_len > 0));
        sys::of(*tasks).resume().unwrap();
        tasks.count_children().unwrap();
        children.into_iter().for_each(|pid| process::send(pid, ()));
    }

    /// Their tasks are killed as soon as they are there, mostly before their owner is linked.
    #[test]
    fn leaves_no_exit_message_of_a_task_that_others_have_ended() {
        in_trapping_process(|| {
            let tasks = tasks();
            let supervisor = tasks.pid();
            let me = process::self_pid();
            let killer = process::spawn(move || {
                process::send(me, ());
                loop {
                    let children = process::info(supervisor).map(|info| info.links);
                    for pid in children.into_iter().flatten() {
                        process::exit(pid, ExitReason::Kill);
                    }
                    process::checkpoint();
                }
            });
            expect::<()>();
            let results = tasks.async_stream(0..2_000_u32, |n| n).max_concurrency(1).into_iter();
            assert_eq!(results.count(), 2_000);
            process::exit(killer.unwrap(), ExitReason::Kill);
            assert_nothing_left();
            tasks.stop().unwrap();
        });
    }

    // Elixir: supervisor_test "async_stream" "with $callers", "consuming from another process"
    #[test]
    fn belongs_to_the_process_that_iterates() {
        let tasks = tasks();
        let me = process::self_pid();
        let stream = tasks.async_stream([()], |()| {
            (task::callers(), process::info(process::self_pid()).unwrap().ancestors[0])
        });
        let reader = process::spawn(move || {
            process::send(me, stream.into_iter().next().unwrap().unwrap());
        });
        assert_eq!(expect::<(Vec<Pid>, Pid)>(), (vec![reader.unwrap()], tasks.pid()));
    }

    // Elixir: the shutdown option of the streams of a supervisor.
    #[test]
    fn has_its_tasks_stopped_as_it_is_told() {
        in_trapping_process(|| {
            let tasks = tasks();
            let me = process::self_pid();
            let stream = tasks.async_stream_nolink([()], move |()| {
                process::set_trap_exit(true);
                process::send(me, ());
                idle_body();
            });
            let killed = TaskOptions::new().shutdown(Shutdown::BrutalKill);
            let stream = stream.task_options(killed);
            let stopper = process::spawn(move || {
                receive! { () => tasks.stop().unwrap() }
            });
            let stopper = stopper.unwrap();
            let mut results = stream.timeout(FOREVER).into_iter();
            process::spawn(move || {
                wait_until(|| process::info(me).is_some_and(|info| info.message_queue_len > 0));
                process::send(stopper, ());
            })
            .unwrap();
            assert_eq!(results.next(), Some(Err(ExitReason::Killed)));
        });
    }
}
