//! Closures on their way to an agent.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use crate::gen_server::{CallResult, Caller, CastResult, HandleCall, HandleCast, noreply, reply};

use super::Agent;

/// Defines a type of requests, each of which is a closure, and prints it as the function that sends
/// it, with the name of the function that has the closure: for traces and reports.
macro_rules! closure {
    ($(#[$doc:meta])* $name:ident, $function:literal) => {
        $(#[$doc])*
        pub(super) struct $name<F, R> {
            act: F,
            result: PhantomData<fn() -> R>,
        }

        impl<F, R> $name<F, R> {
            pub(super) fn new(act: F) -> $name<F, R> {
                $name { act, result: PhantomData }
            }
        }

        impl<F, R> fmt::Debug for $name<F, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", $function, type_name::<F>())
            }
        }
    };
}

closure! {
    /// A closure that reads the state.
    Get, "get"
}

closure! {
    /// A closure that changes the state, and whose result nobody wants.
    Update, "update"
}

closure! {
    /// As [`Update`], of a client that does not wait.
    Cast, "cast"
}

closure! {
    /// A closure that changes the state, and whose result is for the caller.
    GetAndUpdate, "get_and_update"
}

impl<S, F, R> HandleCall<Get<F, R>> for Agent<S>
where
    S: fmt::Debug + 'static,
    F: FnOnce(&S) -> R + Send + 'static,
    R: Send + 'static,
{
    type Reply = R;

    fn handle_call(&mut self, get: Get<F, R>, _: &Caller<R>) -> CallResult<Self, Get<F, R>> {
        reply((get.act)(&self.state))
    }
}

impl<S, F, R> HandleCall<Update<F, R>> for Agent<S>
where
    S: fmt::Debug + 'static,
    F: FnOnce(&mut S) -> R + Send + 'static,
    R: 'static,
{
    type Reply = ();

    fn handle_call(
        &mut self,
        update: Update<F, R>,
        _: &Caller<()>,
    ) -> CallResult<Self, Update<F, R>> {
        _ = (update.act)(&mut self.state);
        reply(())
    }
}

impl<S, F, R> HandleCast<Cast<F, R>> for Agent<S>
where
    S: fmt::Debug + 'static,
    F: FnOnce(&mut S) -> R + Send + 'static,
    R: 'static,
{
    fn handle_cast(&mut self, cast: Cast<F, R>) -> CastResult<Self> {
        _ = (cast.act)(&mut self.state);
        noreply()
    }
}

impl<S, F, R> HandleCall<GetAndUpdate<F, R>> for Agent<S>
where
    S: fmt::Debug + 'static,
    F: FnOnce(&mut S) -> R + Send + 'static,
    R: Send + 'static,
{
    type Reply = R;

    fn handle_call(
        &mut self,
        update: GetAndUpdate<F, R>,
        _: &Caller<R>,
    ) -> CallResult<Self, GetAndUpdate<F, R>> {
        reply((update.act)(&mut self.state))
    }
}
