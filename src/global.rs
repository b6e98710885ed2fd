//! Names and locks for all nodes that are connected.
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
//! // A lock keeps out every other requester.
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
//! Names and locks are kept by a process that is registered as `global_name_server`. It is started
//! when it is first needed and has no parent, so it goes on when the application that needed it
//! first ends. If it is killed, all names and locks are lost.
//!
//! # Names
//!
//! A process has one global name at most, beside its [local](crate::process::register) one. The
//! name is free again when the process ends: a process that has been told of the end finds no
//! process under the name, and can register it. A lookup needs no call, and never waits.
//!
//! # Several nodes
//!
//! With the feature `dist` a program can be a [node](crate::Node) among others, of Erlang or
//! like itself. All visible nodes that are connected have the same names: one is registered on all
//! of them at once, or on none, and the process can be of any node. When two nodes meet, each
//! connects with all nodes that the other knows, and they compare their names; until that is done,
//! `sync` waits. Two processes with the same name clash: the function that one of them was
//! [registered with](register_name_with) says which one keeps it. If the connection with a node is
//! lost, the names of its processes are free.
//!
//! If a node has lost another one, all are told of that, and end their connections with one of the
//! two: so the nodes are always in groups in which all are connected with each other.
//!
//! A name is an atom of Erlang: `global:whereis_name(counter)` finds `"counter"`. Names that are
//! other terms are not found here, but handed on to other nodes.
//!
//! A lock is set on all nodes that are connected.
//!
//! # Locks
//!
//! A [`LockId`] is a resource and a requester. As long as a resource is locked for one requester,
//! no other can lock it. Several processes can hold it for the same requester; it is free when all
//! have [given it up](del_lock), or have ended. A process holds a lock once, however often it sets
//! it: so a [`trans`] within another of the same id unlocks for both.
//!
//! Requesters get the lock in the order in which they have asked for it, each for all its processes
//! that wait by then. So while another requester waits, no further process gets the lock for the
//! requester that has it: it waits for that requester's next turn. There are two exceptions: a
//! holder can set its lock again at once; and so can a process that asks for the lock while a
//! holder waits for that process, in a call, for instance, as the lock could not be given up
//! before. A process that had asked before the holder began to wait has its turn as the others.
//!
//! Deadlocks between locks are not detected: processes that wait for each other's locks wait until
//! their timeouts.
//!
//! A killed process may be in the middle of an operation, so its locks are free when it has left
//! its code, at the latest when its [grace](crate::process::Builder::kill_grace) is over. A process
//! that is told of the end of another one may find that its lock is taken a moment longer.
//!
//! Names and locks are independent of each other, but for the resource `global`, which is locked
//! while names change.
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
//! | `sync` | `sync`, with the feature `dist` |
//! | `{ResourceId, LockRequesterId}` | [`LockId`] |
//!
//! # Differences from OTP
//!
//! - Nothing takes a list of nodes, and there is no `disconnect`. `connect_all` and
//!   `prevent_overlapping_partitions` cannot be set: they are as if they were `true`. There is no
//!   `global_group`.
//! - A process of this node that loses its name in a clash that another node resolves gets no
//!   [`NameConflict`], but the `Term` that Erlang sends:
//!   `{global_name_conflict, Name}`, or one with the other process.
//! - A function of this program that resolves clashes is `fun procession:resolve/3` for other
//!   nodes, and only this one can call it. Of the functions of other nodes only those of `global`
//!   are known here.
//! - A node that knows no other one does not wait before it compares names with the first that it
//!   meets, where OTP waits for 200 ms.
//! - The C nodes of `register_name_external` are processes as all others: their names are free when
//!   the connection with *their* node is lost.
//! - Names are strings, and so are resources; a [`Requester`] is a process or a string.
//! - A process that has ended cannot be registered; in OTP it can, and its name is free again at
//!   once.
//! - There is no way to allow a process several names, but by [`re_register_name`], as in OTP.
//! - As long as this node is connected with no other one, a request for a lock waits until the
//!   lock is free, or until its timeout, where OTP tries again after random times. Among several
//!   nodes it is tried again, as in OTP. OTP's `Retries` of zero is a timeout of zero; its
//!   `infinity` is [`set_lock`] and [`trans`].
//! - Requesters take turns on a node that is connected with no other one. In OTP a process gets a
//!   lock at once if it is locked for the process's own requester, so a stream of such processes
//!   keeps out all others. Therefore a process that holds a lock must not wait for a *message* of
//!   another process that has yet to lock the same for the same requester, nor call one that waits
//!   for the lock already: that one may be behind a third one, which waits for the holder. It can
//!   call, start or stop a process that locks it only then. And processes that lock several
//!   resources must lock them in the same order, even for the same requester.
//! - A process that holds a lock for one requester and asks for it for another is refused at once,
//!   where OTP, and this node if it is connected with others, let it wait for itself.
//!
//! OTP: [`global`](https://www.erlang.org/doc/apps/kernel/global.html).

