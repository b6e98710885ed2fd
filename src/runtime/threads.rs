//! The threads that processes run on: each owns a slot and runs the processes of that slot, one
//! after the other.
//!
//! Creating a thread is the dearest part of spawning, so a thread whose process has ended waits for
//! the next process in a *cache*: for a while, and no more than a number of threads. Then a spawn
//! only has to wake it.
//!
//! The end of a process is told while its thread is still at work. Where there is no room for
//! another thread, a process that has heard of the end and starts the next process waits for the
//! thread to *return*: to go to the cache, or to end. That takes no longer than it takes to tell
//! the end, except for destructors that run then; so there is a limit to it.

use std::fmt;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

#[cfg(feature = "dist")]
use crate::term::stack;

use super::backoff::{self, WaitFor};
use super::limits::{self, ThreadLimit};
use super::parked::ParkedFor;
use super::slot::{Job, Run, Slot, Vacancy};
use super::table::{self, Process};
use super::tuning;

/// How long a finished thread waits for the next process.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// How long a spawner waits, at most, for threads that are about to be free.
const RETURN_TIME: Duration = Duration::from_secs(1);

/// The stack of a thread, unless the process asks for another: only what is touched takes memory.
const STACK_SIZE: usize = 2 * 1024 * 1024;

/// Which thread a process runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThreadKind {
    /// A thread from the cache, or a new one that will go there.
    Cached,
    /// A thread of its own, which ends with it.
    Own { stack_size: Option<usize>, name: Option<String> },
}

/// Why there is no thread to be had.
#[derive(Debug)]
pub(crate) enum ThreadError {
    /// A limit of the machine leaves no room for it.
    Limit(ThreadLimit),
    /// The system refused a thread with a stack of so many bytes.
    Refused { stack_size: usize, error: io::Error },
}

impl fmt::Display for ThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "no room for another thread: {limit}"),
            Self::Refused { stack_size, error } => {
                write!(f, "the system refused a thread with a stack of {stack_size} bytes: {error}")
            }
        }
    }
}

/// Slots without a process, and spawners without a slot.
struct Pool {
    /// The slots with a thread that waits: the cache. The last came last.
    idle: Vec<&'static Slot>,
    /// The slots without a thread.
    threadless: Vec<&'static Slot>,
    /// The processes that wait until a thread returns.
    spawners: Vec<Spawner>,
}

/// A process that waits until it can start another.
struct Spawner {
    slot: &'static Slot,
    /// Whether a thread from the cache will do.
    takes_idle: bool,
}

static POOL: Mutex<Pool> =
    Mutex::new(Pool { idle: Vec::new(), threadless: Vec::new(), spawners: Vec::new() });

/// How many worker threads there are. Relaxed, as the next one: both are only shown.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many were left behind by processes that were abandoned, and have not come back.
static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// How many of them are about to [return](Return). Raised before anybody hears that a process has
/// ended, and lowered with the pool locked.
static RETURNING: AtomicUsize = AtomicUsize::new(0);

/// How many have returned so far.
static RETURNS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn thread_count() -> usize {
    THREADS.load(Ordering::Relaxed)
}

pub(crate) fn abandoned_count() -> usize {
    ABANDONED.load(Ordering::Relaxed)
}

/// Counts a thread as left behind, before it may come back.
pub(crate) fn count_abandoned() {
    ABANDONED.fetch_add(1, Ordering::Relaxed);
}

/// Takes a thread out of the count that was left behind and has come back, or was not left behind
/// after all.
pub(crate) fn count_recovered() {
    ABANDONED.fetch_sub(1, Ordering::Relaxed);
}

pub(crate) fn cached_count() -> usize {
    POOL.lock().idle.len()
}

/// Returns a free slot whose thread waits for its job. If there is no room for one, `spawner`, if
/// it is a process, waits for threads that are about to be free.
///
/// # Errors
///
/// [`ThreadError`] if no thread waits and none can be started.
pub(crate) fn acquire_slot(
    kind: &ThreadKind,
    spawner: Option<Process>,
) -> Result<&'static Slot, ThreadError> {
    let mut deadline = None;
    loop {
        let seen = RETURNS.load(Ordering::SeqCst);
        if *kind == ThreadKind::Cached {
            let idle = POOL.lock().idle.pop();
            if let Some(slot) = idle {
                return Ok(slot);
            }
        }
        let error = match start_slot(kind) {
            Ok(slot) => return Ok(slot),
            Err(error) => error,
        };
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + RETURN_TIME);
        let may_wait = is_for_lack_of_room(&error);
        let Some(spawner) = spawner.filter(|_| may_wait) else { return Err(error) };
        // Others may get what returns, each time.
        if Instant::now() >= deadline || !await_return(spawner, kind, seen, deadline) {
            return Err(error);
        }
    }
}

