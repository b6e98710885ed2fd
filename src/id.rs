//! Identifiers: opaque, `Copy`, never reused while the program runs.

#[cfg(feature = "dist")]
mod nodes;

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
#[cfg(feature = "dist")]
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "dist")]
use nodes::Asker;
#[cfg(feature = "dist")]
pub(crate) use nodes::{Alive, Incarnation};

/// Identifies a process for as long as the program runs; never reused.
///
/// A `Pid` is a plain number: holding one keeps nothing alive, and sending to the pid of a process
/// that has exited is not an error. It prints as in Erlang, `<node.index.generation>`; the node is
/// 0 for processes of this program. Of a process of another node the last two numbers are those
/// that it prints there; the first is this program's, and differs if that node was restarted.
///
/// OTP: [Processes](https://www.erlang.org/doc/system/ref_man_processes.html).
///
/// ```
/// use procession::process;
///
/// let pid = process::spawn(|| {})?;
/// assert_ne!(pid, process::self_pid());
/// assert!(pid.to_string().starts_with("<0."));
/// # Ok::<(), process::SpawnError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid {
    /// 0, or the number of the [`Incarnation`] of another node that it lives on.
    node: u32,
    /// The slot of the process table that the process lives in; on another node, its id there.
    index: u32,
    /// The number of processes that the slot has held, including this one; on another node, its
    /// serial there and one.
    generation: NonZeroU64,
}

impl Pid {
    pub(crate) fn local(index: u32, generation: NonZeroU64) -> Pid {
        Pid { node: 0, index, generation }
    }

    /// Returns the node that the process lives on.
    ///
    /// OTP: [`erlang:node/1`](https://www.erlang.org/doc/apps/erts/erlang.html#node/1).
    pub fn node(self) -> Node {
        #[cfg(feature = "dist")]
        if let Some(incarnation) = self.incarnation() {
            return incarnation.node();
        }
        Node::local()
    }

    /// Returns whether the process is one of another node.
    #[inline(always)]
    pub(crate) fn is_remote(self) -> bool {
        cfg!(feature = "dist") && self.node != 0
    }

    pub(crate) fn index(self) -> u32 {
        self.index
    }

    pub(crate) fn generation(self) -> NonZeroU64 {
        self.generation
    }
}

#[cfg(feature = "dist")]
impl Pid {
    pub(crate) fn remote(incarnation: Incarnation, id: u32, serial: u32) -> Pid {
        let generation = NonZeroU64::MIN.saturating_add(serial.into());
        Pid { node: incarnation.number(), index: id, generation }
    }

    /// Returns the incarnation that the process lives on; `None` for one of this node.
    pub(crate) fn incarnation(self) -> Option<Incarnation> {
        Incarnation::from_number(self.node)
    }

    /// Returns its id, its serial and the creation of its node, as all nodes know it.
    pub(crate) fn numbers(self) -> [u32; 3] {
        let creation = match self.incarnation() {
            Some(incarnation) => incarnation.creation(),
            None => nodes::alive().map_or(0, |alive| alive.creation),
        };
        [self.index, self.serial(), creation]
    }

    /// Returns the pid that has these [numbers](Self::numbers) on that node. `None` if there cannot
    /// be such a node, or if there have been too many. One of this node, but of an earlier life of
    /// it, or of which nobody has ever heard, is that of a process which nobody reaches.
    pub(crate) fn of_numbers(node: &str, [id, serial, creation]: [u32; 3]) -> Option<Pid> {
        let node = nodes::named(node, Asker::Term)?;
        let found = match nodes::alive() {
            Some(alive) if node == Node::local() && alive.creation == creation => {
                (alive.find)(id, serial)
            }
            Some(_) | None => None,
        };
        found.or_else(|| Some(Pid::remote(Incarnation::of(node, creation)?, id, serial)))
    }

    /// Returns its serial, if it is one of another node; else the low half of its generation.
    pub(crate) fn serial(self) -> u32 {
        let low = self.generation.get() - u64::from(self.is_remote());
        low as u32 // What is cut off is what the low half leaves out.
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A serial is one less than the generation.
        let generation = self.generation.get() - u64::from(self.is_remote());
        write!(f, "<{}.{}.{generation}>", self.node, self.index)
    }
}

/// A pid as it is shown where nobody may know which node its first number stands for: with the name
/// of the node, if that is another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whereabouts(pub(crate) Pid);

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Whereabouts(pid) = self;
        fmt::Display::fmt(pid, f)?;
        if pid.is_remote() { write!(f, " on {}", pid.node()) } else { Ok(()) }
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A program that processes live in. There is only this one, but for the feature `dist`.
///
/// A node is its name: if it is restarted, it is the same node, though its processes are others. A
/// program that is given a name becomes the node that everybody has meant by that name before.
/// Nodes are ordered, but not by their names.
///
/// OTP: [Nodes](https://www.erlang.org/doc/system/distributed.html#nodes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(u32);

