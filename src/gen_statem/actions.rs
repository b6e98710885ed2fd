//! Actions, which are added to the results of callbacks.

use std::any::type_name;
use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::call::ReplyTo;
use crate::exit::ExitReason;
use crate::user_code::Guarded;

use super::GenStatem;
use super::engine::Item;
use super::event_type::{EventType, TimeoutType};
use super::timeouts::{Time, What};
use super::transition::{Callbacks, Entered, Init, ModuleChange, Next, Outcome, Todo, Transition};

/// Methods that add actions to the result of any callback: `keep_state().reply(client, value)`.
///
/// The actions are carried out in their order, with the exception that of several for one timeout
/// only the last counts. Those of a result that ends the machine, or that starts none, have no
/// effect, except that replies are sent.
///
/// Some are for the results of some callbacks only, by their type: see
/// [`next_event`](Self::next_event) and [`postpone`](Self::postpone).
///
/// OTP: [`action()`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:action/0).
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// /// Says when eggs are done. They are told apart by their names.
/// #[derive(Debug)] struct EggTimer { cook: Pid }
/// #[derive(Debug)] enum Egg { In(&'static str, u64), Out(&'static str), Done(&'static str) }
///
/// impl GenStatem for EggTimer {
///     type Args = Pid;
///     type State = ();
///     type Event = Egg;
///
///     fn init(cook: Pid) -> gen_statem::InitResult<Self> {
///         started((), EggTimer { cook })
///     }
///
///     fn handle_event(&mut self, _: EventType, egg: Egg, (): &()) -> StateResult<Self> {
///         match egg {
///             Egg::In(name, ms) => {
///                 let time = Duration::from_millis(ms);
///                 keep_state().generic_timeout(name, time, Egg::Done(name))
///             }
///             Egg::Out(name) => keep_state().cancel(name),
///             Egg::Done(name) => {
///                 process::send(self.cook, name);
///                 keep_state()
///             }
///         }
///     }
/// }
///
/// let timer = EggTimer::start(process::self_pid())?;
/// timer.cast(Egg::In("hard", 3_600_000));
/// timer.cast(Egg::In("soft", 1));
/// timer.cast(Egg::Out("hard"));
/// receive! { name: &str => assert_eq!(name, "soft") }
/// # timer.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Actions<S: GenStatem>: Sized + sealed::Sealed<S> {
    /// Gives `client` its reply. It is sent at once, whatever the result is; [`ReplyTo::reply`]
    /// does the same.
    ///
    /// OTP: `{reply, From, Reply}`.
    #[inline]
    fn reply<R: Send + 'static>(mut self, client: ReplyTo<R>, reply: R) -> Self {
        client.reply(reply);
        if let Some(todo) = self.replies() {
            todo.replied.push((client.client(), type_name::<R>()));
        }
        self
    }

    /// Lets the machine [hibernate](crate::process::hibernate) until the next message, if there is
    /// no other event to handle first.
    ///
    /// OTP: `hibernate`.
    #[must_use = "the machine hibernates only if the callback returns this"]
    fn hibernate(mut self) -> Self {
        if let Some(todo) = self.todo() {
            todo.more().plan.hibernate = true;
        }
        self
    }

    /// Starts the event timeout: if no event is handled for `duration`, `event` is. Any event ends
    /// it, be it one that waits already.
    ///
    /// With a `duration` of zero, `event` is handled next, before any message, unless an inserted
    /// or retried event is left, which ends the timeout; [`Duration::MAX`] ends it, too.
    ///
    /// OTP: `{timeout, Time, Content}`.
    #[must_use = "the timeout is started only if the callback returns this"]
    fn timeout(self, duration: Duration, event: S::Event) -> Self {
        order(self, TimeoutType::Event, What::start(Time::In(duration), event))
    }

    /// As [`timeout`](Self::timeout), at `deadline`; if that is past, as soon as what has been
    /// received before is handled.
    ///
    /// OTP: `{timeout, Time, Content, {abs, true}}`.
    #[must_use = "the timeout is started only if the callback returns this"]
    fn timeout_at(self, deadline: Instant, event: S::Event) -> Self {
        order(self, TimeoutType::Event, What::start(Time::At(deadline), event))
    }

    /// Starts the state timeout: if the state does not change for `duration`, `event` is handled.
    /// With a next state, it is the timeout of that state.
    ///
    /// With a `duration` of zero, `event` is handled when no inserted or retried one is left, and
    /// before any message; [`Duration::MAX`] ends the timeout.
    ///
    /// OTP: `{state_timeout, Time, Content}`.
    #[must_use = "the timeout is started only if the callback returns this"]
    fn state_timeout(self, duration: Duration, event: S::Event) -> Self {
        order(self, TimeoutType::State, What::start(Time::In(duration), event))
    }

    /// As [`state_timeout`](Self::state_timeout), at `deadline`.
    ///
    /// OTP: `{state_timeout, Time, Content, {abs, true}}`.
    #[must_use = "the timeout is started only if the callback returns this"]
    fn state_timeout_at(self, deadline: Instant, event: S::Event) -> Self {
        order(self, TimeoutType::State, What::start(Time::At(deadline), event))
    }

    /// Starts the timeout `name`: after `duration`, whatever else happens, `event` is handled. If
    /// it is active already, it starts anew.
    ///
    /// The `duration` is as for [`state_timeout`](Self::state_timeout).
    ///
    /// OTP: `{{timeout, Name}, Time, Content}`.
    #[must_use = "the timeout is started only if the callback returns this"]
    fn generic_timeout(
        self,
        name: impl Into<Cow<'static, str>>,
        duration: Duration,
        event: S::Event,
    ) -> Self {
        order(self, TimeoutType::Generic(name.into()), What::start(Time::In(duration), event))
    }

    /// As [`generic_timeout`](Self::generic_timeout), at `deadline`.
    ///
    /// OTP: `{{timeout, Name}, Time, Content, {abs, true}}`.
    #[must_use = "the timeout is started only if the callback returns this"]
    fn generic_timeout_at(
        self,
        name: impl Into<Cow<'static, str>>,
        deadline: Instant,
        event: S::Event,
    ) -> Self {
        order(self, TimeoutType::Generic(name.into()), What::start(Time::At(deadline), event))
    }

    /// Ends a timeout without its event, even if its time is over and the event has not been
    /// handled: `.cancel(TimeoutType::State)`, or `.cancel(name)`. Nothing happens if it is not
    /// active.
    ///
    /// OTP: `{TimeoutType, cancel}`.
    #[must_use = "the timeout is cancelled only if the callback returns this"]
    fn cancel(self, timeout: impl Into<TimeoutType>) -> Self {
        order(self, timeout.into(), What::Cancel)
    }

    /// Changes the event of a timeout, and not its time. If it is not active, it starts with a
    /// time of zero.
    ///
    /// OTP: `{TimeoutType, update, Content}`.
    #[must_use = "the timeout is updated only if the callback returns this"]
    fn update(self, timeout: impl Into<TimeoutType>, event: S::Event) -> Self {
        order(self, timeout.into(), What::Update(Guarded::new(event)))
    }

    /// Inserts `event`: it is handled before all events that wait, and after those that were
    /// inserted by the same result before it.
    ///
    /// It is handled as one of the given `kind`; most often that is [`EventType::Internal`].
    ///
    /// This is for the results of [`handle_event`](GenStatem::handle_event) and
    /// [`init`](GenStatem::init).
    ///
    /// OTP: `{next_event, EventType, Content}`.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// /// Makes words of characters.
    /// #[derive(Debug)] struct Reader { word: String, words: Vec<String> }
    /// #[derive(Debug)] enum Event { Char(char), Word(String), Words(ReplyTo<Vec<String>>) }
    ///
    /// impl GenStatem for Reader {
    ///     type Args = ();
    ///     type State = ();
    ///     type Event = Event;
    ///
    ///     fn init((): ()) -> gen_statem::InitResult<Self> {
    ///         started((), Reader { word: String::new(), words: Vec::new() })
    ///     }
    ///
    ///     fn handle_event(&mut self, _: EventType, event: Event, (): &()) -> StateResult<Self> {
    ///         match event {
    ///             Event::Char(' ') => {
    ///                 let word = std::mem::take(&mut self.word);
    ///                 keep_state().next_event(EventType::Internal, Event::Word(word))
    ///             }
    ///             Event::Char(char) => {
    ///                 self.word.push(char);
    ///                 keep_state()
    ///             }
    ///             Event::Word(word) => {
    ///                 self.words.push(word);
    ///                 keep_state()
    ///             }
    ///             Event::Words(client) => keep_state().reply(client, self.words.clone()),
    ///         }
    ///     }
    /// }
    ///
    /// let reader = Reader::start(())?;
    /// "to be ".chars().for_each(|char| reader.cast(Event::Char(char)));
    /// assert_eq!(reader.call(Event::Words)?, ["to", "be"]);
    /// # reader.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the event is inserted only if the callback returns this"]
    fn next_event(mut self, kind: EventType, event: S::Event) -> Self
    where
        Self: EventActions<S>,
    {
        if let Some(todo) = self.todo() {
            todo.more().plan.next_events.push(Item::new(kind, None, event));
        }
        self
    }

    /// Lets `callbacks` handle events from now on, in the place of those that do so now. With
    /// [`OwnCallbacks`](super::OwnCallbacks), the machine's own do so again.
    ///
    /// As the other changes of callbacks, this is for results that take
    /// [events](Self::next_event).
    ///
    /// OTP: `{change_callback_module, NewModule}`.
    #[must_use = "the callbacks are changed only if the callback returns this"]
    fn change_callback_module(self, callbacks: &'static dyn Callbacks<S>) -> Self
    where
        Self: EventActions<S>,
    {
        change(self, ModuleChange::Change(callbacks))
    }

    /// Lets `callbacks` handle events until they are [popped](Self::pop_callback_module).
    ///
    /// OTP: `{push_callback_module, NewModule}`.
    #[must_use = "the callbacks are pushed only if the callback returns this"]
    fn push_callback_module(self, callbacks: &'static dyn Callbacks<S>) -> Self
    where
        Self: EventActions<S>,
    {
        change(self, ModuleChange::Push(callbacks))
    }

    /// Lets those callbacks handle events that did so before the last
    /// [`push_callback_module`](Self::push_callback_module). If there was none, the machine ends
    /// with a [`BadAction`](super::BadAction).
    ///
    /// OTP: `pop_callback_module`.
    #[must_use = "the callbacks are popped only if the callback returns this"]
    fn pop_callback_module(self) -> Self
    where
        Self: EventActions<S>,
    {
        change(self, ModuleChange::Pop)
    }

    /// Postpones `event` until the state changes: the event that was to be handled, which is handed
    /// back. Then it is handled again, before all events that have not been handled yet, except
    /// those that the result which changes the state [inserts](Self::next_event).
    ///
    /// If this is called twice, the last one counts. This is for the results of
    /// [`handle_event`](GenStatem::handle_event) only; see [the chapter](super#postponing).
    ///
    /// OTP: `postpone`.
    #[inline]
    #[must_use = "the event is postponed only if the callback returns this"]
    fn postpone(mut self, event: S::Event) -> Self
    where
        Self: sealed::Postpones<S>,
    {
        self.set_postponed(event);
        self
    }
}

/// The results that take all [`Actions`], as bounds of functions that are generic: those of
/// [`handle_event`](GenStatem::handle_event) and [`init`](GenStatem::init).
#[diagnostic::on_unimplemented(
    message = "the result of `state_enter` cannot insert events or change the callbacks"
)]
pub trait EventActions<S: GenStatem>: Actions<S> {}

