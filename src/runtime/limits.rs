//! How many threads the machine has room for.
//!
//! A thread takes four memory maps: its stack, the stack for signals, and a guard for each. Linux
//! limits the maps of a program, and when they run out inside a thread that is just starting, the
//! standard library aborts the program. So the runtime counts how many are left, and refuses to
//! start a thread before it comes to that. The other limits (threads of the machine, of the user,
//! of the control group) make the start of a thread fail, which is an error like any other.
//!
//! # When maps are counted
//!
//! Counting maps takes a while when there are many, and other parts of the program take maps, too.
//! So the result of a count is entered in a ledger, and threads are started on that account: it is
//! charged with the maps that a thread takes, and with those that the rest of the program may have
//! taken since. These show, at little cost, in the size of the program: each page that it has grown
//! by may be a map of its own. Maps are counted again when the ledger has no room left but the
//! reserve; when half of the threads have been started that the last count had room for; and when
//! that count is older than a second.
//!
//! Only changes that do not show in the size can still go wrong: maps that are split, as a part of
//! each is protected or unmapped, and maps that are taken while others are given back. The reserve
//! is for these: for a thousand between two counts, less than a second apart.
//!
//! # Places
//!
//! A thread that follows one that has ended takes no more maps than that did. But a thread that
//! ends may leave its stack, two maps, to be used again by the next one, so the count does not show
//! that there is room. So as many threads as have ended may be started with half of the reserve.
//!
//! The counts of threads are `Relaxed`: each is a number by itself. What must not be missed is said
//! where they are read.

use std::fmt;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The maps of one thread.
const MAPS_PER_THREAD: usize = 4;

/// Maps left for the rest of the program: its own threads, its heap, libraries it loads.
const RESERVE: usize = 1024;

/// A limit of the machine that leaves no room for another thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadLimit {
    /// The name of the limit.
    pub name: &'static str,
    /// Its value.
    pub value: usize,
    /// How much of it is in use.
    pub used: usize,
}

impl fmt::Display for ThreadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ThreadLimit { name, value, used } = self;
        write!(f, "{used} memory maps are in use and {name} is {value}")?;
        write!(f, " (a thread takes {MAPS_PER_THREAD}); `sysctl {name}={}` raises it", value * 2)
    }
}

/// How many threads may be started, at most, before the maps are counted again.
const MAX_GRANT: usize = 512;

/// How old the count may be on whose account a thread is started.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The size of a page, as Linux has it on most machines. Where pages are larger, the size of a
/// stack explains more growth than it should.
const PAGE: usize = 4096;

/// How many pages more than its stack a thread may take while it is started.
const PAGES_BESIDE_STACK: usize = 8;

/// How many places are remembered, at most: the threads that take them do not take more than half
/// of the reserve.
const MAX_PLACES: usize = RESERVE / 2 / MAPS_PER_THREAD;

static LEDGER: Mutex<Ledger> = Mutex::new(Ledger::new());

/// How many of the runtime's threads are starting: they have not run yet, and so have not taken all
/// their maps.
static STARTING: AtomicUsize = AtomicUsize::new(0);

/// How many of the runtime's threads have ended and were not followed by another one yet.
static PLACES: AtomicUsize = AtomicUsize::new(0);

/// Starts a thread with a stack of this size by `start`. The thread must call [`begun`] first, and,
/// if it ends, [`ended`] last.
///
/// # Errors
///
/// The limit that leaves no room for it.
pub(crate) fn start_thread<T>(
    stack_size: usize,
    start: impl FnOnce() -> io::Result<T>,
) -> Result<io::Result<T>, ThreadLimit> {
    // Kept to the end: the maps of threads that others start meanwhile would be taken for those of
    // the rest of the program.
    let mut ledger = LEDGER.lock();
    let has_size = check(&mut ledger)?;
    STARTING.fetch_add(1, Ordering::Relaxed);
    let thread = start();
    if thread.is_err() {
        STARTING.fetch_sub(1, Ordering::Relaxed);
        return Ok(thread);
    }
    _ = PLACES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |places| places.checked_sub(1));
    if let Some(size) = has_size.and_then(|()| program_size()) {
        ledger.charge_thread(size, stack_size);
    }
    Ok(thread)
}

/// Says that a thread has all its maps.
pub(crate) fn begun() {
    STARTING.fetch_sub(1, Ordering::Relaxed);
}

/// Says that a thread is at its end.
pub(crate) fn ended() {
    let one_more = |places| (places < MAX_PLACES).then_some(places + 1);
    _ = PLACES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
}

