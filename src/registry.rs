//! Registries: processes under keys of any type, each with a value, looked up without a call.
//!
//! In a unique registry a key has one entry; in a duplicate registry it has any number, of one
//! process or of several. A process registers itself, and its entries are removed when it ends.
//!
//! ```
//! use procession::prelude::*;
//! use procession::registry::{Registry, RegistryRef};
//!
//! # #[derive(Debug)]
//! # struct Session;
//! # impl GenServer for Session {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Session) }
//! # }
//! # impl HandleCall<()> for Session {
//! #     type Reply = Pid;
//! #     fn handle_call(&mut self, (): (), _: &Caller<Pid>) -> CallResult<Self, ()> {
//! #         reply(process::self_pid())
//! #     }
//! # }
//! // Sessions by the number of their user.
//! let sessions = Registry::<u32>::unique("sessions").start_link()?;
//! let ernie = Session::start_with((), StartOptions::new().name(sessions.via(7)))?;
//!
//! // Anywhere in the program:
//! let sessions = RegistryRef::<u32>::named("sessions");
//! assert_eq!(ServerRef::<Session>::named(sessions.via(7)).call(())?, ernie.pid());
//! assert_eq!(sessions.lookup(&8)?, []);
//! # ernie.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A duplicate registry serves to publish and subscribe: processes that are interested in a topic
//! register under it, and a process that has news [dispatches](RegistryRef::dispatch) them.
//!
//! ```
//! use procession::prelude::*;
//! use procession::registry::Registry;
//!
//! let topics = Registry::<&str, ()>::duplicate("topics").start_link()?;
//! topics.register("weather", ())?;
//! topics.dispatch(&"weather", |entries| {
//!     for (pid, ()) in entries {
//!         process::send(*pid, "rain");
//!     }
//! })?;
//! receive! { news: &str => assert_eq!(news, "rain") }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A registry is a supervisor of its partitions. The process of a partition is linked to the
//! processes that have registered there: it removes their entries when they end; and when it
//! crashes itself, they receive its exit signal, and do not go on as if they were registered. A
//! process that was looked up may have ended since. But a process that has received the `Down` of
//! another process finds no entry of it any more, and can register under its keys.
//!
//! When a partition crashes, its entries are lost. It is restarted empty: in a duplicate registry
//! alone, in a unique one with all others. After too many [crashes](Registry::intensity) the
//! registry ends.
//!
//! | Elixir | here |
//! |---|---|
//! | `start_link(keys: :unique)`, `:duplicate` | [`Registry::unique`], [`Registry::duplicate`] |
//! | `register`, `unregister`, `unregister_match` | the same |
//! | `lookup`, `keys`, `values`, `count` | the same |
//! | `match`, `count_match` | [`RegistryRef::lookup_match`], [`RegistryRef::count_match`] |
//! | `select`, `count_select` | the same |
//! | `update_value`, `dispatch`, `lock` | the same |
//! | `meta`, `put_meta`, `delete_meta` | the same |
//! | `{:via, RegistryRef, {registry, key}}` | [`RegistryRef::via`], [`RegistryRef::via_with`] |
//! | listeners | [`Registry::listener`] |
//! | `max_restarts`, `max_seconds` of its supervisor | [`Registry::intensity`] |
//!
//! # Differences from OTP
//!
//! - Keys and values have types; a registry is found by its name and these types. Closures replace
//!   the patterns of Elixir.
//! - The entries of a process that has ended are never returned, even before they are removed.
//! - Where Elixir raises for a registry that does not run, [`RegistryError::NoRegistry`] is
//!   returned.
//! - A key's `Hash` and `Eq` run while a partition is locked: they must not use the registry. No
//!   other code of the program runs under a lock.
//! - [`dispatch_parallel`](RegistryRef::dispatch_parallel) never runs the closure in the caller's
//!   own process.
//! - A partition has some of the keys, also in a duplicate registry, where in Elixir it has some of
//!   the processes. So when a partition crashes, all entries of its keys are lost, and no others.
//! - Listeners also receive [`Unregistered`] for the entries that are lost with a partition.
//!
//! Elixir: [`Registry`](https://hexdocs.pm/elixir/Registry.html).

mod dispatch;
mod entries;
mod lock;
mod partition;
pub(crate) mod shown;
mod start;
mod via;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::directory::Remembered;
use crate::error_text::errors;
use crate::exit::{Detail, ExitReason};

use crate::id::Pid;
use crate::message::{Name, Via};
use crate::process;
use crate::user_code::Guarded;

pub use partition::{Registered, Unregistered};
pub use start::Registry;
pub use via::KeyWithValue;

