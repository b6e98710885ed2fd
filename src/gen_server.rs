//! Client–server relations: one process owns a state, and others send it requests.
//!
//! ```text
//!   client                    this module                      your callbacks
//!   ------                    -----------                      --------------
//!   start_link  ----------->  spawn, register the name  ---->  init
//!               <-----------  acknowledge               <----
//!   call        ----------->  loop                      ---->  handle_call
//!               <-----------                            <----
//!   cast        ----------->                            ---->  handle_cast
//!   send        ----------->                            ---->  handle_info
//!   stop        ----------->  leave the loop            ---->  terminate
//! ```
//!
//! The middle column is written once, here: start-up, the receive loop, replies, exit signals from
//! the parent, the report of a crash. A server is its state and the callbacks of [`GenServer`],
//! [`HandleCall`], [`HandleCast`] and [`HandleContinue`].
//!
//! # Example
//!
//! ```
//! use procession::prelude::*;
//!
//! /// Hands out a fixed number of channels.
//! #[derive(Debug)]
//! struct Channels { free: Vec<u32> }
//!
//! #[derive(Debug)] struct Alloc;
//! #[derive(Debug)] struct Free(u32);
//!
//! impl GenServer for Channels {
//!     type Args = u32;
//!     fn init(count: u32) -> InitResult<Self> {
//!         ready(Channels { free: (1..=count).rev().collect() })
//!     }
//! }
//!
//! impl HandleCall<Alloc> for Channels {
//!     type Reply = Option<u32>;
//!     fn handle_call(
//!         &mut self,
//!         _: Alloc,
//!         _: &Caller<Self::Reply>,
//!     ) -> CallResult<Self, Alloc> {
//!         reply(self.free.pop())
//!     }
//! }
//!
//! impl HandleCast<Free> for Channels {
//!     fn handle_cast(&mut self, Free(channel): Free) -> CastResult<Self> {
//!         self.free.push(channel);
//!         noreply()
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let channels = Channels::start_link(8)?;
//!     let channel = channels.call(Alloc)?.expect("a free channel");
//!     channels.cast(Free(channel));
//!     channels.stop()?;
//!     Ok(())
//! }
//! ```
//!
//! # Client and server
//!
//! As a rule clients do not use [`ServerRef::call`] and [`ServerRef::cast`] directly, but functions
//! around them that the server's author provides; so the requests stay private, and the author can
//! change them. The state is made by `init` on the server's own thread and never leaves it, so it
//! need not be `Send`: it may hold an `Rc`, a database handle or a raw device. A callback may
//! block; only this server's clients wait for it.
//!
//! With one type for each request, each has its own type of reply. A server can also implement
//! `HandleCall` once, for an enum.
//!
//! # What callbacks return
//!
//! The state is changed in place, so no tuple returns it.
//!
//! | OTP | from | here |
//! |---|---|---|
//! | `{ok, State}` | `init` | [`ready`]`(state)` |
//! | `{ok, State, Timeout}` | `init` | `ready(state).`[`timeout`](Then::timeout)`(duration)` |
//! | `{ok, State, hibernate}` | `init` | `ready(state).`[`hibernate`](Then::hibernate)`()` |
//! | `{ok, State, {continue, C}}` | `init` | `ready(state).`[`then`](Then::then)`(c)` |
//! | `{stop, Reason}` | `init` | [`stop`]`(reason)`, or `?` |
//! | `{error, Reason}` | `init` | [`init_error`]`(reason)` |
//! | `ignore` | `init` | [`ignore`]`()` |
//! | `{reply, Reply, State}` | `handle_call` | [`reply`]`(reply)` |
//! | `{reply, Reply, State, Timeout}` | `handle_call` | `reply(reply).timeout(duration)` |
//! | `{reply, Reply, State, hibernate}` | `handle_call` | `reply(reply).hibernate()` |
//! | `{reply, Reply, State, {continue, C}}` | `handle_call` | `reply(reply).then(c)` |
//! | `{noreply, State}` | all but `init` | [`noreply`]`()`, in a call after [`Caller::defer`] |
//! | `{noreply, State, Timeout}` | all but `init` | `noreply().timeout(duration)` |
//! | `{noreply, State, hibernate}` | all but `init` | `noreply().hibernate()` |
//! | `{noreply, State, {continue, C}}` | all but `init` | `noreply().then(c)` |
//! | `{stop, Reason, Reply, State}` | `handle_call` | [`stop_with_reply`]`(reason, reply)` |
//! | `{stop, Reason, State}` | all but `init` | `stop(reason)`, or `?` |
//!
//! By `?` any [`Error`](std::error::Error) is the reason; other errors are made one by
//! [`or_exit`](crate::OrExit::or_exit). The timeout `infinity` is no `timeout` at all.
//!
//! # Names
//!
//! A server that was started with [`StartOptions::name`] is found by [`ServerRef::named`], which
//! looks up the name at each use: such a reference outlives the server, and leads to the next one
//! that has the name.
//!
//! # How to supervise
//!
//! A server that is to run for as long as the program does is started by a
//! [supervisor](crate::supervisor), which starts it again when it fails. Every server whose
//! arguments can be cloned has a [`child_spec`](crate::supervisor::Supervised::child_spec), which
//! says how: by [`start_link`](GenServer::start_link), with these arguments. Clients find it by
//! its name, which the next server of the child gets, too.
//!
//! ```
//! use procession::prelude::*;
//!
//! #[derive(Debug)] struct Counter(u64);
//! #[derive(Debug)] struct Next;
//!
//! impl GenServer for Counter {
//!     type Args = u64;
//!     fn init(first: u64) -> InitResult<Self> {
//!         ready(Counter(first))
//!     }
//! }
//!
//! impl HandleCall<Next> for Counter {
//!     type Reply = u64;
//!     fn handle_call(&mut self, _: Next, _: &Caller<u64>) -> CallResult<Self, Next> {
//!         self.0 += 1;
//!         reply(self.0)
//!     }
//! }
//!
//! let supervisor = Supervisor::one_for_one()
//!     .child(Counter::named_child_spec("gen_server::counter", 40))
//!     .start_link()?;
//!
//! let counter = ServerRef::<Counter>::named("gen_server::counter");
//! assert_eq!(counter.call(Next)?, 41);
//! assert_eq!(counter.call(Next)?, 42);
//!
//! // The server is killed; its supervisor starts another one, whose state is new.
//! let monitor = process::monitor(counter.clone());
//! process::exit(counter.whereis().expect("it is running"), ExitReason::Kill);
//! receive! { down: Down if down.monitor == monitor => {} }
//! supervisor.which_children()?; // The supervisor answers when it has restarted the child.
//! assert_eq!(counter.call(Next)?, 41);
//! # supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server that serves one process only can be started by that process with
//! [`start_link`](GenServer::start_link): then both end together. One that a program embeds, and
//! that is to stop when the embedding value is dropped, is [owned](ServerRef::owned).
//!
//! # Receiving ordinary messages
//!
//! Whatever is neither a call nor a cast goes to [`handle_info`](GenServer::handle_info): what was
//! [sent](crate::process::send()), the [`Down`](crate::Down) messages of the server's monitors, the
//! messages of its [timers](crate::timer), and if it traps exits, [`Exit`](crate::Exit) messages of
//! processes other than its parent. These can be of any type. The macro
//! [`handle_info!`](crate::handle_info) takes them apart by arms as those of
//! [`receive!`](crate::receive), and logs what no arm fits.
//!
//! ```
//! use procession::prelude::*;
//!
//! #[derive(Debug)] struct Thermometer { celsius: Option<i32> }
//! #[derive(Debug)] struct Reading(i32);
//! #[derive(Debug)] struct Unplugged;
//! #[derive(Debug)] struct Read;
//!
//! impl GenServer for Thermometer {
//!     type Args = ();
//!     fn init((): ()) -> InitResult<Self> {
//!         ready(Thermometer { celsius: None })
//!     }
//!
//!     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
//!         handle_info! { message;
//!             Reading(celsius) => {
//!                 self.celsius = Some(celsius);
//!                 noreply()
//!             }
//!             Unplugged => stop(ExitReason::Shutdown),
//!         }
//!     }
//! }
//!
//! impl HandleCall<Read> for Thermometer {
//!     type Reply = Option<i32>;
//!     fn handle_call(&mut self, _: Read, _: &Caller<Option<i32>>) -> CallResult<Self, Read> {
//!         reply(self.celsius)
//!     }
//! }
//!
//! let thermometer = Thermometer::start(())?;
//! process::send(thermometer.pid(), Reading(21)); // As a process that knows only the pid would.
//! assert_eq!(thermometer.call(Read)?, Some(21));
//! # thermometer.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Periodic work
//!
//! A server that does something from time to time sends itself a message with
//! [`timer::send_after`](crate::timer::send_after), first in `init`, and again whenever it has
//! handled one. So the next piece of work never comes before the last one is done, and the time to
//! it can differ each time. (For a fixed pace there is
//! [`timer::send_interval`](crate::timer::send_interval).) Between the messages the server handles
//! its other requests, and a server that is restarted begins anew.
//!
//! ```
//! use procession::prelude::*;
//! use procession::timer;
//! use std::time::Duration;
//!
//! #[derive(Debug)] struct Heart { beats: u32, listener: Pid }
//! #[derive(Debug)] struct Beat;
//!
//! impl Heart {
//!     fn schedule_beat() {
//!         timer::send_after(Duration::from_millis(5), process::self_pid(), Beat);
//!     }
//! }
//!
//! impl GenServer for Heart {
//!     type Args = Pid;
//!     fn init(listener: Pid) -> InitResult<Self> {
//!         Heart::schedule_beat();
//!         ready(Heart { beats: 0, listener })
//!     }
//!
//!     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
//!         handle_info! { message;
//!             Beat => {
//!                 self.beats += 1;
//!                 process::send(self.listener, self.beats);
//!                 Heart::schedule_beat();
//!                 noreply()
//!             }
//!         }
//!     }
//! }
//!
//! let heart = Heart::start(process::self_pid())?;
//! receive! { 3_u32 => {} }
//! heart.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Do not use the [timeout](Then::timeout) of a callback for this: any message, of whatever kind,
//! ends it.
//!
//! # Timeouts
//!
//! A call waits for five seconds unless [told otherwise](ServerRef::call_timeout). If a callback
//! returns [`.timeout(duration)`](Then::timeout) and no message comes for that long, `handle_info`
//! gets an [`IdleTimeout`].
//!
//! # Servers across nodes
//!
//! With the feature `dist`, and in a program that is a node, a server can be
//! used by other nodes, of Erlang or of this kind, as soon as its type says what they may ask: by
//! the trait `Wire`, which `NetKernel::serve` makes known.
//!
//! | there | here |
//! |---|---|
//! | `gen_server:call({counter, Node}, {add, 3})` | [`HandleCall`] of the type with the tag `add` |
//! | `gen_server:cast({counter, Node}, reset)` | [`HandleCast`] likewise |
//! | `{counter, Node} ! {tick, 1}` | `handle_info` likewise, or with a `Term` |
//! | `sys:get_state`, `get_status`, `suspend`, `resume`, `statistics` | the same, in OTP's shapes |
//! | `gen_server:stop`, `multi_call`, `abcast` | the same |
//!
//! The other way, `ServerRef::on` refers to a server on another node whose type this program has,
//! and `RemoteServer` to any, by terms. Both set a monitor for each call, as OTP does: a lost
//! connection is [`NodeDown`](CallErrorKind::NodeDown), and an answer that comes too late is
//! dropped.
//!
//! # How a server ends
//!
//! [`terminate`](GenServer::terminate) is called, and then the process ends with the reason, when a
//! callback returns an `Err` ([`stop`]) or [`stop_with_reply`]; when a callback panics or exits;
//! when a process [stops](ServerRef::stop) the server; and, if the server traps exits, when its
//! parent ends, which is the process that has started it with a link. `terminate` is not called
//! when `init` has failed, when the server is killed, or when it gets an exit signal that it does
//! not trap.
//!
//! So a server that cleans up when its supervisor, or the program, is shut down must trap exits: it
//! calls [`set_trap_exit`](crate::process::set_trap_exit)`(true)` in `init`, or is started with
//! [`StartOptions::trap_exit`]. A supervisor shuts a child down by an exit signal, which ends a
//! server that does not trap exits without a call of `terminate`; its state is dropped in any case,
//! so destructors run. `terminate` may take as long as the
//! [`Shutdown`] of the child says.
//!
//! A reason that is not [orderly](ExitReason::is_orderly) is [reported](crate::report) through the
//! [`log`] crate at level `error`, with the target `procession::gen_server`: which server, the
//! message that it was handling, its state as [`format_status`](GenServer::format_status) shows it,
//! the reason, and if the message was a call, its client. A crash report of the process follows,
//! with the target `procession::crash`. As the callback consumes the message, the first thousand
//! bytes of it are printed before it is handled, but only if such reports are logged or handled. In
//! a program without a logger the reports go to standard error, with the type of the message only.
//!
//! # Debugging with `sys`
//!
//! A server answers [system messages](crate::sys): [`ServerRef::sys`] returns what sends them. It
//! can be looked into, logged, traced, suspended, resumed and changed while it runs, without a line
//! of code in the server. Debugging can also be on [from the start](StartOptions::debug).
//!
//! ```
//! use procession::prelude::*;
//!
//! # #[derive(Debug)] struct Counter(u64);
//! # #[derive(Debug)] struct Add(u64);
//! # impl GenServer for Counter {
//! #     type Args = u64;
//! #     fn init(first: u64) -> InitResult<Self> { ready(Counter(first)) }
//! # }
//! # impl HandleCast<Add> for Counter {
//! #     fn handle_cast(&mut self, Add(n): Add) -> CastResult<Self> {
//! #         self.0 += n;
//! #         noreply()
//! #     }
//! # }
//! let counter = Counter::start(40)?;
//! let sys = counter.sys();
//! sys.log_on(10)?; // Keeps the last ten events.
//! sys.statistics_on()?;
//!
//! counter.cast(Add(2));
//! assert_eq!(sys.get_state(|counter| counter.0)?, 42);
//! assert_eq!(sys.get_status()?.state, "Counter(42)");
//! assert_eq!(sys.statistics()?.expect("they are on").messages_in, 1);
//! assert!(sys.log()?[0].contains("Add(2)"));
//!
//! sys.no_debug()?;
//! # counter.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server that crashes writes a report (see [above](#how-a-server-ends)); what processes there
//! are, and what they wait for, is in [`process::info`](crate::process::info()) and
//! [`supervisor::tree`](crate::supervisor::tree()).
//!
//! # Hibernation, and processes that become servers
//!
//! A server [hibernates](Then::hibernate) if a callback says so, or if no message has come [for a
//! while](StartOptions::hibernate_after). A process that was started as something else can
//! [become](enter_loop) a server.
//!
//! | OTP | here |
//! |---|---|
//! | `start`, `start_link` | [`GenServer::start`], [`GenServer::start_link`], `…_with` options |
//! | `start_monitor` | [`GenServer::start_monitor`], [`GenServer::start_monitor_with`] |
//! | `call`, `cast`, `reply` | [`ServerRef::call`], [`ServerRef::cast`], [`ReplyTo::reply`] |
//! | `send_request`, `wait_response`, … | [`ServerRef::send_request`], [`RequestId`] |
//! | `reqids_new`, … | [`RequestIds`] |
//! | `multi_call/2`, `/3`, `/4` | [`multi_call`], [`multi_call_on`], [`multi_call_timeout`] |
//! | `abcast/2`, `/3` | [`ServerRef::abcast`], [`ServerRef::abcast_on`] |
//! | `stop` | [`ServerRef::stop`], [`ServerRef::stop_with`] |
//! | `enter_loop` | [`enter_loop`] |
//! | Elixir's `GenServer.whereis` | [`ServerRef::whereis`] |
//! | `init`, `terminate`, `code_change`, `format_status` | the same in [`GenServer`] |
//! | `handle_call`, `handle_cast` | [`HandleCall`], [`HandleCast`] |
//! | `handle_continue` | [`HandleContinue`] |
//! | `handle_info` | [`GenServer::handle_info`], [`handle_info!`](crate::handle_info) |
//! | options of a start | [`StartOptions`] |
//!
//! [`multi_call`]: ServerRef::multi_call
//! [`multi_call_on`]: ServerRef::multi_call_on
//! [`multi_call_timeout`]: ServerRef::multi_call_timeout
//!
//! # When not to use one
//!
//! A server does one thing at a time. It is the place for a state, for work whose order matters, or
//! for something that only one process may use at a time. It is not a way to organize code: a
//! module does that. What needs none of these is better a plain function, which every caller runs
//! on its own thread, at the same time as the others:
//!
//! ```
//! use procession::prelude::*;
//!
//! // Do not: there is no state, and each addition waits for all others.
//! #[derive(Debug)] struct Calculator;
//! #[derive(Debug)] struct Add(i64, i64);
//!
//! impl GenServer for Calculator {
//!     type Args = ();
//!     fn init((): ()) -> InitResult<Self> {
//!         ready(Calculator)
//!     }
//! }
//!
//! impl HandleCall<Add> for Calculator {
//!     type Reply = i64;
//!     fn handle_call(&mut self, Add(a, b): Add, _: &Caller<i64>) -> CallResult<Self, Add> {
//!         reply(a + b)
//!     }
//! }
//!
//! // Do.
//! fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! let calculator = Calculator::start(())?;
//! assert_eq!(calculator.call(Add(1, 2))?, add(1, 2));
//! # calculator.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A value that several threads only share, and that needs no process to act on it, may be better
//! in a lock or in a [table](crate::table).
//!
//! # Learn more
//!
//! - [`supervisor`](crate::supervisor), [`application`](crate::application): programs of servers.
//! - [`registry`](crate::registry), [`pg`](crate::pg): finding servers by keys and in groups.
//! - [`sys`](crate::sys), [`report`](crate::report): what can be seen of a server.
//! - [`proc_lib`](crate::proc_lib): processes that are started as servers are, with a receive loop
//!   of their own.
//! - The examples `channels`, `stack`, `counter`, `tcp_counter` and `egg_timer` of this crate.
//! - OTP's [gen_server behaviour](https://www.erlang.org/doc/system/gen_server_concepts.html), the
//!   chapter of its design principles; Elixir's
//!   [`GenServer`](https://hexdocs.pm/elixir/GenServer.html).
//!
//! # Differences from OTP
//!
//! - Requests and replies are typed; a request that a server does not handle does not compile. One
//!   that reaches a server of another type, by pid or name, is refused:
//!   [`CallErrorKind::WrongServer`].
//! - [`ServerRef::call`] returns an error where OTP exits the caller. `?` and `unwrap` do that
//!   here.
//! - A handler that returns [`noreply`] without having [deferred](Caller::defer) the reply gives
//!   its client [`CallErrorKind::NoReply`] at once, where OTP lets it time out.
//! - A call that would wait forever, since the server waits for the caller, directly or through any
//!   number of others, returns [`CallErrorKind::Deadlock`] at once, even if it has a timeout, after
//!   which OTP would let it time out. Starts and stops count as waits, too, and so do the waits of
//!   a supervisor for the ends of its children. Requests whose replies are asked for later do not,
//!   nor do requests that a process has received by itself and may have sent on.
//! - A call to a server that was killed and has not left its code returns
//!   [`CallErrorKind::NoProc`].
//! - Callbacks return a `Result`; an `Err` is `{stop, Reason, State}`. There is no
//!   `bad_return_value`, and no throw to return by. After a callback that failed, `terminate` and
//!   reports see the state as the callback has left it, not as it was before.
//! - Where OTP's requests take `{abs, Time}`, these take the [`Duration`](std::time::Duration)
//!   until then. A request whose response was taken always leaves its collection, as with OTP's
//!   `Delete` set to `true`.
//! - [`format_status`](GenServer::format_status) prints one part of the status after the other, not
//!   a map of all. The events that `sys` has kept are no part of it.
//! - A server that calls its own name on all nodes without a limit of time gets its node among the
//!   bad ones at once, where OTP's waits forever.
//! - Other nodes can ask of a server only what its type [declares](#servers-across-nodes). A
//!   request that does not fit ends its caller alone, with `{bad_request, Text}`; in OTP it ends
//!   the server.
//! - Requests to other nodes can wait forever for each other: who waits for whom is known of this
//!   node only.
//! - The time of a call to another node begins before there is room for it on the connection, where
//!   OTP's begins when it is sent.
//! - The requests of [`gen_statem`](crate::gen_statem), [`gen_event`](crate::gen_event) and
//!   [`agent`](crate::agent) cannot be made by other nodes, only their system messages: their
//!   events and closures are types that are not declared. A server in front of them can be called.
//! - [`code_change`](GenServer::code_change) takes the state by value, so a panic there loses it,
//!   and ends the server.
//! - There is no `send_request/4`: [`RequestIds::add`] adds a request that was sent.
//! - [`ServerRef::stop_with`] succeeds when the server ends with the reason that was asked for,
//!   also if somebody else has ended it before it came to the request; in OTP that exits the
//!   caller.
//!
//! OTP: [`gen_server`](https://www.erlang.org/doc/apps/stdlib/gen_server.html).

