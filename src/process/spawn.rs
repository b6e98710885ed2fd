//! Spawning processes.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::error_text::errors;
use crate::id::{MonitorRef, Pid};
use crate::message::Destination;
use crate::runtime::bound::{Overflow, Room};
use crate::runtime::children;
use crate::runtime::exit::{Body, normal};
use crate::runtime::limits::ThreadLimit;
use crate::runtime::links;
use crate::runtime::monitors::{self, MonitorOptions};
use crate::runtime::names::{self, RegisterError};
use crate::runtime::slot::KILL_GRACE;
use crate::runtime::slot::{Profile, Settings};
use crate::runtime::start::{self, Start};
use crate::runtime::table::Process;
use crate::runtime::threads::{ThreadError, ThreadKind};
use crate::runtime::timer_thread::start_service;
use crate::runtime::tuning::{WaterMarks, long_message_queue};
use crate::user_code::Guarded;

use super::current::{current, watch_panics};
use super::ending::{Ending, ending};
use super::shutdown;

/// Error returned from spawning a process. No process was started.
#[non_exhaustive]
pub enum SpawnError {
    /// A limit of the machine leaves no room for another thread.
    Limit(ThreadLimit),
    /// The system refused the thread.
    Thread {
        /// The size of its stack, in bytes.
        stack_size: usize,
        /// The system's error.
        error: io::Error,
    },
    /// The process could not have its name.
    Name(RegisterError),
    /// A call of [`shutdown`](crate::shutdown) is ending all processes.
    ShuttingDown,
    /// The caller is being ended by an exit signal, or it is a thread of the program's own that was
    /// killed or is in its last destructors.
    CallerEnded,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "no room for another thread: {limit}"),
            Self::Thread { stack_size, error } => {
                write!(f, "the system refused a thread with a stack of {stack_size} bytes: {error}")
            }
            Self::Name(error) => write!(f, "the process cannot have its name: {error}"),
            Self::ShuttingDown => f.write_str("all processes are being shut down"),
            Self::CallerEnded => f.write_str("the process that spawns has ended"),
        }
    }
}

impl From<ThreadError> for SpawnError {
    fn from(error: ThreadError) -> SpawnError {
        match error {
            ThreadError::Limit(limit) => SpawnError::Limit(limit),
            ThreadError::Refused { stack_size, error } => SpawnError::Thread { stack_size, error },
        }
    }
}

errors!(SpawnError);

/// Options of a process, and the functions that spawn one with them.
///
/// OTP: [`erlang:spawn_opt/2`](https://www.erlang.org/doc/apps/erts/erlang.html#spawn_opt/2).
///
/// ```
/// use procession::process::{self, Builder};
///
/// let pid = Builder::new()
///     .name("builder::echo")
///     .stack_size(64 * 1024)
///     .spawn(|| drop(process::receive()))?;
/// assert_eq!(process::whereis("builder::echo"), Some(pid));
/// # process::send(pid, ());
/// # Ok::<(), process::SpawnError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    name: Option<String>,
    link: bool,
    trap_exit: bool,
    kill_grace: Duration,
    long_message_queue: Option<WaterMarks>,
    room: Option<Room>,
    thread: ThreadKind,
    initial_call: Option<&'static str>,
    behaviour: bool,
    without_ancestors: bool,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            name: None,
            link: false,
            trap_exit: false,
            kill_grace: KILL_GRACE,
            long_message_queue: None,
            room: None,
            thread: ThreadKind::Cached,
            initial_call: None,
            behaviour: false,
            without_ancestors: false,
        }
    }
}

