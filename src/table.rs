//! Tables: rows of keys and values that many processes read and write without calling a process.
//!
//! A table belongs to a process, its owner. When the owner ends, the table is deleted, unless it
//! has an heir, which then owns it. So the data of a server can outlive the server:
//!
//! ```
//! use procession::prelude::*;
//! use procession::table::{Table, TableOptions, Transferred};
//!
//! type Visits = Table<String, u64>;
//!
//! /// Owns the table while no counter does. It does nothing else, so it has no reason to crash.
//! #[derive(Debug)]
//! struct Keeper(Visits);
//!
//! #[derive(Debug)]
//! struct Lend;
//!
//! impl GenServer for Keeper {
//!     type Args = ();
//!     fn init((): ()) -> InitResult<Self> {
//!         let options = TableOptions::new().heir(process::self_pid(), "a counter has ended");
//!         ready(Keeper(Table::new_with(options)?))
//!     }
//!     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
//!         assert!(message.is::<Transferred<String, u64>>()); // It has come back.
//!         noreply()
//!     }
//! }
//!
//! impl HandleCall<Lend> for Keeper {
//!     type Reply = Visits;
//!     fn handle_call(&mut self, _: Lend, caller: &Caller<Visits>) -> CallResult<Self, Lend> {
//!         self.0.give_away(caller.pid(), "take care")?;
//!         reply(self.0.clone())
//!     }
//! }
//!
//! /// Counts visits, in a table that it borrows.
//! #[derive(Debug)]
//! struct Counter(Visits);
//!
//! #[derive(Debug)]
//! struct Visit(&'static str);
//!
//! impl GenServer for Counter {
//!     type Args = ();
//!     fn init((): ()) -> InitResult<Self> {
//!         let visits = ServerRef::<Keeper>::named("visits_keeper").call(Lend)?;
//!         receive! { Transferred::<String, u64> { .. } => {} }
//!         ready(Counter(visits))
//!     }
//! }
//!
//! impl HandleCall<Visit> for Counter {
//!     type Reply = u64;
//!     fn handle_call(&mut self, Visit(who): Visit, _: &Caller<u64>) -> CallResult<Self, Visit> {
//!         assert!(!who.is_empty(), "nobody has visited");
//!         reply(self.0.update_counter_or(who.to_owned(), 1, 0)?)
//!     }
//! }
//!
//! let top = Supervisor::one_for_one()
//!     .child(Keeper::named_child_spec("visits_keeper", ()))
//!     .child(Counter::named_child_spec("visits", ()))
//!     .start_link()?;
//! let counter = ServerRef::<Counter>::named("visits");
//! assert_eq!(counter.call(Visit("joe"))?, 1);
//!
//! assert!(counter.call(Visit("")).is_err()); // It has crashed.
//! # top.count_children()?;
//! // The supervisor has started another counter, and nothing is lost.
//! assert_eq!(counter.call(Visit("joe"))?, 2);
//! # top.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Owner, heir, and the end of a table
//!
//! When the owner ends, the heir owns the table and gets a [`Transferred`]. If there is no heir, or
//! the heir has ended, too, or is the owner itself, the table is deleted. A process that monitors
//! the owners does that at once, and in any case it is done before the next access returns: a
//! process that has learned of the owner's end finds the table with its heir, or gets
//! [`TableError::NoSuchTable`]. There is exactly one transfer, and one message. The owner can also
//! [give](Table::give_away) the table to another process. The heir stays the same until it is
//! [set](Table::set_heir) anew.
//!
//! # Reading and writing at the same time
//!
//! Operations on one key are atomic; so are [`insert_all`](Table::insert_all) and
//! [`delete_all`](Table::delete_all). A row never changes: an update replaces it, so a process that
//! reads a [`Row`] blocks no other. Operations on the whole table, and [`size`](Table::size), take
//! some rows at a time: they visit each row that is there all the while exactly once, and may or
//! may not visit a row that is inserted or deleted meanwhile. So they may visit some rows of one
//! `insert_all` and not the others.
//!
//! Closures, and `Clone`, `Drop` and so on of values, run while no lock is held, and may use the
//! table. `Eq` and `Ord` of keys run under a lock: they must not use it. They should not panic
//! either: `insert_all` may then have inserted some rows and not the others, and drops the rest
//! under the lock.
//!
//! # Kinds and names
//!
//! A table is a set of keys: hashed, without an order, or [ordered](TableOptions::ordered) by
//! `Ord`. A hashed table consists of parts, each with its own lock, so that its users seldom
//! contend; an ordered table has one lock, held for one lookup or change at a time.
//!
//! [`Table::named`] refers to a table by its [name](TableOptions::name) and looks it up at each
//! use: such a handle outlives the table and finds the next one of that name. [`Table::whereis`]
//! looks the name up once.
//!
//! | OTP | here |
//! |---|---|
//! | `new` | [`Table::new`], [`Table::new_with`], [`TableOptions`] |
//! | `insert`, `insert_new` | [`Table::insert`], [`Table::insert_new`] |
//! | the same of a list | [`Table::insert_all`], [`Table::insert_all_new`] |
//! | `lookup`, `lookup_element` | [`Table::get`], [`Table::row`], [`Table::get_with`] |
//! | `member` | [`Table::member`] |
//! | `delete/2`, `take` | [`Table::delete`], [`Table::take`] |
//! | `delete_object` | [`Table::delete_if`] |
//! | `delete/1`, `delete_all_objects` | [`Table::delete_table`], [`Table::delete_all`] |
//! | `update_counter` | [`Table::update_counter`], `…_or` a default, `…_with` an [`Increment`] |
//! | `update_element` | [`Table::update`], [`Table::update_or_insert`] |
//! | `first`, `last`, `next`, `prev`, `…_lookup` | the same, of ordered tables |
//! | a `select` of an `ordered_set` by its key | [`Table::range`] |
//! | `tab2list` | [`Table::to_vec`], [`Table::rows`], [`Table::keys`], [`Table::values`] |
//! | `foldl` | [`Table::fold`] |
//! | `select`, `match`, `match_object` | [`Table::select`] |
//! | `select_count` | [`Table::select_count`] |
//! | `select_delete`, `match_delete` | [`Table::select_delete`] |
//! | `select_replace` | [`Table::select_replace`] |
//! | `give_away` | [`Table::give_away`] |
//! | `setopts` with `heir` | [`Table::set_heir`], [`Table::clear_heir`] |
//! | `'ETS-TRANSFER'` | [`Transferred`] |
//! | `info`, `all` | [`Table::info`], [`Table::size`], [`all`] |
//! | `whereis`, a name as a table | [`Table::whereis`], [`Table::named`] |
//!
//! # Differences from OTP
//!
//! - Rows are typed: a key and a value, which is replaced as a whole. Closures replace match
//!   specifications.
//! - Where OTP fails with `badarg`, a [`TableError`] is returned.
//! - There are no bags: a value can be a `Vec`, or a key a pair, of which a
//!   [`range`](Table::range) is read.
//! - Only ordered tables have `first`, `next` and the like. There is no `safe_fixtable`, as no
//!   traversal needs it, and no `select` with a continuation, as a range does the same. There is
//!   no `slot`, `rename` or `tab2file`, and there are no options to tune a table.
//! - A counter has the range of its type; beyond that, the result is [`TableError::Overflow`].
//! - The heir may learn of the owner's end, by a link or monitor, before it gets its
//!   [`Transferred`]. It owns the table by then. In OTP the message comes first.
//! - A killed owner owns nothing from that moment, also while its destructors still run.
//! - A process of its own drops the values of a table whose owner has ended, and logs panics of
//!   their destructors.
//!
//! OTP: [`ets`](https://www.erlang.org/doc/apps/stdlib/ets.html).

