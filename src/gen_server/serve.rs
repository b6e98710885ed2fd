//! The loop of a running server.

use std::fmt;
use std::mem;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::call::put_reply;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Message;
use crate::message::Request;
use crate::process;
use crate::process::crash::reporting;
use crate::process::current::current;
use crate::process::lifecycle;
use crate::process::printed::{printed, printed_up_to};
use crate::process::receive;
use crate::report;
use crate::report::{Client, Kind, Report, ServerReport, log_caught};
use crate::sys;
use crate::sys::{DebugOptions, Event, Incoming, System, exit_of};

use super::next::Wait;
use super::request::{Step, Stop, after_cast, deliver};
use super::{GenServer, TimedOut};

/// Where warnings go.
const TARGET: &str = "procession::gen_server";

/// How many bytes of a message a report shows.
const SHOWN: usize = 1000;

/// A running server: what the loop carries from one message to the next.
pub(crate) struct Server<S> {
    /// `None` while `code_change` has it, and if that has lost it.
    state: Option<S>,
    wait: Wait<S>,
    settings: Settings,
    handled: Handled,
}

/// How a server runs.
pub(crate) struct Settings {
    /// Whose exit ends the server; nobody's if it was started without a link.
    pub(crate) parent: Option<Pid>,
    pub(crate) debug: DebugOptions,
    pub(crate) hibernate_after: Option<Duration>,
}

/// What an error report will say of the message being handled, which itself goes to the callback.
#[derive(Default)]
struct Handled {
    text: Option<String>,
    client: Option<Pid>,
}

impl<S: GenServer> Server<S> {
    pub(crate) fn new(state: S, wait: Wait<S>, settings: Settings) -> Server<S> {
        Server { state: Some(state), wait, settings, handled: Handled::default() }
    }

    pub(crate) fn run(self) -> ExitReason {
        lifecycle::end_with(self, Server::serve)
    }

    fn serve(&mut self) -> ExitReason {
        loop {
            match self.step() {
                Step { stop: None, wait, .. } => self.wait = wait,
                Step { stop: Some(stop), .. } => return self.terminate(*stop),
            }
        }
    }

    fn step(&mut self) -> Step<S> {
        let message = match &self.wait {
            Wait::Message => self.next(),
            Wait::Timeout(duration) => receive::next_within(*duration),
            Wait::Hibernate => {
                process::hibernate();
                Some(receive::next())
            }
            Wait::Continue(_) => return self.go_on(),
        };
        self.handle(message.unwrap_or_else(|| Message::new(TimedOut)))
    }

    fn next(&self) -> Option<Message> {
        if let Some(idle_time) = self.settings.hibernate_after {
            let message = receive::next_within(idle_time);
            if message.is_some() {
                return message;
            }
            process::hibernate();
        }
        Some(receive::next())
    }

    fn go_on(&mut self) -> Step<S> {
        let Wait::Continue(go_on) = mem::replace(&mut self.wait, Wait::Message) else {
            unreachable!("it was looked at");
        };
        self.handled = Handled::of(&go_on, None);
        if self.is_debugged() {
            self.show(&Event::Other(&go_on));
        }
        let step = self.guard(|state| after_cast(go_on.go_on(state)));
        if self.is_debugged() {
            self.show_outcome(&step, None);
        }
        step
    }

    fn handle(&mut self, mut message: Message) -> Step<S> {
        if let Some(request) = message.as_request() {
            let client = request.client();
            self.handled = Handled::of(request, client);
            let mut reply = None;
            if self.is_debugged() {
                self.show_request(request);
                reply = client.zip(request.reply_type());
            }
            let mut step = self.guard(|state| deliver(request, state));
            if let Some(client) = step.answered.take() {
                put_reply(client, message);
            }
            // When the client has it: who debugs may take time.
            if self.is_debugged() {
                self.show_outcome(&step, reply);
            }
            return step;
        }
        if message.is::<sys::Request>() {
            return self.obey(message);
        }
        if let Some(exit) = exit_of(self.settings.parent, &message) {
            self.handled = Handled::of(exit, None);
            return Step::stop(exit.reason.clone());
        }
        self.handled = Handled::of(&message, None);
        if self.is_debugged() {
            let (kind, message) = (sys::Kind::Info, Incoming::message(&message));
            self.show(&Event::In { kind, message, from: None });
        }
        let step = self.guard(|state| after_cast(state.handle_info(message)));
        if self.is_debugged() {
            self.show_outcome(&step, None);
        }
        step
    }

