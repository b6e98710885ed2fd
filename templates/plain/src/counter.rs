//! A counter: a server, and the functions by which clients use it.

use procession::prelude::*;

use crate::core;

#[derive(Debug)]
struct Server {
    count: u64,
}

#[derive(Debug)]
struct Next;

impl GenServer for Server {
    type Args = u64;

    fn init(count: u64) -> InitResult<Self> {
        ready(Server { count })
    }
}

impl HandleCall<Next> for Server {
    type Reply = u64;

    fn handle_call(&mut self, _: Next, _: &Caller<u64>) -> CallResult<Self, Next> {
        self.count = core::next(self.count).expect("there are numbers left");
        reply(self.count)
    }
}

/// A counter that runs.
#[derive(Clone, Copy, Debug)]
pub struct Counter(ServerRef<Server>);

/// Starts a counter that has counted to `count`.
///
/// # Errors
///
/// Says why there is none.
pub fn start(count: u64) -> Result<Counter, StartError> {
    Server::start(count).map(Counter)
}

impl Counter {
    /// Counts one further, and returns to where.
    ///
    /// # Errors
    ///
    /// Says why there is no answer.
    pub fn next(self) -> Result<u64, CallError> {
        self.0.call(Next)
    }

    /// Stops the counter, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// Says why it was not there to be stopped.
    pub fn stop(self) -> Result<(), StopError> {
        self.0.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::start;

    #[test]
    fn a_counter_counts_on() {
        let counter = start(41).unwrap();
        assert_eq!(counter.next(), Ok(42));
        assert_eq!(counter.next(), Ok(43));
        counter.stop().unwrap();
    }

    #[test]
    fn a_counter_that_cannot_count_on_crashes_alone() {
        let counter = start(u64::MAX).unwrap();
        assert!(counter.next().is_err());
    }
}
