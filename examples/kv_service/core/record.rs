//! The append-only file: what has changed, written as commands that set it right again.
//!
//! Each record says what is there now, not what was done, and expiry as a time of the clock. So it
//! does not matter when a record is read, nor how often.

use std::error::Error;
use std::fmt;
use std::io::{self, Read};

use redis_protocol::resp2::types::BorrowedFrame;

use super::input::{Arguments, Input, ProtocolError};
use super::number::integer;
use super::reply::encode_frame;
use super::store::{Change, Entry};
use super::{Bytes, Millis};

/// What has happened to the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Change(Bytes, Change),
    Clear,
}

impl Record {
    /// Appends the record as it is in the file.
    pub(crate) fn encode(&self, output: &mut Vec<u8>) {
        match self {
            Record::Clear => encode_words(&[b"FLUSHDB"], output),
            Record::Change(key, change) => encode_change(key, change, output),
        }
    }

    fn decode(arguments: &Arguments<'_>) -> Option<Record> {
        let words: Vec<&[u8]> = arguments.iter().map(AsRef::as_ref).collect();
        let change = match words[..] {
            [b"SET", _, value] => Change::Put(Entry { value: value.into(), expires: None }),
            [b"SET", _, value, b"PXAT", at] => {
                Change::Put(Entry { value: value.into(), expires: Some(integer(at)?) })
            }
            [b"PEXPIREAT", _, at] => Change::ExpireAt(integer(at)?),
            [b"DEL", _] => Change::Remove,
            [b"FLUSHDB"] => return Some(Record::Clear),
            _ => return None,
        };
        Some(Record::Change(words[1].into(), change))
    }
}

/// Appends the record of a change, if it is one.
pub(crate) fn encode_change(key: &[u8], change: &Change, output: &mut Vec<u8>) {
    let text = |at: &Millis| at.to_string().into_bytes();
    match change {
        Change::Nothing => {}
        Change::Put(Entry { value, expires: None }) => {
            encode_words(&[b"SET", key, value], output);
        }
        Change::Put(Entry { value, expires: Some(at) }) => {
            encode_words(&[b"SET", key, value, b"PXAT", &text(at)], output);
        }
        Change::ExpireAt(at) => encode_words(&[b"PEXPIREAT", key, &text(at)], output),
        Change::Remove => encode_words(&[b"DEL", key], output),
    }
}

fn encode_words(words: &[&[u8]], output: &mut Vec<u8>) {
    let mut frames = [const { BorrowedFrame::Null }; 5];
    for (frame, &word) in frames.iter_mut().zip(words) {
        *frame = BorrowedFrame::BulkString(word);
    }
    encode_frame(&BorrowedFrame::Array(&frames[..words.len()]), output);
}

/// How much of a file is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The length of the records.
    pub(crate) whole: u64,
    /// What follows them: a record that was being written when the machine stopped.
    pub(crate) torn: u64,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Io(io::Error),
    /// There is something at this place that is no record.
    Malformed {
        at: u64,
        what: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => error.fmt(f),
            ReadError::Malformed { at, what } => write!(f, "no record at byte {at}: {what}"),
        }
    }
}

impl Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

/// Reads all records. What follows the last one is torn if it is the beginning of a record, or if
/// it is nothing but zeros, as some file systems leave them; all else is an error.
pub(crate) fn read_all(
    mut file: impl Read,
    mut restore: impl FnMut(Record),
) -> Result<Extent, ReadError> {
    let mut input = Input::default();
    let mut extent = Extent { whole: 0, torn: 0 };
    let mut read = 0;
    loop {
        let length = input.fill(&mut file)?;
        read += length as u64;
        if length == 0 {
            extent.torn = input.rest().len() as u64;
            return Ok(extent);
        }
        loop {
            if input.rest().first() == Some(&0) {
                extent.torn = zeros(&mut file, input.rest(), extent.whole)?;
                return Ok(extent);
            }
            match input.next().map_err(|error| malformed(extent.whole, &error))? {
                None => break,
                Some(arguments) => restore(
                    Record::decode(&arguments).ok_or_else(|| unknown(extent.whole, &arguments))?,
                ),
            }
            extent.whole = read - input.rest().len() as u64;
        }
    }
}

