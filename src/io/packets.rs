//! Reading and writing packets on a stream.

use std::io::{self, Read, Write};

use super::packet::{Decoder, Packet};

/// Reads and writes packets on a stream of any type: one of this module's sockets, one of the
/// standard library's, a pipe.
///
/// ```
/// use procession::io::{Packet, Packets};
/// use std::os::unix::net::UnixStream;
///
/// let (here, there) = UnixStream::pair()?;
/// let mut here = Packets::new(here, Packet::Length2);
/// let mut there = Packets::new(there, Packet::Length2);
/// here.send(b"hello")?;
/// here.send(b"world")?;
/// drop(here);
/// assert_eq!(there.recv()?, Some(b"hello".to_vec()));
/// assert_eq!(there.recv()?, Some(b"world".to_vec()));
/// assert_eq!(there.recv()?, None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Packets<S> {
    stream: S,
    decoder: Decoder,
}

impl<S> Packets<S> {
    /// Returns the packets of `stream`, of any size.
    pub fn new(stream: S, packet: Packet) -> Packets<S> {
        Packets::with_decoder(stream, Decoder::new(packet))
    }

    /// Returns the packets that `decoder` finds in `stream`: with a maximum size, say, or behind
    /// bytes that were read already.
    ///
    /// ```
    /// use procession::io::{Decoder, Packet, Packets};
    ///
    /// let decoder = Decoder::new(Packet::Line).packet_size(5);
    /// let mut lines = Packets::with_decoder(&b"short\nmuch longer\n"[..], decoder);
    /// assert!(lines.recv().is_err()); // The newline counts.
    /// ```
    pub fn with_decoder(stream: S, decoder: Decoder) -> Packets<S> {
        Packets { stream, decoder }
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the stream, and the decoder, which may have been fed more than it has returned.
    pub fn into_inner(self) -> (S, Decoder) {
        (self.stream, self.decoder)
    }
}

impl<S: Read> Packets<S> {
    /// Returns the next packet, for which it reads as long as it takes; `None` at the end of the
    /// stream.
    ///
    /// An error of the stream loses nothing: when a read has timed out or was
    /// [interrupted](super::is_interrupted), the next call goes on where it was.
    ///
    /// # Errors
    ///
    /// - A [`PacketTooLong`](super::PacketTooLong), from then on.
    /// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the stream ends within a packet; a last
    ///   line without its newline is not complete either. What there was of it is the
    ///   [rest](Decoder::remaining) of the decoder.
    /// - Those of the stream.
    ///
    /// OTP: [`gen_tcp:recv/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#recv/2), whose
    /// `closed` is both ends.
    pub fn recv(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(packet) = self.decoder.next_packet()? {
                return Ok(Some(packet));
            }
            match self.decoder.read_from(|room| self.stream.read(room)) {
                Ok(0) if self.decoder.remaining().is_empty() => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<S: Write> Packets<S> {
    /// Writes `body` as a packet, and flushes the stream.
    ///
    /// # Errors
    ///
    /// - A [`PacketTooLong`](super::PacketTooLong) if its length does not fit into its header; then
    ///   nothing was written.
    /// - Those of the stream. Then a part of the packet may have been written, so it is of no use
    ///   to send more.
    ///
    /// OTP: [`gen_tcp:send/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#send/2).
    pub fn send(&mut self, body: &[u8]) -> io::Result<()> {
        self.stream.write_all(&self.decoder.packet().encode(body)?)?;
        self.stream.flush()
    }
}