mod next;
mod status;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod declared;
mod serve;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) mod spelling;
mod request;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) mod wire;
mod start;
mod request_id;
mod reference;
mod server_ref;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod remote_server;
mod group;
mod handle_info;
mod answers;

use std::any::type_name;
use std::fmt;

use log::Level;

use crate::child_policy::{Restart, Shutdown};
use crate::exit::ExitReason;
use crate::id::MonitorRef;
use crate::message::Message;
use crate::sys::OldVersion;
use crate::user_code::log_caught;

pub use crate::call::{Caller, ReplyTo};
pub use crate::call_error::{CallError, CallErrorKind};
pub use crate::handle_info;
pub use crate::stop::StopError;
pub(crate) use answers::answers;
pub use handle_info::unhandled;
pub(crate) use handle_info::warn_of_unhandled;
pub(crate) use next::InitOutcome;
pub use next::{
    CallResult, CastResult, Init, InitResult, Next, NoReply, Then, ignore, init_error, noreply,
    ready, reply, stop, stop_with_reply,
};
pub(crate) use reference::reference_traits;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub use remote_server::RemoteServer;
pub use request_id::{RequestId, RequestIds, WaitError};
pub(crate) use serve::{Settings, describe_client, submit};
pub(crate) use server_ref::stop_owned;
pub use server_ref::{OwnedServer, ServerRef};
pub(crate) use start::{Behaviour, enter, start, start_monitored};
pub use start::{EnterLoopError, NameRefused, StartError, StartOptions, enter_loop};
pub use status::StatusPart;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub use wire::{Requests, Wire};

