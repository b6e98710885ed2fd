//! State machines: processes whose reactions depend on a state.
//!
//! A machine has a *state*, and *data* that live longer than each state. To every *event* it
//! reacts by its callback: it changes its data, and says what the next state is and what else is
//! to be done. What a [server](crate::gen_server) would have to write for that is here: events that
//! are postponed until another state, timeouts of states, callbacks at the entry of a state.
//!
//! ```text
//!   client                    this module                      your callbacks
//!   ------                    -----------                      --------------
//!   start_link  ----------->  spawn, register the name  ---->  init
//!               <-----------  acknowledge               <----
//!                             first state               ---->  state_enter
//!   call, cast  ----------->  event                     ---->  handle_event
//!   send        ----------->  info                             |
//!                             time is over                     |
//!                             inserted, postponed              |
//!                             next state                <------+
//!                                                       ---->  state_enter
//!   stop        ----------->  leave the loop            ---->  terminate
//! ```
//!
//! # Example
//!
//! A door with a code lock, which is open for a while after the right buttons were pressed.
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! #[derive(Debug, PartialEq)] enum State { Locked, Open }
//!
//! #[derive(Debug)]
//! enum Event {
//!     Button(u32),
//!     Lock,
//!     CodeLength(ReplyTo<usize>), // A call: the client waits for a `usize`.
//! }
//!
//! #[derive(Debug)]
//! struct CodeLock { code: Vec<u32>, pressed: Vec<u32> }
//!
//! impl GenStatem for CodeLock {
//!     type Args = Vec<u32>;
//!     type State = State;
//!     type Event = Event;
//!
//!     fn init(code: Vec<u32>) -> gen_statem::InitResult<Self> {
//!         started(State::Locked, CodeLock { code, pressed: Vec::new() })
//!     }
//!
//!     fn state_enter(&mut self, _: &State, _: &State) -> EnterResult<Self> {
//!         self.pressed.clear();
//!         entered()
//!     }
//!
//!     fn handle_event(&mut self, _: EventType, event: Event, state: &State) -> StateResult<Self> {
//!         match (state, event) {
//!             (State::Locked, Event::Button(button)) => {
//!                 self.pressed.push(button);
//!                 if self.pressed.ends_with(&self.code) {
//!                     next_state(State::Open).state_timeout(Duration::from_secs(10), Event::Lock)
//!                 } else {
//!                     keep_state()
//!                 }
//!             }
//!             // It is too early for this button: it counts when the door is locked again.
//!             (State::Open, event @ Event::Button(_)) => keep_state().postpone(event),
//!             (_, Event::Lock) => next_state(State::Locked),
//!             (_, Event::CodeLength(client)) => keep_state().reply(client, self.code.len()),
//!         }
//!     }
//! }
//!
//! let lock = CodeLock::start_link(vec![1, 2, 3])?;
//! assert_eq!(lock.call(Event::CodeLength)?, 3);
//! for button in [1, 2, 3] {
//!     lock.cast(Event::Button(button));
//! }
//! assert!(lock.sys().get_state(|lock| lock.state == State::Open)?);
//!
//! lock.cast(Event::Button(1)); // Postponed.
//! lock.cast(Event::Lock);
//! assert_eq!(lock.sys().get_state(|lock| lock.data.pressed.clone())?, [1]);
//! lock.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # States, data and events
//!
//! The state is of any type that can be compared: an enum as a rule, whose variants may hold what
//! only that state needs. The data are the value that implements [`GenStatem`]. Both are made on
//! the machine's own thread and never leave it, so they need not be `Send`.
//!
//! All that the machine reacts to is one type, [`GenStatem::Event`]. A variant for a call holds the
//! place where its reply goes, so each has its own type of reply, and [`StatemRef::call`] takes the
//! variant as the function that it is. The [`EventType`] says how an event has come. An ordinary
//! message becomes an event by [`GenStatem::info`].
//!
//! Of the events that the machine has, these come first:
//!
//! 1. those that the last result has [inserted](Actions::next_event), in their order;
//! 2. if it has changed the state, those that were [postponed](Actions::postpone), the oldest
//!    first;
//! 3. what is left of the two from earlier results;
//! 4. those of [timeouts](#timeouts) of zero, in the order in which they were set;
//! 5. what comes from outside: calls, casts, messages, and timeouts whose time is over, in the
//!    order in which they arrive. [System messages](crate::sys), a stop and the end of the parent
//!    take their places among these.
//!
//! # What callbacks return
//!
//! The data are changed in place, so no tuple returns them. All of these functions, and the trait
//! of the actions, are in the [prelude](crate::prelude), but for what servers have by the same
//! name: `gen_statem::InitResult`, `gen_statem::ignore` and `gen_statem::init_error`.
//!
//! | OTP | from | here |
//! |---|---|---|
//! | `{ok, State, Data}` | `init` | [`started`]`(state, data)` |
//! | `ignore`, `{error, Reason}` | `init` | [`ignore`]`()`, [`init_error`]`(reason)` |
//! | `{next_state, State, Data}` | `handle_event` | [`next_state`]`(state)` |
//! | `{keep_state, Data}`, `keep_state_and_data` | `handle_event` | [`keep_state`]`()` |
//! | `{repeat_state, Data}`, `repeat_state_and_data` | `handle_event` | [`repeat_state`]`()` |
//! | `{stop, Reason, Data}`, `{stop, Reason}` | all | [`stop`]`(reason)`, or `?` |
//! | `stop` | all | `stop(ExitReason::Normal)` |
//! | `{stop_and_reply, Reason, Replies, Data}` | `handle_event` | [`stop_and_reply`]`(reason)` |
//! | `{keep_state, Data}`, `keep_state_and_data` | `state_enter` | [`entered`]`()` |
//! | `{repeat_state, Data}`, `repeat_state_and_data` | `state_enter` | [`enter_again`]`()` |
//!
//! A list of actions is a chain of methods of such a result:
//!
//! | OTP | here |
//! |---|---|
//! | `postpone` | [`.postpone(event)`](Actions::postpone): the event is handed back |
//! | `{postpone, false}`, `{hibernate, false}` | the action is left out |
//! | `{next_event, Type, Content}` | [`.next_event(kind, event)`](Actions::next_event) |
//! | `{reply, From, Reply}` | [`.reply(client, reply)`](Actions::reply) |
//! | `hibernate` | [`.hibernate()`](Actions::hibernate) |
//! | `{timeout, Time, Content}`, `Time` | [`.timeout(duration, event)`](Actions::timeout) |
//! | `{state_timeout, Time, Content}` | [`.state_timeout(…)`](Actions::state_timeout) |
//! | `{{timeout, Name}, Time, Content}` | [`.generic_timeout(name, …)`](Actions::generic_timeout) |
//! | the same with `{abs, true}` | [`.timeout_at(instant, event)`](Actions::timeout_at), … |
//! | `{Type, cancel}`, time `infinity` | [`.cancel(kind)`](Actions::cancel), [`Duration::MAX`] |
//! | `{Type, update, Content}` | [`.update(kind, event)`](Actions::update) |
//! | `{change_callback_module, M}`, … | [`.change_callback_module(…)`][change], … |
//!
//! [change]: Actions::change_callback_module
//! [`Duration::MAX`]: std::time::Duration::MAX
//!
//! # Postponing
//!
//! An event that comes too early for the present state is postponed: it waits, and is handled again
//! when the state has changed. The handler hands it back for that, so nothing need be cloned, and
//! nothing can be lost. The client of a call that is postponed goes on waiting. If the machine
//! ends, it gets [`CallErrorKind::Down`].
//!
//! A call that is neither answered nor postponed may be answered from any later state, as its
//! [`ReplyTo`] can be kept. If nobody does that, the client waits until its time is over.
//!
//! # Timeouts
//!
//! Each timeout has an event, which is handled when its time is over:
//!
//! - the *state timeout* ends without its event when the state changes;
//! - the *event timeout* ends without its event when any event is handled;
//! - a *generic timeout* ends by its own event only, or when it is cancelled; there may be several.
//!
//! A timeout that is set again starts anew, with its new event. One that was cancelled, ended or
//! set again does not come any more, even if its time was over before and its message waits in the
//! mailbox. Timers need no [room](crate::process#bounded-mailboxes) there.
//!
//! # Entering a state
//!
//! [`state_enter`](GenStatem::state_enter) is called whenever the machine has come to another
//! state, the first one included, before any event is handled there. So what belongs to a state
//! is written once, and not wherever the machine changes to it.
//!
//! # A function for each state
//!
//! A machine may have a function for each state, and no `match` of all. Its state is a
//! [`StateFunction`], and its `handle_event` one line. This is the same lock:
//!
//! ```
//! use procession::gen_statem::StateFunction;
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! #[derive(Debug)] enum Event { Button(u32), Lock, CodeLength(ReplyTo<usize>) }
//! #[derive(Debug)] struct CodeLock { code: Vec<u32>, pressed: Vec<u32> }
//!
//! type State = StateFunction<CodeLock>;
//!
//! impl CodeLock {
//!     const LOCKED: State = State::new("locked", CodeLock::locked);
//!     const OPEN: State = State::new("open", CodeLock::open);
//!
//!     fn locked(&mut self, kind: EventType, event: Event) -> StateResult<Self> {
//!         let Event::Button(button) = event else { return self.any(kind, event) };
//!         self.pressed.push(button);
//!         if !self.pressed.ends_with(&self.code) {
//!             return keep_state();
//!         }
//!         self.pressed.clear();
//!         next_state(CodeLock::OPEN).state_timeout(Duration::from_secs(10), Event::Lock)
//!     }
//!
//!     fn open(&mut self, kind: EventType, event: Event) -> StateResult<Self> {
//!         match event {
//!             Event::Button(_) => keep_state().postpone(event),
//!             other => self.any(kind, other),
//!         }
//!     }
//!
//!     /// What is the same in all states.
//!     fn any(&mut self, _: EventType, event: Event) -> StateResult<Self> {
//!         match event {
//!             Event::CodeLength(client) => keep_state().reply(client, self.code.len()),
//!             Event::Lock => next_state(CodeLock::LOCKED),
//!             Event::Button(_) => keep_state(),
//!         }
//!     }
//! }
//!
//! impl GenStatem for CodeLock {
//!     type Args = Vec<u32>;
//!     type State = State;
//!     type Event = Event;
//!
//!     fn init(code: Vec<u32>) -> gen_statem::InitResult<Self> {
//!         started(CodeLock::LOCKED, CodeLock { code, pressed: Vec::new() })
//!     }
//!
//!     fn handle_event(
//!         &mut self,
//!         kind: EventType,
//!         event: Event,
//!         state: &State,
//!     ) -> StateResult<Self> {
//!         state.call(self, kind, event)
//!     }
//! }
//!
//! let lock = CodeLock::start_link(vec![1, 2])?;
//! lock.cast(Event::Button(1));
//! lock.cast(Event::Button(2));
//! assert!(lock.sys().get_state(|lock| lock.state == CodeLock::OPEN)?);
//! assert_eq!(lock.call(Event::CodeLength)?, 2);
//! # lock.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to supervise
//!
//! As a [server](crate::gen_server#how-to-supervise): every machine has a
//! [`child_spec`](GenStatem::child_spec) and its like, and clients find it by its name.
//!
//! ```
//! use procession::prelude::*;
//!
//! /// A switch that is pushed to and fro.
//! #[derive(Debug)] struct Switch;
//! #[derive(Debug)] struct Push(ReplyTo<bool>);
//!
//! impl GenStatem for Switch {
//!     type Args = ();
//!     type State = bool;
//!     type Event = Push;
//!
//!     fn init((): ()) -> gen_statem::InitResult<Self> {
//!         started(false, Switch)
//!     }
//!
//!     fn handle_event(&mut self, _: EventType, push: Push, on: &bool) -> StateResult<Self> {
//!         let Push(client) = push;
//!         next_state(!on).reply(client, !on)
//!     }
//! }
//!
//! let supervisor = Supervisor::one_for_one()
//!     .child(Switch::named_child_spec("gen_statem::switch", ()))
//!     .start_link()?;
//! let switch = StatemRef::<Switch>::named("gen_statem::switch");
//! assert_eq!(switch.call(Push)?, true);
//! assert_eq!(switch.call(Push)?, false);
//! # supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a machine ends
//!
//! [As a server](crate::gen_server#how-a-server-ends), with a call of
//! [`terminate`](GenStatem::terminate), for the same reasons. A reason that is not
//! [orderly](ExitReason::is_orderly) is [reported](crate::report) with the target
//! `procession::gen_statem`: the last event, the state and the data as
//! [`format_status`](GenStatem::format_status) shows them, the events that wait or are postponed,
//! and those of timeouts.
//!
//! # Debugging with `sys`
//!
//! [`StatemRef::sys`] is what it is for servers. Its closures get a [`StateAndData`]; the
//! [status](crate::sys::Status::machine) has the events that wait; and a log or trace shows what
//! comes, what is consumed or postponed in which state, which states are entered, which timeouts
//! are started, and in which state the machine ends.
//!
//! A state that [`replace_state`](crate::sys::Sys::replace_state) sets is not entered, no postponed
//! event is handled again for it, and the state timeout goes on, as in OTP.
//!
//! # Drawing a machine
//!
//! A machine can [declare](GenStatem::diagram) its states and what leads from one to another: a
//! [`Diagram`], which prints for Graphviz and for Mermaid. In builds with debug assertions a change
//! of the state that is not declared is warned of. A [`Recording`] prints what a machine has done,
//! as a sequence diagram.
//!
//! # OTP's functions
//!
//! | OTP | here |
//! |---|---|
//! | `start`, `start_link`, `start_monitor` | [`GenStatem::start`], …, `…_with` options |
//! | `enter_loop` | [`enter_loop`] |
//! | `call/2`, `/3` | [`StatemRef::call`], [`StatemRef::call_timeout`] |
//! | `cast`, `reply/1`, `/2` | [`StatemRef::cast`], [`ReplyTo::reply`], [`Actions::reply`] |
//! | `send_request`, `wait_response`, … | [`StatemRef::send_request`], [`RequestId`] |
//! | `reqids_new`, … | [`RequestIds`] |
//! | `stop/1`, `/3` | [`StatemRef::stop`], [`StatemRef::stop_with`] |
//! | `init`, `terminate`, `code_change`, `format_status` | the same in [`GenStatem`] |
//! | `callback_mode` | [a function for each state](#a-function-for-each-state), or not |
//! | `handle_event/4`, `StateName/3` | [`GenStatem::handle_event`], [`StateFunction`] |
//! | `enter` events | [`GenStatem::state_enter`] |
//! | `info` events | [`GenStatem::info`] makes them |
//!
//! OTP's older `gen_fsm` had other words:
//!
//! | `gen_fsm` | here |
//! |---|---|
//! | `send_event(Fsm, Event)` | [`StatemRef::cast`] |
//! | `sync_send_event(Fsm, Event, Timeout)` | [`StatemRef::call`], [`StatemRef::call_timeout`] |
//! | `send_all_state_event`, `handle_event` | a cast, and an arm for any state: `(_, event)` |
//! | `sync_send_all_state_event`, `handle_sync_event` | a call, and an arm for any state |
//! | `reply(From, Reply)` | [`ReplyTo::reply`] |
//! | `StateName/2`, `StateName/3` | an arm of `handle_event`, or a [`StateFunction`] |
//! | `handle_info` | [`GenStatem::info`], and an arm for [`EventType::Info`] |
//! | `{next_state, StateName, Data}` | [`next_state`]`(state)`, or [`keep_state`]`()` |
//! | `{next_state, StateName, Data, Timeout}` | with [`.timeout(…)`](Actions::timeout) |
//! | `start_timer`, `send_event_after`, `cancel_timer` | a [generic timeout](#timeouts) |
//! | `{reply, Reply, StateName, Data}` | with [`.reply(client, reply)`](Actions::reply) |
//!
//! # Differences from OTP
//!
//! - Events, replies, states and actions are typed: there is no bad return value, and of bad
//!   actions only a [`BadAction`]. An event of another type does not compile; a machine of another
//!   type refuses it: [`CallErrorKind::WrongServer`]. State enter calls cannot postpone or insert
//!   events, nor change the state or the callbacks, by their type.
//! - The content of an event and its type are not a pair: what is called, cast or sent is one type
//!   of events, and calls have the place where the reply goes in them.
//! - [`StatemRef::call`] returns an error where OTP exits the caller. A call that would wait
//!   forever returns [`CallErrorKind::Deadlock`], as [with
//!   servers](crate::gen_server#differences-from-otp). While a call is postponed, its client
//!   counts as waiting for the machine; once it was handled without an answer, it does not. A
//!   callback that leaves the reply to another process, and then waits for others itself, says so
//!   before by [`ReplyTo::defer`]. There is one kind of timeout of a call, which is OTP's
//!   `clean_timeout`.
//! - [`Actions::reply`] sends the reply at once, before the callback has returned. All other
//!   actions wait for that, as in OTP.
//! - A callback returns a `Result`; an `Err` is `{stop, Reason, Data}`. After one that failed,
//!   `terminate` and reports see the data as the callback has left them; if a state enter call has
//!   failed, the state is the one that was entered.
//! - A message that [`info`](GenStatem::info) does not make an event is logged and dropped, and is
//!   no event: it does not end the event timeout.
//! - All machines have state enter calls; by default they do nothing. A machine cannot choose its
//!   callback mode anew; `change_callback_module` and its like take [`Callbacks`], which are
//!   objects, not modules, and have no `info`, `code_change` or `format_status` of their own: those
//!   of the machine remain.
//! - [`stop_and_reply`] is a result of `handle_event` only. What enters a state calls
//!   [`ReplyTo::reply`], and then returns [`stop`].
//! - A next state that is equal to the present one by its `PartialEq`, which may ignore a field, is
//!   the same state, and takes its place. In OTP the two cannot be told apart.
//! - Times are [`Duration`](std::time::Duration)s or [`Instant`](std::time::Instant)s, which cannot
//!   be malformed. The name of a timeout is a text. A timeout of zero that is set again, with a
//!   longer time, before its event is handled, waits for that time; OTP 25 loses it.
//! - [`code_change`](GenStatem::code_change) changes the state and the data in place.
//! - [`format_status`](GenStatem::format_status) prints one part of the status after the other, not
//!   a map of all.
//! - There is no `send_request/4`: [`RequestIds::add`] adds a request that was sent.
//! - [`StatemRef::stop_with`] succeeds when the machine ends with the reason that was asked for,
//!   also if somebody else has ended it before it came to the request.
//!
//! OTP: [`gen_statem`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html),
//! [gen_statem behaviour](https://www.erlang.org/doc/system/statem.html).

