//! What directors call. A character is found by its name, whoever keeps that: the runtime knows
//! `"bert"`, and the registry of [`tree`](super::tree) any `part("oscar")`.

use procession::prelude::*;

use super::core::Quotes;
use super::server::{Character, Die, Leave, Say};

fn character(name: impl Into<Name>) -> ServerRef<Character, Name> {
    ServerRef::named(name)
}

/// Puts a character on stage that says what it is known for.
pub(crate) fn start_link(name: &str) -> Result<ServerRef<Character>, StartError> {
    start_link_as(name, name, Quotes::of(name))
}

/// Puts a character on stage that says these words.
pub(crate) fn start_link_with(
    name: &str,
    words: &[&str],
) -> Result<ServerRef<Character>, StartError> {
    start_link_as(name, name, Quotes::new(words))
}

/// Puts a character on stage that is found as `registered`.
pub(crate) fn start_link_as(
    name: &str,
    registered: impl Into<Name>,
    quotes: Quotes,
) -> Result<ServerRef<Character>, StartError> {
    let options = StartOptions::new().name(registered);
    Character::start_link_with((name.to_owned(), quotes), options)
}

/// How a supervisor puts a character on stage, and puts it there again.
pub(crate) fn child_spec(name: &'static str) -> ChildSpec<ServerRef<Character>> {
    ChildSpec::new(name, move || start_link(name))
}

/// Returns the next line of a character.
pub(crate) fn say(name: impl Into<Name>) -> Result<String, CallError> {
    character(name).call(Say)
}

/// Has a character leave the stage. It has left when this returns.
pub(crate) fn leave(name: impl Into<Name>) -> Result<(), CallError> {
    let character = character(name);
    let monitor = process::monitor(&character);
    character.call(Leave)?;
    await_end(monitor);
    Ok(())
}

/// Has a character die. Nobody waits for an answer, but it is dead when this returns, and its
/// supervisor has heard of it.
pub(crate) fn die(name: impl Into<Name>) {
    let character = character(name);
    let monitor = process::monitor(&character);
    character.cast(Die);
    await_end(monitor);
}

fn await_end(monitor: MonitorRef) {
    receive! { down: Down if down.monitor == monitor => {} }
}
