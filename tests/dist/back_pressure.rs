//! Nodes that take less than is sent to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use procession::prelude::*;
use procession::process::TrySendError;
use procession::term::{Term, atom};

use super::support::rust::{Rust, process_there, register};
use super::support::wait::{down_reason, expect, wait_until};

/// How many bytes a message has.
const SIZE: usize = 64 << 10;

/// As much as a connection takes that nobody reads: what the system keeps, and a mebibyte that is
/// being written, and one that waits.
const MOST: usize = 64 << 20;

fn numbered(number: i64) -> Term {
    Term::Tuple(vec![Term::Integer(number), Term::Binary(vec![7; SIZE].into())])
}

/// Sends another process its last message when it is dropped.
struct Last(Pid);

impl Drop for Last {
    fn drop(&mut self) {
        process::send(self.0, atom("last"));
    }
}

/// Sends without end to a process that does not take it, until the sender waits; ends the sender,
/// and returns how many messages it has sent, before its last.
fn send_in_vain(there: Pid) -> i64 {
    let sent = Arc::new(AtomicI64::new(0));
    let count = Arc::clone(&sent);
    let (sender, monitor) = process::spawn_monitor(move || {
        let _last = Last(there);
        for number in 0.. {
            process::send(there, numbered(number));
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .unwrap();
    let is_busy = || {
        let refused = process::try_send(there, atom("nothing"));
        matches!(refused, Err(TrySendError::Busy { node, .. }) if node == there.node())
    };
    wait_until(is_busy);
    // Nobody takes anything, so it stays so.
    assert!(is_busy());
    process::exit(sender, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    let sent = sent.load(Ordering::SeqCst);
    assert!((1..(MOST / SIZE) as i64).contains(&sent), "{sent}");
    sent
}

#[test]
fn of_a_node_of_erlang_that_is_stopped_holds_up_who_sends() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = process_there(
        &beam,
        "case Message of \
             {N, _} -> N = case get(next) of undefined -> 0; Next -> Next end, put(next, N + 1); \
             last -> {test, 'rust@127.0.0.1'} ! {got, get(next)}; \
             nothing -> ok \
         end",
    );
    beam.signal("STOP");
    let sent = send_in_vain(there);
    beam.signal("CONT");
    assert_eq!(expect::<Term>().to_string(), format!("{{got,{sent}}}"));
}

#[test]
fn of_a_program_that_is_stopped_holds_up_who_sends() {
    let both = Rust::start_with_twin(|parent| {
        parent.tell(&process::self_pid());
        let other: Pid = parent.told();
        let mut next = 0;
        loop {
            let message = expect::<Term>();
            if let Term::Tuple(numbered) = &message {
                assert_eq!(numbered[0], Term::Integer(next));
                next += 1;
            } else if message == atom("last").into() {
                process::send(other, next);
            }
        }
    });
    let Some((_rust, mut twin)) = both else { return };
    register("test");
    let there: Pid = twin.told();
    twin.tell(&process::self_pid());
    let monitor = process::monitor(there);
    twin.signal("STOP");
    let sent = send_in_vain(there);
    twin.signal("CONT");
    assert_eq!(expect::<Term>(), Term::Integer(sent));
    process::demonitor_flush(monitor);
}
