//! Process groups: processes that are found by the name of a group they have joined.
//!
//! ```
//! use procession::pg::{Change, Scope, Update};
//! use procession::prelude::*;
//!
//! let rooms = Scope::<&str>::start_link("rooms")?;
//! let (monitor, guests) = rooms.monitor("lobby")?;
//! assert!(guests.is_empty());
//!
//! let me = process::self_pid();
//! rooms.join("lobby", me)?;
//! for guest in rooms.get_members("lobby") {
//!     process::send(guest, "welcome");
//! }
//! receive! {
//!     text: &str => assert_eq!(text, "welcome"),
//! }
//!
//! // A process that monitors the group gets a message at each change.
//! receive! {
//!     Update { group: "lobby", change: Change::Join, pids, .. } => assert_eq!(pids, [me]),
//! }
//! rooms.demonitor(monitor)?;
//! rooms.leave("lobby", me)?;
//! assert!(rooms.get_members("lobby").is_empty());
//! # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Scope`] is a process that knows which processes are in which groups. A group exists as long
//! as it has members; it is not created, and an unknown group is the same as an empty one. A
//! process can be in any number of groups, and several times in one: then it must leave as often as
//! it has joined. When it ends, it leaves all its groups.
//!
//! The names of groups are values of a type that the program chooses, a [`Group`]: strings,
//! numbers, or an enum. Scopes are independent of each other.
//!
//! To send a message to a group, send it to each of its [members](Scope::get_members).
//!
//! # Order
//!
//! Joining and leaving go through the scope's process, one after the other. When [`Scope::join`]
//! returns, all processes can see the new members, and the [`Update`] was sent to the processes
//! that monitor the group. Several processes join, or leave, in one step, of which no part is seen
//! without the rest.
//!
//! Reading does not go through the process. A process that has learned of the end of another one
//! does not find it in a group any more.
//!
//! # Other nodes
//!
//! On a [node](crate::Node) of a cluster, which a program can be with the feature `dist`, a scope
//! knows the members that the scopes of its name have on the other nodes: those of programs like
//! this one, and of Erlang. Each scope tells the others of its own members, and hears of theirs a
//! moment later. They are among the members, in no order that all nodes share; monitors tell of
//! them; and when the connection with their node is lost, they leave. A hidden node takes no part.
//!
//! For that the names of the groups must be terms. Names of plain types are; of the program's own
//! types, those that are declared, by `NetKernel::groups`. A scope with names of any other type is
//! one of its node alone. Names that do not fit into the scope's type are left out; `term::Term`
//! fits them all, and `term::Atom` those that Erlang uses most.
//!
//! # When a scope ends
//!
//! Its groups end with it, and so do the monitors, without a message: only a monitor of the scope's
//! process tells. The members go on. If a supervisor restarts the scope, it is empty; a [`Scope`]
//! is only a name, and finds the new process. The members must join again.
//!
//! | OTP | here |
//! |---|---|
//! | `start_link/0,1`, `start/1` | [`Scope::start_link`], [`Scope::start`], [`Scope::child_spec`] |
//! | the default scope `pg` | [`Scope::default`] |
//! | `join`, `leave` | [`Scope::join`], [`Scope::leave`] |
//! | `get_members`, `get_local_members` | the same |
//! | `which_groups`, `which_local_groups` | the same |
//! | `monitor`, `monitor_scope`, `demonitor` | the same |
//! | `{Ref, join, Group, Pids}` | [`Update`] |
//!
//! # Differences from OTP
//!
//! - The names of a scope's groups have one type, which decides whether other nodes know them. With
//!   a [`Scope`] of another type, reading finds no scope, and everything else returns
//!   [`CallErrorKind::WrongServer`].
//! - When processes leave, the [`Update`] lists those that were members, where OTP lists all that
//!   were passed to `leave`. A process that ends leaves a group in one step, where OTP sends a
//!   message for each time that it had joined.
//! - [`Scope::join`] of no process does nothing, where OTP makes a group without members.
//! - If another node says of all its members at once that some have changed, monitors are told.
//! - Members are returned in the order in which they have joined. A process that has joined several
//!   times and leaves once gives up its last place.
//! - A scope logs and drops unexpected messages; in OTP it crashes.
//! - No scope is started automatically, not even the default one.
//!
//! OTP: [`pg`](https://www.erlang.org/doc/apps/kernel/pg.html).

