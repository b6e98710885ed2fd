//! A process in a snapshot.

use std::time::Duration;

use crate::line_text::clean;
use crate::process::Info;
use crate::user_code::displayed;

/// A process in a [snapshot](super::Snapshot).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// What [`process::info`](crate::process::info()) says of it.
    pub info: Info,
    /// The application that it belongs to: that of the nearest master among its ancestors.
    pub application: Option<String>,
    /// The processor time that its thread has taken. A thread may have run other processes before,
    /// so the difference between two snapshots tells more. On Linux, with the feature `io`, if
    /// [asked for](super::Options::cpu_times).
    pub cpu_time: Option<Duration>,
    /// How many bytes of the stack of its thread are in memory: what this process, or one that ran
    /// on the thread before, has touched. On Linux, with the feature `io`, if [asked
    /// for](super::Options::stacks), and only of threads of the runtime. It is counted from the
    /// start of the stack up to the first 64 pages in a row that nobody has touched.
    pub stack: Option<usize>,
}

impl ProcessInfo {
    /// What it is called by, in one line: its name, its label and what it was started as.
    pub(super) fn title(&self) -> String {
        let info = &self.info;
        let name = info.any_name().map(|name| displayed(&name));
        let words = [name.as_deref(), info.label.as_deref(), info.initial_call];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        match words.as_slice() {
            [] if info.foreign => String::from("(thread of the program)"),
            words => clean(&words.join(", ")),
        }
    }
}
