//! Adaptive backoff: spin, yield, then park.
//!
//! # The problem
//!
//! Waking a parked thread costs microseconds on the same core, and tens of microseconds on a core
//! that has gone to sleep; a message between two running threads costs a tenth of a microsecond. So
//! a thread that will be answered soon must not park, and one that will not must not burn its core.
//! Which of the two holds has to be found out on the machine at hand, whose pauses, yields and
//! wake-ups differ by factors from those of the next. Moreover, two threads that both park make
//! each other slow: each is answered only after its partner's wake-up. A policy that backs off for
//! less than a wake-up takes never leaves that state, and one that learns only from its own failed
//! attempts learns from it to attempt nothing.
//!
//! # Terms
//!
//! - A thread **spins**: it looks, pauses, and looks again. That finds a message of a thread on
//!   another core.
//! - It **yields** its core to other threads. That finds a message of a thread on the same core.
//! - It **parks** until it is woken. Its **wake-up** is the time from when its waker is about to
//!   wake it until it runs. Each thread measures its own.
//! - Its **budget** is how long it spins and yields before it parks: two wake-ups, unless
//!   [`set_spin_budget`](super::tuning::set_spin_budget) says otherwise.
//!   A message of another node wakes three threads on its way and back where one of this node wakes
//!   one: those that read from the connection on both sides, and the partner. So the budget of who
//!   waits for such a message is three times as long.
//! - A yield is **slow** if it takes more than twice the shortest ever seen: another thread has run
//!   on this core. It is **long** if it takes over a millisecond: that thread has used up its time
//!   slice, so it has work of its own.
//! - A core is **contended** for a while after two long yields among sixteen.
//!
//! # The policy
//!
//! 1. *Budgets are time, in wake-ups.* A thread that spins for two wake-ups finds the message of a
//!    partner that has just been woken. Each thread measures its own wake-ups, since a pair that
//!    shares a core wakes cheaply and another pair does not.
//! 2. *What counts is when the message came, not whether an attempt has found it.* A waker notes
//!    the time before it unparks. A wait that would have been short enough counts as a hit although
//!    the thread parked, so two threads that have both parked learn in one round that neither needs
//!    to. The record is a saturating counter, as in a branch predictor: two up for a hit, one down
//!    for a miss. At zero the thread parks at once, but backs off all the same once in 32 waits.
//! 3. *Spin where no other thread wants the core, yield where one does.* After a fast yield the
//!    thread spins for a microsecond before the next one; after a slow one it yields again. A slow
//!    yield costs the budget little, as others have used the time. A second counter remembers
//!    whether the partner was found by slow yields, which means that it shares the core: then
//!    yields come first.
//! 4. *Threads that share a core are parted by a park.* A wake-up is the scheduler's one chance to
//!    place a thread elsewhere, and threads that stay runnable may share a core for a whole
//!    balancing interval while another idles. So a thread whose partner shares its core parks now
//!    and then: once in 64 waits, and more seldom, down to once in 512, the longer it is of no use.
//! 5. *A contended core is not yielded*, for four times as long as a yield took, and for longer
//!    each time that it happens again: each yield would give away another time slice. Meanwhile the
//!    thread spins, and after a vain attempt parks at once for 32 waits.
//! 6. *A thread that is always answered at once yields all the same, every 64th time*, unless its
//!    core is contended. A pair that never gives up its cores would starve others for whole time
//!    slices, and look to them like work that never ends.
//! 7. *A receiver that is faster than its senders lets messages gather.* At the heels of a sender
//!    each look takes the channel's cache lines from it, and both run at the pace of those
//!    transfers. So a server that has just handled a cast does not look for a microsecond, once in
//!    a while; and if eight messages or more have come by then, it goes on so.
//!
//! On the fast path a wait takes sixteen looks at most and no look at the clock. It stores nothing
//! that others read; the waker's time stamp is written when somebody is really woken.
//!
//! # Why it converges
//!
//! Let both threads of a pair be parked, with their counters at zero. Each is woken after its
//! partner's wake-up and the partner's work, and knows that time by the stamp. If that is within
//! its budget, its next wait backs off, and longer than its partner takes to wake up: so it does
//! not park, its partner is answered at once, and the two stay in the fast mode. A thread that
//! believes its wake-up to be shorter than it is raises its estimate by a quarter each time it is
//! woken. The simulation in `policy` starts from all these states, on all kinds of machines.
//!
//! What is left: with work of between one and two wake-ups for each message both modes are stable;
//! they differ by a factor of three at most. The shortest yield ever seen is never forgotten: on a
//! machine that becomes slower by more than a factor of two, yields are taken to be slow from then
//! on, which costs a partner on another core a yield for each message.
//!
//! Absolute times are few: a spin of 1 µs, which is longer than a cache line takes to travel; a
//! long yield of 1 ms, which is less than the time slice of any scheduler and more than a crowd of
//! these threads takes for a turn; 20 µs for the first guess of a wake-up, and 1 and 100 µs for its
//! limits; 1 s for the longest contention, and 10 ms for the longest budget. The counts, of looks,
//! waits and finds, stand at the head of `policy`, each with what it is for.

