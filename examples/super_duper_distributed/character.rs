//! A character on stage, whom other nodes may ask to say something, or to die.

use procession::gen_server::{Requests, Wire};
use procession::prelude::*;
use serde::{Deserialize, Serialize};

use super::core::Quotes;

#[derive(Debug)]
pub(crate) struct Character {
    name: &'static str,
    quotes: Quotes,
}

/// Asks for the next line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Say;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Die;

impl Wire for Character {
    fn requests(accept: &mut Requests<Character>) {
        accept.call::<Say>("say");
        accept.cast::<Die>("die");
    }
}

impl GenServer for Character {
    type Args = &'static str;

    fn init(name: &'static str) -> InitResult<Self> {
        process::set_trap_exit(true); // To have the last word when it is told to shut down.
        println!("{name} enters, at {}", process::self_pid().node());
        ready(Character { name, quotes: Quotes::of(name) })
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

impl HandleCast<Die> for Character {
    fn handle_cast(&mut self, _: Die) -> CastResult<Self> {
        panic!("forgot the lines")
    }
}
