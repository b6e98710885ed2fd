//! Who waits for whom, so that a wait which could never end is refused.
//!
//! While P waits for Q (a call that is not answered or deferred yet, a start that is not
//! acknowledged, a stop), P's slot says so, with the number of the request. Whoever answers takes
//! the edge away before it answers, by compare-exchange on that number: so no edge stands for a
//! wait that is over. (One that is over because its target has ended leads nowhere: a walk ends at
//! a process that is not alive.)
//!
//! A process that waits can be made to wait for another one before it is through: by the destructor
//! of something that it drops as it sorts what arrives. The inner wait has no edge then; the outer
//! one stands, and is as true as before.
//!
//! A process about to wait sets its edge, then follows the edges from there. If they lead back to
//! it, it follows them once more: if the second walk finds the same edges with the same numbers,
//! which are never used again, all of them stood at one moment between the two. Edges are set and
//! read in one order for all (SeqCst), so of two processes that close a cycle at the same moment at
//! least one sees it.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::id::Pid;

use super::current::Process;

/// The edge from one slot's process to the one it waits for.
///
/// Only the owner sets it, and only when it is clear; anybody may clear it.
#[derive(Debug, Default)]
pub(crate) struct WaitEdge {
    /// The number of the request, 0 if there is no edge.
    request: AtomicU64,
    target_index: AtomicU64,
    target_generation: AtomicU64,
}

impl WaitEdge {
    fn is_set(&self) -> bool {
        self.request.load(Ordering::Relaxed) != 0
    }

    fn set(&self, target: Pid, request: NonZeroU64) {
        debug_assert!(!self.is_set(), "a process waits for one other at a time");
        self.target_index.store(target.index().into(), Ordering::Release);
        self.target_generation.store(target.generation().get(), Ordering::Release);
        self.request.store(request.get(), Ordering::SeqCst);
    }

