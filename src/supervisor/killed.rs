//! What supervisors had to kill, and who is told of it.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::id::Pid;
use crate::message::Destination;
use crate::process;

use super::failures::me;

/// Who is told, by the process below which the supervisors are.
static TOLD: Mutex<BTreeMap<Pid, Pid>> = Mutex::new(BTreeMap::new());

/// From a supervisor: a child of it did not end in its time, and was killed.
#[derive(Debug)]
pub(crate) struct KilledChild {
    /// By its name if it has one.
    pub(crate) supervisor: Destination,
    pub(crate) id: String,
}

/// As long as it is there, a process is told of what supervisors below another one have to kill: by
/// a [`KilledChild`] each, which comes before the end of the supervisor.
#[derive(Debug)]
pub(crate) struct KillsTold {
    below: Pid,
}

impl KillsTold {
    /// Of supervisors below the caller.
    pub(crate) fn to(told: Pid) -> KillsTold {
        let below = process::self_pid();
        TOLD.lock().insert(below, told);
        KillsTold { below }
    }
}

impl Drop for KillsTold {
    fn drop(&mut self) {
        TOLD.lock().remove(&self.below);
    }
}

/// Tells of a child that the calling supervisor had to kill.
pub(super) fn tell_of(id: &str) {
    if let Some(told) = who_is_told() {
        process::send(told, KilledChild { supervisor: me(), id: id.to_owned() });
    }
}

/// The one for the first among the ancestors of the caller that has one.
fn who_is_told() -> Option<Pid> {
    let info = process::info(process::self_pid())?;
    let told = TOLD.lock();
    info.ancestors.iter().find_map(|pid| told.get(pid).copied())
}
