//! Keys, of the bytes that a terminal sends for them.

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    /// Control and C.
    Interrupt,
    /// Control and L.
    Redraw,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
}

/// How long a control sequence may be: what is longer is none.
const SEQUENCE: usize = 16;

/// Finds the keys in what is read, some of which may come in two pieces.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The beginning of a key.
    rest: Vec<u8>,
}

/// The first key of some bytes.
enum First {
    /// How many bytes it is. There may be no key that it stands for.
    Is(Option<Key>, usize),
    Incomplete,
}

impl Keys {
    /// Returns the keys that are complete.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.rest.extend_from_slice(bytes);
        let (mut keys, mut taken) = (Vec::new(), 0);
        while let First::Is(key, length) = first(&self.rest[taken..]) {
            keys.extend(key);
            taken += length;
        }
        self.rest.drain(..taken);
        keys
    }
}

fn first(bytes: &[u8]) -> First {
    let is = |key| First::Is(Some(key), 1);
    match bytes {
        [] => First::Incomplete,
        [0x1b, b'[', parameters @ ..] => sequence(parameters),
        [0x1b, b'O', letter, ..] => First::Is(by_letter(*letter, &[]), 3),
        [0x1b, b'O'] => First::Incomplete,
        // Nothing else came with it, or what came is no sequence: it is the key itself.
        [0x1b, ..] => is(Key::Escape),
        [b'\r' | b'\n', ..] => is(Key::Enter),
        [0x7f | 0x08, ..] => is(Key::Backspace),
        [0x03, ..] => is(Key::Interrupt),
        [0x0c, ..] => is(Key::Redraw),
        [0x00..=0x1f, ..] => First::Is(None, 1),
        [0x20..=0x7e, ..] => is(Key::Char(char::from(bytes[0]))),
        _ => character(bytes),
    }
}

/// What comes after a control sequence has begun.
fn sequence(bytes: &[u8]) -> First {
    let Some(end) = bytes.iter().take(SEQUENCE).position(|byte| (0x40..=0x7e).contains(byte))
    else {
        let is_none = bytes.len() >= SEQUENCE;
        return if is_none { First::Is(None, 2) } else { First::Incomplete };
    };
    First::Is(by_letter(bytes[end], &bytes[..end]), end + 3)
}

fn by_letter(letter: u8, parameters: &[u8]) -> Option<Key> {
    match (letter, parameters) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'H', _) | (b'~', b"1" | b"7") => Some(Key::Home),
        (b'F', _) | (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"5") => Some(Key::PageUp),
        (b'~', b"6") => Some(Key::PageDown),
        (b'M', b"") => Some(Key::Enter),
        _ => None,
    }
}

/// A character of several bytes.
fn character(bytes: &[u8]) -> First {
    let bytes = &bytes[..bytes.len().min(4)];
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return of_text(text),
        Err(error) => error,
    };
    match (std::str::from_utf8(&bytes[..error.valid_up_to()]), error.error_len()) {
        (Ok(text), _) if !text.is_empty() => of_text(text),
        (_, None) => First::Incomplete,
        (_, Some(length)) => First::Is(None, length),
    }
}

fn of_text(text: &str) -> First {
    match text.chars().next() {
        Some(c) => First::Is(Some(Key::Char(c)).filter(|_| !c.is_control()), c.len_utf8()),
        None => First::Incomplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Key::{Char, Escape};

    #[test]
    fn keys_are_found_whatever_the_terminal_sends_for_them() {
        for (bytes, expected) in [
            (&b"q/"[..], &[Char('q'), Char('/')][..]),
            (b"\r\n", &[Key::Enter, Key::Enter]),
            (b"\x1b[A\x1b[B\x1bOA\x1b[1;5B", &[Key::Up, Key::Down, Key::Up, Key::Down]),
            (b"\x1b[5~\x1b[6~", &[Key::PageUp, Key::PageDown]),
            (b"\x1b[H\x1b[F\x1b[1~\x1b[4~", &[Key::Home, Key::End, Key::Home, Key::End]),
            (b"\x1b", &[Escape]),
            (b"\x1bq\x1b\x1b", &[Escape, Char('q'), Escape, Escape]),
            (b"\x7f\x08\x03\x0c", &[Key::Backspace, Key::Backspace, Key::Interrupt, Key::Redraw]),
            (b"\x01\x1b[24~\x1b[15~x", &[Char('x')]),
            ("ö名x".as_bytes(), &[Char('ö'), Char('名'), Char('x')]),
            (b"\xff\xc3x", &[Char('x')]),
        ] {
            assert_eq!(Keys::default().read(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_key_may_come_in_pieces() {
        for text in ["\x1b[A", "\x1b[5~", "名", "\x1bOB"] {
            let bytes = text.as_bytes();
            let whole = Keys::default().read(bytes);
            assert_eq!(whole.len(), 1);
            // An escape that comes alone is one.
            let first = if bytes[0] == 0x1b { 2 } else { 1 };
            for cut in first..bytes.len() {
                let mut keys = Keys::default();
                assert_eq!(keys.read(&bytes[..cut]), []);
                assert_eq!(keys.read(&bytes[cut..]), whole);
            }
        }
    }

    #[test]
    fn bytes_of_any_kind_are_taken_and_never_kept_for_long() {
        let mut keys = Keys::default();
        for round in 0..=255_u8 {
            keys.read(&[round, round.wrapping_mul(7), 0x1b, b'[', round ^ 0x35]);
            assert!(keys.rest.len() <= SEQUENCE + 2);
        }
        let long = [b"\x1b[".to_vec(), vec![b'1'; 1000], b"q".to_vec()].concat();
        assert_eq!(keys.read(&long).last(), Some(&Char('q')));
    }
}
