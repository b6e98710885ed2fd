//! Signals that a test writes itself, as the node of a stranger.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use procession::Node;
use procession::dynamic_supervisor::DynamicSupervisorRef;
use procession::net_kernel::{ConnectError, NetKernel};
use procession::node::{
    self, MonitorNodesOptions, NodeDownInfo, NodeDownReason, NodeUpInfo, Nodes,
};
use procession::prelude::*;
use procession::term::{self, Atom, ExternalPid, ExternalRef, Term, atom};

use super::support::counter::{self, Counter};
use super::support::rust::{Rust, process_there, register, there};
use super::support::stranger::Stranger;
use super::support::wait::{assert_no_message, down_reason, expect, wait_until};

const STRANGER: &str = "stranger@127.0.0.1";
const THIRD: &str = "third@127.0.0.1";

/// The ops of signals.
const REG_SEND: i64 = 6;
const MONITOR_P: i64 = 19;
const MONITOR_P_EXIT: i64 = 21;

fn connect(rust: &Rust, name: &str) -> Stranger {
    Stranger::node(rust.cluster.address_of("rust"), name, 7).unwrap()
}

/// A process of a stranger.
fn pid_of(node: &'static str, id: u32) -> Term {
    ExternalPid { node: atom(node), id, serial: 0, creation: 7 }.into()
}

fn tuple<const N: usize>(elements: [Term; N]) -> Term {
    Term::Tuple(elements.into())
}

fn named(name: &str) -> Term {
    Atom::new(name).unwrap().into()
}

impl Stranger {
    fn write(&mut self, control: &Term, payload: Option<&Term>) {
        let terms = [Some(control), payload];
        let terms = terms.into_iter().flatten().map(|term| term::to_vec(term).unwrap());
        let body = [b"p".to_vec()].into_iter().chain(terms).collect::<Vec<_>>().concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length[..], &body].concat()).unwrap();
    }

    /// Sends a message to the process of this name.
    fn send_to(&mut self, name: &str, message: &Term) {
        let from = pid_of(STRANGER, 1);
        let control = tuple([REG_SEND.into(), from, named(""), named(name)]);
        self.write(&control, Some(message));
    }

    /// Sends a request of `client`, whose answer goes to `tag`.
    fn call(&mut self, name: &str, client: Term, tag: Term, request: Term) {
        let call = tuple([named("$gen_call"), tuple([client, tag]), request]);
        self.send_to(name, &call);
    }

    /// Returns the next signal, and what it carries.
    #[track_caller]
    fn next(&mut self) -> (Vec<Term>, Option<Term>) {
        loop {
            let mut length = [0; 4];
            self.0.read_exact(&mut length).unwrap();
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            self.0.read_exact(&mut body).unwrap();
            if body.is_empty() {
                continue;
            }
            // All terms are as short as they can be.
            let read = |end: &usize| term::from_slice(&body[1..*end]).ok();
            let end = (2..=body.len()).find(|end| read(end).is_some()).unwrap();
            let Some(Term::Tuple(elements)) = read(&end) else { panic!("{body:?}") };
            let payload = &body[end..];
            return (elements, (!payload.is_empty()).then(|| term::from_slice(payload).unwrap()));
        }
    }
}

#[test]
fn a_request_that_cannot_be_answered_is_refused_by_the_monitor_of_its_client() {
    let Some(rust) = Rust::start_with(NetKernel::serve::<Counter>) else { return };
    let counter = counter::start();
    let mut stranger = connect(&rust, STRANGER);
    let client = || pid_of(STRANGER, 1);
    let reference = ExternalRef::new(atom(STRANGER), 7, &[1, 0, 0]);
    let monitor = tuple([MONITOR_P.into(), client(), named("counter"), reference.clone().into()]);
    stranger.write(&monitor, None);
    stranger.call("counter", client(), Term::Binary(vec![7; 2000].into()), named("get"));
    let (signal, _) = stranger.next();
    let [op, object, to, told, reason] = &signal[..] else { panic!("{signal:?}") };
    assert_eq!([op, object], [&MONITOR_P_EXIT.into(), &named("counter")]);
    assert_eq!([to, told], [&client(), &reference.into()]);
    assert!(reason.to_string().starts_with("{bad_request,<<\"too many requests"), "{reason}");
    counter.stop().unwrap();
    process::flush();
}

