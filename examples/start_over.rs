//! A program that starts over when its tree has given up, and gives up itself in the end.
//!
//! What to look for: the supervisor restarts a worker that fails, but not forever. When it gives
//! up, its application ends, `application::run` returns and says why, and everything that belonged
//! to the tree is gone: so the program can start it once more, from nothing. That has a limit, too.
//! Then the program ends with an exit code that is not 0, and whoever runs it decides: the same
//! question, one level up.
//!
//! Here a ferry cannot land while there is fog, and its captain does not try for ever. Run it with
//! `cargo run --example start_over`, or with the number of landings that the fog prevents, `cargo
//! run --example start_over -- 9`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use procession::application::{self, Application, RunError};
use procession::prelude::*;

/// How often the program starts its tree.
const STARTS: u32 = 3;

/// How often a supervisor restarts its children, within a time that is not up here.
const RESTARTS: usize = 1;
const PERIOD: Duration = Duration::from_secs(3600);

/// The world outside, which no restart brings back. So many landings fail.
type Fog = Arc<AtomicU32>;

#[derive(Debug)]
struct Ferry;

/// What it does after its start.
#[derive(Debug)]
struct Land(Fog);

impl GenServer for Ferry {
    type Args = Fog;

    fn init(fog: Fog) -> InitResult<Self> {
        println!("  the ferry sets out");
        ready(Ferry).then(Land(fog))
    }
}

impl HandleContinue<Land> for Ferry {
    fn handle_continue(&mut self, Land(fog): Land) -> CastResult<Self> {
        let lift = |landings: u32| landings.checked_sub(1);
        if fog.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lift).is_ok() {
            return stop(ExitReason::new("fog"));
        }
        println!("  the ferry has landed");
        application::terminate()?; // All is done: the program is to end, in order.
        noreply()
    }
}

fn crossing(fog: &Fog) -> Application {
    let fog = Arc::clone(fog);
    Application::new("crossing").start(move || {
        Supervisor::one_for_one()
            .intensity(RESTARTS, PERIOD)
            .child(Ferry::named_child_spec("ferry", Arc::clone(&fog)))
            .start_link()
    })
}

/// Runs the tree to its end, and once more when it has given up, but not for ever.
fn run(fog: &Fog) -> Result<(), RunError> {
    let mut start = 1;
    loop {
        println!("start {start} of {STARTS}");
        match application::run([crossing(fog)]) {
            Err(error @ RunError::Ended { .. }) if start < STARTS => println!("  {error}"),
            outcome => return outcome,
        }
        start += 1;
    }
}

fn fog() -> Result<Fog, String> {
    let Some(argument) = env::args().nth(1) else { return Ok(Fog::new(AtomicU32::new(3))) };
    let landings = argument.parse().map_err(|error| format!("{argument:?} landings: {error}"))?;
    Ok(Fog::new(AtomicU32::new(landings)))
}

fn main() -> ExitCode {
    env_logger::builder().filter_level(log::LevelFilter::Off).init(); // The fog is expected.
    let outcome = fog().and_then(|fog| run(&fog).map_err(|error| error.to_string()));
    match outcome {
        Ok(()) => {
            println!("the passengers go ashore");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("start_over: {error}");
            ExitCode::FAILURE
        }
    }
}
