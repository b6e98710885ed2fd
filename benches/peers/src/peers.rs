//! Those that are compared.

mod procession;
mod threads;
mod spawned_threads;
mod runtime;
mod tokio_tasks;
mod ractor;
mod kameo;
mod actix;
mod spawned_tasks;
mod erlang;

use crate::meter::Meter;
use crate::peer::Peer;
use crate::subject::Subject;
use crate::work;

/// One that is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Its name as an argument.
    pub(crate) name: &'static str,
    /// Its name in the table.
    pub(crate) title: &'static str,
    /// Its version; an error says why it is not there.
    pub(crate) version: fn() -> Result<String, String>,
    /// Measures; `None` if it cannot do that.
    pub(crate) measure: fn(Subject, Meter) -> Option<f64>,
}

/// The one that the others are compared with.
pub(crate) const OURS: Entry =
    entry::<procession::Procession>("procession", "procession", || of_crate("procession"));

/// All of them, ours first.
pub(crate) const ALL: [Entry; 12] = [
    OURS,
    entry::<threads::Mpsc>("mpsc", "threads, std mpsc", || Ok(String::new())),
    entry::<threads::Crossbeam>("crossbeam", "threads, crossbeam", || {
        of_crate("crossbeam-channel")
    }),
    entry::<threads::CrossbeamKept>("crossbeam-kept", "the same, reply channel kept", || {
        Ok(String::new())
    }),
    entry::<threads::CrossbeamSpin>("crossbeam-spin", "the same, and a spin of 50 µs", || {
        Ok(String::new())
    }),
    entry::<spawned_threads::Spawned>("spawned-threads", "spawned, threads", || {
        of_crate("spawned-concurrency")
    }),
    entry::<tokio_tasks::Tokio>("tokio", "tokio mpsc + oneshot", || of_crate("tokio")),
    entry::<ractor::Ractor>("ractor", "ractor", || of_crate("ractor")),
    entry::<kameo::Kameo>("kameo", "kameo", || of_crate("kameo")),
    entry::<actix::Actix>("actix", "actix, one arbiter", || of_crate("actix")),
    entry::<spawned_tasks::Spawned>("spawned-tasks", "spawned, tasks", || {
        of_crate("spawned-concurrency")
    }),
    erlang::ENTRY,
];

pub(crate) fn named(name: &str) -> Option<Entry> {
    ALL.into_iter().find(|entry| entry.name == name)
}

const fn entry<P: Peer>(
    name: &'static str,
    title: &'static str,
    version: fn() -> Result<String, String>,
) -> Entry {
    Entry {
        name,
        title,
        version,
        measure: |subject, meter| P::run(work::measure::<P>(subject, meter)),
    }
}

/// The version of a crate that this program was built with.
fn of_crate(name: &str) -> Result<String, String> {
    let head = format!("name = \"{name}\"");
    let mut lines = include_str!("../Cargo.lock").lines().skip_while(|line| *line != head);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.map(|version| version.replace('"', "")).ok_or(format!("no {name} in Cargo.lock"))
}
