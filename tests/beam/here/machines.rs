//! State machines that do what their rules say, and what their clients do.

use std::sync::Arc;
use std::time::Duration;

use procession::prelude::*;
use procession::sys::SysError;

use super::perform::Performance;
use super::servers::{call_outcome, options, start_outcome};
use super::words::{self, reason_of};
use super::world::World;
use crate::script::Term;
use crate::support::machine_table::{
    Action, Event, Kind, Order, Outcome, Rule, State, Table, Time, Which,
};
use crate::support::table_machine::{Input, Machine, Observer};

/// The director, who is told.
struct Director {
    world: Arc<World>,
    index: String,
}

impl Observer for Director {
    fn begin(&self) {
        self.world.enter(&self.index);
        self.world.event("init".to_owned());
    }

    fn see(&self, callback: String) {
        self.world.event(callback);
    }

    fn other(&self, message: &Message) {
        self.world.event(format!("info {}", words::message(&self.world, message)));
    }

    fn word(&self, reason: &ExitReason) -> String {
        words::reason(reason)
    }

    fn reason(&self, word: &str) -> ExitReason {
        reason_of(word)
    }
}

/// Does what a client of a machine does.
pub(crate) fn perform(it: &Performance<'_>, name: &str) -> Option<String> {
    if name == "start_machine" {
        return start(it);
    }
    let machine = StatemRef::<Machine>::at(it.destination(0)?);
    let event = || event_of(it.word(1));
    Some(match name {
        "machine_call" => {
            let reply = machine.call(|client| Input::Call(event(), client));
            call_outcome(reply.map(|value| value.to_string()))
        }
        "machine_cast" => {
            machine.cast(Input::Event(event()));
            "ok".to_owned()
        }
        "machine_tell" => {
            process::send(it.pid(0)?, event());
            "ok".to_owned()
        }
        _ => {
            let state =
                machine.sys().timeout(Duration::MAX).get_state(|it| (it.state, it.data.fuel));
            match state {
                Ok((state, fuel)) => format!("state {state} {fuel}"),
                Err(SysError::Call(error)) => format!("failed {}", words::call_error(&error)),
                Err(error) => format!("?{error:?}"),
            }
        }
    })
}

fn start(it: &Performance<'_>) -> Option<String> {
    let table = Arc::new(table_of(&it.rest(3)));
    let observer = Director { world: Arc::clone(it.world), index: it.word(0).to_owned() };
    let arguments = (table, Arc::new(observer) as Arc<dyn Observer>);
    let options = options(it.word(2));
    let outcome = match it.word(1) {
        "nolink" => Machine::start_with(arguments, options),
        "link" => Machine::start_link_with(arguments, options),
        _ => Machine::start_monitor_with(arguments, options).map(|(machine, monitor)| {
            it.world.keep_monitor(it.arguments[1].list()[1].word(), monitor);
            machine
        }),
    };
    Some(start_outcome(it.world, outcome.map(|machine| machine.pid())))
}

/// Reads rules.
fn table_of(rules: &[Term]) -> Table {
    let mut table = Table::default();
    for rule in rules {
        match rule.list() {
            [name, actions @ ..] if name.word() == "init" => {
                table.init.extend(actions.iter().map(action_of));
            }
            [name, state, event, outcome, actions @ ..] if name.word() == "on" => {
                let key = (state_of(state.word()), event_of(event.word()));
                table.handle.insert(key, rule_of(outcome, actions));
            }
            [_, state, outcome, actions @ ..] => {
                table.enter.insert(state_of(state.word()), rule_of(outcome, actions));
            }
            _ => panic!("no rule: {rule}"),
        }
    }
    table
}

fn rule_of(outcome: &Term, actions: &[Term]) -> Rule {
    Rule { outcome: outcome_of(outcome), actions: actions.iter().map(action_of).collect() }
}

fn outcome_of(outcome: &Term) -> Outcome {
    let words: Vec<&str> = outcome.list().iter().map(Term::word).collect();
    match (outcome.word(), words.as_slice()) {
        ("keep", _) => Outcome::Keep,
        ("repeat", _) => Outcome::Repeat,
        ("crash", _) => Outcome::Crash,
        (_, ["next", state]) => Outcome::Next(state_of(state)),
        (_, ["stop", reason]) => Outcome::Stop(static_reason(reason)),
        (_, ["stop_and_reply", reason, value]) => {
            Outcome::StopAndReply(static_reason(reason), number(value))
        }
        _ => panic!("no outcome: {outcome}"),
    }
}

fn action_of(action: &Term) -> Action {
    let words: Vec<&str> = action.list().iter().map(Term::word).collect();
    match *words.as_slice() {
        ["postpone"] => Action::Postpone,
        ["hibernate"] => Action::Hibernate,
        ["next_event", kind, event] => Action::NextEvent(kind_of(kind), event_of(event)),
        ["pass_on", event] => Action::PassOn(event_of(event)),
        ["reply", value] => Action::Reply(number(value)),
        ["keep"] => Action::Keep,
        ["reply_kept", value] => Action::ReplyKept(number(value)),
        ["timeout", which, time, event] => {
            Action::Timeout(which_of(which), Order::Start(time_of(time), event_of(event)))
        }
        ["cancel", which] => Action::Timeout(which_of(which), Order::Cancel),
        ["update", which, event] => {
            Action::Timeout(which_of(which), Order::Update(event_of(event)))
        }
        _ => panic!("no action: {action}"),
    }
}

fn number<N: std::str::FromStr>(word: &str) -> N {
    word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

fn event_of(word: &str) -> Event {
    Event(number(word.trim_start_matches('e')))
}

fn state_of(word: &str) -> State {
    word.chars().next().expect("a state is a letter")
}

fn static_reason(word: &str) -> &'static str {
    ["normal", "shutdown", "oops"].into_iter().find(|it| *it == word).expect("it is one of these")
}

fn which_of(word: &str) -> Which {
    match word {
        "event" => Which::Event,
        "state" => Which::State,
        _ => Which::Named(number(word.trim_start_matches('n'))),
    }
}

fn time_of(word: &str) -> Time {
    match word {
        "zero" => Time::Zero,
        "soon" => Time::Soon,
        "late" => Time::Late,
        _ => Time::Infinity,
    }
}

fn kind_of(word: &str) -> Kind {
    match word {
        "cast" => Kind::Cast,
        "info" => Kind::Info,
        "internal" => Kind::Internal,
        _ => Kind::Timeout(which_of(word)),
    }
}
