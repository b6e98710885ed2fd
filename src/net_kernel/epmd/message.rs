//! What EPMD is asked, and what it answers.

use std::io::Read;

use crate::net_kernel::bytes::length;
use crate::net_kernel::name::NodeName;

use super::{EpmdError, Registrant};

/// The version of the protocol that is spoken: the highest is also the lowest.
const VERSION: u16 = 6;

/// Returns a request, with its length in front.
fn request(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&length(body.len())[..], &body].concat()
}

pub(super) fn register(node: Registrant<'_>) -> Vec<u8> {
    let name = node.name.alive_to_wire();
    let version = VERSION.to_be_bytes();
    request(&[
        b"x",
        &node.port.to_be_bytes(),
        &node.kind(),
        &version,
        &version,
        &length(name.len()),
        &name,
        // And nothing else.
        &[0, 0],
    ])
}

pub(super) fn find(node: &NodeName) -> Vec<u8> {
    request(&[b"z", &node.alive_to_wire()])
}

/// Reads the answer to [`register`]: the creation of the node.
pub(super) fn registered(answer: &mut impl Read, node: &NodeName) -> Result<u32, EpmdError> {
    let [tag] = array(answer)?;
    if !matches!(tag, b'v' | b'y') {
        return Err(EpmdError::Garbage(tag));
    }
    let [result] = array(answer)?;
    if result != 0 {
        return Err(EpmdError::NameTaken(node.alive().to_owned()));
    }
    match tag {
        b'v' => array(answer).map(u32::from_be_bytes),
        // That of before OTP 23.
        _ => array(answer).map(u16::from_be_bytes).map(u32::from),
    }
}

/// Reads the answer to [`find`]: the port of the node. What follows it is left.
pub(super) fn found(answer: &mut impl Read, node: &NodeName) -> Result<u16, EpmdError> {
    let [tag] = array(answer)?;
    if tag != b'w' {
        return Err(EpmdError::Garbage(tag));
    }
    let [result] = array(answer)?;
    if result != 0 {
        return Err(EpmdError::Unknown(node.as_str().to_owned()));
    }
    let port = array(answer).map(u16::from_be_bytes)?;
    let [_kind, _protocol] = array(answer)?;
    let highest = array(answer).map(u16::from_be_bytes)?;
    let lowest = array(answer).map(u16::from_be_bytes)?;
    if !(lowest..=highest).contains(&VERSION) {
        return Err(EpmdError::Version(lowest, highest));
    }
    Ok(port)
}

fn array<const N: usize>(answer: &mut impl Read) -> Result<[u8; N], EpmdError> {
    let mut bytes = [0; N];
    answer.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> NodeName {
        NodeName::new("rust@127.0.0.1").unwrap()
    }

    /// What `read` makes of these bytes, as text.
    fn outcome<'a, T: ToString>(
        read: impl Fn(&mut &'a [u8], &NodeName) -> Result<T, EpmdError>,
        bytes: &'a [u8],
    ) -> String {
        read(&mut &*bytes, &name()).map_or_else(|error| error.to_string(), |it| it.to_string())
    }

    #[test]
    fn requests_have_their_length_in_front() {
        assert_eq!(find(&name()), b"\0\x05zrust");
        let registrant = Registrant { name: &name(), port: 0x1234, is_hidden: false };
        let expected = b"\0\x11x\x12\x34M\0\0\x06\0\x06\0\x04rust\0\0";
        assert_eq!(register(registrant), expected);
        let hidden = register(Registrant { is_hidden: true, ..registrant });
        assert_eq!(hidden[5], b'H');
    }

    #[test]
    fn a_registration_is_answered_by_a_creation() {
        assert_eq!(outcome(registered, b"v\0\x01\x02\x03\x04"), 0x0102_0304.to_string());
        assert_eq!(outcome(registered, b"y\0\x01\x02"), 0x0102.to_string());
    }

    #[test]
    fn a_name_may_be_taken() {
        for answer in [&b"v\x01\0\0\0\x63"[..], b"y\x01\0\x63"] {
            assert_eq!(outcome(registered, answer), "the name rust is taken on this machine");
        }
    }

    #[test]
    fn a_node_is_found_at_its_port() {
        let answer = b"w\0\x12\x34M\0\0\x06\0\x05\0\x04rust\0\x01x";
        assert_eq!(outcome(found, answer), 0x1234.to_string());
        assert_eq!(outcome(found, &answer[..10]), 0x1234.to_string());
    }

    #[test]
    fn a_node_may_be_unknown_or_speak_other_versions() {
        assert_eq!(outcome(found, b"w\x01"), "epmd knows of no node rust@127.0.0.1");
        for (high, low) in [(5, 5), (8, 7), (5, 6)] {
            let answer = [b"w\0\x12\x34M\0\0", &[high, 0, low][..], b"\0\x04rust"].concat();
            let text = format!("the node speaks versions {low} to {high} of the protocol, not 6");
            assert_eq!(outcome(found, &answer), text);
        }
    }

    #[test]
    fn an_answer_may_be_cut_short_or_garbage() {
        let text = "epmd has closed the connection before its answer was complete";
        for length in 0..6 {
            assert_eq!(outcome(registered, &b"v\0\x01\x02\x03\x04"[..length]), text);
        }
        for length in 0..10 {
            assert_eq!(outcome(found, &b"w\0\x12\x34M\0\0\x06\0\x05"[..length]), text);
        }
        assert_eq!(outcome(registered, b"HTTP"), "no answer of epmd begins with 72");
        assert_eq!(outcome(found, b"v\0"), "no answer of epmd begins with 118");
    }
}
