//! Links, monitors and exits.

use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::rust::{Rust, expect_term, process_there, register};
use super::support::wait::{assert_no_message, down_reason, expect, expect_exit};

#[test]
fn a_monitor_tells_of_an_end_there() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = process_there(&beam, "exit(Message)");
    let monitor = process::monitor(there);
    process::send(there, atom("boom"));
    assert_eq!(down_reason(monitor), ExitReason::new(Term::from(atom("boom"))));
    assert_eq!(down_reason(process::monitor(there)), ExitReason::NoProc);
}

#[test]
fn a_monitor_there_tells_of_an_end_here() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let (pid, monitor) = process::spawn_monitor(|| receive! { () => {} }).unwrap();
    process::register("victim", pid).unwrap();
    register("test");
    let down = beam.begin(
        "R = erlang:monitor(process, {victim, 'rust@127.0.0.1'}), \
         {test, 'rust@127.0.0.1'} ! monitored, \
         receive {'DOWN', R, process, Object, Reason} -> {Object, Reason} end",
    );
    assert_eq!(expect::<Term>(), atom("monitored").into());
    process::exit(pid, ExitReason::new(7_u32));
    assert_eq!(down_reason(monitor), ExitReason::new(7_u32));
    assert_eq!(beam.value(down), "{{victim,'rust@127.0.0.1'},7}");
    let down = beam.eval(
        "R = erlang:monitor(process, {victim, 'rust@127.0.0.1'}), \
         receive {'DOWN', R, process, _, Reason} -> Reason end",
    );
    assert_eq!(down, "noproc");
}

#[test]
fn a_link_ends_both_sides() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = process_there(&beam, "exit(Message)");
    process::link(there);
    process::send(there, atom("boom"));
    assert_eq!(expect_exit(there), ExitReason::new(Term::from(atom("boom"))));

    let there = process_there(&beam, "ok");
    let monitor = process::monitor(there);
    process::spawn(move || {
        process::link(there);
        process::exit_self(ExitReason::new("over"))
    })
    .unwrap();
    let reason = down_reason(monitor);
    assert_eq!(reason, ExitReason::new(Term::from("over")));
}

/// An orderly reason that is too deep to be sent, though its detail is not.
fn deep() -> ExitReason {
    let nested = (0..512).fold(Term::from(7), |inside, _| Term::Tuple(vec![inside]));
    ExitReason::shutdown_with(nested)
}

#[test]
fn a_reason_that_is_too_deep_is_told_as_text() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = process_there(&beam, "exit(Message)");
    let (linked, monitor) = process::spawn_monitor(move || {
        process::link(there);
        process::exit_self(receive! { reason: ExitReason => reason })
    })
    .unwrap();
    register("test");
    let told = beam.begin(
        "{test, 'rust@127.0.0.1'} ! self(), process_flag(trap_exit, true), \
         P = receive Pid when is_pid(Pid) -> Pid end, link(P), R = monitor(process, P), \
         {test, 'rust@127.0.0.1'} ! self(), \
         Exit = receive {'EXIT', P, Shutdown} -> Shutdown end, \
         Down = receive {'DOWN', R, process, P, Why} -> Why end, \
         {test, 'rust@127.0.0.1'} ! self(), \
         Asked = receive {'EXIT', _, Kept} -> Kept end, \
         Start = fun({shutdown, {rust, Text}}) -> \
             {byte_size(Text) > 512, binary:part(Text, 0, 4)} end, \
         [Start(Each) || Each <- [Exit, Down, Asked]]",
    );
    process::send(expect_term::<Pid>(), linked);
    let watcher: Pid = expect_term();
    let ended = process::monitor(there);
    process::send(linked, deep());
    assert_eq!(down_reason(monitor), deep());
    let reason = down_reason(ended);
    assert!(reason.is_orderly() && reason.to_string().contains("{{{{"), "{reason}");
    assert_eq!(expect_term::<Pid>(), watcher);
    process::exit(watcher, deep());
    let start = r#"{true,<<"{{{{">>}"#;
    assert_eq!(beam.value(told), format!("[{start},{start},{start}]"));
}

#[test]
fn a_lost_node_takes_its_ties_along() {
    let Some(rust) = Rust::start() else { return };
    let mut beam = rust.beam();
    let there = process_there(&beam, "ok");
    process::link(there);
    let monitor = process::monitor(there);
    beam.kill();
    assert_eq!(expect_exit(there), ExitReason::NoConnection);
    assert_eq!(down_reason(monitor), ExitReason::NoConnection);
    assert_no_message();
}

#[test]
fn a_kill_of_the_other_node_kills() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let (pid, monitor) = process::spawn_monitor(|| receive! { () => {} }).unwrap();
    let there = process_there(&beam, "exit(Message, kill)");
    process::send(there, pid);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
}
