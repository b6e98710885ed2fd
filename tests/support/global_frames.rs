//! What the server of global names of another node should not send.

use procession::prelude::*;
use procession::term::{self, ExternalFun, ExternalPid, ExternalRef, Map, Term, atom};

use super::dice::Dice;
use super::fuzz::{TERM_TOKENS, changed};

/// What messages are made of: whose they are, and the tag that this node has given in this session.
pub(crate) struct Session {
    pub(crate) pid: Pid,
    pub(crate) tag: Term,
}

/// Makes what the node `stranger@127.0.0.1`, whose creation is 7, says to the server of global
/// names, if it has lost its mind: messages of the protocol in any order, with whatever in them.
pub(crate) fn hostile_names(seed: u64, session: &Session) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut bytes = Vec::new();
    for _ in 0..=dice.below(8) {
        let control = (6, stranger(&mut dice), atom(""), atom("global_name_server"));
        let mut body = b"p".to_vec();
        body.extend(term::to_vec(&control).unwrap());
        let mut payload = term::to_vec(&message(&mut dice, session)).unwrap();
        if dice.happens(15) {
            payload = changed(&mut dice, &[payload], TERM_TOKENS);
        }
        body.extend(payload);
        bytes.extend((body.len() as u32).to_be_bytes());
        bytes.extend(body);
    }
    bytes
}

fn tuple(elements: impl IntoIterator<Item = Term>) -> Term {
    Term::Tuple(elements.into_iter().collect())
}

fn stranger(dice: &mut Dice) -> ExternalPid {
    let (id, serial) = (dice.below(9) as u32, dice.below(2) as u32);
    ExternalPid { node: atom("stranger@127.0.0.1"), id, serial, creation: 7 }
}

fn message(dice: &mut Dice, session: &Session) -> Term {
    let said = match dice.below(12) {
        0..8 => said(dice, session),
        _ => asked(dice, session),
    };
    let said = if dice.happens(20) { damaged(dice, session, said) } else { said };
    match dice.below(8) {
        0..3 => tuple([atom("$gen_cast").into(), said]),
        3..6 => said,
        _ => {
            let reference =
                ExternalRef::new(atom("stranger@127.0.0.1"), 7, &[dice.below(9) as u32, 1, 2]);
            let from = tuple([stranger(dice).into(), reference.into()]);
            tuple([atom("$gen_call").into(), from, said])
        }
    }
}

/// A message of which one element is another one, or which has one more or less.
fn damaged(dice: &mut Dice, session: &Session, message: Term) -> Term {
    let Term::Tuple(mut elements) = message else { return message };
    let place = dice.below(elements.len());
    match dice.below(3) {
        0 => _ = elements.remove(place),
        1 => elements.push(any(dice, session)),
        _ => elements[place] = any(dice, session),
    }
    Term::Tuple(elements)
}

fn said(dice: &mut Dice, session: &Session) -> Term {
    let tag = if dice.happens(70) { session.tag.clone() } else { Term::from(dice.below(3) as u64) };
    let from = if dice.happens(80) { atom("stranger@127.0.0.1").into() } else { node(dice) };
    let empty = || Term::List(vec![]);
    match dice.below(11) {
        0 => {
            let version = tuple([Term::from(dice.index(&[8, 8, 8, 7, 9, 0]) as u64), tag]);
            let unused = atom("no_longer_a_pid").into();
            let locker = tuple([atom("locker").into(), unused, known(dice), stranger(dice).into()]);
            tuple([atom("init_connect").into(), version, from, locker])
        }
        1 => tuple([atom("init_connect_ack").into(), from, tag, Term::from(5)]),
        2 => tuple([atom("cancel_connect").into(), from, tag]),
        3 | 4 => {
            let is_set = atom(dice.text("true|true|false|maybe")).into();
            tuple([atom("lock_set").into(), stranger(dice).into(), is_set, nodes(dice), tag])
        }
        5 => tuple([atom("exchange").into(), from, names(dice, session), empty(), tag]),
        6 => {
            let operations = operations(dice, session);
            let unused = atom("unused").into();
            tuple([atom("resolved").into(), from, operations, known(dice), unused, empty(), tag])
        }
        7 => {
            let version = tuple([atom("vsn").into(), 8.into()]);
            let lock = tuple([atom("lock").into(), lock(dice, session)]);
            let extra = Term::List(vec![version, lock]);
            let operations = operations(dice, session);
            tuple([atom("new_nodes").into(), from, operations, empty(), known(dice), extra])
        }
        8 => tuple([atom("in_sync").into(), from, true.into()]),
        9 => {
            let (creation, number) = (dice.below(3) as u64, dice.below(3) as u64);
            let lost = node(dice);
            tuple([atom("lost_connection").into(), from, creation.into(), number.into(), lost])
        }
        _ => tuple([atom(dice.text("remove_connection|nodeup|nodedown")).into(), from]),
    }
}

