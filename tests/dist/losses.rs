//! Connections that are lost: who is told of it, in which order, and how often.

use std::fs;
use std::time::{Duration, Instant};

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::node::{self, NodeDown};
use procession::prelude::*;
use procession::process::{AliasMode, MonitorOptions};
use procession::term::{self, Term};

use super::support::rounds::{delay_by, rounds};
use super::support::rust::{Rust, process_there, register, there};
use super::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_until};

/// Takes the message that has come first.
#[track_caller]
fn next<T: std::any::Any>() -> T {
    process::receive_timeout(test_timeout()).expect("nothing has come").downcast().unwrap()
}

/// Ties of the caller to a process of another node, of all kinds.
struct Ties {
    there: Pid,
    monitors: [MonitorRef; 2],
}

impl Ties {
    fn make(there: Pid) -> Ties {
        node::monitor_node(there.node(), true).unwrap();
        // The monitor of a call, and one of the program's.
        let call = MonitorOptions::new().alias(AliasMode::Reply);
        let monitors = [process::monitor_with(there, call), process::monitor(there)];
        process::link(there);
        Ties { there, monitors }
    }

    /// Asserts that they tell of a loss, each once, and in their order.
    #[track_caller]
    fn assert_cut(self) {
        let Ties { there, monitors } = self;
        let exit: Exit = next();
        assert_eq!((exit.from, exit.reason), (there, ExitReason::NoConnection));
        for monitor in monitors {
            let down: Down = next();
            assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoConnection));
        }
        assert_eq!(next::<NodeDown>(), NodeDown(there.node()));
        assert_no_message();
    }
}

// OTP: dist_SUITE:link_to_dead_new_node, monitor_process; here with the order of all of them.
#[test]
fn of_a_node_of_erlang_that_is_killed_is_told_in_order() {
    let Some(rust) = Rust::start() else { return };
    let mut beam = rust.beam();
    let ties = Ties::make(process_there(&beam, "ok"));
    beam.kill();
    ties.assert_cut();
}

#[test]
fn of_a_program_of_this_kind_that_is_killed_is_told_in_order() {
    let both = Rust::start_with_twin(|parent| {
        parent.tell(&process::self_pid());
        process::sleep(Duration::MAX);
    });
    let Some((_rust, mut twin)) = both else { return };
    let ties = Ties::make(twin.told());
    twin.kill();
    ties.assert_cut();
}

#[test]
fn of_this_program_is_told_when_it_ends() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    let (pid, monitor) = process::spawn_monitor(|| process::sleep(Duration::MAX)).unwrap();
    register("test");
    let told = beam.begin(&format!(
        "process_flag(trap_exit, true), {{test, '{}'}} ! self(), \
         receive Pid -> ok end, link(Pid), R = erlang:monitor(process, Pid), \
         erlang:monitor_node(node(Pid), true), {{test, node(Pid)}} ! ready, \
         F = fun F(0) -> []; F(N) -> receive M -> [element(1, M) | F(N - 1)] end end, \
         lists:sort(F(3))",
        super::support::rust::NAME
    ));
    let there: Pid = term::from_term(&expect::<Term>()).unwrap();
    process::send(there, pid);
    expect::<Term>();
    rust.stop();
    assert_eq!(beam.value(told), "['DOWN','EXIT',nodedown]");
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
}

#[test]
fn each_of_ten_thousand_monitors_tells_of_it_once() {
    const PROCESSES: usize = 100;
    let Some(rust) = Rust::start() else { return };
    let mut beam = rust.beam();
    register("test");
    beam.eval(&format!(
        "{{test, 'rust@127.0.0.1'}} ! \
         {{pids, [spawn(fun() -> receive x -> x end end) || _ <- lists:seq(1, {PROCESSES})]}}"
    ));
    let Term::Tuple(message) = expect::<Term>() else { panic!() };
    let pids: Vec<Pid> = term::from_term(&message[1]).unwrap();
    let set = |_| pids.iter().map(|pid| process::monitor(*pid)).collect::<Vec<_>>();
    let mut monitors: Vec<_> = (0..100).flat_map(set).collect();
    beam.kill();
    let mut fired: Vec<_> = monitors
        .iter()
        .map(|_| {
            let down: Down = next();
            assert_eq!(down.reason, ExitReason::NoConnection);
            down.monitor
        })
        .collect();
    monitors.sort();
    fired.sort();
    assert_eq!(fired, monitors);
    assert_no_message();
    assert!(process::info(process::self_pid()).unwrap().monitors.is_empty());
}

