//! Calls and casts on their way to a server whose type the mailbox does not know.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::mem;

use log::Level;
#[cfg(all(feature = "dist", target_os = "linux"))]
use serde::ser::Error as _;

#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::call::Client;
use crate::call::{Caller, ReplyTo};
use crate::call_error::CallErrorKind;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::external;
use crate::id::Pid;
use crate::message::{Message, Request};
use crate::process::info::logged_self;
use crate::runtime::links::LastReply;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::term::EncodeError;
use crate::user_code::{Guarded, drop_caught, is_seen, printed};

use super::next::{CallResult, Next, Step, Stop};
use super::serve::Server;
#[cfg(all(feature = "dist", target_os = "linux"))]
use super::spelling::{WriteRequest, write_call, write_cast};
use super::{HandleCall, HandleCast, TARGET, warn};

pub(crate) fn call_message<S, M>(message: M, reply_to: ReplyTo<S::Reply>) -> Message
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    Message::request(Call::<S, M> { content: Content::Request(message), reply_to })
}

/// Takes the reply out of a [`call_message`] in which it has come back.
pub(crate) fn open_reply<S, M>(mut message: Message) -> Result<S::Reply, Message>
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    let call = message.as_request().map(|request| request as &mut dyn Any);
    match call.and_then(|call| call.downcast_mut::<Call<S, M>>()) {
        Some(call) => match mem::replace(&mut call.content, Content::Handled) {
            Content::Reply(reply) => Ok(reply),
            Content::Request(_) | Content::Handled => unreachable!("a call comes back answered"),
        },
        None => Err(message),
    }
}

/// Has `server`, a running server of type `S`, handle a call of a client of another node.
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) fn dispatch_call<S, M>(message: M, client: Client, server: &mut dyn Any)
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    let (content, reply_to) = (Content::Request(message), ReplyTo::of(client));
    Call::<S, M> { content, reply_to }.dispatch(server, type_name::<S>());
}

/// As [`dispatch_call`], of a cast.
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) fn dispatch_cast<S, M>(message: M, server: &mut dyn Any)
where
    S: HandleCast<M>,
    M: fmt::Debug + Send + 'static,
{
    Cast::<S, M> { message: Some(message), server: PhantomData }.dispatch(server, type_name::<S>());
}

/// Declares how calls of a server on another node are written.
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(super) fn declare_call<S, M>(write: impl WriteRequest<M>)
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    external::declare_written(move |call: &Call<S, M>, out| match &call.content {
        Content::Request(message) => {
            write_call(call.reply_to.client(), out, |out| write(message, out))
        }
        Content::Handled | Content::Reply(_) => Err(EncodeError::custom("it was handled")),
    });
}

/// As [`declare_call`], of casts.
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(super) fn declare_cast<S, M>(write: impl WriteRequest<M>)
where
    S: HandleCast<M>,
    M: fmt::Debug + Send + 'static,
{
    external::declare_written(move |cast: &Cast<S, M>, out| match &cast.message {
        Some(message) => write_cast(out, |out| write(message, out)),
        None => Err(EncodeError::custom("it was handled")),
    });
}

pub(crate) fn cast_message<S, M>(message: M) -> Message
where
    S: HandleCast<M>,
    M: fmt::Debug + Send + 'static,
{
    Message::request(Cast::<S, M> { message: Some(message), server: PhantomData })
}

/// Takes the message out of a [`cast_message`] that was not sent.
pub(crate) fn open_cast<S, M>(mut message: Message) -> M
where
    S: HandleCast<M>,
    M: fmt::Debug + Send + 'static,
{
    let cast = message.as_request().map(|request| request as &mut dyn Any);
    let cast = cast.and_then(|cast| cast.downcast_mut::<Cast<S, M>>());
    cast.and_then(|cast| cast.message.take()).expect("nobody has handled it")
}

/// A call on its way to the server, or its reply on the way back in the same message.
struct Call<S: HandleCall<M>, M> {
    content: Content<M, S::Reply>,
    reply_to: ReplyTo<S::Reply>,
}

enum Content<M, R> {
    Request(M),
    /// The server has taken the request out.
    Handled,
    Reply(R),
}

impl<S: HandleCall<M>, M: fmt::Debug> fmt::Debug for Call<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Request(message) => fmt::Debug::fmt(message, f),
            Content::Handled | Content::Reply(_) => f.write_str("(handled)"),
        }
    }
}

