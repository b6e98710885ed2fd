//! A part, in the studio: it is played by a character on the street, or else by one here.

use procession::Node;
use procession::prelude::*;

use super::STREET;
use super::character::{Character, Die, Say};
use super::stage::{Find, Stage};

#[derive(Debug)]
pub(crate) struct Part {
    player: ServerRef<Character>,
}

impl GenServer for Part {
    type Args = &'static str;

    /// The part is linked to whoever plays it, and ends together with that.
    fn init(name: &'static str) -> InitResult<Self> {
        let street = ServerRef::<Stage>::on(Node::named(STREET), "stage");
        let player = match street.call(Find(name.to_owned())) {
            Ok(Some(pid)) => {
                process::link(pid);
                ServerRef::from_pid(pid)
            }
            Ok(None) => return init_error(ExitReason::new("the part has nobody to play it")),
            Err(error) => {
                println!("nobody plays {name} there: {error}");
                Character::start_link(name)?
            }
        };
        ready(Part { player })
    }
}

impl HandleCall<Say> for Part {
    type Reply = String;

    fn handle_call(&mut self, say: Say, _: &Caller<String>) -> CallResult<Self, Say> {
        reply(self.player.call(say)?)
    }
}

impl HandleCast<Die> for Part {
    fn handle_cast(&mut self, die: Die) -> CastResult<Self> {
        self.player.cast(die);
        noreply()
    }
}
