//! A client, which sees each byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode;
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame};

use crate::support::wait::test_timeout;

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Client {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(test_timeout())).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, input: Vec::new() }
    }

    /// Sends a request of these words.
    pub(crate) fn send(&mut self, words: &[&str]) {
        self.send_bytes(&request(words));
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a request, written with spaces between its words, and returns the reply.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &str) -> String {
        self.send(&request.split(' ').collect::<Vec<_>>());
        self.reply().expect("the connection is open")
    }

    /// The next reply, as text; `None` at the end of the connection.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> Option<String> {
        self.try_reply().unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    pub(crate) fn try_reply(&mut self) -> std::io::Result<Option<String>> {
        loop {
            if let Some((frame, length)) = decode(&self.input).unwrap() {
                self.input.drain(..length);
                return Ok(Some(show(&frame)));
            }
            let mut block = vec![0; 64 << 10];
            match self.stream.read(&mut block) {
                Ok(0) => return Ok(None),
                Ok(length) => self.input.extend_from_slice(&block[..length]),
                // It was closed while something was on its way to it.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// A request as it goes over the wire.
pub(crate) fn request(words: &[&str]) -> Vec<u8> {
    let words = words.iter().map(|word| OwnedFrame::BulkString(word.as_bytes().to_vec()));
    let frame = OwnedFrame::Array(words.collect());
    let mut bytes = vec![0; frame.encode_len(false)];
    encode(&mut bytes, &frame, false).unwrap();
    bytes
}

fn show(frame: &OwnedFrame) -> String {
    match frame {
        OwnedFrame::SimpleString(text) | OwnedFrame::BulkString(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        OwnedFrame::Error(error) => format!("-{error}"),
        OwnedFrame::Integer(number) => format!(":{number}"),
        OwnedFrame::Null => "nil".to_owned(),
        OwnedFrame::Array(frames) => {
            format!("[{}]", frames.iter().map(show).collect::<Vec<_>>().join(" "))
        }
    }
}