mod table;
pub(crate) mod shown;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod peers;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod spelling;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod elsewhere;
#[cfg(not(all(feature = "dist", target_os = "linux")))]
mod nowhere;
mod serve;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod across;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::call_error::{CallError, CallErrorKind};
use crate::directory;
use crate::error_text::errors;
use crate::gen_server::{GenServer, HandleCall, ServerRef, StartError, StartOptions};
use crate::id::{MonitorRef, Pid};
use crate::message::Name;
use crate::process;
use crate::process::Mark;
use crate::process::current::current;
use crate::process::info::may_be_alive;
use crate::supervisor::{Child, ChildSpec};

use serve::{Demonitor, Join, Leave, Monitor, MonitorScope, Server};
use table::Table;

/// The name of the default scope, as in OTP.
const DEFAULT_SCOPE: &str = "pg";

/// A type of names of groups: any type that can be a key, printed, and sent.
///
/// Its `Hash`, `Eq`, `Clone` and destructor may use the scope, but in the scope's own process only
/// to read. If one of them panics there, the scope ends.
pub trait Group: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<G: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> Group for G {}

/// Refers to a scope, a process that knows which processes are in which groups.
///
/// This is the name of the scope, which is looked up at each use. It is cheap to clone, and does
/// not keep the scope alive.
pub struct Scope<G> {
    name: Arc<str>,
    group: PhantomData<fn() -> G>,
}

/// Identifies one monitor of a group or a scope, as returned by [`Scope::monitor`] and
/// [`Scope::monitor_scope`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupMonitorRef(MonitorRef);

impl fmt::Debug for GroupMonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The message to a process that monitors a group or a scope when a group has changed.
///
/// OTP: `{Ref, join, Group, Pids}` and `{Ref, leave, Group, Pids}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<G> {
    /// The monitor.
    pub monitor: GroupMonitorRef,
    /// The group that has changed.
    pub group: G,
    /// Whether the processes have joined or left.
    pub change: Change,
    /// The processes, each as often as it has joined or left.
    pub pids: Vec<Pid>,
}

/// Says how the members of a group have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Processes have joined.
    Join,
    /// Members have left, or ended.
    Leave,
}

/// The members of a group have changed that other nodes have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Changed<G> {
    group: G,
    change: Change,
    /// At least one, each as often as it has joined or left.
    pids: Vec<Pid>,
}

/// One or several processes that join or leave a group in one step: made from one [`Pid`] or
/// several.
///
/// OTP: `PidOrPids`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pids(Vec<Pid>);

impl Pids {
    #[track_caller]
    fn local(self) -> Vec<Pid> {
        for pid in &self.0 {
            assert!(!pid.is_remote(), "{pid} is of {}: it joins on its own node", pid.node());
        }
        self.0
    }
}

impl From<Pid> for Pids {
    fn from(pid: Pid) -> Pids {
        Pids(vec![pid])
    }
}

impl From<Vec<Pid>> for Pids {
    fn from(pids: Vec<Pid>) -> Pids {
        Pids(pids)
    }
}

impl From<&[Pid]> for Pids {
    fn from(pids: &[Pid]) -> Pids {
        Pids(pids.to_vec())
    }
}

impl<const N: usize> From<[Pid; N]> for Pids {
    fn from(pids: [Pid; N]) -> Pids {
        Pids(pids.to_vec())
    }
}

/// Error returned from [`Scope::leave`].
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum LeaveError {
    /// None of the processes is in the group.
    NotJoined,
    /// The scope has not answered.
    Call(CallError),
}

impl fmt::Display for LeaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJoined => f.write_str("not a member of the group"),
            Self::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

errors!(LeaveError);

impl From<CallError> for LeaveError {
    fn from(error: CallError) -> LeaveError {
        LeaveError::Call(error)
    }
}

