//! Waiting for what must happen, and looking at what has come.

use std::any::type_name;
use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;

/// How long a test waits for something that must happen. Only a failing test waits this long.
pub(crate) fn test_timeout() -> Duration {
    let ms = std::env::var("TEST_TIMEOUT_MS").ok().and_then(|ms| ms.parse().ok());
    Duration::from_millis(ms.unwrap_or(20_000))
}

/// Receives the next message of type `T`.
#[track_caller]
pub(crate) fn expect<T: Send + Debug + 'static>() -> T {
    receive! {
        value: T => value,
        after test_timeout() => panic!("no {} within {:?}", type_name::<T>(), test_timeout()),
    }
}

/// Returns the reason in the DOWN of `monitor`.
#[track_caller]
pub(crate) fn down_reason(monitor: MonitorRef) -> ExitReason {
    receive! {
        down: Down if down.monitor == monitor => down.reason,
        after test_timeout() => panic!("no DOWN within {:?}", test_timeout()),
    }
}

/// Returns the reason in the exit message of `pid`, which is linked to the caller, who traps exits.
#[track_caller]
pub(crate) fn expect_exit(pid: Pid) -> ExitReason {
    receive! {
        exit: Exit if exit.from == pid => exit.reason,
        after test_timeout() => panic!("no exit message within {:?}", test_timeout()),
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
pub(crate) fn scan_mailbox() {
    assert!(process::receive_match_timeout(Duration::ZERO, |_| false).is_none());
}

/// Waits until `condition` holds, asking again and again.
///
/// This is right only where no event tells: to see, for instance, that another process is blocked
/// in a call, sleeps, or has been registered by somebody else. Whatever sends a message, closes a
/// channel or ends a process is waited for as such, with [`expect`] or [`down_reason`].
#[track_caller]
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < test_timeout(), "not so within {:?}", test_timeout());
        thread::yield_now();
    }
}
