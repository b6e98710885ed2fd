//! Senders that write themselves, to a connection that a script plays.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::sync::{Parker, Unparker};
use parking_lot::Mutex;

use crate::id::Pid;
use crate::message::{NodeDownReason, NodeType};
use crate::process;

use super::super::super::incoming::{Connection, Frames};
use super::super::super::loopback::Peer;
use super::super::{Manner, Turn};
use super::*;

type Hook = Box<dyn FnOnce() + Send>;

/// A connection that takes so many bytes of what a sender writes.
#[derive(Default)]
struct Script {
    takes: AtomicUsize,
    written: Mutex<Vec<Vec<u8>>>,
    /// What happens while a sender writes.
    meanwhile: Mutex<Option<Hook>>,
    woken: AtomicUsize,
    woken_later: AtomicUsize,
}

impl Controller for Script {
    fn node_type(&self) -> NodeType {
        NodeType::Hidden
    }

    fn wake(&self) {
        self.woken.fetch_add(1, Ordering::Relaxed);
    }

    fn wake_later(&self) {
        self.woken_later.fetch_add(1, Ordering::Relaxed);
    }

    fn writes(&self) -> bool {
        true
    }

    fn write(&self, frames: &[Frame]) -> usize {
        let meanwhile = self.meanwhile.lock().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.written.lock().extend(frames.iter().cloned().map(Frame::into_vec));
        self.takes.load(Ordering::Relaxed)
    }

    fn give_up(&self) {
        unreachable!("no more waits than is kept");
    }
}

/// A connection whose writer waits.
struct Up {
    entry: &'static DistEntry,
    script: Arc<Script>,
    connection: Connection,
    peer: Peer,
}

impl Up {
    fn new(name: &str, takes: usize) -> Up {
        let peer = Peer::new(name);
        let script = Arc::new(Script::default());
        script.takes.store(takes, Ordering::Relaxed);
        let connection = Connection::up(peer.incarnation(1), Arc::clone(&script) as _).unwrap();
        assert_eq!(connection.frames().all(), Some(vec![]));
        let entry = DistEntry::of(peer.node);
        entry.state.lock().last_client = Some(process::self_pid());
        Up { entry, script, connection, peer }
    }

    fn frames(&self) -> Frames {
        self.connection.frames()
    }

    fn queue(&self, frame: &[u8], manner: impl Into<Manner>) {
        queue(self.entry, frame, manner);
    }

    /// Returns what senders have written since this was last asked.
    fn written(&self) -> Vec<Vec<u8>> {
        mem::take(&mut *self.script.written.lock())
    }

    fn woken(&self) -> usize {
        self.script.woken.swap(0, Ordering::Relaxed)
    }

    fn room(&self) -> usize {
        self.entry.state.lock().room.bytes()
    }
}

fn queue(entry: &'static DistEntry, frame: &[u8], manner: impl Into<Manner>) {
    entry.reach(None, (frame.to_vec().into(), manner), |_| true).unwrap().run();
}

/// A request of the client that has made the one before.
fn now() -> Manner {
    Turn::Regardless.now(process::self_pid())
}

#[test]
fn who_is_about_to_wait_writes_what_is_queued_and_wakes_nobody() {
    let up = Up::new("writes", usize::MAX);
    up.queue(&[1], Turn::Regardless.later());
    up.queue(&[2], Turn::Regardless.later());
    up.queue(&[3, 4], now());
    assert_eq!(up.written(), [vec![1], vec![2], vec![3, 4]]);
    up.queue(&[5], now());
    assert_eq!(up.written(), [vec![5]]);
    assert_eq!((up.woken(), up.room()), (0, 0));
    assert_eq!(up.frames().all(), Some(vec![]));
}

#[test]
fn what_the_connection_does_not_take_is_left_to_the_writer() {
    for (takes, left) in [
        (0, vec![vec![1, 2], vec![3, 4, 5]]),
        (1, vec![vec![2], vec![3, 4, 5]]),
        (2, vec![vec![3, 4, 5]]),
        (4, vec![vec![5]]),
    ] {
        let up = Up::new("does_not_take", takes);
        up.queue(&[1, 2], Turn::Regardless.later());
        up.queue(&[3, 4, 5], now());
        let room = |frame: &Vec<u8>| size(&frame.clone().into());
        assert_eq!(up.room(), left.iter().map(room).sum::<usize>());
        up.queue(&[6], now());
        assert_eq!(up.written().len(), 2);
        assert_eq!(up.woken(), 1);
        let left = [left, vec![vec![6]]].concat();
        assert_eq!(up.frames().all(), Some(left));
        assert_eq!((up.frames().all(), up.room()), (Some(vec![]), 0));
        up.queue(&[7], now());
        assert_eq!(up.written(), [vec![7]]);
    }
}