use partition::Shared;

/// A type of keys of a registry.
pub trait Key: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> Key for K {}

/// A type of values in a registry.
pub trait Value: Clone + fmt::Debug + Send + Sync + 'static {}

impl<V: Clone + fmt::Debug + Send + Sync + 'static> Value for V {}

/// Refers to a registry by its name, which is looked up at each use. It is as cheap to clone as a
/// name.
pub struct RegistryRef<K, V = ()> {
    name: Arc<str>,
    found: Remembered<Shared<K, V>>,
}

impl<K, V> Clone for RegistryRef<K, V> {
    fn clone(&self) -> RegistryRef<K, V> {
        RegistryRef { name: Arc::clone(&self.name), found: self.found.clone() }
    }
}

impl<K, V> PartialEq for RegistryRef<K, V> {
    fn eq(&self, other: &RegistryRef<K, V>) -> bool {
        self.name == other.name
    }
}

impl<K, V> Eq for RegistryRef<K, V> {}

impl<K, V> Hash for RegistryRef<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<K, V> fmt::Debug for RegistryRef<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RegistryRef").field(&self.name).finish()
    }
}

/// Says whether a key can have several entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Unique,
    Duplicate,
}

/// Error returned from the operations on a registry.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no registry of this name with keys and values of these types.
    NoRegistry(Arc<str>),
    /// The key belongs to this process, in a unique registry.
    AlreadyRegistered(Pid),
    /// The caller has no entry under the key.
    NotRegistered,
    /// A process of a parallel dispatch has exited for this reason.
    Dispatch(ExitReason),
    /// The registry of this name is a duplicate one, in which a key does not name one process.
    NotUnique(Arc<str>),
    /// The caller has ended: it can neither register nor wait any more.
    CallerEnded,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRegistry(name) => {
                write!(f, "there is no registry {name:?} with such keys and values")
            }
            Self::AlreadyRegistered(pid) => write!(f, "the key is already registered by {pid}"),
            Self::NotRegistered => f.write_str("the key is not registered by the caller"),
            Self::Dispatch(reason) => write!(f, "a dispatch has failed: {reason}"),
            Self::NotUnique(name) => write!(f, "the keys of registry {name:?} are not unique"),
            Self::CallerEnded => f.write_str("the caller has ended"),
        }
    }
}

errors!(RegistryError);

