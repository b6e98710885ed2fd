//! What several test modules need.

use std::fmt::Debug;
use std::time::Duration;

use procession::prelude::*;

/// How long a test waits for something that must happen. Only a failing test waits this long.
pub(crate) fn patience() -> Duration {
    let ms = std::env::var("TEST_PATIENCE_MS").ok().and_then(|ms| ms.parse().ok());
    Duration::from_millis(ms.unwrap_or(20_000))
}

/// How many rounds a test of a race takes; `RUN_SLOW_TESTS` multiplies them by ten.
pub(crate) fn rounds(usual: usize) -> usize {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { usual * 10 } else { usual }
}

/// Returns the reason in the DOWN of `monitor`.
#[track_caller]
pub(crate) fn down_reason(monitor: MonitorRef) -> ExitReason {
    receive! {
        down: Down if down.monitor == monitor => down.reason,
        after patience() => panic!("no DOWN within {:?}", patience()),
    }
}

/// Lets a little time pass, in each of sixty-four rounds a little more than in the one before.
///
/// It does not give the core away: beside a busy thread it would be gone for milliseconds.
pub(crate) fn dither(round: usize) {
    for _ in 0..round % 64 * 40 {
        std::hint::spin_loop();
    }
}

/// Waits until `pid` has ended and returns why.
#[track_caller]
pub(crate) fn wait_for_exit(pid: Pid) -> ExitReason {
    down_reason(process::monitor(pid))
}

/// Sends `reason` to `pid` and returns the reason it exited with.
///
/// The monitor is set first, so when this returns the exit has been seen, not slept for.
#[track_caller]
pub(crate) fn exit_and_wait(pid: Pid, reason: ExitReason) -> ExitReason {
    let monitor = process::monitor(pid);
    process::exit(pid, reason);
    down_reason(monitor)
}

/// Receives the next message of type `T`.
#[track_caller]
pub(crate) fn expect<T: Send + Debug + 'static>() -> T {
    receive! {
        value: T => value,
        after patience() => {
            panic!("no {} within {:?}", std::any::type_name::<T>(), patience())
        }
    }
}

/// Asserts that the mailbox is empty now.
///
/// To prove that something does not come, make something come after it first.
#[track_caller]
pub(crate) fn assert_no_message() {
    if let Some(message) = process::receive_timeout(Duration::ZERO) {
        panic!("unexpected message: {message:?}");
    }
}

/// Receives nothing, but comes across all that has arrived.
pub(crate) fn look() {
    assert!(process::receive_match_timeout(Duration::ZERO, |_| false).is_none());
}

/// A process that does nothing until it is told to end.
pub(crate) fn idle() -> Pid {
    process::spawn(idle_body).unwrap()
}

/// Blocks for ever, leaving every message where it is.
pub(crate) fn idle_body() {
    process::receive_match(|_| false);
}

/// Runs `body` in a process of its own, so that its mailbox starts empty and exits do not touch the
/// test's thread; fails if it ends by anything but returning.
#[track_caller]
pub(crate) fn in_process(body: impl FnOnce() + Send + 'static) {
    let (_, monitor) = process::spawn_monitor(body).unwrap();
    // Each step in there has its own patience; many thousand of them take their time on a busy
    // machine.
    let reason = receive! {
        down: Down if down.monitor == monitor => down.reason,
        after patience() * 30 => panic!("the test's process has not ended"),
    };
    assert_eq!(reason, ExitReason::Normal, "the test's process failed");
}
