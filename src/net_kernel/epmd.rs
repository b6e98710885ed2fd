//! EPMD: the program that knows which port the nodes of a machine listen at.
//!
//! A node registers by a connection that stays open for as long as it lives. Who looks for a node
//! asks the EPMD of its host; each question is a connection of its own.
//!
//! OTP: [EPMD protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#epmd-protocol).

mod message;
mod request;
mod names;
mod server;

use std::env;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use crate::error_text::errors;
use crate::io::{TcpStream, is_interrupted};
use crate::listener::ListenError;

use super::name::NodeName;
use super::resolve::resolve;
use super::timed::{Deadline, Timed};

pub(super) use names::{LEAST_CREATION, Registered};
pub use server::EpmdServer;
pub(super) use server::{Bound, is_taken};

/// The variable of the environment that has EPMD's port, as for Erlang.
const PORT_VARIABLE: &str = "ERL_EPMD_PORT";

const DEFAULT_PORT: u16 = 4369;

/// The EPMDs of all hosts, which listen at one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epmd {
    pub(super) port: u16,
}

/// What a node tells EPMD of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registrant<'a> {
    pub(super) name: &'a NodeName,
    /// Where it listens.
    pub(super) port: u16,
    pub(super) is_hidden: bool,
}

impl Registrant<'_> {
    /// What kind of node it is, and that its protocol is TCP over IPv4.
    fn kind(self) -> [u8; 2] {
        [if self.is_hidden { b'H' } else { b'M' }, 0]
    }
}

/// A node's entry with EPMD, which goes when this is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    stream: TcpStream,
    creation: u32,
}

impl Epmd {
    /// Returns those at the port that the environment says, or at the usual one.
    ///
    /// # Errors
    ///
    /// [`EpmdError::Port`].
    pub(super) fn from_env() -> Result<Epmd, EpmdError> {
        match env::var_os(PORT_VARIABLE) {
            None => Ok(Epmd { port: DEFAULT_PORT }),
            Some(text) => Epmd::with_port(&text.to_string_lossy()),
        }
    }

    fn with_port(text: &str) -> Result<Epmd, EpmdError> {
        match text.parse() {
            Ok(port @ 1..) => Ok(Epmd { port }),
            Ok(0) | Err(_) => Err(EpmdError::Port(text.to_owned())),
        }
    }

    /// Registers a node with the EPMD of this machine.
    pub(super) fn register(
        self,
        node: Registrant<'_>,
        deadline: Deadline,
    ) -> Result<Registration, EpmdError> {
        let mut stream = Timed::new(self.connect("127.0.0.1", deadline)?.0, deadline);
        stream.write_all(&message::register(node))?;
        let creation = message::registered(&mut stream, node.name)?;
        Ok(Registration { stream: stream.into_inner()?, creation })
    }

    /// Asks the EPMD of the node's host where the node listens.
    pub(super) fn find(self, node: &NodeName, deadline: Deadline) -> Result<SocketAddr, EpmdError> {
        let (stream, address) = self.connect(node.host(), deadline)?;
        let mut stream = Timed::new(stream, deadline);
        stream.write_all(&message::find(node))?;
        let port = message::found(&mut stream, node)?;
        Ok(SocketAddr::new(address.ip(), port))
    }

    /// Connects with the EPMD of a host. Also returns its address.
    fn connect(self, host: &str, deadline: Deadline) -> Result<(TcpStream, SocketAddr), EpmdError> {
        let unreachable = |error| EpmdError::unreachable(host, self.port, error);
        let mut last = io::Error::new(ErrorKind::NotFound, "the name stands for no address");
        for address in resolve(host, self.port, deadline).map_err(unreachable)? {
            let left = deadline.left().map_err(unreachable)?;
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Ok((stream, address)),
                Err(error) if is_interrupted(&error) => return Err(error.into()),
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }
}

impl Registration {
    /// Returns the number that tells this life of the node from earlier ones.
    pub(super) fn creation(&self) -> u32 {
        self.creation
    }

    /// Waits until EPMD has gone away.
    ///
    /// # Errors
    ///
    /// An [interrupt](crate::io::Interrupted).
    pub(super) fn wait(&self) -> io::Result<()> {
        let mut ignored = [0; 64];
        loop {
            match (&self.stream).read(&mut ignored) {
                Ok(1..) => {}
                Ok(0) => return Ok(()),
                Err(error) if is_interrupted(&error) => return Err(error),
                Err(_) => return Ok(()),
            }
        }
    }
}

/// Why EPMD could not be asked, or what it has said.
pub(super) enum EpmdError {
    /// `ERL_EPMD_PORT` has this value.
    Port(String),
    /// Nobody listens there.
    Unreachable { host: String, port: u16, error: io::Error },
    /// The EPMD of this program cannot listen.
    Listen(ListenError),
    /// A node with this name lives on this machine.
    NameTaken(String),
    /// No node with this name lives on its host.
    Unknown(String),
    /// A node that speaks other versions of the protocol, from the first to the second.
    Version(u16, u16),
    /// An answer that begins with this byte.
    Garbage(u8),
    /// The connection was closed or cut before the answer was complete.
    Io(io::Error),
}

impl EpmdError {
    fn unreachable(host: &str, port: u16, error: io::Error) -> EpmdError {
        EpmdError::Unreachable { host: host.to_owned(), port, error }
    }
}

impl From<io::Error> for EpmdError {
    fn from(error: io::Error) -> EpmdError {
        EpmdError::Io(error)
    }
}

impl fmt::Display for EpmdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EpmdError::Port(text) => write!(f, "{PORT_VARIABLE} is {text:?}, which is no port"),
            EpmdError::Unreachable { host, port, error } => {
                write!(f, "no epmd could be reached at {host}:{port}: {error}")
            }
            EpmdError::Listen(error) => fmt::Display::fmt(error, f),
            EpmdError::NameTaken(name) => write!(f, "the name {name} is taken on this machine"),
            EpmdError::Unknown(name) => write!(f, "epmd knows of no node {name}"),
            EpmdError::Version(low, high) => {
                write!(f, "the node speaks versions {low} to {high} of the protocol, not 6")
            }
            EpmdError::Garbage(byte) => write!(f, "no answer of epmd begins with {byte}"),
            EpmdError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                f.write_str("epmd has closed the connection before its answer was complete")
            }
            EpmdError::Io(error) if error.kind() == ErrorKind::TimedOut => {
                f.write_str("epmd has not answered in time")
            }
            EpmdError::Io(error) => write!(f, "epmd cannot be asked: {error}"),
        }
    }
}

