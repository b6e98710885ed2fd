//! What connects with a node, and speaks as much of its protocol as a test says.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::beam::cookie;
use super::wait::test_timeout;

/// What a node can do that is hidden, and lacks nothing.
pub(crate) const FLAGS: u64 = 0xc_0717_5fbc;

/// What a node says of itself, besides, that is visible.
pub(crate) const PUBLISHED: u64 = 1;

/// One end of a connection with a node.
#[derive(Debug)]
pub(crate) struct Stranger(pub(crate) TcpStream);

impl Stranger {
    pub(crate) fn connect(node: SocketAddr) -> io::Result<Stranger> {
        let stream = TcpStream::connect(node)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(test_timeout()))?;
        Ok(Stranger(stream))
    }

    /// Connects, and is through with the handshake as the node `name`, which is hidden.
    pub(crate) fn node(node: SocketAddr, name: &str, creation: u32) -> io::Result<Stranger> {
        Stranger::node_with(FLAGS, node, name, creation)
    }

    /// The same, as a node that can do what the flags say.
    pub(crate) fn node_with(
        flags: u64,
        node: SocketAddr,
        name: &str,
        creation: u32,
    ) -> io::Result<Stranger> {
        let mut stranger = Stranger::connect(node)?;
        stranger.introduce(flags, name, creation)?;
        let status = stranger.receive()?;
        match &status[..] {
            b"sok" | b"sok_simultaneous" => {}
            b"salive" => stranger.send(b"strue")?,
            other => return Err(io::Error::other(String::from_utf8_lossy(other).into_owned())),
        }
        stranger.prove(cookie())?;
        stranger.receive()?;
        Ok(stranger)
    }

    /// Says who it is.
    pub(crate) fn introduce(&mut self, flags: u64, name: &str, creation: u32) -> io::Result<()> {
        let length = u16::try_from(name.len()).unwrap().to_be_bytes();
        let parts = [b"N", &flags.to_be_bytes()[..], &creation.to_be_bytes(), &length];
        self.send(&[&parts.concat()[..], name.as_bytes()].concat())
    }

    /// Waits for the challenge, and answers it.
    pub(crate) fn prove(&mut self, cookie: &str) -> io::Result<()> {
        let challenge = self.receive()?;
        let number = u32::from_be_bytes(challenge[9..13].try_into().unwrap());
        let digest = md5::compute(format!("{cookie}{number}")).0;
        self.send(&[&b"r\0\0\0\x07"[..], &digest].concat())
    }

    /// Sends a message of the handshake.
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length, message].concat())
    }

    /// Receives a message of the handshake.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        self.0.read_exact(&mut message)?;
        Ok(message)
    }

    /// Receives a frame, after the handshake.
    pub(crate) fn receive_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame)?;
        Ok(frame)
    }

    /// Waits until the node has closed the connection, and says nothing more.
    #[track_caller]
    pub(crate) fn wait_until_closed(mut self) {
        _ = self.0.shutdown(Shutdown::Write);
        self.expect_closed();
    }

    /// Waits until the node has closed the connection.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        let mut room = [0; 1000];
        loop {
            match self.0.read(&mut room) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    panic!("the node did not close the connection")
                }
                Err(_) => return,
            }
        }
    }
}
