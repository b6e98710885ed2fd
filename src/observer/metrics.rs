//! The figures of a snapshot, for Prometheus.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::fmt::Display;

use crate::id::Pid;
use crate::process::{Status, WaitsFor};
use crate::supervisor::Tree;
use crate::table::TableInfo;
use crate::user_code::displayed;

use super::exposition::{Family, Labels};
use super::{NodeInfo, ProcessInfo, RegistryInfo, ScopeInfo, Snapshot, SupervisorInfo};

/// How many series a family has, unless the program says otherwise.
const SERIES: usize = 200;

/// How many processes are shown for their long queues, unless the program says otherwise.
const LONGEST_QUEUES: usize = 10;

/// The figures of a [snapshot](Snapshot), as a text that Prometheus reads; made by
/// [`Snapshot::metrics`].
///
/// `Display` prints it. It is in the [text format], version 0.0.4: what is served over HTTP has the
/// type [`CONTENT_TYPE`](Self::CONTENT_TYPE).
///
/// ```
/// use procession::observer::{self, Options};
/// use procession::prelude::*;
///
/// process::register("main", process::self_pid())?;
/// process::send(process::self_pid(), "wait");
/// let text = observer::snapshot_with(Options::new().cpu_times(true)).metrics().to_string();
/// assert!(text.contains("# TYPE procession_processes gauge\n"));
/// assert!(text.contains("\nprocession_process_queue_messages{name=\"main\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Names
///
/// The names and labels below stay as they are. Names that end in `_total` are counters, the others
/// gauges; times are in seconds, memory in bytes. A family in which there is nothing to be said is
/// left out.
///
/// | of the program | |
/// |---|---|
/// | `procession_processes` | processes by their `status`, four words for [`Status`] |
/// | `procession_processes_waiting` | processes by what they wait `for`, as [`WaitsFor`] |
/// | `procession_queue_messages` | messages in all mailboxes |
/// | `procession_queue_messages_max` | messages in the longest queue |
/// | `procession_longest_queue_messages` | messages of one of the longest: `pid`, `process` |
/// | `procession_threads` | threads of the runtime, with those that wait |
/// | `procession_cached_threads` | threads that wait for their next process |
/// | `procession_max_cached_threads` | how many threads may do so |
/// | `procession_abandoned_threads` | threads that killed processes have left behind |
/// | `procession_program_threads` | threads of the program, its own included; on Linux |
/// | `procession_program_max_threads` | about how many there is room for; on Linux |
/// | `procession_timers` | pending timers |
/// | `procession_names` | registered names |
/// | `procession_supervisors` | supervisors |
/// | `procession_tables` | tables |
/// | `procession_snapshot_seconds` | how long the snapshot has taken |
/// | `procession_snapshot_left_out` | tables, registries and scopes that others had locked |
/// | `procession_left_out_series` | series over the limit |
///
/// | of each registered process, its `name` | |
/// |---|---|
/// | `procession_process_queue_messages` | messages in its mailbox |
/// | `procession_process_mailbox_capacity_messages` | for how many it has room, if bounded |
/// | `procession_process_messages_received_total` | messages that it has received |
/// | `procession_process_messages_dropped_total` | messages dropped for want of room |
/// | `procession_process_messages_refused_total` | messages handed back for want of room |
/// | `procession_process_age_seconds` | how long ago it started |
/// | `procession_process_cpu_seconds_total` | [processor time](ProcessInfo::cpu_time), if asked |
/// | `procession_process_stack_bytes` | memory of its [stack](ProcessInfo::stack), if asked |
///
/// | of each supervisor, its `application` and `supervisor` | |
/// |---|---|
/// | `procession_supervisor_children` | its children, whether they run or not |
/// | `procession_supervisor_restarts_total` | restarts that it has made |
/// | `procession_supervisor_recent_restarts` | those in the last period |
/// | `procession_supervisor_max_restarts` | after how many of these it gives up |
///
/// | of each connected node, its `node` | |
/// |---|---|
/// | `procession_node_bytes_received_total` | [bytes](NodeInfo) that have come |
/// | `procession_node_messages_received_total` | messages that have come |
/// | `procession_node_bytes_sent_total` | bytes that have been written |
/// | `procession_node_messages_sent_total` | messages that have been written |
/// | `procession_node_queued_bytes` | bytes that wait to be written |
/// | `procession_node_waiting_senders` | processes that wait until these are fewer |
///
/// | of others by their names | |
/// |---|---|
/// | `procession_application_processes` | processes of an `application` |
/// | `procession_table_rows` | rows of a `table` |
/// | `procession_table_memory_bytes` | [memory](TableInfo::memory) that it takes |
/// | `procession_registry_keys` | keys of a `registry` |
/// | `procession_registry_processes` | processes that are registered in it |
/// | `procession_scope_groups` | process groups of a `scope` |
/// | `procession_scope_members` | members of all of them |
///
/// The values of `status` are `running`, `waiting`, `blocking` and `hibernating`, those of `for`
/// are `message`, `hibernation`, `reply`, `start`, `end`, `time`, `name`, `room`, `thread` and
/// `outside`. In `process` are the name, the label and what the process was started as.
///
/// # How many series there are
///
/// What comes and goes has no series of its own: processes have them by their registered names, so
/// a server that is restarted under its name goes on with the same ones, and its counters start
/// again at zero. Supervisors have them by their registered names, or else by the way from the
/// nearest one above that has a name: `shop/carts`, by the ids of children. The top of a tree
/// without a name is called by its application, or for want of one by its pid. All tables without
/// names are one table, whose name is empty; of supervisors whose labels are the same the values
/// are added.
///
/// The exceptions are the processes with the longest queues, of which there are ten at a time or as
/// many as [the program says](Self::longest_queues): their pids are never used again. Who keeps
/// series for long sets that to zero.
///
/// A family has at most 200 series, or as many as [the program says](Self::series). They are the
/// first in the order of their labels, so they remain the same ones as long as names do; how many
/// there are besides is in `procession_left_out_series`.
///
/// [text format]: https://prometheus.io/docs/instrumenting/exposition_formats/
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'a> {
    snapshot: &'a Snapshot,
    series: usize,
    longest_queues: usize,
}

