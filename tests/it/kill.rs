//! Kill, which cannot be trapped, and what becomes of a process that does not leave its code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Builder;

use crate::support::drops::OnDrop;
use crate::support::processes::{
    Begun, Busy, FOREVER, begun, busy, idle, idle_body, in_process, reason,
};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

mod exit_signal {
    use super::*;

    #[test]
    fn cannot_be_trapped() {
        let (pid, monitor) = Builder::new().trap_exit(true).spawn_monitor(idle_body).unwrap();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn of_oneself_ends_the_process_at_once_trapping_or_not() {
        let me = process::self_pid();
        for trap_exit in [false, true] {
            let (_, monitor) = Builder::new()
                .trap_exit(trap_exit)
                .spawn_monitor(move || {
                    process::exit(process::self_pid(), ExitReason::Kill);
                    process::send(me, "after the call");
                })
                .unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Killed);
            assert_no_message();
        }
    }

    #[test]
    fn runs_the_destructors_of_the_process() {
        let me = process::self_pid();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _lease = OnDrop(|| process::send(me, "the lease"));
            idle_body();
        });
        process::exit(pid, ExitReason::Kill);

        let first = process::receive_timeout(test_timeout()).unwrap();
        assert_eq!(first.downcast::<&str>().unwrap(), "the lease");
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    // OTP: gen_server_SUITE:send_request_receive_reqid_collection, erlang:is_process_alive/1
    #[test]
    fn makes_a_process_not_alive_at_once() {
        for _ in 0..rounds(200) {
            let pid = idle();
            process::exit(pid, ExitReason::Kill);
            assert!(!process::is_alive(pid));
            assert!(process::info(pid).is_none());
            assert!(!process::processes().contains(&pid));
        }
    }

    #[test]
    fn frees_the_name_at_once_even_of_a_process_that_is_busy() {
        const NAME: &str = "exit::kill::name";
        let Busy { pid, monitor, let_go } = busy(Builder::new().name(NAME), || {});
        assert_eq!(process::whereis(NAME), Some(pid));
        process::exit(pid, ExitReason::Kill);

        assert!(!process::is_alive(pid));
        assert_eq!(process::whereis(NAME), None);
        let heir = idle();
        assert_eq!(process::register(NAME, heir), Ok(()));

        // When the old one leaves it does not take the name along.
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_eq!(process::whereis(NAME), Some(heir));
        process::exit(heir, ExitReason::Shutdown);
    }

    #[test]
    fn drops_at_once_what_is_sent_to_a_process_that_is_busy() {
        let busy = busy(Builder::new(), || {});
        process::exit(busy.pid, ExitReason::Kill);
        let value = Arc::new(());
        process::send(busy.pid, Opaque::new(Arc::clone(&value)));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn of_a_process_that_is_busy_takes_effect_when_it_sends() {
        let me = process::self_pid();
        let Busy { pid, monitor, let_go } =
            busy(Builder::new(), move || process::send(me, "after the kill"));
        process::exit(pid, ExitReason::Kill);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_no_message();
    }

    #[test]
    fn counts_although_the_body_returns_or_panics() {
        let ends: [fn(); 2] = [|| {}, || panic!("too late")];
        for end in ends {
            let Busy { pid, monitor, let_go } = busy(Builder::new(), end);
            process::exit(pid, ExitReason::Kill);
            drop(let_go);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
    }

    #[test]
    fn is_not_overtaken_by_signals_that_come_later() {
        let Busy { pid, monitor, let_go } = busy(Builder::new(), process::checkpoint);
        process::exit(pid, ExitReason::Kill);
        process::exit(pid, reason());
        process::exit(pid, ExitReason::Kill);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn of_a_process_that_is_busy_reaches_late_links_and_monitors_too() {
        in_process(|| {
            process::set_trap_exit(true);
            let gone = Arc::new(AtomicBool::new(false));
            let gone_by_process = Arc::clone(&gone);
            let grace = Builder::new().kill_grace(FOREVER);
            let Busy { pid, monitor, let_go } =
                busy(grace, move || gone_by_process.store(true, Ordering::SeqCst));
            process::exit(pid, ExitReason::Kill);

            let late = process::monitor(pid);
            process::link(pid);
            assert_no_message();
            drop(let_go);

            assert_eq!(down_reason(monitor), ExitReason::Killed);
            assert!(gone.load(Ordering::SeqCst));
            assert_eq!(down_reason(late), ExitReason::Killed);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Killed });
        });
    }
}

mod abandonment {
    use super::*;

    fn with_grace(grace: Duration) -> Builder {
        Builder::new().kill_grace(grace)
    }

