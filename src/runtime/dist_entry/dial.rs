//! Dials: connections that are to be made, told apart from earlier and later ones of a node.

use std::sync::Arc;

use crate::id::Node;

use super::super::bound::Decision;
use super::super::remote_ties::Cut;
use super::room::let_go;
use super::writing::Direct;
use super::{Controller, DistEntry, ENTRIES, State, Status, carrier};

/// All dials that are under way have failed.
///
/// None is missed: who is to dial marks the node as dialled first, and looks who the carrier is
/// then.
pub(crate) fn fail_dials() {
    let entries: Vec<_> = ENTRIES.read().values().copied().collect();
    entries.into_iter().filter_map(DistEntry::dial).for_each(Dial::failed);
}

/// A dial of a node: a connection with it is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial {
    entry: &'static DistEntry,
    number: u64,
}

impl Dial {
    pub(crate) fn node(self) -> Node {
        self.entry.node
    }

    /// Returns whether it is under way: what is to be sent to the node waits for it.
    pub(crate) fn is_under_way(self) -> bool {
        self.entry.state.lock().dial() == Some(self.number)
    }

    /// Has it made.
    pub(crate) fn begin(self) {
        match carrier() {
            Some(carrier) => carrier.dial(self),
            None => self.failed(),
        }
    }

    /// The dial has failed. Returns the ties that have waited for it, for the caller to tell;
    /// `None` if it is not the one that is under way. Then the caller calls [`told`](Self::told).
    pub(in crate::runtime) fn give_up(self) -> Option<Cut> {
        let mut state = self.entry.state.lock();
        if state.dial() != Some(self.number) {
            return None;
        }
        state.status = Status::Losing;
        let (cut, frames) = (state.ties.cut(), state.take_frames());
        let senders = state.room.clear(Decision::SentAway);
        drop(state);
        drop(frames);
        let_go(senders);
        Some(cut)
    }

    /// All whom it concerns have been told that it has failed.
    pub(in crate::runtime) fn told(self) -> After {
        self.entry.told()
    }
}

/// What is left to do when something was queued, where no lock is held.
#[must_use]
pub(crate) enum After {
    Nothing,
    Wake(Arc<dyn Controller>),
    WakeLater(Arc<dyn Controller>),
    Write(Direct),
    GiveUp(Arc<dyn Controller>),
    Begin(Dial),
    /// So much waits for the dial that there is not to be more.
    Fail(Dial),
}

impl After {
    pub(crate) fn run(self) {
        match self {
            After::Nothing => {}
            After::Wake(controller) => controller.wake(),
            After::WakeLater(controller) => controller.wake_later(),
            After::Write(direct) => direct.run(),
            After::GiveUp(controller) => controller.give_up(),
            After::Begin(dial) => dial.begin(),
            After::Fail(dial) => dial.failed(),
        }
    }
}

impl DistEntry {
    pub(super) fn begin_dial(&'static self, state: &mut State) -> Dial {
        state.status = Status::Pending;
        state.dials += 1;
        self.last_dial(state)
    }

    /// Returns the last dial.
    pub(super) fn last_dial(&'static self, state: &State) -> Dial {
        Dial { entry: self, number: state.dials }
    }

    /// Returns the dial that is under way.
    pub(super) fn dial(&'static self) -> Option<Dial> {
        let number = self.state.lock().dial()?;
        Some(Dial { entry: self, number })
    }
}

impl State {
    /// Returns the number of the dial that is under way.
    pub(super) fn dial(&self) -> Option<u64> {
        matches!(self.status, Status::Pending).then_some(self.dials)
    }
}
