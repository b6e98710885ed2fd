//! One task and its owner.

use std::sync::mpsc;
use std::time::Duration;

use procession::prelude::*;
use procession::process::{Builder, MonitorOptions};
use procession::{proc_lib, task};

use crate::support::drops::PanicsOnDrop;
use crate::support::processes::{FOREVER, idle_body, in_process, reason};
use crate::support::wait::{
    assert_no_message, down_reason, expect, expect_exit, scan_mailbox, test_timeout, wait_for_exit,
    wait_until,
};

const SHORT: Duration = Duration::from_millis(5);

/// A task that has its value when it is sent it.
pub(crate) fn held() -> Task<u32> {
    Task::spawn(|| receive! { n: u32 => n }).unwrap()
}

/// Lets such a task go on.
pub(crate) fn release(task: &Task<u32>, value: u32) {
    process::send(task.pid().unwrap(), value);
}

/// A task that has ended, whatever it has left.
fn ended<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    let task = Task::spawn(f).unwrap();
    wait_for_exit(task.pid().unwrap());
    task
}

/// Asserts that nothing of a task is there, nor comes.
#[track_caller]
pub(crate) fn assert_nothing_left() {
    assert_no_message();
    let info = process::info(process::self_pid()).unwrap();
    assert!(info.monitors.is_empty() && info.links.is_empty(), "{info:?}");
}

/// Runs `body` in a process that traps exits.
pub(crate) fn in_trapping_process(body: impl FnOnce() + Send + 'static) {
    in_process(|| {
        process::set_trap_exit(true);
        body();
    });
}

/// Returns why a process that does `body` ends.
#[track_caller]
pub(crate) fn end_of(body: impl FnOnce() + Send + 'static) -> ExitReason {
    let (_, monitor) = process::spawn_monitor(body).unwrap();
    down_reason(monitor)
}

#[track_caller]
pub(crate) fn failure(error: CallError) -> ExitReason {
    let CallErrorKind::Down(reason) = error.kind() else { panic!("it has not ended: {error}") };
    reason.clone()
}

mod spawn {
    use super::*;

    // Elixir: task_test "async/1"
    #[test]
    fn links_and_monitors_the_process_whose_value_is_awaited() {
        in_process(|| {
            let task = held();
            let pid = task.pid().unwrap();
            let info = process::info(process::self_pid()).unwrap();
            assert_eq!((&info.links[..], info.monitors.len()), (&[pid][..], 1));
            assert_eq!(task.owner(), process::self_pid());
            release(&task, 42);
            assert_eq!(task.await_reply(), Ok(42));
            assert!(process::join(pid, test_timeout()).is_some());
            assert_nothing_left();
        });
    }

    // Elixir: task_test "async/1", whose initial call is the function.
    #[test]
    fn says_what_it_was_started_as() {
        let task = held();
        let call = proc_lib::initial_call(task.pid().unwrap()).unwrap();
        assert!(call.contains("task::held::{{closure}}"), "{call}");
        release(&task, 1);
        assert_eq!(task.await_reply(), Ok(1));
    }

    // Elixir: task_test "async/3"
    #[test]
    fn takes_its_arguments_with_the_closure() {
        let words = ["a".to_owned(), "b".to_owned()];
        assert_eq!(Task::spawn(move || words.concat()).unwrap().await_reply(), Ok("ab".to_owned()));
    }

    #[test]
    fn takes_the_options_of_a_process() {
        let builder = Builder::new().name("task::spawn::with_a_name");
        let task = Task::spawn_with(builder, || process::whereis("task::spawn::with_a_name"));
        let task = task.unwrap();
        let pid = task.pid();
        assert_eq!(task.await_reply(), Ok(pid));
    }

    // Elixir, probed: a task that crashes ends an owner that does not trap exits.
    #[test]
    fn ends_an_owner_that_does_not_trap_exits_if_the_task_fails() {
        let end = end_of(|| {
            let _task = Task::spawn(|| process::exit_self(reason())).unwrap();
            idle_body();
        });
        assert_eq!(end, reason());
    }

    // Elixir, probed: it does not if the task ends normally.
    #[test]
    fn leaves_an_owner_alone_if_the_task_ends_normally() {
        in_process(|| {
            let task = ended(|| process::exit_self(ExitReason::Normal));
            scan_mailbox();
            assert_eq!(task.await_reply().map_err(failure), Err(ExitReason::Normal));
        });
    }