mod diagram;
mod event_type;
mod state_and_data;
mod per_timeout;
mod timeouts;
mod engine;
mod transition;
mod modules;
mod state_function;
mod actions;
mod status;
mod serve;
mod terminating;
mod request;
mod start;
mod statem_ref;
mod recording;

use std::any::type_name;
use std::fmt;

use log::Level;

use crate::child_policy::{Restart, Shutdown};
use crate::exit::ExitReason;
use crate::gen_server;
use crate::id::MonitorRef;
use crate::message::Message;
use crate::process::info::logged_self;
use crate::supervisor::ChildSpec;
use crate::sys::OldVersion;
use crate::user_code::{drop_caught, is_seen, log_caught, printed};

pub use crate::call::ReplyTo;
pub use crate::call_error::{CallError, CallErrorKind};
pub use crate::gen_server::{
    EnterLoopError, NameRefused, RequestId, RequestIds, StartError, StartOptions, StopError,
    WaitError, stop,
};
pub use crate::report::MachineStatus;
pub use actions::{Actions, EventActions};
pub use diagram::Diagram;
pub use event_type::{EventType, TimeoutType};
pub use modules::{BadAction, OwnCallbacks};
pub use recording::Recording;
pub use start::enter_loop;
pub use state_and_data::StateAndData;
pub use state_function::StateFunction;
pub use statem_ref::{OwnedStatem, StatemRef};
pub use status::StatusPart;
pub use transition::{
    Callbacks, EnterResult, Entered, Init, InitResult, StateResult, Transition, enter_again,
    entered, ignore, init_error, keep_state, next_state, repeat_state, started, stop_and_reply,
};

