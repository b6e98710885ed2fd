//! Values that only their node can use: pids, references, ports and funs.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::atom::Atom;

/// The pid of a process on a node, as it is on the wire.
///
/// Its numbers mean something to that node only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ExternalPid {
    /// The name of the node.
    pub node: Atom,
    /// Which process it is, with the serial.
    pub id: u32,
    /// Which process it is, with the id.
    pub serial: u32,
    /// Tells the node from earlier ones of the same name.
    pub creation: u32,
}

/// A reference that was made on a node, as it is on the wire: that of a monitor, an alias, a timer
/// or a call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ExternalRef {
    /// The name of the node.
    pub node: Atom,
    /// Tells the node from earlier ones of the same name.
    pub creation: u32,
    words: Words,
}

/// The words of a reference: one to five. Zeros at the end make no difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    count: usize,
    words: [u32; ExternalRef::MAX_WORDS],
}

impl Words {
    /// Returns these words, if they are those of a reference.
    pub(super) fn new(words: &[u32]) -> Option<Words> {
        let count = words.len();
        let mut all = [0; ExternalRef::MAX_WORDS];
        all.get_mut(..count).filter(|_| count > 0)?.copy_from_slice(words);
        Some(Words { count, words: all })
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        &self.words[..self.count]
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Words) -> bool {
        self.words == other.words
    }
}

impl Eq for Words {}

impl Hash for Words {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.words.hash(state);
    }
}

impl PartialOrd for Words {
    fn partial_cmp(&self, other: &Words) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The last word counts most.
impl Ord for Words {
    fn cmp(&self, other: &Words) -> Ordering {
        self.words.iter().rev().cmp(other.words.iter().rev())
    }
}

impl ExternalRef {
    /// The most words that a reference can have.
    pub const MAX_WORDS: usize = 5;

    /// Returns a reference of these words, the least significant one first.
    ///
    /// # Panics
    ///
    /// If there is no word, or if there are more than five.
    pub fn new(node: Atom, creation: u32, words: &[u32]) -> ExternalRef {
        let count = words.len();
        let words = Words::new(words).unwrap_or_else(|| panic!("a reference of {count} words"));
        ExternalRef { node, creation, words }
    }

    /// Returns its words, the least significant one first. Zeros at the end make no difference to
    /// which reference it is.
    pub fn words(&self) -> &[u32] {
        self.words.as_slice()
    }
}

/// A port of a node, as it is on the wire.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ExternalPort {
    /// The name of the node.
    pub node: Atom,
    /// Which port it is.
    pub id: u64,
    /// Tells the node from earlier ones of the same name.
    pub creation: u32,
}

/// A fun that is named by its module, its name and its arity: `fun M:F/A`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalFun {
    /// The module.
    pub module: Atom,
    /// The name of the function.
    pub function: Atom,
    /// How many arguments it takes.
    pub arity: u8,
}

/// A fun of a node's own, which can only be handed on: it is kept as the bytes that it came in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fun {
    /// What follows the size.
    bytes: Box<[u8]>,
}

impl Fun {
    pub(super) fn new(bytes: &[u8]) -> Fun {
        Fun { bytes: bytes.into() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The order that Erlang has: by the serial, the id, the node, and its creation.
impl Ord for ExternalPid {
    fn cmp(&self, other: &ExternalPid) -> Ordering {
        let numbers = |it: &ExternalPid| (it.serial, it.id);
        let by_node = || (&self.node, self.creation).cmp(&(&other.node, other.creation));
        numbers(self).cmp(&numbers(other)).then_with(by_node)
    }
}

/// The order that Erlang has: by the node, its creation, and the words from the last one on.
impl Ord for ExternalRef {
    fn cmp(&self, other: &ExternalRef) -> Ordering {
        let by_words = || self.words.cmp(&other.words);
        (&self.node, self.creation).cmp(&(&other.node, other.creation)).then_with(by_words)
    }
}

/// The order that Erlang has: by the node, its creation, and the id.
impl Ord for ExternalPort {
    fn cmp(&self, other: &ExternalPort) -> Ordering {
        let by_id = || self.id.cmp(&other.id);
        (&self.node, self.creation).cmp(&(&other.node, other.creation)).then_with(by_id)
    }
}

macro_rules! ordered {
    ($($type:ident),+) => {
        $(
            impl PartialOrd for $type {
                fn partial_cmp(&self, other: &$type) -> Option<Ordering> {
                    Some(self.cmp(other))
                }
            }
        )+
    };
}

ordered!(ExternalPid, ExternalRef, ExternalPort);
