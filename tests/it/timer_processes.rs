//! Timers and processes: the target of a timer, its starter, and timers that end processes.

#![allow(clippy::disallowed_methods, reason = "cancels from a thread of the program's own")]

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Builder;
use procession::supervisor::Supervised;
use procession::timer;

use crate::support::processes::{FOREVER, idle, idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};
use crate::timers::{SHORT, assert_none_of, is_dropped, let_due_timers_act, watched_message};

mod target {
    use super::*;

    /// Starts a timer of each kind to `pid`.
    fn timers_to(pid: Pid) -> Vec<TimerRef> {
        vec![
            timer::send_after(FOREVER, pid, ()),
            timer::start_timer(FOREVER, pid, ()),
            timer::send_interval(FOREVER, pid, ()),
            timer::exit_after(FOREVER, pid, ExitReason::Shutdown),
            timer::kill_after(FOREVER, pid),
        ]
    }

    // OTP: timer_bif_SUITE:cleanup
    #[test]
    fn that_has_ended_has_no_timers() {
        let (ended, monitor) = process::spawn_monitor(|| {}).unwrap();
        down_reason(monitor);

        for timer in timers_to(ended) {
            assert_eq!(timer::read(timer), None);
        }
        let (message, watch) = watched_message();
        timer::send_after(FOREVER, ended, message);
        assert!(is_dropped(&watch));
    }

    // OTP: timer_bif_SUITE:cleanup, timer_simple_SUITE:send_interval5
    #[test]
    fn that_ends_takes_its_timers_along() {
        for reason in [ExitReason::Shutdown, ExitReason::Kill] {
            let target = idle();
            let timers = timers_to(target);
            let (message, watch) = watched_message();
            timer::send_after(FOREVER, target, message);
            assert!(timers.iter().all(|timer| timer::read(*timer).is_some()));

            exit_and_wait(target, reason);
            // When its end is known they are gone.
            assert!(timers.iter().all(|timer| timer::read(*timer).is_none()));
            // When everybody has been told.
            wait_until(|| is_dropped(&watch));
        }
    }

    #[test]
    fn of_an_alias_takes_the_timers_to_that_along() {
        let me = process::self_pid();
        let owner = process::spawn(move || {
            process::send(me, process::alias());
            idle_body();
        })
        .unwrap();
        let timer = timer::send_after(FOREVER, expect::<Alias>(), ());
        assert!(timer::read(timer).is_some());

        exit_and_wait(owner, ExitReason::Shutdown);
        assert_eq!(timer::read(timer), None);
    }

    #[test]
    fn that_ends_leaves_the_timers_to_its_name() {
        let name = "timers::target::name";
        let owner = idle();
        process::register(name, owner).unwrap();
        let timer = timer::send_after(FOREVER, name, ());

        exit_and_wait(owner, ExitReason::Shutdown);
        assert!(timer::cancel(timer).is_some());
    }

