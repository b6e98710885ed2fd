//! Locks two partitions, so that they can compare their names, one session after the other: what
//! OTP's process `the_locker` does.
//!
//! ```text
//!              the time has come                     all is locked
//!   Resting ---------------------> Locking (first) ----------------> Waiting
//!    ^   |                            |                                | the other one has locked
//!    |   | the other one has locked   | somebody refuses               v all that it knows, too
//!    |   +---------> Locking (second) +--------------------+       Comparing
//!    |                   |            |                    v           |
//!    |                   +------------+--- all is locked --|--->-------+
//!    |                                                     |           | the names are the same,
//!    |                                                     v           v or there is no session
//!    +--------------------------------------------------- Unlocking <--+
//! ```
//!
//! The lock is that of all names, and its requester are the two lockers: so both can set it.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::time::Duration;

use crate::id::{Node, Pid};

use super::acts::{Act, Context, Timer, boss};
use super::key::{Lock, LockOfNames};
use super::round::{Round, Unlocking};
use super::said::{Said, TAGGED, Tag};

/// How long a node that knows no other one waits before it tries again.
const ALONE: Duration = Duration::from_millis(200);

/// How long a node waits that knows others, with `EACH` for every one of them, at most `LONGEST`.
const AMONG_OTHERS: Duration = Duration::from_secs(1);
const EACH: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3);

/// A node that this one has a session with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Other {
    /// The process that sets its locks.
    pub(super) locker: Pid,
    pub(super) version: u32,
    pub(super) my_tag: Tag,
    pub(super) his_tag: Tag,
    /// What both lock with.
    pub(super) lock: Lock,
}

impl Other {
    fn node(&self) -> Node {
        self.locker.node()
    }

    fn is(&self, node: Node, tag: Tag) -> bool {
        self.node() == node && self.my_tag == tag
    }
}

/// Both have locked what they know: the servers of this session are to compare their names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BothLocked(pub(super) Other);

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Resting,
    Locking(Locking),
    /// The other one is to lock what it knows. These nodes are locked.
    Waiting(Other, Vec<Node>),
    Comparing(Other, Vec<Node>),
    Unlocking {
        unlocking: Unlocking,
        /// Who hears then that the lock could not be set.
        refused: Option<Other>,
    },
}

/// The nodes are locked in three steps.
#[derive(Debug)]
struct Locking {
    other: Other,
    /// Whether the other one has locked what it knows already.
    is_second: bool,
    step: Step,
    round: Round,
    boss: Node,
    /// What was locked by earlier steps.
    held: Vec<Node>,
    is_cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Boss,
    BothNodes,
    AllOthers,
}

/// The other one says that it has set the lock: its locker, and the tag that it knows.
type Request = (Pid, Option<Tag>);

/// The state of the locker.
#[derive(Debug, Default)]
pub(super) struct Locker {
    /// The sessions whose turn has yet to come.
    others: Vec<Other>,
    /// The nodes that have the same names as this one.
    known: BTreeSet<Node>,
    stage: Stage,
    requests: VecDeque<Request>,
    /// The last timer, and whether it is under way.
    timer: u64,
    is_timed: bool,
    has_just_synced: bool,
    /// Whether a lock could not be set since.
    has_failed: bool,
}

impl Locker {
    pub(super) fn add_known(&mut self, nodes: impl IntoIterator<Item = Node>) {
        self.known.extend(nodes);
    }

    pub(super) fn remove_known(&mut self, node: Node) {
        self.known.remove(&node);
    }

    /// A session begins.
    pub(super) fn add(&mut self, cx: &mut Context<'_>, other: Other) -> Option<BothLocked> {
        self.others.push(other);
        self.proceed(cx)
    }

    /// A session is over, whether it has led to something or not.
    pub(super) fn cancel(
        &mut self,
        cx: &mut Context<'_>,
        node: Node,
        tag: Tag,
    ) -> Option<BothLocked> {
        self.others.retain(|other| !other.is(node, tag));
        match &mut self.stage {
            Stage::Locking(locking) if locking.other.is(node, tag) => locking.is_cancelled = true,
            Stage::Waiting(other, nodes) | Stage::Comparing(other, nodes)
                if other.is(node, tag) =>
            {
                let unlocking = Unlocking::begin(cx, &other.lock, nodes);
                self.stage = Stage::Unlocking { unlocking, refused: None };
            }
            Stage::Resting
            | Stage::Locking(_)
            | Stage::Waiting(..)
            | Stage::Comparing(..)
            | Stage::Unlocking { .. } => {}
        }
        self.proceed(cx)
    }