fn asked(dice: &mut Dice, session: &Session) -> Term {
    match dice.below(8) {
        0 | 1 => tuple([atom("set_lock").into(), lock(dice, session)]),
        2 => tuple([atom("del_lock").into(), lock(dice, session)]),
        3 => {
            let (name, pid) = (name(dice), pid(dice, session));
            tuple([atom("register").into(), name, pid, method(dice)])
        }
        4 => tuple([atom("unregister").into(), name(dice)]),
        5 => tuple([atom("sync").into(), nodes(dice)]),
        6 => tuple([atom("registrar").into(), method(dice)]),
        _ => atom(dice.text("get_known|get_synced|info|stop|get_protocol_version|get_names_ext"))
            .into(),
    }
}

fn node(dice: &mut Dice) -> Term {
    let names = "stranger@127.0.0.1|stranger@127.0.0.1|rust@127.0.0.1|beam@127.0.0.1|\
                 nobody@127.0.0.1|nobody|@||a@b@c";
    atom(dice.text(names)).into()
}

fn name(dice: &mut Dice) -> Term {
    match dice.below(6) {
        0 => tuple([atom("room").into(), 7.into()]),
        1 => Term::from(dice.below(3) as u64),
        _ => atom(dice.text("one|two|three|four||global_name_server")).into(),
    }
}

fn pid(dice: &mut Dice, session: &Session) -> Term {
    match dice.below(6) {
        0 => term::to_term(&session.pid).unwrap(),
        1 => ExternalPid { node: atom("nobody@127.0.0.1"), id: 1, serial: 1, creation: 1 }.into(),
        2 => ExternalPid { node: atom("rust@127.0.0.1"), id: 1, serial: 1, creation: 1 }.into(),
        _ => stranger(dice).into(),
    }
}

fn method(dice: &mut Dice) -> Term {
    let function = dice.text("random_exit_name|random_notify_name|notify_all_name|nothing");
    let module = atom(dice.text("global|global|procession|nowhere"));
    let arity = dice.index(&[3, 3, 3, 0, 255]) as u8;
    Term::ExternalFun(Box::new(ExternalFun { module, function: atom(function), arity }))
}

fn lock(dice: &mut Dice, session: &Session) -> Term {
    let resource = atom(dice.text("global|global|resource|")).into();
    let requester = match dice.below(4) {
        0 => Term::List(vec![pid(dice, session), pid(dice, session)]),
        1 => name(dice),
        _ => pid(dice, session),
    };
    tuple([resource, requester])
}

fn named(dice: &mut Dice, session: &Session) -> Term {
    let (name, pid) = (name(dice), pid(dice, session));
    tuple([name, pid, method(dice)])
}

fn some<T>(dice: &mut Dice, mut one: impl FnMut(&mut Dice) -> T) -> Vec<T> {
    (0..dice.index(&[0, 1, 1, 2, 3, 30])).map(|_| one(dice)).collect()
}

fn names(dice: &mut Dice, session: &Session) -> Term {
    Term::List(some(dice, |dice| named(dice, session)))
}

fn operations(dice: &mut Dice, session: &Session) -> Term {
    let operation = |dice: &mut Dice| match dice.below(3) {
        0 => tuple([atom("delete").into(), name(dice)]),
        _ => tuple([atom("insert").into(), named(dice, session)]),
    };
    Term::List(some(dice, operation))
}

fn nodes(dice: &mut Dice) -> Term {
    Term::List(some(dice, node))
}

/// The nodes that a node knows: a map, or a list of them, with versions or without.
fn known(dice: &mut Dice) -> Term {
    match dice.below(4) {
        0 => nodes(dice),
        1 => Term::List(some(dice, |dice| tuple([node(dice), 8.into()]))),
        _ => {
            let mut known = Map::new();
            for node in some(dice, node) {
                let key = match dice.below(4) {
                    0 => tuple([atom(dice.text("pending|removing")).into(), node]),
                    _ => node,
                };
                known.insert(key, Term::from(dice.index(&[8, 8, 7, 0]) as u64));
            }
            Term::Map(known)
        }
    }
}

/// What does not belong where it is.
fn any(dice: &mut Dice, session: &Session) -> Term {
    match dice.below(8) {
        0 => node(dice),
        1 => pid(dice, session),
        2 => Term::from(dice.below(1 << 40) as u64),
        3 => Term::Binary(vec![0; dice.below(40)].into()),
        4 => Term::List(some(dice, name)),
        5 => method(dice),
        6 => known(dice),
        _ => tuple([]),
    }
}
