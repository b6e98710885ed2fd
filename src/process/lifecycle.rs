//! How processes start and end.
//!
//! # The order of an exit
//!
//! 1. The thread is out of user code; if the process crashed, the report is written.
//! 2. Messages that were not received are dropped.
//! 3. The process is not alive any more: whoever changes its slot's phase runs what follows.
//! 4. Its name is released, its timers are removed.
//! 5. Linked children get exit signals, and are waited for (see [`children`](super::children)).
//! 6. The table of its ties is closed. The last reply is sent; other linked processes get their
//!    exit signals, then watchers their DOWNs, then waiting clients an error.
//! 7. The slot is free when the thread has left it.
//!
//! So whoever hears of an exit finds the name free, the values of the body dropped, and nothing
//! left of the children that go with it.
//!
//! # Kill
//!
//! A thread cannot be stopped from outside. A killed process is not alive from that moment, and
//! unwinds at its next call into the runtime, usually at once as it is woken; 4 to 6 follow when
//! it has left user code. If that takes longer than its grace, it is abandoned: somebody else does
//! 4 to 6, and the thread is left behind.

use std::num::NonZeroU64;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::{LinkId, MonitorRef, Pid};
use crate::message::{Down, Message};
use crate::report::log_caught;

use super::address::deliver;
use super::builder::Builder;
use super::children::{self, Children};
use super::crash;
use super::current::{Process, current, set_current};
use super::dictionary;
use super::mailbox::{ExitCause, ExitSignal, Special};
use super::monitor;
use super::names;
use super::reply_slot::ServerDown;
use super::slot::Slot;
use super::table;
use super::ties::{self, Closed, Tied};
use super::timers;
use super::unwind::{self, Guarded, Outcome, drop_caught};
use super::worker;

/// How many threads were left behind and have not come back.
static ABANDONED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn abandoned_count() -> usize {
    ABANDONED.load(Ordering::Relaxed)
}

/// Runs `body` as `process` on the calling worker thread, to the end of its exit. True if the slot
/// is free then.
pub(crate) fn run(process: Process, body: worker::Body) -> bool {
    set_current(Some(process));
    unwind::set_in_body(true);
    let outcome = if process.is_running() {
        unwind::run(body)
    } else {
        process.slot.leaving.store(true, Ordering::Relaxed);
        drop_caught(body); // Killed before it began.
        Outcome::Left(ExitReason::Killed)
    };
    let freed = unwind::or_abort(|| end(process, outcome));
    unwind::set_in_body(false);
    set_current(None);
    freed
}

/// Ends the process of a foreign thread that is ending, by a panic if `reason` is one: the hook has
/// reported it.
pub(crate) fn leave_foreign(process: Process, reason: ExitReason) {
    if unwind::or_abort(|| end(process, Outcome::Left(reason))) {
        worker::recycle(process.slot);
    }
    // What destructors of thread-locals do from here on is not done to the slot's next process.
    set_current(Some(process.departed()));
}

/// Ends the calling thread's own process, whose user code has left with `outcome`. True if the slot
/// is free then.
fn end(process: Process, outcome: Outcome) -> bool {
    let Process { slot, pid } = process;
    if !process.is_running() {
        process.settle(ExitReason::Killed);
    }
    let is_first = process.is_running() && !slot.doomed.load(Ordering::Relaxed);
    let (crashed, reason) = match outcome {
        Outcome::Left(reason) => (!reason.is_orderly() && crash::is_of_proc_lib(process), reason),
        Outcome::Crashed(reason) => (true, reason),
    };
    let reason = process.settle(reason);
    if crashed && is_first {
        crash::report(process, &reason);
    }
    process.doom(reason);
    slot.leaving.store(true, Ordering::Relaxed);
    slot.mailbox.drain(pid.generation()).drop_caught();
    dictionary::clear(process);
    if slot.close(pid.generation()) {
        // Dropped last: a destructor may take its time, and nobody shall wait for it.
        let late = slot.mailbox.drain(pid.generation());
        announce(process, begin_return);
        late.drop_caught();
    } else {
        // Somebody else has told the exit, or is about to. Here is the thread back.
        begin_return(process);
        let mut late = slot.mailbox.drain(pid.generation());
        late.bounce();
        late.drop_caught();
        if !process.is_foreign() {
            ABANDONED.fetch_sub(1, Ordering::Relaxed);
        }
    }
    slot.leave(pid.generation())
}

