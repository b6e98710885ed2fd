//! A snapshot as serde sees it. Pids, names and destinations are texts.

use std::fmt::Display;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::process::{Overflow, SystemInfo, WaitsFor};
use crate::supervisor::{ChildState, Tree};
use crate::table::TableInfo;
use crate::user_code::displayed;

use super::{
    Limits, NamedProcess, NodeInfo, ProcessInfo, RegistryInfo, RunningApplication, ScopeInfo,
    Snapshot, SupervisionTree, SupervisorInfo,
};

fn text(value: &impl Display) -> String {
    displayed(value)
}

fn text_if_any(value: &Option<impl Display>) -> Option<String> {
    value.as_ref().map(text)
}

fn texts<T: Display>(values: &[T]) -> Vec<String> {
    values.iter().map(text).collect()
}

/// The name of a variant without fields.
fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn variant_if_any(value: &Option<impl std::fmt::Debug>) -> Option<String> {
    value.as_ref().map(variant)
}

/// Serializes a type as a struct: each field by a function, if one is given.
macro_rules! serialize {
    ($type:ident { $($name:ident: $value:expr),* $(,)? } of $this:ident) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $this = self;
                let fields = [$(stringify!($name)),*].len();
                let mut fields = serializer.serialize_struct(stringify!($type), fields)?;
                $(fields.serialize_field(stringify!($name), &$value)?;)*
                fields.end()
            }
        }
    };
}

serialize! {
    Snapshot {
        taken_at: it.taken_at,
        took: it.took,
        system: it.system,
        limits: it.limits,
        processes: it.processes,
        abandoned: it.abandoned,
        names: it.names,
        applications: it.applications,
        trees: it.trees,
        supervisors: it.supervisors,
        registries: it.registries,
        scopes: it.scopes,
        tables: it.tables,
        nodes: it.nodes,
        left_out: it.left_out,
    } of it
}

serialize! {
    SystemInfo {
        processes: it.processes,
        threads: it.threads,
        cached_threads: it.cached_threads,
        max_cached_threads: it.max_cached_threads,
        abandoned_threads: it.abandoned_threads,
        timers: it.timers,
        names: it.names,
    } of it
}

serialize! {
    Limits { threads: it.threads, max_threads: it.max_threads } of it
}

serialize! {
    ProcessInfo {
        pid: text(&it.info.pid),
        name: it.info.name.as_deref(),
        via: text_if_any(&it.info.via),
        label: it.info.label.as_deref(),
        initial_call: it.info.initial_call,
        behaviour: it.info.behaviour,
        application: it.application,
        status: variant(&it.info.status),
        waits_for: it.info.waits_for,
        reply_deferred: it.info.reply_deferred,
        trap_exit: it.info.trap_exit,
        foreign: it.info.foreign,
        links: texts(&it.info.links),
        monitors: texts(&it.info.monitors),
        monitored_by: texts(&it.info.monitored_by),
        message_queue_len: it.info.message_queue_len,
        mailbox_capacity: capacity(it.info.mailbox_capacity),
        messages_dropped: it.info.messages_dropped,
        messages_refused: it.info.messages_refused,
        messages_received: it.info.messages_received,
        receive_points: it.info.receive_points,
        ancestors: texts(&it.info.ancestors),
        age: it.info.age,
        thread_id: it.info.thread_id,
        cpu_time: it.cpu_time,
        stack: it.stack,
    } of it
}

fn capacity(capacity: Option<(usize, Overflow)>) -> Option<(usize, String)> {
    capacity.map(|(capacity, overflow)| (capacity, variant(&overflow)))
}

serialize! {
    NamedProcess { name: *it.name, pid: text(&it.pid) } of it
}

serialize! {
    RunningApplication {
        name: it.name,
        master: text(&it.master),
        top: text_if_any(&it.top),
    } of it
}

serialize! {
    SupervisionTree {
        application: it.application,
        parent: text_if_any(&it.parent),
        tree: it.tree,
    } of it
}

serialize! {
    Tree {
        id: it.id,
        state: it.state,
        name: text_if_any(&it.name),
        child_type: variant(&it.child_type),
        restarts: it.restarts,
        children: it.children,
        error: text_if_any(&it.error),
    } of it
}

serialize! {
    SupervisorInfo {
        pid: text(&it.pid),
        strategy: variant_if_any(&it.strategy),
        max_restarts: it.max_restarts,
        period: it.period,
        recent_restarts: it.recent_restarts,
        restarts: it.restarts,
        children: it.children,
    } of it
}

serialize! {
    RegistryInfo {
        name: *it.name,
        pid: text(&it.pid),
        unique: it.unique,
        partitions: it.partitions,
        keys: it.keys,
        processes: it.processes,
        types: it.types,
    } of it
}

serialize! {
    ScopeInfo {
        name: *it.name,
        pid: text(&it.pid),
        groups: it.groups,
        members: it.members,
        types: it.types,
    } of it
}

serialize! {
    TableInfo {
        id: variant(&it.id),
        name: it.name.as_deref(),
        owner: text(&it.owner),
        heir: text_if_any(&it.heir),
        protection: text(&it.protection),
        kind: variant(&it.kind),
        size: it.size,
        memory: it.memory,
        types: it.types,
    } of it
}

serialize! {
    NodeInfo {
        node: text(&it.node),
        hidden: it.hidden,
        connected_for: it.connected_for,
        bytes_received: it.bytes_received,
        messages_received: it.messages_received,
        bytes_sent: it.bytes_sent,
        messages_sent: it.messages_sent,
        queued_bytes: it.queued_bytes,
        waiting_senders: it.waiting_senders,
    } of it
}

impl Serialize for ChildState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const NAME: &str = "ChildState";
        match self {
            Self::Running(pid) => {
                serializer.serialize_newtype_variant(NAME, 0, "Running", &text(pid))
            }
            Self::Restarting => serializer.serialize_unit_variant(NAME, 1, "Restarting"),
            Self::Stopped => serializer.serialize_unit_variant(NAME, 2, "Stopped"),
        }
    }
}

/// A variant without fields as its name; one with processes as a pair of its name and these.
impl Serialize for WaitsFor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = |index, name| (index, name, None);
        let (index, name, of) = match self {
            Self::Message => unit(0, "Message"),
            Self::Hibernation => unit(1, "Hibernation"),
            Self::Reply { of } => (2, "Reply", Some(vec![text(of)])),
            Self::Start { of } => (3, "Start", Some(vec![text(of)])),
            Self::Ends { of } => (4, "Ends", Some(texts(of))),
            Self::Time => unit(5, "Time"),
            Self::Name => unit(6, "Name"),
            Self::Room { of } => (7, "Room", Some(of.iter().map(text).collect())),
            Self::Thread => unit(8, "Thread"),
            Self::Outside => unit(9, "Outside"),
        };
        match of {
            None => serializer.serialize_unit_variant("WaitsFor", index, name),
            Some(of) => serializer.serialize_newtype_variant("WaitsFor", index, name, &of),
        }
    }
}
