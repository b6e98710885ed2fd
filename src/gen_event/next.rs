//! The results of callbacks other than `init`.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use crate::exit::ExitReason;
use crate::message::Message;
use crate::user_code::Guarded;

use super::any_handler::{Swap, Then};
use super::{EventHandler, Handler, HandlerCall, HandlerInit, Init, SwapInit};

/// The result of [`handle_event`](EventHandler::handle_event) and
/// [`handle_info`](EventHandler::handle_info) of the handler `H` of events `E`: see [`ok`],
/// [`remove_handler`] and [`swap_handler`].
///
/// An error is the reason for which the handler has failed: it is reported and removed.
pub type HandlerResult<H, E> = Result<Next<H, E, ()>, ExitReason>;

/// The result of [`handle_call`](HandlerCall::handle_call) of the handler `H` of events `E` for a
/// request of type `M`: any [`HandlerResult`] that has got a [reply](WithReply::reply).
pub type HandlerReply<H, E, M> = Result<Next<H, E, <H as HandlerCall<E, M>>::Reply>, ExitReason>;

/// How it goes on with a handler after a callback.
pub struct Next<H, E, R> {
    pub(crate) then: Then<E>,
    pub(crate) reply: R,
    handler: PhantomData<fn(H)>,
}

impl<H, E, R> fmt::Debug for Next<H, E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.then {
            Then::Stay => "Stay",
            Then::Hibernate => "Hibernate",
            Then::Remove => "Remove",
            Then::Swap(_) => "Swap",
        })
    }
}

/// Returned from any callback but `init`: the handler goes on.
///
/// OTP: `{ok, State}`.
pub fn ok<H, E>() -> HandlerResult<H, E> {
    next(Then::Stay)
}

/// Returned from any callback but `init`: the handler is removed, when its
/// [`terminate`](EventHandler::terminate) has run.
///
/// OTP: `remove_handler`.
pub fn remove_handler<H, E>() -> HandlerResult<H, E> {
    next(Then::Remove)
}

/// Returned from any callback but `init`: the handler is swapped for `new`, which takes its place
/// in the order.
///
/// First [`terminate`](EventHandler::terminate) of this handler runs, with
/// [`Terminate::Args`](super::Terminate::Args) of `args`; then [`swap_init`](SwapInit::swap_init)
/// of the new one, with what this one has left. The new handler does not get the event.
///
/// OTP: `{swap_handler, Args1, State, Handler2, Args2}`.
pub fn swap_handler<H, E, New>(
    args: impl Any + Send + fmt::Debug,
    new: Handler<New>,
    new_args: New::Args,
) -> HandlerResult<H, E>
where
    H: EventHandler<E>,
    E: fmt::Debug + Send + 'static,
    New: SwapInit<E, H>,
{
    let (args, new_args) = (Guarded::new(Message::new(args)), Guarded::new(new_args));
    next(Then::Swap(Swap::new::<H, New>(args, new, new_args)))
}

fn next<H, E>(then: Then<E>) -> HandlerResult<H, E> {
    Ok(Next { then, reply: (), handler: PhantomData })
}

/// Adds a reply to the result of [`handle_call`](HandlerCall::handle_call):
/// `gen_event::ok().reply(7)`.
pub trait WithReply<R> {
    /// The result with the reply.
    type Replied;

    /// Gives the client its reply.
    ///
    /// OTP: `{ok, Reply, State}`, `{remove_handler, Reply}`, `{swap_handler, Reply, ...}`.
    #[must_use = "the client gets the reply only if the callback returns this"]
    fn reply(self, reply: R) -> Self::Replied;
}

impl<H, E, R> WithReply<R> for HandlerResult<H, E> {
    type Replied = Result<Next<H, E, R>, ExitReason>;

    fn reply(self, reply: R) -> Self::Replied {
        self.map(|next| Next { then: next.then, reply, handler: PhantomData })
    }
}

/// Adds to the result of a callback that the manager hibernates: `gen_event::ok().hibernate()`.
pub trait Hibernate {
    /// Lets the manager [hibernate](crate::process::hibernate) until the next message, as it does
    /// if one handler or several say so. This does not change a result by which the handler goes.
    ///
    /// OTP: `{ok, State, hibernate}`.
    #[must_use = "the manager hibernates only if the callback returns this"]
    fn hibernate(self) -> Self;
}

impl<H> Hibernate for HandlerInit<H> {
    fn hibernate(self) -> Self {
        self.map(|init| Init { hibernate: true, ..init })
    }
}

impl<H, E, R> Hibernate for Result<Next<H, E, R>, ExitReason> {
    fn hibernate(self) -> Self {
        self.map(|next| {
            let then = match next.then {
                Then::Stay => Then::Hibernate,
                then @ (Then::Hibernate | Then::Remove | Then::Swap(_)) => then,
            };
            Next { then, ..next }
        })
    }
}
