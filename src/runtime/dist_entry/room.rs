//! Room: how much may wait to leave for a node, and who waits until that is less.

use std::mem;
use std::sync::Arc;

use crate::id::{Pid, unique};

use super::super::bound::{Decision, Sender, Waiter};
use super::{DistEntry, Frame};

/// For how many bytes there is room: if more waits to leave, senders wait.
///
/// OTP: [`erl +zdbbl`](https://www.erlang.org/doc/apps/erts/erl_cmd.html).
const ROOM: usize = 1 << 20;

/// How many bytes may wait to leave of what is sent regardless of room.
const MOST: usize = 256 << 20;

/// Whether who sends has waited while there was no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It has. Many may go on at once, each with a message that has taken as much memory before.
    Awaited,
    Regardless,
}

/// When a frame is to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// At once: it is a request of this client's, who is about to wait, or the answer to one.
    Now(Pid),
    /// As soon as the writer runs.
    Soon,
    /// With what leaves next, or in a moment: nobody waits for what it brings about.
    Later,
}

/// How a frame is queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(super) turn: Turn,
    pub(super) haste: Haste,
}

impl From<Turn> for Manner {
    fn from(turn: Turn) -> Manner {
        Manner { turn, haste: Haste::Soon }
    }
}

impl Turn {
    /// It is a request of this client's, or the answer to one.
    pub(crate) fn now(self, client: Pid) -> Manner {
        Manner { turn: self, haste: Haste::Now(client) }
    }

    /// Nobody waits for what it brings about.
    pub(crate) fn later(self) -> Manner {
        Manner { turn: self, haste: Haste::Later }
    }
}

/// What waits to leave, as a measure, and who waits until that is less.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: usize,
    /// How many of these were sent regardless of room, or fewer.
    regardless: usize,
    senders: Vec<Arc<Waiter>>,
}

/// What a frame takes besides its bytes, which may be shared with others.
const ENTRY: usize = 64;

/// Returns how much a frame takes, wherever it waits.
pub(super) fn size(frame: &Frame) -> usize {
    ENTRY + frame.len()
}

impl Room {
    /// Returns how many bytes wait to leave.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns how many senders wait until that is less.
    pub(super) fn senders(&self) -> usize {
        self.senders.len()
    }

    /// Returns whether senders are to wait.
    pub(super) fn is_busy(&self) -> bool {
        self.bytes > ROOM
    }

    /// Returns whether nothing more is to be kept.
    pub(super) fn is_over(&self) -> bool {
        self.regardless > MOST
    }

    /// Counts a frame, unless nothing more is to be kept: then returns false.
    pub(super) fn take(&mut self, frame: &Frame, turn: Turn) -> bool {
        let is_kept = !self.is_over();
        if is_kept {
            self.bytes += size(frame);
        }
        if is_kept && turn == Turn::Regardless {
            self.regardless += size(frame);
        }
        is_kept
    }

    /// Counts these frames no more. Returns who is to be [let go](let_go).
    pub(super) fn give_back<'a>(
        &mut self,
        frames: impl Iterator<Item = &'a Frame>,
    ) -> Vec<Arc<Waiter>> {
        self.give_back_size(frames.map(size).sum())
    }

    /// So much waits no more. Returns who is to be [let go](let_go).
    pub(super) fn give_back_size(&mut self, size: usize) -> Vec<Arc<Waiter>> {
        self.bytes -= size;
        self.regardless = self.regardless.min(self.bytes);
        if self.is_busy() { Vec::new() } else { self.decide(Decision::Served) }
    }

    /// Nothing waits to leave any more. Returns who is to be [let go](let_go).
    pub(super) fn clear(&mut self, decision: Decision) -> Vec<Arc<Waiter>> {
        (self.bytes, self.regardless) = (0, 0);
        self.decide(decision)
    }

    fn decide(&mut self, decision: Decision) -> Vec<Arc<Waiter>> {
        let senders = mem::take(&mut self.senders);
        senders.iter().for_each(|sender| sender.decide(decision));
        senders
    }
}

/// Tells senders that something has been decided, where no lock is held.
pub(super) fn let_go(senders: Vec<Arc<Waiter>>) {
    senders.iter().for_each(|sender| sender.let_go());
}

