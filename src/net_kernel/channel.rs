//! What carries the bytes of a connection: TCP, or TLS over that.
//!
//! While a connection is being set up one process reads and writes, in time; then one process reads
//! and another writes.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use crate::io::TcpStream;

use super::handshake::Lengths;
use super::timed::Timed;
#[cfg(feature = "dist-tls")]
use super::tls;

/// A connection that is being set up.
#[derive(Debug)]
pub(super) enum SetUp {
    Tcp(Timed),
    #[cfg(feature = "dist-tls")]
    Tls(Box<tls::SetUp>),
}

impl SetUp {
    /// How long the lengths of messages are, in the handshake.
    pub(super) fn lengths(&self) -> Lengths {
        match self {
            SetUp::Tcp(_) => Lengths::Two,
            #[cfg(feature = "dist-tls")]
            SetUp::Tls(_) => Lengths::Four,
        }
    }

    /// Returns the two ends of the connection that is set up, which wait as long as it takes.
    pub(super) fn split(self) -> io::Result<(ReadHalf, WriteHalf)> {
        match self {
            SetUp::Tcp(timed) => {
                let stream = timed.into_inner()?;
                Ok((ReadHalf::Tcp(stream.try_clone()?), WriteHalf::Tcp(Arc::new(stream))))
            }
            #[cfg(feature = "dist-tls")]
            SetUp::Tls(set_up) => {
                let (reading, writing) = set_up.split()?;
                Ok((ReadHalf::Tls(reading), WriteHalf::Tls(writing)))
            }
        }
    }
}

impl Read for SetUp {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            SetUp::Tcp(stream) => stream.read(room),
            #[cfg(feature = "dist-tls")]
            SetUp::Tls(stream) => stream.read(room),
        }
    }
}

impl Write for SetUp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            SetUp::Tcp(stream) => stream.write(bytes),
            #[cfg(feature = "dist-tls")]
            SetUp::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            SetUp::Tcp(stream) => stream.flush(),
            #[cfg(feature = "dist-tls")]
            SetUp::Tls(stream) => stream.flush(),
        }
    }
}

/// The end of a connection that is read.
#[derive(Debug)]
pub(super) enum ReadHalf {
    Tcp(TcpStream),
    #[cfg(feature = "dist-tls")]
    Tls(tls::ReadHalf),
}

impl ReadHalf {
    fn stream(&self) -> &TcpStream {
        match self {
            ReadHalf::Tcp(stream) => stream,
            #[cfg(feature = "dist-tls")]
            ReadHalf::Tls(half) => half.stream(),
        }
    }

    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream().set_read_timeout(timeout)
    }

    /// Tells the other node that nothing more is written.
    pub(super) fn end_writing(&self) -> io::Result<()> {
        self.stream().shutdown(Shutdown::Write)
    }
}

impl Read for ReadHalf {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            ReadHalf::Tcp(stream) => stream.read(room),
            #[cfg(feature = "dist-tls")]
            ReadHalf::Tls(half) => half.read(room),
        }
    }
}

/// What frames are read from.
pub(super) trait Source: Read {
    /// Reads into the room that there is behind `bytes`, but at most `most` bytes, and returns how
    /// many.
    fn read_behind(&mut self, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        read_over_zeros(self, bytes, most)
    }
}

fn read_over_zeros(
    source: &mut (impl Read + ?Sized),
    bytes: &mut Vec<u8>,
    most: usize,
) -> io::Result<usize> {
    const ZEROS: usize = 16 * 1024;

    let start = bytes.len();
    let room = (bytes.capacity() - start).min(most).min(ZEROS);
    bytes.resize(start + room, 0);
    let read = source.read(&mut bytes[start..]);
    bytes.truncate(start + *read.as_ref().unwrap_or(&0));
    read
}

impl Source for TcpStream {
    fn read_behind(&mut self, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        if bytes.capacity() - bytes.len() > most {
            return read_over_zeros(self, bytes, most);
        }
        self.read_to_spare(bytes)
    }
}

#[cfg(feature = "dist-tls")]
impl Source for tls::ReadHalf {}

impl Source for ReadHalf {
    fn read_behind(&mut self, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        match self {
            ReadHalf::Tcp(stream) => stream.read_behind(bytes, most),
            #[cfg(feature = "dist-tls")]
            ReadHalf::Tls(half) => half.read_behind(bytes, most),
        }
    }
}

/// The end of a connection that is written. What it has taken may have to be
/// [flushed](Write::flush).
#[derive(Debug)]
pub(super) enum WriteHalf {
    Tcp(Arc<TcpStream>),
    #[cfg(feature = "dist-tls")]
    Tls(tls::WriteHalf),
}

impl WriteHalf {
    /// Returns the stream, if what is written to it need not go through anything else.
    pub(super) fn direct(&self) -> Option<Arc<TcpStream>> {
        match self {
            WriteHalf::Tcp(stream) => Some(Arc::clone(stream)),
            #[cfg(feature = "dist-tls")]
            WriteHalf::Tls(_) => None,
        }
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            WriteHalf::Tcp(stream) => stream.set_write_timeout(timeout),
            #[cfg(feature = "dist-tls")]
            WriteHalf::Tls(half) => half.stream().set_write_timeout(timeout),
        }
    }

    /// Says that nothing more is written, where there is a way to say that.
    pub(super) fn close(&mut self) {
        match self {
            WriteHalf::Tcp(_) => {}
            #[cfg(feature = "dist-tls")]
            WriteHalf::Tls(half) => half.close(),
        }
    }
}

impl Write for WriteHalf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            WriteHalf::Tcp(stream) => (&**stream).write_vectored(parts),
            #[cfg(feature = "dist-tls")]
            WriteHalf::Tls(half) => half.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            WriteHalf::Tcp(_) => Ok(()),
            #[cfg(feature = "dist-tls")]
            WriteHalf::Tls(half) => half.flush(),
        }
    }
}
