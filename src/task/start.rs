//! Tasks whose value nobody waits for.

use std::any::type_name;
use std::sync::Arc;

use crate::child_policy::Restart;
use crate::id::Pid;
use crate::process::{Builder, Ending, SpawnError};
use crate::supervisor::ChildSpec;
use crate::user_code::Guarded;

use super::callers::Callers;
use super::task_options::TaskOptions;

/// Starts a process for a task whose value nobody waits for, and which nobody is linked to.
///
/// As a process of [`proc_lib`](crate::proc_lib), it is reported if it crashes. It knows its
/// [`callers`](super::callers).
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
/// use std::time::Duration;
///
/// let me = process::self_pid();
/// task::start(move || process::send(me, "sent"))?;
/// receive! { text: &str => assert_eq!(text, "sent") }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Elixir: `Task.start/1`.
///
/// # Errors
///
/// Returns a [`SpawnError`] if there was no thread for the process; then `f` is dropped.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn start<R: Ending>(f: impl FnOnce() -> R + Send + 'static) -> Result<Pid, SpawnError> {
    start_with(Builder::new(), f)
}

/// As [`start`], and links the process to the caller.
///
/// Supervisors start their tasks in this way: see [`child_spec`].
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
///
/// let pid = task::start_link(|| Err(ExitReason::new("no paper")))?;
/// receive! { exit: Exit if exit.from == pid => assert_eq!(exit.reason.to_string(), "no paper") }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Elixir: `Task.start_link/1`.
///
/// # Errors
///
/// As [`start`].
///
/// # Panics
///
/// As [`start`].
pub fn start_link<R: Ending>(f: impl FnOnce() -> R + Send + 'static) -> Result<Pid, SpawnError> {
    start_with(Builder::new().link(), f)
}

/// Returns the spec of a task with the id `id` under a supervisor: a
/// [temporary](Restart::Temporary) worker that runs `f`, each time anew if another
/// [restart](ChildSpec::restart) is set.
///
/// A task that owns what cannot be given away twice is one by [`ChildSpec::once`], whose function
/// calls [`start_link`].
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
///
/// let me = process::self_pid();
/// let warm_up = task::child_spec("warm-up", move || process::send(me, "warm"));
/// assert_eq!(warm_up.policy().restart, Restart::Temporary);
///
/// let supervisor = Supervisor::one_for_one().child(warm_up).start_link()?;
/// receive! { text: &str => assert_eq!(text, "warm") }
/// # supervisor.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Elixir: `Task.child_spec/1`.
pub fn child_spec<R: Ending, F>(id: impl Into<String>, f: F) -> ChildSpec
where
    F: Fn() -> R + Send + Sync + 'static,
{
    spec_of(id.into(), None, TaskOptions::new(), f).restart(Restart::Temporary)
}

/// Returns the spec of a permanent task. Its callers are these, or who starts it, and theirs.
pub(crate) fn spec_of<R: Ending, F>(
    id: String,
    callers: Option<Callers>,
    options: TaskOptions,
    f: F,
) -> ChildSpec
where
    F: Fn() -> R + Send + Sync + 'static,
{
    let f = Arc::new(f);
    let TaskOptions { shutdown, builder } = options;
    let builder = builder.link().initial_call(type_name::<F>());
    let start = move || {
        let (f, callers) = (Arc::clone(&f), callers.clone().unwrap_or_else(Callers::of_next));
        Ok(spawn(builder.clone(), callers, move || f())?)
    };
    ChildSpec::new(id, start).module(type_name::<F>()).shutdown(shutdown)
}

/// Returns the spec of a task that can run one time only.
pub(crate) fn spec_once<R: Ending, F>(callers: Callers, options: TaskOptions, f: F) -> ChildSpec
where
    F: FnOnce() -> R + Send + 'static,
{
    let TaskOptions { shutdown, builder } = options;
    let builder = builder.link().initial_call(type_name::<F>());
    let start = move || Ok(spawn(builder, callers, f)?);
    ChildSpec::once(type_name::<F>(), start).module(type_name::<F>()).shutdown(shutdown)
}

fn start_with<R: Ending, F>(builder: Builder, f: F) -> Result<Pid, SpawnError>
where
    F: FnOnce() -> R + Send + 'static,
{
    let f = Guarded::new(f);
    let callers = Callers::of_next();
    let builder = builder.initial_call(type_name::<F>());
    spawn(builder, callers, || f.into_inner()())
}

fn spawn<R: Ending>(
    builder: Builder,
    callers: Callers,
    f: impl FnOnce() -> R + Send + 'static,
) -> Result<Pid, SpawnError> {
    builder.spawn(|| {
        callers.enter();
        f()
    })
}
