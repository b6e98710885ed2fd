//! The process that keeps global names and locks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::call_error::CallErrorKind;
use crate::directory;
use crate::directory::Publication;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::gen_server::wire;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, InitResult, ServerRef, noreply, ready,
    reply, warn_of_unhandled,
};
use crate::message::{Destination, Down, Message, TaggedDown, Timeout};
use crate::service;

#[cfg(all(feature = "dist", target_os = "linux"))]
use super::elsewhere::Elsewhere;
use super::locks::{Locks, Resource};
use super::named::{Job, Outcome};
use super::names::{Directory, NAME, Names};
#[cfg(not(all(feature = "dist", target_os = "linux")))]
use super::nowhere::Elsewhere;
use super::tables::Kept;
use super::{GlobalError, LockId};

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
    Server: HandleCall<M, Reply = Outcome>,
    M: fmt::Debug + Send + 'static,
{
    match ServerRef::<Server>::named(NAME).call_timeout(request, Duration::MAX) {
        Err(error) if error.kind() == &CallErrorKind::NoProc => Ok(()),
        outcome => outcome?,
    }
}

fn server() -> Result<ServerRef<Server>, GlobalError> {
    let pid = service::ensure::<Server>(NAME).map_err(GlobalError::NoServer)?;
    Ok(ServerRef::from_pid(pid))
}

/// The state of the server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) kept: Kept,
    pub(super) elsewhere: Elsewhere,
    _publication: Publication,
}

impl GenServer for Server {
    type Args = ();

    fn init((): ()) -> InitResult<Server> {
        #[cfg(all(feature = "dist", target_os = "linux"))]
        wire::declare::<Server>();
        let directory = Arc::new(Directory::default());
        ready(Server {
            _publication: directory::publish(NAME, Arc::clone(&directory)),
            kept: Kept { names: Names::new(directory), locks: Locks::default() },
            elsewhere: Elsewhere::new(),
        })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Server> {
        #[cfg(all(feature = "dist", target_os = "linux"))]
        let message = match self.elsewhere.hear(message, &mut self.kept) {
            Ok(()) => return noreply(),
            Err(message) => message,
        };
        let message = match message.downcast::<Down>() {
            Ok(Down { monitor, object: Destination::Pid(pid), .. }) => {
                self.kept.names.process_ended(monitor, pid);
                return noreply();
            }
            Ok(_) => return noreply(),
            Err(message) => message,
        };
        let message = match message.downcast::<TaggedDown<Resource>>() {
            Ok(TaggedDown { tag, down }) => {
                self.kept.locks.process_ended(down.monitor, &tag);
                return noreply();
            }
            Err(message) => message,
        };
        match message.downcast::<Timeout<Resource>>() {
            Ok(Timeout { timer, value }) => self.kept.locks.overdue(timer, &value),
            Err(message) => warn_of_unhandled::<Self>(message),
        }
        noreply()
    }
}

#[derive(Debug)]
pub(super) struct SetLock {
    pub(super) id: LockId,
    /// How long to wait; [`Duration::MAX`] is no limit.
    pub(super) timeout: Duration,
}

#[derive(Debug)]
pub(super) struct DelLock(pub(super) LockId);

impl HandleCall<Job> for Server {
    type Reply = Outcome;

    fn handle_call(&mut self, job: Job, caller: &Caller<Outcome>) -> CallResult<Self, Job> {
        match self.elsewhere.add(job, caller, &mut self.kept) {
            Some(outcome) => reply(outcome),
            None => noreply(),
        }
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
        match self.kept.locks.set((&id).into(), timeout, caller) {
            Some(is_set) => reply(is_set),
            None => noreply(),
        }
    }
}

impl HandleCall<DelLock> for Server {
    type Reply = Outcome;

    fn handle_call(
        &mut self,
        DelLock(id): DelLock,
        caller: &Caller<Outcome>,
    ) -> CallResult<Self, DelLock> {
        self.kept.locks.del(&(&id).into(), caller.pid());
        reply(Ok(()))
    }
}