mod rights;
mod rows;
mod shards;
mod registry;
mod keeper;
mod ownership;
mod access;
mod counter;
mod handle;
mod traversal;

use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use crate::error_text::errors;
use crate::exit::{Detail, ExitReason};
use crate::id::Pid;

pub use counter::{Counter, Increment};
pub use ownership::Table;

use registry::NoInfo;

/// A type of keys: any type that is owned, and can be cloned, hashed and compared.
pub trait Key: Clone + Hash + Ord + Send + Sync + 'static {}

impl<K: Clone + Hash + Ord + Send + Sync + 'static> Key for K {}

/// Says how a table stores its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// By the hashes of the keys, without an order. OTP: `set`.
    #[default]
    Hashed,
    /// In the order of the keys. OTP: `ordered_set`.
    Ordered,
}

/// Says what processes that do not own a table may do with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// They may read and write.
    Public,
    /// They may only read.
    #[default]
    Protected,
    /// They may neither read nor write.
    Private,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protection::Public => "public",
            Protection::Protected => "protected",
            Protection::Private => "private",
        })
    }
}

/// The options of a new table. By default it is hashed and protected, and has no name and no heir.
///
/// OTP: the options of [`ets:new/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#new/2).
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until a table is made with them"]
pub struct TableOptions {
    kind: Kind,
    protection: Protection,
    name: Option<Arc<str>>,
    heir: Option<Heir>,
}

