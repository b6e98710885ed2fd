//! Sockets that a process waits in: what they do, and what an exit signal does to it.

#![cfg(all(feature = "io", target_os = "linux"))]
#![allow(clippy::disallowed_methods, reason = "some tests are about threads of the program's own")]

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net as std_unix;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use procession::io::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream, is_interrupted};
use procession::prelude::*;
use procession::process::Status;

use crate::support::drops::OnDrop;
use crate::support::processes::{FOREVER, in_process, reason};
use crate::support::wait::{down_reason, expect, wait_until};

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// The two sides of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = listener();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, address) = listener.accept().unwrap();
    assert_eq!(one.local_addr().unwrap(), address);
    assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
    (one, other)
}

#[track_caller]
fn wait_until_blocked(pid: Pid) {
    wait_until(|| process::info(pid).is_some_and(|info| info.status == Status::Blocking));
}

/// Whether the descriptor blocks.
fn blocks(fd: impl AsFd) -> bool {
    let info = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let info = std::fs::read_to_string(info).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    const NONBLOCK: u32 = 0o4_000;
    u32::from_str_radix(flags.trim(), 8).unwrap() & NONBLOCK == 0
}

/// What a process has read.
#[derive(Debug)]
struct Seen(io::Result<Vec<u8>>);

/// Reads what is there, at most eight bytes.
fn read_some(mut stream: impl Read) -> io::Result<Vec<u8>> {
    let mut buf = [0; 8];
    stream.read(&mut buf).map(|length| buf[..length].to_vec())
}

/// A process that reads once and says what, blocked in that by now.
fn reader(stream: UnixStream, trap_exit: bool) -> (Pid, MonitorRef) {
    let me = process::self_pid();
    let (pid, monitor) = process::spawn_monitor(move || {
        process::set_trap_exit(trap_exit);
        process::send(me, Seen(read_some(stream)));
    })
    .unwrap();
    wait_until_blocked(pid);
    (pid, monitor)
}

