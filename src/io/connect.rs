//! Connecting a stream, while the process can be reached.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::attempt::when_writable;

/// Connects a new socket, by the deadline.
pub(crate) fn connect_stream(
    family: AddressFamily,
    address: &impl SocketAddrArg,
    deadline: Option<Instant>,
) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // The first attempt begins; the next one, when the socket can be written, tells the outcome.
    when_writable(&socket, deadline, || match connect(&socket, address) {
        Ok(()) | Err(Errno::ISCONN) => Ok(()),
        Err(Errno::INPROGRESS | Errno::ALREADY) => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error.into()),
    })?;
    Ok(socket)
}
