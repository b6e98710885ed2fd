//! The data that a registry shares with its users, and the servers that remove the entries of
//! processes that have ended.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use crate::call_error::CallErrorKind;
use crate::exit::Detail;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, InitResult, ServerRef,
    noreply, ready,
};
use crate::id::Pid;
use crate::message::{Destination, Down, Exit, Message};
use crate::process;
use crate::user_code::{drop_caught, drop_each_caught};

use super::entries::{Entries, Entry, Removed};
use super::lock::{Client, LockKey, Locks, Outcome};
use super::{Key, Keys, RegistryError, Value};

/// The message to listeners when a process has registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered<K, V> {
    /// The name of the registry.
    pub registry: Arc<str>,
    /// The key.
    pub key: K,
    /// The process.
    pub pid: Pid,
    /// The value.
    pub value: V,
}

/// The message to listeners when an entry was removed: its process has unregistered or ended, or
/// its partition has crashed.
#[derive(Clone, Debug, PartialEq)]
pub struct Unregistered<K> {
    /// The name of the registry.
    pub registry: Arc<str>,
    /// The key.
    pub key: K,
    /// The process.
    pub pid: Pid,
}

/// The data that is read without a call.
pub(super) struct Shared<K, V> {
    pub(super) name: Arc<str>,
    pub(super) keys: Keys,
    pub(super) partitions: Vec<Partition<K, V>>,
    pub(super) listeners: Vec<Arc<str>>,
    pub(super) meta: Mutex<HashMap<String, Detail>>,
    hasher: RandomState,
    /// Whether the registry has ended. It is set before the contents are taken out, each part under
    /// its lock; so a process that adds an entry under that lock either sees it, or has its entry
    /// taken out.
    is_closed: AtomicBool,
}

/// Leaves out the contents: they may be large, and their `Debug` is the program's code, which would
/// run while a partition is locked.
impl<K, V> fmt::Debug for Shared<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// The entries that were found under a key: most have one.
type Found<V> = SmallVec<[Entry<V>; 1]>;

/// Some of the keys.
pub(super) struct Partition<K, V> {
    entries: RwLock<Entries<K, V>>,
    /// The process that removes the entries of processes that have ended.
    server: Mutex<Option<Pid>>,
}

impl<K: Key, V: Value> Shared<K, V> {
    pub(super) fn new(
        name: Arc<str>,
        keys: Keys,
        partitions: usize,
        listeners: Vec<Arc<str>>,
        meta: HashMap<String, Detail>,
    ) -> Shared<K, V> {
        let (meta, hasher) = (Mutex::new(meta), RandomState::new());
        let partition = || Partition {
            entries: RwLock::new(Entries::new(hasher.clone())),
            server: Mutex::new(None),
        };
        let partitions = (0..partitions).map(|_| partition()).collect();
        let is_closed = AtomicBool::new(false);
        Shared { name, keys, partitions, listeners, meta, hasher, is_closed }
    }

    fn partition(&self, key: &K) -> &Partition<K, V> {
        self.partition_of(self.hasher.hash_one(key))
    }

    /// Returns the partition of the keys with this hash.
    #[inline]
    fn partition_of(&self, hash: u64) -> &Partition<K, V> {
        let number = usize::try_from(hash >> 32).unwrap_or(0) % self.partitions.len();
        &self.partitions[number]
    }

