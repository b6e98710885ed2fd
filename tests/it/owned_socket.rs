//! Sockets whose data comes as messages: active and passive, packets, ends and errors.

use std::io::{self, Read, Write};
use std::net::{self, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use procession::io::{
    Active, Closed, Data, Errored, OwnedSocket, Packet, PacketTooLong, Passive, SocketOptions,
};
use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::support::processes::{begun, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_until};

/// A socket that the caller owns, and its other side.
pub(crate) fn unix_pair(options: SocketOptions) -> (OwnedSocket, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    there.set_read_timeout(Some(test_timeout())).unwrap();
    (OwnedSocket::with_options(here, options).unwrap(), there)
}

/// A TCP connection, of which the caller owns one side.
pub(crate) fn tcp_pair(options: SocketOptions) -> (OwnedSocket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    there.set_read_timeout(Some(test_timeout())).unwrap();
    let (here, _) = listener.accept().unwrap();
    (OwnedSocket::with_options(here, options).unwrap(), there)
}

pub(crate) fn lines(active: Active) -> SocketOptions {
    SocketOptions::new().packet(Packet::Line).active(active)
}

/// The next message of `socket` must be this data.
#[track_caller]
pub(crate) fn expect_data(socket: &OwnedSocket, bytes: &[u8]) {
    let data = expect::<Data>();
    assert_eq!(data.socket, *socket);
    assert_eq!(data.bytes, bytes);
}

/// What it receives must be this, within the time that a test has.
#[track_caller]
pub(crate) fn expect_recv(socket: &OwnedSocket, bytes: &[u8]) {
    assert_eq!(socket.recv_timeout(0, test_timeout()).unwrap(), bytes);
}

#[track_caller]
pub(crate) fn assert_kind<T: std::fmt::Debug>(outcome: io::Result<T>, kind: io::ErrorKind) {
    assert_eq!(outcome.unwrap_err().kind(), kind);
}

/// The other side has been closed.
#[track_caller]
pub(crate) fn assert_ended(mut there: impl Read) {
    let mut rest = Vec::new();
    match there.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

// OTP: gen_tcp_misc_SUITE:active_once_closed, and run.
#[test]
fn once_sends_one_packet_and_makes_the_socket_passive() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(lines(Active::Once));
        there.write_all(b"a\nb\nc\n").unwrap();
        expect_data(&socket, b"a\n");
        assert_eq!(socket.active(), Active::False);
        expect_recv(&socket, b"b\n");
        assert_no_message();
        socket.set_active(Active::Once).unwrap();
        expect_data(&socket, b"c\n");
    });
}

// OTP: gen_tcp_misc_SUITE:active_n.
#[test]
fn n_sends_so_many_packets_and_then_says_that_the_socket_is_passive() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(lines(Active::N(2)));
        there.write_all(b"a\nb\nc\nd\n").unwrap();
        expect_data(&socket, b"a\n");
        expect_data(&socket, b"b\n");
        assert_eq!(expect::<Passive>().socket, socket);
        assert_eq!(socket.active(), Active::False);
        expect_recv(&socket, b"c\n");
        assert_no_message();
    });
}

// OTP: gen_tcp_misc_SUITE:active_n.
#[test]
fn n_adds_up_and_says_so_when_it_comes_to_nothing() {
    in_process(|| {
        let (socket, _there) = unix_pair(lines(Active::N(3)));
        socket.set_active(Active::N(-1)).unwrap();
        assert_eq!(socket.active(), Active::N(2));
        socket.set_active(Active::N(-2)).unwrap();
        assert_eq!(socket.active(), Active::False);
        expect::<Passive>();
        socket.set_active(Active::N(i16::MIN)).unwrap();
        expect::<Passive>();
        assert_no_message();
    });
}

// OTP: gen_tcp_misc_SUITE:active_n.
#[test]
fn n_above_32767_is_refused_and_changes_nothing() {
    in_process(|| {
        let (socket, _there) = unix_pair(lines(Active::N(i16::MAX)));
        assert_kind(socket.set_active(Active::N(1)), io::ErrorKind::InvalidInput);
        assert_eq!(socket.active(), Active::N(i16::MAX));
    });
}

#[test]
fn true_sends_everything_and_then_the_end() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(SocketOptions::new().active(Active::True));
        let sent = vec![7; 1_000_000];
        there.write_all(&sent).unwrap();
        drop(there);
        let mut received = Vec::new();
        while received.len() < sent.len() {
            received.extend(expect::<Data>().bytes);
        }
        assert!(received == sent);
        assert_eq!(expect::<Closed>().socket, socket);
        assert_kind(socket.send(b"x"), io::ErrorKind::NotConnected);
    });
}

