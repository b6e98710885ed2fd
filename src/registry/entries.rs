//! The entries of one partition: by key, and by process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::id::Pid;

/// What a process has under a key.
#[derive(Debug)]
pub(super) struct Entry<V> {
    pub(super) pid: Pid,
    pub(super) value: Arc<V>,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Entry<V> {
        Entry { pid: self.pid, value: Arc::clone(&self.value) }
    }
}

/// Values and keys are never dropped here, as that may run the program's code: what is removed is
/// returned.
#[derive(Debug)]
pub(super) struct Entries<K, V> {
    by_key: HashMap<Arc<K>, Vec<Entry<V>>>,
    /// The keys of each process, each as often as it has entries there.
    by_pid: HashMap<Pid, Vec<Arc<K>>>,
}

/// An entry that was removed, and its key.
pub(super) type Removed<K, V> = (Arc<K>, Entry<V>);

impl<K, V> Default for Entries<K, V> {
    fn default() -> Entries<K, V> {
        Entries { by_key: HashMap::new(), by_pid: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Entries<K, V> {
    pub(super) fn get(&self, key: &K) -> &[Entry<V>] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn get_mut(&mut self, pid: Pid, key: &K) -> Option<&mut Entry<V>> {
        self.by_key.get_mut(key)?.iter_mut().find(|entry| entry.pid == pid)
    }

    pub(super) fn keys_of(&self, pid: Pid) -> &[Arc<K>] {
        self.by_pid.get(&pid).map_or(&[], Vec::as_slice)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<K>, &Entry<V>)> {
        self.by_key.iter().flat_map(|(key, entries)| entries.iter().map(move |it| (key, it)))
    }

    /// Adds an entry behind the others of its key. Returns whether it is the first of its process.
    pub(super) fn add(&mut self, key: Arc<K>, entry: Entry<V>) -> bool {
        let keys = self.by_pid.entry(entry.pid).or_default();
        let is_first = keys.is_empty();
        keys.push(Arc::clone(&key));
        self.by_key.entry(key).or_default().push(entry);
        is_first
    }

    /// Removes those entries of a process under a key that are such.
    pub(super) fn remove(
        &mut self,
        pid: Pid,
        key: &K,
        is_such: impl Fn(&Entry<V>) -> bool,
    ) -> Vec<Removed<K, V>> {
        let Some((own, entries)) = self.by_key.get_key_value(key) else { return Vec::new() };
        let own = Arc::clone(own);
        let is_removed = |entry: &Entry<V>| entry.pid == pid && is_such(entry);
        let (removed, kept): (Vec<_>, Vec<_>) =
            entries.iter().cloned().partition(|entry| is_removed(entry));
        let removed: Vec<_> = removed.into_iter().map(|entry| (Arc::clone(&own), entry)).collect();
        if kept.is_empty() {
            self.by_key.remove(key);
        } else {
            self.by_key.insert(own, kept);
        }
        self.forget(pid, key, removed.len());
        removed
    }

    /// Removes all entries of a process.
    pub(super) fn remove_all(&mut self, pid: Pid) -> Vec<Removed<K, V>> {
        let keys = self.keys_of(pid).to_vec();
        keys.iter().flat_map(|key| self.remove(pid, key, |_| true)).collect()
    }

    /// Takes note that a process has so many entries less under a key.
    fn forget(&mut self, pid: Pid, key: &K, count: usize) {
        let Some(keys) = self.by_pid.get_mut(&pid) else { return };
        for _ in 0..count {
            if let Some(place) = keys.iter().position(|other| **other == *key) {
                keys.swap_remove(place);
            }
        }
        if keys.is_empty() {
            self.by_pid.remove(&pid);
        }
    }

    /// Whether there is anything, on either side.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty() && self.by_pid.is_empty()
    }
}
