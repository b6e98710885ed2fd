//! One connection to a service that many processes share: a server owns it.
//!
//! What to look for: the server never waits for the service, so it takes the next request while the
//! last is under way. It sends each request as a line, remembers who has asked, and replies when
//! the answer comes, which is a message among the others. With `Active::Once` it takes one answer
//! at a time. When the connection ends, so does the server, and its supervisor starts it again with
//! a new connection.
//!
//! `cargo run --example shared_connection`

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use procession::io::{Active, Closed, Data, Errored, OwnedSocket, Packet, Packets};
use procession::io::{SocketOptions, TcpListener, TcpStream};
use procession::prelude::*;

const CLIENT: &str = "shared_connection::client";

/// A client of the service.
#[derive(Debug)]
struct Client {
    socket: OwnedSocket,
    /// Who waits for an answer, the first first.
    waiting: VecDeque<ReplyTo<String>>,
}

/// Asks the service something.
#[derive(Debug)]
struct Ask(String);

impl GenServer for Client {
    type Args = SocketAddr;

    fn init(service: SocketAddr) -> InitResult<Client> {
        let stream = TcpStream::connect(service)?;
        let options = SocketOptions::new().packet(Packet::Line).active(Active::Once);
        let socket = OwnedSocket::with_options(stream, options)?;
        ready(Client { socket, waiting: VecDeque::new() })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Client> {
        handle_info! { message;
            Data { bytes, .. } => {
                let answer = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                if let Some(client) = self.waiting.pop_front() {
                    client.reply(answer);
                }
                self.socket.set_active(Active::Once)?;
                noreply()
            }
            Errored { error, .. } => stop(ExitReason::from(error)),
            _: Closed => stop(ExitReason::new("the service has closed the connection")),
        }
    }
}

impl HandleCall<Ask> for Client {
    type Reply = String;

    fn handle_call(
        &mut self,
        Ask(request): Ask,
        caller: &Caller<String>,
    ) -> CallResult<Client, Ask> {
        self.socket.send(format!("{request}\n").as_bytes())?;
        self.waiting.push_back(caller.defer());
        noreply()
    }
}

/// A service that answers each line in capitals, and closes the connection after "quit".
fn serve(listener: &TcpListener) -> Result<(), ExitReason> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut lines = Packets::new(stream, Packet::Line);
        while let Some(line) = lines.recv()? {
            lines.send(&line.to_ascii_uppercase())?;
            if line == b"quit\n" {
                break;
            }
        }
    }
}

fn ask(request: &str) -> Result<String, CallError> {
    ServerRef::<Client>::named(CLIENT).call(Ask(request.to_owned()))
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init(); // Without RUST_LOG it shows errors.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let service = listener.local_addr()?;
    process::spawn_link(move || serve(&listener))?;
    let supervisor =
        Supervisor::one_for_one().child(Client::named_child_spec(CLIENT, service)).start_link()?;

    println!("hello: {}", ask("hello")?);

    let me = process::self_pid();
    for n in 1..=100 {
        process::spawn_link(move || process::send(me, ask(&format!("request {n}"))))?;
    }
    let mut answers = 0;
    while answers < 100 {
        receive! { answer: Result<String, CallError> => answers += u32::from(answer.is_ok()) }
    }
    println!("100 processes have asked at once, and have their answers");

    let monitor = process::monitor(CLIENT);
    println!("quit: {}", ask("quit")?);
    receive! {
        down: Down if down.monitor == monitor => println!("the client ends: {}", down.reason),
    }
    process::wait_for(CLIENT, Duration::from_secs(5)).ok_or("it was not started again")?;
    println!("hello again: {}", ask("hello again")?);
    supervisor.stop()?;
    Ok(())
}
