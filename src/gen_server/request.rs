//! Calls and casts on their way to a server whose type the mailbox does not know.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::mem;

use crate::call::{Caller, ReplyTo};
use crate::exit::CallError;
use crate::id::Pid;
use crate::message::{Message, Request};
use crate::runtime::links::LastReply;
use crate::user_code::{Guarded, drop_caught, printed};

use super::next::{CallResult, Next, Step, Stop};
use super::{HandleCall, HandleCast, warn};

pub(crate) fn call_message<S, M>(message: M, reply_to: ReplyTo<S::Reply>) -> Message
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    Message::request(Call::<S, M> { content: Content::Asked(message), reply_to })
}

/// Takes the reply out of a [`call_message`] that has come back with it.
pub(crate) fn open_reply<S, M>(mut message: Message) -> Result<S::Reply, Message>
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    let call = message.as_request().map(|request| request as &mut dyn Any);
    match call.and_then(|call| call.downcast_mut::<Call<S, M>>()) {
        Some(call) => match mem::replace(&mut call.content, Content::Handled) {
            Content::Answered(reply) => Ok(reply),
            Content::Asked(_) | Content::Handled => unreachable!("a call comes back answered"),
        },
        None => Err(message),
    }
}

pub(crate) fn cast_message<S, M>(message: M) -> Message
where
    S: HandleCast<M>,
    M: fmt::Debug + Send + 'static,
{
    Message::request(Cast::<S, M> { message: Some(message), server: PhantomData })
}

/// A call on its way to the server, or its reply on the way back in the same box.
struct Call<S: HandleCall<M>, M> {
    content: Content<M, S::Reply>,
    reply_to: ReplyTo<S::Reply>,
}

enum Content<M, R> {
    Asked(M),
    /// The server has it in its hands.
    Handled,
    Answered(R),
}

impl<S: HandleCall<M>, M: fmt::Debug> fmt::Debug for Call<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Asked(message) => fmt::Debug::fmt(message, f),
            Content::Handled | Content::Answered(_) => f.write_str("(handled)"),
        }
    }
}

impl<S, M> Request for Call<S, M>
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    fn client(&self) -> Option<Pid> {
        Some(self.reply_to.pid())
    }

    fn content(&self) -> &dyn Any {
        if let Content::Asked(message) = &self.content { message } else { &() }
    }

    fn reply_type(&self) -> Option<&'static str> {
        Some(type_name::<S::Reply>())
    }

    fn leave(&self) {
        self.reply_to.clear_edge();
    }

    fn bounce(&self) {
        self.reply_to.bounce();
    }

    fn deliver(&mut self, server: &mut dyn Any, found: &'static str, step: &mut dyn Any) {
        let Some(server) = server.downcast_mut::<S>() else {
            let expected = type_name::<S>();
            // Its destructor is of no concern to the server that refuses it.
            drop_caught(mem::replace(&mut self.content, Content::Handled));
            return self.reply_to.refuse(CallError::WrongServer { expected, found });
        };
        let Content::Asked(message) = mem::replace(&mut self.content, Content::Handled) else {
            unreachable!("a request is delivered once");
        };
        let caller = Caller::new(self.reply_to);
        let result = server.handle_call(message, &caller);
        self.after(result, &caller, step_of(step));
    }
}

impl<S: HandleCall<M>, M> Call<S, M> {
    #[inline]
    fn after(&mut self, result: CallResult<S, M>, caller: &Caller<S::Reply>, step: &mut Step) {
        let reply_to = self.reply_to;
        match result {
            Err(reason) => step.stop(reason),
            Ok(Next { reply, stop: Some(reason), .. }) => {
                let last_reply = reply.map(|reply| reply_later(reply_to, reply));
                step.stop = Some(Box::new(Stop { reason, last_reply }));
            }
            Ok(Next { reply, stop: None, wait, .. }) => {
                step.replied = reply.is_some();
                match (reply, reply_to.slot()) {
                    (Some(reply), Some(client)) => {
                        self.content = Content::Answered(reply);
                        step.answered = Some(client);
                    }
                    (Some(reply), None) => reply_to.reply(reply),
                    (None, _) if caller.is_deferred() => {}
                    (None, _) => reply_to.refuse(CallError::NoReply),
                }
                step.wait = wait;
            }
        }
    }
}

fn reply_later<R: Send + 'static>(reply_to: ReplyTo<R>, reply: R) -> LastReply {
    // The server may be ended before, and unwind then.
    let reply = Guarded::new(reply);
    Box::new(move || reply_to.reply_at_end(reply.into_inner()))
}

struct Cast<S, M> {
    /// `None` once it is handled.
    message: Option<M>,
    server: PhantomData<fn(S)>,
}

impl<S, M: fmt::Debug> fmt::Debug for Cast<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => fmt::Debug::fmt(message, f),
            None => f.write_str("(handled)"),
        }
    }
}

impl<S, M> Request for Cast<S, M>
where
    S: HandleCast<M>,
    M: fmt::Debug + Send + 'static,
{
    fn client(&self) -> Option<Pid> {
        None
    }

    fn content(&self) -> &dyn Any {
        if let Some(message) = &self.message { message } else { &() }
    }

    fn reply_type(&self) -> Option<&'static str> {
        None
    }

    fn leave(&self) {}

    fn bounce(&self) {}

    fn deliver(&mut self, server: &mut dyn Any, found: &'static str, step: &mut dyn Any) {
        let Some(server) = server.downcast_mut::<S>() else {
            let expected = type_name::<S>();
            let message = printed(self);
            drop_caught(self.message.take());
            return warn(format_args!("a {found} has dropped a cast for a {expected}: {message}"));
        };
        let message = self.message.take().expect("a request is delivered once");
        step_of(step).after_cast(server.handle_cast(message));
    }
}

fn step_of(place: &mut dyn Any) -> &mut Step {
    place.downcast_mut().expect("a server's step")
}
