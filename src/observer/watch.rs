//! A server that looks at the program again and again, and reports what is wrong.

use std::time::Duration;

use crate::gen_server::{CastResult, GenServer, InitResult, noreply, ready, warn_of_unhandled};
use crate::message::Message;
use crate::process;
use crate::report::{self, Report};
use crate::timer;

use super::{Detector, Options, snapshot_with};

/// Looks at the whole program at intervals, and reports each [finding](super::Finding) once: as a
/// warning in the log, and to the [handlers of reports](crate::report::add_handler), as
/// [`Report::Finding`].
///
/// It is a server, which a program takes into a supervision tree of its own. Between two looks it
/// waits for a timer.
///
/// ```
/// use procession::observer::{Detector, Watch, WatchOptions};
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let detector = Detector::new().queue_len(10_000);
/// let watch = WatchOptions::new().interval(Duration::from_secs(2)).detector(detector);
/// let top = Supervisor::one_for_one().child(Watch::child_spec(watch)).start_link()?;
/// # top.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:system_monitor/2`](https://www.erlang.org/doc/apps/erts/erlang.html#system_monitor/2),
/// which tells of long queues and long schedules.
#[derive(Debug)]
pub struct Watch(WatchOptions);

/// What a [`Watch`] looks for, and how often.
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct WatchOptions {
    interval: Duration,
    snapshots: Options,
    detector: Detector,
}

impl Default for WatchOptions {
    fn default() -> WatchOptions {
        WatchOptions::new()
    }
}

impl WatchOptions {
    /// Returns the options with their defaults.
    pub fn new() -> WatchOptions {
        let (snapshots, detector) = (Options::new(), Detector::new());
        WatchOptions { interval: Duration::from_secs(2), snapshots, detector }
    }

    /// Sets how long it waits after a look. Default: two seconds; at least a millisecond.
    pub fn interval(mut self, interval: Duration) -> WatchOptions {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets what the snapshots are to say besides. Default: nothing. With
    /// [processor times](Options::cpu_times) it is known whether a process computes.
    pub fn snapshots(mut self, options: Options) -> WatchOptions {
        self.snapshots = options;
        self
    }

    /// Sets what looks at the snapshots. Default: one with [its defaults](Detector::new).
    pub fn detector(mut self, detector: Detector) -> WatchOptions {
        self.detector = detector;
        self
    }
}

/// It is time to look.
#[derive(Debug)]
struct Look;

impl GenServer for Watch {
    type Args = WatchOptions;

    fn init(options: WatchOptions) -> InitResult<Watch> {
        process::set_label("watches the program");
        process::send(process::self_pid(), Look);
        ready(Watch(options))
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Watch> {
        let Watch(options) = self;
        if message.is::<Look>() {
            for finding in options.detector.look(&snapshot_with(options.snapshots)) {
                report::submit(&Report::Finding(finding));
            }
            timer::send_after(options.interval, process::self_pid(), Look);
        } else {
            warn_of_unhandled::<Watch>(message);
        }
        noreply()
    }
}
