//! A stream of tasks that runs: which tasks there are, and whose result is next.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::call::ended_request;
use crate::call_error::{CallError, CallErrorKind};
use crate::exit::ExitReason;
use crate::message::Message;
use crate::process::current::{Ended, current};
use crate::process::receive::{deadline_after, time_left};
use crate::user_code::{Guarded, drop_caught};

use super::handle::{Task, to_exit};
use super::running::{Running, unlink_and_exit};
use super::stream_options::{OnStreamTimeout, StartTask, StreamOptions};

/// The results of an [`AsyncStream`](super::AsyncStream) that runs.
///
/// The tasks belong to the process that has begun to iterate, so this cannot be sent to another.
pub struct Results<I: Iterator, T: Send + 'static>(Stream<I, T, ()>);

impl<I: Iterator, T: Send + 'static> Results<I, T> {
    pub(super) fn new(
        items: I,
        start: StartTask<I::Item, T>,
        options: StreamOptions,
    ) -> Results<I, T> {
        Results(Stream::new(items, start, options, |_| ()))
    }
}

impl<I: Iterator, T: Send + 'static> Iterator for Results<I, T> {
    type Item = Result<T, ExitReason>;

    fn next(&mut self) -> Option<Result<T, ExitReason>> {
        self.0.next().map(|((), result)| result)
    }
}

impl<I: Iterator, T: Send + 'static> FusedIterator for Results<I, T> {}

impl<I: Iterator, T: Send + 'static> fmt::Debug for Results<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Results").field(&self.0).finish()
    }
}

/// The results of a [`ZipInputOnExit`](super::ZipInputOnExit) that runs.
///
/// As [`Results`], it cannot be sent to another process.
pub struct ZippedResults<I: Iterator, T: Send + 'static>(Stream<I, T, I::Item>);

impl<I: Iterator<Item: Clone>, T: Send + 'static> ZippedResults<I, T> {
    pub(super) fn new(
        items: I,
        start: StartTask<I::Item, T>,
        options: StreamOptions,
    ) -> ZippedResults<I, T> {
        ZippedResults(Stream::new(items, start, options, Clone::clone))
    }
}

impl<I: Iterator, T: Send + 'static> Iterator for ZippedResults<I, T> {
    type Item = Result<T, (I::Item, ExitReason)>;

    fn next(&mut self) -> Option<Result<T, (I::Item, ExitReason)>> {
        self.0.next().map(|(item, result)| result.map_err(|reason| (item, reason)))
    }
}

impl<I: Iterator, T: Send + 'static> FusedIterator for ZippedResults<I, T> {}

impl<I: Iterator, T: Send + 'static> fmt::Debug for ZippedResults<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ZippedResults").field(&self.0).finish()
    }
}

/// The result of a task, and what was kept of its item.
type Kept<T, K> = (Guarded<K>, Result<Guarded<T>, ExitReason>);

/// A stream that runs, and keeps a `K` of each item until the result of that is returned.
struct Stream<I: Iterator, T: Send + 'static, K> {
    /// `None` when it has ended.
    items: Option<Guarded<I>>,
    start: Guarded<StartTask<I::Item, T>>,
    keep: fn(&I::Item) -> K,
    options: StreamOptions,
    /// By their requests.
    running: BTreeMap<NonZeroU64, Item<T, K>>,
    /// How many tasks were started.
    started: usize,
    /// The results that were not returned, by their turns.
    results: BTreeMap<usize, Kept<T, K>>,
    /// The error that ends the stream, when the tasks that run have ended.
    last: Option<Kept<T, K>>,
    /// How many results there were.
    ended: usize,
    /// How many results were returned.
    returned: usize,
    /// The messages of its tasks come to the mailbox of one process, so it is not `Send`.
    not_send: PhantomData<*const ()>,
}

