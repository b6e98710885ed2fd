//! Peers by themselves, and many in a network that delays and cuts.

use std::collections::{BTreeMap, VecDeque};

use crate::id::{Incarnation, Node};
use crate::net_kernel::support::dice::Dice;

use super::*;

const ME: u32 = 1;

/// The process of this number of a node.
fn pid(node: usize, id: u32) -> Pid {
    let node = Node::named(&format!("pg{node}@simulation"));
    Pid::remote(Incarnation::of(node, 1).unwrap(), id, 0)
}

fn me() -> Pid {
    pid(0, ME)
}

fn peer() -> Pid {
    pid(1, ME)
}

fn member(id: u32) -> Pid {
    pid(1, 10 + id)
}

fn change(group: u8, change: Change, pids: &[Pid]) -> Act<u8> {
    Act::Change(Changed { group, change, pids: pids.to_vec() })
}

/// A scope that knows the peer, which has these groups.
fn acquainted(groups: &[(u8, &[Pid])]) -> Peers<u8> {
    let mut peers = Peers::new(me());
    let groups = groups.iter().map(|(group, pids)| (*group, pids.to_vec())).collect();
    peers.hear(Said::Sync(peer(), groups), Vec::new);
    peers
}

fn hear(peers: &mut Peers<u8>, said: Said<u8>) -> Vec<Act<u8>> {
    peers.hear(said, || unreachable!("only a discover asks for the scope's own groups"))
}

// OTP 25, read: handle_info({discover, Peer}, ...)
#[test]
fn a_scope_that_is_discovered_says_all_it_has_and_discovers_in_turn() {
    let mut peers = Peers::new(me());
    let own = || vec![(1_u8, vec![pid(0, 10)])];
    let sync = Act::Say(peer(), Said::Sync(me(), own()));
    let acts = peers.hear(Said::Discover(peer()), own);
    assert_eq!(acts, [sync.clone(), Act::Monitor(peer()), Act::Say(peer(), Said::Discover(me()))]);
    assert_eq!(peers.hear(Said::Discover(peer()), own), [sync]);
}

#[test]
fn a_peer_is_known_and_monitored_from_its_first_sync_on() {
    let mut peers = Peers::new(me());
    let sync = || Said::Sync(peer(), vec![(1, vec![member(0), member(0)]), (2, Vec::new())]);
    let joined = change(1, Change::Join, &[member(0), member(0)]);
    assert_eq!(hear(&mut peers, sync()), [Act::Monitor(peer()), joined]);
    assert_eq!(hear(&mut peers, sync()), []);
    assert_eq!(peers.joined(&7, &[me()]), [Act::Say(peer(), Said::Join(me(), 7, vec![me()]))]);
    let left = Said::Leave(me(), vec![me()], vec![7, 8]);
    assert_eq!(peers.left(&[me()], &[7, 8]), [Act::Say(peer(), left)]);
}

#[test]
fn a_sync_changes_what_is_not_the_same() {
    let [one, two, three] = [0, 1, 2].map(member);
    let mut peers = acquainted(&[(1, &[one, two, two]), (2, &[three]), (3, &[one])]);
    let groups = vec![(1, vec![two, three]), (3, vec![one]), (4, vec![two])];
    let mut acts = hear(&mut peers, Said::Sync(peer(), groups));
    acts.sort_by_key(|act| match act {
        Act::Change(changed) => (changed.group, changed.change == Change::Join),
        Act::Say(..) | Act::Monitor(_) => unreachable!("{act:?}"),
    });
    let expected = [
        change(1, Change::Leave, &[one, two]),
        change(1, Change::Join, &[three]),
        change(2, Change::Leave, &[three]),
        change(4, Change::Join, &[two]),
    ];
    assert_eq!(acts, expected);
}