impl Snapshot {
    /// Returns the figures of the snapshot as what prints them for Prometheus.
    pub fn metrics(&self) -> Metrics<'_> {
        Metrics { snapshot: self, series: SERIES, longest_queues: LONGEST_QUEUES }
    }
}

impl Metrics<'_> {
    /// The content type of the text, for HTTP.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Sets how many series a family has at most. Default: 200.
    pub fn series(self, limit: usize) -> Self {
        Metrics { series: limit, ..self }
    }

    /// Sets how many processes are shown by their pids, those with the longest queues. Processes
    /// with empty queues are not. Default: 10.
    ///
    /// ```
    /// use procession::observer;
    /// use procession::prelude::*;
    ///
    /// process::send(process::self_pid(), "wait");
    /// let text = observer::snapshot().metrics().longest_queues(0).to_string();
    /// assert!(!text.contains("procession_longest_queue_messages"));
    /// assert!(text.contains("\nprocession_queue_messages 1\n"));
    /// ```
    pub fn longest_queues(self, limit: usize) -> Self {
        Metrics { longest_queues: limit, ..self }
    }
}

impl Display for Metrics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metrics { snapshot, series, longest_queues } = *self;
        let mut families = snapshot.process_families();
        families.push(snapshot.longest_queues(longest_queues));
        families.extend(snapshot.system_families());
        families.extend(snapshot.named_families());
        families.extend(snapshot.supervision_families());
        families.extend(snapshot.node_families());
        families.extend(snapshot.data_families());
        let left_out: usize = families.iter_mut().map(|family| family.limit(series)).sum();
        families.push(
            Family::new("procession_left_out_series", "Series over the limit.").of(float(left_out)),
        );
        families.iter().try_for_each(|family| write!(f, "{family}"))
    }
}

