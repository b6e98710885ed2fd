//! What ties processes of this node to those of one other node: links, monitors, and calls that
//! wait, as a value.
//!
//! A link across nodes is kept on both sides, and both can change it at the same moment, as the
//! messages that say so cross. So what is done about an event depends on what this side has done
//! before. An unlink is acknowledged, and until it is, what comes is from before the other side
//! knew of it. That is kept after the end of the process here, too, as nobody looks for it then; so
//! that one who acknowledges nothing does not have this grow, the oldest count as acknowledged if
//! there are too many.
//!
//! | event | not there | linked | unlinking (n) |
//! |---|---|---|---|
//! | a process here links | linked, LINK | | linked, LINK |
//! | it unlinks | | unlinking (n), UNLINK n | |
//! | LINK comes | linked | | |
//! | LINK comes for one that has ended | EXIT `NoProc` | | |
//! | UNLINK m comes | ACK m | not there, ACK m | ACK m |
//! | ACK m comes | | | not there, if m is n |
//! | EXIT comes | | not there, exit signal | not there |
//! | the process here ends | | not there, EXIT | |
//! | the connection is lost | | not there, exit signal | not there |
//!
//! OTP: [Link Protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#link_protocol).

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::id::{Incarnation, LinkId, MonitorRef, Pid};
use crate::message::Destination;

use super::remote_calls::{CallId, RemoteCalls};

/// How many links are kept whose unlink is not acknowledged.
const MAX_UNLINKING: usize = 1 << 16;

/// A reference that the other node has made: its name for a monitor of one of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RemoteRef {
    words: [u32; RemoteRef::MAX_WORDS],
    len: usize,
}

impl RemoteRef {
    const MAX_WORDS: usize = 5;

    /// Returns the reference of these words; `None` if they are more than one has.
    pub(crate) fn new(words: &[u32]) -> Option<RemoteRef> {
        let mut reference = RemoteRef { words: [0; RemoteRef::MAX_WORDS], len: words.len() };
        reference.words.get_mut(..words.len())?.copy_from_slice(words);
        Some(reference)
    }

    pub(crate) fn words(&self) -> &[u32] {
        &self.words[..self.len]
    }
}

/// The two ends of a link: a process of this node and one of the other.
pub(crate) type Pair = (Pid, Pid);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Linked(LinkId),
    Unlinking(NonZeroU64),
}

/// A monitor by a process of this node on one of the other.
#[derive(Debug)]
struct Monitor {
    origin: Pid,
    /// The life of the other node that is watched; `None` if it is whichever there is.
    target: Option<Incarnation>,
    object: Destination,
}

/// A monitor by a process of the other node on one of this.
#[derive(Clone, Copy, Debug)]
struct MonitoredBy {
    /// What it is called in the table of the process.
    number: NonZeroU64,
    origin: Pid,
    target: Pid,
}

/// A monitor by a process of the other node: its name, the process that it is set on, and what that
/// calls it.
pub(crate) type Watch = (RemoteRef, Pid, NonZeroU64);

/// The ties to one other node.
#[derive(Debug, Default)]
pub(crate) struct RemoteTies {
    links: BTreeMap<Pair, Link>,
    /// Those that are being unlinked, by the numbers of that.
    unlinking: BTreeMap<NonZeroU64, Pair>,
    monitors: BTreeMap<NonZeroU64, Monitor>,
    monitored_by: BTreeMap<RemoteRef, MonitoredBy>,
    /// The names of those that are monitored by others, by their numbers.
    references: BTreeMap<NonZeroU64, RemoteRef>,
    /// Their numbers, by who watches whom.
    watches: BTreeSet<(Pid, Pid, NonZeroU64)>,
    calls: RemoteCalls,
    /// The processes of this node that monitor the other one, and how often.
    node_monitors: BTreeMap<Pid, usize>,
}

/// The ties that were cut.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// The links, with their two ends.
    pub(crate) links: Vec<(Pair, LinkId)>,
    /// The monitors by processes of this node, and what they were set on.
    pub(crate) monitors: Vec<(MonitorRef, Destination)>,
    /// The monitors on processes of this node.
    pub(crate) watchers: Vec<(Pid, NonZeroU64)>,
    /// The monitors on the other node, by their owners, and how often.
    pub(crate) node_monitors: Vec<(Pid, usize)>,
}

