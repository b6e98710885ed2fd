//! What connections are accepted from, and where it listens.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::option;
use std::path::PathBuf;

use crate::io::{TcpListener, TcpStream, UnixListener, UnixStream};

/// What a [`Listener`](super::Listener) accepts connections from: a listening socket.
///
/// It is implemented by the ones of [`io`](crate::io). An implementation of the program's own must
/// wait in such a way that a process which is to end can leave it: by a socket of `io`, or in
/// [`process::blocking`](crate::process::blocking()).
///
/// OTP: `ranch_transport`.
pub trait Accept: Send + Sync + 'static {
    /// A connection. A message that [refuses](super::Listener::refuse) it is written to it by the
    /// acceptor: a stream that must first come to terms with its client, by a handshake, needs a
    /// timeout for that.
    type Stream: io::Write + Send + 'static;

    /// Waits for the next connection. Several processes call it at the same time.
    ///
    /// # Errors
    ///
    /// Those of the system. See [the chapter](super#errors) for what follows.
    fn accept(&self) -> io::Result<Self::Stream>;

    /// Returns where it listens.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn local_addr(&self) -> io::Result<LocalAddr>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<TcpStream> {
        self.accept().map(|(stream, _)| stream)
    }

    fn local_addr(&self) -> io::Result<LocalAddr> {
        self.local_addr().map(LocalAddr::Tcp)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        self.accept().map(|(stream, _)| stream)
    }

    fn local_addr(&self) -> io::Result<LocalAddr> {
        let address = self.local_addr()?;
        let path = address.as_pathname().map(|path| LocalAddr::Unix(path.to_owned()));
        Ok(path.unwrap_or_else(|| LocalAddr::Other(format!("{address:?}"))))
    }
}

/// Where a listener listens.
///
/// It can be connected to as any other address: `TcpStream::connect(listener.get_addr()?)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalAddr {
    /// A TCP address. Its port is the one that the system has chosen, if it was to choose one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// Another one, as it prints.
    Other(String),
}

impl LocalAddr {
    /// Returns the port, if it is a TCP address.
    ///
    /// OTP: `ranch:get_port/1`.
    pub fn port(&self) -> Option<u16> {
        match self {
            LocalAddr::Tcp(address) => Some(address.port()),
            LocalAddr::Unix(_) | LocalAddr::Other(_) => None,
        }
    }
}

impl fmt::Display for LocalAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalAddr::Tcp(address) => fmt::Display::fmt(address, f),
            LocalAddr::Unix(path) => fmt::Display::fmt(&path.display(), f),
            LocalAddr::Other(text) => f.write_str(text),
        }
    }
}

/// The address itself, if it is a TCP address.
impl ToSocketAddrs for LocalAddr {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<option::IntoIter<SocketAddr>> {
        match self {
            LocalAddr::Tcp(address) => address.to_socket_addrs(),
            LocalAddr::Unix(_) | LocalAddr::Other(_) => {
                let text = format!("{self} is not a TCP address");
                Err(io::Error::new(io::ErrorKind::InvalidInput, text))
            }
        }
    }
}
