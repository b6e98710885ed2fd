//! Code of the program's that the runtime runs in a process made for it.
//!
//! Such a process belongs to nobody, and is started also when everything is being shut down.

use std::sync::Arc;

use log::Level;
use parking_lot::Mutex;

use crate::id::Pid;
use crate::user_code::{Guarded, log_caught, run_caught};

use super::exit::normal;
use super::start::{self, Start};
use super::threads::ThreadError;

/// Runs a job that may run user code (destructors, loggers) in a process made for it; on the
/// calling thread, if no other can be had. For the timer thread, whose work others wait for.
pub(crate) fn run_detached(job: impl FnOnce() + Send + 'static) {
    let job = Arc::new(Mutex::new(Some(job)));
    let shared = Arc::clone(&job);
    let run = move || {
        let job = shared.lock().take();
        job.into_iter().for_each(|job| job());
    };
    if let Err(error) = spawn_detached(run) {
        log_caught(Level::Debug, "procession::detached", format_args!("{error}"));
        let job = job.lock().take();
        job.into_iter().for_each(|job| run_caught(job));
    }
}

/// Starts a process that belongs to nobody, also when everything is being shut down.
pub(crate) fn spawn_detached(body: impl FnOnce() + Send + 'static) -> Result<Pid, ThreadError> {
    let body = Guarded::new(body);
    let process = Start::new().begin(None)?;
    start::run(process, normal(body.into_inner()));
    Ok(process.pid)
}
