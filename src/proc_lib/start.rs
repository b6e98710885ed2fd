//! Starting a process and waiting for its acknowledgement.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::error_text::errors;
use crate::exit::{ExitReason, OfStart, Reason};
use crate::id::{MonitorRef, Pid, unique};
use crate::message::{Down, Exit, Message};
use crate::process;
use crate::process::current::{Ended, current};
use crate::process::send::answer;
use crate::process::{Builder, Ending, Mark, MonitorOptions, SpawnError, monitor};
use crate::runtime::exit::signal_exit;
use crate::runtime::links;
use crate::runtime::table::Process;
use crate::user_code::Guarded;

/// Options for starting a process that acknowledges its start.
///
/// ```
/// use procession::proc_lib::StartOptions;
/// use procession::process::Builder;
/// use std::time::Duration;
///
/// let options = StartOptions::new()
///     .timeout(Duration::from_secs(1))
///     .spawn_options(Builder::new().link());
/// ```
#[derive(Debug, Default)]
#[must_use = "options do nothing until a process is started with them"]
pub struct StartOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) builder: Builder,
}

impl StartOptions {
    /// Returns the default options: no link, and no limit of time.
    pub fn new() -> StartOptions {
        StartOptions::default()
    }

    /// Sets how long the process may take until it acknowledges. Default: no limit.
    ///
    /// A process that takes longer is killed, and the start returns [`StartError::Timeout`] when it
    /// has ended, which takes at most its [kill grace](Builder::kill_grace).
    pub fn timeout(mut self, timeout: Duration) -> StartOptions {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how the process is spawned: its name, a link, its stack size.
    pub fn spawn_options(mut self, builder: Builder) -> StartOptions {
        self.builder = builder;
        self
    }
}

/// Error returned from starting a process that must acknowledge its start. There is no process then
/// (but see [`CallerEnded`](Self::CallerEnded)), and the attempt leaves nothing in the caller's
/// mailbox.
///
/// As an [`ExitReason`], by `?`, it is abnormal, whatever the reason that it holds.
#[non_exhaustive]
pub enum StartError {
    /// The process ended, for this reason, before it acknowledged.
    Failed(ExitReason),
    /// The process took longer than its timeout.
    Timeout,
    /// The process could not be spawned.
    Spawn(SpawnError),
    /// The caller cannot wait: it is being ended by an exit signal, or it is a thread of the
    /// program's own that was killed or is in its last destructors. If that came in the middle of
    /// the start, the process goes on by itself, unless it is linked.
    CallerEnded,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => {
                write!(f, "the process ended before it was ready: {}", OfStart(reason))
            }
            Self::Timeout => f.write_str("the process took too long to start"),
            Self::Spawn(error) => write!(f, "the process was not spawned: {error}"),
            Self::CallerEnded => f.write_str("the caller has ended and cannot wait"),
        }
    }
}

errors!(StartError);

/// Starts a process, waits until it acknowledges, and returns the value of that.
///
/// OTP: [`proc_lib:start/3`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#start/3).
///
/// # Errors
///
/// Returns a [`StartError`]; then there is no process.
pub fn start<T: Send + 'static, R: Ending>(
    body: impl FnOnce(Starter<T>) -> R + Send + 'static,
) -> Result<T, StartError> {
    start_with(StartOptions::new(), body)
}

/// As [`start`], and links the process to the caller before its body runs.
///
/// If it ends abnormally before it acknowledges, the exit signal ends a caller that does not trap
/// exits; a caller that does gets the error, and no [`Exit`] message.
///
/// OTP: [`proc_lib:start_link/3`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#start_link/3).
///
/// # Errors
///
/// As [`start`].
pub fn start_link<T: Send + 'static, R: Ending>(
    body: impl FnOnce(Starter<T>) -> R + Send + 'static,
) -> Result<T, StartError> {
    start_with(StartOptions::new().spawn_options(Builder::new().link()), body)
}

/// As [`start`], with options.
///
/// # Errors
///
/// As [`start`].
pub fn start_with<T: Send + 'static, R: Ending>(
    options: StartOptions,
    body: impl FnOnce(Starter<T>) -> R + Send + 'static,
) -> Result<T, StartError> {
    let started = start_user_process(options, body);
    started.forget();
    started.outcome
}

