//! Task supervisors: dynamic supervisors of tasks.
//!
//! ```
//! use procession::prelude::*;
//!
//! let tasks = TaskSupervisor::new().start_link()?;
//! let answer = tasks.spawn(|| 6 * 7)?;
//! assert_eq!(answer.await_reply()?, 42);
//!
//! // A task whose failure its owner survives.
//! let failing = tasks.spawn_nolink(|| "seven".parse::<u32>().unwrap())?;
//! assert!(failing.await_reply().is_err());
//! # tasks.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A task under a supervisor is ended when that is, after all that was started later. It can be
//! linked to its owner, as [`Task::spawn`] has it, or not. There can be a limit on their number.
//!
//! | Elixir | here |
//! |---|---|
//! | `start_link(options)` | [`TaskSupervisor::start_link`], [`start_link_with`] |
//! | `max_children` | [`TaskSupervisor::max_children`] |
//! | `max_restarts`, `max_seconds` | [`TaskSupervisor::intensity`] |
//! | `{Task.Supervisor, name: ...}` as a child | [`TaskSupervisor::named_child_spec`] |
//! | `async` | [`TaskSupervisorRef::spawn`], [`spawn_with`] |
//! | `async_nolink` | [`TaskSupervisorRef::spawn_nolink`], [`spawn_nolink_with`] |
//! | `start_child` | [`TaskSupervisorRef::start_child`], [`start_child_with`] |
//! | `async_stream` | [`async_stream`] |
//! | `async_stream_nolink` | [`async_stream_nolink`] |
//! | `shutdown` of a task | [`TaskOptions::shutdown`] |
//! | `restart` of a child | [`start_child_with_restart`] |
//! | `children`, `terminate_child` | [`children`], [`terminate_child`] |
//! | `Supervisor.stop` | [`stop`](AnySupervisorRef::stop) |
//!
//! [`start_link_with`]: TaskSupervisor::start_link_with
//! [`spawn_with`]: TaskSupervisorRef::spawn_with
//! [`spawn_nolink_with`]: TaskSupervisorRef::spawn_nolink_with
//! [`start_child_with`]: TaskSupervisorRef::start_child_with
//! [`start_child_with_restart`]: TaskSupervisorRef::start_child_with_restart
//! [`async_stream`]: TaskSupervisorRef::async_stream
//! [`async_stream_nolink`]: TaskSupervisorRef::async_stream_nolink
//! [`children`]: TaskSupervisorRef::children
//! [`terminate_child`]: TaskSupervisorRef::terminate_child
//!
//! # How to supervise
//!
//! A task supervisor is a child of another, before those who use it; they find it by its name.
//!
//! ```
//! use procession::prelude::*;
//!
//! let top = Supervisor::one_for_one()
//!     .child(TaskSupervisor::new().named_child_spec("mails"))
//!     .start_link()?;
//!
//! // Anywhere in the program.
//! let mails = TaskSupervisorRef::named("mails");
//! mails.start_child(|| println!("sending a mail"))?;
//! # top.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a task ends
//!
//! When its supervisor stops, a task is told to [shut down](crate::ExitReason::Shutdown), and
//! killed after five seconds, or as its [`TaskOptions::shutdown`] says. A task that is linked to
//! its owner ends with that, as the owner ends with it. One that is not goes on when its owner has
//! ended, once it has begun; its value is dropped. What is not temporary is restarted as any child
//! is.
//!
//! # Differences from OTP
//!
//! - Where Elixir raises in the caller, as there are [`max_children`](TaskSupervisor::max_children)
//!   already, [`TaskSupervisorRef::spawn`] returns an error; in a stream it is the last result.
//! - Options are a [value](TaskOptions) for the functions in `_with`. `restart` is not among them:
//!   `start_child` runs its function once, so that it may own a socket; one that can run again is
//!   given to [`start_child_with_restart`].
//! - There is no `temporary` by `use Task`: it is the default. `spawn_opt` is set for each task, by
//!   [`TaskOptions::spawn_options`].
//! - The differences of [tasks](crate::task#differences-from-otp) and of [dynamic
//!   supervisors](crate::dynamic_supervisor#differences-from-otp).
//!
//! Elixir: [`Task.Supervisor`](https://hexdocs.pm/elixir/Task.Supervisor.html).

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use crate::dynamic_supervisor::DynamicSupervisor;
use crate::exit::ExitReason;
use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;
use crate::process;
use crate::process::{Address, AliasMode, Ending};
use crate::supervisor::serve::{StartChild, TerminatePid};
use crate::supervisor::{
    AnySupervisorRef, ChildSpec, ChildState, ChildType, Restart, SupervisorError,
};
use crate::task::{
    AsyncStream, Callers, Running, Task, TaskOptions, spec_of, spec_once, wait_for_owner,
};
use crate::user_code::Guarded;

