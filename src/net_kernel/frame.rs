//! Frames: what stands around the signals that travel between nodes, once they are connected.
//!
//! A frame has its length in front, in four bytes. One without content is a tick, which says that
//! the node is alive.
//!
//! OTP: [Protocol between connected nodes](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#protocol-between-connected-nodes).

mod decoder;

use std::fmt;

use crate::error_text::errors;
use crate::io::PacketTooLong;
use crate::runtime::dist_entry;
use crate::term::{EncodeError, Output};

use super::control::{Carried, Control, ControlError};

pub(super) use decoder::Decoder;

/// The first byte of a frame with a signal: there is only one kind.
const PASS_THROUGH: u8 = b'p';

/// A frame without content.
pub(super) const TICK: [u8; 4] = [0; 4];

/// What a frame is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Tick,
    /// The bytes of a signal.
    Signal(Signal),
}

/// The bytes of a signal, which have not been looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signal(Vec<u8>);

impl Signal {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn control(&self) -> Result<Control<'_>, ControlError> {
        Control::read(&self.0[1..])
    }
}

/// Takes the next frame, if all of it has come.
pub(super) fn next(decoder: &mut Decoder) -> Result<Option<Frame>, FrameError> {
    let frame = decoder.next().map_err(FrameError::TooLong)?;
    frame.map(Frame::new).transpose()
}

impl Frame {
    fn new(bytes: Vec<u8>) -> Result<Frame, FrameError> {
        match bytes.first() {
            None => Ok(Frame::Tick),
            Some(&PASS_THROUGH) => Ok(Frame::Signal(Signal(bytes))),
            Some(&other) => Err(FrameError::Kind(other)),
        }
    }
}

/// Writes a signal as a frame.
///
/// # Errors
///
/// If what it carries is no term, or is too long for a frame.
pub(super) fn write<T: Carried>(
    control: &Control<'_, T>,
) -> Result<dist_entry::Frame, EncodeError> {
    let mut out = Output::from(vec![0, 0, 0, 0, PASS_THROUGH]);
    control.write(&mut out)?;
    let (mut head, tail) = out.into_parts();
    let length = head.len() - TICK.len() + tail.len();
    let length = u32::try_from(length).map_err(|_| {
        serde::ser::Error::custom(format!("{length} bytes are more than a frame can have"))
    });
    head[..TICK.len()].copy_from_slice(&length?.to_be_bytes());
    Ok(dist_entry::Frame::new(head, tail))
}

/// Why frames cannot be told apart any more.
pub(super) enum FrameError {
    TooLong(PacketTooLong),
    /// One begins with this byte.
    Kind(u8),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong(PacketTooLong { size, limit, .. }) => {
                write!(f, "a frame of {size} bytes, where at most {limit} are allowed")
            }
            FrameError::Kind(byte) => write!(f, "a frame that begins with {byte}"),
        }
    }
}

errors!(FrameError);

#[cfg(test)]
mod tests {
    use crate::net_kernel::channel::Source;
    use crate::net_kernel::support::fuzz::{TERM_TOKENS, fuzz};
    use crate::term::{Term, WirePid};

    use super::*;

    impl Source for &[u8] {}

