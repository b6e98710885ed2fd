//! Connections and dials, with a node that a script plays.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::call::call_with_message;
use crate::call_error::CallErrorKind;
use crate::message::{Down, Exit};
use crate::process;

use super::super::incoming::Connection;
use super::super::loopback::{Peer, alone, left};
use super::*;

/// Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(20);

/// Takes the message that has come first.
#[track_caller]
fn next<T: Any>() -> T {
    process::receive_timeout(LONG).expect("nothing has come").downcast().unwrap()
}

#[track_caller]
fn assert_no_message() {
    assert_eq!(process::flush().len(), 0);
}

#[test]
fn what_is_sent_while_a_node_is_dialled_leaves_in_order_when_it_is_up() {
    let peer = Peer::new("a_dial");
    peer.hold_dials();
    let there = peer.process(1);
    process::link(there);
    let monitor = process::monitor(there);
    process::send(there, 1);
    process::unlink(there);
    assert_eq!(peer.dials().len(), 1);
    let left = left(&peer.connect());
    let [
        Outgoing::Link { .. },
        Outgoing::Monitor { .. },
        Outgoing::Send { .. },
        Outgoing::Unlink { .. },
    ] = left[..]
    else {
        panic!("{left:?}")
    };
    let down = next::<Down>(); // The connection was dropped above.
    assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
    assert_eq!(peer.dials().len(), 0);
}

#[test]
fn a_dial_that_fails_tells_those_who_have_waited_for_it() {
    let peer = Peer::new("a_failed_dial");
    peer.hold_dials();
    let there = peer.process(1);
    process::send(there, 1);
    process::link(there);
    let monitor = process::monitor(there);
    peer.last_dial().failed();
    assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
    let down = next::<Down>();
    assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
    DistEntry::of(peer.node).with_ties(|ties| assert!(ties.is_empty(), "{ties:?}"));
    assert_eq!(left(&peer.connect()).len(), 0);
}

/// What comes by the next connection must not come before the news of this one.
#[test]
fn a_node_is_not_dialled_again_before_it_is_told_that_a_dial_has_failed() {
    let peer = Peer::new("told_first");
    peer.hold_dials();
    let there = peer.process(1);
    let monitor = process::monitor(there);
    let dial = peer.last_dial();
    let cut = dial.give_up().unwrap();
    process::send(there, 1);
    assert_eq!(peer.dials().len(), 0);
    assert!(DistEntry::of(peer.node).up(peer.incarnation(1), Arc::new(|| {})).is_err());
    assert!(dial.give_up().is_none());
    drop(cut);
    dial.told().run();
    assert_eq!(peer.dials().len(), 1);
    assert_eq!(left(&peer.connect()).len(), 1);
    _ = process::demonitor(monitor);
}

#[test]
fn a_dial_that_fails_is_nothing_to_a_connection() {
    let peer = Peer::new("dialled_from_there");
    peer.hold_dials();
    let there = peer.process(1);
    process::link(there);
    let connection = peer.connect();
    peer.last_dial().failed();
    assert_no_message();
    drop(connection);
    assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
}

#[test]
fn a_dial_that_fails_late_is_nothing_to_the_next_one() {
    let peer = Peer::new("a_late_failure");
    peer.hold_dials();
    let there = peer.process(1);
    let first = process::monitor(there);
    let dial = peer.last_dial();
    drop(peer.connect());
    assert_eq!(next::<Down>().monitor, first);
    let second = process::monitor(there);
    assert!(!dial.is_under_way());
    dial.failed();
    assert_no_message();
    peer.last_dial().failed();
    assert_eq!(next::<Down>().monitor, second);
}

/// What has become of the dials of a carrier when that is gone nobody would tell.
#[test]
fn a_carrier_that_goes_gives_up_its_dials() {
    let peer = Peer::new("a_carrier");
    peer.hold_dials();
    let there = peer.process(1);
    process::link(there);
    let monitor = process::monitor(there);
    drop(peer);
    let alone = alone();
    assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
    let down = next::<Down>();
    assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
    drop(alone);
    assert_eq!(left(&Peer::new("a_carrier").connect()).len(), 0);
}

