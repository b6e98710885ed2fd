//! A child for supervisors: it tells its witness what happens to it, and ends as it is told.

use procession::prelude::*;
use procession::supervisor::{ChildSpec, ChildState, SupervisorRef};

use crate::support::*;

/// The state of a server that is a child.
#[derive(Debug)]
pub(crate) struct Kid {
    name: &'static str,
    witness: Pid,
}

/// To the witness: this child has been started, as this process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Started(pub(crate) &'static str, pub(crate) Pid);

/// To the witness: this child, which traps exits, ends for this reason.
#[derive(Debug, PartialEq)]
pub(crate) struct Stopped(pub(crate) &'static str, pub(crate) ExitReason);

/// To a child: end for this reason.
#[derive(Debug)]
pub(crate) struct End(pub(crate) ExitReason);

impl GenServer for Kid {
    type Args = (&'static str, Pid);

    fn init((name, witness): Self::Args) -> InitResult<Kid> {
        process::set_trap_exit(true);
        process::send(witness, Started(name, process::self_pid()));
        ready(Kid { name, witness })
    }

    fn terminate(&mut self, reason: &ExitReason) {
        process::send(self.witness, Stopped(self.name, reason.clone()));
    }
}

impl HandleCast<End> for Kid {
    fn handle_cast(&mut self, End(reason): End) -> CastResult<Kid> {
        stop(reason)
    }
}

/// A child with the caller as its witness.
pub(crate) fn kid(name: &'static str) -> ChildSpec<ServerRef<Kid>> {
    let witness = process::self_pid();
    ChildSpec::new(name, move || Kid::start_link((name, witness)))
}

/// Waits for the start of a child, and returns its process.
#[track_caller]
pub(crate) fn started(name: &'static str) -> Pid {
    receive! {
        Started(it, pid) if it == name => pid,
        after patience() => panic!("{name} was not started within {:?}", patience()),
    }
}

/// Waits for the end of a child, and returns why it ended.
#[track_caller]
pub(crate) fn stopped(name: &'static str) -> ExitReason {
    receive! {
        Stopped(it, reason) if it == name => reason,
        after patience() => panic!("{name} was not stopped within {:?}", patience()),
    }
}

/// What the children have told their witness so far, in order: `+` for a start.
pub(crate) fn story() -> Vec<String> {
    let mut story = Vec::new();
    while let Some(message) = process::receive_match_timeout(std::time::Duration::ZERO, |message| {
        message.is::<Started>() || message.is::<Stopped>()
    }) {
        story.push(match message.downcast::<Started>() {
            Ok(Started(name, _)) => format!("+{name}"),
            Err(message) => format!("-{}", message.downcast::<Stopped>().unwrap().0),
        });
    }
    story
}

/// Ends a child for `reason`.
pub(crate) fn end(pid: Pid, reason: ExitReason) {
    ServerRef::<Kid>::from_pid(pid).cast(End(reason));
}

/// Ends a child for `reason`, and waits until all that it is linked to have its exit signal.
#[track_caller]
pub(crate) fn end_and_wait(pid: Pid, reason: ExitReason) {
    // Before it ends: a monitor that comes later may be answered before the links are.
    let monitor = process::monitor(pid);
    end(pid, reason);
    down_reason(monitor);
}

/// What ends a child abnormally.
pub(crate) fn failure() -> ExitReason {
    ExitReason::new("kid::failure")
}

/// The state of a child, when the supervisor has done what it was about to do.
#[track_caller]
pub(crate) fn state_of(supervisor: &SupervisorRef, id: &str) -> Option<ChildState> {
    let children = supervisor.which_children().unwrap();
    children.into_iter().find(|child| child.id == id).map(|child| child.state)
}
