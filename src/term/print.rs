//! How terms print: as Erlang prints them.

use std::fmt::{self, Display, Write};

use super::atom::Atom;
use super::external::{ExternalFun, ExternalPid, ExternalPort, ExternalRef, Fun};
use super::integer::BigInteger;
use super::map::Map;
use super::reader::Reader;
use super::{BitString, ImproperList, Term};

/// Prints as `io:format("~0tp")` does in an Erlang that has been started with `+pc unicode`.
///
/// That is on one line. Lists of printable characters are strings, and so are binaries: with
/// `/utf8` if not all is ASCII. What Erlang's parser reads is the same term, but for pids,
/// references, ports and funs, which show the name of their node.
impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Integer(number) => write!(f, "{number}"),
            Term::BigInteger(number) => number.fmt(f),
            Term::Float(number) => float(*number, f),
            Term::Atom(atom) => atom.fmt(f),
            Term::Binary(bytes) => BinaryText(bytes).fmt(f),
            Term::BitString(bits) => bits.fmt(f),
            Term::List(items) => list(items, f),
            Term::ImproperList(list) => list.fmt(f),
            Term::Tuple(items) => {
                f.write_char('{')?;
                terms(items, f)?;
                f.write_char('}')
            }
            Term::Map(map) => map.fmt(f),
            Term::Pid(pid) => pid.fmt(f),
            Term::Reference(reference) => reference.fmt(f),
            Term::Port(port) => port.fmt(f),
            Term::Fun(fun) => fun.fmt(f),
            Term::ExternalFun(fun) => fun.fmt(f),
        }
    }
}

/// Prints all of them, with commas between.
fn separated<T>(
    items: impl IntoIterator<Item = T>,
    f: &mut fmt::Formatter<'_>,
    print: impl Fn(T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        print(item, f)?;
    }
    Ok(())
}

fn terms(items: &[Term], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    separated(items, f, |item, f| item.fmt(f))
}

fn list(items: &[Term], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let character = |term: &Term| {
        let Term::Integer(point) = term else { return None };
        let character = u32::try_from(*point).ok().and_then(char::from_u32);
        character.filter(|&character| is_printable(character))
    };
    if !items.is_empty() && items.iter().all(|item| character(item).is_some()) {
        return quoted(items.iter().filter_map(character), '"', f);
    }
    f.write_char('[')?;
    terms(items, f)?;
    f.write_char(']')
}

/// The characters of a list that prints as a string.
pub(super) struct StringText<'a>(pub(super) &'a [char]);

impl Display for StringText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quoted(self.0.iter().copied(), '"', f)
    }
}

/// The bytes of a binary.
pub(super) struct BinaryText<'a>(pub(super) &'a [u8]);

impl Display for BinaryText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BinaryText(bytes) = *self;
        f.write_str("<<")?;
        match std::str::from_utf8(bytes) {
            Ok(text) if text.chars().all(is_printable) => {
                if !text.is_empty() {
                    quoted(text.chars(), '"', f)?;
                }
                if !text.is_ascii() {
                    f.write_str("/utf8")?;
                }
            }
            // Latin-1, as it is no UTF-8.
            Err(_) if bytes.iter().all(|&byte| is_printable(char::from(byte))) => {
                quoted(bytes.iter().map(|&byte| char::from(byte)), '"', f)?;
            }
            Ok(_) | Err(_) => separated(bytes, f, |byte, f| write!(f, "{byte}"))?,
        }
        f.write_str(">>")
    }
}

/// Prints as in Erlang.
impl Display for BitString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (last, whole) = self.bytes().split_last().unwrap_or((&0, &[]));
        f.write_str("<<")?;
        for byte in whole {
            write!(f, "{byte},")?;
        }
        write!(f, "{}:{}>>", last >> (8 - self.last_bits()), self.last_bits())
    }
}

