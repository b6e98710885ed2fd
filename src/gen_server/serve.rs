//! The loop of a running server.

#[cfg(all(feature = "dist", target_os = "linux"))]
use std::any::TypeId;
use std::any::type_name;
use std::fmt;
use std::mem;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::call::put_reply;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::{Exit, Message, Request};
use crate::process;
use crate::process::Info;
use crate::process::current::{current, ending};
use crate::process::info::may_be_alive;
use crate::process::receive::Senders;
use crate::process::{exit, receive};
use crate::report;
use crate::report::{Client, Kind, Report, ServerReport};
use crate::runtime::crash::reporting;
use crate::sys;
use crate::sys::{DebugOptions, Event, Incoming, OldVersion, System, exit_of};
use crate::user_code::{displayed, drop_caught, printed, printed_up_to};

#[cfg(all(feature = "dist", target_os = "linux"))]
use super::declared::read_info;
use super::next::{Continuation, Step, Stop, Wait};
use super::{GenServer, IdleTimeout, StatusPart};

/// How many bytes of a message a report shows.
const SHOWN: usize = 1000;

/// A running server: what the loop carries from one message to the next.
pub(crate) struct Server<S> {
    /// `None` while `code_change` has it, and after that has lost it by a panic.
    state: Option<S>,
    /// How the server goes on after the last message.
    step: Step,
    settings: Settings,
    handled: Handled,
}

/// How a server runs.
pub(crate) struct Settings {
    /// The process whose exit ends the server: its starter, unless the server was started without
    /// a link and without a monitor.
    pub(crate) parent: Option<Pid>,
    pub(crate) debug: DebugOptions,
    pub(crate) hibernate_after: Option<Duration>,
}

/// What an error report will say of the message being handled, which the callback consumes.
#[derive(Default)]
struct Handled {
    text: Option<String>,
    client: Option<Pid>,
}

impl<S: GenServer> Server<S> {
    pub(crate) fn new(state: S, wait: Wait, settings: Settings) -> Server<S> {
        let (step, handled) = (Step::first(wait), Handled::default());
        Server { state: Some(state), step, settings, handled }
    }

    pub(crate) fn run(self) -> ExitReason {
        exit::end_with(self, Server::serve, drop_caught)
    }

    /// Serves until a callback ends the server, by its result or by a panic.
    fn serve(&mut self) -> ExitReason {
        // One `catch` for all messages. An exit signal's unwinding passes through it.
        let stop = process::catch(|| {
            loop {
                match self.step.stop.take() {
                    Some(stop) => break *stop,
                    None => self.handle_next(),
                }
            }
        });
        self.terminate(stop.unwrap_or_else(|reason| Stop { reason, last_reply: None }))
    }

    /// Returns what a callback is called on, and where its result goes.
    #[inline]
    pub(crate) fn state_and_step(&mut self) -> (&mut S, &mut Step) {
        (state_of(&mut self.state), &mut self.step)
    }

    /// Waits as the last callback has said, and handles what comes next.
    fn handle_next(&mut self) {
        match self.step.wait {
            Wait::Message => self.handle_message(),
            Wait::Timeout(duration) => receive::next_within(duration, |it| self.handle(it))
                .unwrap_or_else(|| self.handle(&mut Message::new(IdleTimeout))),
            Wait::Hibernate => {
                process::hibernate();
                receive::next(Senders::Unknown, |message| self.handle(message));
            }
            Wait::Continue(_) => self.handle_continue(),
        }
    }

    fn handle_message(&mut self) {
        if let Some(idle_time) = self.settings.hibernate_after {
            if receive::next_within(idle_time, |it| self.handle(it)).is_some() {
                return;
            }
            process::hibernate();
        }
        let senders = match self.handled.client {
            None => Senders::GoOn,
            Some(client) if client.is_remote() => Senders::Remote,
            Some(_) => Senders::Unknown,
        };
        receive::next(senders, |message| self.handle(message));
    }

