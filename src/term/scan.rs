//! Walking over a term without building anything.

use smallvec::SmallVec;

use super::error::DecodeError;
use super::reader::Reader;
use super::stack;
use super::tag;

/// How deep terms may be nested: so many containers in one another.
pub(super) const MAX_DEPTH: usize = 512;

/// How many terms a term may be made of, where some [count](Head) as several. Each takes up to 32
/// bytes, which are together four times as much as the largest frame, 128 MiB, takes.
pub(super) const MAX_TERMS: usize = 4 * (128 << 20) / 32;

/// What is said of a term that is too deep.
pub(super) fn too_deep() -> String {
    format!("a term deeper than {MAX_DEPTH}")
}

/// What is known of a term that has been walked over; of what is inside of another, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// How many containers are in one another, at most; not counted beyond [`MAX_DEPTH`].
    depth: usize,
    /// How many terms it is made of, itself included, where some count as several.
    terms: usize,
    is_too_deep: bool,
}

impl Scan {
    /// Fails if the term, which began at `start`, is larger than a receiver may be made to build.
    pub(super) fn check_limits(self, start: usize) -> Result<(), DecodeError> {
        if self.is_too_deep {
            return Err(DecodeError::too_large(start, too_deep()));
        }
        if self.terms > MAX_TERMS {
            let text = format!("{} terms, where {MAX_TERMS} are allowed", self.terms);
            return Err(DecodeError::too_large(start, text));
        }
        Ok(())
    }

    /// Fails if the term, which began at `start`, cannot be built here: also if it is too deep for
    /// the stack that is left.
    pub(super) fn check(self, start: usize) -> Result<(), DecodeError> {
        self.check_limits(start)?;
        if !stack::has_room_for(self.depth) {
            let text =
                format!("a term {} deep, for which there is no room on the stack", self.depth);
            return Err(DecodeError::too_large(start, text));
        }
        Ok(())
    }

    pub(super) fn depth(self) -> usize {
        self.depth
    }
}

/// Moves `reader` behind the term that it stands before, and checks all of it: tags, lengths and
/// counts against the bytes that are left, floats, the text of atoms.
///
/// It takes no memory that grows with the input: of each open container it knows how many terms of
/// it are to come, and beyond [`MAX_DEPTH`] only how many there are in all.
pub(super) fn scan(reader: &mut Reader<'_>) -> Result<Scan, DecodeError> {
    let mut scan = Scan { depth: 0, terms: 0, is_too_deep: false };
    let mut open: SmallVec<[Open; 16]> = SmallVec::new();
    let mut pending = 1_usize;
    while pending > 0 {
        let start = reader.position();
        // Where the terms inside have to end, if they have to.
        let mut end = None;
        // What is too deep is not handed on, so it does not matter what is in a fun there.
        let Head { inside, weight } = if reader.peek() == Some(tag::FUN) && !scan.is_too_deep {
            let (head, behind) = fun_head(reader)?;
            end = Some(behind);
            head
        } else {
            head(reader)?
        };
        scan.terms = scan.terms.saturating_add(weight);
        // No term is shorter than a byte. So what is pending never exceeds the bytes, either.
        pending = (pending - 1).saturating_add(inside);
        if pending > reader.left() {
            return Err(DecodeError::malformed(start, "more is announced than there is"));
        }
        if inside > 0 && open.len() == MAX_DEPTH {
            scan.is_too_deep = true;
        }
        if scan.is_too_deep {
            continue;
        }
        if inside > 0 {
            open.push(Open { left: inside, end });
            scan.depth = scan.depth.max(open.len());
            continue;
        }
        check_end(reader, end)?;
        // It is complete, and so are those that it was the last term of.
        while let Some(last) = open.last_mut() {
            last.left -= 1;
            if last.left > 0 {
                break;
            }
            check_end(reader, last.end)?;
            open.pop();
        }
    }
    Ok(scan)
}

/// A container of which terms are to come.
struct Open {
    left: usize,
    /// Where it has to end.
    end: Option<usize>,
}

