//! What a command does to the entry of its key.

use super::number::integer;
use super::reply::Reply;
use super::{Bytes, Millis};

/// What is under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Bytes,
    pub(crate) expires: Option<Millis>,
}

impl Entry {
    /// Whether it is still there for those who look.
    pub(crate) fn is_live(&self, now: Millis) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

/// What is to be done to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Get,
    Exists,
    TimeToLive,
    Set { value: Bytes, condition: Condition, expiry: Option<Expiry> },
    Delete,
    Increment,
    Expire(Expiry),
}

impl Action {
    /// Whether it changes nothing.
    pub(crate) fn reads(&self) -> bool {
        match self {
            Action::Get | Action::Exists | Action::TimeToLive => true,
            Action::Set { .. } | Action::Delete | Action::Increment | Action::Expire(_) => false,
        }
    }
}

/// When a key is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// If there is none. Redis: `NX`.
    Absent,
    /// If there is one. Redis: `XX`.
    Present,
}

/// When a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// So many milliseconds from now.
    In(Millis),
    At(Millis),
}

impl Expiry {
    fn at(self, now: Millis) -> Millis {
        match self {
            Expiry::In(time) => now.saturating_add(time),
            Expiry::At(at) => at,
        }
    }
}

/// What becomes of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    Put(Entry),
    ExpireAt(Millis),
    Remove,
}

/// Decides what `action` does to an entry, and what the client is told.
pub(crate) fn apply(action: Action, entry: Option<&Entry>, now: Millis) -> (Reply, Change) {
    let entry = entry.filter(|entry| entry.is_live(now));
    match action {
        Action::Get => {
            let value = entry.map_or(Reply::Null, |entry| Reply::Bulk(Bytes::clone(&entry.value)));
            (value, Change::Nothing)
        }
        Action::Exists => (yes_or_no(entry.is_some()), Change::Nothing),
        Action::TimeToLive => (Reply::Integer(seconds_left(entry, now)), Change::Nothing),
        Action::Set { value, condition, expiry } => {
            let holds = match condition {
                Condition::Always => true,
                Condition::Absent => entry.is_none(),
                Condition::Present => entry.is_some(),
            };
            if !holds {
                return (Reply::Null, Change::Nothing);
            }
            let expires = expiry.map(|expiry| expiry.at(now));
            let entry = Entry { value, expires };
            let change = if entry.is_live(now) { Change::Put(entry) } else { Change::Remove };
            (Reply::OK, change)
        }
        Action::Delete => match entry {
            Some(_) => (Reply::Integer(1), Change::Remove),
            None => (Reply::Integer(0), Change::Nothing),
        },
        Action::Increment => increment(entry),
        Action::Expire(expiry) => match (entry, expiry.at(now)) {
            (None, _) => (Reply::Integer(0), Change::Nothing),
            (Some(_), at) if at <= now => (Reply::Integer(1), Change::Remove),
            (Some(_), at) => (Reply::Integer(1), Change::ExpireAt(at)),
        },
    }
}

fn yes_or_no(yes: bool) -> Reply {
    Reply::Integer(i64::from(yes))
}

/// As `TTL` says it: -2 for no key, -1 for one that does not expire.
fn seconds_left(entry: Option<&Entry>, now: Millis) -> i64 {
    match entry {
        None => -2,
        Some(Entry { expires: None, .. }) => -1,
        Some(Entry { expires: Some(expires), .. }) => (expires - now + 500) / 1000,
    }
}

