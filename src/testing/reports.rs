//! The reports of what a test starts.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::id::Pid;
use crate::process;
use crate::report::{HandlerId, Report, add_handler, remove_handler};

/// Collects the reports of the calling process, and of those that it has started, or they have, and
/// so on; until the value that is returned is dropped.
///
/// Other tests that run at the same time have reports of their own, which are not among them. The
/// reports go to the log all the same. A process writes its reports before others learn of its end,
/// a supervisor before it answers the next request: so there is no need to wait for them.
///
/// Reports of [applications](crate::application) are written by their controller, which no test has
/// started, and so they are not collected. A process knows the sixteen processes above it: what is
/// started further down is not found.
///
/// ```
/// use procession::prelude::*;
/// use procession::report::Report;
/// use procession::testing;
///
/// let reports = testing::capture_reports();
/// let (_, monitor) = process::spawn_monitor(|| panic!("out of paper"))?;
/// receive! { down: Down if down.monitor == monitor => {} }
///
/// let reports = reports.take();
/// assert!(matches!(reports[..], [Report::Crash(_)]));
/// assert!(reports[0].to_string().contains("out of paper"));
/// # Ok::<(), process::SpawnError>(())
/// ```
pub fn capture_reports() -> CapturedReports {
    let (owner, reports) = (process::self_pid(), Arc::<Mutex<Vec<Report>>>::default());
    let handler = {
        let reports = Arc::clone(&reports);
        add_handler(move |report| {
            if is_about(owner) {
                let report = report.clone();
                reports.lock().push(report);
            }
        })
    };
    CapturedReports { reports, handler }
}

/// Whether the calling process, which a report is about, is `owner` or was started below it.
fn is_about(owner: Pid) -> bool {
    let me = process::self_pid();
    me == owner || process::info(me).is_some_and(|info| info.ancestors.contains(&owner))
}

/// Collects reports until it is dropped: see [`capture_reports`].
#[derive(Debug)]
#[must_use = "reports are collected until this is dropped"]
pub struct CapturedReports {
    reports: Arc<Mutex<Vec<Report>>>,
    handler: HandlerId,
}

impl CapturedReports {
    /// Returns the reports since the last call, in the order in which they were written.
    pub fn take(&self) -> Vec<Report> {
        mem::take(&mut *self.reports.lock())
    }
}

impl Drop for CapturedReports {
    fn drop(&mut self) {
        remove_handler(self.handler);
    }
}
