//! Servers of this program, used by another one like it.

use std::time::Duration;

use procession::gen_server::RemoteServer;
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::counter::{self, Add, Counter, Query, Release, Reset, Tick};
use super::support::rust::Rust;
use super::support::twin::{Parent, Twin};
use super::support::wait::{assert_no_message, down_reason, wait_until};

/// Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(20);

/// A second program with a counter.
fn start() -> Option<(Rust, Twin, ServerRef<Counter, Destination>)> {
    let (rust, twin) = Rust::start_both_with(NetKernel::serve::<Counter>, serve)?;
    twin.told::<bool>();
    let counter = ServerRef::on(twin.node(), "counter");
    Some((rust, twin, counter))
}

fn serve(parent: &Parent) {
    _ = counter::start();
    parent.tell(&true);
    _ = parent.told::<bool>();
}

#[test]
fn a_server_of_another_program_is_used_by_its_type() {
    let Some((_rust, twin, counter)) = start() else { return };
    assert_eq!(counter.call(Add(3)), Ok(3));
    assert_eq!(counter.call(Query::GetTimes(2)), Ok(6));
    counter.cast(Reset);
    assert_eq!(counter.call(Query::Get), Ok(0));
    process::send(("counter", twin.node()), Tick(4));
    assert_eq!(counter.call(Query::Get), Ok(4));
    assert_eq!(counter.send_request(Query::ByOther).receive_response(LONG), Ok(4));
    let (replies, bad) =
        ServerRef::<Counter>::named("counter").multi_call_timeout(&[twin.node()], Add(1), LONG);
    assert_eq!((replies, bad), (vec![(twin.node(), 5)], vec![]));
    assert_no_message();
}

#[test]
fn the_end_of_a_server_of_another_program_has_its_reason() {
    let Some((_rust, twin, counter)) = start() else { return };
    let error = counter.call(Query::NoReply).unwrap_err();
    let CallErrorKind::Down(reason) = error.kind() else { panic!("{error}") };
    assert!(reason.to_string().contains("no_reply"), "{reason}");
    let error = counter.call(Query::Panic).unwrap_err();
    let CallErrorKind::Down(reason) = error.kind() else { panic!("{error}") };
    assert!(reason.to_string().contains("as asked"), "{reason}");
    let error = counter.call(Query::Get).unwrap_err();
    assert_eq!(error.kind(), &CallErrorKind::NoProc);
    assert_eq!(counter.stop(), Err(StopError::NoProc));
    drop(twin);
    assert_no_message();
}

#[test]
fn what_a_server_of_another_program_does_not_take_ends_a_call_alone() {
    let Some((_rust, twin, counter)) = start() else { return };
    let by_terms = RemoteServer::on(twin.node(), "counter");
    let error = by_terms.call::<i64>(&(atom("sub"), 3)).unwrap_err();
    let CallErrorKind::Down(reason) = error.kind() else { panic!("{error}") };
    assert_eq!(reason.to_string(), r#"{bad_request,<<"Counter takes no {sub,3}">>}"#);
    by_terms.cast(&atom("unknown")).unwrap();
    process::send(("counter", twin.node()), atom("unknown"));
    assert_eq!(counter.call(Add(3)), Ok(3));
    assert_no_message();
}

#[test]
fn a_call_of_another_program_that_has_timed_out_leaves_nothing() {
    let Some((_rust, _twin, counter)) = start() else { return };
    let error = counter.call_timeout(Query::Later, Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.kind(), &CallErrorKind::Timeout);
    // The late answer comes before the next one.
    counter.cast(Release);
    assert_eq!(counter.call(Query::Get), Ok(0));
    assert_no_message();
    assert!(process::info(process::self_pid()).unwrap().monitors.is_empty());
}

#[test]
fn a_call_of_another_program_ends_with_that() {
    let Some((_rust, mut twin, counter)) = start() else { return };
    let request = counter.send_request(Query::Later);
    assert_eq!(counter.call(Query::Get), Ok(0));
    twin.kill();
    let error = request.receive_response(LONG).unwrap_err();
    assert_eq!(error.kind(), &CallErrorKind::NodeDown(twin.node()));
    assert_no_message();
}

#[test]
fn a_server_of_another_program_is_stopped() {
    let Some((_rust, twin, counter)) = start() else { return };
    let monitor = process::monitor(("counter", twin.node()));
    assert_eq!(counter.stop(), Ok(()));
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

/// A server of this program, used as one of another: by terms.
#[test]
fn a_server_of_this_program_reads_terms_too() {
    let Some((_rust, _twin, _)) = start() else { return };
    let counter = counter::start();
    let by_terms = RemoteServer::from_pid(counter.pid());
    assert_eq!(by_terms.call::<i64>(&(atom("add"), 3)), Ok(3));
    by_terms.cast(&atom("reset")).unwrap();
    assert_eq!(by_terms.call::<i64>(&atom("get")), Ok(0));
    assert_eq!(by_terms.call::<i64>(&atom("by_other")), Ok(0));
    let error = by_terms.call::<i64>(&(atom("sub"), 3)).unwrap_err();
    let CallErrorKind::Down(reason) = error.kind() else { panic!("{error}") };
    assert_eq!(reason.to_string(), r#"{bad_request,<<"Counter takes no {sub,3}">>}"#);
    let error = by_terms.call::<i64>(&atom("no_reply")).unwrap_err();
    assert_eq!(error.kind(), &CallErrorKind::NoReply);
    let request = by_terms.send_request::<Term>(&atom("later")).unwrap();
    wait_until(|| by_terms.call::<i64>(&atom("get")) == Ok(0));
    by_terms.cast(&atom("release")).unwrap();
    assert_eq!(request.receive_response(LONG), Ok(0.into()));
    counter.stop().unwrap();
    assert_no_message();
}
