//! What it costs to get data as messages: packets of 64 bytes over a Unix socket.
//!
//! The floor is a thread that reads packets from the socket with `Packets`, as many as a read
//! brings. A passive socket does the same; an active one has a process that reads, and sends each
//! packet to its owner. With `once` the owner has to ask for each.

#![allow(clippy::disallowed_methods, reason = "bare threads are the floor")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use procession::io::{Active, Data, OwnedSocket, Packet, Packets, Passive, SocketOptions};
use procession::prelude::*;

const BODY: [u8; 64] = [7; 64];

/// Packets come one after the other, as fast as they are taken.
fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("owned_socket/stream");
    group.throughput(Throughput::Elements(1));
    group.bench_function("packets_of_a_bare_stream", |b| {
        let mut packets = Packets::new(flooded(), Packet::Length2);
        b.iter_custom(|rounds| time(rounds, || drop(packets.recv().unwrap().unwrap())));
    });
    group.bench_function("passive", |b| {
        let socket = own(flooded(), Active::False);
        b.iter_custom(|rounds| time(rounds, || drop(socket.recv(0).unwrap())));
        socket.close();
    });
    group.bench_function("active_once", |b| {
        let socket = own(flooded(), Active::Once);
        b.iter_custom(|rounds| {
            time(rounds, || {
                receive_data();
                socket.set_active(Active::Once).unwrap();
            })
        });
        finish(&socket);
    });
    group.bench_function("active_100", |b| {
        let socket = own(flooded(), Active::N(100));
        b.iter_custom(|rounds| {
            time(rounds, || {
                loop {
                    receive! {
                        _: Data => break,
                        _: Passive => socket.set_active(Active::N(100)).unwrap(),
                    }
                }
            })
        });
        finish(&socket);
    });
    group.finish();
}

/// Each packet is answered before the next comes.
fn round_trip(c: &mut Criterion) {
    let mut group = c.benchmark_group("owned_socket/round_trip");
    group.bench_function("packets_of_a_bare_stream", |b| {
        let (mut there, here) = pair();
        std::thread::spawn(move || {
            let mut packets = Packets::new(here, Packet::Length2);
            while let Ok(Some(packet)) = packets.recv() {
                packets.send(&packet).unwrap();
            }
        });
        b.iter_custom(|rounds| time(rounds, || exchange(&mut there)));
    });
    group.bench_function("passive", |b| {
        let (mut there, here) = pair();
        process::spawn(move || {
            let socket = own(here, Active::False);
            while let Ok(packet) = socket.recv(0) {
                socket.send(&packet).unwrap();
            }
        })
        .unwrap();
        b.iter_custom(|rounds| time(rounds, || exchange(&mut there)));
    });
    group.bench_function("active_once", |b| {
        let (mut there, here) = pair();
        process::spawn(move || {
            let socket = own(here, Active::Once);
            loop {
                receive! {
                    Data { bytes, .. } => {
                        socket.set_active(Active::Once).unwrap();
                        socket.send(&bytes).unwrap();
                    }
                    _: procession::io::Closed => return,
                }
            }
        })
        .unwrap();
        b.iter_custom(|rounds| time(rounds, || exchange(&mut there)));
    });
    group.finish();
}

fn time(rounds: u64, mut round: impl FnMut()) -> Duration {
    round();
    let start = Instant::now();
    (0..rounds).for_each(|_| round());
    start.elapsed()
}

fn own(stream: UnixStream, active: Active) -> OwnedSocket {
    let options = SocketOptions::new().packet(Packet::Length2).active(active);
    OwnedSocket::with_options(stream, options).unwrap()
}

/// A stream with packets that never end.
fn flooded() -> UnixStream {
    let (mut there, here) = UnixStream::pair().unwrap();
    let packets = Packet::Length2.encode(&BODY).unwrap().repeat(200);
    std::thread::spawn(move || while there.write_all(&packets).is_ok() {});
    here
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

fn exchange(there: &mut UnixStream) {
    let packet = Packet::Length2.encode(&BODY).unwrap();
    there.write_all(&packet).unwrap();
    there.read_exact(&mut [0; 66]).unwrap();
}

fn receive_data() {
    receive! { _: Data => {} }
}

fn finish(socket: &OwnedSocket) {
    socket.close();
    process::flush();
}

criterion_group!(benches, stream, round_trip);
criterion_main!(benches);
