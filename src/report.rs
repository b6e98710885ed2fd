//! Reports about processes that fail.
//!
//! A report goes to the logger of the [`log`] crate, as one record: a line with its subject, and
//! under it, indented, a line for each detail. In a program that has no logger, reports of failures
//! go to standard error, and so do the warnings of this crate: nothing need be set up to see a
//! crash. With a logger, such as [`env_logger`](https://docs.rs/env_logger), there is more to see,
//! and it can be filtered:
//!
//! ```
//! // First in `main`. By itself `env_logger` hides warnings.
//! env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
//! ```
//!
//! `RUST_LOG=info` shows also what is started and stopped, `RUST_LOG=procession=off,info` nothing
//! of this crate. The targets are:
//!
//! | report | level | target |
//! |---|---|---|
//! | [`ServerReport`]: a server ends abnormally | `error` | `procession::gen_server` |
//! | [`ServerReport`]: a state machine does | `error` | `procession::gen_statem` |
//! | [`HandlerReport`]: a handler of events has failed | `error` | `procession::gen_event` |
//! | [`CrashReport`]: a process ends abnormally | `error` | `procession::crash` |
//! | [`SupervisorReport`]: a child has failed | `error` | `procession::supervisor` |
//! | [`MailboxReport`]: a mailbox is long, or full | `warn` | `procession::mailbox` |
//! | [`MailboxReport`]: it is not any more | `info` | `procession::mailbox` |
//! | [`Finding`]: what an observer has found | `warn` | `procession::observer` |
//! | [`ProgressReport`]: a child was started | `info` | `procession::progress` |
//! | [`ApplicationReport`]: an application starts or ends | `info` | `procession::application` |
//!
//! A program that wants to count reports, or to ship them, [adds a handler](add_handler), which
//! gets each as a value. Reports are written by the process that they are about, before others hear
//! of its end: a slow logger or handler holds up that process alone.
//!
//! A report shows the program's values by their `Debug`, cut off where it gets long. As that costs
//! time, values are printed only if the target is enabled in the logger, or there is a handler. The
//! last message of a server must be printed before it is handled, each time: so a report on
//! standard error, without a logger or handler, shows its type only.
//!
//! If `RUST_BACKTRACE` asks for it, the first report of a panic shows its backtrace: the frames of
//! the program's own code; all frames with `RUST_BACKTRACE=full`.
//!
//! A program ends when its `main` returns, and so do reports that are not written yet: that of a
//! process which has just crashed may be lost. A `main` that wants to see it waits for the end of
//! the process by [`process::join`](crate::process::join), or ends all that runs by
//! [`shutdown`](fn@crate::shutdown).
//!
//! A program without a logger that is to be silent says `log::set_max_level(LevelFilter::Error)`;
//! then it has chosen what is logged, though nowhere.
//!
//! OTP: [Error logging](https://www.erlang.org/doc/system/error_logging.html).
//!
//! ```
//! use procession::prelude::*;
//! use procession::report::{self, Report};
//!
//! let me = process::self_pid();
//! let handler = report::add_handler(move |report| {
//!     if let Report::Crash(crash) = report {
//!         process::send(me, (crash.pid, crash.reason.clone()));
//!     }
//! });
//!
//! let worker = process::spawn(|| panic!("out of paper"))?;
//! receive! {
//!     (pid, reason): (Pid, ExitReason) if pid == worker => {
//!         assert_eq!(reason.as_panic().unwrap().message, "out of paper");
//!     }
//! }
//! assert!(report::remove_handler(handler));
//! # Ok::<(), process::SpawnError>(())
//! ```
//!
//! # Differences from OTP
//!
//! The reports are OTP's: they are about the same events, in the same order. But their text has a
//! layout of its own, which programs should not parse: a handler gets the values. A crash report
//! has no sizes of heap and stack and no reductions; of a panic it has the message, the place and
//! the backtrace. A supervisor's report shows a child by its process and id, not by its whole spec.
//!
//! Handlers get reports only, not the program's own records; `log` has one logger for those, which
//! the program chooses. A handler cannot keep a report from the log; the logger's filters can.

mod finding;
mod handler;
mod server;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::Level;
use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::{Pid, Whereabouts, unique};
use crate::message::{Destination, Name};
use crate::user_code::{Backtrace, displayed, is_logged, is_seen, log_caught_with, run_caught};

pub use finding::{Finding, FindingKind};
pub use handler::HandlerReport;
pub use server::{Client, MachineStatus, ServerReport};