    /// Closes the registry when it has ended, and drops its contents, as handles may remember it
    /// for longer.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        for partition in &self.partitions {
            let left = partition.entries.write().take_all();
            drop_each_caught(left.into_all());
        }
        let meta = mem::take(&mut *self.meta.lock());
        drop_each_caught(meta.into_values());
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Returns the server of a partition, if it runs.
    fn server(&self, partition: &Partition<K, V>) -> Result<Pid, RegistryError> {
        let server = partition.server.lock().filter(|pid| process::is_alive(*pid));
        server.ok_or_else(|| RegistryError::NoRegistry(Arc::clone(&self.name)))
    }

    /// Registers `pid`, which is the caller.
    pub(super) fn register(&self, pid: Pid, key: K, value: V) -> Result<(), RegistryError> {
        if !process::is_alive(pid) {
            return Err(RegistryError::CallerEnded);
        }
        let partition = self.partition(&key);
        let server = self.server(partition)?;
        // The link comes first, so that no entry is left whenever the caller ends.
        process::link(server);
        let (key, value) = (Arc::new(key), Arc::new(value));
        let entry = Entry { pid, value: Arc::clone(&value) };
        match partition.add(self, server, &key, entry) {
            Ok(stale) => {
                self.tell_removed(&stale);
                drop_each_caught(stale); // Values of other processes.
                self.tell(|| Registered {
                    registry: Arc::clone(&self.name),
                    key: K::clone(&key),
                    pid,
                    value: V::clone(&value),
                });
                Ok(())
            }
            Err(error) => {
                self.unlink_if_unused(partition, pid);
                Err(match error {
                    AddError::Taken(holder) => RegistryError::AlreadyRegistered(holder),
                    AddError::CallerEnded => RegistryError::CallerEnded,
                    AddError::Restarted => RegistryError::NoRegistry(Arc::clone(&self.name)),
                })
            }
        }
    }

    /// Removes the entries of `pid`, which is the caller, under a key for whose value `predicate`
    /// is true.
    pub(super) fn unregister(&self, pid: Pid, key: &K, predicate: impl Fn(&V) -> bool) {
        let partition = self.partition(key);
        let mut matching = self.lookup(key);
        matching.retain(|entry| entry.pid == pid && predicate(&entry.value));
        let values: HashSet<*const V> = matching.iter().map(|it| Arc::as_ptr(&it.value)).collect();
        let is_removed = |entry: &Entry<V>| values.contains(&Arc::as_ptr(&entry.value));
        let removed = partition.entries.write().remove(pid, key, is_removed);
        self.tell_removed(&removed);
        self.unlink_if_unused(partition, pid);
    }

    fn unlink_if_unused(&self, partition: &Partition<K, V>, pid: Pid) {
        let is_unused = process::is_alive(pid) && !partition.entries.read().has_any(pid);
        let server = *partition.server.lock();
        if let Some(server) = server.filter(|_| is_unused) {
            process::unlink(server);
        }
    }

    /// Changes the value of the caller's entry under a key. No other process changes it.
    pub(super) fn update(
        &self,
        pid: Pid,
        key: &K,
        update: impl FnOnce(&V) -> V,
    ) -> Result<(Arc<V>, Arc<V>), RegistryError> {
        let partition = self.partition(key);
        let own = self.lookup(key).into_iter().find(|entry| entry.pid == pid);
        let old = own.ok_or(RegistryError::NotRegistered)?.value;
        let new = Arc::new(update(&old));
        let mut entries = partition.entries.write();
        let entry = entries.get_mut(pid, key).ok_or(RegistryError::NotRegistered)?;
        let replaced = mem::replace(&mut entry.value, Arc::clone(&new));
        drop(entries);
        drop(replaced); // While no lock is held: the value may be one that `update` has registered.
        Ok((new, old))
    }

    /// Returns the entries under a key of processes that are alive.
    #[inline]
    pub(super) fn lookup(&self, key: &K) -> Found<V> {
        let hash = self.hasher.hash_one(key);
        let entries = self.partition_of(hash).entries.read();
        let alive = entries.get(hash, key).iter().filter(|entry| process::is_alive(entry.pid));
        alive.cloned().collect()
    }

    /// Returns the process that has the key, if it is alive.
    #[inline]
    pub(super) fn holder(&self, key: &K) -> Option<Pid> {
        let hash = self.hasher.hash_one(key);
        let entries = self.partition_of(hash).entries.read();
        entries.get(hash, key).iter().map(|entry| entry.pid).find(|pid| process::is_alive(*pid))
    }

    /// Returns all entries of processes that are alive.
    pub(super) fn entries(&self) -> Vec<(Arc<K>, Entry<V>)> {
        let mut all = Vec::new();
        for partition in &self.partitions {
            let entries = partition.entries.read();
            let alive = entries.iter().filter(|(_, entry)| process::is_alive(entry.pid));
            all.extend(alive.map(|(key, entry)| (Arc::clone(key), entry.clone())));
        }
        all
    }

    pub(super) fn count(&self) -> usize {
        let count = |partition: &Partition<K, V>| {
            let entries = partition.entries.read();
            entries.iter().filter(|(_, entry)| process::is_alive(entry.pid)).count()
        };
        self.partitions.iter().map(count).sum()
    }

    pub(super) fn keys_of(&self, pid: Pid) -> Vec<Arc<K>> {
        if !process::is_alive(pid) {
            return Vec::new();
        }
        let keys = |partition: &Partition<K, V>| partition.entries.read().keys_of(pid);
        self.partitions.iter().flat_map(keys).collect()
    }

    /// Waits until the caller holds the lock of a key.
    pub(super) fn lock(&self, key: &K) -> Result<Locked<K, V>, RegistryError> {
        let server = ServerRef::from_pid(self.server(self.partition(key))?);
        let key = LockKey::new(key.clone());
        let locked = server.call_timeout(Lock(key.clone()), Duration::MAX);
        locked.map_err(|error| {
            let is_own_end = error.kind() == &CallErrorKind::CallerEnded;
            let gone = || RegistryError::NoRegistry(Arc::clone(&self.name));
            if is_own_end { RegistryError::CallerEnded } else { gone() }
        })?;
        Ok(Locked { server, key: Some(key) })
    }

    fn tell<M: fmt::Debug + Send + 'static>(&self, message: impl Fn() -> M) {
        for listener in &self.listeners {
            // The listener may not run now.
            // Nor must one whose mailbox is full hold the registry up.
            Destination::from(Arc::clone(listener)).notify(Message::new(message()));
        }
    }

    fn tell_removed(&self, removed: &[Removed<K, V>]) {
        for (key, entry) in removed {
            self.tell(|| Unregistered {
                registry: Arc::clone(&self.name),
                key: K::clone(key),
                pid: entry.pid,
            });
        }
    }
}

