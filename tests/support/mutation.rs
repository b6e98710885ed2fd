//! Bytes that are changed a little, and for how long that is done.

use std::time::{Duration, Instant};

use super::dice::Dice;

/// Changes something, if there is something.
pub(crate) fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    match dice.below(6) {
        0 => bytes[at] = dice.below(256) as u8,
        1 => bytes[at] ^= 1 << dice.below(8),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, dice.below(256) as u8),
        // Lengths are in several bytes.
        4 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
        _ => {
            let end = at + dice.below(bytes.len() - at + 1);
            let piece = bytes[at..end].to_vec();
            let place = dice.below(bytes.len());
            bytes.splice(place..place, piece);
        }
    }
}

/// Calls `body` with one seed after the other: with `FUZZ_SEED` only this; else with the first
/// `usual`, or for as many seconds as `FUZZ_SECONDS` says. Returns how many there were; a panic
/// tells its seed.
pub(crate) fn fuzz(usual: usize, mut body: impl FnMut(u64)) -> usize {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("FUZZ_SEED") {
        body(seed);
        return 1;
    }
    let time = number("FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    let goes_on = |rounds| time.map_or(rounds < usual, |time| start.elapsed() < time);
    let mut rounds = 0;
    while goes_on(rounds) {
        let _seed = Seed(rounds as u64);
        body(rounds as u64);
        rounds += 1;
    }
    rounds
}

/// Says by which seed the test has failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("FUZZ_SEED={}\n", self.0).as_bytes(),
            );
        }
    }
}