    fn handle_continue(&mut self) {
        let Wait::Continue(continuation) = mem::replace(&mut self.step.wait, Wait::Message) else {
            unreachable!("it was looked at");
        };
        self.note(None, || Incoming::content(&continuation, continuation.content()));
        if self.is_debugged() {
            self.show_continuation(&*continuation);
        }
        self.step.reset();
        let (state, step) = self.state_and_step();
        continuation.handle(state, step);
        if self.is_debugged() {
            self.show_outcome(None);
        }
    }

    fn handle(&mut self, message: &mut Message) {
        if let Some(request) = message.as_request() {
            let client = request.client();
            self.note(client, || Incoming::request(request));
            let mut reply = None;
            if self.is_debugged() {
                self.show_request(request);
                reply = client.zip(request.reply_type());
            }
            self.step.reset();
            request.dispatch(self, type_name::<S>());
            if let Some(client) = self.step.in_place_client {
                put_reply(client, message.take());
            }
            // After the client has its reply: to show it may take time.
            if self.is_debugged() {
                self.show_outcome(reply);
            }
        } else if message.is::<sys::Request>() {
            self.handle_system_message(message.take());
        } else if let Some(exit) = exit_of(self.settings.parent, message) {
            self.note(None, || Incoming::new(exit));
            self.step.ended_by = Some(type_name::<Exit>());
            self.step.stop(exit.reason.clone());
        } else {
            self.handle_info(message.take());
        }
    }

    fn handle_info(&mut self, message: Message) {
        #[cfg(all(feature = "dist", target_os = "linux"))]
        let message = read_info(TypeId::of::<Server<S>>(), message);
        self.note(None, || Incoming::message(&message));
        if self.is_debugged() {
            self.show_in(sys::Kind::Info, Incoming::message(&message), None);
        }
        self.step.reset();
        self.step.ended_by = Some(message.type_name());
        let (state, step) = self.state_and_step();
        step.after_cast(state.handle_info(message));
        if self.is_debugged() {
            self.show_outcome(None);
        }
    }

    /// Handles a system message; the server then waits again for what it was waiting for.
    #[cold]
    #[inline(never)] // Only servers that get system messages need its stack space.
    fn handle_system_message(&mut self, message: Message) {
        self.handled = Handled::default();
        self.step.ended_by = None;
        let request = message.downcast().expect("it was looked at");
        if let ControlFlow::Break(reason) = sys::handle(request, self) {
            self.step.stop(reason);
        }
    }

    /// Whether anybody wants to see the events.
    #[inline]
    fn is_debugged(&self) -> bool {
        self.settings.debug.is_on()
    }

    #[cold]
    #[inline(never)]
    fn show_request(&mut self, request: &dyn Request) {
        let from = request.client();
        let kind = if from.is_some() { sys::Kind::Call } else { sys::Kind::Cast };
        self.show_in(kind, Incoming::request(request), from);
    }

    #[cold]
    #[inline(never)]
    fn show_in(&mut self, kind: sys::Kind, message: Incoming<'_>, from: Option<Pid>) {
        let Some(state) = &self.state else { return };
        let part = Part(state, StatusPart::LastMessage(message));
        let event = Event::In { kind, message: message.formatted_as(&part), from };
        self.settings.debug.handle(&event, state);
    }

    #[cold]
    #[inline(never)]
    fn show_continuation(&mut self, continuation: &dyn Continuation) {
        let Some(state) = &self.state else { return };
        let content = Incoming::content(continuation, continuation.content());
        let event = Event::Other(&Part(state, StatusPart::LastMessage(content)));
        self.settings.debug.handle(&event, state);
    }