impl<G> Clone for Scope<G> {
    fn clone(&self) -> Scope<G> {
        Scope { name: Arc::clone(&self.name), group: PhantomData }
    }
}

impl<G> PartialEq for Scope<G> {
    fn eq(&self, other: &Scope<G>) -> bool {
        self.name == other.name
    }
}

impl<G> Eq for Scope<G> {}

impl<G> Hash for Scope<G> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<G> fmt::Debug for Scope<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scope").field(&self.name).finish()
    }
}

/// The default scope has the name `pg`.
impl<G: Group> Default for Scope<G> {
    fn default() -> Scope<G> {
        Scope::named(DEFAULT_SCOPE)
    }
}

impl<G: Group> Scope<G> {
    /// Returns a handle to the scope with the name `name`, whether it runs or not.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::named("named_rooms");
    /// assert_eq!(rooms.whereis(), None);
    /// Scope::<&str>::start_link("named_rooms")?;
    /// assert!(rooms.whereis().is_some());
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named(name: impl Into<Arc<str>>) -> Scope<G> {
        Scope { name: name.into(), group: PhantomData }
    }

    /// Starts a scope, registered as `name` and linked to the caller.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("link_rooms")?;
    /// assert_eq!(process::info(process::self_pid()).unwrap().links, [rooms.whereis().unwrap()]);
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:start_link/1`](https://www.erlang.org/doc/apps/kernel/pg.html#start_link/1).
    ///
    /// # Errors
    ///
    /// [`StartError::AlreadyStarted`] if the name is taken, usually by the scope.
    pub fn start_link(name: impl Into<Arc<str>>) -> Result<Scope<G>, StartError> {
        let scope = Scope::named(name);
        Server::<G>::start_link_with(Arc::clone(&scope.name), scope.options())?;
        Ok(scope)
    }

    /// Starts a scope, registered as `name`, without a link.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start("start_rooms")?;
    /// let again = Scope::<&str>::start("start_rooms");
    /// assert!(matches!(again, Err(StartError::AlreadyStarted(_))));
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:start/1`](https://www.erlang.org/doc/apps/kernel/pg.html#start/1).
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start(name: impl Into<Arc<str>>) -> Result<Scope<G>, StartError> {
        let scope = Scope::named(name);
        Server::<G>::start_with(Arc::clone(&scope.name), scope.options())?;
        Ok(scope)
    }

    /// Returns a child spec by which a supervisor starts a scope with the name `name`, which is
    /// also its id.
    ///
    /// ```
    /// use procession::pg::Scope;
    /// use procession::prelude::*;
    ///
    /// let top = Supervisor::one_for_one().child(Scope::<u32>::child_spec("floors")).start_link()?;
    /// Scope::named("floors").join(7_u32, process::self_pid())?;
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(name: impl Into<Arc<str>>) -> ChildSpec {
        let scope = Scope::<G>::named(name);
        ChildSpec::new(scope.name().to_owned(), move || {
            let server = Server::<G>::start_link_with(Arc::clone(&scope.name), scope.options())?;
            Ok(server.child_pid())
        })
    }

    fn options(&self) -> StartOptions {
        StartOptions::new().name(&*self.name)
    }

    /// Returns the name, by which the scope is registered.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// assert_eq!(Scope::<&str>::named("rooms").name(), "rooms");
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the scope's process, if it runs.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("whereis_rooms")?;
    /// assert_eq!(rooms.whereis(), process::whereis("whereis_rooms"));
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn whereis(&self) -> Option<Pid> {
        process::whereis(&self.name)
    }

    /// Makes processes members of `group`, in one step. A process that is a member already joins
    /// once more; a process that has ended leaves again at once.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("join_rooms")?;
    /// let me = process::self_pid();
    /// rooms.join("lobby", me)?;
    /// rooms.join("lobby", [me, me])?;
    /// assert_eq!(rooms.get_members("lobby"), [me, me, me]);
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:join/3`](https://www.erlang.org/doc/apps/kernel/pg.html#join/3).
    ///
    /// # Errors
    ///
    /// - [`CallErrorKind::NoProc`] if the scope does not run.
    /// - Other variants if the scope ends meanwhile, or cannot be called.
    ///
    /// # Panics
    ///
    /// If one is a process of another node: it joins there.
    #[track_caller]
    pub fn join(&self, group: G, pids: impl Into<Pids>) -> Result<(), CallError> {
        self.ask(Join { group, pids: pids.into().local() })
    }

    /// Ends memberships in `group`, in one step: one for each time that a process is listed.
    /// Processes that are not members are ignored.
    ///
    /// ```
    /// # use procession::pg::{LeaveError, Scope};
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("leave_rooms")?;
    /// let me = process::self_pid();
    /// rooms.join("lobby", me)?;
    /// rooms.leave("lobby", me)?;
    /// assert_eq!(rooms.leave("lobby", me), Err(LeaveError::NotJoined));
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:leave/3`](https://www.erlang.org/doc/apps/kernel/pg.html#leave/3).
    ///
    /// # Errors
    ///
    /// - [`LeaveError::NotJoined`] if none of the processes is a member.
    /// - [`LeaveError::Call`] as for [`join`](Self::join).
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
    #[track_caller]
    pub fn leave(&self, group: G, pids: impl Into<Pids>) -> Result<(), LeaveError> {
        let have_left = self.ask(Leave { group, pids: pids.into().local() })?;
        if have_left { Ok(()) } else { Err(LeaveError::NotJoined) }
    }

    /// Returns the members of `group` that are alive, in the order in which they have joined; a
    /// process that has joined several times appears as often. The result is empty if there is no
    /// such group, or the scope does not run.
    ///
    /// This calls no process, and never waits.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("member_rooms")?;
    /// rooms.join("lobby", process::self_pid())?;
    /// assert_eq!(rooms.get_members("lobby"), [process::self_pid()]);
    /// assert_eq!(rooms.get_members("bar"), []);
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:get_members/2`](https://www.erlang.org/doc/apps/kernel/pg.html#get_members/2).
    pub fn get_members<Q>(&self, group: &Q) -> Vec<Pid>
    where
        G: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut members = self.table().map_or_else(Vec::new, |table| table.members(group));
        members.retain(|pid| may_be_alive(*pid));
        members
    }

    /// Returns the members of `group` that are processes of this node.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("local_member_rooms")?;
    /// rooms.join("lobby", process::self_pid())?;
    /// assert_eq!(rooms.get_local_members("lobby"), [process::self_pid()]);
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:get_local_members/2`](https://www.erlang.org/doc/apps/kernel/pg.html#get_local_members/2).
    pub fn get_local_members<Q>(&self, group: &Q) -> Vec<Pid>
    where
        G: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut members = self.get_members(group);
        members.retain(|pid| !pid.is_remote());
        members
    }

    /// Returns the groups that have members, in no particular order.
    ///
    /// This calls no process, and never waits.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("which_rooms")?;
    /// let me = process::self_pid();
    /// rooms.join("lobby", me)?;
    /// assert_eq!(rooms.which_groups()?, ["lobby"]);
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:which_groups/1`](https://www.erlang.org/doc/apps/kernel/pg.html#which_groups/1).
    ///
    /// # Errors
    ///
    /// [`CallErrorKind::NoProc`] if the scope does not run.
    pub fn which_groups(&self) -> Result<Vec<G>, CallError> {
        self.groups_with(may_be_alive)
    }

    /// Returns the groups that have members on this node.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("local_rooms")?;
    /// rooms.join("lobby", process::self_pid())?;
    /// assert_eq!(rooms.which_local_groups()?, ["lobby"]);
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`which_groups`](Self::which_groups).
    pub fn which_local_groups(&self) -> Result<Vec<G>, CallError> {
        self.groups_with(|pid| !pid.is_remote() && process::is_alive(pid))
    }

    /// Returns the groups that have a member that is as `is_wanted` says.
    fn groups_with(&self, is_wanted: fn(Pid) -> bool) -> Result<Vec<G>, CallError> {
        let scope = Arc::clone(&self.name);
        let gone = || CallError::new(CallErrorKind::NoProc, scope, "which_groups");
        let groups = self.table().ok_or_else(gone)?.groups_with(is_wanted);
        Ok(groups.iter().map(|group| G::clone(group)).collect())
    }

    /// Monitors `group`: the caller gets an [`Update`] at every change. Returns the monitor and the
    /// current members.
    ///
    /// Each later change is sent exactly once. So the members may include a process that has ended
    /// just now: the update about its leaving is still to come. A process can have any number of
    /// monitors; each has its own updates.
    ///
    /// ```
    /// # use procession::pg::{Change, Scope, Update};
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("monitor_one_room")?;
    /// let (monitor, members) = rooms.monitor("lobby")?;
    /// assert_eq!(members, []);
    /// rooms.join("lobby", process::self_pid())?;
    /// receive! {
    ///     update: Update<&str> if update.monitor == monitor => {
    ///         assert_eq!((update.change, update.pids), (Change::Join, vec![process::self_pid()]));
    ///     }
    /// }
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:monitor/2`](https://www.erlang.org/doc/apps/kernel/pg.html#monitor/2).
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn monitor(&self, group: G) -> Result<(GroupMonitorRef, Vec<Pid>), CallError> {
        self.ask(Monitor(group))
    }

    /// Monitors all groups of the scope, including later ones, as [`monitor`](Self::monitor) does.
    ///
    /// ```
    /// # use procession::pg::{Scope, Update};
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("monitor_rooms")?;
    /// let me = process::self_pid();
    /// rooms.join("lobby", me)?;
    /// let (monitor, groups) = rooms.monitor_scope()?;
    /// assert_eq!(groups["lobby"], [me]);
    /// rooms.join("bar", me)?;
    /// receive! {
    ///     update: Update<&str> if update.monitor == monitor => assert_eq!(update.group, "bar"),
    /// }
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:monitor_scope/1`](https://www.erlang.org/doc/apps/kernel/pg.html#monitor_scope/1).
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn monitor_scope(&self) -> Result<(GroupMonitorRef, HashMap<G, Vec<Pid>>), CallError> {
        self.ask(MonitorScope)
    }

    /// Ends a monitor and removes its updates from the caller's mailbox: no update is left there,
    /// and no other will come. Returns whether the monitor existed.
    ///
    /// ```
    /// # use procession::pg::Scope;
    /// # use procession::prelude::*;
    /// let rooms = Scope::<&str>::start_link("demonitor_rooms")?;
    /// let (monitor, _) = rooms.monitor("lobby")?;
    /// rooms.join("lobby", process::self_pid())?;
    /// assert!(rooms.demonitor(monitor)?);
    /// assert!(process::flush().is_empty());
    /// # process::exit(rooms.whereis().unwrap(), ExitReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`pg:demonitor/2`](https://www.erlang.org/doc/apps/kernel/pg.html#demonitor/2).
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join). A monitor ends with its scope; its updates are removed even then.
    pub fn demonitor(&self, monitor: GroupMonitorRef) -> Result<bool, CallError> {
        let outcome = self.ask(Demonitor(monitor));
        let is_of_it = |update: &Update<G>| update.monitor == monitor;
        // A caller that has ended has no mailbox any more: then this is an error.
        while let Ok(Some(_)) = current().receive_since(Mark::START, Duration::ZERO, |message| {
            message.downcast_ref().is_some_and(is_of_it)
        }) {}
        outcome
    }

    /// Returns the scope's table, if the scope runs.
    fn table(&self) -> Option<Arc<Table<G>>> {
        directory::find(&Name::Local(Arc::clone(&self.name)))
    }

    /// Calls the scope without a timeout, as its process never waits.
    fn ask<M>(&self, request: M) -> Result<<Server<G> as HandleCall<M>>::Reply, CallError>
    where
        Server<G>: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        ServerRef::<Server<G>>::named(Arc::clone(&self.name)).call_timeout(request, Duration::MAX)
    }
}