    /// Handles a system message, and waits again for what it was waiting for.
    #[cold]
    #[inline(never)] // What it takes of the stack is not taken by every server.
    fn obey(&mut self, message: Message) -> Step<S> {
        self.handled = Handled::default();
        let request = message.downcast().expect("it was looked at");
        match process::catch(|| sys::handle(request, self)) {
            Ok(ControlFlow::Continue(())) => {
                Step::wait_for(mem::replace(&mut self.wait, Wait::Message))
            }
            Ok(ControlFlow::Break(reason)) | Err(reason) => Step::stop(reason),
        }
    }

    /// Runs a callback; its panic or exit ends the server.
    fn guard(&mut self, callback: impl FnOnce(&mut S) -> Step<S>) -> Step<S> {
        process::catch(|| callback(self.state())).unwrap_or_else(Step::stop)
    }

    /// Whether anybody wants to see the events.
    #[inline]
    fn is_debugged(&self) -> bool {
        self.settings.debug.is_on()
    }

    #[cold]
    #[inline(never)]
    fn show(&mut self, event: &Event<'_>) {
        if let Some(state) = &self.state {
            self.settings.debug.handle(event, state);
        }
    }

    #[cold]
    #[inline(never)]
    fn show_request(&mut self, request: &dyn Request) {
        let from = request.client();
        let kind = if from.is_some() { sys::Kind::Call } else { sys::Kind::Cast };
        let message = Incoming::content(request, request.content());
        self.show(&Event::In { kind, message, from });
    }

    /// Shows what has come of a message: the reply to a client, of some type, or the new state.
    #[cold]
    #[inline(never)]
    fn show_outcome(&mut self, step: &Step<S>, reply: Option<(Pid, &'static str)>) {
        if step.stop.is_some() {
            return;
        }
        let Some(state) = &self.state else { return };
        let event = match reply.filter(|_| step.replied) {
            Some((to, reply)) => Event::Out { reply, to },
            None => Event::State(&Status(state)),
        };
        self.settings.debug.handle(&event, state);
    }

    /// Ends the server.
    #[cold]
    #[inline(never)]
    fn terminate(&mut self, Stop { reason, farewell }: Stop) -> ExitReason {
        let state = self.state.as_mut();
        let reason = match process::catch(|| state.map(|state| state.terminate(&reason))) {
            Ok(_) => reason,
            Err(worse) => worse,
        };
        if !reason.is_orderly() && report::is_wanted(Kind::Server) {
            let report = || report::submit(&Report::Server(self.describe(&reason)));
            reporting(current(), report);
        }
        if let Some(farewell) = farewell {
            farewell();
        }
        reason
    }

    fn describe(&mut self, reason: &ExitReason) -> ServerReport {
        let me = process::self_pid();
        let info = process::info(me);
        ServerReport {
            pid: me,
            name: info.as_ref().and_then(|info| info.name.clone()),
            label: info.and_then(|info| info.label),
            last_message: self.handled.text.take(),
            state: self.print(),
            shown_reason: printed(&format_args!("{reason}")),
            reason: reason.clone(),
            client: self.handled.client.map(describe_client),
            log: self.settings.debug.log(),
        }
    }
}

fn describe_client(pid: Pid) -> Client {
    let name = process::info(pid).and_then(|info| info.name);
    Client { pid, name, is_alive: process::is_alive(pid) }
}

impl<S: GenServer> System for Server<S> {
    type State = S;

    fn state(&mut self) -> &mut S {
        self.state.as_mut().expect("a server whose state is lost has ended")
    }

    fn debug(&mut self) -> &mut DebugOptions {
        &mut self.settings.debug
    }

    fn parent(&self) -> Option<Pid> {
        self.settings.parent
    }

    fn print(&mut self) -> String {
        match &self.state {
            Some(state) => printed(&Status(state)),
            None => "(lost in code_change)".to_owned(),
        }
    }

    fn change_code(&mut self, old_version: &str, extra: Message) -> Result<(), ExitReason> {
        let state = self.state.take().expect("a server whose state is lost has ended");
        let (state, outcome) = match state.code_change(old_version, extra) {
            Ok(state) => (state, Ok(())),
            Err((state, reason)) => (state, Err(reason)),
        };
        self.state = Some(state);
        outcome
    }
}

impl Handled {
    /// Keeps what a report would say of the message, if reports are written at all.
    fn of(message: &dyn fmt::Debug, client: Option<Pid>) -> Handled {
        let text = report::is_wanted(Kind::Server).then(|| printed_up_to(SHOWN, message));
        Handled { text, client }
    }
}

/// Prints a server as its `format_status` wants it.
struct Status<'a, S>(&'a S);

impl<S: GenServer> fmt::Debug for Status<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format_status(f)
    }
}

/// Writes what the author of a server should know of.
pub(crate) fn warn(text: fmt::Arguments<'_>) {
    log_caught(|| log::warn!(target: TARGET, "{text}"));
}
