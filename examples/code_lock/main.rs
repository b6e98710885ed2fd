//! OTP's code lock: the right buttons open it, and after a while it locks again.
//!
//! What to look for: the lock is built twice from one [`core`]. `one_handler` is a `match` of the
//! state and the event, and postpones buttons while it is open; `state_functions` has a function
//! for each state, and drops them. The time to lock again is a state timeout: it ends when the
//! state does, so who locks the door before does not have to cancel it. `CodeLength` is a call, and
//! is answered in each state.
//!
//! Run it with `cargo run --example code_lock`, or one of them with `-- one_handler` or
//! `-- state_functions`.
//!
//! OTP: [`gen_statem` Behaviour](https://www.erlang.org/doc/design_principles/statem.html).

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod core;
mod one_handler;
mod state_functions;

use std::env;
use std::error::Error;

use procession::prelude::*;

/// From a lock, to who has started it.
#[derive(Debug, PartialEq)]
enum Door {
    Locked,
    Open,
}

/// Waits until the lock says that it does this.
fn wait_for(expected: Door) {
    receive! { door: Door if door == expected => println!("the door is {door:?}") }
}

fn one_handler() -> Result<(), Box<dyn Error>> {
    use one_handler::{Arguments, CodeLock, Event};

    println!("one handler for all states:");
    let listener = process::self_pid();
    let lock = CodeLock::start_link(Arguments { code: vec![1, 2, 3], listener })?;
    wait_for(Door::Locked);
    println!("the code has {} digits", lock.call(Event::CodeLength)?);
    [2, 1, 2, 3].into_iter().for_each(|digit| lock.cast(Event::Button(digit)));
    wait_for(Door::Open);
    println!("and {} while it is open", lock.call(Event::CodeLength)?);
    // These wait until it is locked.
    [1, 2].into_iter().for_each(|digit| lock.cast(Event::Button(digit)));
    wait_for(Door::Locked);
    lock.cast(Event::Button(3));
    wait_for(Door::Open);
    lock.stop()?;
    wait_for(Door::Locked); // It cleans up.
    Ok(())
}

fn state_functions() -> Result<(), Box<dyn Error>> {
    use procession::gen_statem::GenStatem;
    use state_functions::{Arguments, CodeLock, Event};

    println!("a function for each state:");
    let listener = process::self_pid();
    let lock = CodeLock::start_link(Arguments { code: vec![4, 5], listener })?;
    wait_for(Door::Locked);
    [5, 4, 5].into_iter().for_each(|digit| lock.cast(Event::Button(digit)));
    wait_for(Door::Open);
    println!("the code has {} digits", lock.call(Event::CodeLength)?);
    lock.cast(Event::Button(4)); // It is dropped,
    lock.cast(Event::Lock);
    wait_for(Door::Locked);
    lock.cast(Event::Button(5)); // so this does not make the code.
    println!("the state is {}", lock.call(Event::State)?);
    lock.stop()?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        None => {
            one_handler()?;
            state_functions()
        }
        Some("one_handler") => one_handler(),
        Some("state_functions") => state_functions(),
        Some(other) => Err(format!("there is no lock of {other}").into()),
    }
}
