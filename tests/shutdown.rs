//! The end of everything: a binary of its own, as nothing else can run beside it.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use procession::prelude::*;
use procession::process::{Builder, SpawnError};
use procession::timer;

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod drops;
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, FOREVER, begun, busy, idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_until};

/// Each test of this file needs the whole runtime, so they take turns.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

/// A process that, told to end, does `last` first.
fn ends_after(last: impl FnOnce() + Send + 'static) -> (Pid, MonitorRef) {
    begun(Builder::new().trap_exit(true), || {
        let exit = expect::<Exit>();
        last();
        process::exit_self(exit.reason);
    })
}

mod a_process {
    use super::*;

    #[test]
    fn ends_with_shutdown_and_runs_its_destructors() {
        let _turn = take_turn();
        let destructors = Arc::new(AtomicUsize::new(0));
        let monitors: Vec<MonitorRef> = (0..20)
            .map(|_| {
                let destructors = Arc::clone(&destructors);
                let (_, monitor) = begun(Builder::new(), move || {
                    let _guard = OnDrop(|| _ = destructors.fetch_add(1, Ordering::SeqCst));
                    idle_body();
                });
                monitor
            })
            .collect();

        assert_eq!(procession::shutdown(test_timeout()), []);
        assert_eq!(destructors.load(Ordering::SeqCst), monitors.len());
        for monitor in monitors {
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        }
    }

    #[test]
    fn that_traps_exits_may_take_its_time() {
        let _turn = take_turn();
        let (_, monitor) = ends_after(|| process::sleep(Duration::from_millis(5)));
        assert_eq!(procession::shutdown(test_timeout()), []);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    #[test]
    fn that_does_not_end_in_time_is_killed_and_returned() {
        let _turn = take_turn();
        let destructor_ran = Arc::new(AtomicBool::new(false));
        let ran = Arc::clone(&destructor_ran);
        let (deaf, monitor) = begun(Builder::new().trap_exit(true), move || {
            let _guard = OnDrop(|| ran.store(true, Ordering::SeqCst));
            idle_body();
        });
        let (_, good) = begun(Builder::new(), idle_body);

        // Enough for the other one, also on a busy machine.
        assert_eq!(procession::shutdown(Duration::from_secs(1)), [deaf]);
        assert!(destructor_ran.load(Ordering::SeqCst));
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_eq!(down_reason(good), ExitReason::Shutdown);
    }

    #[test]
    fn that_cannot_be_reached_is_left_behind_after_its_grace() {
        let _turn = take_turn();
        let busy = busy(Builder::new().kill_grace(Duration::from_millis(2)), || {});
        // The one that warns of it may have to be killed as well, as there is no time.
        assert_eq!(procession::shutdown(Duration::ZERO).first(), Some(&busy.pid));
        assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
        drop(busy.let_go);
        wait_until(|| process::system_info().abandoned_threads == 0);
    }

    #[test]
    fn that_was_killed_before_is_waited_for_until_it_has_left_its_code() {
        let _turn = take_turn();
        let (let_go, held) = mpsc::channel::<()>();
        let has_left = Arc::new(AtomicBool::new(false));
        let left = Arc::clone(&has_left);
        let busy = busy(Builder::new().kill_grace(FOREVER), move || {
            _ = held.recv();
            left.store(true, Ordering::SeqCst);
        });
        drop(busy.let_go);
        process::exit(busy.pid, ExitReason::Kill);

        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        // Lets it go once the shutdown is under way.
        let watch = thread::spawn(move || {
            while process::spawn(|| {}).is_ok() && !over.load(Ordering::SeqCst) {}
            drop(let_go);
        });
        assert_eq!(procession::shutdown(test_timeout()), []);
        assert!(has_left.load(Ordering::SeqCst));
        is_over.store(true, Ordering::SeqCst);
        watch.join().unwrap();
        assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
    }

    #[test]
    fn that_is_not_there_is_not_waited_for() {
        let _turn = take_turn();
        assert_eq!(procession::shutdown(FOREVER), []);
    }
}

mod the_caller {
    use super::*;

