//! The policy as a value: what a thread does next, given what it has seen and the time.

use std::cell::Cell;

use super::super::clock::Nanos;

/// How often a thread looks before it reads the clock.
pub(super) const GLANCES: u32 = 16;

/// How long a thread spins between two yields, or two looks at what the policy says.
const SPIN: Nanos = 1_000;

/// For how long a receiver of a stream does not look, so that messages gather.
pub(super) const GATHERING: Nanos = 1_000;

/// A yield that takes longer has given away a time slice.
const LONG_YIELD: Nanos = 1_000_000;

/// Among how many yields there must be a second long one for a core to be contended: a single one
/// may be an accident.
const LONG_YIELDS_AMONG: u32 = 16;

/// The longest time for which a core is taken to be contended.
const MAX_CONTENTION: Nanos = 1_000_000_000;

/// How many waits park at once after a vain attempt on a contended core.
const WAITS_WITHOUT_ATTEMPT: u32 = 32;

/// In how many waits a thread without confidence backs off once all the same.
const ATTEMPT_INTERVAL: u32 = 32;

/// After how many finds in a row without a yield a thread yields.
const FINDS_PER_YIELD: u32 = 64;

/// How many messages must come in the meantime for a stream to be worth gathering: they share the
/// transfers of cache lines between the two cores.
const GATHERED: u64 = 8;

/// The first guess of a thread's wake-up, and the limits of the estimate.
const FIRST_WAKE_UP: Nanos = 20_000;
const MIN_WAKE_UP: Nanos = 1_000;
const MAX_WAKE_UP: Nanos = 100_000;

/// How many times as long a wait for another node lasts before it parks: between two processes of
/// the node a message wakes one thread, and there also those that read from the connection, on the
/// way there and on the way back.
const REMOTE_WAKE_UPS: u32 = 3;

/// The longest budget, however many wake-ups it is set to.
const MAX_BUDGET: Nanos = 10_000_000;

/// A counter that goes up and down within limits.
#[derive(Debug)]
struct Saturating<const MAX: u32>(Cell<u32>);

impl<const MAX: u32> Saturating<MAX> {
    const fn new(value: u32) -> Saturating<MAX> {
        Saturating(Cell::new(value))
    }

    fn get(&self) -> u32 {
        self.0.get()
    }

    fn add(&self, up: u32) {
        self.0.set((self.0.get() + up).min(MAX));
    }

    fn subtract(&self, down: u32) {
        self.0.set(self.0.get().saturating_sub(down));
    }
}

/// The schedule of an attempt that is made once in a number of waits, and more and more seldom as
/// long as it is of no use.
#[derive(Debug)]
struct Seldom {
    waits: Cell<u32>,
    interval: Cell<u32>,
}

impl Seldom {
    const FIRST: u32 = 64;
    const LAST: u32 = 512;

    const fn new() -> Seldom {
        Seldom { waits: Cell::new(0), interval: Cell::new(Seldom::FIRST) }
    }

    fn is_due(&self) -> bool {
        let (waits, interval) = (self.waits.get() + 1, self.interval.get());
        let is_due = waits >= interval;
        self.waits.set(if is_due { 0 } else { waits });
        if is_due {
            self.interval.set((2 * interval).min(Seldom::LAST));
        }
        is_due
    }

    /// Says that the attempt was of use.
    fn reset(&self) {
        self.waits.set(0);
        self.interval.set(Seldom::FIRST);
    }
}

/// What is known of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    /// Whether all threads of the program share one core.
    pub(super) has_one_core: bool,
    /// How long a yield takes if no other thread wants the core.
    pub(super) idle_yield: Nanos,
}

impl Machine {
    fn is_slow(self, yielded: Nanos) -> bool {
        yielded > 2 * self.idle_yield
    }

    /// Returns the least wake-up that a budget is made of. So a budget is four yields at least,
    /// even where a wake-up takes no longer than a yield: partners that only yield, all of them,
    /// are not late for each other.
    fn least_wake_up(self) -> Nanos {
        2 * self.idle_yield
    }

    /// Returns how much of the budget a slow yield costs.
    fn price_of_slow(self) -> Nanos {
        3 * self.idle_yield
    }
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    /// Anything in the mailbox.
    Message,
    /// The same, after a message whose sender does not wait for an answer, so that others may be
    /// right behind it. So many were taken so far.
    Stream { taken: u64 },
    /// Anything in the mailbox, most likely of a process of another node.
    Remote,
    /// The reply to a call.
    Reply,
    /// The next process to run, in a cached thread.
    Job,
}

/// The limits of a wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The budget, in wake-ups.
    pub(super) wake_ups: u32,
    pub(super) deadline: Option<Nanos>,
}

