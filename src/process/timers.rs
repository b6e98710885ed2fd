//! The timer service: one thread that waits for the next deadline.
//!
//! A timer is marked expired under the lock and acts after it is released, so a `cancel` that finds
//! it pending has prevented it. A repeating timer stays, so there `cancel` also waits for a tick
//! that is just being sent; none comes after it returns.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::sync::{Parker, Unparker};
use once_cell::sync::{Lazy, OnceCell};
use parking_lot::{Condvar, Mutex};

use crate::exit::ExitReason;
use crate::id::{Pid, TimerRef, unique};
use crate::message::{Message, Object};
use crate::report::log_caught;

use super::address::{Destination, pid_of};
use super::builder::SpawnError;
use super::current::{Process, is_left_behind};
use super::lifecycle;
use super::limits;
use super::mailbox::Orphans;
use super::timer_queue::TimerQueue;
use super::unwind::{self, drop_caught};

/// What happens when a timer expires.
pub(crate) enum Action {
    Send {
        to: Destination,
        message: Message,
    },
    Exit {
        to: Object,
        from: Pid,
        reason: ExitReason,
    },
    Apply(Box<dyn FnOnce() + Send>),
    /// Boxed, as it is large and rare, and every timer takes the space of the largest action.
    Repeat(Box<Repeat>),
    Abandon(Pid),
}

/// What acts again and again.
pub(crate) struct Repeat {
    pub(crate) period: Duration,
    /// When it was to act next, if it does not fall behind.
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

/// The stack of the service's thread, on which no process runs.
const STACK_SIZE: usize = 256 * 1024;

static SERVICE: Lazy<Service> = Lazy::new(Service::new);

struct Service {
    thread: OnceCell<TimerThread>,
    state: Mutex<State>,
    /// Told when `in_flight` changes back to `None`.
    landed: Condvar,
}

struct State {
    /// The item of a repeating timer is taken out while it acts.
    queue: TimerQueue<Option<Action>>,
    /// The repeating timer whose tick is just being sent.
    in_flight: Option<TimerRef>,
    /// Until when the thread sleeps; `None` if it is about to look at the queue.
    asleep_until: Option<Wake>,
}

struct TimerThread {
    unparker: Unparker,
    id: thread::ThreadId,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Wake {
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
///
/// # Panics
///
/// If the system refuses the thread of the timer service, when the first timer is started.
pub(crate) fn start(
    deadline: Instant,
    target: Option<Pid>,
    make: impl FnOnce(TimerRef) -> Action,
) -> TimerRef {
    if is_left_behind() {
        discard(Some(make(expired())));
        return expired();
    }
    let timer = insert(deadline, target, make);
    // After it is in: a target that ends later finds it there.
    if target.is_some_and(|target| !Process::of(target).is_running()) {
        cancel(timer);
    }
    timer
}

/// The reference of a timer that has expired.
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

fn insert(
    deadline: Instant,
    target: Option<Pid>,
    make: impl FnOnce(TimerRef) -> Action,
) -> TimerRef {
    start_service().unwrap_or_else(|error| panic!("the timer service cannot start: {error}"));
    let mut state = SERVICE.state.lock();
    let timer = state.queue.insert(deadline, target, |timer| Some(make(timer)));
    wake_thread_for(deadline, state);
    timer
}

/// The instant after `duration`; one too far off for the clock is put where it never comes.
pub(crate) fn deadline_of(duration: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + CENTURY)
}

/// Removes a timer. Returns when it would have expired, or `None` if it has, or is none.
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

/// When a pending timer expires.
pub(crate) fn read(timer: TimerRef) -> Option<Instant> {
    SERVICE.state.lock().queue.deadline(timer)
}

/// Removes the timers of a process that has ended, and returns them, to be [discarded](discard).
pub(crate) fn remove_target(pid: Pid) -> Vec<Option<Action>> {
    match Lazy::get(&SERVICE) {
        Some(service) => service.state.lock().queue.remove_target(pid),
        None => Vec::new(),
    }
}

/// Drops what a timer was to do, each value by itself, so that a panic of one does not meet one of
/// another. There is nothing to drop if the timer is gone, or just acts.
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
        Some(Action::Apply(function)) => drop_caught(function),
        Some(Action::Abandon(_)) | None => {}
    }
}

/// Starts the thread of the service, unless it runs.
pub(crate) fn start_service() -> Result<(), SpawnError> {
    SERVICE.thread.get_or_try_init(start_thread).map(|_| ())
}

/// How many timers there are.
pub(crate) fn count() -> usize {
    Lazy::get(&SERVICE).map_or(0, |service| service.state.lock().queue.len())
}

#[expect(clippy::disallowed_methods, reason = "the thread of the timer service")]
fn start_thread() -> Result<TimerThread, SpawnError> {
    let parker = Parker::new();
    let unparker = parker.unparker().clone();
    let builder = thread::Builder::new().name("procession-timer".to_owned()).stack_size(STACK_SIZE);
    let run = move || {
        limits::begun();
        unwind::or_abort(|| run(&parker))
    };
    let thread = limits::start_thread(STACK_SIZE, || builder.spawn(run))
        .map_err(SpawnError::Limit)?
        .map_err(|error| SpawnError::Thread { stack_size: STACK_SIZE, error })?;
    Ok(TimerThread { unparker, id: thread.thread().id() })
}

