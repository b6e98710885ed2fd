//! Numbers that look random.

/// An xorshift generator.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

#[allow(dead_code, reason = "not each binary needs all of it")]
impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        // Seeds that follow each other are to lead to scenarios that have nothing in common.
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mut dice = Dice((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) | 1);
        (0..8).for_each(|_| _ = dice.below(2));
        dice
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    /// Whether it happens that happens `times` in a hundred times.
    pub(crate) fn happens(&mut self, times: usize) -> bool {
        self.below(100) < times
    }

    /// One of what is separated by bars, which stands there as often as it is to be likely.
    pub(crate) fn text<'a>(&mut self, of: &'a str) -> &'a str {
        let choices: Vec<&str> = of.split('|').collect();
        choices[self.below(choices.len())]
    }

    pub(crate) fn index(&mut self, of: &[usize]) -> usize {
        of[self.below(of.len())]
    }
}
