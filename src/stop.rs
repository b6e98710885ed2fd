//! Stopping a process that handles system messages, and waiting until it has ended.

use std::fmt;
use std::time::Duration;

use crate::error_text::errors;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::{Down, Message};
use crate::process::current::{Ended, current};
use crate::process::monitor::forget_request;
use crate::process::{Address, MonitorOptions};
use crate::runtime::address::deliver;
use crate::runtime::mailbox::Signal;
use crate::runtime::monitors;
use crate::runtime::wait_graph::Cycle;
use crate::sys::{Order, Request};

/// Error returned from stopping a server.
///
/// As an [`ExitReason`], by `?`, it is abnormal, whatever the reason that it holds.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum StopError {
    /// No process answers to that pid or name.
    NoProc,
    /// The server has not ended in time. It still will, when it handles the request.
    Timeout,
    /// The server ended for this reason, not for the one that was asked for.
    Down(ExitReason),
    /// The process tried to stop itself, which could only ever time out.
    CallingSelf(Pid),
    /// The stop was refused at once, as these processes would all wait for each other.
    Deadlock(Vec<Pid>),
    /// The caller cannot wait: it is being ended by an exit signal, or it is a thread of the
    /// program's own that was killed or is in its last destructors.
    CallerEnded,
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("no such process"),
            Self::Timeout => f.write_str("the server has not stopped in time"),
            Self::Down(reason) => write!(f, "the server ended for another reason: {reason}"),
            Self::CallingSelf(pid) => write!(f, "process {pid} attempted to stop itself"),
            Self::Deadlock(cycle) => write!(f, "the stop would wait forever: {cycle:?}"),
            Self::CallerEnded => f.write_str("the caller has ended and cannot wait"),
        }
    }
}

errors!(StopError);

/// Sends the process `target` the order to end with `reason`. A caller that has ended can do so,
/// too.
pub(crate) fn order_to_stop(target: Pid, reason: ExitReason) {
    let order = Request::new(Order::Terminate { reason, reply_to: None }, None);
    deliver(target, Signal::Message(Message::new(order)));
}

/// Asks the process at `to` to end with `reason`, and waits for at most `timeout` until it has
/// ended.
pub(crate) fn stop(
    to: &impl Address,
    reason: ExitReason,
    timeout: Duration,
) -> Result<(), StopError> {
    let caller = current();
    caller.may_block().map_err(|Ended| StopError::CallerEnded)?;
    let target = to.find().ok_or(StopError::NoProc)?;
    if target == caller.pid {
        return Err(StopError::CallingSelf(target));
    }
    let since = caller.slot.mailbox.mark();
    let (monitor, found) =
        monitors::find_and_set(caller, Some(target), to.clone().into(), MonitorOptions::new());
    let is_end = |message: &Message| {
        message.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
    };
    let _waiting = match caller.wait_for(target, monitor.id) {
        Ok(waiting) => waiting,
        Err(Cycle(cycle)) => {
            forget_request(monitor, since, is_end);
            return Err(StopError::Deadlock(cycle));
        }
    };
    order_to_stop(target, reason.clone());
    let down = caller
        .receive_since(since, timeout, is_end)
        .map_err(|Ended| StopError::CallerEnded)?
        .map(|message| message.downcast::<Down>());
    match down {
        Some(Ok(_)) if !found => Err(StopError::NoProc),
        Some(Ok(down)) if down.reason == reason => Ok(()),
        Some(Ok(down)) => Err(StopError::Down(down.reason)),
        Some(Err(_)) => unreachable!("only a DOWN was asked for"),
        None => {
            forget_request(monitor, since, is_end);
            Err(StopError::Timeout)
        }
    }
}
