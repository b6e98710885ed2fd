//! Callbacks other than the machine's own, and one function for each state.

use std::fmt;

use crate::error_text::errors;
use crate::exit::ExitReason;

use super::GenStatem;
use super::event_type::EventType;
use super::transition::{EnterResult, ModuleChange, StateResult, entered};

/// Callbacks that stand in for those of the machine `S`, until they are changed again.
///
/// OTP: the module of
/// [`change_callback_module`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:action/0).
pub trait Callbacks<S: GenStatem>: Sync {
    /// As [`GenStatem::handle_event`], with the data of the machine.
    ///
    /// # Errors
    ///
    /// Returns the reason with which the machine is to end.
    fn handle_event(
        &self,
        data: &mut S,
        kind: EventType,
        event: S::Event,
        state: &S::State,
    ) -> StateResult<S>;

    /// As [`GenStatem::state_enter`], with the data of the machine. By default nothing is done.
    ///
    /// # Errors
    ///
    /// Returns the reason with which the machine is to end.
    fn state_enter(&self, data: &mut S, old_state: &S::State, state: &S::State) -> EnterResult<S> {
        _ = (data, old_state, state);
        entered()
    }

    /// As [`GenStatem::terminate`], with the data of the machine, which by default does it.
    fn terminate(&self, data: &mut S, reason: &ExitReason, state: &S::State) {
        data.terminate(reason, state);
    }
}

/// Which callbacks a machine has now, and which wait below.
pub(super) struct Modules<S: GenStatem> {
    /// `None` are the machine's own.
    current: Module<S>,
    below: Vec<Module<S>>,
}

type Module<S> = Option<&'static dyn Callbacks<S>>;

impl<S: GenStatem> Modules<S> {
    pub(super) fn own() -> Modules<S> {
        Modules { current: None, below: Vec::new() }
    }

    #[inline]
    pub(super) fn current(&self) -> Module<S> {
        self.current
    }

    pub(super) fn change(&mut self, change: ModuleChange<S>) -> Result<(), BadAction> {
        match change {
            ModuleChange::Change(callbacks) => self.current = Some(callbacks),
            ModuleChange::Push(callbacks) => self.below.push(self.current.replace(callbacks)),
            ModuleChange::Pop => {
                self.current = self.below.pop().ok_or(BadAction::PopCallbackModule)?;
            }
        }
        Ok(())
    }
}

/// The reason with which a machine ends that has asked for what cannot be done.
///
/// OTP: `{bad_action_from_state_function, Action}`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadAction {
    /// The callbacks were to be [popped](super::EventActions::pop_callback_module), but none were
    /// pushed.
    PopCallbackModule,
}

impl fmt::Display for BadAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PopCallbackModule => {
                f.write_str("bad action: callbacks are popped, but none were pushed")
            }
        }
    }
}

errors!(BadAction);

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
