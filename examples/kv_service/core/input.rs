//! Requests, cut out of bytes as they come.
//!
//! `redis-protocol` decodes them. But it decodes whatever it is given: arrays in arrays, each of
//! which takes a piece of the stack, and strings that promise a gigabyte. So [`Scan`] finds the end
//! of a request first, within limits, and only complete and flat requests are decoded.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use redis_protocol::resp2::decode::decode_range;
use redis_protocol::resp2::types::RangeFrame;

use super::number::integer;

/// How many arguments a request may have.
pub(crate) const MAX_ARGUMENTS: usize = 64 << 10;

/// How long an argument may be.
pub(crate) const MAX_BULK: usize = 4 << 20;

/// How long a request may be.
pub(crate) const MAX_REQUEST: usize = 8 << 20;

/// How long a request may be that is written by hand, on a line.
pub(crate) const MAX_LINE: usize = 64 << 10;

/// How long a line may be that has a number.
const MAX_HEADER: usize = 32;

/// How much is read at once.
const BLOCK: usize = 16 << 10;

/// What a client may not send. It is told so, in Redis' words, and its connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProtocolError(Cow<'static, str>);

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protocol error: {}", self.0)
    }
}

impl std::error::Error for ProtocolError {}

fn violation<T>(what: impl Into<Cow<'static, str>>) -> Result<T, ProtocolError> {
    Err(ProtocolError(what.into()))
}

/// The name of the command, and what follows it. Empty if the request was.
pub(crate) type Arguments<'a> = Vec<Cow<'a, [u8]>>;

/// Bytes that have been read, and the requests in them.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// What has been read is in `start..end`.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    scan: Scan,
}

impl Input {
    /// Reads as much as comes at once; returns how much that was, which is 0 at the end.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        let read = source.read(&mut self.bytes[self.end..])?;
        self.end += read;
        Ok(read)
    }

    fn make_room(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == 0 && self.bytes.len() > BLOCK {
            self.bytes = Vec::new(); // A long request has been here, and may be the only one.
        }
        if self.bytes.len() - self.end < BLOCK {
            self.bytes.resize((2 * self.end).max(self.end + BLOCK), 0);
        }
    }

    /// Returns the next request, if all of it has been read.
    pub(crate) fn next(&mut self) -> Result<Option<Arguments<'_>>, ProtocolError> {
        let input = &self.bytes[self.start..self.end];
        let Some(end) = self.scan.end(input)? else { return Ok(None) };
        self.scan = Scan::default();
        self.start += end;
        decode(&input[..end]).map(Some)
    }

    /// How many bytes are no complete request yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

/// How much of a request has been seen. What has been seen is not looked at again, in however many
/// pieces the request comes.
#[derive(Debug, Default)]
struct Scan {
    seen: usize,
    /// How many arguments are still to come, once the number of them is known.
    missing: Option<usize>,
}

impl Scan {
    /// Returns where the first request in `input` ends, if its end is there.
    fn end(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        match input.first() {
            None => Ok(None),
            Some(b'*') => self.end_of_array(input),
            Some(_) => self.end_of_line(input),
        }
    }

    fn end_of_array(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        if self.missing.is_none() {
            let Some((count, end)) = header(input, "too big mbulk count string")? else {
                return Ok(None);
            };
            let count = count.filter(|&count| count <= MAX_ARGUMENTS as i64);
            let Some(count) = count else { return violation("invalid multibulk length") };
            self.missing = Some(usize::try_from(count).unwrap_or(0)); // Less than none is none.
            self.seen = end;
        }
        while self.missing.is_some_and(|missing| missing > 0) {
            let Some(end) = end_of_bulk(input, self.seen)? else { return Ok(None) };
            self.seen = end;
            self.missing = self.missing.map(|missing| missing - 1);
        }
        Ok(Some(self.seen))
    }

    fn end_of_line(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let end = input[self.seen..].iter().position(|&byte| byte == b'\n');
        let length = end.map_or(input.len(), |end| self.seen + end + 1);
        self.seen = input.len();
        if length > MAX_LINE {
            return violation("too big inline request");
        }
        Ok(end.map(|_| length))
    }
}

/// Returns where the argument ends that begins at `start`, if its end is there.
fn end_of_bulk(input: &[u8], start: usize) -> Result<Option<usize>, ProtocolError> {
    match input.get(start) {
        None => return Ok(None),
        Some(b'$') => {}
        Some(&other) => return violation(format!("expected '$', got '{}'", char::from(other))),
    }
    let header = header(&input[start..], "too big bulk count string")?;
    let Some((length, header)) = header else { return Ok(None) };
    let length = length.and_then(|length| usize::try_from(length).ok());
    let end = |length| start + header + length + 2;
    match length.filter(|&length| length <= MAX_BULK && end(length) <= MAX_REQUEST) {
        Some(length) => Ok(Some(end(length)).filter(|&end| end <= input.len())),
        None => violation("invalid bulk length"),
    }
}

