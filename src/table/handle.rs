//! The functions by which processes make and find tables, and use one row.

use std::any::{Any, type_name};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::exit::Detail;
use crate::id::Pid;

use super::access::InPlace;
use super::ownership::{At, Core};
use super::registry::{self, AnyTable};
use super::rights::Access;
use super::{Counter, Heir, Increment, Key, Row, Table, TableError, TableInfo, TableOptions};

/// Functions that make, find and delete tables.
impl<K: Key, V: Send + Sync + 'static> Table<K, V> {
    /// Makes a table that the caller owns: hashed, protected, without a name and an heir.
    ///
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// assert_eq!(visits.size()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Kind, Table, TableOptions};
    /// let alarms = Table::<u32, &str>::new_with(TableOptions::new().ordered())?;
    /// assert_eq!(alarms.info()?.kind, Kind::Ordered);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`TableError::NameTaken`], [`TableError::EmptyName`].
    pub fn new_with(options: TableOptions) -> Result<Table<K, V>, TableError> {
        Core::create(options).map(Table::from)
    }

    /// Returns a handle to the table that has the name `name`, looked up at each use.
    ///
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let visits = Table::<&str, u64>::named("visits");
    /// assert!(visits.size().is_err()); // There is no such table yet.
    /// Table::<&str, u64>::new_with(TableOptions::new().name("visits"))?;
    /// assert_eq!(visits.size()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named(name: impl Into<Arc<str>>) -> Table<K, V> {
        Table(At::Name(name.into()))
    }

    /// Looks up the table that has the name `name` now. The handle refers to this table for good,
    /// and saves the lookup at each use.
    ///
    /// ```
    /// # use procession::table::{Table, TableError, TableOptions};
    /// Table::<&str, u64>::new_with(TableOptions::new().name("visits"))?;
    /// assert_eq!(Table::<&str, u64>::whereis("visits")?.size()?, 0);
    /// let wrong = Table::<&str, i8>::whereis("visits");
    /// assert!(matches!(wrong, Err(TableError::OtherTypes { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    pub(super) fn core(&self) -> Result<Cow<'_, Arc<Core<K, V>>>, TableError> {
        match &self.0 {
            At::Core(core) => Ok(Cow::Borrowed(core)),
            At::Name(name) => Self::find(name).map(Cow::Owned),
        }
    }

    /// Deletes the table, if the caller may write. Its values have been dropped when this returns,
    /// except those of rows that are shared.
    ///
    /// ```
    /// # use procession::table::{Table, TableError};
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.delete_table()?;
    /// assert_eq!(visits.insert("joe", 1), Err(TableError::NoSuchTable { name: None }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::table::{Table, Transferred};
    /// let visits = Table::<&str, u64>::new()?;
    /// let counter = process::spawn(|| {
    ///     let table = receive! { Transferred::<&str, u64> { table, .. } => table };
    ///     table.insert("joe", 1)?;
    ///     receive! { () => Ok::<(), ExitReason>(()) }
    /// })?;
    /// visits.give_away(counter, "take care")?;
    /// assert_eq!(visits.info()?.owner, counter);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// let keeper = process::spawn(|| receive! { () => {} })?;
    /// visits.set_heir(keeper, "keep it")?;
    /// assert_eq!(visits.info()?.heir, Some(keeper));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::table::{Table, TableOptions};
    /// let options = TableOptions::new().heir(process::self_pid(), "keep it");
    /// let visits = Table::<&str, u64>::new_with(options)?;
    /// visits.clear_heir()?;
    /// assert_eq!(visits.info()?.heir, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Table`].
    pub fn clear_heir(&self) -> Result<(), TableError> {
        self.core()?.set_heir(None)
    }

    /// Returns information about the table. Every process may do this.
    ///
    /// ```
    /// # use procession::process;
    /// # use procession::table::{Protection, Table};
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// let info = visits.info()?;
    /// assert_eq!((info.owner, info.size), (process::self_pid(), 1));
    /// assert_eq!(info.protection, Protection::Protected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert_all([("joe", 1), ("jim", 2)])?;
    /// assert_eq!(visits.size()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// visits.insert("joe", 2)?;
    /// assert_eq!(visits.get("joe")?, Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// assert!(visits.insert_new("joe", 1)?);
    /// assert!(!visits.insert_new("joe", 2)?);
    /// assert_eq!(visits.get("joe")?, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<String, u64>::new()?;
    /// visits.insert("joe".to_owned(), 1)?;
    /// assert_eq!(visits.get("joe")?, Some(1));
    /// assert_eq!(visits.get("jim")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let pages = Table::<u32, Vec<&str>>::new()?;
    /// pages.insert(1, vec!["once", "upon", "a", "time"])?;
    /// assert_eq!(pages.get_with(&1, Vec::len)?, Some(4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let pages = Table::<u32, Vec<&str>>::new()?;
    /// pages.insert(1, vec!["once", "upon"])?;
    /// let row = pages.row(&1)?.unwrap();
    /// pages.delete(&1)?;
    /// assert_eq!(row.concat(), "onceupon"); // The row is as it was.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert!(visits.member("joe")?);
    /// assert!(!visits.member("jim")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert!(visits.delete("joe")?);
    /// assert!(!visits.delete("joe")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert!(!visits.delete_if("joe", |visits| *visits > 1)?);
    /// assert!(visits.delete_if("joe", |visits| *visits == 1)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert_eq!(visits.take("joe")?, Some(1));
    /// assert_eq!(visits.take("joe")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// /// A job cannot be cloned.
    /// #[derive(Debug)]
    /// struct Job(u32);
    ///
    /// let jobs = Table::<u32, Job>::new()?;
    /// jobs.insert(7, Job(42))?;
    /// assert_eq!(jobs.take_row(&7)?.unwrap().0, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let pages = Table::<u32, String>::new()?;
    /// pages.insert(1, "once".to_owned())?;
    /// let row = pages.update(&1, |text| format!("{text} upon"))?.unwrap();
    /// assert_eq!(row.value(), "once upon");
    /// assert!(pages.update(&2, String::clone)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let pages = Table::<u32, String>::new()?;
    /// for expected in ["once", "onceonce"] {
    ///     let row = pages.update_or_insert(1, String::new(), |text| format!("{text}once"))?;
    ///     assert_eq!(row.value(), expected);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Table, TableError};
    /// let visits = Table::<&str, u8>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert_eq!(visits.update_counter("joe", 2)?, 3);
    /// assert_eq!(visits.update_counter("joe", -4), Err(TableError::Overflow));
    /// assert_eq!(visits.update_counter("jim", 1), Err(TableError::NoSuchKey));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// assert_eq!(visits.update_counter_or("joe", 1, 0)?, 1);
    /// assert_eq!(visits.update_counter_or("joe", 1, 0)?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use procession::table::{Increment, Table};
    /// let seats = Table::<&str, u8>::new()?;
    /// let next_of_two = Increment::by(1).threshold(1, 0).default(0);
    /// for expected in [1, 0, 1] {
    ///     assert_eq!(seats.update_counter_with("blue", next_of_two)?, expected);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
