//! References to servers, by which clients use them.

use std::any::{Any, type_name};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use crate::call::{DEFAULT_TIMEOUT, call};
use crate::call_error::CallError;
use crate::exit::{ExitReason, Reason};
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::id::Node;
use crate::id::Pid;
use crate::message::{Destination, Message, Name};
use crate::process::current::current;
use crate::process::{Address, ToProcess, TrySendError};
use crate::runtime::exit::signal_exit;
use crate::stop::{StopError, order_to_stop, stop};
use crate::sys::Sys;

use super::reference::reference_traits;
use super::request::{call_message, cast_message, open_cast, open_reply};
use super::{GenServer, HandleCall, HandleCast, RequestId};

/// A reference to a server of type `S`: to its process, or to whichever process has its name at
/// each use.
///
/// A reference to a server that was started holds its [`Pid`], and is `Copy`, too. One made by
/// [`named`](Self::named) holds a [`Name`], and one made by [`at`](Self::at) a [`Destination`];
/// each use of these looks up the process anew. A field that may hold any of them is a
/// `ServerRef<S, Destination>`, to which the others convert.
///
/// A reference can be sent, and keeps no process alive. The methods say what happens when there is
/// no server, or one of another type.
pub struct ServerRef<S, T = Pid> {
    to: T,
    marker: PhantomData<fn() -> S>,
}

reference_traits!(ServerRef, to);

/// Making references.
impl<S: GenServer> ServerRef<S> {
    /// Returns a reference to the server whose process is `pid`.
    ///
    /// Nothing is checked here: a process that is a server of another type refuses calls with
    /// [`WrongServer`](crate::CallErrorKind::WrongServer), and drops casts with a warning. It can
    /// be stopped all the same.
    pub fn from_pid(pid: Pid) -> ServerRef<S> {
        ServerRef { to: pid, marker: PhantomData }
    }

    /// Returns a reference to the server that is registered as `name` at the time of each use.
    pub fn named(name: impl Into<Name>) -> ServerRef<S, Name> {
        ServerRef { to: name.into(), marker: PhantomData }
    }

    /// Returns a reference to the server that has this name on `node` at the time of each use.
    ///
    /// What travels is what the type [declares](super::Wire), in both programs; a call of anything
    /// else is the error [`NoExternalForm`](crate::CallErrorKind::NoExternalForm).
    ///
    /// ```no_run
    /// # use procession::gen_server::{Requests, Wire};
    /// # use procession::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Debug)] struct Counter(i64);
    /// # #[derive(Debug, Serialize, Deserialize)] struct Add(i64);
    /// # impl Wire for Counter {
    /// #     fn requests(accept: &mut Requests<Counter>) { accept.call::<Add>("add"); }
    /// # }
    /// # impl GenServer for Counter {
    /// #     type Args = ();
    /// #     fn init((): ()) -> InitResult<Self> { ready(Counter(0)) }
    /// # }
    /// # impl HandleCall<Add> for Counter {
    /// #     type Reply = i64;
    /// #     fn handle_call(&mut self, _: Add, _: &Caller<i64>) -> CallResult<Self, Add> {
    /// #         reply(3)
    /// #     }
    /// # }
    /// use procession::Node;
    /// use procession::net_kernel::NetKernel;
    ///
    /// NetKernel::named("rust@127.0.0.1").serve::<Counter>().start_link()?;
    /// let twin = ServerRef::<Counter>::on(Node::named("twin@127.0.0.1"), "counter");
    /// assert_eq!(twin.call(Add(3))?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub fn on(node: Node, name: &str) -> ServerRef<S, Destination> {
        ServerRef::at((name, node))
    }

    /// Returns a reference to the server at any destination.
    pub fn at(destination: impl Into<Destination>) -> ServerRef<S, Destination> {
        ServerRef { to: destination.into(), marker: PhantomData }
    }
}

/// Methods of a reference to one process.
impl<S: GenServer> ServerRef<S> {
    /// Returns the server's process.
    pub fn pid(&self) -> Pid {
        self.to
    }
}

/// Methods of every reference, whatever it holds.
impl<S: GenServer, T: Address> ServerRef<S, T> {
    /// Returns the process that this leads to now: the one that was given, or the one that has the
    /// name.
    ///
    /// OTP: Elixir's [`GenServer.whereis/1`](https://hexdocs.pm/elixir/GenServer.html#whereis/1).
    pub fn whereis(&self) -> Option<Pid> {
        self.to.find()
    }

    /// Returns the destination that this refers to.
    pub fn destination(&self) -> Destination {
        self.to.clone().into()
    }

