//! The servers of global names of all nodes, as one of them sees them, as a value.
//!
//! Two nodes that meet begin a session, and when both have [locked](super::locker) all that they
//! know they tell each other their names. Clashes are resolved by the node whose name is smaller;
//! then each tells those that it knew before what has changed, and these connect with the others.
//! So all nodes that are connected have the same names. What a process of this node asks for goes
//! to all of them, by the [registrar](super::registrar).
//!
//! A session has a tag on each side. What comes with another tag is of an earlier session, and
//! ignored; if the tags do not match, a session is cancelled, and begins again.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::id::{Node, Pid};

use super::acts::{Act, Clash, Context, Ticket, Timer};
use super::key::{Key, Lock, LockOfNames};
use super::locker::{BothLocked, Locker, Other};
use super::named::{Job, Named};
use super::partitions::Losses;
use super::registrar::Registrar;
use super::said::{Known, LEAST_VERSION, Loss, Operation, Said, TAGGED, Tag, VERSION};

/// Who keeps a name that two processes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Theirs,
    Ours,
    Nobody,
}

/// What this node has begun with another one.
#[derive(Debug)]
struct Session {
    tag: Tag,
    /// The tag of the other one, and the version that it speaks, when that has begun, too.
    his: Option<(Tag, u32)>,
    names: Names,
    /// What this node is to do with its names.
    ours: Vec<Operation>,
    /// What the other one has found out.
    theirs: Option<(Vec<Operation>, Vec<Known>)>,
    /// What both have locked.
    lock: Option<Lock>,
}

/// The names that the other one has.
#[derive(Debug, PartialEq)]
enum Names {
    Unknown,
    /// They have come before all was locked here.
    Early(Vec<Named>),
    Awaited,
    /// Clashes are being resolved.
    Compared,
    Resolved,
}

/// Why a node is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loser {
    /// The connection is lost.
    Connection,
    /// It is about to be given up.
    Prevention,
}

/// What the server knows of others.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    sessions: HashMap<Node, Session>,
    /// Those that have the same names as this one, and the versions that they speak.
    known: BTreeMap<Node, u32>,
    /// Those of them that have said so.
    synced: HashSet<Node>,
    /// Those whose connections are about to be given up.
    removing: HashSet<Node>,
    /// Those with which a session is to begin again after a pause, and what they say meanwhile.
    restarting: HashMap<Node, Option<(Tag, u32, Pid)>>,
    /// Whether this node belongs to others.
    is_member: bool,
    losses: Losses,
    last_loss: i64,
    last_tag: Tag,
    /// Who waits for which nodes to be in sync.
    syncs: Vec<(Ticket, BTreeSet<Node>)>,
    locker: Locker,
    registrar: Registrar,
}

impl Cluster {
    /// This program is a node from now on.
    pub(super) fn join(&mut self) {
        self.is_member = true;
    }

    /// This program is about to end its connections.
    pub(super) fn leave(&mut self) {
        self.is_member = false;
    }

    /// There is a connection with a node.
    pub(super) fn node_up(&mut self, cx: &mut Context<'_>, node: Node) {
        self.removing.remove(&node);
        self.restarting.remove(&node);
        self.begin(cx, node);
    }

    /// Begins a session with a node.
    fn begin(&mut self, cx: &mut Context<'_>, node: Node) {
        if self.known.contains_key(&node) || self.sessions.contains_key(&node) {
            return;
        }
        self.last_tag += 1;
        let (tag, known) = (self.last_tag, self.known());
        let session = Session {
            tag,
            his: None,
            names: Names::Unknown,
            ours: Vec::new(),
            theirs: None,
            lock: None,
        };
        self.sessions.insert(node, session);
        let (from, locker) = (cx.own.node, cx.own.server);
        cx.say(node, Said::InitConnect { from, version: VERSION, tag, known, locker });
    }

    /// The connection with a node is lost, or there could not be one.
    pub(super) fn node_down(&mut self, cx: &mut Context<'_>, node: Node) {
        self.lose(cx, node, Loser::Connection);
    }

