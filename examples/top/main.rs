//! The program in its terminal, as `top` shows a machine: a bakery, whose oven is too slow.
//!
//! What to look for: the queue of `oven` grows until there is no more room in its mailbox, and
//! `mixer` takes processor time. Press enter on `orders` to see its state: it is asked for by a
//! system message. `oven` does not answer in time, as it comes to that message last. Kill a process
//! with `k` and `y`: its supervisor starts another one. `s` suspends `mixer`, and `r` resumes it.
//! `?` shows all keys, `q` ends the program.
//!
//! Run it with `cargo run --features observer-tui --example top`, or with how often it looks, in
//! milliseconds: `... --example top -- 500`.

mod bakery;

use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use env_logger::{Builder, Env, Target};
use procession::observer::tui;

/// Returns the options that the first argument gives.
fn options() -> Result<tui::Options, String> {
    let options = tui::Options::new();
    let Some(argument) = env::args().nth(1) else { return Ok(options) };
    let millis = argument.parse().map_err(|error| format!("{argument:?} milliseconds: {error}"))?;
    Ok(options.interval(Duration::from_millis(millis)))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("top: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // The terminal belongs to the view. A real program writes its log to a file.
    let log = Target::Pipe(Box::new(io::sink()));
    Builder::from_env(Env::new().default_filter_or("warn")).target(log).init();
    let options = options()?;
    let bakery = bakery::start()?;
    tui::run(options)?;
    bakery.stop()?;
    Ok(())
}
