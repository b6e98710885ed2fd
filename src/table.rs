//! Tables: rows of keys and values that many processes read and write, without asking a process.
//!
//! A table belongs to a process, its owner, and is deleted when that ends; unless it has an heir,
//! who then owns it. So what a server has gathered can outlive the server:
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
//!     fn handle_call(&mut self, _: Lend, caller: &Caller<Visits>) -> CallResult<Self, Visits> {
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
//!     fn handle_call(&mut self, Visit(who): Visit, _: &Caller<u64>) -> CallResult<Self, u64> {
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
//! When the owner ends, its heir owns the table and gets a [`Transferred`]; if there is none, or it
//! has ended, too, or is the owner itself, the table is deleted. That is done at once by a process
//! that watches the owners, and in any case before the next access is answered: who has learned of
//! the owner's end finds the table with its heir, or finds [`TableError::NoSuchTable`]. There is
//! one hand-over, and one message, whoever does it. The owner can [give](Table::give_away) the
//! table to another process. The heir stays what it is until it is [set](Table::set_heir) anew.
//!
//! # Reading and writing at the same time
//!
//! What is done to one key is atomic; so are [`insert_all`](Table::insert_all) and
//! [`delete_all`](Table::delete_all). A row never changes: an update replaces it, so who reads a
//! [`Row`] holds nobody up. What goes through the whole table, or counts its rows, takes some at a
//! time: it meets each row exactly once that is there all the while, and may or may not meet one
//! that comes or goes; so of rows that are put at once it may meet some and not the others.
//!
//! Closures, and `Clone`, `Drop` and so on of values, run where no lock is held, and may use the
//! table. `Eq` and `Ord` of keys run under a lock: they must not. They should not panic either:
//! `insert_all` may then have put some rows and not the others, and what was to be put is dropped
//! under the lock.
//!
//! # Kinds and names
//!
//! A table is a set of keys: hashed, in no order, or [ordered](TableOptions::ordered), as the keys
//! are. A hashed table is made of parts, each with a lock of its own, so that its users seldom
//! meet; those of an ordered one share a lock, for as long as one look-up or change takes.
//!
//! A table with a [name](TableOptions::name) is found by [`Table::named`], which looks it up at
//! each use: such a handle outlives the table and finds the one that follows it.
//! [`Table::whereis`] looks once.
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
//! - Rows are typed: a key and a value, which is replaced as a whole. Closures take the place of
//!   match specifications.
//! - What is `badarg` there is a [`TableError`].
//! - There are no bags: a value can be a `Vec`, or a key a pair, of which a
//!   [`range`](Table::range) is read.
//! - Only ordered tables have `first`, `next` and the like; there is no `safe_fixtable`, as what
//!   goes through a table needs none, and no `select` with a continuation, as a range is one. There
//!   is no `slot`, `rename`, `tab2file`, nor options to tune a table with.
//! - Counters are as large as their type; one that would not fit is [`TableError::Overflow`].
//! - The heir may hear of the owner's end, by a link or monitor, before it gets its
//!   [`Transferred`]. It owns the table by then. There the message comes first.
//! - A killed owner owns nothing from that moment, also while its destructors still run.
//! - The values of a table whose owner has ended are dropped by a process made for that. A panic
//!   of a destructor is logged there.
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

use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

use crate::exit::{Detail, ExitReason};
use crate::id::Pid;

pub use counter::{Counter, Increment};
pub use ownership::Table;

/// What can be a key: anything that is owned, and can be cloned, hashed and compared.
pub trait Key: Clone + Hash + Ord + Send + Sync + 'static {}

impl<K: Clone + Hash + Ord + Send + Sync + 'static> Key for K {}

/// How the rows of a table are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// In no order. OTP: `set`.
    #[default]
    Hashed,
    /// In the order of the keys. OTP: `ordered_set`.
    Ordered,
}

/// What processes may do that do not own the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// Read and write.
    Public,
    /// Only read.
    #[default]
    Protected,
    /// Neither.
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

/// A table to be made: hashed, protected, without a name and an heir, unless it is told otherwise.
///
/// OTP: the options of [`ets:new/2`](https://www.erlang.org/doc/apps/stdlib/ets.html#new/2).
#[derive(Clone, Debug, Default)]
#[must_use = "a table is to be made with them"]
pub struct TableOptions {
    kind: Kind,
    protection: Protection,
    name: Option<Arc<str>>,
    heir: Option<Heir>,
}

