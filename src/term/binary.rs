//! The bytes of a binary, which several terms may share.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// From how many bytes on a binary is shared, not copied.
const LARGE: usize = 64 * 1024;

/// The bytes of a [binary](super::Term::Binary).
///
/// From 64 KiB on the copies of a binary share their bytes. They may be a part of a message that
/// has come from another node, as a large binary is not copied out of that; the memory of the
/// message, of which it is at least half, is kept as long as one of them is there. Such a binary is
/// not copied either if it is at the end of what is sent to another node.
///
/// ```
/// use procession::term::{Binary, Term};
///
/// let binary = Binary::from(b"hello".to_vec());
/// assert_eq!(binary[..2], *b"he");
/// assert_eq!(Term::Binary(binary.clone()), "hello".into());
/// assert_eq!(binary.into_vec(), b"hello");
/// ```
///
/// OTP: [binaries](https://www.erlang.org/doc/system/binaryhandling.html), of which those of more
/// than 64 bytes are shared.
#[derive(Clone)]
pub struct Binary(Bytes);

#[derive(Clone)]
enum Bytes {
    Own(Vec<u8>),
    /// A part of these.
    Shared {
        whole: Arc<Vec<u8>>,
        start: u32,
        length: u32,
    },
}

impl Binary {
    /// Returns the bytes. They are copied if they are a part of more, or if a copy of the binary
    /// shares them.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared { whole, start: 0, length } if length as usize == whole.len() => {
                Arc::unwrap_or_clone(whole)
            }
            Bytes::Shared { .. } => self.to_vec(),
        }
    }

    /// Returns the length, if copies share the bytes.
    pub(super) fn shared_length(&self) -> Option<u32> {
        match self.0 {
            Bytes::Own(_) => None,
            Bytes::Shared { length, .. } => Some(length),
        }
    }

    /// Takes the first bytes away, so many; those that are shared stay where they are.
    pub(crate) fn advance(&mut self, count: usize) {
        match &mut self.0 {
            Bytes::Own(bytes) => drop(bytes.drain(..count)),
            Bytes::Shared { start, length, .. } => {
                let left = (*length as usize).checked_sub(count).expect("there are so many");
                let left = u32::try_from(left).expect("it is less");
                (*start, *length) = (*start + (*length - left), left);
            }
        }
    }

    /// Returns a binary that shares the bytes of `part`, if that is a part of it, and at least
    /// half: otherwise little could keep much.
    fn share(&self, part: &[u8]) -> Option<Binary> {
        let Bytes::Shared { whole, .. } = &self.0 else { return None };
        if part.len() < LARGE || part.len() < whole.len() / 2 {
            return None;
        }
        let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
        whole.get(start..)?.get(..part.len())?;
        let (start, length) = (start.try_into().ok()?, part.len().try_into().ok()?);
        Some(Binary(Bytes::Shared { whole: Arc::clone(whole), start, length }))
    }
}

thread_local! {
    /// The message that is being read.
    static MESSAGE: Cell<Option<Binary>> = const { Cell::new(None) };
}

/// Reads a message; what it has of large binaries is shared.
#[cfg(target_os = "linux")]
pub(super) fn within<R>(message: Option<&Binary>, read: impl FnOnce() -> R) -> R {
    /// The message that was being read before is read again, even if this reading panics.
    struct Outer(Option<Binary>);

    impl Drop for Outer {
        fn drop(&mut self) {
            MESSAGE.set(self.0.take());
        }
    }

    let Some(message @ Binary(Bytes::Shared { .. })) = message else { return read() };
    let _outer = Outer(MESSAGE.replace(Some(message.clone())));
    read()
}

/// Returns the binary of these bytes, which are those of the message that is being read, perhaps.
pub(super) fn read(bytes: &[u8]) -> Binary {
    if bytes.len() < LARGE {
        return bytes.into();
    }
    let message = MESSAGE.take();
    let shared = message.as_ref().and_then(|message| message.share(bytes));
    MESSAGE.set(message);
    shared.unwrap_or_else(|| bytes.into())
}

