//! The results of callbacks.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::time::Duration;

use crate::call::Client;
use crate::exit::{ExitReason, Reason};
use crate::runtime::links::LastReply;
use crate::user_code::Guarded;

use super::{GenServer, HandleCall, HandleContinue};

/// The result of `init`: see [`ready`], [`ignore`], [`init_error`] and [`stop`].
pub type InitResult<S> = Result<Init<S>, ExitReason>;

/// The result of [`handle_call`](HandleCall::handle_call) of the server `S` for a request of type
/// `M`: see [`reply`], [`noreply`], [`stop`] and [`stop_with_reply`].
pub type CallResult<S, M> = Result<Next<S, <S as HandleCall<M>>::Reply>, ExitReason>;

/// The result of the other callbacks: see [`noreply`] and [`stop`].
pub type CastResult<S> = Result<Next<S, NoReply>, ExitReason>;

/// The reply type of a callback without a client. It has no values.
#[derive(Debug)]
pub enum NoReply {}

/// How a server starts out.
#[derive(Debug)]
pub struct Init<S> {
    pub(crate) outcome: InitOutcome<S>,
    pub(crate) wait: Wait,
}

#[derive(Debug)]
pub(crate) enum InitOutcome<S> {
    Ready(S),
    Ignore,
    Error(ExitReason),
}

/// How a server goes on after a callback.
#[derive(Debug)]
pub struct Next<S, R> {
    pub(crate) reply: Option<R>,
    /// Why the server ends, if it does.
    pub(crate) stop: Option<ExitReason>,
    pub(crate) wait: Wait,
    server: PhantomData<fn(S)>,
}

/// What a server waits for.
pub(crate) enum Wait {
    Message,
    /// A message, for at most this long.
    Timeout(Duration),
    /// A message, while the server hibernates.
    Hibernate,
    /// Nothing: this is handled first.
    Continue(Box<dyn Continuation>),
}

/// A continuation, which holds its message and prints as it.
pub(crate) trait Continuation: fmt::Debug {
    /// Returns the message.
    fn content(&self) -> &dyn Any;

    /// Has the server with this `state`, whose callback has returned it, handle the message.
    fn handle(self: Box<Self>, state: &mut dyn Any, step: &mut Step);
}

struct ContinueWith<S, M> {
    /// Guarded, as it may be dropped together with the server's state, whose destructor may panic,
    /// too.
    message: Guarded<M>,
    server: PhantomData<fn(S)>,
}

impl<S, M: fmt::Debug> fmt::Debug for ContinueWith<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Continue").field(self.message.get()).finish()
    }
}

impl<S: HandleContinue<M>, M: fmt::Debug + 'static> Continuation for ContinueWith<S, M> {
    fn content(&self) -> &dyn Any {
        self.message.get()
    }

    fn handle(self: Box<Self>, state: &mut dyn Any, step: &mut Step) {
        let state: &mut S = state.downcast_mut().expect("the server that it was returned by");
        step.handle_cast::<M, S>(|| state.handle_continue(self.message.into_inner()));
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Message => f.write_str("Message"),
            Wait::Hibernate => f.write_str("Hibernate"),
            Wait::Timeout(duration) => f.debug_tuple("Timeout").field(duration).finish(),
            Wait::Continue(continuation) => fmt::Debug::fmt(continuation, f),
        }
    }
}

/// How a server goes on after a callback, apart from its reply.
///
/// The server keeps it, and whatever runs a callback changes it there: to return it through all
/// the layers in between would take longer than most callbacks.
pub(crate) struct Step {
    pub(crate) wait: Wait,
    pub(crate) stop: Option<Box<Stop>>,
    /// Whether the client gets a reply now.
    pub(crate) replied: bool,
    /// The client whose reply is in the message that its request came in, which goes back to it.
    pub(crate) in_place_client: Option<Client>,
    /// The type of the message that has ended the server. For requests it is noted only then, which
    /// costs nothing.
    pub(crate) ended_by: Option<&'static str>,
}

/// The end of a server.
pub(crate) struct Stop {
    pub(crate) reason: ExitReason,
    /// Sends the reply that the client gets when the server has ended.
    pub(crate) last_reply: Option<LastReply>,
}

impl Step {
    /// Makes the first step, which waits as `init` has said.
    pub(crate) fn first(wait: Wait) -> Step {
        Step { wait, stop: None, replied: false, in_place_client: None, ended_by: None }
    }

    /// Forgets the last step: unless a callback says otherwise, the server waits for a message.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.wait = Wait::Message;
        self.replied = false;
        self.in_place_client = None;
    }

    pub(crate) fn stop(&mut self, reason: ExitReason) {
        self.stop = Some(Box::new(Stop { reason, last_reply: None }));
    }

    /// Runs a callback on a message of type `M`, which is noted if it unwinds.
    #[inline]
    pub(crate) fn run<M, R>(&mut self, callback: impl FnOnce() -> R) -> R {
        let unwound = Unwound { step: self, message: type_name::<M> };
        let result = callback();
        mem::forget(unwound);
        result
    }

    /// Runs a callback without a client on a message of type `M`, and goes on as it says.
    #[inline]
    pub(crate) fn handle_cast<M, S>(&mut self, callback: impl FnOnce() -> CastResult<S>) {
        let result = self.run::<M, _>(callback);
        self.after_cast(result);
        if self.stop.is_some() {
            self.ended_by = Some(type_name::<M>());
        }
    }

    /// Goes on as the result of a callback without a client says.
    #[inline]
    pub(crate) fn after_cast<S>(&mut self, result: CastResult<S>) {
        match result {
            Ok(Next { stop: None, wait: Wait::Message, .. }) => {}
            Ok(Next { stop: None, wait, .. }) => self.wait = wait,
            Ok(Next { stop: Some(reason), .. }) | Err(reason) => self.stop(reason),
        }
    }
}

