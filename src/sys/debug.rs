//! Debugging: the events of a process, counted, logged, traced, and passed to installed functions.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::SystemTime;

use log::Level;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::{Message, Request};
use crate::process;
use crate::user_code::{displayed, drop_caught, drop_each_caught, log_caught, printed_up_to};

/// The target of traces in the log.
const TARGET: &str = "procession::sys";

/// The maximum number of bytes that an event shows of a value.
const SHOWN: usize = 1000;

/// An event in a process that is debugged. Its `Display` is the text of traces.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A message has arrived and is about to be handled.
    In {
        /// The kind of message.
        kind: Kind,
        /// The message.
        message: Incoming<'a>,
        /// The process that waits for the reply.
        from: Option<Pid>,
    },
    /// A reply was sent.
    Out {
        /// The type of the reply.
        reply: &'static str,
        /// The process that it was sent to.
        to: Pid,
    },
    /// A message was handled without a reply; this is the state afterwards.
    State(&'a dyn fmt::Debug),
    /// A state machine enters this state: its [`state_enter`] is called next.
    ///
    /// [`state_enter`]: crate::gen_statem::GenStatem::state_enter
    Entered(&'a dyn fmt::Debug),
    /// A state machine has handled an event.
    Consumed {
        /// The event, printed with its type.
        event: &'a str,
        /// The state in which it was handled, printed.
        state: &'a str,
        /// The state from then on, printed.
        next_state: &'a str,
    },
    /// A state machine has postponed an event.
    Postponed {
        /// The event, printed with its type.
        event: &'a str,
        /// The state in which it was postponed, printed.
        state: &'a str,
        /// The state from then on, printed. If it is another one, the event is handled again.
        next_state: &'a str,
    },
    /// A state machine has started a timeout.
    TimerStarted {
        /// The type of the timeout, in words.
        timeout: &'a str,
        /// When it is over: in some time, or at an instant.
        time: &'a dyn fmt::Debug,
        /// Its event, printed.
        event: &'a str,
    },
    /// A state machine ends orderly; its `terminate` has returned.
    Terminated {
        /// Why it ends.
        reason: &'a ExitReason,
        /// The state in which it ends.
        state: &'a dyn fmt::Debug,
    },
    /// Another event: a server's continuation, or an event of a handmade process.
    Other(&'a dyn fmt::Debug),
}

/// The way in which a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A call: its client waits for a reply.
    Call,
    /// A cast.
    Cast,
    /// Any other message: one that was just sent, or that of a timer, a link or a monitor.
    Info,
    /// An event that a state machine has inserted.
    Internal,
    /// The event of a state machine's event timeout.
    EventTimeout,
    /// The event of a state machine's state timeout.
    StateTimeout,
    /// The event of one of a state machine's generic timeouts.
    GenericTimeout,
}

/// A message, as an [`Event`] shows it.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    text: &'a dyn fmt::Debug,
    value: Value<'a>,
    /// What its server's `format_status` prints of it, if it has one.
    formatted: Option<&'a dyn fmt::Debug>,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Plain(&'a dyn Any),
    Message(&'a Message),
    /// What is in it is built when somebody asks for it.
    Request(&'a dyn Request),
}

impl<'a> Incoming<'a> {
    /// Creates a view of `value`, for a handmade process.
    pub fn new<T: Any + fmt::Debug>(value: &'a T) -> Incoming<'a> {
        Incoming { text: value, value: Value::Plain(value), formatted: None }
    }

    pub(crate) fn message(message: &'a Message) -> Incoming<'a> {
        Incoming { text: message, value: Value::Message(message), formatted: None }
    }

    pub(crate) fn content(text: &'a dyn fmt::Debug, value: &'a dyn Any) -> Incoming<'a> {
        Incoming { text, value: Value::Plain(value), formatted: None }
    }

    pub(crate) fn request(request: &'a dyn Request) -> Incoming<'a> {
        Incoming { text: request, value: Value::Request(request), formatted: None }
    }

    /// Says what the server's `format_status` prints of it.
    pub(crate) fn formatted_as(self, formatted: &'a dyn fmt::Debug) -> Incoming<'a> {
        Incoming { formatted: Some(formatted), ..self }
    }

    /// Returns the message, if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&'a T> {
        match self.value {
            Value::Plain(value) => value.downcast_ref(),
            Value::Message(message) => message.downcast_ref(),
            Value::Request(request) => request.content().downcast_ref(),
        }
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::In { kind, message, from } => print_in(f, *kind, message, *from),
            Event::Out { reply, to } => write!(f, "sent a {reply} to {to}"),
            Event::State(state) => write!(f, "new state {}", printed_up_to(SHOWN, state)),
            Event::Entered(state) => write!(f, "entering state {}", printed_up_to(SHOWN, state)),
            Event::Consumed { event, state, next_state } => {
                write!(f, "consumed {event} in state {}", Change(state, next_state))
            }
            Event::Postponed { event, state, next_state } => {
                write!(f, "postponed {event} in state {}", Change(state, next_state))
            }
            Event::TimerStarted { timeout, time, event } => {
                write!(f, "started {timeout} {time:?}: {event}")
            }
            Event::Terminated { reason, state } => {
                write!(f, "terminated in state {}: {reason}", printed_up_to(SHOWN, state))
            }
            Event::Other(event) => f.write_str(&printed_up_to(SHOWN, event)),
        }
    }
}

fn print_in(
    f: &mut fmt::Formatter<'_>,
    kind: Kind,
    message: &dyn fmt::Debug,
    from: Option<Pid>,
) -> fmt::Result {
    let kind = match kind {
        Kind::Call => "call ",
        Kind::Cast => "cast ",
        Kind::Info => "",
        Kind::Internal => "internal ",
        Kind::EventTimeout => "timeout ",
        Kind::StateTimeout => "state timeout ",
        Kind::GenericTimeout => "generic timeout ",
    };
    write!(f, "got {kind}{}", printed_up_to(SHOWN, message))?;
    match from {
        Some(from) => write!(f, " from {from}"),
        None => Ok(()),
    }
}

impl Event<'_> {
    /// Returns the text of traces with messages as the server's
    /// [`format_status`](crate::gen_server::GenServer::format_status) prints the [last
    /// one](crate::gen_server::StatusPart::LastMessage) in a report: so it has nothing that is
    /// hidden there. `Display` prints them as they are. States and
    /// [continuations](crate::gen_server::HandleContinue) are printed by `format_status` in both.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use procession::gen_server::StatusPart;
    /// use std::fmt::{Formatter, Result};
    /// use std::ops::ControlFlow;
    ///
    /// #[derive(Debug)]
    /// struct Login;
    ///
    /// impl GenServer for Login {
    ///     type Args = ();
    ///     fn init((): ()) -> InitResult<Self> {
    ///         ready(Login)
    ///     }
    ///     fn format_status(&self, part: &StatusPart<'_>, f: &mut Formatter<'_>) -> Result {
    ///         if matches!(part, StatusPart::LastMessage(_)) {
    ///             return f.write_str("(a password)");
    ///         }
    ///         part.print(self, f)
    ///     }
    /// }
    ///
    /// impl HandleCast<&'static str> for Login {
    ///     fn handle_cast(&mut self, _: &'static str) -> CastResult<Self> {
    ///         noreply()
    ///     }
    /// }
    ///
    /// let (login, me) = (Login::start(())?, process::self_pid());
    /// login.sys().watch("events", move |event| {
    ///     process::send(me, event.formatted());
    ///     ControlFlow::Continue(())
    /// })?;
    /// login.cast("swordfish");
    /// receive! { event: String => assert_eq!(event, "got cast (a password)") }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn formatted(&self) -> String {
        struct Text<'a>(Kind, &'a dyn fmt::Debug, Option<Pid>);

        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print_in(f, self.0, self.1, self.2)
            }
        }

        if let Event::In { kind, message: Incoming { formatted: Some(message), .. }, from } = self {
            return displayed(&Text(*kind, *message, *from));
        }
        displayed(self)
    }
}

