//! Processes of other nodes: what the kernel does for one that is none of its own.
//!
//! Whoever is about to do something to a process asks for a [`RemotePid`] first, or, if the process
//! may be known by its name alone, for a [`Remote`]; and leaves it to that if there is one. Without
//! the feature `dist` there is none, and nothing is left of the question.

#[cfg(not(feature = "dist"))]
mod alone;
#[cfg(feature = "dist")]
mod processes;

#[cfg(not(feature = "dist"))]
pub(crate) use alone::{Remote, RemotePid, Unsent};
#[cfg(feature = "dist")]
pub(crate) use processes::{Remote, RemotePid, Unsent};

/// What the sender of a request does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It waits for the answer, so it has nothing better to do than to write the request itself.
    Wait,
    /// It may send more at once, which is then written together.
    GoOn,
}