    #[test]
    fn is_spared_if_it_is_a_process() {
        let _turn = take_turn();
        let (_, other) = begun(Builder::new(), idle_body);
        in_process(|| {
            assert_eq!(procession::shutdown(test_timeout()), []);
            process::checkpoint();
        });
        assert_eq!(down_reason(other), ExitReason::Shutdown);
    }

    #[test]
    fn keeps_its_messages_and_gets_no_others() {
        let _turn = take_turn();
        process::spawn(idle_body).unwrap();
        Builder::new().trap_exit(true).spawn(idle_body).unwrap();
        process::send(process::self_pid(), "before");
        // Its end is known, but not received.
        let (ended, monitor) = process::spawn_monitor(|| {}).unwrap();
        wait_until(|| !process::is_alive(ended));

        procession::shutdown(Duration::from_millis(5));
        assert_eq!(expect::<&str>(), "before");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_no_message();
    }
}

mod a_thread_of_the_programs_own {
    use super::*;

    #[test]
    fn is_left_alone() {
        let _turn = take_turn();
        let me = process::self_pid();
        let thread = thread::spawn(move || {
            process::send(me, process::self_pid());
            let first = process::receive_timeout(test_timeout());
            first.is_some_and(|message| message.is::<Begun>())
        });
        let pid = expect::<Pid>();
        begun(Builder::new(), idle_body);

        assert_eq!(procession::shutdown(test_timeout()), []);
        assert!(process::is_alive(pid));
        process::send(pid, Begun);
        assert!(thread.join().unwrap());
    }
}

mod spawning {
    use super::*;

    #[test]
    fn fails_meanwhile_and_works_afterwards() {
        let _turn = take_turn();
        let me = process::self_pid();
        ends_after(move || {
            let results = [
                process::spawn(|| {}),
                process::spawn_link(|| {}),
                process::spawn_monitor(|| {}).map(|(pid, _)| pid),
                Builder::new().dedicated().name("shutdown::spawning").spawn(|| {}),
                thread::spawn(|| process::spawn(|| {})).join().unwrap(),
            ];
            process::send(me, results.map(|it| matches!(it, Err(SpawnError::ShuttingDown))));
        });

        assert_eq!(procession::shutdown(test_timeout()), []);
        assert_eq!(expect::<[bool; 5]>(), [true; 5]);
        assert_eq!(process::whereis("shutdown::spawning"), None);
        in_process(|| {});
    }

    #[test]
    fn at_the_last_moment_makes_a_process_that_is_ended_too() {
        let _turn = take_turn();
        for _ in 0..rounds(20) {
            let (refused, was_refused) = mpsc::channel::<()>();
            // Holds the end up until spawning is refused.
            ends_after(move || _ = was_refused.recv());
            let (begin, began) = mpsc::channel();
            let spawner = thread::spawn(move || {
                let mut pids = Vec::new();
                begin.send(()).unwrap();
                let error = loop {
                    match process::spawn(idle_body) {
                        Ok(pid) => pids.push(pid),
                        Err(error) => break error,
                    }
                };
                drop(refused);
                assert!(matches!(error, SpawnError::ShuttingDown), "{error}");
                pids
            });
            began.recv().unwrap();

            assert_eq!(procession::shutdown(test_timeout()), []);
            let pids = spawner.join().unwrap();
            assert!(!pids.into_iter().any(process::is_alive));
        }
    }

