//! Children, as a supervisor shows them.

use crate::id::Pid;
use crate::process;

use super::{ChildType, Policy};

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It runs.
    Running(Pid),
    /// It could not be started again, and will be tried again.
    Restarting,
    /// It has ended, was stopped, or has chosen not to start.
    Stopped,
}

impl ChildState {
    /// The process, if it runs.
    pub fn pid(self) -> Option<Pid> {
        if let ChildState::Running(pid) = self { Some(pid) } else { None }
    }
}

/// A child, as [`which_children`](super::SupervisorOf::which_children) shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Which it is. Of children without an order, what their specs are called, which plays no role.
    pub id: String,
    /// What has become of it.
    pub state: ChildState,
    /// What it is.
    pub child_type: ChildType,
    /// How often it was started again after it had failed.
    pub restarts: u64,
}

impl ChildInfo {
    pub(crate) fn new(policy: &Policy, state: ChildState, restarts: u64) -> ChildInfo {
        let Policy { id, child_type, .. } = policy.clone();
        ChildInfo { id, state, child_type, restarts }
    }
}

/// How many children there are, as [`count_children`](super::SupervisorOf::count_children) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Children, whether they run or not; 1 if all are made by one template.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are supervisors, whether they run or not.
    pub supervisors: usize,
    /// Those that are workers, whether they run or not.
    pub workers: usize,
}

impl Counts {
    pub(crate) fn of(children: impl Iterator<Item = (ChildType, ChildState)>) -> Counts {
        let mut counts = Counts { specs: 0, active: 0, supervisors: 0, workers: 0 };
        for (child_type, state) in children {
            counts.specs += 1;
            counts.active += usize::from(state.pid().is_some_and(process::is_alive));
            match child_type {
                ChildType::Supervisor => counts.supervisors += 1,
                ChildType::Worker => counts.workers += 1,
            }
        }
        counts
    }
}
