//! Pending timers, behind their lock. The [timer thread](super::timer_thread) serves them.
//!
//! A timer is marked as expired under the lock, and acts after the lock is released; so a `cancel`
//! that finds it pending has prevented it. A repeating timer stays in the queue, so there `cancel`
//! also waits for a tick that is just being sent; none comes after it returns.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::sync::Unparker;
use once_cell::sync::{Lazy, OnceCell};
use parking_lot::{Condvar, Mutex};

use crate::exit::ExitReason;
use crate::id::{Pid, TimerRef, unique};
use crate::message::{Destination, Message};
use crate::user_code::drop_caught;

use super::children::Orphan;
use super::table::Process;
use super::timer_queue::TimerQueue;

/// What happens when a timer expires.
pub(crate) enum Action {
    Send {
        to: Destination,
        message: Message,
    },
    Exit {
        to: Destination,
        from: Pid,
        reason: ExitReason,
    },
    Apply(Box<dyn FnOnce() + Send>),
    /// As `Apply`, for the runtime: if no thread can be had for it, the timer thread runs it.
    Detached(Box<dyn FnOnce() + Send>),
    /// Boxed, as it is large and rare, and every timer takes the space of the largest action.
    Repeat(Box<Repeat>),
    /// Abandons a process that was killed.
    Abandon(Pid),
    /// Abandons a process that is to end with its parent.
    AbandonOrphan(Box<Orphan>),
}

/// The action of a repeating timer.
pub(crate) struct Repeat {
    pub(crate) period: Duration,
    /// When it is to act next, if it does not fall behind.
    pub(crate) due: Instant,
    pub(crate) tick: Tick,
}

/// What a repeating timer does each time.
pub(crate) enum Tick {
    /// Sends the message, then makes the next one.
    Send { to: Destination, message: Message, make: Box<dyn FnMut() -> Message + Send> },
    /// Runs the function in a process of its own.
    Apply(Arc<dyn Fn() + Send + Sync>),
    /// As `Apply`, the next time only after this one has ended.
    ApplyInTurn(Arc<dyn Fn() + Send + Sync>),
}

pub(super) static SERVICE: Lazy<Service> = Lazy::new(Service::new);

pub(super) struct Service {
    pub(super) thread: OnceCell<TimerThread>,
    pub(super) state: Mutex<State>,
    /// Notified when `in_flight` changes back to `None`.
    pub(super) landed: Condvar,
}

pub(super) struct State {
    /// The item of a repeating timer is taken out while it acts.
    pub(super) queue: TimerQueue<Option<Action>>,
    /// The repeating timer whose tick is just being sent.
    pub(super) in_flight: Option<TimerRef>,
    /// Until when the thread sleeps; `None` if it is about to look at the queue.
    pub(super) asleep_until: Option<Wake>,
}

