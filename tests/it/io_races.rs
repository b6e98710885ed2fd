//! What ends a process, at the same moment as what it waits for comes, many thousand times.

#![cfg(all(feature = "io", target_os = "linux"))]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use procession::io::{TcpListener, TcpStream, UnixStream, is_interrupted};
use procession::prelude::*;
use procession::process::Builder;

use crate::support::processes::{FOREVER, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{assert_no_message, down_reason, expect};

const ROUNDS: usize = 10_000;

/// Runs `round` again and again in a process of its own, and sees that it leaves nothing behind.
#[track_caller]
fn repeat(round: impl Fn(usize) + Send + 'static) {
    in_process(move || {
        for number in 0..rounds(ROUNDS) {
            round(number);
            assert_no_message();
        }
    });
}

/// Starts a process that is not left behind: a kill has to reach it where it waits.
fn start(body: impl FnOnce() + Send + 'static) -> (Pid, MonitorRef) {
    Builder::new().kill_grace(FOREVER).spawn_monitor(body).unwrap()
}

/// Kills a process, a little later in each round, and waits for its end.
#[track_caller]
fn kill_in(round: usize, (pid, monitor): (Pid, MonitorRef)) {
    delay_by(round);
    process::exit(pid, ExitReason::Kill);
    let reason = down_reason(monitor);
    assert!([ExitReason::Killed, ExitReason::Normal].contains(&reason), "{reason}");
}

/// A process that reads a byte and ends.
fn reads(stream: UnixStream) -> (Pid, MonitorRef) {
    start(move || assert_eq!((&stream).read(&mut [0]).unwrap(), 1))
}

#[test]
fn a_kill_as_a_process_begins_to_accept_ends_it() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    repeat(move |round| {
        let listener = Arc::clone(&listener);
        kill_in(round, start(move || drop(listener.accept())));
    });
}

#[test]
fn a_kill_as_a_connection_comes_loses_at_most_that_one() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    repeat(move |round| {
        let shared = Arc::clone(&listener);
        let (acceptor, monitor) = start(move || drop(shared.accept()));
        let client = TcpStream::connect(address).unwrap();
        kill_in(round, (acceptor, monitor));
        // It was accepted, and is closed; or it waits for the next to accept.
        if let Ok((accepted, peer)) = listener.accept_timeout(std::time::Duration::ZERO) {
            assert_eq!(peer, client.local_addr().unwrap());
            drop(accepted);
        }
        assert_eq!((&client).read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn a_kill_as_a_process_begins_to_read_ends_it() {
    repeat(|round| {
        let (_one, other) = UnixStream::pair().unwrap();
        kill_in(round, reads(other));
    });
}

#[test]
fn a_kill_as_data_comes_ends_the_reader_before_or_after_it_has_read() {
    repeat(|round| {
        let (one, other) = UnixStream::pair().unwrap();
        let reader = reads(other);
        (&one).write_all(b"x").unwrap();
        kill_in(round, reader);
    });
}

#[test]
fn a_kill_as_a_process_writes_ends_it() {
    repeat(|round| {
        let (one, _other) = UnixStream::pair().unwrap();
        let endless = move || while (&one).write(&[0; 65_536]).is_ok() {};
        let (pid, monitor) = start(endless);
        delay_by(round);
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    });
}

#[test]
fn a_shutdown_of_a_clone_ends_a_read() {
    repeat(|round| {
        let (one, _other) = UnixStream::pair().unwrap();
        let clone = one.try_clone().unwrap();
        let (_, monitor) = start(move || {
            assert_eq!((&one).read(&mut [0]).unwrap(), 0);
        });
        delay_by(round);
        clone.shutdown(Shutdown::Both).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    });
}

#[test]
fn a_shutdown_of_a_clone_ends_a_write() {
    repeat(|round| {
        let (one, _other) = UnixStream::pair().unwrap();
        let clone = one.try_clone().unwrap();
        let (_, monitor) = start(move || {
            let error = (&one).write_all(&[0; 1_000_000]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
        delay_by(round);
        clone.shutdown(Shutdown::Both).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    });
}

/// An exit signal and a byte come at the same moment. The process traps exits, so it gets both.
#[test]
fn an_exit_signal_that_is_trapped_as_data_comes_loses_neither() {
    repeat(|round| {
        let (one, other) = UnixStream::pair().unwrap();
        let (pid, monitor) = start(move || {
            process::set_trap_exit(true);
            let mut byte = [0];
            let mut has_exit = false;
            loop {
                match (&other).read(&mut byte) {
                    Ok(length) => break assert_eq!((length, byte), (1, *b"x")),
                    Err(error) => {
                        assert!(is_interrupted(&error) && !has_exit, "{error}");
                        expect::<Exit>();
                        has_exit = true;
                    }
                }
            }
            if !has_exit {
                expect::<Exit>();
            }
        });
        let writes = start(move || (&one).write_all(b"x").unwrap());
        delay_by(round);
        process::exit(pid, reason());
        let ends = [down_reason(monitor), down_reason(writes.1)];
        // The signal may come before the process traps exits.
        assert!(ends[0] == ExitReason::Normal || ends[0] == reason(), "{ends:?}");
    });
}

/// The thread of a process that was killed runs the next one. What has interrupted the first must
/// not reach the second.
#[test]
fn an_interrupt_does_not_reach_the_next_process_of_the_thread() {
    repeat(|round| {
        let (one, other) = UnixStream::pair().unwrap();
        let clone = other.try_clone().unwrap();
        kill_in(round, reads(clone));
        let (_, monitor) = reads(other);
        (&one).write_all(b"x").unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    });
}
