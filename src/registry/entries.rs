//! The entries of one partition: by key, and by process.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;

use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::id::Pid;

/// The entry of a process under a key.
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

/// A key with its hash and its entries; most keys have one.
#[derive(Debug)]
struct OfKey<K, V> {
    hash: u64,
    key: Arc<K>,
    entries: SmallVec<[Entry<V>; 1]>,
}

/// The entries of one partition. Values and keys are never dropped here, as that may run the
/// program's code: removed entries are returned.
#[derive(Debug)]
pub(super) struct Entries<K, V> {
    hasher: RandomState,
    by_key: HashTable<OfKey<K, V>>,
    /// The keys of each process, and how many entries it has there.
    by_pid: HashMap<Pid, HashMap<Arc<K>, usize>>,
}

/// An entry that was removed, and its key.
pub(super) type Removed<K, V> = (Arc<K>, Entry<V>);

impl<K: Eq + Hash, V> Entries<K, V> {
    /// Creates an empty partition, which hashes its keys by `hasher`.
    pub(super) fn new(hasher: RandomState) -> Entries<K, V> {
        let (by_key, by_pid) = (HashTable::new(), HashMap::new());
        Entries { hasher, by_key, by_pid }
    }

    pub(super) fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    fn of_key(&self, hash: u64, key: &K) -> Option<&OfKey<K, V>> {
        self.by_key.find(hash, |it| *it.key == *key)
    }

    fn of_key_mut(&mut self, key: &K) -> Option<&mut OfKey<K, V>> {
        self.by_key.find_mut(self.hasher.hash_one(key), |it| *it.key == *key)
    }

    /// Returns the entries of a key with this hash.
    #[inline]
    pub(super) fn get(&self, hash: u64, key: &K) -> &[Entry<V>] {
        self.of_key(hash, key).map_or(&[], |it| it.entries.as_slice())
    }

    pub(super) fn get_mut(&mut self, pid: Pid, key: &K) -> Option<&mut Entry<V>> {
        self.of_key_mut(key)?.entries.iter_mut().find(|entry| entry.pid == pid)
    }

    /// Returns the keys of a process, each as often as the process has entries there.
    pub(super) fn keys_of(&self, pid: Pid) -> Vec<Arc<K>> {
        let keys = self.by_pid.get(&pid).into_iter().flatten();
        keys.flat_map(|(key, count)| std::iter::repeat_n(key, *count)).cloned().collect()
    }

    pub(super) fn has_any(&self, pid: Pid) -> bool {
        self.by_pid.contains_key(&pid)
    }

    /// Returns how many keys and processes have entries.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.by_key.len(), self.by_pid.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<K>, &Entry<V>)> {
        self.by_key.iter().flat_map(|of| of.entries.iter().map(move |it| (&of.key, it)))
    }

    /// Takes out all entries.
    pub(super) fn take_all(&mut self) -> Entries<K, V> {
        let hasher = self.hasher.clone();
        mem::replace(self, Entries::new(hasher))
    }

    /// Returns all entries, with their keys.
    pub(super) fn into_all(self) -> Vec<Removed<K, V>> {
        self.iter().map(|(key, entry)| (Arc::clone(key), entry.clone())).collect()
    }

    /// Adds an entry behind the others of its key. All places share one `Arc` of the key: so the
    /// caller that gets the last removed entry drops the key.
    pub(super) fn add(&mut self, key: &Arc<K>, entry: Entry<V>) {
        let hash = self.hasher.hash_one(&**key);
        let pid = entry.pid;
        let key = match self.by_key.find_mut(hash, |it| it.key == *key) {
            Some(of_key) => {
                of_key.entries.push(entry);
                Arc::clone(&of_key.key)
            }
            None => {
                let of_key = OfKey { hash, key: Arc::clone(key), entries: [entry].into() };
                self.by_key.insert_unique(hash, of_key, |it| it.hash);
                Arc::clone(key)
            }
        };
        *self.by_pid.entry(pid).or_default().entry(key).or_default() += 1;
    }

    /// Removes the entries of a process under a key for which `predicate` is true.
    pub(super) fn remove(
        &mut self,
        pid: Pid,
        key: &K,
        predicate: impl Fn(&Entry<V>) -> bool,
    ) -> Vec<Removed<K, V>> {
        let removed = self.take(pid, key, predicate);
        let Some(keys) = self.by_pid.get_mut(&pid) else { return removed };
        if let Some(count) = keys.get_mut(key) {
            *count -= removed.len();
            if *count == 0 {
                keys.remove(key);
            }
        }
        if keys.is_empty() {
            self.by_pid.remove(&pid);
        }
        removed
    }

    /// Removes all entries of a process.
    pub(super) fn remove_all(&mut self, pid: Pid) -> Vec<Removed<K, V>> {
        let keys = self.by_pid.remove(&pid).unwrap_or_default();
        keys.keys().flat_map(|key| self.take(pid, key, |_| true)).collect()
    }

    /// Takes out entries of a process under a key, but leaves the key in the list of the process.
    fn take(
        &mut self,
        pid: Pid,
        key: &K,
        predicate: impl Fn(&Entry<V>) -> bool,
    ) -> Vec<Removed<K, V>> {
        let hash = self.hasher.hash_one(key);
        let Ok(mut occupied) = self.by_key.find_entry(hash, |it| *it.key == *key) else {
            return Vec::new();
        };
        let OfKey { key, entries, .. } = occupied.get_mut();
        let mut taken = Vec::new();
        entries.retain(|entry| {
            let is_taken = entry.pid == pid && predicate(entry);
            if is_taken {
                taken.push((Arc::clone(key), entry.clone()));
            }
            !is_taken
        });
        if entries.is_empty() {
            occupied.remove();
        }
        taken
    }

    /// Whether there are neither keys nor processes.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty() && self.by_pid.is_empty()
    }
}
