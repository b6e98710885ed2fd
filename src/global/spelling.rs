//! What servers of global names say to each other, as terms.

use serde::de::Error as _;

use crate::external;
use crate::id::{Node, Pid};
use crate::term::{self, DecodeError, ExternalFun, Map, Term, WireTerm, atom};

use super::key::{Key, Lock, pid_term};
use super::method::{BuiltIn, Method};
use super::named::Named;
use super::said::{Asked, Known, Loss, Operation, Said, Tag, VERSION};

/// The modules of functions that resolve clashes.
const GLOBAL: &str = "global";
const OWN: (&str, &str) = ("procession", "resolve");

/// Returns what is sent for what is said.
pub(super) fn write(said: &Said) -> Term {
    match write_info(said) {
        Some(message) => message,
        None => tuple([word("$gen_cast"), write_cast(said)]),
    }
}

/// Writes what is a plain message.
fn write_info(said: &Said) -> Option<Term> {
    Some(match said {
        Said::InitConnectAck { from, yours, mine } => {
            let (yours, mine) = ((*yours).into(), (*mine).into());
            tuple([word("init_connect_ack"), name_of(*from), yours, mine])
        }
        Said::CancelConnect { from, tag } => {
            tuple([word("cancel_connect"), name_of(*from), (*tag).into()])
        }
        Said::LostConnection(Loss { from, creation, number, lost }) => {
            let (from, lost) = (name_of(*from), name_of(*lost));
            tuple([word("lost_connection"), from, (*creation).into(), (*number).into(), lost])
        }
        Said::RemoveConnection { from } => tuple([word("remove_connection"), name_of(*from)]),
        Said::InitConnect { .. }
        | Said::LockSet { .. }
        | Said::Exchange { .. }
        | Said::Resolved { .. }
        | Said::NewNodes { .. }
        | Said::InSync { .. } => return None,
    })
}

/// Writes what is a cast, without its mark.
fn write_cast(said: &Said) -> Term {
    let none = || Term::List(Vec::new());
    match said {
        Said::InitConnect { from, version, tag, known, locker } => {
            let version = tuple([(*version).into(), (*tag).into()]);
            let mut map = Map::new();
            for (node, version) in known {
                map.insert(name_of(*node), (*version).into());
            }
            let no_pid = word("no_longer_a_pid");
            let locker = tuple([word("locker"), no_pid, map.into(), pid_term(*locker)]);
            tuple([word("init_connect"), version, name_of(*from), locker])
        }
        Said::LockSet { locker, is_set, known, tag } => {
            let known = Term::List(known.iter().map(|node| name_of(*node)).collect());
            let mut elements = vec![word("lock_set"), pid_term(*locker), (*is_set).into(), known];
            elements.extend(tag.map(Term::from));
            Term::Tuple(elements)
        }
        Said::Exchange { from, names, tag } => {
            let names = Term::List(names.iter().map(named).collect());
            tuple([word("exchange"), name_of(*from), names, none(), (*tag).into()])
        }
        Said::Resolved { from, operations: done, known, tag } => {
            let (from, done, known) = (name_of(*from), operations(done), nodes(known));
            tuple([word("resolved"), from, done, known, word("unused"), none(), (*tag).into()])
        }
        Said::NewNodes { from, operations: done, nodes: new, lock: set } => {
            let version = tuple([word("vsn"), VERSION.into()]);
            let set = set.as_ref().map_or(word("undefined"), lock);
            let more = Term::List(vec![version, tuple([word("lock"), set])]);
            let (from, done, new) = (name_of(*from), operations(done), nodes(new));
            tuple([word("new_nodes"), from, done, none(), new, more])
        }
        Said::InSync { from } => tuple([word("in_sync"), name_of(*from), true.into()]),
        Said::InitConnectAck { .. }
        | Said::CancelConnect { .. }
        | Said::LostConnection(_)
        | Said::RemoveConnection { .. } => unreachable!("it is a plain message"),
    }
}

/// Returns what is sent to a locker, as a plain message.
pub(super) fn write_to_locker(said: &Said) -> Term {
    write_cast(said)
}

/// Returns what is sent for what is asked.
pub(super) fn write_asked(asked: &Asked) -> Term {
    match asked {
        Asked::SetLock(set) => tuple([word("set_lock"), lock(set)]),
        Asked::DelLock(set) => tuple([word("del_lock"), lock(set)]),
        Asked::Register(Named { name, pid: holder, method }) => {
            tuple([word("register"), name.to_term(), pid_term(*holder), write_method(method)])
        }
        Asked::Unregister(name) => tuple([word("unregister"), name.to_term()]),
    }
}

