//! Requests of processes of another node that wait for their answers, as a value.
//!
//! What is kept goes with the answer, with the monitor by which the client hears of the end of its
//! server, or with the connection. How much others can have kept here is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::id::Pid;

/// How many requests are kept whose clients have set no monitor, so that nothing says when they
/// stop waiting.
pub(super) const MAX_UNWATCHED: usize = 1 << 16;
/// How many are kept of others.
const MAX_WATCHED: usize = 1 << 18;
/// How many bytes a tag may have: a reference, mostly, with the name of a node.
pub(super) const MAX_TAG: usize = 1024;

/// A request: its client, and what tells the requests of that client apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId {
    pub(crate) client: Pid,
    pub(crate) number: u64,
}

#[derive(Debug)]
struct Call {
    tag: Arc<[u8]>,
    kept: Kept,
}

/// For how long a request is kept.
#[derive(Clone, Copy, Debug)]
enum Kept {
    /// As long as this monitor.
    Watched(NonZeroU64),
    /// As long as there are not too many after it.
    Unwatched(u64),
}

/// The requests of the processes of one other node.
#[derive(Debug, Default)]
pub(crate) struct RemoteCalls {
    calls: BTreeMap<CallId, Call>,
    /// By the monitors of their clients.
    watched: BTreeSet<(NonZeroU64, CallId)>,
    /// In the order in which they came.
    unwatched: BTreeMap<u64, CallId>,
    next: u64,
}

impl RemoteCalls {
    /// A request has come, whose answer goes to `tag`, which is the client's business; `monitor` is
    /// what the client has set on its server. Returns whether it is kept.
    #[must_use]
    pub(crate) fn add(&mut self, id: CallId, monitor: Option<NonZeroU64>, tag: Arc<[u8]>) -> bool {
        if tag.len() > MAX_TAG || (monitor.is_some() && self.watched.len() >= MAX_WATCHED) {
            return false;
        }
        let kept = match monitor {
            Some(monitor) => {
                self.watched.insert((monitor, id));
                Kept::Watched(monitor)
            }
            None => {
                self.next += 1;
                self.unwatched.insert(self.next, id);
                Kept::Unwatched(self.next)
            }
        };
        self.calls.insert(id, Call { tag, kept });
        if self.unwatched.len() > MAX_UNWATCHED
            && let Some((_, oldest)) = self.unwatched.pop_first()
        {
            self.calls.remove(&oldest);
        }
        true
    }

    /// Returns where the answer to a request goes, if its client may wait for it.
    pub(crate) fn tag(&self, id: CallId) -> Option<Arc<[u8]>> {
        self.calls.get(&id).map(|call| Arc::clone(&call.tag))
    }

    /// Returns whether the client of a request waits for no other one.
    pub(crate) fn is_only(&self, CallId { client, number: _ }: CallId) -> bool {
        let [first, last] = [0, u64::MAX].map(|number| CallId { client, number });
        self.calls.range(first..=last).nth(1).is_none()
    }

    /// Returns the monitor of the client of a request, if there is one.
    pub(crate) fn monitor(&self, id: CallId) -> Option<NonZeroU64> {
        match self.calls.get(&id)?.kept {
            Kept::Watched(monitor) => Some(monitor),
            Kept::Unwatched(_) => None,
        }
    }

    /// A request is answered. Returns whether its client may have waited for that.
    pub(crate) fn remove(&mut self, id: CallId) -> bool {
        let removed = self.calls.remove(&id);
        match removed.as_ref().map(|call| call.kept) {
            Some(Kept::Watched(monitor)) => _ = self.watched.remove(&(monitor, id)),
            Some(Kept::Unwatched(turn)) => _ = self.unwatched.remove(&turn),
            None => {}
        }
        removed.is_some()
    }

    /// A monitor is gone: its client does not wait any more, or has been told that its server has
    /// ended.
    pub(crate) fn unwatch(&mut self, monitor: NonZeroU64) {
        let least = CallId { client: Pid::local(0, NonZeroU64::MIN), number: 0 };
        let ended: Vec<_> = self
            .watched
            .range((monitor, least)..)
            .take_while(|(other, _)| *other == monitor)
            .copied()
            .collect();
        for call in ended {
            self.watched.remove(&call);
            self.calls.remove(&call.1);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.watched.is_empty() && self.unwatched.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::id::{Incarnation, Node};

    use super::*;

    fn id(number: u64) -> CallId {
        let node = Node::named("remote_calls::tests@there");
        let client = Pid::remote(Incarnation::of(node, 1).unwrap(), 1, 0);
        CallId { client, number }
    }

    fn monitor(number: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(number)
    }

    #[test]
    fn a_call_is_answered_once() {
        for monitor in [None, monitor(7)] {
            let mut calls = RemoteCalls::default();
            assert!(calls.add(id(1), monitor, Arc::from([9])));
            assert_eq!(calls.tag(id(1)).as_deref(), Some([9].as_slice()));
            assert_eq!(calls.monitor(id(1)), monitor);
            assert!(calls.remove(id(1)));
            assert!(!calls.remove(id(1)));
            assert_eq!(calls.tag(id(1)), None);
            assert!(calls.is_empty(), "{calls:?}");
        }
    }

    #[test]
    fn the_calls_of_a_monitor_go_with_it_and_no_others() {
        let mut calls = RemoteCalls::default();
        for (number, monitor) in [(1, monitor(7)), (2, monitor(7)), (3, monitor(8)), (4, None)] {
            assert!(calls.add(id(number), monitor, Arc::from([])));
        }
        calls.unwatch(monitor(7).unwrap());
        let left = [1, 2, 3, 4].map(|number| calls.tag(id(number)).is_some());
        assert_eq!(left, [false, false, true, true]);
    }

    #[test]
    fn a_client_with_several_requests_is_told_from_one_that_waits() {
        let mut calls = RemoteCalls::default();
        let client = id(0).client;
        let other = Pid::remote(client.incarnation().unwrap(), 2, 0);
        assert!(calls.add(id(7), None, Arc::from([])));
        assert!(calls.add(CallId { client: other, number: 8 }, monitor(1), Arc::from([])));
        assert!(calls.is_only(id(7)));
        assert!(calls.add(id(u64::MAX), monitor(2), Arc::from([])));
        assert!(!calls.is_only(id(7)) && !calls.is_only(id(u64::MAX)));
        assert!(calls.remove(id(7)));
        assert!(calls.is_only(id(u64::MAX)));
    }

    #[test]
    fn of_calls_without_a_monitor_the_last_are_kept() {
        let mut calls = RemoteCalls::default();
        let last = MAX_UNWATCHED as u64 + 1;
        for n in 1..=last {
            assert!(calls.add(id(n), None, Arc::from([])));
        }
        assert_eq!(calls.tag(id(1)), None);
        assert!(calls.tag(id(2)).is_some());
        assert!(calls.tag(id(last)).is_some());
    }

    #[test]
    fn there_are_no_more_calls_with_a_monitor_than_there_is_room_for() {
        let mut calls = RemoteCalls::default();
        let added = (1..).take_while(|n| calls.add(id(*n), monitor(7), Arc::from([]))).count();
        assert_eq!(added, MAX_WATCHED);
        assert!(calls.add(id(0), None, Arc::from([])));
    }

    #[test]
    fn a_long_tag_is_refused() {
        let mut calls = RemoteCalls::default();
        assert!(calls.add(id(1), None, vec![0; MAX_TAG].into()));
        assert!(!calls.add(id(2), None, vec![0; MAX_TAG + 1].into()));
        assert_eq!(calls.tag(id(2)), None);
    }
}
