//! A session over a stream.
//!
//! While it is up, one process reads and another writes. Both need the session, for a moment: the
//! reader when ciphertext has come, the writer to make some. What waits for the socket is done
//! without its lock; and only the writer takes ciphertext out of it, so that this leaves in order.
//! What the session itself has to say leaves with what is written next, which is a tick at the
//! latest.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};

use crate::io::TcpStream;

use crate::net_kernel::timed::Timed;

use super::Configs;

/// How much ciphertext is read at once.
const ROOM: usize = 64 * 1024;

/// A session that is being set up.
pub(crate) struct SetUp {
    session: Connection,
    stream: Timed,
}

impl fmt::Debug for SetUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetUp").field("stream", &self.stream).finish_non_exhaustive()
    }
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

impl SetUp {
    /// Begins as the side that has dialled a node of this host.
    pub(crate) fn dial(configs: &Configs, stream: Timed, host: &str) -> io::Result<SetUp> {
        let host = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        let session = ClientConnection::new(Arc::clone(&configs.client), host).map_err(broken)?;
        SetUp { session: session.into(), stream }.shake_hands()
    }

    /// Begins as the side that was dialled.
    pub(crate) fn accept(configs: &Configs, stream: Timed) -> io::Result<SetUp> {
        let session = ServerConnection::new(Arc::clone(&configs.server)).map_err(broken)?;
        SetUp { session: session.into(), stream }.shake_hands()
    }

    fn shake_hands(mut self) -> io::Result<SetUp> {
        while self.session.is_handshaking() {
            self.flush()?;
            if self.session.is_handshaking() && self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.flush()?;
        Ok(self)
    }

    /// Reads what comes next; returns 0 if nothing more does.
    fn fill(&mut self) -> io::Result<usize> {
        let count = self.session.read_tls(&mut self.stream)?;
        if let Err(error) = self.session.process_new_packets() {
            // Why it has failed matters more than that this cannot be said.
            _ = self.flush();
            return Err(broken(error));
        }
        Ok(count)
    }

    pub(crate) fn split(self) -> io::Result<(ReadHalf, WriteHalf)> {
        let stream = self.stream.into_inner()?;
        let session = Arc::new(Mutex::new(self.session));
        let reading = ReadHalf {
            stream: stream.try_clone()?,
            session: Arc::clone(&session),
            ciphertext: vec![0; ROOM],
            unread: 0..0,
        };
        Ok((reading, WriteHalf { stream, session, ciphertext: Vec::new(), written: 0 }))
    }
}

impl Read for SetUp {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.fill()? == 0 {
                        return Ok(0);
                    }
                }
                read => return read,
            }
        }
    }
}

impl Write for SetUp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.session.writer().write(bytes)?;
        self.flush()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.stream)?;
        }
        Ok(())
    }
}

/// The end of a session that is read.
pub(crate) struct ReadHalf {
    stream: TcpStream,
    session: Arc<Mutex<Connection>>,
    /// What was read from the stream; of that a part was not given to the session.
    ciphertext: Vec<u8>,
    unread: std::ops::Range<usize>,
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl ReadHalf {
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Takes what the session has decrypted, after it was given more if it has nothing left.
    fn take(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        loop {
            match session.reader().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.unread.is_empty() => {}
                read => return read,
            }
            let mut unread = &self.ciphertext[self.unread.clone()];
            self.unread.start += session.read_tls(&mut unread)?;
            session.process_new_packets().map_err(broken)?;
        }
    }
}

impl Read for ReadHalf {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.take(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It is as good as closed.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            let count = self.stream.read(&mut self.ciphertext)?;
            if count == 0 {
                return Ok(0);
            }
            self.unread = 0..count;
        }
    }
}

/// The end of a session that is written.
pub(crate) struct WriteHalf {
    stream: TcpStream,
    session: Arc<Mutex<Connection>>,
    /// What was taken out of the session; of that a part was written.
    ciphertext: Vec<u8>,
    written: usize,
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl WriteHalf {
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Says that nothing more is written, if that can be said at once.
    pub(crate) fn close(&mut self) {
        self.session.lock().send_close_notify();
        // The other side sees it by the end of the stream, too.
        _ = self.flush();
    }

    /// Takes out what the session has to say.
    fn encrypt(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut session = self.session.lock();
        let count = session.writer().write_vectored(parts)?;
        while session.wants_write() {
            session.write_tls(&mut self.ciphertext)?;
        }
        Ok(count)
    }
}

impl Write for WriteHalf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    /// Encrypts some of the bytes, and writes as much of that as it can in time.
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        let count = self.encrypt(parts)?;
        match self.flush() {
            // They are encrypted: what is left of that is written next.
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(count),
            Err(error) => Err(error),
            Ok(()) => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.written == self.ciphertext.len() {
            self.encrypt(&[])?;
        }
        while self.written < self.ciphertext.len() {
            match self.stream.write(&self.ciphertext[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.written = 0;
        drop(mem::take(&mut self.ciphertext));
        Ok(())
    }
}
