//! Packets: how the bytes of a stream are cut.

use std::borrow::Cow;
use std::fmt;
use std::io;

use crate::error_text::errors;

/// How the bytes of a stream are cut into packets.
///
/// [`Packets`](super::Packets) reads and writes them on a stream,
/// [`OwnedSocket`](super::OwnedSocket) sends them to a process as messages, and a [`Decoder`] finds
/// them in bytes from anywhere.
///
/// OTP: the option `packet` of
/// [`inet:setopts/2`](https://www.erlang.org/doc/apps/kernel/inet.html#setopts/2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Packet {
    /// Bytes as they come, not cut at all: OTP's `raw`, or 0.
    #[default]
    Raw,
    /// A line, with its newline. What is sent is sent as it is: a newline is not added.
    Line,
    /// A byte with the length, then that many bytes: OTP's 1.
    Length1,
    /// Two bytes with the length, the most significant first, then that many bytes: OTP's 2.
    Length2,
    /// Four bytes with the length, the most significant first, then that many bytes: OTP's 4. The
    /// length is at most 2,147,483,643, as in OTP, whose length with the header is an `int`.
    Length4,
}

impl Packet {
    /// Returns `body` as it is sent: with its length in front, if there is one.
    ///
    /// ```
    /// use procession::io::Packet;
    ///
    /// assert_eq!(*Packet::Length2.encode(b"hello").unwrap(), *b"\0\x05hello");
    /// assert_eq!(*Packet::Line.encode(b"hello\n").unwrap(), *b"hello\n");
    /// assert!(Packet::Length1.encode(&[0; 256]).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If `body` is longer than its header can say. (OTP's driver sends it with a wrong header.)
    pub fn encode(self, body: &[u8]) -> Result<Cow<'_, [u8]>, PacketTooLong> {
        let (size, limit) = (body.len(), self.max_body());
        if size > limit {
            return Err(PacketTooLong { size, limit });
        }
        let header = self.header_len();
        if header == 0 {
            return Ok(Cow::Borrowed(body));
        }
        let mut packet = Vec::with_capacity(header + size);
        packet.extend_from_slice(&size.to_be_bytes()[size_of::<usize>() - header..]);
        packet.extend_from_slice(body);
        Ok(Cow::Owned(packet))
    }

    /// How many bytes the length of a packet takes.
    fn header_len(self) -> usize {
        match self {
            Packet::Raw | Packet::Line => 0,
            Packet::Length1 => 1,
            Packet::Length2 => 2,
            Packet::Length4 => 4,
        }
    }

    /// The longest body that its header can say.
    fn max_body(self) -> usize {
        match self {
            Packet::Raw | Packet::Line => usize::MAX,
            Packet::Length1 => 0xff,
            Packet::Length2 => 0xffff,
            Packet::Length4 => 0x7fff_ffff - 4,
        }
    }
}

/// A packet is longer than it may be: OTP's `emsgsize`.
///
/// As an [`io::Error`] it is of the kind [`InvalidData`](io::ErrorKind::InvalidData).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketTooLong {
    /// The length of its body in bytes; of a line, what had come of it.
    pub size: usize,
    /// The longest body that is allowed, in bytes.
    pub limit: usize,
}

impl fmt::Display for PacketTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PacketTooLong { size, limit } = self;
        write!(f, "a packet of {size} bytes, where at most {limit} are allowed")
    }
}

errors!(PacketTooLong);

