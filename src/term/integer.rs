//! Integers of any size.

use std::cmp::Ordering;

/// An integer that is not an `i64`: smaller or larger.
///
/// So each integer is one [`Term`](super::Term) only; [`Term::integer`](super::Term::integer) makes
/// the right one. It prints as in Erlang; from a thousand bytes on to the base 16, as `16#F00`,
/// since making decimal digits of a long number takes long.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BigInteger {
    negative: bool,
    /// The least significant byte first; the last one is not 0.
    magnitude: Box<[u8]>,
}

/// An integer, which is a [`BigInteger`] only if it has to be.
pub(super) enum Integer {
    Small(i64),
    Big(BigInteger),
}

impl BigInteger {
    /// Whether it is less than zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Returns the bytes of its absolute value, the least significant one first, without zeros at
    /// the end.
    pub fn magnitude(&self) -> &[u8] {
        &self.magnitude
    }
}

/// `magnitude` without the zeros at its end.
pub(super) fn trim(magnitude: &[u8]) -> &[u8] {
    let length = magnitude.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &magnitude[..length]
}

/// Returns the value of up to sixteen bytes, the least significant one first.
pub(super) fn absolute(magnitude: &[u8]) -> Option<u128> {
    let mut bytes = [0; 16];
    bytes.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
    Some(u128::from_le_bytes(bytes))
}

/// Returns the number of this sign and absolute value, if it is an `i128`.
pub(super) fn signed(negative: bool, absolute: u128) -> Option<i128> {
    if negative { 0_i128.checked_sub_unsigned(absolute) } else { absolute.try_into().ok() }
}

impl Integer {
    /// `magnitude` begins with the least significant byte.
    pub(super) fn new(negative: bool, magnitude: &[u8]) -> Integer {
        let magnitude = trim(magnitude);
        let small = absolute(magnitude).and_then(|absolute| signed(negative, absolute));
        match small.and_then(|small| small.try_into().ok()) {
            Some(small) => Integer::Small(small),
            None => Integer::Big(BigInteger { negative, magnitude: magnitude.into() }),
        }
    }
}

impl PartialOrd for BigInteger {
    fn partial_cmp(&self, other: &BigInteger) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BigInteger {
    fn cmp(&self, other: &BigInteger) -> Ordering {
        let by_magnitude = |one: &BigInteger, other: &BigInteger| {
            let (one, other) = (&one.magnitude, &other.magnitude);
            one.len().cmp(&other.len()).then_with(|| one.iter().rev().cmp(other.iter().rev()))
        };
        match (self.negative, other.negative) {
            (false, false) => by_magnitude(self, other),
            (true, true) => by_magnitude(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}