use start::MachineOf;

/// The log target of warnings.
const TARGET: &str = "procession::gen_statem";

/// The data of a state machine, with its callbacks.
///
/// See the [module](self) for an example.
pub trait GenStatem: fmt::Debug + Sized + 'static {
    /// The arguments that the machine is started with.
    type Args: Send + 'static;

    /// The state. It never leaves the process of the machine, so it need not be `Send`.
    type State: PartialEq + fmt::Debug + 'static;

    /// Everything that the machine reacts to.
    type Event: fmt::Debug + Send + 'static;

    /// When a supervisor restarts a child that is a machine of this type, unless its
    /// [spec](ChildSpec::restart) says otherwise.
    const RESTART: Restart = Restart::Permanent;

    /// How a supervisor stops a child that is a machine of this type, unless its
    /// [spec](ChildSpec::shutdown) says otherwise. Default: a timeout of five seconds, as in OTP.
    const SHUTDOWN: Shutdown = Shutdown::WORKER;

    /// Makes the state and the data, on the machine's own thread. The starter waits until this has
    /// returned.
    ///
    /// Return [`started`], [`ignore`], [`init_error`], or [`stop`].
    ///
    /// # Errors
    ///
    /// Returns the reason with which the process ends, and the start fails.
    fn init(args: Self::Args) -> InitResult<Self>;

    /// Handles an event.
    ///
    /// Return [`next_state`], [`keep_state`], [`repeat_state`], [`stop`] or [`stop_and_reply`],
    /// with [actions](Actions). The result of an event that the machine does not expect in this
    /// state is [`keep_state`], or that with [`postpone`](Actions::postpone) if a later state will
    /// handle it.
    ///
    /// # Errors
    ///
    /// Returns the reason with which the machine is to end.
    fn handle_event(
        &mut self,
        kind: EventType,
        event: Self::Event,
        state: &Self::State,
    ) -> StateResult<Self>;

    /// Called when the machine has come from `old_state` to `state`, before it handles any event
    /// there. By default nothing is done.
    ///
    /// It is called for the first state, too, and when a state is [repeated](repeat_state); then
    /// both are the same. Return [`entered`] with [actions](Actions), or [`stop`]. Events cannot be
    /// inserted or postponed here.
    ///
    /// OTP: [state enter calls](https://www.erlang.org/doc/system/statem.html#state-enter-calls).
    ///
    /// # Errors
    ///
    /// Returns the reason with which the machine is to end.
    fn state_enter(&mut self, old_state: &Self::State, state: &Self::State) -> EnterResult<Self> {
        _ = (old_state, state);
        entered()
    }

    /// Makes an ordinary message an event, which is handled as [`EventType::Info`].
    ///
    /// By default only a message that is an event already becomes one. Any other is logged, as a
    /// warning, and dropped.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # #[derive(Debug)] struct Watch;
    /// #[derive(Debug)]
    /// enum Event { Ended(Down), Key(char) }
    ///
    /// # impl GenStatem for Watch {
    /// # type Args = ();
    /// # type State = ();
    /// # type Event = Event;
    /// # fn init((): ()) -> gen_statem::InitResult<Self> { started((), Watch) }
    /// # fn handle_event(&mut self, _: EventType, _: Event, (): &()) -> StateResult<Self> {
    /// #     stop(ExitReason::Normal)
    /// # }
    /// fn info(message: Message) -> Result<Event, Message> {
    ///     message.downcast().map(Event::Ended).or_else(|other| other.downcast().map(Event::Key))
    /// }
    /// # }
    /// # let (watch, monitor) = Watch::start_monitor(())?;
    /// # watch.send('q');
    /// # receive! { down: Down if down.monitor == monitor => {} }
    /// # Ok::<(), StartError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a message that is no event of this machine's.
    fn info(message: Message) -> Result<Self::Event, Message> {
        message.downcast()
    }

    /// Cleans up when the machine is about to end with `reason`, in this `state`.
    ///
    /// If this panics or exits, the machine ends with that reason instead.
    fn terminate(&mut self, reason: &ExitReason, state: &Self::State) {
        _ = (reason, state);
    }

    /// Prints a part of the machine's status, for whoever looks at the machine: for its report, for
    /// [`Sys::get_status`](crate::sys::Sys::get_status), and for traces. By default each is printed
    /// as it is. A machine that must not show something hides it here.
    ///
    /// OTP: [`format_status/1`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#c:format_status/1).
    ///
    /// # Errors
    ///
    /// Returns the errors of the formatter.
    fn format_status(
        &self,
        state: &Self::State,
        part: &StatusPart<'_, Self::Event>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        part.print(state, self, f)
    }

    /// Converts the state and the data of the program's version `old_version` to the present one,
    /// when [`Sys::change_code`](crate::sys::Sys::change_code) is called with `extra`.
    ///
    /// By default nothing is changed, and an error is returned.
    ///
    /// OTP: [`code_change/4`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#c:code_change/4).
    ///
    /// # Errors
    ///
    /// Returns why they are not changed.
    fn code_change(
        &mut self,
        state: &mut Self::State,
        old_version: &OldVersion,
        extra: Message,
    ) -> Result<(), ExitReason> {
        _ = (state, extra);
        let reason = format!("{} has no code_change from {old_version}", type_name::<Self>());
        Err(ExitReason::new(reason))
    }

    /// Returns the states that the machine is declared to have, and what leads from one to another:
    /// to [draw](Diagram::mermaid) it, and for builds with debug assertions, which report what is
    /// not declared. By default there is no declaration.
    fn diagram() -> Option<Diagram> {
        None
    }

    /// Starts a machine that is not linked to the caller, and waits until its `init` has returned.
    ///
    /// OTP: [`gen_statem:start/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#start/3).
    ///
    /// # Errors
    ///
    /// Returns a [`StartError`]; then there is no machine.
    fn start(args: Self::Args) -> Result<StatemRef<Self>, StartError> {
        Self::start_with(args, StartOptions::new())
    }

    /// As [`start`](Self::start), with options.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_with(args: Self::Args, options: StartOptions) -> Result<StatemRef<Self>, StartError> {
        gen_server::start::<MachineOf<Self>>(args, options, false).map(StatemRef::from_pid)
    }

    /// Starts a machine that is linked to the caller, its parent, and waits until its `init` has
    /// returned.
    ///
    /// If `init` fails, the exit signal ends a caller that does not trap exits; a caller that does
    /// gets the error, and no [`Exit`](crate::Exit) message.
    ///
    /// OTP: [`gen_statem:start_link/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#start_link/3).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link(args: Self::Args) -> Result<StatemRef<Self>, StartError> {
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
    ) -> Result<StatemRef<Self>, StartError> {
        gen_server::start::<MachineOf<Self>>(args, options, true).map(StatemRef::from_pid)
    }

    /// As [`start`](Self::start), and monitors the machine, whose parent is the caller.
    ///
    /// OTP: [`gen_statem:start_monitor/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#start_monitor/3).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); then there is no monitor either, and no [`Down`](crate::Down)
    /// comes.
    fn start_monitor(args: Self::Args) -> Result<(StatemRef<Self>, MonitorRef), StartError> {
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
    ) -> Result<(StatemRef<Self>, MonitorRef), StartError> {
        let (pid, monitor) = gen_server::start_monitored::<MachineOf<Self>>(args, options)?;
        Ok((StatemRef::from_pid(pid), monitor))
    }

    /// Returns the spec of a worker that is started with `args` each time. Its id is the name of
    /// the machine's type.
    fn child_spec(args: Self::Args) -> ChildSpec<StatemRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        Self::child_spec_with(move || args.clone())
    }

    /// Returns a [`child_spec`](Self::child_spec) whose arguments are made anew each time.
    fn child_spec_with(
        args: impl Fn() -> Self::Args + Send + Sync + 'static,
    ) -> ChildSpec<StatemRef<Self>> {
        of_machine(ChildSpec::new(type_name::<Self>(), move || Self::start_link(args())))
    }

    /// Returns the spec of a temporary worker that is started with `args`, which cannot be cloned:
    /// they own a socket, for instance. See [`ChildSpec::once`].
    fn child_spec_once(args: Self::Args) -> ChildSpec<StatemRef<Self>> {
        let spec = ChildSpec::once(type_name::<Self>(), move || Self::start_link(args));
        of_machine(spec).restart(Restart::Temporary)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the machine is registered as `name`,
    /// which is also its id.
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<StatemRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        of_machine(ChildSpec::named(name, move |options| {
            Self::start_link_with(args.clone(), options)
        }))
    }

    /// Returns a template for machines that are each started with their own arguments: for
    /// [`Supervisor::simple_one_for_one`](crate::supervisor::Supervisor::simple_one_for_one).
    fn child_template() -> ChildSpec<StatemRef<Self>, Self::Args> {
        of_machine(ChildSpec::template(type_name::<Self>(), Self::start_link))
    }
}

/// Returns the spec of a machine, with what its type says of restarts and the shutdown.
fn of_machine<S: GenStatem, A>(spec: ChildSpec<StatemRef<S>, A>) -> ChildSpec<StatemRef<S>, A> {
    spec.of_type(S::RESTART, S::SHUTDOWN)
}

/// Logs a message that a machine of type `S` does not handle.
fn warn_of_unhandled<S>(message: Message) {
    if is_seen(Level::Warn, TARGET) {
        let (me, name) = (logged_self(), type_name::<S>());
        warn(format_args!("{me} ({name}) does not handle this message: {}", printed(&message)));
    }
    drop_caught(message);
}

/// Logs a warning to the author of a machine.
fn warn(text: fmt::Arguments<'_>) {
    log_caught(Level::Warn, TARGET, text);
}
