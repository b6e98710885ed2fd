//! References to state machines, by which clients use them.

use std::any::{Any, type_name, type_name_of_val};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use crate::call::{ReplyTo, call};
use crate::call_error::CallError;
use crate::exit::{ExitReason, Reason};
use crate::gen_server::{RequestId, StopError, reference_traits, stop_owned};
use crate::id::Pid;
use crate::message::{Destination, Message, Name};
use crate::process::{Address, ToProcess, TrySendError};
use crate::stop::stop;
use crate::supervisor::Child;
use crate::sys::Sys;

use super::GenStatem;
use super::request::{call_message, cast_message, open_cast};
use super::state_and_data::StateAndData;

/// A reference to a state machine of type `S`: to its process, or to whichever process has its name
/// at each use.
///
/// It is what [`ServerRef`](crate::gen_server::ServerRef) is for servers: a reference to a machine
/// that was started holds its [`Pid`], and is `Copy`, too; one made by [`named`](Self::named) holds
/// a [`Name`], and one made by [`at`](Self::at) a [`Destination`].
///
/// A reference can be sent, and keeps no process alive. The methods say what happens when there is
/// no machine, or one of another type.
pub struct StatemRef<S, T = Pid> {
    to: T,
    marker: PhantomData<fn() -> S>,
}

reference_traits!(StatemRef, to);

/// Making references.
impl<S: GenStatem> StatemRef<S> {
    /// Returns a reference to the machine whose process is `pid`.
    ///
    /// Nothing is checked here: a process that is a server of another type refuses calls with
    /// [`WrongServer`](crate::CallErrorKind::WrongServer), and drops casts with a warning. It can
    /// be stopped all the same.
    pub fn from_pid(pid: Pid) -> StatemRef<S> {
        StatemRef { to: pid, marker: PhantomData }
    }

    /// Returns a reference to the machine that is registered as `name` at the time of each use.
    pub fn named(name: impl Into<Name>) -> StatemRef<S, Name> {
        StatemRef { to: name.into(), marker: PhantomData }
    }

    /// Returns a reference to the machine at any destination.
    pub fn at(destination: impl Into<Destination>) -> StatemRef<S, Destination> {
        StatemRef { to: destination.into(), marker: PhantomData }
    }
}

/// Methods of a reference to one process.
impl<S: GenStatem> StatemRef<S> {
    /// Returns the machine's process.
    pub fn pid(&self) -> Pid {
        self.to
    }
}

/// Methods of every reference, whatever it holds.
impl<S: GenStatem, T: Address> StatemRef<S, T> {
    /// Returns the process that this leads to now: the one that was given, or the one that has the
    /// name.
    pub fn whereis(&self) -> Option<Pid> {
        self.to.find()
    }

    /// Returns the destination that this refers to.
    pub fn destination(&self) -> Destination {
        self.to.clone().into()
    }

    /// Returns a handle that sends [system messages](crate::sys) to the machine, and knows the
    /// types of its state and data.
    pub fn sys(&self) -> Sys<StateAndData<S::State, S>> {
        Sys::new(self.destination())
    }

