//! A chat room: members register under its name, and who says something dispatches it to them.
//!
//! What to look for: there is no room, only a registry in which a key can have any number of
//! entries. Members need not leave: whoever crashes is not there any more, and nobody is told
//! twice. The listener hears of all that come and go.
//!
//! Run it with `cargo run --example chat_room`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

use procession::prelude::*;
use procession::registry::{Registered, Registry, RegistryError, RegistryRef, Unregistered};

/// Members by room, with their names.
type Rooms = RegistryRef<&'static str, &'static str>;

fn rooms() -> Rooms {
    RegistryRef::named("rooms")
}

/// Tells everybody in a room.
fn say(room: &'static str, from: &'static str, text: &'static str) -> Result<(), RegistryError> {
    println!("{from} in {room}: {text}");
    rooms().dispatch(&room, |members| {
        for (pid, _) in members {
            process::send(*pid, Said { room, from, text });
        }
    })
}

#[derive(Clone, Copy, Debug)]
struct Said {
    room: &'static str,
    from: &'static str,
    text: &'static str,
}

/// Somebody who chats.
#[derive(Debug)]
struct Member {
    name: &'static str,
    heard: Vec<String>,
}

#[derive(Debug)]
enum Request {
    Join(&'static str),
    Leave(&'static str),
    WhatWasHeard,
}

impl GenServer for Member {
    type Args = &'static str;

    fn init(name: &'static str) -> InitResult<Self> {
        ready(Member { name, heard: Vec::new() })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Said { room, from, text } => {
                assert!(!text.contains("slimy"), "{} faints", self.name);
                self.heard.push(format!("{room}/{from}: {text}"));
                noreply()
            }
        }
    }
}

impl HandleCall<Request> for Member {
    type Reply = Vec<String>;

    fn handle_call(
        &mut self,
        request: Request,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Request> {
        match request {
            Request::Join(room) => rooms().register(room, self.name)?,
            Request::Leave(room) => rooms().unregister(&room)?,
            Request::WhatWasHeard => return reply(std::mem::take(&mut self.heard)),
        }
        reply(Vec::new())
    }
}

fn print_members(room: &'static str) -> Result<(), RegistryError> {
    let names: Vec<_> = rooms().lookup(&room)?.into_iter().map(|(_, name)| name).collect();
    println!("in {room}: {}", names.join(", "));
    Ok(())
}

/// Prints what the listener was told, of so many comings and goings: sorted, as the rooms of one
/// who crashes are told in no particular order.
fn print_news(count: usize) {
    let news = (0..count).map(|_| {
        receive! {
            Registered::<&str, &str> { key, value, .. } => format!("{value} joins {key}"),
            Unregistered::<&str> { key, .. } => format!("somebody leaves {key}"),
        }
    });
    let mut news: Vec<String> = news.collect();
    news.sort();
    println!("news: {}", news.join(", "));
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    process::register("reporter", process::self_pid())?;
    Registry::<&str, &str>::duplicate("rooms").listener("reporter").start_link()?;

    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(Member::start);
    let (ann, bob, cleo) = (ann?, bob?, cleo?);
    for member in [&ann, &bob, &cleo] {
        member.call(Request::Join("lobby"))?;
    }
    bob.call(Request::Join("kitchen"))?;
    print_news(4);
    print_members("lobby")?;

    say("lobby", "ann", "hello")?;
    say("kitchen", "ann", "something smells good")?;
    cleo.call(Request::Leave("lobby"))?;
    say("lobby", "cleo", "I am not here")?;
    for (name, member) in [("ann", &ann), ("bob", &bob), ("cleo", &cleo)] {
        println!("{name} has heard {:?}", member.call(Request::WhatWasHeard)?);
    }

    let monitor = process::monitor(bob);
    say("kitchen", "ann", "the soup is slimy")?;
    receive! { down: Down if down.monitor == monitor => println!("bob is down") }
    print_members("lobby")?;
    say("kitchen", "ann", "is anybody there?")?;
    print_news(3);
    Ok(())
}
