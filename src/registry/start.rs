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
use crate::process::info::show;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{Child, ChildSpec, ChildType, Strategy, Supervisor, SupervisorRef};

use super::partition::{PartitionServer, Shared};
use super::shown::ShownRegistry;
use super::{Key, Keys, RegistryRef, Value};

/// Describes a registry to be started.
#[derive(Clone)]
#[must_use = "a registry does nothing until it is started"]
pub struct Registry<K, V = ()> {
    registry: RegistryRef<K, V>,
    keys: Keys,
    partitions: usize,
    intensity: (usize, Duration),
    listeners: Vec<Arc<str>>,
    meta: HashMap<String, Detail>,
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("registry", &self.registry)
            .field("keys", &self.keys)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl<K: Key, V: Value> Registry<K, V> {
    /// Describes a registry to be started in which each key has one entry.
    ///
    /// ```
    /// # use procession::registry::{Registry, RegistryError};
    /// let users = Registry::<&str>::unique("unique_users").start_link()?;
    /// users.register("ernie", ())?;
    /// assert!(matches!(users.register("ernie", ()), Err(RegistryError::AlreadyRegistered(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unique(name: impl Into<Arc<str>>) -> Registry<K, V> {
        Registry::new(RegistryRef::named(name), Keys::Unique)
    }

