//! The table of registered names.
//!
//! A name belongs to its process only as long as that is alive: from the moment it is not, the name
//! reads as free and can be taken, though the entry may be removed a little later.
//!
//! A process that waits for a name leaves an entry beside the names, under the same lock: so a
//! registration either is seen by its look at the table, or finds the entry.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use once_cell::sync::{Lazy, OnceCell};
use parking_lot::Mutex;

use crate::error_text::errors;
use crate::id::Pid;

use super::table::Process;

/// Both directions, as a process has at most one name.
#[derive(Default)]
struct Names {
    pids: HashMap<Arc<str>, Pid>,
    names: HashMap<Pid, Arc<str>>,
    /// The names of processes that were killed and have not ended yet: others may have them now.
    lost: HashMap<Pid, Arc<str>>,
    /// The processes that wait for a name, each until it is told or gives up.
    waiters: HashMap<Arc<str>, Vec<Waiter>>,
}

/// A process that waits for a name.
#[derive(Debug)]
struct Waiter {
    pid: Pid,
    /// Where it is told the process that has been given the name.
    holder: Arc<OnceCell<Pid>>,
}

static NAMES: Lazy<Mutex<Names>> = Lazy::new(Mutex::default);

impl Names {
    fn holder(&self, name: &str) -> Option<Pid> {
        self.pids.get(name).copied().filter(|pid| Process::of(*pid).is_running())
    }

    fn register(&mut self, name: Arc<str>, pid: Pid) -> Result<(), RegisterError> {
        if let Some(holder) = self.holder(&name) {
            return Err(RegisterError::Taken { name, holder });
        }
        // Under the lock: a process that ends takes it after it is not alive any more, to remove
        // the name that was registered before.
        if !Process::of(pid).is_running() {
            return Err(RegisterError::NotAlive(pid));
        }
        if let Some(own) = self.names.get(&pid) {
            return Err(RegisterError::HasName { pid, name: Arc::clone(own) });
        }
        if let Some(dead) = self.pids.insert(Arc::clone(&name), pid)
            && let Some(lost) = self.names.remove(&dead)
        {
            self.lost.insert(dead, lost); // Until its exit releases it.
        }
        self.names.insert(pid, name);
        Ok(())
    }

    fn take_waiters(&mut self, name: &str) -> Vec<Waiter> {
        if self.waiters.is_empty() {
            Vec::new()
        } else {
            self.waiters.remove(name).unwrap_or_default()
        }
    }

    fn release(&mut self, pid: Pid) -> Option<Arc<str>> {
        let name = self.names.remove(&pid)?;
        self.pids.remove(&name);
        Some(name)
    }
}

/// Error returned from [`register`](crate::process::register).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another process has the name, or the process itself has it already.
    Taken {
        /// The name.
        name: Arc<str>,
        /// The process that has it.
        holder: Pid,
    },
    /// The process has a name already; it can have only one.
    HasName {
        /// The process.
        pid: Pid,
        /// The name that it has.
        name: Arc<str>,
    },
    /// The process has ended, or is one of another node.
    NotAlive(Pid),
    /// The name is the empty string.
    Empty,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { name, holder } => write!(f, "the name {name:?} is taken by {holder}"),
            Self::HasName { pid, name } => write!(f, "{pid} already has the name {name:?}"),
            Self::NotAlive(pid) if pid.is_remote() => {
                write!(f, "{pid} is a process of {}", pid.node())
            }
            Self::NotAlive(pid) => write!(f, "{pid} is not alive"),
            Self::Empty => f.write_str("a name cannot be empty"),
        }
    }
}

errors!(RegisterError);

/// Error returned from [`unregister`](crate::process::unregister), and from sending to a name that
/// no process has.
#[derive(Clone, PartialEq, Eq)]
pub struct NameError {
    /// The name.
    pub name: Arc<str>,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no process is registered as {:?}", self.name)
    }
}

errors!(NameError);

/// Gives `pid` the name `name`, for `caller`.
pub(crate) fn give(name: &str, pid: Pid, caller: Pid) -> Result<(), RegisterError> {
    if name.is_empty() {
        return Err(RegisterError::Empty);
    }
    let waiters = {
        let mut names = NAMES.lock();
        if comes_too_late(caller) {
            return Err(RegisterError::NotAlive(caller));
        }
        names.register(Arc::from(name), pid)?;
        names.take_waiters(name)
    };
    for waiter in waiters {
        _ = waiter.holder.set(pid);
        Process::of(waiter.pid).slot.wake();
    }
    Ok(())
}

/// The wait of a process for a name, until this is dropped.
#[derive(Debug)]
pub(crate) struct AwaitedName<'a> {
    name: &'a str,
    holder: Arc<OnceCell<Pid>>,
}

