//! Which commands run and which wait for their turn, and how they have ended. It knows of no
//! process, neither of ours nor of the system's.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

/// The number of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobId(pub(crate) u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.0)
    }
}

/// Jobs that run, of which there are never more than so many, and those that wait, in the order in
/// which they came.
#[derive(Debug)]
pub(crate) struct Turns {
    at_once: usize,
    running: BTreeSet<JobId>,
    waiting: VecDeque<JobId>,
}

impl Turns {
    pub(crate) fn new(at_once: usize) -> Turns {
        Turns { at_once, running: BTreeSet::new(), waiting: VecDeque::new() }
    }

    /// Puts a job at the end of the queue.
    pub(crate) fn add(&mut self, job: JobId) {
        self.waiting.push_back(job);
    }

    /// Returns the job whose turn it is, which runs from now on; `None` if none waits, or if there
    /// is no room.
    pub(crate) fn next(&mut self) -> Option<JobId> {
        if self.running.len() >= self.at_once {
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.running.insert(job);
        Some(job)
    }

    /// Takes a job out, whether it runs or waits.
    pub(crate) fn remove(&mut self, job: JobId) {
        self.running.remove(&job);
        self.waiting.retain(|it| *it != job);
    }

    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// How a command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which somebody else has sent.
    Signalled(i32),
    /// It was killed, as it took longer than this.
    TimedOut(Duration),
    /// It was killed, or did not begin, as somebody has asked for that.
    Cancelled,
    /// It was not started, or not seen to its end.
    Failed(String),
}

impl Outcome {
    /// The outcome of a command that has left this exit code, or this signal.
    pub(crate) fn new(code: Option<i32>, signal: Option<i32>) -> Outcome {
        match (code, signal) {
            (Some(code), _) => Outcome::Exited(code),
            (None, Some(signal)) => Outcome::Signalled(signal),
            (None, None) => Outcome::Failed("it has left neither a code nor a signal".to_owned()),
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        *self == Outcome::Exited(0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Exited(code) => write!(f, "exit code {code}"),
            Outcome::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Outcome::TimedOut(timeout) => write!(f, "killed after {timeout:?}"),
            Outcome::Cancelled => f.write_str("cancelled"),
            Outcome::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{JobId, Outcome, Turns};

    /// Jobs 1 to 4, of which two may run at once.
    fn four_of_which_two_run() -> Turns {
        let mut turns = Turns::new(2);
        (1..=4).for_each(|job| turns.add(JobId(job)));
        assert_eq!(turns.next(), Some(JobId(1)));
        assert_eq!(turns.next(), Some(JobId(2)));
        turns
    }

    #[test]
    fn no_more_run_than_may() {
        let mut turns = four_of_which_two_run();
        assert_eq!(turns.next(), None);
        assert_eq!((turns.running(), turns.waiting()), (2, 2));
    }

    #[test]
    fn the_end_of_one_makes_room_for_the_one_that_has_waited_longest() {
        let mut turns = four_of_which_two_run();
        turns.remove(JobId(2));
        assert_eq!(turns.next(), Some(JobId(3)));
        assert_eq!(turns.next(), None);
    }

    #[test]
    fn one_that_is_removed_while_it_waits_has_no_turn() {
        let mut turns = four_of_which_two_run();
        turns.remove(JobId(3));
        turns.remove(JobId(1));
        assert_eq!(turns.next(), Some(JobId(4)));
        assert_eq!((turns.running(), turns.waiting()), (2, 0));
    }

    #[test]
    fn none_has_a_turn_when_none_waits() {
        let mut turns = Turns::new(2);
        assert_eq!(turns.next(), None);
        turns.remove(JobId(1));
        assert_eq!((turns.running(), turns.waiting()), (0, 0));
    }

    #[test]
    fn only_an_exit_code_of_zero_is_a_success() {
        assert!(Outcome::new(Some(0), None).is_success());
        for outcome in [
            Outcome::new(Some(1), None),
            Outcome::new(None, Some(9)),
            Outcome::new(None, None),
            Outcome::TimedOut(Duration::ZERO),
            Outcome::Cancelled,
        ] {
            assert!(!outcome.is_success(), "{outcome}");
        }
    }

    #[test]
    fn an_outcome_says_what_has_happened() {
        assert_eq!(Outcome::new(Some(3), None).to_string(), "exit code 3");
        assert_eq!(Outcome::new(None, Some(15)).to_string(), "ended by signal 15");
        let timeout = Duration::from_millis(1500);
        assert_eq!(Outcome::TimedOut(timeout).to_string(), "killed after 1.5s");
    }
}