mod key;
mod resolve;
mod method;
mod named;
mod locks;
mod names;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod said;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod dice;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod acts;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod round;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod locker;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod registrar;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod partitions;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod cluster;
mod tables;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod spelling;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod judge;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod elsewhere;
#[cfg(not(all(feature = "dist", target_os = "linux")))]
mod nowhere;
mod serve;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod across;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod everywhere;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod member;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use once_cell::sync::Lazy;

use crate::call_error::CallError;
use crate::directory;
use crate::error_text::errors;
use crate::exit::ExitReason;

#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::id::Node;
use crate::id::Pid;
use crate::message::{Message, Name, NameRefusal, Registrar, Via};
use crate::process;
use crate::process::SendError;
use crate::user_code::Guarded;

pub use resolve::{NameConflict, notify_all_name, random_exit_name, random_notify_name};

#[cfg(all(feature = "dist", target_os = "linux"))]
use across::AwaitSync;
use key::Key;
use method::{BuiltIn, Method};
use named::{Job, Named};
use names::Directory;
use serve::{DelLock, SetLock, ask, ask_if_running};

/// Identifies a lock: a resource, and the requester that it is locked for.
///
/// OTP: [`id()`](https://www.erlang.org/doc/apps/kernel/global.html#t:id/0).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LockId {
    /// The resource that is locked.
    pub resource: Arc<str>,
    /// The requester that it is locked for.
    pub requester: Requester,
}

impl LockId {
    /// Creates the id of a lock of `resource` for `requester`: the caller's own pid, if the lock is
    /// for the caller alone.
    ///
    /// ```
    /// # use procession::global::{LockId, Requester};
    /// # use procession::process;
    /// let id = LockId::new("printer", process::self_pid());
    /// assert_eq!(id.requester, Requester::Process(process::self_pid()));
    /// ```
    pub fn new(resource: impl Into<Arc<str>>, requester: impl Into<Requester>) -> LockId {
        LockId { resource: resource.into(), requester: requester.into() }
    }
}

impl fmt::Display for LockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {}", self.resource, self.requester)
    }
}

/// The party for which a resource is locked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Requester {
    /// A process. (Other processes can hold the lock for it.)
    Process(Pid),
    /// All processes that use this name.
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

/// The error of the functions on global names and locks.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum GlobalError {
    /// The name is taken, possibly by the process itself.
    Taken {
        /// The name.
        name: Arc<str>,
        /// The process that has it.
        holder: Pid,
    },
    /// The process has a global name already.
    HasName {
        /// The process.
        pid: Pid,
        /// The name that it has.
        name: Arc<str>,
    },
    /// The process has ended.
    NotAlive(Pid),
    /// The requester did not get the lock within the caller's timeout, as the resource was locked
    /// for another requester, or another one was first; or the caller itself holds the lock for
    /// another requester.
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

errors!(GlobalError);

impl From<CallError> for GlobalError {
    fn from(error: CallError) -> GlobalError {
        GlobalError::Call(error)
    }
}

