//! What is shown of a supervisor and its children, for those that look without waiting for it: it
//! may be busy with a start for long.
//!
//! The supervisor writes a row for each child, and changes it with the child, at a cost that does
//! not depend on how many there are. Readers take the rows a few at a time, so that it does not
//! wait for them either.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::intensity::Intensity;
use super::{ChildInfo, ChildState, Policy, Strategy};

/// How many rows are read under one lock.
const CHUNK: usize = 256;

/// What is shown of a supervisor.
pub(crate) struct ShownSupervisor {
    /// `None` if its children have no order.
    pub(crate) strategy: Option<Strategy>,
    pub(crate) intensity: Intensity,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    /// The number of the next row.
    next: u64,
    rows: BTreeMap<u64, ChildInfo>,
    /// The restarts of the last period, or a part of it, the oldest first.
    restarts: VecDeque<Instant>,
    /// How many there were since the supervisor was started.
    restarts_ever: u64,
}

/// Leaves out the children, of which there may be many.
impl fmt::Debug for ShownSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownSupervisor").field("strategy", &self.strategy).finish_non_exhaustive()
    }
}

impl ShownSupervisor {
    pub(crate) fn new(strategy: Option<Strategy>, intensity: Intensity) -> Arc<ShownSupervisor> {
        Arc::new(ShownSupervisor { strategy, intensity, board: Mutex::default() })
    }

    /// Adds a row for a child, after the others.
    pub(super) fn add(self: &Arc<Self>, policy: &Policy, state: ChildState) -> Row {
        let info = ChildInfo::new(policy, state, 0);
        let mut board = self.board.lock();
        let number = board.next;
        board.next += 1;
        board.rows.insert(number, info);
        Row { number, supervisor: Arc::clone(self) }
    }

    /// Counts a restart that was within the limit.
    pub(super) fn count_restart(&self, now: Instant) {
        let Intensity { max, period } = self.intensity;
        let mut board = self.board.lock();
        let board = &mut *board;
        board.restarts_ever += 1;
        board.restarts.push_back(now);
        let is_over = |then: &Instant| now.duration_since(*then) > period;
        while board.restarts.len() > max || board.restarts.front().is_some_and(is_over) {
            board.restarts.pop_front();
        }
    }

    /// Returns how many restarts count against the limit at `now`, and how many there ever were.
    pub(crate) fn restarts(&self, now: Instant) -> (usize, u64) {
        let board = self.board.lock();
        let counts =
            |then: &&Instant| now.saturating_duration_since(**then) <= self.intensity.period;
        (board.restarts.iter().filter(counts).count(), board.restarts_ever)
    }

    /// Returns the children, in the order in which they were added.
    pub(crate) fn children(&self) -> Vec<ChildInfo> {
        let (mut children, mut after) = (Vec::new(), Bound::Unbounded);
        loop {
            let board = self.board.lock();
            let rows = board.rows.range((after, Bound::Unbounded)).take(CHUNK);
            let before = children.len();
            for (number, info) in rows {
                after = Bound::Excluded(*number);
                children.push(info.clone());
            }
            drop(board);
            if children.len() < before + CHUNK {
                return children;
            }
        }
    }
}

/// The row of a child, until this is dropped.
#[derive(Debug)]
pub(super) struct Row {
    number: u64,
    supervisor: Arc<ShownSupervisor>,
}

impl Row {
    pub(super) fn set(&self, state: ChildState, restarts: u64) {
        let mut board = self.supervisor.board.lock();
        if let Some(info) = board.rows.get_mut(&self.number) {
            info.state = state;
            info.restarts = restarts;
        }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        let removed = self.supervisor.board.lock().rows.remove(&self.number);
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ChildSpec;
    use super::*;

    const PERIOD: Duration = Duration::from_secs(5);

    fn shown(max: usize) -> Arc<ShownSupervisor> {
        ShownSupervisor::new(None, Intensity { max, period: PERIOD })
    }

    fn policy() -> Policy {
        ChildSpec::template("child", |()| Ok(crate::process::self_pid())).policy().clone()
    }

    #[test]
    fn rows_are_read_in_order_however_many_there_are() {
        for count in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let (shown, policy) = (shown(1), policy());
            let rows: Vec<Row> =
                (0..count).map(|_| shown.add(&policy, ChildState::Stopped)).collect();
            rows.iter().zip(0..).for_each(|(row, n)| row.set(ChildState::Restarting, n));
            let restarts: Vec<u64> = shown.children().iter().map(|it| it.restarts).collect();
            assert_eq!(restarts, Vec::from_iter(0..count as u64));
            drop(rows);
            assert_eq!(shown.children(), []);
        }
    }

    #[test]
    fn the_restarts_of_the_last_period_count() {
        let (shown, start) = (shown(3), Instant::now());
        for seconds in [0, 1, 2, 7] {
            shown.count_restart(start + Duration::from_secs(seconds));
        }
        assert_eq!(shown.restarts(start + Duration::from_secs(7)), (2, 4));
        assert_eq!(shown.restarts(start + Duration::from_secs(8)), (1, 4));
        assert_eq!(shown.restarts(start + Duration::from_secs(13)), (0, 4));
    }
}