/// Checks that there is room for another thread. Returns `None` if no limit is known.
fn check(ledger: &mut Ledger) -> Result<Option<()>, ThreadLimit> {
    let Some(size) = program_size() else { return Ok(None) };
    // An old value is as if the thread had been started before, or the other had not ended yet.
    let has_place = PLACES.load(Ordering::Relaxed) > 0;
    let reserve = if has_place { RESERVE / 2 } else { RESERVE };
    let now = Instant::now();
    ledger.charge_program(size);
    if ledger.has_room(reserve, now) {
        return Ok(Some(()));
    }
    if !ledger.is_exact(now) {
        // It is raised under the lock that is held here, so nothing is missed; one that has begun
        // since is counted twice, which errs on the safe side.
        let starting = STARTING.load(Ordering::Relaxed);
        let Some(maps) = Maps::count(starting) else { return Ok(None) };
        ledger.set(maps, now);
    }
    ledger.grant = ledger.maps.grant(reserve);
    if ledger.has_room(reserve, now) { Ok(Some(())) } else { Err(ledger.maps.limit()) }
}

/// What is left of the maps since they were counted.
#[derive(Debug)]
struct Ledger {
    /// The result of the last count.
    maps: Maps,
    counted: Option<Instant>,
    /// How many maps are left now, at least.
    left: usize,
    /// How many threads may still be started.
    grant: usize,
    /// How many pages the program had when that was last looked at.
    size: usize,
    /// Whether nothing has changed since the count.
    is_unchanged: bool,
}

impl Ledger {
    const fn new() -> Ledger {
        let maps = Maps { used: 0, limit: 0 };
        Ledger { maps, counted: None, left: 0, grant: 0, size: 0, is_unchanged: false }
    }

    fn set(&mut self, maps: Maps, now: Instant) {
        self.maps = maps;
        self.counted = Some(now);
        self.left = maps.left();
        self.is_unchanged = true;
    }

    fn is_young(&self, now: Instant) -> bool {
        self.counted.is_some_and(|counted| now.saturating_duration_since(counted) < MAX_AGE)
    }

    fn has_room(&self, reserve: usize, now: Instant) -> bool {
        self.is_young(now) && self.grant > 0 && self.left >= reserve + MAPS_PER_THREAD
    }

    /// Returns whether another count would find the same.
    fn is_exact(&self, now: Instant) -> bool {
        self.is_young(now) && self.is_unchanged
    }

    /// Charges what the program may have taken, given that it has `size` pages now.
    fn charge_program(&mut self, size: usize) {
        self.left = self.left.saturating_sub(size.saturating_sub(self.size));
        self.is_unchanged &= size == self.size;
        self.size = size;
    }

    /// Charges a thread that has been started, and what the program may have taken, given that it
    /// has `size` pages now.
    fn charge_thread(&mut self, size: usize, stack_size: usize) {
        let own = stack_size.div_ceil(PAGE) + PAGES_BESIDE_STACK;
        self.charge_program(size.saturating_sub(own).max(self.size));
        self.size = size;
        self.left = self.left.saturating_sub(MAPS_PER_THREAD);
        self.grant = self.grant.saturating_sub(1);
        self.is_unchanged = false;
    }
}

/// Returns how many threads the program has, and how many there is room for, the other ones of the
/// program included, if the system says that. It counts no maps, and waits for nobody.
pub(crate) fn threads_and_room() -> Option<(usize, usize)> {
    let limit = max_map_count()?;
    let threads = threads(&fs::read_to_string("/proc/self/status").ok()?)?;
    Some((threads, limit.saturating_sub(RESERVE) / MAPS_PER_THREAD))
}

fn max_map_count() -> Option<usize> {
    fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()
}

/// Returns how many pages the program has, including those that it has not touched.
fn program_size() -> Option<usize> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    statm.split(' ').next()?.parse().ok()
}

/// The memory maps of the program.
#[derive(Clone, Copy, Debug)]
struct Maps {
    used: usize,
    limit: usize,
}

const MAX_MAP_COUNT: &str = "vm.max_map_count";

impl Maps {
    /// Counts the maps in use, while so many threads are starting.
    fn count(starting: usize) -> Option<Maps> {
        let limit = max_map_count()?;
        let maps = fs::read("/proc/self/maps").ok()?;
        let maps = maps.iter().filter(|byte| **byte == b'\n').count();
        let status = fs::read_to_string("/proc/self/status").ok()?;
        // A thread that has been made but has not run yet, which may last on a busy machine, has
        // half of its maps still to take.
        let to_come = starting * MAPS_PER_THREAD / 2;
        Some(Maps { used: (maps + to_come).max(threads(&status)? * MAPS_PER_THREAD), limit })
    }

    fn left(self) -> usize {
        self.limit.saturating_sub(self.used)
    }

