//! Text that is no longer than it may be, and nothing but text.

use std::fmt::{self, Display, Write};

/// Collects characters up to a number of them; then writing to it fails. What a terminal or a
/// reader of logs might take for more than text is escaped.
pub(super) struct Bounded {
    text: String,
    /// How many characters there is still room for.
    left: usize,
    is_cut: bool,
}

/// Returns what `value` displays, cut after `max` characters: then three points follow.
pub(super) fn bounded(value: impl Display, max: usize) -> String {
    let mut text = Bounded::new(max);
    // It fails if there is no more room, which is said by what is finished.
    _ = write!(text, "{value}");
    text.finish()
}

impl Bounded {
    pub(super) fn new(max: usize) -> Bounded {
        Bounded { text: String::new(), left: max, is_cut: false }
    }

    /// How many characters there is still room for.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    pub(super) fn finish(mut self) -> String {
        if self.is_cut {
            self.text.push_str("...");
        }
        self.text
    }

    /// Says that something is missing at the end.
    pub(super) fn cut(&mut self) {
        (self.left, self.is_cut) = (0, true);
    }

    fn push(&mut self, character: char) -> fmt::Result {
        let Some(left) = self.left.checked_sub(1) else {
            self.cut();
            return Err(fmt::Error);
        };
        self.left = left;
        self.text.push(character);
        Ok(())
    }
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| {
            if is_text(character) {
                self.push(character)
            } else {
                character.escape_default().try_for_each(|it| self.push(it))
            }
        })
    }
}

/// Whether it neither controls a terminal, nor ends a line, nor turns the direction of the text.
fn is_text(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_there_is_no_more_room() {
        assert_eq!(bounded("abc", 3), "abc");
        assert_eq!(bounded("abcd", 3), "abc...");
        assert_eq!(bounded("äöü", 2), "äö...");
        assert_eq!(bounded("", 0), "");
    }

    #[test]
    fn what_is_more_than_text_is_escaped() {
        assert_eq!(bounded("a\nb\x1b[1m\u{202e}\u{9b}", 99), r"a\nb\u{1b}[1m\u{202e}\u{9b}");
        assert_eq!(bounded(r#"'a' "b" \n ä"#, 99), r#"'a' "b" \n ä"#);
    }
}
