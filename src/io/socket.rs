//! What all sockets are made of: a descriptor that never blocks, and how long its calls wait.
//!
//! Its calls wait in [`attempt`](super::attempt). The macros make of it what several types have.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionbio;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_timeout};

use crate::process::receive::deadline_after;

use super::attempt::{when_readable, when_writable};

/// How long the calls of a socket wait, and those of its clones.
#[derive(Debug)]
struct Timeouts {
    read: Limit,
    write: Limit,
}

/// A time in nanoseconds; 0 stands for none. Relaxed: each is a value by itself.
struct Limit(AtomicU64);

impl Limit {
    fn new(timeout: Option<Duration>) -> Limit {
        Limit(AtomicU64::new(nanoseconds(timeout)))
    }

    /// Sets it.
    ///
    /// # Errors
    ///
    /// If it is zero, as the standard library has it.
    fn set(&self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return Err(zero_timeout());
        }
        self.0.store(nanoseconds(timeout), Ordering::Relaxed);
        Ok(())
    }

    fn get(&self) -> Option<Duration> {
        let nanoseconds = self.0.load(Ordering::Relaxed);
        (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
    }

    fn deadline(&self) -> Option<Instant> {
        self.get().and_then(deadline_after)
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// The number that stands for `timeout`: what is too long for it (584 years) is no limit.
fn nanoseconds(timeout: Option<Duration>) -> u64 {
    timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(0))
}

pub(crate) fn zero_timeout() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a timeout of zero: nothing could be waited for")
}

/// A socket of the standard library's whose descriptor does not block.
pub(crate) struct Socket<S> {
    std: S,
    timeouts: Arc<Timeouts>,
}

impl<S: AsFd + From<OwnedFd>> Socket<S> {
    pub(crate) fn new(std: S) -> io::Result<Socket<S>> {
        ioctl_fionbio(&std, true)?;
        let timeouts = Timeouts {
            read: Limit::new(socket_timeout(&std, Timeout::Recv)?),
            write: Limit::new(socket_timeout(&std, Timeout::Send)?),
        };
        Ok(Socket { std, timeouts: Arc::new(timeouts) })
    }

    pub(crate) fn into_std(self) -> io::Result<S> {
        set_socket_timeout(&self.std, Timeout::Recv, self.read_timeout())?;
        set_socket_timeout(&self.std, Timeout::Send, self.write_timeout())?;
        ioctl_fionbio(&self.std, false)?;
        Ok(self.std)
    }

    /// Returns the descriptor, which does not block.
    pub(crate) fn into_descriptor(self) -> OwnedFd
    where
        OwnedFd: From<S>,
    {
        self.std.into()
    }

    pub(crate) fn try_clone(&self) -> io::Result<Socket<S>> {
        let std = S::from(self.std.as_fd().try_clone_to_owned()?);
        Ok(Socket { std, timeouts: Arc::clone(&self.timeouts) })
    }

    /// The socket, for what does not wait.
    pub(crate) fn std(&self) -> &S {
        &self.std
    }

    pub(crate) fn read_timeout(&self) -> Option<Duration> {
        self.timeouts.read.get()
    }

    pub(crate) fn write_timeout(&self) -> Option<Duration> {
        self.timeouts.write.get()
    }

    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.read.set(timeout)
    }

    pub(crate) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.write.set(timeout)
    }

    /// When a write that begins now has taken too long.
    pub(crate) fn write_deadline(&self) -> Option<Instant> {
        self.timeouts.write.deadline()
    }

    /// Accepts a connection, by the deadline.
    pub(crate) fn accept<R>(
        &self,
        deadline: Option<Instant>,
        mut accept: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        when_readable(&self.std, deadline, || accept(&self.std))
    }

    /// Reads, within the read timeout.
    pub(crate) fn read<R>(&self, mut read: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        when_readable(&self.std, self.timeouts.read.deadline(), || read(&self.std))
    }

    /// Writes, within the write timeout.
    pub(crate) fn write<R>(&self, mut write: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        when_writable(&self.std, self.write_deadline(), || write(&self.std))
    }
}

