//! What is left when many connections have come and gone, from nodes and from whoever else:
//! nothing. A binary of its own, as threads, descriptors and memory are the program's, and so is
//! its log.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use procession::global::{self, LockId};
use procession::net_kernel::{ConnectError, NetKernel};
use procession::node::{self, Nodes};
use procession::prelude::*;
use procession::term::{self, Term};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod beam;
    pub(crate) mod dice;
    pub(crate) mod erlang;
    pub(crate) mod frames;
    pub(crate) mod fuzz;
    pub(crate) mod global_frames;
    pub(crate) mod named;
    pub(crate) mod logger;
    pub(crate) mod relay;
    pub(crate) mod rounds;
    pub(crate) mod rust;
    pub(crate) mod stranger;
    pub(crate) mod twin;
    pub(crate) mod usage;
    pub(crate) mod wait;
}

use support::dice::Dice;
use support::frames::hostile;
use support::fuzz::seeds;
use support::global_frames::{Session, hostile_names};
use support::logger::{keep_what_is_logged, logged};
use support::named::{Named, holder_there, meet, names, visible};
use support::rounds::rounds;
use support::rust::{Rust, expect_term, ping, process_there, register, there};
use support::stranger::{FLAGS, PUBLISHED, Stranger};
use support::twin::Twin;
use support::usage::{Usage, wait_until_as};
use support::wait::{
    assert_no_message, down_reason, expect, expect_exit, test_timeout, wait_until,
};

fn crashes() -> Vec<String> {
    logged("procession::crash")
}

#[test]
fn connects_and_disconnects_leave_nothing() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let mut before = Usage::now();
    for round in 0..rounds(500) {
        if round == 50 {
            before = Usage::now();
        }
        assert_eq!(ping(&beam), "pong");
        let monitor = process::monitor(process_there(&beam, "ok"));
        assert_eq!(beam.eval("erlang:disconnect_node('rust@127.0.0.1')"), "true");
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        wait_until(|| node::nodes(Nodes::Connected).is_empty());
    }
    wait_until_as(before);
}

#[test]
fn restarts_of_the_other_node_leave_nothing() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.cluster.beam_to_be("beam");
    let mut before = Usage::now();
    for round in 0..rounds(500) {
        if round == 50 {
            before = Usage::now();
        }
        beam.begin_life();
        let there = process_there(&beam, "ok");
        let monitor = process::monitor(there);
        process::link(there);
        beam.end_life();
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        assert_eq!(expect_exit(there), ExitReason::NoConnection);
    }
    wait_until_as(before);
}

#[test]
fn restarts_of_this_node_leave_nothing() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    let mut before = Usage::now();
    for round in 0..rounds(500) {
        if round == 50 {
            before = Usage::now();
        }
        wait_until(|| ping(&beam) == "pong");
        let monitor = process::monitor(process_there(&beam, "ok"));
        rust.stop();
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        rust.start_again();
    }
    wait_until_as(before);
}

/// Ten thousand, of a hundred processes, each of which fires when their node is killed.
#[test]
fn monitors_of_nodes_that_are_killed_leave_nothing() {
    const PROCESSES: usize = 100;
    let Some(rust) = Rust::start() else { return };
    let mut before = Usage::now();
    for round in 0..rounds(8) {
        if round == 2 {
            before = Usage::now();
        }
        let mut beam = rust.beam();
        register("test");
        beam.eval(&format!(
            "Idle = fun() -> receive x -> x end end, \
             {{test, 'rust@127.0.0.1'}} ! [spawn(Idle) || _ <- lists:seq(1, {PROCESSES})]"
        ));
        let pids: Vec<Pid> = expect_term();
        let all = pids.iter().cycle().take(100 * PROCESSES);
        let monitors: BTreeSet<_> = all.map(|pid| process::monitor(*pid)).collect();
        beam.kill();
        let fired = monitors.iter().map(|_| {
            let down: Down = expect();
            assert_eq!(down.reason, ExitReason::NoConnection);
            down.monitor
        });
        assert_eq!(fired.collect::<BTreeSet<_>>(), monitors);
        assert_no_message();
        wait_until(|| rust.cluster.find("beam").is_none());
    }
    wait_until_as(before);
}

