//! A counter: a server that a supervisor keeps running, and the functions by which clients use it.

use std::time::Duration;

use procession::prelude::*;
use procession::timer;

use crate::core;

const NAME: &str = "counter";

/// The process. It counts at each tick.
#[derive(Debug)]
pub struct Counter {
    count: u64,
}

/// What the counter's timer sends it.
#[derive(Clone, Debug)]
struct Tick;

#[derive(Debug)]
struct Count;

impl GenServer for Counter {
    /// The time from one count to the next.
    type Args = Duration;

    fn init(period: Duration) -> InitResult<Self> {
        process::set_trap_exit(true); // So that `terminate` runs when the program is to end.
        timer::send_interval(period, process::self_pid(), Tick);
        ready(Counter { count: 0 })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Tick => {
                self.count = core::next(self.count).expect("there are numbers left");
                noreply()
            }
        } // What no arm fits is logged as a warning.
    }

    fn terminate(&mut self, reason: &ExitReason) {
        println!("the counter ends at {}: {reason}", self.count);
    }
}

impl HandleCall<Count> for Counter {
    type Reply = u64;

    fn handle_call(&mut self, _: Count, _: &Caller<u64>) -> CallResult<Self, Count> {
        reply(self.count)
    }
}

/// How a supervisor starts the counter, which counts after each `period`.
pub fn child_spec(period: Duration) -> ChildSpec<ServerRef<Counter>> {
    Counter::named_child_spec(NAME, period)
}

/// Returns how far the counter has counted.
///
/// # Errors
///
/// Says why there is no answer.
pub fn count() -> Result<u64, CallError> {
    ServerRef::<Counter>::named(NAME).call(Count)
}
