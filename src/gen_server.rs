//! Client–server relations: one process owns a state, others send it requests.
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
//! Clients as a rule do not use [`ServerRef::call`] and [`ServerRef::cast`] directly, but functions
//! that the server's author puts over them; so requests stay private, and the server can change
//! them. The state is made by `init` on the server's own thread and never leaves it, so it need not
//! be `Send`: it may hold an `Rc`, a database handle or a raw device. A callback may block; nobody
//! but this server's clients waits for it.
//!
//! One type of request for each thing that can be asked gives each its own type of reply; a server
//! that prefers it implements `HandleCall` once, for an enum.
//!
//! # Names
//!
//! A server started with [`StartOptions::name`] is found by [`ServerRef::named`], which looks the
//! name up at each use: such a reference outlives the server, and finds the one that follows it.
//!
//! # Time-outs
//!
//! A call waits for five seconds unless [told otherwise](ServerRef::call_timeout). If a callback
//! returns [`.timeout(duration)`](Then::timeout) and nothing comes for so long, `handle_info` gets
//! a [`IdleTimeout`].
//!
//! # How a server ends
//!
//! [`terminate`](GenServer::terminate) is called, and then the process ends with the reason, when a
//! callback returns an `Err` ([`stop`]) or [`stop_with_reply`]; when it panics or exits; when
//! somebody [stops](ServerRef::stop) the server; and, if the server traps exits, when its parent
//! ends, the process that has started it with a link. It is not called when `init` has failed, when
//! the server is killed, or when it gets an exit signal that it does not trap.
//!
//! A reason that is not [orderly](ExitReason::is_orderly) is [reported](crate::report) through the
//! [`log`] crate at level `error`, with the target `procession::gen_server`: which server, the
//! message that it was handling, its state as [`format_status`](GenServer::format_status) shows it,
//! the reason, and the client if it was a call. A crash report of the process follows, with the
//! target `procession::crash`. As the callback consumes the message, it is printed before it is
//! handled (its first thousand bytes), but only if somebody wants such reports.
//!
//! # While it runs
//!
//! A server answers [system messages](crate::sys): it can be suspended and resumed, traced, looked
//! into and changed. It [hibernates](Then::hibernate) if it is told to, or if nothing
//! has come [for a while](StartOptions::hibernate_after). A process that was started as something
//! else can [become](enter_loop) a server.
//!
//! | OTP | here |
//! |---|---|
//! | `start`, `start_link` | [`GenServer::start`], [`GenServer::start_link`], `…_with` options |
//! | `start_monitor` | [`GenServer::start_monitor`], [`GenServer::start_monitor_with`] |
//! | `call`, `cast`, `reply` | [`ServerRef::call`], [`ServerRef::cast`], [`ReplyTo::reply`] |
//! | `send_request`, `wait_response`, … | [`ServerRef::send_request`], [`RequestId`] |
//! | `reqids_new`, … | [`RequestIds`] |
//! | `multi_call`, `abcast` | [`ServerRef::multi_call`], [`ServerRef::abcast`] |
//! | `stop` | [`ServerRef::stop`], [`ServerRef::stop_with`] |
//! | `enter_loop` | [`enter_loop`] |
//! | Elixir's `GenServer.whereis` | [`ServerRef::pid`] |
//! | `init`, `terminate`, `code_change`, `format_status` | the same in [`GenServer`] |
//! | `handle_call`, `handle_cast` | [`HandleCall`], [`HandleCast`] |
//! | `handle_continue` | [`HandleContinue`] |
//! | `handle_info` | [`GenServer::handle_info`] |
//! | options of a start | [`StartOptions`] |
//!
//! # When not to use one
//!
//! A server does one thing at a time: it is a place where state is kept, or where order matters,
//! not a way to group functions. What needs neither is better a plain function. What only has to be
//! shared may be better in a lock.
//!
//! # Differences from OTP
//!
//! - Requests and replies are typed; a request that a server does not handle does not compile. One
//!   that reaches a server of another type, by pid or name, is refused:
//!   [`CallError::WrongServer`].
//! - [`ServerRef::call`] returns an error where OTP exits the caller. `?` and `unwrap` do that
//!   here.
//! - A handler that returns [`noreply`] without having [deferred](Caller::defer) the reply gives
//!   its client [`CallError::NoReply`] at once, where OTP lets it time out.
//! - A call that would wait for ever, since the server waits for the caller, through however many
//!   others, returns [`CallError::Deadlock`] at once, even if it has a time-out, with which OTP
//!   would let it time out. Starts and stops count as waits, too, and so does that of a supervisor
//!   for the ends of its children; requests whose replies are asked for later do not, nor those
//!   that a process has received by itself and may have sent on.
//! - A server that was killed and has not left its code is [`CallError::NoProc`] to a call.
//! - Callbacks return a `Result`; an `Err` is `{stop, Reason, State}`. There is no
//!   `bad_return_value`, and no throw to return by. After a callback that failed, `terminate` and
//!   reports see the state as the callback has left it, not as it was before.
//! - `{abs, Time}` of the requests is the [`Duration`](std::time::Duration) until then. A request
//!   whose response was taken leaves its collection; there is no `Delete` to say so.
//! - [`format_status`](GenServer::format_status) shapes the state only. Messages and reasons are
//!   shown by their own `Debug`.
//! - [`code_change`](GenServer::code_change) takes the state by value, so a panic there loses it,
//!   and ends the server.
//! - There is no `send_request/4`: [`RequestIds::add`] adds the request that was sent.
//! - [`ServerRef::stop_with`] has done what it is to do when the server ends with the reason that
//!   was asked for, also if somebody else has ended it before it came to the request; in OTP that
//!   exits the caller.
//! - Responses carry a [`CallError`]; to whom the request was sent, [`RequestId::destination`]
//!   says.
//!
//! OTP: [`gen_server`](https://www.erlang.org/doc/apps/stdlib/gen_server.html).