impl From<PacketTooLong> for io::Error {
    fn from(error: PacketTooLong) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// How many bytes are read at once, and how long a line may be before it is split.
const BUFFER: usize = 16 * 1024;

/// Finds the packets in bytes that it is fed, however they are cut.
///
/// ```
/// use procession::io::{Decoder, Packet};
///
/// let mut decoder = Decoder::new(Packet::Line);
/// decoder.feed(b"one\ntw");
/// assert_eq!(decoder.next_packet(), Ok(Some(b"one\n".to_vec())));
/// assert_eq!(decoder.next_packet(), Ok(None));
/// decoder.feed(b"o\n");
/// assert_eq!(decoder.next_packet(), Ok(Some(b"two\n".to_vec())));
/// ```
///
/// # Memory
///
/// It holds what it was fed and has not returned yet; a length that is announced takes nothing
/// before its bytes come. So if its packets are taken after each `feed`, it holds at most one
/// packet that is not complete: with a [`packet_size`](Self::packet_size), and of lines in any
/// case, that is bounded.
///
/// OTP: [`erlang:decode_packet/3`](https://www.erlang.org/doc/apps/erts/erlang.html#decode_packet/3).
#[derive(Clone)]
pub struct Decoder {
    packet: Packet,
    packet_size: Option<usize>,
    line_length: usize,
    /// What was fed is from `start` to `end`; what follows is room for more.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// So many bytes from `start` on are known to have no newline.
    scanned: usize,
    /// What follows a packet that is too long cannot be told apart.
    failed: Option<PacketTooLong>,
}

/// Where a packet is: behind `header` bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    header: usize,
    body: usize,
}

impl Decoder {
    /// Returns a decoder of such packets, of any size.
    pub fn new(packet: Packet) -> Decoder {
        Decoder {
            packet,
            packet_size: None,
            line_length: BUFFER,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            scanned: 0,
            failed: None,
        }
    }

    /// Sets how many bytes a packet may have at most: without its header, of a line with its
    /// newline. Default: as many as its header can say.
    ///
    /// A longer packet is an [error](Self::next_packet). So no line is split: see
    /// [`line_length`](Self::line_length).
    ///
    /// ```
    /// # use procession::io::{Decoder, Packet};
    /// let mut decoder = Decoder::new(Packet::Length4).packet_size(1_000);
    /// decoder.feed(&[0xff; 4]);
    /// assert!(decoder.next_packet().is_err());
    /// ```
    ///
    /// OTP: the option `packet_size`.
    pub fn packet_size(mut self, bytes: usize) -> Decoder {
        self.packet_size = Some(bytes);
        self
    }

    /// Sets how many bytes of a line, its newline included, are returned at once. A longer line is
    /// returned in pieces of this length, of which only the last ends with a newline; unless there
    /// is a [`packet_size`](Self::packet_size), with which a line is returned whole or is an error.
    /// At least 1. Default: 16,384.
    ///
    /// ```
    /// # use procession::io::{Decoder, Packet};
    /// let mut decoder = Decoder::new(Packet::Line).line_length(4);
    /// decoder.feed(b"1234567\n");
    /// assert_eq!(decoder.next_packet(), Ok(Some(b"1234".to_vec())));
    /// assert_eq!(decoder.next_packet(), Ok(Some(b"567\n".to_vec())));
    /// ```
    ///
    /// OTP: the option `line_length` of `decode_packet`; of sockets, the option `buffer`, whose
    /// default is 1,460.
    pub fn line_length(mut self, bytes: usize) -> Decoder {
        self.line_length = bytes.max(1);
        self
    }

    /// Sets how what has not been returned yet, and what comes, is cut.
    pub fn set_packet(&mut self, packet: Packet) {
        self.packet = packet;
        self.scanned = 0;
    }

    /// Returns how it cuts.
    pub fn packet(&self) -> Packet {
        self.packet
    }

