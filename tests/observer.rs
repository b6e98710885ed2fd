//! Snapshots of the whole program: a binary of its own, as they show all that runs. The tests take
//! turns.
//!
//! `RUN_SLOW_TESTS=1` also asserts what a snapshot may cost. Figures are printed: `cargo test
//! --release --test observer -- --nocapture`.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]
#![allow(clippy::disallowed_macros, reason = "prints figures")]

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};
use procession::observer::{self, Snapshot};
use procession::prelude::*;
use procession::process::WaitsFor;

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

#[path = "observer/costs.rs"]
mod costs;
#[path = "observer/data.rs"]
mod data;
#[path = "observer/findings.rs"]
mod findings;
#[path = "observer/metrics.rs"]
mod metrics;
#[path = "observer/printed.rs"]
mod printed;
#[path = "observer/process.rs"]
mod process_infos;
#[path = "observer/trees.rs"]
mod trees;
#[path = "observer/waits.rs"]
mod waits;

use crate::support::wait::wait_until;

/// Has the program to itself.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

/// What is closed until a test opens it. Who waits there is out of the runtime's reach.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let (is_open, opened) = &*self.0;
        let mut is_open = is_open.lock();
        while !*is_open {
            opened.wait(&mut is_open);
        }
    }

    fn open(&self) {
        let (is_open, opened) = &*self.0;
        *is_open.lock() = true;
        opened.notify_all();
    }
}

/// Where a [`Slow`] server stands before its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nowhere,
    Init,
    Call,
    /// Not at all: it defers its replies.
    Reply,
    Terminate,
}

/// A server that can be held up.
#[derive(Debug)]
struct Slow {
    step: Step,
    gate: Gate,
    later: Vec<ReplyTo<()>>,
}

impl Slow {
    fn stop_before(&self, step: Step) {
        if self.step == step {
            self.gate.pass();
        }
    }
}

impl GenServer for Slow {
    type Args = (Step, Gate);

    fn init((step, gate): Self::Args) -> InitResult<Slow> {
        let slow = Slow { step, gate, later: Vec::new() };
        slow.stop_before(Step::Init);
        ready(slow)
    }

    fn terminate(&mut self, _: &ExitReason) {
        self.stop_before(Step::Terminate);
    }
}

#[derive(Debug)]
struct Ask;

impl HandleCall<Ask> for Slow {
    type Reply = ();

    fn handle_call(&mut self, Ask: Ask, caller: &Caller<()>) -> CallResult<Slow, Ask> {
        if self.step == Step::Reply {
            self.later.push(caller.defer());
            return noreply();
        }
        self.stop_before(Step::Call);
        reply(())
    }
}

#[track_caller]
fn start_slow(step: Step) -> (ServerRef<Slow>, Gate) {
    let gate = Gate::default();
    (Slow::start((step, gate.clone())).unwrap(), gate)
}

/// Returns what a process waits for, as a snapshot says.
#[track_caller]
fn waits_for(pid: Pid) -> Option<WaitsFor> {
    observer::snapshot().process(pid).expect("it is alive").info.waits_for.clone()
}

/// Waits until a snapshot says that the process waits for that, and returns the snapshot.
#[track_caller]
fn snapshot_when(pid: Pid, expected: &WaitsFor) -> Snapshot {
    let found = RefCell::new(None);
    wait_until(|| {
        let snapshot = observer::snapshot();
        let process = snapshot.process(pid);
        let waits = process.is_some_and(|it| it.info.waits_for.as_ref() == Some(expected));
        *found.borrow_mut() = waits.then_some(snapshot);
        waits
    });
    found.into_inner().expect("it was found")
}
