//! A scope of a program that is no node of a cluster.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::id::Pid;
use crate::message::Message;

use super::{Changed, Group};

/// The scopes of this name on other nodes: there are none.
#[derive(Debug)]
pub(super) struct Elsewhere<G>(PhantomData<fn() -> G>);

impl<G: Group> Elsewhere<G> {
    pub(super) fn new(_name: Arc<str>) -> Elsewhere<G> {
        Elsewhere(PhantomData)
    }

    pub(super) fn joined(&self, _group: &Arc<G>, _pids: &[Pid]) {}

    pub(super) fn left(&self, _pids: &[Pid], _groups: &[Arc<G>]) {}

    /// Returns the message, as it is no other scope's.
    pub(super) fn hear(
        &mut self,
        message: Message,
        _own: impl FnOnce() -> Vec<(Arc<G>, Vec<Pid>)>,
    ) -> Result<Vec<Changed<Arc<G>>>, Message> {
        Err(message)
    }

    pub(super) fn lost(&mut self, _peer: Pid) -> Vec<Changed<Arc<G>>> {
        Vec::new()
    }
}