fn malformed(at: u64, error: &ProtocolError) -> ReadError {
    ReadError::Malformed { at, what: error.to_string() }
}

fn unknown(at: u64, arguments: &Arguments<'_>) -> ReadError {
    let name = arguments.first().map_or("nothing".into(), |name| name.escape_ascii().to_string());
    ReadError::Malformed { at, what: format!("unknown command {name}") }
}

/// Returns how many zeros there are, from those in `rest` up to the end of the file.
fn zeros(file: &mut impl Read, rest: &[u8], at: u64) -> Result<u64, ReadError> {
    let mut bytes = rest.to_vec();
    file.read_to_end(&mut bytes)?;
    if bytes.iter().any(|&byte| byte != 0) {
        return Err(ReadError::Malformed { at, what: "zeros".to_owned() });
    }
    Ok(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let put =
            |value: &str, expires| Change::Put(Entry { value: value.as_bytes().into(), expires });
        let change = |key: &str, change| Record::Change(key.as_bytes().into(), change);
        vec![
            change("a", put("1", None)),
            change("b\r\n", put("2\r\n*", Some(1_700_000_000_000))),
            change("a", Change::ExpireAt(1_800_000_000_000)),
            change("a", Change::Remove),
            Record::Clear,
            change("", put("", None)),
        ]
    }

    fn encode(records: &[Record]) -> Vec<u8> {
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.encode(&mut bytes));
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<Record>, Result<Extent, ReadError>) {
        let mut records = Vec::new();
        let extent = read_all(bytes, |record| records.push(record));
        (records, extent)
    }

    #[test]
    fn records_are_commands_that_redis_knows() {
        let text = encode(&records()[1..4]).escape_ascii().to_string();
        let expected = "*5\\r\\n$3\\r\\nSET\\r\\n$3\\r\\nb\\r\\n\\r\\n$4\\r\\n2\\r\\n*\\r\\n\
                        $4\\r\\nPXAT\\r\\n$13\\r\\n1700000000000\\r\\n\
                        *3\\r\\n$9\\r\\nPEXPIREAT\\r\\n$1\\r\\na\\r\\n$13\\r\\n1800000000000\\r\\n\
                        *2\\r\\n$3\\r\\nDEL\\r\\n$1\\r\\na\\r\\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = encode(&records());
        let (read, extent) = read(&bytes);
        assert_eq!(read, records());
        assert_eq!(extent.unwrap(), Extent { whole: bytes.len() as u64, torn: 0 });
        assert_eq!(encode(&[Record::Change(b"a"[..].into(), Change::Nothing)]), b"");
    }

    #[test]
    fn a_torn_tail_is_found_wherever_it_is_torn() {
        let (whole, last) = (encode(&records()[..5]), encode(&records()[5..]));
        for torn in 0..last.len() {
            let (read, extent) = read(&[&whole[..], &last[..torn]].concat());
            assert_eq!(read, records()[..5]);
            let expected = Extent { whole: whole.len() as u64, torn: torn as u64 };
            assert_eq!(extent.unwrap(), expected);
        }
    }

    #[test]
    fn a_tail_of_zeros_is_torn() {
        let whole = encode(&records());
        let (read, extent) = read(&[&whole[..], &[0; 100_000]].concat());
        assert_eq!(read, records());
        assert_eq!(extent.unwrap(), Extent { whole: whole.len() as u64, torn: 100_000 });
    }

    #[track_caller]
    fn assert_refused(bytes: &[u8], expected: &str) {
        assert_eq!(read(bytes).1.unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_is_no_record_is_refused_and_named() {
        let whole = encode(&records()[3..5]);
        let after = |text: &str| [&whole[..], text.as_bytes()].concat();
        let at = whole.len();
        assert_refused(
            &after("*1\r\n$-5\r\n"),
            &format!("no record at byte {at}: Protocol error: invalid bulk length"),
        );
        assert_refused(&after("GET a\n"), &format!("no record at byte {at}: unknown command GET"));
        assert_refused(&after("\0\0*1"), &format!("no record at byte {at}: zeros"));
        assert_refused(
            &after("*0\r\n"),
            &format!("no record at byte {at}: unknown command nothing"),
        );
    }
}
