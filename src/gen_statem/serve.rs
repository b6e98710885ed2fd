//! The loop of a running state machine.

use std::any::type_name;
use std::fmt;
use std::ops::ControlFlow;

use crate::call::Client;
use crate::exit::ExitReason;
use crate::gen_server::Settings;
use crate::id::{Alias, Pid, TimerRef};
use crate::message::{Exit, Message, Timeout};
use crate::process;
use crate::process::receive::Senders;
use crate::process::{exit, receive};
use crate::report;
use crate::report::{Kind, MachineStatus};
use crate::sys;
use crate::sys::{DebugOptions, Event, Incoming, OldVersion, System, exit_of};
use crate::timer;
use crate::user_code::{drop_caught, printed, printed_up_to};

use super::diagram::Check;
use super::engine::{Change, Engine, Item, To};
use super::event_type::{EventType, TimeoutType};
use super::modules::Modules;
use super::state_and_data::StateAndData;
use super::timeouts::{Orders, Time, Timers};
use super::transition::{Entered, Next, Todo, Transition};
use super::{GenStatem, StatusPart, warn_of_unhandled};

/// How many bytes of an event reports and traces show.
pub(super) const SHOWN: usize = 1000;

/// A running state machine: what the loop carries from one event to the next.
pub(crate) struct Machine<S: GenStatem> {
    pub(super) engine: Engine<S::State, S, S::Event>,
    modules: Modules<S>,
    /// Why the machine ends, if it does.
    stop: Option<ExitReason>,
    pub(super) settings: Settings,
    pub(super) handled: Handled,
    /// Compares what happens with what is declared, in builds that do.
    check: Option<Box<Check>>,
    clock: Clock,
}

/// What an error report will say of the event being handled, which the callback consumes.
#[derive(Default)]
pub(super) struct Handled {
    pub(super) text: Option<String>,
    /// The type of the event, or of what has ended the machine in the place of one.
    pub(super) type_name: Option<&'static str>,
    pub(super) client: Option<Pid>,
    is_cast: bool,
}

impl Handled {
    /// What is no event, or not yet.
    fn other(text: Option<String>, type_name: &'static str) -> Handled {
        Handled { text, type_name: Some(type_name), ..Handled::default() }
    }
}

/// The timers of a machine, whose messages need no room in its mailbox.
#[derive(Default)]
struct Clock {
    /// Where they are sent. It is made for the first one.
    alias: Option<Alias>,
}

/// The message of a machine's timers: this timeout may be over.
#[derive(Debug)]
struct Fired(TimeoutType);

impl Timers for Clock {
    fn start(&mut self, timeout: &TimeoutType, time: Time) -> TimerRef {
        let alias = *self.alias.get_or_insert_with(process::alias);
        let fired = Fired(timeout.clone());
        match time {
            Time::In(duration) => timer::start_timer(duration, alias, fired),
            Time::At(deadline) => timer::start_timer_at(deadline, alias, fired),
        }
    }

    fn cancel(&mut self, timer: TimerRef) {
        timer::cancel(timer);
    }
}

impl<S: GenStatem> Machine<S> {
    pub(super) fn new(
        current: StateAndData<S::State, S>,
        settings: Settings,
        check: Option<Box<Check>>,
    ) -> Machine<S> {
        Machine {
            engine: Engine::new(current),
            modules: Modules::own(),
            stop: None,
            settings,
            handled: Handled::default(),
            check,
            clock: Clock::default(),
        }
    }

    /// Runs the machine, which starts with the actions of `init`, to its end.
    pub(super) fn run(self, first: Todo<S>) -> ExitReason {
        exit::end_with(
            (self, Some(first)),
            |(machine, first)| machine.serve(first.take()),
            |(machine, _)| machine.drop_each(),
        )
    }

    /// Drops all that the machine has, each by itself: one panic must not meet another.
    fn drop_each(self) {
        let Machine { engine, settings, stop, .. } = self;
        let Engine { current: StateAndData { state, data }, .. } = engine;
        drop_caught(state);
        drop_caught(data);
        drop_caught(settings);
        drop_caught(stop);
    }

    /// Serves until a callback ends the machine, by its result or by a panic.
    fn serve(&mut self, first: Option<Todo<S>>) -> ExitReason {
        // One `catch` for all events. An exit signal's unwinding passes through it.
        let stop = process::catch(|| {
            if let Some(mut first) = first {
                if let Some(check) = &self.check {
                    let StateAndData { state, data } = &self.engine.current;
                    check.begins(state, &StatePart { state, data });
                }
                self.go_to(To::Repeat, None, &mut first, None);
            }
            loop {
                match self.stop.take() {
                    Some(reason) => break reason,
                    None => self.handle_next(),
                }
            }
        });
        self.terminate(stop.unwrap_or_else(|reason| reason))
    }

