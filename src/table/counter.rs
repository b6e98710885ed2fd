//! Counters: values that are integers.

use super::TableError;

/// A type of values that are counters: any integer type.
pub trait Counter: Copy + Ord + Send + Sync + sealed::Sealed + 'static {
    /// Returns the sum, if it is within the range of the type.
    #[doc(hidden)]
    fn plus(self, n: i64) -> Option<Self>;
}

mod sealed {
    #[expect(unnameable_types, reason = "only this module implements it")]
    pub trait Sealed {}
}

macro_rules! counters {
    ($($integer:ty)+) => {$(
        impl sealed::Sealed for $integer {}

        impl Counter for $integer {
            fn plus(self, n: i64) -> Option<$integer> {
                <$integer>::try_from(i128::from(self).checked_add(i128::from(n))?).ok()
            }
        }
    )+};
}

counters! { i8 i16 i32 i64 i128 u8 u16 u32 u64 }

macro_rules! counters_by_size {
    ($($integer:ty)+) => {$(
        impl sealed::Sealed for $integer {}

        impl Counter for $integer {
            fn plus(self, n: i64) -> Option<$integer> {
                <$integer>::try_from(i128::try_from(self).ok()? + i128::from(n)).ok()
            }
        }
    )+};
}

counters_by_size! { isize usize }

/// Describes how [`update_counter_with`](super::Table::update_counter_with) changes a counter.
///
/// ```
/// use procession::table::{Increment, Table};
///
/// // Rounds of eight.
/// let next = Increment::by(1).threshold(7, 0).default(0);
/// let seats = Table::<&str, u8>::new()?;
/// for expected in [1, 2, 3, 4, 5, 6, 7, 0, 1] {
///     assert_eq!(seats.update_counter_with("blue", next)?, expected);
/// }
/// # Ok::<(), procession::table::TableError>(())
/// ```
///
/// OTP: `UpdateOp` of
/// [`ets:update_counter/4`](https://www.erlang.org/doc/apps/stdlib/ets.html#update_counter/4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Increment<V> {
    by: i64,
    threshold: Option<(V, V)>,
    default: Option<V>,
}

impl<V: Counter> Increment<V> {
    /// Creates an increment that adds `n`, which may be negative.
    ///
    /// ```
    /// # use procession::table::{Increment, Table};
    /// let stock = Table::<&str, i32>::new()?;
    /// stock.insert("nails", 10)?;
    /// assert_eq!(stock.update_counter_with("nails", Increment::by(-3))?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn by(n: i64) -> Increment<V> {
        Increment { by: n, threshold: None, default: None }
    }

    /// Sets a threshold: a counter that would become larger than `threshold`, or smaller if the
    /// increment is negative, is set to `value` instead.
    ///
    /// ```
    /// # use procession::table::{Increment, Table};
    /// let stock = Table::<&str, i32>::new()?;
    /// stock.insert("nails", 2)?;
    /// let never_below_zero = Increment::by(-3).threshold(0, 0);
    /// assert_eq!(stock.update_counter_with("nails", never_below_zero)?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn threshold(mut self, threshold: V, value: V) -> Increment<V> {
        self.threshold = Some((threshold, value));
        self
    }

    /// Sets a default: a counter that does not exist is incremented from `value`. Without a
    /// default, that is an error.
    ///
    /// ```
    /// # use procession::table::{Increment, Table};
    /// let stock = Table::<&str, i32>::new()?;
    /// assert_eq!(stock.update_counter_with("nails", Increment::by(5).default(10))?, 15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn default(mut self, value: V) -> Increment<V> {
        self.default = Some(value);
        self
    }

    /// Returns the first value of a counter that does not exist.
    pub(super) fn first(self) -> Result<V, TableError> {
        self.apply(self.default.ok_or(TableError::NoSuchKey)?)
    }

    /// Returns the value that follows `value`.
    pub(super) fn apply(self, value: V) -> Result<V, TableError> {
        match (value.plus(self.by), self.threshold) {
            (Some(sum), Some((threshold, _))) if !self.exceeds(sum, threshold) => Ok(sum),
            // A sum out of the range of the type is beyond any threshold.
            (_, Some((_, value))) => Ok(value),
            (Some(sum), None) => Ok(sum),
            (None, None) => Err(TableError::Overflow),
        }
    }

    fn exceeds(self, sum: V, threshold: V) -> bool {
        if self.by < 0 { sum < threshold } else { sum > threshold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // OTP: ets_SUITE:update_counter
    #[test]
    fn counts_within_thresholds_as_ets_does() {
        let to = |by, threshold, value| Increment::<i64>::by(by).threshold(threshold, value);
        assert_eq!(to(5, 12, 0).apply(11), Ok(0));
        assert_eq!(to(12, 12, 0).apply(0), Ok(12));
        assert_eq!(to(-20, 0, 3).apply(12), Ok(3));
        assert_eq!(to(-3, 0, 3).apply(3), Ok(0));
        assert_eq!(to(0, -1, 7).apply(0), Ok(7));
        assert_eq!(Increment::by(-4).apply(10_i64), Ok(6));
    }

    #[test]
    fn says_what_does_not_fit() {
        assert_eq!(Increment::by(1).apply(u8::MAX), Err(TableError::Overflow));
        assert_eq!(Increment::by(-1).apply(0_usize), Err(TableError::Overflow));
        assert_eq!(Increment::by(i64::MAX).apply(u64::MAX - 1), Err(TableError::Overflow));
        assert_eq!(Increment::by(-1).apply(u64::MAX), Ok(u64::MAX - 1));
        assert_eq!(Increment::by(1).threshold(u8::MAX, 3).apply(u8::MAX), Ok(3));
    }
}