    fn lose(&mut self, cx: &mut Context<'_>, node: Node, loser: Loser) {
        self.end_session(cx, node, true);
        self.restarting.remove(&node);
        self.locker.remove_known(node);
        match loser {
            Loser::Prevention => _ = self.removing.insert(node),
            Loser::Connection => {
                if !self.removing.remove(&node) {
                    self.tell_of_loss(cx, node);
                }
            }
        }
        self.known.remove(&node);
        self.synced.remove(&node);
        self.not_awaited(cx, node);
    }

    /// Returns the known nodes and their versions.
    fn known(&self) -> Vec<Known> {
        self.known.iter().map(|(node, version)| (*node, *version)).collect()
    }

    /// Something has come.
    pub(super) fn hear(&mut self, cx: &mut Context<'_>, said: Said) {
        match said {
            Said::InitConnect { from, version, tag, known: _, locker } => {
                self.init_connect(cx, from, (tag, version), locker);
            }
            Said::InitConnectAck { from, yours, mine } => {
                // If there is none, both have been brought together by a third one meanwhile.
                let session = self.sessions.get(&from);
                let is_another = session
                    .is_some_and(|it| it.tag != yours || it.his.is_none_or(|(tag, _)| tag != mine));
                if is_another {
                    cx.say(from, Said::CancelConnect { from: cx.own.node, tag: mine });
                    self.restart(cx, from);
                }
            }
            Said::CancelConnect { from, tag } => {
                if self.is_current(from, tag) {
                    self.restart(cx, from);
                }
            }
            Said::LockSet { locker, is_set, known: _, tag } => {
                if tag.is_none_or(|tag| self.is_current(locker.node(), tag)) {
                    let ready = self.locker.lock_set(cx, is_set, (locker, tag));
                    self.both_locked(cx, ready);
                }
            }
            Said::Exchange { from, names, tag } => self.exchange(cx, (from, tag), names),
            Said::Resolved { from, operations, known, tag } => {
                if !self.check(cx, from, tag) {
                    return;
                }
                let Some(session) = self.sessions.get_mut(&from) else { return };
                session.theirs = Some((operations, known));
                self.finish_if_resolved(cx, from);
            }
            Said::NewNodes { from: _, operations, nodes, lock } => {
                let added = self.add_known(cx, nodes);
                added.iter().for_each(|node| cx.act(Act::Connect(*node)));
                apply(cx, operations, lock.as_ref());
                for node in added {
                    if self.synced.contains(&node) {
                        self.end_session(cx, node, false); // It has said so before.
                    }
                }
            }
            Said::InSync { from } => {
                self.synced.insert(from);
                self.not_awaited(cx, from);
                // If it is not known, what makes it known is under way, or will never come: then
                // only the session does.
                if self.known.contains_key(&from) {
                    self.end_session(cx, from, false);
                }
            }
            Said::LostConnection(loss) => self.loss(cx, loss),
            Said::RemoveConnection { from } => {
                // Even if it is not known: it does not begin again before the connection is ended.
                cx.act(Act::Disconnect(from));
                if self.is_near(from) {
                    warn(cx, "ends its connection with", from);
                    self.lose(cx, from, Loser::Prevention);
                }
            }
        }
    }

