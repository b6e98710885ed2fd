//! A server made of `spawn`, `receive!` and `send`, and nothing else.
//!
//! What to look for: the core is arithmetic, and knows of no process. The server is a loop whose
//! state is a local variable. Its clients call the functions of `api`. An answer comes through an
//! alias that is a monitor too, so a server that has ended is noticed at once, and an answer that
//! comes too late is dropped.
//!
//! A client that sends its operations and does not wait can be faster than the server: then they
//! queue, without a limit. One that waits for each result cannot: there is never more than one of
//! it on the way. And only who waits can be told that there is no result.
//!
//! What the server does not understand crashes it, and it alone: who monitors it learns why, and
//! starts another one.
//!
//! Run it with `cargo run --example handmade_calculator`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod api;
mod core;
mod server;

use procession::prelude::*;

use crate::core::Operation;

fn main() -> Result<(), ExitReason> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
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
    if let Err(error) = api::call(calculator, Operation::Divide(0)) {
        println!("who waits for the result is told: {error}");
    }
    println!("it still calculates: {}", api::call(calculator, Operation::Inc)?);

    casts_queue()?;
    calls_do_not()?;

    println!("sending it words");
    let monitor = process::monitor(calculator);
    process::send(calculator, "one and one");
    println!("the calculator {}", reason_in_down(monitor));
    if let Err(reason) = api::state(calculator) {
        println!("asked once more: {reason}");
    }
    let calculator = api::start(0)?;
    api::add(calculator, 1);
    println!("a new calculator: {}", api::state(calculator)?);
    Ok(())
}

/// A client that is too fast for a server that is busy for a while: the server is paused here.
fn casts_queue() -> Result<(), ExitReason> {
    let calculator = api::start(0)?;
    api::pause(calculator);
    for _ in 0..1000 {
        api::cast(calculator, Operation::Inc);
    }
    let question = api::ask_longest_queue(calculator);
    api::go_on(calculator);
    let waited: usize = api::await_answer(question)?;
    println!("casts: while the first of a thousand was done, {waited} messages waited");
    Ok(())
}

/// The same client, but it waits for each result.
fn calls_do_not() -> Result<(), ExitReason> {
    let calculator = api::start(0)?;
    api::pause(calculator);
    let (_, client) = process::spawn_monitor(move || {
        for n in 1..=1000 {
            assert_eq!(api::call(calculator, Operation::Inc), Ok(n));
        }
    })?;
    api::go_on(calculator);
    println!("calls: their client has ended: {}", reason_in_down(client));
    let waited: usize = api::await_answer(api::ask_longest_queue(calculator))?;
    println!("calls: while one of a thousand was done, {waited} messages waited");
    Ok(())
}

fn reason_in_down(monitor: MonitorRef) -> ExitReason {
    receive! { down: Down if down.monitor == monitor => down.reason }
}
