//! A child for supervisors: it tells its observer what happens to it, and ends as it is told.

use procession::prelude::*;
use procession::supervisor::{ChildSpec, ChildState, SupervisorRef};

use crate::support::wait::{down_reason, test_timeout};

/// The state of a server that is a child.
#[derive(Debug)]
pub(crate) struct ObservedChild {
    name: &'static str,
    observer: Pid,
}

/// To the observer: this child has been started, as this process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChildStarted(pub(crate) &'static str, pub(crate) Pid);

/// To the observer: this child, which traps exits, ends for this reason.
#[derive(Debug, PartialEq)]
pub(crate) struct ChildEnded(pub(crate) &'static str, pub(crate) ExitReason);

/// To a child: end for this reason.
#[derive(Debug)]
pub(crate) struct EndWith(pub(crate) ExitReason);

impl GenServer for ObservedChild {
    type Args = (&'static str, Pid);

    fn init((name, observer): Self::Args) -> InitResult<ObservedChild> {
        process::set_trap_exit(true);
        process::send(observer, ChildStarted(name, process::self_pid()));
        ready(ObservedChild { name, observer })
    }

    fn terminate(&mut self, reason: &ExitReason) {
        process::send(self.observer, ChildEnded(self.name, reason.clone()));
    }
}

impl HandleCast<EndWith> for ObservedChild {
    fn handle_cast(&mut self, EndWith(reason): EndWith) -> CastResult<ObservedChild> {
        stop(reason)
    }
}

/// A child with the caller as its observer.
pub(crate) fn child(name: &'static str) -> ChildSpec<ServerRef<ObservedChild>> {
    let observer = process::self_pid();
    ChildSpec::new(name, move || ObservedChild::start_link((name, observer)))
}

/// Waits for the start of a child, and returns its process.
#[track_caller]
pub(crate) fn expect_started(name: &'static str) -> Pid {
    receive! {
        ChildStarted(it, pid) if it == name => pid,
        after test_timeout() => panic!("{name} was not started within {:?}", test_timeout()),
    }
}

/// Waits for the end of a child, and returns why it ended.
#[track_caller]
pub(crate) fn expect_ended(name: &'static str) -> ExitReason {
    receive! {
        ChildEnded(it, reason) if it == name => reason,
        after test_timeout() => panic!("{name} was not stopped within {:?}", test_timeout()),
    }
}

/// What the children have told their observer so far, in order: `+` for a start.
pub(crate) fn child_events() -> Vec<String> {
    let mut events = Vec::new();
    while let Some(message) = process::receive_match_timeout(std::time::Duration::ZERO, |message| {
        message.is::<ChildStarted>() || message.is::<ChildEnded>()
    }) {
        events.push(match message.downcast::<ChildStarted>() {
            Ok(ChildStarted(name, _)) => format!("+{name}"),
            Err(message) => format!("-{}", message.downcast::<ChildEnded>().unwrap().0),
        });
    }
    events
}

/// Ends a child for `reason`.
pub(crate) fn end_child(pid: Pid, reason: ExitReason) {
    ServerRef::<ObservedChild>::from_pid(pid).cast(EndWith(reason));
}

/// Ends a child for `reason`, and waits until all that it is linked to have its exit signal.
#[track_caller]
pub(crate) fn end_child_and_wait(pid: Pid, reason: ExitReason) {
    // Before it ends: a monitor that comes later may be answered before the links are.
    let monitor = process::monitor(pid);
    end_child(pid, reason);
    down_reason(monitor);
}

/// What ends a child abnormally.
pub(crate) fn failure() -> ExitReason {
    ExitReason::new("child::failure")
}

/// The state of a child, when the supervisor has done what it was about to do.
#[track_caller]
pub(crate) fn child_state(supervisor: &SupervisorRef, id: &str) -> Option<ChildState> {
    let children = supervisor.which_children().unwrap();
    children.into_iter().find(|child| child.id == id).map(|child| child.state)
}
