//! Processes that are in a certain state, and why they end.

use std::sync::mpsc;
use std::time::Duration;

use procession::prelude::*;
use procession::process::Builder;

use crate::support::wait::{expect, test_timeout, wait_for_exit};

/// A time that no test waits for.
pub(crate) const FOREVER: Duration = Duration::from_secs(3_600);

/// An abnormal reason, for tests in which it does not matter which.
pub(crate) fn reason() -> ExitReason {
    ExitReason::new("the reason of a test")
}

/// Runs `body` in a process of its own, so that its mailbox starts empty and exits do not touch the
/// test's thread; fails if it ends by anything but returning.
#[track_caller]
pub(crate) fn in_process(body: impl FnOnce() + Send + 'static) {
    let (_, monitor) = process::spawn_monitor(body).unwrap();
    // Each step in there has its own time-out; many thousand of them take their time on a busy
    // machine.
    let reason = receive! {
        down: Down if down.monitor == monitor => down.reason,
        after test_timeout() * 30 => panic!("the test's process has not ended"),
    };
    assert_eq!(reason, ExitReason::Normal, "the test's process failed");
}

/// A process that does nothing until it is told to end.
pub(crate) fn idle() -> Pid {
    process::spawn(idle_body).unwrap()
}

/// Blocks forever, leaving every message where it is.
pub(crate) fn idle_body() {
    process::receive_match(|_| false);
}

/// A process that others link to, and that their ends do not touch.
pub(crate) fn trapping_peer() -> Pid {
    Builder::new().trap_exit(true).spawn(idle_body).unwrap()
}

/// Links to `peers`, sends [`Begun`] to the caller, and then blocks forever: what a process does
/// that will have to tell its end to many.
pub(crate) fn linked_body(peers: Vec<Pid>) -> impl FnOnce() + Send + 'static {
    let me = process::self_pid();
    move || {
        peers.into_iter().for_each(process::link);
        process::send(me, Begun);
        idle_body();
    }
}

/// The pid of a process that has ended, and that has told everybody so: whoever monitors it now has
/// its DOWN at once.
#[track_caller]
pub(crate) fn dead_pid() -> Pid {
    let (tell, told) = mpsc::channel();
    // The parent takes its child with it, and ends when that has told its end.
    let parent = process::spawn(move || {
        let child = Builder::new().link().spawn(idle_body).unwrap();
        tell.send(child).unwrap();
        process::exit_self(reason());
    });
    wait_for_exit(parent.unwrap());
    told.recv().unwrap()
}

/// What a process sends when its body has begun.
#[derive(Debug)]
pub(crate) struct Begun;

/// Starts a process that does `body` as soon as it has begun, and waits until it has begun.
pub(crate) fn begun(builder: Builder, body: impl FnOnce() + Send + 'static) -> (Pid, MonitorRef) {
    let me = process::self_pid();
    let begun = builder
        .spawn_monitor(move || {
            process::send(me, Begun);
            body();
        })
        .unwrap();
    expect::<Begun>();
    begun
}

/// A process that is busy where the runtime cannot reach it, until `let_go` is dropped.
pub(crate) struct Busy {
    pub(crate) pid: Pid,
    pub(crate) monitor: MonitorRef,
    pub(crate) let_go: mpsc::Sender<()>,
}

/// Starts a process that is busy and then does `then`, and waits until it is busy.
pub(crate) fn busy(builder: Builder, then: impl FnOnce() + Send + 'static) -> Busy {
    let (let_go, held) = mpsc::channel();
    let (pid, monitor) = begun(builder, move || {
        _ = held.recv();
        then();
    });
    Busy { pid, monitor, let_go }
}

/// Has another process kill the caller, which goes on to its next call of the runtime.
pub(crate) fn be_killed() {
    let (me, (done, killed)) = (process::self_pid(), mpsc::channel::<()>());
    process::spawn(move || {
        process::exit(me, ExitReason::Kill);
        drop(done);
    })
    .unwrap();
    _ = killed.recv();
}