/// The log target of warnings.
const TARGET: &str = "procession::gen_server";

/// The state of a server, with its callbacks other than those for requests.
///
/// See the [module](self) for an example.
pub trait GenServer: fmt::Debug + Sized + 'static {
    /// The arguments that the server is started with.
    type Args: Send + 'static;

    /// When a supervisor restarts a child that is a server of this type, unless its
    /// [spec](crate::supervisor::ChildSpec::restart) says otherwise.
    ///
    /// Elixir: `use GenServer, restart: :temporary`.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// /// Does its job once.
    /// #[derive(Debug)]
    /// struct Job;
    ///
    /// impl GenServer for Job {
    ///     type Args = ();
    ///     const RESTART: Restart = Restart::Transient;
    ///
    ///     fn init((): ()) -> InitResult<Self> {
    ///         ready(Job)
    ///     }
    /// }
    ///
    /// assert_eq!(Job::child_spec(()).policy().restart, Restart::Transient);
    /// ```
    const RESTART: Restart = Restart::Permanent;

    /// How a supervisor stops a child that is a server of this type, unless its
    /// [spec](crate::supervisor::ChildSpec::shutdown) says otherwise, or says that it is a
    /// supervisor. Default: a timeout of five seconds, as in OTP.
    ///
    /// Elixir: `use GenServer, shutdown: 10_000`.
    const SHUTDOWN: Shutdown = Shutdown::WORKER;

    /// Makes the state, on the server's own thread. The starter waits until this has returned.
    ///
    /// Return [`ready`], [`ignore`], [`init_error`], or [`stop`].
    ///
    /// # Errors
    ///
    /// Returns the reason with which the process ends, and the start fails.
    fn init(args: Self::Args) -> InitResult<Self>;

    /// Handles a message that is neither a call nor a cast: an [ordinary
    /// one](self#receiving-ordinary-messages), a [`Down`](crate::Down), an [`Exit`](crate::Exit) of
    /// a process other than the parent, a timer's message, or [`IdleTimeout`].
    ///
    /// By default the message is logged, as a warning, and dropped: it is [`unhandled`]. The macro
    /// [`handle_info!`](crate::handle_info) takes messages of several types apart.
    ///
    /// # Errors
    ///
    /// Returns the reason with which the server is to end.
    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        unhandled(message)
    }

    /// Cleans up when the server is about to end with `reason`.
    ///
    /// When a supervisor shuts the server down, or its parent ends, this is called only if the
    /// server traps exits: by [`set_trap_exit`](crate::process::set_trap_exit) in
    /// [`init`](Self::init), or by [`StartOptions::trap_exit`]. The module's page says [when it is
    /// called](self#how-a-server-ends).
    ///
    /// If this panics or exits, the server ends with that reason instead.
    fn terminate(&mut self, reason: &ExitReason) {
        _ = reason;
    }

    /// Prints a part of the server's status, for whoever looks at the server: for its report, for
    /// [`Sys::get_status`](crate::sys::Sys::get_status), and for traces. By default each is printed
    /// as it is. A server that must not show something hides it here.
    ///
    /// The last message of a report is printed before it is handled. The crash report that follows
    /// shows the reason as it is.
    ///
    /// OTP: [`format_status/1`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:format_status/1).
    ///
    /// ```
    /// use procession::gen_server::StatusPart;
    /// use procession::prelude::*;
    /// use std::fmt::{Formatter, Result};
    ///
    /// #[derive(Debug)] struct Vault { opened: u32, code: String }
    /// #[derive(Debug)] struct SetCode(String);
    ///
    /// impl GenServer for Vault {
    ///     type Args = String;
    ///     fn init(code: String) -> InitResult<Self> {
    ///         ready(Vault { opened: 0, code })
    ///     }
    ///
    ///     fn format_status(&self, part: &StatusPart<'_>, f: &mut Formatter<'_>) -> Result {
    ///         match part {
    ///             StatusPart::State | StatusPart::FinalState => {
    ///                 write!(f, "a vault, opened {} times", self.opened)
    ///             }
    ///             StatusPart::LastMessage(it) if it.downcast_ref::<SetCode>().is_some() => {
    ///                 f.write_str("SetCode(...)")
    ///             }
    ///             other => other.print(self, f),
    ///         }
    ///     }
    /// }
    /// # impl HandleCast<SetCode> for Vault {
    /// #     fn handle_cast(&mut self, SetCode(code): SetCode) -> CastResult<Self> {
    /// #         self.code = code;
    /// #         noreply()
    /// #     }
    /// # }
    ///
    /// let vault = Vault::start("0000".to_owned())?;
    /// assert_eq!(vault.sys().get_status()?.state, "a vault, opened 0 times");
    /// # vault.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of the formatter.
    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        part.print(self, f)
    }

    /// Converts the state of the program's version `old_version` to the present one, when
    /// [`Sys::change_code`](crate::sys::Sys::change_code) is called with `extra`: from an older
    /// version, or back from a newer one, as [`OldVersion`] says.
    ///
    /// By default no state is changed, and an error is returned. If this panics, the server ends;
    /// then [`terminate`](Self::terminate) is not called, as the state is lost.
    ///
    /// OTP: [`code_change/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:code_change/3).
    ///
    /// # Errors
    ///
    /// Returns the state as it was, which the server keeps, and why it is not changed.
    fn code_change(
        self,
        old_version: &OldVersion,
        extra: Message,
    ) -> Result<Self, (Self, ExitReason)> {
        _ = extra;
        let reason = format!("{} has no code_change from {old_version}", type_name::<Self>());
        Err((self, ExitReason::new(reason)))
    }

    /// Starts a server that is not linked to the caller, and waits until its `init` has returned.
    ///
    /// OTP: [`gen_server:start/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#start/3).
    ///
    /// # Errors
    ///
    /// Returns a [`StartError`]; then there is no server.
    fn start(args: Self::Args) -> Result<ServerRef<Self>, StartError> {
        Self::start_with(args, StartOptions::new())
    }

    /// As [`start`](Self::start), with options.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_with(args: Self::Args, options: StartOptions) -> Result<ServerRef<Self>, StartError> {
        start::start::<start::ServerOf<Self>>(args, options, false).map(ServerRef::from_pid)
    }

    /// Starts a server that is linked to the caller, its parent, and waits until its `init` has
    /// returned.
    ///
    /// If `init` fails, the exit signal ends a caller that does not trap exits; a caller that does
    /// gets the error, and no [`Exit`](crate::Exit) message.
    ///
    /// OTP: [`gen_server:start_link/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#start_link/3).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link(args: Self::Args) -> Result<ServerRef<Self>, StartError> {
        Self::start_link_with(args, StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with options.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link_with(
        args: Self::Args,
        options: StartOptions,
    ) -> Result<ServerRef<Self>, StartError> {
        start::start::<start::ServerOf<Self>>(args, options, true).map(ServerRef::from_pid)
    }

    /// As [`start`](Self::start), and monitors the server, whose parent is the caller.
    ///
    /// OTP: [`gen_server:start_monitor/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#start_monitor/3).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); then there is no monitor either, and no [`Down`](crate::Down)
    /// comes.
    fn start_monitor(args: Self::Args) -> Result<(ServerRef<Self>, MonitorRef), StartError> {
        Self::start_monitor_with(args, StartOptions::new())
    }

    /// As [`start_monitor`](Self::start_monitor), with options.
    ///
    /// # Errors
    ///
    /// As [`start_monitor`](Self::start_monitor).
    fn start_monitor_with(
        args: Self::Args,
        options: StartOptions,
    ) -> Result<(ServerRef<Self>, MonitorRef), StartError> {
        let (pid, monitor) = start::start_monitored::<start::ServerOf<Self>>(args, options)?;
        Ok((ServerRef::from_pid(pid), monitor))
    }
}