pub(super) struct TimerThread {
    pub(super) unparker: Unparker,
    pub(super) id: thread::ThreadId,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Wake {
    At(Instant),
    Never,
}

impl Service {
    fn new() -> Service {
        Service {
            thread: OnceCell::new(),
            state: Mutex::new(State {
                queue: TimerQueue::new(),
                in_flight: None,
                asleep_until: None,
            }),
            landed: Condvar::new(),
        }
    }
}

/// Starts a timer; `make` gets its reference. A target that has ended cancels it at once.
pub(crate) fn start(
    deadline: Instant,
    target: Option<Pid>,
    make: impl FnOnce(TimerRef) -> Action,
) -> TimerRef {
    let timer = insert(deadline, target, make);
    // After it is in: a target that ends later finds it there.
    if target.is_some_and(|target| !Process::of(target).is_running()) {
        cancel(timer);
    }
    timer
}

/// Returns the reference of a timer that has expired.
pub(crate) fn expired() -> TimerRef {
    TimerRef { serial: unique(), index: 0 }
}

/// Starts the grace of a process that was killed.
pub(crate) fn start_grace(pid: Pid, grace: Duration) {
    let timer = insert(deadline_of(grace), Some(pid), |_| Action::Abandon(pid));
    if !Process::of(pid).slot.is_exiting(pid.generation()) {
        cancel(timer);
    }
}

/// Starts the grace of a process that is to end with its parent.
pub(crate) fn start_orphan_grace(orphan: Orphan) {
    let Process { slot, pid } = orphan.process;
    let make = |_| Action::AbandonOrphan(Box::new(orphan));
    let timer = insert(deadline_of(slot.kill_grace()), Some(pid), make);
    if !slot.is_running(pid.generation()) && !slot.is_exiting(pid.generation()) {
        cancel(timer);
    }
}

/// Has the timer thread run `job` in a process made for it. It may run code of the program's, such
/// as destructors and loggers.
pub(crate) fn run_detached_soon(job: impl FnOnce() + Send + 'static) {
    insert(Instant::now(), None, |_| Action::Detached(Box::new(job)));
}

fn insert(
    deadline: Instant,
    target: Option<Pid>,
    make: impl FnOnce(TimerRef) -> Action,
) -> TimerRef {
    let mut state = SERVICE.state.lock();
    let timer = state.queue.insert(deadline, target, |timer| Some(make(timer)));
    wake_thread_for(deadline, state);
    timer
}

/// Returns the instant after `duration`; if that is too far off for the clock, one that never
/// comes.
pub(crate) fn deadline_of(duration: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + CENTURY)
}

/// Removes a timer. Returns when it would have expired, or `None` if it has expired or does not
/// exist.
pub(crate) fn cancel(timer: TimerRef) -> Option<Instant> {
    let mut state = SERVICE.state.lock();
    while state.in_flight == Some(timer) && !on_timer_thread() {
        SERVICE.landed.wait(&mut state);
    }
    let deadline = state.queue.deadline(timer);
    let removed = state.queue.remove(timer);
    drop(state);
    discard(removed.flatten());
    deadline
}

pub(crate) fn on_timer_thread() -> bool {
    SERVICE.thread.get().is_some_and(|it| it.id == thread::current().id())
}

/// Returns when a pending timer expires.
pub(crate) fn read(timer: TimerRef) -> Option<Instant> {
    SERVICE.state.lock().queue.deadline(timer)
}

/// Removes the timers of a process that has ended, and returns them. The caller is to
/// [`discard`] them.
pub(crate) fn remove_target(pid: Pid) -> Vec<Option<Action>> {
    match Lazy::get(&SERVICE) {
        Some(service) => service.state.lock().queue.remove_target(pid),
        None => Vec::new(),
    }
}

/// Drops the action of a timer, each value by itself, so that a panic of one does not meet one of
/// another. There is nothing to drop if the timer is gone, or is just acting.
pub(crate) fn discard(action: Option<Action>) {
    match action {
        Some(Action::Repeat(repeat)) => match repeat.tick {
            Tick::Send { message, make, .. } => {
                drop_caught(message);
                drop_caught(make);
            }
            Tick::Apply(function) | Tick::ApplyInTurn(function) => drop_caught(function),
        },
        Some(Action::Send { message, .. }) => drop_caught(message),
        Some(Action::Exit { reason, .. }) => drop_caught(reason),
        Some(Action::Apply(function) | Action::Detached(function)) => drop_caught(function),
        Some(Action::AbandonOrphan(orphan)) => drop_caught(orphan),
        Some(Action::Abandon(_)) | None => {}
    }
}

/// Returns how many timers there are.
pub(crate) fn count() -> usize {
    Lazy::get(&SERVICE).map_or(0, |service| service.state.lock().queue.len())
}

pub(super) type Locked = parking_lot::MutexGuard<'static, State>;

/// Wakes the timer thread if it sleeps past `deadline`.
pub(super) fn wake_thread_for(deadline: Instant, mut state: Locked) {
    if state.asleep_until.is_some_and(|until| until > Wake::At(deadline)) {
        state.asleep_until = None;
        drop(state);
        SERVICE.thread.get().expect("a thread that is asleep").unparker.unpark();
    }
}
