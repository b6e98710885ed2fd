//! Keys of a registry as names of servers.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::id::Pid;
use crate::message::{Message, NameRefusal, Registrar};
use crate::process;

use super::{Key, RegistryError, RegistryRef, Value};

/// A key as a name, and the value of the entry. The value is not a part of the name: names with the
/// same key are equal.
#[derive(Clone)]
pub struct KeyWithValue<K, V> {
    pub(super) key: K,
    pub(super) value: V,
}

impl<K: PartialEq, V> PartialEq for KeyWithValue<K, V> {
    fn eq(&self, other: &KeyWithValue<K, V>) -> bool {
        self.key == other.key
    }
}

impl<K: Eq, V> Eq for KeyWithValue<K, V> {}

impl<K: Hash, V> Hash for KeyWithValue<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl<K: fmt::Debug, V> fmt::Debug for KeyWithValue<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl<K: Key, V: Value> Registrar for RegistryRef<K, V> {
    type Name = KeyWithValue<K, V>;

    /// Registers the calling process, which must be `pid`.
    fn register_name(&self, name: &Self::Name, pid: Pid) -> bool {
        self.try_register_name(name, pid).is_ok()
    }

    fn try_register_name(&self, name: &Self::Name, pid: Pid) -> Result<(), NameRefusal> {
        let registered = self
            .unique_shared()
            .and_then(|shared| shared.register(pid, name.key.clone(), name.value.clone()));
        registered.map_err(|error| match error {
            RegistryError::AlreadyRegistered(holder) => NameRefusal::Taken(holder),
            RegistryError::NoRegistry(_)
            | RegistryError::NotRegistered
            | RegistryError::Dispatch(_)
            | RegistryError::NotUnique(_)
            | RegistryError::CallerEnded => NameRefusal::Failed(error.into()),
        })
    }

    fn unregister_name(&self, name: &Self::Name) {
        _ = self.unregister(&name.key); // A registry that has ended has no entries either.
    }

    fn whereis_name(&self, name: &Self::Name) -> Option<Pid> {
        self.unique_shared().ok()?.holder(&name.key)
    }

    fn send(&self, name: &Self::Name, message: Message) -> Result<(), Message> {
        let Some(pid) = self.whereis_name(name) else { return Err(message) };
        process::send(pid, message);
        Ok(())
    }

    fn fmt_name(&self, name: &Self::Name, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{name:?} in registry {}", self.name)
    }
}
