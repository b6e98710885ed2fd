//! How a process ends, and how it is killed.
//!
//! # The order of an exit
//!
//! 1. The thread is out of user code; if the process crashed, the report is written.
//! 2. Messages that were not received are dropped.
//! 3. The process is not alive any more: the party that has claimed its exit, by a change of the
//!    slot's phase, runs what follows.
//! 4. Its name is released, and its timers are removed.
//! 5. Linked children get exit signals, and are waited for (see [`children`]).
//! 6. Its table of links is closed. The last replies are sent; other linked processes get their
//!    exit signals, then watchers their DOWNs, then waiting clients an error, then watchers that
//!    came when the table was closed their DOWNs.
//! 7. The slot is free when its thread has vacated it.
//!
//! So whoever hears of an exit finds the name free, the values of the body dropped, and nothing
//! left of the children that end with it.
//!
//! # Kill
//!
//! A thread cannot be stopped from outside. A killed process is not alive from that moment, and
//! unwinds at its next call into the runtime, usually at once, because it is woken, or called back
//! from a wait outside of the runtime ([`interrupt`](super::interrupt)); steps 4 to 6
//! follow when it has left user code. If that takes longer than its kill grace, it is abandoned:
//! another thread does steps 4 to 6, and its own thread is left behind.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use log::Level;

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::{Down, Message};
use crate::user_code::{drop_caught, drop_each_caught, log_caught, or_abort, set_in_body};

use super::address::{deliver_exit, signal_of_link, try_deliver, try_deliver_exit};
use super::caller::set_caller;
use super::children::{self, Children, Orphan};
use super::crash;
use super::dictionary;
use super::mailbox::{ExitCause, ExitSignal, Orphans, Special};
use super::monitors;
use super::names;
#[cfg(feature = "dist")]
use super::node_monitors;
use super::reply_slot::ServerDown;
use super::slot::{Slot, Vacancy};
use super::table::{self, Process};
use super::threads;
use super::timers;
use super::unwind::{self, Outcome};

/// What a process runs; it returns the exit reason.
pub(crate) type Body = Box<dyn FnOnce() -> ExitReason + Send>;

/// Returns a body that ends its process with `Normal` when it returns.
pub(crate) fn normal(body: impl FnOnce() + Send + 'static) -> Body {
    Box::new(|| {
        body();
        ExitReason::Normal
    })
}

/// Runs `body` as `process` on the calling worker thread, to the end of its exit.
pub(crate) fn run(process: Process, body: Body) -> Vacancy {
    set_caller(Some(process));
    set_in_body(true);
    let outcome = if process.is_running() {
        unwind::run(body)
    } else {
        process.slot.in_teardown.store(true, Ordering::Relaxed); // Its own thread's.
        drop_caught(body); // Killed before it began.
        Outcome::Exited(ExitReason::Killed)
    };
    let vacancy = or_abort(|| end(process, outcome));
    set_in_body(false);
    set_caller(None);
    vacancy
}

/// Ends the process of a foreign thread that is ending. If `reason` is a panic, the hook has
/// reported it.
pub(crate) fn end_foreign(process: Process, reason: ExitReason) {
    match or_abort(|| end(process, Outcome::Exited(reason))) {
        Vacancy::Free => threads::recycle(process.slot),
        Vacancy::Pending => {}
    }
}

/// Ends the process of the calling thread, whose body has ended with `outcome`.
fn end(process: Process, outcome: Outcome) -> Vacancy {
    let reason = settle_outcome(process, outcome);
    tear_down(process, reason);
    if process.slot.claim_own(process.pid.generation()) {
        run_own_exit(process);
    } else {
        leave_exit_to_other(process);
    }
    process.slot.vacate(process.pid.generation())
}

/// Settles why the process ends. If it has crashed, the report is written.
fn settle_outcome(process: Process, outcome: Outcome) -> ExitReason {
    if !process.is_running() {
        process.settle(ExitReason::Killed);
    }
    // Relaxed: written by its own thread, which this is.
    let is_first = process.is_running() && !process.slot.doomed.load(Ordering::Relaxed);
    let (crashed, reason) = match outcome {
        Outcome::Exited(reason) => (!reason.is_orderly() && crash::is_of_proc_lib(process), reason),
        Outcome::Crashed(reason) => (true, reason),
    };
    let reason = process.settle(reason);
    if crashed && is_first {
        crash::report(process, &reason);
    }
    reason
}

