//! A ring of processes through which a token is passed, the oldest benchmark of Erlang.
//!
//! What to look for: a process knows the next one and nothing else. `main` is one of them, as a
//! thread that uses the runtime is a process. Each hop wakes a thread, which is the worst that can
//! be asked of threads; see how many hops a second it is all the same.
//!
//! Run it with `cargo run --release --example ring -- [PROCESSES] [LAPS]`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::env;
use std::error::Error;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::timer;

const PROCESSES: u32 = 1_000;
const LAPS: u32 = 100;

#[derive(Debug)]
struct Token;

#[derive(Debug)]
struct Stop;

/// Passes the token on, and the end.
fn pass_on(next: Pid) {
    loop {
        receive! {
            Token => process::send(next, Token),
            Stop => return process::send(next, Stop),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let processes = argument(1, PROCESSES)?;
    let laps = argument(2, LAPS)?;

    let start = Instant::now();
    let me = process::self_pid();
    let first =
        (1..processes).try_fold(me, |next, _| process::spawn_link(move || pass_on(next)))?;
    println!("{processes} processes in a ring, spawned in {} ms", start.elapsed().as_millis());

    let (elapsed, ()) = timer::tc(|| {
        for _ in 0..laps {
            process::send(first, Token);
            receive! {
                Token => {}
                Exit { from, reason } => panic!("the ring is broken, {from} has ended: {reason}"),
            }
        }
    });
    let messages = u64::from(processes) * u64::from(laps);
    println!("{laps} laps: {messages} messages in {} ms", elapsed.as_millis());
    println!("{} messages per second", rate(messages, elapsed));

    process::send(first, Stop);
    receive! { Stop => println!("the ring has ended") }
    Ok(())
}

/// The argument in this place, or `default` if there is none.
fn argument(place: usize, default: u32) -> Result<u32, String> {
    let Some(text) = env::args().nth(place) else { return Ok(default) };
    let number = text
        .parse::<NonZeroU32>()
        .map_err(|error| format!("argument {place} is {text}: {error}"))?;
    Ok(number.get())
}

fn rate(messages: u64, elapsed: Duration) -> u64 {
    (messages as f64 / elapsed.as_secs_f64()) as u64
}
