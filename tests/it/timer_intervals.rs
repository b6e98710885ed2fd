//! Timers that run functions, and timers that fire again and again.

#![allow(clippy::disallowed_methods, reason = "cancels from a thread of the program's own")]

use std::fmt::Debug;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use procession::Destination;
use procession::Name;
use procession::global;
use procession::prelude::*;
use procession::registry::Registry;
use procession::timer;

use crate::support::processes::{FOREVER, idle, idle_body};
use crate::support::scripted::{Scripted, observed_init};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};
use crate::timers::{
    SHORT, explosive, explosive_tick, is_dropped, let_due_timers_act, watched_message,
};

mod send_interval {
    use super::*;

    // OTP: timer_simple_SUITE:send_interval1
    #[test]
    fn ticks_after_each_period_and_not_before_the_first() {
        let start = Instant::now();
        let timer = timer::send_interval(SHORT, process::self_pid(), "tick");
        for ticks in 1..=5 {
            assert_eq!(expect::<&str>(), "tick");
            assert!(start.elapsed() >= SHORT * ticks);
        }
        timer::cancel(timer);
    }

    // OTP: the source of timer
    #[test]
    fn counts_the_periods_from_the_start() {
        const PERIOD: Duration = Duration::from_millis(2);
        let earliest = Instant::now();
        let timer = timer::send_interval(PERIOD, process::self_pid(), ());
        let latest = Instant::now();
        (0..50).for_each(|_| expect());

        // A tick that is overdue has no time left, which tells nothing.
        let (before, left, after) = loop {
            let (before, left) = (Instant::now(), timer::read(timer).unwrap());
            if !left.is_zero() {
                break (before, left, Instant::now());
            }
            thread::yield_now();
        };
        timer::cancel(timer);
        // The next tick is due between these two, and a whole number of periods after the start.
        let (from, to) = (before + left, after + left);
        let periods = (from - earliest).as_nanos() / PERIOD.as_nanos();
        let is_due = |periods: u128| {
            let offset = PERIOD * u32::try_from(periods).unwrap();
            earliest + offset <= to && latest + offset >= from
        };
        assert!(is_due(periods) || is_due(periods + 1), "{:?} after the start", from - earliest);
    }

    // OTP: timer_simple_SUITE:send_interval5
    #[test]
    fn ends_with_its_target() {
        let (target, monitor) = process::spawn_monitor(expect::<()>).unwrap();
        let timer = timer::send_interval(SHORT, target, ());

        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(timer::read(timer), None);
    }

    /// A name that is local, one that is global, and one that a registry keeps, and as addresses.
    fn names(name: &'static str) -> [(Name, Destination); 3] {
        let registry = Registry::<&str, ()>::unique(format!("{name}::registry"));
        let kept = registry.start_link().unwrap().via(name);
        let global = global::name(name);
        [
            (name.into(), name.into()),
            (global.clone().into(), global.into()),
            (kept.clone().into(), kept.into()),
        ]
    }

    /// A server with that name.
    #[track_caller]
    fn holder(name: &Name) -> Pid {
        let options = StartOptions::new().name(name.clone());
        Scripted::start_with(observed_init(), options).unwrap().pid()
    }

    // OTP: timer:send_interval/3, which monitors the name; run
    #[test]
    fn to_a_name_ends_with_the_process_that_has_it_at_the_start() {
        for (name, address) in names("timers::send_interval::ends") {
            let first = holder(&name);
            let timer = timer::send_interval(FOREVER, address.clone(), ());
            assert!(timer::read(timer).is_some());
            exit_and_wait(first, ExitReason::Kill);
            assert_eq!(timer::read(timer), None, "{name}");

            let second = holder(&name);
            assert_eq!(timer::read(timer), None, "{name}");
            exit_and_wait(second, ExitReason::Shutdown);
        }
    }

