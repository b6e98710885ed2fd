//! Snapshots of processes.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::id::Pid;
use crate::message::{Destination, Name, Via};

use super::bound::{Bound, Overflow};
use super::names;
use super::parked::ParkedFor;
use super::slot::{Shown, Slot};
use super::table::Process;
use super::wait_graph::{Edge, Edges};

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

/// What a process waits for, as [`Info::waits_for`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// A message: it is in [`receive!`](crate::receive) or one of its kind. So is a process that
    /// has asked another one by a plain message, and waits for its answer.
    Message,
    /// A message, and it [hibernates](crate::process::hibernate).
    Hibernation,
    /// The reply to a call, or to a [request](crate::gen_server::RequestId). A call of a process of
    /// another node is seen as a wait for a message, as is one whose reply comes by the mailbox
    /// when its server has deferred that.
    Reply {
        /// The process that it has called, which need not be the one that
        /// [will reply](Info::reply_deferred).
        of: Pid,
    },
    /// The acknowledgement of a process that it starts.
    Start {
        /// That process.
        of: Pid,
    },
    /// The ends of these processes, which it stops.
    Ends {
        /// Those whose ends it waits for.
        of: Vec<Pid>,
    },
    /// A time: it [sleeps](crate::process::sleep).
    Time,
    /// A [name](crate::process::wait_for) that no process has.
    Name,
    /// Room for a message that it sends.
    Room {
        /// The process whose mailbox is full; `None` if the way to another node is.
        of: Option<Pid>,
    },
    /// A thread, for a process that it starts.
    Thread,
    /// Something outside of the runtime, from which it can be called back: a socket, a pipe, a
    /// child process, standard input, or what a program waits for in
    /// [`blocking`](crate::process::blocking()).
    Outside,
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitsFor::Message => f.write_str("receive"),
            WaitsFor::Hibernation => f.write_str("hibernation"),
            WaitsFor::Reply { of } => write!(f, "call of {of}"),
            WaitsFor::Start { of } => write!(f, "start of {of}"),
            WaitsFor::Ends { of } if of.len() == 1 => write!(f, "end of {}", of[0]),
            WaitsFor::Ends { of } => write!(f, "ends of {} processes", of.len()),
            WaitsFor::Time => f.write_str("sleep"),
            WaitsFor::Name => f.write_str("name"),
            WaitsFor::Room { of: Some(pid) } => write!(f, "room in the mailbox of {pid}"),
            WaitsFor::Room { of: None } => f.write_str("room on the way to another node"),
            WaitsFor::Thread => f.write_str("thread"),
            WaitsFor::Outside => f.write_str("outside"),
        }
    }
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
    /// What it waits for; `None` if it runs, or waits for something that the runtime does not know
    /// of.
    pub waits_for: Option<WaitsFor>,
    /// Whether the process that it has called has deferred the reply, which so may come from any
    /// other. It is not known of [requests](crate::gen_server::RequestId).
    pub reply_deferred: bool,
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
    /// How often it has come to a receive point: it receives, calls, waits, or uses a socket. In
    /// between it hears of no exit signal.
    pub receive_points: u64,
    /// The process that spawned it, the one that spawned that, and so on, up to sixteen.
    pub ancestors: Arc<[Pid]>,
    /// What it was started as, if it was started by [`proc_lib`](crate::proc_lib).
    pub initial_call: Option<&'static str>,
    /// Whether it is a behaviour, a server of any kind, and so answers [system
    /// messages](crate::sys). Other processes do so only if they handle them by themselves.
    pub behaviour: bool,
    /// How long ago it started.
    pub age: Duration,
    /// The number of its thread, as the operating system has it: on Linux, with the feature `io`.
    pub thread_id: Option<u32>,
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

/// A snapshot of a process, and what only observers see.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) info: Info,
    /// What it shows of itself.
    shown: Vec<Shown>,
    /// The addresses of its stack, if they are known.
    pub(crate) stack: Option<Range<usize>>,
}

/// Returns a snapshot of a process, if it is alive.
pub(crate) fn of_alive(process: Process) -> Option<Info> {
    look_at_alive(process).map(|look| look.info)
}

/// As [`of_alive`], for observers.
pub(crate) fn look_at_alive(process: Process) -> Option<Look> {
    let look = process.is_running().then(|| look_at(process))?;
    // If it ended meanwhile, what was read may be that of the slot's next process.
    process.is_running().then_some(look)
}

/// As [`look_at_alive`], of a process that has ended and whose thread is left behind.
pub(crate) fn look_at_left_behind(process: Process) -> Option<Look> {
    let look = process.is_left_behind().then(|| look_at(process))?;
    process.is_left_behind().then_some(look)
}

/// Returns a snapshot of a process, without asking whether it is alive.
pub(crate) fn of(process: Process) -> Info {
    look_at(process).info
}

impl Look {
    /// Returns whether the process shows anything of itself, which few do.
    pub(crate) fn shows_anything(&self) -> bool {
        !self.shown.is_empty()
    }

    /// Returns the first of what the process shows that is a `T`.
    pub(crate) fn shown<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.shown.iter().find_map(Shown::get)
    }
}