fn order<S: GenStatem, A: Actions<S>>(
    mut result: A,
    timeout: TimeoutType,
    what: What<S::Event>,
) -> A {
    if let Some(todo) = result.todo() {
        todo.more().plan.orders.give(timeout, what);
    }
    result
}

fn change<S: GenStatem, A: Actions<S>>(mut result: A, change: ModuleChange<S>) -> A {
    if let Some(todo) = result.todo() {
        todo.more().modules.push(change);
    }
    result
}

mod sealed {
    use super::{GenStatem, Todo};

    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed<S: GenStatem> {
        /// The actions, if the machine goes on.
        #[doc(hidden)]
        fn todo(&mut self) -> Option<&mut Todo<S>>;

        /// The actions, if they may be replies.
        #[doc(hidden)]
        fn replies(&mut self) -> Option<&mut Todo<S>> {
            self.todo()
        }
    }

    /// The result of a callback that got an event, which it may postpone.
    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    #[diagnostic::on_unimplemented(message = "only `handle_event` has got an event to postpone")]
    pub trait Postpones<S: GenStatem> {
        #[doc(hidden)]
        fn set_postponed(&mut self, event: S::Event);
    }
}

impl<S: GenStatem> sealed::Postpones<S> for Result<Transition<S>, ExitReason> {
    #[inline]
    fn set_postponed(&mut self, event: S::Event) {
        if let Ok(transition) = self {
            transition.postponed = Some(Guarded::new(event));
        }
    }
}

