//! What can be seen of processes from outside, without disturbing them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::id::Pid;
use crate::message::Object;

use super::current::{Process, current};
use super::lifecycle;
use super::names;
use super::slot::Slot;
use super::table;
use super::timers;
use super::tuning;
use super::worker;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It runs, or waits for something the runtime does not know of.
    Running,
    /// It waits in a call of the runtime.
    Waiting,
    /// It waits, and has [given back](super::hibernate) what it does not need for that.
    Hibernating,
}

/// A look at a process, as returned by [`info`]. It is out of date as soon as it is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Info {
    /// Which process it is.
    pub pid: Pid,
    /// Its registered name.
    pub name: Option<Arc<str>>,
    /// What it has called itself by [`set_label`].
    pub label: Option<Arc<str>>,
    /// What it is doing.
    pub status: Status,
    /// Whether it traps exits.
    pub trap_exit: bool,
    /// Whether its thread belongs to the program rather than to the runtime.
    pub foreign: bool,
    /// The processes it is linked to, in order.
    pub links: Vec<Pid>,
    /// What it monitors, a process for each monitor.
    pub monitors: Vec<Object>,
    /// Who monitors it, a process for each monitor.
    pub monitored_by: Vec<Pid>,
    /// How many messages wait in its mailbox, sorted or in transit.
    pub message_queue_len: usize,
    /// How many messages it has received.
    pub messages_received: u64,
    /// The process that spawned it, the one that spawned that, and so on, up to sixteen.
    pub ancestors: Arc<[Pid]>,
    /// What it was started as, if that was by [`proc_lib`](crate::proc_lib).
    pub initial_call: Option<&'static str>,
    /// How long ago it started.
    pub age: Duration,
}

impl Info {
    /// The process that spawned it; `None` for a thread of the program's own.
    pub fn parent(&self) -> Option<Pid> {
        self.ancestors.first().copied()
    }
}

/// A look at the runtime, as returned by [`system_info`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SystemInfo {
    /// Processes that are alive.
    pub processes: usize,
    /// Threads of the runtime, those that wait for their next process included.
    pub threads: usize,
    /// Threads that wait for their next process.
    pub cached_threads: usize,
    /// How many threads wait for their next process, at most.
    pub max_cached_threads: usize,
    /// Threads left behind by killed processes, which have not come back.
    pub abandoned_threads: usize,
    /// Timers that are pending.
    pub timers: usize,
    /// Registered names.
    pub names: usize,
}

/// Looks at `pid`; `None` if it is not alive.
///
/// This never waits for the process, nor holds it up.
///
/// OTP: [`erlang:process_info/1`](https://www.erlang.org/doc/apps/erts/erlang.html#process_info/1).
pub fn info(pid: Pid) -> Option<Info> {
    let process = Process::of(pid);
    let info = process.is_running().then(|| of(process))?;
    // If it ended meanwhile, what was read may be another's.
    process.is_running().then_some(info)
}

/// Looks at a process without asking whether it is alive.
pub(crate) fn of(process: Process) -> Info {
    let Process { slot, pid } = process;
    let profile = slot.profile.lock().clone();
    let (links, monitors, monitored_by) = {
        let ties = slot.ties.lock();
        (
            ties.links.keys().copied().collect(),
            ties.monitors.values().map(|monitor| monitor.object.clone()).collect(),
            ties.watchers.values().map(|watcher| watcher.pid).collect(),
        )
    };
    Info {
        pid,
        name: names::name_of(pid),
        label: profile.label,
        status: status_of(slot),
        trap_exit: process.traps_exits(),
        foreign: process.is_foreign(),
        links,
        monitors,
        monitored_by,
        message_queue_len: slot.mailbox.len(),
        messages_received: slot.mailbox.received(),
        ancestors: profile.ancestors,
        initial_call: profile.initial_call,
        age: profile.started.elapsed(),
    }
}

fn status_of(slot: &Slot) -> Status {
    // A process that was woken up takes the mark away itself, a moment later.
    if !slot.is_parked() {
        Status::Running
    } else if slot.hibernates.load(Ordering::Relaxed) {
        Status::Hibernating
    } else {
        Status::Waiting
    }
}

/// Returns whether `pid` is alive.
///
/// A process that was [killed](super::exit) is not, from that moment. One that has another exit
/// signal coming is alive until it has ended. When this returns `false`, the name of the process is
/// free.
///
/// OTP: [`erlang:is_process_alive/1`](https://www.erlang.org/doc/apps/erts/erlang.html#is_process_alive/1).
pub fn is_alive(pid: Pid) -> bool {
    Process::of(pid).is_running()
}

/// Returns all processes that are alive, threads of the program's own that have used the runtime
/// included.
///
/// OTP: [`erlang:processes/0`](https://www.erlang.org/doc/apps/erts/erlang.html#processes/0).
pub fn processes() -> Vec<Pid> {
    table::slots().filter_map(Slot::resident).collect()
}

/// Looks at the runtime as a whole.
///
/// OTP: [`erlang:system_info/1`](https://www.erlang.org/doc/apps/erts/erlang.html#system_info/1).
pub fn system_info() -> SystemInfo {
    SystemInfo {
        processes: table::slots().filter(|slot| slot.resident().is_some()).count(),
        threads: worker::thread_count(),
        cached_threads: worker::cached_count(),
        max_cached_threads: tuning::max_cached_threads(),
        abandoned_threads: lifecycle::abandoned_count(),
        timers: timers::count(),
        names: names::registered().len(),
    }
}

/// Says in a few words what the caller is, for [`info`] and crash reports.
///
/// OTP: [`proc_lib:set_label/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#set_label/1).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn set_label(label: &str) {
    let process = current();
    process.pass();
    process.slot.profile.lock().label = Some(Arc::from(label));
}

/// Returns the label of `pid`; `None` if it has none, or is not alive.
///
/// OTP: [`proc_lib:get_label/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#get_label/1).
pub fn label(pid: Pid) -> Option<Arc<str>> {
    let process = Process::of(pid);
    let label = process.slot.profile.lock().label.clone();
    // Read before the process is seen alive, it is this process's and not its successor's.
    label.filter(|_| process.is_running())
}
