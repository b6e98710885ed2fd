//! Supervisors: processes that start other processes and restart them when they fail.
//!
//! ```
//! use procession::prelude::*;
//!
//! # #[derive(Debug)]
//! # struct Counter(u64);
//! # impl GenServer for Counter {
//! #     type Args = u64;
//! #     fn init(n: u64) -> InitResult<Self> { ready(Counter(n)) }
//! # }
//! # impl HandleCall<()> for Counter {
//! #     type Reply = u64;
//! #     fn handle_call(&mut self, (): (), _: &Caller<u64>) -> CallResult<Self, ()> {
//! #         reply(self.0)
//! #     }
//! # }
//! let supervisor = Supervisor::one_for_one()
//!     .child(Counter::child_spec(1).id("one"))
//!     .child(Counter::child_spec(2).id("two"))
//!     .start_link()?;
//!
//! let three = supervisor.start_child(Counter::child_spec(3).id("three"))?;
//! assert_eq!(three.call(())?, 3);
//!
//! // It crashes, and another one takes its place.
//! let pid = three.pid();
//! let monitor = process::monitor(pid);
//! process::exit(pid, ExitReason::Kill);
//! receive! { down: Down if down.monitor == monitor => {} }
//! let child = &supervisor.which_children()?[0];
//! assert_eq!(child.id, "three");
//! assert_ne!(child.state.pid(), Some(pid));
//!
//! supervisor.stop()?; // The children end first, the last one started before the others.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A supervisor is a server, linked to its children, that traps exits. It starts its children in
//! order and stops them in reverse order. When a child ends, its [`Restart`] says whether it is
//! restarted; the supervisor's [`Strategy`] says whether other children are restarted with it.
//! Supervisors are children of other supervisors, so that a program is a tree: workers are its
//! leaves, and a fault is handled as near to them as it can be.
//!
//! # Child specification
//!
//! A [`ChildSpec`] says how the supervisor starts a child, when it restarts it, and how it stops
//! it:
//!
//! | part | what it is | default |
//! |---|---|---|
//! | the start function | starts the process, linked to the supervisor, and returns it | |
//! | [`id`](ChildSpec::id) | identifies the child among its siblings | the type of the server |
//! | [`restart`](ChildSpec::restart) | when the child is restarted | `Permanent` |
//! | [`backoff`](ChildSpec::backoff) | the pause before a restart | none |
//! | [`shutdown`](ChildSpec::shutdown) | how the child is stopped | 5 s; a supervisor: no limit |
//! | [`child_type`](ChildSpec::child_type) | whether it is a worker or a supervisor | `Worker` |
//! | [`significant`](ChildSpec::significant) | counts for automatic shutdown | `false` |
//!
//! Every server makes its own spec: [`Supervised::child_spec`] takes the arguments of its `init`,
//! [`named_child_spec`](Supervised::named_child_spec) a registered name as well. The type of the
//! server can set [other defaults](Supervised). Any other process has a spec made by
//! [`ChildSpec::new`]. The parts are set by chaining:
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! # #[derive(Debug)]
//! # struct Counter(u64);
//! # impl GenServer for Counter {
//! #     type Args = u64;
//! #     fn init(n: u64) -> InitResult<Self> { ready(Counter(n)) }
//! # }
//! let counter = Counter::child_spec(1)
//!     .id("one")
//!     .restart(Restart::Transient)
//!     .shutdown(Shutdown::Timeout(Duration::from_secs(30)));
//!
//! let plain = ChildSpec::new("plain", || {
//!     let pid = process::spawn_link(|| receive! { () => {} })?;
//!     Ok(pid)
//! });
//! let supervisor = Supervisor::one_for_one().child(counter).child(plain).start_link()?;
//! assert_eq!(supervisor.count_children()?.active, 2);
//! # supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The start function runs in the supervisor's process, at the start and at each restart, so the
//! supervisor does nothing else until it returns. It must link the process to the supervisor, as
//! the `start_link` functions do: the exit of a process that is not linked goes unnoticed, and so
//! the process is not restarted.
//!
//! A child that owns what cannot be made again, a `TcpStream` or the receiving half of a channel,
//! has a spec that starts it one time only: [`Supervised::child_spec_once`] for a server,
//! [`ChildSpec::once`] for any other process. Such a child is temporary, and as a rule one of a
//! [dynamic supervisor](crate::dynamic_supervisor).
//!
//! # Restart values
//!
//! | [`Restart`] | the child is restarted |
//! |---|---|
//! | `Permanent` | always |
//! | `Transient` | if it has ended abnormally |
//! | `Temporary` | never; the supervisor forgets it when it has ended |
//!
//! A child ends abnormally if its reason is not [orderly](crate::ExitReason::is_orderly): the
//! orderly ones are `Normal`, `Shutdown` and `ShutdownWith`.
//!
//! # Shutdown values
//!
//! | [`Shutdown`] | how the supervisor stops the child |
//! |---|---|
//! | `BrutalKill` | kills it |
//! | `Timeout(duration)` | tells it to shut down, and kills it if it has not ended by then |
//! | `Infinity` | tells it to shut down, and waits without limit: for supervisors |
//!
//! To be told is to receive the exit signal [`ExitReason::Shutdown`]. It ends a child that does not
//! [trap exits](crate::process::set_trap_exit), at its next receive point. A server that traps
//! exits runs its [`terminate`](crate::gen_server::GenServer::terminate) first.
//!
//! # Strategies
//!
//! The [`Strategy`] says which children are restarted when one of them, `b` here, has failed. The
//! children were started in the order a, b, c.
//!
//! [`Supervisor::one_for_one`]: only `b`. For children that do not depend on each other.
//!
//! ```text
//!     a    b    c
//!          x            b fails
//!     a    b'   c       b is restarted
//! ```
//!
//! [`Supervisor::one_for_all`]: all of them. For children that all depend on each other.
//!
//! ```text
//!     a    b    c
//!          x            b fails
//!     -         -       c and a are stopped, in this order
//!     a'   b'   c'      a, b and c are started, in this order
//! ```
//!
//! [`Supervisor::rest_for_one`]: `b`, and the children that were started after it. For children
//! that depend on those before them.
//!
//! ```text
//!     a    b    c
//!          x            b fails
//!     a         -       c is stopped
//!     a    b'   c'      b and c are started, in this order
//! ```
//!
//! [`Supervisor::simple_one_for_one`], or a [`dynamic_supervisor`](crate::dynamic_supervisor), is
//! for children that come and go: they have no order, and each is restarted alone.
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! # #[derive(Debug)]
//! # struct Counter;
//! # impl GenServer for Counter {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Counter) }
//! # }
//! let supervisor = Supervisor::rest_for_one()
//!     .child(Counter::named_child_spec("a", ()))
//!     .child(Counter::named_child_spec("b", ()))
//!     .child(Counter::named_child_spec("c", ()))
//!     .start_link()?;
//! let pids = || ["a", "b", "c"].map(process::whereis);
//!
//! let before = pids();
//! let b = before[1].expect("it runs");
//! let monitor = process::monitor(b);
//! process::exit(b, ExitReason::Kill);
//! process::wait(monitor, Duration::from_secs(5)).expect("it has ended");
//! supervisor.count_children()?; // Answered when all have been restarted.
//!
//! let after = pids();
//! let is_same = [0, 1, 2].map(|child| before[child] == after[child]);
//! assert_eq!(is_same, [true, false, false]);
//! # supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If restarts become more frequent than the [intensity](Supervisor::intensity) allows, one in five
//! seconds by default, restarting does not help. Then the supervisor stops all its children and
//! ends with [`ExitReason::Shutdown`], and its own supervisor decides what to do. The children that
//! a strategy restarts together count as one restart, and a restart whose start function fails is
//! tried again and counts each time.
//!
//! # Restart with back-off
//!
//! A child that depends on something outside of the program, a database or a device, may fail again
//! and again until that is back. To restart it at once each time is of no use, and soon is once too
//! often. With [`ChildSpec::backoff`] the supervisor pauses before each restart of the child, twice
//! as long each time, up to a limit:
//!
//! ```text
//!     x 0.1 x 0.2 x 0.4 x 0.8 x ... x 10 x 10 b------------x 0.1 b----
//!
//!     x     the child, or its start, fails
//!     0.1   a pause, in seconds, of backoff(100 ms, 10 s)
//!     b---  the child runs, here for more than ten seconds
//! ```
//!
//! - The pause begins when the child fails, or its start does. If the child has run for the limit
//!   or longer, it is the first pause again.
//! - Meanwhile the supervisor answers requests and restarts other children. The child is
//!   [`Restarting`](ChildState::Restarting).
//! - With `one_for_all` and `rest_for_one`, the children that are restarted together with this one
//!   are stopped at once, wait for the end of the pause, and are started then.
//! - A restart after a pause does not count towards the [intensity](Supervisor::intensity): the
//!   supervisor never gives up because of this child.
//! - [`terminate_child`](SupervisorRef::terminate_child) ends the pause, and the child is stopped.
//!   Then it can be [started](SupervisorRef::restart_child) by hand, or
//!   [deleted](SupervisorRef::delete_child); during the pause both are refused.
//! - If the supervisor stops or ends during the pause, it does not wait for it.
//!
//! ```
//! use procession::prelude::*;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//!
//! /// How often the database refuses a connection before it takes one.
//! static REFUSALS: AtomicU32 = AtomicU32::new(0);
//!
//! fn connect() -> Result<(), StartError> {
//!     match REFUSALS.load(Ordering::SeqCst) {
//!         0 => Ok(()),
//!         left => {
//!             REFUSALS.store(left - 1, Ordering::SeqCst);
//!             Err(StartError::Failed(ExitReason::new("connection refused")))
//!         }
//!     }
//! }
//!
//! let me = process::self_pid();
//! let client = ChildSpec::new("client", move || {
//!     connect()?;
//!     process::send(me, "connected");
//!     Ok(process::spawn_link(|| receive! { () => {} })?)
//! });
//! let supervisor = Supervisor::one_for_one()
//!     .child(client.backoff(Duration::from_millis(1), Duration::from_secs(1)))
//!     .start_link()?;
//! receive! { "connected" => {} }
//!
//! // The database is restarted, and takes its time. The client fails.
//! REFUSALS.store(3, Ordering::SeqCst);
//! let client = supervisor.which_children()?[0].state.pid().expect("it runs");
//! process::exit(client, ExitReason::Kill);
//! receive! { "connected" => {} }
//! assert_eq!(REFUSALS.load(Ordering::SeqCst), 0);
//! # supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The first start is not tried again: a supervisor whose child does not start does not start
//! either. A child that may have to wait for its first connection, too, connects after its `init`,
//! in [`handle_continue`](crate::gen_server::HandleContinue), and ends if it fails.
//!
//! # Automatic shutdown
//!
//! A supervisor of children that do one job together has no reason to stay when the job is done.
//! With [`auto_shutdown`](Supervisor::auto_shutdown) it ends, with [`ExitReason::Shutdown`], when
//! [significant](ChildSpec::significant) children have ended by themselves and are not restarted:
//! when [any](AutoShutdown::AnySignificant) has, or when [all](AutoShutdown::AllSignificant) have.
//!
//! A significant child is transient or temporary, as a permanent one never ends for good. A child
//! that was stopped by [`terminate_child`](SupervisorRef::terminate_child) has not ended by itself.
//!
//! ```
//! use procession::prelude::*;
//! use procession::process::Builder;
//! use procession::supervisor::AutoShutdown;
//! use std::time::Duration;
//!
//! let job = ChildSpec::new("job", || {
//!     let pid = Builder::new().name("job").link().spawn(|| receive! { "done" => {} })?;
//!     Ok(pid)
//! });
//! let supervisor = Supervisor::one_for_one()
//!     .auto_shutdown(AutoShutdown::AnySignificant)
//!     .child(job.restart(Restart::Transient).significant(true))
//!     .start_link()?;
//! let monitor = process::monitor(supervisor.pid());
//!
//! process::send_to("job", "done")?;
//! let reason = process::wait(monitor, Duration::from_secs(5));
//! assert_eq!(reason, Some(ExitReason::Shutdown));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Module-based supervisors
//!
//! A [`Supervisor`] value describes a supervisor once: when its own supervisor restarts it, it is
//! started from a copy. A type that implements [`Supervise`] describes it anew each time, in the
//! new supervisor's process, so its children can depend on its arguments, or on what the program
//! knows by then. It gives a subtree a name of its own, and is the usual way within a tree.
//!
//! ```
//! use procession::prelude::*;
//! use procession::supervisor::{Supervise, SupervisorInit};
//!
//! # #[derive(Debug)]
//! # struct Counter(u64);
//! # impl GenServer for Counter {
//! #     type Args = u64;
//! #     fn init(n: u64) -> InitResult<Self> { ready(Counter(n)) }
//! # }
//! /// So many counters, which are of no use without each other.
//! struct Counters;
//!
//! impl Supervise for Counters {
//!     type Args = u64;
//!
//!     fn init(count: u64) -> SupervisorInit {
//!         let children = (1..=count).map(|n| Counter::child_spec(n).id(n.to_string()));
//!         Ok(Some(children.fold(Supervisor::one_for_all(), Supervisor::child)))
//!     }
//! }
//!
//! let top = Supervisor::one_for_one().child(Counters::named_child_spec("counters", 3));
//! let top = top.start_link()?;
//! assert_eq!(SupervisorRef::named("counters").count_children()?.active, 3);
//! # top.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Start and shutdown
//!
//! The supervisor starts its children in order, each one when the one before is ready, that is,
//! when its `init` has returned. [`start_link`](Supervisor::start_link) returns when all have
//! started. If one does not start, those before it are stopped again, in reverse order, and the
//! start fails with [`FailedToStart`].
//!
//! To shut down, it stops its children in reverse order, each as its [`Shutdown`] says, the next
//! one when the one before has ended; children that have no order are all stopped at once. It does
//! so when it is [stopped](AnySupervisorRef::stop), when its parent ends or tells it to shut down,
//! and when it gives up. So a child can rely on those before it from its `init` to its `terminate`.
//!
//! # How to keep `main` alive
//!
//! When `main` returns, the program ends, whatever its processes do. A program that is a tree of
//! supervisors is best made an [application](crate::application): then its `main` is
//! [`application::run`](crate::application::run()), which stops the tree, too, when the program is
//! told to end. Without applications `main` waits for the end of the supervisor at the top. When
//! that has given up, the program ends with an error:
//!
//! ```no_run
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! # #[derive(Debug)]
//! # struct Counter(u64);
//! # impl GenServer for Counter {
//! #     type Args = u64;
//! #     fn init(n: u64) -> InitResult<Self> { ready(Counter(n)) }
//! # }
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let supervisor = Supervisor::one_for_one().child(Counter::child_spec(1)).start_link()?;
//!     let reason = process::join(supervisor, Duration::MAX).expect("it waits without limit");
//!     Err(format!("the supervisor has ended: {reason}"))? // The exit code is 1.
//! }
//! ```
//!
//! A supervisor that gives up does not end `main`, which is linked to it: a thread of the program's
//! own always traps exits. It says so in a [report](crate::report), with the child that has failed
//! too often and, in the reports before, why.
//!
//! # Exit reasons and restarts
//!
//! | the child ends | `Permanent` | `Transient` | `Temporary` | reported |
//! |---|---|---|---|---|
//! | with `Normal`: its body returns, a server stops | restarted | gone | gone | if permanent |
//! | with `Shutdown`, `ShutdownWith` | restarted | gone | gone | if permanent |
//! | by a panic, an error, `Killed`, any other reason | restarted | restarted | gone | always |
//! | as its supervisor stops it | stays stopped | stays stopped | gone | if it ends otherwise |
//!
//! *Gone*: the supervisor keeps the spec of a transient child, which
//! [`restart_child`](SupervisorRef::restart_child) can start again, and forgets a temporary one.
//! *Reported*: the supervisor writes a [`SupervisorReport`](crate::report::SupervisorReport). The
//! last row is about a single stop, by [`terminate_child`](SupervisorRef::terminate_child):
//! children that are stopped because a strategy restarts them are started again, but for temporary
//! ones.
//!
//! Processes that are linked to a child receive its exit signal before those that monitor it. So
//! when a process has received the `Down` of a child, the supervisor knows of the crash, and
//! answers the next request when the new child has started; a call to the child's name in between
//! finds no process. A process that learns of the new child by other means may do so before it
//! receives the `Down` of the old one.
//!
//! # OTP's functions
//!
//! | OTP | here |
//! |---|---|
//! | `supervisor:start_link` | [`Supervisor::start_link`], [`Supervise::start_link`] |
//! | `init/1` | [`Supervise::init`] |
//! | flags | [`Supervisor::intensity`], [`Supervisor::auto_shutdown`], [`Strategy`] |
//! | child specs | [`ChildSpec`], [`Supervised::child_spec`] |
//! | `start_child` | [`SupervisorRef::start_child`] |
//! | `terminate_child` | [`SupervisorRef::terminate_child`] |
//! | `restart_child` | [`SupervisorRef::restart_child`] |
//! | `delete_child` | [`SupervisorRef::delete_child`] |
//! | `which_children` | [`AnySupervisorRef::which_children`] |
//! | `count_children` | [`AnySupervisorRef::count_children`] |
//! | `get_childspec` | [`SupervisorRef::get_child_spec`] |
//! | `check_childspecs` | [`Supervisor::check`] |
//! | `get_callback_module` | [`AnySupervisorRef::get_callback_module`] |
//! | `simple_one_for_one` | [`Supervisor::simple_one_for_one`], [`SimpleOneForOneRef`] |
//!
//! | Elixir | here |
//! |---|---|
//! | `Supervisor.start_link(children, options)` | [`Supervisor::start_link`] |
//! | `use Supervisor`, `init/1` | [`Supervise`], [`Supervise::init`] |
//! | `child_spec/2` | [`Supervised::child_spec`], and the methods of [`ChildSpec`] |
//! | `use GenServer, restart: ...` | [`GenServer::RESTART`] |
//! | `max_restarts`, `max_seconds` | [`Supervisor::intensity`] |
//! | `auto_shutdown`, `significant` | [`Supervisor::auto_shutdown`], [`ChildSpec::significant`] |
//! | `stop` | [`AnySupervisorRef::stop`], [`AnySupervisorRef::stop_with`] |
//! | `DynamicSupervisor` | [`dynamic_supervisor`] |
//! | `PartitionSupervisor` | [`partition_supervisor`] |
//!
//! [`GenServer::RESTART`]: crate::gen_server::GenServer::RESTART
//! [`dynamic_supervisor`]: crate::dynamic_supervisor
//! [`partition_supervisor`]: crate::partition_supervisor
//!
//! [`tree`] returns the processes below a supervisor, to be printed or drawn.
//!
//! # Differences from OTP
//!
//! - A start function is a closure, which captures the start arguments of the child.
//! - Types rule out most of the mistakes in a child spec. The others are a [`SpecError`].
//! - A child that is killed has a [grace](crate::process::Builder::kill_grace) to leave its code,
//!   as every process here: a supervisor waits for at most that much longer.
//! - A child that calls its supervisor while the supervisor waits for the child to end, directly or
//!   through other processes, gets the error [`Deadlock`](crate::CallErrorKind::Deadlock) at
//!   once, where OTP lets both wait until the child is killed, or forever.
//! - A child of a `simple_one_for_one` supervisor is started with one value, not with a list of
//!   arguments that is appended to that of the spec. The requests that take an id do not exist
//!   there, and `which_children` returns the id of the template, where OTP returns `undefined`.
//! - `restart_child` returns the process, and not the `Info` that the start function may return.
//! - There is one module to a child, and no `dynamic`: the type of its server, or else its start
//!   function.
//! - A child that chooses not to start is [`SupervisorError::Ignored`], where OTP says
//!   `{ok, undefined}`.
//!
//! # Beyond OTP
//!
//! - [Restart with back-off](#restart-with-back-off). It is off unless a child's spec sets it.
//! - A child that can be started [once only](ChildSpec::once), as a value that is moved into it
//!   cannot be moved again. OTP's values can be copied.
//!
//! OTP: [`supervisor`](https://www.erlang.org/doc/apps/stdlib/supervisor.html).
//!
//! [`ExitReason::Shutdown`]: crate::ExitReason::Shutdown

