//! The tree that makes this program a node, under supervisors of the program.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use procession::Node;
use procession::application::{self, Application};
use procession::net_kernel::NetKernel;
use procession::node::{self, Nodes};
use procession::prelude::*;
use procession::sys;
use procession::term::{Term, atom};

use super::support::beam::{self, Beam};
use super::support::counter::{Add, Counter, Query};
use super::support::erlang;
use super::support::rounds::{delay_by, rounds};
use super::support::rust::{NAME, Rust, node, ping, process_there, register, there};
use super::support::twin;
use super::support::wait::{assert_no_message, down_reason, exit_and_wait, expect, wait_until};

/// Kills a part of the node, and waits until the next one is there.
fn kill(name: &'static str) {
    let part = process::whereis(name).unwrap();
    assert_eq!(exit_and_wait(part, ExitReason::Kill), ExitReason::Killed);
    wait_until(|| process::whereis(name).is_some_and(|again| again != part));
}

fn assert_is_connected_again(beam: &Beam) {
    wait_until(|| node::connect(there(beam)).is_ok());
    assert_eq!(ping(beam), "pong");
    wait_until(|| beam.eval("nodes(hidden)") == "['rust@127.0.0.1']");
}

#[test]
fn a_net_kernel_that_is_killed_takes_its_connections_along() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let creation = Node::local();
    let pid = process_there(&beam, "ok");
    let monitor = process::monitor(pid);
    kill("net_kernel");
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    assert_is_connected_again(&beam);
    assert_eq!(Node::local(), creation);
    // It is the same node: the pid of this process is still known.
    beam.eval("{test, 'rust@127.0.0.1'} ! hello");
    assert_eq!(expect::<Term>(), atom("hello").into());
}

#[test]
fn the_connections_may_be_killed() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let monitor = process::monitor(process_there(&beam, "ok"));
    kill("net_connections");
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    assert_is_connected_again(&beam);
}

#[test]
fn an_acceptor_that_is_killed_leaves_the_connections_alone() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
    let monitor = process::monitor(echo);
    let children = rust.net.as_ref().unwrap().which_children().unwrap();
    let acceptor = children.iter().find(|child| child.id == "acceptor").unwrap();
    exit_and_wait(acceptor.state.pid().unwrap(), ExitReason::Kill);
    process::send(echo, atom("hello"));
    assert_eq!(expect::<Term>(), atom("hello").into());
    let other = rust.cluster.beam("other");
    assert_eq!(ping(&other), "pong");
    process::demonitor(monitor);
}

#[test]
fn a_registration_that_is_killed_is_made_again() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    let children = rust.net.as_ref().unwrap().which_children().unwrap();
    let registrar = children.iter().find(|child| child.id == "erl_epmd").unwrap();
    exit_and_wait(registrar.state.pid().unwrap(), ExitReason::Kill);
    wait_until(|| rust.cluster.find("rust").is_some());
    assert_is_connected_again(&beam);
}

#[test]
fn a_supervisor_of_the_program_makes_it_a_node() {
    let Some(mut rust) = Rust::start() else { return };
    rust.stop();
    let beam = rust.beam();
    let node = node(&rust.cluster).child_spec();
    let top = Supervisor::one_for_one().child(node).start_link().unwrap();
    assert_eq!(ping(&beam), "pong");
    top.stop().unwrap();
    wait_until(|| beam.eval("nodes(hidden)") == "[]");
    assert_eq!(ping(&beam), "pang");
    assert_eq!(node::nodes(Nodes::Connected), []);
}

/// The second program stops as programs do, at `SIGTERM`.
#[test]
fn an_application_that_stops_says_what_was_to_be_said() {
    let both = Rust::start_with_twin(|_| {
        SupervisorRef::named("net_sup").stop().unwrap();
        // EPMD frees the name a moment later.
        wait_until(|| beam::find(twin::epmd_port(), "twin").is_none());
        let node = twin::node("twin@127.0.0.1");
        let worker = ChildSpec::new("worker", || {
            let worker = process::spawn_link(|| receive! { () => {} })?;
            process::register("worker", worker).unwrap();
            Ok(worker)
        });
        let tree = move || {
            let node = node.clone().child_spec();
            Supervisor::one_for_one().child(node).child(worker.clone()).start_link()
        };
        application::run([Application::new("twin").start(tree)]).unwrap();
        std::process::exit(0);
    });
    let Some((rust, twin)) = both else { return };
    if !erlang::is_here() {
        return;
    }
    register("test");
    let beam = rust.beam();
    wait_until(|| beam.eval("net_adm:ping('twin@127.0.0.1')") == "pong");
    let ends = beam.begin(
        "net_kernel:monitor_nodes(true, [{node_type, all}]), \
         M = erlang:monitor(process, {worker, 'twin@127.0.0.1'}), \
         {test, 'rust@127.0.0.1'} ! ready, \
         [receive {'DOWN', M, process, _, Reason} -> Reason end, \
          receive {nodedown, 'twin@127.0.0.1', _} -> nodedown end]",
    );
    assert_eq!(expect::<Term>(), atom("ready").into());
    // The monitor is set before the answer to this comes.
    beam.eval("net_adm:ping('twin@127.0.0.1')");
    twin.signal("TERM");
    assert_eq!(beam.value(ends), "[shutdown,nodedown]");
    assert_eq!(beam.log(), "");
}