    #[test]
    fn ends_the_task_with_an_owner_that_fails() {
        let me = process::self_pid();
        let owner = process::spawn(move || {
            let task = held();
            process::send(me, task.pid().unwrap());
            Err(receive! { reason: ExitReason => reason })
        });
        let task = process::monitor(expect::<Pid>());
        process::send(owner.unwrap(), reason());
        assert_eq!(down_reason(task), reason());
    }

    #[test]
    fn leaves_a_trapping_owner_the_exit_message_of_a_task_that_fails() {
        in_trapping_process(|| {
            let task = Task::spawn(|| process::exit_self(reason())).unwrap();
            let pid = task.pid().unwrap();
            assert_eq!(task.await_reply().map_err(failure), Err::<(), _>(reason()));
            assert_eq!(expect_exit(pid), reason());
            assert_nothing_left();
        });
    }

    #[test]
    fn leaves_a_trapping_owner_no_exit_message_of_a_task_that_has_sent_its_value() {
        in_trapping_process(|| {
            let task = ended(|| 1);
            assert_eq!(task.await_reply(), Ok(1));
            assert_nothing_left();
        });
    }

    #[test]
    fn drops_what_it_cannot_run_with_care() {
        let value = PanicsOnDrop;
        let builder = Builder::new().name("task::spawn::taken");
        let (pid, _) = builder.spawn_monitor(idle_body).unwrap();
        let again = Builder::new().name("task::spawn::taken");
        assert!(Task::spawn_with(again, move || drop(value)).is_err());
        process::exit(pid, ExitReason::Kill);
    }
}

mod await_reply {
    use super::*;

    // Elixir: task_test "demonitors and unalias on timeout"
    #[test]
    fn gives_up_after_the_timeout_and_nothing_comes_of_the_task_that_goes_on() {
        in_process(|| {
            let task = held();
            let pid = task.pid().unwrap();
            let monitor = process::monitor(pid);
            let error = task.await_timeout(SHORT).unwrap_err();
            assert_eq!(error.kind(), &CallErrorKind::Timeout);
            assert!(
                error.to_string().starts_with("timed out waiting for the answer of <"),
                "{error}"
            );
            assert!(process::is_alive(pid));
            process::send(pid, 1_u32);
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_nothing_left();
        });
    }

    #[test]
    fn looks_for_a_value_that_is_there_within_no_time() {
        in_process(|| {
            assert_eq!(ended(|| 1).await_timeout(Duration::ZERO), Ok(1));
            let task = held();
            let kind = task.await_timeout(Duration::ZERO).map_err(CallError::into_kind);
            assert_eq!(kind, Err(CallErrorKind::Timeout));
        });
    }

    // Elixir: task_test "exits on normal exit"
    #[test]
    fn fails_if_the_task_ends_normally_without_a_value() {
        let task: Task<()> = Task::spawn(|| process::exit_self(ExitReason::Normal)).unwrap();
        let error = task.await_reply().unwrap_err();
        assert_eq!(error.kind(), &CallErrorKind::Down(ExitReason::Normal));
        assert!(!ExitReason::from(error).is_orderly());
    }

    // Elixir: task_test "exits on task throw", "exits on task error"
    #[test]
    fn fails_with_the_panic_of_the_task() {
        in_trapping_process(|| {
            let task = Task::spawn(|| {
                if true {
                    panic!("no value")
                }
            })
            .unwrap();
            let reason = failure(task.await_reply().unwrap_err());
            assert_eq!(reason.as_panic().unwrap().message, "no value");
        });
    }

    // Elixir: task_test "exits on task exit"
    #[test]
    fn fails_with_the_reason_of_the_task() {
        in_trapping_process(|| {
            let task: Task<()> = Task::spawn(|| process::exit_self(reason())).unwrap();
            assert_eq!(task.await_reply().map_err(failure), Err(reason()));
        });
    }

    // Elixir: the exit of the caller is {shutdown, {Task, :await, ...}}, which is orderly.
    #[test]
    fn fails_with_an_error_that_keeps_its_class_as_a_reason() {
        in_trapping_process(|| {
            let task: Task<()> = Task::spawn(|| process::exit_self(ExitReason::Shutdown)).unwrap();
            let error = task.await_reply().unwrap_err();
            assert_eq!(ExitReason::from(error), ExitReason::Shutdown);
        });
    }

