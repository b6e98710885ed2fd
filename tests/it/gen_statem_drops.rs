//! State machines whose states, data and events panic when they are dropped.

use procession::gen_statem::{Diagram, InitResult};
use procession::prelude::*;

use crate::support::drops::PanicsOnDrop;
use crate::support::processes::{FOREVER, be_killed, reason};
use crate::support::wait::down_reason;

/// A state, which may panic when it is dropped.
#[derive(Debug, PartialEq)]
struct State(&'static str, Option<PanicsOnDrop>);

fn state(name: &'static str) -> State {
    State(name, None)
}

/// Does what its events tell it.
#[derive(Debug)]
struct Fragile {
    /// What it does when it has come to another state.
    enter: fn() -> EnterResult<Fragile>,
    #[expect(dead_code, reason = "it is dropped")]
    bomb: Option<PanicsOnDrop>,
}

/// What a machine is started with: its state, and whether the data panic when they are dropped.
type Start = fn() -> (State, Fragile);

#[derive(Debug)]
enum Event {
    Do(fn() -> StateResult<Fragile>),
    Bomb(PanicsOnDrop),
    Ask(ReplyTo<&'static str>),
}

fn bomb() -> Event {
    Event::Bomb(PanicsOnDrop)
}

impl GenStatem for Fragile {
    type Args = Start;
    type State = State;
    type Event = Event;

    fn init(start: Start) -> InitResult<Self> {
        let (state, data) = start();
        started(state, data)
    }

    fn handle_event(&mut self, _: EventType, event: Event, state: &State) -> StateResult<Self> {
        match event {
            Event::Do(this) => this(),
            Event::Bomb(_) => keep_state(),
            Event::Ask(client) => keep_state().reply(client, state.0),
        }
    }

    fn state_enter(&mut self, old_state: &State, state: &State) -> EnterResult<Self> {
        if old_state == state { entered() } else { (self.enter)() }
    }
}

/// Starts a machine in the state `a`, which does this when it comes to another.
fn machine(start: Start) -> StatemRef<Fragile> {
    Fragile::start(start).unwrap()
}

fn stopping() -> StatemRef<Fragile> {
    machine(|| (state("a"), Fragile { enter: || Err(reason()), bomb: None }))
}

fn panicking() -> StatemRef<Fragile> {
    machine(|| (state("a"), Fragile { enter: || panic!("enters"), bomb: None }))
}

fn harmless() -> StatemRef<Fragile> {
    machine(|| (state("a"), Fragile { enter: entered, bomb: None }))
}

/// Sends an event, and returns the reason with which the machine ends.
#[track_caller]
fn end_by(machine: StatemRef<Fragile>, event: Event) -> ExitReason {
    let monitor = process::monitor(machine);
    machine.cast(event);
    down_reason(monitor)
}

#[track_caller]
fn assert_panicked(ended: ExitReason, message: &str) {
    let panic = ended.as_panic().unwrap_or_else(|| panic!("{ended}"));
    assert_eq!(panic.message, message);
}

mod an_inserted_event {
    use super::*;

    const GO: Event = Event::Do(|| next_state(state("b")).next_event(EventType::Internal, bomb()));

    #[test]
    fn is_not_the_reason_of_a_machine_that_stops_as_it_enters_a_state() {
        assert_eq!(end_by(stopping(), GO), reason());
    }

    #[test]
    fn is_no_second_panic_when_entering_a_state_panics() {
        assert_panicked(end_by(panicking(), GO), "enters");
    }
}

mod the_event_of_a_timeout {
    use super::*;

    #[test]
    fn is_no_second_panic_when_entering_a_state_panics() {
        let event = Event::Do(|| next_state(state("b")).state_timeout(FOREVER, bomb()));
        assert_panicked(end_by(panicking(), event), "enters");
    }

    #[test]
    fn that_a_later_action_overrides_does_no_harm() {
        let machine = harmless();
        machine.cast(Event::Do(|| {
            keep_state().state_timeout(FOREVER, bomb()).cancel(TimeoutType::State)
        }));
        assert_eq!(machine.call(Event::Ask), Ok("a"));
    }

    #[test]
    fn that_is_replaced_does_no_harm() {
        let machine = harmless();
        machine.cast(Event::Do(|| keep_state().state_timeout(FOREVER, bomb())));
        machine.cast(Event::Do(|| keep_state().update(TimeoutType::State, Event::Do(keep_state))));
        assert_eq!(machine.call(Event::Ask), Ok("a"));
    }
}

mod a_postponed_event {
    use super::*;

    #[test]
    fn that_another_replaces_does_no_harm() {
        let machine = harmless();
        machine.cast(Event::Do(|| keep_state().postpone(bomb()).postpone(Event::Do(keep_state))));
        assert_eq!(machine.call(Event::Ask), Ok("a"));
    }
}

mod the_old_state {
    use super::*;

    fn with_a_bomb() -> State {
        State("a", Some(PanicsOnDrop))
    }

    #[test]
    fn is_no_second_panic_when_entering_a_state_panics() {
        let machine =
            machine(|| (with_a_bomb(), Fragile { enter: || panic!("enters"), bomb: None }));
        let event = Event::Do(|| next_state(state("b")));
        assert_panicked(end_by(machine, event), "enters");
    }

    #[test]
    fn does_no_harm_to_a_machine_that_goes_on() {
        let machine = machine(|| (with_a_bomb(), Fragile { enter: entered, bomb: None }));
        machine.cast(Event::Do(|| next_state(state("b"))));
        assert_eq!(machine.call(Event::Ask), Ok("b"));
    }
}

mod state_and_data {
    use super::*;

    #[test]
    fn that_both_panic_do_not_abort_the_program() {
        let machine = machine(|| {
            let data = Fragile { enter: entered, bomb: Some(PanicsOnDrop) };
            (State("a", Some(PanicsOnDrop)), data)
        });
        assert_eq!(machine.call(Event::Ask), Ok("a"));
        assert_eq!(machine.stop(), Ok(()));
    }

    #[test]
    fn that_both_panic_do_not_abort_the_program_if_the_machine_is_killed_in_init() {
        let started = Fragile::start(|| {
            be_killed();
            let data = Fragile { enter: entered, bomb: Some(PanicsOnDrop) };
            (State("a", Some(PanicsOnDrop)), data)
        });
        assert!(matches!(started, Err(StartError::Failed(ExitReason::Killed))), "{started:?}");
    }

    /// Kills its machine when it is asked for the diagram.
    #[derive(Debug)]
    struct Drawn(PanicsOnDrop);

    impl GenStatem for Drawn {
        type Args = ();
        type State = State;
        type Event = ();

        fn init((): ()) -> InitResult<Self> {
            started(State("a", Some(PanicsOnDrop)), Drawn(PanicsOnDrop))
        }

        fn handle_event(&mut self, _: EventType, (): (), _: &State) -> StateResult<Self> {
            keep_state()
        }

        fn diagram() -> Option<Diagram> {
            be_killed();
            process::checkpoint();
            None
        }
    }

    /// In release builds nobody asks for it.
    #[cfg(debug_assertions)]
    #[test]
    fn that_both_panic_do_not_abort_the_program_if_the_machine_is_killed_in_its_diagram() {
        let (machine, monitor) = Drawn::start_monitor(()).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Killed, "{machine:?}");
    }
}