impl<K: Key, V: Value> Partition<K, V> {
    /// Returns how many keys and processes have entries; `None` if others lock them until
    /// `patience`.
    pub(super) fn sizes(&self, patience: Instant) -> Option<(usize, usize)> {
        self.entries.try_read_until(patience).map(|entries| entries.sizes())
    }

    /// Adds an entry of a process that is linked to `server`. Returns the entries that it replaces,
    /// as their processes have ended.
    fn add(
        &self,
        shared: &Shared<K, V>,
        server: Pid,
        key: &Arc<K>,
        entry: Entry<V>,
    ) -> Result<Vec<Removed<K, V>>, AddError> {
        let mut entries = self.entries.write();
        // Checked under the lock, which a new server takes to remove the old entries. So an entry
        // is added only if a server will learn of its process's end.
        if *self.server.lock() != Some(server) || shared.is_closed() {
            return Err(AddError::Restarted);
        }
        if !process::is_alive(entry.pid) {
            return Err(AddError::CallerEnded);
        }
        let mut stale = Vec::new();
        if shared.keys == Keys::Unique {
            let found = entries.get(entries.hash(key), key);
            let holders: Vec<Pid> = found.iter().map(|entry| entry.pid).collect();
            for holder in holders {
                if process::is_alive(holder) {
                    return Err(AddError::Taken(holder));
                }
                stale.extend(entries.remove(holder, key, |_| true));
            }
        }
        entries.add(key, entry);
        Ok(stale)
    }
}

/// The reason for which an entry is not added.
#[derive(Debug, PartialEq)]
enum AddError {
    /// Another process, or the same, has the key.
    Taken(Pid),
    /// The process of the entry has ended.
    CallerEnded,
    /// The partition has another server than the process is linked to, or the registry has ended.
    Restarted,
}

/// A lock that is released when this is dropped.
pub(super) struct Locked<K: Key, V: Value> {
    server: ServerRef<PartitionServer<K, V>>,
    /// Taken by `drop`, which must not run the program's code: not even to clone the key.
    key: Option<LockKey<K>>,
}

impl<K: Key, V: Value> Drop for Locked<K, V> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.server.cast(Unlock(process::self_pid(), key));
        }
    }
}

/// The server of a partition.
#[derive(Debug)]
pub(super) struct PartitionServer<K, V> {
    shared: Arc<Shared<K, V>>,
    number: usize,
    locks: Locks<K>,
}

impl<K: Key, V: Value> GenServer for PartitionServer<K, V> {
    type Args = (Arc<Shared<K, V>>, usize);

    fn init((shared, number): Self::Args) -> InitResult<PartitionServer<K, V>> {
        process::set_trap_exit(true);
        let partition = &shared.partitions[number];
        // Entries of a server that has crashed. Their processes have received its exit signal.
        let left = {
            let mut entries = partition.entries.write();
            *partition.server.lock() = Some(process::self_pid());
            entries.take_all()
        };
        let left = left.into_all();
        shared.tell_removed(&left);
        drop_each_caught(left);
        ready(PartitionServer { shared, number, locks: Locks::default() })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<PartitionServer<K, V>> {
        match message.downcast::<Exit>() {
            // Sent by the process itself with `process::exit`, so it has not ended.
            Ok(exit) if process::is_alive(exit.from) => {}
            Ok(exit) => {
                let partition = &self.shared.partitions[self.number];
                let removed = partition.entries.write().remove_all(exit.from);
                self.shared.tell_removed(&removed);
                drop_each_caught(removed);
            }
            Err(message) => match message.downcast::<Down>() {
                Ok(down) => {
                    let granted = self.locks.ended(down.monitor);
                    self.settle(Outcome { granted, done: None });
                }
                Err(message) => drop_caught(message),
            },
        }
        noreply()
    }
}

impl<K: Key, V: Value> PartitionServer<K, V> {
    fn settle(&self, Outcome { granted, done }: Outcome) {
        if let Some(client) = granted {
            client.reply_to.reply(());
        }
        if let Some(client) = done {
            process::demonitor(client.monitor);
        }
    }
}

#[derive(Debug)]
struct Lock<K>(LockKey<K>);

impl<K: Key, V: Value> HandleCall<Lock<K>> for PartitionServer<K, V> {
    type Reply = ();

