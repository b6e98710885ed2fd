//! Calls of the servers of several nodes at once, for whose answers nobody waits: what `multi_call`
//! does.

use std::collections::BTreeSet;

use crate::id::Node;

use super::acts::{Act, Context, boss};
use super::key::Lock;
use super::said::Asked;

/// The same request to several nodes.
#[derive(Debug)]
pub(super) struct Round {
    number: u64,
    /// Those that have not answered, and are still there.
    open: BTreeSet<Node>,
    /// Those that have done it.
    done: Vec<Node>,
    is_refused: bool,
}

impl Round {
    /// Asks the nodes. What is asked of this one is done at once.
    pub(super) fn begin(
        cx: &mut Context<'_>,
        nodes: impl IntoIterator<Item = Node>,
        asked: &Asked,
    ) -> Round {
        cx.own.rounds += 1;
        let number = cx.own.rounds;
        let mut nodes: BTreeSet<Node> = nodes.into_iter().collect();
        let mut round =
            Round { number, open: BTreeSet::new(), done: Vec::new(), is_refused: false };
        if nodes.remove(&cx.own.node) {
            let is_done = cx.ask(asked, cx.own.server);
            round.count(cx.own.node, is_done);
        }
        nodes.iter().for_each(|node| cx.act(Act::Call(*node, asked.clone(), number)));
        round.open = nodes;
        round
    }

    /// Sets a lock, unless it cannot be set on this node, which is one of several.
    pub(super) fn lock(cx: &mut Context<'_>, lock: &Lock, nodes: &[Node]) -> Round {
        let is_here = nodes.len() > 1 && nodes.contains(&cx.own.node);
        if is_here && !cx.tables.can_lock(lock) {
            return Round {
                is_refused: true,
                ..Round::begin(cx, [], &Asked::SetLock(lock.clone()))
            };
        }
        Round::begin(cx, nodes.iter().copied(), &Asked::SetLock(lock.clone()))
    }

    fn count(&mut self, node: Node, is_done: bool) {
        if is_done {
            self.done.push(node);
        } else {
            self.is_refused = true;
        }
    }

    /// A node has answered in some round, or is not there. Returns whether it is this round.
    pub(super) fn answered(&mut self, number: u64, node: Node, answer: Option<bool>) -> bool {
        let is_it = self.number == number && self.open.remove(&node);
        if is_it && let Some(is_done) = answer {
            self.count(node, is_done);
        }
        is_it
    }

    pub(super) fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Returns whether no node has refused: those that are not there do not.
    pub(super) fn has_succeeded(&self) -> bool {
        !self.is_refused
    }

    pub(super) fn done(&self) -> &[Node] {
        &self.done
    }
}

/// A lock is given up: first by all but the boss, which keeps the others away until then.
#[derive(Debug)]
pub(super) struct Unlocking {
    round: Round,
    /// What is left to be done.
    boss: Option<(Node, Lock)>,
}

impl Unlocking {
    pub(super) fn begin(cx: &mut Context<'_>, lock: &Lock, nodes: &[Node]) -> Unlocking {
        let boss = boss(nodes.iter().copied());
        let others = nodes.iter().copied().filter(|node| Some(*node) != boss);
        let round = Round::begin(cx, others, &Asked::DelLock(lock.clone()));
        Unlocking { round, boss: boss.map(|boss| (boss, lock.clone())) }
    }

    pub(super) fn answered(&mut self, number: u64, node: Node, answer: Option<bool>) -> bool {
        self.round.answered(number, node, answer)
    }

    /// Goes on, if that is possible. Returns whether it is over.
    pub(super) fn proceed(&mut self, cx: &mut Context<'_>) -> bool {
        if self.round.is_over()
            && let Some((boss, lock)) = self.boss.take()
        {
            self.round = Round::begin(cx, [boss], &Asked::DelLock(lock));
        }
        self.round.is_over()
    }
}