/// Returns the global name `name`, under which a server can be started and found.
///
/// ```
/// # use procession::global;
/// # use procession::prelude::*;
/// # #[derive(Debug)]
/// # struct Clock;
/// # impl GenServer for Clock {
/// #     type Args = ();
/// #     fn init((): ()) -> InitResult<Self> { ready(Clock) }
/// # }
/// let options = StartOptions::new().name(global::name("clock"));
/// let clock = Clock::start_link_with((), options)?;
/// assert_eq!(global::whereis_name("clock"), Some(clock.pid()));
/// # clock.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`{global, Name}`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#t:server_name/0).
pub fn name(name: impl Into<Arc<str>>) -> Via {
    Via::new(Global, name.into())
}

/// Gives `pid` the global name `name`, which is free again when the process ends.
///
/// ```
/// # use procession::global::{self, GlobalError};
/// # use procession::process;
/// let me = process::self_pid();
/// global::register_name("boss", me)?;
/// let taken = global::register_name("boss", me);
/// assert_eq!(taken, Err(GlobalError::Taken { name: "boss".into(), holder: me }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:register_name/2`](https://www.erlang.org/doc/apps/kernel/global.html#register_name/2).
///
/// # Errors
///
/// - [`GlobalError::Taken`] if a process has the name; it keeps it.
/// - [`GlobalError::HasName`] if `pid` has another one.
/// - [`GlobalError::NotAlive`] if `pid` has ended.
/// - [`GlobalError::NoServer`], [`GlobalError::Call`].
pub fn register_name(name: impl Into<Arc<str>>, pid: Pid) -> Result<(), GlobalError> {
    ask(Job::Register(named(name.into(), pid, Method::BuiltIn(BuiltIn::RandomExit))))?
}

/// Registers a name as [`register_name`] does, with a function that resolves a clash: when two
/// nodes meet on which the name was given to different processes, it returns the one that keeps the
/// name, or `None`. It can be a function of the program, or [`random_exit_name`],
/// [`random_notify_name`], [`notify_all_name`].
///
/// ```
/// # use procession::{global, process};
/// global::register_name_with("boss", process::self_pid(), global::notify_all_name)?;
/// assert_eq!(global::whereis_name("boss"), Some(process::self_pid()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:register_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#register_name/3).
///
/// # Errors
///
/// As [`register_name`].
pub fn register_name_with(
    name: impl Into<Arc<str>>,
    pid: Pid,
    resolve: impl Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
) -> Result<(), GlobalError> {
    ask(Job::Register(named(name.into(), pid, Method::new(resolve))))?
}

/// Gives `pid` the global name `name`, whichever process has it. The name changes its holder in one
/// step: a lookup meanwhile finds one of the two. `pid` may have other names.
///
/// ```
/// # use procession::global;
/// # use procession::prelude::*;
/// let first = process::spawn(|| receive! { () => {} })?;
/// global::register_name("boss", first)?;
/// global::re_register_name("boss", process::self_pid())?;
/// assert_eq!(global::whereis_name("boss"), Some(process::self_pid()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:re_register_name/2`](https://www.erlang.org/doc/apps/kernel/global.html#re_register_name/2).
///
/// # Errors
///
/// - [`GlobalError::NotAlive`] if `pid` has ended; the name stays where it is.
/// - [`GlobalError::NoServer`], [`GlobalError::Call`].
pub fn re_register_name(name: impl Into<Arc<str>>, pid: Pid) -> Result<(), GlobalError> {
    ask(Job::ReRegister(named(name.into(), pid, Method::BuiltIn(BuiltIn::RandomExit))))?
}

/// Gives `pid` a name as [`re_register_name`] does, with a function as for [`register_name_with`].
///
/// ```
/// # use procession::{global, process};
/// global::re_register_name_with("boss", process::self_pid(), |_, one, _| Some(one))?;
/// assert_eq!(global::whereis_name("boss"), Some(process::self_pid()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:re_register_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#re_register_name/3).
///
/// # Errors
///
/// As [`re_register_name`].
pub fn re_register_name_with(
    name: impl Into<Arc<str>>,
    pid: Pid,
    resolve: impl Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
) -> Result<(), GlobalError> {
    ask(Job::ReRegister(named(name.into(), pid, Method::new(resolve))))?
}

