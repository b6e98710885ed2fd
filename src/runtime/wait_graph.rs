//! The graph of waits: which process waits for which, so that a wait which could never end is
//! refused.
//!
//! While P waits for Q (a call that is not answered or deferred yet, a start that is not
//! acknowledged, a stop), P's slot has an *edge* to Q, with the number of the request. The process
//! that answers takes the edge away before it answers, by compare-exchange on that number: so no
//! edge stands for a wait that is over. (If the wait is over because its target has ended, the edge
//! leads nowhere: a walk ends at a process that is not alive.)
//!
//! A process that waits until several have ended, such as a supervisor that stops its children, has
//! an edge to each of them. If it has told them to end by an exit signal, it has none to those that
//! do not trap exits: whatever they wait for, the signal ends them.
//!
//! A process that waits can be made to wait for another one before the first wait is over: by the
//! destructor of a value that it drops as it sorts what arrives. The inner wait has no edge then;
//! the edge of the outer one stands, and is as true as before.
//!
//! A process about to wait sets its edge, then looks for a way along the edges that leads back to
//! it. If there is one, it looks at each edge of that way once more: if all stand with the same
//! numbers, which are never used again, all of them stood at one moment between the two looks.
//! Edges are set and read in one order for all (SeqCst), so of two processes that close a cycle at
//! the same moment at least one sees it. A call, a start or a stop is then refused. A wait for ends
//! cannot be refused; so one of the calls in the cycle is, as if it had been the last. A cycle
//! without a call stands until one of its processes is killed, and does not keep other cycles from
//! being broken.
//!
//! Only the number is `SeqCst`. The target of an edge is two words more: their stores are `Release`
//! and their loads `Acquire`, so a reader that finds a number finds its target, or a later one, and
//! in that case finds another number when it looks again.

use std::collections::BTreeSet;
use std::mem;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::id::Pid;

/// Set in the number of a wait for several ends, whose edges, each with a number of its own, are in
/// [`Ends`].
const SEVERAL: u64 = 1 << 63;

/// The edges from one process.
#[derive(Debug)]
pub(crate) enum Edges {
    None,
    One(Edge),
    Several(Vec<Edge>),
}

/// The process at the other end, and the number of the request.
pub(crate) type Edge = (Pid, NonZeroU64);

/// The processes whose ends a slot's process waits for.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<AwaitedEnds>);

#[derive(Debug, Default)]
struct AwaitedEnds {
    /// The number of the wait.
    number: u64,
    edges: Vec<Edge>,
    cause: Cause,
}

/// Why processes whose ends are waited for are going to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cause {
    /// They end by themselves.
    #[default]
    Own,
    /// They get an exit signal, which ends those that do not trap exits.
    Signal,
}

impl Ends {
    /// Sets the edges of a wait that is about to begin, by [`WaitEdge::set_several`].
    pub(crate) fn set(&self, number: NonZeroU64, edges: Vec<Edge>, cause: Cause) {
        let awaited = AwaitedEnds { number: number.get(), edges, cause };
        drop(mem::replace(&mut *self.0.lock(), awaited));
    }

    /// Returns the edges of the wait with this number.
    fn read(&self, number: u64, traps_exits: impl Fn(Pid) -> bool) -> Vec<Edge> {
        let ends = self.0.lock();
        if ends.number != number {
            return Vec::new();
        }
        let goes_on = |pid: Pid| ends.cause == Cause::Own || traps_exits(pid);
        ends.edges.iter().copied().filter(|(pid, _)| goes_on(*pid)).collect()
    }
}

/// The edge from one slot's process to the one it waits for.
///
/// Only the owner sets it, and only when it is clear; anybody may clear it.
#[derive(Debug, Default)]
pub(crate) struct WaitEdge {
    /// The number of the request, with [`SEVERAL`] set if there may be more than one; 0 if there is
    /// no edge.
    request: AtomicU64,
    target_index: AtomicU64,
    target_generation: AtomicU64,
}

impl WaitEdge {
    /// Returns whether the owner, which is the caller, waits already.
    pub(crate) fn is_set(&self) -> bool {
        // Relaxed: only the owner sets it; and it has seen, in `Waiting::drop`, that it was
        // cleared.
        self.request.load(Ordering::Relaxed) != 0
    }

