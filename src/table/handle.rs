//! The functions by which processes make, find and use tables.

use std::any::{Any, type_name};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::Hash;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::exit::Detail;
use crate::id::Pid;

use super::access::{Existing, InPlace, is_empty};
use super::ownership::{At, Core};
use super::registry::{self, AnyTable};
use super::rights::Access;
use super::rows::Bounds;
use super::{Counter, Heir, Increment, Key, Row, Table, TableError, TableInfo, TableOptions};

/// Returns the bounds of all keys.
fn everywhere<'a, Q: ?Sized>() -> Bounds<'a, Q> {
    (Bound::Unbounded, Bound::Unbounded)
}

/// Functions that make, find and delete tables.
impl<K: Key, V: Send + Sync + 'static> Table<K, V> {
    /// Makes a table that the caller owns: hashed, protected, without a name and an heir.
    ///
    /// OTP: [`ets:new/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#new/2).
    ///
    /// # Errors
    ///
    /// [`TableError::NoKeeper`] if the process that monitors the owners could not be started.
    pub fn new() -> Result<Table<K, V>, TableError> {
        Self::new_with(TableOptions::new())
    }

    /// Makes a table that the caller owns, with options.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`TableError::NameTaken`], [`TableError::EmptyName`].
    pub fn new_with(options: TableOptions) -> Result<Table<K, V>, TableError> {
        Core::create(options).map(Table::from)
    }

    /// Returns a handle to the table that has the name `name`, looked up at each use.
    pub fn named(name: impl Into<Arc<str>>) -> Table<K, V> {
        Table(At::Name(name.into()))
    }

    /// Looks up the table that has the name `name` now. The handle refers to this table for good,
    /// and saves the lookup at each use.
    ///
    /// OTP: [`ets:whereis/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#whereis/1).
    ///
    /// # Errors
    ///
    /// [`TableError::NoSuchTable`], [`TableError::OtherTypes`].
    pub fn whereis(name: &str) -> Result<Table<K, V>, TableError> {
        let core = Self::find(name)?;
        core.info()?; // Settles the table, if its owner has ended.
        Ok(Table::from(core))
    }

    fn find(name: &str) -> Result<Arc<Core<K, V>>, TableError> {
        let no_such_table = || TableError::NoSuchTable { name: Some(Arc::from(name)) };
        let table = registry::named(name).ok_or_else(no_such_table)?;
        if !(&*table as &dyn Any).is::<Core<K, V>>() {
            // Fails if the owner has ended, and the table with it.
            let TableInfo { types: found, .. } = table.info()?;
            return Err(TableError::OtherTypes { expected: type_name::<(K, V)>(), found });
        }
        let table: Arc<dyn Any + Send + Sync> = table;
        Ok(table.downcast().expect("its types have been looked at"))
    }

    fn core(&self) -> Result<Cow<'_, Arc<Core<K, V>>>, TableError> {
        match &self.0 {
            At::Core(core) => Ok(Cow::Borrowed(core)),
            At::Name(name) => Self::find(name).map(Cow::Owned),
        }
    }

    /// Deletes the table, if the caller may write. Its values have been dropped when this returns,
    /// except those of rows that are shared.
    ///
    /// OTP: [`ets:delete/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#delete/1).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn delete_table(&self) -> Result<(), TableError> {
        self.core()?.delete()
    }

    /// Gives the table to `to`, which gets a [`Transferred`](super::Transferred) with `data`. Only
    /// the owner may do this; it does not own the table any more when this returns. The heir stays
    /// the same.
    ///
    /// OTP: [`ets:give_away/3`](https://www.erlang.org/doc/apps/stdlib/ets.html#give_away/3).
    ///
    /// # Errors
    ///
    /// [`TableError::NotAlive`], or [`TableError::OwnsIt`] if `to` is the caller.
    pub fn give_away<T>(&self, to: Pid, data: T) -> Result<(), TableError>
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.core()?.give_away(to, Detail::new(data))
    }

    /// Makes `pid` the heir: it owns the table when the owner has ended, and gets a
    /// [`Transferred`](super::Transferred) with `data`. Only the owner may do this.
    ///
    /// The heir need not be alive now. If it is not alive when the owner ends, or if it is the
    /// owner itself, the table is deleted.
    ///
    /// OTP: [`ets:setopts/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#setopts/2) with
    /// `heir`.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn set_heir<T>(&self, pid: Pid, data: T) -> Result<(), TableError>
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.core()?.set_heir(Some(Heir { pid, data: Detail::new(data) }))
    }

    /// Removes the heir: the table is deleted when its owner ends. Only the owner may do this.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn clear_heir(&self) -> Result<(), TableError> {
        self.core()?.set_heir(None)
    }

    /// Returns information about the table. Every process may do this.
    ///
    /// OTP: [`ets:info/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#info/1).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn info(&self) -> Result<TableInfo, TableError> {
        self.core()?.info()
    }

    /// Returns the number of rows. Every process may do this.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn size(&self) -> Result<usize, TableError> {
        self.core()?.len()
    }
}

