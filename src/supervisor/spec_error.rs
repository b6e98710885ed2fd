//! Mistakes in child specs.

use std::fmt;

use crate::error_text::errors;

/// A mistake in a child spec or in the flags of a supervisor.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecError {
    /// Two children have this id.
    DuplicateId(String),
    /// The child with this id is significant, but its supervisor never shuts down by itself.
    SignificantWithoutAutoShutdown(String),
    /// The child with this id is significant and permanent, so it never ends for good.
    SignificantAndPermanent(String),
    /// The child with this id is to be restarted, but it can be started only
    /// [once](super::ChildSpec::once).
    StartsOnce(String),
    /// The [back-off](super::ChildSpec::backoff) of the child with this id begins with zero, or
    /// with more than its limit.
    Backoff(String),
    /// The period of the intensity is zero.
    ZeroPeriod,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateId(id) => write!(f, "two children have the id {id:?}"),
            Self::SignificantWithoutAutoShutdown(id) => {
                write!(f, "child {id:?} is significant, but there is no auto-shutdown")
            }
            Self::SignificantAndPermanent(id) => {
                write!(f, "child {id:?} is significant and permanent: it never ends for good")
            }
            Self::StartsOnce(id) => {
                write!(f, "child {id:?} can be started only once, so it must be temporary")
            }
            Self::Backoff(id) => {
                write!(f, "the back-off of child {id:?} begins with zero or exceeds its limit")
            }
            Self::ZeroPeriod => f.write_str("the period of the restart intensity is zero"),
        }
    }
}

errors!(SpecError);

/// The reason for which a child is not started a second time by a spec that can start it only
/// [once](super::ChildSpec::once).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartedBefore {
    /// The id of the child.
    pub id: String,
}

impl fmt::Display for StartedBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child {:?} can be started only once, and was started before", self.id)
    }
}

errors!(StartedBefore);
