//! The server `rex`: runs what is offered for those who ask by a message, as `rpc` has done before
//! nodes could ask each other for processes, and programs in C do.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use serde::de::Error as _;

use crate::call::{Client, ReplyTo};
use crate::exit::ExitReason;
use crate::external::reason_to_term;
use crate::gen_server::wire::{Tag, dispatch_call, dispatch_cast};
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, InitResult, Requests,
    ServerRef, StartOptions, Wire, noreply, ready, warn_of_unhandled,
};
use crate::id::{MonitorRef, Pid};
use crate::message::{Destination, Down, Message};
use crate::process;
use crate::process::Builder;
use crate::supervisor::ChildSpec;
use crate::term::{self, DecodeError, Term, WireTerm, atom};

use super::execute::{self, Task};
use super::offers::{Call, Offers};

/// The name of the server.
pub(crate) const REX: &str = "rex";

/// The state of the server.
#[derive(Debug)]
pub(super) struct Rex {
    offers: Arc<Offers>,
    /// Whose functions are run by which processes.
    running: HashMap<MonitorRef, Asker>,
}

/// Who waits for the value of a function.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Client(ReplyTo<Term>),
    /// Gets `{rex, Value}`.
    Process(Pid),
    Nobody,
}

impl Asker {
    /// Gives it the value, by `send` if that goes to a process.
    fn answer(self, value: Term, send: fn(Pid, Term)) {
        match self {
            Asker::Client(reply_to) => reply_to.reply(value),
            Asker::Process(pid) => send(pid, Term::Tuple(vec![atom(REX).into(), value])),
            Asker::Nobody => {}
        }
    }
}

/// Sends what the server itself answers, which does not wait: others wait for it.
fn notify(pid: Pid, answer: Term) {
    Destination::from(pid).notify(Message::new(answer));
}

/// `{call, M, F, Args, GroupLeader}`, and the same with `cast`.
#[derive(Debug)]
struct Run(Call);

/// Reads what is asked for.
fn run(request: WireTerm<'_>) -> Result<Run, DecodeError> {
    run_of(request.read()?)
        .ok_or_else(|| DecodeError::custom("a function and a list of arguments were expected"))
}

fn run_of(request: Term) -> Option<Run> {
    let Term::Tuple(elements) = request else { return None };
    let [_, module, function, arguments, _] = elements.try_into().ok()?;
    execute::call(module, function, arguments).map(Run)
}

impl Wire for Rex {
    fn requests(accept: &mut Requests<Rex>) {
        let take = |request: WireTerm<'_>, _: Tag, (server, client): (&mut dyn Any, Client)| {
            dispatch_call::<Rex, Run>(run(request)?, client, server);
            Ok(())
        };
        accept.call_by::<Run>("call", take, |value, out| out.value(value));
        accept.cast_by::<Run>("cast", |request, _, server| {
            dispatch_cast::<Rex, Run>(run(request)?, server);
            Ok(())
        });
    }
}

impl GenServer for Rex {
    type Args = Arc<Offers>;

    fn init(offers: Arc<Offers>) -> InitResult<Rex> {
        ready(Rex { offers, running: HashMap::new() })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Rex> {
        match message.downcast::<Down>() {
            Ok(down) => self.ended(&down),
            Err(message) => match message.downcast_ref::<Term>().and_then(asked) {
                Some((asker, Some(Run(call)))) => self.run(asker, call),
                // Others ask which protocols are known, and take no answer for one.
                Some((_, None)) => {}
                None => warn_of_unhandled::<Rex>(message),
            },
        }
        noreply()
    }
}

/// Returns what a process asks for by a plain message; without a function, it is the features.
fn asked(message: &Term) -> Option<(Asker, Option<Run>)> {
    let Term::Tuple(elements) = message else { return None };
    let [from, request] = &elements[..] else { return None };
    let asker = Asker::Process(term::from_term(from).ok()?);
    if *request == atom("features_request").into() {
        return Some((asker, None));
    }
    let Term::Tuple(elements) = request else { return None };
    let is_call = elements.first() == Some(&atom("call").into());
    is_call.then(|| run_of(request.clone())).flatten().map(|run| (asker, Some(run)))
}

impl Rex {
    pub(super) fn child_spec(offers: &Arc<Offers>) -> ChildSpec<ServerRef<Rex>> {
        let offers = Arc::clone(offers);
        ChildSpec::new(REX, move || {
            Rex::start_link_with(Arc::clone(&offers), StartOptions::new().name(REX))
        })
    }

    /// Runs a function in a process of its own.
    fn run(&mut self, asker: Asker, call: Call) {
        let offers = Arc::clone(&self.offers);
        let body = move || {
            // It ends for the outcome, which is the answer.
            if let Some(task) = Task::of_call(&call) {
                return task.run(&offers);
            }
            let value = offers.apply(call);
            let value = value.unwrap_or_else(|failure| bad_rpc(failure.reason()));
            asker.answer(value, process::send);
            Ok(())
        };
        match Builder::new().without_ancestors().spawn_monitor(body) {
            Ok((_, monitor)) => _ = self.running.insert(monitor, asker),
            Err(_) => asker.answer(bad_rpc(atom("system_limit").into()), notify),
        }
    }

    /// A process has answered, or was ended before.
    fn ended(&mut self, down: &Down) {
        let Some(asker) = self.running.remove(&down.monitor) else { return };
        // It may be the outcome.
        if down.reason != ExitReason::Normal {
            asker.answer(bad_rpc(reason_to_term(&down.reason)), notify);
        }
    }
}

/// `{badrpc, {'EXIT', Reason}}`
fn bad_rpc(reason: Term) -> Term {
    let exit = Term::Tuple(vec![atom("EXIT").into(), reason]);
    Term::Tuple(vec![atom("badrpc").into(), exit])
}

impl HandleCall<Run> for Rex {
    type Reply = Term;

    fn handle_call(&mut self, Run(call): Run, caller: &Caller<Term>) -> CallResult<Rex, Run> {
        self.run(Asker::Client(caller.defer()), call);
        noreply()
    }
}

impl HandleCast<Run> for Rex {
    fn handle_cast(&mut self, Run(call): Run) -> CastResult<Rex> {
        self.run(Asker::Nobody, call);
        noreply()
    }
}