#[test]
fn a_dial_for_which_the_carrier_goes_in_between_fails() {
    let peer = Peer::new("in_between_carriers");
    let (entry, to) = (DistEntry::of(peer.node), Some(peer.incarnation(1)));
    drop(peer);
    let begin = |unheard: bool| {
        let alone = unheard.then(alone);
        let monitor = MonitorRef::new(process::self_pid());
        let after = entry.reach(to, (Frame::default(), Turn::Regardless), |ties| {
            ties.monitor(monitor, to, Destination::Pid(monitor.owner));
            true
        });
        let alone = alone.or_else(|| Some(self::alone()));
        after.unwrap().run();
        entry.with_ties(|ties| assert!(ties.is_empty(), "{ties:?}"));
        drop(alone);
    };
    begin(true); // The last look for dials was before this one.
    begin(false);
}

#[test]
fn a_node_that_comes_up_anew_has_none_of_its_old_processes() {
    let peer = Peer::new("restarted");
    peer.hold_dials();
    let [old, new] = [1, 2].map(|creation| Pid::remote(peer.incarnation(creation), 1, 0));
    process::link(old);
    process::link(new);
    let monitor = process::monitor(old);
    process::send(old, 1);
    process::send(new, 2);
    let connection = Connection::up(peer.incarnation(2), Arc::new(|| {})).unwrap();
    assert_eq!(next::<Exit>(), Exit { from: old, reason: ExitReason::NoProc });
    let down = next::<Down>();
    assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoProc));
    let gone = left(&connection);
    let [Outgoing::Link { .. }, Outgoing::Send { to, .. }] = &gone[..] else { panic!("{gone:?}") };
    assert_eq!(*to, Target::Pid(new));

    process::link(old);
    process::send(old, 1);
    process::exit(old, ExitReason::new("bored"));
    assert_eq!(next::<Exit>(), Exit { from: old, reason: ExitReason::NoProc });
    assert_eq!(process::join(old, LONG), Some(ExitReason::NoProc));
    let call = call_with_message::<()>(&old, LONG, |_| Message::new("a request"));
    assert_eq!(call, Err(CallErrorKind::NoProc));
    assert_eq!(left(&connection).len(), 0);
    assert_eq!(peer.dials().len(), 1);
}

#[test]
fn what_waits_for_a_name_is_for_whichever_life_of_the_node_comes_up() {
    let peer = Peer::new("named");
    peer.hold_dials();
    let name = ("logger", peer.node);
    let monitor = process::monitor(name);
    process::send(name, 1);
    let old = process::monitor(peer.process(1));
    let connection = Connection::up(peer.incarnation(2), Arc::new(|| {})).unwrap();
    let down = next::<Down>();
    assert_eq!((down.monitor, down.reason), (old, ExitReason::NoProc));
    let gone = left(&connection);
    let [Outgoing::Monitor { .. }, Outgoing::Send { .. }] = gone[..] else { panic!("{gone:?}") };
    assert_no_message();
    drop(connection);
    let down = next::<Down>();
    assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
    assert_eq!(down.object, Destination::from(name));
}

// OTP 25, run: a monitor of a pid of ours from before the node was restarted is a `noproc`.
#[test]
fn processes_of_an_earlier_life_of_this_node_are_not_there() {
    let peer = Peer::new("earlier");
    let earlier = Pid::remote(Incarnation::of(Node::local(), 7).unwrap(), 1, 0);
    assert_eq!(earlier.node(), Node::local());
    process::send(earlier, 1);
    process::exit(earlier, ExitReason::Kill);
    process::link(earlier);
    assert_eq!(next::<Exit>(), Exit { from: earlier, reason: ExitReason::NoProc });
    process::unlink(earlier);
    assert_eq!(process::join(earlier, LONG), Some(ExitReason::NoProc));
    assert_no_message();
    assert_eq!(peer.dials().len(), 0);
}

