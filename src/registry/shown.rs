//! What is shown of a registry, for those that look without waiting for it.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::id::Pid;

use super::partition::Shared;
use super::{Key, Keys, Value};

/// Information about a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryInfo {
    /// Its name.
    pub name: Arc<str>,
    /// The supervisor of its partitions.
    pub pid: Pid,
    /// Whether each key has one entry.
    pub unique: bool,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of keys that have an entry, including those of processes that have just ended.
    pub keys: usize,
    /// The number of processes that have an entry, those counted twice that have some in two
    /// partitions.
    pub processes: usize,
    /// The types of its keys and values.
    pub types: &'static str,
}

/// A registry of any types, which its supervisor shows.
pub(crate) struct ShownRegistry(Arc<dyn AnyRegistry>);

impl fmt::Debug for ShownRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownRegistry")
    }
}

impl ShownRegistry {
    pub(super) fn new<K: Key, V: Value>(shared: Arc<Shared<K, V>>) -> ShownRegistry {
        ShownRegistry(shared)
    }

    /// Returns information about the registry, whose supervisor is `pid`; `None` if its parts were
    /// locked by others until `patience`.
    pub(crate) fn info(&self, pid: Pid, patience: Instant) -> Option<RegistryInfo> {
        self.0.info(pid, patience)
    }
}

trait AnyRegistry: Send + Sync {
    fn info(&self, pid: Pid, patience: Instant) -> Option<RegistryInfo>;
}

impl<K: Key, V: Value> AnyRegistry for Shared<K, V> {
    fn info(&self, pid: Pid, patience: Instant) -> Option<RegistryInfo> {
        let mut info = RegistryInfo {
            name: Arc::clone(&self.name),
            pid,
            unique: self.keys == Keys::Unique,
            partitions: self.partitions.len(),
            keys: 0,
            processes: 0,
            types: type_name::<(K, V)>(),
        };
        for partition in &self.partitions {
            let (keys, processes) = partition.sizes(patience)?;
            info.keys += keys;
            info.processes += processes;
        }
        Some(info)
    }
}