/// Prints as in Erlang.
impl Display for ImproperList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        terms(self.items(), f)?;
        write!(f, "|{}]", self.tail())
    }
}

/// Prints as in Erlang, in the order of the keys.
impl Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("#{")?;
        separated(self.iter(), f, |(key, value), f| write!(f, "{key} => {value}"))?;
        f.write_char('}')
    }
}

/// Whether it stands for itself in a string: `io_lib:printable_unicode_list/1`.
pub(super) fn is_printable(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\t' | '\x0b' | '\x08' | '\x0c' | '\x1b'
            | ' '..='~'
            | '\u{a0}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fffd}'
            | '\u{10000}'..='\u{10ffff}'
    )
}

/// Prints text in quotes, with escapes for what cannot stand there.
fn quoted(
    text: impl Iterator<Item = char>,
    quote: char,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_char(quote)?;
    for character in text {
        match character {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\x0b' => f.write_str("\\v")?,
            '\x08' => f.write_str("\\b")?,
            '\x0c' => f.write_str("\\f")?,
            '\x1b' => f.write_str("\\e")?,
            '\x7f' => f.write_str("\\d")?,
            '\\' => f.write_str("\\\\")?,
            '\0'..='\x1f' | '\u{80}'..='\u{9f}' => write!(f, "\\{:03o}", u32::from(character))?,
            _ if character == quote => write!(f, "\\{quote}")?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char(quote)
}

/// Prints as in Erlang: in quotes, if it is not a small letter with letters, digits, `_` and `@`
/// behind it, or if it is a word of the language.
impl Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = AtomText(self.as_str());
        match f.width() {
            None => text.fmt(f),
            Some(_) => f.pad(&text.to_string()),
        }
    }
}

/// An atom of this name.
pub(super) struct AtomText<'a>(pub(super) &'a str);

impl Display for AtomText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AtomText(name) = *self;
        let mut characters = name.chars();
        let is_plain = characters.next().is_some_and(is_small)
            && characters.all(is_name_character)
            && !RESERVED.contains(&name);
        if is_plain { f.write_str(name) } else { quoted(name.chars(), '\'', f) }
    }
}

/// Only Latin-1 has letters here.
fn is_small(character: char) -> bool {
    matches!(character, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ')
}

fn is_name_character(character: char) -> bool {
    is_small(character)
        || matches!(character, 'A'..='Z' | '0'..='9' | '_' | '@' | 'À'..='Ö' | 'Ø'..='Þ')
}

/// The words of the language; those with `maybe` from OTP 27 on.
const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
    "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or",
    "orelse", "receive", "rem", "try", "when", "xor",
];

/// Prints the shortest digits from which the same float is read: without an exponent if that is not
/// longer, and if all integers in its range are floats.
fn float(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let (mut plain, exponent) = (format!("{number:?}"), format!("{number:e}"));
    let (digits, power) = exponent.split_once('e').unwrap_or((&exponent, "0"));
    let mut digits = digits.to_owned();
    if is_odd_tie(number, &digits) {
        // An odd digit becomes the one below it.
        for text in [&mut plain, &mut digits] {
            let odd = text.pop().and_then(|digit| digit.to_digit(10)).unwrap_or(1);
            write!(text, "{}", odd - 1)?;
        }
    }
    // Erlang has a digit behind the point, always.
    let point = if digits.contains('.') { "" } else { ".0" };
    let exponent = format!("{digits}{point}e{power}");
    // With an exponent where Rust's own has one, too.
    let is_plain = !plain.contains('e') && number.abs() < EXACT && plain.len() <= exponent.len();
    f.write_str(if is_plain { &plain } else { &exponent })
}

/// Whether the float is in the middle between two shortest texts, of which Rust has taken the one
/// with the odd digit, `digits`; Erlang takes the other one.
fn is_odd_tie(number: f64, digits: &str) -> bool {
    const MORE_THAN_A_TIE_HAS: usize = 40;
    let exact = format!("{number:.MORE_THAN_A_TIE_HAS$e}");
    let exact = exact.split_once('e').map_or("", |(exact, _)| exact.trim_end_matches('0'));
    let is_tie = exact.len() == digits.len() + 1 && exact.ends_with('5') && exact.contains('.');
    is_tie && digits.ends_with(['1', '3', '5', '7', '9'])
}

