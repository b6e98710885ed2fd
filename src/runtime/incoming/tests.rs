//! What comes from another node, which a script plays.

mod calls;

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::call::call_with_message;
use crate::call_error::CallErrorKind;
use crate::id::Node;
use crate::message::{Exit, External};
use crate::pg::Scope;
use crate::prelude::*;
use crate::process::MonitorOptions;
use crate::process::current::current;
use crate::sys;
use crate::term::{self, atom};

use super::super::dist_entry::{After, Target};
use super::super::links::AliasMode;
use super::super::loopback::{Peer, left};
use super::super::names::RegisterError;
use super::*;

/// Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(20);

fn me() -> Pid {
    process::self_pid()
}

fn reference(n: u32) -> RemoteRef {
    RemoteRef::new(&[n]).unwrap()
}

/// Takes the message that has come first.
#[track_caller]
fn next<T: std::any::Any>() -> T {
    process::receive_timeout(LONG).expect("nothing has come").downcast().unwrap()
}

#[track_caller]
fn assert_no_message() {
    assert_eq!(process::flush().len(), 0);
}

fn assert_no_ties(peer: &Peer) {
    DistEntry::of(peer.node).with_ties(|ties| assert!(ties.is_empty(), "{ties:?}"));
}

fn reason() -> ExitReason {
    ExitReason::new("bored")
}

/// A process that has ended.
fn ended() -> Pid {
    let (pid, monitor) = process::spawn_monitor(|| ()).unwrap();
    assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Normal));
    pid
}

/// A process that waits until it gets a message, and then ends for `reason()`.
fn waiting() -> Pid {
    process::spawn(|| {
        process::receive();
        process::exit_self(reason());
    })
    .unwrap()
}

#[track_caller]
fn end(pid: Pid) {
    let monitor = process::monitor(pid);
    process::send(pid, ());
    assert_eq!(process::wait(monitor, LONG), Some(reason()));
}

/// Who ends waits for its children alone, and those are of this node.
#[test]
fn processes_of_another_node_do_not_hold_up_an_end_by_linking_to_it() {
    const MOST: u32 = 1_000_000;
    let peer = Peer::new("links");
    let mut connection = peer.connect();
    let victim = process::spawn(|| process::sleep(Duration::MAX)).unwrap();
    let monitor = process::monitor(victim);
    let (count, is_told) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..MOST {
                connection.link(peer.process(n), victim).unwrap();
                count.store(n, Ordering::Relaxed);
                if is_told.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        while count.load(Ordering::Relaxed) < 10_000 {
            thread::yield_now();
        }
        process::exit(victim, ExitReason::Shutdown);
        assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Shutdown));
        is_told.store(true, Ordering::Relaxed);
    });
    assert!(count.load(Ordering::Relaxed) < MOST - 1);
    assert_no_ties(&peer);
}

#[test]
fn a_link_and_its_exit_signal_cross() {
    let peer = Peer::new("a_link");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    process::link(there);
    process::link(there);
    let [Outgoing::Link { from, to }] = left(&connection)[..] else { panic!("one link") };
    assert_eq!((from, to), (me(), there));
    assert!(process::info(me()).unwrap().links.contains(&there));

    connection.exit(there, me(), reason()).unwrap();
    assert_eq!(next::<Exit>(), Exit { from: there, reason: reason() });
    connection.exit(there, me(), reason()).unwrap();
    assert_no_message();
    assert_no_ties(&peer);
}

#[test]
fn a_link_that_was_removed_has_no_exit_signal() {
    let peer = Peer::new("an_unlink");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    process::link(there);
    process::unlink(there);
    process::unlink(there);
    let [Outgoing::Link { .. }, Outgoing::Unlink { from, to, number }] = left(&connection)[..]
    else {
        panic!("a link and an unlink")
    };
    assert_eq!((from, to), (me(), there));
    connection.exit(there, me(), reason()).unwrap();
    connection.unlink_ack(there, me(), number).unwrap();
    assert_no_message();
    assert_no_ties(&peer);
}