    // Elixir: task_test "discards on time replies": the reply was consumed. That a task is awaited
    // twice is refused by the compiler.
    #[test]
    fn fails_at_once_if_the_value_was_taken() {
        let mut task = ended(|| 1);
        assert_eq!(task.yield_reply(test_timeout()), Some(Ok(1)));
        let error = task.await_timeout(FOREVER).unwrap_err();
        assert_eq!(error.kind(), &CallErrorKind::Timeout);
        assert_eq!(error.request(), "a task whose outcome was taken before");
    }

    #[test]
    fn leaves_the_messages_of_others_in_their_order() {
        in_process(|| {
            let me = process::self_pid();
            process::send(me, 'a');
            let task = Task::spawn(move || process::send(me, 'b')).unwrap();
            assert_eq!(task.await_reply(), Ok(()));
            assert_eq!((expect::<char>(), expect::<char>()), ('a', 'b'));
        });
    }

    #[test]
    fn is_refused_at_once_if_the_task_waits_for_its_owner() {
        in_trapping_process(|| {
            let me = process::self_pid();
            // It waits for the end of its owner.
            let task = Task::spawn(move || proc_lib::stop(me)).unwrap();
            let pid = task.pid().unwrap();
            wait_until(|| process::info(me).is_some_and(|info| info.message_queue_len > 0));
            let error = task.await_timeout(FOREVER).unwrap_err();
            assert_eq!(error.kind(), &CallErrorKind::Deadlock(vec![me, pid]));
            process::exit(pid, ExitReason::Kill);
        });
    }

    #[test]
    fn has_a_call_of_the_task_to_its_owner_refused() {
        #[derive(Debug)]
        struct Owner;
        impl GenServer for Owner {
            type Args = ();
            fn init((): ()) -> InitResult<Owner> {
                ready(Owner)
            }
        }
        impl HandleCall<&'static str> for Owner {
            type Reply = bool;
            fn handle_call(
                &mut self,
                request: &'static str,
                _: &Caller<bool>,
            ) -> CallResult<Owner, &'static str> {
                if request == "inner" {
                    return reply(true);
                }
                let me = ServerRef::<Owner>::from_pid(process::self_pid());
                let task = Task::spawn(move || me.call_timeout("inner", FOREVER))?;
                // One of the two is refused: whichever waits last.
                let refusal = match task.await_timeout(FOREVER) {
                    Ok(inner) => inner.map(|_| ()),
                    Err(error) => Err(error),
                };
                reply(matches!(refusal.unwrap_err().kind(), CallErrorKind::Deadlock(_)))
            }
        }
        assert_eq!(Owner::start(()).unwrap().call("outer"), Ok(true));
    }
}

mod yield_reply {
    use super::*;

    // Elixir: task_test "returns {:ok, result} when reply and :DOWN in message queue"
    #[test]
    fn returns_the_value_of_a_task_that_has_ended_and_leaves_no_down() {
        in_process(|| {
            let mut task = ended(|| 1);
            assert_eq!(task.yield_reply(Duration::ZERO), Some(Ok(1)));
            assert_nothing_left();
        });
    }

    // Elixir: task_test "returns nil on timeout"
    #[test]
    fn returns_nothing_in_time_and_can_be_asked_again() {
        let mut task = held();
        assert_eq!(task.yield_reply(Duration::ZERO), None);
        assert_eq!(task.yield_reply(SHORT), None);
        release(&task, 2);
        assert_eq!(task.yield_reply(test_timeout()), Some(Ok(2)));
        assert_eq!(task.yield_reply(FOREVER), None);
    }

    // Elixir: task_test "return exit on normal exit"
    #[test]
    fn returns_the_reason_of_a_task_that_has_ended_without_a_value() {
        in_trapping_process(|| {
            for end in [ExitReason::Normal, reason()] {
                let why = end.clone();
                let mut task: Task<()> = Task::spawn(|| process::exit_self(why)).unwrap();
                assert_eq!(task.yield_reply(test_timeout()), Some(Err(end)));
            }
        });
    }
}

mod check_reply {
    use super::*;

    fn next_message() -> Message {
        process::receive_timeout(test_timeout()).unwrap()
    }

    // Elixir, documented: a server gets {ref, result} in handle_info.
    #[test]
    fn takes_the_value_out_of_its_message() {
        in_process(|| {
            let mut task = ended(|| 1);
            assert_eq!(task.check_reply(next_message()).unwrap(), Ok(1));
            assert_nothing_left();
            assert_eq!(task.await_timeout(FOREVER).unwrap_err().kind(), &CallErrorKind::Timeout);
        });
    }

