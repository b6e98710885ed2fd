//! A process in a snapshot.

use std::time::Duration;

use crate::process::Info;

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
