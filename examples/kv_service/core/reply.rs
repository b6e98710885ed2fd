//! Replies, and how they are written.

use std::borrow::Cow;

use redis_protocol::resp2::encode::{encode, encode_borrowed};
use redis_protocol::resp2::types::{BorrowedFrame, OwnedFrame, Resp2Frame};

use super::Bytes;

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(&'static str),
    Error(Cow<'static, str>),
    Integer(i64),
    Bulk(Bytes),
    Null,
    Array(Vec<Reply>),
}

impl Reply {
    pub(crate) const OK: Reply = Reply::Status("OK");

    /// An error of the kind that has no other name.
    pub(crate) fn error(what: impl std::fmt::Display) -> Reply {
        Reply::Error(format!("ERR {what}").into())
    }

    /// Nothing can be changed, as it cannot be saved.
    pub(crate) fn misconf(why: impl std::fmt::Display) -> Reply {
        Reply::Error(format!("MISCONF Errors writing to the AOF file: {why}").into())
    }

    pub(crate) fn bulk(bytes: impl Into<Bytes>) -> Reply {
        Reply::Bulk(bytes.into())
    }

    pub(crate) fn text(text: &str) -> Reply {
        Reply::bulk(text.as_bytes())
    }

    pub(crate) fn count(count: usize) -> Reply {
        Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Appends the reply as it goes over the wire.
    pub(crate) fn encode(&self, output: &mut Vec<u8>) {
        match self {
            Reply::Status(status) => {
                encode_frame(&BorrowedFrame::SimpleString(status.as_bytes()), output);
            }
            Reply::Error(error) => encode_frame(&BorrowedFrame::Error(&one_line(error)), output),
            Reply::Integer(number) => encode_frame(&BorrowedFrame::Integer(*number), output),
            Reply::Bulk(bytes) => encode_frame(&BorrowedFrame::BulkString(bytes), output),
            Reply::Null => encode_frame(&BorrowedFrame::Null, output),
            Reply::Array(_) => {
                let frame = self.to_frame();
                let room = make_room(frame.encode_len(false), output);
                encode(room, &frame, false).expect("there is room for the frame");
            }
        }
    }

    fn to_frame(&self) -> OwnedFrame {
        match self {
            Reply::Status(status) => OwnedFrame::SimpleString(status.as_bytes().to_vec()),
            Reply::Error(error) => OwnedFrame::Error(one_line(error).into_owned()),
            Reply::Integer(number) => OwnedFrame::Integer(*number),
            Reply::Bulk(bytes) => OwnedFrame::BulkString(bytes.to_vec()),
            Reply::Null => OwnedFrame::Null,
            Reply::Array(replies) => {
                OwnedFrame::Array(replies.iter().map(Reply::to_frame).collect())
            }
        }
    }
}

/// What a client has sent is in some errors, which are lines all the same.
fn one_line(error: &str) -> Cow<'_, str> {
    if error.contains(['\r', '\n']) {
        error.replace(['\r', '\n'], " ").into()
    } else {
        error.into()
    }
}

/// Appends a frame.
pub(crate) fn encode_frame(frame: &BorrowedFrame<'_>, output: &mut Vec<u8>) {
    let room = make_room(frame.encode_len(false), output);
    encode_borrowed(room, frame, false).expect("there is room for the frame");
}

fn make_room(length: usize, output: &mut Vec<u8>) -> &mut [u8] {
    let start = output.len();
    output.resize(start + length, 0);
    &mut output[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_encoded(reply: Reply, expected: &str) {
        let mut output = b"before ".to_vec();
        reply.encode(&mut output);
        assert_eq!(String::from_utf8(output).unwrap(), format!("before {expected}"));
    }

    #[test]
    fn replies_are_written_as_redis_writes_them() {
        assert_encoded(Reply::OK, "+OK\r\n");
        assert_encoded(Reply::error("syntax error"), "-ERR syntax error\r\n");
        assert_encoded(Reply::Integer(-17), ":-17\r\n");
        assert_encoded(Reply::count(17), ":17\r\n");
        assert_encoded(Reply::text("a\r\nb"), "$4\r\na\r\nb\r\n");
        assert_encoded(Reply::text(""), "$0\r\n\r\n");
        assert_encoded(Reply::Null, "$-1\r\n");
        assert_encoded(Reply::Array(vec![]), "*0\r\n");
        let nested = Reply::Array(vec![Reply::Null, Reply::Array(vec![Reply::bulk(*b"x")])]);
        assert_encoded(nested, "*2\r\n$-1\r\n*1\r\n$1\r\nx\r\n");
    }

    #[test]
    fn an_error_is_one_line_whatever_it_quotes() {
        assert_encoded(Reply::error("unknown 'a\r\n+OK'"), "-ERR unknown 'a  +OK'\r\n");
    }
}
