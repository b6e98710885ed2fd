//! A process that computes a value, as the process that waits for the value sees it.

use std::fmt;
use std::time::Duration;

use crate::call::{Pending, ReplyTo};
use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::{Down, Exit, Message};
use crate::process;
use crate::process::current::current;
use crate::process::{AliasMode, Builder, Mark, SpawnError};
use crate::user_code::Guarded;

use super::callers::Callers;

/// A process that computes a `T` for the caller.
pub(crate) struct Running<T> {
    pub(crate) pid: Pid,
    /// The request that the value answers.
    pub(crate) pending: Pending<T>,
    /// What is before any exit message of it, if it is linked.
    linked_since: Option<Mark>,
}

impl<T: Send + 'static> Running<T> {
    pub(crate) fn is_linked(&self) -> bool {
        self.linked_since.is_some()
    }

    /// Removes the exit message of a process that has ended.
    pub(crate) fn flush_exit(&self) {
        if let Some(since) = self.linked_since {
            let is_exit = |message: &Message| {
                message.downcast_ref::<Exit>().is_some_and(|exit| exit.from == self.pid)
            };
            _ = current().receive_since(since, Duration::ZERO, is_exit);
        }
    }

    /// Starts a process that is linked to the caller.
    pub(crate) fn spawn_link<F>(
        builder: Builder,
        mode: AliasMode,
        f: F,
    ) -> Result<Running<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let f = Guarded::new(f);
        let (callers, owner) = (Callers::of_next(), process::self_pid());
        let (pid, pending) = Pending::spawn(builder.link(), mode, |reply_to| {
            Box::new(move || {
                callers.enter();
                compute(f.into_inner(), Some(owner), reply_to);
                ExitReason::Normal
            })
        })?;
        let linked_since = Some(pending.since());
        Ok(Running { pid, pending, linked_since })
    }

    /// Takes over a process that [`wait_for_owner`] runs in.
    pub(crate) fn begin(pid: Pid, mode: AliasMode, is_linked: bool) -> Running<T> {
        // The process may have ended: its exit message comes by the link, before the request.
        let linked_since = is_linked.then(|| current().slot.mailbox.mark());
        if is_linked {
            process::link(pid);
        }
        let pending = Pending::ask(pid, mode, |reply_to| Message::new(Begin(reply_to)));
        Running { pid, pending, linked_since }
    }
}

/// Returns what a supervisor has a process do whose value is for `owner`: it waits until its owner
/// monitors it, so that its end is not missed.
pub(crate) fn wait_for_owner<T, F>(owner: Pid, is_linked: bool, f: F) -> impl FnOnce()
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (f, callers) = (Guarded::new(f), Callers::of_next());
    move || {
        let reply_to = receive_begin(owner);
        callers.enter();
        compute(f.into_inner(), is_linked.then_some(owner), reply_to);
    }
}

/// To a process under a supervisor: its owner is ready.
struct Begin<T>(ReplyTo<T>);

impl<T> fmt::Debug for Begin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Begin").field(&self.0).finish()
    }
}

/// Ends the process if its owner has ended.
fn receive_begin<T: 'static>(owner: Pid) -> ReplyTo<T> {
    let monitor = process::monitor(owner);
    let message =
        process::receive_match(|message| message.is::<Begin<T>>() || is_end(message, monitor));
    match message.downcast::<Begin<T>>() {
        Ok(Begin(reply_to)) => {
            process::demonitor_flush(monitor);
            reply_to
        }
        Err(end) => {
            let reason = end.downcast::<Down>().map_or(ExitReason::NoProc, |down| down.reason);
            process::exit_self(ExitReason::shutdown_with(reason))
        }
    }
}

fn is_end(message: &Message, monitor: MonitorRef) -> bool {
    message.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
}

/// Computes the value and sends it to who waits for it.
///
/// A linked process parts from its owner before: it has nothing more to tell by its end, of which
/// an owner that traps exits would get a message.
fn compute<T, F>(f: F, linked_to: Option<Pid>, reply_to: ReplyTo<T>)
where
    T: Send + 'static,
    F: FnOnce() -> T,
{
    let value = Guarded::new(f()); // The process may unwind here.
    if let Some(owner) = linked_to {
        process::unlink(owner);
    }
    reply_to.reply(value.into_inner());
}

/// The exit signal that each of some processes gets when the link to it is removed. If the caller
/// unwinds before, they are sent all the same.
struct LastSignals {
    pids: Vec<Pid>,
    reason: ExitReason,
}

impl Drop for LastSignals {
    fn drop(&mut self) {
        self.pids.iter().for_each(|pid| process::exit(*pid, self.reason.clone()));
    }
}

/// Removes the links to some processes, and then sends them `reason`. Whatever happens to the
/// caller meanwhile, they get it.
pub(crate) fn unlink_and_exit(pids: impl IntoIterator<Item = Pid>, reason: ExitReason) {
    let mut signals = LastSignals { pids: pids.into_iter().collect(), reason };
    while let Some(pid) = signals.pids.last() {
        process::unlink(*pid);
        process::exit(*pid, signals.reason.clone());
        signals.pids.pop();
    }
}
