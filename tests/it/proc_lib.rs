//! Processes that acknowledge their start.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::proc_lib::{self, StartError, StartOptions};
use procession::process::Builder;
use procession::sys::{self, DebugOptions, System};

use crate::support::calls::kind_of;
use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, Busy, begun, busy, idle, idle_body, in_process, reason};
use crate::support::rounds::{delay_by, killed_meanwhile, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

fn linked() -> StartOptions {
    StartOptions::new().spawn_options(Builder::new().link())
}

/// The reason in the error of a start that failed.
#[track_caller]
fn failed_reason<T>(outcome: Result<T, StartError>) -> ExitReason {
    match outcome {
        Err(StartError::Failed(reason)) => reason,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was started"),
    }
}

mod a_start {
    use super::*;

    // OTP: proc_lib_SUITE:sync_start_nolink
    #[test]
    fn waits_for_the_acknowledgement_and_returns_what_that_says() {
        in_process(|| {
            let me = process::self_pid();
            let gate = process::spawn(move || {
                let child: Pid = expect();
                // The starter has got nothing to do but wait.
                wait_until(|| process::info(me).unwrap().status == process::Status::Waiting);
                process::send(child, "go on");
            })
            .unwrap();
            let text = proc_lib::start(move |starter| {
                assert_eq!(starter.pid(), me);
                process::send(gate, process::self_pid());
                assert_eq!(expect::<&str>(), "go on");
                starter.ack(vec!["any", "value"]);
            });
            assert_eq!(text.unwrap(), ["any", "value"]);
            assert_no_message();
        });
    }

    // OTP: proc_lib_SUITE:sync_start_link
    #[test]
    fn with_a_link_hears_of_a_later_end() {
        let pid = proc_lib::start_link(|starter| {
            starter.ack(process::self_pid());
            process::receive();
            process::exit_self(reason());
        })
        .unwrap();
        assert_no_message();
        process::send(pid, ());
        assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason() });
    }

    // OTP: proc_lib_SUITE:sync_start_monitor
    #[test]
    fn with_a_monitor_hears_of_a_later_end_also_if_it_is_normal() {
        let (pid, monitor) = proc_lib::start_monitor(|starter| {
            starter.ack(process::self_pid());
            process::receive();
        });
        process::send(pid.unwrap(), ());
        assert_eq!(down_reason(monitor.unwrap()), ExitReason::Normal);
        assert_no_message();
    }

    // OTP: proc_lib_SUITE:init_dont_hang
    #[test]
    fn of_a_process_that_ends_first_fails_with_its_reason_and_leaves_nothing() {
        type Start = fn(fn()) -> Result<(), StartError>;
        let start_all: [Start; 2] =
            [|body| proc_lib::start(move |_| body()), |body| proc_lib::start_link(move |_| body())];
        for start in start_all {
            assert_eq!(failed_reason(start(|| process::exit_self(reason()))), reason());
            let panic = failed_reason(start(|| panic!("too early")));
            assert_eq!(panic.as_panic().unwrap().message, "too early");
            assert_no_message();
        }
    }

    // OTP: proc_lib_SUITE:init_dont_hang
    #[test]
    fn with_a_link_ends_a_starter_that_does_not_trap_exits() {
        let (_, monitor) = process::spawn_monitor(|| {
            _ = proc_lib::start_link::<(), _>(|_| process::exit_self(reason()));
            unreachable!("the starter has ended");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn of_a_process_that_does_nothing_fails_with_normal() {
        assert_eq!(failed_reason(proc_lib::start_link::<(), _>(drop)), ExitReason::Normal);
        assert_no_message();
    }

    #[test]
    fn with_a_monitor_that_fails_is_followed_by_the_down() {
        let (outcome, monitor) = proc_lib::start_monitor::<(), _>(|_| process::exit_self(reason()));
        assert_eq!(failed_reason(outcome), reason());
        assert_eq!(down_reason(monitor.unwrap()), reason());
        assert_no_message();
    }

    // OTP 25, run.
    #[test]
    fn with_a_monitor_that_fails_leaves_nothing_when_that_is_flushed() {
        in_process(|| {
            let me = process::self_pid();
            for _ in 0..3 {
                process::send(me, "before");
                let (outcome, monitor) =
                    proc_lib::start_monitor::<(), _>(|_| process::exit_self(reason()));
                assert_eq!(failed_reason(outcome), reason());
                process::send(me, "after");
                assert!(!process::demonitor_flush(monitor.unwrap()));
            }
            for text in ["before", "after"].repeat(3) {
                assert_eq!(process::receive().downcast::<&str>().unwrap(), text);
            }
            assert_no_message();
        });
    }

    // OTP: proc_lib_SUITE:sync_start_monitor_link_timeout
    #[test]
    fn that_takes_too_long_kills_the_process() {
        let timeout = Duration::from_millis(5);
        let before = Instant::now();
        let (outcome, monitor) =
            proc_lib::start_monitor_with::<(), _>(linked().timeout(timeout), |_| idle_body());
        assert!(matches!(outcome, Err(StartError::Timeout)), "{outcome:?}");
        assert!(before.elapsed() >= timeout);
        assert_eq!(down_reason(monitor.unwrap()), ExitReason::Killed);
        assert_no_message();
    }

    #[test]
    fn whose_process_cannot_be_spawned_has_no_monitor() {
        let name = "proc_lib::a_start::taken";
        process::register(name, process::self_pid()).unwrap();
        let options = StartOptions::new().spawn_options(Builder::new().name(name));
        let (outcome, monitor) = proc_lib::start_monitor_with::<(), _>(options, |_| {});
        assert!(matches!(outcome, Err(StartError::Spawn(_))), "{outcome:?}");
        assert!(monitor.is_none());
        assert_no_message();
    }

    #[test]
    fn of_a_process_that_calls_its_starter_is_a_cycle() {
        let me = process::self_pid();
        let outcome = proc_lib::start(move |starter| {
            starter.ack(sys::of(me).suspend());
        });
        let cycle = kind_of(outcome.unwrap().unwrap_err());
        assert!(matches!(cycle, CallErrorKind::Deadlock(_)), "{cycle:?}");
    }

    // OTP: proc_lib_SUITE:sync_start_monitor_link
    #[test]
    fn with_a_link_and_a_monitor_hears_of_a_later_end_by_both() {
        in_process(|| {
            process::set_trap_exit(true);
            let (pid, monitor) = proc_lib::start_monitor_with(linked(), |starter| {
                starter.ack(process::self_pid());
                process::receive();
                process::exit_self(reason());
            });
            let pid = pid.unwrap();
            assert_no_message();
            process::send(pid, ());
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason() });
            assert_eq!(down_reason(monitor.unwrap()), reason());
            assert_no_message();
        });
    }

    // OTP: proc_lib_SUITE:sync_start_link
    #[test]
    fn hears_of_an_end_right_after_the_acknowledgement_once() {
        in_process(|| {
            process::set_trap_exit(true);
            for _ in 0..rounds(1_000) {
                let (pid, monitor) = proc_lib::start_monitor_with(linked(), |starter| {
                    starter.ack(process::self_pid());
                    process::exit_self(reason());
                });
                assert_eq!(expect::<Exit>().from, pid.unwrap());
                assert_eq!(down_reason(monitor.unwrap()), reason());
                assert_no_message();
            }
        });
    }

    #[test]
    fn hears_nothing_of_a_later_end_without_link_and_monitor() {
        in_process(|| {
            for _ in 0..rounds(1_000) {
                let pid = proc_lib::start(|starter| {
                    starter.ack(process::self_pid());
                    process::exit_self(reason());
                });
                let pid = pid.unwrap();
                wait_for_exit(pid);
                assert_no_message();
            }
        });
    }

    #[test]
    fn spares_a_starter_that_does_not_trap_exits_if_the_process_ends_normally() {
        in_process(|| {
            assert_eq!(failed_reason(proc_lib::start_link::<(), _>(drop)), ExitReason::Normal);
            let pid = proc_lib::start_link(|starter| starter.ack(process::self_pid())).unwrap();
            wait_for_exit(pid);
            let told = proc_lib::start_link(|starter| starter.fail("told", ExitReason::Normal));
            assert_eq!(told.unwrap(), "told");
            assert_no_message();
        });
    }

    #[test]
    fn leaves_what_else_is_in_the_mailbox_as_it_is() {
        in_process(|| {
            let me = process::self_pid();
            process::send(me, "before");
            let attempts: [fn(proc_lib::Starter<()>); 3] = [
                |starter| starter.ack(()),
                |_| process::exit_self(reason()),
                |starter| starter.fail((), reason()),
            ];
            for attempt in attempts {
                _ = proc_lib::start(move |starter| {
                    process::send(me, "by the process");
                    attempt(starter);
                });
                process::send(me, "after");
            }
            let texts = ["by the process", "after"].repeat(3);
            assert_eq!(expect::<&str>(), "before");
            for text in texts {
                assert_eq!(process::receive().downcast::<&str>().unwrap(), text);
            }
            assert_no_message();
        });
    }

    // OTP: proc_lib_SUITE:sync_start_monitor_link_timeout
    #[test]
    fn without_time_returns_or_has_killed_the_process_and_leaves_nothing() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            for round in 0..rounds(1_000) {
                let options = linked().timeout(Duration::from_nanos(round as u64 % 64 * 1_000));
                let outcome = proc_lib::start_with(options, move |starter| {
                    process::send(me, process::self_pid());
                    starter.ack(());
                    idle_body();
                });
                match outcome {
                    Ok(()) => {
                        let pid = expect::<Pid>();
                        process::unlink(pid);
                        process::exit(pid, ExitReason::Kill);
                    }
                    Err(StartError::Timeout) => {
                        if let Some(pid) = process::receive_timeout(Duration::ZERO) {
                            assert!(!process::is_alive(pid.downcast::<Pid>().unwrap()));
                        }
                    }
                    Err(error) => panic!("{error}"),
                }
                assert_no_message();
            }
        });
    }

    #[test]
    fn that_has_left_its_process_behind_gets_no_acknowledgement_from_there() {
        in_process(|| {
            let (let_go, held) = mpsc::channel::<()>();
            let (done, ended) = mpsc::channel::<()>();
            let spawn = Builder::new().kill_grace(Duration::from_millis(1));
            let options =
                StartOptions::new().timeout(Duration::from_millis(1)).spawn_options(spawn);
            let outcome = proc_lib::start_with(options, move |starter| {
                let _done = done;
                _ = held.recv();
                starter.ack("too late");
            });
            assert!(matches!(outcome, Err(StartError::Timeout)), "{outcome:?}");
            drop(let_go);
            assert!(ended.recv().is_err());
            assert_no_message();
        });
    }

    #[test]
    fn can_be_made_while_another_one_is_under_way() {
        process::set_trap_exit(true);
        let depth = proc_lib::start_link(|starter| {
            let inner = proc_lib::start_link(|starter| {
                let innermost = proc_lib::start_link(|starter| starter.ack(1));
                starter.ack(innermost.unwrap() + 1);
            });
            starter.ack(inner.unwrap() + 1);
        });
        assert_eq!(depth.unwrap(), 3);
        assert_eq!(expect::<Exit>().reason, ExitReason::Normal);
    }

    #[test]
    fn in_a_destructor_of_a_process_that_is_being_ended_fails() {
        let (outcomes, seen) = mpsc::channel();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _guard = OnDrop(move || {
                let (outcome, monitor) = proc_lib::start_monitor(|starter| starter.ack(()));
                let has_ended = matches!(outcome, Err(StartError::CallerEnded));
                outcomes.send(has_ended && monitor.is_none()).unwrap();
            });
            idle_body();
        });
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        assert!(seen.recv().unwrap());
    }

    #[test]
    fn in_a_thread_of_the_programs_own_that_is_killed_at_any_moment_fails() {
        for round in 0..rounds(1_000) {
            let error = killed_meanwhile(round, || {
                loop {
                    if let Err(error) = proc_lib::start_link(|starter| starter.ack(())) {
                        return error;
                    }
                }
            });
            let ended = matches!(
                error,
                StartError::CallerEnded | StartError::Spawn(process::SpawnError::CallerEnded)
            );
            assert!(ended, "round {round}: {error:?}");
        }
    }

    #[test]
    fn that_ends_with_its_starter_leaves_no_process_behind() {
        for round in 0..rounds(500) {
            let (alive, gone) = mpsc::channel::<()>();
            let me = process::self_pid();
            let (starter, monitor) = process::spawn_monitor(move || {
                process::send(me, Begun);
                _ = proc_lib::start_link::<(), _>(move |_| {
                    let _alive = alive;
                    idle_body();
                });
            })
            .unwrap();
            expect::<Begun>();
            delay_by(round);
            let end = [ExitReason::Kill, reason()][round % 2].clone();
            process::exit(starter, end);
            down_reason(monitor);
            let outcome = gone.recv_timeout(test_timeout());
            assert_eq!(outcome, Err(mpsc::RecvTimeoutError::Disconnected), "round {round}");
        }
    }

    #[test]
    fn by_a_process_that_is_killed_meanwhile_ends_it() {
        for _ in 0..rounds(300) {
            let (starter, monitor) = process::spawn_monitor(|| {
                _ = proc_lib::start_link::<(), _>(|_| idle_body());
            })
            .unwrap();
            process::exit(starter, ExitReason::Kill);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
    }
}

