//! The calling process, and whether it may go on.
//!
//! A worker thread is told which process it runs; any other thread becomes a process when it first
//! asks. The thread-locals of this module have no destructor, so they can be read until the thread
//! is gone; only the watch that ends a foreign thread's process has one.
//!
//! A function whose name ends in `or_unwind` or `if_doomed` unwinds the calling thread if its
//! process must end: an exit signal has doomed it, or it was killed.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use once_cell::sync::Lazy;

use crate::exit::ExitReason;
use crate::report;
use crate::runtime::caller::{caller, set_caller};
use crate::runtime::exit::end_foreign;
use crate::runtime::slot::{Profile, Settings, Slot};
use crate::runtime::table::Process;
use crate::runtime::threads;
use crate::runtime::unwind::unwind;
use crate::user_code::{Guarded, Observer, Panic, install_hook};

/// Whether the calling process may go on.
#[derive(Debug)]
pub(crate) enum CallerState {
    Live,
    /// The process is doomed, and its thread is unwinding already: it must not block.
    Unwinding,
    /// The process, of a thread of the program's own, has ended: it was killed, or the thread is in
    /// its last destructors.
    Gone,
}

/// The calling process has ended or is ending, and cannot wait for anything.
#[derive(Debug)]
pub(crate) struct Ended;

/// The panics of a thread of the program's own.
struct Panicked {
    process: Process,
    /// The panics that the hook has seen, the last one last. Those before the last may be caught
    /// already; or the last may be one in a destructor that runs because of them.
    panics: Vec<Panic>,
}

thread_local! {
    /// The process of a foreign thread that has begun to panic; it is not the `caller` then. So the
    /// next use of the crate looks at it again, at no cost to other threads.
    static PANICKED: Cell<Option<ManuallyDrop<Box<Panicked>>>> = const { Cell::new(None) };
    static WATCH: Watch = const { Watch };
}

/// Ends the process of a foreign thread when the thread ends.
struct Watch;

impl Drop for Watch {
    fn drop(&mut self) {
        let reason = PANICKED.take().map(|panicked| {
            let Panicked { process, mut panics } = *ManuallyDrop::into_inner(panicked);
            set_caller(Some(process));
            panics.pop().map(|panic| ExitReason::Panic(Arc::new(panic)))
        });
        if let Some(process) = caller() {
            exit_foreign(process, reason.flatten().unwrap_or(ExitReason::Normal));
        }
    }
}

/// Ends the process of a foreign thread that is ending.
fn exit_foreign(process: Process, reason: ExitReason) {
    end_foreign(process, reason);
    // Destructors of thread-locals that run from here on must not act on the slot's next process.
    set_caller(Some(process.departed()));
}

/// Watches for panics that a foreign thread may end by.
pub(crate) fn watch_panics() {
    install_hook(Observer {
        reads_backtraces: report::reads_backtraces,
        began: panic_began,
        caught: panic_caught,
    });
}

/// Keeps a panic of a foreign thread, as the hook sees it, if the thread is a process.
fn panic_began(info: &PanicHookInfo<'_>) {
    let mut panicked = match (PANICKED.take(), caller()) {
        (Some(panicked), _) => panicked,
        (None, Some(process)) if process.is_foreign() && !is_thread_ending() => {
            ManuallyDrop::new(Box::new(Panicked { process, panics: Vec::new() }))
        }
        (None, _) => return,
    };
    set_caller(None);
    panicked.panics.push(Panic::seen(info));
    PANICKED.set(Some(panicked));
}

/// Forgets the panic with this message, which the runtime has caught, and those after it: they were
/// in destructors that ran because of it, and were caught there.
#[cold]
fn panic_caught(message: &str) {
    if let Some(mut panicked) = PANICKED.take() {
        if let Some(place) = panicked.panics.iter().rposition(|it| it.message == message) {
            panicked.panics.truncate(place);
        }
        PANICKED.set(Some(panicked));
        _ = process_that_panicked();
    }
}

/// The process of a foreign thread that has begun to panic. If the thread does not panic any more,
/// it has caught the panic, and the process is its `caller` again.
#[cold]
fn process_that_panicked() -> Option<Process> {
    let panicked = PANICKED.take()?;
    let process = panicked.process;
    if std::thread::panicking() {
        PANICKED.set(Some(panicked));
    } else {
        drop(ManuallyDrop::into_inner(panicked));
        set_caller(Some(process));
    }
    Some(process)
}

/// Returns the calling process. A thread that is not a process yet becomes one.
#[inline]
pub(crate) fn current() -> Process {
    caller().unwrap_or_else(adopt)
}

/// Whether the caller was left behind, so that nothing it does may reach other processes any more.
#[inline]
pub(crate) fn is_left_behind() -> bool {
    current_if_any().is_some_and(Process::is_left_behind)
}

