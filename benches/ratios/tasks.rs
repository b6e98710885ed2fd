//! Tasks: what one costs, and what many of them save.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use procession::prelude::*;
use procession::task;

use crate::harness::{Bar, in_turns, mean_of, median, report};
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

/// So many that it hardly matters whether both cores are done at the same moment.
const ITEMS: u32 = 64;

const SLICES: usize = 40;

const WORK: u32 = 1_000_000;

/// Half a millisecond of computing: what it costs to start a task is to be seen, and no more.
fn work(item: u32) -> u32 {
    (0..WORK).fold(item, |value, n| black_box(value).rotate_left(5) ^ n)
}

/// With two more tasks at once than there are cores, as `max_concurrency` says of short ones.
fn by_stream() -> f64 {
    mean_of(ITEMS, || {
        let stream = task::async_stream(0..ITEMS, work).max_concurrency(cores() + 2);
        let values = stream.into_iter();
        _ = black_box(values.map(Result::unwrap).fold(0, u32::wrapping_add));
    })
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn by_one_thread() -> f64 {
    mean_of(ITEMS, || _ = black_box((0..ITEMS).map(work).fold(0, u32::wrapping_add)))
}

/// As many threads as there are cores, each of which takes the next item.
fn by_bare_threads() -> f64 {
    mean_of(ITEMS, || {
        let next = AtomicUsize::new(0);
        let take = || {
            let next = || next.fetch_add(1, Ordering::Relaxed) as u32;
            let items = std::iter::repeat_with(next).take_while(|item| *item < ITEMS);
            items.map(work).fold(0, u32::wrapping_add)
        };
        let sum = thread::scope(|scope| {
            let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).fold(0, u32::wrapping_add)
        });
        _ = black_box(sum);
    })
}

/// On two cores, beside one thread. Bare threads run in the same turns: what they do not gain, as
/// the machine is busy or its cores are half ones, a stream cannot gain either.
pub(crate) fn parallel_map(bar: &Bar) {
    let sides: [&mut dyn FnMut() -> f64; 3] =
        [&mut by_stream, &mut by_one_thread, &mut by_bare_threads];
    let [ours, one_thread, bare_threads] = in_turns(bar.slices(SLICES), sides);
    report("parallel_map_bare_threads", None, &bare_threads, &one_thread);
    let gained = median(&bare_threads) / median(&one_thread);
    match bar.target {
        Some(target) if gained > target => {
            bar.skip(&format!("two bare threads take {gained:.3} of the time of one"));
        }
        _ => bar.judge(&ours, &one_thread),
    }
}

/// On two cores, beside what a careful user writes by hand.
pub(crate) fn parallel_map_by_hand(bar: &Bar) {
    bar.compare(SLICES, by_stream, by_bare_threads);
}
