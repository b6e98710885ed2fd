//! Writing terms as bytes.

use super::atom::check_length;
use super::error::EncodeError;
use super::external::{ExternalFun, ExternalPid, ExternalPort, ExternalRef, Fun};
use super::integer::{BigInteger, trim};
use super::keys;
use super::map::Map;
use super::output::Output;
use super::scan::{MAX_DEPTH, too_deep};
use super::tag;
use super::{BitString, ImproperList, Term};

/// Returns a length as it is written; `what` is what it counts.
pub(super) fn length_bytes(length: usize, what: &'static str) -> Result<[u8; 4], EncodeError> {
    let length = u32::try_from(length)
        .map_err(|_| EncodeError::new(format!("{length} {what} are too many")))?;
    Ok(length.to_be_bytes())
}

fn length(out: &mut Vec<u8>, length: usize, what: &'static str) -> Result<(), EncodeError> {
    out.extend_from_slice(&length_bytes(length, what)?);
    Ok(())
}

pub(super) fn atom(out: &mut Vec<u8>, name: &str) -> Result<(), EncodeError> {
    check_length(name).map_err(|error| EncodeError::new(error.to_string()))?;
    match u8::try_from(name.len()) {
        Ok(length) => out.extend_from_slice(&[tag::SMALL_ATOM, length]),
        Err(_) => {
            let [.., high, low] = name.len().to_be_bytes();
            out.extend_from_slice(&[tag::ATOM, high, low]);
        }
    }
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

pub(super) fn signed(out: &mut Vec<u8>, number: i64) {
    if let Ok(byte) = u8::try_from(number) {
        out.extend_from_slice(&[tag::SMALL_INTEGER, byte]);
    } else if let Ok(number) = i32::try_from(number) {
        out.push(tag::INTEGER);
        out.extend_from_slice(&number.to_be_bytes());
    } else {
        small_big(out, number < 0, &number.unsigned_abs().to_le_bytes());
    }
}

/// Writes an integer that is out of the range of `i64`, of up to 255 bytes.
pub(super) fn small_big(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    let magnitude = trim(magnitude);
    let length = u8::try_from(magnitude.len()).expect("it is a number of Rust's own");
    out.extend_from_slice(&[tag::SMALL_BIG, length, negative.into()]);
    out.extend_from_slice(magnitude);
}

fn big(out: &mut Vec<u8>, number: &BigInteger) -> Result<(), EncodeError> {
    let magnitude = number.magnitude();
    match u8::try_from(magnitude.len()) {
        Ok(length) => out.extend_from_slice(&[tag::SMALL_BIG, length]),
        Err(_) => {
            out.push(tag::LARGE_BIG);
            length(out, magnitude.len(), "bytes of an integer")?;
        }
    }
    out.push(number.is_negative().into());
    out.extend_from_slice(magnitude);
    Ok(())
}

pub(super) fn float(out: &mut Vec<u8>, float: f64) -> Result<(), EncodeError> {
    if !float.is_finite() {
        let text = format!("the float {float} is no term");
        return Err(EncodeError::new(text));
    }
    out.push(tag::FLOAT);
    out.extend_from_slice(&float.to_be_bytes());
    Ok(())
}

pub(super) fn binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    out.push(tag::BINARY);
    length(out, bytes.len(), "bytes of a binary")?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn bit_string(out: &mut Vec<u8>, bits: &BitString) -> Result<(), EncodeError> {
    out.push(tag::BIT_STRING);
    length(out, bits.bytes().len(), "bytes of a bit string")?;
    out.push(bits.last_bits());
    out.extend_from_slice(bits.bytes());
    Ok(())
}

/// Writes what stands before the elements of a tuple.
pub(super) fn tuple(out: &mut Vec<u8>, arity: usize) -> Result<(), EncodeError> {
    match u8::try_from(arity) {
        Ok(arity) => out.extend_from_slice(&[tag::SMALL_TUPLE, arity]),
        Err(_) => {
            out.push(tag::LARGE_TUPLE);
            length(out, arity, "elements of a tuple")?;
        }
    }
    Ok(())
}

pub(super) fn pid(out: &mut Vec<u8>, pid: &ExternalPid) -> Result<(), EncodeError> {
    pid_of(out, pid.node.as_str(), [pid.id, pid.serial, pid.creation])
}

/// Writes a pid of a node by its id, its serial and the creation.
pub(super) fn pid_of(out: &mut Vec<u8>, node: &str, numbers: [u32; 3]) -> Result<(), EncodeError> {
    out.push(tag::PID);
    atom(out, node)?;
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    Ok(())
}

pub(super) fn reference(out: &mut Vec<u8>, reference: &ExternalRef) -> Result<(), EncodeError> {
    reference_of(out, reference.node.as_str(), reference.creation, reference.words())
}

/// Writes a reference of a node.
pub(super) fn reference_of(
    out: &mut Vec<u8>,
    node: &str,
    creation: u32,
    words: &[u32],
) -> Result<(), EncodeError> {
    let [.., high, low] = words.len().to_be_bytes();
    out.extend_from_slice(&[tag::REFERENCE, high, low]);
    atom(out, node)?;
    let numbers = [creation].into_iter().chain(words.iter().copied());
    numbers.for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    Ok(())
}

pub(super) fn port(out: &mut Vec<u8>, port: &ExternalPort) -> Result<(), EncodeError> {
    let small = u32::try_from(port.id);
    out.push(if small.is_ok() { tag::PORT } else { tag::LARGE_PORT });
    atom(out, port.node.as_str())?;
    match small {
        Ok(id) => out.extend_from_slice(&id.to_be_bytes()),
        Err(_) => out.extend_from_slice(&port.id.to_be_bytes()),
    }
    out.extend_from_slice(&port.creation.to_be_bytes());
    Ok(())
}

pub(super) fn fun(out: &mut Vec<u8>, fun: &Fun) -> Result<(), EncodeError> {
    out.push(tag::FUN);
    length(out, fun.bytes().len() + size_of::<u32>(), "bytes of a fun")?;
    out.extend_from_slice(fun.bytes());
    Ok(())
}

pub(super) fn external_fun(out: &mut Vec<u8>, fun: &ExternalFun) -> Result<(), EncodeError> {
    out.push(tag::EXPORT);
    atom(out, fun.module.as_str())?;
    atom(out, fun.function.as_str())?;
    out.extend_from_slice(&[tag::SMALL_INTEGER, fun.arity]);
    Ok(())
}

/// The containers that are open, of which there may be so many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth(usize);

impl Depth {
    pub(super) const ROOT: Depth = Depth(0);

    /// Returns the depth inside so many containers.
    pub(super) fn of(outside: usize) -> Depth {
        Depth(outside)
    }

    /// Returns the depth inside `inner` more containers.
    pub(super) fn inside(self, inner: usize) -> Result<Depth, EncodeError> {
        let depth = Depth(self.0 + inner);
        if depth.is_too_deep() { Err(EncodeError::too_large(too_deep())) } else { Ok(depth) }
    }

    /// Returns the depth inside one more container. It may be too deep by one: whether there is
    /// anything inside will be seen.
    pub(super) fn deeper(self) -> Result<Depth, EncodeError> {
        if self.is_too_deep() { self.inside(1) } else { Ok(Depth(self.0 + 1)) }
    }

    pub(super) fn is_too_deep(self) -> bool {
        self.0 > MAX_DEPTH
    }
}

/// Writes `term`. It calls itself, as deep as the term is, up to the limit.
pub(super) fn term(out: &mut Output, term: &Term, depth: Depth) -> Result<(), EncodeError> {
    match term {
        Term::Integer(number) => signed(out.bytes(), *number),
        Term::BigInteger(number) => big(out.bytes(), number)?,
        Term::Float(number) => float(out.bytes(), *number)?,
        Term::Atom(name) => atom(out.bytes(), name.as_str())?,
        Term::Binary(content) => match content.shared_length() {
            Some(length) => out.shared_binary(content, length),
            None => binary(out.bytes(), content)?,
        },
        Term::BitString(bits) => bit_string(out.bytes(), bits)?,
        Term::Pid(it) => pid(out.bytes(), it)?,
        Term::Reference(it) => reference(out.bytes(), it)?,
        Term::Port(it) => port(out.bytes(), it)?,
        Term::Fun(it) => fun(out.bytes(), it)?,
        Term::ExternalFun(it) => external_fun(out.bytes(), it)?,
        Term::List(items) => list(out, items, depth)?,
        Term::ImproperList(list) => improper_list(out, list, depth)?,
        Term::Tuple(items) => {
            tuple(out.bytes(), items.len())?;
            terms(out, items, depth.inside(usize::from(!items.is_empty()))?)?;
        }
        Term::Map(map) => {
            out.bytes().push(tag::MAP);
            length(out.bytes(), map.len(), "keys of a map")?;
            pairs(out, map, depth.inside(usize::from(!map.is_empty()))?)?;
        }
    }
    Ok(())
}

fn pairs(out: &mut Output, map: &Map, depth: Depth) -> Result<(), EncodeError> {
    let mut has_minus_zero = false;
    for (key, value) in map.iter() {
        let start = out.bytes().len();
        term(out, key, depth)?;
        has_minus_zero |= keys::has_minus_zero(&out.bytes()[start..]);
        term(out, value, depth)?;
    }
    if has_minus_zero {
        let (mut keys, mut places) = (Output::default(), Vec::new());
        for (key, _) in map.iter() {
            let start = keys.bytes().len();
            term(&mut keys, key, depth)?;
            places.push((start, keys.bytes().len()));
        }
        keys::check(keys.bytes(), &mut places)?;
    }
    Ok(())
}

fn terms(out: &mut Output, terms: &[Term], depth: Depth) -> Result<(), EncodeError> {
    terms.iter().try_for_each(|it| term(out, it, depth))
}

/// Writes what stands before the elements of a list, and its end.
pub(super) fn list_head(out: &mut Vec<u8>, count: usize) -> Result<(), EncodeError> {
    out.push(tag::LIST);
    length(out, count, "elements of a list")
}

fn list(out: &mut Output, items: &[Term], depth: Depth) -> Result<(), EncodeError> {
    if let Some(bytes) = bytes_of(items) {
        let out = out.bytes();
        out.push(tag::STRING);
        let [.., high, low] = items.len().to_be_bytes();
        out.extend_from_slice(&[high, low]);
        out.extend(bytes);
        return Ok(());
    }
    if !items.is_empty() {
        list_head(out.bytes(), items.len())?;
        terms(out, items, depth.inside(1)?)?;
    }
    out.bytes().push(tag::NIL);
    Ok(())
}

/// The bytes that a list consists of, if it is to be written as such.
fn bytes_of(items: &[Term]) -> Option<impl Iterator<Item = u8>> {
    let byte = |term: &Term| {
        let Term::Integer(number) = term else { return None };
        u8::try_from(*number).ok()
    };
    let fits = (1..=usize::from(u16::MAX)).contains(&items.len());
    let are_bytes = fits && items.iter().all(|item| byte(item).is_some());
    are_bytes.then(|| items.iter().filter_map(byte))
}

fn improper_list(out: &mut Output, list: &ImproperList, depth: Depth) -> Result<(), EncodeError> {
    list_head(out.bytes(), list.items().len())?;
    let depth = depth.inside(1)?;
    terms(out, list.items(), depth)?;
    term(out, list.tail(), depth)
}
