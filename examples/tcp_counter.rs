//! A TCP server with a process for each connection, all of which add to one counter.
//!
//! What to look for: `talk` is all that there is to a connection. It blocks as it likes, as it runs
//! in a process of its own, which the listener starts, and ends when the listener is stopped. There
//! are at most a hundred at a time; further clients wait. When one crashes, that is reported, and
//! the others go on.
//!
//! `cargo run --example tcp_counter` serves clients of its own and ends.
//! `cargo run --example tcp_counter -- --port 4000` serves until its standard input ends: send it
//! numbers, a line each, with `nc 127.0.0.1 4000`, and `crash`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, LineWriter, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Instant;

use procession::io as process_io;
use procession::listener::{Listener, ListenerRef, LocalAddr};
use procession::prelude::*;

const CLIENTS: u32 = 300;
const AT_ONCE: usize = 100;
const NUMBERS: u32 = 100;

/// All that the connections share.
#[derive(Debug, Default)]
struct Counter {
    numbers: u64,
    total: i128,
}

/// Adds a number, and returns the total.
#[derive(Debug)]
struct Add(i64);

/// Returns how many numbers there were, and the total.
#[derive(Debug)]
struct Read;

impl GenServer for Counter {
    type Args = ();

    fn init((): ()) -> InitResult<Counter> {
        ready(Counter::default())
    }
}

impl HandleCall<Add> for Counter {
    type Reply = i128;

    fn handle_call(&mut self, Add(number): Add, _: &Caller<i128>) -> CallResult<Self, Add> {
        self.numbers += 1;
        self.total += i128::from(number);
        reply(self.total)
    }
}

impl HandleCall<Read> for Counter {
    type Reply = (u64, i128);

    fn handle_call(&mut self, _: Read, _: &Caller<(u64, i128)>) -> CallResult<Self, Read> {
        reply((self.numbers, self.total))
    }
}

/// Answers each number of a client with the total, until no more come or it crashes.
fn talk(stream: process_io::TcpStream) -> Result<(), ExitReason> {
    let counter = ServerRef::<Counter>::named("counter");
    let mut answers = LineWriter::new(&stream);
    for line in BufReader::new(&stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        let answer = match line.parse() {
            Ok(number) => counter.call(Add(number))?.to_string(),
            Err(_) if line == "crash" => panic!("the client has asked for it"),
            Err(error) => format!("{line:?} is not a number: {error}"),
        };
        if writeln!(answers, "{answer}").is_err() {
            break; // The client has broken off, which is its right.
        }
    }
    Ok(())
}

fn run(port: Option<u16>) -> Result<(), Box<dyn Error>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    let listener = Listener::tcp(address, talk).max_connections(AT_ONCE).backlog(CLIENTS);
    let server = Supervisor::rest_for_one()
        .child(Counter::named_child_spec("counter", ()))
        .child(listener.named_child_spec("listener"))
        .start_link()?;
    let listener = ListenerRef::named("listener");
    let address = listener.get_addr()?;
    println!("listening on {address}");
    match (port, address.port()) {
        (Some(_), Some(port)) => {
            println!("add numbers with `nc 127.0.0.1 {port}`, or send it \"crash\"");
            println!("press Ctrl-D here to end");
            io::copy(&mut io::stdin(), &mut io::sink())?;
        }
        _ => {
            two_clients(&address)?;
            crowd(&address)?;
        }
    }
    server.terminate_child("listener")?; // Its connections have ended, too.
    let (numbers, total) = ServerRef::<Counter>::named("counter").call(Read)?;
    println!("numbers added: {numbers}, total: {total}");
    if port.is_none() {
        println!("talk to it yourself: cargo run --example tcp_counter -- --port 4000");
    }
    Ok(server.stop()?)
}

/// Two clients by turns: what one of them breaks does not disturb the other.
fn two_clients(address: &LocalAddr) -> io::Result<()> {
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

/// Runs clients, each in a process of its own; returns when the last of them has ended.
fn crowd(address: &LocalAddr) -> Result<(), Box<dyn Error>> {
    println!("{CLIENTS} clients, served {AT_ONCE} at a time, send the numbers from 1 to {NUMBERS}");
    let start = Instant::now();
    for _ in 0..CLIENTS {
        let address = address.clone();
        process::spawn_monitor(move || Ok(client(&address)?))?;
    }
    for _ in 0..CLIENTS {
        receive! {
            Down { reason: ExitReason::Normal, .. } => {}
            Down { reason, .. } => return Err(reason.to_string().into()),
        }
    }
    println!("all have their answers, after {} ms", start.elapsed().as_millis());
    Ok(())
}

fn client(address: &LocalAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let numbers: String = (1..=NUMBERS).map(|number| format!("{number}\n")).collect();
    stream.write_all(numbers.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(drop) // All answers, up to the end.
}

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
