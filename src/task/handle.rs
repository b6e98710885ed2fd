//! The handle of a task, which its owner has.

use std::any::{type_name, type_name_of_val};
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::time::Duration;

use crate::call::{DEFAULT_TIMEOUT, Pending, ended_request};
use crate::call_error::{CallError, CallErrorKind};
use crate::child_policy::Shutdown;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Message;
use crate::process;
use crate::process::{AliasMode, Builder, SpawnError};
use crate::user_code::Guarded;

use super::running::{Running, unlink_and_exit};

/// A process that computes one value for the process that has started it, its owner.
///
/// Only the owner can wait for the value, as it comes to the owner's mailbox: so a `Task` cannot be
/// sent to another process. Waiting for the value consumes the task; [`yield_reply`] only looks for
/// it, so that it can be asked for again.
///
/// If the task is dropped, its process goes on, and stays linked; its value never reaches the
/// mailbox.
///
/// ```
/// use procession::prelude::*;
///
/// let total = Task::spawn(|| (1..=1_000_u64).sum::<u64>())?;
/// // ... something else ...
/// assert_eq!(total.await_reply()?, 500_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0277
/// use procession::prelude::*;
///
/// let task = Task::spawn(|| 42)?;
/// process::spawn(move || drop(task.await_reply()))?; // It is not the owner.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`yield_reply`]: Self::yield_reply
#[must_use = "nothing hears of the value of a task that is dropped"]
pub struct Task<T: Send + 'static> {
    owner: Pid,
    pid: Option<Pid>,
    outcome: Outcome<T>,
    /// Its messages come to the mailbox of one process, so it is not `Send`.
    not_send: PhantomData<*const ()>,
}

/// What the owner knows of the value.
enum Outcome<T> {
    Awaited(Running<T>),
    Known(T),
    /// The value was returned, or why there is none.
    Taken,
}

/// How tasks start.
impl<T: Send + 'static> Task<T> {
    /// Starts a process that computes the value of `f` for the caller, which it is linked to.
    ///
    /// If `f` panics, or the process ends in another way without a value, the owner ends with the
    /// same reason, unless it traps exits, as all threads of the program's own do; and the process
    /// ends if the owner does. (See [`TaskSupervisorRef::spawn_nolink`] for a task whose failure
    /// its owner survives.)
    ///
    /// When the value is sent, the link is removed, and no [`Exit`](crate::Exit) comes.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let task = Task::spawn(|| "a long computation".len())?;
    /// assert_eq!(task.await_reply()?, 18);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.async/1`.
    ///
    /// # Errors
    ///
    /// Returns a [`SpawnError`] if there was no thread for the process; then `f` is dropped.
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    ///
    /// [`TaskSupervisorRef::spawn_nolink`]: crate::task_supervisor::TaskSupervisorRef::spawn_nolink
    #[doc(alias = "async")]
    pub fn spawn(f: impl FnOnce() -> T + Send + 'static) -> Result<Task<T>, SpawnError> {
        Task::spawn_with(Builder::new(), f)
    }

    /// As [`spawn`](Self::spawn), with any options of the process: a larger stack, for instance.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use procession::process::Builder;
    ///
    /// let task = Task::spawn_with(Builder::new().stack_size(8 * 1024 * 1024), || {
    ///     std::hint::black_box([1_u8; 1024 * 1024]).iter().map(|n| u64::from(*n)).sum::<u64>()
    /// })?;
    /// assert_eq!(task.await_reply()?, 1024 * 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_with(
        builder: Builder,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Task<T>, SpawnError> {
        let builder = builder.initial_call(type_name_of_val(&f));
        Running::spawn_link(builder, AliasMode::Reply, f).map(Task::new)
    }

    /// Returns a task that is done: there is no process, and the value is there.
    ///
    /// It is for functions that return a task, and know the value sometimes.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// fn length(text: &'static str) -> Result<Task<usize>, process::SpawnError> {
    ///     if text.is_empty() { Ok(Task::completed(0)) } else { Task::spawn(|| text.len()) }
    /// }
    ///
    /// assert_eq!(length("")?.await_reply()?, 0);
    /// assert_eq!(length("four")?.await_reply()?, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.completed/1`.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn completed(value: T) -> Task<T> {
        let value = Guarded::new(value);
        let owner = process::self_pid();
        let outcome = Outcome::Known(value.into_inner());
        Task { owner, pid: None, outcome, not_send: PhantomData }
    }

    pub(crate) fn new(running: Running<T>) -> Task<T> {
        let (owner, pid) = (process::self_pid(), Some(running.pid));
        Task { owner, pid, outcome: Outcome::Awaited(running), not_send: PhantomData }
    }
}

