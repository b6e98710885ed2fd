//! A stream whose reads and writes must be through in time, all together.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::io::TcpStream;

/// A connection that is to be set up by a deadline: what would wait longer fails with
/// [`TimedOut`](ErrorKind::TimedOut).
#[derive(Debug)]
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    pub(super) fn new(stream: TcpStream, deadline: Instant) -> Timed {
        Timed { stream, deadline }
    }

    /// Returns the stream, which waits as long as it takes.
    pub(super) fn into_inner(self) -> io::Result<TcpStream> {
        self.stream.set_read_timeout(None)?;
        self.stream.set_write_timeout(None)?;
        Ok(self.stream)
    }
}

/// Returns how long it is until the deadline.
///
/// # Errors
///
/// [`TimedOut`](ErrorKind::TimedOut) if it has passed.
pub(super) fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.checked_duration_since(Instant::now());
    left.filter(|left| !left.is_zero()).ok_or_else(|| ErrorKind::TimedOut.into())
}

impl Read for Timed {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(time_left(self.deadline)?))?;
        self.stream.read(room)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(time_left(self.deadline)?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