    // Elixir, documented: {:DOWN, ref, ...}
    #[test]
    fn takes_the_reason_of_a_task_that_has_ended_without_a_value() {
        in_trapping_process(|| {
            let mut task: Task<()> = ended(|| process::exit_self(reason()));
            expect_exit(task.pid().unwrap());
            assert_eq!(task.check_reply(next_message()).unwrap(), Err(reason()));
            assert_nothing_left();
        });
    }

    #[test]
    fn gives_back_what_is_not_of_this_task() {
        in_process(|| {
            let (mut task, mut other) = (held(), ended(|| 2_u32));
            let message = task.check_reply(next_message()).unwrap_err();
            assert_eq!(other.check_reply(message).unwrap(), Ok(2));
            process::send(process::self_pid(), 'a');
            for of in [&mut task, &mut other] {
                let message = of.check_reply(next_message()).unwrap_err();
                assert_eq!(message.downcast_ref(), Some(&'a'));
                process::send(process::self_pid(), 'a');
            }
            release(&task, 1);
            assert_eq!(task.await_reply(), Ok(1));
        });
    }
}

mod shutdown {
    use super::*;

    const SOON: Shutdown = Shutdown::Timeout(FOREVER);

    /// A task that traps exits, has begun to, and ends only when it is told to in its own way.
    fn stubborn() -> Task<&'static str> {
        let me = process::self_pid();
        let task = Task::spawn(move || {
            process::set_trap_exit(true);
            process::send(me, 'b');
            receive! { text: &'static str => text }
        });
        expect::<char>();
        task.unwrap()
    }

    // Elixir: task_test "returns {:ok, result} when reply and abnormal :DOWN in message queue",
    // "... normal ..."
    #[test]
    fn returns_the_value_that_was_sent_before() {
        in_process(|| {
            for how in [SOON, Shutdown::BrutalKill, Shutdown::Infinity] {
                assert_eq!(ended(|| 1).shutdown(how), Some(Ok(1)));
                assert_nothing_left();
            }
        });
    }

    // Elixir: task_test "returns nil on shutting down task", "returns nil on killing task"
    #[test]
    fn ends_the_task_without_its_owner_and_returns_nothing() {
        in_process(|| {
            for how in [SOON, Shutdown::BrutalKill, Shutdown::Infinity] {
                let task = held();
                let pid = task.pid().unwrap();
                assert_eq!(task.shutdown(how), None);
                assert!(!process::is_alive(pid));
                assert_nothing_left();
            }
        });
    }

    // Elixir: task_test "returns nil on killing task"
    #[test]
    fn kills_a_task_that_traps_exits() {
        in_process(|| {
            assert_eq!(stubborn().shutdown(Shutdown::BrutalKill), None);
            assert_nothing_left();
        });
    }

    // Elixir: task_test "returns exit on killing task after shutdown timeout"
    #[test]
    fn returns_that_it_had_to_kill_the_task_after_its_time() {
        in_process(|| {
            let outcome = stubborn().shutdown(Shutdown::Timeout(SHORT));
            assert_eq!(outcome, Some(Err(ExitReason::Killed)));
            assert_nothing_left();
        });
    }

    // Elixir: task_test "returns exit on abnormal :DOWN in message queue", "... normal ...",
    // "returns nil on shutdown :DOWN in message queue", "returns exit on killed :DOWN ..."
    #[test]
    fn returns_the_reason_of_a_task_that_has_ended_unless_it_is_the_one_asked_for() {
        in_trapping_process(|| {
            let shut_down = |end: ExitReason, how| {
                let task: Task<()> = ended(move || {
                    if end == ExitReason::Killed {
                        process::exit(process::self_pid(), ExitReason::Kill);
                    }
                    process::exit_self(end)
                });
                task.shutdown(how)
            };
            use ExitReason::{Killed, Normal, Shutdown as Stopped};
            assert_eq!(shut_down(reason(), SOON), Some(Err(reason())));
            assert_eq!(shut_down(Normal, SOON), Some(Err(Normal)));
            assert_eq!(shut_down(Stopped, SOON), None);
            assert_eq!(shut_down(Killed, SOON), Some(Err(Killed)));
            let kill = Shutdown::BrutalKill;
            assert_eq!(shut_down(reason(), kill), Some(Err(reason())));
            assert_eq!(shut_down(Normal, kill), Some(Err(Normal)));
            assert_eq!(shut_down(Stopped, kill), Some(Err(Stopped)));
            assert_eq!(shut_down(Killed, kill), None);
        });
    }