errors!(EpmdError);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use crate::process;

    use super::*;

    /// An EPMD that gives each of its askers this answer, and closes or holds the connection.
    fn scripted(answer: &'static [u8], closes: bool) -> Epmd {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut request = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut request).unwrap();
                stream.write_all(answer).unwrap();
                held.extend((!closes).then_some(stream));
            }
        };
        process::spawn(serve).unwrap();
        Epmd { port }
    }

    fn name() -> NodeName {
        NodeName::new("rust@127.0.0.1").unwrap()
    }

    fn soon(milliseconds: u64) -> Deadline {
        Deadline::after(Duration::from_millis(milliseconds))
    }

    fn register(epmd: Epmd, deadline: Deadline) -> Result<Registration, String> {
        let registrant = Registrant { name: &name(), port: 1, is_hidden: true };
        epmd.register(registrant, deadline).map_err(|error| error.to_string())
    }

    fn find(epmd: Epmd, deadline: Deadline) -> Result<SocketAddr, String> {
        epmd.find(&name(), deadline).map_err(|error| error.to_string())
    }

    #[test]
    fn both_kinds_of_answers_are_understood() {
        let registration = register(scripted(b"v\0\0\x01\0\0", false), soon(20_000)).unwrap();
        assert_eq!(registration.creation(), 0x1_0000);
        let registration = register(scripted(b"y\0\0\x03", false), soon(20_000)).unwrap();
        assert_eq!(registration.creation(), 3);
    }

    #[test]
    fn a_registration_ends_with_epmd() {
        let registration = register(scripted(b"y\0\0\x03", true), soon(20_000)).unwrap();
        registration.wait().unwrap();
    }

    #[test]
    fn a_node_is_found_while_epmd_holds_the_connection() {
        for closes in [false, true] {
            let epmd = scripted(b"w\0\x12\x34M\0\0\x06\0\x05\0\x04rust\0\0", closes);
            assert_eq!(find(epmd, soon(20_000)), Ok("127.0.0.1:4660".parse().unwrap()));
        }
    }

    #[test]
    fn what_epmd_refuses_is_an_error() {
        let taken = register(scripted(b"v\x01\0\0\0\0", false), soon(20_000)).unwrap_err();
        assert_eq!(taken, "the name rust is taken on this machine");
        let unknown = find(scripted(b"w\x01", true), soon(20_000)).unwrap_err();
        assert_eq!(unknown, "epmd knows of no node rust@127.0.0.1");
    }

    #[test]
    fn another_program_at_its_port_is_an_error() {
        let epmd = scripted(b"HTTP/1.1 400 Bad Request\r\n\r\n", true);
        let text = "no answer of epmd begins with 72";
        assert_eq!(register(epmd, soon(20_000)).unwrap_err(), text);
        assert_eq!(find(epmd, soon(20_000)).unwrap_err(), text);
    }

    #[test]
    fn an_epmd_that_says_nothing_is_given_up_in_time() {
        for answer in [&b""[..], b"w"] {
            let epmd = scripted(answer, false);
            assert_eq!(find(epmd, soon(30)).unwrap_err(), "epmd has not answered in time");
        }
        let silent = register(scripted(b"", false), soon(30)).unwrap_err();
        assert_eq!(silent, "epmd has not answered in time");
    }

    #[test]
    fn an_epmd_that_closes_the_connection_is_an_error() {
        let text = "epmd has closed the connection before its answer was complete";
        assert_eq!(find(scripted(b"", true), soon(20_000)).unwrap_err(), text);
    }

    #[test]
    fn where_there_is_no_epmd_none_is_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let text = find(Epmd { port }, soon(20_000)).unwrap_err();
        let expected = format!("no epmd could be reached at 127.0.0.1:{port}: ");
        assert!(text.starts_with(&expected), "{text}");
    }

    #[test]
    fn its_port_is_that_of_the_environment() {
        assert_eq!(Epmd::with_port("4711").unwrap(), Epmd { port: 4711 });
        for text in ["", "0", "epmd", "65536", "-1"] {
            let error = Epmd::with_port(text).unwrap_err().to_string();
            assert_eq!(error, format!("ERL_EPMD_PORT is {text:?}, which is no port"));
        }
    }
}
