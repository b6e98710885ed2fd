//! The flags of a supervisor, and which children it can have with them.

use super::{Policy, Restart, SpecError};

/// Says which children are restarted when one of them has failed: see
/// [the pictures](super#strategies).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Only the failed child is restarted.
    OneForOne,
    /// All children are restarted; the others are stopped first.
    OneForAll,
    /// The failed child is restarted, and so are the children that were started after it, which are
    /// stopped first.
    RestForOne,
}

/// Says whether a supervisor shuts down, with [`Shutdown`](crate::ExitReason::Shutdown), when
/// [significant](super::ChildSpec::significant) children have exited by themselves and are not
/// restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// The supervisor never does.
    #[default]
    Never,
    /// The supervisor does when any significant child has exited.
    AnySignificant,
    /// The supervisor does when the last significant child has exited.
    AllSignificant,
}

impl Policy {
    pub(crate) fn check(&self, auto_shutdown: AutoShutdown) -> Result<(), SpecError> {
        let id = || self.id.clone();
        if self.starts_once && self.restart != Restart::Temporary {
            return Err(SpecError::StartsOnce(id()));
        }
        if self.backoff.is_some_and(|backoff| !backoff.is_valid()) {
            return Err(SpecError::Backoff(id()));
        }
        match (self.significant, auto_shutdown, self.restart) {
            (false, ..) => Ok(()),
            (true, AutoShutdown::Never, _) => Err(SpecError::SignificantWithoutAutoShutdown(id())),
            (true, _, Restart::Permanent) => Err(SpecError::SignificantAndPermanent(id())),
            (true, ..) => Ok(()),
        }
    }
}
