//! The handmade calculator's core, behind `gen_server`.
//!
//! What to look for: no loop, no alias, no time-out is left, only what to do with each message. The
//! core is a plain function. What the calculator cannot do crashes it as before; a message that it
//! does not know no longer does.
//!
//! Run it with `cargo run --example calculator`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

use procession::prelude::*;

#[derive(Debug)]
enum Operation {
    Add(i64),
    Subtract(i64),
    Multiply(i64),
    Divide(i64),
    Negate,
    Clear,
}

/// The core.
fn apply(operation: Operation, state: i64) -> i64 {
    match operation {
        Operation::Add(n) => state + n,
        Operation::Subtract(n) => state - n,
        Operation::Multiply(n) => state * n,
        Operation::Divide(n) => state / n,
        Operation::Negate => -state,
        Operation::Clear => 0,
    }
}

#[derive(Debug)]
struct Calculator {
    state: i64,
}

#[derive(Debug)]
struct GetState;

/// A plain message, from whoever has the calculator's pid, to add one.
#[derive(Debug)]
struct Inc;

impl GenServer for Calculator {
    type Args = i64;

    fn init(state: i64) -> InitResult<Self> {
        ready(Calculator { state })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        match message.downcast() {
            Ok(Inc) => self.state = apply(Operation::Add(1), self.state),
            Err(unknown) => println!("what is {unknown:?}?"),
        }
        noreply()
    }
}

impl HandleCast<Operation> for Calculator {
    fn handle_cast(&mut self, operation: Operation) -> CastResult<Self> {
        self.state = apply(operation, self.state);
        noreply()
    }
}

impl HandleCall<GetState> for Calculator {
    type Reply = i64;

    fn handle_call(&mut self, _: GetState, _: &Caller<i64>) -> CallResult<Self, GetState> {
        reply(self.state)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (calculator, monitor) = Calculator::start_monitor(0)?;
    calculator.cast(Operation::Add(10));
    calculator.cast(Operation::Subtract(4));
    calculator.cast(Operation::Multiply(14));
    calculator.cast(Operation::Divide(2));
    println!("(10 - 4) * 14 / 2 = {}", calculator.call(GetState)?);
    calculator.cast(Operation::Negate);
    println!("negated: {}", calculator.call(GetState)?);

    calculator.send(Inc);
    calculator.send(Inc);
    println!("incremented twice: {}", calculator.call(GetState)?);
    calculator.send("one and one");
    calculator.cast(Operation::Clear);
    println!("cleared: {}", calculator.call(GetState)?);

    println!("dividing by zero");
    calculator.cast(Operation::Divide(0));
    receive! {
        down: Down if down.monitor == monitor => println!("the calculator {}", down.reason),
    }
    if let Err(error) = calculator.call(GetState) {
        println!("asked once more: {error}");
    }
    Ok(())
}