    /// Takes the edge of `request` away, if it stands.
    pub(crate) fn clear(&self, request: NonZeroU64) {
        // Whoever comes second finds another number, and has nothing to do.
        _ = self.request.compare_exchange(request.get(), 0, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn read(&self) -> Option<(Pid, NonZeroU64)> {
        let request = NonZeroU64::new(self.request.load(Ordering::SeqCst))?;
        let index = u32::try_from(self.target_index.load(Ordering::Acquire)).ok()?;
        let generation = NonZeroU64::new(self.target_generation.load(Ordering::Acquire))?;
        // The number is never used again: if it is still there, the target is the one it came with.
        let unchanged = self.request.load(Ordering::SeqCst) == request.get();
        unchanged.then(|| (Pid::local(index, generation), request))
    }
}

/// The caller waits for another process as long as this lives, or until its request is answered.
#[derive(Debug)]
pub(crate) struct Waiting {
    edge: &'static WaitEdge,
    request: NonZeroU64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Looked at first, as it is usually cleared by who has answered.
        if self.edge.request.load(Ordering::Relaxed) == self.request.get() {
            self.edge.clear(self.request);
        }
    }
}

/// Processes that would wait for each other in a circle, the caller first.
#[derive(Debug)]
pub(crate) struct Cycle(pub(crate) Vec<Pid>);

impl Process {
    /// Says that the caller, who is this process, waits for `target` to answer `request`.
    ///
    /// # Errors
    ///
    /// The cycle that this would close. Then the caller does not wait.
    pub(crate) fn wait_for(self, target: Pid, request: NonZeroU64) -> Result<Waiting, Cycle> {
        let edge = &self.slot.wait.edge;
        let waiting = Waiting { edge, request };
        if edge.is_set() {
            return Ok(waiting);
        }
        edge.set(target, request);
        if edge_of(target).is_none() {
            return Ok(waiting); // The usual case: it waits for nobody.
        }
        match standing_cycle(self.pid, edge_of) {
            Some(cycle) => Err(Cycle(cycle)),
            None => Ok(waiting),
        }
    }
}

/// The process that `pid` waits for, and the number of its request.
fn edge_of(pid: Pid) -> Option<(Pid, NonZeroU64)> {
    let process = Process::of(pid);
    // Read before the process is seen alive, so it is this process's and not its successor's.
    let edge = process.slot.wait.edge.read();
    edge.filter(|_| process.is_running())
}

/// The cycle through `start`, if two walks agree that there is one.
fn standing_cycle(
    start: Pid,
    edge_of: impl Fn(Pid) -> Option<(Pid, NonZeroU64)>,
) -> Option<Vec<Pid>> {
    let first = walk(start, &edge_of)?;
    let second = walk(start, &edge_of)?;
    (first == second).then(|| first.into_iter().map(|(pid, _)| pid).collect())
}

/// The processes, and the numbers of their requests, on the way from `start` back to it.
fn walk(
    start: Pid,
    edge_of: impl Fn(Pid) -> Option<(Pid, NonZeroU64)>,
) -> Option<Vec<(Pid, NonZeroU64)>> {
    let mut steps = Vec::new();
    let mut at = start;
    // A cycle that does not go through `start` comes back, sooner or later, to one of the processes
    // kept here: the one that was reached after so many steps as are a power of two.
    let mut kept = start;
    loop {
        let (next, request) = edge_of(at)?;
        steps.push((at, request));
        if next == start {
            return Some(steps);
        }
        if next == kept {
            return None;
        }
        if steps.len().is_power_of_two() {
            kept = next;
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashMap;

    use super::*;

    fn pid(index: u32) -> Pid {
        Pid::local(index, NonZeroU64::MIN)
    }

    fn number(n: u64) -> NonZeroU64 {
        NonZeroU64::new(n).unwrap()
    }

    #[track_caller]
    fn check(edges: &[(u32, u32)], start: u32, expected: Option<&[u32]>) {
        let edges: HashMap<Pid, (Pid, NonZeroU64)> = edges
            .iter()
            .zip(1..)
            .map(|((from, to), request)| (pid(*from), (pid(*to), number(request))))
            .collect();
        let expected = expected.map(|pids| pids.iter().map(|it| pid(*it)).collect::<Vec<_>>());
        assert_eq!(standing_cycle(pid(start), |pid| edges.get(&pid).copied()), expected);
    }

    #[test]
    fn finds_the_cycle_through_the_start_and_no_other() {
        check(&[], 1, None);
        check(&[(1, 2)], 1, None);
        check(&[(1, 2), (2, 3)], 1, None);
        check(&[(1, 2), (2, 1)], 1, Some(&[1, 2]));
        check(&[(1, 2), (2, 3), (3, 1)], 2, Some(&[2, 3, 1]));
        check(&[(1, 2), (2, 3), (3, 2)], 1, None);
        check(&[(1, 2), (2, 3), (3, 4), (4, 3)], 1, None);
        check(&[(1, 2), (2, 2)], 1, None);
        check(&[(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 4)], 1, None);
        check(&[(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 1)], 1, Some(&[1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn a_cycle_whose_edges_did_not_stand_together_is_none() {
        // Each time the second is asked, it waits with another request: the first was answered.
        let request = Cell::new(1);
        let edges = |from: Pid| {
            if from == pid(1) {
                return Some((pid(2), number(1)));
            }
            request.set(request.get() + 1);
            Some((pid(1), number(request.get())))
        };
        assert_eq!(standing_cycle(pid(1), edges), None);
    }

    #[test]
    fn an_edge_is_cleared_by_its_own_number_only() {
        let edge = WaitEdge::default();
        edge.set(pid(7), number(1));
        edge.clear(number(2));
        assert_eq!(edge.read(), Some((pid(7), number(1))));
        edge.clear(number(1));
        assert_eq!(edge.read(), None);
    }
}
