//! Timers: messages, signals and calls at a later time.

#![allow(clippy::disallowed_methods, reason = "cancels from a thread of the program's own")]

use std::any::Any;
use std::cell::Cell;
use std::fmt::Debug;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use procession::gen_server::ServerName;
use procession::global;
use procession::prelude::*;
use procession::process::{Builder, Destination};
use procession::registry::Registry;
use procession::supervisor::Supervised;
use procession::timer;

use crate::puppet::{Puppet, plain};
use crate::staging::{FOREVER, guard, wait_until};
use crate::support::*;

/// A time for which a test does wait.
const SHORT: Duration = Duration::from_millis(5);

/// Waits until all timers that are due have acted, which they do one after the other.
#[track_caller]
fn let_due_timers_act() {
    let last = timer::start_timer(Duration::ZERO, process::self_pid(), ());
    receive! {
        Timeout { timer, value: () } if timer == last => {},
        after patience() => panic!("a timer has not expired within {:?}", patience()),
    }
}

/// Starts a timer and does `act` before it expires, and returns its time.
///
/// If the machine is too busy for that, both are done again with more time.
#[track_caller]
fn before_expiry(start: impl Fn(Duration) -> TimerRef, mut act: impl FnMut()) -> Duration {
    let mut time = SHORT;
    loop {
        let timer = start(time);
        act();
        if timer::read(timer).is_some() {
            return time;
        }
        time *= 2;
        assert!(time < patience(), "the timer does not last for {time:?}");
    }
}

/// Asserts that there is no message `value`, whatever else there is.
#[track_caller]
fn assert_none_of<T: Any + PartialEq>(value: T) {
    let matches = |message: &Message| message.downcast_ref() == Some(&value);
    let found = process::receive_match_timeout(Duration::ZERO, matches);
    assert!(found.is_none(), "{found:?}");
}

fn spin_until(instant: Instant) {
    while Instant::now() < instant {
        hint::spin_loop();
    }
}

/// A message that says when it has been dropped, and the means to see that.
fn watched_message() -> (Opaque<Arc<()>>, Weak<()>) {
    let value = Arc::new(());
    let watch = Arc::downgrade(&value);
    (Opaque::new(value), watch)
}

fn is_dropped(watch: &Weak<()>) -> bool {
    watch.strong_count() == 0
}

/// A message whose destructor panics, without a word.
fn explosive() -> impl Any + Send + Debug {
    guard(|| resume_unwind(Box::new("a message with a temper")))
}

/// The same, for an interval.
fn explosive_tick() -> impl Any + Send + Debug + Clone {
    #[derive(Clone, Debug)]
    struct Explosive;

    impl Drop for Explosive {
        fn drop(&mut self) {
            resume_unwind(Box::new("a tick with a temper"));
        }
    }

    Explosive
}

mod send_after {
    use super::*;

    // OTP: timer_bif_SUITE:send_after_1
    #[test]
    fn delivers_the_bare_message_not_before_its_time() {
        let start = Instant::now();
        timer::send_after(SHORT, process::self_pid(), "tea is ready");

        assert_eq!(expect::<&str>(), "tea is ready");
        assert!(start.elapsed() >= SHORT);
    }

    // OTP: timer_simple_SUITE:send_after1..6
    #[test]
    fn takes_a_pid_an_alias_and_a_name() {
        let me = process::self_pid();
        let name = "timers::send_after::takes";
        process::register(name, me).unwrap();

        timer::send_after(SHORT, me, 'p');
        assert_eq!(expect::<char>(), 'p');
        timer::send_after(SHORT, process::alias(), 'a');
        assert_eq!(expect::<char>(), 'a');
        timer::send_after(SHORT, name, 'n');
        assert_eq!(expect::<char>(), 'n');
    }

    #[test]
    fn with_no_time_delivers_at_once() {
        timer::send_after(Duration::ZERO, process::self_pid(), 0);
        assert_eq!(expect::<i32>(), 0);
    }

    #[test]
    fn does_not_wrap_a_message_in_a_message() {
        timer::send_after(Duration::ZERO, process::self_pid(), Message::new("bare"));
        assert_eq!(expect::<&str>(), "bare");
    }

    // OTP: timer_simple_SUITE:send_after7
    #[test]
    fn reaches_who_takes_the_name_after_the_call() {
        let name = "timers::send_after::reaches";
        let start = |time| {
            _ = process::unregister(name);
            timer::send_after(time, name, time)
        };
        let register = || process::register(name, process::self_pid()).unwrap();
        let time = before_expiry(start, register);

        while expect::<Duration>() != time {}
    }

