//! What the view does to processes, of which those that answer are asked by processes of their own.

use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::process;
use crate::sys::{self, Status, SysError};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Status,
    Kill,
    Suspend,
    Resume,
}

impl Order {
    pub(super) fn name(self) -> &'static str {
        match self {
            Order::Status => "status",
            Order::Kill => "kill",
            Order::Suspend => "suspend",
            Order::Resume => "resume",
        }
    }
}

/// What a process has answered.
#[derive(Debug)]
pub(super) enum Answer {
    Status(Result<Box<Status>, SysError>),
    Done(Order, Result<(), SysError>),
    /// Nobody was asked.
    Failed(Order, String),
}

/// An answer with the process that has given it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) pid: Pid,
    pub(super) answer: Answer,
}

/// Carries out an order. The answer comes as an [`Answered`].
pub(super) fn carry_out(order: Order, pid: Pid) {
    let view = process::self_pid();
    let ask = move || {
        let sys = sys::of(pid).timeout(PATIENCE);
        let answer = match order {
            Order::Status => Answer::Status(sys.get_status().map(Box::new)),
            Order::Suspend => Answer::Done(order, sys.suspend()),
            Order::Resume => Answer::Done(order, sys.resume()),
            Order::Kill => {
                process::exit(pid, ExitReason::Kill);
                Answer::Done(order, Ok(()))
            }
        };
        process::send(view, Answered { pid, answer });
    };
    match order {
        // Nobody answers, and there may be no thread any more for a process.
        Order::Kill => ask(),
        Order::Status | Order::Suspend | Order::Resume => {
            let labelled = move || {
                process::set_label("asks for the view");
                ask();
            };
            if let Err(error) = process::spawn(labelled) {
                let answer = Answer::Failed(order, error.to_string());
                process::send(view, Answered { pid, answer });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_leaves_the_view_its_label() {
        process::set_label("shows");
        let pid = process::spawn(process::hibernate).unwrap();
        let monitor = process::monitor(pid);
        carry_out(Order::Kill, pid);
        assert_eq!(process::wait(monitor, Duration::MAX), Some(ExitReason::Killed));
        let me = process::info(process::self_pid()).unwrap();
        assert_eq!(me.label.as_deref(), Some("shows"));
    }
}
