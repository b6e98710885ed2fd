//! Clashes of names that are resolved: here, or on the node of one of the two processes.

use std::fmt;

use log::Level;

use crate::id::Pid;
use crate::process;
use crate::rpc;
use crate::term::{Term, atom};
use crate::user_code::log_caught;

use super::acts::Clash;
use super::cluster::Verdict;
use super::key::{Key, pid_term};
use super::method::{BuiltIn, Method};
use super::spelling;

/// Finds out who keeps a name. It is asked where the process lives that has the name here.
///
/// OTP: `exchange_names` in `global`.
pub(super) fn verdict(Clash { theirs, ours }: &Clash) -> Verdict {
    let answer = if ours.pid.is_remote() {
        let method = spelling::write_method(&ours.method);
        let name = theirs.name.to_term();
        let arguments = [method, name, pid_term(theirs.pid), pid_term(ours.pid)];
        rpc::call::<Term>(ours.pid.node(), "global", "resolve_it", &arguments[..])
    } else {
        Ok(resolve(&ours.method, &theirs.name, theirs.pid, ours.pid))
    };
    let is = |answer: &Term, pid: Pid| *answer == pid_term(pid);
    match answer {
        Ok(answer) if is(&answer, theirs.pid) => Verdict::Theirs,
        Ok(answer) if is(&answer, ours.pid) => Verdict::Ours,
        Ok(answer) if answer == atom("none").into() => Verdict::Nobody,
        Ok(answer) => {
            log(&theirs.name, &answer);
            // To `rpc` a function that has failed is one that could not be called.
            if is_exit(&answer) { Verdict::Theirs } else { Verdict::Nobody }
        }
        Err(error) => {
            log(&theirs.name, &error);
            Verdict::Theirs
        }
    }
}

/// Resolves a clash on this node, and returns the process that keeps the name, `none`, or why that
/// cannot be found out.
///
/// OTP: `global:resolve_it/4`.
pub(super) fn resolve(method: &Method, name: &Key, one: Pid, other: Pid) -> Term {
    let winner = match method {
        Method::BuiltIn(function) => Ok(function.resolve(name, one, other)),
        Method::Own(function) => process::catch(|| function.call(&name.text(), one, other)),
        // It is what names are registered with if nothing else was said.
        Method::Foreign(Term::Fun(fun)) if fun.to_string() == "#Fun<global>" => {
            Ok(BuiltIn::RandomExit.resolve(name, one, other))
        }
        Method::Foreign(_) => return exit(atom("undef").into()),
    };
    match winner {
        Ok(Some(winner)) => pid_term(winner),
        Ok(None) => atom("none").into(),
        Err(reason) => exit(reason.to_string().into()),
    }
}

/// `{'EXIT', Reason}`
fn exit(reason: Term) -> Term {
    Term::Tuple(vec![atom("EXIT").into(), reason])
}

fn is_exit(answer: &Term) -> bool {
    let Term::Tuple(elements) = answer else { return false };
    elements.first() == Some(&atom("EXIT").into())
}

fn log(name: &Key, why: &dyn fmt::Display) {
    let text = format_args!("the clash of the global name {name} is not resolved: {why}");
    log_caught(Level::Info, "procession::global", text);
}
