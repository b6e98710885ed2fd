//! Children with ids and an order: that in which they were started.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::id::Pid;

use super::ChildState;
use super::backoff::Pauses;
use super::child_spec::Spec;
use super::shown::{Row, ShownSupervisor};

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
    restarts: u64,
    pauses: Pauses,
    /// The restart that is to come, if it is about to be restarted.
    retry: Option<Retry>,
    row: Row,
}

/// Identifies a restart that is to come: a child may be started before, and fail again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) place: Place,
    number: u64,
}

#[derive(Debug)]
pub(crate) struct ChildList {
    next: u64,
    retries: u64,
    children: BTreeMap<Place, OrderedChild>,
    by_id: HashMap<String, Place>,
    by_pid: HashMap<Pid, Place>,
    shown: Arc<ShownSupervisor>,
}

impl OrderedChild {
    fn new(spec: Spec, row: Row) -> OrderedChild {
        OrderedChild {
            spec,
            row,
            state: ChildState::Stopped,
            failed: None,
            restarts: 0,
            pauses: Pauses::default(),
            retry: None,
        }
    }

    pub(crate) fn state(&self) -> ChildState {
        self.state
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Counts a restart.
    pub(crate) fn count_restart(&mut self) {
        self.restarts += 1;
        self.row.set(self.state, self.restarts);
    }

    /// Whether it is significant and has not exited for good.
    pub(crate) fn is_significant(&self) -> bool {
        self.spec.policy.significant && self.state != ChildState::Stopped
    }

    /// Returns its process, or the one that has failed and is to be replaced.
    pub(crate) fn last_pid(&self) -> Option<Pid> {
        self.state.pid().or(self.failed)
    }

    /// Forgets the pauses that it has had.
    pub(crate) fn forget_pauses(&mut self) {
        self.pauses = Pauses::default();
    }

    /// Returns the pause before it is restarted, now that it has failed, if its spec says that
    /// there is one.
    pub(crate) fn next_pause(&mut self, now: Instant) -> Option<Duration> {
        self.spec.policy.backoff.map(|backoff| self.pauses.next(backoff, now))
    }
}

impl ChildList {
    /// Creates an empty list, whose children are shown.
    pub(crate) fn new(shown: Arc<ShownSupervisor>) -> ChildList {
        ChildList {
            next: 0,
            retries: 0,
            children: BTreeMap::new(),
            by_id: HashMap::new(),
            by_pid: HashMap::new(),
            shown,
        }
    }

    /// Adds a child after the others, as one that does not run.
    pub(crate) fn add(&mut self, spec: Spec) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.by_id.insert(spec.policy.id.clone(), place);
        let row = self.shown.add(&spec.policy, ChildState::Stopped);
        self.children.insert(place, OrderedChild::new(spec, row));
        place
    }

    fn set_state(&mut self, place: Place, state: ChildState) {
        let Some(child) = self.children.get_mut(&place) else { return };
        if let Some(pid) = child.state.pid() {
            self.by_pid.remove(&pid);
        }
        child.state = state;
        child.row.set(state, child.restarts);
        child.retry = None;
        if state != ChildState::Restarting {
            child.failed = None;
        }
        if let Some(pid) = state.pid() {
            self.by_pid.insert(pid, place);
        }
    }

    pub(crate) fn set_running(&mut self, place: Place, pid: Pid, now: Instant) {
        self.set_state(place, ChildState::Running(pid));
        if let Some(child) = self.get_mut(place) {
            child.pauses.started(now);
        }
    }

    pub(crate) fn set_stopped(&mut self, place: Place) {
        self.set_state(place, ChildState::Stopped);
    }

    /// Marks a child as about to be restarted. Returns the restart that is to come.
    pub(crate) fn set_restarting(&mut self, place: Place) -> Retry {
        self.set_state(place, ChildState::Restarting);
        self.retries += 1;
        let retry = Retry { place, number: self.retries };
        if let Some(child) = self.get_mut(place) {
            child.retry = Some(retry);
        }
        retry
    }

    /// Whether a restart is still to come: the child was neither started nor stopped since.
    pub(crate) fn is_due(&self, retry: Retry) -> bool {
        self.get(retry.place).is_some_and(|child| child.retry == Some(retry))
    }

    /// Marks a child as failed and about to be restarted.
    pub(crate) fn set_failed(&mut self, place: Place) {
        let last = self.get(place).and_then(OrderedChild::last_pid);
        self.set_stopped(place);
        if let Some(child) = self.get_mut(place) {
            child.failed = last;
        }
    }

    pub(crate) fn remove(&mut self, place: Place) {
        self.set_stopped(place);
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

#[cfg(test)]
mod tests {
    use super::super::ChildSpec;
    use super::super::intensity::Intensity;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn me() -> Pid {
        crate::process::self_pid()
    }

    /// A list with one child, which runs since this moment.
    fn running() -> (ChildList, Place, Instant) {
        let shown = ShownSupervisor::new(None, Intensity::OTP);
        let (mut children, now) = (ChildList::new(shown), Instant::now());
        let spec = ChildSpec::new("child", || Ok(me())).backoff(SECOND, 10 * SECOND);
        let place = children.add(spec.into());
        children.set_running(place, me(), now);
        (children, place, now)
    }

    #[test]
    fn a_restart_is_due_until_the_child_is_stopped_or_started() {
        let (mut children, place, now) = running();
        let retry = children.set_restarting(place);
        assert!(children.is_due(retry));
        children.set_running(place, me(), now);
        assert!(!children.is_due(retry));

        let retry = children.set_restarting(place);
        children.set_stopped(place);
        assert!(!children.is_due(retry));
        children.remove(place);
        assert!(!children.is_due(retry));
    }

    #[test]
    fn only_the_last_restart_is_due() {
        let (mut children, place, now) = running();
        let first = children.set_restarting(place);
        children.set_running(place, me(), now);
        let second = children.set_restarting(place);
        assert!(!children.is_due(first) && children.is_due(second));
    }

    #[test]
    fn the_pauses_of_a_child_begin_anew_when_it_has_run_for_long_or_was_stopped_by_hand() {
        let (mut children, place, now) = running();
        let next = |children: &mut ChildList, seconds| {
            children.get_mut(place).unwrap().next_pause(now + seconds * SECOND).unwrap().as_secs()
        };
        assert_eq!([next(&mut children, 0), next(&mut children, 0)], [1, 2]);
        children.set_running(place, me(), now);
        assert_eq!([next(&mut children, 10), next(&mut children, 10)], [1, 2]);
        children.get_mut(place).unwrap().forget_pauses();
        assert_eq!(next(&mut children, 10), 1);
    }
}