#[test]
fn a_request_that_was_passed_on_is_answered_while_there_is_the_connection_by_which_it_came() {
    let Some(rust) = Rust::start_with(NetKernel::serve::<Counter>) else { return };
    let counter = counter::start();
    register("test");
    let mut third = connect(&rust, THIRD);
    for is_lost in [false, true] {
        let mut stranger = connect(&rust, STRANGER);
        stranger.call("counter", pid_of(THIRD, 1), 7.into(), named("later"));
        stranger.send_to("test", &named("it has come"));
        expect::<Term>();
        assert_eq!(counter.call(counter::Add(1)).unwrap(), 1 + i64::from(is_lost));
        if is_lost {
            drop(stranger);
            wait_until(|| node::nodes(Nodes::Connected) == [Node::named(THIRD)]);
        }
        counter.cast(counter::Release);
        let last = counter.call(counter::Add(0)).unwrap();
        let there: Pid = term::from_term(&pid_of(THIRD, 1)).unwrap();
        process::send(there, atom("last"));
        if !is_lost {
            assert_eq!(third.next().1, Some(tuple([7.into(), last.into()])));
        }
        assert_eq!(third.next().1, Some(named("last")));
    }
    counter.stop().unwrap();
    process::flush();
}

#[test]
fn a_connection_was_shut_down_if_this_node_has_ended_it_and_not_if_a_process_of_it_was() {
    let Some(mut rust) = Rust::start() else { return };
    let options = MonitorNodesOptions::new().all_node_types().nodedown_reason();
    node::monitor_nodes_with(true, options);
    let stranger = connect(&rust, STRANGER);
    expect::<NodeUpInfo>();
    let connections = DynamicSupervisorRef::named("net_connections").which_children().unwrap();
    let reader = connections[0].state.pid().unwrap();
    // As by the process that writes, when that is the first to find the connection closed.
    process::exit(reader, ExitReason::Shutdown);
    assert_eq!(expect::<NodeDownInfo>().nodedown_reason, NodeDownReason::ConnectionClosed);
    drop(stranger);

    let _stranger = connect(&rust, STRANGER);
    expect::<NodeUpInfo>();
    rust.stop();
    assert_eq!(expect::<NodeDownInfo>().nodedown_reason, NodeDownReason::Shutdown);
    node::monitor_nodes_with(false, options);
    rust.start_again();
}

#[test]
fn a_node_is_one_while_its_server_is_restarted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let Some(_rust) = Rust::start_with(|node| node.peer("silent@127.0.0.1", address)) else {
        return;
    };
    let test = process::self_pid();
    let connect = move || process::send(test, node::connect(Node::named("silent@127.0.0.1")));
    process::spawn(connect).unwrap();
    // It waits for the server by now.
    let _silent = listener.accept().unwrap();
    process::exit(process::whereis("net_kernel").unwrap(), ExitReason::Kill);
    let error = expect::<Result<(), ConnectError>>().unwrap_err();
    assert!(matches!(error, ConnectError::Failed(_)), "{error}");
    // All of it is there again.
    wait_until(|| process::whereis("rex").is_some());
}

#[test]
fn functions_are_run_while_an_answer_cannot_leave() {
    let test = process::self_pid();
    let wait = move || {
        process::send(test, process::self_pid());
        process::receive_match(|_| false);
    };
    let run = move || process::send(test, atom("run"));
    // Nor is it given up meanwhile.
    let offer = |node: NetKernel| {
        node.tick_time(Duration::MAX).offer("m", "wait", wait).offer("m", "run", run)
    };
    let Some(rust) = Rust::start_with(offer) else { return };
    let mut stranger = connect(&rust, STRANGER);
    let mut ask = |function| {
        let call = [named("call"), named("m"), named(function), Term::List(vec![]), named("user")];
        stranger.send_to("rex", &tuple([pid_of(STRANGER, 1), tuple(call)]));
    };
    ask("wait");
    let running = expect::<Pid>();
    // It reads nothing, and more waits than there is room for, even when the system has taken all
    // that it takes.
    let there: Pid = term::from_term(&pid_of(STRANGER, 1)).unwrap();
    let large = || Term::Binary(vec![7; 1 << 20].into());
    while process::send_timeout(there, large(), Duration::from_millis(200)).is_ok() {}
    let monitor = process::monitor(running);
    process::exit(running, ExitReason::Kill);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
    ask("run");
    assert_eq!(expect::<Atom>(), atom("run"));
    assert_no_message();
}

/// There is no time that is too long.
#[test]
fn a_node_has_for_ever() {
    let options = |node: NetKernel| {
        node.tick_time(Duration::MAX).set_up_time(Duration::MAX).serve::<Counter>()
    };
    let Some(rust) = Rust::start_with(options) else { return };
    let beam = rust.beam();
    register("test");
    beam.eval("{test, 'rust@127.0.0.1'} ! here");
    assert_eq!(expect::<Term>(), named("here"));
    assert_eq!(node::disconnect(there(&beam)), Ok(true));
    node::connect(there(&beam)).unwrap();
    let pid = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
    process::send(pid, 1);
    assert_eq!(expect::<Term>(), Term::Integer(1));
}
