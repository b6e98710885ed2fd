//! The process: a character on stage.

use procession::prelude::*;

use super::core::Quotes;

#[derive(Debug)]
pub(crate) struct Character {
    name: String,
    quotes: Quotes,
}

/// Asks for the next line.
#[derive(Debug)]
pub(crate) struct Say;

#[derive(Debug)]
pub(crate) struct Leave;

#[derive(Debug)]
pub(crate) struct Die;

impl GenServer for Character {
    type Args = (String, Quotes);

    fn init((name, quotes): (String, Quotes)) -> InitResult<Self> {
        process::set_trap_exit(true); // To have the last word when it is told to shut down.
        println!("{name} enters");
        ready(Character { name, quotes })
    }

    fn terminate(&mut self, reason: &ExitReason) {
        println!("{}: Mayday! ({reason})", self.name);
    }
}

impl HandleCall<Say> for Character {
    type Reply = String;

    fn handle_call(&mut self, _: Say, _: &Caller<String>) -> CallResult<Self, Say> {
        reply(format!("{}: {}", self.name, self.quotes.say()))
    }
}

impl HandleCall<Leave> for Character {
    type Reply = ();

    fn handle_call(&mut self, _: Leave, _: &Caller<()>) -> CallResult<Self, Leave> {
        stop_with_reply(ExitReason::Normal, ())
    }
}

impl HandleCast<Die> for Character {
    fn handle_cast(&mut self, _: Die) -> CastResult<Self> {
        panic!("forgot the lines")
    }
}