    /// Describes a registry to be started in which each key has any number of entries.
    ///
    /// ```
    /// # use procession::registry::Registry;
    /// let topics = Registry::<&str>::duplicate("duplicate_topics").start_link()?;
    /// topics.register("weather", ())?;
    /// topics.register("weather", ())?;
    /// assert_eq!(topics.lookup(&"weather")?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn duplicate(name: impl Into<Arc<str>>) -> Registry<K, V> {
        Registry::new(RegistryRef::named(name), Keys::Duplicate)
    }

    fn new(registry: RegistryRef<K, V>, keys: Keys) -> Registry<K, V> {
        let intensity = (3, Duration::from_secs(5));
        let (listeners, meta) = (Vec::new(), HashMap::new());
        Registry { registry, keys, partitions: 1, intensity, listeners, meta }
    }

    /// Sets the number of partitions: that many processes can register at the same time without
    /// waiting for each other. Default: 1.
    ///
    /// ```
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32>::unique("partition_users").partitions(4).start_link()?;
    /// (0..100).try_for_each(|user| users.register(user, ()))?;
    /// assert_eq!(users.count()?, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if it is zero.
    pub fn partitions(mut self, partitions: usize) -> Registry<K, V> {
        assert!(partitions > 0, "a registry has at least one partition");
        self.partitions = partitions;
        self
    }

    /// Allows at most `restarts` restarts of partitions in any `period`. When one more is due, the
    /// registry ends. Default: 3 in 5 s.
    ///
    /// ```
    /// # use procession::registry::Registry;
    /// # use std::time::Duration;
    /// let users = Registry::<u32>::unique("intensity_users")
    ///     .intensity(10, Duration::from_secs(60))
    ///     .start_link()?;
    /// assert_eq!(users.count()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Registry<K, V> {
        self.intensity = (restarts, period);
        self
    }

    /// Adds a listener: the process that is registered as `name` receives a
    /// [`Registered`](super::Registered) for each entry that is added, and an
    /// [`Unregistered`](super::Unregistered) for each one that is removed.
    ///
    /// A process sends these messages itself, after it has registered or unregistered; when it
    /// ends, the registry sends them. So the messages about one process arrive in order, but not
    /// always those about two processes that have the same key one after the other: the pid says
    /// whose entry it was. A process that is killed while it registers may send no `Registered`;
    /// the `Unregistered` is sent all the same. When the registry is stopped, no messages are sent.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::{Registered, Registry};
    /// process::register("doorman", process::self_pid())?;
    /// let users = Registry::<u32, &str>::unique("met_users").listener("doorman").start_link()?;
    /// users.register(7, "ernie")?;
    /// receive! {
    ///     Registered::<u32, &str> { key, value, .. } => assert_eq!((key, value), (7, "ernie")),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn listener(mut self, name: impl Into<Arc<str>>) -> Registry<K, V> {
        self.listeners.push(name.into());
        self
    }

    /// Stores metadata with the registry from the start: see [`RegistryRef::meta`].
    ///
    /// ```
    /// # use procession::registry::Registry;
    /// let users = Registry::<u32>::unique("limited_users").meta("limit", 1_u32).start_link()?;
    /// assert_eq!(users.meta("limit")?, Some(1_u32));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn meta<T>(mut self, name: impl Into<String>, meta: T) -> Registry<K, V>
    where
        T: fmt::Debug + PartialEq + Send + Sync + 'static,
    {
        self.meta.insert(name.into(), Detail::new(meta));
        self
    }

    /// Starts the registry, linked to the caller.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::Registry;
    /// Registry::<u32>::unique("start_users").start_link()?;
    /// let again = Registry::<u32>::unique("start_users").start_link();
    /// assert!(matches!(again, Err(StartError::AlreadyStarted(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`Registry.start_link/1`](https://hexdocs.pm/elixir/Registry.html#start_link/1).
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`]; [`StartError::AlreadyStarted`] if the name is taken.
    pub fn start_link(self) -> Result<RegistryRef<K, V>, StartError> {
        let registry = self.registry.clone();
        self.start_supervisor().map(|_| registry)
    }

    /// Returns a child spec by which a supervisor starts the registry. Its id is the name.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::registry::{Registry, RegistryRef};
    /// let users = Registry::<u32>::unique("child_users");
    /// let supervisor = Supervisor::one_for_one().child(users.child_spec()).start_link()?;
    /// assert_eq!(RegistryRef::<u32>::named("child_users").count()?, 0);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(self) -> ChildSpec<SupervisorRef> {
        let id = self.registry.name.to_string();
        ChildSpec::new(id, move || self.clone().start_supervisor())
            .child_type(ChildType::Supervisor)
    }

    fn start_supervisor(self) -> Result<SupervisorRef, StartError> {
        let options = StartOptions::new().name(&*self.registry.name);
        let init = || Ok(Some(SupervisorPlan::Ordered(self.supervisor())));
        SupervisorRef::start(type_name::<RegistryRef<K, V>>(), init, options)
    }

    /// Publishes the registry, and returns the supervisor that the calling process becomes.
    fn supervisor(self) -> Supervisor {
        let Registry { registry, keys, partitions, intensity, listeners, meta } = self;
        let shared =
            Arc::new(Shared::<K, V>::new(registry.name, keys, partitions, listeners, meta));
        directory::publish_for_life(Arc::clone(&shared.name), Arc::clone(&shared));
        let shown = Arc::new(ShownRegistry::new(Arc::clone(&shared)));
        show(&shown);
        let closed = ClosedWhenDropped { shared: Arc::clone(&shared), _shown: shown };
        process::dictionary::put(CLOSES, closed);
        let supervisor = Supervisor::new(strategy(keys)).intensity(intensity.0, intensity.1);
        (0..partitions)
            .fold(supervisor, |supervisor, number| supervisor.child(partition(&shared, number)))
    }
}

/// Returns which partitions are restarted with one that has crashed. As in Elixir, where only in a
/// unique registry the processes of one partition have entries in others.
fn strategy(keys: Keys) -> Strategy {
    match keys {
        Keys::Unique => Strategy::OneForAll,
        Keys::Duplicate => Strategy::OneForOne,
    }
}

/// The key in the supervisor's process dictionary of the value that closes the registry when the
/// supervisor ends.
const CLOSES: &str = "procession::registry";

/// Closes the registry, as handles that have found it remember it for longer than it exists.
#[derive(Debug)]
struct ClosedWhenDropped<K: Key, V: Value> {
    shared: Arc<Shared<K, V>>,
    /// Kept, so that it is shown.
    _shown: Arc<ShownRegistry>,
}

impl<K: Key, V: Value> Drop for ClosedWhenDropped<K, V> {
    fn drop(&mut self) {
        self.shared.close();
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