    /// Handles the next event that is known, or waits for a message.
    #[inline]
    fn handle_next(&mut self) {
        if self.engine.waits_for_message() {
            return self.handle_message();
        }
        // Between events that need no message, too, the machine can be ended.
        process::checkpoint();
        if let Some(Item { kind, client, event }) = self.engine.next_queued() {
            self.handle(&kind, client, event.into_inner());
        } else if let Some(item) = self.engine.next_zero() {
            self.handle_timeout(item);
        }
    }

    fn handle_message(&mut self) {
        if self.engine.hibernates() {
            process::hibernate();
            return receive::next(Senders::Unknown, |message| self.take(message));
        }
        if let Some(idle_time) = self.settings.hibernate_after {
            if receive::next_within(idle_time, |it| self.take(it)).is_some() {
                return;
            }
            process::hibernate();
        }
        let senders = if self.handled.is_cast { Senders::GoOn } else { Senders::Unknown };
        receive::next(senders, |message| self.take(message));
    }

    #[inline]
    fn take(&mut self, message: &mut Message) {
        if let Some(request) = message.as_request() {
            request.dispatch(self, type_name::<S>());
        } else if message.is::<sys::Request>() {
            self.handle_system_message(message.take());
        } else if let Some(fired) = message.downcast_ref::<Timeout<Fired>>() {
            // It may have come before the timeout was cancelled or started anew.
            if let Some(item) = self.engine.fire(&fired.value.0, fired.timer) {
                self.handle_timeout(item);
            }
        } else if let Some(exit) = exit_of(self.settings.parent, message) {
            let text = report::is_expected(Kind::Statem).then(|| printed_up_to(SHOWN, exit));
            self.handled = Handled::other(text, type_name::<Exit>());
            self.stop = Some(exit.reason.clone());
        } else {
            self.handle_info(message.take());
        }
    }

    fn handle_info(&mut self, message: Message) {
        let text = report::is_expected(Kind::Statem).then(|| printed_up_to(SHOWN, &message));
        self.handled = Handled::other(text, message.type_name());
        match S::info(message) {
            Ok(event) => self.receive(&EventType::Info, None, event),
            Err(message) => warn_of_unhandled::<S>(message),
        }
    }

    fn handle_timeout(&mut self, Item { kind, client, event }: Item<S::Event>) {
        self.receive(&kind, client, event.into_inner());
    }

    /// Handles an event that has just come.
    ///
    /// Its kind is lent: to move what was written just before takes longer than to write it anew.
    #[inline]
    pub(super) fn receive(&mut self, kind: &EventType, client: Option<Client>, event: S::Event) {
        if self.is_debugged() {
            self.show_in(kind, &event);
        }
        self.handle(kind, client, event);
    }

    /// Handles an event: a new one, or one that was inserted or postponed.
    #[inline]
    fn handle(&mut self, kind: &EventType, client: Option<Client>, event: S::Event) {
        self.note(kind, &event);
        if let Some(check) = &mut self.check {
            let shown = Part(&self.engine.current, StatusPart::Event(&event));
            check.note(&event, &shown);
        }
        let shown = if self.is_debugged() { Some(self.print_event(kind, &event)) } else { None };
        let current = &mut self.engine.current;
        let mut result = match self.modules.current() {
            None => current.data.handle_event(kind.clone(), event, &current.state),
            Some(callbacks) => {
                callbacks.handle_event(&mut current.data, kind.clone(), event, &current.state)
            }
        };
        match result {
            // The actions stay where the callback has put them: that they are moved costs more.
            Ok(Transition { to: Next::To(to), postponed, ref mut todo }) => {
                if let Some(client) = client
                    && postponed.is_none()
                    && !todo.has_answered(client)
                {
                    // Whoever has the place where the reply goes may answer now.
                    client.clear_edge();
                }
                let item = |event| Item { kind: kind.clone(), client, event };
                self.go_to(to, postponed.map(item), todo, shown.as_deref());
            }
            Ok(Transition { to: Next::Stop(reason), todo, .. }) => {
                if shown.is_some() {
                    self.show_replies(&todo);
                }
                self.stop = Some(reason);
            }
            Err(reason) => self.stop = Some(reason),
        }
    }

