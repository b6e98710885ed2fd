//! System messages, to look into a running server, pause, trace and change it.
//!
//! Every behaviour of this crate answers them, and a handmade process
//! [can](self#handmade-processes). [`of`] chooses the process, or
//! [`ServerRef::sys`](crate::gen_server::ServerRef::sys), which knows the type of its state; the
//! methods of [`Sys`] send the messages:
//!
//! ```
//! use procession::prelude::*;
//!
//! #[derive(Debug)]
//! struct Counter(u64);
//!
//! impl GenServer for Counter {
//!     type Args = ();
//!     fn init((): ()) -> InitResult<Self> {
//!         ready(Counter(0))
//!     }
//! }
//!
//! impl HandleCast<u64> for Counter {
//!     fn handle_cast(&mut self, n: u64) -> CastResult<Self> {
//!         self.0 += n;
//!         noreply()
//!     }
//! }
//!
//! let counter = Counter::start(())?;
//! let sys = counter.sys(); // Or `sys::of(pid)`, if only the pid is known.
//! sys.suspend()?;
//! counter.cast(2); // It waits until the server is resumed.
//! sys.replace_state(|counter| counter.0 = 40)?;
//! sys.resume()?;
//! assert_eq!(sys.get_state(|counter| counter.0)?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! System messages are handled in order of arrival, among the others: a busy server answers when it
//! comes to them. A suspended server handles nothing else. Its other messages wait, and are handled
//! in their order when it is resumed.
//!
//! | OTP | here |
//! |---|---|
//! | `sys:suspend`, `resume` | [`Sys::suspend`], [`Sys::resume`] |
//! | `sys:get_state`, `replace_state` | [`Sys::get_state`], [`Sys::replace_state`] |
//! | `sys:get_status` | [`Sys::get_status`] |
//! | `sys:statistics(_, true / false)` | [`Sys::statistics_on`], [`Sys::statistics_off`] |
//! | `sys:statistics(_, get)` | [`Sys::statistics`] |
//! | `sys:log(_, true / {true, N} / false)` | [`Sys::log_on`], [`Sys::log_off`] |
//! | `sys:log(_, get / print)` | [`Sys::log`], [`Sys::print_log`] |
//! | `sys:log_to_file(_, File / false)` | [`Sys::log_to_file`], [`Sys::log_to_file_off`] |
//! | `sys:trace(_, true / false)` | [`Sys::trace_on`], [`Sys::trace_off`] |
//! | `sys:install` | [`Sys::install`], [`Sys::watch`] |
//! | `sys:remove`, `no_debug` | [`Sys::remove`], [`Sys::no_debug`] |
//! | `sys:change_code` | [`Sys::change_code`] |
//! | `sys:terminate` | [`Sys::terminate`] |
//! | the last argument, a timeout | [`Sys::timeout`] |
//! | `sys:debug_options` | [`DebugOptions`] |
//! | `sys:handle_debug` | [`DebugOptions::handle`] |
//! | `sys:get_log`, `print_log` | [`DebugOptions::log`] |
//! | `sys:handle_system_msg` | [`handle`] |
//! | `system_continue`, `system_terminate` | what [`handle`] returns |
//! | `system_get_state`, `system_replace_state` | [`System::state`] |
//! | `system_code_change` | [`System::change_code`] |
//!
//! # Handmade processes
//!
//! A process that receives by itself matches a [`Request`] as any message, and passes it to
//! [`handle`], with a value that implements [`System`]. The events that it wants to be traced it
//! passes to its [`DebugOptions`].
//!
//! ```
//! use std::fmt;
//! use std::ops::ControlFlow;
//!
//! use procession::prelude::*;
//! use procession::sys::{self, DebugOptions, System};
//!
//! #[derive(Default)]
//! struct Lamp {
//!     is_on: bool,
//!     debug: DebugOptions,
//! }
//!
//! impl System for Lamp {
//!     type State = bool;
//!     fn state(&mut self) -> &mut bool {
//!         &mut self.is_on
//!     }
//!     fn debug(&mut self) -> &mut DebugOptions {
//!         &mut self.debug
//!     }
//! }
//!
//! let lamp = process::spawn(|| {
//!     let mut lamp = Lamp::default();
//!     loop {
//!         receive! {
//!             "switch" => lamp.is_on = !lamp.is_on,
//!             request: sys::Request => match sys::handle(request, &mut lamp) {
//!                 ControlFlow::Continue(()) => {}
//!                 ControlFlow::Break(reason) => process::exit_self(reason),
//!             },
//!         }
//!     }
//! })?;
//! process::send(lamp, "switch");
//! assert!(sys::of(lamp).get_state(|is_on: &bool| *is_on)?);
//! sys::of(lamp).terminate(ExitReason::Normal)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Differences from OTP
//!
//! - A state need not be `Send`, and stays in its process: it is read or changed by a closure that
//!   runs there, whose value is returned to the caller. If a closure that changes the
//!   state panics, the state is as the closure has left it.
//! - Functions return a [`SysError`] where OTP exits the caller.
//! - [`Sys::change_code`] migrates a state within a running program: there is no code to load.
//! - Traces and printed logs go to the [`log`] crate, at level `info` with the target
//!   `procession::sys`, as a library does not own the standard output.
//! - A closure cannot be compared, so a debug function is installed, and removed, by a name.
//! - Replies need not be printable: an event shows the type of one.
//! - Statistics count no reductions. Their times, if they come from another node, are taken for
//!   UTC; Erlang's are local.
//! - A server answers `sys:get_state` of another node as one of OTP 27 does. On a node of OTP 25
//!   the state is therefore shown as `{ok, State}`.
//! - A process of another node is suspended, resumed, traced, counted, ended and shown; but
//!   closures do not travel, so its state is not replaced, its log not kept, and no function
//!   installed.
//!
//! OTP: [`sys`](https://www.erlang.org/doc/apps/stdlib/sys.html).

