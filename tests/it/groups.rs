//! Requests to the servers of one name on several nodes.

use std::time::Duration;

use procession::Node;
use procession::prelude::*;

use crate::support::processes::in_process;
use crate::support::rounds::rounds;
use crate::support::scripted::{
    Scripted, ScriptedServer, Terminated, init_with, observed_init, pid_of,
};
use crate::support::wait::{assert_no_message, expect, test_timeout, wait_until};

/// A request that can be sent to several.
#[derive(Clone, Debug)]
struct Double(u32);

impl HandleCall<Double> for Scripted {
    type Reply = u32;

    fn handle_call(&mut self, Double(n): Double, caller: &Caller<u32>) -> CallResult<Self, Double> {
        if n == 0 {
            _ = caller.defer();
            return noreply();
        }
        reply(2 * n)
    }
}

impl HandleCast<Double> for Scripted {
    fn handle_cast(&mut self, Double(n): Double) -> CastResult<Self> {
        process::send(self.observer.unwrap(), n);
        noreply()
    }
}

fn named(name: &str) -> ServerRef<Scripted> {
    Scripted::start_with(observed_init(), StartOptions::new().name(name)).unwrap()
}

// OTP: gen_server_SUITE:multicall
#[test]
fn a_call_returns_the_replies_by_node() {
    let name = "groups::call";
    let server = named(name);
    let here = Node::local();
    let outcome =
        ServerRef::<Scripted>::named(name).multi_call_timeout(&[here], Double(21), test_timeout());
    assert_eq!(outcome, (vec![(here, 42)], vec![]));
    let nowhere =
        ServerRef::<Scripted>::named(name).multi_call_timeout(&[], Double(21), test_timeout());
    assert_eq!(nowhere, (vec![], vec![]));
    assert_eq!(server.stop(), Ok(()));
}

// OTP: gen_server_SUITE:multicall
#[test]
fn a_call_names_the_nodes_without_a_reply() {
    in_process(|| {
        let here = Node::local();
        let name = "groups::without";
        let call = |n, timeout| {
            ServerRef::<Scripted>::named(name).multi_call_timeout(&[here], Double(n), timeout)
        };
        assert_eq!(call(1, test_timeout()), (vec![], vec![here]));

        let server = named(name);
        assert_eq!(call(0, Duration::from_millis(2)), (vec![], vec![here]));
        assert_eq!(call(1, test_timeout()), (vec![(here, 2)], vec![]));
        let let_go = server.hold(|_| noreply());
        assert_eq!(call(1, Duration::ZERO), (vec![], vec![here]));
        drop(let_go);
        assert_eq!(server.stop(), Ok(()));
        expect::<Terminated>();
        // The late reply has come to nobody.
        assert_no_message();
    });
}

// OTP: gen_server_SUITE:abcast
#[test]
fn a_cast_goes_to_every_node_whose_server_exists() {
    let name = "groups::cast";
    ServerRef::<Scripted>::named(name).abcast_on(&[Node::local()], Double(1));
    let server = named(name);
    ServerRef::<Scripted>::named(name).abcast_on(&[Node::local()], Double(2));
    assert_eq!(expect::<u32>(), 2);
    assert_eq!(server.stop(), Ok(()));
}

#[test]
fn all_processes_are_on_the_local_node() {
    assert_eq!(process::self_pid().node(), Node::local());
    assert_eq!(Node::local().to_string(), "nonode@nohost");
}

// OTP: gen_server_SUITE:multicall
#[test]
fn a_call_asks_as_often_as_a_node_is_named() {
    let name = "groups::twice";
    let server = named(name);
    let here = Node::local();
    let outcome = ServerRef::<Scripted>::named(name).multi_call_timeout(
        &[here; 3],
        Double(1),
        test_timeout(),
    );
    assert_eq!(outcome, (vec![(here, 2); 3], vec![]));
    ServerRef::<Scripted>::named(name).abcast_on(&[here; 2], Double(3));
    assert_eq!([expect::<u32>(), expect::<u32>()], [3, 3]);
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(expect::<Terminated>().reason, ExitReason::Normal);
    assert_no_message();
}