impl RemoteTies {
    /// A process here links, by this link. Returns whether LINK is to be sent.
    pub(crate) fn link(&mut self, pair: Pair, id: LinkId) -> bool {
        let is_new = !matches!(self.links.get(&pair), Some(Link::Linked(_)));
        if is_new {
            self.set_link(pair, Link::Linked(id));
        }
        is_new
    }

    /// A process here removes this link. Returns whether UNLINK with this number is to be sent.
    pub(crate) fn unlink(&mut self, pair: Pair, id: LinkId, number: NonZeroU64) -> bool {
        let is_linked = self.has_link(pair, id);
        if is_linked {
            self.set_link(pair, Link::Unlinking(number));
            self.unlinking.insert(number, pair);
            if self.unlinking.len() > MAX_UNLINKING
                && let Some((_, oldest)) = self.unlinking.pop_first()
            {
                self.links.remove(&oldest);
            }
        }
        is_linked
    }

    /// LINK has come. Returns whether they are linked from now on, by this link.
    pub(crate) fn link_came(&mut self, pair: Pair, id: LinkId) -> bool {
        let is_new = !self.links.contains_key(&pair);
        if is_new {
            self.set_link(pair, Link::Linked(id));
        }
        is_new
    }

    /// LINK has come for a process that has ended. Returns whether EXIT is to be sent: else the
    /// other side is told by what was, or will be, sent anyway.
    pub(crate) fn link_came_too_late(&self, pair: Pair) -> bool {
        !self.links.contains_key(&pair)
    }

    /// UNLINK has come, and is to be acknowledged. Returns the link that it has removed.
    pub(crate) fn unlink_came(&mut self, pair: Pair) -> Option<LinkId> {
        match *self.links.get(&pair)? {
            Link::Linked(id) => {
                self.links.remove(&pair);
                Some(id)
            }
            Link::Unlinking(_) => None,
        }
    }

    /// The acknowledgement of an UNLINK has come.
    pub(crate) fn ack_came(&mut self, pair: Pair, number: NonZeroU64) {
        if self.links.get(&pair) == Some(&Link::Unlinking(number)) {
            self.take_link(pair);
        }
    }

    /// EXIT has come, or a linked process here has ended. Returns the link that was there: by which
    /// the process here gets an exit signal, or as whose end EXIT is to be sent.
    pub(crate) fn end_link(&mut self, pair: Pair) -> Option<LinkId> {
        match self.take_link(pair)? {
            Link::Linked(id) => Some(id),
            Link::Unlinking(_) => None,
        }
    }

    fn set_link(&mut self, pair: Pair, link: Link) {
        self.take_link(pair);
        self.links.insert(pair, link);
    }

    fn take_link(&mut self, pair: Pair) -> Option<Link> {
        let link = self.links.remove(&pair)?;
        if let Link::Unlinking(number) = link {
            self.unlinking.remove(&number);
        }
        Some(link)
    }

    /// Returns whether this link stands.
    pub(crate) fn has_link(&self, pair: Pair, id: LinkId) -> bool {
        self.links.get(&pair) == Some(&Link::Linked(id))
    }

    /// A process here monitors one of this life of the other node, or of any.
    pub(crate) fn monitor(
        &mut self,
        monitor: MonitorRef,
        target: Option<Incarnation>,
        object: Destination,
    ) {
        self.monitors.insert(monitor.id, Monitor { origin: monitor.owner, target, object });
    }

    /// It does not any more, or what it watches has ended, as the other node says. Returns what the
    /// monitor was set on, if there is one of that owner: if it was removed here, the other node is
    /// to be told.
    pub(crate) fn end_monitor(&mut self, monitor: MonitorRef) -> Option<Destination> {
        let is_own = self.monitors.get(&monitor.id)?.origin == monitor.owner;
        is_own.then(|| self.monitors.remove(&monitor.id)).flatten().map(|own| own.object)
    }

    /// A process of the other node monitors one of this, which calls the monitor `number`. Returns
    /// false, and changes nothing, if the other node has used the reference already.
    pub(crate) fn watch(
        &mut self,
        reference: RemoteRef,
        number: NonZeroU64,
        (origin, target): Pair,
    ) -> bool {
        let is_new = !self.monitored_by.contains_key(&reference);
        if is_new {
            self.monitored_by.insert(reference, MonitoredBy { number, origin, target });
            self.references.insert(number, reference);
            self.watches.insert((origin, target, number));
        }
        is_new
    }

