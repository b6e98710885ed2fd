//! Those who connect, and are no nodes as they should be.

use std::io::Write;
use std::time::{Duration, Instant};

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::node::{self, MonitorNodesOptions, NodeDownInfo, NodeUpInfo, Nodes};
use procession::prelude::*;
use procession::term::{self, ExternalPid, ExternalRef, ImproperList, Term, atom};

use super::support::counter::{self, Counter};
use super::support::rust::{NAME, Rust, ping, process_there, there};
use super::support::stranger::{FLAGS, Stranger};
use super::support::wait::{assert_no_message, down_reason, expect, wait_until};

#[test]
fn who_lacks_what_is_mandatory_is_not_allowed() {
    let Some(rust) = Rust::start() else { return };
    let address = rust.cluster.address_of("rust");
    for flag in [0x4, 0x400, 0x2_0000, 0x100_0000, 0x200_0000, 1 << 34] {
        let mut stranger = Stranger::connect(address).unwrap();
        let flags = FLAGS & !0x400_0000 & !flag;
        stranger.introduce(flags, "stranger@127.0.0.1", 7).unwrap();
        assert_eq!(stranger.receive().unwrap(), b"snot_allowed");
        stranger.expect_closed();
    }
}

#[test]
fn who_has_the_name_of_the_node_is_not_allowed() {
    let Some(rust) = Rust::start() else { return };
    let mut stranger = Stranger::connect(rust.cluster.address_of("rust")).unwrap();
    stranger.introduce(FLAGS, NAME, 7).unwrap();
    assert_eq!(stranger.receive().unwrap(), b"snot_allowed");
    stranger.expect_closed();
}

#[test]
fn who_says_nothing_is_left_after_the_set_up_time() {
    let time = Duration::from_millis(200);
    let Some(rust) = Rust::start_with(|node| node.set_up_time(time)) else { return };
    let begin = Instant::now();
    let mut stranger = Stranger::connect(rust.cluster.address_of("rust")).unwrap();
    stranger.expect_closed();
    assert!(begin.elapsed() >= time);
    // Who says little is, too.
    let mut stranger = Stranger::connect(rust.cluster.address_of("rust")).unwrap();
    stranger.introduce(FLAGS, "stranger@127.0.0.1", 7).unwrap();
    stranger.expect_closed();
}

#[test]
fn who_connects_while_many_others_do_is_accepted_later() {
    let time = Duration::from_secs(1);
    let Some(rust) = Rust::start_with(|node| node.set_up_time(time)) else { return };
    let connect = || Stranger::connect(rust.cluster.address_of("rust")).unwrap();
    let silent: Vec<Stranger> = (0..64).map(|_| connect()).collect();
    let mut last: Vec<Stranger> = (0..16).map(|_| connect()).collect();
    for (number, stranger) in last.iter_mut().enumerate() {
        stranger.introduce(FLAGS, &format!("stranger{number}@127.0.0.1"), 7).unwrap();
    }
    silent.into_iter().for_each(|mut it| it.expect_closed());
    last.into_iter().for_each(|mut it| assert_eq!(it.receive().unwrap(), b"sok"));
}

#[test]
fn of_two_connections_of_one_name_the_newer_stays() {
    let Some(rust) = Rust::start() else { return };
    let address = rust.cluster.address_of("rust");
    let mut first = Stranger::node(address, "stranger@127.0.0.1", 7).unwrap();
    let _second = Stranger::node(address, "stranger@127.0.0.1", 8).unwrap();
    first.expect_closed();
    assert_eq!(node::nodes(Nodes::Connected), [Node::named("stranger@127.0.0.1")]);
}

#[test]
fn a_frame_above_the_limit_ends_its_connection() {
    let limit = |node: NetKernel| node.max_frame(100_000);
    let Some(rust) = Rust::start_with(limit) else { return };
    let beam = rust.beam();
    let pid = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
    let monitor = process::monitor(pid);
    beam.eval("{test, 'rust@127.0.0.1'} ! <<0:800000>>");
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    // It is back at the next use.
    wait_until(|| ping(&beam) == "pong");
    assert_eq!(node::nodes(Nodes::Connected), [there(&beam)]);
    assert_no_message();
}

/// The name of who is no node as it should be.
const STRANGER: &str = "stranger@127.0.0.1";