/// Reads what a server of another node says.
pub(super) fn read(message: WireTerm<'_>) -> Result<Said, DecodeError> {
    let read = |message: WireTerm<'_>| {
        let said = said(message.read()?);
        said.ok_or_else(|| DecodeError::custom("no server of global names says so"))
    };
    external::read_by(read, message)
}

/// Reads what a process of another node asks for.
pub(super) fn read_asked(request: WireTerm<'_>) -> Result<Asked, DecodeError> {
    let read = |request: WireTerm<'_>| {
        let asked = asked(request.read()?);
        asked.ok_or_else(|| DecodeError::custom("a server of global names takes no such request"))
    };
    external::read_by(read, request)
}

fn said(message: Term) -> Option<Said> {
    let Term::Tuple(elements) = message else { return None };
    let (Term::Atom(what), rest) = elements.split_first()? else { return None };
    match (what.as_str(), rest) {
        ("init_connect", [version, from, Term::Tuple(locker)]) => {
            let Term::Tuple(version) = version else { return None };
            let ([version, tag, ..], [_, _, known, locker]) = (&version[..], &locker[..]) else {
                return None;
            };
            let version = u32::try_from(integer(version)?).ok()?;
            let (from, tag, locker) = (node(from)?, integer(tag)?, pid_of(locker)?);
            Some(Said::InitConnect { from, version, tag, known: known_in(known), locker })
        }
        ("init_connect_ack", [from, yours, mine]) => {
            let (from, yours, mine) = (node(from)?, integer(yours)?, integer(mine)?);
            Some(Said::InitConnectAck { from, yours, mine })
        }
        ("cancel_connect", [from, tag]) => {
            Some(Said::CancelConnect { from: node(from)?, tag: integer(tag)? })
        }
        ("lock_set", [locker, is_set, Term::List(known), tag @ ..]) => {
            let tag = match tag {
                [] => None,
                [tag] => Some(integer(tag)?),
                _ => return None,
            };
            let known = known.iter().filter_map(node).collect();
            Some(Said::LockSet {
                locker: pid_of(locker)?,
                is_set: *is_set == true.into(),
                known,
                tag,
            })
        }
        ("exchange", [from, Term::List(names), _, tag]) => {
            let names = names.iter().filter_map(|it| named_in(elements_of(it)?)).collect();
            Some(Said::Exchange { from: node(from)?, names, tag: integer(tag)? })
        }
        ("resolved", [from, Term::List(operations), known, _, _, tag]) => {
            let (operations, known) = (operations_in(operations), known_in(known));
            Some(Said::Resolved { from: node(from)?, operations, known, tag: integer(tag)? })
        }
        ("new_nodes", [from, Term::List(operations), _, nodes, more]) => {
            let (operations, nodes) = (operations_in(operations), known_in(nodes));
            Some(Said::NewNodes { from: node(from)?, operations, nodes, lock: lock_among(more) })
        }
        ("in_sync", [from, _]) => Some(Said::InSync { from: node(from)? }),
        ("lost_connection", [from, creation, number, lost]) => {
            let (from, lost) = (node(from)?, node(lost)?);
            let (creation, number) = (integer(creation)?, integer(number)?);
            Some(Said::LostConnection(Loss { from, creation, number, lost }))
        }
        ("remove_connection", [from]) => Some(Said::RemoveConnection { from: node(from)? }),
        _ => None,
    }
}

fn asked(request: Term) -> Option<Asked> {
    let elements = elements_of(&request)?;
    let (Term::Atom(what), rest) = elements.split_first()? else { return None };
    match (what.as_str(), rest) {
        ("set_lock", [lock]) => lock_in(lock).map(Asked::SetLock),
        ("del_lock", [lock]) => lock_in(lock).map(Asked::DelLock),
        ("register", named) => named_in(named).map(Asked::Register),
        ("register_ext", [named @ .., _]) => named_in(named).map(Asked::Register),
        ("unregister", [name]) => Some(Asked::Unregister(Key::of_term(name))),
        _ => None,
    }
}

fn operations_in(operations: &[Term]) -> Vec<Operation> {
    operations.iter().filter_map(operation_in).collect()
}

