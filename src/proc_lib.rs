//! Processes that acknowledge their start, and that are reported when they crash.
//!
//! A process that is started by [`start`] runs its start-up while its starter waits, and then
//! *acknowledges* with a value of its choice. All servers of this crate are started in this way; a
//! handmade process can be, too:
//!
//! ```
//! use procession::prelude::*;
//! use procession::proc_lib;
//! use std::net::TcpListener;
//!
//! let started = proc_lib::start_link(|starter| match TcpListener::bind("127.0.0.1:0") {
//!     Ok(listener) => {
//!         starter.ack(Ok((process::self_pid(), listener.local_addr())));
//!         // ... accept ...
//! #       process::receive();
//!     }
//!     Err(error) => starter.fail(Err(error), ExitReason::Normal),
//! })?;
//! let (pid, address) = started?;
//! assert_eq!(address?.ip().to_string(), "127.0.0.1");
//! # process::send(pid, ());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The runtime remembers what such a process was [started as](initial_call). If it ends abnormally,
//! whether it panics or not, a [`CrashReport`](crate::report::CrashReport) of it is written. If an
//! exit signal ends it, no report is written, as the process that has sent the signal writes one. A
//! process that was started by [`process::spawn`](crate::process::spawn()) is reported only if it
//! panics, or if its body returns an error.
//!
//! | OTP | here |
//! |---|---|
//! | `proc_lib:spawn`, `spawn_link` | [`spawn`], [`spawn_link`] |
//! | `proc_lib:spawn_opt` | [`spawn_with`], [`spawn_monitor_with`] |
//! | `proc_lib:start`, `start_link` | [`start`], [`start_link`], [`start_with`] |
//! | `proc_lib:start_monitor` | [`start_monitor`], [`start_monitor_with`] |
//! | `proc_lib:init_ack`, `init_fail` | [`Starter::ack`], [`Starter::fail`] |
//! | `proc_lib:stop` | [`stop`], [`stop_with`] |
//! | `proc_lib:hibernate` | [`process::hibernate`] |
//! | `proc_lib:initial_call`, `translate_initial_call` | [`initial_call`] |
//! | `proc_lib:set_label`, `get_label` | [`process::set_label`], [`process::label`] |
//! | `proc_lib:format`, `report_cb` | [`Report`](crate::report::Report) prints itself |
//!
//! [`process::hibernate`]: crate::process::hibernate()
//! [`process::set_label`]: crate::process::set_label
//! [`process::label`]: crate::process::label
//!
//! # Differences from OTP
//!
//! - The value of an acknowledgement has a type. The errors of [`start`] itself are a type of their
//!   own, [`StartError`].
//! - `{monitor, Opts}` among the options of `start` is a `badarg` in OTP; here there is no such
//!   option.
//! - The initial call of a process is the name of its closure's type, which tells where the closure
//!   was written, or of its server's type. There is no list of arguments.
//! - If a [`Starter`] is dropped, nothing can acknowledge the start: the starting process waits
//!   until the new one ends, or until its timeout.
//!
//! OTP: [`proc_lib`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html).

mod start;

use std::any::type_name;
use std::time::Duration;

use crate::exit::{ExitReason, Reason};
use crate::id::{MonitorRef, Pid};
use crate::message::Destination;
use crate::process;
use crate::process::{Builder, Ending, SpawnError};
use crate::stop;

pub use crate::stop::StopError;
pub use start::{
    StartError, StartOptions, Starter, start, start_link, start_monitor, start_monitor_with,
    start_with,
};
pub(crate) use start::{Started, start_process};

/// Spawns a process, as [`process::spawn`](crate::process::spawn()) does, that is reported if it
/// ends abnormally.
///
/// # Errors
///
/// Returns a [`SpawnError`] if there was no thread for the process; then `body` is dropped.
pub fn spawn<R: Ending, F: FnOnce() -> R + Send + 'static>(body: F) -> Result<Pid, SpawnError> {
    spawn_with(Builder::new(), body)
}

/// As [`spawn`], and links the process to the caller before its body runs.
///
/// # Errors
///
/// As [`spawn`].
pub fn spawn_link<R: Ending, F: FnOnce() -> R + Send + 'static>(
    body: F,
) -> Result<Pid, SpawnError> {
    spawn_with(Builder::new().link(), body)
}

/// As [`spawn`], with any options.
///
/// # Errors
///
/// As [`Builder::spawn`].
pub fn spawn_with<R: Ending, F: FnOnce() -> R + Send + 'static>(
    builder: Builder,
    body: F,
) -> Result<Pid, SpawnError> {
    builder.initial_call(type_name::<F>()).spawn(body)
}

/// As [`spawn_with`], and monitors the process before its body runs.
///
/// # Errors
///
/// As [`Builder::spawn_monitor`].
pub fn spawn_monitor_with<R: Ending, F: FnOnce() -> R + Send + 'static>(
    builder: Builder,
    body: F,
) -> Result<(Pid, MonitorRef), SpawnError> {
    builder.initial_call(type_name::<F>()).spawn_monitor(body)
}

/// Returns what `pid` was started as: the type of a server, or of a closure, whose name tells where
/// it was written. Returns `None` if `pid` was not started by this module, or is not alive.
///
/// OTP: [`proc_lib:initial_call/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#initial_call/1).
pub fn initial_call(pid: Pid) -> Option<&'static str> {
    process::info(pid)?.initial_call
}

/// Stops the process at `to`, which must handle [system messages](crate::sys), with
/// [`ExitReason::Normal`], and waits until it has ended.
///
/// OTP: [`proc_lib:stop/1`](https://www.erlang.org/doc/apps/stdlib/proc_lib.html#stop/1).
///
/// # Errors
///
/// - [`StopError::NoProc`] if there is no such process.
/// - [`StopError::Down`] if it ends for another reason.
/// - [`StopError::CallingSelf`] and [`StopError::Deadlock`] at once, if it could never handle the
///   request.
/// - [`StopError::CallerEnded`] if the caller cannot wait any more.
pub fn stop(to: impl Into<Destination>) -> Result<(), StopError> {
    stop_with(to, ExitReason::Normal, Duration::MAX)
}

/// As [`stop`], with any reason, for at most `timeout`.
///
/// # Errors
///
/// As [`stop`], and [`StopError::Timeout`] if the process has not ended in time; it still will,
/// when it handles the request.
pub fn stop_with(
    to: impl Into<Destination>,
    reason: impl Reason,
    timeout: Duration,
) -> Result<(), StopError> {
    stop::stop(&to.into(), reason.into(), timeout)
}
