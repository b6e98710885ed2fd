//! Connections within this program, for tests.
//!
//! A frame is the number of what leaves, which is kept here until the frame is read. So what comes
//! out at the other end are the kernel's own values.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::sync::{Parker, Unparker};
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::id::{Alias, Incarnation, MonitorRef, Node, Pid};
use crate::message::{Destination, NodeType};

use super::caller::caller;
use super::dist_entry::{
    Carrier, Controller, Dial, DistEntry, Frame, Outgoing, Target, Unsent, carrier, set_carrier,
};
use super::incoming::{Connection, Frames};
use super::remote_ties::RemoteRef;
use super::table::{Process, known_as};

/// The program has one carrier for all tests, but for one that has none.
static HAS_CARRIER: RwLock<()> = RwLock::new(());

static KEPT: Mutex<BTreeMap<u64, Outgoing>> = Mutex::new(BTreeMap::new());
/// The nodes whose locks are held by tests.
static LOCKED: Mutex<BTreeSet<Node>> = Mutex::new(BTreeSet::new());

static DIALS: Mutex<Dials> = Mutex::new(Dials { held: BTreeSet::new(), made: Vec::new() });

struct Dials {
    /// The nodes whose dials neither fail nor succeed by themselves.
    held: BTreeSet<Node>,
    made: Vec<Dial>,
}

struct Loopback;

/// A message that does not travel.
#[derive(Debug)]
pub(crate) struct Stays;

/// A message whose frame is as long as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Large(pub(crate) usize);

impl Carrier for Loopback {
    fn frame(&self, outgoing: Outgoing) -> Result<Frame, Unsent> {
        let (from, node) = ends(&outgoing);
        assert_unlocked(from, node);
        if let Outgoing::Send { message, .. } = &outgoing
            && message.is::<Stays>()
        {
            return Err(Unsent::new("it stays"));
        }
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut frame = Vec::from(key.to_le_bytes());
        if let Outgoing::Send { message, .. } = &outgoing
            && let Some(Large(length)) = message.downcast_ref()
        {
            frame.resize(*length, 0);
        }
        KEPT.lock().insert(key, outgoing);
        Ok(frame.into())
    }

    fn dial(&self, dial: Dial) {
        assert_unlocked(caller().map(|process| process.pid), dial.node());
        let is_held = {
            let mut dials = DIALS.lock();
            dials.made.push(dial);
            dials.held.contains(&dial.node())
        };
        if !is_held {
            dial.failed();
        }
    }
}

/// The process of this node that something is about, if it says so, and the other node.
fn ends(outgoing: &Outgoing) -> (Option<Pid>, Node) {
    match outgoing {
        Outgoing::Send { from, to, .. } => (*from, node_of(to)),
        Outgoing::Answer { to, .. } | Outgoing::Down { to, .. } => (None, to.node()),
        Outgoing::ExitRequest { from, to, .. }
        | Outgoing::Link { from, to }
        | Outgoing::Unlink { from, to, .. }
        | Outgoing::UnlinkAck { from, to, .. }
        | Outgoing::Exit { from, to, .. } => (Some(*from), to.node()),
        Outgoing::Monitor { monitor, to } | Outgoing::Demonitor { monitor, to } => {
            (Some(monitor.owner), node_of(to))
        }
    }
}

fn node_of(target: &Target) -> Node {
    match target {
        Target::Pid(pid) => pid.node(),
        Target::Name(_, node) => *node,
        Target::Alias(incarnation, _) => incarnation.node(),
    }
}

/// Asserts that the caller has no lock, as the program's code may run, or another thread be woken.
fn assert_unlocked(process: Option<Pid>, node: Node) {
    let is_locked = LOCKED.lock().contains(&node);
    assert!(is_locked || DistEntry::of(node).is_unlocked(), "the lock of {node} is held");
    if let Some(pid) = process {
        let links = &Process::of(pid).slot.links;
        assert!(links.try_lock_for(LOCK_TIME).is_some(), "the lock of {pid} is held");
    }
}

