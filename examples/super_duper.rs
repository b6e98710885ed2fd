//! Characters of a show, and the supervisors that keep it going.
//!
//! What to look for: who dies is on stage again, under the same name, and what happens to the
//! others depends on the strategy. Whoever is stopped gets to say its last words, in the opposite
//! order of the entrances. The log, on standard error, has three reports of each death: by the
//! server, of its process, and by the supervisor.
//!
//! Run it with `cargo run --example super_duper`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

use procession::dynamic_supervisor::DynamicSupervisor;
use procession::prelude::*;
use procession::supervisor::{AnySupervisorRef, ChildState, Strategy};

/// A server that is registered as what it is called.
#[derive(Debug)]
struct Character {
    name: &'static str,
}

#[derive(Debug)]
enum Cue {
    Say(&'static str),
    Leave,
    Die,
}

impl GenServer for Character {
    type Args = &'static str;

    fn init(name: &'static str) -> InitResult<Self> {
        process::set_trap_exit(true); // To have the last word when it is told to shut down.
        println!("{name} enters");
        ready(Character { name })
    }

    fn terminate(&mut self, reason: &ExitReason) {
        println!("{}: Mayday! ({reason})", self.name);
    }
}

impl HandleCall<Cue> for Character {
    type Reply = ();

    fn handle_call(&mut self, cue: Cue, _: &Caller<()>) -> CallResult<Self, Cue> {
        match cue {
            Cue::Say(line) => println!("{}: {line}", self.name),
            Cue::Leave => return stop_with_reply(ExitReason::Normal, ()),
            Cue::Die => return stop_with_reply(ExitReason::new("forgot the lines"), ()),
        }
        reply(())
    }
}

/// What it takes to put a character on stage.
fn character(name: &'static str) -> ChildSpec<ServerRef<Character>> {
    Character::named_child_spec(name, name)
}

fn say(name: &str, line: &'static str) -> Result<(), CallError> {
    ServerRef::<Character>::named(name).call(Cue::Say(line))
}

/// Has a character end, and waits until its supervisor must have heard of it.
fn end(name: &str, cue: Cue) -> Result<(), CallError> {
    let character = ServerRef::<Character>::named(name);
    let monitor = process::monitor(&character);
    character.call(cue)?;
    receive! { down: Down if down.monitor == monitor => {} }
    Ok(())
}

fn print_children<K>(supervisor: &AnySupervisorRef<K>) -> Result<(), Box<dyn Error>> {
    let mut children = supervisor.which_children()?;
    children.reverse();
    let children = children.iter().map(|child| match child.state {
        ChildState::Running(_) => child.id.clone(),
        ChildState::Restarting => format!("{}, being restarted", child.id),
        ChildState::Stopped => format!("{}, off stage", child.id),
    });
    println!("children: [{}]", children.collect::<Vec<_>>().join("; "));
    Ok(())
}

fn start(strategy: Strategy) -> Result<SupervisorRef, StartError> {
    println!("\n{strategy:?}");
    Supervisor::new(strategy)
        .child(character("ernie"))
        .child(character("bert"))
        .child(character("grover"))
        .start_link()
}

fn one_dies(strategy: Strategy) -> Result<(), Box<dyn Error>> {
    let show = start(strategy)?;
    print_children(&show)?;
    say("bert", "Ernie, where is the banana?")?;
    end("bert", Cue::Die)?;
    print_children(&show)?;
    say("bert", "Where was I?")?;
    println!("the curtain falls");
    show.stop()?;
    Ok(())
}

fn some_do_not_come_back() -> Result<(), Box<dyn Error>> {
    println!("\nTransient and temporary");
    let show = Supervisor::one_for_one()
        .child(character("ernie").restart(Restart::Transient))
        .child(character("bert").restart(Restart::Temporary))
        .start_link()?;
    end("ernie", Cue::Die)?;
    print_children(&show)?;
    end("ernie", Cue::Leave)?;
    print_children(&show)?;
    end("bert", Cue::Die)?;
    print_children(&show)?;
    show.stop()?;
    Ok(())
}

fn one_comes_later() -> Result<(), Box<dyn Error>> {
    let show = start(Strategy::OneForOne)?;
    let oscar = show.start_child(character("oscar"))?;
    oscar.call(Cue::Say("Who has left the lid off?"))?;
    print_children(&show)?;
    show.terminate_child("oscar")?;
    print_children(&show)?;
    show.delete_child("oscar")?;
    print_children(&show)?;
    show.stop()?;

    println!("\nDynamic");
    let extras = DynamicSupervisor::new().start_link()?;
    let monster = extras.start_child(character("cookie monster"))?;
    print_children(&extras)?;
    monster.call(Cue::Say("Me want cookie!"))?;
    end("cookie monster", Cue::Die)?;
    print_children(&extras)?;
    let again = process::whereis("cookie monster").ok_or("it is on stage again")?;
    extras.terminate_child(again)?;
    print_children(&extras)?;
    extras.stop()?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init(); // Without RUST_LOG it shows errors.
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        one_dies(strategy)?;
    }
    some_do_not_come_back()?;
    one_comes_later()
}
