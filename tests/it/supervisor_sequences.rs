//! Supervisors: random sequences of requests, against a model.

use procession::prelude::*;
use procession::supervisor::{ChildState, Restart, Strategy, SupervisorError};

use crate::support::child::{child, child_events, child_state, end_child_and_wait, failure};
use crate::support::rounds::rounds;
use crate::support::supervision::{stop_supervisor, unlimited_restarts};

/// The rules of OTP as a plain model, and random sequences of what can happen.
mod any_sequence {
    use super::*;

    const IDS: [&str; 4] = ["a", "b", "c", "d"];

    /// What is known of a child: whether it runs.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Known {
        id: &'static str,
        restart: Restart,
        runs: bool,
    }

    struct Model {
        strategy: Strategy,
        children: Vec<Known>,
    }

    impl Model {
        fn find(&self, id: &str) -> Option<usize> {
            self.children.iter().position(|child| child.id == id)
        }

        fn start(&mut self, id: &'static str, restart: Restart) -> Result<(), &'static str> {
            match self.find(id).map(|place| self.children[place].runs) {
                Some(true) => Err("already started"),
                Some(false) => Err("already present"),
                None => {
                    self.children.push(Known { id, restart, runs: true });
                    Ok(())
                }
            }
        }

        fn terminate(&mut self, id: &str) -> Result<(), &'static str> {
            let place = self.find(id).ok_or("not found")?;
            if self.children[place].restart == Restart::Temporary {
                self.children.remove(place);
            } else {
                self.children[place].runs = false;
            }
            Ok(())
        }

        fn restart(&mut self, id: &str) -> Result<(), &'static str> {
            let place = self.find(id).ok_or("not found")?;
            if self.children[place].runs {
                return Err("running");
            }
            self.children[place].runs = true;
            Ok(())
        }

        fn delete(&mut self, id: &str) -> Result<(), &'static str> {
            let place = self.find(id).ok_or("not found")?;
            if self.children[place].runs {
                return Err("running");
            }
            self.children.remove(place);
            Ok(())
        }

        fn crash(&mut self, id: &str, orderly: bool) {
            let Some(place) = self.find(id).filter(|place| self.children[*place].runs) else {
                return;
            };
            let restarts = match self.children[place].restart {
                Restart::Permanent => true,
                Restart::Transient => !orderly,
                Restart::Temporary => false,
            };
            if !restarts {
                self.terminate(id).unwrap();
                return;
            }
            let first = match self.strategy {
                Strategy::OneForOne => return,
                Strategy::OneForAll => 0,
                Strategy::RestForOne => place,
            };
            // All from there on are stopped, which forgets the temporary ones, and started.
            let rest = self.children.split_off(first);
            let kept = rest.into_iter().filter(|child| child.restart != Restart::Temporary);
            self.children.extend(kept.map(|child| Known { runs: true, ..child }));
        }
    }

    fn word(error: SupervisorError) -> &'static str {
        if matches!(error, SupervisorError::AlreadyStarted(_)) {
            return "already started";
        }
        [
            (SupervisorError::AlreadyPresent, "already present"),
            (SupervisorError::NotFound, "not found"),
            (SupervisorError::Running, "running"),
        ]
        .into_iter()
        .find_map(|(it, word)| (it == error).then_some(word))
        .unwrap_or("something else")
    }

    /// A generator of numbers: xorshift.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % n).unwrap()
        }
    }

    fn play(seed: u64) {
        let mut random = Random(seed);
        let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
        let strategy = strategies[random.below(3)];
        let mut model = Model { strategy, children: Vec::new() };
        let supervisor = unlimited_restarts(strategy).start_link().unwrap();
        let mut history = Vec::new();
        for _ in 0..12 {
            let id = IDS[random.below(4)];
            let deed = random.below(6);
            history.push((deed, id));
            let (found, expected) = match deed {
                0 | 1 => {
                    let restarts = [Restart::Permanent, Restart::Transient, Restart::Temporary];
                    let restart = restarts[random.below(3)];
                    let spec = child(id).restart(restart);
                    (supervisor.start_child(spec).map(drop), model.start(id, restart))
                }
                2 => (supervisor.terminate_child(id), model.terminate(id)),
                3 => (supervisor.restart_child(id).map(drop), model.restart(id)),
                4 => (supervisor.delete_child(id), model.delete(id)),
                _ => {
                    let orderly = random.below(2) == 0;
                    let state = child_state(&supervisor, id);
                    if let Some(pid) = state.and_then(ChildState::pid) {
                        let reason = if orderly { ExitReason::Normal } else { failure() };
                        end_child_and_wait(pid, reason);
                    }
                    model.crash(id, orderly);
                    (Ok(()), Ok(()))
                }
            };
            assert_eq!(found.map_err(word), expected, "seed {seed}: {history:?}");
            let children = supervisor.which_children().unwrap();
            let found: Vec<_> = children
                .iter()
                .rev()
                .map(|child| (child.id.as_str(), child.state.pid().is_some()))
                .collect();
            let expected: Vec<_> =
                model.children.iter().map(|child| (child.id, child.runs)).collect();
            assert_eq!(found, expected, "seed {seed}: {strategy:?} {history:?}");
            assert!(children.iter().filter_map(|it| it.state.pid()).all(process::is_alive));
        }
        stop_supervisor(&supervisor);
        child_events();
    }

    #[test]
    fn agrees_with_the_rules() {
        let start = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let start: u64 = start.unwrap_or(0x5eed_0001);
        for n in 0..rounds(1_000) as u64 {
            play(start + n);
        }
    }
}
