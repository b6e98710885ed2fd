//! What characters say. It knows of no process.

/// Lines that are said one after the other, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quotes {
    lines: Vec<String>,
    next: usize,
}

impl Quotes {
    /// The lines that a character is known for.
    pub(crate) fn of(name: &str) -> Quotes {
        Quotes::new(match name {
            "ernie" => &["I've got a question, Bert.", "Duckie, you're the one."],
            "bert" => &["Ernie, where is the banana?", "Where was I?"],
            "grover" => &["This is near.", "This is far."],
            "cookie monster" => &["Me want cookie!"],
            _ => &[],
        })
    }

    pub(crate) fn new(lines: &[&str]) -> Quotes {
        Quotes { lines: lines.iter().map(|&line| line.to_owned()).collect(), next: 0 }
    }

    /// Returns the next line. Who has none, is silent.
    pub(crate) fn say(&mut self) -> &str {
        if self.lines.is_empty() {
            return "...";
        }
        let line = self.next;
        self.next = (line + 1) % self.lines.len();
        &self.lines[line]
    }
}

#[cfg(test)]
mod tests {
    use super::Quotes;

    #[test]
    fn lines_are_said_one_after_the_other_and_again() {
        let mut quotes = Quotes::new(&["one", "two"]);
        assert_eq!([(); 3].map(|()| quotes.say().to_owned()), ["one", "two", "one"]);
    }

    #[test]
    fn who_has_no_lines_is_silent() {
        assert_eq!(Quotes::new(&[]).say(), "...");
        assert_eq!(Quotes::of("nobody"), Quotes::new(&[]));
    }

    #[test]
    fn characters_are_known_by_their_lines() {
        for name in ["ernie", "bert", "grover", "cookie monster"] {
            assert_ne!(Quotes::of(name).say(), "...", "{name}");
        }
    }
}