/// As [`start`], and monitors the process, whether its start succeeds or not: if it fails, the
/// caller gets the [`Down`], too.
///
/// There is no monitor if the process could not be spawned.
///
/// OTP: [`proc_lib:start_monitor/3`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#start_monitor/3).
pub fn start_monitor<T: Send + 'static, R: Ending>(
    body: impl FnOnce(Starter<T>) -> R + Send + 'static,
) -> (Result<T, StartError>, Option<MonitorRef>) {
    start_monitor_with(StartOptions::new(), body)
}

/// As [`start_monitor`], with options.
pub fn start_monitor_with<T: Send + 'static, R: Ending>(
    options: StartOptions,
    body: impl FnOnce(Starter<T>) -> R + Send + 'static,
) -> (Result<T, StartError>, Option<MonitorRef>) {
    let Started { outcome, process, down, .. } = start_user_process(options, body);
    if let Some(down) = down {
        // As the DOWN that it was, so that removing the monitor finds it.
        let (mailbox, monitor) = (&current().slot.mailbox, down.monitor.id);
        mailbox.requeue_down(monitor, Message::new(down));
    }
    (outcome, process.map(|(_, monitor)| monitor))
}

fn start_user_process<T, R, F>(options: StartOptions, body: F) -> Started<T>
where
    T: Send + 'static,
    R: Ending,
    F: FnOnce(Starter<T>) -> R + Send + 'static,
{
    start_process(options, type_name::<F>(), |starter| body(starter).reason())
}

/// The outcome of a start, with or without a process.
pub(crate) struct Started<T> {
    pub(crate) outcome: Result<T, StartError>,
    /// The process and the caller's monitor of it; `None` if no process was spawned.
    pub(crate) process: Option<(Pid, MonitorRef)>,
    /// The end of the process, if it has ended already.
    pub(crate) down: Option<Down>,
    /// The place in the mailbox before the start.
    since: Mark,
}

impl<T> Started<T> {
    /// Makes the outcome of a start without a process.
    fn failed(error: StartError, since: Mark) -> Started<T> {
        Started { outcome: Err(error), process: None, down: None, since }
    }

    /// Removes the monitor.
    pub(crate) fn forget(&self) {
        if let Some((_, monitor)) = self.process {
            monitor::forget_request(monitor, self.since, |message| is_end(message, monitor));
        }
    }
}

/// Starts a process whose body returns its exit reason.
pub(crate) fn start_process<T: Send + 'static>(
    options: StartOptions,
    initial_call: &'static str,
    body: impl FnOnce(Starter<T>) -> ExitReason + Send + 'static,
) -> Started<T> {
    let body = Guarded::new(body);
    let caller = current();
    let since = caller.slot.mailbox.mark();
    if let Err(Ended) = caller.may_block() {
        return Started::failed(StartError::CallerEnded, since);
    }
    let StartOptions { timeout, builder } = options;
    let linked = builder.is_linked();
    let (pid, start) = (caller.pid, unique());
    let mut waiting = None;
    let spawned =
        builder.initial_call(initial_call).spawn_with(Some(MonitorOptions::new()), |child, _| {
            // Before the process runs: if it calls the starter, that call finds the cycle. There
            // is no cycle yet, as a process that does not run waits for no other.
            waiting = caller.wait_for(child, start).ok();
            Box::new(move || body.into_inner()(Starter { pid, start, value: PhantomData }))
        });
    let (pid, monitor) = match spawned {
        Ok((pid, monitor)) => (pid, monitor.expect("it was asked for")),
        Err(error) => return Started::failed(StartError::Spawn(error), since),
    };
    let starting = Starting { caller, pid, monitor, linked, since, start };
    let mut down = None;
    let outcome = starting.wait(timeout, &mut down);
    Started { outcome, process: Some((pid, monitor)), down, since }
}

/// The means of a process to acknowledge its start to the process that waits for that. It cannot be
/// sent to another:
///
/// ```compile_fail,E0277
/// use procession::{process, proc_lib};
///
/// proc_lib::start(|starter| {
///     process::spawn(move || starter.ack("too late, perhaps")).unwrap();
/// });
/// ```
#[must_use = "the starting process waits until the start is acknowledged"]
pub struct Starter<T> {
    pid: Pid,
    start: NonZeroU64,
    value: PhantomData<*const T>,
}

impl<T> fmt::Debug for Starter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Starter").field(&self.pid).finish()
    }
}

