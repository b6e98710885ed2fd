//! When which key expires.

use std::collections::BTreeSet;

use super::{Bytes, Millis};

/// Keys in the order in which they expire.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<(Millis, Bytes)>);

impl Deadlines {
    /// Notes that `key` expires at `to`, where it was to expire at `from`; or does not.
    pub(crate) fn change(&mut self, key: &Bytes, from: Option<Millis>, to: Option<Millis>) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            self.0.remove(&(from, Bytes::clone(key)));
        }
        if let Some(to) = to {
            self.0.insert((to, Bytes::clone(key)));
        }
    }

    /// Removes a key that has expired, and returns it; one after the other.
    pub(crate) fn pop_expired(&mut self, now: Millis) -> Option<Bytes> {
        let due = self.next().is_some_and(|next| next <= now);
        due.then(|| self.0.pop_first()).flatten().map(|(_, key)| key)
    }

    /// When the next key expires.
    pub(crate) fn next(&self) -> Option<Millis> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Bytes {
        name.as_bytes().into()
    }

    #[test]
    fn keys_expire_in_order_and_not_before_their_time() {
        let mut deadlines = Deadlines::default();
        for (name, at) in [("b", 20), ("a", 10), ("c", 30)] {
            deadlines.change(&key(name), None, Some(at));
        }
        assert_eq!(deadlines.pop_expired(9), None);
        assert_eq!(deadlines.pop_expired(20), Some(key("a")));
        assert_eq!(deadlines.pop_expired(20), Some(key("b")));
        assert_eq!(deadlines.pop_expired(20), None);
        assert_eq!(deadlines.next(), Some(30));
        deadlines.clear();
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn a_key_has_one_deadline() {
        let mut deadlines = Deadlines::default();
        deadlines.change(&key("a"), None, Some(10));
        deadlines.change(&key("a"), Some(10), Some(20));
        assert_eq!(deadlines.next(), Some(20));
        deadlines.change(&key("a"), Some(20), None);
        assert_eq!(deadlines.next(), None);
    }
}
