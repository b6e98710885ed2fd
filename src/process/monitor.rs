//! Monitors and aliases.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;

use crate::exit::ExitReason;
use crate::id::{Alias, MonitorRef, Pid};
use crate::message::{Down, Message, Object, TaggedDown};

use super::address::{deliver, pid_of};
use super::current::{Process, current};
use super::mailbox::{Mark, Special};
use super::ties::{AliasMode, MakeDown, Monitor, Watcher};
use super::unwind::drop_caught;

/// What to monitor with beyond the plain [`monitor`].
///
/// OTP: the options of
/// [`erlang:monitor/3`](https://www.erlang.org/doc/apps/erts/erlang.html#monitor/3).
///
/// ```
/// use procession::prelude::*;
/// use procession::process::MonitorOptions;
/// use procession::TaggedDown;
///
/// let pid = process::spawn(|| {})?;
/// process::monitor_with(pid, MonitorOptions::new().tag("worker"));
///
/// receive! {
///     TaggedDown { tag: "worker", down } => assert_eq!(down.object, pid),
/// }
/// # Ok::<(), procession::process::SpawnError>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct MonitorOptions {
    tag: Option<MakeDown>,
    alias: Option<AliasMode>,
}

impl MonitorOptions {
    /// Neither tag nor alias.
    pub fn new() -> MonitorOptions {
        MonitorOptions::default()
    }

    /// The message will be a [`TaggedDown`] with this tag, instead of a [`Down`].
    pub fn tag<T: Any + Send + fmt::Debug>(mut self, tag: T) -> MonitorOptions {
        self.tag = Some(Box::new(|down| Message::new(TaggedDown { tag, down })));
        self
    }

    /// The reference will be an active [`Alias`] of the caller too, which ends as `mode` says. Not
    /// that of a monitor of oneself.
    pub fn alias(mut self, mode: AliasMode) -> MonitorOptions {
        self.alias = Some(mode);
        self
    }
}

impl fmt::Debug for MonitorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorOptions")
            .field("tagged", &self.tag.is_some())
            .field("alias", &self.alias)
            .finish()
    }
}

/// Asks for one [`Down`] message when `target`, a pid or a name, ends.
///
/// A name is resolved once, here. If nobody is there, the message comes at once, with
/// [`ExitReason::NoProc`]. Each call makes a monitor of its own. The monitored process does not
/// notice. A monitor of oneself never fires.
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
pub fn monitor(target: impl Into<Object>) -> MonitorRef {
    monitor_with(target, MonitorOptions::new())
}

/// As [`monitor`], with a tag or an alias.
///
/// # Panics
///
/// As [`monitor`].
pub fn monitor_with(target: impl Into<Object>, options: MonitorOptions) -> MonitorRef {
    let owner = current();
    owner.pass();
    let object = target.into();
    set(owner, pid_of(&object), object, options)
}

/// Sets a monitor by `owner` on `target`.
pub(crate) fn set(
    owner: Process,
    target: Option<Pid>,
    object: Object,
    options: MonitorOptions,
) -> MonitorRef {
    find_and_set(owner, target, object, options).0
}

/// As [`set`], and says whether the target was there.
pub(crate) fn find_and_set(
    owner: Process,
    target: Option<Pid>,
    object: Object,
    options: MonitorOptions,
) -> (MonitorRef, bool) {
    let monitor = MonitorRef::new(owner.pid);
    {
        let mut ties = owner.slot.ties.lock();
        if !ties.is_of(owner.pid) {
            // The owner was killed just now; nobody is left to hear of anything.
            return (monitor, true);
        }
        if target == Some(owner.pid) {
            return (monitor, true);
        }
        if let Some(mode) = options.alias {
            ties.aliases.insert(monitor.id, mode);
        }
        let entry = Monitor { target, object: object.clone(), tag: options.tag };
        ties.monitors.insert(monitor.id, entry);
    }
    let watcher = Watcher { pid: owner.pid, object: object.clone() };
    let found = target.is_some_and(|target| watch(target, monitor, watcher));
    if found {
        if !owner.is_running() {
            // Others may have run its exit meanwhile, and found no watcher to remove.
            let removed = owner.slot.ties.lock().monitors.remove(&monitor.id);
            let entry = removed.unwrap_or(Monitor { target, object, tag: None });
            drop_caught(forget(monitor.id, entry));
        }
    } else {
        let down = Down { monitor, object, reason: ExitReason::NoProc };
        deliver(owner.pid, Special::Down(down).into());
    }
    (monitor, found)
}