/// A frame of these bytes, of which those from a place on are not copied into it.
fn in_two_parts(bytes: &[u8], place: usize) -> Frame {
    Frame::new(bytes[..place].to_vec(), bytes[place..].to_vec().into())
}

#[test]
fn a_frame_of_two_parts_leaves_in_pieces_of_any_size() {
    let large: Vec<u8> = (0..70_000_u32).map(|n| n as u8).collect();
    let lengths = [(2, vec![1]), (9, (1..20).collect()), (70_000, vec![7, 999, 69_999, 70_000])];
    for (length, sizes) in lengths {
        for size in sizes {
            let frame = in_two_parts(&large[..length], 2);
            let mut frames = vec![vec![1].into(), frame.clone(), frame, vec![2, 3].into()];
            let room = frames.iter().map(super::size).sum::<usize>();
            let mut seen = Vec::new();
            let mut given_back = 0;
            while !frames.is_empty() {
                let parts = frames.iter().flat_map(Frame::parts);
                let piece: Vec<u8> = parts.flatten().copied().take(size).collect();
                given_back += take_out(&mut frames, piece.len());
                seen.extend(piece);
            }
            assert!(seen == [&[1], &large[..length], &large[..length], &[2, 3]].concat());
            assert_eq!(given_back, room);
        }
    }
}

#[test]
fn of_a_frame_of_two_parts_what_the_connection_does_not_take_is_left_to_the_writer() {
    let bytes = [1, 2, 3, 4, 5];
    for takes in 0..bytes.len() {
        let up = Up::new("two_parts", takes);
        up.entry.reach(None, (in_two_parts(&bytes, 2), now()), |_| true).unwrap().run();
        assert_eq!((up.written(), up.woken()), (vec![bytes.to_vec()], 1));
        assert_eq!(up.room(), size(&bytes[takes..].to_vec().into()));
        assert_eq!(up.frames().all(), Some(vec![bytes[takes..].to_vec()]));
        assert_eq!((up.frames().all(), up.room()), (Some(vec![]), 0));
    }
}

#[test]
fn what_is_queued_while_a_sender_writes_is_left_to_the_writer() {
    for manner in [now(), Turn::Regardless.into(), Turn::Regardless.later()] {
        let up = Up::new("while_a_sender_writes", 1);
        let entry = up.entry;
        let script = Arc::clone(&up.script);
        up.script.meanwhile.lock().replace(Box::new(move || {
            queue(entry, &[2], manner);
            assert_eq!(script.written.lock().len(), 0, "another sender writes");
            assert_eq!(script.woken.load(Ordering::Relaxed), 0, "the writer could write");
        }));
        up.queue(&[0, 1], now());
        assert_eq!(up.written(), [vec![0, 1]]);
        assert_eq!(up.woken(), 1);
        assert_eq!(up.frames().all(), Some(vec![vec![1], vec![2]]));
    }
}

#[test]
fn the_writer_takes_nothing_while_a_sender_writes_and_is_woken_afterwards() {
    let up = Up::new("takes_nothing", usize::MAX);
    let frames = up.frames();
    up.script.meanwhile.lock().replace(Box::new(move || {
        let taken = frames.take().unwrap();
        assert!(taken.frames.is_empty() && !taken.is_all, "{taken:?}");
    }));
    up.queue(&[1], now());
    assert_eq!(up.woken(), 1);
    assert_eq!(up.frames().all(), Some(vec![]));
    up.queue(&[2], now());
    assert_eq!((up.written().len(), up.woken()), (2, 0));
}

#[test]
fn while_the_writer_writes_senders_do_not() {
    let up = Up::new("while_the_writer_writes", usize::MAX);
    up.queue(&[1], Turn::Regardless);
    up.queue(&[2], now());
    assert_eq!(up.frames().all(), Some(vec![vec![1], vec![2]]));
    up.queue(&[3], now()); // It is writing these.
    assert_eq!(up.frames().all(), Some(vec![vec![3]]));
    assert_eq!(up.frames().all(), Some(vec![]));
    assert_eq!((up.written().len(), up.woken()), (0, 1));
}

