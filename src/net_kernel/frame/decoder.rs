//! Where a frame ends and the next one begins, in what another node sends.
//!
//! Small frames are read many at once, and each is copied out of what was read. Of a large one the
//! rest is read straight into the memory that the frame keeps. That grows with what has come: a
//! length that is only announced takes none.

use std::io;

use crate::io::PacketTooLong;
use crate::net_kernel::channel::Source;

/// How many bytes are read at once, unless they are of a large frame.
const ROOM: usize = 64 * 1024;

/// From how many bytes on a frame that has not come as a whole is a large one.
const LARGE: usize = ROOM / 4;

/// The longest frame that is read, whatever is allowed: as OTP's packets with such a length.
const LONGEST: usize = 0x7fff_ffff - HEADER;

/// How many bytes the length of a frame takes.
const HEADER: usize = size_of::<u32>();

/// Finds the frames in what a node sends.
pub(in crate::net_kernel) struct Decoder {
    /// The most bytes that a frame may have.
    limit: usize,
    /// What has come and belongs to no frame yet is from `start` to `end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The large frame that is coming. Nothing is in the buffer then.
    large: Option<Large>,
}

impl Decoder {
    pub(in crate::net_kernel) fn new(limit: usize) -> Decoder {
        let limit = limit.min(LONGEST);
        Decoder { limit, buffer: vec![0; ROOM], start: 0, end: 0, large: None }
    }

    /// Reads what has come, when all frames that were there have been taken. Returns how many bytes
    /// have come.
    pub(in crate::net_kernel) fn read_from(
        &mut self,
        source: &mut impl Source,
    ) -> io::Result<usize> {
        if let Some(large) = &mut self.large {
            return large.read_from(source);
        }
        // It is the beginning of a small frame, so there is room behind it.
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let count = source.read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Takes the next frame, without its length, if all of it has come.
    ///
    /// # Errors
    ///
    /// If it is too long. Nothing can be found behind it.
    pub(in crate::net_kernel) fn next(&mut self) -> Result<Option<Vec<u8>>, PacketTooLong> {
        if let Some(large) = self.large.take() {
            if large.left() == 0 {
                return Ok(Some(large.bytes));
            }
            self.large = Some(large);
            return Ok(None);
        }
        let come = &self.buffer[self.start..self.end];
        let Some((header, come)) = come.split_first_chunk::<HEADER>() else { return Ok(None) };
        let size = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
        if size > self.limit {
            return Err(PacketTooLong { size, limit: self.limit });
        }
        if let Some(frame) = come.get(..size) {
            let frame = frame.to_vec();
            self.start += HEADER + size;
            return Ok(Some(frame));
        }
        if size > LARGE {
            self.large = Some(Large { bytes: come.to_vec(), size });
            (self.start, self.end) = (0, 0);
        }
        Ok(None)
    }
}

/// A frame of which a part has come.
struct Large {
    bytes: Vec<u8>,
    /// How many there will be.
    size: usize,
}

impl Large {
    fn left(&self) -> usize {
        self.size - self.bytes.len()
    }

    fn read_from(&mut self, source: &mut impl Source) -> io::Result<usize> {
        if self.bytes.len() == self.bytes.capacity() {
            let as_much_again = self.bytes.len().max(ROOM);
            self.bytes.reserve_exact(self.left().min(as_much_again));
        }
        let left = self.left();
        source.read_behind(&mut self.bytes, left)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::iter::successors;

    use super::*;

    /// What comes in pieces of so many bytes, each of which is read at once.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let room_for = room.len().min(self.1);
            assert!(room_for > 0, "there is no room");
            self.0.read(&mut room[..room_for])
        }
    }

    impl Source for Pieces<'_> {}

