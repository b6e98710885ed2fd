//! A small program under some load that shows itself in a browser: `observer::web`.
//!
//! What to look for: the page is one child of the tree, and shows the whole program, itself
//! included. The tills call the stock, whose rows are in a table; the van breaks down now and then,
//! and is started again, as the tree and the restarts show. Customers come and go: they are found
//! in a registry, and stand in a process group while they wait. Click on any process to see what it
//! waits for, and its state; the till hides its code in its `format_status`.
//!
//! `cargo run --features observer-web --example observed` listens on port 4040, on this machine
//! only; `-- --port PORT` says otherwise, port 0 is any free one, and with `--control` processes
//! can be suspended and killed. `curl localhost:4040/snapshot.json` has it all as JSON. It runs
//! until Ctrl-C or `SIGTERM`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod shop;
#[cfg(target_os = "linux")]
mod customers;
#[cfg(target_os = "linux")]
mod tree;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    env_logger::init_from_env(env_logger::Env::default().default_filter_or("off"));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{}\n{}", options::USAGE, options::HELP);
        return ExitCode::SUCCESS;
    }
    let (code, error) = match options::Options::parse(arguments).map(tree::run) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => (1, error.to_string()),
        Err(error) => (2, error),
    };
    eprintln!("observed: {error}");
    ExitCode::from(code)
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("observed: only Linux has `procession::observer::web`");
    ExitCode::FAILURE
}