mod use_as_of_std {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_value_and_by_reference() {
        let (mut one, other) = connection();
        one.write_all(b"by value\n").unwrap();
        (&one).write_all(b"by reference\n").unwrap();
        one.shutdown(Shutdown::Write).unwrap();
        let lines: Vec<String> = BufReader::new(&other).lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["by value", "by reference"]);
    }

    #[test]
    fn vectored_reads_and_writes_use_all_their_buffers() {
        let (mut one, mut other) = connection();
        assert_eq!(one.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).unwrap(), 4);
        let (mut first, mut second) = ([0; 1], [0; 3]);
        let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(other.read_vectored(&mut bufs).unwrap(), 4);
        assert_eq!((&first, &second), (b"a", b"bcd"));
    }

    #[test]
    fn a_read_into_nothing_does_not_wait() {
        let (mut one, _other) = connection();
        one.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(one.read(&mut []).unwrap(), 0);
        assert_eq!(one.read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
    }

    #[test]
    fn what_is_peeked_at_stays() {
        let (mut one, mut other) = connection();
        one.write_all(b"hello").unwrap();
        let mut buf = [0; 5];
        assert_eq!(other.peek(&mut buf).unwrap(), 5);
        assert_eq!(other.read(&mut buf).unwrap(), 5);
        assert_eq!(&buf, b"hello");
    }

    #[test]
    fn nodelay_and_broadcast_are_set() {
        let (one, _other) = connection();
        one.set_nodelay(true).unwrap();
        assert!(one.nodelay().unwrap());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
    }

    #[test]
    fn packets_have_their_sender() {
        let one = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        one.send_to(b"packet", other.local_addr().unwrap()).unwrap();
        let mut buf = [0; 16];
        let sender = one.local_addr().unwrap();
        assert_eq!(other.peek_from(&mut buf).unwrap(), (6, sender));
        assert_eq!(other.recv_from(&mut buf).unwrap(), (6, sender));
        other.connect(sender).unwrap();
        other.send(b"back").unwrap();
        assert_eq!(one.recv(&mut buf).unwrap(), 4);
    }

    #[test]
    fn a_connect_that_is_refused_fails_as_that_of_std() {
        let address = listener().local_addr().unwrap(); // It is closed again.
        let error = TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn connect_tries_one_address_after_the_other() {
        let (closed, open) = (listener().local_addr().unwrap(), listener());
        let addresses = [closed, open.local_addr().unwrap()];
        let stream = TcpStream::connect(&addresses[..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        let none: &[std::net::SocketAddr] = &[];
        assert_eq!(TcpStream::connect(none).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_timeout_of_zero_is_refused() {
        let (one, _other) = connection();
        let zero = Some(Duration::ZERO);
        assert_eq!(one.set_read_timeout(zero).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(one.set_write_timeout(zero).unwrap_err().kind(), ErrorKind::InvalidInput);
        let address = one.peer_addr().unwrap();
        let error = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn an_accept_with_a_timeout_of_zero_takes_what_has_come() {
        let listener = listener();
        let error = listener.accept_timeout(Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_, address) = listener.accept_timeout(Duration::ZERO).unwrap();
        assert_eq!(address, stream.local_addr().unwrap());
    }

    #[test]
    fn timeouts_are_those_of_all_handles() {
        let (one, _other) = connection();
        let clone = one.try_clone().unwrap();
        let timeout = Some(Duration::from_nanos(1_234_567));
        one.set_read_timeout(timeout).unwrap();
        clone.set_write_timeout(timeout).unwrap();
        assert_eq!(clone.read_timeout().unwrap(), timeout);
        assert_eq!(one.write_timeout().unwrap(), timeout);
        let error = read_some(&clone).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_socket_of_std_keeps_its_timeouts_there_and_back() {
        let (one, _other) = std_unix::UnixStream::pair().unwrap();
        let timeout = Some(Duration::from_secs(7));
        one.set_read_timeout(timeout).unwrap();
        let stream = UnixStream::try_from(one).unwrap();
        assert_eq!(stream.read_timeout().unwrap(), timeout);
        stream.set_write_timeout(timeout).unwrap();
        assert!(!blocks(&stream));

        let std = stream.into_std().unwrap();
        assert!(blocks(&std));
        assert_eq!(std.read_timeout().unwrap(), timeout);
        assert_eq!(std.write_timeout().unwrap(), timeout);
    }

    #[test]
    fn a_listener_of_std_accepts_streams_that_do_not_block() {
        let std = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = TcpListener::try_from(std).unwrap();
        let _stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let accepted = listener.incoming().next().unwrap().unwrap();
        assert!(!blocks(&accepted) && !blocks(&listener));
        assert!(blocks(listener.into_std().unwrap()));
    }

    #[test]
    fn a_socket_keeps_its_errors_until_they_are_taken() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        socket.connect(closed).unwrap();
        socket.send(b"to nobody").unwrap();
        let taken = socket.take_error().unwrap().expect("the system has refused the packet");
        assert_eq!(taken.kind(), ErrorKind::ConnectionRefused);
        assert!(socket.take_error().unwrap().is_none());
    }

    #[test]
    fn a_socket_is_shown_as_that_of_std() {
        let listener = listener();
        let shown = format!("{listener:?}");
        assert_eq!(shown, format!("{:?}", listener.into_std().unwrap()));
    }

    #[test]
    fn a_packet_waits_until_its_receiver_has_room() {
        let path = std::env::temp_dir().join(format!("procession-room-{}", std::process::id()));
        let receiver = UnixDatagram::bind(&path).unwrap();
        let me = process::self_pid();
        const PACKETS: u32 = 1_000; // More than there is room for.
        let to = path.clone();
        let (sender, monitor) = process::spawn_monitor(move || {
            let socket = UnixDatagram::unbound()?;
            for number in 0..PACKETS {
                socket.send_to(&number.to_ne_bytes(), &to)?;
            }
            process::send(me, "sent");
            Ok::<(), ExitReason>(())
        })
        .unwrap();
        wait_until_blocked(sender);
        for number in 0..PACKETS {
            let mut buf = [0; 4];
            receiver.recv(&mut buf).unwrap();
            assert_eq!(u32::from_ne_bytes(buf), number);
        }
        assert_eq!(expect::<&str>(), "sent");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        std::fs::remove_file(path).unwrap();
    }
}

mod trapping {
    use super::*;

    /// Sends the caller an exit signal that it traps.
    fn exit_self_trapped() {
        process::exit(process::self_pid(), reason());
    }

    #[test]
    fn calls_fail_as_long_as_the_exit_waits_and_no_data_is_lost() {
        in_process(|| {
            process::set_trap_exit(true);
            let (mut one, other) = UnixStream::pair().unwrap();
            one.write_all(b"data").unwrap();
            exit_self_trapped();
            for _ in 0..2 {
                assert!(is_interrupted(&read_some(&other).unwrap_err()));
            }
            assert_eq!(expect::<Exit>().reason, reason());
            assert_eq!(read_some(&other).unwrap(), b"data");
        });
    }

    #[test]
    fn a_write_that_need_not_wait_is_made_while_the_exit_waits() {
        in_process(|| {
            process::set_trap_exit(true);
            let (mut one, other) = UnixStream::pair().unwrap();
            exit_self_trapped();
            one.write_all(b"data").unwrap();
            expect::<Exit>();
            assert_eq!(read_some(&other).unwrap(), b"data");
        });
    }

    #[test]
    fn a_read_that_is_to_be_exact_gives_up() {
        in_process(|| {
            process::set_trap_exit(true);
            let (mut one, _other) = UnixStream::pair().unwrap();
            exit_self_trapped();
            assert!(is_interrupted(&one.read_exact(&mut [0; 8]).unwrap_err()));
            assert!(is_interrupted(&one.read_to_end(&mut Vec::new()).unwrap_err()));
        });
    }

    #[test]
    fn the_error_becomes_the_reason_of_the_exit() {
        for exit_reason in [ExitReason::Shutdown, reason()] {
            let sent = exit_reason.clone();
            let (_, monitor) = process::spawn_monitor(move || {
                process::set_trap_exit(true);
                let (_one, other) = UnixStream::pair().unwrap();
                process::exit(process::self_pid(), sent);
                read_some(&other)?;
                Ok::<(), ExitReason>(())
            })
            .unwrap();
            assert_eq!(down_reason(monitor), exit_reason);
        }
    }

    #[test]
    fn the_error_becomes_the_reason_of_the_exit_when_it_is_boxed_too() {
        in_process(|| {
            process::set_trap_exit(true);
            let (_one, other) = UnixStream::pair().unwrap();
            process::exit(process::self_pid(), ExitReason::Shutdown);
            let error: Box<dyn std::error::Error + Send + Sync> =
                read_some(&other).unwrap_err().into();
            assert_eq!(Err::<(), _>(error).or_exit(), Err(ExitReason::Shutdown));
        });
    }

    #[test]
    fn a_normal_exit_signal_interrupts_nothing() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let (pid, monitor) = reader(other, true);
        process::exit(pid, ExitReason::Normal);
        one.write_all(b"data").unwrap();
        assert_eq!(expect::<Seen>().0.unwrap(), b"data");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

mod interrupts {
    use super::*;

    #[test]
    fn messages_interrupt_nothing() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let (pid, monitor) = reader(other, false);
        for _ in 0..100 {
            process::send(pid, "a message");
        }
        one.write_all(b"data").unwrap();
        assert_eq!(expect::<Seen>().0.unwrap(), b"data");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn of_a_reader_and_a_writer_only_the_one_ends_that_is_killed() {
        for share_by_clone in [false, true] {
            let (one, mut other) = UnixStream::pair().unwrap();
            let one = Arc::new(one);
            let shared =
                if share_by_clone { Arc::new(one.try_clone().unwrap()) } else { Arc::clone(&one) };
            let (reader, monitor) = process::spawn_monitor(move || _ = read_some(&*one)).unwrap();
            let (writer, written) = process::spawn_monitor(move || {
                (&*shared).write_all(&vec![7; 1_000_000]).map_err(ExitReason::from)
            })
            .unwrap();
            wait_until_blocked(reader);
            wait_until_blocked(writer);

            process::exit(reader, ExitReason::Kill);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
            let mut data = Vec::new();
            other.read_to_end(&mut data).unwrap();
            assert_eq!(data, vec![7; 1_000_000]);
            assert_eq!(down_reason(written), ExitReason::Normal);
        }
    }

    #[test]
    fn a_writer_that_never_has_to_wait_ends_too() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (pid, monitor) =
            process::spawn_monitor(move || while socket.send_to(b"packet", address).is_ok() {})
                .unwrap();
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn a_destructor_writes_what_need_not_wait() {
        for reason in [reason(), ExitReason::Kill] {
            let (one, mut other) = UnixStream::pair().unwrap();
            let (pid, monitor) = process::spawn_monitor(move || {
                let mut writer = BufWriter::new(&one);
                writer.write_all(b"the last words").unwrap();
                _ = read_some(&one);
            })
            .unwrap();
            wait_until_blocked(pid);
            process::exit(pid, reason);
            down_reason(monitor);
            let mut data = String::new();
            other.read_to_string(&mut data).unwrap();
            assert_eq!(data, "the last words");
        }
    }

    #[test]
    fn a_destructor_does_not_wait() {
        let me = process::self_pid();
        let (one, _other) = UnixStream::pair().unwrap();
        let (pid, monitor) = process::spawn_monitor(move || {
            let in_destructor = &one;
            let _reads = OnDrop(|| process::send(me, Seen(read_some(in_destructor))));
            _ = read_some(&one);
        })
        .unwrap();
        wait_until_blocked(pid);
        process::exit(pid, reason());
        assert!(is_interrupted(&expect::<Seen>().0.unwrap_err()));
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn what_is_read_is_there_for_the_next_if_its_reader_is_killed() {
        let (one, other) = UnixStream::pair().unwrap();
        let clone = other.try_clone().unwrap();
        let (pid, monitor) = reader(clone, false);
        process::exit(pid, ExitReason::Kill);
        down_reason(monitor);
        (&one).write_all(b"data").unwrap();
        assert_eq!(read_some(&other).unwrap(), b"data");
    }

    #[test]
    fn the_shutdown_of_a_clone_ends_a_read() {
        let (one, _other) = connection();
        let clone = one.try_clone().unwrap();
        let me = process::self_pid();
        let pid = process::spawn(move || process::send(me, Seen(read_some(one)))).unwrap();
        wait_until_blocked(pid);
        clone.shutdown(Shutdown::Both).unwrap();
        assert_eq!(expect::<Seen>().0.unwrap(), b"");
    }
}

mod threads_of_the_programs_own {
    use super::*;

    /// What a thread gets that waits for data when it is sent an exit signal, and what it gets when
    /// it reads again.
    fn signalled(reason: ExitReason) -> [io::Result<Vec<u8>>; 2] {
        let (_one, other) = UnixStream::pair().unwrap();
        let (known, pids) = mpsc::channel();
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                known.send(process::self_pid()).unwrap();
                [read_some(&other), read_some(&other)]
            });
            let pid = pids.recv().unwrap();
            wait_until_blocked(pid);
            process::exit(pid, reason);
            thread.join().unwrap()
        })
    }

    #[test]
    fn are_interrupted_by_exit_signals() {
        for result in signalled(reason()) {
            assert!(is_interrupted(&result.unwrap_err()));
        }
    }

    #[test]
    fn are_interrupted_by_a_kill() {
        for result in signalled(ExitReason::Kill) {
            assert!(is_interrupted(&result.unwrap_err()));
        }
    }
}

mod timeouts {
    use super::*;

    #[test]
    fn are_not_restarted_by_what_interrupts_nothing() {
        let (_one, other) = UnixStream::pair().unwrap();
        let timeout = Duration::from_millis(20);
        other.set_read_timeout(Some(timeout)).unwrap();
        let me = process::self_pid();
        let nuisance = process::spawn(move || {
            loop {
                process::exit(me, ExitReason::Normal);
                process::checkpoint();
            }
        })
        .unwrap();
        let start = Instant::now();
        let error = read_some(&other).unwrap_err();
        process::exit(nuisance, ExitReason::Kill);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= timeout);
    }

    #[test]
    fn that_no_clock_reaches_are_none() {
        let (one, other) = UnixStream::pair().unwrap();
        one.set_read_timeout(Some(Duration::MAX)).unwrap();
        assert_eq!(one.read_timeout().unwrap(), None);
        one.set_read_timeout(Some(FOREVER)).unwrap();
        (&other).write_all(b"data").unwrap();
        assert_eq!(read_some(&one).unwrap(), b"data");
        let listener = listener();
        let _stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.accept_timeout(Duration::MAX).unwrap();
    }
}
