//! Who wakes whom, step by step and by races.

use std::hint;
use std::sync::atomic::AtomicU32;
use std::thread;

use super::super::mailbox::{ExitCause, ExitSignal, Special};
use super::*;

const ROUNDS: u32 = 100_000;

/// Only a failing test waits so long.
fn deadline() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(20))
}

/// Parks, and checks that it was woken by then.
#[track_caller]
fn park(slot: &Slot, ready: impl Fn() -> bool) -> Parked {
    let deadline = deadline();
    let parked = slot.park_unless(ParkedFor::Message, deadline, ready);
    assert!(Instant::now() < deadline.unwrap(), "nobody woke it");
    assert_eq!(slot.parked_for(), None);
    parked
}

#[test]
fn an_exit_signal_and_a_kill_call_off_whatever_the_owner_waits_for() {
    let slot = Slot::new(0);
    let settings = Settings { kill_grace: Duration::ZERO, ..Settings::default() };
    let pid = slot.begin(Profile::new(Arc::from([])), settings);
    let generation = pid.generation();
    slot.deliver(generation, Signal::Message(Message::new(1))).unwrap();
    assert!(!slot.is_called_off(generation));

    let (reason, cause) = (ExitReason::Shutdown, ExitCause::Request);
    let signal = Special::Exit(ExitSignal { from: pid, reason, cause });
    slot.deliver(generation, signal.into()).unwrap();
    assert!(slot.is_called_off(generation));
    assert!(slot.is_urgent() && !slot.is_called_off(generation));

    assert!(slot.mark_exiting(generation));
    assert!(slot.is_called_off(generation));
}

#[cfg(feature = "dist")]
#[test]
fn of_the_processes_with_one_low_half_the_newest_is_found() {
    let slot = Slot::new(7);
    let set = |generation: u64, phase| {
        let state = pack(NonZeroU64::new(generation).unwrap(), phase);
        slot.state.0.store(state, Ordering::SeqCst);
    };
    let newest = |low| slot.newest(low).map(|pid| pid.generation().get());
    assert_eq!(newest(1), None, "nobody has lived here yet");
    set(1, Phase::Running);
    assert_eq!((newest(0), newest(1), newest(2)), (None, Some(1), None));
    set(2, Phase::Free);
    assert_eq!((newest(1), newest(2)), (Some(1), None));
    let half = 1 << 32;
    set(half + 5, Phase::Running);
    assert_eq!((newest(5), newest(4), newest(6)), (Some(half + 5), Some(half + 4), Some(6)));
    assert_eq!(newest(0), Some(half));
}

#[test]
fn a_wake_up_between_the_last_look_and_the_park_is_not_lost() {
    let slot = Slot::new(0);
    for _ in 0..ROUNDS {
        let before = clock::now();
        let parked = park(&slot, || {
            slot.wake();
            false // What it was woken for came just after it looked.
        });
        assert!(matches!(parked, Parked::Woken(stamp) if stamp >= before), "{parked:?}");
    }
}

#[test]
fn one_that_sees_something_at_the_last_look_does_not_park() {
    let slot = Slot::new(0);
    assert_eq!(park(&slot, || true), Parked::NotNeeded);
}

#[test]
fn a_wake_up_that_was_not_needed_ends_the_next_park_and_says_nothing() {
    let slot = Slot::new(0);
    for _ in 0..ROUNDS {
        let parked = park(&slot, || {
            slot.wake();
            true
        });
        assert_eq!(parked, Parked::NotNeeded);
        assert_eq!(park(&slot, || false), Parked::Otherwise);
    }
}

#[test]
fn one_that_does_not_park_is_not_woken() {
    let slot = Slot::new(0);
    slot.wake();
    assert_eq!(
        slot.park_unless(ParkedFor::Time, Some(Instant::now()), || false),
        Parked::Otherwise
    );
}

#[test]
fn a_waker_that_is_held_up_before_it_unparks_wakes_all_the_same() {
    let slot = &Slot::new(0);
    thread::scope(|scope| {
        let parked = park(slot, || {
            // As in `unpark_if_parked`, but the thread has parked before it goes on.
            let parked = slot.wait.parked.swap(ParkedFor::NOTHING, Ordering::SeqCst);
            assert_eq!(parked, ParkedFor::Message as u8);
            scope.spawn(|| {
                (0..10).for_each(|_| thread::yield_now());
                slot.wait.woken_at.store(7, Ordering::Relaxed);
                slot.unparker.unpark();
            });
            false
        });
        assert_eq!(parked, Parked::Woken(7));
    });
}

#[test]
fn a_stamp_that_comes_late_is_of_an_earlier_time() {
    let slot = Slot::new(0);
    let late = clock::now();
    let started = clock::now();
    let parked = park(&slot, || {
        slot.wake();
        slot.wait.woken_at.store(late, Ordering::Relaxed);
        false
    });
    assert!(matches!(parked, Parked::Woken(stamp) if stamp <= started), "{parked:?}");
}

#[test]
fn no_wake_up_is_lost_in_a_hundred_thousand_races() {
    const LOOKS: u32 = 1_000;
    let slot = &Slot::new(0);
    let (told, heard) = (&AtomicU32::new(0), &AtomicU32::new(0));
    thread::scope(|scope| {
        let waker = scope.spawn(move || {
            for round in 1..=ROUNDS {
                // The waker's store meets each step of its partner's in turn.
                (0..round % 64).for_each(|_| hint::spin_loop());
                told.store(round, Ordering::Relaxed);
                slot.wake();
                // Without sleep if there is a core for it, so that it is there in time.
                let is_heard = || heard.load(Ordering::Acquire) == round;
                let end = deadline().unwrap();
                while !(0..LOOKS).any(|_| is_heard()) {
                    assert!(Instant::now() < end, "round {round} was not heard");
                    thread::park_timeout(Duration::from_secs(20));
                }
            }
        });
        for round in 1..=ROUNDS {
            let is_told = || told.load(Ordering::Relaxed) >= round;
            while !is_told() {
                let parked = park(slot, is_told);
                // It may be from before: the waker may have been held up on its way.
                assert!(!matches!(parked, Parked::Woken(stamp) if stamp > clock::now()));
            }
            heard.store(round, Ordering::Release);
            waker.thread().unpark();
        }
    });
}
