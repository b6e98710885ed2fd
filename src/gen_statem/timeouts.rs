//! The timeouts of a state machine, as a value.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::id::TimerRef;
use crate::user_code::Guarded;

use super::event_type::TimeoutType;
use super::per_timeout::PerTimeout;

/// When a timeout is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// After this long: at once if it is zero, never if it is [`Duration::MAX`].
    In(Duration),
    At(Instant),
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Time::In(duration) => write!(f, "in {duration:?}"),
            Time::At(deadline) => write!(f, "at {deadline:?}"),
        }
    }
}

/// What a callback has said of a timeout.
#[derive(Debug)]
pub(crate) enum What<E> {
    Start(Time, Guarded<E>),
    /// The event becomes this one; if the timeout is not active, it is over at once.
    Update(Guarded<E>),
    Cancel,
}

impl<E> What<E> {
    pub(crate) fn start(time: Time, event: E) -> What<E> {
        What::Start(time, Guarded::new(event))
    }
}

/// An order, with its place among all that were given.
type Given<E> = (u64, What<E>);

/// What callbacks have said of timeouts in one transition: of each, only the last counts.
#[derive(Debug)]
pub(crate) struct Orders<E> {
    last: PerTimeout<Given<E>>,
    given: u64,
}

impl<E> Orders<E> {
    pub(crate) fn new() -> Orders<E> {
        Orders { last: PerTimeout::new(), given: 0 }
    }

    pub(crate) fn give(&mut self, timeout: TimeoutType, what: What<E>) {
        self.given += 1;
        self.last.insert(timeout, (self.given, what));
    }

    /// Adds those that were given later.
    pub(crate) fn extend(&mut self, later: Orders<E>) {
        later.in_order().into_iter().for_each(|(timeout, what)| self.give(timeout, what));
    }

    fn in_order(self) -> impl IntoIterator<Item = (TimeoutType, What<E>)> {
        let mut orders: SmallVec<[(TimeoutType, Given<E>); 2]> = self.last.into_each().collect();
        orders.sort_unstable_by_key(|(_, (place, _))| *place);
        orders.into_iter().map(|(timeout, (_, what))| (timeout, what))
    }

    /// Returns the timeouts that they start, in their order.
    pub(crate) fn starts(&self) -> impl Iterator<Item = (TimeoutType, Time, &E)> {
        let mut orders: Vec<_> = self.last.each().collect();
        orders.sort_unstable_by_key(|(_, (place, _))| *place);
        orders.into_iter().filter_map(|(timeout, (_, what))| match what {
            What::Start(Time::In(Duration::MAX), _) | What::Update(_) | What::Cancel => None,
            What::Start(time, event) => Some((timeout, *time, event.get())),
        })
    }
}

/// The timers that a machine starts and cancels.
pub(crate) trait Timers {
    /// Starts the timer of this timeout. The machine is told of its end by the reference, and of
    /// which timeout it is.
    fn start(&mut self, timeout: &TimeoutType, time: Time) -> TimerRef;

    fn cancel(&mut self, timer: TimerRef);
}

/// The timeouts that are active.
#[derive(Debug)]
pub(crate) struct Timeouts<E> {
    active: PerTimeout<Active<E>>,
    /// Those that are over when no event waits to be handled, in the order in which they come.
    zeros: BTreeMap<u64, TimeoutType>,
    /// How many of those there were.
    zeros_so_far: u64,
}

#[derive(Debug)]
struct Active<E> {
    due: Due,
    event: Guarded<E>,
}

/// What ends a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing: it is the one of this number among those of zero.
    Zero(u64),
    Timer(TimerRef),
}

impl<E> Timeouts<E> {
    pub(crate) fn new() -> Timeouts<E> {
        Timeouts { active: PerTimeout::new(), zeros: BTreeMap::new(), zeros_so_far: 0 }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (TimeoutType, &E)> {
        self.active.each().map(|(timeout, active)| (timeout, active.event.get()))
    }

    /// Carries out the orders of one transition.
    pub(crate) fn obey(&mut self, orders: Orders<E>, timers: &mut impl Timers) {
        for (timeout, what) in orders.in_order() {
            match what {
                What::Cancel | What::Start(Time::In(Duration::MAX), _) => {
                    self.cancel(&timeout, timers);
                }
                What::Start(time, event) => self.start(timeout, time, event, timers),
                What::Update(event) => self.update(timeout, event),
            }
        }
    }

    fn start(
        &mut self,
        timeout: TimeoutType,
        time: Time,
        event: Guarded<E>,
        timers: &mut impl Timers,
    ) {
        self.cancel(&timeout, timers);
        match time {
            Time::In(Duration::ZERO) => self.start_zero(timeout, event),
            Time::In(_) | Time::At(_) => {
                let due = Due::Timer(timers.start(&timeout, time));
                self.active.insert(timeout, Active { due, event });
            }
        }
    }

    fn start_zero(&mut self, timeout: TimeoutType, event: Guarded<E>) {
        self.zeros_so_far += 1;
        self.zeros.insert(self.zeros_so_far, timeout.clone());
        self.active.insert(timeout, Active { due: Due::Zero(self.zeros_so_far), event });
    }

    fn update(&mut self, timeout: TimeoutType, event: Guarded<E>) {
        match self.active.get_mut(&timeout) {
            Some(active) => active.event = event,
            None => self.start_zero(timeout, event),
        }
    }

    /// Ends a timeout without its event, if it is active.
    #[inline]
    pub(crate) fn cancel(&mut self, timeout: &TimeoutType, timers: &mut impl Timers) {
        match self.active.remove(timeout).map(|active| active.due) {
            Some(Due::Timer(timer)) => timers.cancel(timer),
            Some(Due::Zero(number)) => _ = self.zeros.remove(&number),
            None => {}
        }
    }

    /// Takes the event of the timeout, if it is this timer that ends it: the timeout may have been
    /// cancelled, or started again, since.
    pub(crate) fn take_fired(&mut self, timeout: &TimeoutType, timer: TimerRef) -> Option<E> {
        if self.active.get(timeout)?.due != Due::Timer(timer) {
            return None;
        }
        self.active.remove(timeout).map(|active| active.event.into_inner())
    }

    /// Whether a timeout is over as soon as no event waits.
    #[inline]
    pub(crate) fn has_zero(&self) -> bool {
        !self.zeros.is_empty()
    }

    /// Takes the oldest timeout of zero.
    pub(crate) fn take_zero(&mut self) -> Option<(TimeoutType, E)> {
        let (_, timeout) = self.zeros.pop_first()?;
        let active = self.active.remove(&timeout)?;
        Some((timeout, active.event.into_inner()))
    }
}