    /// Returns whether the owner waits for another process.
    pub(crate) fn stands(&self) -> bool {
        self.request.load(Ordering::SeqCst) != 0
    }

    /// Sets the edge to `target`. For the owner.
    pub(crate) fn set(&self, target: Pid, request: NonZeroU64) {
        debug_assert!(!self.is_set(), "a process waits for one other at a time");
        // Release: a reader that sees one of these sees, when it looks at the number again, that
        // the earlier edge is gone.
        self.target_index.store(target.index().into(), Ordering::Release);
        self.target_generation.store(target.generation().get(), Ordering::Release);
        self.request.store(request.get(), Ordering::SeqCst);
    }

    /// Marks the number of a wait for several ends, whose edges are in [`Ends`].
    pub(crate) fn several(request: NonZeroU64) -> NonZeroU64 {
        request | const { NonZeroU64::new(SEVERAL).expect("it is not 0") }
    }

    /// Begins a wait for several ends, with a number that is [marked](Self::several).
    pub(crate) fn set_several(&self, request: NonZeroU64) {
        self.request.store(request.get(), Ordering::SeqCst);
    }

    /// Takes the edge of `request` away, if it stands.
    pub(crate) fn clear(&self, request: NonZeroU64) {
        // The second to come finds another number, and has nothing to do.
        _ = self.request.compare_exchange(request.get(), 0, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn read(&self) -> Option<Edge> {
        let request = NonZeroU64::new(self.request.load(Ordering::SeqCst))?;
        // Acquire: the number is looked at again after both.
        let index = u32::try_from(self.target_index.load(Ordering::Acquire)).ok()?;
        let generation = NonZeroU64::new(self.target_generation.load(Ordering::Acquire))?;
        // The number is never used again: if it is still there, the target is the one it came with.
        let unchanged = self.request.load(Ordering::SeqCst) == request.get();
        unchanged.then(|| (Pid::local(index, generation), request))
    }

    /// Returns all edges; those of a wait for several ends are in `ends`.
    pub(crate) fn read_all(&self, ends: &Ends, traps_exits: impl Fn(Pid) -> bool) -> Edges {
        let number = self.request.load(Ordering::SeqCst);
        if number & SEVERAL == 0 {
            return self.read().map_or(Edges::None, Edges::One);
        }
        let edges = ends.read(number, traps_exits);
        let unchanged = self.request.load(Ordering::SeqCst) == number;
        if unchanged { Edges::Several(edges) } else { Edges::None }
    }
}

/// The caller waits for another process as long as this lives, or until its request is answered.
#[derive(Debug)]
pub(crate) struct Waiting {
    edge: &'static WaitEdge,
    request: NonZeroU64,
}

impl Waiting {
    pub(crate) fn new(edge: &'static WaitEdge, request: NonZeroU64) -> Waiting {
        Waiting { edge, request }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Looked at first, as the process that has answered has usually cleared it. Relaxed: if
        // this is an earlier value, `clear` finds another number.
        if self.edge.request.load(Ordering::Relaxed) == self.request.get() {
            self.edge.clear(self.request);
        }
    }
}

/// Processes that would wait for each other in a circle, the caller first.
#[derive(Debug)]
pub(crate) struct Cycle(pub(crate) Vec<Pid>);

/// Returns whether `pid` waits for `target`, or for a process that does, and so on.
pub(crate) fn reaches(pid: Pid, target: Pid, edges_of: impl Fn(Pid) -> Edges) -> bool {
    // As if the target, and no other, waited for the process: so the way there is one back.
    let back = |at| {
        if at == target {
            return Edges::One((pid, NonZeroU64::MIN));
        }
        match edges_of(at) {
            Edges::One((next, number)) if next != pid => Edges::One((next, number)),
            Edges::None | Edges::One(_) => Edges::None,
            Edges::Several(mut edges) => {
                edges.retain(|(next, _)| *next != pid);
                Edges::Several(edges)
            }
        }
    };
    find_way(pid, back).is_some()
}

/// Returns the processes of a cycle through `start`, if there is one.
pub(crate) fn cycle_through(start: Pid, edges_of: impl Fn(Pid) -> Edges) -> Option<Vec<Pid>> {
    let way = standing_way(start, edges_of)?;
    Some(way.into_iter().map(|(pid, _)| pid).collect())
}

/// Returns a way from `start` back to it all of whose edges stood at one moment, if there is one:
/// the processes on it, and the numbers of the edges that lead on.
fn standing_way(start: Pid, edges_of: impl Fn(Pid) -> Edges) -> Option<Vec<Edge>> {
    loop {
        let (way, has_forks) = find_way(start, &edges_of)?;
        let next = |place: usize| way.get(place + 1).map_or(start, |(pid, _)| *pid);
        let mut steps = way.iter().enumerate();
        if steps.all(|(place, (pid, number))| has_edge(edges_of(*pid), (next(place), *number))) {
            return Some(way);
        }
        if !has_forks {
            return None;
        }
        // It is gone, but there may be another one.
    }
}

/// Breaks each cycle through `start` that can be broken, by `refuse`. That refuses the request of
/// an edge, whose client is the first of the cycle, if it is a call that still waits.
pub(crate) fn break_cycles(
    start: Pid,
    edges_of: impl Fn(Pid) -> Edges,
    refuse: impl Fn(Edge, Vec<Pid>) -> bool,
) {
    let mut left_out = BTreeSet::new();
    while let Some(way) = standing_way(start, |pid| edges_of(pid).without(&left_out)) {
        let pids: Vec<Pid> = way.iter().map(|(pid, _)| *pid).collect();
        let refused = (1..way.len()).any(|place| {
            let mut cycle = pids.clone();
            cycle.rotate_left(place);
            refuse(way[place], cycle)
        });
        if !refused {
            // There is no call in it, or it is over. From the last fork there is but one way on, so
            // what ends this cycle ends all that go through there; one that begins now is seen by
            // the process that begins it.
            let is_fork = |(pid, _): &&Edge| matches!(edges_of(*pid), Edges::Several(_));
            let last = way.iter().rfind(is_fork).or(way.first());
            left_out.extend(last.map(|(_, number)| *number));
        }
    }
}

impl Edges {
    fn without(mut self, left_out: &BTreeSet<NonZeroU64>) -> Edges {
        let is_left_out = |(_, number): &Edge| left_out.contains(number);
        match &mut self {
            Edges::One(edge) if is_left_out(edge) => return Edges::None,
            Edges::None | Edges::One(_) => {}
            Edges::Several(edges) => edges.retain(|edge| !is_left_out(edge)),
        }
        self
    }
}

fn has_edge(edges: Edges, edge: Edge) -> bool {
    match edges {
        Edges::None => false,
        Edges::One(other) => other == edge,
        Edges::Several(others) => others.contains(&edge),
    }
}

/// A process on the way that has several edges, and those of them that were not followed yet.
struct Fork {
    at: Pid,
    depth: usize,
    edges: Vec<Edge>,
}

/// Returns a way from `start` back to it, and whether there were forks on the search for it.
fn find_way(start: Pid, edges_of: impl Fn(Pid) -> Edges) -> Option<(Vec<Edge>, bool)> {
    let mut way = Vec::new();
    let (mut forks, mut forked) = (Vec::<Fork>::new(), BTreeSet::new());
    let mut at = start;
    // A cycle that does not go through `start` comes back, sooner or later, to a fork, or to the
    // process kept here: the one that was reached when the number of steps was last a power of two.
    let mut kept = start;
    loop {
        let mut step = None;
        match edges_of(at) {
            Edges::None => {}
            Edges::One(edge) => step = Some((at, edge)),
            Edges::Several(edges) => {
                if forked.insert(at) {
                    forks.push(Fork { at, depth: way.len(), edges });
                }
            }
        }
        if let Some((_, (next, _))) = step
            && next == kept
            && next != start
        {
            step = None;
        }
        while step.is_none() {
            let fork = forks.last_mut()?;
            way.truncate(fork.depth);
            step = fork.edges.pop().map(|edge| (fork.at, edge));
            match step {
                Some((_, (next, _))) => kept = next,
                None => _ = forks.pop(),
            }
        }
        let (from, (next, number)) = step?;
        way.push((from, number));
        if next == start {
            return Some((way, !forked.is_empty()));
        }
        if way.len().is_power_of_two() {
            kept = next;
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
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
        let edges_of = |pid| edges.get(&pid).copied().map_or(Edges::None, Edges::One);
        assert_eq!(cycle_through(pid(start), edges_of), expected);
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
    fn a_process_waits_for_those_that_its_edges_lead_to() {
        let edges = [(1, 2), (2, 3), (4, 5), (5, 4), (6, 4), (7, 1), (7, 6), (7, 7)];
        let edges_of = |from: Pid| {
            let to = edges.iter().filter(|edge| pid(edge.0) == from);
            let to: Vec<_> = to.map(|edge| (pid(edge.1), number(u64::from(edge.0)))).collect();
            if let [edge] = to[..] { Edges::One(edge) } else { Edges::Several(to) }
        };
        for from in 1..8 {
            for to in (1..8).filter(|to| *to != from) {
                let waits = [(1, 2), (1, 3), (2, 3), (4, 5), (5, 4), (6, 4), (6, 5)];
                let expected = from == 7 || waits.contains(&(from, to));
                assert_eq!(reaches(pid(from), pid(to), edges_of), expected, "{from} {to}");
            }
        }
    }

    #[test]
    fn a_cycle_whose_edges_did_not_stand_together_is_none() {
        // Each time the second is asked, it waits with another request: the first was answered.
        let request = Cell::new(1);
        let edges = |from: Pid| {
            if from == pid(1) {
                return Edges::One((pid(2), number(1)));
            }
            request.set(request.get() + 1);
            Edges::One((pid(1), number(request.get())))
        };
        assert_eq!(cycle_through(pid(1), edges), None);
    }

    /// Looks for a cycle where some processes have several edges, each with its own number.
    #[track_caller]
    fn check_forks(edges: &[(u32, &[u32])], start: u32, expected: Option<&[u32]>) {
        let edges_of = |from: Pid| {
            let found = edges.iter().find(|(at, _)| pid(*at) == from);
            let edge = |to: &u32| (pid(*to), number(u64::from(from.index() * 100 + to)));
            match found.map(|(_, to)| *to) {
                None => Edges::None,
                Some([to]) => Edges::One(edge(to)),
                Some(to) => Edges::Several(to.iter().map(edge).collect()),
            }
        };
        let expected = expected.map(|pids| pids.iter().map(|it| pid(*it)).collect::<Vec<_>>());
        assert_eq!(cycle_through(pid(start), edges_of), expected);
    }

    #[test]
    fn finds_the_cycle_through_one_of_several_edges() {
        check_forks(&[(1, &[]), (2, &[1])], 2, None);
        check_forks(&[(1, &[2, 3, 4])], 1, None);
        check_forks(&[(1, &[2, 3, 4]), (3, &[1])], 3, Some(&[3, 1]));
        check_forks(&[(1, &[2, 3, 4]), (3, &[5]), (5, &[1])], 1, Some(&[1, 3, 5]));
        // Through a tree, past ways that lead nowhere, and past cycles of others.
        let tree: &[(u32, &[u32])] = &[(1, &[2, 3]), (2, &[4, 5]), (3, &[6, 7]), (4, &[8])];
        check_forks(&[tree, &[(8, &[1])]].concat(), 8, Some(&[8, 1, 2, 4]));
        check_forks(&[tree, &[(7, &[9]), (9, &[9])]].concat(), 1, None);
        check_forks(&[tree, &[(7, &[3]), (6, &[1])]].concat(), 6, Some(&[6, 1, 3]));
        check_forks(&[tree, &[(7, &[3]), (5, &[2]), (8, &[4])]].concat(), 1, None);
        check_forks(&[tree, &[(7, &[9]), (9, &[10]), (10, &[11]), (11, &[9])]].concat(), 1, None);
    }

    #[test]
    fn a_way_that_is_gone_does_not_hide_another() {
        // At the first look there are two ways, at the second the one that was found is gone.
        let looks = Cell::new(0);
        let edges_of = |from: Pid| match from.index() {
            1 => Edges::Several(vec![(pid(2), number(12)), (pid(3), number(13))]),
            2 => Edges::One((pid(1), number(21))),
            3 => {
                looks.set(looks.get() + 1);
                if looks.get() == 1 { Edges::One((pid(1), number(31))) } else { Edges::None }
            }
            _ => Edges::None,
        };
        assert_eq!(cycle_through(pid(1), edges_of), Some(vec![pid(1), pid(2)]));
    }

    /// Breaks the cycles through process 1, as far as that can be. An edge `(from, to)` is a call's
    /// if it is in `calls`; those in `late` are over by the time that they are to be refused.
    #[track_caller]
    fn check_breaks(
        edges: &[(u32, &[u32])],
        calls: &[(u32, u32)],
        late: &[(u32, u32)],
        expected: &[&[u32]],
    ) {
        let (over, refused) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let edges_of = |from: Pid| {
            let found = edges.iter().find(|(at, _)| pid(*at) == from);
            let is_there = |to: &&u32| !over.borrow().contains(&(from.index(), **to));
            let edge = |to: &u32| (pid(*to), number(u64::from(from.index() * 100 + to)));
            match found.map(|(_, to)| *to) {
                None => Edges::None,
                Some([to]) => {
                    Some(to).filter(is_there).map_or(Edges::None, |it| Edges::One(edge(it)))
                }
                Some(to) => Edges::Several(to.iter().map(edge).collect()),
            }
        };
        let refuse = |(from, request): Edge, cycle: Vec<Pid>| {
            assert_eq!(cycle[0], from);
            let to = u32::try_from(request.get() % 100).unwrap();
            let edge = (from.index(), to);
            if !calls.contains(&edge) {
                return false;
            }
            over.borrow_mut().push(edge);
            let is_late = late.contains(&edge);
            if !is_late {
                refused.borrow_mut().push(cycle.iter().map(|pid| pid.index()).collect::<Vec<_>>());
            }
            !is_late
        };
        break_cycles(pid(1), edges_of, refuse);
        let mut refused = refused.into_inner();
        refused.sort();
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_cycle_without_a_call_does_not_keep_another_one() {
        check_breaks(&[(1, &[2]), (2, &[1])], &[], &[], &[]);
        check_breaks(&[(1, &[2]), (2, &[1])], &[(2, 1)], &[], &[&[2, 1]]);
        for (first, second) in [(3, 4), (4, 3)] {
            let edges: &[(u32, &[u32])] = &[(1, &[2]), (2, &[first, second]), (3, &[1]), (4, &[1])];
            check_breaks(edges, &[(3, 1)], &[], &[&[3, 1, 2]]);
            check_breaks(edges, &[(3, 1), (4, 1)], &[], &[&[3, 1, 2], &[4, 1, 2]]);
            check_breaks(edges, &[(3, 1), (4, 1)], &[(4, 1)], &[&[3, 1, 2]]);
        }
    }

    #[test]
    fn a_cycle_without_a_call_does_not_keep_one_that_ends_in_the_same_way() {
        for (first, second) in [(3, 4), (4, 3)] {
            let edges: &[(u32, &[u32])] =
                &[(1, &[2]), (2, &[first, second]), (3, &[5]), (4, &[5]), (5, &[1])];
            check_breaks(edges, &[(3, 5)], &[], &[&[3, 5, 1, 2]]);
            check_breaks(edges, &[(3, 5), (4, 5)], &[(4, 5)], &[&[3, 5, 1, 2]]);
            // This one call is in both.
            check_breaks(
                edges,
                &[(5, 1)],
                &[],
                &[if first == 3 { &[5, 1, 2, 4] } else { &[5, 1, 2, 3] }],
            );
        }
    }

    #[test]
    fn a_cycle_without_a_call_is_one_of_many() {
        let edges: &[(u32, &[u32])] = &[
            (1, &[2]),
            (2, &[3, 4, 5]),
            (3, &[6, 7]),
            (4, &[1]),
            (5, &[6, 8]),
            (6, &[1]),
            (7, &[1]),
            (8, &[1]),
        ];
        check_breaks(edges, &[], &[], &[]);
        check_breaks(edges, &[(7, 1), (8, 1)], &[], &[&[7, 1, 2, 3], &[8, 1, 2, 5]]);
        check_breaks(edges, &[(4, 1), (7, 1)], &[], &[&[4, 1, 2], &[7, 1, 2, 3]]);
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
