//! The beginning of a term as text, for errors: without the term being built.

use std::fmt::{Display, Write};

use super::access::Cells;
use super::bounded::Bounded;
use super::decode;
use super::print::{AtomText, BinaryText, FunText, StringText, is_printable};
use super::reader::{Number, Reader};
use super::tag;

/// Returns the first `max` characters of the term that comes next, as it prints; three points
/// follow if that is not all, as they do where it is too deep. A map prints its keys in the order
/// in which they came.
///
/// What it costs depends on `max`, not on the term: so a long list is a string if it begins as one.
pub(super) fn excerpt(reader: &mut Reader<'_>, max: usize) -> String {
    let mut printer = Printer { out: Bounded::new(max), depth: 0 };
    if printer.term(reader).is_none() {
        printer.out.cut();
    }
    printer.out.finish()
}

/// How many containers in one another are printed. It is no matter of the stack then, which may be
/// small where something is refused.
const MAX_DEPTH: usize = 16;

/// From more bytes than this on, integers print to the base 16, unless there is room for them.
const LONG: usize = 100;

struct Printer {
    out: Bounded,
    /// How many containers what is printed is inside of.
    depth: usize,
}

/// What each method returns: nothing if there is no more room, or no more of the term.
type Printed = Option<()>;

impl Printer {
    fn print(&mut self, text: impl Display) -> Printed {
        write!(self.out, "{text}").ok()
    }

    /// Prints a term. It calls itself for what is inside a container, until that is too deep.
    fn term(&mut self, reader: &mut Reader<'_>) -> Printed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.inner(reader)?;
        self.depth -= 1;
        Some(())
    }

    fn inner(&mut self, reader: &mut Reader<'_>) -> Printed {
        if let Some(arity) = reader.next_tuple().ok()? {
            self.print("{")?;
            self.terms(reader, arity)?;
            return self.print("}");
        }
        if let Some(bytes) = reader.next_binary().ok()? {
            return self.print(BinaryText(self.beginning(bytes)));
        }
        if let Some(name) = reader.next_atom().ok()? {
            return self.print(AtomText(&name));
        }
        match reader.peek()? {
            tag::NIL | tag::STRING | tag::LIST => self.list(reader),
            tag::MAP => self.map(reader),
            _ => self.leaf(reader),
        }
    }

    /// Prints so many terms, with commas between.
    fn terms(&mut self, reader: &mut Reader<'_>, count: usize) -> Printed {
        for index in 0..count {
            if index > 0 {
                self.print(",")?;
            }
            self.term(reader)?;
        }
        Some(())
    }

    fn map(&mut self, reader: &mut Reader<'_>) -> Printed {
        reader.u8().ok()?;
        self.print("#{")?;
        for index in 0..reader.length().ok()? {
            if index > 0 {
                self.print(",")?;
            }
            self.term(reader)?;
            self.print(" => ")?;
            self.term(reader)?;
        }
        self.print("}")
    }

    /// The tail of a list may be a list, too.
    fn list(&mut self, reader: &mut Reader<'_>) -> Printed {
        let mut behind = reader.clone();
        if let Some(characters) = characters(&mut behind, self.out.left()) {
            self.print(StringText(&characters))?;
            *reader = behind;
            return Some(());
        }
        self.print("[")?;
        let mut separator = "";
        loop {
            match reader.peek()? {
                tag::NIL => {
                    reader.u8().ok()?;
                    return self.print("]");
                }
                tag::STRING => {
                    reader.u8().ok()?;
                    let length = reader.u16().ok()?;
                    for byte in reader.take(length.into()).ok()? {
                        self.print(separator)?;
                        self.print(byte)?;
                        separator = ",";
                    }
                    return self.print("]");
                }
                tag::LIST => {
                    reader.u8().ok()?;
                    let count = reader.length().ok()?;
                    if count > 0 {
                        self.print(separator)?;
                        self.terms(reader, count)?;
                        separator = ",";
                    }
                }
                _ => {
                    self.print("|")?;
                    self.term(reader)?;
                    return self.print("]");
                }
            }
        }
    }

    /// Prints what has no terms inside, and is neither a binary nor an atom.
    fn leaf(&mut self, reader: &mut Reader<'_>) -> Printed {
        let start = reader.clone();
        let tag = reader.u8().ok()?;
        match tag {
            tag::FUN => return self.print(FunText(reader.fun().ok()?)),
            tag::BIT_STRING => {
                let (bytes, _) = reader.bits().ok()?;
                if bytes.len() > self.out.left() {
                    self.print("<<")?;
                    bytes.iter().try_for_each(|byte| self.print(format_args!("{byte},")))?;
                }
            }
            tag::SMALL_BIG | tag::LARGE_BIG => {
                if let Number::Big { negative, magnitude } = reader.integer(tag).ok()??
                    // Decimal digits of a long number take long, and the first come last.
                    && magnitude.len() > self.out.left().max(LONG)
                {
                    self.print(if negative { "-16#" } else { "16#" })?;
                    let mut digits = magnitude.iter().rev();
                    digits.try_for_each(|byte| self.print(format_args!("{byte:02X}")))?;
                }
            }
            _ => {}
        }
        *reader = start;
        let leaf = decode::term(reader).ok()?;
        self.print(leaf)
    }

    /// Returns the first of these bytes: if there are more, then more than there is room for.
    fn beginning<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let most = 4 * (self.out.left() + 1);
        let Some(beginning) = bytes.get(..most) else { return bytes };
        match std::str::from_utf8(beginning) {
            // It ends within a character.
            Err(error) if error.error_len().is_none() => &beginning[..error.valid_up_to()],
            Ok(_) | Err(_) => beginning,
        }
    }
}