// OTP 25, run: gen_tcp:recv/3 on an active socket is {error,einval}.
#[test]
fn recv_is_refused_while_the_socket_is_active() {
    in_process(|| {
        let (socket, _there) = unix_pair(lines(Active::Once));
        assert_kind(socket.recv(0), io::ErrorKind::InvalidInput);
    });
}

// OTP 25, run: the second of two gen_tcp:recv/3 is {error,ealready}.
#[test]
fn recv_is_refused_while_another_process_is_in_it() {
    in_process(|| {
        let (socket, mut there) = unix_pair(lines(Active::False));
        let (theirs, me) = (socket.clone(), process::self_pid());
        let (reader, _) = begun(Builder::new(), move || {
            process::send(me, theirs.recv(0).unwrap());
        });
        wait_until(|| process::info(reader).is_some_and(|it| it.status == Status::Blocking));
        assert_kind(socket.recv(0), io::ErrorKind::ResourceBusy);
        // What comes while it is active is still for the process that was first.
        socket.set_active(Active::Once).unwrap();
        there.write_all(b"a\nb\n").unwrap();
        assert_eq!(expect::<Vec<u8>>(), b"a\n");
        expect_data(&socket, b"b\n");
    });
}

// OTP 25, run: gen_tcp:recv/3 with a length and a packet type is {error,einval}.
#[test]
fn recv_with_a_length_is_for_raw_sockets() {
    in_process(|| {
        let (socket, mut there) = unix_pair(SocketOptions::new());
        there.write_all(b"abcde").unwrap();
        assert_eq!(socket.recv(2).unwrap(), b"ab");
        assert_eq!(socket.recv(0).unwrap(), b"cde");
        socket.set_packet(Packet::Line).unwrap();
        assert_kind(socket.recv(2), io::ErrorKind::InvalidInput);
    });
}

// OTP: gen_tcp_api_SUITE:t_recv_timeout, gen_tcp_misc_SUITE:partial_recv_and_close.
#[test]
fn recv_that_times_out_or_meets_the_end_leaves_what_has_come() {
    in_process(|| {
        let (socket, mut there) = unix_pair(SocketOptions::new());
        there.write_all(b"abc").unwrap();
        let soon = Duration::from_millis(1);
        assert_kind(socket.recv_timeout(4, soon), io::ErrorKind::TimedOut);
        there.write_all(b"d").unwrap();
        assert_eq!(socket.recv_timeout(4, test_timeout()).unwrap(), b"abcd");
        there.write_all(b"ef").unwrap();
        drop(there);
        assert_kind(socket.recv(3), io::ErrorKind::UnexpectedEof);
        assert_eq!(socket.recv(0).unwrap(), b"ef");
        assert_kind(socket.recv(0), io::ErrorKind::UnexpectedEof);
    });
}

// OTP: gen_tcp_api_SUITE:t_recv_eof, gen_tcp_misc_SUITE:passive_sockets.
#[test]
fn what_was_sent_before_the_end_is_received_first_by_a_passive_socket() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(lines(Active::False));
        there.write_all(b"a\nb\n").unwrap();
        drop(there);
        expect_recv(&socket, b"a\n");
        assert_no_message();
        // The end is told to the owner as soon as it asks.
        socket.set_active(Active::N(2)).unwrap();
        expect_data(&socket, b"b\n");
        expect::<Closed>();
        assert_no_message();
    });
}

// OTP 25, run: a packet that is not complete is lost with the socket.
#[test]
fn the_end_within_a_packet_is_an_end_as_any_other() {
    in_process(|| {
        let options = SocketOptions::new().packet(Packet::Length4).active(Active::True);
        let (_socket, mut there) = tcp_pair(options);
        there.write_all(b"\0\0\0\x09half").unwrap();
        drop(there);
        expect::<Closed>();
        assert_no_message();
    });
}

// OTP 25, run: [{tcp_error,_,emsgsize},{tcp_closed,_}].
#[test]
fn a_packet_that_is_too_long_is_an_error_and_closes_the_socket() {
    in_process(|| {
        let options = lines(Active::True).packet_size(5);
        let (socket, mut there) = tcp_pair(options);
        there.write_all(b"0123\n012345").unwrap();
        expect_data(&socket, b"0123\n");
        let errored = expect::<Errored>();
        assert!(errored.error.get_ref().is_some_and(|error| error.is::<PacketTooLong>()));
        expect::<Closed>();
        assert_ended(there);
    });
}

