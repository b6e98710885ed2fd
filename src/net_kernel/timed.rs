//! A stream whose reads and writes must be through in time, all together.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::io::TcpStream;
use crate::process::receive::{deadline_after, time_left};

/// When something is to be through; never, if that is too far off for the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// Returns the one that comes after this time.
    pub(super) fn after(time: Duration) -> Deadline {
        Deadline(deadline_after(time))
    }

    /// Returns how long it is until then; for ever is [`Duration::MAX`].
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) if it has passed.
    pub(super) fn left(self) -> io::Result<Duration> {
        let left = time_left(self.0);
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// A connection that is to be set up by a deadline: what would wait longer fails with
/// [`TimedOut`](ErrorKind::TimedOut).
#[derive(Debug)]
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Deadline,
}

impl Timed {
    pub(super) fn new(stream: TcpStream, deadline: Deadline) -> Timed {
        Timed { stream, deadline }
    }

    /// Returns the stream, which waits as long as it takes.
    pub(super) fn into_inner(self) -> io::Result<TcpStream> {
        self.stream.set_read_timeout(None)?;
        self.stream.set_write_timeout(None)?;
        Ok(self.stream)
    }
}

impl Read for Timed {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.deadline.left()?))?;
        self.stream.read(room)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.deadline.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
