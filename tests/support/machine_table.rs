//! State machines as tables: what one does is written down for each of its states and events, in a
//! form that other programs can run, too.
//!
//! A machine has so much fuel: each callback takes one, and when none is left it does nothing any
//! more. So each comes to rest, whatever its table says.

use std::collections::BTreeMap;
use std::fmt;

use super::dice::Dice;

/// A state: a letter.
pub(crate) type State = char;

pub(crate) const STATES: [State; 3] = ['a', 'b', 'c'];

/// The number of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event(pub(crate) u8);

/// How many events there are that come in any way.
pub(crate) const EVENTS: u8 = 6;

/// The event that may start timers that expire. It comes from outside only, and is never postponed:
/// it is known when they are started.
pub(crate) const STARTER: Event = Event(EVENTS);

/// How many callbacks of a machine do something.
pub(crate) const FUEL: u32 = 40;

/// One of the timeouts of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    Event,
    State,
    Named(u8),
}

/// A time that passes until a timeout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Time {
    Zero,
    /// A millisecond.
    Soon,
    /// An hour.
    Late,
    Infinity,
}

/// How an event has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Call,
    Cast,
    Info,
    Internal,
    Timeout(Which),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    Postpone,
    Hibernate,
    NextEvent(Kind, Event),
    /// Inserts another event in the name of the client.
    PassOn(Event),
    /// Replies to the client, if the event is a call.
    Reply(u32),
    /// Keeps the client, to reply to it later.
    Keep,
    /// Replies to the client that is kept longest.
    ReplyKept(u32),
    Timeout(Which, Order),
}

/// What is to become of a timeout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    Start(Time, Event),
    Cancel,
    Update(Event),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Keep,
    Repeat,
    Next(State),
    Stop(&'static str),
    /// With a reply to the client, if the event is a call.
    StopAndReply(&'static str, u32),
    Crash,
}

/// What a callback does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) outcome: Outcome,
    pub(crate) actions: Vec<Action>,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule { outcome: Outcome::Keep, actions: Vec::new() }
    }
}

/// A whole machine. What has no rule is handled without effect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// What `init` does beyond choosing the first state, `a`.
    pub(crate) init: Vec<Action>,
    pub(crate) handle: BTreeMap<(State, Event), Rule>,
    pub(crate) enter: BTreeMap<State, Rule>,
}

impl Table {
    /// Returns what the machine does with an event in a state.
    pub(crate) fn on_event(&self, fuel: &mut u32, state: State, event: Event) -> Rule {
        if take(fuel) { self.handle.get(&(state, event)).cloned() } else { None }
            .unwrap_or_default()
    }

    /// Returns what the machine does as it enters a state.
    pub(crate) fn on_enter(&self, fuel: &mut u32, state: State) -> Rule {
        if take(fuel) { self.enter.get(&state).cloned() } else { None }.unwrap_or_default()
    }
}

fn take(fuel: &mut u32) -> bool {
    let left = fuel.checked_sub(1);
    *fuel = left.unwrap_or(0);
    left.is_some()
}

/// In the words of a script: one list for what `init` does, and one for each rule.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "( init {})", list(&self.init))?;
        for ((state, event), Rule { outcome, actions }) in &self.handle {
            write!(f, " ( on {state} {event} {outcome} {})", list(actions))?;
        }
        for (state, Rule { outcome, actions }) in &self.enter {
            write!(f, " ( enter {state} {outcome} {})", list(actions))?;
        }
        Ok(())
    }
}

fn list(actions: &[Action]) -> String {
    actions.iter().map(|action| format!("( {action} ) ")).collect()
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Event => f.write_str("event"),
            Which::State => f.write_str("state"),
            Which::Named(name) => write!(f, "n{name}"),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Time::Zero => "zero",
            Time::Soon => "soon",
            Time::Late => "late",
            Time::Infinity => "infinity",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Call => f.write_str("call"),
            Kind::Cast => f.write_str("cast"),
            Kind::Info => f.write_str("info"),
            Kind::Internal => f.write_str("internal"),
            Kind::Timeout(which) => which.fmt(f),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Postpone => f.write_str("postpone"),
            Action::Hibernate => f.write_str("hibernate"),
            Action::NextEvent(kind, event) => write!(f, "next_event {kind} {event}"),
            Action::PassOn(event) => write!(f, "pass_on {event}"),
            Action::Reply(value) => write!(f, "reply {value}"),
            Action::Keep => f.write_str("keep"),
            Action::ReplyKept(value) => write!(f, "reply_kept {value}"),
            Action::Timeout(which, Order::Start(time, event)) => {
                write!(f, "timeout {which} {time} {event}")
            }
            Action::Timeout(which, Order::Cancel) => write!(f, "cancel {which}"),
            Action::Timeout(which, Order::Update(event)) => write!(f, "update {which} {event}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Keep => f.write_str("keep"),
            Outcome::Repeat => f.write_str("repeat"),
            Outcome::Next(state) => write!(f, "( next {state} )"),
            Outcome::Stop(reason) => write!(f, "( stop {reason} )"),
            Outcome::StopAndReply(reason, value) => {
                write!(f, "( stop_and_reply {reason} {value} )")
            }
            Outcome::Crash => f.write_str("crash"),
        }
    }
}

