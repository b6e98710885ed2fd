//! The results of callbacks; and callbacks that stand in for a machine's own, as a result may say.

use std::fmt;

use smallvec::SmallVec;

use crate::call::Client;
use crate::exit::{ExitReason, Reason};
use crate::user_code::Guarded;

use super::GenStatem;
use super::engine::{Plan, To};
use super::event_type::EventType;

/// The result of [`init`](GenStatem::init): see [`started`], [`ignore`], [`init_error`] and
/// [`stop`](super::stop).
pub type InitResult<S> = Result<Init<S>, ExitReason>;

/// The result of [`handle_event`](GenStatem::handle_event): see [`next_state`], [`keep_state`],
/// [`repeat_state`], [`stop`](super::stop) and [`stop_and_reply`].
pub type StateResult<S> = Result<Transition<S>, ExitReason>;

/// The result of [`state_enter`](GenStatem::state_enter): see [`entered`], [`enter_again`] and
/// [`stop`](super::stop).
pub type EnterResult<S> = Result<Entered<S>, ExitReason>;

/// How a state machine starts out.
#[derive(Debug)]
pub struct Init<S: GenStatem> {
    pub(super) outcome: Outcome<S>,
    pub(super) todo: Todo<S>,
}

#[derive(Debug)]
pub(super) enum Outcome<S: GenStatem> {
    /// With its state and its data, each guarded, as both may be dropped before it runs.
    Started(Box<(Guarded<S::State>, Guarded<S>)>),
    Ignore,
    Error(ExitReason),
}

/// What a state machine does after an event.
#[derive(Debug)]
pub struct Transition<S: GenStatem> {
    pub(super) to: Next<S::State>,
    /// The event, if it is postponed.
    pub(super) postponed: Option<Guarded<S::Event>>,
    pub(super) todo: Todo<S>,
}

/// How a state machine goes on.
#[derive(Debug)]
pub(super) enum Next<S> {
    To(To<S>),
    Stop(ExitReason),
}

/// What a state machine does when it has entered a state.
#[derive(Debug)]
pub struct Entered<S: GenStatem> {
    /// Whether the state is entered once more.
    pub(super) again: bool,
    pub(super) todo: Todo<S>,
}

/// The actions of a result, which cost nothing as long as there are none.
#[derive(Debug)]
#[expect(unnameable_types, reason = "results of callbacks hold it")]
pub struct Todo<S: GenStatem> {
    /// The replies that were sent, for traces: each with its request and its type.
    pub(super) replied: SmallVec<[(Client, &'static str); 1]>,
    pub(super) more: Option<Box<More<S>>>,
}

/// The actions that are carried out when the callback has returned.
#[derive(Debug)]
pub(super) struct More<S: GenStatem> {
    pub(super) plan: Plan<S::Event>,
    pub(super) modules: Vec<ModuleChange<S>>,
}

/// A change of the callbacks.
pub(super) enum ModuleChange<S: GenStatem> {
    Change(&'static dyn Callbacks<S>),
    Push(&'static dyn Callbacks<S>),
    Pop,
}

impl<S: GenStatem> fmt::Debug for ModuleChange<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModuleChange::Change(_) => "Change",
            ModuleChange::Push(_) => "Push",
            ModuleChange::Pop => "Pop",
        })
    }
}

/// Callbacks that stand in for those of the machine `S`, until they are changed again.
///
/// ```
/// use procession::gen_statem::Callbacks;
/// use procession::prelude::*;
///
/// #[derive(Debug)] struct Door;
/// #[derive(Debug)] enum Event { Knock(ReplyTo<&'static str>), Holidays, Back }
///
/// impl GenStatem for Door {
///     type Args = ();
///     type State = ();
///     type Event = Event;
///
///     fn init((): ()) -> gen_statem::InitResult<Self> {
///         started((), Door)
///     }
///
///     fn handle_event(&mut self, _: EventType, event: Event, (): &()) -> StateResult<Self> {
///         match event {
///             Event::Knock(client) => keep_state().reply(client, "come in"),
///             Event::Holidays => keep_state().push_callback_module(&Closed),
///             Event::Back => keep_state(),
///         }
///     }
/// }
///
/// struct Closed;
///
/// impl Callbacks<Door> for Closed {
///     fn handle_event(
///         &self,
///         _: &mut Door,
///         _: EventType,
///         event: Event,
///         (): &(),
///     ) -> StateResult<Door> {
///         match event {
///             Event::Knock(client) => keep_state().reply(client, "nobody is here"),
///             Event::Holidays => keep_state(),
///             Event::Back => keep_state().pop_callback_module(),
///         }
///     }
/// }
///
/// let door = Door::start(())?;
/// door.cast(Event::Holidays);
/// assert_eq!(door.call(Event::Knock)?, "nobody is here");
/// door.cast(Event::Back);
/// assert_eq!(door.call(Event::Knock)?, "come in");
/// # door.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`OwnCallbacks`](super::OwnCallbacks) are those of the machine itself.
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

