//! Which callbacks a state machine has.

use std::fmt;

use crate::error_text::errors;

use super::transition::ModuleChange;
use super::{Callbacks, GenStatem};

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
    /// The callbacks were to be [popped](super::Actions::pop_callback_module), but none were
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
