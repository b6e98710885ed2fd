//! The boundary between the runtime and the program's code, which may panic.
//!
//! No other file calls `catch_unwind`, `resume_unwind` or `set_hook`. *User code* is the callbacks
//! of the program, and the `Drop`, `Debug`, `Display`, `Clone` and `PartialEq` of its values.
//!
//! An exit unwinds the thread with a private payload, [`Unwinding`], so that destructors run. It
//! does not call the panic hook. A panic does. The hook is installed when the first process begins.
//! On a thread that runs the body of a process, it keeps what it sees for the crash report and
//! prints nothing; on other threads it tells an [`Observer`], and calls the hook that was there
//! before.

mod backtrace;

use std::any::Any;
use std::cell::Cell;
use std::fmt::{self, Debug, Display, Write};
use std::mem;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process;
use std::sync::{Once, OnceLock};
use std::thread;

use log::{Level, LevelFilter, Metadata};

pub use self::backtrace::Backtrace;

/// The target of what is logged about user code.
const TARGET: &str = "procession::user_code";

/// The message of a panic, and where it happened.
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
    /// The backtrace, if `RUST_BACKTRACE` asks for one, and a report shows it: of a panic on a
    /// thread of the runtime, while [reports](crate::report) of crashes are logged or handled.
    pub backtrace: Option<Backtrace>,
}

