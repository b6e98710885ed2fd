//! Descriptors of sockets that processes own: none is left when the owner has ended, or the socket
//! is closed. A binary of its own, as it counts those of the whole program.

#![cfg(all(feature = "io", target_os = "linux"))]

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;

use procession::io::{Active, Closed, Data, OwnedSocket, SocketOptions};
use procession::prelude::*;

/// How many descriptors the program has open.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A socket that the caller owns, which has sent it something; and its other side.
fn active_pair() -> (OwnedSocket, UnixStream) {
    let (here, mut there) = UnixStream::pair().unwrap();
    let options = SocketOptions::new().active(Active::True);
    let socket = OwnedSocket::with_options(here, options).unwrap();
    there.write_all(b"a").unwrap();
    receive! { _: Data => {} }
    (socket, there)
}

/// An owner that ends while its socket, of which the caller has a handle, is active.
fn end_owner(reason: &ExitReason) {
    let (me, reason) = (process::self_pid(), reason.clone());
    let (_, monitor) = process::spawn_monitor(move || {
        let (socket, there) = active_pair();
        process::send(me, socket);
        process::send(me, there);
        process::exit_self(reason);
    })
    .unwrap();
    receive! { down: Down if down.monitor == monitor => {} }
    receive! { _: OwnedSocket => {} }
    receive! { _: UnixStream => {} }
}

/// The other side closes a socket, and then the owner does.
fn close_both_sides() {
    let (_, monitor) = process::spawn_monitor(|| {
        let (socket, there) = active_pair();
        drop(there);
        receive! { closed: Closed => assert_eq!(closed.socket, socket) }
        let (socket, _there) = active_pair();
        socket.close();
    })
    .unwrap();
    receive! { down: Down if down.monitor == monitor => assert!(down.reason.is_orderly()) }
}

#[test]
fn no_descriptor_is_left_of_sockets_that_are_closed() {
    let round = || {
        end_owner(&ExitReason::Normal);
        end_owner(&ExitReason::Shutdown);
        close_both_sides();
    };
    // Each thread that has waited keeps a descriptor; by now there are some.
    (0..100).for_each(|_| round());
    let before = descriptors();
    (0..1_000).for_each(|_| round());
    let after = descriptors();
    assert!(after < before + 50, "{before} descriptors have become {after}");
}