/// Logs a warning to the author of a server.
pub(crate) fn warn(text: fmt::Arguments<'_>) {
    log_caught(Level::Warn, TARGET, text);
}

/// Handles one type of call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle calls of `{M}`",
    label = "this server has no `HandleCall<{M}>`",
    note = "implement `HandleCall<{M}>` for `{Self}`; or, if nobody waits for an answer, \
            `HandleCast<{M}>`, and use `cast`",
    note = "the type must be the same to the letter: the literal `1` is an `i32` unless it says \
            otherwise, as `1_u64` does, and `\"text\"` is a `&str`, not a `String`"
)]
pub trait HandleCall<M>: GenServer {
    /// The reply that the client gets.
    type Reply: Send + 'static;

    /// Handles a call.
    ///
    /// Return [`reply`]; [`noreply`] after [`caller.defer()`](Caller::defer); [`stop_with_reply`];
    /// or [`stop`].
    ///
    /// # Errors
    ///
    /// Returns the reason with which the server is to end; the client then gets
    /// [`CallErrorKind::Down`].
    fn handle_call(&mut self, request: M, caller: &Caller<Self::Reply>) -> CallResult<Self, M>;
}

/// Handles one type of cast.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle casts of `{M}`",
    label = "this server has no `HandleCast<{M}>`",
    note = "implement `HandleCast<{M}>` for `{Self}`; or, if somebody waits for an answer, \
            `HandleCall<{M}>`, and use `call`",
    note = "the type must be the same to the letter: the literal `1` is an `i32` unless it says \
            otherwise, as `1_u64` does, and `\"text\"` is a `&str`, not a `String`"
)]
pub trait HandleCast<M>: GenServer {
    /// Handles a cast. Return [`noreply`] or [`stop`].
    ///
    /// # Errors
    ///
    /// Returns the reason with which the server is to end.
    fn handle_cast(&mut self, message: M) -> CastResult<Self>;
}

/// Handles one type of message that a callback has left to be handled [next](Then::then).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle continuations of `{M}`",
    label = "this server has no `HandleContinue<{M}>`",
    note = "implement `HandleContinue<{M}>` for `{Self}`"
)]
pub trait HandleContinue<M>: GenServer {
    /// Handles `message`, before any other message. Return [`noreply`] or [`stop`].
    ///
    /// # Errors
    ///
    /// Returns the reason with which the server is to end.
    fn handle_continue(&mut self, message: M) -> CastResult<Self>;
}

/// The message that [`handle_info`](GenServer::handle_info) gets when a [timeout](Then::timeout) is
/// over.
///
/// OTP: the atom `timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleTimeout;
