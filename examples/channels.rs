//! OTP's first server, which hands out channels: `ch3` of the chapter on `gen_server`.
//!
//! What to look for: clients call functions, `alloc` and `free`, and never see a request. The
//! functions find the server by its name each time, so nobody has to pass a reference around, and
//! whoever calls when it has been stopped is told at once.
//!
//! OTP: [gen_server behaviour](https://www.erlang.org/doc/system/gen_server_concepts.html).
//! Run it with `cargo run --example channels`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

use procession::prelude::*;

/// The name of the server.
const CH3: &str = "ch3";

#[derive(Debug)]
struct Channels {
    allocated: Vec<u32>,
    /// The next one last.
    free: Vec<u32>,
}

impl GenServer for Channels {
    type Args = u32;

    fn init(count: u32) -> InitResult<Self> {
        ready(Channels { allocated: Vec::new(), free: (1..=count).rev().collect() })
    }
}

#[derive(Debug)]
struct Alloc;

impl HandleCall<Alloc> for Channels {
    type Reply = Option<u32>;

    fn handle_call(&mut self, _: Alloc, _: &Caller<Self::Reply>) -> CallResult<Self, Alloc> {
        let channel = self.free.pop();
        self.allocated.extend(channel);
        reply(channel)
    }
}

#[derive(Debug)]
struct Free(u32);

impl HandleCast<Free> for Channels {
    fn handle_cast(&mut self, Free(channel): Free) -> CastResult<Self> {
        // Who frees a channel twice does not give it to two others.
        if let Some(index) = self.allocated.iter().position(|&it| it == channel) {
            self.free.push(self.allocated.swap_remove(index));
        }
        noreply()
    }
}

fn ch3() -> ServerRef<Channels, Name> {
    ServerRef::named(CH3)
}

fn start_link(count: u32) -> Result<ServerRef<Channels>, StartError> {
    Channels::start_link_with(count, StartOptions::new().name(CH3))
}

/// Returns a channel that is the caller's from now on, if one is left.
fn alloc() -> Result<Option<u32>, CallError> {
    ch3().call(Alloc)
}

fn free(channel: u32) {
    ch3().cast(Free(channel));
}

fn stop() -> Result<(), StopError> {
    ch3().stop()
}

fn main() -> Result<(), Box<dyn Error>> {
    start_link(3)?;
    while let Some(channel) = alloc()? {
        println!("allocated channel {channel}");
    }
    println!("none is left");

    println!("freeing channel 2, twice");
    free(2);
    free(2);
    println!("allocated: {:?}", alloc()?);
    println!("allocated: {:?}", alloc()?);

    println!("stopping");
    stop()?;
    match alloc() {
        Ok(channel) => println!("allocated: {channel:?}"),
        Err(error) => println!("not allocated: {error}"),
    }
    Ok(())
}
