//! Global locks: their holders, and the processes that wait for them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::call::{Caller, ReplyTo};
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::id::Node;
use crate::id::{MonitorRef, Pid, TimerRef};
use crate::process;
use crate::process::MonitorOptions;
use crate::process::wait::waits_for;
use crate::timer;

#[cfg(all(feature = "dist", target_os = "linux"))]
use super::key::LockOfNames;
use super::key::{Key, Lock as Id};

/// The resources that are locked.
#[derive(Debug, Default)]
pub(super) struct Locks {
    locks: HashMap<Key, Lock>,
    /// Whether the last holder of the lock of names has ended, and not given it up.
    is_left: bool,
}

/// The resource, as the tag of the monitors of its holders and waiters, and as the value of the
/// waiters' timers.
#[derive(Clone, Debug)]
pub(super) struct Resource(Key);

/// The lock of a resource.
#[derive(Debug)]
struct Lock {
    requester: Key,
    /// Never empty.
    holders: Vec<Holder>,
    /// The next turn first. Each turn is for another requester, and the first one is not for the
    /// requester that has the lock.
    waiting: VecDeque<Turn>,
}

/// The processes that wait for the same requester, and get the lock together.
#[derive(Debug)]
struct Turn {
    requester: Key,
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
    fn new(pid: Pid, resource: &Key) -> Holder {
        let tag = Resource(resource.clone());
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
    fn admits(&self, requester: &Key, pid: Pid) -> bool {
        let is_waited_for = || self.holders.iter().any(|holder| waits_for(holder.pid, pid));
        self.requester == *requester && (self.waiting.is_empty() || is_waited_for())
    }

    fn wait(&mut self, requester: Key, waiter: Waiter) {
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
        Id { resource, requester }: Id,
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

    pub(super) fn del(&mut self, Id { resource, requester }: &Id, pid: Pid) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        if lock.requester == *requester {
            let given_up = lock.holders.extract_if(.., |holder| holder.pid == pid);
            let is_given_up = given_up.inspect(|holder| holder.demonitor()).count() > 0;
            self.is_left &= !(is_given_up && *resource == Key::names());
            self.pass_on(resource);
        }
    }

    /// Handles the end of a process that held a lock or waited for it.
    pub(super) fn process_ended(&mut self, monitor: MonitorRef, Resource(resource): &Resource) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        let held = lock.holders.extract_if(.., |holder| holder.monitor == monitor).count() > 0;
        self.is_left |= held && lock.holders.is_empty() && *resource == Key::names();
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
    fn pass_on(&mut self, resource: &Key) {
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

/// What other nodes do.
#[cfg(all(feature = "dist", target_os = "linux"))]
impl Locks {
    /// Returns whether a resource is free, or locked for the same requester.
    pub(super) fn can_set(&self, Id { resource, requester }: &Id) -> bool {
        self.locks.get(resource).is_none_or(|lock| lock.requester == *requester)
    }

    /// Sets a lock for a process that does not wait for its turn. Returns whether that succeeded.
    pub(super) fn set_now(&mut self, id: &Id, pid: Pid) -> bool {
        if !self.can_set(id) {
            return false;
        }
        let Id { resource, requester } = id;
        let free =
            || Lock { requester: requester.clone(), holders: Vec::new(), waiting: VecDeque::new() };
        let lock = self.locks.entry(resource.clone()).or_insert_with(free);
        if !lock.is_held_by(pid) {
            lock.holders.push(Holder::new(pid, resource));
        }
        true
    }

    /// Returns who holds the lock of all names.
    pub(super) fn of_names(&self) -> LockOfNames {
        match self.locks.get(&Key::names()) {
            Some(Lock { requester, holders, .. }) => LockOfNames::Held {
                requester: requester.clone(),
                holders: holders.iter().map(|holder| holder.pid).collect(),
            },
            None if self.is_left => LockOfNames::Left,
            None => LockOfNames::Free,
        }
    }

    /// Takes all locks from the processes of another node.
    pub(super) fn forget(&mut self, node: Node) {
        let of_node = |holder: &&Holder| holder.pid.is_remote() && holder.pid.node() == node;
        let gone = self.locks.iter().flat_map(|(resource, lock)| {
            let gone = lock.holders.iter().filter(of_node);
            gone.map(|holder| (holder.monitor, Resource(resource.clone())))
        });
        for (monitor, resource) in gone.collect::<Vec<_>>() {
            process::demonitor_flush(monitor);
            self.process_ended(monitor, &resource);
        }
    }
}
