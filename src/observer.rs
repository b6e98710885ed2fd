//! A look at the whole program, as a value.
//!
//! [`snapshot`] says what each process does and waits for, what runs where in supervision trees,
//! how large tables, registries and process groups are, and what the runtime itself takes. It is
//! what one reads when a program has come to a standstill: so it asks nobody. It calls no process
//! and sends no message, it waits for none, and it holds none up.
//!
//! ```
//! use procession::observer;
//! use procession::prelude::*;
//! use procession::process::WaitsFor;
//!
//! # #[derive(Debug)]
//! # struct Counter;
//! # impl GenServer for Counter {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Counter) }
//! # }
//! let top = Supervisor::one_for_one()
//!     .child(Counter::child_spec(()).id("counter"))
//!     .start_link_with(StartOptions::new().name("top"))?;
//! let idle = process::spawn(|| process::hibernate())?;
//!
//! let snapshot = observer::snapshot();
//! println!("{snapshot}");
//! assert_eq!(snapshot.trees[0].tree.children[0].id.as_deref(), Some("counter"));
//! let idle = snapshot.process(idle).unwrap();
//! // It may not have come so far.
//! assert!(matches!(idle.info.waits_for, None | Some(WaitsFor::Hibernation)));
//! # top.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it shows
//!
//! Each process is looked at by itself, one after the other, so the snapshot does not show one
//! moment: of two processes that are linked, one may have ended before the other was looked at. A
//! process that starts or ends meanwhile may be in it or not.
//!
//! What supervisors, registries, process groups and applications show was written by their own
//! processes at the last change. A supervisor that is stuck in a start is shown with the children
//! that it has, and with [what it waits for](crate::process::WaitsFor::Start).
//!
//! Locks that others may hold for long, as they run `Hash`, `Eq` or `Ord` of keys, are waited for
//! for five milliseconds, all together. What is locked longer is left out, and
//! [counted](Snapshot::left_out). All other locks are held by everybody for a few instructions, or
//! as long as it takes to copy the links of a process, to copy some of the rows of a supervisor, or
//! to count the groups of a scope.
//!
//! # What it costs
//!
//! A snapshot of 10,000 processes takes some 30 ms on a machine with two cores, even in a build
//! without optimizations. [`Options`] adds what the system has to be asked for, thread by thread:
//! the processor times take some 40 ms more for as many, how much of the stacks was touched some
//! 80 ms. On a machine that is busy all of it takes longer. Taken once a second, it costs servers
//! that are called all the time less than five per cent of their rate on two cores.
//!
//! What is shown costs processes next to nothing while nobody looks: a thread that parks stores
//! what for where it stores that it parks, one that comes to a receive point counts that, and all
//! else is read of what is there anyway. A supervisor writes a row for each start and end of a
//! child.
//!
//! With the feature `serde` a snapshot [serializes](Snapshot). Its figures are [metrics](Metrics)
//! for Prometheus. With the feature `observer-web` the module `web` shows all of it in a browser,
//! and with `observer-tui` the module `tui` in a terminal.
//!
//! # What is wrong
//!
//! A [`Detector`] compares snapshots, and finds queues that grow, processes that hear of nothing,
//! that wait for each other, supervisors that are about to give up, threads left behind. A
//! [`Watch`] is a server that takes snapshots for one, and reports what it finds.
//!
//! # Other nodes
//!
//! With the feature `dist` a snapshot says [which nodes](Snapshot::nodes) this one is connected
//! with, what has gone by each connection, and what waits. A program that is a node can let others
//! look at it, by `observer::offer`; they do by `observer::snapshot_of`. What that returns is no
//! [`Snapshot`], as pids and types of another program are none here, but it serializes alike: so a
//! page that shows one shows the other.
//!
//! # Differences from OTP
//!
//! - `observer` and `recon` ask each process for its `process_info`, which it answers itself when
//!   it comes to that. Here nobody is asked, so a process that computes is shown, too.
//! - There are no reductions and no heaps of processes. In their place are the processor time and
//!   the stack of a thread, which the thread may have in part from processes that ran on it before.
//! - Applications without processes are not shown, as only the controller knows them:
//!   [`loaded_applications`](crate::application::loaded_applications) asks it. Nor are global
//!   names: [`global`](crate::global) has them.
//! - Only numbers are known of registries and process groups, as keys and groups are values of the
//!   program, whose code a snapshot does not run.
//!
//! OTP: [`observer`](https://www.erlang.org/doc/apps/observer/observer_ug.html),
//! [`erlang:process_info/1`](https://www.erlang.org/doc/apps/erts/erlang.html#process_info/1);
//! [`recon`](https://ferd.github.io/recon/recon.html).

mod options;
mod process_info;
mod node_info;
mod supervision;
#[cfg(all(feature = "io", target_os = "linux"))]
mod thread_usage;
#[cfg(not(all(feature = "io", target_os = "linux")))]
mod no_thread_usage;
mod snapshot;
mod print;
mod exposition;
mod metrics;
#[cfg(feature = "serde")]
mod serialize;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod across;
mod wait_cycles;
mod detector;
mod watch;
#[cfg(all(feature = "observer-web", target_os = "linux"))]
pub mod web;
#[cfg(all(feature = "observer-tui", target_os = "linux"))]
pub mod tui;

#[cfg(all(feature = "dist", target_os = "linux"))]
pub use across::{RemoteSnapshot, offer, snapshot_of, snapshot_of_with};

pub use crate::pg::shown::ScopeInfo;
pub use crate::registry::shown::RegistryInfo;
pub use crate::report::{Finding, FindingKind};
pub use detector::Detector;
pub use metrics::Metrics;
pub use node_info::NodeInfo;
pub use options::Options;
pub use process_info::ProcessInfo;
pub use snapshot::{Limits, NamedProcess, RunningApplication, Snapshot};
pub use supervision::{SupervisionTree, SupervisorInfo};
pub use watch::{Watch, WatchOptions};

/// Looks at the whole program.
///
/// ```
/// use procession::observer;
/// use procession::prelude::*;
///
/// process::register("main", process::self_pid())?;
/// let snapshot = observer::snapshot();
/// assert_eq!(snapshot.named("main").unwrap().info.pid, process::self_pid());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn snapshot() -> Snapshot {
    snapshot_with(Options::new())
}

/// Looks at the whole program, and at what the options ask for.
///
/// ```
/// use procession::observer;
/// use procession::prelude::*;
///
/// let me = process::self_pid();
/// let snapshot = observer::snapshot_with(observer::Options::new().cpu_times(true).stacks(true));
/// let main = snapshot.process(me).unwrap();
/// # #[cfg(all(feature = "io", target_os = "linux"))]
/// println!("{:?}", main.cpu_time.unwrap());
/// ```
pub fn snapshot_with(options: Options) -> Snapshot {
    Snapshot::take(options)
}