fn start_slot(kind: &ThreadKind) -> Result<&'static Slot, ThreadError> {
    let slot = free_slot();
    let started = start_thread(slot, kind);
    if started.is_err() {
        recycle(slot);
    }
    started.map(|()| slot)
}

fn is_for_lack_of_room(error: &ThreadError) -> bool {
    match error {
        ThreadError::Limit(_) => true,
        ThreadError::Refused { error, .. } => {
            matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
        }
    }
}

/// Waits until a thread has returned since `seen` was read. Returns whether one has: the wait also
/// ends at the deadline, when the spawner is to end, and at once if no thread is about to return.
fn await_return(spawner: Process, kind: &ThreadKind, seen: u64, deadline: Instant) -> bool {
    let slot = spawner.slot;
    let has_returned = || RETURNS.load(Ordering::SeqCst) != seen;
    let takes_idle = *kind == ThreadKind::Cached;
    let dismissed = {
        let mut pool = POOL.lock();
        // A thread in the cache is of no use to a spawner that needs one of another kind.
        let dismissed = if takes_idle || has_returned() { None } else { pool.idle.pop() };
        if dismissed.is_some() {
            begin_return();
        }
        if RETURNING.load(Ordering::SeqCst) == 0 {
            return has_returned();
        }
        pool.spawners.push(Spawner { slot, takes_idle });
        dismissed
    };
    if let Some(idle) = dismissed {
        *idle.job.lock() = Some(Job::End);
        idle.wake();
    }
    let is_over = || has_returned() || spawner.must_end();
    while !is_over() && Instant::now() < deadline {
        if slot.is_urgent() {
            spawner.sort(); // An exit signal may doom it.
            continue;
        }
        let generation = spawner.pid.generation();
        slot.park_unless(ParkedFor::Thread, Some(deadline), || {
            is_over() || slot.is_called_off(generation)
        });
    }
    POOL.lock().spawners.retain(|it| !std::ptr::eq(it.slot, slot));
    has_returned()
}

/// Says that the calling worker thread is about to [return](Return).
pub(crate) fn begin_return() {
    RETURNING.fetch_add(1, Ordering::SeqCst);
}

/// The return of a thread that is free for other processes: it goes to the cache, or ends. Holds
/// the spawners to be told.
struct Return(Vec<Spawner>);

impl Return {
    /// Counts a return. For a caller that has locked the pool.
    fn new(pool: &mut Pool) -> Return {
        RETURNING.fetch_sub(1, Ordering::SeqCst);
        RETURNS.fetch_add(1, Ordering::SeqCst);
        Return(mem::take(&mut pool.spawners))
    }

    /// Wakes the spawners. For a caller that has unlocked the pool.
    fn tell(self) {
        self.0.into_iter().for_each(|spawner| spawner.slot.wake());
    }
}

/// Returns a free slot without a thread.
pub(crate) fn free_slot() -> &'static Slot {
    let threadless = POOL.lock().threadless.pop();
    threadless.unwrap_or_else(table::grow)
}

