//! Worker threads: each owns a slot and runs the processes of that slot, one after the other.
//!
//! Creating a thread is the dearest part of spawning, so a thread whose process has ended waits for
//! the next one, for a while and up to a number. Waking it is all it then takes.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::Pid;

use super::backoff::{self, WaitFor};
use super::builder::SpawnError;
use super::current::Process;
use super::lifecycle;
use super::limits;
use super::slot::{Profile, Settings, Slot};
use super::table;
use super::tuning;

/// How long a finished thread waits for the next process.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// The stack of a thread, unless the process asks for another: only what is touched takes memory.
const STACK_SIZE: usize = 2 * 1024 * 1024;

/// What a process runs, and how that ends it.
pub(crate) type Body = Box<dyn FnOnce() -> ExitReason + Send>;

/// A body that ends its process with `Normal` when it returns.
pub(crate) fn normal(body: impl FnOnce() + Send + 'static) -> Body {
    Box::new(|| {
        body();
        ExitReason::Normal
    })
}

/// A process for a worker that waits.
pub(crate) struct Job {
    pub(crate) pid: Pid,
    pub(crate) body: Body,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Which thread a process runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThreadKind {
    /// One from the cache, or one that will go there.
    Cached,
    /// One of its own, which ends with it.
    Own { stack_size: Option<usize>, name: Option<String> },
}

/// Slots without a process.
struct Pool {
    /// Those with a thread that waits; the last came last.
    idle: Vec<&'static Slot>,
    /// Those without.
    bare: Vec<&'static Slot>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { idle: Vec::new(), bare: Vec::new() });

/// How many worker threads there are.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many of them have not run yet, and so have not taken all their memory maps.
static UNBORN: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn thread_count() -> usize {
    THREADS.load(Ordering::Relaxed)
}

pub(crate) fn cached_count() -> usize {
    POOL.lock().idle.len()
}

/// Returns a free slot whose thread waits for its job.
///
/// # Errors
///
/// [`SpawnError::Limit`] or [`SpawnError::Thread`] if there is none and no thread can be had.
pub(crate) fn claim(kind: &ThreadKind) -> Result<&'static Slot, SpawnError> {
    if *kind == ThreadKind::Cached {
        let idle = POOL.lock().idle.pop();
        if let Some(slot) = idle {
            return Ok(slot);
        }
    }
    limits::check(UNBORN.load(Ordering::Relaxed)).map_err(SpawnError::Limit)?;
    let slot = bare_slot();
    let started = start_thread(slot, kind);
    if started.is_err() {
        recycle(slot);
    }
    started.map(|()| slot)
}

fn bare_slot() -> &'static Slot {
    let bare = POOL.lock().bare.pop();
    bare.unwrap_or_else(table::grow)
}

#[expect(clippy::disallowed_methods, reason = "the threads that processes run on")]
fn start_thread(slot: &'static Slot, kind: &ThreadKind) -> Result<(), SpawnError> {
    let (stack_size, name) = match kind {
        ThreadKind::Cached => (STACK_SIZE, None),
        ThreadKind::Own { stack_size, name } => (stack_size.unwrap_or(STACK_SIZE), name.as_ref()),
    };
    let refused = |error| SpawnError::Thread { stack_size, error };
    let mut builder = thread::Builder::new().stack_size(stack_size);
    if let Some(name) = name {
        if name.contains('\0') {
            let text = "the name of a thread cannot contain a NUL";
            return Err(refused(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        builder = builder.name(name.clone());
    }
    let cached = *kind == ThreadKind::Cached;
    THREADS.fetch_add(1, Ordering::Relaxed);
    UNBORN.fetch_add(1, Ordering::Relaxed);
    let thread = builder.spawn(move || {
        UNBORN.fetch_sub(1, Ordering::Relaxed);
        work(slot, cached);
        THREADS.fetch_sub(1, Ordering::Relaxed);
    });
    if thread.is_err() {
        UNBORN.fetch_sub(1, Ordering::Relaxed);
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
    thread.map(drop).map_err(refused)
}

/// Runs the processes of `slot` until the thread is not needed any more.
fn work(slot: &'static Slot, cached: bool) {
    // The first job is sure to come: the thread was started for it.
    let mut job = wait_for_job(slot, None);
    while let Some(Job { pid, body }) = job {
        let was_abandoned = !lifecycle::run(Process { slot, pid }, body);
        if was_abandoned {
            return; // The slot goes its own way.
        }
        if !cached || !enter_cache(slot) {
            return recycle(slot);
        }
        job = wait_for_job(slot, Some(IDLE_TIME));
    }
}

/// Keeps a free slot without a thread for later.
pub(crate) fn recycle(slot: &'static Slot) {
    POOL.lock().bare.push(slot);
}

fn enter_cache(slot: &'static Slot) -> bool {
    let mut pool = POOL.lock();
    let room = pool.idle.len() < tuning::max_cached_threads();
    if room {
        pool.idle.push(slot);
    }
    room
}

/// Waits for a job; `None` if none came for `idle_time` and the slot is out of the cache.
fn wait_for_job(slot: &'static Slot, idle_time: Option<Duration>) -> Option<Job> {
    let mut deadline = idle_time.map(|time| Instant::now() + time);
    loop {
        let job = slot.job.lock().take();
        if job.is_some() {
            return job;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            if leave_cache(slot) {
                return None;
            }
            deadline = None; // A spawner has claimed the slot: its job is on its way.
        }
        // Without waiting for the lock, which the spawner is to have.
        let sees_job = || slot.job.try_lock().is_some_and(|job| job.is_some());
        backoff::wait(
            WaitFor::Job,
            || deadline,
            sees_job,
            |deadline| slot.park_unless(deadline, || slot.job.lock().is_some()),
        );
    }
}

/// False if a spawner has claimed the slot, whose job is then on its way.
fn leave_cache(slot: &'static Slot) -> bool {
    let mut pool = POOL.lock();
    let place = pool.idle.iter().position(|idle| std::ptr::eq(*idle, slot));
    if let Some(place) = place {
        pool.idle.remove(place);
        pool.bare.push(slot);
    }
    place.is_some()
}

/// Gives the worker that waits in the slot of `process` its job.
pub(crate) fn hand_over(process: Process, body: Body) {
    *process.slot.job.lock() = Some(Job { pid: process.pid, body });
    process.slot.wake();
}

/// Makes the calling thread, which is not ours, a process.
pub(crate) fn begin_foreign() -> Process {
    let slot = bare_slot();
    let settings = Settings { trap_exit: false, foreign: true, kill_grace: Duration::ZERO };
    let pid = slot.begin(Profile::new(std::sync::Arc::from([])), settings);
    Process { slot, pid }
}
