//! Names and locks that are for all nodes, of which there is one for now.
//!
//! ```
//! use procession::global::{self, GlobalError, LockId};
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! # #[derive(Debug)]
//! # struct Printer;
//! # impl GenServer for Printer {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Printer) }
//! # }
//! # impl HandleCall<u32> for Printer {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, pages: u32, _: &Caller<u32>) -> CallResult<Self, u32> {
//! #         reply(pages)
//! #     }
//! # }
//! // A server is started under such a name, and found by it.
//! let printer = global::name("printer");
//! let server = Printer::start_with((), StartOptions::new().name(printer.clone()))?;
//! assert_eq!(ServerRef::<Printer>::at(printer).call(3)?, 3);
//! assert_eq!(global::whereis_name("printer"), Some(server.pid()));
//!
//! // A lock keeps out who asks for it as somebody else.
//! let (mine, yours) = (LockId::new("paper", "me"), LockId::new("paper", "you"));
//! global::trans(&mine, || {
//!     let refused = global::set_lock_timeout(&yours, Duration::ZERO);
//!     assert_eq!(refused, Err(GlobalError::Locked(yours.clone())));
//! })?;
//! global::set_lock(&yours)?;
//! # global::del_lock(&yours)?;
//! # server.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both are kept by a process that is called `global_name_server`. It is started when it is first
//! needed, and belongs to nobody: it goes on when the application ends that has needed it first. If
//! it is killed, all names and locks are gone.
//!
//! # Names
//!
//! A process has one global name at most, beside its [local](crate::process::register) one. The
//! name is free again when the process ends: who has heard of that finds nobody under it, and can
//! have it. Reading a name asks nobody, and waits for nobody.
//!
//! # Locks
//!
//! A [`LockId`] says what is locked and for whom. As long as something is locked for one requester,
//! no other can lock it. Several processes can hold it for the same requester; it is free when all
//! have [given it up](del_lock), or have ended. A process holds a lock once, however often it sets
//! it: so a [`trans`] within another of the same id unlocks for both.
//!
//! Requesters get the lock in the order in which they have asked for it, each for all its processes
//! that wait by then. So while another requester waits, no more processes get the lock for the one
//! that has it: they have their next turn. Only who holds the lock can set it again at once, and so
//! can a process that asks for it while a holder waits for it, in a call, for instance: the lock
//! could not be given up before. One that had asked before the holder began to wait has its turn as
//! the others.
//!
//! Who waits for a lock is not found out to wait in a circle: then all wait for as long as they
//! will.
//!
//! A killed process may be in the middle of something, so its locks are free when it has left its
//! code, at the latest when its [grace](crate::process::Builder::kill_grace) is over. Who hears of
//! the end of a process may find that its lock is taken a moment longer.
//!
//! Names and locks have nothing to do with each other.
//!
//! | OTP | here |
//! |---|---|
//! | `register_name`, `re_register_name` | the same; `_with` a function |
//! | `unregister_name` | the same |
//! | `whereis_name`, `registered_names`, `send` | the same |
//! | `random_exit_name`, `random_notify_name`, `notify_all_name` | the same |
//! | `global_name_conflict` | [`NameConflict`] |
//! | `{global, Name}` | [`name`] |
//! | `set_lock` | [`set_lock`], [`set_lock_timeout`] |
//! | `del_lock` | the same |
//! | `trans` | [`trans`], [`trans_timeout`] |
//! | `{ResourceId, LockRequesterId}` | [`LockId`] |
//!
//! # Differences from OTP
//!
//! - There is one node for now. So nothing takes a list of nodes, and there is no `sync`,
//!   `disconnect`, or the like. A function that is to resolve a clash of names is kept with the
//!   name, and never called.
//! - Names are strings, and so is what is locked; a [`Requester`] is a process or a string.
//! - A process that has ended cannot be registered; in OTP it can, and its name is free again at
//!   once.
//! - There is no way to allow a process several names, but by [`re_register_name`], as in OTP.
//! - Nobody tries again and again to get a lock, after random times: a request waits until the lock
//!   is free, or for a time. OTP's `Retries` of zero is a time-out of zero; its `infinity` is
//!   [`set_lock`] and [`trans`].
//! - Requesters take turns. In OTP a process gets at once what is locked for its own requester, so
//!   a stream of these keeps out all others. Therefore, while a process holds a lock, it must not
//!   wait for a *message* of another that is yet to lock the same for the same requester, nor call
//!   one that waits for it already: that may be behind a third one, which waits for the first. It
//!   can call, start or stop one that locks it then. And who locks several things locks them in one
//!   order, as for different requesters.
//! - Who holds a lock for one requester and asks for it for another is refused at once, where OTP
//!   has it wait for itself.
//!
//! OTP: [`global`](https://www.erlang.org/doc/apps/kernel/global.html).