mod a_failure {
    use super::*;

    #[test]
    fn is_returned_when_the_process_is_gone() {
        for _ in 0..rounds(1_000) {
            let pid = proc_lib::start(|starter| {
                starter.fail(process::self_pid(), ExitReason::Shutdown);
            });
            assert!(!process::is_alive(pid.unwrap()));
        }
    }

    #[test]
    fn ends_the_process_with_its_reason_of_which_links_do_not_hear() {
        let (outcome, monitor) = proc_lib::start_monitor_with(linked(), |starter| {
            starter.fail("a value", reason());
        });
        assert_eq!(outcome.unwrap(), "a value");
        assert_eq!(down_reason(monitor.unwrap()), reason());
        assert_no_message();
    }

    #[test]
    fn ends_a_linked_starter_that_does_not_trap_exits() {
        let (_, monitor) = process::spawn_monitor(|| {
            _ = proc_lib::start_link(|starter| starter.fail((), reason()));
            unreachable!("the starter has ended");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn that_is_sent_as_a_value_does_not_end_the_process() {
        let (outcome, monitor) = proc_lib::start_monitor(|starter| {
            let pid = process::self_pid();
            starter.ack(Err::<(), Pid>(pid));
            process::receive();
        });
        let pid = outcome.unwrap().unwrap_err();
        assert!(process::is_alive(pid));
        process::send(pid, ());
        assert_eq!(down_reason(monitor.unwrap()), ExitReason::Normal);
    }
}

// OTP: proc_lib_SUITE:stacktrace
#[test]
fn the_reason_of_an_end_is_the_panic_or_what_the_body_exits_with() {
    let end =
        |body: fn()| down_reason(proc_lib::spawn_monitor_with(Builder::new(), body).unwrap().1);
    assert_eq!(end(|| {}), ExitReason::Normal);
    assert_eq!(end(|| process::exit_self(reason())), reason());
    let reason = end(|| panic!("in the body"));
    let panic = reason.as_panic().unwrap();
    assert_eq!(panic.message, "in the body");
    assert!(panic.location.as_ref().unwrap().contains(file!()), "{panic:?}");
}

// OTP: proc_lib_SUITE:spawn_opt
#[test]
fn the_initial_call_is_that_of_the_body() {
    fn body() {
        process::receive();
    }

    let pid = proc_lib::spawn(body).unwrap();
    assert!(
        proc_lib::initial_call(pid)
            .unwrap()
            .ends_with("proc_lib::the_initial_call_is_that_of_the_body::body")
    );
    let plain = idle();
    assert_eq!(proc_lib::initial_call(plain), None);
    assert_eq!(proc_lib::initial_call(process::self_pid()), None);
    process::send(pid, ());
    exit_and_wait(plain, ExitReason::Kill);
    wait_for_exit(pid);
    assert_eq!(proc_lib::initial_call(pid), None);
}

// OTP 25, run: `supervisor:Module/1`
#[test]
fn the_initial_call_of_a_supervisor_is_the_type_that_describes_it() {
    let supervisor = Supervisor::one_for_one().start_link().unwrap();
    let name = proc_lib::initial_call(supervisor.pid()).unwrap();
    assert_eq!(name, std::any::type_name::<Supervisor>());
    supervisor.stop().unwrap();
}

#[test]
fn a_spawned_process_has_its_options() {
    let builder = || Builder::new().name("proc_lib::spawned").link();
    let (pid, monitor) = proc_lib::spawn_monitor_with(builder(), idle_body).unwrap();
    assert_eq!(process::whereis("proc_lib::spawned"), Some(pid));
    process::exit(pid, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    assert_eq!(expect::<Exit>().from, pid);

    let pid = proc_lib::spawn_link(|| process::exit_self(ExitReason::Shutdown)).unwrap();
    assert_eq!(expect::<Exit>().from, pid);
}

/// A process that answers system messages, and ends with `end` when it is told to end.
fn system_process(name: Option<&str>, end: fn(ExitReason) -> ExitReason) -> Pid {
    struct Nothing(DebugOptions, ());

    impl System for Nothing {
        type State = ();

        fn state(&mut self) -> &mut () {
            &mut self.1
        }

        fn debug(&mut self) -> &mut DebugOptions {
            &mut self.0
        }
    }

    let builder = name.map_or(Builder::new(), |name| Builder::new().name(name));
    let body = move || {
        receive! {
            request: sys::Request => {
                let mut system = Nothing(DebugOptions::new(), ());
                if let ControlFlow::Break(reason) = sys::handle(request, &mut system) {
                    process::exit_self(end(reason));
                }
            }
        }
    };
    proc_lib::spawn_with(builder, body).unwrap()
}

mod a_stop {
    use super::*;

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn returns_when_the_process_has_ended_and_its_name_is_free() {
        let name = "proc_lib::a_stop::named";
        for (reason, stop) in [
            (ExitReason::Normal, proc_lib::stop as fn(_) -> _),
            (reason(), |to: &'static str| proc_lib::stop_with(to, reason(), test_timeout())),
        ] {
            let pid = system_process(Some(name), |reason| reason);
            let monitor = process::monitor(pid);
            assert_eq!(stop(name), Ok(()));
            assert!(!process::is_alive(pid));
            assert_eq!(process::whereis(name), None);
            assert_eq!(down_reason(monitor), reason);
        }
    }

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn of_a_process_that_does_not_exist_is_an_error() {
        let pid = idle();
        exit_and_wait(pid, ExitReason::Kill);
        assert_eq!(proc_lib::stop(pid), Err(StopError::NoProc));
        assert_eq!(proc_lib::stop("proc_lib::a_stop::nobody"), Err(StopError::NoProc));
    }

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn of_oneself_or_of_who_waits_for_the_caller_fails_at_once() {
        in_process(|| {
            let me = process::self_pid();
            assert_eq!(proc_lib::stop(me), Err(StopError::CallingSelf(me)));
            let outcome = proc_lib::start(move |starter| starter.ack(proc_lib::stop(me)));
            assert!(matches!(outcome.unwrap(), Err(StopError::Deadlock(_))));
            assert_no_message();
        });
    }

    #[test]
    fn by_a_process_that_is_ended_meanwhile_still_ends_the_target() {
        let me = process::self_pid();
        let Busy { pid: target, monitor, let_go } = busy(Builder::new(), || {
            let request = format!("{:?}", expect::<sys::Request>());
            assert_eq!(request, "Request(Terminate)");
        });
        let (outcomes, seen) = mpsc::channel();
        let stopper = process::spawn(move || {
            let _guard = OnDrop(move || outcomes.send(proc_lib::stop(me)).unwrap());
            _ = proc_lib::stop(target);
        })
        .unwrap();
        wait_until(|| process::info(target).unwrap().message_queue_len == 1);
        exit_and_wait(stopper, ExitReason::Shutdown);
        assert_eq!(seen.recv().unwrap(), Err(StopError::CallerEnded));
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn of_several_at_once_tells_them_all() {
        for _ in 0..rounds(200) {
            let pid = system_process(None, |reason| reason);
            let me = process::self_pid();
            for _ in 0..3 {
                process::spawn(move || process::send(me, proc_lib::stop(pid))).unwrap();
            }
            let outcomes: Vec<_> = (0..3).map(|_| expect::<Result<(), StopError>>()).collect();
            assert!(outcomes.contains(&Ok(())), "{outcomes:?}");
            let is_expected =
                |it: &Result<(), StopError>| matches!(it, Ok(()) | Err(StopError::NoProc));
            assert!(outcomes.iter().all(is_expected), "{outcomes:?}");
        }
    }

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn that_ends_for_another_reason_says_so() {
        let pid = system_process(None, |_| reason());
        assert_eq!(proc_lib::stop(pid), Err(StopError::Down(reason())));
    }

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn that_does_not_wait_still_ends_the_process() {
        let me = process::self_pid();
        let pid = proc_lib::start(move |starter| {
            starter.ack(process::self_pid());
            assert_eq!(expect::<&str>(), "now");
            let request = expect::<sys::Request>();
            process::send(me, format!("{request:?}"));
        })
        .unwrap();
        let monitor = process::monitor(pid);
        let outcome = proc_lib::stop_with(pid, ExitReason::Normal, Duration::ZERO);
        assert_eq!(outcome, Err(StopError::Timeout));
        assert!(process::is_alive(pid));
        process::send(pid, "now");
        assert_eq!(expect::<String>(), "Request(Terminate)");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_no_message();
    }
}