    /// The other one has set the lock, or could not.
    pub(super) fn lock_set(
        &mut self,
        cx: &mut Context<'_>,
        is_set: bool,
        request: Request,
    ) -> Option<BothLocked> {
        if is_set {
            self.requests.push_back(request);
        } else if let Stage::Waiting(other, nodes) = &self.stage
            && is_from(other, request)
        {
            let unlocking = Unlocking::begin(cx, &other.lock, nodes);
            self.stage = Stage::Unlocking { unlocking, refused: None };
        }
        self.proceed(cx)
    }

    pub(super) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
        (node, answer): (Node, Option<bool>),
    ) -> Option<BothLocked> {
        let is_it = match &mut self.stage {
            Stage::Locking(locking) => locking.round.answered(number, node, answer),
            Stage::Unlocking { unlocking, .. } => unlocking.answered(number, node, answer),
            Stage::Resting | Stage::Waiting(..) | Stage::Comparing(..) => false,
        };
        if is_it { self.proceed(cx) } else { None }
    }

    /// A timer is over.
    pub(super) fn wake(&mut self, cx: &mut Context<'_>, timer: u64) -> Option<BothLocked> {
        if timer != self.timer {
            return None;
        }
        self.is_timed = false;
        if matches!(self.stage, Stage::Resting) {
            let is_locked = matches!(cx.tables.lock_of_names(), LockOfNames::Held { .. });
            self.has_failed |= is_locked;
            if !is_locked {
                self.begin(cx);
            }
        }
        self.proceed(cx)
    }

    /// Begins with a session, if there is any.
    fn begin(&mut self, cx: &mut Context<'_>) {
        self.others.retain(|other| !self.known.contains(&other.node()));
        if !self.others.is_empty() {
            let other = self.others[cx.own.dice.below(self.others.len())].clone();
            self.lock(cx, other, false);
        }
    }

    fn lock(&mut self, cx: &mut Context<'_>, other: Other, is_second: bool) {
        let own = cx.own.node;
        let boss = boss(self.known.iter().copied().chain([own])).expect("there is one node");
        if boss != own && !cx.tables.can_lock(&other.lock) {
            self.has_failed = true;
            if is_second {
                answer(cx, &other, false, &self.known);
            }
            return;
        }
        let round = Round::lock(cx, &other.lock, &[boss]);
        let (step, held, is_cancelled) = (Step::Boss, Vec::new(), false);
        self.stage =
            Stage::Locking(Locking { other, is_second, step, round, boss, held, is_cancelled });
    }

    /// Goes on as far as possible. Two sessions are never ready at once.
    fn proceed(&mut self, cx: &mut Context<'_>) -> Option<BothLocked> {
        let mut ready = None;
        loop {
            match mem::replace(&mut self.stage, Stage::Resting) {
                Stage::Resting => {
                    let Some(request) = self.requests.pop_front() else { break };
                    self.answer(cx, request);
                }
                Stage::Locking(locking) if locking.round.is_over() => {
                    ready = self.next_step(cx, locking).or(ready);
                }
                Stage::Waiting(other, nodes) => {
                    if !self.has_answer(&other) {
                        self.stage = Stage::Waiting(other, nodes);
                        break;
                    }
                    ready = Some(self.compare(other, nodes));
                }
                Stage::Unlocking { mut unlocking, refused } => {
                    if !unlocking.proceed(cx) {
                        self.stage = Stage::Unlocking { unlocking, refused };
                        break;
                    }
                    if let Some(other) = refused {
                        answer(cx, &other, false, &self.known);
                    }
                }
                stage @ (Stage::Locking(_) | Stage::Comparing(..)) => {
                    self.stage = stage;
                    break;
                }
            }
        }
        self.set_timer(cx);
        ready
    }

    /// Takes the answer of the one that is waited for out of what was heard.
    fn has_answer(&mut self, other: &Other) -> bool {
        let place = self.requests.iter().position(|request| is_from(other, *request));
        place.map(|place| self.requests.remove(place)).is_some()
    }

    /// The other one has locked what it knows, and this one is to do so.
    fn answer(&mut self, cx: &mut Context<'_>, (locker, tag): Request) {
        let is_it = |other: &&Other| {
            other.node() == locker.node() && tag.is_none_or(|tag| other.my_tag == tag)
        };
        match self.others.iter().find(is_it).cloned() {
            Some(other) => self.lock(cx, other, true),
            None => {
                let known = self.known.iter().copied().collect();
                let own = cx.own.server;
                let said = Said::LockSet { locker: own, is_set: false, known, tag: None };
                cx.act(Act::SayTo(locker, said));
            }
        }
    }

    fn next_step(&mut self, cx: &mut Context<'_>, mut locking: Locking) -> Option<BothLocked> {
        let mut held = mem::take(&mut locking.held);
        held.extend(locking.round.done());
        let Locking { other, is_second, boss, .. } = &locking;
        if !locking.round.has_succeeded() || locking.is_cancelled {
            self.has_failed = true;
            let unlocking = Unlocking::begin(cx, &other.lock, &held);
            let refused = is_second.then(|| other.clone());
            self.stage = Stage::Unlocking { unlocking, refused };
            return None;
        }
        let own = cx.own.node;
        let (step, nodes) = match locking.step {
            Step::Boss => {
                let both = [Some(own), (!is_second).then(|| other.node())];
                let nodes = both.into_iter().flatten().filter(|node| node != boss);
                (Step::BothNodes, nodes.collect::<Vec<_>>())
            }
            Step::BothNodes => {
                let nodes = self.known.iter().copied().filter(|node| node != boss);
                (Step::AllOthers, nodes.collect())
            }
            Step::AllOthers => return self.all_locked(cx, locking, held),
        };
        let round = Round::lock(cx, &other.lock, &nodes);
        self.stage = Stage::Locking(Locking { step, round, held, ..locking });
        None
    }

    fn all_locked(
        &mut self,
        cx: &mut Context<'_>,
        Locking { other, is_second, .. }: Locking,
        held: Vec<Node>,
    ) -> Option<BothLocked> {
        answer(cx, &other, true, &self.known);
        if is_second {
            return Some(self.compare(other, held));
        }
        self.stage = Stage::Waiting(other, held);
        None
    }

    fn compare(&mut self, other: Other, nodes: Vec<Node>) -> BothLocked {
        self.others.retain(|it| *it != other);
        (self.has_just_synced, self.has_failed) = (true, false);
        self.stage = Stage::Comparing(other.clone(), nodes);
        BothLocked(other)
    }

    /// Sees to it that the next session begins some time.
    fn set_timer(&mut self, cx: &mut Context<'_>) {
        let is_resting = matches!(self.stage, Stage::Resting);
        self.has_just_synced &= !(is_resting && self.others.is_empty());
        let is_due = is_resting && !self.others.is_empty();
        if !is_due || self.is_timed {
            return;
        }
        let known = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let pause = match known {
            _ if mem::take(&mut self.has_just_synced) => Duration::ZERO,
            0 if self.has_failed => ALONE,
            0 => Duration::ZERO, // It keeps nobody waiting.
            known => LONGEST.min(AMONG_OTHERS + EACH.saturating_mul(known)),
        };
        self.timer += 1;
        self.is_timed = true;
        cx.act(Act::Wake(Timer::Locker(self.timer), pause));
    }
}

fn is_from(other: &Other, (locker, tag): Request) -> bool {
    locker.node() == other.node() && tag.is_none_or(|tag| tag == other.my_tag)
}

/// Tells the other one whether the lock is set.
fn answer(cx: &mut Context<'_>, other: &Other, is_set: bool, known: &BTreeSet<Node>) {
    let known = known.iter().copied().collect();
    let tag = (other.version >= TAGGED).then_some(other.his_tag);
    let said = Said::LockSet { locker: cx.own.server, is_set, known, tag };
    cx.say(other.node(), said);
}
