//! The boundary between the runtime and the program's code, which may panic.
//!
//! No other file calls `catch_unwind`, `resume_unwind` or `set_hook`. Code of the program's is its
//! callbacks, and the `Drop`, `Debug`, `Display`, `Clone` and `PartialEq` of its values.
//!
//! An exit unwinds the thread with a private payload, [`Unwinding`], so that destructors run. It
//! does not pass through the panic hook. A panic does: the hook, installed when the first process
//! begins, keeps what it sees for the crash report and prints nothing, if the thread runs the body
//! of a process; on other threads it calls the hook that was there before, and tells an
//! [`Observer`].

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::fmt::{self, Debug, Write};
use std::mem;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process;
use std::sync::{Once, OnceLock};
use std::thread;

/// What a panic said, and where.
///
/// Its `Debug` leaves the backtrace out; crash reports show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panic {
    /// The panic message.
    pub message: String,
    /// `file:line:column`. `None` if the runtime's panic hook did not see the panic: after
    /// `resume_unwind`, or when the program has replaced the hook.
    pub location: Option<String>,
    /// The backtrace, if `RUST_BACKTRACE` asks for one.
    pub backtrace: Option<String>,
}

impl Panic {
    /// What the panic hook sees of a panic.
    pub(crate) fn seen(info: &PanicHookInfo<'_>) -> Panic {
        let backtrace = Backtrace::capture();
        let is_captured = backtrace.status() == BacktraceStatus::Captured;
        Panic {
            message: panic_message(info.payload()).to_owned(),
            location: info.location().map(ToString::to_string),
            backtrace: is_captured.then(|| backtrace.to_string()),
        }
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)?;
        match &self.location {
            Some(location) => write!(f, ", at {location}"),
            None => Ok(()),
        }
    }
}

/// What is known here of an exit reason.
pub(crate) trait Reason: Any + Send + fmt::Display {}

impl<R: Any + Send + fmt::Display> Reason for R {}

/// The payload by which a process unwinds to its end.
struct Unwinding(Box<dyn Reason>);

/// Unwinds the thread, past the panic hook.
pub(crate) fn unwind(reason: impl Reason) -> ! {
    panic::resume_unwind(Box::new(Unwinding(Box::new(reason))))
}

/// How code of the program's ended that did not return.
pub(crate) enum Caught {
    /// By [`unwind`], for this reason.
    Unwound(Box<dyn Reason>),
    Panicked(Panic),
}

impl Caught {
    pub(crate) fn of(payload: Box<dyn Any + Send>) -> Caught {
        match payload.downcast::<Unwinding>() {
            Ok(unwinding) => Caught::Unwound(unwinding.0),
            Err(payload) => {
                let panic = seen_panic(panic_message(&*payload).to_owned());
                drop_payload(payload);
                Caught::Panicked(panic)
            }
        }
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caught::Unwound(reason) => fmt::Display::fmt(reason, f),
            Caught::Panicked(panic) => fmt::Display::fmt(panic, f),
        }
    }
}

/// Runs code of the program's.
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> thread::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(body)).inspect_err(|payload| {
        if let Some(observer) = OBSERVER.get() {
            (observer.caught)(panic_message(&**payload));
        }
    })
}

/// Goes on with what [`catch`] has caught.
pub(crate) fn resume(payload: Box<dyn Any + Send>) -> ! {
    panic::resume_unwind(payload)
}

/// Logs a panic of user code that the runtime called and that must not disturb it.
pub(crate) fn report_caught(what: &str, payload: Box<dyn Any + Send>) {
    let caught = Caught::of(payload);
    log_caught(|| match &caught {
        Caught::Panicked(panic) => log::error!("{what} of a process {panic}"),
        // It made a call that waits, when its process was ending.
        Caught::Unwound(reason) => log::debug!("{what} of a process was unwound: {reason}"),
    });
}

/// Writes to the log, which is user code: a panic of it goes no further.
pub(crate) fn log_caught(write: impl FnOnce()) {
    if let Err(payload) = catch(write) {
        drop_payload(payload); // Nobody is left to tell.
    }
}

/// Drops what a panic has left, which may panic, too: then with what is left of that as it is.
fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(worse) = catch(|| drop(payload)) {
        mem::forget(worse);
    }
}

