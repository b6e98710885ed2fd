//! The children of a supervisor, as its clients see them.

use crate::id::Pid;
use crate::process;

use super::{ChildType, Policy};

/// The state of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// The child runs, as this process.
    Running(Pid),
    /// The last restart has failed, and another one will be tried; or the child has failed, and
    /// will be restarted after a [pause](super::ChildSpec::backoff).
    Restarting,
    /// The child has exited, was stopped, or has chosen not to start.
    Stopped,
}

impl ChildState {
    /// Returns the process, if the child runs.
    pub fn pid(self) -> Option<Pid> {
        if let ChildState::Running(pid) = self { Some(pid) } else { None }
    }
}

/// A child, as [`which_children`](super::AnySupervisorRef::which_children) returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// The id in its spec. It identifies the child, unless the children have no order.
    pub id: String,
    /// Whether it runs.
    pub state: ChildState,
    /// Whether it is a worker or a supervisor.
    pub child_type: ChildType,
    /// The name of the type whose callbacks the process runs: of the server, for instance. For a
    /// process of which that is not known it is the name of the start function.
    ///
    /// OTP: `Modules`.
    pub module: &'static str,
    /// How often it was restarted after it had failed.
    pub restarts: u64,
}

impl ChildInfo {
    pub(crate) fn new(policy: &Policy, state: ChildState, restarts: u64) -> ChildInfo {
        let Policy { id, child_type, module, .. } = policy.clone();
        ChildInfo { id, state, child_type, module, restarts }
    }
}

/// The numbers of children, as [`count_children`](super::AnySupervisorRef::count_children) returns
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All children, whether they run or not; 1 if all are made by one template.
    pub specs: usize,
    /// The children that run.
    pub active: usize,
    /// The children that are supervisors, whether they run or not.
    pub supervisors: usize,
    /// The children that are workers, whether they run or not.
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