mod debug;
mod handle;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) mod across;

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(all(feature = "dist", target_os = "linux"))]
use serde::de::DeserializeOwned;

use crate::call::{DEFAULT_TIMEOUT, ReplyTo, call_with_message};
use crate::call_error::CallError;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::call_error::CallErrorKind;
use crate::error_text::errors;
use crate::exit::{ExitReason, Reason};
use crate::id::Pid;
use crate::message::{Destination, Message};
use crate::process;
use crate::process::current::current;
use crate::report::MachineStatus;
use crate::runtime::dictionary::print_all;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::term::{Term, atom};
use crate::user_code::displayed;

pub use debug::{DebugOptions, Event, Incoming, Kind, Statistics};
pub use handle::{OldVersion, Request, System, handle};
pub(crate) use handle::{Order, exit_of, on_state};

/// Returns a sender of system messages to the process at `to`, with a timeout of five seconds each.
pub fn of(to: impl Into<Destination>) -> Sys {
    Sys::new(to.into())
}

/// Sends system messages to one process; made by [`of`], or by
/// [`ServerRef::sys`](crate::gen_server::ServerRef::sys).
///
/// The latter knows that the state of the process is an `S`. Otherwise each method that works on
/// the state takes its type from the closure.
///
/// # Errors
///
/// Each method fails with a [`SysError`].
#[must_use = "nothing is sent until a method is called"]
pub struct Sys<S: ?Sized = dyn Any> {
    to: Destination,
    timeout: Duration,
    state: PhantomData<fn(&S)>,
}

/// The error of system messages.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SysError {
    /// There was no answer, for the same reasons as in a call; or the state is not of the type that
    /// was asked for.
    Call(CallError),
    /// The closure on the state has panicked, or ended with this reason. The process goes on.
    CallbackFailed(ExitReason),
    /// The process is running; its code can only be changed while it is suspended.
    NotSuspended,
    /// The process has refused to change its code, and keeps its state.
    Refused(ExitReason),
    /// The file of the log cannot be opened.
    OpenFile(String),
}

impl fmt::Display for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => fmt::Display::fmt(error, f),
            Self::CallbackFailed(reason) => write!(f, "the closure on the state failed: {reason}"),
            Self::NotSuspended => f.write_str("the process is not suspended"),
            Self::Refused(reason) => write!(f, "the process does not change its code: {reason}"),
            Self::OpenFile(error) => write!(f, "the file of the log cannot be opened: {error}"),
        }
    }
}

errors!(SysError);

impl From<CallError> for SysError {
    fn from(error: CallError) -> SysError {
        SysError::Call(error)
    }
}

/// Says whether a process handles its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// The process handles all messages.
    Running,
    /// The process handles system messages only.
    Suspended,
}

