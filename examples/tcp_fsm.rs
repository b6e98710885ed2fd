//! A client that keeps a TCP connection to a service: a state machine.
//!
//! ```text
//!                    connect                     attempted: ok
//!   Disconnected ---------------> Connecting --------------------> Connected
//!                                  ^    |                              |
//!                        try again |    | attempted: refused           | lost
//!                                  |    v                              |
//!   GaveUp <--------------------- BackingOff <-------------------------'
//!            after the last try
//! ```
//!
//! What to look for: a state holds what there is in it only, so there is a socket when the machine
//! is connected, and at no other time. What is to be done in a state is done when it is entered:
//! the failures are forgotten, a pause begins, which is twice as long each time. Nothing waits
//! inside of the machine: an attempt is made by a process of its own, and what the service sends
//! comes as messages. The state says whose messages these are: the outcome of an attempt that was
//! left behind, or the last words of an old socket, are dropped. So the machine can be asked at any
//! time. A request that comes while it is not
//! connected is postponed: it is handled again in the next state, and in the end either sent, or
//! refused when the machine has given up.
//!
//! `cargo run --example tcp_fsm`

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use procession::gen_statem::InitResult;
use procession::io::{Active, Closed, Data, Errored, OwnedSocket, Packet, Packets};
use procession::io::{SocketOptions, TcpListener, TcpStream};
use procession::prelude::*;

/// How often the machine tries before it gives up.
const TRIES: u32 = 8;

/// How long the first pause is. Many clients of one service would add some random time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long an attempt may take, and a send.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the machine keeps in whatever state.
#[derive(Debug)]
struct Connection {
    service: SocketAddr,
    /// The process that is told of each state.
    observer: Pid,
    /// How many attempts have failed since the last connection.
    failures: u32,
    /// Who waits for an answer of the service, the first first.
    waiting: VecDeque<Client>,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Disconnected,
    /// This process makes the attempt.
    Connecting(Pid),
    Connected(OwnedSocket),
    BackingOff,
    GaveUp,
}

/// All that the machine reacts to.
#[derive(Debug)]
enum Event {
    /// Of clients.
    Connect,
    Disconnect,
    Ask(String, Client),
    /// Of this process, which has made an attempt.
    Attempted(Pid, io::Result<TcpStream>),
    /// Of the timeout.
    TryAgain,
    /// Of the socket.
    Answer(OwnedSocket, Vec<u8>),
    Lost(OwnedSocket),
}

/// Who has asked.
type Client = ReplyTo<Result<String, Unanswered>>;

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unanswered {
    /// The connection was lost when the request had been sent: the service may have handled it.
    Lost,
    /// There is no connection, and the machine tries no more.
    GaveUp,
}

/// To the observer: the machine is in this state now.
#[derive(Debug)]
struct Now(State);

impl GenStatem for Connection {
    type Args = (SocketAddr, Pid);
    type State = State;
    type Event = Event;

    fn init((service, observer): (SocketAddr, Pid)) -> InitResult<Self> {
        let waiting = VecDeque::new();
        started(State::Disconnected, Connection { service, observer, failures: 0, waiting })
    }

    /// What is done in a state, whichever way led to it.
    fn state_enter(&mut self, _: &State, state: &State) -> EnterResult<Self> {
        process::send(self.observer, Now(state.clone()));
        match state {
            State::Connected(_) => {
                self.failures = 0;
                entered()
            }
            State::BackingOff => {
                let pause = FIRST_PAUSE * 2_u32.pow(self.failures.saturating_sub(1));
                entered().state_timeout(pause, Event::TryAgain)
            }
            State::Disconnected | State::Connecting(_) | State::GaveUp => entered(),
        }
    }

    fn handle_event(&mut self, _: EventType, event: Event, state: &State) -> StateResult<Self> {
        match (state, event) {
            (State::Disconnected | State::GaveUp, Event::Connect) => {
                self.failures = 0;
                next_state(State::Connecting(self.attempt()?))
            }
            (State::Connecting(own), Event::Attempted(pid, Ok(stream))) if pid == *own => {
                let options = SocketOptions::new().packet(Packet::Line).active(Active::Once);
                let options = options.send_timeout(TIMEOUT);
                next_state(State::Connected(OwnedSocket::with_options(stream, options)?))
            }
            (State::Connecting(own), Event::Attempted(pid, Err(_))) if pid == *own => {
                self.failures += 1;
                let is_last = self.failures == TRIES;
                next_state(if is_last { State::GaveUp } else { State::BackingOff })
            }
            (State::BackingOff, Event::TryAgain) => next_state(State::Connecting(self.attempt()?)),

            (State::Connected(socket), Event::Ask(request, client)) => {
                match socket.send(format!("{request}\n").as_bytes()) {
                    Ok(()) => {
                        self.waiting.push_back(client);
                        keep_state()
                    }
                    // The loss of the connection is told next. Then this is sent by another one.
                    Err(_) => keep_state().postpone(Event::Ask(request, client)),
                }
            }
            (State::GaveUp, Event::Ask(_, client)) => {
                keep_state().reply(client, Err(Unanswered::GaveUp))
            }
            (_, event @ Event::Ask(..)) => keep_state().postpone(event),

            (State::Connected(own), Event::Answer(socket, line)) if socket == *own => {
                if let Some(client) = self.waiting.pop_front() {
                    client.reply(Ok(String::from_utf8_lossy(&line).trim_end().to_owned()));
                }
                socket.set_active(Active::Once)?;
                keep_state()
            }
            (State::Connected(own), Event::Lost(socket)) if socket == *own => {
                self.answer_lost();
                next_state(State::BackingOff)
            }
            (State::Connected(socket), Event::Disconnect) => {
                socket.close();
                self.answer_lost();
                next_state(State::Disconnected)
            }
            (_, Event::Disconnect) => next_state(State::Disconnected),

            // It is connected or about to be; or this comes of what the machine has left behind.
            (
                _,
                Event::Connect
                | Event::Attempted(..)
                | Event::TryAgain
                | Event::Answer(..)
                | Event::Lost(_),
            ) => keep_state(),
        }
    }

