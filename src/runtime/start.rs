//! Starting a process, whichever part of the crate asks for it.

use std::sync::Arc;

use super::exit::{self, Body};
use super::slot::{Profile, Settings};
use super::table::Process;
use super::threads::{self, ThreadError, ThreadKind};

/// What a process is started with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) thread: ThreadKind,
    pub(crate) settings: Settings,
    pub(crate) profile: Profile,
}

impl Start {
    /// Returns the start of a process that belongs to nobody, on a thread from the cache.
    pub(crate) fn new() -> Start {
        let settings = Settings::default();
        Start { thread: ThreadKind::Cached, settings, profile: Profile::new(Arc::from([])) }
    }

    /// Begins a process, which is alive from here on, but runs nothing before [`run`] gives it its
    /// body. If there is no room for its thread, `spawner` waits for one that is about to be free.
    pub(crate) fn begin(self, spawner: Option<Process>) -> Result<Process, ThreadError> {
        let slot = threads::acquire_slot(&self.thread, spawner)?;
        let pid = slot.begin(self.profile, self.settings);
        Ok(Process { slot, pid })
    }
}

/// Has a process that was begun run its body, to the end of its exit, on its own thread.
pub(crate) fn run(process: Process, body: Body) {
    threads::hand_over(process, Box::new(move |pid| exit::run(Process::of(pid), body)));
}