/// Whether the end of the caller has been told, so that it must not find any process by name.
#[inline]
pub(crate) fn has_told_end() -> bool {
    current_if_any().is_some_and(|it| it.is_left_behind() || it.has_told_end())
}

/// Returns the calling process, if the thread is one already.
#[inline]
pub(crate) fn current_if_any() -> Option<Process> {
    caller().or_else(process_that_panicked)
}

/// The calling process, if it is doomed or has ended.
#[inline]
pub(crate) fn ending() -> Option<Process> {
    current_if_any().filter(|process| process.must_end())
}

#[cold]
fn adopt() -> Process {
    if let Some(process) = process_that_panicked() {
        return process;
    }
    watch_panics();
    let slot = threads::free_slot();
    let settings = Settings { foreign: true, kill_grace: Duration::ZERO, ..Settings::default() };
    let pid = slot.begin(Profile::new(Arc::from([])), settings);
    slot.thread.begins(None);
    let process = Process { slot, pid };
    set_caller(Some(process));
    if is_thread_ending() {
        // Nothing would end it later.
        exit_foreign(process, ExitReason::Normal);
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

/// The slot that threads act on whose process has ended: no process ever lives here.
static NOWHERE: Lazy<Slot> = Lazy::new(|| {
    let slot = Slot::new(u32::MAX);
    slot.foreign.store(true, Ordering::Relaxed);
    slot
});

impl Process {
    /// The stand-in for the process of a foreign thread when its slot goes to another process.
    pub(crate) fn departed(self) -> Process {
        Process { slot: &NOWHERE, pid: self.pid }
    }

    /// Returns whether the caller, which is this process, may go on. A doomed one that can unwind
    /// does so here.
    #[inline]
    pub(crate) fn state_or_unwind(self) -> CallerState {
        self.slot.count_receive_point();
        if self.must_end() { self.doomed_state_or_unwind() } else { CallerState::Live }
    }

    #[cold]
    fn doomed_state_or_unwind(self) -> CallerState {
        if self.is_foreign() {
            return CallerState::Gone;
        }
        if std::thread::panicking() || self.slot.in_teardown.load(Ordering::Relaxed) {
            return CallerState::Unwinding;
        }
        unwind(self.settle(ExitReason::Killed))
    }

    /// Whether the caller's process has ended while its thread goes on. A doomed one that can
    /// unwind does so here.
    pub(crate) fn is_gone_or_unwind(self) -> bool {
        matches!(self.state_or_unwind(), CallerState::Gone)
    }

    /// Returns an error if the caller, which is this process, must not wait: for a call that can
    /// fail. As any receive point, this unwinds a doomed caller that can unwind.
    #[inline]
    pub(crate) fn may_block(self) -> Result<(), Ended> {
        match self.state_or_unwind() {
            CallerState::Live => Ok(()),
            CallerState::Unwinding | CallerState::Gone => Err(Ended),
        }
    }

    /// Unwinds the caller, which is this process, if it is doomed: for a call that does not block
    /// and cannot fail. A thread that unwinds already returns, so a destructor can make the call;
    /// one of the program's own whose process has ended panics.
    #[inline]
    pub(crate) fn unwind_if_doomed(self) {
        if self.must_end() {
            self.doomed_may_act_or_unwind();
        }
    }

    /// As [`unwind_if_doomed`](Self::unwind_if_doomed), for a call that other processes notice.
    /// Returns `false` if this one was left behind: its end has been told, so nothing it does may
    /// touch what others have by now.
    #[inline]
    pub(crate) fn may_act_or_unwind(self) -> bool {
        !self.must_end() || self.doomed_may_act_or_unwind()
    }

    /// As [`may_act_or_unwind`](Self::may_act_or_unwind), for a doomed process that holds a value
    /// of the user's, which a panic or an unwinding drops with care.
    ///
    /// # Errors
    ///
    /// Returns the value if the process may not act.
    #[cold]
    pub(crate) fn may_act_holding_or_unwind<T>(self, value: T) -> Result<T, T> {
        let value = Guarded::new(value);
        let may_act = self.doomed_may_act_or_unwind();
        let value = value.into_inner();
        if may_act { Ok(value) } else { Err(value) }
    }

    #[cold]
    fn doomed_may_act_or_unwind(self) -> bool {
        if !self.slot.reporting.load(Ordering::Relaxed) {
            // A report is written to its end, even by a doomed process.
            match self.state_or_unwind() {
                CallerState::Live | CallerState::Unwinding => {}
                CallerState::Gone => self.panic_if_gone(),
            }
        }
        !self.is_left_behind()
    }

    /// Panics with a plain message if this process is a thread of the program's own, which goes on
    /// after its process has ended, unless a panic here would abort the program.
    pub(crate) fn panic_if_gone(self) {
        if self.is_foreign() && !std::thread::panicking() && !is_thread_ending() {
            panic!("process {}, a thread of the program's own, was killed", self.pid);
        }
    }
}