    fn handle_call(
        &mut self,
        Lock(key): Lock<K>,
        caller: &Caller<()>,
    ) -> CallResult<Self, Lock<K>> {
        let pid = caller.pid();
        let client = Client { pid, monitor: process::monitor(pid), reply_to: caller.defer() };
        let outcome = self.locks.lock(key, client);
        self.settle(outcome);
        noreply()
    }
}

/// Releases the lock of a key that this process holds.
#[derive(Debug)]
struct Unlock<K>(Pid, LockKey<K>);

impl<K: Key, V: Value> HandleCast<Unlock<K>> for PartitionServer<K, V> {
    fn handle_cast(&mut self, Unlock(pid, key): Unlock<K>) -> CastResult<Self> {
        let outcome = self.locks.unlock(pid, &key);
        self.settle(outcome);
        noreply()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::ExitReason;
    use crate::id::MonitorRef;

    /// A registry with one partition.
    fn shared(name: &str) -> Arc<Shared<u8, ()>> {
        let registry = super::super::Registry::duplicate(name).start_link().unwrap();
        registry.shared().unwrap().into_owned()
    }

    fn add(shared: &Shared<u8, ()>, server: Pid, pid: Pid) -> Result<(), AddError> {
        let entry = Entry { pid, value: Arc::new(()) };
        shared.partitions[0].add(shared, server, &Arc::new(1), entry).map(drop)
    }

    fn wait_for_down(monitor: MonitorRef) {
        process::receive_match(|it| {
            it.downcast_ref().is_some_and(|it: &Down| it.monitor == monitor)
        });
    }

    #[test]
    fn keys_are_spread_over_the_partitions() {
        let registry = super::super::Registry::<u8>::unique("partition::spread");
        let registry = registry.partitions(4).start_link().unwrap();
        (0..200).for_each(|key| registry.register(key, ()).unwrap());
        for partition in &registry.shared().unwrap().partitions {
            assert!(!partition.entries.read().is_empty());
        }
    }

    // It is given up while it registers: its link has told of its end before.
    #[test]
    fn nothing_is_added_for_a_process_that_has_ended() {
        let shared = shared("partition::ended");
        let server = shared.partitions[0].server.lock().unwrap();
        let (pid, monitor) = process::spawn_monitor(|| {}).unwrap();
        wait_for_down(monitor);
        assert_eq!(add(&shared, server, pid), Err(AddError::CallerEnded));
        assert!(shared.partitions[0].entries.read().is_empty());
    }

    // The server crashes between the link and the entry.
    #[test]
    fn nothing_is_added_for_a_process_that_is_linked_to_another_server() {
        let shared = shared("partition::restarted");
        let server = shared.partitions[0].server.lock().unwrap();
        let monitor = process::monitor(server);
        process::exit(server, ExitReason::Kill);
        wait_for_down(monitor);
        // It answers when the next one is there.
        crate::supervisor::SupervisorRef::named("partition::restarted").count_children().unwrap();
        assert_eq!(add(&shared, server, process::self_pid()), Err(AddError::Restarted));
        assert!(shared.partitions[0].entries.read().is_empty());
        let next = shared.partitions[0].server.lock().unwrap();
        assert_eq!(add(&shared, next, process::self_pid()), Ok(()));
    }

    // Its supervisor ends between the look at the server and the entry.
    #[test]
    fn nothing_is_added_to_a_registry_that_has_ended() {
        let shared = shared("partition::closed");
        let server = shared.partitions[0].server.lock().unwrap();
        assert_eq!(add(&shared, server, process::self_pid()), Ok(()));
        shared.close();
        assert!(shared.partitions[0].entries.read().is_empty());
        assert_eq!(add(&shared, server, process::self_pid()), Err(AddError::Restarted));
    }

    // Elixir: registry_test "clean up registry on process crash"
    #[test]
    fn nothing_is_left_of_processes_that_have_ended() {
        let registry = super::super::Registry::<u8, u8>::duplicate("partition::clean");
        let registry = registry.partitions(3).start_link().unwrap();
        let shared = registry.shared().unwrap().into_owned();
        let (_, monitor) = process::spawn_monitor(move || {
            (0..20).for_each(|key| registry.register(key % 10, key).unwrap());
            panic!("on purpose");
        })
        .unwrap();
        wait_for_down(monitor);
        assert_eq!(shared.count(), 0);
        for partition in &shared.partitions {
            // Its exit came before; the answer says that the server is through with it.
            let server = partition.server.lock().unwrap();
            crate::sys::of(server).get_status().unwrap();
            assert!(partition.entries.read().is_empty());
        }
    }
}
