//! Building terms out of bytes.

use super::atom::Atom;
use super::binary;
use super::error::DecodeError;
use super::external::{ExternalFun, ExternalPid, ExternalPort, ExternalRef, Fun};
use super::integer::Integer;
use super::map::Map;
use super::reader::{Number, Reader};
use super::scan::{MAX_DEPTH, scan};
use super::tag;
use super::{BitString, ImproperList, Term};

/// For how many elements there is room before the first has been read.
pub(super) const MAX_RESERVED: usize = 4096;

/// Returns a reader before the one term that `bytes` are, whose version has been read.
pub(super) fn open(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(bytes, 0);
    version(&mut reader)?;
    let term = reader.clone();
    let start = reader.position();
    let scan = scan(&mut reader)?;
    end(&reader)?;
    scan.check(start)?;
    Ok(term)
}

/// Reads the version that stands before a term.
pub(super) fn version(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let start = reader.position();
    match reader.u8()? {
        tag::VERSION => Ok(()),
        other => {
            let text = format!("a term begins with {}, not with {other}", tag::VERSION);
            Err(DecodeError::malformed(start, text))
        }
    }
}

/// Fails if something follows the term that has been read.
pub(super) fn end(reader: &Reader<'_>) -> Result<(), DecodeError> {
    match reader.left() {
        0 => Ok(()),
        left => {
            let text = format!("{left} bytes follow the term");
            Err(DecodeError::malformed(reader.position(), text))
        }
    }
}

/// Reads a term. It relies on nothing: a reader that does not end in time, and a term that is too
/// deep, are errors here as well.
pub(super) fn term(reader: &mut Reader<'_>) -> Result<Term, DecodeError> {
    inner(reader, 0)
}

/// Reads a term in so many containers. It calls itself, as deep as the term is.
fn inner(reader: &mut Reader<'_>, depth: usize) -> Result<Term, DecodeError> {
    let start = reader.position();
    match reader.u8()? {
        tag::SMALL_TUPLE => {
            let arity = reader.u8()?;
            tuple(reader, arity.into(), depth)
        }
        tag::LARGE_TUPLE => {
            let arity = reader.length()?;
            tuple(reader, arity, depth)
        }
        tag @ (tag::NIL | tag::STRING | tag::LIST) => list(reader, tag, depth),
        tag::MAP => map(reader, start, depth),
        tag => leaf(reader, tag),
    }
}

fn tuple(reader: &mut Reader<'_>, arity: usize, depth: usize) -> Result<Term, DecodeError> {
    let mut items = Vec::new();
    extend(&mut items, reader, arity, depth)?;
    Ok(Term::Tuple(items))
}

fn extend(
    items: &mut Vec<Term>,
    reader: &mut Reader<'_>,
    count: usize,
    depth: usize,
) -> Result<(), DecodeError> {
    let depth = deeper(reader, depth)?;
    let are_first = items.is_empty();
    for left in (1..=count).rev() {
        if are_first {
            make_room(items, left);
        }
        // A list may come as many of one element, each the tail of the one before.
        items.push(inner(reader, depth)?);
    }
    Ok(())
}

/// Makes room for the next of `left` elements: for all in the end, and never for more. So much of
/// it is made ahead as there is already.
fn make_room<T>(items: &mut Vec<T>, left: usize) {
    if items.len() == items.capacity() {
        items.reserve_exact(left.min(items.len().max(MAX_RESERVED)));
    }
}

/// Returns the depth inside of a container at that depth.
fn deeper(reader: &Reader<'_>, depth: usize) -> Result<usize, DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::too_large(reader.position(), "a term that is too deep"));
    }
    Ok(depth + 1)
}

/// A list whose tail is a list is one list, however many follow each other.
fn list(reader: &mut Reader<'_>, mut tag: u8, depth: usize) -> Result<Term, DecodeError> {
    let mut items = Vec::new();
    loop {
        match tag {
            tag::STRING => {
                let length = reader.u16()?;
                let bytes = reader.take(length.into())?;
                if items.is_empty() {
                    items.reserve_exact(bytes.len());
                }
                items.extend(bytes.iter().map(|&byte| Term::Integer(byte.into())));
                return Ok(Term::List(items));
            }
            tag::LIST => {
                let count = reader.length()?;
                extend(&mut items, reader, count, depth)?;
            }
            _ => return Ok(Term::List(items)),
        }
        match reader.peek() {
            Some(next @ (tag::NIL | tag::STRING | tag::LIST)) => {
                tag = next;
                reader.take(1)?;
            }
            Some(_) | None => return Ok(ImproperList::new(items, inner(reader, depth)?)),
        }
    }
}

fn map(reader: &mut Reader<'_>, start: usize, depth: usize) -> Result<Term, DecodeError> {
    let (count, depth) = (reader.length()?, deeper(reader, depth)?);
    let mut pairs = Vec::new();
    for left in (1..=count).rev() {
        make_room(&mut pairs, left);
        let key = inner(reader, depth)?;
        pairs.push((key, inner(reader, depth)?));
    }
    let map = Map::from_pairs(pairs);
    map.map(Term::Map).ok_or_else(|| DecodeError::malformed(start, "a map with one key twice"))
}

