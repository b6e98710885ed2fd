//! A thousand connections of which a tenth crash: a binary of its own, as it takes two thousand
//! descriptors and as many threads as there are connections.

#![cfg(all(feature = "io", target_os = "linux"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use procession::io;
use procession::listener::Listener;
use procession::prelude::*;
use procession::report::{self, Report};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod wait;
}

use crate::support::wait::{down_reason, test_timeout};

const CONNECTIONS: usize = 1_000;
const DRIVERS: usize = 8;

/// Whether a client is one of the tenth.
fn is_to_crash(client: usize) -> bool {
    client % 10 == 3
}

fn echo(stream: io::TcpStream) {
    for line in BufReader::new(&stream).lines().map_while(Result::ok) {
        assert_ne!(line, "crash", "the client has asked for it");
        _ = writeln!(&stream, "{line}");
    }
}

fn ask(client: &mut BufReader<TcpStream>) {
    client.get_mut().write_all(b"hello\n").unwrap();
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    assert_eq!(line, "hello\n");
}

/// Uses some of the clients while some of those crash. Returns those that are left.
fn drive(mut clients: Vec<BufReader<TcpStream>>) -> Vec<BufReader<TcpStream>> {
    clients.iter_mut().for_each(ask);
    for (number, client) in clients.iter_mut().enumerate() {
        if is_to_crash(number) {
            client.get_mut().write_all(b"crash\n").unwrap();
        } else {
            ask(client);
        }
    }
    let mut left = Vec::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        if is_to_crash(number) {
            assert_eq!(client.read(&mut [0]).unwrap(), 0, "it was closed");
        } else {
            ask(&mut client);
            left.push(client);
        }
    }
    left
}

#[derive(Debug)]
struct Left(Vec<BufReader<TcpStream>>);

#[test]
fn of_a_thousand_connections_a_tenth_crash_and_the_others_do_not_notice() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let (failed, crashed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let (failed, crashed) = (Arc::clone(&failed), Arc::clone(&crashed));
        report::add_handler(move |report: &Report| {
            if matches!(report, Report::Supervisor(report) if report.child.id == "connection") {
                failed.fetch_add(1, Ordering::SeqCst);
            }
            if matches!(report, Report::Crash(_)) {
                crashed.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    log::set_max_level(log::LevelFilter::Off);

    let listener = Listener::tcp("127.0.0.1:0", echo).start_link().unwrap();
    let address = listener.get_addr().unwrap();
    let me = process::self_pid();
    let drivers: Vec<_> = (0..DRIVERS)
        .map(|_| {
            let address = address.clone();
            let driver = move || {
                let clients = (0..CONNECTIONS / DRIVERS).map(|_| {
                    let stream = TcpStream::connect(&address).unwrap();
                    stream.set_read_timeout(Some(test_timeout())).unwrap();
                    BufReader::new(stream)
                });
                process::send(me, Left(drive(clients.collect())));
            };
            process::spawn_monitor(driver).unwrap().1
        })
        .collect();
    for driver in drivers {
        assert_eq!(down_reason(driver), ExitReason::Normal);
    }

    let to_crash = (0..CONNECTIONS / DRIVERS).filter(|number| is_to_crash(*number)).count();
    let to_crash = to_crash * DRIVERS;
    let is_left = |number| number == CONNECTIONS - to_crash;
    let left = listener.wait_for_connections(is_left, test_timeout());
    assert_eq!(left.unwrap(), Some(CONNECTIONS - to_crash));
    assert_eq!(failed.load(Ordering::SeqCst), to_crash);
    assert_eq!(crashed.load(Ordering::SeqCst), to_crash);

    let connections = listener.connections().unwrap();
    listener.stop().unwrap();
    assert!(connections.into_iter().all(|pid| !process::is_alive(pid)));
    for _ in 0..DRIVERS {
        let Left(clients) = support::wait::expect();
        for mut client in clients {
            assert_eq!(client.read(&mut [0]).unwrap(), 0, "it was closed");
        }
    }
    report::remove_handler(handler);
}
