//! Starting processes.

use std::thread::{self, JoinHandle};
use std::time::Instant;

use procession::prelude::*;

use crate::calls::Echo;
use crate::harness::{Bar, Slice, mean_of, nanos};

const STARTS: u32 = 200;

/// How long the caller is busy with a spawn; the end is waited for, but not measured.
pub(crate) fn callers_side(bar: &Bar) {
    warm_up();
    bar.compare(
        40,
        || {
            mean_of_starts(
                || process::spawn(|| {}).unwrap(),
                |pid| await_down(process::monitor(pid)),
            )
        },
        || mean_of_starts(small_thread, |thread| thread.join().unwrap()),
    );
}

fn mean_of_starts<T>(mut start: impl FnMut() -> T, mut await_end: impl FnMut(T)) -> f64 {
    let total: f64 = (0..STARTS)
        .map(|_| {
            let begin = Instant::now();
            let started = start();
            let elapsed = begin.elapsed();
            await_end(started);
            nanos(elapsed)
        })
        .sum();
    total / f64::from(STARTS)
}

fn small_thread() -> JoinHandle<()> {
    thread::Builder::new().stack_size(64 * 1024).spawn(|| {}).unwrap()
}

/// From the spawn until the caller knows that it has ended.
pub(crate) fn to_the_end(bar: &Bar) {
    warm_up();
    bar.compare(
        40,
        || {
            mean_of(STARTS, || {
                for _ in 0..STARTS {
                    let (_, monitor) = process::spawn_monitor(|| {}).unwrap();
                    await_down(monitor);
                }
            })
        },
        || mean_of(STARTS, || (0..STARTS).for_each(|_| thread::spawn(|| {}).join().unwrap())),
    );
}

/// Starts and stops servers, one after the other.
pub(crate) fn start_and_stop() -> f64 {
    Slice::of_millis(10, 20).mean(|| Echo::start((None, None)).unwrap().stop().unwrap())
}

/// Has some threads wait for a process, more than one as each takes a moment to come back.
pub(crate) fn warm_up() {
    let waiting: Vec<_> =
        (0..8).map(|_| process::spawn_monitor(|| receive! { () => {} }).unwrap()).collect();
    for (pid, monitor) in waiting {
        process::send(pid, ());
        await_down(monitor);
    }
}

fn await_down(awaited: MonitorRef) {
    receive! { Down { monitor, .. } if monitor == awaited => {} }
}