#[test]
fn a_frame_above_the_limit_leaves_a_line_in_the_log() {
    keep_what_is_logged();
    let Some(rust) = Rust::start_with(|node| node.max_frame(100_000)) else { return };
    let beam = rust.beam();
    let monitor = process::monitor(process_there(&beam, "ok"));
    beam.eval("{test, 'rust@127.0.0.1'} ! <<0:800000>>");
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    let text = "where at most 100000 are allowed";
    wait_until(|| !logged(text).is_empty());
    // It is back at the next use.
    wait_until(|| ping(&beam) == "pong");
    assert_eq!(logged(text).len(), 1);
    assert_eq!(crashes(), [""; 0]);
}

#[test]
fn connections_of_two_programs_leave_nothing() {
    let both = Rust::start_with_twin(|parent| {
        loop {
            let usage = Usage::now();
            parent.tell(&[usage.threads, usage.descriptors, usage.memory].map(|it| it as u64));
            let _: bool = parent.told();
        }
    });
    let Some((_rust, mut twin)) = both else { return };
    let told = |twin: &Twin| {
        let [threads, descriptors, memory] = twin.told::<[u64; 3]>().map(|it| it as usize);
        Usage { threads, descriptors, memory }
    };
    let mut before = [Usage::now(), told(&twin)];
    for round in 0..rounds(500) {
        if round == 50 {
            twin.tell(&true);
            before = [Usage::now(), told(&twin)];
        }
        wait_until(|| node::connect(twin.node()).is_ok());
        assert_eq!(node::nodes(Nodes::Connected), [twin.node()]);
        assert_eq!(node::disconnect(twin.node()), Ok(true));
    }
    wait_until_as(before[0]);
    let start = Instant::now();
    loop {
        twin.tell(&true);
        let now = told(&twin);
        if now.is_as(before[1]) {
            return;
        }
        assert!(start.elapsed() < test_timeout(), "{:?}, then {now:?}", before[1]);
    }
}

#[test]
fn wrong_cookies_leave_a_line_in_the_log_and_nothing_else() {
    keep_what_is_logged();
    let Some(rust) = Rust::start_with(|node| node.cookie("wrong")) else { return };
    let beam = rust.beam();
    let mut before = Usage::now();
    let text = "the node has another cookie";
    for round in 0..50 {
        if round == 10 {
            before = Usage::now();
        }
        let lines = logged(text).len();
        assert_eq!(ping(&beam), "pang");
        wait_until(|| logged(text).len() == lines + 1);
        // A node is not dialled again at once.
        wait_until(|| {
            let connected = node::connect(there(&beam));
            assert_eq!(connected, Err(ConnectError::WrongCookie));
            logged(text).len() > lines + 1
        });
        assert_eq!(logged(text).len(), lines + 2);
    }
    wait_until_as(before);
    assert_eq!(crashes(), [""; 0]);
}

/// Connects, and sends bytes that make no sense, or none.
fn garbage(address: SocketAddr, seed: u64) {
    let mut dice = Dice::new(seed);
    let Ok(mut stranger) = Stranger::connect(address) else { return };
    let bytes: Vec<u8> = (0..dice.below(100)).map(|_| dice.below(256) as u8).collect();
    // It may be closed already.
    _ = stranger.0.write_all(&bytes);
}

#[test]
fn strangers_do_not_keep_a_node_out() {
    let set_up = |node: NetKernel| node.set_up_time(Duration::from_secs(1));
    let Some(rust) = Rust::start_with(set_up) else { return };
    let address = rust.cluster.address_of("rust");
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    (0..100).for_each(|seed| garbage(address, seed));
    wait_until(|| Usage::now().threads < 60);
    let before = Usage::now();

    let half_open: Vec<_> = (0..1_000).map_while(|_| Stranger::connect(address).ok()).collect();
    assert!(half_open.len() > 900);
    // No more than 64 of them have a process.
    wait_until(|| Usage::now().threads < before.threads + 80);
    beam.eval("erlang:disconnect_node('rust@127.0.0.1')");
    wait_until(|| ping(&beam) == "pong");
    drop(half_open);

    for seed in 0..rounds(1_000) {
        garbage(address, seed as u64);
    }
    assert_eq!(ping(&beam), "pong");
    wait_until_as(before);
    assert_eq!(crashes(), [""; 0]);
}

