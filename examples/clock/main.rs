//! A clock: a server that a timer tells to tick, and that prints the time of day.
//!
//! What to look for: `init` starts the interval, which sends to the server itself. So a clock that
//! is started again ticks again, and nobody has to cancel the timer: it ends with the process that
//! it sends to. An interval counts from its start: the milliseconds hardly change from one tick to
//! the next.
//!
//! Run it with `cargo run --example clock`, or with a period in milliseconds, `cargo run --example
//! clock -- 250`. It ticks five times.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod api;
mod core;
mod server;

use std::env;
use std::error::Error;
use std::num::NonZeroU64;
use std::time::Duration;

use procession::prelude::*;

const PERIOD: Duration = Duration::from_secs(1);
const TICKS: u32 = 5;

/// Returns the period that the first argument gives.
fn period() -> Result<Duration, String> {
    let Some(argument) = env::args().nth(1) else { return Ok(PERIOD) };
    let millis: Result<NonZeroU64, _> = argument.parse();
    let millis = millis.map_err(|error| format!("{argument:?} milliseconds: {error}"))?;
    Ok(Duration::from_millis(millis.get()))
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let period = period()?;
    println!("a clock that ticks every {period:?}");
    let monitor = api::start(period, TICKS)?;
    receive! {
        down: Down if down.monitor == monitor => println!("the clock has ended: {}", down.reason),
    }
    Ok(())
}