    // OTP: run
    #[test]
    fn to_a_name_reaches_its_present_owner_and_goes_on_without_one() {
        let name = "timers::send_interval::goes_on";
        let first = idle();
        process::register(name, first).unwrap();
        let timer = timer::send_interval(SHORT, name, "tick");
        process::unregister(name).unwrap();
        timer::send_after(SHORT * 2, process::self_pid(), ());
        expect::<()>();
        process::register(name, process::self_pid()).unwrap();
        assert_eq!(expect::<&str>(), "tick");

        exit_and_wait(first, ExitReason::Shutdown);
        assert_eq!(timer::read(timer), None);
    }

    // OTP: run
    #[test]
    fn to_a_name_that_nobody_has_ends_at_once() {
        for (name, address) in names("timers::send_interval::nobody") {
            let (message, watch) = watched_message();
            let message = message.into_inner();
            let timer = timer::send_interval(FOREVER, address.clone(), message);
            assert_eq!(timer::read(timer), None, "{name}");
            assert!(is_dropped(&watch));
        }
        let timer =
            timer::send_interval(FOREVER, "timers::send_interval::nobody", explosive_tick());
        assert_eq!(timer::read(timer), None);
    }

    // The shape of a server whose `init` starts an interval to its own name.
    #[test]
    fn to_a_name_is_not_multiplied_by_restarts_of_the_server() {
        for (name, address) in names("timers::send_interval::lives") {
            let timers: Vec<TimerRef> = (0..20)
                .map(|_| {
                    let life = holder(&name);
                    let timer = timer::send_interval(FOREVER, address.clone(), ());
                    exit_and_wait(life, ExitReason::Kill);
                    timer
                })
                .collect();
            assert!(timers.into_iter().all(|timer| timer::read(timer).is_none()));
        }
    }

    #[test]
    fn that_cannot_keep_up_leaves_time_for_other_timers() {
        let name = "timers::send_interval::keep_up";
        process::register(name, process::self_pid()).unwrap();
        let timer = timer::send_interval(Duration::from_nanos(1), name, ());
        process::unregister(name).unwrap();
        timer::send_after(SHORT, process::self_pid(), "soon");
        let came = process::receive_match_timeout(test_timeout() / 4, |it| it.is::<&str>());
        timer::cancel(timer);
        assert!(came.is_some(), "no other timer has expired");
    }

    #[test]
    fn with_a_period_of_zero_panics_at_the_start() {
        let starts: [fn() -> TimerRef; 3] = [
            || timer::send_interval(Duration::ZERO, process::self_pid(), ()),
            || timer::apply_interval(Duration::ZERO, || {}),
            || timer::apply_repeatedly(Duration::ZERO, || {}),
        ];
        for start in starts {
            let (_, monitor) = process::spawn_monitor(move || _ = start()).unwrap();
            let reason = down_reason(monitor);
            let message = &reason.as_panic().unwrap().message;
            assert_eq!(message, "the period of a repeating timer is zero");
        }
    }

    /// A message that can be cloned as often as it says.
    #[derive(Debug)]
    struct Clones(Arc<AtomicUsize>);

    impl Clone for Clones {
        fn clone(&self) -> Clones {
            if self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
                resume_unwind(Box::new("that was the last one"));
            }
            Clones(Arc::clone(&self.0))
        }
    }

    #[test]
    fn whose_message_cannot_be_cloned_ends_alone() {
        let left = Arc::new(AtomicUsize::new(3));
        let watch = Arc::downgrade(&left);
        let bad = timer::send_interval(SHORT, process::self_pid(), Clones(left));
        let good = timer::send_interval(SHORT, process::self_pid(), "tick");

        (0..3).for_each(|_| drop(expect::<Clones>()));
        wait_until(|| timer::read(bad).is_none());
        for _ in 0..3 {
            assert_eq!(expect::<&str>(), "tick");
        }
        assert_eq!(timer::cancel(bad), None);
        assert!(timer::cancel(good).is_some());
        let_due_timers_act();
        while let Some(message) = process::receive_timeout(Duration::ZERO) {
            assert!(message.is::<&str>(), "{message:?}");
        }
        wait_until(|| watch.strong_count() == 0);
    }

    #[test]
    fn drops_its_message_when_it_is_cancelled() {
        let (message, watch) = watched_message();
        let message = message.into_inner();
        let timer = timer::send_interval(SHORT, process::self_pid(), message);
        expect::<Arc<()>>();
        timer::cancel(timer);
        let_due_timers_act();
        while process::receive_timeout(Duration::ZERO).is_some() {}
        wait_until(|| is_dropped(&watch));
    }
}