mod policy;

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use once_cell::sync::Lazy;

use super::clock::{self, Nanos};
use super::tuning;

use policy::{Backoff, Courtesy, GATHERING, GLANCES, Limits, Machine, Step};
pub(crate) use policy::{Parked, WaitFor};

thread_local! {
    static BACKOFF: Backoff = const { Backoff::new() };
}

static MACHINE: Lazy<Measured> = Lazy::new(Measured::new);

/// What a yield takes on a slow machine, until a shorter one was seen.
const FIRST_IDLE_YIELD: Nanos = 5_000;

/// After what time a thread looks again whether there is only one core.
const NEXT_LOOK: Nanos = 100_000_000;

/// How many yields the runtime begins with, so that a short one is likely to be among them.
const YIELDS_TO_START: u32 = 16;

/// The least time that a yield is taken for: no system call is faster, but on a coarse clock a
/// yield would take no time.
const MIN_IDLE_YIELD: Nanos = 50;

/// What all threads know of the machine. Relaxed, all of it: each is a value by itself, and a
/// thread that sees an earlier one backs off as it would have done a moment earlier.
struct Measured {
    has_one_core: AtomicBool,
    /// When to look again, if there is only one.
    next_look: AtomicU64,
    /// The shortest yield ever seen.
    idle_yield: AtomicU64,
}

/// Waits until `ready`: the calling thread backs off, then parks. It may return for no reason.
///
/// `deadline` is called when the clock is first read. Its result is handed to `park`, which must
/// look once more before it parks, and may return for no reason, too.
#[inline]
pub(crate) fn wait(
    wait_for: WaitFor,
    deadline: impl FnOnce() -> Option<Instant>,
    ready: impl Fn() -> bool,
    park: impl FnOnce(Option<Instant>) -> Parked,
) {
    BACKOFF.with(|backoff| {
        let wake_ups = tuning::spin_budget();
        if wake_ups == 0 {
            park(deadline());
            return;
        }
        let measured = &*MACHINE;
        if backoff.gathers(wait_for, measured.machine()) {
            spin(clock::now() + GATHERING, || false);
        }
        if backoff.glances(wait_for, measured.machine())
            && (0..GLANCES).any(|_| pause_and_look(&ready))
        {
            let owed = backoff.found_by_glance(wait_for);
            return pay(owed, backoff, measured);
        }
        let deadline = deadline();
        let limits = Limits { wake_ups, deadline: deadline.map(clock::at) };
        let now = clock::now();
        measured.look_again(now);
        let machine = measured.machine();
        let mut wait = backoff.begin(wait_for, limits, machine, now);
        let mut step = wait.first(machine);
        loop {
            step = match step {
                Step::Spin { until } => {
                    let (found, now) = spin(until, &ready);
                    wait.spun(found, now)
                }
                Step::Yield => {
                    let now = yield_from(wait.now(), measured);
                    wait.yielded(ready(), measured.machine(), now)
                }
                Step::Park => {
                    let parked = park(deadline);
                    return wait.parked(parked, measured.machine(), clock::now());
                }
                Step::Done(owed) => return pay(owed, backoff, measured),
            };
        }
    });
}

fn pause_and_look(ready: impl Fn() -> bool) -> bool {
    hint::spin_loop();
    ready()
}

/// Spins until `ready` or the time has come. Returns whether it was `ready`, and the time.
fn spin(until: Nanos, ready: impl Fn() -> bool) -> (bool, Nanos) {
    const LOOKS_PER_TIME: u32 = 8;
    loop {
        let found = (0..LOOKS_PER_TIME).any(|_| pause_and_look(&ready));
        let now = clock::now();
        if found || now >= until {
            return (found, now);
        }
    }
}