#[expect(clippy::disallowed_methods, reason = "the threads that processes run on")]
fn start_thread(slot: &'static Slot, kind: &ThreadKind) -> Result<(), ThreadError> {
    let (stack_size, name) = match kind {
        ThreadKind::Cached => (STACK_SIZE, None),
        ThreadKind::Own { stack_size, name } => (stack_size.unwrap_or(STACK_SIZE), name.as_ref()),
    };
    let refused = |error| ThreadError::Refused { stack_size, error };
    let mut builder = thread::Builder::new().stack_size(stack_size);
    if let Some(name) = name {
        if name.contains('\0') {
            let text = "the name of a thread cannot contain a NUL";
            return Err(refused(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        builder = builder.name(name.clone());
    }
    let cached = *kind == ThreadKind::Cached;
    let run = move || {
        limits::begun();
        #[cfg(feature = "dist")]
        stack::thread_begins(stack_size);
        slot.thread.begins(Some(stack_size));
        work(slot, cached);
        end_thread();
    };
    THREADS.fetch_add(1, Ordering::Relaxed);
    let thread = limits::start_thread(stack_size, || builder.spawn(run));
    let outcome = match thread {
        Ok(thread) => thread.map(drop).map_err(refused),
        Err(limit) => Err(ThreadError::Limit(limit)),
    };
    if outcome.is_err() {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
    outcome
}

/// Counts a worker thread out; the last thing that it does.
fn end_thread() {
    THREADS.fetch_sub(1, Ordering::Relaxed);
    limits::ended();
    let returned = Return::new(&mut POOL.lock());
    returned.tell();
}

/// Runs the processes of `slot` until the thread is not needed any more.
fn work(slot: &'static Slot, cached: bool) {
    // The first job is sure to come: the thread was started for it.
    let mut job = wait_for_job(slot, None);
    while let Some(Job::Run(pid, run)) = job {
        match run(pid) {
            Vacancy::Free => {}
            Vacancy::Pending => return, // The thread that runs the exit keeps the slot for later.
        }
        if !cached || !enter_cache(slot) {
            return recycle(slot);
        }
        job = wait_for_job(slot, Some(IDLE_TIME));
    }
}

/// Keeps a free slot without a thread for later.
pub(crate) fn recycle(slot: &'static Slot) {
    POOL.lock().threadless.push(slot);
}

/// Puts the slot into the cache, if there is room or a spawner waits for it. Returns whether it
/// has.
fn enter_cache(slot: &'static Slot) -> bool {
    let mut pool = POOL.lock();
    let is_waited_for = pool.spawners.iter().any(|spawner| spawner.takes_idle);
    if !is_waited_for && pool.idle.len() >= tuning::max_cached_threads() {
        return false;
    }
    pool.idle.push(slot);
    let returned = Return::new(&mut pool);
    drop(pool);
    returned.tell();
    true
}

/// Waits for a job. Returns `None` if none came for `idle_time`: then the slot is out of the cache,
/// and the thread is to end.
fn wait_for_job(slot: &'static Slot, idle_time: Option<Duration>) -> Option<Job> {
    let mut deadline = idle_time.map(|time| Instant::now() + time);
    loop {
        let job = slot.job.lock().take();
        if let Some(Job::End) = job {
            recycle(slot);
        }
        if job.is_some() {
            return job;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            if evict(slot) {
                return None;
            }
            deadline = None; // A spawner has taken the slot: its job is on its way.
        }
        // Without waiting for the lock, which the spawner should get.
        let sees_job = || slot.job.try_lock().is_some_and(|job| job.is_some());
        backoff::wait(
            WaitFor::Job,
            || deadline,
            sees_job,
            |deadline| slot.park_unless(ParkedFor::Job, deadline, || slot.job.lock().is_some()),
        );
    }
}

/// Takes the slot out of the cache. Returns false if a spawner has taken it before: then its job
/// is on its way.
fn evict(slot: &'static Slot) -> bool {
    let mut pool = POOL.lock();
    let place = pool.idle.iter().position(|idle| std::ptr::eq(*idle, slot));
    if let Some(place) = place {
        pool.idle.remove(place);
        pool.threadless.push(slot);
        begin_return();
    }
    place.is_some()
}

/// Gives the worker thread that waits in the slot of `process` its job.
pub(crate) fn hand_over(process: Process, run: Run) {
    *process.slot.job.lock() = Some(Job::Run(process.pid, run));
    process.slot.wake();
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::exit::ExitReason;
    use crate::process::exit;

    use super::super::caller::caller;
    use super::super::detached::spawn_detached;
    use super::*;

    /// Only a failing test waits so long.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_spawner_that_is_to_end_waits_no_longer() {
        for reason in [ExitReason::Shutdown, ExitReason::Kill] {
            let (tell, outcome) = mpsc::channel();
            let (begun, has_begun) = mpsc::channel();
            begin_return(); // That does not come.
            let spawner = spawn_detached(move || {
                begun.send(()).unwrap();
                let deadline = Instant::now() + 2 * PATIENCE;
                let wait =
                    |seen| await_return(caller().unwrap(), &ThreadKind::Cached, seen, deadline);
                // Threads of other tests return.
                while wait(RETURNS.load(Ordering::SeqCst)) {}
                tell.send(()).unwrap();
            });
            has_begun.recv().unwrap();
            exit(spawner.unwrap(), reason);
            let outcome = outcome.recv_timeout(PATIENCE);
            RETURNING.fetch_sub(1, Ordering::SeqCst);
            assert_eq!(outcome, Ok(()));
        }
    }
}
