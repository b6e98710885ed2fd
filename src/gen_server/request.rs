//! Calls and casts on their way to a server whose type the mailbox does not know.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;

use crate::call::{Caller, ReplyTo};
use crate::exit::CallError;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::process::printed::printed;

use super::next::{CallResult, CastResult, Next, Wait};
use super::serve::warn;
use super::{GenServer, HandleCall, HandleCast};

/// A call or a cast, as a message.
pub(crate) struct Request(Box<dyn Deliver>);

impl Request {
    pub(crate) fn call<S, M>(message: M, reply_to: ReplyTo<S::Reply>) -> Request
    where
        S: HandleCall<M>,
        M: fmt::Debug + Send + 'static,
    {
        Request(Box::new(Call::<S, M> { message, reply_to }))
    }

    pub(crate) fn cast<S, M>(message: M) -> Request
    where
        S: HandleCast<M>,
        M: fmt::Debug + Send + 'static,
    {
        Request(Box::new(Cast::<S, M> { message, server: PhantomData }))
    }

    /// The process that waits for the reply, if any does.
    pub(crate) fn client(&self) -> Option<Pid> {
        self.0.client()
    }

    /// Lets `server` handle it, if that is of the type that the request is for.
    pub(crate) fn deliver<S: GenServer>(self, server: &mut S) -> Step<S> {
        let mut step = Step::unchanged();
        self.0.deliver(server, type_name::<S>(), &mut step);
        step
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// How a server goes on after a callback, now that a reply has been sent.
pub(crate) struct Step<S> {
    pub(crate) wait: Wait<S>,
    pub(crate) stop: Option<Stop>,
}

/// The end of a server.
pub(crate) struct Stop {
    pub(crate) reason: ExitReason,
    /// Sends the reply that is due when `terminate` has run.
    pub(crate) farewell: Option<Box<dyn FnOnce()>>,
}

impl<S> Step<S> {
    /// Nothing was handled.
    fn unchanged() -> Step<S> {
        Step { wait: Wait::Message, stop: None }
    }

    pub(crate) fn stop(reason: ExitReason) -> Step<S> {
        Step { wait: Wait::Message, stop: Some(Stop { reason, farewell: None }) }
    }
}

trait Deliver: Send + fmt::Debug {
    fn client(&self) -> Option<Pid>;

    /// `step` is a `Step<S>` of the type `S` of `server`, whose name is `found`.
    fn deliver(self: Box<Self>, server: &mut dyn Any, found: &'static str, step: &mut dyn Any);
}

struct Call<S: HandleCall<M>, M> {
    message: M,
    reply_to: ReplyTo<S::Reply>,
}

impl<S: HandleCall<M>, M: fmt::Debug> fmt::Debug for Call<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.message, f)
    }
}

impl<S, M> Deliver for Call<S, M>
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    fn client(&self) -> Option<Pid> {
        Some(self.reply_to.pid())
    }

    fn deliver(self: Box<Self>, server: &mut dyn Any, found: &'static str, step: &mut dyn Any) {
        let Call { message, reply_to } = *self;
        match server.downcast_mut::<S>() {
            Some(server) => {
                let caller = Caller::new(reply_to);
                let result = server.handle_call(message, &caller);
                set_step(step, after_call(result, &caller));
            }
            None => reply_to.refuse(CallError::WrongServer { expected: type_name::<S>(), found }),
        }
    }
}

fn after_call<S, R: Send + 'static>(result: CallResult<S, R>, caller: &Caller<R>) -> Step<S> {
    let reply_to = caller.reply_to();
    match result {
        Err(reason) => Step::stop(reason),
        Ok(Next { reply, stop: Some(reason), wait }) => {
            let farewell = reply.map(|reply| send_later(reply_to, reply));
            Step { wait, stop: Some(Stop { reason, farewell }) }
        }
        Ok(Next { reply, stop: None, wait }) => {
            match reply {
                Some(reply) => reply_to.reply(reply),
                None if caller.is_deferred() => {}
                None => reply_to.refuse(CallError::NoReply),
            }
            Step { wait, stop: None }
        }
    }
}

fn send_later<R: Send + 'static>(reply_to: ReplyTo<R>, reply: R) -> Box<dyn FnOnce()> {
    Box::new(move || reply_to.reply(reply))
}

struct Cast<S, M> {
    message: M,
    server: PhantomData<fn(S)>,
}

impl<S, M: fmt::Debug> fmt::Debug for Cast<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.message, f)
    }
}

impl<S, M> Deliver for Cast<S, M>
where
    S: HandleCast<M>,
    M: fmt::Debug + Send + 'static,
{
    fn client(&self) -> Option<Pid> {
        None
    }

    fn deliver(self: Box<Self>, server: &mut dyn Any, found: &'static str, step: &mut dyn Any) {
        match server.downcast_mut::<S>() {
            Some(server) => set_step(step, after_cast(server.handle_cast(self.message))),
            None => warn(format_args!(
                "a {found} has dropped a cast for a {}: {}",
                type_name::<S>(),
                printed(&self),
            )),
        }
    }
}

pub(crate) fn after_cast<S>(result: CastResult<S>) -> Step<S> {
    match result {
        Ok(Next { stop: Some(reason), .. }) | Err(reason) => Step::stop(reason),
        Ok(Next { stop: None, wait, .. }) => Step { wait, stop: None },
    }
}

fn set_step<S: 'static>(place: &mut dyn Any, step: Step<S>) {
    *place.downcast_mut::<Step<S>>().expect("the step of the same server") = step;
}
