//! The timeouts of a state machine, as a value.

use std::fmt;
use std::time::{Duration, Instant};

use crate::id::TimerRef;
use crate::user_code::Guarded;

use super::event_type::TimeoutType;

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
pub(crate) struct Order<E> {
    pub(crate) timeout: TimeoutType,
    pub(crate) what: What<E>,
}

impl<E> Order<E> {
    /// Returns the time and the event of a timeout that is to be started.
    pub(crate) fn start(&self) -> Option<(Time, &E)> {
        match &self.what {
            What::Start(time, event) => Some((*time, event)),
            What::Update(_) | What::Cancel => None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum What<E> {
    Start(Time, E),
    /// The event becomes this one; if the timeout is not active, it is over at once.
    Update(E),
    Cancel,
}

/// The timers that a machine starts and cancels.
pub(crate) trait Timers {
    /// Starts a timer, whose end the machine is told of by its reference.
    fn start(&mut self, time: Time) -> TimerRef;

    fn cancel(&mut self, timer: TimerRef);
}

/// The timeouts that are active.
#[derive(Debug)]
pub(crate) struct Timeouts<E> {
    active: Vec<Active<E>>,
    /// How many timeouts of zero there were.
    zeros: u64,
}

#[derive(Debug)]
struct Active<E> {
    timeout: TimeoutType,
    due: Due,
    event: Guarded<E>,
}

/// What ends a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing: it is over when no event waits to be handled. They come in the order of these
    /// numbers.
    Zero(u64),
    Timer(TimerRef),
}

impl<E> Timeouts<E> {
    pub(crate) fn new() -> Timeouts<E> {
        Timeouts { active: Vec::new(), zeros: 0 }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TimeoutType, &E)> {
        self.active.iter().map(|active| (&active.timeout, active.event.get()))
    }

    /// Carries out the orders of one transition: of those for one timeout only the last counts.
    pub(crate) fn obey(&mut self, orders: Vec<Order<E>>, timers: &mut impl Timers) {
        let is_last = |index: usize| {
            let timeout = &orders[index].timeout;
            orders[index + 1..].iter().all(|later| later.timeout != *timeout)
        };
        let are_last: Vec<bool> = (0..orders.len()).map(is_last).collect();
        for (Order { timeout, what }, is_last) in orders.into_iter().zip(are_last) {
            match what {
                _ if !is_last => {}
                What::Cancel | What::Start(Time::In(Duration::MAX), _) => {
                    self.cancel(&timeout, timers);
                }
                What::Start(time, event) => self.start(timeout, time, event, timers),
                What::Update(event) => self.update(timeout, event),
            }
        }
    }

    fn start(&mut self, timeout: TimeoutType, time: Time, event: E, timers: &mut impl Timers) {
        self.cancel(&timeout, timers);
        let due = match time {
            Time::In(Duration::ZERO) => self.next_zero(),
            Time::In(_) | Time::At(_) => Due::Timer(timers.start(time)),
        };
        self.active.push(Active { timeout, due, event: Guarded::new(event) });
    }

    fn update(&mut self, timeout: TimeoutType, event: E) {
        match self.active.iter_mut().find(|active| active.timeout == timeout) {
            Some(active) => *active.event.get_mut() = event,
            None => {
                let due = self.next_zero();
                self.active.push(Active { timeout, due, event: Guarded::new(event) });
            }
        }
    }

    fn next_zero(&mut self) -> Due {
        self.zeros += 1;
        Due::Zero(self.zeros)
    }

    /// Ends a timeout without its event, if it is active.
    pub(crate) fn cancel(&mut self, timeout: &TimeoutType, timers: &mut impl Timers) {
        if let Some(index) = self.active.iter().position(|active| active.timeout == *timeout)
            && let Due::Timer(timer) = self.active.remove(index).due
        {
            timers.cancel(timer);
        }
    }

    /// Takes the timeout that this timer ends, unless it was cancelled, or started again, since.
    pub(crate) fn take_fired(&mut self, timer: TimerRef) -> Option<(TimeoutType, E)> {
        let index = self.active.iter().position(|active| active.due == Due::Timer(timer))?;
        Some(self.take(index))
    }

    /// Whether a timeout is over as soon as no event waits.
    pub(crate) fn has_zero(&self) -> bool {
        self.active.iter().any(|active| matches!(active.due, Due::Zero(_)))
    }

    /// Takes the oldest timeout of zero.
    pub(crate) fn take_zero(&mut self) -> Option<(TimeoutType, E)> {
        let number = |active: &Active<E>| match active.due {
            Due::Zero(number) => Some(number),
            Due::Timer(_) => None,
        };
        let numbers = self.active.iter().enumerate();
        let (_, index) = numbers.filter_map(|(index, it)| Some((number(it)?, index))).min()?;
        Some(self.take(index))
    }

    fn take(&mut self, index: usize) -> (TimeoutType, E) {
        let Active { timeout, event, .. } = self.active.remove(index);
        (timeout, event.into_inner())
    }
}
