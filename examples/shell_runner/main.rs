//! A server that runs commands of the shell, a few at a time, and tells line by line what they
//! print.
//!
//! What to look for: a process blocks until its command ends, and two more until it prints
//! something, yet each of them is gone at once when it is told to end. A process owns its command:
//! whatever ends the process, a timeout, a kill of the server, or Ctrl-C, ends the command, and all
//! that the command has started. The end of the process is seen when the command has ended.
//!
//! `cargo run --example shell_runner` shows it with commands of its own.
//! `cargo run --example shell_runner -- 'ls | wc -l' 'sleep 1; date'` runs these commands, two at a
//! time, and fails if one of them does; with `--at-once 4` four at a time, with `--timeout 10` each
//! for at most ten seconds.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

#[cfg(target_os = "linux")]
mod api;
#[cfg(target_os = "linux")]
mod core;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod tree;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    env_logger::init(); // Without RUST_LOG it shows errors.
    program::run(std::env::args().skip(1))
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("shell_runner: only Linux has `procession::io`");
    ExitCode::FAILURE
}
