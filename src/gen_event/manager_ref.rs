//! References to event managers, and the requests of their clients.

use std::any::{Any, type_name};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use crate::call::DEFAULT_TIMEOUT;
use crate::exit::Reason;
use crate::gen_server::{
    HandleCall, OwnedServer, RequestId, ServerRef, StopError, reference_traits,
};
use crate::id::Pid;
use crate::message::{Destination, Message, Name};
use crate::process;
use crate::process::{Address, ToProcess, TrySendError};
use crate::supervisor::Child;
use crate::sys::Sys;
use crate::user_code::Guarded;

use super::serve::{
    AddHandler, Ask, DeleteHandler, Notify, SwapHandler, SyncNotify, WhichHandlers,
};
use super::{EventHandler, EventManager, Handler, HandlerCall, HandlerError, HandlerId, SwapInit};

/// A reference to an event manager for events of type `E`: to its process, or to whichever process
/// has its name at each use, as a [`ServerRef`] is.
pub struct EventManagerRef<E, T = Pid> {
    server: ServerRef<EventManager<E>, T>,
    marker: PhantomData<fn(E)>,
}

reference_traits!(EventManagerRef, server);

impl<E: fmt::Debug + Send + 'static> Child for EventManagerRef<E> {
    fn child_pid(&self) -> Pid {
        self.pid()
    }

    fn child_module() -> Option<&'static str> {
        Some(type_name::<EventManager<E>>())
    }
}

/// Makes references.
impl<E: fmt::Debug + Send + 'static> EventManagerRef<E> {
    /// Returns a reference to the manager whose process is `pid`.
    ///
    /// Nothing is checked here: a process that is something else refuses requests with
    /// [`WrongServer`](crate::CallErrorKind::WrongServer), and drops events with a warning.
    pub fn from_pid(pid: Pid) -> EventManagerRef<E> {
        EventManagerRef::new(ServerRef::from_pid(pid))
    }

    /// Returns a reference to the manager that is registered as `name` at the time of each use.
    pub fn named(name: impl Into<Name>) -> EventManagerRef<E, Name> {
        EventManagerRef::new(ServerRef::named(name))
    }

    /// Returns a reference to the manager at any destination.
    pub fn at(destination: impl Into<Destination>) -> EventManagerRef<E, Destination> {
        EventManagerRef::new(ServerRef::at(destination))
    }

    /// Returns the manager's process.
    pub fn pid(&self) -> Pid {
        self.server.pid()
    }
}

