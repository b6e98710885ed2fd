//! Which callbacks a state machine has.

use std::fmt;

use crate::error_text::errors;

use super::GenStatem;
use super::event_type::EventType;
use super::transition::{Callbacks, EnterResult, ModuleChange, StateResult};

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

/// The callbacks of the machine itself, for a machine that has
/// [changed](super::Actions::change_callback_module) to others.
///
/// ```
/// use procession::gen_statem::*;
/// use procession::prelude::*;
///
/// #[derive(Debug)] struct Door;
/// #[derive(Debug)] enum Event { Knock(ReplyTo<&'static str>), Night, Morning }
///
/// impl GenStatem for Door {
///     type Args = ();
///     type State = ();
///     type Event = Event;
///
///     fn init((): ()) -> InitResult<Self> {
///         started((), Door)
///     }
///
///     fn handle_event(&mut self, _: EventType, event: Event, (): &()) -> StateResult<Self> {
///         match event {
///             Event::Knock(client) => keep_state().reply(client, "come in"),
///             Event::Night => keep_state().change_callback_module(&Asleep),
///             Event::Morning => keep_state(),
///         }
///     }
/// }
///
/// struct Asleep;
///
/// impl Callbacks<Door> for Asleep {
///     fn handle_event(
///         &self,
///         _: &mut Door,
///         _: EventType,
///         event: Event,
///         (): &(),
///     ) -> StateResult<Door> {
///         match event {
///             Event::Knock(client) => keep_state().reply(client, "zzz"),
///             Event::Night => keep_state(),
///             Event::Morning => keep_state().change_callback_module(&OwnCallbacks),
///         }
///     }
/// }
///
/// let door = Door::start(())?;
/// door.cast(Event::Night);
/// assert_eq!(door.call(Event::Knock)?, "zzz");
/// door.cast(Event::Morning);
/// assert_eq!(door.call(Event::Knock)?, "come in");
/// # door.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnCallbacks;

impl<S: GenStatem> Callbacks<S> for OwnCallbacks {
    fn handle_event(
        &self,
        data: &mut S,
        kind: EventType,
        event: S::Event,
        state: &S::State,
    ) -> StateResult<S> {
        data.handle_event(kind, event, state)
    }

    fn state_enter(&self, data: &mut S, old_state: &S::State, state: &S::State) -> EnterResult<S> {
        data.state_enter(old_state, state)
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
