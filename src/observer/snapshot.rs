//! The snapshot, and how it is taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::application::shown::ShownApplication;
use crate::id::Pid;
#[cfg(feature = "dist")]
use crate::message::NodeType;
use crate::pg::shown::{ScopeInfo, ShownScope};
use crate::process;
use crate::process::SystemInfo;
use crate::registry::shown::{RegistryInfo, ShownRegistry};
use crate::runtime::detached::run_detached;
#[cfg(feature = "dist")]
use crate::runtime::dist_entry::{Look as Connection, look_at_connected};
use crate::runtime::limits;
use crate::runtime::slot::Slot;
use crate::runtime::snapshot::{Look, look_at_alive, look_at_left_behind};
use crate::runtime::table::{self, Process};
use crate::supervisor::shown::ShownSupervisor;
use crate::table::{TableInfo, look_at_all};

#[cfg(not(all(feature = "io", target_os = "linux")))]
use super::no_thread_usage::{PageMap, cpu_time};
use super::supervision::Supervisors;
#[cfg(all(feature = "io", target_os = "linux"))]
use super::thread_usage::{PageMap, cpu_time};
use super::{NodeInfo, Options, ProcessInfo, SupervisionTree, SupervisorInfo};

/// How long all locks together are waited for that others may hold for long: those of tables,
/// registries and scopes.
const PATIENCE: Duration = Duration::from_millis(5);

/// A look at the whole program, as a value.
///
/// `Display` prints an overview; with `{:#}` all processes, not only those with the longest queues.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was begun.
    pub taken_at: SystemTime,
    /// How long that took.
    pub took: Duration,
    /// Numbers of the runtime as a whole: threads that wait for their next process, threads left
    /// behind, timers, and others.
    pub system: SystemInfo,
    /// How many threads there are, and how many there is room for.
    pub limits: Limits,
    /// The processes that are alive. One that was killed is not, and is shown again, among those
    /// that are abandoned, when its grace is over and it goes on.
    pub processes: Vec<ProcessInfo>,
    /// The processes that were killed, have not left their code within their
    /// [grace](crate::process::Builder::kill_grace), and have ended without their threads: as they
    /// were at their ends.
    pub abandoned: Vec<ProcessInfo>,
    /// The registered names.
    pub names: Vec<NamedProcess>,
    /// The applications that run, or are being started or stopped, and have processes.
    pub applications: Vec<RunningApplication>,
    /// The supervision trees: those of applications, and then those of the supervisors that are in
    /// none of these.
    pub trees: Vec<SupervisionTree>,
    /// All supervisors.
    pub supervisors: Vec<SupervisorInfo>,
    /// The registries.
    pub registries: Vec<RegistryInfo>,
    /// The scopes of process groups.
    pub scopes: Vec<ScopeInfo>,
    /// The tables, ordered by their owners.
    pub tables: Vec<TableInfo>,
    /// The nodes that this one is connected with. There are none without the feature `dist`.
    pub nodes: Vec<NodeInfo>,
    /// How many tables, registries and scopes are left out, as others had locked them.
    pub left_out: usize,
}

/// The threads of the program, its own included, and the limit that the system sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many threads there are. It is known on Linux, as the next one.
    pub threads: Option<usize>,
    /// About how many [there is room for](crate::process::tuning).
    pub max_threads: Option<usize>,
}

/// A registered name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedProcess {
    /// The name.
    pub name: Arc<str>,
    /// The process that has it.
    pub pid: Pid,
}

/// An application that has processes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningApplication {
    /// Its name.
    pub name: String,
    /// The parent of its tree.
    pub master: Pid,
    /// The top of its tree, once that has been started.
    pub top: Option<Pid>,
}

impl Snapshot {
    /// Returns the process with this pid, if it was alive.
    pub fn process(&self, pid: Pid) -> Option<&ProcessInfo> {
        self.processes.iter().find(|process| process.info.pid == pid)
    }

    /// Returns the process that is registered as `name`.
    pub fn named(&self, name: &str) -> Option<&ProcessInfo> {
        self.processes.iter().find(|process| process.info.name.as_deref() == Some(name))
    }

    pub(super) fn take(options: Options) -> Snapshot {
        let (taken_at, start) = (SystemTime::now(), Instant::now());
        let (looks, left_behind) = looks();
        let shown = Shown::of(&looks);
        let masters = shown.applications.iter().map(|(pid, it)| (*pid, it.name.as_str())).collect();
        let threads = Threads::new(options);
        let with_thread = |look| threads.add(look, &masters);
        let processes: Vec<ProcessInfo> = looks.into_iter().map(with_thread).collect();
        let abandoned = left_behind.into_iter().map(with_thread).collect();
        let names = named_processes(&processes);

        let applications = shown.applications.iter().map(|(master, it)| RunningApplication {
            name: it.name.clone(),
            master: *master,
            top: it.top.get().copied(),
        });
        let applications: Vec<_> = applications.collect();
        let tops = applications.iter().filter_map(|it| Some((it.name.clone(), it.top?))).collect();
        let supervisors = Supervisors::read(shown.supervisors);
        let infos = supervisors.infos.clone();

        let patience = Instant::now() + PATIENCE;
        let (tables, mut left_out) = look_at_all(patience);
        let registries = shown.registries.into_iter();
        let registries = registries.map(|(pid, it)| read(it, |it| it.info(pid, patience)));
        let registries = present(registries, &mut left_out);
        let scopes = shown.scopes.into_iter();
        let scopes = scopes.map(|(pid, it)| read(it, |it| it.info(pid, patience)));
        let scopes = present(scopes, &mut left_out);
        Snapshot {
            taken_at,
            system: process::info::system_info_of(processes.len(), names.len()),
            limits: Limits::read(),
            abandoned,
            names,
            applications,
            trees: supervisors.trees(tops, &processes),
            supervisors: infos,
            registries,
            scopes,
            tables,
            nodes: nodes(),
            left_out,
            processes,
            took: start.elapsed(),
        }
    }
}