impl Snapshot {
    fn process_families(&self) -> Vec<Family> {
        let infos = || self.processes.iter().map(|it| &it.info);
        let statuses = infos().map(|it| status(it.status));
        let statuses = ["running", "waiting", "blocking", "hibernating"]
            .map(|status| (label("status", status), 0.0))
            .into_iter()
            .chain(statuses.map(|status| (label("status", status), 1.0)));
        let waits = infos().filter_map(|it| it.waits_for.as_ref()).map(waits_for);
        let waits = WAITS
            .map(|wait| (label("for", wait), 0.0))
            .into_iter()
            .chain(waits.map(|wait| (label("for", wait), 1.0)));
        let queues = || infos().map(|it| it.message_queue_len);
        vec![
            Family::new("procession_processes", "Processes by what they do.").with(statuses),
            Family::new("procession_processes_waiting", "Processes by what they wait for.")
                .with(waits),
            Family::new("procession_queue_messages", "Messages in all mailboxes.")
                .of(float(queues().sum())),
            Family::new("procession_queue_messages_max", "Messages in the longest queue.")
                .of(float(queues().max().unwrap_or(0))),
        ]
    }

    fn longest_queues(&self, limit: usize) -> Family {
        let is_waited_for = |it: &&ProcessInfo| it.info.message_queue_len > 0;
        let mut longest: Vec<&ProcessInfo> = self.processes.iter().filter(is_waited_for).collect();
        longest.sort_by_key(|it| Reverse(it.info.message_queue_len)); // It is stable.
        longest.truncate(limit);
        let name = "procession_longest_queue_messages";
        Family::new(name, "Messages in the queues that are longest.").with(longest.iter().map(
            |it| {
                let pid = it.info.pid.to_string();
                let labels = vec![("pid", pid), ("process", it.title())];
                (labels, float(it.info.message_queue_len))
            },
        ))
    }

    fn system_families(&self) -> Vec<Family> {
        let Snapshot { system, limits, .. } = self;
        let known = [
            ("procession_threads", "Threads of the runtime.", Some(system.threads)),
            (
                "procession_cached_threads",
                "Threads that wait for their next process.",
                Some(system.cached_threads),
            ),
            (
                "procession_max_cached_threads",
                "How many threads may wait for their next process.",
                Some(system.max_cached_threads),
            ),
            (
                "procession_abandoned_threads",
                "Threads that killed processes have left behind.",
                Some(system.abandoned_threads),
            ),
            ("procession_program_threads", "Threads of the program.", limits.threads),
            (
                "procession_program_max_threads",
                "About how many threads there is room for.",
                limits.max_threads,
            ),
            ("procession_timers", "Pending timers.", Some(system.timers)),
            ("procession_names", "Registered names.", Some(system.names)),
            (
                "procession_snapshot_left_out",
                "Tables, registries and scopes that others had locked.",
                Some(self.left_out),
            ),
        ];
        let known = known
            .into_iter()
            .filter_map(|(name, help, value)| Some(Family::new(name, help).of(float(value?))));
        let took = Family::new("procession_snapshot_seconds", "How long the snapshot has taken.")
            .of(self.took.as_secs_f64());
        known.chain([took]).collect()
    }

    /// What is known of the processes that have registered names.
    fn named_families(&self) -> Vec<Family> {
        let family = |name, help, value: fn(&ProcessInfo) -> Option<f64>| {
            Family::new(name, help).with(self.processes.iter().filter_map(|it| {
                let name = it.info.name.as_deref()?;
                Some((label("name", name), value(it)?))
            }))
        };
        vec![
            family("procession_process_queue_messages", "Messages in the mailbox.", |it| {
                Some(float(it.info.message_queue_len))
            }),
            family(
                "procession_process_mailbox_capacity_messages",
                "For how many messages the mailbox has room.",
                |it| it.info.mailbox_capacity.map(|(capacity, _)| float(capacity)),
            ),
            family("procession_process_messages_received_total", "Messages received.", |it| {
                Some(count(it.info.messages_received))
            }),
            family(
                "procession_process_messages_dropped_total",
                "Messages dropped for want of room.",
                |it| Some(count(it.info.messages_dropped)),
            ),
            family(
                "procession_process_messages_refused_total",
                "Messages handed back for want of room.",
                |it| Some(count(it.info.messages_refused)),
            ),
            family("procession_process_age_seconds", "How long ago it started.", |it| {
                Some(it.info.age.as_secs_f64())
            }),
            family("procession_process_cpu_seconds_total", "Processor time of the thread.", |it| {
                it.cpu_time.map(|time| time.as_secs_f64())
            }),
            family("procession_process_stack_bytes", "Memory of the stack.", |it| {
                it.stack.map(float)
            }),
        ]
    }

