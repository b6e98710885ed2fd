//! How texts of the program's stand in a line that others read.

/// Returns the text as it can be shown: what would move the cursor, end the line or turn it around
/// is replaced.
pub(crate) fn clean(text: &str) -> String {
    let marks = ['\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let turns = |c| marks.iter().any(|marks| marks.contains(&c));
    let ends = |c| matches!(c, '\u{2028}' | '\u{2029}');
    let is_hostile = |c: char| c.is_control() || ends(c) || turns(c);
    text.chars().map(|c| if is_hostile(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_is_replaced() {
        assert_eq!(clean("a\x1b[2Jb\n\u{9b}\u{202e}ö"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}ö");
        assert_eq!(clean("a\u{2028}\u{2029}\0"), "a\u{fffd}\u{fffd}\u{fffd}");
    }
}