/// Returns the number on the line that `input` begins with, after the byte that says what it is,
/// and where the line ends, if its end is there.
fn header(
    input: &[u8],
    too_long: &'static str,
) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
    let line = &input[..input.len().min(MAX_HEADER)];
    match line.windows(2).position(|bytes| bytes == b"\r\n") {
        Some(end) => Ok(Some((integer(&line[1..end]), end + 2))),
        None if line.len() == MAX_HEADER => violation(too_long),
        None => Ok(None),
    }
}

/// Returns the arguments of a request that is complete.
fn decode(request: &[u8]) -> Result<Arguments<'_>, ProtocolError> {
    if !request.starts_with(b"*") {
        return split_line(request);
    }
    let frames = match decode_range(request) {
        Ok(Some((RangeFrame::Array(frames), _))) => frames,
        Ok(_) => return Ok(Vec::new()), // An array of less than none.
        Err(_) if request.starts_with(b"*-") => return Ok(Vec::new()),
        Err(error) => return violation(error.to_string()),
    };
    let argument = |frame| {
        // The scan has let no other pass.
        let RangeFrame::BulkString((start, end)) = frame else { return Cow::Borrowed(&[][..]) };
        Cow::Borrowed(&request[start..end])
    };
    Ok(frames.into_iter().map(argument).collect())
}

/// Splits a line as a shell would, as people write it who use `nc`.
fn split_line(line: &[u8]) -> Result<Arguments<'static>, ProtocolError> {
    let mut rest = line.trim_ascii();
    let mut arguments = Vec::new();
    while !rest.is_empty() {
        let (argument, length) = split_argument(rest)?;
        arguments.push(Cow::Owned(argument));
        rest = rest[length..].trim_ascii_start();
    }
    Ok(arguments)
}

/// Returns the argument that `text` begins with, and how long it is as it is written.
fn split_argument(text: &[u8]) -> Result<(Vec<u8>, usize), ProtocolError> {
    let mut argument = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match (quote, byte) {
            (Some(open), _) if byte == open => {
                let ends = text.get(at).is_none_or(u8::is_ascii_whitespace);
                return if ends { Ok((argument, at)) } else { violation(UNBALANCED) };
            }
            (Some(b'"'), b'\\') => {
                let (byte, length) = unescape(&text[at..]);
                argument.push(byte);
                at += length;
            }
            (Some(b'\''), b'\\') if text.get(at) == Some(&b'\'') => {
                argument.push(b'\'');
                at += 1;
            }
            (Some(_), _) => argument.push(byte),
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, _) if byte.is_ascii_whitespace() => return Ok((argument, at - 1)),
            (None, _) => argument.push(byte),
        }
    }
    if quote.is_some() { violation(UNBALANCED) } else { Ok((argument, at)) }
}

const UNBALANCED: &str = "unbalanced quotes in request";