mod apply_after {
    use super::*;

    // OTP: timer_simple_SUITE:apply_after1, apply_after2
    #[test]
    fn runs_the_function_once_in_a_process_of_its_own_not_before_its_time() {
        let me = process::self_pid();
        for time in [Duration::ZERO, SHORT] {
            let start = Instant::now();
            timer::apply_after(time, move || {
                let info = process::info(process::self_pid()).unwrap();
                process::send(me, (info.pid, info.foreign));
            });

            let (pid, foreign) = expect::<(Pid, bool)>();
            assert!(start.elapsed() >= time);
            assert!(pid != me && !foreign);
            wait_for_exit(pid);
        }
        let_due_timers_act();
        assert_no_message();
    }

    // OTP: timer_simple_SUITE:cancel4
    #[test]
    fn never_runs_what_is_cancelled_and_drops_it() {
        let (message, watch) = watched_message();
        let timer = timer::apply_after(FOREVER, move || drop(message));
        assert!(timer::cancel(timer).is_some());
        assert!(is_dropped(&watch));

        let explosive = explosive();
        let timer = timer::apply_after(FOREVER, move || drop(explosive));
        assert!(timer::cancel(timer).is_some());
    }

    #[test]
    fn survives_a_function_that_panics() {
        let me = process::self_pid();
        timer::apply_after(Duration::ZERO, || resume_unwind(Box::new("the function panics")));
        timer::apply_after(Duration::ZERO, move || process::send(me, "next"));
        assert_eq!(expect::<&str>(), "next");
    }

    #[test]
    fn shows_the_function_no_process_that_serves_it() {
        let me = process::self_pid();
        timer::apply_after(Duration::ZERO, move || {
            process::send(me, process::info(process::self_pid()).unwrap());
        });
        // The timer service is no process: else it could be killed.
        let ancestors = expect::<process::Info>().ancestors;
        assert!(ancestors.iter().all(|ancestor| *ancestor == me), "{ancestors:?}");
    }
}

mod apply_interval {
    use super::*;

    #[test]
    fn runs_the_function_after_each_period_in_a_new_process() {
        let me = process::self_pid();
        let start = Instant::now();
        let timer = timer::apply_interval(SHORT, move || {
            process::send(me, (process::self_pid(), Instant::now()));
        });
        let (pids, times): (Vec<Pid>, Vec<Instant>) =
            (0..4).map(|_| expect::<(Pid, Instant)>()).unzip();
        timer::cancel(timer);

        assert!(pids.iter().enumerate().all(|(n, pid)| !pids[..n].contains(pid)), "{pids:?}");
        let mut times = times;
        times.sort_unstable();
        for (periods, time) in (1..).zip(times) {
            assert!(time >= start + SHORT * periods);
        }
    }

    #[test]
    fn runs_it_several_times_at_once_if_it_takes_longer() {
        let me = process::self_pid();
        let timer = timer::apply_interval(SHORT, move || {
            process::send(me, process::self_pid());
            idle_body();
        });
        let running = [(); 3].map(|()| expect::<Pid>());
        timer::cancel(timer);

        assert!(running.iter().all(|pid| process::is_alive(*pid)));
        running.into_iter().for_each(|pid| _ = exit_and_wait(pid, ExitReason::Shutdown));
        // Those that came before the end.
        let_due_timers_act();
        while let Some(pid) = process::receive_timeout(Duration::ZERO) {
            exit_and_wait(pid.downcast::<Pid>().unwrap(), ExitReason::Shutdown);
        }
    }