    /// It does not any more. Returns the process and what it calls the monitor.
    pub(crate) fn unwatch(&mut self, reference: RemoteRef) -> Option<(Pid, NonZeroU64)> {
        let MonitoredBy { number, origin, target } = self.monitored_by.remove(&reference)?;
        self.references.remove(&number);
        self.watches.remove(&(origin, target, number));
        self.calls.unwatch(number);
        Some((target, number))
    }

    /// Returns what the other node calls the monitor that is called `number` here.
    pub(crate) fn reference(&self, number: NonZeroU64) -> Option<RemoteRef> {
        self.references.get(&number).copied()
    }

    /// A request has come, of a process of the other node to one of this. Its answer goes to `tag`.
    /// Returns whether it is kept.
    pub(crate) fn call(&mut self, id: CallId, server: Pid, tag: Arc<[u8]>) -> bool {
        let monitor = self.last_watch(id.client, server);
        self.calls.add(id, monitor, tag)
    }

    /// Returns what the last monitor of `client` on `server` is called by that: a call sets it just
    /// before.
    fn last_watch(&self, client: Pid, server: Pid) -> Option<NonZeroU64> {
        let watches = (client, server, NonZeroU64::MIN)..=(client, server, NonZeroU64::MAX);
        self.watches.range(watches).next_back().map(|(.., monitor)| *monitor)
    }

    /// Returns where the answer to a request goes, if its client may wait for it.
    pub(crate) fn tag(&self, id: CallId) -> Option<Arc<[u8]>> {
        self.calls.tag(id)
    }

    /// Returns whether the client of a request waits for no other one.
    pub(crate) fn is_only_call(&self, id: CallId) -> bool {
        self.calls.is_only(id)
    }

    /// A request is answered. Returns whether its client may have waited for that.
    pub(crate) fn answered(&mut self, id: CallId) -> bool {
        self.calls.remove(id)
    }

    /// Returns the monitor by which the client of a request can be told that there is no answer.
    pub(crate) fn monitor_of(&self, id: CallId) -> Option<Watch> {
        self.watch_of(self.calls.monitor(id)?)
    }

    /// Returns the monitor that `client` has set last on `server`.
    pub(crate) fn monitor_on(&self, server: Pid, client: Pid) -> Option<Watch> {
        self.watch_of(self.last_watch(client, server)?)
    }

    fn watch_of(&self, monitor: NonZeroU64) -> Option<Watch> {
        let reference = self.reference(monitor)?;
        let MonitoredBy { number, target, .. } = *self.monitored_by.get(&reference)?;
        Some((reference, target, number))
    }

    /// A process here monitors the other node, once more.
    pub(crate) fn monitor_node(&mut self, owner: Pid) {
        *self.node_monitors.entry(owner).or_default() += 1;
    }

    /// It does not any more, once.
    pub(crate) fn demonitor_node(&mut self, owner: Pid) {
        if let Some(count) = self.node_monitors.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.node_monitors.remove(&owner);
            }
        }
    }

    /// It has ended.
    pub(crate) fn forget_node_monitors(&mut self, owner: Pid) {
        self.node_monitors.remove(&owner);
    }

    /// Returns whether the other node is monitored.
    pub(crate) fn has_node_monitors(&self) -> bool {
        !self.node_monitors.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let RemoteTies { links, unlinking, monitors, monitored_by, .. } = self;
        let RemoteTies { references, watches, calls, node_monitors, .. } = self;
        let has_no_others = monitored_by.is_empty() && references.is_empty() && watches.is_empty();
        let has_no_links = links.is_empty() && unlinking.is_empty();
        let has_no_monitors = monitors.is_empty() && node_monitors.is_empty();
        has_no_links && has_no_monitors && has_no_others && calls.is_empty()
    }

    /// The connection is lost. Returns all ties.
    pub(crate) fn cut(&mut self) -> Cut {
        let RemoteTies { links, monitors, monitored_by, node_monitors, .. } = mem::take(self);
        let watchers = monitored_by.into_values().map(|it| (it.target, it.number)).collect();
        let node_monitors = node_monitors.into_iter().collect();
        Cut { watchers, node_monitors, ..Cut::of(links, monitors) }
    }

    /// The other node has come up as `incarnation`. Returns the ties to processes of earlier ones.
    pub(crate) fn cut_others(&mut self, incarnation: Incarnation) -> Cut {
        let is_other = |target: Option<Incarnation>| target.is_some_and(|it| it != incarnation);
        let (links, kept) = mem::take(&mut self.links)
            .into_iter()
            .partition(|((_, remote), _)| is_other(remote.incarnation()));
        self.links = kept;
        self.unlinking.retain(|_, (_, remote)| !is_other(remote.incarnation()));
        let (monitors, kept) =
            mem::take(&mut self.monitors).into_iter().partition(|(_, it)| is_other(it.target));
        self.monitors = kept;
        Cut::of(links, monitors)
    }
}