mod resolve;
mod locks;
mod names;
mod serve;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use once_cell::sync::Lazy;

use crate::directory;
use crate::exit::{CallError, ExitReason};

use crate::id::Pid;
use crate::message::{Message, Name, NameRefusal, Registrar, Via};
use crate::process;
use crate::process::SendError;

pub use resolve::{NameConflict, notify_all_name, random_exit_name, random_notify_name};

use names::Directory;
use resolve::Resolve;
use serve::{DelLock, ReRegister, Register, SetLock, Unregister, ask, ask_if_running};

/// What is locked, and for whom.
///
/// OTP: [`id()`](https://www.erlang.org/doc/apps/kernel/global.html#t:id/0).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LockId {
    /// What is locked.
    pub resource: Arc<str>,
    /// For whom.
    pub requester: Requester,
}

impl LockId {
    /// `resource`, for `requester`: the caller's own pid, if the lock is for it alone.
    pub fn new(resource: impl Into<Arc<str>>, requester: impl Into<Requester>) -> LockId {
        LockId { resource: resource.into(), requester: requester.into() }
    }
}

impl fmt::Display for LockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {}", self.resource, self.requester)
    }
}

/// For whom something is locked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Requester {
    /// For a process. (Others can hold the lock for it.)
    Process(Pid),
    /// For all that call themselves so.
    Name(Arc<str>),
}

impl From<Pid> for Requester {
    fn from(pid: Pid) -> Requester {
        Requester::Process(pid)
    }
}

impl From<&str> for Requester {
    fn from(name: &str) -> Requester {
        Requester::Name(Arc::from(name))
    }
}

impl From<String> for Requester {
    fn from(name: String) -> Requester {
        Requester::Name(Arc::from(name))
    }
}

impl From<Arc<str>> for Requester {
    fn from(name: Arc<str>) -> Requester {
        Requester::Name(name)
    }
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requester::Process(pid) => fmt::Display::fmt(pid, f),
            Requester::Name(name) => fmt::Debug::fmt(name, f),
        }
    }
}

/// Error returned from what concerns global names and locks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GlobalError {
    /// The name is taken, by the process itself if it has it already.
    Taken {
        /// The name.
        name: Arc<str>,
        /// Who has it.
        holder: Pid,
    },
    /// The process has a global name already.
    HasName {
        /// The process.
        pid: Pid,
        /// The name it has.
        name: Arc<str>,
    },
    /// The process has ended.
    NotAlive(Pid),
    /// It was not the requester's turn in all the time that the caller was to wait, as it was
    /// locked for another, or another was first; or the caller itself holds it for the other.
    Locked(LockId),
    /// The process that keeps names and locks could not be started.
    NoServer(ExitReason),
    /// There was no answer.
    Call(CallError),
}

impl fmt::Display for GlobalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { name, holder } => {
                write!(f, "the global name {name:?} is taken by {holder}")
            }
            Self::HasName { pid, name } => {
                write!(f, "{pid} already has the global name {name:?}")
            }
            Self::NotAlive(pid) => write!(f, "{pid} is not alive"),
            Self::Locked(id) => write!(f, "cannot lock {id}: it is locked for another"),
            Self::NoServer(reason) => {
                write!(f, "the global name server could not be started: {reason}")
            }
            Self::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for GlobalError {}

impl From<CallError> for GlobalError {
    fn from(error: CallError) -> GlobalError {
        GlobalError::Call(error)
    }
}

/// The global name `name`, as which a server can be started, and by which it is found.
///
/// OTP: [`{global, Name}`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#t:server_name/0).
pub fn name(name: impl Into<Arc<str>>) -> Via {
    Via::new(Global, name.into())
}

