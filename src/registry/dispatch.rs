//! Parallel work of several processes for one that waits.

use std::time::Duration;

use crate::exit::ExitReason;
use crate::message::{Down, Exit};
use crate::process;
use crate::process::Builder;
use crate::process::current::current;
use crate::runtime::wait_graph::Cause;

/// Runs each piece of work in a process that is linked to the caller, and waits for all of them.
/// Leaves none of their messages in the mailbox.
pub(super) fn at_once<W>(work: impl Iterator<Item = W>) -> Result<(), ExitReason>
where
    W: FnOnce() + Send + 'static,
{
    let since = process::mark();
    let mut outcome = Ok(());
    let mut workers = Vec::new();
    for piece in work {
        match Builder::new().link().spawn_monitor(piece) {
            Ok(worker) => workers.push(worker),
            Err(error) => outcome = outcome.and(Err(ExitReason::from(error))),
        }
    }
    let ends = workers.iter().map(|(pid, monitor)| (*pid, monitor.id)).collect();
    let _waiting = current().wait_for_ends(ends, Cause::Own);
    for (pid, monitor) in workers {
        let down = process::receive_match_since(since, Duration::MAX, |message| {
            message.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
        });
        let reason = down.and_then(|down| down.downcast::<Down>().ok()).map(|down| down.reason);
        if let Some(reason) = reason.filter(|reason| *reason != ExitReason::Normal) {
            outcome = outcome.and(Err(reason));
        }
        process::unlink(pid);
        process::receive_match_since(since, Duration::ZERO, |message| {
            message.downcast_ref::<Exit>().is_some_and(|exit| exit.from == pid)
        });
    }
    outcome
}