fn run(parker: &Parker) -> ! {
    loop {
        let mut state = SERVICE.state.lock();
        if let Some(timer) = state.queue.expire(Instant::now()) {
            fire(timer, state);
            continue;
        }
        let next = state.queue.next_deadline();
        state.asleep_until = Some(next.map_or(Wake::Never, Wake::At));
        drop(state);
        match next {
            Some(deadline) => parker.park_deadline(deadline),
            None => parker.park(),
        }
        SERVICE.state.lock().asleep_until = None;
    }
}

type Locked = parking_lot::MutexGuard<'static, State>;

/// Wakes the timer thread if it sleeps past `deadline`.
fn wake_thread_for(deadline: Instant, mut state: Locked) {
    if state.asleep_until.is_some_and(|until| until > Wake::At(deadline)) {
        state.asleep_until = None;
        drop(state);
        SERVICE.thread.get().expect("a thread that is asleep").unparker.unpark();
    }
}

fn fire(timer: TimerRef, mut state: Locked) {
    let action = state.queue.item(timer).and_then(Option::take);
    match action {
        Some(Action::Repeat(mut repeat)) => {
            repeat.due += repeat.period;
            if !matches!(repeat.tick, Tick::ApplyInTurn(_)) {
                state.queue.arm(timer, not_before_now(repeat.due));
            }
            state.in_flight = Some(timer);
            drop(state);
            if let Some(tick) = act_repeatedly(timer, repeat.tick, repeat.due) {
                repeat.tick = tick;
                put_back(timer, Action::Repeat(repeat));
            }
        }
        Some(action) => {
            state.queue.remove(timer);
            drop(state);
            act_once(action);
        }
        None => unreachable!("an item is back in its place before the next timer expires"),
    }
}

/// When a tick is to come that should have come at `due`. One that is late takes its turn among the
/// other timers that have expired by now, so that they get theirs.
fn not_before_now(due: Instant) -> Instant {
    due.max(Instant::now())
}

fn put_back(timer: TimerRef, action: Action) {
    let mut action = Some(action);
    let mut state = SERVICE.state.lock();
    if let Some(place) = state.queue.item(timer) {
        *place = action.take();
    }
    drop(state);
    if action.is_some() {
        // The timer was cancelled meanwhile.
        lifecycle::do_aside(|| discard(action));
    }
}

fn arm_again(timer: TimerRef, due: Instant) {
    let deadline = not_before_now(due);
    let mut state = SERVICE.state.lock();
    state.queue.arm(timer, deadline);
    wake_thread_for(deadline, state);
}

/// Sends a message, and returns what is to be dropped. A registrar, which is code of the program's,
/// does that in a process of its own.
fn send(to: &Destination, message: Message) -> Option<Orphans> {
    let Destination::Via(via) = to else { return to.try_send(message).err() };
    let via = via.clone();
    apply(Box::new(move || drop(via.send(message))));
    None
}

fn act_once(action: Action) {
    match action {
        Action::Send { to, message } => drop_aside(send(&to, message)),
        Action::Exit { to: Object::Via(via), from, reason } => apply(Box::new(move || {
            if let Some(pid) = via.pid() {
                lifecycle::signal_exit_late(from, pid, reason);
            }
        })),
        Action::Exit { to, from, reason } => {
            if let Some(pid) = pid_of(&to) {
                // If it is killed, this may run its exit; if it is gone, the reason is dropped.
                lifecycle::do_aside(move || lifecycle::signal_exit_late(from, pid, reason));
            }
        }
        Action::Apply(function) => apply(function),
        Action::Abandon(pid) => lifecycle::abandon_killed(Process::of(pid)),
        Action::Repeat(_) => unreachable!("handled by the caller"),
    }
}

/// Sends or applies one tick, and returns what is needed for the next, if there is to be one; that
/// is due at `due`.
fn act_repeatedly(timer: TimerRef, tick: Tick, due: Instant) -> Option<Tick> {
    match tick {
        Tick::Send { to, message, mut make } => {
            let orphans = send(&to, message);
            land();
            drop_aside(orphans);
            match unwind::catch_value(&mut make) {
                Ok(message) => Some(Tick::Send { to, message, make }),
                Err(payload) => {
                    unwind::report_caught("cloning the message of an interval", payload);
                    lifecycle::do_aside(|| drop_caught(make));
                    cancel(timer);
                    None
                }
            }
        }
        Tick::Apply(function) => {
            let run = Arc::clone(&function);
            apply(Box::new(move || run()));
            land();
            Some(Tick::Apply(function))
        }
        Tick::ApplyInTurn(function) => {
            let run = Arc::clone(&function);
            let in_turn = InTurn { timer, due };
            apply(Box::new(move || {
                let _in_turn = in_turn;
                run();
            }));
            land();
            Some(Tick::ApplyInTurn(function))
        }
    }
}

/// Drops what could not be delivered, where a destructor that takes its time holds up no timer.
fn drop_aside(orphans: Option<Orphans>) {
    if let Some(orphans) = orphans {
        lifecycle::do_aside(|| orphans.drop_caught());
    }
}

/// The tick that was in flight has been sent.
fn land() {
    SERVICE.state.lock().in_flight = None;
    SERVICE.landed.notify_all();
}

/// Arms a timer again when its function has ended, in whatever way.
struct InTurn {
    timer: TimerRef,
    due: Instant,
}

impl Drop for InTurn {
    fn drop(&mut self) {
        arm_again(self.timer, self.due);
    }
}

fn apply(function: Box<dyn FnOnce() + Send>) {
    match unwind::catch_value(|| lifecycle::spawn_detached(function)) {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            log_caught(|| log::error!("a timer cannot apply its function: {error}"));
        }
        Err(payload) => unwind::report_caught("a function that a timer cannot apply", payload),
    }
}