    fn supervision_families(&self) -> Vec<Family> {
        let applications = self.applications.iter().map(|it| (it.name.as_str(), 0.0));
        let theirs = self.processes.iter().filter_map(|it| Some((it.application.as_deref()?, 1.0)));
        let processes =
            applications.chain(theirs).map(|(name, value)| (label("application", name), value));
        let name = "procession_application_processes";
        let processes = Family::new(name, "Processes of an application.").with(processes);
        let places = self.places();
        let family = |name, help, value: fn(&SupervisorInfo) -> f64| {
            let series = self.supervisors.iter().filter_map(|it| {
                let labels = places.get(&it.pid)?;
                Some((labels.clone(), value(it)))
            });
            Family::new(name, help).with(series)
        };
        vec![
            processes,
            Family::new("procession_supervisors", "Supervisors.").of(float(self.supervisors.len())),
            family("procession_supervisor_children", "Children, running or not.", |it| {
                float(it.children)
            }),
            family("procession_supervisor_restarts_total", "Restarts made.", |it| {
                count(it.restarts)
            }),
            family(
                "procession_supervisor_recent_restarts",
                "Restarts made in the last period.",
                |it| float(it.recent_restarts),
            ),
            family(
                "procession_supervisor_max_restarts",
                "After how many restarts in a period the supervisor gives up.",
                |it| float(it.max_restarts),
            ),
        ]
    }

    /// The labels of the supervisors.
    fn places(&self) -> HashMap<Pid, Labels> {
        let mut places = HashMap::new();
        for tree in &self.trees {
            let application = tree.application.as_deref().unwrap_or_default();
            let pid = || tree.tree.state.pid().map_or_else(String::new, |pid| pid.to_string());
            let top = if application.is_empty() { pid() } else { application.to_owned() };
            add_places(&mut places, application, &tree.tree, top);
        }
        places
    }

    fn node_families(&self) -> Vec<Family> {
        let family = |name, help, value: fn(&NodeInfo) -> f64| {
            let series = self.nodes.iter();
            Family::new(name, help)
                .with(series.map(|it| (label("node", &it.node.to_string()), value(it))))
        };
        vec![
            family("procession_node_bytes_received_total", "Bytes that have come.", |it| {
                count(it.bytes_received)
            }),
            family("procession_node_messages_received_total", "Messages that have come.", |it| {
                count(it.messages_received)
            }),
            family("procession_node_bytes_sent_total", "Bytes written.", |it| count(it.bytes_sent)),
            family("procession_node_messages_sent_total", "Messages written.", |it| {
                count(it.messages_sent)
            }),
            family("procession_node_queued_bytes", "Bytes that wait to be written.", |it| {
                float(it.queued_bytes)
            }),
            family(
                "procession_node_waiting_senders",
                "Processes that wait until fewer bytes do.",
                |it| float(it.waiting_senders),
            ),
        ]
    }