impl<S, M> Request for Call<S, M>
where
    S: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    fn client(&self) -> Option<Pid> {
        Some(self.reply_to.local_pid())
    }

    fn content(&self) -> &dyn Any {
        if let Content::Request(message) = &self.content { message } else { &() }
    }

    fn reply_type(&self) -> Option<&'static str> {
        Some(type_name::<S::Reply>())
    }

    fn handed_out(&self) {
        self.reply_to.clear_edge();
    }

    fn bounce(&self) {
        self.reply_to.bounce();
    }

    fn dispatch(&mut self, server: &mut dyn Any, found: &'static str) {
        let Some(server) = server.downcast_mut::<Server<S>>() else {
            let expected = type_name::<S>();
            // A panic of its destructor is no concern of the server that refuses it.
            drop_caught(mem::replace(&mut self.content, Content::Handled));
            return self.reply_to.refuse(CallErrorKind::WrongServer { expected, found });
        };
        let Content::Request(message) = mem::replace(&mut self.content, Content::Handled) else {
            unreachable!("a request is dispatched once");
        };
        let caller = Caller::new(self.reply_to);
        let (state, step) = server.state_and_step();
        let result = step.run::<M, _>(|| state.handle_call(message, &caller));
        self.after(result, &caller, step);
    }
}

impl<S: HandleCall<M>, M> Call<S, M> {
    #[inline]
    fn after(&mut self, result: CallResult<S, M>, caller: &Caller<S::Reply>, step: &mut Step) {
        let reply_to = self.reply_to;
        match result {
            Err(reason) => {
                step.ended_by = Some(type_name::<M>());
                step.stop(reason);
            }
            Ok(Next { reply, stop: Some(reason), .. }) => {
                let last_reply = reply.map(|reply| last_reply(reply_to, reply));
                step.ended_by = Some(type_name::<M>());
                step.stop = Some(Box::new(Stop { reason, last_reply }));
            }
            Ok(Next { reply, stop: None, wait, .. }) => {
                step.replied = reply.is_some();
                match (reply, reply_to.in_place_client()) {
                    (Some(reply), Some(client)) => {
                        self.content = Content::Reply(reply);
                        step.in_place_client = Some(client);
                    }
                    (Some(reply), None) => reply_to.reply(reply),
                    (None, _) if caller.is_deferred() => {}
                    (None, _) => reply_to.refuse(CallErrorKind::NoReply),
                }
                step.wait = wait;
            }
        }
    }
}

/// Keeps the reply of a server that ends, to be sent when it has ended.
fn last_reply<R: Send + 'static>(reply_to: ReplyTo<R>, reply: R) -> LastReply {
    // An exit signal may end the server first: then this is dropped while the thread unwinds.
    let reply = Guarded::new(reply);
    Box::new(move || reply_to.reply_at_end(reply.into_inner()))
}

struct Cast<S, M> {
    /// `None` once the server has taken it out.
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

    fn handed_out(&self) {}

    fn bounce(&self) {}

    fn dispatch(&mut self, server: &mut dyn Any, found: &'static str) {
        let Some(server) = server.downcast_mut::<Server<S>>() else {
            let expected = type_name::<S>();
            if is_seen(Level::Warn, TARGET) {
                let (me, message) = (logged_self(), printed(self));
                warn(format_args!("{me} ({found}) has dropped a cast for a {expected}: {message}"));
            }
            return drop_caught(self.message.take());
        };
        let message = self.message.take().expect("a request is dispatched once");
        let (state, step) = server.state_and_step();
        step.handle_cast::<M, S>(|| state.handle_cast(message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gen_server::{GenServer, InitResult, noreply, ready};

    #[derive(Debug)]
    struct Sum;

    impl GenServer for Sum {
        type Args = ();

        fn init((): ()) -> InitResult<Sum> {
            ready(Sum)
        }
    }

    impl HandleCall<[u64; 3]> for Sum {
        type Reply = u64;

        fn handle_call(
            &mut self,
            numbers: [u64; 3],
            caller: &Caller<u64>,
        ) -> CallResult<Sum, [u64; 3]> {
            let reply_to = caller.defer();
            assert!(!call_message::<Sum, _>(numbers, reply_to).is_on_heap());
            reply_to.reply(numbers.iter().sum());
            noreply()
        }
    }

    /// To allocate costs a great part of all that a server does for a call.
    #[test]
    fn a_call_of_three_words_is_not_on_the_heap() {
        let sum = Sum::start(()).unwrap();
        assert_eq!(sum.call([1, 2, 3]), Ok(6));
        sum.stop().unwrap();
    }
}
