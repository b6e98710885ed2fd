//! How a stream of tasks runs.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use crate::call::DEFAULT_TIMEOUT;
use crate::exit::ExitReason;

use super::running::Running;
use super::task_options::TaskOptions;

/// Starts the task of an item.
pub(super) type StartTask<I, T> =
    Box<dyn Fn(I, TaskOptions) -> Result<Running<T>, ExitReason> + Send>;

/// How a stream runs.
#[derive(Clone, Debug)]
pub(super) struct StreamOptions {
    pub(super) max_concurrency: usize,
    pub(super) ordered: bool,
    pub(super) timeout: Duration,
    pub(super) on_timeout: OnStreamTimeout,
    /// Those of each task.
    pub(super) task: TaskOptions,
}

impl Default for StreamOptions {
    fn default() -> StreamOptions {
        StreamOptions {
            max_concurrency: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            ordered: true,
            timeout: DEFAULT_TIMEOUT,
            on_timeout: OnStreamTimeout::default(),
            task: TaskOptions::default(),
        }
    }
}

/// What a stream does with a task that takes too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStreamTimeout {
    /// All tasks are ended. Values that are there come first, if they are before it in the order of
    /// the results; then comes the error, as the last result.
    #[default]
    Exit,
    /// The task is killed: its result is the error.
    KillTask,
}