/// The status of a process, as returned by [`Sys::get_status`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The process.
    pub pid: Pid,
    /// Its name: the registered one, or the one that it was started under as a server and that a
    /// [registrar](crate::Registrar) keeps.
    pub name: Option<String>,
    /// The type of its state: for a server, the type that implements `GenServer`, and for a state
    /// machine the one that implements `GenStatem`.
    pub module: &'static str,
    /// Whether it is suspended.
    pub mode: Mode,
    /// Its parent, with which it ends.
    pub parent: Option<Pid>,
    /// Its dictionary: each key with its printed value.
    pub dictionary: Vec<(String, String)>,
    /// The debugging that is on, in words.
    pub debug: Vec<String>,
    /// Its state, printed; for a server by its `format_status`.
    pub state: String,
    /// What a [state machine](crate::gen_statem) has beside its state.
    pub machine: Option<MachineStatus>,
}

impl<S: ?Sized> Clone for Sys<S> {
    fn clone(&self) -> Sys<S> {
        Sys { to: self.to.clone(), ..*self }
    }
}

impl<S: ?Sized> fmt::Debug for Sys<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sys").field("to", &self.to).field("timeout", &self.timeout).finish()
    }
}

/// The methods for a process whose state may be of any type.
impl Sys {
    /// Runs `look` on the state of the process, and returns its value.
    ///
    /// # Errors
    ///
    /// - [`SysError::Call`] if there is no answer; with the kind
    ///   [`WrongServer`](crate::CallErrorKind::WrongServer) if the state is not an `S`.
    /// - [`SysError::CallbackFailed`] if `look` panics.
    pub fn get_state<S: Any, R: Send + 'static>(
        &self,
        look: impl FnOnce(&S) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        self.on_state("get_state", |state: &mut S| look(state))
    }

    /// Runs `change` on the state of the process, and returns its value.
    ///
    /// # Errors
    ///
    /// As [`get_state`](Self::get_state). If `change` panics, the state stays as `change` has left
    /// it.
    pub fn replace_state<S: Any, R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut S) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        self.on_state("replace_state", change)
    }

    /// Installs `function`, which is called with each event and the state until it returns `Break`,
    /// panics, or is removed. If there is a function of this name already, that one stays.
    ///
    /// It is not called if the state is not an `S`.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn install<S: Any>(
        &self,
        name: impl Into<String>,
        function: impl FnMut(&Event<'_>, &S) -> ControlFlow<()> + Send + 'static,
    ) -> Result<(), SysError> {
        let name = name.into();
        self.debug("install", move |debug| debug.add(name, function))
    }
}

/// The methods for a process whose state is an `S`.
impl<S: Any> Sys<S> {
    /// Runs `look` on the state of the process, and returns its value.
    ///
    /// # Errors
    ///
    /// - [`SysError::Call`] if there is no answer; with the kind
    ///   [`WrongServer`](crate::CallErrorKind::WrongServer) if the state is not an `S`.
    /// - [`SysError::CallbackFailed`] if `look` panics.
    pub fn get_state<R: Send + 'static>(
        &self,
        look: impl FnOnce(&S) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        self.on_state("get_state", |state: &mut S| look(state))
    }

    /// Runs `change` on the state of the process, and returns its value.
    ///
    /// # Errors
    ///
    /// As [`get_state`](Self::get_state). If `change` panics, the state stays as `change` has left
    /// it.
    pub fn replace_state<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut S) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        self.on_state("replace_state", change)
    }

    /// Installs `function`, which is called with each event and the state until it returns `Break`,
    /// panics, or is removed. If there is a function of this name already, that one stays.
    ///
    /// It is not called if the state is not an `S`.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn install(
        &self,
        name: impl Into<String>,
        function: impl FnMut(&Event<'_>, &S) -> ControlFlow<()> + Send + 'static,
    ) -> Result<(), SysError> {
        let name = name.into();
        self.debug("install", move |debug| debug.add(name, function))
    }
}

impl<S: ?Sized> Sys<S> {
    /// As [`install`](Sys::install), for a process of whatever state: the function gets each event.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn watch(
        &self,
        name: impl Into<String>,
        function: impl FnMut(&Event<'_>) -> ControlFlow<()> + Send + 'static,
    ) -> Result<(), SysError> {
        let name = name.into();
        self.debug("watch", move |debug| debug.add_watch(name, function))
    }

    pub(crate) fn new(to: Destination) -> Sys<S> {
        Sys { to, timeout: DEFAULT_TIMEOUT, state: PhantomData }
    }

    /// Sets how long each method waits for its answer. [`Duration::MAX`] is forever. Default: 5 s.
    pub fn timeout(self, timeout: Duration) -> Sys<S> {
        Sys { timeout, ..self }
    }

