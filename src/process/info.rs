//! Information about processes and the runtime, which does not disturb them.

use std::any::Any;
use std::sync::Arc;

use crate::id::Pid;
use crate::runtime::names;
use crate::runtime::slot::{Shown, Slot};
use crate::runtime::snapshot::{self, Info};
use crate::runtime::table::{self, Process};
use crate::runtime::threads;
use crate::runtime::timers;
use crate::runtime::tuning;
use crate::user_code::displayed;

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

/// Returns information about `pid`; `None` if it is not alive, or is a process of another node.
///
/// This neither waits for the process nor holds it up.
///
/// ```
/// use procession::prelude::*;
///
/// let worker = process::spawn_link(|| receive! { () => {} })?;
/// let info = process::info(worker).unwrap();
/// assert_eq!(info.links, [process::self_pid()]);
/// assert_eq!(info.parent(), Some(process::self_pid()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:process_info/1`](https://www.erlang.org/doc/apps/erts/erlang.html#process_info/1).
pub fn info(pid: Pid) -> Option<Info> {
    snapshot::of_alive(Process::of(pid))
}

/// Returns what the log calls the calling process: its name, if it has one, or its pid.
pub(crate) fn logged_self() -> String {
    let me = current().pid;
    let name = info(me).and_then(|info| info.any_name());
    name.map_or_else(|| me.to_string(), |name| displayed(&name))
}

/// Returns whether `pid` is alive.
///
/// A process that was [killed](super::exit) is not, from that moment on. A process to which another
/// exit signal is under way is alive until it has ended. When this returns `false`, the name of the
/// process is free. Of a process of another node it is `false`, as only that node knows; a
/// [monitor](super::monitor()) tells.
///
/// ```
/// use procession::prelude::*;
///
/// let (worker, monitor) = process::spawn_monitor(|| receive! { () => {} })?;
/// assert!(process::is_alive(worker));
/// process::send(worker, ());
/// receive! { down: Down if down.monitor == monitor => assert!(!process::is_alive(worker)) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:is_process_alive/1`](https://www.erlang.org/doc/apps/erts/erlang.html#is_process_alive/1).
pub fn is_alive(pid: Pid) -> bool {
    Process::of(pid).is_running()
}

/// Returns whether `pid` is alive, as far as this node knows.
#[inline]
pub(crate) fn may_be_alive(pid: Pid) -> bool {
    pid.is_remote() || is_alive(pid)
}

/// Returns all processes that are alive, including the threads of the program's own that have used
/// the runtime.
///
/// ```
/// use procession::prelude::*;
///
/// let worker = process::spawn(|| receive! { () => {} })?;
/// assert!(process::processes().contains(&worker));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:processes/0`](https://www.erlang.org/doc/apps/erts/erlang.html#processes/0).
pub fn processes() -> Vec<Pid> {
    table::slots().filter_map(Slot::resident).collect()
}

/// Returns information about the runtime as a whole.
///
/// ```
/// use procession::prelude::*;
///
/// process::spawn(|| receive! { () => {} })?;
/// let info = process::system_info();
/// assert_eq!(info.processes, 2); // With the one that is `main`.
/// assert_eq!(info.timers, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:system_info/1`](https://www.erlang.org/doc/apps/erts/erlang.html#system_info/1).
pub fn system_info() -> SystemInfo {
    let processes = table::slots().filter(|slot| slot.resident().is_some()).count();
    system_info_of(processes, names::registered().len())
}

/// As [`system_info`], for a caller that has counted processes and names.
pub(crate) fn system_info_of(processes: usize, names: usize) -> SystemInfo {
    SystemInfo {
        processes,
        names,
        threads: threads::thread_count(),
        cached_threads: threads::cached_count(),
        max_cached_threads: tuning::max_cached_threads(),
        abandoned_threads: threads::abandoned_count(),
        timers: timers::count(),
    }
}

/// Sets the label of the caller, a few words that describe it in [`info`] and crash reports.
///
/// ```
/// use procession::process;
///
/// process::set_label("reads the log");
/// let info = process::info(process::self_pid()).unwrap();
/// assert_eq!(info.label.as_deref(), Some("reads the log"));
/// ```
///
/// OTP: [`proc_lib:set_label/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#set_label/1).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn set_label(label: impl Into<Arc<str>>) {
    let label = label.into();
    let process = current();
    process.unwind_if_doomed();
    process.slot.profile.lock().label = Some(label);
}

/// Shows a value of the caller to those that look at it without waiting for it, as long as the
/// caller lives and the value does.
pub(crate) fn show<T: Any + Send + Sync>(value: &Arc<T>) {
    let shown = Shown::new(value);
    current().slot.profile.lock().shown.push(shown);
}

/// Notes what the caller is doing, for the report of its crash.
pub(crate) fn note_context(context: &str) {
    current().slot.profile.lock().context = Some(Arc::from(context));
}

/// Notes that the caller has become a behaviour.
pub(crate) fn note_behaviour() {
    current().slot.profile.lock().behaviour = true;
}

/// Returns the label of `pid`; `None` if it has none, or is not alive.
///
/// ```
/// use procession::process;
///
/// assert_eq!(process::label(process::self_pid()), None);
/// process::set_label("reads the log");
/// assert_eq!(process::label(process::self_pid()).as_deref(), Some("reads the log"));
/// ```
///
/// OTP: [`proc_lib:get_label/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#get_label/1).
pub fn label(pid: Pid) -> Option<Arc<str>> {
    let process = Process::of(pid);
    let label = process.slot.profile.lock().label.clone();
    // Read before the process is seen alive: so the label is its own, not its successor's.
    label.filter(|_| process.is_running())
}