/// Only a thread that has the lock itself waits so long for it.
const LOCK_TIME: Duration = Duration::from_secs(20);

/// Reads frames.
pub(crate) fn read(frames: Vec<Vec<u8>>) -> Vec<Outgoing> {
    let key = |frame: Vec<u8>| u64::from_le_bytes(frame[..8].try_into().unwrap());
    frames.into_iter().map(|frame| KEPT.lock().remove(&key(frame)).unwrap()).collect()
}

/// A program that speaks with no other nodes, as long as this is kept.
pub(crate) struct Alone(#[expect(dead_code, reason = "it is held")] RwLockWriteGuard<'static, ()>);

pub(crate) fn alone() -> Alone {
    let guard = HAS_CARRIER.write();
    set_carrier(None);
    Alone(guard)
}

/// A function is called when there are frames to be taken. The node is hidden, so that what other
/// tests start, as scopes of process groups, says nothing to it.
impl<F: Fn() + Send + Sync> Controller for F {
    fn node_type(&self) -> NodeType {
        NodeType::Hidden
    }

    fn wake(&self) {
        self();
    }

    fn give_up(&self) {
        unreachable!("no more waits than is kept");
    }
}

/// Another node, as a script plays it.
pub(crate) struct Peer {
    pub(crate) node: Node,
    _has_carrier: RwLockReadGuard<'static, ()>,
}

impl Peer {
    /// Returns a peer of a name that no other test uses.
    pub(crate) fn new(name: &str) -> Peer {
        let _has_carrier = HAS_CARRIER.read_recursive(); // Not behind a writer that waits.
        if carrier().is_none() {
            set_carrier(Some(Arc::new(Loopback)));
        }
        Peer { node: Node::named(&format!("{name}@loopback")), _has_carrier }
    }

    /// Holds dials of it, which would fail otherwise.
    pub(crate) fn hold_dials(&self) {
        DIALS.lock().held.insert(self.node);
    }

    /// Returns the dials of it that were made since this was last asked.
    pub(crate) fn dials(&self) -> Vec<Dial> {
        let mut dials = DIALS.lock();
        let (own, others) =
            mem::take(&mut dials.made).into_iter().partition(|dial| dial.node() == self.node);
        dials.made = others;
        own
    }

    /// Returns the last dial of it that was made since this was last asked.
    #[track_caller]
    pub(crate) fn last_dial(&self) -> Dial {
        self.dials().pop().expect("it was not dialled")
    }

    pub(crate) fn incarnation(&self, creation: u32) -> Incarnation {
        Incarnation::of(self.node, creation).unwrap()
    }

    /// Returns a process of it, of the first incarnation.
    pub(crate) fn process(&self, id: u32) -> Pid {
        Pid::remote(self.incarnation(1), id, 0)
    }

    /// Connects with its first incarnation.
    pub(crate) fn connect(&self) -> Connection {
        let node = self.node;
        let wake = move || assert_unlocked(caller().map(|process| process.pid), node);
        Connection::up(self.incarnation(1), Arc::new(wake)).unwrap()
    }
}

/// Returns what has left by a connection since this was last asked.
pub(crate) fn left(connection: &Connection) -> Vec<Outgoing> {
    read(connection.frames().all().unwrap())
}

/// This program as two nodes which are connected: its processes have a pid on each of them.
pub(crate) struct Twins {
    nodes: [Peer; 2],
    directions: [Direction; 2],
    is_cut: AtomicBool,
}

/// One direction of the connection: what leaves for one node, and comes to the other.
struct Direction {
    frames: Frames,
    /// Where it comes to, until it is lost.
    to: Mutex<Option<Connection>>,
    parker: Mutex<Parker>,
    unparker: Unparker,
}

impl Twins {
    pub(crate) fn connect(name: &str) -> Twins {
        let nodes = ["a", "b"].map(|side| Peer::new(&format!("{name}_{side}")));
        let parkers = [Parker::new(), Parker::new()];
        let ends = [0, 1].map(|side| {
            let unparker: Unparker = parkers[side].unparker().clone();
            let wake = Arc::new(move || unparker.unpark());
            Connection::up(nodes[side].incarnation(1), wake).unwrap()
        });
        let frames = [ends[0].frames(), ends[1].frames()];
        let [a, b] = ends;
        let [parker_a, parker_b] = parkers;
        let direction = |frames, to, parker: Parker| Direction {
            frames,
            to: Mutex::new(Some(to)),
            unparker: parker.unparker().clone(),
            parker: Mutex::new(parker),
        };
        // What leaves for `a` comes from `b`.
        let directions = [direction(frames[0], b, parker_a), direction(frames[1], a, parker_b)];
        Twins { nodes, directions, is_cut: AtomicBool::new(false) }
    }

    /// Returns the pid by which a process of this program is known as one of a side.
    pub(crate) fn on(&self, side: usize, pid: Pid) -> Pid {
        Pid::remote(self.nodes[side].incarnation(1), pid.index(), pid.serial())
    }

    /// Cuts the connection.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.directions.iter().for_each(|direction| direction.unparker.unpark());
    }

    /// Carries what leaves for a side to the other, until the connection is cut.
    pub(crate) fn carry(&self, side: usize) {
        let Direction { frames, to, parker, .. } = &self.directions[side];
        let parker = parker.lock();
        let mut connection = to.lock().take().unwrap();
        while !self.is_cut.load(Ordering::SeqCst) {
            let Some(frames) = frames.all() else { break };
            if frames.is_empty() {
                parker.park();
            }
            read(frames).into_iter().for_each(|it| self.pass(1 - side, &mut connection, it));
        }
    }

    /// Passes on what comes from a side.
    fn pass(&self, side: usize, connection: &mut Connection, outgoing: Outgoing) {
        let sender = |pid: Pid| self.on(side, pid);
        match outgoing {
            Outgoing::Send { to, message, .. } => connection.message(&at(to), message),
            Outgoing::Answer { .. } => unreachable!("nobody makes a call here"),
            Outgoing::ExitRequest { from, to, reason } => {
                connection.exit_request(sender(from), here(to), reason).unwrap();
            }
            Outgoing::Link { from, to } => connection.link(sender(from), here(to)).unwrap(),
            Outgoing::Unlink { from, to, number } => {
                connection.unlink(sender(from), here(to), number).unwrap();
            }
            Outgoing::UnlinkAck { from, to, number } => {
                connection.unlink_ack(sender(from), here(to), number).unwrap();
            }
            Outgoing::Exit { from, to, reason } => {
                connection.exit(sender(from), here(to), reason).unwrap()
            }
            Outgoing::Monitor { monitor, to } => {
                connection.monitor(sender(monitor.owner), at(to), reference_of(monitor)).unwrap();
            }
            Outgoing::Demonitor { monitor, .. } => connection.demonitor(reference_of(monitor)),
            Outgoing::Down { reference, reason, .. } => {
                connection.down(monitor_of(reference), reason);
            }
        }
    }
}