/// Returns the byte that is written as `text` begins, after a backslash, and how long that is.
fn unescape(text: &[u8]) -> (u8, usize) {
    let hex = |digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    match text {
        [b'x', digits @ ..] if digits.len() >= 2 && digits[0] != b'+' => match hex(&digits[..2]) {
            Some(byte) => (byte, 3),
            None => (b'x', 1),
        },
        [b'n', ..] => (b'\n', 1),
        [b'r', ..] => (b'\r', 1),
        [b't', ..] => (b'\t', 1),
        [b'b', ..] => (0x08, 1),
        [b'a', ..] => (0x07, 1),
        [other, ..] => (*other, 1),
        [] => (b'\\', 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requests in `bytes`, which come in pieces of `piece` bytes, up to the first violation.
    fn requests(bytes: &[u8], piece: usize) -> (Vec<Vec<Vec<u8>>>, Option<String>) {
        let (mut input, mut requests) = (Input::default(), Vec::new());
        for mut piece in bytes.chunks(piece) {
            while input.fill(&mut piece).unwrap() > 0 {}
            loop {
                match input.next() {
                    Ok(None) => break,
                    Ok(Some(arguments)) => {
                        requests.push(arguments.into_iter().map(Cow::into_owned).collect());
                    }
                    Err(error) => return (requests, Some(error.to_string())),
                }
            }
        }
        (requests, None)
    }

    /// The one request that `bytes` are.
    #[track_caller]
    fn request(bytes: &[u8]) -> Vec<String> {
        let (mut requests, violation) = requests(bytes, usize::MAX);
        assert_eq!((requests.len(), violation), (1, None));
        let text = |argument| String::from_utf8(argument).unwrap();
        requests.pop().unwrap().into_iter().map(text).collect()
    }

    #[track_caller]
    fn assert_violation(bytes: &[u8], expected: &str) {
        for piece in [1, 7, usize::MAX] {
            let (_, violation) = requests(bytes, piece);
            assert_eq!(violation.as_deref(), Some(expected), "in pieces of {piece}");
        }
    }

    #[test]
    fn requests_come_in_pieces_of_any_length() {
        let bytes =
            b"*2\r\n$3\r\nGET\r\n$4\r\nk\r\n1\r\n*1\r\n$0\r\n\r\nPING\r\n\r\n*1\r\n$4\r\nPING\r\n";
        let expected: Vec<Vec<&[u8]>> =
            vec![vec![b"GET", b"k\r\n1"], vec![b""], vec![b"PING"], vec![], vec![b"PING"]];
        for piece in 1..bytes.len() {
            let (requests, violation) = requests(bytes, piece);
            assert_eq!((requests, violation), (expected.iter().map(owned).collect(), None));
        }
    }

    fn owned(arguments: &Vec<&[u8]>) -> Vec<Vec<u8>> {
        arguments.iter().map(|argument| argument.to_vec()).collect()
    }

    #[test]
    fn an_array_of_none_is_no_request() {
        for bytes in ["*0\r\n", "*-1\r\n", "*-7\r\n"] {
            assert_eq!(request(bytes.as_bytes()), [""; 0], "{bytes:?}");
        }
    }

    #[test]
    fn a_line_is_split_as_a_shell_would() {
        assert_eq!(request(b"  set  k\tv \r\n"), ["set", "k", "v"]);
        assert_eq!(request(b"set k \"a b\\n\\x41\\\"\\q\"\n"), ["set", "k", "a b\nA\"q"]);
        assert_eq!(request(b"set k 'a \\' \\n' \"\"\n"), ["set", "k", "a ' \\n", ""]);
        assert_eq!(request(b"echo \"\\xzz\\x+1\"\n"), ["echo", "xzzx+1"]);
    }

    #[test]
    fn quotes_must_be_closed_and_be_followed_by_space() {
        for line in ["get \"k\n", "get 'k\r\n", "get \"k\"k\n", "get 'k'k\n", "get \"k\\\n"] {
            assert_violation(line.as_bytes(), "Protocol error: unbalanced quotes in request");
        }
    }

    #[test]
    fn lengths_are_numbers_within_limits() {
        for bytes in ["*x\r\n", "*\r\n", "*+1\r\n", "*65537\r\n", "*99999999999999999999\r\n"] {
            assert_violation(bytes.as_bytes(), "Protocol error: invalid multibulk length");
        }
        for length in ["x", "", "-1", "+1", "4194305", "1073741824", "99999999999999999999"] {
            let bytes = format!("*1\r\n${length}\r\n");
            assert_violation(bytes.as_bytes(), "Protocol error: invalid bulk length");
        }
    }

    #[test]
    fn lines_have_an_end_within_limits() {
        let digits = "1".repeat(100);
        assert_violation(
            format!("*{digits}").as_bytes(),
            "Protocol error: too big mbulk count string",
        );
        assert_violation(
            format!("*1\r\n${digits}").as_bytes(),
            "Protocol error: too big bulk count string",
        );
        let line = vec![b'a'; MAX_LINE + 1];
        assert_eq!(requests(&line, 4096).1.unwrap(), "Protocol error: too big inline request");
    }

    #[test]
    fn a_request_as_a_whole_has_a_limit() {
        let mut bytes = b"*9\r\n".to_vec();
        for _ in 0..2 {
            bytes.extend(format!("${}\r\n", MAX_BULK - 100).as_bytes());
            bytes.extend(vec![b'v'; MAX_BULK - 100]);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"$200\r\n");
        assert_eq!(requests(&bytes, 1 << 20).1.unwrap(), "Protocol error: invalid bulk length");
    }

    #[test]
    fn arrays_in_arrays_are_refused_before_they_are_decoded() {
        let bytes = "*1\r\n".repeat(100_000);
        assert_violation(bytes.as_bytes(), "Protocol error: expected '$', got '*'");
    }

    #[test]
    fn a_long_request_leaves_no_long_buffer() {
        let mut input = Input::default();
        let long =
            [b"*1\r\n$1000000\r\n".to_vec(), vec![b'v'; 1_000_000], b"\r\n".to_vec()].concat();
        let mut source = long.as_slice();
        while input.fill(&mut source).unwrap() > 0 {}
        assert_eq!(input.next().unwrap().unwrap()[0].len(), 1_000_000);

        assert_eq!(input.fill(&mut &b"PI"[..]).unwrap(), 2);
        assert_eq!((input.rest(), input.bytes.len()), (&b"PI"[..], BLOCK));
    }

    /// Random bytes, and requests in which some bytes are other ones, end in requests or in a
    /// violation, and take no more memory than a request may have.
    #[test]
    fn any_bytes_are_requests_or_a_violation() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).unwrap() % below
        };
        let alphabet = b"*$+-:0123456789\r\n\r\n\"'\\x GETSk\xff\0";
        let valid = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n".repeat(3);
        for _ in 0..20_000 {
            let mut bytes = if random(2) == 0 { valid.clone() } else { vec![0; random(200)] };
            let is_random = bytes.first() == Some(&0);
            for byte in &mut bytes {
                if is_random || random(20) == 0 {
                    *byte = alphabet[random(alphabet.len())];
                }
            }
            let piece = 1 + random(40);
            let whole = requests(&bytes, usize::MAX);
            assert_eq!(requests(&bytes, piece), whole, "{:?}", bytes.escape_ascii().to_string());
        }
    }
}