fn increment(entry: Option<&Entry>) -> (Reply, Change) {
    let number = entry.map_or(Some(0), |entry| integer(&entry.value));
    let Some(number) = number else {
        return (Reply::error("value is not an integer or out of range"), Change::Nothing);
    };
    let Some(number) = number.checked_add(1) else {
        return (Reply::error("increment or decrement would overflow"), Change::Nothing);
    };
    let value = number.to_string().into_bytes().into();
    let expires = entry.and_then(|entry| entry.expires);
    (Reply::Integer(number), Change::Put(Entry { value, expires }))
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    const NOW: Millis = 1_000_000;

    fn entry(value: &str) -> Entry {
        Entry { value: value.as_bytes().into(), expires: None }
    }

    fn expiring(value: &str, expires: Millis) -> Entry {
        Entry { expires: Some(expires), ..entry(value) }
    }

    fn set(value: &str) -> Action {
        conditional_set(value, Condition::Always)
    }

    fn conditional_set(value: &str, condition: Condition) -> Action {
        Action::Set { value: value.as_bytes().into(), condition, expiry: None }
    }

    /// What is done to a key, one after the other: the replies, and what is there in the end.
    fn run(actions: &[Action], entry: Option<Entry>) -> (Vec<Reply>, Option<Entry>) {
        let mut entry = entry;
        let mut replies = Vec::new();
        for action in actions {
            let (reply, change) = apply(action.clone(), entry.as_ref(), NOW);
            replies.push(reply);
            match change {
                Change::Nothing => {}
                Change::Put(put) => entry = Some(put),
                Change::ExpireAt(at) => entry.as_mut().unwrap().expires = Some(at),
                Change::Remove => entry = None,
            }
        }
        (replies, entry)
    }

    #[test]
    fn what_is_set_is_got_and_deleted_once() {
        let actions =
            [Action::Get, set("v"), Action::Get, Action::Exists, Action::Delete, Action::Delete];
        let (replies, entry) = run(&actions, None);
        let expected = [
            Reply::Null,
            Reply::OK,
            Reply::text("v"),
            Reply::Integer(1),
            Reply::Integer(1),
            Reply::Integer(0),
        ];
        assert_eq!((replies.as_slice(), entry), (&expected[..], None));
    }

    #[test]
    fn conditions_look_for_the_key() {
        let (absent, present) =
            (conditional_set("b", Condition::Absent), conditional_set("b", Condition::Present));
        assert_eq!(run(from_ref(&absent), None), (vec![Reply::OK], Some(entry("b"))));
        assert_eq!(run(&[absent], Some(entry("a"))), (vec![Reply::Null], Some(entry("a"))));
        assert_eq!(run(from_ref(&present), None), (vec![Reply::Null], None));
        assert_eq!(run(&[present], Some(entry("a"))), (vec![Reply::OK], Some(entry("b"))));
    }

    #[test]
    fn increments_are_of_numbers_and_keep_the_expiry() {
        assert_eq!(run(&[Action::Increment], None).1, Some(entry("1")));
        let later = NOW + 5;
        assert_eq!(
            run(&[Action::Increment], Some(expiring("-1", later))),
            (vec![Reply::Integer(0)], Some(expiring("0", later)))
        );
        for (value, error) in [
            ("ten", "ERR value is not an integer or out of range"),
            ("9223372036854775807", "ERR increment or decrement would overflow"),
        ] {
            let (replies, after) = run(&[Action::Increment], Some(entry(value)));
            assert_eq!(replies, [Reply::Error(error.into())]);
            assert_eq!(after, Some(entry(value)));
        }
    }

    #[test]
    fn a_key_that_has_expired_is_not_there() {
        let expired = || Some(expiring("v", NOW));
        assert_eq!(run(&[Action::Get], expired()).0, [Reply::Null]);
        assert_eq!(run(&[Action::Exists], expired()).0, [Reply::Integer(0)]);
        assert_eq!(run(&[Action::TimeToLive], expired()).0, [Reply::Integer(-2)]);
        assert_eq!(run(&[Action::Delete], expired()).0, [Reply::Integer(0)]);
        assert_eq!(run(&[Action::Increment], expired()).1, Some(entry("1")));
        let absent = conditional_set("b", Condition::Absent);
        assert_eq!(run(&[absent], expired()).1, Some(entry("b")));
    }

    #[test]
    fn an_expiry_in_the_past_deletes() {
        let past = Action::Expire(Expiry::In(-1));
        assert_eq!(run(&[past], Some(entry("v"))), (vec![Reply::Integer(1)], None));
        let set = Action::Set {
            value: b"v"[..].into(),
            condition: Condition::Always,
            expiry: Some(Expiry::At(NOW)),
        };
        assert_eq!(run(&[set], Some(entry("v"))), (vec![Reply::OK], None));
    }

    #[test]
    fn the_time_to_live_is_in_seconds_and_rounded() {
        let ttl = |entry| run(&[Action::TimeToLive], entry).0;
        assert_eq!(ttl(None), [Reply::Integer(-2)]);
        assert_eq!(ttl(Some(entry("v"))), [Reply::Integer(-1)]);
        assert_eq!(ttl(Some(expiring("v", NOW + 1_499))), [Reply::Integer(1)]);
        assert_eq!(ttl(Some(expiring("v", NOW + 1_500))), [Reply::Integer(2)]);
        let expire = Action::Expire(Expiry::In(10_000));
        assert_eq!(
            run(from_ref(&expire), Some(entry("v"))),
            (vec![Reply::Integer(1)], Some(expiring("v", NOW + 10_000)))
        );
        assert_eq!(run(&[expire], None), (vec![Reply::Integer(0)], None));
    }

    #[test]
    fn what_is_set_anew_does_not_expire() {
        assert_eq!(run(&[set("b")], Some(expiring("a", NOW + 1))).1, Some(entry("b")));
    }

    #[test]
    fn an_action_that_reads_changes_nothing() {
        for action in [Action::Get, Action::Exists, Action::TimeToLive] {
            assert!(action.reads());
            assert_eq!(apply(action, Some(&entry("v")), NOW).1, Change::Nothing);
        }
        assert!(!set("v").reads() && !Action::Delete.reads());
    }
}
