//! The nodes that this program has heard of, and their incarnations.
//!
//! A node is a name. An incarnation is one life of it, from the start of a program with that name
//! to its end; the *creation*, a number that the node chooses anew each time, tells them apart. A
//! pid belongs to an incarnation, so a node that was restarted has other pids than before.
//!
//! Pids are plain numbers, so what they stand for is never forgotten: both tables only grow. They
//! are bounded, as other nodes decide what is in them; and what terms of other nodes enter leaves a
//! part to the nodes that the program names, or is connected with.
//!
//! This program has a place in the table, too: as long as it is no node that of the name that such
//! a program has, and then that of its own name, which others may have spoken of before.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use once_cell::sync::Lazy;
use parking_lot::RwLock;

use super::{Node, Pid};

/// How many bytes the names may take. Who looks at a cluster for a moment only has a new name each
/// time, so there are more than one cluster has nodes.
const ROOM: usize = 64 << 20;
/// What an entry takes beside the bytes of its name.
const ENTRY: usize = 64;
const MAX_INCARNATIONS: usize = 1 << Incarnation::BITS;

/// For whom there is to be an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// For what another node has sent: anything.
    Term,
    /// For the program, or for a connection.
    Program,
}

impl Asker {
    /// Returns how many bytes of the names are left to others.
    fn kept_room(self) -> usize {
        match self {
            Asker::Term => ROOM / 4,
            Asker::Program => 0,
        }
    }

    /// Returns how many incarnations are left to others.
    fn kept_incarnations(self) -> usize {
        match self {
            Asker::Term => MAX_INCARNATIONS / 4,
            Asker::Program => 0,
        }
    }
}

/// The longest name, in characters: that of an atom.
const MAX_NAME: usize = 255;

static NODES: Lazy<RwLock<Nodes>> = Lazy::new(RwLock::default);

/// The number of the node that this program is.
static LOCAL: AtomicU32 = AtomicU32::new(0);

/// One life of a node other than the one that this program is just having. An earlier life of this
/// node is one, too: nobody lives there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Incarnation(NonZeroU32);

impl Incarnation {
    /// Returns the incarnation of `node` that has this creation; `None` if there were too many.
    pub(crate) fn of(node: Node, creation: u32) -> Option<Incarnation> {
        Incarnation::find(node, creation, Asker::Term)
    }

    /// As [`of`](Self::of), for a connection with it: terms have left a part of the table to these.
    #[cfg(target_os = "linux")]
    pub(crate) fn connected(node: Node, creation: u32) -> Option<Incarnation> {
        Incarnation::find(node, creation, Asker::Program)
    }

    fn find(node: Node, creation: u32, asker: Asker) -> Option<Incarnation> {
        let known = NODES.read().incarnation(node, creation);
        known.or_else(|| NODES.write().add_incarnation(node, creation, asker))
    }

    /// How many bits its [index](Self::index) has at most.
    pub(crate) const BITS: u32 = 20;

    /// Returns it as a small number.
    #[cfg(target_os = "linux")]
    pub(crate) fn index(self) -> u32 {
        self.number() - 1
    }

    /// Returns the incarnation of this [index](Self::index).
    #[cfg(target_os = "linux")]
    pub(crate) fn of_index(index: u32) -> Option<Incarnation> {
        Incarnation::from_number(index + 1)
    }

    pub(super) fn from_number(number: u32) -> Option<Incarnation> {
        NonZeroU32::new(number).map(Incarnation)
    }

    /// Returns its number, which is not 0.
    pub(super) fn number(self) -> u32 {
        self.0.get()
    }

    pub(crate) fn node(self) -> Node {
        NODES.read().life(self).0
    }

    pub(crate) fn creation(self) -> u32 {
        NODES.read().life(self).1
    }
}

/// Returns the node that this program is.
pub(super) fn local() -> Node {
    Node(LOCAL.load(Ordering::Relaxed))
}

/// Returns the name of a node.
pub(super) fn name_of(node: Node) -> &'static str {
    NODES.read().names[node.0 as usize]
}

/// Returns the node with this name; `None` if it is not a name, or if there are too many.
pub(super) fn named(name: &str, asker: Asker) -> Option<Node> {
    let known = NODES.read().node(name);
    known.or_else(|| NODES.write().add_node(name, asker))
}