    /// A server has answered in a round of calls, or is not there.
    pub(super) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        round: u64,
        (node, answer): (Node, Option<bool>),
    ) {
        let ready = self.locker.answered(cx, round, (node, answer));
        self.both_locked(cx, ready);
        let Cluster { known, registrar, .. } = self;
        registrar.answered(cx, (round, node, answer), &|| known.keys().copied().collect());
    }

    /// A timer is over.
    pub(super) fn wake(&mut self, cx: &mut Context<'_>, timer: Timer) {
        match timer {
            Timer::Locker(timer) => {
                let ready = self.locker.wake(cx, timer);
                self.both_locked(cx, ready);
            }
            Timer::Registrar(timer) => {
                let Cluster { known, registrar, .. } = self;
                registrar.wake(cx, timer, &|| known.keys().copied().collect());
            }
            Timer::Session(node) => {
                let Some(early) = self.restarting.remove(&node) else { return };
                self.begin(cx, node);
                if let Some((tag, version, locker)) = early {
                    self.init_connect(cx, node, (tag, version), locker);
                }
            }
        }
    }

    /// A process of this node asks for something.
    pub(super) fn add(&mut self, cx: &mut Context<'_>, ticket: Ticket, job: Job) {
        let Cluster { known, registrar, .. } = self;
        registrar.add(cx, (ticket, job), &|| known.keys().copied().collect());
    }

    /// A process of this node waits until these nodes have the same names as this one, or are not
    /// there any more.
    pub(super) fn sync(&mut self, cx: &mut Context<'_>, ticket: Ticket, nodes: Vec<Node>) {
        let mut awaited = BTreeSet::from_iter(nodes);
        awaited.retain(|node| *node != cx.own.node && !self.synced.contains(node));
        if awaited.is_empty() {
            cx.act(Act::Answer(ticket, Ok(())));
        } else {
            self.syncs.push((ticket, awaited));
        }
    }

    fn not_awaited(&mut self, cx: &mut Context<'_>, node: Node) {
        let done = self.syncs.extract_if(.., |(_, nodes)| {
            nodes.remove(&node);
            nodes.is_empty()
        });
        done.for_each(|(ticket, _)| cx.act(Act::Answer(ticket, Ok(()))));
    }

    /// Returns whether a node is known, or has a session with this one.
    fn is_near(&self, node: Node) -> bool {
        let has_begun = |session: &Session| session.his.is_some();
        self.known.contains_key(&node) || self.sessions.get(&node).is_some_and(has_begun)
    }
}

/// Sessions.
impl Cluster {
    fn is_current(&self, node: Node, tag: Tag) -> bool {
        self.sessions.get(&node).is_some_and(|session| session.tag == tag)
    }

    /// Returns whether something belongs to a session. If not, the locker is not to wait for it.
    fn check(&mut self, cx: &mut Context<'_>, node: Node, tag: Tag) -> bool {
        let is_current = self.is_current(node, tag);
        if !is_current {
            let ready = self.locker.cancel(cx, node, tag);
            self.both_locked(cx, ready);
        }
        is_current
    }

    fn init_connect(
        &mut self,
        cx: &mut Context<'_>,
        from: Node,
        (his_tag, version): (Tag, u32),
        locker: Pid,
    ) {
        if version < LEAST_VERSION {
            warn(cx, &format!("does not speak version {version} of its protocol, as does"), from);
            return;
        }
        let Some(session) = self.sessions.get_mut(&from) else {
            if let Some(early) = self.restarting.get_mut(&from) {
                *early = Some((his_tag, version, locker));
            }
            return;
        };
        if session.his.is_some() {
            cx.say(from, Said::CancelConnect { from: cx.own.node, tag: his_tag });
            self.restart(cx, from);
            return;
        }
        let version = version.min(VERSION);
        let my_tag = session.tag;
        session.his = Some((his_tag, version));
        if version >= TAGGED {
            cx.say(from, Said::InitConnectAck { from: cx.own.node, yours: his_tag, mine: my_tag });
        }
        let lock = Lock::of_lockers(cx.own.server, locker);
        let ready = self.locker.add(cx, Other { locker, version, my_tag, his_tag, lock });
        self.both_locked(cx, ready);
    }

    /// Ends a session. The other one is told of that if `is_told` says so.
    fn end_session(&mut self, cx: &mut Context<'_>, node: Node, is_told: bool) {
        let Some(session) = self.sessions.remove(&node) else { return };
        if is_told
            && let Some((tag, version)) = session.his
            && version >= TAGGED
        {
            cx.say(node, Said::CancelConnect { from: cx.own.node, tag });
        }
        let ready = self.locker.cancel(cx, node, session.tag);
        self.both_locked(cx, ready);
    }

