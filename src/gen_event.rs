//! Event managers: processes that pass each event to any number of handlers, which come and go.
//!
//! ```text
//!   client                    this module                      your callbacks
//!   ------                    -----------                      --------------
//!   start_link  ----------->  spawn, register the name
//!   add_handler ----------->  install                   ---->  init
//!   notify      ----------->  for each handler          ---->  handle_event
//!   call        ----------->  for one handler           ---->  handle_call
//!   send        ----------->  for each handler          ---->  handle_info
//!   delete_handler  ------->  remove                    ---->  terminate
//!   swap_handler    ------->  replace                   ---->  terminate, then swap_init
//!   stop        ----------->  for each handler          ---->  terminate
//! ```
//!
//! Who has something to tell sends it to the manager, and need not know who wants to hear it. A log
//! is the classic example: one handler writes to a file, one to the terminal while somebody
//! watches, one counts the errors. A handler is a state and the callbacks of [`EventHandler`], as a
//! server is; but it has no process of its own. All handlers of a manager run in its process, one
//! after the other, so a slow one holds up the others. If handlers are to run by themselves, they
//! are processes, and [`pg`](crate::pg) or a [`registry`](crate::registry) passes the messages on.
//!
//! # Example
//!
//! ```
//! use procession::gen_event::{Terminate, handler};
//! use procession::prelude::*;
//!
//! /// The events.
//! #[derive(Debug)] enum Alarm { Fire, Water { litres: u64 } }
//!
//! /// Sums up the water.
//! #[derive(Debug)] struct Gauge { litres: u64 }
//! #[derive(Debug)] struct Litres;
//!
//! impl EventHandler<Alarm> for Gauge {
//!     type Args = ();
//!     type Leaves = u64;
//!
//!     fn init((): ()) -> HandlerInit<Self> {
//!         gen_event::installed(Gauge { litres: 0 })
//!     }
//!
//!     fn handle_event(&mut self, alarm: &Alarm) -> HandlerResult<Self, Alarm> {
//!         if let Alarm::Water { litres } = alarm {
//!             self.litres += litres;
//!         }
//!         gen_event::ok()
//!     }
//!
//!     fn terminate(&mut self, _: Terminate) -> u64 {
//!         self.litres
//!     }
//! }
//!
//! impl HandlerCall<Alarm, Litres> for Gauge {
//!     type Reply = u64;
//!
//!     fn handle_call(&mut self, _: Litres) -> HandlerReply<Self, Alarm, Litres> {
//!         gen_event::ok().reply(self.litres)
//!     }
//! }
//!
//! let alarms = EventManager::<Alarm>::start_link()?;
//! alarms.add_handler(handler::<Gauge>(), ())?;
//! alarms.notify(Alarm::Fire);
//! alarms.notify(Alarm::Water { litres: 300 });
//! assert_eq!(alarms.call(handler::<Gauge>(), Litres)?, 300);
//! assert_eq!(alarms.delete_handler(handler::<Gauge>(), ())?, 300);
//! alarms.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Handlers
//!
//! A manager is for one type of events, and refuses handlers of another type at compile time.
//! Handlers get a reference to each, as there are several of them. A handler that is for events of
//! any type, one that only counts them for instance, implements `EventHandler<E>` for all `E`.
//!
//! A handler is found by its type: `handler::<Gauge>()`. If there are several of one type, each has
//! an id: `handler::<Gauge>().id("cellar")`. The one that was added last gets each event first.
//!
//! The state is made by [`init`](EventHandler::init) in the process of the manager and never leaves
//! it, so it need not be `Send`. Each type of request to a handler has its own type of reply, by
//! [`HandlerCall`].
//!
//! | OTP | from | here |
//! |---|---|---|
//! | `{ok, State}` | `init` | [`installed`]`(state)` |
//! | `{error, Reason}` | `init` | an `Err`, by `?` or as it is |
//! | `{ok, State}` | `handle_event`, `handle_info` | [`ok`]`()` |
//! | `{ok, Reply, State}` | `handle_call` | `ok().`[`reply`](WithReply::reply)`(reply)` |
//! | `{ok, ..., hibernate}` | all | `ok().`[`hibernate`](Hibernate::hibernate)`()` |
//! | `remove_handler` | `handle_event`, `handle_info` | [`remove_handler`]`()` |
//! | `{remove_handler, Reply}` | `handle_call` | `remove_handler().reply(reply)` |
//! | `{swap_handler, A1, State, H2, A2}` | the same | [`swap_handler`]`(a1, h2, a2)` |
//! | `{swap_handler, Reply, ...}` | `handle_call` | `swap_handler(a1, h2, a2).reply(reply)` |
//! | any other value | | an `Err`: the handler fails |
//!
//! # What a handler leaves
//!
//! The value of [`terminate`](EventHandler::terminate), of the type
//! [`Leaves`](EventHandler::Leaves), goes to whoever
//! [deletes](EventManagerRef::delete_handler) the handler; or to the handler that takes its place,
//! by [`SwapInit`]. So a handler hands over what it has gathered, and no event is lost, or handled
//! twice, between the two: they are [swapped](EventManagerRef::swap_handler) between two events, or
//! [by the old one](swap_handler) as it handles one.
//!
//! ```
//! use procession::gen_event::{Left, SwapInit, Terminate, handler};
//! use procession::prelude::*;
//!
//! # #[derive(Debug)] struct Gauge { litres: u64 }
//! # impl EventHandler<u64> for Gauge {
//! #     type Args = ();
//! #     type Leaves = u64;
//! #     fn init((): ()) -> HandlerInit<Self> { gen_event::installed(Gauge { litres: 0 }) }
//! #     fn handle_event(&mut self, litres: &u64) -> HandlerResult<Self, u64> {
//! #         self.litres += litres;
//! #         gen_event::ok()
//! #     }
//! #     fn terminate(&mut self, _: Terminate) -> u64 { self.litres }
//! # }
//! /// Counts in buckets.
//! #[derive(Debug)] struct Buckets { size: u64, litres: u64 }
//!
//! impl EventHandler<u64> for Buckets {
//!     type Args = u64;
//!     /// The number of full ones.
//!     type Leaves = u64;
//!
//!     fn init(size: u64) -> HandlerInit<Self> {
//!         gen_event::installed(Buckets { size, litres: 0 })
//!     }
//!
//!     fn handle_event(&mut self, litres: &u64) -> HandlerResult<Self, u64> {
//!         self.litres += litres;
//!         gen_event::ok()
//!     }
//!
//!     fn terminate(&mut self, _: Terminate) -> u64 {
//!         self.litres / self.size
//!     }
//! }
//!
//! impl SwapInit<u64, Gauge> for Buckets {
//!     fn swap_init(size: u64, litres: Left<u64>) -> HandlerInit<Self> {
//!         gen_event::installed(Buckets { size, litres: litres? })
//!     }
//! }
//!
//! let water = EventManager::<u64>::start()?;
//! water.add_handler(handler::<Gauge>(), ())?;
//! water.notify(25);
//! water.swap_handler((handler::<Gauge>(), ()), (handler::<Buckets>(), 10))?;
//! water.notify(7);
//! assert_eq!(water.delete_handler(handler::<Buckets>(), ())?, 3);
//! # water.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Handlers that fail
//!
//! A handler fails if a callback returns an `Err`, panics or exits. It is removed, and its
//! [`terminate`](EventHandler::terminate) runs with [`Terminate::Failed`]. The manager and the
//! other handlers go on. The failure is [reported](crate::report) through the [`log`] crate at
//! level `error`, with the target `procession::gen_event`: which handler of which manager, the
//! event or request, its state as [`format_status`](EventHandler::format_status) shows it, and the
//! reason. An event is printed only then; a request, which the handler consumes, before it is
//! handled, but only if such reports are logged or handled.
//!
//! Nobody adds the handler again, unless it was
//! [supervised](EventManagerRef::add_sup_handler): then its owner, the process that has added it,
//! gets a [`HandlerExit`], and decides.
//!
//! # How to supervise
//!
//! A manager that is to run for as long as the program does has a
//! [`named_child_spec`](EventManager::named_child_spec). When its supervisor restarts it, it has no
//! handlers. So that it gets them, and a handler that fails is added again, a server whose place
//! among the children is after the manager adds the handlers that it owns:
//!
//! ```
//! use procession::gen_event::{HandlerExitReason, handler};
//! use procession::prelude::*;
//!
//! # #[derive(Debug)] struct Gauge { litres: u64 }
//! # impl EventHandler<u64> for Gauge {
//! #     type Args = ();
//! #     type Leaves = ();
//! #     fn init((): ()) -> HandlerInit<Self> { gen_event::installed(Gauge { litres: 0 }) }
//! #     fn handle_event(&mut self, litres: &u64) -> HandlerResult<Self, u64> {
//! #         self.litres += litres;
//! #         gen_event::ok()
//! #     }
//! # }
//! # #[derive(Debug)] struct Litres;
//! # impl HandlerCall<u64, Litres> for Gauge {
//! #     type Reply = u64;
//! #     fn handle_call(&mut self, _: Litres) -> HandlerReply<Self, u64, Litres> {
//! #         gen_event::ok().reply(self.litres)
//! #     }
//! # }
//! fn water() -> EventManagerRef<u64, Name> {
//!     EventManagerRef::named("gen_event::water")
//! }
//!
//! /// Owns the handlers.
//! #[derive(Debug)] struct Guard;
//!
//! impl GenServer for Guard {
//!     type Args = ();
//!
//!     fn init((): ()) -> InitResult<Self> {
//!         water().add_sup_handler(handler::<Gauge>(), ())?;
//!         ready(Guard)
//!     }
//!
//!     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
//!         handle_info! { message;
//!             // The supervisor starts another guard, and gives up if this happens too often.
//!             HandlerExit { reason: HandlerExitReason::Failed(reason), .. } => stop(reason),
//!             HandlerExit { .. } => noreply(),
//!         }
//!     }
//! }
//!
//! let supervisor = Supervisor::rest_for_one()
//!     .child(EventManager::<u64>::named_child_spec("gen_event::water"))
//!     .child(Guard::child_spec(()))
//!     .start_link()?;
//! water().notify(25);
//! assert_eq!(water().call(handler::<Gauge>(), Litres)?, 25);
//! # supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a manager ends
//!
//! A manager always traps exits. It ends when it is [stopped](EventManagerRef::stop), and when its
//! parent ends, which is the process that has started it with a link: then with the reason of that.
//! Before it ends, [`terminate`](EventHandler::terminate) of each handler runs with
//! [`Terminate::ManagerEnds`], and the owners of supervised ones get a [`HandlerExit`]. An exit
//! signal of any other process is a message for [`handle_info`](EventHandler::handle_info) of all
//! handlers. A manager that is killed runs no callbacks: its handlers are dropped, and their owners
//! get the exit signal of their link.
//!
//! # Debugging with `sys`
//!
//! [`EventManagerRef::sys`] looks into a running manager, as for any server. Its state, the
//! [`EventManager`], shows the handlers and their states.
//!
//! | OTP | here |
//! |---|---|
//! | `start/0`, `/1`, `/2` | [`EventManager::start`], [`EventManager::start_with`] |
//! | `start_link` | [`EventManager::start_link`], [`EventManager::start_link_with`] |
//! | `start_monitor` | [`EventManager::start_monitor`], [`EventManager::start_monitor_with`] |
//! | `stop/1`, `/3` | [`EventManagerRef::stop`], [`EventManagerRef::stop_with`] |
//! | `add_handler` | [`EventManagerRef::add_handler`] |
//! | `add_sup_handler` | [`EventManagerRef::add_sup_handler`] |
//! | `delete_handler` | [`EventManagerRef::delete_handler`] |
//! | `swap_handler` | [`EventManagerRef::swap_handler`] |
//! | `swap_sup_handler` | [`EventManagerRef::swap_sup_handler`] |
//! | `notify`, `sync_notify` | [`EventManagerRef::notify`], [`EventManagerRef::sync_notify`] |
//! | `call/3`, `/4` | [`EventManagerRef::call`], [`EventManagerRef::call_timeout`] |
//! | `send_request/3`, `wait_response`, … | [`EventManagerRef::send_request`], [`RequestId`] |
//! | `reqids_new`, … | [`RequestIds`] |
//! | `which_handlers` | [`EventManagerRef::which_handlers`] |
//! | `Module`, `{Module, Id}` | [`handler`]`::<Module>()`, [`id`](Handler::id); [`HandlerId`] |
//! | `{gen_event_EXIT, Handler, Reason}` | [`HandlerExit`] |
//! | `init`, `handle_event`, `handle_info` | the same in [`EventHandler`] |
//! | `terminate`, `code_change`, `format_status` | the same in [`EventHandler`] |
//! | `init({Args, Term})` after a swap | [`SwapInit::swap_init`] |
//! | `handle_call` | [`HandlerCall::handle_call`] |
//! | `sys:get_state`, `replace_state` | the methods of [`EventManager`] |
//!
//! # Differences from OTP
//!
//! - Functions return a [`HandlerError`] where OTP exits the caller, and errors and replies are
//!   never of the same type: a handler cannot reply with what looks like a failure of its own.
//! - [`notify`](EventManagerRef::notify) drops an event for a name that no process has, as a cast
//!   does, where OTP's exits the caller with `badarg` if the name is a local one.
//!   [`try_notify`](EventManagerRef::try_notify) returns an error.
//! - After a callback that has failed, `terminate` and the report see the state as the callback has
//!   left it, not as it was before.
//! - A new handler that fails to take the place of one that has swapped itself is reported, and its
//!   owner told, with the reason; OTP says only `crash`. It may hibernate, which OTP takes for a
//!   failure there.
//! - A `terminate` that fails when nobody waits for its value is reported. OTP says nothing.
//! - [`code_change`](EventHandler::code_change) is called for all handlers: there are no modules to
//!   be loaded one by one. A handler that does not convert its state keeps it.
//! - [`terminate`](EventHandler::terminate) gets arguments of any type as a
//!   [`Message`]: the types of what a handler is added with, leaves and replies are
//!   checked at compile time, this one is not.
//! - A call of a manager by one of its own handlers, or one that would wait forever in another way,
//!   returns at once with [`CallErrorKind::CallingSelf`] or [`CallErrorKind::Deadlock`]; in OTP it
//!   waits, forever if it has no timeout.
//! - There is no `send_request/5`: [`RequestIds::add`] adds a request that was sent.
//! - A manager that ends abnormally writes the report of a server before that of the crash.
//!
//! OTP: [`gen_event`](https://www.erlang.org/doc/apps/stdlib/gen_event.html).

