//! The one name table.
//!
//! A name belongs to its process only as long as that is alive: the moment it is not, the name
//! reads as free and can be taken, though the entry may be removed a little later.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use once_cell::sync::Lazy;
use parking_lot::Mutex;

use crate::id::Pid;

use super::table::Process;

/// Both directions, as a process has at most one name.
#[derive(Default)]
struct Names {
    pids: HashMap<Arc<str>, Pid>,
    names: HashMap<Pid, Arc<str>>,
    /// The names that killed processes had which have not ended yet: others may have them now.
    lost: HashMap<Pid, Arc<str>>,
}

static NAMES: Lazy<Mutex<Names>> = Lazy::new(Mutex::default);

impl Names {
    fn holder(&self, name: &str) -> Option<Pid> {
        self.pids.get(name).copied().filter(|pid| Process::of(*pid).is_running())
    }

    fn register(&mut self, name: Arc<str>, pid: Pid) -> Result<(), RegisterError> {
        if let Some(holder) = self.holder(&name) {
            return Err(RegisterError::Taken { name, holder });
        }
        // Under the lock: a process that ends takes it after it is not alive any more, to remove
        // what was registered before.
        if !Process::of(pid).is_running() {
            return Err(RegisterError::NotAlive(pid));
        }
        if let Some(own) = self.names.get(&pid) {
            return Err(RegisterError::HasName { pid, name: Arc::clone(own) });
        }
        if let Some(dead) = self.pids.insert(Arc::clone(&name), pid)
            && let Some(lost) = self.names.remove(&dead)
        {
            self.lost.insert(dead, lost); // Until that has released what it has.
        }
        self.names.insert(pid, name);
        Ok(())
    }

    fn release(&mut self, pid: Pid) -> Option<Arc<str>> {
        let name = self.names.remove(&pid)?;
        self.pids.remove(&name);
        Some(name)
    }
}

/// Error returned from [`register`](crate::process::register).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another process has the name, or the process itself has it already.
    Taken {
        /// The name.
        name: Arc<str>,
        /// Who has it.
        holder: Pid,
    },
    /// The process has a name already; it can have only one.
    HasName {
        /// The process.
        pid: Pid,
        /// The name it has.
        name: Arc<str>,
    },
    /// The process has ended.
    NotAlive(Pid),
    /// The name is the empty string.
    Empty,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { name, holder } => write!(f, "the name {name:?} is taken by {holder}"),
            Self::HasName { pid, name } => write!(f, "{pid} already has the name {name:?}"),
            Self::NotAlive(pid) => write!(f, "{pid} is not alive"),
            Self::Empty => f.write_str("a name cannot be empty"),
        }
    }
}

impl Error for RegisterError {}

/// Error returned from [`unregister`](crate::process::unregister), and from sending to a name that
/// nobody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// The name.
    pub name: Arc<str>,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no process is registered as {:?}", self.name)
    }
}

impl Error for NameError {}

/// Gives `pid` the name `name`.
pub(crate) fn give(name: &str, pid: Pid) -> Result<(), RegisterError> {
    if name.is_empty() {
        return Err(RegisterError::Empty);
    }
    let name = Arc::from(name);
    NAMES.lock().register(name, pid)
}

/// The process that is registered as `name`.
pub(crate) fn holder(name: &str) -> Option<Pid> {
    NAMES.lock().holder(name)
}

/// Takes `name` from whoever has it, at the will of `caller`. False if nobody has it, or if the
/// caller was killed and had it: that has freed the name, and it is another's now.
pub(crate) fn take(name: &str, caller: Pid) -> bool {
    let mut names = NAMES.lock();
    if names.lost.get(&caller).is_some_and(|lost| **lost == *name) {
        return false;
    }
    let holder = names.holder(name);
    if let Some(holder) = holder {
        names.release(holder);
    }
    holder.is_some()
}

/// The names that processes have.
pub(crate) fn registered() -> Vec<Arc<str>> {
    let names = NAMES.lock();
    let alive = names.names.iter().filter(|(pid, _)| Process::of(**pid).is_running());
    alive.map(|(_, name)| Arc::clone(name)).collect()
}

/// The name of `pid`, which may have ended.
pub(crate) fn name_of(pid: Pid) -> Option<Arc<str>> {
    NAMES.lock().names.get(&pid).cloned()
}

/// Frees the name of a process that has ended.
pub(crate) fn release(pid: Pid) {
    let mut names = NAMES.lock();
    names.release(pid);
    names.lost.remove(&pid);
}

/// Frees the name of a process that was killed, which will end.
pub(crate) fn release_of_killed(pid: Pid) {
    let mut names = NAMES.lock();
    // If there is one: else the process may have ended by now.
    if let Some(name) = names.release(pid) {
        names.lost.insert(pid, name);
    }
}
