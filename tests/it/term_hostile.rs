//! Bytes from anywhere: nothing panics, and nothing recurses without a limit.

use std::collections::HashMap;

use procession::prelude::*;
use procession::process::Builder;
use procession::term::{self, DecodeErrorKind, Term};
use serde::{Deserialize, Serialize};

use crate::support::dice::Dice;
use crate::support::rounds::rounds;
use crate::support::terms::{self, Kinds};
use crate::support::wait::down_reason;

/// A type with something of each kind, which can be as deep as its term.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "they are read, not looked at")]
enum Anything {
    A,
    Ok(Box<Anything>),
    Error(Option<Vec<Anything>>, f64),
    Undefined { text: String, bytes: Vec<u8>, map: HashMap<String, Anything> },
    Many(Vec<Anything>),
}

/// Reads the bytes as several types. What can be read can be written, and is read again.
fn read_all(bytes: &[u8], seed: u64) {
    _ = term::from_slice::<Anything>(bytes);
    _ = term::from_slice::<Vec<(term::Atom, f32)>>(bytes);
    _ = term::from_slice::<HashMap<Option<u128>, Result<(), String>>>(bytes);
    _ = term::from_slice::<serde::de::IgnoredAny>(bytes);
    _ = term::from_slice_tagged::<(u8, Anything)>("ok", bytes);
    if let Ok(term) = term::from_slice::<Term>(bytes) {
        let written = term::to_vec(&term).unwrap_or_else(|error| panic!("{error}, seed {seed}"));
        assert_eq!(term::from_slice::<Term>(&written), Ok(term.clone()), "seed {seed}");
        assert!(!term.to_string().is_empty(), "seed {seed}");
    }
}

mod bytes {
    use super::*;

    /// The tags, more often than other bytes.
    const TAGS: [u8; 26] = [
        70, 77, 80, 82, 88, 89, 90, 97, 98, 100, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113,
        115, 116, 118, 119, 120, 131,
    ];

    #[test]
    fn at_random_do_no_harm() {
        for seed in 0..rounds(50_000) as u64 {
            let mut dice = Dice::new(seed);
            let mut bytes = vec![131];
            for _ in 0..dice.below(60) {
                bytes.push(match dice.below(4) {
                    0 => TAGS[dice.below(TAGS.len())],
                    1 | 2 => dice.below(4) as u8,
                    _ => dice.below(256) as u8,
                });
            }
            read_all(&bytes, seed);
        }
    }

    #[test]
    fn that_are_cut_short_are_no_term() {
        for seed in 0..500 {
            let mut dice = Dice::new(seed);
            let bytes = term::to_vec(&terms::term(&mut dice, Kinds::All, 20)).unwrap();
            for end in 0..bytes.len() {
                let error = term::from_slice::<Term>(&bytes[..end]).unwrap_err();
                assert_eq!(error.kind(), DecodeErrorKind::Malformed, "seed {seed}, {end} bytes");
            }
        }
    }

    #[test]
    fn that_announce_more_than_there_is_are_no_term() {
        for tag in [105, 107, 108, 109, 111, 112, 116, 77] {
            for count in [u32::MAX, u32::MAX / 2 + 1, 1 << 24, 1 << 16] {
                let mut bytes = vec![131, tag];
                bytes.extend_from_slice(&count.to_be_bytes());
                bytes.extend_from_slice(&[106; 50]);
                if tag != 107 || count >= 1 << 24 {
                    let error = term::from_slice::<Term>(&bytes).unwrap_err();
                    assert_eq!(error.kind(), DecodeErrorKind::Malformed, "{tag} {count}");
                }
                read_all(&bytes, 0);
            }
        }
    }
}

mod size {
    use super::*;

    /// A list of strings has a term for each byte of them.
    fn strings(count: u32) -> Vec<u8> {
        let string = [&[107, 255, 255][..], &[7; 65_535]].concat();
        let mut bytes = [&[131, 108][..], &count.to_be_bytes()].concat();
        bytes.extend(string.repeat(count as usize));
        bytes.push(106);
        bytes
    }