    /// Carries out a transition, of the event that is `shown` if the machine is debugged.
    #[inline]
    fn go_to(
        &mut self,
        to: To<S::State>,
        postponed: Option<Item<S::Event>>,
        todo: &mut Todo<S>,
        shown: Option<&str>,
    ) {
        if self.is_debugged() {
            self.show_actions(todo);
        }
        let change = self.engine.change_state(to);
        if todo.more.is_some() && !self.change_modules(todo) {
            return;
        }
        if let Change::From(old_state) = &change
            && let Some(check) = &mut self.check
        {
            let StateAndData { state, data } = &self.engine.current;
            let [from, to] = [old_state.get(), state].map(|state| StatePart { state, data });
            check.changed([old_state.get(), &from], [state, &to]);
        }
        if change != Change::No
            && let Err(reason) = self.enter(&change, todo)
        {
            self.stop = Some(reason);
            return;
        }
        if let Some(shown) = shown {
            self.show_transition(shown, &change, postponed.is_some());
        }
        let has_changed = matches!(change, Change::From(_));
        self.engine.settle(has_changed, postponed, &mut self.clock);
        if let Some(more) = todo.more.take() {
            if self.is_debugged() {
                self.show_starts(&more.plan.orders);
            }
            self.engine.follow(more.plan, &mut self.clock);
        }
    }

    /// Changes the callbacks; returns `false` if that cannot be done, and the machine ends.
    fn change_modules(&mut self, todo: &mut Todo<S>) -> bool {
        for change in todo.more().modules.drain(..) {
            if let Err(bad) = self.modules.change(change) {
                self.stop = Some(bad.into());
                return false;
            }
        }
        true
    }

    /// Lets the program enter the present state, and adds the actions of that to `todo`.
    fn enter(&mut self, change: &Change<S::State>, todo: &mut Todo<S>) -> Result<(), ExitReason> {
        loop {
            if self.is_debugged() {
                self.show_entering();
            }
            let StateAndData { state, data } = &mut self.engine.current;
            let old_state = match change {
                Change::From(old_state) => old_state.get(),
                Change::No | Change::Repeated => state,
            };
            let entered = match self.modules.current() {
                None => data.state_enter(old_state, state),
                Some(callbacks) => callbacks.state_enter(data, old_state, state),
            };
            let Entered { again, todo: more } = entered?;
            if self.is_debugged() {
                self.show_replies(&more);
            }
            todo.add(more);
            if !again {
                return Ok(());
            }
            // A machine that repeats this for ever can be ended.
            process::checkpoint();
        }
    }

    /// Handles a system message; the machine then waits again for what it was waiting for.
    #[cold]
    #[inline(never)] // Only machines that get system messages need its stack space.
    fn handle_system_message(&mut self, message: Message) {
        self.handled = Handled::default();
        let request = message.downcast().expect("it was looked at");
        if let ControlFlow::Break(reason) = sys::handle(request, self) {
            self.stop = Some(reason);
        }
    }

    /// Ends the machine.
    #[cold]
    #[inline(never)]
    fn terminate(&mut self, reason: ExitReason) -> ExitReason {
        let StateAndData { state, data } = &mut self.engine.current;
        let callbacks = self.modules.current();
        let terminated = process::catch(|| match callbacks {
            None => data.terminate(&reason, state),
            Some(callbacks) => callbacks.terminate(data, &reason, state),
        });
        let reason = match terminated {
            Ok(()) => reason,
            Err(worse) => worse,
        };
        if self.is_debugged() && reason.is_orderly() {
            self.show_end(&reason);
        }
        self.report(&reason);
        reason
    }

    /// Keeps what a report would say of the event that is handled next. It is printed only if
    /// reports are logged or handled: in a program without a logger, to which a report comes
    /// unexpected, each event would pay for it.
    #[inline]
    fn note(&mut self, kind: &EventType, event: &S::Event) {
        self.handled.type_name = Some(type_name::<S::Event>());
        self.handled.client = kind.client();
        self.handled.is_cast = matches!(kind, EventType::Cast);
        if report::is_expected(Kind::Statem) {
            self.handled.text = Some(self.print_event(kind, event));
        } else {
            self.handled.text = None;
        }
    }

    #[cold]
    #[inline(never)] // Its stack space is not needed by machines whose events nobody wants.
    pub(super) fn print_event(&self, kind: &EventType, event: &S::Event) -> String {
        format!("{kind} {}", printed_up_to(SHOWN, &self.part(StatusPart::Event(event))))
    }

    /// Returns a part of the status as `format_status` prints it.
    pub(super) fn part<'a>(&'a self, part: StatusPart<'a, S::Event>) -> Part<'a, S> {
        Part(&self.engine.current, part)
    }

    /// Returns the status of the machine, without its state and data.
    pub(super) fn status(&self) -> MachineStatus {
        let print = |(kind, event)| self.print_event(kind, event);
        MachineStatus {
            queue: self.engine.queue().map(print).collect(),
            postponed: self.engine.postponed().map(print).collect(),
            timeouts: self
                .engine
                .timeouts()
                .map(|(timeout, event)| self.print_event(&timeout.into(), event))
                .collect(),
        }
    }
}

