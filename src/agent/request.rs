//! Closures on their way to an agent.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use crate::gen_server::{CallResult, Caller, CastResult, HandleCall, HandleCast, noreply, reply};

use super::Agent;

/// A closure that reads the state.
pub(super) struct Get<F, R> {
    act: F,
    result: PhantomData<fn() -> R>,
}

/// A closure that changes the state.
pub(super) struct Update<F, R> {
    act: F,
    result: PhantomData<fn() -> R>,
}

impl<F, R> Get<F, R> {
    pub(super) fn new(act: F) -> Get<F, R> {
        Get { act, result: PhantomData }
    }
}

impl<F, R> Update<F, R> {
    pub(super) fn new(act: F) -> Update<F, R> {
        Update { act, result: PhantomData }
    }
}

/// Prints the name of the function that has the closure, for traces and reports.
impl<F, R> fmt::Debug for Get<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "get({})", type_name::<F>())
    }
}

/// Prints the name of the function that has the closure, for traces and reports.
impl<F, R> fmt::Debug for Update<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "update({})", type_name::<F>())
    }
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
    R: Send + 'static,
{
    type Reply = R;

    fn handle_call(
        &mut self,
        update: Update<F, R>,
        _: &Caller<R>,
    ) -> CallResult<Self, Update<F, R>> {
        reply((update.act)(&mut self.state))
    }
}

impl<S, F> HandleCast<Update<F, ()>> for Agent<S>
where
    S: fmt::Debug + 'static,
    F: FnOnce(&mut S) + Send + 'static,
{
    fn handle_cast(&mut self, update: Update<F, ()>) -> CastResult<Self> {
        (update.act)(&mut self.state);
        noreply()
    }
}