impl<S: GenStatem> Todo<S> {
    #[inline]
    fn none() -> Todo<S> {
        Todo { replied: SmallVec::new(), more: None }
    }

    /// Whether this request was answered by an action.
    #[inline]
    pub(super) fn has_answered(&self, request: Client) -> bool {
        self.replied.iter().any(|(answered, _)| *answered == request)
    }

    pub(super) fn more(&mut self) -> &mut More<S> {
        self.more
            .get_or_insert_with(|| Box::new(More { plan: Plan::default(), modules: Vec::new() }))
    }

    /// Adds the actions of an enter call. Its replies were sent, and it has nothing to answer.
    pub(super) fn add(&mut self, entered: Todo<S>) {
        let Some(entered) = entered.more else { return };
        let plan = &mut self.more().plan;
        plan.hibernate |= entered.plan.hibernate;
        plan.orders.extend(entered.plan.orders);
    }
}

/// Returned from [`init`](GenStatem::init): the machine starts with this state and these data.
///
/// OTP: `{ok, State, Data}`.
pub fn started<S: GenStatem>(state: S::State, data: S) -> InitResult<S> {
    let started = Box::new((Guarded::new(state), Guarded::new(data)));
    Ok(Init { outcome: Outcome::Started(started), todo: Todo::none() })
}

/// Returned from [`init`](GenStatem::init): the machine chooses not to start, which is no error.
///
/// The process ends with [`ExitReason::Normal`], and its starter gets
/// [`StartError::Ignored`](super::StartError::Ignored).
///
/// OTP: `ignore`.
pub fn ignore<S: GenStatem>() -> InitResult<S> {
    Ok(Init { outcome: Outcome::Ignore, todo: Todo::none() })
}

/// Returned from [`init`](GenStatem::init): the machine cannot start, for this reason, which only
/// its starter gets.
///
/// The process ends with [`ExitReason::Normal`]; an `Err` from `init` ends it with the reason.
///
/// OTP: `{error, Reason}`.
pub fn init_error<S: GenStatem>(reason: impl Reason) -> InitResult<S> {
    Ok(Init { outcome: Outcome::Error(reason.into()), todo: Todo::none() })
}

/// Returned from [`handle_event`](GenStatem::handle_event): this is the next state.
///
/// If it is equal to the present one, this is the same as [`keep_state`]. Otherwise the state
/// timeout ends without its event, the state is [entered](GenStatem::state_enter), and then all
/// postponed events are handled again, the oldest first.
///
/// OTP: `{next_state, NextState, Data}`.
#[inline]
pub fn next_state<S: GenStatem>(state: S::State) -> StateResult<S> {
    go(Next::To(To::Next(state)))
}

/// Returned from [`handle_event`](GenStatem::handle_event): the state stays.
///
/// OTP: `keep_state_and_data`, `{keep_state, Data}`.
#[inline]
pub fn keep_state<S: GenStatem>() -> StateResult<S> {
    go(Next::To(To::Keep))
}

/// Returned from [`handle_event`](GenStatem::handle_event): the state stays, and is
/// [entered](GenStatem::state_enter) again. Postponed events and the state timeout stay, too.
///
/// OTP: `repeat_state_and_data`, `{repeat_state, Data}`.
#[inline]
pub fn repeat_state<S: GenStatem>() -> StateResult<S> {
    go(Next::To(To::Repeat))
}

/// Returned from [`handle_event`](GenStatem::handle_event): the machine ends with `reason`, after
/// the [replies](super::Actions::reply) that follow.
///
/// Other actions that follow have no effect. Without a reply, [`stop`](super::stop) is enough.
///
/// OTP: `{stop_and_reply, Reason, Replies}`.
pub fn stop_and_reply<S: GenStatem>(reason: impl Reason) -> StateResult<S> {
    go(Next::Stop(reason.into()))
}

#[inline]
fn go<S: GenStatem>(to: Next<S::State>) -> StateResult<S> {
    Ok(Transition { to, postponed: None, todo: Todo::none() })
}

/// Returned from [`state_enter`](GenStatem::state_enter): the state is entered.
///
/// OTP: `keep_state_and_data`, `{keep_state, Data}`.
#[inline]
pub fn entered<S: GenStatem>() -> EnterResult<S> {
    Ok(Entered { again: false, todo: Todo::none() })
}

/// Returned from [`state_enter`](GenStatem::state_enter): it is called once more.
///
/// OTP: `repeat_state_and_data`, `{repeat_state, Data}`.
pub fn enter_again<S: GenStatem>() -> EnterResult<S> {
    Ok(Entered { again: true, todo: Todo::none() })
}
