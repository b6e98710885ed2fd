//! Nodes that end and come back under their names.

use std::cell::Cell;

use procession::gen_server::RemoteServer;
use procession::node::{self, Nodes};
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::rounds::rounds;
use super::support::rust::{Rust, process_there, there};
use super::support::wait::{assert_no_message, down_reason, expect, expect_exit, wait_until};

#[test]
fn of_the_other_node_leave_nothing_of_its_old_processes() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.cluster.beam_to_be("beam");
    let old = Cell::new(None);
    for round in 0..rounds(50) as i64 {
        beam.begin_life();
        let pid = process_there(&beam, "{test, 'rust@127.0.0.1'} ! {echo, Message}");
        process::send(pid, round);
        let Term::Tuple(echo) = expect::<Term>() else { panic!() };
        assert_eq!(echo[1], Term::Integer(round));
        // Names work as ever.
        beam.eval(
            "register(echo, spawn(fun() -> receive M -> {test, 'rust@127.0.0.1'} ! M end end))",
        );
        process::send(("echo", there(&beam)), round);
        assert_eq!(expect::<Term>(), Term::Integer(round));
        let monitor = process::monitor(pid);
        process::link(pid);
        if let Some(old) = old.replace(Some(pid)) {
            assert_ne!(old, pid);
            assert_eq!(down_reason(process::monitor(old)), ExitReason::NoProc);
            let call = RemoteServer::from_pid(old).call::<Term>(&atom("lost")).unwrap_err();
            assert_eq!(call.kind(), &CallErrorKind::NoProc);
            process::send(old, atom("lost"));
            process::link(old);
            assert_eq!(expect_exit(old), ExitReason::NoProc);
        }
        beam.end_life();
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        assert_eq!(expect_exit(pid), ExitReason::NoConnection);
        assert_no_message();
    }
}

#[test]
fn of_this_node_leave_nothing_of_its_old_processes() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    for round in 0..rounds(50) {
        let keeper = process_there(&beam, "persistent_term:put(old, Message)");
        process::send(keeper, process::self_pid());
        wait_until(|| beam.eval("is_pid(persistent_term:get(old, none))") == "true");
        rust.stop();
        wait_until(|| beam.eval("nodes(hidden)") == "[]");
        rust.start_again();
        let seen = beam.eval(
            "Old = persistent_term:get(old), process_flag(trap_exit, true), Old ! lost, \
             M = erlang:monitor(process, Old), link(Old), \
             Seen = [receive {'DOWN', M, process, Old, R} -> R end, \
                     receive {'EXIT', Old, R} -> R end, \
                     try gen_server:call(Old, lost) catch exit:{R, _} -> R end], \
             {test, 'rust@127.0.0.1'} ! last, persistent_term:put(old, none), Seen",
        );
        assert_eq!(seen, "[noproc,noproc,noproc]", "round {round}");
        assert_eq!(expect::<Term>(), atom("last").into());
        assert_no_message();
        assert_eq!(node::nodes(Nodes::Connected), [there(&beam)]);
    }
}
