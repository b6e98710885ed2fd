//! Panics of the program's code that go no further.
//!
//! What the runtime has to know of them, it is [told](handle_by): the words of this crate, in which
//! values of the program's travel, know nothing of processes.

use std::any::{Any, type_name};
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::thread;

/// What the runtime does about panics that are caught.
pub(crate) struct Handler {
    /// Is told of each, by what it has left.
    pub(crate) caught: fn(&(dyn Any + Send)),
    /// Says in the log what has panicked.
    pub(crate) report: fn(&str, Box<dyn Any + Send>),
}

static HANDLER: OnceLock<Handler> = OnceLock::new();

/// Sets what is done from now on. It is the same each time.
pub(crate) fn handle_by(handler: Handler) {
    _ = HANDLER.set(handler);
}

/// Runs code of the program's that is to give the runtime a value.
pub(crate) fn catch_value<T>(body: impl FnOnce() -> T) -> thread::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(body)).inspect_err(|payload| {
        if let Some(handler) = HANDLER.get() {
            (handler.caught)(&**payload);
        }
    })
}

/// Writes to the log, which is user code: a panic of it goes no further.
pub(crate) fn log_caught(write: impl FnOnce()) {
    if let Err(payload) = catch_value(write) {
        drop_payload(payload); // Nobody is left to tell.
    }
}

/// Drops what a panic has left, which may panic, too: then with what is left of that as it is.
pub(crate) fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(worse) = catch_value(|| drop(payload)) {
        mem::forget(worse);
    }
}

/// Drops `value`; a panic of its destructor is logged and goes no further.
pub(crate) fn drop_caught<T>(value: T) {
    let Err(payload) = catch_value(|| drop(value)) else { return };
    match HANDLER.get() {
        Some(handler) => (handler.report)("a destructor", payload),
        None => {
            drop_payload(payload);
            log_caught(|| log::error!("the destructor of a {} has panicked", type_name::<T>()));
        }
    }
}

/// A value of the user's whose destructor does no harm, wherever it runs: whoever happens to drop
/// it last is not to suffer from a panic of it, nor the program if the thread unwinds then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Guarded<T> {
        Guarded(Some(value))
    }

    pub(crate) fn get(&self) -> &T {
        self.0.as_ref().expect("it is only taken when this is gone")
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is only taken when this is gone")
    }

    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect("it is only taken when this is gone")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_caught(value);
        }
    }
}