/// A report about a process, or an application.
///
/// Its `Display` is the text that is logged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A server or a state machine ends abnormally.
    Server(ServerReport),
    /// A handler of an event manager has failed.
    Handler(HandlerReport),
    /// A process ends abnormally.
    Crash(CrashReport),
    /// A supervisor's child has failed.
    Supervisor(SupervisorReport),
    /// A supervisor has started a child.
    Progress(ProgressReport),
    /// An application has started, or has ended.
    Application(ApplicationReport),
    /// A mailbox has grown long, is full, or is short again.
    Mailbox(MailboxReport),
    /// An observer has found something about a process.
    Finding(Finding),
}

/// The kind of a report, to ask whether it is wanted before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Server,
    Statem,
    Handler,
    Crash,
    Supervisor,
    Progress,
    Application,
    LongMailbox,
    ShortMailbox,
    Finding,
}

impl Kind {
    fn level(self) -> Level {
        match self {
            Kind::Server | Kind::Statem | Kind::Handler | Kind::Crash | Kind::Supervisor => {
                Level::Error
            }
            Kind::LongMailbox | Kind::Finding => Level::Warn,
            Kind::Progress | Kind::Application | Kind::ShortMailbox => Level::Info,
        }
    }

    pub(crate) fn target(self) -> &'static str {
        match self {
            Kind::Server => "procession::gen_server",
            Kind::Statem => "procession::gen_statem",
            Kind::Handler => "procession::gen_event",
            Kind::Crash => "procession::crash",
            Kind::Supervisor => "procession::supervisor",
            Kind::Progress => "procession::progress",
            Kind::Application => "procession::application",
            Kind::LongMailbox | Kind::ShortMailbox => "procession::mailbox",
            Kind::Finding => "procession::observer",
        }
    }
}

impl Report {
    fn kind(&self) -> Kind {
        match self {
            Report::Server(report) => report.kind(),
            Report::Handler(_) => Kind::Handler,
            Report::Crash(_) => Kind::Crash,
            Report::Supervisor(_) => Kind::Supervisor,
            Report::Progress(_) => Kind::Progress,
            Report::Application(_) => Kind::Application,
            Report::Mailbox(report) => report.state.kind(),
            Report::Finding(_) => Kind::Finding,
        }
    }

    /// Returns the level at which the report is logged.
    pub fn level(&self) -> Level {
        self.kind().level()
    }

    /// Returns the target with which the report is logged.
    pub fn target(&self) -> &'static str {
        self.kind().target()
    }

    fn tail(&self) -> Tail<'_> {
        match self {
            Report::Server(report) => report.tail(),
            Report::Handler(report) => report.tail(),
            Report::Crash(report) => report.tail(),
            Report::Supervisor(_)
            | Report::Progress(_)
            | Report::Application(_)
            | Report::Mailbox(_)
            | Report::Finding(_) => Tail(None),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Server(report) => fmt::Display::fmt(report, f),
            Report::Handler(report) => fmt::Display::fmt(report, f),
            Report::Crash(report) => fmt::Display::fmt(report, f),
            Report::Supervisor(report) => fmt::Display::fmt(report, f),
            Report::Progress(report) => fmt::Display::fmt(report, f),
            Report::Application(report) => fmt::Display::fmt(report, f),
            Report::Mailbox(report) => fmt::Display::fmt(report, f),
            Report::Finding(finding) => fmt::Display::fmt(finding, f),
        }
    }
}

/// The text of a report without the backtrace.
struct Head<'a>(&'a Report);

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Report::Server(report) => report.head(f),
            Report::Handler(report) => report.head(f),
            Report::Crash(report) => report.head(f),
            Report::Supervisor(_)
            | Report::Progress(_)
            | Report::Application(_)
            | Report::Mailbox(_)
            | Report::Finding(_) => fmt::Display::fmt(self.0, f),
        }
    }
}

/// The backtrace of a report, if there is one; it follows the other lines.
#[derive(Clone, Copy)]
struct Tail<'a>(Option<(Pid, &'a Backtrace)>);

impl Tail<'_> {
    fn of(pid: Pid, reason: &ExitReason) -> Tail<'_> {
        Tail(backtrace(reason).map(|backtrace| (pid, backtrace)))
    }
}

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // With the process, as on standard error another report may come in between.
            Some((pid, backtrace)) => write!(f, "\n    backtrace of {pid}:\n{backtrace}"),
            None => Ok(()),
        }
    }
}

fn backtrace(reason: &ExitReason) -> Option<&Backtrace> {
    reason.as_panic()?.backtrace.as_ref()
}

/// Returns whether a report has shown the backtrace of a panic.
pub(crate) fn has_shown_backtrace(reason: &ExitReason) -> bool {
    backtrace(reason).is_some_and(Backtrace::is_shown)
}