/// Frees the global name `name`. It is not an error if no process has it.
///
/// ```
/// # use procession::{global, process};
/// global::register_name("boss", process::self_pid())?;
/// global::unregister_name("boss")?;
/// assert_eq!(global::whereis_name("boss"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:unregister_name/1`](https://www.erlang.org/doc/apps/kernel/global.html#unregister_name/1).
///
/// # Errors
///
/// [`GlobalError::Call`] if there is no answer.
pub fn unregister_name(name: &str) -> Result<(), GlobalError> {
    ask_if_running(Job::Unregister(Key::Text(name.into())))
}

/// Returns the process with the global name `name`. It may end at any moment.
///
/// ```
/// # use procession::{global, process};
/// assert_eq!(global::whereis_name("boss"), None);
/// global::register_name("boss", process::self_pid())?;
/// assert_eq!(global::whereis_name("boss"), Some(process::self_pid()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:whereis_name/1`](https://www.erlang.org/doc/apps/kernel/global.html#whereis_name/1).
pub fn whereis_name(name: &str) -> Option<Pid> {
    names()?.holder(name)
}

/// Returns the global names that processes have, in no particular order.
///
/// ```
/// # use procession::{global, process};
/// global::register_name("boss", process::self_pid())?;
/// assert_eq!(global::registered_names(), ["boss".into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:registered_names/0`](https://www.erlang.org/doc/apps/kernel/global.html#registered_names/0).
pub fn registered_names() -> Vec<Arc<str>> {
    names().map_or_else(Vec::new, |names| names.names())
}

/// Sends `message` to the process with the global name `name`, and returns the process.
///
/// ```
/// # use procession::global;
/// # use procession::prelude::*;
/// global::register_name("boss", process::self_pid())?;
/// global::send("boss", "hello")?;
/// receive! { text: &str => assert_eq!(text, "hello") }
/// assert_eq!(global::send("nobody", "hello").unwrap_err().message, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`global:send/2`](https://www.erlang.org/doc/apps/kernel/global.html#send/2).
///
/// # Errors
///
/// [`SendError`], with the message, if no process has the name.
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

/// Locks the resource of `id` for its requester, and waits while it is locked for another
/// requester, or another one has waited for longer. The caller holds the lock until it [gives it
/// up](del_lock) or ends.
///
/// ```
/// # use procession::global::{self, LockId};
/// # use procession::process;
/// let id = LockId::new("printer", process::self_pid());
/// global::set_lock(&id)?;
/// // Nobody else prints now.
/// global::del_lock(&id)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`global:set_lock/1`](https://www.erlang.org/doc/apps/kernel/global.html#set_lock/1).
///
/// # Errors
///
/// - [`GlobalError::Locked`] at once, if the caller itself holds the lock for another requester: it
///   would wait forever.
/// - [`GlobalError::NoServer`], [`GlobalError::Call`].
pub fn set_lock(id: &LockId) -> Result<(), GlobalError> {
    set_lock_timeout(id, Duration::MAX)
}

/// Sets a lock as [`set_lock`] does, and waits for at most `timeout`: not at all if it is zero.
///
/// ```
/// # use procession::global::{self, GlobalError, LockId};
/// # use procession::prelude::*;
/// # use std::time::Duration;
/// global::set_lock(&LockId::new("printer", process::self_pid()))?;
/// let me = process::self_pid();
/// process::spawn(move || {
///     let id = LockId::new("printer", process::self_pid());
///     process::send(me, global::set_lock_timeout(&id, Duration::ZERO));
/// })?;
/// receive! {
///     outcome: Result<(), GlobalError> => {
///         assert!(matches!(outcome, Err(GlobalError::Locked(_))));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`global:set_lock/3`](https://www.erlang.org/doc/apps/kernel/global.html#set_lock/3).
///
/// # Errors
///
/// As [`set_lock`]; and [`GlobalError::Locked`] if the requester did not get the lock in time.
pub fn set_lock_timeout(id: &LockId, timeout: Duration) -> Result<(), GlobalError> {
    #[cfg(all(feature = "dist", target_os = "linux"))]
    let is_set = if has_others() {
        everywhere::set(id, timeout)?
    } else {
        ask(SetLock { id: id.clone(), timeout })?
    };
    #[cfg(not(all(feature = "dist", target_os = "linux")))]
    let is_set = ask(SetLock { id: id.clone(), timeout })?;
    if is_set { Ok(()) } else { Err(GlobalError::Locked(id.clone())) }
}

