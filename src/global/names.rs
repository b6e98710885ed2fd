//! Global names, and the processes that have them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::id::{MonitorRef, Pid};
use crate::process;

use super::GlobalError;
use super::resolve::Resolve;

/// The names as all processes read them. Only the process that keeps them writes here.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pids: RwLock<HashMap<Arc<str>, Pid>>,
}

impl Directory {
    /// Returns the process with this name, if it is alive.
    pub(super) fn holder(&self, name: &str) -> Option<Pid> {
        self.pids.read().get(name).copied().filter(|pid| process::is_alive(*pid))
    }

    /// Returns the names of processes that are alive.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let pids = self.pids.read();
        let of_alive = pids.iter().filter(|(_, pid)| process::is_alive(**pid));
        of_alive.map(|(name, _)| Arc::clone(name)).collect()
    }
}

/// The names as the process that keeps them knows them.
#[derive(Debug, Default)]
pub(super) struct Names {
    directory: Arc<Directory>,
    holders: HashMap<Pid, Holder>,
}

/// A process with a name, or several.
#[derive(Debug)]
struct Holder {
    monitor: MonitorRef,
    names: BTreeMap<Arc<str>, Option<Resolve>>,
}

impl Names {
    pub(super) fn new(directory: Arc<Directory>) -> Names {
        Names { directory, holders: HashMap::new() }
    }

    pub(super) fn register(
        &mut self,
        name: Arc<str>,
        pid: Pid,
        resolve: Option<Resolve>,
    ) -> Result<(), GlobalError> {
        if let Some(holder) = self.directory.holder(&name) {
            return Err(GlobalError::Taken { name, holder });
        }
        if !process::is_alive(pid) {
            // Its names are free, even if they are still in the table.
            return Err(GlobalError::NotAlive(pid));
        }
        if let Some((own, _)) = self.holders.get(&pid).and_then(|it| it.names.first_key_value()) {
            return Err(GlobalError::HasName { pid, name: Arc::clone(own) });
        }
        self.re_register(name, pid, resolve)
    }

    /// Gives a process a name, whichever process has it now.
    pub(super) fn re_register(
        &mut self,
        name: Arc<str>,
        pid: Pid,
        resolve: Option<Resolve>,
    ) -> Result<(), GlobalError> {
        if !process::is_alive(pid) {
            return Err(GlobalError::NotAlive(pid));
        }
        let before = self.directory.pids.write().insert(Arc::clone(&name), pid);
        if let Some(before) = before {
            self.take(&name, before);
        }
        let holder = self
            .holders
            .entry(pid)
            .or_insert_with(|| Holder { monitor: process::monitor(pid), names: BTreeMap::new() });
        holder.names.insert(name, resolve);
        Ok(())
    }

    pub(super) fn unregister(&mut self, name: &str) {
        let removed = self.directory.pids.write().remove(name);
        if let Some(pid) = removed {
            self.take(name, pid);
        }
    }

    /// Takes a name from a process that has it.
    fn take(&mut self, name: &str, pid: Pid) {
        let Some(holder) = self.holders.get_mut(&pid) else { return };
        holder.names.remove(name);
        if holder.names.is_empty() {
            process::demonitor_flush(holder.monitor);
            self.holders.remove(&pid);
        }
    }

    /// Frees the names of a process that has ended, if the monitor is the one on it.
    pub(super) fn process_ended(&mut self, monitor: MonitorRef, pid: Pid) {
        if self.holders.get(&pid).is_none_or(|holder| holder.monitor != monitor) {
            return;
        }
        let Some(holder) = self.holders.remove(&pid) else { return };
        let mut pids = self.directory.pids.write();
        for name in holder.names.keys() {
            pids.remove(name);
        }
        drop(pids); // Before the functions that were kept with the names: they are user code.
    }
}
