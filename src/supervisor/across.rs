//! What other nodes ask of supervisors, in OTP's words.

use std::any::Any;

use serde::de::Error as _;

use crate::call::Client;
use crate::external::reason_to_term;
use crate::gen_server::wire::{self, Tag, dispatch_call};
use crate::gen_server::{Requests, Wire};
use crate::id::Pid;
use crate::term::{self, Atom, DecodeError, EncodeError, Term, WireTerm, WireWriter, atom};

use super::serve::{
    CountChildren, DeleteChild, RestartChild, Supervising, TerminateChild, TerminatePid,
    WhichChildren,
};
use super::{ChildInfo, ChildState, ChildType, Counts, FailedToStart, SupervisorError};

/// Declares what supervisors are asked.
pub(crate) fn declare() {
    wire::declare::<Supervising>();
}

/// A function that reads a request by `$read`, and has it handled.
macro_rules! take {
    ($type:ty, $read:expr) => {
        |request: WireTerm<'_>, _: Tag, (server, client): (&mut dyn Any, Client)| {
            dispatch_call::<Supervising, $type>($read(request)?, client, server);
            Ok(())
        }
    };
}

impl Wire for Supervising {
    fn requests(accept: &mut Requests<Supervising>) {
        let which = take!(WhichChildren, |request| plain(request, WhichChildren));
        accept.call_by::<WhichChildren>("which_children", which, |children, out| {
            out.value(&Term::List(children.iter().map(child_to_term).collect()))
        });
        let count = take!(CountChildren, |request| plain(request, CountChildren));
        accept.call_by::<CountChildren>("count_children", count, |counts, out| {
            out.value(&counts_to_term(*counts))
        });
        let terminate = take!(TerminatePid, |request| field(request).map(TerminatePid));
        accept.call_by::<TerminatePid>("terminate_child", terminate, write_ok);
        let terminate = take!(TerminateChild, |request| id(request).map(TerminateChild));
        accept.call_by::<TerminateChild>("terminate_child", terminate, write_ok);
        let delete = take!(DeleteChild, |request| id(request).map(DeleteChild));
        accept.call_by::<DeleteChild>("delete_child", delete, write_ok);
        let restart = take!(RestartChild, |request| id(request).map(RestartChild));
        accept.call_by::<RestartChild>("restart_child", restart, write_child);
    }
}

/// Returns the request that an atom is.
fn plain<M>(request: WireTerm<'_>, message: M) -> Result<M, DecodeError> {
    let is_atom = request.variant().is_some_and(|(_, fields)| fields == 0);
    is_atom.then_some(message).ok_or_else(|| DecodeError::custom("an atom was expected"))
}

/// Reads the field of a request that has one.
fn field<T: serde::de::DeserializeOwned>(request: WireTerm<'_>) -> Result<T, DecodeError> {
    let mut request = request.tuple()?;
    request.atom()?;
    let field = request.term()?.read()?;
    let is_last = request.left() == 0;
    is_last.then_some(field).ok_or_else(|| DecodeError::custom("a pair was expected"))
}

/// Reads the id of a child: an atom or a text, as an id is a text here.
fn id(request: WireTerm<'_>) -> Result<String, DecodeError> {
    match field::<Atom>(request) {
        Ok(id) => Ok(id.as_str().to_owned()),
        Err(_) => field::<String>(request),
    }
}

fn name(name: &'static str) -> Term {
    atom(name).into()
}

fn pid(pid: Pid) -> Term {
    term::to_term(&pid).unwrap_or_else(|_| name("undefined"))
}

/// `{Id, Child, Type, Modules}`. An id is a binary: it can be any text, and atoms are never freed.
fn child_to_term(child: &ChildInfo) -> Term {
    let process = match child.state {
        ChildState::Running(process) => pid(process),
        ChildState::Restarting => name("restarting"),
        ChildState::Stopped => name("undefined"),
    };
    let child_type = match child.child_type {
        ChildType::Worker => name("worker"),
        ChildType::Supervisor => name("supervisor"),
    };
    let modules = match Atom::new(child.module) {
        Ok(module) => Term::List(vec![module.into()]),
        Err(_) => name("dynamic"),
    };
    Term::Tuple(vec![child.id.as_str().into(), process, child_type, modules])
}

fn counts_to_term(counts: Counts) -> Term {
    let Counts { specs, active, supervisors, workers } = counts;
    let count = |what, count: usize| Term::Tuple(vec![name(what), (count as u64).into()]);
    Term::List(vec![
        count("specs", specs),
        count("active", active),
        count("supervisors", supervisors),
        count("workers", workers),
    ])
}

fn write_ok(
    outcome: &Result<(), SupervisorError>,
    out: &mut WireWriter<'_>,
) -> Result<(), EncodeError> {
    match outcome {
        Ok(()) => out.atom("ok"),
        Err(error) => out.value(&error_to_term(error)),
    }
}

fn write_child(
    outcome: &Result<Pid, SupervisorError>,
    out: &mut WireWriter<'_>,
) -> Result<(), EncodeError> {
    let ok = |child| Term::Tuple(vec![name("ok"), child]);
    out.value(&match outcome {
        Ok(child) => ok(pid(*child)),
        Err(SupervisorError::Ignored) => ok(name("undefined")),
        Err(error) => error_to_term(error),
    })
}

/// `{error, Reason}`
fn error_to_term(error: &SupervisorError) -> Term {
    let reason = match error {
        SupervisorError::AlreadyStarted(process) => {
            Term::Tuple(vec![name("already_started"), pid(*process)])
        }
        SupervisorError::AlreadyPresent => name("already_present"),
        SupervisorError::MaxChildren => name("max_children"),
        SupervisorError::NotFound => name("not_found"),
        SupervisorError::Running => name("running"),
        SupervisorError::Restarting => name("restarting"),
        SupervisorError::Failed(FailedToStart { reason, .. }) => reason_to_term(reason),
        SupervisorError::Spec(_) | SupervisorError::Ignored | SupervisorError::Call(_) => {
            error.to_string().into()
        }
    };
    Term::Tuple(vec![name("error"), reason])
}
