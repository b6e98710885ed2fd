//! How a task runs, whoever starts it.

use crate::child_policy::Shutdown;
use crate::process::Builder;

/// How tasks are spawned, and how their supervisor stops them.
///
/// [Task supervisors](crate::task_supervisor) start tasks with it, and
/// [streams](super::AsyncStream::task_options).
///
/// ```
/// use procession::prelude::*;
/// use procession::process::Builder;
/// use procession::task::TaskOptions;
///
/// let tasks = TaskSupervisor::new().start_link()?;
/// let options = TaskOptions::new()
///     .shutdown(Shutdown::BrutalKill)
///     .spawn_options(Builder::new().stack_size(8 * 1024 * 1024));
/// let task = tasks.spawn_with(options, || {
///     std::hint::black_box([1_u8; 1024 * 1024]).iter().map(|n| u64::from(*n)).sum::<u64>()
/// })?;
/// assert_eq!(task.await_reply()?, 1024 * 1024);
/// # tasks.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a task is started with them"]
pub struct TaskOptions {
    pub(crate) shutdown: Shutdown,
    pub(crate) builder: Builder,
}

impl Default for TaskOptions {
    fn default() -> TaskOptions {
        TaskOptions { shutdown: Shutdown::WORKER, builder: Builder::new() }
    }
}

impl TaskOptions {
    /// Returns the default options: five seconds to shut down, spawned as any process.
    pub fn new() -> TaskOptions {
        TaskOptions::default()
    }

    /// Sets how the supervisor stops the task when it stops itself. Default: a timeout of five
    /// seconds. It means nothing to a task without a supervisor.
    ///
    /// Elixir: `shutdown`.
    pub fn shutdown(mut self, shutdown: Shutdown) -> TaskOptions {
        self.shutdown = shutdown;
        self
    }

    /// Sets how the process is spawned: its stack size, its kill grace. Default: as any process.
    ///
    /// It is linked to its supervisor, and to its owner if the function that starts it says so,
    /// whatever is set here. A name is one of a single process: of two tasks with one name that run
    /// at the same time the second cannot be started.
    pub fn spawn_options(mut self, builder: Builder) -> TaskOptions {
        self.builder = builder;
        self
    }
}