impl Node {
    /// Returns the node of this program.
    ///
    /// OTP: [`erlang:node/0`](https://www.erlang.org/doc/apps/erts/erlang.html#node/0).
    pub fn local() -> Node {
        #[cfg(feature = "dist")]
        return nodes::local();
        #[cfg(not(feature = "dist"))]
        Node::NAMELESS
    }

    /// A program that has not been given a name.
    const NAMELESS: Node = Node(0);
    /// The name of one.
    const NO_NAME: &str = "nonode@nohost";

    /// Returns whether this program has a name, as it is part of a cluster.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn is_alive() -> bool {
        Node::local() != Node::NAMELESS
    }

    /// Returns whether it is this program: as it is now, or as it was before it had a name.
    pub(crate) fn is_here(self) -> bool {
        self == Node::NAMELESS || self == Node::local()
    }

    /// Returns its name; `"nonode@nohost"` for a program that is not part of a cluster.
    ///
    /// ```
    /// use procession::Node;
    ///
    /// assert_eq!(Node::local().name(), "nonode@nohost");
    /// ```
    pub fn name(self) -> &'static str {
        #[cfg(feature = "dist")]
        return nodes::name_of(self);
        #[cfg(not(feature = "dist"))]
        Node::NO_NAME
    }

    /// Returns the node with this name; `None` if it is none, or if there are too many.
    #[cfg(feature = "dist")]
    pub(crate) fn find(name: &str) -> Option<Node> {
        nodes::named(name, Asker::Term)
    }

    /// As [`find`](Self::find), for a connection with it: what terms of other nodes enter leaves a
    /// part of the table to these.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn connected(name: &str) -> Option<Node> {
        nodes::named(name, Asker::Program)
    }

    /// Returns all nodes that this program has heard of, itself included.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn all() -> Vec<Node> {
        nodes::all()
    }

    /// Returns the node with this name, if anybody has spoken of it before.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn known(name: &str) -> Option<Node> {
        nodes::known(name)
    }

    /// Makes this program the node of this name, or none.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn set_alive(alive: Option<(&str, Alive)>) {
        nodes::set_alive(alive);
    }

    /// Returns the node with this name, `name@host`, whether it exists or not.
    ///
    /// Names are kept for as long as the program runs.
    ///
    /// ```
    /// use procession::Node;
    ///
    /// let there = Node::named("beam@127.0.0.1");
    /// assert_eq!(there.name(), "beam@127.0.0.1");
    /// assert_eq!(there, Node::named("beam@127.0.0.1"));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no such name, or has more than 255 characters; or if the names that the program has
    /// used, or has got from other nodes, take 64 MiB. What is in messages of other nodes takes at
    /// most 48 MiB of that. A name that comes from elsewhere is [parsed](#impl-FromStr-for-Node).
    #[cfg(feature = "dist")]
    #[track_caller]
    pub fn named(name: &str) -> Node {
        name.parse().unwrap_or_else(|error: InvalidNodeName| panic!("{error}"))
    }
}

/// As [`Node::named`], for a name that somebody else has chosen.
///
/// ```
/// use procession::Node;
///
/// let there: Node = "beam@127.0.0.1".parse()?;
/// assert_eq!(there, Node::named("beam@127.0.0.1"));
/// let error = "beam".parse::<Node>().unwrap_err();
/// assert_eq!(error.to_string(), "\"beam\" cannot be the name of a node");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "dist")]
impl FromStr for Node {
    type Err = InvalidNodeName;

    fn from_str(name: &str) -> Result<Node, InvalidNodeName> {
        nodes::named(name, Asker::Program).ok_or_else(|| InvalidNodeName(name.to_owned()))
    }
}

/// No node can have this name, for the reasons that [`Node::named`] panics for.
#[cfg(feature = "dist")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidNodeName(String);

#[cfg(feature = "dist")]
impl fmt::Display for InvalidNodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidNodeName(name) = self;
        write!(f, "{name:?} cannot be the name of a node")
    }
}

#[cfg(feature = "dist")]
impl std::error::Error for InvalidNodeName {}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Identifies one monitor, as returned by [`monitor`](crate::process::monitor).
///
/// If the monitor was made [with an alias](crate::process::MonitorOptions::alias), the reference is
/// that alias too: see [`Alias::from`](Alias#impl-From<MonitorRef>-for-Alias).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorRef {
    pub(crate) id: NonZeroU64,
    pub(crate) owner: Pid,
}

