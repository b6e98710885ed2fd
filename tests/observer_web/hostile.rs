//! Clients that mean no good: they neither take the observer down nor have it grow.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use procession::observer::web::Web;

use crate::client::Events;
use crate::support::usage::{Usage, wait_until_as};
use crate::support::wait::test_timeout;
use crate::{Observer, TURN};

/// How many hostile requests there are.
const REQUESTS: usize = 1_000;

const CONNECTIONS: usize = 40;
const STREAMS: usize = 8;

/// What such a client sends, and whether it then closes its side, or leaves the server waiting.
fn hostile(number: usize, host: &str) -> (Vec<u8>, bool) {
    let long = "x".repeat(20_000);
    match number % 10 {
        0 => (format!("GET / HTTP/1.1\r\n{host}Cookie: {long}\r\n\r\n").into(), true),
        1 => (format!("GET /{long} HTTP/1.1\r\n{host}\r\n").into(), true),
        2 => (format!("GET / HTTP/1.1\r\n{host}{}", "A: b\r\n".repeat(500)).into(), true),
        3 => (b"GET / HTTP/1.1\r\nHost: local".to_vec(), false),
        4 => (Vec::new(), false),
        5 => (format!("GET /../../{number}/%2e%2e//etc HTTP/1.1\r\n{host}\r\n").into(), true),
        6 => (
            format!("POST /kill HTTP/1.1\r\n{host}Content-Length: 9999999999\r\n\r\n{long}").into(),
            true,
        ),
        7 => ((0..=255).cycle().take(3_000).collect(), true),
        8 => (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(), true),
        // It asks, and does not read.
        _ => (format!("GET /snapshot.json HTTP/1.1\r\n{host}\r\n").into(), false),
    }
}

/// Sends as much as the server takes.
fn send(observer: &Observer, number: usize) -> TcpStream {
    let host = format!("Host: localhost:{}\r\n", observer.port());
    let (bytes, closes) = hostile(number, &host);
    let mut stream = TcpStream::connect(observer.address).unwrap();
    // The server may have had enough before that.
    _ = stream.write_all(&bytes);
    if closes {
        _ = stream.shutdown(Shutdown::Write);
    }
    stream
}

fn start() -> Observer {
    let web = Web::new().max_connections(CONNECTIONS).max_streams(STREAMS);
    Observer::start_alone(
        web.request_timeout(Duration::from_millis(100)).interval(Duration::from_millis(5)),
    )
}

/// What there may be afterwards: threads that wait to be used again keep what they wait by.
fn with_cached_threads(before: Usage) -> Usage {
    let Usage { threads, descriptors, .. } = before;
    Usage { threads: threads + CONNECTIONS, descriptors: descriptors + CONNECTIONS, ..before }
}

/// Waits until the page is served as if nothing had been.
#[track_caller]
fn wait_until_served(observer: &Observer) {
    let start = Instant::now();
    loop {
        let mut stream = observer.connect();
        let mut answer = String::new();
        let sent = stream.write_all(observer.head("GET /", "").as_bytes());
        let read = sent.and_then(|()| stream.read_to_string(&mut answer));
        if read.is_ok() && answer.starts_with("HTTP/1.1 200 OK\r\n") {
            return;
        }
        assert!(start.elapsed() < test_timeout(), "{read:?} {answer}");
    }
}

/// Sends so many hostile requests, the last hundred of which are held. Returns these, and the most
/// that there was meanwhile.
fn attack(observer: &Observer, requests: usize) -> (VecDeque<TcpStream>, Usage) {
    let (mut held, mut most) = (VecDeque::new(), Usage::now());
    for number in 0..requests {
        held.push_back(send(observer, number));
        if held.len() > 100 {
            held.pop_front();
        }
        let now = Usage::now();
        most.threads = most.threads.max(now.threads);
        most.memory = most.memory.max(now.memory);
    }
    (held, most)
}

#[test]
fn a_thousand_hostile_requests_leave_nothing_behind() {
    let _turn = TURN.write();
    let observer = start();
    // What the first use makes is there, and what the allocator keeps of many connections at once.
    drop(attack(&observer, 300).0);
    wait_until_served(&observer);
    let before = Usage::now();
    let (held, most) = attack(&observer, REQUESTS);
    println!("hostile requests: {before:?} before, at most {most:?}");
    // A connection has one thread; some wait to be used again.
    assert!(most.threads <= before.threads + 2 * CONNECTIONS, "{before:?} {most:?}");
    assert!(most.memory <= before.memory + 32 * 1024, "{before:?} {most:?}");
    wait_until_served(&observer); // While a hundred of them are still there.
    drop(held);
    wait_until_served(&observer);
    wait_until_as(with_cached_threads(before));
}

/// Opens a stream; `None` if there is no place for it.
pub(crate) fn open(observer: &Observer) -> Option<Events> {
    let mut stream = observer.connect();
    stream.write_all(observer.head("GET /updates", "").as_bytes()).ok()?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    line.starts_with("HTTP/1.1 200 ").then_some(Events { stream })
}

#[test]
fn of_five_hundred_streams_as_many_are_open_as_there_may_be() {
    let _turn = TURN.write();
    let observer = start();
    wait_until_served(&observer);
    let before = Usage::now();
    let mut streams: Vec<Events> = (0..500).filter_map(|_| open(&observer)).collect();
    assert_eq!(streams.len(), STREAMS);
    // One is read. The others are not, and hold it up no more than they have the program grow.
    let mut last = streams.pop().unwrap();
    for _ in 0..200 {
        last.update();
    }
    let now = Usage::now();
    println!("streams: {before:?} before, {now:?} with them");
    assert!(now.threads <= before.threads + CONNECTIONS + 2 * STREAMS, "{before:?} {now:?}");
    assert!(now.memory <= before.memory + 32 * 1024, "{before:?} {now:?}");
    wait_until_served(&observer);
    drop((last, streams));
    wait_until_as(with_cached_threads(before));
    open(&observer).expect("there is a place again").update();
}
