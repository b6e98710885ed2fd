//! Starting a registry.

use std::any::type_name;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::directory;
use crate::exit::Detail;
use crate::gen_server::{GenServer, StartError, StartOptions};
use crate::process;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{Child, ChildSpec, ChildType, Strategy, Supervisor, SupervisorRef};

use super::partition::{PartitionServer, Shared};
use super::{Key, Keys, Registry, Value};

/// A registry to be started.
#[derive(Clone)]
#[must_use = "it is to be started"]
pub struct Start<K, V> {
    registry: Registry<K, V>,
    keys: Keys,
    partitions: usize,
    intensity: (usize, Duration),
    listeners: Vec<Arc<str>>,
    meta: HashMap<String, Detail>,
}

impl<K, V> fmt::Debug for Start<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("registry", &self.registry)
            .field("keys", &self.keys)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl<K: Key, V: Value> Start<K, V> {
    pub(super) fn new(registry: Registry<K, V>, keys: Keys) -> Start<K, V> {
        let intensity = (3, Duration::from_secs(5));
        let (listeners, meta) = (Vec::new(), HashMap::new());
        Start { registry, keys, partitions: 1, intensity, listeners, meta }
    }

    /// Sets how many partitions it has: how many processes can register at the same time without
    /// waiting for each other. Default: 1.
    ///
    /// # Panics
    ///
    /// If it is zero.
    pub fn partitions(mut self, partitions: usize) -> Start<K, V> {
        assert!(partitions > 0, "a registry has at least one partition");
        self.partitions = partitions;
        self
    }

    /// Allows at most `restarts` restarts of partitions in any `period`. With the next one the
    /// registry ends. Default: 3 in 5 s.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Start<K, V> {
        self.intensity = (restarts, period);
        self
    }

    /// Has the process that is registered as `name` told of each entry that comes and goes, by
    /// [`Registered`](super::Registered) and [`Unregistered`](super::Unregistered).
    ///
    /// A process tells itself what it does, after it has done it, and the registry tells what goes
    /// with a process. So of one process all is told in order, and of two who have the same key
    /// one after the other maybe not: the pid says whose entry it was. One that is killed in
    /// registering may tell nothing of it; that its entry is gone is told all the same. When the
    /// registry is stopped, nothing is told.
    pub fn listener(mut self, name: impl Into<Arc<str>>) -> Start<K, V> {
        self.listeners.push(name.into());
        self
    }

    /// Keeps something with the registry from the start: see [`Registry::meta`].
    pub fn meta<T>(mut self, name: impl Into<String>, meta: T) -> Start<K, V>
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.meta.insert(name.into(), Detail::new(meta));
        self
    }

    /// Starts it, linked to the caller.
    ///
    /// Elixir: [`Registry.start_link/1`](https://hexdocs.pm/elixir/Registry.html#start_link/1).
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`]; [`StartError::AlreadyStarted`] if the name is taken.
    pub fn start_link(self) -> Result<Registry<K, V>, StartError> {
        let registry = self.registry.clone();
        self.start_supervisor().map(|_| registry)
    }

    /// The spec by which a supervisor starts it, called by its name.
    pub fn child_spec(self) -> ChildSpec<SupervisorRef> {
        let id = self.registry.name.to_string();
        ChildSpec::new(id, move || self.clone().start_supervisor())
            .child_type(ChildType::Supervisor)
    }

    fn start_supervisor(self) -> Result<SupervisorRef, StartError> {
        let options = StartOptions::new().name(&*self.registry.name);
        let init = || Ok(Some(SupervisorPlan::Ordered(self.supervisor())));
        SupervisorRef::start(type_name::<Registry<K, V>>(), init, options)
    }

    /// The partitions and their supervisor, which is the caller.
    fn supervisor(self) -> Supervisor {
        let Start { registry, keys, partitions, intensity, listeners, meta } = self;
        let shared =
            Arc::new(Shared::<K, V>::new(registry.name, keys, partitions, listeners, meta));
        directory::publish_for_life(Arc::clone(&shared.name), Arc::clone(&shared));
        process::dictionary::put(CLOSES, ClosedWhenDropped(Arc::clone(&shared)));
        let supervisor = Supervisor::new(strategy(keys)).intensity(intensity.0, intensity.1);
        (0..partitions)
            .fold(supervisor, |supervisor, number| supervisor.child(partition(&shared, number)))
    }
}

/// What goes with a partition that has crashed: as in Elixir, where of a unique registry alone the
/// processes of a partition have entries in others.
fn strategy(keys: Keys) -> Strategy {
    match keys {
        Keys::Unique => Strategy::OneForAll,
        Keys::Duplicate => Strategy::OneForOne,
    }
}

/// Where the supervisor keeps what closes the registry when it ends, in its dictionary.
const CLOSES: &str = "procession::registry";

/// Those who have found the registry remember it for longer than there is any.
#[derive(Debug)]
struct ClosedWhenDropped<K: Key, V: Value>(Arc<Shared<K, V>>);

impl<K: Key, V: Value> Drop for ClosedWhenDropped<K, V> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn partition<K: Key, V: Value>(
    shared: &Arc<Shared<K, V>>,
    number: usize,
) -> ChildSpec<impl Child + use<K, V>> {
    let shared = Arc::clone(shared);
    ChildSpec::new(number.to_string(), move || {
        PartitionServer::start_link((Arc::clone(&shared), number))
    })
}