    /// Sends the event that `event` makes of the place where the reply goes, and waits for the
    /// reply, without a limit of time.
    ///
    /// A tuple variant of the type of events is such a function: `lock.call(Event::CodeLength)`. If
    /// the event holds more, a closure makes it: `lock.call(|client| Event::Set(5, client))`.
    ///
    /// The function runs in the caller, and not at all if there is no machine to call. It may make
    /// calls itself: the caller does not count as waiting for this machine yet. If the call is
    /// refused as a [deadlock](crate::CallErrorKind::Deadlock), the event is made, and dropped.
    ///
    /// The machine may postpone the event, or answer in any later state. If it ends, the call
    /// returns at once. The wait does not look at the messages that were in the caller's mailbox
    /// before, and leaves none in it.
    ///
    /// OTP: [`gen_statem:call/2`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#call/2).
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// #[derive(Debug)] struct Oven;
    /// #[derive(Debug)] enum Event { Degrees(ReplyTo<u32>), Heat(u32, ReplyTo<String>) }
    ///
    /// impl GenStatem for Oven {
    ///     type Args = ();
    ///     type State = u32;
    ///     type Event = Event;
    ///
    ///     fn init((): ()) -> gen_statem::InitResult<Self> {
    ///         started(20, Oven)
    ///     }
    ///
    ///     fn handle_event(&mut self, _: EventType, event: Event, at: &u32) -> StateResult<Self> {
    ///         match event {
    ///             Event::Degrees(client) => keep_state().reply(client, *at),
    ///             Event::Heat(to, client) => {
    ///                 gen_statem::next_state(to).reply(client, format!("{at} to {to}"))
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// let oven = Oven::start(())?;
    /// assert_eq!(oven.call(|client| Event::Heat(180, client))?, "20 to 180");
    /// assert_eq!(oven.call(Event::Degrees)?, 180);
    /// # oven.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ServerRef::call`](crate::gen_server::ServerRef::call), but there is no
    /// [`NoReply`](crate::CallErrorKind::NoReply): the client of an event that the machine neither
    /// answers nor postpones waits until its time is over.
    pub fn call<R: Send + 'static>(
        &self,
        event: impl FnOnce(ReplyTo<R>) -> S::Event,
    ) -> Result<R, CallError> {
        self.call_timeout(event, Duration::MAX)
    }

    /// As [`call`](Self::call), for at most `timeout`; [`Duration::MAX`] means forever.
    ///
    /// OTP: [`gen_statem:call/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#call/3).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and [`Timeout`](crate::CallErrorKind::Timeout) if no reply comes in
    /// time: the machine still handles the event, and its late reply never reaches the caller's
    /// mailbox.
    pub fn call_timeout<R: Send + 'static>(
        &self,
        event: impl FnOnce(ReplyTo<R>) -> S::Event,
        timeout: Duration,
    ) -> Result<R, CallError> {
        let function = type_name_of_val(&event);
        let make = |reply_to| call_message::<S, R>(event(reply_to), reply_to);
        call(&self.to, timeout, make, Err)
            .map_err(|kind| CallError::new(kind, self.destination(), request_name::<S>(function)))
    }

    /// Sends `event`, and does not wait, unless the machine wants that.
    ///
    /// It is dropped if there is no such process. A server of another type drops it with a warning
    /// in the log. A machine whose mailbox is [full](crate::process#bounded-mailboxes) decides by
    /// its policy whether it is dropped, or waits.
    ///
    /// OTP: [`gen_statem:cast/2`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#cast/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    #[inline] // The event need not be moved on the way.
    pub fn cast(&self, event: S::Event) {
        self.to.post(cast_message::<S>(event));
    }

    /// Sends `event` if there is room for it, and does not wait: as [`cast`](Self::cast), but with
    /// an error that hands the event back.
    ///
    /// # Errors
    ///
    /// As [`ServerRef::try_cast`](crate::gen_server::ServerRef::try_cast).
    ///
    /// # Panics
    ///
    /// As [`cast`](Self::cast).
    pub fn try_cast(&self, event: S::Event) -> Result<(), TrySendError<S::Event>> {
        self.cast_timeout(event, Duration::ZERO)
    }

    /// As [`try_cast`](Self::try_cast), but waits for room if there is none, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`try_cast`](Self::try_cast).
    ///
    /// # Panics
    ///
    /// As [`cast`](Self::cast).
    pub fn cast_timeout(
        &self,
        event: S::Event,
        timeout: Duration,
    ) -> Result<(), TrySendError<S::Event>> {
        let sent = self.destination().send_within(cast_message::<S>(event), timeout);
        sent.map_err(|unsent| unsent.open(open_cast::<S>))
    }

    /// Sends an ordinary message, as [`send`](crate::process::send) does, for
    /// [`info`](GenStatem::info). It is dropped if there is no such process.
    ///
    /// # Panics
    ///
    /// As [`cast`](Self::cast).
    pub fn send<M: Any + fmt::Debug + Send>(&self, message: M) {
        self.to.post(Message::new(message));
    }

    /// Sends the event that `event` makes, as [`call`](Self::call) does, and does not wait: the
    /// returned id is used to ask for the reply.
    ///
    /// If there is no such process, the event is made, and dropped, and the response is an error.
    ///
    /// OTP: [`gen_statem:send_request/2`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#send_request/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn send_request<R: Send + 'static>(
        &self,
        event: impl FnOnce(ReplyTo<R>) -> S::Event,
    ) -> RequestId<R> {
        let name = request_name::<S>(type_name_of_val(&event));
        let make = |reply_to| call_message::<S, R>(event(reply_to), reply_to);
        RequestId::send(&self.to, name, make)
    }

    /// Stops the machine with [`ExitReason::Normal`], and waits until it has ended.
    ///
    /// Messages that were sent to it before are handled first; then
    /// [`terminate`](GenStatem::terminate) runs. When this returns, the process is not alive and
    /// its name is free. The clients of postponed events get
    /// [`Down`](crate::CallErrorKind::Down).
    ///
    /// OTP: [`gen_statem:stop/1`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#stop/1).
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop`](crate::gen_server::ServerRef::stop).
    pub fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, Duration::MAX)
    }

    /// As [`stop`](Self::stop), with any reason, for at most `timeout`.
    ///
    /// OTP: [`gen_statem:stop/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#stop/3).
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop), and [`StopError::Timeout`] if the machine has not ended in time; it
    /// still will, when it handles the request.
    pub fn stop_with(&self, reason: impl Reason, timeout: Duration) -> Result<(), StopError> {
        stop(&self.to, reason.into(), timeout)
    }

    /// Returns a guard that stops the machine when it is dropped.
    pub fn owned(self) -> OwnedStatem<S, T> {
        OwnedStatem { machine: self }
    }
}

/// Returns what errors call a request whose event is made by `function`, a name as the compiler has
/// it: the variant, if it is one, or another function of the event's type.
fn request_name<S: GenStatem>(function: &'static str) -> &'static str {
    let event = type_name::<S::Event>();
    let function = function.strip_suffix("::{{constructor}}").unwrap_or(function);
    let name = function.strip_prefix(event).and_then(|rest| rest.strip_prefix("::"));
    // A closure in a function of the type has a longer path.
    if name.is_some_and(|name| !name.contains("::")) { function } else { event }
}

impl<S: GenStatem> Child for StatemRef<S> {
    fn child_pid(&self) -> Pid {
        self.to
    }

    fn child_module() -> Option<&'static str> {
        Some(type_name::<S>())
    }
}

/// A state machine that is stopped when this is dropped, for programs that embed one.
///
/// It can be used as the [`StatemRef`] it was made from. How it is stopped is said of
/// [`OwnedServer`](crate::gen_server::OwnedServer).
#[derive(Debug)]
#[must_use = "the machine is stopped when this is dropped"]
pub struct OwnedStatem<S: GenStatem, T: Address = Pid> {
    machine: StatemRef<S, T>,
}

impl<S: GenStatem, T: Address> Deref for OwnedStatem<S, T> {
    type Target = StatemRef<S, T>;

    fn deref(&self) -> &StatemRef<S, T> {
        &self.machine
    }
}

impl<S: GenStatem, T: Address> Drop for OwnedStatem<S, T> {
    fn drop(&mut self) {
        stop_owned(&self.machine.to);
    }
}