/// What other nodes know this one by, and how its processes are found by what others have of their
/// pids: by the id and the serial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alive {
    pub(crate) creation: u32,
    pub(crate) find: fn(u32, u32) -> Option<Pid>,
}

/// Returns the node with this name, if it is in the table.
#[cfg(target_os = "linux")]
pub(super) fn known(name: &str) -> Option<Node> {
    NODES.read().node(name)
}

/// Returns all nodes in the table.
#[cfg(target_os = "linux")]
pub(super) fn all() -> Vec<Node> {
    let count = NODES.read().names.len();
    (0..).map(Node).take(count).collect()
}

/// Makes this program the node of this name, or none.
#[cfg(target_os = "linux")]
pub(super) fn set_alive(alive: Option<(&str, Alive)>) {
    let mut nodes = NODES.write();
    // Without asking whether there is room: others cannot have it be named.
    let Node(number) = alive.map_or(Node::NAMELESS, |(name, _)| nodes.enter(name));
    LOCAL.store(number, Ordering::Relaxed);
    nodes.alive = alive.map(|(_, alive)| alive);
}

/// Returns what other nodes know this one by, if it is one.
pub(super) fn alive() -> Option<Alive> {
    NODES.read().alive
}

struct Nodes {
    /// `None` if this program is no node.
    alive: Option<Alive>,
    /// By the number of the node. They are never freed.
    names: Vec<&'static str>,
    nodes: HashMap<&'static str, Node>,
    /// How many bytes further names may take.
    room: usize,
    /// By the number of the incarnation, less one.
    lives: Vec<(Node, u32)>,
    incarnations: HashMap<(Node, u32), Incarnation>,
}

impl Default for Nodes {
    fn default() -> Nodes {
        Nodes {
            alive: None,
            names: vec![Node::NO_NAME],
            nodes: HashMap::from([(Node::NO_NAME, Node::NAMELESS)]),
            room: ROOM,
            lives: Vec::new(),
            incarnations: HashMap::new(),
        }
    }
}

impl Nodes {
    fn node(&self, name: &str) -> Option<Node> {
        self.nodes.get(name).copied()
    }

    fn add_node(&mut self, name: &str, asker: Asker) -> Option<Node> {
        if let Some(known) = self.node(name) {
            return Some(known); // Another thread has been faster.
        }
        let room = self.room.checked_sub(name.len() + ENTRY)?;
        if room < asker.kept_room() || !is_name(name) {
            return None;
        }
        self.room = room;
        Some(self.enter(name))
    }

    fn enter(&mut self, name: &str) -> Node {
        if let Some(known) = self.node(name) {
            return known;
        }
        let node = Node(u32::try_from(self.names.len()).expect("there is not room for so many"));
        let name = Box::leak(Box::from(name));
        self.names.push(name);
        self.nodes.insert(name, node);
        node
    }

    fn incarnation(&self, node: Node, creation: u32) -> Option<Incarnation> {
        self.incarnations.get(&(node, creation)).copied()
    }

    fn add_incarnation(&mut self, node: Node, creation: u32, asker: Asker) -> Option<Incarnation> {
        if let Some(known) = self.incarnation(node, creation) {
            return Some(known);
        }
        if self.lives.len() + asker.kept_incarnations() >= MAX_INCARNATIONS {
            return None;
        }
        self.lives.push((node, creation));
        let incarnation = Incarnation::from_number(u32::try_from(self.lives.len()).ok()?)?;
        self.incarnations.insert((node, creation), incarnation);
        Some(incarnation)
    }

    fn life(&self, incarnation: Incarnation) -> (Node, u32) {
        self.lives[incarnation.number() as usize - 1]
    }
}

/// Whether it is the name of a node, as it is known to others: `name@host`.
fn is_name(name: &str) -> bool {
    let is_whole = |(name, host): (&str, &str)| !name.is_empty() && !host.is_empty();
    name.split_once('@').is_some_and(is_whole) && name.chars().count() <= MAX_NAME
}

#[cfg(test)]
mod tests {
    use super::super::Pid;
    use super::*;

    #[test]
    fn a_node_is_its_name() {
        let mut nodes = Nodes::default();
        let first = nodes.add_node("a@here", Asker::Term).unwrap();
        assert_ne!(nodes.add_node("b@here", Asker::Term), Some(first));
        assert_eq!(nodes.add_node("a@here", Asker::Program), Some(first));
        assert_eq!(nodes.node("a@here"), Some(first));
        assert_eq!(nodes.node("c@here"), None);
    }

