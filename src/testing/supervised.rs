//! The supervisor of what a test starts.

use std::fmt::Write;
use std::ops::Deref;
use std::thread;
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::process;
use crate::process::Info;
use crate::supervisor::{Child, ChildSpec, Supervisor, SupervisorRef};

use super::TIMEOUT;

/// As in ExUnit: a child can fail as often as the test wants.
const RESTARTS: usize = 1_000_000;

/// Supervises what a test starts, and stops it when it is dropped, at the end of the test: the last
/// child first, each as its spec says.
///
/// The other requests to a supervisor are those of [`SupervisorRef`], to which this dereferences.
///
/// Dropping it panics if a process is left that was started below the supervisor, by a child or by
/// the start function of one, and that does not end within five seconds. The panic says which
/// processes these are; they are killed. If the test has failed already, they are only killed.
///
/// The children are restarted as often as they fail.
///
/// ExUnit: [`start_supervised`](https://hexdocs.pm/ex_unit/ExUnit.Callbacks.html#start_supervised/2).
///
/// ```
/// use procession::prelude::*;
/// use procession::testing::TestSupervisor;
///
/// # #[derive(Debug)]
/// # struct Counter(u64);
/// # impl GenServer for Counter {
/// #     type Args = u64;
/// #     fn init(n: u64) -> InitResult<Self> { ready(Counter(n)) }
/// # }
/// let pid = {
///     let tests = TestSupervisor::start();
///     let counter = tests.start_supervised(Counter::child_spec(1));
///     assert_eq!(tests.count_children()?.active, 1);
///     counter.pid()
/// };
/// assert!(!process::is_alive(pid));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "what it supervises is stopped when it is dropped"]
pub struct TestSupervisor {
    supervisor: SupervisorRef,
}

impl TestSupervisor {
    /// Starts a supervisor without children, linked to the caller.
    ///
    /// # Panics
    ///
    /// If there is no thread for it.
    #[track_caller]
    pub fn start() -> TestSupervisor {
        let supervisor = Supervisor::one_for_one().intensity(RESTARTS, Duration::from_secs(1));
        match supervisor.start_link() {
            Ok(supervisor) => TestSupervisor { supervisor },
            Err(error) => panic!("the supervisor of a test does not start: {error}"),
        }
    }

    /// Starts a child.
    ///
    /// # Panics
    ///
    /// If it does not start, or there is a child with its id.
    #[track_caller]
    pub fn start_supervised<C: Child>(&self, spec: ChildSpec<C>) -> C {
        let id = spec.policy().id;
        match self.supervisor.start_child(spec) {
            Ok(child) => child,
            Err(error) => panic!("the test's child {id:?} cannot be started: {error}"),
        }
    }

    /// Stops a child before the test is over, and forgets it, so that its id is free.
    ///
    /// # Panics
    ///
    /// If there is no such child.
    #[track_caller]
    pub fn stop_supervised(&self, id: &str) {
        if let Err(error) = self.supervisor.terminate_child(id) {
            panic!("the test's child {id:?} cannot be stopped: {error}");
        }
        // There is nothing left to delete if it was temporary.
        _ = self.supervisor.delete_child(id);
    }
}

impl Deref for TestSupervisor {
    type Target = SupervisorRef;

    fn deref(&self) -> &SupervisorRef {
        &self.supervisor
    }
}

impl Drop for TestSupervisor {
    fn drop(&mut self) {
        let supervisor = self.supervisor.pid();
        // A test that traps exits is not interested in the end of this one.
        process::unlink(supervisor);
        // An error says that it has ended before.
        _ = self.supervisor.stop();
        let left = left_below(supervisor);
        if left.is_empty() {
            return;
        }
        let mut text = String::from("the test has left processes behind, which are killed now:");
        for info in &left {
            _ = write!(text, "\n    {}", description(info));
            process::exit(info.pid, ExitReason::Kill);
        }
        assert!(thread::panicking(), "{text}");
    }
}

/// Returns the processes that were started below `ancestor`, and that do not end by themselves.
fn left_below(ancestor: Pid) -> Vec<Info> {
    let is_below = |info: &Info| info.ancestors.contains(&ancestor);
    let below: Vec<Pid> = process::processes()
        .into_iter()
        .filter_map(process::info)
        .filter(is_below)
        .map(|info| info.pid)
        .collect();
    let start = Instant::now();
    for pid in below.iter().copied() {
        process::wait(process::monitor(pid), TIMEOUT.saturating_sub(start.elapsed()));
    }
    below.into_iter().filter_map(process::info).collect()
}

fn description(info: &Info) -> String {
    let name = info.any_name().map(|name| name.to_string());
    let known = name.as_deref().or(info.label.as_deref()).or(info.initial_call);
    known.map_or(info.pid.to_string(), |known| format!("{} {known}", info.pid))
}