/// Describes a task supervisor to be started: its flags.
///
/// As in Elixir, it restarts children at most three times in any five seconds, unless
/// [`intensity`](Self::intensity) sets another limit.
#[derive(Clone, Debug, Default)]
#[must_use = "a supervisor does nothing until it is started"]
pub struct TaskSupervisor(DynamicSupervisor);

impl TaskSupervisor {
    /// Creates a supervisor of any number of tasks.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// assert_eq!(tasks.children()?, []);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> TaskSupervisor {
        TaskSupervisor::default()
    }

    /// Allows at most `restarts` restarts in any `period`. When one more is due, the supervisor
    /// gives up. Default: 3 in 5 s. Temporary tasks, which are the usual ones, do not count.
    pub fn intensity(self, restarts: usize, period: Duration) -> TaskSupervisor {
        TaskSupervisor(self.0.intensity(restarts, period))
    }

    /// Sets how many tasks there may be at once. Default: any number.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().max_children(1).start_link()?;
    /// tasks.start_child(|| receive! { () => {} })?;
    /// assert_eq!(tasks.spawn(|| 1).unwrap_err(), SupervisorError::MaxChildren);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_children(self, max_children: usize) -> TaskSupervisor {
        TaskSupervisor(self.0.max_children(max_children))
    }

    /// Starts the supervisor, linked to the caller.
    ///
    /// # Errors
    ///
    /// As [`DynamicSupervisor::start_link`].
    pub fn start_link(self) -> Result<TaskSupervisorRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let options = StartOptions::new().name("start_link_with::tasks");
    /// TaskSupervisor::new().start_link_with(options)?;
    ///
    /// // Anywhere in the program.
    /// let tasks = TaskSupervisorRef::named("start_link_with::tasks");
    /// assert_eq!(tasks.spawn(|| 1)?.await_reply()?, 1);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(self, options: StartOptions) -> Result<TaskSupervisorRef, StartError> {
        self.0.start_link_as(options)
    }

    /// Returns a child spec by which another supervisor starts this one. It sets no limit on the
    /// time that this supervisor takes to shut down.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let top = Supervisor::one_for_one().start_link()?;
    /// let tasks = top.start_child(TaskSupervisor::new().child_spec("tasks"))?;
    /// assert_eq!(tasks.spawn(|| 1)?.await_reply()?, 1);
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<TaskSupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<TaskSupervisorRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }
}

/// A reference to a task supervisor.
pub type TaskSupervisorRef<T = Pid> = AnySupervisorRef<TaskSupervisor, T>;

