//! Monitors and aliases.

use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::{Alias, MonitorRef};
use crate::message::{Destination, Down, Message};
use crate::runtime::links::AliasMode;
use crate::runtime::mailbox::Mark;
use crate::runtime::monitors::{MonitorOptions, forget, set};
use crate::user_code::{Guarded, drop_caught};

use super::current::current;
use super::receive::receive_match_timeout;
use super::send::Address;

/// Asks for one [`Down`] message when `target`, a pid or a name, ends.
///
/// A name is resolved once, here; one on another node, `("logger", node)`, is resolved there. If
/// nobody is there, the message comes at once, with [`ExitReason::NoProc`]; but if the process is
/// telling its end just then, not before its links have been told. If the process is one of another
/// node, the message comes with [`ExitReason::NoConnection`] when there is no connection, or no
/// longer. Of several monitors of one process, the caller's oldest fires first. Each call makes a
/// monitor of its own. The monitored process does not notice it. A monitor of the caller itself
/// never fires.
///
/// OTP: [`erlang:monitor/2`](https://www.erlang.org/doc/apps/erts/erlang.html#monitor/2).
///
/// ```
/// use procession::prelude::*;
///
/// let pid = process::spawn(|| process::exit_self(ExitReason::new("done")))?;
/// let monitor = process::monitor(pid);
/// receive! {
///     down: Down if down.monitor == monitor => println!("{:?}", down.reason),
/// }
/// # Ok::<(), procession::process::SpawnError>(())
/// ```
///
/// # Panics
///
/// In a thread of the program's own that was killed.
///
/// [`Down`]: crate::Down
/// [`ExitReason::NoProc`]: crate::ExitReason::NoProc
/// [`ExitReason::NoConnection`]: crate::ExitReason::NoConnection
pub fn monitor(target: impl Into<Destination>) -> MonitorRef {
    monitor_with(target, MonitorOptions::new())
}

/// As [`monitor`], with a tag or an alias.
///
/// ```
/// use procession::prelude::*;
/// use procession::TaggedDown;
/// use procession::process::MonitorOptions;
///
/// let worker = process::spawn(|| receive! { () => {} })?;
/// process::monitor_with(worker, MonitorOptions::new().tag("the worker"));
/// process::send(worker, ());
/// receive! {
///     TaggedDown { tag: "the worker", down } => assert_eq!(down.reason, ExitReason::Normal),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// As [`monitor`].
pub fn monitor_with(target: impl Into<Destination>, options: MonitorOptions) -> MonitorRef {
    let target = Guarded::new(target); // It may be of a type of the user's.
    let owner = current();
    owner.unwind_if_doomed();
    let object = target.into_inner().into().without_alias();
    set(owner, object.find(), object, options)
}

/// Removes a monitor of the caller's, and returns whether it was still there to remove.
///
/// After `true` no [`Down`] of the monitor exists, nor will one come. `false` means that the
/// message is in the mailbox already, where an earlier receive has seen it; it stays there (see
/// [`demonitor_flush`]). Or there is nothing to remove: the message was received, the monitor was
/// ended by the reply that came through its alias, it was on the caller itself, or it belongs to
/// another process, and is left alone. Exit signals that have arrived are judged before this
/// returns.
///
/// ```
/// use procession::prelude::*;
///
/// let worker = process::spawn(|| receive! { () => {} })?;
/// let monitor = process::monitor(worker);
/// assert!(process::demonitor(monitor));
/// assert!(!process::demonitor(monitor)); // It is gone.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:demonitor/2`](https://www.erlang.org/doc/apps/erts/erlang.html#demonitor/2) with
/// `info`.
///
/// # Panics
///
/// As [`monitor`].
///
/// [`Down`]: crate::Down
pub fn demonitor(monitor: MonitorRef) -> bool {
    let owner = current();
    owner.unwind_if_doomed();
    let removed = {
        let mut links = owner.slot.links.lock();
        let is_own = links.is_of(monitor.owner);
        if is_own {
            links.end_alias_of(monitor.id);
        }
        is_own.then(|| links.monitors.remove(&monitor.id)).flatten()
    };
    let active = removed.is_some();
    if let Some(entry) = removed {
        drop_caught(forget(monitor, entry));
    }
    // After the removal, so that a DOWN that has not been seen yet is dropped.
    owner.sort_or_unwind();
    active
}

/// As [`demonitor`], and removes the message from the mailbox if it is there.
///
/// After this no [`Down`] of the monitor exists, nor will one come. `false` means that one was
/// there and was removed, or that the monitor was not active.
///
/// ```
/// use procession::prelude::*;
///
/// let (_, monitor) = process::spawn_monitor(|| ())?;
/// process::demonitor_flush(monitor); // Whether the process has ended or not.
/// assert!(process::flush().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:demonitor/2`](https://www.erlang.org/doc/apps/erts/erlang.html#demonitor/2) with
/// `flush` and `info`.
///
/// # Panics
///
/// As [`monitor`].
///
/// [`Down`]: crate::Down
pub fn demonitor_flush(monitor: MonitorRef) -> bool {
    let active = demonitor(monitor);
    if !active {
        let flushed = current().slot.mailbox.check_out().remove_down(monitor.id);
        drop_caught(flushed);
    }
    active
}

