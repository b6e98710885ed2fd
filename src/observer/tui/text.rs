//! Texts of the program's, and numbers, as they fit into a line.

use ratatui_core::text::Span;

/// How many characters are looked at for a column. Some take none, and of these there may be any
/// number.
const CHARACTERS: usize = 8;

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Returns the text as it is, or its beginning and a mark, so that it takes at most `columns`.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let is_short = text.chars().nth(columns * CHARACTERS).is_none();
    if is_short && width(text) <= columns {
        return text.to_owned();
    }
    let mut shown = lines(text, columns.saturating_sub(1)).next().unwrap_or_default();
    if columns > 0 {
        shown.push('…');
    }
    shown
}

/// Returns the text in pieces that take at most `columns` each.
pub(super) fn lines(text: &str, columns: usize) -> impl Iterator<Item = String> {
    let mut rest = text;
    let mut is_first = true;
    std::iter::from_fn(move || {
        if rest.is_empty() && !is_first {
            return None;
        }
        is_first = false;
        let mut end = 0;
        for (place, c) in rest.char_indices().take(columns * CHARACTERS) {
            let next = place + c.len_utf8();
            if width(&rest[..next]) > columns {
                break;
            }
            end = next;
        }
        // A character that is wider than the screen is left out.
        let skipped = if end == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { end };
        let line = rest[..end].to_owned();
        rest = &rest[skipped..];
        Some(line)
    })
}

/// Returns a number in at most six columns.
pub(super) fn count(number: f64) -> String {
    let units = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];
    let unit = units.iter().rev().find(|(_, size)| *size == 1.0 || number >= size * 10.0);
    let (unit, size) = unit.copied().unwrap_or(("", 1.0));
    let number = number / size;
    if unit.is_empty() && number.fract() > 0.0 && number < 9.95 {
        return format!("{number:.1}");
    }
    format!("{number:.0}{unit}")
}

/// Returns a size in memory.
pub(super) fn bytes(size: usize) -> String {
    let units = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];
    let unit = units.iter().rev().find(|(_, unit)| size >= unit * 10);
    let (name, unit) = unit.copied().unwrap_or(("K", 1 << 10));
    format!("{}{name}", size / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_the_columns_that_it_takes() {
        for (text, columns, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("名前です", 8, "名前です"),
            ("名前です", 7, "名前で…"),
            ("名前です", 6, "名前…"),
            ("a名", 2, "a…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("any", 1, "…"),
            ("any", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, columns), expected);
            assert!(width(expected) <= columns.max(width(text)));
        }
    }

    #[test]
    fn a_text_in_pieces_is_all_there() {
        assert_eq!(Vec::from_iter(lines("abcdef", 4)), ["abcd", "ef"]);
        assert_eq!(Vec::from_iter(lines("名前です", 5)), ["名前", "です"]);
        assert_eq!(Vec::from_iter(lines("", 5)), [""]);
        assert_eq!(Vec::from_iter(lines("名x", 1)), ["", "x"]);
        assert_eq!(Vec::from_iter(lines("ab", 0)).concat(), "");
    }

    #[test]
    fn a_text_that_takes_no_columns_is_cut_all_the_same() {
        let marks = format!("e{}", "\u{301}".repeat(20_000));
        assert!(cut(&marks, 80).chars().count() <= 80 * CHARACTERS + 1);
        let pieces = Vec::from_iter(lines(&marks, 80));
        assert!(pieces.iter().all(|piece| piece.chars().count() <= 80 * CHARACTERS));
        assert_eq!(pieces.concat(), marks);
    }

    #[test]
    fn numbers_are_short() {
        for (number, expected) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (7.0, "7"),
            (9.97, "10"),
            (9_999.0, "9999"),
            (10_000.0, "10k"),
            (123_456.0, "123k"),
            (98_765_432.0, "99M"),
            (5e13, "50000G"),
        ] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(
            [0, 4096, 10 << 20, 9 << 20, 64 << 30].map(bytes),
            ["0K", "4K", "10M", "9216K", "64G"]
        );
    }
}
