//! What clients call. They never see a message.

use std::fmt::Debug;

use procession::prelude::*;
use procession::process::{AliasMode, MonitorOptions, SpawnError};

use super::core::{CalculationError, Operation};
use super::server::{self, Answer, Calculate, GetLongestQueue, GetState, GoOn, PATIENCE, Pause};

pub(crate) fn start(initial: i64) -> Result<Pid, SpawnError> {
    process::spawn(move || server::serve(initial))
}

/// Has an operation done, and does not wait.
pub(crate) fn cast(calculator: Pid, operation: Operation) {
    process::send(calculator, operation);
}

pub(crate) fn add(calculator: Pid, n: i64) {
    cast(calculator, Operation::Add(n));
}

pub(crate) fn subtract(calculator: Pid, n: i64) {
    cast(calculator, Operation::Subtract(n));
}

pub(crate) fn multiply(calculator: Pid, n: i64) {
    cast(calculator, Operation::Multiply(n));
}

pub(crate) fn divide(calculator: Pid, n: i64) {
    cast(calculator, Operation::Divide(n));
}

pub(crate) fn inc(calculator: Pid) {
    cast(calculator, Operation::Inc);
}

pub(crate) fn dec(calculator: Pid) {
    cast(calculator, Operation::Dec);
}

/// Has an operation done, and waits for the result.
pub(crate) fn call(calculator: Pid, operation: Operation) -> Result<i64, ExitReason> {
    let result: Result<i64, CalculationError> =
        await_answer(ask(calculator, |client| Calculate(operation, client)))?;
    Ok(result?)
}

/// Returns the state, or why there is none.
pub(crate) fn state(calculator: Pid) -> Result<i64, ExitReason> {
    await_answer(ask(calculator, GetState))
}

/// Asks how many messages have waited at once. The answer is [awaited](await_answer) later.
pub(crate) fn ask_longest_queue(calculator: Pid) -> MonitorRef {
    ask(calculator, GetLongestQueue)
}

/// Keeps the calculator from its work until it is told to [go on](go_on).
pub(crate) fn pause(calculator: Pid) {
    process::send(calculator, Pause);
}

pub(crate) fn go_on(calculator: Pid) {
    process::send(calculator, GoOn);
}

/// Sends a question. The alias that the answer is to be sent to is a monitor, too.
fn ask<Q: Debug + Send + 'static>(calculator: Pid, question: impl Fn(Alias) -> Q) -> MonitorRef {
    let options = MonitorOptions::new().alias(AliasMode::Reply);
    let monitor = process::monitor_with(calculator, options);
    process::send(calculator, question(Alias::from(monitor)));
    monitor
}

/// Waits for the answer to a question, and does not wait in vain.
pub(crate) fn await_answer<T: Debug + Send + 'static>(
    monitor: MonitorRef,
) -> Result<T, ExitReason> {
    let question = Alias::from(monitor);
    receive! {
        answer: Answer<T> if answer.question == question => Ok(answer.value),
        down: Down if down.monitor == monitor => Err(down.reason),
        after PATIENCE => {
            process::demonitor_flush(monitor);
            Err(ExitReason::new("no answer"))
        }
    }
}