/// The process of this program that is known by this pid.
fn here(pid: Pid) -> Pid {
    known_as(pid.index(), pid.serial()).unwrap()
}

fn at(target: Target) -> Destination {
    match target {
        Target::Pid(pid) => here(pid).into(),
        Target::Name(name, _) => name.into(),
        Target::Alias(_, reference) => Alias::from(monitor_of(reference)).into(),
    }
}

fn reference_of(monitor: MonitorRef) -> RemoteRef {
    let (id, owner) = (monitor.id.get(), monitor.owner);
    RemoteRef::new(&[id as u32, (id >> 32) as u32, owner.index(), owner.serial(), 0]).unwrap()
}

fn monitor_of(reference: RemoteRef) -> MonitorRef {
    let [low, high, index, serial, _] = reference.words().try_into().unwrap();
    let id = u64::from(high) << 32 | u64::from(low);
    MonitorRef { id: id.try_into().unwrap(), owner: known_as(index, serial).unwrap() }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::hint;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    use crate::exit::ExitReason;
    use crate::message::{Down, Exit, NodeDown};
    use crate::node;
    use crate::process;

    use super::super::links::Links;
    use super::*;

    const ROUNDS: u32 = 10_000;

    /// Only a failing test waits so long.
    const LONG: Duration = Duration::from_secs(20);

    /// Numbers that look random.
    struct Dice(u64);

    impl Dice {
        fn throw(&mut self, sides: u64) -> u64 {
            let Dice(state) = self;
            *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (*state >> 33) % sides
        }

        /// Lets others come before the caller, or not.
        fn hesitate(&mut self) {
            (0..self.throw(200)).for_each(|_| hint::spin_loop());
        }
    }

    /// Takes the first message of a type.
    #[track_caller]
    fn next<T: Any>() -> T {
        let message = process::receive_match_timeout(LONG, |message| message.is::<T>());
        message.expect("nothing has come").downcast().unwrap()
    }

    /// Takes all messages of a type that have come.
    fn all<T: Any>() -> Vec<T> {
        let take = || process::receive_match_timeout(Duration::ZERO, |it| it.is::<T>());
        std::iter::from_fn(take).map(|message| message.downcast().unwrap()).collect()
    }

    #[track_caller]
    fn assert_no_ties(node: Node) {
        DistEntry::of(node).with_ties(|ties| assert!(ties.is_empty(), "{ties:?}"));
    }

    /// What one of two processes says to the other, beside their connection.
    #[derive(Debug)]
    struct Here<T>(T);

    /// One of two processes on the two sides of a connection.
    struct Side<'a> {
        own: usize,
        twins: &'a Twins,
        /// The other process, as one of this node.
        twin: Pid,
        /// The other process, as one of the other node.
        other: Pid,
        dice: Dice,
    }

    impl Side<'_> {
        /// Tells the other process something, and returns what that tells.
        fn exchange<T: Any + Send + std::fmt::Debug>(&self, said: T) -> T {
            process::send(self.twin, Here(said));
            next::<Here<T>>().0
        }

        /// Waits until all has come that either process has sent before, and what answers that.
        fn settle(&self) {
            for _ in 0..2 {
                process::send(self.other, "settled?");
                next::<&str>();
            }
            self.exchange(());
        }

        /// Returns whether it is linked to the other process.
        #[track_caller]
        fn is_linked(&self) -> bool {
            is_linked(process::self_pid(), self.other)
        }
    }

    /// Returns whether two processes are linked, as the table of the one here and the ties say, and
    /// there are no other ties.
    #[track_caller]
    fn is_linked(here: Pid, there: Pid) -> bool {
        let link = Process::of(here).slot.links.lock().peers.get(&there).copied();
        DistEntry::of(there.node()).with_ties(|ties| match link {
            Some(id) => assert!(ties.has_link((here, there), id), "{id:?} {ties:?}"),
            None => assert!(ties.is_empty(), "{ties:?}"),
        });
        link.is_some()
    }

    /// Runs `side` as a process of each side of a connection, which has no ties at the end.
    fn on_both_sides(name: &str, side: impl Fn(Side<'_>) + Sync) {
        let (twins, side) = (&Twins::connect(name), &side);
        let pids = &Mutex::new([None; 2]);
        thread::scope(|scope| {
            let run = move |own: usize| {
                pids.lock()[own] = Some(process::self_pid());
                let find = || {
                    thread::yield_now();
                    pids.lock()[1 - own]
                };
                let twin = std::iter::repeat_with(find).flatten().next().unwrap();
                let (other, dice) = (twins.on(1 - own, twin), Dice(own as u64));
                side(Side { own, twins, twin, other, dice });
            };
            (0..2).for_each(|side| _ = scope.spawn(move || twins.carry(side)));
            let ended = [0, 1].map(|own| scope.spawn(move || run(own))).map(|it| it.join());
            twins.cut();
            ended.into_iter().for_each(|ended| ended.unwrap());
        });
        twins.nodes.iter().for_each(|peer| assert_no_ties(peer.node));
    }

    #[test]
    fn links_and_unlinks_that_cross_leave_both_sides_of_one_mind() {
        on_both_sides("crossing", |mut side| {
            let mut linked = 0;
            for round in 0..ROUNDS {
                side.exchange(());
                for _ in 0..=side.dice.throw(4) {
                    side.dice.hesitate();
                    match side.dice.throw(2) {
                        0 => process::link(side.other),
                        _ => process::unlink(side.other),
                    }
                }
                side.settle();
                let is_linked = side.is_linked();
                assert_eq!(side.exchange(is_linked), is_linked, "after round {round}");
                linked += u32::from(is_linked);
            }
            process::unlink(side.other);
            side.settle();
            assert!(!side.is_linked());
            assert_eq!(process::flush().len(), 0, "an exit signal went astray");
            assert!((ROUNDS / 10..ROUNDS).contains(&linked), "{linked} rounds ended linked");
        });
    }

    /// Holds the lock of the connection with `there` while `make` links it and `here`, and asserts
    /// that the table of `here` does not change before.
    #[track_caller]
    fn changes_both_tables_at_once(here: Pid, there: Pid, make: impl FnOnce() + Send) {
        let links = &Process::of(here).slot.links;
        let is_changed = |links: &Links| links.peers.contains_key(&there);
        thread::scope(|scope| {
            LOCKED.lock().insert(there.node());
            DistEntry::of(there.node()).with_ties(|_| {
                scope.spawn(make);
                let (mut held, deadline) = (0, Instant::now() + LONG);
                while held < 1_000 {
                    assert!(Instant::now() < deadline, "nobody makes the link");
                    let is_held = links.try_lock().map(|links| {
                        assert!(!is_changed(&links), "the table has changed alone");
                    });
                    held = if is_held.is_none() { held + 1 } else { 0 };
                    thread::yield_now();
                }
            });
        });
    }

    #[test]
    fn a_link_from_here_changes_both_tables_at_once() {
        let peer = Peer::new("from_here");
        let (_connection, there) = (peer.connect(), peer.process(1));
        let (tell, told) = mpsc::channel();
        let (let_go, held) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let link = scope.spawn(move || {
                tell.send(process::self_pid()).unwrap();
                held.recv().unwrap();
                process::link(there);
                assert!(is_linked(process::self_pid(), there));
            });
            let here = told.recv().unwrap();
            changes_both_tables_at_once(here, there, move || {
                let_go.send(()).unwrap();
                link.join().unwrap();
            });
        });
    }

    #[test]
    fn a_link_from_there_changes_both_tables_at_once() {
        let peer = Peer::new("from_there");
        let (mut connection, there) = (peer.connect(), peer.process(1));
        let here = process::self_pid();
        changes_both_tables_at_once(here, there, || connection.link(there, here).unwrap());
        assert!(is_linked(here, there));
    }

    #[test]
    fn one_that_links_itself_to_a_process_that_is_ending_is_told_once() {
        on_both_sides("link_and_end", |mut side| {
            for _ in 0..ROUNDS / 5 {
                let ending = process::spawn(|| process::exit_self(ExitReason::Shutdown)).unwrap();
                let there = side.twins.on(1 - side.own, side.exchange(ending));
                side.dice.hesitate();
                process::link(there);
                let exit: Exit = next();
                assert_eq!(exit.from, there);
                assert!(matches!(exit.reason, ExitReason::Shutdown | ExitReason::NoProc));
            }
            side.settle();
            assert!(!side.is_linked());
            assert_eq!(process::flush().len(), 0);
        });
    }

    #[test]
    fn one_that_monitors_a_process_that_is_ending_is_told_once() {
        on_both_sides("monitor_and_end", |mut side| {
            for round in 0..ROUNDS / 5 {
                let ending = process::spawn(|| process::exit_self(ExitReason::Shutdown)).unwrap();
                let there = side.twins.on(1 - side.own, side.exchange(ending));
                side.dice.hesitate();
                let monitor = process::monitor(there);
                if round % 2 == 0 {
                    process::demonitor_flush(monitor);
                    continue;
                }
                let down: Down = next();
                assert_eq!((down.monitor, down.pid()), (monitor, Some(there)));
                assert!(matches!(down.reason, ExitReason::Shutdown | ExitReason::NoProc));
            }
            side.settle();
            assert!(!side.is_linked());
            assert_eq!(process::flush().len(), 0);
        });
    }

    #[test]
    fn both_ends_of_a_link_may_end_at_once() {
        on_both_sides("both_end", |side| {
            for _ in 0..ROUNDS / 5 {
                let twins_of = |pid| side.twins.on(1 - side.own, pid);
                let (pid, monitor) = process::spawn_monitor(|| {
                    let other: Pid = next();
                    process::link(other);
                    process::exit_self(ExitReason::Shutdown);
                })
                .unwrap();
                process::send(pid, twins_of(side.exchange(pid)));
                let down: Down = next();
                assert_eq!(down.monitor, monitor);
                assert!(matches!(down.reason, ExitReason::Shutdown | ExitReason::NoProc));
            }
            side.settle();
            assert!(!side.is_linked());
        });
    }

    /// Does `act` to a process of another node as the connection is lost, many times, each time
    /// followed by `check`. Then there are no ties, and no messages.
    #[track_caller]
    fn as_it_is_lost<T>(name: &str, act: impl Fn(Pid, u32) -> T, check: impl Fn(Pid, T)) {
        let peer = Peer::new(name);
        let (lose, to_lose) = crossbeam_channel::bounded::<Connection>(0);
        let (tell, is_lost) = crossbeam_channel::bounded(0);
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut dice = Dice(1);
                for connection in to_lose {
                    dice.hesitate();
                    drop(connection);
                    tell.send(()).unwrap();
                }
            });
            let (lose, mut dice) = (lose, Dice(2));
            for round in 0..ROUNDS {
                let there = peer.process(round);
                lose.send(peer.connect()).unwrap();
                dice.hesitate();
                let done = act(there, round);
                is_lost.recv_timeout(LONG).unwrap();
                check(there, done);
                assert_no_ties(peer.node);
                assert_eq!(process::flush().len(), 0);
            }
        });
    }

    #[test]
    fn a_link_made_as_the_connection_is_lost_is_cut_once() {
        as_it_is_lost(
            "link_and_loss",
            |there, _| process::link(there),
            |there, ()| {
                let exit = Exit { from: there, reason: ExitReason::NoConnection };
                assert_eq!(all::<Exit>(), [exit]);
            },
        );
    }

    #[test]
    fn a_link_removed_as_the_connection_is_lost_is_told_before_or_never() {
        let act = |there, _| {
            process::link(there);
            process::unlink(there);
            all::<Exit>(); // What came before the unlink.
        };
        as_it_is_lost("unlink_and_loss", act, |_, ()| {});
    }

    #[test]
    fn an_exit_signal_sent_as_the_connection_is_lost_disturbs_nobody() {
        let act = |there, _| process::exit(there, ExitReason::Kill);
        as_it_is_lost("exit_and_loss", act, |_, ()| {});
    }

    #[test]
    fn a_node_that_is_monitored_as_the_connection_is_lost_goes_down_once() {
        as_it_is_lost(
            "node_and_loss",
            |there, _| node::monitor_node(there.node(), true).unwrap(),
            |there, ()| assert_eq!(all::<NodeDown>(), [NodeDown(there.node())]),
        );
    }

    // As in OTP, a message that is on its way when the monitor is removed still comes.
    #[test]
    fn a_node_that_is_not_monitored_any_more_as_the_connection_is_lost_goes_down_at_most_once() {
        as_it_is_lost(
            "node_demonitor_and_loss",
            |there, _| {
                node::monitor_node(there.node(), true).unwrap();
                node::monitor_node(there.node(), false).unwrap();
            },
            |there, ()| {
                let downs = all::<NodeDown>();
                assert!(matches!(downs[..], [] | [NodeDown(_)]), "{downs:?}");
                assert!(downs.iter().all(|NodeDown(node)| *node == there.node()));
            },
        );
    }

    #[test]
    fn a_monitor_set_as_the_connection_is_lost_fires_once() {
        as_it_is_lost(
            "monitor_and_loss",
            |there, _| process::monitor(there),
            |_, monitor| {
                let downs = all::<Down>();
                let [Down { monitor: fired, reason: ExitReason::NoConnection, .. }] = downs[..]
                else {
                    panic!("{downs:?}")
                };
                assert_eq!(fired, monitor);
            },
        );
    }

    #[test]
    fn a_monitor_removed_as_the_connection_is_lost_has_fired_before_or_never_does() {
        let act = |there, _| process::demonitor_flush(process::monitor(there));
        as_it_is_lost("demonitor_and_loss", act, |_, _| {});
    }

    /// Each side links, unlinks, monitors and so on until it finds that the connection is cut.
    #[test]
    fn what_is_under_way_when_a_connection_is_cut_is_told_to_both_sides() {
        for round in 0..ROUNDS / 20 {
            on_both_sides("cut", |mut side| {
                side.dice.0 += u64::from(2 * round);
                let mut monitors = Vec::new();
                side.exchange(());
                for _ in 0..20 {
                    side.dice.hesitate();
                    match side.dice.throw(5) {
                        0 | 1 => process::link(side.other),
                        2 => process::unlink(side.other),
                        3 => monitors.push(process::monitor(side.other)),
                        _ => {
                            let last = monitors.pop();
                            last.into_iter().for_each(|last| _ = process::demonitor_flush(last));
                        }
                    }
                    if side.own == 0 && side.dice.throw(20) == 0 {
                        side.twins.cut();
                    }
                }
                side.twins.cut();
                process::link(side.other);
                monitors.push(process::monitor(side.other));
                let mut fired: Vec<_> = monitors.iter().map(|_| next::<Down>()).collect();
                fired.sort_by_key(|down| down.monitor);
                monitors.sort();
                assert!(fired.iter().map(|down| down.monitor).eq(monitors));
                assert!(fired.iter().all(|down| down.reason == ExitReason::NoConnection));
                assert!(all::<Exit>().iter().all(|exit| exit.reason == ExitReason::NoConnection));
                assert_eq!(process::info(process::self_pid()).unwrap().links, []);
                side.exchange(());
            });
        }
    }

    #[test]
    fn what_processes_send_leaves_in_the_order_of_each() {
        const SENDERS: u32 = 4;
        let peer = Peer::new("ordered");
        let (connection, there) = (peer.connect(), peer.process(1));
        let mut seen = [0; SENDERS as usize];
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                scope.spawn(move || {
                    for n in 0..ROUNDS {
                        process::send(there, (sender, n));
                    }
                });
            }
            while seen != [ROUNDS; SENDERS as usize] {
                for outgoing in left(&connection) {
                    let Outgoing::Send { message, .. } = outgoing else { panic!("{outgoing:?}") };
                    let (sender, n): (u32, u32) = message.downcast().unwrap();
                    assert_eq!(n, seen[sender as usize]);
                    seen[sender as usize] += 1;
                }
                thread::yield_now();
            }
        });
    }
}