/// What a thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Look and pause, until it finds what it waits for or this time has come.
    Spin {
        until: Nanos,
    },
    /// Yield the core once, then look.
    Yield,
    Park,
    /// Return: it has found what it waits for.
    Done(Courtesy),
}

/// What a thread that has found what it waits for owes to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Courtesy {
    Nothing,
    /// A yield.
    Yield,
}

/// How a park has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parked {
    /// The thread found what it waits for just before it would have parked.
    NotNeeded,
    /// Another thread began to wake it at this time.
    Woken(Nanos),
    /// The deadline came, or nothing did.
    Otherwise,
}

/// What a thread has learnt.
#[derive(Debug)]
pub(super) struct Backoff {
    wake_up: Cell<Nanos>,
    /// How long the last yield took, if it was slow but not long; else 0.
    slow_yield: Cell<Nanos>,
    contention: Contention,
    /// How often it found something without a yield since the last yield.
    finds: Cell<u32>,
    gathering: Gathering,
    histories: [History; 4],
}

/// Whether a receiver that is faster than its senders lets messages gather.
#[derive(Debug)]
struct Gathering {
    is_on: Cell<bool>,
    /// How many messages had been taken at the last wait.
    taken: Cell<u64>,
    trial: Seldom,
}

/// Whether other threads want the thread's core for work of their own.
#[derive(Debug)]
struct Contention {
    until: Cell<Nanos>,
    length: Cell<Nanos>,
    /// How many yields there were since the last long one.
    since_long: Cell<u32>,
}

impl Contention {
    const fn new() -> Contention {
        Contention {
            until: Cell::new(0),
            length: Cell::new(0),
            since_long: Cell::new(LONG_YIELDS_AMONG),
        }
    }

    fn is_on(&self, now: Nanos) -> bool {
        now < self.until.get()
    }

    /// Takes note of a yield that has ended now.
    fn learn(&self, yielded: Nanos, now: Nanos) {
        let since_long = self.since_long.get() + 1;
        if yielded <= LONG_YIELD {
            self.since_long.set(since_long.min(LONG_YIELDS_AMONG));
            return;
        }
        self.since_long.set(0);
        if since_long < LONG_YIELDS_AMONG {
            self.begin(yielded, now);
        }
    }

    fn begin(&self, long_yield: Nanos, now: Nanos) {
        let last = self.length.get();
        let is_back = now < self.until.get().saturating_add(last);
        let length = if is_back { last.max(long_yield) } else { long_yield };
        let length = length.saturating_mul(4).min(MAX_CONTENTION);
        self.length.set(length);
        self.until.set(now.saturating_add(length));
    }
}

/// What a thread has learnt of one kind of waits.
#[derive(Debug)]
struct History {
    /// Whether to back off at all: it does not park at once unless this is zero.
    confidence: Saturating<8>,
    /// Whether the partner runs on the same core: from [`SAME_CORE`] on it is taken to.
    same_core: Saturating<4>,
    /// How many waits have parked at once since the last attempt, for lack of confidence.
    unattempted: Cell<u32>,
    /// How many waits are to park at once, as an attempt on a contended core was vain.
    suspended: Cell<u32>,
    parting: Seldom,
    /// How long the last wait that parked would have had to back off instead.
    last: Cell<Nanos>,
}

const SAME_CORE: u32 = 2;

impl Backoff {
    pub(super) const fn new() -> Backoff {
        Backoff {
            wake_up: Cell::new(FIRST_WAKE_UP),
            slow_yield: Cell::new(0),
            contention: Contention::new(),
            finds: Cell::new(0),
            gathering: Gathering {
                is_on: Cell::new(false),
                taken: Cell::new(0),
                trial: Seldom::new(),
            },
            histories: [const { History::new() }; 4],
        }
    }

    fn history(&self, wait_for: WaitFor) -> &History {
        match wait_for {
            WaitFor::Message | WaitFor::Stream { .. } => &self.histories[0],
            WaitFor::Reply => &self.histories[1],
            WaitFor::Job => &self.histories[2],
            WaitFor::Remote => &self.histories[3],
        }
    }

    /// Returns whether a wait begins without a look, [for a while](GATHERING).
    #[inline]
    pub(super) fn gathers(&self, wait_for: WaitFor, machine: Machine) -> bool {
        match wait_for {
            WaitFor::Stream { taken } => self.gathers_stream(taken, machine),
            WaitFor::Message | WaitFor::Remote | WaitFor::Reply | WaitFor::Job => false,
        }
    }

