//! What terms are written to.

use super::binary::Binary;
use super::tag;

/// The bytes of terms. If the last is a large binary, its content may stay where it is, to leave
/// from there.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// If there is a tail they end with an empty binary, so that they are terms in any case.
    bytes: Vec<u8>,
    tail: Option<Tail>,
}

/// The content of the last binary.
#[derive(Debug)]
struct Tail {
    length: u32,
    content: Binary,
}

impl Output {
    /// Returns what has been written, for more to be written behind it.
    #[inline]
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        if self.tail.is_some() {
            self.join();
        }
        &mut self.bytes
    }

    /// Copies the content of the last binary to where it belongs.
    #[cold]
    fn join(&mut self) {
        if let Some(content) = self.take_tail() {
            self.bytes.extend_from_slice(&content);
        }
    }

    /// Returns what has been written, where the last binary may be empty. All else is in its place.
    #[inline]
    pub(super) fn head(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Takes back what has been written since [`bytes`](Self::bytes) was so long.
    pub(super) fn truncate(&mut self, length: usize) {
        self.tail = None;
        self.bytes.truncate(length);
    }

    /// Writes a binary of which copies share the bytes, which are so many.
    pub(super) fn shared_binary(&mut self, content: &Binary, length: u32) {
        self.bytes().extend_from_slice(&[tag::BINARY, 0, 0, 0, 0]);
        self.tail = Some(Tail { length, content: content.clone() });
    }

    /// Has the last binary its length, and returns the content, if that is somewhere else.
    fn take_tail(&mut self) -> Option<Binary> {
        let Tail { length, content } = self.tail.take()?;
        let length = length.to_be_bytes();
        let start = self.bytes.len() - length.len();
        self.bytes[start..].copy_from_slice(&length);
        Some(content)
    }

    /// Returns all that has been written.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.join();
        self.bytes
    }

    /// Returns all that has been written, in two parts, of which the second may be empty.
    #[cfg(target_os = "linux")]
    pub(crate) fn into_parts(mut self) -> (Vec<u8>, Binary) {
        let tail = self.take_tail().unwrap_or_default();
        (self.bytes, tail)
    }
}

impl From<Vec<u8>> for Output {
    fn from(bytes: Vec<u8>) -> Output {
        Output { bytes, tail: None }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
