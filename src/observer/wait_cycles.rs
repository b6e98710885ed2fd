//! Circles of processes that wait for each other.

use std::collections::{BTreeMap, HashMap};

use crate::id::Pid;

/// Who waits for whom.
pub(super) type Waits = BTreeMap<Pid, Vec<Pid>>;

/// What is known of a process in the search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It is on the way, at this place.
    At(usize),
    /// All ways from there were followed.
    Done,
}

/// Returns circles of processes that wait for each other, each from its least pid on: one at least
/// of those that have a process in common.
pub(super) fn wait_cycles(waits: &Waits) -> Vec<Vec<Pid>> {
    let (mut cycles, mut seen) = (Vec::new(), HashMap::new());
    for start in waits.keys() {
        if seen.contains_key(start) {
            continue;
        }
        // The way, and how many of the waits of each process were followed.
        let mut way = vec![(*start, 0)];
        seen.insert(*start, Seen::At(0));
        while let Some((at, followed)) = way.last_mut() {
            let next = waits.get(at).and_then(|waits| waits.get(*followed)).copied();
            *followed += 1;
            let Some(next) = next else {
                seen.insert(*at, Seen::Done);
                way.pop();
                continue;
            };
            match seen.get(&next) {
                Some(Seen::Done) => {}
                Some(Seen::At(place)) => {
                    cycles.push(from_least(way[*place..].iter().map(|(pid, _)| *pid).collect()));
                }
                None => {
                    seen.insert(next, Seen::At(way.len()));
                    way.push((next, 0));
                }
            }
        }
    }
    cycles
}

fn from_least(mut cycle: Vec<Pid>) -> Vec<Pid> {
    let least = cycle.iter().enumerate().min_by_key(|(_, pid)| **pid);
    let place = least.map_or(0, |(place, _)| place);
    cycle.rotate_left(place);
    cycle
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    fn pid(index: u32) -> Pid {
        Pid::local(index, NonZeroU64::MIN)
    }

    #[track_caller]
    fn check(waits: &[(u32, &[u32])], expected: &[&[u32]]) {
        let pids = |of: &[u32]| of.iter().map(|it| pid(*it)).collect::<Vec<_>>();
        let waits = waits.iter().map(|(from, to)| (pid(*from), pids(to))).collect();
        let expected: Vec<_> = expected.iter().map(|it| pids(it)).collect();
        assert_eq!(wait_cycles(&waits), expected);
    }

    #[test]
    fn processes_that_wait_for_each_other_are_found() {
        check(&[], &[]);
        check(&[(1, &[2]), (2, &[3])], &[]);
        check(&[(1, &[1])], &[&[1]]);
        check(&[(2, &[1]), (1, &[2])], &[&[1, 2]]);
        check(&[(5, &[3]), (3, &[4]), (4, &[5])], &[&[3, 4, 5]]);
        // Others wait for one of them.
        check(&[(0, &[2]), (1, &[2]), (2, &[3]), (3, &[2])], &[&[2, 3]]);
        // Two circles.
        check(&[(1, &[2]), (2, &[1]), (3, &[4]), (4, &[3])], &[&[1, 2], &[3, 4]]);
        // One waits for several, of which one waits for it; ways that meet are none.
        check(&[(1, &[2, 3, 4]), (2, &[4]), (3, &[4]), (4, &[])], &[]);
        check(&[(1, &[2, 3]), (2, &[]), (3, &[1])], &[&[1, 3]]);
    }
}
