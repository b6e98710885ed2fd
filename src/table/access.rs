//! Steps on the rows of a table, one lock at a time. Each step returns the values to be dropped, so
//! that the caller drops them while no lock is held.
//!
//! A value that is to be put is guarded until it is, as the caller may be about to end, and unwind.

use std::borrow::Borrow;
use std::hash::Hash;
use std::ops::Bound;

use crate::user_code::Guarded;

use super::ownership::Core;
use super::rights::Access;
use super::rows::{Bounds, Rows, Stored};
use super::{Key, Kind, Row, TableError};

/// The result of changing a value in place.
pub(super) enum InPlace<K, V, R> {
    Changed(R),
    /// The row is shared, and stays as it is.
    Shared(Row<K, V>),
}

/// What is done about rows whose keys are in the table already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// They are replaced.
    Replace,
    /// Nothing is put.
    Refuse,
}

impl<K: Key, V: Send + Sync + 'static> Core<K, V> {
    /// Calls `look` with a part.
    fn read<R>(
        &self,
        access: Access,
        index: usize,
        look: impl FnOnce(&Rows<K, V>) -> R,
    ) -> Result<R, TableError> {
        let part = self.granted(access, || self.shards.read(index), |part| part.rights)?;
        Ok(look(&part.rows))
    }

    /// Calls `change` with a part.
    fn write<R>(
        &self,
        index: usize,
        change: impl FnOnce(&mut Rows<K, V>) -> R,
    ) -> Result<R, TableError> {
        let lock = || self.shards.write(index);
        let mut part = self.granted(Access::Write, lock, |part| part.rights)?;
        Ok(change(&mut part.rows))
    }

    pub(super) fn find<Q>(&self, access: Access, key: &Q) -> Result<Option<Row<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let hash = self.shards.hash(key);
        self.read(access, self.shards.index(hash), |rows| rows.get(hash, key).cloned())
    }

    /// Puts a row. Returns the row that it has replaced.
    pub(super) fn put(&self, row: Row<K, V>) -> Result<Option<Stored<K, V>>, TableError> {
        let new = self.shards.stored(row);
        let (index, new) = (self.shards.index(new.hash), Guarded::new(new));
        self.write(index, |rows| rows.put(new.into_inner()))
    }

    /// Puts a row, unless there is one with its key: then the new row is returned.
    pub(super) fn put_new(&self, row: Row<K, V>) -> Result<Option<Stored<K, V>>, TableError> {
        let new = self.shards.stored(row);
        let (index, new) = (self.shards.index(new.hash), Guarded::new(new));
        self.write(index, |rows| rows.put_new(new.into_inner()))
    }

    /// Puts all rows at once. Returns the rows that they have replaced; or `None` if nothing was
    /// put because one of the keys is there.
    pub(super) fn put_all(
        &self,
        rows: Vec<Row<K, V>>,
        existing: Existing,
    ) -> Result<Option<Vec<Stored<K, V>>>, TableError> {
        let new: Vec<_> =
            rows.into_iter().map(|row| Guarded::new(self.shards.stored(row))).collect();
        let lock = || self.shards.write_all();
        let mut parts = self.granted(Access::Write, lock, |parts| parts.any().rights)?;
        let mut is_there = |it: &Guarded<Stored<K, V>>| {
            let it = it.get();
            parts.rows(self.shards.index(it.hash)).get(it.hash, it.row.key()).is_some()
        };
        if existing == Existing::Refuse && new.iter().any(&mut is_there) {
            drop(parts);
            return Ok(None);
        }
        let put = |it: Stored<K, V>| parts.rows(self.shards.index(it.hash)).put(it);
        Ok(Some(new.into_iter().map(Guarded::into_inner).filter_map(put).collect()))
    }

    pub(super) fn remove<Q>(&self, key: &Q) -> Result<Option<Stored<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let hash = self.shards.hash(key);
        self.write(self.shards.index(hash), |rows| rows.remove(hash, key))
    }

    /// Replaces `old` by `new`, which has the same key, if `old` is still there.
    pub(super) fn replace(&self, old: &Row<K, V>, new: &Row<K, V>) -> Result<bool, TableError> {
        let hash = self.shards.hash(old.key());
        self.write(self.shards.index(hash), |rows| match rows.get_mut(hash, old.key()) {
            // Nothing is dropped here, as the caller has the old row, too.
            Some(row) if row.is(old) => {
                *row = new.clone();
                true
            }
            Some(_) | None => false,
        })
    }

    /// Removes `old`, if it is still there.
    pub(super) fn remove_same(&self, old: &Row<K, V>) -> Result<bool, TableError> {
        let hash = self.shards.hash(old.key());
        let removed = self.write(self.shards.index(hash), |rows| {
            let is_there = rows.get(hash, old.key()).is_some_and(|row| row.is(old));
            if is_there { rows.remove(hash, old.key()) } else { None }
        })?;
        Ok(removed.is_some())
    }

    /// Removes the row `found`, if `is_it` returns `true` for it; tries again if the row was
    /// replaced by then.
    pub(super) fn remove_if(
        &self,
        mut found: Option<Row<K, V>>,
        mut is_it: impl FnMut(&Row<K, V>) -> bool,
    ) -> Result<bool, TableError> {
        while let Some(row) = found.filter(&mut is_it) {
            if self.remove_same(&row)? {
                return Ok(true);
            }
            found = self.find(Access::Write, row.key())?;
        }
        Ok(false)
    }

    /// Replaces the row `found` by one with the value that `next` returns for it; tries again if
    /// the row was replaced by then. Returns the new row.
    pub(super) fn replace_if(
        &self,
        mut found: Option<Row<K, V>>,
        mut next: impl FnMut(&Row<K, V>) -> Option<V>,
    ) -> Result<Option<Row<K, V>>, TableError> {
        while let Some(old) = found {
            let Some(value) = next(&old) else { break };
            let new = Row::new(old.key().clone(), value);
            if self.replace(&old, &new)? {
                return Ok(Some(new));
            }
            found = self.find(Access::Write, old.key())?;
        }
        Ok(None)
    }

    /// Changes a value in place, unless its row is shared. Returns `None` if there is no such row.
    pub(super) fn change_in_place<Q, R>(
        &self,
        key: &Q,
        change: impl FnOnce(&mut V) -> R,
    ) -> Result<Option<InPlace<K, V, R>>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
        V: Copy,
    {
        let hash = self.shards.hash(key);
        self.write(self.shards.index(hash), |rows| {
            let row = rows.get_mut(hash, key)?;
            Some(match row.value_mut() {
                Some(value) => InPlace::Changed(change(value)),
                None => InPlace::Shared(row.clone()),
            })
        })
    }

    /// Empties the table. Returns the rows that were in it.
    pub(super) fn take_all(&self) -> Result<Vec<Rows<K, V>>, TableError> {
        let lock = || self.shards.write_all();
        Ok(self.granted(Access::Write, lock, |parts| parts.any().rights)?.take())
    }

    pub(super) fn len(&self) -> Result<usize, TableError> {
        // Every process may know the size, but the table must exist.
        let sizes = |index| {
            let part =
                self.granted(Access::Info, || self.shards.read(index), |part| part.rights)?;
            Ok(part.rows.len())
        };
        (0..self.shards.count()).map(sizes).sum()
    }

    /// Calls `look` with the rows of an ordered table.
    pub(super) fn look<R>(&self, look: impl FnOnce(&Rows<K, V>) -> R) -> Result<R, TableError> {
        let seen = self.read(Access::Read, 0, look)?;
        match self.shards.kind {
            Kind::Ordered => Ok(seen),
            Kind::Hashed => Err(TableError::NotOrdered),
        }
    }

    /// Calls `each` with the rows within the bounds, or with all rows of a table without an order.
    /// No lock is held then.
    pub(super) fn scan<Q>(
        &self,
        access: Access,
        (mut from, to): Bounds<'_, Q>,
        mut each: impl FnMut(Row<K, V>) -> Result<(), TableError>,
    ) -> Result<(), TableError>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if self.shards.kind == Kind::Hashed {
            for index in 0..self.shards.count() {
                let rows = self.read(access, index, |rows| rows.some((from, to)))?;
                rows.into_iter().try_for_each(&mut each)?;
            }
            return Ok(());
        }
        let mut last: Row<K, V>;
        while !is_empty((from, to)) {
            let rows = self.read(access, 0, |rows| rows.some((from, to)))?;
            let Some(row) = rows.last() else { break };
            last = row.clone();
            rows.into_iter().try_for_each(&mut each)?;
            from = Bound::Excluded(last.key().borrow());
        }
        Ok(())
    }
}

/// Whether nothing can be within the bounds.
pub(super) fn is_empty<Q: Ord + ?Sized>((from, to): Bounds<'_, Q>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
        | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