/// A message of process 1 of the stranger to the process that has this name.
fn message_to(name: &str, message: Term) -> Vec<u8> {
    let from = ExternalPid { node: atom(STRANGER), id: 1, serial: 0, creation: 7 };
    let to = procession::term::Atom::new(name).unwrap();
    let control = Term::Tuple(vec![6.into(), from.into(), atom("").into(), to.into()]);
    let body =
        [&b"p"[..], &term::to_vec(&control).unwrap(), &term::to_vec(&message).unwrap()].concat();
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

/// References have room for larger numbers than this node gives to its aliases.
#[test]
fn a_request_with_an_alias_that_was_made_up_harms_no_server() {
    let Some(rust) = Rust::start_with(NetKernel::serve::<Counter>) else { return };
    let mut stranger = Stranger::node(rust.cluster.address_of("rust"), STRANGER, 7).unwrap();
    let counter = counter::start();
    let Term::Pid(me) = term::to_term(&process::self_pid()).unwrap() else { panic!() };
    for high in [0xc000_0000, 0x8000_0000, 0x4000_0000, 0x4000_0001, 0x3fff_ffff] {
        for (server, request) in [("counter", "get"), ("counter", "what"), ("net_kernel", "x")] {
            let words = [0, high, me.id, me.serial, 0];
            let alias = ExternalRef::new(me.node.clone(), me.creation, &words);
            let tag = ImproperList::new(vec![atom("alias").into()], alias.into());
            let from = Term::Tuple(vec![Term::Pid(me.clone()), tag]);
            let call = Term::Tuple(vec![atom("$gen_call").into(), from, atom(request).into()]);
            stranger.0.write_all(&message_to(server, call)).unwrap();
        }
    }
    let last = Term::Tuple(vec![atom("$gen_cast").into(), atom("reset").into()]);
    assert_eq!(counter.call(counter::Add(1)), Ok(1));
    stranger.0.write_all(&message_to("counter", last)).unwrap();
    wait_until(|| counter.call(counter::Add(0)) == Ok(0));
    assert_eq!(node::nodes(Nodes::Connected), [Node::named(STRANGER)]);
    counter.stop().unwrap();
    process::flush();
}

#[test]
fn a_node_can_be_disconnected_as_soon_as_it_is_known_to_be_up() {
    const ROUNDS: u32 = 200;
    let Some(rust) = Rust::start() else { return };
    let address = rust.cluster.address_of("rust");
    let options = MonitorNodesOptions::new().all_node_types();
    node::monitor_nodes_with(true, options);
    for _ in 0..ROUNDS {
        let mut stranger = Stranger::node(address, STRANGER, 7).unwrap();
        let node = expect::<NodeUpInfo>().node;
        assert_eq!(node::disconnect(node), Ok(true));
        assert_eq!(expect::<NodeDownInfo>().node, node);
        assert_eq!(node::disconnect(node), Ok(false));
        stranger.expect_closed();
    }
    node::monitor_nodes_with(false, options);
}

/// Who has not proved to be a node delays what waits for it, once.
#[test]
fn strangers_in_the_name_of_a_node_do_not_keep_this_one_from_dialling_it() {
    let time = Duration::from_millis(200);
    let Some(rust) = Rust::start_with(|node| node.set_up_time(time)) else { return };
    let address = rust.cluster.address_of("rust");
    let introduced = || {
        let mut stranger = Stranger::connect(address).unwrap();
        stranger.introduce(FLAGS, "absent@127.0.0.1", 7).unwrap();
        (stranger.receive().unwrap(), stranger)
    };
    let (status, mut first) = introduced();
    assert_eq!(status, b"sok");
    let node = Node::named("absent@127.0.0.1");
    let (_, monitor) =
        process::spawn_monitor(move || assert!(node::connect(node).is_err())).unwrap();
    first.expect_closed();
    // There is always one more, until the node has been looked for.
    let mut strangers = Vec::new();
    while process::receive_match_timeout(Duration::ZERO, |message| message.is::<Down>()).is_none() {
        // They are admitted, but for while the node is dialled.
        strangers.push(introduced().1);
        assert!(strangers.len() < 1000, "the node is not dialled");
        if strangers.len() > 8 {
            strangers.remove(0);
        }
    }
    _ = monitor;
}
