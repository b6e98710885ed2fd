//! Waiting for several tasks at once.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::call::{DEFAULT_TIMEOUT, Pending, ended_request};
use crate::call_error::{CallError, CallErrorKind};
use crate::child_policy::Shutdown;
use crate::exit::ExitReason;
use crate::process::current::{Ended, current};
use crate::process::receive::{deadline_after, time_left};

use super::handle::{Task, to_exit};
use super::running::unlink_and_exit;

/// Waits for the values of all `tasks`, for at most five seconds, and returns them in the order of
/// the tasks.
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
///
/// let one = Task::spawn(|| 1 + 1)?;
/// let other = Task::spawn(|| 2 + 3)?;
/// assert_eq!(task::await_many([one, other])?, [2, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Elixir: `Task.await_many/1`.
///
/// # Errors
///
/// As [`await_many_timeout`].
pub fn await_many<T: Send + 'static>(
    tasks: impl IntoIterator<Item = Task<T>>,
) -> Result<Vec<T>, CallError> {
    await_many_timeout(tasks, DEFAULT_TIMEOUT)
}

/// As [`await_many`], for at most `timeout` in all.
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
/// use std::time::Duration;
///
/// let tasks = (1..=3).map(|n| Task::spawn(move || n * n)).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(task::await_many_timeout(tasks, Duration::from_secs(60))?, [1, 4, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Elixir: `Task.await_many/2`.
///
/// # Errors
///
/// That of the first task that fails, at once, or of one that has no value when the time is over:
/// as [`Task::await_timeout`], but for [`CallErrorKind::Deadlock`], which is not looked for. The
/// others go on, and nothing of them reaches the mailbox.
pub fn await_many_timeout<T: Send + 'static>(
    tasks: impl IntoIterator<Item = Task<T>>,
    timeout: Duration,
) -> Result<Vec<T>, CallError> {
    let mut tasks: Vec<Task<T>> = tasks.into_iter().collect();
    let mut values: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    let deadline = deadline_after(timeout);
    let mut group = Group::new(&mut tasks);
    while let Some(first) = values.iter().position(Option::is_none) {
        let (index, outcome) = match group.next(deadline) {
            Ok(Some(ended)) => ended,
            Ok(None) => (first, Err(CallErrorKind::Timeout)),
            Err(Ended) => (first, Err(CallErrorKind::CallerEnded)),
        };
        match outcome {
            Ok(value) => values[index] = Some(value),
            Err(kind) => return Err(group.tasks[index].failed(kind)),
        }
    }
    Ok(values.into_iter().flatten().collect())
}

/// What [`yield_many_with`] does with tasks that go on when its time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnYieldTimeout {
    /// It leaves them alone: they can be asked again.
    #[default]
    Nothing,
    /// It [ignores](Task::ignore) them.
    Ignore,
    /// It [shuts them down](Task::shutdown), by [`Shutdown::BrutalKill`].
    KillTask,
}

/// The options of [`yield_many_with`].
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing until `yield_many_with` gets them"]
pub struct YieldOptions {
    timeout: Duration,
    limit: usize,
    on_timeout: OnYieldTimeout,
}

impl Default for YieldOptions {
    fn default() -> YieldOptions {
        let on_timeout = OnYieldTimeout::default();
        YieldOptions { timeout: DEFAULT_TIMEOUT, limit: usize::MAX, on_timeout }
    }
}

impl YieldOptions {
    /// Returns the default options: all tasks are waited for, for five seconds, and then left
    /// alone.
    pub fn new() -> YieldOptions {
        YieldOptions::default()
    }

    /// Sets how long to wait. Default: 5 s.
    pub fn timeout(mut self, timeout: Duration) -> YieldOptions {
        self.timeout = timeout;
        self
    }

    /// Sets how many tasks to wait for: when so many have ended, the others are left alone.
    /// Default: all.
    pub fn limit(mut self, limit: usize) -> YieldOptions {
        self.limit = limit;
        self
    }

    /// Sets what becomes of tasks that go on when the time is over. Default:
    /// [`OnYieldTimeout::Nothing`].
    pub fn on_timeout(mut self, on_timeout: OnYieldTimeout) -> YieldOptions {
        self.on_timeout = on_timeout;
        self
    }
}

/// Waits until all of `tasks` have ended, for at most `timeout`, and returns for each of them, in
/// their order, what [`Task::yield_reply`] would: `None` if it goes on.
///
/// ```
/// use procession::prelude::*;
/// use procession::task;
/// use std::time::Duration;
///
/// let quick = Task::spawn(|| 1)?;
/// let slow = Task::spawn(|| receive! { n: u32 => n })?;
/// let mut tasks = [quick, slow];
/// assert_eq!(task::yield_many(&mut tasks, Duration::from_millis(100)), [Some(Ok(1)), None]);
///
/// process::send(tasks[1].pid().unwrap(), 2_u32);
/// let [_, slow] = tasks;
/// assert_eq!(slow.await_reply()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A task that waits for the caller is not told so: see [there](super#in-servers).
///
/// Elixir: `Task.yield_many/2`.
pub fn yield_many<T: Send + 'static>(
    tasks: &mut [Task<T>],
    timeout: Duration,
) -> Vec<Option<Result<T, ExitReason>>> {
    yield_many_with(tasks, YieldOptions::new().timeout(timeout))
}