#[test]
fn a_process_that_links_itself_here_is_told_the_end_once() {
    let peer = Peer::new("linked_from_there");
    let (mut connection, there, here) = (peer.connect(), peer.process(1), waiting());
    connection.link(there, here).unwrap();
    assert_eq!(process::info(here).unwrap().links, [there]);
    end(here);
    connection.link(there, here).unwrap();
    let left = left(&connection);
    let [Outgoing::Exit { from, to, reason: why }, Outgoing::Exit { reason: late, .. }] = &left[..]
    else {
        panic!("{left:?}")
    };
    assert_eq!((*from, *to, why), (here, there, &reason()));
    assert_eq!(*late, ExitReason::NoProc);
    assert_no_ties(&peer);
}

#[test]
fn signals_are_from_the_other_node_and_to_this() {
    let (peer, third) = (Peer::new("no_stranger"), Peer::new("a_stranger"));
    let (mut connection, there) = (peer.connect(), peer.process(1));
    let earlier = Pid::remote(peer.incarnation(7), 1, 0);
    for (from, to) in [(there, third.process(1)), (third.process(1), me()), (earlier, me())] {
        let outcomes = [
            connection.link(from, to),
            connection.unlink(from, to, unique()),
            connection.unlink_ack(from, to, unique()),
            connection.exit(from, to, reason()),
            connection.exit_request(from, to, ExitReason::Kill),
            connection.monitor(from, to.into(), reference(1)),
        ];
        assert_eq!(outcomes, [Err(Strangers); 6]);
    }
    let nobody = Destination::from("incoming::tests::nobody");
    assert_eq!(connection.monitor(earlier, nobody, reference(1)), Err(Strangers));
    assert_no_message();
    assert_eq!(left(&connection).len(), 0);
    for peer in [peer, third] {
        assert_no_ties(&peer);
    }
}

#[test]
fn an_unlink_from_there_is_acknowledged_whether_there_is_a_link_or_not() {
    let peer = Peer::new("unlinked_from_there");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    connection.link(there, me()).unwrap();
    for number in [unique(), unique()] {
        connection.unlink(there, me(), number).unwrap();
        let [Outgoing::UnlinkAck { from, to, number: acked }] = left(&connection)[..] else {
            panic!("one acknowledgement")
        };
        assert_eq!((from, to, acked), (me(), there, number));
        assert!(!process::info(me()).unwrap().links.contains(&there));
    }
    assert_no_ties(&peer);
}

#[test]
fn the_end_of_a_process_is_told_to_links_before_watchers() {
    let peer = Peer::new("an_end");
    let (mut connection, there, here) = (peer.connect(), peer.process(1), waiting());
    connection.monitor(there, here.into(), reference(1)).unwrap();
    connection.monitor(there, here.into(), reference(2)).unwrap();
    connection.link(there, here).unwrap();
    connection.demonitor(reference(1));
    end(here);
    connection.monitor(there, here.into(), reference(3)).unwrap();
    // It may be telling the others yet.
    let mut left = left(&connection);
    while left.len() < 3 {
        thread::yield_now();
        left.extend(super::super::loopback::left(&connection));
    }
    let [
        Outgoing::Exit { .. },
        Outgoing::Down { object, to, reference: second, reason: why },
        Outgoing::Down { reference: third, reason: late, .. },
    ] = &left[..]
    else {
        panic!("{left:?}")
    };
    assert_eq!((object, *to, why), (&Destination::Pid(here), there, &reason()));
    assert_eq!((*second, *third, late), (reference(2), reference(3), &ExitReason::NoProc));
    assert_no_ties(&peer);
}

#[test]
fn a_monitor_on_a_process_that_is_telling_its_end_fires_last() {
    let peer = Peer::new("telling");
    let (mut connection, there, here) = (peer.connect(), peer.process(1), waiting());
    let closed = Process::of(here).slot.links.lock().close();
    let before = process::monitor(here);
    connection.monitor(there, here.into(), reference(1)).unwrap();
    let after = process::monitor(here);
    assert_eq!(left(&connection).len(), 0);
    process::send(here, ());
    for monitor in [before, after] {
        assert_eq!(process::wait(monitor, LONG), Some(ExitReason::NoProc));
    }
    let left = left(&connection);
    let [Outgoing::Down { reference: told, reason: ExitReason::NoProc, .. }] = left[..] else {
        panic!("{left:?}")
    };
    assert_eq!(told, reference(1));
    assert_no_ties(&peer);
    drop(closed);
}