impl<'a> AwaitedName<'a> {
    /// Begins the wait of the process `pid`, whose slot is woken when the name has been given to a
    /// process. If a process has the name now, it is known at once.
    pub(crate) fn new(name: &'a str, pid: Pid) -> AwaitedName<'a> {
        let awaited = AwaitedName { name, holder: Arc::default() };
        let mut names = NAMES.lock();
        match names.holder(name) {
            Some(holder) => _ = awaited.holder.set(holder),
            None => {
                let waiter = Waiter { pid, holder: Arc::clone(&awaited.holder) };
                names.waiters.entry(Arc::from(name)).or_default().push(waiter);
            }
        }
        awaited
    }

    /// Returns the process that has, or had, the name, as soon as that is known.
    pub(crate) fn holder(&self) -> Option<Pid> {
        self.holder.get().copied()
    }
}

impl Drop for AwaitedName<'_> {
    fn drop(&mut self) {
        if self.holder().is_some() {
            return; // Whoever has told it has removed the entry, or there was none.
        }
        let mut names = NAMES.lock();
        let Some(waiters) = names.waiters.get_mut(self.name) else { return };
        waiters.retain(|waiter| !Arc::ptr_eq(&waiter.holder, &self.holder));
        if waiters.is_empty() {
            names.waiters.remove(self.name);
        }
    }
}

/// Returns the process that is registered as `name`.
pub(crate) fn holder(name: &str) -> Option<Pid> {
    NAMES.lock().holder(name)
}

/// Returns whether the end of `caller` is being told, or has been, while its thread goes on: its
/// name is free, and a process that has heard of the end may have it.
///
/// It is asked under the lock of the names, which the exit takes, after it was claimed, to free the
/// name.
fn comes_too_late(caller: Pid) -> bool {
    Process::of(caller).slot.is_left_behind(caller.generation())
}

/// Takes `name` from the process that has it, for `caller`. Returns false if no process has it, or
/// if it was the caller's, which was killed: that has freed the name, and it is another's now.
pub(crate) fn take(name: &str, caller: Pid) -> bool {
    let mut names = NAMES.lock();
    if comes_too_late(caller) || names.lost.get(&caller).is_some_and(|lost| **lost == *name) {
        return false;
    }
    let holder = names.holder(name);
    if let Some(holder) = holder {
        names.release(holder);
    }
    holder.is_some()
}

/// Returns the names that processes have.
pub(crate) fn registered() -> Vec<Arc<str>> {
    let names = NAMES.lock();
    let alive = names.names.iter().filter(|(pid, _)| Process::of(**pid).is_running());
    alive.map(|(_, name)| Arc::clone(name)).collect()
}

/// Returns the name of `pid`, which may have ended.
pub(crate) fn name_of(pid: Pid) -> Option<Arc<str>> {
    NAMES.lock().names.get(&pid).cloned()
}

/// Frees the name of a process that has ended.
pub(crate) fn release(pid: Pid) {
    let mut names = NAMES.lock();
    names.release(pid);
    names.lost.remove(&pid);
}