mod handler_id;
mod ending;
mod error;
mod init;
mod any_handler;
mod next;
mod manager;
mod serve;
mod manager_ref;
mod start;

use std::any::type_name;
use std::fmt;

use log::Level;

use crate::exit::ExitReason;
use crate::message::Message;
use crate::process::info::logged_self;
use crate::sys::OldVersion;
use crate::user_code::{is_seen, log_caught, printed};

pub use crate::gen_server::{
    CallError, CallErrorKind, RequestId, RequestIds, StartError, StartOptions, StatusPart,
    StopError, WaitError,
};
pub use ending::{HandlerExit, HandlerExitReason, Left, NothingLeft, Terminate};
pub use error::HandlerError;
pub use handler_id::{Handler, HandlerId, handler};
pub use init::{HandlerInit, Init, installed};
pub use manager::EventManager;
pub use manager_ref::{EventManagerRef, OwnedEventManager};
pub use next::{
    HandlerReply, HandlerResult, Hibernate, Next, WithReply, ok, remove_handler, swap_handler,
};

/// The log target of warnings.
const TARGET: &str = "procession::gen_event";

/// The state of a handler of events of type `E`, with its callbacks other than those for requests.
///
/// See the [module](self) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle events of type `{E}`",
    label = "this is no handler of such events",
    note = "implement `EventHandler<{E}>` for `{Self}`"
)]
pub trait EventHandler<E>: fmt::Debug + Sized + 'static {
    /// The arguments that the handler is added with.
    type Args: Send + 'static;

    /// What it leaves when it ends: for whoever deletes it, and for the handler that takes its
    /// place. A handler that leaves nothing says `()`. The default value is that of a handler
    /// without a [`terminate`](Self::terminate).
    type Leaves: Default + Send + 'static;

    /// Makes the state, in the process of the manager: it never leaves that, so it need not be
    /// `Send`. Return [`installed`].
    ///
    /// If this panics or exits, that is an error, too.
    ///
    /// OTP: [`init/1`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:init/1).
    ///
    /// # Errors
    ///
    /// Returns the reason for which the handler is not added.
    fn init(args: Self::Args) -> HandlerInit<Self>;

    /// Handles an event. Return [`ok`], [`remove_handler`] or [`swap_handler`].
    ///
    /// If this panics or exits, that is an error, too.
    ///
    /// OTP: [`handle_event/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:handle_event/2).
    ///
    /// # Errors
    ///
    /// Returns the reason for which the handler has failed: it is [reported and
    /// removed](self#handlers-that-fail).
    fn handle_event(&mut self, event: &E) -> HandlerResult<Self, E>;

    /// Handles a message that is neither an event nor a request: an ordinary one, a
    /// [`Down`](crate::Down), a timer's message, or an [`Exit`](crate::Exit) of a process other
    /// than the manager's parent. Every handler gets it. Return as from
    /// [`handle_event`](Self::handle_event).
    ///
    /// By default the message is [logged](unhandled), as a warning.
    ///
    /// OTP: [`handle_info/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:handle_info/2).
    ///
    /// # Errors
    ///
    /// As [`handle_event`](Self::handle_event).
    fn handle_info(&mut self, message: &Message) -> HandlerResult<Self, E> {
        unhandled(message)
    }

    /// Cleans up when the handler ends, for the reason `why`, and returns what it leaves: the
    /// default value, by default.
    ///
    /// If this panics or exits, the handler is gone all the same. Whoever has deleted it gets the
    /// reason, and so does a handler that takes its place, as [`NothingLeft::Failed`]; if it has
    /// ended in another way, the failure is reported.
    ///
    /// OTP: [`terminate/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:terminate/2).
    fn terminate(&mut self, why: Terminate) -> Self::Leaves {
        _ = why;
        Self::Leaves::default()
    }

    /// Prints a part of the handler's status: for its report, for
    /// [`Sys::get_status`](crate::sys::Sys::get_status), and for traces. By default each is printed
    /// as it is. A handler that must not show something hides it here.
    ///
    /// OTP: [`format_status/1`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:format_status/1).
    ///
    /// # Errors
    ///
    /// Returns the errors of the formatter.
    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        part.print(self, f)
    }

    /// Converts the state of the program's version `old_version` to the present one, when
    /// [`Sys::change_code`](crate::sys::Sys::change_code) is called with `extra` for the manager.
    /// All its handlers are asked in turn; by default there is nothing to convert.
    ///
    /// OTP: [`code_change/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:code_change/3).
    ///
    /// # Errors
    ///
    /// Returns why the state is not changed. The handler goes on with it; those that come after it
    /// are not asked.
    fn code_change(&mut self, old_version: &OldVersion, extra: &Message) -> Result<(), ExitReason> {
        _ = (old_version, extra);
        Ok(())
    }
}

