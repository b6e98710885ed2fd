//! Numbers as text.

/// Returns the number that `text` is. As in Redis there is one way to write each: without a sign
/// that says nothing, and without zeros in front.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    is_canonical.then_some(())?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::integer;

    #[test]
    fn there_is_one_way_to_write_a_number() {
        assert_eq!(integer(b"0"), Some(0));
        assert_eq!(integer(b"-17"), Some(-17));
        assert_eq!(integer(i64::MIN.to_string().as_bytes()), Some(i64::MIN));
        for text in ["", "-", "+1", "01", "-0", "-01", "1.0", " 1", "1 ", "9223372036854775808"] {
            assert_eq!(integer(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(integer(b"\xff"), None);
    }
}