    /// Shows the outcome of a message: the reply to a client, by its type, or the new state.
    #[cold]
    #[inline(never)]
    fn show_outcome(&mut self, reply: Option<(Pid, &'static str)>) {
        if self.step.stop.is_some() {
            return;
        }
        let Some(state) = &self.state else { return };
        let event = match reply.filter(|_| self.step.replied) {
            Some((to, reply)) => Event::Out { reply, to },
            None => Event::State(&Part(state, StatusPart::State)),
        };
        self.settings.debug.handle(&event, state);
    }

    /// Ends the server.
    #[cold]
    #[inline(never)]
    fn terminate(&mut self, Stop { reason, last_reply }: Stop) -> ExitReason {
        let state = self.state.as_mut();
        let reason = match process::catch(|| state.map(|state| state.terminate(&reason))) {
            Ok(_) => reason,
            Err(worse) => worse,
        };
        if !reason.is_orderly() && report::is_wanted(Kind::Server) {
            submit(|| self.describe(&reason));
        }
        let process = current();
        // A server that an exit signal ends first gives no reply any more, as anywhere else.
        if let Some(last_reply) = last_reply.filter(|_| ending().is_none()) {
            // Sent when the name is free and the state dropped: the client may start the next one.
            let late = process.slot.pending_exit.lock().add_last_reply(process.pid, last_reply);
            drop(late); // If the process was left behind just now.
        }
        reason
    }

    fn describe(&mut self, reason: &ExitReason) -> ServerReport {
        let me = process::self_pid();
        let info = process::info(me);
        ServerReport {
            pid: me,
            name: info.as_ref().and_then(Info::any_name),
            label: info.and_then(|info| info.label),
            last_message: self.last_message(),
            state: self.print_part(StatusPart::FinalState),
            machine: None,
            shown_reason: match &self.state {
                Some(state) => printed(&Part(state, StatusPart::Reason(reason))),
                None => displayed(reason),
            },
            reason: reason.clone(),
            client: self.handled.client.map(describe_client),
            log: self.settings.debug.log(),
        }
    }

    /// Returns what is known of the message that the server was handling.
    fn last_message(&mut self) -> Option<String> {
        let untold = |name| format!("a {name} (to see its value, give the program a logger)");
        self.handled.text.take().or_else(|| self.step.ended_by.map(untold))
    }

    fn print_part(&self, part: StatusPart<'_>) -> String {
        match &self.state {
            Some(state) => printed(&Part(state, part)),
            None => "(lost in code_change)".to_owned(),
        }
    }

    /// Keeps what a report would say of the message that is handled next. It is printed only if
    /// reports are logged or handled: in a program without a logger, to which a report comes
    /// unexpected, each message would pay for it.
    #[inline]
    fn note<'a>(&mut self, client: Option<Pid>, message: impl FnOnce() -> Incoming<'a>) {
        self.handled.client = client;
        if report::is_expected(Kind::Server) {
            self.keep(message());
        } else {
            self.handled.text = None;
        }
    }

    #[cold]
    #[inline(never)] // Its stack space is not needed by servers whose messages nobody wants.
    fn keep(&mut self, message: Incoming<'_>) {
        let part = StatusPart::LastMessage(message);
        let text = self.state.as_ref().map(|it| printed_up_to(SHOWN, &Part(it, part)));
        self.handled.text = text;
    }
}

/// Submits the report of a server, which goes out whatever signals come meanwhile.
pub(crate) fn submit(describe: impl FnOnce() -> ServerReport) {
    reporting(current(), || report::submit(&Report::Server(describe())));
}

pub(crate) fn describe_client(pid: Pid) -> Client {
    let name = process::info(pid).and_then(|info| info.any_name());
    // Of one of another node, it is not known.
    Client { pid, name, is_alive: may_be_alive(pid) }
}

impl<S: GenServer> System for Server<S> {
    type State = S;

    fn state(&mut self) -> &mut S {
        state_of(&mut self.state)
    }

    fn debug(&mut self) -> &mut DebugOptions {
        &mut self.settings.debug
    }

    fn parent(&self) -> Option<Pid> {
        self.settings.parent
    }

    fn print(&mut self) -> String {
        self.print_part(StatusPart::State)
    }

    fn change_code(&mut self, old_version: &OldVersion, extra: Message) -> Result<(), ExitReason> {
        let state = self.state.take().expect("a server whose state is lost has ended");
        let (state, outcome) = match state.code_change(old_version, extra) {
            Ok(state) => (state, Ok(())),
            Err((state, reason)) => (state, Err(reason)),
        };
        self.state = Some(state);
        outcome
    }
}

fn state_of<S>(state: &mut Option<S>) -> &mut S {
    state.as_mut().expect("a server whose state is lost has ended")
}

/// Prints a part of a server's status as its `format_status` wants it.
struct Part<'a, S>(&'a S, StatusPart<'a>);

impl<S: GenServer> fmt::Debug for Part<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format_status(&self.1, f)
    }
}