impl TableOptions {
    /// Hashed, protected, no name, no heir.
    pub fn new() -> TableOptions {
        TableOptions::default()
    }

    /// Keeps the rows in the order of the keys.
    pub fn ordered(mut self) -> TableOptions {
        self.kind = Kind::Ordered;
        self
    }

    /// Lets all processes read and write.
    pub fn public(mut self) -> TableOptions {
        self.protection = Protection::Public;
        self
    }

    /// Lets no process but the owner read and write.
    pub fn private(mut self) -> TableOptions {
        self.protection = Protection::Private;
        self
    }

    /// Gives the table a name, to be found by [`Table::named`]. No two tables, of whatever types,
    /// have the same.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> TableOptions {
        self.name = Some(name.into());
        self
    }

    /// Has `pid` own the table when its owner has ended: see [`Table::set_heir`].
    pub fn heir<T>(mut self, pid: Pid, data: T) -> TableOptions
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.heir = Some(Heir { pid, data: Detail::new(data) });
        self
    }
}

/// Who is to own a table when its owner has ended, and what it is told then.
#[derive(Clone, Debug)]
struct Heir {
    pid: Pid,
    data: Detail,
}

/// The message by which a process learns that it owns a table now: it was
/// [given](Table::give_away) to it, or it was its heir.
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
    /// Who owned it before.
    pub from: Pid,
    /// What was said with it: by who gave it, or by who made the receiver its heir.
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

/// A key and a value, as they were when they were read. Cheap to clone.
///
/// It dereferences to the value.
pub struct Row<K, V>(Arc<(K, V)>);

impl<K, V> Row<K, V> {
    fn new(key: K, value: V) -> Row<K, V> {
        Row(Arc::new((key, value)))
    }

    /// The key.
    pub fn key(&self) -> &K {
        &self.0.0
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.0.1
    }

    /// The value, cloned if others have the row, too.
    pub fn into_value(self) -> V
    where
        V: Clone,
    {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.1.clone(), |(_, value)| value)
    }

    /// Both, cloned if others have the row, too.
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

    /// Where the value is, if nobody else has the row.
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

/// A look at a table.
///
/// OTP: [`ets:info/1`](https://www.erlang.org/doc/apps/stdlib/ets.html#info/1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableInfo {
    /// Which table it is.
    pub id: TableId,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Who owns it.
    pub owner: Pid,
    /// Who is to own it when its owner has ended.
    pub heir: Option<Pid>,
    /// Who may use it.
    pub protection: Protection,
    /// How it is kept.
    pub kind: Kind,
    /// How many rows it has.
    pub size: usize,
    /// The types of its keys and values.
    pub types: &'static str,
}

/// Looks at all tables, in the order of their owners.
///
/// OTP: [`ets:all/0`](https://www.erlang.org/doc/apps/stdlib/ets.html#all/0).
pub fn all() -> Vec<TableInfo> {
    registry::all().into_iter().filter_map(|table| table.info().ok()).collect()
}

/// Error returned from what concerns tables.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TableError {
    /// The table was deleted, as its owner has ended, for instance; or none has this name.
    NoSuchTable {
        /// The name by which it was looked for; or that it had, if it was not looked for by one.
        name: Option<Arc<str>>,
    },
    /// Only its owner may do this to the table.
    NotOwner {
        /// Who that is.
        owner: Pid,
        /// What others may do.
        protection: Protection,
    },
    /// The table of this name has keys and values of other types.
    OtherTypes {
        /// Those that were looked for.
        expected: &'static str,
        /// Those that it has.
        found: &'static str,
    },
    /// Another table has this name.
    NameTaken {
        /// The name.
        name: Arc<str>,
        /// Whose table it is.
        owner: Pid,
    },
    /// A name cannot be empty.
    EmptyName,
    /// The table has no order.
    NotOrdered,
    /// No row has the key.
    NoSuchKey,
    /// A counter would become larger or smaller than its type allows.
    Overflow,
    /// The process that was to get the table is not alive.
    NotAlive(Pid),
    /// The process that was to get the table owns it.
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

impl Error for TableError {}
