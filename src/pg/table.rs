//! The members of groups: written by the scope's process, read by all processes.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;

use crate::id::Pid;

use super::Group;

/// The groups of a scope.
pub(super) struct Table<G> {
    hasher: RandomState,
    /// Keyed by the hashes of their names; usually one group has each hash. So neither `Hash` nor
    /// `Eq` nor any other code of the program runs under the lock.
    groups: RwLock<HashMap<u64, Vec<Members<G>>>>,
}

struct Members<G> {
    group: Arc<G>,
    /// In the order in which they have joined; never empty.
    pids: Arc<Vec<Pid>>,
}

impl<G> Clone for Members<G> {
    fn clone(&self) -> Members<G> {
        Members { group: Arc::clone(&self.group), pids: Arc::clone(&self.pids) }
    }
}

impl<G> Default for Table<G> {
    fn default() -> Table<G> {
        Table { hasher: RandomState::new(), groups: RwLock::default() }
    }
}

impl<G: Group> fmt::Debug for Table<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.all()).finish()
    }
}

impl<G: Group> Table<G> {
    /// Returns the members of a group, including those that have ended and have not been removed
    /// yet.
    pub(super) fn members<Q>(&self, group: &Q) -> Vec<Pid>
    where
        G: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(group).map_or_else(Vec::new, |members| members.pids.to_vec())
    }

    /// Returns the groups that have a member that is as `is_wanted` says.
    pub(super) fn groups_with(&self, is_wanted: fn(Pid) -> bool) -> Vec<Arc<G>> {
        let is_there = |it: &Members<G>| it.pids.iter().any(|pid| is_wanted(*pid));
        self.entries().into_iter().filter(is_there).map(|it| it.group).collect()
    }

    /// Returns all groups, and their members as [`members`](Self::members) does.
    pub(super) fn all(&self) -> Vec<(Arc<G>, Vec<Pid>)> {
        self.entries().into_iter().map(|it| (it.group, it.pids.to_vec())).collect()
    }

    /// Returns the table's own `Arc` of the group, if it has the group.
    pub(super) fn known(&self, group: &G) -> Option<Arc<G>> {
        self.find(group).map(|members| members.group)
    }

    fn find<Q>(&self, group: &Q) -> Option<Members<G>>
    where
        G: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(group);
        let same_hash = self.groups.read().get(&hash).cloned()?;
        same_hash.into_iter().find(|members| G::borrow(&members.group) == group)
    }

    /// Returns how many groups there are, and how many members they have; `None` if others lock
    /// them until `patience`.
    pub(super) fn sizes(&self, patience: Instant) -> Option<(usize, usize)> {
        let groups = self.groups.try_read_until(patience)?;
        let groups = groups.values().flatten();
        Some(groups.fold((0, 0), |(groups, members), it| (groups + 1, members + it.pids.len())))
    }

    fn entries(&self) -> Vec<Members<G>> {
        self.groups.read().values().flatten().cloned().collect()
    }

    /// Adds processes, at least one, to a group: to a new one, if `group` is not the same `Arc`
    /// that the table [has](Self::known).
    pub(super) fn add(&self, group: &Arc<G>, pids: &[Pid]) {
        let hash = self.hasher.hash_one(&**group);
        let mut groups = self.groups.write();
        let same_hash = groups.entry(hash).or_default();
        match same_hash.iter_mut().find(|it| Arc::ptr_eq(&it.group, group)) {
            Some(members) => Arc::make_mut(&mut members.pids).extend(pids),
            None => {
                same_hash.push(Members { group: Arc::clone(group), pids: Arc::new(pids.to_vec()) })
            }
        }
    }

    /// Removes processes from a group that the table has, each once: its last place.
    pub(super) fn remove(&self, group: &Arc<G>, pids: &[Pid]) {
        let hash = self.hasher.hash_one(&**group);
        let mut groups = self.groups.write();
        let Entry::Occupied(mut same_hash) = groups.entry(hash) else { return };
        let place = same_hash.get().iter().position(|it| Arc::ptr_eq(&it.group, group));
        let Some(place) = place else { return };
        let members = Arc::make_mut(&mut same_hash.get_mut()[place].pids);
        for pid in pids {
            if let Some(last) = members.iter().rposition(|other| other == pid) {
                members.remove(last);
            }
        }
        if members.is_empty() {
            // The caller still has the group, so it is not dropped under the lock.
            same_hash.get_mut().swap_remove(place);
            if same_hash.get().is_empty() {
                same_hash.remove();
            }
        }
    }
}
