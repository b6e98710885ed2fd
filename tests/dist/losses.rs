//! Connections that are lost: who is told of it, in which order, and how often.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::Node;
use procession::gen_server::RemoteServer;
use procession::net_kernel::NetKernel;
use procession::node::{self, NodeDown};
use procession::prelude::*;
use procession::process::{AliasMode, MonitorOptions};
use procession::term::{self, Term, atom};

use super::support::erlang;
use super::support::relay::Way;
use super::support::rounds::{delay_by, rounds};
use super::support::rust::{NAME, Relays, Rust, expect_term, process_there, register, there};
use super::support::twin::Parent;
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

    /// Asserts that they have told of a loss, before the answer of a call in flight, but for the
    /// monitor of the node, which tells last.
    #[track_caller]
    fn assert_cut_before(self) {
        let at_once = |_| process::receive_timeout(Duration::ZERO).expect("nothing has come");
        let [exit, downs @ ..] = [(); 3].map(at_once);
        let Ties { there, monitors } = self;
        let exit = exit.downcast::<Exit>().unwrap();
        assert_eq!((exit.from, exit.reason), (there, ExitReason::NoConnection));
        let downs = downs.map(|down| down.downcast::<Down>().unwrap());
        assert!(downs.iter().all(|down| down.reason == ExitReason::NoConnection));
        assert_eq!(downs.map(|down| down.monitor), monitors);
        assert_eq!(next::<NodeDown>(), NodeDown(there.node()));
        assert_no_message();
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

/// What a process of Erlang does that has a server's place: it tells `watch` of a request, and
/// answers only to `now`. It lives on when a link is cut.
const SERVER: &str = "process_flag(trap_exit, true), \
    case Message of \
        {'$gen_call', From, now} -> gen_server:reply(From, now); \
        {'$gen_call', _, Request} -> {watch, 'rust@127.0.0.1'} ! Request; \
        _ -> ok \
    end";

/// The same in a second program.
fn serve(parent: &Parent) {
    process::set_trap_exit(true);
    parent.tell(&process::self_pid());
    loop {
        let Term::Tuple(call) = expect() else { panic!() };
        let (client, tag) = term::from_term::<(Pid, Term)>(&call[1]).unwrap();
        let answer = |reply| process::send(client, Term::Tuple(vec![tag, reply]));
        match &*call[2].to_string() {
            "now" => answer(atom("now").into()),
            "pid" => answer(term::to_term(&process::self_pid()).unwrap()),
            _ => process::send(("watch", Node::named(NAME)), call[2].clone()),
        }
    }
}

/// Calls a server that does not answer, and has the connection lost when the request is there.
fn lose_in_a_call(server: Pid, lose: impl FnOnce() + Send) {
    let ties = Ties::make(server);
    let error = thread::scope(|scope| {
        let (begin, has_begun) = mpsc::channel();
        scope.spawn(move || {
            register("watch");
            begin.send(()).unwrap();
            expect::<Term>();
            lose();
        });
        has_begun.recv().unwrap();
        let call = RemoteServer::from_pid(server).call_timeout(&atom("later"), Duration::MAX);
        call.map(|reply: Term| panic!("{reply}")).unwrap_err()
    });
    assert_eq!(error.kind(), &CallErrorKind::NodeDown(server.node()));
    ties.assert_cut_before();
}

#[test]
fn in_a_call_of_a_node_of_erlang_that_is_killed_is_told_in_order() {
    let Some(rust) = Rust::start() else { return };
    for _ in 0..rounds(2) {
        let mut beam = rust.beam();
        let server = process_there(&beam, SERVER);
        lose_in_a_call(server, || beam.kill());
        wait_until(|| rust.cluster.find("beam").is_none());
    }
}

#[test]
fn in_a_call_of_a_program_that_is_killed_is_told_in_order() {
    let Some((_rust, mut twin)) = Rust::start_with_twin(serve) else { return };
    let server = twin.told();
    lose_in_a_call(server, || twin.kill());
}

/// Cuts the connection in the middle of what goes there. A dial of the other node's that comes late
/// may be cut instead: then it is done again.
fn cut_in_a_frame(server: Pid, relays: &Relays) {
    let lost = process::monitor(server);
    loop {
        relays.cut_after(Way::There, 10);
        process::exit(server, ExitReason::Normal);
        if process::wait(lost, Duration::from_millis(100)).is_some() {
            return;
        }
    }
}

/// Loses a connection in calls: some are in flight for certain, others are just being answered.
fn lose_in_calls(server: Pid, relays: &Relays) {
    for round in 0..rounds(250) {
        relays.release();
        wait_until(|| node::connect(server.node()).is_ok());
        let lose = || {
            delay_by(round);
            match round % 3 {
                0 => _ = node::disconnect(server.node()),
                1 => relays.cut(),
                _ => cut_in_a_frame(server, relays),
            }
        };
        lose_in_a_call(server, || {
            lose();
            // The next connection is made while the loss is told.
            process::exit(server, ExitReason::Normal);
        });

        relays.release();
        wait_until(|| node::connect(server.node()).is_ok());
        let ties = Ties::make(server);
        let call = RemoteServer::from_pid(server);
        let answer = thread::scope(|scope| {
            scope.spawn(|| {
                lose();
                process::exit(server, ExitReason::Normal);
            });
            delay_by(round / 64);
            call.call::<Term>(&atom("now"))
        });
        match answer {
            Ok(answer) => {
                assert_eq!(answer, atom("now").into());
                ties.assert_cut();
            }
            Err(error) => {
                assert_eq!(error.kind(), &CallErrorKind::NodeDown(server.node()));
                ties.assert_cut_before();
            }
        }
    }
}

#[test]
fn in_calls_of_a_node_of_erlang_are_told_in_order() {
    let Some((_rust, beam, relays)) = Rust::start_between_relays(|node| node) else { return };
    let server = process_there(&beam, SERVER);
    assert_eq!(RemoteServer::from_pid(server).call::<Term>(&atom("now")), Ok(atom("now").into()));
    lose_in_calls(server, &relays);
}

#[test]
fn in_calls_between_programs_are_told_in_order() {
    let both = Rust::start_both_between_relays(|node| node, serve);
    let Some((_rust, twin, relays)) = both else { return };
    lose_in_calls(twin.told(), &relays);
}

/// The second program is what is killed beside a node of Erlang, in a call of that.
#[test]
fn in_a_call_of_this_program_are_told_to_a_node_of_erlang() {
    let both = Rust::start_with_twin(|parent| {
        register("server");
        serve(parent);
    });
    let Some((rust, mut twin)) = both else { return };
    let _: Pid = twin.told();
    register("watch");
    if !erlang::is_here() {
        return;
    }
    let beam = rust.beam();
    let told = beam.begin(
        "process_flag(trap_exit, true), \
         Pid = gen_server:call({server, 'twin@127.0.0.1'}, pid), \
         R = monitor(process, {server, 'twin@127.0.0.1'}), link(Pid), \
         erlang:monitor_node('twin@127.0.0.1', true), \
         Call = try gen_server:call({server, 'twin@127.0.0.1'}, later, infinity) \
             catch exit:{Why, _} -> Why end, \
         receive {nodedown, _} = Down -> self() ! Down end, \
         {messages, Messages} = process_info(self(), messages), \
         {Call, [case M of {'EXIT', Pid, E} -> {exit, E}; {'DOWN', R, _, _, D} -> {down, D}; \
             _ -> M end || M <- Messages]}",
    );
    assert_eq!(expect::<Term>(), atom("later").into());
    twin.kill();
    let down = "{{nodedown,'twin@127.0.0.1'},\
                [{exit,noconnection},{down,noconnection},{nodedown,'twin@127.0.0.1'}]}";
    assert_eq!(beam.value(told), down);
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
        NAME
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

/// The second program is what is stopped beside a node of Erlang, again and again.
#[test]
fn of_this_program_that_is_stopped_are_told_to_a_node_of_erlang_each_time() {
    let both = Rust::start_both_with(
        |node| node.tick_time(TICK / 4),
        |parent| {
            process::set_trap_exit(true);
            register("server");
            loop {
                let there: Pid = expect_term();
                let ties = Ties::make(there);
                process::send(there, process::self_pid());
                ties.assert_cut();
                parent.tell(&true);
            }
        },
    );
    let Some((rust, twin)) = both else { return };
    if !erlang::is_here() {
        return;
    }
    register("test");
    let beam = rust.beam();
    beam.eval("net_kernel:set_net_ticktime(1, 0)");
    for _ in 0..rounds(3) {
        wait_until(|| beam.eval("net_adm:ping('twin@127.0.0.1')") == "pong");
        let told = beam.begin(
            "process_flag(trap_exit, true), Node = 'twin@127.0.0.1', {server, Node} ! self(), \
             Pid = receive P -> P end, link(Pid), \
             R = monitor(process, Pid), erlang:monitor_node(Node, true), \
             {test, 'rust@127.0.0.1'} ! ready, \
             receive {'EXIT', Pid, noconnection} -> ok end, \
             receive {'DOWN', R, _, _, noconnection} -> ok end, \
             receive {nodedown, Node} -> ok end, \
             process_info(self(), messages)",
        );
        assert_eq!(expect::<Term>(), atom("ready").into());
        twin.signal("STOP");
        assert_eq!(beam.value(told), "{messages,[]}");
        twin.signal("CONT");
        assert!(twin.told::<bool>());
    }
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
        let late = thread::scope(|scope| {
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