/// Handles one type of request to a handler of events of type `E`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle requests of `{M}`",
    label = "this handler has no `HandlerCall<{E}, {M}>`",
    note = "implement `HandlerCall<{E}, {M}>` for `{Self}`"
)]
pub trait HandlerCall<E, M>: EventHandler<E> {
    /// The reply that the client gets.
    type Reply: Send + 'static;

    /// Handles a request. Return as from [`handle_event`](EventHandler::handle_event), with a
    /// [reply](WithReply::reply): `gen_event::ok().reply(7)`.
    ///
    /// OTP: [`handle_call/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:handle_call/2).
    ///
    /// # Errors
    ///
    /// As [`handle_event`](EventHandler::handle_event); the client gets
    /// [`HandlerError::Failed`].
    fn handle_call(&mut self, request: M) -> HandlerReply<Self, E, M>;
}

/// A handler that can take the place of an `Old` one.
///
/// One that takes the place of whatever was there implements this for all `Old`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take the place of `{Old}`",
    label = "this handler has no `SwapInit<{E}, {Old}>`",
    note = "implement `SwapInit<{E}, {Old}>` for `{Self}`"
)]
pub trait SwapInit<E, Old: EventHandler<E>>: EventHandler<E> {
    /// Makes the state, as [`init`](EventHandler::init) does, from what the old handler has
    /// [left](EventHandler::terminate).
    ///
    /// OTP: [`init/1`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#c:init/1) with
    /// `{Args, Term}`.
    ///
    /// # Errors
    ///
    /// Returns the reason for which the handler is not added. The old one is gone all the same.
    fn swap_init(args: Self::Args, left: Left<Old::Leaves>) -> HandlerInit<Self>;
}

/// Logs that a handler of type `H`, in the calling manager, does not handle `message`, as a
/// warning: what [`handle_info`](EventHandler::handle_info) does by default.
///
/// The warning has the target `procession::gen_event`. The result is [`ok`]`()`.
///
/// OTP: what `handle_info/2` does by default in a module that does not export it.
///
/// # Errors
///
/// Never.
pub fn unhandled<H: EventHandler<E>, E>(message: &Message) -> HandlerResult<H, E> {
    if is_seen(Level::Warn, TARGET) {
        let (me, handler, message) = (logged_self(), type_name::<H>(), printed(message));
        let text = format_args!("{me} ({handler}) does not handle this message: {message}");
        log_caught(Level::Warn, TARGET, text);
    }
    ok()
}