#[test]
fn a_monitor_by_name_says_the_name() {
    let peer = Peer::new("by_name");
    let (mut connection, there, here) = (peer.connect(), peer.process(1), waiting());
    let name = "incoming::tests::by_name";
    process::register(name, here).unwrap();
    connection.monitor(there, name.into(), reference(1)).unwrap();
    end(here);
    connection.monitor(there, name.into(), reference(2)).unwrap();
    let left = left(&connection);
    let [
        Outgoing::Down { object: first, reason: why, .. },
        Outgoing::Down { object: second, reason: late, .. },
    ] = &left[..]
    else {
        panic!("{left:?}")
    };
    assert_eq!((first, why), (&name.into(), &reason()));
    assert_eq!((second, late), (&name.into(), &ExitReason::NoProc));
}

#[test]
fn a_reference_that_is_used_twice_changes_nothing() {
    let peer = Peer::new("used_twice");
    let (mut connection, there, here) = (peer.connect(), peer.process(1), waiting());
    connection.monitor(there, here.into(), reference(1)).unwrap();
    connection.monitor(there, ended().into(), reference(1)).unwrap();
    assert_eq!(process::info(here).unwrap().monitored_by, [there]);
    assert_eq!(left(&connection).len(), 0);
    end(here);
}

#[test]
fn a_monitor_fires_once_with_its_tag() {
    let peer = Peer::new("a_monitor");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    let monitor = process::monitor(there);
    let tagged = process::monitor_with(there, MonitorOptions::new().tag("tag"));
    for monitor in [monitor, tagged, monitor] {
        connection.down(monitor, reason());
    }
    let down = Down { monitor, object: there.into(), reason: reason() };
    assert_eq!(next::<Down>(), down);
    let down = Down { monitor: tagged, ..down };
    assert_eq!(next::<crate::TaggedDown<&str>>(), crate::TaggedDown { tag: "tag", down });
    assert_no_message();
    assert_eq!(left(&connection).len(), 2);
    assert_no_ties(&peer);
}

#[test]
fn a_monitor_that_was_removed_is_forgotten_there() {
    let peer = Peer::new("a_demonitor");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    let monitor = process::monitor(there);
    assert!(process::demonitor(monitor));
    connection.down(monitor, reason());
    let left = left(&connection);
    let [Outgoing::Monitor { .. }, Outgoing::Demonitor { monitor: removed, to }] = &left[..] else {
        panic!("{left:?}")
    };
    assert_eq!((*removed, to), (monitor, &Target::Pid(there)));
    assert_no_message();
    assert_no_ties(&peer);
}

#[test]
fn a_name_is_monitored_whichever_process_has_it_there() {
    let peer = Peer::new("a_name");
    let (mut connection, name) = (peer.connect(), ("logger", peer.node));
    let [fired, removed] = [process::monitor(name), process::monitor(name)];
    assert!(process::demonitor(removed));
    connection.down(fired, reason());
    connection.down(removed, reason());
    let object = Destination::from(name);
    assert_eq!(object, Destination::OnNode("logger".into(), peer.node));
    assert_eq!(next::<Down>(), Down { monitor: fired, object, reason: reason() });
    assert_no_message();
    let left = left(&connection);
    let [
        Outgoing::Monitor { to: first, .. },
        Outgoing::Monitor { to: second, .. },
        Outgoing::Demonitor { monitor, to: forgotten },
    ] = &left[..]
    else {
        panic!("{left:?}")
    };
    let target = Target::Name("logger".into(), peer.node);
    assert_eq!([first, second, forgotten], [&target; 3]);
    assert_eq!(*monitor, removed);
    assert_no_ties(&peer);
}

