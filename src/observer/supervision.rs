//! Supervisors and their trees, of what supervisors show: none of them is asked.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::id::Pid;
use crate::process::Info;
use crate::supervisor::shown::ShownSupervisor;
use crate::supervisor::{ChildInfo, ChildState, ChildType, Strategy, Tree};

use super::ProcessInfo;

/// A supervision tree in a [snapshot](super::Snapshot).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SupervisionTree {
    /// The application whose tree it is.
    pub application: Option<String>,
    /// The process that has started its top. If that is a supervisor, it still waits for this
    /// start: the tree will be a part of its own.
    pub parent: Option<Pid>,
    /// The tree. It is not known of a child that is starting whether it runs: it is
    /// [`Stopped`](ChildState::Stopped) for so long, or [`Restarting`](ChildState::Restarting).
    pub tree: Tree,
}

/// A supervisor in a [snapshot](super::Snapshot).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SupervisorInfo {
    /// Its process.
    pub pid: Pid,
    /// Its strategy; `None` if its children have no order.
    pub strategy: Option<Strategy>,
    /// How many restarts it makes in a period before it gives up.
    pub max_restarts: usize,
    /// The length of that period.
    pub period: Duration,
    /// How many of these it has made in the last period.
    pub recent_restarts: usize,
    /// How many it has made since it was started.
    pub restarts: u64,
    /// How many children it has, whether they run or not.
    pub children: usize,
}

/// The supervisors of a snapshot, in the order of their pids.
pub(super) struct Supervisors {
    pub(super) infos: Vec<SupervisorInfo>,
    children: HashMap<Pid, Vec<ChildInfo>>,
}

impl Supervisors {
    pub(super) fn read(shown: Vec<(Pid, Arc<ShownSupervisor>)>) -> Supervisors {
        let (mut infos, mut children) = (Vec::new(), HashMap::new());
        for (pid, shown) in shown {
            let list = shown.children();
            let (recent_restarts, restarts) = shown.restarts(Instant::now());
            infos.push(SupervisorInfo {
                pid,
                strategy: shown.strategy,
                max_restarts: shown.intensity.max,
                period: shown.intensity.period,
                recent_restarts,
                restarts,
                children: list.len(),
            });
            children.insert(pid, list);
        }
        Supervisors { infos, children }
    }

    /// Returns the trees with these tops, each of an application, and then those of the supervisors
    /// that are in none of them.
    pub(super) fn trees(
        self,
        tops: Vec<(String, Pid)>,
        processes: &[ProcessInfo],
    ) -> Vec<SupervisionTree> {
        let Supervisors { infos, children } = self;
        let is_child = children.values().flatten().filter_map(|child| child.state.pid()).collect();
        let processes = processes.iter().map(|it| (it.info.pid, &it.info)).collect();
        let mut forest = Forest { children, processes, trees: Vec::new() };
        for (application, top) in tops {
            forest.grow(Some(application), top);
        }
        let is_child: HashSet<Pid> = is_child;
        let (below, tops): (Vec<Pid>, Vec<Pid>) =
            infos.into_iter().map(|it| it.pid).partition(|pid| is_child.contains(pid));
        // Those that are left after the tops are children of each other.
        for pid in tops.into_iter().chain(below) {
            if forest.children.contains_key(&pid) {
                forest.grow(None, pid);
            }
        }
        forest.trees
    }
}

/// Trees that are being made.
struct Forest<'a> {
    /// The children of the supervisors that are in no tree yet.
    children: HashMap<Pid, Vec<ChildInfo>>,
    processes: HashMap<Pid, &'a Info>,
    trees: Vec<SupervisionTree>,
}

impl Forest<'_> {
    /// Adds the tree of a process, unless that has ended.
    fn grow(&mut self, application: Option<String>, top: Pid) {
        let Some(parent) = self.processes.get(&top).map(|info| info.parent()) else { return };
        let is_supervisor = self.children.contains_key(&top);
        let child_type = if is_supervisor { ChildType::Supervisor } else { ChildType::Worker };
        let tree = self.tree(None, ChildState::Running(top), child_type, 0);
        self.trees.push(SupervisionTree { application, parent, tree });
    }

    fn tree(
        &mut self,
        id: Option<String>,
        state: ChildState,
        child_type: ChildType,
        restarts: u64,
    ) -> Tree {
        let pid = state.pid();
        let children = pid.and_then(|pid| self.children.remove(&pid)).unwrap_or_default();
        let children = children.into_iter().map(|child| {
            let ChildInfo { id, state, child_type, restarts, .. } = child;
            self.tree(Some(id), state, child_type, restarts)
        });
        let children = children.collect();
        let name = pid.and_then(|pid| self.processes.get(&pid)?.any_name());
        Tree { id, state, name, child_type, restarts, children, error: None }
    }
}
