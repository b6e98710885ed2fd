//! Sockets between the programs of one machine.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::process::receive::deadline_after;

use super::attempt::{come_by, repeat};
use super::socket::{Incoming, Socket};
use super::socket::{datagrams, listener, shutdown, socket, stream, timeouts};
use super::wait;

/// A socket that listens for connections of the same machine:
/// [`std::os::unix::net::UnixListener`], but a process that waits in it can be ended.
///
/// The file that is its address stays when it is closed, as ever, and must be removed before the
/// address is used again.
///
/// OTP: [`gen_tcp:listen/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#listen/2) with
/// `{ifaddr, {local, File}}`.
pub struct UnixListener {
    socket: Socket<net::UnixListener>,
}

socket!(UnixListener, net::UnixListener, SocketAddr);
listener!(UnixListener, UnixStream, SocketAddr);

impl UnixListener {
    /// Listens on the address `path`, a file that is made.
    ///
    /// # Errors
    ///
    /// Those of the system: the file exists, say.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        net::UnixListener::bind(path)?.try_into()
    }
}

/// A connection to a program of the same machine: [`std::os::unix::net::UnixStream`], but a process
/// that waits in it can be ended.
///
/// It reads and writes as that does, by itself and by a reference.
///
/// ```
/// use procession::io::UnixStream;
/// use procession::prelude::*;
/// use std::io::{Read, Write};
///
/// let (mut one, mut other) = UnixStream::pair()?;
/// process::spawn(move || Ok::<(), ExitReason>(other.write_all(b"hello")?))?;
/// let mut text = String::new();
/// one.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UnixStream {
    socket: Socket<net::UnixStream>,
}

socket!(UnixStream, net::UnixStream, SocketAddr);
timeouts!(UnixStream, SocketAddr);
shutdown!(UnixStream);
stream!(UnixStream);

impl UnixStream {
    /// Connects to the listener whose address is `path`. It waits while there are too many
    /// connections that the listener has not accepted.
    ///
    /// # Errors
    ///
    /// - An [interrupt](crate::io::Interrupted) in a process that traps exits.
    /// - Those of the system: nobody listens there, say.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let address = SocketAddrUnix::new(path.as_ref())?;
        net::UnixStream::from(connect_unix(&address)?).try_into()
    }

    /// Makes two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// If the program has no descriptor left, and others of the system.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((one.try_into()?, other.try_into()?))
    }
}

/// Connects a new socket.
///
/// No descriptor tells when a listener has room again; only a connect that blocks is woken then.
/// So it blocks, but not for long at a time.
fn connect_unix(address: &SocketAddrUnix) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(wait::LOOK))?;
    loop {
        match wait::briefly(|| connect(&socket, address))? {
            Ok(()) => break,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(socket)
}

/// A socket for packets between programs of the same machine:
/// [`std::os::unix::net::UnixDatagram`], but a process that waits in it can be ended.
///
/// A packet is not lost: a send waits until the receiver has room for it.
///
/// OTP: [`gen_udp`](https://www.erlang.org/doc/apps/kernel/gen_udp.html) with
/// `{ifaddr, {local, File}}`.
pub struct UnixDatagram {
    socket: Socket<net::UnixDatagram>,
}

socket!(UnixDatagram, net::UnixDatagram, SocketAddr);
timeouts!(UnixDatagram, SocketAddr);
shutdown!(UnixDatagram);
datagrams!(UnixDatagram);

impl UnixDatagram {
    /// Makes a socket with the address `path`, a file that is made.
    ///
    /// # Errors
    ///
    /// Those of the system: the file exists, say.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        net::UnixDatagram::bind(path)?.try_into()
    }

    /// Makes a socket without an address, which nobody can answer.
    ///
    /// # Errors
    ///
    /// If the program has no descriptor left, and others of the system.
    pub fn unbound() -> io::Result<UnixDatagram> {
        net::UnixDatagram::unbound()?.try_into()
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// If the program has no descriptor left, and others of the system.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((one.try_into()?, other.try_into()?))
    }

    /// Makes the socket at `path` the peer for [`send`](Self::send), and the only one that packets
    /// are received from. It waits for nobody.
    ///
    /// # Errors
    ///
    /// Those of the system: there is no such socket, say.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.std().connect(path)
    }

    /// As [`recv`](Self::recv), and returns the sender's address, too.
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.read(|socket| socket.recv_from(buf))
    }

    /// As [`send`](Self::send), to the socket at `path`.
    ///
    /// # Errors
    ///
    /// Those of `send`; and there may be no such socket, or one that is connected to another.
    pub fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        let deadline = self.socket.write_deadline();
        let room = || self.wait_for_room(path, deadline);
        come_by();
        repeat(room, || self.socket.std().send_to(buf, path))
    }

    /// Waits until this socket has room for a packet, and so has the one at `path`. Of the latter
    /// only a socket tells that is connected to it.
    fn wait_for_room(&self, path: &Path, deadline: Option<Instant>) -> io::Result<()> {
        wait::writable(self, deadline)?;
        let connected = net::UnixDatagram::unbound()?;
        connected.connect(path)?;
        wait::writable(&connected, deadline)
    }
}