    fn gathers_stream(&self, taken: u64, machine: Machine) -> bool {
        let Gathering { is_on, taken: last, trial } = &self.gathering;
        let came = taken.saturating_sub(last.replace(taken));
        let is_apart = !machine.has_one_core && !self.histories[0].shares_core();
        let pays = is_on.get() && came >= GATHERED;
        if pays {
            trial.reset();
        }
        is_on.set(is_apart && (pays || trial.is_due()));
        is_on.get()
    }

    /// Returns whether a wait begins with some looks, before it reads the clock.
    #[inline]
    pub(super) fn glances(&self, wait_for: WaitFor, machine: Machine) -> bool {
        let history = self.history(wait_for);
        history.confidence.get() > 0 && !history.shares_core() && !machine.has_one_core
    }

    /// Says that these looks have found what the thread waits for.
    #[inline]
    pub(super) fn found_by_glance(&self, wait_for: WaitFor) -> Courtesy {
        let history = self.history(wait_for);
        history.confidence.add(2);
        history.same_core.subtract(1);
        self.count_find()
    }

    fn count_find(&self) -> Courtesy {
        let finds = self.finds.get() + 1;
        self.finds.set(finds);
        if finds < FINDS_PER_YIELD { Courtesy::Nothing } else { Courtesy::Yield }
    }

    /// Returns whether a yield that is [owed](Courtesy) is to be paid: not on a contended core, as
    /// that would give away a time slice.
    pub(super) fn pays(&self, now: Nanos) -> bool {
        self.finds.set(0);
        !self.contention.is_on(now)
    }

    /// Says how long the yield took that was [owed](Courtesy).
    pub(super) fn yielded_out_of_courtesy(&self, took: Nanos, machine: Machine, now: Nanos) {
        self.learn_yield(took, machine, now);
    }

    /// Begins a wait.
    pub(super) fn begin(
        &self,
        wait_for: WaitFor,
        Limits { wake_ups, deadline }: Limits,
        machine: Machine,
        now: Nanos,
    ) -> Wait<'_> {
        let wake_up = self.wake_up.get().max(machine.least_wake_up());
        let times = if wait_for == WaitFor::Remote { REMOTE_WAKE_UPS } else { 1 };
        let wake_ups = wake_ups.saturating_mul(times);
        let budget = wake_up.saturating_mul(wake_ups.into()).min(MAX_BUDGET);
        let deadline = deadline.unwrap_or(Nanos::MAX);
        let (thread, history) = (self, self.history(wait_for));
        let spins_only = self.contention.is_on(now);
        Wait { thread, history, started: now, now, budget, deadline, spent: 0, spins_only }
    }

    /// Takes note of how long a yield took, and returns its kind.
    fn learn_yield(&self, took: Nanos, machine: Machine, now: Nanos) -> Yielded {
        self.finds.set(0);
        let is_slow = machine.is_slow(took);
        // A long one ends an attempt, so it does not lengthen any.
        self.slow_yield.set(if is_slow && took <= LONG_YIELD { took } else { 0 });
        self.contention.learn(took, now);
        if took > LONG_YIELD {
            Yielded::Long
        } else if is_slow {
            Yielded::Slow
        } else {
            Yielded::Fast
        }
    }

    /// Takes note of how long it took to wake up, which moves the estimate by a quarter at most.
    fn learn_wake_up(&self, took: Nanos) {
        let wake_up = self.wake_up.get();
        let learnt = took.clamp(wake_up - wake_up / 8, wake_up + wake_up / 4);
        self.wake_up.set(learnt.clamp(MIN_WAKE_UP, MAX_WAKE_UP));
    }
}

impl History {
    const fn new() -> History {
        History {
            confidence: Saturating::new(1),
            same_core: Saturating::new(0),
            unattempted: Cell::new(0),
            suspended: Cell::new(0),
            parting: Seldom::new(),
            last: Cell::new(0),
        }
    }

    fn shares_core(&self) -> bool {
        self.same_core.get() >= SAME_CORE
    }

    /// Returns whether it is time for a wait without confidence to back off all the same.
    fn attempts(&self, budget: Nanos) -> bool {
        let unattempted = self.unattempted.get() + 1;
        let is_due = unattempted >= ATTEMPT_INTERVAL;
        self.unattempted.set(if is_due { 0 } else { unattempted });
        is_due && self.last.get() <= budget.saturating_mul(ATTEMPT_INTERVAL.into())
    }

    /// Says that the message was found, and that the partner runs on another core.
    fn found_apart(&self) {
        self.confidence.add(2);
        self.same_core.subtract(1);
        self.parting.reset();
    }

