//! The program: what it is started with, what it says, and what stops it.

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use procession::application::{self, Runner};
use procession::io::{TcpListener, stdin};
use procession::prelude::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::core::options::Options;
use super::info::Service;
use super::tree;

/// Runs the service until it is stopped; returns the exit code.
pub(crate) fn run(arguments: impl IntoIterator<Item = String>) -> ExitCode {
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
    let dir = options.dir.display();
    fs::create_dir_all(&options.dir).map_err(|error| format!("cannot create {dir}: {error}"))?;
    let service = Service { options, port, since: Instant::now() };
    let application = tree::application(listener, Arc::new(service), say_how_to_talk);
    watch_standard_input()?;
    Runner::new([application]).shutdown_timeout(tree::SHUTDOWN_TIME).run()?;
    println!("stopped, and all is saved");
    Ok(())
}

/// Lets the program have as many open files as the system allows it: a connection takes two, its
/// socket and what interrupts its waits, and a user is given 1,024 as a rule.
fn allow_all_descriptors() -> Result<(), Box<dyn Error>> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .map_err(|error| format!("cannot raise the limit of open files: {error}").into())
}

fn say_how_to_talk(service: &Service) {
    let Service { options, port, .. } = service;
    println!("listening on 127.0.0.1:{port}");
    println!("data in {}, appendfsync {}", options.dir.display(), options.fsync.name());
    println!("talk to it with `redis-cli -p {port}`, or `nc 127.0.0.1 {port}` and type PING");
    println!("press Ctrl-C to stop it");
}

/// Stops the service at the end of its standard input, if that is none that ends at once, as the
/// one of a service in the background does, and no terminal.
fn watch_standard_input() -> Result<(), Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        process::spawn(|| {
            if io::copy(&mut stdin(), &mut io::sink()).is_ok_and(|length| length > 0) {
                _ = application::terminate();
            }
        })?;
    }
    Ok(())
}
