//! Children with ids and an order: that in which they were started.

use std::collections::{BTreeMap, HashMap};

use crate::id::Pid;

use super::ChildState;
use super::child_spec::Spec;

/// The place of a child among its siblings: a child that was added later comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

#[derive(Debug)]
pub(crate) struct OrderedChild {
    pub(crate) spec: Spec,
    state: ChildState,
    /// Its last process, if it has failed and was not restarted.
    failed: Option<Pid>,
    /// How often it was restarted.
    pub(crate) restarts: u64,
}

#[derive(Debug, Default)]
pub(crate) struct ChildList {
    next: u64,
    children: BTreeMap<Place, OrderedChild>,
    by_id: HashMap<String, Place>,
    by_pid: HashMap<Pid, Place>,
}

impl OrderedChild {
    fn new(spec: Spec) -> OrderedChild {
        OrderedChild { spec, state: ChildState::Stopped, failed: None, restarts: 0 }
    }

    pub(crate) fn state(&self) -> ChildState {
        self.state
    }

    /// Whether it is significant and has not exited for good.
    pub(crate) fn is_significant(&self) -> bool {
        self.spec.policy.significant && self.state != ChildState::Stopped
    }

    /// Returns its process, or the one that has failed and is to be replaced.
    pub(crate) fn last_pid(&self) -> Option<Pid> {
        self.state.pid().or(self.failed)
    }
}

impl ChildList {
    /// Adds a child after the others, as one that does not run.
    pub(crate) fn add(&mut self, spec: Spec) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.by_id.insert(spec.policy.id.clone(), place);
        self.children.insert(place, OrderedChild::new(spec));
        place
    }

    pub(crate) fn set_state(&mut self, place: Place, state: ChildState) {
        let Some(child) = self.children.get_mut(&place) else { return };
        if let Some(pid) = child.state.pid() {
            self.by_pid.remove(&pid);
        }
        child.state = state;
        if state != ChildState::Restarting {
            child.failed = None;
        }
        if let Some(pid) = state.pid() {
            self.by_pid.insert(pid, place);
        }
    }

    /// Marks a child as failed and about to be restarted.
    pub(crate) fn set_failed(&mut self, place: Place) {
        let last = self.get(place).and_then(OrderedChild::last_pid);
        self.set_state(place, ChildState::Stopped);
        if let Some(child) = self.get_mut(place) {
            child.failed = last;
        }
    }

    pub(crate) fn remove(&mut self, place: Place) {
        self.set_state(place, ChildState::Stopped);
        if let Some(child) = self.children.remove(&place) {
            self.by_id.remove(&child.spec.policy.id);
        }
    }

    pub(crate) fn get(&self, place: Place) -> Option<&OrderedChild> {
        self.children.get(&place)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut OrderedChild> {
        self.children.get_mut(&place)
    }

    pub(crate) fn place_of_id(&self, id: &str) -> Option<Place> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn place_of_pid(&self, pid: Pid) -> Option<Place> {
        self.by_pid.get(&pid).copied()
    }

    /// Returns the children from `first` on, in their order; all children if it is `None`.
    pub(crate) fn places_from(&self, first: Option<Place>) -> Vec<Place> {
        let first = first.unwrap_or(Place(0));
        self.children.range(first..).map(|(place, _)| *place).collect()
    }

    /// Returns the children, in their order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &OrderedChild> {
        self.children.values()
    }
}
