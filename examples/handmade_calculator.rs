//! A server made of `spawn`, `receive!` and `send`, and nothing else.
//!
//! What to look for: the server is a loop whose state is a local variable. Its clients call plain
//! functions and never see a message. The answer comes through an alias that is a monitor too, so a
//! server that has ended is noticed at once, and an answer that comes too late is dropped. What the
//! server cannot do crashes it, and it alone: who monitors it learns why, and starts another one.
//!
//! Run it with `cargo run --example handmade_calculator`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::time::Duration;

use procession::prelude::*;
use procession::process::{AliasMode, MonitorOptions, SpawnError};

/// A server that nobody has used for so long ends, and a client does not wait longer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
enum Operation {
    Add(i64),
    Subtract(i64),
    Multiply(i64),
    Divide(i64),
    Clear,
}

/// Asks for the state, which is to be sent to this alias.
#[derive(Debug)]
struct GetState(Alias);

/// The state, and whose question it answers.
#[derive(Debug)]
struct State(Alias, i64);

/// The server.
fn calculate() {
    let mut state = 0;
    loop {
        receive! {
            Operation::Add(n) => state += n,
            Operation::Subtract(n) => state -= n,
            Operation::Multiply(n) => state *= n,
            Operation::Divide(n) => state /= n,
            Operation::Clear => state = 0,
            GetState(client) => process::send(client, State(client, state)),
            unknown: Message => panic!("what is {unknown:?}?"),
            after PATIENCE => return,
        }
    }
}

fn start() -> Result<Pid, SpawnError> {
    process::spawn(calculate)
}

fn add(calculator: Pid, n: i64) {
    process::send(calculator, Operation::Add(n));
}

fn subtract(calculator: Pid, n: i64) {
    process::send(calculator, Operation::Subtract(n));
}

fn multiply(calculator: Pid, n: i64) {
    process::send(calculator, Operation::Multiply(n));
}

fn divide(calculator: Pid, n: i64) {
    process::send(calculator, Operation::Divide(n));
}

fn clear(calculator: Pid) {
    process::send(calculator, Operation::Clear);
}

/// Returns the state, or why there is none.
fn state(calculator: Pid) -> Result<i64, ExitReason> {
    let options = MonitorOptions::new().alias(AliasMode::Reply);
    let monitor = process::monitor_with(calculator, options);
    let question = Alias::from(monitor);
    process::send(calculator, GetState(question));
    receive! {
        State(answered, state) if answered == question => Ok(state),
        down: Down if down.monitor == monitor => Err(down.reason),
        after PATIENCE => {
            process::demonitor_flush(monitor);
            Err(ExitReason::new("no answer"))
        }
    }
}

fn main() -> Result<(), ExitReason> {
    let calculator = start()?;
    add(calculator, 10);
    subtract(calculator, 4);
    multiply(calculator, 14);
    divide(calculator, 2);
    println!("(10 - 4) * 14 / 2 = {}", state(calculator)?);
    clear(calculator);
    println!("cleared: {}", state(calculator)?);

    println!("dividing by zero");
    let monitor = process::monitor(calculator);
    divide(calculator, 0);
    println!("the calculator {}", reason_in_down(monitor));
    if let Err(reason) = state(calculator) {
        println!("asked once more: {reason}");
    }

    let calculator = start()?;
    add(calculator, 1);
    println!("a new calculator: {}", state(calculator)?);
    println!("sending it words");
    let monitor = process::monitor(calculator);
    process::send(calculator, "one and one");
    println!("the calculator {}", reason_in_down(monitor));
    Ok(())
}

fn reason_in_down(monitor: MonitorRef) -> ExitReason {
    receive! { down: Down if down.monitor == monitor => down.reason }
}
