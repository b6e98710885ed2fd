//! Information about processes and the runtime, which does not disturb them.

use std::sync::Arc;

use crate::id::Pid;
use crate::runtime::names;
use crate::runtime::slot::Slot;
use crate::runtime::snapshot::{self, Info};
use crate::runtime::table::{self, Process};
use crate::runtime::threads;
use crate::runtime::timers;
use crate::runtime::tuning;

use super::current::current;

/// Information about the runtime, as returned by [`system_info`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SystemInfo {
    /// The number of processes that are alive.
    pub processes: usize,
    /// The number of threads of the runtime, including those that wait for their next process.
    pub threads: usize,
    /// The number of threads that wait for their next process.
    pub cached_threads: usize,
    /// The largest number of threads that may wait for their next process.
    pub max_cached_threads: usize,
    /// The number of threads that killed processes have left behind and that have not returned.
    pub abandoned_threads: usize,
    /// The number of pending timers.
    pub timers: usize,
    /// The number of registered names.
    pub names: usize,
}

/// Returns information about `pid`; `None` if it is not alive.
///
/// This neither waits for the process nor holds it up.
///
/// OTP: [`erlang:process_info/1`](https://www.erlang.org/doc/apps/erts/erlang.html#process_info/1).
pub fn info(pid: Pid) -> Option<Info> {
    snapshot::of_alive(Process::of(pid))
}

/// Returns whether `pid` is alive.
///
/// A process that was [killed](super::exit) is not, from that moment on. A process to which another
/// exit signal is under way is alive until it has ended. When this returns `false`, the name of the
/// process is free.
///
/// OTP: [`erlang:is_process_alive/1`](https://www.erlang.org/doc/apps/erts/erlang.html#is_process_alive/1).
pub fn is_alive(pid: Pid) -> bool {
    Process::of(pid).is_running()
}

/// Returns all processes that are alive, including the threads of the program's own that have used
/// the runtime.
///
/// OTP: [`erlang:processes/0`](https://www.erlang.org/doc/apps/erts/erlang.html#processes/0).
pub fn processes() -> Vec<Pid> {
    table::slots().filter_map(Slot::resident).collect()
}

/// Returns information about the runtime as a whole.
///
/// OTP: [`erlang:system_info/1`](https://www.erlang.org/doc/apps/erts/erlang.html#system_info/1).
pub fn system_info() -> SystemInfo {
    SystemInfo {
        processes: table::slots().filter(|slot| slot.resident().is_some()).count(),
        threads: threads::thread_count(),
        cached_threads: threads::cached_count(),
        max_cached_threads: tuning::max_cached_threads(),
        abandoned_threads: threads::abandoned_count(),
        timers: timers::count(),
        names: names::registered().len(),
    }
}

/// Sets the label of the caller, a few words that describe it in [`info`] and crash reports.
///
/// OTP: [`proc_lib:set_label/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#set_label/1).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn set_label(label: &str) {
    let process = current();
    process.unwind_if_doomed();
    process.slot.profile.lock().label = Some(Arc::from(label));
}

/// Returns the label of `pid`; `None` if it has none, or is not alive.
///
/// OTP: [`proc_lib:get_label/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#get_label/1).
pub fn label(pid: Pid) -> Option<Arc<str>> {
    let process = Process::of(pid);
    let label = process.slot.profile.lock().label.clone();
    // Read before the process is seen alive: so the label is its own, not its successor's.
    label.filter(|_| process.is_running())
}
