//! Which process a thread runs.
//!
//! The runtime only says so. Who is calling is asked in `process`, where threads become processes
//! that are none yet. The cell needs no destructor, so it can be used until the thread is gone.

use std::cell::Cell;

use super::table::Process;

thread_local! {
    static CALLER: Cell<Option<Process>> = const { Cell::new(None) };
}

#[inline]
pub(crate) fn caller() -> Option<Process> {
    CALLER.get()
}

pub(crate) fn set_caller(process: Option<Process>) {
    CALLER.set(process);
}
