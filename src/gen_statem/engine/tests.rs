//! The engine, without threads or clocks.

use std::time::{Duration, Instant};

use crate::gen_statem::event_type::{EventType, TimeoutType};
use crate::gen_statem::state_and_data::StateAndData;
use crate::gen_statem::timeouts::{Orders, Time, Timers, What};
use crate::id::{TimerRef, unique};
use crate::user_code::Guarded;

use super::{Change, Engine, Item, Plan, To};

/// Five seconds, for timeouts that only the test ends.
const LATER: Time = Time::In(Duration::from_secs(5));
const ZERO: Time = Time::In(Duration::ZERO);
const NEVER: Time = Time::In(Duration::MAX);

/// What has become of the timers.
#[derive(Debug, Default)]
struct Clock {
    started: Vec<(TimeoutType, TimerRef, Time)>,
    cancelled: Vec<TimerRef>,
}

impl Timers for Clock {
    fn start(&mut self, timeout: &TimeoutType, time: Time) -> TimerRef {
        let timer = TimerRef { serial: unique(), index: 0 };
        self.started.push((timeout.clone(), timer, time));
        timer
    }

    fn cancel(&mut self, timer: TimerRef) {
        self.cancelled.push(timer);
    }
}

/// An engine in the state `a`, with a clock.
struct Machine {
    engine: Engine<&'static str, (), &'static str>,
    clock: Clock,
}

/// What becomes of an event.
#[derive(Clone, Copy)]
enum Fate {
    Consumed,
    Postponed,
}

use Fate::{Consumed, Postponed};

impl Machine {
    fn new() -> Machine {
        let engine = Engine::new(StateAndData { state: "a", data: () });
        Machine { engine, clock: Clock::default() }
    }

    /// Handles an event, with the given outcome; returns whether the state has changed.
    fn handle(
        &mut self,
        event: &'static str,
        fate: Fate,
        to: To<&'static str>,
        plan: Plan<&'static str>,
    ) -> bool {
        let postponed = match fate {
            Consumed => None,
            Postponed => Some(Item::new(EventType::Cast, None, event)),
        };
        let has_changed = matches!(self.engine.change_state(to), Change::From(_));
        self.engine.settle(has_changed, postponed, &mut self.clock);
        self.engine.follow(plan, &mut self.clock);
        has_changed
    }

    fn keep(&mut self, event: &'static str, plan: Plan<&'static str>) {
        assert!(!self.handle(event, Consumed, To::Keep, plan));
    }

    /// Takes the next event that is known, and consumes it.
    fn next(&mut self) -> Option<(EventType, &'static str)> {
        let item = self.engine.next_queued().or_else(|| self.engine.next_zero())?;
        let (kind, event) = (item.kind, item.event.into_inner());
        self.keep(event, Plan::default());
        Some((kind, event))
    }

    /// All events that are known, each consumed.
    fn drain(&mut self) -> Vec<&'static str> {
        std::iter::from_fn(|| self.next()).map(|(_, event)| event).collect()
    }

    /// Has the timer fire that was started as the `index`th.
    fn fire(&mut self, index: usize) -> Option<&'static str> {
        let (timeout, timer, _) = &self.clock.started[index];
        let item = self.engine.fire(timeout, *timer)?;
        Some(item.event.into_inner())
    }

    fn postponed(&self) -> Vec<&'static str> {
        self.engine.postponed().map(|(_, event)| *event).collect()
    }
}

fn none() -> Plan<&'static str> {
    Plan::default()
}