    #[test]
    fn that_is_a_thread_of_the_program_takes_its_timers_along() {
        let (pid_sender, pid) = mpsc::channel();
        let (let_go, held) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            pid_sender.send(process::self_pid()).unwrap();
            _ = held.recv();
        });
        let pid = pid.recv().unwrap();
        let monitor = process::monitor(pid);
        let timer = timer::send_after(FOREVER, pid, ());
        assert!(timer::read(timer).is_some());

        drop(let_go);
        down_reason(monitor);
        assert_eq!(timer::read(timer), None);
        thread.join().unwrap();
    }

    // OTP: timer_bif_SUITE:auto_cancel_yielding
    #[test]
    fn that_ends_takes_thousands_of_timers_along() {
        let target = idle();
        let other = timer::send_after(FOREVER, process::self_pid(), ());
        let (message, watch) = watched_message();
        let value = message.into_inner();
        let timers: Vec<TimerRef> = (0..20_000)
            .map(|_| timer::send_after(FOREVER, target, Opaque::new(Arc::clone(&value))))
            .collect();
        drop(value);
        assert_eq!(watch.strong_count(), timers.len());

        exit_and_wait(target, ExitReason::Shutdown);
        assert!(timers.iter().all(|timer| timer::read(*timer).is_none()));
        // When everybody has been told.
        wait_until(|| is_dropped(&watch));
        assert!(timer::cancel(other).is_some());
    }

    /// A message whose copies are made slowly, but for the first.
    #[derive(Debug)]
    struct Slow {
        copies: Arc<AtomicUsize>,
        steps: mpsc::SyncSender<()>,
    }

    impl Clone for Slow {
        fn clone(&self) -> Slow {
            if self.copies.fetch_add(1, Ordering::Relaxed) > 0 {
                // It is being made, and is made when that has been taken note of.
                _ = self.steps.send(());
                _ = self.steps.send(());
            }
            Slow { copies: Arc::clone(&self.copies), steps: self.steps.clone() }
        }
    }

    #[test]
    fn that_ends_while_the_next_message_is_made_keeps_nothing_of_it() {
        let (target, copies) = (idle(), Arc::new(AtomicUsize::new(0)));
        let watch = Arc::downgrade(&copies);
        let (steps, taken) = mpsc::sync_channel(0);
        let timer = timer::send_interval(SHORT, target, Slow { copies, steps });
        taken.recv_timeout(test_timeout()).expect("no message is made");
        exit_and_wait(target, ExitReason::Shutdown);
        assert_eq!(timer::read(timer), None);
        drop(taken);
        wait_until(|| watch.strong_count() == 0);
    }

    #[test]
    fn that_ends_while_timers_are_started_keeps_none() {
        for _ in 0..rounds(1_000) {
            let target = process::spawn(|| {}).unwrap();
            let timers: Vec<TimerRef> =
                (0..5).map(|_| timer::send_after(FOREVER, target, ())).collect();
            wait_for_exit(target);
            assert!(timers.iter().all(|timer| timer::read(*timer).is_none()));
        }
    }
}

/// The process that starts a timer, which is not its target.
mod starter {
    use super::*;

    /// Starts a timer in a process, and returns both when it is started.
    fn started_by(start: impl FnOnce() -> TimerRef + Send + 'static) -> (Pid, TimerRef) {
        let me = process::self_pid();
        let starter = process::spawn(move || {
            process::send(me, start());
            idle_body();
        });
        (starter.unwrap(), expect::<TimerRef>())
    }

    // OTP: timer:apply_interval/4, which monitors the caller; run
    #[test]
    fn that_ends_takes_along_what_it_has_applied_again_and_again() {
        let starts: [fn(Arc<()>) -> TimerRef; 2] = [
            |used| timer::apply_interval(FOREVER, move || _ = Arc::strong_count(&used)),
            |used| timer::apply_repeatedly(FOREVER, move || _ = Arc::strong_count(&used)),
        ];
        for start in starts {
            for reason in [ExitReason::Shutdown, ExitReason::Kill] {
                let used = Arc::new(());
                let watch = Arc::downgrade(&used);
                let (starter, timer) = started_by(move || start(used));
                assert!(timer::read(timer).is_some());
                exit_and_wait(starter, reason);
                // When its end is known they are gone.
                assert_eq!(timer::read(timer), None);
                wait_until(|| watch.strong_count() == 0);
            }
        }
    }