/// An item whose task has not ended.
struct Item<T, K> {
    task: Running<T>,
    /// How many tasks were started before.
    position: usize,
    kept: Guarded<K>,
    /// The value, if it has come.
    value: Option<Guarded<T>>,
    deadline: Option<Instant>,
    /// Whether it was killed as its time was over.
    timed_out: bool,
}

impl<I: Iterator, T: Send + 'static, K> Stream<I, T, K> {
    fn new(
        items: I,
        start: StartTask<I::Item, T>,
        options: StreamOptions,
        keep: fn(&I::Item) -> K,
    ) -> Stream<I, T, K> {
        Stream {
            items: Some(Guarded::new(items)),
            start: Guarded::new(start),
            keep,
            options,
            running: BTreeMap::new(),
            started: 0,
            results: BTreeMap::new(),
            last: None,
            ended: 0,
            returned: 0,
            not_send: PhantomData,
        }
    }

    /// Returns the next result: results that are there come before tasks are started.
    fn next(&mut self) -> Option<(K, Result<T, ExitReason>)> {
        let (kept, result) = self.next_kept()?;
        Some((kept.into_inner(), result.map(Guarded::into_inner)))
    }

    fn next_kept(&mut self) -> Option<Kept<T, K>> {
        loop {
            if let Some(result) = self.results.remove(&self.returned) {
                self.returned += 1;
                return Some(result);
            }
            self.fill();
            self.wait();
            if self.running.is_empty() && self.results.is_empty() && self.items.is_none() {
                return self.last.take();
            }
        }
    }

    /// Starts tasks, as many as may run at once. If one cannot be started, it is the last.
    fn fill(&mut self) {
        while self.running.len() < self.options.max_concurrency {
            let Some(item) = self.items.as_mut().and_then(|items| items.get_mut().next()) else {
                self.items = None;
                return;
            };
            let item = Guarded::new(item);
            let kept = Guarded::new((self.keep)(item.get()));
            let task = match (self.start.get())(item.into_inner(), self.options.task.clone()) {
                Ok(task) => task,
                Err(reason) => {
                    self.items = None;
                    self.last = Some((kept, Err(reason)));
                    return;
                }
            };
            let (position, deadline) = (self.started, deadline_after(self.options.timeout));
            self.started += 1;
            let item = Item { task, position, kept, value: None, deadline, timed_out: false };
            self.running.insert(item.task.pending.id(), item);
        }
    }

    /// Waits for something of a task.
    fn wait(&mut self) {
        let Some(since) = self.running.values().map(|item| item.task.pending.since()).min() else {
            return;
        };
        let deadline = self.running.values().filter_map(|item| item.deadline).min();
        let running = &self.running;
        let message = current().receive_since(since, time_left(deadline), |message| {
            ended_request::<T>(message).is_some_and(|id| running.contains_key(&id))
        });
        match message {
            Ok(Some(message)) => self.take_in(message),
            Ok(None) => self.end_late(),
            Err(Ended) => match self.first(|item| item.value.is_none()) {
                Some(id) => self.fail(id, CallErrorKind::CallerEnded),
                None => self.end_all(),
            },
        }
    }

    /// Takes in the value of a task, or its end: only when it has ended may the next one start.
    fn take_in(&mut self, message: Message) {
        let Some(id) = ended_request::<T>(&message) else { return };
        let Some(item) = self.running.get_mut(&id) else { return };
        let outcome = item.task.pending.outcome(message);
        match to_exit(outcome) {
            Some(Ok(value)) => {
                item.value = Some(Guarded::new(value));
            }
            Some(Err(reason)) => self.finish(id, reason),
            None => {}
        }
    }

    /// Gives the result of a task that has ended its turn.
    fn finish(&mut self, id: NonZeroU64, reason: ExitReason) {
        let Some(item) = self.running.remove(&id) else { return };
        let result = match item.value {
            Some(value) => Ok(value), // It has removed the link before it sent that.
            None => {
                item.task.flush_exit();
                // It may have failed by itself before, and have ended only now.
                let is_late = item.timed_out && reason == ExitReason::Killed;
                Err(if is_late { failed(&item.task, CallErrorKind::Timeout) } else { reason })
            }
        };
        self.keep_result(item.position, (item.kept, result));
    }

    /// Keeps a result until its turn.
    fn keep_result(&mut self, position: usize, result: Kept<T, K>) {
        let turn = if self.options.ordered { position } else { self.ended };
        self.ended += 1;
        self.results.insert(turn, result);
    }

    /// Kills the tasks whose time is over, or all if that ends the stream: one has no value.
    fn end_late(&mut self) {
        let now = Instant::now(); // If a task is late, so is each that was started before.
        let is_late = |item: &Item<T, K>| item.deadline.is_some_and(|deadline| deadline <= now);
        let failed_id = self.first(|item| is_late(item) && item.value.is_none());
        if let (Some(id), OnStreamTimeout::Exit) = (failed_id, self.options.on_timeout) {
            return self.fail(id, CallErrorKind::Timeout);
        }
        let mut late = Vec::new();
        for item in self.running.values_mut().filter(|item| is_late(item)) {
            (item.timed_out, item.deadline) = (true, None);
            late.push(item.task.pid);
        }
        unlink_and_exit(late, ExitReason::Kill);
    }

    /// Ends all tasks, and the stream by the error of one of them. The values that are there come
    /// before it; in the order of the items, each task before this one must have its value.
    fn fail(&mut self, id: NonZeroU64, kind: CallErrorKind) {
        self.kill_all(); // Before it is waited for this one.
        self.items = None;
        let Some(failed_item) = self.running.remove(&id) else { return };
        await_end(&failed_item.task);
        self.end_all();
        if self.options.ordered {
            drop(self.results.split_off(&failed_item.position));
        }
        let reason = failed(&failed_item.task, kind);
        self.last = Some((failed_item.kept, Err(reason)));
    }

    /// Kills all tasks, waits until they have ended, and keeps the values that are there.
    fn end_all(&mut self) {
        self.kill_all();
        while let Some((_, item)) = self.running.pop_first() {
            await_end(&item.task);
            if let Some(value) = item.value {
                self.keep_result(item.position, (item.kept, Ok(value)));
            }
        }
    }

    /// Returns the first running one, in the order of the items, of which `is` holds.
    fn first(&self, is: impl Fn(&Item<T, K>) -> bool) -> Option<NonZeroU64> {
        let running = self.running.iter().filter(|(_, item)| is(item));
        running.min_by_key(|(_, item)| item.position).map(|(id, _)| *id)
    }

    fn kill_all(&self) {
        unlink_and_exit(self.running.values().map(|item| item.task.pid), ExitReason::Kill);
    }

    /// Ends the stream, and drops what is left.
    fn close(&mut self) {
        self.end_all();
        self.items = None;
        self.last = None;
        self.results.clear();
    }
}

impl<I: Iterator, T: Send + 'static, K> Drop for Stream<I, T, K> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<I: Iterator, T: Send + 'static, K> fmt::Debug for Stream<I, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("options", &self.options)
            .field("running", &self.running.len())
            .field("started", &self.started)
            .field("returned", &self.returned)
            .finish_non_exhaustive()
    }
}

/// Waits until a task has ended that was killed. Nothing of it is left then.
fn await_end<T: Send + 'static>(task: &Running<T>) {
    while let Some(Ok(value)) = task.pending.wait(Duration::MAX) {
        drop_caught(value);
    }
    task.pending.abandon();
    task.flush_exit();
}

/// Returns the reason for which there is no value, if it is not the end of the task.
fn failed<T: Send + 'static>(task: &Running<T>, kind: CallErrorKind) -> ExitReason {
    CallError::new(kind, task.pid, type_name::<Task<T>>()).into()
}
