//! How long a thread looks out for what it waits for before it parks.
//!
//! Waking a parked thread costs more than anything else here, so one that is answered fast, time
//! and again, does better to look a little longer; one that is not must not burn the processor. So
//! a thread tries, in turn, what has lately been of use to it:
//!
//! 1. It *spins* for less than a microsecond: enough if whom it waits for runs on another core.
//! 2. It *yields* its core a few times: enough if whom it waits for needs this core.
//! 3. It parks.
//!
//! What has failed twice in a row is left out; once in a while it is tried again. And if a yield
//! takes long, somebody else wants this core, and will have it for milliseconds each time: then the
//! thread yields no more for a while, and for longer each time it happens again, but spins longer
//! instead. So an idle thread only parks, and a thread on a busy machine gives nothing away.
//!
//! The figures were found by measuring round trips between threads: on two idle cores, on one,
//! beside one, two and four busy threads, through a third thread, and with eight clients.

use std::cell::Cell;
use std::hint;
use std::thread;
use std::time::{Duration, Instant};

use super::tuning;

/// How many times as long a thread spins if it will not yield next: for longer than a quick answer
/// takes.
const LONG_SPIN: u32 = 6;

/// How often a thread yields in one wait.
const YIELDS: u32 = 16;

/// After how many failures in a row something is left out.
const FAILURES: u32 = 2;

/// Every so many waits what is left out is tried again. Spinning less often, as others suffer from
/// it when there are many.
const RETRY_SPINNING: u32 = 128;
const RETRY_YIELDING: u32 = 32;

/// A yield that takes longer has given the core to somebody who has work to do.
const LONG_YIELD: Duration = Duration::from_micros(200);

/// How long a thread does not yield after that, at first and at most.
const QUIET: Duration = Duration::from_millis(10);
const MAX_QUIET: Duration = Duration::from_secs(1);

/// Looks out until `ready`, for as long as the calling thread's patience lasts. False if it is to
/// park.
pub(crate) fn look_out(ready: impl Fn() -> bool) -> bool {
    thread_local! {
        static PATIENCE: Patience = const { Patience::new() };
    }

    PATIENCE.with(|patience| patience.look_out(tuning::spin_budget(), ready))
}

/// What a thread has learnt from its waits.
struct Patience {
    spinning: Luck,
    yielding: Luck,
    crowd: Crowd,
}

impl Patience {
    const fn new() -> Patience {
        Patience { spinning: Luck::new(), yielding: Luck::new(), crowd: Crowd::new() }
    }

    fn look_out(&self, spin_budget: u32, ready: impl Fn() -> bool) -> bool {
        if spin_budget == 0 {
            false
        } else if self.crowd.is_near() {
            self.spin(spin_budget.saturating_mul(LONG_SPIN), &ready)
        } else {
            self.spin(spin_budget, &ready) || self.yield_until(&ready)
        }
    }

    fn spin(&self, times: u32, ready: impl Fn() -> bool) -> bool {
        self.spinning.is_worth_trying(RETRY_SPINNING)
            && self.spinning.learn((0..times).any(|_| {
                hint::spin_loop();
                ready()
            }))
    }

    fn yield_until(&self, ready: impl Fn() -> bool) -> bool {
        if !self.yielding.is_worth_trying(RETRY_YIELDING) {
            return false;
        }
        let mut before = Instant::now();
        for _ in 0..YIELDS {
            thread::yield_now();
            let found = ready();
            let after = Instant::now();
            if after - before > LONG_YIELD {
                self.crowd.came(after);
                return found;
            }
            if found {
                self.crowd.is_not_here(after);
                return self.yielding.learn(true);
            }
            before = after;
        }
        self.yielding.learn(false)
    }
}

/// Whether something has been of use lately.
struct Luck {
    failures: Cell<u32>,
    left_out: Cell<u32>,
}

impl Luck {
    const fn new() -> Luck {
        Luck { failures: Cell::new(0), left_out: Cell::new(0) }
    }

    fn is_worth_trying(&self, retry: u32) -> bool {
        if self.failures.get() < FAILURES {
            return true;
        }
        self.left_out.set((self.left_out.get() + 1) % retry);
        self.left_out.get() == 0
    }

    /// Takes note of whether it was of use this time, and returns that.
    fn learn(&self, success: bool) -> bool {
        self.failures.set(if success { 0 } else { (self.failures.get() + 1).min(FAILURES) });
        success
    }
}

/// Others that want the thread's core.
struct Crowd {
    /// They are taken to be here until then.
    until: Cell<Option<Instant>>,
    /// For how long, when they come again.
    quiet: Cell<Duration>,
}

impl Crowd {
    const fn new() -> Crowd {
        Crowd { until: Cell::new(None), quiet: Cell::new(QUIET) }
    }

    fn is_near(&self) -> bool {
        self.until.get().is_some_and(|until| Instant::now() < until)
    }

    fn came(&self, now: Instant) {
        let quiet = self.quiet.get();
        self.until.set(now.checked_add(quiet));
        self.quiet.set((quiet * 10).min(MAX_QUIET));
    }

    /// Forgets them, when they have not come again for as long as they would have been avoided.
    fn is_not_here(&self, now: Instant) {
        if self.until.get().is_some_and(|until| now > until + self.quiet.get()) {
            self.until.set(None);
            self.quiet.set(QUIET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_twice_is_left_out_but_for_a_try_now_and_then() {
        let luck = Luck::new();
        assert!(luck.is_worth_trying(4));
        luck.learn(false);
        assert!(luck.is_worth_trying(4));
        luck.learn(false);

        let tries = |n| (0..n).map(|_| luck.is_worth_trying(4)).collect::<Vec<_>>();
        assert_eq!(tries(9), [false, false, false, true, false, false, false, true, false]);
        luck.learn(true);
        assert_eq!(tries(2), [true, true]);
    }

    #[test]
    fn a_crowd_is_avoided_for_longer_each_time_up_to_a_limit() {
        let crowd = Crowd::new();
        assert!(!crowd.is_near());
        let now = Instant::now();
        for quiet in [10, 100, 1000, 1000].map(Duration::from_millis) {
            crowd.came(now);
            assert_eq!(crowd.until.get(), Some(now + quiet));
        }
        crowd.came(now + Duration::from_secs(3600));
        assert!(crowd.is_near());
    }

    #[test]
    fn a_crowd_that_has_not_come_for_long_is_forgotten() {
        let crowd = Crowd::new();
        let start = Instant::now();
        crowd.came(start);
        let over = start + QUIET;
        crowd.is_not_here(over + QUIET * 10);
        assert_eq!((crowd.until.get(), crowd.quiet.get()), (Some(over), QUIET * 10));
        crowd.is_not_here(over + QUIET * 10 + Duration::from_nanos(1));
        assert_eq!((crowd.until.get(), crowd.quiet.get()), (None, QUIET));
    }

    #[test]
    fn without_a_budget_a_thread_does_not_look_at_all() {
        assert!(!Patience::new().look_out(0, || unreachable!()));
    }

    #[test]
    fn a_thread_that_is_never_answered_soon_parks_at_once() {
        let patience = Patience::new();
        let looks = Cell::new(0);
        let wait = || {
            looks.set(0);
            assert!(!patience.look_out(40, || {
                looks.set(looks.get() + 1);
                false
            }));
            looks.get()
        };
        assert!(wait() > 0);
        wait();
        // Beside busy threads a yield may have taken long, which counts for nothing.
        while wait() > 0 {}
    }
}