// OTP 25, run: {error,emsgsize}, and then {error,enotconn}.
#[test]
fn a_packet_that_is_too_long_for_recv_is_an_error_and_closes_the_socket() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(lines(Active::False).packet_size(5));
        there.write_all(b"012345").unwrap();
        assert_kind(socket.recv(0), io::ErrorKind::InvalidData);
        assert_kind(socket.recv(0), io::ErrorKind::NotConnected);
        assert_ended(there);
    });
}

// OTP 25, run: lines longer than the buffer come in pieces.
#[test]
fn a_line_that_is_longer_than_line_length_comes_in_pieces() {
    in_process(|| {
        let (socket, mut there) = unix_pair(lines(Active::True).line_length(4));
        there.write_all(b"012345\nab\n").unwrap();
        expect_data(&socket, b"0123");
        expect_data(&socket, b"45\n");
        expect_data(&socket, b"ab\n");
    });
}

/// The other side of a connection resets it: it has not read what came.
fn reset(socket: &OwnedSocket, there: TcpStream) {
    socket.send(b"unread").unwrap();
    there.peek(&mut [0; 6]).unwrap();
    drop(there);
}

// OTP: gen_tcp_misc_SUITE:show_econnreset_active.
#[test]
fn a_reset_is_an_error_only_if_the_socket_shows_it() {
    in_process(|| {
        let options = SocketOptions::new().active(Active::True);
        let (socket, there) = tcp_pair(options.clone());
        reset(&socket, there);
        expect::<Closed>();
        assert_no_message();

        let (socket, there) = tcp_pair(options.show_econnreset(true));
        reset(&socket, there);
        assert_eq!(expect::<Errored>().error.kind(), io::ErrorKind::ConnectionReset);
        expect::<Closed>();
    });
}

// OTP: gen_tcp_misc_SUITE:show_econnreset_passive.
#[test]
fn a_reset_is_an_end_for_recv_unless_the_socket_shows_it() {
    in_process(|| {
        let (socket, there) = tcp_pair(SocketOptions::new());
        reset(&socket, there);
        assert_kind(socket.recv(0), io::ErrorKind::UnexpectedEof);
        let (socket, there) = tcp_pair(SocketOptions::new().show_econnreset(true));
        reset(&socket, there);
        assert_kind(socket.recv(0), io::ErrorKind::ConnectionReset);
    });
}

// OTP: gen_tcp_misc_SUITE:shutdown_active, gen_tcp_api_SUITE:t_shutdown_write.
#[test]
fn data_comes_after_the_own_side_was_shut_down() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(lines(Active::True));
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(there.read(&mut [0; 1]).unwrap(), 0);
        there.write_all(b"after\n").unwrap();
        expect_data(&socket, b"after\n");
        assert_kind(socket.send(b"x"), io::ErrorKind::BrokenPipe);
    });
}

// OTP: gen_tcp_misc_SUITE:no_accept_exit_on_close, and run.
#[test]
fn a_socket_that_does_not_exit_on_close_sends_after_the_end() {
    in_process(|| {
        let (socket, mut there) = tcp_pair(lines(Active::True).exit_on_close(false));
        there.shutdown(Shutdown::Write).unwrap();
        expect::<Closed>();
        socket.send(b"abc").unwrap();
        let mut received = [0; 3];
        there.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"abc");
        // The end is told once.
        socket.set_active(Active::Once).unwrap();
        socket.close();
        assert_no_message();
        assert_ended(there);
    });
}

// OTP 25, run.
#[test]
fn close_says_nothing_to_the_owner_whoever_closes() {
    in_process(|| {
        process::set_trap_exit(true);
        let (socket, there) = tcp_pair(lines(Active::True));
        socket.close();
        socket.close();
        assert_kind(socket.send(b"x"), io::ErrorKind::NotConnected);
        assert_kind(socket.recv(0), io::ErrorKind::NotConnected);
        assert_kind(socket.set_active(Active::Once), io::ErrorKind::NotConnected);
        assert_kind(socket.shutdown(Shutdown::Write), io::ErrorKind::NotConnected);
        assert_kind(socket.peername(), io::ErrorKind::NotConnected);
        assert_ended(there);

        let (socket, there) = tcp_pair(lines(Active::True));
        let (_, monitor) = process::spawn_monitor(move || socket.close()).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_ended(there);
        assert_no_message();
    });
}

#[test]
fn close_says_nothing_to_the_owner_while_data_comes() {
    in_process(|| {
        for round in 0..rounds(2_000) {
            let (socket, mut there) = unix_pair(lines(Active::True));
            if round % 2 == 0 {
                there.write_all(b"a\n").unwrap();
            }
            (0..round % 16).for_each(|_| delay_by(round));
            socket.close();
            let came = process::flush();
            assert!(came.iter().all(|message| message.is::<Data>()), "{came:?}");
            assert_no_message();
        }
    });
}