/// Gives `pid` the global name `name`, which is free again when the process ends.
///
/// OTP: [`global:register_name/2`](https://www.erlang.org/doc/apps/kernel/global.html#register_name/2).
///
/// # Errors
///
/// - [`GlobalError::Taken`] if a process has the name; that keeps it.
/// - [`GlobalError::HasName`] if `pid` has another one.
/// - [`GlobalError::NotAlive`] if `pid` has ended.
/// - [`GlobalError::NoServer`], [`GlobalError::Call`].
pub fn register_name(name: impl Into<Arc<str>>, pid: Pid) -> Result<(), GlobalError> {
    ask(Register { name: name.into(), pid, resolve: None })?
}

/// As [`register_name`], with a function that says which of two processes is to keep the name, or
/// that none is, when two nodes meet on which it was given to different ones: one of yours, or
/// [`random_exit_name`], [`random_notify_name`], [`notify_all_name`]. There is one node for now, so
/// it is kept, and not called.
///
/// OTP: [`global:register_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#register_name/3).
///
/// # Errors
///
/// As [`register_name`].
pub fn register_name_with(
    name: impl Into<Arc<str>>,
    pid: Pid,
    resolve: impl Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
) -> Result<(), GlobalError> {
    ask(Register { name: name.into(), pid, resolve: Some(Resolve::new(resolve)) })?
}

/// Gives `pid` the global name `name`, whoever has it: it passes on in one step, at no time is
/// nobody found. `pid` may have other names.
///
/// OTP: [`global:re_register_name/2`](https://www.erlang.org/doc/apps/kernel/global.html#re_register_name/2).
///
/// # Errors
///
/// - [`GlobalError::NotAlive`] if `pid` has ended; the name stays where it is.
/// - [`GlobalError::NoServer`], [`GlobalError::Call`].
pub fn re_register_name(name: impl Into<Arc<str>>, pid: Pid) -> Result<(), GlobalError> {
    ask(ReRegister { name: name.into(), pid, resolve: None })?
}

/// As [`re_register_name`], with a function as for [`register_name_with`].
///
/// OTP: [`global:re_register_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#re_register_name/3).
///
/// # Errors
///
/// As [`re_register_name`].
pub fn re_register_name_with(
    name: impl Into<Arc<str>>,
    pid: Pid,
    resolve: impl Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
) -> Result<(), GlobalError> {
    ask(ReRegister { name: name.into(), pid, resolve: Some(Resolve::new(resolve)) })?
}

/// Frees the global name `name`. That nobody has it is no error.
///
/// OTP: [`global:unregister_name/1`](https://www.erlang.org/doc/apps/kernel/global.html#unregister_name/1).
///
/// # Errors
///
/// [`GlobalError::Call`] if there is no answer.
pub fn unregister_name(name: &str) -> Result<(), GlobalError> {
    ask_if_running(Unregister(Arc::from(name)))
}

/// The process with the global name `name`. It may end at any moment.
///
/// OTP: [`global:whereis_name/1`](https://www.erlang.org/doc/apps/kernel/global.html#whereis_name/1).
pub fn whereis_name(name: &str) -> Option<Pid> {
    names()?.holder(name)
}

/// The global names that processes have, in no particular order.
///
/// OTP: [`global:registered_names/0`](https://www.erlang.org/doc/apps/kernel/global.html#registered_names/0).
pub fn registered_names() -> Vec<Arc<str>> {
    names().map_or_else(Vec::new, |names| names.names())
}

/// Sends `message` to the process with the global name `name`, and returns the process.
///
/// OTP: [`global:send/2`](https://www.erlang.org/doc/apps/kernel/global.html#send/2).
///
/// # Errors
///
/// [`SendError`] if nobody has the name: it gives the message back.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn send<M: Any + Send + fmt::Debug>(name: &str, message: M) -> Result<Pid, SendError<M>> {
    match whereis_name(name) {
        Some(pid) => {
            process::send(pid, message);
            Ok(pid)
        }
        None => Err(SendError { name: self::name(name).into(), message }),
    }
}