/// A process that lives on whatever comes, unless it is killed.
fn victim() -> Pid {
    let live = || {
        process::set_trap_exit(true);
        loop {
            process::receive();
        }
    };
    process::spawn(live).unwrap()
}

#[test]
fn nodes_that_send_garbage_lose_their_connections_and_nothing_else() {
    keep_what_is_logged();
    let Some(rust) = Rust::start() else { return };
    let address = rust.cluster.address_of("rust");
    let beam = rust.beam();
    let monitor = process::monitor(process_there(&beam, "ok"));
    let (pid, before) = (Cell::new(victim()), Cell::new(Usage::now()));
    seeds(rounds(1_000), |seed| {
        if seed == 100 {
            before.set(Usage::now());
        }
        if !process::is_alive(pid.get()) {
            pid.set(victim());
        }
        let mut stranger = Stranger::node(address, "stranger@127.0.0.1", 7).unwrap();
        // It may be closed before all of it is sent.
        _ = stranger.0.write_all(&hostile(seed, pid.get()));
        stranger.wait_until_closed();
        assert_eq!(crashes(), [""; 0]);
    });
    wait_until(|| node::nodes(Nodes::Connected) == [there(&beam)]);
    assert!(process::demonitor(monitor), "the other connection is lost");
    assert_eq!(ping(&beam), "pong");
    process::exit(pid.get(), ExitReason::Kill);
    wait_until_as(before.get());
}

/// Connects as a visible node, with which the server of names begins a session. Returns its tag,
/// too.
fn begin_session(address: SocketAddr) -> (Stranger, Term) {
    let deadline = Instant::now() + test_timeout();
    loop {
        let flags = FLAGS | PUBLISHED;
        let begun = Stranger::node_with(flags, address, "stranger@127.0.0.1", 7)
            .and_then(|mut stranger| session_tag(&mut stranger).map(|tag| (stranger, tag)));
        match begun {
            Ok(begun) => return begun,
            // What the last one has said was taken late, and has ended the connection of this one.
            Err(error) => assert!(Instant::now() < deadline, "no session is begun: {error}"),
        }
    }
}

/// The tag of the session that the server of names has begun with a node that has come up.
fn session_tag(stranger: &mut Stranger) -> io::Result<Term> {
    let cast = [&b"\x83h\x02w\x09$gen_casth"[..]].concat();
    loop {
        let frame = stranger.receive_frame()?;
        let Some(start) = frame.windows(cast.len()).position(|window| window == cast) else {
            continue;
        };
        // {'$gen_cast', {init_connect, {Version, Tag}, Node, _}}
        if let Ok(Term::Tuple(cast)) = term::from_slice(&frame[start..])
            && let Some(Term::Tuple(said)) = cast.into_iter().nth(1)
            && let [Term::Atom(what), Term::Tuple(version), ..] = &said[..]
            && what.as_str() == "init_connect"
        {
            return Ok(version[1].clone());
        }
    }
}

// OTP: global_SUITE:garbage_messages
#[test]
fn nodes_that_send_garbage_to_the_server_of_names_end_nothing_of_it() {
    keep_what_is_logged();
    let Some(rust) = Rust::start_with(visible) else { return };
    let address = rust.cluster.address_of("rust");
    let beam = rust.beam();
    let pid = victim();
    meet(&beam);
    let server = process::whereis("global_name_server").unwrap();
    let before = Cell::new(Usage::now());
    seeds(rounds(500), |seed| {
        if seed == 100 {
            before.set(Usage::now());
        }
        let (mut stranger, tag) = begin_session(address);
        // It may be closed before all of it is sent.
        _ = stranger.0.write_all(&hostile_names(seed, &Session { pid, tag }));
        stranger.wait_until_closed();
        assert_eq!(crashes(), [""; 0]);
        assert_eq!(process::whereis("global_name_server"), Some(server));
    });
    // What was said of others may have ended a connection, or given a process a name.
    meet(&beam);
    for name in names() {
        global::unregister_name(&name).unwrap();
    }
    let mine = Named::new("name");
    assert_eq!(holder_there(&beam, "name"), "'rust@127.0.0.1'");
    global::trans(&LockId::new("resource", "test"), || ()).unwrap();
    drop(mine);
    process::exit(pid, ExitReason::Kill);
    assert_eq!(crashes(), [""; 0]);
    drop(beam);
    wait_until_as(before.get());
}
