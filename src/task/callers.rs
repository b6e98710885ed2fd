//! Who has started a task: OTP's ancestors are those of its process, its callers those of its work.

use std::fmt;
use std::iter;
use std::sync::Arc;

use crate::id::Pid;
use crate::process::{dictionary, self_pid};

/// Where a task keeps its callers, as in Elixir.
const KEY: &str = "$callers";

/// The number of callers that a task remembers.
const LIMIT: usize = 16;

/// The process that has started a task, the process that has started that if it is a task, too, and
/// so on.
#[derive(Clone)]
pub(crate) struct Callers(Arc<[Pid]>);

impl fmt::Debug for Callers {
    /// Crash reports print it, beside its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Callers {
    /// Returns those of a task that the calling process starts.
    pub(crate) fn of_next() -> Callers {
        let own = dictionary::get::<Callers>(KEY);
        let own = own.iter().flat_map(|callers| callers.0.iter().copied());
        Callers(iter::once(self_pid()).chain(own).take(LIMIT).collect())
    }

    /// Has the calling process be a task with these callers.
    pub(crate) fn enter(self) {
        dictionary::put(KEY, self);
    }
}

/// Returns the process that has started the calling task; then, if that is a task, too, the process
/// that has started it; and so on, up to sixteen. In a process that is no task there are none.
///
/// Under a [task supervisor](crate::task_supervisor) it is not the supervisor, which is the first
/// *ancestor*, but the process that has asked for the task.
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
///
/// let outer = Task::spawn(|| {
///     let inner = Task::spawn(task::callers)?;
///     Ok((process::self_pid(), inner.await_reply()?))
/// })?;
/// let (outer, callers) = outer.await_reply()?.map_err(|reason: ExitReason| reason)?;
/// assert_eq!(callers, [outer, process::self_pid()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Elixir: `$callers` in the [process dictionary](crate::process::dictionary), where they are here,
/// too.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn callers() -> Vec<Pid> {
    dictionary::get::<Callers>(KEY).map_or_else(Vec::new, |callers| callers.0.to_vec())
}
