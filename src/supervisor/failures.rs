//! The reports of a supervisor on its children.

use log::Level;

use crate::exit::ExitReason;
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::message::{Destination, Message};
use crate::process;
use crate::report::{
    Child, Context, Kind, ProgressReport, Report, SupervisorReport, is_wanted, submit,
};
use crate::runtime::snapshot::name_or_pid;
use crate::user_code::{displayed, drop_caught, is_seen, log_caught, printed};

use super::intensity::Intensity;
use super::{FailedToStart, Policy, SupervisorError};

/// Returns the calling supervisor, as reports show it.
pub(super) fn me() -> Destination {
    name_or_pid(process::self_pid())
}

fn describe(policy: &Policy, pid: Option<Pid>) -> Child {
    Child { pid, id: policy.id.clone() }
}

pub(crate) fn report_failure(
    context: Context,
    reason: &ExitReason,
    policy: &Policy,
    pid: Option<Pid>,
) {
    if is_wanted(Kind::Supervisor) {
        let info = process::info(process::self_pid());
        submit(&Report::Supervisor(SupervisorReport {
            supervisor: me(),
            supervisor_type: info.as_ref().and_then(|info| info.initial_call),
            parent: info.and_then(|info| info.parent()).map(name_or_pid),
            context,
            shown_reason: displayed(reason),
            reason: reason.clone(),
            child: describe(policy, pid),
        }));
    }
}

pub(crate) fn report_progress(policy: &Policy, pid: Pid) {
    if is_wanted(Kind::Progress) {
        let child = describe(policy, Some(pid));
        submit(&Report::Progress(ProgressReport { supervisor: me(), child }));
    }
}

/// Reports that the supervisor gives up, as there were more restarts than this.
pub(crate) fn report_giving_up(limit: Intensity, policy: &Policy, pid: Option<Pid>) {
    let limit = format!("reached the maximum restart intensity: {limit} (set by `intensity`)");
    let reason = ExitReason::new(limit);
    report_failure(Context::Shutdown, &reason, policy, pid);
}

/// Logs a message that no supervisor expects, and drops it.
pub(crate) fn report_unexpected(message: Message) {
    let target = Kind::Supervisor.target();
    if is_seen(Level::Error, target) {
        let text = printed(&message);
        let text = format_args!("{} does not expect this message: {text}", me());
        log_caught(Level::Error, target, text);
    }
    drop_caught(message);
}

/// Returns the reason for which a start failed.
pub(crate) fn reason_of(error: StartError) -> ExitReason {
    match error {
        StartError::Failed(reason) => reason,
        StartError::Ignored
        | StartError::AlreadyStarted(_)
        | StartError::Name(_)
        | StartError::Timeout
        | StartError::Spawn(_)
        | StartError::CallerEnded => ExitReason::from(error),
    }
}

/// Returns the same for the client that asked for the child with this id.
pub(crate) fn start_error(id: &str, error: StartError) -> SupervisorError {
    match error {
        StartError::AlreadyStarted(pid) => SupervisorError::AlreadyStarted(pid),
        StartError::Ignored => SupervisorError::Ignored,
        StartError::Failed(_)
        | StartError::Name(_)
        | StartError::Timeout
        | StartError::Spawn(_)
        | StartError::CallerEnded => {
            let (id, reason) = (id.to_owned(), reason_of(error));
            SupervisorError::Failed(FailedToStart { id, reason })
        }
    }
}
