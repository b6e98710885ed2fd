//! Setting monitors, and forgetting them.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::{Destination, Down, Message, TaggedDown};
use crate::user_code::{Guarded, drop_caught};

use super::address::deliver;
use super::links::{AliasMode, MakeDown, Monitor, Watcher};
use super::mailbox::Special;
use super::remote::Remote;
use super::table::Process;

/// The options of [`monitor_with`](crate::process::monitor_with).
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
#[must_use = "options do nothing until `monitor_with` gets them"]
pub struct MonitorOptions {
    tag: Option<MakeDown>,
    alias: Option<AliasMode>,
    is_of_request: bool,
}

impl MonitorOptions {
    /// Returns options with neither a tag nor an alias.
    pub fn new() -> MonitorOptions {
        MonitorOptions::default()
    }

    /// Makes the message a [`TaggedDown`] with this tag, instead of a [`Down`].
    pub fn tag<T: Any + Send + fmt::Debug>(mut self, tag: T) -> MonitorOptions {
        let tag = Guarded::new(tag); // The function that gets the options may unwind.
        self.tag = Some(Box::new(|down| Message::new(TaggedDown { tag: tag.into_inner(), down })));
        self
    }

    /// Makes the monitor's reference an active [`Alias`](crate::Alias) of the caller too, which
    /// ends as `mode` says. It has no effect if a process monitors itself.
    pub fn alias(mut self, mode: AliasMode) -> MonitorOptions {
        self.alias = Some(mode);
        self
    }

    /// What follows at once is a request to the process, which may tell its node of the monitor.
    pub(crate) fn of_request(mut self) -> MonitorOptions {
        self.is_of_request = true;
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

/// Sets a monitor by `owner` on `target`, the process that was found at `object`: that may have a
/// name on another node, and then nobody is found.
pub(crate) fn set(
    owner: Process,
    target: Option<Pid>,
    object: Destination,
    options: MonitorOptions,
) -> MonitorRef {
    find_and_set(owner, target, object, options).0
}

/// As [`set`], but also returns whether the target was there, or may be.
pub(crate) fn find_and_set(
    owner: Process,
    target: Option<Pid>,
    object: Destination,
    options: MonitorOptions,
) -> (MonitorRef, bool) {
    let monitor = MonitorRef::new(owner.pid);
    {
        let mut links = owner.slot.links.lock();
        if !links.is_of(owner.pid) {
            // The owner was killed just now, and will not receive anything.
            return (monitor, true);
        }
        if target == Some(owner.pid) {
            return (monitor, true);
        }
        if let Some(mode) = options.alias {
            links.add_alias(owner.pid, monitor.id, mode);
        }
        let entry = Monitor { target, object: object.clone(), tag: options.tag };
        links.monitors.insert(monitor.id, entry);
    }
    let watcher = Watcher { pid: owner.pid, object: object.clone() };
    match watch(target, monitor, watcher, options.is_of_request) {
        Ok(()) => {
            if !owner.is_running() {
                // Others may have run its exit meanwhile, and found no watcher to remove.
                let removed = owner.slot.links.lock().monitors.remove(&monitor.id);
                let entry = removed.unwrap_or(Monitor { target, object, tag: None });
                drop_caught(forget(monitor, entry));
            }
            (monitor, true)
        }
        Err(reason) => {
            let found = reason != ExitReason::NoProc;
            tell_unwatched(target, Down { monitor, object, reason });
            (monitor, found)
        }
    }
}

/// Sends the DOWN of a monitor for which there was no process. If that is just telling its end, it
/// comes last: who has it knows that the links and the older monitors have brought theirs.
pub(crate) fn tell_unwatched(target: Option<Pid>, down: Down) {
    let down = match target {
        Some(target) => Process::of(target).slot.pending_exit.lock().add_late_down(target, down),
        None => Err(down),
    };
    if let Err(down) = down {
        deliver(down.monitor.owner, Special::Down(down).into());
    }
}

/// Enters a watcher of the process that was found at its object.
///
/// # Errors
///
/// Why it never hears of the end of that.
fn watch(
    target: Option<Pid>,
    monitor: MonitorRef,
    watcher: Watcher,
    is_of_request: bool,
) -> Result<(), ExitReason> {
    if let Some(remote) = Remote::of(target, &watcher.object) {
        return remote.watch(monitor, watcher.object, is_of_request);
    }
    let is_there = target.is_some_and(|target| add_watcher(target, monitor.id, watcher));
    if is_there { Ok(()) } else { Err(ExitReason::NoProc) }
}

/// Enters a watcher of `target`. Returns whether that is still there.
pub(crate) fn add_watcher(target: Pid, number: NonZeroU64, watcher: Watcher) -> bool {
    let mut links = Process::of(target).slot.links.lock();
    let is_open = links.is_of(target);
    if is_open {
        links.watchers.insert(number, watcher);
    }
    is_open
}

pub(crate) fn remove_watcher(target: Pid, number: NonZeroU64) {
    let watcher = {
        let mut links = Process::of(target).slot.links.lock();
        links.is_of(target).then(|| links.watchers.remove(&number)).flatten()
    };
    drop(watcher);
}

/// Removes a monitor that was taken out of its owner's table from its target's. Returns it, with
/// its tag and perhaps the last reference to a [`Via`]; the caller is to drop it where user code
/// may run.
///
/// [`Via`]: crate::Via
#[must_use = "its destructors are user code, which must be caught"]
pub(crate) fn forget(monitor: MonitorRef, entry: Monitor) -> Monitor {
    if let Some(remote) = Remote::of(entry.target, &entry.object) {
        remote.forget(monitor);
    } else if let Some(target) = entry.target {
        remove_watcher(target, monitor.id);
    }
    entry
}
