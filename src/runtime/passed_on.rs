//! Requests of processes of third nodes, that wait for their answers: they have been passed on by a
//! process of the node over whose connection they have come.
//!
//! A connection with the node of the client may not exist, nor ever have. So what is kept goes with
//! the answer, or with the connection by which it has come; and how much one connection can have
//! kept is bounded, as nothing says when these clients stop waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::id::Node;

use super::remote_calls::{CallId, MAX_TAG, MAX_UNWATCHED};

/// Those of all connections. No other lock is taken while this one is held.
static PASSED_ON: Mutex<PassedOn> = Mutex::new(PassedOn::new());

/// A request has come from `by`, whose answer goes to `tag`. Returns whether it is kept.
#[must_use]
pub(crate) fn add(by: Node, id: CallId, tag: Arc<[u8]>) -> bool {
    PASSED_ON.lock().add(by, id, tag)
}

/// Returns where the answer to a request goes, if its client may wait for it.
pub(crate) fn tag(id: CallId) -> Option<Arc<[u8]>> {
    PASSED_ON.lock().tag(id)
}

/// A request is answered. Returns whether its client may have waited for that.
pub(crate) fn remove(id: CallId) -> bool {
    PASSED_ON.lock().remove(id)
}

/// The connection is lost by which these requests have come.
pub(crate) fn forget(by: Node) {
    PASSED_ON.lock().forget(by);
}

#[derive(Debug)]
struct PassedOn {
    calls: BTreeMap<CallId, Call>,
    /// By the nodes that they have come from, in the order in which they came.
    turns: BTreeMap<Node, BTreeMap<u64, CallId>>,
    next: u64,
}

#[derive(Debug)]
struct Call {
    tag: Arc<[u8]>,
    by: Node,
    turn: u64,
}

impl PassedOn {
    const fn new() -> PassedOn {
        PassedOn { calls: BTreeMap::new(), turns: BTreeMap::new(), next: 0 }
    }

    fn add(&mut self, by: Node, id: CallId, tag: Arc<[u8]>) -> bool {
        if tag.len() > MAX_TAG {
            return false;
        }
        self.remove(id);
        self.next += 1;
        let turns = self.turns.entry(by).or_default();
        turns.insert(self.next, id);
        self.calls.insert(id, Call { tag, by, turn: self.next });
        if turns.len() > MAX_UNWATCHED
            && let Some((_, oldest)) = turns.pop_first()
        {
            self.calls.remove(&oldest);
        }
        true
    }

    fn tag(&self, id: CallId) -> Option<Arc<[u8]>> {
        self.calls.get(&id).map(|call| Arc::clone(&call.tag))
    }

    fn remove(&mut self, id: CallId) -> bool {
        let Some(Call { by, turn, .. }) = self.calls.remove(&id) else { return false };
        if let Some(turns) = self.turns.get_mut(&by) {
            turns.remove(&turn);
            if turns.is_empty() {
                self.turns.remove(&by);
            }
        }
        true
    }

    fn forget(&mut self, by: Node) {
        for id in self.turns.remove(&by).into_iter().flatten().map(|(_, id)| id) {
            self.calls.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::id::{Incarnation, Pid};

    use super::*;

    fn node(name: &str) -> Node {
        Node::named(&format!("{name}@passed_on.tests"))
    }

    fn id(number: u64) -> CallId {
        let client = Pid::remote(Incarnation::of(node("client"), 1).unwrap(), 1, 0);
        CallId { client, number }
    }

    fn none() -> Arc<[u8]> {
        Arc::from([])
    }

    fn is_empty(calls: &PassedOn) -> bool {
        calls.calls.is_empty() && calls.turns.is_empty()
    }

    #[test]
    fn a_call_is_answered_once() {
        let mut calls = PassedOn::new();
        assert!(calls.add(node("a"), id(1), Arc::from([9])));
        assert_eq!(calls.tag(id(1)).as_deref(), Some([9].as_slice()));
        assert!(calls.remove(id(1)));
        assert!(!calls.remove(id(1)));
        assert_eq!(calls.tag(id(1)), None);
        assert!(is_empty(&calls), "{calls:?}");
    }

    #[test]
    fn calls_go_with_the_connection_by_which_they_came_and_no_others() {
        let mut calls = PassedOn::new();
        for (number, by) in [(1, "a"), (2, "b"), (3, "a")] {
            assert!(calls.add(node(by), id(number), none()));
        }
        calls.forget(node("a"));
        assert_eq!([1, 2, 3].map(|n| calls.tag(id(n)).is_some()), [false, true, false]);
        calls.forget(node("b"));
        assert!(is_empty(&calls), "{calls:?}");
    }

    #[test]
    fn the_last_of_each_connection_are_kept() {
        let mut calls = PassedOn::new();
        let last = MAX_UNWATCHED as u64 + 1;
        assert!(calls.add(node("b"), id(0), none()));
        for n in 1..=last {
            assert!(calls.add(node("a"), id(n), none()));
        }
        let is_kept = |n| calls.tag(id(n)).is_some();
        assert_eq!([0, 1, 2, last].map(is_kept), [true, false, true, true]);
    }

    #[test]
    fn a_long_tag_is_refused() {
        let mut calls = PassedOn::new();
        assert!(!calls.add(node("a"), id(1), vec![0; MAX_TAG + 1].into()));
        assert!(is_empty(&calls), "{calls:?}");
    }
}