    fn link() -> Control<'static, ()> {
        let pid = |id| WirePid { node: "n@h".into(), id, serial: 0, creation: 1 };
        Control::Link { from: pid(1), to: pid(2) }
    }

    #[test]
    fn a_signal_is_written_with_its_length_and_read_again() {
        let frame = write(&link()).unwrap().into_vec();
        let length = u32::try_from(frame.len() - 4).unwrap();
        assert_eq!(frame[..7], [&length.to_be_bytes()[..], b"p\x83h"].concat());

        let mut decoder = Decoder::new(1000);
        let bytes = [&frame[..], &TICK, &frame].concat();
        let mut found = Vec::new();
        for byte in bytes {
            decoder.read_from(&mut &[byte][..]).unwrap();
            found.extend(next(&mut decoder).unwrap());
        }
        let [Frame::Signal(signal), Frame::Tick, Frame::Signal(_)] = &found[..] else {
            panic!("{found:?}")
        };
        let Control::Link { from, to } = signal.control().unwrap() else { panic!("{signal:?}") };
        assert_eq!((from.id, to.id), (1, 2));
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_before_it_has_come() {
        let mut decoder = Decoder::new(1000);
        decoder.read_from(&mut &1001_u32.to_be_bytes()[..]).unwrap();
        let error = next(&mut decoder).unwrap_err();
        assert_eq!(error.to_string(), "a frame of 1001 bytes, where at most 1000 are allowed");
    }

    #[test]
    fn a_frame_at_the_limit_is_read() {
        let mut decoder = Decoder::new(1000);
        let frame = [&1000_u32.to_be_bytes()[..], &[b'p'; 1000]].concat();
        decoder.read_from(&mut &frame[..]).unwrap();
        assert!(matches!(next(&mut decoder), Ok(Some(Frame::Signal(_)))));
    }

    #[test]
    fn a_frame_of_another_kind_is_refused() {
        let mut decoder = Decoder::new(1000);
        decoder.read_from(&mut &[0, 0, 0, 2, 131, 68][..]).unwrap();
        assert_eq!(next(&mut decoder).unwrap_err().to_string(), "a frame that begins with 131");
    }

    #[test]
    fn a_frame_with_a_large_binary_at_its_end_has_two_parts_and_the_length_of_both() {
        let binary = Term::Binary(vec![7; 1 << 17].into());
        let message = Term::Tuple(vec![1.into(), binary]);
        let to = WirePid { node: "n@h".into(), id: 1, serial: 0, creation: 1 };
        let frame = write(&Control::Send { to, message: message.clone() }).unwrap();
        assert_eq!(frame.parts().count(), 2);

        let mut decoder = Decoder::new(1 << 20);
        let bytes = frame.into_vec();
        let mut left = &bytes[..];
        let signal = loop {
            match next(&mut decoder).unwrap() {
                Some(Frame::Signal(signal)) => break signal,
                Some(Frame::Tick) => panic!("a tick"),
                None => assert!(decoder.read_from(&mut left).unwrap() > 0),
            }
        };
        let Control::Send { message: read, .. } = signal.control().unwrap() else { panic!() };
        assert_eq!(read.read::<Term>().unwrap(), message);
        assert!(left.is_empty() && next(&mut decoder).unwrap().is_none());
    }

    #[test]
    fn what_is_no_term_is_not_written() {
        let pid = WirePid { node: "n@h".into(), id: 1, serial: 0, creation: 1 };
        let send = Control::Send { to: pid, message: Term::Float(f64::NAN) };
        assert!(write(&send).is_err());
    }

    /// The frames in what has come in pieces, and why there are no more.
    fn frames(pieces: &[&[u8]]) -> (Vec<Frame>, Option<String>) {
        let mut decoder = Decoder::new(1000);
        let mut found = Vec::new();
        for piece in pieces {
            decoder.read_from(&mut { *piece }).unwrap();
            loop {
                match next(&mut decoder) {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error.to_string())),
                }
            }
        }
        (found, None)
    }

    /// What has become of bytes, which does not depend on the pieces in which they come.
    fn told_apart(bytes: &[u8]) -> String {
        let whole = frames(&[bytes]);
        let pieces: Vec<&[u8]> = bytes.chunks(1 + bytes.len() % 7).collect();
        assert_eq!(frames(&pieces), whole);
        let (found, error) = whole;
        let kinds = found.iter().map(|frame| match frame {
            Frame::Tick => "tick",
            Frame::Signal(signal) if signal.control().is_ok() => "signal",
            Frame::Signal(_) => "no signal",
        });
        let kinds: Vec<&str> = kinds.take(4).collect();
        let error = error.unwrap_or_default();
        let error: String = error.chars().filter(|it| !it.is_ascii_digit()).collect();
        format!("{kinds:?} {error}")
    }

    #[test]
    fn whatever_comes_does_no_harm() {
        let frame = write(&link()).unwrap().into_vec();
        let one_of_each = [&frame[..], &TICK, &frame, &1001_u32.to_be_bytes()].concat();
        let corpus = vec![frame.clone(), [&frame[..], &frame].concat(), one_of_each];
        let seen = fuzz("frame", corpus, TERM_TOKENS, 20_000, told_apart);
        assert!(seen.iter().any(|what| what.contains("begins with")), "{seen:?}");
        assert!(seen.iter().any(|what| what.contains("are allowed")), "{seen:?}");
    }
}