impl<S: GenStatem> sealed::Sealed<S> for Result<Transition<S>, ExitReason> {
    fn todo(&mut self) -> Option<&mut Todo<S>> {
        match self {
            Ok(Transition { to: Next::To(_), todo, .. }) => Some(todo),
            Ok(Transition { to: Next::Stop(_), .. }) | Err(_) => None,
        }
    }

    #[inline]
    fn replies(&mut self) -> Option<&mut Todo<S>> {
        self.as_mut().ok().map(|transition| &mut transition.todo)
    }
}

impl<S: GenStatem> sealed::Sealed<S> for Result<Entered<S>, ExitReason> {
    fn todo(&mut self) -> Option<&mut Todo<S>> {
        self.as_mut().ok().map(|entered| &mut entered.todo)
    }
}

impl<S: GenStatem> sealed::Sealed<S> for Result<Init<S>, ExitReason> {
    fn todo(&mut self) -> Option<&mut Todo<S>> {
        match self {
            Ok(Init { outcome: Outcome::Started(_), todo }) => Some(todo),
            Ok(Init { outcome: Outcome::Ignore | Outcome::Error(_), .. }) | Err(_) => None,
        }
    }
}

impl<S: GenStatem> Actions<S> for Result<Transition<S>, ExitReason> {}
impl<S: GenStatem> Actions<S> for Result<Entered<S>, ExitReason> {}
impl<S: GenStatem> Actions<S> for Result<Init<S>, ExitReason> {}
impl<S: GenStatem> EventActions<S> for Result<Transition<S>, ExitReason> {}
impl<S: GenStatem> EventActions<S> for Result<Init<S>, ExitReason> {}