/// A machine at random.
pub(crate) fn table(dice: &mut Dice) -> Table {
    let mut table = Table::default();
    if dice.happens(40) {
        table.init = actions(dice, Place::Init);
    }
    for state in STATES {
        for event in (0..EVENTS).map(Event) {
            if dice.happens(80) {
                table.handle.insert((state, event), rule(dice, Place::Handler));
            }
        }
        if dice.happens(50) {
            table.enter.insert(state, rule(dice, Place::Enter));
        }
    }
    table
}

/// A machine at random that starts timers that expire, one at a time.
pub(crate) fn table_with_starter(dice: &mut Dice) -> Table {
    let mut table = table(dice);
    let which = which(dice);
    // Else OTP takes this timeout for one of zero, if it was one when it was started with a time,
    // and then its timer is none of the machine's.
    let rules = table.handle.values_mut().chain(table.enter.values_mut());
    for action in rules.flat_map(|rule| &mut rule.actions).chain(&mut table.init) {
        if let Action::Timeout(it, Order::Start(time @ Time::Late, _)) = action
            && *it == which
        {
            *time = Time::Infinity;
        }
    }
    for state in STATES {
        let mut rule = rule(dice, Place::Starter);
        rule.actions.retain(|it| !matches!(it, Action::Timeout(other, _) if *other == which));
        if matches!(rule.outcome, Outcome::Keep | Outcome::Repeat | Outcome::Next(_)) {
            rule.actions.push(Action::Timeout(which, Order::Start(Time::Soon, event(dice))));
        }
        table.handle.insert((state, STARTER), rule);
    }
    table
}

/// The callbacks, which may do more or less.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Init,
    Handler,
    /// The handler of [`STARTER`].
    Starter,
    Enter,
}

fn rule(dice: &mut Dice, place: Place) -> Rule {
    let outcome = outcome(dice, place);
    let actions = match outcome {
        Outcome::Keep | Outcome::Repeat | Outcome::Next(_) => actions(dice, place),
        Outcome::Stop(_) | Outcome::StopAndReply(..) | Outcome::Crash => Vec::new(),
    };
    Rule { outcome, actions }
}

fn outcome(dice: &mut Dice, place: Place) -> Outcome {
    let reason = ["normal", "shutdown", "oops"][dice.below(3)];
    match (dice.below(100), place) {
        (0, _) => Outcome::Stop(reason),
        (1, Place::Handler) => Outcome::StopAndReply(reason, value(dice)),
        (2, _) => Outcome::Crash,
        (3..15, _) => Outcome::Repeat,
        (15..60, Place::Handler | Place::Starter) => {
            Outcome::Next(STATES[dice.below(STATES.len())])
        }
        _ => Outcome::Keep,
    }
}

fn actions(dice: &mut Dice, place: Place) -> Vec<Action> {
    let mut actions = Vec::new();
    if place == Place::Handler {
        // What becomes of the event: at most one of these.
        match dice.below(10) {
            0..3 => actions.push(Action::Postpone),
            3 | 4 => actions.push(Action::Reply(value(dice))),
            5 => actions.push(Action::Keep),
            6 => actions.push(Action::PassOn(event(dice))),
            _ => {}
        }
    }
    for _ in 0..[0, 0, 1, 1, 2, 3][dice.below(6)] {
        let action = match dice.below(16) {
            0 => Action::Hibernate,
            1 | 2 => Action::ReplyKept(value(dice)),
            3..7 if place != Place::Enter => Action::NextEvent(kind(dice), event(dice)),
            7..12 => Action::Timeout(which(dice), Order::Start(time(dice), event(dice))),
            12 => Action::Timeout(which(dice), Order::Cancel),
            13 | 14 => Action::Timeout(which(dice), Order::Update(event(dice))),
            _ => continue,
        };
        actions.push(action);
    }
    actions
}

fn value(dice: &mut Dice) -> u32 {
    dice.below(100) as u32
}

fn event(dice: &mut Dice) -> Event {
    Event(dice.below(EVENTS.into()) as u8)
}

fn which(dice: &mut Dice) -> Which {
    [Which::Event, Which::State, Which::State, Which::Named(1), Which::Named(2)][dice.below(5)]
}

fn time(dice: &mut Dice) -> Time {
    [Time::Zero, Time::Zero, Time::Zero, Time::Late, Time::Infinity][dice.below(5)]
}

fn kind(dice: &mut Dice) -> Kind {
    match dice.below(8) {
        0 => Kind::Cast,
        1 => Kind::Info,
        2 | 3 => Kind::Timeout(which(dice)),
        _ => Kind::Internal,
    }
}
