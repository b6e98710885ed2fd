//! The end of everything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Down;

use super::current::{Process, current};
use super::info::processes;
use super::lifecycle::exit;
use super::monitor::monitor;
use super::receive::{mark, receive_match_since};

static SHUTTING_DOWN: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_shutting_down() -> bool {
    SHUTTING_DOWN.load(Ordering::SeqCst)
}

/// Lets processes be spawned again.
struct Reopen;

impl Drop for Reopen {
    fn drop(&mut self) {
        SHUTTING_DOWN.store(false, Ordering::SeqCst);
    }
}

/// Ends all processes except the caller and the threads of the program's own, and returns those
/// that had to be killed.
///
/// When `main` returns, the program ends without running the destructors of other processes; this,
/// called last, lets them run. Each process is sent [`ExitReason::Shutdown`]; what is left after
/// `timeout` is killed, and abandoned if it does not end within its grace. Nothing can be spawned
/// meanwhile. Whatever has an order to keep, an application or a supervisor, should be stopped
/// before.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn shutdown(timeout: Duration) -> Vec<Pid> {
    let caller = current();
    caller.pass();
    SHUTTING_DOWN.store(true, Ordering::SeqCst);
    let _reopen = Reopen;

    let mut killed = Vec::new();
    // A spawn that was under way may add a few after the first look.
    loop {
        let others: Vec<Pid> = processes().into_iter().filter(|pid| is_ours(*pid, caller)).collect();
        if others.is_empty() {
            return killed;
        }
        killed.extend(end_all(others, timeout));
    }
}

fn is_ours(pid: Pid, caller: Process) -> bool {
    pid != caller.pid && !Process::of(pid).is_foreign()
}

fn end_all(pids: Vec<Pid>, timeout: Duration) -> Vec<Pid> {
    let since = mark();
    let mut waiting: Vec<_> = pids.into_iter().map(|pid| (monitor(pid), pid)).collect();
    waiting.iter().for_each(|(_, pid)| exit(*pid, ExitReason::Shutdown));

    let deadline = std::time::Instant::now().checked_add(timeout);
    let mut killed = Vec::new();
    while !waiting.is_empty() {
        let left = match deadline {
            Some(deadline) if killed.is_empty() => {
                deadline.saturating_duration_since(std::time::Instant::now())
            }
            _ => Duration::MAX,
        };
        let is_awaited = |down: &Down| waiting.iter().any(|(monitor, _)| *monitor == down.monitor);
        let down = receive_match_since(since, left, |message| {
            message.downcast_ref::<Down>().is_some_and(is_awaited)
        });
        match down.and_then(|message| message.downcast::<Down>().ok()) {
            Some(down) => waiting.retain(|(monitor, _)| *monitor != down.monitor),
            None => {
                killed = waiting.iter().map(|(_, pid)| *pid).collect();
                killed.iter().for_each(|pid| exit(*pid, ExitReason::Kill));
            }
        }
    }
    killed
}
