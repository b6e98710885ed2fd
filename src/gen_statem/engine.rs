//! The engine of a state machine, as a value: which event comes next, and what a transition does.
//!
//! ```text
//!   inserted and retried events, first to last     queue
//!   then timeouts of zero, oldest first            timeouts
//!   then what the process receives                 (not known here)
//! ```
//!
//! An event is taken out of these, handled by the program, and then [settled](Engine::settle): it
//! may be postponed; a change of the state puts all postponed events back into the queue, before
//! the others. Then the program's [plan](Engine::follow) is carried out: the events that it inserts
//! come before these.

use std::collections::VecDeque;
use std::mem;

use crate::call::Client;
use crate::id::TimerRef;
use crate::user_code::Guarded;

use super::event_type::{EventType, TimeoutType};
use super::state_and_data::StateAndData;
use super::timeouts::{Orders, Timeouts, Timers};

/// A state machine: its state and data, and the events that are known and not handled yet.
pub(crate) struct Engine<S, D, E> {
    pub(crate) current: StateAndData<S, D>,
    /// The events that are handled before any other, first to last.
    queue: VecDeque<Item<E>>,
    /// The events that wait for another state, the oldest first.
    postponed: Vec<Item<E>>,
    timeouts: Timeouts<E>,
    /// Whether the machine hibernates until the next message.
    hibernates: bool,
}

/// An event with what is known of it.
#[derive(Debug)]
pub(crate) struct Item<E> {
    pub(crate) kind: EventType,
    /// The request of the client, if it is a call.
    pub(crate) client: Option<Client>,
    /// Guarded, as it may be dropped together with others.
    pub(crate) event: Guarded<E>,
}

impl<E> Item<E> {
    pub(crate) fn new(kind: EventType, client: Option<Client>, event: E) -> Item<E> {
        Item { kind, client, event: Guarded::new(event) }
    }

    fn of_timeout(timeout: TimeoutType, event: E) -> Item<E> {
        Item::new(timeout.into(), None, event)
    }
}

/// What becomes of the state.
#[derive(Debug, PartialEq)]
pub(crate) enum To<S> {
    Keep,
    /// It is entered again.
    Repeat,
    Next(S),
}

/// How the state has changed.
#[derive(Debug, PartialEq)]
pub(crate) enum Change<S> {
    No,
    /// The state is the same, and is entered again.
    Repeated,
    /// The state is another one than this, which it was.
    From(Guarded<S>),
}

/// What callbacks have asked for in one transition.
#[derive(Debug)]
pub(crate) struct Plan<E> {
    pub(crate) hibernate: bool,
    /// The events to insert, first to last.
    pub(crate) next_events: Vec<Item<E>>,
    pub(crate) orders: Orders<E>,
}

impl<E> Default for Plan<E> {
    fn default() -> Plan<E> {
        Plan { hibernate: false, next_events: Vec::new(), orders: Orders::new() }
    }
}

impl<S: PartialEq, D, E> Engine<S, D, E> {
    pub(crate) fn new(current: StateAndData<S, D>) -> Engine<S, D, E> {
        let (queue, postponed) = (VecDeque::new(), Vec::new());
        Engine { current, queue, postponed, timeouts: Timeouts::new(), hibernates: false }
    }

    /// Whether no event is known, so that the machine waits for a message.
    #[inline]
    pub(crate) fn waits_for_message(&self) -> bool {
        self.queue.is_empty() && !self.timeouts.has_zero()
    }

    /// Takes the next event of the queue.
    pub(crate) fn next_queued(&mut self) -> Option<Item<E>> {
        self.queue.pop_front()
    }

    /// Takes the event of the next timeout of zero, which is due when the queue is empty.
    pub(crate) fn next_zero(&mut self) -> Option<Item<E>> {
        self.timeouts.take_zero().map(|(timeout, event)| Item::of_timeout(timeout, event))
    }

    /// Takes the event of the timeout, if it is active, and this timer ends it.
    pub(crate) fn fire(&mut self, timeout: &TimeoutType, timer: TimerRef) -> Option<Item<E>> {
        let event = self.timeouts.take_fired(timeout, timer)?;
        Some(Item::of_timeout(timeout.clone(), event))
    }

    /// Changes the state. A next state that is equal to the present one takes its place, but is no
    /// change.
    #[inline]
    pub(crate) fn change_state(&mut self, to: To<S>) -> Change<S> {
        match to {
            To::Keep => Change::No,
            To::Repeat => Change::Repeated,
            To::Next(state) => {
                let mut other = Guarded::new(state);
                let is_equal = *other.get() == self.current.state;
                mem::swap(other.get_mut(), &mut self.current.state);
                if is_equal { Change::No } else { Change::From(other) }
            }
        }
    }

    /// Ends the transition of an event, which is `postponed` or was consumed.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        has_changed: bool,
        postponed: Option<Item<E>>,
        timers: &mut impl Timers,
    ) {
        self.hibernates = false;
        self.postponed.extend(postponed);
        if has_changed {
            // The oldest comes first, and all before what is in the queue.
            self.postponed.drain(..).rev().for_each(|item| self.queue.push_front(item));
        }
        if !self.timeouts.is_empty() {
            self.timeouts.cancel(&TimeoutType::Event, timers);
            if has_changed {
                self.timeouts.cancel(&TimeoutType::State, timers);
            }
        }
    }

    /// Does what the program has asked for in a transition that is settled.
    pub(crate) fn follow(&mut self, plan: Plan<E>, timers: &mut impl Timers) {
        let Plan { hibernate, next_events, orders } = plan;
        self.hibernates = hibernate;
        self.timeouts.obey(orders, timers);
        next_events.into_iter().rev().for_each(|item| self.queue.push_front(item));
    }

    /// Whether the machine hibernates until the next message.
    #[inline]
    pub(crate) fn hibernates(&self) -> bool {
        self.hibernates
    }

    pub(crate) fn queue(&self) -> impl Iterator<Item = (&EventType, &E)> {
        self.queue.iter().map(|item| (&item.kind, item.event.get()))
    }

    pub(crate) fn postponed(&self) -> impl Iterator<Item = (&EventType, &E)> {
        self.postponed.iter().map(|item| (&item.kind, item.event.get()))
    }

    pub(crate) fn timeouts(&self) -> impl Iterator<Item = (TimeoutType, &E)> {
        self.timeouts.each()
    }
}

#[cfg(test)]
mod tests;
