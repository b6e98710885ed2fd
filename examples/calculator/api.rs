//! What clients call. They never see a request.

use procession::gen_server::RequestId;
use procession::prelude::*;

use super::core::{CalculationError, Operation};
use super::server::{self, GetLongestQueue, GetState};

pub(crate) type Calculator = ServerRef<server::Calculator>;

pub(crate) fn start(initial: i64) -> Result<Calculator, StartError> {
    server::Calculator::start(initial)
}

/// Has an operation done, and does not wait.
pub(crate) fn cast(calculator: Calculator, operation: Operation) {
    calculator.cast(operation);
}

pub(crate) fn add(calculator: Calculator, n: i64) {
    cast(calculator, Operation::Add(n));
}

pub(crate) fn subtract(calculator: Calculator, n: i64) {
    cast(calculator, Operation::Subtract(n));
}

pub(crate) fn multiply(calculator: Calculator, n: i64) {
    cast(calculator, Operation::Multiply(n));
}

pub(crate) fn divide(calculator: Calculator, n: i64) {
    cast(calculator, Operation::Divide(n));
}

pub(crate) fn inc(calculator: Calculator) {
    cast(calculator, Operation::Inc);
}

pub(crate) fn dec(calculator: Calculator) {
    cast(calculator, Operation::Dec);
}

/// Has an operation done, and waits for the result.
pub(crate) fn call(
    calculator: Calculator,
    operation: Operation,
) -> Result<Result<i64, CalculationError>, CallError> {
    calculator.call(operation)
}

pub(crate) fn state(calculator: Calculator) -> Result<i64, CallError> {
    calculator.call(GetState)
}

/// Asks how many messages have waited at once. The answer is waited for later.
pub(crate) fn ask_longest_queue(calculator: Calculator) -> RequestId<usize> {
    calculator.send_request(GetLongestQueue)
}