#[test]
fn what_is_sent_to_a_name_leaves_in_order_with_the_rest() {
    let peer = Peer::new("to_a_name");
    let (connection, me) = (peer.connect(), me());
    process::send(peer.process(1), 1);
    process::send(("logger", peer.node), 2);
    process::send_to(("logger", peer.node), 3).unwrap();
    process::try_send(("logger", peer.node), 4).unwrap();
    let left = left(&connection);
    let [
        Outgoing::Send { to: Target::Pid(_), .. },
        Outgoing::Send { from, to: Target::Name(name, _), message },
        Outgoing::Send { .. },
        Outgoing::Send { .. },
    ] = &left[..]
    else {
        panic!("{left:?}")
    };
    assert_eq!((*from, &**name, message.downcast_ref()), (Some(me), "logger", Some(&2)));
}

#[test]
fn a_name_on_this_node_is_a_name() {
    let name = "incoming::tests::on_this_node";
    process::register(name, me()).unwrap();
    let on_node = (name, Node::local());
    assert_eq!(Destination::from(on_node), Destination::from(name));
    process::send(on_node, 1);
    assert_eq!(next::<i32>(), 1);
    // As it may have been told apart from this node before.
    Destination::OnNode(name.into(), Node::local()).send(Message::new(2));
    assert_eq!(next::<i32>(), 2);
    let (here, monitor) = process::spawn_monitor(|| ()).unwrap();
    assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Normal));
    assert!(process::send_to(("incoming::tests::nobody", Node::local()), here).is_err());
    process::send(("incoming::tests::nobody", Node::local()), here);
}

#[test]
fn a_call_of_a_name_is_monitored_and_sent_by_that_name() {
    let peer = Peer::new("called_by_name");
    let connection = peer.connect();
    let to = Destination::from(("counter", peer.node));
    let call = call_with_message::<()>(&to, Duration::ZERO, |_| Message::new("a request"));
    assert_eq!(call, Err(CallErrorKind::Timeout));
    let left = left(&connection);
    let target = Target::Name("counter".into(), peer.node);
    let [
        Outgoing::Monitor { to: monitored, .. },
        Outgoing::Send { to: sent, .. },
        Outgoing::Demonitor { to: forgotten, .. },
    ] = &left[..]
    else {
        panic!("{left:?}")
    };
    assert_eq!([monitored, sent, forgotten], [&target; 3]);
    assert_no_ties(&peer);
}

/// A monitor was set on a process there, and removed.
#[track_caller]
fn assert_monitored_for_a_while(peer: &Peer, connection: &Connection) {
    let left = left(connection);
    let [Outgoing::Monitor { .. }, Outgoing::Demonitor { .. }] = left[..] else {
        panic!("{left:?}")
    };
    assert_no_ties(peer);
}

#[test]
fn the_monitors_of_a_process_end_with_it() {
    let peer = Peer::new("an_owner");
    let (connection, there) = (peer.connect(), peer.process(1));
    let (_, monitor) = process::spawn_monitor(move || _ = process::monitor(there)).unwrap();
    assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Normal));
    assert_monitored_for_a_while(&peer, &connection);
}

#[test]
fn an_answer_through_the_alias_of_a_monitor_ends_it() {
    let peer = Peer::new("an_alias");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    let options = MonitorOptions::new().alias(AliasMode::Reply);
    let alias = Alias::from(process::monitor_with(there, options));
    for answer in [1, 2] {
        connection.message(&alias.into(), Message::new(answer));
    }
    assert_eq!(next::<i32>(), 1);
    assert_no_message();
    assert_monitored_for_a_while(&peer, &connection);
}

#[test]
fn signals_to_one_process_leave_in_order() {
    let peer = Peer::new("in_order");
    let (connection, there) = (peer.connect(), peer.process(1));
    process::send(there, 1);
    process::exit(there, ExitReason::Kill);
    process::send(there, 2);
    let left = left(&connection);
    let [
        Outgoing::Send { message: one, .. },
        Outgoing::ExitRequest { from, to, reason: ExitReason::Kill },
        Outgoing::Send { message: two, .. },
    ] = &left[..]
    else {
        panic!("{left:?}")
    };
    assert_eq!((one.downcast_ref(), two.downcast_ref()), (Some(&1), Some(&2)));
    assert_eq!((*from, *to), (me(), there));
}