/// Gives up a lock. It is not an error if the caller does not hold it for that requester.
///
/// ```
/// # use procession::global::{self, LockId};
/// # use procession::prelude::*;
/// let id = LockId::new("printer", process::self_pid());
/// global::set_lock(&id)?;
/// let (other, monitor) = process::spawn_monitor(|| {
///     global::set_lock(&LockId::new("printer", process::self_pid()))?; // It waits for its turn.
///     Ok::<(), ExitReason>(())
/// })?;
/// global::del_lock(&id)?;
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Normal),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`global:del_lock/1`](https://www.erlang.org/doc/apps/kernel/global.html#del_lock/1).
///
/// # Errors
///
/// [`GlobalError::Call`] if there is no answer.
pub fn del_lock(id: &LockId) -> Result<(), GlobalError> {
    #[cfg(all(feature = "dist", target_os = "linux"))]
    if has_others() {
        return everywhere::del(id);
    }
    ask_if_running(DelLock(id.clone()))
}

/// Runs `body` while the caller holds a lock, for which it waits as [`set_lock`] does, and returns
/// the value of `body`. The lock is given up afterwards, also if `body` panics.
///
/// ```
/// # use procession::global::{self, LockId};
/// # use procession::process;
/// let id = LockId::new("printer", process::self_pid());
/// assert_eq!(global::trans(&id, || "printed")?, "printed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`global:trans/2`](https://www.erlang.org/doc/apps/kernel/global.html#trans/2).
///
/// # Errors
///
/// As [`set_lock`]; then `body` was not run.
pub fn trans<R>(id: &LockId, body: impl FnOnce() -> R) -> Result<R, GlobalError> {
    trans_timeout(id, Duration::MAX, body)
}

/// Runs `body` as [`trans`] does, and waits for the lock for at most `timeout`: not at all if it is
/// zero.
///
/// ```
/// # use procession::global::{self, LockId};
/// # use procession::process;
/// # use std::time::Duration;
/// let id = LockId::new("printer", process::self_pid());
/// let printed = global::trans_timeout(&id, Duration::from_secs(1), || "printed");
/// assert_eq!(printed, Ok("printed"));
/// ```
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
    let held = Held(id);
    // To give up the lock unwinds a process that was killed meanwhile.
    let value = Guarded::new(body());
    drop(held);
    Ok(value.into_inner())
}

/// Waits until all nodes that this one is connected with have the same names as this one.
///
/// A node that has just been connected, or has connected itself, has other names for a moment: this
/// waits for it. A node with which the connection is lost meanwhile is not waited for. Needs the
/// feature `dist`.
///
/// ```
/// # use procession::global;
/// global::sync()?; // There are no others.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`global:sync/0`](https://www.erlang.org/doc/apps/kernel/global.html#sync/0).
///
/// # Errors
///
/// [`GlobalError::NoServer`], [`GlobalError::Call`].
#[cfg(all(feature = "dist", target_os = "linux"))]
pub fn sync() -> Result<(), GlobalError> {
    ask(AwaitSync)?
}

/// Whether this node is connected with others, so that it is not all there is.
#[cfg(all(feature = "dist", target_os = "linux"))]
fn has_others() -> bool {
    !Node::list().is_empty()
}

/// A lock that is given up when it is dropped.
struct Held<'a>(&'a LockId);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // It fails if the server has ended, or the caller is ending: either frees the lock.
        _ = del_lock(self.0);
    }
}

/// The registrar of global names.
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

    fn fmt_name(&self, name: &Arc<str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{name:?} in global")
    }
}

fn named(name: Arc<str>, pid: Pid, method: Method) -> Named {
    Named { name: Key::Text(name), pid, method }
}

/// Returns the readable part of the names, if the process that keeps them runs.
fn names() -> Option<Arc<Directory>> {
    static NAME: Lazy<Name> = Lazy::new(|| Name::from(names::NAME));
    directory::find(&NAME)
}
