//! A program without other nodes.

use crate::exit::ExitReason;
use crate::id::{LinkId, MonitorRef, Pid};
use crate::message::Destination;

use super::super::links::{Closed, Linked};
use super::super::mailbox::Signal;
use super::super::table::Process;

/// A process of another node, of which there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Remote {}

impl Remote {
    #[inline(always)]
    pub(crate) fn of(_: Pid) -> Option<Remote> {
        None
    }

    pub(crate) fn deliver(self, _: Signal) {
        match self {}
    }

    pub(crate) fn link(self, _: Process) -> Result<Linked, Closed> {
        match self {}
    }

    pub(crate) fn unlink(self, _: Process) {
        match self {}
    }

    pub(crate) fn keeps_link(self, _: Pid, _: LinkId) -> bool {
        match self {}
    }

    pub(crate) fn watch(self, _: MonitorRef, _: Destination) -> Result<(), ExitReason> {
        match self {}
    }

    pub(crate) fn forget(self, _: MonitorRef) {
        match self {}
    }
}
