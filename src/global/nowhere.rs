//! The server of global names of a program that is no node of a cluster.

use crate::call::Caller;

use super::named::{Job, Outcome};
use super::tables::Kept;

/// What the server has to do with others: nothing.
#[derive(Debug)]
pub(super) struct Elsewhere;

impl Elsewhere {
    pub(super) fn new() -> Elsewhere {
        Elsewhere
    }

    /// Does something. Returns the outcome, which is known at once.
    pub(super) fn add(
        &mut self,
        job: Job,
        _: &Caller<Outcome>,
        kept: &mut Kept,
    ) -> Option<Outcome> {
        let outcome = kept.check(&job);
        if outcome.is_ok() {
            match job {
                Job::Register(named) | Job::ReRegister(named) => kept.names.insert(named),
                Job::Unregister(name) => kept.names.delete(&name),
            }
        }
        Some(outcome)
    }
}
