//! Processes that other nodes ask for, to run a function: what `erpc` of Erlang, and `rpc`, do.

use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::process;
use crate::process::send::send_regardless;
use crate::process::{Builder, SpawnError};
use crate::term::{Term, atom};

use super::control::Function;
use super::offers::{Call, Failure, Offers};

/// What a process that was asked for is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Ends with the outcome as its reason, which has this reference in it.
    Call(Term, Call),
    /// Ends normally, or as the function does.
    Cast(Call),
}

/// The process is known to who has asked for it.
#[derive(Debug)]
struct Go;

impl Task {
    /// Returns what a function of Erlang is to do with these arguments; `None` if it is none of
    /// those that are known here.
    pub(super) fn of(function: &Function<'_>, arguments: Term) -> Option<Task> {
        let Term::List(arguments) = arguments else { return None };
        if arguments.len() as u64 != function.arity || function.module != "erpc" {
            return None;
        }
        match (&*function.name, <[Term; 4]>::try_from(arguments)) {
            ("execute_call", Ok([reference, module, function, arguments])) => {
                Some(Task::Call(reference, call(module, function, arguments)?))
            }
            ("execute_cast", Err(arguments)) => {
                let [module, function, arguments] = arguments.try_into().ok()?;
                Some(Task::Cast(call(module, function, arguments)?))
            }
            _ => None,
        }
    }

    /// Starts the process, which waits until [`begin`] is called.
    pub(super) fn spawn(self, offers: Arc<Offers>) -> Result<Pid, SpawnError> {
        Builder::new().without_ancestors().spawn(move || {
            process::receive_match(|message| message.is::<Go>());
            self.run(&offers)
        })
    }

    /// As [`of`](Self::of), for one that is called as any other function.
    pub(super) fn of_call(call: &Call) -> Option<Task> {
        let Call { module, function, arguments } = call;
        if module != "erpc" {
            return None;
        }
        let (module, name) = (module.into(), function.into());
        let function = Function { module, name, arity: arguments.len() as u64 };
        Task::of(&function, Term::List(arguments.clone()))
    }

    pub(super) fn run(self, offers: &Offers) -> Result<(), ExitReason> {
        match self {
            Task::Call(reference, call) => {
                let outcome = outcome(reference, offers.apply(call));
                // No crash: this is how the outcome travels.
                process::exit_self(ExitReason::new(outcome))
            }
            Task::Cast(call) => match offers.apply(call) {
                Ok(_) => Ok(()),
                Err(failure) => Err(ExitReason::new(failure.reason())),
            },
        }
    }
}

/// Lets a process begin.
pub(super) fn begin(process: Pid) {
    send_regardless(process, Go);
}

/// Returns the call of a function with a list of arguments.
pub(super) fn call(module: Term, function: Term, arguments: Term) -> Option<Call> {
    let (Term::Atom(module), Term::Atom(function)) = (module, function) else { return None };
    let Term::List(arguments) = arguments else { return None };
    let (module, function) = (module.as_str().to_owned(), function.as_str().to_owned());
    Some(Call { module, function, arguments })
}

fn outcome(reference: Term, result: Result<Term, Failure>) -> Term {
    let class = |name| Term::from(atom(name));
    Term::Tuple(match result {
        Ok(value) => vec![reference, class("return"), value],
        Err(Failure::Error(reason, stack)) => vec![reference, class("error"), reason, stack],
        Err(Failure::Exit(reason)) => vec![reference, class("exit"), reason],
    })
}
