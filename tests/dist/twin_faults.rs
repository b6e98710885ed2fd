//! What goes wrong between two programs of this kind.

use std::time::{Duration, Instant};

use procession::gen_server::RemoteServer;
use procession::net_kernel::{ConnectError, NetKernel, NetKernelError};
use procession::node::{self, MonitorNodesOptions, NodeDown, NodeDownInfo, NodeUpInfo, Nodes};
use procession::prelude::*;
use procession::term::{self, ExternalPid, Term};

use super::support::beam::cookie;
use super::support::counter::{self, Counter, Query};
use super::support::relay::{Relay, Way};
use super::support::rounds::{delay_by, rounds};
use super::support::rust::{Rust, expect_term, node};
use super::support::twin::{self, Parent, Twin};
use super::support::wait::{assert_no_message, down_reason, expect, expect_exit, wait_until};

const TWIN: &str = "twin@127.0.0.1";

/// The second program tells what it is, and sends back what the first sends.
fn echo(parent: &Parent) {
    // It lives on if a link is cut.
    process::set_trap_exit(true);
    parent.tell(&process::self_pid());
    let first: Pid = parent.told();
    loop {
        process::send(first, expect::<Term>());
    }
}

/// Both programs, the process of the second that sends back what it gets, and a relay, at which the
/// first finds the second.
fn start_behind_a_relay(options: fn(NetKernel) -> NetKernel) -> Option<(Rust, Twin, Pid, Relay)> {
    let (mut rust, mut twin) = Rust::start_both_with(options, echo)?;
    let echo = twin.told();
    rust.stop();
    // The second one is the EPMD now.
    wait_until(|| rust.cluster.find("twin").is_some());
    let relay = Relay::to(rust.cluster.address_of("twin"));
    let behind = options(node(&rust.cluster).peer(TWIN, relay.address()));
    rust.net = Some(behind.start_link().unwrap());
    wait_until(|| node::connect(twin.node()).is_ok());
    twin.tell(&process::self_pid());
    Some((rust, twin, echo, relay))
}

#[track_caller]
fn assert_echoes(echo: Pid) {
    process::send(echo, 17);
    assert_eq!(expect::<Term>(), Term::Integer(17));
}

#[test]
fn other_cookies_are_refused_on_both_sides() {
    let other = |node: NetKernel| if twin::own_name().is_some() { node.cookie("x") } else { node };
    let both = Rust::start_both_with(other, |parent| {
        let first: Pid = parent.told();
        let error = node::connect(first.node()).unwrap_err();
        parent.tell(&(error == ConnectError::WrongCookie));
    });
    let Some((_rust, mut twin)) = both else { return };
    assert_eq!(node::connect(twin.node()), Err(ConnectError::WrongCookie));
    twin.tell(&process::self_pid());
    assert!(twin.told::<bool>());
    assert_eq!(node::nodes(Nodes::Connected), []);
}

#[test]
fn who_takes_the_name_of_another_leaves_it_alone() {
    let Some((mut rust, mut twin)) = Rust::start_with_twin(echo) else { return };
    let echo = twin.told();
    rust.stop();
    wait_until(|| rust.cluster.find("twin").is_some());
    let address = rust.cluster.address_of("twin");
    let second = NetKernel::named(TWIN).cookie(cookie()).epmd_port(rust.cluster.epmd_port());
    let StartError::Failed(reason) = second.start_link().unwrap_err() else { panic!() };
    let taken = NetKernelError::NameTaken("twin".to_owned());
    assert_eq!(reason.downcast_ref::<NetKernelError>(), Some(&taken));
    process::flush();
    rust.net = Some(node(&rust.cluster).start_link().unwrap());
    assert_eq!(rust.cluster.address_of("twin"), address);
    twin.tell(&process::self_pid());
    assert_echoes(echo);
}

/// Nobody sees a connection that is replaced: what is sent after it has come up arrives.
#[test]
fn dials_of_both_at_once_lead_to_one_connection() {
    let both = Rust::start_with_twin(|parent| {
        let first: Pid = parent.told();
        process::send(first, process::self_pid());
        loop {
            let round: u64 = parent.told();
            // What is sent over a connection that is lost, and not known to be, is lost, too.
            wait_until(|| node::nodes(Nodes::Connected).is_empty());
            parent.tell(&round);
            delay_by(round as usize);
            node::connect(first.node()).unwrap();
            process::send(first, round);
        }
    });
    let Some((_rust, mut twin)) = both else { return };
    twin.tell(&process::self_pid());
    let _there: Pid = expect_term();
    node::monitor_nodes_with(true, MonitorNodesOptions::new().all_node_types());
    for round in 0..rounds(200) as u64 {
        assert_eq!(node::disconnect(twin.node()), Ok(true));
        assert_eq!(expect::<NodeDownInfo>().node, twin.node());
        twin.tell(&round);
        assert_eq!(twin.told::<u64>(), round);
        delay_by(63 - round as usize % 64);
        assert_eq!(node::connect(twin.node()), Ok(()), "round {round}");
        assert_eq!(expect::<NodeUpInfo>().node, twin.node());
        assert_eq!(expect_term::<u64>(), round);
        assert_eq!(node::nodes(Nodes::Connected), [twin.node()]);
        assert_no_message();
    }
    node::monitor_nodes_with(false, MonitorNodesOptions::new().all_node_types());
}

/// A pid of this node as it is now.
fn external(pid: Pid) -> ExternalPid {
    term::from_slice(&term::to_vec(&pid).unwrap()).unwrap()
}