/// Frees the name of a process that was killed and is exiting.
pub(crate) fn release_of_killed(pid: Pid) {
    let mut names = NAMES.lock();
    // Kept as lost only if there is one: else the process may have ended by now.
    if let Some(name) = names.release(pid) {
        names.lost.insert(pid, name);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use crate::process::{exit, exit_self, is_alive, register, self_pid, unregister, whereis};

    use super::super::detached::spawn_detached;
    use super::super::timer_thread::start_service;
    use super::*;
    use crate::exit::ExitReason;

    /// Runs a closure when it is dropped.
    struct OnDrop<F: FnMut()>(F);

    impl<F: FnMut()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }

    /// A process that has a name, and unregisters that as it unwinds.
    struct Owner {
        pid: Pid,
        /// Dropped to let it unwind.
        let_go: mpsc::Sender<()>,
        /// What came of its attempt.
        unregistered: mpsc::Receiver<Result<(), NameError>>,
        /// Until this is dropped it does not end.
        end: mpsc::Sender<()>,
    }

    fn owner(name: &'static str) -> Owner {
        let (let_go, held) = mpsc::channel::<()>();
        let (tell, unregistered) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let body = move || {
            let _unregister = OnDrop(move || {
                _ = tell.send(unregister(name));
                _ = may_end.recv();
            });
            begun.send(()).unwrap();
            _ = held.recv();
            exit_self(ExitReason::Shutdown);
        };
        let pid = spawn_detached(body).unwrap();
        has_begun.recv().unwrap();
        register(name, pid).unwrap();
        Owner { pid, let_go, unregistered, end }
    }

    fn is_lost(pid: Pid) -> bool {
        NAMES.lock().lost.contains_key(&pid)
    }

    /// Waits until nothing is kept of `pid` any more.
    #[track_caller]
    fn wait_until_forgotten(pid: Pid) {
        let start = std::time::Instant::now();
        while is_lost(pid) || name_of(pid).is_some() {
            assert!(start.elapsed().as_secs() < 20, "something is left of {pid}");
            thread::yield_now();
        }
    }

    /// Begins the kill of an owner in two steps, as [`exit`](super::super::exit) does,
    /// and lets somebody take the name after one of them.
    fn taken_over(name: &'static str, after_first: bool) {
        let Owner { pid, let_go, unregistered, end } = owner(name);
        let heir = self_pid();
        assert!(Process::of(pid).slot.mark_exiting(pid.generation()));
        assert!(!is_alive(pid));
        if after_first {
            register(name, heir).unwrap();
        }
        release_of_killed(pid);
        if !after_first {
            register(name, heir).unwrap();
        }
        assert!(is_lost(pid));

        // It takes for its own what is the heir's by now.
        drop(let_go);
        assert!(unregistered.recv().unwrap().is_err());
        assert_eq!(whereis(name), Some(heir));
        drop(end);
        wait_until_forgotten(pid);
        assert_eq!(whereis(name), Some(heir));
        unregister(name).unwrap();
    }

    #[test]
    fn a_name_that_is_taken_before_the_kill_has_released_it_stays_with_the_heir() {
        taken_over("names::tests::before", true);
    }

    #[test]
    fn a_name_that_is_taken_when_the_kill_has_released_it_stays_with_the_heir() {
        taken_over("names::tests::after", false);
    }

    /// Where `pid` stands just before it changes a name, having seen that it may: it is killed, its
    /// end is told, and its name becomes the caller's. Then it changes names.
    #[track_caller]
    fn changes_names_too_late(name: &'static str, pid: Pid) {
        exit(pid, ExitReason::Kill);
        wait_until_forgotten(pid);
        register(name, self_pid()).unwrap();
        assert!(!take(name, pid));
        assert_eq!(whereis(name), Some(self_pid()));
        unregister(name).unwrap();
        assert_eq!(give(name, self_pid(), pid), Err(RegisterError::NotAlive(pid)));
        assert_eq!(whereis(name), None);
    }

    #[test]
    fn a_process_that_is_left_behind_as_it_changes_a_name_comes_too_late() {
        const NAME: &str = "names::tests::left_behind";
        let Owner { pid, let_go, unregistered, end } = owner(NAME);
        start_service().unwrap(); // That ends the grace.
        Process::of(pid).slot.set_kill_grace(Duration::ZERO);
        changes_names_too_late(NAME, pid);
        drop((let_go, end));
        assert!(unregistered.recv().unwrap().is_err());
    }

    #[test]
    fn a_thread_of_the_programs_own_that_is_killed_as_it_changes_a_name_comes_too_late() {
        const NAME: &str = "names::tests::foreign";
        let (tell, told) = mpsc::channel();
        let (let_go, held) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                register(NAME, self_pid()).unwrap();
                tell.send(self_pid()).unwrap();
                _ = held.recv();
            });
            changes_names_too_late(NAME, told.recv().unwrap());
            drop(let_go);
        });
    }

    #[test]
    fn a_kill_that_comes_to_release_the_name_when_the_process_has_ended_keeps_nothing() {
        const NAME: &str = "names::tests::late";
        for is_taken in [false, true] {
            let Owner { pid, let_go, unregistered, end } = owner(NAME);
            assert!(Process::of(pid).slot.mark_exiting(pid.generation()));
            if is_taken {
                register(NAME, self_pid()).unwrap();
            }
            drop((let_go, end));
            assert!(unregistered.recv().unwrap().is_err());
            wait_until_forgotten(pid);
            release_of_killed(pid);
            assert!(!is_lost(pid));
            assert_eq!(unregister(NAME).is_ok(), is_taken);
        }
    }

    #[test]
    fn a_wait_that_is_over_leaves_nothing() {
        const NAME: &str = "names::tests::awaited";
        let is_awaited = || NAMES.lock().waiters.contains_key(NAME);
        let first = AwaitedName::new(NAME, self_pid());
        let second = AwaitedName::new(NAME, self_pid());
        drop(first);
        assert!(is_awaited());
        drop(second);
        assert!(!is_awaited());

        let third = AwaitedName::new(NAME, self_pid());
        register(NAME, self_pid()).unwrap();
        assert!(!is_awaited());
        assert_eq!(third.holder(), Some(self_pid()));
        drop((third, AwaitedName::new(NAME, self_pid())));
        assert!(!is_awaited());
        unregister(NAME).unwrap();
    }
}