// OTP: gen_server_SUITE:multicall_down
#[test]
fn a_call_names_the_node_whose_server_ends_meanwhile() {
    in_process(|| {
        let (me, here) = (process::self_pid(), Node::local());
        let name = "groups::ends";
        for end in [ExitReason::Normal, ExitReason::Kill] {
            let server = named(name);
            let let_go = server.hold(|_| stop(ExitReason::Normal));
            let pid = pid_of(&server);
            process::spawn(move || {
                let outcome = ServerRef::<Scripted>::named(name).multi_call_timeout(
                    &[here],
                    Double(1),
                    test_timeout(),
                );
                process::send(me, outcome);
            })
            .unwrap();
            wait_until(|| process::info(pid).unwrap().message_queue_len == 1);
            if end == ExitReason::Kill {
                process::exit(pid, end);
            }
            drop(let_go);
            let outcome = expect::<(Vec<(Node, u32)>, Vec<Node>)>();
            assert_eq!(outcome, (vec![], vec![here]));
            wait_until(|| process::whereis(name).is_none());
        }
    });
}

#[test]
fn a_call_of_a_server_to_its_own_name_is_not_answered_in_time() {
    let (name, here) = ("groups::own", Node::local());
    let server = named(name);
    let outcome = server.call_with(move |_, _| {
        let time = Duration::from_millis(2);
        reply(ServerRef::<Scripted>::named(name).multi_call_timeout(&[here], Double(1), time))
    });
    assert_eq!(outcome, Ok((vec![], vec![here])));
    // What it sent itself is handled, and its late reply comes to nobody.
    server.assert_answers();
    assert_eq!(server.stop(), Ok(()));
    expect::<Terminated>();
    assert_no_message();
}

// OTP: gen_server_SUITE:multicall_recv_opt_timeout
#[test]
fn a_call_without_time_leaves_no_message_whenever_the_reply_comes() {
    in_process(|| {
        let (name, here) = ("groups::race", Node::local());
        let server = Scripted::start_with(
            init_with(|| ready(Scripted::default())),
            StartOptions::new().name(name),
        )
        .unwrap();
        for round in 0..rounds(2_000) {
            let timeout = Duration::from_nanos(round as u64 % 64 * 500);
            let outcome = ServerRef::<Scripted>::named(name).multi_call_timeout(
                &[here; 2],
                Double(1),
                timeout,
            );
            let (replies, bad_nodes) = outcome;
            assert_eq!(replies.len() + bad_nodes.len(), 2);
            assert!(replies.iter().all(|reply| *reply == (here, 2)), "{replies:?}");
        }
        server.assert_answers();
        assert_no_message();
    });
}

// OTP: gen_server_SUITE:abcast
#[test]
fn a_cast_does_not_wait_for_a_busy_server() {
    let name = "groups::busy";
    let server = named(name);
    let let_go = server.hold(|_| noreply());
    for n in 1..=3 {
        ServerRef::<Scripted>::named(name).abcast_on(&[Node::local()], Double(n));
    }
    assert_no_message();
    drop(let_go);
    assert_eq!([expect::<u32>(), expect::<u32>(), expect::<u32>()], [1, 2, 3]);
    assert_eq!(server.stop(), Ok(()));
}

// OTP: gen_server_SUITE:multicall
#[test]
fn every_node_is_meant_if_none_is_named() {
    let name = "groups::every";
    let server = named(name);
    let (servers, here) = (ServerRef::<Scripted>::named(name), Node::local());
    assert_eq!(servers.multi_call(Double(4)), (vec![(here, 8)], vec![]));
    assert_eq!(servers.multi_call_on(&[here; 2], Double(4)), (vec![(here, 8); 2], vec![]));
    servers.abcast(Double(5));
    assert_eq!(expect::<u32>(), 5);
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(servers.multi_call(Double(4)), (vec![], vec![here]));
}

#[test]
fn a_call_of_a_server_to_its_own_name_without_a_limit_of_time_does_not_wait() {
    let (name, here) = ("groups::own_forever", Node::local());
    let server = named(name);
    let outcome = server
        .call_with(move |_, _| reply(ServerRef::<Scripted>::named(name).multi_call(Double(1))));
    assert_eq!(outcome, Ok((vec![], vec![here])));
    server.assert_answers();
    assert_eq!(server.stop(), Ok(()));
}