/// The tick time, with which a node that is silent is lost after three to six seconds.
const TICK: Duration = Duration::from_secs(4);

#[test]
fn of_a_node_of_erlang_that_is_stopped_is_told_on_both_sides_and_once() {
    let Some(rust) = Rust::start_with(|node: NetKernel| node.tick_time(TICK)) else { return };
    let beam = rust.beam();
    let ties = Ties::make(process_there(&beam, "ok"));
    let told = beam.begin(
        "erlang:monitor_node('rust@127.0.0.1', true), {test, 'rust@127.0.0.1'} ! ready, \
         receive {nodedown, Node} -> Node end",
    );
    expect::<Term>();
    let stopped = Instant::now();
    beam.signal("STOP");
    ties.assert_cut();
    let elapsed = stopped.elapsed().as_secs_f64();
    assert!((3.0..6.0).contains(&elapsed), "{elapsed}");
    beam.signal("CONT");
    assert_eq!(beam.value(told), "'rust@127.0.0.1'");
    wait_until(|| node::connect(there(&beam)).is_ok());
    let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
    process::send(echo, 1);
    assert_eq!(next::<Term>(), Term::Integer(1));
    assert_no_message();
}

#[test]
fn of_a_program_that_is_stopped_is_told_on_both_sides_and_once() {
    let both = Rust::start_both_with(
        |node| node.tick_time(TICK),
        |parent| {
            process::set_trap_exit(true);
            parent.tell(&process::self_pid());
            let other: Pid = parent.told();
            // Else it would be stopped while it dials, and lose nothing.
            node::connect(other.node()).unwrap();
            node::monitor_node(other.node(), true).unwrap();
            let monitor = process::monitor(other);
            parent.tell(&true);
            assert_eq!(down_reason(monitor), ExitReason::NoConnection);
            assert_eq!(expect::<NodeDown>(), NodeDown(other.node()));
            parent.tell(&format!("{:?}", node::connect(other.node())));
            process::send(other, 1);
            process::sleep(Duration::MAX);
        },
    );
    let Some((_rust, mut twin)) = both else { return };
    let there = twin.told();
    twin.tell(&process::self_pid());
    twin.told::<bool>();
    let ties = Ties::make(there);
    twin.signal("STOP");
    ties.assert_cut();
    twin.signal("CONT");
    assert_eq!(twin.told::<String>(), "Ok(())");
    assert_eq!(next::<Term>(), Term::Integer(1));
    assert_no_message();
}

/// Who is being tied as the connection is lost is told once, or before.
#[test]
fn are_told_once_whatever_is_under_way() {
    let Some((_rust, beam, relay)) = Rust::start_behind_a_relay(|node| node) else { return };
    // Before the other node makes a connection, which is not by the relay.
    node::connect(there(&beam)).unwrap();
    let there = process_there(&beam, "ok");
    for round in 0..rounds(500) {
        wait_until(|| node::connect(there.node()).is_ok());
        let monitor = process::monitor(there);
        let cut = || {
            delay_by(round);
            relay.cut();
        };
        let late = std::thread::scope(|scope| {
            scope.spawn(cut);
            delay_by(round / 64);
            node::monitor_node(there.node(), true).unwrap();
            process::monitor(there)
        });
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        // It may have been set by the next connection.
        process::demonitor_flush(late);
        wait_until(|| node::connect(there.node()).is_ok());
        node::disconnect(there.node()).unwrap();
        assert_eq!(expect::<NodeDown>(), NodeDown(there.node()), "round {round}");
        assert_no_message();
    }
}

/// How many descriptors this program has open, and how many threads.
fn count() -> [usize; 2] {
    ["/proc/self/fd", "/proc/self/task"].map(|path| fs::read_dir(path).unwrap().count())
}

#[test]
fn leave_nothing_of_five_hundred_connections() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let connect = |node: Node| {
        node::connect(node).unwrap();
        assert_eq!(node::disconnect(node), Ok(true));
    };
    (0..10).for_each(|_| connect(there(&beam)));
    let [descriptors, threads] = count();
    (0..500).for_each(|_| connect(there(&beam)));
    // Threads that are not needed any more stay for a while, for the next process.
    wait_until(|| count()[0] <= descriptors && count()[1] <= threads + 4);
}