impl Cut {
    fn of(links: BTreeMap<Pair, Link>, monitors: BTreeMap<NonZeroU64, Monitor>) -> Cut {
        let links = links.into_iter().filter_map(|(pair, link)| match link {
            Link::Linked(id) => Some((pair, id)),
            Link::Unlinking(_) => None,
        });
        let monitors = monitors
            .into_iter()
            .map(|(id, it)| (MonitorRef { id, owner: it.origin }, it.object))
            .collect();
        Cut { links: links.collect(), monitors, ..Cut::default() }
    }
}

#[cfg(test)]
mod tests {
    use crate::id::Node;

    use super::*;

    const N: NonZeroU64 = NonZeroU64::MIN;

    fn number(n: u64) -> NonZeroU64 {
        NonZeroU64::new(n).unwrap()
    }

    fn local(index: u32) -> Pid {
        Pid::local(index, NonZeroU64::MIN)
    }

    fn remote(creation: u32, id: u32) -> Pid {
        let node = Node::named("remote_ties::tests@there");
        Pid::remote(Incarnation::of(node, creation).unwrap(), id, 0)
    }

    fn call(client: u32, number: u64) -> CallId {
        CallId { client: remote(1, client), number }
    }

    fn pair() -> Pair {
        (local(1), remote(1, 1))
    }

    fn reference(n: u32) -> RemoteRef {
        RemoteRef::new(&[n, 0, 0]).unwrap()
    }

