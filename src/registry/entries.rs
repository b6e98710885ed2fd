//! The entries of one partition: by key, and by process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use smallvec::SmallVec;

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

/// What there is under a key: most have one entry.
type OfKey<V> = SmallVec<[Entry<V>; 1]>;

/// Values and keys are never dropped here, as that may run the program's code: what is removed is
/// returned.
#[derive(Debug)]
pub(super) struct Entries<K, V> {
    by_key: HashMap<Arc<K>, OfKey<V>>,
    /// The keys of each process, and how many entries it has there.
    by_pid: HashMap<Pid, HashMap<Arc<K>, usize>>,
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
        self.by_key.get(key).map_or(&[], OfKey::as_slice)
    }

    pub(super) fn get_mut(&mut self, pid: Pid, key: &K) -> Option<&mut Entry<V>> {
        self.by_key.get_mut(key)?.iter_mut().find(|entry| entry.pid == pid)
    }

    /// The keys of a process, each as often as it has entries there.
    pub(super) fn keys_of(&self, pid: Pid) -> Vec<Arc<K>> {
        let keys = self.by_pid.get(&pid).into_iter().flatten();
        keys.flat_map(|(key, count)| std::iter::repeat_n(key, *count)).cloned().collect()
    }

    pub(super) fn has_any(&self, pid: Pid) -> bool {
        self.by_pid.contains_key(&pid)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<K>, &Entry<V>)> {
        self.by_key.iter().flat_map(|(key, entries)| entries.iter().map(move |it| (key, it)))
    }

    /// Everything, with the keys.
    pub(super) fn into_all(self) -> Vec<Removed<K, V>> {
        self.iter().map(|(key, entry)| (Arc::clone(key), entry.clone())).collect()
    }

    /// Adds an entry behind the others of its key. Its process and the others share one key: so
    /// whoever is given a removed entry has the last one.
    pub(super) fn add(&mut self, key: &Arc<K>, entry: Entry<V>) {
        let key = self.by_key.get_key_value(key).map_or(key, |(own, _)| own);
        let key = Arc::clone(key);
        *self.by_pid.entry(entry.pid).or_default().entry(Arc::clone(&key)).or_default() += 1;
        self.by_key.entry(key).or_default().push(entry);
    }

    /// Removes those entries of a process under a key that are such.
    pub(super) fn remove(
        &mut self,
        pid: Pid,
        key: &K,
        is_such: impl Fn(&Entry<V>) -> bool,
    ) -> Vec<Removed<K, V>> {
        let removed = self.take(pid, key, is_such);
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

    /// Takes entries of a process from under a key. The process still has the key then.
    fn take(
        &mut self,
        pid: Pid,
        key: &K,
        is_such: impl Fn(&Entry<V>) -> bool,
    ) -> Vec<Removed<K, V>> {
        let Some((own, _)) = self.by_key.get_key_value(key) else { return Vec::new() };
        let own = Arc::clone(own);
        let Some(entries) = self.by_key.get_mut(key) else { return Vec::new() };
        let mut taken = Vec::new();
        entries.retain(|entry| {
            let is_taken = entry.pid == pid && is_such(entry);
            if is_taken {
                taken.push((Arc::clone(&own), entry.clone()));
            }
            !is_taken
        });
        if entries.is_empty() {
            self.by_key.remove(key);
        }
        taken
    }

    /// Whether there is anything, on either side.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty() && self.by_pid.is_empty()
    }
}
