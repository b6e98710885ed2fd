//! The names of nodes.

use std::fmt;

use super::bytes::to_latin1;

/// The longest name, in characters: that of an atom.
const MAX_CHARACTERS: usize = 255;

/// The full name of a node: `name@host`.
///
/// Names are ordered by their characters, as in Erlang.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeName {
    text: String,
    /// Where the `@` is.
    at: usize,
}

impl NodeName {
    /// Returns the name that `text` is: with one `@`, and something before and behind it, in
    /// characters of Latin-1, as the protocol has no others. Control characters are not among them:
    /// anybody can send a name, and it is shown in the log.
    pub(super) fn new(text: impl Into<String>) -> Option<NodeName> {
        let text = text.into();
        let (name, host) = text.split_once('@')?;
        let is_whole = !name.is_empty() && !host.is_empty() && !host.contains('@');
        let is_shown = !text.contains(char::is_control);
        let length = to_latin1(&text)?.len();
        let at = name.len();
        (is_whole && is_shown && length <= MAX_CHARACTERS).then_some(NodeName { text, at })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what stands before the `@`: the name that EPMD knows.
    pub(super) fn alive(&self) -> &str {
        &self.text[..self.at]
    }

    /// Returns what stands behind the `@`.
    pub(super) fn host(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Returns the full name as it is on the wire.
    pub(super) fn to_wire(&self) -> Vec<u8> {
        latin1(&self.text)
    }

    /// Returns what EPMD knows as it is on the wire.
    pub(super) fn alive_to_wire(&self) -> Vec<u8> {
        latin1(self.alive())
    }
}

fn latin1(text: &str) -> Vec<u8> {
    to_latin1(text).expect("it is a name, so all of it is Latin-1")
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // OTP 25, run: `dist_util:is_node_name/1`.
    #[test]
    fn a_name_has_one_at_sign_and_two_sides() {
        let name = NodeName::new("rust@127.0.0.1").unwrap();
        assert_eq!((name.alive(), name.host()), ("rust", "127.0.0.1"));
        for text in ["", "rust", "@", "rust@", "@host", "a@b@c", "a@@b"] {
            assert_eq!(NodeName::new(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_does_not_change_what_a_log_says() {
        for text in ["a\n[ERROR] b@c", "a@b\r", "a\u{1b}[2J@b", "a\u{85}@b", "\0@b"] {
            assert_eq!(NodeName::new(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_name_is_latin1_on_the_wire() {
        assert_eq!(NodeName::new("é@h").unwrap().to_wire(), [0xe9, b'@', b'h']);
        assert_eq!(NodeName::new("é@h").unwrap().alive_to_wire(), [0xe9]);
        assert_eq!(NodeName::new("ж@h"), None);
    }

    #[test]
    fn a_name_has_255_characters_at_most() {
        assert!(NodeName::new(format!("{}@h", "é".repeat(253))).is_some());
        assert!(NodeName::new(format!("{}@h", "a".repeat(254))).is_none());
    }
}