    fn data_families(&self) -> Vec<Family> {
        let tables = |name, help, value: fn(&TableInfo) -> usize| {
            Family::new(name, help).with(self.tables.iter().map(|it| {
                (label("table", it.name.as_deref().unwrap_or_default()), float(value(it)))
            }))
        };
        let registries = |name, help, value: fn(&RegistryInfo) -> usize| {
            let series = self.registries.iter();
            Family::new(name, help)
                .with(series.map(|it| (label("registry", &it.name), float(value(it)))))
        };
        let scopes = |name, help, value: fn(&ScopeInfo) -> usize| {
            let series = self.scopes.iter();
            Family::new(name, help)
                .with(series.map(|it| (label("scope", &it.name), float(value(it)))))
        };
        vec![
            Family::new("procession_tables", "Tables.").of(float(self.tables.len())),
            tables("procession_table_rows", "Rows of a table.", |it| it.size),
            tables("procession_table_memory_bytes", "Memory of a table.", |it| it.memory),
            registries("procession_registry_keys", "Keys of a registry.", |it| it.keys),
            registries(
                "procession_registry_processes",
                "Processes registered in a registry.",
                |it| it.processes,
            ),
            scopes("procession_scope_groups", "Process groups of a scope.", |it| it.groups),
            scopes("procession_scope_members", "Members of the groups of a scope.", |it| {
                it.members
            }),
        ]
    }
}

/// Adds the labels of a supervisor that is called `place` if it has no name, and of those below.
fn add_places(places: &mut HashMap<Pid, Labels>, application: &str, tree: &Tree, place: String) {
    let place = tree.name.as_ref().map_or(place, displayed);
    for child in &tree.children {
        let id = child.id.as_deref().unwrap_or_default();
        add_places(places, application, child, format!("{place}/{id}"));
    }
    if let Some(pid) = tree.state.pid() {
        places.insert(pid, vec![("application", application.to_owned()), ("supervisor", place)]);
    }
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

/// The value of a series. Up to 2^53 it is exact; there is no other number there.
fn float(number: usize) -> f64 {
    count(number as u64)
}

fn count(number: u64) -> f64 {
    number as f64
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Waiting => "waiting",
        Status::Blocking => "blocking",
        Status::Hibernating => "hibernating",
    }
}

/// What processes wait for, in the words of [`waits_for`].
const WAITS: [&str; 10] = [
    "message",
    "hibernation",
    "reply",
    "start",
    "end",
    "time",
    "name",
    "room",
    "thread",
    "outside",
];

fn waits_for(waits_for: &WaitsFor) -> &'static str {
    let [message, hibernation, reply, start, end, time, name, room, thread, outside] = WAITS;
    match waits_for {
        WaitsFor::Message => message,
        WaitsFor::Hibernation => hibernation,
        WaitsFor::Reply { .. } => reply,
        WaitsFor::Start { .. } => start,
        WaitsFor::Ends { .. } => end,
        WaitsFor::Time => time,
        WaitsFor::Name => name,
        WaitsFor::Room { .. } => room,
        WaitsFor::Thread => thread,
        WaitsFor::Outside => outside,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::Node;
    use crate::observer::Options;

    #[test]
    fn each_connected_node_has_figures_by_its_name() {
        let mut snapshot = Snapshot::take(Options::new());
        snapshot.nodes.clear();
        assert!(!snapshot.metrics().to_string().contains("procession_node_"));
        snapshot.nodes.push(NodeInfo {
            node: Node::local(),
            hidden: false,
            connected_for: Duration::ZERO,
            bytes_received: 1,
            messages_received: 2,
            bytes_sent: 3,
            messages_sent: 4,
            queued_bytes: 5,
            waiting_senders: 6,
        });
        let text = snapshot.metrics().to_string();
        for (name, kind, value) in [
            ("procession_node_bytes_received_total", "counter", 1),
            ("procession_node_messages_received_total", "counter", 2),
            ("procession_node_bytes_sent_total", "counter", 3),
            ("procession_node_messages_sent_total", "counter", 4),
            ("procession_node_queued_bytes", "gauge", 5),
            ("procession_node_waiting_senders", "gauge", 6),
        ] {
            let node = Node::local();
            let lines = format!("# TYPE {name} {kind}\n{name}{{node=\"{node}\"}} {value}\n");
            assert!(text.contains(&lines), "{lines}{text}");
        }
    }
}
