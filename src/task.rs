//! Tasks: processes that compute one value for the process that has started them, and end.
//!
//! ```
//! use procession::prelude::*;
//!
//! let squares = Task::spawn(|| (1..=100_u64).map(|n| n * n).sum::<u64>())?;
//! let cubes = Task::spawn(|| (1..=100_u64).map(|n| n * n * n).sum::<u64>())?;
//! assert_eq!(squares.await_reply()? + cubes.await_reply()?, 338_350 + 25_502_500);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each task is a thread of its own, mostly one from the cache: starting it costs some
//! microseconds, and it may wait for what it likes. Of [many items](async_stream), some are worked
//! on at once:
//!
//! ```
//! use procession::task;
//! use std::fs;
//!
//! let files = ["Cargo.toml", "README.md", "src/lib.rs"];
//! let lines = task::async_stream(files, |path| {
//!     fs::read_to_string(path).map(|text| text.lines().count())
//! });
//! for (path, lines) in files.iter().zip(lines) {
//!     println!("{path}: {} lines", lines??);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Elixir | here |
//! |---|---|
//! | `Task.async` | [`Task::spawn`], [`Task::spawn_with`] |
//! | `Task.await` | [`Task::await_reply`], [`Task::await_timeout`] |
//! | `Task.yield` | [`Task::yield_reply`] |
//! | `handle_info({ref, result}, ...)` | [`Task::check_reply`] |
//! | `Task.shutdown`, `Task.ignore` | [`Task::shutdown`], [`Task::ignore`] |
//! | `Task.completed` | [`Task::completed`] |
//! | `Task.await_many` | [`await_many`], [`await_many_timeout`] |
//! | `Task.yield_many` | [`yield_many`], [`yield_many_with`] |
//! | `Task.async_stream` | [`async_stream`] |
//! | `Task.start`, `Task.start_link` | [`start`], [`start_link`] |
//! | `Task.child_spec` | [`child_spec`] |
//! | `shutdown` of tasks under a supervisor; `spawn_opt` | [`TaskOptions`] |
//! | `$callers` | [`callers`] |
//! | `Task.Supervisor` | [`task_supervisor`](crate::task_supervisor) |
//!
//! # How a task ends
//!
//! A task is linked to its owner and monitored by it. When the value is there, the task removes the
//! link, sends the value, and ends. If it fails before, the owner ends with the same reason, unless
//! it traps exits; then, and in a thread of the program's own, which always does, it finds an
//! [`Exit`](crate::Exit) in its mailbox, and the reason in [`CallErrorKind::Down`]. If the owner
//! ends abnormally, its tasks end with it. A task that fails is reported as any process of
//! [`proc_lib`](crate::proc_lib) is.
//!
//! So tasks of a process live and fail with it. An owner that is to survive starts its tasks under
//! a [task supervisor](crate::task_supervisor), by
//! [`spawn_nolink`](crate::task_supervisor::TaskSupervisorRef::spawn_nolink).
//!
//! # How to supervise
//!
//! A task that is work of its own, such as to fill a cache, is a child of a supervisor, by
//! [`child_spec`]: it is [temporary](crate::supervisor::Restart::Temporary), unless another restart
//! is set. Tasks that come and go are under a [task supervisor](crate::task_supervisor).
//!
//! # In servers
//!
//! A server that awaits a task does nothing else meanwhile. Instead, it can keep the task, and look
//! for the value in each message that `handle_info` gets, by [`Task::check_reply`]. (The value of a
//! task that is kept comes as a message, and only once: a server that lets it go by has lost it.)
//!
//! ```
//! use procession::prelude::*;
//!
//! /// Measures texts, each in a task: one that fails does not end it.
//! #[derive(Debug)]
//! struct Lengths { tasks: TaskSupervisorRef, running: Vec<(Task<usize>, ReplyTo<Option<usize>>)> }
//! #[derive(Debug)]
//! struct Length(&'static str);
//!
//! impl GenServer for Lengths {
//!     type Args = TaskSupervisorRef;
//!     fn init(tasks: TaskSupervisorRef) -> InitResult<Self> {
//!         ready(Lengths { tasks, running: Vec::new() })
//!     }
//!
//!     fn handle_info(&mut self, mut message: Message) -> CastResult<Self> {
//!         for index in 0..self.running.len() {
//!             match self.running[index].0.check_reply(message) {
//!                 Ok(outcome) => {
//!                     let (_, client) = self.running.swap_remove(index);
//!                     client.reply(outcome.ok());
//!                     break;
//!                 }
//!                 Err(other) => message = other,
//!             }
//!         }
//!         noreply()
//!     }
//! }
//!
//! impl HandleCall<Length> for Lengths {
//!     type Reply = Option<usize>;
//!     fn handle_call(
//!         &mut self,
//!         Length(text): Length,
//!         caller: &Caller<Option<usize>>,
//!     ) -> CallResult<Self, Length> {
//!         let measure = move || if text.is_empty() { panic!("no text") } else { text.len() };
//!         self.running.push((self.tasks.spawn_nolink(measure)?, caller.defer()));
//!         noreply()
//!     }
//! }
//!
//! let tasks = TaskSupervisor::new().start_link()?;
//! let lengths = Lengths::start(tasks)?;
//! assert_eq!(lengths.call(Length("four"))?, Some(4));
//! assert_eq!(lengths.call(Length(""))?, None);
//! # lengths.stop()?;
//! # tasks.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A task can also send its value as a message of the server's own, by [`start_link`]; or a request
//! is [deferred](crate::gen_server::Caller::defer), and answered by the task.
//!
//! A task that calls the server which awaits it would wait forever: one of the two is refused at
//! once, with [`CallErrorKind::Deadlock`]. That holds for [`await_reply`](Task::await_reply) and
//! [`await_timeout`](Task::await_timeout), which wait for one task. Whoever waits for several, by
//! [`await_many`], [`yield_many`] or a [stream](async_stream), may get on by another task: such a
//! call is heard of only as a timeout.
//!
//! # Tasks that borrow
//!
//! A task owns what it uses. A process can be killed, abandoned where it hangs, and left behind by
//! its owner: nothing could promise that it ends before what it has borrowed. A scope that gives
//! that promise has to wait for its tasks, whatever happens; the standard library has one, and
//! [`std::thread::scope`]'s threads are processes, as all threads are: they have mailboxes, call
//! servers, and own tasks.
//!
//! ```
//! use procession::prelude::*;
//! use std::thread;
//!
//! let words = vec!["one".to_owned(), "two".to_owned(), "three".to_owned()];
//! let me = process::self_pid();
//! let lengths: Vec<usize> = thread::scope(|scope| {
//!     let threads: Vec<_> = words
//!         .iter()
//!         .map(|word| {
//!             scope.spawn(move || {
//!                 process::send(me, process::self_pid()); // It is a process.
//!                 word.len() // It has borrowed the word.
//!             })
//!         })
//!         .collect();
//!     threads.into_iter().map(|thread| thread.join().unwrap()).collect()
//! });
//! assert_eq!(lengths, [3, 3, 5]);
//! assert_eq!(process::flush().len(), 3);
//! ```
//!
//! Such a thread is no task: it traps exits, is linked to nobody, and when it is killed, the scope
//! still waits for it. Values that many tasks read are shared by an [`Arc`](std::sync::Arc).
//!
//! # Differences from OTP
//!
//! - [`await_reply`](Task::await_reply) and [`await_many`] return an error, where Elixir exits the
//!   caller; `?` does that here. As an exit reason, the error keeps its class, as that of a call
//!   does.
//! - That the caller is not the owner is found by the compiler: a [`Task`] is not `Send`. So is
//!   that a task is awaited twice, as the first wait consumes it. After its outcome was taken by
//!   [`yield_reply`](Task::yield_reply), nothing comes any more: waits end at once, where Elixir's
//!   last until their timeout.
//! - An owner that traps exits gets no exit message of a task that has sent its value: all threads
//!   of the program's own trap exits, and their mailboxes would fill.
//! - A task that is awaited and waits for its owner fails at once, where Elixir's times out; but
//!   not if it is one of several.
//! - [`yield_many`] returns the outcomes without their tasks, in the same order.
//! - A stream starts its tasks itself: there is no process in between, which in Elixir traps exits
//!   if the owner does. The time of a task is looked at while the stream waits for a result: a task
//!   that was late, but has sent its value before that, is not. [`OnStreamTimeout::Exit`] ends the
//!   stream by an error, as its last result, where Elixir exits the caller. So does a task that
//!   cannot be started, after the results of those that run.
//! - A function is a closure, with its arguments in it: there are no variants with a module, a
//!   function and arguments. The options that `use Task` sets are set on the child spec.
//! - [`callers`] are sixteen at most, as are ancestors.
//! - If a body panics, the reason is [`ExitReason::Panic`](crate::ExitReason::Panic), where Elixir
//!   has the error and the stack; there is no throw.
//!
//! Elixir: [`Task`](https://hexdocs.pm/elixir/Task.html).
//!
//! [`CallErrorKind::Down`]: crate::CallErrorKind::Down
//! [`CallErrorKind::Deadlock`]: crate::CallErrorKind::Deadlock

mod callers;
mod running;
mod task_options;
mod handle;
mod many;
mod start;
mod stream_options;
mod results;
mod async_stream;

pub use async_stream::{AsyncStream, ZipInputOnExit, async_stream};
pub(crate) use callers::Callers;
pub use callers::callers;
pub use handle::Task;
pub use many::{
    OnYieldTimeout, YieldOptions, await_many, await_many_timeout, yield_many, yield_many_with,
};
pub use results::{Results, ZippedResults};
pub(crate) use running::{Running, wait_for_owner};
pub use start::{child_spec, start, start_link};
pub(crate) use start::{spec_of, spec_once};
pub use stream_options::OnStreamTimeout;
pub use task_options::TaskOptions;