impl<T: Send + 'static> Starter<T> {
    /// Returns the process that waits.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Acknowledges that the process is ready: the start returns `value`, and the process goes on.
    ///
    /// The process also goes on if `value` is an error: it must then end by itself.
    ///
    /// OTP: [`proc_lib:init_ack/2`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#init_ack/2).
    pub fn ack(self, value: T) {
        self.send(value, false);
    }

    /// Ends the process with `reason`; the start returns `value` when the process has ended.
    ///
    /// OTP: [`proc_lib:init_fail/3`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#init_fail/3).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own, which cannot be ended.
    pub fn fail(self, value: T, reason: impl Reason) -> ! {
        self.give_up(value);
        process::exit_self(reason)
    }

    /// Announces that the process is about to end; the start returns `value` when it has ended.
    pub(crate) fn give_up(self, value: T) {
        self.send(value, true);
    }

    fn send(self, value: T, ends: bool) {
        // Before the acknowledgement: there must be no edge for a wait that is over. If the
        // process ends, the starter still waits.
        if !ends {
            Process::of(self.pid).slot.wait.edge.clear(self.start);
        }
        let acknowledgement = Acknowledgement { start: self.start, value, ends };
        answer(self.pid, Message::new(acknowledgement));
    }
}

/// The message by which a process acknowledges its start.
struct Acknowledgement<T> {
    start: NonZeroU64,
    value: T,
    /// Whether the process ends next.
    ends: bool,
}

impl<T> fmt::Debug for Acknowledgement<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acknowledgement<{}>({})", type_name::<T>(), self.start)
    }
}

/// A process being started, as its starter sees it.
struct Starting {
    caller: Process,
    pid: Pid,
    monitor: MonitorRef,
    linked: bool,
    since: Mark,
    start: NonZeroU64,
}

impl Starting {
    /// Waits for the acknowledgement; if the process ends meanwhile, its `down` is set, too.
    fn wait<T: Any + Send>(
        &self,
        timeout: Option<Duration>,
        down: &mut Option<Down>,
    ) -> Result<T, StartError> {
        let timeout = timeout.unwrap_or(Duration::MAX);
        let message = self
            .caller
            .receive_since(self.since, timeout, |message| {
                self.is_ack::<T>(message) || is_end(message, self.monitor)
            })
            .map_err(|Ended| StartError::CallerEnded)?;
        let outcome = match message.map(Message::downcast::<Acknowledgement<T>>) {
            Some(Ok(Acknowledgement { value, ends: false, .. })) => return Ok(value),
            Some(Ok(Acknowledgement { value, .. })) => {
                *down = Some(self.await_end()?);
                Ok(value)
            }
            Some(Err(message)) => {
                let end = message.downcast::<Down>().expect("it is one of the two");
                *down = Some(end.clone());
                Err(StartError::Failed(end.reason))
            }
            None => {
                *down = Some(self.kill()?);
                Err(StartError::Timeout)
            }
        };
        self.flush::<T>();
        outcome
    }

    fn is_ack<T: Any + Send>(&self, message: &Message) -> bool {
        let ack = message.downcast_ref::<Acknowledgement<T>>();
        ack.is_some_and(|ack| ack.start == self.start)
    }

    /// Waits until the process has ended. If it is linked and ends abnormally, so does a starter
    /// that does not trap exits: the exit signal comes before the DOWN.
    fn await_end(&self) -> Result<Down, StartError> {
        let down = self
            .caller
            .receive_since(self.since, Duration::MAX, |message| is_end(message, self.monitor))
            .map_err(|Ended| StartError::CallerEnded)?
            .and_then(|message| message.downcast::<Down>().ok());
        Ok(down.expect("it is waited for without a limit"))
    }

    fn kill(&self) -> Result<Down, StartError> {
        if self.linked {
            self.caller.sort();
            links::unlink(self.caller.link_end(), Process::of(self.pid).link_end());
        }
        signal_exit(self.caller.pid, self.pid, ExitReason::Kill);
        self.await_end()
    }

    /// Removes the other messages of a process that has ended: its exit message, if the starter
    /// traps exits, and an acknowledgement that came too late.
    fn flush<T: Any + Send>(&self) {
        let is_left = |message: &Message| match message.downcast_ref::<Exit>() {
            Some(exit) => self.linked && exit.from == self.pid,
            None => self.is_ack::<T>(message),
        };
        let next = || self.caller.receive_since(self.since, Duration::ZERO, is_left);
        while let Ok(Some(_)) = next() {}
    }
}

/// Whether `message` is the DOWN of `monitor`.
fn is_end(message: &Message, monitor: MonitorRef) -> bool {
    message.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
}