    #[test]
    fn that_ends_while_a_function_runs_has_it_applied_no_more() {
        let me = process::self_pid();
        let starts: [fn(Pid, Arc<()>) -> TimerRef; 2] = [
            |me, used| {
                timer::apply_interval(SHORT, move || {
                    let _used = &used;
                    process::send(me, process::self_pid());
                    expect::<()>();
                })
            },
            |me, used| {
                timer::apply_repeatedly(SHORT, move || {
                    let _used = &used;
                    process::send(me, process::self_pid());
                    expect::<()>();
                })
            },
        ];
        for start in starts {
            let used = Arc::new(());
            let watch = Arc::downgrade(&used);
            let (starter, timer) = started_by(move || start(me, used));
            process::send(expect::<Pid>(), ());
            exit_and_wait(starter, ExitReason::Shutdown);
            assert_eq!(timer::read(timer), None);
            // When those that were started before that have ended, nobody has the function.
            wait_until(|| {
                let run = process::receive_match_timeout(Duration::ZERO, |it| it.is::<Pid>());
                let run = run.and_then(|it| it.downcast::<Pid>().ok());
                run.into_iter().for_each(|run| process::send(run, ()));
                watch.strong_count() == 0
            });
            assert_no_message();
        }
    }

    /// A server that has a function applied again and again while it lives.
    #[derive(Debug)]
    struct Ticking;

    impl GenServer for Ticking {
        type Args = Pid;

        fn init(observer: Pid) -> InitResult<Ticking> {
            process::send(observer, (process::self_pid(), timer::apply_interval(FOREVER, || {})));
            ready(Ticking)
        }
    }

    #[test]
    fn that_is_restarted_time_and_again_has_one() {
        let supervisor = Supervisor::one_for_one()
            .intensity(1_000, FOREVER)
            .child(Ticking::child_spec(process::self_pid()))
            .start_link()
            .unwrap();
        let mut timers = Vec::new();
        for _ in 0..20 {
            let (life, timer) = expect::<(Pid, TimerRef)>();
            timers.push(timer);
            exit_and_wait(life, ExitReason::Kill);
        }
        let (_, last) = expect::<(Pid, TimerRef)>();
        assert!(timer::read(last).is_some());
        assert!(timers.into_iter().all(|timer| timer::read(timer).is_none()));
        supervisor.stop().unwrap();
        assert_eq!(timer::read(last), None);
    }

    // OTP: run
    #[test]
    fn that_ends_leaves_all_other_timers() {
        let target = idle();
        let starts: [fn(Pid) -> TimerRef; 6] = [
            |target| timer::send_after(FOREVER, target, ()),
            |target| timer::start_timer(FOREVER, target, ()),
            |target| timer::send_interval(FOREVER, target, ()),
            |target| timer::exit_after(FOREVER, target, ExitReason::Shutdown),
            |target| timer::kill_after(FOREVER, target),
            |_| timer::apply_after(FOREVER, || {}),
        ];
        for start in starts {
            let (starter, timer) = started_by(move || start(target));
            exit_and_wait(starter, ExitReason::Kill);
            assert!(timer::cancel(timer).is_some());
        }
        exit_and_wait(target, ExitReason::Shutdown);
    }
}

mod exit_after {
    use super::*;

    // OTP: timer_simple_SUITE:exit_after1
    #[test]
    fn sends_the_exit_signal_not_before_its_time() {
        let start = Instant::now();
        let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
        timer::exit_after(SHORT, pid, ExitReason::new("time is up"));

        assert_eq!(down_reason(monitor), ExitReason::new("time is up"));
        assert!(start.elapsed() >= SHORT);
    }

    // OTP: timer_simple_SUITE:exit_after2
    #[test]
    fn sends_a_signal_from_the_caller_that_can_be_trapped() {
        let me = process::self_pid();
        let reason = ExitReason::Shutdown;
        timer::exit_after(SHORT, me, reason.clone());
        assert_eq!(expect::<Exit>(), Exit { from: me, reason });

        let trap = move || process::send(me, expect::<Exit>());
        let other = Builder::new().trap_exit(true).spawn(trap).unwrap();
        timer::exit_after(SHORT, other, ExitReason::Normal);
        assert_eq!(expect::<Exit>(), Exit { from: me, reason: ExitReason::Normal });
    }

