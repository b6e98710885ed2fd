//! A state machine that does what its [table](super::machine_table) says.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use procession::gen_statem::{
    Actions, EnterResult, EventActions, EventType, GenStatem, InitResult, StateResult, TimeoutType,
    enter_again, entered, keep_state, next_state, repeat_state, started, stop, stop_and_reply,
};
use procession::prelude::{ExitReason, Message, ReplyTo};

use super::machine_table::{
    Action, Event, FUEL, Kind, Order, Outcome, Rule, STATES, State, Table, Time, Which,
};

/// Who sees what the machine does.
pub(crate) trait Observer: Send + Sync + 'static {
    /// `init` begins.
    fn begin(&self) {}

    /// A callback is called, with this.
    fn see(&self, callback: String);

    /// A message has come that is no event.
    fn other(&self, message: &Message) {
        self.see(format!("other {message:?}"));
    }

    /// Returns the word for the reason, and the reason.
    fn word(&self, reason: &ExitReason) -> String;
    fn reason(&self, word: &str) -> ExitReason;
}

pub(crate) struct Machine {
    table: Arc<Table>,
    observer: Arc<dyn Observer>,
    pub(crate) fuel: u32,
    kept: VecDeque<ReplyTo<u32>>,
}

/// An event of the machine.
#[derive(Debug)]
pub(crate) enum Input {
    Event(Event),
    Call(Event, ReplyTo<u32>),
    Other(Message),
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine with {}", self.fuel)
    }
}

impl GenStatem for Machine {
    type Args = (Arc<Table>, Arc<dyn Observer>);
    type State = State;
    type Event = Input;

    fn init((table, observer): Self::Args) -> InitResult<Machine> {
        observer.begin();
        let init = table.init.clone();
        let machine = Machine { table, observer, fuel: FUEL, kept: VecDeque::new() };
        let start = started(STATES[0], machine);
        init.iter().fold(start, |start, action| with_event_action(start, None, action))
    }

    fn info(message: Message) -> Result<Input, Message> {
        Ok(match message.downcast() {
            Ok(event) => Input::Event(event),
            Err(message) => Input::Other(message),
        })
    }

    fn handle_event(
        &mut self,
        kind: EventType,
        input: Input,
        state: &State,
    ) -> StateResult<Machine> {
        let (event, client) = match input {
            Input::Event(event) => (event, None),
            Input::Call(event, client) => (event, Some(client)),
            Input::Other(message) => {
                self.observer.other(&message);
                return keep_state();
            }
        };
        self.observer.see(format!("{state} {} {event}", word_of(&kind)));
        let Rule { outcome, actions } = self.table.on_event(&mut self.fuel, *state, event);
        let result = match outcome {
            Outcome::Keep => keep_state(),
            Outcome::Repeat => repeat_state(),
            Outcome::Next(state) => next_state(state),
            Outcome::Stop(reason) => return stop(self.observer.reason(reason)),
            Outcome::StopAndReply(reason, value) => {
                let result = stop_and_reply(self.observer.reason(reason));
                return with_reply(result, client, value);
            }
            Outcome::Crash => panic!("boom"),
        };
        actions.iter().fold(result, |result, action| match action {
            Action::Postpone => result.postpone(
                client.map_or_else(|| Input::Event(event), |client| Input::Call(event, client)),
            ),
            Action::Keep => {
                self.kept.extend(client);
                result
            }
            Action::Reply(value) => with_reply(result, client, *value),
            Action::ReplyKept(value) => with_reply(result, self.kept.pop_front(), *value),
            Action::Hibernate | Action::NextEvent(..) | Action::PassOn(_) | Action::Timeout(..) => {
                with_event_action(result, client, action)
            }
        })
    }

    fn state_enter(&mut self, old: &State, state: &State) -> EnterResult<Machine> {
        self.observer.see(format!("enter {old} {state}"));
        let Rule { outcome, actions } = self.table.on_enter(&mut self.fuel, *state);
        let result = match outcome {
            Outcome::Keep | Outcome::Next(_) => entered(),
            Outcome::Repeat => enter_again(),
            Outcome::Stop(reason) | Outcome::StopAndReply(reason, _) => {
                return stop(self.observer.reason(reason));
            }
            Outcome::Crash => panic!("boom"),
        };
        actions.iter().fold(result, |result, action| {
            if let Action::ReplyKept(value) = action {
                with_reply(result, self.kept.pop_front(), *value)
            } else {
                with_action(result, action)
            }
        })
    }

    fn terminate(&mut self, reason: &ExitReason, state: &State) {
        self.observer.see(format!("terminate {} {state}", self.observer.word(reason)));
    }
}

fn with_reply<R: Actions<Machine>>(result: R, client: Option<ReplyTo<u32>>, value: u32) -> R {
    match client {
        Some(client) => result.reply(client, value),
        None => result,
    }
}

/// With what any callback may ask for.
fn with_action<R: Actions<Machine>>(result: R, action: &Action) -> R {
    match *action {
        Action::Hibernate => result.hibernate(),
        Action::Timeout(which, Order::Start(time, event)) => {
            let (time, event) = (duration(time), Input::Event(event));
            match which {
                Which::Event => result.timeout(time, event),
                Which::State => result.state_timeout(time, event),
                Which::Named(name) => result.generic_timeout(format!("n{name}"), time, event),
            }
        }
        Action::Timeout(which, Order::Cancel) => result.cancel(timeout_type(which)),
        Action::Timeout(which, Order::Update(event)) => {
            result.update(timeout_type(which), Input::Event(event))
        }
        Action::Postpone
        | Action::NextEvent(..)
        | Action::PassOn(_)
        | Action::Reply(_)
        | Action::Keep
        | Action::ReplyKept(_) => result,
    }
}

/// With what `init` and handlers of events may ask for.
fn with_event_action<R: EventActions<Machine>>(
    result: R,
    client: Option<ReplyTo<u32>>,
    action: &Action,
) -> R {
    match (*action, client) {
        (Action::NextEvent(kind, event), _) => {
            result.next_event(event_type(kind), Input::Event(event))
        }
        (Action::PassOn(event), Some(client)) => {
            result.next_event(EventType::Call(client.pid()), Input::Call(event, client))
        }
        (_, _) => with_action(result, action),
    }
}

fn duration(time: Time) -> Duration {
    match time {
        Time::Zero => Duration::ZERO,
        Time::Soon => Duration::from_millis(1),
        Time::Late => Duration::from_secs(3600),
        Time::Infinity => Duration::MAX,
    }
}

fn timeout_type(which: Which) -> TimeoutType {
    match which {
        Which::Event => TimeoutType::Event,
        Which::State => TimeoutType::State,
        Which::Named(name) => TimeoutType::Generic(format!("n{name}").into()),
    }
}

fn event_type(kind: Kind) -> EventType {
    match kind {
        Kind::Cast => EventType::Cast,
        Kind::Info => EventType::Info,
        Kind::Internal => EventType::Internal,
        Kind::Timeout(which) => timeout_type(which).into(),
        Kind::Call => unreachable!("calls are passed on with their client"),
    }
}

fn word_of(kind: &EventType) -> String {
    match kind {
        EventType::Call(_) => "call".to_owned(),
        EventType::Cast => "cast".to_owned(),
        EventType::Info => "info".to_owned(),
        EventType::Internal => "internal".to_owned(),
        EventType::EventTimeout => "event".to_owned(),
        EventType::StateTimeout => "state".to_owned(),
        EventType::GenericTimeout(name) => name.to_string(),
    }
}
