//! A clock: a process that a timer tells to tick.
//!
//! What to look for: the clock works for a while at each tick, and the next tick still comes on
//! time, because an interval timer counts from its start and does not drift. The clock has a name,
//! by which anybody can stop it; the pending timer ends with it.
//!
//! Run it with `cargo run --example clock`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Builder;
use procession::timer;

const PERIOD: Duration = Duration::from_millis(100);
const WORK: Duration = Duration::from_millis(30);

#[derive(Clone, Debug)]
struct Tick;

#[derive(Debug)]
struct Ticked(u32);

#[derive(Debug)]
struct Stop;

/// Tells `listener` of each tick, until it is stopped.
fn clock(listener: Pid) {
    let start = Instant::now();
    timer::send_interval(PERIOD, process::self_pid(), Tick);
    for count in 1.. {
        receive! {
            Tick => {
                println!("tick {count} after {} ms", start.elapsed().as_millis());
                process::send(listener, Ticked(count));
                process::sleep(WORK);
            }
            Stop => return,
        }
    }
}

fn main() -> Result<(), ExitReason> {
    println!("a clock that ticks every {PERIOD:?} and works {WORK:?} at each tick");
    let me = process::self_pid();
    let (_, monitor) = Builder::new().name("clock").spawn_monitor(move || clock(me))?;

    receive! { Ticked(5) => process::send("clock", Stop)? }
    receive! { down: Down if down.monitor == monitor => println!("the clock ended: {}", down.reason) }
    Ok(())
}