impl Panic {
    /// Returns what the panic hook sees of a panic, without the backtrace.
    pub(crate) fn seen(info: &PanicHookInfo<'_>) -> Panic {
        Panic {
            message: panic_message(info.payload()).to_owned(),
            location: info.location().map(ToString::to_string),
            backtrace: None,
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

/// An exit reason, of which no more is known here.
pub(crate) trait Payload: Any + Send + fmt::Display {}

impl<R: Any + Send + fmt::Display> Payload for R {}

/// The payload by which a process unwinds to its end.
struct Unwinding(Box<dyn Payload>);

/// Unwinds the thread, past the panic hook.
pub(crate) fn unwind(reason: impl Payload) -> ! {
    panic::resume_unwind(Box::new(Unwinding(Box::new(reason))))
}

/// How user code that did not return has ended.
pub(crate) enum Caught {
    /// It was unwound by [`unwind`], for this reason.
    Unwound(Box<dyn Payload>),
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

/// Runs user code, and returns what it unwinds with.
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> thread::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(body)).inspect_err(|payload| {
        if let Some(observer) = OBSERVER.get() {
            (observer.caught)(panic_message(&**payload));
        }
    })
}

/// Goes on unwinding the thread with a payload that [`catch`] has caught.
pub(crate) fn keep_unwinding(payload: Box<dyn Any + Send>) -> ! {
    panic::resume_unwind(payload)
}

/// Logs what user code that the runtime has called has unwound with, and goes on.
pub(crate) fn report_caught(what: &str, payload: Box<dyn Any + Send>) {
    match Caught::of(payload) {
        Caught::Panicked(panic) => {
            log_caught(Level::Error, TARGET, format_args!("{what} of a process {panic}"));
        }
        // It has made a call that waits, while its process was ending.
        Caught::Unwound(reason) => {
            let text = format_args!("{what} of a process was unwound: {reason}");
            log_caught(Level::Debug, TARGET, text);
        }
    }
}

/// Runs user code whose panic goes no further, as there is no place to report it.
pub(crate) fn run_caught(body: impl FnOnce()) {
    if let Err(payload) = catch(body) {
        drop_payload(payload);
    }
}

/// Writes a record to the log, which is user code. In a program without a logger, errors and
/// warnings go to standard error.
pub(crate) fn log_caught(level: Level, target: &str, text: fmt::Arguments<'_>) {
    log_caught_with(level, target, &text, &"");
}

/// As [`log_caught`], with more lines, which take time to print. On standard error the text is out
/// before: a program may end meanwhile.
pub(crate) fn log_caught_with(level: Level, target: &str, text: &dyn Display, more: &dyn Display) {
    run_caught(|| {
        if goes_to_stderr(level) {
            let text = format_args!("[{level} {target}] {text}");
            print_in_turn(&[&text, more], |lines| eprint!("{lines}"));
        } else {
            log::log!(target: target, level, "{text}{more}");
        }
    });
}

/// Prints each part before the next one is made; each is made before it is printed, as printing the
/// user's values must not hold the lock of the stream.
fn print_in_turn(parts: &[&dyn Display], mut print: impl FnMut(&str)) {
    for part in parts {
        let lines = part.to_string();
        if !lines.is_empty() {
            print(&format!("{}\n", lines.trim_start_matches('\n')));
        }
    }
}

/// Returns whether a record would be seen by anybody.
pub(crate) fn is_seen(level: Level, target: &str) -> bool {
    is_logged(level, target) || goes_to_stderr(level)
}

/// Returns whether the logger of the program wants a record.
#[inline]
pub(crate) fn is_logged(level: Level, target: &str) -> bool {
    level <= log::max_level() && is_enabled(level, target)
}

/// Asks the logger, which is user code.
#[cold]
fn is_enabled(level: Level, target: &str) -> bool {
    let mut enabled = false;
    run_caught(|| enabled = log::log_enabled!(target: target, level));
    enabled
}

fn goes_to_stderr(level: Level) -> bool {
    level <= Level::Warn && has_no_logger()
}

/// Returns whether the program has no logger at all. One that filters everything out is a logger.
fn has_no_logger() -> bool {
    // The type of what `log` has in the place of a logger is private, but it is known to be empty,
    // and to want nothing. Most loggers hold at least a filter; an empty one that the program has
    // silenced by the maximum level would want an error.
    log::max_level() == LevelFilter::Off && size_of_val(log::logger()) == 0 && !wants_errors()
}

/// Asks the logger, whatever the maximum level is.
fn wants_errors() -> bool {
    let error = Metadata::builder().level(Level::Error).build();
    let mut wanted = false;
    run_caught(|| wanted = log::logger().enabled(&error));
    wanted
}

/// Drops the payload of a panic. That may panic, too; the payload of that panic is leaked.
fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(worse) = catch(|| drop(payload)) {
        mem::forget(worse);
    }
}

/// Drops `value`. A panic of its destructor is logged, and goes no further.
pub(crate) fn drop_caught<T>(value: T) {
    if let Err(payload) = catch(|| drop(value)) {
        report_caught("a destructor", payload);
    }
}

/// Drops each of `values` by itself, so that a panic of one does not keep the others from being
/// dropped.
pub(crate) fn drop_each_caught<T>(values: impl IntoIterator<Item = T>) {
    values.into_iter().for_each(drop_caught);
}

/// Runs code of the runtime that must not panic, as processes would then wait forever. If it does,
/// the program is aborted.
pub(crate) fn or_abort<T>(body: impl FnOnce() -> T) -> T {
    catch(body).unwrap_or_else(|payload| {
        abort(&format!("a bug: the runtime's own code {}", Caught::of(payload)))
    })
}

/// Aborts the program where nothing else can be done, and prints why.
pub(crate) fn abort(why: &str) -> ! {
    eprintln!("procession: {why}; aborting");
    process::abort()
}

/// Callbacks of the panic hook.
///
/// A thread that does not run the body of a process may be a process all the same, and nothing else
/// says that the panic has ended it.
pub(crate) struct Observer {
    /// Returns whether anybody would read the backtrace of a panic in the body of a process.
    pub(crate) reads_backtraces: fn() -> bool,
    /// Called when a panic has begun outside the body of a process.
    pub(crate) began: fn(&PanicHookInfo<'_>),
    /// Called when the runtime has caught a panic with this message.
    pub(crate) caught: fn(&str),
}

static OBSERVER: OnceLock<Observer> = OnceLock::new();

thread_local! {
    /// Whether the thread runs the body of a process.
    static IN_BODY: Cell<bool> = const { Cell::new(false) };
    /// What the hook saw last on this thread.
    static LAST_SEEN: Cell<Option<Box<Panic>>> = const { Cell::new(None) };
}

/// Sets whether the thread runs the body of a process.
pub(crate) fn set_in_body(in_body: bool) {
    IN_BODY.set(in_body);
}

/// Installs the panic hook, once. It does nothing while the thread panics, when that cannot be
/// done.
pub(crate) fn install_hook(observer: Observer) {
    static INSTALLED: Once = Once::new();
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let Observer { reads_backtraces, began, .. } = observer;
        _ = OBSERVER.set(observer);
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IN_BODY.get() {
                let backtrace = if reads_backtraces() { Backtrace::capture() } else { None };
                let panic = Panic { backtrace, ..Panic::seen(info) };
                // It is out of reach only in the last moments of a thread, when there is no process
                // to report on.
                _ = LAST_SEEN.try_with(|last| last.set(Some(Box::new(panic))));
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

/// Returns what the hook saw of the panic with this message, or just the message.
///
/// The last panic that the hook saw may have been another one, which was caught since.
fn seen_panic(message: String) -> Panic {
    let seen = LAST_SEEN.try_with(Cell::take).ok().flatten();
    match seen {
        Some(seen) if seen.message == message => *seen,
        _ => Panic { message, location: None, backtrace: None },
    }
}

/// A value of the user's whose destructor does no harm wherever it runs. A panic of it is logged:
/// it does not reach the code that happens to drop the value, nor abort the program if the thread
/// is unwinding.
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

/// Returns the value as text, or as much of it as there was when printing it failed.
pub(crate) fn printed(value: &dyn Debug) -> String {
    printed_up_to(usize::MAX, value)
}

/// Returns the value as it is displayed, or as much of it as there was when that failed.
pub(crate) fn displayed(value: &impl fmt::Display) -> String {
    printed(&format_args!("{value}"))
}

/// Returns the value as text, as [`printed`] does, but no more than the first `limit` bytes.
pub(crate) fn printed_up_to(limit: usize, value: &dyn Debug) -> String {
    let mut text = Limited { text: String::new(), room: limit };
    match catch(|| write!(text, "{value:?}")) {
        Ok(Ok(())) => text.text,
        Ok(Err(fmt::Error)) => text.text + "...",
        Err(payload) => format!("{}... (printing it {})", text.text, Caught::of(payload)),
    }
}

/// A text that grows to a limit.
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
    fn a_part_is_printed_before_the_next_is_made() {
        struct Late<'a>(&'a Cell<usize>);

        impl Display for Late<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\n  {} printed", self.0.get())
            }
        }

        let (count, mut printed) = (Cell::new(0), Vec::new());
        print_in_turn(&[&"head", &Late(&count), &""], |lines| {
            count.set(count.get() + 1);
            printed.push(lines.to_owned());
        });
        assert_eq!(printed, ["head\n", "  1 printed\n"]);
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
