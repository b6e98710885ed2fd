//! UDP.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use super::socket::{Socket, datagrams, socket, timeouts};
use super::tcp::no_address;

/// A UDP socket: [`std::net::UdpSocket`], but a process that waits in it can be ended.
///
/// ```
/// use procession::io::UdpSocket;
/// use procession::prelude::*;
///
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// let address = socket.local_addr()?;
/// process::spawn(move || {
///     let mut packet = [0; 1500];
///     let (length, sender) = socket.recv_from(&mut packet)?;
///     socket.send_to(&packet[..length], sender)?;
///     Ok::<(), ExitReason>(())
/// })?;
///
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// socket.connect(address)?;
/// socket.send(b"ping")?;
/// let mut packet = [0; 1500];
/// let length = socket.recv(&mut packet)?;
/// assert_eq!(&packet[..length], b"ping");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For multicast and rare options, set up the standard library's type, and make this one of it.
///
/// OTP: [`gen_udp`](https://www.erlang.org/doc/apps/kernel/gen_udp.html).
pub struct UdpSocket {
    socket: Socket<net::UdpSocket>,
}

socket!(UdpSocket, net::UdpSocket, SocketAddr);
timeouts!(UdpSocket, SocketAddr);
datagrams!(UdpSocket);

impl UdpSocket {
    /// Makes a socket with the first of the addresses that is free; port 0 stands for any free
    /// port.
    ///
    /// A name among them is looked up first, which blocks and cannot be interrupted.
    ///
    /// # Errors
    ///
    /// Those of the system: the address is in use, say.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        net::UdpSocket::bind(address)?.try_into()
    }

    /// Makes the first of the addresses that can be used the peer for [`send`](Self::send), and
    /// the only one that packets are received from. It waits for nobody.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.socket.std().connect(address)
    }

    /// As [`recv`](Self::recv), and returns the sender's address, too.
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    ///
    /// OTP: [`gen_udp:recv/3`](https://www.erlang.org/doc/apps/kernel/gen_udp.html#recv/3).
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.read(|socket| socket.recv_from(buf))
    }

    /// As [`recv`](Self::recv), but the packet stays to be received again.
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read(|socket| socket.peek(buf))
    }

    /// As [`recv_from`](Self::recv_from), but the packet stays to be received again.
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.read(|socket| socket.peek_from(buf))
    }

    /// As [`send`](Self::send), to the first of the addresses.
    ///
    /// # Errors
    ///
    /// Those of `send`.
    ///
    /// OTP: [`gen_udp:send/4`](https://www.erlang.org/doc/apps/kernel/gen_udp.html#send/4).
    pub fn send_to(&self, buf: &[u8], address: impl ToSocketAddrs) -> io::Result<usize> {
        let address = address.to_socket_addrs()?.next().ok_or_else(no_address)?;
        self.socket.write(|socket| socket.send_to(buf, address))
    }

    /// Sets whether packets may be sent to the broadcast address.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.socket.std().set_broadcast(broadcast)
    }

    /// Returns whether packets may be sent to the broadcast address.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket.std().broadcast()
    }
}
