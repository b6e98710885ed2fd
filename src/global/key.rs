//! What names, resources and requesters are, here and on other nodes.

use std::fmt;
use std::sync::Arc;

use crate::id::Pid;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::term::{self, Atom, Term};

use super::{LockId, Requester};

/// A name, a resource, or a requester.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// An atom of Erlang.
    Text(Arc<str>),
    Pid(Pid),
    /// Any other term: nobody finds it here, but it is handed on.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    Term(Term),
}

impl Key {
    /// Returns the resource that is locked while names are given.
    pub(super) fn names() -> Key {
        Key::Text(Arc::from("global"))
    }

    /// Returns it as a text, for errors.
    pub(super) fn text(&self) -> Arc<str> {
        if let Key::Text(text) = self { Arc::clone(text) } else { self.to_string().into() }
    }
}

#[cfg(all(feature = "dist", target_os = "linux"))]
impl Key {
    /// Returns what a term is.
    pub(super) fn of_term(term: &Term) -> Key {
        if let Term::Atom(name) = term {
            return Key::Text(Arc::from(name.as_str()));
        }
        term::from_term(term).map_or_else(|_| Key::Term(term.clone()), Key::Pid)
    }

    /// Returns the term. A text that is too long for an atom is a binary.
    pub(super) fn to_term(&self) -> Term {
        match self {
            Key::Text(text) => Atom::new(text).map_or_else(|_| (&**text).into(), Term::from),
            Key::Pid(pid) => pid_term(*pid),
            Key::Term(term) => term.clone(),
        }
    }
}

#[cfg(all(feature = "dist", target_os = "linux"))]
pub(super) fn pid_term(pid: Pid) -> Term {
    term::to_term(&pid).expect("a pid is a term")
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Text(text) => fmt::Debug::fmt(text, f),
            Key::Pid(pid) => fmt::Display::fmt(pid, f),
            #[cfg(all(feature = "dist", target_os = "linux"))]
            Key::Term(term) => fmt::Display::fmt(term, f),
        }
    }
}

impl From<&Requester> for Key {
    fn from(requester: &Requester) -> Key {
        match requester {
            Requester::Process(pid) => Key::Pid(*pid),
            Requester::Name(name) => Key::Text(Arc::clone(name)),
        }
    }
}

/// `{Resource, Requester}`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lock {
    pub(super) resource: Key,
    pub(super) requester: Key,
}

impl From<&LockId> for Lock {
    fn from(LockId { resource, requester }: &LockId) -> Lock {
        Lock { resource: Key::Text(Arc::clone(resource)), requester: requester.into() }
    }
}

#[cfg(all(feature = "dist", target_os = "linux"))]
impl Lock {
    /// Returns what the lockers of two nodes lock with, so that it is the same lock for both.
    pub(super) fn of_lockers(one: Pid, other: Pid) -> Lock {
        let mut lockers = [one, other].map(pid_term);
        lockers.sort();
        Lock { resource: Key::names(), requester: Key::Term(Term::List(lockers.into())) }
    }
}

/// Who holds the lock of all names.
#[cfg(all(feature = "dist", target_os = "linux"))]
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LockOfNames {
    Free,
    /// Nobody, since its last holder has ended.
    Left,
    Held {
        requester: Key,
        holders: Vec<Pid>,
    },
}
