//! The tokio runtime of those that need one: the usual one, with a worker thread for each core.

use std::sync::OnceLock;

use tokio::runtime::{Handle, Runtime};

static HANDLE: OnceLock<Handle> = OnceLock::new();

/// Runs `work` inside a new runtime.
pub(crate) fn run<F: Future>(work: F) -> F::Output {
    let runtime = Runtime::new().unwrap();
    HANDLE.set(runtime.handle().clone()).unwrap();
    runtime.block_on(work)
}

/// Runs `work`, from a thread outside, on the runtime of this program.
pub(crate) fn block_on_from_outside<F: Future>(work: F) -> F::Output {
    HANDLE.get().unwrap().block_on(work)
}
