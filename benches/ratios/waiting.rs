//! A bare queue whose receiver waits as a process should: the floor of calls.
//!
//! Waking a parked thread costs microseconds, so a receiver that expects an answer soon does two
//! other things first. It spins, which finds what a thread on another core sends; then it yields,
//! which lets a thread on the same core send it. Both have to pay: what was in vain twice in a row
//! is only tried again now and then, so a receiver that is seldom sent to parks at once. And a
//! yield after which the core was away for long has given a time slice to a thread that has nothing
//! to do with this queue: then the receiver yields no more for a while, and spins longer instead,
//! for a peer on another core that has to share it, too.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossbeam_utils::sync::{Parker, Unparker};

/// How often a receiver looks for a value while it spins, if it will yield next.
const SPINS: u32 = 24;

/// The same if it may not yield: a little longer than a quick answer takes.
const LONG_SPINS: u32 = 200;

/// How many spins in vain are forgone before one is tried again.
const SPIN_PROBE: u32 = 128;

const YIELDS: u32 = 16;

/// As [`SPIN_PROBE`], for yields, which are cheaper when in vain: the core is not needed then.
const YIELD_PROBE: u32 = 32;

/// A yield that takes longer has given away a time slice; they are of milliseconds.
const DEAR_YIELD: Duration = Duration::from_micros(200);

/// For how long not to yield after a dear one, at first; each further one makes it ten times that.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The sending half of a queue.
#[derive(Clone)]
pub(crate) struct Outbox<T> {
    sender: Sender<T>,
    parked: Arc<AtomicBool>,
    unparker: Unparker,
}

/// The receiving half of a queue.
pub(crate) struct Inbox<T> {
    receiver: Receiver<T>,
    parked: Arc<AtomicBool>,
    parker: Parker,
    waiter: Waiter,
}

pub(crate) fn queue<T>() -> (Outbox<T>, Inbox<T>) {
    let (sender, receiver) = unbounded();
    let parked = Arc::new(AtomicBool::new(false));
    let parker = Parker::new();
    let unparker = parker.unparker().clone();
    let outbox = Outbox { sender, parked: Arc::clone(&parked), unparker };
    (outbox, Inbox { receiver, parked, parker, waiter: Waiter::new() })
}

impl<T> Outbox<T> {
    pub(crate) fn push(&self, value: T) {
        _ = self.sender.send(value); // A receiver that is gone needs nothing.
        fence(Ordering::SeqCst);
        if self.parked.load(Ordering::Relaxed) && self.parked.swap(false, Ordering::SeqCst) {
            self.unparker.unpark();
        }
    }
}

impl<T> Inbox<T> {
    pub(crate) fn pop(&mut self) -> T {
        let Inbox { receiver, waiter, .. } = self;
        let early = receiver.try_recv().ok();
        let early = early.or_else(|| waiter.wait(|| receiver.try_recv().ok()));
        early.unwrap_or_else(|| self.park())
    }

    fn park(&self) -> T {
        loop {
            self.parked.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            let value = self.receiver.try_recv();
            if value.is_err() {
                self.parker.park();
            }
            self.parked.store(false, Ordering::SeqCst);
            if let Ok(value) = value.or_else(|_| self.receiver.try_recv()) {
                return value;
            }
        }
    }
}

/// What a receiver does before it parks.
struct Waiter {
    spins: Luck,
    yields: Luck,
    /// When it may yield again after a dear yield.
    resume: Option<Instant>,
    pause: Duration,
}

impl Waiter {
    fn new() -> Waiter {
        let (spins, yields) = (Luck::new(SPIN_PROBE), Luck::new(YIELD_PROBE));
        Waiter { spins, yields, resume: None, pause: FIRST_PAUSE }
    }

    /// Waits as long as it may pay, and returns what `look` has found.
    fn wait<T>(&mut self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        if self.resume.is_some_and(|resume| Instant::now() < resume) {
            return self.spin(LONG_SPINS, &mut look);
        }
        self.spin(SPINS, &mut look).or_else(|| self.give_way(&mut look))
    }

    fn spin<T>(&mut self, times: u32, look: &mut impl FnMut() -> Option<T>) -> Option<T> {
        if !self.spins.may_try() {
            return None;
        }
        let found = (0..times).find_map(|_| {
            hint::spin_loop();
            look()
        });
        self.spins.tried(found.is_some());
        found
    }

    fn give_way<T>(&mut self, look: &mut impl FnMut() -> Option<T>) -> Option<T> {
        if !self.yields.may_try() {
            return None;
        }
        let mut now = Instant::now();
        for _ in 0..YIELDS {
            thread::yield_now();
            let found = look();
            let before = std::mem::replace(&mut now, Instant::now());
            if now - before > DEAR_YIELD {
                self.stop_yielding(now);
                return found;
            }
            if found.is_some() {
                self.yields.tried(true);
                self.forget_dear_yields(now);
                return found;
            }
        }
        self.yields.tried(false);
        None
    }

    fn stop_yielding(&mut self, now: Instant) {
        self.resume = Some(now + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 10);
    }

    /// Starts anew with short pauses if yields have been cheap for as long as the next would last.
    fn forget_dear_yields(&mut self, now: Instant) {
        if self.resume.is_some_and(|resume| now - resume > self.pause) {
            self.resume = None;
            self.pause = FIRST_PAUSE;
        }
    }
}

/// Whether a way to wait has paid lately.
struct Luck {
    /// How often it was in vain since it last paid.
    losses: u32,
    /// How often it was forgone since it was last tried.
    forgone: u32,
    /// It is tried again when it was forgone so often.
    probe: u32,
}

impl Luck {
    fn new(probe: u32) -> Luck {
        Luck { losses: 0, forgone: 0, probe }
    }

    fn may_try(&mut self) -> bool {
        self.forgone += 1;
        self.losses < 2 || self.forgone >= self.probe
    }

    fn tried(&mut self, has_paid: bool) {
        self.losses = if has_paid { 0 } else { self.losses.saturating_add(1) };
        self.forgone = 0;
    }
}
