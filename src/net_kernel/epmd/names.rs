//! The names that an EPMD knows, as a value; and behind a lock, what its connections do with them.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::sync::Arc;

use parking_lot::Mutex;

use super::request::{Entry, Registering};

/// The names of the nodes of a machine.
#[derive(Debug)]
pub(super) struct Names {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// The number of the next life of a node.
    creation: u32,
}

/// Numbers below this have meant something else, once.
pub(in crate::net_kernel) const LEAST_CREATION: u32 = 4;

impl Names {
    /// No names; the lives of nodes are numbered from `creation` on.
    pub(super) fn new(creation: u32) -> Names {
        Names { entries: BTreeMap::new(), creation }
    }

    /// Enters a node, and returns the number of its life; `None` if its name is taken.
    fn register(&mut self, node: Registering<'_>) -> Option<u32> {
        let btree_map::Entry::Vacant(place) = self.entries.entry(node.name.to_vec()) else {
            return None;
        };
        place.insert(node.entry());
        let creation = self.creation.max(LEAST_CREATION);
        self.creation = creation.wrapping_add(1);
        Some(creation)
    }
}

/// The names that several connections use.
#[derive(Clone, Debug)]
pub(crate) struct SharedNames(Arc<Mutex<Names>>);

impl SharedNames {
    pub(super) fn new(names: Names) -> SharedNames {
        SharedNames(Arc::new(Mutex::new(names)))
    }

    /// Enters a node, for as long as what this returns is there; `None` if its name is taken.
    pub(super) fn register(&self, node: Registering<'_>) -> Option<Registered> {
        let creation = self.0.lock().register(node)?;
        Some(Registered { names: self.clone(), name: node.name.to_vec(), creation })
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<Entry> {
        self.0.lock().entries.get(name).cloned()
    }

    /// The names, each with its port.
    pub(super) fn all(&self) -> Vec<(Vec<u8>, u16)> {
        let names = self.0.lock();
        names.entries.iter().map(|(name, entry)| (name.clone(), entry.port)).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().entries.is_empty()
    }
}

/// The entry of a node, which goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    names: SharedNames,
    name: Vec<u8>,
    creation: u32,
}

impl Registered {
    /// Returns the number that tells this life of the node from earlier ones.
    pub(crate) fn creation(&self) -> u32 {
        self.creation
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.names.0.lock().entries.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &[u8]) -> Registering<'_> {
        Registering { name, port: 1, kind: [b'M', 0], versions: [0, 6, 0, 5], extra: b"" }
    }

    #[test]
    fn a_name_is_taken_until_its_node_is_gone() {
        let names = SharedNames::new(Names::new(7));
        let first = names.register(node(b"a")).unwrap();
        assert!(names.register(node(b"a")).is_none());
        assert!(names.register(node(b"b")).is_some());
        drop(first);
        assert!(names.find(b"a").is_none());
        assert!(names.register(node(b"a")).is_some());
    }

    #[test]
    fn each_life_of_a_node_has_its_number() {
        let names = SharedNames::new(Names::new(u32::MAX));
        let creations = ["a", "b", "c"].map(|name| {
            let registered = names.register(node(name.as_bytes())).unwrap();
            registered.creation
        });
        assert_eq!(creations, [u32::MAX, 4, 5]);
    }
}