    #[test]
    fn a_program_that_is_no_node_has_a_name_that_says_so() {
        assert_eq!(Nodes::default().add_node(Node::NO_NAME, Asker::Term), Some(Node::local()));
        assert_eq!(Node::local().name(), Node::NO_NAME);
    }

    #[test]
    fn names_have_two_parts_and_no_more_characters_than_an_atom() {
        let mut nodes = Nodes::default();
        let longest = format!("{}@a", "ü".repeat(253));
        assert!(nodes.add_node(&longest, Asker::Term).is_some());
        for name in ["", "a", "@", "a@", "@a", &format!("{longest}a")] {
            assert_eq!(nodes.add_node(name, Asker::Program), None, "{name}");
        }
    }

    #[test]
    fn there_are_no_more_nodes_than_there_is_room_for() {
        let each = ENTRY + "a00@here".len();
        let mut nodes = Nodes { room: Asker::Term.kept_room() + 10 * each, ..Nodes::default() };
        let name = |n: u64| format!("a{n:02}@here");
        let added = (0..).map_while(|n| nodes.add_node(&name(n), Asker::Term)).count();
        assert_eq!(added, 10);
        assert!(nodes.add_node(&name(0), Asker::Term).is_some());

        assert!(nodes.add_node(&name(10), Asker::Program).is_some());
        assert_eq!(nodes.add_node(&name(11), Asker::Term), None);
        nodes.room = 5 * each;
        let added = (20..).map_while(|n| nodes.add_node(&name(n), Asker::Program)).count();
        assert_eq!(added, 5);
        nodes.enter("me@here");
    }

    #[test]
    fn there_are_no_more_incarnations_than_there_is_room_for() {
        let mut nodes = Nodes::default();
        let node = nodes.add_node("a@here", Asker::Term).unwrap();
        let mut add =
            |from, asker| (from..).map_while(|n| nodes.add_incarnation(node, n, asker)).count();
        let kept = Asker::Term.kept_incarnations();
        assert_ne!(kept, 0);
        assert_eq!(add(0, Asker::Term), MAX_INCARNATIONS - kept);
        assert_eq!(add(u32::MAX / 2, Asker::Program), kept);
        assert!(nodes.add_incarnation(node, 0, Asker::Term).is_some());
        assert_eq!(nodes.add_incarnation(node, u32::MAX, Asker::Program), None);
    }

    #[test]
    fn pids_of_a_node_that_was_restarted_are_of_one_node_and_are_not_equal() {
        let node = Node::named("nodes::tests@restarted");
        let [old, new] = [1, 2].map(|creation| Incarnation::of(node, creation).unwrap());
        let [before, after] = [old, new].map(|incarnation| Pid::remote(incarnation, 7, 0));
        assert_ne!(before, after);
        assert_eq!((before.node(), after.node()), (node, node));
        assert_eq!((old.node(), old.creation(), new.creation()), (node, 1, 2));
        assert_eq!(Incarnation::of(node, 1), Some(old));
    }

    #[test]
    fn every_field_of_a_foreign_pid_may_be_as_large_as_it_is_wide() {
        let node = Node::named("nodes::tests@large");
        let incarnation = Incarnation::of(node, u32::MAX).unwrap();
        let pid = Pid::remote(incarnation, u32::MAX, u32::MAX);
        assert_eq!((pid.index(), pid.serial()), (u32::MAX, u32::MAX));
        assert_eq!(pid.incarnation(), Some(incarnation));
        assert!(pid.to_string().ends_with(".4294967295.4294967295>"), "{pid}");
        assert_ne!(pid, Pid::remote(incarnation, u32::MAX, 0));
    }

    #[test]
    fn a_pid_of_another_node_is_none_of_this_one() {
        let incarnation = Incarnation::of(Node::named("nodes::tests@other"), 1).unwrap();
        let (here, there) =
            (Pid::local(3, std::num::NonZeroU64::MIN), Pid::remote(incarnation, 3, 0));
        assert_ne!(here, there);
        assert!(here < there);
        assert!(!here.is_remote() && there.is_remote());
        assert_eq!(here.node(), Node::local());
    }
}
