//! What the page is sent once in a while: the snapshot, with its processes as a table.

use std::collections::HashMap;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::process::Status;
use crate::user_code::displayed;

use super::super::{ProcessInfo, Snapshot};

/// The columns of the table of processes. What is written again and again stands beside the table,
/// and has a number in it: `call`, `application`.
const COLUMNS: [&str; 16] = [
    "pid",
    "parent",
    "name",
    "label",
    "call",
    "application",
    "status",
    "waits",
    "queue",
    "received",
    "links",
    "monitors",
    "monitored_by",
    "cpu",
    "age",
    "flags",
];

/// The flags of a process.
const TRAPS_EXITS: u32 = 1;
const FOREIGN: u32 = 2;
const BEHAVIOUR: u32 = 4;

/// The update of a snapshot.
pub(super) struct Update<'a>(pub(super) &'a Snapshot);

impl Serialize for Update<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Update(it) = self;
        let mut table = Table::default();
        let rows: Vec<Row<'_>> = it.processes.iter().map(|process| table.row(process)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("taken_at", &it.taken_at)?;
        map.serialize_entry("took", &it.took)?;
        map.serialize_entry("system", &it.system)?;
        map.serialize_entry("limits", &it.limits)?;
        map.serialize_entry("columns", &COLUMNS)?;
        map.serialize_entry("processes", &rows)?;
        map.serialize_entry("calls", &table.calls.words)?;
        map.serialize_entry("running_applications", &table.applications.words)?;
        map.serialize_entry("abandoned", &it.abandoned)?;
        map.serialize_entry("names", &it.names)?;
        map.serialize_entry("applications", &it.applications)?;
        map.serialize_entry("trees", &it.trees)?;
        map.serialize_entry("supervisors", &it.supervisors)?;
        map.serialize_entry("registries", &it.registries)?;
        map.serialize_entry("scopes", &it.scopes)?;
        map.serialize_entry("tables", &it.tables)?;
        map.serialize_entry("nodes", &it.nodes)?;
        map.serialize_entry("left_out", &it.left_out)?;
        map.end()
    }
}

/// What the rows of a table share.
#[derive(Default)]
struct Table<'a> {
    calls: Words<'a>,
    applications: Words<'a>,
}

/// Words with numbers.
#[derive(Default)]
struct Words<'a> {
    words: Vec<&'a str>,
    numbers: HashMap<&'a str, usize>,
}

impl<'a> Words<'a> {
    fn number(&mut self, word: &'a str) -> usize {
        *self.numbers.entry(word).or_insert_with(|| {
            self.words.push(word);
            self.words.len() - 1
        })
    }
}

impl<'a> Table<'a> {
    fn row(&mut self, process: &'a ProcessInfo) -> Row<'a> {
        Row {
            process,
            call: process.info.initial_call.map(|call| self.calls.number(call)),
            application: process.application.as_deref().map(|it| self.applications.number(it)),
        }
    }
}

/// A process, as an array.
struct Row<'a> {
    process: &'a ProcessInfo,
    call: Option<usize>,
    application: Option<usize>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ProcessInfo { info, cpu_time, .. } = self.process;
        let name = info.any_name().map(|name| displayed(&name));
        let waits = info.waits_for.as_ref().map(|it| it.to_string());
        let mut row = serializer.serialize_seq(Some(COLUMNS.len()))?;
        row.serialize_element(&info.pid.to_string())?;
        row.serialize_element(&info.parent().map(|pid| pid.to_string()))?;
        row.serialize_element(&name)?;
        row.serialize_element(&info.label.as_deref())?;
        row.serialize_element(&self.call)?;
        row.serialize_element(&self.application)?;
        row.serialize_element(status(info.status))?;
        row.serialize_element(&waits)?;
        row.serialize_element(&info.message_queue_len)?;
        row.serialize_element(&info.messages_received)?;
        row.serialize_element(&info.links.len())?;
        row.serialize_element(&info.monitors.len())?;
        row.serialize_element(&info.monitored_by.len())?;
        row.serialize_element(&cpu_time.map(|time| time.as_micros()))?;
        row.serialize_element(&info.age.as_millis())?;
        row.serialize_element(&flags(self.process))?;
        row.end()
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Waiting => "waiting",
        Status::Hibernating => "hibernating",
        Status::Blocking => "blocking",
    }
}

fn flags(process: &ProcessInfo) -> u32 {
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    flag(process.info.trap_exit, TRAPS_EXITS)
        | flag(process.info.foreign, FOREIGN)
        | flag(process.info.behaviour, BEHAVIOUR)
}
