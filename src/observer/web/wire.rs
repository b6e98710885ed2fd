//! How requests and responses go over a connection: each as a whole within a time, if that has a
//! limit.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::io::TcpStream;
use crate::process::receive::deadline_after;

use super::refusal::Refusal;
use super::request::{MAX_HEAD, is_complete};

/// How much of what such a client still sends is read.
const MAX_REST: usize = 1 << 20;

/// Why no request has come.
#[derive(Debug)]
pub(super) enum Unread {
    /// There is nobody who could be told.
    Gone,
    Refused(Refusal),
}

/// Reads the head of a request, all of it until the deadline.
pub(super) fn read_head(
    mut stream: &TcpStream,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, Unread> {
    let mut head = Vec::new();
    let mut block = [0; 2 << 10];
    loop {
        let length = match read_until(&mut stream, &mut block, deadline) {
            Ok(0) => return Err(Unread::Gone),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Unread::Refused(Refusal::Slow));
            }
            Err(_) => return Err(Unread::Gone),
        };
        let seen = head.len();
        head.extend_from_slice(&block[..length]);
        if is_complete(&head, seen) {
            return Ok(head);
        }
        if head.len() > MAX_HEAD {
            return Err(Unread::Refused(Refusal::LargeHead));
        }
    }
}

/// Writes all, until the deadline.
pub(super) fn write_all(
    mut stream: &TcpStream,
    bytes: &[u8],
    deadline: Option<Instant>,
) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        stream.set_write_timeout(time_left(deadline)?)?;
        match stream.write(rest)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            length => rest = &rest[length..],
        }
    }
    Ok(())
}

/// Closes a connection so that its client gets all that was written: a socket that is closed with
/// something unread would break the connection off. A client that does not close its side is waited
/// for so long.
pub(super) fn close(mut stream: &TcpStream, patience: Duration) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let deadline = deadline_after(patience);
    let (mut rest, mut block) = (0, [0; 2 << 10]);
    while rest < MAX_REST {
        match read_until(&mut stream, &mut block, deadline)? {
            0 => break,
            length => rest += length,
        }
    }
    Ok(())
}

fn read_until(
    stream: &mut &TcpStream,
    block: &mut [u8],
    deadline: Option<Instant>,
) -> io::Result<usize> {
    stream.set_read_timeout(time_left(deadline)?)?;
    stream.read(block)
}

/// Returns the time that is left for reading or writing; without a deadline it has no limit.
fn time_left(deadline: Option<Instant>) -> io::Result<Option<Duration>> {
    match deadline.map(|it| it.saturating_duration_since(Instant::now())) {
        Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}
