//! The gate: how many connections there are, and how many there may be. It is what a condition
//! variable is to threads: whoever waits for a change is told of each by a message.
//!
//! An acceptor gets a permit before it accepts, so there is never a connection more than allowed.
//! The permit goes with the connection, and comes back when the supervisor of the connections
//! forgets that, or when it is dropped anywhere on its way there. It is used, and the connection
//! counts as active, only if there are fewer of these than there may be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::{Alias, MonitorRef};
use crate::message::{Down, Message};
use crate::process;
use crate::process::receive;

/// The numbers of connections, and who waits for them to change.
pub(super) struct Gate {
    counts: Mutex<Counts>,
    waiters: Mutex<Vec<Alias>>,
}

/// The numbers of connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) max: usize,
    /// The connections that have a process.
    pub(super) active: usize,
    /// The permits that somebody has: for each connection, and for each that is to be accepted.
    pub(super) permits: usize,
}

/// Tells a waiter that the numbers have changed.
#[derive(Debug)]
struct Changed(Alias);

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.counts(), f)
    }
}

impl Gate {
    pub(super) fn new(max: usize) -> Gate {
        let counts = Counts { max, active: 0, permits: 0 };
        Gate { counts: Mutex::new(counts), waiters: Mutex::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    pub(super) fn set_max(&self, max: usize) {
        self.counts.lock().max = max;
        self.tell_waiters();
    }

    /// Returns a permit to accept a connection, if there is room for one.
    fn try_acquire(self: &Arc<Gate>) -> Option<Permit> {
        let mut counts = self.counts.lock();
        if counts.permits >= counts.max {
            return None;
        }
        counts.permits += 1;
        Some(Permit { gate: Arc::clone(self), is_active: false })
    }

    /// As [`try_acquire`](Self::try_acquire), as soon as there is room.
    pub(super) fn acquire(self: &Arc<Gate>) -> Permit {
        self.wait(|| self.try_acquire())
    }

    /// Returns a permit for a connection that was accepted without one.
    pub(super) fn permit_anyway(self: &Arc<Gate>) -> Permit {
        self.counts.lock().permits += 1;
        Permit { gate: Arc::clone(self), is_active: false }
    }

    /// As [`wait_until`](Self::wait_until), without limit.
    fn wait<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Ok(Some(found)) = self.wait_until(Duration::MAX, None, &mut look) {
                return found;
            }
        }
    }

    /// Waits until `look`, which is called after each change of the numbers, returns something, for
    /// at most `timeout`. If the process that `end` monitors ends before, that is an error, its
    /// exit reason.
    pub(super) fn wait_until<R>(
        &self,
        timeout: Duration,
        end: Option<MonitorRef>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Result<Option<R>, ExitReason> {
        if let Some(found) = look() {
            return Ok(Some(found));
        }
        let deadline = receive::deadline_after(timeout);
        let waiter = Waiter::new(self);
        let is_end = |message: &Message| {
            message.downcast_ref::<Down>().is_some_and(|down| Some(down.monitor) == end)
        };
        let outcome = loop {
            if let Some(found) = look() {
                break Ok(Some(found));
            }
            let left = receive::time_left(deadline);
            let message = process::receive_match_timeout(left, |message| {
                waiter.is_told_by(message) || is_end(message)
            });
            match message.map(Message::downcast::<Down>) {
                Some(Ok(down)) => break Err(down.reason),
                Some(Err(_)) => {}
                None => break Ok(None),
            }
        };
        waiter.end();
        outcome
    }

    fn tell_waiters(&self) {
        let waiters = self.waiters.lock().clone();
        waiters.into_iter().for_each(|waiter| process::send(waiter, Changed(waiter)));
    }
}

/// A process that waits for changes, as long as this exists.
struct Waiter<'a> {
    gate: &'a Gate,
    /// Not its pid, so that nothing comes when it does not wait any more.
    alias: Alias,
}

impl Waiter<'_> {
    fn new(gate: &Gate) -> Waiter<'_> {
        let alias = process::alias();
        gate.waiters.lock().push(alias);
        Waiter { gate, alias }
    }

    fn is_told_by(&self, message: &Message) -> bool {
        message.downcast_ref::<Changed>().is_some_and(|Changed(alias)| *alias == self.alias)
    }
}

impl Waiter<'_> {
    /// Leaves nothing of the wait in the mailbox. It unwinds a process that was killed, so it is no
    /// part of the destructor: what a function returns is lost if a destructor unwinds then.
    fn end(self) {
        self.leave();
        process::unalias(self.alias);
        let is_own = |message: &Message| self.is_told_by(message);
        while process::receive_match_timeout(Duration::ZERO, is_own).is_some() {}
    }

    fn leave(&self) {
        self.gate.waiters.lock().retain(|waiter| *waiter != self.alias);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The right to a connection.
pub(super) struct Permit {
    gate: Arc<Gate>,
    /// It is used: the connection has a process, or is just getting it.
    is_active: bool,
}

impl Permit {
    /// Counts the connection that this is for as an active one, if there is room: the number of
    /// those that may be may have been lowered since.
    fn try_activate(&mut self) -> bool {
        {
            let mut counts = self.gate.counts.lock();
            if counts.active >= counts.max {
                return false;
            }
            counts.active += 1;
        }
        self.is_active = true;
        self.gate.tell_waiters();
        true
    }

    /// Returns the permit, used, if there is room.
    pub(super) fn activate_if_room(mut self) -> Option<Permit> {
        self.try_activate().then_some(self)
    }

    /// As [`activate_if_room`](Self::activate_if_room), as soon as there is room.
    pub(super) fn activate(mut self) -> Permit {
        let gate = Arc::clone(&self.gate);
        gate.wait(|| self.try_activate().then_some(()));
        self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut counts = self.gate.counts.lock();
            counts.permits -= 1;
            counts.active -= usize::from(self.is_active);
        }
        self.gate.tell_waiters();
    }
}
