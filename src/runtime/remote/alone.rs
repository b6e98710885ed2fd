//! A program without other nodes.

use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::{LinkId, MonitorRef, Node, Pid};
use crate::message::{Destination, Message};

use super::super::bound::{Decision, Sender};
use super::super::links::{Closed, Linked};
use super::super::mailbox::Signal;
use super::super::table::Process;
use super::Next;

/// A process of another node, by its pid or its name, of which there is none.
#[derive(Clone, Debug)]
pub(crate) enum Remote {}

/// A process of another node, by its pid, of which there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RemotePid {}

/// What does not leave, of which there is nothing.
#[derive(Debug)]
pub(crate) enum Unsent {}

impl Unsent {
    pub(crate) fn into_text(self) -> String {
        match self {}
    }
}

impl Remote {
    pub(crate) fn request(self, _: Message, _: Next) -> Result<(), Unsent> {
        match self {}
    }

    pub(crate) fn request_in_turn(self, _: Message, _: Next) -> Result<(), Unsent> {
        match self {}
    }

    #[inline(always)]
    pub(crate) fn of(_: Option<Pid>, _: &Destination) -> Option<Remote> {
        None
    }

    #[inline(always)]
    pub(crate) fn named(_: &Arc<str>, _: Node) -> Option<Remote> {
        None
    }

    pub(crate) fn node(&self) -> Node {
        match *self {}
    }

    pub(crate) fn offer(self, _: Message) -> Result<(), (Remote, Message)> {
        match self {}
    }

    pub(crate) fn is_busy(&self) -> bool {
        match *self {}
    }

    pub(crate) fn await_room(
        &self,
        _: &'static dyn Sender,
        _: impl FnOnce(&dyn Fn() -> Decision),
    ) -> Decision {
        match *self {}
    }

    pub(crate) fn send(self, _: Message) {
        match self {}
    }

    pub(crate) fn send_in_turn(self, _: Message) {
        match self {}
    }

    pub(crate) fn watch(
        self,
        _: MonitorRef,
        _: Destination,
        _is_of_request: bool,
    ) -> Result<(), ExitReason> {
        match self {}
    }

    pub(crate) fn forget(self, _: MonitorRef) {
        match self {}
    }
}

impl RemotePid {
    #[inline(always)]
    pub(crate) fn of(_: Pid) -> Option<RemotePid> {
        None
    }

    pub(crate) fn offer(self, _: Message) -> Result<(), (Remote, Message)> {
        match self {}
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
}
