//! Which processes are in which groups: written by the scope's process, read by everyone.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::id::Pid;
use crate::process;

use super::Group;

/// The groups of a scope. Under its lock no user code runs but the `Hash` and `Eq` of the keys.
pub(super) struct Table<G> {
    groups: RwLock<HashMap<G, Members<G>>>,
}

struct Members<G> {
    /// The key once more, to be cloned where no lock is held.
    group: Arc<G>,
    /// In the order in which they have joined. Never empty.
    pids: Vec<Pid>,
}

impl<G> Default for Table<G> {
    fn default() -> Table<G> {
        Table { groups: RwLock::default() }
    }
}

impl<G: Group> fmt::Debug for Table<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.all()).finish()
    }
}

impl<G: Group> Table<G> {
    /// The members of a group, also those that have ended and have still to leave.
    pub(super) fn members<Q>(&self, group: &Q) -> Vec<Pid>
    where
        G: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.groups.read().get(group).map_or_else(Vec::new, |members| members.pids.clone())
    }

    /// The groups that have members that are alive.
    pub(super) fn groups(&self) -> Vec<Arc<G>> {
        let groups = self.groups.read();
        let is_there = |it: &&Members<G>| it.pids.iter().any(|pid| process::is_alive(*pid));
        groups.values().filter(is_there).map(|it| Arc::clone(&it.group)).collect()
    }

    /// All groups, and their members as [`members`](Self::members) tells them.
    pub(super) fn all(&self) -> Vec<(Arc<G>, Vec<Pid>)> {
        let groups = self.groups.read();
        groups.values().map(|it| (Arc::clone(&it.group), it.pids.clone())).collect()
    }

    /// The group as the table knows it.
    pub(super) fn known(&self, group: &G) -> Option<Arc<G>> {
        self.groups.read().get(group).map(|members| Arc::clone(&members.group))
    }

    /// Adds processes, of which there is at least one, to a group.
    pub(super) fn add(&self, group: &Arc<G>, pids: &[Pid]) {
        if let Some(members) = self.groups.write().get_mut(&**group) {
            return members.pids.extend(pids);
        }
        // Nobody else writes, so it is still not there.
        let members = Members { group: Arc::clone(group), pids: pids.to_vec() };
        let key = G::clone(group);
        self.groups.write().insert(key, members);
    }

    /// Takes processes out of a group, each once: the last time that it is there.
    pub(super) fn remove(&self, group: &G, pids: &[Pid]) {
        let emptied = {
            let mut groups = self.groups.write();
            let Some(members) = groups.get_mut(group) else { return };
            for pid in pids {
                if let Some(last) = members.pids.iter().rposition(|other| other == pid) {
                    members.pids.remove(last);
                }
            }
            if members.pids.is_empty() { groups.remove_entry(group) } else { None }
        };
        drop(emptied); // Where no lock is held.
    }
}
