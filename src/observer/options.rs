//! What a snapshot is to say beside what costs little.

/// What a [snapshot](super::snapshot_with) is to say that takes longer to find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing by themselves"]
pub struct Options {
    pub(super) cpu_times: bool,
    pub(super) stacks: bool,
}

impl Options {
    /// Returns options with nothing set.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets whether it says how much processor time the thread of each process has taken, which is
    /// read from the system: [`ProcessInfo::cpu_time`](super::ProcessInfo::cpu_time).
    pub fn cpu_times(mut self, cpu_times: bool) -> Options {
        self.cpu_times = cpu_times;
        self
    }

    /// Sets whether it says how much of its stack each process has touched, which is read from the
    /// system: [`ProcessInfo::stack`](super::ProcessInfo::stack).
    pub fn stacks(mut self, stacks: bool) -> Options {
        self.stacks = stacks;
        self
    }
}
