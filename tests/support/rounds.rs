//! Races by repetition: how often, and how a round differs from the one before.

use std::sync::mpsc;
use std::thread;

use procession::prelude::*;

/// How many rounds a test of a race takes; `RUN_SLOW_TESTS` multiplies them by ten.
pub(crate) fn rounds(usual: usize) -> usize {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { usual * 10 } else { usual }
}

/// Lets a little time pass, in each of sixty-four rounds a little more than in the one before.
///
/// It does not give the core away: beside a busy thread it would be gone for milliseconds.
pub(crate) fn delay_by(round: usize) {
    for _ in 0..round % 64 * 40 {
        std::hint::spin_loop();
    }
}

/// What `body` returns in a thread of the program's own that is killed meanwhile, a little later in
/// each round. Fails if it panics.
#[track_caller]
pub(crate) fn killed_meanwhile<R: Send>(round: usize, body: impl FnOnce() -> R + Send) -> R {
    let (known, pids) = mpsc::channel();
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            known.send(process::self_pid()).unwrap();
            body()
        });
        let pid = pids.recv().unwrap();
        delay_by(round);
        process::exit(pid, ExitReason::Kill);
        thread.join().expect("the thread has panicked")
    })
}
