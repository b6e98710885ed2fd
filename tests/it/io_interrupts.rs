//! Every call of the module `io` that waits is ended by an exit signal, a kill, and the shutdown of
//! a supervisor.

#![cfg(all(feature = "io", target_os = "linux"))]

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use procession::dynamic_supervisor::DynamicSupervisor;
use procession::io::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, is_interrupted,
};
use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::support::processes::{FOREVER, reason};
use crate::support::supervision::process_child;
use crate::support::wait::{assert_no_message, down_reason, expect, wait_until};

/// A call that waits, again and again as long as it does not fail.
type Call = Box<dyn FnMut() -> io::Result<()> + Send>;

/// Makes what a call needs; the timeout is the one of its socket.
type Setup = fn(Option<Duration>) -> Call;

/// A path for a socket, which no test has used, and whose file goes with this.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new() -> SocketPath {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("procession-{}-{number}", std::process::id());
        SocketPath(std::env::temp_dir().join(name))
    }
}

impl AsRef<Path> for SocketPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

fn tcp_listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// The two sides of a connection.
fn tcp_pair(timeout: Option<Duration>) -> (TcpStream, TcpStream) {
    let listener = tcp_listener();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    one.set_read_timeout(timeout).unwrap();
    one.set_write_timeout(timeout).unwrap();
    (one, other)
}

fn unix_pair(timeout: Option<Duration>) -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    one.set_read_timeout(timeout).unwrap();
    one.set_write_timeout(timeout).unwrap();
    (one, other)
}

fn datagram_pair(timeout: Option<Duration>) -> (UnixDatagram, UnixDatagram) {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_read_timeout(timeout).unwrap();
    one.set_write_timeout(timeout).unwrap();
    (one, other)
}

fn udp(timeout: Option<Duration>) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(timeout).unwrap();
    socket
}

/// A TCP listener that has no room for another connection, and what takes the room.
fn full_tcp_listener() -> (TcpListener, TcpStream) {
    let listener = tcp_listener();
    rustix::net::listen(&listener, 0).unwrap();
    let first = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener, first)
}

/// Calls with the socket that the first expression makes, which is the first of a pair. Each call
/// keeps the other one alive.
macro_rules! call {
    ($pair:expr, $socket:ident => $call:expr) => {
        |timeout: Option<Duration>| -> Call {
            let (mut $socket, other) = $pair(timeout);
            _ = &mut $socket;
            Box::new(move || {
                _ = &other;
                $call.map(drop)
            })
        }
    };
}

const CALLS: &[(&str, Setup)] = &[
    ("TcpListener::accept", |timeout| {
        let listener = tcp_listener();
        Box::new(move || match timeout {
            Some(timeout) => listener.accept_timeout(timeout).map(drop),
            None => listener.accept().map(drop),
        })
    }),
    ("TcpListener::incoming", |_| {
        let listener = tcp_listener();
        Box::new(move || listener.incoming().next().unwrap().map(drop))
    }),
    ("TcpStream::connect", |timeout| {
        let (listener, first) = full_tcp_listener();
        let address = listener.local_addr().unwrap();
        Box::new(move || {
            _ = (&listener, &first);
            match timeout {
                Some(timeout) => TcpStream::connect_timeout(&address, timeout).map(drop),
                None => TcpStream::connect(address).map(drop),
            }
        })
    }),
    ("TcpStream::read", call!(tcp_pair, stream => stream.read(&mut [0; 8]))),
    ("TcpStream::read by reference", call!(tcp_pair, stream => (&stream).read(&mut [0; 8]))),
    (
        "TcpStream::read_vectored",
        call!(tcp_pair, stream => stream.read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])),
    ),
    ("TcpStream::read_exact", call!(tcp_pair, stream => stream.read_exact(&mut [0; 8]))),
    ("TcpStream::peek", call!(tcp_pair, stream => stream.peek(&mut [0; 8]))),
    ("TcpStream::write", call!(tcp_pair, stream => stream.write(&[0; 65_536]))),
    ("TcpStream::write_all", call!(tcp_pair, stream => stream.write_all(&[0; 65_536]))),
    (
        "TcpStream::write_vectored",
        call!(tcp_pair, stream => stream.write_vectored(&[IoSlice::new(&[0; 65_536])])),
    ),
    ("UdpSocket::recv", |timeout| {
        let socket = udp(timeout);
        Box::new(move || socket.recv(&mut [0; 8]).map(drop))
    }),
    ("UdpSocket::recv_from", |timeout| {
        let socket = udp(timeout);
        Box::new(move || socket.recv_from(&mut [0; 8]).map(drop))
    }),
    ("UdpSocket::peek", |timeout| {
        let socket = udp(timeout);
        Box::new(move || socket.peek(&mut [0; 8]).map(drop))
    }),
    ("UdpSocket::peek_from", |timeout| {
        let socket = udp(timeout);
        Box::new(move || socket.peek_from(&mut [0; 8]).map(drop))
    }),
    ("UnixListener::accept", |timeout| {
        let listener = UnixListener::bind(SocketPath::new()).unwrap();
        Box::new(move || match timeout {
            Some(timeout) => listener.accept_timeout(timeout).map(drop),
            None => listener.accept().map(drop),
        })
    }),
    ("UnixListener::incoming", |_| {
        let listener = UnixListener::bind(SocketPath::new()).unwrap();
        Box::new(move || listener.incoming().next().unwrap().map(drop))
    }),
    ("UnixStream::connect", |_| {
        let path = SocketPath::new();
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let mut connected = Vec::new();
        Box::new(move || {
            _ = &listener;
            connected.push(UnixStream::connect(&path)?); // Until there is no room.
            Ok(())
        })
    }),
    ("UnixStream::read", call!(unix_pair, stream => stream.read(&mut [0; 8]))),
    ("UnixStream::write", call!(unix_pair, stream => stream.write(&[0; 65_536]))),
    ("UnixDatagram::recv", call!(datagram_pair, socket => socket.recv(&mut [0; 8]))),
    ("UnixDatagram::recv_from", call!(datagram_pair, socket => socket.recv_from(&mut [0; 8]))),
    ("UnixDatagram::send", call!(datagram_pair, socket => socket.send(&[0; 1_024]))),
    ("UnixDatagram::send_to", |timeout| {
        let path = SocketPath::new();
        let receiver = UnixDatagram::bind(&path).unwrap();
        let socket = UnixDatagram::unbound().unwrap();
        socket.set_write_timeout(timeout).unwrap();
        Box::new(move || {
            _ = &receiver;
            socket.send_to(&[0; 8], &path).map(drop)
        })
    }),
];