/// Prints the state before an event, and the one after it if that is another.
struct Change<'a>(&'a str, &'a str);

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change(state, next_state) = self;
        if state == next_state { f.write_str(state) } else { write!(f, "{state} => {next_state}") }
    }
}

/// The counts of events, as returned by [`Sys::statistics`](super::Sys::statistics).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// When counting began.
    pub start_time: SystemTime,
    /// When these counts were taken.
    pub current_time: SystemTime,
    /// The number of messages that have arrived.
    pub messages_in: u64,
    /// The number of replies that were sent.
    pub messages_out: u64,
}

/// The debugging that is on in a process: none, by default.
///
/// A server can be [started](crate::gen_server::StartOptions::debug) with some; a handmade process
/// keeps a value of this type, and passes it its [events](Self::handle).
///
/// OTP: [`sys:debug_options/1`](https://www.erlang.org/doc/apps/stdlib/sys.html#debug_options/1).
#[derive(Debug, Default)]
#[must_use = "debug options do nothing until a process has them"]
pub struct DebugOptions {
    /// `None` while the process is not debugged; then events cost nothing.
    tools: Option<Box<Tools>>,
}

#[derive(Default)]
struct Tools {
    statistics: Option<Statistics>,
    log: Option<Log>,
    file: Option<File>,
    trace: bool,
    installed: Vec<Installed>,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.describe()).finish()
    }
}