    /// Messages that are events: what this program sends, and what the socket does.
    fn info(message: Message) -> Result<Event, Message> {
        let answer = |Data { socket, bytes }| Event::Answer(socket, bytes);
        let message = message.downcast().or_else(|other| other.downcast().map(answer));
        let message =
            message.or_else(|other| other.downcast().map(|it: Closed| Event::Lost(it.socket)));
        // After an error the socket is closed, too, which then comes too late to matter.
        message.or_else(|other| other.downcast().map(|it: Errored| Event::Lost(it.socket)))
    }
}

impl Connection {
    /// Has a process connect, and tell this one. It ends with the machine, as it is linked.
    fn attempt(&self) -> Result<Pid, ExitReason> {
        let (machine, service) = (process::self_pid(), self.service);
        let attempt = process::spawn_link(move || {
            let outcome = TcpStream::connect_timeout(&service, TIMEOUT);
            process::send(machine, Event::Attempted(process::self_pid(), outcome));
        })?;
        Ok(attempt)
    }

    /// Tells all who wait that they will not be answered.
    fn answer_lost(&mut self) {
        self.waiting.drain(..).for_each(|client| client.reply(Err(Unanswered::Lost)));
    }
}

/// Waits until the machine has come to a state, and returns how many attempts that took.
fn wait_for(is_awaited: fn(&State) -> bool) -> usize {
    let mut attempts = 0;
    loop {
        let state = receive! { Now(state) => state };
        attempts += usize::from(matches!(state, State::Connecting(_)));
        if is_awaited(&state) {
            return attempts;
        }
    }
}

fn is_connected(state: &State) -> bool {
    matches!(state, State::Connected(_))
}

/// A service that answers each line in capitals, and crashes if a client wants it to.
fn start_service(address: SocketAddr) -> Result<(SocketAddr, Pid, MonitorRef), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let (pid, monitor) = process::spawn_monitor(move || serve(listener))?;
    Ok((address, pid, monitor))
}

fn serve(listener: TcpListener) -> Result<(), ExitReason> {
    let mut lines;
    let listener = listener; // Declared last, dropped first: whoever is cut off finds it closed.
    loop {
        let (stream, _) = listener.accept()?;
        lines = Packets::new(stream, Packet::Line);
        while let Some(line) = lines.recv()? {
            assert!(line != b"crash\n", "a client has asked for it");
            lines.send(&line.to_ascii_uppercase())?;
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init(); // Without RUST_LOG it shows errors.
    // At an address that nobody else uses, the port stays free while the service is down.
    let (service, _, crash) = start_service((Ipv4Addr::new(127, 0, 0, 19), 0).into())?;
    let connection = Connection::start_link((service, process::self_pid()))?;
    let ask = |text: &str| connection.call(|client| Event::Ask(text.to_owned(), client));
    let ask_soon =
        |text: &str| connection.send_request(|client| Event::Ask(text.to_owned(), client));

    println!("asking before there is a connection");
    let hello = ask_soon("hello");
    println!("requests that are postponed: {}", postponed(&connection)?);
    connection.cast(Event::Connect);
    println!("connected at attempt {}", wait_for(is_connected));
    println!("the answer: {:?}", hello.receive_response(Duration::MAX)?);

    println!("the service crashes: {:?}", ask("crash")?);
    let back = ask_soon("are you back?");
    receive! { down: Down if down.monitor == crash => {} }
    let is_backing_off = |state: &State| *state == State::BackingOff;
    let in_vain = wait_for(is_backing_off) + wait_for(is_backing_off);
    println!("attempts in vain: {in_vain}");
    let (_, pid, end) = start_service(service)?;
    println!("the service is back, and found at attempt {}", in_vain + wait_for(is_connected));
    println!("the answer: {:?}", back.receive_response(Duration::MAX)?);

    process::exit(pid, ExitReason::Shutdown);
    receive! { down: Down if down.monitor == end => println!("the service ends: {}", down.reason) }
    wait_for(is_backing_off); // The machine knows it, too.
    let hopeless = ask_soon("is anybody there?");
    println!("gave up after {} attempts", wait_for(|state| *state == State::GaveUp));
    println!("the answer: {:?}", hopeless.receive_response(Duration::MAX)?);
    println!("asked again: {:?}", ask("and now?")?);

    start_service(service)?;
    connection.cast(Event::Connect);
    println!("the service is back, and the machine told to connect: {:?}", ask("at last")?);
    connection.cast(Event::Disconnect);
    wait_for(|state| *state == State::Disconnected);
    println!("disconnected");
    connection.stop()?;
    Ok(())
}

/// How many events are postponed.
fn postponed(connection: &StatemRef<Connection>) -> Result<usize, Box<dyn Error>> {
    let status = connection.sys().get_status()?;
    Ok(status.machine.ok_or("it is no state machine")?.postponed.len())
}
