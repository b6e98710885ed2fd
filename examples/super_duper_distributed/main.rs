//! A show that is played by two programs, the nodes `studio` and `street`.
//!
//! What to look for: Bert is on the street, and his part in the studio is a process that is linked
//! to him, over the connection between the nodes. When Bert dies, his own supervisor, on the
//! street, puts him on stage again; the part ends with him, as any process that is linked, so the
//! studio's supervisor starts that again, and it finds the new Bert. When the whole street is
//! killed, the link breaks with `noconnection`: to the studio's supervisor that is one more child
//! that has failed. This time the part finds nobody there, and an understudy plays it here.
//!
//! Run it with `cargo run --features dist --example super_duper_distributed`: it starts itself once
//! more as the street. No Erlang is needed, and no EPMD: the studio is one, if there is none.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

#[path = "../super_duper/core.rs"]
mod core;
mod character;
mod part;
mod stage;

use std::env;
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;

use procession::Node;
use procession::io::Child as Program;
use procession::net_kernel::NetKernel;
use procession::node::{self, NodeDown};
use procession::prelude::*;
use procession::term::{Term, atom};

use crate::character::{Character, Die, Say};
use crate::part::Part;
use crate::stage::Stage;

const STUDIO: &str = "studio@127.0.0.1";
const STREET: &str = "street@127.0.0.1";

/// The argument by which this program knows that it is the street.
const AS_STREET: &str = "--street";

/// The name of Bert's part in the studio.
const PART: &str = "the part of bert";

/// What makes this program a node.
fn net(name: &str) -> ChildSpec<SupervisorRef> {
    let net = NetKernel::named(name).cookie("secret").embedded_epmd();
    net.serve::<Character>().serve::<Stage>().child_spec()
}

fn play_on_the_street() -> Result<(), Box<dyn Error>> {
    let street = Supervisor::one_for_one()
        .child(net(STREET))
        .child(Character::named_child_spec("bert", "bert"))
        .child(Stage::named_child_spec("stage", ()))
        .start_link()?;
    process::send(("director", Node::named(STUDIO)), atom("ready"));
    let reason = process::join(street, Duration::MAX).expect("it waits without limit");
    Err(format!("the street has ended: {reason}"))?
}

fn play_in_the_studio() -> Result<(), Box<dyn Error>> {
    process::register("director", process::self_pid())?;
    let studio = Supervisor::one_for_one().intensity(3, Duration::from_secs(5));
    let studio = studio.child(net(STUDIO)).start_link()?;
    let mut street = Command::new(env::current_exe()?);
    let mut street = Program::spawn(street.arg(AS_STREET).stdin(Stdio::null()))?;
    receive! { ready: Term if ready == atom("ready").into() => {} }
    node::monitor_node(Node::named(STREET), true)?;

    studio.start_child(Character::named_child_spec("ernie", "ernie"))?;
    studio.start_child(Part::named_child_spec(PART, "bert"))?;
    hear_both()?;

    println!("\nBert dies, on the street");
    let monitor = process::monitor(PART);
    ServerRef::<Part>::named(PART).cast(Die);
    await_another_part(monitor)?;

    println!("\nThe street is killed");
    let monitor = process::monitor(PART);
    street.kill()?;
    await_another_part(monitor)?;
    receive! { NodeDown(node) => println!("{node} is not there any more") }
    hear_both()?;

    println!("\nThe curtain falls");
    studio.stop()?;
    Ok(())
}

/// Lets both say something, once they are on stage.
fn hear_both() -> Result<(), CallError> {
    println!("{}", ServerRef::<Part>::named(PART).call(Say)?);
    println!("{}", ServerRef::<Character>::named("ernie").call(Say)?);
    Ok(())
}

/// Waits for the end of the part that is monitored, and for another one, which has begun.
fn await_another_part(monitor: MonitorRef) -> Result<(), CallError> {
    let reason = receive! { down: Down if down.monitor == monitor => down.reason };
    process::wait_for(PART, Duration::from_secs(5)).expect("it is restarted");
    let line = ServerRef::<Part>::named(PART).call(Say)?;
    println!("{PART} has ended: {reason}\n{line}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    if env::args().nth(1).is_some_and(|argument| argument == AS_STREET) {
        play_on_the_street()
    } else {
        play_in_the_studio()
    }
}
