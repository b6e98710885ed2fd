//! A stream of tasks before it runs: what it is to do.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::process::AliasMode;

use super::results::{Results, ZippedResults};
use super::running::Running;
use super::stream_options::{OnStreamTimeout, StartTask, StreamOptions};
use super::task_options::TaskOptions;

/// Runs `f` on each of `items`, in a task each, with as many tasks at once as there are cores.
///
/// Nothing happens until the returned [`AsyncStream`] is iterated: whoever does that is the owner
/// of the tasks. See there for the options.
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
///
/// let words = ["a", "procession", "of", "processes"];
/// let lengths = task::async_stream(words, |word| word.len());
/// let lengths: Result<Vec<usize>, ExitReason> = lengths.into_iter().collect();
/// assert_eq!(lengths?, [1, 10, 2, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A task that calls the process which iterates waits until a time is over: see
/// [there](super#in-servers).
///
/// Elixir: `Task.async_stream/3`.
pub fn async_stream<I, T, F>(items: I, f: F) -> AsyncStream<I::IntoIter, T>
where
    I: IntoIterator<Item: Send + 'static>,
    T: Send + 'static,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
{
    let f = Arc::new(f);
    AsyncStream::new(items.into_iter(), move |item, options| {
        let f = Arc::clone(&f);
        let builder = options.builder.initial_call(type_name::<F>());
        Ok(Running::spawn_link(builder, AliasMode::Demonitor, move || f(item))?)
    })
}

/// Tasks that compute a value from each item of an iterator, some of them at once.
///
/// It is made by [`async_stream`], and by [task supervisors](crate::task_supervisor), and runs when
/// it is iterated, as a `for` does. The iterator takes an item out of the input when a task can be
/// started for it, and no earlier, and gives the values one by one; instead of a value, it gives
/// the reason for which the task ended without one. (If the tasks are linked, a process that does
/// not trap exits ends with the first task that fails.)
///
/// At no time are more than [`max_concurrency`](Self::max_concurrency) processes alive. They run
/// while the caller looks at a value; the next ones are started when it asks for the next value.
///
/// When the iterator is dropped, early or not, tasks that still run are killed, and waited for.
///
/// ```
/// use procession::prelude::*;
/// use procession::task::{self, OnStreamTimeout};
/// use std::time::Duration;
///
/// // Whichever is the first that answers; the others are ended.
/// let found = task::async_stream(["cache", "disk", "network"], |place| format!("by the {place}"))
///     .max_concurrency(3)
///     .ordered(false)
///     .timeout(Duration::from_secs(2))
///     .on_timeout(OnStreamTimeout::KillTask)
///     .into_iter()
///     .find_map(Result::ok);
/// assert!(found.unwrap().starts_with("by the "));
/// ```
#[must_use = "a stream does nothing until it is iterated"]
pub struct AsyncStream<I: Iterator, T> {
    items: I,
    start: StartTask<I::Item, T>,
    options: StreamOptions,
}

