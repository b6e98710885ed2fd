//! The rows of one part of a table. Rows that are replaced, removed or refused are returned, so
//! that the caller drops them while no lock is held.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::mem;
use std::ops::Bound;

use hashbrown::HashTable;

use super::{Key, Kind, Row};

/// How many rows of an ordered table are read under one lock.
const CHUNK: usize = 256;

pub(super) enum Rows<K, V> {
    /// Stored with their hashes, so that growing does not call `Hash` of the keys.
    Hashed(HashTable<(u64, Row<K, V>)>),
    Ordered(BTreeMap<K, Row<K, V>>),
}

/// A row, and the data by which it is stored.
pub(super) struct Stored<K, V> {
    pub(super) hash: u64,
    /// A clone of the key, in an ordered table.
    pub(super) rank: Option<K>,
    pub(super) row: Row<K, V>,
}

/// The bounds of a range of keys.
pub(super) type Bounds<'a, Q> = (Bound<&'a Q>, Bound<&'a Q>);

impl<K: Key, V> Rows<K, V> {
    pub(super) fn new(kind: Kind) -> Rows<K, V> {
        match kind {
            Kind::Hashed => Rows::Hashed(HashTable::new()),
            Kind::Ordered => Rows::Ordered(BTreeMap::new()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Rows::Hashed(rows) => rows.len(),
            Rows::Ordered(rows) => rows.len(),
        }
    }

    /// Returns about how many bytes the rows take, and what they are kept in.
    pub(super) fn memory(&self) -> usize {
        // Before the key and the value are the two counts of their `Arc`.
        let row = mem::size_of::<(K, V)>() + 2 * mem::size_of::<usize>();
        let kept_in = match self {
            Rows::Hashed(rows) => rows.allocation_size(),
            // The nodes of a tree are between half full and full.
            Rows::Ordered(rows) => rows.len() * mem::size_of::<(K, Row<K, V>)>() * 3 / 2,
        };
        kept_in + self.len() * row
    }

    pub(super) fn get<Q>(&self, hash: u64, key: &Q) -> Option<&Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        match self {
            Rows::Hashed(rows) => {
                rows.find(hash, |(_, row)| row.key().borrow() == key).map(|(_, row)| row)
            }
            Rows::Ordered(rows) => rows.get(key),
        }
    }

    pub(super) fn get_mut<Q>(&mut self, hash: u64, key: &Q) -> Option<&mut Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        match self {
            Rows::Hashed(rows) => {
                rows.find_mut(hash, |(_, row)| row.key().borrow() == key).map(|(_, row)| row)
            }
            Rows::Ordered(rows) => rows.get_mut(key),
        }
    }

    /// Puts a row, and returns the row that it has replaced.
    pub(super) fn put(&mut self, mut new: Stored<K, V>) -> Option<Stored<K, V>> {
        match self.get_mut(new.hash, new.row.key()) {
            Some(row) => {
                mem::swap(row, &mut new.row);
                Some(new)
            }
            None => {
                self.add(new);
                None
            }
        }
    }

    /// Puts a row, unless there is one with its key: then the new row is returned.
    pub(super) fn put_new(&mut self, new: Stored<K, V>) -> Option<Stored<K, V>> {
        if self.get(new.hash, new.row.key()).is_some() {
            return Some(new);
        }
        self.add(new);
        None
    }

    fn add(&mut self, new: Stored<K, V>) {
        match self {
            Rows::Hashed(rows) => {
                rows.insert_unique(new.hash, (new.hash, new.row), |(hash, _)| *hash);
            }
            Rows::Ordered(rows) => {
                let rank = new.rank.expect("in an ordered table there is one");
                rows.insert(rank, new.row);
            }
        }
    }

    pub(super) fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<Stored<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        match self {
            Rows::Hashed(rows) => {
                let entry = rows.find_entry(hash, |(_, row)| row.key().borrow() == key).ok()?;
                let ((hash, row), _) = entry.remove();
                Some(Stored { hash, rank: None, row })
            }
            Rows::Ordered(rows) => {
                let (rank, row) = rows.remove_entry(key)?;
                Some(Stored { hash, rank: Some(rank), row })
            }
        }
    }

    /// Empties the part, and returns its rows.
    pub(super) fn take(&mut self) -> Rows<K, V> {
        let kind = match self {
            Rows::Hashed(_) => Kind::Hashed,
            Rows::Ordered(_) => Kind::Ordered,
        };
        mem::replace(self, Rows::new(kind))
    }

    /// Returns all rows of a hashed part; the first few rows within the bounds of an ordered one.
    pub(super) fn some<Q>(&self, bounds: Bounds<'_, Q>) -> Vec<Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self {
            Rows::Hashed(rows) => rows.iter().map(|(_, row)| row.clone()).collect(),
            Rows::Ordered(rows) => {
                rows.range(bounds).take(CHUNK).map(|(_, row)| row.clone()).collect()
            }
        }
    }

    /// Returns the first row within the bounds; `None` if there is no order.
    pub(super) fn first<Q>(&self, bounds: Bounds<'_, Q>) -> Option<&Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self {
            Rows::Hashed(_) => None,
            Rows::Ordered(rows) => rows.range(bounds).next().map(|(_, row)| row),
        }
    }

    /// Returns the last row within the bounds; `None` if there is no order.
    pub(super) fn last<Q>(&self, bounds: Bounds<'_, Q>) -> Option<&Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self {
            Rows::Hashed(_) => None,
            Rows::Ordered(rows) => rows.range(bounds).next_back().map(|(_, row)| row),
        }
    }

    /// Returns the rows and keys one by one, so that each can be dropped by itself.
    pub(super) fn into_stored(self) -> Box<dyn Iterator<Item = Stored<K, V>> + Send>
    where
        V: Send + Sync + 'static,
    {
        match self {
            Rows::Hashed(rows) => {
                Box::new(rows.into_iter().map(|(hash, row)| Stored { hash, rank: None, row }))
            }
            Rows::Ordered(rows) => Box::new(rows.into_iter().map(|(rank, row)| Stored {
                hash: 0,
                rank: Some(rank),
                row,
            })),
        }
    }
}
