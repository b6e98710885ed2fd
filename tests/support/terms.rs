//! Random terms.

use procession::term::{
    self, Atom, BitString, ExternalFun, ExternalPid, ExternalPort, ExternalRef, ImproperList, Map,
    Term, atom,
};

use crate::support::dice::Dice;

/// What a random term may be.
#[allow(dead_code, reason = "not each binary needs all of them")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// All that can be written down in Erlang's language.
    Literals,
    /// Pids and their like, too.
    All,
    /// Funs of a node as well, which Erlang writes in other bytes than it has read.
    WithFuns,
}

/// Returns a term of about `size` terms.
pub(crate) fn term(dice: &mut Dice, kinds: Kinds, size: usize) -> Term {
    if size <= 1 || dice.happens(20) {
        return leaf(dice, kinds);
    }
    let inside = |dice: &mut Dice| {
        let count = dice.below(size.min(8)) + 1;
        (0..count).map(|_| term(dice, kinds, (size - 1) / count)).collect::<Vec<Term>>()
    };
    // More than a byte can count. Not as keys: Erlang has no order for so many.
    let many = |dice: &mut Dice| {
        (0..250 + dice.below(20)).map(|_| leaf(dice, kinds)).collect::<Vec<Term>>()
    };
    if dice.happens(1) {
        return Term::Tuple(many(dice));
    }
    match dice.below(6) {
        0 | 1 if dice.happens(2) => Term::List(many(dice)),
        0 | 1 => Term::List(inside(dice)),
        2 | 3 => Term::Tuple(inside(dice)),
        4 => ImproperList::new(inside(dice), leaf(dice, kinds)),
        _ => {
            // For Erlang before OTP 27, 0.0 and -0.0 are one key.
            let keys = inside(dice).into_iter().filter(|key| !key.to_string().contains("0.0"));
            let pairs: Vec<(Term, Term)> = keys.map(|key| (key, leaf(dice, kinds))).collect();
            Term::Map(Map::from_iter(pairs))
        }
    }
}

fn leaf(dice: &mut Dice, kinds: Kinds) -> Term {
    let kinds = match kinds {
        Kinds::Literals => 8,
        Kinds::All => 12,
        Kinds::WithFuns => 13,
    };
    match dice.below(kinds) {
        0 => Term::Integer(dice.below(300) as i64 - 20),
        1 => integer(dice),
        2 => Term::Float(float(dice)),
        3 | 4 => name(dice).into(),
        5 => Term::from(text(dice)),
        6 => bits(dice),
        7 => Term::List(text(dice).chars().map(|it| u32::from(it).into()).collect()),
        8 => pid(dice).into(),
        9 => {
            let words: Vec<u32> = (0..=dice.below(5)).map(|_| word(dice)).collect();
            ExternalRef::new(node(dice), word(dice), &words).into()
        }
        10 => {
            let id = u64::from(word(dice)) << dice.index(&[0, 0, 20, 32]);
            ExternalPort { node: node(dice), id, creation: word(dice) }.into()
        }
        11 => {
            let (module, function) = (name(dice), name(dice));
            ExternalFun { module, function, arity: dice.below(256) as u8 }.into()
        }
        _ => fun(dice),
    }
}

/// A fun, of which there are only those that come from elsewhere.
fn fun(dice: &mut Dice) -> Term {
    let part = |term: Term| term::to_vec(&term).unwrap()[1..].to_vec();
    let free: Vec<Vec<u8>> =
        (0..dice.below(4)).map(|_| part(leaf(dice, Kinds::WithFuns))).collect();
    let count = u32::try_from(free.len()).unwrap();
    let head = [&[dice.below(256) as u8][..], &[7; 16], &word(dice).to_be_bytes()].concat();
    let names = [name(dice).into(), Term::from(word(dice) >> 1), Term::from(word(dice) >> 1)];
    let names: Vec<Vec<u8>> = names.into_iter().chain([pid(dice).into()]).map(part).collect();
    let rest = [head, count.to_be_bytes().to_vec(), names.concat(), free.concat()].concat();
    let size = u32::try_from(rest.len() + 4).unwrap().to_be_bytes();
    term::from_slice(&[&[131, 112][..], &size, &rest].concat()).unwrap()
}

fn word(dice: &mut Dice) -> u32 {
    (dice.below(1 << 32) >> dice.below(33)) as u32
}

/// One of around a power of two, of up to 300 bytes.
fn integer(dice: &mut Dice) -> Term {
    let length = if dice.happens(90) { dice.below(20) } else { dice.below(300) };
    let fill = dice.index(&[0, 0xff, 1, 2]);
    let byte = |dice: &mut Dice| match fill {
        1 | 2 => dice.below(256) as u8,
        fill => fill as u8,
    };
    let mut magnitude: Vec<u8> = (0..length).map(|_| byte(dice)).collect();
    if fill == 0 {
        magnitude.push(1 << dice.below(8));
    }
    Term::integer(dice.happens(50), &magnitude)
}

fn float(dice: &mut Dice) -> f64 {
    let bits = (dice.below(1 << 32) as u64) << 32 | dice.below(1 << 32) as u64;
    let number = match dice.below(4) {
        0 => f64::from_bits(bits),
        1 => (bits >> dice.below(64)) as f64,
        2 => dice.below(100_000) as f64 / 10_f64.powi(dice.below(12) as i32),
        _ => dice.below(1000) as f64 * 10_f64.powi(dice.below(40) as i32 - 20),
    };
    let number = if dice.happens(30) { -number } else { number };
    if number.is_finite() { number } else { 1.5 }
}

fn name(dice: &mut Dice) -> Atom {
    let known = [
        "",
        "ok",
        "error",
        "true",
        "undefined",
        "a",
        "aB_1@x",
        "Hello",
        "hello world",
        "it's",
        "end",
        "été",
        "Été",
        "ж",
        "日本",
        "a.b",
        "\n\u{1}",
        "back\\slash",
        "_x",
        "1a",
        "[]",
        "receive",
        "÷",
    ];
    if dice.happens(70) {
        return Atom::new(known[dice.below(known.len())]).unwrap();
    }
    let length = dice.index(&[1, 3, 100, 254, 255]);
    let characters = ['a', 'z', 'A', '0', ' ', 'ü', 'ж', '😀'];
    let mask = dice.below(characters.len()) + 1;
    let name: String = (0..length).map(|_| characters[dice.below(mask)]).collect();
    Atom::new(&name).unwrap()
}

fn text(dice: &mut Dice) -> String {
    let known =
        ["", "x", "hello", "quo\"te", "line\nbreak\ttab", "grüße", "жук", "\u{7f}", "\u{85}"];
    let known = known[dice.below(known.len())];
    known.repeat(dice.index(&[1, 1, 1, 2, 40]))
}

fn bits(dice: &mut Dice) -> Term {
    let length = dice.index(&[0, 1, 2, 9]);
    let bytes: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
    BitString::new(&bytes, dice.below(8) as u8 + 1)
}

fn node(dice: &mut Dice) -> Atom {
    [atom("beam@127.0.0.1"), atom("rust@localhost"), atom("x@y")][dice.below(3)].clone()
}

fn pid(dice: &mut Dice) -> ExternalPid {
    let (node, id, serial) = (node(dice), word(dice), word(dice));
    ExternalPid { node, id, serial, creation: word(dice) }
}
