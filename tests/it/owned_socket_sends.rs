//! Sending on sockets that processes own.

use std::io::{self, Read};
use std::time::Duration;

use procession::io::{OwnedSocket, Packet, PacketTooLong, Packets, SocketOptions};
use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::owned_socket::{assert_kind, tcp_pair, unix_pair};
use crate::support::processes::{begun, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, exit_and_wait, wait_until};

fn framed() -> SocketOptions {
    SocketOptions::new().packet(Packet::Length4)
}

/// More than the system takes at once.
const LARGE: usize = 4_000_000;

/// A process that sends `bytes` to a socket whose other side does not read, and waits.
fn stuck(socket: &OwnedSocket, bytes: Vec<u8>) -> (Pid, MonitorRef) {
    let theirs = socket.clone();
    let sender = begun(Builder::new(), move || drop(theirs.send(&bytes)));
    wait_until(|| process::info(sender.0).is_some_and(|it| it.status == Status::Blocking));
    sender
}

#[test]
fn what_several_processes_send_at_once_arrives_whole() {
    in_process(|| {
        let (socket, there) = tcp_pair(framed());
        let senders: Vec<MonitorRef> = (0..8_u8)
            .map(|sender| {
                let socket = socket.clone();
                let send = move || {
                    for round in 0..50 {
                        socket.send(&vec![sender; [3, 70_000, 1_000][round % 3]]).unwrap();
                    }
                };
                process::spawn_monitor(send).unwrap().1
            })
            .collect();
        let mut packets = Packets::new(there, Packet::Length4);
        let mut counts = [0; 8];
        for _ in 0..8 * 50 {
            let packet = packets.recv().unwrap().unwrap();
            assert!(packet.iter().all(|byte| *byte == packet[0]));
            counts[usize::from(packet[0])] += 1;
        }
        assert_eq!(counts, [50; 8]);
        senders.into_iter().for_each(|sender| assert_eq!(down_reason(sender), ExitReason::Normal));
    });
}

// OTP 25, run: gen_tcp:send/2 returns ok, and sends a wrong header.
#[test]
fn a_packet_that_is_too_long_for_its_header_is_refused() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(SocketOptions::new().packet(Packet::Length1));
        let error = socket.send(&[0; 256]).unwrap_err();
        assert!(error.get_ref().is_some_and(|error| error.is::<PacketTooLong>()), "{error}");
        socket.send(b"a").unwrap();
        let mut received = [0; 2];
        there.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"\x01a");
    });
}

#[test]
fn a_sender_that_is_killed_halfway_closes_the_socket() {
    in_process(|| {
        let (socket, mut there) = unix_pair(framed());
        let (sender, _) = stuck(&socket, vec![0; LARGE]);
        assert_eq!(exit_and_wait(sender, ExitReason::Kill), ExitReason::Killed);
        assert_kind(socket.send(b"x"), io::ErrorKind::NotConnected);
        let mut received = Vec::new();
        there.read_to_end(&mut received).unwrap();
        assert!(received.len() < LARGE);
    });
}

// OTP: gen_tcp_misc_SUITE:send_timeout.
#[test]
fn a_send_that_takes_too_long_is_an_error_and_closes_the_socket() {
    in_process(|| {
        let (socket, _there) = unix_pair(framed().send_timeout(Duration::from_millis(1)));
        assert_kind(socket.send(&vec![0; LARGE]), io::ErrorKind::TimedOut);
        assert_kind(socket.send(b"x"), io::ErrorKind::NotConnected);
    });
}

#[test]
fn a_sender_that_waits_for_its_turn_can_be_killed_and_disturbs_nobody() {
    in_process(|| {
        let (socket, there) = unix_pair(framed());
        let (_, first) = stuck(&socket, vec![1; LARGE]);
        let (second, _) = stuck(&socket, vec![2]);
        let (_, third) = stuck(&socket, vec![3]);
        assert_eq!(exit_and_wait(second, ExitReason::Kill), ExitReason::Killed);
        let mut packets = Packets::new(there, Packet::Length4);
        assert_eq!(packets.recv().unwrap().map(|packet| packet.len()), Some(LARGE));
        assert_eq!(packets.recv().unwrap(), Some(vec![3]));
        assert_eq!(down_reason(first), ExitReason::Normal);
        assert_eq!(down_reason(third), ExitReason::Normal);
        socket.send(b"x").unwrap();
    });
}

#[test]
fn turns_are_not_lost_when_senders_are_killed_as_they_get_them() {
    in_process(|| {
        let (socket, there) = unix_pair(framed());
        process::spawn(move || {
            let mut packets = Packets::new(there, Packet::Length4);
            while let Ok(Some(_)) = packets.recv() {}
        })
        .unwrap();
        for _ in 0..rounds(1_000) {
            let senders: Vec<_> = (0..3)
                .map(|_| {
                    let socket = socket.clone();
                    // So small that the system takes it all or nothing.
                    let send = move || (0..3).for_each(|_| socket.send(b"x").unwrap());
                    process::spawn_monitor(send).unwrap()
                })
                .collect();
            process::exit(senders[1].0, ExitReason::Kill);
            senders.into_iter().for_each(|(_, monitor)| drop(down_reason(monitor)));
            socket.send(b"still").unwrap();
        }
    });
}