impl TableOptions {
    /// Creates the default options: hashed, protected, no name, no heir.
    ///
    /// ```
    /// # use procession::table::{Kind, Protection, Table, TableOptions};
    /// let info = Table::<u32, &str>::new_with(TableOptions::new())?.info()?;
    /// assert_eq!((info.kind, info.protection), (Kind::Hashed, Protection::Protected));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> TableOptions {
        TableOptions::default()
    }

    /// Keeps the rows in the order of the keys.
    ///
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let alarms = Table::new_with(TableOptions::new().ordered())?;
    /// alarms.insert_all([(1230_u32, "eat"), (700, "get up")])?;
    /// assert_eq!(alarms.keys()?, [700, 1230]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ordered(mut self) -> TableOptions {
        self.kind = Kind::Ordered;
        self
    }

    /// Lets all processes read and write.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::table::{Table, TableOptions};
    /// let visits = Table::<&str, u64>::new_with(TableOptions::new().public())?;
    /// let visitor = visits.clone();
    /// let (_, monitor) = process::spawn_monitor(move || {
    ///     visitor.insert("joe", 1)?;
    ///     Ok::<(), ExitReason>(())
    /// })?;
    /// receive! { down: Down if down.monitor == monitor => {} }
    /// assert_eq!(visits.get("joe")?, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn public(mut self) -> TableOptions {
        self.protection = Protection::Public;
        self
    }

    /// Lets no process but the owner read and write.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::table::{Table, TableError, TableOptions};
    /// let secrets = Table::<&str, u64>::new_with(TableOptions::new().private())?;
    /// let me = process::self_pid();
    /// process::spawn(move || process::send(me, secrets.get("pin")))?;
    /// receive! {
    ///     read: Result<Option<u64>, TableError> => {
    ///         assert!(matches!(read, Err(TableError::NotOwner { .. })));
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn private(mut self) -> TableOptions {
        self.protection = Protection::Private;
        self
    }

    /// Gives the table a name, by which [`Table::named`] finds it. Names are unique among tables of
    /// all types.
    ///
    /// ```
    /// # use procession::table::{Table, TableOptions};
    /// let visits = Table::new_with(TableOptions::new().name("visits"))?;
    /// visits.insert("joe".to_owned(), 1_u64)?;
    /// assert_eq!(Table::<String, u64>::named("visits").get("joe")?, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(mut self, name: impl Into<Arc<str>>) -> TableOptions {
        self.name = Some(name.into());
        self
    }

    /// Makes `pid` the heir, which owns the table when its owner has ended: see
    /// [`Table::set_heir`].
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::table::{Table, TableOptions, Transferred};
    /// let options = TableOptions::new().heir(process::self_pid(), "the will");
    /// process::spawn(move || {
    ///     Table::new_with(options)?.insert("gold", 7_u64)?;
    ///     Ok::<(), ExitReason>(())
    /// })?;
    /// receive! {
    ///     Transferred::<&str, u64> { table, .. } => assert_eq!(table.get("gold")?, Some(7)),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn heir<T>(mut self, pid: Pid, data: T) -> TableOptions
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.heir = Some(Heir { pid, data: Detail::new(data) });
        self
    }
}

