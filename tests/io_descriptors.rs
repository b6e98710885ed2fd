//! Descriptors and ports: what a process had open is closed when its end is seen. A binary of its
//! own, as descriptors are the program's, and as a program that is just being started has a copy of
//! each.

#![cfg(all(feature = "io", target_os = "linux"))]

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use procession::io::{TcpListener, TcpStream, UdpSocket};
use procession::prelude::*;

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{down_reason, wait_for_exit};

/// Lets the tests of this binary run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock()
}

/// How many sockets are open. (An event counter of each thread stays open with the thread.)
fn open_sockets() -> usize {
    let is_socket = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|it| it.to_string_lossy().starts_with("socket:"))
    };
    fs::read_dir("/proc/self/fd").unwrap().flatten().filter(is_socket).count()
}

/// A listener that serves each connection in a process of its own: it says hello and hangs up, if
/// it is not killed before.
fn serve(address: SocketAddr) -> (Pid, SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    let accept = move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream?;
            let pid = process::spawn(move || {
                let mut stream = stream;
                _ = stream.write_all(b"hello");
            })?;
            if number % 10 == 0 {
                process::exit(pid, ExitReason::Kill);
            }
        }
        Ok::<(), ExitReason>(())
    };
    (process::spawn(accept).unwrap(), address)
}

#[test]
fn no_connection_leaves_a_descriptor_open() {
    let _alone = alone();
    let before = open_sockets();
    // Not the address that clients have, whose ports are so many for each server's address.
    let (server, address) = serve(SocketAddr::from(([127, 83, 1, 1], 0)));
    for _ in 0..rounds(10_000) {
        let mut client = TcpStream::connect(address).unwrap();
        let mut text = String::new();
        // The connection may be reset, if its process is killed.
        let is_read = client.read_to_string(&mut text).is_ok();
        assert!(!is_read || text.is_empty() || text == "hello", "{text}");
    }
    process::exit(server, ExitReason::Kill);
    wait_for_exit(server);
    support::wait::wait_until(|| open_sockets() == before);
}

#[test]
fn a_port_is_free_when_the_end_of_its_process_is_seen() {
    let _alone = alone();
    // An address of its own: no client has a port of it by chance.
    let free = TcpListener::bind("127.83.1.2:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    for round in 0..rounds(10_000) {
        let listener = TcpListener::bind(address).unwrap();
        let accept = move || drop(listener.accept());
        let (pid, monitor) = process::spawn_monitor(accept).unwrap();
        delay_by(round);
        if round % 2 == 0 {
            process::exit(pid, ExitReason::Kill);
        } else {
            process::exit(pid, ExitReason::Shutdown);
        }
        down_reason(monitor);
    }
}

#[test]
fn a_port_is_free_although_connections_to_it_were_open() {
    let _alone = alone();
    let (mut server, address) = serve(SocketAddr::from(([127, 83, 1, 3], 0)));
    for _ in 0..rounds(1_000) {
        let mut client = TcpStream::connect(address).unwrap();
        _ = client.read(&mut [0]);
        process::exit(server, ExitReason::Kill);
        wait_for_exit(server);
        server = serve(address).0;
    }
    process::exit(server, ExitReason::Kill);
    wait_for_exit(server);
}

#[test]
fn the_port_of_a_packet_socket_is_free_when_the_end_of_its_process_is_seen() {
    let _alone = alone();
    let free = UdpSocket::bind("127.83.1.4:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    for round in 0..rounds(10_000) {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3_600))).unwrap();
        let receive = move || drop(socket.recv(&mut [0; 8]));
        let (pid, monitor) = process::spawn_monitor(receive).unwrap();
        delay_by(round);
        process::exit(pid, ExitReason::Kill);
        down_reason(monitor);
    }
}