    #[test]
    fn of_more_than_16_777_216_terms_is_refused() {
        let error = term::from_slice::<Term>(&strings(256)).unwrap_err();
        let text = "16777218 terms, where 16777216 are allowed, at byte 1";
        assert_eq!((error.to_string().as_str(), error.kind()), (text, DecodeErrorKind::TooLarge));
        assert!(term::from_slice::<serde::de::IgnoredAny>(&strings(255)).is_ok());
    }
}

mod depth {
    use super::*;

    /// A term in so many others: `before` stands before each, `after` behind it.
    fn nested(before: &[u8], after: &[u8], depth: usize) -> Vec<u8> {
        [&[131], &before.repeat(depth)[..], &[106], &after.repeat(depth)].concat()
    }

    /// Containers with another one inside, and what follows that.
    const CONTAINERS: [(&[u8], &[u8]); 7] = [
        (&[104, 1], &[]),
        (&[104, 2, 119, 2, b'o', b'k'], &[]),
        (&[105, 0, 0, 0, 1], &[]),
        (&[108, 0, 0, 0, 1], &[106]),
        // The tail of a list, and its elements.
        (&[108, 0, 0, 0, 1, 97, 1], &[]),
        (&[116, 0, 0, 0, 1, 97, 1], &[]),
        (&[116, 0, 0, 0, 1], &[97, 1]),
    ];

    #[test]
    fn of_a_hundred_thousand_is_refused() {
        for (before, after) in CONTAINERS {
            let bytes = nested(before, after, 100_000);
            let error = term::from_slice::<Term>(&bytes).unwrap_err();
            assert_eq!(error.to_string(), "a term deeper than 512, at byte 1");
            assert_eq!(error.kind(), DecodeErrorKind::TooLarge);
            read_all(&bytes, 0);
            // What is wrong inside is seen nevertheless.
            let error = term::from_slice::<Term>(&bytes[..bytes.len() - 1]).unwrap_err();
            assert_eq!(error.kind(), DecodeErrorKind::Malformed);
        }
    }

    /// On the stack of a process, which is as large as those of other threads.
    #[test]
    fn of_512_fits_on_the_stack() {
        let (_, monitor) = process::spawn_monitor(|| {
            for (before, after) in CONTAINERS {
                let bytes = nested(before, after, 512);
                let term: Term = term::from_slice(&bytes).unwrap();
                assert_eq!(term::from_term::<Term>(&term), Ok(term.clone()));
                assert_eq!(term.clone().cmp(&term), std::cmp::Ordering::Equal);
                assert!(term.to_string().len() > 512);
                read_all(&bytes, 0);
                assert!(term::from_slice::<Term>(&nested(before, after, 513)).is_err());
            }
        })
        .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    /// Who sends a term does not know how large the stack of its receiver is.
    #[test]
    fn is_limited_by_the_stack_of_the_process() {
        let small = Builder::new().stack_size(64 * 1024);
        let (_, monitor) = small
            .spawn_monitor(|| {
                for (before, after) in CONTAINERS {
                    let read = |depth| term::from_slice::<Term>(&nested(before, after, depth));
                    let error = read(512).unwrap_err();
                    let text =
                        "a term 512 deep, for which there is no room on the stack, at byte 1";
                    assert_eq!(error.to_string(), text);
                    assert_eq!(error.kind(), DecodeErrorKind::TooLarge);

                    let deepest = (1..512).rev().find_map(|depth| read(depth).ok());
                    let deepest = deepest.expect("there is room for a few");
                    assert!(deepest.to_string().len() > 20, "{deepest}");
                    assert_eq!(deepest.clone().cmp(&deepest), std::cmp::Ordering::Equal);
                    assert!(term::to_vec(&deepest).is_ok());
                }
            })
            .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[derive(Debug, Serialize, Deserialize)]
    enum Chain {
        End,
        Link(Box<Chain>),
    }

    fn chain(depth: usize) -> Chain {
        (0..depth).fold(Chain::End, |chain, _| Chain::Link(Box::new(chain)))
    }

    #[test]
    fn of_a_type_of_the_program_is_limited_too() {
        let (_, monitor) = process::spawn_monitor(|| {
            let bytes = term::to_vec(&chain(512)).unwrap();
            assert!(matches!(term::from_slice::<Chain>(&bytes), Ok(Chain::Link(_))));
            let error = term::to_vec(&chain(513)).unwrap_err();
            assert_eq!(error.to_string(), "a term deeper than 512");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}
