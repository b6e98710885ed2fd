//! Characters of a show, and the supervisors that keep it going.
//!
//! What to look for: who dies is on stage again, under the same name, and begins with the first
//! line. What happens to the others depends on the strategy. Whoever is stopped gets to say its
//! last words, in the opposite order of the entrances. The log, on standard error, has three
//! reports of each death: by the server, of its process, and by the supervisor.
//!
//! The second half is an application that is started and stopped by hand. Its top supervisor is
//! asked for its children, and told to stop, restart and delete them; what makes no sense is an
//! error that says why. Extras come and go under a dynamic supervisor, and are found through a
//! registry.
//!
//! Run it with `cargo run --example super_duper`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod api;
mod core;
mod server;
mod tree;

use std::error::Error;
use std::fmt::Display;

use procession::application;
use procession::prelude::*;
use procession::supervisor::{AnySupervisorRef, ChildState};

use crate::core::Quotes;

/// Prints the next line of a character.
fn hear(name: impl Into<Name>) -> Result<(), CallError> {
    println!("{}", api::say(name)?);
    Ok(())
}

fn print_children<K, T: process::Address>(
    supervisor: &AnySupervisorRef<K, T>,
) -> Result<(), Box<dyn Error>> {
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

/// Prints why something could not be done.
fn print_refusal<T>(what: &str, outcome: Result<T, impl Display>) {
    match outcome {
        Ok(_) => println!("{what}: done"),
        Err(error) => println!("{what}: {error}"),
    }
}

fn without_a_supervisor() -> Result<(), Box<dyn Error>> {
    println!("\nWithout a supervisor");
    api::start_link("grover")?;
    api::start_link_with("oscar", &["Who has left the lid off?", "Scram!"])?;
    for name in ["grover", "oscar", "grover", "oscar", "grover"] {
        hear(name)?;
    }
    print_refusal("a second oscar", api::start_link("oscar"));
    api::leave("oscar")?;
    api::die("grover");
    print_refusal("grover", hear("grover"));
    Ok(())
}

fn one_dies(strategy: Strategy) -> Result<(), Box<dyn Error>> {
    println!("\n{strategy:?}");
    let show = Supervisor::new(strategy)
        .child(api::child_spec("ernie"))
        .child(api::child_spec("bert"))
        .child(api::child_spec("grover"))
        .start_link()?;
    print_children(&show)?;
    hear("bert")?;
    api::die("bert");
    print_children(&show)?;
    hear("bert")?;
    println!("the curtain falls");
    show.stop()?;
    Ok(())
}

fn some_do_not_come_back() -> Result<(), Box<dyn Error>> {
    println!("\nTransient and temporary");
    let show = Supervisor::one_for_one()
        .child(api::child_spec("ernie").restart(Restart::Transient))
        .child(api::child_spec("bert").restart(Restart::Temporary))
        .start_link()?;
    api::die("ernie");
    print_children(&show)?;
    api::leave("ernie")?;
    print_children(&show)?;
    api::die("bert");
    print_children(&show)?;
    show.stop()?;
    Ok(())
}

fn by_hand() -> Result<(), Box<dyn Error>> {
    println!("\nAn application, by hand");
    application::load(tree::application())?;
    application::start("super_duper")?;
    print_refusal("starting it again", application::start("super_duper"));
    let show = tree::show();
    print_children(&show)?;
    let counts = show.count_children()?;
    println!("{} of {} run, {} are supervisors", counts.active, counts.specs, counts.supervisors);

    let bert = || api::child_spec("bert");
    show.terminate_child("bert")?;
    print_children(&show)?;
    print_refusal("starting bert", show.start_child(bert()).map(drop));
    print_refusal("restarting bert", show.restart_child("bert"));
    print_refusal("restarting bert", show.restart_child("bert"));
    print_refusal("starting bert", show.start_child(bert()).map(drop));
    print_refusal("deleting bert", show.delete_child("bert"));
    print_refusal("terminating bert", show.terminate_child("bert"));
    print_refusal("deleting bert", show.delete_child("bert"));
    print_refusal("deleting bert", show.delete_child("bert"));
    print_refusal("restarting bert", show.restart_child("bert"));
    print_children(&show)?;
    print_refusal("starting bert", show.start_child(bert()).map(drop));
    print_children(&show)?;

    application::stop("super_duper")?;
    print_refusal("the show", show.which_children());
    print_refusal("stopping it again", application::stop("super_duper"));
    Ok(())
}

fn extras() -> Result<(), Box<dyn Error>> {
    println!("\nExtras");
    application::start("super_duper")?; // It is loaded, and begins anew.
    tree::add_character("cookie monster", Quotes::of("cookie monster"))?;
    tree::add_character("oscar", Quotes::new(&["Who has left the lid off?", "Scram!"]))?;
    println!("{} extras", tree::extras().count_children()?.active);
    print_refusal("a second oscar", tree::add_character("oscar", Quotes::of("oscar")));
    hear(tree::part("cookie monster"))?;
    hear(tree::part("oscar"))?;
    hear(tree::part("oscar"))?;
    api::die(tree::part("oscar"));
    println!("{} extras", tree::extras().count_children()?.active);
    hear(tree::part("oscar"))?;
    tree::remove_character("cookie monster")?;
    print_refusal("cookie monster", hear(tree::part("cookie monster")));
    print_refusal("removing it again", tree::remove_character("cookie monster"));
    println!("the curtain falls");
    application::stop("super_duper")?;
    application::unload("super_duper")?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    without_a_supervisor()?;
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        one_dies(strategy)?;
    }
    some_do_not_come_back()?;
    by_hand()?;
    extras()
}