/// Says that the thread of `process`, who is the caller, will soon be free for another.
fn begin_return(process: Process) {
    if !process.is_foreign() {
        worker::begin_return();
    }
}

/// Steps 4 to 6: lets the world know that `process` has ended. Before anybody hears of it, who may
/// want the place, does `before`.
fn announce(process: Process, before: impl FnOnce(Process)) {
    let pid = process.pid;
    let reason = process.settle(ExitReason::Killed);
    // Names first: whoever hears of the exit may register the name again at once.
    names::release(pid);
    let timers = timers::remove_target(pid);
    // The table is open meanwhile: who links or monitors now is told with the others.
    let children = Children::signal(process, &reason);
    let signalled = children.links();
    await_gone(process, children);
    let ties = process.slot.ties.lock().close();
    let tags: Vec<_> =
        ties.monitors.into_iter().map(|(id, entry)| monitor::forget(id, entry)).collect();
    before(process);
    let farewell = process.slot.untold.lock().take_farewell();
    farewell.into_iter().for_each(|farewell| farewell());
    for (peer, id) in ties.links.into_iter().filter(|(_, id)| !signalled.contains(id)) {
        signal_link(pid, peer, id, reason.clone());
    }
    for (id, watcher) in ties.watchers {
        let monitor = MonitorRef { id, owner: watcher.pid };
        let down = Down { monitor, object: watcher.object, reason: reason.clone() };
        deliver(watcher.pid, Special::Down(down).into());
    }
    tell_clients(process, &reason);
    children::told(process);
    // Now that everybody knows, what is the user's may take its time.
    timers.into_iter().for_each(timers::discard);
    unwind::drop_each_caught(tags);
}

/// Waits for the children that `process` takes with it. The end of a thread of the program's own
/// does not, as it is ending, or another one tells its end. Nor does the timer thread, which does
/// this if there is no other: all who are to be abandoned need it.
fn await_gone(process: Process, children: Children) {
    if children.is_empty() || timers::on_timer_thread() {
        return;
    }
    if process.is_foreign() {
        do_aside(|| children.wait());
    } else {
        children.wait();
    }
}

/// Lets those know that wait for a reply of `process`.
fn tell_clients(process: Process, reason: &ExitReason) {
    if process.slot.clients.is_empty() {
        return;
    }
    for slot in table::slots() {
        if let Some(request) = slot.wait.reply.awaited_from(process.pid) {
            slot.answer(request, Message::new(ServerDown(reason.clone())));
        }
    }
}

/// Sends the exit signal of a link.
pub(crate) fn signal_link(from: Pid, to: Pid, id: LinkId, reason: ExitReason) {
    let signal = ExitSignal { from, reason, cause: ExitCause::Link(id) };
    deliver(to, Special::Exit(signal).into());
}

/// Sends the exit signal of a call of [`exit`](super::exit).
pub(crate) fn signal_exit(from: Pid, to: Pid, reason: ExitReason) {
    signal_or_kill(to, ExitSignal { from, reason, cause: ExitCause::Request });
}

/// Sends the exit signal of a timer that `from` has started.
pub(crate) fn signal_exit_late(from: Pid, to: Pid, reason: ExitReason) {
    signal_or_kill(to, ExitSignal { from, reason, cause: ExitCause::Timer });
}

fn signal_or_kill(to: Pid, signal: ExitSignal) {
    if signal.reason == ExitReason::Kill {
        kill(Process::of(to));
    } else {
        deliver(to, Special::Exit(signal).into());
    }
}