/// Drops `value`; a panic of its destructor is logged and goes no further.
pub(crate) fn drop_caught<T>(value: T) {
    if let Err(payload) = catch(|| drop(value)) {
        report_caught("a destructor", payload);
    }
}

/// Drops each of `values` by itself, so that a panic of one does not keep the others.
pub(crate) fn drop_each_caught<T>(values: impl IntoIterator<Item = T>) {
    values.into_iter().for_each(drop_caught);
}

/// Runs code of the runtime that must not panic, as processes would then wait forever.
pub(crate) fn or_abort<T>(body: impl FnOnce() -> T) -> T {
    catch(body).unwrap_or_else(|payload| {
        abort(&format!("a bug: the runtime's own code {}", Caught::of(payload)))
    })
}

/// Ends the program where nothing else is left to do, saying why.
pub(crate) fn abort(why: &str) -> ! {
    eprintln!("procession: {why}; aborting");
    process::abort()
}

/// A callback for panics in threads that do not run the body of a process. The thread may be a
/// process all the same, and nobody tells it that the panic has ended it.
pub(crate) struct Observer {
    /// A panic has begun.
    pub(crate) began: fn(&PanicHookInfo<'_>),
    /// One with this message was caught by the runtime.
    pub(crate) caught: fn(&str),
}

static OBSERVER: OnceLock<Observer> = OnceLock::new();

thread_local! {
    /// Whether the thread runs the body of a process.
    static IN_BODY: Cell<bool> = const { Cell::new(false) };
    /// What the hook saw last on this thread.
    static LAST_SEEN: Cell<Option<Box<Panic>>> = const { Cell::new(None) };
}

/// Says whether panics on this thread are the business of a process from now on.
pub(crate) fn set_in_body(in_body: bool) {
    IN_BODY.set(in_body);
}

/// Installs the panic hook, once. It cannot be done while the thread panics.
pub(crate) fn install_hook(observer: Observer) {
    static INSTALLED: Once = Once::new();
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let began = observer.began;
        _ = OBSERVER.set(observer);
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IN_BODY.get() {
                // Out of reach only in the last moments of a thread, when no process is left to
                // report on.
                _ = LAST_SEEN.try_with(|last| last.set(Some(Box::new(Panic::seen(info)))));
            } else {
                began(info);
                previous(info);
            }
        }));
    });
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a payload that is not a message")
}

/// What the hook saw of the panic with this message, or just the message.
///
/// The last panic that the hook saw may have been another one, caught since.
fn seen_panic(message: String) -> Panic {
    let seen = LAST_SEEN.try_with(Cell::take).ok().flatten();
    match seen {
        Some(seen) if seen.message == message => *seen,
        _ => Panic { message, location: None, backtrace: None },
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

/// The value as text, or what of it there was when printing it failed.
pub(crate) fn printed(value: &dyn Debug) -> String {
    printed_up_to(usize::MAX, value)
}

/// As [`printed`], but no more than the first `limit` bytes.
pub(crate) fn printed_up_to(limit: usize, value: &dyn Debug) -> String {
    let mut text = Limited { text: String::new(), room: limit };
    match catch(|| write!(text, "{value:?}")) {
        Ok(Ok(())) => text.text,
        Ok(Err(fmt::Error)) => text.text + "...",
        Err(payload) => format!("{}... (printing it {})", text.text, Caught::of(payload)),
    }
}

/// A text that takes no more than there is room for.
struct Limited {
    text: String,
    room: usize,
}

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if part.len() <= self.room {
            self.room -= part.len();
            self.text.push_str(part);
            return Ok(());
        }
        let fits = (0..=self.room).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
        self.text.push_str(&part[..fits]);
        self.room = 0;
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(limit: usize, value: impl Debug, expected: &str) {
        assert_eq!(printed_up_to(limit, &value), expected);
    }

    #[test]
    fn shows_as_much_as_there_is_room_for() {
        check(3, 123, "123");
        check(2, 123, "12...");
        check(0, 123, "...");
        check(5, [1, 2, 3], "[1, 2...");
        check(4, format_args!("aöö"), "aö...");
    }

    #[test]
    fn shows_what_there_was_before_a_panic() {
        struct Halfway;

        impl Debug for Halfway {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                panic!("no more")
            }
        }

        let text = printed(&Halfway);
        assert!(text.starts_with("half... (printing it panicked: no more"), "{text}");
    }
}