    /// Says that the message was found, and that the partner runs on this core.
    fn found_together(&self) {
        self.confidence.add(2);
        self.same_core.add(1);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Yielded {
    Fast,
    Slow,
    Long,
}

/// A wait that did not end by a glance.
pub(super) struct Wait<'a> {
    thread: &'a Backoff,
    history: &'a History,
    started: Nanos,
    /// The time at the end of the last step.
    now: Nanos,
    budget: Nanos,
    deadline: Nanos,
    /// How much of the budget is used: less than the time that has passed, if yields were slow.
    spent: Nanos,
    /// Whether its core is contended.
    spins_only: bool,
}

impl Wait<'_> {
    /// Returns the time at the end of the last step.
    pub(super) fn now(&self) -> Nanos {
        self.now
    }

    /// Returns the first step.
    pub(super) fn first(&self, machine: Machine) -> Step {
        let history = self.history;
        if history.confidence.get() == 0 && !history.attempts(self.budget) {
            Step::Park
        } else if self.spins_only {
            self.spin_on_contended(machine)
        } else if history.shares_core() && !machine.has_one_core && history.parting.is_due() {
            Step::Park
        } else if history.shares_core() || machine.has_one_core {
            self.unless_spent(Step::Yield)
        } else {
            self.unless_spent(self.spin_for(SPIN))
        }
    }

    fn spin_on_contended(&self, machine: Machine) -> Step {
        let suspended = self.history.suspended.get();
        self.history.suspended.set(suspended.saturating_sub(1));
        if machine.has_one_core || suspended > 0 {
            return Step::Park;
        }
        self.unless_spent(self.spin_for(self.budget))
    }

    fn spin_for(&self, time: Nanos) -> Step {
        Step::Spin { until: self.now.saturating_add(time).min(self.deadline) }
    }

    fn unless_spent(&self, step: Step) -> Step {
        let is_over = self.spent >= self.budget || self.now >= self.deadline;
        if is_over { Step::Park } else { step }
    }

    /// Takes note of a spin that has ended, and returns the next step.
    pub(super) fn spun(&mut self, found: bool, now: Nanos) -> Step {
        self.spent += now.saturating_sub(self.now);
        self.now = now;
        match (found, self.spins_only) {
            (true, true) => {
                self.history.found_apart();
                self.history.same_core.subtract(u32::MAX);
                Step::Done(Courtesy::Nothing)
            }
            (true, false) => {
                self.history.found_apart();
                Step::Done(self.thread.count_find())
            }
            (false, true) => {
                // A spin that the deadline has cut short says nothing.
                if self.spent >= self.budget {
                    self.history.suspended.set(WAITS_WITHOUT_ATTEMPT);
                }
                Step::Park
            }
            (false, false) => self.unless_spent(Step::Yield),
        }
    }

    /// Takes note of a yield that has ended, and returns the next step.
    pub(super) fn yielded(&mut self, found: bool, machine: Machine, now: Nanos) -> Step {
        let took = now.saturating_sub(self.now);
        self.now = now;
        let kind = self.thread.learn_yield(took, machine, now);
        self.spent += match kind {
            Yielded::Fast => took,
            Yielded::Slow | Yielded::Long => machine.price_of_slow(),
        };
        match (kind, found) {
            (Yielded::Fast, true) => {
                self.history.found_apart();
                Step::Done(Courtesy::Nothing)
            }
            (Yielded::Slow | Yielded::Long, true) => {
                self.history.found_together();
                Step::Done(Courtesy::Nothing)
            }
            (Yielded::Fast, false) => self.unless_spent(self.spin_for(SPIN)),
            (Yielded::Slow, false) => self.unless_spent(Step::Yield),
            (Yielded::Long, false) => Step::Park,
        }
    }

    /// Takes note of a park that has ended, and with it the wait.
    pub(super) fn parked(self, parked: Parked, machine: Machine, now: Nanos) {
        let came = match parked {
            // A stamp from before the wait is that of a waker that was held up since.
            Parked::Woken(stamp) if stamp >= self.started => {
                self.thread.learn_wake_up(now.saturating_sub(stamp));
                stamp
            }
            Parked::NotNeeded => self.now,
            // A message that has not come by its deadline might have come soon after it.
            Parked::Woken(_) | Parked::Otherwise
                if now.saturating_sub(self.started) < self.budget =>
            {
                return;
            }
            Parked::Woken(_) | Parked::Otherwise => now,
        };
        let last = came.saturating_sub(self.started);
        self.history.last.set(last);
        if last <= self.reach(machine) {
            self.history.confidence.add(2);
        } else if !self.thread.contention.is_on(now) {
            self.history.confidence.subtract(1);
        }
    }

    /// Returns within what time a message would have been found by backing off: the budget, which
    /// lasts longer if yields are slow, as those cost less than they take.
    fn reach(&self, machine: Machine) -> Nanos {
        let slow = self.thread.slow_yield.get();
        self.budget.max(self.budget.saturating_mul(slow) / machine.price_of_slow())
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