    /// Returns a handle that sends [system messages](crate::sys) to the server, and knows the type
    /// of its state.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # #[derive(Debug)]
    /// # struct Counter(u64);
    /// # impl GenServer for Counter {
    /// #     type Args = u64;
    /// #     fn init(count: u64) -> InitResult<Self> { ready(Counter(count)) }
    /// # }
    /// let counter = Counter::start(3)?;
    /// assert_eq!(counter.sys().get_state(|counter| counter.0)?, 3);
    /// # counter.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sys(&self) -> Sys<S> {
        Sys::new(self.destination())
    }

    /// Sends `request` and waits for the reply, for at most five seconds.
    ///
    /// The server handles the messages of one client in the order in which they were sent. If it
    /// ends, the call returns at once. The wait does not look at the messages that were in the
    /// caller's mailbox before, and leaves none in it.
    ///
    /// OTP: [`gen_server:call/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#call/2).
    ///
    /// # Errors
    ///
    /// The [kind](CallError::kind) of the error is
    ///
    /// - [`NoProc`] if there is no such process, or it was killed and is about to end;
    /// - [`Down`] if the server ends before it replies;
    /// - [`Timeout`] if no reply comes in time: the server still handles the request, and its late
    ///   reply never reaches the caller's mailbox;
    /// - [`CallingSelf`] and [`Deadlock`], at once, if a reply could never come;
    /// - [`NoReply`] if the server has handled the request and will not reply;
    /// - [`WrongServer`] if the server is of another type;
    /// - [`CallerEnded`] if the caller cannot wait any more.
    ///
    /// [`NoProc`]: crate::CallErrorKind::NoProc
    /// [`Down`]: crate::CallErrorKind::Down
    /// [`Timeout`]: crate::CallErrorKind::Timeout
    /// [`CallingSelf`]: crate::CallErrorKind::CallingSelf
    /// [`Deadlock`]: crate::CallErrorKind::Deadlock
    /// [`NoReply`]: crate::CallErrorKind::NoReply
    /// [`WrongServer`]: crate::CallErrorKind::WrongServer
    /// [`CallerEnded`]: crate::CallErrorKind::CallerEnded
    pub fn call<M>(&self, request: M) -> Result<S::Reply, CallError>
    where
        S: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        self.call_timeout(request, DEFAULT_TIMEOUT)
    }

    /// As [`call`](Self::call), for at most `timeout`; [`Duration::MAX`] means forever.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_timeout<M>(&self, request: M, timeout: Duration) -> Result<S::Reply, CallError>
    where
        S: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        self.call_as(type_name::<M>(), request, timeout)
    }

    /// As [`call_timeout`](Self::call_timeout), for a request that errors call `name`.
    pub(crate) fn call_as<M>(
        &self,
        name: &'static str,
        request: M,
        timeout: Duration,
    ) -> Result<S::Reply, CallError>
    where
        S: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        let make = |reply_to| call_message::<S, M>(request, reply_to);
        call(&self.to, timeout, make, open_reply::<S, M>)
            .map_err(|kind| CallError::new(kind, self.destination(), name))
    }

    /// Sends `message`, and does not wait, unless the server wants that.
    ///
    /// It is dropped if there is no such process. A server of another type drops it with a warning
    /// in the log. One whose mailbox is [full](crate::process#bounded-mailboxes) decides by its
    /// policy whether it is dropped, or waits.
    ///
    /// OTP: [`gen_server:cast/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#cast/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn cast<M>(&self, message: M)
    where
        S: HandleCast<M>,
        M: fmt::Debug + Send + 'static,
    {
        self.to.post(cast_message::<S, M>(message));
    }

    /// Sends `message` if there is room for it, and does not wait: as [`cast`](Self::cast), but
    /// with an error that hands the message back.
    ///
    /// Any other message is sent so by [`process::try_send`](crate::process::try_send).
    ///
    /// # Errors
    ///
    /// - [`TrySendError::Full`] if the mailbox of the server is
    ///   [full](crate::process#bounded-mailboxes), unless its policy is to drop a message.
    /// - [`TrySendError::NoName`] if no process has the name.
    ///
    /// # Panics
    ///
    /// As [`cast`](Self::cast).
    pub fn try_cast<M>(&self, message: M) -> Result<(), TrySendError<M>>
    where
        S: HandleCast<M>,
        M: fmt::Debug + Send + 'static,
    {
        self.cast_timeout(message, Duration::ZERO)
    }

    /// As [`try_cast`](Self::try_cast), but waits for room if there is none, for at most `timeout`,
    /// as [`process::send_timeout`](crate::process::send_timeout) does.
    ///
    /// # Errors
    ///
    /// As [`try_cast`](Self::try_cast).
    ///
    /// # Panics
    ///
    /// As [`cast`](Self::cast).
    pub fn cast_timeout<M>(&self, message: M, timeout: Duration) -> Result<(), TrySendError<M>>
    where
        S: HandleCast<M>,
        M: fmt::Debug + Send + 'static,
    {
        let sent = self.destination().send_within(cast_message::<S, M>(message), timeout);
        sent.map_err(|unsent| unsent.open(open_cast::<S, M>))
    }

    /// Sends `message` for [`handle_info`](GenServer::handle_info), as
    /// [`send`](crate::process::send) does. It is dropped if there is no such process.
    ///
    /// # Panics
    ///
    /// As [`cast`](Self::cast).
    pub fn send<M: Any + fmt::Debug + Send>(&self, message: M) {
        self.to.post(Message::new(message));
    }

    /// Sends `request`, and does not wait: the returned id is used to ask for the reply.
    ///
    /// If there is no such process, the response is an error.
    ///
    /// OTP: [`gen_server:send_request/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#send_request/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn send_request<M>(&self, request: M) -> RequestId<S::Reply>
    where
        S: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        self.send_request_as(type_name::<M>(), request)
    }

    /// As [`send_request`](Self::send_request), of a request that errors call `name`.
    pub(crate) fn send_request_as<M>(&self, name: &'static str, request: M) -> RequestId<S::Reply>
    where
        S: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        let make = |reply_to| call_message::<S, M>(request, reply_to);
        RequestId::send(&self.to, name, make)
    }

    /// Stops the server with [`ExitReason::Normal`], and waits until it has ended.
    ///
    /// Messages that were sent to it before are handled first; then
    /// [`terminate`](GenServer::terminate) runs. When this returns, the process is not alive and
    /// its name is free.
    ///
    /// OTP: [`gen_server:stop/1`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#stop/1).
    ///
    /// # Errors
    ///
    /// - [`StopError::NoProc`] if there is no such process.
    /// - [`StopError::Down`] if the server ends for another reason.
    /// - [`StopError::CallingSelf`] and [`StopError::Deadlock`] at once, if it could never handle
    ///   the request.
    /// - [`StopError::CallerEnded`] if the caller cannot wait any more.
    pub fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, Duration::MAX)
    }

    /// As [`stop`](Self::stop), with any reason, for at most `timeout`.
    ///
    /// OTP: [`gen_server:stop/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#stop/3).
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop), and [`StopError::Timeout`] if the server has not ended in time; it
    /// still will, when it handles the request.
    pub fn stop_with(&self, reason: impl Reason, timeout: Duration) -> Result<(), StopError> {
        stop(&self.to, reason.into(), timeout)
    }

    /// Returns a guard that stops the server when it is dropped.
    pub fn owned(self) -> OwnedServer<S, T> {
        OwnedServer { server: self }
    }
}