/// How many messages there are of each type.
pub(crate) struct Types<'a>(pub(crate) &'a [(&'static str, usize)]);

impl fmt::Display for Types<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{count} of {name}")?;
        }
        Ok(())
    }
}

/// Writes a line of a report, if there is a value.
fn line(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "\n    {name}: {value}"))
}

/// Writes several lines of a report under one name, if there are values.
fn lines(f: &mut fmt::Formatter<'_>, name: &str, values: &[impl fmt::Display]) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    write!(f, "\n    {name}:")?;
    values.iter().try_for_each(|value| write!(f, "\n        {value}"))
}

/// A process ends abnormally: OTP's crash report.
///
/// It is written about every process that panics. A process that was started by
/// [`proc_lib`](crate::proc_lib), as all servers are, is reported also if it ends abnormally in
/// another way, except by an exit signal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrashReport {
    /// The process.
    pub pid: Pid,
    /// Its name: the registered one, or the one that it was started under as a server and that a
    /// [registrar](crate::Registrar) keeps.
    pub name: Option<Name>,
    /// The label that it has set.
    pub label: Option<Arc<str>>,
    /// The type or closure that it was started as, by [`proc_lib`](crate::proc_lib).
    pub initial_call: Option<&'static str>,
    /// What it was doing, if that is known: the `init` of a server, with the name that the server
    /// was to have.
    pub context: Option<Arc<str>>,
    /// The reason for which it ends.
    pub reason: ExitReason,
    /// The reason as text, printed in advance, as its `Display` may panic.
    pub(crate) shown_reason: String,
    /// The process that has started it, the one that has started that, and so on; each by its name
    /// if it has one.
    pub ancestors: Vec<Destination>,
    /// The number of messages in its mailbox.
    pub message_queue_len: usize,
    /// The types of these messages, each with how many there are of it, of the first thousand.
    pub message_types: Vec<(&'static str, usize)>,
    /// The first of these messages, printed.
    pub messages: Vec<String>,
    /// The processes that it is linked to.
    pub links: Vec<Pid>,
    /// Its dictionary: each key with its printed value.
    pub dictionary: Vec<(String, String)>,
    /// Whether it traps exits.
    pub trap_exit: bool,
    /// Whether an earlier report, that of the server, has shown the backtrace.
    pub(crate) has_shown_backtrace: bool,
    /// The processes that end with it: those that it is linked to, directly or through others, that
    /// were started by [`proc_lib`](crate::proc_lib) and do not trap exits.
    pub neighbours: Vec<Neighbour>,
}

/// A process that ends with one that crashes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Neighbour {
    /// The process.
    pub pid: Pid,
    /// Its name: the registered one, or the one that it was started under as a server and that a
    /// [registrar](crate::Registrar) keeps.
    pub name: Option<Name>,
    /// The type or closure that it was started as.
    pub initial_call: &'static str,
    /// The number of messages in its mailbox.
    pub message_queue_len: usize,
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid, self.initial_call)?;
        match &self.name {
            Some(name) => write!(f, " ({})", displayed(name)),
            None => Ok(()),
        }
    }
}

impl CrashReport {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash report of process {}", self.pid)?;
        line(f, "initial call", self.initial_call)?;
        line(f, "registered name", self.name.as_ref().map(displayed))?;
        line(f, "label", self.label.as_ref())?;
        line(f, "context", self.context.as_ref())?;
        line(f, "reason", Some(&self.shown_reason))?;
        let ancestors: Vec<_> = self.ancestors.iter().map(displayed).collect();
        line(f, "ancestors", Some(format_args!("[{}]", ancestors.join(", "))))?;
        line(f, "message queue length", Some(self.message_queue_len))?;
        if !self.message_types.is_empty() {
            write!(f, " ({})", Types(&self.message_types))?;
        }
        lines(f, "messages", &self.messages)?;
        let links: Vec<_> = self.links.iter().map(|pid| Whereabouts(*pid).to_string()).collect();
        line(f, "links", Some(format_args!("[{}]", links.join(", "))))?;
        if !self.dictionary.is_empty() {
            f.write_str("\n    dictionary:")?;
            for (key, value) in &self.dictionary {
                write!(f, "\n        {key}: {value}")?;
            }
        }
        line(f, "trap_exit", Some(self.trap_exit))?;
        lines(f, "neighbours", &self.neighbours)
    }

    fn tail(&self) -> Tail<'_> {
        if self.has_shown_backtrace { Tail(None) } else { Tail::of(self.pid, &self.reason) }
    }
}

impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        fmt::Display::fmt(&self.tail(), f)
    }
}

/// A supervisor's child has failed: OTP's supervisor report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SupervisorReport {
    /// The supervisor, by its name if it has one.
    pub supervisor: Destination,
    /// The type that describes it: the one that was started.
    pub supervisor_type: Option<&'static str>,
    /// The process that has started it, as a rule its own supervisor, by its name if it has one.
    pub parent: Option<Destination>,
    /// The event.
    pub context: Context,
    /// The reason.
    pub reason: ExitReason,
    /// The reason as text, printed in advance, as its `Display` may panic.
    pub(crate) shown_reason: String,
    /// The child that it happened to.
    pub child: Child,
}

/// The event that a supervisor reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Context {
    /// The child could not be started.
    StartError,
    /// The child has ended.
    ChildTerminated,
    /// The child has not ended as it was told to.
    ShutdownError,
    /// The supervisor gives up.
    Shutdown,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Context::StartError => "start error",
            Context::ChildTerminated => "child terminated",
            Context::ShutdownError => "shutdown error",
            Context::Shutdown => "shutdown",
        })
    }
}

/// A child of a supervisor, as reports show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Child {
    /// Its process, if it has one.
    pub pid: Option<Pid>,
    /// Its id.
    pub id: String,
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "{} ({})", self.id, Whereabouts(pid)),
            None => f.write_str(&self.id),
        }
    }
}

impl fmt::Display for SupervisorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "supervisor report of {}", displayed(&self.supervisor))?;
        // A name says enough.
        if !matches!(self.supervisor, Destination::Name(_)) {
            line(f, "type", self.supervisor_type)?;
            line(f, "started by", self.parent.as_ref().map(displayed))?;
        }
        line(f, "context", Some(self.context))?;
        line(f, "reason", Some(&self.shown_reason))?;
        line(f, "child", Some(&self.child))
    }
}

/// A supervisor has started a child: OTP's progress report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProgressReport {
    /// The supervisor, by its name if it has one.
    pub supervisor: Destination,
    /// The child that it has started.
    pub child: Child,
}

impl fmt::Display for ProgressReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "progress report of {}", displayed(&self.supervisor))?;
        line(f, "started", Some(&self.child))
    }
}

/// An application has started, or has ended: OTP's reports of the application controller.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationReport {
    /// The name of the application.
    pub application: String,
    /// The [type](crate::application::RestartType) with which it was started.
    pub restart_type: &'static str,
    /// The event.
    pub event: ApplicationEvent,
    /// The reason as text, printed in advance, as its `Display` may panic.
    pub(crate) shown_reason: Option<String>,
}

/// The event that an [`ApplicationReport`] is about.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ApplicationEvent {
    /// The application runs.
    Started,
    /// The application was stopped.
    Stopped,
    /// The application could not be started, or has ended by itself, for this reason.
    Exited(ExitReason),
}

impl fmt::Display for ApplicationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "application {}", self.application)?;
        let event = match &self.event {
            ApplicationEvent::Started => return line(f, "started", Some(self.restart_type)),
            ApplicationEvent::Stopped => Some("stopped"),
            ApplicationEvent::Exited(_) => self.shown_reason.as_deref(),
        };
        line(f, "exited", event)?;
        line(f, "type", Some(self.restart_type))
    }
}

/// A mailbox has grown long, is full, or is short again: OTP's message of a
/// [system monitor](https://www.erlang.org/doc/apps/erts/erlang.html#system_monitor/2) for
/// `long_message_queue`.
///
/// When it comes is said [there][set].
///
/// [set]: crate::process::tuning::set_long_message_queue
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MailboxReport {
    /// The process whose mailbox it is.
    pub pid: Pid,
    /// Its name: the registered one, or the one that it was started under as a server and that a
    /// [registrar](crate::Registrar) keeps.
    pub name: Option<Name>,
    /// What has become of the mailbox.
    pub state: MailboxState,
    /// The number of messages in it.
    pub message_queue_len: usize,
    /// For how many messages it has room, if it is
    /// [bounded](crate::process#bounded-mailboxes).
    pub capacity: Option<usize>,
    /// How many messages were dropped so far, as there was no room.
    pub messages_dropped: u64,
    /// How many messages were handed back to their senders so far, as there was no room.
    pub messages_refused: u64,
    /// The types of the oldest messages, each with their number, if it has grown long.
    pub oldest: Vec<(&'static str, usize)>,
}

/// What a [`MailboxReport`] says of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailboxState {
    /// It has more messages than its high mark allows.
    Long,
    /// A message was dropped or handed back, as there was no room.
    Full,
    /// It was reported before, and has no more messages now than its low mark.
    Short,
}