    #[test]
    fn does_not_reach_who_has_given_the_name_away() {
        let name = "timers::send_after::does_not_reach";
        let me = process::self_pid();
        let other = process::spawn(move || {
            loop {
                let time = expect::<Duration>();
                process::send(me, (process::self_pid(), time));
            }
        })
        .unwrap();
        let start = |time| {
            _ = process::unregister(name);
            process::register(name, me).unwrap();
            timer::send_after(time, name, time)
        };
        let time = before_expiry(start, || {
            process::unregister(name).unwrap();
            process::register(name, other).unwrap();
        });

        while expect::<(Pid, Duration)>() != (other, time) {}
        assert_none_of(time);
        exit_and_wait(other, ExitReason::Shutdown);
    }

    // OTP: timer_simple_SUITE:exit_after4
    #[test]
    fn to_a_name_that_nobody_has_is_lost_without_a_trace() {
        let (message, watch) = watched_message();
        timer::send_after(Duration::ZERO, "timers::send_after::nobody", message);
        timer::send_after(Duration::ZERO, "timers::send_after::nobody", explosive());

        let_due_timers_act();
        wait_until(|| is_dropped(&watch));
    }

    #[test]
    fn through_an_alias_that_has_ended_meanwhile_is_lost() {
        let alias = Cell::new(process::alias());
        let start = |time| {
            alias.set(process::alias());
            timer::send_after(time, alias.get(), time)
        };
        let time = before_expiry(start, || assert!(process::unalias(alias.get())));

        // Due later than the other.
        timer::send_after(time, process::self_pid(), "later");
        assert_eq!(expect::<&str>(), "later");
        assert_none_of(time);
    }
}

mod send_at {
    use super::*;

    #[test]
    fn delivers_not_before_the_deadline() {
        let deadline = Instant::now() + SHORT;
        timer::send_at(deadline, process::self_pid(), "now");

        assert_eq!(expect::<&str>(), "now");
        assert!(Instant::now() >= deadline);
    }

    // OTP: timer_bif_SUITE:same_time_yielding, Elixir's process_test "send_after/4"
    #[test]
    fn delivers_at_once_when_the_deadline_is_past() {
        let deadline = Instant::now();
        spin_until(deadline + Duration::from_micros(10));
        timer::send_at(deadline, process::self_pid(), "late");
        assert_eq!(expect::<&str>(), "late");
    }
}

mod start_timer {
    use super::*;

    // OTP: timer_bif_SUITE:start_timer_1
    #[test]
    fn delivers_a_timeout_with_its_reference_not_before_its_time() {
        let start = Instant::now();
        let timer = timer::start_timer(SHORT, process::self_pid(), "egg");

        assert_eq!(expect::<Timeout<&str>>(), Timeout { timer, value: "egg" });
        assert!(start.elapsed() >= SHORT);
    }

    // OTP: timer_bif_SUITE:same_time_yielding
    #[test]
    fn at_a_deadline_delivers_not_before_it() {
        let deadline = Instant::now() + SHORT;
        let timer = timer::start_timer_at(deadline, process::self_pid(), 7_u8);

        assert_eq!(expect::<Timeout<u8>>(), Timeout { timer, value: 7 });
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn tells_timers_of_the_same_value_apart() {
        let me = process::self_pid();
        let [one, other] = [(); 2].map(|()| timer::start_timer(SHORT, me, "same"));
        assert_ne!(one, other);

        let expired = [(); 2].map(|()| expect::<Timeout<&str>>().timer);
        assert!(expired == [one, other] || expired == [other, one]);
    }
}

mod expiry {
    use super::*;

    /// Starts a timer for each number of milliseconds and sees in which order they expire.
    #[track_caller]
    fn check_order(created: &[u64]) {
        let me = process::self_pid();
        let mut sorted = created.to_vec();
        sorted.sort_unstable();

        let mut lead = SHORT;
        loop {
            let start = Instant::now() + lead;
            for ms in created {
                timer::send_at(start + Duration::from_millis(*ms), me, *ms);
            }
            let all_in_time = Instant::now() < start;
            let expired: Vec<u64> = created.iter().map(|_| expect::<u64>()).collect();
            if all_in_time {
                return assert_eq!(expired, sorted);
            }
            // The machine is so busy that some expired before others were there.
            lead *= 2;
            assert!(lead < patience(), "six timers are not started within {lead:?}");
        }
    }

    // OTP: timer_bif_SUITE:send_after_2
    #[test]
    fn comes_in_the_order_of_the_deadlines_not_of_creation() {
        check_order(&[0, 20, 10, 50, 30, 40]);
    }

