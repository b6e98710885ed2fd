//! Which process a thread runs.
//!
//! The runtime only stores it. Who is calling is asked in [`process`](crate::process), where a
//! thread that is not a process yet becomes one. The cell needs no destructor, so it can be used
//! until the thread is gone.

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
