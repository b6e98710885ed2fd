//! Global locks: their holders, and the processes that wait for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Caller, ReplyTo};
use crate::id::{MonitorRef, Pid, TimerRef};
use crate::process;
use crate::process::MonitorOptions;
use crate::process::wait::waits_for;
use crate::timer;

use super::{LockId, Requester};

/// The resources that are locked.
#[derive(Debug, Default)]
pub(super) struct Locks {
    locks: HashMap<Arc<str>, Lock>,
}

/// The resource, as the tag of the monitors of its holders and waiters, and as the value of the
/// waiters' timers.
#[derive(Clone, Debug)]
pub(super) struct Resource(Arc<str>);

/// The lock of a resource.
#[derive(Debug)]
struct Lock {
    requester: Requester,
    /// Never empty.
    holders: Vec<Holder>,
    /// The next turn first. Each turn is for another requester, and the first one is not for the
    /// requester that has the lock.
    waiting: VecDeque<Turn>,
}

/// The processes that wait for the same requester, and get the lock together.
#[derive(Debug)]
struct Turn {
    requester: Requester,
    /// Never empty.
    waiters: Vec<Waiter>,
}

#[derive(Debug)]
struct Holder {
    pid: Pid,
    monitor: MonitorRef,
}

#[derive(Debug)]
struct Waiter {
    holder: Holder,
    timer: Option<TimerRef>,
    client: ReplyTo<bool>,
}

impl Holder {
    /// Creates the entry of a process that holds `resource`, or waits for it, and monitors it.
    fn new(pid: Pid, resource: &Arc<str>) -> Holder {
        let tag = Resource(Arc::clone(resource));
        Holder { pid, monitor: process::monitor_with(pid, MonitorOptions::new().tag(tag)) }
    }

    fn demonitor(&self) {
        process::demonitor_flush(self.monitor);
    }
}

impl Lock {
    fn is_held_by(&self, pid: Pid) -> bool {
        self.holders.iter().any(|holder| holder.pid == pid)
    }

    /// Returns whether a process gets the lock together with its holders: not before another
    /// requester that waits, unless a holder waits for the process, and so cannot give the lock up
    /// before.
    fn admits(&self, requester: &Requester, pid: Pid) -> bool {
        let is_waited_for = || self.holders.iter().any(|holder| waits_for(holder.pid, pid));
        self.requester == *requester && (self.waiting.is_empty() || is_waited_for())
    }

    fn wait(&mut self, requester: Requester, waiter: Waiter) {
        match self.waiting.iter_mut().find(|turn| turn.requester == requester) {
            Some(turn) => turn.waiters.push(waiter),
            None => self.waiting.push_back(Turn { requester, waiters: vec![waiter] }),
        }
    }

    /// Removes and returns a waiter.
    fn remove(&mut self, is_it: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        let mut turns = self.waiting.iter_mut();
        let waiter = turns.find_map(|turn| {
            let place = turn.waiters.iter().position(&is_it)?;
            Some(turn.waiters.remove(place))
        })?;
        self.waiting.retain(|turn| !turn.waiters.is_empty());
        Some(waiter)
    }

    /// Gives the lock to the next turn, if the lock is for its requester.
    fn admit_next(&mut self) {
        let Some(Turn { requester, waiters }) = self.waiting.pop_front() else { return };
        if requester != self.requester {
            self.waiting.push_front(Turn { requester, waiters });
            return;
        }
        for Waiter { holder, timer, client } in waiters {
            timer.map(timer::cancel);
            self.holders.push(holder);
            client.reply(true);
        }
    }
}

impl Locks {
    /// Sets a lock. Returns whether that succeeded; `None` if the caller is answered later.
    pub(super) fn set(
        &mut self,
        LockId { resource, requester }: LockId,
        timeout: Duration,
        caller: &Caller<bool>,
    ) -> Option<bool> {
        let pid = caller.pid();
        match self.locks.get_mut(&resource) {
            None => {
                let holders = vec![Holder::new(pid, &resource)];
                let waiting = VecDeque::new();
                self.locks.insert(resource, Lock { requester, holders, waiting });
                Some(true)
            }
            // It has the lock, or, for another requester, could not give it up while it waits.
            Some(lock) if lock.is_held_by(pid) => Some(lock.requester == requester),
            Some(lock) if lock.admits(&requester, pid) => {
                lock.holders.push(Holder::new(pid, &resource));
                Some(true)
            }
            Some(_) if timeout.is_zero() => Some(false),
            Some(lock) => {
                let holder = Holder::new(pid, &resource);
                let timer = (timeout < Duration::MAX)
                    .then(|| timer::start_timer(timeout, process::self_pid(), Resource(resource)));
                lock.wait(requester, Waiter { holder, timer, client: caller.defer() });
                None
            }
        }
    }

    pub(super) fn del(&mut self, LockId { resource, requester }: &LockId, pid: Pid) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        if lock.requester == *requester {
            let given_up = lock.holders.extract_if(.., |holder| holder.pid == pid);
            given_up.for_each(|holder| holder.demonitor());
            self.pass_on(resource);
        }
    }

    /// Handles the end of a process that held a lock or waited for it.
    pub(super) fn process_ended(&mut self, monitor: MonitorRef, Resource(resource): &Resource) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        lock.holders.retain(|holder| holder.monitor != monitor);
        if let Some(gone) = lock.remove(|waiter| waiter.holder.monitor == monitor) {
            gone.timer.map(timer::cancel);
        }
        self.pass_on(resource);
    }

    /// Handles the timeout of a waiter.
    pub(super) fn overdue(&mut self, timer: TimerRef, Resource(resource): &Resource) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        if let Some(late) = lock.remove(|waiter| waiter.timer == Some(timer)) {
            late.holder.demonitor();
            late.client.reply(false);
        }
        self.pass_on(resource); // The turn behind it may be for the holders' requester.
    }

    /// Gives a free lock to the next turn; a held one, to the next turn if that is for its
    /// requester.
    fn pass_on(&mut self, resource: &Arc<str>) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        if lock.holders.is_empty() {
            let Some(next) = lock.waiting.front() else {
                self.locks.remove(resource);
                return;
            };
            lock.requester = next.requester.clone();
        }
        lock.admit_next();
    }
}
