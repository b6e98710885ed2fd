//! OTP's push button: it toggles, and counts how often it was switched on.
//!
//! What to look for: `push` is a call, so who pushes knows what comes of it. Both states answer
//! `Count`. What has happened is recorded while the machine runs, without a line of code in it, and
//! printed as a sequence diagram of [Mermaid](https://mermaid.js.org).
//!
//! Run it with `cargo run --example pushbutton`.
//!
//! OTP: [`gen_statem`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#module-example).

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

use procession::gen_statem::{InitResult, Recording};
use procession::prelude::*;

#[derive(Debug)]
struct PushButton {
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Light {
    Off,
    On,
}

#[derive(Debug)]
enum Event {
    Push(ReplyTo<Light>),
    Count(ReplyTo<u32>),
}

impl GenStatem for PushButton {
    type Args = ();
    type State = Light;
    type Event = Event;

    fn init((): ()) -> InitResult<Self> {
        started(Light::Off, PushButton { count: 0 })
    }

    fn handle_event(&mut self, _: EventType, event: Event, light: &Light) -> StateResult<Self> {
        match (light, event) {
            (Light::Off, Event::Push(client)) => {
                self.count += 1;
                next_state(Light::On).reply(client, Light::On)
            }
            (Light::On, Event::Push(client)) => next_state(Light::Off).reply(client, Light::Off),
            (_, Event::Count(client)) => keep_state().reply(client, self.count),
        }
    }
}

/// What users of the button call.
fn button() -> StatemRef<PushButton, Name> {
    StatemRef::named("pushbutton")
}

fn main() -> Result<(), Box<dyn Error>> {
    PushButton::start_link_with((), StartOptions::new().name("pushbutton"))?;
    process::register("a user", process::self_pid())?; // A name to be recorded by.
    let recording = Recording::of(&button())?;
    println!("switched on {} times", button().call(Event::Count)?);
    println!("pushed: {:?}", button().call(Event::Push)?);
    println!("switched on {} times", button().call(Event::Count)?);
    println!("pushed: {:?}", button().call(Event::Push)?);
    println!("pushed: {:?}", button().call(Event::Push)?);
    println!("switched on {} times", button().call(Event::Count)?);
    button().stop()?;
    print!("{}", recording.mermaid());
    match button().call(Event::Push) {
        Ok(light) => println!("pushed: {light:?}"),
        Err(error) => println!("not pushed: {error}"),
    }
    Ok(())
}