#[test]
fn an_owner_that_traps_exits_gets_no_exit_message_when_the_other_side_closes() {
    in_process(|| {
        process::set_trap_exit(true);
        let (_socket, there) = tcp_pair(lines(Active::True));
        let [reader] = process::info(process::self_pid()).unwrap().links[..] else {
            panic!("its socket is its only link")
        };
        drop(there);
        expect::<Closed>();
        process::join(reader, test_timeout()).unwrap();
        assert_no_message();
    });
}

#[test]
fn close_ends_a_recv_of_another_process() {
    in_process(|| {
        for _ in 0..rounds(1_000) {
            let (socket, _there) = unix_pair(SocketOptions::new());
            let (theirs, me) = (socket.clone(), process::self_pid());
            let receiver = begun(Builder::new(), move || {
                process::send(me, theirs.recv(0).unwrap_err().kind());
            });
            socket.close();
            assert_eq!(expect::<io::ErrorKind>(), io::ErrorKind::NotConnected);
            down_reason(receiver.1);
        }
    });
}

#[test]
fn names_are_those_of_the_connection() {
    in_process(|| {
        let (socket, there) = tcp_pair(SocketOptions::new());
        assert_eq!(socket.peername().unwrap(), there.local_addr().unwrap());
        assert_eq!(socket.sockname().unwrap(), there.peer_addr().unwrap());
        let (socket, _there) = unix_pair(SocketOptions::new());
        assert_kind(socket.peername(), io::ErrorKind::Unsupported);
    });
}

#[test]
fn only_a_stream_can_be_owned() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_kind(OwnedSocket::new(socket), io::ErrorKind::InvalidInput);
}

#[test]
fn sockets_of_this_crate_can_be_owned() {
    in_process(|| {
        let listener = procession::io::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut there = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let socket = OwnedSocket::with_options(stream, lines(Active::Once)).unwrap();
        there.write_all(b"a\n").unwrap();
        expect_data(&socket, b"a\n");
    });
}

#[test]
fn what_a_recv_has_left_is_sent_when_the_socket_is_active_again() {
    in_process(|| {
        // The reader waits for the descriptor all the time, and finds nothing there.
        let (socket, mut there) = unix_pair(SocketOptions::new().active(Active::True));
        for _ in 0..rounds(1_000) {
            socket.set_active(Active::False).unwrap();
            there.write_all(b"abc").unwrap();
            assert_eq!(socket.recv(1).unwrap(), b"a");
            socket.set_active(Active::True).unwrap();
            expect_data(&socket, b"bc");
        }
    });
}

#[test]
fn what_is_a_packet_by_another_framing_is_sent_at_once() {
    in_process(|| {
        let (socket, mut there) = unix_pair(lines(Active::True));
        there.write_all(b"a\nno line").unwrap();
        expect_data(&socket, b"a\n");
        socket.set_packet(Packet::Raw).unwrap();
        expect_data(&socket, b"no line");
    });
}

/// Writes numbers in lines, one after the other, as long as anybody reads them.
pub(crate) fn write_numbers(mut there: impl Write) {
    for n in 0_u64.. {
        if there.write_all(format!("{n}\n").as_bytes()).is_err() {
            return;
        }
    }
}

#[track_caller]
pub(crate) fn number(line: &[u8]) -> u64 {
    str::from_utf8(line).unwrap().trim().parse().unwrap()
}

// OTP: what inet:setopts/2 promises; gen_tcp_misc_SUITE:active_n passes through all of these.
#[test]
fn no_message_comes_after_the_socket_was_made_passive() {
    in_process(|| {
        let (socket, there) = unix_pair(lines(Active::False));
        process::spawn(move || write_numbers(there)).unwrap();
        let mut next = 0;
        let mut check = |line: &[u8]| {
            assert_eq!(number(line), next);
            next += 1;
        };
        for round in 0..rounds(10_000) {
            let active = [Active::True, Active::Once, Active::N(3)][round % 3];
            socket.set_active(active).unwrap();
            if round % 2 == 0 {
                check(&expect::<Data>().bytes);
            }
            socket.set_active(Active::False).unwrap();
            while let Some(message) = process::receive_timeout(Duration::ZERO) {
                match message.downcast::<Data>() {
                    Ok(data) => check(&data.bytes),
                    Err(other) => assert!(other.is::<Passive>(), "{other:?}"),
                }
            }
            check(&socket.recv_timeout(0, test_timeout()).unwrap());
            assert_no_message();
        }
        socket.close();
    });
}