/// Fails if a fun, of which all terms have been read, is not as long as it has said.
fn check_end(reader: &Reader<'_>, end: Option<usize>) -> Result<(), DecodeError> {
    if end.is_none_or(|end| end == reader.position()) {
        return Ok(());
    }
    Err(DecodeError::malformed(reader.position(), "a fun of another size than it has said"))
}

/// Moves `reader` behind the term that it stands before, which has been scanned.
pub(super) fn skip(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let mut pending = 1_usize;
    while pending > 0 {
        pending = (pending - 1).saturating_add(head(reader)?.inside);
    }
    Ok(())
}

/// Moves `reader` behind what a term has before the terms inside of it.
pub(super) fn skip_head(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    head(reader).map(|_| ())
}

/// What a term is besides those that follow.
struct Head {
    /// How many terms follow that are part of it.
    inside: usize,
    /// As how many terms it counts: with the memory that it needs elsewhere, a string as what is
    /// in it. Never as more than it has bytes.
    weight: usize,
}

/// Terms that have a small allocation of their own.
const OWNING: usize = 2;
/// Those with one in which there is an atom, with its own: a pid, a port, a fun.
const BOXED: usize = 4;
/// Those with a larger one, or with two atoms.
const LARGE: usize = 5;

/// Reads a term but for those inside it.
fn head(reader: &mut Reader<'_>) -> Result<Head, DecodeError> {
    let start = reader.position();
    let (mut inside, mut weight) = (0, 1);
    match reader.u8()? {
        tag::SMALL_INTEGER => _ = reader.take(1)?,
        tag::NIL => {}
        tag::SMALL_TUPLE => inside = reader.u8()?.into(),
        tag::LARGE_TUPLE => inside = reader.length()?,
        // And the tail.
        tag::LIST => inside = reader.length()?.saturating_add(1),
        tag::MAP => inside = reader.length()?.saturating_mul(2),
        tag::STRING => {
            let bytes = reader.u16()?.into();
            reader.take(bytes)?;
            weight += bytes;
        }
        tag::BINARY => {
            let length = reader.length()?;
            reader.take(length)?;
            weight = OWNING;
        }
        tag::FLOAT => _ = reader.float()?,
        tag::BIT_STRING => {
            reader.bits()?;
            weight = OWNING;
        }
        tag::PID => {
            pid_fields(reader)?;
            weight = BOXED;
        }
        tag::REFERENCE => {
            let count = reader.word_count()?;
            reader.inner_atom()?;
            reader.take(4 + 4 * count)?;
            weight = LARGE;
        }
        tag::PORT => {
            reader.inner_atom()?;
            reader.take(8)?;
            weight = BOXED;
        }
        tag::LARGE_PORT => {
            reader.inner_atom()?;
            reader.take(12)?;
            weight = BOXED;
        }
        tag::FUN => {
            reader.fun()?;
            weight = BOXED;
        }
        tag::EXPORT => {
            reader.inner_atom()?;
            reader.inner_atom()?;
            reader.inner_byte()?;
            weight = LARGE;
        }
        tag::INTEGER => _ = reader.take(4)?,
        tag => {
            let known = reader.integer(tag)?.is_some() || reader.atom(tag)?.is_some();
            if !known {
                return Err(DecodeError::malformed(start, format!("no term begins with {tag}")));
            }
            weight = OWNING;
        }
    }
    Ok(Head { inside, weight })
}

fn pid_fields(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    reader.inner_atom()?;
    reader.take(12).map(|_| ())
}