/// Methods of every reference, whatever it holds.
impl<E: fmt::Debug + Send + 'static, T: Address> EventManagerRef<E, T> {
    pub(crate) fn new(server: ServerRef<EventManager<E>, T>) -> EventManagerRef<E, T> {
        EventManagerRef { server, marker: PhantomData }
    }

    /// Returns the process that this leads to now: the one that was given, or the one that has the
    /// name.
    pub fn whereis(&self) -> Option<Pid> {
        self.server.whereis()
    }

    /// Returns the destination that this refers to.
    pub fn destination(&self) -> Destination {
        self.server.destination()
    }

    /// Adds a handler, which is initialized with `args` in the process of the manager, and waits
    /// until it is.
    ///
    /// Handlers get each event in turn, the one that was added last first. Nothing keeps a handler
    /// from being added twice: requests then go to the one that was added last.
    ///
    /// ```
    /// use procession::gen_event::handler;
    /// use procession::prelude::*;
    ///
    /// # #[derive(Debug)]
    /// # struct Count(u64);
    /// # impl EventHandler<&'static str> for Count {
    /// #     type Args = u64;
    /// #     type Leaves = u64;
    /// #     fn init(n: u64) -> HandlerInit<Self> { gen_event::installed(Count(n)) }
    /// #     fn handle_event(&mut self, _: &&'static str) -> HandlerResult<Self, &'static str> {
    /// #         gen_event::ok()
    /// #     }
    /// # }
    /// let manager = EventManager::<&str>::start()?;
    /// manager.add_handler(handler::<Count>(), 0)?;
    /// manager.add_handler(handler::<Count>().id("another"), 100)?;
    /// assert_eq!(manager.which_handlers()?[1], handler::<Count>().into());
    /// # manager.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`gen_event:add_handler/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#add_handler/3).
    ///
    /// # Errors
    ///
    /// - [`HandlerError::Failed`] if its [`init`](EventHandler::init) has failed. This is not
    ///   reported anywhere else.
    /// - [`HandlerError::Call`] if there is no answer.
    pub fn add_handler<H: EventHandler<E>>(
        &self,
        handler: Handler<H>,
        args: H::Args,
    ) -> Result<(), HandlerError> {
        self.add("add_handler", handler, args, None)
    }

    /// As [`add_handler`](Self::add_handler), and the handler is supervised by the caller, its
    /// owner.
    ///
    /// The owner gets a [`HandlerExit`](super::HandlerExit) when the handler ends, whatever the
    /// reason. When the owner ends, so does the handler, with
    /// [`Terminate::OwnerEnded`](super::Terminate::OwnerEnded). For that the manager links itself
    /// to the owner. It stays linked when the handler is gone, or was not added as its `init` has
    /// failed. A manager that is killed takes its owners with it, unless they trap exits; one that
    /// ends in any other way while it has handlers of the owner does not, unless the owner is its
    /// parent.
    ///
    /// ```
    /// use procession::gen_event::{HandlerExit, HandlerExitReason, handler};
    /// use procession::prelude::*;
    ///
    /// # #[derive(Debug)]
    /// # struct Count(u64);
    /// # impl EventHandler<&'static str> for Count {
    /// #     type Args = u64;
    /// #     type Leaves = u64;
    /// #     fn init(n: u64) -> HandlerInit<Self> { gen_event::installed(Count(n)) }
    /// #     fn handle_event(&mut self, _: &&'static str) -> HandlerResult<Self, &'static str> {
    /// #         gen_event::ok()
    /// #     }
    /// # }
    /// let manager = EventManager::<&str>::start()?;
    /// manager.add_sup_handler(handler::<Count>(), 0)?;
    /// manager.delete_handler(handler::<Count>(), ())?;
    /// receive! { exit: HandlerExit => assert_eq!(exit.reason, HandlerExitReason::Normal) }
    /// # manager.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`gen_event:add_sup_handler/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#add_sup_handler/3).
    ///
    /// # Errors
    ///
    /// As [`add_handler`](Self::add_handler).
    pub fn add_sup_handler<H: EventHandler<E>>(
        &self,
        handler: Handler<H>,
        args: H::Args,
    ) -> Result<(), HandlerError> {
        self.add("add_sup_handler", handler, args, Some(process::self_pid()))
    }

    fn add<H: EventHandler<E>>(
        &self,
        function: &'static str,
        handler: Handler<H>,
        args: H::Args,
        owner: Option<Pid>,
    ) -> Result<(), HandlerError> {
        let add = AddHandler::<E, H> { id: handler.into(), args: Guarded::new(args), owner };
        self.ask(function, add)?
    }

    /// Deletes a handler: its [`terminate`](EventHandler::terminate) gets `args`. Returns what it
    /// leaves.
    ///
    /// ```
    /// use procession::gen_event::handler;
    /// use procession::prelude::*;
    ///
    /// # #[derive(Debug)]
    /// # struct Count(u64);
    /// # impl EventHandler<&'static str> for Count {
    /// #     type Args = u64;
    /// #     type Leaves = u64;
    /// #     fn init(n: u64) -> HandlerInit<Self> { gen_event::installed(Count(n)) }
    /// #     fn handle_event(&mut self, _: &&'static str) -> HandlerResult<Self, &'static str> {
    /// #         self.0 += 1;
    /// #         gen_event::ok()
    /// #     }
    /// #     fn terminate(&mut self, _: gen_event::Terminate) -> u64 { self.0 }
    /// # }
    /// let manager = EventManager::<&str>::start()?;
    /// manager.add_handler(handler::<Count>(), 0)?;
    /// manager.notify("it rains");
    /// assert_eq!(manager.delete_handler(handler::<Count>(), ())?, 1);
    /// # manager.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`gen_event:delete_handler/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#delete_handler/3).
    ///
    /// # Errors
    ///
    /// - [`HandlerError::NotInstalled`] if there is no such handler.
    /// - [`HandlerError::Failed`] if its `terminate` has failed; the handler is gone all the same.
    /// - [`HandlerError::Call`] if there is no answer.
    pub fn delete_handler<H: EventHandler<E>>(
        &self,
        handler: Handler<H>,
        args: impl Any + Send + fmt::Debug,
    ) -> Result<H::Leaves, HandlerError> {
        let args = Guarded::new(Message::new(args));
        let delete = DeleteHandler::<E, H> { id: handler.into(), args, types: PhantomData };
        self.ask("delete_handler", delete)?
    }

    /// Swaps one handler for another. Both are given with their arguments.
    ///
    /// First the [`terminate`](EventHandler::terminate) of the old one runs; then the
    /// [`swap_init`](SwapInit::swap_init) of the new one, with what the old one has left. That
    /// runs also if the old one was not installed, or its `terminate` has failed. If the new one
    /// fails, the old one is gone all the same.
    ///
    /// If the old handler was supervised, its owner gets a [`HandlerExit`](super::HandlerExit), and
    /// is the owner of the new one.
    ///
    /// ```
    /// use procession::gen_event::{Left, SwapInit, handler};
    /// use procession::prelude::*;
    ///
    /// # #[derive(Debug)]
    /// # struct Count(u64);
    /// # impl EventHandler<&'static str> for Count {
    /// #     type Args = u64;
    /// #     type Leaves = u64;
    /// #     fn init(n: u64) -> HandlerInit<Self> { gen_event::installed(Count(n)) }
    /// #     fn handle_event(&mut self, _: &&'static str) -> HandlerResult<Self, &'static str> {
    /// #         self.0 += 1;
    /// #         gen_event::ok()
    /// #     }
    /// #     fn terminate(&mut self, _: gen_event::Terminate) -> u64 { self.0 }
    /// # }
    /// impl SwapInit<&'static str, Count> for Count {
    ///     fn swap_init(more: u64, left: Left<u64>) -> HandlerInit<Self> {
    ///         gen_event::installed(Count(left? + more))
    ///     }
    /// }
    ///
    /// let manager = EventManager::<&str>::start()?;
    /// manager.add_handler(handler::<Count>(), 0)?;
    /// manager.notify("it rains");
    /// manager.swap_handler((handler::<Count>(), ()), (handler::<Count>().id("new"), 100))?;
    /// manager.notify("it snows");
    /// assert_eq!(manager.delete_handler(handler::<Count>().id("new"), ())?, 102);
    /// # manager.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`gen_event:swap_handler/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#swap_handler/3).
    ///
    /// # Errors
    ///
    /// - [`HandlerError::Failed`] if the new handler has failed to start.
    /// - [`HandlerError::Call`] if there is no answer.
    pub fn swap_handler<Old, New>(
        &self,
        old: (Handler<Old>, impl Any + Send + fmt::Debug),
        new: (Handler<New>, New::Args),
    ) -> Result<(), HandlerError>
    where
        Old: EventHandler<E>,
        New: SwapInit<E, Old>,
    {
        self.swap("swap_handler", (old.0, Message::new(old.1)), new, None)
    }

    /// As [`swap_handler`](Self::swap_handler), but the owner of the new handler is the caller,
    /// whether the old one was supervised or not.
    ///
    /// OTP: [`gen_event:swap_sup_handler/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#swap_sup_handler/3).
    ///
    /// # Errors
    ///
    /// As [`swap_handler`](Self::swap_handler).
    pub fn swap_sup_handler<Old, New>(
        &self,
        old: (Handler<Old>, impl Any + Send + fmt::Debug),
        new: (Handler<New>, New::Args),
    ) -> Result<(), HandlerError>
    where
        Old: EventHandler<E>,
        New: SwapInit<E, Old>,
    {
        let owner = Some(process::self_pid());
        self.swap("swap_sup_handler", (old.0, Message::new(old.1)), new, owner)
    }

    fn swap<Old, New>(
        &self,
        function: &'static str,
        (old, args): (Handler<Old>, Message),
        (new, new_args): (Handler<New>, New::Args),
        owner: Option<Pid>,
    ) -> Result<(), HandlerError>
    where
        Old: EventHandler<E>,
        New: SwapInit<E, Old>,
    {
        let swap = SwapHandler::<E, Old, New> {
            old: old.into(),
            args: Guarded::new(args),
            new,
            new_args: Guarded::new(new_args),
            owner,
            types: PhantomData,
        };
        self.ask(function, swap)?
    }

    /// Sends an event to all handlers, and does not wait, unless the manager wants that.
    ///
    /// It is dropped if there is no such process. A manager whose mailbox is
    /// [full](crate::process#bounded-mailboxes) decides by its policy whether it is dropped, or
    /// waits. The events and requests of one client are handled in the order in which they were
    /// sent.
    ///
    /// OTP: [`gen_event:notify/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#notify/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn notify(&self, event: E) {
        self.server.cast(Notify(Guarded::new(event)));
    }

    /// As [`notify`](Self::notify), if there is somebody to send it to and room for it; otherwise
    /// the error hands the event back.
    ///
    /// # Errors
    ///
    /// - [`TrySendError::NoName`] if no process has the name.
    /// - [`TrySendError::Full`] if the mailbox of the manager is
    ///   [full](crate::process#bounded-mailboxes), unless its policy is to drop a message.
    ///
    /// # Panics
    ///
    /// As [`notify`](Self::notify).
    pub fn try_notify(&self, event: E) -> Result<(), TrySendError<E>> {
        let sent = self.server.try_cast(Notify(Guarded::new(event)));
        sent.map_err(|unsent| match unsent {
            TrySendError::Full { process, message: Notify(event) } => {
                TrySendError::Full { process, message: event.into_inner() }
            }
            TrySendError::Busy { node, message: Notify(event) } => {
                TrySendError::Busy { node, message: event.into_inner() }
            }
            TrySendError::NoName { name, message: Notify(event) } => {
                TrySendError::NoName { name, message: event.into_inner() }
            }
        })
    }

    /// As [`notify`](Self::notify), and waits until all handlers have handled the event, however
    /// long that takes.
    ///
    /// OTP: [`gen_event:sync_notify/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#sync_notify/2).
    ///
    /// # Errors
    ///
    /// [`HandlerError::Call`] if there is no answer.
    pub fn sync_notify(&self, event: E) -> Result<(), HandlerError> {
        self.ask("sync_notify", SyncNotify(Guarded::new(event)))
    }

    /// Sends a message for [`handle_info`](EventHandler::handle_info) of all handlers, as
    /// [`send`](crate::process::send()) does. It is dropped if there is no such process.
    ///
    /// # Panics
    ///
    /// As [`notify`](Self::notify).
    pub fn send<M: Any + fmt::Debug + Send>(&self, message: M) {
        self.server.send(message);
    }

    /// Sends a request to one handler and waits for its reply, for at most five seconds.
    ///
    /// ```
    /// use procession::gen_event::handler;
    /// use procession::prelude::*;
    ///
    /// # #[derive(Debug)]
    /// # struct Count(u64);
    /// # impl EventHandler<&'static str> for Count {
    /// #     type Args = u64;
    /// #     type Leaves = u64;
    /// #     fn init(n: u64) -> HandlerInit<Self> { gen_event::installed(Count(n)) }
    /// #     fn handle_event(&mut self, _: &&'static str) -> HandlerResult<Self, &'static str> {
    /// #         self.0 += 1;
    /// #         gen_event::ok()
    /// #     }
    /// # }
    /// #[derive(Debug)]
    /// struct Get;
    ///
    /// impl HandlerCall<&'static str, Get> for Count {
    ///     type Reply = u64;
    ///     fn handle_call(&mut self, _: Get) -> HandlerReply<Self, &'static str, Get> {
    ///         gen_event::ok().reply(self.0)
    ///     }
    /// }
    ///
    /// let manager = EventManager::<&str>::start()?;
    /// manager.add_handler(handler::<Count>(), 0)?;
    /// manager.notify("it rains");
    /// assert_eq!(manager.call(handler::<Count>(), Get)?, 1);
    /// # manager.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`gen_event:call/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#call/3).
    ///
    /// # Errors
    ///
    /// - [`HandlerError::NotInstalled`] if there is no such handler.
    /// - [`HandlerError::Failed`] if it fails at the request, by which it is removed.
    /// - [`HandlerError::Call`] if there is no answer in time.
    pub fn call<H, M>(&self, handler: Handler<H>, request: M) -> Result<H::Reply, HandlerError>
    where
        H: HandlerCall<E, M>,
        M: fmt::Debug + Send + 'static,
    {
        self.call_timeout(handler, request, DEFAULT_TIMEOUT)
    }

    /// As [`call`](Self::call), for at most `timeout`; [`Duration::MAX`] means forever.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_timeout<H, M>(
        &self,
        handler: Handler<H>,
        request: M,
        timeout: Duration,
    ) -> Result<H::Reply, HandlerError>
    where
        H: HandlerCall<E, M>,
        M: fmt::Debug + Send + 'static,
    {
        self.server.call_as(type_name::<M>(), request_to(handler, request), timeout)?
    }

    /// Sends a request to one handler, and does not wait: the returned id is used to ask for the
    /// reply. That is an error in turn if the handler is not installed, or fails.
    ///
    /// OTP: [`gen_event:send_request/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#send_request/3).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn send_request<H, M>(
        &self,
        handler: Handler<H>,
        request: M,
    ) -> RequestId<Result<H::Reply, HandlerError>>
    where
        H: HandlerCall<E, M>,
        M: fmt::Debug + Send + 'static,
    {
        self.server.send_request_as(type_name::<M>(), request_to(handler, request))
    }

    /// Returns the handlers that are installed, the one that was added last first.
    ///
    /// OTP: [`gen_event:which_handlers/1`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#which_handlers/1).
    ///
    /// # Errors
    ///
    /// [`HandlerError::Call`] if there is no answer.
    pub fn which_handlers(&self) -> Result<Vec<HandlerId>, HandlerError> {
        self.ask("which_handlers", WhichHandlers)
    }

    /// Makes a request of a function, which has no timeout, as a handler may take long.
    fn ask<M, R>(&self, function: &'static str, request: M) -> Result<R, HandlerError>
    where
        EventManager<E>: HandleCall<M, Reply = R>,
        M: fmt::Debug + Send + 'static,
    {
        Ok(self.server.call_as(function, request, Duration::MAX)?)
    }

    /// Stops the manager with [`ExitReason::Normal`](crate::ExitReason::Normal), and waits until it
    /// has ended.
    ///
    /// Events that were sent to it before are handled first; then
    /// [`terminate`](EventHandler::terminate) of each handler runs, with
    /// [`Terminate::ManagerEnds`](super::Terminate::ManagerEnds).
    ///
    /// OTP: [`gen_event:stop/1`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#stop/1).
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop`].
    pub fn stop(&self) -> Result<(), StopError> {
        self.server.stop()
    }

    /// As [`stop`](Self::stop), with any reason, for at most `timeout`.
    ///
    /// OTP: [`gen_event:stop/3`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#stop/3).
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop_with`].
    pub fn stop_with(&self, reason: impl Reason, timeout: Duration) -> Result<(), StopError> {
        self.server.stop_with(reason, timeout)
    }

    /// Returns a handle that sends [system messages](crate::sys) to the manager. Its state is the
    /// [`EventManager`], with all handlers.
    ///
    /// ```
    /// use procession::gen_event::handler;
    /// use procession::prelude::*;
    ///
    /// # #[derive(Debug)]
    /// # struct Count(u64);
    /// # impl EventHandler<&'static str> for Count {
    /// #     type Args = u64;
    /// #     type Leaves = u64;
    /// #     fn init(n: u64) -> HandlerInit<Self> { gen_event::installed(Count(n)) }
    /// #     fn handle_event(&mut self, _: &&'static str) -> HandlerResult<Self, &'static str> {
    /// #         gen_event::ok()
    /// #     }
    /// # }
    /// let manager = EventManager::<&str>::start()?;
    /// manager.add_handler(handler::<Count>(), 7)?;
    /// let sys = manager.sys();
    /// sys.replace_state(|it| it.change_states(|_, count: &mut Count| count.0 *= 2))?;
    /// let count = sys.get_state(|it| it.state_of(&handler::<Count>()).map(|count| count.0))?;
    /// assert_eq!(count, Some(14));
    /// # manager.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sys(&self) -> Sys<EventManager<E>> {
        self.server.sys()
    }

    /// Returns a guard that stops the manager when it is dropped, as an [`OwnedServer`] does.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let manager = EventManager::<&str>::start()?.owned();
    /// let pid = manager.pid();
    /// drop(manager);
    /// assert!(!process::is_alive(pid));
    /// # Ok::<(), StartError>(())
    /// ```
    pub fn owned(self) -> OwnedEventManager<E, T> {
        OwnedEventManager { manager: self.clone(), _server: self.server.owned() }
    }
}

fn request_to<E, H, M>(handler: Handler<H>, request: M) -> Ask<E, H, M>
where
    H: HandlerCall<E, M>,
{
    Ask { id: handler.into(), request: Guarded::new(request), types: PhantomData }
}

/// An event manager that is stopped when this is dropped. It can be used as the
/// [`EventManagerRef`] that it was made from.
#[derive(Debug)]
#[must_use = "the manager is stopped when this is dropped"]
pub struct OwnedEventManager<E: fmt::Debug + Send + 'static, T: Address = Pid> {
    manager: EventManagerRef<E, T>,
    _server: OwnedServer<EventManager<E>, T>,
}

impl<E: fmt::Debug + Send + 'static, T: Address> Deref for OwnedEventManager<E, T> {
    type Target = EventManagerRef<E, T>;

    fn deref(&self) -> &EventManagerRef<E, T> {
        &self.manager
    }
}