    // OTP: signal_SUITE:dirty_signal_handling (as far as a thread allows)
    #[test]
    fn lets_links_and_monitors_hear_of_a_process_that_computes_after_its_grace() {
        in_process(|| {
            process::set_trap_exit(true);
            let grace = Duration::from_millis(20);
            let stop = Arc::new(AtomicBool::new(false));
            let stop_process = Arc::clone(&stop);
            let (pid, monitor) = begun(with_grace(grace).link(), move || {
                while !stop_process.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
            });
            let start = Instant::now();
            process::exit(pid, ExitReason::Kill);

            assert_eq!(down_reason(monitor), ExitReason::Killed);
            assert!(start.elapsed() >= grace);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Killed });
            // It computes still: nobody else has the other half of the flag's two owners.
            assert_eq!(Arc::strong_count(&stop), 2);
            stop.store(true, Ordering::SeqCst);
            wait_until(|| Arc::strong_count(&stop) == 1);
        });
    }

    /// The shortest time from kill to DOWN of some: a machine can be busy otherwise.
    #[track_caller]
    fn assert_told_within_the_usual_grace(told: impl Fn()) {
        let time = || {
            let start = Instant::now();
            told();
            start.elapsed()
        };
        let shortest = (0..3).map(|_| time()).min().unwrap();
        assert!(shortest < Duration::from_secs(1), "{shortest:?}");
    }

    #[test]
    fn comes_at_once_without_grace() {
        assert_told_within_the_usual_grace(|| {
            let Busy { pid, monitor, let_go: _held } = busy(with_grace(Duration::ZERO), || {});
            process::exit(pid, ExitReason::Kill);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        });
    }

    #[test]
    fn comes_after_the_grace_that_the_process_has_set_itself() {
        let me = process::self_pid();
        let (_let_go, held) = mpsc::channel::<()>();
        let (pid, monitor) = with_grace(FOREVER)
            .spawn_monitor(move || {
                process::set_kill_grace(Duration::from_millis(1));
                process::send(me, Begun);
                _ = held.recv();
            })
            .unwrap();
        expect::<Begun>();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn ends_when_the_process_calls_the_runtime_which_unwinds_it() {
        let (seen, sees) = mpsc::channel();
        let Busy { pid, monitor, let_go } = busy(with_grace(Duration::ZERO), move || {
            let _guard = OnDrop(|| seen.send("dropped").unwrap());
            seen.send("back").unwrap();
            process::checkpoint();
            seen.send("after the call").unwrap();
        });
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert!(sees.try_recv().is_err());
        drop(let_go);

        // Until the sending end is dropped with the body.
        assert_eq!(sees.iter().collect::<Vec<_>>(), ["back", "dropped"]);
    }

    #[test]
    fn is_counted_until_the_threads_come_back() {
        const MANY: usize = 16;
        // Some come back by returning, some by unwinding.
        let stuck: Vec<_> = (0..MANY)
            .map(|n| busy(with_grace(Duration::ZERO), if n % 2 == 0 { || {} } else { idle_body }))
            .collect();
        for Busy { pid, monitor, .. } in &stuck {
            process::exit(*pid, ExitReason::Kill);
            assert_eq!(down_reason(*monitor), ExitReason::Killed);
        }
        // Other tests abandon threads too, a few at a time.
        assert!(process::system_info().abandoned_threads >= MANY);
        drop(stuck);
        wait_until(|| process::system_info().abandoned_threads < MANY);
    }

    #[test]
    fn leaves_the_next_processes_alone() {
        let Busy { pid, monitor, let_go } = busy(with_grace(Duration::ZERO), process::checkpoint);
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);

        let successors: Vec<_> = (0..8).map(|_| idle()).collect();
        drop(let_go);
        for successor in successors {
            assert_ne!(successor, pid);
            assert_eq!(exit_and_wait(successor, reason()), reason());
        }
        assert!(!process::is_alive(pid));
        process::send(pid, "to nobody");
    }
}

/// The processes that another has spawned, and that are alive.
fn children_of(parent: Pid) -> Vec<Pid> {
    let is_child = |pid: &Pid| process::info(*pid).is_some_and(|it| it.parent() == Some(parent));
    process::processes().into_iter().filter(is_child).collect()
}

// A process that kills it and then all its children has to look for them once.
#[test]
fn a_process_that_is_killed_while_it_spawns_has_no_more_children_after_that() {
    for round in 0..rounds(1_000) {
        let (parent, monitor) = process::spawn_monitor(|| {
            (0..50).for_each(|_| _ = process::spawn(idle_body));
            idle_body();
        })
        .unwrap();
        delay_by(round);
        process::exit(parent, ExitReason::Kill);
        children_of(parent).into_iter().for_each(|it| process::exit(it, ExitReason::Kill));
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        // A child that came too late does not run.
        children_of(parent).into_iter().for_each(|it| _ = wait_for_exit(it));
    }
}
