//! Tasks: what one costs, and what many of them save.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use procession::prelude::*;
use procession::task;

use crate::harness::{Bar, mean_of};
use crate::starts::warm_up;

const TASKS: u32 = 200;

/// From the start until the owner has the value, beside the same by hand: a process that sends it.
pub(crate) fn spawn_await(bar: &Bar) {
    warm_up();
    bar.compare(
        60,
        || mean_of(TASKS, || (0..TASKS).for_each(by_task)),
        || mean_of(TASKS, || (0..TASKS).for_each(by_process)),
    );
}

fn by_task(n: u32) {
    let task = Task::spawn(move || n + 1).unwrap();
    assert_eq!(task.await_reply(), Ok(n + 1));
}

fn by_process(n: u32) {
    let me = process::self_pid();
    let (_, monitor) = process::spawn_monitor(move || process::send(me, n + 1)).unwrap();
    receive! { value: u32 => assert_eq!(value, n + 1) }
    process::demonitor_flush(monitor);
}

const ITEMS: u32 = 64;

/// Some hundred microseconds of computing.
fn work(item: u32) -> u32 {
    (0..200_000).fold(item, |value, n| black_box(value).rotate_left(5) ^ n)
}

fn by_stream() -> f64 {
    mean_of(ITEMS, || {
        let values = task::async_stream(0..ITEMS, work).into_iter();
        _ = black_box(values.map(Result::unwrap).fold(0, u32::wrapping_add));
    })
}

fn by_one_thread() -> f64 {
    mean_of(ITEMS, || _ = black_box((0..ITEMS).map(work).fold(0, u32::wrapping_add)))
}

/// As many threads as there are cores, each of which takes the next item.
fn by_bare_threads() -> f64 {
    mean_of(ITEMS, || {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let next = AtomicUsize::new(0);
        let take = || {
            let next = || next.fetch_add(1, Ordering::Relaxed) as u32;
            let items = std::iter::repeat_with(next).take_while(|item| *item < ITEMS);
            items.map(work).fold(0, u32::wrapping_add)
        };
        let sum = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).fold(0, u32::wrapping_add)
        });
        _ = black_box(sum);
    })
}

/// On two cores, beside one thread.
pub(crate) fn parallel_map(bar: &Bar) {
    bar.compare(20, by_stream, by_one_thread);
}

/// On two cores, beside what a careful user writes by hand.
pub(crate) fn parallel_map_by_hand(bar: &Bar) {
    bar.compare(20, by_stream, by_bare_threads);
}
