//! What a service shares with those who read it: found by its type and a name, while the process
//! that has published it is alive. So reading asks nobody, and waits for nobody.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use once_cell::sync::Lazy;
use parking_lot::RwLock;

use crate::gen_server::ServerName;
use crate::id::Pid;
use crate::process;

struct Entry {
    owner: Pid,
    shared: Arc<dyn Any + Send + Sync>,
}

/// What is published of one type, by name.
type Names = HashMap<ServerName, Entry>;

static ENTRIES: Lazy<RwLock<HashMap<TypeId, Names>>> = Lazy::new(RwLock::default);

/// What keeps something published; dropped, it is not any more.
#[derive(Debug)]
pub(crate) struct Publication {
    kind: TypeId,
    name: ServerName,
    owner: Pid,
}

/// Where a process keeps what it has published for as long as it lives, in its dictionary.
const FOR_LIFE: &str = "procession::directory";

/// As [`publish`], for as long as the caller lives; which publishes nothing else so.
pub(crate) fn publish_for_life<T: Any + Send + Sync>(name: impl Into<ServerName>, shared: Arc<T>) {
    process::dictionary::put(FOR_LIFE, publish(name, shared));
}

/// Lets others find `shared` as `name`, for as long as the caller is alive and the result is kept.
/// It takes the place of what was published before under that name.
pub(crate) fn publish<T>(name: impl Into<ServerName>, shared: Arc<T>) -> Publication
where
    T: Any + Send + Sync,
{
    let (kind, name, owner) = (TypeId::of::<T>(), name.into(), process::self_pid());
    let entry = Entry { owner, shared };
    let replaced = ENTRIES.write().entry(kind).or_default().insert(name.clone(), entry);
    drop(replaced); // Where no lock is held.
    Publication { kind, name, owner }
}

/// What is published as `name` by a process that is alive.
pub(crate) fn find<T: Any + Send + Sync>(name: &ServerName) -> Option<Arc<T>> {
    let shared = {
        let entries = ENTRIES.read();
        let entry = entries.get(&TypeId::of::<T>())?.get(name)?;
        if !process::is_alive(entry.owner) {
            return None;
        }
        Arc::clone(&entry.shared)
    };
    shared.downcast().ok()
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
        find(&ServerName::from(name))
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
