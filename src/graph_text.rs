//! How texts stand in the languages of [Graphviz](https://graphviz.org/doc/info/lang.html) and
//! [Mermaid](https://mermaid.js.org/intro/syntax-reference.html).

use std::fmt::Write;

/// Returns the text as a string of Graphviz, with its quotes.
pub(crate) fn dot_string(text: &str) -> String {
    let mut string = String::from("\"");
    for c in text.chars() {
        match c {
            '\\' | '"' => string.extend(['\\', c]),
            '\n' => string.push_str("\\n"),
            _ => string.push(c),
        }
    }
    string.push('"');
    string
}

/// Returns the text as Mermaid takes it after a colon or between quotes, in one line.
pub(crate) fn mermaid_text(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_control() {
            escaped.push(' ');
        } else if c.is_alphanumeric() || " _-+*/=.,!?'()[]|→".contains(c) {
            escaped.push(c);
        } else {
            // Entities are named by their code point in decimal.
            _ = write!(escaped, "#{};", u32::from(c));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_graphviz_escapes_quotes_backslashes_and_ends_of_lines() {
        assert_eq!(dot_string("the \"a\\b\"\nc"), r#""the \"a\\b\"\nc""#);
    }

    #[test]
    fn a_text_of_mermaid_escapes_what_the_language_means_something_by() {
        assert_eq!(mermaid_text("Button(1)"), "Button(1)");
        assert_eq!(mermaid_text("a: b; #c"), "a#58; b#59; #35;c");
        assert_eq!(mermaid_text("\"<x>\" {y}"), "#34;#60;x#62;#34; #123;y#125;");
        assert_eq!(mermaid_text("100%\n"), "100#37; ");
    }
}