/// The process that owns a table when its owner has ended, and the data that it gets then.
#[derive(Clone, Debug)]
struct Heir {
    pid: Pid,
    data: Detail,
}

/// The message to a process that owns a table now: the table was [given](Table::give_away) to it,
/// or it was the heir.
///
/// OTP: `{'ETS-TRANSFER', Tab, FromPid, GiftData}`.
///
/// ```
/// use procession::prelude::*;
/// use procession::table::{Table, Transferred};
///
/// let me = process::self_pid();
/// let worker = process::spawn(move || {
///     let squares = Table::<u32, u32>::new().unwrap();
///     (1..=3).for_each(|n| squares.insert(n, n * n).unwrap());
///     squares.give_away(me, "squares").unwrap();
/// })?;
/// let Transferred { table, from, data } = receive! {
///     given: Transferred<u32, u32> => given,
/// };
/// assert_eq!(table.get(&3)?, Some(9));
/// assert_eq!((from, data.downcast_ref()), (worker, Some(&"squares")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Transferred<K, V> {
    /// The table.
    pub table: Table<K, V>,
    /// The previous owner.
    pub from: Pid,
    /// The data that was passed to [`Table::give_away`] or [`Table::set_heir`].
    pub data: Detail,
}

impl<K, V> fmt::Debug for Transferred<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transferred")
            .field("table", &self.table)
            .field("from", &self.from)
            .field("data", &self.data)
            .finish()
    }
}

/// A key and a value, as they were when they were read.
///
/// A row is cheap to clone, and dereferences to its value.
pub struct Row<K, V>(Arc<(K, V)>);

impl<K, V> Row<K, V> {
    fn new(key: K, value: V) -> Row<K, V> {
        Row(Arc::new((key, value)))
    }

    /// Returns the key.
    ///
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert_eq!(visits.row("joe")?.unwrap().key(), &"joe");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key(&self) -> &K {
        &self.0.0
    }

    /// Returns the value.
    ///
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert_eq!(visits.row("joe")?.unwrap().value(), &1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value(&self) -> &V {
        &self.0.1
    }

    /// Returns the value; a clone, if the row is still shared.
    ///
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert_eq!(visits.take_row("joe")?.unwrap().into_value(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_value(self) -> V
    where
        V: Clone,
    {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.1.clone(), |(_, value)| value)
    }

    /// Returns the key and the value; clones, if the row is still shared.
    ///
    /// ```
    /// # use procession::table::Table;
    /// let visits = Table::<&str, u64>::new()?;
    /// visits.insert("joe", 1)?;
    /// assert_eq!(visits.take_row("joe")?.unwrap().into_pair(), ("joe", 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_pair(self) -> (K, V)
    where
        K: Clone,
        V: Clone,
    {
        Arc::unwrap_or_clone(self.0)
    }

    fn is(&self, other: &Row<K, V>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the value to be changed in place, unless the row is shared.
    fn value_mut(&mut self) -> Option<&mut V> {
        Arc::get_mut(&mut self.0).map(|(_, value)| value)
    }
}

impl<K, V> Clone for Row<K, V> {
    fn clone(&self) -> Row<K, V> {
        Row(Arc::clone(&self.0))
    }
}

impl<K, V> Deref for Row<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        self.value()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Row<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Row").field(self.key()).field(self.value()).finish()
    }
}

/// Identifies a table; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u64);

impl fmt::Debug for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Table<{}>", self.0)
    }
}