impl<S: fmt::Debug> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

/// The connections to a listener, as [`accept`](super::TcpListener::accept) returns them.
///
/// Returned by the method `incoming` of listeners. The iterator never ends. In a process that traps
/// exits, it yields an error that [is an interrupt](super::is_interrupted) as long as an `Exit`
/// message waits in the mailbox: a loop that goes on after errors must leave for that one.
#[derive(Debug)]
pub struct Incoming<'a, L>(pub(super) &'a L);

/// Implements what every socket type has: the type is a struct with a field `socket`.
macro_rules! socket {
    ($name:ident, $std:ty, $address:ty) => {
        impl $name {
            /// Returns the address of the socket.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn local_addr(&self) -> io::Result<$address> {
                self.socket.std().local_addr()
            }

            /// Returns another handle of the same socket, so that two processes can use it.
            ///
            /// Its timeouts and other options are those of all handles. The socket is closed when
            /// the last handle is dropped.
            ///
            /// # Errors
            ///
            /// If the program has no descriptor left, and others of the system.
            pub fn try_clone(&self) -> io::Result<$name> {
                Ok($name { socket: self.socket.try_clone()? })
            }

            /// Returns the error that the socket has met outside of any call, and forgets it.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.socket.std().take_error()
            }

            /// Returns the socket as the standard library's type, whose calls block as they would
            /// without this crate.
            ///
            /// So do the calls of other handles of it from then on: they must not be in use.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn into_std(self) -> io::Result<$std> {
                self.socket.into_std()
            }
        }

        impl TryFrom<$std> for $name {
            type Error = io::Error;

            /// Takes over a socket, with its timeouts. Its descriptor does not block from then on,
            /// in other handles of it either.
            fn try_from(socket: $std) -> io::Result<$name> {
                Ok($name { socket: $crate::io::socket::Socket::new(socket)? })
            }
        }

        impl From<$name> for OwnedFd {
            /// Returns the descriptor, which does not block.
            fn from(socket: $name) -> OwnedFd {
                socket.socket.into_descriptor()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket.std().as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.socket.std().as_raw_fd()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.socket.fmt(f)
            }
        }
    };
}

/// Implements what listeners have.
macro_rules! listener {
    ($name:ident, $stream:ident, $address:ty) => {
        impl $name {
            /// Waits for a connection, and returns it and the address of its other side.
            ///
            /// # Errors
            ///
            /// - An [interrupt](crate::io::Interrupted) in a process that traps exits.
            /// - Those of the system: the connection was broken off before it was accepted, or the
            ///   program has no descriptor left.
            pub fn accept(&self) -> io::Result<($stream, $address)> {
                self.accept_until(None)
            }

            /// As [`accept`](Self::accept), for at most `timeout`.
            ///
            /// # Errors
            ///
            /// Those of `accept`, and [`TimedOut`](io::ErrorKind::TimedOut). With a timeout of zero
            /// it returns a connection that has come already.
            ///
            /// OTP: [`gen_tcp:accept/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#accept/2).
            pub fn accept_timeout(&self, timeout: Duration) -> io::Result<($stream, $address)> {
                self.accept_until(deadline_after(timeout))
            }

            /// Returns an iterator over the connections that come, without their addresses.
            pub fn incoming(&self) -> Incoming<'_, $name> {
                Incoming(self)
            }

            fn accept_until(&self, deadline: Option<Instant>) -> io::Result<($stream, $address)> {
                let (stream, address) = self.socket.accept(deadline, |socket| socket.accept())?;
                Ok((stream.try_into()?, address))
            }
        }

        impl Iterator for Incoming<'_, $name> {
            type Item = io::Result<$stream>;

            fn next(&mut self) -> Option<io::Result<$stream>> {
                Some(self.0.accept().map(|(stream, _)| stream))
            }
        }
    };
}