mod next;
mod serve;
mod request;
mod start;
mod request_id;
mod reference;
mod server_ref;
mod group;

use std::any::type_name;
use std::fmt;

use crate::exit::ExitReason;
use crate::id::MonitorRef;
use crate::message::Message;
use crate::process;
use crate::user_code::{drop_caught, log_caught, printed};

pub use crate::call::{Caller, ReplyTo};
pub use crate::exit::CallError;
pub use crate::stop::StopError;
pub use next::{
    CallResult, CastResult, Init, InitResult, Next, NoReply, Then, ignore, init_error, noreply,
    ready, reply, stop, stop_with_reply,
};
pub(crate) use reference::reference_traits;
pub use request_id::{RequestId, RequestIds, WaitError};
pub use server_ref::{OwnedServer, ServerRef};
pub use start::{EnterLoopError, NameRefused, StartError, StartOptions, enter_loop};

/// Where warnings go.
const TARGET: &str = "procession::gen_server";

/// A server's state, and what it does apart from handling requests.
///
/// See the [module](self) for an example.
pub trait GenServer: fmt::Debug + Sized + 'static {
    /// What the server is started with.
    type Args: Send + 'static;

    /// Makes the state, on the server's own thread. The starter waits until it is through.
    ///
    /// Return [`ready`], [`ignore`], [`init_error`], or [`stop`].
    ///
    /// # Errors
    ///
    /// The reason with which the process ends, and the start fails.
    fn init(args: Self::Args) -> InitResult<Self>;

    /// Handles a message that is neither a call nor a cast: one that was just sent, a
    /// [`Down`](crate::Down), an [`Exit`](crate::Exit) of a process other than the parent, a
    /// timer's message, or [`IdleTimeout`].
    ///
    /// By default it is logged, as a warning, and dropped.
    ///
    /// # Errors
    ///
    /// The reason with which the server is to end.
    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        warn_of_unhandled::<Self>(message);
        noreply()
    }

    /// Cleans up, when the server is about to end with `reason`.
    ///
    /// If it panics or exits, that becomes the reason of the end.
    fn terminate(&mut self, reason: &ExitReason) {
        _ = reason;
    }

    /// Prints the state for reports and for [`Sys::get_status`](crate::sys::Sys::get_status): by
    /// default as its `Debug`. What must not be shown can be hidden here.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }

    /// Makes of a state, which is of the program's version `old_version`, what this one wants, when
    /// somebody has [`Sys::change_code`](crate::sys::Sys::change_code) called with `extra`.
    ///
    /// By default no state is changed: it returns an error. If it panics, the server ends; then
    /// [`terminate`](Self::terminate) is not called, as the state is lost.
    ///
    /// OTP: [`code_change/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:code_change/3).
    ///
    /// # Errors
    ///
    /// The state as it was, and why it is not changed; the server keeps it.
    fn code_change(self, old_version: &str, extra: Message) -> Result<Self, (Self, ExitReason)> {
        _ = extra;
        let reason = format!("{} has no code_change from {old_version:?}", type_name::<Self>());
        Err((self, ExitReason::new(reason)))
    }

    /// Starts a server that is not linked to the caller, and waits until its `init` is through.
    ///
    /// OTP: [`gen_server:start/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#start/3).
    ///
    /// # Errors
    ///
    /// [`StartError`]; then there is no server.
    fn start(args: Self::Args) -> Result<ServerRef<Self>, StartError> {
        Self::start_with(args, StartOptions::new())
    }

    /// As [`start`](Self::start), with options.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_with(args: Self::Args, options: StartOptions) -> Result<ServerRef<Self>, StartError> {
        start::start::<Self>(args, options, false).map(ServerRef::from_pid)
    }

    /// Starts a server that is linked to the caller, its parent, and waits until its `init` is
    /// through.
    ///
    /// If `init` fails, the exit signal ends a caller that does not trap exits; one that does gets
    /// the error, and no [`Exit`](crate::Exit) message.
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
        start::start::<Self>(args, options, true).map(ServerRef::from_pid)
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
        let (pid, monitor) = start::start_monitored::<Self>(args, options)?;
        Ok((ServerRef::from_pid(pid), monitor))
    }
}

