//! A TCP server with a process for each connection, all of which add to one counter.
//!
//! What to look for: the processes block in `accept` and `read` as they like, as each has a thread.
//! They end all the same when they are told to, as the sockets are those of `procession::io`.
//! `main` is a process too, linked to all of these, and learns of every end by the same message.
//! When the process of a connection crashes, the others go on, and so does the counter.
//!
//! `cargo run --example tcp_counter` serves clients of its own and ends.
//! `cargo run --example tcp_counter -- --port 4000` serves until its standard input ends: send it
//! numbers, a line each, with `nc 127.0.0.1 4000`, and `crash`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, LineWriter, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use procession::io::{TcpListener, TcpStream, stdin};
use procession::prelude::*;

const CLIENTS: u32 = 300;
const AT_ONCE: u32 = 100; // The system queues 128 connections that wait for `accept`.
const NUMBERS: u32 = 100;

/// Asks the counter to add a number and to send the total back.
#[derive(Debug)]
struct Add(Pid, i64);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let port = match arguments.as_slice() {
        [] => Ok(None),
        [option, port] if option == "--port" => {
            port.parse().map(Some).map_err(|error| format!("{port:?} is not a port: {error}"))
        }
        _ => Err("usage: tcp_counter [--port PORT]".to_owned()),
    };
    let (code, error) = match port.map(run) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => (1, error.to_string()),
        Err(error) => (2, error),
    };
    eprintln!("tcp_counter: {error}");
    ExitCode::from(code)
}

fn run(port: Option<u16>) -> Result<(), Box<dyn Error>> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    let listener =
        TcpListener::bind(wanted).map_err(|error| format!("cannot listen on {wanted}: {error}"))?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    let served = match port {
        Some(_) => {
            println!("add numbers with `nc 127.0.0.1 {}`, or send it \"crash\"", address.port());
            println!("press Ctrl-D here to end");
            serve(listener, || drop(io::copy(&mut stdin(), &mut io::sink())))
        }
        None => serve(listener, move || {
            two_clients(address).unwrap_or_else(|error| process::exit_self(error));
            crowd(address);
        }),
    };
    let (clients, total) = served.map_err(|reason| reason.to_string())?;
    println!("clients served: {clients}, total: {total}");
    if port.is_none() {
        println!("talk to it yourself: cargo run --example tcp_counter -- --port 4000");
    }
    Ok(())
}

/// Serves whoever connects while `work` goes on; returns how many clients came, and the total.
fn serve(
    listener: TcpListener,
    work: impl FnOnce() + Send + 'static,
) -> Result<(usize, i128), ExitReason> {
    let me = process::self_pid();
    process::set_trap_exit(true); // To hear of those, too, that end as they should.
    let counter = process::spawn_link(count)?;
    let acceptor = process::spawn_link(move || accept(&listener, me))?;
    let work = process::spawn_link(work)?;

    let (mut clients, mut connections) = (0, HashSet::new());
    loop {
        receive! {
            stream: TcpStream => {
                // An error there means that the client has broken off, which is its right.
                match process::spawn_link(move || _ = talk(&stream, counter)) {
                    Ok(pid) => {
                        connections.insert(pid);
                        clients += 1;
                    }
                    Err(error) => eprintln!("tcp_counter: cannot serve a client: {error}"),
                }
            }
            Exit { from, reason: ExitReason::Normal } if from == work => break,
            Exit { from, reason } if [work, counter, acceptor].contains(&from) => {
                return Err(reason);
            }
            Exit { from, reason } => {
                if reason != ExitReason::Normal {
                    println!("a connection has ended, the others go on: {reason}");
                }
                connections.remove(&from);
            }
        }
    }

    // They wait in `accept` and `read`, from which an exit signal calls them back.
    connections.insert(acceptor);
    connections.iter().for_each(|pid| process::exit(*pid, ExitReason::Shutdown));
    for pid in connections {
        receive! { Exit { from, .. } if from == pid => {} } // Its socket is closed.
    }
    Ok((clients, add(counter, 0)))
}

/// Hands each new connection to `server`.
fn accept(listener: &TcpListener, server: Pid) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => process::send(server, stream),
            Err(error) => {
                eprintln!("tcp_counter: cannot accept a client: {error}");
                process::sleep(Duration::from_millis(100)); // Too many open files, as a rule.
            }
        }
    }
}

/// Answers each number of a client with the total, until no more come or it crashes.
fn talk(stream: &TcpStream, counter: Pid) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answers = LineWriter::new(stream);
    for line in BufReader::new(stream).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim().to_owned();
        match line.parse() {
            Ok(number) => writeln!(answers, "{}", add(counter, number))?,
            Err(_) if line == "crash" => panic!("the client has asked for it"),
            Err(error) => writeln!(answers, "{line:?} is not a number: {error}")?,
        }
    }
    Ok(())
}

/// The counter: all that is shared, and no lock.
fn count() {
    let mut total = 0;
    loop {
        let Add(client, number) = receive! { add: Add => add };
        total += i128::from(number);
        process::send(client, total);
    }
}

fn add(counter: Pid, number: i64) -> i128 {
    process::send(counter, Add(process::self_pid(), number));
    receive! { total: i128 => total }
}

/// Two clients by turns: what one of them breaks does not disturb the other.
fn two_clients(address: SocketAddr) -> io::Result<()> {
    let mut one = BufReader::new(TcpStream::connect(address)?);
    let mut other = BufReader::new(TcpStream::connect(address)?);
    println!("one client sends 40, and is told {}", ask(&mut one, "40")?);
    println!("another sends 2, and is told {}", ask(&mut other, "2")?);
    println!("it sends \"crash\", and its process panics");
    ask(&mut other, "crash")?; // The answer is the end of the connection.
    println!("the first sends 0, and is told {}", ask(&mut one, "0")?);
    Ok(())
}

/// Sends a line, and returns the answer; an empty one if the connection has ended.
fn ask(client: &mut BufReader<TcpStream>, line: &str) -> io::Result<String> {
    client.get_mut().write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    client.read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

/// Runs clients, each in a process of its own; ends when the last of them has ended.
fn crowd(address: SocketAddr) {
    println!("{CLIENTS} clients, {AT_ONCE} at a time, send the numbers from 1 to {NUMBERS}");
    let start = Instant::now();
    let start_one = || {
        let body = move || client(address).unwrap_or_else(|error| process::exit_self(error));
        process::spawn_monitor(body).unwrap_or_else(|error| process::exit_self(error));
    };
    (0..AT_ONCE).for_each(|_| start_one());
    for ended in 1..=CLIENTS {
        receive! {
            Down { reason: ExitReason::Normal, .. } => {}
            Down { reason, .. } => process::exit_self(reason),
        }
        if ended + AT_ONCE <= CLIENTS {
            start_one();
        }
    }
    println!("all have their answers, after {} ms", start.elapsed().as_millis());
}

fn client(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let numbers: String = (1..=NUMBERS).map(|number| format!("{number}\n")).collect();
    stream.write_all(numbers.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(drop) // All answers, up to the end.
}