#[test]
fn what_is_no_signal_leaves_with_the_signals() {
    let peer = Peer::new("no_signal");
    let connection = peer.connect();
    let frames = connection.frames();
    frames.queue(vec![1, 2].into());
    assert_eq!(frames.all(), Some(vec![vec![1, 2]]));
    assert_eq!(frames.all(), Some(vec![]));
    drop(connection);
    let next = peer.connect();
    frames.queue(vec![3].into());
    assert_eq!(next.frames().all(), Some(vec![]), "it was for the connection before");
}

#[test]
fn what_comes_is_as_if_it_came_from_here() {
    let peer = Peer::new("what_comes");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    connection.message(&me().into(), Message::new(1));
    connection.exit_request(there, me(), reason()).unwrap();
    connection.message(&me().into(), Message::new(2));
    assert_eq!(next::<i32>(), 1);
    assert_eq!(next::<Exit>(), Exit { from: there, reason: reason() });
    assert_eq!(next::<i32>(), 2);

    let (here, monitor) = process::spawn_monitor(|| _ = process::receive()).unwrap();
    connection.exit_request(there, here, ExitReason::Kill).unwrap();
    assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Killed));
}

/// Has a thread of the program's own be a process, in whose mailbox there is `left`, and hands
/// its pid to `test`, at the end of which it is gone.
fn with_foreign_process<T: std::any::Any + Send + Debug>(left: T, test: impl FnOnce(Pid)) {
    let (tell, told) = mpsc::channel();
    let (let_go, held) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            process::send(me(), left);
            tell.send(me()).unwrap();
            _ = held.recv();
        });
        test(told.recv().unwrap());
        drop(let_go);
    });
}

/// Tells on which thread it is dropped.
#[derive(Debug)]
struct TellsThread(mpsc::Sender<ThreadId>);

impl Drop for TellsThread {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

#[test]
fn what_a_killed_thread_of_the_program_leaves_is_dropped_elsewhere() {
    let peer = Peer::new("a_kill");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    let (tell, dropped) = mpsc::channel();
    with_foreign_process(TellsThread(tell), |here| {
        let monitor = process::monitor(here);
        connection.exit_request(there, here, ExitReason::Kill).unwrap();
        assert!(!process::is_alive(here));
        assert_ne!(dropped.recv_timeout(LONG).unwrap(), thread::current().id());
        assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Killed));
    });
}

#[test]
fn a_message_that_makes_room_for_another_is_dropped_elsewhere() {
    let mut connection = Peer::new("makes_room").connect();
    let builder = process::Builder::new().mailbox_capacity(1, process::Overflow::DropOldest);
    let here = builder.spawn(|| process::sleep(Duration::MAX)).unwrap();
    let (tell, dropped) = mpsc::channel();
    process::send(here, TellsThread(tell));
    connection.message(&here.into(), Message::new(Term::Integer(1)));
    assert_ne!(dropped.recv_timeout(LONG).unwrap(), thread::current().id());
    process::exit(here, ExitReason::Kill);
}

#[test]
fn a_lost_connection_tells_links_then_monitors_and_forgets_the_rest() {
    let peer = Peer::new("a_loss");
    let (mut connection, there, here) = (peer.connect(), peer.process(1), waiting());
    let monitors = [(); 3].map(|()| process::monitor(there));
    process::link(there);
    connection.link(peer.process(2), here).unwrap();
    connection.monitor(there, here.into(), reference(1)).unwrap();
    let id = CallId { client: there, number: 1 };
    assert!(connection.request(id, here, Arc::from([])));
    let unlinked = peer.process(3);
    process::link(unlinked);
    process::unlink(unlinked);
    let (frames, ended) = (connection.frames(), process::monitor(here));
    drop(connection);

    let reason = ExitReason::NoConnection;
    // It ends in its own time.
    assert_eq!(process::wait(ended, LONG), Some(reason.clone()));
    assert_eq!(next::<Exit>(), Exit { from: there, reason: reason.clone() });
    for monitor in monitors {
        let down = Down { monitor, object: there.into(), reason: reason.clone() };
        assert_eq!(next::<Down>(), down);
    }
    assert_no_message();
    assert!(frames.all().is_none());
    assert_no_ties(&peer);
    assert!(!process::info(me()).unwrap().links.iter().any(|pid| pid.is_remote()));
    assert_eq!(process::info(me()).unwrap().monitors.len(), 0);
}

