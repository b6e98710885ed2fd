//! What it costs to start a process, and to run one to its end.
//!
//! The floor is a thread of the standard library. A process takes one that has been used before, if
//! there is one; `process_own_thread` asks for a new one, as the floor does, so the gap between
//! these two is what a process adds to its thread.

#![allow(clippy::disallowed_methods, reason = "bare threads are the floor")]

use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use procession::prelude::*;
use procession::process::Builder;

const STACK: usize = 64 * 1024;

/// How long the caller is busy; the end is waited for, but not measured.
fn caller(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawn/caller");
    group.bench_function("std_thread", |b| {
        b.iter_custom(|rounds| {
            total(rounds, || {
                let (elapsed, thread) = timed(start_thread);
                thread.join().unwrap();
                elapsed
            })
        });
    });
    group.bench_function("process_own_thread", |b| {
        b.iter_custom(|rounds| {
            total(rounds, || {
                let (elapsed, pid) = timed(|| Builder::new().stack_size(STACK).spawn(|| {}));
                await_down(process::monitor(pid.unwrap()));
                elapsed
            })
        });
    });
    group.bench_function("process", |b| {
        b.iter_custom(|rounds| {
            total(rounds, || {
                let (elapsed, pid) = timed(|| process::spawn(|| {}));
                await_down(process::monitor(pid.unwrap()));
                elapsed
            })
        });
    });
    group.finish();
}

/// Until the caller knows that it has ended.
fn to_the_end(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawn/to_the_end");
    group.bench_function("std_thread", |b| b.iter(|| start_thread().join().unwrap()));
    group.bench_function("process_own_thread", |b| {
        b.iter(|| {
            let (_, monitor) = Builder::new().stack_size(STACK).spawn_monitor(|| {}).unwrap();
            await_down(monitor);
        });
    });
    group.bench_function("process", |b| {
        b.iter(|| {
            let (_, monitor) = process::spawn_monitor(|| {}).unwrap();
            await_down(monitor);
        });
    });
    group.finish();
}

fn start_thread() -> thread::JoinHandle<()> {
    thread::Builder::new().stack_size(STACK).spawn(|| {}).unwrap()
}

fn await_down(awaited: MonitorRef) {
    receive! { Down { monitor, .. } if monitor == awaited => {} }
}

fn timed<T>(body: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = body();
    (start.elapsed(), value)
}

fn total(rounds: u64, one: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(one).take(rounds as usize).sum()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = caller, to_the_end
}
criterion_main!(benches);
