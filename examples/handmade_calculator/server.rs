//! The process: a loop whose state is a local variable.

use std::fmt::Debug;
use std::time::Duration;

use procession::prelude::*;

use super::core::{self, Operation};

/// A server that nobody has used for so long ends, and a client does not wait longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// An operation whose result is to be sent to this alias.
#[derive(Debug)]
pub(crate) struct Calculate(pub(crate) Operation, pub(crate) Alias);

/// Asks for the state.
#[derive(Debug)]
pub(crate) struct GetState(pub(crate) Alias);

/// Asks how many messages have waited at once while an operation was done.
#[derive(Debug)]
pub(crate) struct GetLongestQueue(pub(crate) Alias);

/// The server is to do nothing else until it is told to go on.
#[derive(Debug)]
pub(crate) struct Pause;

#[derive(Debug)]
pub(crate) struct GoOn;

/// An answer, and which question it is the answer to.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) question: Alias,
    pub(crate) value: T,
}

fn answer<T: Debug + Send + 'static>(question: Alias, value: T) {
    process::send(question, Answer { question, value });
}

pub(crate) fn serve(initial: i64) {
    let mut state = initial;
    let mut longest_queue = 0;
    loop {
        receive! {
            // Nobody waits for the result, so nobody can be told that there is none.
            operation: Operation => {
                longest_queue = longest_queue.max(queue());
                match core::apply(state, operation) {
                    Ok(result) => state = result,
                    Err(error) => println!("the calculator: {operation:?}: {error}"),
                }
            }
            Calculate(operation, question) => {
                longest_queue = longest_queue.max(queue());
                let result = core::apply(state, operation);
                state = result.unwrap_or(state);
                answer(question, result);
            }
            GetState(question) => answer(question, state),
            GetLongestQueue(question) => answer(question, longest_queue),
            Pause => receive! { GoOn => {} },
            unknown: Message => panic!("what is {unknown:?}?"),
            after PATIENCE => return,
        }
    }
}

/// Returns how many messages wait.
fn queue() -> usize {
    process::info(process::self_pid()).map_or(0, |info| info.message_queue_len)
}
