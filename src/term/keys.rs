//! Whether the keys of a map that is written differ, for whoever reads it.

use super::error::EncodeError;
use super::reader::Reader;
use super::scan::skip_head;
use super::tag;

/// `-0.0`, as a term.
const MINUS_ZERO: [u8; 9] = [tag::FLOAT, 0x80, 0, 0, 0, 0, 0, 0, 0];

/// Fails if two of the keys are the same, which begin and end at these places of `bytes`. The
/// places are sorted.
///
/// Before OTP 27, `-0.0` and `0.0` are the same; a node ends the connection over which a map comes
/// that has both.
pub(super) fn check(bytes: &[u8], places: &mut [(usize, usize)]) -> Result<(), EncodeError> {
    let key = |&(start, end): &(usize, usize)| &bytes[start..end];
    places.sort_unstable_by(|one, other| key(one).cmp(key(other)));
    let is_twice = places.windows(2).any(|pair| key(&pair[0]) == key(&pair[1]));
    if is_twice {
        return Err(EncodeError::new("a map has one key twice".to_owned()));
    }
    if places.iter().any(|place| has_minus_zero(key(place))) {
        let mut keys: Vec<Vec<u8>> = places.iter().map(|place| unsigned(key(place))).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            let text = "a map has keys that differ only in 0.0 and -0.0".to_owned();
            return Err(EncodeError::new(text));
        }
    }
    Ok(())
}

/// Whether `-0.0` may be in a term: its bytes are.
pub(super) fn has_minus_zero(term: &[u8]) -> bool {
    term.windows(MINUS_ZERO.len()).any(|bytes| bytes == MINUS_ZERO)
}

/// Returns a term with `0.0` in the place of each `-0.0`.
fn unsigned(term: &[u8]) -> Vec<u8> {
    let mut unsigned = term.to_vec();
    let mut reader = Reader::new(term, 0);
    loop {
        let place = reader.position();
        if term[place..].starts_with(&MINUS_ZERO) {
            unsigned[place + 1] = 0;
        }
        // All that is inside of a term follows its head.
        if skip_head(&mut reader).is_err() {
            return unsigned;
        }
    }
}
