//! What is logged of state machines that do what they do not declare: a binary of its own, as it
//! sets the program's logger.

use procession::gen_statem::{Diagram, InitResult};
use procession::prelude::*;

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod logger;
}

use crate::support::logger::{keep_what_is_logged, logged};

/// Goes to whatever state it is told to.
#[derive(Debug)]
struct Wanderer;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Home,
    Street { number: u32 },
}

#[derive(Debug)]
enum Event {
    Go(Place),
    Stay,
}

impl GenStatem for Wanderer {
    type Args = Place;
    type State = Place;
    type Event = Event;

    fn diagram() -> Option<Diagram> {
        Some(Diagram::new().initial("Home").transition("Home", "Go", "Street"))
    }

    fn init(place: Place) -> InitResult<Self> {
        started(place, Wanderer)
    }

    fn handle_event(&mut self, _: EventType, event: Event, _: &Place) -> StateResult<Self> {
        match event {
            Event::Go(place) => next_state(place),
            Event::Stay => keep_state(),
        }
    }
}

/// What was warned of a wanderer that began somewhere, and went to these places.
fn warnings(name: &'static str, first: Place, places: &[Place]) -> Vec<String> {
    keep_what_is_logged();
    let options = StartOptions::new().name(name);
    let wanderer = Wanderer::start_with(first, options).unwrap();
    for place in places {
        wanderer.cast(Event::Go(*place));
        wanderer.cast(Event::Stay);
    }
    wanderer.stop().unwrap();
    let start = format!("WARN procession::gen_statem {name} ");
    let records = logged(&start);
    records.iter().map(|record| record.strip_prefix(&start).unwrap().to_owned()).collect()
}

/// The places that a wanderer goes to: the first step is declared, the others are not.
const WAY: [Place; 4] =
    [Place::Street { number: 1 }, Place::Street { number: 2 }, Place::Home, Place::Home];

#[test]
fn a_transition_that_is_not_declared_is_warned_of_once() {
    let expected = [
        "goes from the state Street to Street by Go, which its diagram does not declare",
        "goes from the state Street to Home by Go, which its diagram does not declare",
    ];
    let way: Vec<Place> = WAY.into_iter().chain(WAY).collect();
    let warnings = warnings("wanderer", Place::Home, &way);
    assert_eq!(warnings, if cfg!(debug_assertions) { &expected[..] } else { &[] });
}

#[test]
fn a_first_state_that_is_not_declared_is_warned_of() {
    let warnings = warnings("stranger", Place::Street { number: 3 }, &[]);
    let expected = ["begins in the state Street, which its diagram does not declare"];
    assert_eq!(warnings, if cfg!(debug_assertions) { &expected[..] } else { &[] });
}

#[test]
fn what_a_machine_does_not_handle_is_warned_of_with_its_name() {
    keep_what_is_logged();
    let options = StartOptions::new().name("gen_statem_warnings::deaf");
    let wanderer = Wanderer::start_with(Place::Home, options).unwrap();
    wanderer.send("no event");
    StatemRef::<Other>::from_pid(wanderer.pid()).cast(());
    wanderer.stop().unwrap();
    let start = "WARN procession::gen_statem gen_statem_warnings::deaf ";
    let machine = "(gen_statem_warnings::Wanderer)";
    assert_eq!(
        logged(start),
        [
            format!("{start}{machine} does not handle this message: \"no event\""),
            format!("{start}{machine} has dropped a cast for a gen_statem_warnings::Other: ()"),
        ]
    );
}

/// A machine of another type.
#[derive(Debug)]
struct Other;

impl GenStatem for Other {
    type Args = ();
    type State = ();
    type Event = ();

    fn init((): ()) -> InitResult<Self> {
        started((), Other)
    }

    fn handle_event(&mut self, _: EventType, (): (), (): &()) -> StateResult<Self> {
        keep_state()
    }
}
