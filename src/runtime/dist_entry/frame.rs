//! Frames, which are written for signals.

use crate::term::Binary;

/// The bytes that are written for one signal, or those that have not left yet. The content of a
/// large binary at their end is not copied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    head: Vec<u8>,
    tail: Binary,
}

impl Frame {
    pub(crate) fn new(head: Vec<u8>, tail: Binary) -> Frame {
        Frame { head, tail }
    }

    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Returns its parts, of which none is empty.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        [&self.head[..], &self.tail].into_iter().filter(|part| !part.is_empty())
    }

    /// The first bytes, so many, have left.
    pub(super) fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len());
        self.head.drain(..of_head);
        self.tail.advance(count - of_head);
    }

    #[cfg(test)]
    pub(crate) fn into_vec(self) -> Vec<u8> {
        let Frame { mut head, tail } = self;
        head.extend_from_slice(&tail);
        head
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Frame {
        Frame::new(bytes, Binary::default())
    }
}