    /// What is known of a link.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Known {
        Nothing,
        Linked,
        /// By the number `N`.
        Unlinking,
    }

    use Known::{Linked, Nothing, Unlinking};

    fn ties(known: Known, id: LinkId) -> RemoteTies {
        let mut ties = RemoteTies::default();
        match known {
            Nothing => {}
            Linked => assert!(ties.link(pair(), id)),
            Unlinking => assert!(ties.link(pair(), id) && ties.unlink(pair(), id, N)),
        }
        ties
    }

    fn known(ties: &RemoteTies) -> Known {
        match ties.links.get(&pair()) {
            None => Nothing,
            Some(Link::Linked(_)) => Linked,
            Some(Link::Unlinking(number)) => {
                assert_eq!(*number, N);
                Unlinking
            }
        }
    }

    /// Checks a row of the table: what `event` answers, and what is known after it, in each state.
    #[track_caller]
    fn row<A: PartialEq + std::fmt::Debug>(
        event: impl Fn(&mut RemoteTies, LinkId) -> A,
        expected: [(A, Known); 3],
    ) {
        for (before, (answer, after)) in [Nothing, Linked, Unlinking].into_iter().zip(expected) {
            let id = LinkId::new();
            let mut ties = ties(before, id);
            assert_eq!((event(&mut ties, id), known(&ties)), (answer, after), "{before:?}");
        }
    }

    #[test]
    fn a_process_here_links() {
        let link = |ties: &mut RemoteTies, _| ties.link(pair(), LinkId::new());
        row(link, [(true, Linked), (false, Linked), (true, Linked)]);
    }

    #[test]
    fn a_process_here_unlinks() {
        let unlink = |ties: &mut RemoteTies, id| ties.unlink(pair(), id, N);
        row(unlink, [(false, Nothing), (true, Unlinking), (false, Unlinking)]);
    }

    #[test]
    fn a_process_here_removes_a_link_that_has_been_removed_and_made_anew() {
        let unlink = |ties: &mut RemoteTies, _| ties.unlink(pair(), LinkId::new(), N);
        row(unlink, [(false, Nothing), (false, Linked), (false, Unlinking)]);
    }

    #[test]
    fn link_comes() {
        let link = |ties: &mut RemoteTies, _| ties.link_came(pair(), LinkId::new());
        row(link, [(true, Linked), (false, Linked), (false, Unlinking)]);
    }

    #[test]
    fn link_comes_for_a_process_that_has_ended() {
        let link = |ties: &mut RemoteTies, _| ties.link_came_too_late(pair());
        row(link, [(true, Nothing), (false, Linked), (false, Unlinking)]);
    }

    #[test]
    fn unlink_comes() {
        let unlink = |ties: &mut RemoteTies, _| ties.unlink_came(pair()).is_some();
        row(unlink, [(false, Nothing), (true, Nothing), (false, Unlinking)]);
    }

    #[test]
    fn an_acknowledgement_comes() {
        row(|ties, _| ties.ack_came(pair(), N), [((), Nothing), ((), Linked), ((), Nothing)]);
    }

    #[test]
    fn the_acknowledgement_of_an_earlier_unlink_comes() {
        let ack = |ties: &mut RemoteTies, _| ties.ack_came(pair(), number(2));
        row(ack, [((), Nothing), ((), Linked), ((), Unlinking)]);
    }

    #[test]
    fn exit_comes() {
        let exit = |ties: &mut RemoteTies, _| ties.end_link(pair()).is_some();
        row(exit, [(false, Nothing), (true, Nothing), (false, Nothing)]);
    }

    #[test]
    fn the_process_here_ends() {
        let end = |ties: &mut RemoteTies, _| ties.end_link(pair()).is_some();
        row(end, [(false, Nothing), (true, Nothing), (false, Nothing)]);
    }

    #[test]
    fn the_connection_is_lost() {
        let cut = |ties: &mut RemoteTies, _| ties.cut().links.len();
        row(cut, [(0, Nothing), (1, Nothing), (0, Nothing)]);
    }

    #[test]
    fn the_node_comes_up_as_another_incarnation() {
        let incarnation = |creation| remote(creation, 1).incarnation().unwrap();
        let cut = |ties: &mut RemoteTies, _| ties.cut_others(incarnation(2)).links.len();
        row(cut, [(0, Nothing), (1, Nothing), (0, Nothing)]);
        let kept = |ties: &mut RemoteTies, _| ties.cut_others(incarnation(1)).links.len();
        row(kept, [(0, Nothing), (0, Linked), (0, Unlinking)]);
    }

    #[test]
    fn a_signal_is_of_the_link_that_stood() {
        let id = LinkId::new();
        assert!(ties(Linked, id).has_link(pair(), id));
        assert!(!ties(Linked, id).has_link(pair(), LinkId::new()));
        assert!(!ties(Unlinking, id).has_link(pair(), id));
        assert_eq!(ties(Linked, id).end_link(pair()), Some(id));
        assert_eq!(ties(Linked, id).unlink_came(pair()), Some(id));
        assert_eq!(ties(Linked, id).cut().links, [(pair(), id)]);
    }

    #[test]
    fn of_unlinks_that_are_not_acknowledged_the_last_are_kept() {
        let mut ties = RemoteTies::default();
        let (last, id) = (MAX_UNLINKING as u32 + 1, LinkId::new());
        let pair = |n| (local(1), remote(1, n));
        for n in 1..=last {
            assert!(ties.link(pair(n), id) && ties.unlink(pair(n), id, number(n.into())));
        }
        assert_eq!(ties.links.len(), MAX_UNLINKING);
        assert!(!ties.links.contains_key(&pair(1)));
        for n in 1..=last {
            ties.ack_came(pair(n), number(n.into()));
        }
        assert!(ties.is_empty(), "{ties:?}");
    }

    #[test]
    fn a_link_that_was_made_anew_is_not_the_one_that_was_unlinked() {
        let (first, second) = (LinkId::new(), LinkId::new());
        let mut ties = ties(Unlinking, first);
        assert!(ties.link(pair(), second));
        ties.ack_came(pair(), N);
        assert_eq!(ties.end_link(pair()), Some(second));
    }

    fn own(ties: &mut RemoteTies, remote: Pid) -> MonitorRef {
        let monitor = MonitorRef::new(local(1));
        ties.monitor(monitor, remote.incarnation(), Destination::Pid(remote));
        monitor
    }

    #[test]
    fn a_monitor_fires_once() {
        let mut ties = RemoteTies::default();
        let monitor = own(&mut ties, remote(1, 1));
        assert_eq!(ties.end_monitor(monitor), Some(Destination::Pid(remote(1, 1))));
        assert_eq!(ties.end_monitor(monitor), None);
        assert_eq!(ties.end_monitor(monitor), None);
    }

    #[test]
    fn a_monitor_that_was_removed_does_not_fire() {
        let mut ties = RemoteTies::default();
        let monitor = own(&mut ties, remote(1, 1));
        assert!(ties.end_monitor(monitor).is_some());
        assert_eq!(ties.end_monitor(monitor), None);
    }

    #[test]
    fn a_monitor_fires_only_for_its_owner() {
        let mut ties = RemoteTies::default();
        let monitor = own(&mut ties, remote(1, 1));
        assert_eq!(ties.end_monitor(MonitorRef { owner: local(2), ..monitor }), None);
        assert!(ties.end_monitor(monitor).is_some());
    }

    #[test]
    fn the_monitors_of_others_go_by_either_name() {
        let mut ties = RemoteTies::default();
        let watch = (remote(1, 1), local(1));
        assert!(ties.watch(reference(7), number(1), watch));
        assert!(!ties.watch(reference(7), number(2), watch), "the name was used already");
        assert_eq!(ties.reference(number(1)), Some(reference(7)));
        assert_eq!(ties.unwatch(reference(7)), Some((local(1), number(1))));
        assert_eq!(ties.unwatch(reference(7)), None);
        assert_eq!(ties.reference(number(1)), None);
    }

    #[test]
    fn a_lost_connection_cuts_all_ties() {
        let mut ties = ties(Linked, LinkId::new());
        let monitor = own(&mut ties, remote(1, 1));
        assert!(ties.watch(reference(7), number(1), (remote(1, 1), local(1))));
        assert!(ties.call(call(1, 2), local(1), Arc::from([])));
        assert!(ties.call(call(2, 3), local(1), Arc::from([])));
        let cut = ties.cut();
        assert_eq!(cut.links.len(), 1);
        assert_eq!(cut.monitors, [(monitor, Destination::Pid(remote(1, 1)))]);
        assert_eq!(cut.watchers, [(local(1), number(1))]);
        assert!(ties.is_empty(), "{ties:?}");
    }

    #[test]
    fn monitors_of_an_earlier_incarnation_are_cut_when_the_next_comes_up() {
        let mut ties = RemoteTies::default();
        let (old, new) = (own(&mut ties, remote(1, 1)), own(&mut ties, remote(2, 1)));
        let cut = ties.cut_others(remote(2, 1).incarnation().unwrap());
        assert_eq!(cut.monitors, [(old, Destination::Pid(remote(1, 1)))]);
        assert!(ties.end_monitor(new).is_some());
    }

    #[test]
    fn a_call_goes_with_the_monitor_that_its_client_has_set_last_on_its_server() {
        let mut ties = RemoteTies::default();
        let (client, server) = (remote(1, 1), local(1));
        assert!(ties.watch(reference(1), number(1), (client, server)));
        assert!(ties.watch(reference(2), number(2), (client, server)));
        assert!(ties.watch(reference(3), number(3), (client, local(2))));
        assert!(ties.watch(reference(4), number(4), (remote(1, 2), server)));
        assert!(ties.call(call(1, 9), server, Arc::from([])));
        assert_eq!(ties.monitor_of(call(1, 9)), Some((reference(2), server, number(2))));
        for other in [1, 3, 4] {
            assert!(ties.unwatch(reference(other)).is_some());
        }
        assert!(ties.tag(call(1, 9)).is_some());
        assert!(ties.unwatch(reference(2)).is_some());
        assert!(ties.is_empty(), "{ties:?}");
    }

    #[test]
    fn a_reference_has_five_words_at_most() {
        assert_eq!(RemoteRef::new(&[1, 2]).unwrap().words(), [1, 2]);
        assert_ne!(RemoteRef::new(&[1]), RemoteRef::new(&[1, 0]));
        assert!(RemoteRef::new(&[u32::MAX; 5]).is_some());
        assert!(RemoteRef::new(&[0; 6]).is_none());
    }
}
