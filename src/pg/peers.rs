//! What a scope says to the scopes of its name on other nodes, its peers, and what it hears from
//! them, as a value.
//!
//! Each scope tells its own members, and no others. Who hears of a peer for the first time, by its
//! `discover`, monitors it, and says `discover` in turn; each `discover` is answered by a `sync`,
//! with all groups. From then on a peer is told of each change. All this goes over one connection,
//! in order, so a peer never hears of a change before the groups that it is a change of; and as
//! its end is told last, what it says after that comes from a new connection, or a new scope.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::id::Pid;

use super::{Change, Changed};

/// What one scope says to another. Each begins with who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<G> {
    Discover(Pid),
    /// All members of the sender's node, and nobody else.
    Sync(Pid, Vec<(G, Vec<Pid>)>),
    Join(Pid, G, Vec<Pid>),
    /// Each of these processes leaves each of these groups, one as often as it is listed.
    Leave(Pid, Vec<Pid>, Vec<G>),
}

/// What a scope is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act<G> {
    Say(Pid, Said<G>),
    Monitor(Pid),
    Change(Changed<G>),
}

/// Returns what tells of a change, if there is any.
fn changed<G>(group: G, change: Change, pids: Vec<Pid>) -> Option<Act<G>> {
    (!pids.is_empty()).then_some(Act::Change(Changed { group, change, pids }))
}

/// The groups of a peer, without empty ones.
type Groups<G> = HashMap<G, Vec<Pid>>;

/// The peers of a scope.
#[derive(Debug)]
pub(super) struct Peers<G> {
    me: Pid,
    groups: HashMap<Pid, Groups<G>>,
}

impl<G: Clone + Eq + Hash> Peers<G> {
    pub(super) fn new(me: Pid) -> Peers<G> {
        Peers { me, groups: HashMap::new() }
    }

    /// Returns what is said to scopes that are not known yet.
    pub(super) fn greeting(&self) -> Said<G> {
        Said::Discover(self.me)
    }

    /// Processes of this node have joined a group.
    pub(super) fn joined(&self, group: &G, pids: &[Pid]) -> Vec<Act<G>> {
        self.say(|me| Said::Join(me, group.clone(), pids.to_vec()))
    }

    /// Processes of this node have left groups, as [`Said::Leave`] says it.
    pub(super) fn left(&self, pids: &[Pid], groups: &[G]) -> Vec<Act<G>> {
        self.say(|me| Said::Leave(me, pids.to_vec(), groups.to_vec()))
    }

    fn say(&self, what: impl Fn(Pid) -> Said<G>) -> Vec<Act<G>> {
        self.groups.keys().map(|peer| Act::Say(*peer, what(self.me))).collect()
    }

    /// Something has come, while `own` are the groups of this node.
    pub(super) fn hear(
        &mut self,
        said: Said<G>,
        own: impl FnOnce() -> Vec<(G, Vec<Pid>)>,
    ) -> Vec<Act<G>> {
        match said {
            Said::Discover(peer) => self.discovered(peer, own()),
            Said::Sync(peer, groups) => self.sync(peer, groups),
            Said::Join(peer, group, pids) => self.join(peer, group, pids),
            Said::Leave(peer, pids, groups) => self.leave(peer, &pids, groups),
        }
    }

    /// The peer, or the connection with it, is gone.
    pub(super) fn lost(&mut self, peer: Pid) -> Vec<Act<G>> {
        let groups = self.groups.remove(&peer).into_iter().flatten();
        groups.filter_map(|(group, pids)| changed(group, Change::Leave, pids)).collect()
    }

    fn discovered(&mut self, peer: Pid, own: Vec<(G, Vec<Pid>)>) -> Vec<Act<G>> {
        let mut acts = vec![Act::Say(peer, Said::Sync(self.me, own))];
        if let Entry::Vacant(unknown) = self.groups.entry(peer) {
            unknown.insert(Groups::new());
            acts.extend([Act::Monitor(peer), Act::Say(peer, self.greeting())]);
        }
        acts
    }

    fn sync(&mut self, peer: Pid, groups: Vec<(G, Vec<Pid>)>) -> Vec<Act<G>> {
        let mut acts = Vec::new();
        let mut before = self.groups.remove(&peer).unwrap_or_else(|| {
            acts.push(Act::Monitor(peer));
            Groups::new()
        });
        let mut now = Groups::new();
        for (group, pids) in groups.into_iter().filter(|(_, pids)| !pids.is_empty()) {
            now.entry(group).or_default().extend(pids);
        }
        for (group, pids) in &now {
            let mut gone = before.remove(group).unwrap_or_default();
            if gone == *pids {
                continue; // The usual case, which is not to cost more.
            }
            let (mut new, mut left) = (pids.clone(), Places::of(&gone));
            new.retain(|pid| !left.take(*pid));
            gone.retain(|pid| left.take(*pid));
            acts.extend(changed(group.clone(), Change::Leave, gone));
            acts.extend(changed(group.clone(), Change::Join, new));
        }
        let ended = before.into_iter();
        acts.extend(ended.filter_map(|(group, pids)| changed(group, Change::Leave, pids)));
        self.groups.insert(peer, now);
        acts
    }

    fn join(&mut self, peer: Pid, group: G, pids: Vec<Pid>) -> Vec<Act<G>> {
        let Some(groups) = self.groups.get_mut(&peer) else { return Vec::new() };
        if !pids.is_empty() {
            groups.entry(group.clone()).or_default().extend(&pids);
        }
        changed(group, Change::Join, pids).into_iter().collect()
    }

    fn leave(&mut self, peer: Pid, pids: &[Pid], groups: Vec<G>) -> Vec<Act<G>> {
        let Some(known) = self.groups.get_mut(&peer) else { return Vec::new() };
        let mut acts = Vec::new();
        for group in groups {
            let Entry::Occupied(mut members) = known.entry(group.clone()) else { continue };
            let (mut gone, mut left) = (pids.to_vec(), Places::of(pids));
            members.get_mut().retain(|pid| !left.take(*pid));
            gone.retain(|pid| !left.take(*pid));
            if members.get().is_empty() {
                members.remove();
            }
            acts.extend(changed(group, Change::Leave, gone));
        }
        acts
    }
}

/// How many places each process has in a list, which may be as long as a frame.
struct Places(HashMap<Pid, usize>);

impl Places {
    fn of(pids: &[Pid]) -> Places {
        let mut places = HashMap::with_capacity(pids.len());
        for pid in pids {
            *places.entry(*pid).or_default() += 1;
        }
        Places(places)
    }

    /// Takes one place of a process. Returns whether there was one.
    fn take(&mut self, pid: Pid) -> bool {
        let left = self.0.get_mut(&pid).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }
}
