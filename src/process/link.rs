//! Links.

use crate::id::Pid;
use crate::runtime::address::{deliver_exit, signal_of_link};
use crate::runtime::children;
use crate::runtime::links::{self, Closed, Linked};
use crate::runtime::remote::RemotePid;
use crate::runtime::table::Process;

use super::current::current;

/// Gives `child`, which is linked to the caller, to another parent, and removes that link. Returns
/// whether both are alive; otherwise nothing changes. The caller does not end here.
#[cfg(all(feature = "io", target_os = "linux"))]
pub(crate) fn give_child(child: Pid, parent: Pid) -> bool {
    let child = Process::of(child);
    let is_given = children::adopt(child, Process::of(parent));
    if is_given {
        children::unlink(current(), child);
    }
    is_given
}

/// Returns whether the caller is linked to a process.
pub(crate) fn is_linked(pid: Pid) -> bool {
    current().slot.links.lock().peers.contains_key(&pid)
}

/// Links the caller and `to`: when one ends, the other gets an exit signal with its reason.
///
/// There is at most one link between two processes; to link them again, or a process to itself,
/// does nothing. If `to` has ended, the caller gets the signal at once, with
/// [`ExitReason::NoProc`]; if it is one of another node, and there is no connection, with
/// [`ExitReason::NoConnection`] as soon as that is known.
///
/// ```
/// use procession::prelude::*;
///
/// let worker = process::spawn(|| receive! { () => {} })?;
/// process::link(worker);
/// process::exit(worker, ExitReason::new("bored"));
/// // `main` traps exits, as all threads of the program's own do.
/// receive! {
///     exit: Exit if exit.from == worker => assert_eq!(exit.reason, ExitReason::new("bored")),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:link/1`](https://www.erlang.org/doc/apps/erts/erlang.html#link/1).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
///
/// [`ExitReason::NoProc`]: crate::ExitReason::NoProc
/// [`ExitReason::NoConnection`]: crate::ExitReason::NoConnection
pub fn link(to: impl Into<Pid>) {
    let pid = to.into();
    let process = current();
    process.unwind_if_doomed();
    if pid == process.pid {
        return;
    }
    let linked = match RemotePid::of(pid) {
        Some(remote) => remote.link(process),
        None => links::link(process.link_end(), Process::of(pid).link_end()),
    };
    match linked {
        Ok(Linked::New | Linked::Existing) => {}
        Ok(Linked::Failed(id, reason)) => {
            deliver_exit(process.pid, signal_of_link(pid, id, reason));
            process.sort_or_unwind();
        }
        Err(Closed) => process.unwind_if_doomed(),
    }
}

/// Removes the link between the caller and `from`, for both.
///
/// Exit signals that have arrived are judged first. After this call no exit signal of the link
/// reaches the caller. Nothing happens if there is no link.
///
/// ```
/// use procession::prelude::*;
///
/// let worker = process::spawn_link(|| receive! { () => {} })?;
/// process::unlink(worker);
/// assert_eq!(process::info(worker).unwrap().links, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:unlink/1`](https://www.erlang.org/doc/apps/erts/erlang.html#unlink/1).
///
/// # Panics
///
/// As [`link`].
pub fn unlink(from: impl Into<Pid>) {
    let pid = from.into();
    let process = current();
    process.sort_or_unwind();
    if let Some(remote) = RemotePid::of(pid) {
        remote.unlink(process);
    } else if pid != process.pid {
        children::unlink(process, Process::of(pid));
    }
}
