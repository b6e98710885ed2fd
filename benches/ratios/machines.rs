//! State machines, beside servers that do the same.

use std::hint::black_box;

use procession::gen_statem::{
    Actions, EventType, GenStatem, InitResult, StateResult, StatemRef, keep_state, started,
};
use procession::prelude::ReplyTo;

use crate::calls::{self, Places, SLICE};
use crate::harness::{Bar, in_thread, mean_of, pin_to};
use crate::messages::{self, CASTS};

pub(crate) fn cast(bar: &Bar) {
    bar.compare(32, cast_to_machine, || messages::cast(1, None));
}

pub(crate) fn call(bar: &Bar) {
    let places = Places::apart();
    bar.compare(40, || call_machine(places), || calls::call(places, SLICE));
}

#[derive(Debug)]
struct Adder {
    total: u64,
}

#[derive(Debug)]
enum Event {
    Add(u64, u64),
    Total(ReplyTo<u64>),
    Echo(u64, ReplyTo<u64>),
}

impl GenStatem for Adder {
    type Args = Option<usize>;
    type State = ();
    type Event = Event;

    fn init(core: Option<usize>) -> InitResult<Self> {
        pin_to(core);
        started((), Adder { total: 0 })
    }

    fn handle_event(&mut self, _: EventType, event: Event, (): &()) -> StateResult<Self> {
        match event {
            Event::Add(n, more) => {
                self.total += black_box(n) + black_box(more);
                keep_state()
            }
            Event::Total(client) => keep_state().reply(client, self.total),
            Event::Echo(n, client) => keep_state().reply(client, n),
        }
    }
}

/// Time per cast, as of a server.
fn cast_to_machine() -> f64 {
    let adder = Adder::start(None).unwrap().owned();
    let all = |adder: &StatemRef<Adder>| {
        (1..=u64::from(CASTS)).for_each(|n| adder.cast(Event::Add(n, n)));
        black_box(adder.call(Event::Total).unwrap());
    };
    in_thread(|| {
        all(&adder);
        mean_of(CASTS, || all(&adder))
    })
}

fn call_machine(places: Places) -> f64 {
    let adder = Adder::start(places.server).unwrap().owned();
    in_thread(|| {
        pin_to(places.client);
        SLICE.mean(|| {
            let n = black_box(1);
            _ = black_box(adder.call(|client| Event::Echo(n, client)).unwrap());
        })
    })
}
