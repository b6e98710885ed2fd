//! Timers: messages, signals and calls at a later time.

#![allow(clippy::disallowed_methods, reason = "cancels from a thread of the program's own")]

use std::any::Any;
use std::cell::Cell;
use std::fmt::Debug;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::timer;

use crate::support::drops::message_on_drop;
use crate::support::processes::{FOREVER, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

/// A time for which a test does wait.
pub(crate) const SHORT: Duration = Duration::from_millis(5);

/// Waits until all timers that are due have acted, which they do one after the other.
#[track_caller]
pub(crate) fn let_due_timers_act() {
    let last = timer::start_timer(Duration::ZERO, process::self_pid(), ());
    receive! {
        Timeout { timer, value: () } if timer == last => {},
        after test_timeout() => panic!("a timer has not expired within {:?}", test_timeout()),
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
        assert!(time < test_timeout(), "the timer does not last for {time:?}");
    }
}

/// Asserts that there is no message `value`, whatever else there is.
#[track_caller]
pub(crate) fn assert_none_of<T: Any + PartialEq>(value: T) {
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
pub(crate) fn watched_message() -> (Opaque<Arc<()>>, Weak<()>) {
    let value = Arc::new(());
    let watch = Arc::downgrade(&value);
    (Opaque::new(value), watch)
}

pub(crate) fn is_dropped(watch: &Weak<()>) -> bool {
    watch.strong_count() == 0
}

/// A message whose destructor panics, without a word.
pub(crate) fn explosive() -> impl Any + Send + Debug {
    message_on_drop(|| resume_unwind(Box::new("a message with a temper")))
}

/// The same, for an interval.
pub(crate) fn explosive_tick() -> impl Any + Send + Debug + Clone {
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
    fn reaches_a_process_that_takes_the_name_after_the_call() {
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
    fn does_not_reach_a_process_that_has_lost_the_name() {
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
    fn to_a_name_that_no_process_has_drops_the_message() {
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
            assert!(lead < test_timeout(), "six timers are not started within {lead:?}");
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
            assert!(left > FOREVER - test_timeout() && left <= FOREVER, "{left:?}");
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
    fn by_two_processes_at_once_succeeds_for_one() {
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

    #[test]
    fn of_an_interval_that_is_just_sending_waits_for_the_tick() {
        let (me, name) = (process::self_pid(), "timers::just_sending");
        process::register(name, me).unwrap();
        for round in 0..rounds(5_000) {
            // To a name, as it takes longer to send to.
            let timer = timer::send_interval(Duration::from_micros(20), name, round);
            spin_until(Instant::now() + Duration::from_micros(20 + round as u64 % 80));
            timer::cancel(timer);
            let cancelled = process::mark();

            let_due_timers_act();
            let is_tick = |message: &Message| message.is::<usize>();
            assert!(process::receive_match_since(cancelled, Duration::ZERO, is_tick).is_none());
            while process::receive_match_timeout(Duration::ZERO, is_tick).is_some() {}
        }
        process::unregister(name).unwrap();
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

        assert!(first <= FOREVER && first > FOREVER - test_timeout(), "{first:?}");
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
    fn of_zero_returns_at_once_but_lets_exit_signals_through() {
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