/// Logs a message that a server of type `S` does not handle.
pub(crate) fn warn_of_unhandled<S>(message: Message) {
    warn(format_args!(
        "{} ({}) does not handle this message: {}",
        process::self_pid(),
        type_name::<S>(),
        printed(&message),
    ));
    drop_caught(message);
}

/// Writes what the author of a server should know of.
pub(crate) fn warn(text: fmt::Arguments<'_>) {
    log_caught(|| log::warn!(target: TARGET, "{text}"));
}

/// Handles one type of call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle calls of `{M}`",
    label = "this server has no `HandleCall<{M}>`",
    note = "implement `HandleCall<{M}>` for `{Self}`; or, if nobody waits for an answer, \
            `HandleCast<{M}>`, and use `cast`"
)]
pub trait HandleCall<M>: GenServer {
    /// What the client gets.
    type Reply: Send + 'static;

    /// Handles a call.
    ///
    /// Return [`reply`]; [`noreply`] after [`caller.defer()`](Caller::defer); [`stop_with_reply`];
    /// or [`stop`].
    ///
    /// # Errors
    ///
    /// The reason with which the server is to end; the client then gets
    /// [`CallError::Down`].
    fn handle_call(&mut self, request: M, caller: &Caller<Self::Reply>) -> CallResult<Self, M>;
}

/// Handles one type of cast.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle casts of `{M}`",
    label = "this server has no `HandleCast<{M}>`",
    note = "implement `HandleCast<{M}>` for `{Self}`; or, if somebody waits for an answer, \
            `HandleCall<{M}>`, and use `call`"
)]
pub trait HandleCast<M>: GenServer {
    /// Handles a cast. Return [`noreply`] or [`stop`].
    ///
    /// # Errors
    ///
    /// The reason with which the server is to end.
    fn handle_cast(&mut self, message: M) -> CastResult<Self>;
}

/// Handles one type of message that a callback has left to be done [next](Then::then).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle continuations of `{M}`",
    label = "this server has no `HandleContinue<{M}>`"
)]
pub trait HandleContinue<M>: GenServer {
    /// Goes on, before any other message. Return [`noreply`] or [`stop`].
    ///
    /// # Errors
    ///
    /// The reason with which the server is to end.
    fn handle_continue(&mut self, message: M) -> CastResult<Self>;
}

/// What [`handle_info`](GenServer::handle_info) gets when a [time-out](Then::timeout) is over.
///
/// OTP: the atom `timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleTimeout;

/// Implements [`HandleCall`] for a server whose calls are all answered at once: for each type of
/// request its pattern, its type, the type of its reply, and the reply.
macro_rules! answers {
    ($server:ty: $($request:pat => $type:ty: $reply:ty, |$this:ident| $answer:expr;)+) => {$(
        impl $crate::gen_server::HandleCall<$type> for $server {
            type Reply = $reply;

            fn handle_call(
                &mut self,
                $request: $type,
                _: &$crate::gen_server::Caller<$reply>,
            ) -> $crate::gen_server::CallResult<$server, $type> {
                let $this = self;
                $crate::gen_server::reply($answer)
            }
        }
    )+};
}

pub(crate) use answers;