/// Implements what sockets have that read and write.
macro_rules! timeouts {
    ($name:ident, $address:ty) => {
        impl $name {
            /// Returns the address of the other side.
            ///
            /// # Errors
            ///
            /// If the socket is not connected, and others of the system.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.socket.std().peer_addr()
            }

            /// Sets how long a read may wait; `None` is for as long as it takes.
            ///
            /// A read that takes longer fails with [`TimedOut`](io::ErrorKind::TimedOut). It holds
            /// for all handles of the socket, for reads that begin from now on.
            ///
            /// # Errors
            ///
            /// If the timeout is zero ([`InvalidInput`](io::ErrorKind::InvalidInput)).
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.socket.set_read_timeout(timeout)
            }

            /// Sets how long a write may wait; `None` is for as long as it takes.
            ///
            /// A write that takes longer fails with [`TimedOut`](io::ErrorKind::TimedOut). It holds
            /// for all handles of the socket, for writes that begin from now on.
            ///
            /// # Errors
            ///
            /// If the timeout is zero ([`InvalidInput`](io::ErrorKind::InvalidInput)).
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.socket.set_write_timeout(timeout)
            }

            /// Returns how long a read may wait; `None` is for as long as it takes.
            ///
            /// # Errors
            ///
            /// None: the signature is the standard library's.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.socket.read_timeout())
            }

            /// Returns how long a write may wait; `None` is for as long as it takes.
            ///
            /// # Errors
            ///
            /// None: the signature is the standard library's.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.socket.write_timeout())
            }
        }
    };
}

/// Implements the shutdown of sockets that have two sides.
macro_rules! shutdown {
    ($name:ident) => {
        impl $name {
            /// Closes one side of the connection or both, for all handles and both ends of it.
            ///
            /// Calls that wait for that side return at once, in other processes, too: reads with
            /// the end of the data, writes with an error.
            ///
            /// # Errors
            ///
            /// If the socket is not connected, and others of the system.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.socket.std().shutdown(how)
            }
        }
    };
}

/// Implements reading and writing, for the type and for a reference to it.
macro_rules! stream {
    ($name:ident) => {
        $crate::io::socket::stream!(in $name);
        $crate::io::socket::stream!(in &$name);
    };
    (in $stream:ty) => {
        impl Read for $stream {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return Ok(0); // It is there without a wait.
                }
                self.socket.read(|mut socket| socket.read(buf))
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return Ok(0);
                }
                self.socket.read(|mut socket| socket.read_vectored(bufs))
            }
        }

        impl Write for $stream {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.socket.write(|mut socket| socket.write(buf))
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.socket.write(|mut socket| socket.write_vectored(bufs))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(()) // There is no buffer.
            }
        }
    };
}

/// Implements what sockets have that send and receive whole packets.
macro_rules! datagrams {
    ($name:ident) => {
        impl $name {
            /// Waits for a packet and puts its data into `buf`; returns how many bytes it has.
            /// What does not fit is lost. A connected socket gets packets of its peer only.
            ///
            /// # Errors
            ///
            /// - [`TimedOut`](io::ErrorKind::TimedOut) if none comes within the read timeout.
            /// - An [interrupt](crate::io::Interrupted) in a process that traps exits.
            /// - Those of the system.
            pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.socket.read(|socket| socket.recv(buf))
            }

            /// Sends `buf` as a packet to the peer that the socket is connected to, and returns how
            /// many bytes were sent.
            ///
            /// # Errors
            ///
            /// - [`TimedOut`](io::ErrorKind::TimedOut) if there is no room for it within the write
            ///   timeout.
            /// - An [interrupt](crate::io::Interrupted) in a process that traps exits.
            /// - Those of the system: the socket is not connected, or the packet is too large.
            pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.socket.write(|socket| socket.send(buf))
            }
        }
    };
}

pub(crate) use {datagrams, listener, shutdown, socket, stream, timeouts};