    // OTP: timer_bif_SUITE:send_after_3
    #[test]
    fn comes_in_order_when_the_deadlines_are_close() {
        check_order(&[3, 0, 2, 1]);
    }

    // OTP: timer_bif_SUITE:same_time_yielding
    #[test]
    fn of_thousands_at_one_instant_comes_for_each_and_not_early() {
        const TIMERS: usize = 5_000;
        let me = process::self_pid();
        let deadline = Instant::now() + SHORT;
        for number in 0..TIMERS {
            timer::send_at(deadline, me, number);
        }

        let mut missing = vec![true; TIMERS];
        for _ in 0..TIMERS {
            let number = expect::<usize>();
            assert!(Instant::now() >= deadline);
            assert!(std::mem::take(&mut missing[number]), "{number} came twice");
        }
    }

    // OTP: timer_bif_SUITE:start_timer_big, huge_timeout
    #[test]
    fn is_not_delayed_by_timers_that_last_for_ages() {
        let me = process::self_pid();
        let ages = [
            Duration::from_millis(1 << 31),
            Duration::from_millis(1 << 33),
            Duration::from_millis(u64::MAX),
            Duration::MAX,
        ];
        let timers: Vec<TimerRef> = ages.map(|age| timer::send_after(age, me, age)).into();
        let interval = timer::send_interval(Duration::MAX, me, "never");
        timer::send_after(SHORT, me, "soon");

        assert_eq!(expect::<&str>(), "soon");
        assert_no_message();
        for timer in timers.into_iter().chain([interval]) {
            assert!(timer::cancel(timer).is_some_and(|left| left > FOREVER));
        }
    }

    // OTP: the documentation of start_timer/4
    #[test]
    fn comes_though_the_process_that_started_the_timer_has_ended() {
        let me = process::self_pid();
        let start = |time| {
            let starter = move || process::send(me, timer::send_after(time, me, time));
            process::spawn_monitor(starter).unwrap();
            expect::<TimerRef>()
        };
        let time = before_expiry(start, || {
            assert_eq!(expect::<Down>().reason, ExitReason::Normal);
        });
        while expect::<Duration>() != time {}
    }

    #[test]
    fn is_not_hindered_by_a_message_whose_destructor_panics() {
        let (ended, monitor) = process::spawn_monitor(|| {}).unwrap();
        down_reason(monitor);
        timer::send_after(Duration::ZERO, "timers::expiry::nobody", explosive());
        timer::send_after(FOREVER, ended, explosive());
        let timer = timer::send_after(FOREVER, process::self_pid(), explosive());
        assert!(timer::cancel(timer).is_some());

        let_due_timers_act();
    }
}

mod cancel {
    use super::*;

    // OTP: timer_bif_SUITE:start_timer_1, timer_simple_SUITE:cancel2
    #[test]
    fn of_a_pending_timer_returns_the_time_left() {
        let me = process::self_pid();
        let timers = [timer::send_after(FOREVER, me, ()), timer::start_timer(FOREVER, me, ())];
        for timer in timers {
            let left = timer::cancel(timer).unwrap();
            assert!(left > FOREVER - patience() && left <= FOREVER, "{left:?}");
        }
    }

    // OTP: timer_simple_SUITE:cancel3
    #[test]
    fn of_a_pending_timer_prevents_the_message() {
        let me = process::self_pid();
        let mut time = SHORT;
        while timer::cancel(timer::send_after(time, me, "cancelled")).is_none() {
            assert_eq!(expect::<&str>(), "cancelled"); // Too late.
            time *= 2;
        }
        // Due later than the one that was cancelled.
        timer::send_after(time, me, "later");
        assert_eq!(expect::<&str>(), "later");
        assert_no_message();
    }

    // OTP: timer_bif_SUITE:start_timer_1, timer_simple_SUITE:cancel1
    #[test]
    fn of_an_expired_timer_returns_none_and_leaves_the_message() {
        let me = process::self_pid();
        for time in [Duration::ZERO, SHORT] {
            let timer = timer::send_after(time, me, "expired");
            let_due_timers_act();
            wait_until(|| timer::read(timer).is_none());

            assert_eq!(timer::cancel(timer), None);
            assert_eq!(timer::read(timer), None);
            assert_eq!(expect::<&str>(), "expired");
        }
    }

    // OTP: timer_bif_SUITE:start_timer_1, timer_simple_SUITE:cancel6
    #[test]
    fn of_a_cancelled_timer_returns_none() {
        let timer = timer::send_after(FOREVER, process::self_pid(), ());
        assert!(timer::cancel(timer).is_some());
        // Its place may be taken, but it is not that one's name.
        let next = timer::send_after(FOREVER, process::self_pid(), ());

        assert_eq!(timer::cancel(timer), None);
        assert_eq!(timer::read(timer), None);
        assert!(timer::cancel(next).is_some());
    }