/// Requests that only a task supervisor answers.
impl<A: Address> TaskSupervisorRef<A> {
    /// Starts a task that computes the value of `f` for the caller, which it is linked to: as
    /// [`Task::spawn`], but as a child of the supervisor.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// let task = tasks.spawn(|| 1 + 1)?;
    /// assert_eq!(task.await_reply()?, 2);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.Supervisor.async/2`.
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::MaxChildren`] if there are as many tasks as there may be.
    /// - [`SupervisorError::Failed`] if there was no thread for it.
    /// - [`SupervisorError::Call`] if there is no answer.
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    #[doc(alias = "async")]
    pub fn spawn<T, F>(&self, f: F) -> Result<Task<T>, SupervisorError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.spawn_with(TaskOptions::new(), f)
    }

    /// As [`spawn`](Self::spawn), with options: a larger stack, or no time to shut down.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// use procession::task::TaskOptions;
    ///
    /// # let tasks = TaskSupervisor::new().start_link()?;
    /// let at_once = TaskOptions::new().shutdown(Shutdown::BrutalKill);
    /// let task = tasks.spawn_with(at_once, || 1 + 1)?;
    /// assert_eq!(task.await_reply()?, 2);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_with<T, F>(&self, options: TaskOptions, f: F) -> Result<Task<T>, SupervisorError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let how = How { is_linked: true, options, mode: AliasMode::Reply };
        self.begin(how, type_name::<F>(), f).map(Task::new)
    }

    /// As [`spawn`](Self::spawn), without the link: the caller goes on if the task fails, and the
    /// task if the caller does.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// let task = tasks.spawn_nolink(|| if true { panic!("no value") })?;
    /// let error = task.await_reply().unwrap_err();
    /// assert!(matches!(error.kind(), CallErrorKind::Down(ExitReason::Panic(_))));
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.Supervisor.async_nolink/2`.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[doc(alias = "async_nolink")]
    pub fn spawn_nolink<T, F>(&self, f: F) -> Result<Task<T>, SupervisorError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.spawn_nolink_with(TaskOptions::new(), f)
    }

    /// As [`spawn_nolink`](Self::spawn_nolink), with options.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_nolink_with<T, F>(
        &self,
        options: TaskOptions,
        f: F,
    ) -> Result<Task<T>, SupervisorError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let how = How { is_linked: false, options, mode: AliasMode::Reply };
        self.begin(how, type_name::<F>(), f).map(Task::new)
    }

    /// Starts a task whose value nobody waits for, as a temporary child of the supervisor. The
    /// caller is not linked to it.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// let me = process::self_pid();
    /// tasks.start_child(move || process::send(me, "done"))?;
    /// receive! { text: &str => assert_eq!(text, "done") }
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.Supervisor.start_child/2`.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn start_child<R: Ending, F>(&self, f: F) -> Result<Pid, SupervisorError>
    where
        F: FnOnce() -> R + Send + 'static,
    {
        self.start_child_with(TaskOptions::new(), f)
    }

    /// As [`start_child`](Self::start_child), with options.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// use procession::task::TaskOptions;
    /// use std::sync::mpsc;
    ///
    /// # let tasks = TaskSupervisor::new().start_link()?;
    /// // It waits outside of the runtime: there is no use in giving it time to end.
    /// let (orders, incoming) = mpsc::channel::<&str>();
    /// let at_once = TaskOptions::new().shutdown(Shutdown::BrutalKill);
    /// tasks.start_child_with(at_once, move || {
    ///     incoming.iter().for_each(|dish| println!("hot {dish}"));
    /// })?;
    /// orders.send("soup")?;
    /// # drop(orders);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn start_child_with<R: Ending, F>(
        &self,
        options: TaskOptions,
        f: F,
    ) -> Result<Pid, SupervisorError>
    where
        F: FnOnce() -> R + Send + 'static,
    {
        let f = Guarded::new(f);
        let callers = Callers::of_next();
        self.start_spec(spec_once(callers, options, f.into_inner()))
    }

    /// As [`start_child_with`](Self::start_child_with), for a task that is restarted as `restart`
    /// says: it then runs `f` again, which must be a function that can be called again.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// use procession::task::TaskOptions;
    ///
    /// # let tasks = TaskSupervisor::new().start_link()?;
    /// let me = process::self_pid();
    /// tasks.start_child_with_restart(Restart::Permanent, TaskOptions::new(), move || {
    ///     process::send(me, "begun");
    ///     receive! { () => {} }
    /// })?;
    /// receive! { _: &str => process::send(tasks.children()?[0], ()) }
    /// receive! { text: &str => assert_eq!(text, "begun") } // Again.
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `restart` in the options of `Task.Supervisor.start_child/3`.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    pub fn start_child_with_restart<R: Ending, F>(
        &self,
        restart: Restart,
        options: TaskOptions,
        f: F,
    ) -> Result<Pid, SupervisorError>
    where
        F: Fn() -> R + Send + Sync + 'static,
    {
        let f = Guarded::new(f);
        let callers = Some(Callers::of_next());
        let spec = spec_of(type_name::<F>().to_owned(), callers, options, f.into_inner());
        self.start_spec(spec.restart(restart))
    }

    /// Runs `f` on each of `items`, in a task each under the supervisor, linked to the process that
    /// iterates: as [`task::async_stream`](crate::task::async_stream).
    ///
    /// If the supervisor has as many children as it may have, the stream takes no more items, and
    /// ends with that error, after the results of the tasks that run. How the supervisor stops each
    /// task is among the [options of the stream](AsyncStream::task_options).
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// let squares = tasks.async_stream(1..=3, |n| n * n).max_concurrency(2);
    /// assert_eq!(squares.into_iter().collect::<Result<Vec<_>, _>>()?, [1, 4, 9]);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.Supervisor.async_stream/4`.
    pub fn async_stream<I, T, F>(&self, items: I, f: F) -> AsyncStream<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        T: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
    {
        self.stream(true, items, f)
    }

    /// As [`async_stream`](Self::async_stream), without the links: whoever iterates goes on if a
    /// task fails, and gets the reason as its result.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// let numbers = tasks.async_stream_nolink(["1", "x", "3"], |it| it.parse::<u32>().unwrap());
    /// let numbers: Vec<_> = numbers.into_iter().map(Result::ok).collect();
    /// assert_eq!(numbers, [Some(1), None, Some(3)]);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.Supervisor.async_stream_nolink/4`.
    pub fn async_stream_nolink<I, T, F>(&self, items: I, f: F) -> AsyncStream<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        T: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
    {
        self.stream(false, items, f)
    }

    /// Returns the processes of all tasks.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// let pid = tasks.start_child(|| receive! { () => {} })?;
    /// assert_eq!(tasks.children()?, [pid]);
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.Supervisor.children/1`.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no answer.
    pub fn children(&self) -> Result<Vec<Pid>, SupervisorError> {
        let children = self.which_children()?;
        Ok(children
            .into_iter()
            .filter_map(|child| match child.state {
                ChildState::Running(pid) => Some(pid),
                ChildState::Restarting | ChildState::Stopped => None,
            })
            .collect())
    }

    /// Stops the task with the process `pid`, and forgets it. Returns when it has ended.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let tasks = TaskSupervisor::new().start_link()?;
    /// let pid = tasks.start_child(|| receive! { () => {} })?;
    /// tasks.terminate_child(pid)?;
    /// assert_eq!(tasks.terminate_child(pid), Err(SupervisorError::NotFound));
    /// # tasks.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: `Task.Supervisor.terminate_child/2`.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], also for a task that has ended;
    /// [`SupervisorError::Call`].
    pub fn terminate_child(&self, pid: Pid) -> Result<(), SupervisorError> {
        self.ask(TerminatePid(pid))?
    }

    fn start_spec(&self, spec: ChildSpec) -> Result<Pid, SupervisorError> {
        let child = self.ask(StartChild(spec.into()))??;
        Ok(*child.downcast().expect("the start function returns a pid"))
    }

    /// Starts a process that computes the value of `f` for the caller.
    fn begin<T, F>(
        &self,
        how: How,
        initial_call: &'static str,
        f: F,
    ) -> Result<Running<T>, SupervisorError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let f = Guarded::new(f);
        let How { is_linked, options: TaskOptions { shutdown, builder }, mode } = how;
        let builder = builder.link().initial_call(initial_call);
        let f = move || f.into_inner()();
        let body = wait_for_owner(process::self_pid(), is_linked, f);
        let start = move || Ok(builder.spawn(body)?);
        let spec = ChildSpec::once(initial_call, start).module(initial_call).shutdown(shutdown);
        Ok(Running::begin(self.start_spec(spec)?, mode, is_linked))
    }

    fn stream<I, T, F>(&self, is_linked: bool, items: I, f: F) -> AsyncStream<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        T: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
    {
        let supervisor = TaskSupervisorRef::at(self);
        let f = Arc::new(f);
        AsyncStream::new(items.into_iter(), move |item, options| {
            let f = Arc::clone(&f);
            let how = How { is_linked, options, mode: AliasMode::Demonitor };
            supervisor.begin(how, type_name::<F>(), move || f(item)).map_err(ExitReason::from)
        })
    }
}

/// How a task runs under the supervisor.
struct How {
    is_linked: bool,
    options: TaskOptions,
    /// How the alias ends through which the value comes.
    mode: AliasMode,
}