/// Reads a term whose tag was read and which has no terms inside.
fn leaf(reader: &mut Reader<'_>, tag: u8) -> Result<Term, DecodeError> {
    Ok(match tag {
        tag::FLOAT => Term::Float(reader.float()?),
        tag::BINARY => {
            let length = reader.length()?;
            Term::Binary(binary::read(reader.take(length)?))
        }
        tag::BIT_STRING => {
            let (bytes, bits) = reader.bits()?;
            BitString::new(bytes, bits)
        }
        tag::PID => Term::Pid(Box::new(pid(reader, tag)?)),
        tag::REFERENCE => Term::Reference(Box::new(reference(reader, tag)?)),
        tag::PORT | tag::LARGE_PORT => Term::Port(Box::new(port(reader, tag)?)),
        tag::FUN => Term::Fun(Box::new(fun(reader, tag)?)),
        tag::EXPORT => Term::ExternalFun(Box::new(external_fun(reader, tag)?)),
        tag => {
            let start = reader.position();
            if let Some(number) = reader.integer(tag)? {
                integer(&number)
            } else if let Some(name) = reader.atom(tag)? {
                Term::Atom(named(&name, start)?)
            } else {
                return Err(DecodeError::malformed(start, format!("no term begins with {tag}")));
            }
        }
    })
}

fn integer(number: &Number<'_>) -> Term {
    match *number {
        Number::Small(number) => Term::Integer(number.into()),
        Number::Big { negative, magnitude } => match Integer::new(negative, magnitude) {
            Integer::Small(number) => Term::Integer(number),
            Integer::Big(number) => Term::BigInteger(number),
        },
    }
}

/// Reads an atom that is part of something.
fn atom(reader: &mut Reader<'_>) -> Result<Atom, DecodeError> {
    let start = reader.position();
    named(&reader.inner_atom()?, start)
}

fn named(name: &str, start: usize) -> Result<Atom, DecodeError> {
    Atom::new(name).map_err(|error| DecodeError::malformed(start, error.to_string()))
}

/// Reads what follows the tag of a pid; as the next ones do for other kinds.
pub(super) fn pid(reader: &mut Reader<'_>, _: u8) -> Result<ExternalPid, DecodeError> {
    let node = atom(reader)?;
    Ok(ExternalPid { node, id: reader.u32()?, serial: reader.u32()?, creation: reader.u32()? })
}

pub(super) fn reference(reader: &mut Reader<'_>, _: u8) -> Result<ExternalRef, DecodeError> {
    let count = reader.word_count()?;
    let (node, creation) = (atom(reader)?, reader.u32()?);
    let mut words = [0; ExternalRef::MAX_WORDS];
    for word in &mut words[..count] {
        *word = reader.u32()?;
    }
    Ok(ExternalRef::new(node, creation, &words[..count]))
}

pub(super) fn port(reader: &mut Reader<'_>, tag: u8) -> Result<ExternalPort, DecodeError> {
    let node = atom(reader)?;
    let id = if tag == tag::LARGE_PORT { reader.u64()? } else { reader.u32()?.into() };
    Ok(ExternalPort { node, id, creation: reader.u32()? })
}

pub(super) fn external_fun(reader: &mut Reader<'_>, _: u8) -> Result<ExternalFun, DecodeError> {
    let (module, function) = (atom(reader)?, atom(reader)?);
    Ok(ExternalFun { module, function, arity: reader.inner_byte()? })
}

pub(super) fn fun(reader: &mut Reader<'_>, _: u8) -> Result<Fun, DecodeError> {
    reader.fun().map(Fun::new)
}

#[cfg(test)]
mod tests {
    use crate::term::DecodeErrorKind;

    use super::*;

    fn error(bytes: &[u8]) -> (DecodeErrorKind, String) {
        let error = term(&mut Reader::new(bytes, 0)).unwrap_err();
        (error.kind(), error.text().to_owned())
    }

    /// What it is given has been scanned. If that was wrong once, it would be an error.
    #[test]
    fn it_relies_on_nothing() {
        let too_deep = (DecodeErrorKind::TooLarge, "a term that is too deep".to_owned());
        assert_eq!(error(&[104, 1].repeat(600)), too_deep);
        assert_eq!(error(&[108, 0, 0, 0, 1].repeat(600)), too_deep);
        assert_eq!(error(&[116, 0, 0, 0, 1].repeat(600)), too_deep);

        let malformed = |text: &str| (DecodeErrorKind::Malformed, text.to_owned());
        assert_eq!(error(&[80]), malformed("no term begins with 80"));
        for tag in [105, 108, 109, 111, 112, 116] {
            assert_eq!(error(&[tag, 255, 255, 255, 255]), malformed("the term is cut short"));
        }
        assert_eq!(error(&[112, 0, 0, 0, 3]), malformed("a fun that is shorter than its size"));
    }

    #[test]
    fn a_list_has_room_for_its_elements_only() {
        let room = |bytes: &[u8]| {
            let term = term(&mut Reader::new(bytes, 0)).unwrap();
            let (Term::List(items) | Term::Tuple(items)) = term else { unreachable!() };
            (items.len(), items.capacity())
        };
        assert_eq!(room(&[104, 1, 106]), (1, 1));
        assert_eq!(room(&[108, 0, 0, 0, 1, 106, 106]), (1, 1));
        assert_eq!(room(&[107, 0, 1, 7]), (1, 1));
        let many = [&[105][..], &9001_u32.to_be_bytes(), &[106; 9001]].concat();
        assert_eq!(room(&many), (9001, 9001));
    }
}
