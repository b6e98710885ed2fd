//! A clock: a process that a timer tells to tick.
//!
//! What to look for: the clock is busy for a while at each tick, and the next one is still on time,
//! as an interval timer counts from its start and does not drift. Nobody cancels the timer: it ends
//! with the process that it sends to.
//!
//! Run it with `cargo run --example clock`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::timer;

const PERIOD: Duration = Duration::from_millis(100);
const WORK: Duration = Duration::from_millis(30);
const TICKS: u32 = 5;

#[derive(Clone, Debug)]
struct Tick;

fn clock() {
    let start = Instant::now();
    timer::send_interval(PERIOD, process::self_pid(), Tick);
    for count in 1..=TICKS {
        receive! {
            Tick => println!("tick {count} after {} ms", start.elapsed().as_millis()),
        }
        process::sleep(WORK);
    }
}

fn main() -> Result<(), ExitReason> {
    println!("a clock that ticks every {PERIOD:?} and is busy for {WORK:?} at each tick");
    let (_, monitor) = process::spawn_monitor(clock)?;
    receive! {
        down: Down if down.monitor == monitor => println!("the clock has ended: {}", down.reason),
    }
    Ok(())
}