impl DistEntry {
    /// Returns whether so much waits to leave that senders are to wait.
    pub(crate) fn is_busy(&self) -> bool {
        self.state.lock().room.is_busy()
    }

    /// Lets `sender` wait until there is room.
    pub(crate) fn queue_up(&'static self, sender: &'static dyn Sender) -> QueuedUp {
        let waiter = Arc::new(Waiter::new(sender, unique()));
        let mut state = self.state.lock();
        if state.room.is_busy() {
            state.room.senders.push(Arc::clone(&waiter));
        } else {
            waiter.decide(Decision::Served);
        }
        drop(state);
        QueuedUp { entry: self, waiter }
    }

    /// Returns how many senders wait for room.
    #[cfg(test)]
    fn senders(&self) -> usize {
        self.state.lock().room.senders()
    }
}

/// A sender that waits for room. If this is dropped it does not any more.
pub(crate) struct QueuedUp {
    entry: &'static DistEntry,
    waiter: Arc<Waiter>,
}

impl QueuedUp {
    pub(crate) fn decision(&self) -> Decision {
        self.waiter.decision()
    }

    /// Stops waiting, and returns what had been decided by then.
    pub(crate) fn leave(self) -> Decision {
        self.forget();
        self.decision()
    }

    fn forget(&self) {
        let mut state = self.entry.state.lock();
        state.room.senders.retain(|waiter| !Arc::ptr_eq(waiter, &self.waiter));
    }
}

impl Drop for QueuedUp {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::call::call_with_message;
    use crate::call_error::CallErrorKind;
    use crate::message::{Down, Message};
    use crate::process::send::send_regardless;
    use crate::process::{self, TrySendError};

    use super::super::super::incoming::Connection;
    use super::super::super::loopback::{Large, Peer, left};
    use super::super::*;
    use super::*;

    /// Only a failing test waits so long.
    const LONG: Duration = Duration::from_secs(20);

    /// Sends more than there is room for.
    fn fill(there: Pid) {
        process::send(there, Large(ROOM + 1));
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + LONG;
        while !is_so() {
            assert!(Instant::now() < deadline, "it is not so");
            thread::yield_now();
        }
    }

    /// Starts a process that sends `message`, has to wait for room, and ends when it has sent it.
    fn waiting_sender(peer: &Peer, message: Large) -> MonitorRef {
        let (entry, there) = (DistEntry::of(peer.node), peer.process(1));
        let before = entry.senders();
        let send = move || process::send(there, message);
        let (_, monitor) = process::spawn_monitor(send).unwrap();
        wait_until(|| entry.senders() > before);
        monitor
    }

    #[track_caller]
    fn assert_ended(monitor: MonitorRef, reason: &ExitReason) {
        assert_eq!(process::wait(monitor, LONG).as_ref(), Some(reason));
    }

    /// The messages among what has left.
    fn messages(left: Vec<Outgoing>) -> Vec<Large> {
        let mut messages = Vec::new();
        for outgoing in left {
            if let Outgoing::Send { message, .. } = outgoing {
                messages.push(message.downcast().unwrap());
            }
        }
        messages
    }

    #[test]
    fn a_sender_waits_until_the_writer_has_taken_what_there_is() {
        let peer = Peer::new("room");
        let (connection, there) = (peer.connect(), peer.process(1));
        process::send(there, Large(ROOM / 2));
        fill(there);
        let senders = [1, 2].map(|n| waiting_sender(&peer, Large(n + 8)));
        assert_eq!(messages(left(&connection)), [Large(ROOM / 2), Large(ROOM + 1)]);
        senders.into_iter().for_each(|monitor| assert_ended(monitor, &ExitReason::Normal));
        assert_eq!(left(&connection).len(), 2);
    }

    #[test]
    fn a_message_is_handed_back_where_its_sender_does_not_wait() {
        let peer = Peer::new("handed_back");
        let (connection, there) = (peer.connect(), peer.process(1));
        assert_eq!(process::try_send(there, Large(ROOM + 1)), Ok(()));
        let refused = process::try_send(there, Large(8)).unwrap_err();
        assert_eq!(refused, TrySendError::Busy { node: peer.node, message: Large(8) });
        assert_eq!(refused.to_string(), "the connection with handed_back@loopback is busy");
        assert!(refused.is_full());
        let waited = process::send_timeout(there, Large(9), Duration::from_millis(1));
        assert_eq!(waited.unwrap_err().into_message(), Large(9));
        assert_eq!(messages(left(&connection)), [Large(ROOM + 1)]);
        assert_eq!(process::try_send(there, Large(8)), Ok(()));
    }

