//! How long it takes until calls are fast again after something has made them slow.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;

use crate::calls::{Echo, Places, spin_pair, start};
use crate::harness::{Bar, Slice, beside_busy_loops, in_thread, median, nanos, pin_to};

/// Calls are fast when so many in a row are.
const IN_A_ROW: u32 = 20;

/// After this time it is taken never to happen.
const NEVER: Duration = Duration::from_millis(200);

/// Times are in wake-ups of a thread that has been parked on another core. Some pairs start on one
/// core, and stay there until a park or the system's balancer parts them, milliseconds later.
pub(crate) fn after_a_start(bar: &Bar) {
    judge(bar, |_| {});
}

pub(crate) fn after_a_pause(bar: &Bar) {
    judge(bar, |server| {
        call_for(server, Duration::from_millis(30));
        thread::sleep(Duration::from_millis(50));
    });
}

pub(crate) fn after_slow_handlers(bar: &Bar) {
    judge(bar, |server| {
        call_for(server, Duration::from_millis(30));
        (0..100).for_each(|_| server.call(Slowly).unwrap());
    });
}

pub(crate) fn after_one_loop(bar: &Bar) {
    judge(bar, |server| after_loops(1, server));
}

pub(crate) fn after_two_loops(bar: &Bar) {
    judge(bar, |server| after_loops(2, server));
}

fn after_loops(count: usize, server: &ServerRef<Echo>) {
    call_for(server, Duration::from_millis(30));
    beside_busy_loops(count, || call_for(server, Duration::from_millis(100)));
}

fn call_for(server: &ServerRef<Echo>, time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        black_box(server.call(1).unwrap());
    }
}

/// Takes its time.
#[derive(Debug)]
pub(crate) struct Slowly;

impl HandleCall<Slowly> for Echo {
    type Reply = ();

    fn handle_call(&mut self, _: Slowly, _: &Caller<()>) -> CallResult<Self, Slowly> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(200) {
            spin_loop();
        }
        reply(())
    }
}

/// The worst of several new pairs, where the scheduler puts them.
fn judge(bar: &Bar, disturb: impl Fn(&ServerRef<Echo>) + Sync) {
    const PAIRS: usize = 7;
    let floor = spin_pair(Places::apart(), Slice::of_millis(10, 20));
    let fast = Duration::from_nanos((4.0 * floor) as u64 + 1_000);
    let times: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let server = start(None, None);
            in_thread(|| {
                disturb(&server);
                nanos(time_until_fast(&server, fast))
            })
        })
        .collect();
    bar.judge_worst(&times, cold_wake_up());
}

/// How long it is until calls take less than `fast`.
fn time_until_fast(server: &ServerRef<Echo>, fast: Duration) -> Duration {
    let start = Instant::now();
    let mut before = start;
    let mut slow_until = start;
    let mut in_a_row = 0;
    while in_a_row < IN_A_ROW && before - start < NEVER {
        black_box(server.call(1).unwrap());
        let now = Instant::now();
        in_a_row = if now - before < fast { in_a_row + 1 } else { 0 };
        if in_a_row == 0 {
            slow_until = now;
        }
        before = now;
    }
    slow_until - start
}

/// From when a thread is unparked that has been parked on another core for a while until it runs.
pub(crate) fn cold_wake_up() -> f64 {
    const ROUNDS: usize = 50;
    let epoch = Instant::now();
    let woken = AtomicU64::new(0);
    let (woken, since_epoch) = (&woken, move || epoch.elapsed().as_nanos() as u64);
    let places = Places::apart();
    let times: Vec<f64> = thread::scope(|scope| {
        let sleeper = scope.spawn(move || {
            pin_to(places.server);
            for _ in 0..ROUNDS {
                thread::park();
                woken.store(since_epoch(), Ordering::Release);
            }
        });
        let sleeper = sleeper.thread().clone();
        let wake = move || {
            thread::sleep(Duration::from_millis(1));
            let start = since_epoch();
            sleeper.unpark();
            let mut end = 0;
            while end <= start {
                spin_loop();
                end = woken.load(Ordering::Acquire);
            }
            (end - start) as f64
        };
        let waker = scope.spawn(move || {
            pin_to(places.client);
            thread::sleep(Duration::from_millis(20)); // The sleeper is parked by now.
            (0..ROUNDS).map(|_| wake()).collect()
        });
        waker.join().unwrap()
    });
    median(&times)
}