    // Elixir: task_test "returns {:exit, :noproc} if task handled"
    #[test]
    fn returns_noproc_if_the_value_was_taken() {
        for how in [SOON, Shutdown::BrutalKill] {
            let mut task = ended(|| 1);
            assert_eq!(task.yield_reply(test_timeout()), Some(Ok(1)));
            assert_eq!(task.shutdown(how), Some(Err(ExitReason::NoProc)));
        }
    }

    // Elixir: task_test "ignores if task PID is nil"
    #[test]
    fn returns_the_value_of_a_task_without_a_process() {
        assert_eq!(Task::completed(1).shutdown(SOON), Some(Ok(1)));
    }
}

mod ignore {
    use super::*;

    // Elixir: task_test "discards on time replies"
    #[test]
    fn returns_the_value_that_is_there() {
        in_process(|| {
            assert_eq!(ended(|| 1).ignore(), Some(Ok(1)));
            assert_nothing_left();
        });
    }

    // Elixir: task_test "discards late replies"
    #[test]
    fn unlinks_a_task_that_goes_on_whose_value_reaches_nobody() {
        in_trapping_process(|| {
            let task = held();
            let (pid, monitor) = (task.pid().unwrap(), process::monitor(task.pid().unwrap()));
            assert_eq!(task.ignore(), None);
            assert!(process::info(process::self_pid()).unwrap().links.is_empty());
            process::send(pid, 1_u32);
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_nothing_left();
        });
    }

    // Elixir: task_test "discards on-time failures"
    #[test]
    fn returns_the_reason_of_a_task_that_has_failed() {
        in_trapping_process(|| {
            let task: Task<()> = ended(|| process::exit_self(reason()));
            assert_eq!(task.ignore(), Some(Err(reason())));
        });
    }

    // Elixir: task_test "discards late failures"
    #[test]
    fn unlinks_a_task_whose_crash_reaches_nobody() {
        in_process(|| {
            let task = Task::spawn(|| receive! { () => process::exit_self(reason()) }).unwrap();
            let pid = task.pid().unwrap();
            let monitor = process::monitor(pid);
            assert_eq!(task.ignore(), None::<Result<(), ExitReason>>);
            process::send(pid, ());
            assert_eq!(down_reason(monitor), reason());
            assert_nothing_left();
        });
    }
}

mod completed {
    use super::*;

    // Elixir: task_test "completed/1", "can ignore completed tasks"
    #[test]
    fn has_a_value_and_no_process() {
        in_process(|| {
            let before = process::info(process::self_pid()).unwrap().links;
            assert_eq!(Task::completed(1).pid(), None);
            assert_eq!(Task::completed(1).await_reply(), Ok(1));
            assert_eq!(Task::completed(1).yield_reply(FOREVER), Some(Ok(1)));
            assert_eq!(Task::completed(1).ignore(), Some(Ok(1)));
            assert_eq!(task::await_many([Task::completed(1), Task::completed(2)]), Ok(vec![1, 2]));
            assert_eq!(process::info(process::self_pid()).unwrap().links, before);
            assert_nothing_left();
        });
    }
}

mod drop_of_a_task {
    use super::*;

    #[test]
    fn leaves_it_running_and_linked_and_its_value_reaches_nobody() {
        in_process(|| {
            let task = held();
            let pid = task.pid().unwrap();
            let monitor = process::monitor(pid);
            drop(task);
            assert_eq!(process::info(process::self_pid()).unwrap().links, [pid]);
            process::send(pid, 1_u32);
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_nothing_left();
        });
    }

    #[test]
    fn drops_a_value_that_was_not_taken_with_care() {
        in_process(|| {
            drop(ended(|| PanicsOnDrop));
            assert_nothing_left();
        });
    }
}

mod start {
    use super::*;

    // Elixir: task_test "start/1"
    #[test]
    fn starts_a_process_that_is_not_linked_and_sends_nothing() {
        in_process(|| {
            let pid = task::start(|| receive! { () => {} }).unwrap();
            assert!(process::info(process::self_pid()).unwrap().links.is_empty());
            assert!(proc_lib::initial_call(pid).unwrap().contains("task::start::"));
            process::send(pid, ());
            process::join(pid, test_timeout());
            assert_nothing_left();
        });
    }

