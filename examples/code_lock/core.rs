//! What opens a lock: the last buttons are the code. It knows of no process and asks no clock.

/// The code, and the last buttons that were pressed: no more than the code has.
#[derive(Debug)]
pub(crate) struct Buttons {
    code: Vec<u8>,
    pressed: Vec<u8>,
}

impl Buttons {
    pub(crate) fn new(code: Vec<u8>) -> Buttons {
        Buttons { code, pressed: Vec::new() }
    }

    /// How many digits the code has.
    pub(crate) fn code_length(&self) -> usize {
        self.code.len()
    }

    /// Presses a button, and returns whether that opens the lock.
    pub(crate) fn press(&mut self, digit: u8) -> bool {
        if self.pressed.len() == self.code.len() {
            self.pressed.remove(0);
        }
        self.pressed.push(digit);
        self.pressed == self.code
    }

    /// Forgets the buttons.
    pub(crate) fn clear(&mut self) {
        self.pressed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Buttons;

    #[test]
    fn the_last_buttons_open_a_lock() {
        let mut buttons = Buttons::new(vec![1, 2, 3]);
        let opens: Vec<bool> = [2, 1, 2, 3].map(|digit| buttons.press(digit)).to_vec();
        assert_eq!(opens, [false, false, false, true]);
    }

    #[test]
    fn what_was_pressed_before_is_forgotten() {
        let mut buttons = Buttons::new(vec![1, 2]);
        assert!(!buttons.press(1));
        buttons.clear();
        assert!(!buttons.press(2));
    }
}
