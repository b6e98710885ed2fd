//! How a clash of names is to be resolved, as it travels with the name.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use crate::id::Pid;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::term::Term;

#[cfg(all(feature = "dist", target_os = "linux"))]
use super::key::Key;
use super::resolve::{Resolve, notify_all_name, random_exit_name, random_notify_name};
#[cfg(all(feature = "dist", target_os = "linux"))]
use super::resolve::{exit_one, notify_both, notify_one};

/// What resolves a clash of names.
#[derive(Clone)]
pub(super) enum Method {
    /// One of the functions of this module, by its name.
    BuiltIn(BuiltIn),
    /// A function of this program.
    Own(Arc<Resolve>),
    /// A fun of another node, which is only handed on.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    Foreign(Term),
}

/// The functions that every node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BuiltIn {
    RandomExit,
    RandomNotify,
    NotifyAll,
}

/// How the functions are called.
#[cfg(all(feature = "dist", target_os = "linux"))]
impl BuiltIn {
    const NAMES: [(BuiltIn, &str); 3] = [
        (BuiltIn::RandomExit, "random_exit_name"),
        (BuiltIn::RandomNotify, "random_notify_name"),
        (BuiltIn::NotifyAll, "notify_all_name"),
    ];

    /// Decides which of two processes keeps a name, and does to them what the function does.
    pub(super) fn resolve(self, name: &Key, one: Pid, other: Pid) -> Option<Pid> {
        match self {
            BuiltIn::RandomExit => Some(exit_one(name, one, other)),
            BuiltIn::RandomNotify => Some(notify_one(name, one, other)),
            BuiltIn::NotifyAll => {
                notify_both(name, one, other);
                None
            }
        }
    }

    pub(super) fn named(name: &str) -> Option<BuiltIn> {
        BuiltIn::NAMES.iter().find(|(_, own)| *own == name).map(|(function, _)| *function)
    }

    pub(super) fn name(self) -> &'static str {
        let name = BuiltIn::NAMES.iter().find(|(function, _)| *function == self);
        name.map_or("", |(_, name)| name)
    }
}

impl Method {
    /// Returns the method that a program has chosen.
    pub(super) fn new<F>(resolve: F) -> Method
    where
        F: Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
    {
        let of = TypeId::of::<F>();
        // Each function has a type of its own.
        let built_in = [
            (type_of(&random_exit_name), BuiltIn::RandomExit),
            (type_of(&random_notify_name), BuiltIn::RandomNotify),
            (type_of(&notify_all_name), BuiltIn::NotifyAll),
        ];
        match built_in.into_iter().find(|(function, _)| *function == of) {
            Some((_, function)) => Method::BuiltIn(function),
            None => Method::Own(Arc::new(Resolve::new(resolve))),
        }
    }
}

fn type_of<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::BuiltIn(function) => fmt::Debug::fmt(function, f),
            Method::Own(resolve) => fmt::Debug::fmt(resolve, f),
            #[cfg(all(feature = "dist", target_os = "linux"))]
            Method::Foreign(fun) => fmt::Display::fmt(fun, f),
        }
    }
}

impl PartialEq for Method {
    fn eq(&self, other: &Method) -> bool {
        match (self, other) {
            (Method::BuiltIn(one), Method::BuiltIn(other)) => one == other,
            (Method::Own(one), Method::Own(other)) => Arc::ptr_eq(one, other),
            #[cfg(all(feature = "dist", target_os = "linux"))]
            (Method::Foreign(one), Method::Foreign(other)) => one == other,
            _ => false,
        }
    }
}
