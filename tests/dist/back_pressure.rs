//! Nodes that take less than is sent to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use procession::gen_server::RemoteServer;
use procession::prelude::*;
use procession::process::TrySendError;
use procession::term::{ExternalRef, Term, atom};

use super::support::beam::Beam;
use super::support::rust::{Rust, expect_term, process_there, register, there};
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
    send_in_vain_by(there, move || move |number| process::send(there, numbered(number)))
}

/// The same, where each message is sent by what `begin` returns.
fn send_in_vain_by<S: FnMut(i64)>(there: Pid, begin: impl FnOnce() -> S + Send + 'static) -> i64 {
    let sent = Arc::new(AtomicI64::new(0));
    let count = Arc::clone(&sent);
    let (sender, monitor) = process::spawn_monitor(move || {
        let _last = Last(there);
        let mut send = begin();
        for number in 0.. {
            send(number);
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .unwrap();
    // The system takes more for a moment; then nobody takes anything.
    wait_until(|| {
        let refused = process::send_timeout(there, atom("nothing"), Duration::from_millis(200));
        matches!(refused, Err(TrySendError::Busy { node, .. }) if node == there.node())
    });
    let refused = process::try_send(there, atom("nothing"));
    assert!(matches!(refused, Err(TrySendError::Busy { .. })), "{refused:?}");
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

/// A process there, named `counting`, that counts the numbered messages which it gets: as they are,
/// as requests and as casts. It tells that, and begins anew, when it gets the last one.
fn counting(beam: &Beam) -> Pid {
    let there = process_there(
        beam,
        "Count = fun(N) -> N = get(next), put(next, N + 1) end, \
         case Message of \
             start -> register(counting, self()), put(next, 0), \
                 {test, 'rust@127.0.0.1'} ! alias(); \
             {'$gen_call', _, {N, _}} -> Count(N); \
             {'$gen_cast', {N, _}} -> Count(N); \
             {N, _} -> Count(N); \
             last -> {test, 'rust@127.0.0.1'} ! {got, put(next, 0)}; \
             nothing -> ok \
         end",
    );
    process::send(there, atom("start"));
    there
}

/// Stops a node, and has somebody send without end what counts there.
fn assert_holds_up<S: FnMut(i64)>(
    beam: &Beam,
    there: Pid,
    begin: impl FnOnce() -> S + Send + 'static,
) {
    beam.signal("STOP");
    let sent = send_in_vain_by(there, begin);
    beam.signal("CONT");
    assert_eq!(expect::<Term>().to_string(), format!("{{got,{sent}}}"));
}

// OTP: whoever calls, casts or sends to an alias is suspended, too, as long as the port is busy.
#[test]
fn of_a_node_that_is_stopped_holds_up_who_makes_requests() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let (node, there) = (there(&beam), counting(&beam));
    let alias: ExternalRef = expect_term();
    assert_holds_up(&beam, there, move || {
        let mut requests = Vec::new();
        move |number| {
            let server = RemoteServer::from_pid(there);
            requests.push(server.send_request::<Term>(&numbered(number)).unwrap());
        }
    });
    assert_holds_up(&beam, there, move || {
        move |number| RemoteServer::abcast(&[node], "counting", &numbered(number)).unwrap()
    });
    assert_holds_up(&beam, there, move || {
        move |number| process::send(alias.clone(), numbered(number))
    });
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
