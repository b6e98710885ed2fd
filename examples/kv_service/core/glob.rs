//! Patterns of keys, as Redis has them.

/// Whether `text` is as `pattern` says: `?` is any byte, `*` any bytes, `[a-c]` one of these,
/// `[^a-c]` another one, and a backslash takes the next byte as it is.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where to go on if it does not fit: the last star takes one byte more. No earlier star needs
    // to, so the time this takes is at most the product of the lengths.
    let mut retry = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, seen));
            continue;
        }
        match (pattern.get(at), text.get(seen)) {
            (None, None) => return true,
            (Some(_), Some(&byte)) => {
                let (fits, length) = fits(&pattern[at..], byte);
                if fits {
                    at += length;
                    seen += 1;
                    continue;
                }
            }
            (None, Some(_)) | (Some(_), None) => {}
        }
        match retry {
            Some((after_star, start)) if start < text.len() => {
                retry = Some((after_star, start + 1));
                (at, seen) = (after_star, start + 1);
            }
            _ => return false,
        }
    }
}

/// Whether `byte` fits what `pattern` begins with, and how long that is.
fn fits(pattern: &[u8], byte: u8) -> (bool, usize) {
    match pattern {
        [b'?', ..] => (true, 1),
        [b'\\', literal, ..] => (*literal == byte, 2),
        [b'[', rest @ ..] => {
            let (fits, length) = fits_class(rest, byte);
            (fits, length + 1)
        }
        [literal, ..] => (*literal == byte, 1),
        [] => (false, 0),
    }
}

/// The same of a class, after its opening bracket. One that is not closed ends with the pattern.
fn fits_class(class: &[u8], byte: u8) -> (bool, usize) {
    let is_negated = class.first() == Some(&b'^');
    let mut at = usize::from(is_negated);
    let mut found = false;
    loop {
        let (member, length) = match &class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => (*literal == byte, 2),
            [one, b'-', other, ..] => ((*one.min(other)..=*one.max(other)).contains(&byte), 3),
            [literal, ..] => (*literal == byte, 1),
        };
        found |= member;
        at += length;
    }
    (found != is_negated, at)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[track_caller]
    fn assert_matches(pattern: &str, fitting: &[&str], others: &[&str]) {
        for text in fitting {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for text in others {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn stars_take_any_bytes_and_marks_one() {
        assert_matches("*", &["", "a", "abc"], &[]);
        assert_matches("h?llo", &["hello", "h?llo"], &["hllo", "heello"]);
        assert_matches("h*llo", &["hllo", "heeello", "hllollo"], &["hell", "ohello", "hellos"]);
        assert_matches("*a*b", &["ab", "aab", "xaxbxb"], &["ba", "a", "abc"]);
        assert_matches("a**", &["a", "ab"], &["", "b"]);
        assert_matches("", &[""], &["a"]);
    }

    #[test]
    fn classes_have_members_ranges_and_opposites() {
        assert_matches("h[ae]llo", &["hello", "hallo"], &["hillo", "hllo"]);
        assert_matches("h[^e]llo", &["hallo"], &["hello", "hllo"]);
        assert_matches("[a-c]", &["a", "b", "c"], &["d", "-"]);
        assert_matches("[c-a]x", &["bx"], &["dx"]);
        assert_matches("[\\]]", &["]"], &["\\"]);
        assert_matches("[ab", &["a", "b"], &["[", "c"]);
        assert_matches("[", &[], &["[", "a"]);
    }

    #[test]
    fn a_backslash_takes_the_next_byte_as_it_is() {
        assert_matches("\\*a", &["*a"], &["aa"]);
        assert_matches("\\?", &["?"], &["a"]);
        assert_matches("a\\", &["a\\"], &["a"]);
    }

    #[test]
    fn a_pattern_of_stars_takes_no_long_time() {
        let text = "a".repeat(10_000);
        assert_matches(&"a*".repeat(100), &[&text], &[]);
        assert_matches(&format!("{}b", "a*".repeat(100)), &[], &[&text]);
    }
}