/// What the owner does with a task.
impl<T: Send + 'static> Task<T> {
    /// Returns the process; `None` if the task was made by [`completed`](Self::completed).
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Returns the process that has started the task, which is the caller.
    pub fn owner(&self) -> Pid {
        self.owner
    }

    /// Waits for the value, for at most five seconds.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let task = Task::spawn(|| "12".parse::<u32>())?;
    /// assert_eq!(task.await_reply()?, Ok(12));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.await/1`.
    ///
    /// # Errors
    ///
    /// As [`await_timeout`](Self::await_timeout).
    #[doc(alias = "await")]
    pub fn await_reply(self) -> Result<T, CallError> {
        self.await_timeout(DEFAULT_TIMEOUT)
    }

    /// Waits for the value, for at most `timeout`.
    ///
    /// Messages of others stay in the mailbox. [`Duration::MAX`] waits forever.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::time::Duration;
    ///
    /// let task = Task::spawn(|| if true { panic!("no value") })?;
    /// let error = task.await_timeout(Duration::from_secs(60)).unwrap_err();
    /// let CallErrorKind::Down(reason) = error.kind() else { panic!() };
    /// assert_eq!(reason.as_panic().unwrap().message, "no value");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.await/2`.
    ///
    /// # Errors
    ///
    /// - [`CallErrorKind::Down`] if the task ended without a value; even if it ended with
    ///   [`Normal`](ExitReason::Normal), as it does by [`exit_self`](crate::process::exit_self).
    ///   An owner that is linked to the task and does not trap exits ends with it instead, unless
    ///   the reason is `Normal`.
    /// - [`CallErrorKind::Timeout`] if the value does not come in time. The task goes on, still
    ///   linked; its value never reaches the mailbox, and neither does its end by a DOWN. Also, at
    ///   once, if the value was taken by [`yield_reply`](Self::yield_reply) before.
    /// - [`CallErrorKind::Deadlock`] at once, if the task waits for the caller.
    /// - [`CallErrorKind::CallerEnded`] if the caller cannot wait any more.
    pub fn await_timeout(mut self, timeout: Duration) -> Result<T, CallError> {
        let outcome = match self.take(Duration::ZERO) {
            None if !timeout.is_zero() => self.take_as_only(timeout),
            looked => looked,
        };
        outcome.unwrap_or(Err(CallErrorKind::Timeout)).map_err(|kind| self.failed(kind))
    }

    /// Waits for the value, for at most `timeout`, and returns it, or why the task ended without
    /// one; `None` if it goes on.
    ///
    /// After `None` the task can be asked again. When the value, or the reason, was returned, there
    /// is nothing more to wait for: further calls return `None` at once.
    ///
    /// As with [`await_timeout`](Self::await_timeout), a linked owner that does not trap exits ends
    /// if the task fails.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::time::Duration;
    ///
    /// let mut task = Task::spawn(|| receive! { n: u32 => 2 * n })?;
    /// assert_eq!(task.yield_reply(Duration::from_millis(1)), None);
    /// process::send(task.pid().unwrap(), 21_u32);
    /// assert_eq!(task.yield_reply(Duration::from_secs(5)), Some(Ok(42)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.yield/2`.
    #[doc(alias = "yield")]
    pub fn yield_reply(&mut self, timeout: Duration) -> Option<Result<T, ExitReason>> {
        self.take(timeout).and_then(to_exit)
    }

    /// Takes the outcome out of `message`, if that is the value of this task, or says why it has
    /// ended without one.
    ///
    /// It is for an owner that is given its messages, as a server is by `handle_info`: see
    /// [there](super#in-servers). When the outcome was returned, there is nothing more to wait for.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let mut task = Task::spawn(|| 42)?;
    /// let message = process::receive();
    /// assert_eq!(task.check_reply(message).unwrap(), Ok(42));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: the messages `{ref, result}` and `{:DOWN, ref, ...}`.
    ///
    /// # Errors
    ///
    /// Returns the message if it is another one.
    pub fn check_reply(&mut self, message: Message) -> Result<Result<T, ExitReason>, Message> {
        let Some(request) = self.request() else { return Err(message) };
        if ended_request::<T>(&message) != Some(request.id()) {
            return Err(message);
        }
        let outcome = to_exit(request.outcome(message));
        self.outcome = Outcome::Taken;
        Ok(outcome.expect("only who waits hears of a deadlock"))
    }

    /// Ends the process, waits until it has ended, and returns the value if it was sent before, or
    /// why the process ended. `None` if it was ended by this.
    ///
    /// The link is removed first, so that the owner does not end with the task. The process is told
    /// to end as `how` says: as a supervisor does it. One that does not trap exits ends at its next
    /// receive point.
    ///
    /// - `Some(Ok(value))`: it has sent its value. The value of a task without a process is there.
    /// - `Some(Err(reason))`: it has ended for another reason than the one that was asked for. If
    ///   it had to be killed as its time was over, that is [`ExitReason::Killed`]. If its outcome
    ///   was taken before, it is [`ExitReason::NoProc`].
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::time::Duration;
    ///
    /// let mut task = Task::spawn(|| receive! { n: u32 => n })?;
    /// let outcome = match task.yield_reply(Duration::from_millis(1)) {
    ///     Some(outcome) => Some(outcome),
    ///     None => task.shutdown(Shutdown::Timeout(Duration::from_secs(5))),
    /// };
    /// assert_eq!(outcome, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.shutdown/2`, whose default is a timeout of five seconds.
    pub fn shutdown(mut self, how: Shutdown) -> Option<Result<T, ExitReason>> {
        self.end(how)
    }

    /// Returns the value, or why the process ended, if that is known; `None` if it goes on: from
    /// now on it is not linked, and nothing of it reaches the caller.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let task = Task::spawn(|| receive! { () => {} })?;
    /// let pid = task.pid().unwrap();
    /// assert_eq!(task.ignore(), None);
    /// assert!(process::is_alive(pid));
    /// # process::send(pid, ());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.ignore/1`.
    pub fn ignore(mut self) -> Option<Result<T, ExitReason>> {
        self.detach()
    }

    /// Takes the outcome, if there is one within `timeout`.
    pub(super) fn take(&mut self, timeout: Duration) -> Option<Result<T, CallErrorKind>> {
        match mem::replace(&mut self.outcome, Outcome::Taken) {
            Outcome::Awaited(running) => {
                let outcome = running.pending.wait(timeout);
                if is_left(&outcome) {
                    self.outcome = Outcome::Awaited(running);
                }
                outcome
            }
            Outcome::Known(value) => Some(Ok(value)),
            Outcome::Taken => None,
        }
    }

    /// As [`take`](Self::take), by a caller that does nothing else meanwhile: an error if the task
    /// waits for it.
    fn take_as_only(&mut self, timeout: Duration) -> Option<Result<T, CallErrorKind>> {
        let Outcome::Awaited(running) = &self.outcome else { return None };
        let outcome = running.pending.wait_for(running.pid, timeout);
        if !is_left(&outcome) {
            self.outcome = Outcome::Taken;
        }
        outcome
    }

    pub(super) fn failed(&self, kind: CallErrorKind) -> CallError {
        let request = match (&kind, &self.outcome) {
            (CallErrorKind::Timeout, Outcome::Taken) => "a task whose outcome was taken before",
            _ => type_name::<Task<T>>(),
        };
        CallError::new(kind, self.pid.unwrap_or(self.owner), request)
    }

    /// The body of [`shutdown`](Self::shutdown), for one of several tasks.
    pub(super) fn end(&mut self, how: Shutdown) -> Option<Result<T, ExitReason>> {
        let Some(pid) = self.pid else { return self.detach() };
        end_process(pid, how);
        if self.is_over() {
            return Some(Err(ExitReason::NoProc));
        }
        let asked_for = match how {
            Shutdown::BrutalKill => ExitReason::Killed,
            Shutdown::Timeout(_) | Shutdown::Infinity => ExitReason::Shutdown,
        };
        let outcome = self.take(Duration::ZERO).and_then(to_exit);
        outcome.filter(|outcome| outcome.as_ref().err() != Some(&asked_for))
    }

    /// The body of [`ignore`](Self::ignore), for one of several tasks.
    pub(super) fn detach(&mut self) -> Option<Result<T, ExitReason>> {
        if let Outcome::Awaited(running) = &self.outcome
            && running.is_linked()
        {
            process::unlink(running.pid);
        }
        let outcome = self.take(Duration::ZERO).and_then(to_exit);
        self.abandon();
        outcome
    }

    /// Ensures that nothing of the task is left in the mailbox, nor comes any more.
    fn abandon(&mut self) {
        if let Outcome::Awaited(running) = &self.outcome {
            running.pending.abandon();
            self.outcome = Outcome::Taken;
        }
    }

    /// Takes the outcome out of the message that has ended the request.
    pub(super) fn take_from(&mut self, message: Message) -> Option<Result<T, CallErrorKind>> {
        let outcome = self.request()?.outcome(message);
        self.outcome = Outcome::Taken;
        Some(outcome)
    }

    /// Returns the request that the value answers, if that has not come.
    pub(super) fn request(&self) -> Option<&Pending<T>> {
        match &self.outcome {
            Outcome::Awaited(running) => Some(&running.pending),
            Outcome::Known(_) | Outcome::Taken => None,
        }
    }

    /// Returns whether the outcome was taken.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.outcome, Outcome::Taken)
    }
}