/// A server that is stopped when this is dropped, for programs that embed one.
///
/// It can be used as the [`ServerRef`] it was made from. Dropping it stops the server, with
/// [`ExitReason::Normal`], and waits for at most five seconds until it has ended; after that the
/// server is killed. An owner that cannot wait, as an exit signal is ending it or the server waits
/// for it, does not wait.
///
/// ```
/// use procession::prelude::*;
///
/// #[derive(Debug)]
/// struct Cache;
///
/// impl GenServer for Cache {
///     type Args = ();
///     fn init((): ()) -> InitResult<Self> {
///         ready(Cache)
///     }
/// }
///
/// let cache = Cache::start(())?.owned();
/// let pid = cache.pid();
/// drop(cache);
/// assert!(!process::is_alive(pid));
/// # Ok::<(), StartError>(())
/// ```
#[derive(Debug)]
#[must_use = "the server is stopped when this is dropped"]
pub struct OwnedServer<S: GenServer, T: Address = Pid> {
    server: ServerRef<S, T>,
}

impl<S: GenServer, T: Address> Deref for OwnedServer<S, T> {
    type Target = ServerRef<S, T>;

    fn deref(&self) -> &ServerRef<S, T> {
        &self.server
    }
}

impl<S: GenServer, T: Address> Drop for OwnedServer<S, T> {
    fn drop(&mut self) {
        stop_owned(&self.server.to);
    }
}

/// Stops what its owner has dropped, and kills it if that takes more than five seconds.
pub(crate) fn stop_owned(to: &impl Address) {
    let Some(pid) = to.find() else { return };
    // Before `stop`, which sends nothing if the owner has ended itself.
    order_to_stop(pid, ExitReason::Normal);
    let outcome = stop(&pid, ExitReason::Normal, DEFAULT_TIMEOUT);
    if outcome == Err(StopError::Timeout) {
        signal_exit(current().pid, pid, ExitReason::Kill);
    }
}