/// Looks at all processes that are alive, and at those whose threads are left behind.
fn looks() -> (Vec<Look>, Vec<Look>) {
    let (mut alive, mut left_behind) = (Vec::new(), Vec::new());
    for slot in table::slots() {
        let resident = slot.resident().and_then(|pid| look_at_alive(Process::of(pid)));
        let abandoned = || look_at_left_behind(Process::of(Slot::left_behind(slot)?));
        match resident {
            Some(look) => alive.push(look),
            None => left_behind.extend(abandoned()),
        }
    }
    (alive, left_behind)
}

/// What processes show of themselves, with their pids.
#[derive(Default)]
struct Shown {
    applications: Vec<(Pid, Arc<ShownApplication>)>,
    supervisors: Vec<(Pid, Arc<ShownSupervisor>)>,
    registries: Vec<(Pid, Arc<ShownRegistry>)>,
    scopes: Vec<(Pid, Arc<ShownScope>)>,
}

impl Shown {
    fn of(looks: &[Look]) -> Shown {
        let mut shown = Shown::default();
        for look in looks.iter().filter(|look| look.shows_anything()) {
            let pid = look.info.pid;
            shown.applications.extend(look.shown().map(|it| (pid, it)));
            shown.supervisors.extend(look.shown().map(|it| (pid, it)));
            shown.registries.extend(look.shown().map(|it| (pid, it)));
            shown.scopes.extend(look.shown().map(|it| (pid, it)));
        }
        shown
    }
}

/// Reads a value. If its process has dropped it meanwhile, this is the last reference to values of
/// the program, whose destructors nobody who looks should wait for.
fn read<T: Send + Sync + 'static, R>(shown: Arc<T>, read: impl FnOnce(&T) -> R) -> R {
    let result = read(&shown);
    if let Some(last) = Arc::into_inner(shown) {
        run_detached(|| drop(last));
    }
    result
}

/// Returns what could be read, and counts the others.
fn present<T>(infos: impl Iterator<Item = Option<T>>, left_out: &mut usize) -> Vec<T> {
    infos
        .filter_map(|info| {
            info.or_else(|| {
                *left_out += 1;
                None
            })
        })
        .collect()
}

/// What is to be read of threads.
struct Threads {
    cpu_times: bool,
    page_map: Option<PageMap>,
}

impl Threads {
    fn new(Options { cpu_times, stacks }: Options) -> Threads {
        Threads { cpu_times, page_map: stacks.then(PageMap::open).flatten() }
    }

    fn add(&self, look: Look, masters: &BTreeMap<Pid, &str>) -> ProcessInfo {
        let Look { info, stack, .. } = look;
        let master = masters.get(&info.pid);
        let master = master.or_else(|| info.ancestors.iter().find_map(|pid| masters.get(pid)));
        let application = master.map(|name| (*name).to_owned());
        ProcessInfo {
            application,
            cpu_time: info.thread_id.filter(|_| self.cpu_times).and_then(cpu_time),
            stack: self.page_map.as_ref().zip(stack).and_then(|(map, stack)| map.touched(stack)),
            info,
        }
    }
}

impl Limits {
    fn read() -> Limits {
        let (threads, max_threads) = limits::threads_and_room().unzip();
        Limits { threads, max_threads }
    }
}

fn named_processes(processes: &[ProcessInfo]) -> Vec<NamedProcess> {
    let named = |ProcessInfo { info, .. }: &ProcessInfo| {
        info.name.clone().map(|name| NamedProcess { name, pid: info.pid })
    };
    let mut names: Vec<_> = processes.iter().filter_map(named).collect();
    names.sort_by(|one, other| one.name.cmp(&other.name));
    names
}

#[cfg(not(feature = "dist"))]
fn nodes() -> Vec<NodeInfo> {
    Vec::new()
}

#[cfg(feature = "dist")]
fn nodes() -> Vec<NodeInfo> {
    let info = |Connection { node, node_type, up_since, traffic, queued, senders }| NodeInfo {
        node,
        hidden: node_type == NodeType::Hidden,
        connected_for: up_since.elapsed(),
        bytes_received: traffic.bytes_received,
        messages_received: traffic.messages_received,
        bytes_sent: traffic.bytes_sent,
        messages_sent: traffic.messages_sent,
        queued_bytes: queued,
        waiting_senders: senders,
    };
    look_at_connected().into_iter().map(info).collect()
}