#[test]
fn who_leaves_has_joined_as_often() {
    let [one, two] = [0, 1].map(member);
    let mut peers = acquainted(&[(1, &[one, two]), (2, &[one])]);
    let leave = |pids: &[Pid], groups: &[u8]| Said::Leave(peer(), pids.to_vec(), groups.to_vec());
    assert_eq!(hear(&mut peers, leave(&[two], &[2, 3])), []);
    let acts = hear(&mut peers, leave(&[one, one], &[1, 2, 2]));
    assert_eq!(acts, [change(1, Change::Leave, &[one]), change(2, Change::Leave, &[one])]);
    assert_eq!(peers.lost(peer()), [change(1, Change::Leave, &[two])]);
}

/// As many members as a frame has room for must not keep a scope busy.
#[test]
fn a_group_of_many_is_compared_at_once() {
    const COUNT: u32 = 200_000;
    let members: Vec<_> = (0..COUNT).map(member).collect();
    let mut peers = acquainted(&[(1, &members)]);
    let (rest, first) = (members[1..].to_vec(), change(1, Change::Leave, &members[..1]));
    let reversed: Vec<_> = rest.iter().rev().copied().collect();
    assert_eq!(hear(&mut peers, Said::Sync(peer(), vec![(1, reversed.clone())])), [first]);
    let left = change(1, Change::Leave, &rest);
    assert_eq!(hear(&mut peers, Said::Leave(peer(), rest, vec![1])), [left]);
    assert_eq!(hear(&mut peers, Said::Leave(peer(), reversed, vec![1])), []);
}

#[test]
fn nobody_is_heard_who_is_not_known() {
    let mut peers = Peers::new(me());
    assert_eq!(hear(&mut peers, Said::Join(peer(), 1, vec![member(0)])), []);
    assert_eq!(hear(&mut peers, Said::Leave(peer(), vec![member(0)], vec![1])), []);
    assert_eq!(peers.lost(peer()), []);
    assert_eq!(peers.joined(&1, &[me()]), []);
}

#[test]
fn a_peer_that_is_lost_takes_its_members_along() {
    let [one, two] = [0, 1].map(member);
    let mut peers = acquainted(&[(1, &[one])]);
    hear(&mut peers, Said::Join(peer(), 1, vec![two, one]));
    assert_eq!(peers.lost(peer()), [change(1, Change::Leave, &[one, two, one])]);
    assert_eq!(peers.joined(&1, &[me()]), []);
    assert_eq!(peers.lost(peer()), []);
}

/// What goes from one node to another, in order.
#[derive(Debug)]
enum Parcel {
    /// To the scope, whichever has the name.
    ToName(Said<u8>),
    To(Pid, Said<u8>),
    /// The second process monitors the first.
    Monitor(Pid, Pid),
    Down(Pid, Pid),
}

/// What a node is told by its own kernel.
#[derive(Debug)]
enum Told {
    NodeUp(usize),
    Down(Pid),
}

/// Members by group, without order.
type View = BTreeMap<u8, Vec<Pid>>;

struct SimulatedNode {
    scope: Pid,
    peers: Peers<u8>,
    own: View,
    /// What it knows of others, by the changes.
    others: View,
    /// Who monitors its scope.
    watchers: Vec<Pid>,
    /// Whom its scope monitors.
    watched: Vec<Pid>,
    inbox: VecDeque<Told>,
}

/// Nodes, of which each two may be connected.
struct Network {
    nodes: Vec<SimulatedNode>,
    /// What is under way from one node to the other; `None` if they are not connected.
    wires: BTreeMap<(usize, usize), Option<VecDeque<Parcel>>>,
    next: u32,
}

fn node_of(pid: Pid) -> usize {
    pid.node().name()[2..].split('@').next().unwrap().parse().unwrap()
}

fn add(view: &mut View, group: u8, pids: &[Pid]) {
    view.entry(group).or_default().extend(pids);
}

#[track_caller]
fn remove(view: &mut View, group: u8, pids: &[Pid]) {
    let members = view.get_mut(&group).expect("nobody is in the group");
    for pid in pids {
        let place = members.iter().rposition(|member| member == pid);
        members.remove(place.unwrap_or_else(|| panic!("{pid} is not in the group")));
    }
    if members.is_empty() {
        view.remove(&group);
    }
}

