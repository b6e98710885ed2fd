//! Coming from Erlang or Elixir.
//!
//! What OTP does is what happens here, under OTP's names. Each module's page has a table of its
//! functions and a section "Differences from OTP"; this page has the map, and the five differences
//! that matter most.
//!
//! | Erlang, Elixir | here |
//! |---|---|
//! | `spawn`, `spawn_link`, … | [`process::spawn`], [`spawn_link`], [`spawn_monitor`] |
//! | `spawn_opt` | [`process::Builder`](crate::process::Builder) |
//! | `Pid ! Message` | [`process::send`]; to any destination: [`send_to`] |
//! | `receive ... after ... end` | [`receive!`](crate::receive) |
//! | `self()` | [`process::self_pid`](crate::process::self_pid) |
//! | `flush()` in the shell | [`process::flush`](crate::process::flush) |
//! | `link`, `monitor`, `trap_exit` | [`link`], [`monitor`], [`set_trap_exit`] |
//! | a monitor, and a `receive` of its `DOWN` | [`join`], [`wait`] |
//! | `{'EXIT', Pid, Reason}`, `{'DOWN', ...}` | [`Exit`](crate::Exit), [`Down`](crate::Down) |
//! | `exit(Reason)`, `exit(Pid, Reason)` | [`exit_self`], [`exit`] |
//! | `normal`, `shutdown`, `{shutdown, Term}`, any term | [`ExitReason`](crate::ExitReason) |
//! | `try ... catch` | [`process::catch`](crate::process::catch) |
//! | `register`, `whereis` | [`register`], [`whereis`]; until there is one: [`wait_for`] |
//! | `{via, Module, Name}` | [`Via`](crate::Via), [`Registrar`](crate::Registrar) |
//! | `put`, `get` | [`process::dictionary`](crate::process::dictionary) |
//! | `process_info` | [`process::info`](crate::process::info()) |
//! | `erlang:send_after`, `timer` | [`timer`](crate::timer) |
//! | `proc_lib` | [`proc_lib`](crate::proc_lib) |
//! | `gen_server`, `GenServer` | [`gen_server`](crate::gen_server) |
//! | what callbacks return | [a table](crate::gen_server#what-callbacks-return) |
//! | the clauses of `handle_info/2` | [`handle_info!`](crate::handle_info) |
//! | `gen_statem`, `gen_fsm` | [`gen_statem`](crate::gen_statem), with a table for each |
//! | `gen_event` | [`gen_event`](crate::gen_event) |
//! | `Agent` | [`agent`](crate::agent) |
//! | `Task` | [`task`](crate::task): `Task::spawn`, as `async` is a word of Rust's |
//! | `Task.Supervisor` | [`task_supervisor`](crate::task_supervisor) |
//! | `supervisor`, `Supervisor` | [`supervisor`](crate::supervisor) |
//! | `DynamicSupervisor` | [`dynamic_supervisor`] |
//! | `PartitionSupervisor` | [`partition_supervisor`] |
//! | `supervisor_bridge` | [`supervisor_bridge`](crate::supervisor_bridge) |
//! | `Registry` | [`registry`](crate::registry) |
//! | `pg`, `global` | [`pg`](crate::pg), [`global`](crate::global) |
//! | `ets` | [`table`](crate::table) |
//! | `application`, `.app` file, release | [`application`](crate::application) |
//! | `sys`, `:sys.get_state` | [`sys`](crate::sys) |
//! | `open_port` | [`io::Child`], and a process that reads its pipe |
//! | `logger` reports, SASL | [`report`](crate::report) |
//! | `observer`, `recon` | [`observer`](crate::observer), [`supervisor::tree`], [`process::info`] |
//! | `init:stop` | [`application::terminate`], [`shutdown`] |
//! | ExUnit's `start_supervised`, `assert_receive` | [`testing`](crate::testing) |
//! | `node()`, `nodes()`, `net_kernel` | with the feature `dist`: a chapter of the [guide](super) |
//!
//! # Requests are typed
//!
//! A server implements [`HandleCall`](crate::gen_server::HandleCall) for each type of request, and
//! each has its own type of reply. A request that the server does not handle does not compile, so
//! there is no `function_clause` in `handle_call`. Messages that are just sent are not checked: a
//! mailbox takes any value, and [`receive!`](crate::receive) matches by type first, then by
//! pattern.
//!
//! ```
//! use procession::prelude::*;
//!
//! #[derive(Debug)]
//! struct Stack(Vec<u32>);
//! #[derive(Debug)]
//! struct Pop; // {call, From, pop}
//!
//! impl GenServer for Stack {
//!     type Args = Vec<u32>;
//!     fn init(items: Vec<u32>) -> InitResult<Self> {
//!         ready(Stack(items)) // {ok, State}
//!     }
//! }
//!
//! impl HandleCall<Pop> for Stack {
//!     type Reply = Option<u32>;
//!     fn handle_call(&mut self, Pop: Pop, _: &Caller<Option<u32>>) -> CallResult<Self, Pop> {
//!         reply(self.0.pop()) // {reply, Reply, NewState}
//!     }
//! }
//!
//! let stack = Stack::start_link(vec![1, 2])?;
//! assert_eq!(stack.call(Pop)?, Some(2));
//! # stack.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The state is changed in place and not returned. `noreply()` is `{noreply, State}`,
//! `stop(reason)` is `{stop, Reason, State}`, `.timeout(t)`, `.hibernate()` and
//! `.then(continuation)` are the last element of these tuples: [the whole
//! table](crate::gen_server#what-callbacks-return).
//!
//! In `handle_info` the macro [`handle_info!`](crate::handle_info) has a clause for each message.
//! What no clause fits is logged, where Erlang has a `function_clause`.
//!
//! # A call returns an error
//!
//! In OTP a call that fails exits the caller. Here it returns a [`CallError`](crate::CallError),
//! and Rust makes the caller say what to do. To get OTP's behaviour, use `?` in a callback, whose
//! error is an exit reason, or `unwrap`. Any other error becomes a reason by `?`, too, or by
//! [`or_exit`](crate::OrExit). A late reply never reaches the mailbox.
//!
//! One error OTP does not have: a call that could only wait forever, as the server waits for the
//! caller, returns `Deadlock` at once.
//!
//! # Kill cannot stop a thread
//!
//! A process is a thread, and the operating system offers no safe way to stop one. An exit signal,
//! `Kill` too, takes effect when the process next calls the runtime: in a receive, a call, or
//! [`checkpoint`](crate::process::checkpoint). Its destructors run. A process that is killed and
//! does not come to such a point within its [grace](crate::process::Builder::kill_grace) is
//! reported as ended, and its thread is left behind.
//!
//! So a loop that computes for long should call `checkpoint`. A process that waits for a socket of
//! [`io`] ends at once; other waits outside of the crate are interrupted by
//! [`process::blocking`](crate::process::blocking()).
//!
//! # There is no group leader
//!
//! Output belongs to the program, which has one standard output. What OTP uses the group leader for
//! beyond that is done by ancestors: a process belongs to the
//! [application](crate::application::get_application) whose master is among them.
//!
//! # Names are strings
//!
//! There are no atoms. A local name is any string that is not empty, and a pid is never confused
//! with one, as [`Destination`](crate::Destination) tells them apart. Ids of children are strings
//! as well. Keys of a [`registry`](crate::registry), groups of [`pg`](crate::pg) and keys of a
//! [`table`](crate::table) are of any type.
//!
//! [`process::spawn`]: fn@crate::process::spawn
//! [`spawn_link`]: crate::process::spawn_link
//! [`spawn_monitor`]: crate::process::spawn_monitor
//! [`process::send`]: fn@crate::process::send
//! [`send_to`]: crate::process::send_to
//! [`link`]: fn@crate::process::link
//! [`monitor`]: fn@crate::process::monitor
//! [`set_trap_exit`]: crate::process::set_trap_exit
//! [`join`]: crate::process::join
//! [`wait`]: crate::process::wait
//! [`wait_for`]: crate::process::wait_for
//! [`exit_self`]: crate::process::exit_self
//! [`exit`]: fn@crate::process::exit
//! [`register`]: crate::process::register
//! [`whereis`]: crate::process::whereis
//! [`dynamic_supervisor`]: crate::dynamic_supervisor
//! [`partition_supervisor`]: crate::partition_supervisor
//! [`supervisor::tree`]: crate::supervisor::tree
//! [`process::info`]: crate::process::info()
//! [`application::terminate`]: crate::application::terminate
//! [`shutdown`]: fn@crate::shutdown
#![cfg_attr(all(feature = "io", target_os = "linux"), doc = "[`io`]: crate::io")]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io`]: https://docs.rs/procession/latest/procession/io/index.html"
)]
#![cfg_attr(all(feature = "io", target_os = "linux"), doc = "[`io::Child`]: crate::io::Child")]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io::Child`]: https://docs.rs/procession/latest/procession/io/struct.Child.html"
)]
