//! Which exits of children a supervisor reports, which it answers with a restart, and which end the
//! supervisor itself.

use std::fmt;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::{Exit, Message};
use crate::process::{self, AliasMode};
use crate::timer;

use super::failures::report_unexpected;
use super::{AutoShutdown, Policy, Restart};

/// The response of a supervisor to the exit of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OnExit {
    /// Whether it reports that the child has terminated.
    pub(crate) report: bool,
    /// Whether it starts the child again. Otherwise the child is gone for good.
    pub(crate) restart: bool,
}

impl Policy {
    /// Decides what follows from the exit of a child: a clause per clause of OTP's `do_restart`.
    pub(crate) fn on_exit(&self, reason: &ExitReason) -> OnExit {
        match (self.restart, reason.is_orderly()) {
            (Restart::Permanent, _) | (Restart::Transient, false) => {
                OnExit { report: true, restart: true }
            }
            (Restart::Temporary, false) => OnExit { report: true, restart: false },
            (Restart::Transient | Restart::Temporary, true) => {
                OnExit { report: false, restart: false }
            }
        }
    }
}

impl AutoShutdown {
    /// Decides whether the supervisor ends, with this error, now that a significant child is gone.
    pub(crate) fn on_significant_exit(
        self,
        others_remain: impl FnOnce() -> bool,
    ) -> Result<(), ExitReason> {
        let is_due = match self {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !others_remain(),
        };
        if is_due { Err(ExitReason::Shutdown) } else { Ok(()) }
    }
}

/// An event in a supervisor's mailbox, other than a request. `C` identifies a child.
#[derive(Debug)]
pub(crate) enum Event<C> {
    /// A linked process has exited.
    Exited(Pid, ExitReason),
    /// The time has come to restart a child whose last restart has failed, or whose pause is over.
    RetryRestart(C),
}

/// The message that a supervisor sends to itself after a restart that has failed, or for the end of
/// a pause.
#[derive(Debug)]
struct RetryRestart<C>(C);

/// Sends the calling supervisor the message to restart a child after a pause, so that it answers
/// requests in between; also if there is no pause.
pub(crate) fn retry_restart<C: fmt::Debug + Send + 'static>(child: C, pause: Duration) {
    // By an alias, for which no room is needed: it must not get lost, whatever is in the mailbox.
    let (me, message) = (process::alias_with(AliasMode::Reply), RetryRestart(child));
    if pause.is_zero() {
        process::send(me, message);
    } else {
        timer::send_after(pause, me, message);
    }
}

impl<C: 'static> Event<C> {
    /// Returns the event that `message` is. Logs and drops a message that no supervisor expects.
    pub(crate) fn of(message: Message) -> Option<Event<C>> {
        let message = match message.downcast::<Exit>() {
            Ok(exit) => return Some(Event::Exited(exit.from, exit.reason)),
            Err(message) => message,
        };
        match message.downcast::<RetryRestart<C>>() {
            Ok(RetryRestart(child)) => Some(Event::RetryRestart(child)),
            Err(message) => {
                report_unexpected(message);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ChildSpec;
    use super::*;

    #[track_caller]
    fn check(restart: Restart, reason: ExitReason, is_reported: bool, is_restarted: bool) {
        let policy = ChildSpec::template("child", |()| Ok(process::self_pid())).restart(restart);
        let expected = OnExit { report: is_reported, restart: is_restarted };
        assert_eq!(policy.policy().on_exit(&reason), expected, "{restart:?} {reason}");
    }

    // OTP: supervisor:do_restart/3
    #[test]
    fn a_permanent_child_is_always_restarted_others_are_not_after_an_orderly_exit() {
        use Restart::{Permanent, Temporary, Transient};
        let orderly =
            [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("maintenance")];
        for reason in orderly {
            check(Permanent, reason.clone(), true, true);
            check(Transient, reason.clone(), false, false);
            check(Temporary, reason, false, false);
        }
        for reason in [ExitReason::Killed, ExitReason::NoProc, ExitReason::new("a fault")] {
            check(Permanent, reason.clone(), true, true);
            check(Transient, reason.clone(), true, true);
            check(Temporary, reason, true, false);
        }
    }

    #[test]
    fn a_significant_child_that_is_gone_may_end_its_supervisor() {
        use AutoShutdown::{AllSignificant, AnySignificant, Never};
        for (auto_shutdown, others_remain, is_due) in [
            (Never, false, false),
            (Never, true, false),
            (AnySignificant, false, true),
            (AnySignificant, true, true),
            (AllSignificant, false, true),
            (AllSignificant, true, false),
        ] {
            let decision = auto_shutdown.on_significant_exit(|| others_remain);
            let expected = if is_due { Err(ExitReason::Shutdown) } else { Ok(()) };
            assert_eq!(decision, expected, "{auto_shutdown:?} {others_remain}");
        }
    }
}