/// As [`yield_many`], with options: until a number of the tasks have ended, for instance.
///
/// ```
/// use procession::prelude::*;
/// use procession::task::{self, OnYieldTimeout, YieldOptions};
/// use std::time::Duration;
///
/// // Whichever is the first; nobody waits for the other.
/// let mut tasks = [Task::spawn(|| receive! { n: u32 => n })?, Task::spawn(|| 2)?];
/// let first = task::yield_many_with(&mut tasks, YieldOptions::new().limit(1));
/// assert_eq!(first, [None, Some(Ok(2))]);
///
/// let options =
///     YieldOptions::new().timeout(Duration::ZERO).on_timeout(OnYieldTimeout::KillTask);
/// assert_eq!(task::yield_many_with(&mut tasks, options), [None, None]);
/// assert!(!process::is_alive(tasks[0].pid().unwrap()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Elixir: `Task.yield_many/2`.
pub fn yield_many_with<T: Send + 'static>(
    tasks: &mut [Task<T>],
    options: YieldOptions,
) -> Vec<Option<Result<T, ExitReason>>> {
    let YieldOptions { timeout, limit, on_timeout } = options;
    let deadline = deadline_after(timeout);
    let mut outcomes: Vec<_> = tasks.iter().map(|_| None).collect();
    let mut group = Group::new(tasks);
    let mut left = limit.min(group.len());
    while left > 0 {
        let Ok(Some((index, outcome))) = group.next(deadline) else { break };
        outcomes[index] = to_exit(outcome);
        left -= 1;
    }
    if left > 0 {
        if on_timeout == OnYieldTimeout::KillTask {
            kill_all(tasks); // All at once: each may take the time of its last destructors.
        }
        let late = tasks.iter_mut().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none());
        late.for_each(|(task, outcome)| *outcome = give_up(task, on_timeout));
    }
    outcomes
}

/// Kills those whose outcome was not taken, and waits for none.
fn kill_all<T: Send + 'static>(tasks: &[Task<T>]) {
    let pids = tasks.iter().filter(|task| !task.is_over()).filter_map(Task::pid);
    unlink_and_exit(pids, ExitReason::Kill);
}

fn give_up<T: Send + 'static>(
    task: &mut Task<T>,
    on_timeout: OnYieldTimeout,
) -> Option<Result<T, ExitReason>> {
    match on_timeout {
        _ if task.is_over() => None,
        OnYieldTimeout::Nothing => None,
        OnYieldTimeout::Ignore => task.detach(),
        OnYieldTimeout::KillTask => task.end(Shutdown::BrutalKill),
    }
}

/// Which task has ended, and how.
type Outcome<T> = (usize, Result<T, CallErrorKind>);

/// Tasks, in the order in which they end.
struct Group<'a, T: Send + 'static> {
    tasks: &'a mut [Task<T>],
    /// Those whose value is there.
    known: VecDeque<usize>,
    /// The others that can be waited for, by their requests.
    awaited: BTreeMap<NonZeroU64, usize>,
}

impl<'a, T: Send + 'static> Group<'a, T> {
    fn new(tasks: &'a mut [Task<T>]) -> Group<'a, T> {
        let (mut known, mut awaited) = (VecDeque::new(), BTreeMap::new());
        for (index, task) in tasks.iter().enumerate() {
            match task.request() {
                Some(pending) => _ = awaited.insert(pending.id(), index),
                None if task.is_over() => {}
                None => known.push_back(index),
            }
        }
        Group { tasks, known, awaited }
    }

    /// Returns how many of them are still to end.
    fn len(&self) -> usize {
        self.known.len() + self.awaited.len()
    }

    /// Waits for the next one that ends, and returns which that is, and how. Returns `None` if no
    /// one does by the deadline, or none is left.
    fn next(&mut self, deadline: Option<Instant>) -> Result<Option<Outcome<T>>, Ended> {
        if let Some(index) = self.known.pop_front() {
            return Ok(self.tasks[index].take(Duration::ZERO).map(|outcome| (index, outcome)));
        }
        let requests = self.awaited.values().filter_map(|index| self.tasks[*index].request());
        let Some(since) = requests.map(Pending::since).min() else { return Ok(None) };
        let awaited = &self.awaited;
        let message = current().receive_since(since, time_left(deadline), |message| {
            ended_request::<T>(message).is_some_and(|id| awaited.contains_key(&id))
        })?;
        Ok(message.and_then(|message| {
            let index = self.awaited.remove(&ended_request::<T>(&message)?)?;
            Some((index, self.tasks[index].take_from(message)?))
        }))
    }
}
