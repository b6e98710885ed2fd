//! Listeners that have no descriptor left, and what they log: a binary of its own, as the number of
//! descriptors and the logger belong to the whole program.

#![cfg(all(feature = "io", target_os = "linux"))]

use std::fs;
use std::io::{self as std_io, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

use parking_lot::{Mutex, MutexGuard};
use procession::io;
use procession::listener::{Accept, Listener, ListenerRef, LocalAddr};
use procession::prelude::*;
use procession::process::Status;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod logger;
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::logger::{keep_what_is_logged, logged};
use crate::support::processes::FOREVER;
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, expect, test_timeout, wait_until};

/// The tests count descriptors, so one runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    keep_what_is_logged();
    ALONE.lock()
}

fn echo(stream: io::TcpStream) {
    for line in BufReader::new(&stream).lines().map_while(Result::ok) {
        _ = writeln!(&stream, "{line}");
    }
}

fn ask(client: &mut TcpStream) {
    client.set_read_timeout(Some(test_timeout())).unwrap();
    client.write_all(b"hello\n").unwrap();
    let mut answer = [0; 6];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello\n");
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A socket that is not connected.
fn another() -> Result<OwnedFd, Errno> {
    socket(AddressFamily::INET, SocketType::STREAM, None)
}

/// Lets the program have no more descriptors than it has now, as long as this exists.
struct NoneLeft(Rlimit);

impl NoneLeft {
    fn begin() -> NoneLeft {
        let before = getrlimit(Resource::Nofile);
        // The lowest number that is free: all that are below are in use.
        let free = another().unwrap().as_raw_fd().try_into().unwrap();
        setrlimit(Resource::Nofile, Rlimit { current: Some(free), ..before }).unwrap();
        let none_left = NoneLeft(before);
        assert!(another().is_err());
        none_left
    }
}

impl Drop for NoneLeft {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

fn tcp_address(listener: &ListenerRef) -> SocketAddr {
    let LocalAddr::Tcp(address) = listener.get_addr().unwrap() else { panic!("a TCP address") };
    address
}

#[test]
fn a_listener_outlives_that_the_program_has_no_descriptor_left() {
    let _alone = alone();
    let listener = Listener::tcp("127.0.0.1:0", echo).start_link().unwrap();
    let address = tcp_address(&listener);
    let mut before = TcpStream::connect(address).unwrap();
    ask(&mut before);

    let unconnected: Vec<OwnedFd> = (0..3).map(|_| another().unwrap()).collect();
    let warnings = || logged(&format!("the listener on {address} cannot take connections"));
    let none_left = NoneLeft::begin();
    for socket in &unconnected {
        connect(socket, &address).unwrap();
    }
    wait_until(|| !warnings().is_empty());
    ask(&mut before);
    drop(none_left);

    for socket in unconnected {
        ask(&mut TcpStream::from(socket));
    }
    let warnings = warnings();
    assert_eq!(warnings.len(), 1);
    let expected = format!(
        "WARN procession::listener the listener on {address} cannot take connections, and tries \
         again every 100 ms: Too many open files (os error 24)"
    );
    assert_eq!(warnings[0], expected);
    listener.stop().unwrap();
}

/// Lets the next process have a thread that has never waited for a descriptor.
fn take_idle_threads() -> Vec<Pid> {
    let idle = || process::spawn(|| receive! { "end" => {} }).unwrap();
    (0..100).map(|_| idle()).collect()
}

fn end(processes: Vec<Pid>) {
    processes.into_iter().for_each(|process| process::send(process, "end"));
}

#[test]
fn a_connection_that_gets_the_last_descriptor_is_served() {
    let _alone = alone();
    let listener = Listener::tcp("127.0.0.1:0", echo).start_link().unwrap();
    let address = tcp_address(&listener);
    let unconnected: Vec<OwnedFd> = (0..3).map(|_| another().unwrap()).collect();
    let idle = take_idle_threads();
    let last = another().unwrap();
    let warnings = || logged(&format!("the listener on {address} cannot take connections"));
    let none_left = NoneLeft::begin();
    drop(last);
    let mut clients: Vec<TcpStream> = Vec::new();
    for socket in unconnected {
        connect(&socket, &address).unwrap();
        clients.push(socket.into());
    }
    ask(&mut clients[0]);
    wait_until(|| !warnings().is_empty());
    ask(&mut clients[0]);
    drop(none_left);
    clients.iter_mut().for_each(ask);
    assert_eq!(warnings().len(), 1);
    end(idle);
    listener.stop().unwrap();
}

/// A process that reads, and the other end of what it reads from.
struct Reader {
    pid: Pid,
    monitor: MonitorRef,
    writer: io::UnixStream,
}

/// Starts readers, of which every other traps exits, when there is no descriptor left for them to
/// wait by, and has `end` end them. It gets them when they wait.
fn end_readers(end: impl FnOnce(Vec<Reader>)) {
    let reader = |traps_exits: bool| {
        let (reader, writer) = io::UnixStream::pair().unwrap();
        let body = move || {
            process::set_trap_exit(traps_exits);
            receive! { "begin" => {} }
            (&reader).read_exact(&mut [0])?;
            Ok::<(), ExitReason>(())
        };
        let (pid, monitor) = process::spawn_monitor(body).unwrap();
        Reader { pid, monitor, writer }
    };
    let readers: Vec<_> = (0..40).map(|place| reader(place % 2 == 0)).collect();
    let none_left = NoneLeft::begin();
    let status = |pid| process::info(pid).map(|info| info.status);
    for Reader { pid, .. } in &readers {
        process::send(*pid, "begin");
        wait_until(|| status(*pid) == Some(Status::Blocking));
    }
    end(readers);
    drop(none_left);
}

#[test]
fn waits_without_a_descriptor_of_their_own_are_interrupted_one_by_one() {
    let _alone = alone();
    let idle = take_idle_threads();
    end_readers(|readers| {
        for (place, Reader { pid, monitor, mut writer }) in readers.into_iter().enumerate() {
            let expected = if place % 3 == 0 {
                writer.write_all(b"x").unwrap();
                ExitReason::Normal
            } else {
                process::exit(pid, ExitReason::Shutdown);
                ExitReason::Shutdown
            };
            assert_eq!(down_reason(monitor), expected);
        }
    });
    end(idle);
}

#[test]
fn waits_without_a_descriptor_of_their_own_are_interrupted_all_at_once() {
    let _alone = alone();
    let idle = take_idle_threads();
    for _ in 0..rounds(20) {
        end_readers(|readers| {
            readers.iter().for_each(|reader| process::exit(reader.pid, ExitReason::Shutdown));
            for reader in readers {
                assert_eq!(down_reason(reader.monitor), ExitReason::Shutdown);
            }
        });
    }
    end(idle);
}

/// A socket with results that are written in advance, the last one first.
struct Script(Mutex<Vec<std_io::Result<io::UnixStream>>>);

impl Accept for Script {
    type Stream = io::UnixStream;

    fn accept(&self) -> std_io::Result<io::UnixStream> {
        let next = self.0.lock().pop();
        next.unwrap_or_else(|| {
            process::sleep(FOREVER);
            Err(std_io::ErrorKind::Other.into())
        })
    }

    fn local_addr(&self) -> std_io::Result<LocalAddr> {
        Ok(LocalAddr::Other("a script".to_owned()))
    }
}

#[test]
fn a_listener_warns_once_of_what_it_lacks_however_long_that_lasts() {
    let _alone = alone();
    let me = process::self_pid();
    let (stream, _) = io::UnixStream::pair().unwrap();
    let lacks = |errno: Errno| Err(std_io::Error::from(errno));
    let mut results = vec![Ok(stream)];
    results.extend([Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(lacks));
    let protocol = move |_| process::send(me, "served");
    let listener = Listener::on(Script(Mutex::new(results)), protocol).start_link().unwrap();
    assert_eq!(expect::<&str>(), "served");
    assert_eq!(logged("the listener on a script cannot take connections").len(), 1);
    listener.stop().unwrap();
}

#[test]
fn a_listener_logs_what_does_not_start() {
    #[derive(Debug)]
    struct Picky;

    impl GenServer for Picky {
        type Args = io::TcpStream;

        fn init(_: io::TcpStream) -> InitResult<Picky> {
            init_error(ExitReason::new("not today"))
        }
    }

    let _alone = alone();
    let listener = Listener::tcp("127.0.0.1:0", Picky::child_template()).start_link().unwrap();
    let address = tcp_address(&listener);
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(test_timeout())).unwrap();
    _ = (&client).read(&mut [0]);
    let text = format!("the listener on {address} cannot start the process of a connection: ");
    wait_until(|| !logged(&text).is_empty());
    assert!(logged(&text)[0].starts_with("ERROR procession::listener "));
    assert!(logged(&text)[0].contains("not today"));
    listener.stop().unwrap();
}

#[test]
fn no_descriptor_is_left_of_connections_and_listeners_that_have_ended() {
    fn serve(rounds: usize) {
        let listener = Listener::tcp("127.0.0.1:0", echo).start_link().unwrap();
        let address = tcp_address(&listener);
        let clients = (0..8).map(|_| {
            process::spawn_monitor(move || {
                for _ in 0..rounds {
                    ask(&mut TcpStream::connect(address).unwrap());
                }
            })
        });
        let monitors: Vec<MonitorRef> = clients.map(|client| client.unwrap().1).collect();
        for monitor in monitors {
            receive! {
                Down { monitor: ended, reason, .. } if ended == monitor => {
                    assert_eq!(reason, ExitReason::Normal);
                }
            }
        }
        let left = listener.wait_for_connections(|number| number == 0, test_timeout());
        assert_eq!(left.unwrap(), Some(0));
        listener.stop().unwrap();
    }

    let _alone = alone();
    // Each thread that waits keeps a descriptor, and threads are kept for a while.
    serve(10);
    let before = descriptors();
    serve(rounds(500));
    let after = descriptors();
    assert!(after <= before + 20, "{before} descriptors before, {after} after");
}
