//! Values of the user's as text, whatever their `Debug` does.

use std::fmt::{self, Debug, Write};

use super::unwind;

/// The value as text, or what of it there was when printing it failed.
pub(crate) fn printed(value: &dyn Debug) -> String {
    printed_up_to(usize::MAX, value)
}

/// As [`printed`], but no more than the first `limit` bytes.
pub(crate) fn printed_up_to(limit: usize, value: &dyn Debug) -> String {
    let mut text = Limited { text: String::new(), room: limit };
    match unwind::catch_value(|| write!(text, "{value:?}")) {
        Ok(Ok(())) => text.text,
        Ok(Err(fmt::Error)) => text.text + "...",
        Err(payload) => {
            format!("{}... (printing it {})", text.text, unwind::exit_reason(payload))
        }
    }
}

/// A text that takes no more than there is room for.
struct Limited {
    text: String,
    room: usize,
}

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if part.len() <= self.room {
            self.room -= part.len();
            self.text.push_str(part);
            return Ok(());
        }
        let fits = (0..=self.room).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
        self.text.push_str(&part[..fits]);
        self.room = 0;
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(limit: usize, value: impl Debug, expected: &str) {
        assert_eq!(printed_up_to(limit, &value), expected);
    }

    #[test]
    fn shows_as_much_as_there_is_room_for() {
        check(3, 123, "123");
        check(2, 123, "12...");
        check(0, 123, "...");
        check(5, [1, 2, 3], "[1, 2...");
        check(4, format_args!("aöö"), "aö...");
    }

    #[test]
    fn shows_what_there_was_before_a_panic() {
        struct Halfway;

        impl Debug for Halfway {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                panic!("no more")
            }
        }

        let text = printed(&Halfway);
        assert!(text.starts_with("half... (printing it panicked: no more"), "{text}");
    }
}