/// Drops what the process has, while it can still be killed.
fn tear_down(process: Process, reason: ExitReason) {
    process.doom(reason);
    process.slot.in_teardown.store(true, Ordering::Relaxed); // Its own thread's.
    process.slot.mailbox.drain(process.pid.generation()).drop_caught();
    dictionary::clear(process);
    let via = process.slot.profile.lock().via.take();
    drop_caught(via);
}

/// Runs the exit of the process of the calling thread, which has claimed it.
fn run_own_exit(process: Process) {
    // Dropped last: a destructor may take its time, and nobody shall wait for it.
    let late = process.slot.mailbox.drain(process.pid.generation());
    announce(process, begin_return);
    late.drop_caught();
}

/// Comes back from a process whose exit another thread has told, or is about to.
fn leave_exit_to_other(process: Process) {
    begin_return(process);
    let mut late = process.slot.mailbox.drain(process.pid.generation());
    late.bounce();
    late.drop_caught();
    if !process.is_foreign() {
        threads::count_recovered();
    }
}

/// Says that the calling thread, which runs `process`, will soon be free for another process.
fn begin_return(process: Process) {
    if !process.is_foreign() {
        threads::begin_return();
    }
}

/// Runs steps 4 to 6, which release what `process` had and let everybody concerned know that it has
/// ended. Calls `before` when the children are gone, before anybody hears of the end.
fn announce(process: Process, before: impl FnOnce(Process)) {
    let pid = process.pid;
    let reason = process.settle(ExitReason::Killed);
    // Names first: whoever hears of the exit may register the name again at once.
    names::release(pid);
    let timers = timers::remove_target(pid);
    // Orphans of the signals sent here, where the receivers have just ended.
    let mut leftovers = Vec::new();
    // The table is open meanwhile: a process that links or monitors now is told with the others.
    let (mut seen, mut signalled) = (BTreeSet::new(), BTreeSet::new());
    let links = loop {
        let children = Children::signal(process, &reason, &mut seen, &mut leftovers);
        signalled.append(&mut children.links());
        await_gone(process, children);
        // Closed only if no child was given to it meanwhile. Processes of other nodes are none,
        // and are not waited for: they could go on to link themselves.
        let mut links = process.slot.links.lock();
        if links.peers.iter().all(|(peer, link)| peer.is_remote() || seen.contains(link)) {
            break links.close();
        }
    };
    let forget = |(id, entry)| monitors::forget(MonitorRef { id, owner: pid }, entry);
    let monitors: Vec<_> = links.monitors.into_iter().map(forget).collect();
    #[cfg(feature = "dist")]
    node_monitors::forget(pid, links.nodes);
    before(process);
    let last_replies = process.slot.pending_exit.lock().take_last_replies();
    leftovers.extend(last_replies.into_iter().filter_map(|last_reply| last_reply().err()));
    for (peer, id) in links.peers.into_iter().filter(|(_, id)| !signalled.contains(id)) {
        let signal = signal_of_link(pid, id, reason.clone());
        leftovers.extend(try_deliver_exit(peer, signal).err());
    }
    for (id, watcher) in links.watchers {
        let monitor = MonitorRef { id, owner: watcher.pid };
        let down = Down { monitor, object: watcher.object, reason: reason.clone() };
        leftovers.extend(try_deliver(watcher.pid, Special::Down(down).into()).err());
    }
    tell_clients(process, &reason);
    children::exit_told(process, &mut leftovers);
    // Now that everybody knows, destructors of the user's values may take their time.
    timers.into_iter().for_each(timers::discard);
    drop_each_caught(monitors);
    leftovers.into_iter().for_each(Orphans::drop_caught);
}

/// Waits for the children that `process` takes with it.
///
/// The exit of a foreign process does not wait, because its thread is ending, or another thread
/// runs the exit. Nor does the timer thread, which runs an exit if no other thread can be had:
/// every process that is to be abandoned needs it. Their children get their grace as a timer.
fn await_gone(process: Process, children: Children) {
    if process.is_foreign() || timers::on_timer_thread() {
        children.into_orphans().for_each(timers::start_orphan_grace);
    } else {
        children.wait(abandon_orphan);
    }
}

/// Answers the clients that wait for a reply of `process`.
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