/// Information about a table.
///
/// OTP: [`ets:info/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#info/1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableInfo {
    /// The table.
    pub id: TableId,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// The owner.
    pub owner: Pid,
    /// The heir, if it has one.
    pub heir: Option<Pid>,
    /// What processes other than the owner may do.
    pub protection: Protection,
    /// How it stores its rows.
    pub kind: Kind,
    /// The number of rows.
    pub size: usize,
    /// About how much memory the table takes, in bytes: what it keeps the rows in and the rows, but
    /// not what keys and values have elsewhere, as the text of a `String`.
    pub memory: usize,
    /// The types of its keys and values.
    pub types: &'static str,
}

/// Returns information about all tables, ordered by their owners.
///
/// ```
/// # use procession::table::{self, Table};
/// let visits = Table::<&str, u64>::new()?;
/// assert!(table::all().contains(&visits.info()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`ets:all/0`](https://www.erlang.org/doc/apps/stdlib/ets.html#all/0).
pub fn all() -> Vec<TableInfo> {
    registry::all().into_iter().filter_map(|table| table.info().ok()).collect()
}

/// As [`all`], but changes nothing. Returns also how many tables there are that others locked until
/// `patience`.
pub(crate) fn look_at_all(patience: Instant) -> (Vec<TableInfo>, usize) {
    let (mut infos, mut locked) = (Vec::new(), 0);
    for table in registry::all() {
        match table.look(patience) {
            Ok(info) => infos.push(info),
            Err(NoInfo::Deleted) => {}
            Err(NoInfo::Locked) => locked += 1,
        }
    }
    (infos, locked)
}

/// Error returned from the operations on tables.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum TableError {
    /// The table was deleted, for instance because its owner has ended; or no table has this name.
    NoSuchTable {
        /// The name that was looked up; otherwise the name that the table had, if any.
        name: Option<Arc<str>>,
    },
    /// Only the owner may do this to the table.
    NotOwner {
        /// The owner.
        owner: Pid,
        /// What other processes may do.
        protection: Protection,
    },
    /// The table of this name has keys and values of other types.
    OtherTypes {
        /// The types that were expected.
        expected: &'static str,
        /// The types that the table has.
        found: &'static str,
    },
    /// Another table has this name.
    NameTaken {
        /// The name.
        name: Arc<str>,
        /// The owner of that table.
        owner: Pid,
    },
    /// A name cannot be empty.
    EmptyName,
    /// The table has no order.
    NotOrdered,
    /// There is no row with the key.
    NoSuchKey,
    /// A counter would become larger or smaller than its type allows.
    Overflow,
    /// The process to which the table was given is not alive.
    NotAlive(Pid),
    /// The process to which the table was given owns it already.
    OwnsIt(Pid),
    /// The process that watches the owners of tables could not be started.
    NoKeeper(ExitReason),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchTable { name: None } => f.write_str("the table does not exist any more"),
            Self::NoSuchTable { name: Some(name) } => write!(f, "there is no table {name:?}"),
            Self::NotOwner { owner, protection } => {
                write!(f, "the table is {protection}: only its owner {owner} may do that")
            }
            Self::OtherTypes { expected, found } => {
                write!(f, "the table is of {found}, not of {expected}")
            }
            Self::NameTaken { name, owner } => write!(f, "{owner} has a table {name:?}"),
            Self::EmptyName => f.write_str("a name cannot be empty"),
            Self::NotOrdered => f.write_str("the table has no order"),
            Self::NoSuchKey => f.write_str("no row has the key"),
            Self::Overflow => f.write_str("the counter would overflow"),
            Self::NotAlive(pid) => write!(f, "{pid} is not alive"),
            Self::OwnsIt(pid) => write!(f, "{pid} owns the table"),
            Self::NoKeeper(reason) => {
                write!(f, "the keeper of tables could not be started: {reason}")
            }
        }
    }
}

errors!(TableError);
