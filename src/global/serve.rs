//! The process that keeps global names and locks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::call_error::CallErrorKind;
use crate::directory;
use crate::directory::Publication;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, InitResult, ServerRef, noreply, ready,
    reply, warn_of_unhandled,
};
use crate::id::Pid;
use crate::message::{Destination, Down, Message, TaggedDown, Timeout};
use crate::service;

use super::locks::{Locks, Resource};
use super::names::{Directory, Names};
use super::resolve::Resolve;
use super::{GlobalError, LockId};

/// The name of the process, and of the directory that it publishes.
pub(super) const NAME: &str = "global_name_server";

/// Calls the server, which is started if there is none, without a limit.
pub(super) fn ask<M>(request: M) -> Result<<Server as HandleCall<M>>::Reply, GlobalError>
where
    Server: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    Ok(server()?.call_timeout(request, Duration::MAX)?)
}

/// Calls the server as [`ask`] does. If there is no server, there is nothing to do.
pub(super) fn ask_if_running<M>(request: M) -> Result<(), GlobalError>
where
    Server: HandleCall<M, Reply = ()>,
    M: fmt::Debug + Send + 'static,
{
    match ServerRef::<Server>::named(NAME).call_timeout(request, Duration::MAX) {
        Err(error) if error.kind() != &CallErrorKind::NoProc => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn server() -> Result<ServerRef<Server>, GlobalError> {
    let pid = service::ensure::<Server>(NAME).map_err(GlobalError::NoServer)?;
    Ok(ServerRef::from_pid(pid))
}

/// The state of the server.
#[derive(Debug)]
pub(super) struct Server {
    names: Names,
    locks: Locks,
    _publication: Publication,
}

impl GenServer for Server {
    type Args = ();

    fn init((): ()) -> InitResult<Server> {
        let directory = Arc::new(Directory::default());
        ready(Server {
            _publication: directory::publish(NAME, Arc::clone(&directory)),
            names: Names::new(directory),
            locks: Locks::default(),
        })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Server> {
        let message = match message.downcast::<Down>() {
            Ok(Down { monitor, object: Destination::Pid(pid), .. }) => {
                self.names.process_ended(monitor, pid);
                return noreply();
            }
            Ok(_) => return noreply(),
            Err(message) => message,
        };
        let message = match message.downcast::<TaggedDown<Resource>>() {
            Ok(TaggedDown { tag, down }) => {
                self.locks.process_ended(down.monitor, &tag);
                return noreply();
            }
            Err(message) => message,
        };
        match message.downcast::<Timeout<Resource>>() {
            Ok(Timeout { timer, value }) => self.locks.overdue(timer, &value),
            Err(message) => warn_of_unhandled::<Self>(message),
        }
        noreply()
    }
}

#[derive(Debug)]
pub(super) struct Register {
    pub(super) name: Arc<str>,
    pub(super) pid: Pid,
    pub(super) resolve: Option<Resolve>,
}

#[derive(Debug)]
pub(super) struct ReRegister {
    pub(super) name: Arc<str>,
    pub(super) pid: Pid,
    pub(super) resolve: Option<Resolve>,
}

#[derive(Debug)]
pub(super) struct Unregister(pub(super) Arc<str>);

#[derive(Debug)]
pub(super) struct SetLock {
    pub(super) id: LockId,
    /// How long to wait; [`Duration::MAX`] is no limit.
    pub(super) timeout: Duration,
}

#[derive(Debug)]
pub(super) struct DelLock(pub(super) LockId);

impl HandleCall<Register> for Server {
    type Reply = Result<(), GlobalError>;

    fn handle_call(
        &mut self,
        Register { name, pid, resolve }: Register,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Register> {
        reply(self.names.register(name, pid, resolve))
    }
}

impl HandleCall<ReRegister> for Server {
    type Reply = Result<(), GlobalError>;

    fn handle_call(
        &mut self,
        ReRegister { name, pid, resolve }: ReRegister,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, ReRegister> {
        reply(self.names.re_register(name, pid, resolve))
    }
}

impl HandleCall<Unregister> for Server {
    type Reply = ();

    fn handle_call(
        &mut self,
        Unregister(name): Unregister,
        _: &Caller<()>,
    ) -> CallResult<Self, Unregister> {
        self.names.unregister(&name);
        reply(())
    }
}

impl HandleCall<SetLock> for Server {
    /// Whether the lock was set in time.
    type Reply = bool;

    fn handle_call(
        &mut self,
        SetLock { id, timeout }: SetLock,
        caller: &Caller<bool>,
    ) -> CallResult<Self, SetLock> {
        match self.locks.set(id, timeout, caller) {
            Some(is_set) => reply(is_set),
            None => noreply(),
        }
    }
}

impl HandleCall<DelLock> for Server {
    type Reply = ();

    fn handle_call(
        &mut self,
        DelLock(id): DelLock,
        caller: &Caller<()>,
    ) -> CallResult<Self, DelLock> {
        self.locks.del(&id, caller.pid());
        reply(())
    }
}