/// Functions on one row.
impl<K: Key, V: Send + Sync + 'static> Table<K, V> {
    /// Inserts a row; replaces the one with the same key.
    ///
    /// OTP: [`ets:insert/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#insert/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn insert(&self, key: K, value: V) -> Result<(), TableError> {
        self.core()?.put(Row::new(key, value)).map(drop)
    }

    /// Inserts a row, unless there is one with the same key: then it returns `false`, and drops the
    /// new row.
    ///
    /// OTP: [`ets:insert_new/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#insert_new/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn insert_new(&self, key: K, value: V) -> Result<bool, TableError> {
        Ok(self.core()?.put_new(Row::new(key, value))?.is_none())
    }

    /// Returns a clone of the value of a key.
    ///
    /// OTP: [`ets:lookup/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#lookup/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn get<Q>(&self, key: &Q) -> Result<Option<V>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
        V: Clone,
    {
        self.get_with(key, V::clone)
    }

    /// Calls `look` with the value of a key, and returns its result: a part of the value, for
    /// instance.
    ///
    /// OTP: [`ets:lookup_element/3`](https://www.erlang.org/doc/apps/stdlib/ets.html#lookup_element/3).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn get_with<Q, R>(
        &self,
        key: &Q,
        look: impl FnOnce(&V) -> R,
    ) -> Result<Option<R>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        Ok(self.row(key)?.map(|row| look(&row)))
    }

    /// Returns the row of a key, as it is now.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn row<Q>(&self, key: &Q) -> Result<Option<Row<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        self.core()?.find(Access::Read, key)
    }

    /// Returns whether there is a row with the key.
    ///
    /// OTP: [`ets:member/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#member/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn member<Q>(&self, key: &Q) -> Result<bool, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        Ok(self.row(key)?.is_some())
    }

    /// Deletes the row of a key. Returns whether there was one.
    ///
    /// OTP: [`ets:delete/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#delete/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn delete<Q>(&self, key: &Q) -> Result<bool, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        Ok(self.core()?.remove(key)?.is_some())
    }

    /// Deletes the row of a key if `is_it` returns `true` for its value. Returns whether it was
    /// deleted. `is_it` is called again if the value is replaced meanwhile.
    ///
    /// OTP: [`ets:delete_object/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#delete_object/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn delete_if<Q>(
        &self,
        key: &Q,
        mut is_it: impl FnMut(&V) -> bool,
    ) -> Result<bool, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let core = self.core()?;
        core.remove_if(core.find(Access::Write, key)?, |row| is_it(row))
    }

    /// Deletes the row of a key and returns its value. If several processes take it at once, only
    /// one gets it.
    ///
    /// OTP: [`ets:take/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#take/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn take<Q>(&self, key: &Q) -> Result<Option<V>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
        V: Clone,
    {
        Ok(self.take_row(key)?.map(Row::into_value))
    }

    /// Deletes the row of a key and returns it, as [`take`](Self::take) does for values that can be
    /// cloned.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn take_row<Q>(&self, key: &Q) -> Result<Option<Row<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        Ok(self.core()?.remove(key)?.map(|removed| removed.row))
    }

    /// Replaces the value of a key by the result of `next`. Returns the new row, or `None` if there
    /// is no row with the key. `next` is called again if the value is replaced meanwhile.
    ///
    /// OTP: [`ets:update_element/3`](https://www.erlang.org/doc/apps/stdlib/ets.html#update_element/3).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn update<Q>(
        &self,
        key: &Q,
        mut next: impl FnMut(&V) -> V,
    ) -> Result<Option<Row<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let core = self.core()?;
        core.replace_if(core.find(Access::Write, key)?, |row| Some(next(row)))
    }

    /// Replaces the value of a key as [`update`](Self::update) does; inserts the result of `next`
    /// for `default` if there is no row with the key.
    ///
    /// OTP: [`ets:update_element/4`](https://www.erlang.org/doc/apps/stdlib/ets.html#update_element/4).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn update_or_insert(
        &self,
        key: K,
        default: V,
        mut next: impl FnMut(&V) -> V,
    ) -> Result<Row<K, V>, TableError> {
        let core = self.core()?;
        loop {
            let old = core.find(Access::Write, &key)?;
            let value = next(old.as_deref().unwrap_or(&default));
            let new = Row::new(key.clone(), value);
            let is_done = match &old {
                Some(old) => core.replace(old, &new)?,
                None => core.put_new(new.clone())?.is_none(),
            };
            if is_done {
                return Ok(new);
            }
        }
    }
}

