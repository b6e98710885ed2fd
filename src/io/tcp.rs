//! TCP.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

#[cfg(feature = "dist")]
use rustix::buffer::spare_capacity;
use rustix::net::AddressFamily;

use crate::process::receive::deadline_after;

use super::connect::connect_stream;
use super::socket::{Incoming, Socket, listener, shutdown, socket, stream, timeouts, zero_timeout};

/// A socket that listens for TCP connections: [`std::net::TcpListener`], but a process that waits
/// in it can be ended.
///
/// When the process that holds the last handle has ended, its port is free: whoever has seen the
/// `Down` can listen on it again.
///
/// ```
/// use procession::io::{TcpListener, TcpStream};
/// use procession::prelude::*;
/// use std::io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let (acceptor, monitor) = process::spawn_monitor(move || {
///     for stream in listener.incoming() {
///         stream?.write_all(b"hello")?;
///     }
///     Ok::<(), ExitReason>(())
/// })?;
///
/// let mut greeting = String::new();
/// TcpStream::connect(address)?.read_to_string(&mut greeting)?;
/// assert_eq!(greeting, "hello");
///
/// // It waits for the next connection, and ends all the same.
/// process::exit(acceptor, ExitReason::Shutdown);
/// receive! { down: Down if down.monitor == monitor => {} }
/// TcpListener::bind(address)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`gen_tcp:listen/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#listen/2).
pub struct TcpListener {
    socket: Socket<net::TcpListener>,
}

socket!(TcpListener, net::TcpListener, SocketAddr);
listener!(TcpListener, TcpStream, SocketAddr);

impl TcpListener {
    /// Listens on the first of the addresses that is free; port 0 stands for any free port.
    ///
    /// A name among them is looked up first, which blocks and cannot be interrupted.
    ///
    /// # Errors
    ///
    /// Those of the system: the address is in use, say.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        net::TcpListener::bind(address)?.try_into()
    }
}

/// A TCP connection: [`std::net::TcpStream`], but a process that waits in it can be ended.
///
/// It reads and writes as that does, by itself and by a reference: so one process can read it while
/// another one writes it, by an [`Arc`](std::sync::Arc) or a [clone](TcpStream::try_clone).
/// [`BufReader`](std::io::BufReader) reads it in lines.
///
/// ```
/// use procession::io::{TcpListener, TcpStream};
/// use procession::prelude::*;
/// use std::io::{BufRead, BufReader, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// process::spawn(move || {
///     let (stream, _) = listener.accept()?;
///     let mut line = String::new();
///     BufReader::new(&stream).read_line(&mut line)?;
///     (&stream).write_all(line.to_uppercase().as_bytes())?;
///     Ok::<(), ExitReason>(())
/// })?;
///
/// let mut stream = TcpStream::connect(address)?;
/// stream.write_all(b"hello\n")?;
/// let mut answer = String::new();
/// BufReader::new(stream).read_line(&mut answer)?;
/// assert_eq!(answer, "HELLO\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TcpStream {
    socket: Socket<net::TcpStream>,
}

socket!(TcpStream, net::TcpStream, SocketAddr);
timeouts!(TcpStream, SocketAddr);
shutdown!(TcpStream);
stream!(TcpStream);

impl TcpStream {
    /// Writes what need not be waited for, and is no receive point.
    #[cfg(feature = "dist")]
    pub(crate) fn write_now(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.std().write_vectored(parts)
    }

    /// Connects to the first of the addresses that accepts it.
    ///
    /// A name among them is looked up first, which blocks and cannot be interrupted. The wait for
    /// the other side can.
    ///
    /// # Errors
    ///
    /// - An [interrupt](crate::io::Interrupted) in a process that traps exits.
    /// - That of the last address, if none has accepted the connection.
    ///
    /// OTP: [`gen_tcp:connect/3`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#connect/3).
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let mut last = no_address();
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_until(address, None) {
                Err(error) if !super::is_interrupted(&error) => last = error,
                outcome => return outcome,
            }
        }
        Err(last)
    }

    /// As [`connect`](Self::connect) to one address, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Those of `connect`; [`TimedOut`](io::ErrorKind::TimedOut); and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the timeout is zero.
    ///
    /// OTP: [`gen_tcp:connect/4`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#connect/4).
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        TcpStream::connect_until(*address, deadline_after(timeout))
    }

    fn connect_until(address: SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        net::TcpStream::from(connect_stream(family, &address, deadline)?).try_into()
    }

    /// As a read, but the data stays to be read again.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read(|socket| socket.peek(buf))
    }

    /// Reads into the room that there is behind `bytes`, which is not filled before; returns how
    /// many bytes.
    #[cfg(feature = "dist")]
    pub(crate) fn read_to_spare(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.socket.read(|socket| Ok(rustix::io::read(socket, spare_capacity(bytes))?))
    }

    /// Sets whether small writes are sent at once, instead of being gathered for a moment.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.std().set_nodelay(nodelay)
    }

    /// Returns whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.std().nodelay()
    }
}

/// The error of the standard library's for a list of addresses that is empty.
pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address")
}
