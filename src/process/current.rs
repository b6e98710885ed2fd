//! Who the calling thread is.
//!
//! A worker thread is told; any other thread becomes a process when it first asks. What this module
//! keeps per thread needs no destructor, so it can be asked until the thread is gone; only the
//! watch that ends a foreign thread's process has one.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use once_cell::sync::Lazy;

use crate::exit::{ExitReason, Panic};
use crate::id::Pid;

use super::lifecycle;
use super::slot::Slot;
use super::table;
use super::ties::{End, TrapExit};
use super::unwind::{self, Guarded};
use super::worker;

/// A process, found in its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) slot: &'static Slot,
    pub(crate) pid: Pid,
}

/// Whether the calling process may go on.
#[derive(Debug)]
pub(crate) enum Standing {
    Live,
    /// It is to end, but its thread is unwinding already: it must not block.
    Unwinding,
    /// It is a thread of the program's own whose process has ended: killed, or the thread is in its
    /// last destructors.
    Gone,
}

/// The calling process has ended or is ending, and cannot wait for anything.
#[derive(Debug)]
pub(crate) struct Ended;

/// What is known of the panics of a thread of the program's own.
struct Panicked {
    process: Process,
    /// What the hook saw, the last one last. Those before it may be caught already, or it may be
    /// one in a destructor that runs because of them.
    panics: Vec<Panic>,
}

thread_local! {
    static CURRENT: Cell<Option<Process>> = const { Cell::new(None) };
    /// The process of a foreign thread since it has begun to panic; then it is not in `CURRENT`. So
    /// it is looked at again at the next use of the crate, which costs the others nothing.
    static PANICKED: Cell<Option<ManuallyDrop<Box<Panicked>>>> = const { Cell::new(None) };
    static WATCH: Watch = const { Watch };
}

/// Ends the process of a foreign thread when the thread ends.
struct Watch;

impl Drop for Watch {
    fn drop(&mut self) {
        let reason = PANICKED.take().map(|panicked| {
            let Panicked { process, mut panics } = *ManuallyDrop::into_inner(panicked);
            CURRENT.set(Some(process));
            panics.pop().map(|panic| ExitReason::Panic(Arc::new(panic)))
        });
        if let Some(process) = CURRENT.get() {
            lifecycle::leave_foreign(process, reason.flatten().unwrap_or(ExitReason::Normal));
        }
    }
}

/// Keeps what the hook sees of a panic of a foreign thread's, if the thread is a process.
pub(crate) fn begin_panic(see: impl FnOnce() -> Panic) {
    let mut panicked = match (PANICKED.take(), CURRENT.take()) {
        (Some(panicked), _) => panicked,
        (None, Some(process)) if process.is_foreign() && !is_thread_ending() => {
            ManuallyDrop::new(Box::new(Panicked { process, panics: Vec::new() }))
        }
        (None, process) => return CURRENT.set(process),
    };
    panicked.panics.push(see());
    PANICKED.set(Some(panicked));
}

/// Forgets the panic with this message, which the runtime has caught.
#[cold]
pub(crate) fn panic_caught(message: &str) {
    if let Some(mut panicked) = PANICKED.take() {
        panicked.panics.pop_if(|last| last.message == message);
        PANICKED.set(Some(panicked));
        _ = process_that_panicked();
    }
}

/// The process of a thread that has begun to panic. One that does not panic any more has caught it,
/// and goes on.
#[cold]
fn process_that_panicked() -> Option<Process> {
    let panicked = PANICKED.take()?;
    let process = panicked.process;
    if std::thread::panicking() {
        PANICKED.set(Some(panicked));
    } else {
        drop(ManuallyDrop::into_inner(panicked));
        CURRENT.set(Some(process));
    }
    Some(process)
}

/// Returns the calling process. A thread that was none becomes one.
#[inline]
pub(crate) fn current() -> Process {
    CURRENT.get().unwrap_or_else(adopt)
}

/// Whether the caller was left behind, so that what it does is to reach nobody any more.
#[inline]
pub(crate) fn is_left_behind() -> bool {
    current_if_any().is_some_and(Process::is_left_behind)
}

/// Whether the end of the caller has been told, so that it is to find nobody by name any more.
#[inline]
pub(crate) fn has_told_end() -> bool {
    current_if_any().is_some_and(|it| it.is_left_behind() || it.has_told_end())
}

/// Returns the calling process, if the thread is one already.
#[inline]
pub(crate) fn current_if_any() -> Option<Process> {
    CURRENT.get().or_else(process_that_panicked)
}

/// The calling process, if it is to end.
#[inline]
pub(crate) fn ending() -> Option<Process> {
    current_if_any().filter(|process| process.must_end())
}

pub(crate) fn set_current(process: Option<Process>) {
    CURRENT.set(process);
}

#[cold]
fn adopt() -> Process {
    if let Some(process) = process_that_panicked() {
        return process;
    }
    let process = worker::begin_foreign();
    CURRENT.set(Some(process));
    if is_thread_ending() {
        // Nobody would end it later.
        lifecycle::leave_foreign(process, ExitReason::Normal);
        return process.departed();
    }
    process
}

/// Whether the thread is in destructors of thread-locals later than ours.
///
/// As a side effect the watch is set on a thread that is not.
fn is_thread_ending() -> bool {
    WATCH.try_with(|_| ()).is_err()
}