impl Network {
    fn new(count: usize) -> Network {
        let mut network = Network { nodes: Vec::new(), wires: BTreeMap::new(), next: 100 };
        for node in 0..count {
            let scope = pid(node, network.number());
            network.nodes.push(SimulatedNode {
                scope,
                peers: Peers::new(scope),
                own: View::new(),
                others: View::new(),
                watchers: Vec::new(),
                watched: Vec::new(),
                inbox: VecDeque::new(),
            });
            for other in (0..count).filter(|other| *other != node) {
                network.wires.insert((node, other), None);
            }
        }
        network
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn send(&mut self, from: usize, to: usize, parcel: Parcel) {
        if let Some(Some(wire)) = self.wires.get_mut(&(from, to)) {
            wire.push_back(parcel);
        }
    }

    /// Two nodes are connected, or are not.
    fn switch(&mut self, one: usize, other: usize) {
        let is_up = self.wires[&(one, other)].is_some();
        for (from, to) in [(one, other), (other, one)] {
            self.wires.insert((from, to), (!is_up).then(VecDeque::new));
            let node = &mut self.nodes[from];
            if is_up {
                node.watchers.retain(|watcher| node_of(*watcher) != to);
                let gone = node.watched.extract_if(.., |peer| node_of(*peer) == to);
                node.inbox.extend(gone.map(Told::Down));
            } else {
                node.inbox.push_back(Told::NodeUp(to));
            }
        }
    }

    /// The scope ends, and a new one begins.
    fn restart(&mut self, at: usize) {
        let scope = pid(at, self.number());
        let node = &mut self.nodes[at];
        let old = std::mem::replace(&mut node.scope, scope);
        node.peers = Peers::new(scope);
        (node.own, node.others) = (View::new(), View::new());
        (node.watched, node.inbox) = (Vec::new(), VecDeque::new());
        let watchers = std::mem::take(&mut node.watchers);
        for watcher in watchers {
            self.send(at, node_of(watcher), Parcel::Down(old, watcher));
        }
        for to in 0..self.nodes.len() {
            self.send(at, to, Parcel::ToName(Said::Discover(scope)));
        }
    }

    fn act(&mut self, at: usize, acts: Vec<Act<u8>>) {
        for act in acts {
            let node = &mut self.nodes[at];
            match act {
                Act::Say(to, said) => self.send(at, node_of(to), Parcel::To(to, said)),
                Act::Monitor(peer) => {
                    assert!(!node.watched.contains(&peer), "it is monitored twice");
                    let scope = node.scope;
                    if self.wires[&(at, node_of(peer))].is_some() {
                        node.watched.push(peer);
                        self.send(at, node_of(peer), Parcel::Monitor(peer, scope));
                    } else {
                        node.inbox.push_back(Told::Down(peer));
                    }
                }
                Act::Change(Changed { group, change: Change::Join, pids }) => {
                    add(&mut node.others, group, &pids);
                }
                Act::Change(Changed { group, change: Change::Leave, pids }) => {
                    remove(&mut node.others, group, &pids);
                }
            }
        }
    }

    fn join(&mut self, at: usize, dice: &mut Dice) {
        let group = dice.below(3) as u8;
        let pids: Vec<Pid> = (0..=dice.below(2)).map(|_| pid(at, dice.below(4) as u32)).collect();
        let node = &mut self.nodes[at];
        add(&mut node.own, group, &pids);
        let acts = node.peers.joined(&group, &pids);
        self.act(at, acts);
    }

    /// A process leaves a group, or ends.
    fn leave(&mut self, at: usize, dice: &mut Dice) {
        let node = &mut self.nodes[at];
        let all = node.own.iter().flat_map(|(group, pids)| pids.iter().map(|pid| (*group, *pid)));
        let all: Vec<(u8, Pid)> = all.collect();
        if all.is_empty() {
            return;
        }
        let (group, pid) = all[dice.below(all.len())];
        let mut places = vec![group];
        if dice.happens(50) {
            let its = all.iter().filter(|(_, other)| *other == pid);
            places = its.map(|(group, _)| *group).collect();
        }
        places.iter().for_each(|group| remove(&mut node.own, *group, &[pid]));
        let acts = node.peers.left(&[pid], &places);
        self.act(at, acts);
    }

    fn hear(&mut self, at: usize, said: Said<u8>) {
        let node = &mut self.nodes[at];
        let own = node.own.clone();
        let acts = node.peers.hear(said, || own.into_iter().collect());
        self.act(at, acts);
    }

    /// A node takes what is next, from its kernel or from another. Returns whether there was
    /// anything.
    ///
    /// What its kernel has told comes before what a later connection brings.
    fn step(&mut self, at: usize, dice: &mut Dice) -> bool {
        if let Some(told) = self.nodes[at].inbox.pop_front() {
            match told {
                Told::NodeUp(to) => {
                    let greeting = self.nodes[at].peers.greeting();
                    self.send(at, to, Parcel::ToName(greeting));
                }
                Told::Down(peer) => {
                    let acts = self.nodes[at].peers.lost(peer);
                    self.act(at, acts);
                }
            }
            return true;
        }
        let is_full =
            |wire: &Option<VecDeque<Parcel>>| wire.as_ref().is_some_and(|it| !it.is_empty());
        let full = self.wires.iter().filter(|((_, to), wire)| *to == at && is_full(wire));
        let full: Vec<usize> = full.map(|((from, _), _)| *from).collect();
        if full.is_empty() {
            return false;
        }
        let from = full[dice.below(full.len())];
        let wire = self.wires.get_mut(&(from, at)).unwrap().as_mut().unwrap();
        let scope = self.nodes[at].scope;
        match wire.pop_front().unwrap() {
            Parcel::ToName(said) => self.hear(at, said),
            Parcel::To(to, said) if to == scope => self.hear(at, said),
            Parcel::To(..) => {}
            Parcel::Monitor(peer, watcher) if peer == scope => {
                self.nodes[at].watchers.push(watcher);
            }
            Parcel::Monitor(peer, watcher) => self.send(at, from, Parcel::Down(peer, watcher)),
            Parcel::Down(peer, watcher) => {
                if watcher == scope {
                    self.nodes[at].watched.retain(|other| *other != peer);
                    let acts = self.nodes[at].peers.lost(peer);
                    self.act(at, acts);
                }
            }
        }
        true
    }

    fn settle(&mut self, dice: &mut Dice) {
        let count = self.nodes.len();
        // In any order, and then whatever that has left.
        (0..100).for_each(|_| _ = self.step(dice.below(count), dice));
        while (0..count).any(|at| self.step(at, dice)) {}
    }

    #[track_caller]
    fn assert_agreement(&self) {
        for (at, node) in self.nodes.iter().enumerate() {
            let mut expected = View::new();
            for (other, its) in self.nodes.iter().enumerate() {
                if other != at && self.wires[&(at, other)].is_some() {
                    its.own.iter().for_each(|(group, pids)| add(&mut expected, *group, pids));
                }
            }
            let mut seen = node.others.clone();
            for pids in expected.values_mut().chain(seen.values_mut()) {
                pids.sort_unstable();
            }
            assert_eq!(seen, expected, "as node {at} sees it");
        }
    }
}

#[test]
fn nodes_that_are_connected_agree_when_all_has_arrived() {
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let mut network = Network::new(2 + dice.below(3));
        let count = network.nodes.len();
        for _ in 0..4 {
            for _ in 0..dice.below(120) {
                let at = dice.below(count);
                match dice.below(20) {
                    0 => network.switch(at, (at + 1 + dice.below(count - 1)) % count),
                    1 => network.restart(at),
                    2..=4 => network.join(at, &mut dice),
                    5..=6 => network.leave(at, &mut dice),
                    _ => _ = network.step(at, &mut dice),
                }
            }
            network.settle(&mut dice);
            network.assert_agreement();
        }
    }
}