#[test]
fn there_is_one_connection_at_a_time() {
    let peer = Peer::new("one_at_a_time");
    let connection = peer.connect();
    assert!(Connection::up(peer.incarnation(2), Arc::new(|| {})).is_err());
    let frames = connection.frames();
    process::send(peer.process(1), 1);
    drop(connection);
    assert!(frames.all().is_none());
    assert!(DistEntry::of(peer.node).state.lock().queue.is_empty(), "it is kept");
    let next = peer.connect();
    process::send(peer.process(1), 1);
    assert!(frames.all().is_none(), "it is another connection's");
    assert_eq!(left(&next).len(), 1);
}

#[test]
fn the_writer_is_woken_for_the_first_frame() {
    let peer = Peer::new("woken");
    let woken = Arc::new(AtomicUsize::new(0));
    let wake = Arc::clone(&woken);
    let wake = Arc::new(move || _ = wake.fetch_add(1, Ordering::Relaxed));
    let connection = Connection::up(peer.incarnation(1), wake).unwrap();
    for round in 0..3 {
        process::send(peer.process(1), 1); // The writer looks again before it waits.
        assert_eq!(woken.load(Ordering::Relaxed), round);
        assert_eq!(left(&connection).len(), 1);
        assert_eq!(left(&connection).len(), 0);
        process::send(peer.process(1), 2);
        process::send(peer.process(1), 3);
        assert_eq!(woken.load(Ordering::Relaxed), round + 1);
        assert_eq!(left(&connection).len(), 2);
    }
}

#[test]
fn the_writer_is_woken_when_the_connection_is_lost() {
    let peer = Peer::new("woken_at_a_loss");
    let woken = Arc::new(AtomicUsize::new(0));
    let wake = Arc::clone(&woken);
    let wake = Arc::new(move || _ = wake.fetch_add(1, Ordering::Relaxed));
    let connection = Connection::up(peer.incarnation(1), wake).unwrap();
    assert_eq!(woken.load(Ordering::Relaxed), 0);
    drop(connection);
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert_eq!(Arc::strong_count(&woken), 1, "it is kept");
}

/// Asserts that the lock of its node is free when it is dropped.
struct Unlocked(&'static DistEntry);

impl Drop for Unlocked {
    fn drop(&mut self) {
        assert!(self.0.is_unlocked());
    }
}

#[test]
fn what_is_not_used_is_dropped_without_a_lock() {
    let peer = Peer::new("not_used");
    let entry = DistEntry::of(peer.node);
    let unlocked = Unlocked(entry);
    let wake = Arc::new(move || _ = &unlocked);
    let connection = Connection::up(peer.incarnation(2), wake).unwrap();
    let reach = |to| {
        let unlocked = Unlocked(entry);
        let change = move |_: &mut RemoteTies| {
            mem::forget(unlocked);
            false
        };
        entry
            .reach(Some(peer.incarnation(to)), (Frame::default(), Turn::Regardless), change)
            .is_ok()
    };
    assert!(reach(2));
    assert!(!reach(1));
    let unlocked = Unlocked(entry);
    entry.tell(Some(peer.incarnation(1)), (Frame::default(), Turn::Regardless), move |_| {
        mem::forget(unlocked);
        false
    });
    drop(connection);
}

#[test]
fn the_frame_of_a_change_that_is_none_does_not_leave() {
    let peer = Peer::new("no_change");
    let (entry, connection) = (DistEntry::of(peer.node), peer.connect());
    entry.reach(None, (vec![1].into(), Turn::Regardless), |_| false).unwrap().run();
    entry.tell(None, (vec![2].into(), Turn::Regardless), |_| false);
    assert_eq!(connection.frames().all(), Some(vec![]));
}

// OTP 25, run: `noconnection` from a node that is not alive.
#[test]
fn without_other_nodes_there_is_no_connection() {
    let there = Peer::new("alone").process(1);
    let _alone = alone();
    process::send(there, "into the void");
    process::exit(there, ExitReason::new("bored"));
    process::unlink(there);
    process::link(there);
    let reason = ExitReason::NoConnection;
    assert_eq!(next::<Exit>(), Exit { from: there, reason: reason.clone() });
    assert_eq!(process::join(there, LONG), Some(reason.clone()));
    let call = call_with_message::<()>(&there, LONG, |_| Message::new("a request"));
    assert_eq!(call, Err(CallErrorKind::NodeDown(there.node())));
    assert_no_message();
}