impl Deref for Binary {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared { whole, start, length } => {
                let [start, length] = [start, length].map(|it| *it as usize);
                &whole[start..][..length]
            }
        }
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Default for Binary {
    fn default() -> Binary {
        Vec::new().into()
    }
}

impl PartialEq for Binary {
    fn eq(&self, other: &Binary) -> bool {
        **self == **other
    }
}

impl Eq for Binary {}

impl Hash for Binary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Binary {
        match u32::try_from(bytes.len()) {
            Ok(length) if bytes.len() >= LARGE => {
                Binary(Bytes::Shared { whole: Arc::new(bytes), start: 0, length })
            }
            Ok(_) | Err(_) => Binary(Bytes::Own(bytes)),
        }
    }
}

impl From<&[u8]> for Binary {
    fn from(bytes: &[u8]) -> Binary {
        bytes.to_vec().into()
    }
}

impl FromIterator<u8> for Binary {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Binary {
        Vec::from_iter(bytes).into()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Whether `part` is where it is in `whole`.
    fn is_in(part: &Binary, whole: &[u8]) -> bool {
        whole.as_ptr_range().contains(&part.as_ptr())
    }

    /// The bytes of a message, of which these many are behind ten others.
    fn message(length: usize) -> Binary {
        vec![7; 10 + length].into()
    }

    #[test]
    fn a_large_part_of_a_message_is_shared() {
        let message = message(LARGE);
        let part = within(Some(&message), || read(&message[10..]));
        assert_eq!(part.as_ptr(), message[10..].as_ptr());
        assert_eq!(part, Binary::from(vec![7; LARGE]));
        drop(message);
        assert_eq!(part.clone().into_vec(), [7; LARGE]);
    }

    #[test]
    fn what_is_small_or_keeps_too_much_is_copied() {
        let small = message(LARGE);
        assert!(!is_in(&within(Some(&small), || read(&small[11..])), &small));
        let large = message(3 * LARGE);
        assert!(!is_in(&within(Some(&large), || read(&large[..LARGE])), &large));
        let own = message(LARGE - 11);
        assert!(!is_in(&own.clone(), &own));
    }

    #[test]
    fn what_is_of_another_message_or_of_none_is_copied() {
        let (message, other) = (message(LARGE), vec![7; LARGE]);
        assert!(!is_in(&read(&message), &message));
        within(Some(&message), || {
            assert!(!is_in(&read(&other), &other));
            within(Some(&other.clone().into()), || {
                assert!(!is_in(&read(&message), &message));
            });
            assert!(is_in(&read(&message), &message));
        });
        assert!(!is_in(&read(&message), &message));
    }

    #[test]
    fn who_has_all_of_a_large_binary_alone_gets_its_bytes_as_they_are() {
        let bytes = vec![7; LARGE];
        let place = bytes.as_ptr();
        let binary = Binary::from(bytes);
        let copy = binary.clone();
        assert_eq!((binary.as_ptr(), copy.as_ptr()), (place, place));
        let copied = copy.into_vec();
        assert!(copied.as_ptr() != place && copied == *binary);
        let bytes = binary.into_vec();
        assert_eq!(bytes.as_ptr(), place);
    }

    #[test]
    fn what_is_behind_the_first_bytes_stays_where_it_is() {
        let bytes: Vec<u8> = (0..LARGE + 9).map(|n| n as u8).collect();
        let (small, place) = (bytes[..20].to_vec(), bytes.as_ptr());
        for mut binary in [Binary::from(bytes.clone()), Binary::from(small)] {
            binary.advance(3);
            binary.advance(4);
            assert_eq!(*binary, bytes[7..][..binary.len()]);
        }
        let mut binary = Binary::from(bytes);
        binary.advance(7);
        assert_eq!(binary.as_ptr().addr(), place.addr() + 7);
        assert_eq!(binary.clone().into_vec(), *binary);
        binary.advance(LARGE + 2);
        assert_eq!(*binary, []);
    }
}
