//! For tests of programs that are made of processes.
//!
//! - [`TestSupervisor`] starts what a test needs, and stops it when the test is over, whether it
//!   passes or fails; and it fails a test that leaves processes behind.
//! - [`assert_receive!`](crate::assert_receive) waits for a message, and prints the mailbox if none
//!   comes.
//! - [`unique_name`] makes names, as tests run at the same time in one program.
//! - [`capture_reports`] collects the reports of the processes that a test has started.
//!
//! ```
//! use procession::assert_receive;
//! use procession::prelude::*;
//! use procession::testing::{self, TestSupervisor};
//!
//! #[derive(Debug)]
//! struct Door { watcher: Pid }
//!
//! #[derive(Debug)]
//! struct Knock;
//!
//! #[derive(Debug)]
//! struct Opened(u32);
//!
//! impl GenServer for Door {
//!     type Args = Pid;
//!
//!     fn init(watcher: Pid) -> InitResult<Self> {
//!         ready(Door { watcher })
//!     }
//! }
//!
//! impl HandleCast<Knock> for Door {
//!     fn handle_cast(&mut self, _: Knock) -> CastResult<Self> {
//!         process::send(self.watcher, Opened(1));
//!         noreply()
//!     }
//! }
//!
//! // #[test]
//! fn a_door_opens_when_somebody_knocks() {
//!     let tests = TestSupervisor::start();
//!     let name = testing::unique_name("door");
//!     tests.start_supervised(Door::named_child_spec(&*name, process::self_pid()));
//!
//!     ServerRef::<Door>::named(&*name).cast(Knock);
//!     let times = assert_receive!(Opened(times) => times);
//!     assert_eq!(times, 1);
//! } // The door is stopped here.
//! # a_door_opens_when_somebody_knocks();
//! ```
//!
//! Each test of Rust's test harness runs on a thread of its own, and so it is a process with a
//! mailbox of its own. Time and order:
//!
//! - To wait, wait for an event: a reply, a message, the [end](crate::process::wait) of a process.
//! - To show that something does *not* come, make something come after it. A call, for instance,
//!   is answered when the server has handled all that the caller has sent it before.
//! - A supervisor answers a request when it has restarted what has failed before.
//! - The reports of a process are there when others learn of its end.
//!
//! | ExUnit | here |
//! |---|---|
//! | `start_supervised!` | [`TestSupervisor::start_supervised`] |
//! | `start_supervised` | [`SupervisorRef::start_child`](crate::supervisor::SupervisorRef) |
//! | `stop_supervised!` | [`TestSupervisor::stop_supervised`] |
//! | `assert_receive` | [`assert_receive!`](crate::assert_receive) |
//! | `refute_receive` | none: make something come after it, as above |
//! | `capture_log` | [`capture_reports`] |
//! | `Process.info(self(), :messages)` | [`mailbox`] |

mod mailbox;
mod supervised;
mod reports;

use crate::id::unique;

#[doc(hidden)]
pub use mailbox::nothing_fits;
pub use mailbox::{TIMEOUT, mailbox};
pub use reports::{CapturedReports, capture_reports};
pub use supervised::TestSupervisor;

/// Returns a name that begins with `base`, and that is different each time.
///
/// ```
/// use procession::testing::unique_name;
///
/// assert_ne!(unique_name("door"), unique_name("door"));
/// ```
pub fn unique_name(base: &str) -> String {
    format!("{base}-{}", unique())
}
