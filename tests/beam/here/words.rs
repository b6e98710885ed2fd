//! What is seen, in the words of the traces.

use procession::prelude::*;
use procession::supervisor::{FailedToStart, SpecError};
use procession::{Destination, TaggedDown};

use super::world::World;

/// A reason of a script's own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Because(String);

/// A user's message.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) tag: String,
    pub(crate) from: String,
}

/// What a tagged monitor is tagged with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tagged;

pub(crate) fn reason_of(word: &str) -> ExitReason {
    match word {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Kill,
        "killed" => ExitReason::Killed,
        "noproc" => ExitReason::NoProc,
        _ => match word.strip_prefix("shutdown:") {
            Some(word) => ExitReason::shutdown_with(Because(word.to_owned())),
            None => ExitReason::new(Because(word.to_owned())),
        },
    }
}

pub(crate) fn reason(reason: &ExitReason) -> String {
    if let Some(FailedToStart { id, reason: inner, .. }) = reason.downcast_ref() {
        return format!("child({id},{})", self::reason(inner));
    }
    if let Some(error) = reason.downcast_ref() {
        return format!("call:{}", call_error(error));
    }
    if reason.downcast_ref::<SpecError>().is_some() {
        return "spec".to_owned();
    }
    let because = reason.downcast_ref().map(|Because(word)| word);
    match (reason, because) {
        (ExitReason::Normal, _) => "normal".to_owned(),
        (ExitReason::Shutdown, _) => "shutdown".to_owned(),
        (ExitReason::Kill, _) => "kill".to_owned(),
        (ExitReason::Killed, _) => "killed".to_owned(),
        (ExitReason::NoProc, _) => "noproc".to_owned(),
        (ExitReason::Panic(_), _) => "crash".to_owned(),
        (ExitReason::ShutdownWith(_), Some(word)) => format!("shutdown:{word}"),
        (ExitReason::Other(_), Some(word)) => word.clone(),
        _ => format!("?{reason:?}").replace(char::is_whitespace, "_"),
    }
}

pub(crate) fn call_error(error: &CallError) -> String {
    match error.kind() {
        CallErrorKind::NoProc => "noproc".to_owned(),
        CallErrorKind::Down(reason) => self::reason(reason),
        CallErrorKind::CallingSelf(_) => "calling_self".to_owned(),
        CallErrorKind::Timeout
        | CallErrorKind::Deadlock(_)
        | CallErrorKind::NoReply
        | CallErrorKind::WrongServer { .. }
        | CallErrorKind::CallerEnded
        | _ => format!("?{error:?}").replace(char::is_whitespace, "_"),
    }
}

fn object(world: &World, object: &Destination) -> String {
    match object {
        Destination::Pid(pid) => world.label(*pid),
        Destination::Name(Name::Local(name)) => name.to_string(),
        Destination::Alias(_) | Destination::Name(_) | _ => format!("?{object}"),
    }
}

pub(crate) fn objects(world: &World, objects: &[Destination]) -> String {
    sorted(objects.iter().map(|it| object(world, it)))
}

pub(crate) fn labels(world: &World, pids: impl Iterator<Item = Pid>) -> String {
    sorted(pids.map(|pid| world.label(pid)))
}

fn sorted(words: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = words.collect();
    words.sort();
    words.iter().map(|word| format!(" {word}")).collect()
}

fn down(world: &World, down: &Down) -> String {
    let monitor = world.monitor_label(down.monitor);
    format!("down {monitor} {} {}", object(world, &down.object), reason(&down.reason))
}

pub(crate) fn message(world: &World, message: &Message) -> String {
    if let Some(Tag { tag, from }) = message.downcast_ref() {
        format!("tag {tag} from {from}")
    } else if let Some(exit) = message.downcast_ref::<Exit>() {
        format!("exit {} {}", world.label(exit.from), reason(&exit.reason))
    } else if let Some(it) = message.downcast_ref::<Down>() {
        down(world, it)
    } else if let Some(TaggedDown { tag: Tagged, down: it }) = message.downcast_ref() {
        format!("tagged-{}", down(world, it))
    } else if let Some(Timeout { timer, value }) = message.downcast_ref::<Timeout<String>>() {
        format!("timeout {} {value}", world.timer_label(*timer))
    } else {
        "other".to_owned()
    }
}
