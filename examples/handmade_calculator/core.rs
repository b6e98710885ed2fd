//! What calculating is. It knows of no process: it is tested by calling it.

use std::error::Error;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Add(i64),
    Subtract(i64),
    Multiply(i64),
    Divide(i64),
    Inc,
    Dec,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalculationError {
    DivisionByZero,
    Overflow,
}

impl fmt::Display for CalculationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DivisionByZero => "nothing can be divided by zero",
            Self::Overflow => "the result is too large",
        })
    }
}

impl Error for CalculationError {}

pub(crate) fn apply(state: i64, operation: Operation) -> Result<i64, CalculationError> {
    let result = match operation {
        Operation::Add(n) => state.checked_add(n),
        Operation::Subtract(n) => state.checked_sub(n),
        Operation::Multiply(n) => state.checked_mul(n),
        Operation::Divide(0) => return Err(CalculationError::DivisionByZero),
        Operation::Divide(n) => state.checked_div(n),
        Operation::Inc => state.checked_add(1),
        Operation::Dec => state.checked_sub(1),
    };
    result.ok_or(CalculationError::Overflow)
}

/// Applies one operation after the other, until one has no result.
pub(crate) fn fold(
    state: i64,
    operations: impl IntoIterator<Item = Operation>,
) -> Result<i64, CalculationError> {
    operations.into_iter().try_fold(state, apply)
}

#[cfg(test)]
mod tests {
    use super::{CalculationError, Operation, apply, fold};

    #[test]
    fn an_operation_makes_the_next_state() {
        let results = [
            (Operation::Add(4), 24),
            (Operation::Subtract(4), 16),
            (Operation::Multiply(4), 80),
            (Operation::Divide(4), 5),
            (Operation::Inc, 21),
            (Operation::Dec, 19),
        ];
        for (operation, result) in results {
            assert_eq!(apply(20, operation), Ok(result), "{operation:?}");
        }
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(apply(20, Operation::Divide(0)), Err(CalculationError::DivisionByZero));
        assert_eq!(CalculationError::DivisionByZero.to_string(), "nothing can be divided by zero");
    }

    #[test]
    fn a_result_that_is_too_large_is_an_error() {
        let too_large = [
            (i64::MAX, Operation::Inc),
            (i64::MIN, Operation::Dec),
            (i64::MAX, Operation::Multiply(2)),
            (i64::MIN, Operation::Divide(-1)),
        ];
        for (state, operation) in too_large {
            assert_eq!(apply(state, operation), Err(CalculationError::Overflow), "{operation:?}");
        }
        assert_eq!(CalculationError::Overflow.to_string(), "the result is too large");
    }

    #[test]
    fn a_fold_applies_all_operations_in_order() {
        let operations = [Operation::Subtract(4), Operation::Multiply(14), Operation::Divide(2)];
        assert_eq!(fold(10, operations), Ok(42));
        assert_eq!(fold(10, []), Ok(10));
    }

    #[test]
    fn a_fold_ends_at_the_first_error() {
        let operations = [Operation::Divide(0), Operation::Add(i64::MAX)];
        assert_eq!(fold(10, operations), Err(CalculationError::DivisionByZero));
    }
}
