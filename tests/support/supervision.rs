//! Supervisors with children for every purpose, for tests of what they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use procession::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor::{ChildSpec, ChildState, Strategy, Supervisor, SupervisorRef};

use crate::support::child::{
    ChildEnded, ChildStarted, ObservedChild, child, child_state, expect_started, failure,
};
use crate::support::processes::idle_body;
use crate::support::wait::{expect, test_timeout};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) const STRATEGIES: [Strategy; 3] =
    [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

/// A supervisor that restarts as often as it takes.
pub(crate) fn unlimited_restarts(strategy: Strategy) -> Supervisor {
    Supervisor::new(strategy).intensity(1_000_000, HOUR)
}

/// A supervisor that restarts each child by itself, as often as it takes, and has none yet.
#[track_caller]
pub(crate) fn start_empty() -> SupervisorRef {
    unlimited_restarts(Strategy::OneForOne).start_link().unwrap()
}

/// Adds the children a, b and c.
pub(crate) fn with_three(supervisor: Supervisor) -> Supervisor {
    supervisor.child(child("a")).child(child("b")).child(child("c"))
}

/// Starts a supervisor with the children a, b and c, and returns them, too.
#[track_caller]
pub(crate) fn start_with_three(strategy: Strategy) -> (SupervisorRef, [Pid; 3]) {
    let supervisor = with_three(unlimited_restarts(strategy)).start_link().unwrap();
    (supervisor, ["a", "b", "c"].map(expect_started))
}

/// A dynamic supervisor that restarts as often as it takes, and has no children yet.
#[track_caller]
pub(crate) fn start_dynamic() -> DynamicSupervisorRef {
    DynamicSupervisor::new().intensity(1_000_000, HOUR).start_link().unwrap()
}

#[track_caller]
pub(crate) fn stop_supervisor(supervisor: &SupervisorRef) {
    let pid = supervisor.pid();
    assert_eq!(supervisor.stop(), Ok(()));
    expect_normal_exit(pid);
}

#[track_caller]
pub(crate) fn stop_dynamic(supervisor: &DynamicSupervisorRef) {
    let pid = supervisor.pid();
    assert_eq!(supervisor.stop(), Ok(()));
    expect_normal_exit(pid);
}

/// Takes the exit message of a linked process that has ended normally, which a thread of the
/// program's own has only if it has asked to trap exits.
#[track_caller]
pub(crate) fn expect_normal_exit(pid: Pid) {
    let is_exit =
        |message: &Message| message.downcast_ref::<Exit>().is_some_and(|exit| exit.from == pid);
    if let Some(exit) = process::receive_match_timeout(Duration::ZERO, is_exit) {
        assert_eq!(exit.downcast::<Exit>().unwrap().reason, ExitReason::Normal);
    }
}

/// A start that chooses not to.
pub(crate) fn ignoring(id: &str) -> ChildSpec<Pid> {
    ChildSpec::new(id, || Err(StartError::Ignored))
}

pub(crate) fn failing(id: &str) -> ChildSpec<Pid> {
    ChildSpec::new(id, || Err(StartError::Failed(failure())))
}

/// The reason in the error of a child that did not start.
#[track_caller]
pub(crate) fn start_failure(error: SupervisorError) -> ExitReason {
    let SupervisorError::Failed(failed) = error else {
        panic!("it has not failed to start: {error}");
    };
    failed.reason
}

/// How many of the next starts of a child fail.
pub(crate) type Fails = Arc<AtomicUsize>;

/// A child that starts the first time, and the number of its next starts that are to fail.
pub(crate) fn flaky(name: &'static str) -> (ChildSpec<ServerRef<ObservedChild>>, Fails) {
    let fails = Fails::default();
    let (left, observer) = (Arc::clone(&fails), process::self_pid());
    let spec = ChildSpec::new(name, move || {
        if left.load(Ordering::SeqCst) == 0 {
            return ObservedChild::start_link((name, observer));
        }
        left.fetch_sub(1, Ordering::SeqCst);
        Err(StartError::Failed(failure()))
    });
    (spec, fails)
}

/// A child that is a process with this body, which begins when it has started.
pub(crate) fn process_child(
    id: &str,
    body: impl Fn() + Clone + Send + Sync + 'static,
) -> ChildSpec<Pid> {
    with_flag(id, false, body)
}

/// The same, but it traps exits.
pub(crate) fn trapping(
    id: &str,
    body: impl Fn() + Clone + Send + Sync + 'static,
) -> ChildSpec<Pid> {
    with_flag(id, true, body)
}

fn with_flag(
    id: &str,
    trap_exit: bool,
    body: impl Fn() + Clone + Send + Sync + 'static,
) -> ChildSpec<Pid> {
    ChildSpec::new(id, move || {
        let body = body.clone();
        let start = move |starter: proc_lib::Starter<Pid>| {
            process::set_trap_exit(trap_exit);
            starter.ack(process::self_pid());
            body();
        };
        Ok(proc_lib::start_link(start)?)
    })
}

/// A child that does not end when it is told to.
pub(crate) fn never_ending(id: &str) -> ChildSpec<Pid> {
    trapping(id, idle_body)
}

/// To the observer: this child's start hangs, in this process, until that is sent [`Go`].
#[derive(Debug)]
pub(crate) struct Hangs(pub(crate) &'static str, pub(crate) Pid);

/// To a child that hangs: go on.
#[derive(Debug)]
pub(crate) struct Go;

/// A child whose start hangs while the flag is set; else as a [`child`].
pub(crate) fn hanging(name: &'static str, flag: &Arc<AtomicBool>) -> ChildSpec<Pid> {
    let (flag, observer) = (Arc::clone(flag), process::self_pid());
    ChildSpec::new(name, move || {
        let hangs = flag.load(Ordering::SeqCst);
        let start = move |starter: proc_lib::Starter<Pid>| {
            let me = process::self_pid();
            if hangs {
                process::send(observer, Hangs(name, me));
                expect::<Go>();
            }
            process::set_trap_exit(true);
            process::send(observer, ChildStarted(name, me));
            starter.ack(me);
            let reason = receive! { exit: Exit => exit.reason };
            process::send(observer, ChildEnded(name, reason.clone()));
            process::exit_self(reason);
        };
        Ok(proc_lib::start_link(start)?)
    })
}

/// Waits until the start of a child hangs, and returns the process.
#[track_caller]
pub(crate) fn hangs(name: &'static str) -> Pid {
    receive! {
        Hangs(it, pid) if it == name => pid,
        after test_timeout() => panic!("{name} does not hang"),
    }
}

/// The process of a child, if it runs.
#[track_caller]
pub(crate) fn child_pid(supervisor: &SupervisorRef, id: &str) -> Option<Pid> {
    child_state(supervisor, id).and_then(ChildState::pid)
}

/// The children in their order, as `+` if they run, `-` if not, `?` if they are to be restarted.
#[track_caller]
pub(crate) fn child_states(supervisor: &SupervisorRef) -> Vec<String> {
    let children = supervisor.which_children().unwrap();
    let show = |state| match state {
        ChildState::Running(_) => '+',
        ChildState::Stopped => '-',
        ChildState::Restarting => '?',
    };
    children.iter().rev().map(|child| format!("{}{}", show(child.state), child.id)).collect()
}

/// That there is no such supervisor, or was none any more.
pub(crate) fn no_proc<T>() -> Result<T, CallErrorKind> {
    Err(CallErrorKind::NoProc)
}