#[test]
fn what_a_sender_writes_while_the_connection_is_lost_is_not_left_to_the_next_one() {
    let Up { entry, script, connection, peer } = Up::new("lost_meanwhile", 0);
    let next = Arc::new(Mutex::new(None));
    let (hers, incarnation) = (Arc::clone(&next), peer.incarnation(1));
    script.meanwhile.lock().replace(Box::new(move || {
        drop(connection);
        let connection = Connection::up(incarnation, Arc::new(Script::default())).unwrap();
        queue(entry, &[2], Turn::Regardless);
        hers.lock().replace(connection);
    }));
    queue(entry, &[1], now());
    let next = next.lock().take().unwrap();
    assert_eq!(next.frames().all(), Some(vec![vec![2]]));
    assert_eq!(entry.state.lock().room.bytes(), 0);
}

#[test]
fn what_is_more_than_there_is_room_for_is_left_to_the_writer_at_once() {
    for manner in [now(), Turn::Regardless.later()] {
        let up = Up::new("more_than_room", usize::MAX);
        up.queue(&vec![0; 1 << 20], manner);
        assert_eq!((up.written().len(), up.woken()), (0, 1));
    }
}

#[test]
fn what_several_clients_ask_in_turn_is_left_to_the_writer() {
    let up = Up::new("several_clients", usize::MAX);
    let client = |id| Turn::Regardless.now(up.peer.process(id));
    for (request, id) in [(1, 1), (2, 2), (3, 1)] {
        up.queue(&[request], client(id));
        assert_eq!((up.written().len(), up.woken()), (0, 1));
        assert_eq!(up.frames().all(), Some(vec![vec![request]]));
        assert_eq!(up.frames().all(), Some(vec![]));
    }
    up.queue(&[4], client(1));
    assert_eq!((up.written(), up.woken()), (vec![vec![4]], 0));
}

#[test]
fn the_writer_is_told_once_that_something_is_to_leave_later() {
    let up = Up::new("told_once", usize::MAX);
    let told = || up.script.woken_later.swap(0, Ordering::Relaxed);
    for round in 0..3_u8 {
        up.queue(&[round], Turn::Regardless.later());
        up.queue(&[round], Turn::Regardless.later());
        assert_eq!(told(), 1);
        up.queue(&[7], now());
        up.queue(&[round], Turn::Regardless.later());
        assert_eq!((told(), up.woken(), up.written().len()), (0, 0, 3));
        assert_eq!(up.frames().all(), Some(vec![vec![round]]));
        assert_eq!(up.frames().all(), Some(vec![]));
    }
}

/// A stream on which one may write at a time, which takes as much as it likes of what a sender
/// writes.
#[derive(Default)]
struct Stream {
    bytes: Mutex<Vec<u8>>,
    unparker: Mutex<Option<Unparker>>,
    by_senders: AtomicUsize,
    length: AtomicUsize,
}

impl Stream {
    fn append(&self, frames: &[Frame], most: usize) -> usize {
        let bytes = frames.iter().flat_map(Frame::parts).collect::<Vec<_>>().concat();
        let written = bytes.len().min(most);
        self.bytes.try_lock().expect("two write").extend_from_slice(&bytes[..written]);
        self.length.fetch_add(written, Ordering::SeqCst);
        written
    }
}

impl Controller for Stream {
    fn node_type(&self) -> NodeType {
        NodeType::Hidden
    }

    fn wake(&self) {
        self.unparker.lock().as_ref().unwrap().unpark();
    }

    fn writes(&self) -> bool {
        true
    }

    fn write(&self, frames: &[Frame]) -> usize {
        let count = self.by_senders.fetch_add(1, Ordering::Relaxed);
        let written =
            self.append(frames, if count.is_multiple_of(3) { count % 7 } else { usize::MAX });
        thread::yield_now(); // Others queue something meanwhile.
        written
    }

    fn give_up(&self) {
        unreachable!("no more waits than is kept");
    }
}

