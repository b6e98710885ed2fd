//! A chat of several programs: each is a node with a member of the group `lobby`, of `pg`.
//!
//! What to look for: there is no server that all talk to. Each node has the members of all others,
//! and reads them without asking anybody; who says something sends it to each of them. Nobody needs
//! to say goodbye: when a program is killed, its member is gone from the group everywhere, and
//! whoever monitors the group is told.
//!
//! `cargo run --features dist --example chat_cluster` starts three of itself, and types into them.
//! To chat yourself, give a name, and those of others who are there already, each in a terminal of
//! its own: `-- ann`, then `-- bob ann`, then `-- cleo ann bob`; Ctrl-D ends it. All are on this
//! machine. No Erlang is needed, and no EPMD: the first program is one, if there is none.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod member;
mod window;

use std::env;
use std::error::Error;
use std::io;

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::node;
use procession::pg::Scope;
use procession::prelude::*;

use crate::member::Member;
use crate::window::Window;

/// Chats until the standard input ends.
fn chat(name: &str, others: &[String]) -> Result<(), Box<dyn Error>> {
    let full = |name: &str| format!("{name}@127.0.0.1");
    let node = NetKernel::named(full(name)).cookie("secret").embedded_epmd();
    let tree = Supervisor::rest_for_one()
        .child(node.serve::<Member>().child_spec())
        .child(Scope::<String>::child_spec(member::ROOMS))
        .child(Member::named_child_spec("member", ()))
        .start_link()?;
    println!("this is {name}; type what you want to say");
    for other in others {
        let reached = node::connect(Node::named(&full(other)));
        reached.map_err(|error| format!("{other} is not there: {error}"))?;
    }
    for line in io::stdin().lines() {
        member::say(line?.trim());
    }
    Ok(tree.stop()?)
}

fn show() -> io::Result<()> {
    let mut ann = Window::open("ann", &[])?;
    let mut bob = Window::open("bob", &["ann"])?;
    bob.read(1)?;
    ann.read(1)?;
    let mut cleo = Window::open("cleo", &["ann", "bob"])?;
    cleo.read(2)?;
    ann.read(1)?;
    bob.read(1)?;

    ann.type_in("hello")?;
    bob.read(1)?;
    cleo.read(1)?;
    bob.type_in("I have to")?;
    ann.read(1)?;
    cleo.read(1)?;

    println!("bob's program is killed");
    bob.kill()?;
    ann.read(1)?;
    cleo.read(1)?;
    cleo.type_in("Bob?")?;
    ann.read(1)?;

    println!("cleo says goodbye");
    cleo.close()?;
    ann.read(1)?;
    ann.close()
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("error"));
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => Ok(show()?),
        [name, others @ ..] => chat(name, others),
    }
}