impl<I: Iterator, T: Send + 'static> AsyncStream<I, T> {
    pub(crate) fn new(
        items: I,
        start: impl Fn(I::Item, TaskOptions) -> Result<Running<T>, ExitReason> + Send + 'static,
    ) -> AsyncStream<I, T> {
        AsyncStream { items, start: Box::new(start), options: StreamOptions::default() }
    }

    /// Sets how many tasks may run at once. Default: as many as there are cores.
    ///
    /// Two more than that are faster for tasks that compute for a few milliseconds or less: each is
    /// a thread of its own, and while one ends and the owner starts the next, a core would be idle.
    ///
    /// If there is room for a task, the stream asks the input for an item before it looks for a
    /// result, or for tasks that are late: an input that takes its time, as one that reads from the
    /// network, delays both.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use procession::task;
    ///
    /// // Tasks that wait for the network need no core.
    /// let pages = task::async_stream(1..=100, |page| page).max_concurrency(32);
    /// assert_eq!(pages.into_iter().filter_map(Result::ok).sum::<u32>(), 5050);
    /// ```
    ///
    /// # Panics
    ///
    /// If `max_concurrency` is 0: no task could ever run.
    pub fn max_concurrency(mut self, max_concurrency: usize) -> AsyncStream<I, T> {
        assert!(max_concurrency > 0, "no task could ever run: max_concurrency is 0");
        self.options.max_concurrency = max_concurrency;
        self
    }

    /// Sets whether the results come in the order of the items, or as they are there. Default: in
    /// the order of the items.
    ///
    /// In order, results that come before their turn are kept: beside one slow task, those of any
    /// number of quick ones.
    pub fn ordered(mut self, ordered: bool) -> AsyncStream<I, T> {
        self.options.ordered = ordered;
        self
    }

    /// Sets how long each task may take. Default: 5 s. [`Duration::MAX`] sets no limit.
    ///
    /// The time of a task begins with its start, and is looked at while the stream waits for a
    /// result. The error of a task that takes too long is a [`CallError`] of the kind
    /// [`Timeout`](crate::CallErrorKind::Timeout). With [`OnStreamTimeout::KillTask`], one that has
    /// failed in time has its own reason, however long the report of that takes.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use procession::task;
    /// use std::time::Duration;
    ///
    /// let stream = task::async_stream([1], |_| receive! { () => {} });
    /// let mut results = stream.timeout(Duration::from_millis(10)).into_iter();
    /// let reason = results.next().unwrap().unwrap_err();
    /// let error = reason.downcast_ref::<CallError>().unwrap();
    /// assert_eq!(error.kind(), &CallErrorKind::Timeout);
    /// ```
    ///
    /// [`CallError`]: crate::CallError
    pub fn timeout(mut self, timeout: Duration) -> AsyncStream<I, T> {
        self.options.timeout = timeout;
        self
    }

    /// Sets what happens if a task takes too long. Default: [`OnStreamTimeout::Exit`].
    pub fn on_timeout(mut self, on_timeout: OnStreamTimeout) -> AsyncStream<I, T> {
        self.options.on_timeout = on_timeout;
        self
    }

    /// Sets how each task is spawned, and how its supervisor stops it if it has one. Default: as
    /// [`TaskOptions::new`] says.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use procession::process::Builder;
    /// use procession::task::{self, TaskOptions};
    ///
    /// fn depth(n: u64) -> u64 {
    ///     if n == 0 { 0 } else { 1 + std::hint::black_box(depth(n - 1)) }
    /// }
    ///
    /// let options = TaskOptions::new().spawn_options(Builder::new().stack_size(64 * 1024 * 1024));
    /// let depths = task::async_stream([10, 100_000], depth).task_options(options);
    /// assert_eq!(depths.into_iter().collect::<Result<Vec<_>, _>>()?, [10, 100_000]);
    /// # Ok::<(), ExitReason>(())
    /// ```
    ///
    /// Elixir: `shutdown` in the options of `Task.Supervisor.async_stream/4`.
    pub fn task_options(mut self, options: TaskOptions) -> AsyncStream<I, T> {
        self.options.task = options;
        self
    }

    /// Has the stream give the item, too, with the reason for which its task ended without a value.
    ///
    /// A clone of each item is kept while its task runs.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use procession::task;
    ///
    /// let stream = task::async_stream(["7", "seven"], |text| text.parse::<u32>().unwrap());
    /// for result in stream.zip_input_on_exit() {
    ///     match result {
    ///         Ok(number) => assert_eq!(number, 7),
    ///         Err((text, reason)) => {
    ///             assert_eq!(text, "seven");
    ///             assert!(reason.as_panic().is_some());
    ///         }
    ///     }
    /// }
    /// ```
    pub fn zip_input_on_exit(self) -> ZipInputOnExit<I, T>
    where
        I::Item: Clone,
    {
        ZipInputOnExit(self)
    }
}

impl<I: Iterator, T: Send + 'static> IntoIterator for AsyncStream<I, T> {
    type Item = Result<T, ExitReason>;
    type IntoIter = Results<I, T>;

    fn into_iter(self) -> Results<I, T> {
        Results::new(self.items, self.start, self.options)
    }
}

impl<I: Iterator, T> fmt::Debug for AsyncStream<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A stream that gives the item of a task that has ended without a value, too: see
/// [`AsyncStream::zip_input_on_exit`].
#[must_use = "a stream does nothing until it is iterated"]
pub struct ZipInputOnExit<I: Iterator, T>(AsyncStream<I, T>);

impl<I: Iterator<Item: Clone>, T: Send + 'static> IntoIterator for ZipInputOnExit<I, T> {
    type Item = Result<T, (I::Item, ExitReason)>;
    type IntoIter = ZippedResults<I, T>;

    fn into_iter(self) -> ZippedResults<I, T> {
        let AsyncStream { items, start, options } = self.0;
        ZippedResults::new(items, start, options)
    }
}

impl<I: Iterator, T> fmt::Debug for ZipInputOnExit<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ZipInputOnExit").field(&self.0).finish()
    }
}
