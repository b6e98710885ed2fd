//! Servers that do what they are told, and what their clients do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use procession::prelude::*;

use super::perform::{Performance, perform as perform_operation, stop_outcome, time};
use super::words::{self, reason_of};
use super::world::World;
use crate::script::Term;

/// The state: what is to be done at the end.
pub(crate) struct Server {
    world: Arc<World>,
    at_end: Vec<Term>,
}

/// The arguments of a server.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) world: Arc<World>,
    pub(crate) index: String,
    pub(crate) operations: Vec<Term>,
}

/// The actions of a callback.
#[derive(Clone, Debug)]
pub(crate) struct Act(Vec<Term>);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

/// The outcome of a callback.
#[derive(Default)]
struct Outcome {
    reply: Option<String>,
    ignore: bool,
    end: Option<ExitReason>,
    wait: Wait,
}

/// What a server waits for after a callback.
#[derive(Default)]
enum Wait {
    #[default]
    Message,
    Timeout(Duration),
    Hibernate,
    Continue(Act),
}

impl Server {
    /// Does what a callback is to do. `caller` is who has called, if it is a call.
    fn outcome(&mut self, act: &[Term], caller: Option<&Caller<String>>) -> Outcome {
        let mut outcome = Outcome::default();
        for operation in act {
            let (name, arguments) = operation.list().split_first().expect("it has a name");
            let word = || arguments.first().map_or("", Term::word);
            match name.word() {
                "reply" => outcome.reply = Some(word().to_owned()),
                "defer" => {
                    let caller = caller.expect("only calls are deferred");
                    self.world.keep_deferred(word(), caller.defer());
                    outcome.reply = None;
                }
                "ignore" => outcome.ignore = true,
                "end" => outcome.end = Some(reason_of(word())),
                "timeout" => outcome.wait = Wait::Timeout(time(word())),
                "hibernate" => outcome.wait = Wait::Hibernate,
                "continue" => outcome.wait = Wait::Continue(Act(arguments.to_vec())),
                "at_end" => self.at_end = arguments.to_vec(),
                _ => _ = perform_operation(&self.world, operation),
            }
        }
        outcome
    }

    fn next(&mut self, act: &[Term]) -> CastResult<Server> {
        let outcome = self.outcome(act, None);
        match outcome.end {
            Some(reason) => stop(reason),
            None => with_wait(noreply(), outcome.wait),
        }
    }
}

fn with_wait<T: Then<Server>>(result: T, wait: Wait) -> T {
    match wait {
        Wait::Message => result,
        Wait::Timeout(duration) => result.timeout(duration),
        Wait::Hibernate => result.hibernate(),
        Wait::Continue(act) => result.then(act),
    }
}

impl GenServer for Server {
    type Args = Start;

    fn init(Start { world, index, operations }: Start) -> InitResult<Server> {
        world.enter(&index);
        world.event("init".to_owned());
        let mut server = Server { world, at_end: Vec::new() };
        let outcome = server.outcome(&operations, None);
        match outcome.end {
            _ if outcome.ignore => ignore(),
            Some(reason) => stop(reason),
            None => with_wait(ready(server), outcome.wait),
        }
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Server> {
        match message.downcast::<Act>() {
            Ok(Act(act)) => {
                self.world.event("told".to_owned());
                self.next(&act)
            }
            Err(message) if message.is::<IdleTimeout>() => {
                self.world.event("timeout".to_owned());
                noreply()
            }
            Err(message) => {
                self.world.event(format!("info {}", words::message(&self.world, &message)));
                noreply()
            }
        }
    }

    fn terminate(&mut self, reason: &ExitReason) {
        self.world.event(format!("terminate {}", words::reason(reason)));
        for operation in &self.at_end {
            perform_operation(&self.world, operation);
        }
    }
}

impl HandleCall<Act> for Server {
    type Reply = String;

    fn handle_call(&mut self, Act(act): Act, caller: &Caller<String>) -> CallResult<Server, Act> {
        self.world.event("call".to_owned());
        let outcome = self.outcome(&act, Some(caller));
        match (outcome.end, outcome.reply) {
            (None, None) => with_wait(noreply(), outcome.wait),
            (None, Some(value)) => with_wait(reply(value), outcome.wait),
            (Some(reason), None) => stop(reason),
            (Some(reason), Some(value)) => stop_with_reply(reason, value),
        }
    }
}

impl HandleCast<Act> for Server {
    fn handle_cast(&mut self, Act(act): Act) -> CastResult<Server> {
        self.world.event("cast".to_owned());
        self.next(&act)
    }
}

impl HandleContinue<Act> for Server {
    fn handle_continue(&mut self, Act(act): Act) -> CastResult<Server> {
        self.world.event("continue".to_owned());
        self.next(&act)
    }
}

/// Does what a client of a server does.
pub(crate) fn perform(it: &Performance<'_>, name: &str) -> Option<String> {
    if name == "start" {
        return start(it);
    }
    if name == "answer" {
        it.world.deferred(it.word(0))?.reply(it.word(1).to_owned());
        return Some("ok".to_owned());
    }
    let server = ServerRef::<Server>::at(it.destination(0)?);
    let act = || Act(it.rest(1));
    Some(match name {
        "call" => call_outcome(server.call_timeout(act(), Duration::MAX)),
        "call_or_exit" => match server.call_timeout(act(), Duration::MAX) {
            Ok(reply) => format!("replied {reply}"),
            Err(error) => process::exit_self(error),
        },
        "request" => {
            let response = server.send_request(act()).receive_response(Duration::MAX);
            call_outcome(response)
        }
        "stop" => stop_outcome(server.stop_with(reason_of(it.word(1)), Duration::MAX)),
        "cast" => {
            server.cast(act());
            "ok".to_owned()
        }
        _ => {
            process::send(it.pid(0)?, act());
            "ok".to_owned()
        }
    })
}

fn start(it: &Performance<'_>) -> Option<String> {
    let start =
        Start { world: Arc::clone(it.world), index: it.word(0).to_owned(), operations: it.rest(3) };
    let outcome = match it.word(1) {
        "nolink" => Server::start_with(start, options(it.word(2))),
        "link" => Server::start_link_with(start, options(it.word(2))),
        _ => match Server::start_monitor_with(start, options(it.word(2))) {
            Ok((server, monitor)) => {
                it.world.keep_monitor(it.arguments[1].list()[1].word(), monitor);
                Ok(server)
            }
            Err(error) => Err(error),
        },
    };
    Some(start_outcome(it.world, outcome.map(|server| server.pid())))
}

/// With the name, unless that is `-`.
pub(crate) fn options(name: &str) -> StartOptions {
    if name == "-" { StartOptions::new() } else { StartOptions::new().name(name) }
}

pub(crate) fn start_outcome(world: &World, outcome: Result<Pid, StartError>) -> String {
    match outcome {
        Ok(pid) => format!("ok {}", world.label(pid)),
        Err(StartError::Ignored) => "ignored".to_owned(),
        Err(StartError::AlreadyStarted(pid)) => format!("already {}", world.label(pid)),
        Err(StartError::Failed(reason)) => format!("failed {}", words::reason(&reason)),
        Err(error) => format!("?{error:?}"),
    }
}

pub(crate) fn call_outcome(outcome: Result<String, CallError>) -> String {
    match outcome {
        Ok(reply) => format!("replied {reply}"),
        Err(error) => format!("failed {}", words::call_error(&error)),
    }
}
