//! What counting is. It knows of no process: it is tested by calling it.

/// Returns the next count; `None` when there is no larger number.
pub fn next(count: u64) -> Option<u64> {
    count.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn one_is_added() {
        assert_eq!(next(41), Some(42));
    }

    #[test]
    fn nothing_is_larger_than_the_largest_number() {
        assert_eq!(next(u64::MAX), None);
    }
}