/// From so many bytes on a number is printed to the base 16.
const LONG: usize = 1000;

impl Display for BigInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative() {
            f.write_char('-')?;
        }
        if self.magnitude().len() >= LONG {
            let mut bytes = self.magnitude().iter().rev();
            write!(f, "16#{:X}", bytes.next().unwrap_or(&0))?;
            return bytes.try_for_each(|byte| write!(f, "{byte:02X}"));
        }
        let mut groups = decimal(self.magnitude()).into_iter().rev();
        write!(f, "{}", groups.next().unwrap_or(0))?;
        groups.try_for_each(|group| write!(f, "{group:018}"))
    }
}

/// Returns groups of eighteen decimal digits, the least significant first.
fn decimal(magnitude: &[u8]) -> Vec<u64> {
    const GROUP: u64 = 1_000_000_000_000_000_000;
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let mut words: Vec<u64> = magnitude.chunks(8).map(word).collect();
    let mut groups = Vec::new();
    while !words.is_empty() {
        let mut rest = 0_u64;
        for word in words.iter_mut().rev() {
            let value = (u128::from(rest) << 64) | u128::from(*word);
            *word = (value / u128::from(GROUP)) as u64;
            rest = (value % u128::from(GROUP)) as u64;
        }
        groups.push(rest);
        while words.last() == Some(&0) {
            words.pop();
        }
    }
    groups
}

/// The name of a node: with its points and hyphens, but without quotes.
struct NodeName<'a>(&'a Atom);

impl Display for NodeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str();
        let is_plain = name.chars().all(|it| is_name_character(it) || matches!(it, '.' | '-'));
        if is_plain { f.write_str(name) } else { self.0.fmt(f) }
    }
}

/// Prints as in Erlang, with the name of the node in the place of its number.
impl Display for ExternalPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", NodeName(&self.node), self.id, self.serial)
    }
}

/// Prints as in Erlang, with the name of the node in the place of its number.
impl Display for ExternalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<{}", NodeName(&self.node))?;
        self.words().iter().rev().try_for_each(|word| write!(f, ".{word}"))?;
        f.write_char('>')
    }
}

/// Prints as in Erlang, with the name of the node in the place of its number.
impl Display for ExternalPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Port<{}.{}>", NodeName(&self.node), self.id)
    }
}

/// Prints as in Erlang.
impl Display for ExternalFun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fun {}:{}/{}", self.module, self.function, self.arity)
    }
}

/// Prints with the name of its module, if that can be made out.
impl Display for Fun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FunText(self.bytes()).fmt(f)
    }
}

/// The bytes of a fun, without its size.
pub(super) struct FunText<'a>(pub(super) &'a [u8]);

impl Display for FunText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The arity, what tells versions of a module apart, the index, the number of free
        /// variables.
        const BEFORE_MODULE: usize = 1 + 16 + 4 + 4;
        let mut reader = Reader::new(self.0, 0);
        let module = reader.take(BEFORE_MODULE).and_then(|_| reader.inner_atom());
        match module {
            Ok(module) => write!(f, "#Fun<{}>", AtomText(&module)),
            Err(_) => f.write_str("#Fun<>"),
        }
    }
}

/// What is displayed is also its `Debug`.
macro_rules! debug_as_display {
    ($($type:ty),+) => {
        $(
            impl fmt::Debug for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    Display::fmt(self, f)
                }
            }
        )+
    };
}

debug_as_display!(Term, Atom, BigInteger, BitString, ImproperList, Map);
debug_as_display!(ExternalPid, ExternalRef, ExternalPort, ExternalFun, Fun);