/// Enters a watcher with `target`. False if that has ended.
fn watch(target: Pid, monitor: MonitorRef, watcher: Watcher) -> bool {
    let mut ties = Process::of(target).slot.ties.lock();
    let open = ties.is_of(target);
    if open {
        ties.watchers.insert(monitor.id, watcher);
    }
    open
}

/// Removes a monitor that is out of its owner's table from its target's. Returns its tag, to be
/// dropped.
pub(crate) fn forget(monitor: NonZeroU64, entry: Monitor) -> Option<MakeDown> {
    if let Some(target) = entry.target {
        let mut ties = Process::of(target).slot.ties.lock();
        if ties.is_of(target) {
            ties.watchers.remove(&monitor);
        }
    }
    entry.tag
}

/// Removes a monitor of the caller's, and returns whether it was still there to remove.
///
/// After `true` no [`Down`] of it exists, nor will come. `false` says that the message is in the
/// mailbox already, as an earlier receive has come across it; it stays there (see
/// [`demonitor_flush`]). Or that there is nothing to remove: it was received, the monitor was ended
/// by the reply that came through its alias, it was on the caller itself, or it is another
/// process's, which is left alone. Exit signals that have arrived are judged before this returns.
///
/// OTP: [`erlang:demonitor/2`](https://www.erlang.org/doc/apps/erts/erlang.html#demonitor/2) with
/// `info`.
///
/// # Panics
///
/// As [`monitor`].
pub fn demonitor(monitor: MonitorRef) -> bool {
    let owner = current();
    owner.pass();
    let removed = {
        let mut ties = owner.slot.ties.lock();
        let is_own = ties.is_of(monitor.owner);
        if is_own {
            ties.end_alias_of(monitor.id);
        }
        is_own.then(|| ties.monitors.remove(&monitor.id)).flatten()
    };
    let active = removed.is_some();
    if let Some(entry) = removed {
        drop_caught(forget(monitor.id, entry));
    }
    // Only now, so that a DOWN that has not been seen yet is dropped.
    owner.judge_arrived();
    active
}

/// As [`demonitor`], and takes the message out of the mailbox if it is there.
///
/// After this no [`Down`] of the monitor exists, nor will come. `false` says that one was there and
/// was removed, or that the monitor was not active.
///
/// OTP: [`erlang:demonitor/2`](https://www.erlang.org/doc/apps/erts/erlang.html#demonitor/2) with
/// `flush` and `info`.
///
/// # Panics
///
/// As [`monitor`].
pub fn demonitor_flush(monitor: MonitorRef) -> bool {
    let active = demonitor(monitor);
    if !active {
        let flushed = current().slot.mailbox.check_out().remove_down(monitor.id);
        drop_caught(flushed);
    }
    active
}

/// Makes sure that nothing of a request is left in the caller's mailbox, nor comes any more. Not a
/// receive point, as it may run in a destructor.
pub(crate) fn forget_request(
    monitor: MonitorRef,
    since: Mark,
    mut is_of_it: impl FnMut(&Message) -> bool,
) {
    let owner = current();
    let removed = {
        let mut ties = owner.slot.ties.lock();
        ties.aliases.remove(&monitor.id);
        ties.monitors.remove(&monitor.id)
    };
    if let Some(entry) = removed {
        drop_caught(forget(monitor.id, entry));
    }
    // What is still in transit is dropped when it is sorted.
    let mut queue = owner.slot.mailbox.check_out();
    let left = queue.select(since, |message| is_of_it(message).then_some(()));
    drop(queue);
    drop_caught(left);
}

/// Makes an active [`Alias`] of the caller, which lasts until [`unalias`].
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
/// # Panics
///
/// As [`alias`].
pub fn alias_with(mode: AliasMode) -> Alias {
    let owner = current();
    owner.pass();
    let alias = Alias::new(owner.pid);
    let mut ties = owner.slot.ties.lock();
    if ties.is_of(owner.pid) {
        ties.aliases.insert(alias.id, mode);
    }
    alias
}

/// Ends an alias of the caller's: what comes through it is dropped.
///
/// Returns whether it was active. A monitor made together with it stays. So does what an earlier
/// receive has come across; what it has not is dropped. Exit signals that have arrived are judged
/// before this returns.
///
/// OTP: [`erlang:unalias/1`](https://www.erlang.org/doc/apps/erts/erlang.html#unalias/1).
///
/// # Panics
///
/// As [`alias`].
pub fn unalias(alias: Alias) -> bool {
    let owner = current();
    owner.pass();
    let active = {
        let mut ties = owner.slot.ties.lock();
        ties.is_of(alias.owner) && ties.aliases.remove(&alias.id).is_some()
    };
    owner.judge_arrived();
    active
}