fn look_at(process: Process) -> Look {
    let Process { slot, pid } = process;
    let profile = slot.profile.lock().clone();
    let waits_for = waits_for(process);
    let (links, monitors, monitored_by) = {
        let links = slot.links.lock();
        (
            links.peers.keys().copied().collect(),
            links.monitors.values().map(|monitor| monitor.object.clone()).collect(),
            links.watchers.values().map(|watcher| watcher.pid).collect(),
        )
    };
    let bound = slot.mailbox.bound();
    let info = Info {
        pid,
        name: names::name_of(pid),
        via: profile.via,
        label: profile.label,
        status: status_of(slot),
        reply_deferred: is_reply_deferred(slot, waits_for.as_ref()),
        waits_for,
        trap_exit: process.traps_exits(),
        foreign: process.is_foreign(),
        links,
        monitors,
        monitored_by,
        message_queue_len: slot.mailbox.len(),
        mailbox_capacity: bound.map(|bound| (bound.room().capacity, bound.overflow())),
        messages_dropped: bound.map_or(0, Bound::dropped),
        messages_refused: bound.map_or(0, Bound::refused),
        receive_points: slot.receive_points(),
        messages_received: slot.mailbox.received(),
        ancestors: profile.ancestors,
        initial_call: profile.initial_call,
        behaviour: profile.behaviour,
        age: profile.started.elapsed(),
        thread_id: slot.thread.id(),
    };
    Look { info, shown: profile.shown, stack: slot.thread.stack() }
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
    // A process that was woken clears what it is parked for itself, a moment later.
    match slot.parked_for() {
        _ if slot.interrupt.is_armed() => Status::Blocking,
        None => Status::Running,
        Some(ParkedFor::Hibernation) => Status::Hibernating,
        Some(_) => Status::Waiting,
    }
}

/// Returns what a process waits for that has this edge. It has none of these waits any more if it
/// has just been answered, or told of an end, and goes on.
fn wait_for_one(
    Process { slot, pid }: Process,
    (of, request): Edge,
    parked_for: Option<ParkedFor>,
) -> Option<WaitsFor> {
    let (has_alias, has_monitor) = {
        let links = slot.links.lock();
        (links.has_alias(request), links.monitors.contains_key(&request))
    };
    let is_parent = || Process::of(of).slot.profile.lock().ancestors.first() == Some(&pid);
    if has_alias {
        Some(WaitsFor::Reply { of }) // By the mailbox.
    } else if has_monitor {
        Some(WaitsFor::Ends { of: vec![of] })
    } else if parked_for == Some(ParkedFor::Room) {
        Some(WaitsFor::Room { of: Some(of) })
    } else {
        is_parent().then_some(WaitsFor::Start { of })
    }
}

/// Returns what a process waits for. It is read of what is written anyway: the reply slot and
/// the edges of the graph of waits first, as they stand before the process parks.
fn waits_for(process: Process) -> Option<WaitsFor> {
    let slot = process.slot;
    let parked_for = slot.parked_for();
    if let Some(of) = slot.wait.reply.server() {
        return Some(WaitsFor::Reply { of });
    }
    match slot.wait.edge.read_all(&slot.ends, |_| true) {
        Edges::Several(ends) => {
            return Some(WaitsFor::Ends { of: ends.into_iter().map(|(pid, _)| pid).collect() });
        }
        Edges::One(edge) => {
            if let Some(wait) = wait_for_one(process, edge, parked_for) {
                return Some(wait);
            }
        }
        Edges::None => {}
    }
    if let Some(of) = awaited_by_hand(slot) {
        return Some(WaitsFor::Reply { of });
    }
    match parked_for {
        Some(ParkedFor::Message) => Some(WaitsFor::Message),
        Some(ParkedFor::Hibernation) => Some(WaitsFor::Hibernation),
        Some(ParkedFor::Time) => Some(WaitsFor::Time),
        Some(ParkedFor::Name) => Some(WaitsFor::Name),
        Some(ParkedFor::Connection) => Some(WaitsFor::Room { of: None }),
        Some(ParkedFor::Thread) => Some(WaitsFor::Thread),
        // The first has its reply by now, and the second room.
        Some(ParkedFor::Reply | ParkedFor::Room | ParkedFor::Job) | None => {
            slot.interrupt.is_armed().then_some(WaitsFor::Outside)
        }
    }
}

/// Returns the process that was asked, by a request made by hand, whose answer a process waits for.
fn awaited_by_hand(slot: &Slot) -> Option<Pid> {
    let request = NonZeroU64::new(slot.awaits.load(Ordering::Relaxed))?; // Relaxed: only shown.
    slot.links.lock().monitors.get(&request)?.target
}

/// Returns whether a process waits for a reply, and its server does not stand for that any more.
fn is_reply_deferred(slot: &Slot, waits_for: Option<&WaitsFor>) -> bool {
    let is_called = matches!(waits_for, Some(WaitsFor::Reply { .. })) && !slot.wait.edge.stands();
    is_called && slot.wait.reply.server().is_some()
}