/// Yields, and returns the time.
fn yield_from(before: Nanos, measured: &Measured) -> Nanos {
    thread::yield_now();
    let now = clock::now();
    measured.learn_yield(now.saturating_sub(before));
    now
}

/// Yields if the thread owes a yield to others.
#[inline]
fn pay(owed: Courtesy, backoff: &Backoff, measured: &Measured) {
    if owed == Courtesy::Yield {
        yield_out_of_courtesy(backoff, measured);
    }
}

#[cold]
fn yield_out_of_courtesy(backoff: &Backoff, measured: &Measured) {
    let before = clock::now();
    if backoff.pays(before) {
        let now = yield_from(before, measured);
        let took = now.saturating_sub(before);
        backoff.yielded_out_of_courtesy(took, measured.machine(), now);
    }
}

fn sees_one_core() -> bool {
    thread::available_parallelism().is_ok_and(|cores| cores.get() == 1)
}

impl Measured {
    /// Measures the machine. That is done once, as it costs tens of microseconds.
    fn new() -> Measured {
        let mut now = clock::now();
        let measured = Measured {
            has_one_core: AtomicBool::new(sees_one_core()),
            next_look: AtomicU64::new(now + NEXT_LOOK),
            idle_yield: AtomicU64::new(FIRST_IDLE_YIELD),
        };
        for _ in 0..YIELDS_TO_START {
            let before = now;
            now = yield_from(before, &measured);
            if now.saturating_sub(before) > FIRST_IDLE_YIELD {
                break; // Other threads have work to do, and each yield might take a time slice.
            }
        }
        measured
    }

    fn machine(&self) -> Machine {
        let idle_yield = self.idle_yield.load(Ordering::Relaxed);
        Machine { has_one_core: self.has_one_core.load(Ordering::Relaxed), idle_yield }
    }

    /// Looks again whether there is only one core, from time to time. A thread that is pinned to a
    /// core sees only that one, which does not hold for others: the first that sees more cores
    /// speaks for all.
    fn look_again(&self, now: Nanos) {
        if self.has_one_core.load(Ordering::Relaxed) && now > self.next_look.load(Ordering::Relaxed)
        {
            self.next_look.store(now + NEXT_LOOK, Ordering::Relaxed);
            self.has_one_core.store(sees_one_core(), Ordering::Relaxed);
        }
    }

    fn learn_yield(&self, took: Nanos) {
        let took = took.max(MIN_IDLE_YIELD);
        if took < self.idle_yield.load(Ordering::Relaxed) {
            self.idle_yield.fetch_min(took, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    /// In a thread that has not learnt anything, waits for what is there at look number `there_at`,
    /// and returns how often it has looked, and whether it has parked.
    fn wait_for(there_at: u32, deadline: Option<Instant>) -> (u32, bool) {
        let in_thread = move || {
            let looks = Cell::new(0);
            let ready = || {
                looks.set(looks.get() + 1);
                looks.get() >= there_at
            };
            let mut parked = false;
            wait(
                WaitFor::Message,
                || deadline,
                ready,
                |until| {
                    assert_eq!(until, deadline);
                    parked = true;
                    Parked::Otherwise
                },
            );
            (looks.get(), parked)
        };
        thread::scope(|scope| scope.spawn(in_thread).join().unwrap())
    }

    #[test]
    fn what_is_there_in_time_is_found_without_a_park() {
        assert_eq!(wait_for(1, None), (1, false));
        // Later than the first looks. Others that run can make some yields take long; so it is
        // tried for as long as only a failing test takes.
        let start = Instant::now();
        while wait_for(GLANCES + 20, None).1 {
            assert!(start.elapsed() < Duration::from_secs(20), "it has parked each time");
        }
    }

    #[test]
    fn what_is_not_there_in_time_is_parked_for() {
        let (looks, parked) = wait_for(u32::MAX, None);
        assert!(parked && looks > GLANCES, "{looks}");
    }

    #[test]
    fn at_its_deadline_it_parks() {
        let (looks, parked) = wait_for(u32::MAX, Some(Instant::now()));
        assert!(parked && looks <= GLANCES, "{looks}");
    }
}