    #[test]
    fn there_is_room_for_so_much_and_small_messages_count_too() {
        let peer = Peer::new("so_much");
        let (connection, there) = (peer.connect(), peer.process(1));
        let send = |length| process::try_send(there, Large(length)).is_ok();
        assert!(send(ROOM - ENTRY), "it fits");
        assert!(send(8), "there was room");
        assert!(!send(8));
        assert_eq!(left(&connection).len(), 2);
        let count = (0..).take_while(|_| send(8)).count();
        assert_eq!(count, ROOM / (ENTRY + 8) + 1);
        assert_eq!(left(&connection).len(), count);
    }

    #[test]
    fn a_sender_that_finds_room_after_all_does_not_wait() {
        let peer = Peer::new("after_all");
        let _connection = peer.connect();
        let entry = DistEntry::of(peer.node);
        let queued_up = entry.queue_up(process::current::current().slot);
        assert_eq!(queued_up.leave(), Decision::Served);
        assert_eq!(entry.senders(), 0);
    }

    #[test]
    fn a_wait_ends_with_the_connection() {
        let peer = Peer::new("ends_with_it");
        let connection = peer.connect();
        fill(peer.process(1));
        let monitor = waiting_sender(&peer, Large(8));
        drop(connection);
        assert_ended(monitor, &ExitReason::Normal);
        assert_eq!(left(&peer.connect()).len(), 0);
    }

    #[test]
    fn a_wait_for_a_dial_ends_with_it() {
        let peer = Peer::new("ends_with_a_dial");
        peer.hold_dials();
        fill(peer.process(1));
        let monitor = waiting_sender(&peer, Large(8));
        peer.last_dial().failed();
        assert_ended(monitor, &ExitReason::Normal);

        fill(peer.process(1));
        let monitor = waiting_sender(&peer, Large(9));
        let connection = peer.connect();
        assert_eq!(messages(left(&connection)), [Large(ROOM + 1)]);
        assert_ended(monitor, &ExitReason::Normal);
        assert_eq!(messages(left(&connection)), [Large(9)]);
    }

    /// What waits for an earlier life of the node is dropped when that is up anew.
    #[test]
    fn a_wait_ends_when_what_there_is_turns_out_to_be_for_nobody() {
        let peer = Peer::new("for_nobody");
        peer.hold_dials();
        fill(Pid::remote(peer.incarnation(2), 1, 0));
        let monitor = waiting_sender(&peer, Large(8));
        let connection = peer.connect();
        assert_ended(monitor, &ExitReason::Normal);
        assert_eq!(messages(left(&connection)), [Large(8)]);
    }

    #[test]
    fn an_exit_signal_ends_a_sender_that_waits_and_its_destructors_do_not_wait() {
        struct Sends(Pid);

        impl Drop for Sends {
            fn drop(&mut self) {
                process::send(self.0, Large(9));
            }
        }

        let peer = Peer::new("an_exit");
        let (entry, connection, there) =
            (DistEntry::of(peer.node), peer.connect(), peer.process(1));
        fill(there);
        let (pid, monitor) = process::spawn_monitor(move || {
            let _sends = Sends(there);
            process::send(there, Large(8));
        })
        .unwrap();
        wait_until(|| entry.senders() == 1);
        process::exit(pid, ExitReason::Shutdown);
        assert_ended(monitor, &ExitReason::Shutdown);
        assert_eq!(entry.senders(), 0);

        let panicking = move || {
            let _sends = Sends(there);
            panic!("over");
        };
        let (_, monitor) = process::spawn_monitor(panicking).unwrap();
        assert!(process::wait(monitor, LONG).is_some());
        assert_eq!(messages(left(&connection)), [Large(ROOM + 1), Large(9), Large(9)]);
    }