mod spec_error;
mod backoff;
mod child_spec;
mod flags;
mod child_info;
mod error;
pub(crate) mod intensity;
pub(crate) mod shown;
mod child_list;
pub(crate) mod failures;
pub(crate) mod killed;
pub(crate) mod shutdown;
mod restart;
mod ordered;
pub(crate) mod dynamic;
pub(crate) mod serve;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) mod across;
mod supervisor_ref;
mod simple_one_for_one;
mod supervise;
mod tree;

use std::any::type_name;
use std::collections::HashSet;
use std::time::Duration;

use crate::gen_server::{StartError, StartOptions};

pub use crate::child_policy::{Restart, Shutdown};
pub use backoff::Backoff;
pub use child_info::{ChildInfo, ChildState, Counts};
pub use child_spec::{Child, ChildSpec, ChildType, Policy, Supervised};
pub use error::{FailedToStart, SupervisorError};
pub use flags::{AutoShutdown, Strategy};
pub use simple_one_for_one::{SimpleOneForOne, SimpleOneForOneRef};
pub use spec_error::{SpecError, StartedBefore};
pub use supervise::{Supervise, SupervisorInit};
pub use supervisor_ref::{AnySupervisorRef, SupervisorRef};
pub use tree::{Tree, tree};

use child_spec::{Spec, StartedChild};
use intensity::Intensity;
use serve::SupervisorPlan;

