//! Requests of processes of another node, and to them.

use crate::call::Pending;
use crate::stop::StopError;

use super::super::super::loopback::Stays;
use super::super::super::remote::RemotePid;
use super::*;

#[test]
fn the_first_answer_to_a_request_leaves() {
    let peer = Peer::new("a_request");
    let (mut connection, client) = (peer.connect(), peer.process(1));
    let id = CallId { client, number: 1 };
    assert!(connection.request(id, me(), Arc::from([7])));
    let client_there = RemotePid::of(client).unwrap();
    for answer in [1, 2] {
        client_there.answer(1, Message::new(answer)).unwrap();
    }
    let left = left(&connection);
    let [Outgoing::Answer { to, tag, message }] = &left[..] else { panic!("{left:?}") };
    assert_eq!((*to, &**tag, message.downcast_ref()), (client, &[7][..], Some(&1)));
    assert_no_ties(&peer);
}

#[test]
fn a_request_that_is_refused_ends_by_the_monitor_of_its_client() {
    let peer = Peer::new("a_refusal");
    let (mut connection, client, server) = (peer.connect(), peer.process(1), waiting());
    connection.monitor(client, server.into(), reference(1)).unwrap();
    connection.monitor(client, server.into(), reference(2)).unwrap();
    let id = CallId { client, number: 1 };
    assert!(connection.request(id, server, Arc::from([7])));
    let client_there = RemotePid::of(client).unwrap();
    client_there.refuse(1, reason());
    client_there.answer(1, Message::new(1)).unwrap();
    let left = left(&connection);
    let [Outgoing::Down { object, to, reference: told, reason: why }] = &left[..] else {
        panic!("{left:?}")
    };
    assert_eq!((object, *to, *told), (&Destination::Pid(server), client, reference(2)));
    assert_eq!(why, &reason());
    assert_eq!(process::info(server).unwrap().monitored_by, [client]);
    end(server);
}

#[test]
fn a_request_that_was_passed_on_is_answered_over_the_connection_of_its_client() {
    let [peer, other] = ["a_proxy", "a_client"].map(Peer::new);
    other.hold_dials();
    let (mut connection, client) = (peer.connect(), other.process(1));
    let id = CallId { client, number: 1 };
    assert!(connection.request(id, me(), Arc::from([7])));
    RemotePid::of(client).unwrap().answer(1, Message::new(1)).unwrap();
    assert_eq!(left(&connection).len(), 0);
    let left = left(&other.connect());
    let [Outgoing::Answer { to, .. }] = &left[..] else { panic!("{left:?}") };
    assert_eq!(*to, client);
    assert_no_ties(&other);
}

#[test]
fn a_call_ends_with_the_connection() {
    let peer = Peer::new("a_call");
    let (connection, there) = (peer.connect(), peer.process(1));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            while count < 2 {
                count += left(&connection).len();
                thread::yield_now();
            }
            drop(connection);
        });
        let call = call_with_message::<()>(&there, LONG, |_| Message::new("a request"));
        assert_eq!(call, Err(CallErrorKind::NodeDown(peer.node)));
    });
    assert_no_message();
    assert_no_ties(&peer);
}

#[test]
fn a_call_that_has_timed_out_leaves_nothing() {
    let peer = Peer::new("a_timeout");
    let (connection, there) = (peer.connect(), peer.process(1));
    let call = call_with_message::<()>(&there, Duration::ZERO, |_| Message::new("a request"));
    assert_eq!(call, Err(CallErrorKind::Timeout));
    let left = left(&connection);
    let [Outgoing::Monitor { .. }, Outgoing::Send { .. }, Outgoing::Demonitor { .. }] = left[..]
    else {
        panic!("{left:?}")
    };
    assert_no_ties(&peer);
}

