//! Global locks: who holds which, and who waits for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Caller, ReplyTo};
use crate::id::{MonitorRef, Pid, TimerRef};
use crate::process;
use crate::process::MonitorOptions;
use crate::timer;

use super::{LockId, Requester};

/// What was locked when any process had something to do with it.
#[derive(Debug, Default)]
pub(super) struct Locks {
    locks: HashMap<Arc<str>, Lock>,
}

/// Comes with the end of a process that holds this or waits for it, and with the end of the time
/// that one can wait.
#[derive(Clone, Debug)]
pub(super) struct Resource(Arc<str>);

/// Something that is locked.
#[derive(Debug)]
struct Lock {
    requester: Requester,
    /// Never empty.
    holders: Vec<Holder>,
    /// All for other requesters.
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Holder {
    pid: Pid,
    monitor: MonitorRef,
}

#[derive(Debug)]
struct Waiter {
    requester: Requester,
    holder: Holder,
    timer: Option<TimerRef>,
    client: ReplyTo<bool>,
}

impl Holder {
    /// A process that holds `resource`, or will.
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
}

impl Locks {
    /// Returns whether it could be locked; `None` if the caller is told later.
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
            Some(lock) if lock.requester == requester => {
                if !lock.is_held_by(pid) {
                    lock.holders.push(Holder::new(pid, &resource));
                }
                Some(true)
            }
            // Who holds it itself cannot give it up while it waits.
            Some(lock) if timeout.is_zero() || lock.is_held_by(pid) => Some(false),
            Some(lock) => {
                let holder = Holder::new(pid, &resource);
                let timer = (timeout < Duration::MAX)
                    .then(|| timer::start_timer(timeout, process::self_pid(), Resource(resource)));
                let client = caller.defer();
                lock.waiting.push_back(Waiter { requester, holder, timer, client });
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

    /// A process has ended that held something or waited for it.
    pub(super) fn process_ended(&mut self, monitor: MonitorRef, Resource(resource): &Resource) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        lock.holders.retain(|holder| holder.monitor != monitor);
        let gone = lock.waiting.iter().position(|waiter| waiter.holder.monitor == monitor);
        if let Some(gone) = gone.and_then(|gone| lock.waiting.remove(gone)) {
            gone.timer.map(timer::cancel);
        }
        self.pass_on(resource);
    }

    /// A process has waited as long as it can.
    pub(super) fn overdue(&mut self, timer: TimerRef, Resource(resource): &Resource) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        let late = lock.waiting.iter().position(|waiter| waiter.timer == Some(timer));
        if let Some(late) = late.and_then(|late| lock.waiting.remove(late)) {
            late.holder.demonitor();
            late.client.reply(false);
        }
    }

    /// If nobody holds it any more, the requester has it who has waited longest: for all who wait
    /// for that one.
    fn pass_on(&mut self, resource: &Arc<str>) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        if !lock.holders.is_empty() {
            return;
        }
        let Some(first) = lock.waiting.front() else {
            self.locks.remove(resource);
            return;
        };
        lock.requester = first.requester.clone();
        let (served, waiting) = lock
            .waiting
            .drain(..)
            .partition::<VecDeque<_>, _>(|waiter| waiter.requester == lock.requester);
        lock.waiting = waiting;
        for Waiter { holder, timer, client, .. } in served {
            timer.map(timer::cancel);
            lock.holders.push(holder);
            client.reply(true);
        }
    }
}