/// Kills `target`, if it is alive.
fn kill(target: Process) {
    let (slot, pid) = (target.slot, target.pid);
    if target.is_foreign() {
        // Its stack is not ours to unwind, so there is nothing to wait for.
        if slot.seize(pid.generation()) {
            slot.wake();
            tell(target);
        }
    } else if slot.mark_exiting(pid.generation()) {
        names::release_of_killed(pid);
        slot.wake();
        timers::start_grace(pid, slot.kill_grace());
    }
}

/// Runs the exit of a process whose own thread will not. The caller has claimed it.
fn tell(target: Process) {
    unwind::or_abort(|| {
        let orphans = target.slot.mailbox.drain(target.pid.generation());
        announce(target, |_| {});
        if target.slot.told(target.pid.generation()) {
            worker::recycle(target.slot);
        }
        orphans.drop_caught();
    });
}

/// Runs an exit that was claimed when it is dropped, so that nothing can keep it from being told.
struct Telling(Process);

impl Drop for Telling {
    fn drop(&mut self) {
        tell(self.0);
    }
}

/// Abandons `target`, which was killed, if it is still not out of user code.
pub(crate) fn abandon_killed(target: Process) {
    abandon_aside(target, "was killed".to_owned(), |slot, generation| slot.take(generation));
}

/// Abandons `target`, which is to end with its parent, for `reason`, if it is still not out of user
/// code.
pub(crate) fn abandon_orphan(target: Process, parent: Pid, reason: &ExitReason) {
    let cause = format!("was to end with its parent {parent}");
    // If it was killed meanwhile: it has had its grace.
    let claim =
        |slot: &Slot, generation| slot.seize_for(generation, reason) || slot.take(generation);
    abandon_aside(target, cause, claim);
}

/// Abandons `target` if `claim` can claim its exit.
fn abandon_aside(target: Process, cause: String, claim: impl FnOnce(&Slot, NonZeroU64) -> bool) {
    let Process { slot, pid } = target;
    // Counted first, as its thread may come back and count itself out at any moment.
    ABANDONED.fetch_add(1, Ordering::Relaxed);
    if !claim(slot, pid.generation()) {
        ABANDONED.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let grace = slot.kill_grace();
    let telling = Telling(target);
    do_aside(move || {
        drop(telling);
        log_caught(|| {
            log::warn!(
                target: "procession::abandoned",
                "process {pid} {cause} and has not left its code after {grace:?}: its thread is \
                 left behind",
            );
        });
    });
}

/// Does what may run user code (destructors, loggers) in a process made for that, for the timer
/// thread, which others wait for; or here, if there is no thread to be had.
pub(crate) fn do_aside(job: impl FnOnce() + Send + 'static) {
    let job = Arc::new(Mutex::new(Some(job)));
    let shared = Arc::clone(&job);
    let run = move || {
        let job = shared.lock().take();
        job.into_iter().for_each(|job| job());
    };
    if let Err(error) = spawn_detached(run) {
        log::debug!("{error}");
        let job = job.lock().take();
        job.into_iter().for_each(|job| log_caught(job));
    }
}

/// Starts a process that belongs to nobody, also when everything is being shut down.
pub(crate) fn spawn_detached(
    body: impl FnOnce() + Send + 'static,
) -> Result<Pid, super::SpawnError> {
    Builder::new().start(None, None, |_| worker::normal(body)).map(|(pid, _)| pid)
}

/// Sends `reason` to `pid` as an exit signal.
///
/// A process that does not trap exits ends with `reason` at its next receive point, which any
/// blocking call of this crate is; `Normal` is ignored, unless the process sends it to itself. One
/// that traps exits gets an [`Exit`](crate::Exit) message instead. Nothing happens if `pid` has
/// ended.
///
/// [`ExitReason::Kill`] cannot be trapped: the process is not alive from now on, its name is free,
/// and it ends as [`Killed`](ExitReason::Killed) as soon as it calls into the runtime. If it does
/// not do so within its [grace](Builder::kill_grace), its links and monitors are told without
/// waiting longer, and its thread is left behind.
///
/// OTP: [`erlang:exit/2`](https://www.erlang.org/doc/apps/erts/erlang.html#exit/2).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn exit(pid: Pid, reason: impl Into<ExitReason>) {
    let reason = Guarded::new(reason.into());
    let process = current();
    if !process.may_act() {
        return; // With the reason, whose destructor may panic.
    }
    signal_exit(process.pid, pid, reason.into_inner());
    if pid == process.pid {
        process.judge_arrived();
    }
}

