//! Walking over a term without building anything.

use smallvec::SmallVec;

use super::error::DecodeError;
use super::reader::Reader;
use super::tag;

/// How deep terms may be nested: so many containers in one another.
pub(super) const MAX_DEPTH: usize = 512;

/// How many terms a term may be made of. Each takes up to 32 bytes, which are together four times
/// as much as the largest frame, 128 MiB, takes.
pub(super) const MAX_TERMS: usize = 4 * (128 << 20) / 32;

/// What is said of a term that is too deep.
pub(super) fn too_deep() -> String {
    format!("a term deeper than {MAX_DEPTH}")
}

/// What is known of a term that has been walked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// How many containers are in one another, at most; not counted beyond [`MAX_DEPTH`].
    depth: usize,
    /// How many terms it is made of, itself included. The bytes of a list of bytes count.
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

    pub(super) fn is_within_limits(self) -> bool {
        !self.is_too_deep && self.terms <= MAX_TERMS
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
    let mut open: SmallVec<[usize; 16]> = SmallVec::new();
    let mut pending = 1_usize;
    while pending > 0 {
        let start = reader.position();
        let Head { inside, bytes } = head(reader)?;
        scan.terms += 1 + bytes;
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
            open.push(inside);
            scan.depth = scan.depth.max(open.len());
            continue;
        }
        // It is complete, and so are those that it was the last term of.
        while let Some(left) = open.last_mut() {
            *left -= 1;
            if *left > 0 {
                break;
            }
            open.pop();
        }
    }
    Ok(scan)
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
    /// How many bytes of it are terms.
    bytes: usize,
}

/// Reads a term but for those inside it.
fn head(reader: &mut Reader<'_>) -> Result<Head, DecodeError> {
    let start = reader.position();
    let (mut inside, mut bytes) = (0, 0);
    match reader.u8()? {
        tag::SMALL_INTEGER => _ = reader.take(1)?,
        tag::NIL => {}
        tag::SMALL_TUPLE => inside = reader.u8()?.into(),
        tag::LARGE_TUPLE => inside = reader.length()?,
        // And the tail.
        tag::LIST => inside = reader.length()?.saturating_add(1),
        tag::MAP => inside = reader.length()?.saturating_mul(2),
        tag::STRING => {
            bytes = reader.u16()?.into();
            reader.take(bytes)?;
        }
        tag::BINARY => {
            let length = reader.length()?;
            reader.take(length)?;
        }
        tag::FLOAT => _ = reader.float()?,
        tag::BIT_STRING => _ = reader.bits()?,
        tag::PID => {
            reader.inner_atom()?;
            reader.take(12)?;
        }
        tag::REFERENCE => {
            let count = reader.word_count()?;
            reader.inner_atom()?;
            reader.take(4 + 4 * count)?;
        }
        tag::PORT => {
            reader.inner_atom()?;
            reader.take(8)?;
        }
        tag::LARGE_PORT => {
            reader.inner_atom()?;
            reader.take(12)?;
        }
        tag::FUN => _ = reader.fun()?,
        tag::EXPORT => {
            reader.inner_atom()?;
            reader.inner_atom()?;
            reader.inner_byte()?;
        }
        tag => {
            let known = reader.integer(tag)?.is_some() || reader.atom(tag)?.is_some();
            if !known {
                return Err(DecodeError::malformed(start, format!("no term begins with {tag}")));
            }
        }
    }
    Ok(Head { inside, bytes })
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