#[test]
fn restarts_leave_nothing_of_old_processes() {
    let both = Rust::start_with_twin(|parent| {
        process::set_trap_exit(true);
        loop {
            let old: Pid = parent.told();
            // The node may not be back yet.
            wait_until(|| node::connect(old.node()).is_ok());
            let call = RemoteServer::from_pid(old).call::<Term>(&1).unwrap_err();
            process::link(old);
            process::send(old, 1);
            let gone = [down_reason(process::monitor(old)), expect_exit(old)];
            let is_gone = gone == [ExitReason::NoProc, ExitReason::NoProc];
            parent.tell(&(is_gone && call.kind() == &CallErrorKind::NoProc));
        }
    });
    let Some((mut rust, mut twin)) = both else { return };
    for round in 0..rounds(50) {
        // The caller lives on; its pid is another one with each life of the node.
        let old = external(process::self_pid());
        rust.stop();
        rust.net = Some(node(&rust.cluster).embedded_epmd().start_link().unwrap());
        assert_ne!(external(process::self_pid()), old);
        twin.tell(&old);
        assert!(twin.told::<bool>(), "round {round}");
        assert_no_message();
        assert_eq!(node::nodes(Nodes::Connected), [twin.node()]);
    }
}

#[test]
fn a_frame_above_the_limit_ends_its_connection() {
    let Some((_rust, mut twin)) = Rust::start_both_with(|node| node.max_frame(100_000), echo)
    else {
        return;
    };
    let echo: Pid = twin.told();
    twin.tell(&process::self_pid());
    assert_echoes(echo);
    let monitor = process::monitor(echo);
    process::send(echo, Term::Binary(vec![0; 200_000].into()));
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    wait_until(|| node::connect(twin.node()).is_ok());
    assert_echoes(echo);
    assert_no_message();
}

#[test]
fn a_frame_that_is_cut_in_the_middle_ends_the_connection() {
    for way in [Way::There, Way::Back] {
        let Some((_rust, twin, echo, relay)) = start_behind_a_relay(|node| node) else { return };
        assert_echoes(echo);
        process::link(echo);
        let monitor = process::monitor(echo);
        relay.cut_after(way, 1000);
        process::send(echo, Term::Binary(vec![0; 2000].into()));
        assert_eq!(expect_exit(echo), ExitReason::NoConnection);
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        assert_no_message();
        relay.release();
        wait_until(|| node::connect(twin.node()).is_ok());
        assert_echoes(echo);
    }
}

/// The least and the most that it may take to see that a node is silent, for this tick time.
const TICK: Duration = Duration::from_secs(4);
const BOUNDS: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(6)];

#[track_caller]
fn assert_in_bounds(since: Instant) {
    let [least, most] = BOUNDS;
    let elapsed = since.elapsed();
    assert!(least <= elapsed && elapsed <= most, "{elapsed:?}");
}

#[test]
fn a_way_that_is_held_ends_the_connection_by_its_ticks() {
    for way in [Way::There, Way::Back] {
        let ticks = |node: NetKernel| node.tick_time(TICK);
        let Some((_rust, twin, echo, relay)) = start_behind_a_relay(ticks) else { return };
        assert_echoes(echo);
        let monitor = process::monitor(echo);
        let held = Instant::now();
        relay.hold(way);
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        assert_in_bounds(held);
        relay.release();
        wait_until(|| node::connect(twin.node()).is_ok());
        assert_echoes(echo);
    }
}

/// Each time both are told once, and both find each other again.
#[test]
fn a_program_that_is_stopped_again_and_again_is_lost_and_comes_back() {
    let both = Rust::start_both_with(
        |node| node.tick_time(TICK / 4),
        |parent| {
            process::set_trap_exit(true);
            parent.tell(&process::self_pid());
            let first: Pid = parent.told();
            loop {
                wait_until(|| node::connect(first.node()).is_ok());
                node::monitor_node(first.node(), true).unwrap();
                process::link(first);
                process::send(first, 1);
                assert_eq!(expect_exit(first), ExitReason::NoConnection);
                assert_eq!(expect::<NodeDown>(), NodeDown(first.node()));
                assert_no_message();
                parent.tell(&true);
            }
        },
    );
    let Some((_rust, mut twin)) = both else { return };
    let there: Pid = twin.told();
    twin.tell(&process::self_pid());
    for _ in 0..rounds(3) {
        assert_eq!(expect::<Term>(), Term::Integer(1));
        let monitor = process::monitor(there);
        twin.signal("STOP");
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        assert_eq!(expect_exit(there), ExitReason::NoConnection);
        assert_no_message();
        twin.signal("CONT");
        assert!(twin.told::<bool>());
    }
}

#[test]
fn calls_of_a_program_that_stops_end_with_its_node() {
    let both = Rust::start_both_with(NetKernel::serve::<Counter>, |parent| {
        let first: Pid = parent.told();
        let counter = ServerRef::<Counter>::on(first.node(), "counter");
        node::monitor_node(first.node(), true).unwrap();
        let requests = [(); 20].map(|()| counter.send_request(Query::Later));
        // They are there before the answer to this comes.
        assert_eq!(counter.call(Query::Get), Ok(0));
        parent.tell(&true);
        for request in requests {
            let error = request.receive_response(Duration::MAX).unwrap_err();
            assert_eq!(error.kind(), &CallErrorKind::NodeDown(first.node()));
        }
        assert_eq!(expect::<NodeDown>(), NodeDown(first.node()));
        assert_no_message();
        parent.tell(&true);
    });
    let Some((mut rust, mut twin)) = both else { return };
    let counter = counter::start();
    twin.tell(&process::self_pid());
    assert!(twin.told::<bool>());
    rust.stop();
    assert!(twin.told::<bool>());
    counter.stop().unwrap();
    assert_no_message();
}
