//! The loop of a running server.

use std::fmt::{self, Write};
use std::mem;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Exit;
use crate::message::Message;
use crate::process;
use crate::report::ServerReport;
use crate::stop::Terminate;

use super::next::Wait;
use super::request::{Request, Step, Stop, after_cast};
use super::{GenServer, TimedOut};

/// Where server reports go.
const TARGET: &str = "procession::gen_server";

/// How many bytes of a message a report shows.
const SHOWN: usize = 1000;

/// A running server: what the loop carries from one message to the next.
pub(crate) struct Server<S> {
    state: S,
    wait: Wait<S>,
    /// Whose exit ends the server; nobody's if it was started without a link.
    parent: Option<Pid>,
    handled: Handled,
}

/// What an error report will say of the message being handled, which itself goes to the callback.
#[derive(Default)]
struct Handled {
    text: String,
    client: Option<Pid>,
}

/// Everything that a message can be to a server.
enum Event {
    Request(Request),
    ParentExit(ExitReason),
    Terminate(ExitReason),
    Info(Message),
}

impl<S: GenServer> Server<S> {
    pub(crate) fn new(state: S, wait: Wait<S>, parent: Option<Pid>) -> Server<S> {
        Server { state, wait, parent, handled: Handled::default() }
    }

    pub(crate) fn run(mut self) -> ! {
        loop {
            match self.step() {
                Step { stop: None, wait } => self.wait = wait,
                Step { stop: Some(stop), .. } => self.terminate(stop),
            }
        }
    }

    fn step(&mut self) -> Step<S> {
        match mem::replace(&mut self.wait, Wait::Message) {
            Wait::Message => self.handle(process::receive()),
            Wait::Timeout(duration) => {
                let message = process::receive_timeout(duration);
                self.handle(message.unwrap_or_else(|| Message::new(TimedOut)))
            }
            Wait::Continue(go_on) => self.guard(|state| after_cast(go_on(state))),
        }
    }

    fn handle(&mut self, message: Message) -> Step<S> {
        match self.event(message) {
            Event::Request(request) => {
                self.handled.remember(&request, request.client());
                self.guard(|state| request.deliver(state))
            }
            Event::Info(message) => {
                self.handled.remember(&message, None);
                self.guard(|state| after_cast(state.handle_info(message)))
            }
            Event::ParentExit(reason) | Event::Terminate(reason) => Step::stop(reason),
        }
    }

    fn event(&self, message: Message) -> Event {
        let message = match message.downcast::<Request>() {
            Ok(request) => return Event::Request(request),
            Err(message) => message,
        };
        if let Some(exit) = message.downcast_ref::<Exit>()
            && self.parent == Some(exit.from)
        {
            return Event::ParentExit(exit.reason.clone());
        }
        match message.downcast::<Terminate>() {
            Ok(terminate) => Event::Terminate(terminate.reason),
            Err(message) => Event::Info(message),
        }
    }

    /// Runs a callback; its panic or exit ends the server.
    fn guard(&mut self, callback: impl FnOnce(&mut S) -> Step<S>) -> Step<S> {
        process::catch(|| callback(&mut self.state)).unwrap_or_else(Step::stop)
    }

    /// Ends the server.
    fn terminate(mut self, Stop { reason, farewell }: Stop) -> ! {
        let reason = match process::catch(|| self.state.terminate(&reason)) {
            Ok(()) => reason,
            Err(worse) => worse,
        };
        if !reason.is_orderly() {
            self.report(&reason);
        }
        if let Some(farewell) = farewell {
            farewell();
        }
        // Not left to the unwinding of the thread, when a panic would abort the program.
        if let Err(worse) = process::catch(|| drop(self)) {
            log::error!(target: TARGET, "dropping the state of {} {worse}", process::self_pid());
        }
        process::exit_self(reason)
    }

    fn report(&self, reason: &ExitReason) {
        let me = process::self_pid();
        let report = ServerReport {
            pid: me,
            name: process::info(me).and_then(|info| info.name),
            last_message: &self.handled.text,
            client: self.handled.client,
            state: &printed(&Status(&self.state), usize::MAX),
            reason: &printed(&format_args!("{reason}"), usize::MAX),
        };
        log::error!(target: TARGET, "{report}");
    }
}

impl Handled {
    /// Keeps what a report would say of the message, if reports are written at all.
    fn remember(&mut self, message: &dyn fmt::Debug, client: Option<Pid>) {
        self.client = client;
        if log::log_enabled!(target: TARGET, log::Level::Error) {
            self.text = printed(message, SHOWN);
        }
    }
}

/// Prints a server as its `format_status` wants it.
struct Status<'a, S>(&'a S);

impl<S: GenServer> fmt::Debug for Status<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format_status(f)
    }
}

/// The value as text of at most `limit` bytes, or what of it there was when printing it failed.
fn printed(value: &dyn fmt::Debug, limit: usize) -> String {
    let mut text = Limited { text: String::new(), limit };
    match process::catch(|| write!(text, "{value:?}")) {
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text.text.push_str("..."),
        Err(reason) => _ = write!(text, "... (printing it {reason})"),
    }
    text.text
}

/// A text that takes no more than fits.
struct Limited {
    text: String,
    limit: usize,
}

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if part.len() > self.limit - self.text.len().min(self.limit) {
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}
