//! The program: what it is started with, what it says, and what stops it.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use procession::application::{self, Killed, RunError, Runner};
use procession::io::{TcpListener, stdin};
use procession::prelude::*;
use procession::process::SpawnError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::core::options::{HELP, Options, USAGE};
use super::info::Service;
use super::lock;
use super::losses::Losses;
use super::tree;

/// Runs the service until it is stopped; returns the exit code.
pub(crate) fn run(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
    if arguments.iter().any(|argument| argument == "--help") {
        say(format_args!("{USAGE}\n{HELP}"));
        return ExitCode::SUCCESS;
    }
    let (code, error) = match Options::parse(arguments).map(serve) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => (1, error.to_string()),
        Err(error) => (2, error),
    };
    eprintln!("kv_service: {error}");
    ExitCode::from(code)
}

fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    allow_all_descriptors()?;
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener =
        TcpListener::bind(wanted).map_err(|error| format!("cannot listen on {wanted}: {error}"))?;
    let port = listener.local_addr()?.port();
    let _lock = occupy(&options.dir)?;
    let losses = Losses::default();
    let service = Service { options, port, since: Instant::now(), losses: losses.clone() };
    let application = tree::application(listener, Arc::new(service), when_started);
    let end = Runner::new([application]).shutdown_timeout(tree::SHUTDOWN_TIME).run();
    let how = match end {
        Ok(()) => "stopped".to_owned(),
        // Nothing has been written but what was there.
        Err(RunError::Killed(killed)) if killed.iter().all(is_start) => {
            say(format_args!("stopped as it was starting\n"));
            return Ok(());
        }
        Err(error) if losses.cause().is_none() => return Err(error.into()),
        Err(error) => error.to_string(),
    };
    if let Some(cause) = losses.cause() {
        return Err(format!("{how}; some of what was written could not be saved: {cause}").into());
    }
    say(format_args!("stopped, and all is saved\n"));
    Ok(())
}

fn is_start(killed: &Killed) -> bool {
    matches!(killed, Killed::Start(_))
}

/// Creates the directory, if there is none, and keeps other services from it.
fn occupy(dir: &Path) -> Result<File, Box<dyn Error>> {
    let shown = dir.display();
    fs::create_dir_all(dir).map_err(|error| format!("cannot create {shown}: {error}"))?;
    let lock = lock::try_lock(dir).map_err(|error| format!("cannot lock {shown}: {error}"))?;
    Ok(lock.ok_or_else(|| format!("{shown} is in use by another kv_service"))?)
}

/// Prints something. Who has closed the standard output does not want to know.
fn say(text: fmt::Arguments<'_>) {
    _ = io::stdout().write_fmt(text);
}

/// Lets the program have as many open files as the system allows it: a connection takes two, its
/// socket and what interrupts its waits, and a user is given 1,024 as a rule.
fn allow_all_descriptors() -> Result<(), Box<dyn Error>> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .map_err(|error| format!("cannot raise the limit of open files: {error}").into())
}

/// Says how to talk to the service, and has the end of the standard input stop it. That may have
/// come already, and would stop nothing before the service runs.
fn when_started(service: &Service) -> Result<(), SpawnError> {
    say_how_to_talk(service);
    watch_standard_input()
}

fn say_how_to_talk(service: &Service) {
    let Service { options, port, .. } = service;
    let (dir, fsync) = (options.dir.display(), options.fsync.name());
    say(format_args!(
        "listening on 127.0.0.1:{port}\n\
         data in {dir}, appendfsync {fsync}\n\
         talk to it with `redis-cli -p {port}`, or `nc 127.0.0.1 {port}` and type PING\n\
         press Ctrl-C to stop it, or send it SIGTERM\n"
    ));
}

/// Stops the service at the end of its standard input, if that is none that ends at once, as the
/// one of a service in the background does, and no terminal.
fn watch_standard_input() -> Result<(), SpawnError> {
    if !io::stdin().is_terminal() {
        process::spawn(|| {
            if io::copy(&mut stdin(), &mut io::sink()).is_ok_and(|length| length > 0) {
                _ = application::terminate();
            }
        })?;
    }
    Ok(())
}
