//! What processes of this node ask for, one thing after the other, each on all nodes at once: what
//! OTP's process `the_registrar` does.
//!
//! It is done while the lock of all names is set, with the server as its requester: on the boss
//! first, then on all. So no two nodes give a name at once, and nobody gives one while names are
//! compared.

use std::collections::VecDeque;
use std::mem;

use crate::id::Node;

use super::acts::{Act, Context, Ticket, Timer, boss};
use super::key::{Key, Lock};
use super::named::{Job, Outcome};
use super::round::{Round, Unlocking};
use super::said::Asked;

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Resting,
    Boss(Round),
    All(Round),
    Doing(Round, Outcome),
    Unlocking(Unlocking, Option<Outcome>),
    /// The lock was set for somebody else.
    Pausing,
}

/// The state of the registrar.
#[derive(Debug, Default)]
pub(super) struct Registrar {
    jobs: VecDeque<(Ticket, Job)>,
    stage: Stage,
    /// The nodes that are locked for the first job.
    nodes: Vec<Node>,
    failures: u32,
    timer: u64,
}

impl Registrar {
    /// Does something when its turn has come, on this node and on all that are known by then.
    pub(super) fn add(
        &mut self,
        cx: &mut Context<'_>,
        (ticket, job): (Ticket, Job),
        known: &dyn Fn() -> Vec<Node>,
    ) {
        self.jobs.push_back((ticket, job));
        self.proceed(cx, known);
    }

    pub(super) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        (number, node, answer): (u64, Node, Option<bool>),
        known: &dyn Fn() -> Vec<Node>,
    ) {
        let is_it = match &mut self.stage {
            Stage::Boss(round) | Stage::All(round) | Stage::Doing(round, _) => {
                round.answered(number, node, answer)
            }
            Stage::Unlocking(unlocking, _) => unlocking.answered(number, node, answer),
            Stage::Resting | Stage::Pausing => false,
        };
        if is_it {
            self.proceed(cx, known);
        }
    }

    pub(super) fn wake(&mut self, cx: &mut Context<'_>, timer: u64, known: &dyn Fn() -> Vec<Node>) {
        if timer == self.timer && matches!(self.stage, Stage::Pausing) {
            self.stage = Stage::Resting;
            self.proceed(cx, known);
        }
    }

    /// Goes on as far as possible.
    fn proceed(&mut self, cx: &mut Context<'_>, known: &dyn Fn() -> Vec<Node>) {
        let lock = lock(cx);
        loop {
            match mem::replace(&mut self.stage, Stage::Resting) {
                Stage::Resting => {
                    if self.jobs.is_empty() {
                        return;
                    }
                    self.nodes = known();
                    self.nodes.push(cx.own.node);
                    let boss = boss(self.nodes.iter().copied());
                    self.stage = Stage::Boss(Round::lock(cx, &lock, boss.as_slice()));
                }
                Stage::Boss(round) if round.is_over() => {
                    if round.has_succeeded() {
                        self.stage = Stage::All(Round::lock(cx, &lock, &self.nodes));
                    } else {
                        self.pause(cx);
                    }
                }
                Stage::All(round) if round.is_over() => {
                    let is_known = |node| self.nodes.contains(node);
                    if round.has_succeeded() && known().iter().all(is_known) {
                        self.act(cx);
                    } else {
                        // The boss is locked already, so it may not be among those of this round.
                        let unlocking = Unlocking::begin(cx, &lock, &self.nodes);
                        self.stage = Stage::Unlocking(unlocking, None);
                    }
                }
                Stage::Doing(round, outcome) if round.is_over() => {
                    let unlocking = Unlocking::begin(cx, &lock, &self.nodes);
                    self.stage = Stage::Unlocking(unlocking, Some(outcome));
                }
                Stage::Unlocking(mut unlocking, outcome) => {
                    if !unlocking.proceed(cx) {
                        self.stage = Stage::Unlocking(unlocking, outcome);
                        return;
                    }
                    match outcome {
                        Some(outcome) => self.answer(cx, outcome),
                        None => self.pause(cx),
                    }
                }
                stage @ (Stage::Pausing | Stage::Boss(_) | Stage::All(_) | Stage::Doing(..)) => {
                    self.stage = stage;
                    return;
                }
            }
        }
    }

    /// All nodes are locked.
    fn act(&mut self, cx: &mut Context<'_>) {
        let (_, job) = self.jobs.front().expect("it is for a job that nodes are locked");
        let outcome = cx.tables.check(job);
        let nodes = if outcome.is_ok() { &self.nodes[..] } else { &[] };
        let asked = match job {
            Job::Register(named) | Job::ReRegister(named) => Asked::Register(named.clone()),
            Job::Unregister(name) => Asked::Unregister(name.clone()),
        };
        let round = Round::begin(cx, nodes.iter().copied(), &asked);
        self.stage = Stage::Doing(round, outcome);
    }

    fn answer(&mut self, cx: &mut Context<'_>, outcome: Outcome) {
        self.failures = 0;
        if let Some((ticket, _)) = self.jobs.pop_front() {
            cx.act(Act::Answer(ticket, outcome));
        }
    }

    fn pause(&mut self, cx: &mut Context<'_>) {
        self.timer += 1;
        let pause = cx.own.dice.pause(self.failures);
        self.failures += 1;
        self.stage = Stage::Pausing;
        cx.act(Act::Wake(Timer::Registrar(self.timer), pause));
    }
}

/// `{global, Registrar}`
fn lock(cx: &Context<'_>) -> Lock {
    Lock { resource: Key::names(), requester: Key::Pid(cx.own.server) }
}
