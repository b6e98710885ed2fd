//! Snapshots of processes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::id::Pid;
use crate::message::{Destination, Name, Via};

use super::bound::{Bound, Overflow};
use super::names;
use super::slot::Slot;
use super::table::Process;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It runs, or waits for something that the runtime does not know of.
    Running,
    /// It waits in a call of the runtime.
    Waiting,
    /// It waits outside of the runtime, where it [can be
    /// interrupted](crate::process::blocking).
    Blocking,
    /// It waits, and has [given back](crate::process::hibernate) the memory that it does not need
    /// for that.
    Hibernating,
}

/// A snapshot of a process, as returned by [`info`](crate::process::info()). It is out of date as
/// soon as it is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The pid of the process.
    pub pid: Pid,
    /// Its registered name.
    pub name: Option<Arc<str>>,
    /// The name that it was started under as a server, if a [registrar](crate::Registrar) keeps it.
    pub via: Option<Via>,
    /// The label that it has given itself by [`set_label`](crate::process::set_label).
    pub label: Option<Arc<str>>,
    /// What it is doing.
    pub status: Status,
    /// Whether it traps exits.
    pub trap_exit: bool,
    /// Whether its thread belongs to the program rather than to the runtime.
    pub foreign: bool,
    /// The processes it is linked to, in order.
    pub links: Vec<Pid>,
    /// The processes that it monitors, one entry for each monitor.
    pub monitors: Vec<Destination>,
    /// The processes that monitor it, one entry for each monitor.
    pub monitored_by: Vec<Pid>,
    /// How many messages wait in its mailbox, sorted or in transit.
    pub message_queue_len: usize,
    /// For how many messages its mailbox has room, and what happens to more; `None` if it is not
    /// [bounded](crate::process#bounded-mailboxes).
    pub mailbox_capacity: Option<(usize, Overflow)>,
    /// How many messages were dropped as there was no room for them, or for newer ones.
    pub messages_dropped: u64,
    /// How many messages were handed back to their senders, as there was no room for them.
    pub messages_refused: u64,
    /// How many messages it has received.
    pub messages_received: u64,
    /// The process that spawned it, the one that spawned that, and so on, up to sixteen.
    pub ancestors: Arc<[Pid]>,
    /// What it was started as, if it was started by [`proc_lib`](crate::proc_lib).
    pub initial_call: Option<&'static str>,
    /// How long ago it started.
    pub age: Duration,
}

impl Info {
    /// Returns its registered name, or the one that a registrar keeps.
    pub(crate) fn any_name(&self) -> Option<Name> {
        any_name(self.name.clone(), self.via.clone())
    }

    /// Returns the process that spawned it; `None` for a thread of the program's own.
    pub fn parent(&self) -> Option<Pid> {
        self.ancestors.first().copied()
    }
}

/// Returns a snapshot of a process, if it is alive.
pub(crate) fn of_alive(process: Process) -> Option<Info> {
    let info = process.is_running().then(|| of(process))?;
    // If it ended meanwhile, what was read may be that of the slot's next process.
    process.is_running().then_some(info)
}

/// Returns a snapshot of a process, without asking whether it is alive.
pub(crate) fn of(process: Process) -> Info {
    let Process { slot, pid } = process;
    let profile = slot.profile.lock().clone();
    let (links, monitors, monitored_by) = {
        let links = slot.links.lock();
        (
            links.peers.keys().copied().collect(),
            links.monitors.values().map(|monitor| monitor.object.clone()).collect(),
            links.watchers.values().map(|watcher| watcher.pid).collect(),
        )
    };
    let bound = slot.mailbox.bound();
    Info {
        pid,
        name: names::name_of(pid),
        via: profile.via,
        label: profile.label,
        status: status_of(slot),
        trap_exit: process.traps_exits(),
        foreign: process.is_foreign(),
        links,
        monitors,
        monitored_by,
        message_queue_len: slot.mailbox.len(),
        mailbox_capacity: bound.map(|bound| (bound.room().capacity, bound.overflow())),
        messages_dropped: bound.map_or(0, Bound::dropped),
        messages_refused: bound.map_or(0, Bound::refused),
        messages_received: slot.mailbox.received(),
        ancestors: profile.ancestors,
        initial_call: profile.initial_call,
        age: profile.started.elapsed(),
    }
}

/// Returns a process as reports show it: by its name if it has one.
pub(crate) fn name_or_pid(pid: Pid) -> Destination {
    name_of(pid).map_or(Destination::Pid(pid), Destination::Name)
}

/// Returns the name of a process, or the one that a registrar keeps.
pub(crate) fn name_of(pid: Pid) -> Option<Name> {
    let Process { slot, .. } = Process::of(pid);
    let via = slot.profile.lock().via.clone();
    // If it has ended, what was read may be that of the slot's next process.
    let via = via.filter(|_| slot.is_of(pid.generation()));
    any_name(names::name_of(pid), via)
}

fn any_name(name: Option<Arc<str>>, via: Option<Via>) -> Option<Name> {
    name.map(Name::Local).or(via.map(Name::Via))
}

fn status_of(slot: &Slot) -> Status {
    // A process that was woken clears the flag itself, a moment later. Relaxed: only shown.
    if slot.interrupt.is_armed() {
        Status::Blocking
    } else if !slot.is_parked() {
        Status::Running
    } else if slot.hibernates.load(Ordering::Relaxed) {
        Status::Hibernating
    } else {
        Status::Waiting
    }
}