    /// Starts a process that makes a request, has to wait for room, and ends when it has an answer.
    fn waiting_client(peer: &Peer, timeout: Duration) -> MonitorRef {
        let (entry, there) = (DistEntry::of(peer.node), peer.process(1));
        let before = entry.senders();
        let request = move || {
            let call = call_with_message::<()>(&there, timeout, |_| Message::new(Large(8)));
            process::exit_self(ExitReason::new(call.unwrap_err()));
        };
        let (_, monitor) = process::spawn_monitor(request).unwrap();
        wait_until(|| entry.senders() > before);
        monitor
    }

    #[test]
    fn a_request_waits_for_room_too() {
        let peer = Peer::new("request");
        let (connection, there) = (peer.connect(), peer.process(1));
        fill(there);
        let monitor = waiting_client(&peer, LONG);
        assert_eq!(messages(left(&connection)), [Large(ROOM + 1)]);
        let sent = RefCell::new(Vec::new());
        wait_until(|| {
            sent.borrow_mut().extend(messages(left(&connection)));
            !sent.borrow().is_empty()
        });
        assert_eq!(sent.into_inner(), [Large(8)]);
        fill(there);
        let second = waiting_client(&peer, LONG);
        drop(connection);
        for monitor in [monitor, second] {
            assert_ended(monitor, &ExitReason::new(CallErrorKind::NodeDown(peer.node)));
        }
        assert_eq!(left(&peer.connect()).len(), 0);
    }

    #[test]
    fn a_request_that_has_found_no_room_in_its_time_is_not_sent() {
        let peer = Peer::new("request_in_time");
        let (connection, there) = (peer.connect(), peer.process(1));
        fill(there);
        let late =
            call_with_message::<()>(&there, Duration::from_millis(1), |_| Message::new(Large(8)));
        assert_eq!(late, Err(CallErrorKind::Timeout));
        assert_eq!(messages(left(&connection)), [Large(ROOM + 1)]);
    }

    #[test]
    fn ties_and_exits_do_not_wait() {
        let peer = Peer::new("ties");
        let (connection, there) = (peer.connect(), peer.process(1));
        fill(there);
        process::link(there);
        process::monitor(there);
        process::exit(there, ExitReason::Shutdown);
        process::unlink(there);
        assert_eq!(left(&connection).len(), 5);
    }

    /// Counts how often it was told to give up.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Controller for Counting {
        fn node_type(&self) -> NodeType {
            NodeType::Hidden
        }

        fn wake(&self) {}