    // OTP: timer_bif_SUITE:same_time_yielding_with_cancel_other
    #[test]
    fn can_be_called_by_any_process() {
        let me = process::self_pid();
        let timer = timer::send_after(FOREVER, me, "mine");
        in_process(move || assert!(timer::cancel(timer).is_some()));
        assert_eq!(timer::cancel(timer), None);

        let timer = timer::send_after(FOREVER, me, "mine");
        assert!(thread::spawn(move || timer::cancel(timer)).join().unwrap().is_some());
        assert_eq!(timer::cancel(timer), None);
    }

    #[test]
    fn drops_the_message() {
        let (message, watch) = watched_message();
        let timer = timer::send_after(FOREVER, process::self_pid(), message);
        assert!(!is_dropped(&watch));
        timer::cancel(timer);
        assert!(is_dropped(&watch));
    }

    #[test]
    fn at_the_moment_of_expiry_either_prevents_the_message_or_returns_none() {
        let me = process::self_pid();
        for round in 0..rounds(10_000) {
            let deadline = Instant::now() + Duration::from_micros(10);
            let timer = timer::send_at(deadline, me, round);
            spin_until(deadline + Duration::from_micros(round as u64 % 80));

            if timer::cancel(timer).is_none() {
                assert_eq!(expect::<usize>(), round);
            }
        }
        let_due_timers_act();
        assert_no_message();
    }

    #[test]
    fn by_two_at_once_is_one_ones_doing() {
        const TIMERS: usize = 10_000;
        let me = process::self_pid();
        let timers: Vec<TimerRef> =
            (0..TIMERS).map(|_| timer::send_after(FOREVER, me, "cancelled")).collect();
        let timers = Arc::new(timers);

        let cancel_all = |timers: Arc<Vec<TimerRef>>| {
            timers.iter().filter(|timer| timer::cancel(**timer).is_some()).count()
        };
        let others = Arc::clone(&timers);
        let other = thread::spawn(move || cancel_all(others));
        let cancelled = cancel_all(timers);
        assert_eq!(cancelled + other.join().unwrap(), TIMERS);
    }

    // OTP: timer_simple_SUITE:send_interval1, cancel5
    #[test]
    fn of_an_interval_lets_no_tick_follow() {
        let me = process::self_pid();
        for round in 0..rounds(2_000) {
            let period = Duration::from_micros(20);
            let timer = timer::send_interval(period, me, round);
            spin_until(Instant::now() + Duration::from_micros(round as u64 % 200));
            timer::cancel(timer);

            while let Some(tick) = process::receive_timeout(Duration::ZERO) {
                assert_eq!(tick.downcast::<usize>().unwrap(), round);
            }
        }
        let_due_timers_act();
        assert_no_message();
    }

    // OTP: timer_simple_SUITE:cancel5
    #[test]
    fn of_an_interval_lets_no_function_start() {
        let me = process::self_pid();
        let in_use = Arc::new(());
        for round in 0..rounds(200) {
            let used = Arc::clone(&in_use);
            let timer = timer::apply_interval(Duration::from_micros(100), move || {
                let _used = &used;
                let now = Instant::now();
                let age = process::info(process::self_pid()).unwrap().age;
                process::send(me, now - age);
            });
            spin_until(Instant::now() + Duration::from_micros(round as u64 % 400));
            timer::cancel(timer);
            let cancelled = Instant::now();

            wait_until(|| Arc::strong_count(&in_use) == 1);
            while let Some(started) = process::receive_timeout(Duration::ZERO) {
                let late = started.downcast::<Instant>().unwrap().checked_duration_since(cancelled);
                assert!(late.is_none_or(|late| late.is_zero()), "started {late:?} after it");
            }
        }
    }

    #[test]
    fn of_an_interval_returns_the_time_to_the_next_tick() {
        let timer = timer::send_interval(FOREVER, process::self_pid(), ());
        assert!(timer::cancel(timer).is_some_and(|left| left <= FOREVER));
        assert_eq!(timer::cancel(timer), None);
    }
}

mod read {
    use super::*;