/// Reads a fun but for its free variables, which are the terms inside, and returns where it has to
/// end. Others than this node will read it, and end the connection if they cannot.
fn fun_head(reader: &mut Reader<'_>) -> Result<(Head, usize), DecodeError> {
    let mut behind = reader.clone();
    head(&mut behind)?;
    /// The size, the arity, what tells versions of a module apart, and the index.
    const BEFORE_COUNT: usize = 4 + 1 + 16 + 4;
    reader.take(1 + BEFORE_COUNT)?;
    let inside = reader.length()?;
    reader.inner_atom()?;
    for _ in 0..2 {
        // The index and the version as they were once.
        let start = reader.position();
        let tag = reader.u8()?;
        if reader.integer(tag)?.is_none() {
            return Err(DecodeError::malformed(start, "an integer must stand here"));
        }
    }
    let start = reader.position();
    if reader.u8()? != tag::PID {
        return Err(DecodeError::malformed(start, "a pid must stand here"));
    }
    pid_fields(reader)?;
    Ok((Head { inside, weight: BOXED }, behind.position()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(bytes: &[u8]) -> (Scan, usize) {
        let mut reader = Reader::new(bytes, 0);
        let scan = scan(&mut reader).unwrap();
        (scan, reader.position())
    }

    #[test]
    fn it_says_where_a_term_ends_how_deep_it_is_and_of_how_many_terms() {
        // {[1 | {}], #{[] => "ab"}}, 7
        let bytes = [
            104, 2, 108, 0, 0, 0, 1, 97, 1, 104, 0, 116, 0, 0, 0, 1, 106, 107, 0, 2, 97, 98, 97, 7,
        ];
        let (scan, end) = scanned(&bytes);
        assert_eq!((end, scan.depth, scan.terms), (22, 2, 9));
    }

    /// `fun` of a module `u`, with these free variables: the size, and what follows it.
    fn fun(count: u32, variables: &[u8]) -> Vec<u8> {
        let head = [&[1][..], &[7; 16], &[0, 0, 0, 1], &count.to_be_bytes()].concat();
        let names = b"w\x01ua\x01b\x06\x06\xea\x2dXw\x03n@h\0\0\0\x09\0\0\0\0\0\0\0\0";
        let size = (4 + head.len() + names.len() + variables.len()) as u32;
        [&[112][..], &size.to_be_bytes(), &head, names, variables].concat()
    }

    #[track_caller]
    fn error(bytes: &[u8]) -> String {
        scan(&mut Reader::new(bytes, 0)).unwrap_err().to_string()
    }

    /// OTP ends the connection over which another one comes, wherever it comes from.
    #[test]
    fn it_sees_that_a_fun_is_one() {
        let none = fun(0, &[]);
        assert_eq!(scanned(&none).1, none.len());
        // {[], 1}
        let two = fun(2, &[106, 97, 1]);
        let (scan, end) = scanned(&two);
        assert_eq!((end, scan.depth, scan.terms), (two.len(), 1, 6));
        // Inside of others, and with more behind it.
        let nested = [&[104, 2][..], &fun(1, &fun(1, &two)), &[106]].concat();
        let (scan, end) = scanned(&nested);
        assert_eq!((end, scan.depth, scan.terms), (nested.len(), 4, 16));

        let text = "a fun of another size than it has said, at byte";
        assert_eq!(error(&fun(0, &[106])), format!("{text} {}", none.len()));
        assert_eq!(
            error(&[&fun(1, &[]), &[106][..]].concat()),
            format!("{text} {}", none.len() + 1)
        );
        assert_eq!(error(&fun(2, &[106])), "more is announced than there is, at byte 0");
        assert_eq!(error(&[112, 0, 0, 0, 6, 1, 2]), "the term is cut short, at byte 7");
        let mut other = fun(0, &[]);
        other[30] = 106;
        assert_eq!(error(&other), "an atom must stand here, at byte 30");
        let mut other = fun(0, &[]);
        other[33] = 106;
        assert_eq!(error(&other), "an integer must stand here, at byte 33");
        let mut other = fun(0, &[]);
        other[40] = 106;
        assert_eq!(error(&other), "a pid must stand here, at byte 40");
    }

    /// As a term it is refused, so nobody gets what is in there.
    #[test]
    fn it_takes_a_fun_as_it_is_that_is_too_deep() {
        let bytes = [[104, 1].repeat(513), vec![112, 0, 0, 0, 5, 9]].concat();
        let (scan, end) = scanned(&bytes);
        assert_eq!((end, scan.is_too_deep), (bytes.len(), true));
    }

    #[test]
    fn it_goes_on_where_a_term_is_too_deep_for_its_stack() {
        let mut bytes = [104, 1].repeat(100_000);
        bytes.push(106);
        let (scan, end) = scanned(&bytes);
        assert_eq!((end, scan.terms, scan.is_too_deep), (200_001, 100_001, true));

        bytes.pop();
        assert!(super::scan(&mut Reader::new(&bytes, 0)).is_err());
    }
}