#[test]
fn what_was_sent_before_the_node_is_stopped_arrives() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    let counter = process_there(
        &beam,
        "case Message of {get, P} -> P ! {n, get(n)}; \
         begin_ -> register(counter, self()), put(n, 0); _ -> put(n, get(n) + 1) end",
    );
    process::send(counter, atom("begin_"));
    for _ in 0..200 {
        process::send(counter, Term::Binary(vec![0; 100_000].into()));
    }
    rust.stop();
    wait_until(|| beam.eval("nodes(hidden)") == "[]");
    assert_eq!(beam.eval("counter ! {get, self()}, receive {n, N} -> N end"), "200");
}

/// A counter under a supervisor, that is ended again and again for all kinds of reasons, each time
/// when the one before has been restarted. Returns the supervisor.
fn restart_under_load() -> SupervisorRef {
    let spec = || {
        ChildSpec::new("counter", || {
            Counter::start_link_with((), StartOptions::new().name("counter"))
        })
    };
    let top = Supervisor::one_for_one()
        .intensity(usize::MAX, Duration::from_secs(1))
        .child(spec())
        .start_link()
        .unwrap();
    let counter = || process::whereis("counter");
    for round in 0..rounds(200) {
        let old = counter().unwrap();
        let by_name = ServerRef::<Counter, _>::named("counter");
        // Now and then while calls surely wait.
        if round % 8 < 2 {
            sys::of(old).suspend().unwrap();
            wait_until(|| process::info(old).unwrap().message_queue_len > 0);
        }
        match round % 4 {
            0 => process::exit(old, ExitReason::Kill),
            1 => process::exit(old, ExitReason::new("boom")),
            2 => _ = by_name.call(Query::Panic),
            _ => _ = by_name.call(Query::Stop("bye".to_owned())),
        }
        wait_until(|| counter().is_some_and(|new| new != old));
        delay_by(round);
        // It is used meanwhile.
        by_name.call(Query::Get).unwrap();
    }
    top
}

// OTP: the idea of supervisor_SUITE, with clients on another node.
#[test]
fn calls_of_a_server_that_is_restarted_end_by_its_end_or_find_none() {
    let Some(rust) = Rust::start_with(NetKernel::serve::<Counter>) else { return };
    let beam = rust.beam();
    let seen = beam.begin(&format!(
        "persistent_term:put(over, false), \
         Call = fun Call(Seen) -> \
             Now = try gen_server:call({{counter, '{NAME}'}}, {{add, 1}}) of \
                     N when is_integer(N) -> answer \
                 catch exit:{{{{{{panic, _}}, _}}, _}} -> panic; exit:{{Why, _}} -> Why end, \
             case persistent_term:get(over) of \
                 true -> {{lists:usort(Seen), process_info(self(), messages)}}; \
                 false -> Call(lists:usort([Now | Seen])) \
             end end, \
         Self = self(), \
         [spawn(fun() -> Self ! {{seen, Call([])}} end) || _ <- lists:seq(1, 4)], \
         Seen = [receive {{seen, {{S, {{messages, []}}}}}} -> S end || _ <- lists:seq(1, 4)], \
         lists:usort(lists:append(Seen))"
    ));
    // They call.
    wait_until(|| beam.eval("persistent_term:get(over, none)") == "false");
    assert_eq!(ping(&beam), "pong");
    let top = restart_under_load();
    beam.eval("persistent_term:put(over, true)");
    let seen = beam.value(seen);
    top.stop().unwrap();
    let all = "[answer,killed,noproc,panic,{shutdown,<<\"bye\">>},<<\"boom\">>]";
    assert_eq!(seen, all);
}

/// What a call has come to, in a word.
fn outcome(called: Result<i64, CallError>) -> String {
    let Err(error) = called else { return "answer".to_owned() };
    let text = if let CallErrorKind::Down(reason) = error.kind() {
        reason.to_string()
    } else {
        format!("{:?}", error.kind())
    };
    if text.contains("as asked") { "panic".to_owned() } else { text }
}

#[test]
fn calls_of_a_server_that_is_restarted_in_a_second_program_end_by_its_end_or_find_none() {
    let both = Rust::start_both_with(NetKernel::serve::<Counter>, |parent| {
        let first: Pid = parent.told();
        let is_over = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        for _ in 0..4 {
            let (is_over, tell) = (Arc::clone(&is_over), tell.clone());
            let call = move || {
                let counter = ServerRef::<Counter>::on(first.node(), "counter");
                let mut seen = BTreeSet::new();
                while !is_over.load(Ordering::Relaxed) {
                    seen.insert(outcome(counter.call(Add(1))));
                }
                assert_no_message();
                tell.send(seen).unwrap();
            };
            process::spawn(call).unwrap();
        }
        parent.tell(&true);
        parent.told::<bool>();
        is_over.store(true, Ordering::Relaxed);
        let seen: BTreeSet<String> = (0..4).flat_map(|_| told.recv().unwrap()).collect();
        parent.tell(&Vec::from_iter(seen));
    });
    let Some((_rust, mut twin)) = both else { return };
    twin.tell(&process::self_pid());
    assert!(twin.told::<bool>());
    let top = restart_under_load();
    twin.tell(&true);
    let seen: Vec<String> = twin.told();
    top.stop().unwrap();
    let all = ["<<\"boom\">>", "NoProc", "answer", "killed", "panic", "shutdown: <<\"bye\">>"];
    assert_eq!(seen, all);
}