/// Notes the type of a message if the callback unwinds: otherwise this is forgotten.
struct Unwound<'a> {
    step: &'a mut Step,
    message: fn() -> &'static str,
}

impl Drop for Unwound<'_> {
    #[cold]
    fn drop(&mut self) {
        self.step.ended_by = Some((self.message)());
    }
}

/// Returned from `init`: the server is ready, with this state.
///
/// OTP: `{ok, State}`.
pub fn ready<S>(state: S) -> InitResult<S> {
    Ok(Init { outcome: InitOutcome::Ready(state), wait: Wait::Message })
}

/// Returned from `init`: the server chooses not to start, which is no error.
///
/// The process ends with [`ExitReason::Normal`], and its starter gets
/// [`StartError::Ignored`](super::StartError::Ignored).
///
/// OTP: `ignore`.
pub fn ignore<S>() -> InitResult<S> {
    Ok(Init { outcome: InitOutcome::Ignore, wait: Wait::Message })
}

/// Returned from `init`: the server cannot start, for this reason, which only its starter gets.
///
/// The process ends with [`ExitReason::Normal`]; an `Err` from `init` ends it with the reason.
///
/// OTP: `{error, Reason}`.
pub fn init_error<S>(reason: impl Reason) -> InitResult<S> {
    Ok(Init { outcome: InitOutcome::Error(reason.into()), wait: Wait::Message })
}

/// Returned from `handle_call`: the client gets `reply`.
///
/// OTP: `{reply, Reply, State}`.
pub fn reply<S, R>(reply: R) -> Result<Next<S, R>, ExitReason> {
    Ok(Next { reply: Some(reply), stop: None, wait: Wait::Message, server: PhantomData })
}

/// Returned from any callback: the server goes on. In `handle_call`, the reply must have been
/// [deferred](super::Caller::defer); otherwise the client gets
/// [`CallErrorKind::NoReply`](crate::CallErrorKind::NoReply).
///
/// OTP: `{noreply, State}`.
pub fn noreply<S, R>() -> Result<Next<S, R>, ExitReason> {
    Ok(Next { reply: None, stop: None, wait: Wait::Message, server: PhantomData })
}

/// Returned from any callback: the server ends with `reason`. It is the same as an `Err`.
///
/// OTP: `{stop, Reason, State}`.
///
/// # Errors
///
/// Always returns the reason.
pub fn stop<T>(reason: impl Reason) -> Result<T, ExitReason> {
    Err(reason.into())
}

/// Returned from `handle_call`: the server ends with `reason`. When it has ended, its name is free
/// and its state dropped, the client gets `reply`.
///
/// If the server is killed before, or ended by an exit signal in
/// [`terminate`](GenServer::terminate), the client gets
/// [`CallErrorKind::Down`](crate::CallErrorKind::Down) instead.
///
/// OTP: `{stop, Reason, Reply, State}`.
pub fn stop_with_reply<S, R>(reason: impl Reason, reply: R) -> Result<Next<S, R>, ExitReason> {
    let stop = Some(reason.into());
    Ok(Next { reply: Some(reply), stop, wait: Wait::Message, server: PhantomData })
}

/// Methods that add to a callback's result how the server goes on: `noreply().timeout(duration)`.
///
/// If several are called, the last one counts. They do not change a result that ends the server.
pub trait Then<S>: Sized {
    /// Sets a timeout: if no message comes for `duration`, [`handle_info`](GenServer::handle_info)
    /// gets an [`IdleTimeout`](super::IdleTimeout), once. Any message, of whatever kind, ends the
    /// wait.
    #[must_use = "the timeout is set only if the callback returns this"]
    fn timeout(self, duration: Duration) -> Self;

    /// Lets the server [hibernate](crate::process::hibernate) until the next message: for when none
    /// is expected soon.
    #[must_use = "the server hibernates only if the callback returns this"]
    fn hibernate(self) -> Self;

    /// Lets the server handle `message` by [`handle_continue`](HandleContinue::handle_continue),
    /// before any other message.
    #[must_use = "the message is handled only if the callback returns this"]
    fn then<M: fmt::Debug + 'static>(self, message: M) -> Self
    where
        S: HandleContinue<M>;
}

impl<S: GenServer> Then<S> for InitResult<S> {
    fn timeout(self, duration: Duration) -> Self {
        self.map(|init| Init { wait: Wait::Timeout(duration), ..init })
    }

    fn hibernate(self) -> Self {
        self.map(|init| Init { wait: Wait::Hibernate, ..init })
    }

    fn then<M: fmt::Debug + 'static>(self, message: M) -> Self
    where
        S: HandleContinue<M>,
    {
        self.map(|init| Init { wait: continue_with::<S, M>(message), ..init })
    }
}

impl<S: GenServer, R> Then<S> for Result<Next<S, R>, ExitReason> {
    fn timeout(self, duration: Duration) -> Self {
        self.map(|next| Next { wait: Wait::Timeout(duration), ..next })
    }

    fn hibernate(self) -> Self {
        self.map(|next| Next { wait: Wait::Hibernate, ..next })
    }

    fn then<M: fmt::Debug + 'static>(self, message: M) -> Self
    where
        S: HandleContinue<M>,
    {
        self.map(|next| Next { wait: continue_with::<S, M>(message), ..next })
    }
}

fn continue_with<S: HandleContinue<M>, M: fmt::Debug + 'static>(message: M) -> Wait {
    let message = Guarded::new(message);
    Wait::Continue(Box::new(ContinueWith::<S, M> { message, server: PhantomData }))
}
