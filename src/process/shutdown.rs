//! Shutdown: ending all processes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::Down;
use crate::runtime::mailbox::Mark;
use crate::runtime::slot::Slot;
use crate::runtime::table::{self, Process};
use crate::runtime::wait_graph::Cause;

use super::current::current;
use super::exit::exit;
use super::monitor::monitor;
use super::receive::{deadline_after, mark, receive_match_since, time_left};

/// The number of calls of [`shutdown`] that are under way.
static SHUTTING_DOWN: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn is_shutting_down() -> bool {
    SHUTTING_DOWN.load(Ordering::SeqCst) > 0
}

/// Prevents processes from being spawned as long as it exists.
struct Closed;

impl Closed {
    fn new() -> Closed {
        SHUTTING_DOWN.fetch_add(1, Ordering::SeqCst);
        Closed
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        SHUTTING_DOWN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ends all processes except the caller and the threads of the program's own, and returns the
/// processes that had to be killed.
///
/// When `main` returns, the program ends without running the destructors of other processes; this,
/// called last, lets them run. Each process is sent [`ExitReason::Shutdown`]; those that are left
/// after `timeout` are killed, and those that then do not end within their grace are left behind.
/// Detached work of the runtime, such as logging the warning of that, counts as a process, too.
/// Nothing can be spawned meanwhile. Applications and supervisors, which end their processes in
/// order, should be stopped before.
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let worker = process::spawn(|| receive! { () => {} })?;
/// let killed = procession::shutdown(Duration::from_secs(5));
/// assert!(killed.is_empty());
/// assert!(!process::is_alive(worker));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn shutdown(timeout: Duration) -> Vec<Pid> {
    let caller = current();
    caller.unwind_if_doomed();
    let _closed = Closed::new();

    let mut killed = Vec::new();
    // Spawns that were under way may add some after the first look.
    loop {
        let others: Vec<Pid> = occupants().filter(|pid| is_ours(*pid, caller)).collect();
        if others.is_empty() {
            return killed;
        }
        killed.extend(end_all(others, timeout));
    }
}

/// Processes that are alive, and those that were killed and have not ended.
fn occupants() -> impl Iterator<Item = Pid> {
    table::slots().filter_map(Slot::occupant)
}

fn is_ours(pid: Pid, caller: Process) -> bool {
    pid != caller.pid && !Process::of(pid).is_foreign()
}

/// Ends `pids` and returns those that had to be killed.
fn end_all(pids: Vec<Pid>, timeout: Duration) -> Vec<Pid> {
    let since = mark();
    let mut waiting: BTreeMap<_, _> = pids.into_iter().map(|pid| (monitor(pid), pid)).collect();
    let ends = waiting.iter().map(|(monitor, pid)| (*pid, monitor.id)).collect();
    let _waiting = current().wait_for_ends(ends, Cause::Signal);
    waiting.values().for_each(|pid| exit(*pid, ExitReason::Shutdown));
    await_downs(&mut waiting, since, timeout);

    let killed: Vec<_> = waiting.values().copied().collect();
    killed.iter().for_each(|pid| exit(*pid, ExitReason::Kill));
    await_downs(&mut waiting, since, Duration::MAX);
    killed
}

/// Removes the processes that end within `timeout` from `waiting`.
fn await_downs(waiting: &mut BTreeMap<MonitorRef, Pid>, since: Mark, timeout: Duration) {
    let deadline = deadline_after(timeout);
    while !waiting.is_empty() {
        let is_awaited = |down: &Down| waiting.contains_key(&down.monitor);
        let Some(message) = receive_match_since(since, time_left(deadline), |message| {
            message.downcast_ref::<Down>().is_some_and(is_awaited)
        }) else {
            return;
        };
        if let Ok(down) = message.downcast::<Down>() {
            waiting.remove(&down.monitor);
        }
    }
}