fn operation_in(operation: &Term) -> Option<Operation> {
    let [Term::Atom(what), about] = elements_of(operation)? else { return None };
    match what.as_str() {
        "insert" => named_in(elements_of(about)?).map(Operation::Insert),
        "delete" => Some(Operation::Delete(Key::of_term(about))),
        _ => None,
    }
}

fn named_in(elements: &[Term]) -> Option<Named> {
    let [name, pid, method] = elements else { return None };
    Some(Named { name: Key::of_term(name), pid: pid_of(pid)?, method: method_of(method) })
}

/// Returns the nodes in a list, or a map, with their versions.
fn known_in(known: &Term) -> Vec<Known> {
    let with_version =
        |name: &Term, version: &Term| Some((node(name)?, u32::try_from(integer(version)?).ok()?));
    if let Term::Map(map) = known {
        return map.iter().filter_map(|(node, version)| with_version(node, version)).collect();
    }
    let Term::List(list) = known else { return Vec::new() };
    let known = list.iter().filter_map(|it| match elements_of(it) {
        Some([node, version]) => with_version(node, version),
        Some(_) => None,
        None => Some((node(it)?, 0)),
    });
    known.collect()
}

/// Returns the lock in a list of several things.
fn lock_among(more: &Term) -> Option<Lock> {
    let Term::List(more) = more else { return None };
    more.iter().find_map(|it| match elements_of(it) {
        Some([Term::Atom(what), lock]) if what == "lock" => lock_in(lock),
        _ => None,
    })
}

fn lock_in(lock: &Term) -> Option<Lock> {
    let [resource, requester] = elements_of(lock)? else { return None };
    Some(Lock { resource: Key::of_term(resource), requester: Key::of_term(requester) })
}

fn elements_of(term: &Term) -> Option<&[Term]> {
    let Term::Tuple(elements) = term else { return None };
    Some(elements)
}

fn integer(term: &Term) -> Option<Tag> {
    let Term::Integer(number) = term else { return None };
    Some(*number)
}

fn node(term: &Term) -> Option<Node> {
    let Term::Atom(name) = term else { return None };
    Node::find(name.as_str())
}

fn pid_of(term: &Term) -> Option<Pid> {
    term::from_term(term).ok()
}

/// Returns what a fun is that resolves clashes.
pub(super) fn method_of(fun: &Term) -> Method {
    if let Term::ExternalFun(it) = fun
        && it.module == GLOBAL
        && it.arity == 3
        && let Some(function) = BuiltIn::named(it.function.as_str())
    {
        return Method::BuiltIn(function);
    }
    Method::Foreign(fun.clone())
}

/// Returns the fun for what resolves clashes.
pub(super) fn write_method(method: &Method) -> Term {
    let (module, function) = match method {
        Method::BuiltIn(function) => (GLOBAL, function.name()),
        Method::Own(_) => OWN,
        Method::Foreign(fun) => return fun.clone(),
    };
    let fun = ExternalFun { module: atom(module), function: atom(function), arity: 3 };
    Term::ExternalFun(Box::new(fun))
}

/// Returns whether a method stands for a function that a program has registered with a name.
pub(super) fn is_own(method: &Method) -> bool {
    let Method::Foreign(Term::ExternalFun(fun)) = method else { return false };
    (fun.module.as_str(), fun.function.as_str()) == OWN
}

fn named(Named { name, pid: holder, method }: &Named) -> Term {
    tuple([name.to_term(), pid_term(*holder), write_method(method)])
}

fn operations(operations: &[Operation]) -> Term {
    let operation = |operation: &Operation| match operation {
        Operation::Insert(it) => tuple([word("insert"), named(it)]),
        Operation::Delete(name) => tuple([word("delete"), name.to_term()]),
    };
    Term::List(operations.iter().map(operation).collect())
}

fn nodes(known: &[Known]) -> Term {
    let node = |(node, version): &Known| tuple([name_of(*node), (*version).into()]);
    Term::List(known.iter().map(node).collect())
}

fn lock(Lock { resource, requester }: &Lock) -> Term {
    tuple([resource.to_term(), requester.to_term()])
}

fn word(name: &'static str) -> Term {
    atom(name).into()
}

fn tuple<const N: usize>(elements: [Term; N]) -> Term {
    Term::Tuple(elements.into())
}

fn name_of(node: Node) -> Term {
    atom(node.name()).into()
}
