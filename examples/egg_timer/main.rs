//! An egg timer: a server that sends messages to itself, later.
//!
//! What to look for: an alarm is a message that comes in its turn like any other, so what it does
//! is done on the server's thread and needs no lock. Some alarms are set at the start; one has a
//! function of its own, which comes with the request.
//!
//! The server traps exits, so `terminate` runs whoever ends it, a supervisor too: it cancels what
//! is pending, and says so. That is a graceful end, which no log mentions. An egg timer that is
//! stopped with a reason that is not orderly cleans up, too, and then its last words are in the
//! log, on standard error; `format_status` chooses what they show of the state.
//!
//! Run it with `cargo run --example egg_timer`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod api;
mod core;
mod server;

use std::error::Error;
use std::time::Duration;

use procession::prelude::*;

/// What a supervisor starts an egg timer with.
const ALARMS: &[(&str, Duration)] = &[("goose egg", minutes(13))];

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn print_status() -> Result<(), CallError> {
    for (name, left) in api::status()? {
        println!("{name}: {left} left");
    }
    Ok(())
}

/// Sets an alarm that ends the wait of the caller.
fn wait_for(name: &'static str, duration: Duration) {
    let me = process::self_pid();
    api::schedule_action(name, duration, move || process::send(me, name));
    receive! { rung: &str if rung == name => println!("the {name} was waited for") }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    api::start_link(&[("ostrich egg", minutes(90)), ("goose egg", minutes(13))])?;
    print_status()?;
    println!("cancelling the goose egg, twice");
    println!("cancelled in time: {}", api::cancel("goose egg")?.is_some());
    println!("cancelled in time: {}", api::cancel("goose egg")?.is_some());
    api::schedule("quail egg", Duration::from_millis(20));
    api::schedule("duck egg", minutes(8));
    wait_for("hen's egg", Duration::from_millis(40));
    print_status()?;
    println!("stopping");
    api::stop()?;
    if let Err(error) = api::status() {
        println!("no status: {error}");
    }

    println!("another one, whose supervisor stops it");
    let kitchen = Supervisor::one_for_one().child(api::child_spec(ALARMS)).start_link()?;
    kitchen.stop()?;

    println!("another one, which is stopped with a wrong reason");
    api::start_link(&[("ostrich egg", minutes(90))])?;
    api::stop_with(ExitReason::new("we broke something"))?;
    Ok(())
}
