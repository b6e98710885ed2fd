//! The border between the runtime and code that may panic.
//!
//! An exit unwinds the thread with a private payload, so that destructors run. It does not pass
//! through the panic hook. A panic of the user's does: the hook, installed when the first process
//! begins, keeps what it sees for the crash report and prints nothing, if the thread is the
//! runtime's and runs a process; on other threads it calls the hook that was there before.
//!
//! A thread of the program's own that is a process may end by a panic, which nobody tells its
//! process: what catches it is the standard library's. So the hook [keeps](current::begin_panic)
//! what it sees there, too, until the thread uses the crate outside a panic again: then it was
//! caught.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::process;
use std::sync::{Arc, Once};
use std::thread;

use crate::caught;
use crate::caught::{Handler, drop_payload, log_caught};
use crate::exit::{ExitReason, Panic};

use super::current;

pub(crate) use crate::caught::{Guarded, catch_value, drop_caught};

/// The payload by which a process unwinds to its end.
struct Unwinding(ExitReason);

/// Unwinds the thread to the end of its process.
pub(crate) fn unwind(reason: ExitReason) -> ! {
    panic::resume_unwind(Box::new(Unwinding(reason)))
}

/// How the body of a process ended.
pub(crate) enum Outcome {
    /// It returned, or it was left by [`unwind`].
    Left(ExitReason),
    /// It panicked.
    Crashed(ExitReason),
}

/// Runs the body of a process.
pub(crate) fn run(body: impl FnOnce() -> ExitReason) -> Outcome {
    match catch_value(body) {
        Ok(reason) => Outcome::Left(reason),
        Err(payload) if payload.is::<Unwinding>() => Outcome::Left(exit_reason(payload)),
        Err(payload) => Outcome::Crashed(exit_reason(payload)),
    }
}

/// The exit reason that a panic's payload stands for.
pub(crate) fn exit_reason(payload: Box<dyn Any + Send>) -> ExitReason {
    match payload.downcast::<Unwinding>() {
        Ok(unwinding) => unwinding.0,
        Err(payload) => {
            let panic = seen_panic(panic_message(&*payload).to_owned());
            drop_payload(payload);
            ExitReason::Panic(Arc::new(panic))
        }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a payload that is not a message")
}

/// Logs a panic of user code that the runtime called and that must not disturb it.
pub(crate) fn report_caught(what: &str, payload: Box<dyn Any + Send>) {
    let reason = exit_reason(payload);
    log_caught(|| match reason.as_panic() {
        Some(panic) => log::error!("{what} of a process {panic}"),
        // It made a call that waits, when its process was ending.
        None => log::debug!("{what} of a process was unwound: {reason}"),
    });
}

/// Drops each of `values` by itself, so that a panic of one does not keep the others.
pub(crate) fn drop_each_caught<T>(values: impl IntoIterator<Item = T>) {
    values.into_iter().for_each(drop_caught);
}

/// Runs code of the runtime that must not panic, as processes would then wait for ever.
pub(crate) fn or_abort<T>(body: impl FnOnce() -> T) -> T {
    catch_value(body).unwrap_or_else(|payload| {
        abort(&format!("a bug: the runtime's own code {}", exit_reason(payload)))
    })
}

/// Ends the program where nothing else is left to do, saying why.
pub(crate) fn abort(why: &str) -> ! {
    eprintln!("procession: {why}; aborting");
    process::abort()
}

thread_local! {
    /// Whether the thread is running the body of a process.
    static IN_BODY: Cell<bool> = const { Cell::new(false) };
    /// What the hook saw last on this thread.
    static LAST_SEEN: Cell<Option<Box<Panic>>> = const { Cell::new(None) };
}

/// Says whether panics on this thread are the business of a process from now on.
pub(crate) fn set_in_body(in_body: bool) {
    IN_BODY.set(in_body);
}

/// Installs the panic hook, once. It cannot be done while the thread panics.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let caught = |payload: &(dyn Any + Send)| current::panic_caught(panic_message(payload));
        caught::handle_by(Handler { caught, report: report_caught });
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IN_BODY.get() {
                // Out of reach only in the last moments of a thread, when no process is left to
                // report on.
                _ = LAST_SEEN.try_with(|last| last.set(Some(Box::new(see(info)))));
            } else {
                current::begin_panic(|| see(info));
                previous(info);
            }
        }));
    });
}

fn see(info: &PanicHookInfo<'_>) -> Panic {
    let backtrace = Backtrace::capture();
    Panic {
        message: panic_message(info.payload()).to_owned(),
        location: info.location().map(ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    }
}

/// What the hook saw of the panic with this message, or just the message.
///
/// The last panic that the hook saw may have been another one, caught since.
fn seen_panic(message: String) -> Panic {
    let seen = LAST_SEEN.try_with(Cell::take).ok().flatten();
    match seen {
        Some(seen) if seen.message == message => *seen,
        _ => Panic::new(message),
    }
}
