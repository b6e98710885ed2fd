//! States that are functions.

use std::fmt;

use super::GenStatem;
use super::event_type::EventType;
use super::transition::StateResult;

/// A state that is a function: the type of state of a machine with a function for each state.
///
/// Two are equal if their names are, and it prints as its name. See [the
/// chapter](super#a-function-for-each-state).
///
/// OTP: the callback mode
/// [`state_functions`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:callback_mode/0).
pub struct StateFunction<S: GenStatem> {
    name: &'static str,
    function: Handler<S>,
}

type Handler<S> = fn(&mut S, EventType, <S as GenStatem>::Event) -> StateResult<S>;

impl<S: GenStatem> StateFunction<S> {
    /// Creates the state `name`, whose events `function` handles.
    pub const fn new(name: &'static str, function: Handler<S>) -> StateFunction<S> {
        StateFunction { name, function }
    }

    /// Returns the name of the state.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Handles an event in this state: what [`handle_event`](GenStatem::handle_event) of such a
    /// machine does.
    ///
    /// # Errors
    ///
    /// Returns the reason with which the machine is to end.
    pub fn call(&self, data: &mut S, kind: EventType, event: S::Event) -> StateResult<S> {
        (self.function)(data, kind, event)
    }
}

impl<S: GenStatem> Clone for StateFunction<S> {
    fn clone(&self) -> StateFunction<S> {
        *self
    }
}

impl<S: GenStatem> Copy for StateFunction<S> {}

impl<S: GenStatem> PartialEq for StateFunction<S> {
    fn eq(&self, other: &StateFunction<S>) -> bool {
        self.name == other.name
    }
}

impl<S: GenStatem> Eq for StateFunction<S> {}

impl<S: GenStatem> fmt::Debug for StateFunction<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
