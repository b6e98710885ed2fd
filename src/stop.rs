//! Stopping a process that handles system messages, and waiting until it has ended.

use std::fmt;
use std::time::Duration;

use crate::error_text::errors;
use crate::exit::ExitReason;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::external::{reason_to_term, reason_to_text};
use crate::id::{Node, Pid};
use crate::message::{Destination, Down, Message};
use crate::process::current::{Ended, current};
use crate::process::monitor::forget_request;
use crate::process::receive::{deadline_after, time_left};
use crate::process::{Address, MonitorOptions};
use crate::runtime::address::deliver;
use crate::runtime::mailbox::Signal;
use crate::runtime::monitors;
use crate::runtime::remote::{Next, Remote};
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
    /// The server is of another node, with which there is no connection, or is none any more.
    NodeDown(Node),
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
            Self::NodeDown(node) => write!(f, "there is no connection with {node}"),
            Self::CallerEnded => f.write_str("the caller has ended and cannot wait"),
        }
    }
}

errors!(StopError);

/// Sends the process `target` the order to end with `reason`. A caller that has ended can do so,
/// too.
pub(crate) fn order_to_stop(target: Pid, reason: ExitReason) {
    deliver(target, Signal::Message(stop_message(reason)));
}

fn stop_message(reason: ExitReason) -> Message {
    Message::new(Request::new(Order::Terminate { reason, reply_to: None }, None))
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
    let (target, object): (_, Destination) = (to.find(), to.clone().into());
    let remote = Remote::of(target, &object);
    if let Some(target) = target.filter(|target| *target == caller.pid) {
        return Err(StopError::CallingSelf(target));
    }
    if target.is_none() && remote.is_none() {
        return Err(StopError::NoProc);
    }
    let since = caller.slot.mailbox.mark();
    let (monitor, found) = monitors::find_and_set(caller, target, object, MonitorOptions::new());
    let is_end = |message: &Message| {
        message.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
    };
    let _waiting = match target.map(|target| caller.wait_for(target, monitor.id)).transpose() {
        Ok(waiting) => waiting,
        Err(Cycle(cycle)) => {
            forget_request(monitor, since, is_end);
            return Err(StopError::Deadlock(cycle));
        }
    };
    let order = stop_message(reason.clone());
    let deadline = deadline_after(timeout);
    match (remote.clone(), target) {
        // What cannot be told has ended, or so says the monitor.
        (Some(remote), _) => {
            _ = caller.request_when_there_is_room(remote, order, timeout, Next::Wait);
        }
        (None, Some(target)) => deliver(target, Signal::Message(order)),
        (None, None) => unreachable!("it was looked at"),
    }
    let down = caller
        .receive_since(since, time_left(deadline), is_end)
        .map_err(|Ended| StopError::CallerEnded)?
        .map(|message| message.downcast::<Down>());
    match down {
        Some(Ok(_)) if !found => Err(StopError::NoProc),
        Some(Ok(down)) if is_same(&down.reason, &reason, remote.is_some()) => Ok(()),
        Some(Ok(down)) if remote.is_some() && down.reason == ExitReason::NoProc => {
            Err(StopError::NoProc)
        }
        Some(Ok(down)) if down.reason == ExitReason::NoConnection && remote.is_some() => {
            Err(remote.map_or(StopError::NoProc, |remote| StopError::NodeDown(remote.node())))
        }
        Some(Ok(down)) => Err(StopError::Down(down.reason)),
        Some(Err(_)) => unreachable!("only a DOWN was asked for"),
        None => {
            forget_request(monitor, since, is_end);
            Err(StopError::Timeout)
        }
    }
}

/// Returns whether a server has ended for the reason that was asked for; if it is one of another
/// node, as far as that can be said there.
fn is_same(found: &ExitReason, asked: &ExitReason, is_remote: bool) -> bool {
    #[cfg(all(feature = "dist", target_os = "linux"))]
    if is_remote {
        let found = reason_to_term(found);
        return found == reason_to_term(asked) || found == reason_to_text(asked);
    }
    _ = is_remote;
    found == asked
}