/// Sends the exit signal of a call of [`exit`](crate::process::exit()).
pub(crate) fn signal_exit(from: Pid, to: Pid, reason: ExitReason) {
    signal_or_kill(to, ExitSignal { from, reason, cause: ExitCause::Request });
}

/// Sends the exit signal of a timer that `from` has started.
pub(crate) fn signal_exit_late(from: Pid, to: Pid, reason: ExitReason) {
    signal_or_kill(to, ExitSignal { from, reason, cause: ExitCause::Timer });
}

/// As [`signal_exit`], where no code of the program's may run: the destructors of what is left of a
/// process that it kills run elsewhere.
///
/// # Errors
///
/// The orphans, which the caller is to drop, if the process has ended.
#[cfg(feature = "dist")]
pub(crate) fn signal_exit_detached(from: Pid, to: Pid, reason: ExitReason) -> Result<(), Orphans> {
    if reason == ExitReason::Kill {
        kill(Process::of(to), |exit| timers::run_detached_soon(move || drop(exit)));
        return Ok(());
    }
    try_deliver_exit(to, ExitSignal { from, reason, cause: ExitCause::Request })
}

fn signal_or_kill(to: Pid, signal: ExitSignal) {
    if signal.reason == ExitReason::Kill && !to.is_remote() {
        kill(Process::of(to), drop);
    } else {
        deliver_exit(to, signal);
    }
}

/// Kills `target`, if it is alive. If its thread is not the runtime's, `run` drops its exit, which
/// runs it.
fn kill(target: Process, run: impl FnOnce(ClaimedExit)) {
    let (slot, pid) = (target.slot, target.pid);
    if target.is_foreign() {
        // Its stack is not ours to unwind, so there is nothing to wait for.
        if slot.claim_foreign(pid.generation()) {
            let exit = ClaimedExit(target);
            slot.wake();
            slot.interrupt.call(pid);
            run(exit);
        }
    } else if slot.mark_exiting(pid.generation()) {
        names::release_of_killed(pid);
        slot.turn_away();
        slot.wake();
        timers::start_grace(pid, slot.kill_grace());
        slot.interrupt.call(pid);
    }
}

/// Runs the exit of a process whose own thread will not. The caller has claimed it.
fn run_claimed_exit(target: Process) {
    or_abort(|| {
        let orphans = target.slot.mailbox.drain(target.pid.generation());
        announce(target, |_| {});
        match target.slot.exit_done(target.pid.generation()) {
            Vacancy::Free => threads::recycle(target.slot),
            Vacancy::Pending => {}
        }
        orphans.drop_caught();
    });
}

/// An exit that was claimed. It runs when this is dropped, so nothing can keep it from being told.
struct ClaimedExit(Process);

impl Drop for ClaimedExit {
    fn drop(&mut self) {
        run_claimed_exit(self.0);
    }
}

/// Abandons `target`, which was killed, if it is still in user code.
pub(crate) fn abandon_killed(target: Process) {
    abandon(target, "was killed".to_owned(), |slot, generation| slot.claim_abandoned(generation));
}

/// Abandons a process that is to end with its parent, if it is still in user code.
pub(crate) fn abandon_orphan(orphan: Orphan) {
    let Orphan { process, parent, reason, .. } = orphan;
    let cause = format!("was to end with its parent {parent}");
    // If it was killed meanwhile, it has had its grace, too.
    let claim = |slot: &Slot, generation| {
        slot.claim_orphan(generation, &reason) || slot.claim_abandoned(generation)
    };
    abandon(process, cause, claim);
}

/// Abandons `target` if `claim` can claim its exit.
fn abandon(target: Process, cause: String, claim: impl FnOnce(&Slot, NonZeroU64) -> bool) {
    let Process { slot, pid } = target;
    // Counted before, as its thread may come back and count itself out at any moment.
    threads::count_abandoned();
    if !claim(slot, pid.generation()) {
        threads::count_recovered();
        return;
    }
    let grace = slot.kill_grace();
    let exit = ClaimedExit(target);
    timers::run_detached_soon(move || {
        drop(exit);
        let text = format_args!(
            "process {pid} {cause} and has not left its code after {grace:?}: its thread is left \
             behind; code that computes or waits outside the runtime ends in time if it calls \
             `process::checkpoint`, and has timeouts"
        );
        log_caught(Level::Warn, "procession::abandoned", text);
    });
}
