//! The process: what to do with each message. There is no loop, no alias, no timeout.

use procession::prelude::*;

use super::core::{self, CalculationError, Operation};

#[derive(Debug)]
pub(crate) struct Calculator {
    state: i64,
    longest_queue: usize,
}

#[derive(Debug)]
pub(crate) struct GetState;

/// Asks how many messages have waited at once while an operation was done.
#[derive(Debug)]
pub(crate) struct GetLongestQueue;

impl Calculator {
    fn apply(&mut self, operation: Operation) -> Result<i64, CalculationError> {
        let info = process::info(process::self_pid());
        self.longest_queue = self.longest_queue.max(info.map_or(0, |it| it.message_queue_len));
        self.state = core::apply(self.state, operation)?;
        Ok(self.state)
    }
}

impl GenServer for Calculator {
    type Args = i64;

    fn init(state: i64) -> InitResult<Self> {
        ready(Calculator { state, longest_queue: 0 })
    }
}

/// Nobody waits for the result, so nobody can be told that there is none.
impl HandleCast<Operation> for Calculator {
    fn handle_cast(&mut self, operation: Operation) -> CastResult<Self> {
        if let Err(error) = self.apply(operation) {
            println!("the calculator: {operation:?}: {error}");
        }
        noreply()
    }
}

impl HandleCall<Operation> for Calculator {
    type Reply = Result<i64, CalculationError>;

    fn handle_call(
        &mut self,
        operation: Operation,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Operation> {
        reply(self.apply(operation))
    }
}

impl HandleCall<GetState> for Calculator {
    type Reply = i64;

    fn handle_call(&mut self, _: GetState, _: &Caller<i64>) -> CallResult<Self, GetState> {
        reply(self.state)
    }
}

impl HandleCall<GetLongestQueue> for Calculator {
    type Reply = usize;

    fn handle_call(
        &mut self,
        _: GetLongestQueue,
        _: &Caller<usize>,
    ) -> CallResult<Self, GetLongestQueue> {
        reply(self.longest_queue)
    }
}