    // Elixir: task_test "start_link/1"
    #[test]
    fn with_a_link_starts_a_process_that_is_linked() {
        in_trapping_process(|| {
            let pid = task::start_link(|| Err(receive! { reason: ExitReason => reason })).unwrap();
            assert_eq!(process::info(process::self_pid()).unwrap().links, [pid]);
            process::send(pid, reason());
            assert_eq!(expect_exit(pid), reason());
            assert_nothing_left();
        });
    }
}

mod callers {
    use super::*;

    /// Awaits a task that returns what a nested one knows.
    fn of_nested<T: Send + 'static>(
        start: impl FnOnce() -> T + Send + 'static,
    ) -> (Vec<Pid>, Vec<Pid>) {
        let task = Task::spawn(move || {
            let own = task::callers();
            start();
            (own, expect::<Vec<Pid>>(), process::self_pid())
        });
        let task = task.unwrap();
        let outer = task.pid().unwrap();
        let (own, nested, _) = task.await_reply().unwrap();
        assert_eq!(own, [process::self_pid()]);
        (nested, vec![outer, process::self_pid()])
    }

    /// Sends its callers to the process that is the first of them.
    fn tell() {
        let callers = task::callers();
        process::send(callers[0], callers);
    }

    // Elixir: task_test "async with $callers"
    #[test]
    fn of_a_nested_task_are_who_started_it_and_who_started_that() {
        let (nested, expected) = of_nested(|| Task::spawn(tell).unwrap().await_reply());
        assert_eq!(nested, expected);
    }

    // Elixir: task_test "start_link with $callers"
    #[test]
    fn of_a_nested_task_are_the_same_if_nobody_waits_for_it() {
        let (nested, expected) = of_nested(|| task::start_link(tell).unwrap());
        assert_eq!(nested, expected);
        let (nested, expected) = of_nested(|| task::start(tell).unwrap());
        assert_eq!(nested, expected);
    }

    #[test]
    fn of_a_process_that_is_no_task_are_none() {
        in_process(|| assert!(task::callers().is_empty()));
    }

    #[test]
    fn are_sixteen_at_most() {
        fn nest(depth: usize) -> usize {
            if depth == 0 {
                return task::callers().len();
            }
            Task::spawn(move || nest(depth - 1)).unwrap().await_reply().unwrap()
        }
        assert_eq!((nest(5), nest(20)), (5, 16));
    }
}

mod child_spec {
    use super::*;

    // Elixir: task_test "generates child_spec/1"
    #[test]
    fn is_of_a_temporary_worker() {
        let policy = task::child_spec("t", || {}).policy();
        assert_eq!((&*policy.id, policy.restart), ("t", Restart::Temporary));
        assert_eq!(policy.shutdown, Shutdown::Timeout(Duration::from_secs(5)));
        assert_eq!(policy.child_type, ChildType::Worker);
    }

    // Elixir: task_test "can be supervised directly"
    #[test]
    fn has_a_supervisor_start_it() {
        let me = process::self_pid();
        let spec = task::child_spec("t", move || process::send(me, task::callers()));
        let supervisor = Supervisor::one_for_one().child(spec).start_link().unwrap();
        assert_eq!(expect::<Vec<Pid>>(), [supervisor.pid()]);
        supervisor.stop().unwrap();
    }

    #[test]
    fn has_it_run_again_if_it_is_to_be_restarted() {
        let (tell, told) = mpsc::channel();
        let spec = task::child_spec("t", move || {
            tell.send(process::self_pid()).unwrap();
            receive! { reason: ExitReason => Err(reason) }
        });
        let spec = spec.restart(Restart::Transient);
        let supervisor = Supervisor::one_for_one().child(spec).start_link().unwrap();
        process::send(told.recv().unwrap(), reason());
        let again = told.recv().unwrap();
        process::send(again, ExitReason::Normal);
        wait_for_exit(again);
        assert_eq!(supervisor.count_children().unwrap().active, 0);
        supervisor.stop().unwrap();
    }
}

mod owner {
    use super::*;

    #[test]
    fn that_is_a_thread_of_the_program_traps_exits_and_hears_why_a_task_failed() {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let task: Task<()> = Task::spawn(|| process::exit_self(reason())).unwrap();
                assert_eq!(task.await_reply().map_err(failure), Err(reason()));
            });
        });
    }

    #[test]
    fn is_not_confused_by_the_down_of_a_monitor_of_its_own() {
        in_process(|| {
            let mut task = held();
            let monitor = process::monitor_with(task.pid().unwrap(), MonitorOptions::new());
            release(&task, 1);
            assert_eq!(task.yield_reply(test_timeout()), Some(Ok(1)));
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        });
    }
}
