//! Waits of the calling process for others. Those that could never end are refused.
//!
//! The graph of waits is [`wait_graph`](crate::runtime::wait_graph).

use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::id::{Pid, unique};
use crate::message::Message;
use crate::runtime::address::deliver;
use crate::runtime::mailbox::Special;
use crate::runtime::reply_slot::Deadlocked;
use crate::runtime::slot::Slot;
use crate::runtime::table::Process;
use crate::runtime::wait_graph::{Cause, Cycle, Edge, Edges, WaitEdge, Waiting};
use crate::runtime::wait_graph::{break_cycles, cycle_through, reaches};

impl Process {
    /// Records that the caller, which is this process, waits for `target` to answer `request`. For
    /// whom a process of another node waits nobody here knows.
    ///
    /// # Errors
    ///
    /// Returns the cycle that this would close; then nothing is recorded.
    pub(crate) fn wait_for(self, target: Pid, request: NonZeroU64) -> Result<Waiting, Cycle> {
        let edge = &self.slot.wait.edge;
        let waiting = Waiting::new(edge, request);
        if edge.is_set() || target.is_remote() {
            return Ok(waiting);
        }
        edge.set(target, request);
        if !waits(target) {
            return Ok(waiting); // The usual case: the target itself does not wait.
        }
        match cycle_through(self.pid, edges_of) {
            Some(cycle) => {
                // An exit signal takes effect first, as in any wait.
                self.sort();
                _ = self.may_block();
                Err(Cycle(cycle))
            }
            None => Ok(waiting),
        }
    }

    /// Records that the caller, which is this process, waits until all of `ends` have ended; the
    /// numbers are unique. Calls that would wait for the caller in turn are refused.
    pub(crate) fn wait_for_ends(self, ends: Vec<Edge>, cause: Cause) -> Option<Waiting> {
        let edge = &self.slot.wait.edge;
        if edge.is_set() {
            return None;
        }
        let request = WaitEdge::several(unique());
        self.slot.ends.set(request, ends.clone(), cause);
        edge.set_several(request);
        for end in ends.into_iter().filter(|(pid, _)| waits(*pid)) {
            if cause == Cause::Own || Process::of(end.0).traps_exits() {
                let only = |pid| if pid == self.pid { Edges::One(end) } else { edges_of(pid) };
                break_cycles(self.pid, only, refuse_call);
            }
        }
        Some(Waiting::new(edge, request))
    }
}

/// Shows what a process waits for, as long as this lives.
#[derive(Debug)]
pub(crate) struct ShownWait {
    slot: &'static Slot,
    /// What it shows after that.
    before: u64,
}

impl Process {
    /// Shows that the caller, which is this process, waits for the answer to a request that it has
    /// made by hand. That is no edge of the graph, as it is not known who will answer.
    pub(crate) fn show_wait(self, request: NonZeroU64) -> ShownWait {
        // Relaxed, as the other two: only shown.
        let before = self.slot.awaits.load(Ordering::Relaxed);
        self.slot.awaits.store(request.get(), Ordering::Relaxed);
        ShownWait { slot: self.slot, before }
    }
}

impl Drop for ShownWait {
    fn drop(&mut self) {
        self.slot.awaits.store(self.before, Ordering::Relaxed);
    }
}

/// Refuses the request of `client`, the first of `cycle`, if it is a call; returns whether it is.
fn refuse_call((client, request): Edge, cycle: Vec<Pid>) -> bool {
    let slot = Process::of(client).slot;
    let refusal = Message::new(Deadlocked { request, cycle });
    if slot.wait.reply.awaits(request) {
        slot.wait.edge.clear(request);
        slot.answer(request, refusal);
        return true;
    }
    // A call whose reply comes by the mailbox has an alias; stops and starts have none.
    let is_call = slot.links.lock().has_alias(request);
    if is_call {
        slot.wait.edge.clear(request);
        deliver(client, Special::Aliased(request, refusal).into());
    }
    is_call
}

/// Whether `pid` waits for any process.
fn waits(pid: Pid) -> bool {
    let process = Process::of(pid);
    process.slot.wait.edge.stands() && process.is_running()
}

/// The processes that `pid` waits for, and the numbers of its requests.
fn edges_of(pid: Pid) -> Edges {
    let process = Process::of(pid);
    // Read before the process is seen alive: so the edges are its own, not its successor's.
    let traps_exits = |pid| Process::of(pid).traps_exits();
    let edges = process.slot.wait.edge.read_all(&process.slot.ends, traps_exits);
    if process.is_running() { edges } else { Edges::None }
}

/// Whether `pid` waits for `target`, or for one that does, and so on.
pub(crate) fn waits_for(pid: Pid, target: Pid) -> bool {
    reaches(pid, target, edges_of)
}
