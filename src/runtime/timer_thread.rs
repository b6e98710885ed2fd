//! The thread that serves the timers: it waits for the next deadline, and acts.
//!
//! No code of the program's runs on it, except for the `Clone` of an interval's message.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_utils::sync::Parker;
use log::Level;

use crate::id::TimerRef;
use crate::message::{Destination, Message, Name};
use crate::user_code::{catch, drop_caught, log_caught, or_abort, report_caught};

use super::detached::{run_detached, spawn_detached};
use super::exit::{abandon_killed, abandon_orphan, signal_exit_late};
use super::limits;
use super::mailbox::Orphans;
use super::overload::give_up;
use super::table::Process;
use super::threads::ThreadError;
use super::timers::{
    Action, Locked, SERVICE, Tick, TimerThread, Wake, cancel, discard, wake_thread_for,
};

/// The stack of the thread, on which no process runs.
const STACK_SIZE: usize = 256 * 1024;

/// Starts the thread of the service, unless it runs.
pub(crate) fn start_service() -> Result<(), ThreadError> {
    SERVICE.thread.get_or_try_init(start_thread).map(|_| ())
}

#[expect(clippy::disallowed_methods, reason = "the thread of the timer service")]
fn start_thread() -> Result<TimerThread, ThreadError> {
    let parker = Parker::new();
    let unparker = parker.unparker().clone();
    let builder = thread::Builder::new().name("procession-timer".to_owned()).stack_size(STACK_SIZE);
    let run = move || {
        limits::begun();
        or_abort(|| run_forever(&parker))
    };
    let thread = limits::start_thread(STACK_SIZE, || builder.spawn(run))
        .map_err(ThreadError::Limit)?
        .map_err(|error| ThreadError::Refused { stack_size: STACK_SIZE, error })?;
    Ok(TimerThread { unparker, id: thread.thread().id() })
}

/// Serves the timers. It does not return.
fn run_forever(parker: &Parker) -> ! {
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

/// Returns when a tick that was due at `due` is to come. One that is late takes its turn among the
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
        run_detached(|| discard(action));
    }
}

fn arm_again(timer: TimerRef, due: Instant) {
    let deadline = not_before_now(due);
    let mut state = SERVICE.state.lock();
    state.queue.arm(timer, deadline);
    wake_thread_for(deadline, state);
}

/// Sends a message, and returns the orphans, which the caller is to drop. A registrar, which is
/// code of the program's, sends it in a process made for that.
fn send(to: &Destination, message: Message) -> Option<Orphans> {
    let Destination::Name(Name::Via(via)) = to else {
        return to.try_send(message).err().map(give_up);
    };
    let via = via.clone();
    apply(Box::new(move || drop(via.send(message))));
    None
}

fn act_once(action: Action) {
    match action {
        Action::Send { to, message } => drop_detached(send(&to, message)),
        Action::Exit { to: Destination::Name(Name::Via(via)), from, reason } => {
            apply(Box::new(move || {
                if let Some(pid) = via.whereis() {
                    signal_exit_late(from, pid, reason);
                }
            }))
        }
        Action::Exit { to, from, reason } => {
            if let Some(pid) = to.resolve() {
                // If this kills it, its exit may run here; if it is gone, the reason is dropped
                // here.
                run_detached(move || signal_exit_late(from, pid, reason));
            }
        }
        Action::Apply(function) => apply(function),
        Action::Detached(job) => run_detached(job),
        Action::Abandon(pid) => abandon_killed(Process::of(pid)),
        Action::AbandonOrphan(orphan) if orphan.is_ending() => abandon_orphan(*orphan),
        Action::AbandonOrphan(orphan) => run_detached(|| drop_caught(orphan)),
        Action::Repeat(_) => unreachable!("handled by the caller"),
    }
}

/// Sends or applies one tick, and returns the next, if there is to be one; that is due at `due`.
fn act_repeatedly(timer: TimerRef, tick: Tick, due: Instant) -> Option<Tick> {
    match tick {
        Tick::Send { to, message, mut make } => {
            let orphans = send(&to, message);
            land();
            drop_detached(orphans);
            match catch(&mut make) {
                Ok(message) => Some(Tick::Send { to, message, make }),
                Err(payload) => {
                    report_caught("cloning the message of an interval", payload);
                    run_detached(|| drop_caught(make));
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

/// Drops orphans in a process made for that, so that a slow destructor holds up no timer.
fn drop_detached(orphans: Option<Orphans>) {
    if let Some(orphans) = orphans {
        run_detached(|| orphans.drop_caught());
    }
}

/// Says that the tick that was in flight has been sent.
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
    match catch(|| spawn_detached(function)) {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            let text = format_args!("a timer cannot apply its function: {error}");
            log_caught(Level::Error, "procession::timer", text);
        }
        Err(payload) => report_caught("a function that a timer cannot apply", payload),
    }
}