/// What is shown of the machine while it is debugged.
impl<S: GenStatem> Machine<S> {
    /// Whether anybody wants to see the events.
    #[inline]
    fn is_debugged(&self) -> bool {
        self.settings.debug.is_on()
    }

    fn show(debug: &mut DebugOptions, current: &StateAndData<S::State, S>, event: &Event<'_>) {
        debug.handle(event, current);
    }

    #[cold]
    #[inline(never)]
    fn show_in(&mut self, kind: &EventType, event: &S::Event) {
        let current = &self.engine.current;
        let part = Part(current, StatusPart::Event(event));
        let message = Incoming::content(&part, event);
        let (from, kind) = (kind.client(), sys::Kind::from(kind));
        Self::show(&mut self.settings.debug, current, &Event::In { kind, message, from });
    }

    /// Shows the replies that a callback has sent, and the events that it inserts.
    #[cold]
    #[inline(never)]
    fn show_actions(&mut self, todo: &Todo<S>) {
        self.show_replies(todo);
        for Item { kind, event, .. } in todo.more.iter().flat_map(|more| &more.plan.next_events) {
            self.show_in(kind, event.get());
        }
    }

    #[cold]
    #[inline(never)]
    fn show_transition(&mut self, event: &str, change: &Change<S::State>, is_postponed: bool) {
        let current = &self.engine.current;
        let data = &current.data;
        let print = |state| printed_up_to(SHOWN, &StatePart { state, data });
        let next_state = print(&current.state);
        let state = match change {
            Change::From(old_state) => print(old_state.get()),
            Change::No | Change::Repeated => next_state.clone(),
        };
        let shown = if is_postponed {
            Event::Postponed { event, state: &state, next_state: &next_state }
        } else {
            Event::Consumed { event, state: &state, next_state: &next_state }
        };
        Self::show(&mut self.settings.debug, current, &shown);
    }

    #[cold]
    #[inline(never)]
    fn show_replies(&mut self, todo: &Todo<S>) {
        for &(client, reply) in &todo.replied {
            let event = Event::Out { reply, to: client.pid() };
            Self::show(&mut self.settings.debug, &self.engine.current, &event);
        }
    }

    #[cold]
    #[inline(never)]
    fn show_starts(&mut self, orders: &Orders<S::Event>) {
        for (timeout, time, event) in orders.starts() {
            let event = printed_up_to(SHOWN, &self.part(StatusPart::Event(event)));
            let timeout = timeout.to_string();
            let event = Event::TimerStarted { timeout: &timeout, time: &time, event: &event };
            Self::show(&mut self.settings.debug, &self.engine.current, &event);
        }
    }

    /// Shows an end that is not reported.
    fn show_end(&mut self, reason: &ExitReason) {
        let current = &self.engine.current;
        let state = &Part(current, StatusPart::State);
        Self::show(&mut self.settings.debug, current, &Event::Terminated { reason, state });
    }

    #[cold]
    #[inline(never)]
    fn show_entering(&mut self) {
        let current = &self.engine.current;
        let state = Part(current, StatusPart::State);
        Self::show(&mut self.settings.debug, current, &Event::Entered(&state));
    }
}

impl<S: GenStatem> System for Machine<S> {
    type State = StateAndData<S::State, S>;

    fn state(&mut self) -> &mut StateAndData<S::State, S> {
        &mut self.engine.current
    }

    fn debug(&mut self) -> &mut DebugOptions {
        &mut self.settings.debug
    }

    fn parent(&self) -> Option<Pid> {
        self.settings.parent
    }

    fn module(&self) -> &'static str {
        type_name::<S>()
    }

    fn machine(&mut self) -> Option<MachineStatus> {
        Some(self.status())
    }

    fn print(&mut self) -> String {
        let [state, data] = [StatusPart::State, StatusPart::Data].map(|it| printed(&self.part(it)));
        format!("({state}, {data})")
    }

    fn change_code(&mut self, old_version: &OldVersion, extra: Message) -> Result<(), ExitReason> {
        let StateAndData { state, data } = &mut self.engine.current;
        data.code_change(state, old_version, extra)
    }
}

/// Prints a part of a machine's status as its `format_status` wants it.
pub(super) struct Part<'a, S: GenStatem>(&'a StateAndData<S::State, S>, StatusPart<'a, S::Event>);

impl<S: GenStatem> fmt::Debug for Part<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StateAndData { state, data } = self.0;
        data.format_status(state, &self.1, f)
    }
}

/// Prints a state that the machine is not in yet.
struct StatePart<'a, S: GenStatem> {
    state: &'a S::State,
    data: &'a S,
}

impl<S: GenStatem> fmt::Debug for StatePart<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data.format_status(self.state, &StatusPart::State, f)
    }
}