/// Functions on counters.
impl<K: Key, V: Counter> Table<K, V> {
    /// Adds `n` to the value of a key, and returns the sum.
    ///
    /// OTP: [`ets:update_counter/3`](https://www.erlang.org/doc/apps/stdlib/ets.html#update_counter/3).
    ///
    /// # Errors
    ///
    /// [`TableError::NoSuchKey`]; [`TableError::Overflow`]: the value does not change then.
    pub fn update_counter<Q>(&self, key: &Q, n: i64) -> Result<V, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        self.count(key, Increment::by(n))?.ok_or(TableError::NoSuchKey)
    }

    /// Adds `n` to the value of a key, or to `default` if there is no row with the key, and returns
    /// the sum.
    ///
    /// OTP: [`ets:update_counter/4`](https://www.erlang.org/doc/apps/stdlib/ets.html#update_counter/4).
    ///
    /// # Errors
    ///
    /// [`TableError::Overflow`].
    pub fn update_counter_or(&self, key: K, n: i64, default: V) -> Result<V, TableError> {
        self.update_counter_with(key, Increment::by(n).default(default))
    }

    /// Changes the value of a key by an increment, which may have a threshold or a default, and
    /// returns the new value.
    ///
    /// # Errors
    ///
    /// As [`update_counter`](Self::update_counter).
    pub fn update_counter_with(&self, key: K, increment: Increment<V>) -> Result<V, TableError> {
        loop {
            if let Some(value) = self.count(&key, increment)? {
                return Ok(value);
            }
            let first = increment.first()?;
            if self.insert_new(key.clone(), first)? {
                return Ok(first);
            }
        }
    }

    /// Changes a counter, if the key is there.
    fn count<Q>(&self, key: &Q, increment: Increment<V>) -> Result<Option<V>, TableError>
    where
        K: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let core = self.core()?;
        let in_place = |value: &mut V| {
            *value = increment.apply(*value)?;
            Ok(*value)
        };
        while let Some(counted) = core.change_in_place(key, in_place)? {
            match counted {
                InPlace::Changed(outcome) => return outcome.map(Some),
                InPlace::Shared(old) => {
                    let value = increment.apply(*old)?;
                    if core.replace(&old, &Row::new(old.key().clone(), value))? {
                        return Ok(Some(value));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Functions on many rows.
impl<K: Key, V: Send + Sync + 'static> Table<K, V> {
    /// Inserts all rows at once: a process that finds one of them also finds the others. (But see
    /// [operations on the whole table](super#reading-and-writing-at-the-same-time).) Of rows with
    /// the same key the last one stays.
    ///
    /// OTP: [`ets:insert/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#insert/2) of a list.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn insert_all(&self, rows: impl IntoIterator<Item = (K, V)>) -> Result<(), TableError> {
        self.put_all(rows, Existing::Replace).map(drop)
    }

    /// Inserts all rows at once, unless there is a row with one of the keys: then it returns
    /// `false`, and inserts none.
    ///
    /// OTP: [`ets:insert_new/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#insert_new/2) of
    /// a list.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn insert_all_new(
        &self,
        rows: impl IntoIterator<Item = (K, V)>,
    ) -> Result<bool, TableError> {
        self.put_all(rows, Existing::Refuse)
    }

    fn put_all(
        &self,
        rows: impl IntoIterator<Item = (K, V)>,
        existing: Existing,
    ) -> Result<bool, TableError> {
        let rows = rows.into_iter().map(|(key, value)| Row::new(key, value)).collect();
        Ok(self.core()?.put_all(rows, existing)?.is_some())
    }

    /// Deletes all rows at once.
    ///
    /// OTP: [`ets:delete_all_objects/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#delete_all_objects/1).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn delete_all(&self) -> Result<(), TableError> {
        self.core()?.take_all().map(drop)
    }

    fn scan(&self, mut each: impl FnMut(Row<K, V>)) -> Result<(), TableError> {
        self.core()?.scan(Access::Read, everywhere::<K>(), |row| {
            each(row);
            Ok(())
        })
    }

    /// Returns all rows; in order, if the table is ordered.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn rows(&self) -> Result<Vec<Row<K, V>>, TableError> {
        let mut rows = Vec::new();
        self.scan(|row| rows.push(row))?;
        Ok(rows)
    }

    /// Returns all keys; in order, if the table is ordered.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn keys(&self) -> Result<Vec<K>, TableError> {
        self.select(|key, _| Some(key.clone()))
    }

    /// Returns all values; in the order of their keys, if the table is ordered.
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn values(&self) -> Result<Vec<V>, TableError>
    where
        V: Clone,
    {
        self.select(|_, value| Some(value.clone()))
    }

    /// Returns all keys and values; in order, if the table is ordered.
    ///
    /// OTP: [`ets:tab2list/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#tab2list/1).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn to_vec(&self) -> Result<Vec<(K, V)>, TableError>
    where
        V: Clone,
    {
        self.select(|key, value| Some((key.clone(), value.clone())))
    }

    /// Calls `pick` with every row and returns its `Some` results, as [`Iterator::filter_map`]
    /// does.
    ///
    /// OTP: [`ets:select/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#select/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn select<R>(
        &self,
        mut pick: impl FnMut(&K, &V) -> Option<R>,
    ) -> Result<Vec<R>, TableError> {
        let mut picked = Vec::new();
        self.scan(|row| picked.extend(pick(row.key(), &row)))?;
        Ok(picked)
    }

    /// Returns the number of rows for which `is_one` returns `true`.
    ///
    /// OTP: [`ets:select_count/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#select_count/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn select_count(
        &self,
        mut is_one: impl FnMut(&K, &V) -> bool,
    ) -> Result<usize, TableError> {
        self.fold(0, |count, key, value| count + usize::from(is_one(key, value)))
    }

    /// Deletes the rows for which `is_one` returns `true`, and returns their number. `is_one` is
    /// called again for a row whose value is replaced meanwhile.
    ///
    /// OTP: [`ets:select_delete/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#select_delete/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn select_delete(
        &self,
        mut is_one: impl FnMut(&K, &V) -> bool,
    ) -> Result<usize, TableError> {
        let core = self.core()?;
        let mut count = 0;
        core.scan(Access::Write, everywhere::<K>(), |row| {
            count += usize::from(core.remove_if(Some(row), |row| is_one(row.key(), row))?);
            Ok(())
        })?;
        Ok(count)
    }

    /// Replaces the values for which `next` returns `Some`, and returns their number. `next` is
    /// called again for a row whose value is replaced meanwhile.
    ///
    /// OTP: [`ets:select_replace/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#select_replace/2).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn select_replace(
        &self,
        mut next: impl FnMut(&K, &V) -> Option<V>,
    ) -> Result<usize, TableError> {
        let core = self.core()?;
        let mut count = 0;
        core.scan(Access::Write, everywhere::<K>(), |row| {
            let replaced = core.replace_if(Some(row), |row| next(row.key(), row))?;
            count += usize::from(replaced.is_some());
            Ok(())
        })?;
        Ok(count)
    }

    /// Folds all rows into one result by `add`, starting with `first`; in order, if the table is
    /// ordered.
    ///
    /// OTP: [`ets:foldl/3`](https://www.erlang.org/doc/apps/stdlib/ets.html#foldl/3).
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn fold<A>(&self, first: A, mut add: impl FnMut(A, &K, &V) -> A) -> Result<A, TableError> {
        let mut sum = Some(first);
        self.scan(|row| sum = sum.take().map(|sum| add(sum, row.key(), &row)))?;
        Ok(sum.expect("it is put back each time"))
    }
}