        fn give_up(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_connection_is_given_up_when_more_waits_than_is_kept() {
        let peer = Peer::new("given_up");
        let writer = Arc::new(Counting::default());
        let connection = Connection::up(peer.incarnation(1), writer.clone()).unwrap();
        let there = peer.process(1);
        let monitor = process::monitor(there);
        for _ in 0..2 {
            send_regardless(there, Large(MOST / 2));
        }
        assert_eq!(writer.0.load(Ordering::Relaxed), 0);
        for _ in 0..3 {
            send_regardless(there, Large(8));
            assert_eq!(writer.0.load(Ordering::Relaxed), 1);
        }
        assert_eq!(messages(left(&connection)).len(), 2);
        let late = process::monitor(there);
        send_regardless(there, Large(8));
        assert_eq!(left(&connection).len(), 0, "there is a gap");
        drop(connection);
        for monitor in [monitor, late] {
            assert_ended(monitor, &ExitReason::NoConnection);
        }
        process::flush();
    }

    #[test]
    fn a_connection_is_given_up_for_those_that_never_wait() {
        let peer = Peer::new("never_wait");
        let writer = Arc::new(Counting::default());
        let connection = Connection::up(peer.incarnation(1), writer.clone()).unwrap();
        let there = Destination::Pid(peer.process(1));
        for given_up in [0, 0, 1] {
            there.notify_connected(Message::new(Large(MOST / 2)));
            assert_eq!(writer.0.load(Ordering::Relaxed), given_up);
        }
        drop(connection);
    }

    /// They have waited as they should, so it is not their fault.
    #[test]
    fn a_connection_is_not_given_up_for_senders_that_have_waited() {
        let peer = Peer::new("not_given_up");
        let writer = Arc::new(Counting::default());
        let connection = Connection::up(peer.incarnation(1), writer.clone()).unwrap();
        let there = peer.process(1);
        fill(there);
        let senders: Vec<_> = (0..4).map(|_| waiting_sender(&peer, Large(MOST / 2))).collect();
        assert_eq!(messages(left(&connection)), [Large(ROOM + 1)]);
        senders.into_iter().for_each(|monitor| assert_ended(monitor, &ExitReason::Normal));
        assert_eq!(left(&connection).len(), 4);
        // Nor for those that have all seen that there is room.
        let entry = DistEntry::of(peer.node);
        let change = |_: &mut RemoteTies| true;
        for _ in 0..4 {
            entry.reach(None, (vec![0; MOST / 2].into(), Turn::Awaited), change).unwrap().run();
        }
        entry.reach(None, (vec![0; MOST / 2].into(), Turn::Regardless), change).unwrap().run();
        assert_eq!(connection.frames().take().unwrap().frames.len(), 5);
        assert_eq!(writer.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_dial_is_given_up_when_more_waits_than_is_kept() {
        let peer = Peer::new("a_dial_given_up");
        peer.hold_dials();
        let there = peer.process(1);
        let monitor = process::monitor(there);
        send_regardless(there, Large(MOST / 2));
        let taken = DistEntry::of(peer.node).state.lock().room.bytes;
        send_regardless(there, Large(MOST - taken - ENTRY));
        let dial = peer.last_dial();
        send_regardless(there, Large(8)); // Before this it was not too much.
        assert!(dial.is_under_way());
        send_regardless(there, Large(8));
        assert_ended(monitor, &ExitReason::NoConnection);
        assert_eq!(left(&peer.connect()).len(), 0);
    }

    #[test]
    fn the_next_connection_is_given_up_when_too_much_comes_while_a_loss_is_told() {
        let peer = Peer::new("given_up_before");
        peer.hold_dials();
        let there = peer.process(1);
        let connection = peer.connect();
        let entry = DistEntry::of(peer.node);
        drop(entry.lose().0);
        let monitor = process::monitor(there);
        for _ in 0..3 {
            send_regardless(there, Large(MOST / 2));
        }
        assert_eq!(entry.state.lock().waiting.len(), 3, "nothing more is kept");
        entry.told().run();
        assert_ended(monitor, &ExitReason::NoConnection);
        mem::forget(connection);
        assert_eq!(left(&peer.connect()).len(), 0);
    }

    /// Several processes send without end, and have to wait all the time, while their messages are
    /// taken, and the connection is lost now and then. Each waits only as long as it must, and what
    /// arrives of one is in order, without a gap while there is one connection.
    #[test]
    fn no_sender_waits_in_vain() {
        const SENDERS: usize = 4;
        const ROUNDS: usize = 500;
        let peer = Peer::new("in_vain");
        let there = peer.process(1);
        let mut senders = Vec::new();
        let mut connection = peer.connect();
        for sender in 0..SENDERS {
            let body = move || {
                for round in 0..ROUNDS {
                    // The length says who has sent it, and as what.
                    process::send(there, Large(ROOM / 2 + round * SENDERS + sender));
                }
            };
            senders.push(process::spawn_monitor(body).unwrap().1);
        }
        let mut last = [None; SENDERS];
        let mut taken = 0;
        while !senders.is_empty() {
            for Large(length) in messages(left(&connection)) {
                let (sender, round) = (length % SENDERS, (length - ROOM / 2) / SENDERS);
                let sender = (sender + SENDERS - ROOM / 2 % SENDERS) % SENDERS;
                let before = last[sender].replace(round);
                assert!(before.is_none_or(|before| round == before + 1), "{before:?} {round}");
                taken += 1;
                if taken % 200 == 0 {
                    drop(connection);
                    connection = peer.connect();
                    last = [None; SENDERS];
                    break;
                }
            }
            senders.retain(|monitor| {
                let is_over = |message: &Message| {
                    message.downcast_ref::<Down>().is_some_and(|down| down.monitor == *monitor)
                };
                process::receive_match_timeout(Duration::ZERO, is_over).is_none()
            });
        }
        assert!(taken > ROUNDS, "{taken}");
    }
}