    #[test]
    fn fails_until_the_last_of_two_shutdowns_is_over() {
        let _turn = take_turn();
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        ends_after(move || {
            process::send(me, Begun);
            _ = held.recv();
        });
        // One shutdown is called by a process, which the other will end.
        let (caller, _) = begun(Builder::new(), || _ = procession::shutdown(FOREVER));
        expect::<Begun>();

        let watch = thread::spawn(move || {
            let monitor = process::monitor(caller);
            process::send(me, Begun);
            let reason = down_reason(monitor);
            let refused = process::spawn(|| {}).is_err();
            drop(let_go);
            (reason, refused)
        });
        expect::<Begun>();
        assert_eq!(procession::shutdown(test_timeout()), []);
        assert_eq!(watch.join().unwrap(), (ExitReason::Shutdown, true));
        in_process(|| {});
    }
}

mod a_timer {
    use super::*;

    // OTP: timer_simple_SUITE:apply_after3
    #[test]
    fn goes_on_over_a_shutdown() {
        let _turn = take_turn();
        let me = process::self_pid();
        let period = Duration::from_millis(1);
        let ticks = timer::send_interval(period, me, "tick");
        let applied = timer::apply_interval(period, move || process::send(me, 1));
        let in_turn = timer::apply_repeatedly(period, move || process::send(me, 2));
        // So long that some functions cannot be applied.
        ends_after(|| process::sleep(Duration::from_millis(10)));
        assert_eq!(procession::shutdown(test_timeout()), []);

        timer::send_after(Duration::ZERO, me, "after it");
        while expect::<&str>() != "after it" {}
        receive! { "tick" => {}, after test_timeout() => panic!("no tick") }
        receive! { 1 => {}, after test_timeout() => panic!("the function is not applied") }
        receive! { 2 => {}, after test_timeout() => panic!("the function is not applied in turn") }
        [ticks, applied, in_turn].into_iter().for_each(|timer| _ = timer::cancel(timer));
    }

    #[test]
    fn to_a_process_ends_with_it() {
        let _turn = take_turn();
        let (pid, _) = begun(Builder::new(), idle_body);
        let timer = timer::send_interval(FOREVER, pid, ());
        procession::shutdown(test_timeout());
        assert_eq!(timer::read(timer), None);
    }
}

mod an_abandonment {
    use super::*;

    #[test]
    fn is_told_even_if_every_process_is_killed_at_once() {
        let _turn = take_turn();
        let is_ours = |pid: &Pid| process::info(*pid).is_some_and(|info| !info.foreign);
        for _ in 0..rounds(300) {
            let busy = busy(Builder::new().kill_grace(Duration::ZERO), || {});
            process::exit(busy.pid, ExitReason::Kill);
            // Among them the one that the runtime has made to tell it.
            let is_told = || {
                let others = process::processes().into_iter().filter(is_ours);
                others.for_each(|pid| process::exit(pid, ExitReason::Kill));
                process::receive_match_timeout(Duration::ZERO, |message| {
                    message.downcast_ref::<Down>().is_some_and(|it| it.monitor == busy.monitor)
                })
                .is_some()
            };
            wait_until(is_told);
        }
        wait_until(|| process::system_info().abandoned_threads == 0);
    }
}

/// What is left when all processes have ended, or once the last threads have gone.
mod afterwards {
    use super::*;

    #[test]
    fn nothing_is_left() {
        let _turn = take_turn();
        let me = process::self_pid();
        for number in 0..10 {
            let builder = Builder::new().name(format!("shutdown::afterwards::{number}"));
            let pid = builder.spawn(idle_body).unwrap();
            timer::send_after(FOREVER, pid, ());
        }
        assert_eq!(procession::shutdown(test_timeout()), []);
        assert_eq!(process::registered(), []);

        wait_until(|| process::processes() == [me]);
        wait_until(|| {
            let info = process::system_info();
            info.threads == info.cached_threads && info.timers == 0
        });
    }

    #[test]
    fn nothing_is_left_of_the_grace_of_a_kill() {
        let _turn = take_turn();
        for _ in 0..rounds(20_000) {
            let builder = Builder::new().kill_grace(Duration::MAX);
            let (pid, monitor) = builder.spawn_monitor(|| drop(process::receive())).unwrap();
            process::exit(pid, ExitReason::Kill);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
        assert_eq!(process::system_info().timers, 0);
    }
}
