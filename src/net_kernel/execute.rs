//! Processes that other nodes ask for, to run a function: what `erpc` of Erlang, and `rpc`, do.

use std::mem;
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

/// What a process waits for before it runs its function.
#[derive(Debug)]
enum Go {
    /// It is known to who has asked for it.
    Run,
    /// It will be known to nobody.
    End,
}

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

    /// Starts the process, which waits until it is to [begin](Waiting::begin).
    pub(super) fn spawn(self, offers: Arc<Offers>) -> Result<Waiting, SpawnError> {
        let spawned = Builder::new().without_ancestors().spawn(move || {
            let go = process::receive_match(|message| message.is::<Go>());
            match go.downcast() {
                Ok(Go::Run) => self.run(&offers),
                Ok(Go::End) | Err(_) => Ok(()),
            }
        });
        spawned.map(Waiting)
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

/// A process that has not begun. If it never does, as whoever is to let it has ended before, it
/// ends.
#[derive(Debug)]
#[must_use]
pub(super) struct Waiting(Pid);

impl Waiting {
    pub(super) fn pid(&self) -> Pid {
        self.0
    }

    /// Lets the process begin.
    pub(super) fn begin(self) {
        send_regardless(self.0, Go::Run);
        mem::forget(self);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        send_regardless(self.0, Go::End);
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn waiting(run: impl Fn() + Send + Sync + 'static) -> Waiting {
        let mut offers = Offers::default();
        offers.add("m".to_owned(), "f".to_owned(), run);
        let call = Call { module: "m".to_owned(), function: "f".to_owned(), arguments: Vec::new() };
        Task::Cast(call).spawn(Arc::new(offers)).unwrap()
    }

    fn ended(waiting: &Waiting) -> impl FnOnce() -> Option<ExitReason> + use<> {
        let monitor = process::monitor(waiting.pid());
        move || process::wait(monitor, Duration::from_secs(20))
    }

    #[test]
    fn a_process_runs_its_function_when_it_is_to_begin() {
        let test = process::self_pid();
        let waiting = waiting(move || process::send(test, 7));
        let ended = ended(&waiting);
        waiting.begin();
        assert_eq!(ended(), Some(ExitReason::Normal));
        assert!(process::receive().is::<i32>());
    }

    #[test]
    fn a_process_that_nobody_lets_begin_ends() {
        let waiting = waiting(|| unreachable!("it was not to begin"));
        let ended = ended(&waiting);
        let owner = process::spawn(move || {
            let _waiting = waiting;
            process::receive_match(|_| false);
        });
        process::exit(owner.unwrap(), ExitReason::Kill);
        assert_eq!(ended(), Some(ExitReason::Normal));
    }
}