    /// Suspends the process: until it is resumed, it handles system messages only. If it is
    /// suspended already, nothing happens.
    ///
    /// A timeout that a server's callback has asked for does not expire meanwhile, and starts anew
    /// when the server is resumed.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn suspend(&self) -> Result<(), SysError> {
        self.ask("suspend", Order::Suspend)
    }

    /// Resumes the process. Nothing happens if it is not suspended.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn resume(&self) -> Result<(), SysError> {
        self.ask("resume", Order::Resume)
    }

    /// Returns the status of the process.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn get_status(&self) -> Result<Status, SysError> {
        self.ask("get_status", Order::Status)
    }

    /// Starts to count events, from zero.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn statistics_on(&self) -> Result<(), SysError> {
        self.debug_as("statistics_on", ("statistics", "true"), DebugOptions::count)
    }

    /// Stops counting.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn statistics_off(&self) -> Result<(), SysError> {
        let off = ("statistics", "false");
        self.debug_as("statistics_off", off, DebugOptions::stop_counting)
    }

    /// Returns the counts; `None` if events are not counted.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn statistics(&self) -> Result<Option<Statistics>, SysError> {
        self.debug_as("statistics", ("statistics", "get"), |debug| debug.counted())
    }

    /// Keeps the last `limit` events from now on; OTP's default is 10. Events that were kept before
    /// stay, as far as the limit allows.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn log_on(&self, limit: usize) -> Result<(), SysError> {
        self.debug("log_on", move |debug| debug.keep(limit))
    }

    /// Stops keeping events, and forgets those that were kept.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn log_off(&self) -> Result<(), SysError> {
        self.debug("log_off", DebugOptions::forget)
    }

    /// Returns the events that were kept, the oldest first.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn log(&self) -> Result<Vec<String>, SysError> {
        self.debug("log", |debug| debug.log())
    }

    /// Writes the events that were kept to the program's log.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn print_log(&self) -> Result<(), SysError> {
        self.debug("print_log", |debug| debug.print())
    }

    /// Writes each event as a line to the file at `path`, which is created, or truncated.
    ///
    /// # Errors
    ///
    /// [`SysError::OpenFile`] if the file cannot be opened; [`SysError::Call`] if there is no
    /// answer.
    pub fn log_to_file(&self, path: impl Into<PathBuf>) -> Result<(), SysError> {
        let path = path.into();
        let opened = self.debug("log_to_file", move |debug| debug.open_file(&path))?;
        opened.map_err(|error| SysError::OpenFile(error.to_string()))
    }

    /// Closes the file of the log.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn log_to_file_off(&self) -> Result<(), SysError> {
        self.debug("log_to_file_off", DebugOptions::close_file)
    }

    /// Writes each event to the program's log, at level `info` with the target `procession::sys`.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn trace_on(&self) -> Result<(), SysError> {
        self.debug_as("trace_on", ("trace", "true"), |debug| debug.set_trace(true))
    }

    /// Stops writing events to the program's log.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn trace_off(&self) -> Result<(), SysError> {
        self.debug_as("trace_off", ("trace", "false"), |debug| debug.set_trace(false))
    }

    /// Removes the function that was installed under `name`, if there is one.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn remove(&self, name: impl Into<String>) -> Result<(), SysError> {
        let name = name.into();
        self.debug("remove", move |debug| debug.remove(&name))
    }

    /// Turns off all debugging, and removes all functions.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn no_debug(&self) -> Result<(), SysError> {
        self.debug("no_debug", DebugOptions::clear)
    }

    /// Tells a suspended process to migrate its state from the version `old_version` of the
    /// program: an older one, which can be given as a text, or a [newer](OldVersion::Down) one. A
    /// server does so by its [`code_change`](crate::gen_server::GenServer::code_change), which gets
    /// `extra`.
    ///
    /// # Errors
    ///
    /// - [`SysError::NotSuspended`] if the process is running.
    /// - [`SysError::Refused`] with the error of `code_change`; the state stays.
    /// - [`SysError::Call`] if there is no answer; also if `code_change` panics, as that ends the
    ///   process.
    pub fn change_code(
        &self,
        old_version: impl Into<OldVersion>,
        extra: impl Any + Send + fmt::Debug,
    ) -> Result<(), SysError> {
        let (old_version, extra) = (old_version.into(), Message::new(extra));
        self.ask("change_code", |reply_to| Order::ChangeCode { old_version, extra, reply_to })?
    }

    /// Tells the process to end with `reason`. A server calls its `terminate` first. This does not
    /// wait until the process has ended, in contrast to
    /// [`ServerRef::stop`](crate::gen_server::ServerRef::stop).
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn terminate(&self, reason: impl Reason) -> Result<(), SysError> {
        let reason = reason.into();
        self.ask("terminate", |reply_to| Order::Terminate { reason, reply_to: Some(reply_to) })
    }

    fn on_state<State: Any, R: Send + 'static>(
        &self,
        function: &'static str,
        act: impl FnOnce(&mut State) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        self.ask(function, |reply_to| Order::State(on_state(act, reply_to)))?
    }

    fn debug<R: Send + 'static>(
        &self,
        function: &'static str,
        act: impl FnOnce(&mut DebugOptions) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        self.ask(function, |reply_to: ReplyTo<R>| {
            Order::Debug(Box::new(move |debug| reply_to.reply(act(debug))))
        })
    }

    /// As [`debug`](Self::debug), for what a process of another node is asked for, too: `{debug,
    /// {Command, Argument}}`.
    fn debug_as<R: Send + 'static>(
        &self,
        function: &'static str,
        what: (&'static str, &'static str),
        act: impl FnOnce(&mut DebugOptions) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        self.send(function, |reply_to: ReplyTo<R>| {
            let order = Order::Debug(Box::new(move |debug| reply_to.reply(act(debug))));
            let request = Request::new(order, Some(reply_to.client()));
            #[cfg(all(feature = "dist", target_os = "linux"))]
            let request = request.spelt(across::debug_what(what.0, what.1));
            _ = what; // Without other nodes it is not asked for.
            Message::awaited(request)
        })
    }

    /// Sends the process an order, for the function of this module with this name.
    fn ask<R: Send + 'static>(
        &self,
        function: &'static str,
        order: impl FnOnce(ReplyTo<R>) -> Order,
    ) -> Result<R, SysError> {
        self.send(function, |reply_to: ReplyTo<R>| {
            Message::awaited(Request::new(order(reply_to), Some(reply_to.client())))
        })
    }

    fn send<R: Send + 'static>(
        &self,
        function: &'static str,
        make: impl FnOnce(ReplyTo<R>) -> Message,
    ) -> Result<R, SysError> {
        let answer = call_with_message(&self.to, self.timeout, make);
        Ok(answer.map_err(|kind| CallError::new(kind, self.to.clone(), function))?)
    }
}