    /// As [`Pieces`], all of which there is room for is read at once.
    struct Whole<'a>(&'a [u8]);

    impl Read for Whole<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.0.read(room)
        }
    }

    impl Source for Whole<'_> {
        fn read_behind(&mut self, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
            let room = (bytes.capacity() - bytes.len()).min(most);
            let (come, rest) = self.0.split_at(room.min(self.0.len()));
            self.0 = rest;
            bytes.extend_from_slice(come);
            Ok(come.len())
        }
    }

    fn frame(size: usize) -> Vec<u8> {
        let body = successors(Some(size as u8), |byte| Some(byte.wrapping_mul(5).wrapping_add(1)));
        let header = u32::try_from(size).unwrap().to_be_bytes();
        header.into_iter().chain(body.take(size)).collect()
    }

    /// Reads until nothing comes, and takes each frame.
    fn read_all(decoder: &mut Decoder, mut source: impl Source) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while decoder.read_from(&mut source).unwrap() > 0 {
            while let Some(frame) = decoder.next().unwrap() {
                found.push(frame);
            }
        }
        found
    }

    #[track_caller]
    fn assert_found(sizes: &[usize], pieces: &[usize]) {
        let frames: Vec<_> = sizes.iter().copied().map(frame).collect();
        let bodies: Vec<_> = frames.iter().map(|it| it[HEADER..].to_vec()).collect();
        let bytes = frames.concat();
        for piece in pieces {
            let found = read_all(&mut Decoder::new(usize::MAX), Pieces(&bytes, *piece));
            assert!(found == bodies, "in pieces of {piece}");
        }
        assert!(read_all(&mut Decoder::new(usize::MAX), Whole(&bytes)) == bodies);
    }

    #[test]
    fn frames_are_found_in_whatever_pieces_they_come() {
        assert_found(&[0, 1, 300, 7, 0, 0, 1000, 3], &[1, 2, 3, 5, 7, 303, 1000]);
        let sizes = [
            LARGE,
            LARGE + 1,
            7,
            ROOM - HEADER,
            ROOM - HEADER + 1,
            0,
            5 * ROOM + 3,
            2 * ROOM,
            LARGE - 1,
            3,
        ];
        assert_found(&sizes, &[1001, LARGE - 1, LARGE + 5, ROOM - 1, ROOM, 3 * ROOM]);
    }

    #[test]
    fn a_frame_may_be_cut_at_any_byte() {
        let bytes = [frame(2), frame(LARGE + 1), frame(3)].concat();
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::new(LARGE + 1);
            let (before, after) = bytes.split_at(cut);
            let mut found = read_all(&mut decoder, Whole(before));
            found.extend(read_all(&mut decoder, Whole(after)));
            let sizes: Vec<_> = found.iter().map(Vec::len).collect();
            assert_eq!(sizes, [2, LARGE + 1, 3], "cut at {cut}");
            assert!(found[1] == frame(LARGE + 1)[HEADER..], "cut at {cut}");
        }
    }

    #[test]
    fn a_large_frame_keeps_no_more_memory_than_it_has_bytes() {
        let size = 10 * ROOM + 1;
        let found = read_all(&mut Decoder::new(size), Whole(&frame(size)));
        assert_eq!(found[0].capacity(), size);
    }

    /// A length that lies must not take what it has announced.
    #[test]
    fn memory_grows_with_what_has_come() {
        let size = 100 << 20;
        let mut decoder = Decoder::new(usize::MAX);
        let announced = [&u32::try_from(size).unwrap().to_be_bytes()[..], &[7; LARGE]].concat();
        let mut come = announced.len();
        read_all(&mut decoder, Whole(&announced));
        for _ in 0..20 {
            let large = decoder.large.as_ref().unwrap();
            assert!(large.bytes.capacity() <= 2 * come + ROOM, "{}", large.bytes.capacity());
            let more = vec![7; come];
            come += read_all(&mut decoder, Whole(&more)).len() + more.len();
            if come > size / 4 {
                break;
            }
        }
        assert!(come > size / 4);
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_when_its_length_has_come() {
        let mut decoder = Decoder::new(1000);
        decoder.read_from(&mut Whole(&1001_u32.to_be_bytes())).unwrap();
        let error = PacketTooLong { size: 1001, limit: 1000 };
        assert_eq!(decoder.next(), Err(error));
        assert_eq!(decoder.next(), Err(error));
        let mut decoder = Decoder::new(usize::MAX);
        decoder.read_from(&mut Whole(&u32::MAX.to_be_bytes())).unwrap();
        assert!(decoder.next().is_err());
    }
}