/// Returns the characters that the list consists of which comes next, up to one more than `most`,
/// if it prints as a string.
fn characters(reader: &mut Reader<'_>, most: usize) -> Option<Vec<char>> {
    let mut characters = Vec::new();
    let mut cells = Cells::open(reader).ok()??;
    while let Some(mut cell) = cells.next().ok()? {
        let tag = cell.u8().ok()?;
        let point = cell.integer(tag).ok()??.to_u128()?;
        let character = u32::try_from(point).ok().and_then(char::from_u32)?;
        if !is_printable(character) {
            return None;
        }
        characters.push(character);
        if characters.len() > most {
            break;
        }
        cells.advance(cell);
    }
    (!characters.is_empty()).then_some(characters)
}

#[cfg(test)]
mod tests {
    use crate::term::bounded::bounded;
    use crate::term::{
        BitString, ExternalFun, ExternalPid, ExternalRef, Fun, ImproperList, Map, Term, atom,
        to_vec,
    };

    use super::*;

    fn of(bytes: &[u8], max: usize) -> String {
        excerpt(&mut Reader::new(bytes, 0), max)
    }

    /// What follows the size of a fun.
    const FUN: [u8; 50] = [
        1, 192, 221, 69, 186, 115, 239, 31, 6, 181, 205, 167, 19, 216, 252, 197, 110, 0, 0, 0, 1,
        0, 0, 0, 0, 119, 1, 117, 97, 1, 97, 6, 88, 119, 3, 110, 64, 104, 0, 0, 0, 9, 0, 0, 0, 0, 0,
        0, 0, 0,
    ];

    /// One of each kind, and some in each other.
    fn terms() -> Vec<Term> {
        let string = |text: &str| Term::List(text.chars().map(|it| u32::from(it).into()).collect());
        let node = atom("n@h");
        let mut terms = vec![
            Term::from(-7),
            Term::from(u128::MAX),
            Term::Float(1.5),
            atom("Hello\n").into(),
            "text".into(),
            "ä\u{1b}".into(),
            Term::Binary(vec![0, 255, 10].into()),
            Term::Binary(Vec::new().into()),
            BitString::new(&[1, 255], 3),
            string("a string, ö"),
            string("\0 is not one"),
            Term::List(Vec::new()),
            Term::List(vec![1.into(), atom("b").into()]),
            ImproperList::new(vec![1.into(), 98.into()], atom("c").into()),
            Term::Tuple(Vec::new()),
            Term::Map(Map::from_iter([(1, "one"), (2, "two")])),
            ExternalPid { node: node.clone(), id: 1, serial: 2, creation: 3 }.into(),
            ExternalRef::new(node, 3, &[1, 2, 3]).into(),
            ExternalFun { module: atom("m"), function: atom("f"), arity: 2 }.into(),
            Fun::new(&FUN).into(),
        ];
        terms.push(Term::List(terms.clone()));
        terms.push(Term::Tuple(terms.clone()));
        terms
    }

    #[test]
    fn it_is_what_the_term_prints_up_to_a_length() {
        for term in terms() {
            let bytes = to_vec(&term).unwrap();
            for max in [0, 1, 2, 3, 5, 8, 13, 50, 100, 100_000] {
                assert_eq!(of(&bytes[1..], max), bounded(&term, max));
            }
        }
    }

    #[test]
    fn a_list_in_pieces_is_one() {
        let bytes = [108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 0, 107, 0, 2, 97, 98];
        assert_eq!(of(&bytes, 99), "[1,97,98]");
        let bytes = [108, 0, 0, 0, 1, 97, 99, 107, 0, 2, 97, 98];
        assert_eq!(of(&bytes, 99), r#""cab""#);
    }

    #[test]
    fn it_ends_where_the_term_is_too_deep() {
        let bytes = [[104, 1].repeat(17), vec![106]].concat();
        assert_eq!(of(&bytes, 99), format!("{}...", "{".repeat(16)));
        assert_eq!(of(&bytes[4..], 99), format!("{}[]{}", "{".repeat(15), "}".repeat(15)));
    }

    /// Of each there is enough to take more than a second, if all of it were looked at or printed.
    #[test]
    fn it_costs_no_more_than_it_is_long() {
        const MANY: usize = 1 << 20;
        let length = (MANY as u32).to_be_bytes();
        let with_length =
            |tag: u8, element: &[u8]| [&[tag][..], &length, &element.repeat(MANY), &[106]].concat();
        let integer = [&[111][..], &length, &[0], &[255].repeat(MANY)].concat();
        let nested = [104, 1].repeat(MANY);
        let bits = [&[77][..], &length, &[3], &[255].repeat(MANY)].concat();
        for (bytes, start) in [
            (with_length(109, b"a"), r#"<<"aaaaa..."#),
            (with_length(109, &[0]), "<<0,0,0,..."),
            (with_length(108, &[97, 97]), r#""aaaaaaa..."#),
            (with_length(108, &[97, 1]), "[1,1,1,1..."),
            (with_length(105, &[106]), "{[],[],[..."),
            (integer, "16#FFFFF..."),
            (nested, "{{{{{{{{..."),
            (bits, "<<255,25..."),
        ] {
            (0..1000).for_each(|_| assert_eq!(of(&bytes, 8), start));
        }
    }
}