    #[test]
    fn goes_on_when_the_function_panics() {
        let me = process::self_pid();
        let timer = timer::apply_interval(SHORT, move || {
            process::send(me, "run");
            resume_unwind(Box::new("the function panics"));
        });
        (0..3).for_each(|_| assert_eq!(expect::<&str>(), "run"));
        timer::cancel(timer);
    }

    #[test]
    fn drops_the_function_when_it_is_cancelled() {
        let me = process::self_pid();
        let (message, watch) = watched_message();
        let timer = timer::apply_interval(SHORT, move || {
            let _kept = &message;
            process::send(me, process::self_pid());
        });
        let ran = expect::<Pid>();
        timer::cancel(timer);
        wait_for_exit(ran);
        wait_until(|| is_dropped(&watch));
    }
}

mod apply_repeatedly {
    use super::*;

    #[test]
    fn runs_the_function_after_each_period_in_a_new_process() {
        let me = process::self_pid();
        let start = Instant::now();
        let timer = timer::apply_repeatedly(SHORT, move || process::send(me, process::self_pid()));
        let mut last = None;
        for periods in 1..=4 {
            let pid = expect::<Pid>();
            assert!(start.elapsed() >= SHORT * periods);
            assert_ne!(last.replace(pid), Some(pid));
        }
        timer::cancel(timer);
    }

    #[test]
    fn never_runs_it_twice_at_once() {
        let me = process::self_pid();
        let running = AtomicBool::new(false);
        let timer = timer::apply_repeatedly(Duration::from_micros(200), move || {
            let alone = !running.swap(true, Ordering::SeqCst);
            process::sleep(Duration::from_micros(500));
            running.store(false, Ordering::SeqCst);
            process::send(me, alone);
        });
        (0..20).for_each(|_| assert!(expect::<bool>()));
        timer::cancel(timer);
    }

    #[test]
    fn goes_on_after_one_that_has_taken_its_time() {
        let me = process::self_pid();
        let timer = timer::apply_repeatedly(SHORT, move || {
            process::send(me, process::self_pid());
            expect::<()>();
        });
        let first = expect::<Pid>();
        timer::send_after(SHORT * 3, me, "some periods later");
        assert_eq!(expect::<&str>(), "some periods later");
        assert_no_message();

        process::send(first, ());
        let second = expect::<Pid>();
        timer::cancel(timer);
        process::send(second, ());
        wait_for_exit(second);
        let_due_timers_act();
        assert_no_message();
    }

    #[test]
    fn goes_on_when_the_function_panics_or_its_process_is_killed() {
        let me = process::self_pid();
        let turn = AtomicUsize::new(0);
        let timer = timer::apply_repeatedly(SHORT, move || {
            process::send(me, process::self_pid());
            if turn.fetch_add(1, Ordering::SeqCst) == 0 {
                resume_unwind(Box::new("the function panics"));
            }
            expect::<()>();
        });
        let _panics = expect::<Pid>();
        let killed = expect::<Pid>();
        process::exit(killed, ExitReason::Kill);
        let next = expect::<Pid>();
        timer::cancel(timer);
        exit_and_wait(next, ExitReason::Shutdown);
    }

    #[test]
    fn can_be_cancelled_by_the_function() {
        let me = process::self_pid();
        let timer = timer::apply_repeatedly(SHORT, move || {
            process::send(me, process::self_pid());
            timer::cancel(expect::<TimerRef>());
        });
        let ran = expect::<Pid>();
        process::send(ran, timer);
        wait_for_exit(ran);

        timer::send_after(SHORT * 2, me, "later");
        assert_eq!(expect::<&str>(), "later");
        assert_no_message();
    }
}