/// Functions on ordered tables. Each returns [`TableError::NotOrdered`] if the table is hashed.
impl<K: Key, V: Send + Sync + 'static> Table<K, V> {
    /// Returns the row with the least key.
    ///
    /// OTP: [`ets:first/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#first/1).
    ///
    /// # Errors
    ///
    /// [`TableError::NotOrdered`].
    pub fn first(&self) -> Result<Option<Row<K, V>>, TableError> {
        self.core()?.look(|rows| rows.first(everywhere::<K>()).cloned())
    }

    /// Returns the row with the greatest key.
    ///
    /// OTP: [`ets:last/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#last/1).
    ///
    /// # Errors
    ///
    /// [`TableError::NotOrdered`].
    pub fn last(&self) -> Result<Option<Row<K, V>>, TableError> {
        self.core()?.look(|rows| rows.last(everywhere::<K>()).cloned())
    }

    /// Returns the row with the least key that is greater than `key`, which need not be there.
    ///
    /// OTP: [`ets:next/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#next/2).
    ///
    /// # Errors
    ///
    /// [`TableError::NotOrdered`].
    pub fn next<Q>(&self, key: &Q) -> Result<Option<Row<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let bounds = (Bound::Excluded(key), Bound::Unbounded);
        self.core()?.look(|rows| rows.first(bounds).cloned())
    }

    /// Returns the row with the greatest key that is less than `key`, which need not be there.
    ///
    /// OTP: [`ets:prev/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#prev/2).
    ///
    /// # Errors
    ///
    /// [`TableError::NotOrdered`].
    pub fn prev<Q>(&self, key: &Q) -> Result<Option<Row<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let bounds = (Bound::Unbounded, Bound::Excluded(key));
        self.core()?.look(|rows| rows.last(bounds).cloned())
    }

    /// Returns the rows whose keys are in `range`, in order; none if the range begins after its
    /// end.
    ///
    /// ```
    /// use procession::table::{Table, TableOptions};
    ///
    /// let alarms = Table::<u32, &str>::new_with(TableOptions::new().ordered())?;
    /// alarms.insert_all([(700, "get up"), (1230, "eat"), (2200, "sleep")])?;
    /// let morning = alarms.range(..1200)?;
    /// assert_eq!(morning.len(), 1);
    /// assert_eq!(morning[0].value(), &"get up");
    /// # Ok::<(), procession::table::TableError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TableError::NotOrdered`].
    pub fn range<Q>(&self, range: impl RangeBounds<Q>) -> Result<Vec<Row<K, V>>, TableError>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let core = self.core()?;
        core.look(|_| ())?;
        let bounds = (range.start_bound(), range.end_bound());
        let mut rows = Vec::new();
        if !is_empty(bounds) {
            core.scan(Access::Read, bounds, |row| {
                rows.push(row);
                Ok(())
            })?;
        }
        Ok(rows)
    }
}