    // OTP: timer_bif_SUITE:read_timer
    #[test]
    fn returns_the_time_left_and_leaves_the_timer_alone() {
        let timer = timer::send_after(FOREVER, process::self_pid(), ());
        let first = timer::read(timer).unwrap();
        let second = timer::read(timer).unwrap();
        let cancelled = timer::cancel(timer).unwrap();

        assert!(first <= FOREVER && first > FOREVER - patience(), "{first:?}");
        assert!(second <= first && cancelled <= second, "{first:?} {second:?} {cancelled:?}");
    }

    #[test]
    fn agrees_with_the_clock() {
        let deadline = Instant::now() + FOREVER;
        let timer = timer::send_at(deadline, process::self_pid(), ());
        let before = Instant::now();
        let left = timer::read(timer).unwrap();

        assert!(before + left <= deadline && Instant::now() + left >= deadline);
        timer::cancel(timer);
    }
}

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
        taken.recv_timeout(patience()).expect("no message is made");
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

        fn init(witness: Pid) -> InitResult<Ticking> {
            process::send(witness, (process::self_pid(), timer::apply_interval(FOREVER, || {})));
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
        let (target, monitor) = process::spawn_monitor(|| expect()).unwrap();
        let timer = timer::send_interval(SHORT, target, ());

        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(timer::read(timer), None);
    }

    /// A name that is local, one that is global, and one that a registry keeps, and as addresses.
    fn names(name: &'static str) -> [(ServerName, Destination); 3] {
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
    fn holder(name: &ServerName) -> Pid {
        let options = StartOptions::new().name(name.clone());
        Puppet::start_with(plain(), options).unwrap().pid().unwrap()
    }

    // OTP: timer:send_interval/3, which monitors the name; run
    #[test]
    fn to_a_name_ends_with_who_has_it_at_the_start() {
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
    fn to_a_name_goes_to_whoever_has_it_and_goes_on_while_nobody_has_it() {
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
    fn to_a_name_is_not_one_more_with_each_life_of_the_server() {
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
        let came = process::receive_match_timeout(patience() / 4, |it| it.is::<&str>());
        timer::cancel(timer);
        assert!(came.is_some(), "no other timer has expired");
    }

    #[test]
    fn of_nothing_panics_at_the_start() {
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
    fn does_not_mind_a_function_that_panics() {
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
    fn sends_one_that_can_be_trapped_and_is_from_the_caller() {
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
    fn to_a_name_that_nobody_has_does_nothing() {
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
    fn kills_who_traps_exits_not_before_its_time() {
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

mod sleep {
    use super::*;

    // OTP: timer_simple_SUITE:sleep1
    #[test]
    fn blocks_for_its_time_and_leaves_the_messages() {
        process::send(process::self_pid(), "before");
        let start = Instant::now();
        timer::send_after(SHORT / 2, process::self_pid(), "meanwhile");
        timer::sleep(SHORT);
        assert!(start.elapsed() >= SHORT);

        assert_eq!(expect::<&str>(), "before");
        assert_eq!(expect::<&str>(), "meanwhile");
    }

    // OTP: timer_simple_SUITE:sleep2
    #[test]
    fn takes_any_time_and_is_ended_by_an_exit_signal() {
        for time in [Duration::from_millis(u64::from(u32::MAX) + 1), Duration::MAX] {
            let (pid, monitor) = process::spawn_monitor(move || timer::sleep(time)).unwrap();
            wait_until(|| {
                process::info(pid).is_some_and(|info| info.status == process::Status::Waiting)
            });
            process::exit(pid, ExitReason::Shutdown);
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        }
    }

    #[test]
    fn of_no_time_returns_at_once_but_lets_exit_signals_through() {
        timer::sleep(Duration::ZERO);

        let body = || {
            expect::<&str>(); // The signal came before it.
            unreachable!("the signal is judged first")
        };
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let (pid, monitor) = process::spawn_monitor(move || {
            process::send(me, "begun");
            _ = held.recv();
            timer::sleep(Duration::ZERO);
            body();
        })
        .unwrap();
        assert_eq!(expect::<&str>(), "begun");
        process::exit(pid, ExitReason::Shutdown);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }
}

mod tc {
    use super::*;

    // OTP: timer_simple_SUITE:tc
    #[test]
    fn returns_how_long_the_function_took_and_its_value() {
        let start = Instant::now();
        let (elapsed, value) = timer::tc(|| {
            timer::sleep(SHORT);
            42
        });
        assert_eq!(value, 42);
        assert!(elapsed >= SHORT && elapsed <= start.elapsed());
    }

    // OTP: timer_simple_SUITE:tc
    #[test]
    fn lets_a_panic_through() {
        let tc = || timer::tc(|| resume_unwind(Box::new("in the function")));
        let payload = catch_unwind(AssertUnwindSafe(tc)).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"in the function"));
    }
}