    /// Returns how many threads may be started before the maps are counted again, if `reserve` maps
    /// are kept.
    fn grant(self, reserve: usize) -> usize {
        let room = self.left().saturating_sub(reserve) / MAPS_PER_THREAD;
        room.div_ceil(2).min(MAX_GRANT)
    }

    fn limit(self) -> ThreadLimit {
        ThreadLimit { name: MAX_MAP_COUNT, value: self.limit, used: self.used }
    }
}

/// Returns how many threads there are, including those of the program's own.
fn threads(status: &str) -> Option<usize> {
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_read_from_the_status() {
        assert_eq!(threads("Name:\tit\nThreads:\t12\nSigQ:\t0/1\n"), Some(12));
        assert_eq!(threads("Name:\tit\n"), None);
    }

    /// A ledger of a machine with stock settings on which so many maps are left.
    fn ledger(left: usize, now: Instant) -> Ledger {
        let mut ledger = Ledger::new();
        ledger.charge_program(10_000);
        ledger.set(Maps { used: 65_530 - left, limit: 65_530 }, now);
        ledger.grant = ledger.maps.grant(RESERVE);
        ledger
    }

    /// How many threads with a stack of 2 MiB it has room for, each of which makes the program grow
    /// by as much and by `more` pages.
    fn fill(ledger: &mut Ledger, more: usize, now: Instant) -> usize {
        let mut started = 0;
        while ledger.has_room(RESERVE, now) {
            ledger.charge_thread(ledger.size + 513, 512 * PAGE);
            ledger.charge_program(ledger.size + more);
            started += 1;
        }
        started
    }

    #[test]
    fn half_of_the_room_is_granted_and_no_more_than_so_many_threads() {
        let now = Instant::now();
        assert_eq!(fill(&mut ledger(65_000, now), 0, now), MAX_GRANT);
        assert_eq!(fill(&mut ledger(RESERVE + 400, now), 0, now), 50);
        assert_eq!(fill(&mut ledger(RESERVE + 4, now), 0, now), 1);
    }

    #[test]
    fn no_room_is_left_at_the_limit_nor_beyond_it() {
        let now = Instant::now();
        for left in [RESERVE + 3, RESERVE, 3, 0] {
            assert_eq!(fill(&mut ledger(left, now), 0, now), 0);
        }
        assert_eq!(Maps { used: 70_000, limit: 65_530 }.grant(RESERVE), 0);
    }

    #[test]
    fn a_thread_in_the_place_of_another_is_started_with_half_of_the_reserve() {
        let now = Instant::now();
        let mut ledger = ledger(RESERVE, now);
        ledger.grant = ledger.maps.grant(RESERVE / 2);
        assert!(ledger.has_room(RESERVE / 2, now) && !ledger.has_room(RESERVE, now));
    }

    #[test]
    fn each_page_that_the_program_has_grown_by_may_be_a_map() {
        let now = Instant::now();
        // What was found is used up, though it was enough for many threads.
        let mut taken = ledger(10_000, now);
        taken.charge_program(taken.size + 10_000 - RESERVE);
        assert!(!taken.has_room(RESERVE, now));
        // The same little by little, and while threads are started.
        assert_eq!(fill(&mut ledger(10_000, now), 96, now), 90);
        let mut taken = ledger(10_000, now);
        taken.charge_thread(taken.size + 513 + 10_000, 512 * PAGE);
        assert!(!taken.has_room(RESERVE, now));
        // What it gives back does not hide what it takes next.
        let mut taken = ledger(10_000, now);
        taken.charge_program(taken.size - 5_000);
        taken.charge_program(taken.size + 10_000);
        assert!(!taken.has_room(RESERVE, now));
    }

    #[test]
    fn a_count_that_is_old_is_not_gone_by() {
        let now = Instant::now();
        let later = now + MAX_AGE;
        let ledger = ledger(65_000, now);
        assert!(ledger.has_room(RESERVE, now) && ledger.is_exact(now));
        assert!(!ledger.has_room(RESERVE, later) && !ledger.is_exact(later));
    }

    #[test]
    fn a_full_machine_need_not_be_counted_again_until_something_changes() {
        let now = Instant::now();
        let mut ledger = ledger(RESERVE, now);
        ledger.charge_program(ledger.size);
        assert!(ledger.is_exact(now));
        ledger.charge_program(ledger.size - 1);
        assert!(!ledger.is_exact(now));
    }

    #[test]
    fn the_error_names_the_limit_and_how_to_raise_it() {
        let text = Maps { used: 64_600, limit: 65_530 }.limit().to_string();
        assert!(text.contains("vm.max_map_count is 65530"), "{text}");
        assert!(text.contains("sysctl vm.max_map_count=131060"), "{text}");
    }
}