/// Several threads send in all manners, and one is the writer, which only looks when it is woken.
/// What comes of one thread is in order, and all of it comes.
#[test]
fn what_senders_and_the_writer_write_is_in_the_order_of_each_sender() {
    const SENDERS: u8 = 3;
    const ROUNDS: u16 = 20_000;
    let (peer, stream) = (Peer::new("all_manners"), Arc::new(Stream::default()));
    let (parker, is_over) = (Parker::new(), AtomicBool::new(false));
    stream.unparker.lock().replace(parker.unparker().clone());
    let connection = Connection::up(peer.incarnation(1), Arc::clone(&stream) as _).unwrap();
    let (entry, frames) = (DistEntry::of(peer.node), connection.frames());
    let incarnation = peer.incarnation(1);
    let (writer, out, has_ended) = (parker.unparker().clone(), &*stream, &is_over);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !has_ended.load(Ordering::SeqCst) {
                let taken = frames.take().unwrap();
                if taken.frames.is_empty() {
                    parker.park();
                } else {
                    out.append(&taken.frames, usize::MAX);
                }
            }
        });
        let senders = (0..SENDERS).map(|sender| {
            scope.spawn(move || {
                let client = Pid::remote(incarnation, 1, 0); // The same one for all.
                for round in 0..ROUNDS {
                    let turn = Turn::Regardless;
                    let now = turn.now(client);
                    let manner = [now, turn.later(), now, turn.into()];
                    let [high, low] = round.to_be_bytes();
                    let place = usize::from(round / 7 + u16::from(sender)) % manner.len();
                    queue(entry, &[sender, high, low], manner[place]);
                    if round.is_multiple_of(64) {
                        thread::yield_now();
                    }
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let all = 3 * usize::from(SENDERS) * usize::from(ROUNDS);
        let deadline = Instant::now() + Duration::from_secs(20);
        while stream.length.load(Ordering::SeqCst) < all && Instant::now() < deadline {
            thread::yield_now();
        }
        is_over.store(true, Ordering::SeqCst);
        writer.unpark();
    });
    assert!(stream.by_senders.load(Ordering::Relaxed) > 0);
    let mut next = [0; SENDERS as usize];
    for frame in stream.bytes.lock().chunks_exact(3) {
        let expected = &mut next[usize::from(frame[0])];
        assert_eq!(u16::from_be_bytes([frame[1], frame[2]]), *expected);
        *expected += 1;
    }
    assert_eq!(next, [ROUNDS; SENDERS as usize]);
    assert_eq!(entry.state.lock().room.bytes(), 0);
}

#[test]
fn senders_leave_it_to_the_writer_where_only_that_can_write() {
    struct Encrypted(AtomicUsize);

    impl Controller for Encrypted {
        fn node_type(&self) -> NodeType {
            NodeType::Hidden
        }

        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn give_up(&self) {
            unreachable!("no more waits than is kept");
        }
    }

    let peer = Peer::new("only_the_writer");
    let encrypted = Arc::new(Encrypted(AtomicUsize::new(0)));
    let connection = Connection::up(peer.incarnation(1), Arc::clone(&encrypted) as _).unwrap();
    assert_eq!(connection.frames().all(), Some(vec![]));
    for n in [1, 2] {
        queue(DistEntry::of(peer.node), &[n], now());
        assert_eq!(encrypted.0.load(Ordering::Relaxed), n.into());
        assert_eq!(connection.frames().all(), Some(vec![vec![n]]));
        assert_eq!(connection.frames().all(), Some(vec![]));
    }
}

#[test]
fn what_is_queued_when_a_connection_is_finished_is_the_last() {
    let up = Up::new("finished", usize::MAX);
    up.queue(&[1], Turn::Regardless);
    up.frames().finish();
    for manner in [now(), Turn::Regardless.into(), Turn::Regardless.later()] {
        up.queue(&[2], manner);
    }
    assert_eq!(up.frames().all(), Some(vec![vec![1]]));
    up.queue(&[3], now());
    assert_eq!((up.written(), up.room()), (vec![], 0));
    assert_eq!(up.frames().all(), Some(vec![]));
}

#[test]
fn a_connection_that_is_lost_finishes_no_later_one_and_explains_its_loss_no_more() {
    let Up { entry, connection, peer, .. } = Up::new("a_later_one", usize::MAX);
    let old = connection.frames();
    drop(connection);
    let script = Arc::new(Script::default());
    let next = Connection::up(peer.incarnation(1), Arc::clone(&script) as _).unwrap();
    old.finish();
    old.explain_loss(NodeDownReason::NetTickTimeout);
    queue(entry, &[1], Turn::Regardless);
    assert_eq!(next.frames().all(), Some(vec![vec![1]]));
    assert_eq!(entry.lose().1, NodeDownReason::ConnectionClosed);
    entry.told().run();
    mem::forget(next);
}