/// Does `check` for each call, with and without a timeout. The name is for the failure.
#[track_caller]
fn each_call(check: impl Fn(&str, Call)) {
    for (name, setup) in CALLS {
        check(name, setup(None));
        check(name, setup(Some(FOREVER)));
    }
}

/// The error that a call has failed with.
#[derive(Debug)]
struct Failed(io::Error);

/// Makes a call until it fails.
fn until_it_fails(call: &mut Call) -> io::Error {
    loop {
        if let Err(error) = call() {
            return error;
        }
    }
}

/// A process that makes a call until it fails, and then says so; it is blocked in it by now.
fn blocked_in(mut call: Call) -> (Pid, MonitorRef) {
    let me = process::self_pid();
    // A kill has to reach it in there: it is not left behind.
    let builder = Builder::new().kill_grace(FOREVER);
    let body = move || process::send(me, Failed(until_it_fails(&mut call)));
    let (pid, monitor) = builder.spawn_monitor(body).unwrap();
    wait_until_blocked(pid);
    (pid, monitor)
}

/// Waits until a process waits outside of the runtime, and is seen there twice: it may make several
/// calls before it does.
#[track_caller]
fn wait_until_blocked(pid: Pid) {
    let is_blocked = || process::info(pid).is_none_or(|info| info.status == Status::Blocking);
    wait_until(|| (0..8).all(|_| is_blocked()));
}

#[test]
fn an_exit_signal_ends_every_call() {
    each_call(|name, call| {
        let (pid, monitor) = blocked_in(call);
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason(), "{name}");
        assert_no_message();
    });
}

#[test]
fn a_kill_ends_every_call() {
    each_call(|name, call| {
        let (pid, monitor) = blocked_in(call);
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed, "{name}");
        assert_no_message();
    });
}

#[test]
fn the_shutdown_of_a_supervisor_ends_every_call() {
    let supervisor = DynamicSupervisor::new().start_link().unwrap();
    each_call(|name, call| {
        let call = Arc::new(Mutex::new(Some(call)));
        let body = move || {
            let mut call = call.lock().take().unwrap();
            until_it_fails(&mut call);
        };
        let child = supervisor.start_child(process_child("a call", body)).unwrap();
        wait_until_blocked(child);
        let monitor = process::monitor(child);
        supervisor.terminate_child(child).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Shutdown, "{name}");
    });
}

#[test]
fn an_exit_signal_makes_every_call_fail_in_a_process_that_traps_exits() {
    each_call(|name, call| {
        let mut call = call;
        let me = process::self_pid();
        let (pid, monitor) = process::spawn_monitor(move || {
            process::set_trap_exit(true);
            process::send(me, Failed(until_it_fails(&mut call)));
        })
        .unwrap();
        wait_until_blocked(pid);
        process::exit(pid, reason());
        let Failed(error) = expect();
        assert!(is_interrupted(&error), "{name}: {error}");
        assert_eq!(down_reason(monitor), ExitReason::Normal, "{name}");
    });
}

#[test]
fn every_call_waits_no_longer_than_its_timeout() {
    const TIMEOUT: Duration = Duration::from_micros(2_500); // Not a number of milliseconds.
    for (name, setup) in CALLS {
        if ["TcpListener::incoming", "UnixListener::incoming", "UnixStream::connect"].contains(name)
        {
            continue; // They have none.
        }
        let mut call = setup(Some(TIMEOUT));
        let (waited, error) = loop {
            let start = Instant::now();
            if let Err(error) = call() {
                break (start.elapsed(), error);
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{name}: {error}");
        assert!(waited >= TIMEOUT, "{name}: {waited:?}");
    }
}

/// The time from the signal to the `Down`, at best: what is busy on the machine is not ours.
#[test]
fn a_call_ends_within_50_ms() {
    for (name, setup) in CALLS {
        let ends_in = || {
            let (pid, monitor) = blocked_in(setup(None));
            let start = Instant::now();
            process::exit(pid, ExitReason::Kill);
            down_reason(monitor);
            start.elapsed()
        };
        let soon = (0..20).map(|_| ends_in()).any(|time| time < Duration::from_millis(50));
        assert!(soon, "{name}");
    }
}