    /// Begins a session again, after a pause: else two nodes could cancel each other's for ever.
    fn restart(&mut self, cx: &mut Context<'_>, node: Node) {
        self.end_session(cx, node, true);
        if !self.known.contains_key(&node) {
            cx.tables.forget(node);
            self.restarting.insert(node, None);
            let pause = cx.own.dice.pause(0);
            cx.act(Act::Wake(Timer::Session(node), pause));
        }
    }

    /// Both have locked what they know, if they have: then the other one is told the names.
    fn both_locked(&mut self, cx: &mut Context<'_>, ready: Option<BothLocked>) {
        let Some(BothLocked(other)) = ready else { return };
        let node = other.locker.node();
        if !self.check(cx, node, other.my_tag) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&node) else { return };
        session.lock = Some(other.lock);
        let (from, names) = (cx.own.node, cx.tables.all());
        cx.say(node, Said::Exchange { from, names, tag: other.his_tag });
        match std::mem::replace(&mut session.names, Names::Awaited) {
            Names::Early(names) => self.compare(cx, node, names),
            Names::Unknown | Names::Awaited | Names::Compared | Names::Resolved => {}
        }
    }

    fn exchange(&mut self, cx: &mut Context<'_>, (from, tag): (Node, Tag), names: Vec<Named>) {
        if !self.check(cx, from, tag) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&from) else { return };
        match session.names {
            Names::Unknown => session.names = Names::Early(names),
            Names::Awaited => self.compare(cx, from, names),
            Names::Early(_) | Names::Compared | Names::Resolved => {}
        }
    }

    /// Compares the names of another node with those of this one.
    fn compare(&mut self, cx: &mut Context<'_>, node: Node, names: Vec<Named>) {
        let Some(session) = self.sessions.get_mut(&node) else { return };
        session.names = Names::Compared;
        let is_judge = cx.own.node.name() < node.name();
        let mut clashes = Vec::new();
        for theirs in names {
            match cx.tables.find(&theirs.name) {
                None => session.ours.push(Operation::Insert(theirs)),
                Some(ours) if ours.pid != theirs.pid && is_judge => {
                    clashes.push(Clash { theirs, ours });
                }
                Some(_) => {}
            }
        }
        let tag = session.tag;
        if clashes.is_empty() {
            self.resolved(cx, (node, tag), Vec::new());
        } else {
            cx.act(Act::Resolve(node, tag, clashes));
        }
    }

    /// It has been found out who keeps the names that clash.
    pub(super) fn resolved(
        &mut self,
        cx: &mut Context<'_>,
        (node, tag): (Node, Tag),
        verdicts: Vec<(Clash, Verdict)>,
    ) {
        let known = self.known();
        let session = self
            .sessions
            .get_mut(&node)
            .filter(|session| session.tag == tag && session.names == Names::Compared);
        let Some(session) = session else { return };
        let Some((his_tag, _)) = session.his else { return };
        session.names = Names::Resolved;
        let mut operations = Vec::new();
        for (Clash { theirs, ours }, verdict) in verdicts {
            match verdict {
                Verdict::Theirs => session.ours.push(Operation::Insert(theirs)),
                Verdict::Ours => operations.push(Operation::Insert(ours)),
                Verdict::Nobody => {
                    session.ours.push(Operation::Delete(theirs.name));
                    operations.push(Operation::Delete(ours.name));
                }
            }
        }
        cx.say(node, Said::Resolved { from: cx.own.node, operations, known, tag: his_tag });
        self.finish_if_resolved(cx, node);
    }

    /// Both have compared the names, if they have: then they are made the same.
    fn finish_if_resolved(&mut self, cx: &mut Context<'_>, node: Node) {
        let Some(session) = self.sessions.get_mut(&node) else { return };
        if session.names != Names::Resolved {
            return;
        }
        let Some((theirs, his_known)) = session.theirs.take() else { return };
        let (_, version) = session.his.unwrap_or_default();
        let (mut operations, lock) = (std::mem::take(&mut session.ours), session.lock.clone());
        operations.extend(theirs);
        let mut nodes = vec![(node, version)];
        nodes.extend(his_known.into_iter().filter(|(known, _)| *known != cx.own.node));
        for (known, version) in &mut nodes[1..] {
            if *version == 0 {
                *version = self.known.get(known).copied().unwrap_or_default();
            }
            cx.act(Act::Connect(*known));
        }
        apply(cx, operations.clone(), lock.as_ref());
        let said = Said::NewNodes { from: cx.own.node, operations, nodes: nodes.clone(), lock };
        self.known.keys().for_each(|known| cx.say(*known, said.clone()));
        self.add_known(cx, nodes.clone());
        self.synced.insert(node);
        self.not_awaited(cx, node);
        // Those are in sync by the other one, or will be told.
        for (known, _) in nodes {
            self.end_session(cx, known, false);
        }
    }

    /// Adds nodes that have the same names as this one, and returns which were not known.
    fn add_known(&mut self, cx: &Context<'_>, nodes: Vec<Known>) -> Vec<Node> {
        let mut added = Vec::new();
        for (node, version) in nodes {
            if node != cx.own.node && self.known.insert(node, version).is_none() {
                added.push(node);
            }
        }
        self.locker.add_known(added.iter().copied());
        added
    }
}

