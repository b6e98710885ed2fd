//! What a process of a scenario does: the operations of a script.

use std::sync::Arc;
use std::time::Duration;

use procession::prelude::*;
use procession::process::{AliasMode, Builder, MonitorOptions};
use procession::{Destination, TaggedDown, proc_lib, sys, timer};

use super::machines;
use super::servers;
use super::trees;
use super::words::{self, Tag, Tagged, reason_of};
use super::world::{Do, Done, World};
use crate::script::Term;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Lives as the actor `index`, which begins by doing `operations`.
pub(crate) fn act(world: &Arc<World>, index: &str, operations: &[Term]) {
    if operations.is_empty() {
        world.enter(index);
    } else {
        world.enter_busy(index);
        if !obey(world, operations) {
            return;
        }
    }
    wait_for_orders(world);
}

fn wait_for_orders(world: &Arc<World>) {
    loop {
        let Do(operations) = receive! { order: Do => order };
        if !obey(world, &operations) {
            return;
        }
    }
}

/// Does what it is told, and says what has come of it. False if the body is to return.
fn obey(world: &Arc<World>, operations: &[Term]) -> bool {
    let results = run_all(world, operations);
    let goes_on = results.is_some();
    if let Some(results) = results {
        process::send(world.director, Done(process::self_pid(), results));
    }
    goes_on
}

/// Does one after the other; `None` if the body is to return.
fn run_all(world: &Arc<World>, operations: &[Term]) -> Option<String> {
    let mut results = Vec::new();
    for operation in operations {
        if is_return(operation) {
            return None;
        }
        results.push(perform(world, operation));
    }
    Some(results.join(" ; "))
}

fn is_return(operation: &Term) -> bool {
    operation.list().first().is_some_and(|name| name.word() == "return")
}

/// Does it, and says what has come of it.
pub(crate) fn perform(world: &Arc<World>, operation: &Term) -> String {
    let (name, arguments) = operation.list().split_first().expect("an operation has a name");
    let performance = Performance { world, arguments };
    performance.of(name.word()).unwrap_or_else(|| "absent".to_owned())
}

/// An operation with its arguments.
pub(crate) struct Performance<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) arguments: &'a [Term],
}

fn ok() -> Option<String> {
    Some("ok".to_owned())
}

fn attempt<T, E>(outcome: Result<T, E>) -> Option<String> {
    Some(if outcome.is_ok() { "ok" } else { "badarg" }.to_owned())
}

fn alias_mode(word: &str) -> AliasMode {
    match word {
        "reply" | "reply_demonitor" => AliasMode::Reply,
        "demonitor" => AliasMode::Demonitor,
        _ => AliasMode::ExplicitUnalias,
    }
}

pub(crate) fn time(word: &str) -> Duration {
    match word {
        "now" | "zero" => Duration::ZERO,
        "soon" => Duration::from_millis(1),
        _ => HOUR,
    }
}

/// Nothing if what the script names is not there.
type Outcome = Option<String>;

