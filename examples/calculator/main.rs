//! The handmade calculator's core, behind `gen_server`.
//!
//! What to look for: the core is that of `handmade_calculator`, to the letter. The server is only
//! what to do with each message, and the same operation is done as a cast, which does not wait, and
//! as a call, which does. A client that casts can be faster than the server: then its messages
//! queue, without a limit. One that calls cannot, and is told when there is no result.
//!
//! A message that it does not know does not crash this server: it is logged, as a warning.
//!
//! Run it with `cargo run --example calculator`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod api;
#[path = "../handmade_calculator/core.rs"]
mod core;
mod server;

use std::error::Error;
use std::time::Duration;

use procession::prelude::*;

use crate::core::Operation;

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::builder().filter_level(log::LevelFilter::Warn).init();
    let calculator = api::start(10)?;
    api::subtract(calculator, 4);
    api::multiply(calculator, 14);
    api::divide(calculator, 2);
    println!("(10 - 4) * 14 / 2 = {}", api::state(calculator)?);
    api::inc(calculator);
    api::inc(calculator);
    api::dec(calculator);
    println!("two up, one down: {}", api::state(calculator)?);
    let operations = [Operation::Subtract(3), Operation::Divide(4), Operation::Inc];
    println!("the core alone: {}", core::fold(43, operations)?);

    println!("dividing by zero");
    api::divide(calculator, 0);
    if let Err(error) = api::call(calculator, Operation::Divide(0))? {
        println!("who waits for the result is told: {error}");
    }
    println!("it still calculates: {}", api::call(calculator, Operation::Inc)??);

    casts_queue()?;
    calls_do_not()?;

    println!("sending it words");
    calculator.send("one and one");
    api::add(calculator, 1);
    println!("it still calculates: {}", api::state(calculator)?);
    calculator.stop()?;
    if let Err(error) = api::state(calculator) {
        println!("stopped, and asked once more: {error}");
    }
    Ok(())
}

/// A client that is too fast for a server that is busy for a while: the server is suspended here.
fn casts_queue() -> Result<(), Box<dyn Error>> {
    let calculator = api::start(0)?;
    calculator.sys().suspend()?;
    for _ in 0..1000 {
        api::cast(calculator, Operation::Inc);
    }
    let question = api::ask_longest_queue(calculator);
    calculator.sys().resume()?;
    let waited = question.receive_response(Duration::from_secs(5))?;
    println!("casts: while the first of a thousand was done, {waited} messages waited");
    Ok(())
}

/// The same client, but it waits for each result.
fn calls_do_not() -> Result<(), Box<dyn Error>> {
    let calculator = api::start(0)?;
    calculator.sys().suspend()?;
    let (_, client) = process::spawn_monitor(move || {
        for n in 1..=1000 {
            assert_eq!(api::call(calculator, Operation::Inc), Ok(Ok(n)));
        }
    })?;
    calculator.sys().resume()?;
    receive! {
        down: Down if down.monitor == client => {
            println!("calls: their client has ended: {}", down.reason);
        }
    }
    let waited = api::ask_longest_queue(calculator).receive_response(Duration::from_secs(5))?;
    println!("calls: while one of a thousand was done, {waited} messages waited");
    Ok(())
}
