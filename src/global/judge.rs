//! Clashes of names that are resolved: here, or on the node of one of the two processes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use log::Level;

use crate::gen_server::ServerRef;
use crate::id::Pid;
use crate::process;
use crate::rpc;
use crate::term::{Term, atom};
use crate::user_code::log_caught;

use super::across::OwnMethod;
use super::acts::Clash;
use super::cluster::Verdict;
use super::key::{Key, pid_term};
use super::method::{BuiltIn, Method};
use super::resolve::Resolve;
use super::serve::Server;
use super::spelling;

/// Finds out who keeps a name, for the server `server`. It is asked where the process lives that
/// has the name here.
///
/// OTP: `exchange_names` in `global`.
pub(super) fn verdict(server: Pid, Clash { theirs, ours }: &Clash) -> Verdict {
    let name = theirs.name.to_term();
    let answer = if ours.pid.is_remote() {
        let method = spelling::write_method(&ours.method);
        let arguments = [method, name, pid_term(theirs.pid), pid_term(ours.pid)];
        rpc::call::<Term>(ours.pid.node(), "global", "resolve_it", &arguments[..])
    } else {
        Ok(resolve_it(server, &spelling::write_method(&ours.method), &name, (theirs.pid, ours.pid)))
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

/// Resolves a clash on this node, and returns the process that keeps the name, `none`, or anything
/// else if that cannot be found out.
///
/// OTP: `global:resolve_it/4`.
pub(super) fn resolve_it(
    server: Pid,
    method: &Term,
    name: &Term,
    (one, other): (Pid, Pid),
) -> Term {
    let key = Key::of_term(name);
    let winner = match spelling::method_of(method) {
        Method::BuiltIn(function) => Ok(function.resolve(&key, one, other)),
        // It is what names are registered with if nothing else was said.
        Method::Foreign(Term::Fun(fun)) if fun.to_string() == "#Fun<global>" => {
            Ok(BuiltIn::RandomExit.resolve(&key, one, other))
        }
        Method::Foreign(Term::ExternalFun(fun)) if spelling::is_own(&fun) => {
            match own_method(server, key.clone(), (one, other)) {
                Some(resolve) => process::catch(|| resolve.call(&key.text(), one, other)),
                None => Ok(Some(one)), // The other one has lost the name meanwhile.
            }
        }
        Method::Foreign(_) | Method::Own(_) => return exit(atom("undef").into()),
    };
    match winner {
        Ok(Some(winner)) => pid_term(winner),
        Ok(None) => atom("none").into(),
        Err(reason) => exit(reason.to_string().into()),
    }
}

/// Returns the function that a name was registered with here.
fn own_method(server: Pid, name: Key, pids: (Pid, Pid)) -> Option<Arc<Resolve>> {
    let server = ServerRef::<Server>::from_pid(server);
    server.call_timeout(OwnMethod(name, pids), Duration::MAX).ok().flatten()
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
