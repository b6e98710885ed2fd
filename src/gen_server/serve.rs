//! The loop of a running server.

use std::fmt;
use std::mem;

use crate::call::put_reply;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Exit;
use crate::message::Message;
use crate::process;
use crate::process::lifecycle;
use crate::process::printed::{printed, printed_up_to};
use crate::process::receive;
use crate::process::unwind::log_caught;
use crate::report::ServerReport;
use crate::stop::Terminate;

use super::next::Wait;
use super::request::{Step, Stop, after_cast, deliver};
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
    text: Option<String>,
    client: Option<Pid>,
}

/// What a message can be to a server, if it is no request.
enum Event {
    ParentExit(Exit),
    Terminate(Terminate),
    Info(Message),
}

impl<S: GenServer> Server<S> {
    pub(crate) fn new(state: S, wait: Wait<S>, parent: Option<Pid>) -> Server<S> {
        Server { state, wait, parent, handled: Handled::default() }
    }

    pub(crate) fn run(self) -> ExitReason {
        lifecycle::end_with(self, Server::serve)
    }

    fn serve(&mut self) -> ExitReason {
        loop {
            match self.step() {
                Step { stop: None, wait, .. } => self.wait = wait,
                Step { stop: Some(stop), .. } => return self.terminate(stop),
            }
        }
    }

    fn step(&mut self) -> Step<S> {
        match mem::replace(&mut self.wait, Wait::Message) {
            Wait::Message => self.handle(receive::next()),
            Wait::Timeout(duration) => {
                let message = receive::next_within(duration);
                self.handle(message.unwrap_or_else(|| Message::new(TimedOut)))
            }
            Wait::Continue(go_on) => {
                self.handled = Handled::of(&go_on, None);
                self.guard(|state| after_cast(go_on.go_on(state)))
            }
        }
    }

    fn handle(&mut self, mut message: Message) -> Step<S> {
        if let Some(request) = message.as_request() {
            self.handled = Handled::of(request, request.client());
            let mut step = self.guard(|state| deliver(request, state));
            if let Some(client) = step.answered.take() {
                put_reply(client, message);
            }
            return step;
        }
        match self.event(message) {
            Event::Info(message) => {
                self.handled = Handled::of(&message, None);
                self.guard(|state| after_cast(state.handle_info(message)))
            }
            Event::ParentExit(exit) => {
                self.handled = Handled::of(&exit, None);
                Step::stop(exit.reason)
            }
            Event::Terminate(Terminate { reason }) => {
                self.handled = Handled::default();
                Step::stop(reason)
            }
        }
    }

    fn event(&self, message: Message) -> Event {
        let message = match message.downcast::<Terminate>() {
            Ok(terminate) => return Event::Terminate(terminate),
            Err(message) => message,
        };
        match message.downcast_ref::<Exit>() {
            Some(exit) if self.parent == Some(exit.from) => Event::ParentExit(exit.clone()),
            _ => Event::Info(message),
        }
    }

    /// Runs a callback; its panic or exit ends the server.
    fn guard(&mut self, callback: impl FnOnce(&mut S) -> Step<S>) -> Step<S> {
        process::catch(|| callback(&mut self.state)).unwrap_or_else(Step::stop)
    }

    /// Ends the server.
    fn terminate(&mut self, Stop { reason, farewell }: Stop) -> ExitReason {
        let reason = match process::catch(|| self.state.terminate(&reason)) {
            Ok(()) => reason,
            Err(worse) => worse,
        };
        if !reason.is_orderly() {
            log_caught(|| self.report(&reason));
        }
        if let Some(farewell) = farewell {
            farewell();
        }
        reason
    }

    fn report(&self, reason: &ExitReason) {
        let me = process::self_pid();
        let info = process::info(me);
        let report = ServerReport {
            pid: me,
            name: info.as_ref().and_then(|info| info.name.clone()),
            label: info.and_then(|info| info.label),
            last_message: self.handled.text.as_deref(),
            client: self.handled.client,
            state: &printed(&Status(&self.state)),
            reason: &printed(&format_args!("{reason}")),
        };
        log::error!(target: TARGET, "{report}");
    }
}

impl Handled {
    /// Keeps what a report would say of the message, if reports are written at all.
    fn of(message: &dyn fmt::Debug, client: Option<Pid>) -> Handled {
        let mut text = None;
        log_caught(|| {
            if log::log_enabled!(target: TARGET, log::Level::Error) {
                text = Some(printed_up_to(SHOWN, message));
            }
        });
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
