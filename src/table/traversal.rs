//! The functions on many rows: on all of them, or on those of a range.

use std::borrow::Borrow;
use std::ops::{Bound, RangeBounds};

use super::access::{Existing, is_empty};
use super::rights::Access;
use super::rows::Bounds;
use super::{Key, Row, Table, TableError};

/// Returns the bounds of all keys.
fn everywhere<'a, Q: ?Sized>() -> Bounds<'a, Q> {
    (Bound::Unbounded, Bound::Unbounded)
}

/// Functions on many rows.
impl<K: Key, V: Send + Sync + 'static> Table<K, V> {
    /// Inserts all rows at once: a process that finds one of them also finds the others. (But see
    /// [operations on the whole table](super#reading-and-writing-at-the-same-time).) Of rows with
    /// the same key the last one stays.
    ///
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2), ("joe", 3)])?;
    /// assert_eq!((visits.size()?, visits.get("joe")?), (2, Some(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert!(!visits.insert_all_new([("joe", 2), ("jim", 2)])?);
    /// assert_eq!(visits.get("jim")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// visits.delete_all()?;
    /// assert_eq!(visits.size()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// for row in visits.rows()? {
    ///     assert_eq!((*row.key(), *row.value()), ("joe", 1));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let visits = Table::<&str, u64>::new_with(TableOptions::new().ordered())?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// assert_eq!(visits.keys()?, ["jim", "joe"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn keys(&self) -> Result<Vec<K>, TableError> {
        self.select(|key, _| Some(key.clone()))
    }

    /// Returns all values; in the order of their keys, if the table is ordered.
    ///
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let visits = Table::<&str, u64>::new_with(TableOptions::new().ordered())?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// assert_eq!(visits.values()?, [2, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let visits = Table::<&str, u64>::new_with(TableOptions::new().ordered())?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// assert_eq!(visits.to_vec()?, [("jim", 2), ("joe", 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// let frequent = visits.select(|who, visits| (*visits > 1).then_some(*who))?;
    /// assert_eq!(frequent, ["jim"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// assert_eq!(visits.select_count(|_, visits| *visits > 1)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// assert_eq!(visits.select_delete(|_, visits| *visits > 1)?, 1);
    /// assert_eq!(visits.keys()?, ["joe"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// let halved = visits.select_replace(|_, visits| (*visits > 1).then_some(visits / 2))?;
    /// assert_eq!((halved, visits.get("jim")?), (1, Some(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// assert_eq!(visits.fold(0, |sum, _, visits| sum + visits)?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let alarms = Table::<u32, &str>::new_with(TableOptions::new().ordered())?;
    /// alarms.insert_all([(700, "get up"), (1230, "eat")])?;
    /// assert_eq!(alarms.first()?.unwrap().key(), &700);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let alarms = Table::<u32, &str>::new_with(TableOptions::new().ordered())?;
    /// alarms.insert_all([(700, "get up"), (1230, "eat")])?;
    /// assert_eq!(alarms.last()?.unwrap().key(), &1230);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let alarms = Table::<u32, &str>::new_with(TableOptions::new().ordered())?;
    /// alarms.insert_all([(700, "get up"), (1230, "eat")])?;
    /// assert_eq!(alarms.next(&800)?.unwrap().value(), &"eat");
    /// assert!(alarms.next(&1230)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let alarms = Table::<u32, &str>::new_with(TableOptions::new().ordered())?;
    /// alarms.insert_all([(700, "get up"), (1230, "eat")])?;
    /// assert_eq!(alarms.prev(&800)?.unwrap().value(), &"get up");
    /// assert!(alarms.prev(&700)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