fn insert<const N: usize>(events: [&'static str; N]) -> Plan<&'static str> {
    let next_events = events.map(|event| Item::new(EventType::Internal, None, event)).into();
    Plan { next_events, ..Plan::default() }
}

/// What a callback says of a timeout.
type Order = (TimeoutType, What<&'static str>);

fn start(timeout: TimeoutType, time: Time, event: &'static str) -> Order {
    (timeout, What::Start(time, Guarded::new(event)))
}

fn update(timeout: TimeoutType, event: &'static str) -> Order {
    (timeout, What::Update(Guarded::new(event)))
}

fn orders<const N: usize>(list: [Order; N]) -> Plan<&'static str> {
    let mut orders = Orders::new();
    list.into_iter().for_each(|(timeout, what)| orders.give(timeout, what));
    Plan { orders, ..Plan::default() }
}

fn named(name: &'static str) -> TimeoutType {
    TimeoutType::Generic(name.into())
}

mod a_postponed_event {
    use super::*;

    #[test]
    fn waits_until_the_state_changes() {
        let mut machine = Machine::new();
        machine.handle("1", Postponed, To::Keep, none());
        machine.handle("2", Consumed, To::Repeat, none());
        machine.handle("3", Consumed, To::Next("a"), none());
        assert_eq!((machine.drain(), machine.postponed()), (vec![], vec!["1"]));
        assert!(machine.handle("4", Consumed, To::Next("b"), none()));
        assert_eq!((machine.drain(), machine.postponed()), (vec!["1"], vec![]));
    }

    #[test]
    fn comes_after_those_that_were_postponed_before() {
        let mut machine = Machine::new();
        machine.handle("1", Postponed, To::Keep, none());
        machine.handle("2", Postponed, To::Keep, none());
        machine.handle("3", Postponed, To::Next("b"), none());
        assert_eq!(machine.drain(), ["1", "2", "3"]);
    }

    #[test]
    fn that_is_postponed_again_keeps_its_place() {
        let mut machine = Machine::new();
        machine.handle("1", Postponed, To::Keep, none());
        machine.handle("2", Postponed, To::Keep, none());
        machine.handle("go", Consumed, To::Next("b"), none());
        for event in ["1", "2"] {
            assert_eq!(machine.engine.next_queued().unwrap().event.into_inner(), event);
            machine.handle(event, Postponed, To::Keep, none());
        }
        machine.handle("go", Consumed, To::Next("c"), none());
        assert_eq!(machine.drain(), ["1", "2"]);
    }

    #[test]
    fn comes_before_what_was_in_the_queue() {
        let mut machine = Machine::new();
        machine.handle("1", Postponed, To::Keep, insert(["x", "y"]));
        let x = machine.engine.next_queued().unwrap();
        machine.handle(x.event.into_inner(), Consumed, To::Next("b"), none());
        assert_eq!(machine.drain(), ["1", "y"]);
    }

    #[test]
    fn comes_after_what_the_same_transition_inserts() {
        let mut machine = Machine::new();
        machine.handle("1", Postponed, To::Next("b"), insert(["x", "y"]));
        assert_eq!(machine.drain(), ["x", "y", "1"]);
    }
}

mod an_inserted_event {
    use super::*;

    #[test]
    fn comes_before_those_that_were_inserted_before() {
        let mut machine = Machine::new();
        machine.keep("1", insert(["a", "b"]));
        assert_eq!(machine.engine.next_queued().unwrap().event.into_inner(), "a");
        machine.keep("a", insert(["c", "d"]));
        assert_eq!(machine.drain(), ["c", "d", "b"]);
    }

    #[test]
    fn has_the_type_that_it_was_given() {
        let mut machine = Machine::new();
        let next_events = [(EventType::StateTimeout, "x"), (EventType::Cast, "y")];
        let next_events = next_events.map(|(kind, it)| Item::new(kind, None, it)).into();
        machine.keep("1", Plan { next_events, ..Plan::default() });
        assert_eq!(machine.next(), Some((EventType::StateTimeout, "x")));
        assert_eq!(machine.next(), Some((EventType::Cast, "y")));
    }
}

mod the_event_timeout {
    use super::*;

    #[test]
    fn is_ended_by_any_event() {
        let mut machine = Machine::new();
        machine.keep("1", orders([start(TimeoutType::Event, LATER, "late")]));
        machine.keep("2", none());
        assert_eq!(machine.clock.cancelled, [machine.clock.started[0].1]);
        assert_eq!(machine.fire(0), None);
    }

    #[test]
    fn comes_if_there_is_none() {
        let mut machine = Machine::new();
        machine.keep("1", orders([start(TimeoutType::Event, LATER, "late")]));
        assert_eq!(machine.fire(0), Some("late"));
        assert_eq!(machine.fire(0), None);
    }

    // OTP: gen_statem_SUITE:event_order
    #[test]
    fn of_zero_is_ended_by_an_inserted_event() {
        let mut machine = Machine::new();
        let plan = orders([start(TimeoutType::Event, ZERO, "late")]);
        machine.keep("1", Plan { next_events: insert(["x"]).next_events, ..plan });
        assert_eq!(machine.drain(), ["x"]);
    }

    // OTP: gen_statem_SUITE:state_timeout
    #[test]
    fn of_zero_is_ended_by_a_state_timeout_of_zero_that_comes_first() {
        let (event, state) = (TimeoutType::Event, TimeoutType::State);
        let mut machine = Machine::new();
        let first = start(state.clone(), ZERO, "state");
        machine.keep("1", orders([first, start(event.clone(), ZERO, "event")]));
        assert_eq!(machine.drain(), ["state"]);
        let first = start(event, ZERO, "event");
        machine.keep("2", orders([first, start(state, ZERO, "state")]));
        assert_eq!(machine.drain(), ["event", "state"]);
    }
}

mod the_state_timeout {
    use super::*;

    #[test]
    fn is_ended_by_a_change_of_the_state_only() {
        let mut machine = Machine::new();
        machine.keep("1", orders([start(TimeoutType::State, LATER, "late")]));
        machine.keep("2", none());
        machine.handle("3", Consumed, To::Repeat, none());
        assert_eq!(machine.clock.cancelled, []);
        machine.handle("4", Consumed, To::Next("b"), none());
        assert_eq!(machine.fire(0), None);
    }

    #[test]
    fn of_the_transition_is_that_of_the_next_state() {
        let mut machine = Machine::new();
        let plan = orders([start(TimeoutType::State, LATER, "late")]);
        machine.handle("1", Consumed, To::Next("b"), plan);
        assert_eq!(machine.fire(0), Some("late"));
    }
}

mod a_generic_timeout {
    use super::*;

    // OTP: gen_statem_SUITE:generic_timers
    #[test]
    fn outlives_events_and_states_and_runs_beside_others() {
        let mut machine = Machine::new();
        machine.keep("1", orders([start(named("x"), LATER, "x"), start(named("y"), LATER, "y")]));
        machine.handle("2", Consumed, To::Next("b"), none());
        assert_eq!((machine.fire(1), machine.fire(0)), (Some("y"), Some("x")));
    }

    #[test]
    fn that_starts_again_does_not_come_for_the_first_time() {
        let mut machine = Machine::new();
        machine.keep("1", orders([start(named("x"), LATER, "first")]));
        machine.keep("2", orders([start(named("x"), LATER, "second")]));
        assert_eq!(machine.fire(0), None);
        assert_eq!(machine.fire(1), Some("second"));
    }

    #[test]
    fn of_zero_that_starts_again_waits_for_its_new_time() {
        let mut machine = Machine::new();
        let plan = orders([start(named("x"), ZERO, "first")]);
        machine.keep("1", Plan { next_events: insert(["y"]).next_events, ..plan });
        assert_eq!(machine.engine.next_queued().unwrap().event.into_inner(), "y");
        machine.keep("y", orders([start(named("x"), LATER, "second")]));
        assert_eq!(machine.drain(), Vec::<&str>::new());
        assert_eq!(machine.fire(0), Some("second"));
    }
}

mod many_timeouts {
    use super::*;

    // Events that had to look at each of them would take minutes.
    #[test]
    fn do_not_slow_events_down() {
        let mut machine = Machine::new();
        let names: Vec<_> =
            (0..10_000).map(|n| TimeoutType::Generic(n.to_string().into())).collect();
        let mut all = Orders::new();
        for name in &names {
            all.give(name.clone(), What::Start(LATER, Guarded::new("late")));
        }
        machine.keep("1", Plan { orders: all, ..Plan::default() });
        (0..names.len()).for_each(|_| machine.keep("2", none()));
        assert_eq!(machine.engine.timeouts().count(), names.len());
        assert!((0..names.len()).rev().all(|index| machine.fire(index) == Some("late")));
    }
}

mod a_timeout {
    use super::*;

    #[test]
    fn of_zero_needs_no_timer_and_comes_after_the_queue() {
        let mut machine = Machine::new();
        let plan = orders([start(named("x"), ZERO, "zero"), start(named("y"), ZERO, "too")]);
        machine.keep("1", Plan { next_events: insert(["inserted"]).next_events, ..plan });
        assert!(machine.clock.started.is_empty());
        assert_eq!(machine.drain(), ["inserted", "zero", "too"]);
    }

    #[test]
    fn in_the_past_is_left_to_its_timer() {
        let past = Time::At(Instant::now());
        let mut machine = Machine::new();
        machine.keep("1", orders([start(named("x"), past, "past")]));
        assert!(machine.engine.waits_for_message());
        assert_eq!(machine.clock.started[0].2, past);
    }

    #[test]
    fn that_is_set_twice_is_set_by_the_last() {
        let mut machine = Machine::new();
        let [first, last] = ["first", "last"].map(|event| start(named("x"), LATER, event));
        machine.keep("1", orders([first, last]));
        assert_eq!((machine.clock.started.len(), machine.fire(0)), (1, Some("last")));
    }

    // OTP: the last action for a timeout is the only one, and an update is no start.
    #[test]
    fn that_is_started_and_then_updated_is_only_updated() {
        let mut machine = Machine::new();
        let update = update(named("x"), "new");
        machine.keep("1", orders([start(named("x"), LATER, "old"), update]));
        assert!(machine.clock.started.is_empty());
        assert_eq!(machine.drain(), ["new"]);
    }

    // OTP: gen_statem_SUITE:timeout_cancel_and_update
    #[test]
    fn that_is_cancelled_does_not_come() {
        let cancel = || (named("x"), What::Cancel);
        let mut machine = Machine::new();
        machine.keep("1", orders([cancel()]));
        for end in [cancel(), start(named("x"), NEVER, "never")] {
            machine.keep("2", orders([start(named("x"), LATER, "late")]));
            machine.keep("3", orders([end]));
            assert_eq!(machine.fire(0), None);
        }
        assert_eq!(machine.clock.cancelled.len(), 2);
    }

    #[test]
    fn of_zero_that_is_cancelled_does_not_come() {
        let mut machine = Machine::new();
        let plan = orders([start(named("x"), ZERO, "zero")]);
        machine.keep("1", Plan { next_events: insert(["y"]).next_events, ..plan });
        assert_eq!(machine.engine.next_queued().unwrap().event.into_inner(), "y");
        machine.keep("y", orders([(named("x"), What::Cancel)]));
        assert!(machine.engine.waits_for_message());
    }

    // OTP: gen_statem_SUITE:timeout_cancel_and_update
    #[test]
    fn that_is_updated_keeps_its_time() {
        let mut machine = Machine::new();
        machine.keep("1", orders([start(named("x"), LATER, "old")]));
        machine.keep("2", orders([update(named("x"), "new")]));
        assert_eq!((machine.clock.started.len(), machine.clock.cancelled.len()), (1, 0));
        assert_eq!(machine.fire(0), Some("new"));
    }

    #[test]
    fn that_is_not_active_is_over_at_once_when_it_is_updated() {
        let mut machine = Machine::new();
        machine.keep("1", orders([update(named("x"), "new")]));
        assert_eq!(machine.drain(), ["new"]);
    }
}

mod orders {
    use super::*;

    /// The timeouts that they start.
    fn starts<const N: usize>(list: [Order; N]) -> Vec<TimeoutType> {
        let plan = orders(list);
        plan.orders.starts().map(|(timeout, _, _)| timeout).collect()
    }

    #[test]
    fn that_start_something_are_known_in_their_order() {
        let list = [start(named("x"), LATER, "1"), start(named("a"), LATER, "2")];
        assert_eq!(starts(list), [named("x"), named("a")]);
    }

    #[test]
    fn that_later_ones_override_start_nothing() {
        let first = start(TimeoutType::State, LATER, "1");
        assert_eq!(starts([first, (TimeoutType::State, What::Cancel)]), []);
    }

    #[test]
    fn without_an_end_start_nothing() {
        assert_eq!(starts([start(named("x"), NEVER, "1")]), []);
    }

    #[test]
    fn of_enter_calls_come_after_those_that_were_given() {
        let [mut all, entered] = [
            orders([start(named("x"), LATER, "1"), start(named("y"), LATER, "2")]),
            orders([start(named("z"), LATER, "3"), start(named("x"), LATER, "4")]),
        ]
        .map(|plan| plan.orders);
        all.extend(entered);
        let events: Vec<&str> = all.starts().map(|(_, _, event)| *event).collect();
        assert_eq!(events, ["2", "3", "4"]);
    }
}

mod hibernation {
    use super::*;

    #[test]
    fn lasts_until_the_next_event() {
        let mut machine = Machine::new();
        machine.keep("1", Plan { hibernate: true, ..Plan::default() });
        assert!(machine.engine.hibernates() && machine.engine.waits_for_message());
        machine.keep("2", none());
        assert!(!machine.engine.hibernates());
    }

    // OTP: gen_statem_SUITE:hibernate
    #[test]
    fn does_not_come_while_events_are_known() {
        let mut machine = Machine::new();
        machine.keep("1", Plan { hibernate: true, ..insert(["x"]) });
        assert!(!machine.engine.waits_for_message());
        assert_eq!(machine.drain(), ["x"]);
        assert!(!machine.engine.hibernates());
    }
}

mod the_state {
    use super::*;

    #[test]
    fn that_is_equal_is_no_change() {
        let mut machine = Machine::new();
        assert_eq!(machine.engine.change_state(To::Next("a")), Change::No);
        assert_eq!(machine.engine.change_state(To::Keep), Change::No);
        assert_eq!(machine.engine.change_state(To::Repeat), Change::Repeated);
        assert_eq!(machine.engine.change_state(To::Next("b")), Change::From(Guarded::new("a")));
        assert_eq!(machine.engine.current.state, "b");
    }
}