impl Performance<'_> {
    pub(crate) fn word(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", Term::word)
    }

    pub(crate) fn rest(&self, index: usize) -> Vec<Term> {
        self.arguments.get(index..).unwrap_or(&[]).to_vec()
    }

    pub(crate) fn pid(&self, index: usize) -> Option<Pid> {
        self.world.pid(self.word(index))
    }

    /// A pid that is known by its index, or a name.
    pub(crate) fn destination(&self, index: usize) -> Option<Destination> {
        let word = self.word(index);
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            self.world.pid(word).map(Destination::from)
        } else {
            Some(Destination::from(word))
        }
    }

    fn object(&self, index: usize) -> Option<Destination> {
        let word = self.word(index);
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            self.world.pid(word).map(Destination::from)
        } else {
            Some(Destination::from(word))
        }
    }

    fn of(&self, name: &str) -> Outcome {
        match name {
            "spawn" | "spawn_link" | "spawn_monitor" | "spawn_alias" => self.spawn(name),
            "link" | "unlink" | "exit" | "exit_self" | "crash" | "catch" | "trap" => self.tie(name),
            "monitor" | "monitor_tag" | "monitor_alias" | "demonitor" | "demonitor_flush"
            | "alias" | "unalias" => self.monitor(name),
            "register" | "unregister" | "whereis" | "is_alive" => self.name(name),
            "send" | "send_name" | "send_alias" | "drain" | "receive" => self.message(name),
            "send_after" | "start_timer" | "exit_after" | "cancel" | "read" => self.timer(name),
            "pl_start" => self.start_process(),
            "pl_stop" | "suspend" | "resume" | "terminate" => self.system(name),
            "start" | "call" | "call_or_exit" | "request" | "cast" | "tell" | "answer" | "stop" => {
                servers::perform(self, name)
            }
            "wait" => ok(),
            "start_machine" | "machine_call" | "machine_cast" | "machine_tell"
            | "machine_state" => machines::perform(self, name),
            _ => trees::perform(self, name),
        }
    }

    fn spawn(&self, name: &str) -> Outcome {
        let has_monitor = matches!(name, "spawn_monitor" | "spawn_alias");
        let body_at = if name == "spawn_alias" { 3 } else { 1 + usize::from(has_monitor) };
        let (index, operations) = (self.word(0).to_owned(), self.rest(body_at));
        let world = Arc::clone(self.world);
        let body = move || act(&world, &index, &operations);
        let pid = if has_monitor {
            let options = if name == "spawn_alias" {
                MonitorOptions::new().alias(alias_mode(self.word(2)))
            } else {
                MonitorOptions::new()
            };
            let (pid, monitor) = Builder::new().spawn_monitor_with(options, body).ok()?;
            self.world.enlist(self.word(0), pid);
            self.world.keep_monitor(self.word(1), monitor);
            pid
        } else {
            let spawn = if name == "spawn_link" { process::spawn_link } else { process::spawn };
            spawn(body).ok()?
        };
        self.world.enlist(self.word(0), pid);
        Some(self.world.label(pid))
    }

    fn tie(&self, name: &str) -> Outcome {
        match name {
            "link" => process::link(self.pid(0)?),
            "unlink" => process::unlink(self.pid(0)?),
            "exit" => process::exit(self.pid(0)?, reason_of(self.word(1))),
            "exit_self" => process::exit_self(reason_of(self.word(0))),
            "crash" => panic!("boom"),
            "catch" => {
                return Some(match process::catch(|| perform(self.world, &self.arguments[0])) {
                    Ok(text) => format!("fine {text}"),
                    Err(reason) => format!("caught {}", words::reason(&reason)),
                });
            }
            _ => return Some(process::set_trap_exit(self.word(0) == "on").to_string()),
        }
        ok()
    }

    fn monitor(&self, name: &str) -> Outcome {
        let options = MonitorOptions::new();
        let monitor = match name {
            "monitor" => process::monitor(self.object(1)?),
            "monitor_tag" => process::monitor_with(self.object(1)?, options.tag(Tagged)),
            "monitor_alias" => {
                process::monitor_with(self.object(1)?, options.alias(alias_mode(self.word(2))))
            }
            "demonitor" => {
                return Some(process::demonitor(self.world.monitor(self.word(0))?).to_string());
            }
            "demonitor_flush" => {
                let monitor = self.world.monitor(self.word(0))?;
                return Some(process::demonitor_flush(monitor).to_string());
            }
            "alias" => {
                let alias = process::alias_with(alias_mode(self.word(1)));
                self.world.keep_alias(self.word(0), alias);
                return ok();
            }
            _ => return Some(process::unalias(self.world.alias(self.word(0))?).to_string()),
        };
        self.world.keep_monitor(self.word(0), monitor);
        ok()
    }

    fn name(&self, name: &str) -> Outcome {
        match name {
            "register" if self.arguments.len() == 1 => {
                attempt(process::register(self.word(0), process::self_pid()))
            }
            "register" => attempt(process::register(self.word(0), self.pid(1)?)),
            "unregister" => attempt(process::unregister(self.word(0))),
            "whereis" => Some(match process::whereis(self.word(0)) {
                Some(pid) => self.world.label(pid),
                None => "nobody".to_owned(),
            }),
            _ => Some(process::is_alive(self.pid(0)?).to_string()),
        }
    }

    fn message(&self, name: &str) -> Outcome {
        let from = self.world.label(process::self_pid());
        let tag = Tag { tag: self.word(1).to_owned(), from };
        match name {
            "send" => process::send(self.pid(0)?, tag),
            "send_name" => return attempt(process::send_to(self.word(0), tag)),
            "send_alias" => process::send(self.world.alias(self.word(0))?, tag),
            "drain" => return Some(format!("drained{}", self.drain())),
            _ => return self.receive(),
        }
        ok()
    }

    fn drain(&self) -> String {
        let mut text = String::new();
        while let Some(message) = process::receive_timeout(Duration::ZERO) {
            text += &format!(" ({})", words::message(self.world, &message));
        }
        text
    }

    fn receive(&self) -> Outcome {
        let received = match self.word(0) {
            "tag" if self.arguments.len() == 1 => take(|message| message.is::<Tag>()),
            "tag" => take(|message| {
                message.downcast_ref().is_some_and(|Tag { tag, .. }| tag == self.word(1))
            }),
            "exit" => {
                let pid = self.pid(1)?;
                take(|message| message.downcast_ref().is_some_and(|exit: &Exit| exit.from == pid))
            }
            "down" => {
                let monitor = self.world.monitor(self.word(1))?;
                take(|message| {
                    let tagged = message.downcast_ref::<TaggedDown<Tagged>>().map(|it| &it.down);
                    tagged.or(message.downcast_ref()).is_some_and(|it| it.monitor == monitor)
                })
            }
            _ => {
                let timer = self.world.timer(self.word(1))?;
                take(|message| {
                    message
                        .downcast_ref()
                        .is_some_and(|timeout: &Timeout<String>| timeout.timer == timer)
                })
            }
        };
        Some(received.map_or("none".to_owned(), |it| words::message(self.world, &it)))
    }

    fn timer(&self, name: &str) -> Outcome {
        let time = time(self.word(1));
        let started = match name {
            "send_after" => {
                let tag = Tag { tag: self.word(3).to_owned(), from: "timer".to_owned() };
                timer::send_after(time, self.destination(2)?, tag)
            }
            "start_timer" => {
                timer::start_timer(time, self.destination(2)?, self.word(3).to_owned())
            }
            "exit_after" => {
                timer::exit_after(self::time(self.word(0)), self.pid(1)?, reason_of(self.word(2)));
                return ok();
            }
            "cancel" => return left(timer::cancel(self.world.timer(self.word(0))?)),
            _ => return left(timer::read(self.world.timer(self.word(0))?)),
        };
        self.world.keep_timer(self.word(0), started);
        ok()
    }

    fn start_process(&self) -> Outcome {
        let (index, operations) = (self.word(0).to_owned(), self.rest(2));
        let world = Arc::clone(self.world);
        let body = move |starter| {
            world.enter(&index);
            acknowledge(&world, &operations, starter);
        };
        let outcome = match self.word(1) {
            "nolink" => proc_lib::start(body),
            "link" => proc_lib::start_link(body),
            _ => {
                let (outcome, monitor) = proc_lib::start_monitor(body);
                self.world.keep_monitor(self.arguments[1].list()[1].word(), monitor?);
                outcome
            }
        };
        Some(match outcome {
            Ok(value) => format!("said {value}"),
            Err(proc_lib::StartError::Failed(reason)) => {
                format!("failed {}", words::reason(&reason))
            }
            Err(error) => format!("?{error:?}"),
        })
    }

    fn system(&self, name: &str) -> Outcome {
        let to = self.destination(0)?;
        let outcome = match name {
            "pl_stop" => {
                let stopped = proc_lib::stop_with(to, reason_of(self.word(1)), Duration::MAX);
                return Some(stop_outcome(stopped));
            }
            "suspend" => sys::of(to).timeout(Duration::MAX).suspend(),
            "resume" => sys::of(to).timeout(Duration::MAX).resume(),
            _ => sys::of(to).timeout(Duration::MAX).terminate(reason_of(self.word(1))),
        };
        Some(match outcome {
            Ok(()) => "ok".to_owned(),
            Err(sys::SysError::Call(error)) => format!("failed {}", words::call_error(&error)),
            Err(error) => format!("?{error:?}"),
        })
    }
}

pub(crate) fn stop_outcome(outcome: Result<(), StopError>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(StopError::NoProc) => "failed noproc".to_owned(),
        Err(StopError::Down(reason)) => format!("failed {}", words::reason(&reason)),
        Err(StopError::CallingSelf(_)) => "failed calling_self".to_owned(),
        Err(error) => format!("?{error:?}"),
    }
}

/// Takes the first message that fits out of the mailbox.
fn take(fits: impl FnMut(&Message) -> bool) -> Option<Message> {
    process::receive_match_timeout(Duration::ZERO, fits)
}

fn left(time: Option<Duration>) -> Outcome {
    Some(if time.is_some() { "left" } else { "none" }.to_owned())
}

/// The body of a process of `proc_lib`, until it has acknowledged, and then as an actor.
fn acknowledge(world: &Arc<World>, operations: &[Term], starter: proc_lib::Starter<String>) {
    for (index, operation) in operations.iter().enumerate() {
        if is_return(operation) {
            return;
        }
        if let [name, value] = operation.list()
            && name.word() == "ack"
        {
            starter.ack(value.word().to_owned());
            if run_all(world, &operations[index + 1..]).is_some() {
                wait_for_orders(world);
            }
            return;
        }
        perform(world, operation);
    }
}