/// Describes a supervisor to be started: its strategy, its flags, its children.
///
/// As in OTP, it restarts children at most once in any five seconds, unless
/// [`intensity`](Self::intensity) sets another limit.
#[derive(Clone, Debug)]
#[must_use = "a supervisor does nothing until it is started"]
pub struct Supervisor {
    strategy: Strategy,
    intensity: Intensity,
    auto_shutdown: AutoShutdown,
    children: Vec<Spec>,
}

impl Supervisor {
    /// Creates a supervisor without children.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let supervisor = Supervisor::new(Strategy::OneForAll).start_link()?;
    /// assert_eq!(supervisor.count_children()?.specs, 0);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor {
            strategy,
            intensity: Intensity::OTP,
            auto_shutdown: AutoShutdown::Never,
            children: Vec::new(),
        }
    }

    /// Creates a supervisor that restarts only the child that has failed.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(name: &'static str) -> ChildSpec {
    /// #     let process = move || process::Builder::new().link().name(name);
    /// #     ChildSpec::new(name, move || Ok(process().spawn(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one()
    ///     .child(worker("a"))
    ///     .child(worker("b"))
    ///     .child(worker("c"))
    ///     .start_link()?;
    /// let before = ["a", "b", "c"].map(process::whereis);
    /// # let monitor = process::monitor("b");
    /// process::exit(before[1].unwrap(), ExitReason::Kill);
    /// # receive! { down: Down if down.monitor == monitor => {} }
    /// # supervisor.count_children()?;
    /// let after = ["a", "b", "c"].map(process::whereis);
    /// assert!(before[0] == after[0] && before[1] != after[1] && before[2] == after[2]);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn one_for_one() -> Supervisor {
        Supervisor::new(Strategy::OneForOne)
    }

    /// Creates a supervisor that restarts all children when one has failed.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(name: &'static str) -> ChildSpec {
    /// #     let process = move || process::Builder::new().link().name(name);
    /// #     ChildSpec::new(name, move || Ok(process().spawn(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_all()
    ///     .child(worker("a"))
    ///     .child(worker("b"))
    ///     .child(worker("c"))
    ///     .start_link()?;
    /// let before = ["a", "b", "c"].map(process::whereis);
    /// # let monitor = process::monitor("b");
    /// process::exit(before[1].unwrap(), ExitReason::Kill);
    /// # receive! { down: Down if down.monitor == monitor => {} }
    /// # supervisor.count_children()?;
    /// let after = ["a", "b", "c"].map(process::whereis);
    /// assert!(before[0] != after[0] && before[1] != after[1] && before[2] != after[2]);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn one_for_all() -> Supervisor {
        Supervisor::new(Strategy::OneForAll)
    }

    /// Creates a supervisor that restarts the child that has failed and those that were started
    /// after it.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(name: &'static str) -> ChildSpec {
    /// #     let process = move || process::Builder::new().link().name(name);
    /// #     ChildSpec::new(name, move || Ok(process().spawn(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::rest_for_one()
    ///     .child(worker("a"))
    ///     .child(worker("b"))
    ///     .child(worker("c"))
    ///     .start_link()?;
    /// let before = ["a", "b", "c"].map(process::whereis);
    /// # let monitor = process::monitor("b");
    /// process::exit(before[1].unwrap(), ExitReason::Kill);
    /// # receive! { down: Down if down.monitor == monitor => {} }
    /// # supervisor.count_children()?;
    /// let after = ["a", "b", "c"].map(process::whereis);
    /// assert!(before[0] == after[0] && before[1] != after[1] && before[2] != after[2]);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rest_for_one() -> Supervisor {
        Supervisor::new(Strategy::RestForOne)
    }

    /// Allows at most `restarts` restarts in any `period`. When one more is due, the supervisor
    /// gives up. Default: 1 in 5 s.
    ///
    /// The children that the strategy restarts together count as one restart.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// # use std::time::Duration;
    /// let supervisor = Supervisor::one_for_one()
    ///     .intensity(10, Duration::from_secs(60))
    ///     .child(worker("a"))
    ///     .start_link()?;
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Supervisor {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets whether the supervisor shuts down when significant children have exited. Default: it
    /// does not.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let job = worker("job").restart(Restart::Temporary).significant(true);
    /// let supervisor = Supervisor::one_for_one()
    ///     .auto_shutdown(AutoShutdown::AnySignificant)
    ///     .child(job)
    ///     .child(worker("assistant"))
    ///     .start_link()?;
    /// let monitor = process::monitor(&supervisor);
    /// # let job = supervisor.which_children()?.last().and_then(|it| it.state.pid()).unwrap();
    /// process::send(job, ()); // It is done, and exits.
    /// receive! {
    ///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Shutdown),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Supervisor {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child, which is started after those that were added before.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// assert_eq!(supervisor.count_children()?.active, 1);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child<C: Child>(mut self, spec: ChildSpec<C>) -> Supervisor {
        self.children.push(spec.into());
        self
    }

    /// Checks the child specs and the flags as [`start_link`](Self::start_link) does, and starts
    /// nothing.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::supervisor::SpecError;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).child(worker("a"));
    /// assert_eq!(supervisor.check(), Err(SpecError::DuplicateId("a".to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP:
    /// [`supervisor:check_childspecs/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#check_childspecs/2).
    ///
    /// # Errors
    ///
    /// Returns the first mistake that is found.
    pub fn check(&self) -> Result<(), SpecError> {
        self.intensity.checked()?;
        let mut ids = HashSet::new();
        for Spec { policy, .. } in &self.children {
            policy.check(self.auto_shutdown)?;
            if !ids.insert(&policy.id) {
                return Err(SpecError::DuplicateId(policy.id.clone()));
            }
        }
        Ok(())
    }

    /// Starts the supervisor, linked to the caller, and waits until its children have started.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one().child(worker("a")).start_link()?;
    /// assert_eq!(supervisor.count_children()?.active, 1);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP:
    /// [`supervisor:start_link/2`](https://www.erlang.org/doc/apps/stdlib/supervisor.html#start_link/2).
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`SpecError`] if [`check`](Self::check) fails, or with a
    /// [`FailedToStart`], as a shutdown, if a child does not start; the children before it have
    /// been stopped then. Otherwise as for any server.
    pub fn start_link(self) -> Result<SupervisorRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts the supervisor as [`start_link`](Self::start_link) does, with the options of a
    /// server: a name, for instance.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = Supervisor::one_for_one()
    ///     .child(worker("a"))
    ///     .start_link_with(StartOptions::new().name("start_link_with::top"))?;
    /// assert_eq!(SupervisorRef::named("start_link_with::top").count_children()?.active, 1);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(self, options: StartOptions) -> Result<SupervisorRef, StartError> {
        SupervisorRef::start(
            type_name::<Self>(),
            || Ok(Some(SupervisorPlan::Ordered(self))),
            options,
        )
    }

    /// Returns a child spec by which another supervisor starts this one. It sets no limit on the
    /// time that this supervisor takes to shut down.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let inner = Supervisor::one_for_all().child(worker("a")).child(worker("b"));
    /// let top = Supervisor::one_for_one().child(inner.child_spec("inner")).start_link()?;
    /// assert_eq!(top.count_children()?.supervisors, 1);
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let inner = Supervisor::one_for_all().child(worker("a")).child(worker("b"));
    /// let inner = inner.named_child_spec("named_child_spec::inner");
    /// let top = Supervisor::one_for_one().child(inner).start_link()?;
    /// assert_eq!(SupervisorRef::named("named_child_spec::inner").count_children()?.active, 2);
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<SupervisorRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }
}
