//! Taking turns: a lock whose holder may wait, and whose waiters can be ended.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use once_cell::sync::OnceCell;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};

use super::super::attempt::when_readable;

/// Lets one process at a time have a turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    /// Where those wait who find it taken. It can be read as often as a turn was passed on.
    passed_on: OnceCell<OwnedFd>,
}

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    /// How many wait to whom no turn was passed on yet.
    waiting: usize,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

/// A place among those who wait, until it is dropped.
struct Place<'a>(&'a Turns);

impl Turns {
    /// Waits for a turn.
    pub(super) fn take(&self, deadline: Option<Instant>) -> io::Result<Turn<'_>> {
        let fresh = {
            let mut state = self.state.lock();
            !std::mem::replace(&mut state.is_taken, true)
        };
        if fresh {
            return Ok(Turn(self));
        }
        let passed_on = self.passed_on()?;
        if let Some(place) = self.wait_in_line() {
            when_readable(passed_on, deadline, || self.accept())?;
            std::mem::forget(place);
        }
        Ok(Turn(self))
    }

    fn passed_on(&self) -> io::Result<&OwnedFd> {
        let flags = EventfdFlags::SEMAPHORE | EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        Ok(self.passed_on.get_or_try_init(|| eventfd(0, flags))?)
    }

    /// Returns a place, or `None` if it is the caller's turn.
    fn wait_in_line(&self) -> Option<Place<'_>> {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.is_taken, true) {
            return None;
        }
        state.waiting += 1;
        Some(Place(self))
    }

    /// Takes a turn that was passed on, if there is one.
    fn accept(&self) -> io::Result<()> {
        let passed_on = self.passed_on.get().expect("somebody has waited there");
        Ok(rustix::io::read(passed_on, &mut [0; 8]).map(drop)?)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Turns { state, passed_on } = self.0;
        let mut state = state.lock();
        if state.waiting == 0 {
            state.is_taken = false;
            return;
        }
        state.waiting -= 1;
        // Under the lock, so that one who leaves finds what was passed on to it.
        let passed_on = passed_on.get().expect("somebody waits there");
        rustix::io::write(passed_on, &1_u64.to_ne_bytes()).expect("the counter is small");
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        if state.waiting > 0 {
            state.waiting -= 1;
            return;
        }
        drop(state);
        // One was passed on for everybody who waited. Nobody is left to take it.
        if self.0.accept().is_ok() {
            drop(Turn(self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of which one is taken, and for which somebody waits.
    fn waiting(turns: &Turns) -> (Turn<'_>, Place<'_>) {
        let turn = turns.take(None).unwrap();
        turns.passed_on().unwrap();
        (turn, turns.wait_in_line().expect("it is taken"))
    }

    #[track_caller]
    fn assert_free(turns: &Turns) {
        turns.take(Some(Instant::now())).unwrap();
    }

    #[test]
    fn a_turn_that_was_passed_on_to_one_who_leaves_is_free() {
        let turns = Turns::default();
        let (turn, place) = waiting(&turns);
        drop(turn);
        drop(place);
        assert_free(&turns);
    }

    #[test]
    fn nothing_is_passed_on_to_one_who_has_left() {
        let turns = Turns::default();
        let (turn, place) = waiting(&turns);
        drop(place);
        drop(turn);
        assert!(turns.accept().is_err());
        assert_free(&turns);
    }

    #[test]
    fn a_turn_is_taken_until_whoever_has_it_gives_it_back() {
        let turns = Turns::default();
        let _turn = turns.take(None).unwrap();
        let error = turns.take(Some(Instant::now())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