/// Ends the calling process with `reason`.
///
/// The thread unwinds, so destructors run; no panic message is printed and no crash report written.
/// As in OTP, a body that catches the unwinding goes on.
///
/// OTP: [`erlang:exit/1`](https://www.erlang.org/doc/apps/erts/erlang.html#exit/1).
///
/// # Panics
///
/// In a thread that is not the runtime's, because its stack is not ours to unwind.
pub fn exit_self(reason: impl Into<ExitReason>) -> ! {
    let reason = Guarded::new(reason.into());
    let process = current();
    process.pass();
    let reason = reason.into_inner();
    if process.is_foreign() {
        panic!("exit_self({reason}) in {}, a thread of the program's own", process.pid);
    }
    unwind::unwind(reason)
}

/// Runs `body`, and returns why it ended if it panicked or called [`exit_self`].
///
/// The end of the process itself is not caught: if it is being ended by an exit signal, it goes on
/// unwinding. No crash report is written, and in a process no panic message is printed: the reason
/// says all, to whom it is returned.
///
/// OTP: `try ... catch`.
///
/// ```
/// use procession::prelude::*;
///
/// assert_eq!(process::catch(|| 7), Ok(7));
/// assert!(process::catch(|| { if true { panic!("no") } }).is_err());
/// ```
///
/// # Errors
///
/// The reason with which `body` ended.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let process = current();
    unwind::catch_value(body).map_err(|payload| {
        let reason = unwind::exit_reason(payload);
        process.pass();
        reason
    })
}

/// Runs `body` with `value` to the end of the process, and drops the value then: not while the
/// thread unwinds, when a panic of its destructor would abort the program.
pub(crate) fn end_with<T>(mut value: T, body: impl FnOnce(&mut T) -> ExitReason) -> ExitReason {
    let outcome = unwind::catch_value(|| body(&mut value));
    let Process { slot, pid } = current();
    if slot.doomed.load(Ordering::Relaxed) || !slot.is_running(pid.generation()) {
        slot.leaving.store(true, Ordering::Relaxed);
    }
    drop_caught(value);
    outcome.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Links the caller and `pid`: when one ends, the other gets an exit signal with its reason.
///
/// There is at most one link between two processes; to link again, or to oneself, does nothing. If
/// `pid` has ended, the caller gets the signal at once, with [`ExitReason::NoProc`].
///
/// OTP: [`erlang:link/1`](https://www.erlang.org/doc/apps/erts/erlang.html#link/1).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn link(pid: Pid) {
    let process = current();
    process.pass();
    if pid == process.pid {
        return;
    }
    match ties::link(process.end(), Process::of(pid).end()) {
        Ok(Tied::Yes | Tied::Already) => {}
        Ok(Tied::NoProc(id)) => {
            signal_link(pid, process.pid, id, ExitReason::NoProc);
            process.judge_arrived();
        }
        Err(Closed) => process.pass(),
    }
}

/// Removes the link between the caller and `pid`, for both.
///
/// Exit signals that have arrived are judged first. After it no exit signal of the link reaches the
/// caller. Nothing happens if there is no link.
///
/// OTP: [`erlang:unlink/1`](https://www.erlang.org/doc/apps/erts/erlang.html#unlink/1).
///
/// # Panics
///
/// As [`link`].
pub fn unlink(pid: Pid) {
    let process = current();
    process.judge_arrived();
    if pid != process.pid {
        ties::unlink(process.end(), Process::of(pid).end());
    }
}