/// What is asked of processes of other nodes, too.
#[cfg(all(feature = "dist", target_os = "linux"))]
impl<S: ?Sized> Sys<S> {
    /// Returns the state of the process as a value that is read from its term: of a process of
    /// Erlang, its state; of one of this library, on whatever node, its state if the type of that
    /// [travels](crate::gen_server::Wire), and else the state as text.
    ///
    /// Other nodes are asked for no closure, so this does there what
    /// [`get_state`](Sys::get_state) does here.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer, or the state is no `R`.
    pub fn get_state_as<R: DeserializeOwned>(&self) -> Result<R, SysError> {
        let answer = self.ask_for("get_state_as", "get_state")?;
        across::state_of_term(&answer).map_err(|error| {
            let kind = CallErrorKind::BadReply(error.to_string());
            CallError::new(kind, self.to.clone(), "get_state_as").into()
        })
    }

    /// Returns the status of the process as OTP shows it: `{status, Pid, {module, Module},
    /// [Dictionary, Mode, Parent, Debug, State]}`. In contrast to [`get_status`](Self::get_status)
    /// the process may be one of another node.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no answer.
    pub fn get_status_term(&self) -> Result<Term, SysError> {
        self.ask_for("get_status_term", "get_status")
    }

    fn ask_for(&self, function: &'static str, what: &'static str) -> Result<Term, SysError> {
        across::declare(); // This program may be no node.
        self.send(function, |reply_to| across::ask(atom(what).into(), reply_to))
    }
}

/// Returns the status of the calling process.
fn status_of<S: System>(mode: Mode, system: &mut S) -> Status {
    let pid = process::self_pid();
    Status {
        pid,
        name: process::info(pid).and_then(|info| info.any_name()).map(|name| displayed(&name)),
        module: system.module(),
        mode,
        parent: system.parent(),
        dictionary: print_all(current(), SHOWN),
        debug: system.debug().describe(),
        state: system.print(),
        machine: system.machine(),
    }
}

/// The maximum number of bytes that a status shows of a value in the dictionary.
const SHOWN: usize = 1000;