impl MailboxState {
    pub(crate) fn kind(self) -> Kind {
        match self {
            MailboxState::Long | MailboxState::Full => Kind::LongMailbox,
            MailboxState::Short => Kind::ShortMailbox,
        }
    }
}

impl fmt::Display for MailboxReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(&displayed(name))?,
            None => write!(f, "{}", self.pid)?,
        }
        let messages = self.message_queue_len;
        match self.state {
            MailboxState::Long => {
                write!(f, " has {messages} messages in its mailbox that it has not received")?;
                write!(f, "; the oldest are {}", Types(&self.oldest))
            }
            MailboxState::Full => {
                f.write_str(" was sent more messages than its mailbox has room for")?;
                self.fmt_room(f)
            }
            MailboxState::Short => {
                write!(f, " has only {messages} messages in its mailbox again")?;
                self.fmt_room(f)
            }
        }
    }
}

impl MailboxReport {
    /// Writes what there is to say of a mailbox that is bounded.
    fn fmt_room(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |count: u64| (count > 0).then_some(count);
        line(f, "capacity", self.capacity)?;
        line(f, "messages dropped", some(self.messages_dropped))?;
        line(f, "messages refused", some(self.messages_refused))
    }
}

/// Identifies a handler, as returned by [`add_handler`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandlerId(std::num::NonZeroU64);

type Handler = Arc<dyn Fn(&Report) + Send + Sync>;

static HANDLERS: Mutex<Vec<(HandlerId, Handler)>> = Mutex::new(Vec::new());

/// Whether there are handlers. It is read for every message that a server receives.
static IS_HANDLED: AtomicBool = AtomicBool::new(false);

/// Adds a handler, which is called with every report from now on, in the process that the report is
/// about. (That a mailbox is [full](MailboxState::Full) is reported in a process made for it, and a
/// [`Finding`] by the observer.)
///
/// The handler may use the runtime. If it panics, that goes no further. It must clone the parts of
/// the report that it keeps.
///
/// OTP: [`logger:add_handler/3`](https://www.erlang.org/doc/apps/kernel/logger.html#add_handler/3).
pub fn add_handler(handler: impl Fn(&Report) + Send + Sync + 'static) -> HandlerId {
    let id = HandlerId(unique());
    let mut handlers = HANDLERS.lock();
    handlers.push((id, Arc::new(handler)));
    IS_HANDLED.store(true, Ordering::Relaxed);
    id
}

/// Removes a handler; returns `false` if it was removed before.
///
/// This does not wait for a call of the handler that is under way.
///
/// OTP:
/// [`logger:remove_handler/1`](https://www.erlang.org/doc/apps/kernel/logger.html#remove_handler/1).
pub fn remove_handler(id: HandlerId) -> bool {
    let removed = {
        let mut handlers = HANDLERS.lock();
        let place = handlers.iter().position(|(other, _)| *other == id);
        let removed = place.map(|place| handlers.remove(place));
        IS_HANDLED.store(!handlers.is_empty(), Ordering::Relaxed);
        removed
    };
    // The handler is dropped here, after the lock: its destructor is user code.
    removed.is_some()
}

/// Returns whether anybody would see a report of this kind.
pub(crate) fn is_wanted(kind: Kind) -> bool {
    IS_HANDLED.load(Ordering::Relaxed) || is_seen(kind.level(), kind.target())
}

/// Returns whether a report of this kind would be logged or handled, so that what it may be about
/// is worth the time that it takes to print in advance.
#[inline]
pub(crate) fn is_expected(kind: Kind) -> bool {
    IS_HANDLED.load(Ordering::Relaxed) || is_logged(kind.level(), kind.target())
}

/// Returns whether the backtrace of a process that panics would be read.
pub(crate) fn reads_backtraces() -> bool {
    [Kind::Crash, Kind::Server, Kind::Statem, Kind::Handler].into_iter().any(is_wanted)
}

/// Writes a report to the log, and passes it to the handlers.
pub(crate) fn submit(report: &Report) {
    let (level, target) = (report.level(), report.target());
    log_caught_with(level, target, &Head(report), &report.tail());
    if let Report::Server(server) = report
        && let Some(backtrace) = backtrace(&server.reason)
        && is_seen(level, target)
    {
        backtrace.set_shown();
    }
    let handlers: Vec<Handler> =
        HANDLERS.lock().iter().map(|(_, handler)| Arc::clone(handler)).collect();
    for handler in handlers {
        run_caught(move || handler(report));
    }
}

#[cfg(test)]
mod tests;
