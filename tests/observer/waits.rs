//! What processes wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procession::prelude::*;
use procession::process::{Builder, Overflow, Status, WaitsFor};
use procession::sys;

use crate::support::processes::{FOREVER, begun, idle, idle_body};
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, exit_and_wait};
use crate::{Ask, Gate, Slow, Step, observer, snapshot_when, start_slow, turn, waits_for};

/// Checks what a process that does `body` waits for, and ends it.
#[track_caller]
fn check(expected: &WaitsFor, body: impl FnOnce() + Send + 'static) {
    let (pid, _) = begun(Builder::new(), body);
    snapshot_when(pid, expected);
    exit_and_wait(pid, ExitReason::Kill);
}

#[test]
fn a_process_waits_for_a_message_a_time_or_a_name_or_hibernates() {
    let _turn = turn();
    check(&WaitsFor::Message, idle_body);
    check(&WaitsFor::Message, || _ = process::receive_timeout(FOREVER));
    check(&WaitsFor::Hibernation, process::hibernate);
    check(&WaitsFor::Time, || process::sleep(FOREVER));
    check(&WaitsFor::Name, || _ = process::wait_for("observer::nobody", FOREVER));
}

#[test]
fn a_client_waits_for_its_server_which_is_busy() {
    let _turn = turn();
    let (server, gate) = start_slow(Step::Call);
    let (of, called) = (server.pid(), server);
    let (client, monitor) = begun(Builder::new(), move || called.call(Ask).unwrap());
    let snapshot = snapshot_when(client, &WaitsFor::Reply { of });
    let busy = snapshot.process(of).unwrap();
    assert_eq!((busy.info.waits_for.as_ref(), busy.info.status), (None, Status::Running));

    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    snapshot_when(of, &WaitsFor::Message);
    server.stop().unwrap();
}

#[test]
fn a_client_whose_reply_is_deferred_still_waits_for_the_server() {
    let _turn = turn();
    let (server, _) = start_slow(Step::Reply);
    let (of, called) = (server.pid(), server);
    let (client, _) = begun(Builder::new(), move || _ = called.call_timeout(Ask, FOREVER));
    snapshot_when(of, &WaitsFor::Message);
    snapshot_when(client, &WaitsFor::Reply { of });
    exit_and_wait(client, ExitReason::Kill);
    server.stop().unwrap();
}

#[test]
fn a_process_waits_for_the_start_and_the_end_of_another() {
    let _turn = turn();
    let gate = Gate::default();
    let held = gate.clone();
    let (starter, monitor) = begun(Builder::new(), move || {
        let server = Slow::start((Step::Init, held)).unwrap();
        server.stop().unwrap();
    });
    let is_its = |it: &&observer::ProcessInfo| it.info.parent() == Some(starter);
    let of = loop {
        let snapshot = observer::snapshot();
        if let Some(child) = snapshot.processes.iter().find(is_its) {
            break child.info.pid;
        }
    };
    snapshot_when(starter, &WaitsFor::Start { of });
    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);

    let (server, gate) = start_slow(Step::Terminate);
    let of = vec![server.pid()];
    let (stopper, monitor) = begun(Builder::new(), move || server.stop().unwrap());
    snapshot_when(stopper, &WaitsFor::Ends { of });
    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn a_supervisor_that_stops_its_children_waits_for_their_ends() {
    let _turn = turn();
    let gate = Gate::default();
    let args = (Step::Terminate, gate.clone());
    let supervisor = Supervisor::one_for_one()
        .child(ChildSpec::new("slow", move || {
            Slow::start_link_with(args.clone(), StartOptions::new().trap_exit(true))
        }))
        .start_link()
        .unwrap();
    let of = vec![supervisor.which_children().unwrap()[0].state.pid().unwrap()];
    let pid = supervisor.pid();
    let (_, monitor) = begun(Builder::new(), move || supervisor.stop().unwrap());
    snapshot_when(pid, &WaitsFor::Ends { of });
    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn a_sender_waits_for_room_in_a_mailbox() {
    let _turn = turn();
    let builder = Builder::new().mailbox_capacity(1, Overflow::Block(Duration::MAX));
    let full = builder.spawn(idle_body).unwrap();
    check(&WaitsFor::Room { of: Some(full) }, move || {
        process::send(full, 1);
        process::send(full, 2);
    });
    exit_and_wait(full, ExitReason::Kill);
}

#[test]
fn a_process_waits_outside_of_the_runtime() {
    let _turn = turn();
    let gate = Gate::default();
    let (pid, _) = begun(Builder::new(), move || {
        let interrupt = gate.clone();
        process::blocking(move || interrupt.open(), || gate.pass());
    });
    let snapshot = snapshot_when(pid, &WaitsFor::Outside);
    assert_eq!(snapshot.process(pid).unwrap().info.status, Status::Blocking);
    exit_and_wait(pid, ExitReason::Shutdown);
}

#[cfg(all(feature = "io", target_os = "linux"))]
#[test]
fn a_process_that_reads_a_socket_waits_outside_of_the_runtime() {
    use std::io::Read;

    let _turn = turn();
    let (mut here, _there) = procession::io::UnixStream::pair().unwrap();
    check(&WaitsFor::Outside, move || _ = here.read(&mut [0]));
}

#[test]
fn a_process_that_computes_waits_for_nothing() {
    let _turn = turn();
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    let (pid, monitor) = begun(Builder::new(), move || {
        while !told.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    assert_eq!(waits_for(pid), None);
    is_over.store(true, Ordering::Relaxed);
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn a_wait_that_is_just_over_is_not_taken_for_another() {
    let _turn = turn();
    let (server, _) = start_slow(Step::Nowhere);
    let builder = Builder::new().mailbox_capacity(1, Overflow::Block(Duration::MAX));
    let taker = builder
        .spawn(|| {
            loop {
                process::receive();
            }
        })
        .unwrap();
    let of = server.pid();
    // The reply comes by the mailbox.
    let (client, _) = begun(Builder::new(), move || {
        loop {
            sys::of(server.pid()).get_status().unwrap();
        }
    });
    let (sender, _) = begun(Builder::new(), move || {
        loop {
            process::send(taker, ());
        }
    });
    let waits_of = |pid| process::info(pid).unwrap().waits_for;
    for _ in 0..rounds(20_000) {
        let waits = waits_of(client);
        assert!(
            matches!(waits, None | Some(WaitsFor::Message))
                || waits == Some(WaitsFor::Reply { of }),
            "{waits:?}"
        );
        let waits = waits_of(sender);
        assert!(waits.is_none() || waits == Some(WaitsFor::Room { of: Some(taker) }), "{waits:?}");
    }
    for pid in [client, sender, taker] {
        exit_and_wait(pid, ExitReason::Kill);
    }
    server.stop().unwrap();
}

#[test]
fn a_process_that_has_been_woken_waits_for_nothing_any_more() {
    let _turn = turn();
    for wait in [|| _ = process::receive(), process::hibernate] {
        let gate = Gate::default();
        let held = gate.clone();
        let (pid, monitor) = begun(Builder::new(), move || {
            wait();
            held.pass();
        });
        process::send(pid, ());
        crate::wait_until(|| process::info(pid).is_some_and(|it| it.waits_for.is_none()));
        assert_eq!(waits_for(pid), None);
        gate.open();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
    let idle = idle();
    snapshot_when(idle, &WaitsFor::Message);
    exit_and_wait(idle, ExitReason::Shutdown);
}
