//! The parts of a table, each with its lock.
//!
//! Each part has a copy of the rights. So an access takes one lock, that of its part, and a change
//! of the owner takes all locks. Therefore a process cannot write after it has lost the right, and
//! nothing is put into a table that is deleted.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::thread;

use crossbeam_utils::CachePadded;
use once_cell::sync::Lazy;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::rights::Rights;
use super::rows::{Rows, Stored};
use super::{Key, Kind, Row};

/// The number of parts of a hashed table: a power of two, large enough that the processors seldom
/// contend for a part.
static PARTS: Lazy<usize> = Lazy::new(|| {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (processors * 4).next_power_of_two()
});

pub(super) struct Shards<K, V> {
    pub(super) kind: Kind,
    hasher: RandomState,
    parts: Box<[Locked<K, V>]>,
}

/// A part of a table.
pub(super) struct Part<K, V> {
    /// `None` if the table is deleted.
    pub(super) rights: Option<Rights>,
    pub(super) rows: Rows<K, V>,
}

/// Padded, as the parts are used by different processors.
type Locked<K, V> = CachePadded<RwLock<Part<K, V>>>;

/// All parts of a table.
pub(super) struct AllParts<'a, K, V>(Vec<RwLockWriteGuard<'a, Part<K, V>>>);

impl<K: Key, V> Shards<K, V> {
    pub(super) fn new(kind: Kind, rights: Rights) -> Shards<K, V> {
        let count = match kind {
            Kind::Hashed => *PARTS,
            Kind::Ordered => 1,
        };
        let part = || Part { rights: Some(rights), rows: Rows::new(kind) };
        let parts = (0..count).map(|_| CachePadded::new(RwLock::new(part()))).collect();
        Shards { kind, hasher: RandomState::new(), parts }
    }

    pub(super) fn count(&self) -> usize {
        self.parts.len()
    }

    /// Returns the number of rows and about how many bytes they take, if `lock` locks each part.
    pub(super) fn sizes<'a>(
        &'a self,
        lock: impl Fn(&'a RwLock<Part<K, V>>) -> Option<RwLockReadGuard<'a, Part<K, V>>>,
    ) -> Option<(usize, usize)> {
        let (mut size, mut memory) = (0, 0);
        for part in &self.parts {
            let part = lock(part)?;
            size += part.rows.len();
            memory += part.rows.memory();
        }
        Some((size, memory))
    }

    /// Returns the hash of a key; 0 in an ordered table, which does not use it.
    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        match self.kind {
            Kind::Hashed => self.hasher.hash_one(key),
            Kind::Ordered => 0,
        }
    }

    /// Returns the index of the part for a hash. It uses other bits of the hash than the part does.
    pub(super) fn index(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.parts.len() - 1)
    }

    /// Prepares a row to be stored, while no lock is held.
    pub(super) fn stored(&self, row: Row<K, V>) -> Stored<K, V> {
        let rank = (self.kind == Kind::Ordered).then(|| row.key().clone());
        Stored { hash: self.hash(row.key()), rank, row }
    }

    pub(super) fn read(&self, index: usize) -> RwLockReadGuard<'_, Part<K, V>> {
        self.parts[index].read()
    }

    pub(super) fn write(&self, index: usize) -> RwLockWriteGuard<'_, Part<K, V>> {
        self.parts[index].write()
    }

    /// Locks all parts, always in the same order.
    pub(super) fn write_all(&self) -> AllParts<'_, K, V> {
        AllParts(self.parts.iter().map(|part| part.write()).collect())
    }

    /// Changes the rights in all parts.
    pub(super) fn set_rights(&self, rights: Rights) {
        self.write_all().0.iter_mut().for_each(|part| part.rights = Some(rights));
    }

    /// Closes all parts: no access is granted any more. Returns their rows.
    pub(super) fn close(&self) -> Vec<Rows<K, V>> {
        let mut parts = self.write_all();
        parts.0.iter_mut().for_each(|part| part.rights = None);
        parts.take()
    }
}

impl<K: Key, V> AllParts<'_, K, V> {
    /// Returns one of the parts, to read what is the same in all.
    pub(super) fn any(&self) -> &Part<K, V> {
        &self.0[0]
    }

    pub(super) fn rows(&mut self, index: usize) -> &mut Rows<K, V> {
        &mut self.0[index].rows
    }

    /// Empties all parts, and returns their rows.
    pub(super) fn take(&mut self) -> Vec<Rows<K, V>> {
        self.0.iter_mut().map(|part| part.rows.take()).collect()
    }
}
