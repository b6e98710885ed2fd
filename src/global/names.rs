//! Global names, and the processes that have them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;

#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::id::Node;
use crate::id::{MonitorRef, Pid};
use crate::process;
use crate::process::info::may_be_alive;

use super::GlobalError;
use super::key::Key;
use super::method::Method;
use super::named::Named;

/// The name of the process that keeps them, and of the directory that it publishes.
pub(super) const NAME: &str = "global_name_server";

/// The names as all processes read them. Only the process that keeps them writes here.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pids: RwLock<HashMap<Arc<str>, Pid>>,
}

impl Directory {
    /// Returns the process with this name, if it is alive, as far as this node knows.
    pub(super) fn holder(&self, name: &str) -> Option<Pid> {
        self.pids.read().get(name).copied().filter(|pid| may_be_alive(*pid))
    }

    /// Returns the names of processes that are alive, as far as this node knows.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let pids = self.pids.read();
        let of_alive = pids.iter().filter(|(_, pid)| may_be_alive(**pid));
        of_alive.map(|(name, _)| Arc::clone(name)).collect()
    }
}

/// The names as the process that keeps them knows them.
#[derive(Debug, Default)]
pub(super) struct Names {
    directory: Arc<Directory>,
    /// Those that are no texts, which nobody asks for here.
    others: HashMap<Key, Pid>,
    holders: HashMap<Pid, Holder>,
}

/// A process with a name, or several.
#[derive(Debug)]
struct Holder {
    monitor: MonitorRef,
    names: BTreeMap<Key, Method>,
}

impl Names {
    pub(super) fn new(directory: Arc<Directory>) -> Names {
        Names { directory, others: HashMap::new(), holders: HashMap::new() }
    }

    /// Returns why a process is not to be given a name, if it is not.
    pub(super) fn check(&self, named: &Named) -> Result<(), GlobalError> {
        let Named { name, pid, .. } = named;
        if let Some(holder) = self.pid(name).filter(|pid| may_be_alive(*pid)) {
            return Err(GlobalError::Taken { name: name.text(), holder });
        }
        // The names of one that has ended are free, even if they are still in the table.
        self.check_alive(*pid)?;
        if let Some((own, _)) = self.holders.get(pid).and_then(|it| it.names.first_key_value()) {
            return Err(GlobalError::HasName { pid: *pid, name: own.text() });
        }
        Ok(())
    }

    /// Returns an error if the process has ended.
    pub(super) fn check_alive(&self, pid: Pid) -> Result<(), GlobalError> {
        if may_be_alive(pid) { Ok(()) } else { Err(GlobalError::NotAlive(pid)) }
    }

    fn pid(&self, name: &Key) -> Option<Pid> {
        let Key::Text(text) = name else { return self.others.get(name).copied() };
        self.directory.pids.read().get(text).copied()
    }

    /// Enters a name, and returns the process that has had it.
    fn enter(&mut self, name: &Key, pid: Pid) -> Option<Pid> {
        let Key::Text(text) = name else { return self.others.insert(name.clone(), pid) };
        self.directory.pids.write().insert(Arc::clone(text), pid)
    }

    /// Removes a name, and returns the process that has had it.
    fn remove(&mut self, name: &Key) -> Option<Pid> {
        let Key::Text(text) = name else { return self.others.remove(name) };
        self.directory.pids.write().remove(text)
    }

    /// Gives a process a name, whichever process has it now.
    pub(super) fn insert(&mut self, Named { name, pid, mut method }: Named) {
        if let Some(before) = self.enter(&name, pid) {
            let kept = self.take(&name, before);
            // Nobody else has the function itself.
            if let Some(own @ Method::Own(_)) = kept.filter(|_| before == pid) {
                method = own;
            }
        }
        let holder = self
            .holders
            .entry(pid)
            .or_insert_with(|| Holder { monitor: process::monitor(pid), names: BTreeMap::new() });
        holder.names.insert(name, method);
    }

    pub(super) fn delete(&mut self, name: &Key) {
        if let Some(pid) = self.remove(name) {
            self.take(name, pid);
        }
    }

    /// Takes a name from a process that has it.
    fn take(&mut self, name: &Key, pid: Pid) -> Option<Method> {
        let holder = self.holders.get_mut(&pid)?;
        let method = holder.names.remove(name);
        if holder.names.is_empty() {
            process::demonitor_flush(holder.monitor);
            self.holders.remove(&pid);
        }
        method
    }

    /// Frees the names of a process that has ended, if the monitor is the one on it.
    pub(super) fn process_ended(&mut self, monitor: MonitorRef, pid: Pid) {
        if self.holders.get(&pid).is_some_and(|holder| holder.monitor == monitor) {
            self.free(pid);
        }
    }

    fn free(&mut self, pid: Pid) {
        // The functions that were kept with the names are user code: they are dropped last.
        let Some(holder) = self.holders.remove(&pid) else { return };
        holder.names.keys().for_each(|name| _ = self.remove(name));
    }
}

/// What other nodes do.
#[cfg(all(feature = "dist", target_os = "linux"))]
impl Names {
    /// Returns a name that a process has, if that is alive, as far as this node knows.
    pub(super) fn find(&self, name: &Key) -> Option<Named> {
        let pid = self.pid(name).filter(|pid| may_be_alive(*pid))?;
        let method = self.holders.get(&pid)?.names.get(name)?.clone();
        Some(Named { name: name.clone(), pid, method })
    }

    pub(super) fn all(&self) -> Vec<Named> {
        let named = self.holders.iter().flat_map(|(pid, holder)| {
            holder.names.iter().map(|(name, method)| (*pid, name.clone(), method.clone()))
        });
        named.map(|(pid, name, method)| Named { name, pid, method }).collect()
    }

    /// Frees the names of all processes of another node.
    pub(super) fn forget(&mut self, node: Node) {
        let of_node = |pid: &&Pid| pid.is_remote() && pid.node() == node;
        for pid in self.holders.keys().filter(of_node).copied().collect::<Vec<_>>() {
            process::demonitor_flush(self.holders[&pid].monitor);
            self.free(pid);
        }
    }
}