impl<K: Key, V: Value> RegistryRef<K, V> {
    /// Returns a handle to the registry with the name `name`, looked up at each use.
    ///
    /// ```
    /// # use procession::registry::{Registry, RegistryRef};
    /// Registry::<u32, &str>::unique("named_users").start_link()?.register(7, "ernie")?;
    /// let users = RegistryRef::<u32, &str>::named("named_users");
    /// assert_eq!(users.count()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named(name: impl Into<Arc<str>>) -> RegistryRef<K, V> {
        RegistryRef { name: name.into(), found: Remembered::new() }
    }

    /// Returns the name, which is also the registered name of the registry's supervisor.
    ///
    /// ```
    /// # use procession::process;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32>::unique("name_users").start_link()?;
    /// assert!(process::whereis(users.name()).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    #[inline]
    fn shared(&self) -> Result<Cow<'_, Arc<Shared<K, V>>>, RegistryError> {
        let found = self.found.find(|| Name::Local(Arc::clone(&self.name)));
        let open = found.filter(|shared| !shared.is_closed());
        open.ok_or_else(|| RegistryError::NoRegistry(Arc::clone(&self.name)))
    }

    /// Returns [`shared`](Self::shared), if the keys are unique.
    #[inline]
    fn unique_shared(&self) -> Result<Cow<'_, Arc<Shared<K, V>>>, RegistryError> {
        let shared = self.shared()?;
        match shared.keys {
            Keys::Unique => Ok(shared),
            Keys::Duplicate => Err(RegistryError::NotUnique(self.name.clone())),
        }
    }

    /// Registers the caller under `key`, with a value, and links it to the process of a partition.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// use procession::registry::{Registry, RegistryError};
    ///
    /// let users = Registry::<u32, &str>::unique("register_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// let taken = users.register(7, "bert");
    /// assert_eq!(taken, Err(RegistryError::AlreadyRegistered(process::self_pid())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.register/3`](https://hexdocs.pm/elixir/Registry.html#register/3).
    ///
    /// # Errors
    ///
    /// - [`RegistryError::AlreadyRegistered`] if the key has an entry, in a unique registry; also
    ///   if it is the caller's own, whose value does not change then.
    /// - [`RegistryError::CallerEnded`] in a thread of the program's own that was killed, and in
    ///   the destructors of any killed process.
    /// - [`RegistryError::NoRegistry`], also while a partition is restarted after a crash.
    ///
    /// # Panics
    ///
    /// Panics in a thread of the program's own that is killed meanwhile.
    pub fn register(&self, key: K, value: V) -> Result<(), RegistryError> {
        self.shared()?.register(process::self_pid(), key, value)
    }

    /// Removes the caller's entries under `key`, if there are any.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("unregister_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// users.unregister(&7)?;
    /// assert_eq!(users.lookup(&7)?, []);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.unregister/2`](https://hexdocs.pm/elixir/Registry.html#unregister/2).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn unregister(&self, key: &K) -> Result<(), RegistryError> {
        self.unregister_match(key, |_| true)
    }

    /// Removes the caller's entries under `key` for whose value `predicate` is true.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::duplicate("unregister_match_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// users.register(7, "bert")?;
    /// users.unregister_match(&7, |name| name.starts_with('e'))?;
    /// assert_eq!(users.values(&7, process::self_pid())?, ["bert"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir:
    /// [`Registry.unregister_match/4`](https://hexdocs.pm/elixir/Registry.html#unregister_match/4).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn unregister_match(
        &self,
        key: &K,
        predicate: impl Fn(&V) -> bool,
    ) -> Result<(), RegistryError> {
        self.shared()?.unregister(process::self_pid(), key, predicate);
        Ok(())
    }

    /// Returns the entries under `key`, in the order in which they were registered.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("lookup_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// assert_eq!(users.lookup(&7)?, [(process::self_pid(), "ernie")]);
    /// assert_eq!(users.lookup(&8)?, []);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.lookup/2`](https://hexdocs.pm/elixir/Registry.html#lookup/2).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn lookup(&self, key: &K) -> Result<Vec<(Pid, V)>, RegistryError> {
        self.lookup_match(key, |_, _| true)
    }

    /// Returns the entries under `key` for which `predicate` is true.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::duplicate("lookup_match_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// users.register(7, "bert")?;
    /// let found = users.lookup_match(&7, |_, name| name.len() == 4)?;
    /// assert_eq!(found, [(process::self_pid(), "bert")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.match/4`](https://hexdocs.pm/elixir/Registry.html#match/4).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn lookup_match(
        &self,
        key: &K,
        predicate: impl Fn(Pid, &V) -> bool,
    ) -> Result<Vec<(Pid, V)>, RegistryError> {
        let entries = self.shared()?.lookup(key).into_iter();
        let matching = entries.filter(|entry| predicate(entry.pid, &entry.value));
        Ok(matching.map(|entry| (entry.pid, V::clone(&entry.value))).collect())
    }

    /// Returns the number of entries under `key` for which `predicate` is true.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::duplicate("count_match_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// users.register(7, "bert")?;
    /// assert_eq!(users.count_match(&7, |_, name| name.len() == 4)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.count_match/4`](https://hexdocs.pm/elixir/Registry.html#count_match/4).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn count_match(
        &self,
        key: &K,
        predicate: impl Fn(Pid, &V) -> bool,
    ) -> Result<usize, RegistryError> {
        let entries = self.shared()?.lookup(key).into_iter();
        Ok(entries.filter(|entry| predicate(entry.pid, &entry.value)).count())
    }

    /// Calls `choose` with every entry and returns its `Some` results, as [`Iterator::filter_map`]
    /// does. They are in no particular order.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("select_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// users.register(8, "bert")?;
    /// let names = users.select(|number, _, name| (*number > 7).then_some(*name))?;
    /// assert_eq!(names, ["bert"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.select/2`](https://hexdocs.pm/elixir/Registry.html#select/2).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn select<T>(
        &self,
        mut choose: impl FnMut(&K, Pid, &V) -> Option<T>,
    ) -> Result<Vec<T>, RegistryError> {
        let entries = self.shared()?.entries().into_iter();
        Ok(entries.filter_map(|(key, entry)| choose(&key, entry.pid, &entry.value)).collect())
    }

    /// Returns the number of entries for which `predicate` is true.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("count_select_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// users.register(8, "bert")?;
    /// assert_eq!(users.count_select(|number, _, _| *number > 7)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.count_select/2`](https://hexdocs.pm/elixir/Registry.html#count_select/2).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn count_select(
        &self,
        predicate: impl Fn(&K, Pid, &V) -> bool,
    ) -> Result<usize, RegistryError> {
        let entries = self.shared()?.entries().into_iter();
        Ok(entries.filter(|(key, entry)| predicate(key, entry.pid, &entry.value)).count())
    }

    /// Returns the number of entries.
    ///
    /// This function, [`select`](Self::select), [`count_select`](Self::count_select) and
    /// [`keys`](Self::keys) read one partition after the other: a process that moves from one key
    /// to another meanwhile may be found under both, or under neither.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("count_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// assert_eq!(users.count()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.count/1`](https://hexdocs.pm/elixir/Registry.html#count/1).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn count(&self) -> Result<usize, RegistryError> {
        Ok(self.shared()?.count())
    }

    /// Returns the keys under which `pid` is registered, each as often as it has entries there.
    /// They are in no particular order.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("keys_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// assert_eq!(users.keys(process::self_pid())?, [7]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.keys/2`](https://hexdocs.pm/elixir/Registry.html#keys/2).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn keys(&self, pid: Pid) -> Result<Vec<K>, RegistryError> {
        let keys = self.shared()?.keys_of(pid);
        Ok(keys.iter().map(|key| K::clone(key)).collect())
    }

    /// Returns the values of the entries that `pid` has under `key`.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("values_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// assert_eq!(users.values(&7, process::self_pid())?, ["ernie"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.values/3`](https://hexdocs.pm/elixir/Registry.html#values/3).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn values(&self, key: &K, pid: Pid) -> Result<Vec<V>, RegistryError> {
        let entries = self.lookup_match(key, |other, _| other == pid)?;
        Ok(entries.into_iter().map(|(_, value)| value).collect())
    }

    /// Replaces the value of the caller's entry under `key` by the result of `update`. Returns the
    /// new value and the old one.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<&str, u32>::unique("update_users").start_link()?;
    /// users.register("ernie", 1)?;
    /// assert_eq!(users.update_value(&"ernie", |visits| visits + 1)?, (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.update_value/3`](https://hexdocs.pm/elixir/Registry.html#update_value/3).
    ///
    /// # Errors
    ///
    /// - [`RegistryError::NotRegistered`] if the caller has no entry under `key`.
    /// - [`RegistryError::NotUnique`], [`RegistryError::NoRegistry`].
    pub fn update_value(
        &self,
        key: &K,
        update: impl FnOnce(&V) -> V,
    ) -> Result<(V, V), RegistryError> {
        let (new, old) = self.unique_shared()?.update(process::self_pid(), key, update)?;
        Ok((V::clone(&new), V::clone(&old)))
    }

    /// Calls `tell` with the entries under `key`, unless there are none.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::duplicate("dispatch_users").start_link()?;
    /// users.register(7, "ernie")?;
    /// users.dispatch(&7, |entries| {
    ///     for (pid, name) in entries {
    ///         process::send(*pid, format!("good morning, {name}"));
    ///     }
    /// })?;
    /// receive! { greeting: String => assert_eq!(greeting, "good morning, ernie") }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.dispatch/4`](https://hexdocs.pm/elixir/Registry.html#dispatch/4).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn dispatch(&self, key: &K, tell: impl FnOnce(&[(Pid, V)])) -> Result<(), RegistryError> {
        let entries = self.lookup(key)?;
        if !entries.is_empty() {
            tell(&entries);
        }
        Ok(())
    }

    /// Calls `tell` in several processes at once, each with some of the entries under `key`. There
    /// are as many processes as the registry has partitions. They are linked to the caller, which
    /// waits until all have finished.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::duplicate("dispatch_parallel_users")
    ///     .partitions(4)
    ///     .start_link()?;
    /// users.register(7, "ernie")?;
    /// users.dispatch_parallel(&7, |entries| {
    ///     entries.iter().for_each(|(pid, name)| process::send(*pid, *name));
    /// })?;
    /// receive! { name: &str => assert_eq!(name, "ernie") }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`]; [`RegistryError::Dispatch`] if one of the processes has
    /// failed and the caller traps exits.
    pub fn dispatch_parallel(
        &self,
        key: &K,
        tell: impl Fn(&[(Pid, V)]) + Send + Sync + 'static,
    ) -> Result<(), RegistryError> {
        let entries = self.lookup(key)?;
        let share = entries.len().div_ceil(self.shared()?.partitions.len()).max(1);
        let tell = Arc::new(tell);
        let work = entries.chunks(share).map(|some| {
            let (some, tell) = (some.to_vec(), Arc::clone(&tell));
            move || tell(&some)
        });
        dispatch::at_once(work).map_err(RegistryError::Dispatch)
    }

    /// Runs `work` while the caller holds the lock of `key`. The lock excludes other calls of
    /// `lock` for this key, not other uses of the key.
    ///
    /// A process that holds the lock of a key can lock it again. When a process ends, its locks go
    /// to the next processes that wait for them; also if it was killed and abandoned while it still
    /// works, or if a partition crashes: in a duplicate registry that of the key. Deadlocks between
    /// key locks are not detected: the processes wait forever.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("lock_users").start_link()?;
    /// // Of all processes that do this, only one registers.
    /// users.lock(&7, || {
    ///     if users.lookup(&7)?.is_empty() { users.register(7, "ernie") } else { Ok(()) }
    /// })??;
    /// assert_eq!(users.count()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.lock/3`](https://hexdocs.pm/elixir/Registry.html#lock/3).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`]; [`RegistryError::CallerEnded`] if the caller cannot wait any
    /// more.
    pub fn lock<T>(&self, key: &K, work: impl FnOnce() -> T) -> Result<T, RegistryError> {
        let locked = self.shared()?.lock(key)?;
        // To release the lock unwinds a process that was killed meanwhile.
        let value = Guarded::new(work());
        drop(locked);
        Ok(value.into_inner())
    }

    /// Returns the metadata with the name `name`; `None` if there is none, or it is not of this
    /// type.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("meta_users").start_link()?;
    /// users.put_meta("limit", 100_u32)?;
    /// assert_eq!(users.meta::<u32>("limit")?, Some(100));
    /// users.delete_meta("limit")?;
    /// assert_eq!(users.meta::<u32>("limit")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.meta/2`](https://hexdocs.pm/elixir/Registry.html#meta/2).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn meta<T: Any + Clone>(&self, name: &str) -> Result<Option<T>, RegistryError> {
        let meta = self.shared()?.meta.lock().get(name).cloned();
        Ok(meta.and_then(|meta| meta.downcast_ref::<T>().cloned()))
    }

    /// Stores metadata under the name `name`; replaces what was stored there.
    ///
    /// ```
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32>::unique("put_meta_users").start_link()?;
    /// users.put_meta("limit", 100_u32)?;
    /// users.put_meta("limit", 200_u32)?;
    /// assert_eq!(users.meta("limit")?, Some(200_u32));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.put_meta/3`](https://hexdocs.pm/elixir/Registry.html#put_meta/3).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn put_meta<T>(&self, name: &str, meta: T) -> Result<(), RegistryError>
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        let shared = self.shared()?;
        let meta = Detail::new(meta);
        let mut all = shared.meta.lock();
        if shared.is_closed() {
            drop(all); // The value is dropped while no lock is held.
            return Err(RegistryError::NoRegistry(Arc::clone(&self.name)));
        }
        let replaced = all.insert(name.to_owned(), meta);
        drop(all);
        drop(replaced);
        Ok(())
    }

    /// Deletes the metadata with the name `name`.
    ///
    /// ```
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32>::unique("unlimited_users").meta("limit", 1_u32).start_link()?;
    /// users.delete_meta("limit")?;
    /// assert_eq!(users.meta::<u32>("limit")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.delete_meta/2`](https://hexdocs.pm/elixir/Registry.html#delete_meta/2).
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRegistry`].
    pub fn delete_meta(&self, name: &str) -> Result<(), RegistryError> {
        let shared = self.shared()?;
        let removed = shared.meta.lock().remove(name);
        drop(removed);
        Ok(())
    }

    /// Returns `key` as a name under which a server can be started and found. The entry has the
    /// default value.
    ///
    /// In a duplicate registry the start fails, and no server is found.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let sessions = Registry::<u32>::unique("via_sessions").start_link()?;
    /// # #[derive(Debug)]
    /// # struct Session;
    /// # impl GenServer for Session {
    /// #     type Args = ();
    /// #     fn init((): ()) -> InitResult<Self> { ready(Session) }
    /// # }
    /// let session = Session::start_link_with((), StartOptions::new().name(sessions.via(7)))?;
    /// assert_eq!(ServerRef::<Session>::named(sessions.via(7)).whereis(), Some(session.pid()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn via(&self, key: K) -> Via
    where
        V: Default,
    {
        self.via_with(key, V::default())
    }

    /// Returns `key` as a name, as [`via`](Self::via) does; the entry has this value.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32, &str>::unique("via_users").start_link()?;
    /// # #[derive(Debug)]
    /// # struct Session;
    /// # impl GenServer for Session {
    /// #     type Args = ();
    /// #     fn init((): ()) -> InitResult<Self> { ready(Session) }
    /// # }
    /// let options = StartOptions::new().name(users.via_with(7, "ernie"));
    /// Session::start_link_with((), options)?;
    /// assert_eq!(users.lookup(&7)?[0].1, "ernie");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn via_with(&self, key: K, value: V) -> Via {
        Via::new(self.clone(), KeyWithValue { key, value })
    }
}