impl Builder {
    /// Returns the default options: no name, no link, no trapping of exits, a thread from the
    /// cache.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let (_, monitor) = Builder::new().spawn_monitor(|| ())?;
    /// receive! {
    ///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Normal),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Registers the process as `name` before its body runs.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let pid = Builder::new().name("worker").spawn(|| receive! { () => {} })?;
    /// assert_eq!(process::whereis("worker"), Some(pid));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Links the process to the caller, before its body runs.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let pid = Builder::new().link().spawn(|| receive! { () => {} })?;
    /// assert_eq!(process::info(pid).unwrap().links, [process::self_pid()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn link(mut self) -> Builder {
        self.link = true;
        self
    }

    /// Sets whether the process traps exits from the start. Default: it does not.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let pid = Builder::new().trap_exit(true).spawn(|| receive! { () => {} })?;
    /// assert!(process::info(pid).unwrap().trap_exit);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trap_exit(mut self, trap_exit: bool) -> Builder {
        self.trap_exit = trap_exit;
        self
    }

    /// Sets how long the process may take to leave user code when it is killed, or when it is
    /// linked and its parent has ended. Default: 1 s.
    ///
    /// After that its links and monitors are told without a further wait, and its thread is left
    /// behind.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// # use std::sync::mpsc::channel;
    /// # use std::time::Duration;
    /// # let me = process::self_pid();
    /// # let (_sender, receiver) = channel::<()>();
    /// let builder = Builder::new().kill_grace(Duration::ZERO);
    /// let (worker, monitor) = builder.spawn_monitor(move || {
    ///     process::send(me, "begun");
    ///     _ = receiver.recv(); // It waits outside of the runtime, which cannot wake it.
    /// })?;
    /// receive! { _: &str => {} }
    /// process::exit(worker, ExitReason::Kill);
    /// receive! {
    ///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Killed),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kill_grace(mut self, grace: Duration) -> Builder {
        self.kill_grace = grace;
        self
    }

    /// Sets how many messages may wait in its mailbox before that is [reported], and with how few
    /// it is not long any more. Default: as [set for all processes][reported].
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let pid = Builder::new().long_message_queue(2).spawn(|| receive! { () => {} })?;
    /// // It receives none of these, and a warning is logged.
    /// (0_u32..3).for_each(|n| process::send(pid, n));
    /// assert_eq!(process::info(pid).unwrap().message_queue_len, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [reported]: super::tuning::set_long_message_queue
    pub fn long_message_queue(mut self, marks: impl Into<WaterMarks>) -> Builder {
        self.long_message_queue = Some(marks.into());
        self
    }

    /// Bounds its mailbox: there is room for `capacity` messages, and `overflow` says what happens
    /// to more. Default: it has no bound.
    ///
    /// [Bounded mailboxes](super#bounded-mailboxes) says which messages count.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::{Builder, Overflow};
    /// let builder = Builder::new().mailbox_capacity(2, Overflow::Refuse);
    /// let slow = builder.spawn(|| receive! { () => {} })?; // It does not receive any numbers.
    /// process::send(slow, 1);
    /// process::send(slow, 2);
    /// let refused = process::try_send(slow, 3).unwrap_err();
    /// assert_eq!(refused.into_message(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `capacity` is 0: no message could ever be sent.
    pub fn mailbox_capacity(mut self, capacity: usize, overflow: Overflow) -> Builder {
        assert!(capacity > 0, "a mailbox without room could get no message: its capacity is 0");
        self.room = Some(Room { capacity, overflow });
        self
    }

    /// Runs the process on a thread of its own with a stack of `bytes`. Default: 2 MiB.
    ///
    /// Only the part that is used takes memory. The system rounds up and has a minimum. With the
    /// feature `dist` it limits how deep the terms may be that the process reads.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let (_, monitor) = Builder::new().stack_size(8 * 1024 * 1024).spawn_monitor(|| {
    ///     let large = std::hint::black_box([0_u8; 1024 * 1024]);
    ///     assert_eq!(large[0], 0);
    /// })?;
    /// receive! {
    ///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Normal),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        let name = self.take_thread_name();
        self.thread = ThreadKind::Own { stack_size: Some(bytes), name };
        self
    }

    /// Runs the process on a thread of its own, which debuggers and `top` show as `name`.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let me = process::self_pid();
    /// Builder::new().thread_name("worker").spawn(move || {
    ///     assert_eq!(std::thread::current().name(), Some("worker"));
    ///     process::send(me, "right");
    /// })?;
    /// receive! { text: &str => assert_eq!(text, "right") }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        let stack_size = self.own_stack_size();
        self.thread = ThreadKind::Own { stack_size, name: Some(name.into()) };
        self
    }

    /// Runs the process on a thread of its own, which begins and ends with it.
    ///
    /// Thread-locals then start fresh, and their destructors run when it ends; on a thread from the
    /// cache both may be shared with earlier and later processes.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// use std::cell::Cell;
    ///
    /// thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    ///
    /// let me = process::self_pid();
    /// for _ in 0..2 {
    ///     Builder::new().dedicated().spawn(move || {
    ///         COUNT.set(COUNT.get() + 1);
    ///         process::send(me, COUNT.get());
    ///     })?;
    ///     receive! { count: u32 => assert_eq!(count, 1) }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dedicated(mut self) -> Builder {
        let stack_size = self.own_stack_size();
        let name = self.take_thread_name();
        self.thread = ThreadKind::Own { stack_size, name };
        self
    }

    /// Sets what the process is started as, which makes it one of `proc_lib`'s.
    pub(crate) fn initial_call(mut self, initial_call: &'static str) -> Builder {
        self.initial_call = Some(initial_call);
        self
    }

    /// Says that the process is a behaviour.
    pub(crate) fn behaviour(mut self) -> Builder {
        self.behaviour = true;
        self
    }

    /// Starts the process without ancestors: so it does not end with those that are below one.
    pub(crate) fn without_ancestors(mut self) -> Builder {
        self.without_ancestors = true;
        self
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.link
    }

    fn own_stack_size(&self) -> Option<usize> {
        match &self.thread {
            ThreadKind::Cached => None,
            ThreadKind::Own { stack_size, .. } => *stack_size,
        }
    }

    fn take_thread_name(&mut self) -> Option<String> {
        match &mut self.thread {
            ThreadKind::Cached => None,
            ThreadKind::Own { name, .. } => name.take(),
        }
    }

    /// Spawns the process.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let me = process::self_pid();
    /// let pid = Builder::new().spawn(move || process::send(me, process::self_pid()))?;
    /// receive! { sender: Pid => assert_eq!(sender, pid) }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a [`SpawnError`] if the process was not started; then `body` is dropped.
    pub fn spawn<R: Ending>(
        self,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> Result<Pid, SpawnError> {
        self.spawn_with(None, |_, _| ending(body)).map(|(pid, _)| pid)
    }

    /// Spawns the process and monitors it, before its body runs.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::process::Builder;
    /// let (pid, monitor) = Builder::new().name("worker").spawn_monitor(|| receive! { () => {} })?;
    /// process::send_to("worker", ())?;
    /// receive! { down: Down if down.monitor == monitor => assert_eq!(down.object, pid) }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn); then there is no monitor either.
    pub fn spawn_monitor<R: Ending>(
        self,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> Result<(Pid, MonitorRef), SpawnError> {
        self.spawn_monitor_with(MonitorOptions::new(), body)
    }

    /// As [`spawn_monitor`](Self::spawn_monitor), with a tag or an alias.
    ///
    /// ```
    /// # use procession::TaggedDown;
    /// # use procession::prelude::*;
    /// # use procession::process::{Builder, MonitorOptions};
    /// let options = MonitorOptions::new().tag("the worker");
    /// Builder::new().spawn_monitor_with(options, || ())?;
    /// receive! {
    ///     TaggedDown { tag: "the worker", down } => assert_eq!(down.reason, ExitReason::Normal),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn_monitor`](Self::spawn_monitor).
    pub fn spawn_monitor_with<R: Ending>(
        self,
        options: MonitorOptions,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> Result<(Pid, MonitorRef), SpawnError> {
        let (pid, monitor) = self.spawn_with(Some(options), |_, _| ending(body))?;
        Ok((pid, monitor.expect("options were given")))
    }

    /// Spawns a child of the caller, whose body is made last, when the process exists and is
    /// monitored.
    pub(crate) fn spawn_with(
        self,
        monitor: Option<MonitorOptions>,
        make_body: impl FnOnce(Pid, Option<MonitorRef>) -> Body,
    ) -> Result<(Pid, Option<MonitorRef>), SpawnError> {
        let make_body = Guarded::new(make_body);
        let parent = current();
        parent.may_block().map_err(|_| SpawnError::CallerEnded)?;
        if shutdown::is_shutting_down() {
            return Err(SpawnError::ShuttingDown);
        }
        let spawned = self.spawn_child(parent, monitor, make_body.into_inner());
        if spawned.is_err() {
            // It may have been killed since.
            parent.may_block().map_err(|_| SpawnError::CallerEnded)?;
        }
        spawned
    }

    fn spawn_child(
        self,
        parent: Process,
        monitor: Option<MonitorOptions>,
        make_body: impl FnOnce(Pid, Option<MonitorRef>) -> Body,
    ) -> Result<(Pid, Option<MonitorRef>), SpawnError> {
        let make_body = Guarded::new(make_body); // It holds the body, which may never run.
        watch_panics(); // The parent has not, if it was panicking when it became a process.
        // Started here, where an error can be returned; it is needed to kill a process.
        start_service()?;
        let child = self.to_start(parent).begin(Some(parent))?;
        match self.connect(parent, child, monitor) {
            Ok(monitor) => {
                start::run(child, make_body.into_inner()(child.pid, monitor));
                Ok((child.pid, monitor))
            }
            Err(error) => {
                // The process exists, and another may have found it: it ends as any process.
                start::run(child, normal(|| {}));
                Err(error)
            }
        }
    }

    fn to_start(&self, parent: Process) -> Start {
        let settings = Settings {
            trap_exit: self.trap_exit,
            kill_grace: self.kill_grace,
            long_message_queue: self.long_message_queue.unwrap_or_else(long_message_queue),
            room: self.room,
            ..Settings::default()
        };
        let is_below = !self.without_ancestors;
        let ancestors = if is_below { children::ancestors_below(parent) } else { Arc::from([]) };
        let (initial_call, behaviour) = (self.initial_call, self.behaviour);
        let profile = Profile { initial_call, behaviour, ..Profile::new(ancestors) };
        Start { thread: self.thread.clone(), settings, profile }
    }

    /// Gives the child its name, and connects it with its parent.
    fn connect(
        &self,
        parent: Process,
        child: Process,
        monitor: Option<MonitorOptions>,
    ) -> Result<Option<MonitorRef>, SpawnError> {
        // A kill of the parent before this check may have looked for its children too early to find
        // this one; any later kill finds it.
        if !self.without_ancestors && !parent.is_running() {
            if self.link {
                // The end of the parent waits for the child, which ends as soon as it runs.
                _ = links::link(parent.link_end(), child.link_end());
            }
            return Err(SpawnError::CallerEnded);
        }
        if let Some(name) = &self.name {
            // In the child's own name: it keeps the name even if the caller is killed meanwhile.
            names::give(name, child.pid, child.pid).map_err(SpawnError::Name)?;
        }
        if self.link {
            links::link(parent.link_end(), child.link_end())
                .map_err(|_| SpawnError::CallerEnded)?;
        }
        let object = Destination::Pid(child.pid);
        Ok(monitor.map(|options| monitors::set(parent, Some(child.pid), object, options)))
    }
}

/// Spawns a process that runs `body` on a thread of its own, and returns at once.
///
/// The process ends when `body` returns, with [`Normal`](crate::ExitReason::Normal) or the error
/// that it returns (see [`Ending`]); by [`exit_self`](super::exit_self); with a panic; or by an
/// exit signal.
///
/// OTP: [`erlang:spawn/1`](https://www.erlang.org/doc/apps/erts/erlang.html#spawn/1).
///
/// ```
/// use procession::prelude::*;
///
/// let me = process::self_pid();
/// process::spawn(move || process::send(me, "hello from the other side"))?;
/// receive! {
///     text: &str => assert!(text.starts_with("hello")),
/// }
/// # Ok::<(), procession::process::SpawnError>(())
/// ```
///
/// # Errors
///
/// Returns a [`SpawnError`] if there was no thread for the process; then `body` is dropped.
pub fn spawn<R: Ending>(body: impl FnOnce() -> R + Send + 'static) -> Result<Pid, SpawnError> {
    Builder::new().spawn(body)
}

/// As [`spawn()`], and links the process to the caller before its body runs.
///
/// ```
/// use procession::prelude::*;
///
/// let worker = process::spawn_link(|| process::exit_self(ExitReason::new("bored")))?;
/// // `main` traps exits, as all threads of the program's own do.
/// receive! {
///     exit: Exit if exit.from == worker => assert_eq!(exit.reason, ExitReason::new("bored")),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`spawn()`].
pub fn spawn_link<R: Ending>(body: impl FnOnce() -> R + Send + 'static) -> Result<Pid, SpawnError> {
    Builder::new().link().spawn(body)
}

/// As [`spawn()`], and monitors the process before its body runs.
///
/// ```
/// use procession::prelude::*;
///
/// let (worker, monitor) = process::spawn_monitor(|| ())?;
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.object, worker),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`spawn()`].
pub fn spawn_monitor<R: Ending>(
    body: impl FnOnce() -> R + Send + 'static,
) -> Result<(Pid, MonitorRef), SpawnError> {
    Builder::new().spawn_monitor(body)
}
