//! What an EPMD is asked, and how it answers.

use crate::net_kernel::bytes::{Bytes, length};

/// A node that registers, as it describes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registering<'a> {
    pub(super) name: &'a [u8],
    pub(super) port: u16,
    /// Its kind and its protocol.
    pub(super) kind: [u8; 2],
    /// The highest and the lowest version that it speaks.
    pub(super) versions: [u8; 4],
    pub(super) extra: &'a [u8],
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) port: u16,
    kind: [u8; 2],
    versions: [u8; 4],
    extra: Vec<u8>,
}

impl Registering<'_> {
    pub(super) fn entry(self) -> Entry {
        let Registering { port, kind, versions, extra, .. } = self;
        Entry { port, kind, versions, extra: extra.to_vec() }
    }
}

/// The first version of the protocol whose creations have four bytes.
const LONG_CREATION: [u8; 2] = [0, 6];

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Register(Registering<'a>),
    Find(&'a [u8]),
    /// All the names.
    Names,
    /// It is to end.
    Kill,
}

impl<'a> Request<'a> {
    /// Reads a request, without its length; `None` if it is none that is answered.
    pub(super) fn read(request: &'a [u8]) -> Option<Request<'a>> {
        let mut bytes = Bytes(request);
        match bytes.u8()? {
            b'x' => {
                let port = bytes.u16()?;
                let (kind, versions) = (bytes.array()?, bytes.array()?);
                let name_length = bytes.u16()?;
                let name = bytes.take(name_length.into()).filter(|name| !name.is_empty())?;
                let extra_length = bytes.u16()?;
                let extra = bytes.take(extra_length.into())?;
                Some(Request::Register(Registering { name, port, kind, versions, extra }))
            }
            b'z' => Some(Request::Find(bytes.0)),
            b'n' => Some(Request::Names),
            b'k' => Some(Request::Kill),
            _ => None,
        }
    }
}

/// The answer to a node that registers: the number of its life, or that its name is taken.
pub(super) fn registered(versions: [u8; 4], creation: Option<u32>) -> Vec<u8> {
    let result = u8::from(creation.is_none());
    let creation = creation.unwrap_or_default().to_be_bytes();
    if versions[..2] >= LONG_CREATION[..] {
        return [&[b'v', result][..], &creation].concat();
    }
    [&[b'y', result][..], &creation[2..]].concat()
}

/// The answer to who looks for a node.
pub(super) fn found(name: &[u8], entry: Option<&Entry>) -> Vec<u8> {
    let Some(entry) = entry else { return vec![b'w', 1] };
    [
        &[b'w', 0][..],
        &entry.port.to_be_bytes(),
        &entry.kind,
        &entry.versions,
        &length(name.len()),
        name,
        &length(entry.extra.len()),
        &entry.extra,
    ]
    .concat()
}

/// The answer to who asks for all the names: the EPMD's port, and a line for each.
pub(super) fn listed(port: u16, names: &[(Vec<u8>, u16)]) -> Vec<u8> {
    let mut answer = u32::from(port).to_be_bytes().to_vec();
    for (name, port) in names {
        answer.extend([b"name ", &name[..], format!(" at port {port}\n").as_bytes()].concat());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let request = b"x\x12\x34M\0\0\x06\0\x05\0\x04rust\0\x01e";
        let node = Registering {
            name: b"rust",
            port: 0x1234,
            kind: [b'M', 0],
            versions: [0, 6, 0, 5],
            extra: b"e",
        };
        assert_eq!(Request::read(request), Some(Request::Register(node)));
        assert_eq!(Request::read(b"zrust"), Some(Request::Find(b"rust")));
        assert_eq!(Request::read(b"n"), Some(Request::Names));
        assert_eq!(Request::read(b"k"), Some(Request::Kill));
        for length in 0..request.len() {
            assert_eq!(Request::read(&request[..length]), None);
        }
        assert_eq!(Request::read(b"x\x12\x34M\0\0\x06\0\x05\0\0\0\0"), None);
        assert_eq!(Request::read(b"GET / HTTP/1.1"), None);
    }

    #[test]
    fn older_nodes_get_short_creations() {
        assert_eq!(registered([0, 6, 0, 5], Some(0x0102_0304)), b"v\0\x01\x02\x03\x04");
        assert_eq!(registered([0, 5, 0, 5], Some(0x0102_0304)), b"y\0\x03\x04");
        assert_eq!(registered([0, 6, 0, 5], None), b"v\x01\0\0\0\0");
    }
}
