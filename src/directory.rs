//! Values that services share with their readers. They are found by type and name while the process
//! that has published them is alive, so reading needs no call and never waits.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use once_cell::sync::{Lazy, OnceCell};
use parking_lot::RwLock;

use crate::id::Pid;
use crate::message::Name;
use crate::process;

struct Entry {
    owner: Pid,
    shared: Arc<dyn Any + Send + Sync>,
}

/// The published values of one type, by name.
type Names = HashMap<Name, Entry>;

static ENTRIES: Lazy<RwLock<HashMap<TypeId, Names>>> = Lazy::new(RwLock::default);

/// Keeps a value published until it is dropped.
#[derive(Debug)]
pub(crate) struct Publication {
    kind: TypeId,
    name: Name,
    owner: Pid,
}

/// The key under which a process keeps a publication for its whole life, in its dictionary.
const FOR_LIFE: &str = "procession::directory";

/// Publishes a value as [`publish`] does, for as long as the caller lives. A process does so once
/// at most.
pub(crate) fn publish_for_life<T: Any + Send + Sync>(name: impl Into<Name>, shared: Arc<T>) {
    process::dictionary::put(FOR_LIFE, publish(name, shared));
}

/// Publishes `shared` as `name`, for as long as the caller is alive and the result is kept. It
/// replaces a value of the same type that was published under that name before.
pub(crate) fn publish<T>(name: impl Into<Name>, shared: Arc<T>) -> Publication
where
    T: Any + Send + Sync,
{
    let (kind, name, owner) = (TypeId::of::<T>(), name.into(), process::self_pid());
    let entry = Entry { owner, shared };
    let replaced = ENTRIES.write().entry(kind).or_default().insert(name.clone(), entry);
    drop(replaced); // User code, so not under the lock.
    Publication { kind, name, owner }
}

/// Returns the value that is published as `name` by a process that is alive.
pub(crate) fn find<T: Any + Send + Sync>(name: &Name) -> Option<Arc<T>> {
    find_with_owner(name).map(|(_, shared)| shared)
}

fn find_with_owner<T: Any + Send + Sync>(name: &Name) -> Option<(Pid, Arc<T>)> {
    let (owner, shared) = {
        let entries = ENTRIES.read();
        let entry = entries.get(&TypeId::of::<T>())?.get(name)?;
        if !process::is_alive(entry.owner) {
            return None;
        }
        (entry.owner, Arc::clone(&entry.shared))
    };
    Some((owner, shared.downcast().ok()?))
}

/// A cached lookup: the value that is found first is used as long as its owner is alive. A value
/// that replaces it after that is looked up each time.
#[derive(Debug)]
pub(crate) struct Remembered<T>(OnceCell<(Pid, Arc<T>)>);

impl<T: Any + Send + Sync> Remembered<T> {
    pub(crate) const fn new() -> Remembered<T> {
        Remembered(OnceCell::new())
    }

    /// Finds the value as [`find`] does. The name must always be the same.
    #[inline]
    pub(crate) fn find(&self, name: impl FnOnce() -> Name) -> Option<Cow<'_, Arc<T>>> {
        match self.0.get() {
            Some((owner, shared)) if process::is_alive(*owner) => Some(Cow::Borrowed(shared)),
            _ => self.find_again(&name()),
        }
    }

    #[cold]
    fn find_again(&self, name: &Name) -> Option<Cow<'_, Arc<T>>> {
        let (owner, shared) = find_with_owner(name)?;
        _ = self.0.set((owner, Arc::clone(&shared))); // It may hold an owner that has ended.
        Some(Cow::Owned(shared))
    }
}

impl<T> Clone for Remembered<T> {
    fn clone(&self) -> Remembered<T> {
        Remembered(self.0.clone())
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        let removed = {
            let mut entries = ENTRIES.write();
            let Some(names) = entries.get_mut(&self.kind) else { return };
            let is_own = names.get(&self.name).is_some_and(|entry| entry.owner == self.owner);
            if is_own { names.remove(&self.name) } else { None }
        };
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Down;

    fn find_named<T: Any + Send + Sync>(name: &str) -> Option<Arc<T>> {
        find(&Name::from(name))
    }

    #[test]
    fn what_is_published_is_found_by_its_type_and_name_until_it_is_dropped() {
        let publication = publish("directory::one", Arc::new(1_u32));
        assert_eq!(find_named::<u32>("directory::one"), Some(Arc::new(1)));
        assert_eq!(find_named::<u64>("directory::one"), None);
        assert_eq!(find_named::<u32>("directory::two"), None);
        drop(publication);
        assert_eq!(find_named::<u32>("directory::one"), None);
    }

    /// Publishes in a process that ends when something is sent to it.
    fn published_elsewhere(name: &'static str, value: u32) -> (Pid, crate::id::MonitorRef) {
        let (tell, told) = std::sync::mpsc::channel();
        let spawned = process::spawn_monitor(move || {
            let _publication = publish(name, Arc::new(value));
            tell.send(()).unwrap();
            process::receive();
        });
        told.recv().unwrap();
        spawned.unwrap()
    }

    fn end((pid, monitor): (Pid, crate::id::MonitorRef)) {
        process::send(pid, ());
        process::receive_match(|it| {
            it.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
        });
    }

    #[test]
    fn what_is_remembered_is_not_found_when_its_owner_has_ended_but_what_has_taken_its_place() {
        const NAME: &str = "directory::remembered";
        let remembered = Remembered::<u32>::new();
        let found = || remembered.find(|| NAME.into()).map(|it| **it);
        assert_eq!(found(), None);
        let first = published_elsewhere(NAME, 1);
        assert_eq!(found(), Some(1));
        assert_eq!(remembered.clone().find(|| unreachable!()).map(|it| **it), Some(1));
        end(first);
        assert_eq!(found(), None);
        let second = published_elsewhere(NAME, 2);
        assert_eq!(found(), Some(2));
        end(second);
        assert_eq!(found(), None);
    }

    #[test]
    fn what_is_published_again_stays_when_the_first_is_dropped() {
        let (give, given) = std::sync::mpsc::channel();
        let (_, monitor) = process::spawn_monitor(move || {
            give.send(publish("directory::again", Arc::new(1_u32))).unwrap();
        })
        .unwrap();
        let first = given.recv().unwrap();
        let down = process::receive_match(|it| {
            it.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
        });
        drop(down);
        assert_eq!(find_named::<u32>("directory::again"), None, "its owner is gone");
        let again = publish("directory::again", Arc::new(2_u32));
        drop(first);
        assert_eq!(find_named::<u32>("directory::again"), Some(Arc::new(2)));
        drop(again);
    }
}
