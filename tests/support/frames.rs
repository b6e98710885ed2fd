//! Frames that a node should not send.

use procession::prelude::*;
use procession::term::{self, Atom, ExternalPid, ExternalRef, ImproperList, Term, atom};

use super::dice::Dice;
use super::fuzz::{TERM_TOKENS, changed};

/// The ops of control messages.
const OPS: [usize; 24] =
    [1, 2, 3, 5, 6, 7, 8, 12, 13, 16, 18, 19, 20, 21, 22, 24, 26, 28, 29, 31, 33, 34, 35, 36];

/// Makes what the node `stranger@127.0.0.1`, whose creation is 7, sends if it has lost its mind:
/// frames that are changed, cut, made up. Their processes and references are of its own, and of
/// this one: the references those that this one could make, and larger ones.
pub(crate) fn hostile(seed: u64, victim: Pid) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut bytes = Vec::new();
    for _ in 0..=dice.below(4) {
        let mut body = control(&mut dice, victim);
        if dice.happens(50) {
            body = changed(&mut dice, &[body], TERM_TOKENS);
        }
        let length = match dice.below(20) {
            0 => dice.below(1 << 31),
            1 => body.len() / 2,
            _ => body.len(),
        };
        bytes.extend((length as u32).to_be_bytes());
        bytes.extend(body);
    }
    if dice.happens(20) {
        bytes.truncate(dice.below(bytes.len()));
    }
    bytes
}

/// A control message, in most of whose places there is what belongs there.
fn control(dice: &mut Dice, victim: Pid) -> Vec<u8> {
    if dice.happens(25) {
        // As it should be, so that what it carries is looked at.
        let send = (2, atom(""), victim);
        let terms = [term::to_vec(&send).unwrap(), term::to_vec(&payload(dice, victim)).unwrap()];
        return [b"p".to_vec(), terms.concat()].concat();
    }
    let op = if dice.happens(5) { dice.below(50) } else { dice.index(&OPS) };
    let mut elements = vec![Term::from(op as u64)];
    let count = if dice.happens(10) { dice.below(8) } else { 3 };
    elements.extend((0..count).map(|_| element(dice, victim)));
    let mut body = b"p".to_vec();
    body.extend(term::to_vec(&Term::Tuple(elements)).unwrap());
    if dice.happens(40) {
        body.extend(term::to_vec(&payload(dice, victim)).unwrap());
    }
    body
}

/// A message: a request, with what its answer goes to, an answer, or anything.
fn payload(dice: &mut Dice, victim: Pid) -> Term {
    let label = |name| Term::from(atom(name));
    let elements = match dice.below(6) {
        0 | 1 => {
            let from = if dice.happens(50) {
                vec![term::to_term(&victim).unwrap(), alias(own_reference(dice, victim))]
            } else {
                vec![pid(dice, victim), tag(dice, victim)]
            };
            let from = Term::Tuple(from);
            let label = label(if dice.happens(20) { "system" } else { "$gen_call" });
            vec![label, from, element(dice, victim)]
        }
        2 => vec![label("$gen_cast"), element(dice, victim)],
        3 => vec![tag(dice, victim), element(dice, victim)],
        _ => return element(dice, victim),
    };
    Term::Tuple(elements)
}

fn tag(dice: &mut Dice, victim: Pid) -> Term {
    match dice.below(3) {
        0 => element(dice, victim),
        1 => reference(dice, victim),
        _ => {
            let alias = alias(reference(dice, victim));
            if dice.happens(20) { Term::List(vec![alias]) } else { alias }
        }
    }
}

/// `[alias|Ref]`
fn alias(reference: Term) -> Term {
    ImproperList::new(vec![atom("alias").into()], reference)
}

fn pid(dice: &mut Dice, victim: Pid) -> Term {
    if dice.happens(50) {
        return term::to_term(&victim).unwrap();
    }
    let (id, serial) = (dice.below(9) as u32, dice.below(2) as u32);
    ExternalPid { node: stranger(), id, serial, creation: 7 }.into()
}

fn reference(dice: &mut Dice, victim: Pid) -> Term {
    if dice.happens(50) {
        let words = [0; 5].map(|_: u32| dice.below(9) as u32);
        return ExternalRef::new(stranger(), 7, &words[..=dice.below(5)]).into();
    }
    own_reference(dice, victim)
}

fn own_reference(dice: &mut Dice, victim: Pid) -> Term {
    let Term::Pid(owner) = term::to_term(&victim).unwrap() else { panic!("it is a pid") };
    let high = dice.index(&[0, 1, 0x3fff_ffff, 0x4000_0000, 0x8000_0000, 0xc000_0000]);
    let words = [dice.below(3) as u32, high as u32, owner.id, owner.serial, 0];
    ExternalRef::new(owner.node, owner.creation, &words).into()
}

fn stranger() -> Atom {
    atom("stranger@127.0.0.1")
}

fn element(dice: &mut Dice, victim: Pid) -> Term {
    match dice.below(8) {
        0 => atom(dice.text("|nobody|noproc|kill|killed")).into(),
        1 => Term::from(dice.below(1 << 40) as u64),
        2..=4 => pid(dice, victim),
        5 => reference(dice, victim),
        6 => Term::Tuple((0..dice.below(4)).map(|_| element(dice, victim)).collect()),
        _ => atom("normal").into(),
    }
}