    // OTP: run
    #[test]
    fn sends_the_caller_what_another_process_would_have_sent() {
        let me = process::self_pid();
        process::set_trap_exit(true);
        timer::exit_after(SHORT, me, ExitReason::Normal);
        assert_eq!(expect::<Exit>(), Exit { from: me, reason: ExitReason::Normal });

        in_process(move || {
            let this = process::self_pid();
            timer::exit_after(SHORT, this, ExitReason::Normal);
            timer::send_after(SHORT * 2, this, "later");
            assert_eq!(expect::<&str>(), "later");
            let_due_timers_act();
            process::send(me, "it was ignored");
        });
        assert_eq!(expect::<&str>(), "it was ignored");
    }

    // OTP: run
    #[test]
    fn with_no_time_does_what_the_caller_would_do_itself() {
        const NAME: &str = "timers::exit_after::with_no_time";
        let me = process::self_pid();
        let starts: [fn() -> TimerRef; 4] = [
            || timer::exit_after(Duration::ZERO, process::self_pid(), ExitReason::Normal),
            || timer::exit_after(Duration::ZERO, NAME, ExitReason::Normal),
            || timer::exit_after(Duration::ZERO, NAME, ExitReason::new("oh")),
            || timer::kill_after(Duration::ZERO, process::self_pid()),
        ];
        let reasons =
            [ExitReason::Normal, ExitReason::Normal, ExitReason::new("oh"), ExitReason::Killed];
        for (start, reason) in starts.into_iter().zip(reasons) {
            let body = move || {
                process::register(NAME, process::self_pid()).unwrap();
                start();
                process::send(me, "it goes on");
            };
            let (_, monitor) = process::spawn_monitor(body).unwrap();
            assert_eq!(down_reason(monitor), reason);
            assert_none_of("it goes on");
        }
        let timer = timer::exit_after(Duration::ZERO, me, ExitReason::Normal);
        assert_eq!(expect::<Exit>(), Exit { from: me, reason: ExitReason::Normal });
        assert_eq!(timer::cancel(timer), None);
    }

    // OTP: timer_simple_SUITE:exit_after3
    #[test]
    fn takes_a_name() {
        let name = "timers::exit_after::takes_a_name";
        let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
        process::register(name, pid).unwrap();
        timer::exit_after(SHORT, name, ExitReason::Shutdown);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    // OTP: timer_simple_SUITE:exit_after4
    #[test]
    fn to_a_name_that_no_process_has_does_nothing() {
        timer::exit_after(Duration::ZERO, "timers::exit_after::nobody", ExitReason::Shutdown);
        timer::kill_after(Duration::ZERO, "timers::exit_after::nobody");
        let_due_timers_act();
    }

    #[test]
    fn can_be_cancelled() {
        let pid = idle();
        let timer = timer::exit_after(FOREVER, pid, ExitReason::Shutdown);
        assert!(timer::cancel(timer).is_some());
        assert!(process::is_alive(pid));
        assert_eq!(exit_and_wait(pid, ExitReason::new("bye")), ExitReason::new("bye"));
    }
}

mod kill_after {
    use super::*;

    // OTP: timer_simple_SUITE:kill_after1..3
    #[test]
    fn kills_a_process_that_traps_exits_not_before_its_time() {
        let start = Instant::now();
        let body = || {
            process::set_trap_exit(true);
            idle_body();
        };
        let name = "timers::kill_after";
        let (first, monitor) = process::spawn_monitor(body).unwrap();
        timer::kill_after(SHORT, first);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert!(start.elapsed() >= SHORT);

        let (second, monitor) = process::spawn_monitor(body).unwrap();
        process::register(name, second).unwrap();
        timer::kill_after(SHORT, name);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn kills_the_caller() {
        let body = || {
            timer::kill_after(SHORT, process::self_pid());
            timer::sleep(Duration::MAX);
        };
        let (_, monitor) = process::spawn_monitor(body).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }
}