impl<T: Send + 'static> Drop for Task<T> {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl<T: Send + 'static> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.outcome {
            Outcome::Awaited(_) => "awaited",
            Outcome::Known(_) => "completed",
            Outcome::Taken => "taken",
        };
        f.debug_struct("Task")
            .field("pid", &self.pid)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

/// Whether the task can still be asked.
fn is_left<T>(outcome: &Option<Result<T, CallErrorKind>>) -> bool {
    matches!(outcome, None | Some(Err(CallErrorKind::CallerEnded | CallErrorKind::Deadlock(_))))
}

/// Returns the value or the reason, if the task has ended.
pub(super) fn to_exit<T>(outcome: Result<T, CallErrorKind>) -> Option<Result<T, ExitReason>> {
    match outcome {
        Ok(value) => Some(Ok(value)),
        Err(CallErrorKind::Down(reason)) => Some(Err(reason)),
        Err(CallErrorKind::NoProc) => Some(Err(ExitReason::NoProc)),
        Err(
            CallErrorKind::Timeout
            | CallErrorKind::CallingSelf(_)
            | CallErrorKind::Deadlock(_)
            | CallErrorKind::NoReply
            | CallErrorKind::NodeDown(_)
            | CallErrorKind::BadReply(_)
            | CallErrorKind::NoExternalForm(_)
            | CallErrorKind::WrongServer { .. }
            | CallErrorKind::CallerEnded,
        ) => None,
    }
}

/// Ends a process, which the caller is not linked to any more then, and waits until it has ended.
fn end_process(pid: Pid, how: Shutdown) {
    let monitor = process::monitor(pid);
    let (reason, timeout) = match how {
        Shutdown::BrutalKill => (ExitReason::Kill, Duration::MAX),
        Shutdown::Timeout(timeout) => (ExitReason::Shutdown, timeout),
        Shutdown::Infinity => (ExitReason::Shutdown, Duration::MAX),
    };
    unlink_and_exit([pid], reason);
    if process::wait(monitor, timeout).is_none() {
        process::exit(pid, ExitReason::Kill);
        process::wait(monitor, Duration::MAX);
    }
}