// OTP: `gen:do_call/4` sends with `noconnect`.
#[test]
fn a_request_does_not_dial_again_when_its_monitor_has_not_reached_the_node() {
    let peer = Peer::new("one_dial");
    let there = peer.process(1);
    let call = call_with_message::<()>(&there, LONG, |_| Message::new("a request"));
    assert_eq!(call, Err(CallErrorKind::NodeDown(peer.node)));
    assert_eq!(peer.dials().len(), 1);
    assert_eq!(left(&peer.connect()).len(), 0);
}

#[test]
fn a_call_of_what_is_gone_from_there_finds_no_process() {
    let peer = Peer::new("gone");
    let (mut connection, there) = (peer.connect(), peer.process(1));
    let pending = Pending::<()>::ask(there, AliasMode::Reply, |_| Message::new("a request"));
    let left = left(&connection);
    let [Outgoing::Monitor { monitor, .. }, Outgoing::Send { .. }] = left[..] else {
        panic!("{left:?}")
    };
    connection.down(monitor, ExitReason::NoProc);
    assert_eq!(pending.wait(LONG), Some(Err(CallErrorKind::NoProc)));
    assert_no_ties(&peer);
}

#[test]
fn a_request_that_does_not_travel_is_an_error_at_once() {
    let peer = Peer::new("stays");
    let (connection, there) = (peer.connect(), peer.process(1));
    let call = call_with_message::<()>(&there, LONG, |_| Message::new(Stays));
    assert_eq!(call, Err(CallErrorKind::NoExternalForm("it stays".to_owned())));
    let pending = Pending::<()>::ask(there, AliasMode::Reply, |_| Message::new(Stays));
    let why = pending.wait(LONG);
    assert_eq!(why, Some(Err(CallErrorKind::NoExternalForm("it stays".to_owned()))));
    assert_no_message();
    assert_eq!(left(&connection).len(), 4);
    assert_no_ties(&peer);
}

#[derive(Debug)]
struct Server;

impl GenServer for Server {
    type Args = ();

    fn init((): ()) -> InitResult<Server> {
        ready(Server)
    }
}

impl HandleCall<u32> for Server {
    type Reply = u32;

    fn handle_call(&mut self, n: u32, _: &Caller<u32>) -> CallResult<Server, u32> {
        reply(n)
    }
}

impl HandleCast<u32> for Server {
    fn handle_cast(&mut self, _: u32) -> CastResult<Server> {
        noreply()
    }
}

#[test]
fn a_server_of_a_node_without_a_connection_cannot_be_called() {
    let peer = Peer::new("a_server");
    let server = ServerRef::<Server>::from_pid(peer.process(1));
    server.cast(1);
    let error = server.call(1).unwrap_err();
    assert_eq!(error.into_kind(), CallErrorKind::NodeDown(peer.node));
    let error = server.send_request(1).receive_response(LONG).unwrap_err();
    assert_eq!(error.into_kind(), CallErrorKind::NodeDown(peer.node));
    assert_eq!(server.stop(), Err(StopError::NodeDown(peer.node)));
    assert_no_message();
    assert_no_ties(&peer);
}

#[test]
fn a_wait_for_a_process_of_another_node_closes_no_circle_here() {
    let peer = Peer::new("no_circle");
    let caller = current();
    let (tell, told) = mpsc::channel();
    let (let_go, held) = mpsc::channel();
    thread::scope(|scope| {
        let waits = scope.spawn(move || {
            tell.send(me()).unwrap();
            held.recv().unwrap();
            current().wait_for(caller.pid, unique()).is_ok()
        });
        let waiting = told.recv().unwrap();
        // It has the numbers of one that is here.
        let serial = u32::try_from(waiting.generation().get() - 1).unwrap();
        let there = Pid::remote(peer.incarnation(1), waiting.index(), serial);
        let _waiting = caller.wait_for(there, unique()).unwrap();
        let_go.send(()).unwrap();
        assert!(waits.join().unwrap(), "it was refused");
    });
}