/// Ensures that no message of a request is left in the caller's mailbox, nor comes any more. This
/// is not a receive point, as it may run in a destructor.
pub(crate) fn forget_request(
    monitor: MonitorRef,
    since: Mark,
    mut is_of_it: impl FnMut(&Message) -> bool,
) {
    let owner = current();
    let removed = {
        let mut links = owner.slot.links.lock();
        links.aliases.remove(&monitor.id);
        links.monitors.remove(&monitor.id)
    };
    if let Some(entry) = removed {
        drop_caught(forget(monitor, entry));
    }
    // A message still in transit is dropped when it is sorted.
    let mut queue = owner.slot.mailbox.check_out();
    let left = queue.select(since, |message| is_of_it(message).then_some(()));
    drop(queue);
    drop_caught(left);
}

/// Waits until the monitored process has ended, for at most `timeout`, and returns its exit reason.
///
/// This takes the [`Down`] of the monitor out of the mailbox, and leaves everything else. Returns
/// `None` if the message has not come in time; the monitor stays then. A monitor with a
/// [tag](MonitorOptions::tag) sends no `Down`, and the caller gets none from a monitor that belongs
/// to another process.
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let (_, monitor) = process::spawn_monitor(|| process::exit_self(ExitReason::new("done")))?;
/// let reason = process::wait(monitor, Duration::from_secs(5));
/// assert_eq!(reason, Some(ExitReason::new("done")));
/// # Ok::<(), procession::process::SpawnError>(())
/// ```
///
/// # Panics
///
/// As [`monitor`].
///
/// [`Down`]: crate::Down
pub fn wait(monitor: MonitorRef, timeout: Duration) -> Option<ExitReason> {
    let message = receive_match_timeout(timeout, |message| {
        message.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
    })?;
    message.downcast::<Down>().ok().map(|down| down.reason)
}

/// Waits until the process `target`, a pid or a name, has ended, for at most `timeout`, and returns
/// its exit reason.
///
/// If there is no such process, or not any more, that is [`ExitReason::NoProc`], at once; a process
/// that must not miss the reason sets a [`monitor`](monitor()) before, and [`wait`]s for that.
/// Returns `None` if `target` has not ended in time; then nothing is left of this wait, and no
/// [`Down`] comes later. It does not end the process: [`exit()`](super::exit()) does, or
/// [`stop`](crate::gen_server::ServerRef::stop) if it is a server. A `main` that has nothing else
/// to do waits in this way for its supervisor.
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let pid = process::spawn(|| drop(process::receive()))?;
/// assert_eq!(process::join(pid, Duration::from_millis(1)), None);
/// process::send(pid, "go on");
/// assert!(process::join(pid, Duration::MAX).is_some());
/// assert_eq!(process::join(pid, Duration::MAX), Some(ExitReason::NoProc));
/// # Ok::<(), procession::process::SpawnError>(())
/// ```
///
/// # Panics
///
/// As [`monitor`].
pub fn join(target: impl Into<Destination>, timeout: Duration) -> Option<ExitReason> {
    let monitor = monitor(target);
    let reason = wait(monitor, timeout);
    if reason.is_none() {
        demonitor_flush(monitor);
    }
    reason
}

/// Makes an active [`Alias`] of the caller, which stays active until [`unalias`].
///
/// ```
/// use procession::prelude::*;
///
/// let alias = process::alias();
/// process::spawn(move || process::send(alias, 42_u32))?;
/// receive! { answer: u32 => assert_eq!(answer, 42) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:alias/0`](https://www.erlang.org/doc/apps/erts/erlang.html#alias/0).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn alias() -> Alias {
    alias_with(AliasMode::ExplicitUnalias)
}

/// As [`alias`]; with [`AliasMode::Reply`] the first message that comes through it ends it.
///
/// ```
/// use procession::prelude::*;
/// use procession::process::AliasMode;
///
/// let alias = process::alias_with(AliasMode::Reply);
/// process::send(alias, "first");
/// process::send(alias, "second");
/// receive! { text: &str => assert_eq!(text, "first") }
/// assert!(process::flush().is_empty());
/// ```
///
/// # Panics
///
/// As [`alias`].
pub fn alias_with(mode: AliasMode) -> Alias {
    let owner = current();
    owner.unwind_if_doomed();
    let alias = Alias::new(owner.pid);
    owner.slot.links.lock().add_alias(owner.pid, alias.id, mode);
    alias
}

/// Ends an alias of the caller's, and returns whether it was active.
///
/// Messages that come through it are dropped from now on, and also those in the mailbox that no
/// receive has seen yet; the others stay. A monitor made together with the alias stays, too. Exit
/// signals that have arrived are judged before this returns.
///
/// ```
/// use procession::prelude::*;
///
/// let alias = process::alias();
/// assert!(process::unalias(alias));
/// process::send(alias, "too late");
/// assert!(process::flush().is_empty());
/// ```
///
/// OTP: [`erlang:unalias/1`](https://www.erlang.org/doc/apps/erts/erlang.html#unalias/1).
///
/// # Panics
///
/// As [`alias`].
pub fn unalias(alias: Alias) -> bool {
    let owner = current();
    owner.unwind_if_doomed();
    let active = {
        let mut links = owner.slot.links.lock();
        links.is_of(alias.owner) && links.aliases.remove(&alias.id).is_some()
    };
    owner.sort_or_unwind();
    active
}