impl MonitorRef {
    pub(crate) fn new(owner: Pid) -> MonitorRef {
        MonitorRef { id: unique(), owner }
    }
}

impl fmt::Debug for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<{}>", self.id)
    }
}

/// An address of a process that can be revoked, made by [`alias`](crate::process::alias).
///
/// Messages sent to an alias arrive in its maker's mailbox while the alias is active and are
/// dropped afterwards. So it is the address to give to a process whose answer may come too late to
/// be of use.
///
/// A server can be called, sent requests and stopped [at](crate::gen_server::ServerRef::at) its
/// alias as long as that is active; afterwards there is no such process. These requests are
/// messages to the process itself, as the caller waits for the process: they do not use up an alias
/// that ends with the [first message](crate::process::AliasMode::Reply), and a request that is
/// under way when the alias ends still arrives. OTP has no calls to aliases, as they cannot be
/// monitored.
///
/// OTP: [Process aliases](https://www.erlang.org/doc/system/ref_man_processes.html#process-aliases).
///
/// ```
/// use procession::prelude::*;
///
/// let alias = process::alias();
/// process::send(alias, "in time");
/// assert!(process::receive().is::<&str>());
///
/// assert!(process::unalias(alias));
/// process::send(alias, "too late");
/// assert!(process::receive_timeout(std::time::Duration::ZERO).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    pub(crate) id: NonZeroU64,
    pub(crate) owner: Pid,
}

impl Alias {
    pub(crate) fn new(owner: Pid) -> Alias {
        Alias { id: unique(), owner }
    }
}

#[cfg(feature = "dist")]
impl Alias {
    /// Returns the words of the reference that it is to all nodes. Its owner is among them, so that
    /// it is found without a table.
    pub(crate) fn words(self) -> [u32; 5] {
        let id = self.id.get();
        [id as u32, (id >> 32) as u32, self.owner.index(), self.owner.serial(), 0]
    }

    /// Returns the alias, or monitor, that has these [words](Self::words), if one of this node can.
    pub(crate) fn of_words(node: &str, creation: u32, words: &[u32]) -> Option<Alias> {
        let &[low, high, index, serial, 0] = words else { return None };
        let id = NonZeroU64::new(u64::from(high) << 32 | u64::from(low))?;
        // Whoever has made larger ones up may not have them taken for what is marked by these bits.
        let id = (id.get() < UNIQUE_END).then_some(id)?;
        let alive = nodes::alive().filter(|alive| alive.creation == creation)?;
        let owner =
            (node == Node::local().name()).then(|| (alive.find)(index, serial)).flatten()?;
        Some(Alias { id, owner })
    }
}

/// Returns the alias of a monitor that was made with one.
///
/// For a monitor that was made without one the alias was never active, and messages to it are
/// dropped.
impl From<MonitorRef> for Alias {
    fn from(monitor: MonitorRef) -> Alias {
        Alias { id: monitor.id, owner: monitor.owner }
    }
}

impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Alias<{}>", self.id)
    }
}

/// Identifies one timer, as returned by the functions of [`timer`](crate::timer).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerRef {
    pub(crate) serial: NonZeroU64,
    /// The place where the timer is kept; the serial tells whether it is still the same timer.
    pub(crate) index: u32,
}

impl fmt::Debug for TimerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Timer<{}>", self.serial)
    }
}

/// Identifies one link, as there may be earlier and later ones between the same two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(NonZeroU64);

impl LinkId {
    pub(crate) fn new() -> LinkId {
        LinkId(unique())
    }
}

/// The number of numbers that a thread takes from the common counter at once.
const BLOCK: u64 = 1024;

/// No number is this large, as nothing can be counted that far. So the bits from here on are free
/// for other purposes.
pub(crate) const UNIQUE_END: u64 = 1 << 62;

/// Returns a number that no other call returns, on any thread.
///
/// Threads take numbers in blocks, so that they do not contend for one cache line.
pub(crate) fn unique() -> NonZeroU64 {
    static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static BLOCK_LEFT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }

    BLOCK_LEFT.with(|left| {
        let (mut next, mut end) = left.get();
        if next == end {
            next = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
            end = next + BLOCK;
        }
        left.set((next + 1, end));
        NonZeroU64::new(next).expect("the counter starts at one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_two_words() {
        assert_eq!(size_of::<Pid>(), 16);
        assert_eq!(size_of::<Option<Pid>>(), 16);
    }
}
