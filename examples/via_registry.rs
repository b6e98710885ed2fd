//! A registry of one's own, and characters that are started and found by the parts they play.
//!
//! What to look for: the playbill is an ordinary server. It monitors who plays a part, so a part is
//! free as soon as its actor is down, and the supervisor can put the next one on stage. A
//! `Registrar` is the little that the runtime needs to use it: from then on a part is a name
//! wherever a name is taken.
//!
//! Run it with `cargo run --example via_registry`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::BTreeMap;
use std::error::Error;

use procession::prelude::*;
use procession::{Registrar, Via};

type Part = &'static str;

/// Who plays what.
#[derive(Debug, Default)]
struct Playbill {
    actors: BTreeMap<Part, (Pid, MonitorRef)>,
}

#[derive(Debug)]
enum Request {
    Take(Part, Pid),
    Leave(Part),
    Find(Part),
}

impl GenServer for Playbill {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ready(Playbill::default())
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            down: Down => {
                self.actors.retain(|_, (_, monitor)| *monitor != down.monitor);
                noreply()
            }
        }
    }
}

impl HandleCall<Request> for Playbill {
    /// Who plays the part when the request was served.
    type Reply = Option<Pid>;

    fn handle_call(
        &mut self,
        request: Request,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Request> {
        let part = match request {
            Request::Take(part, pid) => {
                // Its DOWN may still be on its way.
                self.actors.retain(|_, (actor, _)| process::is_alive(*actor));
                self.actors.entry(part).or_insert_with(|| (pid, process::monitor(pid)));
                part
            }
            Request::Leave(part) => {
                self.actors.remove(part);
                part
            }
            Request::Find(part) => part,
        };
        let actor = self.actors.get(part).map(|(pid, _)| *pid);
        reply(actor.filter(|pid| process::is_alive(*pid)))
    }
}

/// The playbill as the runtime uses it. It keeps nothing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stage;

impl Stage {
    fn ask(request: Request) -> Option<Pid> {
        ServerRef::<Playbill>::named("playbill").call(request).ok()?
    }
}

impl Registrar for Stage {
    type Name = Part;

    fn register_name(&self, part: &Part, pid: Pid) -> bool {
        Stage::ask(Request::Take(part, pid)) == Some(pid)
    }

    fn unregister_name(&self, part: &Part) {
        Stage::ask(Request::Leave(part));
    }

    fn whereis_name(&self, part: &Part) -> Option<Pid> {
        Stage::ask(Request::Find(part))
    }

    fn send(&self, part: &Part, message: Message) -> Result<(), Message> {
        let Some(pid) = self.whereis_name(part) else { return Err(message) };
        process::send(pid, message);
        Ok(())
    }
}

/// A character of the show.
#[derive(Debug)]
struct Character(Part);

#[derive(Debug)]
enum Cue {
    Say(&'static str),
    Die,
}

impl GenServer for Character {
    type Args = Part;

    fn init(part: Part) -> InitResult<Self> {
        println!("{part} enters");
        ready(Character(part))
    }
}

impl HandleCall<Cue> for Character {
    type Reply = ();

    fn handle_call(&mut self, cue: Cue, _: &Caller<()>) -> CallResult<Self, Cue> {
        match cue {
            Cue::Say(line) => println!("{}: {line}", self.0),
            Cue::Die => return stop_with_reply(ExitReason::new("forgot the lines"), ()),
        }
        reply(())
    }
}

fn start(part: Part) -> Result<ServerRef<Character>, StartError> {
    Character::start_link_with(part, StartOptions::new().name(Via::new(Stage, part)))
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let show = Supervisor::rest_for_one()
        .child(Playbill::named_child_spec("playbill", ()))
        .child(ChildSpec::new("ernie", || start("ernie")))
        .child(ChildSpec::new("bert", || start("bert")))
        .start_link()?;

    let bert = ServerRef::<Character>::named(Via::new(Stage, "bert"));
    bert.call(Cue::Say("Ernie, where is the banana?"))?;
    if let Err(StartError::AlreadyStarted(pid)) = start("bert") {
        println!("there is one bert: {}", Some(pid) == bert.whereis());
    }

    let monitor = process::monitor(&bert);
    bert.call(Cue::Die)?;
    let reason = receive! { down: Down if down.monitor == monitor => down.reason };
    show.which_children()?; // The supervisor answers when the next one is there.
    println!("the last bert is down: {reason}");
    bert.call(Cue::Say("Where was I?"))?;

    let oscar = ServerRef::<Character>::named(Via::new(Stage, "oscar"));
    if let Err(error) = oscar.call(Cue::Say("Scram!")) {
        println!("oscar: {error}");
    }
    show.stop()?;
    Ok(())
}
