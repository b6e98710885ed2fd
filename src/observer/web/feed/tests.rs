//! Updates for who reads them, and for who does not.

use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU64;

use crate::gen_server::ServerRef;
use crate::io::{TcpListener, TcpStream};
use crate::receive;

use super::*;

/// How many updates there are: ten times as many with `RUN_SLOW_TESTS=1`.
fn updates() -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { 100_000 } else { 10_000 }
}

/// The number in an update of the test, which are all of the same length.
fn number(update: &[u8]) -> u64 {
    std::str::from_utf8(update).unwrap().trim().parse().unwrap()
}

const LENGTH: usize = 256;

/// Starts a feed that makes updates as fast as it can, so many of them.
fn start(made: &Arc<AtomicU64>) -> ServerRef<Feed> {
    let made = Arc::clone(made);
    let source: Source = Box::new(move || {
        let number = made.fetch_add(1, Ordering::Relaxed);
        format!("{number:LENGTH$}").into_bytes()
    });
    Feed::start((source, Duration::from_nanos(1))).unwrap()
}

/// Writes what is newest to a stream, as a stream of updates does, until the client is gone.
fn write_updates(feed: ServerRef<Feed>, mut stream: TcpStream) {
    let bell = Bell::new();
    let latest = feed.call(Watch(bell.clone())).unwrap();
    loop {
        receive! { Newer => {} }
        bell.has_come();
        let update = latest.get().unwrap();
        if stream.write_all(&update).is_err() {
            return;
        }
    }
}

/// Returns a stream that a process writes updates to, and that process.
fn stream_of(feed: ServerRef<Feed>) -> (TcpStream, Pid) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    (client, process::spawn(move || write_updates(feed, stream)).unwrap())
}

#[test]
fn nothing_grows_for_who_reads_nor_for_who_does_not() {
    let made = Arc::default();
    let feed = start(&made);
    let (mut reader, reading) = stream_of(feed);
    let (sleeper, sleeping) = stream_of(feed);
    let (mut last, mut buffer, mut longest) = (0, [0; LENGTH], 0);
    let updates = updates();
    while last < updates {
        reader.read_exact(&mut buffer).unwrap();
        let number = number(&buffer);
        assert!(number >= last, "{number} after {last}");
        last = number;
        for pid in [reading, sleeping] {
            longest = longest.max(process::info(pid).unwrap().message_queue_len);
        }
    }
    assert!(longest <= 1, "{longest} messages have queued up");
    // Its mailbox has the one message, or none yet; its stream as much as the system holds.
    let watchers = feed.sys().get_state(|feed: &Feed| feed.watchers.len()).unwrap();
    assert_eq!(watchers, 2);
    for pid in [reading, sleeping] {
        process::exit(pid, crate::ExitReason::Kill);
    }
    drop(sleeper);
    while !matches!(
        reader.read(&mut buffer).map_err(|error| error.kind()),
        Ok(0) | Err(ErrorKind::ConnectionReset)
    ) {}
    feed.stop().unwrap();
}

#[test]
fn a_bell_rings_once_until_somebody_has_come() {
    let bell = Bell::new();
    bell.ring();
    bell.ring();
    assert!(process::receive_timeout(Duration::ZERO).unwrap().is::<Newer>());
    assert!(process::receive_timeout(Duration::ZERO).is_none());
    bell.has_come();
    bell.ring();
    assert!(process::receive_timeout(Duration::ZERO).unwrap().is::<Newer>());
}