    /// Adds bytes. Nothing happens after a packet that was too long.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
            self.end += bytes.len();
        }
    }

    /// Takes the next packet, without its header; `None` if it is not complete yet. Raw bytes are
    /// taken all at once.
    ///
    /// # Errors
    ///
    /// If the packet is too long. Nothing can be found behind it, so this is returned from then on,
    /// and what was fed is dropped.
    pub fn next_packet(&mut self) -> Result<Option<Vec<u8>>, PacketTooLong> {
        Ok(self.look()?.map(|frame| self.take(frame)))
    }

    /// Returns the bytes that were fed and not taken yet.
    pub fn remaining(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns where the next packet is, which stays there.
    pub(super) fn look(&mut self) -> Result<Option<Frame>, PacketTooLong> {
        let found = match (self.failed, self.packet) {
            (Some(error), _) => Err(error),
            (None, Packet::Raw) => Ok(self.frame(0, self.remaining().len().max(1))),
            (None, Packet::Line) => self.look_for_line(),
            (None, Packet::Length1 | Packet::Length2 | Packet::Length4) => self.look_at_length(),
        };
        if let Err(error) = found {
            self.failed = Some(error);
            self.scanned = 0;
            self.release();
        }
        found
    }

    fn look_at_length(&self) -> Result<Option<Frame>, PacketTooLong> {
        let header = self.packet.header_len();
        let Some(bytes) = self.remaining().get(..header) else { return Ok(None) };
        let size = bytes.iter().fold(0_u32, |size, byte| size << 8 | u32::from(*byte));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let limit = self.packet_size.unwrap_or(usize::MAX).min(self.packet.max_body());
        if size > limit { Err(PacketTooLong { size, limit }) } else { Ok(self.frame(header, size)) }
    }

    fn look_for_line(&mut self) -> Result<Option<Frame>, PacketTooLong> {
        let limit = self.packet_size.unwrap_or(self.line_length);
        let bytes = self.remaining();
        let (size, seen) = (bytes.len(), bytes.len().min(limit));
        if let Some(place) = bytes[self.scanned..seen].iter().position(|byte| *byte == b'\n') {
            return Ok(self.frame(0, self.scanned + place + 1));
        }
        match self.packet_size {
            Some(limit) if size > limit => Err(PacketTooLong { size, limit }),
            None if size >= limit => Ok(self.frame(0, limit)),
            Some(_) | None => {
                self.scanned = seen;
                Ok(None)
            }
        }
    }

    /// The packet of that size, if it is complete.
    fn frame(&self, header: usize, body: usize) -> Option<Frame> {
        (self.remaining().len() - header >= body).then_some(Frame { header, body })
    }

    /// Returns `length` bytes that stand at the front, if there are so many; for raw bytes.
    pub(super) fn exactly(&self, length: usize) -> Option<Frame> {
        self.frame(0, length)
    }

    /// Takes the packet that [`look`](Self::look) has found.
    pub(super) fn take(&mut self, Frame { header, body }: Frame) -> Vec<u8> {
        let (first, next) = (self.start + header, self.start + header + body);
        self.scanned = 0;
        if first == 0 && next == self.end && body > self.buffer.len() / 2 {
            // It has most of the buffer, which it takes along.
            self.end = 0;
            let mut packet = std::mem::take(&mut self.buffer);
            packet.truncate(body);
            return packet;
        }
        let packet = self.buffer[first..next].to_vec();
        self.start = next;
        if self.start == self.end {
            self.release();
        }
        packet
    }

    /// Forgets all bytes, and keeps no more room than is needed for small packets.
    fn release(&mut self) {
        (self.start, self.end) = (0, 0);
        if self.buffer.len() > BUFFER {
            self.buffer = Vec::new();
        }
    }

    /// Lets `read` add bytes; returns how many.
    pub(super) fn read_from(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        // A packet that has begun is read in growing steps, but no room is made for what is only
        // announced.
        let size = BUFFER.max(self.remaining().len());
        let room = self.room(size);
        let count = read(room)?.min(room.len());
        self.end += count;
        Ok(count)
    }

    /// Returns the room behind what was fed, for `size` bytes or more.
    fn room(&mut self, size: usize) -> &mut [u8] {
        if self.start > self.end / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let needed = self.end + size;
        if self.buffer.len() < needed {
            self.buffer.resize(needed, 0);
        }
        &mut self.buffer[self.end..]
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("packet", &self.packet)
            .field("packet_size", &self.packet_size)
            .field("remaining", &self.remaining().len())
            .finish_non_exhaustive()
    }
}
