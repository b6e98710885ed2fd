//! A counter, in three layers.
//!
//! What to look for: the core is arithmetic, and knows of no process. The server has a name, so the
//! functions of `api` need no reference to it. `inc` is a cast and does not wait for the server,
//! yet the next `state` has counted it: what one process sends another arrives in order.
//!
//! Run it with `cargo run --example counter`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

/// What counting is.
mod core {
    pub(super) fn inc(count: u64) -> u64 {
        count + 1
    }
}

/// The process that holds the count.
mod server {
    use procession::prelude::*;

    use super::core;

    #[derive(Debug)]
    pub(super) struct Counter {
        count: u64,
    }

    #[derive(Debug)]
    pub(super) struct Inc;

    #[derive(Debug)]
    pub(super) struct State;

    impl GenServer for Counter {
        type Args = u64;

        fn init(count: u64) -> InitResult<Self> {
            ready(Counter { count })
        }
    }

    impl HandleCast<Inc> for Counter {
        fn handle_cast(&mut self, _: Inc) -> CastResult<Self> {
            self.count = core::inc(self.count);
            noreply()
        }
    }

    impl HandleCall<State> for Counter {
        type Reply = u64;

        fn handle_call(&mut self, _: State, _: &Caller<u64>) -> CallResult<Self, State> {
            reply(self.count)
        }
    }
}

/// What clients call.
mod api {
    use procession::prelude::*;

    use super::server::{Counter, Inc, State};

    const NAME: &str = "counter";

    fn counter() -> ServerRef<Counter, Name> {
        ServerRef::named(NAME)
    }

    pub(super) fn start_link(count: u64) -> Result<(), StartError> {
        Counter::start_link_with(count, StartOptions::new().name(NAME)).map(drop)
    }

    pub(super) fn inc() {
        counter().cast(Inc);
    }

    pub(super) fn state() -> Result<u64, CallError> {
        counter().call(State)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    api::start_link(0)?;
    println!("at first: {}", api::state()?);
    api::inc();
    println!("incremented: {}", api::state()?);
    (0..1_000).for_each(|_| api::inc());
    println!("incremented a thousand times: {}", api::state()?);
    Ok(())
}