/// Where the calls of threads go that have left their process: no process ever lives here.
static NOWHERE: Lazy<Slot> = Lazy::new(|| {
    let slot = Slot::new(u32::MAX);
    slot.foreign.store(true, Ordering::Relaxed);
    slot
});

impl Process {
    /// What is left of the process of a foreign thread when its slot goes to somebody else.
    pub(crate) fn departed(self) -> Process {
        Process { slot: &NOWHERE, pid: self.pid }
    }

    /// The process with this pid, alive or not.
    #[inline]
    pub(crate) fn of(pid: Pid) -> Process {
        Process { slot: table::slot_of(pid), pid }
    }

    /// This process as one end of a link.
    pub(crate) fn end(self) -> End<'static> {
        End { pid: self.pid, ties: &self.slot.ties }
    }

    #[inline]
    pub(crate) fn is_running(self) -> bool {
        self.slot.is_running(self.pid.generation())
    }

    pub(crate) fn is_foreign(self) -> bool {
        self.slot.foreign.load(Ordering::Relaxed)
    }

    pub(crate) fn trap_exit(self) -> TrapExit {
        if self.slot.trap_exit.load(Ordering::Relaxed) {
            TrapExit::Yes
        } else if self.is_foreign() {
            TrapExit::Unasked
        } else {
            TrapExit::No
        }
    }

    pub(crate) fn traps_exits(self) -> bool {
        self.trap_exit() != TrapExit::No
    }

    /// Says whether the caller, who is this process, may go on; if it must end, it ends here.
    #[inline]
    pub(crate) fn standing(self) -> Standing {
        if self.must_end() { self.standing_at_the_end() } else { Standing::Live }
    }

    #[cold]
    fn standing_at_the_end(self) -> Standing {
        if self.is_foreign() {
            return Standing::Gone;
        }
        if std::thread::panicking() || self.slot.leaving.load(Ordering::Relaxed) {
            return Standing::Unwinding;
        }
        unwind::unwind(self.settle(ExitReason::Killed))
    }

    /// Whether the caller's process has ended and its thread goes on.
    pub(crate) fn is_gone(self) -> bool {
        matches!(self.standing(), Standing::Gone)
    }

    /// For a call that can fail: an error unless the process may go on.
    #[inline]
    pub(crate) fn check(self) -> Result<(), Ended> {
        match self.standing() {
            Standing::Live => Ok(()),
            Standing::Unwinding | Standing::Gone => Err(Ended),
        }
    }

    /// For a call that does not block and cannot fail: a destructor may still make it.
    #[inline]
    pub(crate) fn pass(self) {
        if self.must_end() {
            self.may_act_at_the_end();
        }
    }

    /// As [`pass`](Self::pass), for a call that others notice. False if the process was left
    /// behind: what it does now that its end has been told must not touch what others have by then.
    #[inline]
    pub(crate) fn may_act(self) -> bool {
        !self.must_end() || self.may_act_at_the_end()
    }

    #[inline]
    fn must_end(self) -> bool {
        !self.is_running() || self.slot.doomed.load(Ordering::Relaxed)
    }

    /// As [`may_act`](Self::may_act), for a process that is to end and holds a value of the user's.
    /// That is given back, as an error if the process may not.
    #[cold]
    pub(crate) fn act_with<T>(self, value: T) -> Result<T, T> {
        let value = Guarded::new(value);
        let may_act = self.may_act_at_the_end();
        let value = value.into_inner();
        if may_act { Ok(value) } else { Err(value) }
    }

    #[cold]
    fn may_act_at_the_end(self) -> bool {
        if !self.slot.reporting.load(Ordering::Relaxed) {
            // What a report has to say goes out, whatever else comes.
            match self.standing() {
                Standing::Live | Standing::Unwinding => {}
                Standing::Gone => self.refuse_gone(),
            }
        }
        !self.is_left_behind()
    }

    /// Whether somebody else tells, or has told, the end of this process. A thread of the program's
    /// own has an end of its own, and may still send.
    #[inline]
    fn is_left_behind(self) -> bool {
        self.slot.is_left_behind(self.pid.generation()) && !self.is_foreign()
    }

    /// Whether others know by now that this process has ended, who is in its last destructors.
    fn has_told_end(self) -> bool {
        let Process { slot, pid } = self;
        let has_left = !slot.is_running(pid.generation()) && !slot.is_exiting(pid.generation());
        has_left && !self.is_foreign() && !slot.untold.lock().is_of(pid)
    }

    /// Panics with a plain message, unless a panic here would abort the program.
    pub(crate) fn refuse_gone(self) {
        if !std::thread::panicking() && !is_thread_ending() {
            panic!("process {}, a thread of the program's own, was killed", self.pid);
        }
    }

    /// Settles why the process ends, unless that is settled, and returns it.
    pub(crate) fn settle(self, reason: ExitReason) -> ExitReason {
        let settled = self.slot.verdict.lock().get_or_insert_with(|| reason.clone()).clone();
        unwind::drop_caught(reason);
        settled
    }

    /// Dooms the calling process: from now on every call ends it.
    pub(crate) fn doom(self, reason: ExitReason) {
        self.settle(reason);
        self.slot.doomed.store(true, Ordering::Relaxed);
    }
}