/// Locks what `id` says, for the requester that it says, and waits as long as it is locked for
/// another, or another has waited for longer. The caller holds the lock until it
/// [gives it up](del_lock) or ends.
///
/// OTP: [`global:set_lock/1`](https://www.erlang.org/doc/apps/kernel/global.html#set_lock/1).
///
/// # Errors
///
/// - [`GlobalError::Locked`] at once, if the caller holds it itself for another requester: it could
///   only wait for ever.
/// - [`GlobalError::NoServer`], [`GlobalError::Call`].
pub fn set_lock(id: &LockId) -> Result<(), GlobalError> {
    set_lock_timeout(id, Duration::MAX)
}

/// As [`set_lock`], waiting for at most `timeout`: not at all if it is zero.
///
/// OTP: [`global:set_lock/3`](https://www.erlang.org/doc/apps/kernel/global.html#set_lock/3).
///
/// # Errors
///
/// As [`set_lock`]; and [`GlobalError::Locked`] if it was not the requester's turn all the time.
pub fn set_lock_timeout(id: &LockId, timeout: Duration) -> Result<(), GlobalError> {
    let is_set = ask(SetLock { id: id.clone(), timeout })?;
    if is_set { Ok(()) } else { Err(GlobalError::Locked(id.clone())) }
}

/// Gives up a lock. That the caller does not hold it for that requester is no error.
///
/// OTP: [`global:del_lock/1`](https://www.erlang.org/doc/apps/kernel/global.html#del_lock/1).
///
/// # Errors
///
/// [`GlobalError::Call`] if there is no answer.
pub fn del_lock(id: &LockId) -> Result<(), GlobalError> {
    ask_if_running(DelLock(id.clone()))
}

/// Runs `body` while the caller holds a lock, for which it waits as [`set_lock`] does, and returns
/// what that returns. The lock is given up afterwards, also if `body` panics.
///
/// OTP: [`global:trans/2`](https://www.erlang.org/doc/apps/kernel/global.html#trans/2).
///
/// # Errors
///
/// As [`set_lock`]; then `body` was not run.
pub fn trans<R>(id: &LockId, body: impl FnOnce() -> R) -> Result<R, GlobalError> {
    trans_timeout(id, Duration::MAX, body)
}

/// As [`trans`], waiting for at most `timeout`: not at all if it is zero.
///
/// OTP: [`global:trans/4`](https://www.erlang.org/doc/apps/kernel/global.html#trans/4), where the
/// answer is then `aborted`.
///
/// # Errors
///
/// As [`set_lock_timeout`]; then `body` was not run.
pub fn trans_timeout<R>(
    id: &LockId,
    timeout: Duration,
    body: impl FnOnce() -> R,
) -> Result<R, GlobalError> {
    set_lock_timeout(id, timeout)?;
    let _held = Held(id);
    Ok(body())
}

/// A lock that is given up when this is dropped.
struct Held<'a>(&'a LockId);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // It fails if the server has ended, or the caller is ending: either frees the lock.
        _ = del_lock(self.0);
    }
}

/// The registrar of the names above.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Global;

impl Registrar for Global {
    type Name = Arc<str>;

    fn register_name(&self, name: &Arc<str>, pid: Pid) -> bool {
        register_name(Arc::clone(name), pid).is_ok()
    }

    fn try_register_name(&self, name: &Arc<str>, pid: Pid) -> Result<(), NameRefusal> {
        register_name(Arc::clone(name), pid).map_err(|error| match error {
            GlobalError::Taken { holder, .. } => NameRefusal::Taken(holder),
            GlobalError::HasName { .. }
            | GlobalError::NotAlive(_)
            | GlobalError::Locked(_)
            | GlobalError::NoServer(_)
            | GlobalError::Call(_) => NameRefusal::Failed(error.into()),
        })
    }

    fn unregister_name(&self, name: &Arc<str>) {
        _ = unregister_name(name);
    }

    fn whereis_name(&self, name: &Arc<str>) -> Option<Pid> {
        whereis_name(name)
    }

    fn send(&self, name: &Arc<str>, message: Message) -> Result<(), Message> {
        send(name, message).map(|_| ()).map_err(|error| error.message)
    }
}

/// What can be read of the names, if the process that keeps them runs.
fn names() -> Option<Arc<Directory>> {
    static NAME: Lazy<Name> = Lazy::new(|| Name::from(serve::NAME));
    directory::find(&NAME)
}