#[test]
fn a_lost_connection_takes_the_watchers_with_it() {
    let peer = Peer::new("watchers");
    let (mut connection, here) = (peer.connect(), waiting());
    connection.monitor(peer.process(1), here.into(), reference(1)).unwrap();
    drop(connection);
    assert_eq!(process::info(here).unwrap().monitored_by, []);
    assert_no_ties(&peer);
    end(here);
}

#[test]
fn only_its_node_knows_a_process() {
    let there = Peer::new("unknown").process(1);
    assert!(!process::is_alive(there));
    assert!(process::info(there).is_none());
    assert!(process::label(there).is_none());
    let refused = process::register("incoming::tests::unknown", there).unwrap_err();
    assert_eq!(refused, RegisterError::NotAlive(there));
    assert_eq!(refused.to_string(), format!("{there} is a process of unknown@loopback"));
}

#[test]
fn what_is_sent_while_a_loss_is_told_waits_for_the_next_connection() {
    let peer = Peer::new("in_between");
    let there = peer.process(1);
    let connection = peer.connect();
    let monitor = process::monitor(there);
    let (cut, _) = connection.entry.lose();
    process::link(there);
    assert!(Connection::up(peer.incarnation(1), Arc::new(|| {})).is_err());
    assert_eq!(peer.dials().len(), 0);

    cut.tell(peer.node, &ExitReason::NoConnection);
    let down = next::<Down>();
    assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
    let After::Begin(_) = connection.entry.told() else { panic!("nothing to dial for") };
    std::mem::forget(connection);
    let left = left(&peer.connect());
    let [Outgoing::Link { .. }] = left[..] else { panic!("{left:?}") };
    assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
}

#[test]
fn a_link_made_anew_from_there_outlives_the_news_of_the_loss() {
    let peer = Peer::new("made_anew");
    let (connection, there) = (peer.connect(), peer.process(1));
    process::link(there);
    drop(connection);
    // It has not looked at what has come.
    let mut connection = peer.connect();
    connection.link(there, me()).unwrap();
    assert_eq!(next::<Exit>().reason, ExitReason::NoConnection);
    assert!(process::info(me()).unwrap().links.contains(&there));
    connection.exit(there, me(), reason()).unwrap();
    assert_eq!(next::<Exit>(), Exit { from: there, reason: reason() });
    assert!(!process::info(me()).unwrap().links.contains(&there));
    assert_no_ties(&peer);
}

/// What it would say is of no use to the one that is there next, if it says it before it knows.
#[test]
fn what_a_scope_says_to_a_peer_that_is_lost_makes_no_connection() {
    let peer = Peer::new("a_lost_scope");
    peer.hold_dials();
    let scope = Scope::<i32>::start("a_lost_scope").unwrap();
    let pid = process::whereis("a_lost_scope").unwrap();
    let mut connection = peer.connect();
    let discover = term::to_vec(&(atom("discover"), peer.process(1))).unwrap();
    connection.message(&pid.into(), Message::external(External::written(discover)));
    sys::of(pid).suspend().unwrap();
    let joining = scope.clone();
    process::spawn(move || joining.join(1, me()).unwrap()).unwrap();
    while process::info(pid).unwrap().message_queue_len == 0 {
        thread::yield_now();
    }
    drop(connection);
    assert_eq!(peer.dials().len(), 0);
    sys::of(pid).resume().unwrap();
    sys::of(pid).suspend().unwrap();
    assert_eq!(peer.dials().len(), 0);
    process::exit(pid, ExitReason::Kill);
}
