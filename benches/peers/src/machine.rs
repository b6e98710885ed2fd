//! What the machine takes for a yield and a wake-up, which decide most of the columns.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 101;

/// Both in a sentence.
pub(crate) fn describe() -> String {
    let yields = median(
        (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                thread::yield_now();
                start.elapsed().as_nanos() as u64
            })
            .collect(),
    );
    let [own, other] = [[0, 0], [0, 1]].map(wake_up);
    format!(
        "A yield takes {yields} ns. A thread that has been parked for a millisecond runs {own} ns \
         after it was woken from its own core, {other} ns after it was woken from another."
    )
}

/// From when a thread on one core unparks another until that runs, on the other core.
fn wake_up([waker, sleeper]: [usize; 2]) -> u64 {
    let epoch = Instant::now();
    let now = move || epoch.elapsed().as_nanos() as u64;
    let woken = &AtomicU64::new(0);
    thread::scope(|scope| {
        let sleeper = scope.spawn(move || {
            pin_to(sleeper);
            for _ in 0..ROUNDS {
                thread::park();
                woken.store(now(), Ordering::Release);
            }
        });
        let sleeper = sleeper.thread().clone();
        let times = scope.spawn(move || {
            pin_to(waker);
            thread::sleep(Duration::from_millis(50)); // The sleeper is parked by now.
            let wake = |_| {
                thread::sleep(Duration::from_millis(1));
                let start = now();
                sleeper.unpark();
                let mut end = 0;
                while end <= start {
                    thread::yield_now(); // The sleeper may need this core.
                    end = woken.load(Ordering::Acquire);
                }
                end - start
            };
            (0..ROUNDS).map(wake).collect()
        });
        median(times.join().expect("it measures"))
    })
}

/// Has the calling thread run on one core from now on, if that is possible.
fn pin_to(core: usize) {
    let thread = fs::read_link("/proc/thread-self").unwrap_or_default();
    let thread = thread.file_name().unwrap_or_default();
    _ = Command::new("taskset").arg("-cp").arg(core.to_string()).arg(thread).output();
}

fn median(mut figures: Vec<u64>) -> u64 {
    figures.sort_unstable();
    figures[figures.len() / 2]
}