/// Connections that are lost.
impl Cluster {
    fn tell_of_loss(&mut self, cx: &mut Context<'_>, lost: Node) {
        if self.is_member {
            self.last_loss += 1;
            let (from, creation) = (cx.own.node, cx.own.creation);
            self.hand_on(cx, Loss { from, creation, number: self.last_loss, lost }, lost);
        }
    }

    /// Tells all but one node.
    fn hand_on(&self, cx: &mut Context<'_>, loss: Loss, but: Node) {
        let sessions = self.sessions.iter().filter(|(_, session)| session.his.is_some());
        let near = self.known.keys().chain(sessions.map(|(node, _)| node));
        let near = BTreeSet::from_iter(near.copied().filter(|node| *node != but));
        near.into_iter().for_each(|node| cx.say(node, Said::LostConnection(loss)));
    }

    fn loss(&mut self, cx: &mut Context<'_>, loss: Loss) {
        if !self.is_member || !self.losses.is_new(loss) {
            return;
        }
        self.hand_on(cx, loss, loss.from);
        let node = if loss.lost == cx.own.node { loss.from } else { loss.lost };
        if self.is_near(node) {
            cx.say(node, Said::RemoveConnection { from: cx.own.node });
            warn(cx, "asks for the end of its connection with", node);
            self.lose(cx, node, Loser::Prevention);
        }
    }
}

/// Does with the names what two nodes have agreed on, if their lock is still set.
fn apply(cx: &mut Context<'_>, operations: Vec<Operation>, lock: Option<&Lock>) {
    let is_locked = match cx.tables.lock_of_names() {
        LockOfNames::Free => true,
        LockOfNames::Left => false,
        LockOfNames::Held { requester, .. } => {
            lock.is_some_and(|lock| lock.resource == Key::names() && lock.requester == requester)
        }
    };
    let (inserts, deletes): (Vec<_>, Vec<_>) =
        operations.into_iter().partition(|it| matches!(it, Operation::Insert(_)));
    for operation in inserts.into_iter().chain(deletes) {
        match operation {
            Operation::Insert(named) => cx.enter(&named, is_locked),
            Operation::Delete(name) => cx.tables.delete(&name),
        }
    }
}

fn warn(cx: &mut Context<'_>, what: &str, node: Node) {
    let own = cx.own.node;
    let text = format!("{own} {what} {node}, so that no two partitions overlap");
    cx.act(Act::Warn(text));
}