/// The events that were kept.
#[derive(Default)]
struct Log {
    limit: usize,
    events: VecDeque<String>,
}

/// A function that was installed.
struct Installed {
    name: String,
    function: Box<DebugFunction>,
}

type DebugFunction = dyn FnMut(&Event<'_>, &dyn Any) -> ControlFlow<()> + Send;

impl DebugOptions {
    /// Creates options without any debugging.
    pub fn new() -> DebugOptions {
        DebugOptions::default()
    }

    /// Adds [statistics](super::Sys::statistics_on).
    pub fn with_statistics(mut self) -> DebugOptions {
        self.count();
        self
    }

    /// Adds a [log](super::Sys::log_on) of the last `limit` events.
    pub fn with_log(mut self, limit: usize) -> DebugOptions {
        self.keep(limit);
        self
    }

    /// Adds a [trace](super::Sys::trace_on).
    pub fn with_trace(mut self) -> DebugOptions {
        self.set_trace(true);
        self
    }

    /// Adds a [log in a file](super::Sys::log_to_file).
    ///
    /// # Errors
    ///
    /// The error of opening the file.
    pub fn with_log_to_file(mut self, path: impl AsRef<Path>) -> io::Result<DebugOptions> {
        self.open_file(path.as_ref())?;
        Ok(self)
    }

    /// Adds a function, as [`Sys::install`](super::Sys::install) does under `name`.
    pub fn with_function<S: Any>(
        mut self,
        name: impl Into<String>,
        function: impl FnMut(&Event<'_>, &S) -> ControlFlow<()> + Send + 'static,
    ) -> DebugOptions {
        self.add(name.into(), function);
        self
    }

    /// Returns whether any debugging is on.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.tools.is_some()
    }

    /// Handles an event in the calling process, which has this state.
    ///
    /// OTP: [`sys:handle_debug/4`](https://www.erlang.org/doc/apps/stdlib/sys.html#handle_debug/4).
    pub fn handle(&mut self, event: &Event<'_>, state: &dyn Any) {
        if let Some(tools) = &mut self.tools {
            tools.handle(event, state);
        }
    }

    /// Returns the events that were kept, the oldest first.
    ///
    /// OTP: [`sys:get_log/1`](https://www.erlang.org/doc/apps/stdlib/sys.html#get_log/1).
    pub fn log(&self) -> Vec<String> {
        let log = self.tools.as_ref().and_then(|tools| tools.log.as_ref());
        log.map_or_else(Vec::new, |log| log.events.iter().cloned().collect())
    }

    /// Turns a tool on, or changes its settings.
    fn set(&mut self, set: impl FnOnce(&mut Tools)) {
        set(self.tools.get_or_insert_default());
    }

    /// Turns a tool off, and drops the tools if none is on any more.
    fn unset(&mut self, unset: impl FnOnce(&mut Tools)) {
        if let Some(tools) = &mut self.tools {
            unset(tools);
            if tools.is_idle() {
                self.tools = None;
            }
        }
    }

    pub(crate) fn count(&mut self) {
        let now = SystemTime::now();
        let none =
            Statistics { start_time: now, current_time: now, messages_in: 0, messages_out: 0 };
        self.set(|tools| tools.statistics = Some(none));
    }

    pub(crate) fn stop_counting(&mut self) {
        self.unset(|tools| tools.statistics = None);
    }

    pub(crate) fn counted(&self) -> Option<Statistics> {
        let counted = self.tools.as_ref()?.statistics?;
        Some(Statistics { current_time: SystemTime::now(), ..counted })
    }

    pub(crate) fn keep(&mut self, limit: usize) {
        self.set(|tools| tools.log.get_or_insert_default().set_limit(limit));
    }

    pub(crate) fn forget(&mut self) {
        self.unset(|tools| tools.log = None);
    }

    pub(crate) fn print(&self) {
        self.log().iter().for_each(|event| trace(event));
    }

    pub(crate) fn open_file(&mut self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        self.set(|tools| tools.file = Some(file));
        Ok(())
    }

    pub(crate) fn close_file(&mut self) {
        self.unset(|tools| tools.file = None);
    }

    pub(crate) fn set_trace(&mut self, on: bool) {
        if on { self.set(|tools| tools.trace = true) } else { self.unset(|it| it.trace = false) }
    }

    pub(crate) fn add<S: Any>(
        &mut self,
        name: String,
        mut function: impl FnMut(&Event<'_>, &S) -> ControlFlow<()> + Send + 'static,
    ) {
        self.add_function(name, move |event, state| {
            state.downcast_ref().map_or(ControlFlow::Continue(()), |it| function(event, it))
        });
    }

    /// Adds a function that the state is nothing to.
    pub(crate) fn add_watch(
        &mut self,
        name: String,
        mut function: impl FnMut(&Event<'_>) -> ControlFlow<()> + Send + 'static,
    ) {
        self.add_function(name, move |event, _| function(event));
    }

    fn add_function(
        &mut self,
        name: String,
        function: impl FnMut(&Event<'_>, &dyn Any) -> ControlFlow<()> + Send + 'static,
    ) {
        self.set(|tools| {
            if tools.installed.iter().any(|installed| installed.name == name) {
                return drop_caught(function);
            }
            tools.installed.push(Installed { name, function: Box::new(function) });
        });
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.unset(|tools| {
            let removed = tools.installed.extract_if(.., |installed| installed.name == name);
            drop_each_caught(removed);
        });
    }

    pub(crate) fn clear(&mut self) {
        drop_each_caught(self.tools.take().map(|tools| tools.installed).unwrap_or_default());
    }

    /// Returns the tools that are on, in words.
    pub(crate) fn describe(&self) -> Vec<String> {
        self.tools.as_ref().map_or_else(Vec::new, |tools| tools.describe())
    }
}

impl Tools {
    fn is_idle(&self) -> bool {
        let Tools { statistics, log, file, trace, installed } = self;
        statistics.is_none() && log.is_none() && file.is_none() && !trace && installed.is_empty()
    }

    fn describe(&self) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(self.statistics.map(|_| "statistics".to_owned()));
        words.extend(self.log.as_ref().map(|log| format!("log of {} events", log.limit)));
        words.extend(self.file.as_ref().map(|_| "log to file".to_owned()));
        words.extend(self.trace.then(|| "trace".to_owned()));
        words.extend(self.installed.iter().map(|it| format!("function {:?}", it.name)));
        words
    }

    fn handle(&mut self, event: &Event<'_>, state: &dyn Any) {
        if let Some(statistics) = &mut self.statistics {
            statistics.count(event);
        }
        if self.log.is_some() || self.file.is_some() || self.trace {
            self.write(&event.to_string());
        }
        let done = self.installed.extract_if(.., |installed| {
            let outcome = process::catch(|| (installed.function)(event, state));
            !matches!(outcome, Ok(ControlFlow::Continue(())))
        });
        drop_each_caught(done);
    }

    fn write(&mut self, event: &str) {
        if let Some(log) = &mut self.log {
            log.push(event.to_owned());
        }
        if let Some(file) = &mut self.file
            && let Err(error) = writeln!(file, "{}", mark(event))
        {
            let error = ExitReason::from(error);
            let text = format_args!("an event cannot be written: {error}");
            log_caught(Level::Warn, TARGET, text);
            self.file = None;
        }
        if self.trace {
            trace(event);
        }
    }
}

/// Returns the text of an event with the process that it happens in.
fn mark(event: &str) -> String {
    let me = process::self_pid();
    match process::info(me).and_then(|info| info.any_name()) {
        Some(name) => format!("*DBG* {} {event}", displayed(&name)),
        None => format!("*DBG* {me} {event}"),
    }
}

fn trace(event: &str) {
    log_caught(Level::Info, TARGET, format_args!("{}", mark(event)));
}

impl Log {
    fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.make_room(0);
    }

    fn push(&mut self, event: String) {
        self.make_room(1);
        if self.limit > 0 {
            self.events.push_back(event);
        }
    }

    fn make_room(&mut self, more: usize) {
        let most = self.limit.saturating_sub(more);
        let excess = self.events.len().saturating_sub(most);
        self.events.drain(..excess);
    }
}

impl Statistics {
    fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::In { .. } => self.messages_in += 1,
            Event::Out { .. } => self.messages_out += 1,
            Event::State(_)
            | Event::Entered(_)
            | Event::Consumed { .. }
            | Event::Postponed { .. }
            | Event::TimerStarted { .. }
            | Event::Terminated { .. }
            | Event::Other(_) => {}
        }
    }
}
